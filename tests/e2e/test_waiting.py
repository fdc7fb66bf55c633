"""Prefer: wait=N. Who would rather wait is answered with the outcome, as soon as it can be read."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.ids import partition_of
from support.stack import MESSAGE, READY_S, TTL_MS
from support.wait import wait_for

WAIT = {"Prefer": "wait=10"}
COMMAND_MESSAGE = "Request received and is being processed."
WAITERS_MAX = 128  # of one read-api
SHORT_MS = 400


def problem(answer, status, reason):
    assert answer.status == status, answer
    assert answer.header("Content-Type") == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["reason"]) == (status, reason), body
    assert body["type"] and body["title"] and len(body["detail"]) >= 10
    assert "Location" not in answer.headers
    return body


def accepted(answer, message, command=False):
    """The 202 that those get who do not wait, except for the link to the event."""
    assert answer.status == 202, answer
    body = answer.json()
    own = f"/api/bookings/{body['bookingId']}"
    assert (body["message"], body["status"]) == (message, "pending")
    assert body["links"]["self"] == own
    assert set(body) == {"message", "bookingId", "status", "links"} | (
        {"commandId"} if command else set())
    assert (answer.header("Location"), answer.header("Retry-After")) == (own, "1")
    assert answer.header("Content-Type") == "application/json"
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    return body


def produce(stack, booking_id, event, seat):
    """A request that reaches Kafka although no HTTP request is under way."""
    command = {"type": "book", "bookingId": booking_id, "eventId": event, "seatIds": [seat],
               "userId": "anna", "requestedAt": "2026-03-01T19:30:00.000Z"}
    stack.produce([(partition_of(booking_id, stack.partitions()), event.encode(),
                    json.dumps(command).encode(),
                    {"content-type": b"application/json", "schema-version": b"1"})])


# --- making a booking -------------------------------------------------------------------------

@pytest.mark.parametrize("path, body, status", [
    ("/api/bookings", {"seatIds": ["S1", "S2"]}, "held"),
    ("/api/bookings", {"seatIds": ["S1", "S2"], "mode": "book"}, "confirmed"),
    ("/api/book", {"seatId": "S2"}, "confirmed"),
])
def test_who_waits_for_a_booking_is_answered_with_it(stack, path, body, status):
    event = stack.create_event(2)
    answer = stack.web.post(path, {"userId": "anna", "eventId": event, **body}, WAIT)
    assert answer.status == 201, answer
    found = answer.json()
    assert (found["status"], found["event_id"], found["user_id"]) == (status, event, "anna")
    assert answer.header("Location") == f"/api/bookings/{found['booking_id']}"
    assert answer.header("Preference-Applied") == "wait=10"
    assert answer.header("Content-Type") == "application/json"
    assert answer.headers.get_all("Cache-Control") == ["no-store"]
    assert len(answer.headers.get_all("X-Request-Id")) == 1
    own = stack.booking(found["booking_id"])
    own["server_time"] = found["server_time"]
    assert own == found, "what was answered is what is read"


def test_who_loses_is_told_which_seats_went(stack):
    event = stack.create_event(4)
    stack.held(event, ["S2", "S4"], "ben")
    answer = stack.hold(event, ["S1", "S2", "S3", "S4"], "anna", **WAIT)
    body = problem(answer, 409, "seat_taken")
    assert body["seats"] == ["S2", "S4"]
    assert answer.header("Preference-Applied") == "wait=10"
    found = stack.booking(body["bookingId"])
    assert (found["status"], found["seats_lost"]) == ("rejected", ["S2", "S4"])

    body = problem(stack.book(event, "S4", "anna", **WAIT), 409, "seat_taken")
    assert body["seats"] == ["S4"]


def test_each_reason_of_a_rejection_is_told(stack):
    event = stack.create_event(3, blocked=1, seats_per_user_max=2)
    closed = stack.create_event(1, sales_close_at=stack.clock("-1 hour"))
    early = stack.create_event(1, sales_open_at=stack.clock("1 hour"))
    off = stack.create_event(1, cancelled_at=stack.clock())
    for event_id, seats, reason, lost in [
            ("no-such-event", ["S1"], "event_not_found", []),
            (off, ["S1"], "event_cancelled", []), (early, ["S1"], "sales_not_open", []),
            (closed, ["S1"], "sales_closed", []),
            (event, ["S1", "S2", "S3"], "seat_limit", []),
            (event, ["S2", "S8"], "seat_not_found", ["S8"]),
            (event, ["S1", "S2"], "seat_blocked", ["S1"])]:
        body = problem(stack.hold(event_id, seats, "anna", **WAIT), 409, reason)
        assert body["seats"] == lost
        assert stack.booking(body["bookingId"])["reason"] == reason


def test_a_repetition_with_the_same_key_is_answered_with_what_became_of_it(stack):
    event = stack.create_event(1)
    headers = {"Idempotency_Key": f"wait-{event}", **WAIT}
    first = stack.hold(event, ["S1"], "anna", **headers)
    assert first.status == 201 and first.json()["status"] == "held"
    booking_id = first.json()["booking_id"]
    stack.decision(booking_id, "cancel")
    again = stack.hold(event, ["S1"], "anna", **headers)
    assert again.status == 201, again
    assert (again.json()["booking_id"], again.json()["status"]) == (booking_id, "cancelled")


# --- acting on one ----------------------------------------------------------------------------

@pytest.mark.parametrize("verb, status", [
    ("confirm", "confirmed"), ("extend", "held"), ("cancel", "cancelled"), ("delete", "cancelled")])
def test_who_waits_for_a_command_is_answered_with_the_booking(stack, verb, status):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    answer = stack.command(booking_id, verb, "anna", **WAIT)
    assert answer.status == 200, answer
    found = answer.json()
    assert (found["booking_id"], found["status"], found["version"]) == (booking_id, status, 2)
    assert found["history"][-1]["result"] == "done"
    assert answer.header("Preference-Applied") == "wait=10"
    assert "Location" not in answer.headers


@pytest.mark.parametrize("verb, status", [("confirm", "confirmed"), ("delete", "cancelled")])
def test_what_is_so_already_is_no_error(stack, verb, status):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    for result in ("done", "unchanged"):
        answer = stack.command(booking_id, verb, **WAIT)
        assert answer.status == 200, answer
        assert answer.json()["status"] == status
        assert answer.json()["history"][-1]["result"] == result


def booking_in(stack, status, event):
    if status == "rejected":
        return stack.hold(event, ["no-such-seat"], "anna", **WAIT).json()["bookingId"]
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    if status == "expired":
        stack.wait_lapsed(booking_id)
    elif status != "held":
        verb = {"confirmed": "confirm", "cancelled": "cancel"}[status]
        assert stack.command(booking_id, verb, **WAIT).status == 200
    return booking_id


@pytest.mark.parametrize("status, verb, user, answered, reason", [
    ("expired", "confirm", None, 410, "hold_expired"),
    ("expired", "extend", "anna", 410, "hold_expired"),
    ("expired", "delete", "anna", 410, "hold_expired"),
    ("held", "confirm", "mallory", 404, "not_owner"),
    ("confirmed", "delete", "mallory", 404, "not_owner"),
    ("confirmed", "extend", None, 409, "already_confirmed"),
    ("rejected", "confirm", "anna", 409, "booking_rejected"),
    ("rejected", "delete", None, 409, "booking_rejected"),
    ("cancelled", "confirm", None, 409, "booking_cancelled"),
    ("cancelled", "extend", None, 409, "booking_cancelled"),
])
def test_a_refused_command_says_why(stack, status, verb, user, answered, reason):
    event = stack.create_event(1, hold_ttl_ms=SHORT_MS if status == "expired" else TTL_MS)
    booking_id = booking_in(stack, status, event)
    answer = stack.command(booking_id, verb, user, **WAIT)
    assert problem(answer, answered, reason)["bookingId"] == booking_id
    assert stack.booking(booking_id)["history"][-1]["reason"] == reason


def test_an_extension_too_many_and_a_cancelled_event_are_conflicts(stack):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    assert stack.command(booking_id, "extend", **WAIT).status == 200
    problem(stack.command(booking_id, "extend", **WAIT), 409, "extension_limit")
    stack.change_event(event, cancelled_at=stack.clock())
    # The booking may have ended with its event by then.
    late = stack.command(booking_id, "confirm", **WAIT)
    problem(late, 409, late.json().get("reason"))
    assert late.json()["reason"] in ("event_cancelled", "booking_cancelled")


def test_a_command_for_a_booking_that_was_never_stored_is_404(stack):
    booking_id = stack.issue_id("whatever")
    answer = stack.command(booking_id, "confirm", "anna", **WAIT)
    assert problem(answer, 404, "booking_not_found")["bookingId"] == booking_id


# --- reading ----------------------------------------------------------------------------------

def test_a_read_that_waits_is_answered_when_the_outcome_is_there(stack):
    event = stack.create_event(1)
    booking_id = stack.issue_id(event)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(stack.web.get, f"/api/bookings/{booking_id}", WAIT)
        wait_for(lambda: waiting(stack) >= 1, READY_S, "somebody waits")
        assert not reading.done()
        produce(stack, booking_id, event, "S1")
        answer = reading.result(READY_S)
    assert answer.status == 200, answer
    assert (answer.json()["status"], answer.json()["seats"]) == ("confirmed", ["S1"])
    assert answer.header("Preference-Applied") == "wait=10"
    assert answer.header("ETag") == stack.web.get(f"/api/bookings/{booking_id}").header("ETag")


def test_a_read_of_what_is_decided_does_not_wait(stack):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    answer = stack.web.get(f"/api/bookings/{booking_id}", WAIT)
    assert (answer.status, answer.json()["status"]) == (200, "held")
    tag = answer.header("ETag")
    assert stack.web.get(f"/api/bookings/{booking_id}", {
        **WAIT, "If-None-Match": tag}).status == 304


def test_a_read_that_waited_in_vain_is_202_and_still_pending(stack):
    booking_id = stack.issue_id("whatever")
    began = time.monotonic()
    answer = stack.web.get(f"/api/bookings/{booking_id}", {"Prefer": "wait=1"})
    assert time.monotonic() - began >= 1
    assert answer.status == 202, answer
    assert answer.json() == {"booking_id": booking_id, "status": "pending"}
    assert answer.header("Retry-After") == "1"
    assert answer.header("Preference-Applied") == "wait=1"


def test_nobody_waits_for_an_id_that_was_never_issued(stack):
    booking_id = stack.issue_id("whatever")
    bad = booking_id[:-1] + ("0" if booking_id[-1] != "0" else "1")
    for path in (f"/api/bookings/{bad}", "/api/bookings/1", "/api/bookings/x%20y"):
        answer = stack.web.get(path, WAIT)
        assert answer.status == 404, answer
        assert "Preference-Applied" not in answer.headers


# --- how long, and whether --------------------------------------------------------------------

@pytest.mark.parametrize("prefer, applied", [
    ("wait=10", "wait=10"), ("wait=3600", "wait=10"), ("WAIT = 5", "wait=5"),
    ("respond-async, wait=2;x=y", "wait=2"), ("wait=007", "wait=7"),
    ("wait=99999999999999999999", "wait=10"),
])
def test_the_wait_is_read_as_the_standard_says(stack, prefer, applied):
    event = stack.create_event(1)
    answer = stack.hold(event, ["S1"], Prefer=prefer)
    assert (answer.status, answer.header("Preference-Applied")) == (201, applied)
    read = stack.web.get(answer.header("Location"), {"Prefer": prefer})
    assert (read.status, read.header("Preference-Applied")) == (200, applied)


@pytest.mark.parametrize("prefer", [
    "wait=0", "wait", "wait=", "wait=x", "wait=-1", "wait=1.5", "await=5", "respond-async", "5",
    ""])
def test_who_says_nothing_of_the_kind_does_not_wait(stack, prefer):
    event = stack.create_event(1)
    answer = stack.hold(event, ["S1"], Prefer=prefer)
    assert answer.status == 202, answer
    assert "Preference-Applied" not in answer.headers
    assert answer.json()["links"]["event"] == f"/api/events/{event}"
    pending = stack.web.get(f"/api/bookings/{stack.issue_id('whatever')}", {"Prefer": prefer})
    assert (pending.status, pending.json()["status"]) == (200, "pending")


def test_while_nobody_decides_the_wait_ends_in_the_202(stack):
    event = stack.create_event(2)
    held = stack.held(event, ["S2"], "anna")["booking_id"]
    workers = [stack[name] for name in stack.instances("worker")]
    for worker in workers:
        worker.pause()
    try:
        began = time.monotonic()
        first = stack.hold(event, ["S1"], "anna", Prefer="wait=1")
        assert time.monotonic() - began >= 1
        second = stack.command(held, "confirm", "anna", Prefer="wait=1")
    finally:
        for worker in workers:
            worker.resume()
    for answer, message, is_command in ((first, MESSAGE, False), (second, COMMAND_MESSAGE, True)):
        body = accepted(answer, message, is_command)
        assert answer.header("Preference-Applied") == "wait=1"
    assert body["bookingId"] == held
    assert stack.decided(held, body["commandId"], READY_S)["result"] == "done"
    assert stack.outcome(first.json()["bookingId"], READY_S)["status"] == "held"


def test_a_bad_request_is_refused_at_once(stack):
    event = stack.create_event(1)
    assert stack.hold(event, ["S 1"], **WAIT).status == 422
    assert stack.web.post("/api/bookings", b"{", {
        "Content-Type": "application/json", **WAIT}).status == 400
    assert stack.command("1", "confirm", **WAIT).status == 404


# --- how many ---------------------------------------------------------------------------------

def waiting(stack):
    return sum(stack.metric(name, "seatline_waiting") for name in stack.instances("read-api"))


def test_when_too_many_wait_the_rest_are_answered_at_once(stack):
    """And the programs serve everybody else meanwhile."""
    event = stack.create_event(1)
    most = WAITERS_MAX * len(stack.instances("read-api"))
    late = threading.Event()

    def read(_):
        answer = stack.web.get(f"/api/bookings/{stack.issue_id('whatever')}", WAIT)
        return answer, late.is_set()

    with ThreadPoolExecutor(most + 60) as pool:
        reads = [pool.submit(read, n) for n in range(most + 60)]
        wait_for(lambda: waiting(stack) == most, READY_S, f"{most} wait")
        wait_for(lambda: sum(r.done() for r in reads) >= 60, READY_S, "60 do not")
        at_once = [r.result()[0] for r in reads if r.done()]
        assert len(at_once) == 60
        answer = stack.hold(event, ["S1"], "anna", **WAIT)
        accepted(answer, MESSAGE)
        assert "Preference-Applied" not in answer.headers
        assert stack.outcome(answer.json()["bookingId"])["status"] == "held"
        assert stack.web.get(f"/api/events/{event}").status == 200
        late.set()
        rest = [r.result(READY_S) for r in reads]
    for answer in at_once:
        assert (answer.status, answer.json()["status"]) == (202, "pending")
        assert "Preference-Applied" not in answer.headers
    assert sum(was_late for _, was_late in rest) >= 1
    assert {answer.json()["status"] for answer, _ in rest} == {"pending"}
    wait_for(lambda: waiting(stack) == 0, READY_S, "nobody waits any more")


def test_without_a_read_api_a_stored_command_still_is_answered_202(stack):
    event = stack.create_event(1)
    held = stack.held(event, ["S1"], "anna")["booking_id"]
    readers = stack.instances("read-api")
    stack.stop(readers)
    try:
        made = stack.hold(event, ["S1"], "ben", **WAIT)
        acted = stack.command(held, "confirm", "anna", **WAIT)
        read = stack.web.get(f"/api/bookings/{held}", WAIT)
    finally:
        for name in readers:
            stack[name].start()
        for name in readers:
            wait_for(lambda: stack.is_ready(name), READY_S, f"{name} is ready")
    made_id = accepted(made, MESSAGE)["bookingId"]
    command = accepted(acted, COMMAND_MESSAGE, True)
    assert command["bookingId"] == held
    assert read.status == 503 and read.header("Retry-After")
    assert read.header("Content-Type") == "application/problem+json"
    for answer in (made, acted, read):
        assert "Preference-Applied" not in answer.headers
        assert len(answer.headers.get_all("X-Request-Id")) == 1
    assert stack.decided(held, command["commandId"])["result"] == "done"
    assert stack.outcome(made_id)["reason"] == "seat_taken"


def test_the_ways_to_the_wait_are_closed_from_outside(stack):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    for path in (f"/.wait/{booking_id}/new/1", f"/.wait/booking/{booking_id}",
                 f"/%2ewait/{booking_id}/new/1", f"/internal/outcomes/{booking_id}/new?wait=1",
                 f"/api/../.wait/{booking_id}/new/1", f"/api/v1/.wait/{booking_id}/new/1"):
        for method in ("GET", "POST"):
            answer = stack.web.raw(
                f"{method} {path} HTTP/1.1\r\nHost: x\r\nPrefer: wait=1\r\nContent-Length: 0\r\n"
                f"X-Accel-Redirect: /.wait/{booking_id}/new/1\r\nConnection: close\r\n\r\n"
                .encode(), method)
            assert answer.status == 404, (path, answer)
            assert answer.header("Content-Type") == "application/problem+json"
