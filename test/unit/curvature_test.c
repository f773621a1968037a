/*-------------------------------------------------------------------------
 *
 * curvature_test.c
 *	  Tests of lapack.c: steps solve the linear system they are said to.
 *
 * The factorization and the inversion go by tiles, so sizes around the borders
 * of tiles are where they would go wrong.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "bixarena_rank.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

/*
 * A random positive definite matrix, full and column-major: diagonally
 * dominant, as a Hessian is.
 */
static double *
random_matrix(Dice *dice, int n)
{
	double	   *matrix = palloc0(sizeof(double) * n * n);

	for (int i = 0; i < n; i++)
	{
		matrix[i * n + i] += 0.1;
		for (int j = 0; j < i; j++)
		{
			double		weight = dice_double(dice);

			matrix[i * n + j] = matrix[j * n + i] = -weight;
			matrix[i * n + i] += weight;
			matrix[j * n + j] += weight;
		}
	}
	return matrix;
}

/* The largest error of matrix * step = gradient */
static double
largest_residual(const double *matrix, const double *step,
				 const double *gradient, int n)
{
	double		largest = 0;

	for (int i = 0; i < n; i++)
	{
		double		sum = -gradient[i];

		for (int j = 0; j < n; j++)
			sum += matrix[j * n + i] * step[j];
		largest = Max(largest, fabs(sum));
	}
	return largest;
}

/*
 * Solve one random system by the factored and by the inverted Hessian.  The
 * upper triangle holds not-a-numbers: it must not be read.
 */
static double
solve_random_system(Dice *dice, int n)
{
	double	   *matrix = random_matrix(dice, n);
	double	   *gradient = palloc(sizeof(double) * n);
	double	   *step = palloc(sizeof(double) * n);
	Curvature  *curvature = curvature_create(n);
	double	   *lower = curvature_matrix(curvature);
	double		residual;

	for (int j = 0; j < n; j++)
	{
		gradient[j] = dice_double(dice) - 0.5;
		for (int i = 0; i < n; i++)
			lower[j * n + i] = i < j ? NAN : matrix[j * n + i];
	}
	check(curvature_factor(curvature), "a matrix of %d is not positive", n);
	curvature_solve(curvature, gradient, step);
	residual = largest_residual(matrix, step, gradient, n);
	curvature_invert(curvature);
	curvature_solve(curvature, gradient, step);
	return Max(residual, largest_residual(matrix, step, gradient, n));
}

/* Protects every step that is ever taken */
static void
test_solutions(void)
{
	static const int sizes[] = {
		1, 2, 3, 7, 64, 127, 128, 129, 130, 255, 256, 257, 300, 384, 385
	};
	Dice		dice = {20};
	double		worst = 0;

	for (int s = 0; s < (int) lengthof(sizes); s++)
	{
		double		residual = solve_random_system(&dice, sizes[s]);

		check(residual < 1e-12, "size %d: the residual is %g", sizes[s], residual);
		worst = Max(worst, residual);
	}
	note("worst residual %.1e", worst);
}

/* Protects the climb: a matrix that is not positive definite is told */
static void
test_indefinite(void)
{
	static const int sizes[] = {2, 128, 200};

	for (int s = 0; s < (int) lengthof(sizes); s++)
	{
		int			n = sizes[s];
		Curvature  *curvature = curvature_create(n);
		double	   *matrix = curvature_matrix(curvature);

		memset(matrix, 0, sizeof(double) * n * n);
		for (int i = 0; i < n; i++)
			matrix[i * n + i] = i == n - 1 ? -1 : 1;
		check(!curvature_factor(curvature), "size %d: not told", n);
	}
}

/*
 * The analytic standard error of each score: the pseudoinverse of the Hessian,
 * as the code under test computes both.
 */
static double *
standard_errors(const Tally *tally)
{
	int			n = tally->num_models;
	Fitter	   *fitter = fitter_create(tally, 0);
	Curvature  *curvature = curvature_create(n);
	double	   *matrix = curvature_matrix(curvature);
	double	   *strengths = palloc0(sizeof(double) * n);
	double	   *contrast = palloc(sizeof(double) * n);
	double	   *step = palloc(sizeof(double) * n);
	double	   *errors = palloc(sizeof(double) * n);

	fit_maximum(fitter, tally_points(tally), strengths);
	likelihood_hessian(likelihood_create(tally, 0), tally_points(tally),
					   strengths, matrix);
	for (int i = 0; i < n * n; i++)
		matrix[i] += 1;
	check(curvature_factor(curvature), "the Hessian is not positive");
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
			contrast[j] = (i == j) - 1.0 / n;
		curvature_solve(curvature, contrast, step);
		errors[i] = POINTS_PER_STRENGTH * sqrt(step[i]);
	}
	return errors;
}

/* Protects the curvature: twice the battles, and errors shrink by sqrt 2 */
static void
test_doubled_counts(void)
{
	Dice		dice = {21};

	for (int t = 0; t < 200; t++)
	{
		int			n = 3 + dice_below(&dice, 38);
		BattleList *battles = random_battles(&dice, BATTLES_DENSE, n);
		BattleList *doubled;
		double	   *errors;
		double	   *doubled_errors;

		/* one tie each, lest a model has no finite maximum */
		for (int i = 1; i < n; i++)
			battles_add(battles, i, i - 1, OUTCOME_TIE, 1);
		doubled = battles_copy(battles);
		for (int c = 0; c < battles->num_cells; c++)
			doubled->cells[c].count *= 2;
		errors = standard_errors(battles_tally(battles, NULL));
		doubled_errors = standard_errors(battles_tally(doubled, NULL));
		for (int i = 0; i < n; i++)
			check(fabs(errors[i] / doubled_errors[i] / sqrt(2.0) - 1) < 1e-9,
				  "tally %d: model %d has errors %g and %g", t, i, errors[i],
				  doubled_errors[i]);
	}
}

const UnitTest curvature_tests[] = {
	{"steps solve the system at all sizes of tiles", test_solutions},
	{"an indefinite Hessian is told", test_indefinite},
	{"doubled counts shrink standard errors by the root of 2", test_doubled_counts},
	{NULL, NULL}
};
