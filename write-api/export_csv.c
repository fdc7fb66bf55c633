#include "export_csv.h"

#include <string.h>

static void add_cell(struct strbuf *out, const char *cell)
{
	/* Where a comma is part of a number, a spreadsheet parts cells at semicolons. */
	const bool is_quoted = strpbrk(cell, ",;\"\r\n") != NULL;

	if (is_quoted)
		strbuf_add_char(out, '"');
	if (cell[0] != '\0' && strchr("=+-@\t\r", cell[0]))
		strbuf_add_char(out, '\'');
	for (const char *c = cell; *c; c++) {
		if (*c == '"')
			strbuf_add_char(out, '"');
		strbuf_add_char(out, *c);
	}
	if (is_quoted)
		strbuf_add_char(out, '"');
}

void export_csv_line(struct strbuf *out, const char *const *cells, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			strbuf_add_char(out, ',');
		if (cells[i])
			add_cell(out, cells[i]);
	}
	strbuf_add_text(out, "\r\n");
}
