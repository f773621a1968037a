/*-------------------------------------------------------------------------
 *
 * ballot_box.c
 *	  Battles that are being gathered, until it is known how to read them.
 *
 * What a word like 0 means is known when all have been seen (outcome.c).  Until
 * then battles are counted by their two models, as they stood, and the word for
 * their outcome.  Battles of a tally come with an outcome that is decided.
 *
 * A box is the state of an aggregate.  Parallel workers each have one, pack it and
 * send it to the leader, who pours all of them together; how the words are read is
 * told by all of them, then.
 *
 * Memory: 16 bytes for each two models, order and word that was met, in a table of
 * which up to half is empty; nothing grows with the number of battles.  Words that
 * nobody reads are counted without models.  Beyond MAX_WORDS of them, or
 * MAX_TEXT_BYTES of their texts, which may have any number of blanks around, a word
 * counts as another one of the same meaning.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "value/value.h"

/* Different words, and bytes that are kept of one that nobody reads */
#define MAX_WORDS 4096
#define MAX_WORD_BYTES 240

/* Bytes of all words; as many as of words that nobody reads */
#define MAX_TEXT_BYTES (MAX_WORDS * MAX_WORD_BYTES)

/* What a message shows of words that are not kept */
#define OTHER_WORDS "..."

/* A battle's models and word as one number */
#define MODEL_BITS 11
#define MODEL_MASK ((1 << MODEL_BITS) - 1)

StaticAssertDecl(MAX_MODELS <= 1 << MODEL_BITS, "a model's number has its place");

/* Two models all met, in both orders, with three outcomes */
#define MAX_CELLS (NUM_SIDES * NUM_OUTCOMES * MAX_PAIRS)

/* Room for so many cells at first: there may be many boxes */
#define INITIAL_CELLS 4

typedef struct Cell
{
	uint64		key:56;
	uint64		status:8;		/* used by simplehash */
	int64		count;
} Cell;

#define SH_PREFIX		celltable
#define SH_ELEMENT_TYPE	Cell
#define SH_KEY_TYPE		uint64
#define SH_KEY			key
#define SH_HASH_KEY(tb, key)	((uint32) ((key) * UINT64CONST(0x9E3779B97F4A7C15) >> 32))
#define SH_EQUAL(tb, a, b)		((a) == (b))
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

struct BallotBox
{
	uint64		id;				/* no other of this process has it */
	Names		models;
	Names		words;
	celltable_hash *cells;
	int64		num_battles;	/* all, also ignored ones */
	int64		null_model;		/* ignored, as a model is missing */
	int64		same_model;		/* ignored, as they are of one model */
	int64		other_unread;	/* with words that are not kept */
};

/*
 * An empty box.
 */
BallotBox *
box_create(MemoryContext memory)
{
	static uint64 last_id = 0;
	BallotBox  *box = MemoryContextAllocZero(memory, sizeof(BallotBox));

	box->id = ++last_id;
	names_create(&box->models, memory);
	names_create(&box->words, memory);
	box->cells = celltable_create(memory, INITIAL_CELLS, NULL);
	return box;
}

/*
 * The number of a model, a new one if it is met for the first time.
 */
static int
model_number(BallotBox *box, Spelling *model)
{
	if (model->box == box->id)
		return model->number;
	model->number = find_name(&box->models, model->name, model->hash);
	if (model->number < 0)
	{
		if (box->models.number >= MAX_MODELS)
			report_too_many_models();
		model->number = add_name(&box->models, model->name, model->hash, 0);
	}
	model->box = box->id;
	return model->number;
}

static bool
has_room(const Names *words, const Spelling *word)
{
	return words->number < MAX_WORDS &&
		words->num_bytes + word->name.length <= MAX_TEXT_BYTES;
}

/*
 * Where there are too many words: one that says the same of a battle of these
 * models.
 */
static int
similar_word(BallotBox *box, const Spelling *outcome, ModelKey model1, ModelKey model2)
{
	Names	   *words = &box->words;
	Outcome		named = named_model(outcome->name.bytes, model1, model2);
	ModelKey	name = named == OUTCOME_FIRST ? model1 :
		named == OUTCOME_SECOND ? model2 : outcome->name;
	uint32		hash = hash_text(name.bytes, name.length);
	int			number = find_name(words, name, hash);

	for (int i = 0; i < words->number && number < 0 && named == OUTCOME_TIE; i++)
		if (words->list[i].meaning == outcome->meaning)
			number = i;
	return number >= 0 ? number :
		add_name(words, name, hash, outcome->meaning);
}

/*
 * The number of an outcome's word in a battle of these models.
 */
static int
word_number(BallotBox *box, Spelling *outcome, ModelKey model1, ModelKey model2)
{
	Names	   *words = &box->words;
	int			number;

	if (outcome->box == box->id)
		return FIRST_WORD + outcome->number;
	number = find_name(words, outcome->name, outcome->hash);
	if (number < 0 && !has_room(words, outcome))
		return FIRST_WORD + similar_word(box, outcome, model1, model2);
	if (number < 0)
		number = add_name(words, outcome->name, outcome->hash, outcome->meaning);
	outcome->number = number;
	outcome->box = box->id;
	return FIRST_WORD + number;
}

/*
 * Count battles with an outcome that no vocabulary reads.
 */
static void
count_unread(BallotBox *box, const Spelling *outcome, int64 count)
{
	Names	   *words = &box->words;
	Spelling	word = *outcome;
	int			number;

	if (word.name.length > MAX_WORD_BYTES)
	{
		word.name.length = pg_mbcliplen(word.name.bytes, word.name.length, MAX_WORD_BYTES);
		word.name.bytes = pnstrdup(word.name.bytes, word.name.length);
		word.hash = hash_text(word.name.bytes, word.name.length);
		word.meaning = outcome_meaning(word.name.bytes);
	}
	number = find_name(words, word.name, word.hash);
	if (number < 0 && has_room(words, &word) && word.meaning == 0)
		number = add_name(words, word.name, word.hash, word.meaning);
	if (number >= 0 && word.meaning == 0)
		words->list[number].unread += count;
	else
		box->other_unread += count;
}

static void
add_battles(BallotBox *box, int64 count)
{
	if (count > MAX_BATTLES - box->num_battles)
		report_too_many_battles();
	box->num_battles += count;
}

static void
add_cell(BallotBox *box, int model1, int model2, int word, int64 count)
{
	uint64		key = (uint64) word << 2 * MODEL_BITS | model1 << MODEL_BITS | model2;
	bool		found;
	Cell	   *cell = celltable_insert(box->cells, key, &found);

	if (!found)
	{
		cell->count = 0;
		if (box->cells->members > MAX_CELLS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many pairs of models to rank"),
					 errdetail("More than %d different pairs of models and outcomes have been met.",
							   MAX_CELLS)));
	}
	cell->count += count;
}

/*
 * Put in so many battles between two models, the first of which stood first.  The
 * outcome is NULL if there is none.
 */
void
box_put(BallotBox *box, Spelling *model1, Spelling *model2, Spelling *outcome,
		int64 count)
{
	int			first;

	add_battles(box, count);
	if (compare_models(model1->name, model2->name) == 0)
	{
		box->same_model += count;
		return;
	}
	if (outcome && outcome->meaning == 0 &&
		named_model(outcome->name.bytes, model1->name, model2->name) == OUTCOME_TIE)
	{
		count_unread(box, outcome, count);
		return;
	}
	first = model_number(box, model1);
	add_cell(box, first, model_number(box, model2),
			 outcome == NULL ? WORD_NONE :
			 word_number(box, outcome, model1->name, model2->name), count);
}

/*
 * Count battles of which a model is missing.
 */
void
box_put_nothing(BallotBox *box, int64 count)
{
	add_battles(box, count);
	box->null_model += count;
}

/*
 * Put in the battles of a tally.
 */
void
box_put_crosstable(BallotBox *box, const Crosstable *table)
{
	int		   *numbers = palloc(sizeof(int) * (table->num_models + 1));

	for (int i = 0; i < table->num_models; i++)
	{
		Spelling	model = {.name = table->models[i]};

		model.hash = hash_text(model.name.bytes, model.name.length);
		numbers[i] = model_number(box, &model);
	}
	add_battles(box, table->num_battles);
	for (int p = 0; p < table->num_pairs; p++)
	{
		const Crosspair *pair = &table->pairs[p];
		int			first = numbers[pair->first];
		int			second = numbers[pair->second];

		CHECK_FOR_INTERRUPTS_AT(p);
		for (int i = 0; i < NUM_OUTCOMES; i++)
		{
			if (pair->count[0][i] > 0)
				add_cell(box, first, second, i, pair->count[0][i]);
			if (pair->count[1][i] > 0)
				add_cell(box, second, first, mirrored((Outcome) i), pair->count[1][i]);
		}
	}
	pfree(numbers);
}

/*
 * What is in a box, in no order.
 */
Ballot *
box_ballots(const BallotBox *box, int *number)
{
	Ballot	   *ballots = MemoryContextAllocHuge(CurrentMemoryContext,
												 mul_size(box->cells->members + 1,
														  sizeof(Ballot)));
	celltable_iterator iterator;
	Cell	   *cell;

	*number = 0;
	celltable_start_iterate(box->cells, &iterator);
	while ((cell = celltable_iterate(box->cells, &iterator)) != NULL)
	{
		Ballot	   *ballot = &ballots[(*number)++];

		CHECK_FOR_INTERRUPTS_AT(*number);
		ballot->model1 = cell->key >> MODEL_BITS & MODEL_MASK;
		ballot->model2 = cell->key & MODEL_MASK;
		ballot->word = cell->key >> 2 * MODEL_BITS;
		ballot->count = cell->count;
	}
	return ballots;
}

int
box_num_models(const BallotBox *box)
{
	return box->models.number;
}

ModelKey
box_model(const BallotBox *box, int number)
{
	return listed_name(&box->models, number);
}

/*
 * A word by the number that ballots have, NULL if it is none.
 */
char *
box_word(const BallotBox *box, int number)
{
	return number < FIRST_WORD ? NULL : listed_name(&box->words, number - FIRST_WORD).bytes;
}

/*
 * Add the words that nobody reads to those that were met.
 */
void
box_tell_unread(const BallotBox *box, OutcomeWords *words)
{
	for (int i = 0; i < box->words.number; i++)
		if (box->words.list[i].unread > 0)
			(void) outcome_words_add(words, listed_name(&box->words, i).bytes,
									 OUTCOME_TIE, box->words.list[i].unread);
	if (box->other_unread > 0)
		(void) outcome_words_add(words, OTHER_WORDS, OUTCOME_TIE, box->other_unread);
}

/*
 * Battles that are ignored whatever the words mean.
 */
IgnoredBattles
box_ignored(const BallotBox *box)
{
	IgnoredBattles ignored = {.null_model = box->null_model,.same_model = box->same_model};

	return ignored;
}

static Spelling *
spellings(const Names *names)
{
	Spelling   *list = palloc0(sizeof(Spelling) * (names->number + 1));

	for (int i = 0; i < names->number; i++)
	{
		list[i].name = listed_name(names, i);
		list[i].hash = names->list[i].hash;
		list[i].meaning = names->list[i].meaning;
	}
	return list;
}

/*
 * Pour the battles of one box into another.
 */
void
box_pour(BallotBox *box, const BallotBox *source)
{
	Spelling   *models = spellings(&source->models);
	Spelling   *words = spellings(&source->words);
	celltable_iterator iterator;
	Cell	   *cell;
	int64		num_cells = 0;

	add_battles(box, source->num_battles);
	celltable_start_iterate(source->cells, &iterator);
	while ((cell = celltable_iterate(source->cells, &iterator)) != NULL)
	{
		Spelling   *model1 = &models[cell->key >> MODEL_BITS & MODEL_MASK];
		Spelling   *model2 = &models[cell->key & MODEL_MASK];
		int			word = cell->key >> 2 * MODEL_BITS;
		int			first = model_number(box, model1);

		CHECK_FOR_INTERRUPTS_AT(num_cells++);
		if (word >= FIRST_WORD)
			word = word_number(box, &words[word - FIRST_WORD], model1->name, model2->name);
		add_cell(box, first, model_number(box, model2), word, cell->count);
	}
	for (int i = 0; i < source->words.number; i++)
		if (source->words.list[i].unread > 0)
			count_unread(box, &words[i], source->words.list[i].unread);
	box->null_model += source->null_model;
	box->same_model += source->same_model;
	box->other_unread += source->other_unread;
	pfree(models);
	pfree(words);
}

/*-------------------------------------------------------------------------
 * A box as bytes, for another process of this server
 *-------------------------------------------------------------------------
 */

bytea *
box_pack(const BallotBox *box)
{
	StringInfoData bytes;
	celltable_iterator iterator;
	Cell	   *cell;
	int			num_cells = 0;

	pq_begintypsend(&bytes);
	pack_names(&bytes, &box->models);
	pack_names(&bytes, &box->words);
	pq_sendint64(&bytes, box->num_battles);
	pq_sendint64(&bytes, box->null_model);
	pq_sendint64(&bytes, box->same_model);
	pq_sendint64(&bytes, box->other_unread);
	pq_sendint32(&bytes, box->cells->members);
	celltable_start_iterate(box->cells, &iterator);
	while ((cell = celltable_iterate(box->cells, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS_AT(num_cells++);
		pq_sendint64(&bytes, cell->key);
		pq_sendint64(&bytes, cell->count);
	}
	return pq_endtypsend(&bytes);
}

BallotBox *
box_unpack(MemoryContext memory, bytea *packed)
{
	BallotBox  *box = box_create(memory);
	StringInfoData bytes;
	int			num_cells;

	initStringInfo(&bytes);
	appendBinaryStringInfo(&bytes, VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
	unpack_names(&box->models, &bytes);
	unpack_names(&box->words, &bytes);
	box->num_battles = pq_getmsgint64(&bytes);
	box->null_model = pq_getmsgint64(&bytes);
	box->same_model = pq_getmsgint64(&bytes);
	box->other_unread = pq_getmsgint64(&bytes);
	num_cells = pq_getmsgint(&bytes, 4);
	for (int i = 0; i < num_cells; i++)
	{
		uint64		key = pq_getmsgint64(&bytes);
		bool		found;

		CHECK_FOR_INTERRUPTS_AT(i);
		celltable_insert(box->cells, key, &found)->count = pq_getmsgint64(&bytes);
	}
	pq_getmsgend(&bytes);
	pfree(bytes.data);
	return box;
}
