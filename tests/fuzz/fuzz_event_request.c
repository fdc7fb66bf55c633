/*
 * The first byte chooses: c a change, else a new event; the rest is the body. What is accepted can
 * be stored: the bounds of the tables hold. What is refused says why, within its bounds.
 */
#include "fuzz.h"

#include "clock.h"
#include "event_request.h"

#include <inttypes.h>
#include <string.h>

static void check_faults(const struct booking_faults *faults)
{
	REQUIRE(faults->count >= 1 && faults->count <= BOOKING_FAULTS_MAX);
	for (size_t i = 0; i < faults->count; i++) {
		const struct booking_fault *fault = &faults->items[i];
		REQUIRE(fault->field[0] != '\0' && fault->detail[0] != '\0');
		/* Neither was cut, and neither repeats what the client sent. */
		REQUIRE(strlen(fault->field) < BOOKING_FIELD_BYTES_MAX - 1);
		REQUIRE(strlen(fault->detail) < BOOKING_FAULT_BYTES_MAX - 1);
	}
}

static void check_time(const struct event_value *value)
{
	int64_t ms;

	if (value->is_given && !value->is_null)
		REQUIRE(clock_parse(value->text, &ms, NULL) == ERR_OK && ms >= 0);
}

static void check_rules(const struct event_request *request)
{
	const struct event_value *rules = request->rules;

	REQUIRE(!rules[EVENT_NAME].is_given || rules[EVENT_NAME].text[0] != '\0');
	REQUIRE(!rules[EVENT_NAME].is_null && !rules[EVENT_DATE].is_null);
	for (size_t i = 0; i < EVENT_RULE_COUNT; i++) {
		REQUIRE(!rules[i].is_null || rules[i].is_given);
		REQUIRE(!rules[i].is_null || rules[i].text[0] == '\0');
		REQUIRE(!strpbrk(rules[i].text, "\r\n\t\x1b\x7f"));
	}
	check_time(&rules[EVENT_DATE]);
	check_time(&rules[EVENT_SALES_OPEN_AT]);
	check_time(&rules[EVENT_SALES_CLOSE_AT]);
}

static void check_plan(const struct event_plan *plan)
{
	int64_t seats = 0;

	REQUIRE(plan->seat_count >= 1 && plan->seat_count <= EVENT_SEATS_MAX);
	for (size_t i = 0; i < plan->row_count; i++) {
		const struct event_row *row = &plan->rows[i];
		char id[IDENT_BYTES_MAX * 2];
		REQUIRE(row->section < plan->section_count && row->first == seats);
		const struct event_section *section = &plan->sections[row->section];
		REQUIRE(section->price_minor >= 0 &&
			section->price_minor <= EVENT_PRICE_MINOR_MAX);
		seats += section->seats_per_row;
		(void)snprintf(id, sizeof(id), "%s%" PRId64, row->stem, section->seats_per_row);
		REQUIRE(ident_is_valid_seat(id, strlen(id)));
		(void)snprintf(id, sizeof(id), "%s1", row->stem);
		REQUIRE(ident_is_valid_seat(id, strlen(id)));
	}
	REQUIRE(seats == plan->seat_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(event_request_done) struct event_request request = { 0 };
	struct booking_faults faults = { 0 };
	struct err err = { .text = "" };

	if (size == 0)
		return 0;
	const bool is_change = data[0] == 'c';
	const char *body = (const char *)data + 1;
	const err_code code =
		is_change ? event_request_parse_change(body, size - 1, &request, &faults, &err)
			  : event_request_parse_new(body, size - 1, &request, &faults, &err);
	if (code == ERR_OK) {
		check_rules(&request);
		if (!is_change)
			check_plan(&request.plan);
	} else if (code == ERR_CONFLICT) {
		check_faults(&faults);
	} else {
		REQUIRE(err.code == ERR_INVALID && err.text[0] != '\0');
	}
	return 0;
}
