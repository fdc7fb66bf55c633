/*
 * state - projector_state: how far the log is folded in, and which projector may say so.
 *
 * A term begins when a projector becomes the active one or a rebuild begins. Only the present term
 * may move the position: a projector that was stopped and wakes up later can write no position
 * over that of its successor, which could otherwise make rows count as read that a rebuild has to
 * read again.
 * Errors   ERR_CONFLICT: another term has begun.
 * Source   lib/PROTOCOL.md, "The read model (MongoDB)".
 */
#pragma once

#include "changes.h"
#include "mongo.h"
#include "write_model.h"

struct read_model_state {
	char ledger_id[LEDGER_ID_BYTES_MAX]; /* "": the read model was never built */
	struct log_position position;
	int64_t shape;      /* DOCUMENTS_SHAPE when it was built; 0: before shapes were numbered */
	bool is_rebuilding; /* a rebuild was begun and not finished */
	int64_t term;
};

/* All zero when there is none. */
err_code state_read(struct mongo *mongo, struct read_model_state *ret,
                    struct err *err) _must_check_;

/* Begins a new term and answers the state. */
err_code state_begin_term(struct mongo *mongo, struct read_model_state *ret,
                          struct err *err) _must_check_;

/* Matches the state while the term is the present one; the caller's. */
bson_t *state_guard(int64_t term);

err_code state_begin_rebuild(struct mongo *mongo, int64_t term, struct err *err) _must_check_;
err_code state_end_rebuild(struct mongo *mongo, int64_t term, const char *ledger_id,
                           const struct log_position *position, struct err *err) _must_check_;

/*
 * Not waited for on disk: a position lost makes rows be read again, which changes nothing. The last
 * one of many is settled, for MongoDB alone does not say that it lost one.
 */
err_code state_move(struct mongo *mongo, int64_t term, const struct log_position *position,
                    struct err *err) _must_check_;
/* The same, on disk. */
err_code state_settle(struct mongo *mongo, int64_t term, const struct log_position *position,
                      struct err *err) _must_check_;
