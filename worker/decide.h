/*
 * decide - the rules of the business.
 *
 * Pure: no I/O, no clock, no globals. journal_apply enters the outcome into the state and notes
 * what is to be written, so that the next command of the same batch is decided on what came of this
 * one.
 *
 * A booking is made by book or hold (rejections: the first reason that applies, in the order of
 * enum reason; a hold that has run out counts as available whether or not anything swept it, P8),
 * and acted on by confirm, extend and cancel:
 *
 *               confirm            extend             cancel
 *   held        confirmed          held, longer       cancelled
 *   confirmed   already_confirmed  already_confirmed  cancelled
 *   rejected    booking_rejected   booking_rejected   booking_rejected
 *   cancelled   booking_cancelled  booking_cancelled  already_cancelled
 *   expired     hold_expired       hold_expired       hold_expired
 *   done        not_a_booking      not_a_booking      not_a_booking
 *
 * A held booking whose time is over is expired first. Only the owner may act; a command that names
 * no user acts for the owner. A command for a booking that was never made makes it a rejected one
 * (booking_not_found), and so is each later one refused.
 *
 * block, unblock and cancel_event make a booking of their own kind, which is done or rejected and
 * not acted on by anything (not_a_booking): no seller's window or limit is in their way. A seat of
 * a block or unblock is lost for itself alone; done is what reached at least one.
 */
#pragma once

#include "command.h"
#include "reason.h"
#include "state.h"

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_REJECTED,
	VERDICT_HELD,
	VERDICT_CONFIRMED,
	VERDICT_EXTENDED,
	VERDICT_CANCELLED,
	VERDICT_DONE,          /* what an administrator asked for */
	VERDICT_UNCHANGED,     /* it is so already */
	VERDICT_REFUSED,       /* the booking stays as it is */
	VERDICT_DUPLICATE,     /* the same command again: no second effect, no trace */
	VERDICT_CONTRADICTION, /* its booking id stands for something else: neither */
	VERDICT_COUNT,
};

const char *verdict_name(enum verdict verdict);

struct outcome {
	enum verdict verdict;
	enum reason reason; /* of VERDICT_REJECTED, _UNCHANGED, _REFUSED */
	unsigned lost;      /* VERDICT_REJECTED, _DONE: bit i: command->seat_ids[i] cannot be had */
	int64_t expires_ms; /* VERDICT_HELD, VERDICT_EXTENDED */
	/* Bookings whose hold has run out and which end before the command is carried out. */
	unsigned lapsed_count;
	const struct known_booking *lapsed[COMMAND_SEATS_MAX];
};

/* The state must know all that the command names and what that leads to (ledger.h). */
struct outcome decide(const struct state *state, const struct command *command, int64_t now_ms);

/* Whether a booking's hold has run out. */
bool has_lapsed(const struct known_booking *booking, int64_t now_ms);
