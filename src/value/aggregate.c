/*-------------------------------------------------------------------------
 *
 * aggregate.c
 *	  The aggregates bixarena_tally(): of battles, and of tallies.
 *
 * The state is a ballot box, one for each group.  What is known of the arguments'
 * types is kept for the whole query: see spelling.c.
 *
 * The outcomes of each group are read by themselves, by the rules of
 * bixarena_rank(): too many that cannot be read are an error, few are a warning.
 * Of many groups the first ones are warned of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "value/value.h"

PG_FUNCTION_INFO_V1(bixarena_tally_transition);
PG_FUNCTION_INFO_V1(bixarena_tally_merge);
PG_FUNCTION_INFO_V1(bixarena_tally_combine);
PG_FUNCTION_INFO_V1(bixarena_tally_serialize);
PG_FUNCTION_INFO_V1(bixarena_tally_deserialize);
PG_FUNCTION_INFO_V1(bixarena_tally_final);

/* Arguments of the transition function */
enum
{
	ARGUMENT_STATE,
	ARGUMENT_MODEL1,
	ARGUMENT_MODEL2,
	ARGUMENT_OUTCOME,
	ARGUMENT_BATTLES			/* or there is none */
};

/* In percent, as of bixarena_rank() where nothing else is said */
#define MAX_UNREAD_PERCENT 1

/* Groups that a query warns of */
#define MAX_WARNINGS 10

/* The readers of the arguments */
typedef struct TallyArguments
{
	SpellingReader *model1;
	SpellingReader *model2;
	SpellingReader *outcome;
} TallyArguments;

static MemoryContext
aggregate_memory(FunctionCallInfo fcinfo)
{
	MemoryContext memory;

	if (!AggCheckCallContext(fcinfo, &memory))
		elog(ERROR, "a part of an aggregate was called by itself");
	return memory;
}

/*
 * The box of a group; a new one if there is none yet.
 */
static BallotBox *
group_box(FunctionCallInfo fcinfo)
{
	MemoryContext memory = aggregate_memory(fcinfo);

	return PG_ARGISNULL(ARGUMENT_STATE) ? box_create(memory) :
		(BallotBox *) PG_GETARG_POINTER(ARGUMENT_STATE);
}

static Oid
argument_type(FunctionCallInfo fcinfo, int number)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, number);

	if (!OidIsValid(type))
		elog(ERROR, "the type of argument %d is not known", number);
	return type;
}

/*
 * The type of a model under any domain.  A bare literal is a text.
 */
static Oid
model_type(Oid type)
{
	return type == UNKNOWNOID ? TEXTOID : getBaseType(type);
}

static TallyArguments *
create_arguments(FunctionCallInfo fcinfo)
{
	MemoryContext memory = fcinfo->flinfo->fn_mcxt;
	TallyArguments *arguments = MemoryContextAlloc(memory, sizeof(TallyArguments));
	Oid			type1 = argument_type(fcinfo, ARGUMENT_MODEL1);
	Oid			type2 = argument_type(fcinfo, ARGUMENT_MODEL2);

	if (!are_comparable_types(model_type(type1), model_type(type2)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the two models of a battle do not compare"),
				 errdetail("Their types are %s and %s.",
						   format_type_be(type1), format_type_be(type2)),
				 errhint("Both must name models in the same way; cast one of them.")));
	arguments->model1 = spelling_reader_create(type1, false, memory);
	arguments->model2 = spelling_reader_create(type2, false, memory);
	arguments->outcome = spelling_reader_create(argument_type(fcinfo, ARGUMENT_OUTCOME),
												true, memory);
	fcinfo->flinfo->fn_extra = arguments;
	return arguments;
}

/*
 * How many battles a row stands for.
 */
static int64
row_count(FunctionCallInfo fcinfo)
{
	int64		count;

	if (PG_NARGS() <= ARGUMENT_BATTLES)
		return 1;
	if (PG_ARGISNULL(ARGUMENT_BATTLES))
		report_null("battles");
	count = PG_GETARG_INT64(ARGUMENT_BATTLES);
	if (count <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("battles must be positive, not %lld", (long long) count),
				 errdetail("It is how many battles of these models had this outcome.")));
	return count;
}

/*
 * Take a row: battles of two models with an outcome.
 */
Datum
bixarena_tally_transition(PG_FUNCTION_ARGS)
{
	TallyArguments *arguments = fcinfo->flinfo->fn_extra;
	BallotBox  *box = group_box(fcinfo);
	int64		count = row_count(fcinfo);

	if (arguments == NULL)
		arguments = create_arguments(fcinfo);
	if (PG_ARGISNULL(ARGUMENT_MODEL1) || PG_ARGISNULL(ARGUMENT_MODEL2))
		box_put_nothing(box, count);
	else
		box_put(box,
				spell(arguments->model1, PG_GETARG_DATUM(ARGUMENT_MODEL1)),
				spell(arguments->model2, PG_GETARG_DATUM(ARGUMENT_MODEL2)),
				PG_ARGISNULL(ARGUMENT_OUTCOME) ? NULL :
				spell(arguments->outcome, PG_GETARG_DATUM(ARGUMENT_OUTCOME)),
				count);
	PG_RETURN_POINTER(box);
}

/*
 * The state as it was, where there is nothing to take.
 */
static Datum
same_state(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(ARGUMENT_STATE))
		PG_RETURN_NULL();
	return PG_GETARG_DATUM(ARGUMENT_STATE);
}

/*
 * Take a tally.  Nulls are passed over.
 */
Datum
bixarena_tally_merge(PG_FUNCTION_ARGS)
{
	BallotBox  *box;

	if (PG_ARGISNULL(1))
		return same_state(fcinfo);
	box = group_box(fcinfo);
	box_put_crosstable(box, PG_GETARG_TALLY(1));
	PG_RETURN_POINTER(box);
}

Datum
bixarena_tally_combine(PG_FUNCTION_ARGS)
{
	BallotBox  *box;

	if (PG_ARGISNULL(1))
		return same_state(fcinfo);
	box = group_box(fcinfo);
	box_pour(box, (BallotBox *) PG_GETARG_POINTER(1));
	PG_RETURN_POINTER(box);
}

Datum
bixarena_tally_serialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_memory(fcinfo);
	PG_RETURN_BYTEA_P(box_pack((BallotBox *) PG_GETARG_POINTER(0)));
}

Datum
bixarena_tally_deserialize(PG_FUNCTION_ARGS)
{
	(void) aggregate_memory(fcinfo);
	PG_RETURN_POINTER(box_unpack(CurrentMemoryContext, PG_GETARG_BYTEA_PP(0)));
}

/*
 * Warn of battles that were ignored or read as ties, unless this query has warned of
 * enough groups.
 */
static void
check_battles(FunctionCallInfo fcinfo, Battles *battles)
{
	int		   *num_flawed = fcinfo->flinfo->fn_extra;
	bool		flawed = battles->reading.null_ties > 0 ||
		count_ignored(&battles->ignored) > 0;

	if (num_flawed == NULL)
		num_flawed = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(int));
	if (flawed && *num_flawed <= MAX_WARNINGS)
		(*num_flawed)++;
	if (*num_flawed > MAX_WARNINGS)
		battles->reading.null_ties = 0;
	check_outcomes(battles, MAX_UNREAD_PERCENT, "the tally");
	if (*num_flawed <= MAX_WARNINGS || battles->tally->num_battles == 0)
		report_ignored(battles, "the tally");
	if (flawed && *num_flawed == MAX_WARNINGS)
		ereport(WARNING,
				(errmsg("of further tallies of this query no warning is given")));
}

/*
 * The tally of a group.  A box is left as it is: a window goes on with it.
 */
Datum
bixarena_tally_final(PG_FUNCTION_ARGS)
{
	Battles		battles = {0};
	Crosstable *table;

	(void) aggregate_memory(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	table = box_read((BallotBox *) PG_GETARG_POINTER(0), &battles);
	check_battles(fcinfo, &battles);
	PG_RETURN_TALLY(table);
}
