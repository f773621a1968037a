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
