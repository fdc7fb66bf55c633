#include "event_answers.h"

#include "asks_past.h"
#include "caller.h"
#include "clock.h"
#include "events.h"
#include "own_map.h"
#include "seat_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define LISTS_SHARE 8 /* of the memory, one part is for lists, which are small and few */
#define LIST_KEY_BYTES_MAX                                                                         \
	(EVENT_QUERY_KIND_BYTES_MAX + EVENT_QUERY_TEXT_BYTES_MAX + IDENT_BYTES_MAX + 128)
#define PUBLIC_MAP               "public/" /* before the event's id, which has no '/' */
#define PUBLIC_MAP_KEY_BYTES_MAX (sizeof(PUBLIC_MAP) + IDENT_BYTES_MAX)

/* One answer to make. */
struct making {
	struct read_api *api;
	const char *event_id;
	bool hides_users;
	const struct event_query *query;
};

/* A client that asks past all that is kept has what MongoDB has now. */
static enum answer_age age_wanted(const struct http_request *request)
{
	return asks_past(http_header(request, "Cache-Control"), http_header(request, "Pragma"))
		       ? ANSWER_CURRENT
		       : ANSWER_AS_TOLD;
}

/* What is in the cache, or comes to be, and how. */
struct kept {
	struct answer_cache *cache;
	const char *key;
	struct answer_maker maker;
};

static err_code get_kept(const struct kept *kept, const struct http_request *request,
			 struct answer **ret, struct err *err)
{
	return answer_cache_get(kept->cache, kept->key, age_wanted(request), &kept->maker, ret,
				err);
}

/* In the form that the client wants. Takes the answer. */
static void send_kept(const struct kept *kept, struct answer *answer,
		      const struct http_request *request, struct http_response *response)
{
	if (answer_send(answer, request, response))
		answer_cache_recount(kept->cache, kept->key);
}

static err_code answer_kept(const struct kept *kept, const struct http_request *request,
			    struct http_response *response, struct err *err)
{
	struct answer *answer = NULL;
	const err_code code = get_kept(kept, request, &answer, err);

	if (code == ERR_OK)
		send_kept(kept, answer, request, response);
	return code;
}

/* --- maps --- */

/* As little as what is known of the changes allows. */
static err_code render_map(const struct mongo_client *client, const struct seat_map_kind *kind,
			   const char *event_id, const struct seat_map_before *before,
			   struct strbuf *out, struct seat_map_version *ret,
			   struct seat_map_parts **ret_parts, struct err *err)
{
	if (before) {
		const err_code code = seat_map_render_changes(client, kind, event_id, before,
							      out, ret, ret_parts, err);

		if (code != ERR_CONFLICT)
			return code;
		strbuf_reset(out);
	}
	return seat_map_render(client, kind, event_id, out, ret, ret_parts, err);
}

/* The map that is there is the one that would be made. */
static err_code is_map_current(const struct mongo_client *client, const struct seat_map_kind *kind,
			       const char *event_id, const struct answer *answer, bool *ret,
			       struct err *err)
{
	struct seat_map_version version;
	const err_code code = seat_map_version(client, kind, event_id, &version, err);

	if (code == ERR_OK)
		*ret = strcmp(version.etag.text, answer_etag(answer)) == 0;
	return code;
}

static err_code make_new_map(struct making *making, const struct mongo_client *client,
			     const struct seat_map_kind *kind, const struct seat_map_before *before,
			     struct answer **ret, struct err *err)
{
	_cleanup_(strbuf_done) struct strbuf body;
	struct seat_map_version version;
	struct seat_map_parts *parts = NULL;

	strbuf_init(&body, HTTP_RESPONSE_BYTES_MAX);

	const err_code code = render_map(client, kind, making->event_id, before, &body,
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
	const struct seat_map_kind kind = { ledger_id, making->hides_users };
	const int64_t start_us = clock_monotonic_us();
	err_code code = ERR_OK;
	bool same = false;

	watch_ledger(making->api->watch, ledger_id);
	mongo_client_take(making->api->mongo, &client);
	if (before && !changes)
		code = is_map_current(&client, &kind, making->event_id, before, &same, err);
	if (code == ERR_OK && same) {
		*ret = answer_ref(before);
	} else if (code == ERR_OK) {
		const struct seat_map_before known = { .bytes = before ? answer_body(before) : NULL,
						       .parts =
							       before ? answer_parts(before) : NULL,
						       .changes = changes };

		code = make_new_map(making, &client, &kind, before && changes ? &known : NULL,
				    ret, err);
	}
	metric_observe_since(making->api->read_seconds[READ_EVENT], start_us);

	return code;
}

static struct kept map_of(struct making *making, const char *key)
{
	return (struct kept){ .cache = making->api->answers[ANSWER_MAPS],
			      .key = key,
			      .maker = { .make = make_map, .ctx = making } };
}

/* A map of their own for one of its users, which is kept for nobody. */
static err_code send_own_map(const struct answer *all, const struct http_request *request,
			     struct http_response *response, struct err *err)
{
	const char *const user_id = request->caller.user_id;
	_cleanup_(strbuf_done) struct strbuf body;
	char variant[ETAG_VARIANT_BYTES_MAX];

	strbuf_init(&body, HTTP_RESPONSE_BYTES_MAX);
	own_map_write(answer_body(all), answer_len(all), user_id, &body);
	if (body.overflow)
		return err_set(err, ERR_INTERNAL, "a map too long to answer");
	etag_user_variant(user_id, variant);

	const struct etag etag = etag_variant(answer_etag(all), variant);

	(void)answer_send(answer_new(&(struct answer_content){
				  .body = &body, .etag = etag.text, .link = "" }),
			  request, response); /* What it takes is gone when it is sent. */
	return ERR_OK;
}

static err_code answer_public_map(struct read_api *api, const char *event_id,
				  const struct http_request *request,
				  struct http_response *response, struct err *err)
{
	struct making making = { .api = api, .event_id = event_id, .hides_users = true };
	char key[PUBLIC_MAP_KEY_BYTES_MAX];

	(void)snprintf(key, sizeof(key), PUBLIC_MAP "%s", event_id);

	const struct kept map = map_of(&making, key);

	return answer_kept(&map, request, response, err);
}

err_code event_answers_map(struct read_api *api, const char *event_id,
			   const struct http_request *request, struct http_response *response,
			   struct err *err)
{
	struct making making = { .api = api, .event_id = event_id };
	const struct kept map = map_of(&making, event_id);
	const char *const user_id = caller_only_user(&request->caller);

	if (!user_id)
		return answer_kept(&map, request, response, err);
	if (user_id[0]) {
		struct answer *all = NULL;
		err_code code = get_kept(&map, request, &all, err);

		if (code != ERR_OK)
			return code;

		const bool has = own_map_may_have(answer_body(all), answer_len(all), user_id);

		if (has)
			code = send_own_map(all, request, response, err);
		answer_release(all);
		if (has)
			return code;
	}
	return answer_public_map(api, event_id, request, response, err);
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
	char key[LIST_KEY_BYTES_MAX];
	const struct kept list = { .cache = api->answers[ANSWER_LISTS],
				   .key = key,
				   .maker = { .make = make_list, .ctx = &making } };

	list_key(query, key);
	return answer_kept(&list, request, response, err);
}

/* --- what is told --- */

static void change_map(const struct read_api *api, const char *event_id,
		       const struct changes *changes)
{
	char key[PUBLIC_MAP_KEY_BYTES_MAX];

	(void)snprintf(key, sizeof(key), PUBLIC_MAP "%s", event_id);
	answer_cache_change(api->answers[ANSWER_MAPS], event_id, changes);
	answer_cache_change(api->answers[ANSWER_MAPS], key, changes);
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
