/*-------------------------------------------------------------------------
 *
 * voter_draws.c
 *	  Replicates of battles by drawing voters.
 *
 * Each that is drawn brings all his battles.  Those of which no voter is known are drawn
 * as battles are (resample.c), and before them how many of the voters that are drawn are
 * such.
 *
 * Replicates are made AT_ONCE in one pass over the cells.  For that a voter takes AT_ONCE
 * bytes more, and a pair 192.  Where that is more than may be taken, or counts might be more
 * than an integer holds, they are made one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

/* So many replicates are made in one pass over the cells */
#define AT_ONCE 16

/*
 * Of a pair with more battles than this, drawing some voters often may make more than
 * an integer holds: 2^31, were each drawn 256 times
 */
#define MANY_BATTLES (1 << 23)

struct VoterDraws
{
	VoterCells	cells;
	Resampler  *sides;			/* of voters: how many are known, how many not */
	PairPoints	on_sides;
	Resampler  *unknown;		/* of battles without a voter */
	PairPoints	of_unknown;
	int			width;			/* replicates that are made at once */
	int32	   *counts;			/* of each pair and outcome, in each of these */
	uint8	   *times;			/* that each voter is drawn in them; more than
								 * 255 would take longer than the world has */
};

/*
 * Battles of some of the cells as a tally, for who asks for nothing but counts.
 */
static Tally *
tally_of_cells(VoterCells cells, int64 begin, int64 end)
{
	Tally	   *tally = palloc0(sizeof(Tally));
	Size		size = mul_size(cells.num_slots, sizeof(Pair));

	tally->num_pairs = cells.num_slots;
	tally->pairs = MemoryContextAllocHuge(CurrentMemoryContext, size);
	memset(tally->pairs, 0, size);
	for (int64 c = begin; c < end; c++)
	{
		const VoterCell *cell = &cells.cells[c];

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
resampler_of_sides(VoterCells cells)
{
	Tally	   *tally = palloc0(sizeof(Tally));

	tally->num_models = 2;
	tally->num_pairs = 1;
	tally->num_battles = cells.num_voters + cells.num_unknown;
	tally->pairs = palloc0(sizeof(Pair));
	tally->pairs->second = 1;
	tally->pairs->count[OUTCOME_FIRST] = cells.num_voters;
	tally->pairs->count[OUTCOME_SECOND] = cells.num_unknown;
	return resampler_create(tally);
}

/*
 * How many replicates are made at once.
 */
static int
find_width(VoterCells cells)
{
	int64		bytes = cells.number * sizeof(VoterCell) +
		(int64) cells.num_voters * AT_ONCE +
		(int64) cells.num_slots * NUM_OUTCOMES * AT_ONCE * sizeof(int32);
	Tally	   *all;
	int			width = AT_ONCE;

	if (bytes > (int64) cells.max_bytes)
		return 1;
	all = tally_of_cells(cells, 0, cells.number);
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

/*
 * To draw replicates of the battles of voters, which are those of slots.
 */
VoterDraws *
voter_draws_create(const Voters *voters, bool with_ties)
{
	VoterDraws *draws = palloc0(sizeof(VoterDraws));
	VoterCells	cells = voter_cells(voters);
	Size		width = find_width(cells);

	draws->cells = cells;
	draws->width = width;
	draws->times = MemoryContextAllocHuge(CurrentMemoryContext,
										  mul_size(cells.num_voters + 1, width));
	draws->on_sides = points_create(1);
	draws->of_unknown = points_create(cells.num_slots);
	if (with_ties)
		draws->of_unknown.ties = MemoryContextAllocHuge(CurrentMemoryContext,
														mul_size(cells.num_slots + 1,
																 sizeof(double)));
	if (width > 1)
		draws->counts = MemoryContextAllocHuge(CurrentMemoryContext,
											   mul_size(mul_size(cells.num_slots,
																 NUM_OUTCOMES * width),
														sizeof(int32)));
	if (cells.num_unknown == 0)
		return draws;
	draws->unknown = resampler_create(tally_of_cells(cells, cells.num_known, cells.number));
	draws->sides = resampler_of_sides(cells);
	return draws;
}

/*
 * Draw battles without a voter, as many as there are of such among the voters that are
 * drawn.  Returns the number of the others.
 */
static int64
draw_unknown(VoterDraws *draws, pg_prng_state *prng)
{
	int64		number = draws->cells.num_voters + draws->cells.num_unknown;
	int64		known = 0;

	if (draws->cells.num_unknown == 0)
		return number;
	if (draws->cells.num_voters > 0)
	{
		resample(draws->sides, prng, draws->on_sides);
		known = draws->on_sides.first[0];
	}
	resample_number(draws->unknown, prng, number - known, draws->of_unknown);
	return known;
}

/*
 * Draw as many voters as there are, with replacement, for one of the replicates that
 * are made at once.
 */
static void
draw_voters(VoterDraws *draws, uint64 seed, int replicate, int lane)
{
	pg_prng_state prng;
	int			width = draws->width;
	int64		number;

	seed_replicate(&prng, seed, replicate);
	number = draw_unknown(draws, &prng);
	for (int64 drawn = 0; drawn < number; drawn++)
	{
		Size		voter = pg_prng_uint64_range(&prng, 0, draws->cells.num_voters - 1);

		CHECK_FOR_INTERRUPTS_AT(drawn);
		draws->times[voter * width + lane]++;
	}
}

/*
 * Count the battles without a voter that were drawn.  Of their points half ones are as
 * many on either side: one tie says them, if there is one and nobody asks for ties.
 */
static void
count_unknown(VoterDraws *draws, int lane)
{
	if (draws->cells.num_unknown == 0)
		return;
	for (int p = 0; p < draws->cells.num_slots; p++)
	{
		int32	   *counts = draws->counts + (Size) p * NUM_OUTCOMES * AT_ONCE + lane;
		double		first = draws->of_unknown.first[p];
		int32		ties = draws->of_unknown.ties ?
			draws->of_unknown.ties[p] : first > (int32) first;

		counts[OUTCOME_FIRST * AT_ONCE] = first - 0.5 * ties;
		counts[OUTCOME_SECOND * AT_ONCE] = draws->of_unknown.second[p] - 0.5 * ties;
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
count_known(VoterDraws *draws)
{
	for (int64 c = 0; c < draws->cells.num_known;)
	{
		int64		end = voter_end(draws->cells, c);
		const uint8 *restrict drawn = draws->times + (Size) draws->cells.cells[c].voter * AT_ONCE;
		int32		times[AT_ONCE];

		CHECK_FOR_INTERRUPTS();
		for (int lane = 0; lane < AT_ONCE; lane++)
			times[lane] = drawn[lane];
		for (; c < end; c++)
			add_times(times, (int32) draws->cells.cells[c].count,
					  draws->counts + (Size) draws->cells.cells[c].what * AT_ONCE);
	}
}

/*
 * Draw the replicates from this one on that are made at once.
 */
static void
draw_replicates(VoterDraws *draws, uint64 seed, int replicate)
{
	memset(draws->counts, 0,
		   sizeof(int32) * NUM_OUTCOMES * draws->cells.num_slots * AT_ONCE);
	memset(draws->times, 0, (Size) draws->cells.num_voters * AT_ONCE);
	for (int lane = 0; lane < AT_ONCE; lane++)
	{
		draw_voters(draws, seed, replicate + lane, lane);
		count_unknown(draws, lane);
	}
	count_known(draws);
}

/*
 * The same for one replicate alone, straight into points.
 */
static void
draw_replicate(VoterDraws *draws, uint64 seed, int replicate, PairPoints points)
{
	Size		size = sizeof(double) * draws->cells.num_slots;

	memset(draws->times, 0, draws->cells.num_voters);
	memset(draws->of_unknown.first, 0, size);
	memset(draws->of_unknown.second, 0, size);
	if (points.ties)
		memset(draws->of_unknown.ties, 0, size);
	draw_voters(draws, seed, replicate, 0);
	memcpy(points.first, draws->of_unknown.first, size);
	memcpy(points.second, draws->of_unknown.second, size);
	if (points.ties)
		memcpy(points.ties, draws->of_unknown.ties, size);
	for (int64 c = 0; c < draws->cells.num_known; c++)
	{
		const VoterCell *cell = &draws->cells.cells[c];
		int			p = cell->what / NUM_OUTCOMES;
		double		count = (double) cell->count * draws->times[cell->voter];

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
resample_voters(VoterDraws *draws, uint64 seed, int replicate, PairPoints points)
{
	Size		lane;

	if (draws->width == 1)
	{
		draw_replicate(draws, seed, replicate, points);
		return;
	}
	lane = replicate % AT_ONCE;
	if (lane == 0)
		draw_replicates(draws, seed, replicate);
	for (int p = 0; p < draws->cells.num_slots; p++)
	{
		const int32 *count = draws->counts + (Size) p * NUM_OUTCOMES * AT_ONCE + lane;
		double		ties = count[OUTCOME_TIE * AT_ONCE];

		points.first[p] = count[OUTCOME_FIRST * AT_ONCE] + 0.5 * ties;
		points.second[p] = count[OUTCOME_SECOND * AT_ONCE] + 0.5 * ties;
		if (points.ties)
			points.ties[p] = ties;
	}
}
