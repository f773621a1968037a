/*-------------------------------------------------------------------------
 *
 * voter_test.c
 *	  Tests of voters.c: intervals by who cast the battles.
 *
 * The covariance by voter is held against numbers that a program of its own found; the
 * bootstrap, which draws voters, against that covariance.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "unit.h"

#define LARGE ((Size) 1 << 30)

/* What a cell's outcome means where it is a word of one vocabulary */
static Meaning
meaning_of(Outcome outcome)
{
	return MEANS(VOCABULARY_NUMBERED, outcome);
}

/* The voter of each cell */
typedef int (*VoterOf) (int cell);

static int
one_of_seven(int cell)
{
	return cell % 7;
}

static int
one_of_one(int cell)
{
	return 0;
}

static int
nobody(int cell)
{
	return -1;
}

/*
 * Voters of battles, the cells of each following each other.
 */
static Voters *
voters_of(const BattleList *battles, VoterOf voter_of, int num_voters)
{
	Voters	   *voters = voters_begin(LARGE);
	int		   *same = palloc(sizeof(int) * battles->num_models);

	for (int i = 0; i < battles->num_models; i++)
		same[i] = i;
	for (int v = -1; v < num_voters; v++)
		for (int c = 0; c < battles->num_cells; c++)
		{
			const Cell *cell = &battles->cells[c];

			if (voter_of(c) == v)
				voters_add(voters, v, cell->model1, cell->model2,
						   meaning_of(cell->outcome), cell->count);
		}
	voters_finish(voters, VOCABULARY_NUMBERED, same);
	return voters;
}

static RankOptions
options_by(Voters *voters, IntervalKind intervals, int num_bootstrap)
{
	RankOptions options = rank_options(6, num_bootstrap);

	options.voters = voters;
	options.intervals = intervals;
	return options;
}

/* Protects the covariance by voter: of the puddings it is known; t with six degrees */
static void
test_seven_voters(void)
{
	static const double deviations[] = {
		70.400252933029, 66.640646553678, 73.721788027553, 79.821091704852,
		42.903407046663, 44.744292219065
	};
	BattleList *battles = davidson_puddings();
	RankOptions options = options_by(voters_of(battles, one_of_seven, 7),
									 INTERVALS_SANDWICH, 100);
	Ranking    *ranking = rank_battles(battles, &options);

	for (int i = 0; i < 6; i++)
	{
		double		half = ranking->ratings[i].upper - ranking->ratings[i].score;

		check(fabs(half - 2.4469118511 * deviations[i]) < 2e-6,
			  "the interval of model %d is %f wide, not %f", i, half,
			  2.4469118511 * deviations[i]);
	}
	check(ranking->num_voters == 7, "there are %d voters", (int) ranking->num_voters);
	check(ranking->widening > 3 && ranking->widening < 5, "intervals are %f times as wide",
		  ranking->widening);
}

/*
 * Protects voters of one battle each, known or not: they are battles, but for the
 * factor G / (G - 1).
 */
static void
test_one_battle_each(void)
{
	BattleList *battles = davidson_puddings();
	RankOptions plain = options_by(NULL, INTERVALS_SANDWICH, 100);
	Ranking    *by_battle = rank_battles(battles, &plain);
	double		factor = sqrt((double) battles->num_battles / (battles->num_battles - 1));
	int			identity[] = {0, 1, 2, 3, 4, 5};

	for (int known = 0; known < 2; known++)
	{
		Voters	   *voters = voters_begin(LARGE);
		int			voter = 0;
		RankOptions options;
		Ranking    *by_voter;

		for (int c = 0; c < battles->num_cells; c++)
			for (int64 b = 0; b < battles->cells[c].count; b++)
				voters_add(voters, known ? voter++ : -1, battles->cells[c].model1,
						   battles->cells[c].model2, meaning_of(battles->cells[c].outcome), 1);
		voters_finish(voters, VOCABULARY_NUMBERED, identity);
		options = options_by(voters, INTERVALS_SANDWICH, 100);
		by_voter = rank_battles(battles, &options);
		check(by_voter->num_voters == battles->num_battles && by_voter->busiest_voter == 1,
			  "there are %d voters, the busiest of %d battles", (int) by_voter->num_voters,
			  (int) by_voter->busiest_voter);
		check(fabs(by_voter->widening - factor) < 1e-9, "intervals are %f times as wide",
			  by_voter->widening);
		for (int i = 0; i < 6; i++)
			check(fabs((by_battle->ratings[i].upper - by_battle->ratings[i].score) * factor -
					   (by_voter->ratings[i].upper - by_voter->ratings[i].score)) < 2e-6,
				  "model %d differs", i);
	}
}

/*
 * Voters of one battle each where everything is times as many; within so many bytes a
 * cell.  Of every fourth no voter is known.
 */
static Voters *
single_voters(const BattleList *battles, int64 times, Size bytes)
{
	Voters	   *voters = voters_begin(bytes * battles->num_battles);
	int			identity[] = {0, 1, 2, 3, 4, 5};
	int			voter = 0;
	int			battle = 0;

	for (int c = 0; c < battles->num_cells; c++)
		for (int64 b = 0; b < battles->cells[c].count; b++, battle++)
			voters_add(voters, battle % 4 == 3 ? -1 : voter++, battles->cells[c].model1,
					   battles->cells[c].model2, meaning_of(battles->cells[c].outcome),
					   battle % 4 == 3 ? 1 : times);
	voters_finish(voters, VOCABULARY_NUMBERED, identity);
	return voters;
}

static bool
same_ratings(const Ranking *a, const Ranking *b)
{
	return memcmp(a->ratings, b->ratings, sizeof(Rating) * a->num_models) == 0;
}

/*
 * Protects that the way in which replicates are made changes no digit: many at once, or
 * where memory is short or there are very many battles one by one.
 */
static void
test_ways(void)
{
	BattleList *battles = davidson_puddings();
	RankOptions options = options_by(single_voters(battles, 1, LARGE / 1000),
									 INTERVALS_BOOTSTRAP, 100);
	Ranking    *at_once = rank_battles(battles, &options);
	BattleList *many = davidson_puddings();
	Ranking    *one_by_one;
	Ranking    *of_many;

	options = options_by(single_voters(battles, 1, 16), INTERVALS_BOOTSTRAP, 100);
	one_by_one = rank_battles(battles, &options);
	check(same_ratings(at_once, one_by_one), "little memory changes an interval");

	options = options_by(voters_of(battles, one_of_seven, 7), INTERVALS_BOOTSTRAP, 100);
	at_once = rank_battles(battles, &options);
	for (int c = 0; c < many->num_cells; c++)
		many->cells[c].count <<= 40;
	options = options_by(voters_of(many, one_of_seven, 7), INTERVALS_BOOTSTRAP, 100);
	of_many = rank_battles(many, &options);
	for (int i = 0; i < 6; i++)
		check(fabs(at_once->ratings[i].lower - of_many->ratings[i].lower) < 2e-5 &&
			  fabs(at_once->ratings[i].upper - of_many->ratings[i].upper) < 2e-5,
			  "very many battles change the interval of model %d", i);
}

/*
 * Protects battles without a voter among others: they are drawn as often as their share,
 * each by itself.  As everybody cast one battle, intervals are about those by battle.
 */
static void
test_some_unknown(void)
{
	BattleList *battles = davidson_puddings();
	RankOptions options = options_by(single_voters(battles, 1, LARGE / 1000),
									 INTERVALS_BOOTSTRAP, 4000);
	Ranking    *by_voter = rank_battles(battles, &options);
	Ranking    *by_battle;
	double		ratio = 0;

	options = options_by(NULL, INTERVALS_BOOTSTRAP, 4000);
	by_battle = rank_battles(battles, &options);
	check(by_voter->num_voters == battles->num_battles, "there are %d voters",
		  (int) by_voter->num_voters);
	for (int i = 0; i < 6; i++)
		ratio += (by_voter->ratings[i].upper - by_voter->ratings[i].lower) /
			(by_battle->ratings[i].upper - by_battle->ratings[i].lower) / 6;
	check(fabs(ratio - 1) < 0.04, "intervals are %f times as wide", ratio);
}

/*
 * Protects the bootstrap of voters: its intervals are about those of the covariance;
 * and of battles without a voter, to the digit, those of battles.
 */
static void
test_bootstrap(void)
{
	BattleList *battles = davidson_puddings();
	RankOptions options;
	RankOptions plain = options_by(NULL, INTERVALS_BOOTSTRAP, 4000);
	Ranking    *by_battle = rank_battles(battles, &plain);
	Ranking    *by_voter;
	Ranking    *unknown;
	Ranking    *by_formula;
	double		ratio = 0;

	options = options_by(voters_of(battles, nobody, 0), INTERVALS_BOOTSTRAP, 4000);
	unknown = rank_battles(battles, &options);
	options = options_by(voters_of(battles, one_of_seven, 7), INTERVALS_BOOTSTRAP, 4000);
	by_voter = rank_battles(battles, &options);
	options = options_by(voters_of(battles, one_of_seven, 7), INTERVALS_SANDWICH, 4000);
	by_formula = rank_battles(battles, &options);
	check(same_ratings(unknown, by_battle), "without voters intervals are not those of battles");
	for (int i = 0; i < 6; i++)
	{
		check(by_voter->ratings[i].score == by_battle->ratings[i].score,
			  "the score of model %d depends on voters", i);
		ratio += (by_voter->ratings[i].upper - by_voter->ratings[i].lower) /
			(by_formula->ratings[i].upper - by_formula->ratings[i].lower) / 6;
	}

	/*
	 * of seven, by Student's t and the factor 7/6 the formula is that much
	 * wider
	 */
	note("by voter intervals are %f times as wide as by the formula", ratio);
	check(ratio > 0.87 && ratio < 0.98, "that is not as it should be");
}

/*
 * Protects what voters must not depend on: the order of a voter's rows, how they are
 * split, and which side stood first.
 */
static void
test_order(void)
{
	BattleList *battles = davidson_puddings();
	Dice		dice = {94};
	int			identity[] = {0, 1, 2, 3, 4, 5};
	Ranking    *first = NULL;

	for (int t = 0; t < 4; t++)
	{
		Voters	   *voters = voters_begin(LARGE);
		RankOptions options;
		Ranking    *ranking;

		for (int v = 0; v < 7; v++)
		{
			int		   *order = dice_permutation(&dice, battles->num_cells);

			for (int k = 0; k < battles->num_cells; k++)
			{
				const Cell *cell = &battles->cells[order[k]];
				bool		turned = dice_below(&dice, 2) == 0;
				int64		part = dice_below(&dice, (int) cell->count + 1);

				if (order[k] % 7 != v)
					continue;
				for (int half = 0; half < 2; half++)
				{
					int64		count = half ? part : cell->count - part;

					if (count > 0)
						voters_add(voters, v, turned ? cell->model2 : cell->model1,
								   turned ? cell->model1 : cell->model2,
								   meaning_of(turned ? mirrored(cell->outcome) : cell->outcome),
								   count);
				}
			}
		}
		voters_finish(voters, VOCABULARY_NUMBERED, identity);
		options = options_by(voters, t % 2 ? INTERVALS_SANDWICH : INTERVALS_BOOTSTRAP, 50);
		ranking = rank_battles(battles, &options);
		if (t >= 2)
			check(memcmp(ranking->ratings, first[t % 2].ratings, sizeof(Rating) * 6) == 0,
				  "the order changes an interval");
		else
		{
			if (first == NULL)
				first = palloc(sizeof(Ranking) * 2);
			first[t] = *ranking;
		}
	}
}

/* Protects who is left out: a model that cannot be placed takes its battles along */
static void
test_unplaced(void)
{
	BattleList *battles = davidson_puddings();
	RankOptions options;
	Ranking    *without;
	Ranking    *with;

	options = options_by(voters_of(battles, one_of_seven, 7), INTERVALS_SANDWICH, 100);
	without = rank_battles(battles, &options);
	battles->num_models = 7;
	battles_add(battles, 6, 0, OUTCOME_FIRST, 3);	/* 46 is the cell: voter 4 */
	options = rank_options(7, 100);
	options.intervals = INTERVALS_SANDWICH;
	options.voters = voters_of(battles, one_of_seven, 7);
	with = rank_battles(battles, &options);
	check(with->ratings[6].status == MODEL_UNDEFEATED, "it is placed");
	for (int i = 0; i < 6; i++)
		check(with->ratings[i].upper == without->ratings[i].upper,
			  "it changes the interval of model %d", i);
}

static void
fill_voters(void *argument)
{
	Voters	   *voters = voters_begin(16 * 3000);

	for (int c = 0; c < 3001; c++)
		voters_add(voters, c, 0, 1, meaning_of(OUTCOME_TIE), 1);
}

/* Protects memory */
static void
test_errors(void)
{
	check(reports_error(ERRCODE_PROGRAM_LIMIT_EXCEEDED, fill_voters, NULL),
		  "cells take more than they may");
}

/* Protects intervals that one voter cannot have: nobody is ranked */
static void
test_one_voter(void)
{
	BattleList *battles = davidson_puddings();

	for (int kind = INTERVALS_BOOTSTRAP; kind <= INTERVALS_SANDWICH; kind++)
	{
		RankOptions options = options_by(voters_of(battles, one_of_one, 1),
										 (IntervalKind) kind, 10);
		Ranking    *ranking = rank_battles(battles, &options);

		check(ranking->one_voter && ranking->num_voters == 1 && ranking->num_ranked == 0,
			  "%d models are ranked", ranking->num_ranked);
	}
}

/* Protects battles that do not vary: intervals are not wider by voter, but as wide */
static void
test_ties(void)
{
	BattleList *battles = davidson_puddings();
	RankOptions options;
	Ranking    *ranking;

	for (int c = 0; c < battles->num_cells; c++)
		battles->cells[c].outcome = OUTCOME_TIE;
	options = options_by(voters_of(battles, one_of_seven, 7), INTERVALS_SANDWICH, 10);
	ranking = rank_battles(battles, &options);
	check(ranking->widening == 1, "intervals are %f times as wide", ranking->widening);
	check(ranking->ratings[0].lower == 1000 && ranking->ratings[0].upper == 1000,
		  "ties have an interval");
}

const UnitTest voter_tests[] = {
	{"voters: the covariance of seven is known", test_seven_voters},
	{"voters: of one battle each they are battles", test_one_battle_each},
	{"voters: the bootstrap draws them", test_bootstrap},
	{"voters: of some battles none is known", test_some_unknown},
	{"voters: the way of drawing changes no digit", test_ways},
	{"voters: order changes no digit", test_order},
	{"voters: a model that cannot be placed", test_unplaced},
	{"voters: errors", test_errors},
	{"voters: one has no interval", test_one_voter},
	{"voters: of nothing but ties", test_ties},
	{NULL, NULL}
};
