/*-------------------------------------------------------------------------
 *
 * upload_rows.c
 *	  The rows of a file, as they are kept.
 *
 * They go to the table standing as an array of its own type, two thousand at a time, so
 * that what a file takes beside its bytes does not grow with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "score/score.h"

/* Rows of a statement */
#define ROWS_OF_INSERT 2000

/* Columns of the table standing, in their order */
enum
{
	STANDING_RUN_NO,
	STANDING_ROW_NO,
	STANDING_PLAYER_ID,
	STANDING_NAME,
	STANDING_ATTRIBUTES,
	STANDING_VALUES,
	STANDING_RANKS,
	STANDING_SNAPSHOT_DATE,
	STANDING_INGESTED_AT,
	STANDING_RUN_ID,
	STANDING_RECORD_HASH,
	NUM_STANDING_COLUMNS
};

/* Their types: the rows are made of values of these */
static const Oid standing_types[NUM_STANDING_COLUMNS] = {
	INT4OID, INT4OID, TEXTOID, TEXTOID, JSONBOID, NUMERICARRAYOID, INT4ARRAYOID, DATEOID,
	TIMESTAMPTZOID, UUIDOID, BYTEAOID
};

/*
 * The hash of a row: of the names and values of its columns, in the order of names.
 */
static Datum
hash_row(const Upload *upload, int row, pg_cryptohash_ctx *context)
{
	const Sheet *sheet = upload->sheet;
	bytea	   *hash = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	bool		is_sound = pg_cryptohash_init(context) == 0;

	for (int i = 0; i < sheet->num_columns && is_sound; i++)
	{
		int			column = upload->by_name[i];
		const char *cell = cell_of(upload->sheet, row, column);

		if (cell == NULL)
			continue;
		/* the zeros behind them keep names and values apart */
		is_sound = pg_cryptohash_update(context, (const uint8 *) sheet->columns[column],
										strlen(sheet->columns[column]) + 1) == 0 &&
			pg_cryptohash_update(context, (const uint8 *) cell, strlen(cell) + 1) == 0;
	}
	if (!is_sound || pg_cryptohash_final(context, (uint8 *) VARDATA(hash),
										 PG_SHA256_DIGEST_LENGTH) != 0)
		elog(ERROR, "a row could not be hashed");
	SET_VARSIZE(hash, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	return PointerGetDatum(hash);
}

/*
 * The words of a row, an object of JSON.  False if it has none.
 */
static bool
collect_words(const Upload *upload, int row, Datum *words)
{
	JsonbParseState *state = NULL;
	int			count = 0;

	for (int column = 0; column < upload->sheet->num_columns; column++)
	{
		char	   *cell = cell_of(upload->sheet, row, column);

		if (upload->kinds[column] != COLUMN_WORD || cell == NULL)
			continue;
		if (count++ == 0)
			(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_text(&state, WJB_KEY, upload->sheet->columns[column]);
		push_text(&state, WJB_VALUE, cell);
	}
	if (count == 0)
		return false;
	*words = JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
	return true;
}

/*
 * The numbers of a row and its ranks, by metric.
 */
static void
collect_numbers(const Upload *upload, int row, Datum *values, Datum *ranks)
{
	Column	   *numbers = new_column(NUMERICOID, upload->num_metrics);
	Column	   *places = new_column(INT4OID, upload->num_metrics);
	Parameters	arrays = {0};

	for (int metric = 0; metric < upload->num_metrics; metric++)
	{
		char	   *cell = cell_of(upload->sheet, row, upload->metrics[metric]);

		if (cell == NULL)
		{
			add_null(numbers);
			add_null(places);
			continue;
		}
		add_value(numbers, numeric_of(cell));
		add_value(places, Int32GetDatum(upload->ranks[(Size) metric * upload->sheet->num_rows + row]));
	}
	add_column(&arrays, numbers);
	add_column(&arrays, places);
	*values = arrays.values[0];
	*ranks = arrays.values[1];
}

static Datum
form_standing(const Upload *upload, int row, TupleDesc columns, pg_cryptohash_ctx *context)
{
	Datum		values[NUM_STANDING_COLUMNS];
	bool		nulls[NUM_STANDING_COLUMNS] = {false};

	values[STANDING_RUN_NO] = upload->run_no;
	values[STANDING_ROW_NO] = Int32GetDatum(row + 1);
	values[STANDING_PLAYER_ID] = CStringGetTextDatum(cell_of(upload->sheet, row, upload->id));
	nulls[STANDING_NAME] = true;
	for (int column = 0; column < upload->sheet->num_columns; column++)
		if (upload->kinds[column] == COLUMN_NAME && cell_of(upload->sheet, row, column))
		{
			values[STANDING_NAME] = CStringGetTextDatum(cell_of(upload->sheet, row, column));
			nulls[STANDING_NAME] = false;
		}
	nulls[STANDING_ATTRIBUTES] = !collect_words(upload, row, &values[STANDING_ATTRIBUTES]);
	collect_numbers(upload, row, &values[STANDING_VALUES], &values[STANDING_RANKS]);
	values[STANDING_SNAPSHOT_DATE] = upload->snapshot_date;
	values[STANDING_INGESTED_AT] = upload->ingested_at;
	values[STANDING_RUN_ID] = upload->run_id;
	values[STANDING_RECORD_HASH] = hash_row(upload, row, context);
	return HeapTupleGetDatum(heap_form_tuple(columns, values, nulls));
}

/*
 * Write some rows, which go as an array of the table's own type.
 */
static void
insert_rows(const Upload *upload, TupleDesc columns, Datum *rows, int count)
{
	Oid			type = columns->tdtypeid;
	Parameters	parameters = {0};

	add_array(&parameters, type, rows, count);
	execute_query(psprintf("INSERT INTO %s.standing SELECT * FROM unnest($1)",
						   quote_identifier(upload->scoreboard->name)),
				  SPI_OK_INSERT, false, &parameters);
}

/*
 * The columns of the table that rows are written to, which nobody alters from here on.
 */
static TupleDesc
columns_of_standings(const Scoreboard *scoreboard)
{
	Relation	relation = relation_open(scoreboard->tables[TABLE_STANDING], RowExclusiveLock);
	TupleDesc	columns = CreateTupleDescCopy(RelationGetDescr(relation));
	bool		is_known = columns->natts == NUM_STANDING_COLUMNS;

	relation_close(relation, NoLock);
	for (int i = 0; i < NUM_STANDING_COLUMNS && is_known; i++)
		is_known = !TupleDescAttr(columns, i)->attisdropped &&
			TupleDescAttr(columns, i)->atttypid == standing_types[i];
	if (!is_known)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("table standing of scoreboard \"%s\" has not the columns that it was made with",
						scoreboard->name)));
	return columns;
}

/*
 * Write the rows of a sound file.
 */
void
write_rows(const Upload *upload)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "bixarena_rank rows",
												 ALLOCSET_DEFAULT_SIZES);
	TupleDesc	columns = columns_of_standings(upload->scoreboard);
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	int			row = 0;

	while (row < upload->sheet->num_rows)
	{
		MemoryContext caller = MemoryContextSwitchTo(memory);
		Datum		rows[ROWS_OF_INSERT];
		int			count = 0;

		CHECK_FOR_INTERRUPTS();
		while (count < ROWS_OF_INSERT && row < upload->sheet->num_rows)
			rows[count++] = form_standing(upload, row++, columns, context);
		insert_rows(upload, columns, rows, count);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(memory);
	}
	pg_cryptohash_free(context);
	MemoryContextDelete(memory);
}
