"""P7: what readers are given is what the log says: MongoDB's documents, and topic booking_events.

check(facts, replay, complain) takes a replay that has followed all of facts.rows.
"""

import json
from collections import Counter, defaultdict
from datetime import datetime, timezone

from support.facts import decoded
from support.replay import UNTOUCHED, settled_row

BLOCK_SEATS = 1000
STRANGERS_MAX, HISTORY_MAX = 20, 100
ENTRY = ("at", "status", "command", "command_id", "actor", "result", "reason", "expires_at")


def ms(at):
    """bson's dates have no zone, and are UTC."""
    return at and round(at.replace(tzinfo=timezone.utc).timestamp() * 1000)


def rfc3339(at):
    if at is None:
        return None
    return (f"{datetime.fromtimestamp(at // 1000, timezone.utc):%Y-%m-%dT%H:%M:%S}"
            f".{at % 1000:03d}Z")


def differences(found, wanted):
    """As text: what is not as it should be."""
    return "; ".join(f"{name} is {found.get(name)!r}, not {value!r}"
                     for name, value in wanted.items() if found.get(name) != value)


# --- bookings ------------------------------------------------------------------------------------

def kept(rows):
    """Of a booking's decisions those that its history keeps: all that were done, newest others."""
    left, keeps = {True: STRANGERS_MAX, False: HISTORY_MAX}, []
    for row in reversed(rows):
        if row.result != "done":
            stranger = row.refusal == "not_owner"
            left[stranger] -= 1
            if left[stranger] < 0:
                continue
        keeps.append(row)
    return keeps


def booking_wanted(rows):
    last = rows[-1]
    return {
        "event_id": last.event_id, "user_id": last.user_id, "mode": last.mode,
        "seats": last.booking_seats, "status": last.status, "reason": last.reason,
        "seats_lost": last.seats_lost, "prices": last.seat_prices,
        "total_minor": last.total_minor, "currency": last.currency,
        "payment_reference": last.payment_reference, "extensions": last.extensions,
        "version": last.booking_version, "requested_at": last.requested_at,
        "decided_at": settled_row(rows).decided_at, "expires_at": last.expires_at}


def entry_wanted(row):
    return (row.decided_at, row.status, row.command, row.command_id, row.actor, row.result,
            row.refusal or row.reason, row.expires_at)


def booking_differences(document, rows):
    found = dict(document)
    for name in ("requested_at", "decided_at", "expires_at"):
        found[name] = ms(found.get(name))
    text = differences(found, booking_wanted(rows))
    history = {version: tuple(ms(entry.get(n)) if n in ("at", "expires_at") else entry.get(n)
                              for n in ENTRY)
               for version, entry in document.get("history", {}).items()}
    wanted = {str(row.booking_version): entry_wanted(row) for row in kept(rows)}
    if history != wanted:
        odd = sorted(version for version in set(history) | set(wanted)
                     if history.get(version) != wanted.get(version))
        text += "; " * bool(text) + f"history is wrong in {', '.join(odd)}"
    return text


def _check_bookings(facts, replay, complain):
    for booking_id, rows in replay.bookings.items():
        if booking_id not in facts.documents:
            continue  # P2
        replay.facts["P7"] += 1
        wrong = booking_differences(decoded(facts.documents[booking_id]), rows)
        if wrong:
            complain("P7", f"MongoDB's booking {booking_id} is not the log's: {wrong}", rows[-1])
    for booking_id in set(facts.documents) - set(replay.bookings):
        complain("P7", f"MongoDB has a booking {booking_id} of which the log knows nothing")


# --- maps ----------------------------------------------------------------------------------------

def _seats_wanted(facts, replay):
    """event id -> position -> what the map says of the seat there."""
    events = defaultdict(dict)
    for (event_id, seat_id), seat in facts.seats.items():
        owner, status, version = replay.seats.get((event_id, seat_id), UNTOUCHED)
        if version == 0 and seat.status == "blocked":
            status = "blocked"
        events[event_id][seat.position] = {
            "seat_id": seat_id, "status": status, "booking_id": owner, "version": version,
            "user_id": replay.bookings[owner][-1].user_id if owner else None,
            "section": seat.section, "row": seat.row_name, "number": seat.number,
            "price_minor": seat.price_minor}
    return events


def counted(seats):
    counts = {"available": 0, "held": 0, "booked": 0, "blocked": 0}
    return {**counts, **Counter(seat["status"] for seat in seats)}


def _check_block(replay, complain, block_id, document, wanted):
    replay.facts["P7"] += len(wanted)
    first = document["block"] * BLOCK_SEATS
    found = {first + i: seat for i, seat in enumerate(document["seats"]) if seat is not None}
    wrong = differences(document, {"version": sum(s["version"] for s in wanted.values()),
                                   "counts": counted(wanted.values())})
    if wrong:
        complain("P7", f"MongoDB's block {block_id} is not the log's: {wrong}")
    for position in sorted(set(found) | set(wanted)):
        wrong = differences(found.get(position, {}), wanted.get(position, {"seat_id": None}))
        if wrong:
            complain("P7", f"MongoDB's block {block_id}, position {position}: {wrong}")


def _check_event(facts, replay, complain, event_id, seats):
    rule, document = facts.rules[event_id], facts.event_documents.get(event_id)
    replay.facts["P7"] += 1
    if document is None:
        complain("P7", f"MongoDB has no event {event_id}")
        return
    found = decoded(document)
    for name in ("date", "sales_open_at", "sales_close_at", "cancelled_at"):
        found[name] = ms(found.get(name))
    wrong = differences(found, {
        "name": rule.name, "kind": rule.kind, "date": rule.starts_at, "venue": rule.venue,
        "currency": rule.currency, "hold_ttl_ms": rule.hold_ttl_ms,
        "hold_extensions_max": rule.hold_extensions_max,
        "seats_per_user_max": rule.seats_per_user_max,
        "holds_per_user_max": rule.holds_per_user_max, "sales_open_at": rule.sales_open_at,
        "sales_close_at": rule.sales_close_at, "cancelled_at": rule.cancelled_at,
        "event_version": rule.version, "version": sum(s["version"] for s in seats.values()),
        "counts": counted(seats.values()), "seats_total": len(seats),
        "blocks": max(seats, default=-1) // BLOCK_SEATS + 1})
    if wrong:
        complain("P7", f"MongoDB's event {event_id} is not PostgreSQL's: {wrong}")


def _check_maps(facts, replay, complain):
    events = _seats_wanted(facts, replay)
    missing = {f"{event_id}/{position // BLOCK_SEATS:04d}"
               for event_id, seats in events.items() for position in seats}
    for block_id, raw in facts.maps.items():
        document = decoded(raw)
        block = document["block"]
        missing.discard(block_id)
        _check_block(replay, complain, block_id, document, {
            position: seat for position, seat in events[document["event_id"]].items()
            if position // BLOCK_SEATS == block})
    for block_id in sorted(missing):
        complain("P7", f"MongoDB has no block {block_id}")
    for event_id in facts.rules:
        _check_event(facts, replay, complain, event_id, events.get(event_id, {}))


# --- booking_events ------------------------------------------------------------------------------

def _what(row):
    if row.result != "done":
        return "refused"
    return "extended" if (row.command, row.status) == ("extend", "held") else row.status


def headers_wanted(row, ledger_id):
    return "\n".join((
        "ce_specversion=1.0", f"ce_id={row.booking_id}/{row.booking_version}",
        f"ce_source=/seatline/{ledger_id}", f"ce_type=seatline.booking.{_what(row)}",
        f"ce_time={rfc3339(row.decided_at)}", f"ce_subject={row.booking_id}",
        f"ce_partitionkey={row.booking_id}", "content-type=application/json")).encode()


def value_wanted(row):
    return {
        "booking_id": row.booking_id, "version": row.booking_version, "event_id": row.event_id,
        "user_id": row.user_id, "status": row.status, "reason": row.reason,
        "seats": row.booking_seats, "seats_lost": row.seats_lost, "prices": row.seat_prices,
        "total_minor": row.total_minor, "currency": row.currency,
        "payment_reference": row.payment_reference, "requested_at": rfc3339(row.requested_at),
        "decided_at": rfc3339(row.decided_at), "expires_at": rfc3339(row.expires_at),
        "command": row.command, "command_id": row.command_id, "actor": row.actor,
        "result": row.result, "refusal": row.refusal,
        "changed": [{"seat_id": seat, "status": status, "version": version}
                    for seat, status, version in
                    zip(row.seat_ids, row.seat_statuses, row.seat_versions)]}


def _version_of(told):
    """None: the value cannot be read."""
    try:
        return int(json.loads(told.value)["version"])
    except (ValueError, KeyError, TypeError):
        return None


class _Listener:
    """A consumer of booking_events that ignores what it has seen."""

    def __init__(self, facts, replay, complain):
        self.facts, self.replay, self.complain = facts, replay, complain
        self.heard = {}  # (booking id, version) -> the first message about it
        self.last = {}   # booking id -> the newest version heard
        self.partitions = {}
        self.rows = {(row.booking_id, row.booking_version): row for row in facts.rows}
        self.before = {}  # (booking id, version) -> the version before it
        for booking_id, rows in replay.bookings.items():
            for earlier, row in zip([None, *rows], rows):
                self.before[booking_id, row.booking_version] = (
                    earlier.booking_version if earlier else 0)

    def hear(self, told):
        version = _version_of(told)
        row = self.rows.get((told.booking_id, version))
        if row is None:
            if self._is_about_us(told):
                self.complain("P7", "told, but not in the log", told)
            return
        first = self.heard.setdefault((told.booking_id, version), told)
        self.replay.facts["P7"] += 1
        if first is not told:
            if (first.headers, first.value) != (told.headers, told.value):
                self.complain("P7", "told twice, and not word for word", first, told)
            return
        last = self.last.get(told.booking_id, 0)
        if last != self.before[told.booking_id, version]:
            self.complain("P7", f"told after version {last}", told)
        self.last[told.booking_id] = version
        if self.partitions.setdefault(told.booking_id, told.partition) != told.partition:
            self.complain("P7", "a booking is told of in two partitions", told)
        self._content(told, row)

    def _is_about_us(self, told):
        """Without a row, only the message itself can say whether it is about these events."""
        try:
            return json.loads(told.value).get("event_id") in self.facts.rules
        except (ValueError, AttributeError):
            return told.booking_id in self.replay.bookings

    def _content(self, told, row):
        wrong = differences(json.loads(told.value), value_wanted(row))
        if told.headers != headers_wanted(row, self.facts.ledger_id):
            wrong += "; " * bool(wrong) + f"headers are {told.headers!r}"
        if wrong:
            self.complain("P7", f"told otherwise than the log has it: {wrong}", told, row)

    def end(self):
        for identity, row in self.rows.items():
            if identity not in self.heard:
                self.complain("P7", "not told to booking_events", row)


def check(facts, replay, complain):
    _check_bookings(facts, replay, complain)
    _check_maps(facts, replay, complain)
    listener = _Listener(facts, replay, complain)
    for told in facts.told:
        listener.hear(told)
    listener.end()
