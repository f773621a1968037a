/*-------------------------------------------------------------------------
 *
 * rank_call.c
 *	  What functions that rank have in common: their options and their rows.
 *
 * They differ in where the battles come from and in what they tell of the ranking.  The
 * first options follow each other in all of them; the others, which came later, stand
 * at the end.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "arena/arena.h"

/* The first options */
enum
{
	ARGUMENT_NUM_BOOTSTRAP,
	ARGUMENT_MIN_EVALUATIONS,
	ARGUMENT_RANK_BY_SIGNIFICANCE,
	ARGUMENT_PRIOR_BATTLES,
	ARGUMENT_ANCHOR_MODEL,
	ARGUMENT_ANCHOR_SCORE,
	ARGUMENT_SEED
};

StaticAssertDecl(ARGUMENT_SEED + 1 == NUM_FIRST_OPTIONS, "these are all");

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
check_rank_arguments(FunctionCallInfo fcinfo, RankArguments at)
{
	static const char *const names[NUM_FIRST_OPTIONS] = {
		"num_bootstrap", "min_evaluations", "rank_by_significance",
		"prior_battles", "anchor_model", "anchor_score", "seed"
	};

	for (int i = 0; i < NUM_FIRST_OPTIONS; i++)
		if (PG_ARGISNULL(at.first + i) && i != ARGUMENT_ANCHOR_MODEL)
			report_null(names[i]);
	if (PG_ARGISNULL(at.intervals))
		report_null("intervals");
	check_setting_integer("num_bootstrap",
						  PG_GETARG_INT64(at.first + ARGUMENT_NUM_BOOTSTRAP));
	check_setting_integer("min_evaluations",
						  PG_GETARG_INT64(at.first + ARGUMENT_MIN_EVALUATIONS));
	check_setting_number("prior_battles",
						 PG_GETARG_FLOAT8(at.first + ARGUMENT_PRIOR_BATTLES));
	check_setting_number("anchor_score",
						 PG_GETARG_FLOAT8(at.first + ARGUMENT_ANCHOR_SCORE));
	parse_interval_kind(argument_text(fcinfo, at.intervals));
	if (at.adjust_position && PG_ARGISNULL(at.adjust_position))
		report_null("adjust_position");
	if (PG_ARGISNULL(at.tie_model))
		report_null("tie_model");
	parse_tie_model(argument_text(fcinfo, at.tie_model));
}

/*
 * What besides strengths is to decide battles, by the options of a call.
 */
ModelTerms
called_terms(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles)
{
	return (ModelTerms)
	{
		at.adjust_position == 0 || PG_GETARG_BOOL(at.adjust_position),
			parse_tie_model(argument_text(fcinfo, at.tie_model)),
			battles->covariates ? covariates_number(battles->covariates) : 0
	};
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
call_options(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles)
{
	RankOptions options = {0};
	int			n = battles->tally->num_models;
	int		   *name_order = palloc(sizeof(int) * n);

	for (int i = 0; i < n; i++)
		name_order[i] = i;
	options.num_bootstrap = PG_GETARG_INT64(at.first + ARGUMENT_NUM_BOOTSTRAP);
	options.min_evaluations = PG_GETARG_INT64(at.first + ARGUMENT_MIN_EVALUATIONS);
	options.rank_by_significance =
		PG_GETARG_BOOL(at.first + ARGUMENT_RANK_BY_SIGNIFICANCE);
	options.prior_battles = PG_GETARG_FLOAT8(at.first + ARGUMENT_PRIOR_BATTLES);
	options.anchor_model = find_anchor(battles,
									   argument_text(fcinfo, at.first + ARGUMENT_ANCHOR_MODEL));
	options.anchor_score = PG_GETARG_FLOAT8(at.first + ARGUMENT_ANCHOR_SCORE);
	options.seed = (uint64) PG_GETARG_INT64(at.first + ARGUMENT_SEED);
	options.intervals = parse_interval_kind(argument_text(fcinfo, at.intervals));
	options.voters = battles->voters;
	options.covariates = battles->covariates;
	options.terms = called_terms(fcinfo, at, battles);
	options.name_order = name_order;
	options.share = share_with_workers;
	return options;
}

void
report_one_voter(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("intervals by voter need at least two voters")));
}

/*
 * Tell of terms that were asked for and left out.
 */
static void
tell_left_out(const Ranking *ranking)
{
	const char *no_position = why_no_position(ranking->separation);
	const char *no_ties = why_no_ties(ranking->separation);

	if (no_position)
		ereport(NOTICE,
				(errmsg("scores are not adjusted for position: %s", no_position)));
	if (no_ties)
		ereport(NOTICE,
				(errmsg("ties count as half a win for either: %s", no_ties)));
}

/*
 * Rank the models of some battles, which are in the order of their names, with the
 * options of a call.
 */
Ranking *
rank_as_called(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles,
			   bool keep_differences)
{
	RankOptions options;
	Ranking    *ranking;

	if (battles->tally->num_battles == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no battles to rank")));
	options = call_options(fcinfo, at, battles);
	options.keep_differences = keep_differences;
	ranking = rank_models(battles->tally, &options);
	tell_left_out(ranking);
	if (ranking->one_voter)
		report_one_voter();
	if (ranking->anchor_lost)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("anchor model \"%s\" cannot be placed among the others",
						battles->models[options.anchor_model].bytes)));
	return ranking;
}

/*
 * Put a model into the result of a call that ranks.
 */
void
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
 * Rank models likewise, and put them into the result of the call.
 */
void
put_ranking(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Ranking    *ranking = rank_as_called(fcinfo, at, battles, false);

	for (int k = 0; k < ranking->num_models; k++)
	{
		int			model = ranking->order[k];

		put_rating(result, battles->models[model].bytes, &ranking->ratings[model]);
	}
}
