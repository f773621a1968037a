/*-------------------------------------------------------------------------
 *
 * waiting.c
 *	  Runs that wait for a process to take them up.
 *
 * A run waits when it is queued, or when it is running on record while no
 * process has its lock: then whoever was at it has crashed or was killed.  Runs
 * are taken up in the order in which they were asked for, and only by the role
 * that asked.  So a process looks after the runs of its own role, and wakes a
 * background worker for each other role of which runs wait.
 *
 * A worker that is looking after its role has the role's lock, and looks once
 * more when it has released it.  Who commits a run while the lock is held can
 * therefore rely on that worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "bixarena_rank.h"

PG_FUNCTION_INFO_V1(bixarena_process_requests);
PG_FUNCTION_INFO_V1(bixarena_is_abandoned);

/*
 * Does a process have the lock of a run, or of the call it is part of?
 */
static bool
run_is_held(Datum id)
{
	return lock_is_held(LOCK_RUN, DatumGetUUIDP(id)->data, UUID_LEN);
}

/*
 * The call that a run is part of, 0 if none.
 */
static Datum
find_call(Datum correlation_id)
{
	Parameters	parameters = {0};
	OwnerScope	scope = become_owner();

	add_parameter(&parameters, UUIDOID, correlation_id, false);
	execute_query("SELECT r.call_id FROM bixarena.run AS r"
				  " WHERE r.correlation_id OPERATOR(pg_catalog.=) $1"
				  " AND r.call_id IS NOT NULL",
				  SPI_OK_SELECT, true, &parameters);
	leave_owner(scope);
	return SPI_processed == 0 ? (Datum) 0 : result_uuid(0, 1);
}

/*
 * The run in a row of the last query's result.
 */
static Run *
run_of_row(uint64 row)
{
	Run		   *run = palloc0(sizeof(Run));
	Datum		as_of;
	bool		isnull;

	run->correlation_id = result_uuid(row, 1);
	run->arena = result_text(row, 2);
	run->slug = result_text(row, 3);
	run->role = result_text(row, 4);
	run->status = result_text(row, 5);
	run->attempts = pg_strtoint32(result_text(row, 6));
	run->trigger_source = result_text(row, 7);
	run->triggered_by = result_text(row, 8);
	as_of = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 9, &isnull);
	if (!isnull)
	{
		TimestampTz *moment = palloc(sizeof(TimestampTz));

		*moment = DatumGetTimestampTz(as_of);
		run->as_of = moment;
	}
	return run;
}

/*
 * The runs that wait, of one role or (NULL) of all, oldest first.
 */
static List *
list_waiting_runs(const char *role)
{
	List	   *runs = NIL;
	Parameters	parameters = {0};
	OwnerScope	scope = become_owner();

	add_text(&parameters, role);
	execute_query("SELECT r.correlation_id, r.arena, r.leaderboard, r.role, r.status,"
				  " r.attempts, r.trigger_source, r.triggered_by,"
				  " (r.parameters OPERATOR(pg_catalog.->>) 'as_of')::timestamptz,"
				  " coalesce(r.call_id, r.correlation_id)"
				  " FROM bixarena.run AS r"
				  " WHERE r.status IN ('queued', 'running')"
				  " AND (r.role OPERATOR(pg_catalog.=) $1::name OR $1 IS NULL)"
				  " ORDER BY r.requested_at, r.correlation_id",
				  SPI_OK_SELECT, false, &parameters);
	leave_owner(scope);
	for (uint64 row = 0; row < SPI_processed; row++)
		if (!run_is_held(result_uuid(row, 1)) && !run_is_held(result_uuid(row, 10)))
			runs = lappend(runs, run_of_row(row));
	return runs;
}

/*
 * The first run of this role that waits, or NULL.
 */
static Run *
next_waiting_run(void)
{
	List	   *runs = list_waiting_runs(GetUserNameFromId(GetUserId(), false));

	return runs == NIL ? NULL : linitial(runs);
}

/*
 * Does a run of this role wait?
 */
bool
runs_wait(void)
{
	return next_waiting_run() != NULL;
}

/*
 * Make an error of our own that goes on record and is not raised.
 */
static ErrorData *
make_error(int sqlstate, char *message, char *detail)
{
	ErrorData  *error = palloc0(sizeof(ErrorData));

	error->elevel = ERROR;
	error->sqlerrcode = sqlstate;
	error->message = message;
	error->detail = detail;
	return error;
}

/*
 * How many attempts a run may take.  Where its settings cannot be read it is
 * the attempt that fails for that.
 */
static void
read_run_settings(void *argument)
{
	Run		   *run = argument;

	run->settings = read_settings(run->arena, run->slug);
}

/*
 * Begin an attempt at a run that waits.  One that was abandoned in its last
 * attempt has failed for good.
 */
static bool
begin_waiting_run(Run *run)
{
	int			attempts = run->attempts;
	ErrorData  *error = campaign_try(read_run_settings, run);

	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		ReThrowError(error);
	if (strcmp(run->status, "running") == 0 && run->settings &&
		attempts >= run->settings->max_attempts)
	{
		run->started_at = GetCurrentTimestamp();
		record_failure(run, make_error(ERRCODE_CRASH_SHUTDOWN,
									   "the process that made the run has ended before the run did",
									   psprintf("It was attempt %d of %d.", attempts,
												(int) run->settings->max_attempts)),
					   true);
		return false;
	}
	return record_attempt(run);
}

/*
 * Start a background worker for each role but this of which runs wait, unless
 * one is at work.  A role that is gone cannot make them any more.
 */
void
wake_workers(Oid but)
{
	List	   *awake = list_make1_oid(but);
	ListCell   *cell;

	foreach(cell, list_waiting_runs(NULL))
	{
		Run		   *run = lfirst(cell);
		Oid			role = get_role_oid(run->role, true);

		if (!OidIsValid(role))
		{
			run->started_at = GetCurrentTimestamp();
			record_failure(run, make_error(ERRCODE_UNDEFINED_OBJECT,
										   psprintf("role \"%s\" does not exist any more",
													run->role), NULL),
						   true);
		}
		else if (!list_member_oid(awake, role))
		{
			wake_worker(role);
			awake = lappend_oid(awake, role);
		}
	}
}

/*
 * Take up all runs of this role that wait, and see to it that others' are.
 */
void
take_up_waiting_runs(Campaign *campaign)
{
	Run		   *run;

	wake_workers(GetUserId());
	campaign_commit(campaign);
	MemoryContextSwitchTo(campaign->run_memory);
	while ((run = next_waiting_run()) != NULL)
	{
		campaign_make(campaign, run, begin_waiting_run, NULL);
		MemoryContextReset(campaign->run_memory);
	}
	MemoryContextSwitchTo(campaign->memory);
}

/*
 * CALL bixarena_process_requests()
 */
Datum
bixarena_process_requests(PG_FUNCTION_ARGS)
{
	Campaign	campaign = {0};

	campaign_begin_procedure(&campaign, fcinfo, "bixarena_process_requests()");
	take_up_waiting_runs(&campaign);
	campaign_end(&campaign);
	PG_RETURN_VOID();
}

/*
 * bixarena.is_abandoned(correlation_id uuid): does no process work at this run?
 * Null on a standby, which knows nothing of the locks of its primary.
 */
Datum
bixarena_is_abandoned(PG_FUNCTION_ARGS)
{
	Datum		call_id;
	bool		abandoned = false;

	if (RecoveryInProgress())
		PG_RETURN_NULL();
	if (!run_is_held(PG_GETARG_DATUM(0)))
	{
		SPI_connect();
		call_id = find_call(PG_GETARG_DATUM(0));
		abandoned = call_id == (Datum) 0 || !run_is_held(call_id);
		SPI_finish();
	}
	PG_RETURN_BOOL(abandoned);
}
