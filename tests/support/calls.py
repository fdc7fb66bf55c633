"""A request for each route of the document that has an effect where it is let in."""

import http.client
import itertools
import json
from dataclasses import dataclass

from support.people import event_of
from support.stack import DLQ

# Live messages do not end: only the head of the answer is read.
ENDLESS = "/api/events/{eventId}/live"
PASSWORD = "correct horse battery"
SEATS = 400
# How each is answered, by whose booking it is or by an admin; the others 200.
STATUS = {
    "POST /api/book": 202, "POST /api/bookings": 202, "DELETE /api/bookings/{bookingId}": 202,
    "PUT /api/bookings/{bookingId}/confirm": 202, "PUT /api/bookings/{bookingId}/extend": 202,
    "PUT /api/bookings/{bookingId}/cancel": 202, "POST /api/auth/register": 201,
    "POST /api/events": 201, "POST /api/events/{eventId}/cancel": 202,
    "PUT /api/events/{eventId}/seats/block": 202, "PUT /api/events/{eventId}/seats/unblock": 202,
    "POST /api/admin/dead-letters/{partition}/{offset}/replay": 202,
}

_numbers = itertools.count(1)


@dataclass
class Head:
    status: int
    headers: object


class Calls:
    """owner: a person, whose booking is acted on."""

    def __init__(self, stack, owner):
        self.stack, self.owner = stack, owner
        self.event = stack.create_event(SEATS, "routes")
        self.numbers = itertools.count(1)
        booking_id = owner.held(self.event, [self.seat()])["booking_id"]
        self.email = f"routes-{booking_id}@example.com"
        answer = stack.web.post("/api/auth/register", {"email": self.email, "password": PASSWORD})
        assert answer.status == 201, answer
        self.values = {"eventId": self.event, "bookingId": booking_id, "userId": owner.user_id,
                       "partition": "0", "offset": str(self.letter(booking_id))}

    def seat(self):
        """A free one; the last of all is for who blocks seats."""
        number = next(self.numbers)
        assert number < SEATS
        return f"S{number}"

    def letter(self, booking_id):
        """The offset of a dead letter, in partition 0, that can be decoded. No worker made it, and
        nobody is to look for what it stands for."""
        command = {"type": "extend", "bookingId": booking_id, "userId": self.owner.user_id,
                   "commandId": "7d3e1f20-5a6b-8c7d-8e9f-0a1b2c3d4e5f",
                   "requestedAt": "2026-03-01T19:30:00.000Z"}
        offset = self.stack.kafka_ends(DLQ)[0]
        self.stack.produce([(0, booking_id.encode(), json.dumps(command).encode(),
                             {"reason": b"planted", "source-topic": b"planted",
                              "source-partition": b"0", "source-offset": b"0"})], DLQ)
        return offset

    def booking(self, **seats):
        return {"userId": self.owner.user_id, "eventId": self.event, **seats}

    def body(self, key):
        """A new one each time; None: there is none."""
        make = {
            "POST /api/book": lambda: self.booking(seatId=self.seat()),
            "POST /api/bookings": lambda: self.booking(seatIds=[self.seat()]),
            "POST /api/events": lambda: event_of(2, "routed"),
            "PATCH /api/events/{eventId}": lambda: {"venue": f"Hall {next(_numbers)}"},
            "PUT /api/events/{eventId}/seats/block": lambda: {"seatIds": [f"S{SEATS}"]},
            "PUT /api/events/{eventId}/seats/unblock": lambda: {"seatIds": [f"S{SEATS}"]},
            "POST /api/auth/register": lambda: {
                "email": f"r{next(_numbers)}-{self.email}", "password": PASSWORD},
            "POST /api/auth/login": lambda: {"email": self.email, "password": PASSWORD},
        }.get(key)
        return make() if make else None if key.startswith("GET") else {}

    def path(self, operation):
        path = operation.path.format(**self.values)
        if operation.path == "/api/admin/audit":
            path += f"?eventId={self.event}"
        elif operation.path in ("/api/bookings", "/api/v1/bookings"):
            path += f"?userId={self.owner.user_id}"
        return path

    def send(self, operation, headers):
        path = self.path(operation) if operation.method == "GET" else (
            operation.path.format(**self.values))
        if operation.path == ENDLESS:
            return self.head(path, headers)
        return self.stack.web.request(
            operation.method, path, self.body(operation.same_as or str(operation)),
            {"Cache-Control": "no-cache", **headers})

    def head(self, path, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.gateway_port, timeout=20)
        connection.request("GET", path, headers={"Accept": "text/event-stream", **headers})
        response = connection.getresponse()
        connection.close()
        return Head(response.status, response.headers)

    @staticmethod
    def status(operation):
        return STATUS.get(operation.same_as or str(operation), 200)
