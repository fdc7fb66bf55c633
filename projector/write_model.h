/*
 * write_model - PostgreSQL's events and maps, page by page, as the documents that the read model
 * should hold. Bookings are booking_page's.
 *
 * Between write_model_begin and pg_rollback all reads see one moment. Pages are read by key, so
 * memory and the time of each statement are bounded whatever the tables hold.
 * Owns     documents and results returned are the caller's.
 */
#pragma once

#include "documents.h"
#include "pg.h"

#define LEDGER_ID_BYTES_MAX 37
#define EVENTS_PAGE 20
#define EVENT_VERSIONS_PAGE 500

struct write_model {
	char ledger_id[LEDGER_ID_BYTES_MAX];
	uint64_t xmin; /* rows of transactions below it are all visible, or never will be */
};

/* Opens a read-only transaction at one moment of the write model. */
err_code write_model_begin(struct pg *pg, struct write_model *ret, struct err *err) _must_check_;
/* The same facts, without a transaction. */
err_code write_model_read(struct pg *pg, struct write_model *ret, struct err *err) _must_check_;

/* Up to EVENTS_PAGE events after the id `after` in byte order ("": from the first). */
err_code write_model_events(struct pg *pg, const char *after, PGresult **ret,
                            struct err *err) _must_check_;
/* One event: no row when there is none. */
err_code write_model_event(struct pg *pg, const char *event_id, PGresult **ret,
                           struct err *err) _must_check_;
/* Valid as long as the result. */
struct event_values write_model_event_at(const PGresult *events, int row);

/* Up to EVENTS_PAGE (event id, number of blocks) in the order of the blocks' ids; `after` is the
 * last event id, or "". */
err_code write_model_maps(struct pg *pg, const char *after, PGresult **ret,
                          struct err *err) _must_check_;
const char *write_model_map_event(const PGresult *maps, int row);
int32_t write_model_map_blocks(const PGresult *maps, int row);

err_code write_model_block(struct pg *pg, const char *event_id, int32_t block, bson_t **ret,
                           struct err *err) _must_check_;

/* Up to EVENT_VERSIONS_PAGE (event id, version) after the id `after` ("": from the first). */
err_code write_model_event_versions(struct pg *pg, const char *after, PGresult **ret,
                                    struct err *err) _must_check_;
/* Changes with every event added, removed or changed. */
#define FINGERPRINT_BYTES_MAX 64
err_code write_model_fingerprint(struct pg *pg, char ret[static FINGERPRINT_BYTES_MAX],
                                 struct err *err) _must_check_;
