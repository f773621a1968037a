/*-------------------------------------------------------------------------
 *
 * campaign.c
 *	  Many runs in one call, each in transactions of its own.
 *
 * Procedures and the background worker make runs one after the other.  Each is
 * put on record and committed before the work begins, which leaves a trace
 * whatever happens, and its lock (locks.c) tells others that somebody is at it.
 *
 * The work is done in a subtransaction: if it fails that is rolled back, the
 * failure goes on record, and the next run goes on.  A commit that fails is a
 * failure of the run too.  A failure that may pass by
 * itself (a lost connection, a conflict between transactions, a lack of
 * resources, a lock not available, a server starting) is tried again, after a
 * while that grows, up to the setting max_attempts, with battles read anew.
 *
 * When all are done and committed, the call fails if any run did, so that
 * whoever made it, pg_cron for one, sees it.
 *
 * A cancel is a failure of the run at hand, and ends the call; in the background
 * worker, which nobody waits for, only the run.  So does, in either, a run that
 * takes longer than the setting run_timeout allows (time_limit.c).
 *
 * Memory: what is kept over transactions lives in the context of the SPI
 * connection, what a run needs in one that is reset after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
#include "utils/wait_event.h"

#include "bixarena_rank.h"

/*
 * Make a new transaction ready for queries: its isolation, so that each query
 * sees what was committed before it, a snapshot, and the search_path, which a
 * procedure that commits cannot pin by a SET clause.
 */
static void
begin_transaction(void)
{
	XactIsoLevel = XACT_READ_COMMITTED;
	set_config_option("search_path", PINNED_SEARCH_PATH, PGC_USERSET,
					  PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	retake_session_locks();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/*
 * Commit, and go on in a new transaction that cannot run queries yet.
 */
static void
end_transaction(void)
{
	PopActiveSnapshot();
	SPI_commit();
}

void
campaign_commit(void)
{
	end_transaction();
	begin_transaction();
}

/*
 * Begin, in a transaction that has not run any query but the CALL.
 */
void
campaign_begin(Campaign *campaign)
{
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	begin_transaction();
	campaign->memory = CurrentMemoryContext;
	campaign->run_memory = AllocSetContextCreate(CurrentMemoryContext,
												 "bixarena_rank run",
												 ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&campaign->failures);
}

/*
 * Begin in a procedure of this name, if it can commit where it is called.
 */
void
campaign_begin_procedure(Campaign *campaign, FunctionCallInfo fcinfo,
						 const char *name)
{
	if (!fcinfo->context || !IsA(fcinfo->context, CallContext) ||
		((CallContext *) fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block", name),
				 errhint("It commits each run by itself: CALL it on its own.")));
	PreventCommandIfReadOnly(name);
	campaign->stops_when_cancelled = true;
	campaign_begin(campaign);
}

/*
 * End.  It is an error if runs have failed.
 */
void
campaign_end(Campaign *campaign)
{
	if (campaign->num_failed > 0)
		ereport(ERROR,
				(errcode(campaign->first_error),
				 errmsg("%d of %d runs failed", campaign->num_failed,
						campaign->num_runs),
				 errdetail("%s", campaign->failures.data),
				 errhint("What succeeded is committed; bixarena.run has the details.")));
	PopActiveSnapshot();
	SPI_finish();
}

/*
 * Do a step in a subtransaction.  Returns the error that it ended with, NULL if
 * it did not.
 */
ErrorData *
campaign_try(CampaignStep step, void *argument)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		step(argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		/*
		 * First out of the subtransaction: if there is no memory for a copy
		 * of the error, the session must not be left in it.
		 */
		MemoryContextSwitchTo(memory);
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	return error;
}

/* An attempt at a run, with battles that have been read, or NULL */
typedef struct Attempt
{
	Run			run;
	Battles    *battles;
} Attempt;

/*
 * Step: an attempt, from the leaderboard to the record of the run's end.
 */
static void
make_attempt(void *argument)
{
	Battles    *battles = ((Attempt *) argument)->battles;
	Run		   *run = &((Attempt *) argument)->run;

	run->settings = read_run_settings(run);
	begin_time_limit(run->settings);
	run->leaderboard = find_leaderboard(run->arena, run->slug);
	if (run->settings->enabled)
	{
		lock_leaderboard(run->leaderboard, true);
		make_snapshot(run, battles, false);
	}
	else
	{
		run->status = "skipped";
		run->reason = "paused by the setting enabled";
		run->ended_at = GetCurrentTimestamp();
	}
	record_end(run);
}

/*
 * Commit, which deferred constraints and triggers of the arena's may prevent.
 * Returns the error if it fails; then all is rolled back.
 */
static ErrorData *
try_commit(void)
{
	MemoryContext memory = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		end_transaction();
	}
	PG_CATCH();
	{
		/* SPI_commit has begun a new transaction */
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	end_time_limit(error);
	begin_transaction();
	return error;
}

/*
 * Try an attempt and commit it.  It is made on a copy of the run, so that nothing
 * is left there of one that fails but what it was made with.
 */
static ErrorData *
try_attempt(Run *run, Battles *battles)
{
	Attempt		attempt = {*run, battles};
	ErrorData  *error;

	if (battles == NULL)
		attempt.run.read_seconds = 0;
	error = campaign_try(make_attempt, &attempt);
	if (error == NULL)
		error = try_commit();
	else
		end_time_limit(error);
	run->settings = attempt.run.settings;
	return error;
}

/*
 * Is it a failure that may pass by itself, and may the run have another attempt?
 */
static bool
may_try_again(const Run *run, const ErrorData *error)
{
	const Settings *settings = settings_of(run);
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return run->attempts < settings->max_attempts &&
		(category == ERRCODE_CONNECTION_EXCEPTION ||
		 category == ERRCODE_TRANSACTION_ROLLBACK ||
		 category == ERRCODE_INSUFFICIENT_RESOURCES ||
		 error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		 error->sqlerrcode == ERRCODE_CANNOT_CONNECT_NOW);
}

/*
 * Step: wait before another attempt.
 */
static void
wait_before_attempt(void *argument)
{
	const Run  *run = argument;
	const Settings *settings = settings_of(run);
	TimestampTz until = GetCurrentTimestamp() +
		(int64) (settings->retry_seconds * run->attempts * USECS_PER_SEC);

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

/*
 * Commit, wait, and put another attempt on record.  No snapshot is held while
 * it waits, which would hold up vacuum.  Returns the error if it was cancelled.
 */
static ErrorData *
begin_next_attempt(Run *run)
{
	ErrorData  *error;

	end_transaction();
	error = campaign_try(wait_before_attempt, run);
	begin_transaction();
	if (error == NULL)
	{
		record_attempt(run);
		campaign_commit();
	}
	return error;
}

/*
 * Make a run that is on record, in as many attempts as it may take.  Returns
 * the error that it has failed with, if it has.
 */
static ErrorData *
carry_out(Run *run, Battles *battles)
{
	ErrorData  *error = try_attempt(run, battles);

	while (error && may_try_again(run, error))
	{
		record_failure(run, error, false);
		error = begin_next_attempt(run);
		if (error == NULL)
			error = try_attempt(run, NULL);
	}
	if (error)
	{
		record_failure(run, error, true);
		campaign_commit();
	}
	return error;
}

static void
note_failure(Campaign *campaign, const Run *run, const ErrorData *error)
{
	MemoryContext caller = MemoryContextSwitchTo(campaign->memory);

	if (campaign->num_failed++ == 0)
		campaign->first_error = error->sqlerrcode;
	appendStringInfo(&campaign->failures, "%s%s: %s (%s)",
					 campaign->failures.len > 0 ? "\n" : "", run->slug,
					 error->message, unpack_sql_state(error->sqlerrcode));
	MemoryContextSwitchTo(caller);
}

/*
 * Make a run, of which the battles may have been read.  "begin" puts its
 * beginning on record, or returns false if there is nothing to do.
 */
void
campaign_make(Campaign *campaign, Run *run, RunBeginning begin, Battles *battles)
{
	const unsigned char *key = DatumGetUUIDP(run->correlation_id)->data;
	ErrorData  *volatile error = NULL;

	if (!lock_for_session(LOCK_RUN, key, UUID_LEN))
		return;
	PG_TRY();
	{
		bool		begun = begin(run);

		campaign_commit();
		if (begun)
		{
			campaign->num_runs++;
			error = carry_out(run, battles);
		}
	}
	PG_FINALLY();
	{
		unlock_for_session(LOCK_RUN, key, UUID_LEN);
	}
	PG_END_TRY();

	if (error == NULL)
		return;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && !time_limit_passed() &&
		campaign->stops_when_cancelled)
		ReThrowError(error);
	note_failure(campaign, run, error);
}

/*
 * Make a run that nobody has asked for before, in memory of its own.
 */
void
campaign_make_new(Campaign *campaign, Run run, Battles *battles)
{
	MemoryContextSwitchTo(campaign->run_memory);
	run.correlation_id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
	run.attempts = 1;
	run.started_at = GetCurrentTimestamp();
	campaign_make(campaign, &run, record_start, battles);
	MemoryContextSwitchTo(campaign->memory);
	MemoryContextReset(campaign->run_memory);
}
