/*-------------------------------------------------------------------------
 *
 * battle_query.c
 *	  Which battles of an arena count, and for which leaderboard.
 *
 * This is a query with the columns leaderboard (a slug), model1_id, model2_id,
 * outcome, voter_id, created_at and battle_id, which need not be where a relation
 * of the arena's own is read, a row for each battle and each leaderboard that it
 * counts for.  A relation leaderboard_battle of the arena, where there
 * is one, is what counts.  Else the query is made from those of the
 * application's tables that there are at the moment: nothing of ours stays in
 * its schema that would pin their columns or grow stale.
 *
 * The application has had three ages: evaluations alone; then validations, and
 * only battles that are validated as biomedical count; then categories, which
 * are the other leaderboards.  Of an age there must be all or nothing.  With a
 * part of it nobody can tell which battles are meant to count, and that is an
 * error, not a guess.
 *
 * The tables are locked while they are looked at, battle before those that its
 * columns point to, so that a migration is seen as a whole or not at all, and
 * the query still fits when it is run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_battle_query);
PG_FUNCTION_INFO_V1(bixarena_check_battles);
PG_FUNCTION_INFO_V1(bixarena_battle_relations);

#define OWN_RELATION "leaderboard_battle"

static const RequiredColumn own_columns[] = {
	{OWN_RELATION, "leaderboard", REQUIRED_TEXT},
	{OWN_RELATION, "model1_id", REQUIRED_UUID},
	{OWN_RELATION, "model2_id", REQUIRED_UUID},
	{OWN_RELATION, "outcome", REQUIRED_TEXT},
	{OWN_RELATION, "voter_id", REQUIRED_UUID},
	{OWN_RELATION, "created_at", REQUIRED_DATE}
};

static const RequiredColumn evaluation_columns[] = {
	{"battle", "id", REQUIRED_UUID},
	{"battle", "model1_id", REQUIRED_UUID},
	{"battle", "model2_id", REQUIRED_UUID},
	{"battle", "user_id", REQUIRED_UUID},
	{"battle_evaluation", "battle_id", REQUIRED_UUID},
	{"battle_evaluation", "outcome", REQUIRED_TEXT},
	{"battle_evaluation", "created_at", REQUIRED_DATE}
};

static const RequiredColumn validation_columns[] = {
	{"battle", "effective_validation_id", REQUIRED_UUID},
	{"battle_validation", "id", REQUIRED_UUID},
	{"battle_validation", "is_biomedical", REQUIRED_BOOLEAN}
};

static const RequiredColumn category_columns[] = {
	{"battle", "effective_categorization_id", REQUIRED_UUID},
	{"battle_categorization", "id", REQUIRED_UUID},
	{"battle_categorization", "status", REQUIRED_TEXT},
	{"battle_categorization_category", "categorization_id", REQUIRED_UUID},
	{"battle_categorization_category", "category", REQUIRED_TEXT}
};

/*
 * An error unless the arena has all of these columns.
 */
static void
check_battle_columns(const char *arena, const RequiredColumn *required, int count)
{
	char	   *missing = missing_columns(arena, required, count);

	if (missing[0] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_DEFINITION),
				 errmsg("which battles of arena \"%s\" count cannot be told", arena),
				 errdetail("%s.", missing),
				 errhint("A view " OWN_RELATION " in the arena may say it; the documentation lists its columns.")));
}

/*
 * Does an arena have an age of the application?  Any of its relations or columns
 * says so; then it must have them all.
 */
static bool
has_age(const char *arena, const RequiredColumn *columns, int count)
{
	bool		found = false;

	for (int i = 0; i < count; i++)
	{
		Oid			relation = find_arena_relation(arena, columns[i].relation);

		/* battle is of all ages, its columns are not */
		if (OidIsValid(relation) &&
			(strcmp(columns[i].relation, "battle") != 0 ||
			 get_attnum(relation, columns[i].name) > 0))
			found = true;
	}
	if (found)
		check_battle_columns(arena, columns, count);
	return found;
}

/*
 * One branch of the query: the battles that count, by a leaderboard's slug.
 */
static void
append_branch(StringInfo query, const char *slug, const char *schema,
			  bool validated)
{
	appendStringInfo(query,
					 "SELECT %s AS leaderboard, b.model1_id, b.model2_id,\n"
					 "       e.outcome::text AS outcome, b.user_id AS voter_id, e.created_at,\n"
					 "       b.id AS battle_id\n"
					 "FROM %s.battle AS b\n"
					 "JOIN %s.battle_evaluation AS e ON e.battle_id = b.id",
					 slug, schema, schema);
	if (validated)
		appendStringInfo(query,
						 "\nJOIN %s.battle_validation AS v"
						 " ON v.id = b.effective_validation_id AND v.is_biomedical",
						 schema);
}

/*
 * The query from the application's tables.
 */
static char *
application_query(const char *arena)
{
	const char *schema = quote_identifier(arena);
	StringInfoData query;
	bool		validated,
				categorized;

	check_battle_columns(arena, evaluation_columns, lengthof(evaluation_columns));
	check_moment(arena, "battle_evaluation", "created_at");
	validated = has_age(arena, validation_columns, lengthof(validation_columns));
	categorized = has_age(arena, category_columns, lengthof(category_columns));

	initStringInfo(&query);
	append_branch(&query, "'overall'::text", schema, validated);
	if (categorized)
	{
		appendStringInfoString(&query, "\nUNION ALL\n");
		append_branch(&query, "c.category::text", schema, validated);
		appendStringInfo(&query,
						 "\nJOIN %s.battle_categorization AS k"
						 " ON k.id = b.effective_categorization_id AND k.status = 'matched'\n"
						 "JOIN %s.battle_categorization_category AS c"
						 " ON c.categorization_id = k.id AND c.category <> 'overall'",
						 schema, schema);
	}
	return query.data;
}

/*
 * Does a relation of the arena's own say which battles count?
 */
bool
has_own_battles(const char *arena)
{
	return OidIsValid(find_arena_relation(arena, OWN_RELATION));
}

/*
 * The query that says which battles of an arena count.
 */
char *
battle_query(const char *arena)
{
	if (!has_own_battles(arena))
		return application_query(arena);
	check_battle_columns(arena, own_columns, 1);
	check_moment(arena, OWN_RELATION, "created_at");
	return psprintf("SELECT * FROM %s." OWN_RELATION, quote_identifier(arena));
}

/*
 * bixarena_battle_query(arena text): the same for SQL.
 */
Datum
bixarena_battle_query(PG_FUNCTION_ARGS)
{
	char	   *arena = argument_text(fcinfo, 0);
	MemoryContext caller = CurrentMemoryContext;
	text	   *query;

	SPI_connect();
	arena = resolve_arena(arena);
	MemoryContextSwitchTo(caller);
	query = cstring_to_text(battle_query(arena));
	SPI_finish();
	PG_RETURN_TEXT_P(query);
}

/*
 * bixarena.arena_check_battles(arena text): an error unless it can be told which
 * battles count, for a schema that is to be an arena.
 */
Datum
bixarena_check_battles(PG_FUNCTION_ARGS)
{
	char	   *arena = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (has_own_battles(arena))
		check_battle_columns(arena, own_columns, lengthof(own_columns));
	(void) battle_query(arena);
	PG_RETURN_VOID();
}

/*
 * bixarena.arena_battle_relations(arena text): the relations that the query reads, as
 * far as they exist.
 */
Datum
bixarena_battle_relations(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {
		"battle", "battle_evaluation", "battle_validation",
		"battle_categorization", "battle_categorization_category"
	};
	char	   *arena = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			schema = get_namespace_oid(arena, true);
	Oid			own = get_relname_relid(OWN_RELATION, schema);
	Datum		found[lengthof(tables)];
	int			num_found = 0;

	if (OidIsValid(own))
		found[num_found++] = ObjectIdGetDatum(own);
	for (Size i = 0; i < lengthof(tables) && !OidIsValid(own); i++)
	{
		Oid			table = get_relname_relid(tables[i], schema);

		if (OidIsValid(table))
			found[num_found++] = ObjectIdGetDatum(table);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(found, num_found, OIDOID, sizeof(Oid),
										  true, TYPALIGN_INT));
}
