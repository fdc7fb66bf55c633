"""A backlog in Kafka until the last of it is committed in PostgreSQL; the worker works alone."""

import re
from dataclasses import dataclass

from seatline import event_ids

FRESH = (200, 1000, 1)    # events, seats of each, requests for each seat
LOSERS = (20, 1000, 10)
HOT = (1, 50_000, 1)
QUICK = (10, 50)
PEER_COMMANDS = 5000      # as its run.sh has it
QUICK_PEER_COMMANDS = 300
DRAIN_S = 180
STEPS = ("take", "decode", "lock", "load", "decide", "commit", "unlock")  # of a batch

# By PostgreSQL's own clock: from the first decision to the last; how many were decided first tells
# how many that time was not needed for.
RATE = """
WITH made AS (SELECT status, decided_at FROM bookings
              WHERE event_id = ANY (%s) AND decided_at >= %s)
SELECT count(*), count(*) FILTER (WHERE status = 'confirmed'),
       extract(epoch FROM max(decided_at) - min(decided_at))::float8,
       count(*) FILTER (WHERE decided_at = (SELECT min(decided_at) FROM made))
FROM made
"""
SOLD = """
SELECT count(DISTINCT booking_id) FROM seats WHERE event_id = ANY (%s) AND status = 'booked'
"""


def run(bench):
    bench.in_turn([lambda: fresh(bench), lambda: mixed(bench), lambda: hot(bench),
                   lambda: losers(bench), lambda: peer(bench), lambda: pgbench(bench)])


@dataclass
class Backlog:
    """Requests in Kafka that nobody works on yet. shape: events, seats of each, times of each.
    order: as preload.c has it; by event is the peer's own (drain.js)."""

    seatline: object
    ids: list
    shape: tuple
    order: str = "by-event"

    def __post_init__(self):
        self.commands = self.shape[0] * self.shape[1] * self.shape[2]
        self.sold = self.seatline.pg_value(SOLD, self.ids)
        self.since = self.seatline.clock()
        self.produced = self.seatline.preload(self.ids, 1, *self.shape[1:],
                                              order=self.order)

    def prove(self):
        """Each request has its outcome, each seat one owner. Outcomes a second."""
        made, confirmed, seconds, first = self.seatline.pg_rows(RATE, self.ids, self.since)[0]
        seats = self.shape[0] * self.shape[1]
        assert (made, confirmed) == (self.commands, seats), (made, confirmed, self.shape)
        assert self.seatline.pg_value(SOLD, self.ids) - self.sold == seats
        return (made - first) / seconds if seconds else float(made)

    def decide(self, bench, **environment):
        """Starts the worker on it, and waits for the last commit. Outcomes a second."""
        self.seatline["worker-0"].start(**environment)
        self.seatline.wait_consumed(DRAIN_S)
        bench.memory.note("worker")
        return self.prove()


def backlog(bench, name, shape, order="by-event"):
    """On fresh events; in the quick form for few seats."""
    shape = (*QUICK, shape[2]) if bench.quick else shape
    ids = event_ids(bench.fresh_name(name), shape[0])
    bench.seatline.add_events(ids, shape[1])
    bench.settle()
    return Backlog(bench.seatline, ids, shape, order=order)


def drained(bench, name, shape, order="by-event"):
    bench.seatline.run_only()
    made = backlog(bench, name, shape, order)
    with bench.cpu(f"drain.{name}") as cpu:
        rate = made.decide(bench)
        cpu.operations = made.commands
    return rate, made.produced


def sizes(seatline):
    """Bytes of bookings and their log with indexes, and bytes of write-ahead log ever."""
    return seatline.pg_rows("SELECT pg_total_relation_size('bookings')"
                            " + pg_total_relation_size('booking_log'),"
                            " pg_current_wal_lsn() - '0/0'::pg_lsn")[0]


def fresh(bench):
    before = sizes(bench.seatline)
    rate, produced = drained(bench, "fresh", FRESH)
    bench.figures.add("drain.fresh.ours", rate, "/s")
    commands = produced["messages"]
    steps(bench, commands)
    bench.figures.add("drain.produced.floor", commands / produced["seconds"], "/s")
    for name, old, new in zip(("postgresql", "wal"), before, sizes(bench.seatline)):
        bench.figures.add(f"size.{name}", float(new - old) / commands, "bytes")
    bench.figures.add("size.kafka", produced["bytes"] / commands, "bytes")


def steps(bench, commands):
    """Of a worker that has done nothing else since it started; all lanes together."""
    def metric(name, labels=""):
        return bench.seatline.metric("worker-0", f"seatline_worker_{name}", labels)
    for step in STEPS:
        spent = metric("step_seconds_sum", f'step="{step}"')
        bench.figures.add(f"step.{step}.ours", spent * 1e6 / commands, "us")
    bench.figures.add("step.batch.ours", commands / metric("batch_messages_count"), "messages")


def mixed(bench):
    """All events at once, a request for each in turn: each batch has seats of many."""
    bench.figures.add("drain.mixed.ours", drained(bench, "mixed", FRESH, "mixed")[0], "/s")


def hot(bench):
    bench.figures.add("drain.hot.ours", drained(bench, "hot", HOT)[0], "/s")


def losers(bench):
    """Nine of ten requests for a seat come too late: those, a second."""
    rate = drained(bench, "losers", LOSERS)[0]
    bench.figures.add("drain.losers.ours", rate * (1 - 1 / LOSERS[2]), "/s")


def peer_booked(bench):
    """As its run.sh does it: the worker runs, and drain.js gives it work and counts. How many, and
    how many a second."""
    bench.seatline.run_only()
    bench.peer.setup()
    bench.peer.start("worker")
    commands = QUICK_PEER_COMMANDS if bench.quick else PEER_COMMANDS
    told = bench.peer.node("drain.js", str(commands), within=DRAIN_S)
    bench.memory.note_peer("worker")
    bench.peer.stop("worker")
    return commands, float(re.search(r"booked/s=(\d+)", told).group(1))


def peer(bench):
    bench.figures.add("drain.fresh.peer", peer_booked(bench)[1], "/s")


def pgbench(bench):
    bench.seatline.run_only()
    bench.pgbench.setup()
    bench.figures.add("drain.fresh.pgbench", bench.pgbench.claims_per_s(bench.quick), "/s")
