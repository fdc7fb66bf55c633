"""What clients of other systems send, to the letter: every call here is a real curl command."""

import json
import shlex
import subprocess
from dataclasses import dataclass

import pytest

from support.wait import wait_for

CURL_S = 20
JSON = "-H 'Content-Type: application/json'"


@dataclass
class Curled:
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


@pytest.fixture
def shell(stack):
    """Runs a command line as it would be typed, GATEWAY being where the gateway is."""
    def run(line):
        words = shlex.split(line.replace("GATEWAY", f"http://127.0.0.1:{stack.gateway_port}"))
        assert words[0] == "curl"
        done = subprocess.run([words[0], "--silent", "--show-error", "--include", "--noproxy", "*",
                               *words[1:]], capture_output=True, timeout=CURL_S)
        assert done.returncode == 0, (line, done.stderr)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in
                   (text.partition(": ") for text in lines)}
        return Curled(int(first.split()[1]), headers, body)
    return run


def free(stack, event, seat):
    """Whoever has the seat gives it back: these events are everybody's."""
    rows = stack.pg_rows("SELECT booking_id::text FROM seats WHERE event_id = %s AND seat_id = %s"
                         " AND booking_id IS NOT NULL", event, seat)
    for (booking_id,) in rows:
        stack.decision(booking_id, "cancel")


def listed(stack, path, booking_id):
    return wait_for(
        lambda: next((b for b in stack.web.get(path).json() if b["booking_id"] == booking_id),
                     None), 5, f"{booking_id} is listed at {path}")


# --- to the letter ----------------------------------------------------------------------------

def test_booking_by_number_reading_and_cancelling_it(stack, shell):
    free(stack, "1", "A1")
    booked = shell(
        "curl -X POST GATEWAY/api/bookings/book -H 'Content-Type: application/json'"
        """ -d '{"userId": 1, "eventId": 1, "seatNumber": "A1"}'""")
    assert booked.status == 202, booked
    assert booked.json()["message"] == "Booking request received and is being processed."
    booking_id = booked.json()["bookingId"]
    assert booked.headers["location"] == f"/api/bookings/{booking_id}"
    found = stack.outcome(booking_id)
    assert (found["status"], found["event_id"], found["user_id"]) == ("confirmed", "1", "1")
    assert found["seats"] == ["A1"] and found["mode"] == "book"
    wait_for(lambda: stack.seat("1", "A1")["status"] == "booked", 5, "the map shows it")

    listed(stack, "/api/bookings?userId=1", booking_id)
    mine = shell("curl GATEWAY/api/bookings/user/1")
    assert mine.status == 200
    assert booking_id in [b["booking_id"] for b in mine.json()]
    again = shell("curl GATEWAY/api/v1/bookings/users/1")
    assert (again.status, again.json()) == (200, mine.json())

    cancelled = shell(f"curl -X DELETE GATEWAY/api/bookings/cancel/{booking_id}")
    assert cancelled.status == 202, cancelled
    assert cancelled.json()["bookingId"] == booking_id
    assert stack.decided(booking_id, cancelled.json()["commandId"])["result"] == "done"
    assert stack.booking(booking_id)["status"] == "cancelled"
    wait_for(lambda: stack.seat("1", "A1")["status"] == "available", 5, "the seat is free")


def test_a_life_under_v1(stack, shell):
    for seat in ("B1", "B2"):
        free(stack, "1", seat)
    held = shell(f"curl -X POST GATEWAY/api/v1/bookings {JSON}"
                 """ -d '{"userId": 2, "eventId": 1, "seatIds": ["B1", "B2"]}'""")
    assert held.status == 202, held
    booking_id = held.json()["bookingId"]
    assert stack.outcome(booking_id)["status"] == "held"

    read = shell(f"curl GATEWAY/api/v1/bookings/{booking_id}")
    assert (read.status, read.json()["seats"]) == (200, ["B1", "B2"])
    assert read.json()["total_minor"] == 2300

    extended = shell(f"curl -X PUT GATEWAY/api/v1/bookings/{booking_id}/extend {JSON} -d '{{}}'")
    assert extended.status == 202, extended
    assert stack.decided(booking_id, extended.json()["commandId"])["result"] == "done"

    confirmed = shell(f"curl -X PUT GATEWAY/api/v1/bookings/{booking_id}/confirm")
    assert confirmed.status == 202, confirmed
    assert stack.decided(booking_id, confirmed.json()["commandId"])["status"] == "confirmed"

    listed(stack, "/api/v1/bookings/users/2", booking_id)
    assert shell("curl GATEWAY/api/v1/bookings/users/2").status == 200

    cancelled = shell(f"curl -X PUT GATEWAY/api/v1/bookings/{booking_id}/cancel")
    assert cancelled.status == 202, cancelled
    assert stack.decided(booking_id, cancelled.json()["commandId"])["status"] == "cancelled"


def test_shows_are_events(stack, shell):
    one = shell("curl GATEWAY/api/shows/1")
    assert one.status == 200
    assert (one.json()["_id"], one.json()["event_id"]) == ("1", "1")
    assert len(one.json()["seats"]) == 100
    assert [s["seat_id"] for s in one.json()["seats"]][::99] == ["A1", "J10"]
    assert shell("curl GATEWAY/api/events/1").headers["etag"] == one.headers["etag"]
    shows = shell("curl 'GATEWAY/api/shows?kind=movie'")
    assert shows.status == 200
    assert "1" in [e["event_id"] for e in shows.json()]
    assert {e["kind"] for e in shows.json()} == {"movie"}
    gone = shell("curl -X DELETE GATEWAY/api/shows")
    assert (gone.status, gone.headers["allow"]) == (405, "GET, HEAD, POST")


def test_a_show_is_booked_in_its_own_words(stack, shell):
    for seat in ("C1", "C2"):
        free(stack, "1", seat)
    held = shell(f"curl -X POST GATEWAY/api/bookings {JSON}"
                 """ -d '{"show_id": 1, "user_id": 3, "seat_numbers": ["C1", "C2"]}'""")
    assert held.status == 202, held
    found = stack.outcome(held.json()["bookingId"])
    assert (found["status"], found["event_id"], found["user_id"]) == ("held", "1", "3")
    assert found["seats"] == ["C1", "C2"]
    stack.decision(found["booking_id"], "cancel")


def test_the_live_channel_of_a_show_is_that_of_the_event(stack):
    event = stack.create_event(1)
    done = subprocess.Popen(
        ["curl", "--silent", "--no-buffer", "--noproxy", "*", "--max-time", str(CURL_S),
         "-H", "Accept: text/event-stream",
         f"http://127.0.0.1:{stack.gateway_port}/api/shows/{event}/live"], stdout=subprocess.PIPE)
    try:
        line = done.stdout.readline()  # ": hi": it listens
        stack.booked_id(event, "S1")
        while line and not line.startswith(b"data:"):
            line = done.stdout.readline()
    finally:
        done.kill()
        done.wait(CURL_S)
    assert json.loads(line.removeprefix(b"data:"))["seats"] == [
        {"seat_id": "S1", "status": "booked"}]


def test_waiting_works_in_every_dialect(stack, shell):
    for seat in ("D1", "D2"):
        free(stack, "1", seat)
    booked = shell(f"curl -X POST GATEWAY/api/bookings/book {JSON} -H 'Prefer: wait=10'"
                   """ -d '{"userId": 4, "eventId": 1, "seatNumber": "D1"}'""")
    assert (booked.status, booked.json()["status"]) == (201, "confirmed")
    booking_id = booked.json()["booking_id"]
    lost = shell(f"curl -X POST GATEWAY/api/v1/bookings {JSON} -H 'Prefer: wait=10'"
                 """ -d '{"userId": 5, "eventId": 1, "seats": ["D1", "D2"]}'""")
    assert (lost.status, lost.json()["seats"]) == (409, ["D1"])
    read = shell(f"curl GATEWAY/api/v1/bookings/{booking_id} -H 'Prefer: wait=10'")
    assert (read.status, read.json()["booking_id"]) == (200, booking_id)
    gone = shell(f"curl -X DELETE GATEWAY/api/bookings/cancel/{booking_id} -H 'Prefer: wait=10'")
    assert (gone.status, gone.json()["status"]) == (200, "cancelled")


# --- names ------------------------------------------------------------------------------------

SEAT = ("seatId", "seat_id", "seatNumber", "seat_number")
SEATS = ("seatIds", "seat_ids", "seats", "seatNumbers", "seat_numbers")
EVENT = ("eventId", "event_id", "showId", "show_id")
USER = ("userId", "user_id")


@pytest.mark.parametrize("name", SEAT)
@pytest.mark.parametrize("path", ["/api/book", "/api/bookings/book", "/api/v1/book"])
def test_every_name_of_a_seat_is_understood(stack, path, name):
    event = stack.create_event(1)
    answer = stack.web.post(path, {"userId": "anna", "eventId": event, name: "S1"})
    assert answer.status == 202, answer
    assert stack.outcome(answer.json()["bookingId"])["seats"] == ["S1"]


@pytest.mark.parametrize("user, event_name, seats", [
    (USER[n % 2], EVENT[n % 4], SEATS[n % 5]) for n in range(20)])
@pytest.mark.parametrize("path", ["/api/bookings", "/api/v1/bookings"])
def test_every_name_of_a_member_is_understood(stack, path, user, event_name, seats):
    event = stack.create_event(2)
    answer = stack.web.post(path, {user: 7, event_name: event, seats: ["S2", "S1"]})
    assert answer.status == 202, answer
    found = stack.outcome(answer.json()["bookingId"])
    assert (found["status"], found["user_id"], found["seats"]) == ("held", "7", ["S2", "S1"])


def test_two_names_that_say_the_same_are_understood(stack):
    event = stack.create_event(2)
    answer = stack.web.post("/api/bookings", {
        "userId": 1, "user_id": "1", "eventId": event, "show_id": event,
        "seatIds": ["S1", "S2"], "seat_numbers": ["S2", "S1"]})
    assert answer.status == 202, answer
    assert stack.outcome(answer.json()["bookingId"])["status"] == "held"


@pytest.mark.parametrize("name", ["paymentReference", "payment_reference"])
def test_a_payment_has_two_names(stack, name):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    stack.decision(booking_id, "confirm", body={name: "pay-7"})
    assert stack.booking(booking_id)["payment_reference"] == "pay-7"


@pytest.mark.parametrize("name", USER)
def test_a_commands_user_has_two_names(stack, name):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"], "7")["booking_id"]
    assert stack.decision(booking_id, "delete", body={name: 8})["reason"] == "not_owner"
    assert stack.decision(booking_id, "delete", body={name: 7})["result"] == "done"


# --- queries and links ------------------------------------------------------------------------

def test_a_users_list_keeps_its_query_and_links_to_a_page_that_works(stack, shell):
    event = stack.create_event(3)
    user = f"of-{event}"
    ids = [stack.held(event, [f"S{n}"], user)["booking_id"] for n in (1, 2, 3)]
    listed(stack, f"/api/bookings?userId={user}", ids[-1])
    for path in (f"/api/bookings/user/{user}", f"/api/v1/bookings/users/{user}",
                 f"/api/bookings/users/{user}"):
        first = shell(f"curl 'GATEWAY{path}?limit=2'")
        assert [b["booking_id"] for b in first.json()] == ids[:0:-1]
        link = first.headers["link"].partition(">")[0][1:]
        assert [b["booking_id"] for b in shell(f"curl 'GATEWAY{link}'").json()] == ids[:1]
        cursor = link.partition("cursor=")[2]
        same = shell(f"curl 'GATEWAY{path}?limit=2&cursor={cursor}'")
        assert [b["booking_id"] for b in same.json()] == ids[:1]
        head = shell(f"curl --head GATEWAY{path}")
        assert (head.status, head.body) == (200, b"")


def test_v1_is_a_prefix_of_everything(stack, shell):
    event = stack.create_event(1)
    for path in ("/events?limit=1&q=%C3%A4", f"/events/{event}", f"/shows/{event}",
                 "/shows?limit=1", "/events/no-such-event", "/book", "/bookings?userId=1",
                 "/bookings", "/bookings/1", "/nothing"):
        with_v1, without = (shell(f"curl 'GATEWAY{prefix}{path}'")
                            for prefix in ("/api/v1", "/api"))
        assert with_v1.status == without.status, path
        assert with_v1.headers.get("etag") == without.headers.get("etag")
        assert with_v1.headers.get("allow") == without.headers.get("allow")
