/*-------------------------------------------------------------------------
 *
 * interrupt_test.c
 *	  Tests that a cancel is obeyed at once, at the largest size too.
 *
 * An operator cancels what takes long, and what takes longest is the largest
 * ranking: 2,000 models that have all met.  Between two checks for interrupts
 * no more than 100 ms may pass.  Processor time is measured, lest a busy
 * machine fail the test.
 *
 * The large rankings take some seconds, and many minutes under valgrind, where a
 * time says nothing: UNIT_QUICK=1 in the environment leaves them out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>
#include <time.h>

#include "miscadmin.h"

#include "method/method.h"
#include "battles.h"
#include "unit.h"

#define MAX_MILLISECONDS 100.0

/* Checks that follow so soon count as one: to look at a clock takes time, too */
#define MIN_MILLISECONDS 1.0

/* When the last check for interrupts was, and what was longest between two */
static double last_check;
static double last_look;
static double longest;
static int	num_checks;

/* The check that cancels, counted down */
static int	checks_to_cancel;

static double
milliseconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void
look_at_clocks(double monotonic)
{
	double		now = milliseconds(CLOCK_THREAD_CPUTIME_ID);

	longest = Max(longest, now - last_check);
	last_check = now;
	last_look = monotonic;
}

static void
measure(void)
{
	double		monotonic = milliseconds(CLOCK_MONOTONIC);

	num_checks++;
	if (monotonic - last_look >= MIN_MILLISECONDS)
		look_at_clocks(monotonic);
}

static void
begin_measuring(void)
{
	look_at_clocks(milliseconds(CLOCK_MONOTONIC));
	longest = 0;
	num_checks = 0;
	on_interrupt = measure;
	InterruptPending = true;
}

static void
end_measuring(const char *what)
{
	look_at_clocks(milliseconds(CLOCK_MONOTONIC));
	InterruptPending = false;
	check(longest < MAX_MILLISECONDS, "%s: %.1f ms between two checks", what, longest);
	note("%s: %d checks for interrupts, at most %.1f ms between two", what,
		 num_checks, longest);
}

/*
 * Rank as many models as are allowed, all pairs met this often.
 */
static void
rank_most_models(const char *what, int64 count)
{
	Dice		dice = {70};
	TallyBuilder *builder = tally_begin();
	RankOptions options = rank_options(MAX_MODELS, MIN_BOOTSTRAP);
	int		   *position = dice_permutation(&dice, MAX_MODELS);
	Tally	   *tally;

	if (getenv("UNIT_QUICK") != NULL)
	{
		skip_test("UNIT_QUICK is set");
		return;
	}
	for (int i = 0; i < MAX_MODELS; i++)
		for (int j = 0; j < i; j++)
		{
			int64		wins = (int64) (dice_double(&dice) * (count + 1));

			if (wins > 0)
				tally_add(builder, i, j, OUTCOME_FIRST, wins);
			if (wins < count)
				tally_add(builder, i, j, OUTCOME_SECOND, count - wins);
		}

	begin_measuring();
	tally = tally_finish(builder, MAX_MODELS, position);
	end_measuring("the tally");
	begin_measuring();
	check(rank_models(tally, &options)->num_ranked == MAX_MODELS, "not all are ranked");
	end_measuring(what);
}

/* Protects cancelling where resamples are drawn by tables */
static void
test_tables(void)
{
	rank_most_models("2,000 models, 10 battles a pair", 10);
}

/* Protects cancelling where resamples are drawn battle by battle */
static void
test_single_draws(void)
{
	rank_most_models("2,000 models, 1 battle a pair", 1);
}

/* Protects cancelling where counts are too large for tables */
static void
test_rejection(void)
{
	rank_most_models("2,000 models, 2^30 battles a pair", INT64CONST(1) << 30);
}

static void
cancel(void)
{
	if (--checks_to_cancel == 0)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling statement due to user request")));
}

static void
rank_list(void *battles)
{
	rank_battles(battles, NULL);
}

/* Protects what comes after: wherever a ranking is cancelled, the next works */
static void
test_cancel_anywhere(void)
{
	Dice		dice = {71};
	BattleList *battles = random_battles(&dice, BATTLES_DENSE, 30);
	double		score = rank_battles(battles, NULL)->ratings[7].score;
	int			num_cancelled = 0;

	on_interrupt = cancel;
	InterruptPending = true;
	for (int at = 1; at < 400; at++)
	{
		checks_to_cancel = at;
		if (!reports_error(ERRCODE_QUERY_CANCELED, rank_list, battles))
			break;
		num_cancelled++;
	}
	InterruptPending = false;
	check(num_cancelled > 50, "only %d checks cancelled", num_cancelled);
	check(rank_battles(battles, NULL)->ratings[7].score == score,
		  "a score is another after cancelling");
}

const UnitTest interrupt_tests[] = {
	{"a ranking can be cancelled anywhere", test_cancel_anywhere},
	{"the largest ranking obeys within 100 ms: tables", test_tables},
	{"the largest ranking obeys within 100 ms: single draws", test_single_draws},
	{"the largest ranking obeys within 100 ms: rejection", test_rejection},
	{NULL, NULL}
};
