/*-------------------------------------------------------------------------
 *
 * generate_all.c
 *	  bixarena_generate_snapshots(): every leaderboard of an arena.
 *
 * A run of each leaderboard is put on record before anything else happens
 * (call.c).
 *
 * One grouped query reads the battles of all leaderboards, so that they speak
 * of the same moment and the votes are gone through once.  Only if it fails is
 * each leaderboard read by itself, so that the one at fault is found and named.
 *
 * Before that, it takes up runs that wait: a schedule makes up for workers that
 * could not be started, or that a crash has ended.
 *
 * Where the arena's tables are on another server, the runs are first made together
 * (together.c).
 *
 * Where the arena's tables are on another server that is away, nobody can say which
 * leaderboards there are.  Then there is a run of each that the last call had, or of
 * "overall": it fails for that, or succeeds if the server has come back.
 *
 * A call for one leaderboard is a run by itself, without a call_id.  A dry run
 * does all but write, puts nothing on record, and tells each result by a NOTICE: a
 * procedure that commits cannot return rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_generate_snapshots);

/* Arguments of bixarena_generate_snapshots() */
enum
{
	ARGUMENT_ARENA,
	ARGUMENT_LEADERBOARD_ID,
	ARGUMENT_TRIGGER_SOURCE,
	ARGUMENT_TRIGGERED_BY,
	ARGUMENT_DRY_RUN
};

/* The battles of all leaderboards of an arena, where they could be read */
typedef struct ArenaBattles
{
	const char *arena;
	List	   *slugs;			/* of the leaderboards */
	bool		read;
	MemoryContext memory;		/* what was read is there */
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

	begin_time_limit(read_settings(all->arena, NULL));
	all->battles = read_all_present_battles(all->arena, all->slugs);
}

/*
 * Step: make triggers that are missing of a kept tally.
 */
static void
mend(void *argument)
{
	mend_tally(((Run *) argument)->arena);
}

/*
 * Step: compare a sample of a kept tally with its battles.
 */
static void
sample(void *argument)
{
	const char *arena = ((Run *) argument)->arena;

	sample_tally(arena, read_settings(arena, NULL)->verify_leaderboards);
}

/*
 * Make ready the kept tally of an arena, if it has one.  Each step has a transaction
 * of its own, with which the locks of triggers end.  What fails is not of the runs.
 */
static void
tend_tally(Campaign *campaign, Run *call)
{
	static const Step steps[] = {mend, sample};
	MemoryContext caller = MemoryContextSwitchTo(campaign->memory);
	bool		is_kept = find_kept_tally(call->arena) != NULL || has_far_tally(call->arena);

	for (Size i = 0; is_kept && i < lengthof(steps); i++)
	{
		ErrorData  *error = campaign_try(campaign, steps[i], call);

		if (error == NULL)
			error = campaign_try_commit(campaign);
		if (error)
			campaign_cancelled(campaign, error);
	}
	MemoryContextSwitchTo(caller);
}

/*
 * Read the battles of all leaderboards, if that is possible.
 */
static ArenaBattles
try_read_all(Campaign *campaign, const char *arena, List *slugs)
{
	ArenaBattles all = {.arena = arena,.slugs = slugs};
	TimestampTz start = GetCurrentTimestamp();
	ErrorData  *error;

	all.memory = AllocSetContextCreate(campaign->memory, "bixarena_rank battles",
									   ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(all.memory);
	error = campaign_try(campaign, read_all, &all);
	MemoryContextSwitchTo(campaign->memory);
	end_time_limit(error);
	all.read = error == NULL;
	all.seconds = (GetCurrentTimestamp() - start) / (double) USECS_PER_SEC /
		Max(list_length(slugs), 1);
	if (error == NULL)
		error = campaign_try_commit(campaign);	/* what was read, was */
	if (error)
		campaign_cancelled(campaign, error);
	if (!all.read)
		MemoryContextDelete(all.memory);
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
 * The run of a call for the leaderboard at a place, from 0.
 */
static Run
run_at(const Run *call, const ArenaBattles *all, int place)
{
	Run			run = *call;

	run.slug = list_nth(all->slugs, place);
	run.number = place + 1;
	run.num_runs = list_length(all->slugs);
	run.read_seconds = all->read ? all->seconds : 0;
	return run;
}

/*
 * The runs of a call, whose keys are given, with their battles.
 */
static List *
list_runs(const Run *call, const ArenaBattles *all, const Datum *ids)
{
	List	   *runs = NIL;

	for (int i = 0; i < list_length(all->slugs); i++)
	{
		ReadRun    *run = palloc0(sizeof(ReadRun));

		run->run = run_at(call, all, i);
		run->run.correlation_id = ids[i];
		run->battles = battles_of(all, run->run.slug);
		runs = lappend(runs, run);
	}
	return runs;
}

/* The leaderboards of an arena, or one of them */
typedef struct Names
{
	const char *arena;
	const char *slug;			/* or NULL: all */
	List	   *slugs;
} Names;

/*
 * Step: find the leaderboards, when it is known too what has become of snapshots of
 * earlier runs.
 */
static void
find_names(void *argument)
{
	Names	   *names = argument;

	settle_arena(names->arena);
	names->slugs = names->slug ?
		list_make1(find_leaderboard(names->arena, names->slug)->slug) :
		list_leaderboards(names->arena);
}

/* Enough where a connection was lost that had been idle for long */
#define MAX_LISTING_TRIES 2

/*
 * The leaderboards that a call is to make runs of, whether their server can be
 * reached or not.
 */
static List *
list_names(Campaign *campaign, const char *arena, char *slug)
{
	Names		names = {.arena = arena,.slug = slug};
	ErrorData  *error = NULL;

	for (int tries = 0; tries < MAX_LISTING_TRIES && (tries == 0 || error); tries++)
	{
		error = campaign_do(campaign, find_names, &names);
		if (error && !connection_failed(error))
			ReThrowError(error);
	}
	if (error)
		names.slugs = slug ? list_make1(slug) : slugs_of_last_call(arena);
	if (error && names.slugs == NIL)
		names.slugs = list_make1("overall");
	return names.slugs;
}

/*
 * A run of each leaderboard, with the lock of the call.
 */
static void
make_all_locked(Campaign *campaign, Run *call, List *slugs)
{
	Datum	   *ids = record_call(call, slugs);
	bool		is_together;
	ListCell   *cell;
	ArenaBattles all;

	campaign_commit(campaign);
	campaign->call = call;
	take_up_waiting_runs(campaign, call->arena);
	tend_tally(campaign, call);
	all = try_read_all(campaign, call->arena, slugs);
	is_together = all.read && has_writer(call->arena);
	if (is_together && make_together(campaign, list_runs(call, &all, ids)))
		return;
	if (is_together)
	{
		/* a run leaves its battles in another order */
		MemoryContextDelete(all.memory);
		all = try_read_all(campaign, call->arena, slugs);
	}
	foreach(cell, list_runs(call, &all, ids))
	{
		ReadRun    *run = lfirst(cell);

		run->run.may_be_stored = is_together;
		campaign_make_own(campaign, run->run, run->battles);
	}
}

static void
make_all(Campaign *campaign, Run *call, List *slugs)
{
	const unsigned char *key;

	call->call_id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
	call->started_at = GetCurrentTimestamp();
	key = DatumGetUUIDP(call->call_id)->data;
	(void) lock_for_session(LOCK_RUN, key, UUID_LEN);
	PG_TRY();
	{
		make_all_locked(campaign, call, slugs);
	}
	PG_FINALLY();
	{
		unlock_for_session(LOCK_RUN, key, UUID_LEN);
	}
	PG_END_TRY();
}

/*
 * A run of one leaderboard.
 */
static void
make_one(Campaign *campaign, Run run)
{
	take_up_waiting_runs(campaign, run.arena);
	run.number = run.num_runs = 1;
	campaign_make_own(campaign, run, NULL);
}

/* A run that is not to be written, with battles that have been read, or NULL */
typedef struct DryRun
{
	Run			run;
	Battles    *battles;
} DryRun;

/*
 * Step: all of a run but what it writes.
 */
static void
try_run(void *argument)
{
	Run		   *run = &((DryRun *) argument)->run;

	run->leaderboard = find_leaderboard(run->arena, run->slug);
	run->settings = read_settings(run->arena, run->slug);
	run->status = "skipped";
	if (run->settings->enabled)
		make_snapshot(run, ((DryRun *) argument)->battles, true);
	else
		run->reason = "paused by the setting enabled";
}

static void
tell_dry_run(const Run *run)
{
	if (run->error)
		ereport(NOTICE,
				(errmsg("leaderboard \"%s\" would fail: %s", run->slug, run->error->message)));
	else if (run->reason)
		ereport(NOTICE,
				(errmsg("leaderboard \"%s\" would be skipped: %s", run->slug, run->reason)));
	else
		ereport(NOTICE,
				(errmsg("leaderboard \"%s\" would have %d entries from %lld evaluations",
						run->slug, run->entry_count, (long long) run->evaluation_count)));
}

/*
 * A dry run of each leaderboard.
 */
static void
try_all(Campaign *campaign, const Run *call, List *slugs, const ArenaBattles *all)
{
	for (int i = 0; i < list_length(slugs); i++)
	{
		DryRun		dry = {.run = run_at(call, all, i)};
		ErrorData  *error;

		MemoryContextSwitchTo(campaign->run_memory);
		dry.battles = battles_of(all, dry.run.slug);
		error = campaign_do(campaign, try_run, &dry);
		if (error)
			campaign_cancelled(campaign, error);
		dry.run.error = error;
		tell_dry_run(&dry.run);
		campaign->num_runs++;
		if (error)
			campaign_note_failure(campaign, &dry.run, error);
		MemoryContextSwitchTo(campaign->memory);
		MemoryContextReset(campaign->run_memory);
	}
}

Datum
bixarena_generate_snapshots(PG_FUNCTION_ARGS)
{
	Campaign	campaign = {0};
	Run			run = {0};

	check_version();
	campaign.dry_run = !PG_ARGISNULL(ARGUMENT_DRY_RUN) && PG_GETARG_BOOL(ARGUMENT_DRY_RUN);
	campaign_begin_procedure(&campaign, fcinfo, "bixarena_generate_snapshots()");
	run.arena = resolve_arena(argument_text(fcinfo, ARGUMENT_ARENA));
	run.slug = argument_text(fcinfo, ARGUMENT_LEADERBOARD_ID);
	run.trigger_source = checked_trigger_source(argument_text(fcinfo, ARGUMENT_TRIGGER_SOURCE));
	run.triggered_by = checked_triggered_by(argument_text(fcinfo, ARGUMENT_TRIGGERED_BY));
	if (!campaign.dry_run)
		check_may_write(run.arena);
	if (campaign.dry_run && run.slug)
	{
		ArenaBattles none = {.slugs = list_make1(find_leaderboard(run.arena, run.slug)->slug)};

		try_all(&campaign, &run, none.slugs, &none);
	}
	else if (campaign.dry_run)
	{
		List	   *slugs = list_leaderboards(run.arena);
		ArenaBattles all = try_read_all(&campaign, run.arena, slugs);

		try_all(&campaign, &run, slugs, &all);
	}
	else if (run.slug)
	{
		run.slug = linitial(list_names(&campaign, run.arena, unconstify(char *, run.slug)));
		make_one(&campaign, run);
	}
	else
		make_all(&campaign, &run, list_names(&campaign, run.arena, NULL));
	campaign_end(&campaign);
	PG_RETURN_VOID();
}
