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

	sql = made_sql(kept, slug ?
				   "SELECT bixarena.live_compare_sql($1, $2, $3::pg_catalog.jsonb, true)" :
				   "SELECT bixarena.live_compare_sql($1, $2, $3::pg_catalog.jsonb, false)");
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

/*
 * The rows in which a tally that another server keeps differs from its battles there,
 * of a leaderboard or with NULL of all, into SPI's result.
 */
static void
compare_far_tally(const char *arena, const char *slug)
{
	Parameters	parameters = {0};

	add_text(&parameters, slug);
	execute_query(psprintf("SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.kept, d.recounted"
						   " FROM %s.tally_difference AS d WHERE d.asked %s", quote_identifier(arena),
						   slug ? "OPERATOR(pg_catalog.=) $1" : "IS NULL AND $1 IS NULL"),
				  SPI_OK_SELECT, false, &parameters);
}

/* A comparison, tried in a subtransaction */
typedef struct Sample
{
	const char *arena;
	const KeptTally *kept;
	int64		num_leaderboards;
	int64		differences;
} Sample;

/*
 * A leaderboard drawn at random, which is taken out of the list.
 */
static char *
draw_slug(List **slugs)
{
	int			place = pg_prng_uint64_range(&pg_global_prng_state, 0, list_length(*slugs) - 1);
	char	   *slug = list_nth(*slugs, place);

	*slugs = list_delete_nth_cell(*slugs, place);
	return slug;
}

/*
 * Tell that a sample has found differences.
 */
static void
report_differences(const Sample *sample)
{
	if (sample->differences > 0)
		ereport(WARNING,
				(errmsg("the kept tally of arena \"%s\" differed from its battles", sample->arena),
				 errdetail("It did so in %lld rows.  All battles are counted anew.",
						   (long long) sample->differences)));
}

/*
 * Step: compare some leaderboards where the tally is kept on another server.  One that
 * is in doubt is counted anyhow.
 */
static void
compare_far_sample(void *argument)
{
	Sample	   *sample = argument;
	List	   *slugs = list_leaderboards(sample->arena);

	execute_query(psprintf("SELECT FROM %s.tally_state AS s WHERE s.lost IS NULL AND s.doubt IS NULL"
						   " AND coalesce(s.verified_at OPERATOR(pg_catalog.<)"
						   " (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) interval '23 hours'), true)",
						   quote_identifier(sample->arena)), SPI_OK_SELECT, true, NULL);
	if (SPI_processed == 0)
		return;
	for (int64 i = 0; i < sample->num_leaderboards && slugs != NIL; i++)
	{
		compare_far_tally(sample->arena, draw_slug(&slugs));
		sample->differences += SPI_processed;
	}
	(void) ask_far_tally(sample->arena, "verified", sample->differences);
	report_differences(sample);
}

/*
 * Is it a day since the last comparison?  It reads battles, which is what a kept tally
 * saves.
 */
static bool
is_due(const KeptTally *kept)
{
	return strcmp(made_sql(kept, "SELECT bixarena.live_is_due($2)"), "t") == 0;
}

/*
 * Step: compare some leaderboards, drawn at random.  A tally that is in doubt is
 * counted anyhow.
 */
static void
compare_sample(void *argument)
{
	Sample	   *sample = argument;
	List	   *slugs = list_leaderboards(sample->arena);
	OwnerScope	scope = become_tally_owner(sample->kept);
	char	   *lost;
	Datum		facts;
	bool		is_sure = is_due(sample->kept) &&
		find_doubt(sample->kept, &lost, &facts) == NULL && lost == NULL;

	for (int64 i = 0; is_sure && i < sample->num_leaderboards && slugs != NIL; i++)
	{
		compare_tally(sample->kept, draw_slug(&slugs));
		sample->differences += SPI_processed;
	}
	if (is_sure)
		note_verified(sample->kept, sample->differences);
	leave_owner(scope);
	report_differences(sample);
}

/*
 * Compare some leaderboards of an arena, if its tally is kept.
 */
void
sample_tally(const char *arena, int64 num_leaderboards)
{
	Sample		sample = {
		.arena = arena,.kept = find_kept_tally(arena),.num_leaderboards = num_leaderboards
	};

	if (num_leaderboards == 0 || !may_fold())
		return;
	if (sample.kept && may_read_battles(arena))
		rethrow_cancel(try_step(compare_sample, &sample));
	else if (sample.kept == NULL && has_far_tally(arena))
		rethrow_cancel(try_step(compare_far_sample, &sample));
}

/*
 * Tell that a tally is in doubt, as what differs then means little.
 */
static void
report_doubt(const char *arena, const char *doubt)
{
	ereport(WARNING,
			(errmsg("the kept tally of arena \"%s\" is in doubt, and is not read as it is", arena),
			 errdetail("%s.", doubt)));
}

static void
put_differences(ReturnSetInfo *result)
{
	for (uint64 row = 0; row < SPI_processed; row++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[row]);
}

/*
 * The rows in which a tally differs become the result of a function.
 */
static void
verify_kept(const KeptTally *kept, const char *slug, ReturnSetInfo *result)
{
	OwnerScope	scope = become_tally_owner(kept);
	char	   *lost;
	Datum		facts;
	char	   *doubt = find_doubt(kept, &lost, &facts);

	if (lost || doubt)
		report_doubt(kept->arena, lost ? lost : doubt);
	compare_tally(kept, slug);
	put_differences(result);
	if (!lost && !doubt)
		note_verified(kept, SPI_processed);
	leave_owner(scope);
}

/*
 * The same where the tally is kept on another server.
 */
static void
verify_there(const char *arena, const char *slug, ReturnSetInfo *result)
{
	const char *doubt;

	execute_query(psprintf("SELECT coalesce(s.lost, s.doubt) FROM %s.tally_state AS s",
						   quote_identifier(arena)), SPI_OK_SELECT, false, NULL);
	doubt = SPI_processed > 0 ? result_text(0, 1) : NULL;
	if (doubt)
		report_doubt(arena, doubt);
	compare_far_tally(arena, slug);
	put_differences(result);
	if (doubt == NULL && may_fold())
		(void) ask_far_tally(arena, "verified", SPI_processed);
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

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	arena = resolve_arena(argument_text(fcinfo, 0));
	if (slug)
		(void) find_leaderboard(arena, slug);
	if (has_far_tally(arena))
		verify_there(arena, slug, result);
	else
		verify_kept(find_readable_tally(arena), slug, result);
	SPI_finish();
	return (Datum) 0;
}
