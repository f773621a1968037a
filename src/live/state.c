/*-------------------------------------------------------------------------
 *
 * state.c
 *	  What there is to say of a kept tally, for who looks after an arena.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_live_state);

/* What bixarena.live_state() tells of a tally */
typedef struct StateStep
{
	const char *arena;
	KeptTally  *kept;			/* NULL: on another server */
	ReturnSetInfo *result;
} StateStep;

#define NUM_STATE_COLUMNS 9

/*
 * The row that a query has found becomes the result of a function.
 */
static void
put_row(ReturnSetInfo *result)
{
	Datum		values[NUM_STATE_COLUMNS];
	bool		nulls[NUM_STATE_COLUMNS] = {false};

	for (int i = 0; i < NUM_STATE_COLUMNS; i++)
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1,
								  &nulls[i]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Step: the state of a tally becomes the result of a function.
 */
static void
put_state(void *argument)
{
	StateStep  *step = argument;
	OwnerScope	scope = become_tally_owner(step->kept);

	(void) find_battle_source(step->arena, READ_AS_OF);
	call_for_tally(step->kept, "SELECT $2, bixarena.live_lost($1, $2, $3::pg_catalog.jsonb), s.*"
				   " FROM bixarena.live_state_of($2,"
				   " bixarena.live_facts($1, $2, $3::pg_catalog.jsonb)) AS s",
				   NULL, (Datum) 0);
	put_row(step->result);
	leave_owner(scope);
}

/*
 * Step: the same of one that another server keeps.
 */
static void
put_far_state(void *argument)
{
	StateStep  *step = argument;

	execute_query(psprintf("SELECT 'bixarena_node', s.lost, s.doubt, s.log_bytes, s.folded_at, s.recounted_at,"
						   " s.recounted_why, s.verified_at, s.differences FROM %s.tally_state AS s",
						   quote_identifier(step->arena)), SPI_OK_SELECT, true, NULL);
	put_row(step->result);
}

/*
 * May the caller see an arena at all?
 */
static bool
may_see(const char *arena)
{
	Parameters	parameters = {0};

	add_text(&parameters, arena);
	add_parameter(&parameters, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	look_up("SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) $1"
			" AND pg_catalog.has_schema_privilege($2, n.oid, 'USAGE')", &parameters);
	return SPI_processed > 0;
}

/*
 * bixarena.live_state(arena): what there is to say of its kept tally.  If that is
 * an error, this is it.
 */
Datum
bixarena_live_state(PG_FUNCTION_ARGS)
{
	StateStep	step = {
		.arena = argument_text(fcinfo, 0),.result = (ReturnSetInfo *) fcinfo->resultinfo
	};
	ErrorData  *error = NULL;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	if (!may_see(step.arena))
	{
		SPI_finish();
		return (Datum) 0;
	}
	step.kept = find_kept_tally(step.arena);
	if (step.kept)
		error = try_step(put_state, &step);
	else if (has_far_tally(step.arena))
		error = try_step(put_far_state, &step);
	rethrow_cancel(error);
	if (error)
	{
		Datum		values[NUM_STATE_COLUMNS] = {0};
		bool		nulls[NUM_STATE_COLUMNS];

		memset(nulls, true, sizeof(nulls));
		nulls[0] = nulls[1] = false;
		values[0] = CStringGetTextDatum(step.kept ? step.kept->schema : "bixarena_node");
		values[1] = CStringGetTextDatum(error->message);
		tuplestore_putvalues(step.result->setResult, step.result->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}
