/*-------------------------------------------------------------------------
 *
 * recovery.c
 *	  What has become of a snapshot that nobody saw committed.
 *
 * Where the arena's tables are on another server, a transaction is committed there
 * first, and then here.  Between the two the connection may be lost, a process
 * killed, a disk be full.  Then there may be a snapshot there whose run has not
 * succeeded here; the reverse cannot be.
 *
 * A snapshot's id is its run's correlation id.  So
 *
 *	- a further attempt at a run looks for it first.  If there is one, the run has
 *	  succeeded with it.  If it comes while the attempt stores its own, as a commit
 *	  that was on its way, the server lets only one of them be;
 *	- a run that has failed for good, or that was rolled back with its record, as
 *	  bixarena_generate_snapshot() is with the caller's transaction, has nobody who
 *	  tries again.  So whoever makes snapshots in such an arena first looks at those
 *	  of late, and puts on record what is not there: as a run that has succeeded,
 *	  triggered by FOUND where there was none on record at all.
 *
 * "Of late" is since a day before the last run that succeeded began: that run looked
 * at what was before.  The day is for transactions that had not ended then.  A snapshot
 * of before that somebody has published or described since is none of these; nor can one
 * of the past be told from it, so of these there are only those of runs on record.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "run/run.h"

/* Who has triggered a run of which there is only the snapshot */
#define FOUND "found without a run"

/* How many battles a snapshot is made of: its description tells */
#define EVALUATIONS \
	"coalesce(pg_catalog.substring(s.description, 'with ([0-9]{1,18}) evaluations'), '0')"

/*
 * Has a run a snapshot already?  Then it has succeeded with that.
 */
bool
find_stored_snapshot(Run *run)
{
	const char *schema = run->leaderboard->schema;
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, run->correlation_id, false);
	execute_query_now(psprintf("SELECT s.snapshot_identifier, " EVALUATIONS ","
							   " (SELECT pg_catalog.count(*) FROM %s.leaderboard_entry AS e"
							   " WHERE e.snapshot_id OPERATOR(pg_catalog.=) $1)"
							   " FROM %s.leaderboard_snapshot AS s"
							   " WHERE s.id OPERATOR(pg_catalog.=) $1", schema, schema),
					  &parameters);
	if (SPI_processed == 0)
		return false;
	run->status = "succeeded";
	run->has_snapshot = true;
	run->snapshot_id = run->correlation_id;
	run->snapshot_identifier = result_text(0, 1);
	run->evaluation_count = pg_strtoint64(result_text(0, 2));
	run->entry_count = pg_strtoint32(result_text(0, 3));
	run->ended_at = GetCurrentTimestamp();
	return true;
}

/*
 * Since when snapshots of an arena have to be looked at, into SPI's result.  Before
 * the arena was registered, and where the record has been deleted, nobody can tell
 * whose they are.
 */
static TimestampTz
beginning_of_late(const char *arena)
{
	Parameters	parameters = {0};
	bool		isnull;

	add_text(&parameters, arena);
	look_up("SELECT pg_catalog.max(t.moment) FROM"
			" (SELECT a.created_at FROM bixarena.arena AS a"
			" WHERE a.name OPERATOR(pg_catalog.=) $1::name"
			" UNION ALL SELECT (SELECT r.started_at FROM bixarena.run AS r"
			" WHERE r.arena OPERATOR(pg_catalog.=) $1::name"
			" AND r.status OPERATOR(pg_catalog.=) 'succeeded'"
			" ORDER BY r.requested_at DESC LIMIT 1)"
			" OPERATOR(pg_catalog.-) interval '1 day'"
			" UNION ALL SELECT pg_catalog.now() OPERATOR(pg_catalog.-)"
			" (interval '1 day' OPERATOR(pg_catalog.*)"
			" pg_catalog.min(s.value::pg_catalog.float8))"
			" FROM bixarena.setting AS s WHERE s.arena OPERATOR(pg_catalog.=) $1::name"
			" AND s.name OPERATOR(pg_catalog.=) 'keep_runs_days') AS t (moment)",
			&parameters);
	return DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0],
											 SPI_tuptable->tupdesc, 1, &isnull));
}

/* A snapshot that was found */
typedef struct Found
{
	Datum		id;				/* a uuid */
	Datum		updated_at;
	char	   *leaderboard;
	char	   *identifier;
	char	   *evaluations;
	char	   *entries;
} Found;

/*
 * The keys of the runs of an arena that have failed since a moment.
 */
static Datum *
list_failed(const char *arena, TimestampTz since, int *number)
{
	Parameters	parameters = {0};
	Datum	   *ids;

	add_text(&parameters, arena);
	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(since), false);
	look_up("SELECT r.correlation_id FROM bixarena.run AS r"
			" WHERE r.arena OPERATOR(pg_catalog.=) $1::name"
			" AND r.status OPERATOR(pg_catalog.=) 'failed'"
			" AND r.ended_at OPERATOR(pg_catalog.>) $2", &parameters);
	*number = (int) SPI_processed;
	ids = palloc(sizeof(Datum) * (*number + 1));
	for (int row = 0; row < *number; row++)
		ids[row] = result_uuid(row, 1);
	return ids;
}

/*
 * The snapshots of an arena that were made since a moment, or are of runs that have
 * failed since.
 */
static List *
list_found(const char *arena, TimestampTz since)
{
	const char *schema = quote_identifier(arena);
	Parameters	parameters = {0};
	List	   *found = NIL;
	int			num_failed;
	Datum	   *failed = list_failed(arena, since, &num_failed);
	bool		isnull;

	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(since), false);
	add_array(&parameters, UUIDOID, failed, num_failed);
	execute_query_now(psprintf("SELECT s.id, s.updated_at::pg_catalog.timestamptz,"
							   " s.snapshot_identifier, " EVALUATIONS
							   " FROM %s.leaderboard_snapshot AS s"
							   " WHERE (s.created_at OPERATOR(pg_catalog.>) $1"
							   " AND s.updated_at OPERATOR(pg_catalog.>) $1)"
							   " OR s.id OPERATOR(pg_catalog.=) ANY ($2)", schema),
					  &parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Found	   *one = palloc0(sizeof(Found));

		one->id = result_uuid(row, 1);
		one->updated_at = SPI_getbinval(SPI_tuptable->vals[row],
										SPI_tuptable->tupdesc, 2, &isnull);
		one->identifier = result_text(row, 3);
		one->evaluations = result_text(row, 4);
		found = lappend(found, one);
	}
	return found;
}

/*
 * Those of them that the record does not have as those of runs that have succeeded,
 * or that are still to end.
 */
static List *
leave_out_known(List *found, const char *arena, TimestampTz since)
{
	int			n = list_length(found);
	Datum	   *ids = palloc(sizeof(Datum) * (n + 1));
	Parameters	parameters = {0};
	List	   *unknown = NIL;

	for (int i = 0; i < n; i++)
		ids[i] = ((Found *) list_nth(found, i))->id;
	add_array(&parameters, UUIDOID, ids, n);
	add_text(&parameters, arena);
	add_parameter(&parameters, TIMESTAMPTZOID, TimestampTzGetDatum(since), false);
	look_up("SELECT i.place FROM pg_catalog.unnest($1) WITH ORDINALITY AS i (id, place)"
			" WHERE NOT EXISTS (SELECT FROM bixarena.run AS r"
			" WHERE r.correlation_id OPERATOR(pg_catalog.=) i.id"
			" AND r.status OPERATOR(pg_catalog.<>) 'failed')"
	/* version 1.0 gave snapshots other ids */
			" AND NOT EXISTS (SELECT FROM bixarena.run AS r"
			" WHERE r.arena OPERATOR(pg_catalog.=) $2::name"
			" AND r.requested_at OPERATOR(pg_catalog.>=) $3"
			" AND r.snapshot_id OPERATOR(pg_catalog.=) i.id)", &parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
		unknown = lappend(unknown,
						  list_nth(found, pg_strtoint32(result_text(row, 1)) - 1));
	return unknown;
}

/*
 * What only the arena can tell of a snapshot that was found.  False if it is gone.
 */
static bool
look_at(const char *arena, Found *found)
{
	const char *schema = quote_identifier(arena);
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, found->id, false);
	execute_query_now(psprintf("SELECT l.slug::pg_catalog.text,"
							   " (SELECT pg_catalog.count(*) FROM %s.leaderboard_entry AS e"
							   " WHERE e.snapshot_id OPERATOR(pg_catalog.=) $1)"
							   " FROM %s.leaderboard_snapshot AS s"
							   " JOIN %s.leaderboard AS l"
							   " ON l.id OPERATOR(pg_catalog.=) s.leaderboard_id"
							   " WHERE s.id OPERATOR(pg_catalog.=) $1",
							   schema, schema, schema),
					  &parameters);
	if (SPI_processed == 0)
		return false;
	found->leaderboard = result_text(0, 1);
	found->entries = result_text(0, 2);
	return true;
}

/*
 * Put on record that there is the snapshot of a run.  Should its own transaction
 * only be about to end, that is waited for, and right.
 */
static void
put_on_record(const char *arena, const Found *found)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, found->id, false);
	add_text(&parameters, arena);
	add_text(&parameters, cut_text(found->leaderboard, MAX_SLUG));
	add_parameter(&parameters, TIMESTAMPTZOID, found->updated_at, false);
	add_text(&parameters, found->identifier);
	add_text(&parameters, found->entries);
	add_text(&parameters, found->evaluations);
	add_text(&parameters, GetUserNameFromId(GetUserId(), false));
	write_record("INSERT INTO bixarena.run AS r (correlation_id, arena, leaderboard,"
				 " status, trigger_source, triggered_by, role, parameters, attempts,"
				 " requested_at, started_at, ended_at, snapshot_id,"
				 " snapshot_identifier, entry_count, evaluation_count)"
				 " VALUES ($1, $2, $3, 'succeeded', 'manual', '" FOUND "', $8,"
				 " '{\"as_of\": null}', 1, $4, $4, $4, $1, $5,"
				 " $6::pg_catalog.int4, $7::pg_catalog.int8)"
				 " ON CONFLICT (correlation_id) DO UPDATE SET status = 'succeeded',"
				 " snapshot_id = $1, snapshot_identifier = $5,"
				 " entry_count = $6::pg_catalog.int4,"
				 " evaluation_count = $7::pg_catalog.int8,"
				 " error_sqlstate = NULL, error_message = NULL, error_detail = NULL"
				 " WHERE r.status OPERATOR(pg_catalog.=) 'failed'",
				 SPI_OK_INSERT, &parameters);
}

/*
 * Put on record what an arena on another server has of snapshots whose runs did not
 * see them committed.
 */
void
settle_arena(const char *arena)
{
	TimestampTz since;
	ListCell   *cell;

	if (!is_remote(arena))
		return;
	since = beginning_of_late(arena);
	foreach(cell, leave_out_known(list_found(arena, since), arena, since))
	{
		Found	   *found = lfirst(cell);

		if (look_at(arena, found))
			put_on_record(arena, found);
	}
}
