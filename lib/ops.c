#include "ops.h"

#include "clock.h"
#include "http.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define OPS_THREADS               4
#define OPS_BODY_BYTES_MAX        1024
#define OPS_REQUEST_TIMEOUT_MS    5000
#define OPS_KEEP_ALIVE_TIMEOUT_MS 500 /* a scraper must not hold one of few threads */

struct ops {
	const char *service;
	struct http_server *server;
	struct ops_check checks[OPS_CHECKS_MAX];
	size_t count;
	struct metrics *metrics;
	void (*before_metrics)(void *ctx);
	void *ctx;
	struct metric *resident_bytes;
	atomic_bool draining;
};

static void answer_alive(void *ctx, const struct http_request *request,
			 struct http_response *response)
{
	(void)request;
	const struct ops *ops = ctx;

	strbuf_addf(&response->body, "{\"status\":\"alive\",\"service\":\"%s\"}\n", ops->service);
	http_response_header(response, "Cache-Control", "no-store");
}

static void answer_ready(void *ctx, const struct http_request *request,
			 struct http_response *response)
{
	(void)request;
	const struct ops *ops = ctx;
	struct strbuf *body = &response->body;
	const bool draining = atomic_load(&ops->draining);
	bool up[OPS_CHECKS_MAX], all_up = true;

	for (size_t i = 0; i < ops->count; i++) {
		up[i] = ops->checks[i].is_up(ops->checks[i].ctx);
		all_up = all_up && up[i];
	}
	if (draining || !all_up)
		response->status = 503;
	strbuf_addf(body, "{\"status\":\"%s\",\"checks\":{",
		    draining ? "draining"
		    : all_up ? "ready"
			     : "not ready");
	for (size_t i = 0; i < ops->count; i++)
		strbuf_addf(body, "%s\"%s\":\"%s\"", i > 0 ? "," : "", ops->checks[i].name,
			    up[i] ? "up" : "down");
	strbuf_add_text(body, "}}\n");
	http_response_header(response, "Cache-Control", "no-store");
}

/* The second number of statm, in pages; 0 when the kernel does not tell. */
static int64_t resident_bytes(void)
{
	long long total = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (!file)
		return 0;
	if (fscanf(file, "%lld %lld", &total, &resident) != 2)
		resident = 0;
	(void)fclose(file); /* Was only read. */
	return resident * sysconf(_SC_PAGESIZE);
}

static void answer_metrics(void *ctx, const struct http_request *request,
			   struct http_response *response)
{
	(void)request;
	struct ops *ops = ctx;

	metric_set(ops->resident_bytes, resident_bytes());
	if (ops->before_metrics)
		ops->before_metrics(ops->ctx);
	response->content_type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_render(ops->metrics, &response->body);
}

static void add_metrics(struct ops *ops)
{
	struct metrics *metrics = ops->metrics;

	metric_set(metrics_add_gauge(metrics, "seatline_build_info",
				     "version=\"" SEATLINE_VERSION "\"",
				     "Always 1; the version is in the label."),
		   1);
	metric_set(metrics_add_gauge(metrics, "process_start_time_seconds", NULL,
				     "Start of the process, in seconds since 1970."),
		   clock_wall_ms() / 1000);
	ops->resident_bytes = metrics_add_gauge(metrics, "process_resident_memory_bytes", NULL,
						"Resident memory.");
}

err_code ops_open(const struct config_common *config, const char *service,
		  const struct ops_check *checks, size_t count, struct metrics *metrics,
		  void (*before_metrics)(void *ctx), void *ctx, struct ops **ret, struct err *err)
{
	static const struct http_route routes[] = {
		{ "GET", "/livez", answer_alive, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "GET", "/readyz", answer_ready, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
		{ "GET", "/metrics", answer_metrics, HTTP_PLAIN, HTTP_ACCESS_PUBLIC },
	};
	assert(config && service && count <= OPS_CHECKS_MAX && metrics && ret);

	_cleanup_free_ struct ops *ops = calloc(1, sizeof(*ops));
	if (!ops)
		return err_set(err, ERR_INTERNAL, "out of memory");
	ops->service = service;
	ops->count = count;
	for (size_t i = 0; i < count; i++)
		ops->checks[i] = checks[i];
	ops->metrics = metrics;
	ops->before_metrics = before_metrics;
	ops->ctx = ctx;
	add_metrics(ops);

	const struct http_config http = {
		.host = config->ops_host,
		.port = config->ops_port,
		.threads = OPS_THREADS,
		.body_bytes_max = OPS_BODY_BYTES_MAX,
		.request_timeout_ms = OPS_REQUEST_TIMEOUT_MS,
		.keep_alive_timeout_ms = OPS_KEEP_ALIVE_TIMEOUT_MS,
		.service = "ops",
		.log_requests = false,
	};
	const err_code code = http_server_open(&http, routes, sizeof(routes) / sizeof(routes[0]),
					       ops, NULL, &ops->server, err);
	if (code != ERR_OK)
		return code;
	*ret = STEAL(ops);
	return ERR_OK;
}

void ops_drain(struct ops *ops)
{
	atomic_store(&ops->draining, true);
}

void ops_close(struct ops *ops)
{
	if (!ops)
		return;
	http_server_close(ops->server, 0);
	free(ops);
}
