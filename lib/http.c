#include "http_internal.h"

#include "clock.h"
#include "footprint.h"
#include "http_hang_up.h"
#include "log.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTION_QUEUE     "1024" /* accepted, waiting for a thread */
#define LISTEN_BACKLOG       "1024"
#define KEPT_BYTES_MAX       (1u << 18) /* of a thread's buffers, from request to request */
#define DRAIN_POLL_MS        10
#define QUIET_MS             300 /* no request for so long: the gateway has gone elsewhere */
#define HANDLERS_WAIT_MS_MAX 30000
#define OPTION_BYTES_MAX     24
#define ADDRESS_BYTES_MAX    80

/* --- what a thread keeps --- */

static void thread_free(struct http_thread *thread)
{
	if (!thread)
		return;
	strbuf_done(&thread->response.headers);
	strbuf_done(&thread->response.body);
	strbuf_done(&thread->out);
	free(thread->body);
	free(thread);
}

DEFINE_CLEANUP(struct http_thread *, thread_free)

static struct http_thread *thread_new(size_t body_bytes_max)
{
	_cleanup_(thread_freep) struct http_thread *thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NULL;
	strbuf_init(&thread->response.headers, HTTP_HEADERS_BYTES_MAX);
	strbuf_init(&thread->response.body, HTTP_RESPONSE_BYTES_MAX);
	strbuf_init(&thread->out, HTTP_RESPONSE_BYTES_MAX + HTTP_HEADERS_BYTES_MAX + 1024);
	thread->body = malloc(body_bytes_max + 1);
	if (!thread->body)
		return NULL;
	return STEAL(thread);
}

static void shrink(struct strbuf *buf)
{
	const size_t bytes_max = buf->bytes_max;

	if (buf->capacity <= KEPT_BYTES_MAX)
		return;
	strbuf_done(buf);
	strbuf_init(buf, bytes_max);
}

/*
 * Of hundreds of threads, each of which has some microseconds of work, none should interrupt the
 * other the moment it is woken: that costs more than the work. What comes together is then read,
 * and answered, together. Advice: where it is refused all goes on as before.
 */
static void take_turns(void)
{
	static const struct sched_param none = { 0 };

	(void)pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
}

static void *on_thread_start(const struct mg_context *mg, int kind)
{
	const struct http_server *server = mg_get_user_data(mg);

	footprint_shrink_thread();
	take_turns();
	return kind == 1 ? thread_new((size_t)server->config.body_bytes_max) : NULL;
}

static void on_thread_end(const struct mg_context *mg, int kind, void *thread)
{
	(void)mg;
	(void)kind;
	thread_free(thread);
}

/* --- one request --- */

static size_t method_kind(const char *method)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "DELETE" };

	if (strcmp(method, "HEAD") == 0)
		return 0;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			return i;
	return HTTP_METHOD_KINDS - 1;
}

static void count(const struct http_exchange *x)
{
	const struct http_metrics *metrics = &x->server->metrics;

	if (!x->server->has_metrics)
		return;
	assert(x->response->status >= 200 && x->response->status < 600);
	metric_add(metrics->requests[method_kind(x->request.method)][x->response->status / 100 - 2],
		   1);
	metric_observe_since(metrics->seconds, x->start_us);
}

static void write_log(const struct http_exchange *x)
{
	const struct http_response *response = x->response;
	struct log_field fields[] = {
		LOG_STR("server", x->server->config.service),
		LOG_STR("method", x->request.method),
		LOG_STR("path", x->request.path),
		LOG_INT("status", response->status),
		LOG_INT("ms", (clock_monotonic_us() - x->start_us) / 1000),
		LOG_STR("request_id", x->request.request_id),
		{ 0 }, /* for those below, which not every request has */
		{ 0 },
	};
	size_t fields_count = sizeof(fields) / sizeof(fields[0]) - 2;
	const enum log_level level =
		x->server->config.log_requests ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;

	if (x->request.caller.user_id[0] != '\0')
		fields[fields_count++] = LOG_STR("user", x->request.caller.user_id);
	if (response->booking_id[0] != '\0')
		fields[fields_count++] = LOG_STR("booking_id", response->booking_id);
	log_write(level, "http_request", fields, fields_count);
}

static void turn_away(struct http_exchange *x)
{
	if (x->server->has_metrics)
		metric_add(x->server->metrics.turned_away, 1);
	http_unavailable(x->response,
			 http_is_second_attempt(&x->request)
				 ? "More requests came than can be served at once. Try again."
				 : "More requests came than can be served at once. Nothing was "
				   "done. Please try again.");
}

static bool enter(_Atomic int64_t *count, int64_t max)
{
	const bool entered = atomic_fetch_add(count, 1) < max;

	if (!entered)
		atomic_fetch_sub(count, 1);
	return entered;
}

/* What anybody may ask for leaves places to those who are known. */
static void serve_aside(struct http_exchange *x, const struct http_route *route)
{
	struct http_server *server = x->server;
	const bool is_public = route->access == HTTP_ACCESS_PUBLIC;

	if (is_public && !enter(&server->public_asides, server->config.public_asides_max)) {
		turn_away(x);
		return;
	}
	if (enter(&server->asides, server->config.asides_max)) {
		route->handle(server->ctx, &x->request, x->response);
		atomic_fetch_sub(&server->asides, 1);
	} else {
		turn_away(x);
	}
	if (is_public)
		atomic_fetch_sub(&server->public_asides, 1);
}

static void serve(struct http_exchange *x)
{
	struct http_gate *gate = &x->server->gate;
	const struct http_route *route = http_request_accept(x);

	if (!route)
		return;
	if (route->flags & HTTP_ASIDE) {
		serve_aside(x, route);
		return;
	}
	const bool entered = http_gate_enter(gate);
	if (!entered && !http_is_second_attempt(&x->request)) {
		turn_away(x);
		return;
	}
	const int64_t start_us = clock_monotonic_us();
	route->handle(x->server->ctx, &x->request, x->response);
	const int64_t end_us = clock_monotonic_us();
	if (entered)
		http_gate_leave(gate, end_us - start_us, end_us);
}

static void answer(struct http_exchange *x)
{
	http_response_send(x);
	if (x->body_unread && !atomic_load(&x->server->stopping))
		http_request_discard(x);
	count(x);
	write_log(x);
	shrink(&x->thread->response.body);
	shrink(&x->thread->out);
}

static bool exchange_init(struct http_exchange *x, struct mg_connection *conn)
{
	*x = (struct http_exchange){
		.server = mg_get_user_data(mg_get_context(conn)),
		.thread = mg_get_thread_pointer(conn),
		.conn = conn,
		.info = mg_get_request_info(conn),
		.start_us = clock_monotonic_us(),
	};
	if (!x->thread)
		return false; /* No memory when the thread started. */
	x->response = &x->thread->response;
	http_response_begin(x->response, x->request.request_id);
	return true;
}

/* civetweb's begin_request comes before its own routes, authorisation files and CORS answers. */
static int on_request(struct mg_connection *conn)
{
	struct http_exchange x;

	if (!exchange_init(&x, conn)) {
		mg_disable_connection_keep_alive(conn);
		return 500;
	}
	/* Either this sees `stopping`, or http_server_close sees this request as active. */
	atomic_fetch_add(&x.server->active, 1);
	if (atomic_load(&x.server->stopping)) {
		/* Cut without an answer, nothing was done: a gateway then asks another instance,
		 * which it would not after a 503. */
		mg_disable_connection_keep_alive(conn);
		atomic_fetch_sub(&x.server->active, 1);
		return 503;
	}
	atomic_store(&x.server->last_request_ms, clock_monotonic_ms());
	http_request_begin(&x, true);
	serve(&x);
	answer(&x);
	atomic_fetch_sub(&x.server->active, 1);
	return x.response->status;
}

/* What civetweb could not read as a request; it closes the connection afterwards. */
static int on_error(struct mg_connection *conn, int status, const char *text)
{
	(void)text; /* Its words, not ours. */
	struct http_exchange x;

	if (!exchange_init(&x, conn))
		return 0;
	http_request_begin(&x, false);
	if (status >= 500 && status != 505)
		http_problem(x.response, 500, "internal-error", NULL);
	else if (status == 505)
		http_problem(x.response, 505, "bad-request", "Use HTTP/1.1.");
	else
		http_problem(
			x.response, 400, "bad-request",
			"The request's head is malformed, too large, or did not come in time.");
	answer(&x);
	return 0;
}

static int on_log(const struct mg_connection *conn, const char *text)
{
	struct http_server *server = mg_get_user_data(mg_get_context(conn));

	if (server->started)
		log_warn("http_server_says", LOG_STR("text", text));
	else if (server->start_error[0] == '\0') /* The first is the cause. */
		(void)snprintf(server->start_error, sizeof(server->start_error), "%s", text);
	return 1;
}

/* --- the server --- */

static void add_metrics(struct http_metrics *ret, struct metrics *metrics)
{
#define LABELS(method)                                                                             \
	{                                                                                          \
		"method=\"" method "\",status=\"2xx\"", "method=\"" method "\",status=\"3xx\"",    \
			"method=\"" method "\",status=\"4xx\"",                                    \
			"method=\"" method "\",status=\"5xx\""                                     \
	}
	static const char *const labels[HTTP_METHOD_KINDS][HTTP_STATUS_CLASSES] = {
		LABELS("GET"), LABELS("POST"), LABELS("PUT"), LABELS("DELETE"), LABELS("other"),
	};
#undef LABELS

	for (size_t i = 0; i < HTTP_METHOD_KINDS; i++)
		for (size_t k = 0; k < HTTP_STATUS_CLASSES; k++)
			ret->requests[i][k] =
				metrics_add_counter(metrics, "http_requests_total", labels[i][k],
						    "HTTP requests answered.");
	ret->turned_away = metrics_add_counter(
		metrics, "http_turned_away_total", NULL,
		"Requests answered 503 because as many were worked on as may be.");
	ret->seconds = metrics_add_histogram(metrics, "http_request_seconds", NULL,
					     "Time from a request's head to its answer.",
					     METRIC_SECONDS, METRIC_SECONDS_COUNT);
}

static struct mg_context *start(struct http_server *server)
{
	const struct http_config *config = &server->config;
	const struct mg_callbacks callbacks = {
		.begin_request = on_request,
		.http_error = on_error,
		.log_message = on_log,
		.init_thread = on_thread_start,
		.exit_thread = on_thread_end,
	};
	char address[ADDRESS_BYTES_MAX], threads[OPTION_BYTES_MAX], head[OPTION_BYTES_MAX];
	char request_ms[OPTION_BYTES_MAX], keep_alive_ms[OPTION_BYTES_MAX];

	(void)snprintf(address, sizeof(address), "%s:%" PRId64, config->host, config->port);
	(void)snprintf(threads, sizeof(threads), "%" PRId64, config->threads);
	(void)snprintf(head, sizeof(head), "%u", HTTP_HEAD_BYTES_MAX);
	(void)snprintf(request_ms, sizeof(request_ms), "%" PRId64, config->request_timeout_ms);
	(void)snprintf(keep_alive_ms, sizeof(keep_alive_ms), "%" PRId64,
		       config->keep_alive_timeout_ms);

	/* No document_root: there are no files to serve. decode_url: see http_path_match. */
	/* clang-format off */
	const char *options[] = {
		"listening_ports", address,
		"num_threads", threads,
		"max_request_size", head,
		"request_timeout_ms", request_ms,
		"keep_alive_timeout_ms", keep_alive_ms,
		"enable_keep_alive", "yes",
		"tcp_nodelay", "1",
		"decode_url", "no",
		"enable_auth_domain_check", "no",
		"connection_queue", CONNECTION_QUEUE,
		"listen_backlog", LISTEN_BACKLOG,
		NULL,
	};
	/* clang-format on */
	return mg_start(&callbacks, server, options);
}

err_code http_server_open(const struct http_config *config, const struct http_route *routes,
			  size_t route_count, void *ctx, struct metrics *metrics,
			  struct http_server **ret, struct err *err)
{
	assert(config && config->host && routes && route_count <= HTTP_ROUTES_MAX && ret);
	assert(config->threads > 0 && config->body_bytes_max >= 0);

	if (http_access_check(config, routes, route_count, err) != ERR_OK)
		return ERR_INTERNAL;
	if (strlen(config->host) + OPTION_BYTES_MAX > ADDRESS_BYTES_MAX)
		return err_set(err, ERR_INTERNAL, "host '%s' is too long", config->host);

	_cleanup_free_ struct http_server *server = calloc(1, sizeof(*server));
	if (!server)
		return err_set(err, ERR_INTERNAL, "out of memory");
	server->config = *config;
	server->routes = routes;
	server->route_count = route_count;
	server->ctx = ctx;
	http_gate_init(&server->gate, config->handlers_min, config->threads,
		       config->slow_ms * 1000);
	if (metrics) {
		add_metrics(&server->metrics, metrics);
		server->has_metrics = true;
	}

	(void)mg_init_library(
		MG_FEATURES_DEFAULT); /* Fails only without memory; so will mg_start. */
	server->mg = start(server);
	if (!server->mg) {
		(void)mg_exit_library(); /* Answers whether it was initialised. */
		http_gate_done(&server->gate);
		const bool taken = strstr(server->start_error, "cannot bind") != NULL;
		return err_set(err, taken ? ERR_UNAVAILABLE : ERR_INTERNAL, "http server: %s",
			       server->start_error);
	}
	server->started = true;
	*ret = STEAL(server);
	return ERR_OK;
}

int http_server_port(const struct http_server *server)
{
	struct mg_server_port port;

	return mg_get_server_ports(server->mg, 1, &port) == 1 ? port.port : 0;
}

static bool is_quiet(const struct http_server *server)
{
	return atomic_load(&server->active) == 0 &&
	       clock_monotonic_ms() - atomic_load(&server->last_request_ms) >= QUIET_MS;
}

void http_server_close(struct http_server *server, int64_t linger_ms)
{
	if (!server)
		return;

	const int64_t start_ms = clock_monotonic_ms();
	atomic_store(&server->draining, true);
	while (clock_monotonic_ms() - start_ms < linger_ms && !is_quiet(server))
		clock_sleep_ms(DRAIN_POLL_MS);

	/* Once mg_stop is called civetweb sends nothing more, not even a running handler's answer.
	 */
	atomic_store(&server->stopping, true);
	const int64_t stop_ms = clock_monotonic_ms();
	while (atomic_load(&server->active) > 0 &&
	       clock_monotonic_ms() - stop_ms < HANDLERS_WAIT_MS_MAX)
		clock_sleep_ms(DRAIN_POLL_MS);

	http_hang_up(http_server_port(server));
	mg_stop(server->mg);
	(void)mg_exit_library(); /* Answers whether it was initialised. */
	http_gate_done(&server->gate);
	free(server);
}
