"""From a POST until the map shows it, to a client that looks again and again."""

import re
import threading
import time

from support.flood import Flood
from support.web import Client

SAMPLES, QUICK_SAMPLES = 100, 5
PEER_SAMPLES = 2          # each waits for half its interval of 5 s
EVENTS, SEATS = 10, 1000  # that the others book
RATE, CONNECTIONS = 500, 32
LOOK_S = 0.0005
PAUSE_S = 0.01
WITHIN_S = 10
WARM_S = 1


def run(bench):
    seatline = bench.seatline
    seatline.rest()
    bench.in_turn([lambda: at_rest(bench), lambda: busy(bench), lambda: peer(bench)])


def theatre(bench, name):
    """Its first event has more seats than the others book: for the samples."""
    seatline = bench.seatline
    ids = [bench.fresh_name(name) for _ in range(EVENTS)]
    seatline.add_events(ids[:1], SEATS + SAMPLES)
    seatline.add_events(ids[1:], SEATS)
    bench.settle()
    seatline.wait_maps(ids[:1], SEATS + SAMPLES)
    seatline.wait_maps(ids[1:], SEATS)
    return ids


def samples(bench, event):
    """Milliseconds until accepted, and until visible."""
    writer, reader = Client(bench.seatline.write_port), Client(bench.seatline.read_port)
    accepted, visible, tag = [], [], None
    for number in range(QUICK_SAMPLES if bench.quick else SAMPLES):
        seat, begun = f"S{SEATS + 1 + number}", time.monotonic()
        answer = writer.post("/api/book", {"userId": "u1", "eventId": event, "seatId": seat})
        assert answer.status == 202, answer
        accepted.append((time.monotonic() - begun) * 1000)
        tag = look_for(reader, event, seat, tag)
        visible.append((time.monotonic() - begun) * 1000)
        time.sleep(PAUSE_S)
    return sorted(accepted), sorted(visible)


def look_for(reader, event, seat, tag):
    booked = re.compile(rb'"seat_id":"%b","status":"booked"' % seat.encode())
    until = time.monotonic() + WITHIN_S
    while time.monotonic() < until:
        answer = reader.get(f"/api/events/{event}", {"If-None-Match": tag} if tag else {})
        assert answer.status in (200, 304), answer
        tag = answer.header("ETag")
        if booked.search(answer.body):
            return tag
        time.sleep(LOOK_S)
    raise AssertionError(f"{seat} of {event} is not booked after {WITHIN_S} s")


def note(bench, what, accepted, visible):
    for name, times in (("accepted", accepted), ("visible", visible)):
        for part in (50, 99):
            at = min(len(times) - 1, len(times) * part // 100)
            bench.figures.add(f"visible.{what}.{name}_p{part}", times[at], "ms")


def at_rest(bench):
    event = theatre(bench, "calm")[0]
    with bench.cpu("visible.rest") as cpu:
        seen = samples(bench, event)
        cpu.operations = len(seen[0])
    note(bench, "rest", *seen)


def busy(bench):
    """While others book at a rate: any seat of any event, this one's too."""
    ids = theatre(bench, "busy")
    seconds = WARM_S + bench.seconds
    flood = Flood(bench.seatline.write_port, bench.work)
    told = []
    others = threading.Thread(target=lambda: told.append(flood.run(
        ids, SEATS, connections=CONNECTIONS, seconds=seconds, rate=RATE)))
    others.start()
    time.sleep(WARM_S)
    try:
        with bench.cpu("visible.busy") as cpu:
            begun = time.monotonic()
            seen = samples(bench, ids[0])
            cpu.operations = len(seen[0]) + RATE * (time.monotonic() - begun)
    finally:
        others.join()
    note(bench, "busy", *seen)
    bench.figures.add("visible.busy.load", told[0].counts["accepted"] / seconds, "/s")
    bench.seatline.rest()
    bench.memory.note("write-api", "worker", "projector", "read-api")


def peer(bench):
    bench.peer.setup()
    for program in ("write-api", "worker", "projector", "read-api"):
        bench.peer.start(program)
    told = bench.peer.node("latency.js", "1" if bench.quick else str(PEER_SAMPLES))
    found = re.search(r"visible_ms p50=([0-9.]+)", told)
    bench.figures.add("visible.rest.peer_p50", float(found.group(1)), "ms")
    bench.peer.stop()
