/*-------------------------------------------------------------------------
 *
 * team_test.c
 *	  Tests of team.c: replicates that several processes make are the same as one's.
 *
 * The processes are real ones, which share real memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "method/method.h"
#include "battles.h"
#include "unit.h"

/* When the leader begins: at once, or when the helper has made all there is */
static bool helper_is_first;

static int	num_shared;
static double seconds;			/* of the last that was shared */
static double seconds_to_prepare;

/*
 * Fork a process that helps.  It ends with 0, whatever it was that it met but an error.
 */
static pid_t
fork_helper(void *memory)
{
	pid_t		helper = fork();

	if (helper == 0)
	{
		help_team(memory);
		_exit(0);
	}
	check(helper > 0, "there is no process to help");
	return helper;
}

static bool
share_with_helper(const SharedWork *work)
{
	void	   *memory = mmap(NULL, work->size, PROT_READ | PROT_WRITE,
							  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t		helper;
	int			status = 0;

	num_shared++;
	seconds = work->seconds;
	seconds_to_prepare = work->seconds_to_prepare;
	work->describe(memory, work->argument);
	helper = fork_helper(memory);
	if (helper_is_first)
		waitpid(helper, &status, 0);
	work->take_part(memory, work->argument);
	if (!helper_is_first)
		waitpid(helper, &status, 0);
	check(status == 0, "the helper ended with status %d", status);
	work->collect(memory, work->argument);
	munmap(memory, work->size);
	return true;
}

/*
 * In this process, so that it is seen what a helper does who comes when all is done.
 */
static bool
share_with_late_helper(const SharedWork *work)
{
	void	   *memory = palloc0(work->size);

	work->describe(memory, work->argument);
	work->take_part(memory, work->argument);
	num_hessians = 0;
	help_team(memory);
	check(num_hessians == 0, "a helper who comes late fits");
	work->collect(memory, work->argument);
	return true;
}

static bool
share_with_nobody(const SharedWork *work)
{
	return work->size == 0;
}

static bool
same_rankings(const Ranking *a, const Ranking *b)
{
	return a->num_incomplete == b->num_incomplete &&
		memcmp(a->ratings, b->ratings, sizeof(Rating) * a->num_models) == 0 &&
		memcmp(a->order, b->order, sizeof(int) * a->num_models) == 0;
}

/*
 * Rank with and without help.
 */
static void
compare_with_one(const char *name, const BattleList *battles, RankOptions options)
{
	Ranking    *alone;

	options.share = share_with_nobody;
	alone = rank_battles(battles, &options);
	options.share = share_with_helper;
	for (int first = 0; first < 2; first++)
	{
		helper_is_first = first;
		check(same_rankings(alone, rank_battles(battles, &options)),
			  "%s: with a helper%s the ranking is another", name,
			  first ? " that makes all" : "");
	}
}

/*
 * Protects the last digit, whatever the battles, the prior, the anchor and the kind of
 * ranks; also where replicates are incomplete, or climb along trees.
 */
static void
test_any_battles(void)
{
	Dice		dice = {140};

	num_shared = 0;
	for (int t = 0; t < scaled(150); t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		RankOptions options = rank_options(battles->num_models, 10 + dice_below(&dice, 60));
		char		name[32];

		options.seed = dice_bits(&dice);
		options.prior_battles = t % 3 == 0 ? dice_double(&dice) : 0;
		options.rank_by_significance = t % 2;
		if (t % 5 == 0)
			options.anchor_model = dice_below(&dice, battles->num_models);
		snprintf(name, sizeof(name), "tally %d", t);
		compare_with_one(name, battles, options);
	}
	check(num_shared > scaled(100), "only %d rankings had help", num_shared);
}

/* Protects the usual case: all pairs have met often, and there are many replicates */
static void
test_many_replicates(void)
{
	Dice		dice = {141};
	BattleList *battles = battles_create(60);

	for (int i = 0; i < 60; i++)
		for (int j = 0; j < i; j++)
			battles_draw_pair(battles, &dice, i, j, 100, (i - j) * 0.05, 0.2);
	compare_with_one("60 models", battles, rank_options(60, 1003));
}

/*
 * Protects memory that is short: replicates that would take much are made by one; and
 * helpers from coming in vain: to fit many models takes as long as many replicates.
 */
static void
test_much_memory(void)
{
	Dice		dice = {142};
	BattleList *battles = battles_create(450);
	RankOptions options = rank_options(450, 100);

	for (int i = 0; i < 450; i++)
		for (int k = 1; k < 4; k++)
			battles_draw_pair(battles, &dice, i, (i + k) % 450, 10, 0, 0.2);
	options.share = share_with_helper;
	helper_is_first = false;
	num_shared = 0;
	rank_battles(battles, &options);
	check(num_shared == 1, "few replicates were not shared");
	check(seconds_to_prepare > seconds / 4 && seconds_to_prepare < 4 * seconds,
		  "to make 100 replicates of 450 models takes %f s, to prepare %f s", seconds,
		  seconds_to_prepare);
	if (scaled(5) < 5)
		return;
	options.num_bootstrap = 10000;
	rank_battles(battles, &options);
	check(num_shared == 1, "36 MB were shared");
}

/*
 * Protects who waits for helpers: one who comes when nothing is left does nothing.
 */
static void
test_late_helper(void)
{
	Dice		dice = {143};
	BattleList *battles = random_battles(&dice, BATTLES_DENSE, 10);
	RankOptions options = rank_options(10, 20);
	Ranking    *alone = rank_battles(battles, &options);

	options.share = share_with_late_helper;
	check(same_rankings(alone, rank_battles(battles, &options)),
		  "with a helper who comes late the ranking is another");
}

const UnitTest team_tests[] = {
	{"any battles are ranked the same with help", test_any_battles},
	{"many replicates are the same with help", test_many_replicates},
	{"who comes to help too late does nothing", test_late_helper},
	{"what takes much memory is not shared", test_much_memory},
	{NULL, NULL}
};
