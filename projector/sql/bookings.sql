-- Bookings in the order of their ids, with a row for each of their newest decisions, oldest first;
-- without any, one row whose decision is null. $1 their ids; $2 most decisions of each.
SELECT b.booking_id, b.version, b.event_id, b.user_id, b.mode, b.seat_ids, b.status, b.reason,
       b.seats_lost, b.seat_prices, b.total_minor, b.currency, b.payment_reference, b.extensions,
       floor(extract(epoch FROM b.requested_at) * 1000)::bigint,
       floor(extract(epoch FROM b.decided_at) * 1000)::bigint,
       floor(extract(epoch FROM b.expires_at) * 1000)::bigint,
       l.booking_version, floor(extract(epoch FROM l.decided_at) * 1000)::bigint, l.status,
       l.command, l.command_id, l.actor, l.result, coalesce(l.refusal, l.reason),
       floor(extract(epoch FROM l.expires_at) * 1000)::bigint
FROM bookings AS b
LEFT JOIN LATERAL (SELECT * FROM booking_log AS newest
                   WHERE newest.booking_id = b.booking_id
                   ORDER BY newest.booking_version DESC
                   LIMIT $2::bigint) AS l ON true
WHERE b.booking_id = ANY ($1::uuid[])
ORDER BY b.booking_id, l.booking_version
