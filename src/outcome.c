/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  The words for who won.
 *
 * Votes come from many hands.  These are the ways in which people write an
 * outcome down; none of them means two things.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "bixarena_rank.h"

/* How people write down who won, in small letters */
typedef struct OutcomeWord
{
	const char *word;
	Outcome		outcome;
} OutcomeWord;

static const OutcomeWord vocabulary[] = {
	{"model1", OUTCOME_FIRST}, {"model2", OUTCOME_SECOND},
	{"model_1", OUTCOME_FIRST}, {"model_2", OUTCOME_SECOND},
	{"model_a", OUTCOME_FIRST}, {"model_b", OUTCOME_SECOND},
	{"a", OUTCOME_FIRST}, {"b", OUTCOME_SECOND},
	{"left", OUTCOME_FIRST}, {"right", OUTCOME_SECOND},
	{"first", OUTCOME_FIRST}, {"second", OUTCOME_SECOND},
	{"1", OUTCOME_FIRST}, {"2", OUTCOME_SECOND}, {"0", OUTCOME_TIE},
	{"1-0", OUTCOME_FIRST}, {"0-1", OUTCOME_SECOND}, {"1/2-1/2", OUTCOME_TIE},
	{"tie", OUTCOME_TIE}, {"draw", OUTCOME_TIE},
	{"tie (bothbad)", OUTCOME_TIE}, {"tie (both bad)", OUTCOME_TIE},
	{"bothbad", OUTCOME_TIE}, {"both_bad", OUTCOME_TIE}, {"both bad", OUTCOME_TIE}
};

/*
 * The outcome that a text stands for, in any case and between any blanks.
 */
bool
parse_outcome(const char *text, Outcome *outcome)
{
	char		word[16];
	int			length = 0;

	while (isspace((unsigned char) *text))
		text++;
	while (*text && length < (int) sizeof(word) - 1)
		word[length++] = pg_tolower((unsigned char) *text++);
	while (isspace((unsigned char) *text))
		text++;
	if (*text)
		return false;
	while (length > 0 && isspace((unsigned char) word[length - 1]))
		length--;
	word[length] = '\0';

	for (Size i = 0; i < lengthof(vocabulary); i++)
		if (strcmp(word, vocabulary[i].word) == 0)
		{
			*outcome = vocabulary[i].outcome;
			return true;
		}
	return false;
}
