/*-------------------------------------------------------------------------
 *
 * scale.c
 *	  The scale of scores.
 *
 * The likelihood fixes differences of strengths only; scores need a unit and
 * an origin.  The unit is that of the Elo system: 400 points are odds of ten
 * to one.  The origin is fixed by a mean: that of the ranked models is
 * CENTRE_SCORE, or the score of one model, the anchor, is what the user says.
 * It is fixed in the same way in the point estimate and in every replicate.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"

/*
 * A score as it is published: in steps of 1e-6 points, to which scores are
 * exact.
 */
double
round_score(double score)
{
	/* 0 is added lest -0 be shown */
	return isfinite(score) ? rint(score * STEPS_PER_POINT) / STEPS_PER_POINT + 0.0 : score;
}

/*
 * The mean of some scores, of which there is at least one.
 */
double
mean_score(const double *scores, const bool *among, int num_models)
{
	double		sum = 0;
	int			num_among = 0;

	for (int i = 0; i < num_models; i++)
		if (among[i])
		{
			sum += scores[i];
			num_among++;
		}
	return sum / num_among;
}

void
shift_scores(double *scores, int num_models, double points)
{
	for (int i = 0; i < num_models; i++)
		scores[i] += points;
}

/*
 * The share of points that a model is to take off another, a tie being half a
 * point for either: the logistic function of the difference of their strengths.
 */
double
win_share(double score, double other_score)
{
	return 1 / (1 + exp((other_score - score) / POINTS_PER_STRENGTH));
}

/*
 * The share of points that a model is to take off another where a tie has a chance of
 * its own, its odds being given; with odds of 0 it is half a point for either.
 */
double
expected_share(double score, double other_score, double tie_odds)
{
	double		root = exp(-fabs(score - other_score) / (2 * POINTS_PER_STRENGTH));
	double		better;

	if (tie_odds == 0)
		return win_share(score, other_score);
	better = (1 + tie_odds * root / 2) / (1 + root * root + tie_odds * root);
	return score >= other_score ? better : 1 - better;
}
