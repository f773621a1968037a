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

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "run/run.h"

PGDLLEXPORT void bixarena_worker_main(Datum argument);

/*
 * Be the role that asked.  Its settings, or the database's, may have made the
 * session another's: ALTER ROLE ... SET role, or session_authorization.
 */
void
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
