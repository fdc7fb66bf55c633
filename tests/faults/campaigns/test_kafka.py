"""Kafka away while everybody books: each is refused in time, and nobody told what is not so."""

import time

from support.outage import coming_back, memory_mb
from support.wait import wait_for

# The short form is for any machine, however busy.
ANSWERED_S, ANSWERED_S_SHORT = 3, 5
BACK_S, BACK_S_SHORT = 10, 30
NOTICED_S = 10
START_S = 60
MEMORY_LOOK_S = 0.2
# A write-api keeps at most 20,000 messages of some hundred bytes, a worker fetches as many again.
MEMORY_MB_MAX = 64


class Outage:
    """Times as the record has them."""

    def __init__(self):
        self.began = self.ended = self.ready = self.decided = None

    def answered_in(self, record):
        return [line for line in record
                if line["at"] >= self.began and line["at"] + line["took_ms"] / 1000 < self.ended]

    def refused_after(self, record, until):
        """s from Kafka's first answer to the last request that was refused."""
        return max((line["at"] - self.ready for line in record
                    if self.ready <= line["at"] < until and line["status"] != 202), default=0.0)


def test_kafka_stops(stack, campaign):
    before = memory_mb(stack)
    with campaign("kafka_stops") as c:
        seconds = c.times(full=30, short=5)
        c.wait_answered(c.rate)
        probe = stack.create_event(1)
        outages, grown = [], 0
        for stop, start in ((stack["kafka"].kill, None),
                            (stack["kafka"].pause, stack["kafka"].resume)):
            outage = Outage()
            stop()
            outage.began = time.time()
            refused_properly(stack.book(probe, "S1"))
            grown = max(grown, last(stack, c, seconds, before))
            outage.ended = time.time()
            with coming_back(stack, "kafka", start):
                outage.ready = time.time()
                wait_for(lambda: {stack.book(probe, "S1").status for _ in range(6)} == {202},
                         START_S, "each write-api accepts requests")
                c.wait_decided(1, START_S)
                outage.decided = time.time() - outage.ready
            outages.append(outage)
            c.wait_answered(c.rate)
        c.end_load()
        tell(c, outages)
        c.figure("a program's memory grew by", grown, "MB", at_most=MEMORY_MB_MAX)
        c.figure("all decided after", c.settle(within=30), "s",
                 at_most=c.times(BACK_S, BACK_S_SHORT))
        c.settle_readers(within=20)
        c.prove()


def refused_properly(answer):
    assert answer.status == 503, answer
    assert answer.header("Content-Type") == "application/problem+json"
    assert int(answer.header("Retry-After")) >= 1


def last(stack, c, seconds, before):
    """For so long; answers by how many MB a program grew at most."""
    end, grown = time.monotonic() + seconds, 0
    wait_for(lambda: stack.web.get("/healthz").status == 503, NOTICED_S, "/healthz says it")
    assert stack.web.get(f"/api/events/{c.events[0]}").status == 200, "reading goes on"
    while time.monotonic() < end:
        now = memory_mb(stack)
        grown = max(grown, *(now[name] - before[name] for name in now))
        time.sleep(MEMORY_LOOK_S)
    return grown


def tell(c, outages):
    slowest = max(line["took_ms"] for line in c.record)
    c.figure("slowest answer", slowest / 1000, "s",
             at_most=c.times(ANSWERED_S, ANSWERED_S_SHORT))
    ends = [outage.began for outage in outages[1:]] + [time.time()]
    for how, outage, until in zip(("killed", "hanging"), outages, ends):
        refused = outage.answered_in(c.record)
        wrong = [line for line in refused if line["status"] != 503]
        assert refused and not wrong, wrong[:5]
        c.figure(f"refused while {how}", len(refused))
        within = c.times(BACK_S, BACK_S_SHORT)
        c.figure(f"refused for the last time after it was {how}",
                 outage.refused_after(c.record, until), "s", at_most=within)
        c.figure(f"decided again after it was {how}", outage.decided, "s", at_most=within)
