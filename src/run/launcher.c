/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The background worker that starts workers.
 *
 * Each database has one launcher while runs wait there, and none else: nothing
 * need be preloaded, and an idle database has no process of ours.  It is started
 * by whoever has made a request, once that has committed, or finds that runs wait
 * that are another's to make.  It starts a worker for each queue (waiting.c) and
 * ends when no run waits and no worker of its own is left.
 *
 * It alone starts workers, and so it alone has to know when one may be started
 * again.  A worker that has left runs behind has failed, whatever it was: it could
 * not connect as its role, it was killed, or its queue was at fault.  The next is
 * started after a while that grows (setting retry_seconds of the first run that
 * waits, at least a second).  Once max_attempts of them have come to nothing, so
 * that the first run is still where it was, the queue's runs have failed; the
 * launcher stays until the while is over all the same.  If the server has no slot
 * for a worker (max_worker_processes), the runs wait.
 *
 * It also fails runs that have waited for too long, and those of roles that are
 * gone.  It belongs to no user, and runs nothing but our own queries on our own
 * tables.
 *
 * A prepared transaction tells nobody when it is committed.  So the launcher,
 * which is started when one is prepared that has made a request, stays for
 * PREPARED_SECONDS, and sees the run if it is committed by then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "run/run.h"

/* How often it looks while it has something to wait for */
#define POLL_MS 200

#define MIN_BACKOFF_SECONDS 1.0
#define BACKOFF_AFTER_ERROR_SECONDS 10

#define PREPARED_SECONDS 60

StaticAssertDecl(sizeof(Oid) + sizeof(Queue) <= BGW_EXTRALEN,
				 "orders of a worker must fit into bgw_extra");

PGDLLEXPORT void bixarena_launcher_main(Datum argument);

/* A queue for which workers are, or were, started */
typedef struct Watch
{
	Queue		queue;
	BackgroundWorkerHandle *worker; /* or NULL */
	int			failures;		/* workers in a row that came to nothing */
	TimestampTz ended_at;		/* when the last one had */
	int64		wait;			/* and microseconds from then to the next */
	pg_uuid_t	first_run;		/* that waited when the last one was started */
	int			first_attempts; /* and how often it had been begun */
} Watch;

/* Watches: they last as long as the launcher */
static List *watches = NIL;

/* Has this transaction made a request? */
static bool wakes_launcher = false;

/*
 * A background process that is told this database and begins in that function.
 */
static BackgroundWorker
process_of_this_database(const char *name, const char *function)
{
	BackgroundWorker worker = {0};

	strlcpy(worker.bgw_name, name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, name, BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "bixarena_rank", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	memcpy(worker.bgw_extra, &MyDatabaseId, sizeof(Oid));
	return worker;
}

/*
 * Start the launcher, unless it is at work.  This must not fail: it is called
 * after a commit too.  If the server has no free slot, runs wait until the next
 * who comes along.
 */
void
wake_launcher(void)
{
	BackgroundWorker worker;

	if (lock_is_held(LOCK_LAUNCHER, "", 0))
		return;
	worker = process_of_this_database("bixarena_rank launcher", "bixarena_launcher_main");
	(void) RegisterDynamicBackgroundWorker(&worker, NULL);
}

static void
at_transaction_end(XactEvent event, void *argument pg_attribute_unused())
{
	if (wakes_launcher && (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE))
		wake_launcher();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		wakes_launcher = false;
}

/*
 * Start the launcher when this transaction has committed, or is prepared.
 */
void
wake_launcher_at_commit(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
	wakes_launcher = true;
}

/*
 * Ask the server for a worker that tells this process when it starts and ends.
 * NULL: it has no free slot (max_worker_processes).
 */
static BackgroundWorkerHandle *
start_worker(const Queue *queue)
{
	BackgroundWorker worker = process_of_this_database("bixarena_rank worker",
													   "bixarena_worker_main");
	BackgroundWorkerHandle *handle;

	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra + sizeof(Oid), queue, sizeof(Queue));
	return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : NULL;
}

static Watch *
watch_of(const Queue *queue)
{
	ListCell   *cell;
	MemoryContext caller;
	Watch	   *watch;

	foreach(cell, watches)
	{
		watch = lfirst(cell);
		if (memcmp(&watch->queue, queue, sizeof(Queue)) == 0)
			return watch;
	}
	caller = MemoryContextSwitchTo(TopMemoryContext);
	watch = palloc0(sizeof(Watch));
	watch->queue = *queue;
	watches = lappend(watches, watch);
	MemoryContextSwitchTo(caller);
	return watch;
}

/*
 * Must a worker wait?  Not for a clock that was set back.
 */
static bool
must_wait(const Watch *watch)
{
	int64		elapsed = GetCurrentTimestamp() - watch->ended_at;

	return elapsed >= 0 && elapsed < watch->wait;
}

static bool
has_worker(const Watch *watch)
{
	pid_t		pid;

	return watch->worker &&
		GetBackgroundWorkerPid(watch->worker, &pid) != BGWH_STOPPED;
}

/*
 * A worker has ended while its queue has a run that waits.  If that is a new one,
 * which came when the worker was about to end, the next may start at once.
 */
static void
note_end(Watch *watch, const Run *first)
{
	bool		unchanged = memcmp(&watch->first_run, DatumGetUUIDP(first->correlation_id),
								   sizeof(pg_uuid_t)) == 0 &&
		watch->first_attempts == first->attempts;

	pfree(watch->worker);
	watch->worker = NULL;
	watch->failures = unchanged ? watch->failures + 1 : 0;
	watch->ended_at = GetCurrentTimestamp();
	watch->wait = 0;
	if (unchanged || first->attempts > 0)
		watch->wait = (int64) (Max(first->settings->retry_seconds, MIN_BACKOFF_SECONDS) *
							   Max(watch->failures, 1) * USECS_PER_SEC);
}

/*
 * See to it that a queue of which this run waits has a worker, if it may have one
 * now.
 */
static void
serve_queue(Watch *watch, const Run *first)
{
	if (watch->worker)
		note_end(watch, first);
	if (watch->failures >= first->settings->max_attempts)
	{
		fail_queue(&watch->queue, find_obstacle(watch->queue.role));
		watch->failures = 0;
	}
	else if (!must_wait(watch) &&
			 !lock_is_held(LOCK_WORKER, &watch->queue, sizeof(Queue)))
	{
		MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

		watch->worker = start_worker(&watch->queue);
		watch->first_run = *DatumGetUUIDP(first->correlation_id);
		watch->first_attempts = first->attempts;
		MemoryContextSwitchTo(caller);
	}
}

/*
 * The first run of a queue that waits and has not waited for too long, with its
 * settings, or NULL.
 */
static Run *
first_run_to_make(const Queue *queue)
{
	Run		   *run;

	while ((run = first_waiting_run(queue)) != NULL && fail_if_expired(run))
		CHECK_FOR_INTERRUPTS();
	return run;
}

/*
 * Look after all queues.  False if there is nothing to wait for.
 */
static bool
look_after_queues(void)
{
	ListCell   *cell;
	bool		busy = false;

	foreach(cell, list_queues())
	{
		Queue	   *queue = lfirst(cell);
		Watch	   *watch = watch_of(queue);
		Run		   *first;

		if (GetUserNameFromId(queue->role, true) == NULL)
			fail_queue(queue, NULL);
		else if (!has_worker(watch) && (first = first_run_to_make(queue)) != NULL)
		{
			serve_queue(watch, first);
			busy = true;
		}
	}
	foreach(cell, watches)
	{
		Watch	   *watch = lfirst(cell);

		busy = busy || has_worker(watch) || must_wait(watch);
	}
	return busy;
}

/*
 * Is there a prepared transaction that may have made a request, and that has not
 * been prepared for long?
 */
static bool
is_prepared(void)
{
	if (!lock_is_held(LOCK_REQUEST, "", 0))
		return false;
	look_up(psprintf("SELECT FROM pg_catalog.pg_prepared_xact() AS p"
					 " WHERE p.dbid OPERATOR(pg_catalog.=) '%u'"
					 " AND p.prepared OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp()"
					 " OPERATOR(pg_catalog.-) interval '%d seconds')",
					 MyDatabaseId, PREPARED_SECONDS), NULL);
	return SPI_processed > 0;
}

/*
 * Look after all in a transaction.  False if there is nothing to wait for, or the
 * extension is not there any more.
 */
static bool
look_after_all(void)
{
	bool		busy = false;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	retake_session_locks();
	if (OidIsValid(get_namespace_oid("bixarena", true)))
	{
		SPI_connect();
		PushActiveSnapshot(GetTransactionSnapshot());
		busy = look_after_queues();
		busy = is_prepared() || busy;
		PopActiveSnapshot();
		SPI_finish();
	}
	CommitTransactionCommand();
	pgstat_report_stat(true);
	return busy;
}

/*
 * The same, but an error is not the end: it would be that of the lock, and whoever
 * comes next would start a launcher that ends likewise.  It ends after a while
 * in which nobody does.
 */
static bool
try_look_after_all(void)
{
	volatile bool busy = false;
	volatile bool failed = false;

	PG_TRY();
	{
		busy = look_after_all();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
		failed = true;
	}
	PG_END_TRY();
	if (!failed)
		return busy;
	StartTransactionCommand();
	retake_session_locks();
	CommitTransactionCommand();
	for (int i = 0; i < BACKOFF_AFTER_ERROR_SECONDS; i++)
		wait_for(1000);
	return false;
}

void
bixarena_launcher_main(Datum argument pg_attribute_unused())
{
	Oid			database;

	memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof(Oid));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET,
					PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET,
					PGC_S_OVERRIDE);
	pgstat_report_activity(STATE_RUNNING, "bixarena_rank: looking for runs that wait");

	/* who commits a run while the lock is held relies on this process */
	while (lock_for_session(LOCK_LAUNCHER, "", 0))
	{
		while (try_look_after_all())
			wait_for(POLL_MS);
		unlock_for_session(LOCK_LAUNCHER, "", 0);
		if (!try_look_after_all())
			break;
	}
	proc_exit(0);
}
