"""What a running Seatline has: the rows, messages and documents about some events, to be judged.

Reads PostgreSQL, MongoDB and Kafka, and changes nothing. Knows nothing of the programs but
lib/PROTOCOL.md. Everything is read once and in one direction; what is many (rows, messages,
documents) is kept in small shapes, so that 100,000 requests need some hundred megabytes.

Times are milliseconds since 1970, as all that is decided has them. Messages and documents stay as
they came, until someone looks into them.
"""

import json
import sys
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from support.ids import slot_of, slot_of_booking
from support.kafka_topics import LETTERS, TOLD, TOPIC, ends_of, messages_of
from support.rest import wait_rest

ROWS_AT_ONCE = 5000
SWEPT_S = 5.0  # the sweep's second, and what a busy machine may need for it
REST_S = 30    # for what is still under way
READINGS = 3   # until nothing has changed meanwhile
MAKING = ("book", "hold", "block", "unblock", "cancel_event")
ACTING = ("confirm", "extend", "cancel")


class LogRow(NamedTuple):
    """A row of booking_log."""

    seq: int
    xid: int
    booking_id: str
    booking_version: int
    event_id: str
    user_id: str
    mode: str
    status: str
    reason: str
    booking_seats: list
    seats_lost: list
    seat_prices: list
    total_minor: int
    currency: str
    payment_reference: str
    requested_at: int
    decided_at: int
    expires_at: int
    extensions: int
    command: str
    command_id: str
    actor: str
    result: str
    refusal: str
    seat_ids: list
    seat_positions: list
    seat_statuses: list
    seat_versions: list

    def __str__(self):
        words = [f"booking_log seq {self.seq} xid {self.xid}: {self.booking_id} version"
                 f" {self.booking_version} of {self.event_id} for {self.user_id}:"
                 f" {self.command or 'ran out'} -> {self.result} {self.status}"]
        for name in ("reason", "refusal", "command_id", "booking_seats", "seats_lost",
                     "expires_at"):
            if getattr(self, name):
                words.append(f"{name} {getattr(self, name)}")
        if self.seat_ids:
            words.append("changed " + ", ".join(
                f"{seat}={status}@{version}" for seat, status, version in
                zip(self.seat_ids, self.seat_statuses, self.seat_versions)))
        return ", ".join([*words, f"decided_at {self.decided_at}"])


class SeatRow(NamedTuple):
    """A row of seats."""

    event_id: str
    seat_id: str
    position: int
    section: str
    row_name: str
    number: int
    price_minor: int
    status: str
    booking_id: str
    user_id: str
    version: int
    hold_expires_at: int

    def __str__(self):
        return (f"seats {self.event_id}/{self.seat_id}: {self.status} version {self.version}"
                f" booking {self.booking_id} user {self.user_id} until {self.hold_expires_at}")


class BookingRow(NamedTuple):
    """A row of bookings."""

    booking_id: str
    event_id: str
    user_id: str
    mode: str
    seat_ids: list
    status: str
    reason: str
    seats_lost: list
    version: int
    extensions: int
    seat_prices: list
    total_minor: int
    currency: str
    payment_reference: str
    requested_at: int
    decided_at: int
    expires_at: int
    partition: int
    idempotency_key: str

    def __str__(self):
        return (f"bookings {self.booking_id}: {self.status} reason {self.reason} version"
                f" {self.version} seats {self.seat_ids} lost {self.seats_lost} for {self.user_id}"
                f" until {self.expires_at}")


class EventRow(NamedTuple):
    """A row of events."""

    event_id: str
    name: str
    kind: str
    starts_at: int
    venue: str
    currency: str
    version: int
    hold_ttl_ms: int
    hold_extensions_max: int
    seats_per_user_max: int
    sales_open_at: int
    sales_close_at: int
    cancelled_at: int
    holds_per_user_max: int = None


class Request(NamedTuple):
    """A command as booking_requests has it."""

    partition: int
    offset: int
    at: int
    type: str
    booking_id: str
    command_id: str
    event_id: str
    seats: tuple
    user_id: str
    key: str
    requested_at: int

    @property
    def identity(self):
        """What is decided once, however often it is stored."""
        return self.booking_id, self.command_id

    def __str__(self):
        return (f"{TOPIC}/{self.partition}@{self.offset} at {self.at}: {self.type}"
                f" {self.booking_id} command {self.command_id} event {self.event_id}"
                f" seats {list(self.seats)} user {self.user_id} key {self.key}")


class Letter(NamedTuple):
    """A dead letter."""

    partition: int  # of where it came from, as offset
    offset: int
    reason: str
    value: bytes

    def __str__(self):
        return (f"{LETTERS}: {TOPIC}/{self.partition}@{self.offset}, reason {self.reason!r}:"
                f" {self.value[:120]!r}")


class Told(NamedTuple):
    """A message of booking_events; the headers are its lines "name=value"."""

    partition: int
    offset: int
    booking_id: str
    headers: bytes
    value: bytes

    def __str__(self):
        return f"{TOLD}/{self.partition}@{self.offset} {self.booking_id}: {self.value[:400]!r}"


@dataclass
class Facts:
    """All that is known about these events, at rest."""

    events: list
    unrest: str = None         # what was still under way
    ledger_id: str = ""
    read_at: int = 0           # by PostgreSQL's clock
    swept_s: float = SWEPT_S   # how long after its time a hold may still stand; None: no sweep
    partitions: int = 1        # of booking_requests
    rules: dict = field(default_factory=dict)      # event id -> EventRow
    rows: list = field(default_factory=list)       # of the log, in its order
    seats: dict = field(default_factory=dict)      # (event, seat) -> SeatRow
    bookings: dict = field(default_factory=dict)   # booking id -> BookingRow
    key_owners: dict = field(default_factory=dict)  # idempotency key -> booking id
    progress: dict = field(default_factory=dict)   # partition -> next_offset
    requests: list = field(default_factory=list)   # in each partition's order
    letters: list = field(default_factory=list)
    told: list = field(default_factory=list)       # in each partition's order
    documents: dict = field(default_factory=dict)  # booking id -> BSON
    maps: dict = field(default_factory=dict)       # block id -> BSON
    event_documents: dict = field(default_factory=dict)


def decoded(document):
    return bson.decode(document)


def _ms(column):
    return f"floor(extract(epoch FROM {column}) * 1000)::bigint"


LOG_SQL = f"""
SELECT seq, xid::text::bigint, booking_id::text, booking_version, event_id, user_id, mode, status,
       reason, booking_seats, seats_lost, seat_prices, total_minor, currency::text,
       payment_reference, {_ms('requested_at')}, {_ms('decided_at')}, {_ms('expires_at')},
       extensions, command, command_id::text, actor, result, refusal, seat_ids, seat_positions,
       seat_statuses, seat_versions
FROM booking_log"""
OF_EVENTS = " WHERE event_id = ANY(%s) ORDER BY xid, seq"
OF_NO_EVENT = " WHERE event_id IS NULL AND booking_id = ANY(%s::uuid[]) ORDER BY xid, seq"
SEATS_SQL = f"""
SELECT event_id, seat_id, position, section, row_name, number, price_minor, status,
       booking_id::text, user_id, version, {_ms('hold_expires_at')}
FROM seats WHERE event_id = ANY(%s)"""
BOOKINGS_SQL = f"""
SELECT booking_id::text, event_id, user_id, mode, seat_ids, status, reason, seats_lost, version,
       extensions, seat_prices, total_minor, currency::text, payment_reference,
       {_ms('requested_at')}, {_ms('decided_at')}, {_ms('expires_at')}, partition,
       idempotency_key::text
FROM bookings
WHERE event_id = ANY(%s) OR event_id IS NULL AND booking_id = ANY(%s::uuid[])"""
EVENTS_SQL = f"""
SELECT event_id, name, kind, {_ms('starts_at')}, venue, currency::text, version, hold_ttl_ms,
       hold_extensions_max, seats_per_user_max, {_ms('sales_open_at')}, {_ms('sales_close_at')},
       {_ms('cancelled_at')}, holds_per_user_max
FROM events WHERE event_id = ANY(%s)"""


def _compact(value):
    """The same few texts stand in very many rows: each is kept once."""
    if type(value) is list:
        return [sys.intern(v) if type(v) is str else v for v in value]
    return sys.intern(value) if type(value) is str and len(value) < 36 else value


def _select(connection, shape, sql, *parameters):
    """One row after the other, from a cursor of the server's."""
    with connection.transaction(), connection.cursor("facts") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(sql, parameters)
        for row in cursor:
            yield shape._make(map(_compact, row))


def read_log(connection, events):
    """The rows about these events, in the log's order."""
    return list(_select(connection, LogRow, LOG_SQL + OF_EVENTS, list(events)))


def read_seats(connection, events):
    found = _select(connection, SeatRow, SEATS_SQL, list(events))
    return {(row.event_id, row.seat_id): row for row in found}


def read_bookings(connection, events, without_event=()):
    found = _select(connection, BookingRow, BOOKINGS_SQL, list(events), list(without_event))
    return {row.booking_id: row for row in found}


def read_rules(connection, events):
    return {row.event_id: row for row in _select(connection, EventRow, EVENTS_SQL, list(events))}


def _read_postgresql(connection, facts, commanded):
    value = lambda sql, *parameters: connection.execute(sql, parameters).fetchone()[0]
    facts.ledger_id = value("SELECT ledger_id::text FROM ledger")
    facts.rules = read_rules(connection, facts.events)
    facts.rows = read_log(connection, facts.events)
    # A command on what was never made: a booking without an event.
    strange = list(commanded - {row.booking_id for row in facts.rows})
    if strange:
        facts.rows += _select(connection, LogRow, LOG_SQL + OF_NO_EVENT, strange)
        facts.rows.sort(key=lambda row: (row.xid, row.seq))
    facts.seats = read_seats(connection, facts.events)
    facts.bookings = read_bookings(connection, facts.events, strange)
    facts.progress = dict(connection.execute(
        "SELECT partition, next_offset FROM partition_progress WHERE topic = %s", (TOPIC,)))
    keys = list({request.key for request in facts.requests if request.key})
    facts.key_owners = dict(connection.execute(
        "SELECT idempotency_key::text, booking_id::text FROM bookings"
        " WHERE idempotency_key = ANY(%s::uuid[])", (keys,)))
    facts.read_at = value(f"SELECT {_ms('clock_timestamp()')}")


def ms_of(text):
    """RFC 3339 as milliseconds."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _request(message):
    """None: not a command."""
    try:
        value = json.loads(message.value())
        acts = value["type"] in ACTING
        if not acts and value["type"] not in MAKING:
            return None
        return Request(
            message.partition(), message.offset(), message.timestamp()[1],
            sys.intern(value["type"]), value["bookingId"], value["commandId"] if acts else None,
            None if acts else sys.intern(value["eventId"]),
            () if acts else tuple(map(sys.intern, value.get("seatIds", ()))), value.get("userId"),
            None if acts else value.get("idempotencyKey"), ms_of(value["requestedAt"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_requests(brokers, facts):
    """A booking names its event, a command only its booking: that one's slot tells."""
    events, slots = set(facts.events), {slot_of(event) for event in facts.events}
    for message in messages_of(brokers, TOPIC):
        key = (message.key() or b"").decode("utf-8", "replace")
        if key not in events and slot_of_booking(key) not in slots:
            continue
        request = _request(message)
        if request and (request.event_id in events or request.type in ACTING):
            facts.requests.append(request)


def _read_letters(brokers, facts):
    for message in messages_of(brokers, LETTERS):
        headers = {name: (value or b"").decode("utf-8", "replace")
                   for name, value in message.headers() or []}
        if headers.get("source-topic") == TOPIC:
            facts.letters.append(Letter(
                int(headers["source-partition"]), int(headers["source-offset"]),
                headers.get("reason", ""), message.value() or b""))


def _read_told(brokers, facts):
    bookings = {row.booking_id for row in facts.rows}
    slots = {slot_of(event) for event in facts.events}
    for message in messages_of(brokers, TOLD):
        booking_id = (message.key() or b"").decode("utf-8", "replace")
        if booking_id not in bookings and slot_of_booking(booking_id) not in slots:
            continue
        headers = b"\n".join(name.encode() + b"=" + (value or b"")
                             for name, value in message.headers() or [])
        facts.told.append(Told(message.partition(), message.offset(), booking_id, headers,
                               message.value() or b""))


def _read_mongodb(database, facts):
    raw = database.with_options(codec_options=CodecOptions(document_class=RawBSONDocument))
    strange = [row.booking_id for row in facts.rows if row.event_id is None]
    for name, wanted, found in (
            ("bookings", {"event_id": {"$in": facts.events}}, facts.documents),
            ("bookings", {"_id": {"$in": strange}}, facts.documents),
            ("seat_maps", {"event_id": {"$in": facts.events}}, facts.maps),
            ("events", {"_id": {"$in": facts.events}}, facts.event_documents)):
        for document in raw[name].find(wanted, batch_size=1000):
            found[document["_id"]] = document.raw


def _read(stack, events, swept_s):
    """And whether it was still so in the end."""
    facts = Facts(events=sorted(events), swept_s=swept_s)
    facts.partitions = len(ends_of(stack.kafka_brokers, TOPIC))
    _read_requests(stack.kafka_brokers, facts)
    with stack.pg() as connection:
        connection.execute("SET statement_timeout = '120s'")
        last = lambda: connection.execute(
            "SELECT max(seq) FROM booking_log WHERE event_id = ANY(%s)", (facts.events,)).fetchone()
        before = last()
        _read_postgresql(connection, facts, {
            request.booking_id for request in facts.requests if request.command_id})
        _read_letters(stack.kafka_brokers, facts)
        _read_told(stack.kafka_brokers, facts)
        _read_mongodb(stack.mongo(), facts)
        return facts, last() == before


def collect(stack, events, swept_s=SWEPT_S, rest_s=REST_S):
    """Everything about these events. stack: a Stack, or whatever has its pg(), mongo() and
    kafka_brokers. swept_s: None when no worker sweeps. rest_s: how long what is under way is waited
    for; what then still is, facts.unrest tells."""
    for _ in range(READINGS):
        unrest = wait_rest(stack, events, rest_s, swept_s is not None)
        facts, is_same = _read(stack, events, swept_s)
        if is_same or unrest:
            break
    facts.unrest = unrest if is_same else unrest or "decisions, all the time"
    return facts
