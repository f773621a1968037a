/*-------------------------------------------------------------------------
 *
 * lapack.c
 *	  The Hessian factored by LAPACK, and steps from gradients by it.
 *
 * H = L L', L lower triangular, column by column as Fortran has it.  A step
 * that climbs along a gradient g solves H x = g.  The point estimate needs few
 * of them and solves by L; the thousands of replicates share one H, which is
 * inverted once, so that a step is the product of a matrix and a vector.  That
 * is our own loop: it is the only linear algebra on the hot path, and the speed
 * of a bootstrap should not depend on which BLAS answers.  It takes
 * COLUMNS_AT_ONCE columns in one pass, so that sums are fetched less often.
 *
 * Cancelling: LAPACK cannot be interrupted, and 2,000 models take the
 * reference library seconds.  So both the factorization and the inversion go
 * by tiles of TILE x TILE, a few milliseconds each, with a check for
 * interrupts between them.  The slow factorization checks at every model.
 *
 * Threads: a backend must not have any.  Where OpenBLAS answers it is told to
 * use one; its pthread build has already started others when it was loaded,
 * which then sleep.
 *
 * Pivots: Cholesky finds each as a difference.  Where models are tied to each other
 * by 10^12 battles and to the rest by one, rounding eats what that one leaves.
 * There H is factored once more without a subtraction, as the graph that it is:
 * slower, but to all digits.
 *
 * Errors: reference XERBLA ends the process when an argument is wrong, so all
 * arguments are made here, from sizes that are at least 1.
 *
 * Memory: 8 bytes for each entry of the full matrix, 32 MB at 2,000 models.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

#define TILE 128

/* What must be left of a diagonal entry of H: five digits of it are true then */
#define LEAST_PIVOT 1e-10

/* Columns that one pass of a product takes */
#define COLUMNS_AT_ONCE 4

struct Curvature
{
	int			size;
	bool		inverted;		/* matrix holds the inverse of H, not L */
	double	   *matrix;			/* lower triangle, column-major, or inverse */
	double	   *work;
};

/* LAPACK and BLAS; Fortran passes the lengths of character arguments last */
extern void dpotrf_(const char *uplo, const int *n, double *a, const int *lda,
					int *info, size_t uplo_length);
extern void dpotrs_(const char *uplo, const int *n, const int *nrhs,
					const double *a, const int *lda, double *b, const int *ldb,
					int *info, size_t uplo_length);
extern void dtrtri_(const char *uplo, const char *diag, const int *n,
					double *a, const int *lda, int *info,
					size_t uplo_length, size_t diag_length);
extern void dtrsm_(const char *side, const char *uplo, const char *transa,
				   const char *diag, const int *m, const int *n,
				   const double *alpha, const double *a, const int *lda,
				   double *b, const int *ldb, size_t side_length,
				   size_t uplo_length, size_t transa_length, size_t diag_length);
extern void dtrmm_(const char *side, const char *uplo, const char *transa,
				   const char *diag, const int *m, const int *n,
				   const double *alpha, const double *a, const int *lda,
				   double *b, const int *ldb, size_t side_length,
				   size_t uplo_length, size_t transa_length, size_t diag_length);
extern void dsyrk_(const char *uplo, const char *trans, const int *n,
				   const int *k, const double *alpha, const double *a,
				   const int *lda, const double *beta, double *c,
				   const int *ldc, size_t uplo_length, size_t trans_length);
extern void dgemm_(const char *transa, const char *transb, const int *m,
				   const int *n, const int *k, const double *alpha,
				   const double *a, const int *lda, const double *b,
				   const int *ldb, const double *beta, double *c,
				   const int *ldc, size_t transa_length, size_t transb_length);

/* Only OpenBLAS has it */
extern void openblas_set_num_threads(int num_threads) __attribute__((weak));

static const double one = 1.0;
static const double minus_one = -1.0;

/*
 * Called when the library is loaded.
 */
void
lapack_init(void)
{
	if (openblas_set_num_threads != NULL)
		openblas_set_num_threads(1);
}

Curvature *
curvature_create(int size)
{
	Curvature  *curvature = palloc0(sizeof(Curvature));

	Assert(size > 0);
	curvature->size = size;
	curvature->matrix = MemoryContextAllocHuge(CurrentMemoryContext,
											   mul_size(mul_size(size, size),
														sizeof(double)));
	curvature->work = palloc(sizeof(double) * size);
	return curvature;
}

void
curvature_free(Curvature *curvature)
{
	pfree(curvature->matrix);
	pfree(curvature->work);
	pfree(curvature);
}

/*
 * Where the caller puts the lower triangle of H, column-major, before it calls
 * curvature_factor() or curvature_factor_laplacian().
 */
double *
curvature_matrix(Curvature *curvature)
{
	curvature->inverted = false;
	return curvature->matrix;
}

/* The first entry of the tile that begins at row i and column j */
static double *
tile_at(const Curvature *curvature, int i, int j)
{
	return curvature->matrix + (Size) j * curvature->size + i;
}

/* How many rows (or columns) the tile that begins at i has */
static int
tile_size(const Curvature *curvature, int i)
{
	return Min(TILE, curvature->size - i);
}

/*
 * Make H positive definite where it is only flat: along a shift of all strengths, and
 * for models that have no battles (of a replicate).
 */
void
curvature_fill_flat_directions(Curvature *curvature)
{
	Size		n = curvature->size;
	double	   *matrix = curvature->matrix;
	double		trace = 0;
	double		lift;

	for (Size i = 0; i < n; i++)
		trace += matrix[i * n + i];
	lift = trace / ((double) n * n);

	for (Size j = 0; j < n; j++)
	{
		double	   *diagonal = &matrix[j * n + j];

		if (*diagonal == 0)
			*diagonal = trace / n;
		for (Size i = j; i < n; i++)
			matrix[j * n + i] += lift;
	}
}

/*
 * Take the product of the finished column of tiles k off the tiles to its
 * right.
 */
static void
update_trailing_tiles(Curvature *curvature, int k)
{
	int			n = curvature->size;
	int			width = tile_size(curvature, k);

	for (int j = k + TILE; j < n; j += TILE)
	{
		int			columns = tile_size(curvature, j);

		CHECK_FOR_INTERRUPTS();
		dsyrk_("L", "N", &columns, &width, &minus_one,
			   tile_at(curvature, j, k), &n, &one,
			   tile_at(curvature, j, j), &n, 1, 1);
		for (int i = j + TILE; i < n; i += TILE)
		{
			int			rows = tile_size(curvature, i);

			CHECK_FOR_INTERRUPTS();
			dgemm_("N", "T", &rows, &columns, &width, &minus_one,
				   tile_at(curvature, i, k), &n,
				   tile_at(curvature, j, k), &n, &one,
				   tile_at(curvature, i, j), &n, 1, 1);
		}
	}
}

/*
 * What the factorization leaves of a diagonal entry of H, a pivot, has the
 * rounding of that entry.  Is any pivot so small a part that few of its digits, or
 * none, are true?
 */
static bool
pivots_are_lost(const Curvature *curvature, const double *diagonal)
{
	for (int k = 0; k < curvature->size; k++)
	{
		double		root = *tile_at(curvature, k, k);

		if (!(root * root > LEAST_PIVOT * diagonal[k]))
			return true;
	}
	return false;
}

/*
 * Replace H by L.  False when H is not positive definite, or so nearly not that too
 * few digits of L would be true; its matrix is then spoilt.
 */
bool
curvature_factor(Curvature *curvature)
{
	int			n = curvature->size;

	for (int k = 0; k < n; k++)
		curvature->work[k] = *tile_at(curvature, k, k);

	for (int k = 0; k < n; k += TILE)
	{
		int			width = tile_size(curvature, k);
		double	   *diagonal = tile_at(curvature, k, k);
		int			info;

		CHECK_FOR_INTERRUPTS();
		dpotrf_("L", &width, diagonal, &n, &info, 1);
		if (info != 0)
			return false;
		for (int i = k + TILE; i < n; i += TILE)
		{
			int			rows = tile_size(curvature, i);

			CHECK_FOR_INTERRUPTS();
			dtrsm_("R", "L", "T", "N", &rows, &width, &one, diagonal, &n,
				   tile_at(curvature, i, k), &n, 1, 1, 1, 1);
		}
		update_trailing_tiles(curvature, k);
	}
	return !pivots_are_lost(curvature, curvature->work);
}

/*
 * Turn column k into that of L, and take its product off the columns to the right.
 * False when no weight was left in it.
 */
static bool
eliminate_model(const Curvature *curvature, int k, double flat_pivot)
{
	int			n = curvature->size;
	double	   *restrict own = tile_at(curvature, 0, k);
	double		pivot = 0;

	for (int i = k + 1; i < n; i++)
		pivot -= own[i];
	own[k] = sqrt(pivot > 0 ? pivot : flat_pivot);
	for (int i = k + 1; i < n; i++)
		own[i] /= own[k];
	for (int j = k + 1; j < n; j++)
	{
		double	   *restrict other = tile_at(curvature, 0, j);
		double		factor = own[j];

		if (factor == 0)
			continue;
#pragma omp simd
		for (int i = j + 1; i < n; i++)
			other[i] -= factor * own[i];
	}
	return pivot > 0;
}

/*
 * Replace H by L where H is the Laplacian of a graph: models are joined by weights,
 * entry (i, j) is less the weight of i and j, and a row adds up to zero.  When a
 * model is eliminated, those that it joined are joined by what went through it; a
 * pivot is the sum of the weights that are left (Grassmann, Taksar and Heyman,
 * "Regenerative analysis and steady state distributions for Markov chains", 1985).
 * All are sums of one sign, so no digit is lost.
 *
 * The last model is held where it is, as a shift of all strengths costs nothing;
 * so is one that had no weights from the beginning (of a replicate).  False when
 * weights are too small for a double, and the graph falls apart.
 */
bool
curvature_factor_laplacian(Curvature *curvature)
{
	int			n = curvature->size;
	double		trace = 0;
	int			num_parts = 0;

	for (int k = 0; k < n; k++)
		trace += *tile_at(curvature, k, k);
	for (int k = 0; k < n; k++)
	{
		bool		has_weights = *tile_at(curvature, k, k) != 0;

		CHECK_FOR_INTERRUPTS();
		if (!eliminate_model(curvature, k, trace / n) && has_weights)
			num_parts++;
	}
	return num_parts == 1;
}

/*
 * Replace one column of tiles of L by that of its inverse X.  The columns to
 * the right still hold L.  With X_jj in place, row after row
 * X_ij = -L_ii^-1 (L_ij X_jj + sum of L_ik X_kj over j < k < i).
 */
static void
invert_column(Curvature *curvature, int j)
{
	int			n = curvature->size;
	int			columns = tile_size(curvature, j);
	double	   *diagonal = tile_at(curvature, j, j);
	int			info;

	dtrtri_("L", "N", &columns, diagonal, &n, &info, 1, 1);
	if (info != 0)
		elog(ERROR, "a factored Hessian is singular at model %d", j + info);

	for (int i = j + TILE; i < n; i += TILE)
	{
		int			rows = tile_size(curvature, i);
		double	   *tile = tile_at(curvature, i, j);

		CHECK_FOR_INTERRUPTS();
		dtrmm_("R", "L", "N", "N", &rows, &columns, &one, diagonal, &n,
			   tile, &n, 1, 1, 1, 1);
		for (int k = j + TILE; k < i; k += TILE)
		{
			int			width = tile_size(curvature, k);

			CHECK_FOR_INTERRUPTS();
			dgemm_("N", "N", &rows, &columns, &width, &one,
				   tile_at(curvature, i, k), &n,
				   tile_at(curvature, k, j), &n, &one, tile, &n, 1, 1);
		}
		dtrsm_("L", "L", "N", "N", &rows, &columns, &minus_one,
			   tile_at(curvature, i, i), &n, tile, &n, 1, 1, 1, 1);
	}
}

/*
 * The columns that one pass takes, from column j on.  Behind the last one it
 * stands again, for a factor of 0.
 */
static void
find_columns(const Curvature *curvature, int j, const double **columns)
{
	for (int k = 0; k < COLUMNS_AT_ONCE; k++)
		columns[k] = tile_at(curvature, 0, Min(j + k, curvature->size - 1));
}

/*
 * products = X' vector, down the columns of X, from one of them on.
 */
FOR_WIDE_VECTORS static void
multiply_transposed(const Curvature *curvature, const double *vector, int from,
					double *products)
{
	int			n = curvature->size;

	for (int j = from; j < n; j += COLUMNS_AT_ONCE)
	{
		const double *columns[COLUMNS_AT_ONCE];
		double		sum0 = 0,
					sum1 = 0,
					sum2 = 0,
					sum3 = 0;

		find_columns(curvature, j, columns);
#pragma omp simd reduction(+:sum0, sum1, sum2, sum3)
		for (int i = j; i < n; i++)
		{
			sum0 += columns[0][i] * vector[i];
			sum1 += columns[1][i] * vector[i];
			sum2 += columns[2][i] * vector[i];
			sum3 += columns[3][i] * vector[i];
		}
		products[j] = sum0;
		if (j + 1 < n)
			products[j + 1] = sum1;
		if (j + 2 < n)
			products[j + 2] = sum2;
		if (j + 3 < n)
			products[j + 3] = sum3;
	}
}

/*
 * Replace X, the inverse of L, by that of H, which is X' X: entry (i, j) is the product
 * of columns i and j of X.  Row j of it takes the place of what stands above the
 * diagonal, where later columns are not read any more.
 */
static void
multiply_together(Curvature *curvature)
{
	int			n = curvature->size;

	for (int j = 0; j < n; j++)
	{
		double	   *column = tile_at(curvature, 0, j);

		CHECK_FOR_INTERRUPTS();
		multiply_transposed(curvature, column, j, curvature->work);
		for (int i = j; i < n; i++)
			column[i] = *tile_at(curvature, j, i) = curvature->work[i];
	}
}

/*
 * Replace L by the inverse of H, for many quick calls of curvature_solve().  What
 * stands above the diagonal of that of L is cleared, where columns are multiplied
 * together.
 */
void
curvature_invert(Curvature *curvature)
{
	int			n = curvature->size;

	for (int j = 0; j < n; j += TILE)
	{
		CHECK_FOR_INTERRUPTS();
		invert_column(curvature, j);
	}
	for (int j = 1; j < n; j++)
		memset(tile_at(curvature, 0, j), 0, sizeof(double) * j);
	multiply_together(curvature);
	curvature->inverted = true;
}

/*
 * The diagonal of the inverse of H.
 */
void
curvature_variances(const Curvature *curvature, double *variances)
{
	Assert(curvature->inverted);
	for (int j = 0; j < curvature->size; j++)
		variances[j] = *tile_at(curvature, j, j);
}

/*
 * The product of the inverse of H and a vector, down its columns.
 */
FOR_WIDE_VECTORS static void
multiply(const Curvature *curvature, const double *vector, double *restrict sums)
{
	int			n = curvature->size;

	memset(sums, 0, sizeof(double) * n);
	for (int j = 0; j < n; j += COLUMNS_AT_ONCE)
	{
		const double *columns[COLUMNS_AT_ONCE];
		double		factors[COLUMNS_AT_ONCE];

		find_columns(curvature, j, columns);
		for (int k = 0; k < COLUMNS_AT_ONCE; k++)
			factors[k] = j + k < n ? vector[j + k] : 0;
#pragma omp simd
		for (int i = 0; i < n; i++)
			sums[i] += factors[0] * columns[0][i] + factors[1] * columns[1][i] +
				factors[2] * columns[2][i] + factors[3] * columns[3][i];
	}
}

/*
 * The step x with H x = gradient.
 */
void
curvature_solve(const Curvature *curvature, const double *gradient,
				double *step)
{
	int			n = curvature->size;
	int			one_column = 1;
	int			info;

	if (curvature->inverted)
	{
		multiply(curvature, gradient, step);
		return;
	}
	memcpy(step, gradient, sizeof(double) * n);
	dpotrs_("L", &n, &one_column, curvature->matrix, &n, step, &n, &info, 1);
	Assert(info == 0);
}

/*
 * The whole inverse of H.
 */
void
curvature_inverse(const Curvature *curvature, double *inverse)
{
	Size		n = curvature->size;

	Assert(curvature->inverted);
	memcpy(inverse, curvature->matrix, sizeof(double) * n * n);
}
