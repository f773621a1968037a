/*-------------------------------------------------------------------------
 *
 * interval.c
 *	  Bootstrap intervals of the scores.
 *
 * Every replicate draws the battles anew (resample.c) and is fitted (fit.c).
 * The 2.5 % and 97.5 % quantiles of a model's scores over the replicates are
 * the bounds of its interval (the percentile interval of Efron; quantiles of
 * type 7 of Hyndman and Fan 1996).
 *
 * A resample need not have a finite maximum (components.c).  Then the models
 * of its largest component are fitted on the battles among them.  One that is
 * above those counts as +infinity, one below as -infinity; one of which the
 * resample says nothing counts as -infinity for the lower bound and +infinity
 * for the upper.  So a bound may be infinite, and then says that the data do
 * not bound the score.
 *
 * The scale of a replicate: the mean of the models that fix the scale and are
 * placed in it is that of their point estimates, so that a model missing from
 * a replicate shifts nobody.
 *
 * With an anchor every interval has the anchor's doubt in it.  So ranks by
 * significance compare others: those of the same replicates, where the mean of the
 * ranked models fixes the scale.  Of each replicate it is kept by how much the two
 * scales differ.
 *
 * Memory: 8 bytes for each replicate and model.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

#define LOWER_QUANTILE 0.025
#define UPPER_QUANTILE 0.975

/* What a replicate is made in and of */
typedef struct Bootstrap
{
	const Tally *tally;
	Fitter	   *fitter;
	BattleGraph *graph;
	Resampler  *resampler;
	PointEstimate estimate;

	/* Of the replicate at hand */
	PairPoints	points;
	Standing   *standing;
	bool	   *placed;
	bool	   *reference;
	double	   *scores;			/* NAN where it says nothing */
	double		centring;		/* what brings them to the mean of the ranked */
} Bootstrap;

/*
 * Take the points of the pairs that are not both placed away.
 */
static void
drop_other_pairs(Bootstrap *bootstrap)
{
	for (int p = 0; p < bootstrap->tally->num_pairs; p++)
	{
		const Pair *pair = &bootstrap->tally->pairs[p];

		if (!bootstrap->placed[pair->first] || !bootstrap->placed[pair->second])
			bootstrap->points.first[p] = bootstrap->points.second[p] = 0;
	}
}

/*
 * Which models fix the scale of a replicate: those of these that are placed.
 * False when none is.
 */
static bool
choose_reference(Bootstrap *bootstrap, const bool *among)
{
	bool		any = false;

	for (int i = 0; i < bootstrap->tally->num_models; i++)
	{
		bootstrap->reference[i] = among[i] && bootstrap->placed[i];
		any |= bootstrap->reference[i];
	}
	return any;
}

/*
 * By how much the scores of the models that were chosen are to be shifted to the
 * scale of the point estimate.
 */
static double
find_shift(const Bootstrap *bootstrap)
{
	int			n = bootstrap->tally->num_models;

	return mean_score(bootstrap->estimate.scores, bootstrap->reference, n) -
		mean_score(bootstrap->scores, bootstrap->reference, n);
}

/*
 * Put the scores of the placed models on the scale of the point estimate.  An
 * anchor that is not placed leaves it to the ranked models, those to anybody.
 */
static void
scale_replicate(Bootstrap *bootstrap)
{
	const PointEstimate *estimate = &bootstrap->estimate;
	double		to_mean;
	double		shift;

	if (!choose_reference(bootstrap, estimate->ranked))
		choose_reference(bootstrap, bootstrap->placed);
	shift = to_mean = find_shift(bootstrap);
	if (choose_reference(bootstrap, estimate->reference))
		shift = find_shift(bootstrap);
	shift_scores(bootstrap->scores, bootstrap->tally->num_models, shift);
	bootstrap->centring = to_mean - shift;
}

/*
 * Make one replicate; false when it could not place all models.
 */
static bool
make_replicate(Bootstrap *bootstrap, pg_prng_state *prng, bool always_complete)
{
	int			n = bootstrap->tally->num_models;
	int			num_placed = n;

	bootstrap->centring = 0;
	resample(bootstrap->resampler, prng, bootstrap->points);
	if (!always_complete)
		num_placed = graph_find_standings(bootstrap->graph, bootstrap->points,
										  bootstrap->standing);
	for (int i = 0; i < n; i++)
		bootstrap->placed[i] = bootstrap->standing[i] == STANDING_PLACED;
	if (num_placed > 0)
	{
		if (num_placed < n)
			drop_other_pairs(bootstrap);
		memcpy(bootstrap->scores, bootstrap->estimate.strengths,
			   sizeof(double) * n);
		fit_replicate(bootstrap->fitter, bootstrap->points,
					  num_placed < n ? bootstrap->placed : NULL,
					  bootstrap->scores);
		for (int i = 0; i < n; i++)
			bootstrap->scores[i] *= POINTS_PER_STRENGTH;
		scale_replicate(bootstrap);
	}

	for (int i = 0; i < n && num_placed < n; i++)
	{
		if (bootstrap->standing[i] == STANDING_ABOVE)
			bootstrap->scores[i] = INFINITY;
		else if (bootstrap->standing[i] == STANDING_BELOW)
			bootstrap->scores[i] = -INFINITY;
		else if (bootstrap->standing[i] == STANDING_APART)
			bootstrap->scores[i] = NAN;
	}
	return num_placed == n;
}

/*
 * Move the values below a limit to the front, and with or_equal those at the
 * limit as well.  Returns their number.  A branch would be mispredicted half
 * the time, so all are moved.
 */
static int
gather_below(double *values, int num_values, double limit, bool or_equal)
{
	int			num_below = 0;

	for (int i = 0; i < num_values; i++)
	{
		double		value = values[i];

		values[i] = values[num_below];
		values[num_below] = value;
		num_below += or_equal ? value <= limit : value < limit;
	}
	return num_below;
}

static double
median_of_three(double a, double b, double c)
{
	return Max(Min(a, b), Min(Max(a, b), c));
}

/*
 * Put the value that has this place in ascending order there, none larger
 * before and none smaller behind it (Hoare, "Algorithm 65: find", 1961).  Values
 * equal to a pivot are done with at once, however many.
 */
static void
select_place(double *values, int num_values, int place)
{
	int			begin = 0;
	int			end = num_values;

	while (end - begin > 1)
	{
		double		pivot = median_of_three(values[begin],
											values[begin + (end - begin) / 2],
											values[end - 1]);
		int			middle = begin + gather_below(values + begin, end - begin,
												  pivot, false);

		if (place < middle)
		{
			end = middle;
			continue;
		}
		begin = middle + gather_below(values + middle, end - middle, pivot, true);
		if (place < begin)
			return;
	}
}

/*
 * The type 7 quantile of values, which it puts in another order; between an
 * infinite and a finite one it is infinite.
 */
static double
find_quantile(double *values, int num_values, double chance)
{
	double		place = (num_values - 1) * chance;
	int			below = (int) floor(place);
	double		part = place - below;
	double		next;

	select_place(values, num_values, below);
	if (part == 0)
		return values[below];
	next = values[below + 1];
	for (int r = below + 2; r < num_values; r++)
		next = Min(next, values[r]);
	if (values[below] == next)
		return next;
	return (1 - part) * values[below] + part * next;
}

/*
 * Copy a model's scores, those of which a replicate says nothing as unknown.
 * Returns how many there were of these.
 */
static int
copy_column(const double *values, double *copy, int num_values, double unknown)
{
	int			num_unknown = 0;

	for (int r = 0; r < num_values; r++)
	{
		copy[r] = values[r];
		if (isnan(values[r]))
		{
			copy[r] = unknown;
			num_unknown++;
		}
	}
	return num_unknown;
}

/*
 * The bounds of a model.  What is unknown stands below for the lower, and above
 * for the upper; and half way from -infinity to +infinity nothing is known.
 */
static void
find_bounds(const double *values, double *copy, int num_values,
			double *lower, double *upper)
{
	int			num_unknown = copy_column(values, copy, num_values, -INFINITY);

	*lower = find_quantile(copy, num_values, LOWER_QUANTILE);
	if (isnan(*lower))
		*lower = -INFINITY;

	if (num_unknown > 0)
		copy_column(values, copy, num_values, INFINITY);
	*upper = find_quantile(copy, num_values, UPPER_QUANTILE);
	if (isnan(*upper))
		*upper = INFINITY;
}

static Bootstrap *
bootstrap_create(Fitter *fitter, const Tally *tally, PointEstimate estimate)
{
	Bootstrap  *bootstrap = palloc0(sizeof(Bootstrap));
	int			n = tally->num_models;

	bootstrap->tally = tally;
	bootstrap->fitter = fitter;
	bootstrap->graph = graph_create(tally);
	bootstrap->resampler = resampler_create(tally);
	bootstrap->estimate = estimate;
	bootstrap->points = points_create(tally->num_pairs);
	bootstrap->standing = palloc(sizeof(Standing) * n);
	bootstrap->placed = palloc(sizeof(bool) * n);
	bootstrap->reference = palloc(sizeof(bool) * n);
	bootstrap->scores = palloc(sizeof(double) * n);
	for (int i = 0; i < n; i++)
		bootstrap->standing[i] = STANDING_PLACED;
	return bootstrap;
}

/*
 * The bounds of all models, of their scores in num_bootstrap replicates each.
 */
static void
find_all_bounds(const double *values, int num_models, Size num_bootstrap,
				Bounds bounds)
{
	double	   *copy = palloc(sizeof(double) * num_bootstrap);

	for (int i = 0; i < num_models; i++)
	{
		CHECK_FOR_INTERRUPTS();
		find_bounds(&values[i * num_bootstrap], copy, num_bootstrap,
					&bounds.lower[i], &bounds.upper[i]);
	}
	pfree(copy);
}

/*
 * The bounds of all scores, and with centred those where the mean of the ranked
 * models fixes the scale.  With a prior every replicate is complete.  Returns the
 * number of replicates that were not.
 */
int
bootstrap_intervals(Fitter *fitter, const Tally *tally, PointEstimate estimate,
					const RankOptions *options, Bounds bounds, Bounds *centred)
{
	Bootstrap  *bootstrap = bootstrap_create(fitter, tally, estimate);
	int			n = tally->num_models;
	Size		num_bootstrap = options->num_bootstrap;
	double	   *values = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(mul_size(n, num_bootstrap),
														 sizeof(double)));
	double	   *centring = palloc(sizeof(double) * num_bootstrap);
	int			num_incomplete = 0;

	for (Size r = 0; r < num_bootstrap; r++)
	{
		pg_prng_state prng;

		seed_replicate(&prng, options->seed, (int) r);
		if (!make_replicate(bootstrap, &prng, options->prior_battles > 0))
			num_incomplete++;
		centring[r] = bootstrap->centring;
		for (int i = 0; i < n; i++)
			values[i * num_bootstrap + r] = bootstrap->scores[i];
		if (options->progress)
			options->progress((int) r + 1, options->num_bootstrap);
	}

	find_all_bounds(values, n, num_bootstrap, bounds);
	if (centred)
	{
		for (int i = 0; i < n; i++)
			for (Size r = 0; r < num_bootstrap; r++)
				values[i * num_bootstrap + r] += centring[r];
		find_all_bounds(values, n, num_bootstrap, *centred);
	}
	pfree(values);
	return num_incomplete;
}
