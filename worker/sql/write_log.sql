-- One row per transition, numbered in the order of the arrays; what of a booking never changes comes
-- from its row.
-- $1 booking ids, $2 booking versions, $3 statuses, $4 reasons, $5 expires at (ms), $6 extensions, $7
-- commands, $8 command ids, $9 actors, $10 results, $11 refusals; $12 changed seat ids, $13 their
-- positions, $14 statuses, $15 versions (each element an array literal, NULL for none) (parallel
-- arrays, padded with NULL); $16 decided at (ms).
INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, mode, status, reason,
                         booking_seats, seats_lost, seat_prices, total_minor, currency,
                         payment_reference, requested_at, decided_at, expires_at, extensions,
                         command, command_id, actor, result, refusal,
                         seat_ids, seat_positions, seat_statuses, seat_versions)
SELECT b.booking_id, t.version, b.event_id, b.user_id, b.mode, t.status, t.reason,
       b.seat_ids, b.seats_lost, b.seat_prices, b.total_minor, b.currency,
       CASE WHEN t.status <> 'held' THEN b.payment_reference END, b.requested_at,
       timestamptz 'epoch' + $16::bigint * interval '1 millisecond',
       timestamptz 'epoch' + t.expires_ms * interval '1 millisecond', t.extensions,
       t.command, t.command_id, t.actor, t.result, t.refusal,
       coalesce(t.changed::text[], '{}'), coalesce(t.positions::integer[], '{}'),
       coalesce(t.statuses::text[], '{}'), coalesce(t.versions::bigint[], '{}')
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::integer[],
            $7::text[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
            $14::text[], $15::text[])
     WITH ORDINALITY
     AS t (booking_id, version, status, reason, expires_ms, extensions, command, command_id, actor,
           result, refusal, changed, positions, statuses, versions, n)
JOIN bookings AS b USING (booking_id)
ORDER BY t.n
