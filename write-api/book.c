#include "book.h"

#include "accept.h"

static void book(struct write_api *api, const struct http_request *request,
		 struct http_response *response, enum booking_form form)
{
	struct acceptance acceptance = { .api = api, .request = request, .response = response };

	if (accept_read(&acceptance, form))
		accept_making(&acceptance);
}

void book_one_seat(void *ctx, const struct http_request *request, struct http_response *response)
{
	book(ctx, request, response, BOOKING_FORM_ONE_SEAT);
}

void book_seats(void *ctx, const struct http_request *request, struct http_response *response)
{
	book(ctx, request, response, BOOKING_FORM_SEATS);
}
