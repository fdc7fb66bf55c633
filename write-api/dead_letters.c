#include "dead_letters.h"

#include "accepted.h"
#include "admin.h"
#include "audit_entry.h"
#include "clock.h"
#include "dead_letter_reader.h"
#include "publish.h"
#include "refuse.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX         100
#define LIMIT_FALLBACK    50
#define HEADER_BYTES_MAX  256
#define SHOWN_BYTES_MAX   8192 /* of a value; commands have COMMAND_BYTES_MAX */
#define BASE64_BYTES_MAX  (SHOWN_BYTES_MAX / 3 * 4 + 8)
#define REASON_BYTES_MAX  256

/* Which headers the worker added to the letter. */
static const char *const OWN_HEADERS[] = { "reason", "source-topic", "source-partition",
					   "source-offset", "cut-from-bytes" };

/* --- the list --- */

struct listing {
	struct strbuf *body;
	int64_t count;
};

static void add_header(struct strbuf *out, const rd_kafka_message_t *message, const char *name)
{
	char text[HEADER_BYTES_MAX];

	strbuf_add_json(out, dead_letter_header(message, name, text, sizeof(text)) ? text : NULL);
}

static void add_number(struct strbuf *out, const rd_kafka_message_t *message, const char *name)
{
	char text[HEADER_BYTES_MAX];
	int64_t number;

	if (dead_letter_header(message, name, text, sizeof(text)) &&
	    admin_number_parse(text, &number))
		strbuf_addf(out, "%" PRId64, number);
	else
		strbuf_add_text(out, "null");
}

static bool is_text(const void *bytes, size_t len)
{
	json_t *json = json_stringn(bytes, len);
	const bool is_utf8 = json != NULL;

	json_decref(json);
	return is_utf8;
}

static void add_base64(struct strbuf *out, const void *bytes, size_t len)
{
	char text[BASE64_BYTES_MAX];

	assert(sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL) <= sizeof(text));
	(void)sodium_bin2base64(text, sizeof(text), bytes, len, sodium_base64_VARIANT_ORIGINAL);
	strbuf_add_json(out, text);
}

/* "name": text, or "name_base64" where it is none; at most SHOWN_BYTES_MAX of it. */
static void add_bytes(struct strbuf *out, const char *name, const void *bytes, size_t len)
{
	const size_t shown = len < SHOWN_BYTES_MAX ? len : SHOWN_BYTES_MAX;

	strbuf_addf(out, ",\"%s", name);
	if (!bytes) {
		strbuf_add_text(out, "\":null");
	} else if (is_text(bytes, len)) {
		strbuf_add_text(out, "\":");
		(void)strbuf_add_json_cut(out, bytes, len, SHOWN_BYTES_MAX); /* Its length tells. */
	} else {
		strbuf_add_text(out, "_base64\":");
		add_base64(out, bytes, shown);
	}
	strbuf_addf(out, ",\"%s_bytes\":%zu", name, len);
}

static void add_letter(void *ctx, const rd_kafka_message_t *message)
{
	struct listing *listing = ctx;
	struct strbuf *out = listing->body;
	rd_kafka_timestamp_type_t type;
	char at[CLOCK_TEXT_BYTES_MAX];

	clock_format(rd_kafka_message_timestamp(message, &type), at);
	strbuf_addf(out, "%s{\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"at\":",
		    listing->count++ > 0 ? "," : "", message->partition, message->offset);
	strbuf_add_json(out, type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? NULL : at);
	strbuf_add_text(out, ",\"reason\":");
	add_header(out, message, "reason");
	strbuf_add_text(out, ",\"source\":{\"topic\":");
	add_header(out, message, "source-topic");
	strbuf_add_text(out, ",\"partition\":");
	add_number(out, message, "source-partition");
	strbuf_add_text(out, ",\"offset\":");
	add_number(out, message, "source-offset");
	strbuf_add_text(out, "},\"cut_from_bytes\":");
	add_number(out, message, "cut-from-bytes");
	strbuf_add_text(out, ",\"request_id\":");
	add_header(out, message, COMMAND_HEADER_REQUEST_ID);
	add_bytes(out, "key", message->key, message->key_len);
	add_bytes(out, "value", message->payload, message->len);
	strbuf_add_char(out, '}');
}

void dead_letters_list(void *ctx, const struct http_request *request,
		       struct http_response *response)
{
	struct write_api *api = ctx;
	struct admin_params params = { .request = request, .response = response };
	struct listing listing = { .body = &response->body };
	struct dead_letter_place place = { 0 };
	int64_t limit = LIMIT_FALLBACK;
	struct err err = { 0 };
	bool more = false;

	admin_params_limit(&params, LIMIT_MAX, &limit);
	(void)admin_params_cursor(&params, &place.partition, &place.offset); /* Else they stay. */
	if (params.is_bad)
		return;
	strbuf_add_char(listing.body, '[');
	const err_code code = dead_letter_read(api->dead_letters, &place, limit, add_letter,
					       &listing, &more, &err);
	strbuf_add_char(listing.body, ']');
	if (code != ERR_OK) {
		admin_refuse_failed(api, request, response, false, &err);
		return;
	}
	http_response_header(response, "Cache-Control", "no-store");
	if (more)
		admin_link_next(response, "/api/admin/dead-letters", "", limit, place.partition,
				place.offset);
}

/* --- a second try --- */

/* A letter as it goes back. Its strings point into the copy of the message. */
struct replay {
	bool is_found;
	char reason[REASON_BYTES_MAX]; /* why it cannot be decoded; "" when it can */
	struct command command;
	char *key, *value;
	size_t key_len, value_len;
	size_t header_count;
	struct {
		char *name, *value;
		size_t len;
	} headers[KAFKA_HEADERS_MAX];
};

static void replay_done(struct replay *replay)
{
	free(replay->key);
	free(replay->value);
	for (size_t i = 0; i < replay->header_count; i++) {
		free(replay->headers[i].name);
		free(replay->headers[i].value);
	}
}

static char *copy(const void *bytes, size_t len)
{
	char *text = malloc(len + 1);

	assert(text);
	if (len > 0)
		memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

static bool is_own(const char *name)
{
	for (size_t i = 0; i < sizeof(OWN_HEADERS) / sizeof(OWN_HEADERS[0]); i++)
		if (strcmp(name, OWN_HEADERS[i]) == 0)
			return true;
	return false;
}

static void copy_headers(const rd_kafka_message_t *message, struct replay *replay)
{
	rd_kafka_headers_t *headers = NULL;
	const char *name = NULL;
	const void *value = NULL;
	size_t len = 0;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	for (size_t i = 0; replay->header_count < KAFKA_HEADERS_MAX &&
			   rd_kafka_header_get_all(headers, i, &name, &value, &len) ==
				   RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++) {
		if (is_own(name) || !value)
			continue;
		replay->headers[replay->header_count].name = copy(name, strlen(name));
		replay->headers[replay->header_count].value = copy(value, len);
		replay->headers[replay->header_count++].len = len;
	}
}

static bool is_known_version(const rd_kafka_message_t *message)
{
	char text[HEADER_BYTES_MAX];

	return !dead_letter_header(message, COMMAND_HEADER_SCHEMA_VERSION, text, sizeof(text)) ||
	       strcmp(text, COMMAND_SCHEMA_VERSION) == 0;
}

/* What a worker would say of it. */
static void judge(const rd_kafka_message_t *message, struct replay *replay)
{
	char text[HEADER_BYTES_MAX];
	struct err err = { 0 };

	if (dead_letter_header(message, "cut-from-bytes", text, sizeof(text)))
		(void)err_set(&err, ERR_INVALID, "only a part of the message was kept");
	else if (!message->payload)
		(void)err_set(&err, ERR_INVALID, "the message has no value");
	else if (!is_known_version(message))
		(void)err_set(&err, ERR_INVALID, "schema-version is not " COMMAND_SCHEMA_VERSION);
	else if (command_decode(message->payload, message->len, &replay->command, &err) == ERR_OK)
		return;
	(void)snprintf(replay->reason, sizeof(replay->reason), "%s", err.text);
}

static void take_letter(void *ctx, const rd_kafka_message_t *message)
{
	struct replay *replay = ctx;

	replay->is_found = true;
	judge(message, replay);
	if (replay->reason[0] != '\0')
		return;
	replay->key_len = message->key_len;
	replay->key = copy(message->key, message->key_len);
	replay->value_len = message->len;
	replay->value = copy(message->payload, message->len);
	copy_headers(message, replay);
}

static err_code put_back(struct write_api *api, const struct replay *replay,
			 bool *ret_maybe_stored, struct err *err)
{
	struct kafka_message message = {
		.key = replay->key,
		.key_len = replay->key_len,
		.value = replay->value,
		.value_len = replay->value_len,
	};

	for (size_t i = 0; i < replay->header_count; i++)
		message.headers[i] = (struct kafka_header){ .name = replay->headers[i].name,
							    .value = replay->headers[i].value,
							    .len = replay->headers[i].len };
	const err_code code = publish_partition(api->producer, &replay->command.booking_id,
						&message.partition, err);
	if (code != ERR_OK)
		return code;
	return kafka_producer_send(api->producer, &message, ret_maybe_stored, err);
}

/* Before it is done: nothing is replayed without its entry. */
static bool note(struct write_api *api, const struct http_request *request,
		 struct http_response *response, const struct dead_letter_place *place,
		 const struct command *command)
{
	const bool makes = command_makes_booking(command->type);
	char detail[256];
	struct err err = { 0 };

	(void)snprintf(detail, sizeof(detail),
		       "{\"partition\":%" PRId64 ",\"offset\":%" PRId64 ",\"booking_id\":\"%s\","
		       "\"command\":\"%s\"}",
		       place->partition, place->offset, command->booking_id.text,
		       command_type_name(command->type));
	struct pg *pg = admin_take_pg(api, request, response);
	if (!pg)
		return false;
	const struct audit_entry audit = { .request = request,
					   .event_id = makes ? command->event_id : NULL,
					   .action = "replay_dead_letter",
					   .detail = detail };
	const err_code code = audit_entry_write(pg, &audit, NULL, &err);
	pg_pool_give(api->pg_pool, pg);
	if (code != ERR_OK)
		admin_refuse_failed(api, request, response, false, &err);
	return code == ERR_OK;
}

static void refuse_letter(struct write_api *api, struct http_response *response, const char *reason)
{
	metric_add(api->refused[REFUSAL_INVALID], 1);
	http_problem(response, 422, "still-undecodable",
		     "The message cannot be decoded now, either.");
	http_problem_field(response, "value", reason);
}

static void replay_letter(struct write_api *api, const struct http_request *request,
			  struct http_response *response, const struct dead_letter_place *place,
			  const struct replay *replay)
{
	const struct command *command = &replay->command;
	const bool makes = command_makes_booking(command->type);
	struct err err = { 0 };
	bool maybe_stored = false;

	memcpy(response->booking_id, command->booking_id.text, sizeof(response->booking_id));
	if (!note(api, request, response, place, command))
		return;
	if (put_back(api, replay, &maybe_stored, &err) != ERR_OK) {
		admin_refuse_failed(api, request, response, maybe_stored, &err);
		return;
	}
	metric_add(api->accepted[command->type], 1);
	accepted_answer(response, command->booking_id.text, makes ? NULL : command->id.text,
			makes ? command->event_id : NULL);
}

void dead_letters_replay(void *ctx, const struct http_request *request,
			 struct http_response *response)
{
	_cleanup_(replay_done) struct replay replay = { 0 };
	struct write_api *api = ctx;
	struct dead_letter_place place;
	struct err err = { 0 };

	if (!admin_number_parse(request->params[0], &place.partition) ||
	    !admin_number_parse(request->params[1], &place.offset)) {
		refuse_not_found(api, response, "There is no such message.");
		return;
	}
	const err_code code = dead_letter_read_one(api->dead_letters, place, take_letter, &replay,
						   &err);
	if (code != ERR_OK && code != ERR_NOT_FOUND)
		admin_refuse_failed(api, request, response, false, &err);
	else if (!replay.is_found)
		refuse_not_found(api, response, "There is no such message.");
	else if (replay.reason[0] != '\0')
		refuse_letter(api, response, replay.reason);
	else
		replay_letter(api, request, response, &place, &replay);
}
