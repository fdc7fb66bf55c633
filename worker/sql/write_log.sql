-- One row per transition, numbered in the order of the arrays.
-- $1 to $9 as in write_bookings; $10 changed seat ids, $11 their positions, $12 statuses, $13 versions
-- (each element an array literal).
INSERT INTO booking_log (booking_id, booking_version, event_id, user_id, status, reason,
                         booking_seats, seats_lost, requested_at, decided_at,
                         seat_ids, seat_positions, seat_statuses, seat_versions)
SELECT b.booking_id, 1, b.event_id, b.user_id, b.status, b.reason,
       b.seat_ids::text[], b.seats_lost::text[],
       timestamptz 'epoch' + b.requested_ms * interval '1 millisecond',
       timestamptz 'epoch' + $9::bigint * interval '1 millisecond',
       b.changed::text[], b.positions::integer[], b.statuses::text[], b.versions::bigint[]
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::bigint[], $10::text[], $11::text[], $12::text[], $13::text[])
     WITH ORDINALITY
     AS b (booking_id, event_id, user_id, seat_ids, status, reason, seats_lost, requested_ms,
           changed, positions, statuses, versions, n)
ORDER BY b.n
