#include "own_map.h"

#include <criterion/criterion.h>
#include <string.h>

#define OUT_BYTES_MAX 65536

/* Two seats of u-ann, one of u-bob, one of nobody; a name full of tricks. */
static const char MAP[] =
	"{\"_id\":\"e1\",\"name\":\"say \\\"user_id\\\":\\\"u-bob\\\" twice\",\"seats\":["
	"{\"seat_id\":\"A1\",\"status\":\"booked\",\"user_id\":\"u-ann\"},"
	"{\"seat_id\":\"A2\",\"status\":\"held\",\"user_id\":\"u-bob\"},"
	"{\"seat_id\":\"A3\",\"status\":\"available\",\"user_id\":null},"
	"{\"seat_id\":\"A4\",\"status\":\"held\",\"user_id\":\"u-ann\"}],"
	"\"version\":3,\"counts\":{\"available\":1}}";

static struct strbuf out;

static void open_out(void)
{
	strbuf_init(&out, OUT_BYTES_MAX);
}

static void close_out(void)
{
	strbuf_done(&out);
}

TestSuite(own_map, .init = open_out, .fini = close_out);

static const char *write_own(const char *map, const char *user_id)
{
	strbuf_reset(&out);
	own_map_write(map, strlen(map), user_id, &out);
	return out.data;
}

Test(own_map, shows_a_user_their_seats_and_nobody_elses)
{
	cr_expect_str_eq(write_own(MAP, "u-bob"),
			 "{\"_id\":\"e1\",\"name\":\"say \\\"user_id\\\":\\\"u-bob\\\" twice\","
			 "\"seats\":["
			 "{\"seat_id\":\"A1\",\"status\":\"booked\",\"user_id\":null},"
			 "{\"seat_id\":\"A2\",\"status\":\"held\",\"user_id\":\"u-bob\"},"
			 "{\"seat_id\":\"A3\",\"status\":\"available\",\"user_id\":null},"
			 "{\"seat_id\":\"A4\",\"status\":\"held\",\"user_id\":null}],"
			 "\"version\":3,\"counts\":{\"available\":1}}");
	cr_expect_not(strstr(write_own(MAP, "u-bob"), "u-ann"));
}

Test(own_map, shows_nobody_nothing)
{
	static const char *const strangers[] = { "u-an", "u-annn", "u-an.", "u", "", "null" };

	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		const char *const map = write_own(MAP, strangers[i]);

		cr_expect_not(strstr(map, "u-ann"), "%s: %s", strangers[i], map);
		cr_expect_not(strstr(map, "\"user_id\":\"u-bob\""), "%s", strangers[i]);
	}
}

Test(own_map, leaves_a_map_without_users_as_it_is)
{
	static const char *const maps[] = { "", "{}",
					    "{\"seats\":[{\"seat_id\":\"A\",\"user_id\":null}]}" };

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		cr_expect_str_eq(write_own(maps[i], "u-ann"), maps[i]);
}

/* No id is like this; whatever it is, none of it may be shown, and what follows is read aright. */
Test(own_map, takes_odd_ids_for_what_they_are)
{
	cr_expect_str_eq(write_own("[{\"user_id\":\"a\\\"u-ann\"},{\"user_id\":\"b\\\\\"},"
				   "{\"user_id\":\"u-ann\"}]",
				   "u-ann"),
			 "[{\"user_id\":null},{\"user_id\":null},{\"user_id\":\"u-ann\"}]");
	cr_expect_str_eq(write_own("{\"user_id\":\"cut", "u-ann"), "{\"user_id\":null");
	cr_expect_str_eq(write_own("{\"user_id\":\"cut\\", "u-ann"), "{\"user_id\":null");
}

static bool may_have(const char *user_id)
{
	return own_map_may_have(MAP, strlen(MAP), user_id);
}

Test(own_map, tells_who_has_seats)
{
	cr_expect(may_have("u-ann"));
	cr_expect(may_have("u-bob"));
	cr_expect_not(may_have("u-an"));
	cr_expect_not(may_have("u-anna"));
	cr_expect_not(may_have("ann"));
	cr_expect_not(may_have(""));
	cr_expect(may_have("A1"), "a user may be named like a seat, and gets a map of their own");
}
