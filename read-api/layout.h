/*
 * layout - where the seats of one event are and what they cost, as MongoDB has it now.
 *
 * Threads  any; one client, one thread.
 * Errors   ERR_NOT_FOUND no such event; ERR_UNAVAILABLE MongoDB is away, or the layout is being
 *          written; ERR_INTERNAL what is stored is no layout.
 */
#pragma once

#include "attr.h"
#include "err.h"
#include "mongo.h"
#include "strbuf.h"

/* Appends the layout to out: see layout_json.h. event_id is an id by its grammar. */
err_code layout_render(const struct mongo_client *client, const char *event_id, struct strbuf *out,
		       struct err *err) _must_check_;
