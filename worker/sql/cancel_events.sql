-- Cancels events; nothing takes it back. $1 event ids, $2 decided at (ms).
UPDATE events
SET cancelled_at = timestamptz 'epoch' + $2::bigint * interval '1 millisecond', version = version + 1
WHERE event_id = ANY ($1::text[]) AND cancelled_at IS NULL
