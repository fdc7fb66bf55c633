"""What a booking can go through, as its user sees it: in the resource, the map, the counts."""

import re
from datetime import datetime

import pytest

from support.stack import TTL_MS
from support.wait import wait_for

SHORT_MS = 400
SOON = 5
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MEMBERS = {
    "booking_id", "status", "event_id", "user_id", "mode", "seats", "prices", "total_minor",
    "currency", "payment_reference", "reason", "seats_lost", "extensions", "requested_at",
    "decided_at", "expires_at", "server_time", "version", "history",
}
ENTRY = {"version", "at", "status", "command", "command_id", "actor", "result", "reason",
         "expires_at"}


def ms(text):
    assert TIME.fullmatch(text), text
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def statuses(stack, event):
    return {s["seat_id"]: s["status"] for s in stack.seat_map(event)["seats"]}


def counts(stack, event):
    return tuple(stack.seat_map(event)["counts"][name]
                 for name in ("available", "held", "booked", "blocked"))


def wait_counts(stack, event, *wanted):
    """available, held, booked, blocked; and the seats themselves say the same."""
    wait_for(lambda: counts(stack, event) == wanted, SOON, f"the map of {event} counts {wanted}")
    seats = list(statuses(stack, event).values())
    assert tuple(seats.count(s) for s in ("available", "held", "booked", "blocked")) == wanted


def told(booking):
    """The history in short: what was asked, what came of it, the status after it."""
    return [(e["command"], e["result"], e["status"], e["reason"]) for e in booking["history"]]


def without_time(booking):
    return {name: value for name, value in booking.items() if name != "server_time"}


# --- hold -------------------------------------------------------------------------------------

def test_a_hold_has_its_seats_and_says_until_when(stack):
    event = stack.create_event(5, price_minor=1000)
    answer = stack.hold(event, ["S4", "S2"], "anna")
    assert answer.status == 202, answer
    booking_id = answer.json()["bookingId"]
    assert answer.json()["status"] == "pending"
    assert answer.header("Location") == f"/api/bookings/{booking_id}"
    assert answer.header("Retry-After") == "1"
    assert stack.booking(booking_id)["status"] in ("pending", "held")

    found = stack.outcome(booking_id)
    assert set(found) == MEMBERS
    assert (found["status"], found["mode"], found["reason"]) == ("held", "hold", None)
    assert (found["event_id"], found["user_id"]) == (event, "anna")
    assert found["seats"] == ["S4", "S2"] and found["seats_lost"] == []
    assert found["prices"] == [{"seat_id": "S4", "price_minor": 4000},
                               {"seat_id": "S2", "price_minor": 2000}]
    assert (found["total_minor"], found["currency"]) == (6000, "EUR")
    assert (found["payment_reference"], found["extensions"], found["version"]) == (None, 0, 1)
    assert ms(found["expires_at"]) - ms(found["decided_at"]) == TTL_MS
    assert ms(found["requested_at"]) <= ms(found["decided_at"]) <= ms(found["server_time"])
    assert len(found["history"]) == 1 and set(found["history"][0]) == ENTRY
    assert found["history"][0] == {
        "version": 1, "at": found["decided_at"], "status": "held", "command": "hold",
        "command_id": None, "actor": "anna", "result": "done", "reason": None,
        "expires_at": found["expires_at"]}

    wait_counts(stack, event, 3, 2, 0, 0)
    seats = {s["seat_id"]: (s["status"], s["user_id"]) for s in stack.seat_map(event)["seats"]}
    assert seats["S2"] == seats["S4"] == ("held", "anna")
    assert seats["S1"] == ("available", None)


def test_hold_is_what_is_meant_and_book_can_be_said(stack):
    event = stack.create_event(3)
    said = stack.held(event, ["S1"], mode="hold")
    assert (said["status"], said["mode"]) == ("held", "hold")
    booked = stack.held(event, ["S2", "S3"], mode="book")
    assert (booked["status"], booked["mode"]) == ("confirmed", "book")
    assert booked["expires_at"] is None and booked["server_time"] is None
    assert told(booked) == [("book", "done", "confirmed", None)]
    wait_counts(stack, event, 0, 1, 2, 0)


def test_who_names_no_user_is_anonymous(stack):
    event = stack.create_event(1)
    answer = stack.web.post("/api/bookings", {"eventId": event, "seatIds": ["S1"]})
    assert answer.status == 202, answer
    assert stack.outcome(answer.json()["bookingId"])["user_id"] == "anonymous"


def test_ten_seats_are_one_booking(stack):
    event = stack.create_event(12, price_minor=5)
    seats = [f"S{n}" for n in range(10, 0, -1)]
    found = stack.held(event, seats)
    assert found["seats"] == seats and found["total_minor"] == 5 * 55
    wait_counts(stack, event, 2, 10, 0, 0)


def test_the_time_is_told_while_it_matters_and_is_not_part_of_the_tag(stack):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    path = f"/api/bookings/{booking_id}"
    first = stack.web.get(path)
    later = wait_for(
        lambda: (a := stack.web.get(path)).json()["server_time"] > first.json()["server_time"]
        and a, SOON, "the server's time goes on")
    assert later.header("ETag") == first.header("ETag")
    assert stack.web.get(path, {"If-None-Match": first.header("ETag")}).status == 304
    assert without_time(later.json()) == without_time(first.json())
    stack.decision(booking_id, "confirm")
    changed = stack.web.get(path, {"If-None-Match": first.header("ETag")})
    assert changed.status == 200 and changed.header("ETag") != first.header("ETag")


# --- confirm ----------------------------------------------------------------------------------

def test_a_confirmed_hold_is_booked_for_good(stack):
    event = stack.create_event(3, price_minor=700)
    held = stack.held(event, ["S1", "S2"], "anna")
    answer = stack.command(held["booking_id"], "confirm", "anna", {"paymentReference": "pay_1"})
    assert answer.status == 202, answer
    body = answer.json()
    assert body["bookingId"] == held["booking_id"] and body["status"] == "pending"
    own = f"/api/bookings/{body['bookingId']}"
    assert body["links"]["self"] == answer.header("Location") == own

    entry = stack.decided(held["booking_id"], body["commandId"])
    found = stack.booking(held["booking_id"])
    assert (found["status"], found["version"]) == ("confirmed", 2)
    assert (found["expires_at"], found["server_time"]) == (None, None)
    assert found["payment_reference"] == "pay_1"
    assert found["prices"] == held["prices"] and found["total_minor"] == 2100
    assert found["decided_at"] == entry["at"] >= held["decided_at"]
    assert entry["actor"] == "anna" and entry["expires_at"] is None
    assert told(found) == [("hold", "done", "held", None), ("confirm", "done", "confirmed", None)]
    wait_counts(stack, event, 1, 0, 2, 0)


def test_a_command_without_a_user_acts_for_the_owner(stack):
    event = stack.create_event(3)
    for seat, verb, status in (("S1", "confirm", "confirmed"), ("S2", "extend", "held"),
                               ("S3", "cancel", "cancelled")):
        booking_id = stack.held(event, [seat], "anna")["booking_id"]
        entry = stack.decision(booking_id, verb)
        assert (entry["result"], entry["status"], entry["actor"]) == ("done", status, None)


@pytest.mark.parametrize("headers, body", [
    ({}, None), ({"Content-Type": "application/json"}, b""),
    ({"Content-Type": "application/json"}, b"{}"),
    ({"Content-Type": "application/json"}, b'{"unknown":[1]}'),
], ids=["none", "none, with its type", "an empty object", "members without a meaning"])
@pytest.mark.parametrize("method, suffix", [
    ("PUT", "/confirm"), ("PUT", "/extend"), ("PUT", "/cancel"), ("DELETE", "")])
def test_a_command_needs_no_body(stack, method, suffix, headers, body):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    answer = stack.web.request(method, f"/api/bookings/{booking_id}{suffix}", body, headers)
    assert answer.status == 202, answer
    assert stack.decided(booking_id, answer.json()["commandId"])["result"] == "done"


# --- extend -----------------------------------------------------------------------------------

def test_a_hold_is_extended_once_and_to_at_most_twice_its_time(stack):
    event = stack.create_event(1)
    held = stack.held(event, ["S1"])
    entry = stack.decision(held["booking_id"], "extend")
    found = stack.booking(held["booking_id"])
    assert (entry["result"], found["status"], found["extensions"]) == ("done", "held", 1)
    assert found["expires_at"] == entry["expires_at"]
    assert ms(found["expires_at"]) == ms(entry["at"]) + TTL_MS
    assert ms(held["expires_at"]) <= ms(found["expires_at"]) <= ms(held["decided_at"]) + 2 * TTL_MS

    refused = stack.decision(held["booking_id"], "extend")
    assert (refused["result"], refused["reason"]) == ("refused", "extension_limit")
    after = stack.booking(held["booking_id"])
    assert (after["expires_at"], after["extensions"]) == (found["expires_at"], 1)
    assert (after["status"], after["decided_at"]) == ("held", found["decided_at"])
    assert [e["version"] for e in after["history"]] == [1, 2, 3] and after["version"] == 3
    assert stack.seat_map(event)["version"] in (1, 2), "a refusal changes no seat"


@pytest.mark.parametrize("allowed", [0, 3])
def test_an_event_says_how_often(stack, allowed):
    event = stack.create_event(1, hold_extensions_max=allowed)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    results = [stack.decision(booking_id, "extend")["result"] for _ in range(allowed + 1)]
    assert results == ["done"] * allowed + ["refused"]
    assert stack.booking(booking_id)["extensions"] == allowed


def test_an_extended_hold_outlives_its_first_end(stack):
    event = stack.create_event(1, hold_ttl_ms=3000)
    held = stack.held(event, ["S1"], "anna")
    longer = stack.decision(held["booking_id"], "extend")
    assert ms(longer["expires_at"]) > ms(held["expires_at"])
    wait_for(lambda: ms(held["expires_at"]) < stack.clock().timestamp() * 1000, SOON,
             "the first end has passed")
    other = stack.outcome(stack.booked_id(event, "S1", "ben"))
    in_time = ms(other["decided_at"]) < ms(longer["expires_at"])
    assert (other["status"], other["reason"]) == (
        ("rejected", "seat_taken") if in_time else ("confirmed", None))
    ended = stack.wait_status(held["booking_id"], "expired")
    assert ms(ended["decided_at"]) >= ms(longer["expires_at"])


# --- cancel -----------------------------------------------------------------------------------

@pytest.mark.parametrize("verb", ["cancel", "delete"])
@pytest.mark.parametrize("mode", ["hold", "book"])
def test_a_cancelled_booking_gives_its_seats_back_at_once(stack, mode, verb):
    event = stack.create_event(2)
    booking = stack.held(event, ["S1", "S2"], "anna", mode=mode)
    entry = stack.decision(booking["booking_id"], verb, "anna")
    assert (entry["command"], entry["result"], entry["status"]) == ("cancel", "done", "cancelled")
    found = stack.booking(booking["booking_id"])
    assert (found["status"], found["reason"], found["expires_at"]) == ("cancelled", None, None)
    assert found["seats"] == ["S1", "S2"] and found["seats_lost"] == []
    wait_counts(stack, event, 2, 0, 0, 0)
    assert all(s["user_id"] is None for s in stack.seat_map(event)["seats"])
    assert stack.held(event, ["S2", "S1"], "ben", mode="book")["status"] == "confirmed"


def test_who_asks_right_after_a_cancellation_has_the_seat(stack):
    """Nobody waits for an outcome in between: the order of the queue is enough."""
    event = stack.create_event(1)
    first = stack.held(event, ["S1"], "anna")["booking_id"]
    assert stack.command(first, "cancel").status == 202
    second = stack.hold(event, ["S1"], "ben").json()["bookingId"]
    assert stack.command(second, "confirm", "ben").status == 202
    assert stack.wait_status(second, "confirmed")["user_id"] == "ben"
    assert stack.booking(first)["status"] == "cancelled"


def test_a_command_may_follow_its_booking_at_once(stack):
    event = stack.create_event(20)
    ids = [stack.hold(event, [f"S{n}"]).json()["bookingId"] for n in range(1, 21)]
    answers = [stack.command(booking_id, "confirm") for booking_id in ids]
    assert {a.status for a in answers} == {202}
    assert len({a.json()["commandId"] for a in answers}) == 20
    for booking_id in ids:
        assert stack.wait_status(booking_id, "confirmed")["version"] == 2


# --- expire -----------------------------------------------------------------------------------

def test_a_hold_that_runs_out_ends_by_itself_and_frees_its_seats(stack):
    event = stack.create_event(3, hold_ttl_ms=SHORT_MS)
    held = stack.held(event, ["S1", "S3"], "anna")
    assert ms(held["expires_at"]) - ms(held["history"][0]["at"]) == SHORT_MS
    found = stack.wait_status(held["booking_id"], "expired")
    assert (found["reason"], found["version"]) == ("hold_expired", 2)
    assert found["seats"] == ["S1", "S3"] and found["expires_at"] == held["expires_at"]
    entry = found["history"][-1]
    assert (entry["command"], entry["command_id"], entry["actor"]) == (None, None, None)
    assert (entry["result"], entry["status"]) == ("done", "expired")
    assert ms(entry["at"]) >= ms(held["expires_at"])
    wait_counts(stack, event, 3, 0, 0, 0)


def test_a_hold_that_has_run_out_blocks_no_buyer(stack):
    """Whether or not anything has swept it: the decision that asks for its seat ends it."""
    event = stack.create_event(60, hold_ttl_ms=SHORT_MS)
    held = [stack.hold(event, [f"S{n}", f"S{n + 1}"], "anna").json()["bookingId"]
            for n in range(1, 60, 2)]
    stack.wait_settled(held, SOON)
    stack.wait_lapsed(held[-1])
    bought = [stack.booked_id(event, f"S{n}", "ben") for n in range(1, 60, 2)]
    assert {stack.outcome(b)["status"] for b in bought} == {"confirmed"}
    for booking_id in held:
        found = stack.wait_status(booking_id, "expired")
        assert told(found) == [("hold", "done", "held", None),
                               (None, "done", "expired", "hold_expired")]
    wait_counts(stack, event, 30, 0, 30, 0)


def test_confirming_too_late_is_refused_and_changes_nothing(stack):
    event = stack.create_event(1, hold_ttl_ms=SHORT_MS)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    stack.wait_lapsed(booking_id)
    entry = stack.decision(booking_id, "confirm")
    assert (entry["result"], entry["reason"]) == ("refused", "hold_expired")
    found = stack.booking(booking_id)
    assert (found["status"], found["reason"]) == ("expired", "hold_expired")
    assert told(found) == [("hold", "done", "held", None),
                           (None, "done", "expired", "hold_expired"),
                           ("confirm", "refused", "expired", "hold_expired")]
    wait_counts(stack, event, 1, 0, 0, 0)


def test_a_booked_seat_never_expires(stack):
    event = stack.create_event(3, hold_ttl_ms=2000)
    booked = stack.held(event, ["S1"], mode="book")["booking_id"]
    confirmed = stack.hold(event, ["S2"]).json()["bookingId"]
    stack.command(confirmed, "confirm")
    stack.wait_status(confirmed, "confirmed")
    stack.wait_status(stack.held(event, ["S3"])["booking_id"], "expired")
    assert stack.booking(booked)["status"] == stack.booking(confirmed)["status"] == "confirmed"
    wait_counts(stack, event, 1, 0, 2, 0)


# --- every state, every command ---------------------------------------------------------------

def make(stack, status):
    """A booking in that state; its event, too."""
    if status == "rejected":
        event = stack.create_event(1, blocked=1)
        booking_id = stack.hold(event, ["S1"]).json()["bookingId"]
    else:
        event = stack.create_event(1, hold_ttl_ms=SHORT_MS if status == "expired" else TTL_MS)
        mode = "book" if status == "confirmed" else "hold"
        booking_id = stack.hold(event, ["S1"], mode=mode).json()["bookingId"]
    if status == "cancelled":
        stack.command(booking_id, "cancel")
    stack.wait_status(booking_id, status)
    return event, booking_id


NOT_DONE = [
    ("confirmed", "confirm", "unchanged", "already_confirmed"),
    ("confirmed", "extend", "refused", "already_confirmed"),
    ("rejected", "confirm", "refused", "booking_rejected"),
    ("rejected", "extend", "refused", "booking_rejected"),
    ("rejected", "cancel", "refused", "booking_rejected"),
    ("rejected", "delete", "refused", "booking_rejected"),
    ("cancelled", "confirm", "refused", "booking_cancelled"),
    ("cancelled", "extend", "refused", "booking_cancelled"),
    ("cancelled", "cancel", "unchanged", "already_cancelled"),
    ("cancelled", "delete", "unchanged", "already_cancelled"),
    ("expired", "confirm", "refused", "hold_expired"),
    ("expired", "extend", "refused", "hold_expired"),
    ("expired", "cancel", "refused", "hold_expired"),
    ("expired", "delete", "refused", "hold_expired"),
]


@pytest.mark.parametrize("status, verb, result, reason", NOT_DONE)
def test_a_transition_that_is_not_allowed_is_an_outcome_with_a_reason(stack, status, verb, result,
                                                                      reason):
    event, booking_id = make(stack, status)
    before, seats = stack.booking(booking_id), statuses(stack, event)
    entry = stack.decision(booking_id, verb)
    assert (entry["result"], entry["reason"], entry["status"]) == (result, reason, status)
    after = stack.booking(booking_id)
    for name in MEMBERS - {"version", "history", "server_time"}:
        assert after[name] == before[name], name
    assert after["version"] == before["version"] + 1
    assert after["history"] == [*before["history"], entry]
    stack.outcome(stack.booked_id(event, "no-such-seat"))  # what came before it is done
    assert statuses(stack, event) == seats


@pytest.mark.parametrize("status, verb", [
    (s, v) for s in ("held", "confirmed", "cancelled") for v in ("confirm", "extend", "delete")])
def test_only_the_owner_may_act(stack, status, verb):
    _, booking_id = make(stack, status)
    entry = stack.decision(booking_id, verb, "mallory")
    assert (entry["result"], entry["reason"]) == ("refused", "not_owner")
    assert entry["actor"] == "mallory"
    assert stack.booking(booking_id)["status"] == status


def test_the_history_tells_a_whole_life(stack):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"], "anna")["booking_id"]
    for verb, user in (("extend", "anna"), ("extend", None), ("confirm", "ben"),
                       ("confirm", "anna"), ("confirm", None), ("delete", "anna"),
                       ("cancel", None), ("confirm", None)):
        stack.decision(booking_id, verb, user)
    found = stack.booking(booking_id)
    assert told(found) == [
        ("hold", "done", "held", None),
        ("extend", "done", "held", None),
        ("extend", "refused", "held", "extension_limit"),
        ("confirm", "refused", "held", "not_owner"),
        ("confirm", "done", "confirmed", None),
        ("confirm", "unchanged", "confirmed", "already_confirmed"),
        ("cancel", "done", "cancelled", None),
        ("cancel", "unchanged", "cancelled", "already_cancelled"),
        ("confirm", "refused", "cancelled", "booking_cancelled"),
    ]
    assert [e["version"] for e in found["history"]] == list(range(1, 10))
    assert [e["at"] for e in found["history"]] == sorted(e["at"] for e in found["history"])
    assert len({e["command_id"] for e in found["history"]}) == 9


# --- all or none ------------------------------------------------------------------------------

def test_who_cannot_have_all_seats_has_none_and_learns_which_went(stack):
    event = stack.create_event(6)
    stack.held(event, ["S2"], "ben")
    stack.held(event, ["S5"], "ben", mode="book")
    for mode in ("hold", "book"):
        answer = stack.hold(event, ["S1", "S2", "S3", "S5"], "anna", mode=mode)
        found = stack.outcome(answer.json()["bookingId"])
        assert (found["status"], found["reason"]) == ("rejected", "seat_taken")
        assert found["seats_lost"] == ["S2", "S5"]
        assert found["seats"] == ["S1", "S2", "S3", "S5"]
        assert (found["prices"], found["total_minor"], found["expires_at"]) == ([], None, None)
    stack.held(event, ["S6"])  # what came before it on this partition is in the map too
    wait_counts(stack, event, 3, 2, 1, 0)
    assert stack.seat_map(event)["version"] == 3


def test_of_overlapping_requests_each_gets_all_or_none(stack):
    event = stack.create_event(12)
    wishes = [[f"S{(3 * n + k) % 12 + 1}" for k in range(5)] for n in range(24)]
    answers = stack.each(lambda wish: stack.hold(event, wish), wishes, threads=12)
    found = [stack.outcome(a.json()["bookingId"]) for a in answers]
    held = [b for b in found if b["status"] == "held"]
    lost = [b for b in found if b["status"] == "rejected"]
    assert held and lost and len(held) + len(lost) == 24
    taken = [seat for b in held for seat in b["seats"]]
    assert len(taken) == len(set(taken)) == 5 * len(held)
    for booking in lost:
        assert booking["reason"] == "seat_taken"
        assert booking["seats_lost"] and set(booking["seats_lost"]) <= set(taken)
    wait_counts(stack, event, 12 - len(taken), len(taken), 0, 0)


@pytest.mark.parametrize("seats, reason, lost", [
    (["S2", "S9"], "seat_not_found", ["S9"]),
    (["S1", "S2"], "seat_blocked", ["S1"]),
    (["S2", "S3"], "seat_taken", ["S3"]),
    (["S1", "S2", "S3", "S9"], "seat_not_found", ["S1", "S3", "S9"]),
    (["S3", "S1", "S2"], "seat_blocked", ["S3", "S1"]),
])
def test_the_first_reason_is_told_with_all_seats_that_cannot_be_had(stack, seats, reason, lost):
    event = stack.create_event(4, blocked=1)
    stack.held(event, ["S3"], "ben")
    found = stack.outcome(stack.hold(event, seats).json()["bookingId"])
    assert (found["status"], found["reason"], found["seats_lost"]) == ("rejected", reason, lost)
    wait_counts(stack, event, 2, 1, 0, 1)


# --- rules of the event -----------------------------------------------------------------------

def refusal(stack, event, seats, user="anna"):
    found = stack.outcome(stack.hold(event, seats, user).json()["bookingId"])
    assert found["status"] == "rejected", found
    assert found["history"][-1]["reason"] == found["reason"]
    return found["reason"]


def test_nobody_has_more_live_seats_than_the_event_allows(stack):
    event = stack.create_event(9, seats_per_user_max=3)
    assert refusal(stack, event, ["S1", "S2", "S3", "S4"]) == "seat_limit"
    first = stack.held(event, ["S1", "S2"], "anna")["booking_id"]
    assert refusal(stack, event, ["S3", "S4"]) == "seat_limit"
    second = stack.held(event, ["S3"], "anna", mode="book")["booking_id"]
    assert refusal(stack, event, ["S4"]) == "seat_limit"
    assert stack.held(event, ["S7", "S8", "S9"], "ben")["status"] == "held"

    stack.decision(first, "confirm")
    assert refusal(stack, event, ["S4"]) == "seat_limit", "held or booked is the same"
    stack.decision(second, "cancel")
    assert stack.held(event, ["S4"], "anna")["status"] == "held"
    assert refusal(stack, event, ["S5"]) == "seat_limit"
    other = stack.create_event(3, seats_per_user_max=3)
    assert stack.held(other, ["S1", "S2", "S3"], "anna")["status"] == "held"


def test_a_hold_that_has_run_out_does_not_count(stack):
    event = stack.create_event(3, seats_per_user_max=1, hold_ttl_ms=SHORT_MS)
    first = stack.held(event, ["S1"], "anna")["booking_id"]
    stack.wait_lapsed(first)
    assert stack.held(event, ["S2"], "anna", mode="book")["status"] == "confirmed"
    assert refusal(stack, event, ["S3"]) == "seat_limit"


def test_many_requests_at_once_do_not_get_past_the_limit(stack):
    event = stack.create_event(30, seats_per_user_max=4)
    answers = stack.each(lambda n: stack.hold(event, [f"S{n}"], "anna"), range(1, 31))
    found = [stack.outcome(a.json()["bookingId"]) for a in answers]
    reasons = [b["reason"] for b in found]
    assert (reasons.count(None), reasons.count("seat_limit")) == (4, 26)
    wait_counts(stack, event, 26, 4, 0, 0)


def test_the_sale_has_a_beginning_and_an_end(stack):
    early = stack.create_event(1, sales_open_at=stack.clock("1 hour"))
    late = stack.create_event(2, sales_open_at=stack.clock("-2 hours"),
                              sales_close_at=stack.clock("-1 hour"))
    during = stack.create_event(1, sales_open_at=stack.clock("-1 hour"),
                                sales_close_at=stack.clock("1 hour"))
    assert refusal(stack, early, ["S1"]) == "sales_not_open"
    assert refusal(stack, late, ["S1"]) == "sales_closed"
    assert stack.held(during, ["S1"])["status"] == "held"
    assert counts(stack, early) == (1, 0, 0, 0) and counts(stack, late) == (2, 0, 0, 0)


def test_what_was_held_before_the_sale_ended_can_be_confirmed(stack):
    event = stack.create_event(2)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    stack.change_event(event, sales_close_at=stack.clock())
    assert refusal(stack, event, ["S2"]) == "sales_closed"
    assert stack.decision(booking_id, "confirm")["result"] == "done"


def test_a_cancelled_event_sells_nothing_and_gives_back(stack):
    event = stack.create_event(4)
    held, extended, dropped = (stack.held(event, [f"S{n}"])["booking_id"] for n in (1, 2, 3))
    stack.change_event(event, cancelled_at=stack.clock())
    assert refusal(stack, event, ["S4"]) == "event_cancelled"
    # Its bookings end by themselves, before or after somebody acts on them.
    for booking_id, verb in ((held, "confirm"), (extended, "extend")):
        entry = stack.decision(booking_id, verb)
        assert (entry["result"], entry["reason"]) in (
            ("refused", "event_cancelled"), ("refused", "booking_cancelled"))
    assert stack.decision(dropped, "cancel")["result"] in ("done", "unchanged")
    for booking_id in (held, extended, dropped):
        stack.wait_status(booking_id, "cancelled")
    wait_counts(stack, event, 4, 0, 0, 0)


def test_a_hold_lasts_as_long_as_its_event_said_then(stack):
    event = stack.create_event(2, hold_ttl_ms=60_000)
    first = stack.held(event, ["S1"])
    stack.change_event(event, hold_ttl_ms=90_000)
    second = stack.held(event, ["S2"])
    assert ms(first["expires_at"]) - ms(first["decided_at"]) == 60_000
    assert ms(second["expires_at"]) - ms(second["decided_at"]) == 90_000
    assert stack.booking(first["booking_id"])["expires_at"] == first["expires_at"]


def test_an_unknown_event_has_no_seats_to_hold(stack):
    found = stack.outcome(stack.hold("no-such-event", ["S1", "S2"]).json()["bookingId"])
    assert (found["status"], found["reason"]) == ("rejected", "event_not_found")
    assert (found["prices"], found["total_minor"], found["currency"]) == ([], None, None)


# --- ids that name nothing --------------------------------------------------------------------

def test_a_booking_is_pending_from_the_moment_the_202_leaves(stack):
    event = stack.create_event(40)
    for n in range(1, 41):
        answer = stack.hold(event, [f"S{n}"])
        assert stack.booking(answer.json()["bookingId"])["status"] in ("pending", "held")


def test_a_command_for_an_id_that_was_never_issued_is_404(stack):
    event = stack.create_event(1)
    good = stack.held(event, ["S1"])["booking_id"]
    bad = good[:-1] + ("0" if good[-1] != "0" else "1")
    for booking_id in (bad, "00000000-0000-8000-8000-000000000000", "1"):
        for verb in ("confirm", "extend", "cancel", "delete"):
            assert stack.command(booking_id, verb).status == 404
    assert stack.web.get(f"/api/bookings/{bad}").status == 404


def test_an_id_in_capitals_is_the_same_id(stack):
    event = stack.create_event(1)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    assert stack.booking(booking_id.upper())["booking_id"] == booking_id
    answer = stack.command(booking_id.upper(), "confirm", Prefer="wait=10")
    assert (answer.status, answer.json()["booking_id"]) == (200, booking_id)


def test_a_command_for_an_id_that_was_issued_but_never_stored_ends_as_a_rejection(stack):
    booking_id = stack.issue_id("whatever")
    assert stack.booking(booking_id) == {"booking_id": booking_id, "status": "pending"}
    entry = stack.decision(booking_id, "confirm", "anna")
    assert (entry["status"], entry["reason"]) == ("rejected", "booking_not_found")
    found = stack.booking(booking_id)
    assert (found["status"], found["reason"]) == ("rejected", "booking_not_found")
    assert (found["event_id"], found["user_id"], found["mode"]) == (None, None, None)
    assert (found["seats"], found["prices"], found["total_minor"]) == ([], [], None)
