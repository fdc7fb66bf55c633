-- $1 booking ids, $2 event ids, $3 user ids, $4 seat ids (each element an array literal), $5 statuses,
-- $6 reasons, $7 lost seats (as $4), $8 requested at (ms) (parallel arrays); $9 decided at (ms).
INSERT INTO bookings (booking_id, event_id, user_id, seat_ids, status, reason, seats_lost,
                      requested_at, decided_at)
SELECT b.booking_id, b.event_id, b.user_id, b.seat_ids::text[], b.status, b.reason,
       b.seats_lost::text[],
       timestamptz 'epoch' + b.requested_ms * interval '1 millisecond',
       timestamptz 'epoch' + $9::bigint * interval '1 millisecond'
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::bigint[])
     AS b (booking_id, event_id, user_id, seat_ids, status, reason, seats_lost, requested_ms)
