/*-------------------------------------------------------------------------
 *
 * sheet.c
 *	  A file of standings as rows and columns of texts.
 *
 * Cells point into the file's bytes where that can be, so that a sheet takes eight bytes
 * a cell beside them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "score/score.h"

#define MIN_ROWS 1024

/*
 * A name in small letters, with underscores for what is no letter or digit.
 */
static char *
normalize_name(const char *name)
{
	char	   *normal = palloc(strlen(name) + 1);
	int			length = 0;

	for (; *name; name++)
	{
		unsigned char c = *name;

		if (c >= 'A' && c <= 'Z')
			normal[length++] = c - 'A' + 'a';
		else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || IS_HIGHBIT_SET(c))
			normal[length++] = c;
		else if (length > 0 && normal[length - 1] != '_')
			normal[length++] = '_';
	}
	if (length > 0 && normal[length - 1] == '_')
		length--;
	normal[length] = '\0';
	return normal;
}

/*
 * Add a column.  Returns its number, -1 if there cannot be one.
 */
int
add_sheet_column(Sheet *sheet, int64 line, const char *name)
{
	char	   *normal = normalize_name(name);

	if (sheet->num_columns == MAX_COLUMNS)
		add_flaw(sheet, line, NULL, NULL, "there are more than %d columns", MAX_COLUMNS);
	else if (normal[0] == '\0')
		add_flaw(sheet, line, NULL, name, "a column has no name");
	else if (strlen(normal) >= NAMEDATALEN)
		add_flaw(sheet, line, NULL, name, "the name of a column has more than %d bytes",
				 NAMEDATALEN - 1);
	else
	{
		for (int i = 0; i < sheet->num_columns; i++)
			if (strcmp(sheet->columns[i], normal) == 0)
			{
				add_flaw(sheet, line, sheet->columns[i], name, "a column is there twice");
				return -1;
			}
		sheet->columns[sheet->num_columns] = normal;
		return sheet->num_columns++;
	}
	return -1;
}

static void
grow(Sheet *sheet)
{
	int64		max_rows = Max(MIN_ROWS, 2 * (int64) sheet->max_rows);
	Size		cells = mul_size(sizeof(char *), mul_size(max_rows, sheet->num_columns));

	if (sheet->cells == NULL)
	{
		sheet->cells = MemoryContextAllocHuge(CurrentMemoryContext, cells);
		sheet->lines = MemoryContextAllocHuge(CurrentMemoryContext,
											  mul_size(sizeof(int32), max_rows));
	}
	else
	{
		sheet->cells = repalloc_huge(sheet->cells, cells);
		sheet->lines = repalloc_huge(sheet->lines, mul_size(sizeof(int32), max_rows));
	}
	sheet->max_rows = max_rows;
}

/*
 * Add a row, whose columns are known by now, with empty cells.  Returns its cells, NULL
 * if there are too many.
 */
char	  **
add_sheet_row(Sheet *sheet, int64 line)
{
	char	  **row;

	if (sheet->num_rows >= MAX_FILE_ROWS ||
		(int64) (sheet->num_rows + 1) * sheet->num_columns > MAX_CELLS)
	{
		add_flaw(sheet, line, NULL, NULL, "there are more than %d rows or %d values",
				 MAX_FILE_ROWS, MAX_CELLS);
		return NULL;
	}
	if (sheet->num_rows == sheet->max_rows)
		grow(sheet);
	row = sheet->cells + (Size) sheet->num_rows * sheet->num_columns;
	memset(row, 0, sizeof(char *) * sheet->num_columns);
	sheet->lines[sheet->num_rows++] = (int32) Min(line, PG_INT32_MAX);
	return row;
}

/*
 * The text of a row in a column; NULL if it is empty.
 */
char *
cell_of(const Sheet *sheet, int row, int column)
{
	return sheet->cells[(Size) row * sheet->num_columns + column];
}

/*
 * A cell without the blanks around it, in its place; NULL if nothing is left.
 */
char *
trimmed(char *cell)
{
	size_t		length;

	cell += strspn(cell, " \t");
	length = strlen(cell);
	while (length > 0 && (cell[length - 1] == ' ' || cell[length - 1] == '\t'))
		cell[--length] = '\0';
	return length > 0 ? cell : NULL;
}
