/*-------------------------------------------------------------------------
 *
 * interval_fuzz.c
 *	  Fuzzes interval.c: bounds are the quantiles that the method defines.
 *
 * The resamples are drawn again by the code under test; who can be compared in
 * each is told by the transitive closure, the others are fitted by the exact
 * fit, put on the scale and sorted, and the quantiles are read off.  The bounds
 * must be the same, the infinite ones too.  It is not asked that an interval
 * contains its score: of a percentile interval nobody promises that.  Where a
 * fit ends in an error there is nothing to compare; when it may, fit_fuzz.c asks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "input.h"
#include "unit.h"

const int	fuzz_max_models = 10;

/* A replicate is within 1e-5 points of its maximum, and so is its scale */
#define TOLERANCE 2e-5

static int	last_progress;

static void
note_progress(int done, int total)
{
	check(done == last_progress + 1 && done <= total, "replicate %d of %d comes after %d",
		  done, total, last_progress);
	last_progress = done;
}

/*
 * How far the scores of the models in a set that are placed must be shifted.
 * False when there is none.
 */
static bool
find_shift(const double *estimate, const double *scores, const Standing *standing,
		   const bool *among, int n, double *shift)
{
	double		sum = 0;
	int			num_among = 0;

	for (int i = 0; i < n; i++)
		if ((among == NULL || among[i]) && standing[i] == STANDING_PLACED)
		{
			sum += estimate[i] - scores[i];
			num_among++;
		}
	if (num_among > 0)
		*shift = sum / num_among;
	return num_among > 0;
}

/*
 * The scores of one replicate: placed, infinite or not-a-number.  Returns the
 * number of models that are placed.
 */
static int
score_replicate(const Tally *tally, PairPoints points, PointEstimate estimate,
				double prior_battles, double *scores)
{
	int			n = tally->num_models;
	PointMatrix matrix = matrix_of_points(tally, points);
	Standing   *standing = palloc0(sizeof(Standing) * (n + 1));
	double	   *fitted = palloc(sizeof(double) * (n + 1));
	double		shift = 0;
	int			num_placed;

	if (prior_battles > 0)
	{
		num_placed = n;
		exact_fit_scores(matrix_with_ghost(matrix, prior_battles), standing, fitted);
	}
	else
	{
		num_placed = exact_standings(matrix, standing);
		exact_fit_scores(matrix, standing, fitted);
	}
	if (!find_shift(estimate.scores, fitted, standing, estimate.reference, n, &shift) &&
		!find_shift(estimate.scores, fitted, standing, estimate.ranked, n, &shift))
		find_shift(estimate.scores, fitted, standing, NULL, n, &shift);
	for (int i = 0; i < n; i++)
	{
		if (standing[i] == STANDING_PLACED)
			scores[i] = fitted[i] + shift;
		else if (standing[i] == STANDING_APART)
			scores[i] = NAN;
		else
			scores[i] = standing[i] == STANDING_ABOVE ? INFINITY : -INFINITY;
	}
	return num_placed;
}

/*
 * A quantile of type 7, of which what is unknown stands at the outer end.
 */
static double
quantile(const double *values, int num_values, double chance, double unknown)
{
	double	   *sorted = palloc(sizeof(double) * num_values);
	double		place = (num_values - 1) * chance;
	int			below = (int) place;
	double		part = place - below;
	double		found;

	for (int r = 0; r < num_values; r++)
		sorted[r] = isnan(values[r]) ? unknown : values[r];
	qsort(sorted, num_values, sizeof(double), compare_doubles);
	found = sorted[below];
	if (part > 0 && sorted[below + 1] != found)
		found = (1 - part) * found + part * sorted[below + 1];
	pfree(sorted);
	return isnan(found) ? unknown : found;
}

static void
check_bound(const char *name, int model, double found, double expected)
{
	if (isinf(expected))
		check(found == expected, "the %s bound of model %d is %f, not %f", name,
			  model, found, expected);
	else
		check(fabs(found - expected) <= TOLERANCE,
			  "the %s bound of model %d is %f, not %f", name, model, found, expected);
}

/* What percentile bounds are found of, for reports_error() */
typedef struct Call
{
	Fitter	   *fitter;
	const Tally *tally;
	PointEstimate estimate;
	const RankOptions *options;
	double	   *lower;
	double	   *upper;
	int			num_incomplete;
} Call;

static void
fit_estimate(void *argument)
{
	Call	   *call = argument;

	fit_maximum(call->fitter, tally_points(call->tally), call->estimate.strengths);
}

static void
find_intervals(void *argument)
{
	Call	   *call = argument;
	Bounds		bounds = {call->lower, call->upper};
	Replicates *replicates = bootstrap_replicates(call->fitter, NULL, call->tally,
												  call->estimate, call->options);

	percentile_bounds(replicates, bounds);
	call->num_incomplete = replicates->num_incomplete;
}

/*
 * The estimate, on some scale, and some of the models that fix it.  False when
 * there is none.
 */
static bool
estimate_strengths(Call *call, FuzzInput *input)
{
	int			n = call->tally->num_models;
	PointEstimate estimate;

	estimate.strengths = palloc0(sizeof(double) * n);
	estimate.scores = palloc(sizeof(double) * n);
	estimate.ranked = palloc(sizeof(bool) * n);
	estimate.reference = palloc(sizeof(bool) * n);
	call->estimate = estimate;
	if (reports_error(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, fit_estimate, call))
		return false;
	for (int i = 0; i < n; i++)
	{
		estimate.scores[i] = CENTRE_SCORE + POINTS_PER_STRENGTH * estimate.strengths[i];
		estimate.ranked[i] = dice_below(&input->dice, 4) > 0;
		estimate.reference[i] = input->options.anchor_model < 0 ? estimate.ranked[i] :
			i == input->options.anchor_model % n;
	}
	return true;
}

/*
 * All scores by model and replicate.  Returns the number of replicates that
 * could not place all models.
 */
static int
make_replicates(const Call *call, double *values)
{
	const Tally *tally = call->tally;
	int			n = tally->num_models;
	int			num_replicates = call->options->num_bootstrap;
	Resampler  *resampler = resampler_create(tally);
	PairPoints	points = points_create(tally->num_pairs);
	double	   *scores = palloc(sizeof(double) * n);
	int			num_incomplete = 0;

	for (int r = 0; r < num_replicates; r++)
	{
		pg_prng_state prng;

		seed_replicate(&prng, call->options->seed, r);
		resample(resampler, &prng, points);
		num_incomplete += score_replicate(tally, points, call->estimate,
										  call->options->prior_battles, scores) < n;
		for (int i = 0; i < n; i++)
			values[i * num_replicates + r] = scores[i];
	}
	return num_incomplete;
}

void
fuzz_input(FuzzInput *input)
{
	RankOptions *options = &input->options;
	int			num_replicates = options->num_bootstrap;
	Tally	   *tally = options->prior_battles > 0 ?
		battles_tally(input->battles, NULL) : placed_tally(input->battles);
	Call		call = {.tally = tally,.options = options};
	int			num_incomplete;
	double	   *values;

	if (tally == NULL)
		return;
	call.fitter = fitter_create(tally, options->prior_battles);
	call.lower = palloc(sizeof(double) * tally->num_models);
	call.upper = palloc(sizeof(double) * tally->num_models);
	options->progress = note_progress;
	last_progress = 0;
	if (!estimate_strengths(&call, input) ||
		reports_error(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, find_intervals, &call))
		return;
	check(last_progress == num_replicates, "progress ends at %d", last_progress);
	if (!input_is_exact(input))
		return;

	values = palloc(sizeof(double) * tally->num_models * num_replicates);
	only_count_failures = true;
	num_failures = 0;
	num_incomplete = make_replicates(&call, values);
	only_count_failures = false;
	if (num_failures > 0)
		return;					/* the exact fit has failed */
	check(call.num_incomplete == num_incomplete, "%d replicates are incomplete, not %d",
		  call.num_incomplete, num_incomplete);
	for (int i = 0; i < tally->num_models; i++)
	{
		const double *own = &values[i * num_replicates];

		check(call.lower[i] <= call.upper[i], "the bounds of model %d are %f and %f",
			  i, call.lower[i], call.upper[i]);
		check_bound("lower", i, call.lower[i],
					quantile(own, num_replicates, 0.025, -INFINITY));
		check_bound("upper", i, call.upper[i],
					quantile(own, num_replicates, 0.975, INFINITY));
	}
}
