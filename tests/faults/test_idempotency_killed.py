"""One key, one effect: though the client insists, programs die, and nobody remembers the key."""

import threading
import uuid
from collections import Counter

import pytest

from support.checks import Accepted, check_all, wait_decided
from support.insist import INSIST_S, insist

REPLAYS = 5
KEYS, ROUNDS = 8, 5
SETTLED_S = 20
SESSION = {"KAFKA_SESSION_TIMEOUT_MS": "2000"}


@pytest.fixture
def mortal(stack):
    """Workers whose death is soon noticed."""
    with stack.changed(dict.fromkeys(stack.instances("worker"), SESSION)):
        yield stack


class Story:
    """A hold, its extension, its confirmation, each with a key; told REPLAYS times at once."""

    def __init__(self, stack, event, number):
        self.stack, self.event, self.user = stack, event, f"u{number}"
        self.keys = [f"key-{uuid.uuid4()}" for _ in range(3)]
        self.seats = [f"S{2 * number + 1}", f"S{2 * number + 2}"]

    def tell(self, done):
        made = insist(lambda: self.stack.hold(
            self.event, self.seats, self.user, Idempotency_Key=self.keys[0]))
        booking_id = made.json()["bookingId"]
        commands = []
        for verb, key in zip(("extend", "confirm"), self.keys[1:]):
            done.release()
            commands.append(insist(lambda: self.stack.command(
                booking_id, verb, self.user, Idempotency_Key=key)))
        return made, *commands


def test_keys_replayed_while_a_write_api_and_a_worker_are_killed_are_one_booking_each(mortal):
    stack = mortal
    events = stack.create_events(ROUNDS, 2 * KEYS, hold_ttl_ms=60_000)
    accepted, stories = Accepted(), []
    for round_number, event in enumerate(events):
        these = [Story(stack, event, number) for number in range(KEYS)]
        done, told = threading.Semaphore(0), []
        teller = threading.Thread(target=lambda: told.extend(stack.each(
            lambda story: story.tell(done), these * REPLAYS, KEYS * REPLAYS // 2)))
        teller.start()
        for _ in range(KEYS):  # some are through, most are not
            assert done.acquire(timeout=INSIST_S)
        victims = [stack[stack.instances(program)[round_number % 2]]
                   for program in ("write-api", "worker")]
        for victim in victims:
            victim.kill()
        for victim in victims:
            victim.start()
        teller.join(3 * INSIST_S)
        assert len(told) == KEYS * REPLAYS
        for number, story in enumerate(these):
            answers = told[number::KEYS]
            assert len({made.json()["bookingId"] for made, *_ in answers}) == 1
            for each in zip(*answers):
                assert len({answer.body for answer in each}) == 1, "the same answer each time"
            accepted.booking(answers[0][0])
            for answer in answers[0][1:]:
                accepted.command(answer)
        stories += these
    wait_decided(stack, accepted, SETTLED_S)
    replay = check_all(stack, events, accepted)
    assert len(replay.bookings) == len(stories) == ROUNDS * KEYS
    for rows in replay.bookings.values():
        assert [(row.command, row.result) for row in rows] == [
            ("hold", "done"), ("extend", "done"), ("confirm", "done")], rows


def test_one_key_for_many_events_at_once_has_one_effect_though_nobody_remembers_it(stack):
    """Other partitions, other workers: only PostgreSQL knows them all."""
    events = stack.create_events(10, 6)
    stack["redis"].kill()
    accepted = Accepted()
    for number in range(6):
        key = f"key-{uuid.uuid4()}"
        answers = stack.each(
            lambda event: stack.hold(event, [f"S{number + 1}"], "anna", Idempotency_Key=key),
            events * 2, len(events))
        ids = [accepted.booking(answer) for answer in answers]
        assert len(set(ids)) == len(events), "an event and a key are one booking"
        ledger = stack.wait_settled(ids, SETTLED_S)
        assert Counter(row[:2] for row in ledger.values()) == {
            ("held", None): 1, ("rejected", "idempotency_key_reused"): len(events) - 1}
    check_all(stack, events, accepted)
