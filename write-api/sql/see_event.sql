-- As lock_event, before anything is changed, and without its lock. $1 event.
SELECT cancelled_at IS NOT NULL,
       to_char(sales_open_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(sales_close_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
FROM events
WHERE event_id = $1
