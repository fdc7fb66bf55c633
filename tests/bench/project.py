"""From PostgreSQL's log to equal maps in MongoDB: behind a working worker, and to catch up."""

import time

import drain
from support.wait import wait_for

POLL_S = 0.02
WITHIN_S = 180


def run(bench):
    bench.in_turn([lambda: follow(bench), lambda: catch_up(bench), lambda: peer(bench)])


def folded(seatline, ids):
    """Seats whose change stands in the maps: a map's version is the sum of its seats'."""
    maps = seatline.mongo()["events"].find({"_id": {"$in": ids}}, {"version": 1})
    return sum(each["version"] for each in maps)


def loaded(bench, name):
    """A backlog whose events have their maps already."""
    bench.seatline.run_only()
    backlog = drain.backlog(bench, name, drain.FRESH)
    bench.seatline.run_only("projector")
    bench.seatline.wait_maps(backlog.ids, backlog.shape[1])
    return backlog


def follow(bench):
    """Worker and projector at work together: from the last commit until all maps are equal."""
    seatline, backlog = bench.seatline, loaded(bench, "follow")
    with bench.cpu("project.follow") as cpu:
        behind = follow_s(seatline, backlog)
        cpu.operations = backlog.commands
    bench.figures.add("project.behind.ours", behind, "s")
    backlog.prove()
    bench.memory.note("projector")
    seatline.wait_projected()


def follow_s(seatline, backlog):
    stored, seats = seatline.stored(), backlog.commands
    seatline["worker-0"].start()
    deadline = time.monotonic() + WITHIN_S
    while seatline.consumed() < stored:
        assert time.monotonic() < deadline, f"{stored} messages are not decided"
        time.sleep(POLL_S)
    committed = time.monotonic()
    wait_for(lambda: folded(seatline, backlog.ids) >= seats, WITHIN_S, f"{seats} seats are folded")
    return time.monotonic() - committed


def catch_up(bench):
    """The worker is done before the projector begins: seats a second."""
    seatline, backlog = bench.seatline, loaded(bench, "catch")
    seatline.run_only()
    backlog.decide(bench)
    seatline["worker-0"].stop()
    with bench.cpu("project.catch") as cpu:
        seatline["projector-0"].start()
        seen = series(seatline, backlog.ids, backlog.commands)
        cpu.operations = backlog.commands
    bench.figures.add("project.catch.ours", rate(seen), "/s")
    seatline.wait_projected()
    bench.memory.note("projector")
    stored = seatline.mongo().command("collStats", "bookings")
    bench.figures.add("size.mongodb", stored["totalSize"] / stored["count"], "bytes")


def series(seatline, ids, seats):
    """(time, seats folded), from the first change to the last."""
    seen, deadline = [], time.monotonic() + WITHIN_S
    while not seen or seen[-1][1] < seats:
        assert time.monotonic() < deadline, seen[-1:]
        done = folded(seatline, ids)
        if done:
            seen.append((time.monotonic(), done))
        time.sleep(POLL_S)
    return seen


def rate(seen):
    """One that was done at the first look has the time between two looks."""
    seconds = seen[-1][0] - seen[0][0]
    return (seen[-1][1] - seen[0][1]) / seconds if seconds else seen[-1][1] / POLL_S


def peer(bench):
    """data-sync, one updateOne a seat, over what its worker has booked."""
    booked, _ = drain.peer_booked(bench)
    states = bench.seatline.mongo().client["peer_read"]["sync_state"]
    before = states.find_one()["lastSyncTimestamp"]
    bench.peer.start("projector")
    begun = time.monotonic()
    wait_for(lambda: states.find_one()["lastSyncTimestamp"] != before, WITHIN_S,
             "data-sync is through")
    bench.figures.add("project.catch.peer", booked / (time.monotonic() - begun), "/s")
    bench.memory.note_peer("projector")
    bench.peer.stop("projector")
