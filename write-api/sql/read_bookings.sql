-- Bookings of an event, not what administrators did to it, in the order in which they were decided
-- first; the first column is where to go on. $1 event, $2 where to go on, $3 how many.
SELECT l.seq, b.booking_id, b.user_id, b.mode, b.status, b.reason,
       array_to_string(b.seat_ids, ' '), b.total_minor, b.currency, b.payment_reference,
       to_char(b.requested_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(b.decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(b.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
FROM booking_log AS l
JOIN bookings AS b USING (booking_id)
WHERE l.event_id = $1 AND l.booking_version = 1 AND l.seq > $2::bigint
  AND b.mode IN ('hold', 'book')
ORDER BY l.seq
LIMIT $3::integer
