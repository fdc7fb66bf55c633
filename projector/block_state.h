/*
 * block_state - what the projector remembers of one block, and the update that moves it forward.
 *
 * Pure: no I/O. A seat moves only to a greater version; a block's version grows by the sum of what
 * its seats' versions grew by, and an update applies only to the version it was planned from.
 */
#pragma once

#include "fold.h"

#include <bson/bson.h>
#include <stdbool.h>
#include <stdint.h>

struct block_state {
	struct map_sums sums;
	int32_t seat_count; /* positions, with or without a seat */
	int64_t versions[BLOCK_SEATS];
	uint8_t statuses[BLOCK_SEATS]; /* enum seat_status; SEAT_STATUS_COUNT: no seat there */
};

/* What a seat's change came to. */
struct seat_move {
	bool moved;
	enum seat_status from;
	int64_t from_version;
};

/* False: not a block as we write them. */
bool block_state_read(const bson_t *doc, struct block_state *ret);

/* False when a seat that changed is not in the block. */
bool block_state_has_seats(const struct block_state *block, const struct seat_change *changes,
                           size_t count);

/*
 * Fills moves[0..count), for changes of this block's seats, and adds to *ret_sums what the block
 * grows by. A change of a seat that is not there does not move. Answers how many moved.
 */
size_t block_state_plan(const struct block_state *block, const struct seat_change *changes,
                        size_t count, struct seat_move *moves, struct map_sums *ret_growth);

/* The update document of a plan. */
bson_t *block_state_update(const struct block_state *block, const struct seat_change *changes,
                           const struct seat_move *moves, size_t count,
                           const struct map_sums *growth);

/* The update was written. */
void block_state_settle(struct block_state *block, const struct seat_change *changes,
                        const struct seat_move *moves, size_t count,
                        const struct map_sums *growth);

/* a + sign * b */
void map_sums_add(struct map_sums *a, const struct map_sums *b, int sign);
