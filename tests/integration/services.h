/*
 * services - an integration test's need of a real server, told by an environment variable.
 *
 *   NEEDS_SERVICE("TEST_MONGO_URI")
 *
 * once per test program: without the variable the program exits 77 (skipped), or, with
 * REQUIRE_SERVICES=1, fails before any test runs.
 */
#pragma once

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES_EXIT_SKIP 77

static inline void services_need(const char *variable)
{
	const char *value = getenv(variable);
	const char *required = getenv("REQUIRE_SERVICES");

	if (value && value[0])
		return;
	(void)fprintf(stderr, "%s is not set\n", variable);
	exit(required && strcmp(required, "1") == 0 ? EXIT_FAILURE : SERVICES_EXIT_SKIP);
}

#define NEEDS_SERVICE(variable)                                                                    \
	ReportHook(PRE_ALL)(struct criterion_test_set * set)                                       \
	{                                                                                          \
		(void)set;                                                                         \
		services_need(variable);                                                           \
	}
