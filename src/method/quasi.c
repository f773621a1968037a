/*-------------------------------------------------------------------------
 *
 * quasi.c
 *	  Quasi-variances: one number a model that stands for the variances of all its
 *	  differences.
 *
 * The variance of what two models differ by is no sum of a number of either.  But
 * numbers q can be found whose sums are nearly these variances: those that minimize
 * the sum, over pairs, of (ln(q_i + q_j) - ln Var(d_ij))^2 (Firth and de Menezes 2004).
 * The climb is that of Gauss and Newton in ln q, each step by conjugate gradients: its
 * matrix is well conditioned, once its diagonal is one, so that a few products with it
 * do, where a factorization would take a pass for each model.
 *
 * A q may have no minimum but at 0, as of a model whose differences vary less than those
 * of the others among themselves allow.  It is held where it adds nothing any more, since
 * steps would go on towards a q below 0, and take the others along.
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

/* A q of so small a part of their mean adds nothing */
#define LEAST_PART 1e-16

/* Conjugate gradients end when so small a part of the square of the gradient is left */
#define LEAST_REST 1e-10
#define MAX_PRODUCTS 100

/* A step in the making, arrays of num_models */
typedef struct Step
{
	int			num_models;
	double	   *matrix;			/* full, its diagonal one once it is scaled */
	double	   *scale;
	double	   *gradient;		/* becomes what is left of it */
	double	   *direction;
	double	   *product;
	double	   *step;
} Step;

static double
dot(const double *restrict a, const double *restrict b, int n)
{
	double		sum = 0;

#pragma omp simd reduction(+:sum)
	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static Step *
step_create(int num_models)
{
	Step	   *step = palloc(sizeof(Step));
	Size		size = sizeof(double) * num_models;

	step->num_models = num_models;
	step->matrix = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(size, num_models));
	step->scale = palloc(size);
	step->gradient = palloc(size);
	step->direction = palloc(size);
	step->product = palloc(size);
	step->step = palloc(size);
	return step;
}

static void
step_free(Step *step)
{
	pfree(step->matrix);
	pfree(step->scale);
	pfree(step->gradient);
	pfree(step->direction);
	pfree(step->product);
	pfree(step->step);
	pfree(step);
}

/*
 * The gradient and the matrix of a step.
 */
static void
find_slopes(Step *step, const double *deviations, const double *q)
{
	Size		n = step->num_models;
	double	   *matrix = step->matrix;

	memset(matrix, 0, sizeof(double) * n * n);
	memset(step->gradient, 0, sizeof(double) * n);
	for (Size i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		for (Size j = i + 1; j < n; j++)
		{
			double		sum = q[i] + q[j];
			double		part = q[i] / sum;
			double		other_part = q[j] / sum;
			double		off = 2 * log(deviations[i * n + j]) - log(sum);

			step->gradient[i] += part * off;
			step->gradient[j] += other_part * off;
			matrix[i * n + i] += part * part;
			matrix[j * n + j] += other_part * other_part;
			matrix[i * n + j] = matrix[j * n + i] = part * other_part;
		}
	}
}

/*
 * Scale the matrix, and the gradient with it, so that the diagonal is one; or nothing
 * for a q that is held.
 */
static void
scale_slopes(Step *step, const double *q, double mean)
{
	Size		n = step->num_models;

	for (Size i = 0; i < n; i++)
		step->scale[i] = q[i] < LEAST_PART * mean && step->gradient[i] < 0 ? 0 :
			1 / sqrt(step->matrix[i * n + i]);
	for (Size i = 0; i < n; i++)
	{
		step->gradient[i] *= step->scale[i];
		for (Size j = 0; j < n; j++)
			step->matrix[i * n + j] *= step->scale[i] * step->scale[j];
	}
}

/*
 * Solve for the step (Hestenes and Stiefel 1952).
 */
static void
solve_slopes(Step *step)
{
	int			n = step->num_models;
	double		first = dot(step->gradient, step->gradient, n);
	double		rest = first;

	memset(step->step, 0, sizeof(double) * n);
	memcpy(step->direction, step->gradient, sizeof(double) * n);
	for (int products = 0; products < MAX_PRODUCTS && rest > LEAST_REST * first; products++)
	{
		double		before = rest;
		double		length;

		CHECK_FOR_INTERRUPTS();
		for (Size i = 0; i < (Size) n; i++)
			step->product[i] = dot(step->matrix + i * n, step->direction, n);
		length = rest / dot(step->direction, step->product, n);
		for (int i = 0; i < n; i++)
		{
			step->step[i] += length * step->direction[i];
			step->gradient[i] -= length * step->product[i];
		}
		rest = dot(step->gradient, step->gradient, n);
		for (int i = 0; i < n; i++)
			step->direction[i] = step->gradient[i] + rest / before * step->direction[i];
	}
	for (int i = 0; i < n; i++)
		step->step[i] *= step->scale[i];
}

/*
 * Take a step; false when it was the last one.
 */
static bool
take_step(const Step *step, double *q)
{
	bool		moved = false;

	for (int i = 0; i < step->num_models; i++)
	{
		double		move = Max(Min(step->step[i], 1), -1);

		if (!isfinite(step->step[i]))
			return false;
		moved |= fabs(move) > TOLERANCE;
		q[i] *= exp(move);
	}
	return moved;
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
	double		mean = 0;
	Step	   *step;

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

	step = step_create(num_models);
	for (int steps = 0; steps < MAX_STEPS; steps++)
	{
		find_slopes(step, deviations, quasi_variances);
		scale_slopes(step, quasi_variances, mean);
		solve_slopes(step);
		if (!take_step(step, quasi_variances))
			break;
	}
	step_free(step);
	return true;
}
