"""The first minute of a sale: a queue simulation from measured costs, and a small real one beside
it.

A request goes through three stages: it is accepted, decided, and made visible. In steps of STEP_S
each stage serves first come, first served. Stages of one machine share its processors evenly, but
none takes more than its queue needs or serves faster than was measured of it alone. Who finds all
places of the gateway taken is refused, and comes again after 1, 2 or 3 s.
"""
import math
from collections import deque
from dataclasses import dataclass, field

from support.flood import Flood

STEP_S = 0.01
RETRIES_S = (1, 2, 3)
SECONDS_MAX = 600
HALF_S = 15           # half of the requests come within the first quarter of the minute
PARTS = (50, 90, 99)
REQUESTS, QUICK_REQUESTS = 20_000, 500
SECONDS = 5           # in which these are sent
EVENTS, SEATS = 20, 1000
CONNECTIONS = 256
END_S = 60


@dataclass
class Stage:
    """cpu_us: of a processor, for one request. per_s_max: alone on the machine."""

    name: str
    cpu_us: float
    per_s_max: float
    queue: deque = field(default_factory=deque)  # [when it came, how many], first come first
    waiting: float = 0.0
    longest: float = 0.0
    waits: list = field(default_factory=list)    # (seconds since it came, how many) at its end

    def put(self, came, count):
        self.queue.append([came, count])
        self.waiting += count
        self.longest = max(self.longest, self.waiting)

    def wanted_us(self):
        return min(self.waiting, self.per_s_max * STEP_S) * self.cpu_us

    def serve(self, count, now):
        """Yields what is done: (when it came, how many)."""
        left = min(count, self.waiting)
        self.waiting -= left
        while left > 1e-9 and self.queue:
            chunk = self.queue[0]
            done = min(left, chunk[1])
            chunk[1] -= done
            left -= done
            if chunk[1] <= 1e-9:
                self.queue.popleft()
            self.waits.append((now - chunk[0], done))
            yield chunk[0], done

    def wait_s(self, part):
        """Percentile of the time from the request to this stage's end."""
        total, seen = sum(count for _, count in self.waits), 0.0
        for waited, count in sorted(self.waits):
            seen += count
            if seen >= total * part / 100:
                return waited
        return 0.0


def shares(wanted, budget):
    """Evenly, and what one does not need goes to the others."""
    given, left = [0.0] * len(wanted), budget
    for place, number in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
        given[number] = min(wanted[number], left / (len(wanted) - place))
        left -= given[number]
    return given


def front_loaded(requests, seconds):
    """How many come in each step: fewer and fewer, half of them in a quarter of the time."""
    pace = math.log(2) / (HALF_S * seconds / 60)
    steps = int(seconds / STEP_S)
    marks = [1 - math.exp(-pace * STEP_S * step) for step in range(steps + 1)]
    return [requests * (marks[n + 1] - marks[n]) / marks[-1] for n in range(steps)]


def simulate(arrivals, stages, cores, places):
    """Until everything is visible; the stages then know their queues and waits. Answers how many
    refusals there were, and the seconds."""
    again, refused, step, left = {}, 0.0, 0, sum(arrivals)
    places += stages[0].per_s_max * STEP_S  # within a step, one place is for several
    while left > 0.5 and step * STEP_S < SECONDS_MAX:
        now = step * STEP_S
        chunks = again.pop(step, [])
        if step < len(arrivals):
            chunks.append((now, arrivals[step]))
        for came, count in chunks:
            room = max(0.0, min(count, places - stages[0].waiting))
            if room:
                stages[0].put(came, room)
            if count > room:
                refused += count - room
                after = RETRIES_S[step % len(RETRIES_S)]
                again.setdefault(step + int(after / STEP_S), []).append((came, count - room))
        given = shares([stage.wanted_us() for stage in stages], cores * STEP_S * 1e6)
        for number in reversed(range(len(stages))):
            stage = stages[number]
            for came, count in stage.serve(given[number] / stage.cpu_us, now + STEP_S):
                if number + 1 < len(stages):
                    stages[number + 1].put(came, count)
                else:
                    left -= count
        step += 1
    return refused, step * STEP_S


# --- a real one ----------------------------------------------------------------------------------

def run(bench):
    """REQUESTS within SECONDS through the gateway; what became of each, by PostgreSQL's clock."""
    seatline = bench.seatline
    seatline.rest()
    requests = QUICK_REQUESTS if bench.quick else REQUESTS
    ids = [bench.fresh_name("burst") for _ in range(EVENTS)]
    seatline.add_events(ids, SEATS)
    bench.settle()
    for event in ids:
        seatline.wait_maps([event], SEATS)
    told = rush(bench, ids, requests)
    accepted = {line["booking_id"]: line["at"] for line in told.record if line["status"] == 202}
    seatline.rest()
    decided = dict(seatline.pg_rows(
        "SELECT booking_id::text, extract(epoch FROM decided_at)::float8 FROM bookings"
        " WHERE event_id = ANY (%s)", ids))
    assert set(accepted) <= set(decided), "an accepted request has no outcome"
    waits = sorted((decided[booking] - at) * 1000 for booking, at in accepted.items())
    bench.figures.add("burst.accepted", len(accepted), "requests")
    bench.figures.add("burst.refused", told.counts["refused"], "requests")
    for part in PARTS:
        bench.figures.add(f"burst.accept_p{part}", percentile(sorted(
            line["took_ms"] for line in told.record if line["status"] == 202), part), "ms")
        bench.figures.add(f"burst.decided_p{part}", percentile(waits, part), "ms")


def percentile(values, part):
    return values[min(len(values) - 1, len(values) * part // 100)]


def rush(bench, ids, requests):
    """Its own cost is a part of what the machine has to do."""
    flood = Flood(bench.seatline.gateway_port, bench.work)
    seconds = 1 if bench.quick else SECONDS
    with bench.cpu("burst") as cpu:
        told = flood.run(ids, SEATS, connections=CONNECTIONS, seconds=seconds,
                         rate=requests / seconds, requests=requests)
        bench.seatline.wait_consumed(END_S)
        bench.seatline.wait_projected(END_S)
        cpu.operations = told.counts["sent"]
    return told
