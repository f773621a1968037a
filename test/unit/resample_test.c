/*-------------------------------------------------------------------------
 *
 * resample_test.c
 *	  Tests of resample.c: a resample is multinomial.
 *
 * The draws are a mixture of tables, rejection and single draws, by counts; a
 * fault in one of them would make every interval wrong and no score.  So each
 * way is held against theory: the total, means, variances and covariances, the
 * chi-square statistic of single resamples and of their sum, the whole
 * distribution of cells, and independence of one replicate from the next.
 *
 * A resample tells the points of pairs, not the battles of cells.  So a pair
 * here has either ties only or none, and its cells can be told.
 *
 * Every statistic is a standard normal deviate, or nearly, whose threshold is
 * that of a chance of 1e-4, divided by how many are looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

#define NUM_RESAMPLES 20000
#define MISTAKE_CHANCE 1e-4

/* Covariances are looked at among the first cells, distributions of the first */
#define MAX_COVARIANCE_CELLS 40
#define MAX_WATCHED_CELLS 8
#define NUM_BINS 40

/* What is known of the resamples of one tally */
typedef struct DrawStatistics
{
	const char *name;
	const Tally *tally;
	int			num_cells;		/* that have battles */
	int			num_watched;
	int			num_paired;
	double		n;
	double	   *chances;
	double	   *counts;			/* of the resample at hand */
	double	   *deviations;		/* from the expected counts */
	double	   *last_deviations;
	double	   *sums;			/* of the deviations */
	double	   *products;		/* sums of products of two, and their squares */
	double	   *squares;
	double		chi_square;		/* sum of the statistic over resamples */
	double		lagged;			/* sum over cells of products with the last */
	double		lagged_square;
	double	   *watched;		/* counts of the first cells, by resample */
} DrawStatistics;

/* The deviate that a standard normal exceeds, either way, by this chance */
static double
normal_threshold(double chance)
{
	double		low = 0;
	double		high = 40;

	while (high - low > 1e-9)
	{
		double		middle = (low + high) / 2;

		if (erfc(middle / sqrt(2.0)) > chance)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* A chi-square statistic as a normal deviate (Wilson and Hilferty 1931) */
static double
chi_square_deviate(double statistic, double degrees)
{
	double		variance = 2 / (9 * degrees);

	return (cbrt(statistic / degrees) - (1 - variance)) / sqrt(variance);
}

/*
 * One of num_deviates statistics of a kind must be within the threshold.
 */
static void
check_deviate(const DrawStatistics *draws, const char *what, int cell,
			  double deviate, int num_deviates)
{
	check(fabs(deviate) <= normal_threshold(MISTAKE_CHANCE / num_deviates),
		  "%s: %s of cell %d is %.2f standard errors off", draws->name, what,
		  cell, deviate);
}

static DrawStatistics *
statistics_create(const char *name, const Tally *tally)
{
	DrawStatistics *draws = palloc0(sizeof(DrawStatistics));
	int			max_cells = tally->num_pairs * NUM_OUTCOMES;

	draws->name = name;
	draws->tally = tally;
	draws->n = tally->num_battles;
	draws->chances = palloc(sizeof(double) * max_cells);
	for (int p = 0; p < tally->num_pairs; p++)
		for (int i = 0; i < NUM_OUTCOMES; i++)
			if (tally->pairs[p].count[i] > 0)
				draws->chances[draws->num_cells++] = tally->pairs[p].count[i] / draws->n;
	draws->num_paired = Min(draws->num_cells, MAX_COVARIANCE_CELLS);
	draws->num_watched = Min(draws->num_cells, MAX_WATCHED_CELLS);
	draws->counts = palloc(sizeof(double) * max_cells);
	draws->deviations = palloc(sizeof(double) * max_cells);
	draws->last_deviations = palloc0(sizeof(double) * max_cells);
	draws->sums = palloc0(sizeof(double) * max_cells);
	draws->products = palloc0(sizeof(double) * draws->num_paired * draws->num_paired);
	draws->squares = palloc0(sizeof(double) * draws->num_paired * draws->num_paired);
	draws->watched = palloc(sizeof(double) * draws->num_watched * NUM_RESAMPLES);
	return draws;
}

/*
 * Tell the cells of a resample from its points.  Cells of no battles must not
 * have been drawn; the others' total must be that of the tally.
 */
static void
read_counts(DrawStatistics *draws, PairPoints points)
{
	double		total = 0;
	int			c = 0;

	for (int p = 0; p < draws->tally->num_pairs; p++)
	{
		const int64 *count = draws->tally->pairs[p].count;
		double		first = points.first[p];
		double		second = points.second[p];

		total += first + second;
		if (count[OUTCOME_TIE] > 0)
		{
			check(first == second, "%s: ties gave %f and %f points", draws->name,
				  first, second);
			draws->counts[c++] = first + second;
			continue;
		}
		if (count[OUTCOME_FIRST] > 0)
			draws->counts[c++] = first;
		else
			check(first == 0, "%s: a cell of no battles was drawn", draws->name);
		if (count[OUTCOME_SECOND] > 0)
			draws->counts[c++] = second;
		else
			check(second == 0, "%s: a cell of no battles was drawn", draws->name);
	}
	check(total == draws->n, "%s: %.1f battles of %.1f were drawn", draws->name,
		  total, draws->n);
}

/*
 * Take the counts of one resample into the statistics.
 */
static void
add_resample(DrawStatistics *draws, int r)
{
	double		lagged = 0;

	for (int c = 0; c < draws->num_cells; c++)
	{
		double		expected = draws->n * draws->chances[c];
		double		deviation = draws->counts[c] - expected;

		check(draws->counts[c] >= 0 && draws->counts[c] == rint(draws->counts[c]),
			  "%s: cell %d was drawn %f times", draws->name, c, draws->counts[c]);
		draws->sums[c] += deviation;
		draws->chi_square += deviation * deviation / expected;
		lagged += deviation * draws->last_deviations[c] / expected;
		draws->deviations[c] = deviation;
	}
	draws->lagged += lagged;
	draws->lagged_square += lagged * lagged;
	memcpy(draws->last_deviations, draws->deviations,
		   sizeof(double) * draws->num_cells);

	for (int a = 0; a < draws->num_paired; a++)
		for (int b = 0; b <= a; b++)
		{
			double		product = draws->deviations[a] * draws->deviations[b];

			draws->products[a * draws->num_paired + b] += product;
			draws->squares[a * draws->num_paired + b] += product * product;
		}
	for (int c = 0; c < draws->num_watched; c++)
		draws->watched[c * NUM_RESAMPLES + r] = draws->counts[c];
}

/* Means: each cell's, and all together by the chi-square of the sums */
static void
check_means(const DrawStatistics *draws)
{
	double		chi_square = 0;

	for (int c = 0; c < draws->num_cells; c++)
	{
		double		p = draws->chances[c];
		double		expected = NUM_RESAMPLES * draws->n * p;

		check_deviate(draws, "the mean", c, draws->sums[c] / sqrt(expected * (1 - p)),
					  draws->num_cells);
		chi_square += draws->sums[c] * draws->sums[c] / expected;
	}
	check_deviate(draws, "the chi-square of the sums", -1,
				  chi_square_deviate(chi_square, draws->num_cells - 1), 1);
}

/* Variances and covariances: n p (1 - p) and -n p q */
static void
check_covariances(const DrawStatistics *draws)
{
	int			k = draws->num_paired;

	for (int a = 0; a < k; a++)
		for (int b = 0; b <= a; b++)
		{
			double		expected = draws->n * draws->chances[a] *
				((a == b) - draws->chances[b]);
			double		mean = draws->products[a * k + b] / NUM_RESAMPLES;
			double		square = draws->squares[a * k + b] / NUM_RESAMPLES;
			double		error = sqrt((square - mean * mean) / NUM_RESAMPLES);

			check_deviate(draws, "a covariance", a, (mean - expected) / error,
						  k * (k + 1) / 2);
		}
}

/*
 * The chi-square statistic of single resamples: its mean is the degrees of
 * freedom, its variance known (Haldane 1937).  And replicates that follow each
 * other are not correlated.
 */
static void
check_chi_square(const DrawStatistics *draws)
{
	double		k = draws->num_cells;
	double		inverses = 0;
	double		variance;

	for (int c = 0; c < draws->num_cells; c++)
		inverses += 1 / draws->chances[c];
	variance = 2 * (k - 1) + (inverses - k * k - 2 * k + 2) / draws->n;
	check_deviate(draws, "the chi-square of single resamples", -1,
				  (draws->chi_square / NUM_RESAMPLES - (k - 1)) /
				  sqrt(variance / NUM_RESAMPLES), 1);
	check_deviate(draws, "the correlation with the next resample", -1,
				  draws->lagged / sqrt(draws->lagged_square), 1);
}

/* ln n! / (n - k)!, without the loss of digits of two factorials */
static double
log_falling_factorial(double n, double k)
{
	if (n < 1e8)
		return lgamma(n + 1) - lgamma(n - k + 1);
	return k * log(n) - k * (k - 1) / (2 * n);
}

/* The chance of a binomial variable up to this value */
static double
binomial_up_to(double value, double n, double p)
{
	double		deviation = sqrt(n * p * (1 - p));
	double		sum = 0;

	/* of large ones the normal distribution tells it, as skew as they are */
	if (deviation > 100)
	{
		double		z = (value + 0.5 - n * p) / deviation;
		double		skew = (1 - 2 * p) / deviation;

		return 0.5 * erfc(-z / sqrt(2.0)) -
			skew / 6 * (z * z - 1) * exp(-z * z / 2) / sqrt(2 * M_PI);
	}
	for (double k = Max(0, floor(n * p - 9 * deviation)); k <= value; k++)
		sum += exp(log_falling_factorial(n, k) - lgamma(k + 1) +
				   k * log(p) + (n - k) * log1p(-p));
	return sum;
}

/*
 * The whole distribution of one cell, in bins of about equal chance: borders
 * are what a fortieth of the draws lie below.
 */
static void
check_distribution(const DrawStatistics *draws, int c)
{
	double	   *drawn = &draws->watched[c * NUM_RESAMPLES];
	double		p = draws->chances[c];
	double		before = 0;
	double		statistic = 0;
	int			num_bins = 0;
	int			counted = 0;

	qsort(drawn, NUM_RESAMPLES, sizeof(double), compare_doubles);
	for (int b = 1; b <= NUM_BINS && counted < NUM_RESAMPLES; b++)
	{
		double		border = drawn[b * NUM_RESAMPLES / NUM_BINS - 1];
		bool		last = border == drawn[NUM_RESAMPLES - 1];
		double		up_to = last ? 1 : binomial_up_to(border, draws->n, p);
		double		expected = NUM_RESAMPLES * (up_to - before);
		int			begin = counted;

		while (counted < NUM_RESAMPLES && drawn[counted] <= border)
			counted++;
		if (counted == begin)
			continue;
		statistic += (counted - begin - expected) * (counted - begin - expected) / expected;
		before = up_to;
		num_bins++;
	}
	if (num_bins > 1)
		check_deviate(draws, "the distribution", c,
					  chi_square_deviate(statistic, num_bins - 1),
					  draws->num_watched);
}

/*
 * Draw resamples of these battles and hold them against theory.
 */
static void
check_resamples(const char *name, const BattleList *battles)
{
	Tally	   *tally = battles_tally(battles, NULL);
	DrawStatistics *draws = statistics_create(name, tally);
	Resampler  *resampler = resampler_create(tally);
	PairPoints	points = points_create(tally->num_pairs);

	for (int r = 0; r < NUM_RESAMPLES; r++)
	{
		pg_prng_state prng;

		seed_replicate(&prng, 0, r);
		resample(resampler, &prng, points);
		read_counts(draws, points);
		add_resample(draws, r);
	}
	check_means(draws);
	check_covariances(draws);
	check_chi_square(draws);
	for (int c = 0; c < draws->num_watched; c++)
		check_distribution(draws, c);
}

/*
 * Battles of as many pairs as it needs for cells of these counts: ties in every
 * third pair, wins of either side in the others, of every seventh of one only.
 */
static BattleList *
battles_of_counts(const int64 *counts, int num_counts)
{
	BattleList *battles = battles_create(50);
	int			used = 0;
	int			pair = 0;

	for (int i = 1; used < num_counts; i++)
		for (int j = 0; j < i && used < num_counts; j++, pair++)
		{
			if (pair % 3 == 2)
				battles_add(battles, i, j, OUTCOME_TIE, counts[used++]);
			else
			{
				battles_add(battles, i, j, OUTCOME_FIRST, counts[used++]);
				if (pair % 7 != 6 && used < num_counts)
					battles_add(battles, i, j, OUTCOME_SECOND, counts[used++]);
			}
		}
	return battles;
}

/* Battles of cells whose counts lie evenly between two */
static BattleList *
battles_between(int64 low, int64 high, int num_cells)
{
	int64	   *counts = palloc(sizeof(int64) * num_cells);

	for (int c = 0; c < num_cells; c++)
		counts[c] = low + (high - low) * c / num_cells;
	return battles_of_counts(counts, num_cells);
}

/* Protects small tallies: fewer than 100 battles are drawn one by one */
static void
test_few_battles(void)
{
	check_resamples("20 cells of 1 to 4", battles_between(1, 5, 20));
	check_resamples("2 cells of 30", battles_between(30, 31, 2));
}

/* Protects sparse tallies: battles of many cells are drawn one by one */
static void
test_many_cells(void)
{
	check_resamples("400 cells of 1", battles_between(1, 2, 400));
}

/* Protects the usual case: every cell by a table of its count */
static void
test_tables(void)
{
	check_resamples("30 cells of 1 to 60", battles_between(1, 60, 30));
	check_resamples("150 cells of 1 to 20", battles_between(1, 20, 150));
	check_resamples("40 cells of 1000 to 4096", battles_between(1000, 4097, 40));
	check_resamples("2 cells of 4000", battles_between(4000, 4001, 2));
}

/* Protects cells that are too large for tables, beside cells that are not */
static void
test_rejection(void)
{
	static const int64 counts[] = {
		4095, 4096, 4097, 5000, 10000, 1, 10, 500, 100000, 1000000, 20, 8000
	};

	check_resamples("12 cells around 4096",
					battles_of_counts(counts, lengthof(counts)));
	check_resamples("40 cells of 4097 to 50000", battles_between(4097, 50000, 40));
}

/* Protects huge numbers: what is missing is drawn by Poisson variables again */
static void
test_huge_counts(void)
{
	static const int64 counts[] = {
		INT64CONST(1) << 50, 3, INT64CONST(1) << 49, 1000, INT64CONST(1) << 40,
		INT64CONST(1) << 30, 1, INT64CONST(1) << 52
	};

	check_resamples("cells of 1 to 2^52", battles_of_counts(counts, lengthof(counts)));
	check_resamples("20 cells of 10^9",
					battles_between(1000000000, 2000000000, 20));
}

/* Protects exactness at the limit: all 2^53 battles are drawn, odd ties too */
static void
test_total_at_the_limit(void)
{
	BattleList *battles = battles_create(3);
	Tally	   *tally;
	Resampler  *resampler;
	PairPoints	points;

	battles_add_pair(battles, 0, 1, MAX_BATTLES / 8, MAX_BATTLES / 8 + 1,
					 MAX_BATTLES / 8 + 3);
	battles_add_pair(battles, 1, 2, MAX_BATTLES / 8, MAX_BATTLES / 8,
					 MAX_BATTLES / 8 - 5);
	battles_add(battles, 0, 2, OUTCOME_FIRST, MAX_BATTLES - battles->num_battles);
	tally = battles_tally(battles, NULL);
	resampler = resampler_create(tally);
	points = points_create(tally->num_pairs);
	for (int r = 0; r < 1000; r++)
	{
		pg_prng_state prng;
		double		total = 0;

		seed_replicate(&prng, 1, r);
		resample(resampler, &prng, points);
		for (int p = 0; p < tally->num_pairs; p++)
			total += points.first[p] + points.second[p];
		check(total == tally->num_battles, "resample %d has %.1f battles of %.1f", r,
			  total, (double) tally->num_battles);
	}
}

/*
 * Protects pairs with wins and ties alike: the points of either side add up to the
 * battles and have the moments that theory says, in each way of drawing.
 */
static void
test_points_of_pairs(void)
{
	static const int64 scales[] = {1, 20, 3000, INT64CONST(1) << 40};

	for (int s = 0; s < (int) lengthof(scales); s++)
	{
		BattleList *battles = battles_create(3);
		double		n = 29.0 * scales[s];
		double		mean = 7 * scales[s];	/* 5 wins and 4 ties */
		double		variance = 6 * scales[s] - mean * mean / n;
		double		sum = 0;
		double		square = 0;
		Tally	   *tally;
		Resampler  *resampler;
		PairPoints	points;

		battles_add_pair(battles, 0, 1, 5 * scales[s], 3 * scales[s], 4 * scales[s]);
		battles_add_pair(battles, 1, 2, 6 * scales[s], 2 * scales[s], 9 * scales[s]);
		tally = battles_tally(battles, NULL);
		resampler = resampler_create(tally);
		points = points_create(tally->num_pairs);
		for (int r = 0; r < NUM_RESAMPLES; r++)
		{
			pg_prng_state prng;
			double		deviation;

			seed_replicate(&prng, 2, r);
			resample(resampler, &prng, points);
			check(points.first[0] + points.second[0] +
				  points.first[1] + points.second[1] == n,
				  "scale %lld: %f and %f points, %f and %f", (long long) scales[s],
				  points.first[0], points.second[0], points.first[1], points.second[1]);
			deviation = points.first[0] - mean;
			sum += deviation;
			square += deviation * deviation;
		}
		check(fabs(sum) <= normal_threshold(MISTAKE_CHANCE) * sqrt(NUM_RESAMPLES * variance),
			  "scale %lld: the mean is off by %f", (long long) scales[s],
			  sum / NUM_RESAMPLES);
		check(fabs(square / NUM_RESAMPLES / variance - 1) <=
			  normal_threshold(MISTAKE_CHANCE) * sqrt(2.0 / NUM_RESAMPLES),
			  "scale %lld: the variance is %f times what it should be",
			  (long long) scales[s], square / NUM_RESAMPLES / variance);
	}
}

/* Protects all that is drawn: the bits and the doubles are those of the server's generators */
static void
test_bits(void)
{
	for (int seed = 0; seed < 100; seed++)
	{
		pg_prng_state own;
		pg_prng_state servers;

		seed_replicate(&own, seed, 3);
		servers = own;
		for (int d = 0; d < 100; d++)
		{
			uint64		bits = next_bits(&own);
			uint64		expected = pg_prng_uint64(&servers);

			check(bits == expected, "seed %d, draw %d: the bits differ", seed, d);
			check(uniform_draw(&own) == pg_prng_double(&servers),
				  "seed %d, draw %d: the doubles differ", seed, d);
		}
	}
}

const UnitTest resample_tests[] = {
	{"bits and doubles are drawn as the server draws them", test_bits},
	{"resamples of few battles are multinomial", test_few_battles},
	{"resamples of many cells are multinomial", test_many_cells},
	{"resamples by tables are multinomial", test_tables},
	{"resamples by rejection are multinomial", test_rejection},
	{"resamples of huge counts are multinomial", test_huge_counts},
	{"resamples of 2^53 battles have as many", test_total_at_the_limit},
	{"points of pairs with ties have the right moments", test_points_of_pairs},
	{NULL, NULL}
};
