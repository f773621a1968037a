/*-------------------------------------------------------------------------
 *
 * next_battle.c
 *	  Which two models should meet next, for what one wants to know.
 *
 * A battle of i and j, of which i is to take a share p of the points, adds
 * h = p (1 - p) to what is known of their difference: with d = e_i - e_j, the covariance
 * H^-1 becomes
 *
 *	H^-1 - h (H^-1 d) (H^-1 d)' / (1 + h d' H^-1 d)
 *
 * whichever of the two wins.  What one wants to know is a sum of variances of differences
 * with weights, so a Laplacian W; the battle narrows it by
 *
 *	h d' A d / (1 + h d' H^-1 d),	A = H^-1 W H^-1
 *
 * That is the gain of the pair.  The weights are
 *
 *	scores	1 / models for each two: the sum is that of the variances of scores
 *	top		of the first and each other model, 2 Phi(-|difference| / deviation) / variance:
 *			by which part the variance falls, as far as it is open which of them is ahead
 *	ranks	the same for each two models
 *
 * Pairs get chances in proportion to their gains, all of them.  Who lets only the best few
 * meet until the next look spoils the scores: those that were lucky keep what luck gave
 * them (test/bench/coverage.c).
 *
 * Time: two products of full matrices, and a sort of all pairs.
 * Memory: four full matrices.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

static const char *const goal_names[] = {"scores", "top", "ranks"};

static int	compare_gains(const NextBattle *a, const NextBattle *b);

#define ST_SORT sort_gains
#define ST_ELEMENT_TYPE NextBattle
#define ST_COMPARE(a, b) compare_gains(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * What one wants to know, as users say it.
 */
BattleGoal
parse_battle_goal(const char *name)
{
	for (int goal = 0; goal < (int) lengthof(goal_names); goal++)
		if (strcmp(name, goal_names[goal]) == 0)
			return (BattleGoal) goal;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("goal must be scores, top or ranks, not \"%s\"", name)));
}

/*
 * How much it matters how well the difference of two ranked models is known.
 */
static double
weight_of(const PlacedFit *fit, const double *inverse, BattleGoal goal, int leader,
		  int num_ranked, int i, int j)
{
	double		variance = difference_variance(inverse, fit->tally->num_models, i, j);

	if (goal == GOAL_SCORES)
		return 1.0 / num_ranked;
	if ((goal == GOAL_TOP && i != leader && j != leader) || variance == 0)
		return 0;
	return erfc(fabs(fit->strengths[i] - fit->strengths[j]) / sqrt(2 * variance)) / variance;
}

/*
 * The first of the ranked models, -1 if there is none, and how many there are.
 */
static int
find_leader(const PlacedFit *fit, int *num_ranked)
{
	int			leader = -1;

	*num_ranked = 0;
	for (int i = 0; i < fit->tally->num_models; i++)
	{
		if (!fit->ranked[i])
			continue;
		(*num_ranked)++;
		if (leader < 0 || fit->strengths[i] > fit->strengths[leader])
			leader = i;
	}
	return leader;
}

/*
 * The Laplacian of the weights times the inverse: each weight of i and j adds the
 * difference of their rows to one and takes it off the other.
 */
static double *
weighted_inverse(const PlacedFit *fit, const double *inverse, BattleGoal goal, int leader,
				 int num_ranked)
{
	Size		n = fit->tally->num_models;
	double	   *product = full_matrix(n);

	memset(product, 0, sizeof(double) * n * n);
	for (Size i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size j = 0; j < i; j++)
		{
			double		weight = fit->ranked[i] && fit->ranked[j] ?
				weight_of(fit, inverse, goal, leader, num_ranked, (int) i, (int) j) : 0;
			const double *restrict of_i = inverse + i * n;
			const double *restrict of_j = inverse + j * n;
			double	   *restrict to_i = product + i * n;
			double	   *restrict to_j = product + j * n;

			if (weight == 0)
				continue;
#pragma omp simd
			for (Size k = 0; k < n; k++)
			{
				double		flow = weight * (of_i[k] - of_j[k]);

				to_i[k] += flow;
				to_j[k] -= flow;
			}
		}
	}
	return product;
}

/*
 * Those that gain most first.
 */
static int
compare_gains(const NextBattle *a, const NextBattle *b)
{
	if (a->gain != b->gain)
		return a->gain > b->gain ? -1 : 1;
	return a->first != b->first ? a->first - b->first : a->second - b->second;
}

/*
 * The gain of each two models.  Returns how many pairs there are.
 */
static int
find_gains(const PlacedFit *fit, const double *inverse, const double *narrowing,
		   NextBattle *pairs)
{
	int			n = fit->tally->num_models;
	int			num_pairs = 0;

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int j = i + 1; j < n; j++)
		{
			double		odds = exp(-fabs(fit->strengths[i] - fit->strengths[j]));
			double		known = odds / ((1 + odds) * (1 + odds));
			NextBattle	pair = {.first = i,.second = j};

			pair.gain = known * difference_variance(narrowing, n, i, j) /
				(1 + known * difference_variance(inverse, n, i, j));
			pairs[num_pairs++] = pair;
		}
	}
	return num_pairs;
}

/*
 * Tell how often the pairs have met, which are in any order.
 */
static void
find_battles(const Tally *tally, NextBattle *pairs, int num_pairs)
{
	for (int k = 0; k < num_pairs; k++)
	{
		int			met = tally_find_pair(tally, pairs[k].first, pairs[k].second);

		CHECK_FOR_INTERRUPTS_AT(k);
		pairs[k].battles = met < 0 ? 0 : (int64) pair_battles(&tally->pairs[met]);
	}
}

/*
 * The pairs whose next battle narrows most what one wants to know, so many at most, with
 * the chances to draw them by, which of all pairs add up to 1.
 */
NextBattle *
next_battles(const PlacedFit *fit, BattleGoal goal, int limit, int *num_pairs)
{
	Size		n = fit->tally->num_models;
	double	   *inverse = full_matrix(n);
	NextBattle *pairs = MemoryContextAllocHuge(CurrentMemoryContext,
											   mul_size(n * (n - 1) / 2 + 1, sizeof(NextBattle)));
	double	   *product;
	double	   *narrowing;
	double		total = 0;
	int			num_ranked;
	int			num_all;
	int			leader = find_leader(fit, &num_ranked);

	fitter_inverse(fit->fitter, fit->points, fit->strengths, inverse);
	product = weighted_inverse(fit, inverse, goal, leader, num_ranked);
	narrowing = full_matrix(n);
	multiply_full(inverse, product, narrowing, n);
	pfree(product);
	num_all = find_gains(fit, inverse, narrowing, pairs);
	*num_pairs = Min(num_all, limit);
	sort_gains(pairs, num_all);
	for (int k = 0; k < num_all; k++)
		total += pairs[k].gain;
	for (int k = 0; k < *num_pairs; k++)
		pairs[k].chance = total > 0 ? pairs[k].gain / total : 1.0 / num_all;
	find_battles(fit->tally, pairs, *num_pairs);
	pfree(inverse);
	pfree(narrowing);
	return pairs;
}
