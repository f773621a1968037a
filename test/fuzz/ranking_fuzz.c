/*-------------------------------------------------------------------------
 *
 * ranking_fuzz.c
 *	  Fuzzes ranking.c and scale.c: the numeric half in one call.
 *
 * Of any battles and options: each model has the status that the transitive
 * closure says, its battles, and either a rank, a score in range and bounds, or
 * none of them.  Ranks follow from scores or bounds, the scale from the ranked
 * or the anchor.  The same call gives the same bytes again, and neither the
 * numbers of the models nor the sides in a battle matter to a score.  Where a
 * fit ends in an error there is no ranking; when it may, fit_fuzz.c asks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "input.h"
#include "unit.h"

const int	fuzz_max_models = 40;

/*
 * Points from the middle beyond which scores are not compared: chances differ
 * from 1 by less than a double tells well (fit_fuzz.c)
 */
#define MAX_DISTANCE 2600

/* Scores are exact to 1e-6 points, then rounded to half of that */
#define TOLERANCE 1.5e-6

static void
check_status(ModelStatus found, ModelStatus base, const Rating *rating,
			 const Ranking *ranking, const RankOptions *options, int model)
{
	bool		few = rating->vote_count < options->min_evaluations;

	if (base != MODEL_RANKED)
		check(found == base, "model %d is %s, not %s", model,
			  model_status_name(found), model_status_name(base));
	else if (ranking->anchor_lost)
		check(found == MODEL_SEPARATED, "model %d is %s without an anchor", model,
			  model_status_name(found));
	else
		check(few ? found == MODEL_FEW_EVALUATIONS :
			  found == MODEL_RANKED || found == MODEL_OUT_OF_RANGE,
			  "model %d with %lld battles is %s", model,
			  (long long) rating->vote_count, model_status_name(found));
}

static void
check_statuses(const Ranking *ranking, const Tally *tally, const RankOptions *options)
{
	int			n = tally->num_models;
	ModelStatus *base = palloc0(sizeof(ModelStatus) * n);
	int64	   *battles = palloc(sizeof(int64) * n);

	if (!(options->prior_battles > 0))
		exact_statuses(matrix_of_points(tally, tally_points(tally)), base);
	tally_count_battles(tally, battles);
	check(ranking->anchor_lost == (options->anchor_model >= 0 &&
								   base[options->anchor_model] != MODEL_RANKED),
		  "the anchor is lost, or is not");
	for (int i = 0; i < n; i++)
	{
		check(ranking->ratings[i].vote_count == battles[i],
			  "model %d has %lld battles", i,
			  (long long) ranking->ratings[i].vote_count);
		check_status(ranking->ratings[i].status, base[i], &ranking->ratings[i],
					 ranking, options, i);
	}
}

/*
 * A rating has all its numbers, or none.
 */
static void
check_rating(const Rating *rating, const RankOptions *options, int model)
{
	bool		is_anchor = model == options->anchor_model;

	if (rating->status != MODEL_RANKED)
	{
		check(rating->rank == 0 && isnan(rating->score) &&
			  isnan(rating->lower) && isnan(rating->upper),
			  "model %d is %s and has rank %d and %f [%f, %f]", model,
			  model_status_name(rating->status), rating->rank, rating->score,
			  rating->lower, rating->upper);
		return;
	}
	check(rating->rank >= 1 && rating->score == round_score(rating->score) &&
		  rating->lower <= rating->upper,
		  "model %d has rank %d and %f [%f, %f]", model, rating->rank,
		  rating->score, rating->lower, rating->upper);
	check(is_anchor || fabs(rating->score - CENTRE_SCORE) <= MAX_SCORE_DISTANCE,
		  "model %d is ranked at %f", model, rating->score);
	if (is_anchor)
		check(rating->score == round_score(options->anchor_score) &&
			  (isinf(rating->lower) || fabs(rating->lower - rating->score) <= 1e-6) &&
			  (isinf(rating->upper) || fabs(rating->upper - rating->score) <= 1e-6),
			  "the anchor is at %f [%f, %f], not at %f", rating->score,
			  rating->lower, rating->upper, options->anchor_score);
}

/*
 * The order is one of all models, the ranked first, by score and name.
 */
static void
check_order(const Ranking *ranking, const RankOptions *options)
{
	bool	   *seen = palloc0(sizeof(bool) * ranking->num_models);

	for (int k = 0; k < ranking->num_models; k++)
	{
		int			model = ranking->order[k];
		const Rating *own = &ranking->ratings[model];
		int			before = ranking->order[Max(k - 1, 0)];
		double		score_before = ranking->ratings[before].score;
		bool		in_order;

		check(model >= 0 && model < ranking->num_models && !seen[model],
			  "place %d has model %d", k, model);
		seen[model] = true;
		check((own->status == MODEL_RANKED) == (k < ranking->num_ranked),
			  "place %d of %d is %s", k, ranking->num_ranked,
			  model_status_name(own->status));
		if (k == 0 || k == ranking->num_ranked)
			continue;
		in_order = options->name_order[before] < options->name_order[model];
		if (k < ranking->num_ranked && score_before != own->score)
			in_order = score_before > own->score;
		check(in_order, "place %d is out of order", k);
	}
}

static void
check_scale(const Ranking *ranking, const RankOptions *options)
{
	double		mean = 0;

	if (options->anchor_model >= 0 || ranking->num_ranked == 0)
		return;
	for (int k = 0; k < ranking->num_ranked; k++)
		mean += ranking->ratings[ranking->order[k]].score / ranking->num_ranked;
	check(fabs(mean - CENTRE_SCORE) <= 1e-6, "the mean of the ranked is %f", mean);
}

/* A call of rank_models(), for reports_error() */
typedef struct Call
{
	const Tally *tally;
	const RankOptions *options;
	Ranking    *ranking;
} Call;

static void
call_rank_models(void *argument)
{
	Call	   *call = argument;

	call->ranking = rank_models(call->tally, call->options);
}

/*
 * The ranking, or NULL.
 */
static Ranking *
try_ranking(const Tally *tally, const RankOptions *options)
{
	Call		call = {tally, options, NULL};

	if (reports_error(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, call_rank_models, &call))
		return NULL;
	return call.ranking;
}

static bool
same_statuses(const Ranking *a, const Ranking *b)
{
	for (int i = 0; i < a->num_models; i++)
		if (a->ratings[i].status != b->ratings[i].status)
			return false;
	return true;
}

/*
 * Ranks by significance are by the bounds of the same models without an anchor: in the
 * others there is its doubt.  Whom the anchor has put out of range, nobody is ranked
 * beside.
 */
static const Ranking *
ranking_to_compare(const Ranking *ranking, const Tally *tally, const RankOptions *options)
{
	RankOptions free = *options;
	Ranking    *other;

	if (!options->rank_by_significance || options->anchor_model < 0)
		return ranking;
	free.anchor_model = -1;
	other = try_ranking(tally, &free);
	return other && same_statuses(ranking, other) ? other : NULL;
}

static void
check_ranks(const Ranking *ranking, const Tally *tally, const RankOptions *options)
{
	const Ranking *compared = ranking_to_compare(ranking, tally, options);

	for (int k = 0; k < ranking->num_ranked && compared; k++)
	{
		int			own = ranking->order[k];
		int			rank = 1;

		for (int j = 0; j < ranking->num_ranked; j++)
			rank += options->rank_by_significance ?
				compared->ratings[ranking->order[j]].lower > compared->ratings[own].upper : j < k;
		check(ranking->ratings[own].rank == rank, "place %d has rank %d, not %d", k,
			  ranking->ratings[own].rank, rank);
	}
}

static void
check_repeated(const Ranking *ranking, const Tally *tally, const RankOptions *options)
{
	Ranking    *again = rank_models(tally, options);
	int			n = ranking->num_models;

	check(memcmp(again->ratings, ranking->ratings, sizeof(Rating) * n) == 0 &&
		  memcmp(again->order, ranking->order, sizeof(int) * n) == 0 &&
		  again->num_incomplete == ranking->num_incomplete,
		  "the same call gives another ranking");
}

/* Is any model far out, or without a score that would tell? */
static bool
anybody_far_out(const Ranking *ranking)
{
	for (int i = 0; i < ranking->num_models; i++)
	{
		const Rating *rating = &ranking->ratings[i];

		if (rating->status == MODEL_OUT_OF_RANGE ||
			rating->status == MODEL_FEW_EVALUATIONS ||
			(rating->status == MODEL_RANKED &&
			 fabs(rating->score - CENTRE_SCORE) > MAX_DISTANCE))
			return true;
	}
	return false;
}

/*
 * The same battles, the models numbered otherwise and each battle told from the
 * other side.
 */
static void
check_renamed(const Ranking *ranking, FuzzInput *input)
{
	static const Outcome mirror[] = {OUTCOME_SECOND, OUTCOME_FIRST, OUTCOME_TIE};
	const BattleList *battles = input->battles;
	int			n = battles->num_models;
	int		   *number = dice_permutation(&input->dice, n);
	BattleList *renamed = battles_create(n);
	RankOptions options = input->options;
	Ranking    *other;

	for (int c = 0; c < battles->num_cells; c++)
	{
		const Cell *cell = &battles->cells[c];

		battles_add(renamed, number[cell->model2], number[cell->model1],
					mirror[cell->outcome], cell->count);
	}
	if (options.anchor_model >= 0)
		options.anchor_model = number[options.anchor_model];
	other = try_ranking(battles_tally(renamed, NULL), &options);
	if (other == NULL)
		return;
	for (int i = 0; i < n; i++)
	{
		const Rating *a = &ranking->ratings[i];
		const Rating *b = &other->ratings[number[i]];

		check(a->status == b->status, "model %d is %s and %s", i,
			  model_status_name(a->status), model_status_name(b->status));
		check(a->status != MODEL_RANKED || fabs(a->score - b->score) <= TOLERANCE,
			  "model %d is at %f and %f", i, a->score, b->score);
	}
}

void
fuzz_input(FuzzInput *input)
{
	const RankOptions *options = &input->options;
	Tally	   *tally = battles_tally(input->battles, NULL);
	int			n = tally->num_models;
	Ranking    *ranking = try_ranking(tally, options);
	ModelStatus *status = palloc(sizeof(ModelStatus) * n);

	if (ranking == NULL)
		return;
	check(ranking->num_models == n, "%d models of %d", ranking->num_models, n);
	for (int i = 0; i < n; i++)
		check_rating(&ranking->ratings[i], options, i);
	check_order(ranking, options);
	check_ranks(ranking, tally, options);
	check_scale(ranking, options);
	check_repeated(ranking, tally, options);
	check_statuses(ranking, tally, options);

	/* of two components of the same size the order decides */
	if (input_is_exact(input) && !anybody_far_out(ranking) &&
		(options->prior_battles > 0 ||
		 exact_statuses(matrix_of_battles(input->battles), status)))
		check_renamed(ranking, input);
}
