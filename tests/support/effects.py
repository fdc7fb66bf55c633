"""What a stack has, counted: a refused request must leave all of it as it was."""

import contextlib

from support.stack import DLQ, TOPIC
from support.wait import wait_for

# Rate limits and locks come and go by themselves.
PASSING = ("seatline:rate:", "seatline:lock:")
REST_S = 20

COUNTED = """
SELECT json_build_object(
    'bookings', (SELECT count(*) FROM bookings),
    'log', (SELECT count(*) FROM booking_log WHERE command IS NOT NULL),
    'events', (SELECT json_build_array(count(*), sum(version)) FROM events),
    'seats', (SELECT json_build_array(count(*), sum(price_minor)) FROM seats),
    'blocked', (SELECT count(*) FROM seats WHERE status = 'blocked'),
    'users', (SELECT json_build_array(count(*), count(*) FILTER (WHERE role = 'admin'),
                                      md5(string_agg(password_hash, '' ORDER BY user_id)))
              FROM users),
    'audit', (SELECT count(*) FROM audit_log))"""


def wait_rest(stack):
    """Until the workers are through with all that was asked for before."""
    ends = {partition: end for partition, end in stack.kafka_ends(TOPIC).items() if end > 0}

    def is_decided():
        progress = dict(stack.pg_rows(
            "SELECT partition, next_offset FROM partition_progress WHERE topic = %s", TOPIC))
        return all(progress.get(partition, 0) >= end for partition, end in ends.items())

    wait_for(is_decided, REST_S, "all that Kafka has is decided")


def counted(stack):
    """What commands and administrators did; not what becomes of holds by themselves."""
    return {"requests": stack.kafka_ends(TOPIC), "letters": stack.kafka_ends(DLQ),
            **stack.pg_value(COUNTED)}


def keys(stack):
    return {key for key in stack.redis().scan_iter("seatline:*", 1000)
            if not key.startswith(PASSING)}


@contextlib.contextmanager
def none(stack):
    """Nothing comes of what happens meanwhile, in Kafka, PostgreSQL or Redis."""
    wait_rest(stack)
    before, had = counted(stack), keys(stack)
    yield
    assert counted(stack) == before
    assert keys(stack) <= had
