-- Prices of whole sections, for the next so many seats; answers the last of them, and how many they
-- were. Seats are locked in the order in which workers lock them.
-- $1 event, $2 sections, $3 their prices, $4 the last seat before, $5 how many.
WITH price AS (
    SELECT unnest($2::text[]) AS section, unnest($3::bigint[]) AS minor
), wanted AS MATERIALIZED (
    SELECT s.seat_id, price.minor
    FROM seats AS s
    JOIN price USING (section)
    WHERE s.event_id = $1 AND s.seat_id > $4 AND s.price_minor <> price.minor
    ORDER BY s.event_id, s.seat_id
    LIMIT $5::integer
    FOR NO KEY UPDATE OF s
), changed AS (
    UPDATE seats AS s
    SET price_minor = wanted.minor
    FROM wanted
    WHERE s.event_id = $1 AND s.seat_id = wanted.seat_id
    RETURNING s.seat_id
)
SELECT max(seat_id), count(*) FROM changed
