/*-------------------------------------------------------------------------
 *
 * tally.c
 *	  Battles as counts by pair of models and outcome.
 *
 * A tally is made in two phases.  While battles come in, models bear the
 * numbers in which they were met and the counts of a pair are collected in a
 * hash table; the two sides of a pair may come in either order.  When all
 * have come, the models are renumbered into the canonical order that the
 * caller names and the pairs are sorted by it, so that nothing later depends
 * on the order of the input.
 *
 * Which model stood first is kept beside the counts.  Scores do not ask for it
 * unless they are to be free of what the place is worth.
 *
 * Memory: about 80 bytes a pair in the hash table, 56 in the tally; nothing
 * grows with the number of battles.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"

#include "method/method.h"

/* Room for so many pairs at first */
#define INITIAL_PAIRS 16

typedef struct PairEntry
{
	uint64		key;			/* (lower number << 32) | higher number */
	char		status;			/* used by simplehash */
	int64		count[NUM_OUTCOMES];	/* first: the lower number */
	int64		turned[NUM_OUTCOMES];	/* where the higher one stood first */
} PairEntry;

#define SH_PREFIX		pairtable
#define SH_ELEMENT_TYPE	PairEntry
#define SH_KEY_TYPE		uint64
#define SH_KEY			key
#define SH_HASH_KEY(tb, key)	hash_bytes((const unsigned char *) &(key), sizeof(key))
#define SH_EQUAL(tb, a, b)		((a) == (b))
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

struct TallyBuilder
{
	pairtable_hash *table;
	int64		num_battles;
};

static int	compare_pairs(const Pair *a, const Pair *b);

#define ST_SORT sort_pairs
#define ST_ELEMENT_TYPE Pair
#define ST_COMPARE(a, b) compare_pairs(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

void
report_too_many_models(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many models to rank"),
			 errdetail("The battles are of more than %d models.", MAX_MODELS)));
}

void
report_too_many_battles(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("too many battles to rank"),
			 errdetail("There are more than %lld battles.", (long long) MAX_BATTLES)));
}

/*
 * The same battles seen from the other side.
 */
Outcome
mirrored(Outcome outcome)
{
	switch (outcome)
	{
		case OUTCOME_FIRST:
			return OUTCOME_SECOND;
		case OUTCOME_SECOND:
			return OUTCOME_FIRST;
		case OUTCOME_TIE:
			break;
	}
	return OUTCOME_TIE;
}

static int
compare_pairs(const Pair *a, const Pair *b)
{
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->second != b->second)
		return a->second < b->second ? -1 : 1;
	return 0;
}

/*
 * Start a tally in the current memory context.
 */
TallyBuilder *
tally_begin(void)
{
	TallyBuilder *builder = palloc0(sizeof(TallyBuilder));

	builder->table = pairtable_create(CurrentMemoryContext, INITIAL_PAIRS, NULL);
	return builder;
}

/*
 * Add count battles between two different models, of which the first stood first.
 * Their numbers are the caller's; tally_finish() puts them in order.
 */
void
tally_add(TallyBuilder *builder, int model1, int model2, Outcome outcome,
		  int64 count)
{
	PairEntry  *entry;
	uint64		key;
	bool		found;
	bool		is_turned = model1 > model2;

	Assert(model1 != model2 && model1 >= 0 && model2 >= 0 && count > 0);

	if (count > MAX_BATTLES - builder->num_battles)
		report_too_many_battles();
	builder->num_battles += count;

	if (is_turned)
	{
		int			swap = model1;

		model1 = model2;
		model2 = swap;
		outcome = mirrored(outcome);
	}

	key = ((uint64) model1 << 32) | (uint64) model2;
	entry = pairtable_insert(builder->table, key, &found);
	if (!found)
	{
		memset(entry->count, 0, sizeof(entry->count));
		memset(entry->turned, 0, sizeof(entry->turned));
		if (builder->table->members > MAX_PAIRS)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many pairs of models to rank"),
					 errdetail("More than %d different pairs of models have met.",
							   MAX_PAIRS)));
	}
	entry->count[outcome] += count;
	if (is_turned)
		entry->turned[outcome] += count;
}

/*
 * Add the battles of a pair of another tally in the making.
 */
static void
pour_entry(TallyBuilder *builder, const PairEntry *entry, const int *outcomes)
{
	int			lower = entry->key >> 32;
	int			higher = entry->key & PG_UINT32_MAX;

	for (int i = 0; i < NUM_OUTCOMES; i++)
	{
		Outcome		outcome = (Outcome) outcomes[i];
		int64		turned = entry->turned[i];

		if (outcomes[i] < 0)
			continue;
		if (entry->count[i] > turned)
			tally_add(builder, lower, higher, outcome, entry->count[i] - turned);
		if (turned > 0)
			tally_add(builder, higher, lower, mirrored(outcome), turned);
	}
}

/*
 * Pour the battles of one tally in the making into another.  outcomes[o] is what
 * outcome o becomes there, or -1 where these are left out.
 */
void
tally_pour(TallyBuilder *builder, TallyBuilder *source, const int *outcomes)
{
	pairtable_iterator iterator;
	PairEntry  *entry;
	int64		num_entries = 0;

	pairtable_start_iterate(source->table, &iterator);
	while ((entry = pairtable_iterate(source->table, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS_AT(num_entries++);
		pour_entry(builder, entry, outcomes);
	}
	pairtable_destroy(source->table);
	pfree(source);
}

/*
 * The number of pairs that have met so far.
 */
int
tally_num_pairs(const TallyBuilder *builder)
{
	return builder->table->members;
}

/*
 * One pair of a finished tally: numbers put into their places, and the sides
 * swapped where that turns their order around.
 */
static Pair
renumbered_pair(int first, int second, const int64 *count, const int64 *turned)
{
	Pair		pair;

	pair.first = Min(first, second);
	pair.second = Max(first, second);
	for (int i = 0; i < NUM_OUTCOMES; i++)
	{
		Outcome		outcome = (Outcome) i;

		if (first > second)
			outcome = mirrored(outcome);
		pair.count[outcome] = count[i];
		pair.turned[outcome] = first > second ? count[i] - turned[i] : turned[i];
	}
	return pair;
}

/*
 * End a tally of num_models models.  position[i] is the place that the model
 * added as i takes; all places are different.
 */
Tally *
tally_finish(TallyBuilder *builder, int num_models, const int *position)
{
	Tally	   *tally = palloc0(sizeof(Tally));
	pairtable_iterator iterator;
	PairEntry  *entry;

	tally->num_models = num_models;
	tally->num_battles = builder->num_battles;
	tally->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
										  mul_size(builder->table->members + 1,
												   sizeof(Pair)));

	pairtable_start_iterate(builder->table, &iterator);
	while ((entry = pairtable_iterate(builder->table, &iterator)) != NULL)
	{
		CHECK_FOR_INTERRUPTS_AT(tally->num_pairs);
		tally->pairs[tally->num_pairs++] =
			renumbered_pair(position[entry->key >> 32],
							position[entry->key & PG_UINT32_MAX], entry->count,
							entry->turned);
	}
	pairtable_destroy(builder->table);
	pfree(builder);

	sort_pairs(tally->pairs, tally->num_pairs);
	return tally;
}

/*
 * The battles among some of the models.  index[i] is the number that model i
 * takes in the new tally, or -1 when it is left out.
 */
Tally *
tally_among(const Tally *tally, const int *index, int num_kept)
{
	Tally	   *among = palloc0(sizeof(Tally));

	among->num_models = num_kept;
	among->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
										  mul_size(tally->num_pairs + 1,
												   sizeof(Pair)));
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		int			first = index[pair->first];
		int			second = index[pair->second];

		CHECK_FOR_INTERRUPTS_AT(p);
		if (first < 0 || second < 0)
			continue;
		among->pairs[among->num_pairs++] = renumbered_pair(first, second, pair->count,
														   pair->turned);
		for (int i = 0; i < NUM_OUTCOMES; i++)
			among->num_battles += pair->count[i];
	}
	sort_pairs(among->pairs, among->num_pairs);
	return among;
}

/*
 * The number of battles of each model.
 */
void
tally_count_battles(const Tally *tally, int64 *battles)
{
	memset(battles, 0, sizeof(int64) * tally->num_models);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		for (int i = 0; i < NUM_OUTCOMES; i++)
		{
			battles[pair->first] += pair->count[i];
			battles[pair->second] += pair->count[i];
		}
	}
}

PairPoints
points_create(int num_pairs)
{
	Size		size = mul_size(num_pairs + 1, sizeof(double));
	PairPoints	points;

	points.first = MemoryContextAllocHuge(CurrentMemoryContext, size);
	points.second = MemoryContextAllocHuge(CurrentMemoryContext, size);
	points.ties = NULL;
	return points;
}

/*
 * What the models of each pair took off each other: a win is a point, a tie
 * half a point for either.
 */
PairPoints
tally_points(const Tally *tally)
{
	PairPoints	points = points_create(tally->num_pairs);

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const int64 *count = tally->pairs[p].count;

		CHECK_FOR_INTERRUPTS_AT(p);
		points.first[p] = count[OUTCOME_FIRST] + 0.5 * count[OUTCOME_TIE];
		points.second[p] = count[OUTCOME_SECOND] + 0.5 * count[OUTCOME_TIE];
	}
	return points;
}

/*
 * The number of the pair of two models, the first of which has the lower number; -1 if
 * they have not met.
 */
int
tally_find_pair(const Tally *tally, int first, int second)
{
	int			low = 0;
	int			high = tally->num_pairs;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const Pair *pair = &tally->pairs[middle];

		if (pair->first < first || (pair->first == first && pair->second < second))
			low = middle + 1;
		else
			high = middle;
	}
	return low < tally->num_pairs && tally->pairs[low].first == first &&
		tally->pairs[low].second == second ? low : -1;
}
