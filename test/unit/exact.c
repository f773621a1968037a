/*-------------------------------------------------------------------------
 *
 * exact.c
 *	  A slow and independent implementation of the method.
 *
 * The oracle of the other tests, so it shares nothing with the code under
 * test: not its data (a dense matrix of points in long double), not its
 * formulas (a chance is taken from the difference of strengths, never from
 * worths), not LAPACK, not its way of telling which models can be compared.
 *
 * The fit is Newton's method from any start.  The Hessian of the likelihood is
 * the Laplacian of a graph whose edges weigh (battles x p x q); its models are
 * eliminated one after the other, and the diagonal, which is the sum of the
 * weights that are left, is never computed by a difference (the idea of
 * Grassmann, Taksar and Heyman 1985, to which lapack.c turns when LAPACK fails).
 * So no digit is lost even where models tied to each other by 2^45 battles hang on
 * the rest by one.  A step that overshoots is cut where the slope along it is zero.
 *
 * A prior is a real opponent here: one more model, whose strength is taken off
 * all others in the end.
 *
 * What can be compared with what is told by Warshall's transitive closure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

/* Natural-log strength that the last Newton step may move anything */
#define EXACT_TOLERANCE 1e-12L
#define MAX_EXACT_STEPS 1000

PointMatrix
matrix_create(int num_models)
{
	PointMatrix matrix;

	matrix.num_models = num_models;
	matrix.of = palloc0(sizeof(long double) * num_models * num_models);
	return matrix;
}

void
matrix_free(PointMatrix matrix)
{
	pfree(matrix.of);
}

/*
 * Add the points of a number of battles that ended as those of a cell.
 */
void
matrix_add_cell(PointMatrix matrix, const Cell *cell, double times)
{
	int			n = matrix.num_models;
	long double *own = &matrix.of[cell->model1 * n + cell->model2];
	long double *others = &matrix.of[cell->model2 * n + cell->model1];

	if (cell->outcome == OUTCOME_FIRST)
		*own += times;
	else if (cell->outcome == OUTCOME_SECOND)
		*others += times;
	else
	{
		*own += times / 2;
		*others += times / 2;
	}
}

PointMatrix
matrix_of_battles(const BattleList *battles)
{
	PointMatrix matrix = matrix_create(battles->num_models);

	for (int c = 0; c < battles->num_cells; c++)
		matrix_add_cell(matrix, &battles->cells[c], battles->cells[c].count);
	return matrix;
}

PointMatrix
matrix_of_points(const Tally *tally, PairPoints points)
{
	PointMatrix matrix = matrix_create(tally->num_models);
	int			n = tally->num_models;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];

		matrix.of[pair->first * n + pair->second] += points.first[p];
		matrix.of[pair->second * n + pair->first] += points.second[p];
	}
	return matrix;
}

/*
 * With one more model, the last, that halved prior_battles with each.
 */
PointMatrix
matrix_with_ghost(PointMatrix matrix, double prior_battles)
{
	int			n = matrix.num_models;
	PointMatrix with = matrix_create(n + 1);

	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < n; j++)
			with.of[i * (n + 1) + j] = matrix.of[i * n + j];
		with.of[i * (n + 1) + n] = prior_battles / 2;
		with.of[n * (n + 1) + i] = prior_battles / 2;
	}
	return with;
}

/*
 * The points among some of the models.
 */
PointMatrix
matrix_among(PointMatrix matrix, const int *models, int num_models)
{
	PointMatrix among = matrix_create(num_models);

	for (int i = 0; i < num_models; i++)
		for (int j = 0; j < num_models; j++)
			among.of[i * num_models + j] =
				matrix.of[models[i] * matrix.num_models + models[j]];
	return among;
}

/* The chance that a model wins which is ahead by this strength */
static long double
chance(long double ahead)
{
	long double odds = expl(-fabsl(ahead));

	return (ahead >= 0 ? 1 : odds) / (1 + odds);
}

long double
exact_log_likelihood(PointMatrix matrix, const long double *strengths)
{
	int			n = matrix.num_models;
	long double sum = 0;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			if (matrix.of[i * n + j] > 0)
				sum -= matrix.of[i * n + j] *
					log1pl(expl(strengths[j] - strengths[i]));
	return sum;
}

/*
 * The surplus of a pair goes to one model and comes from the other.  In sums of
 * quadruple precision the two cancel, which leaves the digits of a group of
 * models whose gradients add up to nearly nothing.  It is taken from the lesser
 * chance of the two, which has more of them.
 */
void
exact_gradient(PointMatrix matrix, const long double *strengths,
			   long double *gradient)
{
	int			n = matrix.num_models;
	__float128 *sums = palloc0(sizeof(__float128) * n);

	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
		{
			long double own = matrix.of[i * n + j];
			long double others = matrix.of[j * n + i];
			__float128	battles = own + others;
			long double ahead = strengths[i] - strengths[j];
			__float128	surplus;

			if (battles == 0)
				continue;
			surplus = ahead < 0 ? own - battles * chance(ahead) :
				battles * chance(-ahead) - others;
			sums[i] += surplus;
			sums[j] -= surplus;
		}
	for (int i = 0; i < n; i++)
		gradient[i] = sums[i];
	pfree(sums);
}

/* The weights of the edges of the Laplacian */
static PointMatrix
edge_weights(PointMatrix matrix, const long double *strengths)
{
	int			n = matrix.num_models;
	PointMatrix weights = matrix_create(n);

	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
		{
			long double battles = matrix.of[i * n + j] + matrix.of[j * n + i];
			long double ahead = strengths[i] - strengths[j];

			if (battles > 0)
				weights.of[i * n + j] = weights.of[j * n + i] =
					battles * chance(ahead) * chance(-ahead);
		}
	return weights;
}

/*
 * The Newton step: by which the Hessian at these strengths, turned positive,
 * gives the gradient.  Its first entry is zero.
 */
void
exact_solve(PointMatrix matrix, const long double *strengths,
			const long double *gradient, long double *step)
{
	int			n = matrix.num_models;
	PointMatrix weights = edge_weights(matrix, strengths);
	long double *totals = palloc(sizeof(long double) * n);

	memcpy(step, gradient, sizeof(long double) * n);
	for (int k = n - 1; k > 0; k--)
	{
		const long double *last = &weights.of[k * n];

		totals[k] = 0;
		for (int j = 0; j < k; j++)
			totals[k] += last[j];
		for (int i = 0; i < k; i++)
		{
			long double *row = &weights.of[i * n];
			long double part = last[i] / totals[k];

			if (part == 0)
				continue;
			step[i] += part * step[k];
			for (int j = 0; j < k; j++)
				row[j] += part * last[j];
			row[i] = 0;
		}
	}

	step[0] = 0;
	for (int k = 1; k < n; k++)
	{
		for (int j = 0; j < k; j++)
			step[k] += weights.of[k * n + j] * step[j];
		step[k] /= totals[k];
	}
	pfree(totals);
	matrix_free(weights);
}

/* The slope of the likelihood along a step, a part of it ahead */
static long double
slope_ahead(PointMatrix matrix, const long double *strengths,
			const long double *step, long double part, long double *gradient)
{
	int			n = matrix.num_models;
	long double *ahead = palloc(sizeof(long double) * n);
	long double slope = 0;

	for (int i = 0; i < n; i++)
		ahead[i] = strengths[i] + part * step[i];
	exact_gradient(matrix, ahead, gradient);
	for (int i = 0; i < n; i++)
		slope += gradient[i] * step[i];
	pfree(ahead);
	return slope;
}

/*
 * Which part of a step to take: all of it unless that overshoots, then to where
 * the slope is zero.
 */
static long double
find_part(PointMatrix matrix, const long double *strengths,
		  const long double *step)
{
	long double *gradient = palloc(sizeof(long double) * matrix.num_models);
	long double slope = slope_ahead(matrix, strengths, step, 0, gradient);
	long double low = 0;
	long double high = 1;

	if (slope_ahead(matrix, strengths, step, 1, gradient) < -0.1L * slope)
		while (high - low > 1e-3L * high)
		{
			long double middle = (low + high) / 2;

			if (slope_ahead(matrix, strengths, step, middle, gradient) > 0)
				low = middle;
			else
				high = middle;
		}
	pfree(gradient);
	return high;
}

/*
 * The strengths at the maximum, of mean zero, from any start.
 */
void
exact_fit(PointMatrix matrix, long double *strengths)
{
	int			n = matrix.num_models;
	long double *gradient = palloc(sizeof(long double) * n);
	long double *step = palloc(sizeof(long double) * n);
	long double moved = 1;
	long double mean = 0;
	int			num_steps = 0;

	while (moved > EXACT_TOLERANCE && num_steps++ < MAX_EXACT_STEPS)
	{
		long double part = 1;

		exact_gradient(matrix, strengths, gradient);
		exact_solve(matrix, strengths, gradient, step);
		moved = 0;
		for (int i = 0; i < n; i++)
			moved = Max(moved, fabsl(step[i]));
		if (moved > 1e-6L)
			part = find_part(matrix, strengths, step);
		for (int i = 0; i < n; i++)
			strengths[i] += part * step[i];
	}
	check(moved <= EXACT_TOLERANCE, "the exact fit of %d models did not converge: %g",
		  n, (double) moved);

	for (int i = 0; i < n; i++)
		mean += strengths[i] / n;
	for (int i = 0; i < n; i++)
		strengths[i] -= mean;
	pfree(step);
	pfree(gradient);
}

/*
 * reach[i * n + j]: a path of edges (of either direction, with both_ways)
 * leads from i to j.
 */
static bool *
transitive_closure(PointMatrix matrix, bool both_ways)
{
	int			n = matrix.num_models;
	bool	   *reach = palloc(sizeof(bool) * n * n);

	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			reach[i * n + j] = i == j || matrix.of[i * n + j] > 0 ||
				(both_ways && matrix.of[j * n + i] > 0);
	for (int k = 0; k < n; k++)
		for (int i = 0; i < n; i++)
			if (reach[i * n + k])
				for (int j = 0; j < n; j++)
					reach[i * n + j] |= reach[k * n + j];
	return reach;
}

/* How many models i's component has, and the battles among them */
static int
measure_component(PointMatrix matrix, const bool *reach, int i,
				  long double *battles)
{
	int			n = matrix.num_models;
	int			size = 0;

	*battles = 0;
	for (int j = 0; j < n; j++)
	{
		if (!reach[i * n + j] || !reach[j * n + i])
			continue;
		size++;
		for (int k = 0; k < n; k++)
			if (reach[i * n + k] && reach[k * n + i])
				*battles += matrix.of[j * n + k];
	}
	return size;
}

/*
 * The first model of the component that is placed, -1: none is.  even tells
 * whether another is as large, so that only the order of the models decides.
 */
static int
find_placed(PointMatrix matrix, const bool *reach, bool *even)
{
	int			n = matrix.num_models;
	int			placed = -1;
	int			largest = 1;
	long double most = 0;

	*even = false;
	for (int i = 0; i < n; i++)
	{
		long double battles;
		int			size;

		if (placed >= 0 && reach[i * n + placed] && reach[placed * n + i])
			continue;
		size = measure_component(matrix, reach, i, &battles);
		if (size > largest || (size == largest && size > 1 && battles > most))
		{
			*even = false;
			placed = i;
			largest = size;
			most = battles;
		}
		else if (size == largest && size > 1 && battles == most)
			*even = true;
	}
	return placed;
}

/* Does i's component take points off models outside of it? */
static bool
component_beats(PointMatrix matrix, const bool *reach, int i)
{
	int			n = matrix.num_models;

	for (int j = 0; j < n; j++)
		if (reach[i * n + j] && !reach[j * n + i])
			return true;
	return false;
}

static bool
component_loses(PointMatrix matrix, const bool *reach, int i)
{
	int			n = matrix.num_models;

	for (int j = 0; j < n; j++)
		if (!reach[i * n + j] && reach[j * n + i])
			return true;
	return false;
}

/*
 * Where every model stands.  Returns the number of those that are placed.
 */
int
exact_standings(PointMatrix matrix, Standing *standing)
{
	int			n = matrix.num_models;
	bool	   *reach = transitive_closure(matrix, false);
	bool		even;
	int			placed = find_placed(matrix, reach, &even);
	int			num_placed = 0;

	for (int i = 0; i < n; i++)
	{
		bool		above = placed < 0 ? component_beats(matrix, reach, i) :
			reach[i * n + placed];
		bool		below = placed < 0 ? component_loses(matrix, reach, i) :
			reach[placed * n + i];

		if (above && below)
			standing[i] = placed < 0 ? STANDING_APART : STANDING_PLACED;
		else if (above || below)
			standing[i] = above ? STANDING_ABOVE : STANDING_BELOW;
		else
			standing[i] = STANDING_APART;
		num_placed += standing[i] == STANDING_PLACED;
	}
	pfree(reach);
	return num_placed;
}

/*
 * Why a model is not placed, by the definitions of the statuses.  False when
 * the order of the models decided which component is.
 */
bool
exact_statuses(PointMatrix matrix, ModelStatus *status)
{
	int			n = matrix.num_models;
	bool	   *reach = transitive_closure(matrix, false);
	bool	   *tied = transitive_closure(matrix, true);
	bool		even;
	int			placed = find_placed(matrix, reach, &even);

	for (int i = 0; i < n; i++)
	{
		bool		beats = component_beats(matrix, reach, i);
		bool		loses = component_loses(matrix, reach, i);

		if (placed >= 0 && reach[i * n + placed] && reach[placed * n + i])
			status[i] = MODEL_RANKED;
		else if (placed >= 0 && !tied[i * n + placed])
			status[i] = MODEL_DISCONNECTED;
		else if (beats != loses)
			status[i] = beats ? MODEL_UNDEFEATED : MODEL_WINLESS;
		else
			status[i] = MODEL_SEPARATED;
	}
	pfree(tied);
	pfree(reach);
	return !even;
}

/*
 * The scores, of mean zero, of the models that are placed, and not-a-numbers
 * for the others.  Returns the number of the former.
 */
int
exact_fit_scores(PointMatrix matrix, const Standing *standing, double *scores)
{
	int			n = matrix.num_models;
	int		   *models = palloc(sizeof(int) * n);
	long double *strengths = palloc0(sizeof(long double) * n);
	int			num_placed = 0;

	for (int i = 0; i < n; i++)
	{
		scores[i] = NAN;
		if (standing[i] == STANDING_PLACED)
			models[num_placed++] = i;
	}
	if (num_placed > 0)
	{
		PointMatrix among = matrix_among(matrix, models, num_placed);

		exact_fit(among, strengths);
		for (int k = 0; k < num_placed; k++)
			scores[models[k]] = (double) (strengths[k] * 400 / logl(10));
		matrix_free(among);
	}
	pfree(strengths);
	pfree(models);
	return num_placed;
}

/*
 * The tally of the models of a list of battles that can be placed, NULL when
 * none can.
 */
Tally *
placed_tally(const BattleList *battles)
{
	int			n = battles->num_models;
	Standing   *standing = palloc(sizeof(Standing) * n);
	int		   *index = palloc(sizeof(int) * n);
	int			num_placed = 0;

	if (exact_standings(matrix_of_battles(battles), standing) == 0)
		return NULL;
	for (int i = 0; i < n; i++)
		index[i] = standing[i] == STANDING_PLACED ? num_placed++ : -1;
	return tally_among(battles_tally(battles, NULL), index, num_placed);
}

/*
 * For qsort(), where quantiles are taken of what is sorted.
 */
int
compare_doubles(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}
