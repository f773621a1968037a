/*-------------------------------------------------------------------------
 *
 * rank_call.c
 *	  What functions that rank have in common: their options and their rows.
 *
 * bixarena_rank() and bixarena_rank_tally() differ in where the battles come from,
 * and in nothing else.  After the first argument, which says that, both have the
 * same options in the same places.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "arena/arena.h"

/* The arguments, after the battles */
enum
{
	ARGUMENT_NUM_BOOTSTRAP = 1,
	ARGUMENT_MIN_EVALUATIONS,
	ARGUMENT_RANK_BY_SIGNIFICANCE,
	ARGUMENT_PRIOR_BATTLES,
	ARGUMENT_ANCHOR_MODEL,
	ARGUMENT_ANCHOR_SCORE,
	ARGUMENT_SEED
};

StaticAssertDecl(ARGUMENT_SEED + 1 == NUM_RANK_ARGUMENTS,
				 "the options are the first arguments but one");

/* Columns of the result */
#define NUM_RESULT_COLUMNS 7

void
report_null(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s must not be null", argument)));
}

/*
 * The checks of the options that need no battles.  None but the anchor may be
 * null.
 */
void
check_rank_arguments(FunctionCallInfo fcinfo)
{
	static const char *const names[NUM_RANK_ARGUMENTS] = {
		NULL, "num_bootstrap", "min_evaluations", "rank_by_significance",
		"prior_battles", "anchor_model", "anchor_score", "seed"
	};

	for (int i = ARGUMENT_NUM_BOOTSTRAP; i < NUM_RANK_ARGUMENTS; i++)
		if (PG_ARGISNULL(i) && i != ARGUMENT_ANCHOR_MODEL)
			report_null(names[i]);
	check_setting_integer("num_bootstrap", PG_GETARG_INT64(ARGUMENT_NUM_BOOTSTRAP));
	check_setting_integer("min_evaluations",
						  PG_GETARG_INT64(ARGUMENT_MIN_EVALUATIONS));
	check_setting_number("prior_battles", PG_GETARG_FLOAT8(ARGUMENT_PRIOR_BATTLES));
	check_setting_number("anchor_score", PG_GETARG_FLOAT8(ARGUMENT_ANCHOR_SCORE));
}

static int
find_anchor(const Battles *battles, const char *anchor)
{
	if (anchor == NULL)
		return -1;
	for (int i = 0; i < battles->tally->num_models; i++)
		if (strcmp(battles->models[i].bytes, anchor) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("anchor model \"%s\" has no battles", anchor)));
}

/*
 * The options of a call.  As the battles' models are sorted by their text,
 * their order is that of names.
 */
static RankOptions
call_options(FunctionCallInfo fcinfo, const Battles *battles)
{
	RankOptions options = {0};
	int			n = battles->tally->num_models;
	int		   *name_order = palloc(sizeof(int) * n);

	for (int i = 0; i < n; i++)
		name_order[i] = i;
	options.num_bootstrap = PG_GETARG_INT64(ARGUMENT_NUM_BOOTSTRAP);
	options.min_evaluations = PG_GETARG_INT64(ARGUMENT_MIN_EVALUATIONS);
	options.rank_by_significance = PG_GETARG_BOOL(ARGUMENT_RANK_BY_SIGNIFICANCE);
	options.prior_battles = PG_GETARG_FLOAT8(ARGUMENT_PRIOR_BATTLES);
	options.anchor_model = find_anchor(battles,
									   argument_text(fcinfo, ARGUMENT_ANCHOR_MODEL));
	options.anchor_score = PG_GETARG_FLOAT8(ARGUMENT_ANCHOR_SCORE);
	options.seed = (uint64) PG_GETARG_INT64(ARGUMENT_SEED);
	options.name_order = name_order;
	return options;
}

static void
put_rating(ReturnSetInfo *result, const char *model, const Rating *rating)
{
	bool		ranked = rating->status == MODEL_RANKED;
	Datum		values[NUM_RESULT_COLUMNS];
	bool		nulls[NUM_RESULT_COLUMNS] = {
		false, !ranked, !ranked, !ranked, !ranked, false, false
	};

	values[0] = CStringGetTextDatum(model);
	values[1] = Float8GetDatum(rating->score);
	values[2] = Int32GetDatum(rating->rank);
	values[3] = Float8GetDatum(rating->lower);
	values[4] = Float8GetDatum(rating->upper);
	values[5] = Int64GetDatum(rating->vote_count);
	values[6] = CStringGetTextDatum(model_status_name(rating->status));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Rank the models of some battles, which are in the order of their names, with the
 * options of a call, and put them into its result.
 */
void
put_ranking(FunctionCallInfo fcinfo, const Battles *battles)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RankOptions options;
	Ranking    *ranking;

	if (battles->tally->num_battles == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no battles to rank")));
	options = call_options(fcinfo, battles);
	ranking = rank_models(battles->tally, &options);
	if (ranking->anchor_lost)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("anchor model \"%s\" cannot be placed among the others",
						battles->models[options.anchor_model].bytes)));
	for (int k = 0; k < ranking->num_models; k++)
	{
		int			model = ranking->order[k];

		put_rating(result, battles->models[model].bytes, &ranking->ratings[model]);
	}
}
