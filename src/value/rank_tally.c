/*-------------------------------------------------------------------------
 *
 * rank_tally.c
 *	  bixarena_rank_tally(): a ranking of a tally, and what is to be known of it
 *	  besides.
 *
 * They read nothing but their argument, so that they run wherever a query does: on a
 * standby, in a parallel worker, once for each group.  There may be many groups, so
 * that rows are described as the query expects them: to find that out at each call
 * would cost memory until the query ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"

#include "value/value.h"

PG_FUNCTION_INFO_V1(bixarena_rank_tally);
PG_FUNCTION_INFO_V1(bixarena_rank_ranges_tally);
PG_FUNCTION_INFO_V1(bixarena_rank_difference_tally);
PG_FUNCTION_INFO_V1(bixarena_rank_terms_tally);
PG_FUNCTION_INFO_V1(bixarena_rank_matchups_tally);
PG_FUNCTION_INFO_V1(bixarena_rank_position_tally);

/* Where the options are if they follow these arguments */
#define RANK_ARGUMENTS(number) \
	((RankArguments) {.first = (number), .intervals = (number) + NUM_FIRST_OPTIONS, \
			.adjust_position = (number) + NUM_FIRST_OPTIONS + 1, \
			.tie_model = (number) + NUM_FIRST_OPTIONS + 2})

/*
 * The battles of a call's first argument.  A null is the tally of no battle, as the aggregate has it.
 */
Battles *
argument_battles(FunctionCallInfo fcinfo)
{
	Crosstable	none = {0};

	return crosstable_battles(PG_ARGISNULL(0) ? &none : PG_GETARG_TALLY(0));
}

/*
 * bixarena_rank_tally(tally, options)
 */
Datum
bixarena_rank_tally(PG_FUNCTION_ARGS)
{
	RankArguments at = RANK_ARGUMENTS(1);

	check_rank_arguments(fcinfo, at);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	put_ranking(fcinfo, at, argument_battles(fcinfo));
	return (Datum) 0;
}

/*
 * bixarena_rank_ranges_tally(tally, options)
 */
Datum
bixarena_rank_ranges_tally(PG_FUNCTION_ARGS)
{
	RankArguments at = RANK_ARGUMENTS(1);

	check_rank_arguments(fcinfo, at);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	put_ranges(fcinfo, at, argument_battles(fcinfo));
	return (Datum) 0;
}

/*
 * bixarena_rank_difference_tally(tally, a, b, options)
 */
Datum
bixarena_rank_difference_tally(PG_FUNCTION_ARGS)
{
	RankArguments at = RANK_ARGUMENTS(3);

	check_difference_arguments(fcinfo);
	check_rank_arguments(fcinfo, at);
	PG_RETURN_DATUM(form_difference(fcinfo, at, argument_battles(fcinfo),
									CurrentMemoryContext));
}

/*
 * bixarena_rank_matchups_tally(tally, options)
 */
Datum
bixarena_rank_matchups_tally(PG_FUNCTION_ARGS)
{
	RankArguments at = RANK_ARGUMENTS(1);

	check_rank_arguments(fcinfo, at);
	InitMaterializedSRF(fcinfo, 0);
	put_rank_matchups(fcinfo, at, argument_battles(fcinfo));
	return (Datum) 0;
}

/*
 * bixarena_rank_terms_tally(tally, options)
 */
Datum
bixarena_rank_terms_tally(PG_FUNCTION_ARGS)
{
	RankArguments at = RANK_ARGUMENTS(1);

	check_rank_arguments(fcinfo, at);
	InitMaterializedSRF(fcinfo, 0);
	put_terms(fcinfo, at, argument_battles(fcinfo));
	return (Datum) 0;
}

/*
 * bixarena_rank_position_tally(tally, options), which has no adjust_position
 */
Datum
bixarena_rank_position_tally(PG_FUNCTION_ARGS)
{
	RankArguments at = RANK_ARGUMENTS(1);

	at.adjust_position = 0;
	at.tie_model--;
	check_rank_arguments(fcinfo, at);
	PG_RETURN_DATUM(form_position(fcinfo, at, argument_battles(fcinfo),
								  CurrentMemoryContext));
}
