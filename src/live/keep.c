/*-------------------------------------------------------------------------
 *
 * keep.c
 *	  A kept tally: which it is, whose it is, and how it is brought up to date.
 *
 * It is in a schema of its own, which belongs to the arena's owner: a log of what has
 * changed, what is counted of each battle, and the tally.  Nobody but its owner
 * touches it, so it is read and folded with the owner's rights, by who may read the
 * battles themselves.
 *
 * The statements are made by functions in SQL (fold.sql, doubt.sql).
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

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_live_register);

/*
 * The kept tally of an arena, NULL if there is none.  One that is not of the arena's
 * owner is none.
 */
KeptTally *
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
			" AND n.nspowner OPERATOR(pg_catalog.=) bixarena.role_arena_owner($1)",
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
bool
may_read_battles(const char *arena)
{
	Parameters	parameters = {0};
	const char *may_read;

	if (superuser())
		return true;
	add_text(&parameters, arena);
	add_parameter(&parameters, OIDOID, ObjectIdGetDatum(GetUserId()), false);
	look_up("SELECT pg_catalog.bool_and(CASE r.object_type WHEN 'SCHEMA'"
			" THEN pg_catalog.has_schema_privilege($2, r.object::pg_catalog.regnamespace, r.privilege)"
			" ELSE pg_catalog.has_table_privilege($2, r.object::pg_catalog.regclass, r.privilege) END)"
			" FROM bixarena.role_battle_rights($1) AS r",
			&parameters);
	may_read = result_text(0, 1);
	return may_read && strcmp(may_read, "t") == 0;
}

/*
 * The tables that a tally is of stay as they are until the end of the transaction, also
 * those behind a view: what is made sure of them is to hold when they are read.
 */
void
hold_battles(const KeptTally *kept)
{
	BattleSource *source = find_battle_source(kept->arena, READ_AS_OF);

	if (source->relation)
	{
		OwnerScope	scope = become_tally_owner(kept);

		execute_query(psprintf("SELECT FROM (%s) AS b LIMIT 0", source->query),
					  SPI_OK_SELECT, false, NULL);
		leave_owner(scope);
	}
}

/*
 * The kept tally of an arena, which must be there, and the caller's to read.  Its tables
 * are held.
 */
KeptTally *
find_readable_tally(const char *arena)
{
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
	hold_battles(kept);
	return kept;
}

/*
 * Until leave_owner() be the owner of a tally.
 */
OwnerScope
become_tally_owner(const KeptTally *kept)
{
	OwnerScope	scope;
	char		kilobytes[32];

	scope.guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", PINNED_SEARCH_PATH, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);

	/*
	 * the planner cannot tell how few rows there are, and what it compiles
	 * takes longer
	 */
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
void
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
 * The number that a function has returned, first of its columns.
 */
static int64
result_count(void)
{
	bool		isnull;

	return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
									   &isnull));
}

/*
 * Why a tally cannot be trusted, NULL if it can; and in *lost what keeps it from
 * being followed, NULL if nothing does.  In a tally without doubt nothing is lost: it was
 * so when the battles were counted, and what it depends on has not changed (doubt.sql).
 * OFFSET keeps the facts from being found twice.
 */
char *
find_doubt(const KeptTally *kept, char **lost, Datum *facts)
{
	char	   *doubt;
	bool		isnull;

	*lost = NULL;
	call_for_tally(kept, "SELECT bixarena.live_doubt($2, f.facts), f.facts"
				   " FROM (SELECT bixarena.live_facts($1, $2, $3::pg_catalog.jsonb) OFFSET 0) AS f (facts)",
				   NULL, (Datum) 0);
	doubt = result_text(0, 1);
	*facts = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
	*facts = PointerGetDatum(DatumGetArrayTypePCopy(*facts));
	if (doubt)
	{
		call_for_tally(kept, "SELECT bixarena.live_lost($1, $2, $3::pg_catalog.jsonb)",
					   NULL, (Datum) 0);
		*lost = result_text(0, 1);
	}
	return doubt;
}

/*
 * May this transaction fold: write, and see what was committed before each statement?
 */
bool
may_fold(void)
{
	return !XactReadOnly && !RecoveryInProgress() && !IsInParallelMode() &&
		!IsolationUsesXactSnapshot();
}

bool
lock_tally(const KeptTally *kept, bool wait)
{
	return lock_for_transaction(LOCK_TALLY, kept->arena, strlen(kept->arena), wait);
}

/*
 * Where to tell that battles of an arena count otherwise than before, NULL: nowhere.
 */
const char *
find_live_channel(const char *arena)
{
	const char *channel = read_settings(arena, NULL)->live_channel;

	return channel && channel[0] != '\0' ? channel : NULL;
}

/*
 * Tell who listens that battles count otherwise than before.
 */
static void
notify_change(const KeptTally *kept)
{
	const char *channel = find_live_channel(kept->arena);
	Parameters	parameters = {0};

	if (channel == NULL)
		return;
	add_text(&parameters, kept->arena);
	add_text(&parameters, kept->schema);
	add_text(&parameters, channel);
	execute_query("SELECT bixarena.live_notify($1, $2, $3)", SPI_OK_SELECT, false,
				  &parameters);
}

/*
 * Count all battles, for a reason, and with these facts.  Returns how many count.
 */
int64
recount(const KeptTally *kept, const char *why, Datum facts)
{
	int64		count;

	call_for_tally(kept, "SELECT bixarena.live_recount($1, $2, $3::pg_catalog.jsonb, $4, $5)",
				   why, facts);
	count = result_count();
	notify_change(kept);
	return count;
}

/*
 * Bring a tally up to date, in doubt by a recount.  Doubt may also come of the fold
 * itself: where the log says that anything may have changed, which may have come since
 * that was looked at; where it names so many battles that it takes less to count all;
 * and where a count would fall below zero.
 */
int64
fold(const KeptTally *kept, const char *doubt, Datum facts)
{
	int64		count;

	if (doubt)
		return recount(kept, doubt, facts);
	call_for_tally(kept, "SELECT f.changed, f.doubt"
				   " FROM bixarena.live_fold($1, $2, $3::pg_catalog.jsonb) AS f",
				   NULL, (Datum) 0);
	count = result_count();
	doubt = result_text(0, 2);
	if (doubt)
		return recount(kept, doubt, facts);
	notify_change(kept);
	return count;
}

/*
 * The query that a function makes, NULL if it makes none.
 */
char *
made_sql(const KeptTally *kept, const char *sql)
{
	call_for_tally(kept, sql, NULL, (Datum) 0);
	return result_text(0, 1);
}

/*
 * An error where changes of the battles are not followed, also after a rebuild has made
 * what triggers are missing.
 */
void
report_lost_changes(const char *arena, const char *lost, bool rebuilt)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("changes of the battles of arena \"%s\" are not followed", arena),
			 errdetail("%s.", lost),
			 rebuilt ? errhint("Once the trigger is enabled again, the tally can be counted.") :
			 errhint("bixarena_rebuild_tally() makes what triggers are missing.")));
}

/*
 * Raise an error that is not of the tally, but of the session.
 */
void
rethrow_cancel(ErrorData *error)
{
	if (error && (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
				  ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION))
		ReThrowError(error);
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
	look_up("SELECT bixarena.live_owner($1) WHERE $2 IS NULL OR EXISTS"
			" (SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) $2"
			" AND n.nspowner OPERATOR(pg_catalog.=) bixarena.role_arena_owner($1))", &parameters);
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
