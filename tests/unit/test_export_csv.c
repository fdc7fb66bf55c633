#include "export_csv.h"
#include "table.h"

#include <criterion/criterion.h>

TestSuite(export_csv);

static void expect_line(const char *const *cells, size_t count, const char *line)
{
	_cleanup_(strbuf_done) struct strbuf out;

	strbuf_init(&out, 1024);
	export_csv_line(&out, cells, count);
	cr_expect_str_eq(out.data, line, "%s", out.data);
}

Test(export_csv, a_line_is_cells_and_a_line_end)
{
	static const char *const cells[] = { "a", NULL, "", "b c", "1.5" };

	expect_line(cells, COUNT(cells), "a,,,b c,1.5\r\n");
	expect_line(cells, 1, "a\r\n");
}

Test(export_csv, quotes_what_would_end_a_cell)
{
	static const char *const cells[] = { "a,b", "say \"hi\"", "a\nb", "a\r\nb", "'x",
					     "a;=b" };

	expect_line(cells, COUNT(cells),
		    "\"a,b\",\"say \"\"hi\"\"\",\"a\nb\",\"a\r\nb\",'x,\"a;=b\"\r\n");
}

Test(export_csv, no_cell_is_a_formula)
{
	static const struct {
		const char *cell, *line;
	} formulas[] = {
		{ "=1+1", "'=1+1\r\n" },
		{ "+1", "'+1\r\n" },
		{ "-1", "'-1\r\n" },
		{ "@SUM(A1)", "'@SUM(A1)\r\n" },
		{ "\t=1", "'\t=1\r\n" },
		{ "\r=1", "\"'\r=1\"\r\n" },
		{ "=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"\r\n" },
		{ "a=1", "a=1\r\n" },
	};

	for (size_t i = 0; i < COUNT(formulas); i++)
		expect_line(&formulas[i].cell, 1, formulas[i].line);
}
