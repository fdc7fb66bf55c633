"""Seat maps and the list of events: read-api direct and through the gateway, at rest and while the
event changes."""

import bisect
import gzip
import subprocess
import sys
import threading
import time

import load
from load import HERE
from support.web import Client

CONNECTIONS = 64
SMALL, LARGE, CHANGING = "map-1000", "map-10000", "map-changing"
PEER_EVENT = "evt1"
LIST = "/api/events?limit=20"  # the peer has twenty
CHANGES_PER_S = 500
BEFORE_S, AFTER_S = 1, 1
SAMPLE_S = 0.01
END_S = 30

# A map's version is how often its seats have changed.
CHANGES = """
SELECT (sum(cardinality(seat_ids)) OVER (ORDER BY xid, seq))::bigint,
       extract(epoch FROM decided_at)::float8
FROM booking_log WHERE event_id = %s AND cardinality(seat_ids) > 0 ORDER BY xid, seq
"""


def prepare(bench):
    seatline = bench.seatline
    for event, seats in ((SMALL, 1000), (LARGE, 10_000), (CHANGING, 1000)):
        seatline.add_events([event], seats)
    bench.settle()


def path(event):
    return f"/api/events/{event}"


def run(bench):
    seatline = bench.seatline
    seatline.rest()
    for event, seats in ((SMALL, 1000), (LARGE, 10_000), (CHANGING, 1000)):
        seatline.wait_maps([event], seats)
    seatline.run_only("read-api")
    put_files(bench)
    bench.peer.start("read-api")
    others = [lambda: pair(bench, "gzip", path(SMALL), "map.json.gz", "Accept-Encoding: gzip"),
              lambda: pair(bench, "large", path(LARGE), "large.json")]
    bench.in_turn([
        lambda: pair(bench, "map", path(SMALL), "map.json"), *bench.unless_quick(others),
        lambda: gateway(bench),
        lambda: ours(bench, "not_modified", path(SMALL), tag(seatline.read_port, path(SMALL))),
        lambda: ours(bench, "list", LIST),
        lambda: peer(bench)])
    bench.memory.note("read-api")
    bench.memory.note_peer("read-api")
    bench.peer.stop("read-api")
    changing(bench)


def put_files(bench):
    """What nginx serves is what read-api answers, byte for byte."""
    for event, name in ((SMALL, "map.json"), (LARGE, "large.json")):
        content = body(bench.seatline.read_port, path(event))
        for files in (bench.files, bench.files_first):
            files.put(name, content)
    zipped = body(bench.seatline.read_port, path(SMALL), {"Accept-Encoding": "gzip"})
    bench.files.put("map.json.gz", zipped if zipped[:2] == b"\x1f\x8b" else gzip.compress(zipped))


def body(port, where, headers=None):
    answer = Client(port).get(where, headers)
    assert answer.status == 200, answer
    return answer.body


def tag(port, where):
    return "If-None-Match: " + Client(port).get(where).header("ETag")


def measure(bench, name, url, *headers):
    told = load.wrk(url, CONNECTIONS, bench.seconds, headers=headers)
    bench.figures.add(name, told.per_s, "/s")
    return told


def ours(bench, what, where, *headers):
    url = f"http://127.0.0.1:{bench.seatline.read_port}{where}"
    with bench.cpu(f"read.{what}") as cpu:
        cpu.operations = measure(bench, f"read.{what}.ours", url, *headers).ok


def pair(bench, what, where, file, *headers):
    """And right after it nginx with a file of the same bytes."""
    ours(bench, what, where, *headers)
    measure(bench, f"read.{what}.nginx", bench.files.url(file), *headers)


def gateway(bench):
    url = f"http://127.0.0.1:{bench.seatline.gateway_port}{path(SMALL)}"
    with bench.cpu("read.gateway") as cpu:
        cpu.operations = measure(bench, "read.gateway.ours", url).ok
    measure(bench, "read.gateway.nginx", bench.files_first.url("map.json"))


def peer(bench):
    base = f"http://127.0.0.1:{bench.peer.read_port}"
    bench.warm(lambda seconds: load.wrk(base + path(PEER_EVENT), CONNECTIONS, seconds))
    measure(bench, "read.map.peer", base + path(PEER_EVENT))
    measure(bench, "read.not_modified.peer", base + path(PEER_EVENT),
            tag(bench.peer.read_port, path(PEER_EVENT)))
    measure(bench, "read.list.peer", base + "/api/events")


# --- while the event changes ---------------------------------------------------------------------

class Ages:
    """How long what is served has been out of date, looked at again and again by one more reader.
    PostgreSQL's log is the truth: a map is out of date from the time when a later change of the
    event was decided, which is shortly before it was committed. Both clocks are this machine's."""

    def __init__(self, seatline):
        self.seatline, self.reader = seatline, Client(seatline.read_port)
        self.served, self.over = [], False
        self.thread = threading.Thread(target=self.read)

    def read(self):
        while not self.over:
            answer = self.reader.get(path(CHANGING))
            assert answer.status == 200, answer
            self.served.append((answer.json()["version"], time.time()))
            time.sleep(SAMPLE_S)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join(END_S)

    def all_ms(self):
        """One for each answer, 0 when it was the newest."""
        changes = self.seatline.pg_rows(CHANGES, CHANGING)
        versions, ages = [version for version, _ in changes], []
        for version, at in self.served:
            later = bisect.bisect_right(versions, version)
            since = changes[later][1] if later < len(changes) else at
            ages.append(max(0.0, at - since) * 1000)
        return ages


def changing(bench):
    seatline = bench.seatline
    seatline.run_only("worker", "projector", "read-api")
    changes = subprocess.Popen(
        [sys.executable, HERE / "changes.py", seatline.kafka_brokers,
         seatline.secrets["BOOKING_ID_SECRET"], CHANGING, str(CHANGES_PER_S),
         str(BEFORE_S + bench.seconds + AFTER_S)])
    try:
        time.sleep(BEFORE_S)
        with Ages(seatline) as ages:
            ours(bench, "changing", path(CHANGING))
    finally:
        assert changes.wait(END_S) == 0
    seatline.wait_consumed()
    seen = sorted(ages.all_ms())
    assert len({version for version, _ in ages.served}) > 1, "the map did not change"
    bench.figures.add("read.changing.age_max", seen[-1], "ms")
    bench.figures.add("read.changing.age_p99", seen[int(len(seen) * 0.99)], "ms")
    seatline.rest()
