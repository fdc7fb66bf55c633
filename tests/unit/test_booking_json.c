#include "booking_json.h"
#include "clock.h"
#include "mongo.h"
#include "table.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#define OUT_BYTES_MAX (1u << 20)
#define NOW_MS        1772393400123 /* 2026-03-01T19:30:00.123Z */

static bson_t *doc_of(const char *text)
{
	bson_error_t error;
	bson_t *doc = bson_new_from_json((const uint8_t *)text, -1, &error);

	cr_assert(doc, "%s: %s", text, error.message);
	return doc;
}

/* The booking as jansson reads it; the caller's. */
static json_t *render(const char *text)
{
	_cleanup_(bson_destroyp) bson_t *doc = doc_of(text);
	_cleanup_(strbuf_done) struct strbuf out;

	strbuf_init(&out, OUT_BYTES_MAX);
	(void)booking_write(doc, NULL, NOW_MS, &out);

	json_t *booking = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);

	cr_assert(booking, "%s", out.data);
	return booking;
}

static const char *text_of(const json_t *booking, const char *name)
{
	return json_string_value(json_object_get(booking, name));
}

Test(booking_json, every_member_is_there_whatever_the_document_lacks)
{
	static const struct {
		const char *doc, *expected;
	} cases[] = {
		{ "{\"_id\":\"b\"}",
		  "{\"booking_id\":\"b\",\"status\":null,\"event_id\":null,\"user_id\":null,"
		  "\"mode\":null,\"seats\":[],\"prices\":[],\"total_minor\":null,"
		  "\"currency\":null,\"payment_reference\":null,\"reason\":null,"
		  "\"seats_lost\":[],\"extensions\":0,\"requested_at\":null,\"decided_at\":null,"
		  "\"expires_at\":null,\"server_time\":null,\"version\":0,\"history\":[]}" },
		{ "{\"_id\":\"b\",\"status\":7,\"event_id\":{},\"mode\":[],\"seats\":\"A1\","
		  "\"prices\":[1],\"total_minor\":\"x\",\"seats_lost\":{},\"extensions\":null,"
		  "\"requested_at\":\"soon\",\"version\":\"x\",\"history\":[{\"status\":\"held\"}]"
		  "}",
		  "{\"booking_id\":\"b\",\"status\":null,\"event_id\":null,\"user_id\":null,"
		  "\"mode\":null,\"seats\":[],\"prices\":[],\"total_minor\":null,"
		  "\"currency\":null,\"payment_reference\":null,\"reason\":null,"
		  "\"seats_lost\":[],\"extensions\":0,\"requested_at\":null,\"decided_at\":null,"
		  "\"expires_at\":null,\"server_time\":null,\"version\":0,\"history\":[]}" },
		/* As it was before bookings had prices and a history. */
		{ "{\"_id\":\"b\",\"event_id\":\"e\",\"user_id\":\"u\",\"seats\":[\"A1\"],"
		  "\"status\":\"confirmed\",\"reason\":null,\"seats_lost\":[],\"version\":1,"
		  "\"requested_at\":{\"$date\":\"2026-03-01T19:30:00Z\"},"
		  "\"decided_at\":{\"$date\":\"2026-03-01T19:30:01Z\"},\"expires_at\":null}",
		  "{\"booking_id\":\"b\",\"status\":\"confirmed\",\"event_id\":\"e\","
		  "\"user_id\":\"u\",\"mode\":null,\"seats\":[\"A1\"],\"prices\":[],"
		  "\"total_minor\":null,\"currency\":null,\"payment_reference\":null,"
		  "\"reason\":null,\"seats_lost\":[],\"extensions\":0,"
		  "\"requested_at\":\"2026-03-01T19:30:00.000Z\","
		  "\"decided_at\":\"2026-03-01T19:30:01.000Z\",\"expires_at\":null,"
		  "\"server_time\":null,\"version\":1,\"history\":[]}" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		_cleanup_(bson_destroyp) bson_t *doc = doc_of(cases[i].doc);
		_cleanup_(strbuf_done) struct strbuf out;

		strbuf_init(&out, OUT_BYTES_MAX);
		(void)booking_write(doc, NULL, NOW_MS, &out);
		cr_expect_str_eq(out.data, cases[i].expected);
	}
}

Test(booking_json, a_list_entry_is_the_same_without_time_and_history)
{
	_cleanup_(bson_destroyp) bson_t *doc =
		doc_of("{\"_id\":\"b\",\"status\":\"held\",\"history\":{\"1\":{}}}");
	_cleanup_(strbuf_done) struct strbuf whole, entry, before;

	strbuf_init(&whole, OUT_BYTES_MAX);
	strbuf_init(&entry, OUT_BYTES_MAX);
	strbuf_init(&before, OUT_BYTES_MAX);
	(void)booking_write(doc, NULL, NOW_MS, &whole);
	booking_write_entry(doc, &entry);

	const char *time = strstr(whole.data, ",\"server_time\":");

	cr_assert(time);
	strbuf_add(&before, whole.data, (size_t)(time - whole.data));
	strbuf_add_text(&before, ",\"version\":0}");
	cr_expect_str_eq(entry.data, before.data);
}

Test(booking_json, only_a_held_one_has_the_servers_time)
{
	static const char *const others[] = { "confirmed", "rejected", "cancelled", "expired",
					      "hel",       "heldx",    "" };
	json_t *held = render("{\"_id\":\"b\",\"status\":\"held\"}");

	cr_expect_str_eq(text_of(held, "server_time"), "2026-03-01T19:30:00.123Z");
	json_decref(held);
	for (size_t i = 0; i < COUNT(others); i++) {
		char doc[64];

		(void)snprintf(doc, sizeof(doc), "{\"_id\":\"b\",\"status\":\"%s\"}", others[i]);

		json_t *booking = render(doc);

		cr_expect(json_is_null(json_object_get(booking, "server_time")), "%s", others[i]);
		json_decref(booking);
	}
}

Test(booking_json, the_tag_depends_on_all_but_the_servers_time)
{
	_cleanup_(bson_destroyp) bson_t *held = doc_of("{\"_id\":\"b\",\"status\":\"held\"}");
	_cleanup_(bson_destroyp) bson_t *later =
		doc_of("{\"_id\":\"b\",\"status\":\"held\",\"history\":{\"1\":{}}}");
	_cleanup_(strbuf_done) struct strbuf out;

	strbuf_init(&out, OUT_BYTES_MAX);
	strbuf_add_text(&out, "before");

	const struct etag first = booking_write(held, NULL, NOW_MS, &out);

	cr_expect_eq(strncmp(out.data, "before{\"booking_id\"", 18), 0, "%s", out.data);
	strbuf_reset(&out);
	cr_expect_str_eq(booking_write(held, NULL, NOW_MS + 1, &out).text, first.text);
	cr_expect_str_neq(booking_write(later, NULL, NOW_MS, &out).text, first.text);
}

Test(booking_json, prices_stand_with_their_seats)
{
	json_t *booking = render("{\"_id\":\"b\",\"seats\":[\"A1\",\"B:2\",\"C3\"],"
				 "\"prices\":[{\"$numberLong\":\"9000000000\"},100],"
				 "\"total_minor\":{\"$numberLong\":\"9000000100\"}}");
	char *prices = json_dumps(json_object_get(booking, "prices"), JSON_COMPACT);

	cr_expect_str_eq(prices, "[{\"seat_id\":\"A1\",\"price_minor\":9000000000},"
				 "{\"seat_id\":\"B:2\",\"price_minor\":100}]");
	cr_expect_eq(json_integer_value(json_object_get(booking, "total_minor")), 9000000100);
	free(prices);
	json_decref(booking);
}

static void expect_versions(const json_t *booking, int64_t from, int64_t to)
{
	const json_t *history = json_object_get(booking, "history");

	cr_assert_eq(json_array_size(history), (size_t)(to - from + 1));
	for (int64_t i = from; i <= to; i++)
		cr_assert_eq(json_integer_value(json_object_get(
				     json_array_get(history, (size_t)(i - from)), "version")),
			     i);
}

/* A history with these versions, in this order. */
static json_t *render_history(int first, int step, int count)
{
	_cleanup_(strbuf_done) struct strbuf doc;

	strbuf_init(&doc, OUT_BYTES_MAX);
	strbuf_add_text(&doc, "{\"_id\":\"b\",\"history\":{");
	for (int i = 0; i < count; i++)
		strbuf_addf(&doc, "%s\"%d\":{\"status\":\"held\",\"result\":\"done\"}",
			    i ? "," : "", first + i * step);
	strbuf_add_text(&doc, "}}");
	return render(doc.data);
}

Test(booking_json, history_is_by_version_whatever_its_order_in_the_document)
{
	json_t *up = render_history(1, 1, 12), *down = render_history(120, -1, 100);

	expect_versions(up, 1, 12);
	expect_versions(down, 21, 120);
	json_decref(up);
	json_decref(down);
}

Test(booking_json, of_a_history_too_long_the_newest_are_shown)
{
	json_t *up = render_history(1, 1, BOOKING_HISTORY_MAX + 50);
	json_t *down = render_history(BOOKING_HISTORY_MAX + 50, -1, BOOKING_HISTORY_MAX + 50);

	expect_versions(up, 51, BOOKING_HISTORY_MAX + 50);
	expect_versions(down, 51, BOOKING_HISTORY_MAX + 50);
	json_decref(up);
	json_decref(down);
}

Test(booking_json, what_is_no_decision_is_left_out_of_the_history)
{
	json_t *booking = render("{\"_id\":\"b\",\"history\":{\"\":{},\"0\":{},\"x\":{},\"-1\":{},"
				 "\"1.5\":{},\"99999999999999999999\":{},\"2\":7,\"3\":{},"
				 "\"$bad\":{}}}");

	expect_versions(booking, 3, 3);
	json_decref(booking);
}

Test(booking_json, texts_outside_the_grammar_still_make_valid_json)
{
	json_t *booking = render(
		"{\"_id\":\"b\\\"\\\\\",\"user_id\":\"\\u0001\\u00fc\",\"seats\":[\"A\\\"1\","
		"\"\\n\"],\"prices\":[1,2],\"payment_reference\":\"<\\/script>\\u2028\","
		"\"history\":{\"1\":{\"actor\":\"\\\"\",\"reason\":\"\\t\"}}}");
	const json_t *decision = json_array_get(json_object_get(booking, "history"), 0);

	cr_expect_str_eq(text_of(booking, "booking_id"), "b\"\\");
	cr_expect_str_eq(text_of(booking, "user_id"), "\x01\xc3\xbc");
	cr_expect_str_eq(text_of(booking, "payment_reference"), "</script>\xe2\x80\xa8");
	cr_expect_str_eq(json_string_value(json_object_get(
				 json_array_get(json_object_get(booking, "prices"), 0), "seat_id")),
			 "A\"1");
	cr_expect_str_eq(text_of(decision, "actor"), "\"");
	cr_expect_str_eq(text_of(decision, "reason"), "\t");
	json_decref(booking);
}

Test(booking_json, finds_a_command_by_its_id)
{
	_cleanup_(bson_destroyp) bson_t *booking =
		doc_of("{\"history\":{\"2\":{\"command_id\":\"c2\",\"result\":\"done\"},"
		       "\"1\":{\"command_id\":null},\"3\":7}}");
	_cleanup_(bson_destroyp) bson_t *older = doc_of("{\"_id\":\"b\"}");
	bson_t decision;

	cr_assert(booking_find_command(booking, "c2", &decision));
	cr_expect(booking_says(&decision, "result", "done"));
	cr_expect_not(booking_says(&decision, "result", "don"));
	cr_expect_not(booking_find_command(booking, "c", &decision));
	cr_expect_not(booking_find_command(booking, "c22", &decision));
	cr_expect_not(booking_find_command(booking, "", &decision));
	cr_expect_not(booking_find_command(older, "c2", &decision));
}

/* Of who acted, an owner is told who they are themselves. */
Test(booking_json, names_no_other_actor_than_the_one_asked_for)
{
	static const char *const expected[][3] = { { "u-ann", "u-admin", NULL },
						   { "u-ann", NULL, NULL },
						   { NULL, NULL, NULL } };
	static const char *const only[] = { NULL, "u-ann", "" };
	_cleanup_(bson_destroyp) bson_t *doc = doc_of(
		"{\"_id\":\"b\",\"user_id\":\"u-ann\",\"history\":{\"1\":{\"actor\":\"u-ann\"},"
		"\"2\":{\"actor\":\"u-admin\",\"reason\":\"x\"},\"3\":{\"actor\":null}}}");
	struct etag etags[COUNT(only)];

	for (size_t i = 0; i < COUNT(only); i++) {
		_cleanup_(strbuf_done) struct strbuf out;

		strbuf_init(&out, OUT_BYTES_MAX);
		etags[i] = booking_write(doc, only[i], NOW_MS, &out);

		json_t *const booking = json_loads(out.data, JSON_REJECT_DUPLICATES, NULL);
		const json_t *const history = json_object_get(booking, "history");

		cr_assert_eq(json_array_size(history), 3, "%s", out.data);
		for (size_t k = 0; k < 3; k++) {
			const char *const actor = text_of(json_array_get(history, k), "actor");

			cr_expect(actor ? expected[i][k] && strcmp(actor, expected[i][k]) == 0
					: !expected[i][k],
				  "%zu %zu: %s", i, k, actor);
		}
		cr_expect_str_eq(text_of(json_array_get(history, 1), "reason"), "x");
		json_decref(booking);
	}
	cr_expect_str_neq(etags[0].text, etags[1].text);
}
