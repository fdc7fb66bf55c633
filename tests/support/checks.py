"""An independent reading of booking_log: what must be true whoever fought and whatever died.

Follows the log in its order and knows nothing of the programs but lib/PROTOCOL.md.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone

from psycopg.rows import namedtuple_row

from support.wait import wait_for

# (status before, command) -> statuses after it. No command: the hold ran out.
TRANSITIONS = {
    (None, "book"): {"confirmed", "rejected"},
    (None, "hold"): {"held", "rejected"},
    ("held", "confirm"): {"confirmed"},
    ("held", "extend"): {"held"},
    ("held", "cancel"): {"cancelled"},
    ("held", None): {"expired"},
    ("confirmed", "cancel"): {"cancelled"},
}
UNCHANGED = {("confirmed", "confirm"): "already_confirmed",
             ("cancelled", "cancel"): "already_cancelled"}
REFUSED = {"held": {"not_owner", "extension_limit", "event_cancelled"},
           "confirmed": {"not_owner", "already_confirmed", "event_cancelled"},
           "rejected": {"not_owner", "booking_rejected"},
           "cancelled": {"not_owner", "booking_cancelled"},
           "expired": {"not_owner", "hold_expired"}}
SEAT_STATUS = {"held": "held", "confirmed": "booked", "cancelled": "available",
               "expired": "available"}
FREE = (None, "available")


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


def read_log(stack, events):
    """The rows about these events, in the log's order."""
    with stack.pg() as connection:
        cursor = connection.cursor(row_factory=namedtuple_row)
        return cursor.execute(
            "SELECT booking_id::text, booking_version, event_id, user_id, status, reason,"
            " booking_seats, seats_lost, decided_at, expires_at, seat_ids, seat_statuses,"
            " seat_versions, command, command_id::text, actor, result, refusal, extensions,"
            " seat_prices, total_minor, currency"
            " FROM booking_log WHERE event_id = ANY(%s) ORDER BY xid, seq", (list(events),),
        ).fetchall()


class Replay:
    """The log followed row by row: `seats` and `bookings` are what it leads to."""

    def __init__(self, rows):
        self.seats = defaultdict(lambda: (*FREE, 0))  # (event, seat) -> owner, status, version
        self.bookings = defaultdict(list)             # booking id -> its rows
        for row in rows:
            before = self.bookings[row.booking_id][-1] if self.bookings[row.booking_id] else None
            self._booking(before, row)
            self._seats(before, row)
            self.bookings[row.booking_id].append(row)

    @staticmethod
    def _booking(before, row):
        assert row.booking_version == (before.booking_version + 1 if before else 1), (before, row)
        status = before.status if before else None
        if row.result == "done":
            assert row.status in TRANSITIONS.get((status, row.command), ()), (before, row)
            assert row.refusal is None, row
        else:
            assert before and not row.seat_ids, row
            assert (row.status, row.reason, row.expires_at, row.extensions) == (
                before.status, before.reason, before.expires_at, before.extensions), (before, row)
            if row.result == "unchanged":
                assert row.refusal == UNCHANGED[status, row.command], (before, row)
            else:
                assert row.refusal in REFUSED[status], (before, row)
        if before:
            assert row.decided_at >= before.decided_at, (before, row)
            assert (row.event_id, row.user_id, row.booking_seats, row.total_minor) == (
                before.event_id, before.user_id, before.booking_seats, before.total_minor)
        if status == "held" and row.result == "done":  # PostgreSQL's clock has one answer
            lapsed = row.decided_at >= before.expires_at
            assert lapsed == (row.status == "expired"), (before, row)
        if row.status == "held":
            assert row.expires_at > row.decided_at or row.result != "done", row
        if row.status != "rejected":
            assert sum(row.seat_prices) == row.total_minor, row
            assert len(row.seat_prices) == len(row.booking_seats), row

    def _seats(self, before, row):
        """All seats of the booking or none, each by one version, and none that another one has."""
        status = before.status if before else None
        changes = row.result == "done" and row.status != "rejected" and row.status != status
        assert sorted(row.seat_ids) == (sorted(row.booking_seats) if changes else []), row
        for seat, now, version in zip(row.seat_ids, row.seat_statuses, row.seat_versions):
            owner, was, last = self.seats[row.event_id, seat]
            assert version == last + 1, (seat, last, row)
            assert now == SEAT_STATUS[row.status], row
            if status is None:
                assert (owner, was) == FREE, f"{seat} was {owner}'s: {row}"
            else:
                assert (owner, was) == (row.booking_id, SEAT_STATUS[status]), (seat, owner, row)
            self.seats[row.event_id, seat] = (*(FREE if now == "available" else
                                                (row.booking_id, now)), version)

    def statuses(self):
        return Counter(rows[-1].status for rows in self.bookings.values())


def check_log(stack, events):
    """Replays the log of these events, and finds the tables to say the same. At rest."""
    replay = Replay(read_log(stack, events))
    seats = stack.pg_rows(
        "SELECT event_id, seat_id, booking_id::text, status, version, user_id,"
        " hold_expires_at FROM seats WHERE event_id = ANY(%s)", list(events))
    for event, seat, owner, status, version, user, expires in seats:
        assert replay.seats.get((event, seat), (*FREE, 0)) == (owner, status, version), seat
        last = replay.bookings[owner][-1] if owner else None
        assert user == (last.user_id if last else None), (event, seat)
        assert expires == (last.expires_at if status == "held" else None), (event, seat)
    assert set(replay.seats) <= {(event, seat) for event, seat, *_ in seats}
    bookings = stack.pg_rows(
        "SELECT booking_id::text, version, status, reason, seats_lost, seat_ids, expires_at"
        " FROM bookings WHERE event_id = ANY(%s)", list(events))
    assert {booking[0] for booking in bookings} == set(replay.bookings)
    for booking_id, *stored in bookings:
        last = replay.bookings[booking_id][-1]
        assert stored == [last.booking_version, last.status, last.reason, last.seats_lost,
                          last.booking_seats, last.expires_at], booking_id
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


def rfc3339(at):
    if at is None:
        return None
    at = at.astimezone(timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


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
            owner, status, _ = replay.seats.get((event, seat["seat_id"]), (*FREE, 0))
            user = replay.bookings[owner][-1].user_id if owner else None
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
