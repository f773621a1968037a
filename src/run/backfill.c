/*-------------------------------------------------------------------------
 *
 * backfill.c
 *	  bixarena_backfill(): the snapshots that would have been published then.
 *
 * For each moment from the first to the last, a run with the battles up to then,
 * whose snapshot bears that date.  Each is a run on record, in transactions of
 * its own.  A moment that has a snapshot is passed over, so that a backfill that
 * was broken off can be called again.  At the end a notice says what became of
 * the moments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "run/run.h"

/* Snapshots that one call makes at most: a century of days */
#define MAX_MOMENTS 36525

PG_FUNCTION_INFO_V1(bixarena_backfill);

/* Arguments of bixarena_backfill() */
enum
{
	ARGUMENT_LEADERBOARD_ID,
	ARGUMENT_FROM_TIME,
	ARGUMENT_TO_TIME,
	ARGUMENT_STEP,
	ARGUMENT_ARENA,
	ARGUMENT_TRIGGERED_BY
};

/*
 * The checks that need nothing read.
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	Datum		zero = DirectFunctionCall3(interval_in, CStringGetDatum("0"),
										   ObjectIdGetDatum(InvalidOid),
										   Int32GetDatum(-1));
	TimestampTz from,
				to;

	for (int i = ARGUMENT_LEADERBOARD_ID; i <= ARGUMENT_STEP; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("leaderboard_id, from_time, to_time and step must not be null")));
	from = PG_GETARG_TIMESTAMPTZ(ARGUMENT_FROM_TIME);
	to = PG_GETARG_TIMESTAMPTZ(ARGUMENT_TO_TIME);
	if (TIMESTAMP_NOT_FINITE(from) || TIMESTAMP_NOT_FINITE(to) || from > to ||
		to > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("from_time must not be after to_time, nor to_time in the future")));
	if (!DatumGetBool(DirectFunctionCall2(interval_gt,
										  PG_GETARG_DATUM(ARGUMENT_STEP), zero)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("step must be positive")));
}

/*
 * The moments, one more of them than may be at most, and whether each has a
 * snapshot, into SPI's result.
 */
static void
read_moments(const Leaderboard *leaderboard, FunctionCallInfo fcinfo)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, leaderboard->id, false);
	add_parameter(&parameters, TIMESTAMPTZOID, PG_GETARG_DATUM(ARGUMENT_FROM_TIME), false);
	add_parameter(&parameters, TIMESTAMPTZOID, PG_GETARG_DATUM(ARGUMENT_TO_TIME), false);
	add_parameter(&parameters, INTERVALOID, PG_GETARG_DATUM(ARGUMENT_STEP), false);
	execute_query(psprintf("SELECT g.m, EXISTS (SELECT FROM %s.leaderboard_snapshot AS s"
						   " WHERE s.leaderboard_id = $1 AND s.created_at = g.m)"
						   " FROM (SELECT pg_catalog.generate_series($2, $3, $4) AS m"
						   " LIMIT %d) AS g ORDER BY g.m",
						   leaderboard->schema, MAX_MOMENTS + 1),
				  SPI_OK_SELECT, true, &parameters);
}

/*
 * The moments that have no snapshot yet, an array of *num_moments; beside them
 * are *num_passed that have one.
 */
static TimestampTz *
list_moments(const Leaderboard *leaderboard, FunctionCallInfo fcinfo,
			 int *num_moments, int *num_passed)
{
	TimestampTz *moments;
	bool		isnull;

	read_moments(leaderboard, fcinfo);
	if (SPI_processed > MAX_MOMENTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many snapshots in one backfill"),
				 errdetail("There are more than %d moments.", MAX_MOMENTS),
				 errhint("Use a longer step, or several calls.")));
	moments = palloc(sizeof(TimestampTz) * (SPI_processed + 1));
	*num_moments = 0;
	for (uint64 row = 0; row < SPI_processed; row++)
		if (strcmp(result_text(row, 2), "t") != 0)
			moments[(*num_moments)++] =
				DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[row],
												  SPI_tuptable->tupdesc, 1, &isnull));
	*num_passed = (int) SPI_processed - *num_moments;
	return moments;
}

/*
 * How many runs of these moments have ended how since the call began, into SPI's
 * result.  Of a reason that begins with a number, which differs from moment to
 * moment, only the limit that follows it counts.
 */
static void
read_endings(const Run *model, const TimestampTz *moments, TimestampTz since)
{
	Datum	   *dates = palloc(sizeof(Datum) * (model->num_runs + 1));
	Parameters	parameters = {0};
	OwnerScope	scope;

	for (int i = 0; i < model->num_runs; i++)
		dates[i] = TimestampTzGetDatum(moments[i]);
	add_text(&parameters, model->arena);
	add_text(&parameters, model->slug);
	add_text(&parameters, GetUserNameFromId(GetUserId(), false));
	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(since), false);
	add_array(&parameters, TIMESTAMPTZOID, dates, model->num_runs);
	scope = become_owner();
	execute_query("SELECT r.status || coalesce(', ' ||"
				  " regexp_replace(r.skip_reason, '^[0-9][^,]*, ', ''), ''),"
				  " count(*), r.status = 'succeeded'"
				  " FROM bixarena.run AS r WHERE r.arena = $1 AND r.leaderboard = $2"
				  " AND r.role = $3 AND r.requested_at >= $4"
				  " AND (r.parameters ->> 'as_of')::timestamptz = ANY ($5)"
				  " GROUP BY 1, 3 ORDER BY 2 DESC, 1",
				  SPI_OK_SELECT, true, &parameters);
	leave_owner(scope);
}

/*
 * Tell what became of the moments.
 */
static void
report_outcomes(const Run *model, const TimestampTz *moments, int num_passed,
				TimestampTz since)
{
	StringInfoData rest;
	const char *num_made = "0";

	initStringInfo(&rest);
	if (num_passed > 0)
		appendStringInfo(&rest, "passed over, since there was one: %d", num_passed);
	read_endings(model, moments, since);
	for (uint64 row = 0; row < SPI_processed; row++)
		if (strcmp(result_text(row, 3), "t") == 0)
			num_made = result_text(row, 2);
		else
			appendStringInfo(&rest, "%s%s: %s", rest.len > 0 ? "\n" : "",
							 result_text(row, 1), result_text(row, 2));
	ereport(NOTICE,
			(errmsg("snapshots made of leaderboard \"%s\": %s of %d",
					model->slug, num_made, model->num_runs + num_passed),
			 rest.len > 0 ? errdetail_internal("%s", rest.data) : 0));
}

Datum
bixarena_backfill(PG_FUNCTION_ARGS)
{
	Campaign	campaign = {0};
	Run			model = {.trigger_source = "manual"};
	Leaderboard *leaderboard;
	TimestampTz *moments;
	TimestampTz since = GetCurrentTimestamp();
	int			num_passed;

	check_arguments(fcinfo);
	campaign_begin_procedure(&campaign, fcinfo, "bixarena_backfill()");
	model.triggered_by = checked_triggered_by(argument_text(fcinfo, ARGUMENT_TRIGGERED_BY));
	leaderboard = find_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
								   argument_text(fcinfo, ARGUMENT_LEADERBOARD_ID));
	model.arena = leaderboard->arena;
	model.slug = leaderboard->slug;
	check_may_write(model.arena);
	check_has_battles(model.arena);
	moments = list_moments(leaderboard, fcinfo, &model.num_runs, &num_passed);
	model.call_id = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
	model.started_at = GetCurrentTimestamp();
	campaign.call = &model;

	campaign_commit(&campaign);
	for (int i = 0; i < model.num_runs; i++)
	{
		Run			run = model;

		run.as_of = &moments[i];
		run.number = i + 1;
		campaign_make_own(&campaign, run, NULL);
	}
	report_outcomes(&model, moments, num_passed, since);
	campaign_end(&campaign);
	PG_RETURN_VOID();
}
