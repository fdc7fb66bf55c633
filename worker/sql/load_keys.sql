-- Which bookings stand for idempotency keys. $1 keys.
SELECT idempotency_key, booking_id FROM bookings WHERE idempotency_key = ANY ($1::uuid[])
