/*-------------------------------------------------------------------------
 *
 * sheet_server.c
 *	  What the readers of files of standings use of a server besides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "server/server.h"

char *
pstrdup(const char *string)
{
	Size		size = strlen(string) + 1;

	return memcpy(palloc(size), string, size);
}

char *
cut_text(const char *string, int max_bytes)
{
	return pnstrdup(string, strnlen(string, max_bytes));
}

/*
 * No step ends with an error here that is caught.
 */
ErrorData *
try_step(Step step, void *argument)
{
	step(argument);
	return NULL;
}

void
ReThrowError(ErrorData *error)
{
	abort();
}

/* The server's own library of programs has it from some release on */
__attribute__((weak))
char *
json_errdetail(JsonParseErrorType error, JsonLexContext *lexer)
{
	return pstrdup("an error of the parser");
}
