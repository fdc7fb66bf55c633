"""Each user may ask so often, whichever instance answers; without Redis no more than once more per
instance, and nobody is refused for its sake."""

import time

import pytest

from support.people import person
from support.problem import assert_problem
from support.wait import wait_for

QUOTA = 3
WINDOW_S = 60
EACH_S = WINDOW_S / QUOTA  # one comes back
APIS = "write-api", "read-api"


@pytest.fixture(scope="module")
def limited(whole_stack):
    """The stack, with limits per user; the gateway's own, of addresses, stay off."""
    stack = whole_stack
    settings = {name: {"RATE_LISTS_PER_MIN": str(QUOTA), "RATE_BOOKINGS_PER_MIN": str(QUOTA)}
                for api in APIS for name in stack.instances(api)}
    with stack.changed(settings):
        stack.heal()
        yield stack


class Asked:
    """What one user was answered, and how long that took: meanwhile some of the quota came back."""

    def __init__(self, ask, count):
        start = time.monotonic()
        self.answers = [ask() for _ in range(count)]
        self.seconds = time.monotonic() - start
        self.allowed = [a for a in self.answers if a.status != 429]
        self.refused = [a for a in self.answers if a.status == 429]

    def assert_bound(self, least, most):
        assert least <= len(self.allowed) <= most + self.seconds / EACH_S + 1, \
            [a.status for a in self.answers]


def ask_list(user):
    return lambda: user.web.get("/api/events?limit=1")


def assert_refused(answer, name):
    problem = assert_problem(answer, 429)
    assert problem["type"] == "/problems/too-many-requests"
    assert answer.header("RateLimit-Policy") == f'"{name}";q={QUOTA};w={WINDOW_S}'
    assert 1 <= int(answer.header("Retry-After")) <= EACH_S + 1
    assert answer.header("RateLimit").startswith(f'"{name}";r=0;t=')


def test_lists_are_limited_over_all_instances(limited):
    alice, bob, admin = person(limited), person(limited), person(limited, "admin")
    asked = Asked(ask_list(alice), 20)
    asked.assert_bound(QUOTA, QUOTA)
    assert all(a.status == 200 for a in asked.allowed)
    left = [int(a.header("RateLimit").split("r=")[1].split(";")[0]) for a in asked.allowed]
    assert left[:QUOTA] == list(range(QUOTA - 1, -1, -1))
    for answer in asked.refused:
        assert_refused(answer, "lists")
    assert_refused(Asked(lambda: alice.web.get("/api/bookings"), 3).refused[-1], "lists")
    assert bob.web.get("/api/events").status == 200
    for _ in range(3 * QUOTA):
        assert admin.web.get("/api/events").status == 200
        assert limited.web.get("/api/events").status == 200  # nobody's: the gateway's to limit


def test_what_is_no_list_is_not_limited(limited):
    alice = person(limited)
    event = limited.create_event(1)
    Asked(ask_list(alice), QUOTA + 2)
    for _ in range(3 * QUOTA):
        assert alice.web.get(f"/api/events/{event}").status == 200
        assert alice.web.get(f"/api/events/{event}/layout").status == 200


def test_commands_are_limited_and_a_refusal_has_no_effect(limited):
    alice = person(limited)
    event = limited.create_event(30)
    seats = iter(range(1, 30))
    asked = Asked(lambda: alice.hold(event, [f"S{next(seats)}"]), 20)
    asked.assert_bound(QUOTA, QUOTA)
    ids = [a.json()["bookingId"] for a in asked.allowed]
    for answer in asked.refused:
        assert_refused(answer, "bookings")
    limited.wait_settled(ids, 10)
    booking = ids[0]
    others = Asked(lambda: alice.book(event, "S30"), 2).answers
    others += [alice.command(booking, verb) for verb in ("confirm", "extend", "cancel", "delete")]
    assert [a.status for a in others].count(429) >= len(others) - 2
    stored = limited.pg_value("SELECT count(*) FROM bookings WHERE user_id = %s", alice.user_id)
    assert stored == len(asked.allowed) + sum(a.status == 202 for a in others[:2])
    bob = person(limited)
    assert bob.hold(event, ["S29"]).status == 202


def test_who_waits_for_the_outcome_is_told_what_is_left(limited):
    """The answer is read-api's then; whatever it says, and also where it does not come."""
    alice = person(limited)
    event = limited.create_event(1)
    answers = [alice.hold(event, ["S1"], Prefer=prefer)
               for prefer in ("wait=10", "wait=10", "respond-async")]
    assert [answer.status for answer in answers] == [201, 409, 202]
    for n, answer in enumerate(answers):
        assert answer.headers.get_all("RateLimit-Policy") == [f'"bookings";q={QUOTA};w={WINDOW_S}']
        [left] = answer.headers.get_all("RateLimit")
        assert left.startswith(f'"bookings";r={QUOTA - 1 - n};t='), answer
    assert_refused(Asked(lambda: alice.hold(event, ["S1"], Prefer="wait=10"), 3).refused[-1],
                   "bookings")


def test_a_bad_request_takes_nothing(limited):
    alice = person(limited)
    event = limited.create_event(QUOTA)
    for _ in range(3 * QUOTA):
        assert alice.web.post("/api/bookings", {"eventId": event, "seatIds": []}).status == 422
        assert alice.web.get("/api/events?limit=0").status == 400
    for n in range(QUOTA):
        assert alice.hold(event, [f"S{n + 1}"]).status == 202
        assert alice.web.get("/api/events").status == 200


def counted_here(stack):
    return sum(stack.metric(name, "seatline_rate_limit_local_total")
               for api in APIS for name in stack.instances(api))


def wait_shared(stack):
    """Until every connection of the instances that answer is used again after its pause."""
    def is_shared():
        start = counted_here(stack)
        for _ in range(8):
            assert person(stack).web.get("/api/events").status == 200
        return counted_here(stack) == start

    wait_for(is_shared, 20, "Redis is asked again")


@pytest.mark.parametrize("how", ["stopped", "hanging"])
def test_without_redis_each_instance_counts_for_itself(limited, how):
    alice, before = person(limited), counted_here(limited)
    event = limited.create_event(60)
    seats = iter(range(1, 60))
    Asked(ask_list(alice), QUOTA + 1)  # it is all gone, as far as Redis knows
    redis = limited["redis"]
    redis.kill() if how == "stopped" else redis.pause()
    try:
        for asked in (Asked(ask_list(alice), 20),
                      Asked(lambda: alice.hold(event, [f"S{next(seats)}"]), 20)):
            assert {a.status for a in asked.answers} <= {200, 202, 429}
            asked.assert_bound(QUOTA, 2 * QUOTA)
        assert counted_here(limited) > before
        assert limited.web.get("/healthz").status == 200
    finally:
        limited.start_server("redis") if how == "stopped" else redis.resume()
    wait_shared(limited)
    Asked(ask_list(person(limited)), 20).assert_bound(QUOTA, QUOTA)


def test_the_scripts_lost_the_limit_holds(limited):
    alice = person(limited)
    wait_shared(limited)
    Asked(ask_list(alice), 1)
    before = counted_here(limited)
    limited.redis().script_flush()
    Asked(ask_list(alice), 20).assert_bound(QUOTA - 1, QUOTA - 1)
    assert counted_here(limited) == before
