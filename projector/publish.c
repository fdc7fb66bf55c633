#include "publish.h"

#include "clock.h"
#include "live_message.h"
#include "log.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_BYTES_MAX 1024

struct publish {
	char *url;
	CURL *curl; /* keeps its connection */
	struct curl_slist *headers;
	struct strbuf message;
	int64_t paused_until_ms;
	bool is_failing;
};

static size_t ignore_body(char *data, size_t size, size_t count, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * count;
}

static bool set_options(struct publish *publish, int64_t timeout_ms)
{
	CURL *const curl = publish->curl;

	return curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HTTPHEADER, publish->headers) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_body) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
}

err_code publish_open(const char *url, int64_t timeout_ms, struct publish **ret, struct err *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_INTERNAL, "libcurl does not start");

	struct publish *const publish = calloc(1, sizeof(*publish));
	assert(publish);
	strbuf_init(&publish->message, LIVE_MESSAGE_BYTES_MAX);
	publish->url = strdup(url);
	publish->curl = curl_easy_init();
	/* No "Expect: 100-continue": it would cost a round trip. */
	publish->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (publish->headers && curl_slist_append(publish->headers, "Expect:") && publish->url &&
	    publish->curl && set_options(publish, timeout_ms)) {
		*ret = publish;
		return ERR_OK;
	}
	publish_close(publish);
	return err_set(err, ERR_INTERNAL, "libcurl refuses our options");
}

void publish_close(struct publish *publish)
{
	if (!publish)
		return;
	curl_easy_cleanup(publish->curl);
	curl_slist_free_all(publish->headers);
	strbuf_done(&publish->message);
	free(publish->url);
	free(publish);
	curl_global_cleanup();
}

static bool post(struct publish *publish, const char *event_id, const char **ret_why)
{
	char url[URL_BYTES_MAX];
	CURL *const curl = publish->curl;
	(void)snprintf(url, sizeof(url), "%s/%s", publish->url, event_id);

	long status = 0;
	const curl_off_t len = (curl_off_t)publish->message.len;
	CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, len);
	if (code == CURLE_OK)
		code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, publish->message.data);
	if (code == CURLE_OK)
		code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	*ret_why = code != CURLE_OK ? curl_easy_strerror(code) : "not accepted";
	return code == CURLE_OK && status >= 200 && status < 300;
}

static void note_outcome(struct publish *publish, bool is_delivered, const char *event_id,
			 const char *why)
{
	if (!is_delivered)
		publish->paused_until_ms = clock_monotonic_ms() + PUBLISH_PAUSE_MS;
	if (is_delivered == !publish->is_failing)
		return;

	publish->is_failing = !is_delivered;
	if (is_delivered)
		log_info("live_channel_up");
	else
		log_warn("live_channel_down", LOG_STR("event_id", event_id), LOG_STR("error", why));
}

static bool deliver(struct publish *publish, const char *event_id, int64_t deadline_ms)
{
	const char *why = "no time left";

	if (publish->message.overflow)
		return false;
	for (int i = 0; i < PUBLISH_TRIES_MAX; i++) {
		const int64_t now_ms = clock_monotonic_ms();
		if (now_ms >= deadline_ms || now_ms < publish->paused_until_ms)
			return false;
		if (post(publish, event_id, &why)) {
			note_outcome(publish, true, event_id, why);
			return true;
		}
	}
	note_outcome(publish, false, event_id, why);
	return false;
}

void publish_batch(struct publish *publish, const struct fold *fold,
		   const struct store_result *result, struct publish_counts *ret)
{
	*ret = (struct publish_counts){ 0 };
	if (strcmp(publish->url, PUBLISH_OFF) == 0)
		return;

	const int64_t deadline_ms = clock_monotonic_ms() + PUBLISH_BATCH_MS_MAX;
	for (size_t i = 0; i < fold->event_count; i++) {
		struct live_cursor cursor = { 0 };
		while (live_message_next(&cursor, fold, result, i, &publish->message)) {
			if (deliver(publish, fold->events[i].event_id, deadline_ms))
				ret->published++;
			else
				ret->failed++;
		}
	}
}
