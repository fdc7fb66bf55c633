#include "accept_encoding.h"
#include "table.h"

#include <criterion/criterion.h>

Test(accept_encoding, takes_gzip_where_it_is_wanted)
{
	static const char *const good[] = {
		"gzip",
		"GZIP",
		"x-gzip",
		"gzip, deflate, br",
		"deflate;q=0.5 , gzip ; q=1.000",
		"gzip;q=0.001",
		"*",
		"br, *;q=0.1",
		"identity;q=0.5, gzip;q=0.5",
		",, gzip,",
		"gzip;Q=1",
		"identity;q=0, *",
	};

	for (size_t i = 0; i < COUNT(good); i++)
		cr_expect(accept_encoding_gzip(good[i]), "refused '%s'", good[i]);
}

Test(accept_encoding, leaves_it_where_it_is_not_or_makes_no_sense)
{
	static const char *const bad[] = {
		"",
		"identity",
		"br, deflate",
		"gzip;q=0",
		"gzip;q=0.000",
		"gzip;q=0, *",
		"*;q=0",
		"gzip;q=0.3, identity",
		"gzip;q=1.001",
		"gzip;q=0.0001",
		"gzip;q=2",
		"gzip;q=-1",
		"gzip;q=",
		"gzip;q",
		"gzip;",
		"gzip;level=9",
		"gzip;q=1;q=0",
		"gzip deflate",
		"gzip, ;q=1",
		"gzip,\x01",
		"gzipped",
		"\"gzip\"",
	};

	cr_expect_not(accept_encoding_gzip(NULL));
	for (size_t i = 0; i < COUNT(bad); i++)
		cr_expect_not(accept_encoding_gzip(bad[i]), "took '%s'", bad[i]);
}
