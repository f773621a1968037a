/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Runs on record.
 *
 * bixarena.run has one row for each run.  Only this file and call.c write it, with
 * the rights of the extension's owner, so that who may make snapshots still cannot
 * change what is on record.
 *
 * A run is "queued" when somebody has asked for it (request.c), "running" once
 * a process has begun it, and ends as "succeeded", "skipped" or "failed".  The
 * end is written in the transaction that publishes the snapshot, and only onto
 * the attempt that was begun: so a run is published once, whoever takes it up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "run/run.h"

static void
add_integer(Parameters *parameters, int64 value, bool isnull)
{
	add_parameter(parameters, INT8OID, Int64GetDatum(value), isnull);
}

static void
add_number(Parameters *parameters, double value, bool isnull)
{
	add_parameter(parameters, FLOAT8OID, Float8GetDatum(value), isnull);
}

void
add_time(Parameters *parameters, TimestampTz value, bool isnull)
{
	add_parameter(parameters, TIMESTAMPTZOID, TimestampTzGetDatum(value), isnull);
}

static void
add_json_text(StringInfo json, const char *name, const char *value)
{
	appendStringInfo(json, ", \"%s\": ", name);
	if (value)
		escape_json(json, value);
	else
		appendStringInfoString(json, "null");
}

/*
 * What a request has set, as a member of its own: requests with other values are
 * others.
 */
static void
add_requested(StringInfo json, const Run *run)
{
	if (run->num_bootstrap == NULL && run->min_evaluations == NULL)
		return;
	appendStringInfoString(json, ", \"requested\": {");
	if (run->num_bootstrap)
		appendStringInfo(json, "\"num_bootstrap\": %lld",
						 (long long) *run->num_bootstrap);
	if (run->num_bootstrap && run->min_evaluations)
		appendStringInfoString(json, ", ");
	if (run->min_evaluations)
		appendStringInfo(json, "\"min_evaluations\": %lld",
						 (long long) *run->min_evaluations);
	appendStringInfoChar(json, '}');
}

/*
 * The covariates that scores are adjusted for, null if there are none.
 */
static void
add_covariates(StringInfo json, const Settings *settings)
{
	ListCell   *cell;

	appendStringInfoString(json, ", \"covariates\": ");
	foreach(cell, settings->covariates)
	{
		appendStringInfoString(json, foreach_current_index(cell) == 0 ? "[" : ", ");
		escape_json(json, lfirst(cell));
	}
	appendStringInfoString(json, settings->covariates ? "]" : "null");
}

/*
 * With what a run is made, as jsonb: the settings in force, once they are known,
 * as_of, and what the request has set.
 */
Datum
run_parameters(const Run *run)
{
	const Settings *settings = run->settings;
	StringInfoData json;
	char		as_of[MAXDATELEN + 1];

	if (run->as_of)
		JsonEncodeDateTime(as_of, TimestampTzGetDatum(*run->as_of), TIMESTAMPTZOID, NULL);
	initStringInfo(&json);
	appendStringInfo(&json, "{\"as_of\": %s%s%s", run->as_of ? "\"" : "",
					 run->as_of ? as_of : "null", run->as_of ? "\"" : "");
	if (settings)
	{
		appendStringInfo(&json, ", \"num_bootstrap\": %lld, \"intervals\": \"%s\""
						 ", \"cluster_by_voter\": %s"
						 ", \"min_evaluations\": %lld, \"rank_by_significance\": %s, \"auto_publish\": %s"
						 ", \"adjust_position\": %s"
						 ", \"prior_battles\": %.15g, \"anchor_score\": %.15g"
						 ", \"seed\": %lld",
						 (long long) settings->num_bootstrap,
						 interval_kind_name(settings->intervals),
						 settings->cluster_by_voter ? "true" : "false",
						 (long long) settings->min_evaluations,
						 settings->rank_by_significance ? "true" : "false",
						 settings->auto_publish ? "true" : "false",
						 settings->adjust_position ? "true" : "false",
						 settings->prior_battles, settings->anchor_score,
						 (long long) settings->seed);
		add_json_text(&json, "anchor_model", settings->anchor_model);
		add_json_text(&json, "tie_model", tie_model_name(settings->tie_model));
		add_covariates(&json, settings);
	}
	add_requested(&json, run);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * The parameters that every statement on one run begins with: $1 its key, $2
 * what it is made with.
 */
static void
add_run(Parameters *parameters, const Run *run)
{
	add_parameter(parameters, UUIDOID, run->correlation_id, false);
	add_parameter(parameters, JSONBOID, run_parameters(run), false);
}

/*
 * Run a statement that writes, with the owner's rights.  Returns the number of
 * rows written.
 */
uint64
write_record(const char *sql, int expected, Parameters *parameters)
{
	OwnerScope	scope = become_owner();

	execute_query(sql, expected, false, parameters);
	leave_owner(scope);
	return SPI_processed;
}

/*
 * An error if the key of a run is taken.
 */
void
check_correlation_id(Datum correlation_id)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, correlation_id, false);
	look_up("SELECT r.correlation_id FROM bixarena.run AS r"
			" WHERE r.correlation_id OPERATOR(pg_catalog.=) $1", &parameters);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("there is a run with correlation_id %s already",
						result_text(0, 1))));
}

/*
 * An error for a slug that does not fit into the record's indexes.  So that a run
 * of it can be put on record as failed, it is cut there.
 */
void
check_slug(const Run *run)
{
	if (strlen(run->slug) > MAX_SLUG)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the slug of a leaderboard is too long: \"%s...\"",
						cut_text(run->slug, 60)),
				 errdetail("It has %zu bytes; %d are allowed.", strlen(run->slug),
						   MAX_SLUG)));
}

/*
 * Put a run on record: who asks for what.  False if it is to be queued and
 * another of its leaderboard, role and values is.
 */
static bool
insert_run(const Run *run, const char *status)
{
	bool		begins = strcmp(status, "running") == 0;
	Parameters	parameters = {0};

	add_run(&parameters, run);
	add_text(&parameters, status);
	add_text(&parameters, run->arena);
	add_text(&parameters, cut_text(run->slug, MAX_SLUG));
	add_text(&parameters, run->trigger_source);
	add_text(&parameters, run->triggered_by);
	add_text(&parameters, GetUserNameFromId(GetUserId(), false));
	add_time(&parameters, begins ? run->started_at : GetCurrentTimestamp(), false);
	add_time(&parameters, run->started_at, !begins);
	add_integer(&parameters, run->attempts, false);
	add_integer(&parameters, run->request_number, run->request_number == 0);
	add_parameter(&parameters, UUIDOID, run->call_id, run->call_id == (Datum) 0);
	return write_record("INSERT INTO bixarena.run"
						" (correlation_id, parameters, status, arena, leaderboard,"
						" trigger_source, triggered_by, role, requested_at,"
						" started_at, attempts, request_number, call_id)"
						" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
						" ON CONFLICT (arena, leaderboard, role_id, (coalesce("
						"parameters OPERATOR(pg_catalog.->) 'requested', '{}')))"
						" WHERE status = 'queued' DO NOTHING",
						SPI_OK_INSERT, &parameters) > 0;
}

/*
 * Put a run that begins on record.
 */
bool
record_start(Run *run)
{
	return insert_run(run, "running");
}

/*
 * Put a run on record as queued, unless another like it is.
 */
bool
record_request(const Run *run)
{
	return insert_run(run, "queued");
}

/*
 * The process that has the lock of a run begins another attempt at it, or the
 * first at one that was queued.  False if the run has ended in the meantime.
 */
bool
record_attempt(Run *run)
{
	Parameters	parameters = {0};
	bool		isnull;

	run->started_at = GetCurrentTimestamp();
	add_parameter(&parameters, UUIDOID, run->correlation_id, false);
	add_time(&parameters, run->started_at, false);
	if (write_record("UPDATE bixarena.run SET status = 'running', started_at = $2,"
					 " attempts = attempts OPERATOR(pg_catalog.+) 1"
					 " WHERE correlation_id OPERATOR(pg_catalog.=) $1"
					 " AND status IN ('queued', 'running') RETURNING attempts",
					 SPI_OK_UPDATE_RETURNING, &parameters) == 0)
		return false;
	run->attempts = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0],
												SPI_tuptable->tupdesc, 1, &isnull));
	return true;
}

/*
 * An error if the attempt that was to be written is not on record any more.
 */
static void
check_recorded(const Run *run, uint64 written)
{
	if (written == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the run of leaderboard \"%s\" is not this process's any more",
						run->slug),
				 errdetail("It was deleted from the record, or taken up by another process.")));
}

/*
 * Put on record how a run has ended.
 */
void
record_end(const Run *run)
{
	Parameters	parameters = {0};
	bool		computed = run->unranked != (Datum) 0;

	add_run(&parameters, run);
	add_text(&parameters, run->status);
	add_integer(&parameters, run->attempts, false);
	add_time(&parameters, run->ended_at, false);
	add_text(&parameters, run->reason);
	add_parameter(&parameters, UUIDOID, run->snapshot_id, !run->has_snapshot);
	add_text(&parameters, run->snapshot_identifier);
	add_integer(&parameters, run->entry_count, false);
	add_integer(&parameters, run->evaluation_count, false);
	add_integer(&parameters, count_ignored(&run->ignored), false);
	add_parameter(&parameters, JSONBOID, run->unranked, run->unranked == (Datum) 0);
	add_integer(&parameters, run->num_incomplete, !computed);
	add_number(&parameters, run->read_seconds, false);
	add_number(&parameters, run->fit_seconds, !computed);
	add_number(&parameters, run->bootstrap_seconds, !computed);
	add_number(&parameters, run->write_seconds, !computed);
	add_parameter(&parameters, JSONBOID, run->ranges, run->ranges == (Datum) 0);
	add_parameter(&parameters, JSONBOID, run->voters, run->voters == (Datum) 0);
	add_parameter(&parameters, JSONBOID, run->soundness, run->soundness == (Datum) 0);
	add_parameter(&parameters, JSONBOID, run->terms, run->terms == (Datum) 0);
	check_recorded(run, write_record("UPDATE bixarena.run SET parameters = $2,"
									 " status = $3, ended_at = $5, skip_reason = $6,"
									 " snapshot_id = $7, snapshot_identifier = $8,"
									 " entry_count = $9, evaluation_count = $10,"
									 " ignored_battles = $11, unranked = $12,"
									 " incomplete_replicates = $13,"
									 " read_seconds = $14, fit_seconds = $15,"
									 " bootstrap_seconds = $16,"
									 " write_seconds = $17, ranges = $18, voters = $19,"
									 " soundness = $20, terms = $21, error_sqlstate = NULL,"
									 " error_message = NULL, error_detail = NULL"
									 " WHERE correlation_id OPERATOR(pg_catalog.=) $1"
									 " AND status OPERATOR(pg_catalog.=) 'running'"
									 " AND attempts OPERATOR(pg_catalog.=) $4",
									 SPI_OK_UPDATE, &parameters));
	notify_end(run);
}

/*
 * Put on record that an attempt at a run has failed, for good or to be tried
 * again.
 */
void
record_failure(Run *run, const ErrorData *error, bool for_good)
{
	Parameters	parameters = {0};

	run->status = for_good ? "failed" : "running";
	run->error = error;
	run->ended_at = GetCurrentTimestamp();
	add_run(&parameters, run);
	add_text(&parameters, run->status);
	add_integer(&parameters, run->attempts, false);
	add_time(&parameters, run->ended_at, !for_good);
	add_text(&parameters, unpack_sql_state(error->sqlerrcode));
	add_text(&parameters, error->message);
	add_text(&parameters, error->detail);
	if (write_record("UPDATE bixarena.run SET parameters = $2, status = $3,"
					 " ended_at = $5, error_sqlstate = $6, error_message = $7,"
					 " error_detail = $8"
					 " WHERE correlation_id OPERATOR(pg_catalog.=) $1"
					 " AND status IN ('queued', 'running')"
					 " AND attempts OPERATOR(pg_catalog.=) $4",
					 SPI_OK_UPDATE, &parameters) > 0 && for_good)
		notify_end(run);
}

/*
 * Delete the runs of an arena that have ended longer ago than the setting
 * keep_runs_days of their leaderboard, or else of the arena, says.  The arena's
 * are all looked at, since a leaderboard that is always skipped, or gone, has
 * nobody else to do it.
 *
 * It waits for nobody: a run that another transaction is deleting is left to it.
 * One at repeatable read or serializable, where that would be an error, leaves
 * all to the next.
 */
void
delete_old_runs(const char *arena)
{
	Parameters	parameters = {0};

	if (IsolationUsesXactSnapshot())
		return;
	add_text(&parameters, arena);
	write_record("WITH keep AS MATERIALIZED"
				 " (SELECT nullif(s.leaderboard, '') AS leaderboard, s.value::float8 AS days"
				 " FROM bixarena.setting AS s WHERE s.arena = $1"
				 " AND s.name = 'keep_runs_days'), old AS MATERIALIZED"
				 " (SELECT r.correlation_id FROM bixarena.run AS r"
				 " WHERE r.arena = $1 AND r.status NOT IN ('queued', 'running')"
				 " AND r.requested_at < now() - interval '1 day' *"
				 " (SELECT min(k.days) FROM keep AS k)"
				 " AND r.ended_at < now() - interval '1 day' *"
				 " coalesce((SELECT k.days FROM keep AS k"
				 " WHERE k.leaderboard = r.leaderboard),"
				 " (SELECT k.days FROM keep AS k WHERE k.leaderboard IS NULL))"
				 " FOR UPDATE OF r SKIP LOCKED)"
				 " DELETE FROM bixarena.run AS r USING old"
				 " WHERE r.correlation_id = old.correlation_id",
				 SPI_OK_DELETE, &parameters);
}
