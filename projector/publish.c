#include "publish.h"

#include "clock.h"
#include "live_message.h"
#include "log.h"
#include "recent.h"

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
	struct recent *owed; /* by event id: struct map_sums */
	int64_t paused_until_ms;
	bool is_failing;
	bool has_forgotten; /* an event that was owed a message, since nothing was owed last */
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
	publish->owed = recent_new(sizeof(struct map_sums), PUBLISH_OWED_MAX);
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
	recent_free(publish->owed);
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

static bool deliver(struct publish *publish, const char *event_id, int tries_max,
		    int64_t deadline_ms)
{
	const char *why = "no time left";

	if (publish->message.overflow)
		return false;
	for (int i = 0; i < tries_max; i++) {
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

static bool is_off(const struct publish *publish)
{
	return strcmp(publish->url, PUBLISH_OFF) == 0;
}

static void note_forgotten(struct publish *publish)
{
	if (publish->has_forgotten)
		return;
	publish->has_forgotten = true;
	log_warn("live_events_forgotten", LOG_INT("remembered", PUBLISH_OWED_MAX));
}

void publish_owe(struct publish *publish, const char *event_id, const struct map_sums *sums)
{
	if (is_off(publish))
		return;

	struct map_sums *owed = recent_find(publish->owed, event_id);
	if (!owed && recent_count(publish->owed) == PUBLISH_OWED_MAX)
		note_forgotten(publish);
	if (!owed)
		owed = recent_add(publish->owed, event_id);
	*owed = *sums;
}

void publish_owed(struct publish *publish, int64_t ms_max, struct publish_counts *ret)
{
	const int64_t deadline_ms = clock_monotonic_ms() + ms_max;

	*ret = (struct publish_counts){ 0 };
	for (const char *key = recent_oldest(publish->owed); key;
	     key = recent_oldest(publish->owed)) {
		char event_id[IDENT_BYTES_MAX];
		(void)snprintf(event_id, sizeof(event_id), "%s", key);
		live_message_version(event_id, recent_find(publish->owed, event_id),
				     &publish->message);
		/* Its drop was counted already; one try, for it is no news. */
		if (!deliver(publish, event_id, 1, deadline_ms))
			return;
		recent_drop(publish->owed, event_id);
		ret->published++;
	}
	publish->has_forgotten = false;
}

/* What is delivered also shows what was missed before: then nothing is owed any more. */
static void publish_event(struct publish *publish, const struct fold *fold,
			  const struct store_result *result, size_t event, int64_t deadline_ms,
			  struct publish_counts *counts)
{
	const char *const event_id = fold->events[event].event_id;
	struct publish_counts own = { 0 };
	struct live_cursor cursor = { 0 };

	while (live_message_next(&cursor, fold, result, event, &publish->message)) {
		if (deliver(publish, event_id, PUBLISH_TRIES_MAX, deadline_ms))
			own.published++;
		else
			own.failed++;
	}
	if (own.failed > 0)
		publish_owe(publish, event_id, &result->events[event].after);
	else if (own.published > 0)
		recent_drop(publish->owed, event_id);
	counts->published += own.published;
	counts->failed += own.failed;
}

void publish_batch(struct publish *publish, const struct fold *fold,
		   const struct store_result *result, struct publish_counts *ret)
{
	*ret = (struct publish_counts){ 0 };
	if (is_off(publish))
		return;

	const int64_t deadline_ms = clock_monotonic_ms() + PUBLISH_BATCH_MS_MAX;
	for (size_t i = 0; i < fold->event_count; i++)
		publish_event(publish, fold, result, i, deadline_ms, ret);
}
