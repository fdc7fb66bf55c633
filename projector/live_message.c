#include "live_message.h"

static size_t seats_end(const struct fold *fold, const struct event_change *event)
{
	const struct block_change *const last = &fold->blocks[event->first + event->count - 1];
	return last->first + last->count;
}

static void write_head(struct strbuf *out, const char *event_id, int64_t previous_version)
{
	strbuf_reset(out);
	strbuf_add_text(out, "{\"event_id\":");
	strbuf_add_json(out, event_id);
	strbuf_add_text(out, ",\"previous_version\":");
	strbuf_add_int(out, previous_version);
	strbuf_add_text(out, ",\"seats\":[");
}

static void write_seat(struct strbuf *out, const struct seat_change *seat, bool is_first)
{
	strbuf_add_text(out, is_first ? "{\"seat_id\":" : ",{\"seat_id\":");
	strbuf_add_json(out, seat->seat_id);
	strbuf_add_text(out, ",\"status\":");
	strbuf_add_json(out, seat_status_name(seat->status));
	strbuf_add_char(out, '}');
}

static void write_tail(struct strbuf *out, const struct map_sums *sums)
{
	strbuf_add_text(out, "],\"version\":");
	strbuf_add_int(out, sums->version);
	strbuf_add_text(out, ",\"counts\":{");
	for (enum seat_status i = 0; i < SEAT_STATUS_COUNT; i++) {
		strbuf_add_text(out, i ? ",\"" : "\"");
		strbuf_add_text(out, seat_status_name(i));
		strbuf_add_text(out, "\":");
		strbuf_add_int(out, sums->counts[i]);
	}
	strbuf_add_text(out, "}}");
}

void live_message_version(const char *event_id, const struct map_sums *sums, struct strbuf *out)
{
	write_head(out, event_id, sums->version);
	write_tail(out, sums);
}

static void write_moves(struct live_cursor *cursor, const struct fold *fold,
			const struct store_result *result, size_t end, struct strbuf *out)
{
	size_t written = 0;

	for (; cursor->next < end && written < LIVE_SEATS_MAX; cursor->next++) {
		const struct seat_change *const seat = &fold->seats[cursor->next];
		const struct seat_move *const move = &result->seats[cursor->next];
		if (!move->moved)
			continue;
		cursor->sums.version += seat->version - move->from_version;
		cursor->sums.counts[move->from]--;
		cursor->sums.counts[seat->status]++;
		write_seat(out, seat, written++ == 0);
	}
}

bool live_message_next(struct live_cursor *cursor, const struct fold *fold,
		       const struct store_result *result, size_t event, struct strbuf *out)
{
	const struct event_change *const change = &fold->events[event];
	const struct event_move *const move = &result->events[event];
	const size_t end = seats_end(fold, change);

	if (!cursor->is_begun) {
		cursor->is_begun = true;
		cursor->next = fold->blocks[change->first].first;
		cursor->sums = move->before;
	}
	if (cursor->is_done)
		return false;

	if (!move->is_exact) {
		live_message_version(change->event_id, &move->after, out);
		cursor->is_done = true;
		return true;
	}
	const int64_t previous_version = cursor->sums.version;
	if (previous_version == move->after.version)
		return false;
	write_head(out, change->event_id, previous_version);
	write_moves(cursor, fold, result, end, out);
	write_tail(out, &cursor->sums);
	cursor->is_done = cursor->next == end;
	return true;
}
