-- Writes changed seats back; their rows are locked by load_seats.
-- $1 event ids, $2 seat ids, $3 statuses, $4 booking ids, $5 user ids, $6 versions, $7 hold expires at
-- (ms) (parallel arrays).
UPDATE seats AS s
SET status = c.status, booking_id = c.booking_id, user_id = c.user_id, version = c.version,
    hold_expires_at = timestamptz 'epoch' + c.hold_expires_ms * interval '1 millisecond'
FROM unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[])
     AS c (event_id, seat_id, status, booking_id, user_id, version, hold_expires_ms)
WHERE s.event_id = c.event_id AND s.seat_id = c.seat_id
