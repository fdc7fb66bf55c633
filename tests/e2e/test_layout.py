"""What buyers see of a hall before they buy: sections, rows, seats, prices."""

import itertools
import re

import pytest

from support.stack import NOT_KEPT
from support.wait import wait_for

MAX_AGE = "max-age=3600"


def layout(stack, event):
    answer = stack.web.get(f"/api/events/{event}/layout")
    assert answer.status == 200, answer
    return answer


def expected_layout(stack, event):
    """The same, from PostgreSQL: neighbours of one section and row stand together."""
    (head,) = stack.pg_rows(
        "SELECT name, kind, to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS'),"
        " venue, currency FROM events WHERE event_id = %s", event)
    seats = stack.pg_rows(
        "SELECT section, row_name, seat_id, number, position, price_minor FROM seats"
        " WHERE event_id = %s ORDER BY position", event)
    name, kind, date, venue, currency = head
    return {
        "event_id": event, "name": name, "kind": kind, "date": f"{date}Z", "venue": venue,
        "currency": currency, "seats_total": len(seats),
        "sections": [
            {"section": section, "rows": [
                {"row": row, "seats": [
                    dict(zip(("seat_id", "number", "position", "price_minor"), seat[2:]))
                    for seat in in_row]}
                for row, in_row in itertools.groupby(in_section, lambda seat: seat[1])]}
            for section, in_section in itertools.groupby(seats, lambda seat: seat[0])],
    }


@pytest.fixture(scope="module")
def hall(whole_stack):
    """Two sections with rows of the same names, a gap in the middle, and more than one block."""
    event = whole_stack.create_event(2, "hall", price_minor=8900)
    with whole_stack.pg() as connection, connection.transaction():
        connection.execute(
            "INSERT INTO seats"
            " (event_id, seat_id, position, section, row_name, number, price_minor)"
            " SELECT %s, 'G-' || n, 1000 + n, 'Gallery \"left\"', chr(65 + n / 10), n %% 10 + 1,"
            " 5900 + n FROM generate_series(1, 25) AS n", (event,))
        connection.execute("UPDATE events SET version = version + 1 WHERE event_id = %s", (event,))
    wait_for(lambda: len(whole_stack.seat_map(event)["seats"]) == 27, 10, "the map has all seats")
    wait_for(lambda: whole_stack.web.get(f"/api/events/{event}/layout").status == 200, 10,
             "so has the layout")
    return event


def test_a_hall_is_shown_to_the_letter(stack):
    event = stack.create_event(2, price_minor=8900)
    answer = layout(stack, event)
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Cache-Control") == MAX_AGE
    assert answer.body.decode() == (
        f'{{"event_id":"{event}","name":"Test {event}","kind":"concert",'
        '"date":"2030-01-01T00:00:00.000Z","venue":"","currency":"EUR","seats_total":2,'
        '"sections":[{"section":"Hall","rows":[{"row":"A","seats":['
        '{"seat_id":"S1","number":1,"position":0,"price_minor":8900},'
        '{"seat_id":"S2","number":2,"position":1,"price_minor":17800}]}]}]}')


def test_sections_rows_and_gaps_are_those_of_the_hall(stack, hall):
    found = layout(stack, hall).json()
    assert found == expected_layout(stack, hall)
    assert [s["section"] for s in found["sections"]] == ["Hall", 'Gallery "left"']
    assert [r["row"] for r in found["sections"][1]["rows"]] == ["A", "B", "C"]


@pytest.mark.parametrize("event", ["1", "concert123", "sports_event456", "arena",
                                   "doctor-friday"])
def test_every_sample_event_has_its_layout(stack, event):
    found = layout(stack, event).json()
    assert found == expected_layout(stack, event)
    assert [seat["seat_id"] for section in found["sections"] for row in section["rows"]
            for seat in row["seats"]] == [s["seat_id"] for s in stack.seat_map(event)["seats"]]


def test_what_is_sold_does_not_change_it(stack):
    event = stack.create_event(3, price_minor=100)
    path = f"/api/events/{event}/layout"
    before, map_tag = layout(stack, event), stack.web.get(f"/api/events/{event}").header("ETag")
    tag = before.header("ETag")
    assert re.fullmatch(r'"[^"]+"', tag) and tag != map_tag

    held = stack.held(event, ["S1", "S2"])
    stack.outcome(stack.booked_id(event, "S3"))
    stack.decision(held["booking_id"], "confirm")
    wait_for(lambda: stack.seat_map(event)["counts"]["booked"] == 3, 5, "the map shows them sold")
    assert stack.web.get(f"/api/events/{event}", NOT_KEPT).header("ETag") != map_tag

    after = layout(stack, event)
    assert (after.body, after.header("ETag")) == (before.body, tag)
    same = stack.web.get(path, {"If-None-Match": tag})
    assert (same.status, same.body, same.header("ETag")) == (304, b"", tag)
    assert same.header("Cache-Control") == MAX_AGE
    assert stack.web.get(path, {"If-None-Match": '"another"'}).status == 200


def test_what_an_operator_changes_changes_it(stack):
    event = stack.create_event(2, price_minor=100)
    path, tag = f"/api/events/{event}/layout", layout(stack, event).header("ETag")
    with stack.pg() as connection, connection.transaction():
        connection.execute("UPDATE seats SET price_minor = 150 WHERE event_id = %s"
                           " AND seat_id = 'S1'", (event,))
        connection.execute("UPDATE events SET version = version + 1 WHERE event_id = %s", (event,))
    changed = wait_for(
        lambda: (a := stack.web.get(path, {"If-None-Match": tag})).status == 200 and a, 10,
        "the tag no longer matches")
    assert changed.json() == expected_layout(stack, event)


def test_the_prices_are_those_of_a_booking(stack, hall):
    prices = {seat["seat_id"]: seat["price_minor"]
              for section in layout(stack, hall).json()["sections"]
              for row in section["rows"] for seat in row["seats"]}
    booking = stack.held(hall, ["S2", "G-9"])
    assert {p["seat_id"]: p["price_minor"] for p in booking["prices"]} == {
        seat: prices[seat] for seat in ("S2", "G-9")}
    stack.decision(booking["booking_id"], "cancel")


@pytest.mark.parametrize("path", ["/api/shows/{}/layout", "/api/v1/events/{}/layout",
                                  "/api/v1/shows/{}/layout"])
def test_other_dialects_read_the_same(stack, hall, path):
    ours, theirs = layout(stack, hall), stack.web.get(path.format(hall))
    assert theirs.status == 200, theirs
    assert (theirs.body, theirs.header("ETag")) == (ours.body, ours.header("ETag"))


def test_a_head_request_is_answered_without_body(stack, hall):
    head = stack.web.request("HEAD", f"/api/events/{hall}/layout")
    assert (head.status, head.body) == (200, b"")
    assert head.header("ETag") == layout(stack, hall).header("ETag")


@pytest.mark.parametrize("path", [
    "/api/events/nobody/layout", "/api/shows/nobody/layout", "/api/events/a%20b/layout",
    "/api/events/{}/layout/", "/api/events/{}/Layout", "/api/events/{}/layout/S1",
    "/api/events/{}%2flayout", "/api/events//layout", "/api/layout"])
def test_what_is_not_there_is_404(stack, hall, path):
    answer = stack.web.get(path.format(hall))
    assert answer.status == 404, answer
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["status"] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/api/events/{}/layout", "/api/shows/{}/layout"])
def test_it_is_only_read(stack, hall, path, method):
    answer = stack.web.request(method, path.format(hall), b"")
    assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD"), answer
    assert answer.header("Content-Type") == "application/problem+json"
