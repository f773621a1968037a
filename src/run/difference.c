/*-------------------------------------------------------------------------
 *
 * difference.c
 *	  How far two models of a leaderboard are apart.
 *
 * Nobody keeps what any two models differ by: battles are read again, up to the moment
 * of a snapshot, and ranked as the settings in force say.
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

/* What is read again */
typedef struct WatchedReading
{
	const Leaderboard *leaderboard;
	const BattleSource *source;
	const TimestampTz *until;	/* or NULL */
	bool		by_voter;
	Battles    *battles;
} WatchedReading;

static void
read_watched(void *argument)
{
	WatchedReading *reading = argument;

	reading->battles = read_source_battles(reading->source, reading->leaderboard,
										   reading->until, reading->by_voter, false);
}

/*
 * The battles of a leaderboard up to a moment, or all, as settings ask to read them, and
 * who they are between.
 */
Battles *
read_watched_battles(const Leaderboard *leaderboard, const TimestampTz *until,
					 const Settings *settings, Contenders **contenders)
{
	WatchedReading reading = {
		.leaderboard = leaderboard,.until = until,.by_voter = settings->cluster_by_voter
	};
	char	   *name = psprintf("leaderboard \"%s\"", leaderboard->slug);

	reading.source = find_leaderboard_source(leaderboard->arena, until, settings);
	watch(leaderboard->arena,
		  reading.source->relation ? reading.source->relation : BATTLE_RELATION,
		  read_watched, &reading);
	*contenders = read_contenders(leaderboard, reading.battles);
	check_outcomes(reading.battles, settings->max_unread_percent, name);
	report_ignored(reading.battles, name);
	return reading.battles;
}

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
	Leaderboard *leaderboard;
	Contenders *contenders;
	Settings   *settings;
	Battles    *battles;
	Ranking    *ranking;
	Datum		result;

	check_difference_arguments(fcinfo);
	SPI_connect();
	leaderboard = find_watched_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
										   argument_text(fcinfo, ARGUMENT_LEADERBOARD));
	settings = read_settings(leaderboard->arena, leaderboard->slug);
	battles = read_watched_battles(leaderboard, all ? NULL : &until, settings, &contenders);
	ranking = rank_by_settings(settings, battles, contenders);
	result = form_difference_of(fcinfo, ranking, contenders->slugs, caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
