/*-------------------------------------------------------------------------
 *
 * live.c
 *	  bixarena_live(): the ranking of this moment, written nowhere.
 *
 * It is what a snapshot would be if it were made now, with the leaderboard's
 * settings, and few resamples unless the call asks for more.  Where the arena's tally
 * is kept, it takes as long at any number of battles.  No run is put on record, and
 * nothing is locked that a run wants.
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

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_live);

/* Arguments of bixarena_live() */
enum
{
	ARGUMENT_LEADERBOARD_ID,
	ARGUMENT_NUM_BOOTSTRAP,
	ARGUMENT_ARENA
};

/* How many resamples, where a call names none */
#define DEFAULT_LIVE_BOOTSTRAP 200

/*
 * Rank the models of a leaderboard as a run would, NULL if it has no battles, its anchor
 * model cannot be placed, or a voter lacks a second one.
 */
static Ranking *
rank_now(const Leaderboard *leaderboard, Settings *settings, Contenders **contenders)
{
	Battles    *battles = read_live_battles(leaderboard, settings);
	char	   *source = psprintf("leaderboard \"%s\"", leaderboard->slug);
	RankOptions options;
	Ranking    *ranking;
	bool		anchor_missing;

	*contenders = read_contenders(leaderboard, battles);
	check_outcomes(battles, settings->max_unread_percent, source);
	report_ignored(battles, source);
	if (battles->tally->num_battles == 0)
		return NULL;
	options = rank_options(settings, battles, *contenders, &anchor_missing);
	if (anchor_missing)
		return NULL;
	options.progress = NULL;
	options.keep_differences = false;
	ranking = rank_models(battles->tally, &options);
	return ranking->anchor_lost || ranking->one_voter ? NULL : ranking;
}

Datum
bixarena_live(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		num_bootstrap = PG_ARGISNULL(ARGUMENT_NUM_BOOTSTRAP) ?
		DEFAULT_LIVE_BOOTSTRAP : PG_GETARG_INT64(ARGUMENT_NUM_BOOTSTRAP);
	Leaderboard *leaderboard;
	Contenders *contenders;
	Settings   *settings;
	Ranking    *ranking;

	check_version();
	PreventCommandIfParallelMode("bixarena_live()");
	check_setting_integer("num_bootstrap", num_bootstrap);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	leaderboard = find_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
								   argument_text(fcinfo, ARGUMENT_LEADERBOARD_ID));
	settings = read_settings(leaderboard->arena, leaderboard->slug);
	settings->num_bootstrap = num_bootstrap;
	ranking = rank_now(leaderboard, settings, &contenders);
	for (int k = 0; ranking && k < ranking->num_models; k++)
	{
		int			model = ranking->order[k];

		put_rating(result, contenders->slugs[model], &ranking->ratings[model]);
	}
	SPI_finish();
	return (Datum) 0;
}
