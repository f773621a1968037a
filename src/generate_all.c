/*-------------------------------------------------------------------------
 *
 * generate_all.c
 *	  bixarena_generate_snapshots(): every leaderboard of an arena.
 *
 * One grouped query reads the battles of all leaderboards, so that they speak
 * of the same moment and the votes are gone through once.  Only if it fails is
 * each leaderboard read by itself, so that the one at fault is found and named.
 *
 * Before that, it takes up runs that wait: a schedule makes up for workers that
 * could not be started, or that a crash has ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/timestamp.h"

#include "bixarena_rank.h"

PG_FUNCTION_INFO_V1(bixarena_generate_snapshots);

/* Arguments of bixarena_generate_snapshots() */
enum
{
	ARGUMENT_ARENA,
	ARGUMENT_LEADERBOARD_ID,
	ARGUMENT_TRIGGER_SOURCE,
	ARGUMENT_TRIGGERED_BY
};

/* The battles of all leaderboards of an arena, where they could be read */
typedef struct ArenaBattles
{
	const char *arena;
	List	   *slugs;			/* of the leaderboards */
	bool		read;
	List	   *battles;		/* Battles */
	double		seconds;		/* each leaderboard's share of the reading */
} ArenaBattles;

/*
 * Step: read the battles of all leaderboards.
 */
static void
read_all(void *argument)
{
	ArenaBattles *all = argument;

	all->battles = read_arena_battles(all->arena, all->slugs);
}

static ArenaBattles
try_read_all(const char *arena, List *slugs)
{
	ArenaBattles all = {.arena = arena, .slugs = slugs};
	TimestampTz start = GetCurrentTimestamp();
	ErrorData  *error = campaign_try(read_all, &all);

	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	all.read = error == NULL;
	all.seconds = (GetCurrentTimestamp() - start) / (double) USECS_PER_SEC /
		Max(list_length(slugs), 1);
	return all;
}

/*
 * The battles of a leaderboard among those that have been read: NULL if none
 * have, and battles of nobody if it has none.
 */
static Battles *
battles_of(const ArenaBattles *all, const char *slug)
{
	ListCell   *cell;

	if (!all->read)
		return NULL;
	foreach(cell, all->battles)
	{
		Battles    *battles = lfirst(cell);

		if (strcmp(battles->leaderboard, slug) == 0)
			return battles;
	}
	return no_battles();
}

/*
 * A new run for each of these leaderboards.
 */
static void
make_runs(Campaign *campaign, const Run *model, List *slugs,
		  const ArenaBattles *all)
{
	ListCell   *cell;

	foreach(cell, slugs)
	{
		Run			run = *model;

		run.slug = lfirst(cell);
		run.number = foreach_current_index(cell) + 1;
		run.num_runs = list_length(slugs);
		run.read_seconds = all->read ? all->seconds : 0;
		campaign_make_new(campaign, run, battles_of(all, run.slug));
	}
}

Datum
bixarena_generate_snapshots(PG_FUNCTION_ARGS)
{
	Campaign	campaign = {0};
	Run			run = {0};
	ArenaBattles all = {0};
	List	   *slugs;

	campaign_begin_procedure(&campaign, fcinfo, "bixarena_generate_snapshots()");
	run.arena = resolve_arena(argument_text(fcinfo, ARGUMENT_ARENA));
	run.slug = argument_text(fcinfo, ARGUMENT_LEADERBOARD_ID);
	run.trigger_source = checked_trigger_source(argument_text(fcinfo, ARGUMENT_TRIGGER_SOURCE));
	run.triggered_by = checked_triggered_by(argument_text(fcinfo, ARGUMENT_TRIGGERED_BY));
	if (run.slug)
		slugs = list_make1(find_leaderboard(run.arena, run.slug)->slug);
	else
		slugs = list_leaderboards(run.arena);

	take_up_waiting_runs(&campaign);
	if (run.slug == NULL)
		all = try_read_all(run.arena, slugs);
	campaign_commit();
	make_runs(&campaign, &run, slugs, &all);
	campaign_end(&campaign);
	PG_RETURN_VOID();
}
