/*
 * world - what there is beside the lanes: the log, the group, Redis, PostgreSQL, and what may go wrong.
 */

#ifndef PARTITIONS
#define PARTITIONS 1
#endif
#ifndef LOG
#define LOG 3 /* messages of a partition */
#endif
#ifndef BATCH
#define BATCH 2 /* messages of a batch at most */
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef MOVES
#define MOVES 0 /* of a partition to another lane */
#endif
#ifndef LOST
#define LOST 0 /* answers to a COMMIT */
#endif
#ifndef REWINDS
#define REWINDS 0 /* of a partition's progress, by an operator's hand */
#endif
#ifndef TIME
#define TIME 0 /* the last moment of the clock */
#endif
#ifndef HOLD_TTL
#define HOLD_TTL 1
#endif
#ifndef SWEEP
#define SWEEP 0
#endif
#ifndef ENDS
#define ENDS 0 /* is it sure to come to an end? */
#endif
#ifndef REDIS
#define REDIS 0
#endif

#define LANES    2
#define SEATS    2
#define BOOKINGS 3

#define MESSAGES (PARTITIONS * LOG)
#define ORPHAN   LANES /* the transaction of a lane that no longer knows of it */
#define NOBODY   0     /* else a number + 1 */

#define HAS(bits, i) ((bits) & (1 << (i)))
#define ADD(bits, i) bits = bits | (1 << (i))

/* ---- Commands and bookings ---- */

#define BOOK    1
#define HOLD    2
#define CONFIRM 3
#define EXTEND  4
#define CANCEL  5

#define NEVER     0 /* made */
#define HELD      1
#define CONFIRMED 2
#define REJECTED  3
#define CANCELLED 4
#define EXPIRED   5

#define IS_LIVE(state) (state == HELD || state == CONFIRMED)

/* ---- The log ---- */

/* Message m is the one at offset m % LOG of partition m / LOG. */
byte kind[MESSAGES];
byte booking_of[MESSAGES];
byte command_of[MESSAGES]; /* equal ones are one command, stored twice */
byte wanted[BOOKINGS];     /* seats, as bits */
byte home[BOOKINGS];       /* its partition  */

#define AT(partition, offset) (partition * LOG + (offset))

inline say(message, what, booking, command)
{
	kind[message] = what;
	booking_of[message] = booking;
	command_of[message] = command
}

/* ---- The group ---- */

byte owner_of[PARTITIONS]; /* lane */
byte move_count[PARTITIONS];
#if ENDS
byte reported[PARTITIONS]; /* offsets of the group, which nobody reads */
#endif

/* ---- Redis: the value of a seat's lock, or NOBODY and NOBODY ---- */

#if REDIS
byte lock_partition[SEATS];
byte lock_token[SEATS];
#endif

/* ---- PostgreSQL ---- */

byte clock;
byte progress[PARTITIONS]; /* partition_progress.next_offset */
byte seat_owner[SEATS];    /* booking, or NOBODY             */
byte seat_until[SEATS];    /* of a held one, else 0          */
byte state_of[BOOKINGS];
byte until_of[BOOKINGS];
byte decided; /* commands with a row in booking_log, as bits           */
byte ended;   /* bookings with a row for the end of their hold, as bits */

/* Rows and the lock of own_partition.sql: the transaction that has it, or NOBODY. */
byte row_partition[PARTITIONS];
byte row_seat[SEATS];
byte row_booking[BOOKINGS];

/* ---- Faults ---- */

byte crashes = CRASHES;
byte moves = MOVES;
byte lost = LOST;
byte rewinds = REWINDS;
bool faults_are_over;

#define MAY(budget) (budget > 0 && !faults_are_over)

/* ---- What is claimed ---- */

byte settled[MESSAGES]; /* how many transactions stepped over it */

/* Scratch, of no meaning from one atomic step to the next. */
hidden byte s;
hidden byte b;
hidden byte c;
hidden byte n;
hidden byte q;
hidden byte i;
hidden byte needed;
hidden byte verdict;

hidden byte P1_owners;
hidden byte P2_outcomes;
hidden byte P2_order;
hidden byte P4_seats;
hidden byte P6_effects;
hidden byte P6_settled;
hidden byte P8_early;
hidden byte P8_late;
hidden byte P8_blocked;
hidden byte P8_swept;
hidden byte lock_foreign;
hidden byte lock_waiting;

inline check_seats()
{
	for (s : 0 .. SEATS - 1) {
		P1_owners = 0;
		for (b : 0 .. BOOKINGS - 1) {
			if
			:: IS_LIVE(state_of[b]) && HAS(wanted[b], s) ->
				P1_owners++;
				assert(P1_owners <= 1);
				P4_seats = seat_owner[s] == b + 1;
				assert(P4_seats)
			:: else
			fi
		}
		/* A seat that is nobody's can be had. */
		P4_seats = seat_owner[s] == NOBODY || P1_owners == 1;
		assert(P4_seats)
	}
}

/* All that stands before an offset was decided: nothing is stepped over. */
inline check_order(where, offset)
{
	for (n : 0 .. LOG - 1) {
		P2_order = n >= offset || HAS(decided, command_of[AT(where, n)]);
		assert(P2_order)
	}
}

inline check_end()
{
	for (n : 0 .. MESSAGES - 1) {
		P2_outcomes = HAS(decided, command_of[n]);
		assert(P2_outcomes)
	}
	for (n : 0 .. BOOKINGS - 1) {
		P8_swept = !SWEEP || state_of[n] != HELD || until_of[n] > clock;
		assert(P8_swept)
	}
}

