"""A thousand people fight over sets of seats, and change their minds."""

import random
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from support.checks import (Accepted, check_commands, check_log, check_readers, seconds_of,
                            wait_decided, wait_none_held)
from support.insist import insist

CLIENTS, THREADS = 1_000, 100
TTL_MS = 2_000
MAIN_SEATS, OTHER_SEATS = 300, 60
SEED = 20
FIGHT_S = 60  # all of it, on two cores
SETTLED_S = 20
DEADLOCKS = ("deadlock", "40P01")
PLAN = ["cancel"] * 3 + ["lapse"] * 3 + ["confirm"] * 3 + ["extend"]  # of ten who get their hold


class Fighter:
    """One client: takes 2 to 6 seats, or tries others once, then does what it has in mind."""

    def __init__(self, stack, fight, number):
        self.stack, self.fight, self.user = stack, fight, f"fighter{number}"
        self.choice = random.Random(SEED * CLIENTS + number)
        self.mind, self.waits = PLAN[number % len(PLAN)], number // len(PLAN) % 2 == 0

    def wish(self):
        """Mostly the same event, seats near each other in any order: sets that overlap."""
        event = self.choice.choice([self.fight.events[0]] * 4 + self.fight.events[1:])
        seats = MAIN_SEATS if event == self.fight.events[0] else OTHER_SEATS
        first = self.choice.randint(1, seats - 11)
        near = self.choice.sample(range(first, first + 12), self.choice.randint(2, 6))
        return event, [f"S{n}" for n in near]

    def take(self):
        """The booking, held or rejected."""
        (event, seats), key = self.wish(), f"key-{uuid.uuid4()}"
        if not self.waits:
            booking_id = self.fight.accepted.booking(insist(
                lambda: self.stack.hold(event, seats, self.user, Idempotency_Key=key)))
            return self.stack.outcome(booking_id, SETTLED_S)
        answer = insist(lambda: self.stack.hold(
            event, seats, self.user, Prefer="wait=10", Idempotency_Key=key))
        body = answer.json()
        assert answer.status in (201, 202, 409), answer
        booking_id = body.get("booking_id") or body["bookingId"]
        self.fight.accepted.bookings.add(booking_id)
        if answer.status == 409:
            assert body["reason"] == "seat_taken", answer
            assert body["seats"] and set(body["seats"]) <= set(seats), answer
        return self.stack.outcome(booking_id, SETTLED_S)

    def act(self, booking_id, verb):
        command_id = self.fight.accepted.command(insist(
            lambda: self.stack.command(booking_id, verb, self.user, Idempotency_Key=f"key-{verb}")))
        entry = self.stack.decided(booking_id, command_id, SETTLED_S)
        self.fight.seen[verb, entry["result"], entry["reason"]] += 1

    def run(self):
        booking = self.take()
        if booking["status"] == "rejected":
            assert booking["seats_lost"], booking
            booking = self.take()
        if booking["status"] != "held":
            return
        if self.mind == "extend":
            self.act(booking["booking_id"], "extend")
        if self.mind in ("extend", "confirm"):
            self.act(booking["booking_id"], "confirm")
        elif self.mind == "cancel":
            self.act(booking["booking_id"], "cancel")


@pytest.fixture(scope="module")
def fight(whole_stack):
    stack = whole_stack
    events = stack.create_events(1, MAIN_SEATS, "fight", hold_ttl_ms=TTL_MS, price_minor=100)
    events += stack.create_events(3, OTHER_SEATS, "fight", hold_ttl_ms=TTL_MS, price_minor=100)
    logs = ["postgresql", *stack.instances("worker")]
    marks = {name: stack[name].log_size() for name in logs}
    fight = SimpleNamespace(events=events, accepted=Accepted(), seen=Counter(), marks=marks)
    began = time.monotonic()
    stack.each(lambda n: Fighter(stack, fight, n).run(), range(CLIENTS), THREADS)
    wait_decided(stack, fight.accepted, SETTLED_S)
    wait_none_held(stack, events, SETTLED_S)
    fight.took = time.monotonic() - began
    fight.replay = check_log(stack, events)
    return fight


def test_no_seat_ever_has_two_live_owners_and_no_booking_is_partial(stack, fight):
    statuses = fight.replay.statuses()  # check_log has followed every seat and every booking
    assert set(statuses) == {"confirmed", "cancelled", "expired", "rejected"}, statuses
    assert min(statuses.values()) >= CLIENTS / 50, statuses
    assert fight.took < FIGHT_S, f"{fight.took:.1f} s"


def test_every_202_of_the_fight_has_exactly_one_outcome(stack, fight):
    assert len(fight.accepted.bookings) >= CLIENTS
    check_commands(fight.replay, fight.accepted)
    assert {"confirm", "extend", "cancel"} == {verb for verb, *_ in fight.seen}
    assert {result for _, result, _ in fight.seen} <= {"done", "refused"}, fight.seen
    refusals = {reason for _, result, reason in fight.seen if result == "refused"}
    assert refusals <= {"hold_expired"}, fight.seen


def test_what_the_fighters_read_is_what_was_decided(stack, fight):
    stack.assert_verified()
    check_readers(stack, fight.events, fight.replay)
    status, text = stack.verify()
    assert status == 0, text


def test_nobody_met_a_deadlock(stack, fight):
    for name, mark in fight.marks.items():
        text = stack[name].log_text(mark)
        assert not any(word in text for word in DEADLOCKS), name


# --- confirm against expiry ---------------------------------------------------------------------

ROUNDS, ROUNDS_MAX, RACERS = 1_000, 1_500, 40
RACE_TTL_MS, AIM_S = 600, 0.005
LEAD_MAX_S, LEADS = 0.25, 41
EACH_WINS = 100  # confirm, and expiry, at least so often: else the aim was off
RIVAL_EVERY = 4


class Aim:
    """How long before the hold's end a request must leave, for it to be decided at that end: the
    median of what the last ones took."""

    def __init__(self):
        self._took, self._lock = [0.02], threading.Lock()

    def lead(self):
        with self._lock:
            return min(sorted(self._took)[len(self._took) // 2], LEAD_MAX_S)

    def learn(self, took):
        with self._lock:
            self._took = [*self._took, max(took, 0)][-LEADS:]


class Round:
    """One hold, confirmed as its time ends; in some, a rival wants the seat at the same time."""

    def __init__(self, stack, race, number):
        self.stack, self.race, self.number = stack, race, number
        self.event = race.events[number % len(race.events)]
        self.seat = f"S{number // len(race.events) + 1}"
        self.choice = random.Random(number)

    def hold(self, who, mode="hold", **headers):
        return insist(lambda: self.stack.hold(
            self.event, [self.seat], f"{who}{self.number}", mode,
            Idempotency_Key=f"{who}-{self.event}-{self.number}", **headers))

    def at_the_end(self, expires, request):
        """Sends it so that it is decided within AIM_S of the hold's end."""
        at = expires - self.race.aim.lead() + self.choice.uniform(-AIM_S, AIM_S)
        time.sleep(min(max(at - time.time(), 0), RACE_TTL_MS / 1000))
        return time.time(), request()

    def rival(self, expires):
        _, answer = self.at_the_end(expires, lambda: self.hold("rival"))
        return self.race.accepted.booking(answer)

    def confirm(self, booking_id):
        return insist(lambda: self.stack.command(
            booking_id, "confirm", f"racer{self.number}", Idempotency_Key="key-confirm"))

    def run(self):
        made = self.hold("racer", Prefer="wait=10")
        assert made.status == 201, made
        booking_id, expires = made.json()["booking_id"], seconds_of(made.json()["expires_at"])
        self.race.accepted.bookings.add(booking_id)
        has_rival = self.number % RIVAL_EVERY == 0
        rival = has_rival and self.race.rivals.submit(self.rival, expires)
        sent, answer = self.at_the_end(expires, lambda: self.confirm(booking_id))
        command_id = self.race.accepted.command(answer)
        entry = self.stack.decided(booking_id, command_id, SETTLED_S)
        decided = seconds_of(entry["at"])
        self.race.aim.learn(decided - sent)
        rival = rival and self.stack.outcome(rival.result(SETTLED_S), SETTLED_S)
        self.judge(booking_id, entry, rival)
        return entry["result"], decided - expires

    def judge(self, booking_id, entry, rival):
        booking = self.stack.booking(booking_id)
        won = entry["result"] == "done"
        assert (booking["status"], entry["reason"]) == (
            ("confirmed", None) if won else ("expired", "hold_expired")), booking
        rival_won = bool(rival) and rival["status"] in ("held", "expired")
        assert not (won and rival_won), (booking, rival)
        if rival_won:
            return
        # Whoever comes next finds the seat taken, or has it.
        next_answer = self.hold("next", "book", Prefer="wait=10")
        assert next_answer.status == (409 if won else 201), (next_answer, booking, rival)
        body = next_answer.json()
        self.race.accepted.bookings.add(body.get("booking_id") or body["bookingId"])
        if won:
            assert (body["reason"], body["seats"]) == ("seat_taken", [self.seat])


def test_of_a_confirm_and_the_end_of_its_hold_exactly_one_wins(stack):
    events = stack.create_events(24, ROUNDS_MAX // 24 + 1, "race", hold_ttl_ms=RACE_TTL_MS)
    with ThreadPoolExecutor(RACERS) as rivals:
        race = SimpleNamespace(events=events, accepted=Accepted(), aim=Aim(), rivals=rivals)
        ends = stack.each(lambda n: Round(stack, race, n).run(), range(ROUNDS), RACERS)
        wins = Counter(result for result, _ in ends)
        while min(wins["done"], wins["refused"]) < EACH_WINS and len(ends) < ROUNDS_MAX:
            more = range(len(ends), len(ends) + EACH_WINS)
            ends += stack.each(lambda n: Round(stack, race, n).run(), more, RACERS)
            wins = Counter(result for result, _ in ends)
    near = sum(abs(off) <= AIM_S for _, off in ends)
    print(f"{len(ends)} rounds, {dict(wins)}, {near} decided within 5 ms of the end")
    assert all((result == "done") == (off < 0) for result, off in ends), "PostgreSQL's clock says"
    assert min(wins["done"], wins["refused"]) >= EACH_WINS, wins
    wait_none_held(stack, events, SETTLED_S)
    replay = check_log(stack, events)
    check_commands(replay, race.accepted)
    stack.assert_verified()
    check_readers(stack, events, replay)
