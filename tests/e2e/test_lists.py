"""The bookings of one user: newest first, page after page."""

import re

import pytest

from support.wait import wait_for

SOON = 5
MEMBERS = {
    "booking_id", "status", "event_id", "user_id", "mode", "seats", "prices", "total_minor",
    "currency", "payment_reference", "reason", "seats_lost", "extensions", "requested_at",
    "decided_at", "expires_at", "version",
}


def new_user(event):
    return f"of-{event}"


def pages(stack, path):
    """The pages, each following the link of the one before."""
    found = []
    while path:
        answer = stack.web.get(path)
        assert answer.status == 200, answer
        found.append(answer.json())
        link = answer.header("Link")
        path = link and re.fullmatch(r'<(/api/bookings\?[^>]+)>; rel="next"', link).group(1)
        assert len(found) < 50
    return found


def bookings(stack, user, query=""):
    return [b for page in pages(stack, f"/api/bookings?userId={user}{query}") for b in page]


def wait_listed(stack, user, count):
    return wait_for(lambda: len(found := bookings(stack, user)) == count and found, SOON,
                    f"{count} bookings of {user} are listed")


def test_a_user_without_bookings_has_an_empty_list(stack):
    answer = stack.web.get("/api/bookings?userId=nobody-yet")
    assert (answer.status, answer.json()) == (200, [])
    assert answer.header("Content-Type") == "application/json"
    assert "Link" not in answer.headers


def test_the_newest_booking_comes_first(stack):
    event = stack.create_event(5, price_minor=100)
    user = new_user(event)
    ids = [stack.held(event, [f"S{n}"], user)["booking_id"] for n in range(1, 6)]
    found = wait_listed(stack, user, 5)
    assert [b["booking_id"] for b in found] == ids[::-1]
    times = [b["requested_at"] for b in found]
    assert times == sorted(times, reverse=True)


def test_an_entry_is_the_booking_without_what_only_one_needs(stack):
    event = stack.create_event(3, price_minor=100)
    user = new_user(event)
    booking = stack.held(event, ["S3", "S1"], user)
    entry = wait_listed(stack, user, 1)[0]
    assert set(entry) == MEMBERS
    assert entry == {name: value for name, value in booking.items() if name in MEMBERS}
    assert entry["total_minor"] == 400


def test_every_status_is_listed_as_it_is_now(stack):
    event = stack.create_event(4, hold_ttl_ms=60_000)
    short = stack.create_event(1, hold_ttl_ms=300)
    user = new_user(event)
    held, confirmed, cancelled = (stack.held(event, [f"S{n}"], user)["booking_id"]
                                  for n in (1, 2, 3))
    expired = stack.held(short, ["S1"], user)["booking_id"]
    rejected = stack.outcome(stack.hold(event, ["S1"], user).json()["bookingId"])["booking_id"]
    stack.decision(confirmed, "confirm")
    stack.decision(cancelled, "cancel")
    stack.wait_status(expired, "expired")
    found = {b["booking_id"]: b["status"] for b in wait_listed(stack, user, 5)}
    assert found == {held: "held", confirmed: "confirmed", cancelled: "cancelled",
                     expired: "expired", rejected: "rejected"}
    for status, booking_id in ((s, b) for b, s in found.items()):
        only = bookings(stack, user, f"&status={status}")
        assert [b["booking_id"] for b in only] == [booking_id]
    assert [b["booking_id"] for b in bookings(stack, user, f"&eventId={short}")] == [expired]


def test_nobody_elses_bookings_are_in_it(stack):
    event = stack.create_event(4)
    user = new_user(event)
    mine = stack.held(event, ["S1"], user)["booking_id"]
    for other, seat in ((f"{user}x", "S2"), (f"x{user}", "S3"), (user.upper(), "S4")):
        stack.held(event, [seat], other)
    assert [b["booking_id"] for b in wait_listed(stack, user, 1)] == [mine]
    assert len(bookings(stack, user.upper())) == 1


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_follow_each_other_without_gap_or_repetition(stack, limit):
    event = stack.create_event(13)
    user = new_user(event)
    answers = stack.each(lambda n: stack.hold(event, [f"S{n}"], user), range(1, 14), threads=13)
    ids = [a.json()["bookingId"] for a in answers]
    stack.wait_readable(ids)
    found = pages(stack, f"/api/bookings?userId={user}&limit={limit}")
    assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
    seen = [b for page in found for b in page]
    assert sorted(b["booking_id"] for b in seen) == sorted(ids)
    times = [b["requested_at"] for b in seen]
    assert times == sorted(times, reverse=True)


def test_what_is_booked_meanwhile_moves_no_page(stack):
    event = stack.create_event(8)
    user = new_user(event)
    ids = [stack.held(event, [f"S{n}"], user)["booking_id"] for n in range(1, 7)]
    wait_listed(stack, user, 6)
    first = stack.web.get(f"/api/bookings?userId={user}&limit=3")
    stack.held(event, ["S7"], user)
    wait_listed(stack, user, 7)
    path = re.match(r"<([^>]+)>", first.header("Link")).group(1)
    rest = [b["booking_id"] for page in pages(stack, path) for b in page]
    assert [b["booking_id"] for b in first.json()] + rest == ids[::-1]


def test_a_cursor_is_of_one_users_list_only(stack):
    event = stack.create_event(4)
    user = new_user(event)
    for n in (1, 2):
        stack.held(event, [f"S{n}"], user)
        stack.held(event, [f"S{n + 2}"], f"{user}-2")
    wait_listed(stack, user, 2)
    link = stack.web.get(f"/api/bookings?userId={user}&limit=1").header("Link")
    cursor = re.search(r"cursor=([^&>]+)", link).group(1)
    assert stack.web.get(f"/api/bookings?userId={user}&limit=1&cursor={cursor}").status == 200
    for query in (f"userId={user}-2&cursor={cursor}", f"userId={user}&cursor={cursor[:-2]}AA",
                  f"userId={user}&cursor={cursor}x"):
        answer = stack.web.get(f"/api/bookings?{query}")
        assert answer.status == 400, answer
        assert [e["field"] for e in answer.json()["errors"]] == ["cursor"]
    events = re.search(r"cursor=([^&>]+)", stack.web.get("/api/events?limit=1").header("Link"))
    assert stack.web.get(f"/api/bookings?userId={user}&cursor={events.group(1)}").status == 400


def test_the_list_has_a_tag_that_changes_with_it(stack):
    event = stack.create_event(2)
    user = new_user(event)
    booking_id = stack.held(event, ["S1"], user)["booking_id"]
    wait_listed(stack, user, 1)
    path = f"/api/bookings?userId={user}"
    first = stack.web.get(path)
    assert re.fullmatch(r'"[^"]+"', first.header("ETag"))
    assert stack.web.get(path, {"If-None-Match": first.header("ETag")}).status == 304
    head = stack.web.request("HEAD", path)
    assert (head.status, head.body, head.header("ETag")) == (200, b"", first.header("ETag"))
    stack.decision(booking_id, "confirm")
    changed = stack.web.get(path, {"If-None-Match": first.header("ETag")})
    assert changed.status == 200 and changed.json()[0]["status"] == "confirmed"


def test_a_command_on_a_booking_does_not_move_it(stack):
    event = stack.create_event(2)
    user = new_user(event)
    first, second = (stack.held(event, [f"S{n}"], user)["booking_id"] for n in (1, 2))
    stack.decision(first, "confirm")
    assert [b["booking_id"] for b in wait_listed(stack, user, 2)] == [second, first]
