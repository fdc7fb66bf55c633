"""A small Seatline in memory that was honest: what its clients were told, and what its stores have.

story() plays it. A lie then changes rows, messages or lines of it; tables and documents are made
from the rows afterwards (facts()), so that a lie in the log is told everywhere alike, and only what
a test changes after that is out of step. Knows lib/PROTOCOL.md, and nothing of the checker but the
shapes it reads.
"""

import json
from collections import defaultdict
from datetime import datetime, timezone

import bson

from support.facts import BookingRow, EventRow, Facts, LogRow, Request, SeatRow, Told
from support.ids import partition_of, slot_of

PARTITIONS = 2
BEGIN_MS = 1_790_000_000_000
TTL_MS = 1_000
NOTHING_DONE = "Service Unavailable: Requests cannot be stored at the moment. Nothing was done."
IN_DOUBT = "Service Unavailable: It is not known whether the request was stored."
GATEWAY = "Service Unavailable: Not available at this moment. Please try again."
ANSWERS = {  # name -> status, whether it has the ids, Retry-After, reason
    "accepted": (202, True, "1", None), "in doubt": (503, True, "1", IN_DOUBT),
    "gateway": (503, False, "2", GATEWAY), "none": (0, False, None, "ConnectionResetError()"),
    "busy": (503, False, "1", NOTHING_DONE), "unknown": (404, False, None, "Not Found: No booking")}
SEAT = {"held": "held", "confirmed": "booked", "cancelled": "available", "expired": "available"}


def text_of(ms):
    at = datetime.fromtimestamp(ms / 1000, timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def date_of(ms):
    return None if ms is None else datetime.fromtimestamp(ms / 1000, timezone.utc)


class World:
    def __init__(self):
        self.now = BEGIN_MS
        self.rules, self.places = {}, {}        # event -> EventRow; (event, seat) -> SeatRow
        self.record, self.requests, self.rows = [], [], []
        self.key_owners = {}
        self.ends = defaultdict(int)            # partition -> its next offset
        self.versions = defaultdict(int)        # of seats
        self.last = {}                          # booking id -> its last row
        self.identity = {}                      # what a test calls it -> booking id, command id
        self._ids = 0

    # --- what there is ---------------------------------------------------------------------

    def event(self, event_id, seats, blocked=(), **rules):
        values = {"hold_ttl_ms": TTL_MS, "hold_extensions_max": 1, **rules}
        self.rules[event_id] = EventRow._make({
            **dict.fromkeys(EventRow._fields), "event_id": event_id, "name": "A night",
            "kind": "concert", "starts_at": BEGIN_MS * 2, "venue": "Hall", "currency": "EUR",
            "version": 1, **values}.values())
        for n in range(1, seats + 1):
            seat = f"S{n}"
            self.places[event_id, seat] = SeatRow(
                event_id, seat, n - 1, "Hall", "A", n, 100 * n,
                "blocked" if seat in blocked else "available", None, None, 0, None)

    def booking_id(self, event_id):
        self._ids += 1
        slot = slot_of(event_id)
        number = (BEGIN_MS << 80 | 8 << 76 | slot >> 4 << 64 | 2 << 62 | (slot & 15) << 58
                  | self._ids << 16)
        digits = f"{number:032x}"
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def tick(self, ms=10):
        self.now += ms

    # --- what clients do -------------------------------------------------------------------

    def ask(self, kind, user, booking_id, event=None, seats=(), key=None, command_id=None,
            answer="accepted", stored=True):
        """One request: its line in the record, and its message."""
        self.tick()
        status, told, retry_after, reason = ANSWERS[answer]
        target = None if event else booking_id
        self.record.append({
            "n": len(self.record) + 1, "kind": kind, "at": self.now / 1000, "took_ms": 4.0,
            "status": status, "user": user, "event": event, "seats": list(seats) if event else None,
            "key": key, "target": target, "booking_id": booking_id if told else None,
            "command_id": command_id if told else None, "retry_after": retry_after,
            "reason": reason})
        if stored:
            self.store(kind, user, booking_id, event, seats, key, command_id)

    def store(self, kind, user, booking_id, event=None, seats=(), key=None, command_id=None):
        partition = partition_of(booking_id, PARTITIONS)
        self.requests.append(Request(
            partition, self.ends[partition], self.now + 1, kind, booking_id, command_id, event,
            tuple(seats), user, event and key and f"hash-of-{user}-{key}", self.now + 1))
        self.ends[partition] += 1

    # --- what is decided -------------------------------------------------------------------

    def make(self, name, kind, user, event, seats, reason=None, lost=(), key=None, ends=None,
             **how):
        """A booking, asked for and decided; `name` is what the test calls it. ends: whose hold has
        run out and is in the way."""
        booking_id = self.booking_id(event)
        self.identity[name] = booking_id, None
        self.ask(kind, user, booking_id, event, seats, key, **how)
        self.tick(5)
        if ends:
            self.lapse(ends)
        status = "rejected" if reason else {"book": "confirmed", "hold": "held"}[kind]
        prices = [] if reason else [self.places[event, seat].price_minor for seat in seats]
        self._row(
            booking_id=booking_id, booking_version=1, event_id=event, user_id=user, mode=kind,
            status=status, reason=reason, booking_seats=list(seats), seats_lost=list(lost),
            seat_prices=prices, total_minor=None if reason else sum(prices),
            currency=None if reason else "EUR", requested_at=self.requests[-1].requested_at,
            expires_at=self.now + TTL_MS if status == "held" else None, extensions=0,
            command=kind, actor=user, result="done", changes=not reason)
        if key and reason != "idempotency_key_reused":
            self.key_owners[self.requests[-1].key] = booking_id

    def administer(self, name, kind, event, seats, reason=None, lost=(), changed=None):
        """What an administrator asks for; changed: of the seats, what was not so already."""
        booking_id = self.booking_id(event)
        self.identity[name] = booking_id, None
        self.ask(kind, "root", booking_id, event, seats)
        self.tick(5)
        if kind == "cancel_event" and not reason:
            self.rules[event] = self.rules[event]._replace(cancelled_at=self.now, version=2)
        if changed is None:
            changed = () if reason or kind == "cancel_event" else set(seats) - set(lost)
        self._row(
            booking_id=booking_id, booking_version=1, event_id=event, user_id="root", mode=kind,
            status="rejected" if reason else "done", reason=reason, booking_seats=list(seats),
            seats_lost=list(lost), seat_prices=[], requested_at=self.requests[-1].requested_at,
            extensions=0, command=kind, actor="root", result="done", changes=True,
            changed=[seat for seat in seats if seat in changed],
            becomes={"block": "blocked", "unblock": "available"}.get(kind))

    def end(self, on):
        """With its event, by nobody's command."""
        last = self.last[self.identity[on][0]]
        self._row(**{**last._asdict(), "booking_version": last.booking_version + 1,
                     "status": "cancelled", "reason": "event_cancelled", "expires_at": None,
                     "refusal": None, "command": None, "command_id": None, "actor": None,
                     "result": "done", "changes": True})

    def act(self, name, kind, on, user, refusal=None, result="refused", key=None, **how):
        """A command on the booking of that name."""
        booking_id, command_id = self.identity[on][0], f"command-{name}"
        self.identity[name] = booking_id, command_id
        self.ask(kind, user, booking_id, key=key, command_id=command_id, **how)
        self.tick(5)
        self.decide(booking_id, kind, command_id, user, refusal, result)

    def decide(self, booking_id, kind, command_id, user, refusal=None, result="refused"):
        last = self.last[booking_id]
        said = {**last._asdict(), "booking_version": last.booking_version + 1, "command": kind,
                "command_id": command_id, "actor": user, "refusal": refusal, "result": result,
                "changes": False}
        if refusal is None:
            said |= {"result": "done", "changes": kind != "extend"}
            if kind == "extend":
                said |= {"extensions": 1, "expires_at": self.now + TTL_MS}
            else:
                said |= {"status": {"confirm": "confirmed", "cancel": "cancelled"}[kind],
                         "expires_at": None}
        self._row(**said)

    def lapse(self, on):
        last = self.last[self.identity[on][0]]
        self._row(**{**last._asdict(), "booking_version": last.booking_version + 1,
                     "status": "expired", "reason": "hold_expired", "command": None,
                     "command_id": None, "actor": None, "result": "done", "changes": True})

    def never_made(self, name, kind, event, user):
        booking_id, command_id = self.booking_id(event), f"command-{name}"
        self.identity[name] = booking_id, command_id
        self.ask(kind, user, booking_id, command_id=command_id)
        self.tick(5)
        self._row(booking_id=booking_id, booking_version=1, status="rejected",
                  reason="booking_not_found", booking_seats=[], seats_lost=[], seat_prices=[],
                  requested_at=self.requests[-1].requested_at, extensions=0, command=kind,
                  command_id=command_id, actor=user, result="done", changes=False)

    def _row(self, changes, changed=None, becomes=None, **said):
        seats = changed if changed is not None else said["booking_seats"] if changes else []
        for seat in seats:
            self.versions[said["event_id"], seat] += 1
        row = LogRow(**{
            **dict.fromkeys(LogRow._fields), **said, "seq": len(self.rows) + 1,
            "xid": 700 + len(self.rows), "decided_at": self.now, "seat_ids": list(seats),
            "seat_positions": [self.places[said["event_id"], s].position for s in seats],
            "seat_statuses": [becomes or SEAT.get(said["status"])] * len(seats),
            "seat_versions": [self.versions[said["event_id"], s] for s in seats]})
        self.rows.append(row)
        self.last[row.booking_id] = row

    # --- what a lie needs --------------------------------------------------------------------

    def line(self, name):
        """The record's, that was told this."""
        return next(line for line in self.record if self.identity[name] == (
            line["booking_id"], line["command_id"]))

    def index(self, name, version=None):
        """Where the log has what was decided about it, or this version of its booking."""
        booking_id, command_id = self.identity[name]
        return next(i for i, row in enumerate(self.rows) if row.booking_id == booking_id and (
            row.command_id == command_id and row.command is not None if version is None
            else row.booking_version == version))

    def change(self, name, version=None, **values):
        at = self.index(name, version)
        self.rows[at] = self.rows[at]._replace(**values)

    def message(self, name):
        """Where the requests have it."""
        return next(i for i, request in enumerate(self.requests)
                    if request.identity == self.identity[name])

    # --- what the stores have ----------------------------------------------------------------

    def facts(self):
        for i, row in enumerate(self.rows):
            self.rows[i] = row._replace(seq=i + 1, xid=700 + i)
        facts = Facts(
            sorted(self.rules), ledger_id="ledger-1", read_at=self.now + 100,
            partitions=PARTITIONS, rules=self.rules, rows=list(self.rows),
            key_owners=self.key_owners, progress=dict(self.ends),
            requests=sorted(self.requests, key=lambda r: (r.partition, r.offset)))
        rows = defaultdict(list)
        for row in self.rows:
            rows[row.booking_id].append(row)
        facts.seats = self._seats(rows)
        for booking_id, own in rows.items():
            facts.bookings[booking_id] = self._booking(own)
            facts.documents[booking_id] = bson.encode(self.document(own))
        self.draw_maps(facts)
        for i, row in enumerate(self.rows):
            facts.told.append(told_of(row, i))
        return facts

    def _seats(self, rows):
        seats = dict(self.places)
        for row in self.rows:
            for seat, status, version in zip(row.seat_ids, row.seat_statuses, row.seat_versions):
                owned = status in ("held", "booked")
                seats[row.event_id, seat] = seats[row.event_id, seat]._replace(
                    status=status, version=version, booking_id=row.booking_id if owned else None,
                    user_id=row.user_id if owned else None)
        return {place: seat._replace(hold_expires_at=rows[seat.booking_id][-1].expires_at)
                if seat.status == "held" else seat for place, seat in seats.items()}

    def _booking(self, rows):
        last = rows[-1]
        return BookingRow(
            last.booking_id, last.event_id, last.user_id, last.mode, last.booking_seats,
            last.status, last.reason, last.seats_lost, last.booking_version, last.extensions,
            last.seat_prices, last.total_minor, last.currency, last.payment_reference,
            last.requested_at, decided_at(rows), last.expires_at,
            partition_of(last.booking_id, PARTITIONS), None)

    @staticmethod
    def document(rows):
        last = rows[-1]
        return {
            "_id": last.booking_id, "event_id": last.event_id, "user_id": last.user_id,
            "mode": last.mode, "seats": last.booking_seats, "status": last.status,
            "reason": last.reason, "seats_lost": last.seats_lost, "prices": last.seat_prices,
            "total_minor": last.total_minor, "currency": last.currency,
            "payment_reference": None, "extensions": last.extensions,
            "version": last.booking_version, "requested_at": date_of(last.requested_at),
            "decided_at": date_of(decided_at(rows)), "expires_at": date_of(last.expires_at),
            "history": {str(row.booking_version): {
                "at": date_of(row.decided_at), "status": row.status, "command": row.command,
                "command_id": row.command_id, "actor": row.actor, "result": row.result,
                "reason": row.refusal or row.reason, "expires_at": date_of(row.expires_at)}
                for row in rows}}

    def draw_maps(self, facts):
        for event_id, rule in self.rules.items():
            seats = [{
                "seat_id": seat.seat_id, "status": seat.status, "user_id": seat.user_id,
                "booking_id": seat.booking_id, "version": seat.version, "section": seat.section,
                "row": seat.row_name, "number": seat.number, "price_minor": seat.price_minor}
                for (of, _), seat in facts.seats.items() if of == event_id]
            counts = {status: sum(seat["status"] == status for seat in seats)
                      for status in ("available", "held", "booked", "blocked")}
            sums = {"version": sum(seat["version"] for seat in seats), "counts": counts}
            facts.maps[f"{event_id}/0000"] = bson.encode({
                "_id": f"{event_id}/0000", "event_id": event_id, "block": 0, **sums,
                "seats": seats})
            facts.event_documents[event_id] = bson.encode({
                "_id": event_id, "event_id": event_id, "name": rule.name, "kind": rule.kind,
                "date": date_of(rule.starts_at), "venue": rule.venue, "currency": rule.currency,
                "hold_ttl_ms": rule.hold_ttl_ms, "hold_extensions_max": rule.hold_extensions_max,
                "seats_per_user_max": rule.seats_per_user_max,
                "holds_per_user_max": rule.holds_per_user_max,
                "sales_open_at": date_of(rule.sales_open_at),
                "sales_close_at": date_of(rule.sales_close_at),
                "cancelled_at": date_of(rule.cancelled_at), "event_version": rule.version,
                "seats_total": len(seats), "blocks": 1, **sums})


def decided_at(rows):
    return next((row.decided_at for row in reversed(rows) if row.result == "done"), None)


def told_of(row, offset):
    """One message about a row; a booking's are in one partition."""
    what = row.status if row.result == "done" else "refused"
    if (what, row.command) == ("held", "extend"):
        what = "extended"
    headers = {"ce_specversion": "1.0", "ce_id": f"{row.booking_id}/{row.booking_version}",
               "ce_source": "/seatline/ledger-1", "ce_type": f"seatline.booking.{what}",
               "ce_time": text_of(row.decided_at), "ce_subject": row.booking_id,
               "ce_partitionkey": row.booking_id, "content-type": "application/json"}
    value = {
        "booking_id": row.booking_id, "version": row.booking_version, "event_id": row.event_id,
        "user_id": row.user_id, "status": row.status, "reason": row.reason,
        "seats": row.booking_seats, "seats_lost": row.seats_lost, "prices": row.seat_prices,
        "total_minor": row.total_minor, "currency": row.currency, "payment_reference": None,
        "requested_at": text_of(row.requested_at), "decided_at": text_of(row.decided_at),
        "expires_at": row.expires_at and text_of(row.expires_at), "command": row.command,
        "command_id": row.command_id, "actor": row.actor, "result": row.result,
        "refusal": row.refusal, "changed": [
            {"seat_id": seat, "status": status, "version": version} for seat, status, version in
            zip(row.seat_ids, row.seat_statuses, row.seat_versions)]}
    return Told(0, offset, row.booking_id,
                "\n".join(f"{name}={text}" for name, text in headers.items()).encode(),
                json.dumps(value).encode())


def story():
    """Everything that can become of a request, once."""
    w = World()
    w.event("hall", 20, blocked=("S20",))
    w.event("club", 6, seats_per_user_max=2)
    w.event("off", 2, cancelled_at=BEGIN_MS - 1)
    w.make("first", "book", "ann", "hall", ["S1"])
    w.make("second", "book", "ben", "hall", ["S1"], "seat_taken", ["S1"])
    w.make("pair", "hold", "cleo", "hall", ["S2", "S3"])
    w.act("pay", "confirm", "pair", "cleo")
    w.act("pay again", "confirm", "pair", "cleo", "already_confirmed", "unchanged")
    w.act("stranger", "cancel", "pair", "mallory", "not_owner")
    w.make("half", "book", "dan", "hall", ["S3", "S4"], "seat_taken", ["S3"])
    w.make("blocked", "book", "dan", "hall", ["S20", "S1"], "seat_blocked", ["S20", "S1"])
    w.make("nowhere", "book", "dan", "hall", ["S99"], "seat_not_found", ["S99"])
    w.make("given back", "book", "eve", "hall", ["S5", "S6"])
    w.act("give back", "cancel", "given back", "eve")
    w.make("had then", "book", "finn", "hall", ["S6"])
    w.make("longer", "hold", "gil", "hall", ["S7"])
    w.tick(500)
    w.act("extend", "extend", "longer", "gil")
    w.act("extend again", "extend", "longer", "gil", "extension_limit")
    w.act("let go", "cancel", "longer", "gil", key="k-let-go")
    w.make("swept", "hold", "hal", "hall", ["S8", "S9"])
    w.tick(TTL_MS)
    w.lapse("swept")
    w.make("met", "hold", "ida", "hall", ["S10"])
    w.tick(TTL_MS)
    w.make("next", "book", "jon", "hall", ["S10"], ends="met")
    w.make("late", "hold", "kim", "hall", ["S11"])
    w.tick(TTL_MS)
    w.lapse("late")
    w.act("pay late", "confirm", "late", "kim", "hold_expired")
    w.make("keyed", "book", "lea", "hall", ["S12"], key="k1")
    w.ask("book", "lea", w.identity["keyed"][0], "hall", ["S12"], "k1")
    w.make("other hall", "book", "lea", "club", ["S1"], "idempotency_key_reused", key="k1")
    w.make("two", "book", "max", "club", ["S1", "S2"])
    w.make("three", "book", "max", "club", ["S3"], "seat_limit")
    w.make("cancelled", "book", "ned", "off", ["S1"], "event_cancelled")
    w.never_made("ghost", "cancel", "hall", "mallory")
    w.make("in doubt", "book", "ola", "hall", ["S13"], answer="in doubt")
    w.ask("book", "ola", w.booking_id("hall"), "hall", ["S14"], answer="in doubt", stored=False)
    w.make("unanswered", "book", "pia", "hall", ["S14"], answer="none")
    w.make("gateway", "book", "quin", "hall", ["S15"], answer="gateway")
    w.ask("book", "ray", w.booking_id("hall"), "hall", ["S16"], answer="none", stored=False)
    w.ask("book", "ray", w.booking_id("hall"), "hall", ["S17"], answer="busy", stored=False)
    w.ask("cancel", "ray", w.booking_id("hall"), answer="unknown", stored=False)
    w.event("ring", 12, blocked=("S9", "S10"), holds_per_user_max=2)
    w.make("most", "hold", "tom", "ring", ["S1", "S2"])
    w.make("one more", "hold", "tom", "ring", ["S3"], "hold_limit")
    w.make("bought", "book", "tom", "ring", ["S3"])
    w.administer("block", "block", "ring", ["S4", "S3", "S9"], lost=["S3"], changed=["S4"])
    w.administer("block none", "block", "ring", ["S3", "S1"], "seat_taken", ["S3", "S1"])
    w.make("no more", "book", "una", "ring", ["S4"], "seat_blocked", ["S4"])
    w.make("not yet", "book", "una", "ring", ["S10"], "seat_blocked", ["S10"])
    w.administer("unblock", "unblock", "ring", ["S10", "S5"], lost=["S5"])
    w.administer("unblock none", "unblock", "ring", ["S5"], "seat_not_blocked", ["S5"])
    w.make("at last", "book", "una", "ring", ["S10"])
    w.act("no booking", "cancel", "block", "root", "not_a_booking")
    w.administer("call off", "cancel_event", "ring", [])
    w.make("too late", "book", "vic", "ring", ["S6"], "event_cancelled")
    w.act("pay too late", "confirm", "most", "tom", "event_cancelled")
    w.administer("call off again", "cancel_event", "ring", [], "event_cancelled")
    for ended in ("most", "bought", "at last"):
        w.end(ended)
    w.make("live", "hold", "sue", "hall", ["S18"])
    return w
