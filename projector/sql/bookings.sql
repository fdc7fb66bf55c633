-- Bookings in the order of their ids. $1 only those after this id; $2 most bookings.
SELECT booking_id, version, event_id, user_id, status, reason, seat_ids, seats_lost,
       floor(extract(epoch FROM requested_at) * 1000)::bigint,
       floor(extract(epoch FROM decided_at) * 1000)::bigint
FROM bookings
WHERE booking_id > $1::uuid
ORDER BY booking_id
LIMIT $2::bigint
