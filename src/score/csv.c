/*-------------------------------------------------------------------------
 *
 * csv.c
 *	  A sheet of CSV, as RFC 4180 has it.
 *
 * Lines end with CRLF, LF or CR; a value may be in quotes, in which a quote is doubled.
 * The bytes are turned into cells in their place, so that nothing is copied.
 *
 * Why not COPY's own: it ends at the first error, at mixed ends of lines, and, before
 * PostgreSQL 18, without a word at a line that is \. and nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "score/score.h"

/* Where in the file */
typedef struct Reader
{
	Sheet	   *sheet;
	char	   *at;
	char	   *end;			/* there is a zero */
	int64		line;
	bool		is_broken;		/* what follows cannot be told apart */
} Reader;

static bool
ends_value(char c)
{
	return c == ',' || c == '\r' || c == '\n';
}

/*
 * Read what is in quotes, from behind the first.  The value is written from there on.
 */
static char *
read_quoted(Reader *reader)
{
	char	   *value = reader->at;
	char	   *to = value;
	int64		first_line = reader->line;

	for (; reader->at < reader->end; reader->at++)
	{
		if (*reader->at == '"')
		{
			if (reader->at[1] != '"')
				break;
			reader->at++;
		}
		else if (*reader->at == '\n' || (*reader->at == '\r' && reader->at[1] != '\n'))
			reader->line++;
		*to++ = *reader->at;
	}
	if (reader->at >= reader->end)
	{
		*to = '\0';
		add_flaw(reader->sheet, first_line, NULL, value, "a value in quotes does not end");
		reader->is_broken = true;
		return value;
	}
	reader->at++;
	*to = '\0';
	if (reader->at < reader->end && !ends_value(*reader->at))
	{
		add_flaw(reader->sheet, reader->line, NULL, value, "there is text behind a value in quotes");
		while (reader->at < reader->end && !ends_value(*reader->at))
			reader->at++;
	}
	return value;
}

static char *
read_plain(Reader *reader)
{
	char	   *value = reader->at;
	bool		has_quote = false;

	for (; reader->at < reader->end && !ends_value(*reader->at); reader->at++)
		has_quote |= *reader->at == '"';
	if (has_quote)
	{
		char		end = *reader->at;

		*reader->at = '\0';
		add_flaw(reader->sheet, reader->line, NULL, value,
				 "there is a quote in a value without quotes");
		*reader->at = end;
	}
	return value;
}

/*
 * Read a value, and what ends it.  Returns whether another follows in the same line.
 */
static bool
read_value(Reader *reader, char **value)
{
	char		end;

	if (reader->at < reader->end && *reader->at == '"')
	{
		reader->at++;
		*value = read_quoted(reader);
	}
	else
		*value = read_plain(reader);
	if (reader->at >= reader->end)
		return false;
	end = *reader->at;
	*reader->at++ = '\0';
	if (end == ',')
		return true;
	if (end == '\r' && reader->at < reader->end && *reader->at == '\n')
		reader->at++;
	reader->line++;
	return false;
}

static void
read_header(Reader *reader)
{
	int64		line = reader->line;
	bool		is_more = true;

	while (is_more && reader->sheet->num_columns < MAX_COLUMNS)
	{
		char	   *value;

		is_more = read_value(reader, &value);
		(void) add_sheet_column(reader->sheet, line, value);
	}
	if (is_more)
		add_flaw(reader->sheet, line, NULL, NULL, "there are more than %d columns",
				 MAX_COLUMNS);
}

/*
 * Read a line of values.  One that is empty but for blanks is none.
 */
static void
read_row(Reader *reader)
{
	Sheet	   *sheet = reader->sheet;
	int64		line = reader->line;
	char	   *values[MAX_COLUMNS];
	char	  **row;
	bool		is_more = true;
	int			count = 0;

	while (is_more)
	{
		char	   *value;

		CHECK_FOR_INTERRUPTS();
		is_more = read_value(reader, &value);
		if (count < sheet->num_columns)
			values[count] = value;
		count++;
	}
	if (count == 1 && trimmed(values[0]) == NULL)
		return;
	if (count != sheet->num_columns)
	{
		add_flaw(sheet, line, NULL, NULL, "the line has %d values, and the header %d",
				 count, sheet->num_columns);
		return;
	}
	row = add_sheet_row(sheet, line);
	if (row == NULL)
		reader->is_broken = true;
	for (int i = 0; row && i < count; i++)
		row[i] = trimmed(values[i]);
}

/*
 * Read a file of CSV.  Behind its last byte there is a zero; the bytes are changed.
 */
void
read_csv(Sheet *sheet, char *data, size_t length)
{
	Reader		reader = {.sheet = sheet,.at = data,.end = data + length,.line = 1};

	if (reader.at >= reader.end)
		return;
	read_header(&reader);
	if (sheet->num_flaws > 0)
		return;
	while (reader.at < reader.end && !reader.is_broken)
		read_row(&reader);
}
