/*
 * answer - one rendered answer: its bytes, the same gzipped, and the headers that go with them.
 *
 * Immutable once made, so any number of responses send it from where it is. It is gzipped when
 * first asked for so, once; others who want it meanwhile wait for that.
 * Shape    a strong ETag for each of the two forms; a client that names either of them has it.
 *          Under ANSWER_GZIP_BYTES_MIN there is one form, since gzipping saves no packet.
 * Owns     its bytes and its parts. Counted: answer_new gives one owner, answer_ref one more, and
 *          who has no more use for it calls answer_release.
 * Threads  any.
 */
#pragma once

#include "http.h"
#include "strbuf.h"

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_GZIP_BYTES_MIN 1024

struct answer;

/* What an answer is made of. */
struct answer_content {
	struct strbuf *body; /* its bytes are taken; it is then empty */
	const char *etag;    /* of the bytes as they are */
	const char *link;    /* the Link header, or "" */
	void *parts; /* taken: the maker's notes about the bytes, freed with them, or NULL */
	size_t parts_bytes;
};

struct answer *answer_new(const struct answer_content *content);
struct answer *answer_ref(struct answer *answer);
/* Takes the struct answer as void *, as http_shared wants it. Ignores NULL. */
void answer_release(void *answer);

const char *answer_body(const struct answer *answer);
size_t answer_len(const struct answer *answer);
const char *answer_etag(const struct answer *answer);
const void *answer_parts(const struct answer *answer);
/* The memory that it takes now. */
size_t answer_bytes(const struct answer *answer);

/*
 * Answers with it, in the form that the client wants, or 304; whoever sent a token is told that it
 * is theirs alone. Takes the caller's ownership. True when it was gzipped for that, and so takes
 * more memory than before.
 */
bool answer_send(struct answer *answer, const struct http_request *request,
		 struct http_response *response);
