/*-------------------------------------------------------------------------
 *
 * stored.c
 *	  The stored form of a tally.
 *
 *	version		one byte, STORED_VERSION
 *	models		their number; then the name of each, as its length and bytes, in
 *				the order of the bytes
 *	pairs		for each model how many later ones it has met; then these in
 *				their order.  A pair is a byte whose six low bits say which of
 *				its counts are not 0, and whose two high ones how many models
 *				stand between this and the pair before (3: the number follows,
 *				less 3); then those counts.
 *
 * The counts of a pair are won by the first model, won by the second, ties: of
 * battles in which the first model stood first, then of those in which the second
 * did.  Numbers are written in groups of seven bits, the lowest first; the high
 * bit of a byte says that another follows, and the last is never 0.
 *
 * The same battles always give the same bytes.  A value on disk may be damaged, so
 * whatever is read is checked; no bytes at all can do harm.  Memory is bounded by
 * the number of bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "value/value.h"

#define STORED_VERSION 1

/* Bits of the byte that a pair begins with */
#define NUM_COUNTS (NUM_SIDES * NUM_OUTCOMES)
#define GAP_SHIFT NUM_COUNTS
#define GAP_FOLLOWS 3

/*-------------------------------------------------------------------------
 * Writing
 *-------------------------------------------------------------------------
 */

static void
append_number(StringInfo bytes, uint64 number)
{
	while (number > 0x7F)
	{
		appendStringInfoCharMacro(bytes, (char) (number | 0x80));
		number >>= 7;
	}
	appendStringInfoCharMacro(bytes, (char) number);
}

static void
append_pair(StringInfo bytes, const Crosspair *pair, int gap)
{
	const int64 *counts = pair->count[0];
	int			head = Min(gap, GAP_FOLLOWS) << GAP_SHIFT;

	for (int i = 0; i < NUM_COUNTS; i++)
		if (counts[i] > 0)
			head |= 1 << i;
	appendStringInfoCharMacro(bytes, (char) head);
	if (gap >= GAP_FOLLOWS)
		append_number(bytes, gap - GAP_FOLLOWS);
	for (int i = 0; i < NUM_COUNTS; i++)
		if (counts[i] > 0)
			append_number(bytes, counts[i]);
}

void
append_pairs(StringInfo bytes, const Crosstable *table)
{
	int			p = 0;

	for (int first = 0; first < table->num_models; first++)
	{
		int			end = p;
		int			before = first;

		CHECK_FOR_INTERRUPTS();
		while (end < table->num_pairs && table->pairs[end].first == first)
			end++;
		append_number(bytes, end - p);
		for (; p < end; p++)
		{
			append_pair(bytes, &table->pairs[p], table->pairs[p].second - before - 1);
			before = table->pairs[p].second;
		}
	}
}

/*
 * The value of a tally.
 */
struct varlena *
pack_tally(const Crosstable *table)
{
	StringInfoData bytes;

	initStringInfo(&bytes);
	appendStringInfoSpaces(&bytes, VARHDRSZ);
	appendStringInfoChar(&bytes, STORED_VERSION);
	append_number(&bytes, table->num_models);
	for (int i = 0; i < table->num_models; i++)
	{
		append_number(&bytes, table->models[i].length);
		appendBinaryStringInfo(&bytes, table->models[i].bytes, table->models[i].length);
	}
	append_pairs(&bytes, table);
	SET_VARSIZE(bytes.data, bytes.len);
	return (struct varlena *) bytes.data;
}

/*-------------------------------------------------------------------------
 * Reading
 *-------------------------------------------------------------------------
 */

void
report_fault(const ByteReader *reader, const char *detail)
{
	ereport(ERROR,
			(errcode(reader->sqlstate),
			 errmsg_internal("%s", reader->message),
			 errdetail_internal("%s", detail)));
}

static int
read_byte(ByteReader *reader)
{
	if (reader->next == reader->end)
		report_fault(reader, "It ends too soon.");
	return *reader->next++;
}

/*
 * Read a number, which must be at most the limit.
 */
int64
read_number(ByteReader *reader, int64 limit)
{
	uint64		number = 0;
	int			byte;

	for (int shift = 0;; shift += 7)
	{
		byte = read_byte(reader);
		if (shift > 56)
			report_fault(reader, "A number is too large.");
		number |= (uint64) (byte & 0x7F) << shift;
		if ((byte & 0x80) == 0)
		{
			if (byte == 0 && shift > 0)
				report_fault(reader, "A number has a group too many.");
			break;
		}
	}
	if (number > (uint64) limit)
		report_fault(reader, "A number is too large.");
	return (int64) number;
}

static ModelKey
read_model(ByteReader *reader)
{
	ModelKey	model;

	model.length = read_number(reader, reader->end - reader->next);
	if (model.length > reader->end - reader->next)
		report_fault(reader, "It ends too soon.");
	if (!pg_verify_mbstr(GetDatabaseEncoding(), (const char *) reader->next,
						 model.length, true))
		report_fault(reader, "A model's name is no text.");
	model.bytes = palloc(model.length + 1);
	memcpy(model.bytes, reader->next, model.length);
	model.bytes[model.length] = '\0';
	reader->next += model.length;
	return model;
}

static void
read_models(ByteReader *reader, Crosstable *table)
{
	table->num_models = read_number(reader, MAX_MODELS);
	if (table->num_models > reader->end - reader->next)
		report_fault(reader, "It ends too soon.");
	table->models = palloc(sizeof(ModelKey) * (table->num_models + 1));
	for (int i = 0; i < table->num_models; i++)
	{
		table->models[i] = read_model(reader);
		if (i > 0 && compare_models(table->models[i - 1], table->models[i]) >= 0)
			report_fault(reader, "Its models are not in order.");
	}
}

/*
 * Read the next pair of a first model, whose last second one was "before".
 */
static void
read_pair(ByteReader *reader, Crosspair *pair, int num_models, int before)
{
	int64	   *counts = pair->count[0];
	int			head = read_byte(reader);
	int			gap = head >> GAP_SHIFT;

	if (gap == GAP_FOLLOWS)
		gap += read_number(reader, MAX_MODELS);
	pair->second = before + 1 + gap;
	if (pair->second >= num_models)
		report_fault(reader, "A pair is of a model that it does not have.");
	for (int i = 0; i < NUM_COUNTS; i++)
	{
		counts[i] = (head & (1 << i)) ? read_number(reader, MAX_BATTLES) : 0;
		if ((head & (1 << i)) && counts[i] == 0)
			report_fault(reader, "A count is 0.");
	}
}

/*
 * Read all pairs, up to the end.  A pair is at least two bytes, which bounds their
 * number.
 */
void
read_pairs(ByteReader *reader, Crosstable *table)
{
	Size		most = Min(MAX_PAIRS, (reader->end - reader->next) / 2);

	table->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
										  mul_size(most + 1, sizeof(Crosspair)));
	for (int first = 0; first < table->num_models; first++)
	{
		int			num_seconds = read_number(reader, table->num_models - first - 1);
		int			before = first;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < num_seconds; i++)
		{
			Crosspair  *pair = &table->pairs[table->num_pairs];

			if ((Size) table->num_pairs == most)
				report_fault(reader, "It ends too soon.");
			read_pair(reader, pair, table->num_models, before);
			pair->first = first;
			before = pair->second;
			table->num_pairs++;
		}
	}
	if (reader->next != reader->end)
		report_fault(reader, "Something follows its end.");
}

/*
 * The tally of a value.
 */
Crosstable *
unpack_tally(Datum value)
{
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);
	Crosstable *table = palloc0(sizeof(Crosstable));
	ByteReader	reader = {.sqlstate = ERRCODE_DATA_CORRUPTED};
	const char *fault;

	reader.message = "invalid stored value of type bixarena_tally";
	reader.next = (const unsigned char *) VARDATA_ANY(bytes);
	reader.end = reader.next + VARSIZE_ANY_EXHDR(bytes);
	if (read_byte(&reader) != STORED_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("a stored value of type bixarena_tally is not of version %d",
						STORED_VERSION),
				 errhint("Perhaps a newer bixarena_rank has stored it.")));
	read_models(&reader, table);
	read_pairs(&reader, table);
	fault = find_fault(table);
	if (fault)
		report_fault(&reader, fault);
	return table;
}
