"""One request can be followed through all programs by its request id and its booking id."""

import json
import re

from support.wait import wait_for

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def headers_of(message):
    return {name: value.decode() for name, value in message.headers() or []}


def only_message(stack, mark, booking_id):
    found = [m for m in stack.messages_since(mark) if booking_id.encode() in m.value()]
    assert len(found) == 1
    return found[0]


def access_lines(stack, request_id):
    """nginx writes several lines together."""
    log = stack.state / "log" / "nginx-access.log"
    return wait_for(lambda: [json.loads(line) for line in log.read_text().splitlines()
                             if request_id in line], 5, f"nginx logs {request_id}")


def test_a_request_id_is_echoed_and_passed_on_through_kafka(stack):
    event, mark = stack.create_event(1), stack.kafka_ends()
    request_id = f"test-{event}"
    answer = stack.book(event, "S1", X_Request_Id=request_id, Traceparent=TRACEPARENT)
    assert answer.status == 202 and answer.header("X-Request-Id") == request_id
    message = only_message(stack, mark, answer.json()["bookingId"])
    assert message.key() == event.encode()
    headers = headers_of(message)
    assert headers["x-request-id"] == request_id
    assert headers["traceparent"] == TRACEPARENT
    assert headers["content-type"] == "application/json"
    assert headers["schema-version"] == "1"


def test_a_command_follows_its_booking_through_kafka(stack):
    event, mark = stack.create_event(1), stack.kafka_ends()
    booking_id = stack.held(event, ["S1"])["booking_id"]
    made = only_message(stack, mark, booking_id)
    for verb in ("extend", "confirm", "delete"):
        mark = stack.kafka_ends()
        answer = stack.command(booking_id, verb, X_Request_Id=f"{verb}-{event}",
                               Traceparent=TRACEPARENT)
        assert answer.header("X-Request-Id") == f"{verb}-{event}"
        message = only_message(stack, mark, booking_id)
        assert (message.key(), message.partition()) == (booking_id.encode(), made.partition())
        headers = headers_of(message)
        assert headers["x-request-id"] == f"{verb}-{event}"
        assert headers["traceparent"] == TRACEPARENT
        value = json.loads(message.value())
        assert value["type"] == ("cancel" if verb == "delete" else verb)
        assert value["commandId"] == answer.json()["commandId"]


def test_who_waits_has_the_same_request_id_to_the_end(stack):
    event = stack.create_event(1)
    request_id = f"wait-{event}"
    start = {name: stack[name].log_size() for name in stack.instances()}
    answer = stack.hold(event, ["S1"], X_Request_Id=request_id, Prefer="wait=10")
    assert answer.status == 201
    assert answer.headers.get_all("X-Request-Id") == [request_id]
    for program in ("write-api", "worker"):
        wait_for(lambda: [line for name in stack.instances(program)
                          for line in stack.log_lines(name, start[name])
                          if line.get("request_id") == request_id], 5, f"{program} logs it")
    line = access_lines(stack, request_id)[0]
    assert (line["path"], line["status"]) == ("/api/bookings", 201)


def test_a_request_without_one_is_given_one_and_a_bad_one_is_replaced(stack):
    event, mark = stack.create_event(3), stack.kafka_ends()
    for seat, sent in (("S1", {}), ("S2", {"X_Request_Id": "bad id", "Traceparent": "00-zz"}),
                       ("S3", {"X_Request_Id": "x" * 300, "Traceparent": ""})):
        answer = stack.book(event, seat, **sent)
        assert answer.status == 202, answer
        given = answer.header("X-Request-Id")
        assert re.fullmatch(r"[A-Za-z0-9_.:/+=-]{8,128}", given)
        headers = headers_of(only_message(stack, mark, answer.json()["bookingId"]))
        assert headers["x-request-id"] == given
        assert "traceparent" not in headers


def test_errors_carry_a_request_id_too(stack):
    for path in ("/api/events/no-such-event", "/api/book", "/no/such/route"):
        answer = stack.web.get(path, {"X-Request-Id": "mine-1234"})
        assert answer.header("X-Request-Id") == "mine-1234", answer


def test_one_booking_can_be_followed_through_the_logs(stack):
    event = stack.create_event(1)
    request_id = f"log-{event}"
    starts = {name: stack[name].log_size() for name in stack.instances()}
    answer = stack.book(event, "S1", X_Request_Id=request_id)
    booking_id = answer.json()["bookingId"]
    stack.outcome(booking_id)
    for program in ("write-api", "worker"):
        lines = wait_for(
            lambda: [line for name in stack.instances(program)
                     for line in stack.log_lines(name, starts[name])
                     if line.get("booking_id") == booking_id], 5,
            f"{program} logs booking {booking_id}")
        assert request_id in [line.get("request_id") for line in lines], (program, lines)
    lines = access_lines(stack, request_id)
    assert [(line["path"], line["status"]) for line in lines] == [("/api/book", 202)]
