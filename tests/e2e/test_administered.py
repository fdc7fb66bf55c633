"""What comes of administrators' commands, for all who look: from Kafka to map and booking."""

from support.administer import ADMIN, administer
from support.checks import check_all
from support.wait import wait_for


def statuses(stack, event):
    seats = stack.seat_map(event)["seats"]
    return {seat["seat_id"]: seat["status"] for seat in seats}


def test_blocked_seats_are_sold_to_nobody_until_they_are_unblocked(stack):
    event = stack.create_event(6, blocked=1)
    stack.held(event, ["S2"], "ann", "book")

    block = stack.outcome(administer(stack, "block", event, ["S1", "S2", "S3", "S4"]))
    assert {name: block[name] for name in ("mode", "status", "reason", "seats", "seats_lost",
                                           "user_id", "event_id", "prices", "total_minor")} == {
        "mode": "block", "status": "done", "reason": None, "seats": ["S1", "S2", "S3", "S4"],
        "seats_lost": ["S2"], "user_id": ADMIN, "event_id": event, "prices": [],
        "total_minor": None}
    assert statuses(stack, event) == {
        "S1": "blocked", "S2": "booked", "S3": "blocked", "S4": "blocked",
        "S5": "available", "S6": "available"}
    lost = stack.outcome(stack.hold(event, ["S3", "S5"], "bob").json()["bookingId"])
    assert (lost["status"], lost["reason"], lost["seats_lost"]) == (
        "rejected", "seat_blocked", ["S3"])

    unblock = stack.outcome(administer(stack, "unblock", event, ["S1", "S3", "S5"]))
    assert (unblock["mode"], unblock["status"], unblock["seats_lost"]) == (
        "unblock", "done", ["S5"])
    stack.held(event, ["S1", "S3"], "bob", "book")
    none = stack.outcome(administer(stack, "unblock", event, ["S2"]))
    assert (none["status"], none["reason"]) == ("rejected", "seat_not_blocked")
    check_all(stack, [event])


def test_an_administrators_command_is_no_booking_to_act_on(stack):
    event = stack.create_event(2)
    block = stack.outcome(administer(stack, "block", event, ["S1"]))["booking_id"]
    for verb in ("confirm", "extend", "cancel"):
        entry = stack.decision(block, verb)
        assert (entry["result"], entry["reason"]) == ("refused", "not_a_booking")
    assert stack.booking(block)["status"] == "done"
    assert statuses(stack, event)["S1"] == "blocked"


def test_a_cancelled_event_sells_nothing_and_its_bookings_end(stack):
    event, other = stack.create_events(2, 8, hold_ttl_ms=600_000)
    held = stack.held(event, ["S1", "S2"], "ann")["booking_id"]
    booked = stack.held(event, ["S3"], "bob", "book")["booking_id"]
    elsewhere = stack.held(other, ["S3"], "bob", "book")["booking_id"]

    ended = stack.outcome(administer(stack, "cancel_event", event))
    assert (ended["mode"], ended["status"], ended["seats"]) == ("cancel_event", "done", [])
    assert stack.seat_map(event)["cancelled_at"], "who reads the one finds the other"
    late = stack.outcome(stack.hold(event, ["S4"], "zoe").json()["bookingId"])
    assert (late["status"], late["reason"]) == ("rejected", "event_cancelled")
    for booking_id in (held, booked):
        booking = stack.wait_status(booking_id, "cancelled")
        last = booking["history"][-1]
        assert booking["reason"] == "event_cancelled" and booking["expires_at"] is None
        assert (last["status"], last["command"], last["actor"], last["result"]) == (
            "cancelled", None, None, "done")
    wait_for(lambda: set(statuses(stack, event).values()) == {"available"}, 10,
             "all seats are given back")
    again = stack.outcome(administer(stack, "cancel_event", event))
    assert (again["status"], again["reason"]) == ("rejected", "event_cancelled")
    assert stack.booking(elsewhere)["status"] == "confirmed"
    check_all(stack, [event, other])


def test_who_asked_and_from_where_is_in_the_log_alone(stack):
    event = stack.create_event(3)
    booking_id = administer(stack, "book", event, ["S1"], userId="ann", actor="root-2",
                            address="2001:db8::7")
    booking = stack.outcome(booking_id)
    assert stack.pg_rows("SELECT user_id, actor, address FROM booking_log WHERE booking_id = %s",
                         booking_id) == [("ann", "root-2", "2001:db8::7")]
    assert booking["user_id"] == "ann" and "2001:db8::7" not in str(booking)
    assert "2001:db8::7" not in str(stack.mongo()["bookings"].find_one({"_id": booking_id}))


def test_a_user_holds_no_more_seats_at_once_than_the_event_allows(stack):
    event = stack.create_event(8, holds_per_user_max=2, hold_ttl_ms=600_000)
    first = stack.held(event, ["S1", "S2"], "ann")["booking_id"]
    more = stack.outcome(stack.hold(event, ["S3"], "ann").json()["bookingId"])
    assert (more["status"], more["reason"], more["seats_lost"]) == ("rejected", "hold_limit", [])
    stack.held(event, ["S3"], "ann", "book")
    stack.held(event, ["S4"], "bob")
    stack.decision(first, "confirm", "ann")
    stack.held(event, ["S5"], "ann")
    check_all(stack, [event])
