/*-------------------------------------------------------------------------
 *
 * battles.c
 *	  Battles read into a tally.
 *
 * One plain query counts the battles by (model1, model2, outcome), and its
 * rows go straight from the executor into the tally, so that nothing but the
 * counts is ever held.  The query is planned for its values and never by a
 * cursor: the planner may run it in parallel or push it down to where a
 * foreign or distributed table lives.  What is asked of an arena is said by
 * arena_battles.c, of any other relation by relation.c; what could not be read
 * is told by unread.c.
 *
 * Models are told apart by what stands in the column: in an arena the bytes of
 * a uuid, in any other relation the text of the value.  Their canonical order
 * is that of these bytes.
 *
 * Until all have been read they wait in a group (battle_group.c), as their outcomes
 * say only together what each of them means.  A battle that says nothing is ignored
 * and counted: without a model or an outcome, with an outcome that is not read, or
 * of a model against itself.
 *
 * Memory: what is read is kept in a context that ends with the (sub)transaction,
 * should the reading fail, and as soon as the battles are in their order.  It
 * grows with the models and pairs that are met, whose number is bounded, also
 * where all leaderboards of an arena are read at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "nodes/pg_list.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "arena/arena.h"

/* Columns of the query */
enum
{
	COLUMN_MODEL1,
	COLUMN_MODEL2,
	COLUMN_OUTCOME,
	COLUMN_COUNT,
	COLUMN_LEADERBOARD,			/* only where all of an arena are read */
	COLUMN_VOTER = COLUMN_LEADERBOARD,	/* only where voters are */
	MAX_COLUMNS = 6 + MAX_COVARIATES	/* the last one: counts that are none;
										 * before it: covariates */
};

/* The receiver of the query's rows */
typedef struct BattleReader
{
	DestReceiver receiver;
	bool		uuid_models;	/* else by their text */
	char	  **slugs;			/* of the leaderboards, ascending by their
								 * bytes, or NULL */
	int			num_groups;		/* one each, or one in all */
	BattleGroup **groups;		/* NULL: no battle of it has been met */
	int			num_models;		/* of all groups */
	int			num_pairs;
	Voters	   *voters;			/* or NULL */
	VoterNumbers *voter_numbers;
	Covariates *covariates;		/* or NULL */
	int			num_covariates;
	int			first_covariate;	/* column of the query */
	int64	   *unknown_covariates; /* battles of which each is not known */
	FmgrInfo	output[MAX_COLUMNS];
	bool		is_packed;		/* a row has arrays of counts and leaderboards */
	bool		is_numbered;	/* a row has an array of voters' numbers in
								 * place of a count */
	int			unusable_column;	/* of a query for counts, or 0 */
	char	   *count_column;	/* its name, quoted */
	Oid			outcome_type;	/* under any domain */
	char	   *outcome_column;
	MemoryContext result;		/* for what is returned */
	MemoryContext memory;		/* for what is kept */
	MemoryContext row_memory;	/* reset for each row */
} BattleReader;

static char *
column_text(BattleReader *reader, TupleTableSlot *slot, int column)
{
	return OutputFunctionCall(&reader->output[column], slot->tts_values[column]);
}

static ModelKey
column_model(BattleReader *reader, TupleTableSlot *slot, int column)
{
	ModelKey	key;

	if (reader->uuid_models)
	{
		key.bytes = (char *) DatumGetUUIDP(slot->tts_values[column])->data;
		key.length = UUID_LEN;
	}
	else
	{
		key.bytes = column_text(reader, slot, column);
		key.length = strlen(key.bytes);
	}
	return key;
}

/*
 * An error for leaderboards that have too much in all.
 */
static void
report_too_much(int limit, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many %s to read the battles of all leaderboards at once",
					what),
			 errdetail("The leaderboards have more than %d %s in all.", limit,
					   what)));
}

/*
 * The text of an outcome, NULL if there is none.
 */
static char *
outcome_text(BattleReader *reader, TupleTableSlot *slot)
{
	if (slot->tts_isnull[COLUMN_OUTCOME])
		return NULL;
	if (reader->outcome_type == BOOLOID)
		return DatumGetBool(slot->tts_values[COLUMN_OUTCOME]) ? "true" : "false";
	return column_text(reader, slot, COLUMN_OUTCOME);
}

/*
 * Does an outcome name this model by its id?
 */
static bool
is_uuid_of(const char *string, ModelKey model)
{
	return strlen(string) == 36 &&
		pg_strcasecmp(string, DatumGetCString(DirectFunctionCall1(uuid_out, PointerGetDatum(model.bytes)))) == 0;
}

/*
 * Which model an outcome names: the first or the second one, or else
 * OUTCOME_TIE.
 */
static Outcome
find_named(BattleReader *reader, const char *string, ModelKey model1, ModelKey model2)
{
	if (!reader->uuid_models)
		return named_model(string, model1, model2);
	if (string && is_uuid_of(string, model1))
		return OUTCOME_FIRST;
	if (string && is_uuid_of(string, model2))
		return OUTCOME_SECOND;
	return OUTCOME_TIE;
}

/*
 * An error for counts of battles that are none.
 */
static void
report_unusable_counts(BattleReader *reader, int64 num_rows)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("column %s must hold how many battles a row stands for",
					reader->count_column),
			 errdetail("Of the rows of two models with one outcome, %lld have null, zero, a negative number or a fraction there.",
					   (long long) num_rows),
			 errhint("If such rows mean no battle, a view can leave them out.")));
}

/*
 * An error for more battles than can be ranked, by a column of counts.
 */
static void
report_too_many_counted(BattleReader *reader)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many battles to rank"),
			 errdetail("There are more than %lld battles.", (long long) MAX_BATTLES),
			 errhint("Does column %s hold how many battles a row stands for?",
					 reader->count_column)));
}

/*
 * How many battles a row is that has the number of each one's voter.
 */
static int
num_numbered(TupleTableSlot *slot)
{
	ArrayType  *voters = DatumGetArrayTypeP(slot->tts_values[COLUMN_COUNT]);

	return ArrayGetNItems(ARR_NDIM(voters), ARR_DIMS(voters));
}

/*
 * How many battles a row of the query is.  The sum of a column is a numeric, of
 * whole numbers, of whose text what is behind the point says nothing.
 */
static int64
row_count(BattleReader *reader, TupleTableSlot *slot)
{
	const char *digits;
	char	   *end;
	int64		count;

	if (reader->is_numbered)
		return num_numbered(slot);
	if (reader->unusable_column == 0)
		return DatumGetInt64(slot->tts_values[COLUMN_COUNT]);
	count = DatumGetInt64(slot->tts_values[reader->unusable_column]);
	if (count > 0)
		report_unusable_counts(reader, count);
	digits = column_text(reader, slot, COLUMN_COUNT);
	errno = 0;
	count = strtoi64(digits, &end, 10);
	if (errno == ERANGE || end == digits)
		report_too_many_counted(reader);	/* infinity, too */
	return count;
}

/*
 * The number of the voter of a row, -1 where there is none.
 */
static int
row_voter(BattleReader *reader, TupleTableSlot *slot)
{
	if (reader->voters == NULL || slot->tts_isnull[COLUMN_VOTER])
		return -1;
	return voter_number(reader->voter_numbers, slot->tts_values[COLUMN_VOTER],
						TupleDescAttr(slot->tts_tupleDescriptor, COLUMN_VOTER)->attbyval,
						&reader->output[COLUMN_VOTER]);
}

/*
 * Take who cast the battles of a row that has their voters' numbers, from 1.
 */
static void
take_numbered_voters(BattleReader *reader, TupleTableSlot *slot, const GroupBattle *battle)
{
	Datum	   *numbers;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(slot->tts_values[COLUMN_COUNT]), INT4OID, sizeof(int32),
					  true, TYPALIGN_INT, &numbers, &nulls, &count);
	for (int i = 0; i < count; i++)
		voters_add(reader->voters, nulls[i] ? -1 : Max(DatumGetInt32(numbers[i]), 0) - 1,
				   battle->model1, battle->model2, battle->meaning, 1);
}

/*
 * Take the covariates of one row.
 */
static void
take_covariates(BattleReader *reader, TupleTableSlot *slot, const GroupBattle *battle,
				int64 count)
{
	double		x[MAX_COVARIATES];
	bool		known = true;

	for (int k = 0; k < reader->num_covariates; k++)
	{
		int			column = reader->first_covariate + k;

		x[k] = slot->tts_isnull[column] ? NAN : DatumGetFloat8(slot->tts_values[column]);
		if (!isfinite(x[k]))
		{
			reader->unknown_covariates[k] += count;
			known = false;
		}
	}
	if (known)
		covariates_add(reader->covariates, row_voter(reader, slot), battle->model1,
					   battle->model2, battle->meaning, count, x);
}

/*
 * Add the battles of one row to their group, and check that all groups together have
 * not become too large.
 */
static bool
add_row(BattleReader *reader, BattleGroup *group, ModelKey model1, ModelKey model2,
		char *outcome, int64 count, GroupBattle *battle)
{
	int			num_models = group->num_models;
	int			num_pairs = ballots_size(group->ballots);

	if (!add_to_group(group, model1, model2, outcome,
					  find_named(reader, outcome, model1, model2), count, battle))
		return false;
	reader->num_models += group->num_models - num_models;
	reader->num_pairs += ballots_size(group->ballots) - num_pairs;
	if (reader->num_models > MAX_ARENA_MODELS)
		report_too_much(MAX_ARENA_MODELS, "models");
	if (reader->num_pairs > MAX_ARENA_PAIRS)
		report_too_much(MAX_ARENA_PAIRS, "pairs of models");
	return true;
}

/*
 * Take of one row so many battles between these models with this outcome.
 */
static void
take_row(BattleReader *reader, BattleGroup *group, TupleTableSlot *slot, int64 count)
{
	ModelKey	model1,
				model2;
	GroupBattle battle;

	if (count > MAX_BATTLES - group->num_battles)
		report_too_many_counted(reader);
	group->num_battles += count;
	if (slot->tts_isnull[COLUMN_MODEL1] || slot->tts_isnull[COLUMN_MODEL2])
	{
		group->ignored.null_model += count;
		return;
	}
	model1 = column_model(reader, slot, COLUMN_MODEL1);
	model2 = column_model(reader, slot, COLUMN_MODEL2);
	if (is_same_model(model1, model2))
	{
		group->ignored.same_model += count;
		return;
	}
	if (!add_row(reader, group, model1, model2, outcome_text(reader, slot), count, &battle))
		return;
	if (reader->covariates)
		take_covariates(reader, slot, &battle, count);
	else if (reader->is_numbered)
		take_numbered_voters(reader, slot, &battle);
	else if (reader->voters)
		voters_add(reader->voters, row_voter(reader, slot), battle.model1, battle.model2,
				   battle.meaning, count);
}

static BattleGroup *
new_group(BattleReader *reader, char *leaderboard)
{
	MemoryContext caller = MemoryContextSwitchTo(reader->memory);
	BattleGroup *group = begin_group(leaderboard, reader->result);

	MemoryContextSwitchTo(caller);
	return group;
}

static int
compare_slugs(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/*
 * The group of a leaderboard, NULL if it is not one that is read.  Where none are told
 * apart, there is one group.
 */
static BattleGroup *
find_group(BattleReader *reader, const char *leaderboard)
{
	int			number = 0;

	if (reader->slugs)
	{
		char	  **slug = bsearch(&leaderboard, reader->slugs, reader->num_groups,
								   sizeof(char *), compare_slugs);

		if (slug == NULL)
			return NULL;
		number = slug - reader->slugs;
	}
	if (reader->groups[number] == NULL)
		reader->groups[number] = new_group(reader, reader->slugs ?
										   reader->slugs[number] : NULL);
	return reader->groups[number];
}

/*
 * Take a row of several leaderboards, with a count for each.
 */
static void
take_packed_row(BattleReader *reader, TupleTableSlot *slot)
{
	Datum	   *slugs;
	Datum	   *counts;
	bool	   *nulls;
	int			num_slugs,
				num_counts;

	deconstruct_array(DatumGetArrayTypeP(slot->tts_values[COLUMN_LEADERBOARD]), TEXTOID, -1,
					  false, TYPALIGN_INT, &slugs, NULL, &num_slugs);
	deconstruct_array(DatumGetArrayTypeP(slot->tts_values[COLUMN_COUNT]), INT8OID, sizeof(int64),
					  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &counts, &nulls, &num_counts);
	for (int i = 0; i < Min(num_slugs, num_counts); i++)
	{
		int64		count = nulls[i] ? 0 : DatumGetInt64(counts[i]);
		BattleGroup *group = count > 0 ? find_group(reader, TextDatumGetCString(slugs[i])) : NULL;

		if (group)
			take_row(reader, group, slot, count);
	}
}

static void
take_plain_row(BattleReader *reader, TupleTableSlot *slot)
{
	BattleGroup *group;

	if (reader->slugs && slot->tts_isnull[COLUMN_LEADERBOARD])
		return;
	group = find_group(reader, reader->slugs ?
					   column_text(reader, slot, COLUMN_LEADERBOARD) : NULL);
	if (group)
		take_row(reader, group, slot, row_count(reader, slot));
}

static bool
receive_row(TupleTableSlot *slot, DestReceiver *self)
{
	BattleReader *reader = (BattleReader *) self;
	MemoryContext caller = MemoryContextSwitchTo(reader->row_memory);

	slot_getallattrs(slot);
	if (reader->is_packed)
		take_packed_row(reader, slot);
	else
		take_plain_row(reader, slot);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(reader->row_memory);
	return true;
}

static void
start_rows(DestReceiver *self, int operation pg_attribute_unused(),
		   TupleDesc columns)
{
	BattleReader *reader = (BattleReader *) self;
	int			num_plain = reader->slugs || reader->voters ? COLUMN_VOTER + 1 : COLUMN_COUNT + 1;

	reader->first_covariate = num_plain;
	num_plain += reader->num_covariates;
	reader->is_packed = reader->slugs &&
		TupleDescAttr(columns, COLUMN_LEADERBOARD)->atttypid == TEXTARRAYOID;
	reader->is_numbered = reader->voters &&
		TupleDescAttr(columns, COLUMN_COUNT)->atttypid == INT4ARRAYOID;
	if (columns->natts > num_plain)
		reader->unusable_column = num_plain;
	reader->count_column =
		MemoryContextStrdup(reader->result,
							quote_identifier(NameStr(TupleDescAttr(columns, COLUMN_COUNT)->attname)));
	for (int column = 0; column < columns->natts; column++)
	{
		Oid			type = TupleDescAttr(columns, column)->atttypid;
		Oid			output;
		bool		is_varlena;

		if (reader->uuid_models && column < COLUMN_OUTCOME && type != UUIDOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of the battles must be a uuid, not %s",
							NameStr(TupleDescAttr(columns, column)->attname),
							format_type_be(type))));
		if (column == COLUMN_OUTCOME)
		{
			reader->outcome_type = getBaseType(type);
			reader->outcome_column =
				MemoryContextStrdup(reader->result,
									quote_identifier(NameStr(TupleDescAttr(columns, column)->attname)));
		}
		getTypeOutputInfo(type, &output, &is_varlena);
		fmgr_info_cxt(output, &reader->output[column], reader->memory);
	}
}

static void
end_rows(DestReceiver *self pg_attribute_unused())
{
}

static void
reading_context(void *source)
{
	errcontext("reading the battles of %s", (char *) source);
}

/*
 * Make a reader read voters, too.
 */
static void
add_voters(BattleReader *reader, bool named)
{
	MemoryContext caller;

	reader->voter_numbers = begin_voter_numbers(named, reader->result);
	caller = MemoryContextSwitchTo(reader->result);
	reader->voters = voters_begin((Size) maintenance_work_mem * 1024);
	if (named)
		voters_keep_numbers(reader->voters);
	MemoryContextSwitchTo(caller);
}

/*
 * The battles of a group that is complete.
 */
static Battles *
group_battles(const BattleReader *reader, BattleGroup *group)
{
	Battles    *battles = finish_group(group, reader->covariates ? NULL : reader->voters,
									   reader->covariates);

	battles->outcome_column = reader->outcome_column;
	if (reader->voters)
		battles->voter_names = voter_names(reader->voter_numbers);
	return battles;
}

/*
 * Make a reader read covariates, too.
 */
static void
add_covariates(BattleReader *reader, bool by_voter, List *covariates)
{
	char	  **names = palloc(sizeof(char *) * list_length(covariates));
	ListCell   *cell;

	foreach(cell, covariates)
		names[reader->num_covariates++] = pstrdup(lfirst(cell));
	reader->unknown_covariates = palloc0(sizeof(int64) * reader->num_covariates);
	reader->covariates = covariates_begin(reader->num_covariates, names, by_voter,
										  (Size) maintenance_work_mem * 1024);
}

/*
 * An error for battles of which a covariate is not known.
 */
static void
check_known_covariates(const BattleReader *reader)
{
	for (int k = 0; k < reader->num_covariates; k++)
		if (reader->unknown_covariates[k] > 0)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_EXCEPTION),
					 errmsg("covariate \"%s\" is not known of all battles",
							covariate_name(reader->covariates, k)),
					 errdetail("Of %lld battles it is null or not finite.",
							   (long long) reader->unknown_covariates[k]),
					 errhint("A view can leave these battles out, or say what to take for it.")));
}

/*
 * A reader of battles of these leaderboards, or where there are none of a whole
 * relation.
 */
static BattleReader *
create_reader(bool uuid_models, List *slugs, VoterReading by_voter, List *covariates)
{
	MemoryContext memory = AllocSetContextCreate(CurTransactionContext,
												 "bixarena_rank reading",
												 ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(memory);
	BattleReader *reader = palloc0(sizeof(BattleReader));
	ListCell   *cell;

	reader->receiver.receiveSlot = receive_row;
	reader->receiver.rStartup = start_rows;
	reader->receiver.rShutdown = end_rows;
	reader->receiver.rDestroy = end_rows;
	reader->receiver.mydest = DestTuplestore;
	reader->uuid_models = uuid_models;
	reader->memory = memory;
	reader->result = caller;
	if (by_voter != VOTERS_NOT_READ)
		add_voters(reader, by_voter == VOTERS_NAMED);
	if (covariates != NIL)
	{
		MemoryContextSwitchTo(caller);
		add_covariates(reader, by_voter != VOTERS_NOT_READ, covariates);
		MemoryContextSwitchTo(memory);
	}
	reader->row_memory = AllocSetContextCreate(memory, "bixarena_rank row",
											   ALLOCSET_DEFAULT_SIZES);
	if (slugs != NIL)
		reader->slugs = palloc(mul_size(list_length(slugs), sizeof(char *)));
	foreach(cell, slugs)
		reader->slugs[reader->num_groups++] = pstrdup(lfirst(cell));
	if (slugs != NIL)
		qsort(reader->slugs, reader->num_groups, sizeof(char *), compare_slugs);
	else
		reader->num_groups = 1;
	reader->groups = palloc0(mul_size(reader->num_groups, sizeof(BattleGroup *)));
	if (slugs == NIL)
		reader->groups[0] = new_group(reader, NULL);
	MemoryContextSwitchTo(caller);
	return reader;
}

/*
 * The same as check_query() for another form of parameters.
 */
static void
check_watched_parameters(const char *sql, ParamListInfo parameters)
{
	Oid			types[MAX_PARAMETERS];
	int			num_types = parameters ? parameters->numParams : 0;

	for (int i = 0; i < num_types; i++)
		types[i] = parameters->params[i].ptype;
	check_query(sql, types, num_types);
}

/*
 * Run a query for (model1, model2, outcome, count), or these and leaderboard, or by
 * voter these and the voter, whose rows follow each other, in an SPI connection.  Then
 * come covariates, as numbers of float8.  Count and leaderboard may also be arrays, of
 * several leaderboards; and in place of count and voter there may be an array of int4,
 * with a number for each battle's voter, in the order that voters are to have.
 * Where count is the sum of a column, a last column says how many of its values are no
 * number of battles (grouping.c).  The result is a list of Battles, one for each of the
 * leaderboards that has some; or where there are none, of one.
 */
List *
read_battles(const char *sql, ParamListInfo parameters, bool uuid_models,
			 List *slugs, VoterReading by_voter, List *covariates, bool now, char *source)
{
	MemoryContext caller = CurrentMemoryContext;
	BattleReader *reader = create_reader(uuid_models, slugs, by_voter, covariates);
	SPIExecuteOptions options = {0};
	ErrorContextCallback context = {
		.previous = error_context_stack,
		.callback = reading_context,
		.arg = source
	};
	List	   *result = NIL;
	int			code;

	free_result();
	error_context_stack = &context;
	check_watched_parameters(sql, parameters);
	options.params = parameters;

	/*
	 * The tables of an arena may have waited for a migration to commit: a run
	 * reads what is in them now, not what was when the statement began.
	 */
	options.read_only = !now;
	options.dest = &reader->receiver;
	code = SPI_execute_extended(sql, &options);
	MemoryContextSwitchTo(caller);
	if (code != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of a query: %s",
			 SPI_result_code_string(code));
	error_context_stack = context.previous;
	check_known_covariates(reader);

	for (int i = 0; i < reader->num_groups; i++)
		if (reader->groups[i])
			result = lappend(result, group_battles(reader, reader->groups[i]));
	MemoryContextDelete(reader->memory);
	return result;
}
