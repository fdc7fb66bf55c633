#include "fold.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size)
{
	void *const memory = calloc(count ? count : 1, size);
	assert(memory);
	return memory;
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* By seat; of one seat the newest first. */
static int compare_seats(const void *left, const void *right)
{
	const struct seat_change *const a = left;
	const struct seat_change *const b = right;

	int order = strcmp(a->event_id, b->event_id);
	if (order == 0)
		order = compare_numbers(a->block, b->block);
	if (order == 0)
		order = compare_numbers(a->index, b->index);
	return order ? order : compare_numbers(b->version, a->version);
}

/* By booking; of one booking the oldest first. */
static int compare_rows(const void *left, const void *right)
{
	const struct booking_values *const a = &(*(const struct log_row *const *)left)->booking;
	const struct booking_values *const b = &(*(const struct log_row *const *)right)->booking;

	const int order = strcmp(a->booking_id, b->booking_id);
	return order ? order : compare_numbers(a->version, b->version);
}

static struct seat_change change_of(const struct log_row *row, const struct log_seat *seat)
{
	const bool is_owned = seat->status == SEAT_HELD || seat->status == SEAT_BOOKED;

	return (struct seat_change){
		.event_id = row->booking.event_id,
		.seat_id = seat->seat_id,
		.block = seat->position / BLOCK_SEATS,
		.index = seat->position % BLOCK_SEATS,
		.status = seat->status,
		.user_id = is_owned ? row->booking.user_id : NULL,
		.booking_id = is_owned ? row->booking.booking_id : NULL,
		.version = seat->version,
	};
}

static bool is_same_seat(const struct seat_change *a, const struct seat_change *b)
{
	return a->block == b->block && a->index == b->index &&
	       strcmp(a->event_id, b->event_id) == 0;
}

static void fold_seats(const struct log_row *rows, size_t count, struct fold *fold)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += rows[i].seat_count;

	struct seat_change *const seats = allocate(total, sizeof(*seats));
	size_t used = 0;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < rows[i].seat_count; k++)
			seats[used++] = change_of(&rows[i], &rows[i].seats[k]);
	qsort(seats, total, sizeof(*seats), compare_seats);

	size_t kept = 0;
	for (size_t i = 0; i < total; i++)
		if (kept == 0 || !is_same_seat(&seats[kept - 1], &seats[i]))
			seats[kept++] = seats[i];
	fold->seats = seats;
	fold->seat_count = kept;
}

static void group_blocks(struct fold *fold)
{
	fold->blocks = allocate(fold->seat_count, sizeof(*fold->blocks));
	for (size_t i = 0; i < fold->seat_count; i++) {
		const struct seat_change *const seat = &fold->seats[i];
		struct block_change *last =
			fold->block_count ? &fold->blocks[fold->block_count - 1] : NULL;

		if (!last || last->block != seat->block ||
		    strcmp(last->event_id, seat->event_id) != 0) {
			last = &fold->blocks[fold->block_count++];
			*last = (struct block_change){ seat->event_id, seat->block, i, 0 };
		}
		last->count++;
	}
}

static void group_events(struct fold *fold)
{
	fold->events = allocate(fold->block_count, sizeof(*fold->events));
	for (size_t i = 0; i < fold->block_count; i++) {
		const struct block_change *const block = &fold->blocks[i];
		struct event_change *last =
			fold->event_count ? &fold->events[fold->event_count - 1] : NULL;

		if (!last || strcmp(last->event_id, block->event_id) != 0) {
			last = &fold->events[fold->event_count++];
			*last = (struct event_change){ block->event_id, i, 0 };
		}
		last->count++;
	}
}

static bool is_same_booking(const struct log_row *a, const struct log_row *b)
{
	return strcmp(a->booking.booking_id, b->booking.booking_id) == 0;
}

static void fold_rows(const struct log_row *rows, size_t count, struct fold *fold)
{
	fold->rows = allocate(count, sizeof(const struct log_row *));
	for (size_t i = 0; i < count; i++)
		fold->rows[i] = &rows[i];
	qsort(fold->rows, count, sizeof(*fold->rows), compare_rows);

	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || compare_rows(&fold->rows[kept - 1], &fold->rows[i]) != 0)
			fold->rows[kept++] = fold->rows[i];
	fold->row_count = kept;
}

static void group_bookings(struct fold *fold)
{
	fold->bookings = allocate(fold->row_count, sizeof(*fold->bookings));
	for (size_t i = 0; i < fold->row_count; i++) {
		const struct log_row *const row = fold->rows[i];
		struct booking_change *last =
			fold->booking_count ? &fold->bookings[fold->booking_count - 1] : NULL;

		if (!last || !is_same_booking(last->newest, row)) {
			last = &fold->bookings[fold->booking_count++];
			*last = (struct booking_change){ .first = i, .newest = row };
		}
		if (row->booking.version - last->newest->booking.version > 1)
			last->has_gap = true;
		last->newest = row;
		if (row->is_done || row->booking.version == 1)
			last->decided = row;
		last->count++;
	}
}

void fold_batch(const struct log_row *rows, size_t count, struct fold *ret)
{
	assert((rows || count == 0) && ret);

	*ret = (struct fold){ 0 };
	fold_seats(rows, count, ret);
	group_blocks(ret);
	group_events(ret);
	fold_rows(rows, count, ret);
	group_bookings(ret);
}

void fold_done(struct fold *fold)
{
	free(fold->seats);
	free(fold->blocks);
	free(fold->events);
	free(fold->rows);
	free(fold->bookings);
	*fold = (struct fold){ 0 };
}
