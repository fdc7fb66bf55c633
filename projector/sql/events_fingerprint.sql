-- One text that changes with every event that is added, removed or changed.
SELECT count(*) || ':' || coalesce(sum(hashtextextended(event_id, version)), 0) FROM events
