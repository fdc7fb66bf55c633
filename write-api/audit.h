/*
 * audit - who did what, from where, newest first: commands and what became of bookings from
 * booking_log, and what administrators did that is no command from audit_log, merged by time.
 *
 * Source   API.md, "Accounts, roles, administration"; lib/PROTOCOL.md, "The write model".
 */
#pragma once

#include "http.h"

/* GET /api/admin/audit?eventId= or ?bookingId=; without either, what is no command. ctx is a struct
 * write_api. */
void audit_list(void *ctx, const struct http_request *request, struct http_response *response);
