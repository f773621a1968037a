/*-------------------------------------------------------------------------
 *
 * resample_fuzz.c
 *	  Fuzzes resample.c: a resample is one of these battles.
 *
 * Whatever is drawn, the battles of a resample are as many as those of the
 * tally, nobody takes a point in a way in which he never took one, and the
 * same seed draws the same bytes, whatever was drawn before.  (That draws are
 * multinomial is a question of statistics, which the unit tests ask.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "input.h"
#include "unit.h"

const int	fuzz_max_models = 175;

#define NUM_RESAMPLES 4

/*
 * May these be points of a side that won and tied so often in the tally?  A
 * point is a victory, half a point a tie.
 */
static bool
possible_points(double points, int64 wins, int64 ties)
{
	if (!(points >= 0) || rint(2 * points) != 2 * points)
		return false;
	if (wins == 0 && ties == 0)
		return points == 0;
	return ties > 0 || rint(points) == points;
}

static void
check_resample(const Tally *tally, PairPoints points)
{
	long double total = 0;

	/* of many battles a double holds no halves, and single draws lose them */
	double		cells = (double) tally->num_pairs * NUM_OUTCOMES;
	double		rounding = tally->num_battles > MAX_BATTLES / 4 ? 1000 + 8 * cells : 0;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const int64 *count = tally->pairs[p].count;

		check(possible_points(points.first[p], count[OUTCOME_FIRST], count[OUTCOME_TIE]),
			  "the first of pair %d took %f points", p, points.first[p]);
		check(possible_points(points.second[p], count[OUTCOME_SECOND], count[OUTCOME_TIE]),
			  "the second of pair %d took %f points", p, points.second[p]);
		total += points.first[p];
		total += points.second[p];
	}
	check(fabsl(total - tally->num_battles) <= rounding,
		  "a resample of %lld battles has %f", (long long) tally->num_battles,
		  (double) total);
}

void
fuzz_input(FuzzInput *input)
{
	Tally	   *tally = battles_tally(input->battles, NULL);
	Resampler  *resampler = resampler_create(tally);
	PairPoints	points = points_create(tally->num_pairs);
	PairPoints	again = points_create(tally->num_pairs);
	Size		size = sizeof(double) * tally->num_pairs;

	for (int r = 0; r < NUM_RESAMPLES; r++)
	{
		pg_prng_state prng;

		seed_replicate(&prng, input->options.seed, r);
		resample(resampler, &prng, points);
		check_resample(tally, points);
	}
	for (int r = NUM_RESAMPLES - 2; r < NUM_RESAMPLES; r++)
	{
		pg_prng_state prng;

		seed_replicate(&prng, input->options.seed, r);
		resample(resampler, &prng, again);
	}
	check(memcmp(points.first, again.first, size) == 0 &&
		  memcmp(points.second, again.second, size) == 0,
		  "the same seed draws another resample");
}
