"""Reading: entity tags, pages, filters, health."""

import re

from support.stack import NOT_KEPT
from support.wait import wait_for


def test_a_map_has_a_strong_tag_that_changes_with_it_and_with_nothing_else(stack):
    event, other = stack.create_events(2, 2)
    path = f"/api/events/{event}"
    first = stack.web.get(path)
    tag = first.header("ETag")
    assert re.fullmatch(r'"[^"]+"', tag)

    stack.outcome(stack.booked_id(other, "S1"))
    wait_for(lambda: stack.seat(other, "S1")["status"] == "booked", 5, "the other map changed")
    same = stack.web.get(path, {"If-None-Match": tag})
    assert (same.status, same.body, same.header("ETag")) == (304, b"", tag)
    assert stack.web.get(path, {"If-None-Match": f'"x", {tag}'}).status == 304
    assert stack.web.get(path, {"If-None-Match": f"W/{tag}"}).status == 304
    assert stack.web.get(path, {"If-None-Match": "*"}).status == 304
    assert stack.web.get(path, {"If-None-Match": '"another"'}).status == 200

    stack.outcome(stack.booked_id(event, "S1"))
    changed = wait_for(
        lambda: (a := stack.web.get(path, {"If-None-Match": tag})).status == 200 and a,
                       5, "the tag no longer matches")
    assert changed.header("ETag") != tag
    assert changed.json()["counts"]["booked"] == 1


def test_a_booking_and_the_list_have_tags_too(stack):
    event = stack.create_event(1)
    booking_id = stack.booked_id(event, "S1")
    stack.outcome(booking_id)
    for path in (f"/api/bookings/{booking_id}", "/api/events?q=Midnight"):
        first = stack.web.get(path)
        assert first.status == 200 and re.fullmatch(r'"[^"]+"', first.header("ETag"))
        assert stack.web.get(path, {"If-None-Match": first.header("ETag")}).status == 304


def test_a_head_request_is_answered_without_body(stack):
    event = stack.create_event(1)
    got, head = (stack.web.request(m, f"/api/events/{event}") for m in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.header("ETag") == got.header("ETag")


def test_pages_follow_each_other_without_gap_or_repetition(stack):
    events = set(stack.create_events(7, 1, "paged"))
    seen, path, pages = [], "/api/events?limit=3&q=Test+paged", 0
    while path:
        answer = stack.web.get(path, NOT_KEPT)
        assert answer.status == 200 and len(answer.json()) <= 3
        seen += [e["event_id"] for e in answer.json()]
        link = answer.header("Link")
        path = re.fullmatch(r'<(/api/events\?[^>]+)>; rel="next"', link).group(1) if link else None
        pages += 1
        assert pages < 50
    assert pages >= 3
    assert len(seen) == len(set(seen))
    assert events <= set(seen)


def test_a_cursor_that_was_tampered_with_is_refused(stack):
    stack.create_events(2, 1, "paged")
    link = stack.web.get("/api/events?limit=1").header("Link")
    path = re.match(r"<([^>]+)>", link).group(1)
    assert stack.web.get(path).status == 200
    last = "A" if path[-2] != "A" else "B"
    assert stack.web.get(path[:-2] + last + path[-1]).status == 400


def ids(answer):
    assert answer.status == 200, answer
    return {e["event_id"] for e in answer.json()}


def test_the_list_is_filtered_by_kind_date_and_text(stack):
    get = stack.web.get
    assert ids(get("/api/events?kind=sport")) == {"sports_event456"}
    assert ids(get("/api/events?kind=opera")) == set()
    assert ids(get("/api/events?q=midnight")) == {"concert123"}
    assert ids(get("/api/events?q=.*")) == set(), "text is no pattern"
    later = ids(get("/api/events?from=2027-06-19T19:30:00Z"))
    assert {"concert123", "arena"} <= later and "sports_event456" not in later
    assert "concert123" not in ids(get("/api/events?from=2027-06-19T19:30:00.001Z"))
    assert ids(get("/api/events?from=2100-01-01")) == set()
    assert ids(get("/api/events?kind=concert&q=arena&from=2027-01-01")) == {"arena"}


def test_the_gateway_says_that_it_is_healthy(stack):
    assert stack.web.get("/healthz").status == 200
