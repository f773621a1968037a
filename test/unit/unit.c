/*-------------------------------------------------------------------------
 *
 * unit.c
 *	  Runs the unit tests of the numeric half.
 *
 * The tests need no server: server.c stands in for the dozen functions of it
 * that the numeric half calls.  What it protects is the numbers: that a score
 * is the maximum of the likelihood, that a draw is multinomial, that an
 * interval is what an independent bootstrap gives.  All draws are seeded, so a
 * run says the same twice.
 *
 * The output is in the Test Anything Protocol: a plan, one line a test, and
 * diagnostics behind a "#".  The program fails when a test did.  Arguments are
 * parts of names; with any, only the tests whose names contain one are run.
 *
 * Under valgrind all takes twenty times as long.  UNIT_QUICK=1 in the environment
 * has the slow tests try a fifth of their data (scaled()), and leaves out the
 * largest rankings (interrupt_test.c), whose lines then say so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"
#include "unit.h"

/* What a test that goes wrong at every turn may say of it */
#define MAX_COMPLAINTS 10

static const UnitTest *const all_tests[] = {
	tally_tests, outcome_tests, component_tests, curvature_tests, oracle_tests, fit_tests,
	tree_tests, ranking_tests, team_tests, input_tests, resample_tests, replicate_tests,
	interval_tests, difference_tests, voter_tests, robustness_tests, goodness_tests, next_battle_tests,
	term_tests, interrupt_tests
};

/* Of the test that runs */
static int	num_complaints;
static const char *skip_reason;

/*
 * The test fails unless this is good; the text says what is wrong.
 */
bool
check(bool good, const char *fmt,...)
{
	va_list		args;

	if (good)
		return true;
	if (num_complaints++ < MAX_COMPLAINTS)
	{
		printf("# ");
		va_start(args, fmt);
		vprintf(fmt, args);
		va_end(args);
		printf("\n");
	}
	return false;
}

/*
 * Say something that is good to know, such as the largest error met.
 */
void
note(const char *fmt,...)
{
	va_list		args;

	printf("# ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

/*
 * Mark the running test as skipped; it should return.
 */
void
skip_test(const char *reason)
{
	skip_reason = reason;
}

/*
 * So many data, or where UNIT_QUICK is set a fifth of them.
 */
int
scaled(int number)
{
	return getenv("UNIT_QUICK") != NULL ? number / 5 : number;
}

static bool
is_chosen(const UnitTest *test, int num_parts, char **parts)
{
	for (int i = 0; i < num_parts; i++)
		if (strstr(test->name, parts[i]) != NULL)
			return true;
	return num_parts == 0;
}

static void
call_test(void *test)
{
	((const UnitTest *) test)->run();
}

/*
 * Run one test and report it.  False when it failed.
 */
static bool
run_test(const UnitTest *test, int number)
{
	num_complaints = 0;
	skip_reason = NULL;
	if (catches_error(call_test, (void *) test))
		check(false, "unexpected error: %s (%s)", error_message, error_detail);
	on_interrupt = NULL;
	InterruptPending = false;
	release_memory();

	if (num_complaints > MAX_COMPLAINTS)
		note("... and %d more", num_complaints - MAX_COMPLAINTS);
	printf("%s %d - %s%s%s\n", num_complaints == 0 ? "ok" : "not ok", number,
		   test->name, skip_reason ? " # SKIP " : "",
		   skip_reason ? skip_reason : "");
	fflush(stdout);
	return num_complaints == 0;
}

int
main(int argc, char **argv)
{
	int			num_tests = 0;
	int			num_run = 0;
	int			num_failed = 0;

	lapack_init();
	for (int f = 0; f < (int) lengthof(all_tests); f++)
		for (const UnitTest *test = all_tests[f]; test->name; test++)
			num_tests += is_chosen(test, argc - 1, argv + 1);
	printf("1..%d\n", num_tests);

	for (int f = 0; f < (int) lengthof(all_tests); f++)
		for (const UnitTest *test = all_tests[f]; test->name; test++)
			if (is_chosen(test, argc - 1, argv + 1))
				num_failed += !run_test(test, ++num_run);

	if (num_failed > 0)
		note("%d of %d tests failed", num_failed, num_tests);
	return num_failed > 0 ? 1 : 0;
}
