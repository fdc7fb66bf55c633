"""The gateway gives one answer to all who ask for a list, a map or a layout in the same second."""

import time

from support.stack import NOT_KEPT
from support.wait import wait_for

TRACEPARENTS = ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


def upstream_count(stack, request_ids):
    """Of these requests, how many were passed on to a program."""
    log = stack.state / "log" / "nginx-access.log"
    lines = wait_for(lambda: found if len(found := [
        line for line in log.read_text().splitlines()
        if any(request_id in line for request_id in request_ids)]) == len(request_ids) else None,
        10, "nginx logs all of them")
    return sum('"upstream":""' not in line for line in lines)


def ask(stack, path, name, count=30, headers=None):
    """Asks as fast as it can; the ids of those requests."""
    ids = [f"{name}-{i}" for i in range(count)]
    for request_id in ids:
        answer = stack.web.get(path, {"X-Request-Id": request_id, **(headers or {})})
        assert answer.status == 200 and answer.header("X-Request-Id") == request_id, answer
    return ids


def test_one_answer_is_for_all_who_ask_within_a_second(stack):
    event = stack.create_event(3)
    for path in (f"/api/events/{event}", f"/api/events/{event}/layout", "/api/events",
                 f"/api/v1/events/{event}", f"/api/shows/{event}"):
        started = time.monotonic()
        ids = ask(stack, path, f"kept-{event}{path.replace('/', '-')}")
        seconds = int(time.monotonic() - started) + 2  # of the clock, that it may have touched
        assert upstream_count(stack, ids) <= seconds, path


def test_a_kept_answer_is_soon_replaced(stack):
    event = stack.create_event(2)
    path = f"/api/events/{event}"
    for seats, seat in enumerate(("S1", "S2")):
        assert stack.web.get(path).status == 200
        stack.outcome(stack.booked_id(event, seat))
        wait_for(lambda: stack.web.get(path).json()["counts"]["booked"] == seats + 1, 5,
                 "the map shows the booking")


def test_who_asks_past_it_is_answered_by_a_program_each_time(stack):
    event = stack.create_event(1)
    path = f"/api/events/{event}"
    for n, headers in enumerate((NOT_KEPT, {"Cache-Control": "max-age=0"},
                                 {"Pragma": "no-cache"}, {"Authorization": "Bearer x"},
                                 {"Traceparent": TRACEPARENTS[0]})):
        ids = ask(stack, path, f"past-{event}-{n}", 5, headers)
        assert upstream_count(stack, ids) == 5, headers


def test_a_booking_is_seen_at_once_by_who_asks_past_it(stack):
    event = stack.create_event(3)
    path = f"/api/events/{event}"
    for booked, seat in enumerate(("S1", "S2", "S3")):
        stack.web.get(path)
        stack.outcome(stack.booked_id(event, seat))
        assert stack.web.get(path, NOT_KEPT).json()["counts"]["booked"] == booked + 1


def test_callers_are_not_mixed(stack):
    event = stack.create_event(2)
    path = f"/api/events/{event}"
    for trace in TRACEPARENTS:
        assert stack.web.get(path, {"Traceparent": trace}).header("traceparent") == trace
        assert stack.web.get(path).header("traceparent") is None
    users = [f"{event}-{n}" for n in range(2)]
    for n, user in enumerate(users):
        stack.outcome(stack.booked_id(event, f"S{n + 1}", user))
    for user in users * 2:
        found = wait_for(lambda: stack.web.get(f"/api/bookings?userId={user}").json(), 5,
                         f"{user} has a booking")
        assert [b["user_id"] for b in found] == [user]


def test_what_resembles_a_kept_path_is_another(stack):
    event = stack.create_event(1)
    path = f"/api/events/{event}"
    for _ in range(2):  # the second time within a second, but for once in a while
        assert stack.web.get(f"{path}?x?").status == 200
        assert stack.web.get(f"{path}%3Fx").status in (400, 404)  # in a key it would be the same
        assert stack.web.get(f"{path}/?x?").status == 404


def test_a_refusal_is_never_kept(stack):
    ids = [f"never-{stack.create_event(1)}-{i}" for i in range(5)]
    for request_id in ids:
        answer = stack.web.get("/api/events/never-there", {"X-Request-Id": request_id})
        assert answer.status == 404, answer
    assert upstream_count(stack, ids) == 5
