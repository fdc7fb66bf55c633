-- Writes changed bookings back; their rows are locked by load_bookings. Before write_bookings: what
-- a buyer has given up must not stand when that one's trigger counts.
-- $1 booking ids, $2 statuses, $3 reasons, $4 versions, $5 extensions, $6 payment references, $7 decided
-- at (ms), $8 expires at (ms) (parallel arrays, padded with NULL).
UPDATE bookings AS b
SET status = c.status, reason = c.reason, version = c.version, extensions = c.extensions,
    payment_reference = c.payment_reference,
    decided_at = timestamptz 'epoch' + c.decided_ms * interval '1 millisecond',
    expires_at = timestamptz 'epoch' + c.expires_ms * interval '1 millisecond'
FROM (SELECT unnest($1::uuid[]) AS booking_id, unnest($2::text[]) AS status,
             unnest($3::text[]) AS reason, unnest($4::integer[]) AS version,
             unnest($5::integer[]) AS extensions, unnest($6::text[]) AS payment_reference,
             unnest($7::bigint[]) AS decided_ms, unnest($8::bigint[]) AS expires_ms) AS c
WHERE b.booking_id = c.booking_id
