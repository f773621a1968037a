/*-------------------------------------------------------------------------
 *
 * examine_votes.c
 *	  How far a ranking of any table or view of votes can be leaned on.
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

PG_FUNCTION_INFO_V1(bixarena_rank_robustness);
PG_FUNCTION_INFO_V1(bixarena_rank_voters);
PG_FUNCTION_INFO_V1(bixarena_rank_fit);
PG_FUNCTION_INFO_V1(bixarena_rank_misfits);
PG_FUNCTION_INFO_V1(bixarena_rank_next_battles);

#define ARGUMENT_BATTLES 0
#define ARGUMENT_VOTER 1

/* Arguments that say where votes stand, behind the options */
enum
{
	ARGUMENT_MODEL1 = NUM_PLAIN_OPTIONS,
	ARGUMENT_MODEL2,
	ARGUMENT_OUTCOME,
	ARGUMENT_MAX_UNREAD_PERCENT,
	ARGUMENT_NUM_BATTLES		/* may be null */
};

/*
 * The checks that need no battles.  The options begin with argument first.
 */
static void
check_arguments(FunctionCallInfo fcinfo, const char *function, int first)
{
	static const char *const names[] = {
		"model1", "model2", "outcome", "max_unread_percent"
	};

	check_version();
	PreventCommandIfParallelMode(function);
	if (PG_ARGISNULL(ARGUMENT_BATTLES))
		report_null("battles");
	check_plain_arguments(fcinfo, first);
	for (Size i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(first + ARGUMENT_MODEL1 + i))
			report_null(names[i]);
	check_setting_number("max_unread_percent",
						 PG_GETARG_FLOAT8(first + ARGUMENT_MAX_UNREAD_PERCENT));
}

/*
 * The battles that a call is of, in an SPI connection; voter is the column that says
 * who cast them, or NULL.
 */
static Battles *
read_votes(FunctionCallInfo fcinfo, int first, const char *voter)
{
	Battles    *battles;

	battles = read_relation_battles(PG_GETARG_OID(ARGUMENT_BATTLES),
									argument_text(fcinfo, first + ARGUMENT_MODEL1),
									argument_text(fcinfo, first + ARGUMENT_MODEL2),
									argument_text(fcinfo, first + ARGUMENT_OUTCOME),
									argument_text(fcinfo, first + ARGUMENT_NUM_BATTLES),
									voter, VOTERS_NAMED, NIL);
	check_outcomes(battles, PG_GETARG_FLOAT8(first + ARGUMENT_MAX_UNREAD_PERCENT),
				   "the relation");
	report_ignored(battles, "the relation");
	return battles;
}

/*
 * bixarena_rank_robustness(battles, neighbours, options)
 */
Datum
bixarena_rank_robustness(PG_FUNCTION_ARGS)
{
	const int	first = 2;
	bool		neighbours = argument_choice(fcinfo, 1, "neighbours");
	Battles    *battles;

	check_arguments(fcinfo, "bixarena_rank_robustness()", first);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	battles = read_votes(fcinfo, first, NULL);
	put_robustness((ReturnSetInfo *) fcinfo->resultinfo,
				   rank_plainly_as_called(fcinfo, first, battles),
				   model_names(battles), neighbours);
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena_rank_voters(battles, voter, n, options)
 */
Datum
bixarena_rank_voters(PG_FUNCTION_ARGS)
{
	const int	first = 3;
	int			limit = argument_number(fcinfo, 2, "n", 1, MAX_ROWS);
	Battles    *battles;

	if (PG_ARGISNULL(ARGUMENT_VOTER))
		report_null("voter");
	check_arguments(fcinfo, "bixarena_rank_voters()", first);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	battles = read_votes(fcinfo, first, argument_text(fcinfo, ARGUMENT_VOTER));
	put_pulls((ReturnSetInfo *) fcinfo->resultinfo,
			  rank_plainly_as_called(fcinfo, first, battles), model_names(battles),
			  battles, limit);
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena_rank_fit(battles, num_bootstrap, seed, options)
 */
Datum
bixarena_rank_fit(PG_FUNCTION_ARGS)
{
	const int	first = 3;
	MemoryContext caller = CurrentMemoryContext;
	int			num_trials = argument_trials(fcinfo, 1);
	Datum		result;

	check_arguments(fcinfo, "bixarena_rank_fit()", first);
	SPI_connect();
	result = form_fit(fcinfo, rank_plainly_as_called(fcinfo, first, read_votes(fcinfo, first, NULL)),
					  num_trials, (uint64) PG_GETARG_INT64(2), caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}

/*
 * bixarena_rank_misfits(battles, n, options)
 */
Datum
bixarena_rank_misfits(PG_FUNCTION_ARGS)
{
	const int	first = 2;
	int			limit = argument_number(fcinfo, 1, "n", 1, MAX_ROWS);
	Battles    *battles;

	check_arguments(fcinfo, "bixarena_rank_misfits()", first);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	battles = read_votes(fcinfo, first, NULL);
	put_misfits((ReturnSetInfo *) fcinfo->resultinfo,
				rank_plainly_as_called(fcinfo, first, battles), model_names(battles), limit);
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena_rank_next_battles(battles, n, goal, options)
 */
Datum
bixarena_rank_next_battles(PG_FUNCTION_ARGS)
{
	const int	first = 3;
	int			limit = argument_limit(fcinfo, 1);
	BattleGoal	goal = argument_goal(fcinfo, 2);
	Battles    *battles;

	check_arguments(fcinfo, "bixarena_rank_next_battles()", first);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	battles = read_votes(fcinfo, first, NULL);
	put_next_battles((ReturnSetInfo *) fcinfo->resultinfo,
					 rank_plainly_as_called(fcinfo, first, battles), model_names(battles),
					 goal, limit);
	SPI_finish();
	return (Datum) 0;
}
