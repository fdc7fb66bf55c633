-- Which of the partitions have holds that have run out. The time is read once, for an index can
-- be searched for what stands still only. $1 partitions.
SELECT p.partition
FROM unnest($1::integer[]) AS p (partition)
WHERE EXISTS (SELECT FROM bookings AS b
              WHERE b.partition = p.partition AND b.status = 'held'
                AND b.expires_at <= (SELECT clock_timestamp()))
