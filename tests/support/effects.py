"""What a stack has, counted: a refused request must leave all of it as it was.

Counting is what most tests of refusals do most: it asks each server once, on connections that stay.
"""

import contextlib
import functools

import psycopg

from support.stack import DLQ, TOPIC
from support.wait import wait_for

# Rate limits and locks come and go by themselves.
PASSING = ("seatline:rate:", "seatline:lock:")
REST_S = 20

# Not the seats: they change by commands, or together with their event.
COUNTED = """
SELECT json_build_object(
    'bookings', (SELECT count(*) FROM bookings),
    'log', (SELECT count(*) FROM booking_log WHERE command IS NOT NULL),
    'events', (SELECT json_build_array(count(*), sum(version)) FROM events),
    'users', (SELECT json_build_array(count(*), count(*) FILTER (WHERE role = 'admin'),
                                      md5(string_agg(password_hash, '' ORDER BY user_id)))
              FROM users),
    'audit', (SELECT count(*) FROM audit_log))"""
PROGRESS = "SELECT partition, next_offset FROM partition_progress WHERE topic = %s"


class Counter:
    """Of one stack."""

    def __init__(self, stack):
        self.stack = stack
        self.pg = stack.pg()
        self.redis = stack.redis()

    def rows(self, sql, *parameters):
        try:
            return self.pg.execute(sql, parameters).fetchall()
        except psycopg.OperationalError:  # a test has stopped it meanwhile
            self.pg = self.stack.pg()
            return self.pg.execute(sql, parameters).fetchall()

    def ends(self):
        return {topic: self.stack.kafka_ends(topic) for topic in (TOPIC, DLQ)}

    def keys(self):
        return {key for key in self.redis.scan_iter("seatline:*", 1000)
                if not key.startswith(PASSING)}

    def wait_rest(self, ends):
        """Until the workers are through with all that was asked for before."""
        wanted = {partition: end for partition, end in ends[TOPIC].items() if end > 0}

        def is_decided():
            progress = dict(self.rows(PROGRESS, TOPIC))
            return all(progress.get(partition, 0) >= end for partition, end in wanted.items())

        wait_for(is_decided, REST_S, "all that Kafka has is decided")


@functools.lru_cache(1)
def counter_of(stack):
    return Counter(stack)


@contextlib.contextmanager
def none(stack):
    """Nothing comes of what happens meanwhile, in Kafka, PostgreSQL or Redis: no command, and
    nothing that an administrator or an account would be. What becomes of holds by themselves does
    not count."""
    counter = counter_of(stack)
    ends = counter.ends()
    counter.wait_rest(ends)
    before, had = counter.rows(COUNTED), counter.keys()
    yield
    assert counter.ends() == ends
    assert counter.rows(COUNTED) == before
    assert counter.keys() <= had
