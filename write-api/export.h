/*
 * export - all bookings of an event, for a spreadsheet.
 *
 * Shape    pages: a page ends at its limit of rows, at EXPORT_BYTES_MAX or after EXPORT_MS_MAX, and
 *          says where the next one begins (Link). Bookings stand in the order in which they were
 *          decided first, each as it is when its row is read.
 * Owns     a page's bytes until they are sent; its thread keeps none of them.
 * Source   API.md, "Accounts, roles, administration".
 */
#pragma once

#include "http.h"

#define EXPORT_ROWS_MAX  100000
#define EXPORT_BYTES_MAX (8u << 20)
#define EXPORT_MS_MAX    5000

/* GET /api/events/{id}/bookings.csv. ctx is a struct write_api. */
void export_bookings(void *ctx, const struct http_request *request, struct http_response *response);
