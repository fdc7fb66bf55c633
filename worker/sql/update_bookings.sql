-- Writes changed bookings back; their rows are locked by load_bookings. Before write_bookings: what
-- a buyer has given up must not stand when that one's trigger counts.
-- $1 booking ids, $2 statuses, $3 reasons, $4 versions, $5 extensions, $6 payment references, $7 decided
-- at (ms), $8 expires at (ms) (parallel arrays).
UPDATE bookings AS b
SET status = c.status, reason = c.reason, version = c.version, extensions = c.extensions,
    payment_reference = c.payment_reference,
    decided_at = timestamptz 'epoch' + c.decided_ms * interval '1 millisecond',
    expires_at = timestamptz 'epoch' + c.expires_ms * interval '1 millisecond'
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[],
            $7::bigint[], $8::bigint[])
     AS c (booking_id, status, reason, version, extensions, payment_reference, decided_ms,
           expires_ms)
WHERE b.booking_id = c.booking_id
