/*-------------------------------------------------------------------------
 *
 * sheet_fuzz.c
 *	  Fuzzes what reads files of standings: whatever bytes come, a file is a sheet or
 *	  has flaws, and a sheet is what the file says.
 *
 * The first byte of an input says which format the rest is: '0' is CSV, '1' JSON, '2'
 * an object a line.  As in the server, only what is UTF-8 without a zero is read.
 *
 * What was read of CSV is held against a slow reader that goes from byte to byte.  Then
 * a sheet is written in each of the formats, and must come back as it was.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#include "method/method.h"
#include "score/score.h"
#include "battles.h"
#include "input.h"
#include "unit.h"

const int	fuzz_max_models = 2;

typedef void (*Reader) (Sheet *sheet, char *data, size_t length);

static const Reader readers[] = {read_csv, read_json, read_json_lines};

static Sheet *
sheet_of(Reader reader, const char *data, size_t length)
{
	Sheet	   *sheet = palloc0(sizeof(Sheet));
	char	   *copy = palloc(length + 1);

	memcpy(copy, data, length);
	copy[length] = '\0';
	reader(sheet, copy, length);
	return sheet;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*-------------------------------------------------------------------------
 * A sheet by itself
 *-------------------------------------------------------------------------
 */

static void
check_columns(const Sheet *sheet)
{
	check(sheet->num_columns <= MAX_COLUMNS, "%d columns", sheet->num_columns);
	for (int i = 0; i < sheet->num_columns; i++)
	{
		const char *name = sheet->columns[i];
		Sheet		other = {0};

		check(name[0] && strlen(name) < NAMEDATALEN, "a name of %zu bytes", strlen(name));
		check(add_sheet_column(&other, 1, name) == 0 && strcmp(other.columns[0], name) == 0,
			  "the name \"%s\" is not normal", name);
		for (int k = 0; k < i; k++)
			check(strcmp(name, sheet->columns[k]) != 0, "\"%s\" is there twice", name);
	}
}

static void
check_rows(const Sheet *sheet, int64 num_lines)
{
	for (int row = 0; row < sheet->num_rows; row++)
	{
		check(sheet->lines[row] >= 1 && sheet->lines[row] <= num_lines,
			  "row %d is in line %d of " INT64_FORMAT, row, sheet->lines[row], num_lines);
		check(row == 0 || sheet->lines[row] >= sheet->lines[row - 1], "lines go back");
		for (int column = 0; column < sheet->num_columns; column++)
		{
			const char *cell = cell_of(sheet, row, column);

			check(cell == NULL || (cell[0] && !is_blank(cell[0]) &&
								   !is_blank(cell[strlen(cell) - 1])),
				  "a cell is not trimmed");
		}
	}
}

static void
check_flaws(const Sheet *sheet, int64 num_lines)
{
	for (int i = 0; i < Min(sheet->num_flaws, MAX_FLAWS); i++)
	{
		const Flaw *flaw = &sheet->flaws[i];

		check(flaw->line >= 1 && flaw->line <= num_lines, "a flaw in line " INT64_FORMAT,
			  flaw->line);
		check(flaw->message[0] && strlen(flaw->message) <= 300, "a message of %zu bytes",
			  strlen(flaw->message));
		check(flaw->value == NULL || strlen(flaw->value) <= 100, "a value is too long");
	}
}

/*-------------------------------------------------------------------------
 * A slow reader of CSV
 *-------------------------------------------------------------------------
 */

typedef struct Slow
{
	const char *at;
	const char *end;
	bool		is_odd;			/* it is not as RFC 4180 has it */
} Slow;

/*
 * The next value, trimmed.  Returns whether another follows in the line.
 */
static bool
slow_value(Slow *slow, StringInfo value)
{
	bool		is_quoted = slow->at < slow->end && *slow->at == '"';
	bool		is_more;

	resetStringInfo(value);
	slow->at += is_quoted;
	for (; slow->at < slow->end; slow->at++)
	{
		if (is_quoted && *slow->at == '"' && !(slow->at + 1 < slow->end && slow->at[1] == '"'))
			break;
		if (!is_quoted && strchr(",\r\n", *slow->at))
			break;
		slow->is_odd |= !is_quoted && *slow->at == '"';
		slow->at += is_quoted && *slow->at == '"';
		appendStringInfoChar(value, *slow->at);
	}
	slow->is_odd |= is_quoted && slow->at == slow->end;
	slow->at += is_quoted && slow->at < slow->end;
	slow->is_odd |= slow->at < slow->end && !strchr(",\r\n", *slow->at);
	is_more = slow->at < slow->end && *slow->at == ',';
	if (slow->at < slow->end)
		slow->at += *slow->at == '\r' && slow->at + 1 < slow->end && slow->at[1] == '\n' ? 2 : 1;
	while (value->len > 0 && is_blank(value->data[value->len - 1]))
		value->data[--value->len] = '\0';
	return is_more;
}

static void
check_slowly(const Sheet *sheet, const char *data, size_t length)
{
	Slow		slow = {.at = data,.end = data + length};
	StringInfoData value;
	int			row = -1;

	initStringInfo(&value);
	while (slow.at < slow.end && !slow.is_odd)
	{
		bool		is_more = true;
		bool		is_empty = true;
		int			count = 0;

		while (is_more && !slow.is_odd)
		{
			const char *trimmed_value;
			const char *cell;

			is_more = slow_value(&slow, &value);
			is_empty &= value.len == 0 && !is_more && count == 0;
			trimmed_value = value.data + strspn(value.data, " \t");
			if (slow.is_odd || row < 0 || is_empty)
			{
				count++;
				continue;
			}
			check(row < sheet->num_rows && count < sheet->num_columns, "a row is missing");
			cell = cell_of(sheet, row, count++);
			check(strcmp(cell ? cell : "", trimmed_value) == 0, "a cell is \"%s\", not \"%s\"",
				  cell ? cell : "", trimmed_value);
		}
		check(slow.is_odd || is_empty || count == sheet->num_columns, "a column is missing");
		if (row < 0 || !is_empty)
			row++;
	}
	check(!slow.is_odd, "a file with a flaw was read");
	check(row == sheet->num_rows || sheet->num_rows == 0, "%d rows, not %d", sheet->num_rows, row);
}

/*-------------------------------------------------------------------------
 * A sheet that is written and read again
 *-------------------------------------------------------------------------
 */

static void
check_same(const Sheet *sheet, const Sheet *again)
{
	check(again->num_flaws == 0, "what was written has a flaw: %s", again->flaws[0].message);
	check(again->num_rows == sheet->num_rows && again->num_columns == sheet->num_columns,
		  "%d rows and %d columns are %d and %d", sheet->num_rows, sheet->num_columns,
		  again->num_rows, again->num_columns);
	for (int column = 0; column < sheet->num_columns; column++)
		check(strcmp(sheet->columns[column], again->columns[column]) == 0, "another name");
	for (int row = 0; row < sheet->num_rows; row++)
		for (int column = 0; column < sheet->num_columns; column++)
		{
			const char *cell = cell_of(sheet, row, column);
			const char *other = cell_of(again, row, column);

			check(cell == NULL ? other == NULL : other && strcmp(cell, other) == 0,
				  "another cell");
		}
}

static void
write_quoted(StringInfo file, const char *cell)
{
	appendStringInfoChar(file, '"');
	for (; cell && *cell; cell++)
	{
		if (*cell == '"')
			appendStringInfoChar(file, '"');
		appendStringInfoChar(file, *cell);
	}
	appendStringInfoChar(file, '"');
}

static void
check_as_csv(const Sheet *sheet)
{
	StringInfoData file;

	initStringInfo(&file);
	for (int row = -1; row < sheet->num_rows; row++)
		for (int column = 0; column < sheet->num_columns; column++)
		{
			/* a line with one empty value is an empty line */
			if (row >= 0 && sheet->num_columns == 1 && cell_of(sheet, row, column) == NULL)
				return;
			write_quoted(&file, row < 0 ? sheet->columns[column] : cell_of(sheet, row, column));
			appendStringInfoString(&file, column + 1 < sheet->num_columns ? "," : "\r\n");
		}
	check_same(sheet, sheet_of(read_csv, file.data, file.len));
}

static void
check_as_json(const Sheet *sheet, bool as_lines)
{
	StringInfoData file;

	initStringInfo(&file);
	if (!as_lines)
		appendStringInfoChar(&file, '[');
	for (int row = 0; row < sheet->num_rows; row++)
	{
		if (row > 0)
			appendStringInfoChar(&file, as_lines ? '\n' : ',');
		appendStringInfoChar(&file, '{');
		for (int column = 0; column < sheet->num_columns; column++)
		{
			if (column > 0)
				appendStringInfoChar(&file, ',');
			escape_json(&file, sheet->columns[column]);
			appendStringInfoChar(&file, ':');
			if (cell_of(sheet, row, column))
				escape_json(&file, cell_of(sheet, row, column));
			else
				appendStringInfoString(&file, "null");
		}
		appendStringInfoChar(&file, '}');
	}
	if (!as_lines)
		appendStringInfoChar(&file, ']');
	check_same(sheet, sheet_of(as_lines ? read_json_lines : read_json, file.data, file.len));
}

void
fuzz_input(FuzzInput *input)
{
	int			format = input->size > 0 ? input->data[0] % (int) lengthof(readers) : 0;
	const char *data = (const char *) input->data + Min(input->size, 1);
	int			length = pg_encoding_verifymbstr(PG_UTF8, data, input->size - Min(input->size, 1));
	int64		num_lines = 1;
	Sheet	   *sheet = sheet_of(readers[format], data, length);

	for (int i = 0; i < length; i++)
		num_lines += data[i] == '\n' || (data[i] == '\r' && !(i + 1 < length && data[i + 1] == '\n'));
	check_flaws(sheet, num_lines);
	if (sheet->num_flaws > 0)
		return;
	check_columns(sheet);
	check_rows(sheet, num_lines);
	if (format == 0 && length > 0)
		check_slowly(sheet, data, length);
	if (sheet->num_rows == 0 || sheet->num_columns == 0)
		return;
	check_as_csv(sheet);
	check_as_json(sheet, false);
	check_as_json(sheet, true);
}
