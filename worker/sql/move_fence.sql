-- Moves the fence, or touches no row when another owner has moved it. The row lock makes owners of
-- one partition wait for each other before they reach a seat. Answers the time, in ms since the
-- epoch, for all that the transaction decides; its other statements read it in changed_at. Not
-- now(): that is when the transaction began, and it may have waited for the lock since.
-- $1 cluster id, $2 topic, $3 partition, $4 from offset, $5 to offset.
UPDATE partition_progress
SET next_offset = $5::bigint, changed_at = date_trunc('milliseconds', clock_timestamp())
WHERE cluster_id = $1 AND topic = $2 AND partition = $3::integer AND next_offset = $4::bigint
RETURNING (extract(epoch FROM changed_at) * 1000)::bigint
