/*-------------------------------------------------------------------------
 *
 * fit_fuzz.c
 *	  Fuzzes fit.c, likelihood.c and lapack.c: strengths are at the maximum.
 *
 * Of any battles whose models can be compared: strengths are numbers, the
 * likelihood is level there, the exact fit finds the same, and the same
 * battles with every victory turned into a defeat give the negative.  Then
 * some replicates, which take another way up, are held against the exact fit.
 *
 * Of some battles a double does not hold the maximum: of so many that a few are
 * lost beside them, or of models so far apart that the chance which is left to the
 * lesser one is.  There an error may come, and scores are not compared.
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

const int	fuzz_max_models = 175;

/* What is promised, in points and as a part of the battles */
#define POINT_TOLERANCE		1e-6
#define REPLICATE_TOLERANCE	1e-5
#define GRADIENT_TOLERANCE	1e-9

/*
 * A fit of strengths that are further apart may end in an error: of a chance beside
 * 1 three digits are left here
 */
#define MAX_SPREAD			30

#define NUM_REPLICATES 3

/* The exact fit takes the third power of the number of models */
#define MAX_EXACT_MODELS 40

/*
 * Without a prior only the models that can be compared are fitted.
 */
static Tally *
fitted_tally(const BattleList *battles, double prior_battles)
{
	return prior_battles > 0 ? battles_tally(battles, NULL) : placed_tally(battles);
}

/*
 * How far two sets of strengths are apart, in points, but for a shift.
 */
static double
distance(const double *a, const double *b, double sign, int n)
{
	double		mean = 0;
	double		largest = 0;

	for (int i = 0; i < n; i++)
		mean += (a[i] - sign * b[i]) / n;
	for (int i = 0; i < n; i++)
		largest = Max(largest, fabs(a[i] - sign * b[i] - mean));
	return largest * POINTS_PER_STRENGTH;
}

/* Are these strengths no further apart than a double can tell? */
static bool
near_each_other(const double *strengths, int n)
{
	double		lowest = strengths[0];
	double		highest = strengths[0];

	for (int i = 1; i < n; i++)
	{
		lowest = Min(lowest, strengths[i]);
		highest = Max(highest, strengths[i]);
	}
	return highest - lowest <= MAX_SPREAD;
}

/*
 * The exact fit, from these strengths, rounded in the end; false when it fails, or
 * models are too far apart.
 */
static bool
fits_exactly(PointMatrix matrix, double prior_battles, double *strengths)
{
	int			n = matrix.num_models;
	long double *exact = palloc(sizeof(long double) * (n + 1));
	long double mean = 0;

	for (int i = 0; i < n; i++)
		mean += (exact[i] = strengths[i]) / n;
	exact[n] = mean;
	if (prior_battles > 0)
		matrix = matrix_with_ghost(matrix, prior_battles);
	only_count_failures = true;
	num_failures = 0;
	exact_fit(matrix, exact);
	only_count_failures = false;

	for (int i = 0; i < n; i++)
		strengths[i] = (double) exact[i];
	return num_failures == 0 && near_each_other(strengths, n);
}

/*
 * How far strengths are from the maximum, in points, as far as can be told.  The
 * exact fit starts from them, as it finds the same from anywhere.
 */
static double
distance_from_exact(PointMatrix matrix, double prior_battles,
					const double *strengths)
{
	int			n = matrix.num_models;
	double	   *exact = palloc(sizeof(double) * n);

	memcpy(exact, strengths, sizeof(double) * n);
	if (!fits_exactly(matrix, prior_battles, exact))
		return 0;
	return distance(strengths, exact, 1, n);
}

/* A fit, for reports_error() */
typedef struct Fit
{
	Fitter	   *fitter;
	PairPoints	points;
	bool		is_replicate;
	const bool *placed;			/* of a replicate */
	double	   *strengths;
} Fit;

static void
fit_by_steps(void *argument)
{
	Fit		   *fit = argument;

	if (fit->is_replicate)
		fit_replicate(fit->fitter, fit->points, fit->placed, fit->strengths);
	else
		fit_maximum(fit->fitter, fit->points, fit->strengths);
}

/*
 * Fit the points, which are those of the matrix.  False when that ends in an error,
 * which it may of battles that are not exact or have no exact fit.
 */
static bool
fits(Fit fit, PointMatrix matrix, double prior_battles, bool exactly)
{
	int			n = matrix.num_models;

	if (!reports_error(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, fit_by_steps, &fit))
		return true;
	check(!exactly || n > MAX_EXACT_MODELS ||
		  !fits_exactly(matrix, prior_battles, palloc0(sizeof(double) * n)),
		  "%d models: %s (%s)", n, error_message, error_detail);
	return false;
}

static void
check_numbers(const double *strengths, int n)
{
	for (int i = 0; i < n; i++)
		check(isfinite(strengths[i]), "the strength of model %d is no number", i);
}

static void
check_gradient(const Tally *tally, const double *strengths)
{
	int			n = tally->num_models;
	long double *exact = palloc(sizeof(long double) * n);
	long double *gradient = palloc(sizeof(long double) * n);

	for (int i = 0; i < n; i++)
		exact[i] = strengths[i];
	exact_gradient(matrix_of_points(tally, tally_points(tally)), exact, gradient);
	for (int i = 0; i < n; i++)
		check(fabsl(gradient[i]) <= GRADIENT_TOLERANCE * tally->num_battles,
			  "the gradient of model %d is %g of %lld battles", i,
			  (double) gradient[i], (long long) tally->num_battles);
}

static void
check_mirrored(const BattleList *battles, double prior_battles,
			   const double *strengths)
{
	static const Outcome mirror[] = {OUTCOME_SECOND, OUTCOME_FIRST, OUTCOME_TIE};
	BattleList *mirrored = battles_copy(battles);
	Tally	   *tally;
	double	   *negative;
	Fit			fit;

	for (int c = 0; c < mirrored->num_cells; c++)
		mirrored->cells[c].outcome = mirror[mirrored->cells[c].outcome];
	tally = fitted_tally(mirrored, prior_battles);
	negative = palloc0(sizeof(double) * tally->num_models);
	fit = (Fit)
	{
		.fitter = fitter_create(tally, prior_battles),
			.points = tally_points(tally),
			.strengths = negative
	};
	if (!fits(fit, matrix_of_points(tally, fit.points), prior_battles, true))
		return;
	check(distance(strengths, negative, -1, tally->num_models) <= 2 * POINT_TOLERANCE,
		  "turned around, battles give scores that are off by %g points",
		  distance(strengths, negative, -1, tally->num_models));
}

/*
 * Fit some replicates, as interval.c does.
 */
static void
check_replicates(Fitter *fitter, const Tally *tally, const double *estimate,
				 const RankOptions *options)
{
	int			n = tally->num_models;
	bool		exactly = n <= MAX_EXACT_MODELS;
	Resampler  *resampler = resampler_create(tally);
	BattleGraph *graph = graph_create(tally);
	PairPoints	points = points_create(tally->num_pairs);
	Standing   *standing = palloc0(sizeof(Standing) * n);
	bool	   *placed = palloc(sizeof(bool) * n);
	int		   *models = palloc(sizeof(int) * n);
	double	   *strengths = palloc(sizeof(double) * n);

	for (int r = 0; r < NUM_REPLICATES; r++)
	{
		pg_prng_state prng;
		PointMatrix matrix;
		int			num_placed = 0;
		Fit			fit;

		seed_replicate(&prng, options->seed, r);
		resample(resampler, &prng, points);
		if (!(options->prior_battles > 0) &&
			graph_find_standings(graph, points, standing) == 0)
			continue;
		for (int i = 0; i < n; i++)
		{
			placed[i] = standing[i] == STANDING_PLACED;
			if (placed[i])
				models[num_placed++] = i;
		}
		for (int p = 0; p < tally->num_pairs; p++)
			if (!placed[tally->pairs[p].first] || !placed[tally->pairs[p].second])
				points.first[p] = points.second[p] = 0;

		memcpy(strengths, estimate, sizeof(double) * n);
		matrix = matrix_among(matrix_of_points(tally, points), models, num_placed);
		fit = (Fit)
		{
			fitter, points, true, num_placed < n ? placed : NULL, strengths
		};
		if (!fits(fit, matrix, options->prior_battles, true))
			continue;
		check_numbers(strengths, n);
		if (exactly)
		{
			double		off;

			for (int k = 0; k < num_placed; k++)
				strengths[k] = strengths[models[k]];
			off = distance_from_exact(matrix, options->prior_battles, strengths);
			check(off <= REPLICATE_TOLERANCE,
				  "replicate %d of %d models is off by %g points", r, num_placed, off);
		}
	}
}

void
fuzz_input(FuzzInput *input)
{
	double		prior_battles = input->options.prior_battles;
	Tally	   *tally = fitted_tally(input->battles, prior_battles);
	PointMatrix matrix;
	double	   *strengths;
	Fit			fit;

	if (tally == NULL)
		return;
	matrix = matrix_of_points(tally, tally_points(tally));
	strengths = palloc0(sizeof(double) * tally->num_models);
	fit = (Fit)
	{
		.fitter = fitter_create(tally, prior_battles),
			.points = tally_points(tally),
			.strengths = strengths
	};
	if (!fits(fit, matrix, prior_battles, input_is_exact(input)))
		return;
	check_numbers(strengths, tally->num_models);
	if (!input_is_exact(input))
		return;
	if (!(prior_battles > 0))
		check_gradient(tally, strengths);
	if (tally->num_models <= MAX_EXACT_MODELS)
	{
		double		off = distance_from_exact(matrix, prior_battles, strengths);

		check(off <= POINT_TOLERANCE, "%d models are off by %g points",
			  tally->num_models, off);
	}
	if (near_each_other(strengths, tally->num_models))
		check_mirrored(input->battles, prior_battles, strengths);
	check_replicates(fit.fitter, tally, strengths, &input->options);
}
