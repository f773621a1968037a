/*-------------------------------------------------------------------------
 *
 * generate_all.c
 *	  bixarena_generate_snapshots(): every leaderboard of an arena.
 *
 * One grouped query reads the battles of all leaderboards, so that they speak
 * of the same moment and the votes are gone through once.  Only if it fails is
 * each leaderboard read by itself, so that the one at fault is found and named.
 *
 * Each leaderboard is done in a transaction of its own.  Its run is put on
 * record and committed before the work begins, which leaves a trace whatever
 * happens.  The work is done in a subtransaction: if it fails that is rolled
 * back, the failure goes on record, and the others go on.  A failure that may
 * pass by itself (a lost connection, a conflict between transactions, a lack of
 * resources, a lock not available, a server shutting down) is tried again, after
 * a while that grows, up to the setting max_attempts, with battles read anew.
 *
 * When all are done and committed, the procedure fails if any run did, so that
 * whoever called it, pg_cron for one, sees it.
 *
 * Cancelling ends all of it at once, and leaves the run at hand as running.
 *
 * Memory: what is kept over transactions lives in the context of the
 * procedure's SPI connection, what a run needs in one that is reset after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "bixarena_rank.h"

PG_FUNCTION_INFO_V1(bixarena_generate_snapshots);

/* Arguments of bixarena_generate_snapshots() */
enum
{
	ARGUMENT_ARENA,
	ARGUMENT_TRIGGER_SOURCE,
	ARGUMENT_TRIGGERED_BY
};

/* A call, and how it goes */
typedef struct Campaign
{
	char	   *arena;
	char	   *trigger_source;
	char	   *triggered_by;
	MemoryContext memory;		/* lasts as long as the call */
	MemoryContext run_memory;	/* reset after each run */
	bool		read_at_once;	/* all battles have been read */
	List	   *battles;		/* Battles, where they have */
	double		read_seconds;	/* each leaderboard's share of that */
	int			num_runs;
	int			num_failed;
	int			first_error;	/* SQLSTATE of the first failure */
	StringInfoData failures;	/* for the message at the end */
} Campaign;

/* What a step of a campaign does, in a subtransaction */
typedef void (*CampaignStep) (Campaign *campaign, Run *run);

/*
 * Make a new transaction ready for queries: a snapshot, which a procedure loses
 * when it commits, and the search_path, which a procedure that commits cannot
 * pin by a SET clause.
 */
static void
begin_step(void)
{
	EnsurePortalSnapshotExists();
	set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
					  PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}

static void
commit_and_go_on(void)
{
	SPI_commit();
	begin_step();
}

/*
 * Is it a failure that may pass by itself?
 */
static bool
is_transient(int sqlstate)
{
	return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_CONNECTION_EXCEPTION ||
		ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_TRANSACTION_ROLLBACK ||
		ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_INSUFFICIENT_RESOURCES ||
		sqlstate == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlstate == ERRCODE_CANNOT_CONNECT_NOW;
}

/*
 * Do a step in a subtransaction.  Returns the error that it ended with, NULL if
 * it did not.  A cancel is not held up.
 */
static ErrorData *
try_step(Campaign *campaign, Run *run, CampaignStep step)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		step(campaign, run);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	if (error && (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
				  error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN))
		ReThrowError(error);
	return error;
}

/*
 * Step: read the battles of all leaderboards.
 */
static void
read_all(Campaign *campaign, Run *run)
{
	campaign->battles = read_arena_battles(campaign->arena);
}

/*
 * The battles of a leaderboard among those that have been read: NULL if none
 * have, and battles of nobody if it has none.
 */
static Battles *
battles_of(const Campaign *campaign, const char *slug)
{
	ListCell   *cell;

	if (!campaign->read_at_once)
		return NULL;
	foreach(cell, campaign->battles)
	{
		Battles    *battles = lfirst(cell);

		if (strcmp(battles->leaderboard, slug) == 0)
			return battles;
	}
	return no_battles();
}

/*
 * Step: the snapshot of a run, with the record of its end.  It works on a copy
 * of the run, so that nothing is left there of an attempt that fails.
 */
static void
make_run(Campaign *campaign, Run *run)
{
	Run			attempt = *run;
	Battles    *battles = run->attempts == 1 ?
		battles_of(campaign, run->leaderboard->slug) : NULL;

	attempt.read_seconds = battles ? campaign->read_seconds : 0;
	lock_leaderboard(attempt.leaderboard, true);
	make_snapshot(&attempt, battles, false);
	record_end(&attempt);
}

/*
 * A run of a leaderboard, on record and committed before it is made.  NULL if
 * the leaderboard is paused.
 */
static Run *
start_run(const Campaign *campaign, const char *slug)
{
	Run		   *run = palloc0(sizeof(Run));

	run->leaderboard = find_leaderboard(campaign->arena, slug);
	run->settings = read_settings(campaign->arena, slug);
	if (!run->settings->enabled)
		return NULL;
	run->correlation_id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
	run->trigger_source = campaign->trigger_source;
	run->triggered_by = campaign->triggered_by;
	run->started_at = GetCurrentTimestamp();
	run->attempts = 1;
	record_start(run);
	commit_and_go_on();
	return run;
}

/*
 * Wait before another attempt, in a transaction that holds no snapshot yet.
 */
static void
wait_before_retry(const Run *run)
{
	double		seconds = run->settings->retry_seconds * run->attempts;
	TimestampTz until = GetCurrentTimestamp() + (int64) (seconds * USECS_PER_SEC);

	for (;;)
	{
		long		milliseconds = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
																   until);

		if (milliseconds <= 0)
			return;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 milliseconds, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

static void
note_failure(Campaign *campaign, const Run *run, const ErrorData *error)
{
	if (campaign->num_failed++ == 0)
		campaign->first_error = error->sqlerrcode;
	appendStringInfo(&campaign->failures, "%s%s: %s (%s)",
					 campaign->failures.len > 0 ? "\n" : "",
					 run->leaderboard->slug, error->message,
					 unpack_sql_state(error->sqlerrcode));
}

/*
 * Make the snapshot of one leaderboard, in as many attempts as it may take.
 */
static void
generate_one(Campaign *campaign, const char *slug)
{
	Run		   *run = start_run(campaign, slug);

	if (run == NULL)
		return;
	campaign->num_runs++;
	for (;;)
	{
		ErrorData  *error = try_step(campaign, run, make_run);
		bool		again;

		if (error == NULL)
		{
			commit_and_go_on();
			return;
		}
		again = is_transient(error->sqlerrcode) &&
			run->attempts < run->settings->max_attempts;
		run->ended_at = GetCurrentTimestamp();
		record_failure(run, error, !again);
		SPI_commit();
		if (again)
			wait_before_retry(run);
		begin_step();
		if (!again)
		{
			note_failure(campaign, run, error);
			return;
		}
		run->attempts++;
	}
}

static void
generate_all(Campaign *campaign)
{
	List	   *slugs = list_leaderboards(campaign->arena);
	TimestampTz start = GetCurrentTimestamp();
	ErrorData  *error = try_step(campaign, NULL, read_all);
	ListCell   *cell;

	campaign->read_at_once = error == NULL;
	campaign->read_seconds = (GetCurrentTimestamp() - start) /
		(double) USECS_PER_SEC / Max(list_length(slugs), 1);
	commit_and_go_on();

	foreach(cell, slugs)
	{
		MemoryContextSwitchTo(campaign->run_memory);
		generate_one(campaign, lfirst(cell));
		MemoryContextSwitchTo(campaign->memory);
		MemoryContextReset(campaign->run_memory);
	}
	if (campaign->num_failed > 0)
		ereport(ERROR,
				(errcode(campaign->first_error),
				 errmsg("%d of %d leaderboards of arena \"%s\" failed",
						campaign->num_failed, campaign->num_runs, campaign->arena),
				 errdetail("%s", campaign->failures.data),
				 errhint("What succeeded is committed; bixarena.run has the details.")));
}

Datum
bixarena_generate_snapshots(PG_FUNCTION_ARGS)
{
	Campaign	campaign = {0};

	if (!fcinfo->context || !IsA(fcinfo->context, CallContext) ||
		((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("bixarena_generate_snapshots() cannot run inside a transaction block"),
				 errhint("It commits each leaderboard by itself: CALL it on its own.")));
	PreventCommandIfReadOnly("bixarena_generate_snapshots()");

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	begin_step();
	campaign.memory = CurrentMemoryContext;
	campaign.run_memory = AllocSetContextCreate(CurrentMemoryContext,
												"bixarena_rank run",
												ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&campaign.failures);
	campaign.arena = resolve_arena(argument_text(fcinfo, ARGUMENT_ARENA));
	campaign.trigger_source = checked_trigger_source(argument_text(fcinfo, ARGUMENT_TRIGGER_SOURCE));
	campaign.triggered_by = checked_triggered_by(argument_text(fcinfo, ARGUMENT_TRIGGERED_BY));
	generate_all(&campaign);
	SPI_finish();
	PG_RETURN_VOID();
}
