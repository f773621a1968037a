/*-------------------------------------------------------------------------
 *
 * quasi.c
 *	  Quasi-variances: one number a model that stands for the variances of all its
 *	  differences.
 *
 * The variance of what two models differ by is no sum of a number of either.  But
 * numbers q can be found whose sums are nearly these variances: those that minimize
 * the sum, over pairs, of (ln(q_i + q_j) - ln Var(d_ij))^2 (Firth and de Menezes 2004).
 * The climb is that of Gauss and Newton in ln q.
 *
 * Memory: one full matrix.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

#define MAX_STEPS 500

/* The last step changes ln q by less */
#define TOLERANCE 1e-12

/* What keeps the matrix definite where nothing fixes a q, as of two models */
#define RIDGE 1e-12

/*
 * The gradient and the matrix of a step, and the step into gradient.  False when there
 * is none.
 */
static bool
find_step(Curvature *curvature, const double *deviations, const double *q, int n,
		  double *gradient)
{
	double	   *matrix = curvature_matrix(curvature);
	double		trace = 0;

	memset(matrix, 0, sizeof(double) * n * n);
	memset(gradient, 0, sizeof(double) * n);
	for (Size i = 0; i < (Size) n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size j = i + 1; j < (Size) n; j++)
		{
			double		sum = q[i] + q[j];
			double		part = q[i] / sum;
			double		other_part = q[j] / sum;
			double		off = 2 * log(deviations[i * n + j]) - log(sum);

			gradient[i] += part * off;
			gradient[j] += other_part * off;
			matrix[i * n + i] += part * part;
			matrix[j * n + j] += other_part * other_part;
			matrix[i * n + j] = part * other_part;
		}
	}
	for (Size i = 0; i < (Size) n; i++)
		trace += matrix[i * n + i];
	for (Size i = 0; i < (Size) n; i++)
		matrix[i * n + i] += RIDGE * trace;
	if (!curvature_factor(curvature))
		return false;
	curvature_solve(curvature, gradient, gradient);
	return true;
}

/*
 * The quasi-variances of models whose differences have these standard deviations, a
 * full matrix.  False when some of those are infinite.
 */
bool
find_quasi_variances(const double *deviations, int num_models,
					 double *quasi_variances)
{
	Size		n = num_models;
	double	   *step = palloc(sizeof(double) * (n + 1));
	double		mean = 0;
	Curvature  *curvature;

	if (n < 2)
		return false;
	for (Size i = 0; i < n; i++)
		for (Size j = 0; j < i; j++)
		{
			if (!(deviations[i * n + j] > 0 && isfinite(deviations[i * n + j])))
				return false;
			mean += deviations[i * n + j] * deviations[i * n + j] / (n * (n - 1) / 2);
		}
	for (Size i = 0; i < n; i++)
		quasi_variances[i] = mean / 2;
	if (n == 2)
		return true;

	curvature = curvature_create(num_models);
	for (int steps = 0; steps < MAX_STEPS; steps++)
	{
		double		largest = 0;

		if (!find_step(curvature, deviations, quasi_variances, num_models, step))
			break;
		for (Size i = 0; i < n; i++)
		{
			quasi_variances[i] *= exp(Max(Min(step[i], 1), -1));
			largest = Max(largest, fabs(step[i]));
		}
		if (largest < TOLERANCE)
			break;
	}
	curvature_free(curvature);
	pfree(step);
	return true;
}
