#include "read_api_fixture.h"

#include "clock.h"
#include "event_answers.h"
#include "routes.h"
#include "wait_routes.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>

#define ANSWER_BYTES_MAX    (8u << 20)
#define URL_BYTES_MAX       4096
#define REQUEST_SECONDS_MAX 20
#define WAIT_POLL_MS        10
#define PAGES_MAX           20

static const char KEY_HEX[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

static struct mongo *open_mongo(const char *uri, const char *database)
{
	const struct mongo_config config = {
		.uri = uri,
		.database = database,
		.application_name = "test_read_api",
		.connect_timeout_ms = FIXTURE_MONGO_TIMEOUT_MS,
		.server_selection_timeout_ms = FIXTURE_MONGO_TIMEOUT_MS,
		.socket_timeout_ms = FIXTURE_MONGO_TIMEOUT_MS,
		.pool_max = FIXTURE_THREADS + FIXTURE_WAIT_THREADS + 4,
	};
	struct mongo *mongo = NULL;
	struct err err = { 0 };

	cr_assert_eq(mongo_open(&config, &mongo, &err), ERR_OK, "%s", err.text);
	return mongo;
}

static http_authenticate *authenticate = http_authenticate_nobody;

static bool authenticate_by_name(void *ctx, const struct http_request *request,
				 struct http_caller *ret)
{
	const char *const header = http_header(request, "Authorization");
	char name[IDENT_BYTES_MAX];

	(void)ctx;
	if (!header)
		return true;
	if (sscanf(header, "Bearer %64s", name) != 1)
		return false;
	ret->role = strcmp(name, "admin") == 0 ? HTTP_ROLE_ADMIN : HTTP_ROLE_USER;
	memcpy(ret->user_id, name, sizeof(ret->user_id));
	return true;
}

void fixture_ask_who(void)
{
	authenticate = authenticate_by_name;
}

static void open_server(struct fixture *fixture, int64_t threads, const struct http_route *routes,
			size_t count, struct metrics *metrics, struct http_server **ret)
{
	const struct http_config http = {
		.host = "127.0.0.1",
		.port = 0,
		.threads = threads,
		.body_bytes_max = 1024,
		.request_timeout_ms = 5000,
		.keep_alive_timeout_ms = 1000,
		.service = "read-api",
		.authenticate = authenticate,
	};
	struct err err = { 0 };

	cr_assert_eq(http_server_open(&http, routes, count, &fixture->api, metrics, ret, &err),
		     ERR_OK, "%s", err.text);
}

void fixture_open_waits(struct fixture *fixture)
{
	const struct waiters_config waiters = {
		.mongo = fixture->served,
		.watch = fixture->api.watch,
		.mongo_errors = fixture->api.mongo_errors,
		.poll_ms = WAIT_POLL_MS,
		.waiters_max = FIXTURE_WAITERS,
	};
	struct err err = { 0 };

	cr_assert_eq(waiters_open(&waiters, fixture->metrics, &fixture->api.waiters, &err), ERR_OK,
		     "%s", err.text);
	open_server(fixture, FIXTURE_WAIT_THREADS, WAIT_ROUTES, WAIT_ROUTES_COUNT, NULL,
		    &fixture->wait_server);
	fixture->wait_port = http_server_port(fixture->wait_server);
	cr_assert_gt(fixture->wait_port, 0);
}

void fixture_open(struct fixture *fixture, const char *served_uri)
{
	const char *uri = getenv("TEST_MONGO_URI");
	struct err err = { 0 };

	*fixture = (struct fixture){ .metrics = metrics_new() };
	log_open("test_read_api", LOG_LEVEL_ERROR);
	(void)snprintf(fixture->database, sizeof(fixture->database), "read_api_%d_%" PRId64,
		       (int)getpid(), clock_wall_ms());
	fixture->mongo = open_mongo(uri, fixture->database);
	fixture->served = open_mongo(served_uri ? served_uri : uri, fixture->database);
	fixture_put(fixture, "projector_state",
		    "{\"_id\":\"booking_log\",\"ledger_id\":\"" FIXTURE_LEDGER
		    "\",\"xid\":\"1\",\"seq\":\"1\"}");

	cr_assert_eq(booking_id_init(&err), ERR_OK);
	cr_assert_eq(booking_id_key_parse(KEY_HEX, &fixture->api.key, &err), ERR_OK);
	read_api_add_metrics(&fixture->api, fixture->metrics);
	event_answers_open(&fixture->api, FIXTURE_ANSWER_BYTES, 0, fixture->metrics);

	const struct watch_listener on_watch = { event_answers_doubt, &fixture->api };

	cr_assert_eq(watch_open(fixture->served, &on_watch, &fixture->api.watch, &err), ERR_OK,
		     "%s", err.text);
	fixture->api.mongo = fixture->served;
	open_server(fixture, FIXTURE_THREADS, READ_API_ROUTES, READ_API_ROUTES_COUNT,
		    fixture->metrics, &fixture->server);
	fixture->port = http_server_port(fixture->server);
	cr_assert_gt(fixture->port, 0);
}

void fixture_follow(struct fixture *fixture)
{
	const struct follow_listener listener = event_answers_listener(&fixture->api);
	struct err err = { 0 };

	cr_assert_eq(follow_open(fixture->served, &listener, fixture->metrics, &fixture->api.follow,
				 &err),
		     ERR_OK, "%s", err.text);
}

void fixture_close(struct fixture *fixture)
{
	struct mongo_client client = { 0 };
	bson_t drop = BSON_INITIALIZER;
	bson_error_t error;

	if (fixture->api.waiters)
		waiters_stop(fixture->api.waiters);
	http_server_close(fixture->server, 0);
	http_server_close(fixture->wait_server, 0);
	waiters_close(fixture->api.waiters);
	follow_close(fixture->api.follow);
	watch_close(fixture->api.watch);
	event_answers_close(&fixture->api);
	mongo_close(fixture->served);
	metrics_free(fixture->metrics);

	BSON_APPEND_INT32(&drop, "dropDatabase", 1);
	mongo_client_take(fixture->mongo, &client);
	cr_expect(mongoc_client_command_simple(client.client, fixture->database, &drop, NULL, NULL,
					       &error),
		  "%s", error.message);
	mongo_client_done(&client);
	bson_destroy(&drop);
	mongo_close(fixture->mongo);
}

uint16_t fixture_mongo_port(void)
{
	mongoc_uri_t *uri = mongoc_uri_new(getenv("TEST_MONGO_URI"));

	cr_assert(uri);

	const mongoc_host_list_t *host = mongoc_uri_get_hosts(uri);
	const uint16_t port = host->port;

	cr_assert(strcmp(host->host, "127.0.0.1") == 0 || strcmp(host->host, "localhost") == 0);
	mongoc_uri_destroy(uri);
	return port;
}

void fixture_mongo_uri(uint16_t port, char buf[static FIXTURE_URI_BYTES_MAX])
{
	const char *uri = getenv("TEST_MONGO_URI");
	mongoc_uri_t *parsed = mongoc_uri_new(uri);
	const char *address = mongoc_uri_get_hosts(parsed)->host_and_port;
	const char *found = strstr(uri, address);

	cr_assert(found, "%s not in %s", address, uri);

	const char *rest = found + strlen(address);

	/* Directly: a member of a replica set would name its own address as the one to use. */
	(void)snprintf(buf, FIXTURE_URI_BYTES_MAX, "%.*s127.0.0.1:%d%s%sdirectConnection=true",
		       (int)(found - uri), uri, port, rest,
		       strchr(rest, '?') ? "&" : (strchr(rest, '/') ? "?" : "/?"));
	mongoc_uri_destroy(parsed);
}

void fixture_put_bson(struct fixture *fixture, const char *collection, const bson_t *doc)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	bson_error_t error;
	bson_iter_t id;

	mongo_client_take(fixture->mongo, &client);
	cr_assert(bson_iter_init_find(&id, doc, "_id"));

	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *documents =
		mongo_collection(&client, collection);
	_cleanup_(bson_destroyp) bson_t *filter = bson_new();
	_cleanup_(bson_destroyp) bson_t *options = BCON_NEW("upsert", BCON_BOOL(true));

	cr_assert(bson_append_iter(filter, "_id", -1, &id));
	cr_assert(mongoc_collection_replace_one(documents, filter, doc, options, NULL, &error),
		  "%s", error.message);
}

void fixture_put(struct fixture *fixture, const char *collection, const char *json)
{
	bson_error_t error;
	_cleanup_(bson_destroyp) bson_t *doc =
		bson_new_from_json((const uint8_t *)json, -1, &error);

	cr_assert(doc, "%s: %s", json, error.message);
	fixture_put_bson(fixture, collection, doc);
}

void fixture_delete(struct fixture *fixture, const char *collection, const char *id)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	_cleanup_(bson_destroyp) bson_t *filter = BCON_NEW("_id", BCON_UTF8(id));
	bson_error_t error;

	mongo_client_take(fixture->mongo, &client);

	_cleanup_(mongoc_collection_destroyp) mongoc_collection_t *documents =
		mongo_collection(&client, collection);

	cr_assert(mongoc_collection_delete_one(documents, filter, NULL, NULL, &error), "%s",
		  error.message);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *out)
{
	strbuf_add(out, bytes, size * count);
	return size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *out)
{
	const char *colon = memchr(bytes, ':', size * count);

	for (const char *c = bytes; colon && c < colon; c++)
		strbuf_add_char(out, (char)tolower((unsigned char)*c));
	strbuf_add(out, colon ? colon : bytes,
		   size * count - (size_t)((colon ? colon : bytes) - bytes));
	return size * count;
}

static struct curl_slist *header_list(const char *lines)
{
	struct curl_slist *list = NULL;
	char line[FIXTURE_HEADER_BYTES_MAX];

	while (lines && *lines) {
		const size_t len = strcspn(lines, "\n");

		cr_assert_lt(len, sizeof(line));
		memcpy(line, lines, len);
		line[len] = '\0';
		list = curl_slist_append(list, line);
		lines += len + (lines[len] == '\n');
	}
	return list;
}

void fixture_request_at(int port, const char *method, const char *path, const char *header,
			struct answer *ret)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = header_list(header);
	char url[URL_BYTES_MAX];

	cr_assert(curl);
	*ret = (struct answer){ 0 };
	strbuf_init(&ret->head, ANSWER_BYTES_MAX);
	strbuf_init(&ret->body, ANSWER_BYTES_MAX);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_NOBODY, strcmp(method, "HEAD") == 0 ? 1L : 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)REQUEST_SECONDS_MAX);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &ret->body);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &ret->head);

	const CURLcode code = curl_easy_perform(curl);

	cr_assert_eq(code, CURLE_OK, "%s: %s", url, curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
	curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &ret->seconds);
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	cr_assert_not(ret->body.overflow);
}

void fixture_request(const struct fixture *fixture, const char *method, const char *path,
		     const char *header, struct answer *ret)
{
	fixture_request_at(fixture->port, method, path, header, ret);
}

void fixture_get(const struct fixture *fixture, const char *path, const char *header,
		 struct answer *ret)
{
	fixture_request(fixture, "GET", path, header, ret);
}

void answer_done(struct answer *answer)
{
	strbuf_done(&answer->head);
	strbuf_done(&answer->body);
}

bool answer_header(const struct answer *answer, const char *name, char *buf, size_t size)
{
	char start[64];

	(void)snprintf(start, sizeof(start), "\n%s: ", name);

	const char *found = strstr(answer->head.data, start);

	if (!found)
		return false;
	found += strlen(start);
	(void)snprintf(buf, size, "%.*s", (int)strcspn(found, "\r\n"), found);
	return true;
}

void fixture_etag(const struct fixture *fixture, const char *path,
		  char etag[static FIXTURE_HEADER_BYTES_MAX])
{
	struct answer answer;

	fixture_get(fixture, path, NULL, &answer);
	cr_assert_eq(answer.status, 200, "%s: %ld %s", path, answer.status, answer.body.data);
	cr_assert(answer_header(&answer, "etag", etag, FIXTURE_HEADER_BYTES_MAX), "%s",
		  answer.head.data);
	cr_assert(etag[0] == '"' && etag[strlen(etag) - 1] == '"', "not strong: %s", etag);
	answer_done(&answer);
}

long fixture_if_none_match(const struct fixture *fixture, const char *path, const char *etag)
{
	struct answer answer;
	char header[FIXTURE_HEADER_BYTES_MAX + 32];

	(void)snprintf(header, sizeof(header), "If-None-Match: %s", etag);
	fixture_get(fixture, path, header, &answer);
	if (answer.status == 304)
		cr_expect_eq(answer.body.len, 0);

	const long status = answer.status;

	answer_done(&answer);
	return status;
}

void fixture_expect_problem(const struct fixture *fixture, const char *path, long status)
{
	struct answer answer;
	char type[FIXTURE_HEADER_BYTES_MAX];

	fixture_get(fixture, path, NULL, &answer);
	cr_expect_eq(answer.status, status, "%s: %ld", path, answer.status);
	cr_expect(answer_header(&answer, "content-type", type, sizeof(type)));
	cr_expect_str_eq(type, "application/problem+json", "%s", path);

	json_t *problem = json_loads(answer.body.data, 0, NULL);

	cr_assert(problem, "%s: %s", path, answer.body.data);
	cr_expect_eq(json_integer_value(json_object_get(problem, "status")), status);
	cr_expect(json_is_string(json_object_get(problem, "detail")));
	json_decref(problem);
	answer_done(&answer);
}

bool fixture_next_page(const struct fixture *fixture, const char *path, const char *id_name,
		       size_t page_max, struct strbuf *out,
		       char ret[static FIXTURE_HEADER_BYTES_MAX])
{
	struct answer answer;
	char link[FIXTURE_HEADER_BYTES_MAX];

	fixture_get(fixture, path, NULL, &answer);
	cr_assert_eq(answer.status, 200, "%s: %s", path, answer.body.data);

	json_t *page = json_loads(answer.body.data, 0, NULL);
	size_t i;
	json_t *entry;

	cr_assert(json_is_array(page));
	cr_expect_leq(json_array_size(page), page_max);
	json_array_foreach(page, i, entry)
		strbuf_addf(out, "%s ", json_string_value(json_object_get(entry, id_name)));
	json_decref(page);

	const bool more = answer_header(&answer, "link", link, sizeof(link));

	if (more) {
		const size_t len = strcspn(link, ">");

		cr_assert_eq(link[0], '<');
		cr_assert_str_eq(link + len, ">; rel=\"next\"");
		memcpy(ret, link + 1, len - 1);
		ret[len - 1] = '\0';
	}
	answer_done(&answer);
	return more;
}

void fixture_expect_ids(const struct fixture *fixture, const char *first_path, const char *id_name,
			size_t page_max, const char *expected)
{
	_cleanup_(strbuf_done) struct strbuf ids;
	char path[FIXTURE_HEADER_BYTES_MAX];
	size_t pages = 1;

	strbuf_init(&ids, 65536);
	(void)snprintf(path, sizeof(path), "%s", first_path);
	while (fixture_next_page(fixture, path, id_name, page_max, &ids, path))
		cr_assert_lt(pages++, PAGES_MAX, "pages without end");
	cr_expect_str_eq(ids.data, expected, "%s", first_path);
}
