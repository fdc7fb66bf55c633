/*
 * fault - named points at which a test kills the process, or stops it for a while.
 *
 * Built only with -Dfault_points=true; otherwise FAULT_POINT is nothing. FAULT_POINT=name in the
 * environment kills with SIGKILL at the first time that point is reached, name:3 at the third.
 * name:3:stop stops with SIGSTOP at each third time; with SIGCONT the process goes on from there.
 */
#pragma once

#ifdef SEATLINE_FAULT_POINTS
void fault_point(const char *name);
#define FAULT_POINT(name) fault_point(name)
#else
#define FAULT_POINT(name) ((void)0)
#endif
