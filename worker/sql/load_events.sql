-- The events that are wanted, and those of the bookings that are to be acted on.
-- $1 event ids, $2 booking ids.
SELECT e.event_id, e.currency, e.hold_ttl_ms, e.hold_extensions_max, e.seats_per_user_max,
       (extract(epoch FROM e.sales_open_at) * 1000)::bigint AS sales_open_ms,
       (extract(epoch FROM e.sales_close_at) * 1000)::bigint AS sales_close_ms,
       e.cancelled_at IS NOT NULL AS is_cancelled, e.holds_per_user_max
FROM (SELECT event_id FROM unnest($1::text[]) AS wanted (event_id)
      UNION
      SELECT event_id FROM bookings WHERE booking_id = ANY ($2::uuid[])) AS needed
JOIN events AS e USING (event_id)
