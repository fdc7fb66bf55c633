/*
 * lane - worker/lane.c step by step, for spin to try every interleaving of two of them.
 *
 * Each step names what it stands for, and check.py looks whether that is there:
 *   [lane.c attempt]   a function of worker/lane.c
 *   [move_fence.sql]   a statement of worker/sql/
 *   [at worker_after_take]   a fault point: here the lane may crash
 *
 * What may happen at any step, each as often as its budget says: a lane crashes, and one with another
 * token takes its place; a partition moves to the other lane, and the first one hears of it late (a
 * zombie) or never; the answer to a COMMIT is lost, and it was done, or not, or is still under way;
 * an operator sets the progress back. Locks run out at any time, and Redis is away at any; the clock
 * goes on. Messages are stored before the lanes begin: one that comes later is one that is read later.
 *
 * Left out: servers that are away otherwise (who tries again does the same, later), dead letters, the
 * rules about events, buyers and idempotency keys (pure, and tested as such), has_to_end.sql (a hint:
 * here the sweep looks when there is something to find), and that load_seats.sql first looks whether
 * the partition has any hold that ran out.
 *
 * What must hold, by the names of the assertions:
 *   P1_owners     no seat has two live owners
 *   P2_outcomes   at the end each command has its outcome; run "ends": there is an end
 *   P2_order      no offset is stepped over before its command is decided
 *   P4_seats      a live booking has all of its seats, and a seat that is nobody's can be had
 *   P6_effects    a command has one row in the log; so has the end of a hold
 *   P6_settled    an offset is settled by one transaction: who lost a partition settles nothing
 *   P8_early      no hold ends before its time
 *   P8_late       no hold is confirmed or extended after its time
 *   P8_blocked    no hold that ran out keeps anybody from its seats
 *   P8_swept      at the end no hold is left that ran out, where there is a sweep
 *   lock_foreign  nobody gives back another one's lock
 *   lock_waiting  nobody waits for a lock with locks in hand
 */

#include "world.pml"
#include "ledger.pml"
#include "decide.pml"
#include "scripts.pml"

/* What the source tells the lane of a partition: which time of owning it this is; 0: another's. */
#define OWNED(lane, partition) (owner_of[partition] == lane -> move_count[partition] + 1 : 0)

#if REDIS
/* [seat_lock_redis.c lock], its script: 0 foreign. */
#define IS_FOREIGN(seat) (lock_partition[seat] != NOBODY && lock_partition[seat] != p + 1)
#define NAMES(i, seat) HAS(wanted[booking_of[AT(p, first + i)]], seat)
#define MUST_WAIT(i) (NAMES(i, 0) && IS_FOREIGN(0) || NAMES(i, 1) && IS_FOREIGN(1))

inline lock_seats(how_many)
{
	for (n : 0 .. how_many - 1) {
		for (s : 0 .. SEATS - 1) {
			if
			:: NAMES(n, s) && !IS_FOREIGN(s) ->
				lock_partition[s] = p + 1;
				lock_token[s] = token;
				ADD(locked, s)
			:: else
			fi
		}
	}
}

/* [lane.c unlock] [seat_lock_redis.c unlock]: compare and delete. */
inline unlock()
{
	for (s : 0 .. SEATS - 1) {
		if
		:: HAS(locked, s) && lock_token[s] == token ->
			lock_foreign = lock_token[s] != NOBODY && lock_token[s] != token;
			assert(!lock_foreign);
			lock_partition[s] = NOBODY;
			lock_token[s] = NOBODY
		:: else
		fi
	}
	locked = 0
}
#else
inline unlock()
{
	skip
}
#endif

/* [lane.c forget_batch] */
inline forget_batch()
{
	p = 0;
	assignment = 0;
	first = 0;
	messages = 0;
	count = 0;
	in_doubt = 0
}

/* [source_kafka.c restart]: to be asked again where it begins. */
inline restart(which)
{
	started[which] = false;
	standing[which] = 0;
	position[which] = 0
}

/* [lane.c lose_partition] */
inline lose_partition()
{
	printf("lane %d lost partition %d: it stands at %d, not at %d\n", me, p, progress[p], standing[p]);
	restart(p);
	unlock();
	forget_batch()
}

/* [source_kafka.c poll_group] [lane.c drop_if_revoked] [source_kafka.c owns] */
inline hear(which)
{
	seen[which] = OWNED(me, which);
	printf("lane %d hears that partition %d is lane %d's\n", me, which, owner_of[which]);
	restart(which);
	if
	:: messages > 0 && p == which -> forget_batch()
	:: else
	fi
}

/* [lane.c start_partitions] [starter.c starter_turn] [starter.c begin_at] [read_progress.sql] */
#define BEGINNING(which) progress[which]

inline start(which)
{
	standing[which] = BEGINNING(which);
	position[which] = standing[which];
	started[which] = true;
	printf("lane %d starts partition %d at %d\n", me, which, position[which])
}

/* [lane.c take] [source_kafka.c take] [batch.c batch_decode] */
inline take(which, how_many)
{
	p = which;
	assignment = seen[which];
	first = position[which];
	messages = how_many;
	position[which] = position[which] + how_many;
	printf("lane %d takes %d from offset %d of partition %d\n", me, how_many, first, which)
}

/* [lane.c finish] [starter.c starter_note_progress] [batch.c batch_drop_first] */
inline finish(how_many)
{
	standing[p] = first + how_many;
#if ENDS
	reported[p] = standing[p]; /* [source_kafka.c report]: for lag tools only */
#endif
	unlock();
	in_doubt = 0;
	first = first + how_many;
	messages = messages - how_many;
	count = 0;
	if
	:: messages == 0 -> forget_batch()
	:: else
	fi
}

/* [move_fence.sql] */
#define FENCE_STANDS(which) (progress[which] == standing[which])

/* [own_partition.sql], which is waited for, and then the fence. */
inline open_transaction()
{
	row_partition[p] = me + 1;
	tx[me].open = true;
	tx[me].partition = p;
	tx[me].from = standing[p];
	tx[me].to = (count > 0 -> first + count : standing[p]);
	tx[me].now = clock;
	printf("lane %d moves the fence of partition %d from %d to %d, at time %d\n", me, p, tx[me].from,
	       tx[me].to, clock);
	choose_seats(me, first, count)
}

/* [lane.c decide_all], or [journal.c journal_sweep] for a sweep */
inline decide_all()
{
	for (i : 0 .. BATCH - 1) {
		if
		:: i < count -> decide(me, AT(p, first + i))
		:: else
		fi
	}
	for (i : 0 .. BOOKINGS - 1) {
		if
		:: count == 0 && HAS_LAPSED(me, i) -> lapse(me, i)
		:: else
		fi
	}
}

/* Nothing is left of a lane but what it wrote, and its locks. [lane.c lane_new] */
inline begin_anew()
{
	crashes--;
	printf("lane %d crashes\n", me);
	forget_batch();
	for (n : 0 .. PARTITIONS - 1) {
		seen[n] = 0;
		restart(n)
	}
#if REDIS
	token = token + LANES;
	locked = 0
#endif
}

#define TURN(which) \
	:: d_step { seen[which] != OWNED(me, which) -> hear(which) } \
	:: d_step { seen[which] > 0 && !started[which] -> start(which) } \
	:: d_step { messages == 0 && started[which] && position[which] < LOG -> take(which, 1) }; \
		goto attempt \
	:: d_step { messages == 0 && started[which] && position[which] + 1 < LOG -> take(which, 2) }; \
		goto attempt

/* [lane.c sweep] [sweeper.c sweeper_turn] [sweeper.c end_bookings] */
#define SWEEP_TURN(which) \
	:: atomic { messages == 0 && started[which] && \
		(home[0] == which && RAN_OUT(0, clock) || home[1] == which && RAN_OUT(1, clock) || \
		 home[2] == which && RAN_OUT(2, clock)) -> p = which; goto begin }

proctype lane(byte me)
{
	byte seen[PARTITIONS];     /* OWNED, as last heard */
	bool started[PARTITIONS];
	byte standing[PARTITIONS]; /* [starter.c starter_progress] */
	byte position[PARTITIONS]; /* what the source hands out next */
	/* The batch: */
	byte p;
	byte assignment; /* OWNED, when it was taken           */
	byte first;      /* offset                             */
	byte messages;   /* from there on that are not settled */
	byte count;      /* of these in the transaction; a sweep has none */
	byte in_doubt;
#if REDIS
	byte token = me + 1; /* [seat_lock_redis.c seat_lock_redis_new]: no two lanes have one */
	byte locked;         /* seats, as bits */
#endif

end_turn: /* [lane.c lane_turn], whose steps may come in any order: each when it is due, or later. */
	do
	TURN(0)
#if PARTITIONS > 1
	TURN(1)
#endif
#if SWEEP
	SWEEP_TURN(0)
#if PARTITIONS > 1
	SWEEP_TURN(1)
#endif
#endif
	:: messages > 0 -> goto attempt
	od;

attempt: /* [lane.c attempt] [at worker_after_take] [at worker_after_decode] */
	if /* [lane.c settle_doubt] [read_progress.sql] */
	:: d_step { in_doubt > 0 && progress[p] == first + in_doubt -> finish(in_doubt) };
		goto end_turn
	:: d_step { in_doubt > 0 && progress[p] != first + in_doubt && progress[p] != standing[p] ->
		lose_partition() };
		goto end_turn
	:: d_step { in_doubt > 0 && progress[p] != first + in_doubt && progress[p] == standing[p] ->
		in_doubt = 0 } /* Should it still be under way, the fence will tell. */
	:: in_doubt == 0
	fi;

#if REDIS
lock: /* [lane.c lock] [lane.c free_prefix] */
	if
	:: count = messages /* Redis is away. */
	:: d_step { !MUST_WAIT(0) && (messages == 1 || !MUST_WAIT(1)) ->
		count = messages;
		lock_seats(count);
		skip
	   }
	:: d_step { !MUST_WAIT(0) && messages > 1 && MUST_WAIT(1) ->
		lock_seats(messages);
		unlock();
		count = 1;
		lock_seats(count);
		skip
	   }
	:: d_step { MUST_WAIT(0) -> /* It has waited long enough: on without. */
		count = messages;
		lock_seats(count);
		skip
	   }
	:: d_step { MUST_WAIT(0) ->
		lock_seats(messages);
		unlock()
	   };
		goto wait
	fi;
#else
	count = messages;
#endif

begin: /* [lane.c load] [ledger_pg.c begin] [ledger_pg.c sweep] [ledger_pg.c open_and_load] */
	if
	:: d_step { row_partition[p] == NOBODY && !FENCE_STANDS(p) -> lose_partition() };
		goto end_turn
#if PARTITIONS == 1
	/* Whoever has the partition meets nobody else at a row: all of it is one step. */
	:: d_step { row_partition[p] == NOBODY && FENCE_STANDS(p) ->
		open_transaction();
		read_seats(me);
		choose_bookings(me);
		read_bookings(me);
		check_fit(me);
		assert(needed);
		decide_all();
		skip
	   }
#else
	:: d_step { row_partition[p] == NOBODY && FENCE_STANDS(p) ->
		open_transaction();
		skip
	   }
#endif
	:: d_step { MAY(crashes) -> begin_anew(); skip }; /* [at worker_after_lock] */
		goto end_turn
	fi;

#if PARTITIONS > 1
#define FIRST_SEAT 0
#define LAST_SEAT (1 - FIRST_SEAT)
	if /* The rows in the order of the seats, each once nobody else has it. */
	:: READ_SEAT(me, FIRST_SEAT)
	:: !HAS(tx[me].seats, FIRST_SEAT)
	fi;
	if
	:: READ_SEAT(me, LAST_SEAT)
	:: !HAS(tx[me].seats, LAST_SEAT)
	fi;
	d_step { choose_bookings(me); skip }
	/* All rows at once: who would wait for another's booking has waited for its seat. */
	if
	:: d_step { CAN_READ_BOOKINGS(me) ->
		read_bookings(me);
		check_fit(me);
		if
		:: needed -> decide_all()
		:: else -> roll_back(me)
		fi;
		skip
	   }
	fi;
	if
	:: !tx[me].open -> goto begin
	:: else
	fi;
#endif

	if /* [lane.c decide_and_commit] [ledger_pg.c commit] */
	:: d_step { true ->
		carry_out(me);
		if
		:: count > 0 -> finish(count)
		:: else -> p = 0
		fi;
		skip
	   };
		goto end_turn
	:: d_step { MAY(lost) ->
		lost--;
		printf("lane %d misses the answer to its COMMIT\n", me);
		in_doubt = count;
		p = (count > 0 -> p : 0);
		count = 0;
		become_unknown(me);
		skip
	   };
		goto end_turn
	:: d_step { MAY(crashes) -> /* [at worker_after_load] [at worker_after_decide]
				       [at worker_before_commit] [at worker_after_commit]
				       [at worker_after_sweep_load] [at worker_after_sweep_commit]
				       [at worker_after_unlock] [at worker_after_report] */
		begin_anew();
		become_unknown(me);
		skip
	   };
		goto end_turn
	fi;

#if REDIS
wait: /* [lane.c lock]: until it is free; or has been waited for long enough. */
	atomic {
		!MUST_WAIT(0) ->
		lock_waiting = (locked != 0);
		assert(!lock_waiting)
	}
	goto end_turn
#endif
}

#define MOVE(which) \
	owner_of[which] = 1 - owner_of[which]; \
	move_count[which]++; \
	printf("partition %d moves to lane %d\n", which, owner_of[which])

/* What goes on by itself, each thing at any time. */
proctype world()
{
end_world:
	do
	/* The server ends what its client left. */
	:: d_step { tx[ORPHAN].open -> printf("the server:\n"); carry_out(ORPHAN); skip }
	:: d_step { tx[ORPHAN].open -> roll_back(ORPHAN); skip }
	/* [source_kafka.c rebalance], the group's side of it: who had the partition hears of it late. */
#if MOVES
	:: d_step { MAY(moves) -> moves--; MOVE(0) }
#if PARTITIONS > 1
	:: d_step { MAY(moves) -> moves--; MOVE(1) }
#endif
#endif
#if TIME
	:: d_step { clock < TIME -> clock++; printf("it is %d\n", clock) }
#endif
#if REDIS /* Expiry, or FLUSHALL. */
	:: d_step { lock_token[0] != NOBODY -> lock_partition[0] = NOBODY; lock_token[0] = NOBODY }
	:: d_step { lock_token[1] != NOBODY -> lock_partition[1] = NOBODY; lock_token[1] = NOBODY }
#endif
#if REWINDS /* An operator's hand; its UPDATE waits for the row like anybody. */
	:: d_step { MAY(rewinds) && row_partition[0] == NOBODY ->
		rewinds--;
		printf("the operator sets the progress back to 0\n");
		progress[0] = 0;
		for (n : 0 .. LOG - 1) {
			settled[n] = 0
		}
		skip
	   }
#endif
#if ENDS /* So that the end is reached whatever is left of the budgets. */
	:: !faults_are_over -> faults_are_over = true
#endif
	:: atomic { timeout -> check_end(); break }
	od
}

init {
	atomic {
		script();
#if PARTITIONS > 1
		owner_of[1] = 1;
#endif
		run lane(0);
		run lane(1);
		run world()
	}
}
