/*-------------------------------------------------------------------------
 *
 * components.c
 *	  Which models can be compared with each other.
 *
 * Draw an edge from i to j when i has beaten or tied j at least once.  The
 * Bradley-Terry likelihood has a finite maximum exactly when this graph is
 * strongly connected (L. R. Ford Jr., "Solution of a ranking problem from
 * binary comparisons", 1957).  Where it is not, only the models of one strong
 * component can be placed on a scale: the largest, by models, then by battles
 * among them, then by the first model.  A component of a single model has
 * nothing to be compared with and places nobody.
 *
 * The strong components are found by Tarjan's algorithm in O(pairs), without
 * recursion.  A bootstrap asks this of every replicate, and there nearly
 * always a simpler test answers: if the pairs in which both sides took points
 * connect all models, the graph is strongly connected.  It needs to look at
 * few pairs only.
 *
 * Memory: 16 bytes a pair and about 50 a model.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "method/method.h"

/* A model that this one has met, and the pair that says how it went */
typedef struct Neighbour
{
	int32		model;
	int32		pair;
} Neighbour;

/* A component's edges to and from the models outside of it */
typedef struct ComponentEdges
{
	bool		beats;
	bool		loses;
} ComponentEdges;

struct BattleGraph
{
	const Tally *tally;
	int		   *start;			/* neighbours of i: start[i] to start[i + 1] */
	Neighbour  *neighbours;

	/* What find_components() says: each model's, and the one that is placed */
	int		   *component;
	int			num_components;
	int			placed;			/* -1: none */

	/* Workspace, num_models each */
	int		   *parent;			/* of a union-find forest */
	int		   *reached;		/* the order in which Tarjan met a model, from
								 * 1 */
	int		   *lowest;
	int		   *stack;
	int		   *path;
	int		   *edge;
	int		   *size;
	double	   *battles;
	ComponentEdges *edges;
};

/*
 * Set up the neighbours of each model of a tally.
 */
BattleGraph *
graph_create(const Tally *tally)
{
	BattleGraph *graph = palloc0(sizeof(BattleGraph));
	int			n = tally->num_models;
	int		   *next;

	graph->tally = tally;
	graph->start = palloc0(sizeof(int) * (n + 1));
	graph->neighbours = MemoryContextAllocHuge(CurrentMemoryContext,
											   mul_size(tally->num_pairs + 1,
														2 * sizeof(Neighbour)));
	graph->component = palloc(sizeof(int) * n);
	graph->parent = palloc(sizeof(int) * n);
	graph->reached = palloc(sizeof(int) * n);
	graph->lowest = palloc(sizeof(int) * n);
	graph->stack = palloc(sizeof(int) * n);
	graph->path = palloc(sizeof(int) * n);
	graph->edge = palloc(sizeof(int) * n);
	graph->size = palloc(sizeof(int) * n);
	graph->battles = palloc(sizeof(double) * n);
	graph->edges = palloc(sizeof(ComponentEdges) * n);

	for (int p = 0; p < tally->num_pairs; p++)
	{
		CHECK_FOR_INTERRUPTS_AT(p);
		graph->start[tally->pairs[p].first + 1]++;
		graph->start[tally->pairs[p].second + 1]++;
	}
	for (int i = 0; i < n; i++)
		graph->start[i + 1] += graph->start[i];

	next = palloc(sizeof(int) * n);
	memcpy(next, graph->start, sizeof(int) * n);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		int			first = tally->pairs[p].first;
		int			second = tally->pairs[p].second;

		CHECK_FOR_INTERRUPTS_AT(p);
		graph->neighbours[next[first]++] = (Neighbour)
		{
			second, p
		};
		graph->neighbours[next[second]++] = (Neighbour)
		{
			first, p
		};
	}
	pfree(next);

	return graph;
}

/*
 * Did the model take a point off this neighbour?
 */
static inline bool
took_points(PairPoints points, int model, Neighbour neighbour)
{
	return (model < neighbour.model ? points.first : points.second)[neighbour.pair] > 0;
}

/*
 * Did it lose a point to it?
 */
static inline bool
lost_points(PairPoints points, int model, Neighbour neighbour)
{
	return (model < neighbour.model ? points.second : points.first)[neighbour.pair] > 0;
}

static int
find_root(int *parent, int model)
{
	while (parent[model] != model)
	{
		parent[model] = parent[parent[model]];
		model = parent[model];
	}
	return model;
}

/*
 * Join the models of every pair that has battles, or with mutual only of
 * those in which both sides took points.  Returns the number of sets that
 * remain, and stops as soon as it is 1.
 */
static int
join_pairs(BattleGraph *graph, PairPoints points, bool mutual)
{
	const Tally *tally = graph->tally;
	int			num_sets = tally->num_models;

	for (int i = 0; i < tally->num_models; i++)
		graph->parent[i] = i;

	for (int p = 0; p < tally->num_pairs && num_sets > 1; p++)
	{
		bool		joined;
		int			a,
					b;

		CHECK_FOR_INTERRUPTS_AT(p);
		if (mutual)
			joined = points.first[p] > 0 && points.second[p] > 0;
		else
			joined = points.first[p] > 0 || points.second[p] > 0;
		if (!joined)
			continue;

		a = find_root(graph->parent, tally->pairs[p].first);
		b = find_root(graph->parent, tally->pairs[p].second);
		if (a != b)
		{
			graph->parent[Max(a, b)] = Min(a, b);
			num_sets--;
		}
	}
	return num_sets;
}

/*
 * Tarjan's algorithm from one model: every strong component that it can reach
 * and that has none yet gets its number.  path[] is what recursion would keep
 * on the call stack, edge[] where each of its models stands among its
 * neighbours.
 */
static void
find_components_from(BattleGraph *graph, PairPoints points, int root,
					 int *num_reached, int *stack_height)
{
	int			depth = 0;

	graph->path[0] = root;
	graph->edge[root] = graph->start[root];
	graph->reached[root] = graph->lowest[root] = ++*num_reached;
	graph->stack[(*stack_height)++] = root;

	while (depth >= 0)
	{
		int			model = graph->path[depth];

		if (graph->edge[model] < graph->start[model + 1])
		{
			Neighbour	neighbour = graph->neighbours[graph->edge[model]++];
			int			other = neighbour.model;

			if (!took_points(points, model, neighbour))
				continue;
			if (graph->reached[other] == 0)
			{
				graph->path[++depth] = other;
				graph->edge[other] = graph->start[other];
				graph->reached[other] = graph->lowest[other] = ++*num_reached;
				graph->stack[(*stack_height)++] = other;
			}
			else if (graph->component[other] < 0)
				graph->lowest[model] = Min(graph->lowest[model],
										   graph->reached[other]);
			continue;
		}

		/* All its edges are done: it may be the first of a component */
		if (graph->lowest[model] == graph->reached[model])
		{
			int			member;

			do
			{
				member = graph->stack[--(*stack_height)];
				graph->component[member] = graph->num_components;
			} while (member != model);
			graph->num_components++;
		}
		if (--depth >= 0)
		{
			int			before = graph->path[depth];

			graph->lowest[before] = Min(graph->lowest[before],
										graph->lowest[model]);
		}
	}
}

/*
 * The largest component, by models, then by battles, then by its first model;
 * -1 when no component has more than one model.
 */
static int
largest_component(BattleGraph *graph, PairPoints points)
{
	const Tally *tally = graph->tally;
	int			largest = -1;

	memset(graph->size, 0, sizeof(int) * graph->num_components);
	memset(graph->battles, 0, sizeof(double) * graph->num_components);
	for (int i = 0; i < tally->num_models; i++)
		graph->size[graph->component[i]]++;
	for (int p = 0; p < tally->num_pairs; p++)
	{
		int			c = graph->component[tally->pairs[p].first];

		CHECK_FOR_INTERRUPTS_AT(p);
		if (c == graph->component[tally->pairs[p].second])
			graph->battles[c] += points.first[p] + points.second[p];
	}

	for (int i = 0; i < tally->num_models; i++)
	{
		int			c = graph->component[i];

		if (graph->size[c] < 2 || c == largest)
			continue;
		if (largest < 0 ||
			graph->size[c] > graph->size[largest] ||
			(graph->size[c] == graph->size[largest] &&
			 graph->battles[c] > graph->battles[largest]))
			largest = c;
	}
	return largest;
}

/*
 * Find the strong components, and the one whose models are placed.
 */
static void
find_components(BattleGraph *graph, PairPoints points)
{
	int			n = graph->tally->num_models;
	int			num_reached = 0;
	int			stack_height = 0;

	graph->num_components = 0;
	for (int i = 0; i < n; i++)
	{
		graph->component[i] = -1;
		graph->reached[i] = 0;
	}
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (graph->reached[i] == 0)
			find_components_from(graph, points, i, &num_reached, &stack_height);
	}
	graph->placed = largest_component(graph, points);
}

/*
 * Does each component take points off models outside of it, and lose any?
 */
static void
find_component_edges(BattleGraph *graph, PairPoints points)
{
	const Tally *tally = graph->tally;

	memset(graph->edges, 0, sizeof(ComponentEdges) * graph->num_components);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		int			a = graph->component[tally->pairs[p].first];
		int			b = graph->component[tally->pairs[p].second];

		CHECK_FOR_INTERRUPTS_AT(p);
		if (a == b)
			continue;
		if (points.first[p] > 0)
			graph->edges[a].beats = graph->edges[b].loses = true;
		if (points.second[p] > 0)
			graph->edges[b].beats = graph->edges[a].loses = true;
	}
}

/*
 * Give a standing to every model from which the placed ones can be reached
 * over victories (STANDING_ABOVE) or defeats (STANDING_BELOW).
 */
static void
spread_standing(BattleGraph *graph, PairPoints points, Standing spread,
				Standing *standing)
{
	int			n = graph->tally->num_models;
	int			num_queued = 0;

	for (int i = 0; i < n; i++)
		if (standing[i] == STANDING_PLACED)
			graph->stack[num_queued++] = i;

	for (int done = 0; done < num_queued; done++)
	{
		int			model = graph->stack[done];

		for (int e = graph->start[model]; e < graph->start[model + 1]; e++)
		{
			Neighbour	neighbour = graph->neighbours[e];
			bool		reaches;

			if (standing[neighbour.model] != STANDING_APART)
				continue;
			reaches = spread == STANDING_ABOVE ?
				lost_points(points, model, neighbour) :
				took_points(points, model, neighbour);
			if (reaches)
			{
				standing[neighbour.model] = spread;
				graph->stack[num_queued++] = neighbour.model;
			}
		}
	}
}

/*
 * Where every model stands when these are the points.  Returns the number of
 * models that are placed.  If nobody can be placed, a model that only won
 * counts as above and one that only lost as below.
 */
int
graph_find_standings(BattleGraph *graph, PairPoints points, Standing *standing)
{
	int			n = graph->tally->num_models;

	if (n > 1 && join_pairs(graph, points, true) == 1)
	{
		for (int i = 0; i < n; i++)
			standing[i] = STANDING_PLACED;
		return n;
	}

	find_components(graph, points);
	if (graph->placed < 0)
	{
		find_component_edges(graph, points);
		for (int i = 0; i < n; i++)
		{
			ComponentEdges edges = graph->edges[graph->component[i]];

			if (edges.beats == edges.loses)
				standing[i] = STANDING_APART;
			else
				standing[i] = edges.beats ? STANDING_ABOVE : STANDING_BELOW;
		}
		return 0;
	}

	for (int i = 0; i < n; i++)
		standing[i] = graph->component[i] == graph->placed ?
			STANDING_PLACED : STANDING_APART;
	spread_standing(graph, points, STANDING_ABOVE, standing);
	spread_standing(graph, points, STANDING_BELOW, standing);
	return graph->size[graph->placed];
}

/*
 * Why the models that cannot be placed cannot be; MODEL_RANKED for those that
 * can.
 */
void
graph_explain(BattleGraph *graph, PairPoints points, ModelStatus *status)
{
	int			n = graph->tally->num_models;
	int			tied_to_placed = -1;

	find_components(graph, points);
	find_component_edges(graph, points);
	join_pairs(graph, points, false);

	for (int i = 0; i < n && tied_to_placed < 0; i++)
		if (graph->component[i] == graph->placed)
			tied_to_placed = find_root(graph->parent, i);

	for (int i = 0; i < n; i++)
	{
		ComponentEdges edges = graph->edges[graph->component[i]];

		if (graph->component[i] == graph->placed)
			status[i] = MODEL_RANKED;
		else if (tied_to_placed >= 0 &&
				 find_root(graph->parent, i) != tied_to_placed)
			status[i] = MODEL_DISCONNECTED;
		else if (edges.beats && !edges.loses)
			status[i] = MODEL_UNDEFEATED;
		else if (edges.loses && !edges.beats)
			status[i] = MODEL_WINLESS;
		else
			status[i] = MODEL_SEPARATED;
	}
}
