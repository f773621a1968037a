/*-------------------------------------------------------------------------
 *
 * call.c
 *	  The runs of one call on record.
 *
 * A call of bixarena_generate_snapshots() for all leaderboards has a run of each
 * on record, and committed, before it reads any battle: so it leaves a trace
 * whatever ends it, the reading included.  They are "running" with 0 attempts
 * until their turn comes, and share a call_id.  The session that makes the call
 * has a lock on that (locks.c), which stands for the locks of its runs.
 *
 * When a call has ended before its runs did, as by a crash, these have been
 * abandoned and wait like others (waiting.c).  The next call of the same role and
 * arena makes those its own that no process has begun: a leaderboard has one run
 * then, not an old one and a new one, and all are read at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "run/run.h"

/*
 * Add the slugs of the runs that are not on record yet, and the keys they are to
 * have.
 */
static void
add_new_runs(Parameters *parameters, List *slugs, const Datum *ids, const bool *adopted)
{
	Datum	   *keys = palloc(sizeof(Datum) * (list_length(slugs) + 1));
	Datum	   *names = palloc(sizeof(Datum) * (list_length(slugs) + 1));
	int			num_new = 0;

	for (int i = 0; i < list_length(slugs); i++)
		if (!adopted[i])
		{
			keys[num_new] = ids[i];
			names[num_new++] = CStringGetTextDatum(cut_text(list_nth(slugs, i), MAX_SLUG));
		}
	add_array(parameters, UUIDOID, keys, num_new);
	add_array(parameters, TEXTOID, names, num_new);
}

/*
 * Calls of this role in the arena of which runs are on record as not begun, into
 * SPI's result: call_id.
 */
static void
read_calls_not_done(const Run *call)
{
	Parameters	parameters = {0};
	OwnerScope	scope = become_owner();

	add_text(&parameters, call->arena);
	add_parameter(&parameters, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	execute_query("SELECT DISTINCT r.call_id FROM bixarena.run AS r"
				  " WHERE r.arena OPERATOR(pg_catalog.=) $1::name"
				  " AND r.role_id OPERATOR(pg_catalog.=) $2"
				  " AND r.ended_at IS NULL AND r.status OPERATOR(pg_catalog.<>) 'queued'"
				  " AND r.attempts OPERATOR(pg_catalog.=) 0"
				  " AND r.call_id IS NOT NULL",
				  SPI_OK_SELECT, false, &parameters);
	leave_owner(scope);
}

/*
 * A call that has ended before its time, or NULL.
 */
static Datum
find_broken_call(const Run *call)
{
	read_calls_not_done(call);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		call_id = result_uuid(row, 1);

		if (!lock_is_held(LOCK_RUN, DatumGetUUIDP(call_id)->data, UUID_LEN))
			return call_id;
	}
	return (Datum) 0;
}

/*
 * Make runs of a broken call those of this one, where it has the leaderboard.
 */
static void
adopt_runs(const Run *call, Datum broken, List *slugs, Datum *ids, bool *adopted)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, call->call_id, false);
	add_parameter(&parameters, UUIDOID, broken, false);
	add_new_runs(&parameters, slugs, ids, adopted);
	write_record("UPDATE bixarena.run AS r SET call_id = $1"
				 " WHERE r.call_id OPERATOR(pg_catalog.=) $2"
				 " AND r.status OPERATOR(pg_catalog.=) 'running'"
				 " AND r.attempts OPERATOR(pg_catalog.=) 0"
				 " AND r.leaderboard OPERATOR(pg_catalog.=) ANY ($4) AND $3 IS NOT NULL"
				 " RETURNING r.correlation_id, r.leaderboard",
				 SPI_OK_UPDATE_RETURNING, &parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		const char *slug = result_text(row, 2);
		int			place = 0;

		while (place < list_length(slugs) &&
			   (adopted[place] || strcmp(cut_text(list_nth(slugs, place), MAX_SLUG), slug) != 0))
			place++;
		if (place == list_length(slugs))
			continue;
		ids[place] = result_uuid(row, 1);
		adopted[place] = true;
	}
}

/*
 * Put the runs that a call is to make on record, one of each slug and in their
 * order.  Returns their keys.
 */
Datum *
record_call(const Run *call, List *slugs)
{
	int			n = list_length(slugs);
	Datum	   *ids = palloc(sizeof(Datum) * (n + 1));
	bool	   *adopted = palloc0(sizeof(bool) * (n + 1));
	Datum		broken = find_broken_call(call);
	Parameters	parameters = {0};

	for (int i = 0; i < n; i++)
		ids[i] = DirectFunctionCall1(gen_random_uuid, (Datum) 0);
	if (broken)
		adopt_runs(call, broken, slugs, ids, adopted);
	add_new_runs(&parameters, slugs, ids, adopted);
	add_text(&parameters, call->arena);
	add_text(&parameters, call->trigger_source);
	add_text(&parameters, call->triggered_by);
	add_text(&parameters, GetUserNameFromId(GetUserId(), false));
	add_time(&parameters, call->started_at, false);
	add_parameter(&parameters, UUIDOID, call->call_id, false);
	write_record("INSERT INTO bixarena.run"
				 " (correlation_id, parameters, status, arena, leaderboard,"
				 " trigger_source, triggered_by, role, requested_at, attempts, call_id)"
				 " SELECT s.id, '{\"as_of\": null}', 'running', $3, s.slug, $4, $5, $6,"
				 " $7 OPERATOR(pg_catalog.+) (s.place OPERATOR(pg_catalog.*)"
				 " interval '1 microsecond'), 0, $8"
				 " FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2))"
				 " WITH ORDINALITY AS s (id, slug, place)",
				 SPI_OK_INSERT, &parameters);
	return ids;
}

/*
 * The leaderboards of the last call for all of an arena, as far as it is on record:
 * what there is to make where the arena itself cannot say it.
 */
List *
slugs_of_last_call(const char *arena)
{
	Parameters	parameters = {0};
	List	   *slugs = NIL;

	add_text(&parameters, arena);
	look_up("SELECT DISTINCT r.leaderboard FROM bixarena.run AS r"
			" WHERE r.call_id OPERATOR(pg_catalog.=) (SELECT c.call_id"
			" FROM bixarena.run AS c WHERE c.arena OPERATOR(pg_catalog.=) $1::name"
			" AND c.call_id IS NOT NULL"
			" AND c.parameters OPERATOR(pg_catalog.->>) 'as_of' IS NULL"
			" ORDER BY c.requested_at DESC LIMIT 1) ORDER BY 1", &parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
		slugs = lappend(slugs, result_text(row, 1));
	return slugs;
}

/*
 * The runs of a call that it has not begun fail with it.
 */
void
record_never_begun(const Run *call, const ErrorData *error)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, call->call_id, false);
	add_time(&parameters, GetCurrentTimestamp(), false);
	add_text(&parameters, unpack_sql_state(error->sqlerrcode));
	add_text(&parameters, error->message);
	write_record("UPDATE bixarena.run SET status = 'failed', ended_at = $2,"
				 " error_sqlstate = $3, error_message = $4,"
				 " error_detail = 'The call ended before the run began.'"
				 " WHERE call_id OPERATOR(pg_catalog.=) $1"
				 " AND status OPERATOR(pg_catalog.=) 'running'"
				 " AND attempts OPERATOR(pg_catalog.=) 0",
				 SPI_OK_UPDATE, &parameters);
}
