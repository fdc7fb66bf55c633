"""Lies about seats: P1, P4, P5 and P8."""

import pytest

from lies import Lies, assert_found, judged, name_of
from world import TTL_MS

lies = Lies()
HOUR_MS = 3_600_000


@pytest.mark.parametrize("promise, shows, lie", lies, ids=name_of)
def test_it_is_found_and_nothing_else(promise, shows, lie):
    assert_found(promise, shows, lie)


# --- P1: no seat has two live owners -------------------------------------------------------------

@lies("P1", "S1 was booked")
def a_second_owner(w):
    w.change("second", status="confirmed", reason=None, seats_lost=[], seat_prices=[100],
             total_minor=100, currency="EUR", seat_ids=["S1"], seat_positions=[0],
             seat_statuses=["booked"], seat_versions=[2])
    w.change("blocked", seats_lost=["S20", "S1"])


@lies("P1")
def a_hold_that_was_never_ended_is_taken_over(w):
    w.rows.pop(w.index("met", 2))
    w.change("next", seat_versions=[2])

    def without_sweep(facts):
        facts.swept_s = None
    return without_sweep


@lies("P1", "S7 was held")
def a_seat_is_taken_back_from_its_next_owner(w):
    w.rows[w.index("let go")] = w.rows[w.index("let go")]._replace(
        seat_ids=[], seat_positions=[], seat_statuses=[], seat_versions=[], status="held",
        expires_at=w.rows[w.index("extend")].expires_at, result="refused",
        refusal="extension_limit")
    w.versions["hall", "S7"] -= 1
    w.make("thief", "book", "zed", "hall", ["S7"])

    def without_sweep(facts):
        facts.swept_s = None
    return without_sweep


@lies("P1", "from version 2 to 4")
def a_seats_version_is_left_out(w):
    w.change("had then", seat_versions=[4])


@lies("P1", "from version 2 to 2")
def a_seats_version_comes_twice(w):
    w.change("had then", seat_versions=[2])


@lies("P1")
def a_seat_is_booked_for_a_hold(w):
    w.change("live", seat_statuses=["booked"])


@lies("P1", "seats hall/S1")
def the_table_has_another_owner(w):
    return lambda facts: facts.seats.update({("hall", "S1"): facts.seats["hall", "S1"]._replace(
        booking_id=w.identity["second"][0], user_id="ben")})


@lies("P1", "seats hall/S2")
def the_table_has_a_sold_seat_free(w):
    return lambda facts: facts.seats.update({("hall", "S2"): facts.seats["hall", "S2"]._replace(
        booking_id=None, user_id=None, status="available")})


@lies("P1", "seats hall/S19")
def the_table_has_a_seat_sold_that_nobody_asked_for(w):
    return lambda facts: facts.seats.update({("hall", "S19"): facts.seats["hall", "S19"]._replace(
        booking_id=w.identity["first"][0], user_id="ann", status="booked", version=1)})


@lies("P1", "seats hall/S12")
def the_table_is_a_version_ahead(w):
    return lambda facts: facts.seats.update({("hall", "S12"): facts.seats["hall", "S12"]._replace(
        version=2)})


@lies("P1", "no seat ('club', 'S6')")
def a_seat_is_sold_that_there_is_not(w):
    w.make("nowhere at all", "book", "zed", "club", ["S6"])

    def without_seat(facts):
        facts.seats.pop(("club", "S6"))
        w.draw_maps(facts)
    return without_seat


# --- P4: all or none -----------------------------------------------------------------------------

@lies("P4")
def a_booking_has_one_of_its_two_seats(w):
    w.change("two", seat_ids=["S1"], seat_positions=[0], seat_statuses=["booked"],
             seat_versions=[1])


@lies("P4")
def a_hold_that_ran_out_keeps_one_of_its_seats(w):
    w.change("swept", 2, seat_ids=["S8"], seat_positions=[7], seat_statuses=["available"],
             seat_versions=[2])
    return lambda facts: facts.seats.update({("hall", "S9"): facts.seats["hall", "S9"]._replace(
        hold_expires_at=facts.rows[w.index("swept", 1)].expires_at)})


@lies("P4", "['S3', 'S4']")
def a_rejected_one_has_a_seat_all_the_same(w):
    w.change("half", seat_ids=["S4"], seat_positions=[3], seat_statuses=["booked"],
             seat_versions=[1])


@lies("P4")
def a_refused_command_has_freed_the_seats(w):
    w.change("extend again", seat_ids=["S7"], seat_positions=[6], seat_statuses=["held"],
             seat_versions=[2])
    w.change("let go", seat_versions=[3])


@lies("P4", "client line")
def other_seats_are_booked_than_were_asked_for(w):
    w.line("first")["seats"] = ["S1", "S19"]
    at = w.message("first")
    w.requests[at] = w.requests[at]._replace(seats=("S1", "S19"))


@lies("P4")
def no_seat_went_that_was_lost(w):
    w.change("second", seats_lost=[])


@lies("P4")
def a_seat_went_that_nobody_asked_for(w):
    w.change("second", seats_lost=["S1", "S2"])


@lies("P1", "S4 becomes blocked@2")
def a_change_is_missing_before_a_seat_was_blocked(w):
    w.change("block", seat_versions=[2])


@lies("P4", "did not change")
def a_seat_is_told_unblocked_and_was_not(w):
    w.administer("nothing", "unblock", "ring", ["S4"], changed=[])


@lies("P4")
def a_seat_went_though_the_event_is_cancelled(w):
    w.change("cancelled", seats_lost=["S1"])


# --- P5: first come, first served ----------------------------------------------------------------

def swap_in_kafka(w, one, other):
    a, b = w.message(one), w.message(other)
    first, second = w.requests[a], w.requests[b]
    assert first.partition == second.partition
    w.requests[a] = first._replace(offset=second.offset)
    w.requests[b] = second._replace(offset=first.offset)


@lies("P5", "booking_requests/")
def two_are_decided_the_other_way_round(w):
    swap_in_kafka(w, "unanswered", "gateway")


@lies("P5")
def the_second_in_the_queue_has_the_seat(w):
    swap_in_kafka(w, "first", "second")


@lies("P5")
def a_command_jumps_the_queue(w):
    swap_in_kafka(w, "give back", "had then")


@lies("P5", "S4 was free")
def one_is_rejected_for_a_free_seat(w):
    w.change("half", seats_lost=["S3", "S4"])


@lies("P5", "S5 was free")
def one_is_rejected_for_a_seat_that_was_given_back(w):
    w.make("robbed", "book", "zed", "hall", ["S5"], "seat_taken", ["S5"])


@lies("P5", "the reason is seat_taken")
def a_taken_seat_is_said_to_be_blocked(w):
    w.change("second", reason="seat_blocked")


@lies("P5", "event_cancelled")
def one_is_rejected_for_an_event_that_takes_place(w):
    w.change("second", reason="event_cancelled", seats_lost=[])


@lies("P5", "event_not_found")
def one_is_rejected_for_an_event_that_there_is(w):
    w.change("second", reason="event_not_found", seats_lost=[])


@lies("P5", "sales_closed")
def one_is_rejected_though_sales_never_close(w):
    w.change("second", reason="sales_closed", seats_lost=[])


@lies("P5", "sales_not_open")
def one_is_rejected_though_sales_were_open(w):
    w.change("second", reason="sales_not_open", seats_lost=[])


@lies("P5", "hold_limit")
def one_is_rejected_below_the_limit_of_holds(w):
    w.change("no more", reason="hold_limit", seats_lost=[])


@lies("P5", "after the event was cancelled")
def one_is_sold_of_a_cancelled_event(w):
    w.make("sold after all", "book", "vic", "ring", ["S7"])
    w.end("sold after all")


@lies("P8", "of a cancelled event")
def a_booking_of_a_cancelled_event_lives_on(w):
    w.rows.pop(w.index("bought", 2))
    w.tick(10000)


@lies("P5", "seat_limit")
def one_is_rejected_below_the_limit(w):
    w.make("modest", "book", "zed", "club", ["S4"], "seat_limit")


@lies("P5", "another partition")
def a_message_is_in_another_partition(w):
    at = w.message("live")
    other = 1 - w.requests[at].partition
    w.requests[at] = w.requests[at]._replace(partition=other, offset=w.ends[other])


@lies("P5", "never stored")
def something_is_decided_that_kafka_does_not_have(w):
    w.requests.pop(w.message("gateway"))


@lies("P5", "never made")
def a_booking_is_said_to_be_never_made_that_was_asked_for_before(w):
    booking_id = w.identity["ghost"][0]
    w.identity["asked"] = booking_id, None
    w.ask("book", "zed", booking_id, "hall", ["S19"])
    swap_in_kafka(w, "ghost", "asked")


# --- P8: a hold that has run out blocks nobody ---------------------------------------------------

@lies("P8", "before its time")
def a_hold_ends_too_early(w):
    ends = w.rows[w.index("swept", 1)].expires_at
    w.change("swept", 2, decided_at=ends - 1)


@lies("P8", "won after")
def a_confirm_that_came_late_wins(w):
    w.rows.pop(w.index("late", 2))
    w.change("pay late", status="confirmed", reason=None, result="done", refusal=None,
             expires_at=None, booking_version=2, seat_ids=["S11"], seat_positions=[10],
             seat_statuses=["booked"], seat_versions=[2])


@lies("P8", "won after")
def an_extension_that_came_late_wins(w):
    late = w.rows[w.index("extend")].decided_at - w.rows[w.index("longer", 1)].decided_at
    w.rules["hall"] = w.rules["hall"]._replace(hold_ttl_ms=late)
    for i, row in enumerate(w.rows):  # a shorter time, for everybody
        if row.status == "held" and row.event_id == "hall":
            w.rows[i] = row._replace(expires_at=row.expires_at - TTL_MS + late)
    for name, version in (("swept", 2), ("met", 2), ("late", 2)):
        w.change(name, version, expires_at=w.rows[w.index(name, 1)].expires_at)
    w.change("pay late", expires_at=w.rows[w.index("late", 1)].expires_at)


@lies("P8", "S19 was lost to a hold that had run out")
def a_hold_that_has_run_out_blocks_a_buyer(w):
    w.make("gone", "hold", "zed", "hall", ["S19"])
    w.tick(TTL_MS)
    w.make("blocked by it", "book", "yan", "hall", ["S19"], "seat_taken", ["S19"])
    w.lapse("gone")


@lies("P8")
def a_hold_is_too_short(w):
    w.change("live", expires_at=w.rows[w.index("live")].expires_at - 500)


@lies("P8")
def a_hold_is_extended_by_too_little(w):
    ends = w.rows[w.index("extend")].expires_at - 100
    w.change("extend", expires_at=ends)
    w.change("extend again", expires_at=ends)


@lies("P8", "nobody has ended")
def nobody_ends_a_hold(w):
    w.rows.pop(w.index("swept", 2))

    def later(facts):
        facts.read_at += 60_000
    return later


@lies("P8", "the future")
def one_is_decided_by_a_clock_that_is_ahead(w):
    w.change("first", decided_at=w.rows[w.index("first")].decided_at + HOUR_MS)


@lies("P8", "long before")
def one_is_decided_by_a_clock_that_is_behind(w):
    w.change("first", decided_at=w.rows[w.index("first")].decided_at - HOUR_MS)


@lies("P8", "before what came before it")
def time_goes_backwards(w):
    w.change("pay again", decided_at=w.rows[w.index("pay")].decided_at - 1)


@lies("P8", "seats hall/S18")
def a_seats_hold_outlasts_its_bookings(w):
    return lambda facts: facts.seats.update({("hall", "S18"): facts.seats["hall", "S18"]._replace(
        hold_expires_at=facts.seats["hall", "S18"].hold_expires_at + 1)})


def test_where_nobody_sweeps_a_hold_may_stand():
    def nobody_sweeps(w):
        w.rows.pop(w.index("swept", 2))

        def later(facts):
            facts.read_at += 60_000
            facts.swept_s = None
        return later

    assert judged(nobody_sweeps) == {}
