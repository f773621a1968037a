/*-------------------------------------------------------------------------
 *
 * likelihood.c
 *	  The Bradley-Terry log-likelihood: its gradient and its Hessian.
 *
 * With natural-log strengths s, model i beats j with probability
 * p = 1 / (1 + exp(s_j - s_i)), and with a and b the points that i and j took
 * off each other (Bradley and Terry 1952, a tie as half a win either way)
 *
 *	l(s) = sum over pairs of  a ln p + b ln q,			q = 1 - p
 *	dl/ds_i = sum of  a q - b p,	-d2l/(ds_i ds_j) = -(a + b) p q
 *
 * a q - b p is how it is computed, too: the textbook's a - (a + b) p loses all
 * digits where one side takes nearly every point.  Where more digits are needed it
 * is kept in two parts: see split_surplus().
 *
 * prior_battles m > 0 adds for each model m/2 wins and m/2 losses against one
 * virtual opponent, whose strength is free like the others': the same as to fix
 * it at 0 and to shift all models to where the sum is largest.  What is computed
 * is the likelihood with the best shift, so that a shift is felt no more than
 * without a prior; beside many battles, a weak prior would else be lost in the
 * rounding of their sum.
 *
 * Layout: the pairs of a tally come sorted, so those of one model with
 * consecutive others are a run of consecutive pairs.  A run is walked with
 * unit stride in every array, which the compiler turns into vector
 * instructions; where all pairs have met, a model is one run.
 *
 * With worths w = exp(s), p = w_i / (w_i + w_j) needs no exponential for a
 * pair.  Strengths too far apart for that (long chains of models that
 * nearly always beat the next one) take a slower way.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* exp() of half of this is far from overflow, its square too */
#define MAX_WORTH_SPREAD 600.0

#define MAX_SHIFT_STEPS 100

struct Likelihood
{
	int			num_models;
	double		prior_battles;
	int			num_runs;
	PairRun    *runs;

	/* Workspace, num_models each */
	double	   *worths;
	double	   *lost;			/* what rounding took off a gradient */
	double	   *p;				/* of the pairs of one run: the first wins */
	double	   *q;				/* the second does */
};

/*
 * The runs of consecutive pairs of a tally; with runs NULL, how many.
 */
static int
find_runs(const Tally *tally, PairRun *runs)
{
	int			num_runs = 0;
	int			begin = 0;

	for (int p = 1; p <= tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		if (p < tally->num_pairs &&
			pair->first == pair[-1].first &&
			pair->second == pair[-1].second + 1)
			continue;
		if (runs)
		{
			runs[num_runs].first = tally->pairs[begin].first;
			runs[num_runs].second = tally->pairs[begin].second;
			runs[num_runs].pair = begin;
			runs[num_runs].length = p - begin;
		}
		num_runs++;
		begin = p;
	}
	return num_runs;
}

/*
 * The runs of consecutive pairs of a tally, and how many there are.
 */
PairRun *
find_pair_runs(const Tally *tally, int *num_runs)
{
	PairRun    *runs;

	*num_runs = find_runs(tally, NULL);
	runs = MemoryContextAllocHuge(CurrentMemoryContext,
								  mul_size(*num_runs, sizeof(PairRun)));
	find_runs(tally, runs);
	return runs;
}

Likelihood *
likelihood_create(const Tally *tally, double prior_battles)
{
	Likelihood *likelihood = palloc0(sizeof(Likelihood));
	int			n = tally->num_models;

	Assert(tally->num_pairs > 0);
	likelihood->num_models = n;
	likelihood->prior_battles = prior_battles;
	likelihood->runs = find_pair_runs(tally, &likelihood->num_runs);
	likelihood->worths = palloc(sizeof(double) * n);
	likelihood->lost = palloc(sizeof(double) * n);
	likelihood->p = palloc(sizeof(double) * n);
	likelihood->q = palloc(sizeof(double) * n);
	return likelihood;
}

/*
 * Compute the worths, with the middle of strengths at 1; false when the strengths are
 * too far apart for them.
 */
bool
worths_of_strengths(const double *strengths, int num_models, double *worths, double *middle)
{
	double		lowest = strengths[0];
	double		highest = strengths[0];

	for (int i = 1; i < num_models; i++)
	{
		lowest = Min(lowest, strengths[i]);
		highest = Max(highest, strengths[i]);
	}
	if (!(highest - lowest <= MAX_WORTH_SPREAD))
		return false;

	*middle = (lowest + highest) / 2;
	for (int i = 0; i < num_models; i++)
		worths[i] = exp(strengths[i] - *middle);
	return true;
}

static bool
find_worths(Likelihood *likelihood, const double *strengths)
{
	double		middle;

	return worths_of_strengths(strengths, likelihood->num_models, likelihood->worths,
							   &middle);
}

/*
 * The chances of either side in each pair of a run, into p and q.
 */
static void
find_chances(Likelihood *likelihood, const PairRun *run,
			 const double *strengths, bool by_worths)
{
	double	   *restrict p = likelihood->p;
	double	   *restrict q = likelihood->q;

	if (by_worths)
	{
		const double *restrict others = likelihood->worths + run->second;
		double		own = likelihood->worths[run->first];

#pragma omp simd
		for (int t = 0; t < run->length; t++)
		{
			double		scale = 1.0 / (own + others[t]);

			p[t] = own * scale;
			q[t] = others[t] * scale;
		}
		return;
	}

	for (int t = 0; t < run->length; t++)
	{
		double		ahead = strengths[run->first] - strengths[run->second + t];
		double		odds = exp(-fabs(ahead));
		double		better = 1.0 / (1.0 + odds);
		double		worse = odds / (1.0 + odds);

		p[t] = ahead >= 0 ? better : worse;
		q[t] = ahead >= 0 ? worse : better;
	}
}

/*
 * Where all strengths would have to be shifted to for the prior to pull them
 * nowhere: the zero of the sum of tanh((s_i + shift) / 2), which rises.  Newton
 * steps, and a bisection where one leaves the bracket.
 */
double
best_shift(const double *strengths, int num_models)
{
	double		lowest = -strengths[0];
	double		highest = -strengths[0];
	double		shift;

	for (int i = 1; i < num_models; i++)
	{
		lowest = Min(lowest, -strengths[i]);
		highest = Max(highest, -strengths[i]);
	}
	shift = (lowest + highest) / 2;
	for (int tries = 0; tries < MAX_SHIFT_STEPS; tries++)
	{
		double		pull = 0;
		double		slope = 0;
		double		next;

		for (int i = 0; i < num_models; i++)
		{
			double		t = tanh((strengths[i] + shift) / 2);

			pull += t;
			slope += (1 - t * t) / 2;
		}
		if (pull > 0)
			highest = shift;
		else
			lowest = shift;
		next = shift - pull / slope;
		if (!(next > lowest && next < highest))
			next = (lowest + highest) / 2;
		if (fabs(next - shift) <= 1e-15 * Max(1, fabs(shift)))
			return next;
		shift = next;
	}
	return shift;
}

/*
 * Add the prior's part to the lower triangle of the Hessian.  With w_i the
 * weight of model i's virtual battles, it is diagonal, less w w' / sum of w for
 * the shift that follows the strengths.
 */
static void
add_prior_curvature(const Likelihood *likelihood, const double *strengths,
					double *matrix)
{
	Size		n = likelihood->num_models;
	double		shift = best_shift(strengths, likelihood->num_models);
	double	   *weights = likelihood->p;
	double		total = 0;

	for (Size i = 0; i < n; i++)
	{
		double		c = cosh((strengths[i] + shift) / 2);

		weights[i] = likelihood->prior_battles / (4 * c * c);
		matrix[i * n + i] += weights[i];
		total += weights[i];
	}
	for (Size j = 0; j < n; j++)
		for (Size i = j; i < n; i++)
			matrix[j * n + i] -= weights[i] * weights[j] / total;
}

/*
 * Add to a sum, and what rounding takes off it to another (Knuth's two-sum).
 */
static inline void
add_exactly(double *sum, double *lost, double term)
{
	double		total = *sum + term;
	double		added = total - *sum;

	*lost += (*sum - (total - added)) + (term - added);
	*sum = total;
}

/*
 * Add the prior's part to a gradient and what rounding has taken off it, all
 * strengths being shifted to where it is best.  Half the virtual battles pull up
 * those that are below the virtual opponent, or down those above it, less what these
 * battles are expected to give anyway: two parts, as of a pair.  The gradient then
 * adds up to zero but for rounding, of which a weak prior beside many battles would
 * make a large shift; so the shift is made right, as far as it moves each model.
 */
static void
add_prior(const Likelihood *likelihood, const double *strengths,
		  double *gradient, double *lost)
{
	int			n = likelihood->num_models;
	double		shift = best_shift(strengths, n);
	double	   *weights = likelihood->p;
	double		total = 0;
	double		excess = 0;

	for (int i = 0; i < n; i++)
	{
		double		ahead = strengths[i] + shift;
		double		chance = 1 / (1 + exp(fabs(ahead)));
		double		half = (ahead < 0 ? 0.5 : -0.5) * likelihood->prior_battles;

		add_exactly(&gradient[i], &lost[i], half);
		add_exactly(&gradient[i], &lost[i], -2 * half * chance);
		gradient[i] += lost[i];
		excess += gradient[i];
		weights[i] = chance * (1 - chance);
		total += weights[i];
	}
	for (int i = 0; i < n && total > 0; i++)
		gradient[i] -= excess * weights[i] / total;
}

/*
 * Take what the pairs of a run give to the first model off the gradients of the
 * others.  Returns its sum.
 */
static double
share_surplus(Likelihood *likelihood, const PairRun *run, PairPoints points,
			  const double *strengths, double *gradient)
{
	const double *restrict a = points.first + run->pair;
	const double *restrict b = points.second + run->pair;
	const double *restrict p = likelihood->p;
	const double *restrict q = likelihood->q;
	double	   *restrict others = gradient + run->second;
	double		sum = 0;

	find_chances(likelihood, run, strengths, false);
#pragma omp simd reduction(+:sum)
	for (int t = 0; t < run->length; t++)
	{
		double		surplus = a[t] * q[t] - b[t] * p[t];

		others[t] -= surplus;
		sum += surplus;
	}
	return sum;
}

/*
 * The same by worths: a q - b p = (a w_j - b w_i) / (w_i + w_j).  Nearly all of
 * a bootstrap's gradients go this way, so the chances are not even stored.  Adds what
 * the first model gets, too.
 */
FOR_WIDE_VECTORS static void
share_surplus_by_worths(const Likelihood *likelihood, const PairRun *run,
						PairPoints points, double *gradient)
{
	const double *restrict a = points.first + run->pair;
	const double *restrict b = points.second + run->pair;
	const double *restrict worths = likelihood->worths + run->second;
	double		own = likelihood->worths[run->first];
	double	   *restrict others = gradient + run->second;
	double		sum = 0;

#pragma omp simd reduction(+:sum)
	for (int t = 0; t < run->length; t++)
	{
		double		surplus = (a[t] * worths[t] - b[t] * own) / (own + worths[t]);

		others[t] -= surplus;
		sum += surplus;
	}
	gradient[run->first] += sum;
}

/*
 * The same of two runs with the same others, for which one division does:
 * 1 / x = y / (x y), which worths are far from overflowing.  And the others are
 * fetched once.
 */
FOR_WIDE_VECTORS static void
share_surplus_of_two(const Likelihood *likelihood, const PairRun *run, const PairRun *next,
					 PairPoints points, double *gradient)
{
	const double *restrict a = points.first + run->pair;
	const double *restrict b = points.second + run->pair;
	const double *restrict c = points.first + next->pair;
	const double *restrict d = points.second + next->pair;
	const double *restrict worths = likelihood->worths + run->second;
	double		own = likelihood->worths[run->first];
	double		next_own = likelihood->worths[next->first];
	double	   *restrict others = gradient + run->second;
	double		sum = 0;
	double		next_sum = 0;

#pragma omp simd reduction(+:sum, next_sum)
	for (int t = 0; t < run->length; t++)
	{
		double		x = own + worths[t];
		double		y = next_own + worths[t];
		double		inverse = 1.0 / (x * y);
		double		surplus = (a[t] * worths[t] - b[t] * own) * (y * inverse);
		double		next_surplus = (c[t] * worths[t] - d[t] * next_own) * (x * inverse);

		others[t] -= surplus + next_surplus;
		sum += surplus;
		next_sum += next_surplus;
	}
	gradient[run->first] += sum;
	gradient[next->first] += next_sum;
}

/*
 * The same of a run of one pair, which takes less than to begin a loop over vectors.
 */
static inline void
share_surplus_of_pair(const Likelihood *likelihood, const PairRun *run,
					  PairPoints points, double *gradient)
{
	double		own = likelihood->worths[run->first];
	double		other = likelihood->worths[run->second];
	double		surplus = (points.first[run->pair] * other - points.second[run->pair] * own) /
		(own + other);

	gradient[run->first] += surplus;
	gradient[run->second] -= surplus;
}

/*
 * A part of a run: the pairs from one other model up to before another.
 */
static PairRun
part_of_run(const PairRun *run, int begin, int end)
{
	return (PairRun)
	{
		run->first, begin, run->pair + begin - run->second, end - begin
	};
}

/*
 * The same of two runs: of what they share together, of the rest each by itself.
 */
static void
share_surplus_of_runs(const Likelihood *likelihood, const PairRun *run, const PairRun *next,
					  PairPoints points, double *gradient)
{
	int			run_end = run->second + run->length;
	int			next_end = next->second + next->length;
	int			begin = Max(run->second, next->second);
	int			end = Min(run_end, next_end);
	PairRun		shared = part_of_run(run, begin, end);
	PairRun		shared_next = part_of_run(next, begin, end);

	if (end <= begin)
	{
		share_surplus_by_worths(likelihood, run, points, gradient);
		share_surplus_by_worths(likelihood, next, points, gradient);
		return;
	}
	share_surplus_of_two(likelihood, &shared, &shared_next, points, gradient);
	for (int k = 0; k < 4; k++)
	{
		PairRun		part = k == 0 ? part_of_run(run, run->second, begin) :
			k == 1 ? part_of_run(run, end, run_end) :
			k == 2 ? part_of_run(next, next->second, begin) :
			part_of_run(next, end, next_end);

		if (part.length == 1)
			share_surplus_of_pair(likelihood, &part, points, gradient);
		else if (part.length > 1)
			share_surplus_by_worths(likelihood, &part, points, gradient);
	}
}

/*
 * The gradient of the log-likelihood.
 */
void
likelihood_gradient(Likelihood *likelihood, PairPoints points,
					const double *strengths, double *gradient)
{
	bool		by_worths = find_worths(likelihood, strengths);

	CHECK_FOR_INTERRUPTS();
	memset(gradient, 0, sizeof(double) * likelihood->num_models);

	for (int r = 0; r < likelihood->num_runs; r++)
	{
		const PairRun *run = &likelihood->runs[r];

		if (!by_worths)
			gradient[run->first] += share_surplus(likelihood, run, points, strengths, gradient);
		else if (r + 1 < likelihood->num_runs)
		{
			share_surplus_of_runs(likelihood, run, run + 1, points, gradient);
			r++;
		}
		else
			share_surplus_by_worths(likelihood, run, points, gradient);
	}
	if (likelihood->prior_battles > 0)
	{
		memset(likelihood->lost, 0, sizeof(double) * likelihood->num_models);
		add_prior(likelihood, strengths, gradient, likelihood->lost);
	}
}

/*
 * A pair's a q - b p in two parts that keep all digits, each by itself:
 * a - (a + b) p where the first is unlikely to win, else -b + (a + b) q.
 */
static inline void
split_surplus(double a, double b, double p, double q, double *whole, double *rest)
{
	bool		unlikely_to_win = p < q;

	*whole = unlikely_to_win ? a : -b;
	*rest = unlikely_to_win ? -(a + b) * p : (a + b) * q;
}

/*
 * The same gradient, as if summed with twice the digits.  What a pair gives to
 * one model it takes off the other, so the gradients of models that are tied to
 * each other by many battles and to the rest by few add up to little: with the
 * rounding of plain sums that little, and so the place of the group, is lost.  So
 * is that of a model which has beaten one far above it and lost to one far below:
 * nearly a point against nearly a point.
 */
void
likelihood_exact_gradient(Likelihood *likelihood, PairPoints points,
						  const double *strengths, double *gradient)
{
	bool		by_worths = find_worths(likelihood, strengths);
	double	   *lost = likelihood->lost;

	memset(gradient, 0, sizeof(double) * likelihood->num_models);
	memset(lost, 0, sizeof(double) * likelihood->num_models);
	for (int r = 0; r < likelihood->num_runs; r++)
	{
		const PairRun *run = &likelihood->runs[r];

		CHECK_FOR_INTERRUPTS_AT(r);
		find_chances(likelihood, run, strengths, by_worths);
		for (int t = 0; t < run->length; t++)
		{
			int			second = run->second + t;
			double		whole,
						rest;

			split_surplus(points.first[run->pair + t], points.second[run->pair + t],
						  likelihood->p[t], likelihood->q[t], &whole, &rest);
			add_exactly(&gradient[run->first], &lost[run->first], whole);
			add_exactly(&gradient[run->first], &lost[run->first], rest);
			add_exactly(&gradient[second], &lost[second], -whole);
			add_exactly(&gradient[second], &lost[second], -rest);
		}
	}
	if (likelihood->prior_battles > 0)
		add_prior(likelihood, strengths, gradient, lost);
	else
		for (int i = 0; i < likelihood->num_models; i++)
			gradient[i] += lost[i];
}

/*
 * The lower triangle, column-major, of the negative of the Hessian.
 */
void
likelihood_hessian(Likelihood *likelihood, PairPoints points,
				   const double *strengths, double *matrix)
{
	bool		by_worths = find_worths(likelihood, strengths);
	Size		n = likelihood->num_models;

	CHECK_FOR_INTERRUPTS();
	memset(matrix, 0, sizeof(double) * n * n);

	for (int r = 0; r < likelihood->num_runs; r++)
	{
		const PairRun *run = &likelihood->runs[r];
		double	   *column = matrix + run->first * n;

		CHECK_FOR_INTERRUPTS_AT(r);
		find_chances(likelihood, run, strengths, by_worths);
		for (int t = 0; t < run->length; t++)
		{
			Size		second = run->second + t;
			double		weight = (points.first[run->pair + t] +
								  points.second[run->pair + t]) *
				likelihood->p[t] * likelihood->q[t];

			column[second] = -weight;
			column[run->first] += weight;
			matrix[second * n + second] += weight;
		}
	}
	if (likelihood->prior_battles > 0)
		add_prior_curvature(likelihood, strengths, matrix);
}
