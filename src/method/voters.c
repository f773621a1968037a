/*-------------------------------------------------------------------------
 *
 * voters.c
 *	  Battles by who cast them.
 *
 * A voter's battles have his taste in common, so that they say less than as many
 * battles of different people.  Intervals by voter take voters as independent, not
 * battles: the bootstrap draws voters, each with all his battles, and the covariance
 * adds up squares of what voters, not battles, give to the gradient (covariance.c).  A
 * battle of which no voter is known is a voter of its own.
 *
 * What is held of a voter is a cell for each pair of models and outcome, of 16 bytes.
 * While battles come in, models bear the numbers in which they were met, and an outcome
 * stands as what its word may mean (ballots.c).  Then both are put into their places,
 * and cells into one order: voters in that in which they came, which is the caller's to
 * make canonical, and the cells of one by their models.  So nothing later depends on
 * the order of rows.  At last, when it is known which models are fitted, a cell's place
 * in their tally takes the place of its models.  Until then it also says which of the
 * two stood first; where nobody asks, cells that differ in nothing else become one.
 *
 * Battles of which no voter is known are drawn as battles are (resample.c), and before
 * them how many of the voters that are drawn are such.
 *
 * Replicates are made AT_ONCE in one pass over the cells.  For that a voter takes AT_ONCE
 * bytes more, and a pair 192.  Where that is more than may be taken, or counts might be more
 * than an integer holds, they are made one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* Room for so many cells at first */
#define INITIAL_CELLS 1024

/* So many replicates are made in one pass over the cells */
#define AT_ONCE 16

/*
 * Of a pair with more battles than this, drawing some voters often may make more than
 * an integer holds: 2^31, were each drawn 256 times
 */
#define MANY_BATTLES (1 << 23)

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

/* Battles of a voter; of voter -1, each of another */
typedef struct VoterCell
{
	int32		voter;
	uint32		what;
	int64		count;
} VoterCell;

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

	/* To draw replicates */
	Resampler  *sides;			/* of voters: how many are known, how many not */
	PairPoints	on_sides;
	Resampler  *unknown;		/* of battles without a voter */
	PairPoints	of_unknown;
	int			width;			/* replicates that are made at once */
	int32	   *counts;			/* of each pair and outcome, in each of these */
	uint8	   *times;			/* that each voter is drawn in them; more than
								 * 255 would take longer than the world has */
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
 * Add battles of a voter, whose number is that of the last one or the next; or -1 where
 * none is known.
 */
void
voters_add(Voters *voters, int voter, int model1, int model2, Meaning meaning,
		   int64 count)
{
	VoterCell  *cell;

	Assert(voter <= voters->num_voters);
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
static int
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
static int64
voter_end(const Voters *voters, int64 cell)
{
	int			voter = voters->cells[cell].voter;

	for (cell++; voter >= 0 && cell < voters->num_known; cell++)
		if (voters->cells[cell].voter != voter)
			break;
	return cell;
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
		int64		end = voter_end(voters, c);
		int64		battles = 0;

		CHECK_FOR_INTERRUPTS();
		for (; c < end; c++)
			battles += voters->cells[c].count;
		most = Max(most, battles);
	}
	return most;
}

/*
 * Battles of some of the cells as a tally, for who asks for nothing but counts.
 */
static Tally *
tally_of_cells(const Voters *voters, int64 begin, int64 end)
{
	Tally	   *tally = palloc0(sizeof(Tally));
	Size		size = mul_size(voters->num_pairs, sizeof(Pair));

	tally->num_pairs = voters->num_pairs;
	tally->pairs = MemoryContextAllocHuge(CurrentMemoryContext, size);
	memset(tally->pairs, 0, size);
	for (int64 c = begin; c < end; c++)
	{
		const VoterCell *cell = &voters->cells[c];

		CHECK_FOR_INTERRUPTS_AT(c);
		tally->pairs[cell->what / NUM_OUTCOMES].count[cell->what % NUM_OUTCOMES] += cell->count;
		tally->num_battles += cell->count;
	}
	return tally;
}

/*
 * A resampler of voters as such, that are known or not.
 */
static Resampler *
resampler_of_sides(const Voters *voters)
{
	Tally	   *tally = palloc0(sizeof(Tally));

	tally->num_models = 2;
	tally->num_pairs = 1;
	tally->num_battles = voters_number(voters);
	tally->pairs = palloc0(sizeof(Pair));
	tally->pairs->second = 1;
	tally->pairs->count[OUTCOME_FIRST] = voters->num_voters;
	tally->pairs->count[OUTCOME_SECOND] = voters->num_unknown;
	return resampler_create(tally);
}

/*
 * How many replicates are made at once.
 */
static int
find_width(const Voters *voters)
{
	int64		bytes = voters->num_cells * sizeof(VoterCell) +
		(int64) voters->num_voters * AT_ONCE +
		(int64) voters->num_pairs * NUM_OUTCOMES * AT_ONCE * sizeof(int32);
	Tally	   *all;
	int			width = AT_ONCE;

	if (bytes > (int64) voters->max_bytes)
		return 1;
	all = tally_of_cells(voters, 0, voters->num_cells);
	for (int p = 0; p < all->num_pairs; p++)
	{
		const int64 *count = all->pairs[p].count;

		if (count[OUTCOME_FIRST] + count[OUTCOME_SECOND] + count[OUTCOME_TIE] > MANY_BATTLES)
			width = 1;
	}
	pfree(all->pairs);
	pfree(all);
	return width;
}

static void
prepare_replicates(Voters *voters, bool with_ties)
{
	int			num_pairs = voters->num_pairs;
	Size		width = find_width(voters);

	voters->width = width;
	voters->cells = repalloc_huge(voters->cells, sizeof(VoterCell) * (voters->num_cells + 1));
	voters->times = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(voters->num_voters + 1, width));
	voters->on_sides = points_create(1);
	voters->of_unknown = points_create(num_pairs);
	if (with_ties)
		voters->of_unknown.ties = MemoryContextAllocHuge(CurrentMemoryContext,
														 mul_size(num_pairs + 1, sizeof(double)));
	if (width > 1)
		voters->counts = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(mul_size(num_pairs, NUM_OUTCOMES * width),
														 sizeof(int32)));
	if (voters->num_unknown == 0)
		return;
	voters->unknown = resampler_create(tally_of_cells(voters, voters->num_known,
													  voters->num_cells));
	voters->sides = resampler_of_sides(voters);
}

/*
 * Draw battles without a voter, as many as there are of such among the voters that are
 * drawn.  Returns the number of the others.
 */
static int64
draw_unknown(Voters *voters, pg_prng_state *prng)
{
	int64		number = voters_number(voters);
	int64		known = 0;

	if (voters->num_unknown == 0)
		return number;
	if (voters->num_voters > 0)
	{
		resample(voters->sides, prng, voters->on_sides);
		known = voters->on_sides.first[0];
	}
	resample_number(voters->unknown, prng, number - known, voters->of_unknown);
	return known;
}

/*
 * Draw as many voters as there are, with replacement, for one of the replicates that
 * are made at once.
 */
static void
draw_voters(Voters *voters, uint64 seed, int replicate, int lane)
{
	pg_prng_state prng;
	int			width = voters->width;
	int64		number;

	seed_replicate(&prng, seed, replicate);
	number = draw_unknown(voters, &prng);
	for (int64 drawn = 0; drawn < number; drawn++)
	{
		Size		voter = pg_prng_uint64_range(&prng, 0, voters->num_voters - 1);

		CHECK_FOR_INTERRUPTS_AT(drawn);
		voters->times[voter * width + lane]++;
	}
}

/*
 * Count the battles without a voter that were drawn.  Of their points half ones are as
 * many on either side: one tie says them, if there is one and nobody asks for ties.
 */
static void
count_unknown(Voters *voters, int lane)
{
	if (voters->num_unknown == 0)
		return;
	for (int p = 0; p < voters->num_pairs; p++)
	{
		int32	   *counts = voters->counts + (Size) p * NUM_OUTCOMES * AT_ONCE + lane;
		double		first = voters->of_unknown.first[p];
		int32		ties = voters->of_unknown.ties ?
			voters->of_unknown.ties[p] : first > (int32) first;

		counts[OUTCOME_FIRST * AT_ONCE] = first - 0.5 * ties;
		counts[OUTCOME_SECOND * AT_ONCE] = voters->of_unknown.second[p] - 0.5 * ties;
		counts[OUTCOME_TIE * AT_ONCE] = ties;
	}
}

/*
 * Add so many battles of a voter who is drawn so many times in each of the replicates
 * that are made at once.  Most are one, and a multiplication takes longer.
 */
static inline void
add_times(const int32 *restrict times, int32 count, int32 *restrict counts)
{
	if (count == 1)
	{
#pragma omp simd
		for (int lane = 0; lane < AT_ONCE; lane++)
			counts[lane] += times[lane];
		return;
	}
#pragma omp simd
	for (int lane = 0; lane < AT_ONCE; lane++)
		counts[lane] += times[lane] * count;
}

/*
 * Count the battles of the voters that were drawn, in all replicates that are made at
 * once.
 */
static void
count_known(Voters *voters)
{
	for (int64 c = 0; c < voters->num_known;)
	{
		int64		end = voter_end(voters, c);
		const uint8 *restrict drawn = voters->times + (Size) voters->cells[c].voter * AT_ONCE;
		int32		times[AT_ONCE];

		CHECK_FOR_INTERRUPTS();
		for (int lane = 0; lane < AT_ONCE; lane++)
			times[lane] = drawn[lane];
		for (; c < end; c++)
			add_times(times, (int32) voters->cells[c].count,
					  voters->counts + (Size) voters->cells[c].what * AT_ONCE);
	}
}

/*
 * Draw the replicates from this one on that are made at once.
 */
static void
draw_replicates(Voters *voters, uint64 seed, int replicate)
{
	memset(voters->counts, 0,
		   sizeof(int32) * NUM_OUTCOMES * voters->num_pairs * AT_ONCE);
	memset(voters->times, 0, (Size) voters->num_voters * AT_ONCE);
	for (int lane = 0; lane < AT_ONCE; lane++)
	{
		draw_voters(voters, seed, replicate + lane, lane);
		count_unknown(voters, lane);
	}
	count_known(voters);
}

/*
 * The same for one replicate alone, straight into points.
 */
static void
draw_replicate(Voters *voters, uint64 seed, int replicate, PairPoints points)
{
	Size		size = sizeof(double) * voters->num_pairs;

	memset(voters->times, 0, voters->num_voters);
	memset(voters->of_unknown.first, 0, size);
	memset(voters->of_unknown.second, 0, size);
	if (points.ties)
		memset(voters->of_unknown.ties, 0, size);
	draw_voters(voters, seed, replicate, 0);
	memcpy(points.first, voters->of_unknown.first, size);
	memcpy(points.second, voters->of_unknown.second, size);
	if (points.ties)
		memcpy(points.ties, voters->of_unknown.ties, size);
	for (int64 c = 0; c < voters->num_known; c++)
	{
		const VoterCell *cell = &voters->cells[c];
		int			p = cell->what / NUM_OUTCOMES;
		double		count = (double) cell->count * voters->times[cell->voter];

		CHECK_FOR_INTERRUPTS_AT(c);
		points.first[p] += count * points_of_first[cell->what % NUM_OUTCOMES];
		points.second[p] += count * points_of_second[cell->what % NUM_OUTCOMES];
		if (points.ties && cell->what % NUM_OUTCOMES == OUTCOME_TIE)
			points.ties[p] += count;
	}
}

/*
 * Find the points of the pairs in all battles of the voters that a replicate draws.
 * Replicates are asked for in their order.
 */
void
resample_voters(Voters *voters, uint64 seed, int replicate, PairPoints points)
{
	Size		lane;

	if (voters->times == NULL)
		prepare_replicates(voters, points.ties != NULL);
	if (voters->width == 1)
	{
		draw_replicate(voters, seed, replicate, points);
		return;
	}
	lane = replicate % AT_ONCE;
	if (lane == 0)
		draw_replicates(voters, seed, replicate);
	for (int p = 0; p < voters->num_pairs; p++)
	{
		const int32 *count = voters->counts + (Size) p * NUM_OUTCOMES * AT_ONCE + lane;
		double		ties = count[OUTCOME_TIE * AT_ONCE];

		points.first[p] = count[OUTCOME_FIRST * AT_ONCE] + 0.5 * ties;
		points.second[p] = count[OUTCOME_SECOND * AT_ONCE] + 0.5 * ties;
		if (points.ties)
			points.ties[p] = ties;
	}
}

/*
 * What one battle of a pair of a fitted tally gives to the gradient: to the first model
 * the points that it took less those that it was to take, and as much off the second.
 */
int
battle_residual(const void *context, uint32 what, int *models, double *amounts)
{
	const FittedTally *fitted = context;
	const Pair *pair = &fitted->tally->pairs[what / NUM_OUTCOMES];
	double		ahead = fitted->strengths[pair->first] - fitted->strengths[pair->second];
	double		p = 1 / (1 + exp(-ahead));
	double		q = 1 / (1 + exp(ahead));

	models[0] = pair->first;
	models[1] = pair->second;
	switch ((Outcome) (what % NUM_OUTCOMES))
	{
		case OUTCOME_FIRST:
			amounts[0] = q;
			break;
		case OUTCOME_SECOND:
			amounts[0] = -p;
			break;
		case OUTCOME_TIE:
			amounts[0] = (q - p) / 2;
			break;
	}
	amounts[1] = -amounts[0];
	return 2;
}

/*
 * Add the square of a voter's gradient, of the parameters that it touches, to a
 * matrix.
 */
static void
add_square(const double *gradient, const int *touched, int num_touched,
		   double *matrix, Size n)
{
	for (int a = 0; a < num_touched; a++)
	{
		double	   *row = matrix + touched[a] * n;
		double		factor = gradient[touched[a]];

		for (int b = 0; b < num_touched; b++)
			row[touched[b]] += factor * gradient[touched[b]];
	}
}

static void
touch(double *gradient, bool *is_touched, int *touched, int *num_touched, int model,
	  double amount)
{
	if (!is_touched[model])
	{
		is_touched[model] = true;
		gradient[model] = 0;
		touched[(*num_touched)++] = model;
	}
	gradient[model] += amount;
}

/*
 * The covariance of the gradient: the sum of the squares of what voters give to it,
 * times G / (G - 1), as a full matrix.  What one battle gives is asked of a function.
 */
void
voters_gradient_squares(const Voters *voters, BattleGradient battle_gradient,
						const void *context, int num_parameters, double *matrix)
{
	Size		n = num_parameters;
	double		number = (double) voters_number(voters);
	double	   *gradient = palloc(sizeof(double) * n);
	bool	   *is_touched = palloc0(sizeof(bool) * n);
	int		   *touched = palloc(sizeof(int) * n);
	int		   *places = palloc(sizeof(int) * n);
	double	   *amounts = palloc(sizeof(double) * n);

	memset(matrix, 0, sizeof(double) * n * n);
	for (int64 c = 0; c < voters->num_cells;)
	{
		int			voter = voters->cells[c].voter;
		int64		end = voter_end(voters, c);
		double		times = voter < 0 ? sqrt(voters->cells[c].count) : 1;
		int			num_touched = 0;

		CHECK_FOR_INTERRUPTS();
		for (; c < end; c++)
		{
			const VoterCell *cell = &voters->cells[c];
			int			num_places = battle_gradient(context, cell->what, places, amounts);

			for (int k = 0; k < num_places; k++)
				touch(gradient, is_touched, touched, &num_touched, places[k],
					  amounts[k] * (voter < 0 ? times : cell->count));
		}
		add_square(gradient, touched, num_touched, matrix, n);
		for (int a = 0; a < num_touched; a++)
			is_touched[touched[a]] = false;
	}
	for (Size k = 0; k < n * n; k++)
		matrix[k] *= number / (number - 1);
	pfree(gradient);
	pfree(is_touched);
	pfree(touched);
	pfree(places);
	pfree(amounts);
}

/*
 * What the known voter whose cells begin at this place gives to the gradient, where place
 * goes on to the next; his number as he was added, and how many battles he cast.  Returns
 * how many models his battles touch, which touched lists, or 0 behind the last voter; of
 * other models gradient says nothing.  is_touched is false of all, before and after.
 */
int
voters_gradient(const Voters *voters, int64 *place, const double *strengths,
				double *gradient, bool *is_touched, int *touched, int *voter,
				int64 *battles)
{
	FittedTally fitted = {voters->tally, strengths};
	int			num_touched = 0;
	int64		end;

	if (*place >= voters->num_known)
		return 0;
	*voter = voters_number_added(voters, voters->cells[*place].voter);
	*battles = 0;
	end = voter_end(voters, *place);
	for (; *place < end; (*place)++)
	{
		const VoterCell *cell = &voters->cells[*place];
		int			models[2];
		double		amounts[2];

		*battles += cell->count;
		(void) battle_residual(&fitted, cell->what, models, amounts);
		for (int k = 0; k < 2; k++)
			touch(gradient, is_touched, touched, &num_touched, models[k],
				  amounts[k] * cell->count);
	}
	for (int a = 0; a < num_touched; a++)
		is_touched[touched[a]] = false;
	return num_touched;
}
