"""A write-api dies when Kafka has stored a request and its client has no answer yet: nginx asks the
other one. Whatever that one answers is true."""

import pytest

from support.wait import wait_for

TRIES = 10
NOBODY = "127.0.0.1:1"


@pytest.fixture
def dying(stack):
    """write-api-0 dies with the next request that it has stored."""
    stack["write-api-0"].stop()
    stack["write-api-0"].start(FAULT_POINT="write_api_after_publish")
    stack.wait_ready(["write-api-0"])
    yield stack
    stack["write-api-1"].kill()


def ask_until_it_dies(stack, event):
    """The answers, of different seats; the last is of the request that killed write-api-0."""
    answers = []
    while stack["write-api-0"].is_running:
        assert len(answers) < TRIES, answers
        answers.append(stack.book(event, f"S{len(answers) + 1}"))
    return answers


def test_what_the_other_one_stores_too_is_one_booking(dying):
    event = dying.create_event(TRIES)
    ids = [answer.json()["bookingId"] for answer in ask_until_it_dies(dying, event)]
    dying.wait_settled(ids, 10)
    dying.assert_sound(event, ids)


def test_what_the_other_one_refuses_is_not_said_to_be_undone(dying):
    dying["write-api-1"].stop()
    dying["write-api-1"].start(KAFKA_BROKERS=NOBODY)
    wait_for(lambda: dying.ops("write-api-1").get("/livez").status == 200, 10, "it lives")
    event = dying.create_event(TRIES)
    *refused, last = ask_until_it_dies(dying, event)
    for answer in [*refused, last]:
        assert answer.status == 503 and answer.header("Retry-After"), answer
    assert not [answer for answer in refused if "bookingId" in answer.json()]
    booking_id = last.json()["bookingId"]
    assert dying.outcome(booking_id)["status"] == "confirmed"
    dying.assert_sound(event, [booking_id])


def test_what_never_reached_an_instance_is_refused_for_certain(stack):
    event = stack.create_event(TRIES)
    stack.stop(["write-api-0", "write-api-1"])
    stack["write-api-1"].start(KAFKA_BROKERS=NOBODY)
    wait_for(lambda: stack.ops("write-api-1").get("/livez").status == 200, 10, "it lives")
    try:
        answers = [stack.book(event, f"S{n + 1}") for n in range(TRIES)]
    finally:
        stack["write-api-1"].kill()
    assert {answer.status for answer in answers} == {503}
    assert not [answer for answer in answers if "bookingId" in answer.json()]
