/*-------------------------------------------------------------------------
 *
 * metrics.c
 *	  Metrics of one arena among many.
 *
 * What watches all arenas must not hang on one of them: on a table that somebody
 * has locked, a view that never ends, a server behind a foreign table that does not
 * answer.  So an arena's metrics are read in a subtransaction, within a time, and
 * no code of its owner's is run, which could catch the cancel and go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_metrics_within);

/* Has the time run out? */
static volatile sig_atomic_t expired = false;

static void
expire(void)
{
	expired = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
read_metrics(void *argument)
{
	Parameters	parameters = {0};

	add_text(&parameters, argument);
	execute_query("SELECT m.name, m.labels, m.value"
				  " FROM bixarena.metrics_of_health($1) AS m"
				  " UNION ALL SELECT m.name, m.labels, m.value"
				  " FROM bixarena.metrics_of_leaderboards($1) AS m",
				  SPI_OK_SELECT, true, &parameters);
}

/*
 * Do a step like try_step(), but end it after so many milliseconds.
 */
static ErrorData *
try_within(int milliseconds, Step step, void *argument)
{
	static TimeoutId timeout = MAX_TIMEOUTS;
	ErrorData  *error;

	if (timeout == MAX_TIMEOUTS)
		timeout = RegisterTimeout(USER_TIMEOUT, expire);
	expired = false;
	watch_strictly = true;
	enable_timeout_after(timeout, Max(milliseconds, 1));
	error = try_step(step, argument);
	disable_timeout(timeout, false);
	watch_strictly = false;
	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED && !expired)
		ReThrowError(error);
	if (expired)
		QueryCancelPending = false;
	return error;
}

/*
 * bixarena.metrics_within(arena, milliseconds): the metrics that need the arena's
 * relations, or none if they cannot be read in this time, for whatever reason.
 */
Datum
bixarena_metrics_within(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	if (try_within(PG_GETARG_INT32(1), read_metrics, argument_text(fcinfo, 0)) == NULL)
		for (uint64 row = 0; row < SPI_processed; row++)
			tuplestore_puttuple(result->setResult, SPI_tuptable->vals[row]);
	SPI_finish();
	return (Datum) 0;
}
