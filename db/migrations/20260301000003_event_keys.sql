-- migrate:up

-- An administrator's Idempotency-Key is one new event: it is written together with it.
ALTER TABLE audit_log
    ADD COLUMN idempotency_key uuid, -- hash of who and key
    ADD COLUMN request_hash    text; -- of the body, to tell a repetition from another request
CREATE UNIQUE INDEX audit_log_by_key ON audit_log (idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- migrate:down
DROP INDEX audit_log_by_key;
ALTER TABLE audit_log DROP COLUMN idempotency_key, DROP COLUMN request_hash;
