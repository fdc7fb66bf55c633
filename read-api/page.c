#include "page.h"

#include "document.h"
#include "find.h"

#include <stdio.h>

static void note_last(const struct page *page, const bson_t *doc, struct cursor *ret)
{
	size_t len = 0;
	const char *id = document_text(doc, "_id", &len);

	*ret = (struct cursor){ 0 };
	(void)document_time(doc, page->time_field, &ret->time_ms); /* 0 does for one without. */
	if (id && ident_is_valid(id, len))
		(void)snprintf(ret->id, sizeof(ret->id), "%s", id);
}

err_code page_render(const struct page *page, mongoc_cursor_t *docs, struct strbuf *out,
		     bool *ret_more, struct cursor *ret_last, struct err *err)
{
	const bson_t *doc = NULL;
	struct cursor last = { 0 };
	int64_t count = 0;

	strbuf_add_char(out, '[');
	while (mongoc_cursor_next(docs, &doc) && ++count <= page->limit) {
		if (count > 1)
			strbuf_add_char(out, ',');
		page->write(doc, out);
		if (count == page->limit)
			note_last(page, doc, &last);
	}
	strbuf_add_char(out, ']');

	const err_code code = find_error(docs, "read a list", err);

	if (code != ERR_OK)
		return code;
	if (out->overflow)
		return err_set(err, ERR_INTERNAL, "a list too long to answer");

	/* From a document whose id is none, nobody can go on; the projector writes no such one. */
	*ret_more = count > page->limit && last.id[0] != '\0';
	*ret_last = last;
	return ERR_OK;
}
