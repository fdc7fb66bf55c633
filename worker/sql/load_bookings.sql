-- Locks and reads bookings, in one order for all transactions: the wanted ones, and those whose hold
-- has run out (at the time of move_fence) and is in the way of a wanted seat, as in load_seats.
-- $1 to $5 and $7 as in load_seats; $6 wanted booking ids.
WITH fence AS (
    SELECT changed_at FROM partition_progress
    WHERE cluster_id = $1 AND topic = $2 AND partition = $3::integer
)
SELECT b.booking_id, b.event_id, b.user_id, b.mode, b.seat_ids, b.status, b.reason, b.seats_lost,
       b.version, b.seat_prices, b.total_minor, b.currency, b.extensions, b.payment_reference,
       b.idempotency_key,
       (extract(epoch FROM b.expires_at) * 1000)::bigint AS expires_ms,
       (extract(epoch FROM b.requested_at) * 1000)::bigint AS requested_ms,
       (extract(epoch FROM b.decided_at) * 1000)::bigint AS decided_ms
FROM bookings AS b
WHERE b.booking_id = ANY ($6::uuid[] || ARRAY(
    SELECT s.booking_id
    FROM unnest($4::text[], $5::text[]) AS wanted (event_id, seat_id)
    JOIN seats AS s USING (event_id, seat_id)
    WHERE s.hold_expires_at <= (SELECT changed_at FROM fence)
      AND ($7::boolean
           OR EXISTS (SELECT FROM bookings
                      WHERE partition = $3::integer AND status = 'held'
                        AND expires_at <= (SELECT changed_at FROM fence)))))
ORDER BY b.booking_id
FOR UPDATE OF b
