#include "booking_outcome.h"
#include "mongo.h"
#include "table.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define OUT_BYTES_MAX 65536
#define NOW_MS        1772393400123

static bson_t *doc_of(const char *text)
{
	bson_error_t error;
	bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &error);

	cr_assert(doc, "%s: %s", text, error.message);
	return doc;
}

/* The answer to a command, whose buffers end with the test. */
static json_t *answer(const char *text, const char *command_id, struct http_response *response)
{
	_cleanup_(bson_destroyp) bson_t *doc = doc_of(text);

	*response = (struct http_response){ .status = 200 };
	strbuf_init(&response->headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response->body, OUT_BYTES_MAX);
	cr_assert(booking_outcome_is_known(doc, command_id), "%s", text);
	booking_outcome_answer(doc, command_id, NULL, NOW_MS, response);

	json_t *body = json_loads(response->body.data, JSON_REJECT_DUPLICATES, NULL);

	cr_assert(body, "%s", response->body.data);
	return body;
}

static void done(struct http_response *response, json_t *body)
{
	json_decref(body);
	strbuf_done(&response->headers);
	strbuf_done(&response->body);
}

static const char *text_of(const json_t *body, const char *name)
{
	const char *text = json_string_value(json_object_get(body, name));

	return text ? text : "";
}

Test(booking_outcome, a_booking_that_was_made_is_201_whatever_became_of_it)
{
	static const char *const statuses[] = { "held", "confirmed", "cancelled", "expired" };

	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct http_response response;
		char doc[64];

		(void)snprintf(doc, sizeof(doc), "{\"_id\":\"b1\",\"status\":\"%s\"}", statuses[i]);

		json_t *body = answer(doc, NULL, &response);

		cr_expect_eq(response.status, 201, "%s", statuses[i]);
		cr_expect_str_eq(text_of(body, "status"), statuses[i]);
		cr_expect(strstr(response.headers.data, "Location: /api/bookings/b1\r\n"), "%s",
			  response.headers.data);
		cr_expect(strstr(response.headers.data, "Cache-Control: no-store\r\n"));
		cr_expect(strstr(response.headers.data, "ETag: \""));
		done(&response, body);
	}
}

Test(booking_outcome, what_is_no_id_is_no_place_to_look)
{
	static const char *const ids[] = { "\"a\\r\\nSet-Cookie: b\"", "\"\"", "\"..\"", "7" };

	for (size_t i = 0; i < COUNT(ids); i++) {
		struct http_response response;
		char doc[96];

		(void)snprintf(doc, sizeof(doc), "{\"_id\":%s,\"status\":\"held\"}", ids[i]);

		json_t *body = answer(doc, NULL, &response);

		cr_expect_eq(response.status, 201);
		cr_expect_not(strstr(response.headers.data, "Location"), "%s", ids[i]);
		done(&response, body);
	}
}

Test(booking_outcome, a_reason_of_any_length_is_told)
{
	struct http_response response;
	char reason[6000], doc[6100];

	memset(reason, 'r', sizeof(reason));
	reason[sizeof(reason) - 1] = '\0';
	(void)snprintf(doc, sizeof(doc), "{\"status\":\"rejected\",\"reason\":\"%s\"}", reason);

	json_t *body = answer(doc, NULL, &response);

	cr_expect_eq(response.status, 409);
	cr_expect_str_eq(text_of(body, "reason"), reason);
	done(&response, body);
}

Test(booking_outcome, a_rejection_says_why_and_which_seats_went)
{
	static const struct {
		const char *reason, *type;
		int status;
	} cases[] = {
		{ "event_not_found", "/problems/event-not-found", 409 },
		{ "event_cancelled", "/problems/event-cancelled", 409 },
		{ "sales_not_open", "/problems/sales-not-open", 409 },
		{ "sales_closed", "/problems/sales-closed", 409 },
		{ "seat_limit", "/problems/seat-limit", 409 },
		{ "hold_limit", "/problems/hold-limit", 409 },
		{ "seat_not_found", "/problems/seat-not-found", 409 },
		{ "seat_blocked", "/problems/seat-blocked", 409 },
		{ "seat_taken", "/problems/seat-taken", 409 },
		{ "seat_not_blocked", "/problems/seat-not-blocked", 409 },
		{ "idempotency_key_reused", "/problems/idempotency-key-reused", 422 },
		{ "booking_not_found", "/problems/booking-not-found", 404 },
		{ "something_new", "/problems/refused", 409 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_response response;
		char doc[160];

		(void)snprintf(doc, sizeof(doc),
			       "{\"_id\":\"b1\",\"status\":\"rejected\",\"reason\":\"%s\","
			       "\"seats_lost\":[\"A1\",\"A3\"]}",
			       cases[i].reason);

		json_t *body = answer(doc, NULL, &response);
		char *seats = json_dumps(json_object_get(body, "seats"), JSON_COMPACT);

		cr_expect_eq(response.status, cases[i].status, "%s", cases[i].reason);
		cr_expect_eq(json_integer_value(json_object_get(body, "status")), cases[i].status);
		cr_expect_str_eq(response.content_type, "application/problem+json");
		cr_expect_str_eq(text_of(body, "type"), cases[i].type);
		cr_expect_str_eq(text_of(body, "reason"), cases[i].reason);
		cr_expect_str_eq(text_of(body, "bookingId"), "b1");
		cr_expect_str_eq(seats, "[\"A1\",\"A3\"]");
		cr_expect_neq(text_of(body, "detail")[0], '\0');
		free(seats);
		done(&response, body);
	}
}

Test(booking_outcome, a_command_is_answered_by_its_own_decision)
{
	static const struct {
		const char *result, *reason;
		int status;
	} cases[] = {
		{ "done", NULL, 200 },
		{ "unchanged", "already_confirmed", 200 },
		{ "unchanged", "already_cancelled", 200 },
		{ "refused", "hold_expired", 410 },
		{ "refused", "not_owner", 404 },
		{ "refused", "booking_not_found", 404 },
		{ "refused", "already_confirmed", 409 },
		{ "refused", "booking_rejected", 409 },
		{ "refused", "booking_cancelled", 409 },
		{ "refused", "extension_limit", 409 },
		{ "refused", "event_cancelled", 409 },
		{ "refused", "not_a_booking", 409 },
		{ "refused", "something_new", 409 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_response response;
		char doc[512], reason[64] = "null";

		if (cases[i].reason)
			(void)snprintf(reason, sizeof(reason), "\"%s\"", cases[i].reason);
		(void)snprintf(
			doc, sizeof(doc),
			"{\"_id\":\"b1\",\"status\":\"confirmed\",\"history\":{\"1\":{"
			"\"status\":\"held\",\"result\":\"done\",\"command_id\":null},\"2\":{"
			"\"status\":\"confirmed\",\"command_id\":\"c2\",\"result\":\"%s\","
			"\"reason\":%s},\"3\":{\"status\":\"confirmed\",\"command_id\":\"c3\","
			"\"result\":\"refused\",\"reason\":\"hold_expired\"}}}",
			cases[i].result, reason);

		json_t *body = answer(doc, "c2", &response);

		cr_expect_eq(response.status, cases[i].status, "%s %s: %d", cases[i].result, reason,
			     response.status);
		if (cases[i].status == 200) {
			cr_expect_str_eq(text_of(body, "booking_id"), "b1");
			cr_expect_str_eq(text_of(body, "status"), "confirmed");
			cr_expect_not(strstr(response.headers.data, "Location"));
		} else {
			cr_expect_str_eq(text_of(body, "reason"), cases[i].reason);
			cr_expect_str_eq(text_of(body, "bookingId"), "b1");
			cr_expect_null(json_object_get(body, "user_id"));
		}
		done(&response, body);
	}
}

#define COMMAND_OF(actor, result, reason)                                                          \
	"{\"command_id\":\"c\",\"actor\":\"" actor "\",\"result\":\"" result "\","                 \
	"\"reason\":" reason "}"
#define STRANGERS              COMMAND_OF("mallory", "refused", "\"not_owner\"")
#define OWNERS(result, reason) COMMAND_OF("anna", result, reason)

Test(booking_outcome, a_stranger_with_the_same_command_id_does_not_answer_for_the_owner)
{
	static const struct {
		const char *two, *three, *reason;
		int status;
	} cases[] = {
		{ STRANGERS, OWNERS("done", "null"), "", 200 },
		{ OWNERS("done", "null"), STRANGERS, "", 200 },
		{ STRANGERS, OWNERS("unchanged", "\"already_confirmed\""), "", 200 },
		{ STRANGERS, OWNERS("refused", "\"hold_expired\""), "hold_expired", 410 },
		{ OWNERS("refused", "\"hold_expired\""), STRANGERS, "hold_expired", 410 },
		{ STRANGERS, STRANGERS, "not_owner", 404 },
		{ STRANGERS, "7", "not_owner", 404 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_response response;
		char doc[640];

		(void)snprintf(doc, sizeof(doc),
			       "{\"_id\":\"b1\",\"status\":\"confirmed\",\"history\":{\"1\":{"
			       "\"status\":\"held\",\"result\":\"done\",\"command_id\":null},"
			       "\"2\":%s,\"3\":%s}}",
			       cases[i].two, cases[i].three);

		json_t *body = answer(doc, "c", &response);

		cr_expect_eq(response.status, cases[i].status, "%s: %d", doc, response.status);
		if (cases[i].status == 200)
			cr_expect_str_eq(text_of(body, "booking_id"), "b1");
		else
			cr_expect_str_eq(text_of(body, "reason"), cases[i].reason, "%s", doc);
		done(&response, body);
	}
}

Test(booking_outcome, a_command_for_what_was_never_made_is_404)
{
	struct http_response response;
	json_t *body = answer("{\"_id\":\"b1\",\"status\":\"rejected\",\"reason\":"
			      "\"booking_not_found\",\"history\":{\"1\":{\"status\":\"rejected\","
			      "\"command\":\"confirm\",\"command_id\":\"c1\",\"result\":\"done\","
			      "\"reason\":\"booking_not_found\"}}}",
			      "c1", &response);

	cr_expect_eq(response.status, 404);
	cr_expect_str_eq(text_of(body, "reason"), "booking_not_found");
	done(&response, body);
}

Test(booking_outcome, is_known_when_the_history_has_the_command)
{
	_cleanup_(bson_destroyp) bson_t *booking =
		doc_of("{\"status\":\"held\",\"history\":{\"2\":{\"command_id\":\"c2\"}}}");

	cr_expect(booking_outcome_is_known(booking, NULL));
	cr_expect(booking_outcome_is_known(booking, "c2"));
	cr_expect_not(booking_outcome_is_known(booking, "c3"));
}

Test(booking_outcome, texts_outside_the_grammar_still_make_valid_json)
{
	struct http_response response;
	json_t *body = answer("{\"_id\":\"b\\\"1\",\"status\":\"rejected\",\"reason\":\"\\\\ \\n\","
			      "\"seats_lost\":[\"A\\\"1\"]}",
			      NULL, &response);

	cr_expect_str_eq(text_of(body, "bookingId"), "b\"1");
	cr_expect_str_eq(text_of(body, "reason"), "\\ \n");
	done(&response, body);
}
