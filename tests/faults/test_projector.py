"""The read model: whoever dies, it ends up equal to the write model, and it can be made anew."""

import signal

import pytest

from support.live import EventSource
from support.wait import wait_for

POINTS = ["after_read", "after_fold", "after_blocks", "after_bookings", "after_events",
          "after_batch", "after_cursor"]
TAKEN_OVER_S = 15
ENDED_S = 30
LAPSE_MS = 3000  # long enough to be extended on a busy machine


def booked(stack, event, count):
    wait_for(lambda: stack.seat_map(event)["counts"]["booked"] == count, TAKEN_OVER_S,
             f"{count} seats are booked in the map")


def lives(stack, lasting, lapsing):
    """Bookings of each ending, one in three of which runs out; answers their ids and the commands
    that each history has to tell."""
    endings = [(lasting, ["extend", "confirm"]), (lasting, ["confirm", "cancel"]),
               (lapsing, ["extend"])]

    def live(n):
        event, verbs = endings[n % 3]
        answer = stack.hold(event, [f"S{n + 1}"], f"u{n}")
        assert answer.status == 202, answer
        booking_id = answer.json()["bookingId"]
        for verb in verbs:
            assert stack.command(booking_id, verb, f"u{n}").status == 202
        return booking_id

    ids = stack.each(live, range(30))
    return {ids[n]: ["hold", *endings[n % 3][1], *([None] if n % 3 == 2 else [])]
            for n in range(30)}


@pytest.mark.parametrize("point", POINTS)
def test_a_projector_killed_in_the_middle_of_a_batch_loses_nothing(stack, point):
    event = stack.create_event(60)
    lasting, lapsing = (stack.create_event(30, hold_ttl_ms=ttl) for ttl in (60_000, LAPSE_MS))
    stack.stop(stack.instances("projector"))
    commands = lives(stack, lasting, lapsing)
    ids = stack.each(lambda n: stack.booked_id(event, f"S{n % 60 + 1}"), range(90))
    stack.wait_settled([*ids, *commands], 10)
    projector = stack["projector-0"]
    projector.start(FAULT_POINT=f"projector_{point}")
    assert projector.wait_end(20) == -signal.SIGKILL
    projector.start()
    booked(stack, event, 60)
    stack.wait_readable(ids)
    last = {"confirm": "confirmed", "cancel": "cancelled", None: "expired"}
    for booking_id, wanted in commands.items():
        history = stack.wait_status(booking_id, last[wanted[-1]], ENDED_S)["history"]
        assert [entry["command"] for entry in history] == wanted
        assert [entry["version"] for entry in history] == list(range(1, len(history) + 1))
    stack.assert_verified()


def test_the_standby_takes_over_from_a_killed_projector(stack):
    event = stack.create_event(40)
    for round_number, name in enumerate(stack.instances("projector") * 2):
        first = round_number * 10 + 1
        stack[name].kill()
        ids = stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(first, first + 10))
        booked(stack, event, (round_number + 1) * 10)
        stack.wait_readable(ids)
        stack[name].start()
    stack.assert_verified()


def test_two_projectors_at_once_tell_each_change_once(stack):
    event = stack.create_event(30)
    with EventSource(stack.gateway_port, event) as source:
        for n in range(1, 31):
            stack.booked_id(event, f"S{n}")
        version = 0
        while version < 30:
            message = source.next(5)
            assert message.data["previous_version"] == version
            version = message.data["version"]


def plant_damage(stack, event, ids):
    """Lies of different kinds; answers a text that a complaint about each must contain."""
    mongo = stack.mongo()
    maps, bookings, events = mongo["seat_maps"], mongo["bookings"], mongo["events"]
    block = f"{event}/0000"
    maps.update_one({"_id": block}, {"$set": {"seats.0.status": "available",
                                              "seats.0.user_id": None}})
    maps.update_one({"_id": block}, {"$set": {"seats.1.user_id": "mallory"}})
    maps.update_one({"_id": block}, {"$inc": {"seats.2.version": 5}})
    bookings.update_one({"_id": ids[3]}, {"$set": {"status": "rejected", "reason": "seat_taken"}})
    bookings.delete_one({"_id": ids[4]})
    bookings.update_one({"_id": ids[5]}, {"$set": {"history.1.actor": "mallory"}})
    bookings.update_one({"_id": ids[6]}, {"$inc": {"total_minor": 1}})
    bookings.insert_one({"_id": "ffffffff-ffff-8fff-bfff-ffffffffffff", "event_id": event,
                         "user_id": "ghost", "seats": ["S1"], "status": "confirmed", "version": 1})
    events.update_one({"_id": event}, {"$inc": {"counts.booked": 7}})
    return ["S1", "S2", "S3", ids[3], ids[4], f"{ids[5]} history.1.actor", f"{ids[6]} total_minor",
            "ffffffff-ffff-8fff-bfff-ffffffffffff", event]


def test_verify_finds_every_planted_difference_and_rebuild_removes_them(stack):
    event, other = stack.create_events(2, 10)
    ids = [stack.booked_id(event, f"S{n}") for n in range(1, 11)]
    stack.wait_readable(ids)
    stack.assert_verified()
    expected = plant_damage(stack, event, ids)
    stack.mongo()["seat_maps"].delete_one({"_id": f"{other}/0000"})
    stack.mongo()["events"].delete_one({"_id": other})

    status, text = stack.verify()
    assert status != 0
    for name in [*expected, other]:
        assert name in text, f"no word about {name} in:\n{text}"

    done = stack.program("projector", "--rebuild", within=60)
    assert done.returncode == 0, done
    stack.assert_verified()
    assert stack.seat_map(event)["counts"]["booked"] == 10
    assert len(stack.seat_map(other)["seats"]) == 10
    assert stack.booking(ids[3])["status"] == stack.booking(ids[4])["status"] == "confirmed"
    assert stack.mongo()["bookings"].find_one({"user_id": "ghost"}) is None


def test_an_emptied_read_model_can_be_rebuilt_while_bookings_go_on(stack):
    event = stack.create_event(60)
    ids = stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(1, 31))
    stack.wait_readable(ids)
    for collection in ("events", "seat_maps", "bookings"):
        stack.mongo()[collection].delete_many({})
    ids += stack.each(lambda n: stack.booked_id(event, f"S{n}"), range(31, 61))
    done = stack.program("projector", "--rebuild", within=60)
    assert done.returncode == 0, done
    booked(stack, event, 60)
    stack.wait_readable(ids)
    stack.assert_verified()
