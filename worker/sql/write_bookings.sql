-- Inserts new bookings, by idempotency key, so that partitions that insert the same keys at once
-- cannot deadlock: the second waits, and fails on bookings_by_key.
-- $1 to $8 as in update_bookings; $9 event ids, $10 user ids, $11 modes, $12 the seat, $13 the seats,
-- $14 the lost seat, $15 the lost seats, $16 the price, $17 the prices, $18 totals, $19 currencies, $20
-- requested at (ms), $21 idempotency keys (parallel arrays, padded with NULL); $22 partition.
-- A list of one is its element; of more, an array literal; of none, NULL in both.
INSERT INTO bookings (booking_id, status, reason, version, extensions, payment_reference,
                      decided_at, expires_at, event_id, user_id, mode, seat_ids, seats_lost,
                      seat_prices, total_minor, currency, idempotency_key, requested_at, partition)
SELECT b.booking_id, b.status, b.reason, b.version, b.extensions, b.payment_reference,
       timestamptz 'epoch' + b.decided_ms * interval '1 millisecond',
       timestamptz 'epoch' + b.expires_ms * interval '1 millisecond',
       b.event_id, b.user_id, b.mode,
       CASE WHEN b.seat IS NULL THEN coalesce(b.seats::text[], '{}') ELSE ARRAY[b.seat] END,
       CASE WHEN b.lost IS NULL THEN coalesce(b.losts::text[], '{}') ELSE ARRAY[b.lost] END,
       CASE WHEN b.price IS NULL THEN coalesce(b.prices::bigint[], '{}') ELSE ARRAY[b.price] END,
       b.total_minor, b.currency, b.idempotency_key,
       timestamptz 'epoch' + b.requested_ms * interval '1 millisecond', $22::integer
FROM (SELECT unnest($1::uuid[]) AS booking_id, unnest($2::text[]) AS status,
             unnest($3::text[]) AS reason, unnest($4::integer[]) AS version,
             unnest($5::integer[]) AS extensions, unnest($6::text[]) AS payment_reference,
             unnest($7::bigint[]) AS decided_ms, unnest($8::bigint[]) AS expires_ms,
             unnest($9::text[]) AS event_id, unnest($10::text[]) AS user_id,
             unnest($11::text[]) AS mode, unnest($12::text[]) AS seat, unnest($13::text[]) AS seats,
             unnest($14::text[]) AS lost, unnest($15::text[]) AS losts,
             unnest($16::bigint[]) AS price, unnest($17::text[]) AS prices,
             unnest($18::bigint[]) AS total_minor, unnest($19::text[]) AS currency,
             unnest($20::bigint[]) AS requested_ms, unnest($21::uuid[]) AS idempotency_key) AS b
ORDER BY b.idempotency_key
