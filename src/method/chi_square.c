/*-------------------------------------------------------------------------
 *
 * chi_square.c
 *	  The chance that a chi-square variable is as large as this.
 *
 * That is the upper incomplete gamma function Q(d / 2, x / 2): by its series where x is
 * small beside d, else by its continued fraction (Abramowitz and Stegun, 6.5.29 and
 * 6.5.31; the fraction in Lentz's form).  Both have ten digits at least.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "method/method.h"

/* The terms that are needed are about the root of the degrees of freedom, and some */
#define MAX_TERMS 100000

#define ENOUGH 1e-13

/*
 * 1 - Q by the series.
 */
static double
series(double a, double x)
{
	double		term = 1 / a;
	double		sum = term;

	for (int n = 1; n < MAX_TERMS && term > ENOUGH * sum; n++)
	{
		term *= x / (a + n);
		sum += term;
	}
	return sum * exp(a * log(x) - x - lgamma(a));
}

/*
 * Q by the continued fraction.
 */
static double
fraction(double a, double x)
{
	double		b = x + 1 - a;
	double		c = 1 / DBL_MIN;
	double		d = 1 / b;
	double		value = d;

	for (int n = 1; n < MAX_TERMS; n++)
	{
		double		numerator = -n * (n - a);
		double		change;

		b += 2;
		d = 1 / (numerator * d + b);
		c = b + numerator / c;
		change = c * d;
		value *= change;
		if (fabs(change - 1) < ENOUGH)
			break;
	}
	return value * exp(a * log(x) - x - lgamma(a));
}

/*
 * The chance of at least this value with so many degrees of freedom, which need not be
 * a whole number.
 */
double
chi_square_tail(double value, double degrees)
{
	double		a = degrees / 2;
	double		x = value / 2;
	double		chance;

	if (!(value > 0))
		return 1;
	chance = x < a + 1 ? 1 - series(a, x) : fraction(a, x);
	return Max(0, Min(1, chance));
}
