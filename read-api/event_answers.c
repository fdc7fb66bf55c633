#include "event_answers.h"

#include "asks_past.h"
#include "clock.h"
#include "events.h"
#include "seat_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LISTS_SHARE 8 /* of the memory, one part is for lists, which are small and few */
#define LIST_KEY_BYTES_MAX                                                                         \
	(EVENT_QUERY_KIND_BYTES_MAX + EVENT_QUERY_TEXT_BYTES_MAX + IDENT_BYTES_MAX + 128)

/* One answer to make. */
struct making {
	struct read_api *api;
	const char *event_id;
	const struct event_query *query;
};

/* A client that asks past all that is kept has what MongoDB has now. */
static enum answer_age age_wanted(const struct http_request *request)
{
	return asks_past(http_header(request, "Cache-Control"), http_header(request, "Pragma"))
		       ? ANSWER_CURRENT
		       : ANSWER_AS_TOLD;
}

/* From the cache, in the form that the client wants. */
static err_code send_answer(struct answer_cache *cache, const char *key,
			    const struct answer_maker *maker, const struct http_request *request,
			    struct http_response *response, struct err *err)
{
	struct answer *answer = NULL;
	const err_code code =
		answer_cache_get(cache, key, age_wanted(request), maker, &answer, err);

	if (code != ERR_OK)
		return code;
	if (answer_send(answer, request, response))
		answer_cache_recount(cache, key);
	return ERR_OK;
}

/* --- maps --- */

/* As little as what is known of the changes allows. */
static err_code render_map(const struct mongo_client *client, const char *ledger_id,
			   const char *event_id, const struct seat_map_before *before,
			   struct strbuf *out, struct seat_map_version *ret,
			   struct seat_map_parts **ret_parts, struct err *err)
{
	if (before) {
		const err_code code = seat_map_render_changes(client, ledger_id, event_id, before,
							      out, ret, ret_parts, err);

		if (code != ERR_CONFLICT)
			return code;
		strbuf_reset(out);
	}
	return seat_map_render(client, ledger_id, event_id, out, ret, ret_parts, err);
}

/* The map that is there is the one that would be made. */
static err_code is_map_current(const struct mongo_client *client, const char *ledger_id,
			       const char *event_id, const struct answer *answer, bool *ret,
			       struct err *err)
{
	struct seat_map_version version;
	const err_code code = seat_map_version(client, ledger_id, event_id, &version, err);

	if (code == ERR_OK)
		*ret = strcmp(version.etag.text, answer_etag(answer)) == 0;
	return code;
}

static err_code make_new_map(struct making *making, const struct mongo_client *client,
			     const char *ledger_id, const struct seat_map_before *before,
			     struct answer **ret, struct err *err)
{
	_cleanup_(strbuf_done) struct strbuf body;
	struct seat_map_version version;
	struct seat_map_parts *parts = NULL;

	strbuf_init(&body, HTTP_RESPONSE_BYTES_MAX);

	const err_code code = render_map(client, ledger_id, making->event_id, before, &body,
					 &version, &parts, err);

	if (code != ERR_OK)
		return code;
	*ret = answer_new(&(struct answer_content){ .body = &body,
						    .etag = version.etag.text,
						    .link = "",
						    .parts = parts,
						    .parts_bytes = seat_map_parts_bytes(parts) });
	return ERR_OK;
}

static err_code make_map(void *ctx, struct answer *before, const struct changes *changes,
			 struct answer **ret, struct err *err)
{
	struct making *const making = ctx;
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	char ledger_id[WATCH_LEDGER_BYTES_MAX];
	const int64_t start_us = clock_monotonic_us();
	err_code code = ERR_OK;
	bool same = false;

	watch_ledger(making->api->watch, ledger_id);
	mongo_client_take(making->api->mongo, &client);
	if (before && !changes)
		code = is_map_current(&client, ledger_id, making->event_id, before, &same, err);
	if (code == ERR_OK && same) {
		*ret = answer_ref(before);
	} else if (code == ERR_OK) {
		const struct seat_map_before known = { .bytes = before ? answer_body(before) : NULL,
						       .parts =
							       before ? answer_parts(before) : NULL,
						       .changes = changes };

		code = make_new_map(making, &client, ledger_id, before && changes ? &known : NULL,
				    ret, err);
	}
	metric_observe_since(making->api->read_seconds[READ_EVENT], start_us);

	return code;
}

err_code event_answers_map(struct read_api *api, const char *event_id,
			   const struct http_request *request, struct http_response *response,
			   struct err *err)
{
	struct making making = { .api = api, .event_id = event_id };
	const struct answer_maker maker = { .make = make_map, .ctx = &making };

	return send_answer(api->answers[ANSWER_MAPS], event_id, &maker, request, response, err);
}

/* --- lists --- */

/* Equal questions, however they were written, are one. No field has a line's end in it. */
static void list_key(const struct event_query *query, char buf[static LIST_KEY_BYTES_MAX])
{
	(void)snprintf(buf, LIST_KEY_BYTES_MAX,
		       "%s\n%s\n%d\n%" PRId64 "\n%" PRId64 "\n%d\n%" PRId64 "\n%s", query->kind,
		       query->text, query->has_from, query->from_ms, query->limit, query->has_after,
		       query->after.time_ms, query->after.id);
}

static err_code make_list(void *ctx, struct answer *before, const struct changes *changes,
			  struct answer **ret, struct err *err)
{
	struct making *const making = ctx;
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	_cleanup_(strbuf_done) struct strbuf body, link = { 0 };
	const int64_t start_us = clock_monotonic_us();
	struct cursor last = { 0 };
	bool more = false;

	(void)before;
	(void)changes; /* A page is small. */
	strbuf_init(&body, HTTP_RESPONSE_BYTES_MAX);
	strbuf_init(&link, HTTP_HEADERS_BYTES_MAX);
	mongo_client_take(making->api->mongo, &client);

	const err_code code = events_render(&client, making->query, &body, &more, &last, err);

	metric_observe_since(making->api->read_seconds[READ_EVENTS], start_us);
	if (code != ERR_OK)
		return code;
	if (more)
		event_query_write_next(making->query, &making->api->key, &last, &link);

	const struct etag etag = etag_of_bytes(body.data, body.len, link.data);

	*ret = answer_new(
		&(struct answer_content){ .body = &body, .etag = etag.text, .link = link.data });
	return ERR_OK;
}

err_code event_answers_list(struct read_api *api, const struct event_query *query,
			    const struct http_request *request, struct http_response *response,
			    struct err *err)
{
	struct making making = { .api = api, .query = query };
	const struct answer_maker maker = { .make = make_list, .ctx = &making };
	char key[LIST_KEY_BYTES_MAX];

	list_key(query, key);
	return send_answer(api->answers[ANSWER_LISTS], key, &maker, request, response, err);
}

/* --- what is told --- */

static void change_map(const struct read_api *api, const char *event_id,
		       const struct changes *changes)
{
	answer_cache_change(api->answers[ANSWER_MAPS], event_id, changes);
}

static void on_block(void *api, const char *event_id, int64_t block)
{
	struct changes changes = { 0 };

	changes_add_block(&changes, block);
	change_map(api, event_id, &changes);
}

static void on_event(void *api, const char *event_id)
{
	struct changes changes = { 0 };

	changes_add_event(&changes);
	change_map(api, event_id, &changes);
}

static void on_list(void *ctx)
{
	const struct read_api *const api = ctx;

	answer_cache_change_all(api->answers[ANSWER_LISTS]);
}

void event_answers_doubt(void *ctx)
{
	const struct read_api *const api = ctx;

	for (size_t i = 0; i < ANSWER_KIND_COUNT; i++)
		answer_cache_change_all(api->answers[i]);
}

struct follow_listener event_answers_listener(struct read_api *api)
{
	return (struct follow_listener){ .on_block = on_block,
					 .on_event = on_event,
					 .on_list = on_list,
					 .on_doubt = event_answers_doubt,
					 .ctx = api };
}

/* --- the caches --- */

void event_answers_open(struct read_api *api, size_t bytes_max, int64_t pause_us_max,
			struct metrics *metrics)
{
	for (enum answer_kind i = 0; i < ANSWER_KIND_COUNT; i++) {
		const size_t lists_bytes = bytes_max / LISTS_SHARE;
		const struct answer_cache_config config = {
			.kind = i,
			.bytes_max = i == ANSWER_LISTS ? lists_bytes : bytes_max - lists_bytes,
			.pause_us_max = pause_us_max,
			.is_told = read_api_is_told,
			.ctx = api,
		};

		api->answers[i] = answer_cache_open(&config, metrics);
	}
}

void event_answers_close(struct read_api *api)
{
	for (size_t i = 0; i < ANSWER_KIND_COUNT; i++) {
		answer_cache_close(api->answers[i]);
		api->answers[i] = NULL;
	}
}
