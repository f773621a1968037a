/*-------------------------------------------------------------------------
 *
 * scoreboard.c
 *	  The scoreboard that a call works in.
 *
 * A schema is one if it has a scoreboard's tables, and they are plain tables of the
 * schema's owner.  That is asked with each call, and takes nothing but the server's
 * caches.
 *
 * Nobody runs code of the owner's by calling a function of ours.  So before a call
 * works as another role, the tables are locked, so that nobody changes them until the
 * transaction ends, and looked at (guard.c).  A session remembers what it has seen until
 * the server says that one of them has changed.  None of this is done where the owner
 * has the rights of the caller anyway: who calls is the owner, or a role of which the
 * owner is a member, or the owner is a superuser.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_is_scoreboard);
PG_FUNCTION_INFO_V1(bixarena_open_scoreboard);

#define ON_INSERT TRIGGER_TYPE_INSERT
#define ON_UPDATE TRIGGER_TYPE_UPDATE
#define ON_DELETE TRIGGER_TYPE_DELETE

/* The tables, and what functions of ours write as who calls them */
static const struct
{
	const char *name;
	int			events;
}			scoreboard_tables[NUM_SCORE_TABLES] = {
	{"scoreboard", 0},
	{"game", ON_INSERT | ON_UPDATE},
	{"board", ON_INSERT | ON_UPDATE},
	{"player", ON_INSERT},
	{"score", ON_INSERT | ON_UPDATE},
	/* who deletes events is the owner: see scoreboard_clean() */
	{"score_event", ON_INSERT},
	{"rank_node", ON_INSERT | ON_UPDATE | ON_DELETE},
	{"rank_count", ON_INSERT | ON_UPDATE | ON_DELETE},
	{"rank_fold", ON_INSERT | ON_UPDATE | ON_DELETE},
	{"message", ON_INSERT | ON_UPDATE | ON_DELETE},
	{"queue_lane", 0},
	{"queue", ON_INSERT | ON_UPDATE | ON_DELETE},
	{"dead_letter", ON_INSERT | ON_UPDATE | ON_DELETE},
	{"upload", ON_INSERT},
	{"upload_content", ON_INSERT},
	{"upload_file", ON_INSERT | ON_UPDATE},
	{"upload_column", 0},
	{"standing", ON_INSERT},
	{"standing_order", ON_INSERT}
};

static HTAB *scoreboards = NULL;

static Oid
owner_of_schema(Oid schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

/*
 * A plain table of a schema's owner in it, else InvalidOid.
 */
static Oid
find_plain_table(const char *name, Oid schema, Oid owner)
{
	HeapTuple	tuple = SearchSysCache2(RELNAMENSP, CStringGetDatum(name),
										ObjectIdGetDatum(schema));
	Oid			table = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class relation = (Form_pg_class) GETSTRUCT(tuple);

		if (relation->relkind == RELKIND_RELATION && relation->relowner == owner &&
			!relation->relrowsecurity && !relation->relhassubclass)
			table = relation->oid;
		ReleaseSysCache(tuple);
	}
	return table;
}

/*
 * Find the schema, its owner and its tables.  False if it is no scoreboard.
 */
static bool
find_scoreboard(const char *name, Scoreboard *scoreboard)
{
	memset(scoreboard, 0, sizeof(Scoreboard));
	if (strlen(name) >= NAMEDATALEN)
		return false;
	strlcpy(scoreboard->name, name, NAMEDATALEN);
	scoreboard->schema = get_namespace_oid(name, true);
	scoreboard->owner = owner_of_schema(scoreboard->schema);
	if (!OidIsValid(scoreboard->owner))
		return false;
	for (int i = 0; i < NUM_SCORE_TABLES; i++)
	{
		scoreboard->tables[i] = find_plain_table(scoreboard_tables[i].name,
												 scoreboard->schema, scoreboard->owner);
		if (!OidIsValid(scoreboard->tables[i]))
			return false;
	}
	return true;
}

/*
 * The server says that a relation has changed, or (InvalidOid) any may have.
 */
static void
relation_has_changed(Datum argument pg_attribute_unused(), Oid relation)
{
	HASH_SEQ_STATUS status;
	Scoreboard *scoreboard;

	hash_seq_init(&status, scoreboards);
	while ((scoreboard = hash_seq_search(&status)) != NULL)
		for (int i = 0; i < NUM_SCORE_TABLES; i++)
			if (!OidIsValid(relation) || scoreboard->tables[i] == relation)
				scoreboard->can_be_read = scoreboard->can_be_written = false;
}

/*
 * What the session knows of a scoreboard that was found just now.
 */
static Scoreboard *
remember(const Scoreboard *found)
{
	Scoreboard *known;
	bool		is_known;

	if (scoreboards == NULL)
	{
		HASHCTL		control = {.keysize = NAMEDATALEN,.entrysize = sizeof(Scoreboard)};

		scoreboards = hash_create("bixarena_rank scoreboards", 8, &control,
								  HASH_ELEM | HASH_STRINGS);
		CacheRegisterRelcacheCallback(relation_has_changed, (Datum) 0);
	}
	known = hash_search(scoreboards, found->name, HASH_ENTER, &is_known);
	if (!is_known || known->schema != found->schema || known->owner != found->owner ||
		memcmp(known->tables, found->tables, sizeof(found->tables)) != 0)
		*known = *found;
	return known;
}

static void
refuse_code(const Scoreboard *scoreboard, const char *code, int table)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("scoreboard \"%s\" would run code of its owner's as role \"%s\"",
					scoreboard->name, GetUserNameFromId(GetUserId(), false)),
			 errdetail("It has %s at %s.", code, scoreboard_tables[table].name),
			 errhint("Let its owner drop that, or call as the owner.")));
}

/*
 * See to it that nothing of the owner's runs as who reads or writes.
 */
static void
look_at_tables(Scoreboard *scoreboard, bool writes)
{
	bool	   *is_known = writes ? &scoreboard->can_be_written : &scoreboard->can_be_read;

	if (*is_known)
		return;
	/* what changes meanwhile is looked at the next time */
	*is_known = true;
	for (int i = 0; i < NUM_SCORE_TABLES; i++)
	{
		Relation	relation = relation_open(scoreboard->tables[i], NoLock);
		char	   *code = code_of_relation(relation,
											writes ? scoreboard_tables[i].events : 0);

		relation_close(relation, NoLock);
		if (code)
		{
			*is_known = false;
			refuse_code(scoreboard, code, i);
		}
	}
}

/*
 * Keep triggers, rules and indexes from being made until the transaction ends.  Who only
 * reads does that too: the planner folds the expressions of an index.
 */
static void
lock_tables(const Scoreboard *scoreboard)
{
	for (int i = 0; i < NUM_SCORE_TABLES; i++)
		LockRelationOid(scoreboard->tables[i], RowExclusiveLock);
}

static void
refuse_scoreboard(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("scoreboard \"%s\" does not exist", name),
			 errhint("Make one with bixarena_create_scoreboard().")));
}

/*
 * The only scoreboard that there is.
 */
static char *
find_only_scoreboard(void)
{
	MemoryContext caller = CurrentMemoryContext;
	char	   *names;
	char	   *name;
	int64		count;
	bool		isnull;

	SPI_connect();
	execute_query("SELECT pg_catalog.count(*), pg_catalog.string_agg(s, ', ' ORDER BY s)"
				  " FROM bixarena.scoreboard_list() AS s", SPI_OK_SELECT, true, NULL);
	count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
										&isnull));
	names = result_text(0, 2);
	name = names ? MemoryContextStrdup(caller, names) : NULL;
	SPI_finish();
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no scoreboard yet"),
				 errhint("Make one with bixarena_create_scoreboard().")));
	if (count > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 errmsg("there is more than one scoreboard"),
				 errdetail("The scoreboards are %s.", name),
				 errhint("Name one with scoreboard => '...'.")));
	return name;
}

/*
 * Work in a scoreboard, by name, or NULL: the only one.
 */
Scoreboard *
open_scoreboard(const char *name, bool writes)
{
	Scoreboard	found;
	Scoreboard *scoreboard;

	if (name == NULL)
		name = find_only_scoreboard();
	if (!find_scoreboard(name, &found))
		refuse_scoreboard(name);
	/* plans that are kept do not ask that again */
	if (!may_use_schema(found.schema, GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, name);
	if (!has_privs_of_role(found.owner, GetUserId()))
	{
		lock_tables(&found);
		/* what was renamed before the lock came is another now */
		if (!find_scoreboard(name, &found))
			refuse_scoreboard(name);
		lock_tables(&found);
		scoreboard = remember(&found);
		look_at_tables(scoreboard, writes);
		return scoreboard;
	}
	return remember(&found);
}

/*
 * bixarena.scoreboard_exists(name text)
 */
Datum
bixarena_is_scoreboard(PG_FUNCTION_ARGS)
{
	Scoreboard	found;

	PG_RETURN_BOOL(find_scoreboard(text_to_cstring(PG_GETARG_TEXT_PP(0)), &found));
}

/*
 * bixarena.scoreboard_open(scoreboard text, writes boolean): its schema, quoted.
 */
Datum
bixarena_open_scoreboard(PG_FUNCTION_ARGS)
{
	Scoreboard *scoreboard = open_scoreboard(argument_text(fcinfo, 0), PG_GETARG_BOOL(1));

	PG_RETURN_TEXT_P(cstring_to_text(quote_identifier(scoreboard->name)));
}
