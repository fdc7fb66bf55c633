#include "mongo.h"

#include "log.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Version 2: errors of the server have a domain of their own, with the server's code. */
#define ERROR_API_VERSION 2

struct mongo {
	mongoc_client_pool_t *pool;
	char *database;
};

DEFINE_CLEANUP(mongoc_uri_t *, mongoc_uri_destroy)

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void write_library_log(mongoc_log_level_t level, const char *domain, const char *message,
			      void *ctx)
{
	(void)ctx;

	/* What matters of these comes back as an error of the call and is logged there. */
	if (level <= MONGOC_LOG_LEVEL_CRITICAL)
		log_warn("libmongoc", LOG_STR("domain", domain), LOG_STR("message", message));
	else
		log_debug("libmongoc", LOG_STR("domain", domain), LOG_STR("message", message));
}

static void start_library(void)
{
	mongoc_log_set_handler(write_library_log, NULL);
	mongoc_init();
	/* Only tidiness for leak checkers, so failing is no matter. */
	(void)atexit(mongoc_cleanup);
}

static bool set_bounds(mongoc_uri_t *uri, const struct mongo_config *config)
{
	return mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS,
					      (int32_t)config->connect_timeout_ms) &&
	       mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS,
					      (int32_t)config->server_selection_timeout_ms) &&
	       mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS,
					      (int32_t)config->socket_timeout_ms) &&
	       mongoc_uri_set_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE,
					      (int32_t)config->pool_max) &&
	       mongoc_uri_set_appname(uri, config->application_name);
}

err_code mongo_open(const struct mongo_config *config, struct mongo **ret, struct err *err)
{
	assert(config && config->uri && config->database && config->application_name);
	assert(config->connect_timeout_ms > 0 && config->server_selection_timeout_ms > 0);
	assert(config->socket_timeout_ms > 0 && config->pool_max > 0);

	(void)pthread_once(&library_once, start_library); /* Cannot fail with a static control. */

	/* The library's message may quote the URI, which holds a password. */
	_cleanup_(mongoc_uri_destroyp) mongoc_uri_t *uri = mongoc_uri_new(config->uri);
	if (!uri || !set_bounds(uri, config))
		return err_set(err, ERR_INVALID, "the MongoDB URI cannot be read");

	struct mongo *mongo = calloc(1, sizeof(*mongo));
	if (!mongo)
		return err_set(err, ERR_INTERNAL, "out of memory");
	mongo->database = strdup(config->database);
	mongo->pool = mongoc_client_pool_new(uri);
	if (!mongo->database || !mongo->pool) {
		mongo_close(mongo);
		return err_set(err, ERR_INVALID, "the MongoDB URI asks for what cannot be had");
	}
	if (!mongoc_client_pool_set_error_api(mongo->pool, ERROR_API_VERSION)) {
		mongo_close(mongo);
		return err_set(err, ERR_INTERNAL, "libmongoc refuses error API version 2");
	}

	*ret = mongo;
	return ERR_OK;
}

void mongo_close(struct mongo *mongo)
{
	if (!mongo)
		return;
	if (mongo->pool)
		mongoc_client_pool_destroy(mongo->pool);
	free(mongo->database);
	free(mongo);
}

void mongo_client_take(struct mongo *mongo, struct mongo_client *ret)
{
	assert(mongo && ret);
	ret->client = mongoc_client_pool_pop(mongo->pool);
	ret->mongo = mongo;
}

void mongo_client_done(struct mongo_client *client)
{
	if (!client->mongo)
		return;
	mongoc_client_pool_push(client->mongo->pool, client->client);
	*client = (struct mongo_client){ 0 };
}

mongoc_collection_t *mongo_collection(const struct mongo_client *client, const char *name)
{
	assert(client && client->mongo && name);
	return mongoc_client_get_collection(client->client, client->mongo->database, name);
}

err_code mongo_ping(struct mongo *mongo, struct err *err)
{
	_cleanup_(mongo_client_done) struct mongo_client client = { 0 };
	mongo_client_take(mongo, &client);

	bson_t command = BSON_INITIALIZER;
	BSON_APPEND_INT32(&command, "ping", 1);
	bson_error_t error;
	const bool is_up = mongoc_client_command_simple(client.client, mongo->database, &command,
							NULL, NULL, &error);
	bson_destroy(&command);
	return is_up ? ERR_OK : mongo_err(&error, "ping", err);
}

/* Server codes after which the same command may pass: MongoDB's error_codes.yml. */
static bool server_code_is_transient(uint32_t code)
{
	static const uint32_t transient[] = {
		6,     /* HostUnreachable                 */
		7,     /* HostNotFound                    */
		24,    /* LockTimeout                     */
		43,    /* CursorNotFound                  */
		46,    /* LockBusy                        */
		50,    /* MaxTimeMSExpired                */
		64,    /* WriteConcernFailed              */
		89,    /* NetworkTimeout                  */
		91,    /* ShutdownInProgress              */
		94,    /* NotYetInitialized               */
		112,   /* WriteConflict                   */
		133,   /* FailedToSatisfyReadPreference   */
		134,   /* ReadConcernMajorityNotAvailableYet */
		175,   /* QueryPlanKilled                 */
		189,   /* PrimarySteppedDown              */
		202,   /* NetworkInterfaceExceededTimeLimit */
		225,   /* TransactionTooOld               */
		237,   /* CursorKilled                    */
		251,   /* NoSuchTransaction               */
		262,   /* ExceededTimeLimit               */
		279,   /* ClientDisconnect                */
		286,   /* ChangeStreamHistoryLost         */
		314,   /* ObjectIsBusy                    */
		9001,  /* SocketException                 */
		10058, /* LegacyNotPrimary                */
		10107, /* NotWritablePrimary              */
		11600, /* InterruptedAtShutdown           */
		11601, /* Interrupted                     */
		11602, /* InterruptedDueToReplStateChange */
		13435, /* NotPrimaryNoSecondaryOk         */
		13436, /* NotPrimaryOrSecondary           */
		14031, /* OutOfDiskSpace                  */
	};

	for (size_t i = 0; i < sizeof(transient) / sizeof(transient[0]); i++)
		if (transient[i] == code)
			return true;
	return false;
}

static err_code code_of(const bson_error_t *error)
{
	switch (error->domain) {
	case MONGOC_ERROR_SERVER:
		if (error->code == MONGOC_ERROR_DUPLICATE_KEY)
			return ERR_CONFLICT;
		return server_code_is_transient(error->code) ? ERR_UNAVAILABLE : ERR_INTERNAL;
	case MONGOC_ERROR_STREAM:
	case MONGOC_ERROR_SERVER_SELECTION:
	case MONGOC_ERROR_POOL:
	case MONGOC_ERROR_PROTOCOL:
	case MONGOC_ERROR_WRITE_CONCERN:
	case MONGOC_ERROR_CLIENT: /* A password being changed, a session not to be had just now. */
	case MONGOC_ERROR_SCRAM:
	case MONGOC_ERROR_SASL:
		return ERR_UNAVAILABLE;
	default: /* What the library refuses to send: arguments, BSON, names. */
		return ERR_INTERNAL;
	}
}

err_code mongo_err(const bson_error_t *error, const char *doing, struct err *err)
{
	assert(error && doing);
	return err_set(err, code_of(error), "%s: %s (MongoDB %u.%u)", doing, error->message,
		       error->domain, error->code);
}
