/*-------------------------------------------------------------------------
 *
 * battles.h
 *	  Battles made up for tests: see battles.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BATTLES_H
#define BATTLES_H

/* The tests' own generator, independent of the server's */
typedef struct Dice
{
	uint64		state;
} Dice;

typedef struct Cell
{
	int			model1;
	int			model2;
	Outcome		outcome;
	int64		count;
} Cell;

typedef struct BattleList
{
	int			num_models;
	int			num_cells;
	int			max_cells;
	int64		num_battles;
	Cell	   *cells;
} BattleList;

/* What kind of battles random_battles() makes */
typedef enum BattleKind
{
	BATTLES_DENSE,				/* all pairs met, some dozens of times */
	BATTLES_SPARSE,				/* few pairs met, once or twice */
	BATTLES_LOPSIDED,			/* some models are much stronger */
	BATTLES_LARGE,				/* any number of battles up to 2^45 a pair */
	BATTLES_WILD				/* any number of battles with any outcome */
} BattleKind;

#define NUM_BATTLE_KINDS 5

extern uint64 dice_bits(Dice *dice);
extern double dice_double(Dice *dice);
extern int	dice_below(Dice *dice, int limit);
extern int *dice_permutation(Dice *dice, int n);

extern BattleList *battles_create(int num_models);
extern BattleList *battles_copy(const BattleList *battles);
extern void battles_add(BattleList *battles, int model1, int model2,
						Outcome outcome, int64 count);
extern void battles_add_pair(BattleList *battles, int model1, int model2,
							 int64 wins, int64 losses, int64 ties);
extern void battles_draw_pair(BattleList *battles, Dice *dice, int model1,
							  int model2, int64 count, double ahead,
							  double ties);
extern BattleList *random_battles(Dice *dice, BattleKind kind, int num_models);
extern BattleList *battles_of_any_kind(Dice *dice);
extern BattleList *davidson_puddings(void);
extern BattleList *many_puddings(int times);

extern Tally *battles_tally(const BattleList *battles, const int *position);
extern RankOptions rank_options(int num_models, int num_bootstrap);
extern Ranking *rank_battles(const BattleList *battles, const RankOptions *options);
extern Ranking *fit_battles(const BattleList *battles, double prior_battles);

#endif							/* BATTLES_H */
