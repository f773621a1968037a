/*-------------------------------------------------------------------------
 *
 * next_battle_test.c
 *	  Tests of next_battle.c: which two models should meet next.
 *
 * Gains are held against what they are of: the covariance of strengths with one more
 * battle, found from the beginning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "unit.h"

#define MAX_SIZE 12

typedef struct Matrix
{
	int			size;
	double		of[MAX_SIZE][MAX_SIZE];
} Matrix;

static void
add_battles(Matrix *information, int i, int j, double amount)
{
	information->of[i][i] += amount;
	information->of[j][j] += amount;
	information->of[i][j] -= amount;
	information->of[j][i] -= amount;
}

static double
information_of(const PlacedFit *fit, int i, int j)
{
	double		share = 1 / (1 + exp(fit->strengths[j] - fit->strengths[i]));

	return share * (1 - share);
}

/*
 * The covariance of strengths whose mean is zero, with one more battle of i and j if
 * these differ: the inverse of the information and a matrix of ones, less that of ones.
 */
static Matrix
covariance_with(const PlacedFit *fit, int i, int j)
{
	int			n = fit->tally->num_models;
	Matrix		left = {.size = n};
	Matrix		right = {.size = n};

	for (int p = 0; p < fit->tally->num_pairs; p++)
	{
		const Pair *pair = &fit->tally->pairs[p];

		add_battles(&left, pair->first, pair->second,
					pair_battles(pair) * information_of(fit, pair->first, pair->second));
	}
	if (i != j)
		add_battles(&left, i, j, information_of(fit, i, j));
	for (int a = 0; a < n; a++)
	{
		right.of[a][a] = 1;
		for (int b = 0; b < n; b++)
			left.of[a][b] += 1;
	}
	for (int k = 0; k < n; k++)
	{
		double		pivot = left.of[k][k];

		for (int c = 0; c < n; c++)
		{
			left.of[k][c] /= pivot;
			right.of[k][c] /= pivot;
		}
		for (int r = 0; r < n; r++)
		{
			double		factor = left.of[r][k];

			for (int c = 0; c < n && r != k; c++)
			{
				left.of[r][c] -= factor * left.of[k][c];
				right.of[r][c] -= factor * right.of[k][c];
			}
		}
	}
	for (int a = 0; a < n; a++)
		for (int b = 0; b < n; b++)
			right.of[a][b] -= 1.0 / ((double) n * n);
	return right;
}

static double
variance_of(const Matrix *covariance, int i, int j)
{
	return covariance->of[i][i] + covariance->of[j][j] - 2 * covariance->of[i][j];
}

/*
 * By how much one more battle narrows what one wants to know.
 */
static double
narrowing(const PlacedFit *fit, BattleGoal goal, int leader, const Matrix *before,
		  const Matrix *after)
{
	int			n = fit->tally->num_models;
	double		sum = 0;

	for (int i = 0; i < n && goal == GOAL_SCORES; i++)
		sum += before->of[i][i] - after->of[i][i];
	for (int i = 0; i < n && goal != GOAL_SCORES; i++)
		for (int j = 0; j < i; j++)
		{
			double		variance = variance_of(before, i, j);
			double		open = erfc(fabs(fit->strengths[i] - fit->strengths[j]) /
									sqrt(2 * variance));

			if (goal == GOAL_RANKS || i == leader || j == leader)
				sum += open * (variance - variance_of(after, i, j)) / variance;
		}
	return sum;
}

/* Protects gains: one more battle narrows by that, whatever one wants to know */
static void
test_gains(void)
{
	Dice		dice = {171};
	int			num_tested = 0;

	for (int t = 0; t < scaled(60); t++)
	{
		int			n = 3 + dice_below(&dice, MAX_SIZE - 3);
		Ranking    *ranking = fit_battles(random_battles(&dice, BATTLES_DENSE, n), 0);
		BattleGoal	goal = (BattleGoal) (t % 3);

		if (ranking->fit && ranking->fit->tally->num_models == n && ranking->num_ranked == n)
		{
			const PlacedFit *fit = ranking->fit;
			Matrix		before = covariance_with(fit, 0, 0);
			double		total = 0;
			int			num_pairs;
			NextBattle *pairs = next_battles(fit, goal, 1000, &num_pairs);

			num_tested++;
			check(num_pairs == n * (n - 1) / 2, "there are %d pairs", num_pairs);
			for (int k = 0; k < num_pairs; k++)
			{
				Matrix		after = covariance_with(fit, pairs[k].first, pairs[k].second);
				double		expected = narrowing(fit, goal, ranking->order[0], &before, &after);
				int			met = tally_find_pair(fit->tally, pairs[k].first, pairs[k].second);

				check(fabs(pairs[k].gain - expected) <= 1e-7 * expected + 1e-13,
					  "goal %d: the gain of %d and %d is %g, not %g", goal, pairs[k].first,
					  pairs[k].second, pairs[k].gain, expected);
				check(k == 0 || pairs[k].gain <= pairs[k - 1].gain, "the order is wrong");
				check(pairs[k].battles == (met < 0 ? 0 : (int64) pair_battles(&fit->tally->pairs[met])),
					  "they have met %d times", (int) pairs[k].battles);
				total += pairs[k].chance;
			}
			check(fabs(total - 1) < 1e-9, "chances add up to %f", total);
		}
		release_memory();
	}
	check(num_tested > scaled(60) / 2, "only %d were tested", num_tested);
}

/* Protects the limit: it leaves chances alone */
static void
test_limit(void)
{
	const PlacedFit *fit = fit_battles(davidson_puddings(), 0)->fit;
	int			num_all;
	int			num_some;
	NextBattle *all = next_battles(fit, GOAL_TOP, 1000, &num_all);
	NextBattle *some = next_battles(fit, GOAL_TOP, 4, &num_some);

	check(num_all == 15 && num_some == 4, "there are %d and %d pairs", num_all, num_some);
	for (int k = 0; k < num_some; k++)
		check(some[k].chance == all[k].chance && some[k].first == all[k].first,
			  "pair %d has another chance", k);
	/* who is first is asked: these two may be it */
	check(some[0].first == 1 && some[0].second == 5, "%d and %d are to meet first",
		  some[0].first, some[0].second);
}

/* Protects models that cannot be placed: with a prior they meet somebody next */
static void
test_newcomer(void)
{
	BattleList *battles = battles_create(4);
	int			num_pairs;
	NextBattle *pairs;

	for (int i = 0; i < 3; i++)
		battles_add_pair(battles, i, (i + 1) % 3, 50, 40, 10);
	battles_add_pair(battles, 3, 0, 2, 0, 0);
	pairs = next_battles(fit_battles(battles, 1)->fit, GOAL_SCORES, 3, &num_pairs);
	for (int k = 0; k < num_pairs; k++)
		check(pairs[k].second == 3, "%d and %d are to meet", pairs[k].first, pairs[k].second);
}

const UnitTest next_battle_tests[] = {
	{"a next battle gains what one more battle narrows", test_gains},
	{"a limit leaves chances of the next battles alone", test_limit},
	{"who cannot be placed battles next", test_newcomer},
	{NULL, NULL}
};
