-- Bookings of the partition whose hold has run out (at the time of move_fence), the longest ago
-- first, and live ones of cancelled events, as in has_to_end.
-- $1 cluster id, $2 topic, $3 partition, $4 how many at most.
(SELECT booking_id
 FROM bookings
 WHERE partition = $3::integer AND status = 'held'
   AND expires_at <= (SELECT changed_at FROM partition_progress
                      WHERE cluster_id = $1 AND topic = $2 AND partition = $3::integer)
 ORDER BY expires_at
 LIMIT $4::bigint)
UNION
(SELECT live.booking_id
 FROM events AS e
 CROSS JOIN LATERAL (SELECT b.partition FROM bookings AS b
                     WHERE b.event_id = e.event_id AND b.status IN ('held', 'confirmed')
                     LIMIT 1) AS one
 CROSS JOIN LATERAL (SELECT b.booking_id FROM bookings AS b
                     WHERE b.event_id = e.event_id AND b.status IN ('held', 'confirmed')
                       AND b.partition = $3::integer
                     LIMIT $4::bigint) AS live
 WHERE e.cancelled_at IS NOT NULL AND one.partition = $3::integer
 LIMIT $4::bigint)
LIMIT $4::bigint
