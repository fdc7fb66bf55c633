"""Many clients at once, from a process of their own, and a record of all they sent and were told.

    python -m support.traffic SETTINGS.json

SIGTERM: no new requests; it ends when all are answered.

An open loop: requests leave at `rate` a second whatever the answers do, as long as one of the
connections is free. What is asked for is random, of one seed: bookings and holds of one or several
seats, keys sent twice, holds that nobody confirms, confirms, cancels. The record has one JSON line
per request, in the order of the answers; lib/PROTOCOL.md and support/promises.py say the rest.
"""

import asyncio
import json
import random
import signal
import sys
import time
from dataclasses import dataclass

LATE_S = 1         # what was not sent for longer is no more: a stall is not followed by a flood
ANSWER_S = 10      # for one answer; then there is none
IDLE_S = 3         # a connection idle for longer is not used again: the gateway may be closing it
RECENT = 400       # how far back a repeated key or a command looks
SEATS_MAX = 4      # of a request for several
REASON_MAX = 200

# What each request is, in per cent; the rest are bookings.
REPEATED_KEYS, CANCELS, LAPSES, HOLDS, CONFIRMS = 10, 10, 10, 8, 8
SEVERAL_SEATS = 20
WITH_KEY = 30


@dataclass
class Settings:
    port: int
    record: str
    events: list
    seats: int            # of each event: S1..Sn
    users: int
    rate: float
    connections: int
    seconds: float        # at most
    requests: int         # at most
    seed: int


class Wishes:
    """What is asked for next."""

    def __init__(self, settings):
        self.settings = settings
        self.choice = random.Random(settings.seed)
        self.made = 0
        self.keyed = []   # wishes that were sent with a key
        self.holds = []   # (booking id, user) that somebody means to confirm
        self.accepted = []

    def next(self):
        self.made += 1
        lot = self.choice.randrange(100)
        for share, wish in ((REPEATED_KEYS, self._again), (CANCELS, self._cancel),
                            (CONFIRMS, self._confirm)):
            if lot < share:
                return wish() or self._make(False)
            lot -= share
        return self._make(lot < LAPSES + HOLDS, lot < LAPSES)

    def _make(self, holds, lapses=False):
        choice, settings = self.choice, self.settings
        several = choice.randrange(100) < SEVERAL_SEATS
        seats = choice.sample(range(1, settings.seats + 1),
                              choice.randint(2, SEATS_MAX) if several else 1)
        wish = {"kind": "hold" if holds else "book", "user": f"u{choice.randrange(settings.users)}",
                "event": choice.choice(settings.events), "seats": [f"S{n}" for n in seats],
                "key": None, "target": None, "lapses": lapses}
        if choice.randrange(100) < WITH_KEY:
            wish["key"] = f"key-{settings.events[0]}-{self.made}"  # nobody's before
            self.keyed.append(wish)
        return wish

    def _again(self):
        return self.keyed and dict(self.choice.choice(self.keyed[-RECENT:]))

    def _command(self, kind, target):
        booking_id, user = target
        return {"kind": kind, "user": user, "event": None, "seats": None, "key": None,
                "target": booking_id, "lapses": False}

    def _cancel(self):
        return self.accepted and self._command(
            "cancel", self.choice.choice(self.accepted[-RECENT:]))

    def _confirm(self):
        return self.holds and self._command("confirm", self.holds.pop(0))

    def answered(self, wish, line):
        if line["status"] != 202 or wish["target"]:
            return
        made = line["booking_id"], wish["user"]
        self.accepted.append(made)
        if wish["kind"] == "hold" and not wish["lapses"]:
            self.holds.append(made)


def request_of(wish, port):
    """As bytes."""
    body = {"userId": wish["user"]}
    if wish["target"]:
        method, path = "PUT", f"/api/bookings/{wish['target']}/{wish['kind']}"
    elif wish["kind"] == "book" and len(wish["seats"]) == 1:
        method, path = "POST", "/api/book"
        body |= {"eventId": wish["event"], "seatId": wish["seats"][0]}
    else:
        method, path = "POST", "/api/bookings"
        body |= {"eventId": wish["event"], "seatIds": wish["seats"], "mode": wish["kind"]}
    data = json.dumps(body)
    key = f"Idempotency-Key: {wish['key']}\r\n" if wish["key"] else ""
    return (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{key}"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n{data}").encode()


class Connection:
    def __init__(self, port):
        self.port, self.reader, self.writer, self.used = port, None, None, 0.0

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None

    async def ask(self, request):
        """(status, headers by lower-case name, body); raises OSError or EOFError: no answer."""
        if self.writer and time.monotonic() - self.used > IDLE_S:
            self.close()
        if not self.writer:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip()
                   for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        self.used = time.monotonic()
        return int(head[0].split()[1]), headers, body


class Traffic:
    def __init__(self, settings, record):
        self.settings, self.record = settings, record
        self.wishes = Wishes(settings)
        self.stopping = asyncio.Event()
        self.sent = 0
        self.began = self.paced = time.monotonic()

    def _turn(self):
        """When the next request is due; None when there is none any more."""
        due = self.paced + self.sent / self.settings.rate
        late = time.monotonic() - due - LATE_S
        if late > 0:
            self.paced, due = self.paced + late, due + late
        if (self.stopping.is_set() or self.sent >= self.settings.requests
                or due - self.began >= self.settings.seconds):
            return None
        self.sent += 1
        return self.sent, due

    async def _pause(self, due):
        late = due - time.monotonic()
        if late > 0:
            try:
                await asyncio.wait_for(self.stopping.wait(), late)
            except asyncio.TimeoutError:
                return

    async def client(self):
        connection = Connection(self.settings.port)
        while turn := self._turn():
            number, due = turn
            await self._pause(due)
            if self.stopping.is_set():
                break
            await self._one(number, connection)
        connection.close()

    async def _one(self, number, connection):
        wish = self.wishes.next()
        at, began = time.time(), time.monotonic()
        status, headers, answer, reason = 0, {}, {}, None
        try:
            status, headers, body = await asyncio.wait_for(
                connection.ask(request_of(wish, self.settings.port)), ANSWER_S)
            answer = json.loads(body)
            if status != 202:
                reason = f"{answer.get('title')}: {answer.get('detail')}"[:REASON_MAX]
        except (OSError, EOFError, ValueError, asyncio.TimeoutError) as error:
            connection.close()
            reason = repr(error)[:REASON_MAX]
        line = {"n": number, "kind": wish["kind"], "at": round(at, 6),
                "took_ms": round(1000 * (time.monotonic() - began), 3), "status": status,
                "user": wish["user"], "event": wish["event"], "seats": wish["seats"],
                "key": wish["key"], "target": wish["target"],
                "booking_id": answer.get("bookingId"), "command_id": answer.get("commandId"),
                "retry_after": headers.get("retry-after"), "reason": reason}
        self.record.write(json.dumps(line, separators=(",", ":")) + "\n")
        self.wishes.answered(wish, line)

    async def run(self):
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        await asyncio.gather(*(self.client() for _ in range(self.settings.connections)))


def main():
    with open(sys.argv[1]) as file:
        settings = Settings(**json.load(file))
    with open(settings.record, "w", buffering=1) as record:
        asyncio.run(Traffic(settings, record).run())


if __name__ == "__main__":
    main()
