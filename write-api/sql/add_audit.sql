-- What an administrator did. No row: the key was used before. What names a booking and no event is
-- about the booking's.
-- $1 actor, $2 role, $3 address, $4 request id, $5 event, $6 action, $7 detail, $8 hash of the
-- idempotency key, $9 hash of the request.
INSERT INTO audit_log (actor, role, address, request_id, event_id, action, detail,
                       idempotency_key, request_hash)
VALUES ($1, $2, $3, $4,
        coalesce($5, (SELECT event_id FROM bookings
                      WHERE booking_id = ($7::jsonb->>'booking_id')::uuid)),
        $6, $7::jsonb, $8::uuid, $9)
ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
RETURNING seq
