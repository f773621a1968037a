/*-------------------------------------------------------------------------
 *
 * votes.c
 *	  bixarena_rank(): a ranking of any table or view of votes.
 *
 * Nothing is set up and nothing is written.  The models are what their column
 * says; everything that an arena has as a setting is an argument.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_rank);

/* Arguments of bixarena_rank() */
enum
{
	ARGUMENT_BATTLES,
	ARGUMENT_NUM_BOOTSTRAP,
	ARGUMENT_MIN_EVALUATIONS,
	ARGUMENT_RANK_BY_SIGNIFICANCE,
	ARGUMENT_PRIOR_BATTLES,
	ARGUMENT_ANCHOR_MODEL,
	ARGUMENT_ANCHOR_SCORE,
	ARGUMENT_SEED,
	ARGUMENT_MODEL1,
	ARGUMENT_MODEL2,
	ARGUMENT_OUTCOME,
	ARGUMENT_MAX_UNREAD_PERCENT,
	ARGUMENT_NUM_BATTLES,
	NUM_ARGUMENTS
};

/* Columns of its result */
#define NUM_RESULT_COLUMNS 7

/*
 * None but the anchor and the column of counts may be null.
 */
static void
check_nulls(FunctionCallInfo fcinfo)
{
	static const char *const names[NUM_ARGUMENTS] = {
		"battles", "num_bootstrap", "min_evaluations", "rank_by_significance",
		"prior_battles", "anchor_model", "anchor_score", "seed", "model1",
		"model2", "outcome", "max_unread_percent", "num_battles"
	};

	for (int i = 0; i < NUM_ARGUMENTS; i++)
		if (PG_ARGISNULL(i) && i != ARGUMENT_ANCHOR_MODEL && i != ARGUMENT_NUM_BATTLES)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", names[i])));
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

/*
 * The checks that need no battles, so that none are read in vain.
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	check_nulls(fcinfo);
	check_setting_integer("num_bootstrap", PG_GETARG_INT64(ARGUMENT_NUM_BOOTSTRAP));
	check_setting_integer("min_evaluations",
						  PG_GETARG_INT64(ARGUMENT_MIN_EVALUATIONS));
	check_setting_number("prior_battles", PG_GETARG_FLOAT8(ARGUMENT_PRIOR_BATTLES));
	check_setting_number("anchor_score", PG_GETARG_FLOAT8(ARGUMENT_ANCHOR_SCORE));
	check_setting_number("max_unread_percent",
						 PG_GETARG_FLOAT8(ARGUMENT_MAX_UNREAD_PERCENT));
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

Datum
bixarena_rank(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Battles    *battles;
	RankOptions options;
	Ranking    *ranking;

	check_version();
	PreventCommandIfParallelMode("bixarena_rank()");
	check_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	battles = read_relation_battles(PG_GETARG_OID(ARGUMENT_BATTLES),
									argument_text(fcinfo, ARGUMENT_MODEL1),
									argument_text(fcinfo, ARGUMENT_MODEL2),
									argument_text(fcinfo, ARGUMENT_OUTCOME),
									argument_text(fcinfo, ARGUMENT_NUM_BATTLES));
	check_outcomes(battles, PG_GETARG_FLOAT8(ARGUMENT_MAX_UNREAD_PERCENT),
				   "the relation");
	report_ignored(battles, "the relation");
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
	SPI_finish();
	return (Datum) 0;
}
