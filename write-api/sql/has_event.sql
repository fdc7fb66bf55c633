-- A row, when there is such an event. $1 event.
SELECT FROM events WHERE event_id = $1
