/*-------------------------------------------------------------------------
 *
 * quantile.c
 *	  Quantiles of some thousands of values, infinite ones among them.
 *
 * They are those of type 7 of Hyndman and Fan 1996, found without sorting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"

/*
 * Move the values below a limit to the front, and with or_equal those at the
 * limit as well.  Returns their number.  A branch would be mispredicted half
 * the time, so all are moved.
 */
static int
gather_below(double *values, int num_values, double limit, bool or_equal)
{
	int			num_below = 0;

	for (int i = 0; i < num_values; i++)
	{
		double		value = values[i];

		values[i] = values[num_below];
		values[num_below] = value;
		num_below += or_equal ? value <= limit : value < limit;
	}
	return num_below;
}

static double
median_of_three(double a, double b, double c)
{
	return Max(Min(a, b), Min(Max(a, b), c));
}

/*
 * Put the value that has this place in ascending order there, none larger
 * before and none smaller behind it (Hoare, "Algorithm 65: find", 1961).  Values
 * equal to a pivot are done with at once, however many.
 */
static void
select_place(double *values, int num_values, int place)
{
	int			begin = 0;
	int			end = num_values;

	while (end - begin > 1)
	{
		double		pivot = median_of_three(values[begin],
											values[begin + (end - begin) / 2],
											values[end - 1]);
		int			middle = begin + gather_below(values + begin, end - begin,
												  pivot, false);

		if (place < middle)
		{
			end = middle;
			continue;
		}
		begin = middle + gather_below(values + middle, end - middle, pivot, true);
		if (place < begin)
			return;
	}
}

/*
 * The type 7 quantile of values, which it puts in another order; between an
 * infinite and a finite one it is infinite.
 */
double
find_quantile(double *values, int num_values, double chance)
{
	double		place = (num_values - 1) * chance;
	int			below = (int) floor(place);
	double		part = place - below;
	double		next;

	select_place(values, num_values, below);
	if (part == 0)
		return values[below];
	next = values[below + 1];
	for (int r = below + 2; r < num_values; r++)
		next = Min(next, values[r]);
	if (values[below] == next)
		return next;
	return (1 - part) * values[below] + part * next;
}
