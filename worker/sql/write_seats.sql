-- Writes changed seats back; their rows are locked by load_seats.
-- $1 event ids, $2 seat ids, $3 statuses, $4 booking ids, $5 user ids, $6 versions, $7 hold expires at
-- (ms) (parallel arrays, padded with NULL).
UPDATE seats AS s
SET status = c.status, booking_id = c.booking_id, user_id = c.user_id, version = c.version,
    hold_expires_at = timestamptz 'epoch' + c.hold_expires_ms * interval '1 millisecond'
FROM (SELECT unnest($1::text[]) AS event_id, unnest($2::text[]) AS seat_id,
             unnest($3::text[]) AS status, unnest($4::uuid[]) AS booking_id,
             unnest($5::text[]) AS user_id, unnest($6::bigint[]) AS version,
             unnest($7::bigint[]) AS hold_expires_ms) AS c
WHERE s.event_id = c.event_id AND s.seat_id = c.seat_id
