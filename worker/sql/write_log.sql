-- One row per transition, numbered in the order of the arrays.
-- $1 booking ids, $2 booking versions, $3 statuses, $4 reasons, $5 expires at (ms), $6 extensions, $7
-- commands, $8 command ids, $9 actors, $10 results, $11 refusals, $12 payment references; $14 to $25 as
-- $9 to $20 of write_bookings; of the changed seat $26 its id, $27 position, $28 status, $29 version; of
-- the changed seats $30 to $33 the same (parallel arrays, padded with NULL); $34 decided at (ms).
INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, mode, status, reason,
                         booking_seats, seats_lost, seat_prices, total_minor, currency,
                         payment_reference, requested_at, decided_at, expires_at, extensions,
                         command, command_id, actor, result, refusal, address,
                         seat_ids, seat_positions, seat_statuses, seat_versions)
SELECT t.booking_id, t.version, t.event_id, t.user_id, t.mode, t.status, t.reason,
       CASE WHEN t.seat IS NULL THEN coalesce(t.seats::text[], '{}') ELSE ARRAY[t.seat] END,
       CASE WHEN t.lost IS NULL THEN coalesce(t.losts::text[], '{}') ELSE ARRAY[t.lost] END,
       CASE WHEN t.price IS NULL THEN coalesce(t.prices::bigint[], '{}') ELSE ARRAY[t.price] END,
       t.total_minor, t.currency,
       CASE WHEN t.status <> 'held' THEN t.payment_reference END,
       timestamptz 'epoch' + t.requested_ms * interval '1 millisecond',
       timestamptz 'epoch' + $34::bigint * interval '1 millisecond',
       timestamptz 'epoch' + t.expires_ms * interval '1 millisecond', t.extensions,
       t.command, t.command_id, t.actor, t.result, t.refusal, t.address,
       CASE WHEN t.id IS NULL THEN coalesce(t.ids::text[], '{}') ELSE ARRAY[t.id] END,
       CASE WHEN t.id IS NULL THEN coalesce(t.places::integer[], '{}') ELSE ARRAY[t.place] END,
       CASE WHEN t.id IS NULL THEN coalesce(t.states::text[], '{}') ELSE ARRAY[t.state] END,
       CASE WHEN t.id IS NULL THEN coalesce(t.numbers::bigint[], '{}') ELSE ARRAY[t.number] END
FROM (SELECT unnest($1::uuid[]) AS booking_id, unnest($2::integer[]) AS version,
             unnest($3::text[]) AS status, unnest($4::text[]) AS reason,
             unnest($5::bigint[]) AS expires_ms, unnest($6::integer[]) AS extensions,
             unnest($7::text[]) AS command, unnest($8::uuid[]) AS command_id,
             unnest($9::text[]) AS actor, unnest($10::text[]) AS result,
             unnest($11::text[]) AS refusal, unnest($12::text[]) AS payment_reference,
             unnest($13::text[]) AS address,
             unnest($14::text[]) AS event_id, unnest($15::text[]) AS user_id,
             unnest($16::text[]) AS mode, unnest($17::text[]) AS seat, unnest($18::text[]) AS seats,
             unnest($19::text[]) AS lost, unnest($20::text[]) AS losts,
             unnest($21::bigint[]) AS price, unnest($22::text[]) AS prices,
             unnest($23::bigint[]) AS total_minor, unnest($24::text[]) AS currency,
             unnest($25::bigint[]) AS requested_ms, unnest($26::text[]) AS id,
             unnest($27::integer[]) AS place, unnest($28::text[]) AS state,
             unnest($29::bigint[]) AS number, unnest($30::text[]) AS ids,
             unnest($31::text[]) AS places, unnest($32::text[]) AS states,
             unnest($33::text[]) AS numbers) AS t
