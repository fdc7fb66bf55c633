"""What other services are told: every transition of a booking, in order, as CloudEvents 1.0."""

import re
from datetime import datetime
from urllib.parse import urlsplit

from support.booking_events import EVENTS_TOPIC, TOLD_S, BookingEvents, assert_in_order
from support.wait import wait_for

SHORT_MS = 300
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MEMBERS = [
    "booking_id", "version", "event_id", "user_id", "status", "reason", "seats", "seats_lost",
    "prices", "total_minor", "currency", "payment_reference", "requested_at", "decided_at",
    "expires_at", "command", "command_id", "actor", "result", "refusal", "changed",
]
ATTRIBUTES = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject",
              "ce_partitionkey", "content-type"]


def assert_cloud_event(event, ledger_id):
    """CloudEvents 1.0, its Kafka binding and its partitioning extension."""
    attributes = event.attributes
    assert [name for name, _ in event.headers] == ATTRIBUTES
    assert attributes["ce_specversion"] == "1.0"
    assert attributes["ce_id"] == f"{event.key}/{event.version}"
    assert attributes["ce_source"] == urlsplit(attributes["ce_source"]).path
    assert attributes["ce_source"] == f"/seatline/{ledger_id}"
    assert re.fullmatch(r"seatline\.booking\.[a-z]+", attributes["ce_type"])
    assert TIME.fullmatch(attributes["ce_time"])
    assert attributes["ce_time"] == event.value["decided_at"]
    assert attributes["ce_subject"] == attributes["ce_partitionkey"] == event.key
    assert attributes["content-type"] == "application/json"
    assert list(event.value) == MEMBERS
    assert event.value["booking_id"] == event.key
    for name in ("requested_at", "decided_at"):
        assert TIME.fullmatch(event.value[name])


def told_of(stack, told, booking_id, *kinds):
    """The events of a booking once it has these, one each, all well-formed."""
    events = wait_for(lambda: len(e := told.of(booking_id)) >= len(kinds) and e, TOLD_S,
                      f"{booking_id}: {kinds}")
    assert [e.what for e in events] == list(kinds)
    assert [e.version for e in events] == list(range(1, len(kinds) + 1))
    ledger_id = stack.pg_value("SELECT ledger_id::text FROM ledger")
    for event in events:
        assert_cloud_event(event, ledger_id)
    return [e.value for e in events]


def test_a_booking_is_told_from_hold_to_cancellation(stack):
    event = stack.create_event(3, price_minor=1000)
    told = BookingEvents(stack)
    booking = stack.held(event, ["S2", "S1"], "anna")
    booking_id = booking["booking_id"]
    stack.decision(booking_id, "extend", "anna")
    stack.decision(booking_id, "confirm", "anna", {"paymentReference": 'pay"1"\\'})
    stack.decision(booking_id, "cancel", "anna")

    held, extended, confirmed, cancelled = told_of(
        stack, told, booking_id, "held", "extended", "confirmed", "cancelled")
    assert {name: held[name] for name in ("event_id", "user_id", "seats", "seats_lost", "prices",
                                          "total_minor", "currency", "payment_reference")} == {
        "event_id": event, "user_id": "anna", "seats": ["S2", "S1"], "seats_lost": [],
        "prices": [2000, 1000], "total_minor": 3000, "currency": "EUR", "payment_reference": None}
    assert held["expires_at"] == booking["expires_at"] < extended["expires_at"]
    assert confirmed["payment_reference"] == 'pay"1"\\'
    assert confirmed["expires_at"] is None
    assert [(v["status"], v["command"], v["actor"], v["result"], v["refusal"])
            for v in (held, extended, confirmed, cancelled)] == [
        ("held", "hold", "anna", "done", None), ("held", "extend", "anna", "done", None),
        ("confirmed", "confirm", "anna", "done", None),
        ("cancelled", "cancel", "anna", "done", None)]
    assert held["command_id"] is None
    assert len({v["command_id"] for v in (extended, confirmed, cancelled)}) == 3

    changed = [{c["seat_id"]: (c["status"], c["version"]) for c in v["changed"]}
               for v in (held, extended, confirmed, cancelled)]
    assert changed == [{"S1": ("held", 1), "S2": ("held", 1)}, {},
                       {"S1": ("booked", 2), "S2": ("booked", 2)},
                       {"S1": ("available", 3), "S2": ("available", 3)}]


def test_a_rejection_names_the_seats_that_went(stack):
    event = stack.create_event(2)
    told = BookingEvents(stack)
    stack.held(event, ["S1"])
    lost = stack.hold(event, ["S2", "S1"], "ben").json()["bookingId"]
    stack.outcome(lost)
    value, = told_of(stack, told, lost, "rejected")
    assert (value["status"], value["reason"]) == ("rejected", "seat_taken")
    assert (value["seats"], value["seats_lost"], value["changed"]) == (["S2", "S1"], ["S1"], [])
    assert (value["prices"], value["total_minor"], value["result"]) == ([], None, "done")


def test_what_was_not_done_is_told_too_and_leaves_the_booking_as_it_was(stack):
    event = stack.create_event(1)
    told = BookingEvents(stack)
    booking_id = stack.held(event, ["S1"], "anna", "book")["booking_id"]
    stack.decision(booking_id, "cancel", "mallory")
    stack.decision(booking_id, "confirm", "anna")
    booked, stranger, again = told_of(stack, told, booking_id, "confirmed", "refused", "refused")
    assert (booked["command"], booked["status"]) == ("book", "confirmed")
    assert (stranger["result"], stranger["refusal"], stranger["actor"]) == (
        "refused", "not_owner", "mallory")
    assert (again["result"], again["refusal"]) == ("unchanged", "already_confirmed")
    for value in (stranger, again):
        assert (value["status"], value["reason"], value["changed"]) == ("confirmed", None, [])


def test_a_hold_that_ran_out_is_told_without_a_command(stack):
    event = stack.create_event(1, hold_ttl_ms=SHORT_MS)
    told = BookingEvents(stack)
    booking_id = stack.held(event, ["S1"])["booking_id"]
    stack.wait_status(booking_id, "expired")
    held, expired = told_of(stack, told, booking_id, "held", "expired")
    assert (expired["status"], expired["reason"]) == ("expired", "hold_expired")
    assert (expired["command"], expired["actor"], expired["result"]) == (None, None, "done")
    ended = [datetime.fromisoformat(v[name].replace("Z", "+00:00"))
             for v, name in ((held, "expires_at"), (expired, "decided_at"))]
    assert ended[0] <= ended[1]
    assert expired["changed"] == [{"seat_id": "S1", "status": "available", "version": 2}]


def test_a_command_on_a_booking_that_was_never_made_is_told(stack):
    event = stack.create_event(1)
    told = BookingEvents(stack)
    booking_id = stack.issue_id(event)
    assert stack.command(booking_id, "cancel", "anna").status == 202
    stack.outcome(booking_id)
    value, = told_of(stack, told, booking_id, "rejected")
    assert (value["reason"], value["command"]) == ("booking_not_found", "cancel")
    assert (value["event_id"], value["user_id"], value["seats"]) == (None, None, [])


def test_a_rush_is_told_row_by_row_and_in_order(stack):
    event = stack.create_event(60)
    told = BookingEvents(stack)

    def live(n):
        booking_id = stack.hold(event, [f"S{n % 60 + 1}"], f"u{n}").json()["bookingId"]
        stack.command(booking_id, "confirm", f"u{n}")
        stack.command(booking_id, "delete", f"u{n}")
        return booking_id

    ids = stack.each(live, range(120))
    wait_for(lambda: stack.pg_value(
        "SELECT count(*) FROM booking_log WHERE booking_id = ANY(%s::uuid[])", ids) == 360, 20,
        "all are decided")
    events = told.wait(ids)
    assert assert_in_order(events) == dict.fromkeys(ids, 3)
    log = stack.pg_rows(
        "SELECT booking_id || '/' || booking_version, status, result, seat_ids, seat_versions"
        " FROM booking_log WHERE booking_id = ANY(%s::uuid[])", ids)
    assert {e.id: (e.value["status"], e.value["result"],
                   [c["seat_id"] for c in e.value["changed"]],
                   [c["version"] for c in e.value["changed"]]) for e in events} == {
        row[0]: row[1:] for row in log}


def test_the_topic_has_as_many_partitions_as_that_of_the_commands(stack):
    assert stack.partitions(EVENTS_TOPIC) == stack.partitions()


def test_one_projector_tells_and_the_metrics_say_how_far(stack):
    event = stack.create_event(1)
    told = BookingEvents(stack)
    told.wait([stack.held(event, ["S1"])["booking_id"]])

    def total(name):
        return sum(stack.metric(projector, f"seatline_outbox_{name}")
                   for projector in stack.instances("projector"))

    assert total("active") == 1
    assert total("published_total") > 0
    wait_for(lambda: total("lag_rows") == 0, 5, "nothing is left to tell")
    assert total("lag_seconds") == 0
