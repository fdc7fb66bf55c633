"""MongoDB away while everybody books: nobody who books notices, and the maps catch up."""

import statistics
import time

from support.outage import coming_back

START_S = 60
CAUGHT_UP_S = 10
READ_ANSWERED_S = 5
FULL_RATE = 600  # far from the machine's limit: there anything would show in a p99
# The short form has a few hundred requests a window, and a handful of them are its p99; but a write
# that waits for MongoDB would take seconds.
AT_MOST, AT_MOST_SHORT, NOISE_MS_SHORT = 1.1, 3.0, 50


def test_mongodb_stops(stack, campaign):
    with campaign("mongodb_stops", full_rate=FULL_RATE) as c:
        c.wait_answered(c.rate)
        with_it, without, caught_up = [window(c)], [], []
        for seconds in c.times(full=(60, 15, 15), short=(5,)):
            stack["mongodb"].stop()
            without.append(window(c, seconds))
            read_refused(stack, c)
            caught_up.append(catch_up(stack, c))
            with_it.append(window(c))
        c.end_load()
        c.check_answered()
        c.figure("stopped for", sum(to - since for since, to in without), "s")
        tell_p99(c, with_it, without)
        c.figure("caught up after it takes connections", max(caught_up), "s", at_most=CAUGHT_UP_S)
        c.settle(within=30)
        c.settle_readers(within=20)
        c.prove()


def window(c, seconds=None):
    """Since when and until when, as the record has it."""
    since = time.time()
    c.wait_answered(int(c.rate * (seconds or c.times(full=15, short=3))), START_S * 2)
    return since, time.time()


def read_refused(stack, c):
    began = time.monotonic()
    answer = stack.web.get(f"/api/events/{c.events[0]}")
    took = time.monotonic() - began
    assert answer.status == 503, answer
    assert answer.header("Content-Type") == "application/problem+json"
    assert int(answer.header("Retry-After")) >= 1
    assert took < READ_ANSWERED_S, f"{took:.2f} s"


def catch_up(stack, c):
    """s from its first connection until it has what was decided by then."""
    with coming_back(stack, "mongodb"):
        return c.wait_read(START_S)


def tell_p99(c, with_it, without):
    """Each window without MongoDB against the two around it."""
    def lines(span):
        return [line for line in c.record if span[0] <= line["at"] < span[1]]

    ratios = []
    for i, span in enumerate(without):
        calm = c.took(0.99, lines(with_it[i]) + lines(with_it[i + 1]))
        c.figure(f"write p99 with MongoDB, {i + 1}", calm, "ms")
        c.figure(f"write p99 without it, {i + 1}", c.took(0.99, lines(span)), "ms")
        ratios.append(c.took(0.99, lines(span)) / max(calm, c.times(0, NOISE_MS_SHORT)))
    c.figure("write p99 without MongoDB, of that with it", statistics.median(ratios),
             at_most=c.times(AT_MOST, AT_MOST_SHORT))
