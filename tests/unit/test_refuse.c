#include "http_internal.h"
#include "log.h"
#include "refuse.h"
#include "table.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#define BOOKING "01bc8edb-e484-84f4-a687-74f5048b5e97"
#define COMMAND "5a0b8edb-e484-84f4-a687-74f5048b5e97"

static struct http_response response;
static struct write_api api;
static struct metrics *metrics;
static int64_t counted[REFUSAL_COUNT]; /* of each reason, so far */

static const struct command HOLD = { .type = COMMAND_HOLD,
				     .booking_id = { BOOKING },
				     .event_id = "concert123" };
static const struct command CANCEL = { .type = COMMAND_CANCEL,
				       .booking_id = { BOOKING },
				       .id = { COMMAND } };

static void open_response(void)
{
	log_open("test_refuse", LOG_LEVEL_ERROR);
	metrics = metrics_new();
	write_api_add_metrics(&api, metrics);
	strbuf_init(&response.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&response.body, HTTP_RESPONSE_BYTES_MAX);
	http_response_begin(&response, "req-1");
}

static void close_response(void)
{
	strbuf_done(&response.headers);
	strbuf_done(&response.body);
	metrics_free(metrics);
}

TestSuite(refuse, .init = open_response, .fini = close_response);

/* The problem, counted once and under this reason alone. The caller lets go of it. */
static json_t *expect_problem(int status, const char *type, enum refusal reason)
{
	cr_expect_eq(response.status, status);
	cr_expect_str_eq(response.content_type, "application/problem+json");
	counted[reason]++;
	for (int i = 0; i < REFUSAL_COUNT; i++)
		cr_expect_eq(metric_get(api.refused[i]), counted[i], "reason %d", i);
	json_t *json = json_loadb(response.body.data, response.body.len, 0, NULL);
	cr_assert(json, "%s", response.body.data);
	cr_expect_str_eq(json_string_value(json_object_get(json, "type")), type);
	cr_expect_eq(json_integer_value(json_object_get(json, "status")), status);
	return json;
}

/* text NULL: the member is not there. */
static void expect_member(const json_t *json, const char *name, const char *text)
{
	const char *value = json_string_value(json_object_get(json, name));

	cr_expect(text ? value && strcmp(value, text) == 0 : !json_object_get(json, name), "%s: %s",
		  name, value ? value : "none");
}

Test(refuse, says_that_nothing_was_done_when_nothing_was_sent)
{
	const struct err err = { .code = ERR_UNAVAILABLE, .text = "broker-7 says no" };

	refuse_not_stored(&api, &response, &CANCEL, false, &err);
	json_t *json = expect_problem(503, "/problems/unavailable", REFUSAL_UNAVAILABLE);
	cr_expect_str_eq(response.headers.data, "Retry-After: 1\r\n");
	expect_member(json, "bookingId", NULL);
	expect_member(json, "commandId", NULL);
	cr_expect(strstr(response.body.data, "Nothing was done"));
	cr_expect_null(strstr(response.body.data, "broker-7"), "%s", response.body.data);
	json_decref(json);
}

Test(refuse, names_what_may_have_been_stored)
{
	static const struct {
		const struct command *command;
		const char *command_id;
	} cases[] = { { &HOLD, NULL }, { &CANCEL, COMMAND } };
	const struct err err = { .code = ERR_UNAVAILABLE, .text = "no answer" };

	for (size_t i = 0; i < COUNT(cases); i++) {
		http_response_begin(&response, "req-1");
		refuse_not_stored(&api, &response, cases[i].command, true, &err);
		json_t *json = expect_problem(503, "/problems/unavailable", REFUSAL_UNAVAILABLE);
		cr_expect_str_eq(response.headers.data, "Retry-After: 1\r\n");
		expect_member(json, "bookingId", BOOKING);
		expect_member(json, "commandId", cases[i].command_id);
		cr_expect(strstr(response.body.data, "may still be carried out"));
		json_decref(json);
	}
}

Test(refuse, takes_the_blame_for_what_kafka_never_takes)
{
	const struct err err = { .code = ERR_INTERNAL, .text = "message too large" };

	refuse_not_stored(&api, &response, &HOLD, false, &err);
	json_t *json = expect_problem(500, "/problems/internal-error", REFUSAL_INTERNAL);
	cr_expect_str_eq(response.headers.data, "");
	cr_expect_null(strstr(response.body.data, "too large"), "%s", response.body.data);
	json_decref(json);
}

Test(refuse, names_every_field_that_is_wrong)
{
	struct booking_faults faults = { 0 };

	for (int i = 0; i < BOOKING_FAULTS_MAX; i++)
		booking_faults_add(&faults, "seatIds[3]", "must be \"so\"");
	refuse_invalid(&api, &response, &faults);
	json_t *json = expect_problem(422, "/problems/invalid-request", REFUSAL_INVALID);
	const json_t *errors = json_object_get(json, "errors");
	cr_assert_eq(json_array_size(errors), BOOKING_FAULTS_MAX);
	expect_member(json_array_get(errors, BOOKING_FAULTS_MAX - 1), "field", "seatIds[3]");
	expect_member(json_array_get(errors, BOOKING_FAULTS_MAX - 1), "detail", "must be \"so\"");
	json_decref(json);
}

Test(refuse, has_a_reason_for_each_other_refusal)
{
	const struct err err = { .code = ERR_INVALID, .text = "not JSON: syntax error" };

	refuse_malformed(&api, &response, &err);
	json_t *json = expect_problem(400, "/problems/malformed-json", REFUSAL_MALFORMED);
	expect_member(json, "detail", "The body is not JSON: syntax error.");
	json_decref(json);

	refuse_unknown(&api, &response);
	json_decref(expect_problem(404, "/problems/not-found", REFUSAL_NOT_FOUND));

	refuse_reused_key(&api, &response);
	json_decref(expect_problem(422, "/problems/idempotency-key-reused", REFUSAL_KEY_REUSED));

	refuse_no_memory(&api, &response);
	json_decref(expect_problem(503, "/problems/unavailable", REFUSAL_UNAVAILABLE));
}
