/*-------------------------------------------------------------------------
 *
 * bootstrap.c
 *	  Bootstrap replicates of the scores.
 *
 * Every replicate draws the battles anew (resample.c), or those who cast them
 * (voter_draws.c), and is fitted (fit.c).
 *
 * A resample need not have a finite maximum (components.c).  Then the models
 * of its largest component are fitted on the battles among them.  One that is
 * above those counts as +infinity, one below as -infinity; of others the resample
 * says nothing.
 *
 * The scale of a replicate: the mean of the models that fix the scale and are
 * placed in it is that of their point estimates, so that a model missing from
 * a replicate shifts nobody.
 *
 * With an anchor every score has the anchor's doubt in it.  So ranks by significance
 * compare others: those of the same replicates, where the mean of the ranked models
 * fixes the scale.  Of each replicate it is kept by how much the two scales differ.
 *
 * A replicate depends on its number alone, so that several processes may make them
 * (team.c).
 *
 * Memory: 8 bytes for each replicate and model.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* What a replicate is made in and of */
struct Bootstrap
{
	const RankOptions *options;
	const Tally *tally;
	Fitter	   *fitter;			/* of strengths alone, */
	Estimator  *estimator;		/* or else with terms */
	BattleGraph *graph;
	Resampler  *resampler;		/* of battles, */
	VoterDraws *draws;			/* of voters, or NULL: battles are drawn */
	PointEstimate estimate;

	/* Of the replicate at hand */
	PairPoints	points;			/* of what is drawn: pairs, or cells */
	const Tally *drawn;
	int			num_terms;
	double	   *terms;
	Standing   *standing;
	bool	   *placed;
	bool	   *reference;
	double	   *scores;			/* NAN where it says nothing */
	double		centring;		/* what brings them to the mean of the ranked */
};

/*
 * Take the points of the pairs that are not both placed away.
 */
static void
drop_other_pairs(Bootstrap *bootstrap)
{
	for (int p = 0; p < bootstrap->drawn->num_pairs; p++)
	{
		const Pair *pair = &bootstrap->drawn->pairs[p];

		if (bootstrap->placed[pair->first] && bootstrap->placed[pair->second])
			continue;
		bootstrap->points.first[p] = bootstrap->points.second[p] = 0;
		if (bootstrap->points.ties)
			bootstrap->points.ties[p] = 0;
	}
}

/*
 * Which models fix the scale of a replicate: those of these that are placed.
 * False when none is.
 */
static bool
choose_reference(Bootstrap *bootstrap, const bool *among)
{
	bool		any = false;

	for (int i = 0; i < bootstrap->tally->num_models; i++)
	{
		bootstrap->reference[i] = among[i] && bootstrap->placed[i];
		any |= bootstrap->reference[i];
	}
	return any;
}

/*
 * By how much the scores of the models that were chosen are to be shifted to the
 * scale of the point estimate.
 */
static double
find_shift(const Bootstrap *bootstrap)
{
	int			n = bootstrap->tally->num_models;

	return mean_score(bootstrap->estimate.scores, bootstrap->reference, n) -
		mean_score(bootstrap->scores, bootstrap->reference, n);
}

/*
 * Put the scores of the placed models on the scale of the point estimate.  An
 * anchor that is not placed leaves it to the ranked models, those to anybody.
 */
static void
scale_replicate(Bootstrap *bootstrap)
{
	const PointEstimate *estimate = &bootstrap->estimate;
	double		to_mean;
	double		shift;

	if (!choose_reference(bootstrap, estimate->ranked))
		choose_reference(bootstrap, bootstrap->placed);
	shift = to_mean = find_shift(bootstrap);
	if (choose_reference(bootstrap, estimate->reference))
		shift = find_shift(bootstrap);
	shift_scores(bootstrap->scores, bootstrap->tally->num_models, shift);
	bootstrap->centring = to_mean - shift;
}

/*
 * Fit the replicate at hand: models that are placed, NULL: all.
 */
static void
fit_strengths(Bootstrap *bootstrap, const bool *placed)
{
	if (bootstrap->estimator)
		estimator_fit_replicate(bootstrap->estimator, bootstrap->points, placed,
								bootstrap->scores, bootstrap->terms);
	else
		fit_replicate(bootstrap->fitter, bootstrap->points, placed, bootstrap->scores);
}

/*
 * Make one replicate; false when it could not place all models.  With a prior every one
 * is complete.
 */
static bool
make_replicate(Bootstrap *bootstrap, int replicate)
{
	pg_prng_state prng;
	uint64		seed = bootstrap->options->seed;
	int			n = bootstrap->tally->num_models;
	int			num_placed = n;

	bootstrap->centring = 0;
	for (int k = 0; k < bootstrap->num_terms; k++)
		bootstrap->terms[k] = NAN;
	if (bootstrap->draws)
		resample_voters(bootstrap->draws, seed, replicate, bootstrap->points);
	else
	{
		seed_replicate(&prng, seed, replicate);
		resample(bootstrap->resampler, &prng, bootstrap->points);
	}
	if (!(bootstrap->options->prior_battles > 0))
		num_placed = graph_find_standings(bootstrap->graph,
										  bootstrap->estimator ?
										  estimator_pair_points(bootstrap->estimator, bootstrap->points) :
										  bootstrap->points,
										  bootstrap->standing);
	for (int i = 0; i < n; i++)
		bootstrap->placed[i] = bootstrap->standing[i] == STANDING_PLACED;
	if (num_placed > 0)
	{
		if (num_placed < n)
			drop_other_pairs(bootstrap);
		memcpy(bootstrap->scores, bootstrap->estimate.strengths,
			   sizeof(double) * n);
		fit_strengths(bootstrap, num_placed < n ? bootstrap->placed : NULL);
		for (int i = 0; i < n; i++)
			bootstrap->scores[i] *= POINTS_PER_STRENGTH;
		scale_replicate(bootstrap);
	}

	for (int i = 0; i < n && num_placed < n; i++)
	{
		if (bootstrap->standing[i] == STANDING_ABOVE)
			bootstrap->scores[i] = INFINITY;
		else if (bootstrap->standing[i] == STANDING_BELOW)
			bootstrap->scores[i] = -INFINITY;
		else if (bootstrap->standing[i] == STANDING_APART)
			bootstrap->scores[i] = NAN;
	}
	return num_placed == n;
}

/*
 * What replicates of a tally are made in: by a fitter that has fitted it, or an estimator
 * where more than strengths decides battles.
 */
Bootstrap *
bootstrap_create(Fitter *fitter, Estimator *estimator, const Tally *tally,
				 PointEstimate estimate, const RankOptions *options)
{
	Bootstrap  *bootstrap = palloc0(sizeof(Bootstrap));
	Voters	   *voters = options->voters;
	int			n = tally->num_models;

	bootstrap->options = options;
	bootstrap->tally = tally;
	bootstrap->fitter = fitter;
	bootstrap->graph = graph_create(tally);
	bootstrap->estimator = estimator;
	bootstrap->drawn = estimator ? estimator_tally(estimator) : tally;
	bootstrap->resampler = voters ? NULL : resampler_create(bootstrap->drawn);
	bootstrap->estimate = estimate;
	bootstrap->points = points_create(bootstrap->drawn->num_pairs);
	if (estimator)
	{
		bootstrap->num_terms = terms_number(estimator_terms(estimator));
		bootstrap->terms = palloc(sizeof(double) * bootstrap->num_terms);
		bootstrap->points.ties = MemoryContextAllocHuge(CurrentMemoryContext,
														mul_size(bootstrap->drawn->num_pairs + 1,
																 sizeof(double)));
	}
	if (voters)
		bootstrap->draws = voter_draws_create(voters, estimator != NULL);
	bootstrap->standing = palloc(sizeof(Standing) * n);
	bootstrap->placed = palloc(sizeof(bool) * n);
	bootstrap->reference = palloc(sizeof(bool) * n);
	bootstrap->scores = palloc(sizeof(double) * n);
	for (int i = 0; i < n; i++)
		bootstrap->standing[i] = STANDING_PLACED;
	return bootstrap;
}

Replicates *
replicates_create(int num_models, int num_replicates)
{
	Replicates *replicates = palloc0(sizeof(Replicates));

	replicates->num_models = num_models;
	replicates->num_replicates = num_replicates;
	replicates->values = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(mul_size(num_models, num_replicates),
														 sizeof(double)));
	replicates->centring = palloc0(sizeof(double) * num_replicates);
	return replicates;
}

void
replicates_free(Replicates *replicates)
{
	pfree(replicates->values);
	pfree(replicates->centring);
	if (replicates->terms)
		pfree(replicates->terms);
	pfree(replicates);
}

/*
 * Make the replicates from one number to before another.
 */
void
bootstrap_make(Bootstrap *bootstrap, Replicates *replicates, int begin, int end)
{
	const RankOptions *options = bootstrap->options;
	int			n = replicates->num_models;
	Size		num_replicates = replicates->num_replicates;

	for (int r = begin; r < end; r++)
	{
		if (!make_replicate(bootstrap, r))
			replicates->num_incomplete++;
		replicates->centring[r] = bootstrap->centring;
		for (int i = 0; i < n; i++)
			replicates->values[i * num_replicates + r] = bootstrap->scores[i];
		for (int k = 0; k < bootstrap->num_terms; k++)
			replicates->terms[k * num_replicates + r] = bootstrap->terms[k];
		if (options->progress)
			options->progress(r + 1, replicates->num_replicates);
	}
}

/*
 * How many terms each replicate has besides scores.
 */
int
bootstrap_num_terms(const Bootstrap *bootstrap)
{
	return bootstrap->num_terms;
}
