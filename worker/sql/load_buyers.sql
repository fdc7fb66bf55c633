-- How many seats buyers hold or have booked, and of these hold, of events that limit either. Holds
-- that have run out (at the time of move_fence) do not count.
-- $1 cluster id, $2 topic, $3 partition; $4 event ids, $5 user ids (parallel arrays); $6 the same
-- event ids, each once.
WITH limited AS MATERIALIZED (
    SELECT event_id FROM events
    WHERE event_id = ANY ($6::text[])
      AND (seats_per_user_max IS NOT NULL OR holds_per_user_max IS NOT NULL)
), fence AS (
    SELECT changed_at FROM partition_progress
    WHERE cluster_id = $1 AND topic = $2 AND partition = $3::integer
)
SELECT event_id, user_id, live.seats, live.held
FROM limited
JOIN unnest($4::text[], $5::text[]) AS buyer (event_id, user_id) USING (event_id),
LATERAL (SELECT sum(cardinality(b.seat_ids)) AS seats,
                sum(cardinality(b.seat_ids)) FILTER (WHERE b.status = 'held') AS held
         FROM bookings AS b
         WHERE b.event_id = buyer.event_id AND b.user_id = buyer.user_id
           AND b.status IN ('held', 'confirmed')
           AND (b.status = 'confirmed' OR b.expires_at > (SELECT changed_at FROM fence))) AS live
