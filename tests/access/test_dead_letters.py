"""What workers could not decode: administrators see it, and try once more."""

import base64
import json
import re

import pytest

from support.people import post_event
from support.problem import assert_named, assert_problem
from support.stack import DLQ, TOPIC
from support.wait import wait_for

NEXT = re.compile(r'<([^>]+)>; rel="next"')


def letters(admin, limit=100):
    path, found = f"/api/admin/dead-letters?limit={limit}", []
    while path:
        answer = admin.web.get(path)
        assert answer.status == 200, answer
        found += answer.json()
        following = NEXT.search(answer.header("Link") or "")
        path = following and following[1]
    return found


def put(stack, value, headers=(), key=b"e1"):
    """A letter in the topic, as if a worker had written it; answers where it is."""
    offset = stack.kafka_ends(DLQ)[0]
    stack.produce([(0, key, value, [("reason", b"a mistake"), ("source-topic", TOPIC.encode()),
                                    ("source-partition", b"1"), ("source-offset", b"7"),
                                    *headers])], DLQ)
    return f"/api/admin/dead-letters/0/{offset}/replay", offset


def hold(admin, event, user_id="u-1", seat="Hall-A-1"):
    booking_id = admin.issue_id(event)
    return booking_id, {"type": "hold", "bookingId": booking_id, "eventId": event,
                        "seatIds": [seat], "userId": user_id,
                        "requestedAt": "2030-01-01T00:00:00.000Z"}


def test_what_a_worker_could_not_decode_is_listed_with_the_reason(admin):
    before, mark = len(letters(admin)), admin.kafka_ends(TOPIC)
    admin.produce([(0, b"e1", b"{", [("x-request-id", b"r-1")]), (0, None, b"\xff\x00\xfe", [])])
    found = wait_for(lambda: (all_ := letters(admin)) and len(all_) >= before + 2 and all_, 20,
                     "both are dead letters")[before:]
    assert [letter["source"] for letter in found] == [
        {"topic": TOPIC, "partition": 0, "offset": mark.get(0, 0) + n} for n in range(2)]
    assert (found[0]["key"], found[0]["value"], found[0]["request_id"]) == ("e1", "{", "r-1")
    assert found[0]["reason"] and found[0]["at"].endswith("Z")
    assert base64.b64decode(found[1]["value_base64"]) == b"\xff\x00\xfe"
    assert found[1]["key"] is None and "value" not in found[1]


def test_pages_leave_nothing_out(admin):
    for n in range(3):
        put(admin, b"{%d" % n)
    whole = letters(admin)
    assert len(whole) >= 3 and letters(admin, 2) == whole
    offsets = [letter["offset"] for letter in whole]
    assert offsets == sorted(set(offsets))


def test_a_letter_that_can_be_decoded_now_is_decided_once(admin):
    event = post_event(admin, 2)
    booking_id, command = hold(admin, event)
    path, offset = put(admin, json.dumps(command).encode(), [("x-request-id", b"r-7")],
                       event.encode())
    mark = admin.kafka_ends(TOPIC)
    answer = admin.web.post(path, {})
    assert answer.status == 202, answer
    assert answer.json()["bookingId"] == booking_id
    assert admin.outcome(booking_id)["status"] == "held"
    (message,) = admin.messages_since(mark)
    assert (message.key(), message.value()) == (event.encode(), json.dumps(command).encode())
    assert message.headers() == [("x-request-id", b"r-7")], "without those of the letter"

    assert admin.web.post(path, {}).status == 202
    assert len(admin.messages_since(mark)) == 2
    # What is decided after both in that partition tells that both were.
    admin.outcome(admin.booked_id(event, "Hall-A-2", "u-2"))
    assert admin.pg_value("SELECT count(*) FROM booking_log WHERE event_id = %s", event) == 2
    for about in (f"eventId={event}", f"bookingId={booking_id}"):
        entries = admin.web.get(f"/api/admin/audit?{about}").json()
        replays = [e for e in entries if e["action"] == "replay_dead_letter"]
        assert [(e["actor"], e["booking_id"], e["detail"]["offset"]) for e in replays] == [
            (admin.user_id, booking_id, offset)] * 2


def cut(command):
    return json.dumps(command).encode(), [("cut-from-bytes", b"999999")]


def version(command):
    return json.dumps(command).encode(), [("schema-version", b"2")]


@pytest.mark.parametrize("spoil", [
    cut, version, lambda command: (json.dumps({**command, "type": "steal"}).encode(), []),
    lambda command: (json.dumps({**command, "seatIds": []}).encode(), []),
    lambda command: (b"{", []), lambda command: (b"\xff", []), lambda command: (None, [])],
    ids=["cut", "another version", "unknown type", "no seats", "no JSON", "no text", "no value"])
def test_a_letter_that_cannot_be_decoded_stays_one(admin, request, spoil):
    value, headers = spoil(hold(admin, "e1")[1])
    path, _ = put(admin, value, headers)
    request.getfixturevalue("nothing")
    answer = admin.web.post(path, {})
    assert assert_named(answer, 422, "value")["type"] == "/problems/still-undecodable"


@pytest.mark.parametrize("place", ["0/999999", "9/0", "0/-1", "x/0", "0/1e3",
                                   "0/99999999999999999999", "2147483648/0"])
def test_there_is_no_letter_where_none_is(admin, nothing, place):
    assert_problem(admin.web.post(f"/api/admin/dead-letters/{place}/replay", {}), 404)


@pytest.mark.parametrize("query, field", [("limit=101", "limit"), ("cursor=1", "cursor"),
                                          ("cursor=0.x", "cursor")])
def test_a_list_is_asked_for_as_it_can_be(admin, nothing, query, field):
    assert_named(admin.web.get(f"/api/admin/dead-letters?{query}"), 400, field)
