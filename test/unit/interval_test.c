/*-------------------------------------------------------------------------
 *
 * interval_test.c
 *	  Tests of interval.c: the bounds are those of an independent bootstrap.
 *
 * Here a resample is drawn battle by battle, by another generator, fitted by
 * the exact fit, its standings told by the transitive closure; its quantiles
 * are counted.  A bound of the code under test must lie where the share of the
 * independent replicates below it is 2.5 % or 97.5 %, within what two sets of
 * replicates may differ by chance (1e-4 for a whole ranking).  That compares
 * infinite bounds like any others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

#define NUM_REPLICATES MAX_BOOTSTRAP

/* Shares differ by fewer standard errors, at 1e-4 for 20 bounds */
#define MAX_DEVIATE 4.6

/* Bounds are exact to this, where replicates have atoms */
#define BOUND_TOLERANCE 1e-4

/* The independent bootstrap of battles whose models can all be placed */
typedef struct Bootstrap
{
	const BattleList *battles;
	int64	   *cumulated;		/* battles up to a cell, with it */
	double	   *estimate;		/* exact scores, of mean zero */
	bool	   *reference;		/* fixes the scale */
	double	   *values;			/* scores by model and replicate */
	int			num_incomplete;
} Bootstrap;

/*
 * The exact scores of a replicate: placed, infinite or not-a-number.
 */
static void
fit_exactly(PointMatrix matrix, const Standing *standing, const Bootstrap *bootstrap,
			double *scores)
{
	int			n = matrix.num_models;
	double		shift = 0;
	int			num_reference = 0;

	exact_fit_scores(matrix, standing, scores);
	for (int i = 0; i < n; i++)
		if (bootstrap->reference[i] && standing[i] == STANDING_PLACED)
		{
			shift += bootstrap->estimate[i] - scores[i];
			num_reference++;
		}
	for (int i = 0; i < n; i++)
	{
		if (standing[i] == STANDING_PLACED)
			scores[i] += shift / num_reference;
		else if (standing[i] != STANDING_APART)
			scores[i] = standing[i] == STANDING_ABOVE ? INFINITY : -INFINITY;
	}
}

/*
 * Draw the battles of one resample one after the other.
 */
static PointMatrix
draw_battles(const Bootstrap *bootstrap, Dice *dice)
{
	const BattleList *battles = bootstrap->battles;
	PointMatrix matrix = matrix_create(battles->num_models);

	for (int64 b = 0; b < battles->num_battles; b++)
	{
		int64		drawn = (int64) (dice_double(dice) * battles->num_battles);
		int			c = 0;

		while (bootstrap->cumulated[c] <= drawn)
			c++;
		matrix_add_cell(matrix, &battles->cells[c], 1);
	}
	return matrix;
}

/*
 * Make all replicates.  Models without the evaluations asked for, or all but
 * the anchor, do not fix the scale.
 */
static Bootstrap *
bootstrap_independently(const BattleList *battles, const Ranking *ranking,
						int anchor, Dice *dice)
{
	int			n = battles->num_models;
	Bootstrap  *bootstrap = palloc0(sizeof(Bootstrap));
	Standing   *standing = palloc0(sizeof(Standing) * n);
	double	   *scores = palloc(sizeof(double) * n);
	int64		total = 0;

	bootstrap->battles = battles;
	bootstrap->cumulated = palloc(sizeof(int64) * battles->num_cells);
	for (int c = 0; c < battles->num_cells; c++)
		bootstrap->cumulated[c] = total += battles->cells[c].count;
	bootstrap->estimate = palloc(sizeof(double) * n);
	bootstrap->reference = palloc(sizeof(bool) * n);
	bootstrap->values = palloc(sizeof(double) * n * NUM_REPLICATES);
	exact_fit_scores(matrix_of_battles(battles), standing, bootstrap->estimate);
	for (int i = 0; i < n; i++)
		bootstrap->reference[i] = anchor >= 0 ? i == anchor :
			ranking->ratings[i].status == MODEL_RANKED;

	for (int r = 0; r < NUM_REPLICATES; r++)
	{
		PointMatrix matrix = draw_battles(bootstrap, dice);

		bootstrap->num_incomplete += exact_standings(matrix, standing) < n;
		fit_exactly(matrix, standing, bootstrap, scores);
		for (int i = 0; i < n; i++)
			bootstrap->values[i * NUM_REPLICATES + r] = scores[i];
		matrix_free(matrix);
	}
	return bootstrap;
}

/*
 * By how many standard errors the share of replicates below a bound differs
 * from what it should be.
 */
static double
bound_deviate(const double *values, double bound, double chance, double unknown)
{
	double		error = sqrt(chance * (1 - chance) * 2 / NUM_REPLICATES);
	double		below = 0;
	double		up_to = 0;

	for (int r = 0; r < NUM_REPLICATES; r++)
	{
		double		value = isnan(values[r]) ? unknown : values[r];

		below += value < bound - BOUND_TOLERANCE;
		up_to += value <= bound + BOUND_TOLERANCE;
	}
	below /= NUM_REPLICATES;
	up_to /= NUM_REPLICATES;
	if (below > chance)
		return (below - chance) / error;
	return up_to < chance ? (chance - up_to) / error : 0;
}

/*
 * Hold the intervals of these battles against the independent ones.  Returns
 * the number of infinite bounds.
 */
static int
check_intervals(const char *name, const BattleList *battles, RankOptions options)
{
	Dice		dice = {90};
	Ranking    *ranking;
	Bootstrap  *bootstrap;
	double		shift;
	double		worst = 0;
	double		share;
	int			num_infinite = 0;
	int			any = 0;

	options.num_bootstrap = NUM_REPLICATES;
	ranking = rank_battles(battles, &options);
	bootstrap = bootstrap_independently(battles, ranking, options.anchor_model, &dice);
	while (any < battles->num_models - 1 && ranking->ratings[any].status != MODEL_RANKED)
		any++;
	shift = ranking->ratings[any].score - bootstrap->estimate[any];
	for (int i = 0; i < battles->num_models; i++)
	{
		const Rating *rating = &ranking->ratings[i];
		const double *values = &bootstrap->values[i * NUM_REPLICATES];
		double		lower;
		double		upper;

		if (rating->status != MODEL_RANKED)
			continue;
		lower = bound_deviate(values, rating->lower - shift, 0.025, -INFINITY);
		upper = bound_deviate(values, rating->upper - shift, 0.975, INFINITY);
		check(lower <= MAX_DEVIATE && upper <= MAX_DEVIATE,
			  "%s: the bounds [%f, %f] of model %d are %.2f and %.2f standard errors off",
			  name, rating->lower, rating->upper, i, lower, upper);
		worst = Max(worst, Max(lower, upper));
		num_infinite += isinf(rating->lower) + isinf(rating->upper);
	}
	share = (double) bootstrap->num_incomplete / NUM_REPLICATES;
	check(abs(ranking->num_incomplete - bootstrap->num_incomplete) <=
		  MAX_DEVIATE * sqrt(share * (1 - share) * 2 * NUM_REPLICATES),
		  "%s: %d replicates are incomplete, and %d independent ones", name,
		  ranking->num_incomplete, bootstrap->num_incomplete);
	note("%s: %d ranked, %d infinite bounds, %d and %d incomplete, worst bound %.2f "
		 "standard errors off", name, ranking->num_ranked, num_infinite,
		 ranking->num_incomplete, bootstrap->num_incomplete, worst);
	return num_infinite;
}

/* Ten models of different strengths, all pairs met so often */
static BattleList *
ten_models(int count)
{
	Dice		dice = {91};
	BattleList *battles = battles_create(10);

	for (int i = 0; i < 10; i++)
		for (int j = 0; j < i; j++)
			battles_draw_pair(battles, &dice, i, j, count, (i - j) * 0.2, 0.2);
	return battles;
}

/* Protects the intervals of the puddings, of which many are ties */
static void
test_puddings(void)
{
	check_intervals("puddings", davidson_puddings(), rank_options(6, MIN_BOOTSTRAP));
}

/* Protects intervals of models of different strengths */
static void
test_ten_models(void)
{
	check_intervals("ten models", ten_models(12), rank_options(10, MIN_BOOTSTRAP));
}

/* Protects intervals relative to an anchor: its own doubt is the others' */
static void
test_anchor(void)
{
	RankOptions options = rank_options(10, MIN_BOOTSTRAP);

	options.anchor_model = 3;
	options.anchor_score = 1200;
	check_intervals("an anchor", ten_models(12), options);
}

/* Protects intervals from models with few evaluations, which fix no scale */
static void
test_few_evaluations(void)
{
	BattleList *battles = ten_models(6);
	RankOptions options = rank_options(12, MIN_BOOTSTRAP);

	battles->num_models = 12;
	battles_add_pair(battles, 10, 2, 1, 3, 1);
	battles_add_pair(battles, 11, 8, 2, 1, 0);
	options.min_evaluations = 10;
	check_intervals("few evaluations", battles, options);
}

/* Protects infinite bounds: few battles, where many resamples lack somebody */
static void
test_sparse(void)
{
	BattleList *battles = battles_create(8);

	for (int i = 0; i < 8; i++)
	{
		battles_add_pair(battles, i, (i + 1) % 8, 1, i % 3, i % 2);
		battles_add_pair(battles, i, (i + 3) % 8, 1, i % 2, 0);
	}
	check(check_intervals("few battles", battles, rank_options(8, MIN_BOOTSTRAP)) > 0,
		  "no bound is infinite");
}

/* Protects bounds of which nothing is known: a pair that hangs on one battle */
static void
test_loose_end(void)
{
	BattleList *battles = battles_create(6);

	for (int i = 0; i < 4; i++)
		battles_add_pair(battles, i, (i + 1) % 4, 12, 9, 2);
	battles_add_pair(battles, 4, 0, 0, 0, 1);
	battles_add_pair(battles, 4, 5, 2, 1, 0);
	check_intervals("a loose end", battles, rank_options(6, MIN_BOOTSTRAP));
}

/*
 * The quantile of type 7 of some values, of which those that are unknown are taken
 * for this.
 */
static double
sorted_quantile(const double *values, int num_values, double chance, double unknown)
{
	double	   *sorted = palloc(sizeof(double) * num_values);
	double		place = (num_values - 1) * chance;
	int			below = (int) place;

	for (int r = 0; r < num_values; r++)
		sorted[r] = isnan(values[r]) ? unknown : values[r];
	qsort(sorted, num_values, sizeof(double), compare_doubles);
	if (place == below || sorted[below] == sorted[below + 1])
		return sorted[below];
	if (isinf(sorted[below]))
		return isinf(sorted[below + 1]) ? unknown : sorted[below];
	return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}

/*
 * The exact scores of the very replicates that are made of these battles.
 */
static double *
replicate_scores(const BattleList *battles, const RankOptions *options)
{
	int			n = battles->num_models;
	int			num_replicates = options->num_bootstrap;
	Tally	   *tally = battles_tally(battles, NULL);
	Resampler  *resampler = resampler_create(tally);
	PairPoints	points = points_create(tally->num_pairs);
	Standing   *standing = palloc0(sizeof(Standing) * n);
	double	   *scores = palloc(sizeof(double) * n);
	double	   *values = palloc(sizeof(double) * n * num_replicates);
	Bootstrap	bootstrap = {.battles = battles};

	bootstrap.estimate = palloc(sizeof(double) * n);
	bootstrap.reference = palloc(sizeof(bool) * n);
	exact_fit_scores(matrix_of_battles(battles), standing, bootstrap.estimate);
	for (int i = 0; i < n; i++)
	{
		bootstrap.estimate[i] += CENTRE_SCORE;
		bootstrap.reference[i] = true;
	}
	for (int r = 0; r < num_replicates; r++)
	{
		pg_prng_state prng;
		PointMatrix matrix;

		seed_replicate(&prng, options->seed, r);
		resample(resampler, &prng, points);
		matrix = matrix_of_points(tally, points);
		exact_standings(matrix, standing);
		fit_exactly(matrix, standing, &bootstrap, scores);
		for (int i = 0; i < n; i++)
			values[i * num_replicates + r] = scores[i];
	}
	return values;
}

static bool
is_near(double bound, double expected)
{
	return isinf(expected) ? bound == expected : fabs(bound - expected) <= 2e-5;
}

/*
 * Protects bounds to the last digit, which a comparison of two bootstraps does not:
 * they are the quantiles of the replicates that are known, infinite ones included.
 */
static void
test_quantiles(void)
{
	static const int numbers[] = {10, 40, 41, 99, 250, 1000};
	Dice		dice = {92};
	int			num_infinite = 0;

	for (int t = 0; t < scaled(60); t++)
	{
		int			n = 3 + dice_below(&dice, 4);
		BattleList *battles = battles_create(n);
		RankOptions options = rank_options(n, numbers[t % lengthof(numbers)]);
		Ranking    *ranking;
		double	   *values;

		options.seed = t;
		for (int i = 0; i < n; i++)
			battles_add_pair(battles, i, (i + 1) % n, 1 + dice_below(&dice, 9),
							 1 + dice_below(&dice, 9), dice_below(&dice, 3));
		/* one that hangs on a tie, and may be below, above or nowhere */
		if (t % 3 == 0)
		{
			battles->num_models = n + 2;
			options = rank_options(n + 2, options.num_bootstrap);
			options.seed = t;
			battles_add_pair(battles, n, 0, 0, 0, 1 + dice_below(&dice, 2));
			battles_add_pair(battles, n, n + 1, 1, 1, 1);
		}
		ranking = rank_battles(battles, &options);
		values = replicate_scores(battles, &options);
		for (int i = 0; i < battles->num_models; i++)
		{
			const Rating *rating = &ranking->ratings[i];
			const double *own = &values[i * options.num_bootstrap];
			double		lower = sorted_quantile(own, options.num_bootstrap, 0.025, -INFINITY);
			double		upper = sorted_quantile(own, options.num_bootstrap, 0.975, INFINITY);

			check(is_near(rating->lower, lower) && is_near(rating->upper, upper),
				  "tally %d: the bounds of model %d are [%f, %f], not [%f, %f]", t, i,
				  rating->lower, rating->upper, lower, upper);
			num_infinite += (isinf(lower) != 0) + (isinf(upper) != 0);
		}
		release_memory();
	}
	check(num_infinite > scaled(50), "only %d bounds are infinite", num_infinite);
}

const UnitTest interval_tests[] = {
	{"bounds are the quantiles of the replicates", test_quantiles},
	{"intervals of the puddings are those of an independent bootstrap", test_puddings},
	{"intervals of ten models are those of an independent bootstrap", test_ten_models},
	{"intervals with an anchor are those of an independent bootstrap", test_anchor},
	{"intervals beside few evaluations are independent of them", test_few_evaluations},
	{"intervals of few battles are those of an independent bootstrap", test_sparse},
	{"intervals of a loose end are those of an independent bootstrap", test_loose_end},
	{NULL, NULL}
};
