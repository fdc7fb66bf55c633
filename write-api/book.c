#include "book.h"

#include "accept.h"

/* One key, or one attempt of the gateway to have a request answered, is one booking. */
static struct booking_id choose_id(const struct acceptance *acceptance)
{
	const struct booking_id_key *key = &acceptance->api->key;
	const struct command *command = &acceptance->command;

	if (acceptance->key)
		return booking_id_derive(key, command->user_id, command->event_id,
					 acceptance->whose_key);
	if (acceptance->gateway_id)
		return booking_id_make_retryable(key, command->event_id, command->user_id,
						 acceptance->gateway_ms, acceptance->gateway_id);
	return booking_id_make(key, command->event_id, command->user_id, command->requested_at_ms);
}

static void book(struct write_api *api, const struct http_request *request,
		 struct http_response *response, enum booking_form form)
{
	struct acceptance acceptance = { .api = api, .request = request, .response = response };
	struct command *command = &acceptance.command;

	if (!accept_read(&acceptance, form))
		return;
	command->booking_id = choose_id(&acceptance);
	if (acceptance.key)
		command->idempotency_key =
			command_id_of_key(&api->key, command->user_id, acceptance.whose_key);
	accept_command(&acceptance);
}

void book_one_seat(void *ctx, const struct http_request *request, struct http_response *response)
{
	book(ctx, request, response, BOOKING_FORM_ONE_SEAT);
}

void book_seats(void *ctx, const struct http_request *request, struct http_response *response)
{
	book(ctx, request, response, BOOKING_FORM_SEATS);
}
