/*-------------------------------------------------------------------------
 *
 * votes.c
 *	  bixarena_rank(): a ranking of any table or view of votes, and what is to be
 *	  known of it besides.
 *
 * Nothing is set up and nothing is written.  The models are what their column
 * says; everything that an arena has as a setting is an argument.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_rank);
PG_FUNCTION_INFO_V1(bixarena_rank_ranges);
PG_FUNCTION_INFO_V1(bixarena_rank_difference);
PG_FUNCTION_INFO_V1(bixarena_rank_terms);
PG_FUNCTION_INFO_V1(bixarena_rank_matchups);
PG_FUNCTION_INFO_V1(bixarena_rank_position);

#define ARGUMENT_BATTLES 0

/* Arguments that say where votes stand, behind the first options */
enum
{
	ARGUMENT_MODEL1 = NUM_FIRST_OPTIONS,
	ARGUMENT_MODEL2,
	ARGUMENT_OUTCOME,
	ARGUMENT_MAX_UNREAD_PERCENT,
	ARGUMENT_NUM_BATTLES,		/* may be null */
	NUM_VOTE_ARGUMENTS
};

/* Where the options are if they follow these arguments */
#define RANK_ARGUMENTS(number) \
	((RankArguments) {.first = (number), .intervals = (number) + NUM_VOTE_ARGUMENTS, \
			.voter = (number) + NUM_VOTE_ARGUMENTS + 1, \
			.adjust_position = (number) + NUM_VOTE_ARGUMENTS + 2, \
			.tie_model = (number) + NUM_VOTE_ARGUMENTS + 3, \
			.covariates = (number) + NUM_VOTE_ARGUMENTS + 4})

/* What puts rows into the result of a call, of the battles that it is of */
typedef void (*PutRows) (FunctionCallInfo fcinfo, RankArguments at,
						 const Battles *battles);

/*
 * The checks that need no battles, so that none are read in vain.
 */
static void
check_arguments(FunctionCallInfo fcinfo, RankArguments at)
{
	static const char *const names[] = {
		"model1", "model2", "outcome", "max_unread_percent"
	};

	if (PG_ARGISNULL(ARGUMENT_BATTLES))
		report_null("battles");
	check_rank_arguments(fcinfo, at);
	for (Size i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(at.first + NUM_FIRST_OPTIONS + i))
			report_null(names[i]);
	check_setting_number("max_unread_percent",
						 PG_GETARG_FLOAT8(at.first + ARGUMENT_MAX_UNREAD_PERCENT));
}

/*
 * The battles that a call is of, in an SPI connection.
 */
static Battles *
read_votes(FunctionCallInfo fcinfo, RankArguments at)
{
	List	   *covariates = PG_ARGISNULL(at.covariates) ? NIL :
		covariate_names(PG_GETARG_DATUM(at.covariates));
	Battles    *battles;

	battles = read_relation_battles(PG_GETARG_OID(ARGUMENT_BATTLES),
									argument_text(fcinfo, at.first + ARGUMENT_MODEL1),
									argument_text(fcinfo, at.first + ARGUMENT_MODEL2),
									argument_text(fcinfo, at.first + ARGUMENT_OUTCOME),
									argument_text(fcinfo, at.first + ARGUMENT_NUM_BATTLES),
									argument_text(fcinfo, at.voter), VOTERS_TOLD_APART,
									covariates);
	check_outcomes(battles, PG_GETARG_FLOAT8(at.first + ARGUMENT_MAX_UNREAD_PERCENT),
				   "the relation");
	report_ignored(battles, "the relation");
	return battles;
}

/*
 * A call of one of those that return rows of what the battles make.
 */
static Datum
rank_votes(FunctionCallInfo fcinfo, const char *name, PutRows put_rows)
{
	RankArguments at = RANK_ARGUMENTS(1);

	check_version();
	PreventCommandIfParallelMode(name);
	check_arguments(fcinfo, at);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	put_rows(fcinfo, at, read_votes(fcinfo, at));
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena_rank(battles, options)
 */
Datum
bixarena_rank(PG_FUNCTION_ARGS)
{
	return rank_votes(fcinfo, "bixarena_rank()", put_ranking);
}

/*
 * bixarena_rank_ranges(battles, options)
 */
Datum
bixarena_rank_ranges(PG_FUNCTION_ARGS)
{
	return rank_votes(fcinfo, "bixarena_rank_ranges()", put_ranges);
}

/*
 * bixarena_rank_matchups(battles, options)
 */
Datum
bixarena_rank_matchups(PG_FUNCTION_ARGS)
{
	return rank_votes(fcinfo, "bixarena_rank_matchups()", put_rank_matchups);
}

/*
 * bixarena_rank_terms(battles, options)
 */
Datum
bixarena_rank_terms(PG_FUNCTION_ARGS)
{
	return rank_votes(fcinfo, "bixarena_rank_terms()", put_terms);
}

/*
 * bixarena_rank_position(battles, options), which has no adjust_position
 */
Datum
bixarena_rank_position(PG_FUNCTION_ARGS)
{
	RankArguments at = RANK_ARGUMENTS(1);
	MemoryContext caller = CurrentMemoryContext;
	Battles    *battles;
	Datum		result;

	at.adjust_position = 0;
	at.tie_model--;
	at.covariates--;
	check_version();
	PreventCommandIfParallelMode("bixarena_rank_position()");
	check_arguments(fcinfo, at);
	SPI_connect();
	battles = read_votes(fcinfo, at);
	result = form_position(fcinfo, at, battles, caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}

/*
 * bixarena_rank_difference(battles, a, b, options)
 */
Datum
bixarena_rank_difference(PG_FUNCTION_ARGS)
{
	RankArguments at = RANK_ARGUMENTS(3);
	MemoryContext caller = CurrentMemoryContext;
	Battles    *battles;
	Datum		result;

	check_version();
	PreventCommandIfParallelMode("bixarena_rank_difference()");
	check_difference_arguments(fcinfo);
	check_arguments(fcinfo, at);
	SPI_connect();
	battles = read_votes(fcinfo, at);
	result = form_difference(fcinfo, at, battles, caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
