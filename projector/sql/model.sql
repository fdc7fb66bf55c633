-- Which write model this is, and up to which transaction id all is decided as this transaction sees it.
SELECT ledger_id, pg_snapshot_xmin(pg_current_snapshot()) FROM ledger
