"""Seat maps and the list of events: read-api direct and through the gateway, at rest and while the
event changes."""

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
    bench.in_turn([
        lambda: pair(bench, "map", path(SMALL), "map.json"),
        lambda: pair(bench, "gzip", path(SMALL), "map.json.gz", "Accept-Encoding: gzip"),
        lambda: pair(bench, "large", path(LARGE), "large.json"),
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
        bench.files.put(name, body(bench.seatline.read_port, path(event)))
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
    MongoDB's map is the truth: a version is out of date when a later one is seen there."""

    def __init__(self, seatline):
        self.maps = seatline.mongo()["events"]
        self.reader = Client(seatline.read_port)
        self.newer, self.served, self.over = [], [], False
        self.threads = [threading.Thread(target=each) for each in (self.watch, self.read)]

    def watch(self):
        while not self.over:
            version = self.maps.find_one({"_id": CHANGING}, {"version": 1})["version"]
            if not self.newer or version > self.newer[-1][0]:
                self.newer.append((version, time.monotonic()))
            time.sleep(SAMPLE_S / 5)

    def read(self):
        while not self.over:
            answer = self.reader.get(path(CHANGING))
            assert answer.status == 200, answer
            self.served.append((answer.json()["version"], time.monotonic()))
            time.sleep(SAMPLE_S)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for thread in self.threads:
            thread.join(END_S)

    def all_ms(self):
        """One for each answer, 0 when it was the newest."""
        ages = []
        for version, at in self.served:
            later = next((seen for newer, seen in self.newer if newer > version), at)
            ages.append(max(0.0, at - later) * 1000)
        return ages


def changing(bench):
    seatline = bench.seatline
    seatline.run_only("worker", "projector", "read-api")
    rest = f"http://127.0.0.1:{seatline.read_port}{path(CHANGING)}"
    changes = subprocess.Popen(
        [sys.executable, HERE / "changes.py", seatline.kafka_brokers,
         seatline.secrets["BOOKING_ID_SECRET"], CHANGING, str(CHANGES_PER_S),
         str(BEFORE_S + bench.seconds + AFTER_S)])
    try:
        time.sleep(BEFORE_S)
        with Ages(seatline) as ages:
            measure(bench, "read.changing.ours", rest)
    finally:
        assert changes.wait(END_S) == 0
    seen = sorted(ages.all_ms())
    assert len({version for version, _ in ages.served}) > 1, "the map did not change"
    bench.figures.add("read.changing.age_max", seen[-1], "ms")
    bench.figures.add("read.changing.age_p99", seen[int(len(seen) * 0.99)], "ms")
    seatline.rest()
