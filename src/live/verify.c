/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  A kept tally compared with its battles.
 *
 * Both sides are of one statement, and so of one moment; what the log would change in
 * the tally is counted in.  There is to be no difference, ever.  If there is one,
 * all battles are counted anew by the next run, and health tells of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_verify_tally);

/*
 * The rows in which a tally differs from its battles, of a leaderboard or with NULL
 * of all, into SPI's result.
 */
static void
compare_tally(const KeptTally *kept, const char *slug)
{
	Parameters	parameters = {0};
	char	   *sql;

	sql = made_sql(kept, "SELECT bixarena.live_compare_sql($1, $2, $3::pg_catalog.jsonb)");
	add_text(&parameters, slug);
	execute_query(sql, SPI_OK_SELECT, false, &parameters);
}

/*
 * Put on record what a comparison has found, where it can be.
 */
static void
note_verified(const KeptTally *kept, int64 differences)
{
	Parameters	parameters = {0};

	if (!may_fold() || !lock_tally(kept, false))
		return;
	add_text(&parameters, kept->schema);
	add_parameter(&parameters, INT8OID, Int64GetDatum(differences), false);
	execute_query("SELECT bixarena.live_note_verified($1, $2)", SPI_OK_SELECT, false,
				  &parameters);
}

/* A comparison, tried in a subtransaction */
typedef struct Sample
{
	const KeptTally *kept;
	int64		num_leaderboards;
} Sample;

/*
 * Step: compare some leaderboards, drawn at random.  A tally that is in doubt is
 * counted anyhow.
 */
static void
compare_sample(void *argument)
{
	const Sample *sample = argument;
	List	   *slugs = list_leaderboards(sample->kept->arena);
	OwnerScope	scope = become_tally_owner(sample->kept);
	char	   *lost;
	Datum		facts;
	bool		is_sure = find_doubt(sample->kept, &lost, &facts) == NULL && lost == NULL;
	int64		differences = 0;

	for (int64 i = 0; is_sure && i < sample->num_leaderboards && slugs != NIL; i++)
	{
		int			place = pg_prng_uint64_range(&pg_global_prng_state, 0,
												 list_length(slugs) - 1);

		compare_tally(sample->kept, list_nth(slugs, place));
		differences += SPI_processed;
		slugs = list_delete_nth_cell(slugs, place);
	}
	if (is_sure)
		note_verified(sample->kept, differences);
	leave_owner(scope);
	if (differences > 0)
		ereport(WARNING,
				(errmsg("the kept tally of arena \"%s\" differed from its battles", sample->kept->arena),
				 errdetail("It did so in %lld rows.  All battles are counted anew.",
						   (long long) differences)));
}

/*
 * Compare some leaderboards of an arena, if its tally is kept.
 */
void
sample_tally(const char *arena, int64 num_leaderboards)
{
	Sample		sample = {.kept = find_kept_tally(arena),.num_leaderboards = num_leaderboards};

	if (sample.kept && num_leaderboards > 0 && may_fold() && may_read_battles(arena))
		rethrow_cancel(try_step(compare_sample, &sample));
}

/*
 * bixarena_verify_tally(arena, leaderboard_id)
 */
Datum
bixarena_verify_tally(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *arena;
	char	   *slug = argument_text(fcinfo, 1);
	KeptTally  *kept;
	OwnerScope	scope;
	char	   *lost;
	char	   *doubt;
	Datum		facts;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	arena = resolve_arena(argument_text(fcinfo, 0));
	if (slug)
		(void) find_leaderboard(arena, slug);
	kept = find_readable_tally(arena);
	scope = become_tally_owner(kept);
	doubt = find_doubt(kept, &lost, &facts);
	if (lost || doubt)
		ereport(WARNING,
				(errmsg("the kept tally of arena \"%s\" is in doubt, and is not read as it is", arena),
				 errdetail("%s.", lost ? lost : doubt)));
	compare_tally(kept, slug);
	for (uint64 row = 0; row < SPI_processed; row++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[row]);
	if (!lost && !doubt)
		note_verified(kept, SPI_processed);
	leave_owner(scope);
	SPI_finish();
	return (Datum) 0;
}
