/*-------------------------------------------------------------------------
 *
 * outcome_test.c
 *	  Tests of outcome.c and ballots.c: what outcomes mean as a column.
 *
 * A vocabulary that is chosen wrongly turns a ranking around without a word, and
 * so do battles that are counted under another one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "method/method.h"
#include "battles.h"
#include "unit.h"

#define NUM_COLUMNS scaled(2000)
#define MODELS 5

/* Words of all kinds: each line those of one way of writing */
static char *const ways[][4] = {
	{"model1", "Model_2", "tie", NULL}, {"a", "B", "draw", NULL},
	{"left", " right ", "tie", NULL}, {"H", "A", "D", NULL},
	{"w", "l", "t", NULL}, {"1", "2", "0", NULL}, {"1.0", "0.0", "0.5", NULL},
	{"1", "-1", "0", NULL}, {"1-0", "0-1", "1/2-1/2", NULL},
	{"A>B", "[[B>>A]]", "A=B", NULL}, {"t", "f", NULL, NULL},
	{"true", "False", "null", NULL}, {"what", "ever", "tie", NULL},
};

/* One battle of a column; who is named, if somebody is */
typedef struct Vote
{
	int			model1;
	int			model2;
	char	   *word;
	Outcome		named;
	int64		count;
} Vote;

/* A column in one way, or with some words of another */
static Vote *
random_votes(Dice *dice, int num_votes)
{
	Vote	   *votes = palloc(sizeof(Vote) * num_votes);
	int			way = dice_below(dice, lengthof(ways));
	int			other = dice_below(dice, lengthof(ways));
	double		share = dice_below(dice, 3) * 0.02;
	double		names = dice_below(dice, 3) * 0.4;

	for (int i = 0; i < num_votes; i++)
	{
		Vote	   *vote = &votes[i];

		vote->model1 = dice_below(dice, MODELS);
		vote->model2 = (vote->model1 + 1 + dice_below(dice, MODELS - 1)) % MODELS;
		vote->word = ways[dice_double(dice) < share ? other : way][dice_below(dice, 3)];
		vote->named = dice_double(dice) < names ? dice_below(dice, 2) : OUTCOME_TIE;
		if (vote->word == NULL)
			vote->named = OUTCOME_TIE;
		vote->count = 1 + dice_below(dice, 9);
	}
	return votes;
}

static int64
tally_count(const Tally *tally, int first, int second, Outcome outcome)
{
	for (int p = 0; p < tally->num_pairs; p++)
		if (tally->pairs[p].first == first && tally->pairs[p].second == second)
			return tally->pairs[p].count[outcome];
	return 0;
}

/*
 * Count the votes by a vocabulary with nothing but a matrix.
 */
static void
check_count(const Vote *votes, const Meaning *meanings, int num_votes,
			int vocabulary, const Tally *tally)
{
	int64		expected[MODELS][MODELS][NUM_OUTCOMES] = {0};

	for (int i = 0; i < num_votes; i++)
	{
		const Vote *vote = &votes[i];
		int			outcome = meaning_in(meanings[i], vocabulary);

		if (outcome == OUTCOME_TIE)
			expected[Min(vote->model1, vote->model2)][Max(vote->model1, vote->model2)][OUTCOME_TIE] += vote->count;
		else if (outcome >= 0)
		{
			int			winner = outcome == OUTCOME_FIRST ? vote->model1 : vote->model2;

			expected[Min(vote->model1, vote->model2)][Max(vote->model1, vote->model2)]
				[winner < vote->model1 + vote->model2 - winner ? OUTCOME_FIRST : OUTCOME_SECOND] += vote->count;
		}
	}
	for (int a = 0; a < MODELS; a++)
		for (int b = a + 1; b < MODELS; b++)
			for (int o = 0; o < NUM_OUTCOMES; o++)
				check(tally_count(tally, a, b, o) == expected[a][b][o],
					  "vocabulary %d: %lld of outcome %d between %d and %d, not %lld",
					  vocabulary, (long long) tally_count(tally, a, b, o), o, a, b,
					  (long long) expected[a][b][o]);
}

/* Protects the counts: whatever vocabulary is chosen, none but its are counted */
static void
test_ballots(void)
{
	Dice		dice = {23};
	int			identity[MODELS] = {0, 1, 2, 3, 4};

	for (int c = 0; c < NUM_COLUMNS; c++)
	{
		int			num_votes = 1 + dice_below(&dice, 60);
		Vote	   *votes = random_votes(&dice, num_votes);
		Meaning    *meanings = palloc(sizeof(Meaning) * num_votes);
		OutcomeWords *words = outcome_words_create();
		Ballots    *ballots = ballots_create();
		int			vocabulary;

		for (int i = 0; i < num_votes; i++)
		{
			const Vote *vote = &votes[i];

			meanings[i] = outcome_words_add(words, vote->word, vote->named, vote->count);
			if (meanings[i] != 0)
				ballots_add(ballots, meanings[i], vote->model1, vote->model2, vote->count);
		}
		/* the one chosen, and any other */
		vocabulary = c % 2 ? read_outcomes(words).vocabulary :
			dice_below(&dice, NUM_VOCABULARIES);
		check_count(votes, meanings, num_votes, vocabulary,
					tally_finish(ballots_count(ballots, vocabulary), MODELS, identity));
		release_memory();
	}
}

/*
 * How a column of so many of each word is read.
 */
static OutcomeReading
read_column(char *const *words, const int *counts, int number)
{
	OutcomeWords *column = outcome_words_create();

	for (int i = 0; i < number; i++)
		(void) outcome_words_add(column, words[i], OUTCOME_TIE, counts[i]);
	return read_outcomes(column);
}

/* Protects the choice: each way of writing is found, in any order */
static void
test_choice(void)
{
	static const int expected[] = {
		VOCABULARY_NUMBERED, VOCABULARY_LETTERED, VOCABULARY_SIDES,
		VOCABULARY_HOME_LETTERS, VOCABULARY_RESULT, VOCABULARY_ONE_TWO,
		VOCABULARY_POINTS, VOCABULARY_SIGN, VOCABULARY_GAME,
		VOCABULARY_COMPARISON, VOCABULARY_BOOLEAN, VOCABULARY_BOOLEAN
	};
	const int	counts[] = {5, 4, 3};

	for (int way = 0; way < (int) lengthof(expected); way++)
		for (int turn = 0; turn < 3; turn++)
		{
			char	   *words[3];
			OutcomeReading reading;

			for (int i = 0; i < 3; i++)
				words[i] = ways[way][(i + turn) % 3];
			reading = read_column(words, counts, 3);
			check(reading.vocabulary == expected[way] && reading.rival < 0,
				  "way %d is read as %d (rival %d)", way, reading.vocabulary,
				  reading.rival);
			check(reading.unknown == 0 && reading.none == 0,
				  "way %d is not read in full", way);
		}
}

/* Protects from guesses: what can be read in two ways has a rival */
static void
test_rivals(void)
{
	static char *const doubtful[][2] = {
		{"1", "0"}, {"0", "0"}, {"0", "tie"}, {"t", "tie"}, {"left", "white"}
	};
	static char *const clear[][2] = {
		{"1", "1"}, {"1", "tie"}, {"a", "a"}, {"a", "tie"}, {"0", "2"}, {"0", "-1"},
		{"0", "0.5"}, {"tie", "draw"}, {"what", "ever"}, {"2", "1.5"}, {"d", "tie"}
	};
	const int	counts[] = {2, 2};

	for (int i = 0; i < (int) lengthof(doubtful); i++)
		check(read_column(doubtful[i], counts, 2).rival >= 0,
			  "%s and %s are not in doubt", doubtful[i][0], doubtful[i][1]);
	for (int i = 0; i < (int) lengthof(clear); i++)
		check(read_column(clear[i], counts, 2).rival < 0,
			  "%s and %s are in doubt", clear[i][0], clear[i][1]);
}

/* Protects memory, and the counts of what is not held */
static void
test_many_words(void)
{
	OutcomeWords *words = outcome_words_create();
	char	   *list;
	OutcomeReading reading;

	for (int i = 0; i < 100000; i++)
		(void) outcome_words_add(words, psprintf("%d %0200d", i, i), OUTCOME_TIE, 1);
	(void) outcome_words_add(words, "left", OUTCOME_TIE, 3);
	(void) outcome_words_add(words, "right", OUTCOME_TIE, 2);
	reading = read_outcomes(words);
	check(reading.vocabulary == VOCABULARY_SIDES && reading.unknown == 100000,
		  "read as %d, %lld unknown", reading.vocabulary, (long long) reading.unknown);
	list = list_outcomes(words, reading.vocabulary, false);
	check(strlen(list) < 500, "a message has %zu bytes", strlen(list));
}

/* Protects what a message says of names: all their battles, in whatever order */
static void
test_names(void)
{
	static const Vote votes[] = {
		{0, 1, "ann", OUTCOME_FIRST, 5}, {1, 2, "ann", OUTCOME_TIE, 3},
		{0, 1, "left", OUTCOME_TIE, 90}, {1, 2, "bob", OUTCOME_FIRST, 7},
		{2, 0, "ann", OUTCOME_SECOND, 4}
	};
	Dice		dice = {24};

	for (int turn = 0; turn < 20; turn++)
	{
		OutcomeWords *words = outcome_words_create();
		int		   *order = dice_permutation(&dice, lengthof(votes));
		char	   *list;
		bool		is_name;

		for (int i = 0; i < (int) lengthof(votes); i++)
		{
			const Vote *vote = &votes[order[i]];

			(void) outcome_words_add(words, vote->word, vote->named, vote->count);
		}
		list = list_outcomes(words, VOCABULARY_SIDES, false);
		check(strcmp(list, "\"ann\" (12), \"bob\" (7)") == 0, "not read: %s", list);
		list = list_outcomes(words, VOCABULARY_NAMES, true);
		check(*list == '\0', "names are listed: %s", list);
		check(unread_example(words, VOCABULARY_SIDES, &is_name) && !is_name,
			  "a word is no name where it is not");
	}
}

/* Protects memory and counts: millions of battles whose outcome is in doubt */
static void
test_many_rows(void)
{
	OutcomeWords *words = outcome_words_create();
	Ballots    *ballots = ballots_create();
	int			identity[MODELS] = {0, 1, 2, 3, 4};
	int64		expected[MODELS] = {0};
	char	   *const column[] = {"1", "0", "0.5"};
	Tally	   *tally;

	for (int i = 0; i < 4000000; i++)
	{
		char	   *word = column[i % 3];
		int			a = i % MODELS;
		int			b = (a + 1 + i / MODELS % (MODELS - 1)) % MODELS;

		ballots_add(ballots, outcome_words_add(words, word, OUTCOME_TIE, 1), a, b, 1);
		if (i % 3 < 2)
			expected[i % 3 == 0 ? a : b]++;
	}
	tally = tally_finish(ballots_count(ballots, read_outcomes(words).vocabulary),
						 MODELS, identity);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		expected[tally->pairs[p].first] -= tally->pairs[p].count[OUTCOME_FIRST];
		expected[tally->pairs[p].second] -= tally->pairs[p].count[OUTCOME_SECOND];
	}
	check(tally->num_battles == 4000000, "%lld battles", (long long) tally->num_battles);
	for (int i = 0; i < MODELS; i++)
		check(expected[i] == 0, "model %d has %lld wins too few", i, (long long) expected[i]);
}

const UnitTest outcome_tests[] = {
	{"battles are counted under the vocabulary that is chosen", test_ballots},
	{"each way of writing outcomes is found", test_choice},
	{"what can be read in two ways is in doubt", test_rivals},
	{"any number of words needs little memory", test_many_words},
	{"battles of names are told, in any order", test_names},
	{"any number of battles in doubt is counted", test_many_rows},
	{NULL, NULL}
};
