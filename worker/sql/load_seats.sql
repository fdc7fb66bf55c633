-- Locks and reads seats, in one order for all transactions, so that they cannot deadlock: the wanted
-- ones, those of live bookings that are to be acted on, and all of those bookings whose hold has run
-- out (at the time of move_fence) and is in the way of a wanted one. The last are looked for when
-- the partition has any, or when $7 says so.
-- $1 cluster id, $2 topic, $3 partition; wanted: $4 event ids, $5 seat ids (parallel arrays); acted
-- on: $6 booking ids; $7 look whatever the partition has.
WITH wanted AS (
    SELECT unnest($4::text[]) AS event_id, unnest($5::text[]) AS seat_id
), fence AS (
    SELECT changed_at FROM partition_progress
    WHERE cluster_id = $1 AND topic = $2 AND partition = $3::integer
), acted_on AS MATERIALIZED (
    -- By id alone: the index of live bookings, which the status would allow, is read as a whole.
    SELECT event_id, seat_ids, status
    FROM bookings
    WHERE booking_id = ANY ($6::uuid[] || ARRAY(
        SELECT s.booking_id
        FROM wanted
        JOIN seats AS s USING (event_id, seat_id)
        WHERE s.hold_expires_at <= (SELECT changed_at FROM fence)
          AND ($7::boolean
               OR EXISTS (SELECT FROM bookings
                          WHERE partition = $3::integer AND status = 'held'
                            AND expires_at <= (SELECT changed_at FROM fence)))))
)
SELECT s.event_id, s.seat_id, s.position, s.status, s.version, s.price_minor,
       (extract(epoch FROM s.hold_expires_at) * 1000)::bigint AS hold_expires_ms,
       s.booking_id, s.user_id
FROM (SELECT event_id, seat_id FROM wanted
      UNION
      SELECT b.event_id, u.seat_id
      FROM acted_on AS b, unnest(b.seat_ids) AS u (seat_id)
      WHERE b.status IN ('held', 'confirmed')) AS needed
JOIN seats AS s USING (event_id, seat_id)
ORDER BY s.event_id, s.seat_id
FOR UPDATE OF s
