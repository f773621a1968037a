/*-------------------------------------------------------------------------
 *
 * separation.c
 *	  Do the battles bound what standing first is worth, and how often ties are?
 *
 * That models can be compared (components.c) is not enough where a model has more than
 * strengths.  The likelihood has no maximum exactly when there is a way to infinity
 * along which it never falls: an assignment x of numbers to models, and a number c to
 * standing first, with h = x_i - x_j + c for i standing first, such that
 *
 * - for position: h >= 0 wherever i took a point, and h <= 0 wherever j did, c not 0;
 * - for ties: h >= 2 on every win of i, h <= -2 on every win of j, and -2 <= h <= 2 on
 *	 every tie.  Then ties become ever more likely, the better they are told.
 *	 (Without any tie the way leads to where there are none.)
 *
 * For a given c such numbers exist exactly when no cycle of bounds is negative (edges.c).
 * For position c is 1 or -1.  For ties it may be any number: a negative cycle that was
 * found bounds it, from below or above or at all, and the next one is looked for at that
 * bound, a fraction of integers, until none is found or nothing is left between.
 *
 * As a rule a single pair tells: of ties, one that has won and lost in the same places.
 *
 * Time: as a rule a glance at a few cells; at worst models times cells for each cycle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

/* What standing first adds in a cell to how far the first model of the pair is ahead */
static int
cell_slope(const OutcomeCells *cells, int c)
{
	if (cells->num_sides == 1)
		return 0;
	return c < cells->pairs->num_pairs ? 1 : -1;
}

/*
 * The same of all cells, as an array; without position 0.
 */
static double *
cell_slopes(const OutcomeCells *cells, bool position)
{
	int			n = cells->tally->num_pairs;
	double	   *slopes = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(n + 1, sizeof(double)));

	for (int c = 0; c < n; c++)
		slopes[c] = position ? cell_slope(cells, c) : 0;
	return slopes;
}

/* Is there a negative cycle if standing first adds so much, and ties so much? */
static bool
find_negative_cycle(EdgeList *list, const double *slopes, double *leads, int num_cells,
					int64 numerator, int64 denominator)
{
	for (int c = 0; c < num_cells; c++)
		leads[c] = slopes[c] * numerator;
	return edges_negative_cycle(list, leads, denominator, 0);
}

/*
 * Is there such an assignment with c = direction, 1 or -1?
 */
static bool
has_way_of_position(const OutcomeCells *cells, PairPoints points, double prior_battles,
					int direction)
{
	int			num_pairs = cells->pairs->num_pairs;
	EdgeList   *list;
	double	   *leads;
	bool		found;

	/*
	 * a pair that took points off each other, each in the worse place for
	 * this c
	 */
	for (int p = 0; p < num_pairs; p++)
	{
		int			worse = direction > 0 ? num_pairs + p : p;
		int			better = direction > 0 ? p : num_pairs + p;

		CHECK_FOR_INTERRUPTS_AT(p);
		if (points.first[worse] > 0 && points.second[better] > 0)
			return false;
	}
	list = edges_create(cells, points, prior_battles, false);
	leads = cell_slopes(cells, true);
	found = !find_negative_cycle(list, leads, leads, cells->tally->num_pairs, direction, 0);
	pfree(leads);
	edges_free(list);
	return found;
}

/*
 * Which way the worth of standing first goes to infinity: 1, -1, or 0 if it does not.
 * The models can be compared.
 */
int
position_separation(const OutcomeCells *cells, PairPoints points, double prior_battles)
{
	for (int direction = 1; direction >= -1; direction -= 2)
		if (has_way_of_position(cells, points, prior_battles, direction))
			return direction;
	return 0;
}

/*
 * Is there an assignment for ties, with any c?
 */
static bool
has_way_of_ties(EdgeList *list, const double *slopes, double *leads, int num_cells)
{
	/*
	 * bounds of c as fractions, there being none as long as a denominator is
	 * 0
	 */
	int64		low = -1,
				low_of = 0,
				high = 1,
				high_of = 0;
	int64		numerator = 0,
				denominator = 1;

	while (find_negative_cycle(list, slopes, leads, num_cells, numerator, denominator))
	{
		double		slope,
					base;

		edges_cycle_sums(list, slopes, 1, &slope, &base);
		if (slope == 0)
			return false;
		if (slope > 0)
		{
			numerator = low = (int64) -base;
			denominator = low_of = (int64) slope;
		}
		else
		{
			numerator = high = (int64) base;
			denominator = high_of = (int64) -slope;
		}
		if (low_of > 0 && high_of > 0 && low * high_of > high * low_of)
			return false;
	}
	return true;
}

/*
 * Which way the odds of ties go to infinity: -1, as there are no ties, 1, or 0 if they
 * do not.  The models can be compared.  c may be any number if standing first has a
 * worth, and else is 0.
 */
int
tie_separation(const OutcomeCells *cells, PairPoints points, double prior_battles,
			   bool position)
{
	EdgeList   *list;
	double	   *slopes,
			   *leads;
	bool		any_tie = false;
	bool		any_contest = false;
	bool		found;

	for (int c = 0; c < cells->tally->num_pairs && !(any_tie && any_contest); c++)
	{
		CellOutcomes outcomes = cell_outcomes(points, c);

		CHECK_FOR_INTERRUPTS_AT(c);
		any_tie |= outcomes.tied;
		any_contest |= outcomes.won && outcomes.lost;
	}
	if (!any_tie)
		return -1;
	if (any_contest)
		return 0;

	list = edges_create(cells, points, prior_battles, true);
	slopes = cell_slopes(cells, position);
	leads = cell_slopes(cells, position);
	found = has_way_of_ties(list, slopes, leads, cells->tally->num_pairs);
	pfree(slopes);
	pfree(leads);
	edges_free(list);
	return found;
}
