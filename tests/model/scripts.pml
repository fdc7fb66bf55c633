/*
 * scripts - what stands in the log, run by run. Each choice is made in every way.
 */

#define A  1 /* seats, as bits */
#define B  2
#define AB 3

inline want(booking, which, where)
{
	wanted[booking] = which;
	home[booking] = where
}

#ifdef RUN_fight
/* Bookings that fight for seats, and one of them stored twice. */
inline script()
{
	if
	:: want(0, AB, 0)
	:: want(0, A, 0)
	fi;
	if
	:: want(1, AB, 0)
	:: want(1, B, 0)
	fi;
	want(2, A, 0);
	say(0, BOOK, 0, 0);
	if
	:: say(1, BOOK, 1, 1)
	:: say(1, HOLD, 1, 1)
	fi;
	if
	:: say(2, BOOK, 2, 2)
	:: say(2, BOOK, 0, 0)
	:: say(2, CANCEL, 0, 2)
	fi
}
#endif

#ifdef RUN_life
/* A hold and what becomes of it, and who else would have its seats. */
inline script()
{
	want(0, AB, 0);
	want(1, A, 0);
	want(2, B, 0);
	say(0, HOLD, 0, 0);
	if
	:: say(1, CONFIRM, 0, 1)
	:: say(1, EXTEND, 0, 1)
	:: say(1, CANCEL, 0, 1)
	:: say(1, BOOK, 1, 1)
	:: say(1, HOLD, 1, 1)
	fi;
	if
	:: say(2, CONFIRM, 0, 2)
	:: say(2, CANCEL, 0, 2)
	:: say(2, BOOK, 2, 2)
	:: say(2, CONFIRM, 2, 2)
	:: say(2, kind[1], booking_of[1], 1)
	fi
}
#endif

#ifdef RUN_partitions
/* Two partitions whose bookings want the same seats. */
inline script()
{
	want(0, AB, 0);
	if
	:: want(1, A, 1)
	:: want(1, AB, 1)
	fi;
	want(2, B, 1);
	say(0, HOLD, 0, 0);
	say(1, CONFIRM, 0, 1);
	say(2, BOOK, 1, 2);
	say(3, HOLD, 2, 3)
}
#endif
