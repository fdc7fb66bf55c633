/*
 * actors - who lives in the world: buyers who send commands, lanes, projectors, and who is after
 * them.
 *
 * A lane or a projector that died is replaced by a new one, after a while.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* lanes.c: the worker's lanes. */
void lanes_begin(void);
void lanes_crash_some(void);
void lanes_stop_some(void);   /* by SIGTERM */
void lanes_freeze_some(void); /* by SIGSTOP, for a while */
/* Starts those that are due; all, when `all`. */
void lanes_revive(bool all);
bool lanes_are_well(void);
/* The machine's clock of whoever runs. */
int64_t lanes_clock_us(void);

/* projectors.c */
void projectors_begin(void);
void projectors_crash_some(void);
void projectors_freeze_some(void);
void projectors_revive(bool all);
bool projectors_are_well(void);

/* buyers.c */
void buyers_begin(void);
bool buyers_are_done(void);

/* nemesis.c: all that goes wrong, until it stops. */
void nemesis_begin(void);
/* Called where a program talks to a server: just here it may be frozen, or crash. */
void nemesis_strike(int of_10000);
/* When it stopped; 0: it goes on. */
int64_t nemesis_stopped_ms(void);
bool nemesis_is_over(void); /* and all is well again */
