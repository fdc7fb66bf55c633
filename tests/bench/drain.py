"""A backlog in Kafka until the last of it is committed in PostgreSQL; the worker works alone."""

import re

from seatline import event_ids

FRESH = (200, 1000, 1)    # events, seats of each, requests for each seat
LOSERS = (20, 1000, 10)
HOT = (1, 50_000, 1)
QUICK = (10, 50, 1)
PEER_COMMANDS = 5000      # as its run.sh has it
QUICK_PEER_COMMANDS = 300
DRAIN_S = 180

# By PostgreSQL's own clock: from the first decision to the last, without what was decided first.
RATE = """
SELECT count(*), count(*) FILTER (WHERE status = 'confirmed'),
       extract(epoch FROM max(decided_at) - min(decided_at))::float8,
       (SELECT count(*) FROM bookings
        WHERE event_id = ANY (%s) AND decided_at =
              (SELECT min(decided_at) FROM bookings WHERE event_id = ANY (%s)))
FROM bookings WHERE event_id = ANY (%s)
"""
SOLD = """
SELECT count(*), count(DISTINCT booking_id) FROM seats
WHERE event_id = ANY (%s) AND status = 'booked' AND version = 1
"""


def run(bench):
    bench.in_turn([lambda: fresh(bench), lambda: hot(bench), lambda: losers(bench),
                   lambda: peer(bench), lambda: pgbench(bench)])


def backlog(bench, name, shape, partition=None):
    """Events, and a request for each of their seats in Kafka; nobody works on it yet. shape in the
    quick form is QUICK, with as many requests for one seat. Answers ids and shape."""
    seatline = bench.seatline
    events, seats, times = (*QUICK[:2], shape[2]) if bench.quick else shape
    ids = event_ids(bench.fresh_name(name), events, partition)
    seatline.add_events(ids, seats)
    seatline.settle()
    return ids, (events, seats, times), seatline.preload(ids, seats, times)


def decide(bench, name, ids, shape):
    """Starts the worker on it, and waits for the last commit; outcomes a second."""
    seatline = bench.seatline
    with bench.cpu(f"drain.{name}") as cpu:
        seatline["worker-0"].start()
        seatline.wait_consumed(DRAIN_S)
        cpu.operations = shape[0] * shape[1] * shape[2]
    bench.memory.note("worker")
    return prove(seatline, ids, shape)


def prove(seatline, ids, shape):
    """Each request has its outcome, each seat one owner. Outcomes a second."""
    events, seats, times = shape
    made, confirmed, seconds, first = seatline.pg_rows(RATE, ids, ids, ids)[0]
    assert (made, confirmed) == (events * seats * times, events * seats), (made, confirmed, shape)
    assert seatline.pg_rows(SOLD, ids)[0] == (confirmed, confirmed)
    return (made - first) / seconds if seconds else float(made)


def drained(bench, name, shape, partition=None):
    bench.seatline.run_only()
    ids, shape, produced = backlog(bench, name, shape, partition)
    return decide(bench, name, ids, shape), produced


def fresh(bench):
    rate, produced = drained(bench, "fresh", FRESH)
    bench.figures.add("drain.fresh.ours", rate, "/s")
    bench.figures.add("drain.produced.floor", produced["messages"] / produced["seconds"], "/s")


def hot(bench):
    bench.figures.add("drain.hot.ours", drained(bench, "hot", HOT)[0], "/s")


def losers(bench):
    """Nine of ten requests for a seat come too late: those, a second."""
    rate = drained(bench, "losers", LOSERS)[0]
    bench.figures.add("drain.losers.ours", rate * (1 - 1 / LOSERS[2]), "/s")


def peer(bench):
    """As its run.sh does it: the worker runs, and drain.js gives it work and counts."""
    bench.seatline.run_only()
    bench.peer.setup()
    bench.peer.start("worker")
    commands = QUICK_PEER_COMMANDS if bench.quick else PEER_COMMANDS
    told = bench.peer.node("drain.js", str(commands), within=DRAIN_S)
    bench.figures.add("drain.fresh.peer", float(re.search(r"booked/s=(\d+)", told).group(1)), "/s")
    bench.memory.note_peer("worker")
    bench.peer.stop("worker")


def pgbench(bench):
    bench.seatline.run_only()
    bench.pgbench.setup()
    bench.figures.add("drain.fresh.pgbench", bench.pgbench.claims_per_s(bench.seconds), "/s")
