"""Lies about requests: P2, P3 and P6."""

import pytest

from lies import Lies, assert_found, name_of
from support.facts import Letter

lies = Lies()


@pytest.mark.parametrize("promise, shows, lie", lies, ids=name_of)
def test_it_is_found_and_nothing_else(promise, shows, lie):
    assert_found(promise, shows, lie)


# --- P2: every 202 has one outcome that can be read ----------------------------------------------

@lies("P2", "client line")
def a_202_has_no_outcome(w):
    w.rows.pop(w.index("had then"))


@lies("P2", "user pia")
def a_stored_request_that_nobody_answered_has_no_outcome(w):
    w.rows.pop(w.index("unanswered"))


@lies("P2", "user ola")
def a_request_in_doubt_was_stored_and_has_no_outcome(w):
    w.rows.pop(w.index("in doubt"))


@lies("P2", "confirm")
def a_command_has_no_outcome(w):
    w.rows.pop(w.index("pay late"))


@lies("P2", "booking_requests.dlq")
def a_202_ends_among_the_dead_letters(w):
    request = w.requests[w.message("had then")]
    w.rows.pop(w.index("had then"))
    return lambda facts: facts.letters.append(
        Letter(request.partition, request.offset, "not JSON", b"{"))


@lies("P2", "nobody can read")
def an_outcome_cannot_be_read(w):
    return lambda facts: facts.documents.pop(w.identity["first"][0])


@lies("P2", "decided twice")
def a_booking_has_two_outcomes(w):
    w.rows.append(w.rows[w.index("first")]._replace(booking_version=2, seat_versions=[2]))


@lies("P2", "version")
def a_version_of_a_booking_is_missing(w):
    w.record.remove(w.line("pay again"))
    w.requests.pop(w.message("pay again"))
    w.rows.pop(w.index("pay again"))


@lies("P2", "no outcome that there is")
def a_cancelled_one_is_confirmed(w):
    w.act("revive", "confirm", "let go", "gil", refusal=None)


@lies("P2", "no outcome that there is")
def a_hold_is_confirmed_at_once(w):
    w.change("live", status="confirmed", expires_at=None, seat_statuses=["booked"])


@lies("P2", "hold_expired")
def a_command_is_refused_for_what_was_not_so(w):
    w.change("extend again", refusal="hold_expired")


@lies("P2", "not_owner")
def the_owner_is_taken_for_a_stranger(w):
    w.change("stranger", actor="cleo")


@lies("P2", "no outcome that there is")
def a_refused_command_changes_the_booking(w):
    w.change("extend again", extensions=2)


@lies("P2", "prices")
def a_booking_costs_something_else_than_its_seats(w):
    w.change("two", total_minor=301)


@lies("P2", "another user_id")
def a_booking_changes_hands(w):
    w.change("pay again", user_id="zed")


@lies("P2", "S1 could not be had either")
def not_all_seats_that_went_are_named(w):
    w.change("blocked", seats_lost=["S20"])


@lies("P2", "bookings ")
def the_table_has_another_outcome(w):
    booking_id = w.identity["first"][0]
    return lambda facts: facts.bookings.update(
        {booking_id: facts.bookings[booking_id]._replace(status="cancelled")})


@lies("P2", "not there")
def the_table_lacks_a_booking(w):
    return lambda facts: facts.bookings.pop(w.identity["first"][0])


@lies("P2", "the log knows nothing")
def the_table_has_a_booking_that_nobody_decided(w):
    return lambda facts: facts.bookings.update(
        {"x": facts.bookings[w.identity["first"][0]]._replace(booking_id="x")})


@lies("P2", "client line 1:")
def a_202_does_not_say_which_booking(w):
    w.line("first")["booking_id"] = None


@lies("P2", "something else was decided")
def another_user_has_the_booking(w):
    w.change("had then", user_id="zed")


# --- P3: what cannot be made durable is refused --------------------------------------------------

@lies("P3", "Kafka does not have it")
def a_false_202(w):
    w.requests.pop(w.message("had then"))
    w.rows.pop(w.index("had then"))


@lies("P3", "Kafka does not have it")
def a_false_202_of_a_command(w):
    w.requests.pop(w.message("pay late"))
    w.rows.pop(w.index("pay late"))


@lies("P3", "Kafka does not have it")
def what_kafka_had_is_gone_from_it(w):
    w.requests.pop(w.message("had then"))


@lies("P3", "Retry-After")
def a_503_does_not_say_when_to_come_back(w):
    next(line for line in w.record if line["status"] == 503)["retry_after"] = None


@lies("P3", "refused, but stored")
def nothing_was_done_it_said_but_it_was(w):
    w.make("busy", "book", "ray", "hall", ["S19"], answer="busy")


@lies("P3", "refused, but stored")
def an_unknown_booking_was_cancelled(w):
    w.act("impossible", "cancel", "two", "max", answer="unknown")


@lies("P3", "no request of the record")
def something_is_stored_that_nobody_asked_for(w):
    w.make("uncalled", "book", "zed", "hall", ["S19"])
    w.record.pop()


@lies("P3", "no request of the record")
def one_unanswered_request_is_stored_as_two(w):
    w.make("silent", "book", "zed", "hall", ["S19"], answer="none")
    w.make("silent too", "book", "zed", "hall", ["S19"], "seat_taken", ["S19"])
    w.record.pop()


@lies("P3", "no request of the record")
def a_request_is_stored_minutes_after_it_was_given_up(w):
    w.make("slow", "book", "zed", "hall", ["S19"], answer="none")
    w.record[-1]["at"] -= 300


@lies("P3", "something else was stored")
def other_seats_are_stored_than_were_asked_for(w):
    w.line("first")["seats"] = ["S19"]


# --- P6: one key, one effect ---------------------------------------------------------------------

@lies("P6", "one key, two bookings")
def one_key_makes_two_bookings(w):
    w.make("again", "book", "lea", "hall", ["S19"], key="k1")


@lies("P6", "one key, two bookings")
def one_key_makes_bookings_of_two_events(w):
    w.make("elsewhere", "book", "lea", "club", ["S4"], key="k1")
    w.key_owners["hash-of-lea-k1"] = w.identity["keyed"][0]


@lies("P6", "one key, two ids")
def one_key_is_two_commands(w):
    w.act("let go again", "cancel", "let go", "gil", "already_cancelled", "unchanged",
          key="k-let-go")


@lies("P6", "nobody else used")
def a_key_is_refused_that_nobody_used(w):
    w.make("fresh", "book", "zed", "hall", ["S19"], "idempotency_key_reused", key="fresh")


@lies("P6", "decided twice")
def a_message_that_was_stored_twice_is_decided_twice(w):
    w.store("book", "ann", w.identity["first"][0], "hall", ["S1"])
    w.rows.append(w.rows[w.index("first")]._replace(booking_version=2, seat_versions=[2]))


@lies("P6", "decided twice")
def a_repeated_key_is_decided_twice(w):
    w.rows.append(w.rows[w.index("keyed")]._replace(booking_version=2, seat_versions=[2]))


@lies("P6", "decided twice")
def a_command_that_was_stored_twice_is_decided_twice(w):
    w.store("confirm", "kim", *w.identity["late"][:1], command_id="command-pay late")
    w.rows.append(w.rows[w.index("pay late")]._replace(booking_version=4))


@lies("P6", "one command id, two bookings")
def one_command_acts_on_two_bookings(w):
    w.act("let go", "cancel", "first", "ann")
