/*-------------------------------------------------------------------------
 *
 * campaign.c
 *	  Many runs in one call, each in transactions of its own.
 *
 * Procedures and the background worker make runs one after the other.  Each is
 * put on record and committed before the work begins, which leaves a trace
 * whatever happens, and its lock (locks.c) tells others that somebody is at it.
 *
 * The work is done in a subtransaction, from which an error gets out with the
 * caller's stack as it was.  Then all of the transaction is rolled back: had a
 * connection to another server been lost in the subtransaction, the transaction
 * could not commit any more.  The failure goes on record in a new one, and the next
 * run goes on.  A commit that fails is a failure of the run too, and so is all else
 * that goes wrong between its beginning and its end.  A failure that may pass by
 * itself (a lost connection, a conflict between transactions, a lack of resources,
 * a lock not available, a server starting) is tried again, after a while that
 * grows, up to the setting max_attempts, with battles read anew.
 *
 * Where the arena's tables are on another server, that commits first.  When it is
 * not known whether it has, the run has not ended, and its next attempt finds the
 * snapshot that there may be (recovery.c).  Once a run of a call has failed since
 * that server cannot be reached, the others of the call have one attempt each,
 * until one succeeds.
 *
 * When all are done and committed, the call fails if any run did, so that
 * whoever made it, pg_cron for one, sees it.
 *
 * A cancel is a failure of the run at hand, and of those that the call has on
 * record and not begun (call.c), and ends the call; in the background worker,
 * which nobody waits for, it is one of the run at hand only.  So it is, in either,
 * when a run takes longer than the setting run_timeout allows (time_limit.c).
 *
 * Notices (notice.c) go out after the commit of what they tell, in a transaction
 * of their own.  When the server cannot take them, that fails and nothing else.
 *
 * The caller, which may be a procedure or a DO block, finds its transaction as
 * after any COMMIT.  Each of our transactions has its own isolation, so that each
 * query sees what was committed before it, and search_path, which a procedure
 * that commits cannot pin by a SET clause.  Both end with the transaction: the
 * isolation as after COMMIT AND CHAIN, search_path as after a function.
 *
 * Memory: what is kept over transactions lives in the context of the SPI
 * connection, what a run needs in one that is reset after it.  A call has the
 * memory of its largest run, besides the list of what it is to make.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "run/run.h"

/* Failures that the error of a call lists at most */
#define MAX_FAILURES_LISTED 100

/*
 * Make a new transaction ready for queries.
 */
static void
begin_transaction(Campaign *campaign)
{
	SavedTransactionCharacteristics ours = campaign->caller;

	ours.save_XactIsoLevel = XACT_READ_COMMITTED;
	ours.save_XactDeferrable = false;
	RestoreTransactionCharacteristics(&ours);
	campaign->guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", PINNED_SEARCH_PATH, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	retake_session_locks();
	PushActiveSnapshot(GetTransactionSnapshot());
}

/*
 * Commit, and go on in a new transaction that cannot run queries yet.
 */
static void
end_transaction(Campaign *campaign)
{
	PopActiveSnapshot();
	AtEOXact_GUC(true, campaign->guc_level);
	SPI_commit();
}

void
campaign_commit(Campaign *campaign)
{
	end_transaction(campaign);
	begin_transaction(campaign);
}

/*
 * Commit what may fail to, as by deferred constraints and triggers of the arena's,
 * or a connection to another server.  Returns the error if it does; then all is rolled back.
 */
ErrorData *
campaign_try_commit(Campaign *campaign)
{
	MemoryContext memory = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	PG_TRY();
	{
		end_transaction(campaign);
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
	begin_transaction(campaign);
	return error;
}

/*
 * Begin, in a transaction that has not run any query but the CALL.
 */
void
campaign_begin(Campaign *campaign)
{
	SaveTransactionCharacteristics(&campaign->caller);
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	begin_transaction(campaign);
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
	if (!campaign->dry_run)
		PreventCommandIfReadOnly(name);
	campaign->stops_when_cancelled = true;
	campaign_begin(campaign);
}

/*
 * Do a step, with nothing else in its transaction.  Returns the error that it ended
 * with, NULL if it did not; then all of the transaction is rolled back.
 */
ErrorData *
campaign_try(Campaign *campaign, Step step, void *argument)
{
	ErrorData  *error = try_step(step, argument);

	if (error)
	{
		PopActiveSnapshot();
		SPI_rollback();
		begin_transaction(campaign);
	}
	return error;
}

/*
 * Do a step and commit it.  Returns the error if either fails; then all is rolled
 * back.
 */
ErrorData *
campaign_do(Campaign *campaign, Step step, void *argument)
{
	ErrorData  *error = campaign_try(campaign, step, argument);

	if (error == NULL)
		return campaign_try_commit(campaign);
	end_time_limit(error);
	return error;
}

/*
 * A notice is lost that the server could not take, be its queue full or its disk.
 */
static void
report_unsent(Campaign *campaign, ErrorData *error)
{
	campaign_cancelled(campaign, error);
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("a notice could not be sent: %s", error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 errhint("What it was to tell is committed; bixarena.run has it.")));
}

/*
 * Send the notice that has been kept for after the commit.
 */
void
campaign_send_notice(Campaign *campaign)
{
	ErrorData  *error;

	if (campaign->notice == NULL)
		return;
	error = try_step(queue_kept_notice, campaign);
	if (error == NULL)
		error = campaign_try_commit(campaign);
	drop_kept_notice(campaign);
	if (error)
		report_unsent(campaign, error);
}

/*
 * Tell how a call went, if it is one that is summed up.
 */
static void
sum_up(Campaign *campaign)
{
	ErrorData  *error;

	if (campaign->call == NULL)
		return;
	error = try_step(notify_call, campaign);
	campaign->call = NULL;
	if (error)
		report_unsent(campaign, error);
	else
		campaign_send_notice(campaign);
}

/*
 * This error, if it is a cancel other than by the time limit of a run, ends the
 * call and all runs that it has on record and not begun.
 */
void
campaign_cancelled(Campaign *campaign, ErrorData *error)
{
	if (error->sqlerrcode != ERRCODE_QUERY_CANCELED || !campaign->stops_when_cancelled ||
		time_limit_passed())
		return;
	if (campaign->call)
	{
		record_never_begun(campaign->call, error);
		campaign_commit(campaign);
		sum_up(campaign);
	}
	ReThrowError(error);
}

/*
 * End.  It is an error if runs have failed.
 */
void
campaign_end(Campaign *campaign)
{
	sum_up(campaign);
	if (campaign->num_failed > MAX_FAILURES_LISTED)
		appendStringInfo(&campaign->failures, "\nand %d more",
						 campaign->num_failed - MAX_FAILURES_LISTED);
	if (campaign->num_failed > 0)
		ereport(ERROR,
				(errcode(campaign->first_error),
				 errmsg("%d of %d runs failed", campaign->num_failed,
						campaign->num_runs),
				 errdetail_internal("%s", campaign->failures.data),
				 campaign->dry_run ? errhint("It was a dry run: nothing is on record.") :
				 errhint("What succeeded is committed; bixarena.run has the details.")));
	end_transaction(campaign);
	RestoreTransactionCharacteristics(&campaign->caller);
	SPI_finish();
}

/*
 * An attempt, from the leaderboard to the record of the run's end.
 */
void
campaign_attempt(Run *run, Battles *battles)
{
	/* DROP EXTENSION locks the arenas before the settings, and so does this */
	read_arenas();
	run->settings = read_run_settings(run);
	begin_time_limit(run->settings);
	run->leaderboard = battles && battles->leaderboard_id ?
		known_leaderboard(run->arena, run->slug, battles->leaderboard_id) :
		find_leaderboard(run->arena, run->slug);
	if (run->settings->enabled)
	{
		lock_leaderboard(run->leaderboard, true);
		if ((run->attempts == 1 && !run->may_be_stored) || !find_stored_snapshot(run))
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
 * Step: the same.
 */
static void
make_attempt(void *argument)
{
	ReadRun    *attempt = argument;

	campaign_attempt(&attempt->run, attempt->battles);
}

/*
 * Try an attempt and commit it.  It is made on a copy of the run, so that nothing
 * is left there of one that fails but what it was made with.
 */
static ErrorData *
try_attempt(Campaign *campaign, Run *run, Battles *battles)
{
	ReadRun		attempt = {*run, battles};
	ErrorData  *error;

	if (battles == NULL)
		attempt.run.read_seconds = 0;
	error = campaign_do(campaign, make_attempt, &attempt);
	if (error)
		drop_kept_notice(campaign);
	else
		campaign->is_cut_off = false;
	run->settings = attempt.run.settings;
	return error;
}

/*
 * Is it a failure that may pass by itself, and may the run have another attempt?
 */
static bool
may_try_again(const Campaign *campaign, const Run *run, const ErrorData *error)
{
	const Settings *settings = settings_of(run);
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (run->attempts >= settings->max_attempts)
		return false;
	if (connection_failed(error))
		return !campaign->is_cut_off;
	return category == ERRCODE_TRANSACTION_ROLLBACK ||
		category == ERRCODE_INSUFFICIENT_RESOURCES ||
		error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
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
		wait_for(milliseconds);
	}
}

/* What goes on record in a subtransaction */
typedef struct Entry
{
	Run		   *run;
	RunBeginning begin;			/* its beginning, which there may be none of */
	bool		begun;
	const ErrorData *error;		/* or its failure */
	bool		for_good;
} Entry;

/*
 * Step: put on record that a run begins, or a further attempt at it.
 */
static void
enter_beginning(void *argument)
{
	Entry	   *entry = argument;

	entry->begun = entry->begin(entry->run);
}

/*
 * Step: put on record that an attempt has failed.
 */
static void
enter_failure(void *argument)
{
	Entry	   *entry = argument;

	record_failure(entry->run, entry->error, entry->for_good);
}

static ErrorData *
try_entry(Campaign *campaign, Step step, Entry *entry)
{
	ErrorData  *error = try_step(step, entry);

	return error ? error : campaign_try_commit(campaign);
}

/*
 * Commit, wait, and put another attempt on record.  No snapshot is held while
 * it waits, which would hold up vacuum.  Returns the error if there cannot be
 * one, as by a cancel.
 */
static ErrorData *
begin_next_attempt(Campaign *campaign, Run *run)
{
	Entry		entry = {.run = run,.begin = record_attempt};
	ErrorData  *error;

	end_transaction(campaign);
	error = try_step(wait_before_attempt, run);
	begin_transaction(campaign);
	return error ? error : try_entry(campaign, enter_beginning, &entry);
}

/*
 * Put the failure of an attempt on record.  If that is not possible either, the
 * run stays there as running, and is taken up again when somebody looks for runs
 * that wait.
 */
static bool
put_failure_on_record(Campaign *campaign, Run *run, ErrorData *failure, bool for_good)
{
	Entry		entry = {.run = run,.error = failure,.for_good = for_good};
	ErrorData  *error = try_entry(campaign, enter_failure, &entry);

	if (error)
	{
		drop_kept_notice(campaign);
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("the failure of a run of leaderboard \"%s\" could not be put on record: %s",
						run->slug, error->message)));
	}
	return error == NULL;
}

/*
 * Make a run that is on record, in as many attempts as it may take.  Returns
 * the error that it has failed with, if it has.
 */
static ErrorData *
carry_out(Campaign *campaign, Run *run, Battles *battles)
{
	ErrorData  *error = try_attempt(campaign, run, battles);

	while (error && may_try_again(campaign, run, error))
	{
		if (!put_failure_on_record(campaign, run, error, false))
			return error;
		error = begin_next_attempt(campaign, run);
		if (error)
			break;
		error = try_attempt(campaign, run, NULL);
	}
	if (error)
	{
		campaign->is_cut_off = campaign->call && connection_failed(error);
		put_failure_on_record(campaign, run, error, true);
	}
	return error;
}

void
campaign_note_failure(Campaign *campaign, const Run *run, const ErrorData *error)
{
	MemoryContext caller = MemoryContextSwitchTo(campaign->memory);

	if (campaign->num_failed++ == 0)
		campaign->first_error = error->sqlerrcode;
	if (campaign->num_failed <= MAX_FAILURES_LISTED)
		appendStringInfo(&campaign->failures, "%s%s: %s (%s)",
						 campaign->failures.len > 0 ? "\n" : "",
						 run->slug, error->message,
						 unpack_sql_state(error->sqlerrcode));
	MemoryContextSwitchTo(caller);
}

/*
 * Begin a run and carry it out, with its lock.  Returns the error that it has
 * failed with, if it has.
 */
static ErrorData *
begin_and_carry_out(Campaign *campaign, Entry *entry, Battles *battles)
{
	ErrorData  *error = try_entry(campaign, enter_beginning, entry);

	if (error == NULL && !entry->begun)
		return NULL;
	campaign->num_runs++;
	if (error == NULL)
		return carry_out(campaign, entry->run, battles);

	if (entry->begin == record_start)
		return error;
	/* whoever takes up runs that wait would find it again and again */
	if (!put_failure_on_record(campaign, entry->run, error, true) &&
		entry->begin != record_attempt)
		ReThrowError(error);
	return error;
}

/*
 * Make a run, of which the battles may have been read.  "begin" puts its
 * beginning on record, or returns false if there is nothing to do.
 */
void
campaign_make(Campaign *campaign, Run *run, RunBeginning begin, Battles *battles)
{
	const unsigned char *key = DatumGetUUIDP(run->correlation_id)->data;
	Entry		entry = {.run = run,.begin = begin};
	ErrorData  *volatile error = NULL;

	if (!lock_for_session(LOCK_RUN, key, UUID_LEN))
		return;
	run->campaign = campaign;
	PG_TRY();
	{
		error = begin_and_carry_out(campaign, &entry, battles);
	}
	PG_FINALLY();
	{
		unlock_for_session(LOCK_RUN, key, UUID_LEN);
	}
	PG_END_TRY();

	campaign_send_notice(campaign);
	if (error == NULL)
		return;
	campaign_cancelled(campaign, error);
	campaign_note_failure(campaign, run, error);
}

/*
 * Make a run of this call, in memory of its own.  It is put on record now,
 * unless it was when the call began.
 */
void
campaign_make_own(Campaign *campaign, Run run, Battles *battles)
{
	RunBeginning begin = record_attempt;

	MemoryContextSwitchTo(campaign->run_memory);
	if (run.correlation_id == (Datum) 0)
	{
		begin = record_start;
		run.correlation_id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
		run.attempts = 1;
		run.started_at = GetCurrentTimestamp();
	}
	campaign_make(campaign, &run, begin, battles);
	MemoryContextSwitchTo(campaign->memory);
	MemoryContextReset(campaign->run_memory);
}
