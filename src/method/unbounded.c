/*-------------------------------------------------------------------------
 *
 * unbounded.c
 *	  Do the battles bound what covariates are worth?
 *
 * They do not if there is a way to infinity (edges.c) along which position, covariates
 * and the odds of ties go by some numbers w: for example if of two close models whoever
 * gave the longer answer always won.  Then the likelihood has no maximum (Albert and
 * Anderson 1984).
 *
 * For a given w, a negative cycle says that this is no such way.  It says the same of
 * many others: the length of the cycle is a sum of what covariates are in its battles,
 * times w, so that it is a wall that all ways lie behind.  From the walls that are known
 * the nearest way to each of some directions is proposed (cone.c), and tried, until
 * there is a way, or nothing is left between the walls.  The directions are such that
 * any way is on the same side as one of them.
 *
 * It is asked once the covariates have been seen to be told from the strengths and from
 * each other (regression.c): what cannot be told is a way on which nothing changes.
 *
 * Time: as a rule some passes over the cells for each covariate.
 * Memory: 8 bytes for each cell, and its edges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* A cycle is negative if it is so by this part of the largest lead, for each edge */
#define TOLERANCE 1e-10

/* What is left between walls of a direction is a way, and not rounding */
#define LEAST_WAY 1e-6

/* With so many walls it is given up, and left to the climb */
#define MAX_WALLS 5000

/* What is searched in */
typedef struct WaySearch
{
	const OutcomeCells *cells;
	int			num_slopes;		/* position and covariates */
	int			size;			/* and ties */
	EdgeList   *edges;
	double	   *leads;			/* of cells */
	double	   *wall;
	Cone	   *cone;
} WaySearch;

/*
 * Is this a way, which has length 1?  If not, a wall is known behind which it lies.
 */
static bool
is_way(WaySearch *search, const double *way)
{
	double		ties = search->size > search->num_slopes ? way[search->num_slopes] : 0;
	double		largest = fabs(ties);
	double		multiple;

	for (int c = 0; c < search->cells->tally->num_pairs; c++)
	{
		CHECK_FOR_INTERRUPTS_AT(c);
		search->leads[c] = dot_product(search->cells->x + (Size) c * search->num_slopes, way,
									   search->num_slopes);
		largest = Max(largest, fabs(search->leads[c]));
	}
	if (!edges_negative_cycle(search->edges, search->leads, ties, TOLERANCE * largest))
		return true;
	edges_cycle_sums(search->edges, search->cells->x, search->num_slopes, search->wall,
					 &multiple);
	if (search->size > search->num_slopes)
		search->wall[search->num_slopes] = multiple;
	cone_add_wall(search->cone, search->wall);
	return false;
}

/*
 * Is there a way on the side of a direction?
 */
static bool
find_way_beside(WaySearch *search, const double *direction, double *way)
{
	while (cone_num_walls(search->cone) < MAX_WALLS)
	{
		double		length;

		CHECK_FOR_INTERRUPTS();
		cone_nearest(search->cone, direction, way);
		length = sqrt(dot_product(way, way, search->size));
		if (!(length > LEAST_WAY))
			return false;
		for (int k = 0; k < search->size; k++)
			way[k] /= length;
		if (is_way(search, way))
			return true;
	}
	return false;
}

/*
 * Is there a way to infinity?  Then the numbers by which position, covariates and the
 * odds of ties go along it.
 */
bool
find_way_to_infinity(const OutcomeCells *cells, PairPoints points, double prior_battles,
					 ModelTerms terms, double *way)
{
	bool		ties = terms.ties == TIES_DAVIDSON;
	int			num_slopes = terms.position + terms.num_covariates;
	int			size = num_slopes + ties;
	double	   *direction = palloc0(sizeof(double) * size);
	bool		found = false;
	WaySearch	search = {
		.cells = cells,.num_slopes = num_slopes,.size = size,
		.edges = edges_create(cells, points, prior_battles, ties),
		.leads = MemoryContextAllocHuge(CurrentMemoryContext,
										mul_size(cells->tally->num_pairs + 1, sizeof(double))),
		.wall = palloc(sizeof(double) * size),.cone = cone_create(size)
	};

	/* ties become more likely, since there are some */
	if (ties)
	{
		direction[size - 1] = 1;
		cone_add_wall(search.cone, direction);
	}
	for (int k = 0; k <= size && !found; k++)
	{
		for (int l = 0; l < size; l++)
			direction[l] = k == size ? -1 / sqrt(size) : l == k;
		found = find_way_beside(&search, direction, way);
	}
	edges_free(search.edges);
	cone_free(search.cone);
	pfree(search.leads);
	pfree(search.wall);
	pfree(direction);
	return found;
}
