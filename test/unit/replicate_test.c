/*-------------------------------------------------------------------------
 *
 * replicate_test.c
 *	  Tests of the replicates of a bootstrap: each is fitted to its maximum.
 *
 * A replicate takes a handful of steps by a Hessian that is not its own, and
 * says by itself when it is near enough.  So replicates are made again here,
 * as interval.c makes them, and the exact fit says how far from their maxima
 * they stopped: on the models that each can place, be that all or some.
 *
 * The linker leads all calls of the gradient and the Hessian through this file
 * (--wrap), which counts the steps.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

/* Points that a replicate may be away from its maximum */
#define TOLERANCE 1e-5

/* ReplicateFits of one tally, and what was seen of them */
typedef struct ReplicateFits
{
	const Tally *tally;
	Fitter	   *fitter;
	BattleGraph *graph;
	Resampler  *resampler;
	PairPoints	points;
	Standing   *standing;
	bool	   *placed;
	double	   *estimate;		/* strengths of the data */
	double	   *strengths;		/* of the replicate at hand */
	double		prior_battles;
	int			num_placed;

	int			num_made;
	int			num_incomplete;
	int			num_newton;		/* that needed Hessians of their own */
	int			num_steps;		/* of the others */
	double		worst;
} ReplicateFits;

extern void __real_likelihood_gradient(Likelihood *likelihood, PairPoints points,
									   const double *strengths, double *gradient);
extern void __real_likelihood_hessian(Likelihood *likelihood, PairPoints points,
									  const double *strengths, double *matrix);
extern void __wrap_likelihood_gradient(Likelihood *likelihood, PairPoints points,
									   const double *strengths, double *gradient);
extern void __wrap_likelihood_hessian(Likelihood *likelihood, PairPoints points,
									  const double *strengths, double *matrix);

static int	num_gradients;
int			num_hessians;

void
__wrap_likelihood_gradient(Likelihood *likelihood, PairPoints points,
						   const double *strengths, double *gradient)
{
	num_gradients++;
	__real_likelihood_gradient(likelihood, points, strengths, gradient);
}

void
__wrap_likelihood_hessian(Likelihood *likelihood, PairPoints points,
						  const double *strengths, double *matrix)
{
	num_hessians++;
	__real_likelihood_hessian(likelihood, points, strengths, matrix);
}

/*
 * Set up replicates of a tally whose models can all be placed.
 */
static ReplicateFits *
replicate_fits_create(const Tally *tally, double prior_battles)
{
	ReplicateFits *replicates = palloc0(sizeof(ReplicateFits));
	int			n = tally->num_models;

	replicates->tally = tally;
	replicates->prior_battles = prior_battles;
	replicates->fitter = fitter_create(tally, prior_battles);
	replicates->graph = graph_create(tally);
	replicates->resampler = resampler_create(tally);
	replicates->points = points_create(tally->num_pairs);
	replicates->standing = palloc0(sizeof(Standing) * n);
	replicates->placed = palloc(sizeof(bool) * n);
	replicates->estimate = palloc0(sizeof(double) * n);
	replicates->strengths = palloc(sizeof(double) * n);
	fit_maximum(replicates->fitter, tally_points(tally), replicates->estimate);
	return replicates;
}

/*
 * Make replicate r as interval.c does.
 */
static void
make_replicate(ReplicateFits *replicates, int r)
{
	const Tally *tally = replicates->tally;
	int			n = tally->num_models;
	pg_prng_state prng;

	seed_replicate(&prng, 0, r);
	resample(replicates->resampler, &prng, replicates->points);
	replicates->num_placed = n;
	if (!(replicates->prior_battles > 0))
		replicates->num_placed = graph_find_standings(replicates->graph,
													  replicates->points,
													  replicates->standing);
	for (int i = 0; i < n; i++)
		replicates->placed[i] = replicates->standing[i] == STANDING_PLACED;
	for (int p = 0; p < tally->num_pairs; p++)
		if (!replicates->placed[tally->pairs[p].first] ||
			!replicates->placed[tally->pairs[p].second])
			replicates->points.first[p] = replicates->points.second[p] = 0;
	memcpy(replicates->strengths, replicates->estimate, sizeof(double) * n);
	if (replicates->num_placed == 0)
		return;

	num_gradients = num_hessians = 0;
	fit_replicate(replicates->fitter, replicates->points,
				  replicates->num_placed < n ? replicates->placed : NULL,
				  replicates->strengths);
	replicates->num_made++;
	replicates->num_incomplete += replicates->num_placed < n;
	replicates->num_newton += num_hessians > 0;
	if (num_hessians == 0)
		replicates->num_steps += num_gradients;
}

/*
 * How far the replicate at hand is from its maximum, in points.  The exact fit
 * starts where the replicate ended; as the likelihood is concave, it ends where
 * it would from anywhere.
 */
static double
distance_from_maximum(const ReplicateFits *replicates)
{
	int			n = replicates->tally->num_models;
	PointMatrix matrix = matrix_of_points(replicates->tally, replicates->points);
	long double *exact = palloc(sizeof(long double) * (n + 1));
	int		   *models = palloc(sizeof(int) * n);
	double		mean = 0;
	double		exact_mean = 0;
	double		largest = 0;
	int			k = 0;

	for (int i = 0; i < n; i++)
		if (replicates->placed[i])
		{
			exact[k] = replicates->strengths[i];
			models[k++] = i;
		}
	matrix = matrix_among(matrix, models, k);
	exact[k] = 0;
	if (replicates->prior_battles > 0)
		matrix = matrix_with_ghost(matrix, replicates->prior_battles);
	exact_fit(matrix, exact);
	for (int i = 0; i < k; i++)
	{
		mean += replicates->strengths[models[i]] / k;
		exact_mean += (double) exact[i] / k;
	}
	for (int i = 0; i < k; i++)
		largest = Max(largest, fabs(replicates->strengths[models[i]] - mean -
									((double) exact[i] - exact_mean)));
	return largest * POINTS_PER_STRENGTH;
}

/*
 * Make replicates of a tally, and hold every step-th against its maximum.
 */
static void
check_replicates(const char *name, ReplicateFits *replicates, int num_replicates,
				 int step)
{
	for (int r = 0; r < num_replicates; r++)
	{
		double		distance;

		make_replicate(replicates, r);
		if (r % step != 0 || replicates->num_placed == 0)
			continue;
		distance = distance_from_maximum(replicates);
		check(distance <= TOLERANCE, "%s: replicate %d of %d models is off by %g points",
			  name, r, replicates->num_placed, distance);
		replicates->worst = Max(replicates->worst, distance);
	}
}

static void
describe(const char *name, const ReplicateFits *replicates)
{
	int			num_quick = replicates->num_made - replicates->num_newton;

	note("%s: %d replicates, %d incomplete, %d by Newton steps, %.2f steps each, "
		 "worst distance %.1e points", name, replicates->num_made,
		 replicates->num_incomplete, replicates->num_newton,
		 (double) replicates->num_steps / Max(1, num_quick), replicates->worst);
}

static void
check_battles(const char *name, const BattleList *battles, int num_replicates,
			  int step)
{
	ReplicateFits *replicates = replicate_fits_create(placed_tally(battles), 0);

	check_replicates(name, replicates, num_replicates, step);
	describe(name, replicates);
}

/* Battles of which num_pairs random pairs have about so many each */
static BattleList *
scattered_battles(Dice *dice, int num_models, int num_pairs, int count,
				  double spread)
{
	BattleList *battles = battles_create(num_models);
	double	   *strengths = palloc(sizeof(double) * num_models);

	for (int i = 0; i < num_models; i++)
		strengths[i] = spread * (dice_double(dice) - 0.5);
	for (int p = 0; p < num_pairs; p++)
	{
		int			first = dice_below(dice, num_models);
		int			second = dice_below(dice, num_models);

		if (first != second)
			battles_draw_pair(battles, dice, first, second, count,
							  strengths[first] - strengths[second], 0.2);
	}
	return battles;
}

/* Protects the usual case: all pairs have met often */
static void
test_dense(void)
{
	Dice		dice = {80};

	check_battles("100 models, 1 M battles",
				  scattered_battles(&dice, 100, 10000, 100, 2), 1000, 20);
	check_battles("20 models, 10,000 battles",
				  scattered_battles(&dice, 20, 1000, 10, 2), 1000, 5);
}

/* Protects sparse data, where resamples differ much from the data */
static void
test_sparse(void)
{
	Dice		dice = {81};

	check_battles("500 models, 5,000 battles",
				  scattered_battles(&dice, 500, 5000, 1, 2), scaled(60), 10);
	check_battles("40 models, 300 battles",
				  scattered_battles(&dice, 40, 300, 1, 2), 1000, 2);
}

/* Protects small data, where nearly every resample lacks somebody */
static void
test_small(void)
{
	Dice		dice = {82};

	check_battles("8 models, 40 battles",
				  scattered_battles(&dice, 8, 40, 1, 2), 1000, 1);
	check_battles("4 models, 12 battles",
				  scattered_battles(&dice, 4, 12, 1, 1), 1000, 1);
}

/* Protects lopsided data, where steps by another Hessian overshoot */
static void
test_lopsided(void)
{
	Dice		dice = {83};

	check_battles("40 models far apart",
				  scattered_battles(&dice, 40, 2000, 10, 12), 1000, 5);
	check_battles("15 models very far apart",
				  scattered_battles(&dice, 15, 500, 100, 20), 1000, 2);
}

/* Protects narrow data: a chain, whose ends are known by many links only */
static void
test_chain(void)
{
	BattleList *battles = battles_create(150);

	for (int i = 1; i < 150; i++)
		battles_add_pair(battles, i - 1, i, 30, 10, 0);
	check_battles("a chain of 150", battles, 500, 20);
}

/*
 * Protects digits: groups tied to each other by 2^40 battles a pair that hang
 * together by three.  In the gradient of a group the latter are lost beside the
 * rounding of the former.
 */
static void
test_groups_that_hang_together(void)
{
	Dice		dice = {86};
	double		worst = 0;

	for (int t = 0; t < 20; t++)
	{
		int			n = 4 + 2 * dice_below(&dice, 10);
		int64		count = INT64CONST(1) << (20 + dice_below(&dice, 26));
		BattleList *battles = battles_create(n);
		ReplicateFits *replicates;

		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
				if (i % 2 == j % 2)
					battles_draw_pair(battles, &dice, i, j, count,
									  2 * dice_double(&dice) - 1, 0);
		battles_add_pair(battles, 0, 1, 2, 1, 0);
		replicates = replicate_fits_create(placed_tally(battles), 0);
		check_replicates("groups", replicates, 20, 1);
		worst = Max(worst, replicates->worst);
	}
	note("groups that hang together: worst distance %.1e points", worst);
}

/*
 * Protects digits of large groups that hang together by many battles, but few beside
 * theirs: no sum that goes up and down by 10^9 may be rounded.
 */
static void
test_large_groups(void)
{
	Dice		dice = {89};

	for (int bits = 25; bits <= 28; bits++)
	{
		BattleList *battles = battles_create(80);
		ReplicateFits *replicates;

		for (int i = 0; i < 80; i++)
			for (int j = 0; j < i; j++)
				if (i % 2 == j % 2)
					battles_draw_pair(battles, &dice, i, j, INT64CONST(1) << bits,
									  4 * dice_double(&dice) - 2, 0);
		battles_add_pair(battles, 0, 1, 5, 4, 0);
		replicates = replicate_fits_create(placed_tally(battles), 0);
		check_replicates("large groups", replicates, scaled(100), 1);
		describe("large groups", replicates);
	}
}

/*
 * Protects digits once more: single battles beside 10^12, models that have beaten
 * one far above them and lost to one far below, and resamples that lack the one
 * thread on which half of the models hang.  A fuzzer has found it.
 */
static void
test_threads(void)
{
	static const struct
	{
		int			first,
					second;
		int64		wins,
					losses,
					ties;
	}			pairs[] = {
		{0, 1, INT64CONST(59861106689), 18, 1}, {0, 4, 7, 0, 2}, {0, 5, 0, 0, 2},
		{0, 6, 10, 0, 0}, {0, 9, 0, 0, 13}, {1, 2, 0, 0, 1}, {1, 3, 1, 0, 0},
		{1, 4, 0, 0, 2}, {1, 5, 4, 0, 0}, {1, 6, 0, 2, 0}, {1, 7, 0, 2, 0},
		{1, 9, 0, 2, 0}, {2, 3, 1, 0, 1}, {2, 6, 0, INT64CONST(59861106688), 0},
		{2, 9, INT64CONST(1616518316032), 0, 4194304}, {3, 4, 0, 0, 1},
		{4, 5, 0, 0, 1}, {5, 6, 0, 0, 1}, {6, 7, 0, 0, 1}, {7, 8, 0, 0, 1},
		{8, 9, 0, 0, 1}
	};
	BattleList *battles = battles_create(10);

	for (int p = 0; p < (int) lengthof(pairs); p++)
		battles_add_pair(battles, pairs[p].first, pairs[p].second, pairs[p].wins,
						 pairs[p].losses, pairs[p].ties);
	check_battles("threads", battles, scaled(10000), 1);
}

/*
 * Protects digits of pairs of which some have met a million times and some once:
 * the last steps say little of where the latter are to go.
 */
static void
test_millions_beside_single_battles(void)
{
	Dice		dice = {88};
	double		worst = 0;

	for (int t = 0; t < scaled(100); t++)
	{
		int			n = 4 + dice_below(&dice, 7);
		BattleList *battles = battles_create(n);
		ReplicateFits *replicates;

		for (int i = 0; i < n; i++)
			battles_add(battles, i, (i + 1) % n, OUTCOME_TIE, 1);
		for (int c = 0; c < 3 * n; c++)
		{
			int			first = dice_below(&dice, n);
			int			second = (first + 1 + dice_below(&dice, n - 1)) % n;

			battles_add(battles, first, second, (Outcome) dice_below(&dice, NUM_OUTCOMES),
						(INT64CONST(1) + dice_below(&dice, 4)) << 20 * dice_below(&dice, 2));
		}
		replicates = replicate_fits_create(placed_tally(battles), 0);
		check_replicates("millions", replicates, 300, 1);
		worst = Max(worst, replicates->worst);
	}
	note("millions beside single battles: worst distance %.1e points", worst);
}

/* Protects any data: replicates of many random tallies */
static void
test_any_kind(void)
{
	Dice		dice = {84};
	double		worst = 0;
	int			num_made = 0;
	int			num_newton = 0;

	for (int t = 0; t < scaled(300); t++)
	{
		Tally	   *tally = placed_tally(battles_of_any_kind(&dice));
		ReplicateFits *replicates;

		if (tally == NULL)
			continue;
		replicates = replicate_fits_create(tally, 0);
		check_replicates("random battles", replicates, 20, 5);
		worst = Max(worst, replicates->worst);
		num_made += replicates->num_made;
		num_newton += replicates->num_newton;
	}
	note("random battles: %d replicates, %d by Newton steps, worst distance %.1e points",
		 num_made, num_newton, worst);
}

/* Protects replicates with a prior, where no model is ever missing */
static void
test_prior(void)
{
	Dice		dice = {85};
	double		worst = 0;

	for (int t = 0; t < scaled(100); t++)
	{
		int			n = 2 + dice_below(&dice, 30);
		BattleList *battles = scattered_battles(&dice, n, 3 * n, 3, 3);
		ReplicateFits *replicates;

		if (battles->num_cells == 0)
			continue;
		replicates = replicate_fits_create(battles_tally(battles, NULL),
										   exp2(6 * dice_double(&dice) - 3));
		check_replicates("a prior", replicates, 20, 5);
		worst = Max(worst, replicates->worst);
	}
	note("with a prior: worst distance %.1e points", worst);
}

/*
 * Protects replicates with a prior so weak that models are far apart, and that a
 * model whose battles a resample lacks has a long way back to the middle.
 */
static void
test_weak_prior(void)
{
	Dice		dice = {87};
	double		worst = 0;

	for (int t = 0; t < scaled(300); t++)
	{
		int			n = 3 + dice_below(&dice, 6);
		BattleList *battles = battles_create(n);
		ReplicateFits *replicates;

		for (int c = 0; c < n + 1; c++)
		{
			int			first = dice_below(&dice, n);
			int			second = dice_below(&dice, n);

			if (first != second)
				battles_add(battles, first, second, OUTCOME_FIRST,
							1 + dice_below(&dice, 3));
		}
		if (battles->num_cells == 0)
			continue;
		replicates = replicate_fits_create(battles_tally(battles, NULL),
										   exp2(-10 * dice_double(&dice)));
		check_replicates("a weak prior", replicates, 20, 1);
		worst = Max(worst, replicates->worst);
	}
	note("with a weak prior: worst distance %.1e points", worst);
}

const UnitTest replicate_tests[] = {
	{"replicates of dense data are at their maxima", test_dense},
	{"replicates of sparse data are at their maxima", test_sparse},
	{"replicates of small data are at their maxima", test_small},
	{"replicates of lopsided data are at their maxima", test_lopsided},
	{"replicates of a chain are at their maxima", test_chain},
	{"replicates of groups that hang together are at their maxima", test_groups_that_hang_together},
	{"replicates of large groups are at their maxima", test_large_groups},
	{"replicates of models that hang by a thread are at their maxima", test_threads},
	{"replicates of millions beside single battles are at their maxima", test_millions_beside_single_battles},
	{"replicates of random data are at their maxima", test_any_kind},
	{"replicates with a prior are at their maxima", test_prior},
	{"replicates with a weak prior are at their maxima", test_weak_prior},
	{NULL, NULL}
};
