-- Events in byte order of their ids, with the sums over their seats.
-- $1 only this event, or NULL; $2 only those after this id, or empty; $3 most events.
SELECT e.event_id, e.name, e.kind, floor(extract(epoch FROM e.starts_at) * 1000)::bigint, e.venue,
       e.currency, e.hold_ttl_ms, e.hold_extensions_max, e.seats_per_user_max,
       floor(extract(epoch FROM e.sales_open_at) * 1000)::bigint,
       floor(extract(epoch FROM e.sales_close_at) * 1000)::bigint,
       floor(extract(epoch FROM e.cancelled_at) * 1000)::bigint,
       e.version, s.version, s.available, s.held, s.booked, s.blocked, s.total,
       s.last_position, e.holds_per_user_max
FROM (SELECT * FROM events
      WHERE ($1::text IS NULL OR event_id = $1)
        AND event_id COLLATE "C" > $2
      ORDER BY event_id COLLATE "C"
      LIMIT $3::bigint) AS e
CROSS JOIN LATERAL (
      SELECT coalesce(sum(version), 0)::bigint AS version,
             count(*) FILTER (WHERE status = 'available') AS available,
             count(*) FILTER (WHERE status = 'held') AS held,
             count(*) FILTER (WHERE status = 'booked') AS booked,
             count(*) FILTER (WHERE status = 'blocked') AS blocked,
             count(*) AS total,
             coalesce(max(position), -1) AS last_position
      FROM seats
      WHERE seats.event_id = e.event_id) AS s
ORDER BY e.event_id COLLATE "C"
