/*-------------------------------------------------------------------------
 *
 * cycles.c
 *	  Cycles of three: A took more points off B than B off A, B off C, and C off A.
 *
 * No scores can put such three in order (Kendall and Babington Smith 1940).  Where models
 * are close, some come of chance alone.
 *
 * For each pair, those who lost to the loser and beat the winner are counted, 64 at once.
 *
 * Time: a word for each pair and 64 models.
 * Memory: two bits for each two models.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

#define BITS 64

struct CycleCounter
{
	const Tally *tally;
	Size		num_words;		/* of a row */
	uint64	   *beaten;			/* by each model */
	uint64	   *beaten_by;
};

CycleCounter *
cycle_counter_create(const Tally *tally)
{
	CycleCounter *counter = palloc(sizeof(CycleCounter));
	Size		size;

	counter->tally = tally;
	counter->num_words = (tally->num_models + BITS - 1) / BITS;
	size = mul_size(mul_size(tally->num_models, counter->num_words), sizeof(uint64));
	counter->beaten = MemoryContextAllocHuge(CurrentMemoryContext, size);
	counter->beaten_by = MemoryContextAllocHuge(CurrentMemoryContext, size);
	return counter;
}

static void
set_bit(const CycleCounter *counter, uint64 *rows, int row, int bit)
{
	rows[row * counter->num_words + bit / BITS] |= UINT64CONST(1) << (bit % BITS);
}

/*
 * How many cycles of three there are if these are the points.
 */
int64
count_cycles(CycleCounter *counter, PairPoints points)
{
	const Tally *tally = counter->tally;
	Size		size = sizeof(uint64) * tally->num_models * counter->num_words;
	int64		cycles = 0;

	memset(counter->beaten, 0, size);
	memset(counter->beaten_by, 0, size);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		bool		is_won = points.first[p] > points.second[p];
		int			winner = is_won ? pair->first : pair->second;
		int			loser = is_won ? pair->second : pair->first;

		if (points.first[p] == points.second[p])
			continue;
		set_bit(counter, counter->beaten, winner, loser);
		set_bit(counter, counter->beaten_by, loser, winner);
	}
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		bool		is_won = points.first[p] > points.second[p];
		const uint64 *to = counter->beaten + (is_won ? pair->second : pair->first) * counter->num_words;
		const uint64 *from = counter->beaten_by + (is_won ? pair->first : pair->second) * counter->num_words;

		CHECK_FOR_INTERRUPTS_AT(p);
		if (points.first[p] == points.second[p])
			continue;
		for (Size w = 0; w < counter->num_words; w++)
			cycles += __builtin_popcountll(to[w] & from[w]);
	}
	/* each was met at each of its three pairs */
	return cycles / 3;
}
