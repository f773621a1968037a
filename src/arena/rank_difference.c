/*-------------------------------------------------------------------------
 *
 * rank_difference.c
 *	  The ranks that the data allow, and how far two models are apart, as results.
 *
 * What functions of relations, of tallies and of arenas have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"

#include "arena/arena.h"

/* Columns of results */
#define NUM_RANGE_COLUMNS 11
#define NUM_DIFFERENCE_COLUMNS 6

/* Arguments of functions that compare two models */
enum
{
	ARGUMENT_A = 1,
	ARGUMENT_B
};

static void
put_range(ReturnSetInfo *result, const char *model, const Rating *rating,
		  const RankRange *range, const double *comparison)
{
	Datum		values[NUM_RANGE_COLUMNS];
	bool		nulls[NUM_RANGE_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(model);
	values[1] = Float8GetDatum(rating->score);
	values[2] = Int32GetDatum(rating->rank);
	values[3] = Int32GetDatum(range->lowest);
	values[4] = Int32GetDatum(range->highest);
	values[5] = Int32GetDatum(range->lowest_of_all);
	values[6] = Int32GetDatum(range->highest_of_all);
	values[7] = BoolGetDatum(range->may_be_best);
	values[8] = Float8GetDatum(round_score(range->share_on_top));
	nulls[9] = nulls[10] = comparison == NULL;
	values[9] = comparison ? Float8GetDatum(round_score(comparison[0])) : (Datum) 0;
	values[10] = comparison ? Float8GetDatum(round_score(comparison[1])) : (Datum) 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * The ranges of a ranking's models in the order of their ranks, under these names.
 */
void
put_ranges_of(ReturnSetInfo *result, const Ranking *ranking, char **names)
{
	Bounds		bounds = bounds_create(ranking->num_ranked);
	RankRange  *ranges;
	bool		has_comparison;

	if (ranking->num_ranked == 0)
		return;
	ranges = rank_ranges(ranking->differences);
	has_comparison = comparison_bounds(ranking->differences, bounds);
	for (int k = 0; k < ranking->num_ranked; k++)
	{
		int			model = ranking->order[k];
		int			place = ranking->compared[model];
		double		comparison[] = {bounds.lower[place], bounds.upper[place]};

		put_range(result, names[model], &ranking->ratings[model], &ranges[place],
				  has_comparison ? comparison : NULL);
	}
}

/*
 * Rank the models of some battles, and put their ranges into the result of the call.
 */
void
put_ranges(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles)
{
	Ranking    *ranking = rank_as_called(fcinfo, at, battles, true);
	char	  **names = palloc(sizeof(char *) * battles->tally->num_models);

	for (int i = 0; i < battles->tally->num_models; i++)
		names[i] = battles->models[i].bytes;
	put_ranges_of((ReturnSetInfo *) fcinfo->resultinfo, ranking, names);
}

/*
 * An error unless two models are named.
 */
void
check_difference_arguments(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(ARGUMENT_A))
		report_null("a");
	if (PG_ARGISNULL(ARGUMENT_B))
		report_null("b");
}

/*
 * The number of a model that a user named among the ranked ones.
 */
static int
find_compared(const Ranking *ranking, char **names, const char *name)
{
	for (int i = 0; i < ranking->num_models; i++)
	{
		if (strcmp(names[i], name) != 0)
			continue;
		if (ranking->compared[i] >= 0)
			return ranking->compared[i];
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has no rank", name),
				 errdetail("It is %s.", model_status_name(ranking->ratings[i].status))));
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("model \"%s\" has no battles", name)));
}

/*
 * What two models of a ranking differ by, as a row of the type that the function
 * returns.
 */
Datum
form_difference_of(FunctionCallInfo fcinfo, const Ranking *ranking, char **names,
				   MemoryContext memory)
{
	char	   *a = argument_text(fcinfo, ARGUMENT_A);
	char	   *b = argument_text(fcinfo, ARGUMENT_B);
	Difference	difference = find_difference(ranking->differences,
											 find_compared(ranking, names, a),
											 find_compared(ranking, names, b));
	MemoryContext before = MemoryContextSwitchTo(memory);
	Datum		values[NUM_DIFFERENCE_COLUMNS];
	bool		nulls[NUM_DIFFERENCE_COLUMNS] = {false};
	Datum		row;

	values[0] = CStringGetTextDatum(a);
	values[1] = CStringGetTextDatum(b);
	values[2] = Float8GetDatum(round_score(difference.points));
	values[3] = Float8GetDatum(round_score(difference.lower));
	values[4] = Float8GetDatum(round_score(difference.upper));
	values[5] = Float8GetDatum(round_score(expected_share(difference.points, 0,
														  ranking->tie_odds)));
	row = form_row(fcinfo, values, nulls);
	MemoryContextSwitchTo(before);
	return row;
}

/*
 * The same of the models of some battles, ranked as a call asks.
 */
Datum
form_difference(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles,
				MemoryContext memory)
{
	Ranking    *ranking = rank_as_called(fcinfo, at, battles, true);
	char	  **names = palloc(sizeof(char *) * battles->tally->num_models);

	for (int i = 0; i < battles->tally->num_models; i++)
		names[i] = battles->models[i].bytes;
	return form_difference_of(fcinfo, ranking, names, memory);
}
