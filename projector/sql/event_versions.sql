-- Which events there are. $1 only those after this id, or empty; $2 most events.
SELECT event_id, version
FROM events
WHERE event_id COLLATE "C" > $1
ORDER BY event_id COLLATE "C"
LIMIT $2::bigint
