/*-------------------------------------------------------------------------
 *
 * voters.c
 *	  Battles by who cast them.
 *
 * A voter's battles have his taste in common, so that they say less than as many
 * battles of different people.  Intervals by voter take voters as independent, not
 * battles: the bootstrap draws voters, each with all his battles (voter_draws.c), and the
 * covariance adds up squares of what voters, not battles, give to the gradient
 * (voter_gradient.c).  A battle of which no voter is known is a voter of its own.
 *
 * What is held of a voter is a cell for each pair of models and outcome, of 16 bytes.
 * While battles come in, models bear the numbers in which they were met, and an outcome
 * stands as what its word may mean (ballots.c).  Then both are put into their places,
 * and cells into one order: voters in that of their numbers, which is the caller's to
 * make canonical, and the cells of one by their models.  So nothing later depends on
 * the order of rows.  At last, when it is known which models are fitted, a cell's place
 * in their tally takes the place of its models.  Until then it also says which of the
 * two stood first; where nobody asks, cells that differ in nothing else become one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

/* Room for so many cells at first */
#define INITIAL_CELLS 1024

/* What a cell says: two models and a meaning, in 11, 11 and 10 bits */
#define MODEL_BITS		11
#define MEANING_BITS	10
#define MAX_MEANINGS	(1 << MEANING_BITS)

#define CELL_OF(model1, model2, meaning) \
	((((uint32) (model1) << MODEL_BITS) | (uint32) (model2)) << MEANING_BITS | (uint32) (meaning))
#define FIRST_OF(what)		((int) ((what) >> (MODEL_BITS + MEANING_BITS)))
#define SECOND_OF(what)		((int) ((what) >> MEANING_BITS & ((1 << MODEL_BITS) - 1)))
#define MEANING_OF(what)	((int) ((what) & (MAX_MEANINGS - 1)))

/* The meaning of a cell in its place: an outcome, and whether the second stood first */
#define PLACED_MEANING(outcome, turned) (2 * (int) (outcome) + (int) (turned))
#define PLACED_OUTCOME(what)	((Outcome) (MEANING_OF(what) / 2))
#define IS_TURNED(what)			(MEANING_OF(what) % 2)

StaticAssertDecl(MAX_MODELS <= 1 << MODEL_BITS, "a cell holds the number of a model");

StaticAssertDecl(sizeof(VoterCell) == 16, "a cell has 16 bytes");

struct Voters
{
	Size		max_bytes;
	int64		num_cells;
	int64		max_cells;
	VoterCell  *cells;
	int			num_voters;		/* that are known */
	bool		keeps_numbers;
	int		   *added;			/* the number under which each was added, or
								 * NULL: his own */
	int64		num_unknown;	/* battles without one */

	/* Until models and outcomes have their places */
	int			num_meanings;
	Meaning		meanings[MAX_MEANINGS];

	/* Once they are those of a tally */
	const Tally *tally;
	int			num_pairs;		/* of it, or places of pairs */
	int64		num_known;		/* cells of voters that are known: the first */
};

static int	compare_cells(const VoterCell *a, const VoterCell *b);

#define ST_SORT sort_cells
#define ST_ELEMENT_TYPE VoterCell
#define ST_COMPARE(a, b) compare_cells(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * By voter, those without one last; then by what a cell says.
 */
static int
compare_cells(const VoterCell *a, const VoterCell *b)
{
	uint32		x = (uint32) a->voter;
	uint32		y = (uint32) b->voter;

	if (x != y)
		return x < y ? -1 : 1;
	return a->what < b->what ? -1 : a->what > b->what;
}

/*
 * Start in the current memory context; cells may take so many bytes.
 */
Voters *
voters_begin(Size max_bytes)
{
	Voters	   *voters = palloc0(sizeof(Voters));

	voters->max_bytes = max_bytes;
	voters->max_cells = Min(INITIAL_CELLS, max_bytes / sizeof(VoterCell));
	voters->cells = palloc(sizeof(VoterCell) * voters->max_cells);
	return voters;
}

static void
make_room(Voters *voters)
{
	int64		most = voters->max_bytes / sizeof(VoterCell);

	if (voters->max_cells >= most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the battles of voters do not fit into maintenance_work_mem"),
				 errdetail("They have more than %lld different combinations of voter, models and outcome, of 16 bytes each.",
						   (long long) most),
				 errhint("Increase maintenance_work_mem.")));
	voters->max_cells = Min(2 * voters->max_cells, most);
	voters->cells = repalloc_huge(voters->cells,
								  mul_size(voters->max_cells, sizeof(VoterCell)));
}

/*
 * The number of a meaning among those met.
 */
static int
meaning_number(Voters *voters, Meaning meaning)
{
	for (int i = 0; i < voters->num_meanings; i++)
		if (voters->meanings[i] == meaning)
			return i;
	if (voters->num_meanings == MAX_MEANINGS)
		elog(ERROR, "outcomes have too many meanings");
	voters->meanings[voters->num_meanings] = meaning;
	return voters->num_meanings++;
}

/*
 * Add battles of a voter, who has this number, or -1 where none is known.  Where numbers
 * are kept, it is that of the last one or the next.
 */
void
voters_add(Voters *voters, int voter, int model1, int model2, Meaning meaning,
		   int64 count)
{
	VoterCell  *cell;

	Assert(voter <= voters->num_voters || !voters->keeps_numbers);
	if (voters->num_cells == voters->max_cells)
		make_room(voters);
	cell = &voters->cells[voters->num_cells++];
	cell->voter = voter;
	cell->what = CELL_OF(model1, model2, meaning_number(voters, meaning));
	cell->count = count;
	voters->num_voters = Max(voters->num_voters, voter + 1);
}

/*
 * Remember under which number each voter is added, which takes 4 bytes of each.
 */
void
voters_keep_numbers(Voters *voters)
{
	voters->keeps_numbers = true;
}

/*
 * The number under which a voter was added, where that is kept, whatever his number is
 * now.
 */
int
voters_number_added(const Voters *voters, int voter)
{
	return voters->added ? voters->added[voter] : voter;
}

/*
 * Number again the voters that have cells, and put the cells together that say the
 * same.
 */
static void
squeeze_cells(Voters *voters)
{
	int64		num_kept = 0;
	int			last = -1;
	int			num_voters = 0;
	int		   *added = NULL;

	if (voters->keeps_numbers)
		added = MemoryContextAllocHuge(CurrentMemoryContext,
									   mul_size(voters->num_voters + 1, sizeof(int)));
	sort_cells(voters->cells, voters->num_cells);
	voters->num_unknown = 0;
	for (int64 c = 0; c < voters->num_cells; c++)
	{
		VoterCell	cell = voters->cells[c];
		VoterCell  *kept = &voters->cells[num_kept];

		CHECK_FOR_INTERRUPTS_AT(c);
		if (cell.voter < 0)
			voters->num_unknown += cell.count;
		else if (cell.voter != last)
		{
			last = cell.voter;
			if (added)
				added[num_voters] = voters_number_added(voters, last);
			num_voters++;
		}
		if (cell.voter >= 0)
			cell.voter = num_voters - 1;
		if (num_kept > 0 && compare_cells(&cell, kept - 1) == 0)
			kept[-1].count += cell.count;
		else
		{
			*kept = cell;
			num_kept++;
		}
	}
	voters->num_cells = num_kept;
	voters->num_voters = num_voters;
	if (voters->added)
		pfree(voters->added);
	voters->added = added;
}

/*
 * Put models, of which position[i] is the place of the one met as i, and outcomes, as a
 * vocabulary reads them, into their places.  What it does not read is left out.
 */
void
voters_finish(Voters *voters, int vocabulary, const int *position)
{
	int64		num_kept = 0;

	for (int64 c = 0; c < voters->num_cells; c++)
	{
		VoterCell	cell = voters->cells[c];
		int			first = position[FIRST_OF(cell.what)];
		int			second = position[SECOND_OF(cell.what)];
		int			outcome = meaning_in(voters->meanings[MEANING_OF(cell.what)],
										 vocabulary);

		CHECK_FOR_INTERRUPTS_AT(c);
		if (outcome < 0)
			continue;
		if (first > second)
			outcome = mirrored((Outcome) outcome);
		cell.what = CELL_OF(Min(first, second), Max(first, second),
							PLACED_MEANING(outcome, first > second));
		voters->cells[num_kept++] = cell;
	}
	voters->num_cells = num_kept;
	squeeze_cells(voters);
}

/*
 * Keep the battles among some of the models.  index[i] is the number that model i
 * takes, or -1 when it is left out.
 */
void
voters_keep(Voters *voters, const int *index)
{
	int64		num_kept = 0;

	for (int64 c = 0; c < voters->num_cells; c++)
	{
		VoterCell	cell = voters->cells[c];
		int			first = index[FIRST_OF(cell.what)];
		int			second = index[SECOND_OF(cell.what)];
		Outcome		outcome = PLACED_OUTCOME(cell.what);
		bool		turned = IS_TURNED(cell.what);

		CHECK_FOR_INTERRUPTS_AT(c);
		if (first < 0 || second < 0)
			continue;
		if (first > second)
			outcome = mirrored(outcome);
		cell.what = CELL_OF(Min(first, second), Max(first, second),
							PLACED_MEANING(outcome, turned != (first > second)));
		voters->cells[num_kept++] = cell;
	}
	voters->num_cells = num_kept;
	squeeze_cells(voters);
}

/*
 * Forget which model of a cell stood first.
 */
static void
forget_places(Voters *voters)
{
	for (int64 c = 0; c < voters->num_cells; c++)
	{
		uint32		what = voters->cells[c].what;

		CHECK_FOR_INTERRUPTS_AT(c);
		voters->cells[c].what = CELL_OF(FIRST_OF(what), SECOND_OF(what),
										PLACED_MEANING(PLACED_OUTCOME(what), false));
	}
	squeeze_cells(voters);
}

/*
 * Cells say where they stand among so many slots.
 */
static void
count_slots(Voters *voters, int num_slots)
{
	/* what is made of them may want the room */
	voters->cells = repalloc_huge(voters->cells, sizeof(VoterCell) * (voters->num_cells + 1));
	voters->num_pairs = num_slots;
	voters->num_known = 0;
	for (int64 c = 0; c < voters->num_cells; c++)
	{
		CHECK_FOR_INTERRUPTS_AT(c);
		voters->num_known += voters->cells[c].voter >= 0;
	}
}

/*
 * Make cells say where they stand in the tally that has the same battles: its pair and
 * outcome as one number.  With two sides, battles in which the second model stood first
 * stand behind all others, in a second row of pairs.
 */
void
voters_bind(Voters *voters, const Tally *tally, int num_sides)
{
	voters->tally = tally;
	if (num_sides == 1)
		forget_places(voters);
	for (int64 c = 0; c < voters->num_cells; c++)
	{
		uint32		what = voters->cells[c].what;
		int			slot = tally_find_pair(tally, FIRST_OF(what), SECOND_OF(what));

		CHECK_FOR_INTERRUPTS_AT(c);
		if (IS_TURNED(what))
			slot += tally->num_pairs;
		voters->cells[c].what = NUM_OUTCOMES * slot + PLACED_OUTCOME(what);
	}
	count_slots(voters, num_sides * tally->num_pairs);
}

/*
 * Add battles of a voter by what they are among slots, NUM_OUTCOMES times the slot plus
 * the outcome, in the order of voters, those without one last.
 */
void
voters_add_to_slot(Voters *voters, int voter, uint32 what, int64 count)
{
	if (voters->num_cells == voters->max_cells)
		make_room(voters);
	voters->cells[voters->num_cells++] = (VoterCell)
	{
		voter, what, count
	};
	voters->num_voters = Max(voters->num_voters, voter + 1);
	if (voter < 0)
		voters->num_unknown += count;
}

/*
 * What voters_bind() does for those that were added to slots.
 */
void
voters_bind_to_slots(Voters *voters, int num_slots)
{
	count_slots(voters, num_slots);
}

/*
 * How many voters there are, those that are known and a battle of each of the others.
 */
int64
voters_number(const Voters *voters)
{
	return voters->num_voters + voters->num_unknown;
}

/*
 * Behind the last cell of the voter whose first one this is.  A cell without a voter
 * stands for itself.
 */
int64
voter_end(VoterCells cells, int64 cell)
{
	int			voter = cells.cells[cell].voter;

	for (cell++; voter >= 0 && cell < cells.num_known; cell++)
		if (cells.cells[cell].voter != voter)
			break;
	return cell;
}

/*
 * The cells, once they are those of slots: the known voters' first.
 */
VoterCells
voter_cells(const Voters *voters)
{
	return (VoterCells)
	{
		voters->cells, voters->num_cells, voters->num_known, voters->num_voters,
			voters->num_unknown, voters->num_pairs, voters->max_bytes
	};
}

/*
 * The tally whose pairs slots are.
 */
const Tally *
voters_tally(const Voters *voters)
{
	return voters->tally;
}

/*
 * How many battles the busiest voter cast.
 */
int64
voters_busiest(const Voters *voters)
{
	int64		most = voters->num_unknown > 0;

	for (int64 c = 0; c < voters->num_known;)
	{
		int64		end = voter_end(voter_cells(voters), c);
		int64		battles = 0;

		CHECK_FOR_INTERRUPTS();
		for (; c < end; c++)
			battles += voters->cells[c].count;
		most = Max(most, battles);
	}
	return most;
}
