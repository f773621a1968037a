/*-------------------------------------------------------------------------
 *
 * value_server.c
 *	  What the tally as a value uses of a server besides: text, messages, values.
 *
 * Everything is in UTF-8, and so is every client.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/unicode_norm.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

int
GetDatabaseEncoding(void)
{
	return PG_UTF8;
}

bool
pg_verify_mbstr(int encoding, const char *string, int length, bool no_error)
{
	if (pg_encoding_verifymbstr(encoding, string, length) == length)
		return true;
	if (!no_error)
		ereport(ERROR,
				(errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
				 errmsg("invalid byte sequence")));
	return false;
}

char *
pg_server_to_client(const char *string, int length)
{
	return unconstify(char *, string);
}

void
pg_unicode_to_server(pg_wchar code, unsigned char *string)
{
	unicode_to_utf8(code, string);
	string[pg_utf_mblen(string)] = '\0';
}

void
escape_json(StringInfo json, const char *string)
{
	appendStringInfoCharMacro(json, '"');
	for (; *string; string++)
		if (*string == '"' || *string == '\\')
			appendStringInfo(json, "\\%c", *string);
		else if ((unsigned char) *string < ' ')
			appendStringInfo(json, "\\u%04x", *string);
		else
			appendStringInfoCharMacro(json, *string);
	appendStringInfoCharMacro(json, '"');
}

/*-------------------------------------------------------------------------
 * Messages
 *-------------------------------------------------------------------------
 */

void
pq_begintypsend(StringInfo message)
{
	initStringInfo(message);
	appendStringInfoSpaces(message, VARHDRSZ);
}

bytea *
pq_endtypsend(StringInfo message)
{
	bytea	   *result = (bytea *) message->data;

	SET_VARSIZE(result, message->len);
	return result;
}

#if PG_VERSION_NUM >= 160000
void
pq_sendbytes(StringInfo message, const void *bytes, int length)
#else
void
pq_sendbytes(StringInfo message, const char *bytes, int length)
#endif
{
	appendBinaryStringInfo(message, bytes, length);
}

static void
report_short_message(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROTOCOL_VIOLATION),
			 errmsg("insufficient data left in message")));
}

const char *
pq_getmsgbytes(StringInfo message, int length)
{
	const char *bytes = &message->data[message->cursor];

	if (length < 0 || length > message->len - message->cursor)
		report_short_message();
	message->cursor += length;
	return bytes;
}

int
pq_getmsgbyte(StringInfo message)
{
	return (unsigned char) *pq_getmsgbytes(message, 1);
}

unsigned int
pq_getmsgint(StringInfo message, int length)
{
	uint32		number;

	Assert(length == sizeof(number));
	memcpy(&number, pq_getmsgbytes(message, length), length);
	return pg_ntoh32(number);
}

int64
pq_getmsgint64(StringInfo message)
{
	uint64		number;

	memcpy(&number, pq_getmsgbytes(message, sizeof(number)), sizeof(number));
	return pg_ntoh64(number);
}

char *
pq_getmsgtext(StringInfo message, int length, int *num_bytes)
{
	const char *bytes = pq_getmsgbytes(message, length);

	(void) pg_verify_mbstr(PG_UTF8, bytes, length, false);
	*num_bytes = length;
	return pnstrdup(bytes, length);
}

void
pq_getmsgend(StringInfo message)
{
	if (message->cursor != message->len)
		ereport(ERROR,
				(errcode(ERRCODE_PROTOCOL_VIOLATION),
				 errmsg("invalid message format")));
}

/*-------------------------------------------------------------------------
 * Values and memory
 *-------------------------------------------------------------------------
 */

struct varlena *
pg_detoast_datum_packed(struct varlena *value)
{
	return value;
}

/* Nothing becomes a jsonb here */
JsonbValue *
pushJsonbValue(JsonbParseState **state, JsonbIteratorToken token, JsonbValue *value)
{
	abort();
}

Jsonb *
JsonbValueToJsonb(JsonbValue *value)
{
	abort();
}

Numeric
int64_to_numeric(int64 number)
{
	abort();
}

char *
pnstrdup(const char *string, Size length)
{
	char	   *copy = palloc(length + 1);

	memcpy(copy, string, length);
	copy[length] = '\0';
	return copy;
}

int
errdetail_internal(const char *fmt,...)
{
	return 0;
}
