"""An administrator's commands as lib/PROTOCOL.md has them, put into Kafka: what comes of them must
not hang on who may send them."""

import json
from datetime import datetime, timezone

from support.ids import issue_booking_id, partition_of

ADMIN = "root"


def administer(stack, kind, event_id, seats=None, **members):
    """Stored by Kafka when this returns; answers the id of what it makes."""
    booking_id = issue_booking_id(event_id, stack.secrets["BOOKING_ID_SECRET"], ADMIN)
    value = {"type": kind, "bookingId": booking_id, "eventId": event_id, "userId": ADMIN,
             "requestedAt": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
             **({} if seats is None else {"seatIds": seats}), **members}
    stack.produce([(partition_of(booking_id, stack.partitions()), event_id,
                    json.dumps(value).encode(),
                    [("content-type", b"application/json"), ("schema-version", b"1")])])
    return booking_id
