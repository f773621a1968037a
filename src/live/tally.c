/*-------------------------------------------------------------------------
 *
 * tally.c
 *	  Reading the battles of this moment, from a kept tally where there is one.
 *
 * A run folds what the log has, and reads, in its own transaction, so that it speaks
 * of all that was committed before.  Where it cannot fold it reads the tally and, in
 * the same statement, what the log would change in it: while somebody else folds,
 * in a transaction that sees an older state, or where nothing can be written.  So
 * nobody ever waits for anybody.  If there was nothing in the log, the tally is as it
 * was then, or a later fold has brought it further.
 *
 * By voter, what is counted of each battle is read: there are hardly fewer voters with
 * a pair and an outcome than battles, so that to sum them up would save nothing.
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
#include "miscadmin.h"
#include "utils/acl.h"
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
#define SMALL_LOG_KEYS 1000
#define SMALL_LOG "1000"

/* What is tried in a subtransaction */
typedef struct TallyStep
{
	KeptTally  *kept;
	bool		only_looks;
	TallyUse	use;
} TallyStep;

/*
 * How many keys the log has, as far as it matters.
 */
static int64
count_log(const KeptTally *kept)
{
	execute_query(psprintf("SELECT coalesce(pg_catalog.sum(coalesce(pg_catalog.cardinality(l.keys), 1)), 0)"
						   " FROM (SELECT l.keys FROM %s.log AS l LIMIT " SMALL_LOG " + 1) AS l",
						   quote_identifier(kept->schema)),
				  SPI_OK_SELECT, false, NULL);
	return strtoi64(result_text(0, 1), NULL, 10);
}

/*
 * A tally whose battles are not followed is to be counted anew once they are, whatever
 * has been undone by then.
 */
static void
distrust(const KeptTally *kept)
{
	if (may_fold() && lock_tally(kept, false))
		execute_query(psprintf("UPDATE %s.state SET facts = NULL WHERE facts IS NOT NULL",
							   quote_identifier(kept->schema)), SPI_OK_UPDATE, false, NULL);
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
	int64		log;
	bool		locked;
	char	   *lost;
	char	   *doubt;
	Datum		facts;

	hold_battles(kept);
	scope = become_tally_owner(kept);
	log = count_log(kept);
	/* what it is compared with is looked at when nobody else folds */
	locked = may_fold() && log > (step->only_looks ? SMALL_LOG_KEYS : 0) &&
		lock_tally(kept, false);
	doubt = find_doubt(kept, &lost, &facts);
	if (doubt && !locked && may_fold() && lock_tally(kept, false))
	{
		locked = true;
		doubt = find_doubt(kept, &lost, &facts);
	}
	if (lost)
		distrust(kept);
	if (lost)
		step->use = USE_NOT;
	else if (locked)
	{
		(void) fold(kept, doubt, facts);
		step->use = USE_AS_IS;
	}
	else
		step->use = doubt ? USE_NOT : log == 0 ? USE_AS_IS : USE_WITH_LOG;
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
	if (*kept == NULL && !only_looks)
		fold_far_tally(arena);
	if (*kept == NULL || !may_read_battles(arena))
		return USE_NOT;
	step.kept = *kept;
	error = try_step(prepare_tally, &step);
	rethrow_cancel(error);
	return error ? USE_NOT : step.use;
}

/*
 * The query for the counts of a leaderboard, $1.  Without OFFSET each would be counted
 * once more for the condition.
 */
static char *
one_query(const KeptTally *kept, TallyUse use)
{
	if (use == USE_AS_IS)
		return psprintf("SELECT t.model1_id, t.model2_id, t.outcome, t.count"
						" FROM (SELECT t.model1_id, t.model2_id, t.outcome,"
						" bixarena.live_count(t.leaderboards, t.battles, $1) AS count"
						" FROM %s.tally AS t OFFSET 0) AS t"
						" WHERE t.count OPERATOR(pg_catalog.>) 0",
						quote_identifier(kept->schema));
	return psprintf("SELECT t.model1_id, t.model2_id, t.outcome,"
					" pg_catalog.sum(t.battles)::pg_catalog.int8 FROM (%s) AS t"
					" GROUP BY t.model1_id, t.model2_id, t.outcome"
					" HAVING pg_catalog.sum(t.battles) OPERATOR(pg_catalog.>) 0",
					made_sql(kept, "SELECT bixarena.live_counts_of_sql($1, $2, $3::pg_catalog.jsonb)"));
}

/*
 * The query for the counts of many leaderboards, $1.  Nearly every row has some of them:
 * the reader leaves out others.
 */
static char *
many_query(const KeptTally *kept, TallyUse use)
{
	if (use == USE_AS_IS)
		return psprintf("SELECT t.model1_id, t.model2_id, t.outcome, t.battles, t.leaderboards FROM %s.tally AS t",
						quote_identifier(kept->schema));
	return psprintf("SELECT t.model1_id, t.model2_id, t.outcome,"
					" pg_catalog.sum(t.battles)::pg_catalog.int8, t.leaderboard FROM (%s) AS t"
					" WHERE t.leaderboard OPERATOR(pg_catalog.=) ANY ($1)"
					" GROUP BY t.model1_id, t.model2_id, t.outcome, t.leaderboard"
					" HAVING pg_catalog.sum(t.battles) OPERATOR(pg_catalog.>) 0",
					made_sql(kept, "SELECT bixarena.live_counts_sql($1, $2, $3::pg_catalog.jsonb)"));
}

/*
 * The query for what counts for a leaderboard, $1, and who has cast it.  NULL: it is
 * not known.
 */
static char *
voter_query(const KeptTally *kept, TallyUse use)
{
	char	   *sql = made_sql(kept, psprintf("SELECT bixarena.live_voters_sql($1, $2, $3::pg_catalog.jsonb, %s)",
											  use == USE_AS_IS ? "false" : "true"));

	return sql ? psprintf("%s ORDER BY 5", sql) : NULL;
}

/*
 * Read battles from a tally by a query: those of a leaderboard, or of many.
 */
static List *
read_tally(const KeptTally *kept, const char *sql, Datum slug, List *slugs,
		   VoterReading by_voter, char *source)
{
	ParamListInfo parameters = makeParamList(1);
	OwnerScope	scope = become_tally_owner(kept);
	List	   *result;

	parameters->params[0].ptype = slugs ? TEXTARRAYOID : TEXTOID;
	parameters->params[0].value = slug;
	parameters->params[0].isnull = false;
	parameters->params[0].pflags = PARAM_FLAG_CONST;
	result = read_battles(sql, parameters, true, slugs, by_voter, NIL, true,
						  source);
	leave_owner(scope);
	return result;
}

/*
 * The battles that count for a leaderboard, from its tally; NULL if that has not what
 * is asked for.
 */
static Battles *
read_leaderboard_tally(const KeptTally *kept, TallyUse use, const Leaderboard *leaderboard,
					   bool by_voter)
{
	OwnerScope	scope = become_tally_owner(kept);
	char	   *sql = by_voter ? voter_query(kept, use) : one_query(kept, use);

	leave_owner(scope);
	if (sql == NULL)
		return NULL;
	return linitial(read_tally(kept, sql, CStringGetTextDatum(leaderboard->slug), NIL,
							   by_voter ? VOTERS_TOLD_APART : VOTERS_NOT_READ,
							   psprintf("leaderboard \"%s\" from the kept tally of arena \"%s\"",
										leaderboard->slug, leaderboard->arena)));
}

/*
 * The battles that count for a leaderboard at this moment, and what settings ask to know
 * of them, from the tally; NULL where that cannot be, or it has not what is asked for, as
 * covariates.
 */
static Battles *
read_kept(const Leaderboard *leaderboard, const Settings *settings, bool only_looks)
{
	KeptTally  *kept;
	TallyUse	use = settings->covariates ? USE_NOT :
		choose_use(leaderboard->arena, only_looks, &kept);

	return use == USE_NOT ? NULL :
		read_leaderboard_tally(kept, use, leaderboard, settings->cluster_by_voter);
}

/*
 * The same for a bystander (watch.c): for nobody but who has the rights of the tally's
 * owner anyhow, since a view or a policy may show others something else.
 */
Battles *
read_watched_tally(const Leaderboard *leaderboard, const Settings *settings)
{
	KeptTally  *kept = find_kept_tally(leaderboard->arena);

	if (kept == NULL || !has_privs_of_role(GetUserId(), kept->owner))
		return NULL;
	return read_kept(leaderboard, settings, true);
}

/*
 * The same, or else as ever.
 */
static Battles *
read_moment(const Leaderboard *leaderboard, const Settings *settings, bool only_looks,
			bool now)
{
	Battles    *battles = read_kept(leaderboard, settings, only_looks);

	return battles ? battles : read_leaderboard_battles(leaderboard, NULL, settings, now);
}

/*
 * The battles that count for a leaderboard at this moment, or with as_of up to then.
 */
Battles *
read_present_battles(const Leaderboard *leaderboard, const TimestampTz *as_of,
					 const Settings *settings, bool now)
{
	return as_of ? read_leaderboard_battles(leaderboard, as_of, settings, now) :
		read_moment(leaderboard, settings, false, now);
}

/*
 * The same for who only looks, and folds a log only if it has grown long.
 */
Battles *
read_live_battles(const Leaderboard *leaderboard, const Settings *settings)
{
	return read_moment(leaderboard, settings, true, true);
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
	OwnerScope	scope;
	char	   *sql;

	if (use == USE_NOT || slugs == NIL)
		return read_arena_battles(arena, slugs);
	scope = become_tally_owner(kept);
	sql = many_query(kept, use);
	leave_owner(scope);
	return read_tally(kept, sql, text_array(slugs), slugs, VOTERS_NOT_READ,
					  psprintf("all leaderboards from the kept tally of arena \"%s\"", arena));
}
