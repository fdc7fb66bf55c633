-- A projector whose machine vanished must not keep the lock: the server gives its session up in some
-- seconds. (A local socket closes at once, and ignores these.)
SELECT set_config('tcp_keepalives_idle', '3', false), set_config('tcp_keepalives_interval', '2', false),
       set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '9000', false)
