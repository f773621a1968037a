/*-------------------------------------------------------------------------
 *
 * resample.c
 *	  Resamples of the battles of a tally.
 *
 * A resample of N battles with replacement is, as counts, multinomial:
 * N draws over the cells (a pair and an outcome) with chances count / N.
 *
 * Independent Poisson variables given their total are multinomial.  So each
 * cell is drawn from Poisson(f count) with f = 1 - 2.5 / sqrt(N), which keeps
 * the total below N in 99.4 of 100 cases; in the others all is drawn again.
 * What is missing to N, about 2.5 sqrt(N) battles, is multinomial over the
 * same chances, and drawn one by one.  The sum is the multinomial of N.  Where
 * there are few battles for the number of cells, all are drawn one by one;
 * where very many are missing, they are drawn by Poisson variables in turn.
 *
 * Both kinds of draw go by alias tables (alias.c).  All cells of the same count
 * share one Poisson table, cut beyond 9 standard deviations.  Cells of more than
 * MAX_TABLE_COUNT battles, for which tables would grow large, are drawn by
 * transformed rejection (Hormann, "The transformed rejection method for
 * generating Poisson random variables", 1993, algorithm PTRS), its density by
 * Loader's saddle-point expansion ("Fast and accurate computation of binomial
 * probabilities", 2000), which keeps its digits at any mean.
 *
 * Streams: replicate r draws from a generator seeded by (seed, r) alone, cells
 * in the order of the tally.
 *
 * Memory: 16 bytes a cell (a pair has three), and up to 25 MB of Poisson tables,
 * should every count up to MAX_TABLE_COUNT occur.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "miscadmin.h"

#include "method/method.h"

/* Below the mean by this many standard deviations goes the first total */
#define TOTAL_MARGIN 2.5

/* Fewer battles than the tally's, by more standard deviations, are drawn by themselves */
#define LARGEST_SHORTFALL 4

/* The largest count drawn by a table of its own */
#define MAX_TABLE_COUNT 4096

/* Poisson tables end this many standard deviations from the mean */
#define TABLE_DEVIATIONS 9

/* A draw one by one costs as much as this many draws from Poisson tables */
#define SINGLE_DRAW_COST 2.5

/* ... and a Poisson draw without a table as much as this many one by one */
#define REJECTION_DRAW_COST 8

/* The table of each cell of a pair; none if that of any is missing */
typedef struct PairTables
{
	AliasTable	table[NUM_OUTCOMES];
} PairTables;

struct Resampler
{
	const Tally *tally;
	bool		one_by_one;		/* all battles are */
	AliasColumn *cells;			/* NUM_OUTCOMES a pair */

	/* Unless one_by_one */
	AliasTable *tables;			/* of each count */
	PairTables *pair_tables;
	AliasTables columns;		/* of all tables */
	int			largest;		/* value in any */
	double	   *halves;			/* of 0, 1, 2, ...: the points of a pair */
};

/*
 * The generator of one replicate.
 */
void
seed_replicate(pg_prng_state *prng, uint64 seed, int replicate)
{
	pg_prng_seed(prng, hash_bytes_uint32_extended((uint32) replicate, seed));
}

/*
 * ln k! - [ln sqrt(2 pi k) + k ln k - k] for k >= 1.
 */
static double
stirling_error(double k)
{
	double		square = k * k;

	if (k <= 15)
		return lgamma(k + 1) - (k + 0.5) * log(k) + k - 0.5 * log(2 * M_PI);
	return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - 1.0 / 1680 / square) / square) / square) / k;
}

/*
 * k ln(k / mean) + mean - k, without loss of digits where k is near the mean.
 */
static double
deviance(double k, double mean)
{
	double		v = (k - mean) / (k + mean);
	double		sum = (k - mean) * v;
	double		term = 2 * k * v;

	if (fabs(v) >= 0.1)
		return k * log(k / mean) + mean - k;
	for (int j = 1;; j++)
	{
		double		before = sum;

		term *= v * v;
		sum += term / (2 * j + 1);
		if (sum == before)
			return sum;
	}
}

static double
log_poisson_density(double k, double mean)
{
	if (k == 0)
		return -mean;			/* also of the mean 0 */
	return -stirling_error(k) - deviance(k, mean) - 0.5 * log(2 * M_PI * k);
}

/*
 * The chances of so many counts from the lowest up, but for a factor: each by that of the
 * one beside it, from the most likely on, so that none is too small before it matters.
 */
static void
weigh_counts(double *weights, int num_values, int lowest, double mean)
{
	int			mode = (int) mean - lowest;

	weights[mode] = 1;
	for (int i = mode + 1; i < num_values; i++)
		weights[i] = weights[i - 1] * mean / (lowest + i);
	for (int i = mode; i > 0; i--)
		weights[i - 1] = weights[i] * (lowest + i) / mean;
}

/*
 * Make the alias table of a Poisson distribution.
 */
static AliasTable
make_poisson_table(Resampler *resampler, double mean)
{
	double		reach = mean > 0 ? TABLE_DEVIATIONS * (sqrt(mean) + 1) : 0;
	int			lowest = Max(0, (int) floor(mean - reach));
	int			highest = (int) ceil(mean + reach);
	int			num_values = highest - lowest + 1;
	double	   *weights = palloc(sizeof(double) * num_values);
	AliasTable	table;

	StaticAssertStmt(MAX_TABLE_COUNT * 2 <= MAX_ALIAS_VALUE,
					 "values of Poisson tables fit into a column");
	weigh_counts(weights, num_values, lowest, mean);
	table = alias_tables_add(&resampler->columns, weights, num_values, lowest);
	resampler->largest = Max(resampler->largest, highest);
	pfree(weights);
	return table;
}

/*
 * One Poisson value by multiplication of uniforms, for means below 10.
 */
static double
draw_small_poisson(pg_prng_state *prng, double mean)
{
	double		limit = exp(-mean);
	double		product = pg_prng_double(prng);
	double		k = 0;

	while (product > limit)
	{
		product *= pg_prng_double(prng);
		k++;
	}
	return k;
}

/*
 * One Poisson value of any mean: PTRS from 10 up.
 */
static double
draw_poisson(pg_prng_state *prng, double mean)
{
	double		b,
				a,
				inverse_alpha,
				quick_accept;

	if (mean < 10)
		return draw_small_poisson(prng, mean);

	b = 0.931 + 2.53 * sqrt(mean);
	a = -0.059 + 0.02483 * b;
	inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
	quick_accept = 0.9277 - 3.6224 / (b - 2);
	for (;;)
	{
		double		u = pg_prng_double(prng) - 0.5;
		double		v = pg_prng_double(prng);
		double		us = 0.5 - fabs(u);
		double		k;

		/* a uniform of exactly 0 would divide by it */
		if (us <= 0 || v <= 0)
			continue;
		k = floor((2 * a / us + b) * u + mean + 0.43);
		if (us >= 0.07 && v <= quick_accept)
			return k;
		if (k < 0 || (us < 0.013 && v > us))
			continue;
		if (log(v * inverse_alpha / (a / (us * us) + b)) <=
			log_poisson_density(k, mean))
			return k;
	}
}

/*
 * Set up the table of single draws: every cell with its count.
 */
static void
prepare_single_draws(Resampler *resampler)
{
	const Tally *tally = resampler->tally;
	int			num_cells = tally->num_pairs * NUM_OUTCOMES;
	Size		n = num_cells;
	double	   *weights = MemoryContextAllocHuge(CurrentMemoryContext,
												 mul_size(n, sizeof(double)));

	for (int c = 0; c < num_cells; c++)
	{
		CHECK_FOR_INTERRUPTS_AT(c);
		weights[c] = tally->pairs[c / NUM_OUTCOMES].count[c % NUM_OUTCOMES];
	}
	resampler->cells = MemoryContextAllocHuge(CurrentMemoryContext,
											  mul_size(n, sizeof(AliasColumn)));
	fill_alias_table(resampler->cells, weights, num_cells);
	pfree(weights);
}

/*
 * Find the table of each cell of a pair, none if one of them is too large for it.
 */
static PairTables
find_pair_tables(Resampler *resampler, const Pair *pair, double fraction)
{
	PairTables	tables = {0};

	for (int i = 0; i < NUM_OUTCOMES; i++)
	{
		AliasTable *table = &resampler->tables[Min(pair->count[i], MAX_TABLE_COUNT)];

		if (pair->count[i] > MAX_TABLE_COUNT)
			return (PairTables)
		{
			0
		};
		if (table->num_columns == 0)
			*table = make_poisson_table(resampler, fraction * pair->count[i]);
		tables.table[i] = *table;
	}
	return tables;
}

/*
 * Set up the Poisson table of each count that occurs.
 */
static void
prepare_poisson_draws(Resampler *resampler)
{
	const Tally *tally = resampler->tally;
	double		fraction = 1 - TOTAL_MARGIN / sqrt(tally->num_battles);

	resampler->tables = palloc0(sizeof(AliasTable) * (MAX_TABLE_COUNT + 1));
	resampler->pair_tables = MemoryContextAllocHuge(CurrentMemoryContext,
													mul_size(tally->num_pairs,
															 sizeof(PairTables)));
	for (int p = 0; p < tally->num_pairs; p++)
	{
		CHECK_FOR_INTERRUPTS_AT(p);
		resampler->pair_tables[p] = find_pair_tables(resampler, &tally->pairs[p], fraction);
	}
	resampler->halves = palloc(sizeof(double) * (3 * resampler->largest + 1));
	for (int i = 0; i <= 3 * resampler->largest; i++)
		resampler->halves[i] = 0.5 * i;
}

Resampler *
resampler_create(const Tally *tally)
{
	Resampler  *resampler = palloc0(sizeof(Resampler));
	double		n = tally->num_battles;
	double		cells = (double) tally->num_pairs * NUM_OUTCOMES;

	Assert(tally->num_pairs > 0);
	resampler->tally = tally;
	resampler->one_by_one = n < 100 ||
		SINGLE_DRAW_COST * n <= cells + SINGLE_DRAW_COST * TOTAL_MARGIN * sqrt(n);
	prepare_single_draws(resampler);
	if (!resampler->one_by_one)
		prepare_poisson_draws(resampler);
	return resampler;
}

/*
 * One cell's part of a resample, from a table where its count has one.
 */
static inline double
draw_cell(const Resampler *resampler, int64 count, uint32 bits, pg_prng_state *prng,
		  double fraction)
{
	AliasTable	table = resampler->tables[Min(count, MAX_TABLE_COUNT)];

	return count <= MAX_TABLE_COUNT && table.num_columns > 0 ?
		draw_from_table(resampler->columns.columns, table, bits) :
		draw_poisson(prng, fraction * count);
}

/*
 * Draw the cells of a pair of which not all have tables.  Returns their total.
 */
static double
draw_large_pair(const Resampler *resampler, pg_prng_state *prng,
				double fraction, int p, uint64 bits, uint64 more_bits,
				PairPoints points)
{
	const int64 *count = resampler->tally->pairs[p].count;
	double		first = draw_cell(resampler, count[OUTCOME_FIRST], (uint32) bits,
								  prng, fraction);
	double		second = draw_cell(resampler, count[OUTCOME_SECOND], bits >> 32,
								   prng, fraction);
	double		ties = draw_cell(resampler, count[OUTCOME_TIE], more_bits >> 32,
								 prng, fraction);

	points.first[p] = first + 0.5 * ties;
	points.second[p] = second + 0.5 * ties;
	if (points.ties)
		points.ties[p] = ties;
	return first + second + ties;
}

/*
 * Draw every cell from Poisson(fraction * count).  Returns the total.  Where
 * all cells of a pair have tables, integers do, of which twice the points are taken,
 * and then the halves of these.
 */
static pg_attribute_always_inline double
draw_cells(const Resampler *resampler, pg_prng_state *prng, double fraction,
		   PairPoints points, const bool with_ties)
{
	const PairTables *pair_tables = resampler->pair_tables;
	const ValueColumn *columns = resampler->columns.columns;
	const double *halves = resampler->halves;
	int			num_pairs = resampler->tally->num_pairs;
	double	   *of_first = points.first;
	double	   *of_second = points.second;
	double	   *tied = points.ties;
	double		large_total = 0;
	uint64		total = 0;
	pg_prng_state own = *prng;	/* in registers */

	for (int p = 0; p < num_pairs; p++)
	{
		const AliasTable *table = pair_tables[p].table;
		uint64		bits = next_bits(&own);
		uint64		more_bits = next_bits(&own);
		uint32		first,
					second,
					ties;

		CHECK_FOR_INTERRUPTS_AT(p);
		if (unlikely(table->num_columns == 0))
		{
			*prng = own;
			large_total += draw_large_pair(resampler, prng, fraction, p,
										   bits, more_bits, points);
			own = *prng;
			continue;
		}
		first = draw_from_table(columns, table[OUTCOME_FIRST], (uint32) bits);
		second = draw_from_table(columns, table[OUTCOME_SECOND], bits >> 32);
		ties = draw_from_table(columns, table[OUTCOME_TIE], more_bits >> 32);
		of_first[p] = halves[2 * first + ties];
		of_second[p] = halves[2 * second + ties];
		if (with_ties)
			tied[p] = ties;
		total += first + second + ties;
	}
	*prng = own;
	return total + large_total;
}

/*
 * The same, ties being counted where somebody asks for them.  That is decided here and
 * not for each cell.
 */
static double
draw_all_cells(const Resampler *resampler, pg_prng_state *prng, double fraction,
			   PairPoints points)
{
	return points.ties ?
		draw_cells(resampler, prng, fraction, points, true) :
		draw_cells(resampler, prng, fraction, points, false);
}

/*
 * Draw Poisson(fraction * count) more battles for every cell, without tables.
 * Returns the total.  With no points to add to, it only counts.
 */
static double
draw_more_cells(Resampler *resampler, pg_prng_state *prng, double fraction,
				const PairPoints *points)
{
	const Tally *tally = resampler->tally;
	double		total = 0;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		CHECK_FOR_INTERRUPTS_AT(p);
		for (int i = 0; i < NUM_OUTCOMES; i++)
		{
			double		drawn;

			if (tally->pairs[p].count[i] == 0)
				continue;
			drawn = draw_poisson(prng, fraction * tally->pairs[p].count[i]);
			total += drawn;
			if (points)
			{
				points->first[p] += drawn * points_of_first[i];
				points->second[p] += drawn * points_of_second[i];
				if (points->ties && i == OUTCOME_TIE)
					points->ties[p] += drawn;
			}
		}
	}
	return total;
}

/*
 * Draw this many battles one by one.
 */
static void
draw_singles(Resampler *resampler, pg_prng_state *prng, int64 num_battles,
			 PairPoints points)
{
	uint64		num_cells = (uint64) resampler->tally->num_pairs * NUM_OUTCOMES;
	double	   *of_first = points.first;
	double	   *of_second = points.second;
	double	   *tied = points.ties;
	pg_prng_state own = *prng;	/* in registers */

	for (int64 b = 0; b < num_battles; b++)
	{
		uint64		bits = next_bits(&own);
		uint64		high = (bits >> 32) * num_cells;
		uint64		product = high + (((bits & PG_UINT32_MAX) * num_cells) >> 32);
		uint32		c = product >> 32;
		const AliasColumn *column = &resampler->cells[c];
		uint32		keep_own = -(uint32) ((uint32) product < column->own);

		CHECK_FOR_INTERRUPTS_AT(b);
		c = (c & keep_own) | ((uint32) column->alias & ~keep_own);
		of_first[c / NUM_OUTCOMES] += points_of_first[c % NUM_OUTCOMES];
		of_second[c / NUM_OUTCOMES] += points_of_second[c % NUM_OUTCOMES];
		if (tied && c % NUM_OUTCOMES == OUTCOME_TIE)
			tied[c / NUM_OUTCOMES]++;
	}
	*prng = own;
}

/*
 * Draw the battles that are missing, by Poisson variables as long as that is
 * quicker than one by one.  A total that comes out too high is thrown away
 * before anything is added: the generator is run on a copy first.
 */
static void
draw_missing(Resampler *resampler, pg_prng_state *prng, double missing,
			 PairPoints points)
{
	double		n = resampler->tally->num_battles;
	double		cells = (double) resampler->tally->num_pairs * NUM_OUTCOMES;

	while (missing > 1000 && missing > REJECTION_DRAW_COST * cells)
	{
		double		fraction = (missing - TOTAL_MARGIN * sqrt(missing)) / n;
		pg_prng_state ahead = *prng;

		if (draw_more_cells(resampler, &ahead, fraction, NULL) <= missing)
			missing -= draw_more_cells(resampler, prng, fraction, &points);
		else
			*prng = ahead;
	}
	draw_singles(resampler, prng, (int64) missing, points);
}

/*
 * Draw so many battles of the tally, with replacement, into points.  Where they are
 * much fewer than it has, what is drawn at once would hardly ever be few enough.
 */
void
resample_number(Resampler *resampler, pg_prng_state *prng, int64 number,
				PairPoints points)
{
	const Tally *tally = resampler->tally;
	double		n = tally->num_battles;
	double		total = 0;

	if (resampler->one_by_one || number < n - LARGEST_SHORTFALL * sqrt(n))
	{
		memset(points.first, 0, sizeof(double) * tally->num_pairs);
		memset(points.second, 0, sizeof(double) * tally->num_pairs);
		if (points.ties)
			memset(points.ties, 0, sizeof(double) * tally->num_pairs);
	}
	else
		do
		{
			CHECK_FOR_INTERRUPTS();
			total = draw_all_cells(resampler, prng, 1 - TOTAL_MARGIN / sqrt(n),
								   points);
		} while (total > number);

	draw_missing(resampler, prng, number - total, points);
}

/*
 * Draw one resample into points.
 */
void
resample(Resampler *resampler, pg_prng_state *prng, PairPoints points)
{
	resample_number(resampler, prng, resampler->tally->num_battles, points);
}
