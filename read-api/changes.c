#include "changes.h"

static bool has_bit(int64_t block)
{
	return block >= 0 && block < SEAT_MAP_BLOCKS_MAX;
}

void changes_add_all(struct changes *changes)
{
	changes->any = true;
	changes->all = true;
}

void changes_add_event(struct changes *changes)
{
	changes->any = true;
	changes->event = true;
}

void changes_add_block(struct changes *changes, int64_t block)
{
	if (!has_bit(block)) {
		changes_add_all(changes);
		return;
	}
	changes->any = true;
	changes->blocks[block / CHANGES_WORD_BITS] |= UINT64_C(1) << block % CHANGES_WORD_BITS;
}

void changes_add(struct changes *changes, const struct changes *more)
{
	changes->any |= more->any;
	changes->all |= more->all;
	changes->event |= more->event;
	for (size_t i = 0; i < CHANGES_WORDS; i++)
		changes->blocks[i] |= more->blocks[i];
}

bool changes_has_block(const struct changes *changes, int64_t block)
{
	return changes->all || !has_bit(block) ||
	       changes->blocks[block / CHANGES_WORD_BITS] >> block % CHANGES_WORD_BITS & 1;
}

bool changes_has_blocks(const struct changes *changes)
{
	uint64_t blocks = 0;

	for (size_t i = 0; i < CHANGES_WORDS; i++)
		blocks |= changes->blocks[i];
	return changes->all || blocks != 0;
}

void changes_drop_block(struct changes *changes, int64_t block)
{
	if (has_bit(block))
		changes->blocks[block / CHANGES_WORD_BITS] &=
			~(UINT64_C(1) << block % CHANGES_WORD_BITS);
}
