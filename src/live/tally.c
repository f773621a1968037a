/*-------------------------------------------------------------------------
 *
 * tally.c
 *	  Reading the battles of this moment, from a kept tally where there is one.
 *
 * A kept tally is in a schema of its own, which belongs to the arena's owner: a log
 * of what has changed, what is counted of each battle, and the tally.  Nobody but
 * its owner touches it, so it is read and folded with the owner's rights, by who may
 * read the battles themselves.
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

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_live_register);
PG_FUNCTION_INFO_V1(bixarena_fold_tally);
PG_FUNCTION_INFO_V1(bixarena_rebuild_tally);

/* How long triggers that are missing are waited for, which others then wait for */
#define MEND_LOCK_TIMEOUT "200ms"

/* A kept tally */
typedef struct KeptTally
{
	char	   *arena;
	char	   *schema;
	char	   *sources;		/* jsonb, or NULL */
	Oid			owner;
} KeptTally;

/* How it may be read */
typedef enum TallyUse
{
	USE_NOT,					/* the battles are to be read */
	USE_AS_IS,
	USE_WITH_LOG				/* with what the log would change in it */
} TallyUse;

/* What is tried in a subtransaction */
typedef struct TallyStep
{
	KeptTally  *kept;
	bool		recount;		/* whether or not it is trusted */
	TallyUse	use;
	int64		count;
} TallyStep;

/*
 * The kept tally of an arena, NULL if there is none.  One that is not of the arena's
 * owner is none.
 */
static KeptTally *
find_kept_tally(const char *arena)
{
	KeptTally  *kept;
	Parameters	parameters = {0};
	bool		isnull;

	add_text(&parameters, arena);
	look_up("SELECT k.schema, k.sources, n.nspowner"
			" FROM bixarena.kept_tally AS k"
			" JOIN pg_catalog.pg_namespace AS n ON n.nspname OPERATOR(pg_catalog.=) k.schema"
			" WHERE k.arena OPERATOR(pg_catalog.=) $1"
			" AND n.nspowner OPERATOR(pg_catalog.=) bixarena.owner_of_arena($1)",
			&parameters);
	if (SPI_processed == 0)
		return NULL;
	kept = palloc0(sizeof(KeptTally));
	kept->arena = pstrdup(arena);
	kept->schema = result_text(0, 1);
	kept->sources = result_text(0, 2);
	kept->owner = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0],
												 SPI_tuptable->tupdesc, 3, &isnull));
	return kept;
}

/*
 * May the caller read all that the battles of an arena are read from?  Whoever may
 * not gets nothing from the tally either.
 */
static bool
may_read_battles(const char *arena)
{
	Parameters	parameters = {0};
	const char *may_read;

	add_text(&parameters, arena);
	add_parameter(&parameters, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	look_up("SELECT pg_catalog.bool_and(CASE r.object_type WHEN 'SCHEMA'"
			" THEN pg_catalog.has_schema_privilege($2, r.object::pg_catalog.regnamespace, r.privilege)"
			" ELSE pg_catalog.has_table_privilege($2, r.object::pg_catalog.regclass, r.privilege) END)"
			" FROM bixarena.battle_rights($1) AS r",
			&parameters);
	may_read = result_text(0, 1);
	return may_read && strcmp(may_read, "t") == 0;
}

/*
 * Until leave_owner() be the owner of a tally.
 */
static OwnerScope
become_tally_owner(const KeptTally *kept)
{
	OwnerScope	scope;
	char		kilobytes[32];

	scope.guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", PINNED_SEARCH_PATH, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	/* the planner cannot tell how few rows there are, and what it compiles takes longer */
	(void) set_config_option("jit", "off", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	snprintf(kilobytes, sizeof(kilobytes), "%d", Max(work_mem, maintenance_work_mem));
	(void) set_config_option("work_mem", kilobytes, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	GetUserIdAndSecContext(&scope.user, &scope.security_context);
	SetUserIdAndSecContext(kept->owner, scope.security_context |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	return scope;
}

static void
add_tally(Parameters *parameters, const KeptTally *kept)
{
	add_text(parameters, kept->arena);
	add_text(parameters, kept->schema);
	add_text(parameters, kept->sources);
}

/*
 * Run a function of a tally's, as its owner: a query on $1 arena, $2 schema and $3
 * sources, and more.
 */
static void
call_for_tally(const KeptTally *kept, const char *sql, const char *why, Datum facts)
{
	Parameters	parameters = {0};

	add_tally(&parameters, kept);
	if (why)
	{
		add_text(&parameters, why);
		add_parameter(&parameters, TEXTARRAYOID, facts, false);
	}
	execute_query(sql, SPI_OK_SELECT, false, &parameters);
}

/*
 * The number that a function has returned, -1 if it was null.
 */
static int64
result_count(void)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
									  &isnull);

	return isnull ? -1 : DatumGetInt64(value);
}

/*
 * Why a tally cannot be trusted, NULL if it can; and in *lost what keeps it from
 * being followed, NULL if nothing does.
 */
static char *
find_doubt(const KeptTally *kept, char **lost, Datum *facts)
{
	bool		isnull;

	call_for_tally(kept, "SELECT bixarena.live_lost($1, $2, $3::pg_catalog.jsonb),"
				   " bixarena.live_doubt($2, f.facts), f.facts"
				   " FROM (SELECT bixarena.live_facts($1, $2, $3::pg_catalog.jsonb)) AS f (facts)",
				   NULL, (Datum) 0);
	*lost = result_text(0, 1);
	*facts = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull);
	*facts = PointerGetDatum(DatumGetArrayTypePCopy(*facts));
	return result_text(0, 2);
}

/*
 * May this transaction fold: write, and see what was committed before each statement?
 */
static bool
may_fold(void)
{
	return !XactReadOnly && !RecoveryInProgress() && !IsInParallelMode() &&
		!IsolationUsesXactSnapshot();
}

static bool
lock_tally(const KeptTally *kept, bool wait)
{
	return lock_for_transaction(LOCK_TALLY, kept->arena, strlen(kept->arena), wait);
}

static int64
recount(const KeptTally *kept, const char *why, Datum facts)
{
	call_for_tally(kept, "SELECT bixarena.live_recount($1, $2, $3::pg_catalog.jsonb, $4, $5)",
				   why, facts);
	return result_count();
}

/*
 * Bring a tally up to date, in doubt by a recount.  So it is where the log says that
 * anything may have changed, which may have come since that was looked at.
 */
static int64
fold(const KeptTally *kept, const char *doubt, Datum facts)
{
	int64		count;

	if (doubt)
		return recount(kept, doubt, facts);
	call_for_tally(kept, "SELECT bixarena.live_fold($1, $2, $3::pg_catalog.jsonb)",
				   NULL, (Datum) 0);
	count = result_count();
	return count < 0 ? recount(kept, "all battles may have changed", facts) : count;
}

/*
 * Step: bring a tally up to date, if it can be, and say how it may be read.
 */
static void
prepare_tally(void *argument)
{
	TallyStep  *step = argument;
	KeptTally  *kept = step->kept;
	OwnerScope	scope = become_tally_owner(kept);
	bool		locked;
	char	   *lost;
	char	   *doubt;
	Datum		facts;

	/* what it is compared with is looked at when nobody else folds */
	locked = may_fold() && lock_tally(kept, false);
	doubt = find_doubt(kept, &lost, &facts);
	if (lost)
		step->use = USE_NOT;
	else if (locked)
	{
		step->count = fold(kept, doubt, facts);
		step->use = USE_AS_IS;
	}
	else
		step->use = doubt ? USE_NOT : USE_WITH_LOG;
	leave_owner(scope);
}

/*
 * Raise an error that is not of the tally, but of the session.
 */
static void
rethrow_cancel(ErrorData *error)
{
	if (error && (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
				  ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION))
		ReThrowError(error);
}

/*
 * How the tally of an arena may be read at this moment, and which it is.
 */
static TallyUse
choose_use(const char *arena, KeptTally **kept)
{
	TallyStep	step = {0};
	ErrorData  *error;

	*kept = find_kept_tally(arena);
	if (*kept == NULL || !may_read_battles(arena))
		return USE_NOT;
	/* the tables are as they are until the end of the transaction */
	(void) battle_query(arena);
	step.kept = *kept;
	error = try_step(prepare_tally, &step);
	rethrow_cancel(error);
	return error ? USE_NOT : step.use;
}

/*
 * The counts of a tally as a subquery with its columns.
 */
static char *
counts_sql(const KeptTally *kept, TallyUse use)
{
	const char *schema = quote_identifier(kept->schema);

	if (use == USE_AS_IS)
		return psprintf("SELECT * FROM %s.tally", schema);
	call_for_tally(kept, "SELECT bixarena.live_counts_sql($1, $2, $3::pg_catalog.jsonb)",
				   NULL, (Datum) 0);
	return result_text(0, 1);
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
	result = read_battles(psprintf("SELECT t.model1_id, t.model2_id, t.outcome,"
								   " pg_catalog.sum(t.battles)::pg_catalog.int8%s"
								   " FROM (%s) AS t"
								   " WHERE t.leaderboard OPERATOR(pg_catalog.=) %s"
								   " GROUP BY 1, 2, 3%s"
								   " HAVING pg_catalog.sum(t.battles) OPERATOR(pg_catalog.>) 0",
								   slugs ? ", t.leaderboard" : "", counts_sql(kept, use),
								   slugs ? "ANY ($1)" : "$1", slugs ? ", 5" : ""),
						  parameters, true, slugs, true, source);
	leave_owner(scope);
	return result;
}

/*
 * The battles that count for a leaderboard at this moment, or with as_of up to then.
 */
Battles *
read_present_battles(const Leaderboard *leaderboard, const TimestampTz *as_of, bool now)
{
	KeptTally  *kept;
	TallyUse	use = as_of ? USE_NOT : choose_use(leaderboard->arena, &kept);

	if (use == USE_NOT)
		return read_leaderboard_battles(leaderboard, as_of, now);
	return linitial(read_tally(kept, use, CStringGetTextDatum(leaderboard->slug), NIL,
							   psprintf("leaderboard \"%s\" from the kept tally of arena \"%s\"",
										leaderboard->slug, leaderboard->arena)));
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
	TallyUse	use = choose_use(arena, &kept);

	if (use == USE_NOT || slugs == NIL)
		return read_arena_battles(arena, slugs);
	return read_tally(kept, use, text_array(slugs), slugs,
					  psprintf("all leaderboards from the kept tally of arena \"%s\"", arena));
}

/*
 * Step: make the triggers that are missing.
 */
static void
make_triggers(void *argument)
{
	TallyStep  *step = argument;
	OwnerScope	scope = become_tally_owner(step->kept);
	char	   *lost;
	Datum		facts;

	(void) set_config_option("lock_timeout", MEND_LOCK_TIMEOUT, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) find_doubt(step->kept, &lost, &facts);
	if (lost && lock_tally(step->kept, false))
		call_for_tally(step->kept, "SELECT bixarena.live_make_triggers($1, $2, $3::pg_catalog.jsonb)",
					   NULL, (Datum) 0);
	leave_owner(scope);
}

/*
 * Make what triggers of the tally of an arena are missing, as after a migration that
 * has added tables, if there is a tally and it can be done at once.  It locks these
 * tables against writers until the transaction ends, so the caller is to commit.
 */
void
tend_tally(const char *arena)
{
	TallyStep	step = {.kept = find_kept_tally(arena)};

	if (step.kept && may_fold() && may_read_battles(arena))
		rethrow_cancel(try_step(make_triggers, &step));
}

/*
 * The kept tally of the arena that a call means, which must be; its owner's battles
 * may be read by the caller.
 */
static KeptTally *
named_tally(FunctionCallInfo fcinfo)
{
	char	   *arena = resolve_arena(argument_text(fcinfo, 0));
	KeptTally  *kept = find_kept_tally(arena);

	if (kept == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the tally of arena \"%s\" is not kept", arena),
				 errhint("bixarena_keep_tally() keeps it from then on.")));
	if (!may_read_battles(arena))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for the tally of arena \"%s\"", arena),
				 errdetail("It takes the right to read the arena's battles."),
				 errhint("bixarena_grant() makes a role operator of an arena.")));
	if (!may_fold())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("the tally of arena \"%s\" cannot be brought up to date in this transaction",
						arena),
				 errhint("It takes a transaction that writes, at the isolation level read committed.")));
	(void) battle_query(arena);
	return kept;
}

/*
 * bixarena_fold_tally(arena): bring it up to date.  If somebody is at it, that is
 * waited for.
 */
Datum
bixarena_fold_tally(PG_FUNCTION_ARGS)
{
	KeptTally  *kept;
	OwnerScope	scope;
	int64		count;
	char	   *lost;
	char	   *doubt;
	Datum		facts;

	SPI_connect();
	kept = named_tally(fcinfo);
	(void) lock_tally(kept, true);
	scope = become_tally_owner(kept);
	doubt = find_doubt(kept, &lost, &facts);
	if (lost)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("changes of the battles of arena \"%s\" are not followed", kept->arena),
				 errdetail("%s.", lost),
				 errhint("bixarena_rebuild_tally() makes what triggers are missing.")));
	count = fold(kept, doubt, facts);
	leave_owner(scope);
	SPI_finish();
	PG_RETURN_INT64(count);
}

/*
 * bixarena_rebuild_tally(arena): count all battles, whether or not there is doubt.
 */
Datum
bixarena_rebuild_tally(PG_FUNCTION_ARGS)
{
	KeptTally  *kept;
	OwnerScope	scope;
	int64		count;
	char	   *lost;
	Datum		facts;

	SPI_connect();
	kept = named_tally(fcinfo);
	(void) lock_tally(kept, true);
	scope = become_tally_owner(kept);
	(void) find_doubt(kept, &lost, &facts);
	if (lost)
	{
		call_for_tally(kept, "SELECT bixarena.live_make_triggers($1, $2, $3::pg_catalog.jsonb)",
					   NULL, (Datum) 0);
		(void) find_doubt(kept, &lost, &facts);
	}
	if (lost)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("changes of the battles of arena \"%s\" are not followed", kept->arena),
				 errdetail("%s.", lost),
				 errhint("Once the trigger is enabled again, the tally can be counted.")));
	count = recount(kept, "bixarena_rebuild_tally()", facts);
	leave_owner(scope);
	SPI_finish();
	PG_RETURN_INT64(count);
}

/*
 * bixarena.live_register(arena, schema, sources): for the owner of both.
 */
Datum
bixarena_live_register(PG_FUNCTION_ARGS)
{
	char	   *arena = argument_text(fcinfo, 0);
	Parameters	parameters = {0};
	OwnerScope	scope;
	bool		isnull;
	Oid			owner;

	if (arena == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arena must not be null")));
	add_text(&parameters, arena);
	add_text(&parameters, argument_text(fcinfo, 1));
	SPI_connect();
	look_up("SELECT bixarena.owner_of_arena($1) WHERE $2 IS NULL OR EXISTS"
			" (SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) $2"
			" AND n.nspowner OPERATOR(pg_catalog.=) bixarena.owner_of_arena($1))", &parameters);
	owner = SPI_processed == 0 ? InvalidOid :
		DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	if (!OidIsValid(owner) || !has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to keep the tally of arena \"%s\"", arena),
				 errdetail("It takes the rights of the arena's owner.")));
	add_parameter(&parameters, JSONBOID, PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2),
				  PG_ARGISNULL(2));
	scope = become_owner();
	if (PG_ARGISNULL(1))
		execute_query("DELETE FROM bixarena.kept_tally AS k"
					  " WHERE k.arena OPERATOR(pg_catalog.=) $1 AND $2 IS NULL AND $3 IS NULL",
					  SPI_OK_DELETE, false, &parameters);
	else
		execute_query("INSERT INTO bixarena.kept_tally (arena, schema, sources)"
					  " VALUES ($1, $2, $3)", SPI_OK_INSERT, false, &parameters);
	leave_owner(scope);
	SPI_finish();
	PG_RETURN_VOID();
}
