-- Inserts new bookings, by idempotency key, so that partitions that insert the same keys at once
-- cannot deadlock: the second waits, and fails on bookings_by_key.
-- $1 to $8 as in update_bookings; $9 event ids, $10 user ids, $11 modes, $12 seat ids, $13 lost seats,
-- $14 prices (each element an array literal), $15 totals, $16 currencies, $17 idempotency keys, $18
-- requested at (ms) (parallel arrays, padded with NULL); $19 partition.
INSERT INTO bookings (booking_id, status, reason, version, extensions, payment_reference,
                      decided_at, expires_at, event_id, user_id, mode, seat_ids, seats_lost,
                      seat_prices, total_minor, currency, idempotency_key, requested_at, partition)
SELECT b.booking_id, b.status, b.reason, b.version, b.extensions, b.payment_reference,
       timestamptz 'epoch' + b.decided_ms * interval '1 millisecond',
       timestamptz 'epoch' + b.expires_ms * interval '1 millisecond',
       b.event_id, b.user_id, b.mode, coalesce(b.seat_ids::text[], '{}'),
       coalesce(b.seats_lost::text[], '{}'), coalesce(b.seat_prices::bigint[], '{}'),
       b.total_minor, b.currency, b.idempotency_key,
       timestamptz 'epoch' + b.requested_ms * interval '1 millisecond', $19::integer
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::integer[], $6::text[],
            $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[],
            $13::text[], $14::text[], $15::bigint[], $16::text[], $17::uuid[], $18::bigint[])
     AS b (booking_id, status, reason, version, extensions, payment_reference, decided_ms,
           expires_ms, event_id, user_id, mode, seat_ids, seats_lost, seat_prices, total_minor,
           currency, idempotency_key, requested_ms)
ORDER BY b.idempotency_key
