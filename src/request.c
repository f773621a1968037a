/*-------------------------------------------------------------------------
 *
 * request.c
 *	  bixarena_request_snapshot(): a run for somebody who does not wait.
 *
 * The request puts a run on record as queued, in the caller's transaction, and
 * returns its key.  When that has committed, a background worker takes the run
 * up.  Whoever asks for a leaderboard that is queued already gets the key of
 * that run; if the transaction that queued it has not ended, it waits for that.
 *
 * Requests of source api are counted by the arena and 24 hours.  They are made
 * one after the other, which makes the count exact: each holds the arena's
 * quota lock until its transaction ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "bixarena_rank.h"

PG_FUNCTION_INFO_V1(bixarena_request_snapshot);

/* Arguments of bixarena_request_snapshot() */
enum
{
	ARGUMENT_LEADERBOARD_ID,
	ARGUMENT_ARENA,
	ARGUMENT_TRIGGER_SOURCE,
	ARGUMENT_TRIGGERED_BY
};

/*
 * Is the leaderboard of the run queued?  Then the run becomes that one.
 */
static bool
join_queued(Run *run)
{
	Parameters	parameters = {0};
	OwnerScope	scope = become_owner();

	add_text(&parameters, run->arena);
	add_text(&parameters, run->slug);
	execute_query("SELECT r.correlation_id FROM bixarena.run AS r"
				  " WHERE r.arena OPERATOR(pg_catalog.=) $1::name"
				  " AND r.leaderboard OPERATOR(pg_catalog.=) $2"
				  " AND r.status OPERATOR(pg_catalog.=) 'queued'",
				  SPI_OK_SELECT, false, &parameters);
	leave_owner(scope);
	if (SPI_processed == 0)
		return false;
	run->correlation_id = result_uuid(0, 1);
	return true;
}

/*
 * When the quota-th last request of source api was made, if there were as many
 * in the past 24 hours: into SPI's result, as text.
 */
static void
read_quota(const Run *run)
{
	Parameters	parameters = {0};
	OwnerScope	scope = become_owner();

	add_text(&parameters, run->arena);
	add_parameter(&parameters, INT8OID,
				  Int64GetDatum(run->settings->requests_per_day - 1), false);
	execute_query("SELECT r.requested_at OPERATOR(pg_catalog.+) interval '24 hours'"
				  " FROM bixarena.run AS r"
				  " WHERE r.arena OPERATOR(pg_catalog.=) $1::name"
				  " AND r.trigger_source OPERATOR(pg_catalog.=) 'api'"
				  " AND r.requested_at OPERATOR(pg_catalog.>)"
				  " (pg_catalog.clock_timestamp()"
				  " OPERATOR(pg_catalog.-) interval '24 hours')"
				  " ORDER BY r.requested_at DESC OFFSET $2 LIMIT 1",
				  SPI_OK_SELECT, false, &parameters);
	leave_owner(scope);
}

/*
 * An error if the arena has had all of a day's requests.
 */
static void
check_quota(const Run *run)
{
	int64		quota = run->settings->requests_per_day;

	if (quota > 0)
		read_quota(run);
	if (quota > 0 && SPI_processed == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("arena \"%s\" has no request left", run->arena),
			 errdetail("Requests of source api are limited to %lld in 24 hours.",
					   (long long) quota),
			 quota > 0 ? errhint("The next is allowed at %s. The setting requests_per_day is the limit.",
								 result_text(0, 1)) :
			 errhint("The setting requests_per_day is the limit.")));
}

/*
 * Queue the run, or let it be one that is queued already.
 */
static void
queue_run(Run *run)
{
	bool		counts = strcmp(run->trigger_source, "api") == 0;

	if (join_queued(run))
		return;
	if (counts)
	{
		lock_for_transaction(LOCK_QUOTA, run->arena, strlen(run->arena), true);
		if (join_queued(run))
			return;
		check_quota(run);
	}
	while (!record_request(run))
	{
		CHECK_FOR_INTERRUPTS();
		if (join_queued(run))
			return;
	}
	wake_worker_at_commit(GetUserId());
}

static void
check_enabled(const Run *run)
{
	if (!run->settings->enabled)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("leaderboard \"%s\" of arena \"%s\" is paused",
						run->slug, run->arena),
				 errhint("The setting enabled says so.")));
}

/*
 * An error if the role may not write snapshots: better now than in the worker.
 */
static void
check_may_write(const Leaderboard *leaderboard)
{
	if (!has_privilege(leaderboard, "leaderboard_snapshot", "INSERT"))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to make snapshots in arena \"%s\"",
						leaderboard->arena)));
}

Datum
bixarena_request_snapshot(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Run			run = {0};
	pg_uuid_t  *correlation_id;

	PreventCommandIfReadOnly("bixarena_request_snapshot()");
	PreventCommandIfParallelMode("bixarena_request_snapshot()");
	if (PG_ARGISNULL(ARGUMENT_LEADERBOARD_ID))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("leaderboard_id must not be null")));
	run.trigger_source = checked_trigger_source(argument_text(fcinfo, ARGUMENT_TRIGGER_SOURCE));
	run.triggered_by = checked_triggered_by(argument_text(fcinfo, ARGUMENT_TRIGGERED_BY));
	check_worker_role(GetUserId());

	SPI_connect();
	run.leaderboard = find_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
									   argument_text(fcinfo, ARGUMENT_LEADERBOARD_ID));
	run.arena = run.leaderboard->arena;
	run.slug = run.leaderboard->slug;
	run.settings = read_settings(run.arena, run.slug);
	run.correlation_id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
	check_enabled(&run);
	check_may_write(run.leaderboard);
	wake_workers(InvalidOid);
	queue_run(&run);

	correlation_id = MemoryContextAlloc(caller, sizeof(pg_uuid_t));
	*correlation_id = *DatumGetUUIDP(run.correlation_id);
	SPI_finish();
	PG_RETURN_UUID_P(correlation_id);
}
