/*-------------------------------------------------------------------------
 *
 * binomial.c
 *	  Draws of the binomial distribution: how many of so many battles end in some way.
 *
 * Where few are expected, their number is counted up from 0 by its chances.  Else it is
 * drawn by transformed rejection (Hormann, "The generation of binomial random variates",
 * 1993, algorithm BTRS).  Of so many that the bell curve is as good, by that.
 *
 * (The server's PRNG has integers, doubles and, from version 16 on, normal draws.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"

/* Fewer expected ones are counted up */
#define FEW 10

/* A larger variance is drawn by the normal distribution */
#define LARGE_VARIANCE 1e7

/*
 * The first place at which the chances of 0, 1, 2 ... add up to a uniform draw.
 */
static int64
count_up(double left, int64 number, Chance chance, double chance_of_none)
{
	double		places = number;
	double		probability = chance_of_none;
	double		k = 0;

	while (left > probability && k < places)
	{
		left -= probability;
		k++;
		probability *= chance.odds * (places - k + 1) / k;
	}
	return (int64) k;
}

static int64
draw_bell(pg_prng_state *prng, int64 number, double chance)
{
	double		radius = sqrt(-2 * log(1 - pg_prng_double(prng)));
	double		normal = radius * cos(2 * M_PI * pg_prng_double(prng));
	double		drawn = floor(number * chance + 0.5 +
							  normal * sqrt(number * chance * (1 - chance)));

	return drawn < 0 ? 0 : drawn > number ? number : (int64) drawn;
}

static int64
draw_by_rejection(pg_prng_state *prng, int64 number, double chance)
{
	double		deviation = sqrt(number * chance * (1 - chance));
	double		b = 1.15 + 2.53 * deviation;
	double		a = -0.0873 + 0.0248 * b + 0.01 * chance;
	double		centre = number * chance + 0.5;
	double		sure = 0.92 - 4.2 / b;
	double		mode = floor((number + 1) * chance);

	for (;;)
	{
		double		u = pg_prng_double(prng) - 0.5;
		double		v = pg_prng_double(prng);
		double		inner = 0.5 - fabs(u);
		double		k = floor((2 * a / inner + b) * u + centre);

		if (inner >= 0.07 && v <= sure)
			return (int64) k;
		if (k < 0 || k > number)
			continue;
		v = log(v * (2.83 + 5.1 / b) * deviation / (a / (inner * inner) + b));
		/* one in seven comes to this */
		if (v <= lgamma(mode + 1) + lgamma(number - mode + 1) - lgamma(k + 1) -
			lgamma(number - k + 1) + (k - mode) * log(chance / (1 - chance)))
			return (int64) k;
	}
}

/*
 * A chance from 0 to 1, ready for draws.
 */
Chance
prepare_chance(double chance)
{
	Chance		prepared;

	prepared.is_mirrored = chance > 0.5;
	prepared.rarer = Max(prepared.is_mirrored ? 1 - chance : chance, 0);
	prepared.log_none = log1p(-prepared.rarer);
	prepared.odds = prepared.rarer / (1 - prepared.rarer);
	return prepared;
}

static int64
draw_rarer(pg_prng_state *prng, int64 number, Chance chance)
{
	double		expected = number * chance.rarer;

	if (expected == 0)
		return 0;
	if (expected < FEW)
		return count_up(uniform_draw(prng), number, chance, exp(number * chance.log_none));
	if (expected * (1 - chance.rarer) > LARGE_VARIANCE)
		return draw_bell(prng, number, chance.rarer);
	return draw_by_rejection(prng, number, chance.rarer);
}

/*
 * How many of so many come true, each with this chance.
 */
int64
draw_binomial(pg_prng_state *prng, int64 number, Chance chance)
{
	int64		drawn = draw_rarer(prng, number, chance);

	return chance.is_mirrored ? number - drawn : drawn;
}
