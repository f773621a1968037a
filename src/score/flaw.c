/*-------------------------------------------------------------------------
 *
 * flaw.c
 *	  What is wrong with a file of standings.
 *
 * It is collected, not raised: a person mends a file once, not twenty times.  A file may
 * have a flaw in each of millions of lines, so those beyond the first twenty are
 * counted, and take no memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "score/score.h"

/* A value and a message that are told have so many bytes at most */
#define MAX_TOLD_BYTES 100
#define MAX_MESSAGE_BYTES 300

/*
 * Note what is wrong.  The first of many are told.
 */
void
add_flaw(Sheet *sheet, int64 line, const char *column, const char *value,
		 const char *format,...)
{
	Flaw	   *flaw;
	char		message[4 * MAX_MESSAGE_BYTES];
	va_list		arguments;

	if (sheet->num_flaws++ >= MAX_FLAWS)
		return;
	flaw = &sheet->flaws[sheet->num_flaws - 1];
	va_start(arguments, format);
	(void) vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	flaw->line = line;
	flaw->column = column;
	flaw->value = value ? cut_text(value, MAX_TOLD_BYTES) : NULL;
	flaw->message = cut_text(message, MAX_MESSAGE_BYTES);
}

/*
 * Is an error one of the file that is read, and not of the server?
 */
bool
is_of_file(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_DATA_EXCEPTION ||
		error->sqlerrcode == ERRCODE_STATEMENT_TOO_COMPLEX;
}
