"""Who sees what: nobody sees whose a seat is, each their own, an administrator all; what is kept on
the way mixes nobody with anybody else."""

import gzip
import itertools
import json

import pytest

from support.ids import issue_booking_id
from support.live import EventSource, open_websocket
from support.people import person
from support.problem import assert_problem
from support.wait import wait_for

SOON = 10  # seconds
NOT_KEPT = {"Cache-Control": "no-cache"}


@pytest.fixture
def nobody(stack):
    return stack


# --- bookings ----------------------------------------------------------------------------------


def ways_to_ask(booking_id):
    """Everything that answers about one booking."""
    path = f"/api/bookings/{booking_id}"
    return [(path, {}), (path, {"Prefer": "wait=1"}), (path + "?x=1", {}),
            (f"/api/v1/bookings/{booking_id}", {}),
            (f"/api/v1/bookings/{booking_id}", {"Prefer": "wait=1"}),
            (path, {"If-None-Match": "*"}), (path.upper().replace("/API/BOOKINGS", "/api/bookings"),
                                             {})]


def assert_only_for(booking_id, owner, strangers, admin, nobody):
    for path, headers in ways_to_ask(booking_id):
        for seer in (owner, admin):
            answer = seer.web.get(path, headers)
            assert answer.status in (200, 202, 304), (path, answer)
        for stranger in strangers:
            problem = assert_problem(stranger.web.get(path, headers), 404)
            assert problem["type"] == "/problems/not-found"
        assert_problem(nobody.web.get(path, headers), 401)


def test_a_booking_of_any_kind_is_its_owners_and_an_admins(stack, alice, bob, admin, nobody):
    event = stack.create_event(6, hold_ttl_ms=60_000)
    held = alice.held(event, ["S1", "S2"])["booking_id"]
    booked = alice.booked_id(event, "S3")
    cancelled = alice.held(event, ["S4"])["booking_id"]
    alice.decision(cancelled, "cancel")
    rejected = alice.booked_id(event, "S3")
    alice.wait_status(rejected, "rejected")
    pending = issue_booking_id(event, stack.secrets["BOOKING_ID_SECRET"], alice.user_id)
    for booking_id in (held, booked, cancelled, rejected, pending):
        assert_only_for(booking_id, alice, [bob, person(stack)], admin, nobody)
    assert alice.booking(pending)["status"] == "pending"


def test_what_a_stranger_is_told_is_what_an_id_that_never_was_gets(stack, alice, bob):
    event = stack.create_event(1)
    alices = alice.held(event, ["S1"])["booking_id"]
    never = issue_booking_id(event, "00" * 32, bob.user_id)
    told = [bob.web.get(f"/api/bookings/{booking_id}") for booking_id in (alices, never)]
    problems = [{**assert_problem(answer, 404), "instance": None} for answer in told]
    assert problems[0] == problems[1]
    assert {name.lower() for name in told[0].headers} == {name.lower() for name in told[1].headers}


def test_a_booking_that_was_never_made_is_its_askers(stack, alice, bob, admin, nobody):
    """A confirm of an id that was issued and never stored makes a booking without a user: the id
    alone says whose it is."""
    event = stack.create_event(1)
    lost = issue_booking_id(event, stack.secrets["BOOKING_ID_SECRET"], alice.user_id)
    answer = alice.command(lost, "confirm")
    assert answer.status == 202, answer
    assert alice.wait_status(lost, "rejected")["reason"] == "booking_not_found"
    assert_only_for(lost, alice, [bob], admin, nobody)


def test_a_list_is_its_users(stack, alice, bob, admin, nobody):
    event = stack.create_event(2)
    alices = alice.held(event, ["S1"])["booking_id"]
    bobs = bob.held(event, ["S2"])["booking_id"]
    wanted = {alice.user_id: alices, bob.user_id: bobs}
    lists = "/api/bookings?userId={}", "/api/bookings?user_id={}", "/api/bookings/user/{}", \
        "/api/v1/bookings/users/{}", "/api/bookings?userId={}&status=held"
    for form in lists:
        for owner, stranger in ((alice, bob), (bob, alice)):
            path = form.format(owner.user_id)
            for seer in (owner, admin):
                answer = seer.web.get(path)
                assert answer.status == 200, (path, answer)
                assert [b["booking_id"] for b in answer.json()] == [wanted[owner.user_id]]
            assert_problem(stranger.web.get(path), 404)
            assert_problem(nobody.web.get(path), 401)
    for owner in (alice, bob):
        own = owner.web.get("/api/bookings").json()
        assert [b["booking_id"] for b in own] == [wanted[owner.user_id]]
    assert admin.web.get("/api/bookings").json() == []
    assert_problem(bob.web.get(f"/api/bookings/user/{bob.user_id}?userId={alice.user_id}"), 400)


def test_a_page_of_anothers_list_does_not_go_on(stack, alice, bob):
    event = stack.create_event(2)
    for seat in ("S1", "S2"):
        alice.held(event, [seat])
    first = alice.web.get("/api/bookings?limit=1")
    link = first.header("Link").partition(">")[0].removeprefix("<")
    assert alice.web.get(link).status == 200
    assert_problem(bob.web.get(link), 404)
    mine = link.replace(alice.user_id, bob.user_id)
    assert mine != link
    assert_problem(bob.web.get(mine), 400)  # the cursor is of alice's list


def test_a_wait_tells_its_owner_at_the_gateway(stack, alice):
    event = stack.create_event(1)
    made = alice.hold(event, ["S1"], Prefer="wait=10")
    assert made.status == 201, made
    assert made.json()["user_id"] == alice.user_id
    confirmed = alice.command(made.json()["booking_id"], "confirm", Prefer="wait=10")
    assert (confirmed.status, confirmed.json()["status"]) == (200, "confirmed")


def test_a_token_that_ends_during_the_wait_takes_nothing_back(stack, alice):
    """Here the token ends as far as read-api knows: the command is stored, and that is said."""
    event = stack.create_event(1)
    other = {"JWT_KEYS": "k1:" + "11" * 32}
    with stack.changed({name: other for name in stack.instances("read-api")}):
        stack.heal()
        wait_for(lambda: alice.web.get("/api/bookings").status == 401, SOON, "read-api answers")
        answer = alice.hold(event, ["S1"], Prefer="wait=5")
        assert answer.status == 202, answer
        booking = answer.json()["bookingId"]
        assert answer.header("Location") == f"/api/bookings/{booking}"
    assert alice.wait_status(booking, "held")["user_id"] == alice.user_id


def test_outcomes_are_asked_for_through_a_command_alone(stack, alice, admin):
    event = stack.create_event(1)
    booking = alice.held(event, ["S1"])["booking_id"]
    for path in (f"/internal/outcomes/{booking}/new?wait=1", f"/.wait/{booking}/new/1",
                 f"/.wait/booking/{booking}"):
        for seer in (alice, admin):
            assert_problem(seer.web.get(path), 404)


def test_an_owner_is_not_told_which_administrator_acted(stack, alice, admin):
    event = stack.create_event(1)
    booking = alice.held(event, ["S1"])["booking_id"]
    admin.decision(booking, "cancel")
    mine, all_of_it = alice.web.get(f"/api/bookings/{booking}"), admin.booking(booking)
    assert mine.json()["status"] == "cancelled"
    assert admin.user_id.encode() not in mine.body
    actors = [entry["actor"] for entry in all_of_it["history"]]
    assert actors == [alice.user_id, admin.user_id]


# --- maps --------------------------------------------------------------------------------------


def holders(answer):
    body = gzip.decompress(answer.body) if answer.header("Content-Encoding") == "gzip" \
        else answer.body
    return {seat["user_id"] for seat in json.loads(body)["seats"]}


@pytest.fixture
def sold(stack, alice, bob):
    """An event with seats of alice's and bob's, of more bytes than go out ungzipped."""
    event = stack.create_event(40)
    alice.held(event, ["S1", "S2"])
    bob.held(event, ["S3"], mode="book")
    return event


ENCODINGS = ({}, {"Accept-Encoding": "gzip"})
WAYS = [{**encoding, **kept} for encoding in ENCODINGS for kept in ({}, NOT_KEPT)]


def seen_by(alice, bob, admin, nobody, stranger):
    return [(nobody, {None}), (alice, {None, alice.user_id}), (bob, {None, bob.user_id}),
            (stranger, {None}), (admin, {None, alice.user_id, bob.user_id})]


def test_a_map_shows_ids_to_who_may_know_them_and_mixes_nobody_up(stack, sold, alice, bob, admin,
                                                                 nobody):
    """Each after each other, so that what was kept for one would be found by the next."""
    seers = seen_by(alice, bob, admin, nobody, person(stack))
    path = f"/api/events/{sold}"
    for seer, ids in seers:
        wait_for(lambda: holders(seer.web.get(path, NOT_KEPT)) == ids, SOON, "the map has them")
    for way in WAYS:
        for one, other in itertools.permutations(seers, 2):
            for seer, ids in (one, other, one):
                answer = seer.web.get(path, way)
                assert answer.status == 200, answer
                assert holders(answer) == ids, (way, answer)
                assert (answer.header("Content-Encoding") == "gzip") == ("Accept-Encoding" in way)


def test_many_at_once_get_their_own_maps(stack, sold, alice, bob, admin, nobody):
    seers = seen_by(alice, bob, admin, nobody, person(stack))
    asked = list(itertools.product(seers, WAYS)) * 10
    path = f"/api/events/{sold}"
    answers = stack.each(lambda each: each[0][0].web.get(path, each[1]), asked)
    for ((_, ids), way), answer in zip(asked, answers):
        assert answer.status == 200 and holders(answer) == ids, (way, answer)


def test_a_tag_is_good_for_the_bytes_it_came_with(stack, sold, alice, bob, admin, nobody):
    seers = [seer for seer, _ in seen_by(alice, bob, admin, nobody, person(stack))]
    path = f"/api/events/{sold}"
    for encoding in ENCODINGS:
        answers = [seer.web.get(path, {**NOT_KEPT, **encoding}) for seer in seers]
        for seer, mine in zip(seers, answers):
            for other in answers:
                tag = other.header("ETag")
                answer = seer.web.get(path, {**encoding, "If-None-Match": tag})
                assert answer.status == (304 if other.body == mine.body else 200), (tag, answer)
                if answer.status == 200:
                    assert answer.body == mine.body


def test_what_a_token_was_sent_for_is_private(stack, sold, alice, admin, nobody):
    paths = f"/api/events/{sold}", "/api/events?limit=1"
    for path, headers in itertools.product(paths, WAYS):
        for seer in (alice, admin):
            answer = seer.web.get(path, headers)
            assert "private" in answer.header("Cache-Control")
            assert "Authorization" in answer.header("Vary")
        assert "private" not in nobody.web.get(path, headers).header("Cache-Control")
    booking = alice.web.get("/api/bookings")
    assert "private" in booking.header("Cache-Control")
    assert "Authorization" in booking.header("Vary")


@pytest.mark.parametrize("token", ["Bearer x", "Bearer a.b.c", "Basic YWxpY2U6", "alice"])
def test_a_bad_token_is_refused_also_for_what_the_gateway_keeps(stack, sold, nobody, token):
    for path in (f"/api/events/{sold}", "/api/events", f"/api/events/{sold}/layout"):
        assert nobody.web.get(path).status == 200
        assert_problem(nobody.web.get(path, {"Authorization": token}), 401)
        assert nobody.web.get(path).status == 200


def test_a_new_seat_is_on_its_owners_map_at_once(stack, alice, nobody):
    event = stack.create_event(3)
    path = f"/api/events/{event}"
    assert holders(alice.web.get(path)) == {None}
    alice.held(event, ["S2"])
    for headers in WAYS:
        wait_for(lambda: holders(alice.web.get(path, headers)) == {None, alice.user_id}, SOON,
                 "alice's map has her seat")
        assert holders(nobody.web.get(path, headers)) == {None}
    assert alice.seat(event, "S2") == {"seat_id": "S2", "status": "held",
                                       "user_id": alice.user_id}
    assert nobody.seat(event, "S2") == {"seat_id": "S2", "status": "held", "user_id": None}


def test_a_list_of_events_and_a_layout_name_no_user(stack, sold, alice, admin, nobody):
    for seer in (nobody, alice, admin):
        for path in (f"/api/events/{sold}/layout", "/api/events"):
            answer = seer.web.get(path, NOT_KEPT)
            assert answer.status == 200
            for user in (alice.user_id, "user_id"):
                assert user.encode() not in answer.body


# --- live --------------------------------------------------------------------------------------


def test_live_messages_name_no_user(stack, alice, bob):
    event = stack.create_event(3)
    socket = open_websocket(stack.gateway_port, event)
    try:
        with EventSource(stack.gateway_port, event) as source:
            held = alice.held(event, ["S1", "S2"])
            alice.decision(held["booking_id"], "confirm")
            bob.held(event, ["S3"])
            texts, version = [], 0
            while version < 5:  # two held, two booked, one held
                message = source.next(SOON)
                assert message, texts
                texts.append(json.dumps(message.data))
                version = message.data["version"]
            texts.append(socket.recv())
    finally:
        socket.close()
    for text, user in itertools.product(texts, (alice.user_id, bob.user_id, "user")):
        assert user not in text
