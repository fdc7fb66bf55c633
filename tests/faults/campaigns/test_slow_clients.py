"""500 clients that are slow on purpose, while everybody books: nobody who books notices."""

import statistics
import time

from support.slow import SlowClients

SLOW = 500
FULL_RATE = 600  # far from the machine's limit: there anything would show in a p99
START_S = 60
# The p99 of the short form is that of a handful of requests.
AT_MOST, AT_MOST_SHORT, NOISE_MS_SHORT = 2, 4, 50


def test_slow_clients(stack, campaign):
    big = stack.create_event(8000, "big")
    with campaign("slow_clients", full_rate=FULL_RATE) as c:
        c.wait_answered(c.rate)
        without, with_them, came_again = [window(c)], [], 0
        for _ in range(c.times(full=5, short=1)):
            with SlowClients(stack.gateway_port, SLOW, f"/api/events/{big}") as slow:
                with_them.append(window(c))
                came_again += slow.came_again
            without.append(window(c))
        c.end_load()
        c.figure("slow connections at once", SLOW)
        c.figure("closed by the gateway, and made again", came_again, at_least=SLOW // 4)
        tell_p99(c, without, with_them)
        c.check_answered()
        c.settle(within=30)
        c.settle_readers(within=20)
        c.prove()


def window(c):
    """Since when and until when, as the record has it."""
    since = time.time()
    c.wait_answered(int(c.rate * c.times(full=15, short=7)), START_S)
    return since, time.time()


def tell_p99(c, without, with_them):
    """Each window with slow clients against the two around it."""
    def lines(span):
        return [line for line in c.record if span[0] <= line["at"] < span[1]]

    calm = [c.took(0.99, lines(before) + lines(after))
            for before, after in zip(without, without[1:])]
    busy = [c.took(0.99, lines(span)) for span in with_them]
    c.figure("p99 without them", statistics.median(calm), "ms")
    c.figure("p99 with them", statistics.median(busy), "ms")
    c.figure("p99 with them, of that without", statistics.median(
        slow / max(usual, c.times(0, NOISE_MS_SHORT)) for usual, slow in zip(calm, busy)),
        at_most=c.times(AT_MOST, AT_MOST_SHORT))
