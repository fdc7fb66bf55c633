-- Where a partition stands. $1 cluster id, $2 topic, $3 partition.
SELECT next_offset
FROM partition_progress
WHERE cluster_id = $1 AND topic = $2 AND partition = $3::integer
