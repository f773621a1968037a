/*-------------------------------------------------------------------------
 *
 * ballots.c
 *	  Battles that wait until it is known how to read their outcomes.
 *
 * What a word like 0 means is known when all have been seen (outcome.c).  Until
 * then battles lie in piles by what their words may mean.  Each pile is a tally
 * in the making.  The usual words share one: those of one vocabulary, and those
 * for a tie, mean one thing only, so the first pile is the tally that is asked
 * for, and nothing is counted twice.  A word that can mean two things has a pile
 * of its own, in which it stands as if the first model had won.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bixarena_rank.h"

/* The vocabularies that a meaning is of, each as its lower bit */
#define VOCABULARIES_OF(meaning) \
	(((meaning) | (meaning) >> 1) & (((Meaning) 1 << 2 * NUM_VOCABULARIES) - 1) / 3)

typedef struct Pile
{
	struct Pile *next;
	TallyBuilder *tally;
	Meaning		ambiguous;		/* the one meaning of all in it, or 0 */
	Meaning		decided;		/* vocabularies of those that somebody won, or 0 */
	Meaning		tied;			/* vocabularies of those that are ties, or 0 */
} Pile;

/* Where battles of a meaning go */
typedef struct Slot
{
	Meaning		meaning;
	Pile	   *pile;
	Outcome		outcome;
} Slot;

struct Ballots
{
	MemoryContext memory;
	Pile	   *piles;			/* the latest first */
	int			num_slots;
	int			max_slots;
	Slot	   *slots;
};

/*
 * The only outcome that a meaning is, in whatever vocabulary, or -1.
 */
static int
plain_outcome(Meaning meaning)
{
	for (int outcome = 0; outcome < NUM_OUTCOMES; outcome++)
		if (meaning == VOCABULARIES_OF(meaning) * (outcome + 1))
			return outcome;
	return -1;
}

Ballots *
ballots_create(void)
{
	Ballots    *ballots = palloc0(sizeof(Ballots));

	ballots->memory = CurrentMemoryContext;
	return ballots;
}

static Pile *
add_pile(Ballots *ballots)
{
	Pile	   *pile = palloc0(sizeof(Pile));

	pile->tally = tally_begin();
	pile->next = ballots->piles;
	ballots->piles = pile;
	return pile;
}

/*
 * The pile for battles of an outcome that these vocabularies say.  In a pile,
 * wins of either side are of the same vocabularies, as a pair's sides are
 * swapped there.
 */
static Pile *
find_pile(Ballots *ballots, Meaning vocabularies, Outcome outcome)
{
	Pile	   *pile;
	Meaning    *there;

	for (pile = ballots->piles; pile; pile = pile->next)
	{
		there = outcome == OUTCOME_TIE ? &pile->tied : &pile->decided;
		if (pile->ambiguous == 0 && (*there == 0 || *there == vocabularies))
			break;
	}
	if (pile == NULL)
		pile = add_pile(ballots);
	there = outcome == OUTCOME_TIE ? &pile->tied : &pile->decided;
	*there = vocabularies;
	return pile;
}

static Slot *
add_slot(Ballots *ballots, Meaning meaning)
{
	MemoryContext caller = MemoryContextSwitchTo(ballots->memory);
	int			outcome = plain_outcome(meaning);
	Slot	   *slot;

	if (ballots->num_slots == ballots->max_slots)
	{
		Slot	   *slots = ballots->slots;

		ballots->max_slots = ballots->max_slots ? 2 * ballots->max_slots : 4;
		ballots->slots = palloc(sizeof(Slot) * ballots->max_slots);
		if (slots)
		{
			memcpy(ballots->slots, slots, sizeof(Slot) * ballots->num_slots);
			pfree(slots);
		}
	}
	slot = &ballots->slots[ballots->num_slots++];
	slot->meaning = meaning;
	slot->outcome = outcome < 0 ? OUTCOME_FIRST : outcome;
	if (outcome >= 0)
		slot->pile = find_pile(ballots, VOCABULARIES_OF(meaning), outcome);
	else
	{
		slot->pile = add_pile(ballots);
		slot->pile->ambiguous = meaning;
	}
	MemoryContextSwitchTo(caller);
	return slot;
}

/*
 * Add battles between two models whose outcome may mean this.
 */
void
ballots_add(Ballots *ballots, Meaning meaning, int model1, int model2, int64 count)
{
	Slot	   *slot = NULL;

	for (int i = 0; i < ballots->num_slots && slot == NULL; i++)
		if (ballots->slots[i].meaning == meaning)
			slot = &ballots->slots[i];
	if (slot == NULL)
		slot = add_slot(ballots, meaning);
	tally_add(slot->pile->tally, model1, model2, slot->outcome, count);
}

/*
 * What the outcomes in a pile are in a vocabulary, -1 for those that it does
 * not read.  True if it reads all, as they stand.
 */
static bool
pile_outcomes(const Pile *pile, int vocabulary, int *outcomes)
{
	Meaning		bit = (Meaning) 1 << 2 * vocabulary;
	bool		decided = (pile->decided & bit) != 0;
	bool		tied = (pile->tied & bit) != 0;

	if (pile->ambiguous)
	{
		int			outcome = meaning_in(pile->ambiguous, vocabulary);

		outcomes[OUTCOME_FIRST] = outcome;
		outcomes[OUTCOME_SECOND] = outcome < 0 ? -1 : (int) mirrored(outcome);
		outcomes[OUTCOME_TIE] = -1;
		return outcome == OUTCOME_FIRST;
	}
	outcomes[OUTCOME_FIRST] = decided ? OUTCOME_FIRST : -1;
	outcomes[OUTCOME_SECOND] = decided ? OUTCOME_SECOND : -1;
	outcomes[OUTCOME_TIE] = tied ? OUTCOME_TIE : -1;
	return (decided || pile->decided == 0) && (tied || pile->tied == 0);
}

/*
 * Count what a vocabulary reads.  The ballots are used up.
 */
TallyBuilder *
ballots_count(Ballots *ballots, int vocabulary)
{
	TallyBuilder *tally = NULL;
	int			outcomes[NUM_OUTCOMES];

	for (Pile *pile = ballots->piles; pile && tally == NULL; pile = pile->next)
		if (pile_outcomes(pile, vocabulary, outcomes))
		{
			tally = pile->tally;
			pile->tally = NULL;
		}
	if (tally == NULL)
		tally = tally_begin();
	for (Pile *pile = ballots->piles; pile; pile = pile->next)
	{
		(void) pile_outcomes(pile, vocabulary, outcomes);
		if (pile->tally)
			tally_pour(tally, pile->tally, outcomes);
	}
	return tally;
}
