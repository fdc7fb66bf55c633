-- Locks and reads bookings, in one order for all transactions: the wanted ones, and those whose hold
-- has run out (at the time of move_fence) and is in the way of a wanted seat.
-- $1 cluster id, $2 topic, $3 partition; wanted seats: $4 event ids, $5 seat ids (parallel arrays);
-- $6 wanted booking ids.
SELECT b.booking_id, b.event_id, b.user_id, b.mode, b.seat_ids, b.status, b.reason, b.seats_lost,
       b.version, b.seat_prices, b.total_minor, b.currency, b.extensions, b.payment_reference,
       b.idempotency_key,
       (extract(epoch FROM b.expires_at) * 1000)::bigint AS expires_ms,
       (extract(epoch FROM b.requested_at) * 1000)::bigint AS requested_ms,
       (extract(epoch FROM b.decided_at) * 1000)::bigint AS decided_ms
FROM (SELECT booking_id FROM unnest($6::uuid[]) AS wanted (booking_id)
      UNION
      SELECT s.booking_id
      FROM unnest($4::text[], $5::text[]) AS wanted (event_id, seat_id)
      JOIN seats AS s USING (event_id, seat_id)
      WHERE s.hold_expires_at <= (SELECT changed_at FROM partition_progress
                                  WHERE cluster_id = $1 AND topic = $2
                                    AND partition = $3::integer)) AS needed
JOIN bookings AS b USING (booking_id)
ORDER BY b.booking_id
FOR UPDATE OF b
