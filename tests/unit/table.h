/* table - for tests that walk a table of cases. */
#pragma once

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
