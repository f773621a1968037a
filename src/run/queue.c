/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  The queues: runs on record that wait for a process to take them up.
 *
 * A run waits when it is queued, or when it is running on record while no
 * process has its lock: then whoever was at it has crashed or was killed.  Runs
 * are taken up only by the role that asked, and by role and arena, which make a
 * queue, in the order in which they were asked for.  A role is known by its oid.
 *
 * Finding one costs the same however many wait.  A queued run is found by an
 * index and locked, past those that others have locked.  The position in the queue
 * is kept from run to run: as long as some old transaction keeps vacuum from
 * removing them, the index has the entries of all runs that have left the queue,
 * and to begin at its head each time would be to read them all each time.  That
 * goes for runs under way too, of which every run has been one.
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

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_is_abandoned);

/* What run_of_row() reads */
#define RUN_COLUMNS \
	"r.correlation_id, r.arena, r.leaderboard, r.role, r.status, r.attempts," \
	" r.trigger_source, r.triggered_by, r.requested_at," \
	" (r.parameters OPERATOR(pg_catalog.->>) 'as_of')::timestamptz," \
	" (r.parameters OPERATOR(pg_catalog.#>>) '{requested,num_bootstrap}')::bigint," \
	" (r.parameters OPERATOR(pg_catalog.#>>) '{requested,min_evaluations}')::bigint," \
	" coalesce(r.call_id, r.correlation_id)"

/* Status queued, and running, in the words of the indexes run_waiting and run_under_way */
#define NOT_ENDED(other) \
	"r.ended_at IS NULL AND r.status OPERATOR(pg_catalog.<>) " other \
	" AND r.status NOT IN ('succeeded', 'skipped', 'failed')"
#define QUEUED NOT_ENDED("'running'")
#define UNDER_WAY NOT_ENDED("'queued'")

/*
 * Does a process have the lock of a run, or of a call?
 */
static bool
run_is_held(Datum id)
{
	return lock_is_held(LOCK_RUN, DatumGetUUIDP(id)->data, UUID_LEN);
}

/*
 * Is a process at the run in a row of the last query's result, or at the call that
 * it is part of?
 */
static bool
run_of_row_is_held(uint64 row)
{
	return run_is_held(result_uuid(row, 1)) || run_is_held(result_uuid(row, 13));
}

/*
 * A number of 64 bits in the last query's result, copied, or NULL.
 */
static int64 *
result_number(uint64 row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  column, &isnull);
	int64	   *number;

	if (isnull)
		return NULL;
	number = palloc(sizeof(int64));
	*number = DatumGetInt64(value);
	return number;
}

/*
 * The run in a row of the last query's result.
 */
static Run *
run_of_row(uint64 row)
{
	Run		   *run = palloc0(sizeof(Run));

	run->correlation_id = result_uuid(row, 1);
	run->arena = result_text(row, 2);
	run->slug = result_text(row, 3);
	run->role = result_text(row, 4);
	run->status = result_text(row, 5);
	run->attempts = pg_strtoint32(result_text(row, 6));
	run->trigger_source = result_text(row, 7);
	run->triggered_by = result_text(row, 8);
	run->requested_at = *result_number(row, 9);
	run->as_of = result_number(row, 10);
	run->num_bootstrap = result_number(row, 11);
	run->min_evaluations = result_number(row, 12);
	return run;
}

/*
 * The run like this one that the current role has queued, or NULL.
 */
Run *
find_queued_run(const Run *run)
{
	Parameters	parameters = {0};

	add_text(&parameters, run->arena);
	add_text(&parameters, run->slug);
	add_parameter(&parameters, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	add_parameter(&parameters, JSONBOID, run_parameters(run), false);
	look_up("SELECT " RUN_COLUMNS " FROM bixarena.run AS r"
			" WHERE r.arena OPERATOR(pg_catalog.=) $1::name"
			" AND r.leaderboard OPERATOR(pg_catalog.=) $2"
			" AND r.role_id OPERATOR(pg_catalog.=) $3"
			" AND coalesce(r.parameters OPERATOR(pg_catalog.->) 'requested', '{}')"
			" OPERATOR(pg_catalog.=) coalesce($4 OPERATOR(pg_catalog.->) 'requested', '{}')"
			" AND r.status OPERATOR(pg_catalog.=) 'queued'",
			&parameters);
	return SPI_processed > 0 ? run_of_row(0) : NULL;
}

/* The queues that have runs of a condition, in a recursive query of this name */
#define QUEUES(name, condition) \
	"(SELECT r.role_id, r.arena FROM bixarena.run AS r WHERE " condition \
	" ORDER BY r.role_id, r.arena LIMIT 1)" \
	" UNION ALL SELECT n.role_id, n.arena FROM " #name " AS q CROSS JOIN LATERAL" \
	" (SELECT r.role_id, r.arena FROM bixarena.run AS r WHERE " condition \
	" AND (r.role_id, r.arena) OPERATOR(pg_catalog.>) (q.role_id, q.arena)" \
	" ORDER BY r.role_id, r.arena LIMIT 1) AS n"

/*
 * The queues that have runs, also runs that somebody is at.  Each is found by a
 * look at the index, however many runs it has.
 */
List *
list_queues(void)
{
	List	   *queues = NIL;

	look_up("WITH RECURSIVE queued AS (" QUEUES(queued, QUEUED) "),"
			" begun AS (" QUEUES(begun, UNDER_WAY) ")"
			" SELECT q.role_id, q.arena FROM queued AS q"
			" UNION SELECT b.role_id, b.arena FROM begun AS b", NULL);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Queue	   *queue = palloc0(sizeof(Queue));
		bool		isnull;

		queue->role = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[row],
													 SPI_tuptable->tupdesc, 1, &isnull));
		strlcpy(queue->arena, result_text(row, 2), NAMEDATALEN);
		queues = lappend(queues, queue);
	}
	return queues;
}

/* The runs of a queue ($1, $2) of a condition after a position ($3, $4) */
#define RUNS_AFTER(condition) \
	"SELECT " RUN_COLUMNS " FROM bixarena.run AS r" \
	" WHERE r.role_id OPERATOR(pg_catalog.=) $1" \
	" AND r.arena OPERATOR(pg_catalog.=) $2::name AND " condition \
	" AND (r.requested_at, r.correlation_id) OPERATOR(pg_catalog.>) ($3, $4)" \
	" ORDER BY r.requested_at, r.correlation_id"

const QueuePosition head_of_queue = {.requested_at = DT_NOBEGIN};

static Parameters
queue_parameters(const Queue *queue, const QueuePosition *after)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, OIDOID, ObjectIdGetDatum(queue->role), false);
	add_text(&parameters, queue->arena);
	add_parameter(&parameters, TIMESTAMPTZOID,
				  TimestampTzGetDatum(after->requested_at), false);
	add_parameter(&parameters, UUIDOID, UUIDPGetDatum(&after->correlation_id), false);
	return parameters;
}

/*
 * The first run that such a query for one finds and nobody is at, or NULL.  The
 * position becomes its own.
 */
static Run *
take_next_run(const char *query, const Queue *queue, QueuePosition *after)
{
	for (;;)
	{
		Parameters	parameters = queue_parameters(queue, after);
		OwnerScope	scope = become_owner();
		Run		   *run;

		execute_query(query, SPI_OK_SELECT, false, &parameters);
		leave_owner(scope);
		if (SPI_processed == 0)
			return NULL;
		run = run_of_row(0);
		after->requested_at = run->requested_at;
		after->correlation_id = *DatumGetUUIDP(run->correlation_id);
		if (!run_of_row_is_held(0))
			return run;
	}
}

Run *
take_abandoned_run(const Queue *queue, QueuePosition *after)
{
	return take_next_run(RUNS_AFTER(UNDER_WAY) " LIMIT 1", queue, after);
}

/*
 * It is locked until the transaction that begins it has committed; those that
 * others have locked are passed over.
 */
Run *
take_queued_run(const Queue *queue, QueuePosition *after)
{
	return take_next_run(RUNS_AFTER(QUEUED) " LIMIT 1 FOR UPDATE SKIP LOCKED",
						 queue, after);
}

/*
 * The first run of a queue that waits, or NULL.  Who only looks locks nothing, lest
 * another pass it over.
 */
Run *
first_waiting_run(const Queue *queue)
{
	Parameters	parameters = queue_parameters(queue, &head_of_queue);

	look_up(RUNS_AFTER(UNDER_WAY), &parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
		if (!run_of_row_is_held(row))
			return run_of_row(row);
	look_up(RUNS_AFTER(QUEUED) " LIMIT 1", &parameters);
	return SPI_processed > 0 ? run_of_row(0) : NULL;
}

/*
 * Make an error of our own that goes on record and is not raised.
 */
ErrorData *
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
 * Put on record that a run has failed which nobody has begun this time.
 */
void
fail_waiting_run(Run *run, const ErrorData *error)
{
	run->started_at = GetCurrentTimestamp();
	record_failure(run, error, true);
}

/*
 * Step: what a run is to be made with.
 */
void
read_settings_of_run(void *run)
{
	((Run *) run)->settings = read_run_settings(run);
}

/*
 * Has a queued run waited for too long?  Then it has failed.  In any case its
 * settings are known then; where they cannot be read they are the defaults, and
 * it is the attempt that fails for that.
 */
bool
fail_if_expired(Run *run)
{
	if (run->settings == NULL && try_step(read_settings_of_run, run) != NULL)
		run->settings = default_settings();
	if (strcmp(run->status, "queued") != 0 || run->settings->expire_hours == 0 ||
		GetCurrentTimestamp() - run->requested_at <=
		run->settings->expire_hours * USECS_PER_HOUR)
		return false;
	fail_waiting_run(run,
					 make_error(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
								"the run has waited in the queue for too long",
								psprintf("It may wait for %g hours.",
										 run->settings->expire_hours)));
	return true;
}

/*
 * A run of a queue has failed like the whole of it, with NULL because its role is
 * gone.  What that took of memory is given back.
 */
static void
fail_with_queue(Run *run, const ErrorData *error, MemoryContext memory)
{
	CHECK_FOR_INTERRUPTS();
	if (error == NULL)
		error = make_error(ERRCODE_UNDEFINED_OBJECT,
						   psprintf("role \"%s\" does not exist any more", run->role),
						   NULL);
	fail_waiting_run(run, error);
	MemoryContextReset(memory);
}

/*
 * All runs of a queue that wait have failed.
 */
void
fail_queue(const Queue *queue, const ErrorData *error)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext memory = AllocSetContextCreate(caller, "bixarena_rank failing run",
												 ALLOCSET_SMALL_SIZES);
	QueuePosition abandoned = head_of_queue;
	QueuePosition queued = head_of_queue;
	Run		   *run;

	MemoryContextSwitchTo(memory);
	while ((run = take_abandoned_run(queue, &abandoned)) != NULL)
		fail_with_queue(run, error, memory);
	while ((run = take_queued_run(queue, &queued)) != NULL)
		fail_with_queue(run, error, memory);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(memory);
}

/*
 * The attempt at a run that is running on record while no process is at it, or -1.
 */
static int
attempt_left_running(Datum correlation_id)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, correlation_id, false);
	look_up("SELECT " RUN_COLUMNS " FROM bixarena.run AS r"
			" WHERE r.correlation_id OPERATOR(pg_catalog.=) $1"
			" AND r.status OPERATOR(pg_catalog.=) 'running'", &parameters);
	return SPI_processed > 0 && !run_of_row_is_held(0) ? run_of_row(0)->attempts : -1;
}

/*
 * bixarena.run_is_abandoned(correlation_id uuid): is this run running on record while
 * no process works at it?  Null on a standby, which knows nothing of the locks of
 * its primary.
 *
 * The caller has the run from a snapshot, and it may have ended since; it may also
 * end between a look at the record and one at the lock.  So the record is read
 * again after the lock was found free: an attempt that is still running there has
 * had nobody at it in between.
 */
Datum
bixarena_is_abandoned(PG_FUNCTION_ARGS)
{
	Datum		run = PG_GETARG_DATUM(0);
	int			attempt;
	bool		abandoned;

	if (RecoveryInProgress())
		PG_RETURN_NULL();
	SPI_connect();
	attempt = attempt_left_running(run);
	abandoned = attempt >= 0 && attempt_left_running(run) == attempt;
	SPI_finish();
	PG_RETURN_BOOL(abandoned);
}
