/*-------------------------------------------------------------------------
 *
 * tally_test.c
 *	  Tests of tally.c: no battle is lost, doubled or turned around.
 *
 * Everything later believes the tally.  It must hold the battles that went in,
 * sorted, whatever their order and side, and refuse more than it can count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

#define NUM_TALLIES scaled(200)

static bool
same_matrix(PointMatrix a, PointMatrix b)
{
	for (int i = 0; i < a.num_models * a.num_models; i++)
		if (a.of[i] != b.of[i])
			return false;
	return a.num_models == b.num_models;
}

/*
 * The pairs of a tally must be canonical: the lower model first, ascending,
 * each once, none empty.
 */
static void
check_pair_order(const Tally *tally)
{
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		const Pair *before = pair - 1;

		check(pair->first < pair->second, "pair %d is (%d, %d)", p,
			  pair->first, pair->second);
		check(pair->count[0] + pair->count[1] + pair->count[2] > 0,
			  "pair %d has no battles", p);
		check(p == 0 || before->first < pair->first ||
			  (before->first == pair->first && before->second < pair->second),
			  "pair %d is out of order", p);
	}
}

/* Protects the counts: what comes out is what went in, in canonical order */
static void
test_contents(void)
{
	Dice		dice = {1};

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		Tally	   *tally = battles_tally(battles, NULL);

		check_pair_order(tally);
		check(tally->num_battles == battles->num_battles,
			  "%lld battles of %lld", (long long) tally->num_battles,
			  (long long) battles->num_battles);
		check(same_matrix(matrix_of_points(tally, tally_points(tally)),
						  matrix_of_battles(battles)),
			  "tally %d has other points than its battles", t);
	}
}

/*
 * The same battles told otherwise: cells in another order, split in two, seen
 * from the other side, the models numbered as position says.
 */
static BattleList *
retold(const BattleList *battles, Dice *dice, const int *number)
{
	BattleList *told = battles_create(battles->num_models);
	int		   *order = dice_permutation(dice, battles->num_cells);

	for (int c = 0; c < battles->num_cells; c++)
	{
		Cell		cell = battles->cells[order[c]];
		int64		part = (int64) (dice_double(dice) * cell.count);
		int			first = number[cell.model1];
		int			second = number[cell.model2];

		if (dice_below(dice, 2))
		{
			static const Outcome mirror[] = {
				OUTCOME_SECOND, OUTCOME_FIRST, OUTCOME_TIE
			};

			battles_add(told, second, first, mirror[cell.outcome], part);
			battles_add(told, first, second, cell.outcome, cell.count - part);
		}
		else
		{
			battles_add(told, first, second, cell.outcome, part);
			battles_add(told, first, second, cell.outcome, cell.count - part);
		}
	}
	return told;
}

/*
 * Protects "the same battles give the same bytes": the ranking, its intervals
 * too, does not depend on the order in which battles and models are met.
 */
static void
test_order_of_adding(void)
{
	Dice		dice = {2};

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int			n = battles->num_models;
		int		   *number = dice_permutation(&dice, n);
		int		   *position = palloc(sizeof(int) * n);
		RankOptions options = rank_options(n, MIN_BOOTSTRAP);
		Ranking    *a;
		Ranking    *b;

		for (int i = 0; i < n; i++)
			position[number[i]] = i;
		a = rank_battles(battles, &options);
		b = rank_models(battles_tally(retold(battles, &dice, number), position),
						&options);
		for (int i = 0; i < n; i++)
			check(memcmp(&a->ratings[i].score, &b->ratings[i].score,
						 3 * sizeof(double)) == 0 &&
				  a->ratings[i].status == b->ratings[i].status &&
				  a->ratings[i].rank == b->ratings[i].rank,
				  "tally %d: model %d is rated %f [%f, %f] and %f [%f, %f]", t, i,
				  a->ratings[i].score, a->ratings[i].lower, a->ratings[i].upper,
				  b->ratings[i].score, b->ratings[i].lower, b->ratings[i].upper);
	}
}

/* Protects the vote counts that are published */
static void
test_vote_counts(void)
{
	Dice		dice = {3};

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int64	   *expected = palloc0(sizeof(int64) * battles->num_models);
		int64	   *counted = palloc(sizeof(int64) * battles->num_models);

		for (int c = 0; c < battles->num_cells; c++)
		{
			expected[battles->cells[c].model1] += battles->cells[c].count;
			expected[battles->cells[c].model2] += battles->cells[c].count;
		}
		tally_count_battles(battles_tally(battles, NULL), counted);
		for (int i = 0; i < battles->num_models; i++)
			check(counted[i] == expected[i], "model %d has %lld battles, not %lld",
				  i, (long long) counted[i], (long long) expected[i]);
	}
}

/* Protects the battles among the models that are placed */
static void
test_among(void)
{
	Dice		dice = {4};

	for (int t = 0; t < NUM_TALLIES; t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int		   *index = palloc(sizeof(int) * battles->num_models);
		int		   *kept = palloc(sizeof(int) * battles->num_models);
		int			num_kept = 0;
		Tally	   *among;

		for (int i = 0; i < battles->num_models; i++)
		{
			index[i] = dice_below(&dice, 2) ? num_kept : -1;
			if (index[i] >= 0)
				kept[num_kept++] = i;
		}
		among = tally_among(battles_tally(battles, NULL), index, num_kept);
		check_pair_order(among);
		check(among->num_models == num_kept &&
			  same_matrix(matrix_of_points(among, tally_points(among)),
						  matrix_among(matrix_of_battles(battles), kept, num_kept)),
			  "tally %d lost battles among %d models", t, num_kept);
	}
}

static void
add_one_battle_more(void *builder)
{
	tally_add(builder, 3, 1, OUTCOME_TIE, 1);
}

/* Protects the promise of 2^53 battles, and that one more is an error */
static void
test_most_battles(void)
{
	TallyBuilder *builder = tally_begin();

	tally_add(builder, 0, 1, OUTCOME_FIRST, MAX_BATTLES - 1);
	tally_add(builder, 1, 2, OUTCOME_SECOND, 1);
	check(reports_error(ERRCODE_PROGRAM_LIMIT_EXCEEDED, add_one_battle_more,
						builder),
		  "2^53 + 1 battles are not refused");
	check(strstr(error_detail, "9007199254740992") != NULL,
		  "the limit is not named: %s", error_detail);
}

static int	num_pairs_added;

static void
add_all_pairs(void *builder)
{
	for (int i = 0; i < MAX_MODELS + 1; i++)
		for (int j = 0; j < i; j++)
		{
			tally_add(builder, i, j, OUTCOME_FIRST, 1);
			num_pairs_added++;
		}
}

/* Protects memory: pairs beyond the limit are an error */
static void
test_most_pairs(void)
{
	num_pairs_added = 0;
	check(reports_error(ERRCODE_PROGRAM_LIMIT_EXCEEDED, add_all_pairs,
						tally_begin()),
		  "%d pairs are not refused", MAX_MODELS * (MAX_MODELS + 1) / 2);
	check(num_pairs_added == MAX_PAIRS, "%d pairs were taken", num_pairs_added);
	check(strstr(error_detail, "2000000") != NULL,
		  "the limit is not named: %s", error_detail);
}

const UnitTest tally_tests[] = {
	{"a tally holds the battles that went in", test_contents},
	{"a ranking does not depend on the order of adding", test_order_of_adding},
	{"a tally counts each model's battles", test_vote_counts},
	{"a tally among some models holds their battles", test_among},
	{"more than 2^53 battles are refused", test_most_battles},
	{"more than 2,000,000 pairs are refused", test_most_pairs},
	{NULL, NULL}
};
