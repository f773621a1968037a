/*-------------------------------------------------------------------------
 *
 * edges.c
 *	  Is there a way to infinity along which no battle becomes less likely?
 *
 * Such a way gives each model a number x, and what else decides battles numbers of its
 * own.  Let the lead of a battle be what these add to how far its first model is ahead,
 * h = x_i - x_j + lead, and d how much more likely ties become.  Then
 *
 * - without a chance of their own, ties being halves: h >= 0 wherever i took a point, and
 *	 h <= 0 wherever j did;
 * - with one: h >= 2 d on every win of i, h <= -2 d on every win of j, and
 *	 -2 d <= h <= 2 d on every tie.
 *
 * These are bounds of differences: along the edge from i to j, x_j may be at most x_i
 * plus its length, which is the lead, or the negative of it, and a multiple of d.  For
 * given leads and d such numbers exist exactly when no cycle of edges has a negative
 * length (Bellman and Ford).
 *
 * A prior adds battles of each model against one opponent, in which either takes points
 * whatever else decides; so h is 0 between them.
 *
 * Lengths of whole numbers are exact.  Of others a length counts as negative when it is
 * so by more than a tolerance for each edge.
 *
 * Time: models times edges at worst; as a rule a few passes over the edges.
 * Memory: 16 bytes for each edge, of which a cell has one for each outcome, two for ties.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

/* The cell of an edge of the prior */
#define NO_CELL (-1)

/* x of one model is at most that of another, plus a length */
typedef struct Edge
{
	int32		from;
	int32		to;
	int32		cell;
	int8		sign;			/* of the lead of the cell */
	int8		base;			/* 2 d times so much */
} Edge;

struct EdgeList
{
	int			num_nodes;
	Size		num_edges;
	Edge	   *edges;

	/* Workspace of the search, num_nodes each */
	double	   *bound;
	Size	   *via;			/* the last edge to a node, plus 1 */
	int		   *mark;
	int			on_cycle;		/* a node on the cycle that was found */
};

CellOutcomes
cell_outcomes(PairPoints points, int c)
{
	double		half_ties = points.ties[c] / 2;

	return (CellOutcomes)
	{
		points.first[c] > half_ties, points.second[c] > half_ties, half_ties > 0
	};
}

static void
add_edge(EdgeList *list, int from, int to, int cell, int sign, int base)
{
	list->edges[list->num_edges++] = (Edge)
	{
		from, to, cell, (int8) sign, (int8) base
	};
}

static void
add_prior(EdgeList *list, int num_models)
{
	for (int i = 0; i < num_models; i++)
	{
		add_edge(list, i, num_models, NO_CELL, 0, 0);
		add_edge(list, num_models, i, NO_CELL, 0, 0);
	}
}

/*
 * The edges of cells that have these points, with ties of a chance of their own or not.
 */
EdgeList *
edges_create(const OutcomeCells *cells, PairPoints points, double prior_battles,
			 bool ties)
{
	EdgeList   *list = palloc0(sizeof(EdgeList));
	int			n = cells->tally->num_models;
	Size		most = mul_size(cells->tally->num_pairs, ties ? 4 : 2) + 2 * n + 1;

	list->num_nodes = n + (prior_battles > 0);
	list->edges = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(most, sizeof(Edge)));
	list->bound = palloc(sizeof(double) * list->num_nodes);
	list->via = palloc(sizeof(Size) * list->num_nodes);
	list->mark = palloc(sizeof(int) * list->num_nodes);
	for (int c = 0; c < cells->tally->num_pairs; c++)
	{
		const Pair *pair = &cells->tally->pairs[c];
		CellOutcomes outcomes = {points.first[c] > 0, points.second[c] > 0, false};

		CHECK_FOR_INTERRUPTS_AT(c);
		if (ties)
			outcomes = cell_outcomes(points, c);
		if (outcomes.won)
			add_edge(list, pair->first, pair->second, c, 1, ties ? -1 : 0);
		if (outcomes.lost)
			add_edge(list, pair->second, pair->first, c, -1, ties ? -1 : 0);
		if (!outcomes.tied)
			continue;
		add_edge(list, pair->first, pair->second, c, 1, 1);
		add_edge(list, pair->second, pair->first, c, -1, 1);
	}
	if (prior_battles > 0)
		add_prior(list, n);
	return list;
}

void
edges_free(EdgeList *list)
{
	pfree(list->edges);
	pfree(list->bound);
	pfree(list->via);
	pfree(list->mark);
	pfree(list);
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
 * Is there a cycle of negative length, with these leads of cells, and d?
 */
bool
edges_negative_cycle(EdgeList *list, const double *leads, double d, double tolerance)
{
	bool		changed = true;

	list->on_cycle = -1;
	memset(list->bound, 0, sizeof(double) * list->num_nodes);
	memset(list->via, 0, sizeof(Size) * list->num_nodes);
	while (changed && list->on_cycle < 0)
	{
		changed = false;
		for (Size e = 0; e < list->num_edges; e++)
		{
			const Edge *edge = &list->edges[e];
			double		lead = edge->cell == NO_CELL ? 0 : edge->sign * leads[edge->cell];
			double		bound = list->bound[edge->from] + lead + 2 * d * edge->base;

			CHECK_FOR_INTERRUPTS_AT(e);
			if (!(bound < list->bound[edge->to] - tolerance))
				continue;
			list->bound[edge->to] = bound;
			list->via[edge->to] = e + 1;
			changed = true;
		}
		/* a cycle of last edges is a negative one */
		if (changed)
			list->on_cycle = find_cycle(list);
	}
	return list->on_cycle >= 0;
}

/*
 * Of the cycle that was found: the sum of what each cell has, in arrays of so many, with
 * the signs of the leads, and what d is multiplied by.
 */
void
edges_cycle_sums(const EdgeList *list, const double *values, int number, double *sums,
				 double *multiple)
{
	int			node = list->on_cycle;

	memset(sums, 0, sizeof(double) * number);
	*multiple = 0;
	do
	{
		const Edge *edge = &list->edges[list->via[node] - 1];

		*multiple += 2 * edge->base;
		for (int k = 0; k < number && edge->cell != NO_CELL; k++)
			sums[k] += edge->sign * values[(Size) edge->cell * number + k];
		node = edge->from;
	} while (node != list->on_cycle);
}
