/*-------------------------------------------------------------------------
 *
 * tally_fuzz.c
 *	  Fuzzes tally.c: no battle is lost, doubled or turned around.
 *
 * A tally must hold the counts that a plain matrix of counters holds, in
 * canonical order; battles beyond 2^53 must be refused, and then leave no
 * trace.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "input.h"
#include "unit.h"

const int	fuzz_max_models = 175;

/* Battles by first model, second model and outcome, the lower model first */
typedef struct Counters
{
	int			num_models;
	int64	   *of;
} Counters;

static int64 *
counters_of(Counters counters, int first, int second)
{
	return &counters.of[(first * counters.num_models + second) * NUM_OUTCOMES];
}

static Counters
count_cells(const BattleList *battles, const int *position, int num_models)
{
	static const Outcome mirror[] = {OUTCOME_SECOND, OUTCOME_FIRST, OUTCOME_TIE};
	Counters	counters;

	counters.num_models = num_models;
	counters.of = palloc0(sizeof(int64) * (num_models * num_models + 1) *
						  NUM_OUTCOMES);
	for (int c = 0; c < battles->num_cells; c++)
	{
		const Cell *cell = &battles->cells[c];
		int			a = position[cell->model1];
		int			b = position[cell->model2];

		if (a < 0 || b < 0)
			continue;
		if (a < b)
			counters_of(counters, a, b)[cell->outcome] += cell->count;
		else
			counters_of(counters, b, a)[mirror[cell->outcome]] += cell->count;
	}
	return counters;
}

/*
 * The tally holds what the counters hold, in the canonical order.
 */
static void
check_tally(const Tally *tally, Counters counters)
{
	int			n = counters.num_models;
	int			p = 0;
	int64		total = 0;

	check(tally->num_models == n, "%d models of %d", tally->num_models, n);
	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++)
		{
			const int64 *count = counters_of(counters, i, j);
			const Pair *pair = &tally->pairs[p];

			if (count[0] + count[1] + count[2] == 0)
				continue;
			check(p < tally->num_pairs && pair->first == i && pair->second == j,
				  "pair %d is not (%d, %d)", p, i, j);
			check(memcmp(pair->count, count, sizeof(pair->count)) == 0,
				  "the pair (%d, %d) has other battles", i, j);
			total += count[0] + count[1] + count[2];
			p++;
		}
	check(p == tally->num_pairs, "%d pairs of %d", tally->num_pairs, p);
	check(total == tally->num_battles, "%lld battles of %lld",
		  (long long) tally->num_battles, (long long) total);
}

static void
check_battles_of_models(const Tally *tally)
{
	int64	   *found = palloc(sizeof(int64) * tally->num_models);
	int64		total = 0;

	tally_count_battles(tally, found);
	for (int p = 0; p < tally->num_pairs; p++)
		for (int i = 0; i < NUM_OUTCOMES; i++)
		{
			found[tally->pairs[p].first] -= tally->pairs[p].count[i];
			found[tally->pairs[p].second] -= tally->pairs[p].count[i];
			total += tally->pairs[p].count[i];
		}
	for (int i = 0; i < tally->num_models; i++)
		check(found[i] == 0, "model %d has %lld battles too many", i,
			  (long long) found[i]);
	check(total == tally->num_battles, "battles are missing in pairs");
}

/* The points of a pair add up to its battles, but for rounding at 2^53 */
static void
check_points(const Tally *tally)
{
	PairPoints	points = tally_points(tally);

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const int64 *count = tally->pairs[p].count;
		int64		battles = count[0] + count[1] + count[2];
		double		sum = points.first[p] + points.second[p];

		check(points.first[p] >= 0 && points.second[p] >= 0, "points are negative");
		check(battles >= MAX_BATTLES / 4 ? fabs(sum - battles) <= 2 : sum == battles,
			  "pair %d of %lld battles has %.1f points", p, (long long) battles, sum);
	}
}

/* One cell for catches_error() */
typedef struct Addition
{
	TallyBuilder *builder;
	const Cell *cell;
} Addition;

static void
add_cell(void *argument)
{
	const Addition *addition = argument;
	const Cell *cell = addition->cell;

	tally_add(addition->builder, cell->model1, cell->model2, cell->outcome,
			  cell->count);
}

/*
 * All cells, of which those that are too many must be refused.
 */
static Tally *
tally_cells(const FuzzInput *input, const int *position)
{
	Addition	addition = {tally_begin(), NULL};
	int64		total = 0;

	for (int c = 0; c < input->num_cells; c++)
	{
		const Cell *cell = &input->cells[c];
		bool		fits = cell->count <= MAX_BATTLES - total;

		addition.cell = cell;
		if (fits)
		{
			add_cell(&addition);
			total += cell->count;
		}
		else
			check(reports_error(ERRCODE_PROGRAM_LIMIT_EXCEEDED, add_cell, &addition),
				  "%lld battles beside %lld are not refused",
				  (long long) cell->count, (long long) total);
	}
	return tally_finish(addition.builder, input->battles->num_models, position);
}

void
fuzz_input(FuzzInput *input)
{
	int			n = input->battles->num_models;
	int		   *position = dice_permutation(&input->dice, n);
	int		   *index = palloc(sizeof(int) * n);
	int		   *index_of_model = palloc(sizeof(int) * n);
	int		   *places;
	int			num_kept = 0;
	Tally	   *tally = tally_cells(input, position);

	check_tally(tally, count_cells(input->battles, position, n));
	check_battles_of_models(tally);
	check_points(tally);

	/* some models, in another order */
	for (int i = 0; i < n; i++)
		index[i] = dice_below(&input->dice, 2) ? num_kept++ : -1;
	places = dice_permutation(&input->dice, num_kept);
	for (int i = 0; i < n; i++)
		if (index[i] >= 0)
			index[i] = places[index[i]];
	for (int i = 0; i < n; i++)
		index_of_model[i] = index[position[i]];
	check_tally(tally_among(tally, index, num_kept),
				count_cells(input->battles, index_of_model, num_kept));
}
