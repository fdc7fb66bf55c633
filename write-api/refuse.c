#include "refuse.h"

#include "log.h"

#include <stdio.h>

#define DETAIL_BYTES_MAX 224
#define MEMBER_BYTES_MAX (BOOKING_ID_BYTES_MAX + 2)

static void count(struct write_api *api, enum refusal refusal)
{
	metric_add(api->refused[refusal], 1);
}

void refuse_malformed(struct write_api *api, struct http_response *response, const struct err *err)
{
	char detail[DETAIL_BYTES_MAX];

	(void)snprintf(detail, sizeof(detail), "The body is %s.", err->text);
	count(api, REFUSAL_MALFORMED);
	http_problem(response, 400, "malformed-json", detail);
}

void refuse_invalid(struct write_api *api, struct http_response *response,
		    const struct booking_faults *faults)
{
	count(api, REFUSAL_INVALID);
	http_problem(response, 422, "invalid-request",
		     "The request cannot be carried out as it is; see errors.");
	for (size_t i = 0; i < faults->count; i++)
		http_problem_field(response, faults->items[i].field, faults->items[i].detail);
}

void refuse_unknown(struct write_api *api, struct http_response *response)
{
	count(api, REFUSAL_NOT_FOUND);
	http_problem(response, 404, "not-found", "No booking with this id was ever asked for.");
}

void refuse_forbidden(struct write_api *api, struct http_response *response)
{
	count(api, REFUSAL_FORBIDDEN);
	http_problem(response, 403, "forbidden", "The request names another user.");
}

void refuse_not_found(struct write_api *api, struct http_response *response, const char *detail)
{
	count(api, REFUSAL_NOT_FOUND);
	http_problem(response, 404, "not-found", detail);
}

void refuse_conflict(struct write_api *api, struct http_response *response, const char *slug,
		     const char *detail)
{
	count(api, REFUSAL_CONFLICT);
	http_problem(response, 409, slug, detail);
}

void refuse_reused_key(struct write_api *api, struct http_response *response)
{
	count(api, REFUSAL_KEY_REUSED);
	http_problem(response, 422, "idempotency-key-reused",
		     "This Idempotency-Key was used before, with another request.");
	http_problem_field(response, IDEMPOTENCY_KEY_HEADER,
			   "belongs to an earlier, different request");
}

static void answer_unavailable(struct write_api *api, struct http_response *response,
			       const char *detail)
{
	count(api, REFUSAL_UNAVAILABLE);
	http_unavailable(response, detail);
}

void refuse_no_memory(struct write_api *api, struct http_response *response)
{
	answer_unavailable(api, response, "Try again in a moment.");
}

bool refuse_unless_read(struct write_api *api, struct http_response *response, err_code code,
			const struct booking_faults *faults, const struct err *err)
{
	if (code == ERR_INVALID)
		refuse_malformed(api, response, err);
	else if (code != ERR_OK && code != ERR_CONFLICT)
		refuse_no_memory(api, response);
	else if (faults->count > 0)
		refuse_invalid(api, response, faults);
	else
		return true;
	return false;
}

/* Ids need no escaping. */
static void add_id(struct http_response *response, const char *name, const char *id)
{
	char member[MEMBER_BYTES_MAX];

	(void)snprintf(member, sizeof(member), "\"%s\"", id);
	http_problem_member(response, name, member);
}

static void answer_in_doubt(struct write_api *api, struct http_response *response,
			    const struct command *command)
{
	answer_unavailable(
		api, response,
		"It is not known whether the request was stored: it may still be carried out. "
		"Look up the booking by its id before you try again; a repetition with the same "
		"Idempotency-Key has no second effect.");
	add_id(response, "bookingId", command->booking_id.text);
	if (!command_makes_booking(command->type))
		add_id(response, "commandId", command->id.text);
}

static void write_log(enum log_level level, const struct command *command, bool maybe_stored,
		      const struct err *err)
{
	const struct log_field fields[] = {
		LOG_STR("booking_id", command->booking_id.text),
		LOG_STR("command", command_type_name(command->type)),
		LOG_BOOL("maybe_stored", maybe_stored),
		LOG_STR("error", err->text),
		LOG_STR("event_id", command->event_id),
	};
	const size_t fields_count = sizeof(fields) / sizeof(fields[0]);

	log_write(level, "command_not_stored", fields,
		  command_makes_booking(command->type) ? fields_count : fields_count - 1);
}

void refuse_not_stored(struct write_api *api, struct http_response *response,
		       const struct command *command, bool maybe_stored, const struct err *err)
{
	if (err->code == ERR_INTERNAL) {
		write_log(LOG_LEVEL_ERROR, command, maybe_stored, err);
		count(api, REFUSAL_INTERNAL);
		http_problem(response, 500, "internal-error", "The request was not accepted.");
		return;
	}
	/* The request's own line tells of each 503; a person looks only for what may be stored all
	   the same. */
	write_log(maybe_stored ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, command, maybe_stored, err);
	if (maybe_stored)
		answer_in_doubt(api, response, command);
	else
		answer_unavailable(
			api, response,
			"Requests cannot be stored at the moment. Nothing was done; try again.");
}

void refuse_failed(struct write_api *api, struct http_response *response, const struct err *err,
		   const char *detail)
{
	const bool is_ours = err->code != ERR_UNAVAILABLE;

	LOG_AT(is_ours ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, "administration_failed",
	       LOG_STR("error", err->text));
	if (!is_ours) {
		answer_unavailable(api, response, detail);
		return;
	}
	count(api, REFUSAL_INTERNAL);
	http_problem(response, 500, "internal-error", "The request was not carried out.");
}
