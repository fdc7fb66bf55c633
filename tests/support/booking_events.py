"""Topic booking_events, as another service reads it: CloudEvents 1.0 in Kafka's binary mode."""

import json
from dataclasses import dataclass

from support.wait import wait_for

EVENTS_TOPIC = "booking_events"
TOLD_S = 20


@dataclass
class BookingEvent:
    key: str
    headers: list  # of (name, text), as they came
    value: dict
    partition: int

    @property
    def attributes(self):
        return dict(self.headers)

    @property
    def id(self):
        return self.attributes["ce_id"]

    @property
    def version(self):
        return self.value["version"]

    @property
    def what(self):
        return self.attributes["ce_type"].removeprefix("seatline.booking.")


class BookingEvents:
    """What was told since this was made, about bookings that a test names."""

    def __init__(self, stack):
        self.stack = stack
        self.mark = stack.kafka_ends(EVENTS_TOPIC)

    def read(self, booking_ids):
        """In each partition's order; repetitions too."""
        wanted = set(booking_ids)
        messages = self.stack.messages_since(self.mark, EVENTS_TOPIC)
        return [BookingEvent(m.key().decode(), [(n, v.decode()) for n, v in m.headers()],
                             json.loads(m.value()), m.partition())
                for m in messages if m.key().decode() in wanted]

    def of(self, booking_id):
        return self.read([booking_id])

    def wait(self, booking_ids, within=TOLD_S):
        """Until all that PostgreSQL's log has of these was told; answers every message."""
        logged = {f"{booking}/{version}" for booking, version in self.stack.pg_rows(
            "SELECT booking_id::text, booking_version FROM booking_log"
            " WHERE booking_id = ANY(%s::uuid[])", list(booking_ids))}
        assert logged
        return wait_for(
            lambda: (told := self.read(booking_ids)) and logged <= {e.id for e in told} and told,
            within, f"{len(logged)} log rows were told")


def assert_in_order(told):
    """To a consumer that ignores what it has seen, each booking's versions come 1, 2, 3…"""
    seen, partitions = {}, {}
    for event in told:
        assert partitions.setdefault(event.key, event.partition) == event.partition
        last = seen.get(event.key, 0)
        assert event.version <= last + 1, f"{event.id} came after version {last}"
        seen[event.key] = max(last, event.version)
    return seen


def assert_repeated_word_for_word(told):
    first = {}
    for event in told:
        known = first.setdefault(event.id, event)
        assert (event.headers, event.value) == (known.headers, known.value)
