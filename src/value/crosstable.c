/*-------------------------------------------------------------------------
 *
 * crosstable.c
 *	  What a tally holds: put in order, added, taken away, and ranked as battles.
 *
 * A crosstable is canonical: models ascend by their bytes and pairs by their
 * models, and nothing is in it that has no battle.  So equal tallies have equal
 * bytes, and two are added as two sorted lists are merged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "value/value.h"

static int	compare_crosspairs(const Crosspair *a, const Crosspair *b);

#define ST_SORT sort_crosspairs
#define ST_ELEMENT_TYPE Crosspair
#define ST_COMPARE(a, b) compare_crosspairs(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static int
compare_crosspairs(const Crosspair *a, const Crosspair *b)
{
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	if (a->second != b->second)
		return a->second < b->second ? -1 : 1;
	return 0;
}

/*
 * The same battles, with the other model first.
 */
static void
turn_pair(Crosspair *pair)
{
	Crosspair	turned = {.first = pair->second,.second = pair->first};

	for (int side = 0; side < NUM_SIDES; side++)
		for (int i = 0; i < NUM_OUTCOMES; i++)
			turned.count[NUM_SIDES - 1 - side][mirrored((Outcome) i)] = pair->count[side][i];
	*pair = turned;
}

/* A model, and where it stands in a list */
typedef struct ListedModel
{
	ModelKey	model;
	int			place;
} ListedModel;

static int
compare_listed(const void *a, const void *b)
{
	return compare_models(((const ListedModel *) a)->model,
						  ((const ListedModel *) b)->model);
}

/*
 * Bring the models, which were listed in any order, into theirs.  Returns the place
 * there of each that was listed.
 */
int *
order_models(Crosstable *table)
{
	int			n = table->num_models;
	ListedModel *listed = palloc(sizeof(ListedModel) * (n + 1));
	int		   *place = palloc(sizeof(int) * (n + 1));

	for (int i = 0; i < n; i++)
	{
		listed[i].model = table->models[i];
		listed[i].place = i;
	}
	qsort(listed, n, sizeof(ListedModel), compare_listed);
	for (int i = 0; i < n; i++)
	{
		table->models[i] = listed[i].model;
		place[listed[i].place] = i;
	}
	pfree(listed);
	return place;
}

/*
 * Bring models and pairs, which were listed in any order, into theirs.
 */
void
canonize(Crosstable *table)
{
	int		   *place = order_models(table);

	for (int p = 0; p < table->num_pairs; p++)
	{
		Crosspair  *pair = &table->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		pair->first = place[pair->first];
		pair->second = place[pair->second];
		if (pair->first > pair->second)
			turn_pair(pair);
	}
	sort_crosspairs(table->pairs, table->num_pairs);
	pfree(place);
}

/*
 * Count the battles of the pairs, and which models have any.  What is wrong with
 * one of the pairs, or NULL.
 */
static const char *
count_battles(const Crosstable *table, int64 *num_battles, bool *met)
{
	*num_battles = 0;
	for (int p = 0; p < table->num_pairs; p++)
	{
		const Crosspair *pair = &table->pairs[p];
		int64		before = *num_battles;

		CHECK_FOR_INTERRUPTS_AT(p);
		if (pair->first == pair->second)
			return "A pair is of a model and itself.";
		if (p > 0 && compare_crosspairs(pair - 1, pair) >= 0)
			return "A pair is there twice.";
		for (int i = 0; i < NUM_SIDES * NUM_OUTCOMES; i++)
		{
			*num_battles += pair->count[i / NUM_OUTCOMES][i % NUM_OUTCOMES];
			if (*num_battles > MAX_BATTLES)
				return "It has too many battles.";
		}
		if (*num_battles == before)
			return "A pair has no battle.";
		met[pair->first] = met[pair->second] = true;
	}
	return NULL;
}

/*
 * What is wrong with a crosstable that came from outside and is in order, or NULL.
 * Its battles are counted.
 */
const char *
find_fault(Crosstable *table)
{
	bool	   *met = palloc0(table->num_models + 1);
	const char *fault = count_battles(table, &table->num_battles, met);

	for (int i = 0; i < table->num_models && fault == NULL; i++)
	{
		if (i > 0 && compare_models(table->models[i - 1], table->models[i]) >= 0)
			fault = "A model is there twice.";
		else if (!met[i])
			fault = "A model has no battle.";
	}
	pfree(met);
	return fault;
}

/*
 * Merge the models of two crosstables.  Tells the place of each one's models in the
 * result.
 */
static void
merge_models(Crosstable *result, const Crosstable *a, int *places_a,
			 const Crosstable *b, int *places_b)
{
	int			i = 0,
				j = 0;

	result->models = palloc(sizeof(ModelKey) * (a->num_models + b->num_models + 1));
	while (i < a->num_models || j < b->num_models)
	{
		int			order = i == a->num_models ? 1 : j == b->num_models ? -1 :
			compare_models(a->models[i], b->models[j]);

		result->models[result->num_models] = order <= 0 ? a->models[i] : b->models[j];
		if (order <= 0)
			places_a[i++] = result->num_models;
		if (order >= 0)
			places_b[j++] = result->num_models;
		result->num_models++;
	}
}

/*
 * A pair of a crosstable with its models' places in another, and for want of a pair
 * one that comes after all others.
 */
static Crosspair
placed_pair(const Crosstable *table, int p, const int *places)
{
	Crosspair	pair = {.first = MAX_MODELS * NUM_SIDES};

	if (p < table->num_pairs)
	{
		pair = table->pairs[p];
		pair.first = places[pair.first];
		pair.second = places[pair.second];
	}
	return pair;
}

static void
report_missing_battles(const Crosstable *table, const Crosspair *pair)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("a tally does not have the battles that are to be taken from it"),
			 errdetail("It has fewer between \"%s\" and \"%s\".",
					   table->models[pair->first].bytes,
					   table->models[pair->second].bytes)));
}

/*
 * Add the battles of a pair to another, or take them away.  Returns how many are
 * there, then.
 */
static int64
add_counts(const Crosstable *table, Crosspair *pair, const Crosspair *other, int sign)
{
	int64		sum = 0;

	for (int i = 0; i < NUM_SIDES * NUM_OUTCOMES; i++)
	{
		int64	   *count = &pair->count[i / NUM_OUTCOMES][i % NUM_OUTCOMES];

		*count += sign * other->count[i / NUM_OUTCOMES][i % NUM_OUTCOMES];
		if (*count < 0)
			report_missing_battles(table, pair);
		sum += *count;
	}
	return sum;
}

/*
 * Merge the pairs of two crosstables, whose order is the same in both.
 */
static void
merge_pairs(Crosstable *result, const Crosstable *a, const int *places_a,
			const Crosstable *b, const int *places_b, int sign)
{
	Size		most = add_size(a->num_pairs, b->num_pairs) + 1;
	int			i = 0,
				j = 0;

	result->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(most, sizeof(Crosspair)));
	while (i < a->num_pairs || j < b->num_pairs)
	{
		Crosspair	pair = placed_pair(a, i, places_a);
		Crosspair	other = placed_pair(b, j, places_b);
		int			order = compare_crosspairs(&pair, &other);
		int64		num_battles;

		CHECK_FOR_INTERRUPTS_AT(Max(i, j));
		if (order > 0)
		{
			memset(pair.count, 0, sizeof(pair.count));
			pair.first = other.first;
			pair.second = other.second;
		}
		if (order < 0)
			memset(other.count, 0, sizeof(other.count));
		i += order <= 0;
		j += order >= 0;
		num_battles = add_counts(result, &pair, &other, sign);
		if (num_battles > 0)
			result->pairs[result->num_pairs++] = pair;
		result->num_battles += num_battles;
	}
}

/*
 * Leave out models that have no battle left.
 */
static void
drop_idle_models(Crosstable *table)
{
	bool	   *met = palloc0(table->num_models + 1);
	int		   *place = palloc(sizeof(int) * (table->num_models + 1));
	int			num_kept = 0;

	for (int p = 0; p < table->num_pairs; p++)
		met[table->pairs[p].first] = met[table->pairs[p].second] = true;
	for (int i = 0; i < table->num_models; i++)
		if (met[i])
		{
			table->models[num_kept] = table->models[i];
			place[i] = num_kept++;
		}
	table->num_models = num_kept;
	for (int p = 0; p < table->num_pairs; p++)
	{
		table->pairs[p].first = place[table->pairs[p].first];
		table->pairs[p].second = place[table->pairs[p].second];
	}
	pfree(met);
	pfree(place);
}

/*
 * The battles of two tallies together (sign 1), or those of the first that are not
 * in the second (-1).
 */
Crosstable *
combine_crosstables(const Crosstable *a, const Crosstable *b, int sign)
{
	Crosstable *result = palloc0(sizeof(Crosstable));
	int		   *places_a = palloc(sizeof(int) * (a->num_models + 1));
	int		   *places_b = palloc(sizeof(int) * (b->num_models + 1));

	if (sign > 0 && a->num_battles > MAX_BATTLES - b->num_battles)
		report_too_many_battles();
	merge_models(result, a, places_a, b, places_b);
	merge_pairs(result, a, places_a, b, places_b, sign);
	drop_idle_models(result);
	if (result->num_models > MAX_MODELS)
		report_too_many_models();
	return result;
}

/*
 * The battles of a crosstable as the method knows them.
 */
Battles *
crosstable_battles(const Crosstable *table)
{
	Battles    *battles = palloc0(sizeof(Battles));
	Tally	   *tally = palloc0(sizeof(Tally));

	tally->num_models = table->num_models;
	tally->num_pairs = table->num_pairs;
	tally->num_battles = table->num_battles;
	tally->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
										  mul_size(table->num_pairs + 1, sizeof(Pair)));
	for (int p = 0; p < table->num_pairs; p++)
	{
		const Crosspair *pair = &table->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		tally->pairs[p].first = pair->first;
		tally->pairs[p].second = pair->second;
		for (int i = 0; i < NUM_OUTCOMES; i++)
		{
			tally->pairs[p].count[i] = pair->count[0][i] + pair->count[1][i];
			tally->pairs[p].turned[i] = pair->count[1][i];
		}
	}
	battles->tally = tally;
	battles->models = table->models;
	return battles;
}
