/*-------------------------------------------------------------------------
 *
 * ranking_test.c
 *	  Tests of ranking.c and scale.c: who is ranked, where, on which scale.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

#define NUM_TALLIES scaled(300)

/* A round robin of well connected models, with this many battles a pair */
static BattleList *
round_robin(Dice *dice, int num_models, int count)
{
	BattleList *battles = battles_create(num_models);

	for (int i = 0; i < num_models; i++)
		for (int j = 0; j < i; j++)
			battles_draw_pair(battles, dice, i, j, count, (i - j) * 0.1, 0.1);
	for (int i = 1; i < num_models; i++)
		battles_add(battles, i, i - 1, OUTCOME_TIE, 1);
	return battles;
}

static bool
same_ratings(const Ranking *a, const Ranking *b)
{
	return memcmp(a->ratings, b->ratings, sizeof(Rating) * a->num_models) == 0 &&
		memcmp(a->order, b->order, sizeof(int) * a->num_models) == 0;
}

/*
 * Models in a row, of which each is ahead of the next by up to 2^24 to one.
 */
static BattleList *
random_ladder(Dice *dice)
{
	int			n = 2 + dice_below(dice, 20);
	BattleList *battles = battles_create(n);

	for (int i = 1; i < n; i++)
		battles_add_pair(battles, i - 1, i, INT64CONST(1) << dice_below(dice, 25),
						 1, dice_below(dice, 2));
	return battles;
}

/*
 * Protects the scale: the mean of the ranked is 1000, all of them lie within
 * 5000 points of it, and nobody is out of range where all models do.
 */
static void
test_range(void)
{
	Dice		dice = {40};
	int			num_out = 0;

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = random_ladder(&dice);
		int			n = battles->num_models;
		Ranking    *ranking = rank_battles(battles, NULL);
		Standing   *standing = palloc0(sizeof(Standing) * n);
		double	   *exact = palloc(sizeof(double) * n);
		double		mean = 0;
		double		furthest = 0;

		exact_fit_scores(matrix_of_battles(battles), standing, exact);
		for (int i = 0; i < n; i++)
			furthest = Max(furthest, fabs(exact[i]));
		num_out += ranking->num_ranked < n;
		check((ranking->num_ranked < n) == (furthest > MAX_SCORE_DISTANCE),
			  "tally %d: %d of %d models are ranked, the furthest is at %f", t,
			  ranking->num_ranked, n, furthest);
		for (int k = 0; k < ranking->num_ranked; k++)
		{
			double		score = ranking->ratings[ranking->order[k]].score;

			mean += score / ranking->num_ranked;
			check(fabs(score - CENTRE_SCORE) <= MAX_SCORE_DISTANCE,
				  "tally %d: a model is ranked at %f", t, score);
		}
		check(ranking->num_ranked == 0 || fabs(mean - CENTRE_SCORE) < 1e-6,
			  "tally %d: the mean is %f", t, mean);
	}
	check(num_out > scaled(30), "only %d tallies had models out of range", num_out);
}

/*
 * Protects the majority: models that are out of range must not push those in
 * the middle out.  Ten even models, and one after the other far above.
 */
static void
test_far_outliers(void)
{
	BattleList *battles = battles_create(14);
	Ranking    *ranking;

	for (int i = 1; i < 10; i++)
		battles_add_pair(battles, i - 1, i, 5, 5, 0);
	for (int i = 10; i < 14; i++)
		battles_add_pair(battles, i, i - 1, INT64CONST(1) << 50, 1, 0);
	ranking = rank_battles(battles, NULL);
	for (int i = 0; i < 10; i++)
		check(ranking->ratings[i].status == MODEL_RANKED &&
			  ranking->ratings[i].score == CENTRE_SCORE,
			  "model %d is %s at %f", i,
			  model_status_name(ranking->ratings[i].status),
			  ranking->ratings[i].score);
	for (int i = 11; i < 14; i++)
		check(ranking->ratings[i].status == MODEL_OUT_OF_RANGE,
			  "model %d is %s at %f", i,
			  model_status_name(ranking->ratings[i].status),
			  ranking->ratings[i].score);
}

/* Protects order: 1, 2, 3 by falling score, equal ones by name */
static void
test_ranks_by_score(void)
{
	Dice		dice = {41};

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int			n = battles->num_models;
		RankOptions options = rank_options(n, MIN_BOOTSTRAP);
		Ranking    *ranking;

		options.name_order = dice_permutation(&dice, n);
		ranking = rank_battles(battles, &options);
		for (int k = 0; k < n; k++)
		{
			const Rating *own = &ranking->ratings[ranking->order[k]];
			const Rating *before = k > 0 ? &ranking->ratings[ranking->order[k - 1]] : own;

			check((own->status == MODEL_RANKED) == (k < ranking->num_ranked) &&
				  own->rank == (k < ranking->num_ranked ? k + 1 : 0),
				  "tally %d: place %d has rank %d", t, k, own->rank);
			if (k == 0)
				continue;
			check(k >= ranking->num_ranked || before->score >= own->score,
				  "tally %d: %f comes before %f", t, before->score, own->score);
			check(k == ranking->num_ranked ||
				  (k < ranking->num_ranked && before->score > own->score) ||
				  options.name_order[ranking->order[k - 1]] <
				  options.name_order[ranking->order[k]],
				  "tally %d: place %d is not in the order of names", t, k);
		}
	}
}

/* Protects ranks by significance: 1 plus those that are surely better */
static void
test_ranks_by_significance(void)
{
	Dice		dice = {42};
	int			num_shared = 0;

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int			n = battles->num_models;
		RankOptions options = rank_options(n, 50);
		Ranking    *ranking;

		options.rank_by_significance = true;
		options.min_evaluations = dice_below(&dice, 30);
		ranking = rank_battles(battles, &options);
		for (int i = 0; i < n; i++)
		{
			int			rank = 1;

			if (ranking->ratings[i].status != MODEL_RANKED)
				continue;
			for (int j = 0; j < n; j++)
				if (ranking->ratings[j].status == MODEL_RANKED &&
					ranking->ratings[j].lower > ranking->ratings[i].upper)
					rank++;
			check(ranking->ratings[i].rank == rank, "tally %d: model %d has rank %d, not %d",
				  t, i, ranking->ratings[i].rank, rank);
			num_shared += ranking->order[rank - 1] != i;
		}
	}
	check(num_shared > 0, "no two models shared a rank");
}

/* Protects who cannot be told apart: intervals that only touch share a rank */
static void
test_touching_intervals(void)
{
	BattleList *battles = battles_create(5);
	RankOptions options = rank_options(5, 50);
	Ranking    *ranking;

	for (int i = 0; i < 5; i++)
		battles_add(battles, i, (i + 1) % 5, OUTCOME_TIE, 9);
	options.rank_by_significance = true;
	ranking = rank_battles(battles, &options);
	for (int i = 0; i < 5; i++)
		check(ranking->ratings[i].rank == 1 &&
			  ranking->ratings[i].lower == CENTRE_SCORE &&
			  ranking->ratings[i].upper == CENTRE_SCORE,
			  "model %d at [%f, %f] has rank %d", i, ranking->ratings[i].lower,
			  ranking->ratings[i].upper, ranking->ratings[i].rank);
}

/*
 * Protects ranks by significance from the anchor: whoever is the anchor, and whatever
 * its score, as long as nobody gets out of range, ranks are the same.
 */
static void
test_anchors_leave_ranks(void)
{
	Dice		dice = {48};
	int			num_compared = 0;
	int			num_intervals = 0;

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = t % 2 == 0 ? battles_of_any_kind(&dice) :
			round_robin(&dice, 3 + dice_below(&dice, 20), 10);
		int			n = battles->num_models;
		RankOptions options = rank_options(n, 50);
		Ranking    *free;
		Ranking    *anchored;
		bool		same_models = true;

		options.rank_by_significance = true;
		options.min_evaluations = dice_below(&dice, 30);
		free = rank_battles(battles, &options);
		options.anchor_model = dice_below(&dice, n);
		options.anchor_score = 900 + dice_below(&dice, 200);
		anchored = rank_battles(battles, &options);
		for (int i = 0; i < n; i++)
			same_models &= anchored->ratings[i].status == free->ratings[i].status;
		if (!same_models || free->num_ranked == 0)
			continue;
		num_compared++;
		for (int i = 0; i < n; i++)
		{
			int			rank = 1;

			check(anchored->ratings[i].rank == free->ratings[i].rank,
				  "tally %d: with the anchor %d model %d has rank %d, not %d", t,
				  options.anchor_model, i, anchored->ratings[i].rank,
				  free->ratings[i].rank);
			for (int j = 0; j < n; j++)
				rank += anchored->ratings[j].lower > anchored->ratings[i].upper;
			num_intervals += rank != anchored->ratings[i].rank;
		}
	}
	check(num_compared > scaled(150), "only %d tallies were compared", num_compared);
	check(num_intervals > scaled(150), "only %d intervals have the anchor's doubt",
		  num_intervals);
}

/* Protects reproducibility: the same seed, the same bytes; another, others */
static void
test_seeds(void)
{
	Dice		dice = {43};

	for (int t = 0; t < scaled(200); t++)
	{
		BattleList *battles = round_robin(&dice, 3 + dice_below(&dice, 20), 20);
		RankOptions options = rank_options(battles->num_models, 20);
		Ranking    *a;
		Ranking    *b;

		options.seed = dice_bits(&dice);
		a = rank_battles(battles, &options);
		b = rank_battles(battles, &options);
		check(same_ratings(a, b), "tally %d: the same seed gives other ratings", t);
		options.seed++;
		b = rank_battles(battles, &options);
		for (int i = 0; i < battles->num_models; i++)
			check(a->ratings[i].score == b->ratings[i].score &&
				  a->ratings[i].lower != b->ratings[i].lower,
				  "tally %d: another seed gives model %d %f and the same %f", t, i,
				  b->ratings[i].score, b->ratings[i].lower);
	}
}

/*
 * Protects replicates from each other: each has its own stream, so the number
 * of replicates changes intervals but slightly.
 */
static void
test_number_of_replicates(void)
{
	Dice		dice = {44};
	BattleList *battles = round_robin(&dice, 10, 30);
	RankOptions few = rank_options(10, 1000);
	RankOptions many = rank_options(10, 4000);
	Ranking    *a = rank_battles(battles, &few);
	Ranking    *b = rank_battles(battles, &many);

	for (int i = 0; i < 10; i++)
	{
		double		width = b->ratings[i].upper - b->ratings[i].lower;

		check(a->ratings[i].lower < a->ratings[i].score &&
			  a->ratings[i].score < a->ratings[i].upper,
			  "model %d at %f lies outside [%f, %f]", i, a->ratings[i].score,
			  a->ratings[i].lower, a->ratings[i].upper);
		check(fabs(a->ratings[i].lower - b->ratings[i].lower) < 0.12 * width &&
			  fabs(a->ratings[i].upper - b->ratings[i].upper) < 0.12 * width,
			  "model %d: [%f, %f] and [%f, %f]", i, a->ratings[i].lower,
			  a->ratings[i].upper, b->ratings[i].lower, b->ratings[i].upper);
	}
}

/* Protects the anchor: its score is what the user says, in every replicate */
static void
test_anchor(void)
{
	Dice		dice = {45};

	for (int t = 0; t < scaled(200); t++)
	{
		int			n = 3 + dice_below(&dice, 20);
		BattleList *battles = round_robin(&dice, n, 30);
		RankOptions options = rank_options(n, 20);
		Ranking    *free = rank_battles(battles, &options);
		Ranking    *anchored;
		Rating		anchor;

		options.anchor_model = dice_below(&dice, n);
		options.anchor_score = rint(2000 * dice_double(&dice));
		anchored = rank_battles(battles, &options);
		anchor = anchored->ratings[options.anchor_model];
		check(anchor.score == options.anchor_score &&
			  anchor.lower == anchor.score && anchor.upper == anchor.score,
			  "tally %d: the anchor is at %f [%f, %f], not %f", t, anchor.score,
			  anchor.lower, anchor.upper, options.anchor_score);
		for (int i = 0; i < n; i++)
		{
			double		shift = anchor.score -
				free->ratings[options.anchor_model].score;

			check(fabs(anchored->ratings[i].score - free->ratings[i].score - shift) <= 2e-6,
				  "tally %d: model %d is not shifted as the anchor is", t, i);
		}
	}
}

/* Protects against an anchor that means nothing */
static void
test_lost_anchor(void)
{
	BattleList *battles = battles_create(4);
	RankOptions options = rank_options(4, MIN_BOOTSTRAP);
	Ranking    *ranking;

	battles_add_pair(battles, 0, 1, 1, 1, 0);
	battles_add_pair(battles, 1, 2, 1, 1, 0);
	battles_add_pair(battles, 3, 2, 1, 0, 0);
	options.anchor_model = 3;
	ranking = rank_battles(battles, &options);
	check(ranking->anchor_lost && ranking->num_ranked == 0,
		  "an undefeated anchor ranks %d", ranking->num_ranked);
	options.anchor_model = 0;
	ranking = rank_battles(battles, &options);
	check(!ranking->anchor_lost && ranking->num_ranked == 3,
		  "a placed anchor ranks %d", ranking->num_ranked);
}

/*
 * Protects the others from newcomers: below min_evaluations a model has no
 * rank and no part in the scale, but its battles inform the fit.
 */
static void
test_few_evaluations(void)
{
	Dice		dice = {46};

	for (int t = 0; t < scaled(200); t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int			n = battles->num_models;
		RankOptions options = rank_options(n, MIN_BOOTSTRAP);
		Ranking    *all = rank_battles(battles, &options);
		Ranking    *some;
		double		mean = 0;

		options.min_evaluations = 1 + dice_below(&dice, 100);
		some = rank_battles(battles, &options);
		for (int i = 0; i < n; i++)
		{
			ModelStatus status = some->ratings[i].status;
			bool		few = some->ratings[i].vote_count < options.min_evaluations;

			/* on another scale other models may be out of range */
			if (all->ratings[i].status == MODEL_RANKED)
				check(few ? status == MODEL_FEW_EVALUATIONS :
					  (status == MODEL_RANKED || status == MODEL_OUT_OF_RANGE),
					  "tally %d: model %d with %lld battles is %s", t, i,
					  (long long) some->ratings[i].vote_count,
					  model_status_name(status));
			if (status == MODEL_RANKED)
				mean += some->ratings[i].score / some->num_ranked;
		}
		check(some->num_ranked == 0 || fabs(mean - CENTRE_SCORE) < 1e-6,
			  "tally %d: the mean of the ranked is %f", t, mean);
	}
}

/* The largest change of a score and of a bound of the first models */
static void
compare_rankings(const Ranking *before, const Ranking *after, int num_models,
				 double *score_change, double *bound_change)
{
	*score_change = *bound_change = 0;
	for (int i = 0; i < num_models; i++)
	{
		const Rating *a = &before->ratings[i];
		const Rating *b = &after->ratings[i];
		double		width = a->upper - a->lower;

		*score_change = Max(*score_change, fabs(a->score - b->score));
		*bound_change = Max(*bound_change, fabs(a->lower - b->lower) / width);
		*bound_change = Max(*bound_change, fabs(a->upper - b->upper) / width);
	}
}

/*
 * Protects the leaderboard from a new model with three losses: the other 21
 * move by less than 0.02 points, their intervals by no more than draws do.  A
 * tie beside the losses lets the new model be placed, and its battles inform
 * the fit; how far that moves the others is told, not bounded.
 */
static void
test_new_model(void)
{
	Dice		dice = {47};
	BattleList *battles = round_robin(&dice, 22, 27);
	RankOptions options = rank_options(22, 1000);
	Ranking    *before;
	double		score_change;
	double		bound_change;

	/* the last model has no battles yet */
	battles->num_battles = 0;
	for (int c = 0; c < battles->num_cells; c++)
	{
		if (battles->cells[c].model1 == 21 || battles->cells[c].model2 == 21)
			battles->cells[c--] = battles->cells[--battles->num_cells];
		else
			battles->num_battles += battles->cells[c].count;
	}
	options.min_evaluations = 10;
	before = rank_battles(battles, &options);

	for (int i = 0; i < 3; i++)
		battles_add(battles, 7 * i, 21, OUTCOME_FIRST, 1);
	compare_rankings(before, rank_battles(battles, &options), 21,
					 &score_change, &bound_change);
	check(score_change < 0.02, "three losses move a score by %f", score_change);
	check(bound_change < 0.12, "three losses move a bound by %f widths", bound_change);
	note("three losses move a score by %f points, a bound by %.3f widths",
		 score_change, bound_change);

	battles_add(battles, 4, 21, OUTCOME_TIE, 1);
	compare_rankings(before, rank_battles(battles, &options), 21,
					 &score_change, &bound_change);
	note("three losses and a tie move a score by %f points, a bound by %.3f widths",
		 score_change, bound_change);
}

/* Protects rounding: scores are published in steps of 1e-6, never as -0 */
static void
test_rounding(void)
{
	check(round_score(1234.56789149) == 1234.567891 &&
		  round_score(1234.56789151) == 1234.567892 &&
		  round_score(-12.3456786) == -12.345679 &&
		  round_score(-0.0000004) == 0 && !signbit(round_score(-0.0000004)) &&
		  isinf(round_score(-INFINITY)) && isnan(round_score(NAN)),
		  "a score is rounded wrongly");
}

const UnitTest ranking_tests[] = {
	{"the ranked are those within 5000 points of their mean", test_range},
	{"far outliers do not push the majority out of range", test_far_outliers},
	{"ranks by score", test_ranks_by_score},
	{"ranks by significance", test_ranks_by_significance},
	{"ranks by significance of intervals that touch", test_touching_intervals},
	{"ranks by significance do not depend on the anchor", test_anchors_leave_ranks},
	{"the same seed gives the same bytes", test_seeds},
	{"more replicates give the same intervals", test_number_of_replicates},
	{"the anchor has its score", test_anchor},
	{"an anchor that cannot be placed is told", test_lost_anchor},
	{"models with few evaluations", test_few_evaluations},
	{"a new model with three losses moves nobody", test_new_model},
	{"scores are rounded to millionths", test_rounding},
	{NULL, NULL}
};
