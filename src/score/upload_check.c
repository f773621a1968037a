/*-------------------------------------------------------------------------
 *
 * upload_check.c
 *	  What the columns of a file hold, and what of it cannot be.
 *
 * A metric is a column of numbers.  A column is one if it was declared so, or was one in
 * the file before, or if most of its values are numbers; then all must be.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "score/score.h"

#define MAX_ID_BYTES 255

/*
 * The number that a text is.
 */
Datum
numeric_of(const char *cell)
{
	return DirectFunctionCall3(numeric_in, CStringGetDatum(cell), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
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
	return is_small_number(DatumGetNumeric(numeric_of(cell)));
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
		char	   *cell = cell_of(upload->sheet, row, column);

		CHECK_FOR_INTERRUPTS();
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
void
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
compare_row_ids(const void *left, const void *right, void *argument pg_attribute_unused())
{
	const RowId *a = left;
	const RowId *b = right;
	int			order = strcmp(a->id, b->id);

	return order ? order : (a->row > b->row) - (a->row < b->row);
}

static int
compare_rows(const void *left, const void *right, void *argument pg_attribute_unused())
{
	const RowId *a = left;
	const RowId *b = right;

	return (a->row > b->row) - (a->row < b->row);
}

/*
 * Tell ids that are there twice, in the order of lines.
 */
static void
tell_repeated_ids(Upload *upload, RowId *ids, int count)
{
	Sheet	   *sheet = upload->sheet;
	int			num_repeated = 0;
	const char *before = NULL;

	qsort_interruptible(ids, count, sizeof(RowId), compare_row_ids, NULL);
	for (int i = 0; i < count; i++)
	{
		bool		is_repeated = before && strcmp(before, ids[i].id) == 0;

		before = ids[i].id;
		if (is_repeated)
			ids[num_repeated++] = ids[i];
	}
	qsort_interruptible(ids, num_repeated, sizeof(RowId), compare_rows, NULL);
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
		char	   *id = cell_of(upload->sheet, row, upload->id);

		if (id == NULL)
			add_flaw(sheet, sheet->lines[row], "id", NULL, "the row has no id");
		else if (strlen(id) > MAX_ID_BYTES || has_control_character(id))
			add_flaw(sheet, sheet->lines[row], "id", id,
					 "an id has at most %d bytes and no control character", MAX_ID_BYTES);
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
			char	   *cell = cell_of(upload->sheet, row, column);

			if (cell && !is_number(cell))
				add_flaw(sheet, sheet->lines[row], sheet->columns[column], cell,
						 "the value is not a number");
		}
	}
}

/*
 * Look at the columns and rows of a file; what is wrong is in its sheet.
 */
void
check_upload(Upload *upload, Datum required)
{
	check_columns(upload, required);
	check_ids(upload);
	check_numbers(upload);
}
