"""What tests of refusals share: nothing may come of what is refused."""

import pytest


@pytest.fixture(scope="module")
def event(whole_stack):
    """Nobody ever gets a seat of it."""
    return whole_stack.create_event(2, "refused")


@pytest.fixture(scope="module")
def held(whole_stack):
    """A booking that nobody manages to change."""
    event = whole_stack.create_event(1, "kept", hold_ttl_ms=86_400_000)
    return whole_stack.held(event, ["S1"], "anna")["booking_id"]


@pytest.fixture
def no_effect(whole_stack, event):
    """Whatever the test does, nothing reaches Kafka or PostgreSQL, and the map stays as it is."""
    before = whole_stack.kafka_ends()
    yield
    assert whole_stack.kafka_ends() == before
    assert whole_stack.history(event) == []
    assert whole_stack.seat_map(event)["version"] == 0


@pytest.fixture
def no_change(whole_stack, no_effect, held):
    """Nor does the held booking change."""
    yield
    assert whole_stack.pg_rows("SELECT status, version FROM bookings WHERE booking_id = %s",
                               held) == [("held", 1)]
