/*
 * cloud_event - a row of the booking log, as other services are told of it.
 *
 * Pure. CloudEvents 1.0 in Kafka's binary content mode: the attributes are headers, the value is
 * the booking as the row left it, and what it was about.
 * Owns     a cloud_event owns its texts and keeps their memory when it is made anew; booking_id
 *          and source are the caller's. A message points into its cloud_event.
 * Source   lib/PROTOCOL.md, "Booking events (Kafka)"; CloudEvents 1.0.2, "Kafka Protocol Binding".
 */
#pragma once

#include "clock.h"
#include "fold.h"
#include "kafka.h"
#include "strbuf.h"

#define CLOUD_EVENT_ID_BYTES_MAX 64    /* "<booking id>/<version>"        */
#define CLOUD_EVENT_TYPE_BYTES_MAX 48  /* "seatline.booking.<what>"       */
#define CLOUD_EVENT_VALUE_BYTES_MAX (64u << 10) /* far above ten seats with the longest ids */

struct cloud_event {
	const char *booking_id;
	const char *source; /* "/seatline/<ledger id>" */
	char id[CLOUD_EVENT_ID_BYTES_MAX];
	char type[CLOUD_EVENT_TYPE_BYTES_MAX];
	char time[CLOCK_TEXT_BYTES_MAX];
	struct strbuf value;
};

void cloud_event_init(struct cloud_event *event);
void cloud_event_done(struct cloud_event *event);

/* ERR_INTERNAL: the row is larger than any can be. */
err_code cloud_event_make(struct cloud_event *event, const struct log_row *row, const char *source,
                          struct err *err) _must_check_;

struct kafka_message cloud_event_message(const struct cloud_event *event);
