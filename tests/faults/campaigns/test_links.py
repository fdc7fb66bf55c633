"""Each way from a program to a server is slow, reset, cut or silent while everybody books: every
wait has an end, whoever cannot work says so, and all goes on afterwards."""

import contextlib
import itertools
import threading
import time
from dataclasses import dataclass

from support.live import EventSource
from support.stack import DLQ
from support.toxiproxy import LINKS, through_proxies
from support.wait import wait_for

ANSWERED_S = {"write": 3, "read": 5, "livez": 1, "readyz": 1}
# The short form is for any machine, however busy.
ANSWERED_S_SHORT = {"write": 5, "read": 7, "livez": 5, "readyz": 5}
BACK_S, BACK_S_SHORT = 10, 30
FULL_RATE = 400  # for as long as the faults last
PROBES = 6  # events, over the partitions
PROBE_SEATS = 100
WATCH_PAUSE_S = 0.05
END_S = 30

# A silent server: who needs it says so within its time-outs, who does not goes on within these.
SAYS_S = {"write-api-kafka": 5, "worker-kafka": 20, "worker-postgresql": 12,
          "projector-postgresql": 12, "projector-mongodb": 12, "read-api-mongodb": 6}
GOES_ON_S, GOES_ON_S_SHORT = 5, 9
FAULTS = ("slow", "reset", "slow_close", "hang")
# Together where one link's fault shows nothing of another's.
SHORT_ROUNDS = [
    ("hang", sorted(set(LINKS) - set(SAYS_S))),
    ("hang", ["worker-kafka", "projector-postgresql", "read-api-mongodb"]),
    ("hang", ["write-api-kafka", "worker-postgresql", "projector-mongodb"]),
    ("slow", list(LINKS)), ("reset", list(LINKS)), ("slow_close", list(LINKS))]
FULL_ROUNDS = [(how, [link]) for link in LINKS for how in FAULTS]


@dataclass
class Seen:
    """An answer to whoever watches."""

    kind: str
    of: str
    at: float
    took: float
    status: int


class Watch:
    """Reads, and asks each program how it is, the whole time."""

    def __init__(self, stack, event):
        self.stack, self.event = stack, event
        self.seen, self._end = [], threading.Event()
        asked = [("read", "gateway", stack.web, f"/api/events/{event}")]
        for name in stack.instances():
            for path in ("livez", "readyz"):
                asked.append((path, name, stack.ops(name), f"/{path}"))
        self._threads = [threading.Thread(target=self._run, args=one, daemon=True) for one in asked]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(END_S)

    def _run(self, kind, of, client, path):
        while not self._end.wait(WATCH_PAUSE_S):
            at, began = time.time(), time.monotonic()
            try:
                status = client.get(path).status
            except OSError:
                status = 0
            self.seen.append(Seen(kind, of, at, time.monotonic() - began, status))


class Rounds:
    def __init__(self, stack, c, links):
        self.stack, self.c, self.links = stack, c, links
        self.probes = stack.create_events(PROBES, PROBE_SEATS)
        self.live = EventSource(stack.gateway_port, self.probes[0])
        self.seats = itertools.count(1)
        self.done = []  # (links, since, until) as the record has it
        self.back_s, self.slowest_back = c.times(BACK_S, BACK_S_SHORT), 0.0

    def one(self, how, names):
        since = time.time()
        with contextlib.ExitStack() as faults:
            for name in names:
                faults.enter_context(getattr(self.links[name], how)())
            if how == "hang":
                self._seen_to_hang(names)
            else:
                self.c.wait_answered(1, END_S)
                time.sleep(self.c.times(full=3, short=1.5))
        until, ended = time.time(), time.monotonic()
        self._goes_on(self.back_s, f"after {how} of {', '.join(names)}")
        wait_for(self._all_ready, self.back_s, f"all are ready after {how} of {', '.join(names)}")
        self.slowest_back = max(self.slowest_back, time.monotonic() - ended)
        self.done.append((names, since, until))

    def _seen_to_hang(self, names):
        for name in names:
            if name in SAYS_S:
                wait_for(lambda: self._says_no(self.links[name].program), SAYS_S[name],
                         f"{name} hangs, and the program says that it is not ready")
        if not set(names) & set(SAYS_S):
            self._goes_on(self.c.times(GOES_ON_S, GOES_ON_S_SHORT),
                          f"while {', '.join(names)} hangs", names)
            assert self._all_ready(), "nobody needs these"

    def _says_no(self, program):
        """A projector that stands by need not notice."""
        no = [not self.stack.is_ready(name) for name in self.stack.instances(program)]
        return any(no) if program == "projector" else all(no)

    def _all_ready(self):
        return all(self.stack.is_ready(name) for name in self.stack.instances())

    def _goes_on(self, within, when, unheard=()):
        """Bookings in several partitions are accepted, decided, readable, and told to listeners."""
        seat = f"S{next(self.seats)}"
        ids = [wait_for(lambda: self._booked(event, seat), within, f"{event} is booked {when}")
               for event in self.probes]
        for booking_id in ids:
            booking = self.stack.outcome(booking_id, within)
            assert booking["status"] == "confirmed", booking
        if "projector-live" not in unheard:
            version = self.stack.seat_map(self.probes[0])["version"]
            wait_for(lambda: self._told(version), within, f"a listener is told {when}")

    def _booked(self, event, seat):
        answer = self.stack.book(event, seat, f"probe-{len(self.done)}",
                                 Idempotency_Key=f"{event}-{seat}")
        return answer.status == 202 and answer.json()["bookingId"]

    def _told(self, version):
        message = self.live.next(0.1)
        return message and message.data["version"] >= version


def test_links(stack, campaign):
    dead_letters = stack.kafka_ends(DLQ)
    with through_proxies(stack) as links, campaign("links", full_rate=FULL_RATE) as c:
        rounds = Rounds(stack, c, links)
        with rounds.live, Watch(stack, rounds.probes[0]) as watch:
            for how, names in c.times(FULL_ROUNDS, SHORT_ROUNDS):
                rounds.one(how, names)
        c.end_load()
        c.figure("faults", sum(len(names) for names, _, _ in rounds.done))
        tell(c, rounds, watch)
        c.figure("all decided after", c.settle(within=30), "s", at_most=rounds.back_s)
        assert stack.kafka_ends(DLQ) == dead_letters
        c.settle_readers(within=20)
        c.prove()


def tell(c, rounds, watch):
    bounds = c.times(ANSWERED_S, ANSWERED_S_SHORT)
    slowest = {"write": max(line["took_ms"] for line in c.record) / 1000}
    for seen in watch.seen:
        slowest[seen.kind] = max(slowest.get(seen.kind, 0), seen.took)
    for kind, took in slowest.items():
        c.figure(f"slowest answer, {kind}", took, "s", at_most=bounds[kind])
    c.figure("works again after at most", rounds.slowest_back, "s", at_most=rounds.back_s)
    assert {seen.status for seen in watch.seen if seen.kind == "livez"} == {200}
    assert {seen.status for seen in watch.seen} == {200, 503}
    unexpected = [line for line in c.record if line["status"] != 202 and not (
        line["status"] == 503 and is_expected(rounds, "write-api-kafka", line["at"]))]
    assert not [line for line in unexpected if line["status"] != 503 or c.full], unexpected[:5]
    unread = [seen for seen in watch.seen if seen.kind == "read" and seen.status != 200
              and not is_expected(rounds, "read-api-mongodb", seen.at)]
    assert not unread, unread[:5]


def is_expected(rounds, link, at):
    """A refusal, at this time: the link had a fault, or was just recovering."""
    return any(link in names and since <= at <= until + rounds.back_s
               for names, since, until in rounds.done)
