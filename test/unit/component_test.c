/*-------------------------------------------------------------------------
 *
 * component_test.c
 *	  Tests of components.c: who can be compared with whom.
 *
 * A model that is placed although nothing bounds its strength would get a
 * number that means nothing; one that is wrongly left out would vanish from
 * the leaderboard.  Tarjan's algorithm and its short cut are held against
 * Warshall's transitive closure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

#define NUM_TALLIES 2000

/*
 * Sparse battles of few models, so that every way of not being comparable
 * occurs.
 */
static BattleList *
scattered_battles(Dice *dice)
{
	int			n = 2 + dice_below(dice, 14);
	BattleList *battles = battles_create(n);
	int			num_cells = 1 + dice_below(dice, 2 * n);

	for (int c = 0; c < num_cells; c++)
	{
		int			first = dice_below(dice, n);
		int			second = dice_below(dice, n);
		Outcome		outcome = dice_below(dice, 8) ? OUTCOME_FIRST : OUTCOME_TIE;

		if (first != second)
			battles_add(battles, first, second, outcome, 1 + dice_below(dice, 3));
	}
	return battles->num_cells > 0 ? battles : scattered_battles(dice);
}

/* Protects the reasons that are given for a model without a rank */
static void
test_statuses(void)
{
	Dice		dice = {10};
	int			met[MODEL_FEW_EVALUATIONS + 1] = {0};

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = scattered_battles(&dice);
		Tally	   *tally = battles_tally(battles, NULL);
		ModelStatus *found = palloc(sizeof(ModelStatus) * tally->num_models);
		ModelStatus *expected = palloc(sizeof(ModelStatus) * tally->num_models);

		graph_explain(graph_create(tally), tally_points(tally), found);
		exact_statuses(matrix_of_battles(battles), expected);
		for (int i = 0; i < tally->num_models; i++)
		{
			met[expected[i]]++;
			check(found[i] == expected[i], "tally %d: model %d is %s, not %s", t,
				  i, model_status_name(found[i]), model_status_name(expected[i]));
		}
	}
	for (int s = MODEL_RANKED; s <= MODEL_SEPARATED; s++)
		check(met[s] > 100, "only %d models are %s", met[s],
			  model_status_name((ModelStatus) s));
}

/* Protects the infinite scores of replicates, and their signs */
static void
test_standings(void)
{
	Dice		dice = {11};
	int			met[STANDING_APART + 1] = {0};

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = scattered_battles(&dice);
		Tally	   *tally = battles_tally(battles, NULL);
		Standing   *found = palloc(sizeof(Standing) * tally->num_models);
		Standing   *expected = palloc(sizeof(Standing) * tally->num_models);
		int			num_found = graph_find_standings(graph_create(tally),
													 tally_points(tally), found);
		int			num_expected = exact_standings(matrix_of_battles(battles),
												   expected);

		check(num_found == num_expected, "tally %d: %d models placed, not %d", t,
			  num_found, num_expected);
		for (int i = 0; i < tally->num_models; i++)
		{
			met[expected[i]]++;
			check(found[i] == expected[i], "tally %d: model %d stands %d, not %d",
				  t, i, found[i], expected[i]);
		}
	}
	for (int s = STANDING_PLACED; s <= STANDING_APART; s++)
		check(met[s] > 100, "only %d models stand %d", met[s], s);
}

/*
 * Protects replicates: one graph, asked again and again with other points,
 * some pairs of which have none, must answer as a new one does.
 */
static void
test_graph_is_reusable(void)
{
	Dice		dice = {12};
	BattleList *battles = random_battles(&dice, BATTLES_SPARSE, 30);
	Tally	   *tally = battles_tally(battles, NULL);
	BattleGraph *graph = graph_create(tally);
	PairPoints	points = points_create(tally->num_pairs);
	Standing	found[30];
	Standing	expected[30];

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		PointMatrix matrix;

		for (int p = 0; p < tally->num_pairs; p++)
		{
			points.first[p] = dice_below(&dice, 3);
			points.second[p] = dice_below(&dice, 3);
		}
		matrix = matrix_of_points(tally, points);
		graph_find_standings(graph, points, found);
		exact_standings(matrix, expected);
		check(memcmp(found, expected, sizeof(found)) == 0,
			  "points %d: standings differ", t);
		matrix_free(matrix);
	}
}

/*
 * Protects the stack: a cycle of 2,000 models, which recursion would follow to
 * its end, is one component, and a chain of them places nobody.
 */
static void
test_long_paths(void)
{
	ModelStatus *status = palloc(sizeof(ModelStatus) * MAX_MODELS);
	BattleList *battles = battles_create(MAX_MODELS);
	Tally	   *tally;

	for (int i = 1; i < MAX_MODELS; i++)
		battles_add(battles, i - 1, i, OUTCOME_FIRST, 1);
	tally = battles_tally(battles, NULL);
	graph_explain(graph_create(tally), tally_points(tally), status);
	check(status[0] == MODEL_UNDEFEATED && status[1] == MODEL_SEPARATED &&
		  status[MAX_MODELS - 1] == MODEL_WINLESS, "a chain is not separated");

	battles_add(battles, MAX_MODELS - 1, 0, OUTCOME_FIRST, 1);
	tally = battles_tally(battles, NULL);
	graph_explain(graph_create(tally), tally_points(tally), status);
	for (int i = 0; i < MAX_MODELS; i++)
		check(status[i] == MODEL_RANKED, "model %d of a cycle is %s", i,
			  model_status_name(status[i]));
}

/* Protects the choice among components: models, then battles, then the order */
static void
test_largest_component(void)
{
	BattleList *battles = battles_create(7);
	ModelStatus status[7];
	Tally	   *tally;

	battles_add_pair(battles, 0, 1, 1, 1, 0);
	battles_add_pair(battles, 2, 3, 2, 1, 0);
	tally = battles_tally(battles, NULL);
	graph_explain(graph_create(tally), tally_points(tally), status);
	check(status[0] == MODEL_DISCONNECTED && status[2] == MODEL_RANKED,
		  "of two components the one with fewer battles is placed");

	battles_add_pair(battles, 0, 1, 0, 1, 0);
	tally = battles_tally(battles, NULL);
	graph_explain(graph_create(tally), tally_points(tally), status);
	check(status[0] == MODEL_RANKED && status[2] == MODEL_DISCONNECTED,
		  "of two equal components the later one is placed");

	battles_add_pair(battles, 4, 5, 0, 0, 1);
	battles_add_pair(battles, 5, 6, 0, 0, 1);
	tally = battles_tally(battles, NULL);
	graph_explain(graph_create(tally), tally_points(tally), status);
	check(status[0] == MODEL_DISCONNECTED && status[4] == MODEL_RANKED,
		  "of three components the largest is not placed");
}

const UnitTest component_tests[] = {
	{"statuses are those of the transitive closure", test_statuses},
	{"standings are those of the transitive closure", test_standings},
	{"standings of one graph under many points", test_graph_is_reusable},
	{"a chain and a cycle of 2,000 models", test_long_paths},
	{"the largest component is placed", test_largest_component},
	{NULL, NULL}
};
