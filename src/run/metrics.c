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
#include "utils/builtins.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_metrics_within);

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
	static Timer timer = NEW_TIMER;
	ErrorData  *error;
	bool		expired;

	watch_strictly = true;
	start_timer(&timer, Max(milliseconds, 1) / 1000.0);
	error = try_step(step, argument);
	expired = stop_timer(&timer);
	watch_strictly = false;
	if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED && !expired)
		ReThrowError(error);
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
