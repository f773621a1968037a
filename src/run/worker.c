/*-------------------------------------------------------------------------
 *
 * worker.c
 *	  The background worker that makes requested runs.
 *
 * The launcher (launcher.c) starts one for each role and arena of which runs
 * wait, so that no arena waits for another, and it ends when none is left.  It
 * connects as the role that asked, so that it can do what that role can do and
 * nothing else.
 *
 * A worker that is looking after its queue has the queue's lock, and looks once
 * more when it has released it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "run/run.h"

StaticAssertDecl(sizeof(Oid) + sizeof(Queue) <= BGW_EXTRALEN,
				 "orders of a worker must fit into bgw_extra");

PGDLLEXPORT void bixarena_worker_main(Datum argument);

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

static bool
may_connect(Oid role)
{
	return may_connect_to(MyDatabaseId, role);
}

/*
 * What keeps a role from having a worker, as far as can be seen.
 */
ErrorData *
find_obstacle(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);
	char	   *database = get_database_name(MyDatabaseId);

	if (WORKER_NEEDS_LOGIN && !role_may_log_in(role))
		return make_error(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
						  psprintf("role \"%s\" is not permitted to log in", name),
						  "A background worker makes the snapshot in a session of that role.");
	if (!may_connect(role))
		return make_error(ERRCODE_INSUFFICIENT_PRIVILEGE,
						  psprintf("role \"%s\" has no CONNECT privilege on database \"%s\"",
								   name, database),
						  "A background worker makes the snapshot in a session of that role.");
	return make_error(ERRCODE_CANNOT_CONNECT_NOW,
					  psprintf("no background worker could work as role \"%s\"", name),
					  "The log of the server says why: a limit of connections, for one.");
}

/*
 * Ask the server for a worker that tells this process when it starts and ends.
 * NULL: it has no free slot (max_worker_processes).
 */
BackgroundWorkerHandle *
start_worker(const Queue *queue)
{
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;

	strlcpy(worker.bgw_name, "bixarena_rank worker", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "bixarena_rank worker", BGW_MAXLEN);
	strlcpy(worker.bgw_library_name, "bixarena_rank", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "bixarena_worker_main", BGW_MAXLEN);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &MyDatabaseId, sizeof(Oid));
	memcpy(worker.bgw_extra + sizeof(Oid), queue, sizeof(Queue));
	return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : NULL;
}

/*
 * Be the role that asked.  Its settings, or the database's, may have made the
 * session another's: ALTER ROLE ... SET role, or session_authorization.
 */
static void
become_role(Oid role)
{
	if (GetSessionUserId() != role)
		SetConfigOption("session_authorization", GetUserNameFromId(role, false),
						PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("role", "none", PGC_USERSET, PGC_S_OVERRIDE);
	if (GetUserId() != role)
		elog(FATAL, "the worker could not become role \"%s\"",
			 GetUserNameFromId(role, false));
}

/*
 * Make all runs of a queue that wait.  Whoever commits one while the queue's
 * lock is held relies on this process, so it looks again after releasing it.
 */
static void
look_after_queue(Campaign *campaign, const Queue *queue)
{
	while (lock_for_session(LOCK_WORKER, queue, sizeof(Queue)))
	{
		take_up_queue(campaign, queue);
		unlock_for_session(LOCK_WORKER, queue, sizeof(Queue));
		campaign_commit(campaign);
		if (first_waiting_run(queue) == NULL)
			break;
	}
}

void
bixarena_worker_main(Datum argument pg_attribute_unused())
{
	Oid			database;
	Queue		queue;
	Campaign	campaign = {0};

	memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof(Oid));
	memcpy(&queue, MyBgworkerEntry->bgw_extra + sizeof(Oid), sizeof(Queue));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, queue.role,
											  WORKER_CONNECTION_FLAGS);
	SetConfigOption("default_transaction_read_only", "off", PGC_USERSET,
					PGC_S_OVERRIDE);
	progress_to_activity();

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	become_role(queue.role);
	campaign_begin(&campaign);
	look_after_queue(&campaign, &queue);
	campaign.num_failed = 0;	/* that is on record; nobody waits for an
								 * error */
	campaign_end(&campaign);
	CommitTransactionCommand();
	proc_exit(0);
}
