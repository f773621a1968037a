/*-------------------------------------------------------------------------
 *
 * run.c
 *	  Runs on record.
 *
 * bixarena.run has one row for each attempt to make a snapshot.  Only this
 * file writes it, with the rights of the extension's owner, so that who may
 * make snapshots still cannot change what is on record.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "bixarena_rank.h"

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

static void
add_time(Parameters *parameters, TimestampTz value, bool isnull)
{
	add_parameter(parameters, TIMESTAMPTZOID, TimestampTzGetDatum(value), isnull);
}

/*
 * An error if the key of a run is taken.
 */
void
check_correlation_id(Datum correlation_id)
{
	Parameters	parameters = {0};
	OwnerScope	scope = become_owner();

	add_parameter(&parameters, UUIDOID, correlation_id, false);
	execute_query("SELECT r.correlation_id FROM bixarena.run AS r"
				  " WHERE r.correlation_id OPERATOR(pg_catalog.=) $1",
				  SPI_OK_SELECT, true, &parameters);
	leave_owner(scope);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("there is a run with correlation_id %s already",
						result_text(0, 1))));
}

/*
 * Put a run that begins on record: who asks for what, and with what.
 */
void
record_start(const Run *run)
{
	const Settings *settings = run->settings;
	Parameters	parameters = {0};
	OwnerScope	scope;

	add_parameter(&parameters, UUIDOID, run->correlation_id, false);
	add_text(&parameters, run->leaderboard->arena);
	add_text(&parameters, run->leaderboard->slug);
	add_text(&parameters, run->trigger_source);
	add_text(&parameters, run->triggered_by);
	add_text(&parameters, GetUserNameFromId(GetUserId(), false));
	add_time(&parameters, run->started_at, false);
	add_integer(&parameters, settings->num_bootstrap, false);
	add_integer(&parameters, settings->min_evaluations, false);
	add_parameter(&parameters, BOOLOID,
				  BoolGetDatum(settings->rank_by_significance), false);
	add_parameter(&parameters, BOOLOID, BoolGetDatum(settings->auto_publish), false);
	add_number(&parameters, settings->prior_battles, false);
	add_text(&parameters, settings->anchor_model);
	add_number(&parameters, settings->anchor_score, false);
	add_integer(&parameters, settings->seed, false);
	add_time(&parameters, run->as_of ? *run->as_of : 0, run->as_of == NULL);

	scope = become_owner();
	execute_query("INSERT INTO bixarena.run"
				  " (correlation_id, arena, leaderboard, trigger_source,"
				  " triggered_by, role, requested_at, started_at, status, attempts,"
				  " parameters)"
				  " VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 'running', 1,"
				  " pg_catalog.jsonb_build_object('num_bootstrap', $8,"
				  " 'min_evaluations', $9, 'rank_by_significance', $10,"
				  " 'auto_publish', $11, 'prior_battles', $12, 'anchor_model', $13,"
				  " 'anchor_score', $14, 'seed', $15, 'as_of', $16))",
				  SPI_OK_INSERT, false, &parameters);
	leave_owner(scope);
}

/*
 * Put on record how a run has ended.
 */
void
record_end(const Run *run)
{
	Parameters	parameters = {0};
	OwnerScope	scope;
	bool		computed = strcmp(run->status, "succeeded") == 0;

	add_parameter(&parameters, UUIDOID, run->correlation_id, false);
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

	scope = become_owner();
	execute_query("UPDATE bixarena.run SET status = $2, attempts = $3,"
				  " ended_at = $4, skip_reason = $5, snapshot_id = $6,"
				  " snapshot_identifier = $7, entry_count = $8,"
				  " evaluation_count = $9, ignored_battles = $10, unranked = $11,"
				  " incomplete_replicates = $12, read_seconds = $13,"
				  " fit_seconds = $14, bootstrap_seconds = $15,"
				  " write_seconds = $16, error_sqlstate = NULL,"
				  " error_message = NULL, error_detail = NULL"
				  " WHERE correlation_id OPERATOR(pg_catalog.=) $1",
				  SPI_OK_UPDATE, false, &parameters);
	leave_owner(scope);
}

/*
 * Put on record that an attempt at a run has failed, for good or to be tried
 * again.
 */
void
record_failure(const Run *run, const ErrorData *error, bool for_good)
{
	Parameters	parameters = {0};
	OwnerScope	scope;

	add_parameter(&parameters, UUIDOID, run->correlation_id, false);
	add_text(&parameters, for_good ? "failed" : "running");
	add_integer(&parameters, run->attempts, false);
	add_time(&parameters, run->ended_at, !for_good);
	add_text(&parameters, unpack_sql_state(error->sqlerrcode));
	add_text(&parameters, error->message);
	add_text(&parameters, error->detail);

	scope = become_owner();
	execute_query("UPDATE bixarena.run SET status = $2, attempts = $3,"
				  " ended_at = $4, error_sqlstate = $5, error_message = $6,"
				  " error_detail = $7"
				  " WHERE correlation_id OPERATOR(pg_catalog.=) $1",
				  SPI_OK_UPDATE, false, &parameters);
	leave_owner(scope);
}
