-- Prices of the seats that lock_prices has locked. By a range, not by their ids: a plan for a house that
-- was just made knows nothing of its size, and would compare each seat with each.
-- $1 event, $2 sections, $3 their prices, $4 the last seat before, $5 the last of them.
UPDATE seats AS s
SET price_minor = price.minor
FROM (SELECT unnest($2::text[]) AS section, unnest($3::bigint[]) AS minor) AS price
WHERE s.event_id = $1 AND s.seat_id > $4 AND s.seat_id <= $5
  AND s.section = price.section AND s.price_minor <> price.minor
