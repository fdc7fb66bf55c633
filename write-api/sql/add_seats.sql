-- The seats of a new event. $1 event; per row: $2 its section, from 1, $3 its name, $4 what its
-- seats' ids begin with, $5 the position of its first seat; per section: $6 name, $7 seats of a
-- row, $8 price.
INSERT INTO seats (event_id, seat_id, position, section, row_name, number, price_minor)
SELECT $1, r.stem || n, r.first + n - 1, r.name, r.row_name, n, r.price
FROM (SELECT row_name, stem, first, ($6::text[])[section] AS name,
             ($7::integer[])[section] AS seats, ($8::bigint[])[section] AS price
      FROM unnest($2::integer[], $3::text[], $4::text[], $5::integer[])
               AS u (section, row_name, stem, first)) AS r,
     generate_series(1, r.seats) AS n
