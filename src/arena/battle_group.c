/*-------------------------------------------------------------------------
 *
 * battle_group.c
 *	  The battles of one leaderboard, or of a whole relation, while they come in.
 *
 * Models get numbers in the order in which they are met, and battles wait as
 * ballots by these.  What their outcomes mean is decided when all have been read
 * (outcome.c).  Then models come into their canonical order, that of their bytes,
 * and ballots become a tally.
 *
 * A group lives in the memory context in which it began; its outcomes, of which
 * messages speak later, in the one that is for the result.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/memutils.h"

#include "arena/arena.h"

/* Room for so many models at first */
#define INITIAL_SIZE 16

typedef struct ModelEntry
{
	ModelKey	key;
	char		status;			/* used by simplehash */
	int			number;			/* in the order in which they were met */
} ModelEntry;

#define SH_PREFIX		modeltable
#define SH_ELEMENT_TYPE	ModelEntry
#define SH_KEY_TYPE		ModelKey
#define SH_KEY			key
#define SH_HASH_KEY(tb, key)	hash_bytes((const unsigned char *) (key).bytes, (key).length)
#define SH_EQUAL(tb, a, b)		is_same_model(a, b)
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/*
 * A group without a battle.
 */
BattleGroup *
begin_group(char *leaderboard, MemoryContext result)
{
	BattleGroup *group = palloc0(sizeof(BattleGroup));
	MemoryContext caller;

	group->leaderboard = leaderboard;
	group->memory = CurrentMemoryContext;
	group->ballots = ballots_create();
	group->models = modeltable_create(group->memory, INITIAL_SIZE, NULL);
	caller = MemoryContextSwitchTo(result);
	group->outcomes = outcome_words_create();
	MemoryContextSwitchTo(caller);
	return group;
}

static ModelKey
copy_key(ModelKey key)
{
	key.bytes = memcpy(palloc0(key.length + 1), key.bytes, key.length);
	return key;
}

/*
 * The number of a model, a new one if it is met for the first time.
 */
static int
model_number(BattleGroup *group, ModelKey key)
{
	ModelEntry *entry = modeltable_lookup(group->models, key);
	MemoryContext caller;
	bool		found;

	if (entry)
		return entry->number;

	if (group->num_models >= MAX_MODELS)
		report_too_many_models();
	caller = MemoryContextSwitchTo(group->memory);
	entry = modeltable_insert(group->models, copy_key(key), &found);
	entry->number = group->num_models++;
	MemoryContextSwitchTo(caller);
	return entry->number;
}

/*
 * Add battles between two models with this outcome, of which it is known which model
 * it names.  The battle says under which numbers, and with which meaning; the result is
 * whether it has one.
 */
bool
add_to_group(BattleGroup *group, ModelKey model1, ModelKey model2, char *outcome,
			 Outcome named, int64 count, GroupBattle *battle)
{
	battle->meaning = outcome_words_add(group->outcomes, outcome, named, count);
	if (battle->meaning == 0)
		return false;
	battle->model1 = model_number(group, model1);
	battle->model2 = model_number(group, model2);
	ballots_add(group->ballots, battle->meaning, battle->model1, battle->model2, count);
	return true;
}

static int
compare_keys(const void *a, const void *b)
{
	return compare_models((*(ModelEntry *const *) a)->key,
						  (*(ModelEntry *const *) b)->key);
}

/*
 * The models in their canonical order; position says where each came to stand, by the
 * numbers under which they were met.
 */
static ModelKey *
order_models(BattleGroup *group, int *position)
{
	int			n = group->num_models;
	ModelEntry **entries = palloc(sizeof(ModelEntry *) * (n + 1));
	ModelKey   *models = palloc(sizeof(ModelKey) * (n + 1));
	modeltable_iterator iterator;
	ModelEntry *entry;
	int			num_entries = 0;

	modeltable_start_iterate(group->models, &iterator);
	while ((entry = modeltable_iterate(group->models, &iterator)) != NULL)
		entries[num_entries++] = entry;
	qsort(entries, n, sizeof(ModelEntry *), compare_keys);
	for (int place = 0; place < n; place++)
	{
		models[place] = copy_key(entries[place]->key);
		position[entries[place]->number] = place;
	}
	pfree(entries);
	return models;
}

/*
 * Leave out models of which no battle was read.
 */
static void
drop_idle_models(Battles *battles)
{
	const Tally *tally = battles->tally;
	int		   *index = palloc(sizeof(int) * (tally->num_models + 1));
	int64	   *count = palloc(sizeof(int64) * (tally->num_models + 1));
	int			num_kept = 0;

	tally_count_battles(tally, count);
	for (int i = 0; i < tally->num_models; i++)
		index[i] = count[i] > 0 ? num_kept++ : -1;
	if (num_kept < tally->num_models)
		keep_models(battles, index, num_kept);
}

/*
 * Read the outcomes, and bring what was read into the canonical order: also voters or
 * covariates, where not NULL, to which the same battles were added by the same numbers.
 */
Battles *
finish_group(BattleGroup *group, Voters *voters, Covariates *covariates)
{
	Battles    *battles = palloc0(sizeof(Battles));
	int			n = group->num_models;
	int		   *position = palloc(sizeof(int) * (n + 1));
	int			vocabulary;

	battles->models = order_models(group, position);
	battles->leaderboard = group->leaderboard ? pstrdup(group->leaderboard) : NULL;
	battles->outcomes = group->outcomes;
	battles->reading = read_outcomes(group->outcomes);
	vocabulary = battles->reading.vocabulary;
	battles->tally = tally_finish(ballots_count(group->ballots, vocabulary), n, position);
	battles->ignored = group->ignored;
	battles->ignored.unknown_outcome = battles->reading.unknown;
	battles->ignored.null_outcome = battles->reading.none;
	battles->voters = voters;
	battles->covariates = covariates;
	if (voters)
		voters_finish(voters, vocabulary, position);
	if (covariates)
		covariates_finish(covariates, vocabulary, position);
	if (battles->reading.unknown + battles->reading.none > 0)
		drop_idle_models(battles);
	return battles;
}

/*
 * Keep some of the models, in another order: index[i] is the new number of
 * model i, or -1.  Battles of the others are ignored from now on.
 */
void
keep_models(Battles *battles, const int *index, int num_kept)
{
	Tally	   *tally = tally_among(battles->tally, index, num_kept);
	ModelKey   *models = palloc(sizeof(ModelKey) * (num_kept + 1));

	for (int i = 0; i < battles->tally->num_models; i++)
		if (index[i] >= 0)
			models[index[i]] = battles->models[i];
	battles->ignored.unknown_model += battles->tally->num_battles -
		tally->num_battles;
	battles->tally = tally;
	battles->models = models;
	if (battles->voters)
		voters_keep(battles->voters, index);
	if (battles->covariates)
		covariates_keep(battles->covariates, index);
}
