/*-------------------------------------------------------------------------
 *
 * oracle_test.c
 *	  The answers that others have computed and published.
 *
 * Small data whose strengths are known to eight digits from independent
 * implementations, and Davidson's puddings.  Whoever doubts the extension can
 * repeat these by hand.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

/* Scores are asked for within this many points */
#define TOLERANCE 1e-6

/* What the digits of the published strengths leave open, in points */
#define PUBLISHED_DIGITS (0.5e-8 * POINTS_PER_STRENGTH)

/*
 * The score of a model relative to another must be that of the strength.
 */
static void
check_strength(const Ranking *ranking, int model, int relative_to,
			   double strength)
{
	double		ahead = ranking->ratings[model].score -
		(relative_to < 0 ? CENTRE_SCORE : ranking->ratings[relative_to].score);
	double		error = fabs(ahead - strength * POINTS_PER_STRENGTH);

	check(error <= TOLERANCE + PUBLISHED_DIGITS,
		  "model %d is ahead by %.9f points, not %.9f", model, ahead,
		  strength * POINTS_PER_STRENGTH);
}

/* Four models, not all of whom met */
static BattleList *
four_models(void)
{
	BattleList *battles = battles_create(4);

	battles_add_pair(battles, 0, 1, 2, 3, 0);
	battles_add_pair(battles, 0, 3, 1, 4, 0);
	battles_add_pair(battles, 1, 2, 5, 3, 0);
	battles_add_pair(battles, 2, 3, 1, 3, 0);
	return battles;
}

/* Protects the fit on four models */
static void
test_four_models(void)
{
	Ranking    *ranking = rank_battles(four_models(), NULL);

	check_strength(ranking, 0, -1, -0.44654524);
	check_strength(ranking, 1, -1, 0.04240257);
	check_strength(ranking, 2, -1, -0.41580307);
	check_strength(ranking, 3, -1, 0.81994573);
	check(ranking->order[0] == 3 && ranking->order[1] == 1 &&
		  ranking->order[2] == 2 && ranking->order[3] == 0, "the order is wrong");
}

/* Protects the definition of the likelihood: its published maximum */
static void
test_log_likelihood(void)
{
	BattleList *battles = four_models();
	Tally	   *tally = battles_tally(battles, NULL);
	double		strengths[4] = {0};
	long double exact[4];
	long double found;

	fit_maximum(fitter_create(tally, 0), tally_points(tally), strengths);
	for (int i = 0; i < 4; i++)
		exact[i] = strengths[i];
	found = exact_log_likelihood(matrix_of_battles(battles), exact);
	check(fabsl(found + 13.42845008L) < 0.5e-8L, "ln L is %.10f", (double) found);
}

/* Protects cycles: 0 beats 1 twice, 1 beats 2, 2 beats 0 */
static void
test_cycle(void)
{
	BattleList *battles = battles_create(3);
	Ranking    *ranking;

	battles_add(battles, 0, 1, OUTCOME_FIRST, 2);
	battles_add(battles, 1, 2, OUTCOME_FIRST, 1);
	battles_add(battles, 2, 0, OUTCOME_FIRST, 1);
	ranking = rank_battles(battles, NULL);
	check_strength(ranking, 0, -1, 0.419617624);
	check_strength(ranking, 1, -1, -0.419617624);
	check_strength(ranking, 2, -1, 0);
}

/* a beats b, c beats a, a beats d, b beats a, b beats c */
static BattleList *
separated_models(void)
{
	BattleList *battles = battles_create(4);

	battles_add(battles, 0, 1, OUTCOME_FIRST, 1);
	battles_add(battles, 2, 0, OUTCOME_FIRST, 1);
	battles_add(battles, 0, 3, OUTCOME_FIRST, 1);
	battles_add(battles, 1, 0, OUTCOME_FIRST, 1);
	battles_add(battles, 1, 2, OUTCOME_FIRST, 1);
	return battles;
}

/* Protects what is left when a model cannot be placed */
static void
test_separated_models(void)
{
	Ranking    *ranking = rank_battles(separated_models(), NULL);

	check(ranking->num_ranked == 3, "%d models are ranked", ranking->num_ranked);
	check(ranking->ratings[3].status == MODEL_WINLESS, "d is %s",
		  model_status_name(ranking->ratings[3].status));
	check(ranking->ratings[3].rank == 0 && isnan(ranking->ratings[3].score),
		  "d has a rank or a score");
	check_strength(ranking, 1, 0, 0.83923525);
	check_strength(ranking, 2, 0, 0.41961762);
}

/* Protects the prior: with half a win and half a loss each, all are placed */
static void
test_prior(void)
{
	RankOptions options = rank_options(4, MIN_BOOTSTRAP);
	Ranking    *ranking;
	double		sum = 0;

	options.prior_battles = 1;
	ranking = rank_battles(separated_models(), &options);
	check(ranking->num_ranked == 4, "%d models are ranked", ranking->num_ranked);
	check(ranking->num_incomplete == 0, "%d replicates are incomplete",
		  ranking->num_incomplete);
	check_strength(ranking, 1, 0, 0.51841842);
	check_strength(ranking, 2, 0, 0.13547067);
	check_strength(ranking, 3, 0, -1.15375652);
	for (int i = 0; i < 4; i++)
		sum += ranking->ratings[i].score;
	check(fabs(sum - 4 * CENTRE_SCORE) < 4e-6, "the mean is %f", sum / 4);
}

/* Protects ties as half a win: Davidson's puddings, to the published digits */
static void
test_puddings(void)
{
	BattleList *battles = davidson_puddings();
	Ranking    *ranking = rank_battles(battles, NULL);
	double		ahead = ranking->ratings[5].score - ranking->ratings[0].score;
	long double exact[6] = {0};

	check(fabs(ahead / POINTS_PER_STRENGTH - 0.2745) <= 0.5e-4,
		  "item 6 is ahead of item 1 by %f", ahead / POINTS_PER_STRENGTH);
	exact_fit(matrix_of_battles(battles), exact);
	for (int i = 1; i < 6; i++)
		check_strength(ranking, i, 0, (double) (exact[i] - exact[0]));
}

/* Protects the scale: 400 points are odds of ten to one */
static void
test_scale(void)
{
	BattleList *battles = battles_create(2);
	Ranking    *ranking;

	battles_add_pair(battles, 0, 1, 10, 1, 0);
	ranking = rank_battles(battles, NULL);
	check(ranking->ratings[0].score == 1200 && ranking->ratings[1].score == 800,
		  "ten to one is %f and %f", ranking->ratings[0].score,
		  ranking->ratings[1].score);
}

/*
 * Protects the other tests: the exact fit gives the published answers as well.
 */
static void
test_exact_fit(void)
{
	static const double strengths[] = {
		-0.44654524, 0.04240257, -0.41580307, 0.81994573
	};
	static const double with_prior[] = {0, 0.51841842, 0.13547067, -1.15375652};
	long double four[4] = {0};
	long double five[5] = {0};

	exact_fit(matrix_of_battles(four_models()), four);
	exact_fit(matrix_with_ghost(matrix_of_battles(separated_models()), 1), five);
	for (int i = 0; i < 4; i++)
	{
		check(fabs((double) four[i] - strengths[i]) <= 0.5e-8,
			  "model %d is %.9f", i, (double) four[i]);
		check(fabs((double) (five[i] - five[0]) - with_prior[i]) <= 0.5e-8,
			  "with a prior model %d is %.9f", i, (double) (five[i] - five[0]));
	}
}

const UnitTest oracle_tests[] = {
	{"oracle: four models", test_four_models},
	{"oracle: log-likelihood of the four models", test_log_likelihood},
	{"oracle: a cycle of three", test_cycle},
	{"oracle: a model that only lost", test_separated_models},
	{"oracle: a prior of one battle", test_prior},
	{"oracle: Davidson's puddings", test_puddings},
	{"oracle: ten to one is 400 points", test_scale},
	{"oracle: the exact fit itself", test_exact_fit},
	{NULL, NULL}
};
