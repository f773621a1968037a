/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The background worker that makes requested runs.
 *
 * A worker is started when it is needed, by whoever finds that runs wait, and
 * ends when none of its role is left: nothing need be preloaded, and an idle
 * database has no process of ours.  It connects as the role that asked, so that
 * it can do what that role can do and nothing else.
 *
 * For a new request it is started once the request has committed.  If the
 * server has no slot for a worker (max_worker_processes), or ends, the run
 * stays on record until somebody looks for runs that wait (waiting.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "bixarena_rank.h"

/* What a worker is told, in bgw_extra */
typedef struct WorkerOrders
{
	Oid			database;
	Oid			role;
} WorkerOrders;

StaticAssertDecl(sizeof(WorkerOrders) <= BGW_EXTRALEN,
				 "orders of a worker must fit into bgw_extra");

PGDLLEXPORT void bixarena_worker_main(Datum argument);

/* The role of which this transaction has queued a run, or InvalidOid */
static Oid	role_to_wake = InvalidOid;

static bool
role_may_log_in(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		may_log_in = false;

	if (HeapTupleIsValid(tuple))
	{
		may_log_in = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
		ReleaseSysCache(tuple);
	}
	return may_log_in;
}

/*
 * Is a session of this role allowed, as the worker's must be?  Roles that cannot
 * log in can have one from PostgreSQL 17 on.
 */
void
check_worker_role(Oid role)
{
	if (!WORKER_NEEDS_LOGIN || role_may_log_in(role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("role \"%s\" is not permitted to log in",
					GetUserNameFromId(role, false)),
			 errdetail("A background worker makes the snapshot in a session of that role."),
			 errhint("ALTER ROLE %s LOGIN, or make the request as a role that can log in.",
					 quote_identifier(GetUserNameFromId(role, false)))));
}

/*
 * Ask the server for a worker.  This must not fail: it is called after a
 * commit too.  If there is no free slot, the run waits.
 */
static void
start_worker(Oid role)
{
	BackgroundWorker worker = {0};
	WorkerOrders orders = {MyDatabaseId, role};

	strlcpy(worker.bgw_name, "bixarena_rank worker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "bixarena_rank worker", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "bixarena_rank", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "bixarena_worker_main", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	memcpy(worker.bgw_extra, &orders, sizeof(orders));
	(void) RegisterDynamicBackgroundWorker(&worker, NULL);
}

/*
 * Start a worker for a role, unless one is at work.
 */
void
wake_worker(Oid role)
{
	if (!lock_is_held(LOCK_WORKER, &role, sizeof(role)))
		start_worker(role);
}

static void
at_transaction_end(XactEvent event, void *argument pg_attribute_unused())
{
	if (event == XACT_EVENT_COMMIT && OidIsValid(role_to_wake))
		start_worker(role_to_wake);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		role_to_wake = InvalidOid;
}

/*
 * Start a worker for a role when this transaction has committed.
 */
void
wake_worker_at_commit(Oid role)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
	role_to_wake = role;
}

/*
 * Make all runs of this role that wait.  Whoever commits one while the role's
 * lock is held relies on this process, so it looks again after releasing it.
 */
static void
look_after_role(Campaign *campaign)
{
	Oid			role = GetUserId();

	while (lock_for_session(LOCK_WORKER, &role, sizeof(role)))
	{
		take_up_waiting_runs(campaign);
		unlock_for_session(LOCK_WORKER, &role, sizeof(role));
		campaign_commit(campaign);
		if (!runs_wait())
			break;
	}
}

void
bixarena_worker_main(Datum argument pg_attribute_unused())
{
	WorkerOrders orders;
	Campaign	campaign = {0};

	memcpy(&orders, MyBgworkerEntry->bgw_extra, sizeof(orders));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(orders.database, orders.role,
											  WORKER_CONNECTION_FLAGS);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET,
					PGC_S_OVERRIDE);
	progress_to_activity();

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	campaign_begin(&campaign);
	look_after_role(&campaign);
	campaign.num_failed = 0;	/* that is on record; nobody waits for an
								 * error */
	campaign_end(&campaign);
	CommitTransactionCommand();
	proc_exit(0);
}
