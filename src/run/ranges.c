/*-------------------------------------------------------------------------
 *
 * ranges.c
 *	  The ranks that the data allow, and who cast the votes, kept with a run.
 *
 * Ranges come of the very replicates that a snapshot's intervals come of, so they are
 * found when it is made.  Its tables are the user's and have no column for them; the
 * record of the run has.  Whoever may read the entries of the arena may read the
 * ranges of a snapshot, too.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_range_recorded);
PG_FUNCTION_INFO_V1(bixarena_term_recorded);

static void
append_range(StringInfo json, Datum model, const RankRange *range)
{
	appendStringInfo(json, "%s\"%s\": {\"lowest_rank\": %d, \"highest_rank\": %d,"
					 " \"lowest_rank_simultaneous\": %d,"
					 " \"highest_rank_simultaneous\": %d,"
					 " \"may_be_best\": %s, \"share_on_top\": %.15g",
					 json->len > 1 ? ", " : "",
					 DatumGetCString(DirectFunctionCall1(uuid_out, model)),
					 range->lowest, range->highest,
					 range->lowest_of_all, range->highest_of_all,
					 range->may_be_best ? "true" : "false",
					 round_score(range->share_on_top));
}

/*
 * The ranges of a ranking's models as jsonb, by their ids.
 */
Datum
ranges_of_run(const Ranking *ranking, const Contenders *contenders)
{
	Bounds		bounds = bounds_create(ranking->num_ranked);
	RankRange  *ranges = rank_ranges(ranking->differences);
	bool		has_comparison = comparison_bounds(ranking->differences, bounds);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int k = 0; k < ranking->num_ranked; k++)
	{
		int			model = ranking->order[k];
		int			place = ranking->compared[model];

		append_range(&json, contenders->ids[model], &ranges[place]);
		if (has_comparison)
			appendStringInfo(&json, ", \"comparison_lower\": %.15g"
							 ", \"comparison_upper\": %.15g",
							 round_score(stored_bound(bounds.lower[place], 0)),
							 round_score(stored_bound(bounds.upper[place], 0)));
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * What is to be known of who cast the battles of a ranking by voter, as jsonb.
 */
Datum
voters_of_run(const Ranking *ranking)
{
	char	   *json = psprintf("{\"voters\": %lld, \"busiest\": %lld, \"widening\": %.4g}",
								(long long) ranking->num_voters,
								(long long) ranking->busiest_voter, ranking->widening);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

/*
 * What a column of the record has of a snapshot, null where it is not on record, or the
 * caller may not read entries.
 */
static Datum
recorded(FunctionCallInfo fcinfo, const char *column)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *arena = argument_text(fcinfo, 2);
	Leaderboard leaderboard = {.arena = arena};
	Parameters	parameters = {0};
	Jsonb	   *value = NULL;

	leaderboard.schema = pstrdup(quote_identifier(arena));
	add_parameter(&parameters, UUIDOID, PG_GETARG_DATUM(0), false);
	add_text(&parameters, argument_text(fcinfo, 1));
	add_text(&parameters, arena);
	SPI_connect();
	if (has_privilege(&leaderboard, "leaderboard_entry", "SELECT"))
	{
		OwnerScope	scope = become_owner();
		bool		isnull = true;
		Datum		found;

		execute_query(psprintf("SELECT r.%s FROM bixarena.run AS r"
							   " WHERE r.snapshot_id OPERATOR(pg_catalog.=) $1"
							   " AND r.snapshot_identifier COLLATE pg_catalog.\"C\""
							   " OPERATOR(pg_catalog.=) $2"
							   " AND r.arena OPERATOR(pg_catalog.=) $3 LIMIT 1", column),
					  SPI_OK_SELECT, true, &parameters);
		leave_owner(scope);
		found = SPI_processed == 0 ? (Datum) 0 :
			SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		if (!isnull)
		{
			MemoryContext spi = MemoryContextSwitchTo(caller);

			value = DatumGetJsonbPCopy(found);
			MemoryContextSwitchTo(spi);
		}
	}
	SPI_finish();
	if (value == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(value);
}

/*
 * bixarena.range_recorded(snapshot, snapshot_identifier, arena): the ranges of a snapshot.
 */
Datum
bixarena_range_recorded(PG_FUNCTION_ARGS)
{
	return recorded(fcinfo, "ranges");
}

/*
 * bixarena.term_recorded(snapshot, snapshot_identifier, arena): what besides strengths
 * decided its battles.
 */
Datum
bixarena_term_recorded(PG_FUNCTION_ARGS)
{
	return recorded(fcinfo, "terms");
}
