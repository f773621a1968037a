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

/* What a difference is found of */
typedef struct DifferenceReading
{
	const Leaderboard *leaderboard;
	const BattleSource *source;
	const TimestampTz *until;	/* or NULL */
	bool		by_voter;
	Battles    *battles;
} DifferenceReading;

static void
read_difference(void *argument)
{
	DifferenceReading *reading = argument;

	reading->battles = read_source_battles(reading->source, reading->leaderboard,
										   reading->until, reading->by_voter, false);
}

/*
 * bixarena.range_difference(leaderboard_id, a, b, until, arena): by how much a model of a
 * leaderboard is ahead of another, in battles up to a moment, or in any if it is null.
 */
Datum
bixarena_range_difference(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *slug = argument_text(fcinfo, ARGUMENT_LEADERBOARD);
	bool		all = PG_ARGISNULL(ARGUMENT_UNTIL);
	TimestampTz until = all ? 0 : PG_GETARG_TIMESTAMPTZ(ARGUMENT_UNTIL);
	DifferenceReading reading = {0};
	Contenders *contenders;
	Settings   *settings;
	Ranking    *ranking;
	Datum		result;

	check_difference_arguments(fcinfo);
	SPI_connect();
	reading.leaderboard = find_watched_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
												   slug);
	reading.until = all ? NULL : &until;
	settings = read_settings(reading.leaderboard->arena, reading.leaderboard->slug);
	reading.by_voter = settings->cluster_by_voter;
	reading.source = find_leaderboard_source(reading.leaderboard->arena, reading.until,
											 reading.by_voter);
	watch(reading.leaderboard->arena,
		  reading.source->relation ? reading.source->relation : BATTLE_RELATION,
		  read_difference, &reading);
	contenders = read_contenders(reading.leaderboard, reading.battles);
	check_outcomes(reading.battles, settings->max_unread_percent,
				   psprintf("leaderboard \"%s\"", slug));
	report_ignored(reading.battles, psprintf("leaderboard \"%s\"", slug));
	ranking = rank_by_settings(settings, reading.battles, contenders);
	result = form_difference_of(fcinfo, ranking, contenders->slugs, caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
