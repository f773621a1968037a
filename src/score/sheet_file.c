/*-------------------------------------------------------------------------
 *
 * sheet_file.c
 *	  The bytes of a file as a sheet.
 *
 * A file is UTF-8, whatever the encoding of this database is.  A byte order mark is
 * passed over.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

#include "score/score.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* A text that is to be one of this database */
typedef struct Conversion
{
	char	   *data;
	size_t		length;
} Conversion;

/*
 * The line of a byte, counted from 1.
 */
static int64
line_of_byte(const char *data, size_t byte)
{
	int64		line = 1;

	for (size_t i = 0; i < byte; i++)
		line += data[i] == '\n';
	return line;
}

static void
convert(void *argument)
{
	Conversion *conversion = argument;
	char	   *converted = pg_any_to_server(conversion->data, conversion->length, PG_UTF8);

	if (converted != conversion->data)
		conversion->length = strlen(converted);
	conversion->data = converted;
}

/*
 * The first line of UTF-8 with a character that this database has not.
 */
static int64
line_of_strange_character(char *data, size_t length)
{
	Oid			function = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	char	   *at = data;
	int64		line = 1;

	for (; at < data + length; line++)
	{
		char	   *end = memchr(at, '\n', data + length - at);
		Size		size = (end ? end : data + length) - at;
		Size		room = size * MAX_CONVERSION_GROWTH + 1;
		unsigned char *converted = palloc_extended(room, MCXT_ALLOC_HUGE);
		int			done;

		if (room > PG_INT32_MAX)
			break;
		done = pg_do_encoding_conversion_buf(function, PG_UTF8, GetDatabaseEncoding(),
											 (unsigned char *) at, size, converted, room, true);
		pfree(converted);
		if (done < (int) size)
			break;
		at += size + 1;
	}
	return line;
}

/*
 * Make a text of UTF-8 one of this database.  False, and a flaw, if that cannot be.
 */
static bool
convert_text(Sheet *sheet, Conversion *conversion)
{
	char	   *data = conversion->data;
	size_t		length = conversion->length;
	ErrorData  *error = try_step(convert, conversion);

	if (error == NULL)
		return true;
	if (!is_of_file(error))
		ReThrowError(error);
	add_flaw(sheet, line_of_strange_character(data, length), NULL, NULL, "%s", error->message);
	return false;
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
	Conversion	conversion;

	if (valid < size)
	{
		char		byte[16];

		snprintf(byte, sizeof(byte), "byte 0x%02x", (unsigned char) bytes[valid]);
		add_flaw(sheet, line_of_byte(bytes, valid), NULL, byte, "the file is not UTF-8");
		return NULL;
	}
	if (strncmp(bytes, BYTE_ORDER_MARK, Min(size, 3)) == 0 && size >= 3)
	{
		bytes += 3;
		size -= 3;
	}
	conversion.data = palloc_extended((Size) size + 1, MCXT_ALLOC_HUGE);
	conversion.length = size;
	memcpy(conversion.data, bytes, size);
	conversion.data[size] = '\0';
	if (!convert_text(sheet, &conversion))
		return NULL;
	*length = conversion.length;
	return conversion.data;
}

/*
 * Read a file of a format; what is wrong with it is in the sheet.
 */
void
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
