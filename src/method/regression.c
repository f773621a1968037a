/*-------------------------------------------------------------------------
 *
 * regression.c
 *	  Strengths, and what else decides battles, at the maximum of their likelihood.
 *
 * The way is that of fit.c, with a border for the terms (bordered.c): the point estimate
 * climbs by Newton steps, with quasi-Newton steps between two of them; a replicate by
 * quasi-Newton steps, from the Hessian that the point estimate left, and by Newton
 * steps of its own where these do not lead to its maximum.  That there is one has been
 * seen to before (separation.c, unbounded.c); of replicates with covariates only the climb
 * can tell.
 *
 * There is no tree for models that hang by threads: such data, and replicates, are an
 * error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* Points that the last Newton step may move a score, or a term */
#define POINT_TOLERANCE		1e-9

/* Points between a replicate and its maximum that are aimed at */
#define REPLICATE_AIM		2e-7

/* The most that a step may move */
#define LONGEST_STEP		2000.0

/* A step that moves nothing by more needs no proof that it goes up */
#define SURE_STEP			1e-3

/* Contraction of quasi-Newton steps: never trust a better, or bear a worse */
#define BEST_CONTRACTION	0.1
#define WORST_CONTRACTION	0.5

#define MAX_NEWTON_STEPS	100
#define STEPS_BETWEEN		12
#define MAX_REPLICATE_STEPS	60
#define MAX_CUTS			60

struct Regression
{
	const OutcomeCells *cells;
	ModelTerms	terms;
	OutcomeLikelihood *likelihood;
	int			num_models;
	int			num_nodes;
	int			num_terms;
	int			num_parameters;
	Bordered   *bordered;		/* at the point estimate */
	Bordered   *own_bordered;	/* of a replicate that needed its own */
	StepMemory *memory;
	Threads    *threads;
	PairPoints	pair_points;	/* of both sides together */
	double	   *estimate;		/* the point estimate */
	double	   *parameters;		/* of the climb at hand */
	double	   *gradient;
	double	   *next_gradient;
	double	   *step;
	double	   *next;
};

Regression *
regression_create(const OutcomeCells *cells, ModelTerms terms, double prior_battles)
{
	Regression *regression = palloc0(sizeof(Regression));
	Size		size;

	regression->cells = cells;
	regression->terms = terms;
	regression->likelihood = outcome_likelihood_create(cells, terms, prior_battles);
	regression->num_models = cells->tally->num_models;
	regression->num_nodes = outcome_num_nodes(regression->likelihood);
	regression->num_terms = outcome_num_terms(regression->likelihood);
	regression->num_parameters = regression->num_nodes + regression->num_terms;
	regression->bordered = bordered_create(regression->num_nodes, regression->num_terms);
	regression->memory = memory_create(regression->num_parameters);
	regression->threads = threads_create(cells->num_sides == 1 ? cells->tally : cells->pairs,
										 prior_battles);
	size = sizeof(double) * regression->num_parameters;
	regression->estimate = palloc0(size);
	regression->parameters = palloc0(size);
	regression->gradient = palloc(size);
	regression->next_gradient = palloc(size);
	regression->step = palloc(size);
	regression->next = palloc(size);
	return regression;
}

/*
 * Add up the points of cells of two sides as points of their pairs.
 */
void
add_sides(const OutcomeCells *cells, PairPoints points, PairPoints of_pairs)
{
	int			n = cells->pairs->num_pairs;
	double	   *restrict first = of_pairs.first;
	double	   *restrict second = of_pairs.second;

	Assert(cells->num_sides == 2);
#pragma omp simd
	for (int p = 0; p < n; p++)
	{
		first[p] = points.first[p] + points.first[n + p];
		second[p] = points.second[p] + points.second[n + p];
	}
}

/*
 * How many of the battles are ties.
 */
static double
count_ties(const Regression *regression, PairPoints points)
{
	int			num_cells = points.ties ? regression->cells->tally->num_pairs : 0;
	double		sum = 0;

#pragma omp simd reduction(+:sum)
	for (int c = 0; c < num_cells; c++)
		sum += points.ties[c];
	return sum;
}

/* The largest movement of a score or a term, in points; infinite if one is no number */
static double
largest_move(const Regression *regression)
{
	double		largest = 0;

	for (int i = 0; i < regression->num_parameters; i++)
	{
		if (!isfinite(regression->step[i]))
			return INFINITY;
		largest = Max(largest, fabs(regression->step[i]));
	}
	return largest * POINTS_PER_STRENGTH;
}

/*
 * Factor the Hessian at the parameters of the climb.  False where that does not
 * succeed.
 */
static bool
factor_hessian(Regression *regression, Bordered *bordered, PairPoints points)
{
	Curvature  *curvature = bordered_curvature(bordered);

	outcome_hessian(regression->likelihood, points, regression->parameters,
					bordered_hessian(bordered));
	curvature_fill_flat_directions(curvature);
	if (!curvature_factor(curvature))
	{
		outcome_hessian(regression->likelihood, points, regression->parameters,
						bordered_hessian(bordered));
		if (!curvature_factor_laplacian(curvature))
			return false;
	}
	return bordered_factor_terms(bordered) < 0;
}

/*
 * Find the next step, of models that are placed, NULL: of all.  Returns the largest
 * movement in it.
 */
static double
find_step(Regression *regression, const Bordered *bordered, const bool *placed)
{
	bordered_solve(bordered, memory_bend(regression->memory, regression->gradient),
				   regression->step);
	memory_bend_back(regression->memory, regression->step);
	for (int i = 0; i < regression->num_models && placed; i++)
		if (!placed[i])
			regression->step[i] = 0;
	return largest_move(regression);
}

/*
 * The same, no longer than LONGEST_STEP.
 */
static double
find_bounded_step(Regression *regression, const Bordered *bordered, const bool *placed)
{
	double		move = find_step(regression, bordered, placed);

	if (!(move > LONGEST_STEP) || !isfinite(move))
		return move;
	for (int i = 0; i < regression->num_parameters; i++)
		regression->step[i] *= LONGEST_STEP / move;
	return LONGEST_STEP;
}

/*
 * Take the step that was found, cut where it overshoots, and find the gradient at its
 * end.  Slopes only fall along it; where that at the end points back by more than a
 * part of the first one, it is cut where a straight line through both is zero.
 */
static void
take_step(Regression *regression, PairPoints points, double num_ties, double part_back)
{
	int			n = regression->num_parameters;
	double	   *gradient;

	for (int cuts = 0;; cuts++)
	{
		double		slope = dot_product(regression->gradient, regression->step, n);
		double		end_slope;
		double		part;

		memcpy(regression->next, regression->parameters, sizeof(double) * n);
		add_multiple(regression->next, 1, regression->step, n);
		outcome_gradient(regression->likelihood, points, num_ties, regression->next,
						 regression->next_gradient);
		end_slope = dot_product(regression->next_gradient, regression->step, n);
		if (!(end_slope < -part_back * slope) || cuts == MAX_CUTS ||
			largest_move(regression) < SURE_STEP)
			break;
		part = slope > 0 ? Max(slope / (slope - end_slope), 0.05) : 0.05;
		for (int i = 0; i < n; i++)
			regression->step[i] *= part;
	}
	memory_remember(regression->memory, regression->step, regression->gradient,
					regression->next_gradient);
	memcpy(regression->parameters, regression->next, sizeof(double) * n);
	gradient = regression->next_gradient;
	regression->next_gradient = regression->gradient;
	regression->gradient = gradient;
}

/*
 * Climb by Newton steps, each followed by quasi-Newton steps by the same Hessian, to a
 * Newton step that moves nothing by more than a tolerance (points).  False when that
 * does not lead to the maximum.
 */
static bool
climb_by_newton(Regression *regression, Bordered *bordered, PairPoints points,
				const bool *placed, double tolerance)
{
	double		num_ties = count_ties(regression, points);

	outcome_gradient(regression->likelihood, points, num_ties, regression->parameters,
					 regression->gradient);
	for (int newton = 0; newton < MAX_NEWTON_STEPS; newton++)
	{
		double		before;

		if (!factor_hessian(regression, bordered, points))
			return false;
		memory_forget(regression->memory);
		before = find_bounded_step(regression, bordered, placed);
		if (!isfinite(before))
			return false;
		if (before < tolerance)
		{
			add_multiple(regression->parameters, 1, regression->step,
						 regression->num_parameters);
			return true;
		}
		take_step(regression, points, num_ties, 0.1);
		for (int between = 0; between < STEPS_BETWEEN; between++)
		{
			double		move = find_bounded_step(regression, bordered, placed);

			if (move < tolerance || !(move < 2 * before))
				break;
			before = move;
			take_step(regression, points, num_ties, 0.1);
		}
	}
	return false;
}

/*
 * Where a climb begins: with the odds of ties, and of who stood first, that there are
 * among all battles.
 */
static void
choose_start(Regression *regression, PairPoints points)
{
	const OutcomeCells *cells = regression->cells;
	double	   *terms = regression->parameters + regression->num_nodes;
	double		first = 0;
	double		second = 0;
	double		ties = count_ties(regression, points);

	memset(regression->parameters, 0, sizeof(double) * regression->num_parameters);
	for (int c = 0; c < cells->tally->num_pairs; c++)
	{
		bool		turned = cells->x == NULL && c >= cells->pairs->num_pairs;

		first += turned ? points.second[c] : points.first[c];
		second += turned ? points.first[c] : points.second[c];
	}
	if (regression->terms.position && first > 0 && second > 0)
		terms[0] = log(first / second);
	if (regression->terms.ties == TIES_DAVIDSON && ties > 0 && ties < first + second)
		terms[regression->num_terms - 1] = log(2 * ties / (first + second - ties));
}

/*
 * The points of pairs, of both sides together where these are told apart; of cells with
 * covariates, their own.
 */
static PairPoints
both_sides(Regression *regression, PairPoints points)
{
	if (regression->cells->num_sides == 1)
		return points;
	if (regression->pair_points.first == NULL)
		regression->pair_points = points_create(regression->cells->pairs->num_pairs);
	add_sides(regression->cells, points, regression->pair_points);
	return regression->pair_points;
}

/*
 * The term that cannot be told from strengths and the terms before it, or -1: where a
 * climb begins, all battles curve the likelihood alike.
 */
int
regression_untold_term(Regression *regression, PairPoints points)
{
	Bordered   *bordered = regression->bordered;
	Curvature  *curvature = bordered_curvature(bordered);

	choose_start(regression, points);
	outcome_hessian(regression->likelihood, points, regression->parameters,
					bordered_hessian(bordered));
	curvature_fill_flat_directions(curvature);
	if (!curvature_factor(curvature))
		return -1;
	return bordered_factor_terms(bordered);
}

void
report_terms_without_maximum(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("the strengths of the models did not converge with what else is to decide battles"),
			 errdetail("The battles tie some models to the others by so little, or say so little of position, ties or covariates, that it cannot be computed exactly."),
			 errhint("Without adjust_position, tie_model and covariates strengths may converge.")));
}

/*
 * The strengths and terms that maximize the likelihood of these points.  False when
 * there is no maximum that can be found.  Afterwards replicates can be fitted.
 */
bool
regression_fit(Regression *regression, PairPoints points)
{
	choose_start(regression, points);
	if (!climb_by_newton(regression, regression->bordered, points, NULL, POINT_TOLERANCE) ||
		!threads_judge(regression->threads, both_sides(regression, points),
					   regression->parameters))
		return false;
	curvature_invert(bordered_curvature(regression->bordered));
	memcpy(regression->estimate, regression->parameters,
		   sizeof(double) * regression->num_parameters);
	return true;
}

/*
 * Strengths of the models, the virtual opponent of a prior behind them, and terms: of the
 * point estimate, or of the replicate at hand.
 */
const double *
regression_estimate(const Regression *regression)
{
	return regression->estimate;
}

const double *
regression_parameters(const Regression *regression)
{
	return regression->parameters;
}

int
regression_num_nodes(const Regression *regression)
{
	return regression->num_nodes;
}

int
regression_num_terms(const Regression *regression)
{
	return regression->num_terms;
}

const OutcomeLikelihood *
regression_likelihood(const Regression *regression)
{
	return regression->likelihood;
}

/*
 * The inverse of the Hessian at the point estimate, as a matrix of all parameters; or
 * its rows that are of terms.  It is flat along a shift of all strengths.
 */
void
regression_term_rows(const Regression *regression, double *rows)
{
	bordered_term_rows(regression->bordered, rows);
}

void
regression_inverse(const Regression *regression, double *inverse)
{
	bordered_inverse(regression->bordered, inverse);
}

/*
 * Climb by quasi-Newton steps alone, by the Hessian of the point estimate.  False when
 * that does not lead to the maximum.
 */
static bool
climb_by_quasi_newton(Regression *regression, PairPoints points, const bool *placed)
{
	double		num_ties = count_ties(regression, points);
	double		before = 0;
	double		contraction = 1;

	memory_forget(regression->memory);
	outcome_gradient(regression->likelihood, points, num_ties, regression->parameters,
					 regression->gradient);
	for (int steps = 0; steps < MAX_REPLICATE_STEPS; steps++)
	{
		double		move = find_step(regression, regression->bordered, placed);
		double		last = before > 0 ? move / before : 1;
		double		slower = Max(Max(last, contraction), BEST_CONTRACTION);

		if (move < POINT_TOLERANCE ||
			(slower <= WORST_CONTRACTION && move * slower / (1 - slower) <= REPLICATE_AIM))
		{
			add_multiple(regression->parameters, 1, regression->step,
						 regression->num_parameters);
			return true;
		}
		/* steps that grow, or are not numbers, have lost their way */
		if (!(last < 2))
			return false;
		take_step(regression, points, num_ties, 0.5);
		before = move;
		contraction = last;
	}
	return false;
}

/*
 * The same as regression_fit() for a bootstrap replicate.  placed says which models are
 * to be fitted, NULL: all; cells with any other must have no points.
 */
bool
regression_fit_replicate(Regression *regression, PairPoints points, const bool *placed)
{
	Size		size = sizeof(double) * regression->num_parameters;
	PairPoints	of_pairs = both_sides(regression, points);

	memcpy(regression->parameters, regression->estimate, size);
	if (climb_by_quasi_newton(regression, points, placed) &&
		are_tied(regression->threads, of_pairs, placed, regression->parameters, true))
		return true;
	if (regression->own_bordered == NULL)
		regression->own_bordered = bordered_create(regression->num_nodes,
												   regression->num_terms);
	choose_start(regression, points);
	return climb_by_newton(regression, regression->own_bordered, points, placed,
						   REPLICATE_AIM) &&
		are_tied(regression->threads, of_pairs, placed, regression->parameters, false);
}
