/*-------------------------------------------------------------------------
 *
 * score_worker.c
 *	  The background workers that apply score messages which wait in a queue.
 *
 * Whoever puts messages into the queue of a scoreboard sees to it, once that has
 * committed, that the workers of his role are at work there.  There are several of a
 * role, each with a number; they share out the lanes of the queue by themselves.  A
 * worker connects as the role, and can do what that role can do and nothing else.
 *
 * A worker has the lock of its number.  Who commits messages while it is held relies on
 * this worker, so it looks once more after releasing it.  It stays for a few seconds
 * after the last message: the next finds it at work.
 *
 * If a worker dies, its transaction is gone and its messages are still in the queue,
 * until the next who comes along starts another one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "run/run.h"
#include "score/score.h"

PGDLLEXPORT void bixarena_score_worker_main(Datum argument);

/* How often it looks while it has nothing to do, and for how long */
#define POLL_MS 100
#define IDLE_MS 5000

#define BACKOFF_MS 1000
#define MAX_FAILURES 5

/* Workers of a role at a scoreboard: as the setting workers allows */
#define MAX_WORKERS 16

/* Scoreboards that one transaction may write to and have their workers woken */
#define MAX_WOKEN 16

/* A worker: of a role, for a scoreboard, with a number */
typedef struct ScoreWorker
{
	Oid			role;
	int			number;
	char		scoreboard[NAMEDATALEN];
} ScoreWorker;

StaticAssertDecl(sizeof(Oid) + sizeof(ScoreWorker) <= BGW_EXTRALEN,
				 "orders of a worker must fit into bgw_extra");

/* Those that start when this transaction has committed; number: how many */
static ScoreWorker woken[MAX_WOKEN];
static int	num_woken = 0;

/*
 * Start a worker, unless it is at work.  This must not fail: it is called after a
 * commit.  If the server has no free slot, messages wait until the next who comes
 * along.
 */
static void
start_score_worker(const ScoreWorker *order)
{
	BackgroundWorker worker = {0};

	if (lock_is_held(LOCK_SCORES, order, sizeof(ScoreWorker)))
		return;
	strlcpy(worker.bgw_name, "bixarena_rank score worker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "bixarena_rank score worker", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "bixarena_rank", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "bixarena_score_worker_main", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	memcpy(worker.bgw_extra, &MyDatabaseId, sizeof(Oid));
	memcpy(worker.bgw_extra + sizeof(Oid), order, sizeof(ScoreWorker));
	(void) RegisterDynamicBackgroundWorker(&worker, NULL);
}

static void
start_woken(void)
{
	for (int i = 0; i < num_woken; i++)
	{
		ScoreWorker order = woken[i];

		for (order.number = 0; order.number < woken[i].number; order.number++)
			start_score_worker(&order);
	}
}

static void
at_transaction_end(XactEvent event, void *argument pg_attribute_unused())
{
	if (event == XACT_EVENT_COMMIT)
		start_woken();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		num_woken = 0;
}

/*
 * See to it that workers of this role are at work once the transaction has committed.
 */
void
wake_score_workers(const char *scoreboard, int workers)
{
	static bool registered = false;
	ScoreWorker order = {0};

	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
	order.role = GetUserId();
	order.number = Min(workers, MAX_WORKERS);
	strlcpy(order.scoreboard, scoreboard, NAMEDATALEN);
	for (int i = 0; i < num_woken; i++)
		if (memcmp(&woken[i], &order, sizeof(ScoreWorker)) == 0)
			return;
	if (num_woken < MAX_WOKEN)
		woken[num_woken++] = order;
}

/*
 * Apply a batch.  Says how many milliseconds to wait: none, or until the next message
 * is due; -1 says that none waits.
 */
static long
work_once(const ScoreWorker *order)
{
	Oid			types[] = {TEXTOID};
	Datum		values[] = {CStringGetTextDatum(order->scoreboard)};
	bool		isnull;
	long		wait = 0;
	Datum		seconds;

	if (SPI_execute_with_args("SELECT w.done, w.wait_seconds FROM bixarena.score_work($1) AS w",
							  1, types, values, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "the messages of scoreboard \"%s\" could not be applied",
			 order->scoreboard);
	if (DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
									&isnull)) == 0)
	{
		seconds = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
		wait = isnull ? -1 : (long) Min(DatumGetFloat8(seconds) * 1000, 1000.0);
	}
	return wait;
}

/*
 * The same in a transaction.
 */
static long
work_in_transaction(const ScoreWorker *order)
{
	long		wait;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	retake_session_locks();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, "bixarena_rank: applying score messages");
	wait = work_once(order);
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return wait;
}

/*
 * The same, but an error ends the transaction only.
 */
static bool
try_work(const ScoreWorker *order, long *wait)
{
	volatile bool worked = false;

	PG_TRY();
	{
		*wait = work_in_transaction(order);
		worked = true;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		EmitErrorReport();
		AbortCurrentTransaction();
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	return worked;
}

/*
 * Apply all messages that wait and those that come meanwhile.  False if that cannot
 * be done.
 */
static bool
work_until_idle(const ScoreWorker *order)
{
	TimestampTz busy_until = GetCurrentTimestamp();
	int			failures = 0;
	long		wait = 0;

	while (!TimestampDifferenceExceeds(busy_until, GetCurrentTimestamp(), IDLE_MS))
	{
		CHECK_FOR_INTERRUPTS();
		if (!try_work(order, &wait))
		{
			if (++failures >= MAX_FAILURES)
				return false;
			wait_for(BACKOFF_MS * failures);
			continue;
		}
		failures = 0;
		if (wait != -1)
			busy_until = GetCurrentTimestamp();
		if (wait != 0)
			wait_for(wait > 0 ? Min(wait, POLL_MS) : POLL_MS);
	}
	return true;
}

void
bixarena_score_worker_main(Datum argument pg_attribute_unused())
{
	Oid			database;
	ScoreWorker order;
	long		wait = 0;

	memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof(Oid));
	memcpy(&order, MyBgworkerEntry->bgw_extra + sizeof(Oid), sizeof(ScoreWorker));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, order.role,
											  WORKER_CONNECTION_FLAGS);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_USERSET,
					PGC_S_OVERRIDE);
	StartTransactionCommand();
	become_role(order.role);
	CommitTransactionCommand();

	while (lock_for_session(LOCK_SCORES, &order, sizeof(ScoreWorker)))
	{
		bool		worked = work_until_idle(&order);

		unlock_for_session(LOCK_SCORES, &order, sizeof(ScoreWorker));
		if (!worked || !try_work(&order, &wait) || wait == -1)
			break;
	}
	proc_exit(0);
}
