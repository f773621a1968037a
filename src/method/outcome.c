/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  The words for who won.
 *
 * Votes come from many hands, and people write an outcome down in many ways.
 * Some words mean two things: 0 is a tie beside 1 and 2, and a defeat beside 1
 * and 0.5.  So no word is read by itself.  A word has a meaning in each of some
 * vocabularies, and the vocabulary is chosen for all outcomes together: the one
 * that reads the most battles.  Where another would read as many, but otherwise,
 * nobody can know, and the caller refuses.
 *
 * Here outcomes are words with counts and nothing else; the battles themselves
 * wait elsewhere, by their words' meanings (ballots.c), until it is known how to
 * read them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "method/method.h"

/* Bytes of a word that a message shows; longer ones are in no vocabulary */
#define WORD_LENGTH 60

/* Words, and names, that are held for messages, and how many a message shows */
#define MAX_WORDS 1000
#define NUM_EXAMPLES 5

/* More than all meanings that the words below can have, named or not */
#define MAX_MEANINGS 128

#define FIRST_IN(vocabulary) MEANS(VOCABULARY_##vocabulary, OUTCOME_FIRST)
#define SECOND_IN(vocabulary) MEANS(VOCABULARY_##vocabulary, OUTCOME_SECOND)
#define TIE_IN(vocabulary) MEANS(VOCABULARY_##vocabulary, OUTCOME_TIE)

/* A tie wherever it stands */
#define TIE_IN_ALL (((Meaning) 1 << 2 * NUM_VOCABULARIES) - 1)

/* No outcome, but beside true and false, where a null is what is neither */
#define NONE TIE_IN(BOOLEAN)

typedef struct VocabularyWord
{
	const char *word;			/* in small letters */
	Meaning		meaning;
} VocabularyWord;

static const VocabularyWord vocabulary_words[] = {
	{"left", FIRST_IN(SIDES)}, {"right", SECOND_IN(SIDES)},
	{"leftvote", FIRST_IN(SIDES)}, {"rightvote", SECOND_IN(SIDES)},
	{"first", FIRST_IN(ORDER)}, {"second", SECOND_IN(ORDER)},
	{"white", FIRST_IN(COLOURS)}, {"black", SECOND_IN(COLOURS)},
	{"home", FIRST_IN(HOME)}, {"away", SECOND_IN(HOME)},
	{"h", FIRST_IN(HOME_LETTERS)},
	{"a", FIRST_IN(LETTERED) | SECOND_IN(HOME_LETTERS)},
	{"b", SECOND_IN(LETTERED)}, {"[[c]]", TIE_IN(LETTERED)},
	{"win", FIRST_IN(RESULT)}, {"loss", SECOND_IN(RESULT)},
	{"wins", FIRST_IN(RESULT)}, {"loses", SECOND_IN(RESULT)},
	{"won", FIRST_IN(RESULT)}, {"lost", SECOND_IN(RESULT)},
	{"w", FIRST_IN(RESULT)}, {"l", SECOND_IN(RESULT)},
	{"lose", SECOND_IN(RESULT)},
	{"d", TIE_IN(RESULT) | TIE_IN(HOME_LETTERS)},
	{"t", TIE_IN(RESULT) | FIRST_IN(BOOLEAN)},
	{"f", SECOND_IN(BOOLEAN)},
	{"true", FIRST_IN(BOOLEAN)}, {"false", SECOND_IN(BOOLEAN)},
	{"1", FIRST_IN(ONE_TWO) | FIRST_IN(POINTS) | FIRST_IN(SIGN)},
	{"0", TIE_IN(ONE_TWO) | SECOND_IN(POINTS) | TIE_IN(SIGN)},
	{"2", SECOND_IN(ONE_TWO)}, {"-1", SECOND_IN(SIGN)},
	{"1.5", TIE_IN(ONE_TWO)}, {"x", TIE_IN(ONE_TWO)},
	{"0.5", TIE_IN(POINTS)}, {"1/2", TIE_IN(POINTS)},
	{"1-0", FIRST_IN(GAME)}, {"0-1", SECOND_IN(GAME)},
	{"1/2-1/2", TIE_IN(GAME)}, {"0.5-0.5", TIE_IN(GAME)},
	{"a>b", FIRST_IN(COMPARISON)}, {"a<b", SECOND_IN(COMPARISON)},
	{"a>>b", FIRST_IN(COMPARISON)}, {"a<<b", SECOND_IN(COMPARISON)},
	{"b<a", FIRST_IN(COMPARISON)}, {"b>a", SECOND_IN(COMPARISON)},
	{"b<<a", FIRST_IN(COMPARISON)}, {"b>>a", SECOND_IN(COMPARISON)},
	{"a=b", TIE_IN(COMPARISON)}, {"b=a", TIE_IN(COMPARISON)},
	{">", FIRST_IN(COMPARISON)}, {"<", SECOND_IN(COMPARISON)},
	{">>", FIRST_IN(COMPARISON)}, {"<<", SECOND_IN(COMPARISON)},
	{"=", TIE_IN(COMPARISON)},
	{"tie", TIE_IN_ALL}, {"draw", TIE_IN_ALL},
	{"tied", TIE_IN_ALL}, {"drawn", TIE_IN_ALL}, {"tievote", TIE_IN_ALL},
	{"tie (bothbad)", TIE_IN_ALL}, {"tie (both bad)", TIE_IN_ALL},
	{"tie (inconsistent)", TIE_IN_ALL}, {"bothbad_vote", TIE_IN_ALL},
	{"bothbad", TIE_IN_ALL}, {"both_bad", TIE_IN_ALL}, {"both bad", TIE_IN_ALL},
	{"null", NONE}, {"none", NONE}, {"nan", NONE}
};

/* What model1 and model_a can be called besides */
static const char *const nouns[] = {
	"model", "output", "response", "answer", "assistant", "player", "team"
};

/* A vocabulary as a message names it */
static const char *const vocabulary_names[NUM_VOCABULARIES] = {
	[VOCABULARY_NUMBERED] = "model1, model2",
	[VOCABULARY_LETTERED] = "a, b",
	[VOCABULARY_SIDES] = "left, right",
	[VOCABULARY_ORDER] = "first, second",
	[VOCABULARY_COLOURS] = "white, black",
	[VOCABULARY_HOME] = "home, away",
	[VOCABULARY_HOME_LETTERS] = "H, A, D",
	[VOCABULARY_RESULT] = "win, loss",
	[VOCABULARY_ONE_TWO] = "1, 2, 0",
	[VOCABULARY_POINTS] = "1, 0, 0.5",
	[VOCABULARY_SIGN] = "1, -1, 0",
	[VOCABULARY_GAME] = "1-0, 0-1",
	[VOCABULARY_COMPARISON] = "A>B, B>A",
	[VOCABULARY_BOOLEAN] = "true, false",
	[VOCABULARY_NAMES] = "the models' names"
};

static const char *const outcome_names[NUM_OUTCOMES] = {
	"the first model won", "the second model won", "a tie"
};

/* A word as it was met */
typedef struct WordEntry
{
	char	   *word;
	char		status;			/* used by simplehash */
	Meaning		meaning;
	int64		count;
	int64		named;			/* of these, of a battle of a model of that
								 * name */
} WordEntry;

#define SH_PREFIX		wordtable
#define SH_ELEMENT_TYPE	WordEntry
#define SH_KEY_TYPE		char *
#define SH_KEY			word
#define SH_HASH_KEY(tb, key)	hash_bytes((const unsigned char *) (key), strlen(key))
#define SH_EQUAL(tb, a, b)		(strcmp(a, b) == 0)
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

typedef struct MeaningCount
{
	Meaning		meaning;
	int64		count;
} MeaningCount;

struct OutcomeWords
{
	wordtable_hash *table;		/* of MAX_WORDS at most, and as many names */
	int			num_names;		/* of these: were names when they were met */
	MemoryContext memory;
	int			num_meanings;
	MeaningCount meanings[MAX_MEANINGS];	/* of all words, but unknown ones */
	int64		unknown;		/* battles whose word means nothing */
	char	   *tie_name;		/* a word for a tie that is a model's name */
};

/*
 * The length of the blank that a text begins with, 0 if it is none.  Besides
 * ASCII's there are those that spreadsheets and web pages leave behind.
 */
static int
blank_length(const char *string)
{
	static const char *const wide[] = {"\xC2\xA0", "\xE3\x80\x80", "\xEF\xBB\xBF"};

	if (*string && strchr(" \t\n\r\f\v", *string))
		return 1;
	for (Size i = 0; i < lengthof(wide); i++)
		if (strncmp(string, wide[i], strlen(wide[i])) == 0)
			return strlen(wide[i]);
	return 0;
}

/*
 * Append to a word what stands at the beginning of a text: a small letter, or
 * what is meant by a sign that typography has instead.  Returns the bytes read.
 */
static int
append_character(char *word, int *length, const char *string)
{
	static const char *const signs[][2] = {
		{"\xE2\x88\x92", "-"}, {"\xE2\x80\x90", "-"}, {"\xE2\x80\x91", "-"},
		{"\xE2\x80\x93", "-"}, {"\xC2\xBD", "1/2"}
	};

	if (IS_HIGHBIT_SET(*string))
		for (Size i = 0; i < lengthof(signs); i++)
			if (strncmp(string, signs[i][0], strlen(signs[i][0])) == 0)
			{
				strcpy(word + *length, signs[i][1]);
				*length += strlen(signs[i][1]);
				return strlen(signs[i][0]);
			}
	word[(*length)++] = pg_ascii_tolower((unsigned char) *string);
	return 1;
}

/*
 * Take off a word the brackets of a judge's verdict and the quotes of JSON.
 */
static char *
without_brackets(char *word)
{
	int			length = strlen(word);

	while (length >= 2 && ((word[0] == '[' && word[length - 1] == ']') ||
						   (word[0] == '"' && word[length - 1] == '"')))
	{
		word[length - 1] = '\0';
		word++;
		length -= 2;
	}
	return word;
}

/*
 * Write a number as people do: 1 for 1.0, +1 and 01, 0.5 for .50.  False if the
 * word is no plain number.
 */
static bool
shorten_number(char *word)
{
	bool		negative = *word == '-';
	char	   *digits = word + (*word == '-' || *word == '+');
	char	   *point;
	char	   *end;

	if (strspn(digits, "0123456789.") != strlen(digits) ||
		strcspn(digits, "0123456789") == strlen(digits))
		return false;
	point = strchr(digits, '.');
	if (point && strchr(point + 1, '.'))
		return false;
	end = digits + strlen(digits);
	if (point)
	{
		while (end[-1] == '0')
			end--;
		if (end[-1] == '.')
			end--;
		*end = '\0';
	}
	while (digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9')
		digits++;
	if (*digits == '.' || *digits == '\0')
		*--digits = '0';		/* there was a sign, or a 0, or there is room */
	if (negative && strcmp(digits, "0") != 0)
		*--digits = '-';
	memmove(word, digits, strlen(digits) + 1);
	return true;
}

static void
remove_blanks(char *word)
{
	char	   *end = word;

	for (; *word; word++)
		if (blank_length(word) == 0)
			*end++ = *word;
	*end = '\0';
}

/*
 * Bring a text into the form that the table of words has: in small letters,
 * without blanks around it.  word has room for WORD_LENGTH bytes besides one
 * before it.  False if the text is longer than any word.
 */
static bool
normalize(const char *string, char *word)
{
	const char *end;
	int			length = 0;
	int			blank;

	while ((blank = blank_length(string)) > 0)
		string += blank;
	end = string;
	for (const char *c = string; *c; c += Max(blank, 1))
	{
		blank = blank_length(c);
		if (blank == 0)
			end = c + 1;
		if (end - string > WORD_LENGTH / 2)
			return false;
	}
	while (string < end)
		string += append_character(word, &length, string);
	word[length] = '\0';
	return true;
}

static Meaning
find_word(const char *word)
{
	for (Size i = 0; i < lengthof(vocabulary_words); i++)
		if (vocabulary_words[i].word[0] == word[0] &&
			strcmp(vocabulary_words[i].word, word) == 0)
			return vocabulary_words[i].meaning;
	return 0;
}

/*
 * The meaning of words like model1, model_2, Model A and response_b.
 */
static Meaning
find_numbered(const char *word)
{
	for (Size i = 0; i < lengthof(nouns); i++)
	{
		const char *rest = word + strlen(nouns[i]);

		if (strncmp(word, nouns[i], strlen(nouns[i])) != 0)
			continue;
		if (*rest == '_' || *rest == '-' || *rest == ' ')
			rest++;
		if (*rest && rest[1])
			return 0;
		switch (*rest)
		{
			case '1':
				return FIRST_IN(NUMBERED);
			case '2':
				return SECOND_IN(NUMBERED);
			case 'a':
				return FIRST_IN(LETTERED);
			case 'b':
				return SECOND_IN(LETTERED);
		}
	}
	return 0;
}

/*
 * What a text means in each vocabulary but that of the models' names, in any
 * letter case and between any blanks.  NULL and blanks are no outcome.
 */
Meaning
outcome_meaning(const char *string)
{
	char		buffer[WORD_LENGTH + 2] = "";
	char	   *word = buffer + 1;
	Meaning		meaning;

	if (string == NULL)
		return NONE;
	if (!normalize(string, word))
		return 0;
	if (*word == '\0')
		return NONE;
	if ((meaning = find_word(word)) != 0)
		return meaning;
	word = without_brackets(word);
	if (*word == '\0')
		return 0;
	if (strpbrk(word, "<>=") || (*word >= '0' && *word <= '9'))
		remove_blanks(word);
	(void) shorten_number(word);
	meaning = find_word(word);
	return meaning ? meaning : find_numbered(word);
}

OutcomeWords *
outcome_words_create(void)
{
	OutcomeWords *words = palloc0(sizeof(OutcomeWords));

	words->memory = CurrentMemoryContext;
	words->table = wordtable_create(CurrentMemoryContext, 8, NULL);
	return words;
}

/*
 * The entry of a word, NULL if it has none.  A text that is cut for it has the
 * same only if it means the same.
 */
static WordEntry *
find_entry(OutcomeWords *words, char *string, Meaning *meaning)
{
	char		clipped[WORD_LENGTH + 1];
	int			length = strnlen(string, WORD_LENGTH + 1);
	WordEntry  *entry;

	if (length <= WORD_LENGTH)
	{
		entry = wordtable_lookup(words->table, string);
		*meaning = entry ? entry->meaning : outcome_meaning(string);
		return entry;
	}
	length = pg_mbcliplen(string, length, WORD_LENGTH);
	memcpy(clipped, string, length);
	clipped[length] = '\0';
	*meaning = outcome_meaning(string);
	entry = wordtable_lookup(words->table, clipped);
	return entry && entry->meaning == *meaning ? entry : NULL;
}

/*
 * Make an entry for a word that has none, unless there are too many already.  Names
 * do not take the places of other words.
 */
static WordEntry *
add_entry(OutcomeWords *words, const char *string, Meaning meaning, bool is_name)
{
	int			length = strnlen(string, WORD_LENGTH + 1);
	int			num_words = (int) words->table->members - words->num_names;
	WordEntry  *entry;
	char	   *word;
	bool		found;

	if ((is_name ? words->num_names : num_words) >= MAX_WORDS)
		return NULL;
	if (length > WORD_LENGTH)
		length = pg_mbcliplen(string, length, WORD_LENGTH);
	word = MemoryContextAlloc(words->memory, length + 1);
	memcpy(word, string, length);
	word[length] = '\0';
	entry = wordtable_insert(words->table, word, &found);
	if (found)					/* a cut text that means something else */
		return NULL;
	words->num_names += is_name;
	entry->meaning = meaning;
	entry->count = entry->named = 0;
	return entry;
}

static void
count_meaning(OutcomeWords *words, Meaning meaning, int64 count)
{
	int			i = 0;

	if (meaning == 0)
	{
		words->unknown += count;
		return;
	}
	while (i < words->num_meanings && words->meanings[i].meaning != meaning)
		i++;
	if (i == words->num_meanings)
	{
		if (i == MAX_MEANINGS)
			elog(ERROR, "more than %d meanings of outcomes", MAX_MEANINGS);
		words->meanings[i].meaning = meaning;
		words->meanings[i].count = 0;
		words->num_meanings++;
	}
	words->meanings[i].count += count;
}

/*
 * Count so many battles of this outcome, NULL if there is none.  named says
 * whether it is the name of one of the battle's own models: OUTCOME_FIRST,
 * OUTCOME_SECOND or, if it is not, OUTCOME_TIE.  Returns what it may mean, in
 * any vocabulary.
 */
Meaning
outcome_words_add(OutcomeWords *words, char *string, Outcome named, int64 count)
{
	Meaning		meaning = NONE;
	WordEntry  *entry = string ? find_entry(words, string, &meaning) : NULL;

	if (string && entry == NULL)
		entry = add_entry(words, string, meaning, named != OUTCOME_TIE && meaning == 0);
	if (entry)
		entry->count += count;
	if (named != OUTCOME_TIE && meaning != NONE)
	{
		if (entry)
			entry->named += count;
		if (meaning != TIE_IN_ALL)
			meaning |= MEANS(VOCABULARY_NAMES, named);
		else if (words->tie_name == NULL)
			words->tie_name = strcpy(MemoryContextAlloc(words->memory, strlen(string) + 1),
									 string);
	}
	count_meaning(words, meaning, count);
	return meaning;
}

/*
 * How many battles with an outcome a vocabulary does not read; -1 if none of
 * the words is its own.
 */
static int64
count_unread(const OutcomeWords *words, int vocabulary)
{
	int64		unread = words->unknown;
	bool		spoken = false;

	for (int i = 0; i < words->num_meanings; i++)
	{
		Meaning		meaning = words->meanings[i].meaning;

		if (meaning == NONE)
			continue;
		if (meaning_in(meaning, vocabulary) < 0)
			unread += words->meanings[i].count;
		else if (meaning != TIE_IN_ALL)
			spoken = true;
	}
	return spoken ? unread : -1;
}

/*
 * Would two vocabularies read some battle otherwise?
 */
static bool
disagree(const OutcomeWords *words, int vocabulary, int other)
{
	for (int i = 0; i < words->num_meanings; i++)
		if (words->meanings[i].meaning != NONE &&
			meaning_in(words->meanings[i].meaning, vocabulary) !=
			meaning_in(words->meanings[i].meaning, other))
			return true;
	return false;
}

/*
 * Choose the vocabulary that reads most.  The letters H, A and D are only
 * considered where no other does as well: a column of nothing but "a" is not a
 * season without a home win.
 */
static void
choose_vocabulary(const OutcomeWords *words, OutcomeReading *reading)
{
	int64		unread[NUM_VOCABULARIES];
	int			best = -1;

	for (int v = 0; v < NUM_VOCABULARIES; v++)
	{
		unread[v] = count_unread(words, v);
		if (unread[v] >= 0 &&
			(best < 0 || unread[v] < unread[best] ||
			 (unread[v] == unread[best] && best == VOCABULARY_HOME_LETTERS)))
			best = v;
	}
	reading->vocabulary = Max(best, 0);
	reading->rival = -1;
	for (int v = NUM_VOCABULARIES - 1; v >= 0 && best >= 0; v--)
		if (v != best && v != VOCABULARY_HOME_LETTERS &&
			unread[v] == unread[best] && disagree(words, v, best))
			reading->rival = v;
}

/*
 * How all outcomes are read, and how many are not.
 */
OutcomeReading
read_outcomes(const OutcomeWords *words)
{
	OutcomeReading reading = {0};

	choose_vocabulary(words, &reading);
	reading.unknown = words->unknown;
	for (int i = 0; i < words->num_meanings; i++)
	{
		const MeaningCount *some = &words->meanings[i];

		if (some->meaning == NONE && reading.vocabulary == VOCABULARY_BOOLEAN)
			reading.null_ties += some->count;
		else if (some->meaning == NONE)
			reading.none += some->count;
		else if (meaning_in(some->meaning, reading.vocabulary) < 0)
			reading.unknown += some->count;
	}
	if (reading.vocabulary == VOCABULARY_NAMES)
		reading.tie_name = words->tie_name;
	return reading;
}

/*
 * Of how many battles of a word is it true that the vocabulary reads it?
 */
static int64
count_read(const WordEntry *entry, int vocabulary)
{
	if (vocabulary == VOCABULARY_NAMES)
		return entry->meaning == TIE_IN_ALL ? entry->count : entry->named;
	return meaning_in(entry->meaning, vocabulary) < 0 ? 0 : entry->count;
}

typedef struct Example
{
	const char *word;
	int64		count;
	bool		is_name;		/* of a model of each of its battles */
} Example;

static int
compare_examples(const void *a, const void *b)
{
	const Example *x = a;
	const Example *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->word, y->word);
}

/*
 * The words that a vocabulary reads, or those that it does not, the most
 * frequent ones first.  Names that are nothing else are not listed as read.
 */
static Example *
sort_examples(const OutcomeWords *words, int vocabulary, bool read, int *number)
{
	Example    *examples = palloc(sizeof(Example) * (words->table->members + 1));
	wordtable_iterator iterator;
	WordEntry  *entry;

	*number = 0;
	wordtable_start_iterate(words->table, &iterator);
	while ((entry = wordtable_iterate(words->table, &iterator)) != NULL)
	{
		int64		count = count_read(entry, vocabulary);

		if (!read)
			count = entry->count - count;
		if (count > 0 && entry->meaning != NONE && !(read && entry->meaning == 0))
			examples[(*number)++] = (Example)
		{
			entry->word, count, entry->named == entry->count
		};
	}
	qsort(examples, *number, sizeof(Example), compare_examples);
	return examples;
}

/*
 * Such words with how many battles have them, as in "left" (12), "right" (3);
 * the most frequent ones.
 */
char *
list_outcomes(const OutcomeWords *words, int vocabulary, bool read)
{
	int			number;
	Example    *examples = sort_examples(words, vocabulary, read, &number);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < Min(number, NUM_EXAMPLES); i++)
		appendStringInfo(&list, "%s\"%s\" (%lld)", i > 0 ? ", " : "",
						 examples[i].word, (long long) examples[i].count);
	if (number > NUM_EXAMPLES)
		appendStringInfoString(&list, " and others");
	return list.data;
}

/*
 * The most frequent word that a vocabulary does not read, NULL if it reads all.
 * is_name tells whether it always was the name of one of the battle's models.
 */
const char *
unread_example(const OutcomeWords *words, int vocabulary, bool *is_name)
{
	int			number;
	Example    *examples = sort_examples(words, vocabulary, false, &number);

	*is_name = number > 0 && examples[0].is_name;
	return number > 0 ? examples[0].word : NULL;
}

/*
 * Are most of the words that the chosen vocabulary does not read of another one?
 */
bool
outcomes_are_mixed(const OutcomeWords *words, int vocabulary)
{
	int64		count = 0;

	for (int i = 0; i < words->num_meanings; i++)
		if (words->meanings[i].meaning != NONE &&
			meaning_in(words->meanings[i].meaning, vocabulary) < 0)
			count += words->meanings[i].count;
	return count > words->unknown;
}

const char *
vocabulary_name(int vocabulary)
{
	return vocabulary_names[vocabulary];
}

/*
 * What a word says in a vocabulary.
 */
static const char *
word_says(const char *word, int vocabulary)
{
	int			outcome = meaning_in(outcome_meaning(word), vocabulary);

	if (vocabulary == VOCABULARY_NAMES)
		return "the model of that name won";
	return outcome < 0 ? "nothing" : outcome_names[outcome];
}

/*
 * A word that two vocabularies read otherwise, and how they do.
 */
char *
explain_rivals(const OutcomeWords *words, const OutcomeReading *reading)
{
	int			vocabulary = reading->vocabulary;
	int			rival = reading->rival;
	int			number;
	int			chosen = 0;
	Example    *examples = sort_examples(words, vocabulary, true, &number);

	if (number == 0)
		return psprintf("The outcomes may be %s or %s.",
						vocabulary_names[vocabulary], vocabulary_names[rival]);
	for (int i = number - 1; i >= 0; i--)
	{
		Meaning		meaning = outcome_meaning(examples[i].word);

		if (meaning_in(meaning, vocabulary) != meaning_in(meaning, rival))
			chosen = i;
	}
	return psprintf("\"%s\" (%lld) means: %s, where outcomes are %s; %s, where they are %s.",
					examples[chosen].word, (long long) examples[chosen].count,
					word_says(examples[chosen].word, vocabulary),
					vocabulary_names[vocabulary],
					word_says(examples[chosen].word, rival),
					vocabulary_names[rival]);
}
