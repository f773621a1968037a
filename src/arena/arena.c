/*-------------------------------------------------------------------------
 *
 * arena.c
 *	  Arenas and their leaderboards.
 *
 * An arena is a schema of the user's; bixarena.arena holds the names of those
 * that are registered.  Functions take an arena's name, or without one work in
 * the only one there is, or in the one that the setting bixarena_rank.arena
 * names.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "arena/arena.h"

/* GUC bixarena_rank.arena: the arena meant where a call names none */
char	   *arena_setting;

/* How many names an error lists at most */
#define MAX_NAMES_LISTED 50

PG_FUNCTION_INFO_V1(bixarena_resolve_arena);
PG_FUNCTION_INFO_V1(bixarena_register_arena);
PG_FUNCTION_INFO_V1(bixarena_find_leaderboard);

/*
 * The first column of the last query's result as one list for a message.
 */
static char *
list_result(void)
{
	StringInfoData list;

	initStringInfo(&list);
	for (uint64 row = 0; row < SPI_processed && row < MAX_NAMES_LISTED; row++)
		appendStringInfo(&list, "%s\"%s\"", row > 0 ? ", " : "",
						 result_text(row, 1));
	if (SPI_processed > MAX_NAMES_LISTED)
		appendStringInfo(&list, " and %llu more",
						 (unsigned long long) SPI_processed - MAX_NAMES_LISTED);
	return list.data;
}

/*
 * The arenas that are registered and still exist, into SPI's result.
 */
void
read_arenas(void)
{
	OwnerScope	scope = become_owner();

	execute_query("SELECT a.name FROM bixarena.arena AS a"
				  " WHERE EXISTS (SELECT FROM pg_catalog.pg_namespace AS n"
				  " WHERE n.nspname OPERATOR(pg_catalog.=) a.name)"
				  " ORDER BY a.name",
				  SPI_OK_SELECT, true, NULL);
	leave_owner(scope);
}

/*
 * The arena that a call means by this name, NULL: by none.  It is an error
 * when there is no such arena, or no telling which.
 */
char *
resolve_arena(const char *arena)
{
	const char *wanted = arena;

	read_arenas();
	if (wanted == NULL && SPI_processed == 1)
		return result_text(0, 1);
	if (wanted == NULL && arena_setting[0] != '\0')
		wanted = arena_setting;
	for (uint64 row = 0; wanted && row < SPI_processed; row++)
		if (strcmp(result_text(row, 1), wanted) == 0)
			return pstrdup(wanted);

	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 wanted ? errmsg("arena \"%s\" does not exist", wanted) :
				 errmsg("there is no arena yet"),
				 errhint("Make one with bixarena_create_arena(), or register an existing schema with bixarena_attach_arena().")));
	if (wanted == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("there is more than one arena"),
				 errdetail("The arenas are %s.", list_result()),
				 errhint("Name one with arena => '...' or by the setting bixarena_rank.arena.")));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("arena \"%s\" does not exist", wanted),
			 errdetail("The arenas are %s.", list_result()),
			 errhint("Register an existing schema with bixarena_attach_arena().")));
}

/*
 * bixarena.arena_resolve(arena text): the same for SQL.
 */
Datum
bixarena_resolve_arena(PG_FUNCTION_ARGS)
{
	char	   *arena = argument_text(fcinfo, 0);
	MemoryContext caller = CurrentMemoryContext;

	SPI_connect();
	arena = MemoryContextStrdup(caller, resolve_arena(arena));
	SPI_finish();
	PG_RETURN_TEXT_P(cstring_to_text(arena));
}

/*
 * An error unless the current user may change the arena, which is to have
 * CREATE on its schema.  For an arena without a schema yet, it is the right to
 * make one.
 */
void
check_arena_admin(const char *arena)
{
	Parameters	parameters = {0};
	bool		is_made;

	add_text(&parameters, arena);
	execute_query("SELECT coalesce(pg_catalog.has_schema_privilege(n.oid, 'CREATE'), false)"
				  " FROM pg_catalog.pg_namespace AS n"
				  " WHERE n.nspname OPERATOR(pg_catalog.=) $1",
				  SPI_OK_SELECT, true, &parameters);
	is_made = SPI_processed > 0;
	if (!is_made)
		execute_query("SELECT pg_catalog.has_database_privilege("
					  "pg_catalog.current_database(), 'CREATE')",
					  SPI_OK_SELECT, true, NULL);
	if (strcmp(result_text(0, 1), "t") == 0)
		return;
	if (!is_made)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for arena \"%s\"", arena),
				 errdetail("To make its schema takes CREATE on the database.")));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for arena \"%s\"", arena),
			 errdetail("To change it takes CREATE on its schema."),
			 errhint("bixarena_grant() makes a role admin of an arena.")));
}

/*
 * An error unless the current user may call the function that registers such an
 * arena: one whose schema is there is attached, any other is made.  So a right on
 * one of these is all that it takes, and nothing can be done without it.
 */
static void
check_may_register(const char *arena)
{
	Parameters	parameters = {0};

	add_text(&parameters, arena);
	execute_query("SELECT p.proname FROM pg_catalog.pg_proc AS p"
				  " JOIN pg_catalog.pg_depend AS d"
				  " ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass"
				  " AND d.objid OPERATOR(pg_catalog.=) p.oid"
				  " AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass"
				  " AND d.deptype OPERATOR(pg_catalog.=) 'e'"
				  " JOIN pg_catalog.pg_extension AS e ON e.oid OPERATOR(pg_catalog.=) d.refobjid"
				  " AND e.extname OPERATOR(pg_catalog.=) 'bixarena_rank'"
				  " WHERE p.proname OPERATOR(pg_catalog.=) CASE WHEN EXISTS"
				  " (SELECT FROM pg_catalog.pg_namespace AS n"
				  " WHERE n.nspname OPERATOR(pg_catalog.=) $1)"
				  " THEN 'bixarena_attach_arena' ELSE 'bixarena_create_arena' END"
				  " AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')",
				  SPI_OK_SELECT, true, &parameters);
	if (SPI_processed == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to register arena \"%s\"", arena),
				 errdetail("It takes EXECUTE on bixarena_attach_arena() for a schema that is there, on bixarena_create_arena() for any other.")));
}

/*
 * bixarena.arena_register(arena text): add it to those that are known.  If
 * there is no schema of that name yet, settings of that name are those of an
 * arena that was dropped.
 */
Datum
bixarena_register_arena(PG_FUNCTION_ARGS)
{
	char	   *arena = argument_text(fcinfo, 0);
	Parameters	parameters = {0};
	OwnerScope	scope;

	if (strlen(arena) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("the name of an arena is too long"),
				 errdetail("It has %d bytes; a schema's name has %d at most.",
						   (int) strlen(arena), NAMEDATALEN - 1)));
	add_text(&parameters, arena);
	SPI_connect();
	check_may_register(arena);
	check_arena_admin(arena);
	scope = become_owner();
	execute_query("DELETE FROM bixarena.setting AS s"
				  " WHERE s.arena OPERATOR(pg_catalog.=) $1 AND NOT EXISTS"
				  " (SELECT FROM pg_catalog.pg_namespace AS n"
				  " WHERE n.nspname OPERATOR(pg_catalog.=) $1)",
				  SPI_OK_DELETE, false, &parameters);
	execute_query("INSERT INTO bixarena.arena (name) VALUES ($1)"
				  " ON CONFLICT DO NOTHING",
				  SPI_OK_INSERT, false, &parameters);
	leave_owner(scope);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * An error for a leaderboard that does not exist.  The slugs of those that do are
 * SPI's result.
 */
static void
report_unknown_leaderboard(const char *arena, const char *slug)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("leaderboard \"%s\" does not exist in arena \"%s\"",
					slug, arena),
			 SPI_processed > 0 ?
			 errdetail("The leaderboards are %s.", list_result()) :
			 errdetail("The arena has no leaderboard."),
			 errhint("A leaderboard is named by its slug.")));
}

/*
 * The slugs of a schema's leaderboards into SPI's result.  A row without one, or
 * with an empty one, cannot be named, so it is none.  The cast is for slugs of
 * type char(n), which are padded.
 */
static void
read_leaderboards(const char *schema)
{
	execute_query(psprintf("SELECT DISTINCT l.slug::pg_catalog.text FROM %s.leaderboard AS l"
						   " WHERE l.slug::pg_catalog.text OPERATOR(pg_catalog.<>) ''"
						   " ORDER BY 1",
						   schema),
				  SPI_OK_SELECT, true, NULL);
}

static void
check_leaderboard_id(const char *slug)
{
	if (slug == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("leaderboard_id must not be null")));
}

/*
 * The leaderboard of this slug in the arena meant, for who only looks at it.
 */
Leaderboard *
find_watched_leaderboard(const char *arena, const char *slug)
{
	Leaderboard *leaderboard = palloc(sizeof(Leaderboard));

	check_leaderboard_id(slug);
	leaderboard->arena = resolve_arena(arena);
	leaderboard->schema = pstrdup(quote_identifier(leaderboard->arena));
	leaderboard->slug = pstrdup(slug);
	check_moments(leaderboard->arena);
	watch_leaderboard(leaderboard->arena, slug);
	if (SPI_processed == 0)
	{
		watch_leaderboard(leaderboard->arena, NULL);
		report_unknown_leaderboard(leaderboard->arena, slug);
	}
	leaderboard->id = result_uuid(0, 2);
	return leaderboard;
}

/*
 * The slugs of all leaderboards of an arena, in their order.
 */
List *
list_leaderboards(const char *arena)
{
	List	   *slugs = NIL;

	read_leaderboards(quote_identifier(arena));
	for (uint64 row = 0; row < SPI_processed; row++)
		slugs = lappend(slugs, result_text(row, 1));
	return slugs;
}

/*
 * The leaderboard of this slug, which must not be NULL, in the arena meant, for a
 * run: see watch.c for what is different.
 */
Leaderboard *
find_leaderboard(const char *arena, const char *slug)
{
	Leaderboard *leaderboard = palloc(sizeof(Leaderboard));
	Parameters	parameters = {0};

	check_leaderboard_id(slug);
	leaderboard->arena = resolve_arena(arena);
	leaderboard->schema = pstrdup(quote_identifier(leaderboard->arena));
	leaderboard->slug = pstrdup(slug);
	check_moments(leaderboard->arena);
	add_text(&parameters, slug);
	execute_query(psprintf("SELECT l.id FROM %s.leaderboard AS l"
						   " WHERE l.slug::pg_catalog.text OPERATOR(pg_catalog.=) $1",
						   leaderboard->schema),
				  SPI_OK_SELECT, true, &parameters);
	if (SPI_processed == 0 || slug[0] == '\0')
	{
		read_leaderboards(leaderboard->schema);
		report_unknown_leaderboard(leaderboard->arena, slug);
	}
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("arena \"%s\" has more than one leaderboard of slug \"%s\"",
						leaderboard->arena, slug)));
	leaderboard->id = result_uuid(0, 1);
	return leaderboard;
}

/*
 * A leaderboard of which all is known.
 */
Leaderboard *
known_leaderboard(const char *arena, const char *slug, Datum id)
{
	Leaderboard *leaderboard = palloc(sizeof(Leaderboard));

	leaderboard->arena = pstrdup(arena);
	leaderboard->schema = pstrdup(quote_identifier(arena));
	leaderboard->slug = pstrdup(slug);
	leaderboard->id = id;
	return leaderboard;
}

/*
 * bixarena.leaderboard_find(leaderboard_id text, arena text): its id, for SQL.
 */
Datum
bixarena_find_leaderboard(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Leaderboard *leaderboard;
	pg_uuid_t  *id;

	SPI_connect();
	leaderboard = find_watched_leaderboard(argument_text(fcinfo, 1),
										   argument_text(fcinfo, 0));
	id = MemoryContextAlloc(caller, sizeof(pg_uuid_t));
	*id = *DatumGetUUIDP(leaderboard->id);
	SPI_finish();
	PG_RETURN_UUID_P(id);
}

/*
 * Has the current role a privilege on a table of the leaderboard's arena?
 */
bool
has_privilege(const Leaderboard *leaderboard, const char *table,
			  const char *privilege)
{
	Parameters	parameters = {0};

	add_text(&parameters, psprintf("%s.%s", leaderboard->schema, table));
	add_text(&parameters, privilege);
	execute_query("SELECT pg_catalog.has_table_privilege($1, $2)",
				  SPI_OK_SELECT, true, &parameters);
	return strcmp(result_text(0, 1), "t") == 0;
}

/*
 * An error if the role may not write snapshots into an arena.  It comes before
 * anything is put on record, or locked, with rights that the role has not.  Of a
 * table that is missing it is the run that tells.
 */
void
check_may_write(const char *arena)
{
	const char *schema = quote_identifier(arena);
	Parameters	parameters = {0};
	const char *may_write;

	add_text(&parameters, psprintf("%s.leaderboard_snapshot", schema));
	add_text(&parameters, psprintf("%s.leaderboard_entry", schema));
	execute_query("SELECT pg_catalog.has_any_column_privilege("
				  "pg_catalog.to_regclass($1)::oid, 'INSERT') AND"
				  " pg_catalog.has_any_column_privilege("
				  "pg_catalog.to_regclass($2)::oid, 'INSERT')",
				  SPI_OK_SELECT, true, &parameters);
	may_write = result_text(0, 1);
	if (may_write && strcmp(may_write, "f") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to make snapshots in arena \"%s\"", arena),
				 errhint("bixarena_grant() makes a role operator of an arena.")));
}

/*
 * Let nobody else make a snapshot of this leaderboard until the transaction
 * ends.  If somebody is at it, wait or raise an error.  The arena is part of the
 * key, lest the owner of another hold up the runs of this one by its ids.
 */
void
lock_leaderboard(const Leaderboard *leaderboard, bool wait)
{
	char	   *key = psprintf("%s %s", leaderboard->arena,
							   DatumGetCString(DirectFunctionCall1(uuid_out,
																   leaderboard->id)));

	if (!lock_for_transaction(LOCK_LEADERBOARD, key, strlen(key), wait))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("a snapshot of leaderboard \"%s\" is being made already",
						leaderboard->slug),
				 errdetail("Another transaction has generated one and has not ended."),
				 errhint("Try again when it has.")));
}
