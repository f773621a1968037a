/*-------------------------------------------------------------------------
 *
 * components_fuzz.c
 *	  Fuzzes components.c: who can be compared is told as by reachability.
 *
 * Tarjan's algorithm, its short cut and the statuses are held against
 * Warshall's transitive closure; and a graph that was asked once must answer
 * other points as a new one would.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "input.h"
#include "unit.h"

#define NUM_RESAMPLES 8

const int	fuzz_max_models = 40;

static void
check_standings(BattleGraph *graph, const Tally *tally, PairPoints points)
{
	int			n = tally->num_models;
	Standing   *found = palloc(sizeof(Standing) * n);
	Standing   *expected = palloc(sizeof(Standing) * n);
	PointMatrix matrix = matrix_of_points(tally, points);
	int			num_found = graph_find_standings(graph, points, found);
	int			num_expected = exact_standings(matrix, expected);

	check(num_found == num_expected, "%d models are placed, not %d", num_found,
		  num_expected);
	for (int i = 0; i < n; i++)
		check(found[i] == expected[i], "model %d stands %d, not %d", i, found[i],
			  expected[i]);
	matrix_free(matrix);
	pfree(found);
	pfree(expected);
}

static void
check_statuses(BattleGraph *graph, const Tally *tally, PairPoints points)
{
	int			n = tally->num_models;
	ModelStatus *found = palloc(sizeof(ModelStatus) * n);
	ModelStatus *expected = palloc(sizeof(ModelStatus) * n);
	PointMatrix matrix = matrix_of_points(tally, points);

	graph_explain(graph, points, found);
	exact_statuses(matrix, expected);
	for (int i = 0; i < n; i++)
		check(found[i] == expected[i], "model %d is %s, not %s", i,
			  model_status_name(found[i]), model_status_name(expected[i]));
	matrix_free(matrix);
	pfree(found);
	pfree(expected);
}

void
fuzz_input(FuzzInput *input)
{
	Tally	   *tally = battles_tally(input->battles, NULL);
	BattleGraph *graph = graph_create(tally);
	PairPoints	points = tally_points(tally);

	check_statuses(graph, tally, points);
	check_standings(graph, tally, points);

	/* what may be left of the points in a replicate: small ones, and none */
	for (int r = 0; r < NUM_RESAMPLES; r++)
	{
		for (int p = 0; p < tally->num_pairs; p++)
		{
			if (dice_below(&input->dice, 3) == 0)
				points.first[p] = 0.5 * dice_below(&input->dice, 4);
			if (dice_below(&input->dice, 3) == 0)
				points.second[p] = 0.5 * dice_below(&input->dice, 4);
		}
		check_standings(graph, tally, points);
		check_statuses(graph, tally, points);
	}
}
