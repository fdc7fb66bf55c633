"""Books and cancels the seats of one event, at a rate: each command changes its map.

usage: changes.py BROKERS KEY EVENT PER_SECOND SECONDS
"""
import json
import sys
import time
import uuid
from pathlib import Path

import confluent_kafka

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.ids import issue_booking_id, partition_of  # noqa: E402 - after the path
from support.stack import TOPIC

SEATS = 1000
PARTITIONS = 12
FLUSH_S = 20
HEADERS = [("content-type", "application/json"), ("schema-version", "1")]


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())


def command_id():
    """A UUIDv8; what is in it matters to nobody."""
    number = uuid.uuid4().int
    return str(uuid.UUID(int=number & ~(0xF << 76) | 8 << 76))


def commands(event, key):
    """One seat after the other is booked, and cancelled again."""
    number = 0
    while True:
        booking = issue_booking_id(event, key)
        yield booking, {"type": "book", "bookingId": booking, "eventId": event,
                        "seatIds": [f"S{number % SEATS + 1}"], "userId": "u1",
                        "requestedAt": now()}
        yield booking, {"type": "cancel", "bookingId": booking, "commandId": command_id(),
                        "userId": "u1", "requestedAt": now()}
        number += 1


def main():
    brokers, key, event, rate, seconds = sys.argv[1:]
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "linger.ms": 1})
    begun, total = time.monotonic(), int(float(rate) * float(seconds))
    for number, (booking, command) in zip(range(total), commands(event, key)):
        producer.produce(TOPIC, json.dumps(command).encode(), command.get("eventId", booking),
                         partition_of(booking, PARTITIONS), headers=HEADERS)
        producer.poll(0)
        time.sleep(max(0, begun + number / float(rate) - time.monotonic()))
    assert producer.flush(FLUSH_S) == 0


if __name__ == "__main__":
    main()
