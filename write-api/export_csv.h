/*
 * export_csv - lines of comma-separated values that a spreadsheet can open without harm. Pure.
 *
 * Grammar  RFC 4180: CRLF ends a line; a cell with a comma, a quote or a line end is quoted. A cell
 *          that a spreadsheet would take for a formula (it begins with = + - @, TAB or CR) begins
 *          with an apostrophe.
 * Source   OWASP, "CSV Injection".
 */
#pragma once

#include "strbuf.h"

#include <stddef.h>

/* NULL is an empty cell. */
void export_csv_line(struct strbuf *out, const char *const *cells, size_t count);
