-- Enters a partition the first time it is seen. $1 cluster id, $2 topic, $3 partition.
INSERT INTO partition_progress (cluster_id, topic, partition, next_offset)
VALUES ($1, $2, $3::integer, 0)
ON CONFLICT (cluster_id, topic, partition) DO NOTHING
