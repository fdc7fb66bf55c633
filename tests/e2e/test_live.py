"""The live channel: what changes is told, in order, and nothing is missed."""

import http.client
import json

import pytest

from support.live import EventSource, open_websocket
from support.wait import wait_for

SOON = 5  # seconds


def gather(source, version, within=SOON):
    """Messages until the map version is reached, each following on the one before."""
    messages = []
    while not messages or messages[-1].data["version"] < version:
        message = source.next(within)
        assert message, f"after {[m.data for m in messages]}"
        messages.append(message)
    for earlier, later in zip(messages, messages[1:]):
        assert later.data["previous_version"] == earlier.data["version"]
    return messages


def test_an_event_source_is_told_of_a_booking(stack):
    event = stack.create_event(3)
    with EventSource(stack.gateway_port, event) as source:
        assert source.response.headers["Content-Type"].startswith("text/event-stream")
        stack.booked_id(event, "S2")
        message = source.next(SOON)
    assert message and message.id
    assert message.data["event_id"] == event
    assert (message.data["previous_version"], message.data["version"]) == (0, 1)
    assert [(s["seat_id"], s["status"]) for s in message.data["seats"]] == [("S2", "booked")]
    assert message.data["counts"] == {"available": 2, "held": 0, "booked": 1, "blocked": 0}


def test_a_websocket_is_told_of_a_booking(stack):
    event = stack.create_event(3)
    socket = open_websocket(stack.gateway_port, event)
    try:
        stack.booked_id(event, "S3")
        data = json.loads(socket.recv())
    finally:
        socket.close()
    assert data["version"] == 1
    assert [(s["seat_id"], s["status"]) for s in data["seats"]] == [("S3", "booked")]


def test_after_a_reconnect_with_its_last_event_id_a_client_has_missed_none(stack):
    event = stack.create_event(30)
    with EventSource(stack.gateway_port, event) as source:
        stack.outcome(stack.booked_id(event, "S1"))
        last = gather(source, 1)[-1]
    for n in range(2, 12):  # nobody listens
        stack.outcome(stack.booked_id(event, f"S{n}"))
    wait_for(lambda: stack.seat_map(event)["version"] == 11, SOON, "the map has them")
    with EventSource(stack.gateway_port, event, last.id) as source:
        missed = gather(source, 11)
        stack.booked_id(event, "S12")
        missed += gather(source, 12)
    assert missed[0].data["previous_version"] == last.data["version"]
    told = [s["seat_id"] for m in missed for s in m.data["seats"]]
    assert sorted(told) == sorted(f"S{n}" for n in range(2, 13))
    for earlier, later in zip(missed, missed[1:]):
        assert later.data["previous_version"] == earlier.data["version"]


def test_versions_form_a_chain_and_the_seats_told_are_the_map(stack):
    event = stack.create_event(200)
    with EventSource(stack.gateway_port, event) as source:
        ids = stack.each(lambda n: stack.booked_id(event, f"S{n % 150 + 1}"), range(300))
        stack.wait_settled(ids, 20)
        messages = gather(source, 150)
    assert messages[0].data["previous_version"] == 0
    told = {s["seat_id"]: s["status"] for m in messages for s in m.data["seats"]}
    assert told == {f"S{n}": "booked" for n in range(1, 151)}
    assert messages[-1].data["counts"]["booked"] == 150


def seats_told(message):
    return [(s["seat_id"], s["status"]) for s in message.data["seats"]]


def test_every_transition_is_told_with_the_counts_after_it(stack):
    event = stack.create_event(4)
    with EventSource(stack.gateway_port, event) as source:
        def told(version):
            """All that led to this version of the map: seats, then the last counts."""
            messages = gather(source, version)
            return (sorted(seat for m in messages for seat in seats_told(m)),
                    messages[-1].data["counts"])

        booking_id = stack.held(event, ["S2", "S3"], "anna")["booking_id"]
        assert told(2) == ([("S2", "held"), ("S3", "held")],
                           {"available": 2, "held": 2, "booked": 0, "blocked": 0})
        stack.decision(booking_id, "confirm")
        assert told(4) == ([("S2", "booked"), ("S3", "booked")],
                           {"available": 2, "held": 0, "booked": 2, "blocked": 0})
        stack.decision(booking_id, "cancel")
        assert told(6) == ([("S2", "available"), ("S3", "available")],
                           {"available": 4, "held": 0, "booked": 0, "blocked": 0})


def test_a_hold_that_runs_out_is_told_although_nobody_asks(stack):
    event = stack.create_event(2, hold_ttl_ms=500)
    with EventSource(stack.gateway_port, event) as source:
        stack.hold(event, ["S1"])
        *before, freed = gather(source, 2)
    assert seats_told(freed) == [("S1", "available")]
    assert freed.data["counts"] == {"available": 2, "held": 0, "booked": 0, "blocked": 0}
    assert [seats_told(m) for m in before] in ([], [[("S1", "held")]])  # or told as one change


def test_a_refused_command_tells_nothing(stack):
    event = stack.create_event(2)
    with EventSource(stack.gateway_port, event) as source:
        booking_id = stack.held(event, ["S1"], "anna", mode="book")["booking_id"]
        gather(source, 1)
        for verb, user in (("extend", "anna"), ("confirm", "anna"), ("cancel", "mallory")):
            assert stack.decision(booking_id, verb, user)["result"] != "done"
        stack.hold(event, ["S1", "S2"])  # all or none
        stack.decision(booking_id, "cancel")
        message = source.next(SOON)
    assert (message.data["previous_version"], message.data["version"]) == (1, 2)
    assert seats_told(message) == [("S1", "available")]


def test_who_follows_the_messages_of_a_busy_hall_has_its_map(stack):
    event = stack.create_event(60, hold_ttl_ms=1500)
    with EventSource(stack.gateway_port, event) as source:
        def life(n):
            answer = stack.hold(event, [f"S{n}", f"S{n % 60 + 1}"])
            booking_id = answer.json()["bookingId"]
            verb = (None, "confirm", "extend", "cancel")[n % 4]
            if verb:
                stack.command(booking_id, verb)
            return booking_id

        ids = stack.each(life, range(1, 61))
        stack.wait_settled(ids, 20)
        wait_for(lambda: stack.seat_map(event)["counts"]["held"] == 0, 20, "no hold is left")
        final = stack.seat_map(event)
        messages = gather(source, final["version"])
    told = {s["seat_id"]: s["status"] for m in messages for s in m.data["seats"]}
    for seat in final["seats"]:
        assert told.get(seat["seat_id"], "available") == seat["status"]
    assert messages[-1].data["counts"] == final["counts"]
    assert final["counts"]["booked"] > 0


def test_a_rejection_changes_no_map_and_tells_nothing(stack):
    event = stack.create_event(2)
    with EventSource(stack.gateway_port, event) as source:
        stack.outcome(stack.booked_id(event, "S1"))
        assert gather(source, 1)
        assert stack.outcome(stack.booked_id(event, "S1"))["status"] == "rejected"
        stack.booked_id(event, "S2")
        message = source.next(SOON)
    assert (message.data["previous_version"], message.data["version"]) == (1, 2)


def test_a_subscriber_hears_of_its_own_event_only(stack):
    event, other = stack.create_events(2, 2)
    with EventSource(stack.gateway_port, event) as source:
        stack.outcome(stack.booked_id(other, "S1"))
        wait_for(lambda: stack.seat(other, "S1")["status"] == "booked", SOON, "the other's map")
        stack.booked_id(event, "S2")
        message = source.next(SOON)
    assert message.data["event_id"] == event
    assert [s["seat_id"] for s in message.data["seats"]] == ["S2"]


@pytest.mark.parametrize("headers, status", [
    ({"Content-Type": "application/json", "Origin": "http://evil.example"}, 403),
    ({"Content-Type": "application/json", "Origin": "null"}, 403),
    ({"Content-Type": "text/plain"}, 415), ({}, 415), ({"Content-Type": "application/json"}, 201)])
def test_a_page_in_a_local_browser_publishes_nothing(stack, headers, status):
    """To the projector's own port, which is on loopback: as the projector sends it, it is taken."""
    event = stack.create_event(1)
    with EventSource(stack.gateway_port, event) as source:
        connection = http.client.HTTPConnection("127.0.0.1", stack.base + 89, timeout=SOON)
        connection.request("POST", f"/internal/live/{event}", b'{"lie":1}', headers)
        assert connection.getresponse().status == status
        connection.close()
        stack.booked_id(event, "S1")
        assert ("lie" in source.next(SOON).data) == (status == 201)
