#include "event_rules.h"

#include "document.h"

void event_rules_write(const bson_t *event, struct strbuf *out)
{
	static const char *const NUMBERS[] = { "hold_ttl_ms", "hold_extensions_max",
					       "seats_per_user_max",
					       "holds_per_user_max" };
	static const char *const TIMES[] = { "sales_open_at", "sales_close_at", "cancelled_at" };

	for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
		document_write_int_or_null(out, NUMBERS[i], event, NUMBERS[i]);
		strbuf_add_char(out, ',');
	}
	for (size_t i = 0; i < sizeof(TIMES) / sizeof(TIMES[0]); i++) {
		if (i > 0)
			strbuf_add_char(out, ',');
		document_write_time(out, TIMES[i], event, TIMES[i]);
	}
}
