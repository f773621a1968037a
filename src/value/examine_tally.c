/*-------------------------------------------------------------------------
 *
 * examine_tally.c
 *	  How far a ranking of a tally can be leaned on.
 *
 * Like rank_tally.c it reads nothing but its argument.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"

#include "value/value.h"

PG_FUNCTION_INFO_V1(bixarena_rank_robustness_tally);
PG_FUNCTION_INFO_V1(bixarena_rank_fit_tally);
PG_FUNCTION_INFO_V1(bixarena_rank_misfits_tally);
PG_FUNCTION_INFO_V1(bixarena_rank_next_battles_tally);

/*
 * bixarena_rank_robustness_tally(tally, neighbours, options)
 */
Datum
bixarena_rank_robustness_tally(PG_FUNCTION_ARGS)
{
	const int	first = 2;
	bool		neighbours = argument_choice(fcinfo, 1, "neighbours");
	Battles    *battles;

	check_plain_arguments(fcinfo, first);
	InitMaterializedSRF(fcinfo, 0);
	battles = argument_battles(fcinfo);
	put_robustness((ReturnSetInfo *) fcinfo->resultinfo,
				   rank_plainly_as_called(fcinfo, first, battles),
				   model_names(battles), neighbours);
	return (Datum) 0;
}

/*
 * bixarena_rank_fit_tally(tally, num_bootstrap, seed, options)
 */
Datum
bixarena_rank_fit_tally(PG_FUNCTION_ARGS)
{
	const int	first = 3;
	int			num_trials = argument_trials(fcinfo, 1);

	check_plain_arguments(fcinfo, first);
	PG_RETURN_DATUM(form_fit(fcinfo, rank_plainly_as_called(fcinfo, first, argument_battles(fcinfo)),
							 num_trials, (uint64) PG_GETARG_INT64(2), CurrentMemoryContext));
}

/*
 * bixarena_rank_misfits_tally(tally, n, options)
 */
Datum
bixarena_rank_misfits_tally(PG_FUNCTION_ARGS)
{
	const int	first = 2;
	int			limit = argument_number(fcinfo, 1, "n", 1, MAX_ROWS);
	Battles    *battles;

	check_plain_arguments(fcinfo, first);
	InitMaterializedSRF(fcinfo, 0);
	battles = argument_battles(fcinfo);
	put_misfits((ReturnSetInfo *) fcinfo->resultinfo,
				rank_plainly_as_called(fcinfo, first, battles), model_names(battles), limit);
	return (Datum) 0;
}

/*
 * bixarena_rank_next_battles_tally(tally, n, goal, options)
 */
Datum
bixarena_rank_next_battles_tally(PG_FUNCTION_ARGS)
{
	const int	first = 3;
	int			limit = argument_limit(fcinfo, 1);
	BattleGoal	goal = argument_goal(fcinfo, 2);
	Battles    *battles;

	check_plain_arguments(fcinfo, first);
	InitMaterializedSRF(fcinfo, 0);
	battles = argument_battles(fcinfo);
	put_next_battles((ReturnSetInfo *) fcinfo->resultinfo,
					 rank_plainly_as_called(fcinfo, first, battles), model_names(battles),
					 goal, limit);
	return (Datum) 0;
}
