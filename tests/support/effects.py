"""What a stack has, counted: a refused request must leave all of it as it was."""

import contextlib

from support.stack import DLQ, TOPIC

# Rate limits and locks come and go by themselves.
PASSING = ("seatline:rate:", "seatline:lock:")

COUNTED = """
SELECT json_build_object(
    'bookings', (SELECT count(*) FROM bookings),
    'log', (SELECT count(*) FROM booking_log),
    'events', (SELECT json_build_array(count(*), sum(version)) FROM events),
    'seats', (SELECT json_build_array(count(*), sum(version), sum(price_minor)) FROM seats),
    'blocked', (SELECT count(*) FROM seats WHERE status = 'blocked'),
    'users', (SELECT json_build_array(count(*), count(*) FILTER (WHERE role = 'admin'),
                                      md5(string_agg(password_hash, '' ORDER BY user_id)))
              FROM users),
    'audit', (SELECT count(*) FROM audit_log))"""


def counted(stack):
    """Kafka before PostgreSQL: what is on its way between them is in one of them."""
    return {"requests": stack.kafka_ends(TOPIC), "letters": stack.kafka_ends(DLQ),
            **stack.pg_value(COUNTED)}


def keys(stack):
    return {key for key in stack.redis().scan_iter("seatline:*", 1000)
            if not key.startswith(PASSING)}


@contextlib.contextmanager
def none(stack):
    """Nothing comes of what happens meanwhile, in Kafka, PostgreSQL or Redis. At rest."""
    before, had = counted(stack), keys(stack)
    yield
    assert counted(stack) == before
    assert keys(stack) <= had
