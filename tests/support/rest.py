"""When a running Seatline is at rest: everything stored is decided, everything decided is told.

stack: a Stack, or whatever has its pg(), mongo() and kafka_brokers.
"""

from support.kafka_topics import TOLD, TOPIC, ends_of
from support.wait import wait_for

SOON = "10 seconds"  # a hold that ends before it is read about would change what was read


def is_decided(stack):
    """All that Kafka has stored."""
    ends = ends_of(stack.kafka_brokers, TOPIC)
    with stack.pg() as connection:
        progress = dict(connection.execute(
            "SELECT partition, next_offset FROM partition_progress WHERE topic = %s", (TOPIC,)))
    return all(progress.get(partition, 0) >= end for partition, end in ends.items() if end > 0)


def are_holds_ended(stack, events):
    """Those of these events that have run out, or are about to."""
    with stack.pg() as connection:
        return connection.execute(
            "SELECT NOT EXISTS (SELECT FROM bookings WHERE status = 'held' AND event_id = ANY(%s)"
            " AND expires_at <= clock_timestamp() + %s::interval)",
            (list(events), SOON)).fetchone()[0]


def is_told(stack):
    """All that was decided: it is in MongoDB, and told to booking_events."""
    with stack.pg() as connection:
        newest = connection.execute(
            "SELECT xid::text::bigint, seq FROM booking_log"
            " ORDER BY xid DESC, seq DESC LIMIT 1").fetchone()
        told = connection.execute(
            "SELECT xid::text::bigint, seq FROM outbox_progress WHERE sink LIKE %s"
            " ORDER BY changed_at DESC LIMIT 1", ("%/" + TOLD,)).fetchone()
    if newest is None:
        return True
    state = stack.mongo()["projector_state"].find_one({"_id": "booking_log"})
    return bool(told and state) and min(told, (int(state["xid"]), int(state["seq"]))) >= newest


def wait_rest(stack, events, within, sweeps=True):
    """Answers what was still under way when the time was over, or None: what is lost never comes,
    and that is for others to say."""
    for what, is_so in (
            ("requests that are not decided", lambda: is_decided(stack)),
            ("holds that nobody has ended", lambda: not sweeps or are_holds_ended(stack, events)),
            ("decisions that readers do not have", lambda: is_told(stack))):
        try:
            wait_for(is_so, within, what)
        except AssertionError as error:
            return f"{what} ({error})"
    return None
