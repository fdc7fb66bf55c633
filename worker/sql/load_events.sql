-- Which events exist. $1 event ids.
SELECT event_id FROM events WHERE event_id = ANY ($1::text[])
