#include "event_plan.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS 26

void event_plan_done(struct event_plan *plan)
{
	free(plan->sections);
	free(plan->rows);
	*plan = (struct event_plan){ 0 };
}

/* --- values --- */

static bool is_control(const char *text, size_t i)
{
	const unsigned char c = (unsigned char)text[i];

	/* U+0080 to U+009F are C2 80 to C2 9F; lines and paragraphs end with E2 80 A8 and A9. */
	const bool is_c1 = c == 0xc2 && (unsigned char)text[i + 1] < 0xa0;

	return c < 0x20 || c == 0x7f || is_c1 || strncmp(text + i, "\xe2\x80\xa8", 3) == 0 ||
	       strncmp(text + i, "\xe2\x80\xa9", 3) == 0;
}

/* What is wrong with valid UTF-8 as words; NULL: nothing. */
static const char *fault_of_words(const char *text, size_t least)
{
	size_t count = 0;
	bool blank = true;

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (is_control(text, i))
			return "must not have control characters";
		blank = blank && text[i] == ' ';
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	}
	if (count > EVENT_WORDS_MAX)
		return "may have at most 200 characters";
	if (count < least)
		return "must not be empty";
	return count > 0 && blank ? "must not be blank" : NULL;
}

bool event_words_read(const json_t *json, const char *field, size_t least,
		      char ret[static EVENT_WORDS_BYTES_MAX], struct booking_faults *faults)
{
	if (!json_is_string(json)) {
		booking_faults_add_type(faults, field, "a string", json);
		return false;
	}

	const char *text = json_string_value(json);
	const char *fault = fault_of_words(text, least);
	if (fault) {
		booking_faults_add(faults, field, fault);
		return false;
	}
	memcpy(ret, text, strlen(text) + 1);
	return true;
}

bool event_number_read(const json_t *json, const char *field, int64_t least, int64_t most,
		       int64_t *ret, struct booking_faults *faults)
{
	char detail[BOOKING_FAULT_BYTES_MAX];

	if (!json_is_integer(json)) {
		booking_faults_add_type(faults, field, "an integer", json);
		return false;
	}
	if (json_integer_value(json) < least || json_integer_value(json) > most) {
		(void)snprintf(detail, sizeof(detail), "must be %" PRId64 " to %" PRId64, least,
			       most);
		booking_faults_add(faults, field, detail);
		return false;
	}
	*ret = json_integer_value(json);
	return true;
}

/* --- rows --- */

static void *grow(void *array, size_t count, size_t size)
{
	/* By powers of two: there is room when count is none. */
	if (count & (count - 1))
		return array;

	void *grown = reallocarray(array, count ? count * 2 : 1, size);
	assert(grown);
	return grown;
}

/* "" where there is none. */
static bool make_stem(const char *prefix, const char *row, char ret[static IDENT_BYTES_MAX + 1])
{
	const int len = snprintf(ret, IDENT_BYTES_MAX + 1, "%s%s%s%s", prefix,
				 prefix[0] != '\0' ? "-" : "", row, row[0] != '\0' ? "-" : "");

	return len <= IDENT_BYTES_MAX;
}

static void add_row(struct event_plan *plan, const char *prefix, const char *name,
		    const char *field, struct booking_faults *faults)
{
	const size_t section = plan->section_count - 1;
	const int64_t seats = plan->sections[section].seats_per_row;
	struct event_row row = { .section = section, .first = plan->seat_count };
	char last[24];

	(void)snprintf(row.name, sizeof(row.name), "%s", name);
	const int digits = snprintf(last, sizeof(last), "%" PRId64, seats);
	if (!make_stem(prefix, name, row.stem) ||
	    strlen(row.stem) + (size_t)digits > IDENT_BYTES_MAX - 1) {
		booking_faults_add(faults, field, "makes ids of more than 64 characters");
		return;
	}
	plan->seat_count += seats;
	if (plan->seat_count > EVENT_SEATS_MAX)
		return; /* Told once, at the end. */
	plan->rows = grow(plan->rows, plan->row_count, sizeof(row));
	plan->rows[plan->row_count++] = row;
}

/* A, B, ... Z, AA, AB, ... */
static void name_row(int64_t i, char ret[static 8])
{
	char letters[8];
	size_t count = 0;

	for (i++; i > 0; i = (i - 1) / LETTERS)
		letters[count++] = (char)('A' + (i - 1) % LETTERS);
	for (size_t at = 0; at < count; at++)
		ret[at] = letters[count - 1 - at];
	ret[count] = '\0';
}

static void read_row_name(const json_t *json, const char *prefix, const char *field,
			  struct event_plan *plan, struct booking_faults *faults)
{
	char number[24];
	const char *text = json_string_value(json);
	size_t len = json_string_length(json);

	if (json_is_integer(json)) {
		len = (size_t)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
				       json_integer_value(json));
		text = number;
	} else if (!text) {
		booking_faults_add_type(faults, field, "a string or an integer", json);
		return;
	}
	if (ident_is_valid_seat(text, len))
		add_row(plan, prefix, text, field, faults);
	else
		booking_faults_add(faults, field,
				   "must be 1 to 64 of letters, digits, '-', '_', '.' and ':'");
}

static void read_rows(const json_t *json, const char *prefix, const char *field,
		      struct event_plan *plan, struct booking_faults *faults)
{
	char item[BOOKING_FIELD_BYTES_MAX * 2], name[8];
	int64_t count = 0;

	if (!json) {
		add_row(plan, prefix, "", field, faults);
		return;
	}
	if (json_is_integer(json)) {
		if (!event_number_read(json, field, 1, EVENT_ROWS_MAX, &count, faults))
			return;
		for (int64_t i = 0; i < count; i++) {
			name_row(i, name);
			add_row(plan, prefix, name, field, faults);
		}
		return;
	}
	if (!json_is_array(json)) {
		booking_faults_add_type(faults, field, "a number or an array of names", json);
		return;
	}
	if (json_array_size(json) < 1 || json_array_size(json) > EVENT_ROWS_MAX) {
		booking_faults_add(faults, field, "must be 1 to 1000 rows");
		return;
	}
	for (size_t i = 0; i < json_array_size(json); i++) {
		(void)snprintf(item, sizeof(item), "%s[%zu]", field, i);
		read_row_name(json_array_get(json, i), prefix, item, plan, faults);
	}
}

/* --- sections --- */

/* Under which name the client sent it, else the first; the member is *ret, or NULL. */
static const char *find(const json_t *object, const char *name, const char *other,
			const json_t **ret)
{
	*ret = json_object_get(object, name);
	if (*ret || !other || !json_object_get(object, other))
		return name;
	*ret = json_object_get(object, other);
	return other;
}

static void path(char ret[static BOOKING_FIELD_BYTES_MAX], size_t i, const char *name)
{
	(void)snprintf(ret, BOOKING_FIELD_BYTES_MAX, "sections[%zu].%s", i, name);
}

/* The section's name counts, where it can be part of an id. */
static void read_prefix(const json_t *section, size_t i, const char *name,
			char ret[static IDENT_BYTES_MAX], struct booking_faults *faults)
{
	const json_t *json;
	char field[BOOKING_FIELD_BYTES_MAX];
	path(field, i, find(section, "seatPrefix", "seat_prefix", &json));

	ret[0] = '\0';
	if (json && !json_is_string(json)) {
		booking_faults_add_type(faults, field, "a string", json);
		return;
	}
	const char *text = json ? json_string_value(json) : name;
	if (text[0] == '\0')
		return;
	if (ident_is_valid_seat(text, strlen(text)))
		memcpy(ret, text, strlen(text) + 1);
	else if (json)
		booking_faults_add(faults, field,
				   "must be 1 to 64 of letters, digits, '-', '_', '.' and ':'");
	else
		booking_faults_add(faults, field,
				   "is required where the name cannot be part of a seat's id");
}

static void read_section(const json_t *json, size_t i, int64_t price_minor, struct event_plan *plan,
			 struct booking_faults *faults)
{
	struct event_section section = { .price_minor = price_minor };
	char prefix[IDENT_BYTES_MAX], field[BOOKING_FIELD_BYTES_MAX];
	const json_t *member;

	if (!json_is_object(json)) {
		(void)snprintf(field, sizeof(field), "sections[%zu]", i);
		booking_faults_add_type(faults, field, "an object", json);
		return;
	}
	path(field, i, find(json, "name", NULL, &member));
	if (member)
		(void)event_words_read(member, field, 0, section.name, faults); /* Told. */
	read_prefix(json, i, section.name, prefix, faults);
	path(field, i, find(json, "priceMinor", "price_minor", &member));
	if (member)
		(void)event_number_read(member, field, 0, EVENT_PRICE_MINOR_MAX,
					&section.price_minor, faults); /* Told. */
	path(field, i, find(json, "seatsPerRow", "seats_per_row", &member));
	if (!member)
		booking_faults_add(faults, field, "is required");
	else if (!event_number_read(member, field, 1, EVENT_SEATS_PER_ROW_MAX,
				    &section.seats_per_row, faults))
		return;

	plan->sections = grow(plan->sections, plan->section_count, sizeof(section));
	plan->sections[plan->section_count++] = section;
	path(field, i, find(json, "rows", NULL, &member));
	read_rows(member, prefix, field, plan, faults);
}

static int compare_stems(const void *a, const void *b)
{
	const struct event_row *const *x = a, *const *y = b;
	const int order = strcmp((*x)->stem, (*y)->stem);

	return order != 0 ? order : ((*x)->first > (*y)->first) - ((*x)->first < (*y)->first);
}

/* A number has no '-', so that two seats have one id only when their rows' ids begin alike. */
static void find_repeated(const struct event_plan *plan, struct booking_faults *faults)
{
	_cleanup_free_ const struct event_row **rows = calloc(plan->row_count, sizeof(*rows));
	char field[BOOKING_FIELD_BYTES_MAX];

	assert(rows || plan->row_count == 0);
	for (size_t i = 0; i < plan->row_count; i++)
		rows[i] = &plan->rows[i];
	qsort(rows, plan->row_count, sizeof(*rows), compare_stems);
	for (size_t i = 1; i < plan->row_count; i++) {
		if (strcmp(rows[i - 1]->stem, rows[i]->stem) != 0)
			continue;
		path(field, rows[i]->section, "rows");
		booking_faults_add(faults, field, "has seats of the same ids as another row");
		return;
	}
}

void event_plan_read(const json_t *sections, int64_t price_minor, struct event_plan *plan,
		     struct booking_faults *faults)
{
	const size_t count = json_array_size(sections);

	if (!json_is_array(sections)) {
		booking_faults_add_type(faults, "sections", "an array", sections);
		return;
	}
	if (count < 1 || count > EVENT_SECTIONS_MAX) {
		booking_faults_add(faults, "sections", "must be 1 to 200 sections");
		return;
	}
	for (size_t i = 0; i < count; i++)
		read_section(json_array_get(sections, i), i, price_minor, plan, faults);
	if (plan->seat_count > EVENT_SEATS_MAX)
		booking_faults_add(faults, "sections", "may have at most 100000 seats together");
	else if (faults->count == 0)
		find_repeated(plan, faults);
}

void event_plan_number(int64_t count, int64_t price_minor, struct event_plan *plan)
{
	assert(plan->section_count == 0 && count >= 1 && count <= EVENT_SEATS_MAX);

	plan->sections = grow(plan->sections, 0, sizeof(plan->sections[0]));
	plan->sections[plan->section_count++] =
		(struct event_section){ .price_minor = price_minor, .seats_per_row = count };
	add_row(plan, "", "", "", NULL);
}
