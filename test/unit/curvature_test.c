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

#include "method/method.h"
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
		if (!(fabs(sum) <= largest))
			largest = isnan(sum) ? INFINITY : fabs(sum);
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
	for (int j = 0; j < n; j++)
		step[j] = NAN;
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
 * A tree whose models are joined by weights from 2^-40 to 2^40, in any order of
 * numbers: parent[i] is -1 for the root, and what flows over an edge to the parent
 * is the sum of the gradient on its far side.
 */
typedef struct Tree
{
	int			num_models;
	int		   *parent;
	double	   *weight;			/* of the edge to the parent */
	double	   *gradient;		/* small integers that add up to zero */
	double	   *flow;			/* over that edge */
} Tree;

static Tree
random_tree(Dice *dice, int n)
{
	Tree		tree = {n, palloc(sizeof(int) * n), palloc0(sizeof(double) * n),
	palloc0(sizeof(double) * n), palloc0(sizeof(double) * n)};
	int		   *number = dice_permutation(dice, n);

	tree.parent[number[0]] = -1;
	for (int k = 1; k < n; k++)
	{
		int			i = number[k];

		tree.parent[i] = number[dice_below(dice, k)];
		tree.weight[i] = exp2(80 * dice_double(dice) - 40);
		tree.gradient[i] = dice_below(dice, 5) - 2;
		tree.gradient[number[0]] -= tree.gradient[i];
	}
	for (int k = n - 1; k > 0; k--)
	{
		tree.flow[number[k]] += tree.gradient[number[k]];
		tree.flow[tree.parent[number[k]]] += tree.flow[number[k]];
	}
	return tree;
}

/*
 * How far a step is from what flows over each edge, divided by its weight; as a
 * part of what rounding may do to that.
 */
static double
largest_error(Tree tree, const double *step)
{
	double		largest = 0;

	for (int i = 0; i < tree.num_models; i++)
	{
		int			parent = tree.parent[i];
		double		expected;
		double		size;
		double		error;

		if (parent < 0)
			continue;
		expected = tree.flow[i] / tree.weight[i];
		size = fabs(step[i]) + fabs(step[parent]) + tree.num_models / tree.weight[i];
		error = fabs(step[i] - step[parent] - expected) / size;
		if (!(error <= largest))
			largest = isnan(error) ? INFINITY : error;
	}
	return largest;
}

/*
 * Protects models that hang on the others by a thread: a graph is factored to all
 * digits, whatever its weights.  The upper triangle must not be read.
 */
static void
test_laplacian(void)
{
	Dice		dice = {22};
	double		worst = 0;

	for (int t = 0; t < scaled(300); t++)
	{
		int			n = 2 + dice_below(&dice, t % 10 == 0 ? 150 : 20);
		Tree		tree = random_tree(&dice, n);
		Curvature  *curvature = curvature_create(n);
		double	   *matrix = curvature_matrix(curvature);
		double	   *step = palloc(sizeof(double) * n);

		for (int j = 0; j < n; j++)
			for (int i = 0; i < n; i++)
				matrix[j * n + i] = i < j ? NAN : 0;
		for (int i = 0; i < n; i++)
		{
			int			parent = tree.parent[i];

			if (parent < 0)
				continue;
			matrix[Min(i, parent) * n + Max(i, parent)] = -tree.weight[i];
			matrix[i * n + i] += tree.weight[i];
			matrix[parent * n + parent] += tree.weight[i];
		}
		check(curvature_factor_laplacian(curvature), "a tree of %d is not factored", n);
		curvature_solve(curvature, tree.gradient, step);
		worst = Max(worst, largest_error(tree, step));
		check(worst < 1e-13, "a tree of %d: off by a part of %g", n, worst);
	}
	note("trees: worst error %.1e of what is there", worst);
}

/*
 * Solve a triangle of models and a fourth one that joins one of them by this
 * weight; a fifth has no battles.  Whether it could be factored.
 */
static bool
solve_triangle(double weight, double *step, double *inverted_step)
{
	const double gradient[] = {1, -1, 3, -3, 0};
	Curvature  *curvature = curvature_create(5);
	double	   *matrix = curvature_matrix(curvature);

	memset(matrix, 0, sizeof(double) * 25);
	matrix[1] = matrix[2] = matrix[7] = -1; /* 0-1, 0-2, 1-2 */
	matrix[13] = -weight;		/* 2-3 */
	matrix[0] = matrix[6] = 2;
	matrix[12] = 2 + weight;
	matrix[18] = weight == 0 ? 1 : weight;
	if (!curvature_factor_laplacian(curvature))
		return false;
	curvature_solve(curvature, gradient, step);
	curvature_invert(curvature);
	curvature_solve(curvature, gradient, inverted_step);
	return true;
}

/*
 * Protects replicates: a model that has no battles does not move, nor moves it
 * others.  And the climb: a graph that falls apart, its weights having been too
 * small for a double, is told.
 */
static void
test_laplacian_in_parts(void)
{
	double		steps[2][5];

	check(solve_triangle(0.5, steps[0], steps[1]), "not factored");
	for (int s = 0; s < 2; s++)
	{
		const double *step = steps[s];

		check(fabs(step[0] - step[1] - 2.0 / 3) < 1e-14, "0 - 1 is %g", step[0] - step[1]);
		check(fabs(step[0] - step[2] - 1.0 / 3) < 1e-14, "0 - 2 is %g", step[0] - step[2]);
		check(fabs(step[2] - step[3] - 6) < 1e-14, "2 - 3 is %g", step[2] - step[3]);
		check(step[4] == 0, "who has no battles moves by %g", step[4]);
	}
	check(!solve_triangle(0, steps[0], steps[1]), "two parts are not told");
}

/*
 * Protects what the steps are found by: the Hessian is by how much gradients differ,
 * with a prior and without.
 */
static void
test_hessian(void)
{
	Dice		dice = {23};
	double		worst = 0;

	for (int t = 0; t < scaled(100); t++)
	{
		int			n = 2 + dice_below(&dice, 12);
		BattleList *battles = random_battles(&dice, BATTLES_DENSE, n);
		double		prior_battles = t % 2 * (1 + dice_below(&dice, 20));
		Tally	   *tally = battles_tally(battles, NULL);
		PairPoints	points = tally_points(tally);
		Likelihood *likelihood;
		double	   *strengths = palloc(sizeof(double) * n);
		double	   *matrix = palloc(sizeof(double) * n * n);
		double	   *gradients[2] = {palloc(sizeof(double) * n), palloc(sizeof(double) * n)};

		if (battles->num_cells == 0)
			continue;
		likelihood = likelihood_create(tally, prior_battles);
		for (int i = 0; i < n; i++)
			strengths[i] = 4 * dice_double(&dice) - 2;
		likelihood_hessian(likelihood, points, strengths, matrix);
		for (int j = 0; j < n; j++)
		{
			for (int side = 0; side < 2; side++)
			{
				strengths[j] += side == 0 ? -1e-4 : 2e-4;
				likelihood_exact_gradient(likelihood, points, strengths, gradients[side]);
			}
			strengths[j] -= 1e-4;
			for (int i = j; i < n; i++)
			{
				double		slope = (gradients[0][i] - gradients[1][i]) / 2e-4;
				double		error = fabs(matrix[j * n + i] - slope) /
					(1 + fabs(matrix[j * n + j]));

				check(error < 1e-6, "tally %d: entry (%d, %d) is %g, not %g", t, i, j,
					  matrix[j * n + i], slope);
				worst = Max(worst, error);
			}
		}
	}
	note("worst entry %.1e of the diagonal's off", worst);
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
	{"the Hessian is the slope of the gradient", test_hessian},
	{"an indefinite Hessian is told", test_indefinite},
	{"a graph is factored to all digits", test_laplacian},
	{"a graph that falls apart is told", test_laplacian_in_parts},
	{"doubled counts shrink standard errors by the root of 2", test_doubled_counts},
	{NULL, NULL}
};
