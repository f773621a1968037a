/*-------------------------------------------------------------------------
 *
 * application.c
 *	  Which battles count by the tables of the BixArena application.
 *
 * The query is made from those of its tables that there are at the moment:
 * nothing of ours stays in its schema that would pin their columns or grow
 * stale.
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

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_node_battle_query);
PG_FUNCTION_INFO_V1(bixarena_node_battle_groups);
PG_FUNCTION_INFO_V1(bixarena_application_groups);

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

/* What makes a battle count since there are validations */
#define VALIDATION_JOIN \
	"JOIN %s.battle_validation AS v ON v.id = b.effective_validation_id AND v.is_biomedical"

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
		check_battle_columns(arena, columns, count, NULL);
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
		appendStringInfo(query, "\n" VALIDATION_JOIN, schema);
}

/*
 * The query from the application's tables, at an age of theirs.
 */
static char *
query_of_age(const char *arena, bool validated, bool categorized)
{
	const char *schema = quote_identifier(arena);
	StringInfoData query;

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
 * Where the categories are that a battle counts for, and their slugs as an array: of one
 * battle by a subquery, of all by a join with what is grouped.  Both are in the order of
 * the index that there is on them, the primary key, so that nothing is sorted.
 */
static const char *
categories_join(const char *schema, bool of_one)
{
	return psprintf(of_one ?
					"LEFT JOIN %1$s.battle_categorization AS k"
					" ON k.id = b.effective_categorization_id AND k.status = 'matched'" :
					"LEFT JOIN (%1$s.battle_categorization AS k JOIN (\n"
					"    SELECT c.categorization_id, array_agg(c.category::text COLLATE \"C\") AS slugs\n"
					"    FROM (SELECT c.categorization_id, c.category\n"
					"        FROM %1$s.battle_categorization_category AS c\n"
					"        WHERE c.category <> 'overall' ORDER BY 1, 2) AS c\n"
					"    GROUP BY 1) AS g ON g.categorization_id = k.id)\n"
					"    ON k.id = b.effective_categorization_id AND k.status = 'matched'", schema);
}

static const char *
category_slugs(const char *schema, bool of_one)
{
	return !of_one ? "g.slugs" :
		psprintf("ARRAY(\n"
				 "           SELECT c.category::text COLLATE \"C\" FROM %s.battle_categorization_category AS c\n"
				 "           WHERE c.categorization_id = k.id AND c.category <> 'overall' ORDER BY c.category)",
				 schema);
}

/*
 * The same battles, at an age of theirs, each with all that it counts for: of the
 * battle that an expression has the id of, or with NULL of all.
 */
static char *
groups_of_age(const char *arena, bool validated, bool categorized, const char *battle)
{
	const char *schema = quote_identifier(arena);
	StringInfoData query;

	initStringInfo(&query);
	appendStringInfo(&query,
					 "SELECT b.id AS battle_id, b.model1_id, b.model2_id,\n"
					 "       e.outcome::text COLLATE \"C\" AS outcome, b.user_id AS voter_id,\n"
					 "       ARRAY['overall'::text COLLATE \"C\"]%s%s AS leaderboards\n"
					 "FROM %s.battle AS b\n"
					 "JOIN %s.battle_evaluation AS e ON e.battle_id = b.id",
					 categorized ? " || " : "",
					 categorized ? category_slugs(schema, battle != NULL) : "", schema, schema);
	if (validated)
		appendStringInfo(&query, "\n" VALIDATION_JOIN, schema);
	if (categorized)
		appendStringInfo(&query, "\n%s", categories_join(schema, battle != NULL));
	if (battle)
		appendStringInfo(&query, "\nWHERE b.id = %s", battle);
	return query.data;
}

/*
 * bixarena.node_battle_query(schema, validated, categorized): the same for SQL, for
 * tables of a server where this extension is not.
 */
Datum
bixarena_node_battle_query(PG_FUNCTION_ARGS)
{
	char	   *schema = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_TEXT_P(cstring_to_text(query_of_age(schema, PG_GETARG_BOOL(1),
												  PG_GETARG_BOOL(2))));
}

/*
 * bixarena.node_battle_groups(schema, validated, categorized, battle)
 */
Datum
bixarena_node_battle_groups(PG_FUNCTION_ARGS)
{
	char	   *schema = argument_text(fcinfo, 0);

	if (schema == NULL || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(groups_of_age(schema, PG_GETARG_BOOL(1),
												   PG_GETARG_BOOL(2),
												   argument_text(fcinfo, 3))));
}

/*
 * Of which ages the application's tables are.
 */
static void
find_ages(const char *arena, bool *validated, bool *categorized)
{
	check_battle_columns(arena, evaluation_columns, lengthof(evaluation_columns), NULL);
	check_moment(arena, "battle_evaluation", "created_at");
	*validated = has_age(arena, validation_columns, lengthof(validation_columns));
	*categorized = has_age(arena, category_columns, lengthof(category_columns));
}

/*
 * The query from the application's tables as they are.
 */
char *
application_query(const char *arena)
{
	bool		validated,
				categorized;

	find_ages(arena, &validated, &categorized);
	return query_of_age(arena, validated, categorized);
}

/*
 * bixarena.live_application_groups(arena, battle)
 */
Datum
bixarena_application_groups(PG_FUNCTION_ARGS)
{
	char	   *arena = argument_text(fcinfo, 0);
	bool		validated,
				categorized;

	if (arena == NULL)
		PG_RETURN_NULL();
	find_ages(arena, &validated, &categorized);
	PG_RETURN_TEXT_P(cstring_to_text(groups_of_age(arena, validated, categorized,
												   argument_text(fcinfo, 1))));
}

/*
 * Are there battles of the application in a schema?
 */
bool
has_application(const char *arena)
{
	return OidIsValid(find_arena_relation(arena, "battle_evaluation"));
}
