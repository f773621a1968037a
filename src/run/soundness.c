/*-------------------------------------------------------------------------
 *
 * soundness.c
 *	  How far a snapshot can be leaned on, kept with its run: the battles that carry its
 *	  first place, and whether the model holds.
 *
 * Both come of the very fit that the scores come of, so they are found when the snapshot
 * is made, for its report.  Cycles take battles to be fought again, also where the rest
 * of the test does not; they are counted only for who asks.
 *
 * Where more than strengths decides battles, the battles are fitted once more without it,
 * which is said; and the lead only if the same two models are first.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/uuid.h"

#include "run/run.h"

static const char *
model_id(const Contenders *contenders, int model)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, contenders->ids[model]));
}

/*
 * The lead of the first model.
 */
static void
append_lead(StringInfo json, const Ranking *ranking, const Contenders *contenders)
{
	int			leader = ranking->order[0];
	int			rival = ranking->order[1];
	Robustness	robustness = find_robustness(ranking->fit, ranking->placed[leader],
											 ranking->placed[rival]);

	appendStringInfo(json, "%s\"lead\": {\"leader\": \"%s\"", json->len > 1 ? ", " : "",
					 model_id(contenders, leader));
	appendStringInfo(json, ", \"rival\": \"%s\", \"points\": %.15g",
					 model_id(contenders, rival), round_score(robustness.lead));
	if (robustness.battles >= 0)
		appendStringInfo(json, ", \"battles\": %lld, \"share\": %.15g",
						 (long long) robustness.battles,
						 round_score((double) robustness.battles /
									 ranking->fit->tally->num_battles));
	appendStringInfoChar(json, '}');
}

/*
 * Whether the model holds, and the pair that is furthest off.
 */
static void
append_fit(StringInfo json, const Ranking *ranking, const Contenders *contenders,
		   uint64 seed)
{
	Goodness   *goodness = test_goodness(ranking->fit, DEFAULT_TRIALS, seed, false);
	MisfitPair *worst;
	int			num_pairs;

	if (goodness->degrees == 0 || isnan(goodness->p_value))
		return;
	worst = worst_pairs(ranking, goodness->residuals, 1, &num_pairs);
	appendStringInfo(json, "%s\"fit\": {\"deviance\": %.15g, \"degrees_of_freedom\": %d"
					 ", \"expected_deviance\": %.15g, \"p_value\": %.6g"
					 ", \"by_replicates\": %s, \"excess\": %.15g",
					 json->len > 1 ? ", " : "",
					 round_score(goodness->deviance), goodness->degrees,
					 round_score(goodness->expected_deviance),
					 goodness->p_value,
					 goodness->is_simulated ? "true" : "false",
					 round_score(goodness->excess));
	appendStringInfo(json, ", \"worst\": {\"model1\": \"%s\"",
					 model_id(contenders, worst->model1));
	appendStringInfo(json, ", \"model2\": \"%s\", \"battles\": %lld"
					 ", \"observed_share\": %.15g, \"predicted_share\": %.15g}}",
					 model_id(contenders, worst->model2), (long long) worst->battles,
					 round_score(worst->observed_share),
					 round_score(worst->predicted_share));
}

/*
 * The same battles ranked by strengths alone.
 */
static Ranking *
rank_by_strengths(const Battles *battles, const Settings *settings,
				  const Contenders *contenders)
{
	RankOptions options = plain_options(settings->min_evaluations, settings->prior_battles,
										contenders->name_order);

	return rank_models(battles->tally, &options);
}

/*
 * What there is to be known of a ranking of two models at least, as jsonb; 0 of fewer.
 */
Datum
soundness_of_run(const Ranking *ranking, const Battles *battles, const Settings *settings,
				 const Contenders *contenders)
{
	bool		plain = !any_terms(ranking->terms);
	const Ranking *examined = plain ? ranking :
		rank_by_strengths(battles, settings, contenders);
	StringInfoData json;

	if (ranking->num_ranked < 2 || examined->num_ranked < 2)
		return (Datum) 0;
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (!plain)
		appendStringInfoString(&json, "\"by_strengths_alone\": true");
	if (examined->order[0] == ranking->order[0] && examined->order[1] == ranking->order[1])
		append_lead(&json, examined, contenders);
	append_fit(&json, examined, contenders, (uint64) settings->seed);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}
