/*-------------------------------------------------------------------------
 *
 * interval.c
 *	  Intervals of the scores.
 *
 * By the bootstrap, the 2.5 % and 97.5 % quantiles of a model's scores over the
 * replicates (bootstrap.c) are the bounds of its interval: the percentile interval of
 * Efron.  A replicate that says nothing of a model counts as -infinity for the lower
 * bound and +infinity for the upper.  So a bound may be infinite, and then says that
 * the data do not bound the score.
 *
 * By the covariance (covariance.c), they are the score less and plus 1.96 standard
 * deviations: Wald's interval, which is always finite, and symmetric even where the
 * data bound a score on one side only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

#define LOWER_QUANTILE 0.025
#define UPPER_QUANTILE 0.975

/* The 97.5 % point of the normal distribution */
#define NORMAL_POINT 1.959964

/* Fewer voters have the points of Student's t */
#define MANY_VOTERS 40

static const char *const kind_names[] = {"bootstrap", "sandwich"};

/*
 * How intervals are found, as users say it.
 */
IntervalKind
parse_interval_kind(const char *name)
{
	for (int kind = 0; kind < (int) lengthof(kind_names); kind++)
		if (strcmp(name, kind_names[kind]) == 0)
			return (IntervalKind) kind;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("intervals must be bootstrap or sandwich, not \"%s\"", name)));
}

const char *
interval_kind_name(IntervalKind kind)
{
	return kind_names[kind];
}

/*
 * Copy a model's scores, those of which a replicate says nothing as unknown.
 * Returns how many there were of these.
 */
static int
copy_column(const double *values, double *copy, int num_values, double unknown)
{
	int			num_unknown = 0;

	for (int r = 0; r < num_values; r++)
	{
		copy[r] = values[r];
		if (isnan(values[r]))
		{
			copy[r] = unknown;
			num_unknown++;
		}
	}
	return num_unknown;
}

/*
 * The bounds of a model.  What is unknown stands below for the lower, and above
 * for the upper; and half way from -infinity to +infinity nothing is known.
 */
void
find_quantile_bounds(const double *values, double *copy, int num_values,
					 double *lower, double *upper)
{
	int			num_unknown = copy_column(values, copy, num_values, -INFINITY);

	*lower = find_quantile(copy, num_values, LOWER_QUANTILE);
	if (isnan(*lower))
		*lower = -INFINITY;

	if (num_unknown > 0)
		copy_column(values, copy, num_values, INFINITY);
	*upper = find_quantile(copy, num_values, UPPER_QUANTILE);
	if (isnan(*upper))
		*upper = INFINITY;
}

/*
 * The bounds of all models, by their scores in the replicates.
 */
void
percentile_bounds(const Replicates *replicates, Bounds bounds)
{
	Size		num_replicates = replicates->num_replicates;
	double	   *copy = palloc(sizeof(double) * num_replicates);

	for (int i = 0; i < replicates->num_models; i++)
	{
		CHECK_FOR_INTERRUPTS();
		find_quantile_bounds(&replicates->values[i * num_replicates], copy, num_replicates,
							 &bounds.lower[i], &bounds.upper[i]);
	}
	pfree(copy);
}

/*
 * Bring the scores of replicates to the scale on which the mean of the ranked models
 * is that of their point estimates.
 */
void
centre_replicates(Replicates *replicates)
{
	Size		num_replicates = replicates->num_replicates;

	for (int i = 0; i < replicates->num_models; i++)
		for (Size r = 0; r < num_replicates; r++)
			replicates->values[i * num_replicates + r] += replicates->centring[r];
	memset(replicates->centring, 0, sizeof(double) * num_replicates);
}

/*
 * How many standard deviations the bounds of a Wald interval are away: the 97.5 % point
 * of Student's t with a degree of freedom less than there are voters, where these are
 * few; else, or with 0 where battles stand for themselves, that of the normal
 * distribution.
 */
double
interval_point(int64 num_voters)
{
	static const double student[MANY_VOTERS] = {
		0, 0, 12.7062047364, 4.3026527297, 3.1824463053, 2.7764451052,
		2.5705818356, 2.4469118511, 2.3646242516, 2.3060041352, 2.2621571629,
		2.2281388520, 2.2009851601, 2.1788128297, 2.1603686565, 2.1447866879,
		2.1314495456, 2.1199052992, 2.1098155778, 2.1009220402, 2.0930240544,
		2.0859634473, 2.0796138447, 2.0738730679, 2.0686576104, 2.0638985616,
		2.0595385528, 2.0555294386, 2.0518305165, 2.0484071418, 2.0452296421,
		2.0422724563, 2.0395134464, 2.0369333435, 2.0345152974, 2.0322445093,
		2.0301079283, 2.0280940010, 2.0261924630, 2.0243941639
	};

	return num_voters >= 2 && num_voters < MANY_VOTERS ? student[num_voters] : NORMAL_POINT;
}

/*
 * Wald's bounds of these scores, so many standard deviations away, where the mean of some models fixes the scale.
 */
void
wald_bounds(const Covariance *covariance, const double *scores,
			const bool *reference, double point, Bounds bounds)
{
	int			n = covariance_num_models(covariance);
	double	   *deviations = palloc(sizeof(double) * n);

	covariance_deviations(covariance, reference, deviations);
	for (int i = 0; i < n; i++)
	{
		bounds.lower[i] = scores[i] - point * deviations[i];
		bounds.upper[i] = scores[i] + point * deviations[i];
	}
	pfree(deviations);
}

/*
 * The chance of a deviate that is no nearer to 0, of Student's t with so many degrees of
 * freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).
 */
static double
student_chance(double deviate, int degrees)
{
	double		angle = atan(fabs(deviate) / sqrt(degrees));
	double		square = cos(angle) * cos(angle);
	double		term = degrees % 2 ? cos(angle) : 1;
	double		sum = 0;

	for (int k = degrees % 2 ? 3 : 2; k <= degrees; k += 2)
	{
		sum += term;
		term *= square * (k - 1) / k;
	}
	sum *= sin(angle);
	if (degrees % 2)
		sum = (sum + angle) * 2 / M_PI;
	return Max(1 - sum, 0);
}

/*
 * The two-sided p-value of a term that is so many standard deviations from 0; by so many
 * voters, or with 0 by battle.  One that is 0 where nothing varies is not from 0.
 */
double
wald_chance(double deviate, int64 num_voters)
{
	if (isnan(deviate))
		return 1;
	if (num_voters >= 2 && num_voters < MANY_VOTERS)
		return student_chance(deviate, (int) num_voters - 1);
	return erfc(fabs(deviate) / M_SQRT2);
}
