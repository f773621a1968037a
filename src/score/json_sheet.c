/*-------------------------------------------------------------------------
 *
 * json_sheet.c
 *	  A sheet of JSON: an array of objects, or an object a line.
 *
 * The server's own parser calls us for what it finds, so that no tree of the whole is
 * made.  Members are columns; what an object does not have is empty.  A value is a text, a
 * number, true, false or null; what is nested is refused.
 *
 * How many columns there are is known at the end only, so values are noted first and put
 * into rows then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "score/score.h"

/* A value that was found */
typedef struct Note
{
	int32		row;
	int32		column;
	char	   *value;
} Note;

typedef struct Parser
{
	Sheet	   *sheet;
	char	   *data;
	size_t		length;
	JsonLexContext *lexer;
	int64		first_line;		/* of what the lexer has */
	int			depth;
	int			object_depth;	/* of the objects that are rows */
	int			num_names;
	char	   *names[MAX_COLUMNS]; /* of columns, as they are in the file */
	int			column;			/* of the member that is read, else -1 */
	int			row;
	int			num_rows;
	int			max_rows;
	int32	   *lines;
	Size		num_notes;
	Size		max_notes;
	Note	   *notes;
	bool		is_broken;
} Parser;

static int64
line_of(const Parser *parser)
{
	return parser->first_line + (parser->lexer ? parser->lexer->line_number - 1 : 0);
}

static int
find_column(Parser *parser, const char *name)
{
	/* members are most often in the same order */
	for (int i = 1; i <= parser->num_names; i++)
	{
		int			column = (parser->column + i) % parser->num_names;

		if (strcmp(parser->names[column], name) == 0)
			return column;
	}
	return -1;
}

static void
begin_row(Parser *parser)
{
	parser->column = -1;
	parser->row = -1;
	if (parser->num_rows == MAX_FILE_ROWS)
	{
		add_flaw(parser->sheet, line_of(parser), NULL, NULL, "there are more than %d rows",
				 MAX_FILE_ROWS);
		return;
	}
	parser->row = parser->num_rows++;
	if (parser->num_rows > parser->max_rows)
	{
		parser->max_rows = Max(1024, 2 * parser->max_rows);
		parser->lines = parser->lines ?
			repalloc_huge(parser->lines, sizeof(int32) * parser->max_rows) :
			palloc(sizeof(int32) * parser->max_rows);
	}
	parser->lines[parser->row] = (int32) Min(line_of(parser), PG_INT32_MAX);
}

static void
note_value(Parser *parser, char *value)
{
	Note	   *note;

	if (parser->num_notes == MAX_CELLS)
	{
		add_flaw(parser->sheet, line_of(parser), NULL, NULL, "there are more than %d values",
				 MAX_CELLS);
		return;
	}
	if (parser->num_notes == parser->max_notes)
	{
		parser->max_notes = Max(4096, 2 * parser->max_notes);
		parser->notes = parser->notes ?
			repalloc_huge(parser->notes, sizeof(Note) * parser->max_notes) :
			palloc(sizeof(Note) * parser->max_notes);
	}
	note = &parser->notes[parser->num_notes++];
	note->row = parser->row;
	note->column = parser->column;
	note->value = value;
}

static JSON_ACTION
on_object_start(void *state)
{
	Parser	   *parser = state;

	CHECK_FOR_INTERRUPTS();
	if (++parser->depth == parser->object_depth)
		begin_row(parser);
	else
		add_flaw(parser->sheet, line_of(parser), NULL, NULL,
				 "an object is where a value or a row should be");
	JSON_ACTION_DONE;
}

static JSON_ACTION
on_object_end(void *state)
{
	((Parser *) state)->depth--;
	JSON_ACTION_DONE;
}

static JSON_ACTION
on_array_start(void *state)
{
	Parser	   *parser = state;

	if (++parser->depth >= parser->object_depth)
		add_flaw(parser->sheet, line_of(parser), NULL, NULL,
				 "an array is where a value or a row should be");
	JSON_ACTION_DONE;
}

static JSON_ACTION
on_array_end(void *state)
{
	((Parser *) state)->depth--;
	JSON_ACTION_DONE;
}

static JSON_ACTION
on_field_start(void *state, char *name, bool isnull pg_attribute_unused())
{
	Parser	   *parser = state;
	int			column;

	if (parser->depth != parser->object_depth)
		JSON_ACTION_DONE;
	column = find_column(parser, name);
	if (column < 0 && !parser->is_broken)
	{
		column = add_sheet_column(parser->sheet, line_of(parser), name);
		/* one such is enough */
		parser->is_broken = column < 0;
		if (column >= 0)
			parser->names[parser->num_names++] = pstrdup(name);
	}
	parser->column = column;
	JSON_ACTION_DONE;
}

/* The parser would keep each name until its end */
static JSON_ACTION
on_field_end(void *state pg_attribute_unused(), char *name, bool isnull pg_attribute_unused())
{
	pfree(name);
	JSON_ACTION_DONE;
}

/*
 * Note a value of a row.  Of a file that has a flaw, none is needed any more.
 */
static JSON_ACTION
on_scalar(void *state, char *token, JsonTokenType type)
{
	Parser	   *parser = state;

	CHECK_FOR_INTERRUPTS();
	if (parser->depth < parser->object_depth)
		add_flaw(parser->sheet, line_of(parser), NULL, token, "a row is not an object");
	if (parser->depth == parser->object_depth && type != JSON_TOKEN_NULL && token[0] &&
		parser->column >= 0 && parser->row >= 0 && parser->sheet->num_flaws == 0)
		note_value(parser, token);
	else
		pfree(token);
	JSON_ACTION_DONE;
}

/*
 * Parse a document, which begins at a line.
 */
static void
parse(Parser *parser, char *data, size_t length, int64 line)
{
	JsonSemAction actions = {
		.semstate = parser,
		.object_start = on_object_start,
		.object_end = on_object_end,
		.array_start = on_array_start,
		.array_end = on_array_end,
		.object_field_start = on_field_start,
		.object_field_end = on_field_end,
		.scalar = on_scalar
	};
	JsonParseErrorType error;

	parser->lexer = MAKE_JSON_LEXER(data, length, GetDatabaseEncoding());
	parser->first_line = line;
	parser->depth = 0;
	error = pg_parse_json(parser->lexer, &actions);
	if (error != JSON_SUCCESS)
	{
		add_flaw(parser->sheet, line_of(parser), NULL, NULL, "this is no JSON: %s",
				 json_errdetail(error, parser->lexer));
		parser->is_broken = true;
	}
	/* a file may have millions of documents */
	FREE_JSON_LEXER(parser->lexer);
	parser->lexer = NULL;
}

/*
 * Put the values that were noted into rows.
 */
static void
fill_sheet(const Parser *parser)
{
	Sheet	   *sheet = parser->sheet;

	if (sheet->num_flaws > 0 || sheet->num_columns == 0)
		return;
	for (int row = 0; row < parser->num_rows; row++)
		if (add_sheet_row(sheet, parser->lines[row]) == NULL)
			return;
	for (Size i = 0; i < parser->num_notes; i++)
	{
		const Note *note = &parser->notes[i];
		char	  **cell = &sheet->cells[(Size) note->row * sheet->num_columns + note->column];

		if (*cell)
			add_flaw(sheet, sheet->lines[note->row], sheet->columns[note->column], note->value,
					 "an object has a member twice");
		*cell = trimmed(note->value);
	}
}

static void
parse_array(void *argument)
{
	Parser	   *parser = argument;

	parse(parser, parser->data, parser->length, 1);
}

static void
parse_lines(void *argument)
{
	Parser	   *parser = argument;
	char	   *at = parser->data;
	char	   *end = at + parser->length;
	int64		line = 1;

	for (; at < end && parser->sheet->num_flaws < MAX_FLAWS; line++)
	{
		char	   *line_end = memchr(at, '\n', end - at);

		CHECK_FOR_INTERRUPTS();
		if (line_end == NULL)
			line_end = end;
		if (strspn(at, " \t\r") < (size_t) (line_end - at))
			parse(parser, at, line_end - at, line);
		at = line_end + 1;
	}
}

/*
 * Parse a file.  What is nested too deeply for the server, and characters that this
 * database has not, end with an error, which is the file's.
 */
static void
parse_file(Parser *parser, Step step)
{
	ErrorData  *error = try_step(step, parser);

	if (error && !is_of_file(error))
		ReThrowError(error);
	if (error)
		add_flaw(parser->sheet, line_of(parser), NULL, NULL, "this is no JSON: %s",
				 error->message);
	else
		fill_sheet(parser);
}

/*
 * Read an array of objects.  Behind its last byte there is a zero.
 */
void
read_json(Sheet *sheet, char *data, size_t length)
{
	Parser		parser = {.sheet = sheet,.data = data,.length = length,.object_depth = 2,
	.column = -1};

	parse_file(&parser, parse_array);
}

/*
 * Read an object a line; empty lines are none.
 */
void
read_json_lines(Sheet *sheet, char *data, size_t length)
{
	Parser		parser = {.sheet = sheet,.data = data,.length = length,.object_depth = 1,
	.column = -1};

	parse_file(&parser, parse_lines);
}
