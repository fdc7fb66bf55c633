/*
 * decide - worker/decide.c and worker/journal.c on what transaction t has read. Pure; a step of it is
 * nobody else's business.
 */

/* What comes of a command on a booking that is there: something is done, or nothing but a row. */
#define DO_CONFIRM 1
#define DO_EXTEND  2
#define DO_CANCEL  3
#define UNCHANGED  4
#define REFUSED    5

/* The table of decide.c; check.py compares it with what decide() does. */
#define RULE_HELD_CONFIRM      DO_CONFIRM
#define RULE_HELD_EXTEND       DO_EXTEND
#define RULE_HELD_CANCEL       DO_CANCEL
#define RULE_CONFIRMED_CONFIRM UNCHANGED
#define RULE_CONFIRMED_EXTEND  REFUSED
#define RULE_CONFIRMED_CANCEL  DO_CANCEL
#define RULE_REJECTED_CONFIRM  REFUSED
#define RULE_REJECTED_EXTEND   REFUSED
#define RULE_REJECTED_CANCEL   REFUSED
#define RULE_CANCELLED_CONFIRM REFUSED
#define RULE_CANCELLED_EXTEND  REFUSED
#define RULE_CANCELLED_CANCEL  UNCHANGED
#define RULE_EXPIRED_CONFIRM   REFUSED
#define RULE_EXPIRED_EXTEND    REFUSED
#define RULE_EXPIRED_CANCEL    REFUSED

inline look_up_rule(status, what)
{
	if
	:: status == HELD && what == CONFIRM -> verdict = RULE_HELD_CONFIRM
	:: status == HELD && what == EXTEND -> verdict = RULE_HELD_EXTEND
	:: status == HELD && what == CANCEL -> verdict = RULE_HELD_CANCEL
	:: status == CONFIRMED && what == CONFIRM -> verdict = RULE_CONFIRMED_CONFIRM
	:: status == CONFIRMED && what == EXTEND -> verdict = RULE_CONFIRMED_EXTEND
	:: status == CONFIRMED && what == CANCEL -> verdict = RULE_CONFIRMED_CANCEL
	:: status == REJECTED && what == CONFIRM -> verdict = RULE_REJECTED_CONFIRM
	:: status == REJECTED && what == EXTEND -> verdict = RULE_REJECTED_EXTEND
	:: status == REJECTED && what == CANCEL -> verdict = RULE_REJECTED_CANCEL
	:: status == CANCELLED && what == CONFIRM -> verdict = RULE_CANCELLED_CONFIRM
	:: status == CANCELLED && what == EXTEND -> verdict = RULE_CANCELLED_EXTEND
	:: status == CANCELLED && what == CANCEL -> verdict = RULE_CANCELLED_CANCEL
	:: status == EXPIRED && what == CONFIRM -> verdict = RULE_EXPIRED_CONFIRM
	:: status == EXPIRED && what == EXTEND -> verdict = RULE_EXPIRED_EXTEND
	:: status == EXPIRED && what == CANCEL -> verdict = RULE_EXPIRED_CANCEL
	fi
}

/* [journal.c change_seats] [journal.c seat_of]: those that are still the booking's. */
inline change_seats(t, booking, who, when)
{
	for (n : 0 .. SEATS - 1) {
		if
		:: HAS(wanted[booking] & tx[t].seats, n) && tx[t].owner[n] == booking + 1 ->
			tx[t].owner[n] = who;
			tx[t].seat_until[n] = when;
			ADD(tx[t].seats_changed, n)
		:: else
		fi
	}
}

inline change_booking(t, booking, what, when)
{
	tx[t].state[booking] = what;
	tx[t].until[booking] = when;
	ADD(tx[t].bookings_changed, booking)
}

/* [journal.c lapse] */
inline lapse(t, booking)
{
	P8_early = tx[t].until[booking] > clock;
	assert(!P8_early);
	change_booking(t, booking, EXPIRED, tx[t].until[booking]);
	change_seats(t, booking, NOBODY, 0);
	ADD(tx[t].lapsed, booking)
}

/* [decide.c seat_objection] */
#define CAN_BE_HAD(t, seat) (tx[t].owner[seat] == NOBODY || \
	(tx[t].seat_until[seat] > 0 && tx[t].seat_until[seat] <= tx[t].now))

/* [decide.c take_seats] [decide.c note_lapsed]: the holds that ran out end, the seats change hands. */
inline take_seats(t, when)
{
	for (s : 0 .. SEATS - 1) {
		q = (HAS(wanted[b], s) && tx[t].owner[s] != NOBODY -> tx[t].owner[s] - 1 : b);
		if
		:: HAS_LAPSED(t, q) -> lapse(t, q)
		:: else
		fi
	}
	for (s : 0 .. SEATS - 1) {
		if
		:: HAS(wanted[b], s) ->
			tx[t].owner[s] = b + 1;
			tx[t].seat_until[s] = when;
			ADD(tx[t].seats_changed, s)
		:: else
		fi
	}
}

/* [decide.c make] [journal.c make] */
inline make(t, what)
{
	needed = 0;
	for (s : 0 .. SEATS - 1) {
		if
		:: HAS(wanted[b], s) && !CAN_BE_HAD(t, s) -> ADD(needed, s)
		:: else
		fi
	}
	if
	:: needed != 0 ->
		for (s : 0 .. SEATS - 1) {
			P8_blocked = HAS(needed, s) && tx[t].seat_until[s] > 0 &&
				tx[t].seat_until[s] <= tx[t].now;
			assert(!P8_blocked)
		}
		change_booking(t, b, REJECTED, 0)
	:: else ->
		verdict = (what == HOLD -> tx[t].now + HOLD_TTL : 0);
		take_seats(t, verdict);
		change_booking(t, b, (what == HOLD -> HELD : CONFIRMED), verdict)
	fi
}

/* [decide.c act_on_known] [journal.c confirm] [journal.c extend] [journal.c give_up] */
inline act_on_known(t, what)
{
	look_up_rule(tx[t].state[b], what);
	P8_late = HAS_LAPSED(t, b) && (verdict == DO_CONFIRM || verdict == DO_EXTEND);
	assert(!P8_late);
	if
	:: verdict == DO_CONFIRM ->
		change_booking(t, b, CONFIRMED, 0);
		change_seats(t, b, b + 1, 0)
	:: verdict == DO_EXTEND -> /* [decide.c extended_ms] */
		change_booking(t, b, HELD, tx[t].now + HOLD_TTL);
		change_seats(t, b, b + 1, tx[t].now + HOLD_TTL)
	:: verdict == DO_CANCEL ->
		change_booking(t, b, CANCELLED, 0);
		change_seats(t, b, NOBODY, 0)
	:: else
	fi
}

/* [decide.c act] */
inline act(t, what)
{
	if
	:: tx[t].state[b] == NEVER -> change_booking(t, b, REJECTED, 0) /* booking_not_found */
	:: HAS_LAPSED(t, b) -> lapse(t, b); verdict = REFUSED           /* hold_expired      */
	:: else -> act_on_known(t, what)
	fi
}

/* [decide.c decide] [journal.c journal_apply]: what was decided before has no effect, and no row. */
inline decide(t, message)
{
	b = booking_of[message];
	c = command_of[message];
	if
	:: kind[message] <= HOLD && tx[t].state[b] != NEVER -> skip
	:: kind[message] > HOLD && HAS(tx[t].done, c) -> skip
	:: else ->
		if
		:: kind[message] <= HOLD -> make(t, kind[message])
		:: else -> act(t, kind[message])
		fi;
		ADD(tx[t].done, c);
		P6_effects = !HAS(tx[t].rows, c);
		assert(P6_effects);
		ADD(tx[t].rows, c)
	fi
}
