/*-------------------------------------------------------------------------
 *
 * request.c
 *	  bixarena_request_snapshot(): a run for somebody who does not wait.
 *
 * The request puts a run on record as queued, in the caller's transaction, and
 * returns its key.  When that has committed, a background worker takes the run
 * up.  Whoever asks for a leaderboard that the same role has queued already, with
 * the same values, gets the key of that run; if the transaction that queued it has
 * not ended, it waits for that.
 *
 * Requests of source api are numbered in their arena.  A number is refused as long
 * as that one is less than 24 hours away that comes as many before it as the quota
 * allows.  They are made one after the other, which makes the count exact: each
 * holds the arena's quota lock until its transaction ends, and looks at what has
 * been committed by then, whatever its own snapshot.
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

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_request_snapshot);

/* Arguments of bixarena_request_snapshot() */
enum
{
	ARGUMENT_LEADERBOARD_ID,
	ARGUMENT_ARENA,
	ARGUMENT_TRIGGER_SOURCE,
	ARGUMENT_TRIGGERED_BY,
	ARGUMENT_NUM_BOOTSTRAP,
	ARGUMENT_MIN_EVALUATIONS
};

/*
 * Is a run like this one queued?  Then it becomes that one.
 */
static bool
join_queued(Run *run)
{
	Run		   *queued = find_queued_run(run);

	if (queued == NULL || fail_if_expired(queued))
		return false;
	run->correlation_id = queued->correlation_id;
	return true;
}

/*
 * Number the run among the requests of its arena.
 */
static void
number_request(Run *run)
{
	Parameters	parameters = {0};

	add_text(&parameters, run->arena);
	look_up("SELECT r.request_number FROM bixarena.run AS r"
			" WHERE r.arena OPERATOR(pg_catalog.=) $1::name"
			" AND r.request_number IS NOT NULL"
			" ORDER BY r.request_number DESC LIMIT 1",
			&parameters);
	run->request_number = 1;
	if (SPI_processed > 0)
		run->request_number += pg_strtoint64(result_text(0, 1));
}

/*
 * When the request is allowed that the quota refuses, as text, or NULL if it is
 * not refused.  One that seems to have been made more than 24 hours from now was
 * made before the clock was set back: it does not count.
 */
static char *
read_quota(const Run *run)
{
	Parameters	parameters = {0};

	add_text(&parameters, run->arena);
	add_parameter(&parameters, INT8OID,
				  Int64GetDatum(run->request_number - run->settings->requests_per_day),
				  false);
	look_up("SELECT r.requested_at OPERATOR(pg_catalog.+) interval '24 hours'"
			" FROM (SELECT q.requested_at FROM bixarena.run AS q"
			" WHERE q.arena OPERATOR(pg_catalog.=) $1::name"
			" AND q.request_number OPERATOR(pg_catalog.<=) $2"
			" ORDER BY q.request_number DESC LIMIT 1) AS r"
			" WHERE r.requested_at OPERATOR(pg_catalog.>) (pg_catalog.clock_timestamp()"
			" OPERATOR(pg_catalog.-) interval '24 hours')"
			" AND r.requested_at OPERATOR(pg_catalog.<) (pg_catalog.clock_timestamp()"
			" OPERATOR(pg_catalog.+) interval '24 hours')",
			&parameters);
	return SPI_processed > 0 ? result_text(0, 1) : NULL;
}

/*
 * An error if the arena has had all of a day's requests.
 */
static void
check_quota(const Run *run)
{
	int64		quota = run->settings->requests_per_day;
	char	   *next = quota > 0 ? read_quota(run) : NULL;

	if (quota > 0 && next == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("arena \"%s\" has no request left", run->arena),
			 errdetail("Requests of source api are limited to %lld in 24 hours.",
					   (long long) quota),
			 next ? errhint("The next is allowed at %s. The setting requests_per_day is the limit.",
							next) :
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
		number_request(run);
		check_quota(run);
	}
	while (!record_request(run))
	{
		CHECK_FOR_INTERRUPTS();
		if (join_queued(run))
			return;
	}
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
 * A value that the request sets instead of a setting of this name, or NULL.
 */
static const int64 *
requested_value(FunctionCallInfo fcinfo, int number, const char *setting)
{
	int64	   *value;

	if (PG_ARGISNULL(number))
		return NULL;
	value = palloc(sizeof(int64));
	*value = PG_GETARG_INT64(number);
	check_setting_number(setting, *value);
	return value;
}

Datum
bixarena_request_snapshot(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Run			run = {0};
	pg_uuid_t  *correlation_id;

	check_version();
	PreventCommandIfReadOnly("bixarena_request_snapshot()");
	PreventCommandIfParallelMode("bixarena_request_snapshot()");
	run.trigger_source = checked_trigger_source(argument_text(fcinfo, ARGUMENT_TRIGGER_SOURCE));
	run.triggered_by = checked_triggered_by(argument_text(fcinfo, ARGUMENT_TRIGGERED_BY));
	run.num_bootstrap = requested_value(fcinfo, ARGUMENT_NUM_BOOTSTRAP, "num_bootstrap");
	run.min_evaluations = requested_value(fcinfo, ARGUMENT_MIN_EVALUATIONS, "min_evaluations");
	check_worker_role(GetUserId());

	SPI_connect();
	run.leaderboard = find_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
									   argument_text(fcinfo, ARGUMENT_LEADERBOARD_ID));
	run.arena = run.leaderboard->arena;
	run.slug = run.leaderboard->slug;
	run.settings = read_run_settings(&run);
	run.correlation_id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
	check_enabled(&run);
	check_may_write(run.arena);
	queue_run(&run);
	share_for_transaction(LOCK_REQUEST, "", 0);
	wake_launcher_at_commit();

	correlation_id = MemoryContextAlloc(caller, sizeof(pg_uuid_t));
	*correlation_id = *DatumGetUUIDP(run.correlation_id);
	SPI_finish();
	PG_RETURN_UUID_P(correlation_id);
}
