#include "seat_request.h"

#include "json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[] = { "seatIds",     "seat_ids", "seats", "seatNumbers",
				     "seat_numbers" };

void seat_request_done(struct seat_request *request)
{
	free(request->seat_ids);
	request->seat_ids = NULL;
	request->count = 0;
}

static bool has_seat(const struct seat_request *request, const char *seat_id)
{
	for (size_t i = 0; i < request->count; i++)
		if (strcmp(request->seat_ids[i], seat_id) == 0)
			return true;
	return false;
}

static void read_seats(const json_t *json, const char *name, struct seat_request *request,
		       struct booking_faults *faults)
{
	const size_t count = json_array_size(json);
	char field[BOOKING_FIELD_BYTES_MAX];

	if (!json_is_array(json)) {
		booking_faults_add_type(faults, name, "an array of 1 to 1000 seats", json);
		return;
	}
	if (count < 1 || count > SEAT_REQUEST_SEATS_MAX) {
		booking_faults_add(faults, name, "must name 1 to 1000 seats");
		return;
	}
	request->seat_ids = calloc(count, sizeof(request->seat_ids[0]));
	assert(request->seat_ids);
	for (size_t i = 0; i < count; i++) {
		char *seat_id = request->seat_ids[request->count];
		(void)snprintf(field, sizeof(field), "%s[%zu]", name, i);
		if (!booking_request_read_seat(json_array_get(json, i), field, seat_id, faults))
			continue;
		if (has_seat(request, seat_id))
			booking_faults_add(faults, field, "names a seat a second time");
		else
			request->count++;
	}
}

/* Under one of its names; of several nobody can tell which is meant. */
static void find_seats(const json_t *body, struct seat_request *request,
		       struct booking_faults *faults)
{
	const char *found = NULL;

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		const json_t *json = json_object_get(body, NAMES[i]);
		if (!json)
			continue;
		if (found)
			booking_faults_add(faults, NAMES[i], "means the same as another member");
		else
			read_seats(json, NAMES[i], request, faults);
		found = NAMES[i];
	}
	if (!found)
		booking_faults_add(faults, NAMES[0], "is required");
}

err_code seat_request_parse(const char *body, size_t len, struct seat_request *ret,
			    struct booking_faults *ret_faults, struct err *err)
{
	assert(body && ret && ret_faults);

	_cleanup_(json_decrefp) json_t *root = NULL;
	const err_code code = json_parse_object(body, len, &root, err);
	if (code != ERR_OK)
		return code;

	_cleanup_(seat_request_done) struct seat_request request = { 0 };
	struct booking_faults faults = { 0 };
	(void)booking_request_read_user(root, request.user_id, &faults); /* Told. */
	find_seats(root, &request, &faults);
	if (faults.count > 0) {
		*ret_faults = faults;
		return err_set(err, ERR_CONFLICT, "%zu members are wrong, first %s", faults.count,
			       faults.items[0].field);
	}
	*ret = request;
	request = (struct seat_request){ 0 }; /* The caller has it. */
	return ERR_OK;
}
