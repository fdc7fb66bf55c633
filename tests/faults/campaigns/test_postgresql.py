"""PostgreSQL stops at once, again and again, while everybody books: what was accepted waits."""

import signal
import time

from support.outage import coming_back
from support.stack import DLQ

DOWN_S = 2
RECOVERED_S = 5


def test_postgresql_stops(stack, campaign):
    dead_letters = stack.kafka_ends(DLQ)
    with campaign("postgresql_stops") as c:
        took = []
        for _ in range(c.times(full=5, short=1)):
            c.wait_answered(c.times(full=3000, short=300))
            c.wait_decided(1)
            stack["postgresql"].stop(number=signal.SIGQUIT)  # "immediate": no goodbye to anybody
            c.wait_answered(c.rate * DOWN_S)
            took.append(recovery(stack, c))
        c.end_load()
        c.figure("stops", len(took))
        c.figure("first decision after it accepts connections", max(took), "s",
                 at_most=RECOVERED_S)
        c.check_answered()
        c.figure("all decided after", c.settle(within=30), "s", at_most=10)
        new = sum(stack.kafka_ends(DLQ).values()) - sum(dead_letters.values())
        c.figure("dead letters", new, at_most=0)
        c.settle_readers(within=20)
        c.prove()


def recovery(stack, c):
    """Starts PostgreSQL; s from its first connection to the first decision."""
    with coming_back(stack, "postgresql"):
        began = time.monotonic()
        c.wait_decided(1)
        return time.monotonic() - began
