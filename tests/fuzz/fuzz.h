/*
 * fuzz - what every fuzz target is made of.
 *
 * A target defines LLVMFuzzerTestOneInput and states with REQUIRE what must hold for any input.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert it cannot be compiled out, and libFuzzer keeps the input that broke it. */
#define REQUIRE(holds)                                                                             \
	do {                                                                                       \
		if (!(holds)) {                                                                    \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds);          \
			abort();                                                                   \
		}                                                                                  \
	} while (0)
