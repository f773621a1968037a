/*-------------------------------------------------------------------------
 *
 * tree.c
 *	  The climb to a maximum that hangs by threads.
 *
 * Where models are tied to each other by much and to the rest by nearly nothing,
 * a gradient by models has lost what holds them: 26 models in a ring, each of which
 * has beaten the next a thousand times, but two of them once, stand where two pairs
 * that curve the likelihood by e^-83 are in balance.  That is lost in the rounding
 * of the thousands, and no sum of twice the digits brings it back.
 *
 * So this climb does not move models.  At every step it takes the spanning tree of
 * the pairs that curve the likelihood most (Prim 1957).  Each edge of the tree
 * parts the models in two; what is moved is one side against the other.  With f_ij
 * what the pair of i and j gives to i, and w_ij its curvature, for an edge t and the
 * models S(t) below it
 *
 *	gradient_t = sum of f_ij over i in S(t), j not in S(t)
 *	H_tt = sum of w_ij over the same pairs
 *	H_tu = sum of w_ij over i in S(u), j not in S(t), where S(u) lies in S(t)
 *	H_tu = -sum of w_ij over i in S(t), j in S(u), where they have none in common
 *
 * Pairs within S(t), however many battles they have, have no part in this, and no
 * curvature is ever taken off another.  f_ij is the points a or -b, whose sums are
 * whole halves and have no rounding, and a rest which is no more than 2 w_ij
 * (likelihood.c says the same in other words); and no pair that crosses t curves more
 * than the edge t does, or the tree would have had it instead.  So the rounding of
 * gradient_t is that of the curvature it will be divided by, however small that is.
 * Divided by the roots of its diagonal, H is the unit matrix and a positive one, so
 * Cholesky loses nothing either.
 *
 * A step is cut to where it surely goes up.  With v the step and b the most that it
 * changes the odds of a pair, a part of ln(1 + b) / b does: the third derivative of
 * ln(1 + e^x) is no larger than its second (Bach 2010, "Self-concordant analysis for
 * logistic regression").  That needs no slopes, which would be lost in the rounding of
 * those of other edges.
 *
 * With a prior the virtual opponent is one more model, from which the tree grows.
 *
 * Time: each step is that of a Cholesky factorization and of some passes over all
 * pairs of models.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* A curvature below has lost digits, or is near that */
#define LEAST_WEIGHT 1e-290

#define MAX_TREE_STEPS 1000

/* The part of the largest strength by which its rounding may move a score */
#define STRENGTH_ROUNDING 1e-14

/* The tie of a model and another, as the one sees it */
typedef struct Tie
{
	int32		other;
	int32		pair;			/* of the tally */
	bool		is_first;		/* the one is the pair's first */
} Tie;

struct Tree
{
	const Tally *tally;
	double		prior_battles;
	int			num_models;
	int			num_nodes;		/* with a prior, one more than models */

	/* The ties of node i are ties[begins[i]] to ties[begins[i + 1] - 1] */
	int		   *begins;
	Tie		   *ties;

	/* By node */
	double	   *strengths;
	bool	   *wanted;			/* is to be placed */
	double	   *strongest;		/* tie to the tree, -1: it has joined */
	int		   *via;			/* that tie's other end */
	int		   *position;

	/*
	 * By position: parents come before their children, and what is below one
	 * lies between it and its end.  What is in no tree comes last.
	 */
	int			num_joined;
	int		   *order;			/* nodes as they joined */
	int		   *node;
	int		   *parent;
	int		   *end;

	/* Of the row at hand, by position; of sums, those before it */
	double	   *weights;
	double	   *rests;
	int64	   *halves;
	double	   *weights_up_to;
	double	   *weights_from;
	double	   *rests_up_to;
	double	   *rests_from;
	int64	   *halves_up_to;

	/* The system to solve, by position */
	Curvature  *curvature;
	double	   *gradient;
	int64	   *whole_halves;	/* of the gradient */
	int		   *whole_priors;
	double	   *scale;
	double	   *step;
};

static void
collect_ties(Tree *tree)
{
	const Tally *tally = tree->tally;
	int		   *next = palloc0(sizeof(int) * (tree->num_models + 1));

	tree->begins = palloc0(sizeof(int) * (tree->num_models + 1));
	tree->ties = palloc(sizeof(Tie) * 2 * tally->num_pairs);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		tree->begins[tally->pairs[p].first + 1]++;
		tree->begins[tally->pairs[p].second + 1]++;
	}
	for (int i = 0; i < tree->num_models; i++)
		next[i + 1] = tree->begins[i + 1] += tree->begins[i];
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		tree->ties[next[pair->first]++] = (Tie)
		{
			pair->second, p, true
		};
		tree->ties[next[pair->second]++] = (Tie)
		{
			pair->first, p, false
		};
	}
	pfree(next);
}

Tree *
tree_create(const Tally *tally, double prior_battles)
{
	Tree	   *tree = palloc0(sizeof(Tree));
	int			n = tally->num_models + (prior_battles > 0);

	tree->tally = tally;
	tree->prior_battles = prior_battles;
	tree->num_models = tally->num_models;
	tree->num_nodes = n;
	collect_ties(tree);

	tree->strengths = palloc(sizeof(double) * n);
	tree->wanted = palloc(sizeof(bool) * n);
	tree->strongest = palloc(sizeof(double) * n);
	tree->via = palloc(sizeof(int) * n);
	tree->position = palloc(sizeof(int) * n);
	tree->order = palloc(sizeof(int) * n);
	tree->node = palloc(sizeof(int) * n);
	tree->parent = palloc(sizeof(int) * n);
	tree->end = palloc(sizeof(int) * n);
	tree->weights = palloc(sizeof(double) * n);
	tree->rests = palloc(sizeof(double) * n);
	tree->halves = palloc(sizeof(int64) * n);
	tree->weights_up_to = palloc(sizeof(double) * (n + 1));
	tree->weights_from = palloc(sizeof(double) * (n + 1));
	tree->rests_up_to = palloc(sizeof(double) * (n + 1));
	tree->rests_from = palloc(sizeof(double) * (n + 1));
	tree->halves_up_to = palloc(sizeof(int64) * (n + 1));
	tree->curvature = curvature_create(n);
	tree->gradient = palloc(sizeof(double) * n);
	tree->whole_halves = palloc(sizeof(int64) * n);
	tree->whole_priors = palloc(sizeof(int) * n);
	tree->scale = palloc(sizeof(double) * n);
	tree->step = palloc(sizeof(double) * n);
	return tree;
}

/*
 * By how much battles of two models that are this far apart curve the likelihood.
 */
double
curvature_of(double battles, double ahead)
{
	double		odds = exp(-fabs(ahead));

	return battles * odds / ((1 + odds) * (1 + odds));
}

static double
tie_curvature(const Tree *tree, PairPoints points, int i, Tie tie)
{
	double		battles = points.first[tie.pair] + points.second[tie.pair];

	return battles == 0 ? 0 :
		curvature_of(battles, tree->strengths[i] - tree->strengths[tie.other]);
}

/*
 * The next node to join the tree: the one most strongly tied to it.  -1: none.
 */
static int
choose_next(const Tree *tree)
{
	int			next = -1;

	for (int i = 0; i < tree->num_nodes; i++)
		if (tree->strongest[i] >= LEAST_WEIGHT &&
			(next < 0 || tree->strongest[i] > tree->strongest[next]))
			next = i;
	return next;
}

/*
 * Let the tree grow from a node, in the order of joining.  False when some that are
 * wanted are tied to it by too little for a double.
 */
static bool
grow_tree(Tree *tree, PairPoints points)
{
	int			n = tree->num_models;
	int			num_wanted = 0;
	int			root = -1;

	for (int i = 0; i < tree->num_nodes; i++)
	{
		num_wanted += tree->wanted[i];
		tree->strongest[i] = 0;
		if (tree->wanted[i])
			root = i;			/* with a prior it is the virtual opponent */
	}

	tree->num_joined = 0;
	for (int i = root; i >= 0; i = choose_next(tree))
	{
		CHECK_FOR_INTERRUPTS();
		tree->order[tree->num_joined++] = i;
		tree->strongest[i] = -1;
		for (int t = i < n ? tree->begins[i] : 0; i < n && t < tree->begins[i + 1]; t++)
		{
			Tie			tie = tree->ties[t];
			double		weight = tie_curvature(tree, points, i, tie);

			if (tree->strongest[tie.other] >= 0 && weight > tree->strongest[tie.other])
			{
				tree->strongest[tie.other] = weight;
				tree->via[tie.other] = i;
			}
		}
		for (int j = 0; i == n && j < n; j++)
		{
			tree->strongest[j] = curvature_of(tree->prior_battles,
											  tree->strengths[j] - tree->strengths[n]);
			tree->via[j] = n;
		}
	}
	return tree->num_joined == num_wanted;
}

/*
 * Give positions to the nodes of the tree, so that what is below one follows it, and
 * the last ones to the others.
 */
static void
find_positions(Tree *tree)
{
	int			next_idle = tree->num_joined;
	int		   *size = palloc(sizeof(int) * tree->num_nodes);
	int		   *next = palloc(sizeof(int) * tree->num_nodes);

	for (int i = 0; i < tree->num_nodes; i++)
	{
		size[i] = 1;
		if (tree->strongest[i] >= 0)
		{
			tree->position[i] = next_idle;
			tree->node[next_idle++] = i;
		}
	}
	for (int k = tree->num_joined - 1; k > 0; k--)
		size[tree->via[tree->order[k]]] += size[tree->order[k]];
	for (int k = 0; k < tree->num_joined; k++)
	{
		int			i = tree->order[k];
		int			u = k == 0 ? 0 : next[tree->via[i]];

		tree->position[i] = u;
		tree->node[u] = i;
		tree->parent[u] = k == 0 ? -1 : tree->position[tree->via[i]];
		tree->end[u] = u + size[i];
		next[i] = u + 1;
		if (k > 0)
			next[tree->via[i]] += size[i];
	}
	pfree(size);
	pfree(next);
}

/*
 * What a pair gives to a model, which took a points off another and lost b to it: in
 * halves of points, and a rest that is of the size of its curvature.
 */
static void
split_gain(double a, double b, double ahead, int64 *halves, double *rest)
{
	double		odds = exp(-fabs(ahead));
	double		lesser = odds / (1 + odds);

	*halves = (int64) rint(ahead < 0 ? 2 * a : -2 * b);
	*rest = (ahead < 0 ? -lesser : lesser) * (a + b);
}

/*
 * The ties of the node at a position, by the positions of the others.  Returns
 * how many halves of prior_battles the prior gives to it, of which -1, 0 or 1.
 */
static int
find_row(Tree *tree, PairPoints points, int u)
{
	int			i = tree->node[u];
	double		ahead;

	memset(tree->weights, 0, sizeof(double) * tree->num_joined);
	memset(tree->rests, 0, sizeof(double) * tree->num_joined);
	memset(tree->halves, 0, sizeof(int64) * tree->num_joined);
	for (int t = tree->begins[i]; t < tree->begins[i + 1]; t++)
	{
		Tie			tie = tree->ties[t];
		int			v = tree->position[tie.other];
		double		a = points.first[tie.pair];
		double		b = points.second[tie.pair];

		if (a + b == 0)
			continue;
		tree->weights[v] = tie_curvature(tree, points, i, tie);
		split_gain(tie.is_first ? a : b, tie.is_first ? b : a,
				   tree->strengths[i] - tree->strengths[tie.other],
				   &tree->halves[v], &tree->rests[v]);
	}
	if (!(tree->prior_battles > 0))
		return 0;

	ahead = tree->strengths[i] - tree->strengths[tree->num_models];
	tree->weights[0] = curvature_of(tree->prior_battles, ahead);
	tree->rests[0] = (ahead < 0 ? -1 : 1) * tree->prior_battles / (1 + exp(fabs(ahead)));
	return ahead < 0 ? 1 : -1;
}

/*
 * Sums of a row up to each position, without it, and from each, with it.
 */
static void
sum_row(Tree *tree)
{
	int			n = tree->num_joined;

	tree->weights_up_to[0] = tree->rests_up_to[0] = tree->halves_up_to[0] = 0;
	for (int t = 0; t < n; t++)
	{
		tree->weights_up_to[t + 1] = tree->weights_up_to[t] + tree->weights[t];
		tree->rests_up_to[t + 1] = tree->rests_up_to[t] + tree->rests[t];
		tree->halves_up_to[t + 1] = tree->halves_up_to[t] + tree->halves[t];
	}
	tree->weights_from[n] = tree->rests_from[n] = 0;
	for (int t = n - 1; t >= 0; t--)
	{
		tree->weights_from[t] = tree->weights_from[t + 1] + tree->weights[t];
		tree->rests_from[t] = tree->rests_from[t + 1] + tree->rests[t];
	}
}

/*
 * Add a row to the gradients of the edges that it is below.
 */
static void
add_row_to_gradient(Tree *tree, int u, int priors)
{
	int64		all = tree->halves_up_to[tree->num_joined];

	for (int t = u; t > 0; t = tree->parent[t])
	{
		int			end = tree->end[t];

		tree->gradient[t] += tree->rests_up_to[t] + tree->rests_from[end];
		tree->whole_halves[t] += tree->halves_up_to[t] +
			(all - tree->halves_up_to[end]);
		tree->whole_priors[t] += priors;
	}
}

/*
 * Put a row into the matrix: how strongly the node is tied across each edge before
 * it, outwards where it is below that edge, else to what is.
 */
static void
put_row_into_matrix(Tree *tree, int u, double *matrix)
{
	Size		n = tree->num_nodes;
	double	   *below = tree->weights;

	for (int t = tree->num_joined - 1; t > 0; t--)
		below[tree->parent[t]] += below[t];
	for (int t = 1; t <= u; t++)
		matrix[t * n + u] = u < tree->end[t] ?
			tree->weights_up_to[t] + tree->weights_from[tree->end[t]] : -below[t];
}

/*
 * Add up what the rows below each position have put into the columns, and bring the
 * matrix to a diagonal of ones.  What no edge moves stands for itself.
 */
static void
finish_matrix(Tree *tree, double *matrix)
{
	Size		n = tree->num_nodes;

	for (Size t = 0; t < n; t++)
	{
		double	   *column = &matrix[t * n];

		CHECK_FOR_INTERRUPTS();
		if (t == 0 || t >= (Size) tree->num_joined)
		{
			memset(&column[t], 0, sizeof(double) * (n - t));
			column[t] = tree->scale[t] = 1;
			continue;
		}
		memset(&column[tree->num_joined], 0, sizeof(double) * (n - tree->num_joined));
		for (int u = tree->num_joined - 1; u > (int) t; u--)
			if (tree->parent[u] >= (int) t)
				column[tree->parent[u]] += column[u];
		tree->scale[t] = 1 / sqrt(column[t]);
	}
	for (Size t = 1; t < (Size) tree->num_joined; t++)
		for (Size u = t; u < (Size) tree->num_joined; u++)
			matrix[t * n + u] = matrix[t * n + u] * tree->scale[t] * tree->scale[u];
}

/*
 * Find the step: by position, what each edge is moved, and then by how much each
 * node is, relative to the root.  False when there is none.
 */
static bool
find_step(Tree *tree, PairPoints points)
{
	int			n = tree->num_nodes;
	double	   *matrix = curvature_matrix(tree->curvature);

	memset(tree->gradient, 0, sizeof(double) * n);
	memset(tree->whole_halves, 0, sizeof(int64) * n);
	memset(tree->whole_priors, 0, sizeof(int) * n);
	for (int u = 1; u < tree->num_joined; u++)
	{
		int			priors = find_row(tree, points, u);

		CHECK_FOR_INTERRUPTS();
		sum_row(tree);
		add_row_to_gradient(tree, u, priors);
		put_row_into_matrix(tree, u, matrix);
	}
	finish_matrix(tree, matrix);
	for (int t = 1; t < tree->num_joined; t++)
		tree->gradient[t] = tree->scale[t] *
			(tree->gradient[t] + fma(tree->whole_priors[t], tree->prior_battles / 2,
									 tree->whole_halves[t] / 2.0));
	if (!curvature_factor(tree->curvature))
		return false;

	curvature_solve(tree->curvature, tree->gradient, tree->step);
	for (int t = 1; t < tree->num_joined; t++)
		tree->step[t] = tree->step[t] * tree->scale[t] + tree->step[tree->parent[t]];
	return true;
}

/*
 * The most that the step moves a node, and a pair apart.
 */
static void
measure_step(const Tree *tree, PairPoints points, double *move, double *change)
{
	const Tally *tally = tree->tally;

	*move = *change = 0;
	for (int u = 0; u < tree->num_joined; u++)
		*move = Max(*move, fabs(tree->step[u]));
	if (tree->prior_battles > 0)
		*change = *move;
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		if (points.first[p] + points.second[p] > 0)
			*change = Max(*change, fabs(tree->step[tree->position[pair->first]] -
										tree->step[tree->position[pair->second]]));
	}
}

/*
 * Take a part of the step.  Returns the largest strength.
 */
static double
take_step(Tree *tree, double part)
{
	double		largest = 0;

	for (int u = 0; u < tree->num_joined; u++)
	{
		double	   *strength = &tree->strengths[tree->node[u]];

		*strength += part * tree->step[u];
		largest = Max(largest, fabs(*strength));
	}
	return largest;
}

/*
 * Climb to where a step moves no score by more than tolerance (points), or by more
 * than the rounding of strengths does.  False when that does not lead to the
 * maximum, or doubles cannot say where it is.
 */
bool
tree_climb(Tree *tree, PairPoints points, const bool *placed, double tolerance,
		   double *strengths)
{
	int			n = tree->num_models;
	double		largest = 0;

	for (int i = 0; i < tree->num_nodes; i++)
		tree->wanted[i] = i == n || placed == NULL || placed[i];
	memcpy(tree->strengths, strengths, sizeof(double) * n);
	if (tree->prior_battles > 0)
		tree->strengths[n] = -best_shift(strengths, n);

	for (int steps = 0; steps < MAX_TREE_STEPS; steps++)
	{
		double		move;
		double		change;

		if (!grow_tree(tree, points))
			return false;
		find_positions(tree);
		if (!find_step(tree, points))
			return false;
		measure_step(tree, points, &move, &change);
		if (!isfinite(move))
			return false;
		if (move * POINTS_PER_STRENGTH < tolerance || move < STRENGTH_ROUNDING * largest)
		{
			take_step(tree, 1);
			memcpy(strengths, tree->strengths, sizeof(double) * n);
			return true;
		}
		largest = take_step(tree, log1p(change) / change);
	}
	return false;
}
