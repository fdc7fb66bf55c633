"""The live channel: what changes is told, in order, and nothing is missed."""

import json

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
