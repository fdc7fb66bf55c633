"""Everybody wants the same seat: one gets it, and everybody knows soon."""

import threading
import time
from collections import Counter

from support.flood import Flood
from support.wait import wait_for

BUYERS, BUYERS_SHORT = 10_000, 2_000
CONNECTIONS = 16  # as many as two write-api let in however slow Kafka is: AT_ONCE_MIN
AGAIN_S = 1  # who is refused comes again
ROUNDS_MAX = 30
KNOWN_S, KNOWN_S_SHORT = 5, 15  # the short form runs on any machine, beside anything
SAMPLE = 200
END_S = 60


class Watching:
    """When each booking of an event was there to be read, in Unix seconds: what read-api reads."""

    def __init__(self, stack, event):
        self.event, self.known, self._end = event, {}, threading.Event()
        self.changes = stack.mongo()["bookings"].watch(
            [{"$match": {"fullDocument.event_id": event}}], full_document="updateLookup",
            max_await_time_ms=200)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(END_S)
        self.changes.close()

    def _run(self):
        while not self._end.is_set():
            change = self.changes.try_next()
            if change and change["fullDocument"]["status"] != "pending":
                self.known.setdefault(change["documentKey"]["_id"], time.time())


class Rush:
    """As many as want the seat are told 202."""

    def __init__(self, flood, event, buyers):
        self.record, self.refused = [], 0
        left = buyers
        for _ in range(ROUNDS_MAX):
            round_ = flood.run([event], 1, connections=CONNECTIONS, seconds=END_S, requests=left,
                               users=buyers)
            round_.check_answered()
            self.record += round_.record
            self.refused += round_.counts["refused"]
            left -= round_.counts["accepted"]
            if left == 0:
                return
            time.sleep(AGAIN_S)
        raise AssertionError(f"{left} of {buyers} were refused until the end")


def test_hot_seat(stack, campaign, tmp_path):
    flood = Flood(stack.gateway_port, tmp_path)
    with campaign("hot_seat", rate=20, requests=0) as c:
        event, buyers = stack.create_event(1, "hot"), c.times(full=BUYERS, short=BUYERS_SHORT)
        with Watching(stack, event) as watching:
            rush = Rush(flood, event, buyers)
            told = {line["booking_id"]: line["at"] + line["took_ms"] / 1000
                    for line in rush.record if line["status"] == 202}
            wait_for(lambda: told.keys() <= watching.known.keys(), END_S, "everybody knows")
        c.end_load()
        c.figure("buyers", len(told), at_least=buyers)
        c.figure("refused, and came again", rush.refused)
        outcomes = Counter(row[:2] for row in stack.ledger(told).values())
        c.figure("winners", outcomes.pop(("confirmed", None), 0), at_least=1, at_most=1)
        assert outcomes == {("rejected", "seat_taken"): len(told) - 1}
        waits = sorted(watching.known[booking] - at for booking, at in told.items())
        c.figure("known after the 202 (p50)", waits[len(waits) // 2], "s")
        c.figure("known after the 202 (last)", waits[-1], "s",
                 at_most=c.times(KNOWN_S, KNOWN_S_SHORT))
        ends = Counter(found["status"] for found in
                       stack.each(stack.booking, c.choice.sample(sorted(told), SAMPLE)))
        assert set(ends) <= {"confirmed", "rejected"}, ends
        c.events.append(event)
        c.record += rush.record
        c.settle(within=END_S)
        c.settle_readers(within=END_S)
        c.prove()
