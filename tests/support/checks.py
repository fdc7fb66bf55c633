"""What must be true of some events, whoever fought and whatever died: assertions for tests, over
the replay of booking_log that the checker of the promises makes too (support/replay.py).
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from support import facts
from support.read_model import rfc3339
from support.replay import UNTOUCHED, Replay, check_tables
from support.wait import wait_for


@dataclass
class Accepted:
    """Everything that was answered 202, by any number of threads: what must have an outcome."""

    bookings: set = field(default_factory=set)
    commands: set = field(default_factory=set)  # (booking id, command id)

    def booking(self, answer):
        """The id of the booking that was asked for."""
        assert answer.status == 202, answer
        self.bookings.add(answer.json()["bookingId"])
        return answer.json()["bookingId"]

    def command(self, answer):
        """The id of a confirm, extend or cancel."""
        assert answer.status == 202, answer
        self.commands.add((answer.json()["bookingId"], answer.json()["commandId"]))
        return answer.json()["commandId"]


def check_log(stack, events):
    """Replays the log of these events, and finds the tables to say the same. At rest."""
    events = list(events)
    with stack.pg() as connection:
        seats = facts.read_seats(connection, events)
        replay = Replay(facts.read_log(connection, events), facts.read_rules(connection, events),
                        seats)
        check_tables(replay, seats, facts.read_bookings(connection, events))
    return replay


def check_commands(replay, accepted):
    """One decision for each booking that was answered 202, one for each command, and no others."""
    missing_or_extra = set(replay.bookings) ^ accepted.bookings
    assert not missing_or_extra, missing_or_extra
    decided = Counter((booking_id, row.command_id) for booking_id, rows in replay.bookings.items()
                      for row in rows if row.command_id)
    assert set(decided) == accepted.commands, set(decided) ^ accepted.commands
    assert set(decided.values()) <= {1}, decided.most_common(3)


def seconds_of(text):
    """RFC 3339 as the seconds of time.time()."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def check_booking(booking, rows):
    """A booking as read over HTTP is what its rows of the log say."""
    last = rows[-1]
    assert {name: booking[name] for name in (
        "booking_id", "status", "reason", "event_id", "user_id", "seats", "seats_lost", "version",
        "expires_at", "total_minor", "currency", "extensions")} == {
        "booking_id": last.booking_id, "status": last.status, "reason": last.reason,
        "event_id": last.event_id, "user_id": last.user_id, "seats": last.booking_seats,
        "seats_lost": last.seats_lost, "version": last.booking_version,
        "expires_at": rfc3339(last.expires_at), "total_minor": last.total_minor,
        "currency": last.currency, "extensions": last.extensions}
    assert [(entry["version"], entry["at"], entry["status"], entry["command"],
             entry["command_id"], entry["actor"], entry["result"], entry["reason"])
            for entry in booking["history"]] == [
        (row.booking_version, rfc3339(row.decided_at), row.status, row.command, row.command_id,
         row.actor, row.result, row.refusal or row.reason) for row in rows], booking


def check_readers(stack, events, replay, threads=32):
    """What clients read is what the log says: every booking, every map, every count. At rest, and
    after stack.assert_verified(): the read model has caught up."""
    found = stack.each(stack.booking, list(replay.bookings), threads)
    for booking in found:
        check_booking(booking, replay.bookings[booking["booking_id"]])
    for event in events:
        shown = stack.seat_map(event)
        counts = Counter({"available": 0, "held": 0, "booked": 0, "blocked": 0})
        for seat in shown["seats"]:
            owner, status, _ = replay.seats.get((event, seat["seat_id"]), UNTOUCHED)
            user = replay.bookings[owner][-1].user_id if owner else None
            if (owner, seat["status"]) == (None, "blocked"):
                status = "blocked"  # by an operator: the log does not tell
            assert (seat["status"], seat["user_id"]) == (status, user), (event, seat)
            counts[status] += 1
        assert shown["counts"] == counts
        assert shown["version"] == sum(
            version for (of, _), (_, _, version) in replay.seats.items() if of == event)


def wait_decided(stack, accepted, within):
    """Until PostgreSQL has an outcome of everything that was accepted."""
    stack.wait_settled(accepted.bookings, within)
    wanted = [command_id for _, command_id in accepted.commands]
    wait_for(lambda: stack.pg_value(
        "SELECT count(DISTINCT command_id) FROM booking_log WHERE booking_id = ANY(%s::uuid[])"
        " AND command_id = ANY(%s::uuid[])", list(accepted.bookings), wanted) == len(set(wanted)),
        within, f"{len(wanted)} commands have their outcome")


def wait_none_held(stack, events, within):
    """Until each hold of these events has become something else: confirmed, or swept."""
    wait_for(lambda: stack.pg_value(
        "SELECT count(*) FROM bookings WHERE event_id = ANY(%s) AND status = 'held'",
        list(events)) == 0, within, "no hold is left")


def check_all(stack, events, accepted=None):
    """The log, the tables, the read model and what is read over HTTP, of events at rest."""
    replay = check_log(stack, events)
    if accepted is not None:
        check_commands(replay, accepted)
    stack.assert_verified()
    check_readers(stack, events, replay)
    return replay
