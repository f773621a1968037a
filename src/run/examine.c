/*-------------------------------------------------------------------------
 *
 * examine.c
 *	  How far a leaderboard can be leaned on.
 *
 * The arguments of all these functions are the leaderboard, what the function asks for,
 * the moment up to which battles count, or null, and the arena.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_examine_robustness);
PG_FUNCTION_INFO_V1(bixarena_examine_voters);
PG_FUNCTION_INFO_V1(bixarena_examine_fit);
PG_FUNCTION_INFO_V1(bixarena_examine_misfits);
PG_FUNCTION_INFO_V1(bixarena_examine_next_battles);

#define ARGUMENT_LEADERBOARD 0

/*
 * Tell of settings that are not followed, where the scores are made with them.
 */
static void
tell_not_followed(const Settings *settings)
{
	if (any_terms(settings_terms(settings)))
		ereport(NOTICE,
				(errmsg("ties are taken as half a win for either, and nothing is adjusted for"),
				 errdetail("Scores of the leaderboard are made in another way: by adjust_position, tie_model or covariates.")));
}

/*
 * The battles of a call, in an SPI connection; until is the number of the argument that
 * says up to when, and the arena's is the next.
 */
static ShownBattles *
read_examined(FunctionCallInfo fcinfo, int until, VoterReading by_voter)
{
	TimestampTz *moment = NULL;
	ShownBattles *shown;

	if (!PG_ARGISNULL(until))
	{
		moment = palloc(sizeof(TimestampTz));
		*moment = PG_GETARG_TIMESTAMPTZ(until);
	}
	shown = find_shown_battles(argument_text(fcinfo, until + 1),
							   argument_text(fcinfo, ARGUMENT_LEADERBOARD), moment);
	tell_not_followed(shown->settings);
	/* nothing but strengths is asked for */
	shown->settings->covariates = NIL;
	read_shown_battles(shown, by_voter);
	return shown;
}

/*
 * Rank them without intervals.
 */
static Ranking *
rank_examined(const ShownBattles *shown)
{
	return rank_plainly(shown->battles,
						plain_options(shown->settings->min_evaluations,
									  shown->settings->prior_battles,
									  shown->contenders->name_order));
}

/*
 * bixarena.examine_robustness(leaderboard_id, neighbours, until, arena)
 */
Datum
bixarena_examine_robustness(PG_FUNCTION_ARGS)
{
	bool		neighbours = argument_choice(fcinfo, 1, "neighbours");
	ShownBattles *shown;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	shown = read_examined(fcinfo, 2, VOTERS_NOT_READ);
	put_robustness((ReturnSetInfo *) fcinfo->resultinfo, rank_examined(shown),
				   shown->contenders->slugs, neighbours);
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena.examine_voters(leaderboard_id, n, until, arena)
 */
Datum
bixarena_examine_voters(PG_FUNCTION_ARGS)
{
	int			limit = argument_number(fcinfo, 1, "n", 1, MAX_ROWS);
	ShownBattles *shown;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	shown = read_examined(fcinfo, 2, VOTERS_NAMED);
	put_pulls((ReturnSetInfo *) fcinfo->resultinfo, rank_examined(shown),
			  shown->contenders->slugs, shown->battles, limit);
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena.examine_fit(leaderboard_id, until, arena)
 */
Datum
bixarena_examine_fit(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	ShownBattles *shown;
	Datum		result;

	SPI_connect();
	shown = read_examined(fcinfo, 1, VOTERS_NOT_READ);
	result = form_fit(fcinfo, rank_examined(shown), DEFAULT_TRIALS,
					  (uint64) shown->settings->seed, caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}

/*
 * bixarena.examine_misfits(leaderboard_id, n, until, arena)
 */
Datum
bixarena_examine_misfits(PG_FUNCTION_ARGS)
{
	int			limit = argument_number(fcinfo, 1, "n", 1, MAX_ROWS);
	ShownBattles *shown;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	shown = read_examined(fcinfo, 2, VOTERS_NOT_READ);
	put_misfits((ReturnSetInfo *) fcinfo->resultinfo, rank_examined(shown),
				shown->contenders->slugs, limit);
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena.examine_next_battles(leaderboard_id, n, goal, until, arena): of all models that
 * have battles, with a prior, so that those take part which cannot be placed yet.
 */
Datum
bixarena_examine_next_battles(PG_FUNCTION_ARGS)
{
	int			limit = argument_limit(fcinfo, 1);
	BattleGoal	goal = argument_goal(fcinfo, 2);
	ShownBattles *shown;
	double		prior;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	shown = read_examined(fcinfo, 3, VOTERS_NOT_READ);
	prior = shown->settings->prior_battles > 0 ? shown->settings->prior_battles : 1;
	put_next_battles((ReturnSetInfo *) fcinfo->resultinfo,
					 rank_plainly(shown->battles,
								  plain_options(0, prior, shown->contenders->name_order)),
					 shown->contenders->slugs, goal, limit);
	SPI_finish();
	return (Datum) 0;
}
