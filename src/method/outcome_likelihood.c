/*-------------------------------------------------------------------------
 *
 * outcome_likelihood.c
 *	  The log-likelihood of outcomes where more than strengths decides.
 *
 * With s the natural-log strengths, e = s_first - s_second + x'b is by how much the
 * first model is ahead in a battle, x being what is known of it: 1 or -1 for who stood
 * first, and covariates.  The first wins, the second wins and a tie have chances in the
 * proportion
 *
 *	exp(e / 2) : exp(-e / 2) : v
 *
 * (Davidson 1970, with position Davidson and Beaver 1977).  With v = 0 a tie is half a
 * win for either, as in the plain model (likelihood.c), and tells nothing more.  Of a
 * cell let a and b be the points that its sides took, a tie being half a point, and p,
 * q and t the three chances, P = p + t/2 and Q = q + t/2; d = ln v.  Then
 *
 *	dl/de = a Q - b P,					-d2l/de2 = (a + b) (p q + t (p + q) / 4)
 *	dl/dd = ties - sum of (a + b) t,	-d2l/de dd = (a + b) t (q - p) / 2
 *										-d2l/dd2 = (a + b) t (1 - t)
 *
 * so that of the battles only points and the number of all ties are asked.
 *
 * A prior adds virtual battles against one opponent, of free strength, which stands
 * behind the models.  They have neither ties nor a first place.
 *
 * Layout: the parameters are the strengths, that of the virtual opponent if there is
 * one, then position, covariates and d, as far as they are asked for.  Cells of two
 * sides stand as two rows of pairs, those in which the second model stood first being
 * the second row.  As in likelihood.c runs of pairs are walked with unit stride, and
 * worths save exponentials; where there are covariates, each cell needs one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* exp() of this is far from overflow */
#define MAX_SPREAD 600.0

struct OutcomeLikelihood
{
	const OutcomeCells *cells;
	ModelTerms	terms;
	double		prior_battles;
	int			num_models;
	int			num_nodes;		/* with the virtual opponent */
	int			num_slopes;		/* position and covariates */
	int			num_terms;		/* these and d */
	int			num_runs;
	PairRun    *runs;			/* of the pairs; none where there are
								 * covariates */
	double	   *roots;			/* of worths */
	double	   *first;			/* of the pairs of one run: chances of
								 * outcomes */
	double	   *second;
	double	   *tie;
};

OutcomeLikelihood *
outcome_likelihood_create(const OutcomeCells *cells, ModelTerms terms,
						  double prior_battles)
{
	OutcomeLikelihood *likelihood = palloc0(sizeof(OutcomeLikelihood));
	int			n = cells->tally->num_models;

	likelihood->cells = cells;
	likelihood->terms = terms;
	likelihood->prior_battles = prior_battles;
	likelihood->num_models = n;
	likelihood->num_nodes = n + (prior_battles > 0);
	likelihood->num_slopes = terms.position + terms.num_covariates;
	likelihood->num_terms = likelihood->num_slopes + (terms.ties == TIES_DAVIDSON);
	if (cells->x == NULL)
		likelihood->runs = find_pair_runs(cells->pairs, &likelihood->num_runs);
	likelihood->roots = palloc(sizeof(double) * n);
	likelihood->first = palloc(sizeof(double) * n);
	likelihood->second = palloc(sizeof(double) * n);
	likelihood->tie = palloc(sizeof(double) * n);
	return likelihood;
}

int
outcome_num_nodes(const OutcomeLikelihood *likelihood)
{
	return likelihood->num_nodes;
}

int
outcome_num_terms(const OutcomeLikelihood *likelihood)
{
	return likelihood->num_terms;
}

/*
 * The odds of a tie, v.
 */
static double
tie_odds(const OutcomeLikelihood *likelihood, const double *parameters)
{
	return likelihood->terms.ties == TIES_DAVIDSON ?
		exp(parameters[likelihood->num_nodes + likelihood->num_slopes]) : 0;
}

/*
 * The chances of a battle in which the first model is so far ahead, in natural logs.
 */
OutcomeChances
outcome_chances(double ahead, double ties)
{
	double		root = exp(-fabs(ahead) / 2);
	double		scale = 1 / (1 + root * root + ties * root);
	OutcomeChances chances;

	chances.first = ahead >= 0 ? scale : root * root * scale;
	chances.second = ahead >= 0 ? root * root * scale : scale;
	chances.tie = ties * root * scale;
	return chances;
}

/*
 * Compute the roots of worths; false when parameters are too far apart for them.
 */
static bool
find_roots(OutcomeLikelihood *likelihood, const double *parameters)
{
	double		lowest = parameters[0];
	double		highest = parameters[0];
	double		middle;

	for (int i = 1; i < likelihood->num_models; i++)
	{
		lowest = Min(lowest, parameters[i]);
		highest = Max(highest, parameters[i]);
	}
	if (!(highest - lowest <= MAX_SPREAD))
		return false;
	for (int k = 0; k < likelihood->num_terms; k++)
		if (!(fabs(parameters[likelihood->num_nodes + k]) <= MAX_SPREAD / 4))
			return false;

	middle = (lowest + highest) / 2;
	for (int i = 0; i < likelihood->num_models; i++)
		likelihood->roots[i] = exp((parameters[i] - middle) / 2);
	return true;
}

/*
 * By how much the first model of a pair is ahead for standing where it stands: on
 * side 0 it stood first.
 */
static double
side_lead(const OutcomeLikelihood *likelihood, int side, const double *parameters)
{
	double		position = likelihood->terms.position ?
		parameters[likelihood->num_nodes] : 0;

	return side == 0 ? position : -position;
}

/*
 * What the pairs of a run give by one side: to the gradient of the first model, which is
 * returned, off those of the others; and to *num_ties the ties that were to be.
 */
static double
share_surplus(const OutcomeLikelihood *likelihood, const PairRun *run, int cell,
			  PairPoints points, double lead, double ties, double *gradient,
			  double *num_ties)
{
	const double *restrict a = points.first + cell;
	const double *restrict b = points.second + cell;
	const double *restrict roots = likelihood->roots + run->second;
	double	   *restrict others = gradient + run->second;
	double		own = likelihood->roots[run->first];
	double		first = own * own * exp(lead);
	double		half_tie = ties * own * exp(lead / 2) / 2;
	double		sum = 0;
	double		tied = 0;

#pragma omp simd reduction(+:sum, tied)
	for (int t = 0; t < run->length; t++)
	{
		double		second = roots[t] * roots[t];
		double		tie = half_tie * roots[t];
		double		scale = 1 / (first + second + 2 * tie);
		double		surplus = (a[t] * (second + tie) - b[t] * (first + tie)) * scale;

		others[t] -= surplus;
		sum += surplus;
		tied += (a[t] + b[t]) * tie * scale;
	}
	*num_ties += 2 * tied;
	return sum;
}

/*
 * The same where parameters are too far apart for worths.
 */
static double
share_surplus_far_apart(const PairRun *run,
						int cell, PairPoints points, const double *parameters,
						double lead, double ties, double *gradient, double *num_ties)
{
	double		sum = 0;

	for (int t = 0; t < run->length; t++)
	{
		double		a = points.first[cell + t];
		double		b = points.second[cell + t];
		OutcomeChances chances = outcome_chances(parameters[run->first] -
												 parameters[run->second + t] + lead, ties);
		double		surplus = a * (chances.second + chances.tie / 2) -
			b * (chances.first + chances.tie / 2);

		gradient[run->second + t] -= surplus;
		sum += surplus;
		*num_ties += (a + b) * chances.tie;
	}
	return sum;
}

/*
 * The gradient from runs of pairs.  Returns the ties that were to be.
 */
static double
gradient_of_runs(OutcomeLikelihood *likelihood, PairPoints points,
				 const double *parameters, double *gradient)
{
	const OutcomeCells *cells = likelihood->cells;
	double		ties = tie_odds(likelihood, parameters);
	bool		by_worths = find_roots(likelihood, parameters);
	double		num_ties = 0;

	for (int side = 0; side < cells->num_sides; side++)
	{
		double		lead = side_lead(likelihood, side, parameters);
		int			begin = side * cells->pairs->num_pairs;
		double		all = 0;

		for (int r = 0; r < likelihood->num_runs; r++)
		{
			const PairRun *run = &likelihood->runs[r];
			double		sum = by_worths ?
				share_surplus(likelihood, run, begin + run->pair, points, lead, ties,
							  gradient, &num_ties) :
				share_surplus_far_apart(run, begin + run->pair, points,
										parameters, lead, ties, gradient, &num_ties);

			gradient[run->first] += sum;
			all += sum;
		}
		if (likelihood->terms.position)
			gradient[likelihood->num_nodes] += side == 0 ? all : -all;
	}
	return num_ties;
}

/*
 * By how much the first model of a cell with covariates is ahead.
 */
static double
cell_lead(const OutcomeLikelihood *likelihood, int cell, const double *parameters)
{
	const Pair *pair = &likelihood->cells->tally->pairs[cell];
	const double *x = likelihood->cells->x + (Size) cell * likelihood->num_slopes;
	const double *slopes = parameters + likelihood->num_nodes;
	double		ahead = parameters[pair->first] - parameters[pair->second];

	for (int k = 0; k < likelihood->num_slopes; k++)
		ahead += x[k] * slopes[k];
	return ahead;
}

/*
 * The gradient from cells with covariates.  Returns the ties that were to be.
 */
static double
gradient_of_cells(OutcomeLikelihood *likelihood, PairPoints points,
				  const double *parameters, double *gradient)
{
	const Tally *tally = likelihood->cells->tally;
	double		ties = tie_odds(likelihood, parameters);
	double	   *slopes = gradient + likelihood->num_nodes;
	double		num_ties = 0;

	for (int c = 0; c < tally->num_pairs; c++)
	{
		const Pair *pair = &tally->pairs[c];
		const double *x = likelihood->cells->x + (Size) c * likelihood->num_slopes;
		double		a = points.first[c];
		double		b = points.second[c];
		OutcomeChances chances;
		double		surplus;

		CHECK_FOR_INTERRUPTS_AT(c);
		if (a + b == 0)
			continue;
		chances = outcome_chances(cell_lead(likelihood, c, parameters), ties);
		surplus = a * (chances.second + chances.tie / 2) -
			b * (chances.first + chances.tie / 2);
		gradient[pair->first] += surplus;
		gradient[pair->second] -= surplus;
		for (int k = 0; k < likelihood->num_slopes; k++)
			slopes[k] += x[k] * surplus;
		num_ties += (a + b) * chances.tie;
	}
	return num_ties;
}

/*
 * The gradient of the log-likelihood.
 */
void
outcome_gradient(OutcomeLikelihood *likelihood, PairPoints points, double num_ties,
				 const double *parameters, double *gradient)
{
	int			n = likelihood->num_models;
	double		expected;

	CHECK_FOR_INTERRUPTS();
	memset(gradient, 0,
		   sizeof(double) * (likelihood->num_nodes + likelihood->num_terms));
	expected = likelihood->cells->x ?
		gradient_of_cells(likelihood, points, parameters, gradient) :
		gradient_of_runs(likelihood, points, parameters, gradient);
	if (likelihood->terms.ties == TIES_DAVIDSON)
		gradient[likelihood->num_nodes + likelihood->num_slopes] = num_ties - expected;
	for (int i = 0; i < n && likelihood->prior_battles > 0; i++)
	{
		double		surplus = -likelihood->prior_battles / 2 *
			tanh((parameters[i] - parameters[n]) / 2);

		gradient[i] += surplus;
		gradient[n] -= surplus;
	}
}

/*
 * Add what a cell with these chances and so many battles curves.  x is what is known of
 * it.
 */
static inline void
add_cell_curvature(const OutcomeLikelihood *likelihood, const Pair *pair, const double *x,
				   double battles, OutcomeChances chances, OutcomeHessian hessian)
{
	Size		n = likelihood->num_nodes;
	int			num_slopes = likelihood->num_slopes;
	int			q = likelihood->num_terms;
	double		weight = battles * (chances.first * chances.second +
									chances.tie * (chances.first + chances.second) / 4);
	int			lower = Min(pair->first, pair->second);
	int			higher = Max(pair->first, pair->second);

	hessian.strengths[lower * n + higher] -= weight;
	hessian.strengths[lower * n + lower] += weight;
	hessian.strengths[higher * n + higher] += weight;
	for (int k = 0; k < num_slopes; k++)
	{
		hessian.cross[k * n + pair->first] += weight * x[k];
		hessian.cross[k * n + pair->second] -= weight * x[k];
		for (int l = 0; l <= k; l++)
			hessian.terms[k * q + l] += weight * x[k] * x[l];
	}
	if (q > num_slopes)
	{
		double		mixed = battles * chances.tie * (chances.second - chances.first) / 2;

		hessian.cross[num_slopes * n + pair->first] += mixed;
		hessian.cross[num_slopes * n + pair->second] -= mixed;
		for (int l = 0; l < num_slopes; l++)
			hessian.terms[num_slopes * q + l] += mixed * x[l];
		hessian.terms[num_slopes * q + num_slopes] +=
			battles * chances.tie * (1 - chances.tie);
	}
}

/*
 * The chances in the pairs of a run by one side.
 */
static void
find_run_chances(OutcomeLikelihood *likelihood, const PairRun *run, double lead,
				 double ties)
{
	const double *restrict roots = likelihood->roots + run->second;
	double		own = likelihood->roots[run->first];
	double		first = own * own * exp(lead);
	double		tie = ties * own * exp(lead / 2);
	double	   *restrict to_first = likelihood->first;
	double	   *restrict to_second = likelihood->second;
	double	   *restrict to_tie = likelihood->tie;

#pragma omp simd
	for (int t = 0; t < run->length; t++)
	{
		double		second = roots[t] * roots[t];
		double		scale = 1 / (first + second + tie * roots[t]);

		to_first[t] = first * scale;
		to_second[t] = second * scale;
		to_tie[t] = tie * roots[t] * scale;
	}
}

/*
 * Add what the pairs of a run curve by one side.
 */
static void
add_run_curvature(OutcomeLikelihood *likelihood, const PairRun *run, int side,
				  PairPoints points, const double *parameters, bool by_worths,
				  OutcomeHessian hessian)
{
	double		lead = side_lead(likelihood, side, parameters);
	double		ties = tie_odds(likelihood, parameters);
	double		x = side == 0 ? 1 : -1;
	int			cell = side * likelihood->cells->pairs->num_pairs + run->pair;

	if (by_worths)
		find_run_chances(likelihood, run, lead, ties);
	for (int t = 0; t < run->length; t++)
	{
		Pair		pair = {.first = run->first,.second = run->second + t};
		OutcomeChances chances = {
			likelihood->first[t], likelihood->second[t], likelihood->tie[t]
		};

		if (!by_worths)
			chances = outcome_chances(parameters[pair.first] - parameters[pair.second] + lead,
									  ties);
		add_cell_curvature(likelihood, &pair, &x,
						   points.first[cell + t] + points.second[cell + t], chances,
						   hessian);
	}
}

/*
 * Add what the virtual battles of a prior curve.
 */
static void
add_prior_curvature(const OutcomeLikelihood *likelihood, const double *parameters,
					double *matrix)
{
	Size		n = likelihood->num_models;

	for (Size i = 0; i < n; i++)
	{
		double		weight = curvature_of(likelihood->prior_battles,
										  parameters[i] - parameters[n]);

		matrix[i * (n + 1) + n] -= weight;
		matrix[i * (n + 1) + i] += weight;
		matrix[n * (n + 1) + n] += weight;
	}
}

/*
 * The negative of the Hessian in three parts: the lower triangle of that of strengths,
 * column-major; for each term what it has with each strength; and that of terms, of
 * which the lower triangle is filled.
 */
void
outcome_hessian(OutcomeLikelihood *likelihood, PairPoints points,
				const double *parameters, OutcomeHessian hessian)
{
	const OutcomeCells *cells = likelihood->cells;
	Size		n = likelihood->num_nodes;
	Size		q = likelihood->num_terms;
	double		ties = tie_odds(likelihood, parameters);

	CHECK_FOR_INTERRUPTS();
	memset(hessian.strengths, 0, sizeof(double) * n * n);
	memset(hessian.cross, 0, sizeof(double) * n * q);
	memset(hessian.terms, 0, sizeof(double) * q * q);
	if (cells->x == NULL)
	{
		bool		by_worths = find_roots(likelihood, parameters);

		for (int side = 0; side < cells->num_sides; side++)
			for (int r = 0; r < likelihood->num_runs; r++)
			{
				CHECK_FOR_INTERRUPTS_AT(r);
				add_run_curvature(likelihood, &likelihood->runs[r], side, points,
								  parameters, by_worths, hessian);
			}
	}
	for (int c = 0; c < cells->tally->num_pairs && cells->x; c++)
	{
		CHECK_FOR_INTERRUPTS_AT(c);
		add_cell_curvature(likelihood, &cells->tally->pairs[c],
						   cells->x + (Size) c * likelihood->num_slopes,
						   points.first[c] + points.second[c],
						   outcome_chances(cell_lead(likelihood, c, parameters), ties),
						   hessian);
	}
	if (likelihood->prior_battles > 0)
		add_prior_curvature(likelihood, parameters, hessian.strengths);
}

/*
 * What one battle of a cell with an outcome gives to the gradient.  Returns to how many
 * places.
 */
int
outcome_battle_gradient(const OutcomeLikelihood *likelihood, int cell, Outcome outcome,
						const double *parameters, int *places, double *amounts)
{
	const OutcomeCells *cells = likelihood->cells;
	const Pair *pair = &cells->tally->pairs[cell];
	int			side = cells->x == NULL && cell >= cells->pairs->num_pairs;
	double		x_of_side = side == 0 ? 1 : -1;
	const double *x = cells->x ?
		cells->x + (Size) cell * likelihood->num_slopes : &x_of_side;
	double		ahead = cells->x ? cell_lead(likelihood, cell, parameters) :
		parameters[pair->first] - parameters[pair->second] +
		side_lead(likelihood, side, parameters);
	OutcomeChances chances = outcome_chances(ahead, tie_odds(likelihood, parameters));
	double		surplus = (chances.second - chances.first) / 2;
	int			number = 2;

	if (outcome == OUTCOME_FIRST)
		surplus = chances.second + chances.tie / 2;
	else if (outcome == OUTCOME_SECOND)
		surplus = -chances.first - chances.tie / 2;
	places[0] = pair->first;
	amounts[0] = surplus;
	places[1] = pair->second;
	amounts[1] = -surplus;
	for (int k = 0; k < likelihood->num_slopes; k++)
	{
		places[number] = likelihood->num_nodes + k;
		amounts[number++] = x[k] * surplus;
	}
	if (likelihood->num_terms > likelihood->num_slopes)
	{
		places[number] = likelihood->num_nodes + likelihood->num_slopes;
		amounts[number++] = (outcome == OUTCOME_TIE) - chances.tie;
	}
	return number;
}

/*
 * The log-likelihood itself, but for the prior.
 */
double
outcome_log_likelihood(const OutcomeLikelihood *likelihood, const double *parameters)
{
	const OutcomeCells *cells = likelihood->cells;
	double		ties = tie_odds(likelihood, parameters);
	double		sum = 0;

	for (int c = 0; c < cells->tally->num_pairs; c++)
	{
		const Pair *pair = &cells->tally->pairs[c];
		const int64 *count = pair->count;
		double		ahead = cells->x ? cell_lead(likelihood, c, parameters) :
			parameters[pair->first] - parameters[pair->second] +
			side_lead(likelihood, c >= cells->pairs->num_pairs, parameters);
		OutcomeChances chances = outcome_chances(ahead, ties);

		if (count[OUTCOME_FIRST] > 0)
			sum += count[OUTCOME_FIRST] * log(chances.first);
		if (count[OUTCOME_SECOND] > 0)
			sum += count[OUTCOME_SECOND] * log(chances.second);
		if (count[OUTCOME_TIE] > 0)
			sum += count[OUTCOME_TIE] * (likelihood->terms.ties == TIES_DAVIDSON ?
										 log(chances.tie) :
										 (log(chances.first) + log(chances.second)) / 2);
	}
	return sum;
}
