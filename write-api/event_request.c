#include "event_request.h"

#include "clock.h"
#include "json.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX          7 /* and a NULL */
#define WALL_MS_MAX        253402300799999 /* the year 9999 */
#define HOLD_TTL_MS_MIN    100
#define HOLD_TTL_MS_MAX    86400000
#define EXTENSIONS_MAX     100
#define KIND_BYTES_MAX     33
#define TIME_BYTES_MAX     40
#define MINUTE_MS          60000
#define FRACTION_DIGITS_MAX 9

/* --- what members there are --- */

enum kind_of_value { WORDS, NAME, KIND, TIME, NUMBER };

struct rule {
	const char *names[NAMES_MAX + 1];
	const char *column;
	enum kind_of_value kind;
	bool may_be_null;
	int64_t least, most;  /* NUMBER */
	const char *fallback; /* of a new event; NULL: none, "": required */
};

static const struct rule RULES[EVENT_RULE_COUNT] = {
	[EVENT_NAME] = { { "name", "title" }, "name", NAME, .fallback = "" },
	[EVENT_KIND] = { { "kind" }, "kind", KIND, .fallback = "concert" },
	[EVENT_DATE] = { { "date", "startsAt", "starts_at", "startTime", "start_time", "time",
			   "dateTime" },
			 "starts_at",
			 TIME,
			 .fallback = "" },
	[EVENT_VENUE] = { { "venue" }, "venue", WORDS },
	[EVENT_HOLD_TTL_MS] = { { "holdTtlMs", "hold_ttl_ms" },
				"hold_ttl_ms",
				NUMBER,
				.least = HOLD_TTL_MS_MIN,
				.most = HOLD_TTL_MS_MAX,
				.fallback = "120000" },
	[EVENT_HOLD_EXTENSIONS_MAX] = { { "holdExtensionsMax", "hold_extensions_max" },
					"hold_extensions_max",
					NUMBER,
					.most = EXTENSIONS_MAX,
					.fallback = "1" },
	[EVENT_SEATS_PER_USER_MAX] = { { "seatsPerUserMax", "seats_per_user_max" },
				       "seats_per_user_max",
				       NUMBER,
				       true,
				       1,
				       EVENT_LIMIT_MAX },
	[EVENT_HOLDS_PER_USER_MAX] = { { "holdsPerUserMax", "holds_per_user_max" },
				       "holds_per_user_max",
				       NUMBER,
				       true,
				       1,
				       EVENT_LIMIT_MAX },
	[EVENT_SALES_OPEN_AT] = { { "salesOpenAt", "sales_open_at" }, "sales_open_at", TIME, true },
	[EVENT_SALES_CLOSE_AT] = { { "salesCloseAt", "sales_close_at" },
				   "sales_close_at",
				   TIME,
				   true },
};

static const char *const ID_NAMES[] = { "eventId", "event_id", "showId", "show_id", "id", NULL };
static const char *const CURRENCY_NAMES[] = { "currency", NULL };
static const char *const SECTIONS_NAMES[] = { "sections", NULL };
static const char *const TOTAL_NAMES[] = { "totalSeats", "total_seats", NULL };
static const char *const PRICE_NAMES[] = { "priceMinor", "price_minor", NULL };

const char *event_rule_column(enum event_rule rule)
{
	return RULES[rule].column;
}

const char *event_rule_name(enum event_rule rule)
{
	return RULES[rule].names[0];
}

void event_request_done(struct event_request *request)
{
	event_plan_done(&request->plan);
	free(request->prices);
	request->prices = NULL;
	request->price_count = 0;
}

/* The member under any of its names, and *ret_name as sent (else the first); NULL: not sent. */
static const json_t *find(const json_t *body, const char *const *names, const char **ret_name,
			  struct booking_faults *faults)
{
	const json_t *first = NULL;
	char detail[BOOKING_FAULT_BYTES_MAX];

	*ret_name = names[0];
	for (size_t i = 0; names[i]; i++) {
		const json_t *json = json_object_get(body, names[i]);
		if (!json)
			continue;
		if (!first) {
			first = json;
			*ret_name = names[i];
		} else if (!json_equal(first, json)) {
			(void)snprintf(detail, sizeof(detail),
				       "differs from %s, which means the same", *ret_name);
			booking_faults_add(faults, names[i], detail);
		}
	}
	return first;
}

/* --- times --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "Z", "+hh:mm" or "-hh:mm". */
static bool read_zone(const char *text, int64_t *ret_ms)
{
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
		*ret_ms = 0;
		return true;
	}
	if ((text[0] != '+' && text[0] != '-') || strlen(text) != 6 || !is_digit(text[1]) ||
	    !is_digit(text[2]) || text[3] != ':' || !is_digit(text[4]) || !is_digit(text[5]))
		return false;

	const int hours = (text[1] - '0') * 10 + text[2] - '0';
	const int minutes = (text[4] - '0') * 10 + text[5] - '0';
	*ret_ms = (int64_t)(hours * 60 + minutes) * MINUTE_MS * (text[0] == '-' ? -1 : 1);
	return hours < 24 && minutes < 60;
}

/* RFC 3339, cut to milliseconds. */
static bool parse_time(const char *text, int64_t *ret_ms)
{
	char utc[] = "0000-00-00T00:00:00Z";
	const size_t whole = sizeof(utc) - 2;
	int64_t zone_ms, ms = 0;

	if (strlen(text) < whole + 1 || strlen(text) >= TIME_BYTES_MAX)
		return false;
	memcpy(utc, text, whole);
	if (utc[10] == 't' || utc[10] == ' ')
		utc[10] = 'T';
	text += whole;
	if (*text == '.') {
		int64_t unit = 100;
		size_t digits = 0;
		for (text++; is_digit(*text); text++, digits++, unit /= 10)
			ms += (*text - '0') * unit;
		if (digits == 0 || digits > FRACTION_DIGITS_MAX)
			return false;
	}
	if (!read_zone(text, &zone_ms) || clock_parse(utc, ret_ms, NULL) != ERR_OK)
		return false;
	*ret_ms += ms - zone_ms;
	return *ret_ms >= 0 && *ret_ms <= WALL_MS_MAX;
}

/* --- values --- */

static void read_time(const json_t *json, const char *field, struct event_value *value,
		      struct booking_faults *faults)
{
	int64_t ms;

	if (!json_is_string(json)) {
		booking_faults_add_type(faults, field, "a string", json);
		return;
	}
	if (!parse_time(json_string_value(json), &ms)) {
		booking_faults_add(faults, field,
				   "must be a time such as 2026-03-01T19:30:00Z, from 1970 on");
		return;
	}
	clock_format(ms, value->text);
}

static void read_kind(const json_t *json, const char *field, struct event_value *value,
		      struct booking_faults *faults)
{
	const char *text = json_string_value(json);

	if (!text)
		booking_faults_add_type(faults, field, "a string", json);
	else if (json_string_length(json) < KIND_BYTES_MAX &&
		 ident_is_valid(text, json_string_length(json)))
		memcpy(value->text, text, strlen(text) + 1);
	else
		booking_faults_add(faults, field,
				   "must be 1 to 32 of letters, digits, '-', '_' and '.'");
}

static void read_rule(const json_t *json, const char *field, const struct rule *rule,
		      struct event_value *value, struct booking_faults *faults)
{
	int64_t number;

	if (json_is_null(json) && rule->may_be_null) {
		value->is_null = true;
		return;
	}
	switch (rule->kind) {
	case WORDS:
	case NAME:
		(void)event_words_read(json, field, rule->kind == NAME, value->text, faults);
		return;
	case KIND:
		read_kind(json, field, value, faults);
		return;
	case TIME:
		read_time(json, field, value, faults);
		return;
	case NUMBER:
		if (event_number_read(json, field, rule->least, rule->most, &number, faults))
			(void)snprintf(value->text, sizeof(value->text), "%" PRId64, number);
		return;
	default:
		assert(!"a kind that exists");
	}
}

bool event_window_is_valid(const char *open_at, const char *close_at)
{
	/* Written alike, so that they compare as text. */
	return !open_at || !close_at || strcmp(open_at, close_at) < 0;
}

static const char *time_of(const struct event_value *value)
{
	return value->is_given && value->text[0] != '\0' ? value->text : NULL;
}

static void read_rules(const json_t *body, struct event_request *request,
		       struct booking_faults *faults)
{
	const char *field;

	for (size_t i = 0; i < EVENT_RULE_COUNT; i++) {
		const json_t *json = find(body, RULES[i].names, &field, faults);
		request->rules[i].is_given = json != NULL;
		if (json)
			read_rule(json, field, &RULES[i], &request->rules[i], faults);
	}
	if (!event_window_is_valid(time_of(&request->rules[EVENT_SALES_OPEN_AT]),
				   time_of(&request->rules[EVENT_SALES_CLOSE_AT])))
		booking_faults_add(faults, event_rule_name(EVENT_SALES_CLOSE_AT),
				   EVENT_WINDOW_FAULT);
}

/* --- a new event --- */

static void read_defaults(struct event_request *request, struct booking_faults *faults)
{
	for (size_t i = 0; i < EVENT_RULE_COUNT; i++) {
		struct event_value *value = &request->rules[i];
		const char *fallback = RULES[i].fallback;
		if (value->is_given || !fallback)
			continue;
		if (fallback[0] == '\0')
			booking_faults_add(faults, RULES[i].names[0], "is required");
		(void)snprintf(value->text, sizeof(value->text), "%s", fallback);
	}
}

static void read_id(const json_t *body, char ret[static IDENT_BYTES_MAX],
		    struct booking_faults *faults)
{
	const char *field;
	const json_t *json = find(body, ID_NAMES, &field, faults);
	char number[24];
	const char *text = json_string_value(json);
	size_t len = json_string_length(json);

	if (!json)
		return;
	if (json_is_integer(json)) {
		len = (size_t)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
				       json_integer_value(json));
		text = number;
	}
	if (!text)
		booking_faults_add_type(faults, field, "a string or an integer", json);
	else if (ident_is_valid(text, len))
		memcpy(ret, text, len + 1);
	else
		booking_faults_add(faults, field,
				   "must be 1 to 64 of letters, digits, '-', '_' and '.'");
}

static void read_currency(const json_t *body, char ret[static EVENT_CURRENCY_BYTES_MAX],
			  struct booking_faults *faults)
{
	const char *field;
	const json_t *json = find(body, CURRENCY_NAMES, &field, faults);
	const char *text = json ? json_string_value(json) : "EUR";

	if (!text)
		booking_faults_add_type(faults, field, "a string", json);
	else if (strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
		memcpy(ret, text, EVENT_CURRENCY_BYTES_MAX);
	else
		booking_faults_add(faults, field, "must be three capital letters, such as EUR");
}

static void read_seats(const json_t *body, struct event_plan *plan, struct booking_faults *faults)
{
	const char *field, *total_field;
	int64_t price_minor = 0, total;

	const json_t *price = find(body, PRICE_NAMES, &field, faults);
	if (price)
		(void)event_number_read(price, field, 0, EVENT_PRICE_MINOR_MAX, &price_minor,
					faults); /* Told. */
	const json_t *sections = find(body, SECTIONS_NAMES, &field, faults);
	const json_t *number = find(body, TOTAL_NAMES, &total_field, faults);
	if (sections)
		event_plan_read(sections, price_minor, plan, faults);
	else if (!number)
		booking_faults_add(faults, field, "is required");
	if (!number || !event_number_read(number, total_field, 1, EVENT_SEATS_MAX, &total, faults))
		return;
	if (!sections)
		event_plan_number(total, price_minor, plan);
	else if (faults->count == 0 && total != plan->seat_count)
		booking_faults_add(faults, total_field, "is not the number of seats of sections");
}

/* --- a change --- */

static bool has_price(const struct event_request *request, const char *section)
{
	for (size_t i = 0; i < request->price_count; i++)
		if (strcmp(request->prices[i].section, section) == 0)
			return true;
	return false;
}

static void read_price(const json_t *json, size_t i, struct event_request *request,
		       struct booking_faults *faults)
{
	struct event_price *price = &request->prices[request->price_count];
	char field[BOOKING_FIELD_BYTES_MAX];
	const char *name;

	(void)snprintf(field, sizeof(field), "prices[%zu]", i);
	if (!json_is_object(json)) {
		booking_faults_add_type(faults, field, "an object", json);
		return;
	}
	const json_t *section = json_object_get(json, "section");
	(void)snprintf(field, sizeof(field), "prices[%zu].section", i);
	if (!section)
		booking_faults_add(faults, field, "is required");
	else if (event_words_read(section, field, 0, price->section, faults) &&
		 has_price(request, price->section))
		booking_faults_add(faults, field, "names a section a second time");
	const json_t *minor = find(json, PRICE_NAMES, &name, faults);
	(void)snprintf(field, sizeof(field), "prices[%zu].%s", i, name);
	if (!minor)
		booking_faults_add(faults, field, "is required");
	else if (event_number_read(minor, field, 0, EVENT_PRICE_MINOR_MAX, &price->price_minor,
				   faults))
		request->price_count++;
}

static void read_prices(const json_t *body, struct event_request *request,
			struct booking_faults *faults)
{
	const json_t *json = json_object_get(body, "prices");
	const size_t count = json_array_size(json);

	if (!json)
		return;
	if (!json_is_array(json)) {
		booking_faults_add_type(faults, "prices", "an array", json);
		return;
	}
	if (count < 1 || count > EVENT_PRICES_MAX) {
		booking_faults_add(faults, "prices", "must be 1 to 200 prices");
		return;
	}
	request->prices = calloc(count, sizeof(request->prices[0]));
	assert(request->prices);
	for (size_t i = 0; i < count; i++)
		read_price(json_array_get(json, i), i, request, faults);
}

/* What a client may believe to have changed. */
static void refuse_fixed(const json_t *body, struct booking_faults *faults)
{
	static const char *const *const fixed[] = { ID_NAMES, CURRENCY_NAMES, SECTIONS_NAMES,
						    TOTAL_NAMES, PRICE_NAMES };
	const char *field;

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (find(body, fixed[i], &field, faults))
			booking_faults_add(faults, field, "cannot be changed");
}

static void read_change(const json_t *body, struct event_request *request,
			struct booking_faults *faults)
{
	bool has_rule = false;

	refuse_fixed(body, faults);
	read_rules(body, request, faults);
	read_prices(body, request, faults);
	for (size_t i = 0; i < EVENT_RULE_COUNT; i++)
		has_rule = has_rule || request->rules[i].is_given;
	if (faults->count == 0 && !has_rule && request->price_count == 0)
		booking_faults_add(faults, "body", "names nothing that can be changed");
}

static void read_new(const json_t *body, struct event_request *request,
		     struct booking_faults *faults)
{
	read_id(body, request->event_id, faults);
	read_rules(body, request, faults);
	read_defaults(request, faults);
	read_currency(body, request->currency, faults);
	read_seats(body, &request->plan, faults);
}

static err_code parse(const char *body, size_t len,
		      void (*read)(const json_t *, struct event_request *, struct booking_faults *),
		      struct event_request *ret, struct booking_faults *ret_faults, struct err *err)
{
	assert(body && ret && ret_faults);

	_cleanup_(json_decrefp) json_t *root = NULL;
	const err_code code = json_parse_object(body, len, &root, err);
	if (code != ERR_OK)
		return code;

	_cleanup_(event_request_done) struct event_request request = { 0 };
	struct booking_faults faults = { 0 };
	read(root, &request, &faults);
	if (faults.count > 0) {
		*ret_faults = faults;
		return err_set(err, ERR_CONFLICT, "%zu members are wrong, first %s", faults.count,
			       faults.items[0].field);
	}
	*ret = request;
	request = (struct event_request){ 0 }; /* The caller has it. */
	return ERR_OK;
}

err_code event_request_parse_new(const char *body, size_t len, struct event_request *ret,
				 struct booking_faults *ret_faults, struct err *err)
{
	return parse(body, len, read_new, ret, ret_faults, err);
}

err_code event_request_parse_change(const char *body, size_t len, struct event_request *ret,
				    struct booking_faults *ret_faults, struct err *err)
{
	return parse(body, len, read_change, ret, ret_faults, err);
}
