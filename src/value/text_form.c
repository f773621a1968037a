/*-------------------------------------------------------------------------
 *
 * text_form.c
 *	  A tally as text, and as jsonb.
 *
 * As text a tally is an object of JSON,
 *
 *	{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 5, 3, 1, 4, 2, 0]]}
 *
 * A pair names two models by their places in the list, from 0, and then has six
 * counts: of battles in which the first stood first, those that it won, those
 * that the second won, and ties; then the same of battles in which the second
 * stood first.  Members, models and pairs may be read in any order, none of them
 * twice, as jsonb and other languages have orders of their own; they are written
 * in that of the stored form.  There are no other members.
 *
 * It is read in one pass, so that no text can take more memory than its length
 * accounts for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "value/value.h"

#define TEXT_VERSION 1

PG_FUNCTION_INFO_V1(bixarena_tally_in);
PG_FUNCTION_INFO_V1(bixarena_tally_out);
PG_FUNCTION_INFO_V1(bixarena_tally_to_jsonb);

/* The members of the object */
enum
{
	MEMBER_VERSION,
	MEMBER_MODELS,
	MEMBER_PAIRS,
	NUM_MEMBERS
};

static const char *const member_names[] = {"version", "models", "pairs"};

/* A text that is being read */
typedef struct TextReader
{
	ByteReader	bytes;
	const char *start;
} TextReader;

/*-------------------------------------------------------------------------
 * Writing
 *-------------------------------------------------------------------------
 */

static char *
tally_text(const Crosstable *table)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"version\": %d, \"models\": [", TEXT_VERSION);
	for (int i = 0; i < table->num_models; i++)
	{
		appendStringInfoString(&json, i > 0 ? ", " : "");
		escape_json(&json, table->models[i].bytes);
	}
	appendStringInfoString(&json, "], \"pairs\": [");
	for (int p = 0; p < table->num_pairs; p++)
	{
		const Crosspair *pair = &table->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		appendStringInfo(&json, "%s[%d, %d", p > 0 ? ", " : "", pair->first, pair->second);
		for (int side = 0; side < NUM_SIDES; side++)
			for (int i = 0; i < NUM_OUTCOMES; i++)
				appendStringInfo(&json, ", %lld", (long long) pair->count[side][i]);
		appendStringInfoChar(&json, ']');
	}
	appendStringInfoString(&json, "]}");
	return json.data;
}

Datum
bixarena_tally_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(tally_text(PG_GETARG_TALLY(0)));
}

static void
push_number(JsonbParseState **json, JsonbIteratorToken token, int64 number)
{
	JsonbValue	value = {.type = jbvNumeric};

	value.val.numeric = int64_to_numeric(number);
	(void) pushJsonbValue(json, token, &value);
}

static void
push_string(JsonbParseState **json, JsonbIteratorToken token, const char *bytes, int length)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, bytes);
	value.val.string.len = length;
	(void) pushJsonbValue(json, token, &value);
}

static void
push_pair(JsonbParseState **json, const Crosspair *pair)
{
	(void) pushJsonbValue(json, WJB_BEGIN_ARRAY, NULL);
	push_number(json, WJB_ELEM, pair->first);
	push_number(json, WJB_ELEM, pair->second);
	for (int side = 0; side < NUM_SIDES; side++)
		for (int i = 0; i < NUM_OUTCOMES; i++)
			push_number(json, WJB_ELEM, pair->count[side][i]);
	(void) pushJsonbValue(json, WJB_END_ARRAY, NULL);
}

/*
 * The server would read the text as well, but would not see an interrupt.
 */
Datum
bixarena_tally_to_jsonb(PG_FUNCTION_ARGS)
{
	Crosstable *table = PG_GETARG_TALLY(0);
	JsonbParseState *json = NULL;

	(void) pushJsonbValue(&json, WJB_BEGIN_OBJECT, NULL);
	push_string(&json, WJB_KEY, "version", strlen("version"));
	push_number(&json, WJB_VALUE, TEXT_VERSION);
	push_string(&json, WJB_KEY, "models", strlen("models"));
	(void) pushJsonbValue(&json, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < table->num_models; i++)
		push_string(&json, WJB_ELEM, table->models[i].bytes, table->models[i].length);
	(void) pushJsonbValue(&json, WJB_END_ARRAY, NULL);
	push_string(&json, WJB_KEY, "pairs", strlen("pairs"));
	(void) pushJsonbValue(&json, WJB_BEGIN_ARRAY, NULL);
	for (int p = 0; p < table->num_pairs; p++)
	{
		CHECK_FOR_INTERRUPTS_AT(p);
		push_pair(&json, &table->pairs[p]);
	}
	(void) pushJsonbValue(&json, WJB_END_ARRAY, NULL);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&json, WJB_END_OBJECT, NULL)));
}

/*-------------------------------------------------------------------------
 * Reading
 *-------------------------------------------------------------------------
 */

static void
report_text(const TextReader *reader, const char *fault)
{
	report_fault(&reader->bytes,
				 psprintf("%s at byte %lld.", fault,
						  (long long) ((const char *) reader->bytes.next - reader->start + 1)));
}

static char
peek(TextReader *reader)
{
	while (reader->bytes.next < reader->bytes.end &&
		   strchr(" \t\n\r", *reader->bytes.next))
		reader->bytes.next++;
	return reader->bytes.next < reader->bytes.end ? *reader->bytes.next : '\0';
}

/*
 * Is this what comes next, after blanks?  Then it is passed over.
 */
static bool
skip(TextReader *reader, char sign)
{
	if (peek(reader) != sign)
		return false;
	reader->bytes.next++;
	return true;
}

static void
expect(TextReader *reader, char sign)
{
	if (!skip(reader, sign))
		report_text(reader, psprintf("\"%c\" is missing", sign));
}

static int64
expect_number(TextReader *reader, int64 limit)
{
	int64		number = 0;
	char		digit = peek(reader);

	if (digit < '0' || digit > '9')
		report_text(reader, "A number is missing");
	while (reader->bytes.next < reader->bytes.end &&
		   *reader->bytes.next >= '0' && *reader->bytes.next <= '9')
	{
		number = 10 * number + (*reader->bytes.next++ - '0');
		if (number > limit)
			report_text(reader, "A number is too large");
	}
	return number;
}

static int
read_hex(TextReader *reader)
{
	int			code = 0;

	for (int i = 0; i < 4; i++)
	{
		int			digit = reader->bytes.next < reader->bytes.end ? *reader->bytes.next : 0;

		if (digit >= '0' && digit <= '9')
			digit -= '0';
		else if (digit >= 'a' && digit <= 'f')
			digit -= 'a' - 10;
		else if (digit >= 'A' && digit <= 'F')
			digit -= 'A' - 10;
		else
			report_text(reader, "A digit of a character's code is missing");
		code = 16 * code + digit;
		reader->bytes.next++;
	}
	return code;
}

/*
 * Append the character that is written as its code, after the first u.
 */
static void
read_unicode(TextReader *reader, StringInfo string)
{
	unsigned char character[MAX_UNICODE_EQUIVALENT_STRING + 1];
	pg_wchar	code = read_hex(reader);

	if (is_utf16_surrogate_first(code) &&
		reader->bytes.end - reader->bytes.next >= 6 &&
		reader->bytes.next[0] == '\\' && reader->bytes.next[1] == 'u')
	{
		pg_wchar	second;

		reader->bytes.next += 2;
		second = read_hex(reader);
		if (!is_utf16_surrogate_second(second))
			report_text(reader, "Half a character is missing");
		code = surrogate_pair_to_codepoint(code, second);
	}
	if (code == 0 || !is_valid_unicode_codepoint(code) ||
		is_utf16_surrogate_first(code) || is_utf16_surrogate_second(code))
		report_text(reader, "There is the code of no character");
	pg_unicode_to_server(code, character);
	appendStringInfoString(string, (char *) character);
}

static void
read_escape(TextReader *reader, StringInfo string)
{
	static const char signs[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *sign;

	if (reader->bytes.next == reader->bytes.end)
		report_text(reader, "A string does not end");
	if (*reader->bytes.next == 'u')
	{
		reader->bytes.next++;
		read_unicode(reader, string);
		return;
	}
	sign = strchr(signs, *reader->bytes.next);
	if (sign == NULL)
		report_text(reader, "There is no such character");
	appendStringInfoChar(string, meant[sign - signs]);
	reader->bytes.next++;
}

static ModelKey
expect_string(TextReader *reader)
{
	StringInfoData string;
	ModelKey	key;

	if (!skip(reader, '"'))
		report_text(reader, "A string is missing");
	initStringInfo(&string);
	for (;;)
	{
		if (reader->bytes.next == reader->bytes.end || *reader->bytes.next < ' ')
			report_text(reader, "A string does not end");
		if (*reader->bytes.next == '"')
			break;
		if (*reader->bytes.next != '\\')
			appendStringInfoChar(&string, *reader->bytes.next++);
		else
		{
			reader->bytes.next++;
			read_escape(reader, &string);
		}
	}
	reader->bytes.next++;
	key.length = string.len;
	key.bytes = palloc(string.len + 1);
	memcpy(key.bytes, string.data, string.len + 1);
	pfree(string.data);
	return key;
}

/*
 * The name of a member that has not been there.
 */
static int
expect_member(TextReader *reader, bool *seen)
{
	ModelKey	name = expect_string(reader);
	int			member = 0;

	while (member < NUM_MEMBERS && strcmp(name.bytes, member_names[member]) != 0)
		member++;
	if (member == NUM_MEMBERS)
		report_text(reader, "There is no such member");
	if (seen[member])
		report_text(reader, "A member is there twice");
	seen[member] = true;
	expect(reader, ':');
	return member;
}

static void
read_model_list(TextReader *reader, Crosstable *table)
{
	int			size = 16;

	table->models = palloc(sizeof(ModelKey) * size);
	expect(reader, '[');
	if (skip(reader, ']'))
		return;
	do
	{
		if (table->num_models == MAX_MODELS)
			report_text(reader, "There are too many models");
		if (table->num_models == size)
		{
			size *= 2;
			table->models = repalloc(table->models, sizeof(ModelKey) * size);
		}
		table->models[table->num_models++] = expect_string(reader);
	} while (skip(reader, ','));
	expect(reader, ']');
}

/*
 * Read a pair: the places of two models, and six counts.
 */
static void
expect_pair(TextReader *reader, Crosspair *pair)
{
	expect(reader, '[');
	pair->first = expect_number(reader, MAX_MODELS - 1);
	expect(reader, ',');
	pair->second = expect_number(reader, MAX_MODELS - 1);
	for (int side = 0; side < NUM_SIDES; side++)
		for (int i = 0; i < NUM_OUTCOMES; i++)
		{
			expect(reader, ',');
			pair->count[side][i] = expect_number(reader, MAX_BATTLES);
		}
	expect(reader, ']');
}

static void
read_pair_list(TextReader *reader, Crosstable *table)
{
	int			size = 16;

	table->pairs = palloc(sizeof(Crosspair) * size);
	expect(reader, '[');
	if (skip(reader, ']'))
		return;
	do
	{
		CHECK_FOR_INTERRUPTS_AT(table->num_pairs);
		if (table->num_pairs == MAX_PAIRS)
			report_text(reader, "There are too many pairs");
		if (table->num_pairs == size)
		{
			size *= 2;
			table->pairs = repalloc_huge(table->pairs, mul_size(size, sizeof(Crosspair)));
		}
		expect_pair(reader, &table->pairs[table->num_pairs++]);
	} while (skip(reader, ','));
	expect(reader, ']');
}

static void
read_member(TextReader *reader, bool *seen, Crosstable *table)
{
	switch (expect_member(reader, seen))
	{
		case MEMBER_VERSION:
			if (expect_number(reader, PG_INT32_MAX) != TEXT_VERSION)
				report_text(reader, psprintf("The version is not %d", TEXT_VERSION));
			break;
		case MEMBER_MODELS:
			read_model_list(reader, table);
			break;
		case MEMBER_PAIRS:
			read_pair_list(reader, table);
			break;
	}
}

static void
read_members(TextReader *reader, Crosstable *table)
{
	bool		seen[NUM_MEMBERS] = {false};

	expect(reader, '{');
	for (int i = 0; i < NUM_MEMBERS; i++)
	{
		if (i > 0)
			expect(reader, ',');
		read_member(reader, seen, table);
	}
	expect(reader, '}');
	if (peek(reader) != '\0')
		report_text(reader, "Something follows");
}

/*
 * Do the pairs name models of the list?
 */
static bool
have_models(const Crosstable *table)
{
	for (int p = 0; p < table->num_pairs; p++)
		if (Max(table->pairs[p].first, table->pairs[p].second) >= table->num_models)
			return false;
	return true;
}

Datum
bixarena_tally_in(PG_FUNCTION_ARGS)
{
	Crosstable *table = palloc0(sizeof(Crosstable));
	TextReader	reader = {.start = PG_GETARG_CSTRING(0)};
	const char *fault;

	reader.bytes.sqlstate = ERRCODE_INVALID_TEXT_REPRESENTATION;
	reader.bytes.message = "invalid input syntax for type bixarena_tally";
	reader.bytes.next = (const unsigned char *) reader.start;
	reader.bytes.end = reader.bytes.next + strlen(reader.start);
	read_members(&reader, table);
	if (!have_models(table))
		report_fault(&reader.bytes, "A pair is of a model that it does not have.");
	canonize(table);
	fault = find_fault(table);
	if (fault)
		report_fault(&reader.bytes, fault);
	PG_RETURN_TALLY(table);
}
