-- The ledger's time, in ms since the epoch. Not now(): that is when the transaction began, and it
-- may have waited for locks since.
SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
