/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  Queries of ours on the tables of a scoreboard.
 *
 * Whose schema a scoreboard is is known at the call only.  So a query is a text in
 * which @ stands for the schema, quoted; it is prepared at its first use in a session
 * and kept, as those of foreign keys are.  Rows go to it as arrays, one a column, so
 * that a call with a hundred messages runs as many queries as one with one.
 *
 * Functions that run these have their search_path pinned.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "score/score.h"

typedef struct PlanKey
{
	char		scoreboard[NAMEDATALEN];
	const Statement *statement;
} PlanKey;

typedef struct PlanEntry
{
	PlanKey		key;
	SPIPlanPtr	plan;			/* NULL: not yet */
} PlanEntry;

static HTAB *plans = NULL;

static PlanEntry *
find_entry(const Scoreboard *scoreboard, const Statement *statement)
{
	PlanKey		key;
	PlanEntry  *entry;
	bool		found;

	if (plans == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(PlanKey),.entrysize = sizeof(PlanEntry)};

		plans = hash_create("bixarena_rank plans", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	memset(&key, 0, sizeof(PlanKey));
	strlcpy(key.scoreboard, scoreboard->name, NAMEDATALEN);
	key.statement = statement;
	entry = hash_search(plans, &key, HASH_ENTER, &found);
	if (!found)
		entry->plan = NULL;
	return entry;
}

static char *
name_tables(const char *sql, const char *schema)
{
	StringInfoData named;

	initStringInfo(&named);
	for (; *sql; sql++)
	{
		if (*sql == '@')
			appendStringInfo(&named, "%s.", quote_identifier(schema));
		else
			appendStringInfoChar(&named, *sql);
	}
	return named.data;
}

static SPIPlanPtr
prepare(const Scoreboard *scoreboard, const Statement *statement, Parameters *parameters)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(name_tables(statement->sql, scoreboard->name),
										  parameters->count, parameters->types,
										  CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "a query could not be prepared: %s",
			 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Begin an SPI connection; what is allocated is where the caller wants it.
 */
void
connect_spi(void)
{
	MemoryContext caller = CurrentMemoryContext;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "no SPI connection");
	MemoryContextSwitchTo(caller);
}

/*
 * The number of a board as the next parameter.
 */
void
add_board(Parameters *parameters, int32 board)
{
	add_parameter(parameters, INT4OID, Int32GetDatum(board), false);
}

/*
 * Run a query in an SPI connection.  Its result is in SPI_tuptable until the next.
 */
void
run_statement(const Scoreboard *scoreboard, const Statement *statement,
			  Parameters *parameters)
{
	MemoryContext caller = CurrentMemoryContext;
	PlanEntry  *entry = find_entry(scoreboard, statement);
	int			result;

	free_result();
	if (entry->plan == NULL)
		entry->plan = prepare(scoreboard, statement, parameters);
	result = SPI_execute_plan(entry->plan, parameters->values, parameters->nulls,
							  statement->sight == SEES_SNAPSHOT, 0);
	MemoryContextSwitchTo(caller);
	if (result == SPI_OK_REWRITTEN)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("a rule of scoreboard \"%s\" has made another kind of statement out of ours",
						scoreboard->name)));
	if (result != statement->result)
		elog(ERROR, "unexpected result of a query: %s", SPI_result_code_string(result));
}

/*
 * The owner may have altered the tables, also while we work.
 */
static void
refuse_result(Form_pg_attribute attribute)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("a table of the scoreboard has not the columns that it was made with"),
			 errdetail("%s is null, or of type %s.", NameStr(attribute->attname),
					   format_type_be(attribute->atttypid))));
}

/*
 * A value of the result of the last query, copied, or 0 if it is null.  Columns count
 * from 1.
 */
Datum
result_or_null(int row, int column, Oid type, bool *isnull)
{
	Form_pg_attribute attribute = TupleDescAttr(SPI_tuptable->tupdesc, column - 1);
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  column, isnull);

	if (attribute->atttypid != type && getBaseType(attribute->atttypid) != type)
		refuse_result(attribute);
	if (*isnull)
		return (Datum) 0;
	if (attribute->attlen == -1)
		return PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	return value;
}

/*
 * One that is not null.
 */
Datum
result_value(int row, int column, Oid type)
{
	bool		isnull;
	Datum		value = result_or_null(row, column, type, &isnull);

	if (isnull)
		refuse_result(TupleDescAttr(SPI_tuptable->tupdesc, column - 1));
	return value;
}

int32
result_int(int row, int column)
{
	return DatumGetInt32(result_value(row, column, INT4OID));
}

char *
result_word(int row, int column)
{
	return TextDatumGetCString(result_value(row, column, TEXTOID));
}

Column *
new_column(Oid type, int max_count)
{
	Column	   *column = palloc0(sizeof(Column));

	column->type = type;
	column->values = palloc(sizeof(Datum) * Max(max_count, 1));
	column->nulls = palloc(sizeof(bool) * Max(max_count, 1));
	return column;
}

void
add_value(Column *column, Datum value)
{
	column->values[column->count] = value;
	column->nulls[column->count++] = false;
}

void
add_null(Column *column)
{
	column->values[column->count] = (Datum) 0;
	column->nulls[column->count++] = true;
}

void
add_column(Parameters *parameters, const Column *column)
{
	add_nullable_array(parameters, column->type, column->values, column->nulls,
					   column->count);
}

/*
 * Compare two texts or bytea as the collation C does, for qsort().
 */
int
compare_bytes(const void *left, const void *right)
{
	const struct varlena *a = left;
	const struct varlena *b = right;
	int			length_a = VARSIZE_ANY_EXHDR(a);
	int			length_b = VARSIZE_ANY_EXHDR(b);
	int			order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(length_a, length_b));

	return order ? order : (length_a > length_b) - (length_a < length_b);
}

/* The same of two datums */
int
compare_datums(const void *left, const void *right)
{
	return compare_bytes(DatumGetPointer(*(const Datum *) left),
						 DatumGetPointer(*(const Datum *) right));
}
