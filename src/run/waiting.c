/*-------------------------------------------------------------------------
 *
 * waiting.c
 *	  Runs that wait, taken up.
 *
 * A process takes up those of its own role (queue.c), as they are: what the
 * settings say now counts, and a run that was abandoned in its last attempt, or
 * has waited for too long, has failed.  For other roles' and arenas' it wakes the
 * launcher (launcher.c), which sees to it that each queue has a worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_process_requests);

/*
 * Begin an attempt at a run that waits.  One that was abandoned in its last
 * attempt has failed for good.  Where its settings cannot be read it is the
 * attempt that fails for that.
 */
static bool
begin_waiting_run(Run *run)
{
	int			attempts = run->attempts;
	ErrorData  *error = try_step(read_settings_of_run, run);

	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	if (error == NULL && fail_if_expired(run))
		return false;
	if (strcmp(run->status, "running") == 0 && run->settings &&
		attempts >= run->settings->max_attempts)
	{
		fail_waiting_run(run,
						 make_error(ERRCODE_CRASH_SHUTDOWN,
									"the process that made the run has ended before the run did",
									psprintf("It was attempt %d of %d.", attempts,
											 (int) run->settings->max_attempts)));
		return false;
	}
	return record_attempt(run);
}

/*
 * Make the runs of a queue that one of the two functions above takes, once through.
 * False if there are none.
 */
static bool
make_runs_of(Campaign *campaign, const Queue *queue,
			 Run *(*take) (const Queue *queue, QueuePosition *after))
{
	QueuePosition after = head_of_queue;
	bool		any = false;
	Run		   *run;

	while ((run = take(queue, &after)) != NULL)
	{
		any = true;
		campaign_make(campaign, run, begin_waiting_run, NULL);
		MemoryContextReset(campaign->run_memory);
	}
	return any;
}

/*
 * Take up the runs of a queue that wait now.  False if there are none.
 */
static bool
go_through_queue(Campaign *campaign, const Queue *queue)
{
	bool		any = make_runs_of(campaign, queue, take_abandoned_run);

	return make_runs_of(campaign, queue, take_queued_run) || any;
}

/*
 * Take up all runs of a queue of the current role that wait.  Behind the last it
 * is looked once more for one: a transaction may have committed late.
 */
void
take_up_queue(Campaign *campaign, const Queue *queue)
{
	MemoryContextSwitchTo(campaign->run_memory);
	while (go_through_queue(campaign, queue))
		CHECK_FOR_INTERRUPTS();
	MemoryContextReset(campaign->run_memory);
	MemoryContextSwitchTo(campaign->memory);
}

/*
 * Is a queue of the current role, in this arena or (NULL) in any?
 */
static bool
is_meant(const Queue *queue, const char *arena)
{
	return queue->role == GetUserId() &&
		(arena == NULL || strcmp(queue->arena, arena) == 0);
}

/*
 * Fail the runs of roles that are gone, and see to it that the runs of queues
 * that are not this process's to take up are made.
 */
static void
look_after_others(List *queues, const char *arena)
{
	ListCell   *cell;
	bool		others = false;

	foreach(cell, queues)
	{
		Queue	   *queue = lfirst(cell);

		if (GetUserNameFromId(queue->role, true) == NULL)
			fail_queue(queue, NULL);
		else if (!is_meant(queue, arena))
			others = true;
	}
	if (others)
		wake_launcher();
}

/*
 * Take up all runs of this role that wait, in one arena or (NULL) in all, and see
 * to it that the others are.
 */
void
take_up_waiting_runs(Campaign *campaign, const char *arena)
{
	List	   *queues;
	ListCell   *cell;

	MemoryContextSwitchTo(campaign->memory);
	queues = list_queues();
	look_after_others(queues, arena);
	campaign_commit(campaign);
	foreach(cell, queues)
	{
		if (is_meant(lfirst(cell), arena))
			take_up_queue(campaign, lfirst(cell));
	}
}

/*
 * CALL bixarena_process_requests()
 */
Datum
bixarena_process_requests(PG_FUNCTION_ARGS)
{
	Campaign	campaign = {0};

	campaign_begin_procedure(&campaign, fcinfo, "bixarena_process_requests()");
	take_up_waiting_runs(&campaign, NULL);
	campaign_end(&campaign);
	PG_RETURN_VOID();
}
