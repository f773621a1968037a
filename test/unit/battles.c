/*-------------------------------------------------------------------------
 *
 * battles.c
 *	  Battles made up for tests.
 *
 * A test holds battles as a list of cells in no order, either side first, a
 * cell possibly several times: as they come from a table of votes.  What the
 * code under test makes of such a list is a tally; the exact implementation
 * (exact.c) reads the list itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"

/* splitmix64 (Steele, Lea and Flood 2014) */
uint64
dice_bits(Dice *dice)
{
	uint64		z = (dice->state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* From 0 to 1, without 1 */
double
dice_double(Dice *dice)
{
	return ldexp((double) (dice_bits(dice) >> 11), -53);
}

int
dice_below(Dice *dice, int limit)
{
	return (int) (dice_double(dice) * limit);
}

/*
 * The numbers below n in random order.
 */
int *
dice_permutation(Dice *dice, int n)
{
	int		   *permutation = palloc(sizeof(int) * (n + 1));

	for (int i = 0; i < n; i++)
	{
		int			j = dice_below(dice, i + 1);

		permutation[i] = permutation[j];
		permutation[j] = i;
	}
	return permutation;
}

BattleList *
battles_create(int num_models)
{
	BattleList *battles = palloc0(sizeof(BattleList));

	battles->num_models = num_models;
	battles->max_cells = 16;
	battles->cells = palloc(sizeof(Cell) * battles->max_cells);
	return battles;
}

BattleList *
battles_copy(const BattleList *battles)
{
	BattleList *copy = palloc(sizeof(BattleList));

	*copy = *battles;
	copy->cells = palloc(sizeof(Cell) * battles->max_cells);
	memcpy(copy->cells, battles->cells, sizeof(Cell) * battles->num_cells);
	return copy;
}

/*
 * Add a cell; one without battles, or with more than may be ranked, is left
 * out.
 */
void
battles_add(BattleList *battles, int model1, int model2, Outcome outcome,
			int64 count)
{
	if (count <= 0 || count > MAX_BATTLES - battles->num_battles)
		return;
	if (battles->num_cells == battles->max_cells)
	{
		Cell	   *cells = palloc(sizeof(Cell) * 2 * battles->max_cells);

		memcpy(cells, battles->cells, sizeof(Cell) * battles->num_cells);
		pfree(battles->cells);
		battles->cells = cells;
		battles->max_cells *= 2;
	}
	battles->cells[battles->num_cells++] = (Cell)
	{
		model1, model2, outcome, count
	};
	battles->num_battles += count;
}

void
battles_add_pair(BattleList *battles, int model1, int model2,
				 int64 wins, int64 losses, int64 ties)
{
	battles_add(battles, model1, model2, OUTCOME_FIRST, wins);
	battles_add(battles, model1, model2, OUTCOME_SECOND, losses);
	battles_add(battles, model1, model2, OUTCOME_TIE, ties);
}

/*
 * Add battles of a pair whose first model is ahead by this strength, a share
 * of them ties: drawn, or where they are many, near what is expected.
 */
void
battles_draw_pair(BattleList *battles, Dice *dice, int model1, int model2,
				  int64 count, double ahead, double ties)
{
	double		chances[2];
	int64		drawn[NUM_OUTCOMES] = {0};

	chances[0] = (1 - ties) / (1 + exp(-ahead));
	chances[1] = (1 - ties) / (1 + exp(ahead));
	if (count <= 100)
		for (int64 b = 0; b < count; b++)
		{
			double		u = dice_double(dice);

			drawn[u < chances[0] ? 0 : u < chances[0] + chances[1] ? 1 : 2]++;
		}
	else
	{
		for (int i = 0; i < 2; i++)
		{
			double		noise = sqrt(3.0) * (2 * dice_double(dice) - 1);
			double		n = rint(count * chances[i] +
								 noise * sqrt(count * chances[i]));

			drawn[i] = Max(0, Min((int64) n, count / 2 * (1 + (chances[i] > 0.5))));
		}
		drawn[2] = Max(0, count - drawn[0] - drawn[1]) * (ties > 0);
	}
	battles_add_pair(battles, model1, model2, drawn[0], drawn[1], drawn[2]);
}

/* A number whose logarithm is uniform */
static int64
dice_magnitude(Dice *dice, int max_bits)
{
	return (int64) exp2(dice_double(dice) * max_bits);
}

/*
 * Random battles of one pair of models that are this far apart.
 */
static void
random_pair(BattleList *battles, Dice *dice, BattleKind kind, int model1,
			int model2, double ahead, double ties)
{
	switch (kind)
	{
		case BATTLES_DENSE:
		case BATTLES_LOPSIDED:
			battles_draw_pair(battles, dice, model1, model2,
							  1 + dice_below(dice, 60), ahead, ties);
			break;
		case BATTLES_SPARSE:
			if (dice_double(dice) * battles->num_models < 4)
				battles_draw_pair(battles, dice, model1, model2,
								  1 + dice_below(dice, 2), ahead, ties);
			break;
		case BATTLES_LARGE:
			battles_draw_pair(battles, dice, model1, model2,
							  dice_magnitude(dice, 45), ahead, ties);
			break;
		case BATTLES_WILD:
			for (int i = 0; i < NUM_OUTCOMES; i++)
				if (dice_below(dice, 3) > 0)
					battles_add(battles, model1, model2, (Outcome) i,
								dice_magnitude(dice, 45));
			break;
	}
}

BattleList *
random_battles(Dice *dice, BattleKind kind, int num_models)
{
	BattleList *battles = battles_create(num_models);
	double	   *strengths = palloc(sizeof(double) * num_models);
	double		spread = kind == BATTLES_LOPSIDED ? 12 : 2;
	double		ties = dice_below(dice, 2) * 0.3;

	for (int i = 0; i < num_models; i++)
		strengths[i] = spread * (dice_double(dice) - 0.5);
	for (int i = 0; i < num_models; i++)
		for (int j = 0; j < i; j++)
		{
			double		ahead = strengths[i] - strengths[j];

			if (dice_below(dice, 2))
				random_pair(battles, dice, kind, i, j, ahead, ties);
			else
				random_pair(battles, dice, kind, j, i, -ahead, ties);
		}
	return battles;
}

/*
 * Battles of 2 to 40 models, of a random kind; at least one battle.
 */
BattleList *
battles_of_any_kind(Dice *dice)
{
	for (;;)
	{
		BattleKind	kind = (BattleKind) dice_below(dice, NUM_BATTLE_KINDS);
		BattleList *battles = random_battles(dice, kind,
											 2 + dice_below(dice, 39));

		if (battles->num_cells > 0)
			return battles;
	}
}

/*
 * Six chocolate puddings, tasted in pairs (Davidson 1970, example 2).
 */
BattleList *
davidson_puddings(void)
{
	static const int puddings[][5] = {
		{0, 1, 19, 22, 16}, {0, 2, 16, 19, 12}, {1, 2, 19, 19, 10},
		{0, 3, 18, 23, 13}, {1, 3, 23, 19, 9}, {2, 3, 19, 20, 15},
		{0, 4, 13, 19, 18}, {1, 4, 16, 20, 12}, {2, 4, 16, 15, 17},
		{3, 4, 17, 14, 16}, {0, 5, 18, 21, 12}, {1, 5, 22, 20, 12},
		{2, 5, 13, 18, 10}, {3, 5, 14, 19, 18}, {4, 5, 11, 21, 12}
	};
	BattleList *battles = battles_create(6);

	for (int p = 0; p < (int) lengthof(puddings); p++)
		battles_add_pair(battles, puddings[p][0], puddings[p][1],
						 puddings[p][2], puddings[p][3], puddings[p][4]);
	return battles;
}

BattleList *
many_puddings(int times)
{
	BattleList *battles = davidson_puddings();

	for (int c = 0; c < battles->num_cells; c++)
		battles->cells[c].count *= times;
	return battles;
}

/*
 * What the code under test makes of them; position NULL keeps the numbers of
 * the models.
 */
Tally *
battles_tally(const BattleList *battles, const int *position)
{
	TallyBuilder *builder = tally_begin();
	int		   *same = palloc(sizeof(int) * battles->num_models);

	for (int i = 0; i < battles->num_models; i++)
		same[i] = i;
	for (int c = 0; c < battles->num_cells; c++)
	{
		const Cell *cell = &battles->cells[c];

		tally_add(builder, cell->model1, cell->model2, cell->outcome,
				  cell->count);
	}
	return tally_finish(builder, battles->num_models,
						position ? position : same);
}

/*
 * Plain options; the order of names is that of the numbers.
 */
RankOptions
rank_options(int num_models, int num_bootstrap)
{
	int		   *name_order = palloc(sizeof(int) * num_models);
	RankOptions options = {
		.num_bootstrap = num_bootstrap,
		.anchor_model = -1,
		.anchor_score = CENTRE_SCORE,
		.name_order = name_order
	};

	for (int i = 0; i < num_models; i++)
		name_order[i] = i;
	return options;
}

/*
 * Rank them; options NULL: plain ones with few replicates.
 */
Ranking *
rank_battles(const BattleList *battles, const RankOptions *options)
{
	RankOptions plain;

	if (options == NULL)
	{
		plain = rank_options(battles->num_models, MIN_BOOTSTRAP);
		options = &plain;
	}
	return rank_models(battles_tally(battles, NULL), options);
}

/*
 * The same without intervals, but with the fit.
 */
Ranking *
fit_battles(const BattleList *battles, double prior_battles)
{
	RankOptions options = rank_options(battles->num_models, MIN_BOOTSTRAP);

	options.intervals = INTERVALS_NONE;
	options.keep_fit = true;
	options.prior_battles = prior_battles;
	return rank_battles(battles, &options);
}
