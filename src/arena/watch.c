/*-------------------------------------------------------------------------
 *
 * watch.c
 *	  Reading an arena's relations as a bystander.
 *
 * Whoever looks at an arena must not run its owner's code with rights of one's
 * own.  So the relations of an arena are read
 *
 *	- as they are, if they are the caller's own;
 *	- with the rights of their owner, in a security-restricted context, if the
 *	  caller has these rights anyhow (a superuser has all roles'), or if they are
 *	  plain tables that hide nothing from the caller, who may read them;
 *	- else with the rights of the caller: a view or a policy of row security may
 *	  show each role something else, and owners may have more rights than the
 *	  caller.  Then nothing but the server's own functions may be called.
 *
 * Columns have whatever type the owner gave them.  One that is not of the type
 * we need, or near it, is read by its type's output function, so that the parser
 * never looks for a cast, and no operator of a user's gets near it.  But a moment
 * without its time zone is refused, as it is where snapshots are made: read by two
 * sessions, it would be two moments.
 *
 * Making snapshots is another matter.  It writes into the arena, whose triggers
 * run as the role that writes, so its reading is not guarded either.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_read_leaderboards);
PG_FUNCTION_INFO_V1(bixarena_read_models);
PG_FUNCTION_INFO_V1(bixarena_read_snapshots);
PG_FUNCTION_INFO_V1(bixarena_read_entries);

/* How a relation may be read, from the most to the least trusted */
typedef enum WatchMode
{
	WATCH_AS_IS,
	WATCH_AS_OWNER,
	WATCH_AS_CALLER
} WatchMode;

/* Must a query be harmless, though it runs as the relations' owner? */
bool		watch_strictly = false;

/*
 * Does a relation show the caller all that it shows its owner, as tables do unless
 * row security is in the way?
 */
static bool
hides_nothing(Oid relation, char kind)
{
	return (kind == RELKIND_RELATION || kind == RELKIND_PARTITIONED_TABLE ||
			kind == RELKIND_MATVIEW) &&
		check_enable_rls(relation, InvalidOid, true) != RLS_ENABLED &&
		pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/*
 * How a relation of an arena is to be read, and who owns it.  It is locked, so that
 * it stays what it is.
 */
static WatchMode
choose_mode(const char *arena, const char *name, Oid *owner)
{
	Oid			relation = RangeVarGetRelid(makeRangeVar(pstrdup(arena),
														 pstrdup(name), -1),
											AccessShareLock, true);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	WatchMode	mode = WATCH_AS_CALLER;
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		return mode;			/* the query will tell */
	form = (Form_pg_class) GETSTRUCT(tuple);
	*owner = form->relowner;
	if (*owner == GetUserId())
		mode = WATCH_AS_IS;
	else if (may_use_schema(form->relnamespace, *owner) &&
			 (has_privs_of_role(GetUserId(), *owner) ||
			  hides_nothing(relation, form->relkind)))
		mode = WATCH_AS_OWNER;
	ReleaseSysCache(tuple);
	return mode;
}

/*
 * Call a function that reads a relation of an arena, in an SPI connection; its
 * queries are checked as they run (harmless.c).
 */
void
watch(const char *arena, const char *relation, Step step, void *argument)
{
	Oid			owner = InvalidOid;
	WatchMode	mode = choose_mode(arena, relation, &owner);
	bool		was_checking;
	int			guc_level = NewGUCNestLevel();
	Oid			user;
	int			security_context;

	/* what is set by code that is called does not outlive it */
	(void) set_config_option("search_path", PINNED_SEARCH_PATH, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	/* rows that the caller may not see are left out, not an error */
	(void) set_config_option("row_security", "on", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	GetUserIdAndSecContext(&user, &security_context);
	if (mode == WATCH_AS_OWNER)
		SetUserIdAndSecContext(owner, security_context |
							   SECURITY_LOCAL_USERID_CHANGE |
							   SECURITY_RESTRICTED_OPERATION);
	was_checking = check_queries(mode == WATCH_AS_CALLER ||
								 (mode == WATCH_AS_OWNER && watch_strictly));
	PG_TRY();
	{
		step(argument);
	}
	PG_FINALLY();
	{
		(void) check_queries(was_checking);
	}
	PG_END_TRY();
	SetUserIdAndSecContext(user, security_context);
	AtEOXact_GUC(false, guc_level);
}

/*-------------------------------------------------------------------------
 * Columns
 *-------------------------------------------------------------------------
 */

typedef enum ColumnKind
{
	COLUMN_TEXT,
	COLUMN_OPTIONAL_TEXT,		/* null where there is none that may be read */
	COLUMN_UUID,
	COLUMN_NUMBER,
	COLUMN_INTEGER,
	COLUMN_MOMENT
} ColumnKind;

static const char *const kind_types[] = {
	[COLUMN_TEXT] = "text",
	[COLUMN_OPTIONAL_TEXT] = "text",
	[COLUMN_UUID] = "uuid",
	[COLUMN_NUMBER] = "numeric",
	[COLUMN_INTEGER] = "int4",
	[COLUMN_MOMENT] = "timestamptz"
};

/*
 * Does the server itself know how to make the one type of the other?
 */
static bool
is_near(Oid type, ColumnKind kind)
{
	switch (kind)
	{
		case COLUMN_TEXT:
		case COLUMN_OPTIONAL_TEXT:
			return type == TEXTOID || type == VARCHAROID || type == BPCHAROID ||
				type == NAMEOID;
		case COLUMN_UUID:
			return type == UUIDOID;
		case COLUMN_NUMBER:
		case COLUMN_INTEGER:
			return type == INT2OID || type == INT4OID || type == INT8OID ||
				type == NUMERICOID || type == FLOAT4OID || type == FLOAT8OID;
		case COLUMN_MOMENT:
			return type == TIMESTAMPTZOID;
	}
	return false;
}

/*
 * Has an arena's relation such a column, and may it be read?
 */
static bool
may_read_column(Oid relation, const char *name)
{
	AttrNumber	number = OidIsValid(relation) ? get_attnum(relation, name) :
		InvalidAttrNumber;

	return number > 0 &&
		(pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		 pg_attribute_aclcheck(relation, number, GetUserId(), ACL_SELECT) == ACLCHECK_OK);
}

/*
 * An expression for a column, "alias.name", of an arena's relation.
 */
static char *
column_expression(Oid relation, const char *alias, const char *name,
				  ColumnKind kind)
{
	AttrNumber	number = OidIsValid(relation) ? get_attnum(relation, name) :
		InvalidAttrNumber;
	Oid			type = number > 0 ?
		getBaseType(get_atttype(relation, number)) : InvalidOid;

	if (kind == COLUMN_OPTIONAL_TEXT && !may_read_column(relation, name))
		return pstrdup("NULL::pg_catalog.text");
	if (is_near(type, kind))
		return psprintf("%s.%s::pg_catalog.%s", alias, quote_identifier(name),
						kind_types[kind]);
	return psprintf("(CASE WHEN %1$s.%2$s IS NOT NULL"
					" THEN pg_catalog.concat(%1$s.%2$s) END)::pg_catalog.%3$s",
					alias, quote_identifier(name), kind_types[kind]);
}

/*-------------------------------------------------------------------------
 * Relations
 *-------------------------------------------------------------------------
 */

#define MAX_COLUMNS 9

typedef struct WatchedColumn
{
	const char *name;
	ColumnKind	kind;
} WatchedColumn;

/*
 * Parts of a query on a relation r.  In the condition and the order {n} stands
 * for the expression of column n, counted from 1.
 */
typedef struct WatchedRelation
{
	const char *name;
	WatchedColumn columns[MAX_COLUMNS + 1];
	const char *distinct;
	const char *conditions;
} WatchedRelation;

static const WatchedRelation leaderboards = {
	"leaderboard",
	{{"slug", COLUMN_TEXT}, {"id", COLUMN_UUID}, {"name", COLUMN_TEXT}},
	"", " WHERE {1} OPERATOR(pg_catalog.<>) '' AND ($1 IS NULL OR {1} OPERATOR(pg_catalog.=) $1)"
	" ORDER BY 1"
};

static const WatchedRelation models = {
	"model",
	{{"id", COLUMN_UUID}, {"slug", COLUMN_TEXT}, {"name", COLUMN_TEXT},
	{"organization", COLUMN_TEXT}, {"license", COLUMN_TEXT},
	{"external_link", COLUMN_OPTIONAL_TEXT}},
	"", ""
};

#define SNAPSHOT_COLUMNS \
	{{"id", COLUMN_UUID}, {"leaderboard_id", COLUMN_UUID}, \
	{"snapshot_identifier", COLUMN_TEXT}, {"description", COLUMN_TEXT}, \
	{"visibility", COLUMN_TEXT}, {"created_at", COLUMN_MOMENT}, \
	{"updated_at", COLUMN_MOMENT}}

static const WatchedRelation snapshots = {
	"leaderboard_snapshot", SNAPSHOT_COLUMNS,
	"", " WHERE ($1 IS NULL OR {2} OPERATOR(pg_catalog.=) $1)"
	" AND ($2 IS NULL OR {6} OPERATOR(pg_catalog.>) $2)"
};

/*
 * A date that is infinite is none.  Two of the same date, which other programs have
 * made, are told apart by their numbers, "..._2" and "..._10".
 */
static const WatchedRelation latest_snapshots = {
	"leaderboard_snapshot", SNAPSHOT_COLUMNS,
	"DISTINCT ON ({2}) ",
	" WHERE ($1 IS NULL OR {2} OPERATOR(pg_catalog.=) $1)"
	" AND {5} OPERATOR(pg_catalog.=) 'public' AND {6} OPERATOR(pg_catalog.<=) $2"
	" AND pg_catalog.isfinite({6})"
	" ORDER BY {2}, {6} DESC, pg_catalog.length({3}) DESC, {3} DESC"
};

static const WatchedRelation entries = {
	"leaderboard_entry",
	{{"snapshot_id", COLUMN_UUID}, {"leaderboard_id", COLUMN_UUID},
	{"model_id", COLUMN_UUID}, {"bt_score", COLUMN_NUMBER},
	{"bootstrap_q025", COLUMN_NUMBER}, {"bootstrap_q975", COLUMN_NUMBER},
	{"rank", COLUMN_INTEGER}, {"vote_count", COLUMN_INTEGER},
	{"created_at", COLUMN_MOMENT}},
	"", " WHERE {1} OPERATOR(pg_catalog.=) ANY ($1)"
	" AND ($2 IS NULL OR {3} OPERATOR(pg_catalog.=) $2)"
};

/* A query to be run by watch() */
typedef struct WatchedQuery
{
	const char *arena;
	const WatchedRelation *relation;
	Parameters *parameters;
} WatchedQuery;

static void
append_part(StringInfo sql, const char *part, char **expressions)
{
	for (; *part != '\0'; part++)
	{
		if (*part != '{')
			appendStringInfoChar(sql, *part);
		else
		{
			appendStringInfoString(sql, expressions[part[1] - '1']);
			part += 2;
		}
	}
}

/*
 * Run a query on a relation; the result is SPI's.
 */
static void
read_relation(void *argument)
{
	const WatchedQuery *query = argument;
	const WatchedRelation *relation = query->relation;
	Oid			id = get_relname_relid(relation->name,
									   get_namespace_oid(query->arena, true));
	char	   *expressions[MAX_COLUMNS];
	StringInfoData sql;

	initStringInfo(&sql);
	for (int i = 0; relation->columns[i].name; i++)
	{
		const WatchedColumn *column = &relation->columns[i];

		if (column->kind == COLUMN_MOMENT)
			check_moment(query->arena, relation->name, column->name);
		expressions[i] = column_expression(id, "r", column->name, column->kind);
	}
	appendStringInfoString(&sql, "SELECT ");
	append_part(&sql, relation->distinct, expressions);
	for (int i = 0; relation->columns[i].name; i++)
		appendStringInfo(&sql, "%s%s", i > 0 ? ", " : "", expressions[i]);
	appendStringInfo(&sql, " FROM %s.%s AS r", quote_identifier(query->arena),
					 relation->name);
	append_part(&sql, relation->conditions, expressions);
	execute_query(sql.data, SPI_OK_SELECT, true, query->parameters);
}

static void
watch_relation(const char *arena, const WatchedRelation *relation,
			   Parameters *parameters)
{
	WatchedQuery query = {arena, relation, parameters};

	watch(arena, relation->name, read_relation, &query);
}

/*
 * The rows of a relation of an arena as the result of a function.
 */
static Datum
return_relation(FunctionCallInfo fcinfo, const char *arena,
				const WatchedRelation *relation, Parameters *parameters)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	watch_relation(arena, relation, parameters);
	for (uint64 row = 0; row < SPI_processed; row++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[row]);
	SPI_finish();
	return (Datum) 0;
}

/*
 * The leaderboard of a slug, or with NULL all of them, into SPI's result: slug, id,
 * name.
 */
void
watch_leaderboard(const char *arena, const char *slug)
{
	Parameters	parameters = {0};

	add_text(&parameters, slug);
	watch_relation(arena, &leaderboards, &parameters);
}

/*
 * bixarena.read_leaderboards(arena)
 */
Datum
bixarena_read_leaderboards(PG_FUNCTION_ARGS)
{
	Parameters	parameters = {0};

	add_text(&parameters, NULL);
	return return_relation(fcinfo, argument_text(fcinfo, 0), &leaderboards,
						   &parameters);
}

/*
 * bixarena.read_models(arena)
 */
Datum
bixarena_read_models(PG_FUNCTION_ARGS)
{
	Parameters	parameters = {0};

	return return_relation(fcinfo, argument_text(fcinfo, 0), &models, &parameters);
}

/*
 * bixarena.read_snapshots(arena, leaderboard, until, after): those of a leaderboard,
 * or with null of all; with until only the latest public one of each up to then,
 * with after only those dated later.
 */
Datum
bixarena_read_snapshots(PG_FUNCTION_ARGS)
{
	Parameters	parameters = {0};
	int			moment;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arena must not be null")));
	add_parameter(&parameters, UUIDOID, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	moment = PG_ARGISNULL(2) ? 3 : 2;
	add_parameter(&parameters, TIMESTAMPTZOID, PG_GETARG_DATUM(moment),
				  PG_ARGISNULL(moment));
	return return_relation(fcinfo, argument_text(fcinfo, 0),
						   PG_ARGISNULL(2) ? &snapshots : &latest_snapshots,
						   &parameters);
}

/*
 * bixarena.read_entries(arena, snapshots, model): those of some snapshots, or of
 * one model in them.
 */
Datum
bixarena_read_entries(PG_FUNCTION_ARGS)
{
	Parameters	parameters = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("arena must not be null")));
	add_parameter(&parameters, UUIDARRAYOID, PG_GETARG_DATUM(1), PG_ARGISNULL(1));
	add_parameter(&parameters, UUIDOID, PG_GETARG_DATUM(2), PG_ARGISNULL(2));
	return return_relation(fcinfo, argument_text(fcinfo, 0), &entries, &parameters);
}
