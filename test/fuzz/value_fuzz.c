/*-------------------------------------------------------------------------
 *
 * value_fuzz.c
 *	  Fuzzes src/value: a tally is what was put in, in every form, and no bytes that
 *	  claim to be one do harm.
 *
 * The battles of an input are put into several boxes, which are packed, sent,
 * poured together and read.  What comes out must hold what plain counters hold, go
 * through each of the three forms unchanged, and come apart again.  Then each form
 * is damaged, and the bytes of the input themselves are taken for one: such bytes
 * are an error, or a tally like any other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"

#include "value/value.h"
#include "battles.h"
#include "input.h"
#include "unit.h"

const int	fuzz_max_models = 60;

/* Boxes that battles are put into */
#define MAX_BOXES 4

/* Damaged copies of each form */
#define NUM_DAMAGED 8

typedef enum Form
{
	FORM_STORED,
	FORM_TEXT,
	FORM_MESSAGE
} Form;

#define NUM_FORMS 3

/* A form and its bytes, and what was read of them */
typedef struct Formed
{
	Form		form;
	char	   *bytes;
	int			length;
	struct varlena *value;
} Formed;

/* The functions of the type, which no header has */
extern Datum bixarena_tally_in(PG_FUNCTION_ARGS);
extern Datum bixarena_tally_out(PG_FUNCTION_ARGS);
extern Datum bixarena_tally_recv(PG_FUNCTION_ARGS);
extern Datum bixarena_tally_send(PG_FUNCTION_ARGS);

static Datum
call(PGFunction function, const void *argument)
{
	LOCAL_FCINFO(fcinfo, 1);

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = PointerGetDatum(argument);
	fcinfo->args[0].isnull = false;
	return function(fcinfo);
}

static bool
are_same(const struct varlena *a, const struct varlena *b)
{
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

/*
 * That of spelling.c, which reads values of a server.
 */
uint32
hash_text(const char *bytes, int length)
{
	return hash_bytes((const unsigned char *) bytes, length);
}

/*-------------------------------------------------------------------------
 * Names and words
 *-------------------------------------------------------------------------
 */

/*
 * A model's name: one is empty, some begin alike, some need quoting.
 */
static Spelling
model_spelling(int number)
{
	static const char *const beginnings[] = {
		"m", "\"q\"\\", "line\n", "\xC3\xA4", "\xF0\x9F\x98\x80", "m\x01", "{\"a\": [0, "
	};
	Spelling	spelling = {0};

	spelling.name.bytes = number == 7 ? "" :
		psprintf("%s%d", beginnings[number % lengthof(beginnings)], number);
	spelling.name.length = strlen(spelling.name.bytes);
	spelling.hash = hash_text(spelling.name.bytes, spelling.name.length);
	return spelling;
}

/*
 * A word of one of two vocabularies that say the same.
 */
static Spelling
outcome_spelling(Outcome outcome, int way)
{
	static const char *const words[][NUM_OUTCOMES] = {
		{"model1", "model2", "tie"}, {" MODEL_1", "Model 2", "tie (bothbad)"}
	};
	Spelling	spelling = {0};

	spelling.name.bytes = unconstify(char *, words[way][outcome]);
	spelling.name.length = strlen(spelling.name.bytes);
	spelling.hash = hash_text(spelling.name.bytes, spelling.name.length);
	spelling.meaning = outcome_meaning(spelling.name.bytes);
	return spelling;
}

/*-------------------------------------------------------------------------
 * Boxes
 *-------------------------------------------------------------------------
 */

static void
put_cell(BallotBox *box, const Cell *cell, Dice *dice)
{
	Spelling	model1 = model_spelling(cell->model1);
	Spelling	model2 = model_spelling(cell->model2);
	Spelling	outcome = outcome_spelling(cell->outcome, dice_below(dice, 2));

	box_put(box, &model1, &model2, &outcome, cell->count);
}

/*
 * Some of the cells, in several boxes that are poured into one.
 */
static Crosstable *
gather(const BattleList *battles, const bool *taken, Dice *dice)
{
	BallotBox  *boxes[MAX_BOXES];
	BallotBox  *all = box_create(CurrentMemoryContext);
	Battles		read = {0};
	int			num_boxes = 1 + dice_below(dice, MAX_BOXES);

	for (int i = 0; i < num_boxes; i++)
		boxes[i] = box_create(CurrentMemoryContext);
	for (int c = 0; c < battles->num_cells; c++)
		if (taken[c])
			put_cell(boxes[dice_below(dice, num_boxes)], &battles->cells[c], dice);
	for (int i = 0; i < num_boxes; i++)
	{
		if (dice_below(dice, 2))
			boxes[i] = box_unpack(CurrentMemoryContext, box_pack(boxes[i]));
		if (dice_below(dice, 2))
			box_put_crosstable(all, box_read(boxes[i], &read));
		else
			box_pour(all, boxes[i]);
	}
	return box_read(all, &read);
}

/* Battles by who stood first, who second, and outcome */
static int64 *
count_cells(const BattleList *battles)
{
	int			n = battles->num_models;
	int64	   *counters = palloc0(sizeof(int64) * n * n * NUM_OUTCOMES);

	for (int c = 0; c < battles->num_cells; c++)
	{
		const Cell *cell = &battles->cells[c];

		counters[(cell->model1 * n + cell->model2) * NUM_OUTCOMES + cell->outcome] +=
			cell->count;
	}
	return counters;
}

static int
model_of_name(ModelKey name, int num_models)
{
	for (int i = 0; i < num_models; i++)
		if (compare_models(name, model_spelling(i).name) == 0)
			return i;
	check(false, "there is a model of no battle: %s", name.bytes);
	return -1;
}

/*
 * The crosstable holds what the counters hold, in order.
 */
static void
check_counts(const Crosstable *table, const BattleList *battles)
{
	int			n = battles->num_models;
	int64	   *counters = count_cells(battles);
	int		   *model = palloc(sizeof(int) * (table->num_models + 1));

	check(table->num_battles == battles->num_battles, "%lld battles of %lld",
		  (long long) table->num_battles, (long long) battles->num_battles);
	for (int i = 0; i < table->num_models; i++)
		model[i] = model_of_name(table->models[i], n);
	for (int p = 0; p < table->num_pairs; p++)
		for (int side = 0; side < NUM_SIDES; side++)
			for (int i = 0; i < NUM_OUTCOMES; i++)
			{
				const Crosspair *pair = &table->pairs[p];
				int			a = model[side == 0 ? pair->first : pair->second];
				int			b = model[side == 0 ? pair->second : pair->first];
				Outcome		outcome = side == 0 ? (Outcome) i : mirrored((Outcome) i);
				int64	   *counter = &counters[(a * n + b) * NUM_OUTCOMES + outcome];

				check(pair->count[side][i] == *counter,
					  "%lld battles of models %d and %d, not %lld",
					  (long long) pair->count[side][i], a, b, (long long) *counter);
				*counter = 0;
			}
	for (int i = 0; i < n * n * NUM_OUTCOMES; i++)
		check(counters[i] == 0, "battles are missing");
}

/*-------------------------------------------------------------------------
 * Forms
 *-------------------------------------------------------------------------
 */

static Formed
formed(const struct varlena *value, Form form)
{
	Formed		result = {.form = form};
	const struct varlena *bytes = value;

	if (form == FORM_TEXT)
	{
		result.bytes = DatumGetCString(call(bixarena_tally_out, value));
		result.length = strlen(result.bytes);
		return result;
	}
	if (form == FORM_MESSAGE)
		bytes = (struct varlena *) DatumGetPointer(call(bixarena_tally_send, value));
	result.length = VARSIZE(bytes) - VARHDRSZ;
	result.bytes = palloc(result.length + 1);
	memcpy(result.bytes, VARDATA(bytes), result.length);
	return result;
}

/*
 * Read a form, from a block that is not a byte longer than what is claimed.
 */
static void
read_form(void *argument)
{
	Formed	   *formed = argument;
	int			header = formed->form == FORM_STORED ? VARHDRSZ : 0;
	int			end = formed->form == FORM_TEXT ? 1 : 0;
	char	   *block = palloc(header + formed->length + end);
	StringInfoData message = {.data = block,.len = formed->length};

	memcpy(block + header, formed->bytes, formed->length);
	switch (formed->form)
	{
		case FORM_STORED:
			SET_VARSIZE(block, header + formed->length);
			formed->value = pack_tally(unpack_tally(PointerGetDatum(block)));
			break;
		case FORM_TEXT:
			block[formed->length] = '\0';
			formed->value = (struct varlena *)
				DatumGetPointer(call(bixarena_tally_in, block));
			break;
		case FORM_MESSAGE:
			formed->value = (struct varlena *)
				DatumGetPointer(call(bixarena_tally_recv, &message));
			check(message.cursor == message.len, "a message was not read to its end");
			break;
	}
}

static void
check_forms(const struct varlena *value)
{
	for (int form = 0; form < NUM_FORMS; form++)
	{
		Formed		copy = formed(value, (Form) form);

		read_form(&copy);
		check(are_same(copy.value, value), "form %d gives another tally", form);
	}
}

/*
 * The errors that a reader may report.  A message may have a name that is no text.
 */
static bool
is_expected(Form form)
{
	switch (form)
	{
		case FORM_STORED:
			return error_code == ERRCODE_DATA_CORRUPTED;
		case FORM_TEXT:
			return error_code == ERRCODE_INVALID_TEXT_REPRESENTATION;
		case FORM_MESSAGE:
			break;
	}
	return error_code == ERRCODE_INVALID_BINARY_REPRESENTATION ||
		error_code == ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
}

/*
 * Bytes of which nothing is known: an error, or a tally.  Of the stored form there
 * is one for each tally.
 */
static void
check_any(Formed *any)
{
	if (catches_error(read_form, any))
	{
		check(is_expected(any->form), "form %d: unexpected error: %s", any->form,
			  error_message);
		return;
	}
	check_forms(any->value);
	if (any->form == FORM_STORED)
		check(any->length == (int) (VARSIZE(any->value) - VARHDRSZ) &&
			  memcmp(any->bytes, VARDATA(any->value), any->length) == 0,
			  "a tally can be stored in two ways");
}

/*
 * What a server calls input as text is text.
 */
static void
clip_text(Formed *any)
{
	if (any->form == FORM_TEXT)
		any->length = pg_encoding_verifymbstr(PG_UTF8, any->bytes, any->length);
}

/*
 * Bytes changed, left out, put in, doubled and cleared.
 */
static Formed
damaged(const Formed *whole, Dice *dice)
{
	Formed		result = *whole;
	int			times = 1 + dice_below(dice, 3);

	result.bytes = palloc(whole->length * 4 + 4);
	memcpy(result.bytes, whole->bytes, whole->length);
	for (int i = 0; i < times && result.length > 0; i++)
	{
		int			place = dice_below(dice, dice_below(dice, result.length) + 1);
		char	   *at = result.bytes + place;
		int			behind = result.length - place;
		int			some = dice_below(dice, Min(behind, 8)) + 1;

		switch (dice_below(dice, 8))
		{
			case 0:
				result.length = place;
				break;
			case 1:
				memmove(at, at + some, behind - some);
				result.length -= some;
				break;
			case 2:
				memmove(at + 1, at, behind);
				result.length++;
				*at = dice_below(dice, 256);
				break;
			case 3:
				if (result.length + some > whole->length * 4)
					break;
				memmove(at + some, at, behind);
				result.length += some;
				break;
			case 4:
				*at ^= 1 << dice_below(dice, 8);
				break;
			case 5:
				*at = dice_below(dice, 256);
				break;
			case 6:
				*at = result.bytes[dice_below(dice, result.length)];
				break;
			case 7:
				memset(at, 0, some);
				break;
		}
	}
	clip_text(&result);
	return result;
}

static void
check_damage(const struct varlena *value, Dice *dice)
{
	for (int form = 0; form < NUM_FORMS; form++)
	{
		Formed		whole = formed(value, (Form) form);

		for (int i = 0; i < NUM_DAMAGED; i++)
		{
			Formed		copy = damaged(&whole, dice);

			check_any(&copy);
		}
	}
}

/*
 * The bytes of the input; and pairs of one byte each, which no valid one is, so that
 * there are more of them than half of the bytes.
 */
static void
check_raw(const FuzzInput *input)
{
	static char short_pairs[] = "\1\6\1a\1b\1c\1d\1e\1f"
		"\5\0\0\0\0\0\4\0\0\0\0\3\0\0\0\2\0\0\1\0";
	Formed		pairs = {.form = FORM_STORED,.bytes = short_pairs,.length = sizeof(short_pairs)};

	check_any(&pairs);
	for (int form = 0; form < NUM_FORMS; form++)
	{
		Formed		raw = {.form = (Form) form,.length = input->size};

		raw.bytes = palloc(input->size + 1);
		memcpy(raw.bytes, input->data, input->size);
		clip_text(&raw);
		check_any(&raw);
	}
}

/*-------------------------------------------------------------------------
 * Sums
 *-------------------------------------------------------------------------
 */

/*
 * Two tallies for combine_crosstables(), and their difference
 */
typedef struct Operands
{
	Crosstable *a;
	Crosstable *b;
} Operands;

static void
subtract(void *argument)
{
	Operands   *operands = argument;

	(void) combine_crosstables(operands->a, operands->b, -1);
}

/*
 * Battles that are divided add up again, and each part can be taken away.
 */
static void
check_sums(const FuzzInput *input, const Crosstable *all, Dice *dice)
{
	int			n = input->battles->num_cells;
	bool	   *in_a = palloc(n + 1);
	bool	   *in_b = palloc(n + 1);
	struct varlena *value = pack_tally(all);
	Operands	operands;

	for (int c = 0; c < n; c++)
		in_b[c] = !(in_a[c] = dice_below(dice, 2));
	operands.a = gather(input->battles, in_a, dice);
	operands.b = gather(input->battles, in_b, dice);
	check(are_same(pack_tally(combine_crosstables(operands.a, operands.b, 1)), value) &&
		  are_same(pack_tally(combine_crosstables(operands.b, operands.a, 1)), value),
		  "two parts are not the whole");
	check(are_same(pack_tally(combine_crosstables(all, operands.b, -1)),
				   pack_tally(operands.a)), "without one part there is not the other");
	check(combine_crosstables(all, all, -1)->num_models == 0, "something of nothing");

	/* a part that is less than the whole does not have it */
	if (operands.b->num_battles > 0)
	{
		operands.b = unconstify(Crosstable *, all);
		check(reports_error(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, subtract, &operands),
			  "more is taken away than there is");
	}
}

void
fuzz_input(FuzzInput *input)
{
	bool	   *all = palloc(input->battles->num_cells + 1);
	Crosstable *table;
	struct varlena *value;

	memset(all, true, input->battles->num_cells);
	table = gather(input->battles, all, &input->dice);
	check_counts(table, input->battles);
	value = pack_tally(table);
	check_forms(value);
	check_sums(input, table, &input->dice);
	check_damage(value, &input->dice);
	check_raw(input);
}
