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

	appendStringInfo(json, "\"lead\": {\"leader\": \"%s\"", model_id(contenders, leader));
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
	appendStringInfo(json, ", \"fit\": {\"deviance\": %.15g, \"degrees_of_freedom\": %d"
					 ", \"expected_deviance\": %.15g, \"p_value\": %.6g"
					 ", \"by_replicates\": %s, \"excess\": %.15g",
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
 * What there is to be known of a ranking of two models at least, as jsonb; 0 of fewer, and
 * where more than strengths decides battles.
 */
Datum
soundness_of_run(const Ranking *ranking, const Contenders *contenders, uint64 seed)
{
	StringInfoData json;

	if (ranking->num_ranked < 2 || ranking->fit == NULL)
		return (Datum) 0;
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_lead(&json, ranking, contenders);
	append_fit(&json, ranking, contenders, seed);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}
