/*-------------------------------------------------------------------------
 *
 * battle_query.c
 *	  Which battles of an arena count, and where they are counted.
 *
 * A relation of the arena's own says it, of which there are three kinds:
 *
 *	- leaderboard_battle has a row for each battle and each leaderboard that it
 *	  counts for; with a column battles, a row for so many.
 *	- leaderboard_tally has counts, by leaderboard, models and outcome.  It bears
 *	  no dates, and serves where none are asked for.
 *	- arena_tally has the same counts, for the pass over all leaderboards.  It is
 *	  another relation, since one that a function makes for each leaderboard that
 *	  is asked for would be slow at making all.
 *
 * Where the battles are on another server there may be a fourth, for intervals by voter:
 * voter_tally has a row for each leaderboard, models and outcome, and in an array the
 * numbers of those who cast the battles.
 *
 * Each reading takes the first that there is of those that serve it.  An arena
 * without any is the application's (application.c), whose tables also serve what
 * takes battles where there are none but counts.  This is the one place where
 * that is decided, anew at each run and for good for that run: what is chosen is
 * locked.
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

#define VOTER_TALLY "voter_tally"

PG_FUNCTION_INFO_V1(bixarena_battle_query);
PG_FUNCTION_INFO_V1(bixarena_check_battles);
PG_FUNCTION_INFO_V1(bixarena_battle_relations);

/* What must be there at a run comes first */
static const RequiredColumn battle_columns[] = {
	{BATTLE_RELATION, "leaderboard", REQUIRED_TEXT},
	{BATTLE_RELATION, "model1_id", REQUIRED_UUID},
	{BATTLE_RELATION, "model2_id", REQUIRED_UUID},
	{BATTLE_RELATION, "outcome", REQUIRED_TEXT},
	{BATTLE_RELATION, "voter_id", REQUIRED_UUID},
	{BATTLE_RELATION, "created_at", REQUIRED_DATE}
};

static const RequiredColumn counted_battle_columns[] = {
	{BATTLE_RELATION, "leaderboard", REQUIRED_TEXT},
	{BATTLE_RELATION, "battles", REQUIRED_COUNT}
};

#define TALLY_COLUMNS(relation) \
	{relation, "leaderboard", REQUIRED_TEXT}, {relation, "battles", REQUIRED_COUNT}, \
	{relation, "model1_id", REQUIRED_UUID}, {relation, "model2_id", REQUIRED_UUID}, \
	{relation, "outcome", REQUIRED_TEXT}

static const RequiredColumn leaderboard_tally_columns[] = {
	TALLY_COLUMNS("leaderboard_tally")
};

static const RequiredColumn arena_tally_columns[] = {
	TALLY_COLUMNS("arena_tally")
};

/* A kind of relation that may say which battles of an arena count */
typedef struct OwnRelation
{
	const char *name;
	const RequiredColumn *columns;
	int			num_columns;
	int			num_needed;		/* at a run, the first so many */
	bool		has_dates;
} OwnRelation;

static const OwnRelation leaderboard_battle = {
	BATTLE_RELATION, battle_columns, lengthof(battle_columns), 1, true
};

static const OwnRelation leaderboard_tally = {
	"leaderboard_tally", leaderboard_tally_columns, lengthof(leaderboard_tally_columns), 2, false
};

static const OwnRelation arena_tally = {
	"arena_tally", arena_tally_columns, lengthof(arena_tally_columns), 2, false
};

/* What serves each reading, the best first */
static const OwnRelation *const serving[][3] = {
	[READ_LEADERBOARD] = {&leaderboard_tally, &leaderboard_battle, &arena_tally},
	[READ_ALL] = {&arena_tally, &leaderboard_tally, &leaderboard_battle},
	[READ_AS_OF] = {&leaderboard_battle}
};

static const char *const reading_names[] = {
	[READ_LEADERBOARD] = "leaderboard",
	[READ_ALL] = "all",
	[READ_AS_OF] = "as_of"
};

/*
 * The relation of an arena's own that serves a reading, NULL if there is none.
 */
static const OwnRelation *
find_own_relation(const char *arena, BattleReading reading)
{
	for (Size i = 0; i < lengthof(serving[reading]); i++)
		if (serving[reading][i] &&
			OidIsValid(find_arena_relation(arena, serving[reading][i]->name)))
			return serving[reading][i];
	return NULL;
}

/*
 * An error where an arena has counts, and battles are what is needed.
 */
void
check_has_battles(const char *arena)
{
	const OwnRelation *counts = find_own_relation(arena, READ_LEADERBOARD);

	if (counts && !find_own_relation(arena, READ_AS_OF) && !has_application(arena))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the battles of arena \"%s\" up to a moment cannot be told", arena),
				 errdetail("It has counts of battles, in relation %s, which bear no dates.",
						   counts->name),
				 errhint("A relation leaderboard_battle in the arena, with a row for each battle and its created_at, can tell.")));
}

/*
 * An error unless a relation of the arena's own has the first so many of its columns.
 */
static void
check_own_columns(const char *arena, const OwnRelation *own, int count)
{
	check_battle_columns(arena, own->columns, count, own->has_dates ? NULL : own->name);
}

/*
 * What is read of a relation of the arena's own.
 */
static void
set_own_source(BattleSource *source, const char *arena, const OwnRelation *own)
{
	Oid			relation = find_arena_relation(arena, own->name);
	bool		is_counted = !own->has_dates || get_attnum(relation, "battles") > 0;

	check_own_columns(arena, own, own->num_needed);
	if (own->has_dates && is_counted)
		check_battle_columns(arena, counted_battle_columns,
							 lengthof(counted_battle_columns), NULL);
	if (own->has_dates)
		check_moment(arena, own->name, "created_at");
	source->relation = own->name;
	source->query = psprintf("SELECT * FROM %s.%s", quote_identifier(arena), own->name);
	source->place = psprintf("relation %s.%s", quote_identifier(arena), own->name);
	source->leaderboard = grouped_column(relation, "leaderboard");
	/* one that is missing is an error of the query's */
	source->outcome = get_attnum(relation, "outcome") > 0 ?
		grouped_column(relation, "outcome") : "b.outcome";
	source->counts = is_counted ? counted_by(relation, "battles") : counted_rows();
	source->voter = no_voter();
}

/*
 * Where the battles of an arena are to be read.
 */
BattleSource *
find_battle_source(const char *arena, BattleReading reading)
{
	const OwnRelation *own = find_own_relation(arena, reading);
	BattleSource *source = palloc0(sizeof(BattleSource));

	if (own)
	{
		set_own_source(source, arena, own);
		return source;
	}
	if (reading == READ_AS_OF)
		check_has_battles(arena);
	source->query = application_query(arena);
	source->place = psprintf("the tables of schema %s", quote_identifier(arena));
	source->leaderboard = "b.leaderboard";
	source->outcome = "b.outcome";
	source->counts = counted_rows();
	source->voter = no_voter();
	return source;
}

/*
 * An error where nothing says who cast the battles of an arena.
 */
static void
report_no_voters(const char *arena, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("who cast the battles of arena \"%s\" cannot be told", arena),
			 errdetail_internal("%s", detail),
			 errhint("A relation " BATTLE_RELATION " in the arena, with the voter_id of each battle, can tell.")));
}

/*
 * Where the battles of an arena are to be read with who cast them.  What serves for
 * battles up to a moment serves for that, too: counts do not.
 */
BattleSource *
find_voter_source(const char *arena)
{
	const OwnRelation *counts = find_own_relation(arena, READ_LEADERBOARD);
	const OwnRelation *own = find_own_relation(arena, READ_AS_OF);
	BattleSource *source;
	Oid			relation;

	if (counts && !own && !has_application(arena))
		report_no_voters(arena, psprintf("It has counts of battles, in relation %s, which bear no voters.",
										 counts->name));
	source = find_battle_source(arena, READ_AS_OF);
	if (own == NULL)
	{
		source->voter = (VoterColumn)
		{
			", b.voter_id", ", 5 ORDER BY 5"
		};
		return source;
	}
	relation = find_arena_relation(arena, own->name);
	if (get_attnum(relation, "voter_id") <= 0)
		report_no_voters(arena, psprintf("Relation %s has no column voter_id.", own->name));
	source->voter = grouped_by_voter(relation, "voter_id");
	return source;
}

/*
 * The relation of an arena from which voters may be read by numbers, if there is one.
 * Where the tables are here, a relation of that name is somebody's for something else.
 */
Oid
find_voter_tally(const char *arena)
{
	return is_remote(arena) ? find_arena_relation(arena, VOTER_TALLY) : InvalidOid;
}

/*
 * The query for the battles in it that count for a leaderboard, $1.
 */
char *
voter_tally_query(const char *arena)
{
	return psprintf("SELECT b.model1_id, b.model2_id, b.outcome, b.voters FROM %s." VOTER_TALLY " AS b"
					" WHERE b.leaderboard OPERATOR(pg_catalog.=) $1", quote_identifier(arena));
}

/*
 * Where the battles of an arena are to be read with covariates, and with by_voter with
 * who cast them, too: in a relation of battles of its own.
 */
BattleSource *
find_covariate_source(const char *arena, List *covariates, bool by_voter)
{
	const OwnRelation *own = find_own_relation(arena, READ_AS_OF);
	BattleSource *source;
	ListCell   *cell;

	if (own == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("covariates of the battles of arena \"%s\" cannot be told", arena),
				 errdetail("It has no relation " BATTLE_RELATION "."),
				 errhint("A relation " BATTLE_RELATION " in the arena, with a numeric column for each covariate, can tell.")));
	source = by_voter ? find_voter_source(arena) : find_battle_source(arena, READ_AS_OF);
	foreach(cell, covariates)
		check_covariate_column(find_arena_relation(arena, own->name), lfirst(cell),
							   source->place);
	source->covariates = covariates;
	return source;
}

/*
 * The reading of this name.
 */
static BattleReading
named_reading(const char *name)
{
	for (int i = 0; i < (int) lengthof(reading_names); i++)
		if (strcmp(name, reading_names[i]) == 0)
			return (BattleReading) i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("reading must be leaderboard, all or as_of, not \"%s\"", name)));
}

/*
 * bixarena_battle_query(arena text, reading text): the query that says which
 * battles count.
 */
Datum
bixarena_battle_query(PG_FUNCTION_ARGS)
{
	char	   *arena = argument_text(fcinfo, 0);
	char	   *reading = argument_text(fcinfo, 1);
	MemoryContext caller = CurrentMemoryContext;
	text	   *query;

	if (reading == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("reading must not be null")));
	SPI_connect();
	arena = resolve_arena(arena);
	MemoryContextSwitchTo(caller);
	query = cstring_to_text(find_battle_source(arena, named_reading(reading))->query);
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

	for (Size i = 0; i < lengthof(serving[READ_ALL]); i++)
	{
		const OwnRelation *own = serving[READ_ALL][i];

		if (OidIsValid(find_arena_relation(arena, own->name)))
			check_own_columns(arena, own, own->num_columns);
	}
	for (int i = 0; i < (int) lengthof(reading_names); i++)
		if (i != READ_AS_OF || find_own_relation(arena, READ_AS_OF))
			(void) find_battle_source(arena, (BattleReading) i);
	PG_RETURN_VOID();
}

/*
 * bixarena.arena_battle_relations(arena text): the relations that battles are read
 * from, as far as they exist.
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
	Oid			voters = find_voter_tally(arena);
	Datum		found[lengthof(serving[READ_ALL]) + 1 + lengthof(tables)];
	int			num_found = 0;

	for (Size i = 0; i < lengthof(serving[READ_ALL]); i++)
	{
		Oid			own = get_relname_relid(serving[READ_ALL][i]->name, schema);

		if (OidIsValid(own))
			found[num_found++] = ObjectIdGetDatum(own);
	}
	if (OidIsValid(voters))
		found[num_found++] = ObjectIdGetDatum(voters);
	/* counts are no battles: where there are these tables, they are read, too */
	for (Size i = 0; i < lengthof(tables) &&
		 !OidIsValid(get_relname_relid(BATTLE_RELATION, schema)); i++)
	{
		Oid			table = get_relname_relid(tables[i], schema);

		if (OidIsValid(table))
			found[num_found++] = ObjectIdGetDatum(table);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(found, num_found, OIDOID, sizeof(Oid),
										  true, TYPALIGN_INT));
}
