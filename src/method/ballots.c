/*-------------------------------------------------------------------------
 *
 * ballots.c
 *	  Battles that wait until it is known how to read their outcomes.
 *
 * What a word like 0 means is known when all have been seen (outcome.c).  Until
 * then battles lie in piles by what their words may mean.  The usual words share
 * the first one: those of one vocabulary, and those for a tie, mean one thing
 * only, so this pile is the tally that is asked for.  Others wait as they came; a
 * word that can mean two things has a pile of its own, in which it stands as if
 * the first model had won.
 *
 * Memory: a pile holds 24 bytes a row of the query, up to MAX_ROWS of them; then
 * they become a tally of the pile's own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

/* The vocabularies that a meaning is of, each as its lower bit */
#define VOCABULARIES_OF(meaning) \
	(((meaning) | (meaning) >> 1) & (((Meaning) 1 << 2 * NUM_VOCABULARIES) - 1) / 3)

/* Rows that a pile holds as they came */
#define MAX_ROWS (1 << 20)

typedef struct BallotRow
{
	int			model1;
	int			model2;
	Outcome		outcome;
	int64		count;
} BallotRow;

typedef struct Pile
{
	struct Pile *next;
	bool		first;			/* goes into its tally at once */
	TallyBuilder *tally;		/* NULL as long as there is none */
	int			num_rows;
	int			max_rows;
	BallotRow  *rows;
	Meaning		ambiguous;		/* the one meaning of all in it, or 0 */
	Meaning		decided;		/* vocabularies of those that somebody won, or
								 * 0 */
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

/*
 * How much is held: pairs of models, and rows that wait.
 */
int
ballots_size(const Ballots *ballots)
{
	int			size = 0;

	for (Pile *pile = ballots->piles; pile; pile = pile->next)
		size += pile->num_rows + (pile->tally ? tally_num_pairs(pile->tally) : 0);
	return size;
}

static Pile *
add_pile(Ballots *ballots)
{
	Pile	   *pile = palloc0(sizeof(Pile));

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
	{
		pile = add_pile(ballots);
		pile->first = pile->next == NULL;
		if (pile->first)
			pile->tally = tally_begin();
	}
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
 * Put the rows that wait in a pile into a tally, as what they are there.
 */
static void
pour_rows(Pile *pile, TallyBuilder *tally, const int *outcomes)
{
	for (int i = 0; i < pile->num_rows; i++)
	{
		const BallotRow *row = &pile->rows[i];

		CHECK_FOR_INTERRUPTS_AT(i);
		if (outcomes[row->outcome] >= 0)
			tally_add(tally, row->model1, row->model2,
					  (Outcome) outcomes[row->outcome], row->count);
	}
	pile->num_rows = 0;
}

/*
 * Make room for a row.
 */
static void
make_room(Ballots *ballots, Pile *pile)
{
	static const int as_they_are[] = {OUTCOME_FIRST, OUTCOME_SECOND, OUTCOME_TIE};
	MemoryContext caller = MemoryContextSwitchTo(ballots->memory);

	if (pile->max_rows == 0)
	{
		pile->max_rows = 16;
		pile->rows = palloc(sizeof(BallotRow) * pile->max_rows);
	}
	else if (pile->max_rows < MAX_ROWS)
	{
		pile->max_rows *= 2;
		pile->rows = repalloc(pile->rows, sizeof(BallotRow) * pile->max_rows);
	}
	else
	{
		if (pile->tally == NULL)
			pile->tally = tally_begin();
		pour_rows(pile, pile->tally, as_they_are);
	}
	MemoryContextSwitchTo(caller);
}

/*
 * Add battles between two models whose outcome may mean this.
 */
void
ballots_add(Ballots *ballots, Meaning meaning, int model1, int model2, int64 count)
{
	Slot	   *slot = NULL;
	Pile	   *pile;
	BallotRow  *row;

	for (int i = 0; i < ballots->num_slots && slot == NULL; i++)
		if (ballots->slots[i].meaning == meaning)
			slot = &ballots->slots[i];
	if (slot == NULL)
		slot = add_slot(ballots, meaning);
	pile = slot->pile;
	if (pile->first)
	{
		tally_add(pile->tally, model1, model2, slot->outcome, count);
		return;
	}
	if (pile->num_rows == pile->max_rows)
		make_room(ballots, pile);
	row = &pile->rows[pile->num_rows++];
	row->model1 = model1;
	row->model2 = model2;
	row->outcome = slot->outcome;
	row->count = count;
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

	for (Pile *pile = ballots->piles; pile; pile = pile->next)
		if (pile->first && pile_outcomes(pile, vocabulary, outcomes))
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
		pour_rows(pile, tally, outcomes);
		if (pile->rows)
			pfree(pile->rows);
	}
	return tally;
}
