/*-------------------------------------------------------------------------
 *
 * fit.c
 *	  Strengths at the maximum of the likelihood.
 *
 * The log-likelihood is concave, and strictly so across the contrasts of
 * models that can be compared.  Two climbs lead to its maximum:
 *
 * The point estimate takes Newton steps, and between two of them up to
 * STEPS_BETWEEN quasi-Newton steps, which cost next to nothing beside the
 * factorization of a Hessian.  It ends with a Newton step, from a Hessian of
 * the very place, that moves no score by more than POINT_TOLERANCE.
 *
 * A bootstrap replicate starts at the point estimate and takes quasi-Newton
 * steps, by the one Hessian that the point estimate left: a limited-memory
 * BFGS (quasi_newton.c) whose initial matrix is its inverse.  As the
 * Hessian of a resample differs little from that of the data, five or six steps
 * do where all pairs have met often.  It ends when the remaining distance,
 * extrapolated from the last steps, is well within REPLICATE_TOLERANCE.  Should
 * the steps not contract, the replicate is climbed by Newton steps of its own;
 * and should these fail, by others from equal strengths, as the data are: where it
 * lacks the battles that held a model far out, only a weak prior may be left there,
 * too flat to say the way back.
 *
 * A gradient is a sum, and rounding takes off it.  Where that could move the
 * score of a replicate, as where single battles stand beside 10^10, its gradients
 * are summed with twice the digits, and the quasi-Newton steps are followed by a
 * Newton step, which is sure.  Where curvatures differ by less, but much, or a
 * model may hang on a prior alone, less is extrapolated: the last steps say little
 * of directions in which the likelihood is much flatter.
 *
 * Both climbs see models, and the sums of what their battles give.  Where some are
 * tied to each other by much and to the rest by nearly nothing, that is lost in the
 * rounding of the sums, and steps end that should not.  So neither is believed before
 * all models are seen to be tied together (threads.c).  Where they are not, the climb
 * goes on along a tree (tree.c), which is slower, but loses no digit; of replicates
 * of such data that is the only climb.  The replicate of other data may have lost what
 * tied it, and then steps by a Hessian that knows nothing of it are too short: where
 * it is tied by much less than the data are, Newton steps follow.
 *
 * A step that overshoots is cut.  Of a replicate, where it ends with a slope
 * that points back more than half as steeply as it pointed ahead, at the place
 * where a straight line through both slopes is zero.  Slopes level off far from
 * the maximum, so that is no proof of progress; a replicate whose steps grow
 * gives up and climbs by Newton steps, which are cut until they surely go up.
 *
 * The likelihood does not feel a shift of all strengths together, or with a
 * prior takes the best one by itself (likelihood.c).  So the Hessian is flat in
 * that direction, and a multiple of the matrix of ones is added to it, or one
 * model is held: the gradient is orthogonal to a shift, so steps are unchanged but
 * for a shift.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* Points that the last Newton step may move a score */
#define POINT_TOLERANCE		1e-9

/* Points between a replicate and its maximum, and those aimed at */
#define REPLICATE_TOLERANCE	1e-5
#define REPLICATE_AIM		(0.02 * REPLICATE_TOLERANCE)

/*
 * By how many points a step may change the odds of a pair, when climbing by Newton
 * steps: by a factor of 10^5.  Far out the likelihood may be all but flat; the
 * Hessian then asks for steps of 10^13 points, and rounding would eat the way back.
 */
#define LONGEST_STEP		2000.0

/*
 * A careful step that moves no score by more points needs no proof that it goes up:
 * of a Newton step less than a 10^-5th of the way is left, and a quasi-Newton step
 * that was wrong is made good by the Newton step that follows.
 */
#define SURE_STEP			1e-3

/*
 * Contraction of quasi-Newton steps: never trust a better, or bear a worse.
 * Of a hard fit, only the worst that is borne is trusted.
 */
#define BEST_CONTRACTION	0.1
#define WORST_CONTRACTION	0.5

/* A fit is hard where directions differ in curvature by more than this */
#define EASY_CURVATURES		1e5

#define MAX_NEWTON_STEPS	100
#define STEPS_BETWEEN		12
#define MAX_REPLICATE_STEPS	100
#define MAX_CUTS			1000

struct Fitter
{
	int			num_models;
	double		prior_battles;
	const Tally *tally;
	bool		careful;		/* exact gradients, and no step down */
	bool		rounding_matters;	/* replicates need exact gradients, too */
	bool		hard;			/* of replicates little can be extrapolated */
	Likelihood *likelihood;
	Curvature  *curvature;		/* at the point estimate */
	Curvature  *own_curvature;	/* of a replicate that needed its own */

	/* Whether models hang by threads */
	Threads    *threads;
	bool		by_tree;		/* the data do: replicates climb along trees */
	Tree	   *tree;			/* NULL until something did */

	StepMemory *memory;			/* of quasi-Newton steps */

	/* Workspace, num_models each */
	double	   *gradient;
	double	   *next_gradient;
	double	   *step;
	double	   *next_strengths;
	double	   *middle;			/* of a step */
	double	   *middle_gradient;
	double	   *start;			/* of a replicate */
};

Fitter *
fitter_create(const Tally *tally, double prior_battles)
{
	Fitter	   *fitter = palloc0(sizeof(Fitter));
	Size		size = sizeof(double) * tally->num_models;

	fitter->num_models = tally->num_models;
	fitter->prior_battles = prior_battles;
	fitter->tally = tally;
	fitter->likelihood = likelihood_create(tally, prior_battles);
	fitter->curvature = curvature_create(tally->num_models);
	fitter->memory = memory_create(tally->num_models);
	fitter->gradient = palloc(size);
	fitter->next_gradient = palloc(size);
	fitter->step = palloc(size);
	fitter->next_strengths = palloc(size);
	fitter->middle = palloc(size);
	fitter->middle_gradient = palloc(size);
	fitter->start = palloc(size);
	fitter->threads = threads_create(tally, prior_battles);
	return fitter;
}

/* The largest movement of any score, in points; infinite if one is no number */
static double
largest_move(const double *step, int n)
{
	double		largest = 0;

	for (int i = 0; i < n; i++)
	{
		if (!isfinite(step[i]))
			return INFINITY;
		largest = Max(largest, fabs(step[i]));
	}
	return largest * POINTS_PER_STRENGTH;
}

/*
 * Factor the Hessian at these strengths, the slow way where of the quick one's
 * result too few digits are true (models tied to each other by 2^50 battles and to
 * the rest by three).  False when that does not succeed either.
 */
static bool
factor_hessian(Fitter *fitter, Curvature *curvature, PairPoints points,
			   const double *strengths)
{
	double	   *matrix = curvature_matrix(curvature);

	likelihood_hessian(fitter->likelihood, points, strengths, matrix);
	curvature_fill_flat_directions(curvature);
	if (curvature_factor(curvature))
		return true;
	likelihood_hessian(fitter->likelihood, points, strengths, matrix);
	return curvature_factor_laplacian(curvature);
}

/*
 * Find the next step by the gradient and the remembered steps.  Returns the
 * largest movement of a score in it.
 */
static double
find_step(Fitter *fitter, const Curvature *curvature, const bool *placed)
{
	int			n = fitter->num_models;

	curvature_solve(curvature, memory_bend(fitter->memory, fitter->gradient),
					fitter->step);
	memory_bend_back(fitter->memory, fitter->step);
	for (int i = 0; i < n && placed; i++)
		if (!placed[i])
			fitter->step[i] = 0;
	return largest_move(fitter->step, n);
}

/*
 * The gradient, as exactly as the climb at hand needs it.
 */
static void
find_gradient(Fitter *fitter, PairPoints points, const double *strengths,
			  double *gradient)
{
	if (fitter->careful || fitter->rounding_matters)
		likelihood_exact_gradient(fitter->likelihood, points, strengths, gradient);
	else
		likelihood_gradient(fitter->likelihood, points, strengths, gradient);
}

/*
 * The part of a step that may be taken, given the slopes of the likelihood
 * along it at its begin and end.
 *
 * A careful step goes up for sure: when its end slopes down, the slope half
 * way must be at least as steep upwards.  As slopes only fall, the first half
 * then gains more than the second loses.  Of the shortest steps rounding makes the
 * slopes, so they are not asked.
 */
static double
find_part(Fitter *fitter, PairPoints points, const double *strengths,
		  double slope, double end_slope)
{
	int			n = fitter->num_models;
	double		middle_slope;

	if (!fitter->careful)
	{
		if (!(end_slope < -0.5 * slope))
			return 1;
		return slope > 0 ? Max(slope / (slope - end_slope), 0.05) : 0.05;
	}

	if (!(end_slope < 0) || largest_move(fitter->step, n) < SURE_STEP)
		return 1;
	for (int i = 0; i < n; i++)
		fitter->middle[i] = strengths[i] + fitter->step[i] / 2;
	find_gradient(fitter, points, fitter->middle, fitter->middle_gradient);
	middle_slope = dot_product(fitter->middle_gradient, fitter->step, n);
	if (middle_slope >= -end_slope)
		return 1;
	return middle_slope < 0 ? 0.25 : 0.5;
}

/*
 * Take the step that was found, cut where it overshoots, and find the gradient
 * at its end.
 */
static void
take_step(Fitter *fitter, PairPoints points, double *strengths)
{
	int			n = fitter->num_models;
	double	   *gradient;

	for (int cuts = 0;; cuts++)
	{
		double		slope = dot_product(fitter->gradient, fitter->step, n);
		double		part;

		memcpy(fitter->next_strengths, strengths, sizeof(double) * n);
		add_multiple(fitter->next_strengths, 1, fitter->step, n);
		find_gradient(fitter, points, fitter->next_strengths,
					  fitter->next_gradient);
		part = find_part(fitter, points, strengths, slope,
						 dot_product(fitter->next_gradient, fitter->step, n));
		if (part == 1 || cuts == MAX_CUTS)
			break;
		for (int i = 0; i < n; i++)
			fitter->step[i] *= part;
	}

	memory_remember(fitter->memory, fitter->step, fitter->gradient,
					fitter->next_gradient);
	memcpy(strengths, fitter->next_strengths, sizeof(double) * n);
	gradient = fitter->next_gradient;
	fitter->next_gradient = fitter->gradient;
	fitter->gradient = gradient;
}

/*
 * Take the step that was found, as the last one.
 */
static void
take_last_step(const Fitter *fitter, double *strengths)
{
	for (int i = 0; i < fitter->num_models; i++)
		strengths[i] += fitter->step[i];
}

/*
 * The largest change of the odds of any pair in the step, in points.  With a prior
 * each model has battles against a virtual one, too, which is taken to stay where
 * it is: that may cut a step more than need be.
 */
static double
largest_change_of_odds(const Fitter *fitter)
{
	const Tally *tally = fitter->tally;
	const double *step = fitter->step;
	double		largest = 0;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		largest = Max(largest, fabs(step[pair->first] - step[pair->second]));
	}
	for (int i = 0; i < tally->num_models && fitter->prior_battles > 0; i++)
		largest = Max(largest, fabs(step[i]));
	return largest * POINTS_PER_STRENGTH;
}

/*
 * Find the next step of a climb by Newton steps, no longer than LONGEST_STEP.
 * Returns the largest movement of a score in it.
 */
static double
find_bounded_step(Fitter *fitter, const Curvature *curvature, const bool *placed)
{
	double		move = find_step(fitter, curvature, placed);
	double		change = 2 * move > LONGEST_STEP ? largest_change_of_odds(fitter) : 0;
	double		part = LONGEST_STEP / change;

	if (!(part < 1))
		return move;
	for (int i = 0; i < fitter->num_models; i++)
		fitter->step[i] *= part;
	return move * part;
}

/*
 * Climb by Newton steps, each followed by quasi-Newton steps by the same
 * Hessian, to a Newton step that moves no score by more than tolerance (points).
 * False when that does not lead to the maximum.
 */
static bool
climb_by_newton(Fitter *fitter, Curvature *curvature, PairPoints points,
				const bool *placed, double tolerance, double *strengths)
{
	fitter->careful = true;
	find_gradient(fitter, points, strengths, fitter->gradient);
	for (int newton = 0; newton < MAX_NEWTON_STEPS; newton++)
	{
		double		before;

		if (!factor_hessian(fitter, curvature, points, strengths))
			return false;
		memory_forget(fitter->memory);
		before = find_bounded_step(fitter, curvature, placed);
		if (!isfinite(before))
			return false;
		if (before < tolerance)
		{
			take_last_step(fitter, strengths);
			return true;
		}
		take_step(fitter, points, strengths);

		for (int between = 0; between < STEPS_BETWEEN; between++)
		{
			double		move = find_bounded_step(fitter, curvature, placed);

			/* steps that grow, or are not numbers, have lost their way */
			if (move < tolerance || !(move < 2 * before))
				break;
			before = move;
			take_step(fitter, points, strengths);
		}
	}
	return false;
}

static bool
climb_by_tree(Fitter *fitter, PairPoints points, const bool *placed,
			  double tolerance, double *strengths)
{
	if (fitter->tree == NULL)
		fitter->tree = tree_create(fitter->tally, fitter->prior_battles);
	return tree_climb(fitter->tree, points, placed, tolerance, strengths);
}

static void
report_no_maximum(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("the strengths of the models did not converge"),
			 errdetail("The battles tie some models to the others by so little that their scores cannot be computed exactly."),
			 errhint("Set prior_battles, which ties all models together.")));
}

/*
 * How replicates are to be fitted.  V being the inverse of the Hessian and e_j the
 * battles of model j:
 *
 * What rounding takes off model j's plain gradient is about an epsilon of e_j, and
 * what comes of that moves model i's strength by at most the sum of |V_ij| e_j,
 * where V_ij^2 <= V_ii V_jj.  Could it move a score?
 *
 * Model j's curvature is at most e_j / 4, and there is a direction of no more than
 * 1 / V_ii.  Do the two differ much?
 */
static void
judge_difficulty(Fitter *fitter)
{
	int			n = fitter->num_models;
	double	   *variances = palloc(sizeof(double) * n);
	int64	   *battles = palloc(sizeof(int64) * n);
	double		largest_variance = 0;
	double		largest_curvature = 0;
	double		rounding = 0;

	tally_count_battles(fitter->tally, battles);
	curvature_variances(fitter->curvature, variances);
	for (int i = 0; i < n; i++)
	{
		largest_variance = Max(largest_variance, variances[i]);
		largest_curvature = Max(largest_curvature, battles[i] / 4.0);
		rounding += sqrt(variances[i]) * battles[i] * DBL_EPSILON;
	}
	rounding *= sqrt(largest_variance) * POINTS_PER_STRENGTH;
	fitter->rounding_matters = !(rounding <= REPLICATE_AIM);
	fitter->hard = fitter->prior_battles > 0 ||
		!(largest_curvature * largest_variance <= EASY_CURVATURES);
	pfree(battles);
	pfree(variances);
}

/*
 * The strengths that maximize the likelihood of these points, which must have
 * a maximum.  They start from what strengths holds.  Afterwards replicates can
 * be fitted.
 */
void
fit_maximum(Fitter *fitter, PairPoints points, double *strengths)
{
	Size		size = sizeof(double) * fitter->num_models;

	if (!climb_by_newton(fitter, fitter->curvature, points, NULL, POINT_TOLERANCE,
						 strengths))
		memset(strengths, 0, size);
	else if (threads_judge(fitter->threads, points, strengths))
	{
		curvature_invert(fitter->curvature);
		judge_difficulty(fitter);
		return;
	}
	if (!climb_by_tree(fitter, points, NULL, POINT_TOLERANCE, strengths))
		report_no_maximum();
	fitter->by_tree = true;
}

/*
 * The inverse of the Hessian at the point estimate, as a matrix of the models.  It is
 * flat along a shift of all strengths, so that of the result only differences within
 * rows and columns mean anything.
 */
void
fitter_inverse(Fitter *fitter, PairPoints points, const double *strengths,
			   double *inverse)
{
	if (fitter->by_tree)
	{
		if (!factor_hessian(fitter, fitter->curvature, points, strengths))
			report_no_maximum();
		curvature_invert(fitter->curvature);
	}
	curvature_inverse(fitter->curvature, inverse);
}

/*
 * Climb by quasi-Newton steps alone, by the Hessian of the point estimate.  False
 * when that does not lead to the maximum.
 */
static bool
climb_by_quasi_newton(Fitter *fitter, PairPoints points, const bool *placed,
					  double *strengths)
{
	double		trusted = fitter->hard ? WORST_CONTRACTION : BEST_CONTRACTION;
	double		before = 0;
	double		contraction = 1;

	fitter->careful = false;
	memory_forget(fitter->memory);
	find_gradient(fitter, points, strengths, fitter->gradient);
	for (int steps = 0; steps < MAX_REPLICATE_STEPS; steps++)
	{
		double		move = find_step(fitter, fitter->curvature, placed);
		double		last = before > 0 ? move / before : 1;
		double		slower = Max(Max(last, contraction), trusted);

		/*
		 * The moves still to come, as a geometric series, add up to the rest.
		 * At the limit of rounding they do not get smaller any more.
		 */
		if (move < POINT_TOLERANCE ||
			(slower <= WORST_CONTRACTION &&
			 move * slower / (1 - slower) <= REPLICATE_AIM))
		{
			take_last_step(fitter, strengths);
			return true;
		}
		/* steps that grow, or are not numbers, have lost their way */
		if (!(last < 2))
			return false;
		take_step(fitter, points, strengths);
		before = move;
		contraction = last;
	}
	return false;
}

/*
 * The same as fit_maximum() for a bootstrap replicate, whose strengths start at
 * the point estimate.  placed says which models are to be fitted, NULL: all; pairs
 * with any other must have no points.
 */
void
fit_replicate(Fitter *fitter, PairPoints points, const bool *placed,
			  double *strengths)
{
	Size		size = sizeof(double) * fitter->num_models;

	memcpy(fitter->start, strengths, size);
	if (!fitter->by_tree)
	{
		if (!climb_by_quasi_newton(fitter, points, placed, strengths))
			memcpy(strengths, fitter->start, size);
		else if (!fitter->rounding_matters &&
				 are_tied(fitter->threads, points, placed, strengths, true))
			return;

		if (fitter->own_curvature == NULL)
			fitter->own_curvature = curvature_create(fitter->num_models);
		if (!climb_by_newton(fitter, fitter->own_curvature, points, placed,
							 REPLICATE_AIM, strengths))
			memset(strengths, 0, size);
		else if (are_tied(fitter->threads, points, placed, strengths, false))
			return;
	}
	if (climb_by_tree(fitter, points, placed, REPLICATE_AIM, strengths))
		return;
	memset(strengths, 0, size);
	if (!climb_by_tree(fitter, points, placed, REPLICATE_AIM, strengths))
		report_no_maximum();
}
