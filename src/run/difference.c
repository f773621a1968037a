/*-------------------------------------------------------------------------
 *
 * difference.c
 *	  How far two models of a leaderboard are apart.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_range_difference);

/* Arguments of bixarena.range_difference(), besides the two models */
enum
{
	ARGUMENT_LEADERBOARD,
	ARGUMENT_UNTIL = 3,
	ARGUMENT_ARENA
};

/*
 * bixarena.range_difference(leaderboard_id, a, b, until, arena): by how much a model of a
 * leaderboard is ahead of another, in battles up to a moment, or in any if it is null.
 */
Datum
bixarena_range_difference(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		all = PG_ARGISNULL(ARGUMENT_UNTIL);
	TimestampTz until = all ? 0 : PG_GETARG_TIMESTAMPTZ(ARGUMENT_UNTIL);
	ShownBattles *shown;
	Ranking    *ranking;
	Datum		result;

	check_difference_arguments(fcinfo);
	SPI_connect();
	shown = find_shown_battles(argument_text(fcinfo, ARGUMENT_ARENA),
							   argument_text(fcinfo, ARGUMENT_LEADERBOARD),
							   all ? NULL : &until);
	read_shown_battles(shown, voter_reading(shown->settings));
	ranking = rank_by_settings(shown->settings, shown->battles, shown->contenders);
	result = form_difference_of(fcinfo, ranking, shown->contenders->slugs, caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
