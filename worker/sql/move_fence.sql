-- Moves the fence, or touches no row when another owner has moved it. The row lock makes owners of
-- one partition wait for each other before they reach a seat.
-- $1 cluster id, $2 topic, $3 partition, $4 from offset, $5 to offset.
UPDATE partition_progress
SET next_offset = $5::bigint, changed_at = now()
WHERE cluster_id = $1 AND topic = $2 AND partition = $3::integer AND next_offset = $4::bigint
