/*-------------------------------------------------------------------------
 *
 * prediction.c
 *	  What a ranking predicts of the battles of two models, and whether these agree.
 *
 * Battles are counted by who stood first, as far as that decides.  Where ties have a
 * chance of their own, wins, ties and losses are predicted, and Pearson's chi-square of
 * the three, with two degrees of freedom, says how likely it is to be so far off by
 * chance.  Where a tie is half a win, only the share of points is predicted, and its
 * deviation is measured as if there were no ties: these vary less, so that the test is
 * cautious.  It takes the scores as given, and battles as independent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"

/*
 * The p-value of what the battles of a pair are, by what they were to be.
 */
static double
agreement(const Pair *pair, const Prediction *prediction, double variance, bool has_ties)
{
	const int64 *count = pair->count;
	double		off = count[OUTCOME_FIRST] + 0.5 * count[OUTCOME_TIE] - prediction->points;
	double		sum = 0;

	if (!has_ties)
		return erfc(fabs(off) / sqrt(2 * variance));
	for (int i = 0; i < NUM_OUTCOMES; i++)
	{
		double		expected = prediction->outcomes[i];

		sum += (count[i] - expected) * (count[i] - expected) / expected;
	}
	return exp(-sum / 2);
}

/*
 * What these scores predict of the battles of a pair, standing first being worth so many
 * natural logs, and ties having these odds; 0: they are halves.
 */
Prediction
predict_pair(const Pair *pair, double score, double other_score, double position,
			 double tie_odds)
{
	double		ahead = (score - other_score) / POINTS_PER_STRENGTH;
	Prediction	prediction = {0};
	double		variance = 0;
	double		battles = 0;

	for (int side = 0; side < 2; side++)
	{
		OutcomeChances chances = outcome_chances(ahead + (side == 0 ? position : -position),
												 tie_odds);
		double		share = chances.first + chances.tie / 2;
		double		number = 0;

		for (int i = 0; i < NUM_OUTCOMES; i++)
			number += side == 1 ? pair->turned[i] : pair->count[i] - pair->turned[i];
		battles += number;
		prediction.points += number * share;
		prediction.outcomes[OUTCOME_FIRST] += number * chances.first;
		prediction.outcomes[OUTCOME_SECOND] += number * chances.second;
		prediction.outcomes[OUTCOME_TIE] += number * chances.tie;
		variance += number * share * (1 - share);
	}
	prediction.share = position == 0 ? expected_share(score, other_score, tie_odds) :
		prediction.points / battles;
	prediction.chance = agreement(pair, &prediction, variance, tie_odds > 0);
	return prediction;
}
