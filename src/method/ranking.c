/*-------------------------------------------------------------------------
 *
 * ranking.c
 *	  From a tally to a ranking: the numeric half in one call.
 *
 * Which models can be placed is found first (components.c); these are fitted
 * on the battles among themselves (fit.c), which is the limit of the
 * likelihood for them, so that a model that cannot be placed shifts nobody.
 * Their scores are put on the scale (scale.c): the ranked are those with enough
 * evaluations and a score that is not absurdly far out; the others inform the
 * fit but not the scale.  Then come the intervals (interval.c) and the ranks.
 *
 * Where more than strengths is to decide battles, these are fitted with it
 * (estimator.c), as far as the battles bound it; all the rest is the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "portability/instr_time.h"

#include "method/method.h"

/* A ranking in the making, for the comparison of two models in it */
typedef struct RankingOrder
{
	const Rating *ratings;
	const int  *name_order;
} RankingOrder;

/* The models that can be placed, once they are fitted */
typedef struct PlacedModels
{
	Fitter	   *fitter;			/* of strengths alone, */
	Estimator  *estimator;		/* or else with terms */
	const Regression *regression;
	const Tally *tally;
	PairPoints	points;
	PointEstimate estimate;
	int		   *ranked;			/* those that are */
	int			num_ranked;
	const RankOptions *options;
	Covariance *by_voter;		/* NULL: not found */
} PlacedModels;

static int	compare_models(const int *a, const int *b, RankingOrder *order);

#define ST_SORT sort_models
#define ST_ELEMENT_TYPE int
#define ST_COMPARE_ARG_TYPE RankingOrder
#define ST_COMPARE(a, b, arg) compare_models(a, b, arg)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * The name of a status as users see it.
 */
const char *
model_status_name(ModelStatus status)
{
	switch (status)
	{
		case MODEL_RANKED:
			return "ranked";
		case MODEL_UNDEFEATED:
			return "undefeated";
		case MODEL_WINLESS:
			return "winless";
		case MODEL_DISCONNECTED:
			return "disconnected";
		case MODEL_SEPARATED:
			return "separated";
		case MODEL_OUT_OF_RANGE:
			return "out_of_range";
		case MODEL_FEW_EVALUATIONS:
			return "few_evaluations";
	}
	return NULL;				/* not reached */
}

/*
 * By descending score, equal scores by name; models without a rank come last,
 * by name.
 */
static int
compare_models(const int *a, const int *b, RankingOrder *order)
{
	const Rating *x = &order->ratings[*a];
	const Rating *y = &order->ratings[*b];
	bool		x_ranked = x->status == MODEL_RANKED;
	bool		y_ranked = y->status == MODEL_RANKED;

	if (x_ranked != y_ranked)
		return x_ranked ? -1 : 1;
	if (x_ranked && x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return order->name_order[*a] < order->name_order[*b] ? -1 : 1;
}

/*
 * Say which of the fitted models are ranked, and which fix the scale: the
 * anchor or the ranked.
 */
static int
choose_reference(PointEstimate *estimate, const ModelStatus *status,
				 int num_models, int anchor)
{
	int			num_reference = 0;

	for (int i = 0; i < num_models; i++)
	{
		estimate->ranked[i] = status[i] == MODEL_RANKED;
		estimate->reference[i] = anchor < 0 ? estimate->ranked[i] : i == anchor;
		num_reference += estimate->reference[i];
	}
	return num_reference;
}

/*
 * Take the rank from the model whose score is furthest out of range, and from
 * others as far out but for rounding, so that symmetric battles are treated
 * symmetrically.  False if none is out of range.  The anchor's score is where
 * the user wants it.
 */
static bool
drop_furthest_out(const PointEstimate *estimate, ModelStatus *status,
				  int num_models, int anchor)
{
	double		furthest = 0;

	for (int i = 0; i < num_models; i++)
		if (estimate->ranked[i] && i != anchor)
			furthest = Max(furthest, fabs(estimate->scores[i] - CENTRE_SCORE));
	if (furthest <= MAX_SCORE_DISTANCE)
		return false;

	for (int i = 0; i < num_models; i++)
		if (estimate->ranked[i] && i != anchor &&
			fabs(estimate->scores[i] - CENTRE_SCORE) >= furthest - 1 / STEPS_PER_POINT)
			status[i] = MODEL_OUT_OF_RANGE;
	return true;
}

/*
 * Put the scores of the fitted models on the scale, and say which are ranked.
 *
 * A model too far out drags the mean along, and with it others out of range.
 * So the furthest is dropped, the scale is fixed by those that are left, and so
 * on until none is out of range.
 */
static void
scale_estimate(PointEstimate *estimate, ModelStatus *status, int num_models,
			   int anchor, double anchor_score)
{
	double		target = anchor < 0 ? CENTRE_SCORE : anchor_score;

	while (choose_reference(estimate, status, num_models, anchor) > 0)
	{
		shift_scores(estimate->scores, num_models,
					 target - mean_score(estimate->scores, estimate->reference,
										 num_models));
		if (!drop_furthest_out(estimate, status, num_models, anchor))
			break;
	}
}

/*
 * Ranks in the order of scores, or 1 plus the number of models that are
 * significantly better: whose interval lies wholly above, by the bounds to compare.
 */
static void
assign_ranks(Ranking *ranking, Bounds bounds, const RankOptions *options)
{
	RankingOrder order = {ranking->ratings, options->name_order};

	for (int i = 0; i < ranking->num_models; i++)
	{
		ranking->order[i] = i;
		ranking->num_ranked += ranking->ratings[i].status == MODEL_RANKED;
	}
	sort_models(ranking->order, ranking->num_models, &order);

	for (int k = 0; k < ranking->num_ranked; k++)
	{
		int			i = ranking->order[k];
		Rating	   *rating = &ranking->ratings[i];

		rating->rank = 1;
		if (!options->rank_by_significance)
			rating->rank += k;
		else
			for (int other = 0; other < ranking->num_ranked; other++)
				rating->rank += bounds.lower[ranking->order[other]] > bounds.upper[i];
	}
}

Bounds
bounds_create(int num_models)
{
	Bounds		bounds;

	bounds.lower = palloc0(sizeof(double) * num_models);
	bounds.upper = palloc0(sizeof(double) * num_models);
	return bounds;
}

static void
open_bounds(Bounds bounds, int num_models)
{
	for (int i = 0; i < num_models; i++)
	{
		bounds.lower[i] = -INFINITY;
		bounds.upper[i] = INFINITY;
	}
}

/*
 * Number the placed models that are ranked, for their differences.  Returns how many
 * they are.
 */
static int
number_ranked(Ranking *ranking, const PointEstimate *estimate, const int *model,
			  int num_placed, int *ranked)
{
	int			num_ranked = 0;

	for (int i = 0; i < num_placed; i++)
		if (estimate->ranked[i])
		{
			ranking->compared[model[i]] = num_ranked;
			ranked[num_ranked++] = i;
		}
	return num_ranked;
}

/*
 * The bounds of terms by the bootstrap, where there are any.
 */
static void
find_percentile_terms(Ranking *ranking, const Replicates *replicates)
{
	int			num_replicates = replicates->num_replicates;
	double	   *copy = palloc(sizeof(double) * num_replicates);

	for (int k = 0; k < replicates->num_terms; k++)
	{
		TermEstimate *term = &ranking->term_estimates[k];

		find_quantile_bounds(replicates->terms + (Size) k * num_replicates, copy,
							 num_replicates, &term->lower, &term->upper);
	}
	pfree(copy);
}

/*
 * The bounds of all scores by the bootstrap, and with centred those where the mean of
 * the ranked models fixes the scale.
 */
static void
find_percentile_bounds(Ranking *ranking, PlacedModels placed, Bounds bounds,
					   Bounds *centred)
{
	const RankOptions *options = placed.options;
	Replicates *replicates = bootstrap_replicates(placed.fitter, placed.estimator,
												  placed.tally, placed.estimate,
												  options);

	ranking->num_incomplete = replicates->num_incomplete;
	percentile_bounds(replicates, bounds);
	if (centred)
	{
		centre_replicates(replicates);
		percentile_bounds(replicates, *centred);
	}
	if (options->keep_differences)
		ranking->differences = differences_of_replicates(replicates,
														 placed.estimate.scores,
														 placed.ranked,
														 placed.num_ranked);
	find_percentile_terms(ranking, replicates);
	replicates_free(replicates);
}

/*
 * The covariance of strengths, by voter or else by battle.
 */
static Covariance *
find_covariance(PlacedModels placed, const Voters *voters)
{
	if (placed.regression)
		return covariance_with_terms(placed.regression, estimator_tally(placed.estimator),
									 voters);
	return voters ?
		covariance_by_voter(placed.fitter, voters, placed.tally, placed.points,
							placed.estimate.strengths) :
		covariance_by_battle(placed.fitter, placed.tally, placed.points,
							 placed.estimate.strengths);
}

/*
 * The same by the covariance of strengths.
 */
static void
find_wald_bounds(Ranking *ranking, PlacedModels placed, Bounds bounds, Bounds *centred)
{
	const RankOptions *options = placed.options;
	Covariance *covariance = options->voters ? placed.by_voter : find_covariance(placed, NULL);
	double		point = interval_point(ranking->num_voters);

	wald_bounds(covariance, placed.estimate.scores, placed.estimate.reference, point,
				bounds);
	if (centred)
		wald_bounds(covariance, placed.estimate.scores, placed.estimate.ranked, point,
					*centred);
	if (options->keep_differences && placed.num_ranked > 0)
		ranking->differences = differences_of_covariance(covariance,
														 placed.estimate.scores,
														 placed.ranked,
														 placed.num_ranked,
														 options->num_bootstrap,
														 options->seed, point);
	if (covariance != placed.by_voter)
		covariance_free(covariance);
}

/*
 * The sum of the variances of the ranked models' scores.
 */
static double
total_variance(const Covariance *covariance, const PointEstimate *estimate)
{
	int			n = covariance_num_models(covariance);
	double	   *deviations = palloc(sizeof(double) * n);
	double		total = 0;

	covariance_deviations(covariance, estimate->ranked, deviations);
	for (int i = 0; i < n; i++)
		if (estimate->ranked[i])
			total += deviations[i] * deviations[i];
	pfree(deviations);
	return total;
}

/*
 * Say what it makes of intervals that voters count: how many times as wide those by voter
 * are as those by battle, by the root of the mean of variances.  The covariance is kept
 * where intervals come of it.
 */
static void
describe_voters(Ranking *ranking, PlacedModels *placed)
{
	Covariance *by_battle = find_covariance(*placed, NULL);
	double		variance = total_variance(by_battle, &placed->estimate);

	placed->by_voter = find_covariance(*placed, placed->options->voters);
	/* of nothing but ties neither varies */
	if (variance > 0)
		ranking->widening = sqrt(total_variance(placed->by_voter, &placed->estimate) / variance);
	covariance_free(by_battle);
	if (placed->options->intervals != INTERVALS_SANDWICH)
		covariance_free(placed->by_voter);
}

/*
 * Say what was found of terms, their bounds by the covariance.
 */
static void
describe_terms(Ranking *ranking, PlacedModels placed)
{
	const RankOptions *options = placed.options;
	ModelTerms	terms = estimator_terms(placed.estimator);
	const double *found = regression_estimate(placed.regression) +
		regression_num_nodes(placed.regression);
	double		point = interval_point(ranking->num_voters);
	int			q = terms_number(terms);
	double	   *deviations = palloc(sizeof(double) * q);
	double	   *by_information = palloc(sizeof(double) * q);

	term_deviations(placed.regression, estimator_tally(placed.estimator), options->voters,
					deviations, by_information);
	ranking->num_terms = q;
	ranking->term_estimates = palloc(sizeof(TermEstimate) * q);
	for (int k = 0; k < q; k++)
		ranking->term_estimates[k] = (TermEstimate)
	{
		found[k], found[k] - point * deviations[k], found[k] + point * deviations[k],
			deviations[k], by_information[k],
			wald_chance(found[k] / deviations[k], ranking->num_voters)
	};
	if (terms.ties == TIES_DAVIDSON)
		ranking->tie_odds = exp(found[q - 1]);
}

/*
 * The intervals of the placed models, and what comes with them.
 */
static void
find_bounds(Ranking *ranking, PlacedModels placed, Bounds bounds, Bounds *centred)
{
	if (placed.estimator)
		describe_terms(ranking, placed);
	if (placed.options->intervals == INTERVALS_NONE)
	{
		open_bounds(bounds, placed.tally->num_models);
		if (centred)
			open_bounds(*centred, placed.tally->num_models);
		return;
	}
	if (placed.options->voters)
		describe_voters(ranking, &placed);
	if (placed.options->intervals == INTERVALS_SANDWICH)
		find_wald_bounds(ranking, placed, bounds, centred);
	else
		find_percentile_bounds(ranking, placed, bounds, centred);
}

/*
 * The fit for what is asked of it besides a ranking.
 */
static PlacedFit *
keep_fit(PlacedModels placed, const int *models)
{
	PlacedFit  *fit = palloc(sizeof(PlacedFit));

	fit->tally = placed.tally;
	fit->points = placed.points;
	fit->prior_battles = placed.options->prior_battles;
	fit->fitter = placed.fitter;
	fit->strengths = placed.estimate.strengths;
	fit->ranked = placed.estimate.ranked;
	fit->models = models;
	return fit;
}

/*
 * Fit the strengths, and what else decides battles.
 */
static void
fit_placed_models(PlacedModels *placed, double *strengths)
{
	if (placed->estimator == NULL)
	{
		placed->fitter = fitter_create(placed->tally, placed->options->prior_battles);
		fit_maximum(placed->fitter, placed->points, strengths);
		return;
	}
	if (estimator_terms(placed->estimator).num_covariates > 0)
		estimator_check_covariates(placed->estimator, placed->options->covariates);
	placed->regression = estimator_fit(placed->estimator);
	if (placed->regression == NULL)
		report_terms_without_maximum();
	memcpy(strengths, regression_estimate(placed->regression),
		   sizeof(double) * placed->tally->num_models);
}

/*
 * Fit and rate models that can all be placed.  status comes with
 * MODEL_FEW_EVALUATIONS for those that have too few; the rest is found here, and the
 * bounds that ranks by significance compare.  These have the mean of the ranked at
 * 1000, whatever the anchor.
 */
static void
rate_placed_models(Ranking *ranking, const Tally *tally, Estimator *estimator,
				   const int *model, ModelStatus *status, int anchor, Bounds compared,
				   const RankOptions *options)
{
	int			n = tally->num_models;
	bool		recentre = anchor >= 0 && options->rank_by_significance;
	Bounds		bounds = bounds_create(n);
	Bounds		centred = recentre ? bounds_create(n) : bounds;
	double		off_centre = 0;
	PlacedModels placed = {
		.estimator = estimator,.tally = tally,.points = tally_points(tally),
		.ranked = palloc(sizeof(int) * n),.options = options
	};
	PointEstimate estimate;
	instr_time	start,
				fitted,
				done;

	estimate.strengths = palloc0(sizeof(double) * n);
	estimate.scores = palloc(sizeof(double) * n);
	estimate.ranked = palloc(sizeof(bool) * n);
	estimate.reference = palloc(sizeof(bool) * n);

	INSTR_TIME_SET_CURRENT(start);
	fit_placed_models(&placed, estimate.strengths);
	for (int i = 0; i < n; i++)
		estimate.scores[i] = POINTS_PER_STRENGTH * estimate.strengths[i];
	scale_estimate(&estimate, status, n, anchor, options->anchor_score);
	placed.estimate = estimate;
	placed.num_ranked = number_ranked(ranking, &estimate, model, n, placed.ranked);

	INSTR_TIME_SET_CURRENT(fitted);
	if (options->keep_fit && estimator == NULL)
		ranking->fit = keep_fit(placed, model);
	find_bounds(ranking, placed, bounds, recentre ? &centred : NULL);
	if (recentre && choose_reference(&estimate, status, n, -1) > 0)
		off_centre = mean_score(estimate.scores, estimate.ranked, n) - CENTRE_SCORE;
	for (int i = 0; i < n; i++)
	{
		Rating	   *rating = &ranking->ratings[model[i]];

		rating->status = status[i];
		if (status[i] != MODEL_RANKED)
			continue;
		rating->score = round_score(estimate.scores[i]);
		rating->lower = round_score(bounds.lower[i]);
		rating->upper = round_score(bounds.upper[i]);
		compared.lower[model[i]] = round_score(centred.lower[i] - off_centre);
		compared.upper[model[i]] = round_score(centred.upper[i] - off_centre);
	}

	INSTR_TIME_SET_CURRENT(done);
	INSTR_TIME_SUBTRACT(done, fitted);
	INSTR_TIME_SUBTRACT(fitted, start);
	ranking->fit_seconds = INSTR_TIME_GET_DOUBLE(fitted);
	ranking->bootstrap_seconds = INSTR_TIME_GET_DOUBLE(done);
}

/*
 * Bring voters and covariates to the places of a tally of the models that are placed,
 * and say what fits them: NULL, strengths alone.  Terms that the battles do not bound
 * are left out.
 */
static Estimator *
prepare_placed_models(Ranking *ranking, const Tally *among, const int *index,
					  RankOptions *options)
{
	Covariates *covariates = options->terms.num_covariates > 0 ?
		options->covariates : NULL;
	Estimator  *estimator = NULL;

	if (covariates)
	{
		covariates_keep(covariates, index);
		covariates_bind(covariates, among);
		check_covariates(covariates, options->terms.position);
		options->voters = covariates_voters(covariates);
	}
	if (any_terms(options->terms))
		ranking->terms = terms_of_battles(among, options->terms, options->prior_battles,
										  &ranking->separation);
	if (any_terms(ranking->terms))
		estimator = estimator_create(among, covariates, ranking->terms,
									 options->prior_battles);
	if (options->voters && covariates == NULL)
	{
		voters_keep(options->voters, index);
		voters_bind(options->voters, among,
					estimator ? estimator_num_sides(estimator) : 1);
	}
	return estimator;
}

/*
 * Say who the voters of the placed models' battles are.  One alone has no interval.
 */
static void
count_voters(Ranking *ranking, const RankOptions *options)
{
	const Voters *voters = options->voters;

	ranking->num_voters = voters_number(voters);
	ranking->busiest_voter = voters_busiest(voters);
	ranking->widening = 1;
	ranking->one_voter = ranking->num_voters < 2 && options->intervals != INTERVALS_NONE;
}

/*
 * Find which models can be placed, with a prior all of them.  Into models and status
 * comes what they are; returns how many they are.
 */
static int
place_models(Ranking *ranking, const Tally *tally, const RankOptions *options,
			 int *models, ModelStatus *status)
{
	int			n = tally->num_models;
	ModelStatus *found = palloc0(sizeof(ModelStatus) * n);	/* MODEL_RANKED */
	int64	   *battles = palloc(sizeof(int64) * n);
	int			num_placed = 0;

	if (!(options->prior_battles > 0))
		graph_explain(graph_create(tally), tally_points(tally), found);
	tally_count_battles(tally, battles);
	for (int i = 0; i < n; i++)
	{
		Rating	   *rating = &ranking->ratings[i];

		rating->status = found[i];
		rating->score = rating->lower = rating->upper = NAN;
		rating->vote_count = battles[i];
		ranking->compared[i] = -1;
		ranking->placed[i] = -1;
		if (found[i] != MODEL_RANKED)
			continue;
		ranking->placed[i] = num_placed;
		status[num_placed] = battles[i] < options->min_evaluations ?
			MODEL_FEW_EVALUATIONS : MODEL_RANKED;
		models[num_placed++] = i;
	}
	return num_placed;
}

/*
 * Rank the models of a tally.
 */
Ranking *
rank_models(const Tally *tally, const RankOptions *asked)
{
	RankOptions chosen = *asked;
	RankOptions *options = &chosen;
	int			n = tally->num_models;
	Ranking    *ranking = palloc0(sizeof(Ranking));
	ModelStatus *status = palloc(sizeof(ModelStatus) * n);
	int		   *placed = palloc(sizeof(int) * n);
	Bounds		compared = bounds_create(n);
	int			anchor = -1;
	int			num_placed;

	ranking->num_models = n;
	ranking->ratings = palloc0(sizeof(Rating) * n);
	ranking->order = palloc(sizeof(int) * n);
	ranking->compared = palloc(sizeof(int) * n);
	ranking->placed = palloc(sizeof(int) * n);
	num_placed = place_models(ranking, tally, options, placed, status);
	if (options->anchor_model >= 0)
	{
		anchor = ranking->placed[options->anchor_model];
		ranking->anchor_lost = anchor < 0;
	}
	if (num_placed > 0 && !ranking->anchor_lost)
	{
		Tally	   *among = tally_among(tally, ranking->placed, num_placed);
		Estimator  *estimator = prepare_placed_models(ranking, among, ranking->placed,
													  options);

		if (options->voters)
			count_voters(ranking, options);
		if (!ranking->one_voter)
			rate_placed_models(ranking, among, estimator, placed, status, anchor, compared,
							   options);
	}
	if (ranking->anchor_lost || ranking->one_voter)
		for (int i = 0; i < num_placed; i++)
			ranking->ratings[placed[i]].status = MODEL_SEPARATED;
	assign_ranks(ranking, compared, options);
	return ranking;
}
