-- Bookings of the partition whose hold has run out (at the time of move_fence), the longest ago
-- first. $1 cluster id, $2 topic, $3 partition, $4 how many at most.
SELECT booking_id
FROM bookings
WHERE partition = $3::integer AND status = 'held'
  AND expires_at <= (SELECT changed_at FROM partition_progress
                     WHERE cluster_id = $1 AND topic = $2 AND partition = $3::integer)
ORDER BY expires_at
LIMIT $4::bigint
