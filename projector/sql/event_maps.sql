-- Events in the order of their blocks' ids ("<event>/<block>"), with the last seat's position (-1: no seat).
-- $1 only those after this "<event>/", or empty; $2 most events.
SELECT e.event_id,
       coalesce((SELECT max(position) FROM seats AS s WHERE s.event_id = e.event_id), -1)
FROM (SELECT event_id FROM events
      WHERE (event_id || '/') COLLATE "C" > $1
      ORDER BY (event_id || '/') COLLATE "C"
      LIMIT $2::bigint) AS e
ORDER BY (e.event_id || '/') COLLATE "C"
