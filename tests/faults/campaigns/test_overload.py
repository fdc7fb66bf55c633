"""Five times as many bookings are asked for as can be accepted: as many are accepted as before, the
others are told to come again, at once, and nobody is kept waiting or told what is not so."""

import threading
import time

from support.flood import Flood
from support.outage import memory_mb
from support.wait import wait_for

# Each acknowledgement takes half a second, as of brokers that are far away: how many are accepted
# is bounded by the places, not by the processors. Those the clients need too, who here are on the
# same machine; that five times as many of them take more from the rest is not what is measured.
# The time-outs are longer by more than that, and half a second is not slow here.
FAR_AWAY = {"KAFKA_LINGER_MS": "500", "KAFKA_MESSAGE_TIMEOUT_MS": "3500", "ACK_WAIT_MS": "4500",
            "SLOW_MS": "0"}
TIMES = 5
PLACES = 256       # WRITES_MAX, of each write-api
CONNECTIONS = 2000
USUAL_RATE = 30    # of those who book before, meanwhile and afterwards
NORMAL_S = 10
AFTER_S = 3  # of usual load, in which nobody may be refused any more
MEMORY_MB_MAX = 100
READ_PAUSE_S = 0.02
END_S = 30
WARM_S = 2         # Kafka may have just been started
# The first are for a machine that does nothing else. The short form runs beside anything: when
# every processor is wanted by others, clients and gateway get theirs late. What has collapsed
# accepts next to nothing, and answers after the seconds of a time-out.
GOODPUT, GOODPUT_SHORT = 0.9, 0.3
REFUSED_MS, REFUSED_MS_SHORT = 50, 2000


class Readers:
    """One who looks at maps meanwhile."""

    def __init__(self, stack, events):
        self.stack, self.events = stack, events
        self.answers, self._end = [], threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(END_S)

    def _run(self):
        while not self._end.wait(READ_PAUSE_S):
            event, began = self.events[len(self.answers) % len(self.events)], time.monotonic()
            try:
                status = self.stack.web.get(f"/api/events/{event}").status
            except OSError as error:
                status = repr(error)
            self.answers.append((status, time.monotonic() - began))

    def slowest(self, part=0.99):
        times = sorted(took for _, took in self.answers)
        return times[int(part * (len(times) - 1))]


def test_overload(stack, campaign, tmp_path):
    flood, doors = Flood(stack.gateway_port, tmp_path), stack.instances("write-api")
    most = PLACES * len(doors) * 15 // 16  # so that nobody is refused yet
    with (stack.changed(dict.fromkeys(doors, FAR_AWAY)),
          campaign("overload", rate=USUAL_RATE, requests=0) as c):
        before = memory_mb(stack)
        warm = flood.run(c.events, c.seats, connections=64, seconds=WARM_S)
        peak = flood.run(c.events, c.seats, connections=most, seconds=c.times(full=15, short=4))
        with Readers(stack, c.events) as readers:
            over = flood.run(c.events, c.seats, connections=CONNECTIONS,
                             seconds=c.times(full=60, short=8), rate=TIMES * peak.accepted_per_s)
        ended = time.time()
        decided = c.settle(within=END_S)
        grown = max(now - before[name] for name, now in memory_mb(stack).items())
        limit = c.times(full=NORMAL_S, short=4)
        wait_for(lambda: time.time() > ended + limit + AFTER_S, END_S, "it is long over")
        c.end_load()
        tell(c, peak, over, readers, grown)
        late = max((line["at"] - ended for line in c.record
                    if line["at"] > ended and line["status"] != 202), default=0)
        c.figure("last refused after the overload", late, "s", at_most=limit)
        assert any(line["at"] > ended + limit for line in c.record), "nobody asked afterwards"
        c.figure("all decided after the overload", decided, "s", at_most=NORMAL_S)
        c.record += warm.record + peak.record + over.record
        c.settle_readers(within=END_S)
        c.prove()


def tell(c, peak, over, readers, grown):
    c.figure("peak", peak.accepted_per_s, "bookings/s")
    c.figure("refused at the peak", peak.counts["refused"])
    c.figure("offered", over.counts["offered"] / over.seconds, "bookings/s")
    c.figure("of these left without a connection", over.counts["unsent"])
    for flooded in (peak, over):
        flooded.check_answered()
    others = [line for line in c.record if line["status"] not in (202, 503)]
    assert not others, others[:5]
    assert over.counts["refused"] > over.counts["accepted"], over.counts
    assert {status for status, _ in readers.answers} == {200}, readers.answers[:5]
    c.figure("accepted, of the peak", over.accepted_per_s / peak.accepted_per_s,
             at_least=c.times(GOODPUT, GOODPUT_SHORT))
    c.figure("refused", over.counts["refused"])
    c.figure("of these in doubt", over.counts["in_doubt"])
    c.figure("refused within (p99)", over.counts["refused_ms"]["p99"], "ms",
             at_most=c.times(full=REFUSED_MS, short=None))
    c.figure("refused within, but for those in doubt (p99)", over.counts["turned_away_ms"]["p99"],
             "ms", at_most=c.times(REFUSED_MS, REFUSED_MS_SHORT))
    c.figure("accepted within (p99)", over.counts["accepted_ms"]["p99"], "ms")
    c.figure("maps read meanwhile", len(readers.answers), at_least=1)
    c.figure("each within (p99)", readers.slowest(), "s", at_most=c.times(full=1, short=5))
    c.figure("a program's memory grew by", grown, "MB", at_most=MEMORY_MB_MAX)
