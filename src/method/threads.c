/*-------------------------------------------------------------------------
 *
 * threads.c
 *	  Do battles tie the models together by more than a thread?
 *
 * A climb sees models, and the sums of what their battles give.  Where some are tied to
 * each other by much and to the rest by nearly nothing, that is lost in the rounding of
 * the sums, and the climb may end where it should not.  So it is believed only if pairs
 * that curve the likelihood by at least a certain part of what a model does, where it
 * ended, tie all models together.
 *
 * A replicate that starts from the data's Hessian may have lost what tied it, and then
 * that Hessian knows nothing of it.  To be quick it must be tied by a certain part of
 * what the data are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

/* The part of the most that a model curves the likelihood */
#define LEAST_TIE			1e-10

/* By which part of what ties the data together a replicate must be, to be quick */
#define LEAST_TIE_LEFT		(1.0 / 64)

struct Threads
{
	const Tally *tally;
	double		prior_battles;
	double		least_tie;		/* curvature of a pair */
	double		least_tie_left; /* of a replicate, to be quick */
	int		   *groups;			/* workspace, one more than models */
};

Threads *
threads_create(const Tally *tally, double prior_battles)
{
	Threads    *threads = palloc0(sizeof(Threads));

	threads->tally = tally;
	threads->prior_battles = prior_battles;
	threads->groups = palloc(sizeof(int) * (tally->num_models + 1));
	return threads;
}

/* The group of a model: each leads to another of its group, but one to itself */
static int
find_group(int *groups, int i)
{
	while (groups[i] != i)
		i = groups[i] = groups[groups[i]];
	return i;
}

/* Put two models into one group.  Returns how many groups that takes away. */
static int
join_groups(int *groups, int i, int j)
{
	i = find_group(groups, i);
	j = find_group(groups, j);
	groups[i] = j;
	return i != j;
}

/*
 * Do pairs that curve the likelihood by at least so much tie together all models
 * (that are placed)?  As a rule, the first few pairs tell.
 */
static bool
are_tied_by(const Threads *threads, PairPoints points, const bool *placed,
			const double *strengths, double least)
{
	const Tally *tally = threads->tally;
	int		   *groups = threads->groups;
	int			n = tally->num_models;
	int			num_groups = 0;
	double		shift;

	for (int i = 0; i <= n; i++)
	{
		groups[i] = i;
		num_groups += i < n && (placed == NULL || placed[i]);
	}
	for (int p = 0; p < tally->num_pairs && num_groups > 1; p++)
	{
		const Pair *pair = &tally->pairs[p];
		double		battles = points.first[p] + points.second[p];
		double		ahead = strengths[pair->first] - strengths[pair->second];

		CHECK_FOR_INTERRUPTS_AT(p);
		if (battles >= 4 * least && curvature_of(battles, ahead) >= least)
			num_groups -= join_groups(groups, pair->first, pair->second);
	}
	if (num_groups == 1 || !(threads->prior_battles > 0))
		return num_groups == 1;

	/* the virtual opponent of a prior is one more group */
	shift = best_shift(strengths, n);
	for (int i = 0; i < n; i++)
		if (curvature_of(threads->prior_battles, strengths[i] + shift) >= least)
			num_groups -= join_groups(groups, i, n);
	return num_groups == 0;
}

/*
 * The same for a replicate, by as much as must be; or to be quick, by more.
 */
bool
are_tied(const Threads *threads, PairPoints points, const bool *placed,
		 const double *strengths, bool to_be_quick)
{
	return are_tied_by(threads, points, placed, strengths,
					   to_be_quick ? threads->least_tie_left : threads->least_tie);
}

/* The most that a model's battles curve the likelihood, but for the prior */
static double
largest_curvature(const Threads *threads, PairPoints points, const double *strengths)
{
	const Tally *tally = threads->tally;
	double	   *curvatures = palloc0(sizeof(double) * tally->num_models);
	double		largest = 0;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		double		weight = curvature_of(points.first[p] + points.second[p],
										  strengths[pair->first] -
										  strengths[pair->second]);

		CHECK_FOR_INTERRUPTS_AT(p);
		curvatures[pair->first] += weight;
		curvatures[pair->second] += weight;
	}
	for (int i = 0; i < tally->num_models; i++)
		largest = Max(largest, curvatures[i]);
	pfree(curvatures);
	return largest;
}

/*
 * Find by how much all models are tied together at these strengths, and what that
 * asks of replicates.  False when that is too little to believe a climb.
 */
bool
threads_judge(Threads *threads, PairPoints points, const double *strengths)
{
	double		most = largest_curvature(threads, points, strengths);
	double		tie = most;

	threads->least_tie = LEAST_TIE * most;
	while (tie >= threads->least_tie &&
		   !are_tied_by(threads, points, NULL, strengths, tie))
		tie /= 4;
	threads->least_tie_left = LEAST_TIE_LEFT * tie;
	return tie >= threads->least_tie;
}
