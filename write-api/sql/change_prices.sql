-- Prices of whole sections. Seats are locked in the order in which workers lock them.
-- $1 event, $2 sections, $3 their prices.
WITH price AS (
    SELECT unnest($2::text[]) AS section, unnest($3::bigint[]) AS minor
), changed AS MATERIALIZED (
    SELECT s.seat_id, price.minor
    FROM seats AS s
    JOIN price USING (section)
    WHERE s.event_id = $1 AND s.price_minor <> price.minor
    ORDER BY s.event_id, s.seat_id
    FOR NO KEY UPDATE OF s
)
UPDATE seats AS s
SET price_minor = changed.minor
FROM changed
WHERE s.event_id = $1 AND s.seat_id = changed.seat_id
