/*-------------------------------------------------------------------------
 *
 * difference_test.c
 *	  Tests of covariance.c, quasi.c and difference.c: how surely models differ.
 *
 * Covariances and quasi-variances are held against numbers that a program of its own
 * found, and published ones; ranges against a count over the very replicates, in the
 * words of their definition.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

/* Numbers are given with twelve digits */
#define TOLERANCE 1e-8

static Differences *
differences_of(const BattleList *battles, RankOptions options)
{
	options.keep_differences = true;
	return rank_battles(battles, &options)->differences;
}

static RankOptions
sandwich_options(int num_models)
{
	RankOptions options = rank_options(num_models, 1000);

	options.intervals = INTERVALS_SANDWICH;
	return options;
}

static void
check_half_widths(const Ranking *ranking, const double *deviations)
{
	for (int i = 0; i < ranking->num_models; i++)
	{
		const Rating *rating = &ranking->ratings[i];
		double		half = 1.959964 * deviations[i];

		check(fabs(rating->upper - rating->score - half) < 2e-6 &&
			  fabs(rating->score - rating->lower - half) < 2e-6,
			  "the interval of model %d is %f to %f, %f away and not %f", i,
			  rating->lower, rating->upper, rating->upper - rating->score, half);
	}
}

/* Protects the sandwich: of the puddings it is known */
static void
test_sandwich(void)
{
	static const double deviations[] = {
		15.396300370022, 15.898734097098, 16.056577074866, 15.348540029442,
		15.507421770296, 16.041414327089
	};
	static const double beside_first[] = {
		0, 23.95275389541, 24.510936777335, 23.820470601623, 23.712126249397,
		24.476324512123
	};
	RankOptions options = sandwich_options(6);

	check_half_widths(rank_battles(davidson_puddings(), &options), deviations);
	options.anchor_model = 0;
	check_half_widths(rank_battles(davidson_puddings(), &options), beside_first);
}

/* Protects the sandwich's scale: four times the battles, half the width, same scores */
static void
test_more_battles(void)
{
	RankOptions options = sandwich_options(6);
	BattleList *more = davidson_puddings();
	Ranking    *once = rank_battles(more, &options);
	Ranking    *four_times;

	for (int c = 0; c < more->num_cells; c++)
		more->cells[c].count *= 4;
	four_times = rank_battles(more, &options);
	for (int i = 0; i < 6; i++)
	{
		double		width = once->ratings[i].upper - once->ratings[i].lower;
		double		narrow = four_times->ratings[i].upper - four_times->ratings[i].lower;

		check(fabs(width - 2 * narrow) < 4e-6, "model %d: %f and %f", i, width, narrow);
		check(once->ratings[i].score == four_times->ratings[i].score,
			  "the score of model %d moves", i);
	}
}

/*
 * Protects ranks beside an anchor: those by significance do not depend on it.
 */
static void
test_sandwich_anchor(void)
{
	BattleList *battles = davidson_puddings();
	RankOptions options = sandwich_options(6);
	Ranking    *plain;
	Ranking    *anchored;

	for (int c = 0; c < battles->num_cells; c++)
		battles->cells[c].count *= 10;
	options.rank_by_significance = true;
	plain = rank_battles(battles, &options);
	options.anchor_model = 3;
	anchored = rank_battles(battles, &options);
	check(plain->ratings[0].rank == 4, "the last has rank %d", plain->ratings[0].rank);
	for (int i = 0; i < 6; i++)
		check(plain->ratings[i].rank == anchored->ratings[i].rank,
			  "model %d has rank %d, with an anchor %d", i, plain->ratings[i].rank,
			  anchored->ratings[i].rank);
}

/* Protects data that only a tree climbs: their intervals are no accident */
static void
test_loose_groups(void)
{
	BattleList *battles = battles_create(4);
	RankOptions options = sandwich_options(4);
	Ranking    *ranking;

	battles_add_pair(battles, 0, 1, INT64CONST(1) << 46, INT64CONST(1) << 46, 0);
	battles_add_pair(battles, 2, 3, INT64CONST(1) << 46, INT64CONST(1) << 46, 0);
	battles_add_pair(battles, 1, 2, 2, 1, 0);
	ranking = rank_battles(battles, &options);
	/* the difference of the groups is logit(2/3), its variance 1/2 + 1 */
	for (int i = 0; i < 4; i++)
	{
		double		half = ranking->ratings[i].upper - ranking->ratings[i].score;
		double		expected = 1.959964 * POINTS_PER_STRENGTH * sqrt(1.5) / 2;

		check(fabs(half - expected) < 1e-5, "model %d is %f wide, not %f", i, half,
			  expected);
	}
}

/* Who was cited by whom (Stigler 1994): quasi standard errors by the information */
static void
test_quasi_variances(void)
{
	static const double errors[] = {
		0.042120977, 0.092235958, 0.042845879, 0.058515942
	};
	BattleList *battles = battles_create(4);
	double	   *strengths = palloc0(sizeof(double) * 4);
	double		inverse[16];
	double		deviations[16];
	double		found[4];
	Tally	   *tally;
	Fitter	   *fitter;

	battles_add_pair(battles, 0, 1, 730, 33, 0);
	battles_add_pair(battles, 0, 2, 498, 320, 0);
	battles_add_pair(battles, 0, 3, 221, 284, 0);
	battles_add_pair(battles, 1, 2, 68, 813, 0);
	battles_add_pair(battles, 1, 3, 17, 276, 0);
	battles_add_pair(battles, 2, 3, 142, 325, 0);
	tally = battles_tally(battles, NULL);
	fitter = fitter_create(tally, 0);
	fit_maximum(fitter, tally_points(tally), strengths);
	fitter_inverse(fitter, tally_points(tally), strengths, inverse);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 4; j++)
			deviations[i * 4 + j] = sqrt(Max(inverse[i * 5] + inverse[j * 5] -
											 2 * inverse[i * 4 + j], 0));
	check(find_quasi_variances(deviations, 4, found), "there are none");
	for (int i = 0; i < 4; i++)
		check(fabs(sqrt(found[i]) - errors[i]) < 2e-8, "of journal %d: %.9f", i,
			  sqrt(found[i]));
}

/* Protects comparison intervals: those of the puddings are known */
static void
test_comparison(void)
{
	static const double quasi[] = {
		16.777205692375, 17.469241782753, 17.673350207663, 16.721319756869,
		16.931076112684, 17.65655729308
	};
	Bounds		bounds = bounds_create(6);

	check(comparison_bounds(differences_of(davidson_puddings(), sandwich_options(6)),
							bounds), "there are none");
	for (int i = 0; i < 6; i++)
		check(fabs((bounds.upper[i] - bounds.lower[i]) / 2 / 1.959964 - quasi[i]) < TOLERANCE * 100,
			  "model %d: %.9f", i, (bounds.upper[i] - bounds.lower[i]) / 2 / 1.959964);
}

/*
 * Protects quasi-variances where one would rather be below 0: of a model that all others
 * met, and that stands for itself.  Nothing near is better.
 */
static void
test_quasi_of_star(void)
{
	enum
	{
		N = 12
	};
	double		deviations[N * N];
	double		found[N];
	double		best = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			deviations[i * N + j] = i == j ? 0 : i == 0 || j == 0 ? 1 : 1.5;
	check(find_quasi_variances(deviations, N, found), "there are none");
	for (int k = -1; k < N * 2; k++)
	{
		double		q[N];
		double		off = 0;

		memcpy(q, found, sizeof(q));
		if (k >= 0)
			q[k / 2] *= k % 2 ? 1.01 : 0.99;
		for (int i = 0; i < N; i++)
			for (int j = 0; j < i; j++)
				off += pow(log(q[i] + q[j]) - 2 * log(deviations[i * N + j]), 2);
		if (k < 0)
			best = off;
		else
			check(off > best - 1e-12, "model %d: %.15f is less than %.15f", k / 2, off, best);
	}
	check(found[0] < 1e-12 * found[1], "the first has %g", found[0]);
}

/* Protects a difference of which replicates say either infinity, but nothing between */
static void
test_half_way(void)
{
	Replicates *replicates = replicates_create(2, 10);
	double		scores[] = {1000, 1000};
	int			ranked[] = {0, 1};
	Difference	difference;

	for (int r = 0; r < 10; r++)
	{
		replicates->values[r] = r == 3 ? -INFINITY : INFINITY;
		replicates->values[10 + r] = 1000;
	}
	difference = find_difference(differences_of_replicates(replicates, scores, ranked, 2), 0, 1);
	check(difference.lower == -INFINITY && difference.upper == INFINITY, "from %f to %f",
		  difference.lower, difference.upper);
	difference = find_difference(differences_of_replicates(replicates, scores, ranked, 2), 1, 0);
	check(difference.lower == -INFINITY && difference.upper == INFINITY,
		  "turned, from %f to %f", difference.lower, difference.upper);
}

#define NUM_MODELS 7
#define NUM_DRAWS 200

static double
quantile_of(double *values, int num_values, double chance)
{
	double		place = (num_values - 1) * chance;
	int			below = (int) place;

	qsort(values, num_values, sizeof(double), compare_doubles);
	if (isinf(values[below + 1]))
		return place == below ? values[below] : INFINITY;
	return values[below] + (place - below) * (values[below + 1] - values[below]);
}

/* Scores, replicates of them, and what two models differ by in a replicate */
typedef struct Draws
{
	double		scores[NUM_MODELS];
	double		values[NUM_MODELS][NUM_DRAWS];
	double		deviations[NUM_MODELS][NUM_MODELS];
} Draws;

/*
 * Replicates of models that lie ever further apart, few of which place the last ones
 * nowhere.
 */
static void
make_draws(Draws *draws, Dice *dice, int num_open)
{
	for (int i = 0; i < NUM_MODELS; i++)
	{
		draws->scores[i] = 1000 + 4 * i * i * dice_double(dice);
		for (int r = 0; r < NUM_DRAWS; r++)
			draws->values[i][r] = draws->scores[i] - 20 +
				10 * (dice_double(dice) + dice_double(dice) + dice_double(dice) + dice_double(dice));
	}
	for (int k = 0; k < num_open; k++)
	{
		int			r = dice_below(dice, NUM_DRAWS);

		draws->values[NUM_MODELS - 1][r] = dice_below(dice, 2) ? INFINITY : NAN;
		draws->values[dice_below(dice, NUM_MODELS - 1)][r] = dice_below(dice, 2) ? NAN : -INFINITY;
	}
	for (int i = 0; i < NUM_MODELS; i++)
		for (int j = 0; j < NUM_MODELS; j++)
		{
			double		sum = 0;
			double		squares = 0;
			int			count = 0;

			for (int r = 0; r < NUM_DRAWS; r++)
			{
				double		points = draws->values[j][r] - draws->values[i][r];

				if (!isfinite(points))
					continue;
				sum += points;
				squares += points * points;
				count++;
			}
			draws->deviations[i][j] = NUM_DRAWS - count > NUM_DRAWS / 20 ? INFINITY :
				sqrt((squares - sum * sum / count) / (count - 1));
		}
}

/*
 * The largest difference of a model and others in a replicate, on either side or
 * only of those ahead.
 */
static double
largest_of(const Draws *draws, int i, int r, bool either_side)
{
	double		largest = -INFINITY;

	for (int j = 0; j < NUM_MODELS; j++)
	{
		double		off = (draws->values[j][r] - draws->values[i][r] -
						   (draws->scores[j] - draws->scores[i])) / draws->deviations[i][j];

		if (j == i || isinf(draws->deviations[i][j]))
			continue;
		if (isnan(off))
			off = INFINITY;
		largest = Max(largest, either_side ? fabs(off) : off);
	}
	return largest;
}

static int
apart(const Draws *draws, int i, double sign, double limit)
{
	int			count = 0;

	for (int j = 0; j < NUM_MODELS; j++)
		if (j != i && isfinite(draws->deviations[i][j]) &&
			sign * (draws->scores[j] - draws->scores[i]) > limit * draws->deviations[i][j])
			count++;
	return count;
}

/*
 * Hold the ranges of these draws against their definition.  Returns how many pairs are
 * told apart.
 */
static int
check_ranges(const Draws *draws)
{
	static const int ranked[] = {0, 1, 2, 3, 4, 5, 6};
	Replicates *replicates = replicates_create(NUM_MODELS, NUM_DRAWS);
	double		limit_of_all;
	double		values[NUM_DRAWS];
	double		total = 0;
	int			num_apart = 0;
	RankRange  *ranges;

	memcpy(replicates->values, draws->values, sizeof(draws->values));
	ranges = rank_ranges(differences_of_replicates(replicates, draws->scores, ranked,
												   NUM_MODELS));
	for (int r = 0; r < NUM_DRAWS; r++)
	{
		values[r] = -INFINITY;
		for (int i = 0; i < NUM_MODELS; i++)
			values[r] = Max(values[r], largest_of(draws, i, r, true));
	}
	limit_of_all = quantile_of(values, NUM_DRAWS, 0.95);
	for (int i = 0; i < NUM_MODELS; i++)
	{
		double		limit;

		for (int r = 0; r < NUM_DRAWS; r++)
			values[r] = largest_of(draws, i, r, true);
		limit = quantile_of(values, NUM_DRAWS, 0.95);
		check(ranges[i].lowest == 1 + apart(draws, i, 1, limit) &&
			  ranges[i].highest == NUM_MODELS - apart(draws, i, -1, limit),
			  "model %d may be %d to %d", i, ranges[i].lowest, ranges[i].highest);
		check(ranges[i].lowest_of_all == 1 + apart(draws, i, 1, limit_of_all) &&
			  ranges[i].highest_of_all == NUM_MODELS - apart(draws, i, -1, limit_of_all),
			  "beside all, model %d may be %d to %d", i, ranges[i].lowest_of_all,
			  ranges[i].highest_of_all);
		check(ranges[i].lowest_of_all <= ranges[i].lowest &&
			  ranges[i].highest <= ranges[i].highest_of_all,
			  "the range of model %d is not within that of all at once", i);
		num_apart += apart(draws, i, 1, limit);
		for (int r = 0; r < NUM_DRAWS; r++)
			values[r] = largest_of(draws, i, r, false);
		limit = quantile_of(values, NUM_DRAWS, 0.95);
		check(ranges[i].may_be_best == (apart(draws, i, 1, limit) == 0),
			  "model %d may be the best: %d", i, ranges[i].may_be_best);
		total += ranges[i].share_on_top;
	}
	check(fabs(total - 1) < 1e-9, "the shares on top add up to %f", total);
	return num_apart;
}

/* Protects ranges: they are those of their definition, of any replicates */
static void
test_ranges(void)
{
	Dice		dice = {93};
	Draws	   *draws = palloc(sizeof(Draws));
	int			num_apart = 0;

	for (int t = 0; t < scaled(100); t++)
	{
		make_draws(draws, &dice, t % 3 == 0 ? 0 : dice_below(&dice, 30));
		num_apart += check_ranges(draws);
		release_memory();
		draws = palloc(sizeof(Draws));
	}
	check(num_apart > scaled(100) * 4, "only %d pairs are told apart", num_apart);
}

/* Protects the share on top: equals share it, and an infinite score is the highest */
static void
test_share_on_top(void)
{
	static const int ranked[] = {0, 1, 2};
	static const double scores[] = {1000, 1000, 1000};
	Replicates *replicates = replicates_create(3, 4);
	double		values[] = {
		5, 5, NAN, 9,
		5, 1, 7, INFINITY,
		4, 6, 7, INFINITY
	};
	RankRange  *ranges;

	memcpy(replicates->values, values, sizeof(values));
	ranges = rank_ranges(differences_of_replicates(replicates, scores, ranked, 3));
	check(fabs(ranges[0].share_on_top - 0.125) < 1e-12 &&
		  fabs(ranges[1].share_on_top - 0.375) < 1e-12 &&
		  fabs(ranges[2].share_on_top - 0.5) < 1e-12, "shares are %f, %f, %f",
		  ranges[0].share_on_top, ranges[1].share_on_top, ranges[2].share_on_top);
}

/*
 * Protects the draws of a covariance: they vary as it says, and the interval of a
 * difference is that of its variance.
 */
static void
test_draws(void)
{
	RankOptions options = sandwich_options(6);
	RankOptions bootstrap = rank_options(6, 4000);
	Differences *by_sandwich;
	Differences *by_bootstrap;
	RankRange  *some;
	RankRange  *others;

	options.num_bootstrap = 4000;
	by_sandwich = differences_of(davidson_puddings(), options);
	by_bootstrap = differences_of(davidson_puddings(), bootstrap);
	some = rank_ranges(by_sandwich);
	others = rank_ranges(by_bootstrap);
	for (int i = 0; i < 6; i++)
	{
		Difference	a = find_difference(by_sandwich, i, 0);
		Difference	b = find_difference(by_bootstrap, i, 0);

		check(fabs(a.points - b.points) < 1e-9, "points differ");
		check(fabs(a.lower - b.lower) < 4 && fabs(a.upper - b.upper) < 4,
			  "model %d is ahead by %f to %f, or %f to %f", i, a.lower, a.upper,
			  b.lower, b.upper);
		check(fabs(some[i].share_on_top - others[i].share_on_top) < 0.02,
			  "model %d is on top in %f and %f", i, some[i].share_on_top,
			  others[i].share_on_top);
		check(some[i].lowest == others[i].lowest && some[i].highest == others[i].highest,
			  "model %d may be %d to %d, or %d to %d", i, some[i].lowest,
			  some[i].highest, others[i].lowest, others[i].highest);
	}
	check(find_difference(by_sandwich, 2, 2).upper == 0, "a model differs from itself");
}

const UnitTest difference_tests[] = {
	{"ranges of ranks are those of their definition", test_ranges},
	{"the share on top counts equals and infinite scores", test_share_on_top},
	{"draws of a covariance agree with the bootstrap", test_draws},
	{"the sandwich of the puddings is known", test_sandwich},
	{"the sandwich of four times the battles is half as wide", test_more_battles},
	{"ranks by the sandwich do not depend on an anchor", test_sandwich_anchor},
	{"the sandwich of groups that hang together by a thread", test_loose_groups},
	{"quasi-variances of the journals are those published", test_quasi_variances},
	{"quasi-variances of a model that all others met", test_quasi_of_star},
	{"a difference half way between infinities", test_half_way},
	{"comparison intervals of the puddings are known", test_comparison},
	{NULL, NULL}
};
