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
 * These are bounds of differences: x_j may be at most x_i plus a length, which is base +
 * slope c.  Such numbers exist exactly when no cycle of such edges has a negative length
 * (Bellman and Ford).  For position c is 1 or -1.  For ties it may be any number: a
 * negative cycle that was found bounds it, from below or above or at all, and the next
 * one is looked for at that bound, a fraction of integers, until none is found or
 * nothing is left between.
 *
 * As a rule a single pair tells: of ties, one that has won and lost in the same places.
 *
 * A prior adds battles of each model against one opponent, in which either takes points
 * whoever stands first; so h is 0 between them.
 *
 * Time: as a rule a glance at a few cells; at worst models times cells for each cycle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

/* x of one model is at most that of another, plus base + slope c */
typedef struct Edge
{
	int			from;
	int			to;
	int			base;
	int			slope;
} Edge;

typedef struct EdgeList
{
	int			num_nodes;
	Size		num_edges;
	Edge	   *edges;

	/* Workspace of the search, num_nodes each */
	int64	   *bound;
	Size	   *via;			/* the last edge to a node, plus 1 */
	int		   *mark;
} EdgeList;

/* What a battle was like in a cell */
typedef struct CellOutcomes
{
	bool		won;			/* by the first model of the pair */
	bool		lost;
	bool		tied;
} CellOutcomes;

static CellOutcomes
cell_outcomes(PairPoints points, int c)
{
	double		half_ties = points.ties[c] / 2;

	return (CellOutcomes)
	{
		points.first[c] > half_ties, points.second[c] > half_ties, half_ties > 0
	};
}

/* What standing first adds in a cell to how far the first model of the pair is ahead */
static int
cell_slope(const OutcomeCells *cells, int c)
{
	if (cells->num_sides == 1)
		return 0;
	return c < cells->pairs->num_pairs ? 1 : -1;
}

static EdgeList *
edges_create(const OutcomeCells *cells, double prior_battles)
{
	EdgeList   *list = palloc0(sizeof(EdgeList));
	int			n = cells->tally->num_models;
	Size		most = mul_size(cells->tally->num_pairs, 4) + 2 * n + 1;

	list->num_nodes = n + (prior_battles > 0);
	list->edges = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(most, sizeof(Edge)));
	list->bound = palloc(sizeof(int64) * list->num_nodes);
	list->via = palloc(sizeof(Size) * list->num_nodes);
	list->mark = palloc(sizeof(int) * list->num_nodes);
	for (int i = 0; i < n && prior_battles > 0; i++)
	{
		list->edges[list->num_edges++] = (Edge)
		{
			i, n, 0, 0
		};
		list->edges[list->num_edges++] = (Edge)
		{
			n, i, 0, 0
		};
	}
	return list;
}

static void
edges_free(EdgeList *list)
{
	pfree(list->edges);
	pfree(list->bound);
	pfree(list->via);
	pfree(list->mark);
	pfree(list);
}

static void
add_edge(EdgeList *list, int from, int to, int base, int slope)
{
	list->edges[list->num_edges++] = (Edge)
	{
		from, to, base, slope
	};
}

/*
 * A node on the cycle of last edges that a node leads back to, or -1 if it leads to
 * none.
 */
static int
find_cycle_from(const EdgeList *list, int node, int mark)
{
	while (list->mark[node] == 0)
	{
		list->mark[node] = mark;
		if (list->via[node] == 0)
			return -1;
		node = list->edges[list->via[node] - 1].from;
	}
	return list->mark[node] == mark ? node : -1;
}

/*
 * A node on any cycle of last edges, or -1.
 */
static int
find_cycle(EdgeList *list)
{
	memset(list->mark, 0, sizeof(int) * list->num_nodes);
	for (int i = 0; i < list->num_nodes; i++)
		if (list->mark[i] == 0)
		{
			int			node = find_cycle_from(list, i, i + 1);

			if (node >= 0)
				return node;
		}
	return -1;
}

/*
 * Is there a cycle of negative length, c being the fraction numerator / denominator?
 * Then the sums of its bases and slopes.
 */
static bool
find_negative_cycle(EdgeList *list, int64 numerator, int64 denominator, int64 *bases,
					int64 *slopes)
{
	bool		changed = true;
	int			node = -1;

	memset(list->bound, 0, sizeof(int64) * list->num_nodes);
	memset(list->via, 0, sizeof(Size) * list->num_nodes);
	while (changed && node < 0)
	{
		changed = false;
		for (Size e = 0; e < list->num_edges; e++)
		{
			const Edge *edge = &list->edges[e];
			int64		bound = list->bound[edge->from] +
				edge->base * denominator + edge->slope * numerator;

			CHECK_FOR_INTERRUPTS_AT(e);
			if (bound >= list->bound[edge->to])
				continue;
			list->bound[edge->to] = bound;
			list->via[edge->to] = e + 1;
			changed = true;
		}
		/* a cycle of last edges is a negative one */
		if (changed)
			node = find_cycle(list);
	}
	if (node < 0)
		return false;

	*bases = *slopes = 0;
	for (int i = node;;)
	{
		const Edge *edge = &list->edges[list->via[i] - 1];

		*bases += edge->base;
		*slopes += edge->slope;
		i = edge->from;
		if (i == node)
			return true;
	}
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
	int64		bases,
				slopes;
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
	list = edges_create(cells, prior_battles);
	for (int c = 0; c < cells->tally->num_pairs; c++)
	{
		const Pair *pair = &cells->tally->pairs[c];
		int			slope = cell_slope(cells, c);

		if (points.first[c] > 0)
			add_edge(list, pair->first, pair->second, 0, slope);
		if (points.second[c] > 0)
			add_edge(list, pair->second, pair->first, 0, -slope);
	}
	found = !find_negative_cycle(list, direction, 1, &bases, &slopes);
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
has_way_of_ties(EdgeList *list)
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
	int64		bases,
				slopes;

	while (find_negative_cycle(list, numerator, denominator, &bases, &slopes))
	{
		if (slopes == 0)
			return false;
		if (slopes > 0)
		{
			numerator = low = -bases;
			denominator = low_of = slopes;
		}
		else
		{
			numerator = high = bases;
			denominator = high_of = -slopes;
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

	list = edges_create(cells, prior_battles);
	for (int c = 0; c < cells->tally->num_pairs; c++)
	{
		const Pair *pair = &cells->tally->pairs[c];
		CellOutcomes outcomes = cell_outcomes(points, c);
		int			slope = position ? cell_slope(cells, c) : 0;

		if (outcomes.won)
			add_edge(list, pair->first, pair->second, -2, slope);
		if (outcomes.lost)
			add_edge(list, pair->second, pair->first, -2, -slope);
		if (outcomes.tied)
		{
			add_edge(list, pair->first, pair->second, 2, slope);
			add_edge(list, pair->second, pair->first, 2, -slope);
		}
	}
	found = has_way_of_ties(list);
	edges_free(list);
	return found;
}
