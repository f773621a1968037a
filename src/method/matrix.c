/*-------------------------------------------------------------------------
 *
 * matrix.c
 *	  Full square matrices of models, row by row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

double *
full_matrix(Size n)
{
	return MemoryContextAllocHuge(CurrentMemoryContext,
								  mul_size(mul_size(n, n), sizeof(double)));
}

/*
 * products = left times right.  Rows of the right one are added up, which is quicker
 * than sums across its columns.
 */
void
multiply_full(const double *left, const double *right, double *products, Size n)
{
	for (Size i = 0; i < n; i++)
	{
		double	   *restrict row = products + i * n;

		CHECK_FOR_INTERRUPTS();
		memset(row, 0, sizeof(double) * n);
		for (Size k = 0; k < n; k++)
		{
			const double *restrict other = right + k * n;
			double		factor = left[i * n + k];

#pragma omp simd
			for (Size j = 0; j < n; j++)
				row[j] += factor * other[j];
		}
	}
}

/*
 * The variance of the difference of two models, by a covariance of all.
 */
double
difference_variance(const double *covariance, Size n, int i, int j)
{
	return Max(covariance[i * n + i] + covariance[j * n + j] - 2 * covariance[i * n + j], 0);
}
