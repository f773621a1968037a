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
 * Time: a pass over all models for each pair of them that has met.
 * Memory: two full matrices, or with covariance_matrix() three.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

struct Covariance
{
	int			num_models;
	double	   *inverse;		/* of H */
	double	   *product;		/* M times that */
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

/*
 * Add a weight of two models to M, as it is multiplied with the inverse of H.  That
 * takes longer than a product with M does, but where groups of models hang together by
 * a thread it keeps the digits that the sums in M lose.
 */
static void
add_weight(const Covariance *covariance, int first, int second, double weight)
{
	Size		n = covariance->num_models;
	const double *restrict a = covariance->inverse + first * n;
	const double *restrict b = covariance->inverse + second * n;
	double	   *restrict to_a = covariance->product + first * n;
	double	   *restrict to_b = covariance->product + second * n;

#pragma omp simd
	for (Size i = 0; i < n; i++)
	{
		double		flow = weight * (a[i] - b[i]);

		to_a[i] += flow;
		to_b[i] -= flow;
	}
}

/*
 * The covariance of strengths where the fitter has put them, every battle standing for
 * itself.
 */
Covariance *
covariance_by_battle(Fitter *fitter, const Tally *tally, PairPoints points,
					 const double *strengths)
{
	Covariance *covariance = palloc(sizeof(Covariance));
	int			n = tally->num_models;

	covariance->num_models = n;
	covariance->inverse = full_matrix(n);
	covariance->product = full_matrix(n);
	fitter_inverse(fitter, points, strengths, covariance->inverse);
	memset(covariance->product, 0, sizeof(double) * n * n);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p * 64);
		add_weight(covariance, pair->first, pair->second,
				   squared_residuals(pair, strengths[pair->first] -
									 strengths[pair->second]));
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
	Covariance *covariance = palloc(sizeof(Covariance));
	int			n = tally->num_models;
	double	   *squares = full_matrix(n);

	covariance->num_models = n;
	covariance->inverse = full_matrix(n);
	covariance->product = full_matrix(n);
	fitter_inverse(fitter, points, strengths, covariance->inverse);
	voters_gradient_squares(voters, strengths, squares);
	multiply_full(squares, covariance->inverse, covariance->product, n);
	pfree(squares);
	return covariance;
}

static double
dot(const double *restrict a, const double *restrict b, int n)
{
	double		sum = 0;

#pragma omp simd reduction(+:sum)
	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
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
	double	   *sums = palloc(sizeof(double) * n);
	double	   *own = palloc0(sizeof(double) * n);
	double	   *with_mean = palloc(sizeof(double) * n);
	double		of_mean;
	int			num_reference = 0;

	for (int i = 0; i < n; i++)
		num_reference += reference[i];
	for (int i = 0; i < n; i++)
		weights[i] = reference[i] ? 1.0 / num_reference : 0;
	for (Size k = 0; k < (Size) n; k++)
	{
		const double *restrict inverse = covariance->inverse + k * n;
		const double *restrict product = covariance->product + k * n;

		sums[k] = dot(product, weights, n);
		for (int i = 0; i < n; i++)
			own[i] += inverse[i] * product[i];
	}
	for (Size i = 0; i < (Size) n; i++)
		with_mean[i] = dot(covariance->inverse + i * n, sums, n);
	of_mean = dot(weights, with_mean, n);
	for (int i = 0; i < n; i++)
		deviations[i] = reference[i] && num_reference == 1 ? 0 :
			POINTS_PER_STRENGTH * sqrt(Max(own[i] - 2 * with_mean[i] + of_mean, 0));
	pfree(weights);
	pfree(sums);
	pfree(own);
	pfree(with_mean);
}

/*
 * The covariance itself as a full matrix, of which only variances of differences mean
 * anything.
 */
double *
covariance_matrix(const Covariance *covariance)
{
	double	   *matrix = full_matrix(covariance->num_models);

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
	pfree(covariance->inverse);
	pfree(covariance->product);
	pfree(covariance);
}
