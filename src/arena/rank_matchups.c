/*-------------------------------------------------------------------------
 *
 * rank_matchups.c
 *	  How each two models of some battles fared, and were to fare, as results.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "arena/arena.h"

/* Columns of the result */
#define NUM_MATCHUP_COLUMNS (2 + NUM_MATCHUP_VALUES)

/*
 * Put what is observed, and predicted where it is, into columns: how many battles, and how
 * they ended; then the observed and the predicted share; then the predicted outcomes, where
 * ties have a chance; and the p-value of a test.
 */
void
fill_matchup(const Pair *pair, const Prediction *prediction, bool has_ties, bool is_tested,
			 Datum *values, bool *nulls)
{
	const int64 *count = pair->count;
	int64		battles = count[OUTCOME_FIRST] + count[OUTCOME_SECOND] + count[OUTCOME_TIE];
	Prediction	none = {0};
	const Prediction *shown = prediction ? prediction : &none;

	for (int i = 0; i < NUM_MATCHUP_VALUES; i++)
		nulls[i] = i >= 5 && prediction == NULL;
	values[0] = Int64GetDatum(battles);
	values[1] = Int64GetDatum(count[OUTCOME_FIRST]);
	values[2] = Int64GetDatum(count[OUTCOME_SECOND]);
	values[3] = Int64GetDatum(count[OUTCOME_TIE]);
	values[4] = Float8GetDatum((count[OUTCOME_FIRST] + 0.5 * count[OUTCOME_TIE]) / battles);
	values[5] = Float8GetDatum(shown->share);
	for (int i = 0; i < NUM_OUTCOMES; i++)
	{
		values[6 + i] = Float8GetDatum(round_score(shown->outcomes[i]));
		nulls[6 + i] |= !has_ties;
	}
	values[9] = Float8GetDatum(shown->chance);
	nulls[9] |= !is_tested;
}

/*
 * Rank the models of some battles, which are in the order of their names, and put each two
 * that have met into the result of the call.
 */
void
put_rank_matchups(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Ranking    *ranking = rank_as_called(fcinfo, at, battles, false);
	double		position = ranking->terms.position ? ranking->term_estimates[0].value : 0;

	for (int p = 0; p < battles->tally->num_pairs; p++)
	{
		const Pair *pair = &battles->tally->pairs[p];
		const Rating *first = &ranking->ratings[pair->first];
		const Rating *second = &ranking->ratings[pair->second];
		bool		is_predicted = first->status == MODEL_RANKED &&
			second->status == MODEL_RANKED;
		Prediction	prediction;
		Datum		values[NUM_MATCHUP_COLUMNS];
		bool		nulls[NUM_MATCHUP_COLUMNS] = {false};

		CHECK_FOR_INTERRUPTS_AT(p);
		if (is_predicted)
			prediction = predict_pair(pair, first->score, second->score, position,
									  ranking->tie_odds);
		values[0] = CStringGetTextDatum(battles->models[pair->first].bytes);
		values[1] = CStringGetTextDatum(battles->models[pair->second].bytes);
		fill_matchup(pair, is_predicted ? &prediction : NULL, ranking->tie_odds > 0,
					 battles->covariates == NULL, values + 2, nulls + 2);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}
