/*-------------------------------------------------------------------------
 *
 * position.c
 *	  What standing first is worth in the battles of a leaderboard.
 *
 * It can be asked of any snapshot, whether or not its scores are adjusted for it: battles
 * are read again, and ranked as the settings in force say, but with position.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_term_position);

/* Arguments of bixarena.term_position() */
enum
{
	ARGUMENT_LEADERBOARD,
	ARGUMENT_UNTIL,
	ARGUMENT_ARENA
};

/*
 * bixarena.term_position(leaderboard_id, until, arena): what standing first is worth in
 * battles of a leaderboard up to a moment, or in any if it is null.
 */
Datum
bixarena_term_position(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		all = PG_ARGISNULL(ARGUMENT_UNTIL);
	TimestampTz until = all ? 0 : PG_GETARG_TIMESTAMPTZ(ARGUMENT_UNTIL);
	ShownBattles *shown;
	Ranking    *ranking;
	Datum		result;

	SPI_connect();
	shown = find_shown_battles(argument_text(fcinfo, ARGUMENT_ARENA),
							   argument_text(fcinfo, ARGUMENT_LEADERBOARD),
							   all ? NULL : &until);
	shown->settings->adjust_position = true;
	read_shown_battles(shown, voter_reading(shown->settings));
	ranking = rank_by_settings(shown->settings, shown->battles, shown->contenders);
	result = form_position_of(fcinfo, ranking, shown->battles,
							  settings_terms(shown->settings), caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
