#include "write_model.h"

#include "projector_sql.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_OF(number) #number
#define LIMIT(number)   TEXT_OF(number)

/* Columns of events.sql and block.sql. */
enum event_column {
	EVENT_ID,
	EVENT_NAME,
	EVENT_KIND,
	EVENT_STARTS_MS,
	EVENT_VENUE,
	EVENT_CURRENCY,
	EVENT_HOLD_TTL_MS,
	EVENT_HOLD_EXTENSIONS,
	EVENT_SEATS_PER_USER,
	EVENT_SALES_OPEN_MS,
	EVENT_SALES_CLOSE_MS,
	EVENT_CANCELLED_MS,
	EVENT_VERSION,
	EVENT_MAP_VERSION,
	EVENT_FIRST_COUNT,
	EVENT_TOTAL = EVENT_FIRST_COUNT + SEAT_STATUS_COUNT,
	EVENT_LAST_POSITION,
	EVENT_HOLDS_PER_USER,
};
enum seat_column {
	SEAT_POSITION,
	SEAT_ID,
	SEAT_STATUS,
	SEAT_USER,
	SEAT_BOOKING,
	SEAT_VERSION,
	SEAT_SECTION,
	SEAT_ROW,
	SEAT_NUMBER,
	SEAT_PRICE,
};

static int32_t blocks_up_to(int64_t last_position)
{
	const int64_t blocks = (last_position + BLOCK_SEATS) / BLOCK_SEATS;
	return (int32_t)(blocks < BLOCKS_MAX ? blocks : BLOCKS_MAX);
}

err_code write_model_read(struct pg *pg, struct write_model *ret, struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const err_code code = pg_query(pg, "model", SQL_MODEL, NULL, 0, &res, err);
	if (code != ERR_OK)
		return code;
	if (PQntuples(res) != 1)
		return err_set(err, ERR_INTERNAL, "table ledger has no row");

	(void)snprintf(ret->ledger_id, sizeof(ret->ledger_id), "%s", PQgetvalue(res, 0, 0));
	ret->xmin = strtoull(PQgetvalue(res, 0, 1), NULL, 10);
	return ERR_OK;
}

err_code write_model_begin(struct pg *pg, struct write_model *ret, struct err *err)
{
	err_code code = pg_query(pg, NULL, SQL_BEGIN_SNAPSHOT, NULL, 0, NULL, err);
	if (code != ERR_OK)
		return code;
	code = write_model_read(pg, ret, err);
	if (code != ERR_OK)
		pg_rollback(pg);
	return code;
}

static err_code read_events(struct pg *pg, const char *only, const char *after, PGresult **ret,
			    struct err *err)
{
	const char *const params[] = { only, after, LIMIT(EVENTS_PAGE) };
	return pg_query(pg, "events", SQL_EVENTS, params, 3, ret, err);
}

err_code write_model_events(struct pg *pg, const char *after, PGresult **ret, struct err *err)
{
	return read_events(pg, NULL, after, ret, err);
}

err_code write_model_event(struct pg *pg, const char *event_id, PGresult **ret, struct err *err)
{
	return read_events(pg, event_id, "", ret, err);
}

struct event_values write_model_event_at(const PGresult *events, int row)
{
	struct event_values event = {
		.event_id = pg_text_at(events, row, EVENT_ID),
		.name = pg_text_at(events, row, EVENT_NAME),
		.kind = pg_text_at(events, row, EVENT_KIND),
		.starts_at_ms = pg_int_at(events, row, EVENT_STARTS_MS),
		.venue = pg_text_at(events, row, EVENT_VENUE),
		.currency = pg_text_at(events, row, EVENT_CURRENCY),
		.hold_ttl_ms = pg_int_at(events, row, EVENT_HOLD_TTL_MS),
		.hold_extensions_max = pg_int_at(events, row, EVENT_HOLD_EXTENSIONS),
		.seats_per_user_max = pg_int_or(events, row, EVENT_SEATS_PER_USER, NUMBER_NONE),
		.holds_per_user_max = pg_int_or(events, row, EVENT_HOLDS_PER_USER, NUMBER_NONE),
		.sales_open_at_ms = pg_int_or(events, row, EVENT_SALES_OPEN_MS, NUMBER_NONE),
		.sales_close_at_ms = pg_int_or(events, row, EVENT_SALES_CLOSE_MS, NUMBER_NONE),
		.cancelled_at_ms = pg_int_or(events, row, EVENT_CANCELLED_MS, NUMBER_NONE),
		.event_version = pg_int_at(events, row, EVENT_VERSION),
		.sums.version = pg_int_at(events, row, EVENT_MAP_VERSION),
		.seats_total = pg_int_at(events, row, EVENT_TOTAL),
		.blocks = blocks_up_to(pg_int_at(events, row, EVENT_LAST_POSITION)),
	};

	for (int i = 0; i < SEAT_STATUS_COUNT; i++)
		event.sums.counts[i] = pg_int_at(events, row, EVENT_FIRST_COUNT + i);
	return event;
}

err_code write_model_maps(struct pg *pg, const char *after, PGresult **ret, struct err *err)
{
	char key[IDENT_BYTES_MAX + 1];
	(void)snprintf(key, sizeof(key), "%s%s", after, *after ? "/" : "");
	const char *const params[] = { key, LIMIT(EVENTS_PAGE) };

	return pg_query(pg, "event_maps", SQL_EVENT_MAPS, params, 2, ret, err);
}

const char *write_model_map_event(const PGresult *maps, int row)
{
	return pg_text_at(maps, row, 0);
}

int32_t write_model_map_blocks(const PGresult *maps, int row)
{
	return blocks_up_to(pg_int_at(maps, row, 1));
}

static struct seat_values seat_at(const PGresult *res, int row)
{
	return (struct seat_values){
		.index = (int32_t)(pg_int_at(res, row, SEAT_POSITION) % BLOCK_SEATS),
		.seat_id = pg_text_at(res, row, SEAT_ID),
		.status = seat_status_parse(pg_text_at(res, row, SEAT_STATUS)),
		.user_id = pg_text_at(res, row, SEAT_USER),
		.booking_id = pg_text_at(res, row, SEAT_BOOKING),
		.version = pg_int_at(res, row, SEAT_VERSION),
		.section = pg_text_at(res, row, SEAT_SECTION),
		.row = pg_text_at(res, row, SEAT_ROW),
		.number = (int32_t)pg_int_at(res, row, SEAT_NUMBER),
		.price_minor = pg_int_at(res, row, SEAT_PRICE),
	};
}

err_code write_model_block(struct pg *pg, const char *event_id, int32_t block, bson_t **ret,
			   struct err *err)
{
	char from[24];
	char to[24];
	(void)snprintf(from, sizeof(from), "%lld", (long long)block * BLOCK_SEATS);
	(void)snprintf(to, sizeof(to), "%lld", ((long long)block + 1) * BLOCK_SEATS);
	const char *const params[] = { event_id, from, to };

	_cleanup_(PQclearp) PGresult *res = NULL;
	const err_code code = pg_query(pg, "block", SQL_BLOCK, params, 3, &res, err);
	if (code != ERR_OK)
		return code;

	const int count = PQntuples(res);
	assert(count <= BLOCK_SEATS); /* Positions are unique. */
	_cleanup_free_ struct seat_values *seats = calloc((size_t)count + 1, sizeof(*seats));
	assert(seats);
	for (int i = 0; i < count; i++) {
		seats[i] = seat_at(res, i);
		if (seats[i].status == SEAT_STATUS_COUNT)
			return err_set(err, ERR_INTERNAL,
				       "seat '%s' of event '%s' has no known status",
				       seats[i].seat_id, event_id);
	}
	*ret = document_block(event_id, block, seats, (size_t)count);
	return ERR_OK;
}

err_code write_model_event_versions(struct pg *pg, const char *after, PGresult **ret,
				    struct err *err)
{
	const char *const params[] = { after, LIMIT(EVENT_VERSIONS_PAGE) };
	return pg_query(pg, "event_versions", SQL_EVENT_VERSIONS, params, 2, ret, err);
}

err_code write_model_fingerprint(struct pg *pg, char ret[static FINGERPRINT_BYTES_MAX],
				 struct err *err)
{
	_cleanup_(PQclearp) PGresult *res = NULL;
	const err_code code =
		pg_query(pg, "events_fingerprint", SQL_EVENTS_FINGERPRINT, NULL, 0, &res, err);
	if (code == ERR_OK)
		(void)snprintf(ret, FINGERPRINT_BYTES_MAX, "%s", PQgetvalue(res, 0, 0));
	return code;
}
