"""Lies of what readers are given: P7."""

import json

import bson
import pytest

from lies import Lies, assert_found, judged, name_of
from world import World, told_of

lies = Lies()


@pytest.mark.parametrize("promise, shows, lie", lies, ids=name_of)
def test_it_is_found_and_nothing_else(promise, shows, lie):
    assert_found(promise, shows, lie)


def document(w, name, change):
    """A lie about MongoDB's booking: change(document) does it."""
    return _changing("documents", w.identity[name][0], change)


def block(change):
    return _changing("maps", "hall/0000", change)


def event(change):
    return _changing("event_documents", "hall", change)


def _changing(collection, key, change):
    def then(facts):
        found = bson.decode(getattr(facts, collection)[key])
        change(found)
        getattr(facts, collection)[key] = bson.encode(found)
    return then


# --- bookings ------------------------------------------------------------------------------------

@lies("P7", "version is 3, not 4")
def a_document_is_behind(w):
    booking_id = w.identity["pair"][0]

    def then(facts):
        rows = [row for row in facts.rows if row.booking_id == booking_id]
        facts.documents[booking_id] = bson.encode(World.document(rows[:-1]))
    return then


@lies("P7", "status is 'confirmed', not 'rejected'")
def a_document_has_another_outcome(w):
    return document(w, "second", lambda found: found.update(status="confirmed"))


@lies("P7", "seats_lost")
def a_document_names_other_seats_that_went(w):
    return document(w, "half", lambda found: found.update(seats_lost=["S4"]))


@lies("P7", "history is wrong in 2")
def a_decision_is_missing_from_the_history(w):
    return document(w, "pair", lambda found: found["history"].pop("2"))


@lies("P7", "history is wrong in 3")
def the_history_has_another_reason(w):
    return document(w, "pair", lambda found: found["history"]["3"].update(reason=None))


@lies("P7", "decided_at")
def a_refusal_has_moved_the_time_of_the_outcome(w):
    return document(w, "pair", lambda found: found.update(
        decided_at=found["history"]["4"]["at"]))


@lies("P7", "expires_at")
def a_document_has_a_longer_hold(w):
    return document(w, "live", lambda found: found.update(expires_at=found["decided_at"]))


@lies("P7", "the log knows nothing")
def there_is_a_document_of_nobodys_booking(w):
    return lambda facts: facts.documents.update(
        {"x": facts.documents[w.identity["first"][0]]})


# --- maps ----------------------------------------------------------------------------------------

@lies("P7", "position 0: status is 'available'")
def a_map_shows_a_sold_seat_free(w):
    return block(lambda found: found["seats"][0].update(status="available"))


@lies("P7", "user_id is 'zed'")
def a_map_shows_another_owner(w):
    return block(lambda found: found["seats"][0].update(user_id="zed"))


@lies("P7", "version is 99")
def a_map_has_another_version(w):
    return block(lambda found: found.update(version=99))


@lies("P7", "counts")
def a_map_counts_wrongly(w):
    return block(lambda found: found["counts"].update(booked=0))


@lies("P7", "position 19")
def a_map_lacks_a_seat(w):
    return block(lambda found: found["seats"].pop())


@lies("P7", "price_minor")
def a_map_has_another_price(w):
    return block(lambda found: found["seats"][4].update(price_minor=1))


@lies("P7", "no block hall/0000")
def a_map_is_missing(w):
    return lambda facts: facts.maps.pop("hall/0000")


@lies("P7", "MongoDB's event hall")
def an_event_counts_wrongly(w):
    return event(lambda found: found["counts"].update(available=0))


@lies("P7", "hold_ttl_ms")
def an_event_has_older_rules(w):
    return event(lambda found: found.update(hold_ttl_ms=1))


@lies("P7", "no event hall")
def an_event_is_missing(w):
    return lambda facts: facts.event_documents.pop("hall")


# --- booking_events ------------------------------------------------------------------------------

def told_index(facts, w, name, version=1):
    booking_id = w.identity[name][0]
    return next(i for i, told in enumerate(facts.told) if told.booking_id == booking_id
                and json.loads(told.value)["version"] == version)


@lies("P7", "not told to booking_events")
def a_row_is_not_told(w):
    return lambda facts: facts.told.pop(told_index(facts, w, "first"))


@lies("P7", "told after version 1")
def a_booking_is_told_out_of_order(w):
    def then(facts):
        facts.told.insert(len(facts.told), facts.told.pop(told_index(facts, w, "pair", 2)))
    return then


@lies("P7", "not word for word")
def a_repetition_says_something_else(w):
    def then(facts):
        told = facts.told[told_index(facts, w, "first")]
        facts.told.append(told._replace(value=told.value.replace(b'"ann"', b'"zed"')))
    return then


@lies("P7", "status is 'held', not 'confirmed'")
def other_services_are_told_something_else(w):
    def then(facts):
        at = told_index(facts, w, "first")
        facts.told[at] = facts.told[at]._replace(
            value=facts.told[at].value.replace(b'"confirmed"', b'"held"'))
    return then


@lies("P7", "headers are")
def other_services_are_told_the_wrong_type(w):
    def then(facts):
        at = told_index(facts, w, "first")
        facts.told[at] = facts.told[at]._replace(
            headers=facts.told[at].headers.replace(b"booking.confirmed", b"booking.held"))
    return then


@lies("P7", "not in the log")
def something_is_told_that_was_never_decided(w):
    return lambda facts: facts.told.append(told_of(
        facts.rows[0]._replace(booking_version=2), len(facts.told)))


@lies("P7", "two partitions")
def a_booking_is_told_of_in_two_partitions(w):
    def then(facts):
        at = told_index(facts, w, "pair", 4)
        facts.told[at] = facts.told[at]._replace(partition=1)
    return then


def test_what_is_told_twice_word_for_word_is_no_lie():
    assert judged(lambda w: lambda facts: facts.told.extend(
        told._replace(offset=100 + told.offset) for told in facts.told[:10])) == {}
