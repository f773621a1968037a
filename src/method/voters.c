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
 * in their tally takes the place of its models.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* Room for so many cells at first */
#define INITIAL_CELLS 1024

/*
 * So many replicates are made in one pass over the cells, unless there are more pairs,
 * whose counts would take too much memory.
 */
#define AT_ONCE 8
#define MANY_PAIRS 50000

/* What a cell says: two models and a meaning, in 11, 11 and 10 bits */
#define MODEL_BITS		11
#define MEANING_BITS	10
#define MAX_MEANINGS	(1 << MEANING_BITS)

#define CELL_OF(model1, model2, meaning) \
	((((uint32) (model1) << MODEL_BITS) | (uint32) (model2)) << MEANING_BITS | (uint32) (meaning))
#define FIRST_OF(what)		((int) ((what) >> (MODEL_BITS + MEANING_BITS)))
#define SECOND_OF(what)		((int) ((what) >> MEANING_BITS & ((1 << MODEL_BITS) - 1)))
#define MEANING_OF(what)	((int) ((what) & (MAX_MEANINGS - 1)))

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
	int		   *added;			/* the number under which each was added, or
								 * NULL: his own */
	int64		num_unknown;	/* battles without one */

	/* Until models and outcomes have their places */
	int			num_meanings;
	Meaning		meanings[MAX_MEANINGS];

	/* Once they are those of a tally */
	const Tally *tally;
	int64	   *begins;			/* of each voter's cells, those without one
								 * last */
	int64	   *unknown_up_to;	/* battles of cells without one, up to each */
	int			width;			/* replicates that are made at once */
	double	   *counts;			/* of each pair and outcome, in each of these */
	double	   *times;			/* that each voter is drawn in them */
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
 * The number under which a voter was added, whatever his number is now.
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
	int		   *added = MemoryContextAllocHuge(CurrentMemoryContext,
											   mul_size(voters->num_voters + 1,
														sizeof(int)));

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
			added[num_voters++] = voters_number_added(voters, last);
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
		cell.what = CELL_OF(Min(first, second), Max(first, second), outcome);
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
		Outcome		outcome = (Outcome) MEANING_OF(cell.what);

		CHECK_FOR_INTERRUPTS_AT(c);
		if (first < 0 || second < 0)
			continue;
		if (first > second)
			outcome = mirrored(outcome);
		cell.what = CELL_OF(Min(first, second), Max(first, second), outcome);
		voters->cells[num_kept++] = cell;
	}
	voters->num_cells = num_kept;
	squeeze_cells(voters);
}

/*
 * Make cells say where they stand in the tally that has the same battles: its pair and
 * outcome as one number.
 */
void
voters_bind(Voters *voters, const Tally *tally)
{
	int64		cell = 0;

	voters->tally = tally;
	voters->begins = MemoryContextAllocHuge(CurrentMemoryContext,
											mul_size(voters->num_voters + 1,
													 sizeof(int64)));
	voters->width = tally->num_pairs <= MANY_PAIRS ? AT_ONCE : 1;
	voters->times = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(mul_size(voters->num_voters + 1,
															 voters->width),
													sizeof(double)));
	voters->counts = MemoryContextAllocHuge(CurrentMemoryContext,
											mul_size(mul_size(mul_size(tally->num_pairs + 1,
																	   NUM_OUTCOMES),
															  voters->width),
													 sizeof(double)));
	for (int64 c = 0; c < voters->num_cells; c++)
	{
		uint32		what = voters->cells[c].what;

		CHECK_FOR_INTERRUPTS_AT(c);
		voters->cells[c].what =
			NUM_OUTCOMES * tally_find_pair(tally, FIRST_OF(what), SECOND_OF(what)) +
			MEANING_OF(what);
	}
	for (int v = 0; v < voters->num_voters; v++)
	{
		voters->begins[v] = cell;
		while (cell < voters->num_cells && voters->cells[cell].voter == v)
			cell++;
	}
	voters->begins[voters->num_voters] = cell;

	voters->unknown_up_to = MemoryContextAllocHuge(CurrentMemoryContext,
												   mul_size(voters->num_cells - cell + 1,
															sizeof(int64)));
	voters->unknown_up_to[0] = 0;
	for (int64 c = cell; c < voters->num_cells; c++)
		voters->unknown_up_to[c - cell + 1] = voters->unknown_up_to[c - cell] +
			voters->cells[c].count;
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
 * How many battles the busiest voter cast.
 */
int64
voters_busiest(const Voters *voters)
{
	int64		most = voters->num_unknown > 0;

	for (int v = 0; v < voters->num_voters; v++)
	{
		int64		battles = 0;

		for (int64 c = voters->begins[v]; c < voters->begins[v + 1]; c++)
			battles += voters->cells[c].count;
		most = Max(most, battles);
	}
	return most;
}

/*
 * The cell of the battle of this number, among those without a voter.
 */
static int64
find_unknown(const Voters *voters, int64 number)
{
	int64		begin = voters->begins[voters->num_voters];
	int64		low = 0;
	int64		high = voters->num_cells - begin - 1;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (voters->unknown_up_to[middle + 1] <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return begin + low;
}

/*
 * Draw as many voters as there are, with replacement, for one of the replicates that
 * are made at once.
 */
static void
draw_voters(Voters *voters, pg_prng_state *prng, int lane)
{
	int64		number = voters_number(voters);
	int			width = voters->width;

	for (int64 drawn = 0; drawn < number; drawn++)
	{
		int64		voter = (int64) pg_prng_uint64_range(prng, 0, number - 1);

		CHECK_FOR_INTERRUPTS_AT(drawn);
		if (voter < voters->num_voters)
			voters->times[voter * width + lane]++;
		else
		{
			int64		cell = find_unknown(voters, voter - voters->num_voters);

			voters->counts[(Size) voters->cells[cell].what * width + lane]++;
		}
	}
}

/*
 * Add up the battles of the voters that were drawn.  The width is a constant wherever
 * this is called, so that its loops become vector instructions.
 */
static inline void
add_battles(Voters *voters, const int width)
{
	for (int v = 0; v < voters->num_voters; v++)
	{
		const double *restrict times = voters->times + (Size) v * width;

		CHECK_FOR_INTERRUPTS_AT(v);
		for (int64 c = voters->begins[v]; c < voters->begins[v + 1]; c++)
		{
			double	   *restrict counts = voters->counts + (Size) voters->cells[c].what * width;
			double		count = voters->cells[c].count;

#pragma omp simd
			for (int lane = 0; lane < width; lane++)
				counts[lane] += times[lane] * count;
		}
	}
}

/*
 * Draw the replicates from this one on that are made at once.
 */
static void
draw_replicates(Voters *voters, uint64 seed, int replicate)
{
	Size		width = voters->width;

	memset(voters->counts, 0,
		   sizeof(double) * NUM_OUTCOMES * voters->tally->num_pairs * width);
	memset(voters->times, 0, sizeof(double) * voters->num_voters * width);
	for (int lane = 0; lane < voters->width; lane++)
	{
		pg_prng_state prng;

		seed_replicate(&prng, seed, replicate + lane);
		draw_voters(voters, &prng, lane);
	}
	if (voters->width == AT_ONCE)
		add_battles(voters, AT_ONCE);
	else
		add_battles(voters, 1);
}

/*
 * Find the points of the pairs in all battles of the voters that a replicate draws.
 * Replicates are asked for in their order.
 */
void
resample_voters(Voters *voters, uint64 seed, int replicate, PairPoints points)
{
	Size		width = voters->width;
	Size		lane = replicate % width;

	if (lane == 0)
		draw_replicates(voters, seed, replicate);
	for (int p = 0; p < voters->tally->num_pairs; p++)
	{
		const double *count = voters->counts + (Size) p * NUM_OUTCOMES * width + lane;
		double		ties = count[OUTCOME_TIE * width];

		points.first[p] = count[OUTCOME_FIRST * width] + 0.5 * ties;
		points.second[p] = count[OUTCOME_SECOND * width] + 0.5 * ties;
	}
}

/*
 * What one battle of a cell gives to the first model's gradient: the points that it
 * took less those that it was to take.
 */
static double
residual(const Voters *voters, const VoterCell *cell, const double *strengths)
{
	const Pair *pair = &voters->tally->pairs[cell->what / NUM_OUTCOMES];
	double		ahead = strengths[pair->first] - strengths[pair->second];
	double		p = 1 / (1 + exp(-ahead));
	double		q = 1 / (1 + exp(ahead));

	switch ((Outcome) (cell->what % NUM_OUTCOMES))
	{
		case OUTCOME_FIRST:
			return q;
		case OUTCOME_SECOND:
			return -p;
		case OUTCOME_TIE:
			break;
	}
	return (q - p) / 2;
}

/*
 * Add the square of a voter's gradient, of the models that it touches, to a matrix.
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
 * Add what so many battles of a cell give to the gradient.
 */
static void
add_residual(const Voters *voters, const VoterCell *cell, const double *strengths,
			 double times, double *gradient, bool *is_touched, int *touched,
			 int *num_touched)
{
	const Pair *pair = &voters->tally->pairs[cell->what / NUM_OUTCOMES];
	double		amount = residual(voters, cell, strengths) * times;

	touch(gradient, is_touched, touched, num_touched, pair->first, amount);
	touch(gradient, is_touched, touched, num_touched, pair->second, -amount);
}

/*
 * The covariance of the gradient: the sum of the squares of what voters give to it,
 * times G / (G - 1), as a full matrix.
 */
void
voters_gradient_squares(const Voters *voters, const double *strengths, double *matrix)
{
	Size		n = voters->tally->num_models;
	double		number = (double) voters_number(voters);
	double	   *gradient = palloc(sizeof(double) * n);
	bool	   *is_touched = palloc0(sizeof(bool) * n);
	int		   *touched = palloc(sizeof(int) * n);

	memset(matrix, 0, sizeof(double) * n * n);
	for (int64 c = 0; c < voters->num_cells;)
	{
		int			voter = voters->cells[c].voter;
		int64		end = voter < 0 ? c + 1 : voters->begins[voter + 1];
		double		times = voter < 0 ? sqrt(voters->cells[c].count) : 1;
		int			num_touched = 0;

		CHECK_FOR_INTERRUPTS_AT(c * 16);
		for (; c < end; c++)
		{
			const VoterCell *cell = &voters->cells[c];

			add_residual(voters, cell, strengths, voter < 0 ? times : cell->count,
						 gradient, is_touched, touched, &num_touched);
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
}

/*
 * How many voters are known; their numbers are 0 and so on.
 */
int
voters_num_known(const Voters *voters)
{
	return voters->num_voters;
}

/*
 * What a known voter gives to the gradient, and how many battles he cast.  Returns how
 * many models his battles touch, which touched lists; of the others gradient says
 * nothing.  is_touched is false of all models, before and after.
 */
int
voters_gradient(const Voters *voters, int voter, const double *strengths,
				double *gradient, bool *is_touched, int *touched, int64 *battles)
{
	int			num_touched = 0;

	*battles = 0;
	for (int64 c = voters->begins[voter]; c < voters->begins[voter + 1]; c++)
	{
		const VoterCell *cell = &voters->cells[c];

		*battles += cell->count;
		add_residual(voters, cell, strengths, cell->count, gradient, is_touched, touched,
					 &num_touched);
	}
	for (int a = 0; a < num_touched; a++)
		is_touched[touched[a]] = false;
	return num_touched;
}
