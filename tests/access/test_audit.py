"""Who did what, from where: what an administrator can find out."""

import re

import pytest

from support.people import person, post_event
from support.problem import assert_named
from support.wait import wait_for

NEXT = re.compile(r'<([^>]+)>; rel="next"')


def audited(admin, query):
    """All entries, page by page."""
    path, entries = f"/api/admin/audit?{query}", []
    while path:
        answer = admin.web.get(path)
        assert answer.status == 200, answer
        entries += answer.json()
        following = NEXT.search(answer.header("Link") or "")
        path = following and following[1]
    return entries


@pytest.fixture
def story(admin, alice):
    """An event of which an administrator and a buyer have done things, and a booking of it."""
    event = post_event(admin, 3)
    assert admin.web.request("PATCH", f"/api/events/{event}", {"venue": "Outside"}).status == 200
    booking_id = alice.held(event, ["Hall-A-1"])["booking_id"]
    admin.decision(booking_id, "confirm")
    alice.decision(booking_id, "confirm")
    blocked = admin.web.request("PUT", f"/api/events/{event}/seats/block",
                                {"seatIds": ["Hall-A-2"]}).json()["commands"][0]["bookingId"]
    admin.outcome(blocked)
    assert admin.web.get(f"/api/events/{event}/bookings.csv").status == 200
    return event, booking_id


def test_an_event_has_all_that_was_done_newest_first(admin, alice, story):
    event, booking_id = story
    entries = audited(admin, f"eventId={event}")
    assert [(e["action"], e["actor"], e["role"], e["result"]) for e in entries] == [
        ("export_bookings", admin.user_id, "admin", None),
        ("block", admin.user_id, None, "done"),
        ("confirm", alice.user_id, None, "unchanged"),
        ("confirm", admin.user_id, None, "done"),
        ("hold", alice.user_id, None, "done"),
        ("change_event", admin.user_id, "admin", None),
        ("create_event", admin.user_id, "admin", None)]
    assert {e["event_id"] for e in entries} == {event}
    assert {e["address"] for e in entries} == {"127.0.0.1"}
    assert [e["at"] for e in entries] == sorted((e["at"] for e in entries), reverse=True)
    assert entries[5]["detail"] == {"venue": "Outside"} and entries[5]["request_id"]
    assert entries[2]["refusal"] == "already_confirmed"
    assert entries[3]["booking_id"] == booking_id
    assert entries[3]["detail"]["user_id"] == alice.user_id, "acted for the owner"


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_leave_nothing_out_and_tell_nothing_twice(admin, story, limit):
    event, _ = story
    whole = audited(admin, f"eventId={event}")
    assert audited(admin, f"eventId={event}&limit={limit}") == whole


def test_a_booking_has_its_own_story(admin, alice, story):
    _, booking_id = story
    entries = audited(admin, f"bookingId={booking_id}&limit=2")
    assert [(e["action"], e["actor"]) for e in entries] == [
        ("confirm", alice.user_id), ("confirm", admin.user_id), ("hold", alice.user_id)]
    assert {e["booking_id"] for e in entries} == {booking_id}


def test_what_ended_by_itself_was_nobodys(admin, alice):
    event = post_event(admin, 1, holdTtlMs=200)
    booking_id = alice.held(event, ["Hall-A-1"])["booking_id"]
    wait_for(lambda: alice.booking(booking_id)["status"] == "expired", 10, "the hold is over")
    newest = audited(admin, f"bookingId={booking_id}")[0]
    assert (newest["action"], newest["actor"], newest["address"]) == ("expire", None, None)

    other = post_event(admin, 1)
    booking_id = alice.held(other, ["Hall-A-1"])["booking_id"]
    admin.web.post(f"/api/events/{other}/cancel", {})
    wait_for(lambda: alice.booking(booking_id)["status"] == "cancelled", 10, "it is cancelled")
    newest = audited(admin, f"bookingId={booking_id}")[0]
    assert (newest["action"], newest["actor"]) == ("sweep", None)
    assert newest["detail"]["reason"] == "event_cancelled"


def test_without_a_question_it_tells_what_administrators_did(whole_stack, story):
    other = person(whole_stack, "admin")
    event = post_event(other, 1)
    newest = other.web.get("/api/admin/audit?limit=1").json()[0]
    assert (newest["action"], newest["actor"], newest["event_id"]) == (
        "create_event", other.user_id, event)


def test_what_is_not_known_has_no_story(admin):
    unknown = "01bc8edb-e484-84f4-a687-74f5048b5e97"
    assert audited(admin, "eventId=never-heard-of") == []
    assert audited(admin, f"bookingId={unknown}") == []


@pytest.mark.parametrize("query, field", [
    ("eventId=a/b", "eventId"), ("eventId=..", "eventId"), ("bookingId=1", "bookingId"),
    ("bookingId=01bc8edb-e484-44f4-a687-74f5048b5e97", "bookingId"), ("limit=101", "limit"),
    ("limit=0", "limit"), ("cursor=x", "cursor"), ("cursor=1.2.3", "cursor"),
    ("cursor=1.9999999999999999999", "cursor"), ("eventId=a&eventId=b", "eventId"),
    ("eventId=a&bookingId=01bc8edb-e484-84f4-a687-74f5048b5e97", "bookingId")])
def test_a_question_is_asked_as_it_can_be(admin, nothing, query, field):
    assert_named(admin.web.get(f"/api/admin/audit?{query}"), 400, field)
