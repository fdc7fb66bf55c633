-- Bookings in the order of their ids, with a row for each decision that their history keeps, oldest
-- first; without any, one row whose decision is null. What is kept is said here and nowhere else.
-- $1 their ids; of each the newest $2 that were done, $3 refused as not_owner, $4 others.
-- One pass over booking_log_by_booking from the newest, without a sort: nothing but the answer is
-- kept, but every row of these bookings is read, at about 1 us each once they are in memory.
SELECT b.booking_id, b.version, b.event_id, b.user_id, b.mode, b.seat_ids, b.status, b.reason,
       b.seats_lost, b.seat_prices, b.total_minor, b.currency, b.payment_reference, b.extensions,
       floor(extract(epoch FROM b.requested_at) * 1000)::bigint,
       floor(extract(epoch FROM b.decided_at) * 1000)::bigint,
       floor(extract(epoch FROM b.expires_at) * 1000)::bigint,
       l.booking_version, floor(extract(epoch FROM l.decided_at) * 1000)::bigint, l.status,
       l.command, l.command_id, l.actor, l.result, coalesce(l.refusal, l.reason),
       floor(extract(epoch FROM l.expires_at) * 1000)::bigint
FROM bookings AS b
LEFT JOIN LATERAL (
    SELECT *
    FROM (SELECT *, count(*) FILTER (WHERE result = 'done') OVER newest AS done,
                 count(*) FILTER (WHERE refusal = 'not_owner') OVER newest AS strangers,
                 count(*) FILTER (WHERE refusal <> 'not_owner') OVER newest AS others
          FROM booking_log
          WHERE booking_id = b.booking_id
          WINDOW newest AS (ORDER BY booking_version DESC ROWS UNBOUNDED PRECEDING)) AS counted
    WHERE CASE WHEN result = 'done' THEN done <= $2::bigint
               WHEN refusal = 'not_owner' THEN strangers <= $3::bigint
               ELSE others <= $4::bigint END) AS l ON true
WHERE b.booking_id = ANY ($1::uuid[])
ORDER BY b.booking_id, l.booking_version
