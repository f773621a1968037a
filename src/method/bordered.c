/*-------------------------------------------------------------------------
 *
 * bordered.c
 *	  Steps from gradients where a model has terms besides strengths.
 *
 * The Hessian of n strengths and a few terms is that of the strengths, L, with a border:
 * C, what each term has with them, and B, that of the terms.  With Z = L^-1 C and
 * S = B - C' Z, which is small,
 *
 *	H x = g		where x of terms = S^-1 (g of terms - Z' g of strengths)
 *				and x of strengths = L^-1 g of strengths - Z x of terms
 *
 * so that strengths cost what they cost alone (lapack.c).  C does not feel a shift of all
 * strengths, along which L is flat.
 *
 * What S leaves of a term says how far it can be told from strengths and from the terms
 * before it.
 *
 * Memory: that of L, and 16 bytes for each strength and term.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"

/* What must be left of a term, else it is made of the others but for rounding */
#define LEAST_REST 1e-9

struct Bordered
{
	int			num_nodes;
	int			num_terms;
	Curvature  *curvature;		/* L */
	double	   *cross;			/* C, term after term */
	double	   *solved;			/* Z, likewise */
	double	   *terms;			/* B, then the Cholesky factor of S, by rows */
	double	   *rest;			/* workspace, num_terms */
};

Bordered *
bordered_create(int num_nodes, int num_terms)
{
	Bordered   *bordered = palloc(sizeof(Bordered));
	Size		n = num_nodes;
	Size		q = num_terms;

	bordered->num_nodes = num_nodes;
	bordered->num_terms = num_terms;
	bordered->curvature = curvature_create(num_nodes);
	bordered->cross = palloc(sizeof(double) * (n * q + 1));
	bordered->solved = palloc(sizeof(double) * (n * q + 1));
	bordered->terms = palloc(sizeof(double) * (q * q + 1));
	bordered->rest = palloc(sizeof(double) * (q + 1));
	return bordered;
}

/*
 * Where the caller puts the parts of H.
 */
OutcomeHessian
bordered_hessian(Bordered *bordered)
{
	return (OutcomeHessian)
	{
		curvature_matrix(bordered->curvature), bordered->cross, bordered->terms
	};
}

Curvature *
bordered_curvature(Bordered *bordered)
{
	return bordered->curvature;
}

/*
 * Replace S by its Cholesky factor.  Returns the first term of which nothing is left,
 * or -1.
 */
static int
factor_rest(Bordered *bordered, const double *whole)
{
	int			q = bordered->num_terms;
	double	   *s = bordered->terms;

	for (int k = 0; k < q; k++)
	{
		double	   *row = s + k * q;

		for (int l = 0; l <= k; l++)
		{
			double	   *other = s + l * q;
			double		sum = row[l];

			for (int m = 0; m < l; m++)
				sum -= row[m] * other[m];
			if (l < k)
				row[l] = sum / other[l];
			else if (!(sum > LEAST_REST * whole[k]))
				return k;
			else
				row[k] = sqrt(sum);
		}
	}
	return -1;
}

/*
 * Find Z and factor S, L having been factored.  Returns the first term that cannot be
 * told from strengths and the terms before it, or -1.
 */
int
bordered_factor_terms(Bordered *bordered)
{
	Size		n = bordered->num_nodes;
	int			q = bordered->num_terms;

	for (int k = 0; k < q; k++)
	{
		bordered->rest[k] = bordered->terms[k * q + k];
		curvature_solve(bordered->curvature, bordered->cross + k * n,
						bordered->solved + k * n);
	}
	for (int k = 0; k < q; k++)
		for (int l = 0; l <= k; l++)
			bordered->terms[k * q + l] -= dot_product(bordered->cross + k * n,
													  bordered->solved + l * n, n);
	return factor_rest(bordered, bordered->rest);
}

/*
 * Solve S x = rest, in place.
 */
static void
solve_rest(const Bordered *bordered, double *rest)
{
	int			q = bordered->num_terms;
	const double *s = bordered->terms;

	for (int k = 0; k < q; k++)
	{
		for (int l = 0; l < k; l++)
			rest[k] -= s[k * q + l] * rest[l];
		rest[k] /= s[k * q + k];
	}
	for (int k = q - 1; k >= 0; k--)
	{
		for (int l = k + 1; l < q; l++)
			rest[k] -= s[l * q + k] * rest[l];
		rest[k] /= s[k * q + k];
	}
}

/*
 * The step of a gradient, both of strengths and terms.
 */
void
bordered_solve(const Bordered *bordered, const double *gradient, double *step)
{
	Size		n = bordered->num_nodes;
	int			q = bordered->num_terms;
	double	   *of_terms = step + n;

	for (int k = 0; k < q; k++)
		of_terms[k] = gradient[n + k] -
			dot_product(bordered->solved + k * n, gradient, n);
	solve_rest(bordered, of_terms);
	curvature_solve(bordered->curvature, gradient, step);
	for (int k = 0; k < q; k++)
		add_multiple(step, -of_terms[k], bordered->solved + k * n, n);
}

/*
 * The rows of the inverse of H that are of terms, over all parameters.
 */
void
bordered_term_rows(const Bordered *bordered, double *rows)
{
	Size		n = bordered->num_nodes;
	Size		q = bordered->num_terms;

	for (Size k = 0; k < q; k++)
	{
		double	   *row = rows + k * (n + q);

		memset(row, 0, sizeof(double) * (n + q));
		row[n + k] = 1;
		solve_rest(bordered, row + n);
		for (Size l = 0; l < q; l++)
			add_multiple(row, -row[n + l], bordered->solved + l * n, n);
	}
}

/*
 * The whole inverse of H, full; L is to be inverted before.
 */
void
bordered_inverse(const Bordered *bordered, double *inverse)
{
	Size		n = bordered->num_nodes;
	Size		q = bordered->num_terms;
	Size		size = n + q;
	double	   *of_strengths = full_matrix(n);

	curvature_inverse(bordered->curvature, of_strengths);
	bordered_term_rows(bordered, inverse + n * size);
	for (Size i = 0; i < n; i++)
	{
		double	   *row = inverse + i * size;

		memcpy(row, of_strengths + i * n, sizeof(double) * n);
		for (Size k = 0; k < q; k++)
		{
			row[n + k] = inverse[(n + k) * size + i];
			add_multiple(row, -row[n + k], bordered->solved + k * n, n);
		}
	}
	pfree(of_strengths);
}
