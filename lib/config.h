/*
 * config - a program's configuration: environment variables declared in one table.
 *
 * The table parses, range-checks, redacts secrets, answers --help and makes CONFIGURATION.md.
 * Shape    a CONFIG_TEXT field is char[CONFIG_TEXT_BYTES_MAX], CONFIG_INT int64_t,
 *          CONFIG_BOOL bool.
 * Grammar  integers are decimal; booleans are true/false/1/0; an empty variable counts as unset.
 *          A fallback need not lie within min..max: "" may stand for "not set" where min is 1.
 * Errors   all bad keys are reported at once, one line each on stderr, never a secret's value.
 *          With PRODUCTION=true a secret of the demo and AUTH_MODE=open are bad, too.
 */
#pragma once

#include "attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CONFIG_TEXT_BYTES_MAX 512
#define CONFIG_EXIT_BAD 78 /* EX_CONFIG of sysexits.h */
#define CONFIG_GO_ON (-1)
/* What the secrets begin with that start-services.sh makes. In PRODUCTION none has it anywhere. */
#define CONFIG_DEMO_MARK "de305ec2"

enum config_type { CONFIG_TEXT, CONFIG_INT, CONFIG_BOOL };
enum config_flag {
	CONFIG_PLAIN = 0,
	CONFIG_SECRET = 1,
	CONFIG_REQUIRED = 2,
	CONFIG_SECRET_FILE = 4, /* names a file of secrets; not one itself */
};

struct config_key {
	const char *name; /* the environment variable */
	enum config_type type;
	unsigned flags;
	size_t offset;        /* of the field in the program's struct            */
	const char *fallback; /* as text; NULL only with CONFIG_REQUIRED         */
	int64_t min, max;     /* CONFIG_INT: value; CONFIG_TEXT: length in bytes */
	const char *help;     /* one line, with the unit                         */
};

struct config_program {
	const char *name;    /* "worker"                                   */
	const char *summary; /* one line for --help and CONFIGURATION.md   */
	const struct config_key *keys;
	size_t count;
};

/*
 * Fills *ret from the environment. Answers CONFIG_GO_ON, or the status to exit with: 0 after --help
 * or --config-markdown (a section of CONFIGURATION.md on stdout), CONFIG_EXIT_BAD after a bad key.
 * Other arguments are the program's own: they are left alone.
 */
int config_load(const struct config_program *program, int argc, char **argv,
                void *ret) _must_check_;

/*
 * The pieces config_load is made of, for tests. Answers how many keys were bad; complaints go to
 * out.
 */
int config_parse(const struct config_program *program, const char *(*lookup)(const char *name),
                 void *ret, FILE *out) _must_check_;
void config_print_help(const struct config_program *program, FILE *out);
void config_print_markdown(const struct config_program *program, FILE *out);
/* NAME=value lines, secrets as "***": logged at debug level by start-up code. */
void config_print_values(const struct config_program *program, const void *values, FILE *out);

/* What every program has; embed it and list CONFIG_KEYS_COMMON(struct worker_config, common). */
struct config_common {
	char log_level[CONFIG_TEXT_BYTES_MAX];
	int64_t ops_port;
	char ops_host[CONFIG_TEXT_BYTES_MAX];
	int64_t drain_ms;
	bool production;
};

/* clang-format off */
#define CONFIG_KEYS_COMMON(type, field, port, drain) \
	{ "LOG_LEVEL", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.log_level), "info", 1, 8, \
	  "least level logged: debug, info, warn or error" }, \
	{ "OPS_HOST", CONFIG_TEXT, CONFIG_PLAIN, offsetof(type, field.ops_host), "127.0.0.1", \
	  1, 64, "address of /livez, /readyz and /metrics; keep it private" }, \
	{ "OPS_PORT", CONFIG_INT, CONFIG_PLAIN, offsetof(type, field.ops_port), port, 1, 65535, \
	  "port of /livez, /readyz and /metrics" }, \
	{ "DRAIN_MS", CONFIG_INT, CONFIG_PLAIN, offsetof(type, field.drain_ms), drain, 0, 600000, \
	  "longest time, in ms, from SIGTERM to exit" }, \
	{ "PRODUCTION", CONFIG_BOOL, CONFIG_PLAIN, offsetof(type, field.production), "false", \
	  0, 0, "true: refuse to start with a secret of the demo, or where nobody has to log in" }
/* clang-format on */
