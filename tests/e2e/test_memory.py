"""Maps and lists come from read-api's memory: what a client sees of that."""

import gzip

from support.stack import NOT_KEPT
from support.wait import wait_for


def test_a_change_of_a_map_is_seen_by_itself(stack):
    event = stack.create_event(3)
    path = f"/api/events/{event}"
    for taken, seat in enumerate(("S1", "S2", "S3")):
        assert stack.web.get(path).json()["counts"]["booked"] == taken
        stack.outcome(stack.booked_id(event, seat))
        # Whoever asks past memory has it at once: each instance then has it within its bound.
        assert stack.seat_map(event)["counts"]["booked"] == taken + 1
        wait_for(lambda: all(stack.web.get(path).json()["counts"]["booked"] == taken + 1
                             for _ in range(4)), 5, "every instance shows it")


def test_the_list_counts_what_is_left_by_itself(stack):
    event = stack.create_event(2, "memory")

    def booked():
        return [e["counts"]["booked"] for e in stack.web.get("/api/events?q=memory").json()
                if e["event_id"] == event]

    wait_for(lambda: booked() == [0], 5, "the list has it")
    stack.outcome(stack.booked_id(event, "S1"))
    wait_for(lambda: booked() == [1], 5, "the list counts it")


def test_a_map_is_sent_gzipped_to_who_wants_it(stack):
    event = stack.create_event(200)
    path = f"/api/events/{event}"
    plain = stack.web.get(path, {**NOT_KEPT, "Accept-Encoding": "identity"})
    packed = stack.web.get(path, {**NOT_KEPT, "Accept-Encoding": "gzip"})
    assert plain.header("Content-Encoding") is None
    assert packed.header("Content-Encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body)
    assert packed.header("ETag") != plain.header("ETag")
    for answer in (plain, packed):
        assert "accept-encoding" in answer.header("Vary").lower()
        assert stack.web.get(path, {"If-None-Match": answer.header("ETag"),
                                    "Accept-Encoding": "gzip"}).status == 304
