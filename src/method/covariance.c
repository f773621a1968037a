/*-------------------------------------------------------------------------
 *
 * covariance.c
 *	  How strengths would vary, and vary together, if the votes were cast anew.
 *
 * At the maximum, with H the Hessian of the negative log-likelihood and U_v what
 * voter v adds to the gradient, strengths differ from the truth by about
 * H^-1 (sum of U_v).  So their covariance is V = H^-1 M H^-1, where M is that of the
 * sum (Liang and Zeger 1986, the "sandwich").  When every battle stands for itself,
 * M is the Laplacian whose weight of a pair is the sum of its squared residuals: of a
 * battle, the points that the first model took less those that it was to take.
 *
 * That differs from the information H^-1 where there are ties, which vary less than
 * wins and losses do.
 *
 * H is flat along a shift of all strengths.  Any inverse of it across differences will
 * do, since M knows nothing of a shift either; and of V only variances of
 * differences mean anything.  A score is such a difference: that of a strength and the
 * mean of those which fix the scale.
 *
 * When every battle stands for itself, the variance of a difference is a sum of squares,
 * one for each pair of models that has met.  Those of scores need no more than that.
 * They are summed up for COLUMNS_AT_ONCE models at once, so that what is read of H^-1
 * stays in the processor's cache; the whole of V would take longer.
 *
 * Time: a pass over all models for each pair of them that has met.
 * Memory: one full matrix and 8 bytes a pair; by voter two, with covariance_matrix()
 * one more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* Models whose variances are summed up in one pass over the pairs */
#define COLUMNS_AT_ONCE 64

struct Covariance
{
	int			num_models;
	double	   *known;			/* V itself; else NULL, and */
	double	   *inverse;		/* of H */
	const Tally *tally;
	double	   *weights;		/* of its pairs in M, every battle standing
								 * for itself; else NULL, and */
	double	   *product;		/* M times the inverse */
};

/*
 * The sum of the squared residuals of a pair's battles.
 */
static double
squared_residuals(const Pair *pair, double ahead)
{
	double		odds = exp(-fabs(ahead));
	double		better = 1 / (1 + odds);
	double		worse = odds / (1 + odds);
	double		p = ahead >= 0 ? better : worse;
	double		q = ahead >= 0 ? worse : better;
	double		off = (better - worse) / 2;

	return pair->count[OUTCOME_FIRST] * q * q + pair->count[OUTCOME_SECOND] * p * p +
		pair->count[OUTCOME_TIE] * off * off;
}

static Covariance *
covariance_create(Fitter *fitter, const Tally *tally, PairPoints points,
				  const double *strengths)
{
	Covariance *covariance = palloc0(sizeof(Covariance));

	covariance->num_models = tally->num_models;
	covariance->tally = tally;
	covariance->inverse = full_matrix(tally->num_models);
	fitter_inverse(fitter, points, strengths, covariance->inverse);
	return covariance;
}

/*
 * The covariance of strengths where the fitter has put them, every battle standing for
 * itself.
 */
Covariance *
covariance_by_battle(Fitter *fitter, const Tally *tally, PairPoints points,
					 const double *strengths)
{
	Covariance *covariance = covariance_create(fitter, tally, points, strengths);

	covariance->weights = MemoryContextAllocHuge(CurrentMemoryContext,
												 mul_size(tally->num_pairs + 1,
														  sizeof(double)));
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		covariance->weights[p] =
			squared_residuals(pair, strengths[pair->first] - strengths[pair->second]);
	}
	return covariance;
}

/*
 * The same, voters standing for themselves, of whom there are at least two.
 */
Covariance *
covariance_by_voter(Fitter *fitter, const Voters *voters, const Tally *tally,
					PairPoints points, const double *strengths)
{
	Covariance *covariance = covariance_create(fitter, tally, points, strengths);
	FittedTally fitted = {tally, strengths};
	int			n = tally->num_models;
	double	   *squares = full_matrix(n);

	covariance->product = full_matrix(n);
	voters_gradient_squares(voters, battle_residual, &fitted, n, squares);
	multiply_full(squares, covariance->inverse, covariance->product, n);
	pfree(squares);
	return covariance;
}

/*
 * A covariance that is known, as a full matrix, which it takes.
 */
Covariance *
covariance_of_matrix(double *matrix, int num_models)
{
	Covariance *covariance = palloc0(sizeof(Covariance));

	covariance->num_models = num_models;
	covariance->known = matrix;
	return covariance;
}

/*
 * Copy some columns of the inverse of H, less what the mean of the models that fix the
 * scale is in each row.  Columns that are missing are zero.
 */
static void
copy_columns(const Covariance *covariance, int begin, const double *means, double *columns)
{
	int			n = covariance->num_models;
	int			width = Min(COLUMNS_AT_ONCE, n - begin);

	memset(columns, 0, sizeof(double) * n * COLUMNS_AT_ONCE);
	for (Size k = 0; k < (Size) n; k++)
		for (int i = 0; i < width; i++)
			columns[k * COLUMNS_AT_ONCE + i] =
				covariance->inverse[k * n + begin + i] - means[k];
}

/*
 * Variances by battle: for each pair, its weight times the square of what its models
 * differ by in a column.
 */
static void
sum_squares(const Covariance *covariance, const double *columns, double *variances)
{
	const Tally *tally = covariance->tally;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		const double *restrict a = columns + (Size) pair->first * COLUMNS_AT_ONCE;
		const double *restrict b = columns + (Size) pair->second * COLUMNS_AT_ONCE;
		double	   *restrict sums = variances;
		double		weight = covariance->weights[p];

		CHECK_FOR_INTERRUPTS_AT(p);
#pragma omp simd
		for (int i = 0; i < COLUMNS_AT_ONCE; i++)
			sums[i] += weight * (a[i] - b[i]) * (a[i] - b[i]);
	}
}

/*
 * Variances by voter: the sum of the products of a column and what M makes of it.
 */
static void
sum_products(const Covariance *covariance, const double *columns, const double *weights,
			 int begin, double *variances)
{
	int			n = covariance->num_models;
	int			width = Min(COLUMNS_AT_ONCE, n - begin);

	for (Size k = 0; k < (Size) n; k++)
	{
		const double *row = covariance->product + k * n;
		double		mean = dot_product(row, weights, n);

		for (int i = 0; i < width; i++)
			variances[i] += columns[k * COLUMNS_AT_ONCE + i] * (row[begin + i] - mean);
	}
}

/*
 * Variances by a covariance that is known.
 */
static void
known_variances(const Covariance *covariance, const double *weights, int begin,
				double *variances)
{
	int			n = covariance->num_models;
	double	   *with_mean = palloc(sizeof(double) * n);
	double		of_mean;

	for (Size i = 0; i < (Size) n; i++)
		with_mean[i] = dot_product(covariance->known + i * n, weights, n);
	of_mean = dot_product(weights, with_mean, n);
	for (Size i = begin; i < (Size) n && i < (Size) begin + COLUMNS_AT_ONCE; i++)
		variances[i - begin] = covariance->known[i * n + i] - 2 * with_mean[i] + of_mean;
	pfree(with_mean);
}

/*
 * The standard deviations of scores, in points, where the mean of some models fixes the
 * scale.  With w the weights of that mean, the variance of model i's is
 * (e_i - w)' V (e_i - w).
 */
void
covariance_deviations(const Covariance *covariance, const bool *reference,
					  double *deviations)
{
	int			n = covariance->num_models;
	double	   *weights = palloc(sizeof(double) * n);
	double	   *means = palloc(sizeof(double) * n);
	double	   *columns = palloc(sizeof(double) * n * COLUMNS_AT_ONCE);
	int			num_reference = 0;

	for (int i = 0; i < n; i++)
		num_reference += reference[i];
	for (int i = 0; i < n; i++)
		weights[i] = reference[i] ? 1.0 / num_reference : 0;
	for (Size k = 0; k < (Size) n && covariance->inverse; k++)
		means[k] = dot_product(covariance->inverse + k * n, weights, n);
	for (int begin = 0; begin < n; begin += COLUMNS_AT_ONCE)
	{
		double		variances[COLUMNS_AT_ONCE] = {0};

		CHECK_FOR_INTERRUPTS();
		if (covariance->inverse)
			copy_columns(covariance, begin, means, columns);
		if (covariance->known)
			known_variances(covariance, weights, begin, variances);
		else if (covariance->weights)
			sum_squares(covariance, columns, variances);
		else
			sum_products(covariance, columns, weights, begin, variances);
		for (int i = begin; i < n && i < begin + COLUMNS_AT_ONCE; i++)
			deviations[i] = reference[i] && num_reference == 1 ? 0 :
				POINTS_PER_STRENGTH * sqrt(Max(variances[i - begin], 0));
	}
	pfree(weights);
	pfree(means);
	pfree(columns);
}

/*
 * Add a weight of two models to M, as it is multiplied with the inverse of H.  That
 * takes longer than a product with M does, but where groups of models hang together by
 * a thread it keeps the digits that the sums in M lose.
 */
static void
add_weight(const Covariance *covariance, int first, int second, double weight,
		   double *product)
{
	Size		n = covariance->num_models;
	const double *restrict a = covariance->inverse + first * n;
	const double *restrict b = covariance->inverse + second * n;
	double	   *restrict to_a = product + first * n;
	double	   *restrict to_b = product + second * n;

#pragma omp simd
	for (Size i = 0; i < n; i++)
	{
		double		flow = weight * (a[i] - b[i]);

		to_a[i] += flow;
		to_b[i] -= flow;
	}
}

/*
 * M times the inverse of H, every battle standing for itself.
 */
static double *
multiply_weights(const Covariance *covariance)
{
	const Tally *tally = covariance->tally;
	Size		n = covariance->num_models;
	double	   *product = full_matrix(n);

	memset(product, 0, sizeof(double) * n * n);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		CHECK_FOR_INTERRUPTS_AT(p * 64);
		add_weight(covariance, tally->pairs[p].first, tally->pairs[p].second,
				   covariance->weights[p], product);
	}
	return product;
}

/*
 * The covariance itself as a full matrix, of which only variances of differences mean
 * anything.
 */
double *
covariance_matrix(Covariance *covariance)
{
	Size		n = covariance->num_models;
	double	   *matrix = full_matrix(n);

	if (covariance->known)
	{
		memcpy(matrix, covariance->known, sizeof(double) * n * n);
		return matrix;
	}
	if (covariance->product == NULL)
		covariance->product = multiply_weights(covariance);
	multiply_full(covariance->inverse, covariance->product, matrix,
				  covariance->num_models);
	return matrix;
}

int
covariance_num_models(const Covariance *covariance)
{
	return covariance->num_models;
}

void
covariance_free(Covariance *covariance)
{
	if (covariance->known)
		pfree(covariance->known);
	if (covariance->inverse)
		pfree(covariance->inverse);
	if (covariance->weights)
		pfree(covariance->weights);
	if (covariance->product)
		pfree(covariance->product);
	pfree(covariance);
}
