"""The gateway gives one answer to all who ask for a list, a map or a layout in the same second."""

import os
import re
import time
from email.utils import formatdate
from pathlib import Path

from support.stack import NOT_KEPT
from support.wait import wait_for

TRACEPARENTS = ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
KEPT_MAX = 448  # answers
KEPT_BYTES_MAX = KEPT_MAX * (100_000 + 1000)  # and their headers


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
                                 {"Traceparent": TRACEPARENTS[0]}, {"If-Match": '"x"'},
                                 {"If-Modified-Since": formatdate(usegmt=True)},
                                 {"If-Unmodified-Since": formatdate(0, usegmt=True)},
                                 {"Range": "bytes=0-3"},
                                 {"Accept-Encoding": "gzip;q=0.5, identity"})):
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


# --- what is kept ------------------------------------------------------------------------------

def kept_dir(stack):
    config = (stack.state / "nginx" / "gateway.conf").read_text()
    return Path(re.search(r'^proxy_cache_path "([^"]+)"', config, re.MULTILINE)[1])


def kept_sizes(stack):
    """Of the files: a size that is asked for too late counts nothing."""
    sizes = []
    for directory, _, names in os.walk(kept_dir(stack)):
        for name in names:
            try:
                sizes.append(os.stat(os.path.join(directory, name)).st_size)
            except FileNotFoundError:
                pass
    return sizes


def test_a_fragment_is_no_way_to_have_another_answer_kept(stack):
    stack.create_event(1)
    for _ in range(3):
        answer = stack.web.raw(b"GET /api/events?#&q=nosuch HTTP/1.1\r\nHost: x\r\n"
                               b"Connection: close\r\n\r\n", "GET")
        assert answer.status == 400
        assert stack.web.get("/api/events").json()


def test_an_encoding_is_answered_as_read_api_answers_it(stack):
    path = f"/api/events/{stack.create_event(200)}"
    for asked, encoding in (
            ("gzip, deflate, br", "gzip"), ("br,x-gzip", "gzip"), ("deflate", None),
            ("gzip;q=0.5, identity", None), ("gzip;q=0", None), ("gzip;q=1.0", "gzip"),
            ("*", "gzip"), ("gzip deflate", None), ("", None)):
        for _ in range(2):
            answer = stack.web.get(path, {"Accept-Encoding": asked})
            assert answer.header("Content-Encoding") == encoding, asked


def test_different_parameters_do_not_fill_the_memory(stack):
    path = f"/api/events/{stack.create_event(100)}"
    before = len(kept_sizes(stack))
    for n in range(50):
        assert stack.web.get(f"{path}?x={n}").status == 200
        assert stack.web.get(f"{path}/layout?x={n}").status == 200
    assert len(kept_sizes(stack)) <= before, "only lists have parameters"
    for n in range(2 * KEPT_MAX):
        assert stack.web.get(f"/api/events?x={n}").status == 200
        if n % 50 == 0:
            sizes = kept_sizes(stack)
            assert len(sizes) <= KEPT_MAX and sum(sizes) <= KEPT_BYTES_MAX
    assert len(kept_sizes(stack)) > KEPT_MAX // 2, "lists are kept"


def test_a_long_answer_is_not_kept(stack):
    path = f"/api/events/{stack.create_event(2000)}"
    ids = [f"long-{path.replace('/', '-')}-{n}" for n in range(5)]
    for request_id in ids:
        answer = stack.web.get(path, {"X-Request-Id": request_id})
        assert answer.status == 200 and len(answer.body) >= 100_000
    assert upstream_count(stack, ids) == 5


def test_answers_go_on_where_none_can_be_kept(stack):
    event, kept = stack.create_event(1), kept_dir(stack)
    path, away = f"/api/events/{event}", kept.with_name("away")
    kept.rename(away)
    try:
        assert upstream_count(stack, ask(stack, path, f"gone-{event}", 5)) == 5
    finally:
        away.rename(kept)
    mode = kept.parent.stat().st_mode
    kept.parent.chmod(0)
    try:
        assert upstream_count(stack, ask(stack, path, f"closed-{event}", 5)) == 5
    finally:
        kept.parent.chmod(mode)
