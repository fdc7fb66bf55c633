-- Locks and reads seats, in one order for all transactions, so that they cannot deadlock.
-- $1 event ids, $2 seat ids (parallel arrays).
SELECT s.event_id, s.seat_id, s.position, s.status, s.version,
       ceil(extract(epoch FROM s.hold_expires_at) * 1000)::bigint AS hold_expires_ms,
       s.booking_id, s.user_id
FROM unnest($1::text[], $2::text[]) AS wanted (event_id, seat_id)
JOIN seats AS s USING (event_id, seat_id)
ORDER BY s.event_id, s.seat_id
FOR UPDATE OF s
