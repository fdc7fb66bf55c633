#include "act.h"

#include "accept.h"
#include "refuse.h"

#include <assert.h>
#include <string.h>

/* The booking of the path; false when the response is a refusal. Another user's counts as never
 * issued, but for one in 65,536, of which the worker says not_owner. */
static bool find_booking(struct write_api *api, const struct http_request *request,
			 struct http_response *response, struct booking_id *ret)
{
	const char *text = request->params[0];

	if (booking_id_parse(text, strlen(text), ret, NULL) != ERR_OK ||
	    !booking_id_was_issued(&api->key, ret) ||
	    (request->caller.role == HTTP_ROLE_USER &&
	     !booking_id_is_of(&api->key, ret, request->caller.user_id))) {
		refuse_unknown(api, response);
		return false;
	}
	static_assert(sizeof(response->booking_id) == sizeof(ret->text), "the log's id is an id");
	memcpy(response->booking_id, ret->text, sizeof(ret->text));
	return true;
}

/* One key, or one attempt of the gateway to have a request answered, is one command. */
static struct command_id choose_id(const struct acceptance *acceptance)
{
	const struct booking_id_key *key = &acceptance->api->key;
	const struct booking_id *booking_id = &acceptance->command.booking_id;

	if (acceptance->key)
		return command_id_derive(key, booking_id, acceptance->command.user_id,
					 acceptance->whose_key);
	if (acceptance->gateway_id)
		return command_id_make_retryable(key, booking_id, acceptance->gateway_ms,
						 acceptance->gateway_id);
	return command_id_make();
}

static void act(struct write_api *api, const struct http_request *request,
		struct http_response *response, enum booking_form form)
{
	struct acceptance acceptance = { .api = api, .request = request, .response = response };
	struct booking_id booking_id;

	if (!find_booking(api, request, response, &booking_id) || !accept_read(&acceptance, form))
		return;
	acceptance.command.booking_id = booking_id;
	acceptance.command.id = choose_id(&acceptance);
	accept_command(&acceptance);
}

void act_confirm(void *ctx, const struct http_request *request, struct http_response *response)
{
	act(ctx, request, response, BOOKING_FORM_CONFIRM);
}

void act_extend(void *ctx, const struct http_request *request, struct http_response *response)
{
	act(ctx, request, response, BOOKING_FORM_EXTEND);
}

void act_cancel(void *ctx, const struct http_request *request, struct http_response *response)
{
	act(ctx, request, response, BOOKING_FORM_CANCEL);
}
