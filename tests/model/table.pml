/*
 * table - prints what decide.pml makes of each case, for check.py to compare with decisions.c.
 */

#define HOLD_TTL 1
#define NOW      1

#include "world.pml"
#include "ledger.pml"
#include "decide.pml"

/* Booking 0 is the command's, booking 1 is in its way; both want both seats. */
inline try(doing, mine, my_end, others, other_end, was_done)
{
	d_step {
		forget_transaction(0);
		tx[0].now = NOW;
		tx[0].seats = 3;
		tx[0].state[0] = mine;
		tx[0].until[0] = my_end;
		tx[0].state[1] = others;
		tx[0].until[1] = other_end;
		tx[0].done = was_done;
		for (n : 0 .. SEATS - 1) {
			tx[0].owner[n] = (IS_LIVE(mine) -> 1 : (IS_LIVE(others) -> 2 : NOBODY));
			tx[0].seat_until[n] = (mine == HELD -> my_end : (others == HELD -> other_end : 0))
		}
		kind[0] = doing;
		verdict = 0;
		decide(0, 0);
		result = (doing <= HOLD -> 0 : (verdict == UNCHANGED -> 1 : (verdict == REFUSED -> 2 : 0)));
		printf("%d %d,%d %d,%d %d: %d,%d %d,%d seats %d,%d %d,%d rows %d result %d ended %d\n",
		       doing, mine, my_end, others, other_end, was_done,
		       tx[0].state[0], (tx[0].state[0] == HELD -> tx[0].until[0] : 0),
		       tx[0].state[1], (tx[0].state[1] == HELD -> tx[0].until[1] : 0),
		       tx[0].owner[0], tx[0].seat_until[0], tx[0].owner[1], tx[0].seat_until[1],
		       tx[0].rows, result, tx[0].lapsed)
	}
}

byte act_kind;
byte result; /* 0 done, 1 unchanged, 2 refused */
byte before;
byte repeated;

init {
	clock = NOW;
	wanted[0] = 3;
	wanted[1] = 3;
	for (act_kind : BOOK .. HOLD) {
		try(act_kind, NEVER, 0, NEVER, 0, 0);
		try(act_kind, NEVER, 0, HELD, NOW, 0);
		try(act_kind, NEVER, 0, HELD, NOW + 1, 0);
		try(act_kind, NEVER, 0, CONFIRMED, 0, 0);
		try(act_kind, NEVER, 0, CANCELLED, 0, 0);
		try(act_kind, (act_kind == BOOK -> CONFIRMED : HELD), (act_kind == BOOK -> 0 : NOW + 1), NEVER, 0, 0)
	}
	for (act_kind : CONFIRM .. CANCEL) {
		for (repeated : 0 .. 1) {
			for (before : NEVER .. EXPIRED) {
				if
				:: repeated && before == NEVER -> skip
				:: else -> try(act_kind, before, (before == HELD -> NOW + 1 : 0), NEVER, 0, repeated)
				fi
			}
			try(act_kind, HELD, NOW, NEVER, 0, repeated)
		}
	}
}
