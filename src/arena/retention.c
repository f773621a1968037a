/*-------------------------------------------------------------------------
 *
 * retention.c
 *	  Old snapshots and runs deleted, as the settings keep_snapshots, keep_days and
 *	  keep_runs_days say.
 *
 * A run that has stored a snapshot deletes what is then too old, in the same
 * transaction and with the same rights; a role that may not delete snapshots
 * leaves them to one that may.  The latest public snapshot, which is what
 * readers see, is never deleted, nor is the run's own.  A date that is infinite
 * is none: it makes a snapshot neither the latest nor old.
 *
 * Where the arena's tables are on another server, it is that server that is asked
 * for the right.  There entries are deleted by the foreign key that cascades, and
 * where none does nothing is: to find them from here would be to fetch them.
 *
 * The record of runs is ours, so old runs are deleted whatever the role.
 *
 * Somebody may be publishing one of the old snapshots just now.  So they are
 * locked first, which waits for that, and then looked at once more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "arena/arena.h"

/*
 * A query for the ids of the snapshots that may go: $1 is the leaderboard, $2
 * how many are kept, $3 how many days, $4 the run's own snapshot.
 */
static char *
old_snapshots(const Leaderboard *leaderboard)
{
	return psprintf("SELECT s.id FROM (SELECT s.id, s.created_at,"
					" pg_catalog.row_number() OVER latest AS place,"
					" pg_catalog.row_number() OVER (PARTITION BY s.visibility"
					" ORDER BY s.created_at DESC,"
					" pg_catalog.length(s.snapshot_identifier) DESC,"
					" s.snapshot_identifier DESC) = 1"
					" AND s.visibility = 'public' AS shown"
					" FROM %s.leaderboard_snapshot AS s WHERE s.leaderboard_id = $1"
					" AND pg_catalog.isfinite(s.created_at)"
					" WINDOW latest AS (ORDER BY s.created_at DESC,"
					" pg_catalog.length(s.snapshot_identifier) DESC,"
					" s.snapshot_identifier DESC)) AS s"
					" WHERE NOT s.shown AND s.id <> $4 AND (s.place > $2 OR s.created_at <"
					" pg_catalog.now() - $3 * interval '1 day')",
					leaderboard->schema);
}

static void
run_on_old_snapshots(const StoredSnapshot *snapshot, const char *sql, int expected)
{
	const Settings *settings = snapshot->settings;
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, snapshot->leaderboard->id, false);
	add_parameter(&parameters, INT8OID, Int64GetDatum(settings->keep_snapshots),
				  settings->keep_snapshots == 0);
	add_parameter(&parameters, FLOAT8OID, Float8GetDatum(settings->keep_days),
				  settings->keep_days == 0);
	add_parameter(&parameters, UUIDOID, snapshot->id, false);
	execute_query(sql, expected, false, &parameters);
}

/*
 * May the current role lock and delete snapshots of the arena?
 */
static bool
may_delete(const Leaderboard *leaderboard)
{
	if (is_remote(leaderboard->arena))
		return may_delete_remotely(leaderboard);
	return has_privilege(leaderboard, "leaderboard_snapshot", "UPDATE") &&
		has_privilege(leaderboard, "leaderboard_snapshot", "DELETE") &&
		has_privilege(leaderboard, "leaderboard_entry", "DELETE");
}

/*
 * Delete them on another server, by one statement.  Should somebody have published
 * one since they were read, that is a failure there, of serialization.
 */
static void
delete_remotely(const StoredSnapshot *snapshot)
{
	Parameters	parameters = {0};
	Datum	   *ids;
	int			n;

	run_on_old_snapshots(snapshot, old_snapshots(snapshot->leaderboard), SPI_OK_SELECT);
	n = (int) SPI_processed;
	if (n == 0)
		return;
	ids = palloc(sizeof(Datum) * n);
	for (int row = 0; row < n; row++)
		ids[row] = result_uuid(row, 1);
	add_array(&parameters, UUIDOID, ids, n);
	execute_query(psprintf("DELETE FROM %s.leaderboard_snapshot AS k"
						   " WHERE k.id OPERATOR(pg_catalog.=) ANY ($1)",
						   snapshot->leaderboard->schema),
				  SPI_OK_DELETE, false, &parameters);
}

static void
delete_old_snapshots(const StoredSnapshot *snapshot)
{
	const char *schema = snapshot->leaderboard->schema;
	char	   *old = old_snapshots(snapshot->leaderboard);

	run_on_old_snapshots(snapshot,
						 psprintf("SELECT FROM %s.leaderboard_snapshot AS k"
								  " WHERE k.id IN (%s) ORDER BY k.id FOR UPDATE",
								  schema, old),
						 SPI_OK_SELECT);
	/* the entries first: nothing cascades in an arena of views */
	run_on_old_snapshots(snapshot,
						 psprintf("WITH old AS MATERIALIZED (%s), entries AS"
								  " (DELETE FROM %s.leaderboard_entry AS e"
								  " USING old WHERE e.snapshot_id = old.id)"
								  " DELETE FROM %s.leaderboard_snapshot AS k"
								  " USING old WHERE k.id = old.id",
								  old, schema, schema),
						 SPI_OK_DELETE);
}

/*
 * Delete what is too old beside a snapshot that has been stored.  One of the past,
 * which may be too old itself, leaves that to the next.
 */
void
apply_retention(const StoredSnapshot *snapshot)
{
	const Settings *settings = snapshot->settings;

	if (snapshot->as_of == NULL &&
		(settings->keep_snapshots > 0 || settings->keep_days > 0) &&
		may_delete(snapshot->leaderboard))
	{
		if (is_remote(snapshot->leaderboard->arena))
			delete_remotely(snapshot);
		else
			delete_old_snapshots(snapshot);
	}
}
