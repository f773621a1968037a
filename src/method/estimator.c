/*-------------------------------------------------------------------------
 *
 * estimator.c
 *	  Which of the terms that are asked for can be fitted, of the battles and of each
 *	  replicate.
 *
 * Where the battles do not bound a term (separation.c), the others are fitted without
 * it: without ties of their own, a tie is half a win again; without position nobody
 * gains by standing first.  A replicate likewise: its term counts as infinite, with the
 * sign of the way that it went.  If no term is left, the plain fit (fit.c) is what
 * remains.  Covariates that the battles do not bound are an error (unbounded.c); a replicate
 * that does not is fitted without any of them.
 *
 * Regressions of fewer terms are made when the first replicate needs one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

struct Estimator
{
	OutcomeCells *cells;
	ModelTerms	terms;
	double		prior_battles;
	PairPoints	points;			/* of the cells, in all battles */
	PairPoints	of_pairs;		/* of pairs, in a replicate */
	const int  *pair_of_cell;	/* where there are covariates */
	Estimator  *without;		/* these; NULL: not needed yet */
	PairPoints	points_without; /* of its cells, in a replicate */
	double		terms_without[2];	/* what it found */
	Regression *with[2][2];		/* position, and ties; NULL: not needed yet */
	Fitter	   *plain;			/* likewise */
};

static const char *const tie_model_names[] = {"half", "davidson"};

/*
 * How ties are taken, as users say it.
 */
TieModel
parse_tie_model(const char *name)
{
	for (int model = 0; model < (int) lengthof(tie_model_names); model++)
		if (strcmp(name, tie_model_names[model]) == 0)
			return (TieModel) model;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("tie_model must be half or davidson, not \"%s\"", name)));
}

const char *
tie_model_name(TieModel model)
{
	return tie_model_names[model];
}

/*
 * Why a term was left out that was asked for, NULL: it was not.
 */
const char *
why_no_position(Separation separation)
{
	if (separation.position == 0)
		return NULL;
	return "the battles do not bound what standing first is worth";
}

const char *
why_no_ties(Separation separation)
{
	if (separation.ties == 0)
		return NULL;
	return separation.ties < 0 ? "there are no ties" :
		"the battles do not bound how often ties are";
}

bool
any_terms(ModelTerms terms)
{
	return terms.position || terms.ties == TIES_DAVIDSON || terms.num_covariates > 0;
}

/*
 * How many terms there are.
 */
int
terms_number(ModelTerms terms)
{
	return terms.position + terms.num_covariates + (terms.ties == TIES_DAVIDSON);
}

/*
 * The pairs of a tally, once with the battles in which the first model stood first and
 * once with the others.
 */
static Tally *
pairs_by_side(const Tally *pairs)
{
	Tally	   *cells = palloc0(sizeof(Tally));
	int			n = pairs->num_pairs;

	cells->num_models = pairs->num_models;
	cells->num_battles = pairs->num_battles;
	cells->num_pairs = 2 * n;
	cells->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
										  mul_size(mul_size(n, 2) + 1, sizeof(Pair)));
	for (int p = 0; p < n; p++)
	{
		const Pair *pair = &pairs->pairs[p];
		Pair	   *first = &cells->pairs[p];
		Pair	   *second = &cells->pairs[n + p];

		CHECK_FOR_INTERRUPTS_AT(p);
		*first = *second = *pair;
		for (int i = 0; i < NUM_OUTCOMES; i++)
		{
			first->count[i] = pair->count[i] - pair->turned[i];
			second->count[i] = pair->turned[i];
			first->turned[i] = 0;
		}
	}
	return cells;
}

/*
 * Points, and ties, of the cells in all battles.
 */
static PairPoints
cell_points(const Tally *cells)
{
	PairPoints	points = tally_points(cells);

	points.ties = MemoryContextAllocHuge(CurrentMemoryContext,
										 mul_size(cells->num_pairs + 1, sizeof(double)));
	for (int c = 0; c < cells->num_pairs; c++)
		points.ties[c] = cells->pairs[c].count[OUTCOME_TIE];
	return points;
}

static OutcomeCells *
cells_create(const Tally *pairs, const Covariates *covariates, ModelTerms terms)
{
	OutcomeCells *cells = palloc0(sizeof(OutcomeCells));

	cells->pairs = cells->tally = pairs;
	cells->num_sides = 1;
	if (terms.num_covariates > 0)
	{
		cells->tally = covariates_tally(covariates);
		cells->x = covariates_x(covariates, terms.position);
	}
	else if (terms.position)
	{
		cells->tally = pairs_by_side(pairs);
		cells->num_sides = 2;
	}
	return cells;
}

/*
 * What of these terms can be fitted to these points, whatever covariates are worth.
 * Tells which way the others go to infinity.
 */
static ModelTerms
bounded_terms(const OutcomeCells *cells, ModelTerms terms, PairPoints points,
			  double prior_battles, Separation *separation)
{
	*separation = (Separation)
	{
		0, 0
	};
	if (terms.position && cells->num_sides == 2)
		separation->position = position_separation(cells, points, prior_battles);
	if (separation->position != 0)
		terms.position = false;
	if (terms.ties == TIES_DAVIDSON)
		separation->ties = tie_separation(cells, points, prior_battles, terms.position);
	if (separation->ties != 0)
		terms.ties = TIES_HALF;
	return terms;
}

static ModelTerms
without_covariates(ModelTerms terms)
{
	terms.num_covariates = 0;
	return terms;
}

/*
 * What of these terms can be fitted to the battles of a tally; of covariates see
 * estimator_check_covariates().
 */
ModelTerms
terms_of_battles(const Tally *pairs, ModelTerms terms, double prior_battles,
				 Separation *separation)
{
	const OutcomeCells *cells = cells_create(pairs, NULL, without_covariates(terms));

	return bounded_terms(cells, terms, cell_points(cells->tally), prior_battles,
						 separation);
}

/*
 * Fits these terms, each of which the battles bound.
 */
Estimator *
estimator_create(const Tally *pairs, const Covariates *covariates, ModelTerms terms,
				 double prior_battles)
{
	Estimator  *estimator = palloc0(sizeof(Estimator));

	Assert(any_terms(terms));
	estimator->cells = cells_create(pairs, covariates, terms);
	estimator->terms = terms;
	estimator->prior_battles = prior_battles;
	estimator->points = cell_points(estimator->cells->tally);
	if (terms.num_covariates > 0)
		estimator->pair_of_cell = covariates_pairs(covariates);
	return estimator;
}

const Tally *
estimator_tally(const Estimator *estimator)
{
	return estimator->cells->tally;
}

int
estimator_num_sides(const Estimator *estimator)
{
	return estimator->cells->num_sides;
}

ModelTerms
estimator_terms(const Estimator *estimator)
{
	return estimator->terms;
}

/*
 * The points of pairs, where a replicate has drawn these of cells.
 */
PairPoints
estimator_pair_points(Estimator *estimator, PairPoints points)
{
	int			n = estimator->cells->pairs->num_pairs;

	if (estimator->cells->tally == estimator->cells->pairs)
		return points;
	if (estimator->of_pairs.first == NULL)
		estimator->of_pairs = points_create(n);
	if (estimator->pair_of_cell == NULL)
	{
		add_sides(estimator->cells, points, estimator->of_pairs);
		return estimator->of_pairs;
	}
	memset(estimator->of_pairs.first, 0, sizeof(double) * n);
	memset(estimator->of_pairs.second, 0, sizeof(double) * n);
	for (int c = 0; c < estimator->cells->tally->num_pairs; c++)
	{
		int			p = estimator->pair_of_cell[c];
		const Pair *pair = &estimator->cells->pairs->pairs[p];
		bool		as_pair = estimator->cells->tally->pairs[c].first == pair->first;

		CHECK_FOR_INTERRUPTS_AT(c);
		estimator->of_pairs.first[p] += as_pair ? points.first[c] : points.second[c];
		estimator->of_pairs.second[p] += as_pair ? points.second[c] : points.first[c];
	}
	return estimator->of_pairs;
}

static Regression *
find_regression(Estimator *estimator, ModelTerms terms)
{
	Regression **place = &estimator->with[terms.position][terms.ties];

	if (*place == NULL)
	{
		*place = regression_create(estimator->cells, terms, estimator->prior_battles);
		if (!regression_fit(*place, estimator->points))
			report_terms_without_maximum();
	}
	return *place;
}

/*
 * An error for covariates that cannot be told from strengths and each other, or that the
 * battles do not bound.
 */
void
estimator_check_covariates(Estimator *estimator, const Covariates *covariates)
{
	ModelTerms	terms = estimator->terms;
	Regression *regression = regression_create(estimator->cells, terms,
											   estimator->prior_battles);
	double	   *way = palloc(sizeof(double) * terms_number(terms));
	int			untold = regression_untold_term(regression, estimator->points) - terms.position;

	if (untold >= 0 && untold < terms.num_covariates)
		report_untold_covariate(covariates, untold, terms.position);
	if (find_way_to_infinity(estimator->cells, estimator->points,
							 estimator->prior_battles, terms, way))
		report_unbounded_covariates(covariates, way + terms.position);
	pfree(way);
}

/*
 * The point estimate, NULL when it cannot be found.
 */
const Regression *
estimator_fit(Estimator *estimator)
{
	ModelTerms	terms = estimator->terms;
	Regression *regression = regression_create(estimator->cells, terms,
											   estimator->prior_battles);

	if (!regression_fit(regression, estimator->points))
		return NULL;
	estimator->with[terms.position][terms.ties] = regression;
	return regression;
}

/*
 * The same without any term, in the strengths, which come as the point estimate.
 */
static void
fit_plainly(Estimator *estimator, PairPoints points, const bool *placed, double *strengths)
{
	const Tally *pairs = estimator->cells->pairs;

	if (estimator->plain == NULL)
	{
		double	   *estimate = palloc0(sizeof(double) * pairs->num_models);

		estimator->plain = fitter_create(pairs, estimator->prior_battles);
		fit_maximum(estimator->plain, tally_points(pairs), estimate);
		pfree(estimate);
	}
	fit_replicate(estimator->plain, estimator_pair_points(estimator, points), placed,
				  strengths);
}

/*
 * The points of a replicate by pairs, and sides as far as these are told apart, where it
 * has drawn those of cells with covariates.
 */
static PairPoints
points_without_covariates(Estimator *estimator, PairPoints points)
{
	const OutcomeCells *cells = estimator->without->cells;
	int			num_pairs = cells->pairs->num_pairs;
	Size		size = sizeof(double) * cells->tally->num_pairs;
	PairPoints	sums = estimator->points_without;

	memset(sums.first, 0, size);
	memset(sums.second, 0, size);
	if (points.ties)
		memset(sums.ties, 0, size);
	else
		sums.ties = NULL;
	for (int c = 0; c < estimator->cells->tally->num_pairs; c++)
	{
		int			p = estimator->pair_of_cell[c];
		bool		as_pair = estimator->cells->tally->pairs[c].first ==
			cells->pairs->pairs[p].first;
		int			place = as_pair || cells->num_sides == 1 ? p : num_pairs + p;

		CHECK_FOR_INTERRUPTS_AT(c);
		sums.first[place] += as_pair ? points.first[c] : points.second[c];
		sums.second[place] += as_pair ? points.second[c] : points.first[c];
		if (points.ties)
			sums.ties[place] += points.ties[c];
	}
	return sums;
}

/*
 * Fit a replicate without covariates, of which it says nothing.
 */
static void
fit_without_covariates(Estimator *estimator, PairPoints points, const bool *placed,
					   double *strengths, double *terms)
{
	ModelTerms	others = without_covariates(estimator->terms);
	int			num_slopes = others.position + estimator->terms.num_covariates;

	for (int k = others.position; k < num_slopes; k++)
		terms[k] = NAN;
	if (!any_terms(others))
	{
		fit_plainly(estimator, points, placed, strengths);
		return;
	}
	if (estimator->without == NULL)
	{
		estimator->without = estimator_create(estimator->cells->pairs, NULL, others,
											  estimator->prior_battles);
		estimator->points_without = cell_points(estimator->without->cells->tally);
	}
	estimator_fit_replicate(estimator->without, points_without_covariates(estimator, points),
							placed, strengths, estimator->terms_without);
	if (others.position)
		terms[0] = estimator->terms_without[0];
	if (others.ties == TIES_DAVIDSON)
		terms[num_slopes] = estimator->terms_without[others.position];
}

/*
 * Fit a replicate: its strengths, which come as the point estimate, and terms.  Those
 * that it does not bound are infinite; where it says nothing of covariates, NAN.
 */
void
estimator_fit_replicate(Estimator *estimator, PairPoints points, const bool *placed,
						double *strengths, double *terms)
{
	int			n = estimator->cells->pairs->num_models;
	int			num_slopes = estimator->terms.position + estimator->terms.num_covariates;
	Separation	separation;
	ModelTerms	bounded = bounded_terms(estimator->cells, estimator->terms, points,
										estimator->prior_battles, &separation);
	Regression *regression = any_terms(bounded) ?
		find_regression(estimator, bounded) : NULL;
	const double *found;

	if (regression && !regression_fit_replicate(regression, points, placed))
	{
		if (bounded.num_covariates == 0)
			report_terms_without_maximum();
		fit_without_covariates(estimator, points, placed, strengths, terms);
		return;
	}
	if (regression == NULL)
		fit_plainly(estimator, points, placed, strengths);
	else
		memcpy(strengths, regression_parameters(regression), sizeof(double) * n);

	found = regression ? regression_parameters(regression) + regression_num_nodes(regression) : NULL;
	if (estimator->terms.position)
		terms[0] = bounded.position ? (found ? *found++ : NAN) :
			separation.position * (double) INFINITY;
	for (int k = estimator->terms.position; k < num_slopes; k++)
		terms[k] = found ? *found++ : NAN;
	if (estimator->terms.ties == TIES_DAVIDSON)
		terms[num_slopes] = bounded.ties == TIES_DAVIDSON ? (found ? *found : NAN) :
			separation.ties * (double) INFINITY;
}
