/*
 * ledger - worker/ledger_pg.c: transactions, each with what it read (struct state) and what it is to
 * write (struct journal).
 */

typedef transaction {
	bool open;
	byte partition;
	byte from; /* it moves the fence from here */
	byte to;   /* to here                      */
	byte now;
	byte seats; /* that it read, as bits */
	byte owner[SEATS];
	byte seat_until[SEATS];
	byte bookings; /* that it read, as bits */
	byte state[BOOKINGS];
	byte until[BOOKINGS];
	byte done;             /* commands that were decided, as bits            */
	byte seats_changed;    /* to be written back, as bits                    */
	byte bookings_changed; /* the same                                       */
	byte rows;             /* commands that it writes a row for, as bits     */
	byte lapsed;           /* bookings whose end it writes a row for, as bits */
}

transaction tx[LANES + 1];

inline forget_transaction(t)
{
	tx[t].open = false;
	tx[t].partition = 0;
	tx[t].from = 0;
	tx[t].to = 0;
	tx[t].now = 0;
	tx[t].seats = 0;
	tx[t].bookings = 0;
	tx[t].done = 0;
	tx[t].seats_changed = 0;
	tx[t].bookings_changed = 0;
	tx[t].rows = 0;
	tx[t].lapsed = 0;
	for (n : 0 .. SEATS - 1) {
		tx[t].owner[n] = 0;
		tx[t].seat_until[n] = 0
	}
	for (n : 0 .. BOOKINGS - 1) {
		tx[t].state[n] = 0;
		tx[t].until[n] = 0
	}
}

/* Its locks go to who has them from now on. */
inline hand_over(t, whom)
{
	for (n : 0 .. PARTITIONS - 1) {
		row_partition[n] = (row_partition[n] == t + 1 -> whom : row_partition[n])
	}
	for (n : 0 .. SEATS - 1) {
		row_seat[n] = (row_seat[n] == t + 1 -> whom : row_seat[n])
	}
	for (n : 0 .. BOOKINGS - 1) {
		row_booking[n] = (row_booking[n] == t + 1 -> whom : row_booking[n])
	}
}

/* [ledger_pg.c rollback], or the server does it for a session that is gone. */
inline roll_back(t)
{
	hand_over(t, NOBODY);
	forget_transaction(t)
}

inline write_back(t)
{
	for (n : 0 .. SEATS - 1) { /* [write_seats.sql] */
		if
		:: HAS(tx[t].seats_changed, n) ->
			seat_owner[n] = tx[t].owner[n];
			seat_until[n] = tx[t].seat_until[n]
		:: else
		fi
	}
	for (n : 0 .. BOOKINGS - 1) { /* [update_bookings.sql] [write_bookings.sql] */
		if
		:: HAS(tx[t].bookings_changed, n) ->
			state_of[n] = tx[t].state[n];
			until_of[n] = tx[t].until[n]
		:: else
		fi
	}
	P6_effects = (decided & tx[t].rows) == 0 && (ended & tx[t].lapsed) == 0;
	assert(P6_effects);
	decided = decided | tx[t].rows; /* [write_log.sql] */
	ended = ended | tx[t].lapsed
}

inline step_over(t)
{
	progress[tx[t].partition] = tx[t].to; /* [move_fence.sql] */
	for (n : 0 .. LOG - 1) {
		if
		:: tx[t].from <= n && n < tx[t].to ->
			settled[AT(tx[t].partition, n)]++;
			P6_settled = settled[AT(tx[t].partition, n)] == 1;
			assert(P6_settled)
		:: else
		fi
	}
}

/* [ledger_pg.c commit]: all of it at once. */
inline carry_out(t)
{
	printf("COMMIT: partition %d from %d to %d, rows %d, ended %d\n", tx[t].partition, tx[t].from,
	       tx[t].to, tx[t].rows, tx[t].lapsed);
	write_back(t);
	step_over(t);
	check_seats();
	check_order(tx[t].partition, tx[t].to);
	roll_back(t)
}

/* The COMMIT is under way, and its lane no longer knows of it. */
inline leave_alone(t)
{
	tx[ORPHAN].open = true;
	tx[ORPHAN].partition = tx[t].partition;
	tx[ORPHAN].from = tx[t].from;
	tx[ORPHAN].to = tx[t].to;
	tx[ORPHAN].seats_changed = tx[t].seats_changed;
	tx[ORPHAN].bookings_changed = tx[t].bookings_changed;
	tx[ORPHAN].rows = tx[t].rows;
	tx[ORPHAN].lapsed = tx[t].lapsed;
	for (n : 0 .. SEATS - 1) {
		tx[ORPHAN].owner[n] = tx[t].owner[n];
		tx[ORPHAN].seat_until[n] = tx[t].seat_until[n]
	}
	for (n : 0 .. BOOKINGS - 1) {
		tx[ORPHAN].state[n] = tx[t].state[n];
		tx[ORPHAN].until[n] = tx[t].until[n]
	}
	hand_over(t, ORPHAN + 1);
	forget_transaction(t)
}

/* A COMMIT that nobody hears the answer of goes on by itself: it is done, or undone. One at a time. */
inline become_unknown(t)
{
	if
	:: !tx[ORPHAN].open -> leave_alone(t)
	:: else -> roll_back(t)
	fi
}

/* ---- Loading ---- */

#define RAN_OUT(booking, when) (state_of[booking] == HELD && until_of[booking] <= when)

/* [find_to_end.sql] [ledger_pg.c find_to_end] */
inline want_lapsed(t)
{
	for (b : 0 .. BOOKINGS - 1) {
		if
		:: home[b] == tx[t].partition && RAN_OUT(b, tx[t].now) ->
			ADD(tx[t].bookings, b);
			needed = needed | wanted[b]
		:: else
		fi
	}
}

/* [lane.c want]: what the batch names, and with load_seats.sql the seats of what it acts on. */
inline want_batch(t, low, how_many)
{
	for (n : 0 .. LOG - 1) {
		b = booking_of[AT(tx[t].partition, n)];
		if
		:: low <= n && n < low + how_many ->
			ADD(tx[t].bookings, b);
			if
			:: kind[AT(tx[t].partition, n)] <= HOLD || IS_LIVE(state_of[b]) ->
				needed = needed | wanted[b]
			:: else
			fi
		:: else
		fi
	}
}

/* [load_seats.sql]: which seats, as one moment shows it: also those of holds that are in the way. */
inline choose_seats(t, low, how_many)
{
	needed = 0;
	if
	:: how_many == 0 -> want_lapsed(t)
	:: else -> want_batch(t, low, how_many)
	fi;
	tx[t].seats = needed;
	for (s : 0 .. SEATS - 1) {
		if
		:: HAS(needed, s) && seat_until[s] > 0 && seat_until[s] <= tx[t].now ->
			tx[t].seats = tx[t].seats | wanted[seat_owner[s] - 1]
		:: else
		fi
	}
}

inline read_seats(t)
{
	for (n : 0 .. SEATS - 1) {
		if
		:: HAS(tx[t].seats, n) ->
			row_seat[n] = t + 1;
			tx[t].owner[n] = seat_owner[n];
			tx[t].seat_until[n] = seat_until[n]
		:: else
		fi
	}
}

#define READ_SEAT(t, seat) \
	d_step { HAS(tx[t].seats, seat) && row_seat[seat] == NOBODY -> \
		row_seat[seat] = t + 1; \
		tx[t].owner[seat] = seat_owner[seat]; \
		tx[t].seat_until[seat] = seat_until[seat] \
	}

/* [load_bookings.sql]: which bookings, as one moment shows it. */
inline choose_bookings(t)
{
	for (s : 0 .. SEATS - 1) {
		if
		:: HAS(tx[t].seats, s) && seat_until[s] > 0 && seat_until[s] <= tx[t].now ->
			ADD(tx[t].bookings, seat_owner[s] - 1)
		:: else
		fi
	}
}

#define CAN_READ(t, booking) (!HAS(tx[t].bookings, booking) || row_booking[booking] == NOBODY)
#define CAN_READ_BOOKINGS(t) (CAN_READ(t, 0) && CAN_READ(t, 1) && CAN_READ(t, 2))

inline read_bookings(t)
{
	for (n : 0 .. BOOKINGS - 1) {
		if
		:: HAS(tx[t].bookings, n) ->
			row_booking[n] = t + 1;
			tx[t].state[n] = state_of[n];
			tx[t].until[n] = until_of[n]
		:: else
		fi
	}
	tx[t].done = decided /* [load_commands.sql]: of this partition, which is this transaction's */
}

/* [decide.c has_lapsed] */
#define HAS_LAPSED(t, booking) (tx[t].state[booking] == HELD && tx[t].until[booking] <= tx[t].now)

/* [ledger_load.c check_lapsed] [ledger_load.c check_acted_on]: false in `needed` when it does not fit
 * together. */
inline check_fit(t)
{
	needed = true;
	for (s : 0 .. SEATS - 1) {
		if
		:: HAS(tx[t].seats, s) && tx[t].seat_until[s] > 0 && tx[t].seat_until[s] <= tx[t].now ->
			b = tx[t].owner[s] - 1;
			needed = needed && HAS(tx[t].bookings, b) && HAS_LAPSED(t, b) &&
				(wanted[b] & tx[t].seats) == wanted[b]
		:: else
		fi
	}
	for (b : 0 .. BOOKINGS - 1) {
		needed = needed && (!IS_LIVE(tx[t].state[b]) || (wanted[b] & tx[t].seats) == wanted[b])
	}
}
