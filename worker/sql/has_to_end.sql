-- Which of the partitions have holds that have run out, or live bookings of cancelled events. The time
-- is read once, for an index can be searched for what stands still only. Of a cancelled event one
-- live booking tells; where others stand in other partitions, they show when those are ended.
-- $1 partitions.
SELECT p.partition
FROM unnest($1::integer[]) AS p (partition)
WHERE EXISTS (SELECT FROM bookings AS b
              WHERE b.partition = p.partition AND b.status = 'held'
                AND b.expires_at <= (SELECT clock_timestamp()))
UNION ALL
SELECT one.partition
FROM events AS e
CROSS JOIN LATERAL (SELECT b.partition FROM bookings AS b
                    WHERE b.event_id = e.event_id AND b.status IN ('held', 'confirmed')
                    LIMIT 1) AS one
WHERE e.cancelled_at IS NOT NULL AND one.partition = ANY ($1::integer[])
