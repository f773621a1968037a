/*-------------------------------------------------------------------------
 *
 * tally.c
 *	  Reading the battles of this moment, from a kept tally where there is one.
 *
 * A run folds what the log has, and reads, in its own transaction, so that it speaks
 * of all that was committed before.  Where it cannot fold it reads the tally and, in
 * the same statement, what the log would change in it: while somebody else folds,
 * in a transaction that sees an older state, or where nothing can be written.  So
 * nobody ever waits for anybody.
 *
 * If a tally cannot be trusted (doubt.sql says when), all battles are counted anew
 * before it is read.  Where that cannot be, and for whatever else may be wrong with a
 * tally, the battles are read themselves: a kept tally saves time, and never costs a
 * run.
 *
 * Battles up to a moment of the past are not in it, and are read as ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "live/live.h"

/* How it may be read */
typedef enum TallyUse
{
	USE_NOT,					/* the battles are to be read */
	USE_AS_IS,
	USE_WITH_LOG				/* with what the log would change in it */
} TallyUse;

/* So many battles are counted in without folding by who only looks */
#define SMALL_LOG "1000"

/* What is tried in a subtransaction */
typedef struct TallyStep
{
	KeptTally  *kept;
	bool		only_looks;
	TallyUse	use;
} TallyStep;

static bool
log_is_small(const KeptTally *kept)
{
	execute_query(psprintf("SELECT coalesce(pg_catalog.sum(pg_catalog.cardinality(l.keys))"
						   " OPERATOR(pg_catalog.<=) " SMALL_LOG ", true)"
						   " FROM (SELECT l.keys FROM %s.log AS l LIMIT " SMALL_LOG ") AS l",
						   quote_identifier(kept->schema)),
				  SPI_OK_SELECT, true, NULL);
	return strcmp(result_text(0, 1), "t") == 0;
}

/*
 * Step: bring a tally up to date, if it can be, and say how it may be read.
 */
static void
prepare_tally(void *argument)
{
	TallyStep  *step = argument;
	KeptTally  *kept = step->kept;
	OwnerScope	scope;
	bool		locked;
	char	   *lost;
	char	   *doubt;
	Datum		facts;

	/* the tables are as they are until the end of the transaction */
	(void) find_battle_source(kept->arena, READ_AS_OF);
	scope = become_tally_owner(kept);
	/* what it is compared with is looked at when nobody else folds */
	locked = may_fold() && !(step->only_looks && log_is_small(kept)) &&
		lock_tally(kept, false);
	doubt = find_doubt(kept, &lost, &facts);
	if (doubt && !locked && may_fold() && lock_tally(kept, false))
	{
		locked = true;
		doubt = find_doubt(kept, &lost, &facts);
	}
	if (lost)
		step->use = USE_NOT;
	else if (locked)
	{
		(void) fold(kept, doubt, facts);
		step->use = USE_AS_IS;
	}
	else
		step->use = doubt ? USE_NOT : USE_WITH_LOG;
	leave_owner(scope);
}

/*
 * How the tally of an arena may be read at this moment, and which it is.
 */
static TallyUse
choose_use(const char *arena, bool only_looks, KeptTally **kept)
{
	TallyStep	step = {.only_looks = only_looks};
	ErrorData  *error;

	*kept = find_kept_tally(arena);
	if (*kept == NULL || !may_read_battles(arena))
		return USE_NOT;
	step.kept = *kept;
	error = try_step(prepare_tally, &step);
	rethrow_cancel(error);
	return error ? USE_NOT : step.use;
}

/*
 * The query for the counts of a tally, of the leaderboards that a condition names: as
 * they stand there, or with what the log would change summed up.
 */
static char *
tally_query(const KeptTally *kept, TallyUse use, const char *condition, bool with_slugs)
{
	const char *slugs = with_slugs ? ", t.leaderboard" : "";

	if (use == USE_AS_IS)
		return psprintf("SELECT t.model1_id, t.model2_id, t.outcome, t.battles%s FROM %s.tally AS t"
						" WHERE t.leaderboard OPERATOR(pg_catalog.=) %s"
						" AND t.battles OPERATOR(pg_catalog.>) 0",
						slugs, quote_identifier(kept->schema), condition);
	return psprintf("SELECT t.model1_id, t.model2_id, t.outcome,"
					" pg_catalog.sum(t.battles)::pg_catalog.int8%s FROM (%s) AS t"
					" WHERE t.leaderboard OPERATOR(pg_catalog.=) %s"
					" GROUP BY t.model1_id, t.model2_id, t.outcome, t.leaderboard"
					" HAVING pg_catalog.sum(t.battles) OPERATOR(pg_catalog.>) 0",
					slugs, counts_sql(kept), condition);
}

/*
 * Read battles from a tally: those of a leaderboard, or of many.
 */
static List *
read_tally(const KeptTally *kept, TallyUse use, Datum slug, List *slugs, char *source)
{
	ParamListInfo parameters = makeParamList(1);
	OwnerScope	scope = become_tally_owner(kept);
	List	   *result;

	parameters->params[0].ptype = slugs ? TEXTARRAYOID : TEXTOID;
	parameters->params[0].value = slug;
	parameters->params[0].isnull = false;
	parameters->params[0].pflags = PARAM_FLAG_CONST;
	result = read_battles(tally_query(kept, use, slugs ? "ANY ($1)" : "$1", slugs != NIL),
						  parameters, true, slugs, VOTERS_NOT_READ, NIL, true, source);
	leave_owner(scope);
	return result;
}

static Battles *
read_leaderboard_tally(const KeptTally *kept, TallyUse use, const Leaderboard *leaderboard)
{
	return linitial(read_tally(kept, use, CStringGetTextDatum(leaderboard->slug), NIL,
							   psprintf("leaderboard \"%s\" from the kept tally of arena \"%s\"",
										leaderboard->slug, leaderboard->arena)));
}

/*
 * Do settings ask for more than a tally says?  It has neither voters nor covariates.
 */
static bool
needs_battles(const Settings *settings)
{
	return settings->cluster_by_voter || settings->covariates;
}

/*
 * The battles that count for a leaderboard at this moment, or with as_of up to then, and
 * what settings ask to know of them.
 */
Battles *
read_present_battles(const Leaderboard *leaderboard, const TimestampTz *as_of,
					 const Settings *settings, bool now)
{
	KeptTally  *kept;
	TallyUse	use = as_of || needs_battles(settings) ? USE_NOT :
		choose_use(leaderboard->arena, false, &kept);

	return use == USE_NOT ? read_leaderboard_battles(leaderboard, as_of, settings, now) :
		read_leaderboard_tally(kept, use, leaderboard);
}

/*
 * The same for who only looks, and folds a log only if it has grown long.
 */
Battles *
read_live_battles(const Leaderboard *leaderboard, const Settings *settings)
{
	KeptTally  *kept;
	TallyUse	use = needs_battles(settings) ? USE_NOT :
		choose_use(leaderboard->arena, true, &kept);

	return use == USE_NOT ? read_leaderboard_battles(leaderboard, NULL, settings, true) :
		read_leaderboard_tally(kept, use, leaderboard);
}

static Datum
text_array(List *texts)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(texts) + 1));
	ListCell   *cell;

	foreach(cell, texts)
		values[foreach_current_index(cell)] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, list_length(texts), TEXTOID,
										   -1, false, TYPALIGN_INT));
}

/*
 * The battles that count for these leaderboards of an arena at this moment, as a
 * list of Battles.  Leaderboards without any are not in it.
 */
List *
read_all_present_battles(const char *arena, List *slugs)
{
	KeptTally  *kept;
	TallyUse	use = choose_use(arena, false, &kept);

	if (use == USE_NOT || slugs == NIL)
		return read_arena_battles(arena, slugs);
	return read_tally(kept, use, text_array(slugs), slugs,
					  psprintf("all leaderboards from the kept tally of arena \"%s\"", arena));
}
