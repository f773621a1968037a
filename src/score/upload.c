/*-------------------------------------------------------------------------
 *
 * upload.c
 *	  A file of standings: looked at as a whole, and then kept as rows, with ranks.
 *
 * A file is the full state of all players at a date.  Nothing of it is kept as current
 * unless all of it is sound.  Then its rows are written as they are in the file, each
 * with its rank by each metric, and for each metric the order of the rows, in pieces: so
 * any page of any metric is a few entries of an index.
 *
 * A metric is a column of numbers.  A column is one if it was declared so, or was one in
 * the file before, or if most of its values are numbers; then all must be.
 *
 * Numbers are kept exactly.  They are sorted as doubles: a number that is less than
 * another is not more as a double.  Where two are equal as doubles and have more digits
 * than a double has, the exact ones are compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_read_upload);
PG_FUNCTION_INFO_V1(bixarena_lock_upload);

#define MAX_ID_BYTES 255

/* Digits that a double keeps */
#define DOUBLE_DIGITS 15

/* Rows of a statement, and rows of a piece of an order */
#define ROWS_OF_INSERT 2000
#define ROWS_OF_PIECE 400

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

/* What a column holds */
typedef enum ColumnKind
{
	COLUMN_ID,
	COLUMN_NAME,
	COLUMN_NUMBER,
	COLUMN_WORD
} ColumnKind;

typedef struct Upload
{
	Scoreboard *scoreboard;
	Sheet	   *sheet;

	/* of all rows */
	Datum		run_no;
	Datum		run_id;
	Datum		snapshot_date;
	Datum		ingested_at;

	/* columns of the sheet */
	ColumnKind	kinds[MAX_COLUMNS];
	int			by_name[MAX_COLUMNS];	/* in the order of names */
	int			id;				/* -1: none */
	int			num_metrics;
	int			metrics[MAX_COLUMNS];

	/* metric after metric, a number for each row */
	double	   *numbers;
	int32	   *ranks;			/* 0: the row has no number */
} Upload;

static char *
cell_of(const Upload *upload, int row, int column)
{
	return upload->sheet->cells[(Size) row * upload->sheet->num_columns + column];
}

/*
 * Does an array of texts have a name?
 */
static bool
has_name(Datum names, const char *name)
{
	Datum	   *values;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(names), TEXTOID, -1, false, TYPALIGN_INT, &values,
					  NULL, &count);
	for (int i = 0; i < count; i++)
		if (strcmp(TextDatumGetCString(values[i]), name) == 0)
			return true;
	return false;
}

/*
 * Is a text a number: digits, perhaps with a sign, a point and an exponent?  One that is
 * too long for an index is none.
 */
static bool
is_number(const char *cell)
{
	const char *at = cell + (*cell == '-' || *cell == '+');
	size_t		before = strspn(at, "0123456789");
	size_t		behind = 0;

	at += before;
	if (*at == '.')
	{
		behind = strspn(++at, "0123456789");
		at += behind;
	}
	if (before + behind == 0)
		return false;
	if (*at == '\0')
		return before <= 60 && behind <= 60;
	if (*at != 'e' && *at != 'E')
		return false;
	at += 1 + (at[1] == '-' || at[1] == '+');
	if (*at == '\0' || strspn(at, "0123456789") != strlen(at) || strlen(at) > 2 ||
		before > 60 || behind > 60)
		return false;
	return is_small_number(DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(cell),
															   ObjectIdGetDatum(InvalidOid),
															   Int32GetDatum(-1))));
}

/*
 * Are most values of a column numbers?
 */
static bool
looks_like_numbers(const Upload *upload, int column)
{
	int64		numbers = 0;
	int64		others = 0;

	for (int row = 0; row < upload->sheet->num_rows; row++)
	{
		char	   *cell = cell_of(upload, row, column);

		if (cell && is_number(cell))
			numbers++;
		else if (cell)
			others++;
	}
	return numbers > others;
}

static ColumnKind
kind_of(const Upload *upload, int column, Datum numbers, Datum words)
{
	const char *name = upload->sheet->columns[column];

	if (strcmp(name, "id") == 0)
		return COLUMN_ID;
	if (strcmp(name, "name") == 0)
		return COLUMN_NAME;
	if (has_name(words, name))
		return COLUMN_WORD;
	if (has_name(numbers, name))
		return COLUMN_NUMBER;
	return looks_like_numbers(upload, column) ? COLUMN_NUMBER : COLUMN_WORD;
}

static int
compare_columns(const void *left, const void *right, void *sheet)
{
	char	  **columns = ((Sheet *) sheet)->columns;

	return strcmp(columns[*(const int *) left], columns[*(const int *) right]);
}

/*
 * What each column holds.
 */
static void
find_kinds(Upload *upload, Datum numbers, Datum words)
{
	upload->id = -1;
	for (int column = 0; column < upload->sheet->num_columns; column++)
	{
		upload->kinds[column] = kind_of(upload, column, numbers, words);
		upload->by_name[column] = column;
		if (upload->kinds[column] == COLUMN_ID)
			upload->id = column;
		if (upload->kinds[column] == COLUMN_NUMBER)
			upload->metrics[upload->num_metrics++] = column;
	}
	qsort_arg(upload->by_name, upload->sheet->num_columns, sizeof(int), compare_columns,
			  upload->sheet);
}

/*
 * Columns that the scoreboard requires, and rows, must be there.
 */
static void
check_columns(Upload *upload, Datum required)
{
	Sheet	   *sheet = upload->sheet;
	Datum	   *values;
	int			count;

	if (upload->id < 0)
		add_flaw(sheet, 1, "id", NULL, "there is no column id");
	deconstruct_array(DatumGetArrayTypeP(required), TEXTOID, -1, false, TYPALIGN_INT, &values,
					  NULL, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *name = TextDatumGetCString(values[i]);
		bool		found = strcmp(name, "id") == 0;

		for (int column = 0; column < sheet->num_columns; column++)
			found |= strcmp(sheet->columns[column], name) == 0;
		if (!found)
			add_flaw(sheet, 1, name, NULL, "a column that the scoreboard requires is missing");
	}
	if (sheet->num_rows == 0)
		add_flaw(sheet, 1, NULL, NULL, "the file has no rows");
}

static bool
has_control_character(const char *text_of_cell)
{
	for (const char *at = text_of_cell; *at; at++)
		if ((unsigned char) *at < ' ' || *at == 0x7F)
			return true;
	return false;
}

/* An id, and the row that has it */
typedef struct RowId
{
	const char *id;
	int			row;
} RowId;

static int
compare_row_ids(const void *left, const void *right)
{
	const RowId *a = left;
	const RowId *b = right;
	int			order = strcmp(a->id, b->id);

	return order ? order : (a->row > b->row) - (a->row < b->row);
}

static int
compare_rows(const void *left, const void *right)
{
	const RowId *a = left;
	const RowId *b = right;

	return (a->row > b->row) - (a->row < b->row);
}

/*
 * Tell ids that are there twice, in the order of lines.  The row of the first one stands
 * in the place of ranks meanwhile.
 */
static void
tell_repeated_ids(Upload *upload, RowId *ids, int count)
{
	Sheet	   *sheet = upload->sheet;
	int			num_repeated = 0;
	const char *before = NULL;

	qsort(ids, count, sizeof(RowId), compare_row_ids);
	for (int i = 0; i < count; i++)
	{
		bool		is_repeated = before && strcmp(before, ids[i].id) == 0;

		before = ids[i].id;
		if (is_repeated)
			ids[num_repeated++] = ids[i];
	}
	qsort(ids, num_repeated, sizeof(RowId), compare_rows);
	for (int i = 0; i < num_repeated; i++)
		add_flaw(sheet, sheet->lines[ids[i].row], "id", ids[i].id, "the id has come before");
}

/*
 * Each row must have an id, and no two the same.
 */
static void
check_ids(Upload *upload)
{
	Sheet	   *sheet = upload->sheet;
	RowId	   *ids;
	int			count = 0;

	if (upload->id < 0)
		return;
	ids = palloc_extended(mul_size(sizeof(RowId), Max(sheet->num_rows, 1)), MCXT_ALLOC_HUGE);
	for (int row = 0; row < sheet->num_rows; row++)
	{
		char	   *id = cell_of(upload, row, upload->id);

		if (id == NULL)
			add_flaw(sheet, sheet->lines[row], "id", NULL, "the row has no id");
		else if (strlen(id) > MAX_ID_BYTES || has_control_character(id))
			add_flaw(sheet, sheet->lines[row], "id", id,
					 psprintf("an id has at most %d bytes and no control character", MAX_ID_BYTES));
		else
		{
			ids[count].id = id;
			ids[count++].row = row;
		}
	}
	tell_repeated_ids(upload, ids, count);
	pfree(ids);
}

/*
 * What a metric has must be numbers.
 */
static void
check_numbers(Upload *upload)
{
	Sheet	   *sheet = upload->sheet;

	for (int row = 0; row < sheet->num_rows; row++)
	{
		CHECK_FOR_INTERRUPTS();
		for (int metric = 0; metric < upload->num_metrics; metric++)
		{
			int			column = upload->metrics[metric];
			char	   *cell = cell_of(upload, row, column);

			if (cell && !is_number(cell))
				add_flaw(sheet, sheet->lines[row], sheet->columns[column], cell,
						 "the value is not a number");
		}
	}
}

static Datum
numeric_of(char *cell)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(cell), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

static bool
is_exact(const char *cell)
{
	int			digits = 0;

	for (; *cell; cell++)
		digits += *cell >= '0' && *cell <= '9';
	return digits <= DOUBLE_DIGITS;
}

/*
 * Compare the numbers of two rows by a metric, exactly.
 */
static int
compare_numbers(const Upload *upload, int metric, int a, int b)
{
	const double *numbers = upload->numbers + (Size) metric * upload->sheet->num_rows;
	char	   *cell_a;
	char	   *cell_b;

	if (numbers[a] != numbers[b])
		return numbers[a] < numbers[b] ? -1 : 1;
	cell_a = cell_of(upload, a, upload->metrics[metric]);
	cell_b = cell_of(upload, b, upload->metrics[metric]);
	if (strcmp(cell_a, cell_b) == 0 || (is_exact(cell_a) && is_exact(cell_b)))
		return 0;
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, numeric_of(cell_a), numeric_of(cell_b)));
}

/* What rows are sorted by */
typedef struct Ordering
{
	const Upload *upload;
	int			metric;
} Ordering;

/* The highest first; of equal ones by id */
static int
compare_for_rank(const void *left, const void *right, void *ordering)
{
	const Upload *upload = ((Ordering *) ordering)->upload;
	int			a = *(const int32 *) left;
	int			b = *(const int32 *) right;
	int			order = compare_numbers(upload, ((Ordering *) ordering)->metric, b, a);

	return order ? order : strcmp(cell_of(upload, a, upload->id), cell_of(upload, b, upload->id));
}

/*
 * Write the order of rows by a metric, in pieces.
 */
static void
insert_order(const Upload *upload, int metric, const int32 *order, int count)
{
	static const Statement insert = {
		"INSERT INTO @standing_order (run_no, metric_no, piece_no, row_nos)"
		" VALUES ($1, $2, $3, $4)",
		SPI_OK_INSERT, SEES_LATEST
	};

	for (int first = 0; first < count; first += ROWS_OF_PIECE)
	{
		Parameters	parameters = {0};
		int			length = Min(ROWS_OF_PIECE, count - first);
		Datum		rows[ROWS_OF_PIECE];

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < length; i++)
			rows[i] = Int32GetDatum(order[first + i] + 1);
		add_parameter(&parameters, INT4OID, upload->run_no, false);
		add_parameter(&parameters, INT2OID, Int16GetDatum(metric + 1), false);
		add_parameter(&parameters, INT4OID, Int32GetDatum(first / ROWS_OF_PIECE), false);
		add_array(&parameters, INT4OID, rows, length);
		run_statement(upload->scoreboard, &insert, &parameters);
		pfree(DatumGetPointer(parameters.values[3]));
	}
}

/*
 * Rank the rows by a metric: equal ones have the same rank, and the next the number of
 * those before it, plus one.
 */
static void
rank_metric(Upload *upload, int metric, int32 *order)
{
	int			num_rows = upload->sheet->num_rows;
	double	   *numbers = upload->numbers + (Size) metric * num_rows;
	int32	   *ranks = upload->ranks + (Size) metric * num_rows;
	Ordering	ordering = {upload, metric};
	int			count = 0;

	for (int row = 0; row < num_rows; row++)
	{
		char	   *cell = cell_of(upload, row, upload->metrics[metric]);

		ranks[row] = 0;
		if (cell == NULL)
			continue;
		numbers[row] = strtod(cell, NULL);
		order[count++] = row;
	}
	CHECK_FOR_INTERRUPTS();
	qsort_arg(order, count, sizeof(int32), compare_for_rank, &ordering);
	for (int i = 0; i < count; i++)
		ranks[order[i]] = i > 0 && compare_numbers(upload, metric, order[i], order[i - 1]) == 0 ?
			ranks[order[i - 1]] : i + 1;
	insert_order(upload, metric, order, count);
}

static void
rank_rows(Upload *upload)
{
	Size		num_rows = upload->sheet->num_rows;
	Size		count = mul_size(num_rows, Max(upload->num_metrics, 1));
	int32	   *order = palloc_extended(mul_size(sizeof(int32), num_rows), MCXT_ALLOC_HUGE);

	upload->numbers = palloc_extended(mul_size(sizeof(double), count), MCXT_ALLOC_HUGE);
	upload->ranks = palloc_extended(mul_size(sizeof(int32), count), MCXT_ALLOC_HUGE);
	for (int metric = 0; metric < upload->num_metrics; metric++)
		rank_metric(upload, metric, order);
	pfree(upload->numbers);
	pfree(order);
}

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
		const char *cell = cell_of(upload, row, column);

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

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, char *string)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = string;
	value.val.string.len = strlen(string);
	(void) pushJsonbValue(state, token, &value);
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
		char	   *cell = cell_of(upload, row, column);

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
		char	   *cell = cell_of(upload, row, upload->metrics[metric]);

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
form_row(const Upload *upload, int row, TupleDesc columns, pg_cryptohash_ctx *context)
{
	Datum		values[NUM_STANDING_COLUMNS];
	bool		nulls[NUM_STANDING_COLUMNS] = {false};

	values[STANDING_RUN_NO] = upload->run_no;
	values[STANDING_ROW_NO] = Int32GetDatum(row + 1);
	values[STANDING_PLAYER_ID] = CStringGetTextDatum(cell_of(upload, row, upload->id));
	nulls[STANDING_NAME] = true;
	for (int column = 0; column < upload->sheet->num_columns; column++)
		if (upload->kinds[column] == COLUMN_NAME && cell_of(upload, row, column))
		{
			values[STANDING_NAME] = CStringGetTextDatum(cell_of(upload, row, column));
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

static void
write_rows(const Upload *upload)
{
	MemoryContext memory = AllocSetContextCreate(CurrentMemoryContext, "bixarena_rank rows",
												 ALLOCSET_DEFAULT_SIZES);
	Relation	relation = relation_open(upload->scoreboard->tables[TABLE_STANDING],
										 RowExclusiveLock);
	TupleDesc	columns = CreateTupleDescCopy(RelationGetDescr(relation));
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	int			row = 0;

	relation_close(relation, NoLock);
	if (columns->natts != NUM_STANDING_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("table standing of scoreboard \"%s\" has not the columns that it was made with",
						upload->scoreboard->name)));
	while (row < upload->sheet->num_rows)
	{
		MemoryContext caller = MemoryContextSwitchTo(memory);
		Datum		rows[ROWS_OF_INSERT];
		int			count = 0;

		CHECK_FOR_INTERRUPTS();
		while (count < ROWS_OF_INSERT && row < upload->sheet->num_rows)
			rows[count++] = form_row(upload, row++, columns, context);
		insert_rows(upload, columns, rows, count);
		MemoryContextSwitchTo(caller);
		MemoryContextReset(memory);
	}
	pg_cryptohash_free(context);
	MemoryContextDelete(memory);
}

/*
 * The file as texts of this database, with a zero behind it.  NULL, and a flaw, if it is
 * not UTF-8.
 */
static char *
decode(Sheet *sheet, const bytea *content, size_t *length)
{
	const char *bytes = VARDATA_ANY(content);
	int			size = VARSIZE_ANY_EXHDR(content);
	int			valid = pg_encoding_verifymbstr(PG_UTF8, bytes, size);
	char	   *data;
	char	   *converted;

	if (valid < size)
	{
		int64		line = 1;

		for (int i = 0; i < valid; i++)
			line += bytes[i] == '\n';
		add_flaw(sheet, line, NULL, psprintf("byte 0x%02x", (unsigned char) bytes[valid]),
				 "the file is not UTF-8");
		return NULL;
	}
	data = palloc_extended((Size) size + 1, MCXT_ALLOC_HUGE);
	memcpy(data, bytes, size);
	data[size] = '\0';
	converted = pg_any_to_server(data, size, PG_UTF8);
	*length = converted == data ? (size_t) size : strlen(converted);
	return converted;
}

static void
read_sheet(Sheet *sheet, const char *format, const bytea *content)
{
	size_t		length;
	char	   *data = decode(sheet, content, &length);

	if (data == NULL)
		return;
	if (strcmp(format, "csv") == 0)
		read_csv(sheet, data, length);
	else if (strcmp(format, "json") == 0)
		read_json(sheet, data, length);
	else
		read_json_lines(sheet, data, length);
}

static int
compare_flaws(const void *left, const void *right)
{
	const Flaw *a = left;
	const Flaw *b = right;

	return (a->line > b->line) - (a->line < b->line);
}

/*
 * What is wrong, an array of JSON.
 */
static Datum
report_flaws(Sheet *sheet)
{
	JsonbParseState *state = NULL;

	qsort(sheet->flaws, Min(sheet->num_flaws, MAX_FLAWS), sizeof(Flaw), compare_flaws);

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < Min(sheet->num_flaws, MAX_FLAWS); i++)
	{
		const Flaw *flaw = &sheet->flaws[i];
		JsonbValue	line = {.type = jbvNumeric};

		line.val.numeric = int64_to_numeric(flaw->line);
		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_text(&state, WJB_KEY, "line");
		(void) pushJsonbValue(&state, WJB_VALUE, &line);
		push_text(&state, WJB_KEY, "message");
		push_text(&state, WJB_VALUE, flaw->message);
		if (flaw->column)
		{
			push_text(&state, WJB_KEY, "column");
			push_text(&state, WJB_VALUE, unconstify(char *, flaw->column));
		}
		if (flaw->value)
		{
			push_text(&state, WJB_KEY, "value");
			push_text(&state, WJB_VALUE, flaw->value);
		}
		(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}

static Datum
names_of_metrics(const Upload *upload)
{
	Column	   *names = new_column(TEXTOID, upload->num_metrics);
	Parameters	arrays = {0};

	for (int metric = 0; metric < upload->num_metrics; metric++)
		add_value(names, CStringGetTextDatum(upload->sheet->columns[upload->metrics[metric]]));
	add_column(&arrays, names);
	return arrays.values[0];
}

/*
 * bixarena.upload_read(scoreboard text, run_no integer, run_id uuid, snapshot_date date,
 * ingested_at timestamptz, format text, content bytea, numbers text[], words text[],
 * required text[]): look at a file and, if it is sound, write its rows.
 */
Datum
bixarena_read_upload(PG_FUNCTION_ARGS)
{
	Upload	   *upload = palloc0(sizeof(Upload));
	Sheet	   *sheet = palloc0(sizeof(Sheet));
	TupleDesc	columns;
	Datum		values[4];
	bool		nulls[4] = {false};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "unexpected type of a result");
	upload->scoreboard = open_scoreboard(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);
	upload->sheet = sheet;
	upload->run_no = PG_GETARG_DATUM(1);
	upload->run_id = PG_GETARG_DATUM(2);
	upload->snapshot_date = PG_GETARG_DATUM(3);
	upload->ingested_at = PG_GETARG_DATUM(4);

	read_sheet(sheet, text_to_cstring(PG_GETARG_TEXT_PP(5)), PG_GETARG_BYTEA_PP(6));
	if (sheet->num_flaws == 0)
	{
		find_kinds(upload, PG_GETARG_DATUM(7), PG_GETARG_DATUM(8));
		check_columns(upload, PG_GETARG_DATUM(9));
		check_ids(upload);
		check_numbers(upload);
	}
	if (sheet->num_flaws == 0)
	{
		connect_spi();
		rank_rows(upload);
		write_rows(upload);
		SPI_finish();
	}
	values[0] = Int32GetDatum(sheet->num_flaws == 0 ? sheet->num_rows : 0);
	values[1] = names_of_metrics(upload);
	values[2] = Int64GetDatum(sheet->num_flaws);
	values[3] = report_flaws(sheet);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls)));
}

/*
 * bixarena.upload_lock(scoreboard text, source text, partition text, snapshot_date date)
 */
Datum
bixarena_lock_upload(PG_FUNCTION_ARGS)
{
	char	   *key = psprintf("%s\n%s\n%s\n%d", text_to_cstring(PG_GETARG_TEXT_PP(0)),
							   text_to_cstring(PG_GETARG_TEXT_PP(1)),
							   text_to_cstring(PG_GETARG_TEXT_PP(2)),
							   PG_GETARG_DATEADT(3));

	(void) lock_for_transaction(LOCK_UPLOAD, key, strlen(key), true);
	PG_RETURN_VOID();
}
