-- One projector does it: who holds this lock, for as long as its session lives.
-- $1, $2 the lock.
SELECT pg_try_advisory_lock($1::integer, $2::integer)
