/*-------------------------------------------------------------------------
 *
 * input_test.c
 *	  Data that break naive rankings: each has one right answer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "unit.h"

/* Say that every model has this status */
static void
check_all_statuses(const Ranking *ranking, ModelStatus status)
{
	for (int i = 0; i < ranking->num_models; i++)
		check(ranking->ratings[i].status == status, "model %d is %s, not %s", i,
			  model_status_name(ranking->ratings[i].status),
			  model_status_name(status));
}

static void
check_rating(const Ranking *ranking, int model, double score)
{
	const Rating *rating = &ranking->ratings[model];

	check(rating->status == MODEL_RANKED && rating->score == score,
		  "model %d is %s at %.9f, not ranked at %f", model,
		  model_status_name(rating->status), rating->score, score);
}

/* Protects from one battle: a winner and a loser, nobody to compare with */
static void
test_one_battle(void)
{
	BattleList *battles = battles_create(2);
	Ranking    *ranking;

	battles_add(battles, 0, 1, OUTCOME_SECOND, 1);
	ranking = rank_battles(battles, NULL);
	check(ranking->num_ranked == 0, "%d are ranked", ranking->num_ranked);
	check(ranking->ratings[0].status == MODEL_WINLESS &&
		  ranking->ratings[1].status == MODEL_UNDEFEATED, "wrong reasons");
	check(ranking->order[0] == 0 && ranking->order[1] == 1, "wrong order");
}

/* Protects one tie: two equal models, whose every replicate is the same */
static void
test_one_tie(void)
{
	BattleList *battles = battles_create(2);
	Ranking    *ranking;

	battles_add(battles, 0, 1, OUTCOME_TIE, 1);
	ranking = rank_battles(battles, NULL);
	for (int i = 0; i < 2; i++)
	{
		check_rating(ranking, i, 1000);
		check(ranking->ratings[i].lower == 1000 && ranking->ratings[i].upper == 1000,
			  "model %d has [%f, %f]", i, ranking->ratings[i].lower,
			  ranking->ratings[i].upper);
	}
}

/*
 * Protects infinite bounds: in one pair at three to one, a third of the
 * resamples has only wins.
 */
static void
test_one_pair(void)
{
	BattleList *battles = battles_create(2);
	RankOptions options = rank_options(2, 1000);
	double		ahead = 100 * log10(9.0);
	Ranking    *ranking;

	battles_add_pair(battles, 0, 1, 3, 1, 0);
	ranking = rank_battles(battles, &options);
	check(fabs(ranking->ratings[0].score - (1000 + ahead)) < 1e-6 &&
		  fabs(ranking->ratings[1].score - (1000 - ahead)) < 1e-6, "wrong scores");
	check(isinf(ranking->ratings[0].upper) && isinf(ranking->ratings[1].lower),
		  "the bounds are finite: %f and %f", ranking->ratings[0].upper,
		  ranking->ratings[1].lower);
	check(ranking->ratings[0].lower < ranking->ratings[0].score,
		  "the lower bound is %f", ranking->ratings[0].lower);
	check(ranking->num_incomplete > 200 && ranking->num_incomplete < 450,
		  "%d replicates are incomplete", ranking->num_incomplete);
}

/* Protects equality: all ties are all 1000, in the order of names */
static void
test_all_ties(void)
{
	BattleList *battles = battles_create(30);
	RankOptions options = rank_options(30, 50);
	Dice		dice = {50};
	int		   *names = dice_permutation(&dice, 30);
	Ranking    *ranking;

	for (int i = 0; i < 30; i++)
		for (int j = 0; j < i; j++)
			battles_add(battles, i, j, OUTCOME_TIE, 1 + dice_below(&dice, 9));
	options.name_order = names;
	ranking = rank_battles(battles, &options);
	check(ranking->num_ranked == 30, "%d are ranked", ranking->num_ranked);
	for (int k = 0; k < 30; k++)
	{
		check_rating(ranking, k, 1000);
		check(names[ranking->order[k]] == k, "place %d is not in order of names", k);
	}
}

/* Protects perfectly separated data: 0 beats 1 beats 2 ..., nobody is ranked */
static void
test_perfect_separation(void)
{
	BattleList *battles = battles_create(20);
	Ranking    *ranking;

	for (int i = 0; i < 20; i++)
		for (int j = 0; j < i; j++)
			battles_add(battles, i, j, OUTCOME_SECOND, 7);
	ranking = rank_battles(battles, NULL);
	check(ranking->num_ranked == 0, "%d are ranked", ranking->num_ranked);
	check(ranking->ratings[0].status == MODEL_UNDEFEATED &&
		  ranking->ratings[1].status == MODEL_SEPARATED &&
		  ranking->ratings[19].status == MODEL_WINLESS, "wrong reasons");
}

/* Protects two groups that never met: the larger one is ranked alone */
static void
test_two_groups(void)
{
	BattleList *battles = battles_create(7);
	RankOptions options = rank_options(7, 50);
	Ranking    *ranking;

	for (int i = 0; i < 7; i++)
		for (int j = 0; j < i; j++)
			if ((i < 3) == (j < 3))
				battles_add_pair(battles, i, j, 50, 50, 0);
	ranking = rank_battles(battles, &options);
	for (int i = 0; i < 3; i++)
		check(ranking->ratings[i].status == MODEL_DISCONNECTED &&
			  isnan(ranking->ratings[i].score) && ranking->ratings[i].vote_count == 200,
			  "model %d is %s", i, model_status_name(ranking->ratings[i].status));
	for (int i = 3; i < 7; i++)
		check_rating(ranking, i, 1000);
}

/* Protects the balanced: an undefeated model leaves three at exactly 1000 */
static void
test_undefeated(void)
{
	BattleList *battles = battles_create(4);
	RankOptions options = rank_options(4, 200);
	Ranking    *ranking;

	for (int i = 0; i < 3; i++)
	{
		battles_add_pair(battles, i, (i + 1) % 3, 40, 40, 7);
		battles_add_pair(battles, 3, i, 30, 0, 0);
	}
	ranking = rank_battles(battles, &options);
	for (int i = 0; i < 3; i++)
		check_rating(ranking, i, 1000);
	check(ranking->ratings[3].status == MODEL_UNDEFEATED, "the fourth is %s",
		  model_status_name(ranking->ratings[3].status));
	check(ranking->num_incomplete == 0, "%d replicates are incomplete",
		  ranking->num_incomplete);
}

/* Protects statuses at scores that no column could hold */
static void
test_out_of_range(void)
{
	BattleList *battles = battles_create(100);
	Ranking    *ranking;

	for (int i = 1; i < 100; i++)
		battles_add_pair(battles, i - 1, i, 99, 1, 0);
	ranking = rank_battles(battles, NULL);

	/* 798.25 points apart, so six on either side of the middle are within */
	for (int i = 0; i < 100; i++)
	{
		const Rating *rating = &ranking->ratings[i];
		double		score = 1000 + (49.5 - i) * 400 * log10(99.0);
		bool		in_range = fabs(score - 1000) <= MAX_SCORE_DISTANCE;

		check(in_range ? rating->status == MODEL_RANKED &&
			  fabs(rating->score - score) < 1e-6 :
			  rating->status == MODEL_OUT_OF_RANGE && isnan(rating->score) &&
			  rating->rank == 0,
			  "model %d is %s at %f, not %f", i, model_status_name(rating->status),
			  rating->score, score);
	}
}

/* Protects the largest number of battles: in one pair, and in few */
static void
test_most_battles(void)
{
	BattleList *battles = battles_create(2);
	Ranking    *ranking;

	battles_add_pair(battles, 0, 1, MAX_BATTLES / 2, MAX_BATTLES / 2 - 1, 1);
	ranking = rank_battles(battles, NULL);
	check_rating(ranking, 0, 1000);
	check(fabs(ranking->ratings[0].lower - 1000) < 1e-5 &&
		  fabs(ranking->ratings[0].upper - 1000) < 1e-5, "wrong bounds");
	check(ranking->ratings[1].vote_count == MAX_BATTLES, "%lld battles",
		  (long long) ranking->ratings[1].vote_count);

	battles = battles_create(3);
	battles_add_pair(battles, 0, 1, MAX_BATTLES / 4 * 3 - 6, 3, 0);
	battles_add_pair(battles, 1, 2, MAX_BATTLES / 4, 3, 0);
	ranking = rank_battles(battles, NULL);
	check(ranking->ratings[0].score - ranking->ratings[2].score > 10000 ||
		  ranking->ratings[0].status == MODEL_OUT_OF_RANGE, "wrong scores");
}

/* Protects models without a single battle, which a caller may pass */
static void
test_idle_models(void)
{
	BattleList *battles = battles_create(5);
	Ranking    *ranking;

	battles_add_pair(battles, 1, 3, 4, 4, 0);
	ranking = rank_battles(battles, NULL);
	check_rating(ranking, 1, 1000);
	check_rating(ranking, 3, 1000);
	for (int i = 0; i < 5; i += 2)
		check(ranking->ratings[i].status == MODEL_DISCONNECTED &&
			  ranking->ratings[i].vote_count == 0, "model %d is %s", i,
			  model_status_name(ranking->ratings[i].status));
}

/* Protects a minimum of evaluations that nobody reaches */
static void
test_nobody_has_enough(void)
{
	BattleList *battles = davidson_puddings();
	RankOptions options = rank_options(6, MIN_BOOTSTRAP);
	Ranking    *ranking;

	options.min_evaluations = 1000000;
	ranking = rank_battles(battles, &options);
	check(ranking->num_ranked == 0, "%d are ranked", ranking->num_ranked);
	check_all_statuses(ranking, MODEL_FEW_EVALUATIONS);
}

const UnitTest input_tests[] = {
	{"input: one battle", test_one_battle},
	{"input: one tie", test_one_tie},
	{"input: one pair", test_one_pair},
	{"input: all ties", test_all_ties},
	{"input: perfect separation", test_perfect_separation},
	{"input: two groups that never met", test_two_groups},
	{"input: an undefeated model beside three in balance", test_undefeated},
	{"input: scores out of range", test_out_of_range},
	{"input: 2^53 battles", test_most_battles},
	{"input: models without battles", test_idle_models},
	{"input: nobody has enough evaluations", test_nobody_has_enough},
	{NULL, NULL}
};
