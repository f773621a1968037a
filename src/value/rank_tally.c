/*-------------------------------------------------------------------------
 *
 * rank_tally.c
 *	  bixarena_rank_tally(): a ranking of a tally.
 *
 * It reads nothing but its argument, so that it runs wherever a query does: on a
 * standby, in a parallel worker, once for each group.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"

#include "value/value.h"

PG_FUNCTION_INFO_V1(bixarena_rank_tally);

/*
 * A null is the tally of no battle, as the aggregate has it.
 *
 * The rows are described as the query expects them: to find it out at each call would
 * cost memory until the query ends, and there may be many groups.
 */
Datum
bixarena_rank_tally(PG_FUNCTION_ARGS)
{
	Crosstable	none = {0};

	check_rank_arguments(fcinfo);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	put_ranking(fcinfo, crosstable_battles(PG_ARGISNULL(0) ? &none : PG_GETARG_TALLY(0)));
	return (Datum) 0;
}
