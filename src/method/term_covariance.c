/*-------------------------------------------------------------------------
 *
 * term_covariance.c
 *	  How strengths and terms would vary together if the votes were cast anew.
 *
 * As in covariance.c, V = H^-1 M H^-1, where H and M are of all parameters.  What a battle
 * gives to the gradient is said by outcome_likelihood.c.
 *
 * Of strengths the part of V that is theirs is a covariance like any other.  Of terms
 * their rows of H^-1 are enough, which are few.
 *
 * Time: two products of full matrices.  Memory: four of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* Of whose battles gradients are asked for */
typedef struct FittedCells
{
	const OutcomeLikelihood *likelihood;
	const double *parameters;
} FittedCells;

static int
battle_gradient(const void *context, uint32 what, int *places, double *amounts)
{
	const FittedCells *fitted = context;

	return outcome_battle_gradient(fitted->likelihood, what / NUM_OUTCOMES,
								   (Outcome) (what % NUM_OUTCOMES), fitted->parameters,
								   places, amounts);
}

/*
 * M when every battle stands for itself.
 */
static void
squares_by_battle(const FittedCells *fitted, const Tally *cells, int size, double *matrix)
{
	int		   *places = palloc(sizeof(int) * size);
	double	   *amounts = palloc(sizeof(double) * size);

	memset(matrix, 0, sizeof(double) * size * size);
	for (int c = 0; c < NUM_OUTCOMES * cells->num_pairs; c++)
	{
		int64		count = cells->pairs[c / NUM_OUTCOMES].count[c % NUM_OUTCOMES];
		int			number;

		CHECK_FOR_INTERRUPTS_AT(c);
		if (count == 0)
			continue;
		number = battle_gradient(fitted, c, places, amounts);
		for (int a = 0; a < number; a++)
			for (int b = 0; b < number; b++)
				matrix[(Size) places[a] * size + places[b]] += count * amounts[a] * amounts[b];
	}
	pfree(places);
	pfree(amounts);
}

/*
 * M of all parameters at the point estimate, as a full matrix.  Without voters every
 * battle stands for itself.
 */
static double *
gradient_squares(const Regression *regression, const Tally *cells, const Voters *voters,
				 int size)
{
	FittedCells fitted = {
		regression_likelihood(regression), regression_estimate(regression)
	};
	double	   *squares = full_matrix(size);

	if (voters)
		voters_gradient_squares(voters, battle_gradient, &fitted, size, squares);
	else
		squares_by_battle(&fitted, cells, size, squares);
	return squares;
}

/*
 * The covariance of the strengths of so many models.
 */
Covariance *
covariance_with_terms(const Regression *regression, const Tally *cells,
					  const Voters *voters)
{
	int			size = regression_num_nodes(regression) + regression_num_terms(regression);
	int			n = cells->num_models;
	double	   *squares = gradient_squares(regression, cells, voters, size);
	double	   *inverse = full_matrix(size);
	double	   *product = full_matrix(size);
	double	   *strengths = full_matrix(n);

	regression_inverse(regression, inverse);
	multiply_full(squares, inverse, product, size);
	multiply_full(inverse, product, squares, size);
	for (Size i = 0; i < (Size) n; i++)
		memcpy(strengths + i * n, squares + i * size, sizeof(double) * n);
	pfree(squares);
	pfree(inverse);
	pfree(product);
	return covariance_of_matrix(strengths, n);
}

/*
 * The standard deviations of terms; and those that there would be if votes varied just
 * as the model says.
 */
void
term_deviations(const Regression *regression, const Tally *cells, const Voters *voters,
				double *deviations, double *by_information)
{
	int			n = regression_num_nodes(regression);
	int			q = regression_num_terms(regression);
	int			size = n + q;
	double	   *squares = gradient_squares(regression, cells, voters, size);
	double	   *rows = palloc(sizeof(double) * size * q);

	regression_term_rows(regression, rows);
	for (Size k = 0; k < (Size) q; k++)
	{
		const double *row = rows + k * size;
		double		variance = 0;

		for (Size i = 0; i < (Size) size; i++)
			variance += row[i] * dot_product(squares + i * size, row, size);
		deviations[k] = sqrt(Max(variance, 0));
		by_information[k] = sqrt(row[n + k]);
	}
	pfree(squares);
	pfree(rows);
}
