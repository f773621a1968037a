/*-------------------------------------------------------------------------
 *
 * box_reading.c
 *	  The ballots of a box are read: what their words mean, and how often what was.
 *
 * The words are read as those of any other battles are (outcome.c), all of them
 * together, with the same rules.  What is counted keeps who stood first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "value/value.h"

/* A ballot that is not read */
#define UNREAD (-1)

static int	compare_ballots(const Ballot *a, const Ballot *b);

#define ST_SORT sort_ballots
#define ST_ELEMENT_TYPE Ballot
#define ST_COMPARE(a, b) compare_ballots(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * The order of pairs, whoever stood first.
 */
static int
compare_ballots(const Ballot *a, const Ballot *b)
{
	int			order = Min(a->model1, a->model2) - Min(b->model1, b->model2);

	return order != 0 ? order :
		Max(a->model1, a->model2) - Max(b->model1, b->model2);
}

/*
 * Decide what the words mean: each ballot's becomes an outcome, or UNREAD.
 */
static void
read_words(const BallotBox *box, Ballot *ballots, int num_ballots, Battles *battles)
{
	OutcomeWords *words = outcome_words_create();
	Meaning    *meanings = MemoryContextAllocHuge(CurrentMemoryContext,
												  mul_size(num_ballots + 1, sizeof(Meaning)));

	for (int i = 0; i < num_ballots; i++)
	{
		const Ballot *ballot = &ballots[i];
		char	   *word = box_word(box, ballot->word);

		CHECK_FOR_INTERRUPTS_AT(i);
		if (ballot->word < NUM_OUTCOMES)
			continue;
		meanings[i] = outcome_words_add(words, word,
										named_model(word, box_model(box, ballot->model1),
													box_model(box, ballot->model2)),
										ballot->count);
	}
	box_tell_unread(box, words);
	battles->outcomes = words;
	battles->reading = read_outcomes(words);
	for (int i = 0; i < num_ballots; i++)
		if (ballots[i].word >= NUM_OUTCOMES)
			ballots[i].word = meaning_in(meanings[i], battles->reading.vocabulary);
	pfree(meanings);
}

/*
 * Leave out the ballots that are not read.  Returns the number of the others.
 */
static int
keep_read(Ballot *ballots, int num_ballots)
{
	int			num_kept = 0;

	for (int i = 0; i < num_ballots; i++)
		if (ballots[i].word != UNREAD)
			ballots[num_kept++] = ballots[i];
	return num_kept;
}

/*
 * Put the models that have battles into their order, and their places there into
 * the ballots.
 */
static void
place_models(const BallotBox *box, Ballot *ballots, int num_ballots, Crosstable *table)
{
	int			n = box_num_models(box);
	bool	   *met = palloc0(n + 1);
	int		   *listed = palloc(sizeof(int) * (n + 1));
	int		   *place;

	for (int i = 0; i < num_ballots; i++)
		met[ballots[i].model1] = met[ballots[i].model2] = true;
	table->models = palloc(sizeof(ModelKey) * (n + 1));
	for (int i = 0; i < n; i++)
		if (met[i])
		{
			table->models[table->num_models] = box_model(box, i);
			listed[i] = table->num_models++;
		}
	place = order_models(table);
	for (int i = 0; i < num_ballots; i++)
	{
		ballots[i].model1 = place[listed[ballots[i].model1]];
		ballots[i].model2 = place[listed[ballots[i].model2]];
	}
}

/*
 * Count sorted ballots by pair, the side of who stood first, and outcome.
 */
static void
count_pairs(const Ballot *ballots, int num_ballots, Crosstable *table)
{
	Crosspair  *pair = NULL;
	int			most = 0;

	for (int i = 0; i < num_ballots; i++)
		most += i == 0 || compare_ballots(&ballots[i - 1], &ballots[i]) != 0;
	table->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
										  mul_size(most + 1, sizeof(Crosspair)));
	for (int i = 0; i < num_ballots; i++)
	{
		const Ballot *ballot = &ballots[i];
		bool		turned = ballot->model1 > ballot->model2;

		CHECK_FOR_INTERRUPTS_AT(i);
		if (i == 0 || compare_ballots(ballot - 1, ballot) != 0)
		{
			pair = &table->pairs[table->num_pairs++];
			memset(pair, 0, sizeof(Crosspair));
			pair->first = Min(ballot->model1, ballot->model2);
			pair->second = Max(ballot->model1, ballot->model2);
		}
		pair->count[turned][turned ? mirrored((Outcome) ballot->word) :
							(Outcome) ballot->word] += ballot->count;
		table->num_battles += ballot->count;
	}
}

/*
 * Read the ballots of a box, which stays as it is.  "battles" is told what
 * check_outcomes() and report_ignored() want to know.
 */
Crosstable *
box_read(const BallotBox *box, Battles *battles)
{
	Crosstable *table = palloc0(sizeof(Crosstable));
	int			num_ballots;
	Ballot	   *ballots = box_ballots(box, &num_ballots);

	read_words(box, ballots, num_ballots, battles);
	num_ballots = keep_read(ballots, num_ballots);
	place_models(box, ballots, num_ballots, table);
	sort_ballots(ballots, num_ballots);
	count_pairs(ballots, num_ballots, table);
	pfree(ballots);
	battles->tally = palloc0(sizeof(Tally));
	battles->tally->num_battles = table->num_battles;
	battles->ignored = box_ignored(box);
	battles->ignored.unknown_outcome = battles->reading.unknown;
	battles->ignored.null_outcome = battles->reading.none;
	return table;
}
