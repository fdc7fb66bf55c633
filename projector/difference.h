/*
 * difference - where two documents differ, one line a field.
 *
 * Pure. Fields are compared by name, whatever their order; integers by value, whatever their size.
 */
#pragma once

#include <bson/bson.h>
#include <stdio.h>

/* Prints "<where> <field>: postgresql <value>, mongodb <value>" for each; answers how many. */
int64_t difference_print(const bson_t *postgresql, const bson_t *mongodb, const char *where,
                         FILE *out);
