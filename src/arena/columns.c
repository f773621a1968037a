/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  What the relations of an arena must have.
 *
 * They are the user's, and may be changed at any time.  So they are looked up
 * by name whenever it matters, in the catalogs as they are at that moment, not
 * as an older snapshot of the transaction would show them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_check_arena);

/* What is read and written besides battles */
static const RequiredColumn result_columns[] = {
	{"leaderboard", "id", REQUIRED_UUID},
	{"leaderboard", "slug", REQUIRED_TEXT},
	{"leaderboard", "name", REQUIRED_TEXT},
	{"model", "id", REQUIRED_UUID},
	{"model", "slug", REQUIRED_TEXT},
	{"model", "name", REQUIRED_TEXT},
	{"model", "license", REQUIRED_TEXT},
	{"model", "organization", REQUIRED_TEXT},
	{"leaderboard_snapshot", "id", REQUIRED_UUID},
	{"leaderboard_snapshot", "leaderboard_id", REQUIRED_UUID},
	{"leaderboard_snapshot", "snapshot_identifier", REQUIRED_TEXT},
	{"leaderboard_snapshot", "description", REQUIRED_TEXT},
	{"leaderboard_snapshot", "visibility", REQUIRED_TEXT},
	{"leaderboard_snapshot", "created_at", REQUIRED_DATE},
	{"leaderboard_snapshot", "updated_at", REQUIRED_DATE},
	{"leaderboard_entry", "id", REQUIRED_UUID},
	{"leaderboard_entry", "leaderboard_id", REQUIRED_UUID},
	{"leaderboard_entry", "model_id", REQUIRED_UUID},
	{"leaderboard_entry", "snapshot_id", REQUIRED_UUID},
	{"leaderboard_entry", "bt_score", REQUIRED_NUMBER},
	{"leaderboard_entry", "vote_count", REQUIRED_NUMBER},
	{"leaderboard_entry", "rank", REQUIRED_NUMBER},
	{"leaderboard_entry", "bootstrap_q025", REQUIRED_NUMBER},
	{"leaderboard_entry", "bootstrap_q975", REQUIRED_NUMBER},
	{"leaderboard_entry", "created_at", REQUIRED_DATE}
};

/* Columns that hold a moment, in relations that need not have them all */
static const char *const moments[][2] = {
	{"leaderboard", "created_at"},
	{"model", "created_at"},
	{"leaderboard_snapshot", "created_at"},
	{"leaderboard_snapshot", "updated_at"},
	{"leaderboard_entry", "created_at"}
};

/*
 * An error unless the caller has some right on a relation that is to be locked, or
 * may change its schema, which is to be an arena.
 */
static void
check_may_lock(const RangeVar *name, Oid id, Oid old_id pg_attribute_unused(),
			   void *argument pg_attribute_unused())
{
	const AclMode rights = ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE;
	char		kind = OidIsValid(id) ? get_rel_relkind(id) : '\0';

	if (kind == '\0')
		return;					/* there is none, or none any more */
	if (pg_class_aclcheck(id, GetUserId(), rights) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(id, GetUserId(), ACL_SELECT | ACL_INSERT | ACL_UPDATE,
								  ACLMASK_ANY) != ACLCHECK_OK &&
		!may_change_schema(get_rel_namespace(id), GetUserId()))
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(kind),
					   name->relname);
}

/*
 * A relation of an arena, invalid if there is none of that name.  It is locked,
 * so that it stays as it is until the end of the transaction.
 */
Oid
find_arena_relation(const char *arena, const char *name)
{
	RangeVar   *relation = makeRangeVar(pstrdup(arena), pstrdup(name), -1);
	Oid			id = RangeVarGetRelidExtended(relation, AccessShareLock, RVR_MISSING_OK,
											  check_may_lock, NULL);

	if (OidIsValid(id) && !strchr("rpvmf", get_rel_relkind(id)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" of schema \"%s\" is not a table or a view",
						name, arena)));
	return id;
}

static bool
is_of_kind(Oid type, RequiredKind kind)
{
	switch (kind)
	{
		case REQUIRED_UUID:
			return type == UUIDOID;
		case REQUIRED_BOOLEAN:
			return getBaseType(type) == BOOLOID;
		case REQUIRED_TEXT:
			return TypeCategory(getBaseType(type)) == TYPCATEGORY_STRING;
		case REQUIRED_NUMBER:
			return TypeCategory(getBaseType(type)) == TYPCATEGORY_NUMERIC;
		case REQUIRED_COUNT:
			return is_count_type(type);
		case REQUIRED_DATE:
			return TypeCategory(getBaseType(type)) == TYPCATEGORY_DATETIME;
	}
	return false;
}

static const char *
kind_name(RequiredKind kind)
{
	switch (kind)
	{
		case REQUIRED_UUID:
			return "uuid";
		case REQUIRED_BOOLEAN:
			return "boolean";
		case REQUIRED_TEXT:
			return "text";
		case REQUIRED_NUMBER:
			return "a number";
		case REQUIRED_COUNT:
			return "an integer";
		case REQUIRED_DATE:
			return "a timestamp";
	}
	return "";
}

/*
 * Say what a relation lacks of the columns required of it, which are the first
 * so many.
 */
static void
list_missing_columns(Oid relation, const RequiredColumn *required, int count,
					 StringInfo missing)
{
	for (int i = 0; i < count; i++)
	{
		AttrNumber	number = get_attnum(relation, required[i].name);
		Oid			type = number > 0 ? get_atttype(relation, number) : InvalidOid;
		const char *separator = missing->len > 0 ? "; " : "";

		if (!OidIsValid(type))
			appendStringInfo(missing, "%scolumn %s.%s is missing", separator,
							 required[i].relation, required[i].name);
		else if (!is_of_kind(type, required[i].kind))
			appendStringInfo(missing, "%scolumn %s.%s is of type %s, not %s",
							 separator, required[i].relation, required[i].name,
							 format_type_be(type), kind_name(required[i].kind));
	}
}

/*
 * What an arena lacks of the columns required, those of a relation one after the
 * other; empty if it has them all.
 */
static char *
missing_columns(const char *arena, const RequiredColumn *required, int count)
{
	StringInfoData missing;

	initStringInfo(&missing);
	for (int first = 0, next; first < count; first = next)
	{
		Oid			relation = find_arena_relation(arena, required[first].relation);

		next = first + 1;
		while (next < count &&
			   strcmp(required[next].relation, required[first].relation) == 0)
			next++;
		if (OidIsValid(relation))
			list_missing_columns(relation, required + first, next - first, &missing);
		else
			appendStringInfo(&missing, "%srelation %s is missing",
							 missing.len > 0 ? "; " : "", required[first].relation);
	}
	return missing.data;
}

/*
 * An error unless the arena has all of these columns of its battles, or of a
 * relation of their counts.  That is in the way of any other: a view
 * leaderboard_battle would not help.
 */
void
check_battle_columns(const char *arena, const RequiredColumn *required, int count,
					 const char *counts)
{
	char	   *missing = missing_columns(arena, required, count);

	if (missing[0] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
				 errmsg("which battles of arena \"%s\" count cannot be told", arena),
				 errdetail("%s.", missing),
				 counts ?
				 errhint("Relation %s is read if there is one; the documentation lists its columns.",
						 counts) :
				 errhint("A view leaderboard_battle in the arena may say it; the documentation lists its columns.")));
}

/*
 * An error if a column holds moments without their time zone.  Those mean
 * another moment in each session's TimeZone, and so would all that is computed
 * of them.
 */
void
check_moment(const char *arena, const char *relation, const char *column)
{
	Oid			schema = get_namespace_oid(arena, true);
	Oid			id = get_relname_relid(relation, schema);
	AttrNumber	number = OidIsValid(id) ? get_attnum(id, column) : 0;

	if (number <= 0 || getBaseType(get_atttype(id, number)) == TIMESTAMPTZOID)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column %s.%s of arena \"%s\" must be of type timestamp with time zone",
					relation, column, arena),
			 errdetail("It is of type %s, whose values mean another moment in each session's TimeZone.",
					   format_type_be(get_atttype(id, number))),
			 strchr("rp", get_rel_relkind(id)) ?
			 errhint("If they are meant as UTC: ALTER TABLE %s.%s ALTER %s TYPE timestamptz USING %s AT TIME ZONE 'UTC'.",
					 quote_identifier(arena), relation, column, column) :
			 errhint("If they are meant as UTC, let the relation have them as %s AT TIME ZONE 'UTC'.",
					 column)));
}

/*
 * An error if any moment of an arena is without its time zone.
 */
void
check_moments(const char *arena)
{
	for (Size i = 0; i < lengthof(moments); i++)
		check_moment(arena, moments[i][0], moments[i][1]);
}

/*
 * bixarena.arena_check(arena text): an error unless a schema has what an arena
 * needs besides battles.
 */
Datum
bixarena_check_arena(PG_FUNCTION_ARGS)
{
	char	   *arena = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *missing = missing_columns(arena, result_columns,
										  lengthof(result_columns));

	if (missing[0] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
				 errmsg("schema \"%s\" cannot be an arena", arena),
				 errdetail("%s.", missing),
				 errhint("The documentation lists what an arena has.")));
	check_moments(arena);
	PG_RETURN_VOID();
}
