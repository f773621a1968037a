/*-------------------------------------------------------------------------
 *
 * fit_test.c
 *	  Tests of fit.c and likelihood.c: a score is the maximum of the
 *	  likelihood, on any data.
 *
 * Random battles of every kind, from one battle to 2^45 a pair, are fitted and
 * held against the exact fit; and whatever does not change the data must not
 * change a score.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

#define NUM_TALLIES scaled(500)

/* Scores are asked for within this many points */
#define TOLERANCE 1e-6

/* The mean of some scores over the models that are ranked */
static double
ranked_mean(const Ranking *ranking, const double *scores)
{
	double		sum = 0;

	for (int i = 0; i < ranking->num_models; i++)
		if (ranking->ratings[i].status == MODEL_RANKED)
			sum += scores[i];
	return sum / ranking->num_ranked;
}

/*
 * The largest distance of a published score from the exact one, both centred
 * over the models that are ranked.
 */
static double
distance_from_exact(const Ranking *ranking, PointMatrix matrix)
{
	int			n = matrix.num_models;
	Standing   *standing = palloc(sizeof(Standing) * n);
	double	   *exact = palloc(sizeof(double) * n);
	double		largest = 0;
	double		mean;

	exact_standings(matrix, standing);
	exact_fit_scores(matrix, standing, exact);
	mean = ranked_mean(ranking, exact);
	for (int i = 0; i < n; i++)
		if (ranking->ratings[i].status == MODEL_RANKED)
			largest = Max(largest, fabs(ranking->ratings[i].score -
										(exact[i] - mean + CENTRE_SCORE)));
	return largest;
}

/* Protects every score: it is that of the exact fit */
static void
test_agreement(void)
{
	Dice		dice = {30};
	int			num_ranked = 0;
	double		worst = 0;

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		Ranking    *ranking = rank_battles(battles, NULL);
		double		distance;

		if (ranking->num_ranked == 0)
			continue;
		num_ranked++;
		distance = distance_from_exact(ranking, matrix_of_battles(battles));
		check(distance <= TOLERANCE, "tally %d of %d models is off by %g points",
			  t, battles->num_models, distance);
		worst = Max(worst, distance);
	}
	check(num_ranked > scaled(200), "only %d tallies had anybody ranked", num_ranked);
	note("%d tallies, worst distance %.1e points (half a step of rounding is 5e-7)",
		 num_ranked, worst);
}

/* The largest entry of the exact gradient, in battles */
static double
largest_gradient(PointMatrix matrix, const double *strengths)
{
	int			n = matrix.num_models;
	long double *exact = palloc(sizeof(long double) * n);
	long double *gradient = palloc(sizeof(long double) * n);
	double		largest = 0;

	for (int i = 0; i < n; i++)
		exact[i] = strengths[i];
	exact_gradient(matrix, exact, gradient);
	for (int i = 0; i < n; i++)
		largest = Max(largest, (double) fabsl(gradient[i]));
	return largest;
}

/* Protects the maximum itself: the likelihood is level there */
static void
test_gradient(void)
{
	Dice		dice = {31};
	int			num_fitted = 0;
	double		worst = 0;

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		Tally	   *tally = placed_tally(battles_of_any_kind(&dice));
		double	   *strengths;
		double		part;

		if (tally == NULL)
			continue;
		num_fitted++;
		strengths = palloc0(sizeof(double) * tally->num_models);
		fit_maximum(fitter_create(tally, 0), tally_points(tally), strengths);
		part = largest_gradient(matrix_of_points(tally, tally_points(tally)),
								strengths) / tally->num_battles;
		check(part <= 1e-9, "tally %d: the gradient is %g of the battles", t, part);
		worst = Max(worst, part);
	}
	check(num_fitted > scaled(200), "only %d tallies were fitted", num_fitted);
	note("worst gradient %.1e of the battles", worst);
}

/*
 * Protects what all climbs go by: both gradients are the exact one, wherever they are
 * taken, the one to what plain sums leave of their digits.
 */
static void
test_gradients(void)
{
	Dice		dice = {37};
	double		worst = 0;

	for (int t = 0; t < scaled(200); t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int			n = battles->num_models;
		double		spread = t % 4 == 0 ? 1400 : 10;
		Tally	   *tally = battles_tally(battles, NULL);
		Likelihood *likelihood = likelihood_create(tally, 0);
		double	   *strengths = palloc(sizeof(double) * n);
		double	   *plain = palloc(sizeof(double) * n);
		double	   *careful = palloc(sizeof(double) * n);
		long double *at = palloc(sizeof(long double) * n);
		long double *exact = palloc(sizeof(long double) * n);

		for (int i = 0; i < n; i++)
			at[i] = strengths[i] = spread * (dice_double(&dice) - 0.5);
		likelihood_gradient(likelihood, tally_points(tally), strengths, plain);
		likelihood_exact_gradient(likelihood, tally_points(tally), strengths, careful);
		exact_gradient(matrix_of_battles(battles), at, exact);
		for (int i = 0; i < n; i++)
		{
			double		error = Max(fabs((double) (plain[i] - exact[i])),
									fabs((double) (careful[i] - exact[i]))) /
				tally->num_battles;

			check(error < 1e-12, "tally %d: model %d has the gradients %g and %g, not %g",
				  t, i, plain[i], careful[i], (double) exact[i]);
			worst = Max(worst, error);
		}
	}
	note("worst error %.1e of the battles", worst);
}

/*
 * The largest distance of a score, other than of one out of range, from that of
 * the exact fit with a real virtual opponent.
 */
static double
distance_with_prior(const BattleList *battles, const RankOptions *options)
{
	int			n = battles->num_models;
	Standing   *standing = palloc0(sizeof(Standing) * (n + 1));
	double	   *exact = palloc(sizeof(double) * (n + 1));
	Ranking    *ranking = rank_battles(battles, options);
	double		worst = 0;
	double		mean;

	exact_fit_scores(matrix_with_ghost(matrix_of_battles(battles),
									   options->prior_battles),
					 standing, exact);
	mean = ranked_mean(ranking, exact);
	for (int i = 0; i < n; i++)
		if (ranking->ratings[i].status != MODEL_OUT_OF_RANGE)
			worst = Max(worst, fabs(ranking->ratings[i].score -
									(exact[i] - mean + CENTRE_SCORE)));
	return worst;
}

/* Protects priors of any weight */
static void
test_prior(void)
{
	Dice		dice = {32};
	double		worst = 0;

	for (int t = 0; t < scaled(200); t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		RankOptions options = rank_options(battles->num_models, MIN_BOOTSTRAP);
		double		distance;

		options.prior_battles = exp2(10 * dice_double(&dice) - 5);
		distance = distance_with_prior(battles, &options);
		check(distance <= TOLERANCE, "tally %d is off by %g points", t, distance);
		worst = Max(worst, distance);
	}
	note("worst distance %.1e points", worst);
}

/*
 * Protects from steps into the void: where a model has won millions of battles
 * against another and lost none, only a prior and few others bound their
 * strengths, and the likelihood is all but flat far out.
 */
static void
test_one_sided_multitudes(void)
{
	Dice		dice = {41};
	double		worst = 0;

	for (int t = 0; t < scaled(300); t++)
	{
		int			n = 4 + dice_below(&dice, 8);
		BattleList *battles = battles_create(n);
		RankOptions options = rank_options(n, MIN_BOOTSTRAP);
		double		distance;

		options.prior_battles = 1;
		for (int c = 0; c < 3 * n; c++)
		{
			int			first = dice_below(&dice, n);

			battles_add(battles, first, (first + 1 + dice_below(&dice, n - 1)) % n,
						dice_below(&dice, 2), 1 + dice_below(&dice, 50));
		}
		battles_add(battles, 0, 1, OUTCOME_FIRST,
					INT64CONST(1) << (20 + dice_below(&dice, 11)));
		battles_add(battles, 2, 3, OUTCOME_FIRST,
					INT64CONST(1) << (20 + dice_below(&dice, 11)));
		distance = distance_with_prior(battles, &options);
		check(distance <= TOLERANCE, "tally %d is off by %g points", t, distance);
		worst = Max(worst, distance);
	}
	note("worst distance %.1e points", worst);
}

/*
 * Protects fairness: neither the numbers of the models nor who comes first in
 * a battle matter to a score.
 */
static void
test_permutation(void)
{
	static const Outcome mirror[] = {OUTCOME_SECOND, OUTCOME_FIRST, OUTCOME_TIE};
	Dice		dice = {33};
	int			num_compared = 0;

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int			n = battles->num_models;
		int		   *number = dice_permutation(&dice, n);
		BattleList *renamed = battles_create(n);
		ModelStatus *status = palloc(sizeof(ModelStatus) * n);
		Ranking    *a;
		Ranking    *b;

		/* of two components of the same size the order decides */
		if (!exact_statuses(matrix_of_battles(battles), status))
			continue;
		num_compared++;
		for (int c = 0; c < battles->num_cells; c++)
		{
			const Cell *cell = &battles->cells[c];

			battles_add(renamed, number[cell->model2], number[cell->model1],
						mirror[cell->outcome], cell->count);
		}
		a = rank_battles(battles, NULL);
		b = rank_battles(renamed, NULL);
		for (int i = 0; i < n; i++)
		{
			const Rating *x = &a->ratings[i];
			const Rating *y = &b->ratings[number[i]];

			check(x->status == y->status, "tally %d: model %d is %s and %s", t, i,
				  model_status_name(x->status), model_status_name(y->status));
			check(x->status != MODEL_RANKED ||
				  fabs(x->score - y->score) <= 1.5 * TOLERANCE,
				  "tally %d: model %d scores %f and %f", t, i, x->score, y->score);
		}
	}
	check(num_compared > scaled(200), "only %d tallies were compared", num_compared);
}

/* Protects scores from the amount of data: doubled counts change none */
static void
test_doubled_counts(void)
{
	Dice		dice = {34};

	for (int t = 0; t < scaled(200); t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		BattleList *doubled = battles_copy(battles);
		Ranking    *a = rank_battles(battles, NULL);
		Ranking    *b;

		if (battles->num_battles > MAX_BATTLES / 2)
			continue;
		for (int c = 0; c < battles->num_cells; c++)
			doubled->cells[c].count *= 2;
		b = rank_battles(doubled, NULL);
		for (int i = 0; i < battles->num_models; i++)
			check(a->ratings[i].status == b->ratings[i].status &&
				  (a->ratings[i].status != MODEL_RANKED ||
				   fabs(a->ratings[i].score - b->ratings[i].score) <= 1.5 * TOLERANCE),
				  "tally %d: model %d scores %f and %f", t, i,
				  a->ratings[i].score, b->ratings[i].score);
	}
}

/*
 * Protects ties as no evidence: a newcomer that ties with everybody equally
 * leaves the order of models that have met equally often, and is the middle.
 * (Where some models have fewer battles than others the ties draw those more
 * to the middle, and may well change the order.)
 */
static void
test_newcomer_that_ties(void)
{
	Dice		dice = {35};

	for (int t = 0; t < scaled(200); t++)
	{
		int			n = 3 + dice_below(&dice, 20);
		int			count = 10 + dice_below(&dice, 200);
		int			ties = 1 + dice_below(&dice, 100);
		BattleList *battles = battles_create(n + 1);
		Ranking    *before;
		Ranking    *after;

		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
			{
				int			wins = 1 + dice_below(&dice, count - 2);

				battles_add_pair(battles, i, j, wins, count - wins, 0);
			}
		before = rank_battles(battles, NULL);
		for (int i = 0; i < n; i++)
			battles_add(battles, n, i, OUTCOME_TIE, ties);
		after = rank_battles(battles, NULL);
		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
			{
				double		ahead = before->ratings[i].score - before->ratings[j].score;
				double		now = after->ratings[i].score - after->ratings[j].score;

				check(fabs(ahead) < TOLERANCE || ahead * now > 0,
					  "tally %d: models %d and %d were %f apart and are %f", t, i, j,
					  ahead, now);
			}
	}
}

/*
 * Fit a chain of models of which each beats the next by these odds: the
 * strengths must fall evenly.  Returns the largest error, in points.
 */
static double
fit_chain(int num_models, int64 odds)
{
	BattleList *battles = battles_create(num_models);
	double	   *strengths = palloc0(sizeof(double) * num_models);
	double		worst = 0;
	Tally	   *tally;

	for (int i = 1; i < num_models; i++)
		battles_add_pair(battles, i - 1, i, odds, 1, 0);
	tally = battles_tally(battles, NULL);
	fit_maximum(fitter_create(tally, 0), tally_points(tally), strengths);
	for (int i = 1; i < num_models; i++)
	{
		double		expected = strengths[0] - i * log((double) odds);

		worst = Max(worst, fabs(strengths[i] - expected) * POINTS_PER_STRENGTH);
	}
	return worst;
}

/* Protects convergence where the likelihood is narrow and long */
static void
test_chains(void)
{
	static const int64 odds[] = {3, 99, 1000, INT64CONST(1) << 40};

	for (int o = 0; o < (int) lengthof(odds); o++)
		for (int n = 10; n <= 300; n += 145)
		{
			double		error = fit_chain(n, odds[o]);

			check(error <= TOLERANCE, "a chain of %d at %lld:1 is off by %g points",
				  n, (long long) odds[o], error);
		}
}

/* Protects convergence at the limit of models */
static void
test_chain_of_2000(void)
{
	double		even = fit_chain(scaled(MAX_MODELS), 3);
	double		steep = fit_chain(scaled(MAX_MODELS), 99);

	check(even <= TOLERANCE, "3:1 is off by %g points", even);
	check(steep <= TOLERANCE, "99:1 is off by %g points", steep);
	note("worst error %.1e points at 3:1, %.1e at 99:1", even, steep);
}

/*
 * Protects digits: groups tied to each other by 2^45 battles a pair that hang
 * together by three make a Hessian that rounding may turn indefinite.
 */
static void
test_groups_that_hang_together(void)
{
	Dice		dice = {36};
	double		worst = 0;

	for (int t = 0; t < scaled(200); t++)
	{
		int			n = 4 + 2 * dice_below(&dice, 10);
		int64		count = INT64CONST(1) << (20 + dice_below(&dice, 26));
		BattleList *battles = battles_create(n);
		double		distance;

		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
				if (i % 2 == j % 2)
					battles_draw_pair(battles, &dice, i, j, count,
									  2 * dice_double(&dice) - 1, 0);
		battles_add_pair(battles, 0, 1, 2, 1, 0);
		distance = distance_from_exact(rank_battles(battles, NULL),
									   matrix_of_battles(battles));
		check(distance <= TOLERANCE,
			  "tally %d: two groups of %d with %lld battles a pair are off by %g points",
			  t, n / 2, (long long) count, distance);
		worst = Max(worst, distance);
	}
	note("worst distance %.1e points", worst);
}

/*
 * Protects digits: a ring in which the pair 1-2 and the tie of the ends pull equally
 * hard but for e^-40.  That is all that holds one half back from the other, and
 * nothing beside the rounding of what the pairs give and take.
 */
static void
test_halves_that_hardly_hold(void)
{
	BattleList *battles = battles_create(5);
	double		distance;

	for (int i = 0; i < 5; i++)
		battles_add(battles, i, (i + 1) % 5, OUTCOME_TIE, 1);
	battles_add(battles, 0, 1, OUTCOME_FIRST, (INT64CONST(1) << 40) + 1);
	battles_add(battles, 0, 1, OUTCOME_SECOND, 1);
	battles_add(battles, 1, 2, OUTCOME_SECOND, 1);
	battles_add(battles, 2, 3, OUTCOME_FIRST, INT64CONST(1) << 40);
	battles_add(battles, 2, 3, OUTCOME_SECOND, 1);
	battles_add(battles, 3, 4, OUTCOME_FIRST, INT64CONST(1) << 40);
	battles_add(battles, 3, 4, OUTCOME_SECOND, 1);
	distance = distance_from_exact(rank_battles(battles, NULL),
								   matrix_of_battles(battles));
	check(distance <= TOLERANCE, "off by %g points", distance);
	note("distance %.1e points", distance);
}

const UnitTest fit_tests[] = {
	{"scores are those of the exact fit", test_agreement},
	{"the gradient is zero at the strengths", test_gradient},
	{"gradients are those of the exact fit", test_gradients},
	{"scores with a prior are those of the exact fit", test_prior},
	{"and where a prior bounds what multitudes of battles do not", test_one_sided_multitudes},
	{"renaming models and swapping sides changes no score", test_permutation},
	{"doubling every count changes no score", test_doubled_counts},
	{"a newcomer that ties with everybody leaves the order", test_newcomer_that_ties},
	{"chains of models fall evenly", test_chains},
	{"chains of 2,000 models fall evenly", test_chain_of_2000},
	{"groups that hang together by three battles", test_groups_that_hang_together},
	{"halves that hardly hold on to each other", test_halves_that_hardly_hold},
	{NULL, NULL}
};
