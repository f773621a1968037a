/*-------------------------------------------------------------------------
 *
 * robustness_test.c
 *	  Tests of robustness.c and pull.c: the battles that carry a lead, and what single
 *	  voters move.
 *
 * Numbers of battles are held against those that a program of its own found, against
 * an exact fit of what is left, and where data are small enough against all ways to
 * take battles away.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

#define LARGE ((Size) 1 << 30)

/* Points by which scores differ for sure */
#define NOTICEABLE 1e-6

static Robustness
robustness_of(const Ranking *ranking, int place)
{
	return find_robustness(ranking->fit, ranking->placed[ranking->order[place]],
						   ranking->placed[ranking->order[place + 1]]);
}

static void
check_counts(int times, const int64 *counts)
{
	Ranking    *ranking = fit_battles(many_puddings(times), 0);

	for (int k = 0; k < 5; k++)
	{
		Robustness	found = robustness_of(ranking, k);

		check(found.battles == counts[k], "%d times: pair %d takes %d battles, not %d", times,
			  k, (int) found.battles, (int) counts[k]);
	}
}

/* Protects the numbers of battles: of the puddings they are known */
static void
test_puddings(void)
{
	static const int64 once[] = {10, 3, 2, 1, 8};
	static const int64 ten_times[] = {92, 26, 13, 10, 76};

	check_counts(1, once);
	check_counts(10, ten_times);
	check(fabs(robustness_of(fit_battles(many_puddings(1), 0), 0).lead - 19.835731527106045) < 1e-6 &&
		  fabs(robustness_of(fit_battles(many_puddings(1), 0), 0).lead_after + 3.405043003562315) < 1e-6,
		  "the leads are not those known");
}

/*
 * The lead of a over b in what is left of some battles, by the exact fit; NAN where they
 * cannot be compared.
 */
static double
exact_lead(const Tally *tally, const int64 *removed, int a, int b)
{
	BattleList *left = battles_create(tally->num_models);
	PointMatrix matrix;
	Standing   *standing = palloc(sizeof(Standing) * tally->num_models);
	double	   *scores = palloc(sizeof(double) * tally->num_models);

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		for (int o = 0; o < NUM_OUTCOMES; o++)
			if (pair->count[o] > removed[p * NUM_OUTCOMES + o])
				battles_add(left, pair->first, pair->second, (Outcome) o,
							pair->count[o] - removed[p * NUM_OUTCOMES + o]);
	}
	matrix = matrix_of_battles(left);
	if (exact_standings(matrix, standing) == 0 ||
		standing[a] != STANDING_PLACED || standing[b] != STANDING_PLACED)
		return NAN;
	exact_fit_scores(matrix, standing, scores);
	matrix_free(matrix);
	return scores[a] - scores[b];
}

/*
 * The fewest battles without which b is ahead of a, by trying all ways to take fewer
 * than limit; limit if there is none.
 */
static int64
fewest_battles(const Tally *tally, int a, int b, int64 *removed, int cell, int64 taken,
			   int64 limit)
{
	int			num_cells = tally->num_pairs * NUM_OUTCOMES;

	if (taken >= limit)
		return limit;
	if (cell == num_cells)
		return exact_lead(tally, removed, a, b) < -NOTICEABLE ? taken : limit;
	for (int64 n = 0; n <= tally->pairs[cell / NUM_OUTCOMES].count[cell % NUM_OUTCOMES]; n++)
	{
		removed[cell] = n;
		limit = Min(limit, fewest_battles(tally, a, b, removed, cell + 1, taken + n, limit));
	}
	removed[cell] = 0;
	return limit;
}

/*
 * Protects the claim that it is an upper bound, and that it is one that holds: it is at
 * least the fewest of all ways, and without these battles the rival is ahead.
 */
static void
test_all_ways(void)
{
	Dice		dice = {151};
	int			num_found = 0;
	int			num_fewest = 0;
	int			num_tries = scaled(60);

	for (int t = 0; t < num_tries; t++)
	{
		BattleList *battles = battles_create(3);
		Ranking    *ranking;

		for (int c = 0; c < 9; c++)
		{
			int			i = dice_below(&dice, 3);

			battles_add(battles, i, (i + 1 + dice_below(&dice, 2)) % 3,
						(Outcome) dice_below(&dice, NUM_OUTCOMES), 1);
		}
		ranking = fit_battles(battles, 0);
		if (ranking->num_ranked == 3)
		{
			const Tally *tally = ranking->fit->tally;
			int			a = ranking->order[0];
			int			b = ranking->order[1];
			int64		removed[9 * NUM_OUTCOMES] = {0};
			int64		fewest = fewest_battles(tally, a, b, removed, 0, 0, 10);
			Robustness	found = robustness_of(ranking, 0);

			if (found.battles >= 0)
			{
				double		lead = exact_lead(tally, found.removed, a, b);

				num_found++;
				num_fewest += found.battles == fewest;
				check(found.battles >= fewest, "%d battles, of at least %d",
					  (int) found.battles, (int) fewest);
				check(fabs(lead - found.lead_after) < 1e-6 && lead < 0,
					  "without them the lead is %f, not %f", lead, found.lead_after);
			}
		}
		release_memory();
	}
	note("%d of %d times it was found, %d times with the fewest battles", num_found,
		 num_tries, num_fewest);
	check(num_found > num_tries / 3 && num_fewest > num_found / 2,
		  "that is not often");
}

/* Protects random data of any kind: what is found holds, and adds up */
static void
test_any_data(void)
{
	Dice		dice = {152};
	int			num_found = 0;

	for (int t = 0; t < scaled(100); t++)
	{
		BattleList *battles = random_battles(&dice, t % 2 ? BATTLES_DENSE : BATTLES_SPARSE,
											 3 + dice_below(&dice, 12));
		Ranking    *ranking = battles->num_cells > 0 ? fit_battles(battles, 0) : NULL;

		if (ranking && ranking->num_ranked > 1)
		{
			Robustness	found = robustness_of(ranking, dice_below(&dice, ranking->num_ranked - 1));
			int64		total = 0;

			for (int c = 0; c < ranking->fit->tally->num_pairs * NUM_OUTCOMES; c++)
			{
				total += found.removed[c];
				check(found.removed[c] >= 0 &&
					  found.removed[c] <= ranking->fit->tally->pairs[c / NUM_OUTCOMES].count[c % NUM_OUTCOMES],
					  "more battles are taken than there are");
			}
			check(found.lead >= -NOTICEABLE, "the leader is behind by %f", found.lead);
			if (found.battles >= 0)
			{
				num_found++;
				check(total == found.battles, "%d battles are %d", (int) found.battles, (int) total);
				check(found.lead_after < 0, "the lead has not turned");
			}
		}
		release_memory();
	}
	check(num_found > scaled(100) / 3, "only %d were found", num_found);
}

/* Protects equal scores: one battle decides, and a prior does not stand in the way */
static void
test_equal_scores(void)
{
	for (int prior = 0; prior < 2; prior++)
	{
		BattleList *battles = battles_create(2);
		Robustness	found;

		battles_add_pair(battles, 0, 1, 3, 3, 1);
		found = robustness_of(fit_battles(battles, prior), 0);
		check(found.lead == 0 && found.battles == 1, "%d battles turn a lead of %f",
			  (int) found.battles, found.lead);
	}
}

/* Protects what hangs by a thread: the two fall apart first, and no number is given */
static void
test_thread(void)
{
	BattleList *battles = battles_create(2);

	battles_add_pair(battles, 0, 1, 5, 2, 0);
	check(robustness_of(fit_battles(battles, 0), 0).battles == 4, "four of five wins carry the lead");
	battles = battles_create(2);
	battles_add_pair(battles, 0, 1, 5, 1, 0);
	check(robustness_of(fit_battles(battles, 0), 0).battles == -1,
		  "without all five wins nothing compares the two");
	battles = battles_create(3);
	battles_add_pair(battles, 0, 1, 1, 0, 0);
	battles_add_pair(battles, 1, 2, 1, 0, 0);
	battles_add_pair(battles, 2, 0, 1, 0, 0);
	check(robustness_of(fit_battles(battles, 0), 0).battles == -1, "a circle of three does not break");
}

/* Voters of the puddings' cells, one after the other */
static Voters *
voters_of_cells(const BattleList *battles, int num_voters)
{
	Voters	   *voters = voters_begin(LARGE);
	int			same[] = {0, 1, 2, 3, 4, 5};

	voters_keep_numbers(voters);
	for (int v = -1; v < num_voters; v++)
		for (int c = 0; c < battles->num_cells; c++)
		{
			const Cell *cell = &battles->cells[c];

			if (c % (num_voters + 1) - 1 == v)
				voters_add(voters, v, cell->model1, cell->model2,
						   MEANS(VOCABULARY_NUMBERED, cell->outcome), cell->count);
		}
	voters_finish(voters, VOCABULARY_NUMBERED, same);
	return voters;
}

/* Battles but for a hundredth of those of a voter */
static BattleList *
without_some(const BattleList *battles, int voter, int num_voters)
{
	BattleList *some = battles_create(battles->num_models);

	for (int c = 0; c < battles->num_cells; c++)
		battles_add(some, battles->cells[c].model1, battles->cells[c].model2,
					battles->cells[c].outcome, battles->cells[c].count *
					(c % (num_voters + 1) - 1 == voter ? 9999 : 10000));
	return some;
}

/*
 * What a little of a voter's battles does to the scores, times how much more he cast,
 * beside the mean of the models that are ranked.
 */
static void
find_moves(const BattleList *battles, int voter, const bool *ranked, double *moves)
{
	Ranking    *all = fit_battles(battles, 0);
	Ranking    *left = fit_battles(without_some(battles, voter, 4), 0);
	double		sum = 0;
	int			num_ranked = 0;

	for (int i = 0; i < 6; i++)
	{
		moves[i] = 10000 * (all->ratings[i].score - left->ratings[i].score);
		sum += ranked[i] ? moves[i] : 0;
		num_ranked += ranked[i];
	}
	for (int i = 0; i < 6; i++)
		moves[i] -= sum / num_ranked;
}

static void
check_pull(const BattleList *battles, const VoterPull *pull, const bool *ranked)
{
	double		moves[6];
	int64		cast = 0;

	find_moves(battles, pull->voter, ranked, moves);
	for (int c = 0; c < battles->num_cells; c++)
		cast += c % 5 - 1 == pull->voter ? battles->cells[c].count : 0;
	check(pull->battles == cast, "voter %d cast %d battles", pull->voter, (int) pull->battles);
	check(ranked[pull->raised] && fabs(moves[pull->raised] - pull->raised_points) < 0.05 &&
		  ranked[pull->lowered] && fabs(moves[pull->lowered] - pull->lowered_points) < 0.05 &&
		  fabs(moves[5] - moves[1] - pull->lead_points) < 0.05,
		  "voter %d moves %f and %f, not %f and %f", pull->voter, moves[pull->raised],
		  moves[pull->lowered], pull->raised_points, pull->lowered_points);
	for (int i = 0; i < 6; i++)
		check(!ranked[i] || (moves[i] <= pull->raised_points + 0.05 &&
							 moves[i] >= pull->lowered_points - 0.05),
			  "voter %d moves model %d more", pull->voter, i);
	check(fabs(pull->points - (pull->raised_points - pull->lowered_points)) < 1e-9,
		  "voter %d moves %f points", pull->voter, pull->points);
}

/*
 * Protects the pull: it is what a voter's battles do to the scores, also where a model
 * has too few battles for a rank.
 */
static void
test_pull(void)
{
	BattleList *battles = davidson_puddings();

	for (int least = 0; least <= 238; least += 238)
	{
		RankOptions options = rank_options(6, MIN_BOOTSTRAP);
		double		before = INFINITY;
		Ranking    *ranking;
		VoterPull  *pulls;
		int			num_pulls;

		options.intervals = INTERVALS_NONE;
		options.keep_fit = true;
		options.min_evaluations = least;
		options.voters = voters_of_cells(battles, 4);
		ranking = rank_battles(battles, &options);
		check(ranking->num_ranked == (least ? 5 : 6), "%d are ranked", ranking->num_ranked);
		pulls = strongest_pulls(ranking->fit, options.voters, 5, 1, 3, &num_pulls);
		check(num_pulls == 3, "there are %d pulls", num_pulls);
		for (int k = 0; k < num_pulls; k++)
		{
			check_pull(battles, &pulls[k], ranking->fit->ranked);
			check(pulls[k].points <= before, "the order is wrong");
			before = pulls[k].points;
		}
	}
}

/* Protects the numbers of voters where some are left out before */
static void
test_voters_left_out(void)
{
	Voters	   *voters = voters_begin(LARGE);
	int			same[] = {0, 1, 2, 3};
	BattleList *battles = battles_create(4);
	RankOptions options = rank_options(4, MIN_BOOTSTRAP);
	Ranking    *ranking;
	VoterPull  *pulls;
	int			num_pulls;

	/*
	 * voter 0 has no vote that can be read, voter 1 only one of a winless
	 * model
	 */
	battles_add(battles, 0, 3, OUTCOME_FIRST, 1);
	battles_add_pair(battles, 0, 1, 3, 2, 0);
	battles_add_pair(battles, 1, 2, 3, 2, 0);
	voters_keep_numbers(voters);
	voters_add(voters, 0, 0, 1, MEANS(VOCABULARY_SIDES, OUTCOME_FIRST), 1);
	voters_add(voters, 1, 0, 3, MEANS(VOCABULARY_NUMBERED, OUTCOME_FIRST), 1);
	voters_add(voters, 2, 0, 1, MEANS(VOCABULARY_NUMBERED, OUTCOME_FIRST), 3);
	voters_add(voters, 3, 1, 0, MEANS(VOCABULARY_NUMBERED, OUTCOME_FIRST), 2);
	voters_add(voters, 3, 1, 2, MEANS(VOCABULARY_NUMBERED, OUTCOME_FIRST), 3);
	voters_add(voters, -1, 2, 1, MEANS(VOCABULARY_NUMBERED, OUTCOME_FIRST), 2);
	voters_finish(voters, VOCABULARY_NUMBERED, same);
	options.intervals = INTERVALS_NONE;
	options.keep_fit = true;
	options.voters = voters;
	ranking = rank_battles(battles, &options);
	pulls = strongest_pulls(ranking->fit, voters, 0, 1, 10, &num_pulls);
	check(num_pulls == 2 && pulls[0].voter + pulls[1].voter == 5 &&
		  pulls[0].voter != pulls[1].voter, "there are %d voters: %d and %d", num_pulls,
		  pulls[0].voter, pulls[1].voter);
}

const UnitTest robustness_tests[] = {
	{"robustness of the puddings is known", test_puddings},
	{"robustness is an upper bound, and one that holds", test_all_ways},
	{"robustness of any data adds up", test_any_data},
	{"equal scores turn with one battle", test_equal_scores},
	{"robustness of what hangs by a thread", test_thread},
	{"a voter's pull is what his battles do", test_pull},
	{"voters keep their numbers", test_voters_left_out},
	{NULL, NULL}
};
