"""Delivery is at least once, the effect exactly once; the undecodable stands in nobody's way."""

import json

from support.stack import DLQ, TOPIC
from support.wait import wait_for

REWIND = 1_000
SETTLED_S = 15


def progress(stack, partition):
    return stack.pg_value(
        "SELECT next_offset FROM partition_progress WHERE topic = %s AND partition = %s",
        TOPIC, partition)


def wait_consumed(stack, partition, within=20):
    end = stack.kafka_ends()[partition]
    wait_for(lambda: progress(stack, partition) >= end, within, f"all of {partition} is consumed")


def effects(stack, event):
    """All that a booking changes."""
    return (stack.history(event),
            stack.pg_rows("SELECT * FROM bookings WHERE event_id = %s ORDER BY 1", event),
            stack.pg_rows("SELECT * FROM seats WHERE event_id = %s ORDER BY 2", event))


def booked_event(stack, seats, requests):
    """An event with its settled bookings, and the partition they are on."""
    event, mark = stack.create_event(seats), stack.kafka_ends()
    ids = stack.each(
        lambda n: stack.booked_id(event, f"S{n % seats + 1}", f"u{n}"), range(requests))
    stack.wait_settled(ids, 20)
    messages = [m for m in stack.messages_since(mark) if m.key() == event.encode()]
    assert len(messages) == requests
    return event, ids, messages


def test_messages_delivered_twice_have_one_effect(stack):
    event, ids, messages = booked_event(stack, 100, 300)
    before = effects(stack, event)
    for order in (messages, messages[::-1]):
        stack.produce((m.partition(), m.key(), m.value(), m.headers()) for m in order)
    wait_consumed(stack, messages[0].partition())
    assert effects(stack, event) == before
    stack.assert_sound(event, ids)
    stack.assert_verified()


def test_the_same_message_twice_in_one_batch_has_one_effect(stack):
    event, mark = stack.create_event(20), stack.kafka_ends()
    stack.stop(stack.instances("worker"))
    ids = [stack.booked_id(event, f"S{n}") for n in range(1, 21)]
    messages = [m for m in stack.messages_since(mark) if m.key() == event.encode()]
    stack.produce((m.partition(), m.key(), m.value(), m.headers()) for m in messages * 2)
    for name in stack.instances("worker"):
        stack[name].start()
    stack.wait_settled(ids, 20)
    wait_consumed(stack, messages[0].partition())
    stack.assert_sound(event, ids)


def rewind(stack, partition):
    stack.pg_rows("UPDATE partition_progress SET next_offset = next_offset - %s"
                  " WHERE topic = %s AND partition = %s", REWIND, TOPIC, partition)


def test_offsets_rewound_under_a_running_worker_have_no_second_effect(stack):
    event, ids, messages = booked_event(stack, 200, REWIND + 50)
    partition, before = messages[0].partition(), effects(stack, event)
    wait_consumed(stack, partition)
    rewind(stack, partition)
    last = stack.booked_id(event, "S1")  # its commit meets the fence, and the lane reads again
    stack.wait_settled([last], 20)
    wait_consumed(stack, partition)
    assert stack.history(event)[:-1] == before[0]
    assert stack.ledger([last])[last][:2] == ("rejected", "seat_taken")
    stack.assert_sound(event, [*ids, last])
    stack.assert_verified()


def test_offsets_rewound_before_a_restart_have_no_second_effect(stack):
    event, ids, messages = booked_event(stack, 200, REWIND + 50)
    partition, before = messages[0].partition(), effects(stack, event)
    wait_consumed(stack, partition)
    stack.stop(stack.instances("worker"))
    rewind(stack, partition)
    for name in stack.instances("worker"):
        stack[name].start()
    wait_consumed(stack, partition)
    assert effects(stack, event) == before
    stack.assert_sound(event, ids)
    stack.assert_verified()


# --- what cannot be decoded --------------------------------------------------------------------

GOOD_HEADERS = [("content-type", b"application/json"), ("schema-version", b"1")]


def undecodable(good):
    """Ten ways to be no command; good is the JSON of one that is."""
    def changed(**members):
        return json.dumps({**good, **members}).encode()

    without = {name: value for name, value in good.items() if name != "userId"}
    return [
        (b"", GOOD_HEADERS), (None, GOOD_HEADERS), (b"\xff\xfe\x00", GOOD_HEADERS),
        (b"[" * 3000, GOOD_HEADERS), (changed(type="bribe"), GOOD_HEADERS),
        (json.dumps(without).encode(), GOOD_HEADERS), (changed(seatIds=[]), GOOD_HEADERS),
        (changed(bookingId="1"), GOOD_HEADERS), (changed(seatIds=["S1", "S1"]), GOOD_HEADERS),
        (changed(), [("content-type", b"application/json"), ("schema-version", b"99")]),
    ]


def test_undecodable_messages_go_to_the_dead_letters_and_delay_no_good_one(stack):
    event, mark, dead = stack.create_event(300), stack.kafka_ends(), stack.kafka_ends(DLQ)
    first = stack.booked_id(event, "S1")
    template = next(m for m in stack.messages_since(mark) if first.encode() in m.value())
    partition, bad = template.partition(), undecodable(json.loads(template.value()))
    ids = [first]
    for round_number in range(10):
        stack.produce((partition, event.encode(), value, headers) for value, headers in bad)
        ids += stack.each(
            lambda n: stack.booked_id(event, f"S{n % 300 + 1}"),
            range(1 + round_number * 90, 1 + (round_number + 1) * 90))
    stack.wait_settled(ids, SETTLED_S)
    wait_consumed(stack, partition)
    stack.assert_sound(event, ids)

    letters = stack.messages_since(dead, DLQ)
    sources = {}
    for letter in letters:
        headers = dict(letter.headers())
        assert headers["reason"], headers
        assert headers["source-topic"] == TOPIC.encode()
        assert headers["source-partition"] == str(partition).encode()
        sources[int(headers["source-offset"])] = letter
    originals = {m.offset(): m for m in stack.messages_since(mark)
                 if m.partition() == partition and m.value() in [value for value, _ in bad]
                 and (m.value(), dict(m.headers())) in
                 [(value, dict(headers)) for value, headers in bad]}
    assert len(originals) == 100
    assert set(sources) == set(originals)
    for offset, letter in sources.items():
        assert (letter.key(), letter.value()) == (event.encode(), originals[offset].value())
    reasons = {dict(letter.headers())["reason"] for letter in letters}
    assert len(reasons) >= 5, reasons


def test_a_command_on_another_partition_than_its_booking_id_names_has_no_second_effect(stack):
    event, ids, messages = booked_event(stack, 20, 40)
    before, count = effects(stack, event), stack.partitions()
    elsewhere = (messages[0].partition() + 1) % count
    stack.produce((elsewhere, m.key(), m.value(), m.headers()) for m in messages)
    wait_consumed(stack, elsewhere)
    assert effects(stack, event) == before
    stack.assert_sound(event, ids)
