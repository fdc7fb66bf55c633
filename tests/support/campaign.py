"""A fault under load: the load, its record, the figures, and what the checker says of it.

Two forms: the short one is for every run, the full one (pytest --full) for the figures that
FAULTS.md tells. Results go to .run/tests/faults/<name>.json, or $SEATLINE_FAULTS_RESULTS.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from support import facts, promises
from support.stack import ROOT, TOPIC
from support.wait import wait_for

EVENTS, SEATS, USERS = 20, 250, 2000
HOLD_TTL_MS = 3000              # so that what nobody confirms lapses while the load lasts
FULL_REQUESTS = 100_000
FULL_RATE, SHORT_RATE = 1500, 300
CONNECTIONS = 64
LOAD_S_MAX = 900
BEGIN_S = 20
END_S = 30                      # for the last answers
BETWEEN_FAULTS = 120            # requests at most, when there were enough already
FULL_S_MAX = 240                # to send what is left of FULL_REQUESTS


class Campaign:
    """rate: requests a second; requests: as many at least; ttl_ms: of a hold."""

    def __init__(self, stack, name, full, scratch, *, rate=None, full_rate=FULL_RATE,
                 connections=CONNECTIONS, requests=None, events=EVENTS, seats=SEATS,
                 ttl_ms=HOLD_TTL_MS, seed=1):
        self.stack, self.name, self.full = stack, name, full
        self.rate = rate or (full_rate if full else SHORT_RATE)
        self.requests = requests if requests is not None else (FULL_REQUESTS if full else 0)
        self.connections, self.seed = connections, seed
        self.event_count, self.seats, self.ttl_ms = events, seats, ttl_ms
        self.record_file = Path(scratch) / f"{name}.jsonl"
        self.settings_file = Path(scratch) / f"{name}.json"
        self.choice = random.Random(seed)
        self.record, self.figures, self.facts = [], [], {}
        self._load = self._reading = None
        self._answered = 0

    def __enter__(self):
        self.events = self.stack.create_events(
            self.event_count, self.seats, "c", hold_ttl_ms=self.ttl_ms)
        self.begin_load()
        return self

    def __exit__(self, error, *_):
        if self._load and self._load.poll() is None:
            self._load.terminate()
            try:
                self._load.wait(END_S)
            except subprocess.TimeoutExpired:
                self._load.kill()
        if self._reading:
            self._reading.close()
        self._keep(failed=error is not None)

    # --- sizes -----------------------------------------------------------------------------

    def times(self, full, short):
        return full if self.full else short

    def faults(self, full, short):
        """Numbers the faults, each at a random moment of its share of the requests that are wanted:
        the last one after all of them, so that the load can end with it."""
        count = self.times(full, short)
        for number in range(count):
            share = number + (self.choice.random() if number < count - 1 else 1)
            more = int(self.requests * share / count) - self.answered()
            self.wait_answered(max(more, self.choice.randint(1, BETWEEN_FAULTS)), FULL_S_MAX)
            yield number

    # --- the load --------------------------------------------------------------------------

    def begin_load(self):
        self.settings_file.write_text(json.dumps({
            "port": self.stack.gateway_port, "record": str(self.record_file),
            "events": self.events, "seats": self.seats, "users": USERS, "rate": self.rate,
            "connections": self.connections, "seconds": LOAD_S_MAX, "requests": 10**9,
            "seed": self.seed}))
        self.record_file.write_text("")
        self._reading = open(self.record_file)
        self._load = subprocess.Popen(
            [sys.executable, "-m", "support.traffic", str(self.settings_file)],
            cwd=ROOT / "tests", stdin=subprocess.DEVNULL)
        self.wait_answered(1, BEGIN_S)

    def answered(self):
        """How many requests the load has the answers of."""
        assert self._load.poll() is None, f"the load ended with {self._load.returncode}"
        while block := self._reading.read(1 << 20):
            self._answered += block.count("\n")
        return self._answered

    def wait_answered(self, more, within=30):
        goal = self.answered() + more
        wait_for(lambda: self.answered() >= goal, within, f"{more} more requests are answered")

    def decided(self):
        """How many of the messages in Kafka the workers are through with."""
        return int(self.stack.pg_value(
            "SELECT coalesce(sum(next_offset), 0) FROM partition_progress WHERE topic = %s", TOPIC))

    def wait_decided(self, more, within=30):
        goal = self.decided() + more
        wait_for(lambda: self.decided() >= goal, within, f"{more} more requests are decided")

    def end_load(self):
        """No new requests, once there were as many as wanted; answers the record."""
        left = self.requests - self.answered()
        if left > 0:
            self.wait_answered(left, FULL_S_MAX)
        self._load.send_signal(signal.SIGTERM)
        assert self._load.wait(END_S) == 0, "the load did not end well"
        with open(self.record_file) as lines:
            self.record = [json.loads(line) for line in lines]
        return self.record

    def answers(self):
        return Counter(line["status"] for line in self.record)

    def took(self, part, lines=None):
        """How long, in ms, this part of the requests took at most: took(0.99)."""
        times = sorted(line["took_ms"] for line in (self.record if lines is None else lines))
        return times[min(int(part * len(times)), len(times) - 1)]

    def check_answered(self, excused=lambda line: False):
        """No request was left without an answer, and none told that nobody is there: what a broken
        connection would look like. That Kafka needed too long on a busy machine is an answer."""
        unanswered = [
            line for line in self.record if line["status"] != 202 and not excused(line) and not (
                line["status"] == 503 and promises.GATEWAY_REASON not in line["reason"])]
        refused = self.answers()[503]
        self.figure("requests refused", refused)
        assert not unanswered, unanswered[:5]
        assert not refused or not self.full, f"{refused} requests were refused"

    # --- afterwards ------------------------------------------------------------------------

    def settle(self, within):
        """s until PostgreSQL has decided all that Kafka has stored."""
        began = time.monotonic()
        ends = {p: end for p, end in self.stack.kafka_ends().items() if end > 0}

        def is_settled():
            progress = dict(self.stack.pg_rows(
                "SELECT partition, next_offset FROM partition_progress WHERE topic = %s", TOPIC))
            return all(progress.get(p, 0) >= end for p, end in ends.items())

        wait_for(is_settled, within, "all that Kafka has stored is decided")
        return time.monotonic() - began

    def settle_readers(self, within):
        """s until MongoDB has all that is in the log; then nothing differs."""
        took = self.wait_read(within)
        self.stack.assert_verified()
        return took

    def wait_read(self, within):
        """s until MongoDB has all that is in the log now."""
        began = time.monotonic()
        xid, seq = self.stack.pg_rows(
            "SELECT xid::text::numeric, seq FROM booking_log"
            " ORDER BY xid DESC, seq DESC LIMIT 1")[0]

        def is_read():
            state = self.stack.mongo()["projector_state"].find_one({"_id": "booking_log"})
            return (int(state["xid"]), int(state["seq"])) >= (int(xid), int(seq))

        wait_for(is_read, within, "MongoDB has all that is in the log")
        return time.monotonic() - began

    def prove(self):
        """The promises, of all that the load did: what was checked is noted, and nothing may be
        wrong."""
        assert self.record, "end_load() comes first"
        assert set(self.answers()) <= {0, 202, 503}, self.answers()
        found = facts.collect(self.stack, self.events)
        assert not found.unrest, f"not at rest: there are {found.unrest}"
        report = promises.check(self.record, found)
        self.facts = {promise: checked for promise, (checked, _) in report.items()}
        wrong = {promise: found for promise, (_, found) in report.items() if found}
        assert not wrong, json.dumps(wrong, default=str, indent=1)[:6000]
        assert all(self.facts.values()) or not self.full, self.facts

    # --- figures ---------------------------------------------------------------------------

    def figure(self, what, value, unit="", *, at_most=None, at_least=None):
        """Noted, then asserted."""
        self.figures.append({"what": what, "value": value, "unit": unit, "at_most": at_most,
                             "at_least": at_least})
        assert at_most is None or value <= at_most, f"{what}: {value} {unit}, not <= {at_most}"
        assert at_least is None or value >= at_least, f"{what}: {value} {unit}, not >= {at_least}"

    def _keep(self, failed):
        directory = Path(os.environ.get("SEATLINE_FAULTS_RESULTS")
                         or ROOT / ".run" / "tests" / "faults")
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{self.name}.json").write_text(json.dumps({
            "name": self.name, "form": "full" if self.full else "short", "failed": failed,
            "requests": len(self.record), "answers": dict(sorted(self.answers().items())),
            "figures": self.figures, "facts": self.facts}, indent=1) + "\n")
