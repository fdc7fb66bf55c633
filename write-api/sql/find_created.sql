-- What was created under an idempotency key before. $1 its hash.
SELECT event_id, request_hash, detail->>'seats_total'
FROM audit_log
WHERE idempotency_key = $1::uuid
