/*
 * changes - what of an answer is no longer as it was when it was rendered.
 *
 * Shape    a plain value. Each block of a seat map has a bit; what has no bit changes all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 1,000 seats a block: more than any stadium, and a bound on what one request reads. */
#define SEAT_MAP_BLOCKS_MAX 500

#define CHANGES_WORD_BITS 64
#define CHANGES_WORDS     ((SEAT_MAP_BLOCKS_MAX + CHANGES_WORD_BITS - 1) / CHANGES_WORD_BITS)

struct changes {
	bool any;   /* false: nothing */
	bool all;   /* whatever the rest says */
	bool event; /* the event's own data */
	uint64_t blocks[CHANGES_WORDS];
};

void changes_add_all(struct changes *changes);
void changes_add_event(struct changes *changes);
void changes_add_block(struct changes *changes, int64_t block);
void changes_add(struct changes *changes, const struct changes *more);
bool changes_has_block(const struct changes *changes, int64_t block);
bool changes_has_blocks(const struct changes *changes);
/* As if it had not changed. */
void changes_drop_block(struct changes *changes, int64_t block);
