#include "answer.h"

#include "accept_encoding.h"
#include "caller.h"
#include "etag.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16) /* the largest window, and gzip's head and tail */
#define GZIP_MEMORY      8         /* zlib's default */
/* A map of 1,000 seats: level 1 makes 5,600 bytes in 0.09 ms, 6 makes 4,400 in 0.15, 9 in 0.46. */
#define GZIP_LEVEL 6

enum form { FORM_PLAIN, FORM_GZIP, FORM_COUNT };

struct bytes {
	char *data;
	size_t len;
};

struct answer {
	atomic_uint owners;
	struct bytes plain;
	pthread_mutex_t gzip_lock; /* held while it is gzipped */
	struct bytes gzip;         /* written under the lock, before is_gzipped */
	atomic_bool is_gzipped;
	struct etag etags[FORM_COUNT];
	char *headers[FORM_COUNT];
	size_t link_len; /* of their first lines */
	void *parts;
	size_t bytes; /* of memory, but for the gzipped ones */
};

/* Who may keep it: anybody, as long as they ask each time whether it still holds. */
static const char FOR_ALL[] = "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n";
/* Only who was given it. */
static const char FOR_ONE[] = "Cache-Control: private, no-cache\r\n"
			      "Vary: Accept-Encoding, Authorization\r\n";

/* The link, FOR_ALL, the ETag. */
static char *header_lines(const struct etag *etag, const char *link, size_t *ret_link_len)
{
	struct strbuf lines;

	strbuf_init(&lines, HTTP_HEADERS_BYTES_MAX);
	if (link[0])
		strbuf_addf(&lines, "Link: %s\r\n", link);
	*ret_link_len = lines.len;
	strbuf_addf(&lines, "%sETag: %s\r\n", FOR_ALL, etag->text);
	assert(!lines.overflow);
	return lines.data;
}

/* The buffer's memory, without what it has to spare. */
static struct bytes take_bytes(struct strbuf *buf)
{
	const size_t bytes_max = buf->bytes_max;
	struct bytes ret = { .data = buf->data, .len = buf->len };

	assert(buf->capacity > 0 && !buf->overflow);
	strbuf_init(buf, bytes_max);

	char *const data = realloc(ret.data, ret.len + 1);

	if (data)
		ret.data = data;
	return ret;
}

struct answer *answer_new(const struct answer_content *content)
{
	struct answer *const answer = calloc(1, sizeof(*answer));

	assert(answer);
	atomic_init(&answer->owners, 1);
	/* It cannot fail on Linux with valid arguments. */
	(void)pthread_mutex_init(&answer->gzip_lock, NULL);
	answer->plain = take_bytes(content->body);
	(void)snprintf(answer->etags[FORM_PLAIN].text, sizeof(answer->etags[FORM_PLAIN].text), "%s",
		       content->etag);
	answer->etags[FORM_GZIP] = etag_variant(content->etag, "gz");
	for (size_t i = 0; i < FORM_COUNT; i++)
		answer->headers[i] =
			header_lines(&answer->etags[i], content->link, &answer->link_len);
	answer->parts = content->parts;
	answer->bytes = sizeof(*answer) + answer->plain.len + content->parts_bytes +
			strlen(answer->headers[FORM_PLAIN]) + strlen(answer->headers[FORM_GZIP]);

	return answer;
}

struct answer *answer_ref(struct answer *answer)
{
	(void)atomic_fetch_add_explicit(&answer->owners, 1, memory_order_relaxed);
	return answer;
}

void answer_release(void *owned)
{
	struct answer *const answer = owned;

	if (!answer || atomic_fetch_sub_explicit(&answer->owners, 1, memory_order_acq_rel) > 1)
		return;

	for (size_t i = 0; i < FORM_COUNT; i++)
		free(answer->headers[i]);
	(void)pthread_mutex_destroy(&answer->gzip_lock);
	free(answer->parts);
	free(answer->gzip.data);
	free(answer->plain.data);
	free(answer);
}

const char *answer_body(const struct answer *answer)
{
	return answer->plain.data;
}

size_t answer_len(const struct answer *answer)
{
	return answer->plain.len;
}

const char *answer_etag(const struct answer *answer)
{
	return answer->etags[FORM_PLAIN].text;
}

const void *answer_parts(const struct answer *answer)
{
	return answer->parts;
}

size_t answer_bytes(const struct answer *answer)
{
	return answer->bytes + (atomic_load_explicit(&answer->is_gzipped, memory_order_acquire)
					? answer->gzip.len
					: 0);
}

/* Nothing when there is no memory for it. */
static struct bytes gzip(const struct bytes *plain)
{
	struct bytes ret = { 0 };
	z_stream stream = { 0 };

	if (deflateInit2(&stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return ret;

	const size_t bytes_max = deflateBound(&stream, plain->len);
	char *const data = malloc(bytes_max);

	if (data) {
		stream.next_in = (Bytef *)plain->data;
		stream.avail_in = (uInt)plain->len;
		stream.next_out = (Bytef *)data;
		stream.avail_out = (uInt)bytes_max;

		const int status = deflate(&stream, Z_FINISH);

		assert(status == Z_STREAM_END); /* There is room for the worst case. */
		(void)status;                   /* Only the assertion reads it. */
		ret.len = stream.total_out;

		char *const cut = realloc(data, ret.len);

		ret.data = cut ? cut : data;
	}
	(void)deflateEnd(&stream); /* It complains of bytes not taken, and all are. */
	return ret;
}

static bool has_gzip(struct answer *answer, bool *ret_made)
{
	if (atomic_load_explicit(&answer->is_gzipped, memory_order_acquire))
		return true;

	(void)pthread_mutex_lock(&answer->gzip_lock);
	if (!answer->gzip.data) {
		answer->gzip = gzip(&answer->plain);
		*ret_made = answer->gzip.data != NULL;
		atomic_store_explicit(&answer->is_gzipped, answer->gzip.data != NULL,
				      memory_order_release);
	}
	(void)pthread_mutex_unlock(&answer->gzip_lock);
	return answer->gzip.data != NULL;
}

/* A client that has either form has what it asks for. */
static bool is_known(const struct answer *answer, const struct http_request *request)
{
	return http_header(request, "If-None-Match") &&
	       (http_etag_is_known(request, answer->etags[FORM_PLAIN].text) ||
		http_etag_is_known(request, answer->etags[FORM_GZIP].text));
}

static void add_headers(const struct answer *answer, enum form form,
			const struct http_request *request, struct http_response *response)
{
	struct strbuf *const headers = &response->headers;
	const char *lines = answer->headers[form];

	if (caller_is_known(&request->caller)) {
		strbuf_add(headers, lines, answer->link_len);
		strbuf_add(headers, FOR_ONE, sizeof(FOR_ONE) - 1);
		lines += answer->link_len + sizeof(FOR_ALL) - 1;
	}
	strbuf_add(headers, lines, strlen(lines));
}

bool answer_send(struct answer *answer, const struct http_request *request,
		 struct http_response *response)
{
	const bool wants_gzip = answer->plain.len >= ANSWER_GZIP_BYTES_MIN &&
				accept_encoding_gzip(http_header(request, "Accept-Encoding"));

	if (is_known(answer, request)) {
		response->status = 304;
		add_headers(answer, wants_gzip ? FORM_GZIP : FORM_PLAIN, request, response);
		answer_release(answer);
		return false;
	}

	bool made = false;
	const enum form form = wants_gzip && has_gzip(answer, &made) ? FORM_GZIP : FORM_PLAIN;
	const struct bytes *const bytes = form == FORM_GZIP ? &answer->gzip : &answer->plain;

	add_headers(answer, form, request, response);
	if (form == FORM_GZIP)
		strbuf_add_text(&response->headers, "Content-Encoding: gzip\r\n");
	http_response_share(response, &(struct http_shared){ .bytes = bytes->data,
							     .len = bytes->len,
							     .release = answer_release,
							     .owner = answer });
	return made;
}
