/*-------------------------------------------------------------------------
 *
 * shown.c
 *	  The battles of a leaderboard up to the moment of a snapshot, read again.
 *
 * Nobody keeps what any two models differ by, which battles carry a lead, or what standing
 * first is worth.  So battles are read again, and looked at as the settings in force say.
 * Where no moment is asked for, a kept tally has them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/timestamp.h"

#include "run/run.h"

/*
 * A leaderboard whose battles up to a moment are to be read, or with until NULL all of
 * them; in an SPI connection.
 */
ShownBattles *
find_shown_battles(const char *arena, const char *slug, const TimestampTz *until)
{
	ShownBattles *shown = palloc0(sizeof(ShownBattles));

	shown->leaderboard = find_watched_leaderboard(arena, slug);
	shown->settings = read_settings(shown->leaderboard->arena, shown->leaderboard->slug);
	shown->until = until;
	return shown;
}

static void
read_source(void *argument)
{
	ShownBattles *shown = argument;

	shown->battles = read_source_battles(shown->source, shown->leaderboard, shown->until,
										 shown->by_voter, false);
}

static void
read_from_source(ShownBattles *shown)
{
	const char *arena = shown->leaderboard->arena;

	shown->source = find_leaderboard_source(arena, shown->until, shown->settings);
	watch(arena, shown->source->relation ? shown->source->relation : BATTLE_RELATION,
		  read_source, shown);
}

/*
 * Read them as its settings ask, but for voters, and who they are between.
 */
void
read_shown_battles(ShownBattles *shown, VoterReading by_voter)
{
	char	   *name = psprintf("leaderboard \"%s\"", shown->leaderboard->slug);

	shown->by_voter = by_voter;
	shown->settings->cluster_by_voter = by_voter != VOTERS_NOT_READ;
	if (shown->until == NULL && by_voter == VOTERS_NOT_READ)
		shown->battles = read_watched_tally(shown->leaderboard, shown->settings);
	if (shown->battles == NULL)
		read_from_source(shown);
	shown->contenders = read_contenders(shown->leaderboard, shown->battles);
	check_outcomes(shown->battles, shown->settings->max_unread_percent, name);
	report_ignored(shown->battles, name);
}
