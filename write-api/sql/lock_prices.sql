-- Locks the next so many seats of sections whose prices change, in the order in which workers lock
-- seats; answers the last of them, and how many they are. $1 event, $2 sections, $3 their prices,
-- $4 the last seat before, $5 how many at most.
SELECT max(seat_id), count(*)
FROM (SELECT s.seat_id
      FROM seats AS s
      JOIN (SELECT unnest($2::text[]) AS section, unnest($3::bigint[]) AS minor) AS price
          USING (section)
      WHERE s.event_id = $1 AND s.seat_id > $4 AND s.price_minor <> price.minor
      ORDER BY s.event_id, s.seat_id
      LIMIT $5::integer
      FOR NO KEY UPDATE OF s) AS locked
