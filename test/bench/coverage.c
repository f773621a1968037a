/*-------------------------------------------------------------------------
 *
 * coverage.c
 *	  How often intervals and ranks hold what they promise: a simulation.
 *
 * Votes are made up, of models whose strengths are known; they are ranked, and it is
 * counted how often an interval holds the true score, a range the true rank, and all
 * ranges all ranks; and how often ranks by significance place two models the wrong way
 * round.
 *
 * Where voters have a taste of their own, or votes may be ties, the truth is what a
 * ranking of endless votes would give: the strengths fitted to the expected points.
 *
 * All is seeded, so that two runs print the same.  Usage: coverage [DATASETS
 * [REPLICATES]], 400 and 400.  The output is the table of doc/statistics.md.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "../unit/battles.h"
#include "../unit/unit.h"

#define MAX_TRIED 50
#define LARGE ((Size) 1 << 32)

/* Places between two models that are drawn by rank */
#define MOST_APART 5

/* How many are the likeliest */
#define NUM_BEST 20

/* How pairs of models come to be voted on */
typedef enum Drawing
{
	PAIRS_AT_RANDOM,
	PAIRS_BY_RANK,				/* models that stand near each other so far */
	PAIRS_FOR_SCORES,			/* those that next_battles() names, by their */
	PAIRS_FOR_TOP,				/* chances */
	PAIRS_FOR_RANKS,
	BEST_PAIRS_FOR_RANKS		/* only the likeliest of these */
} Drawing;

/* What is made up */
typedef struct Scenario
{
	const char *name;
	int			num_models;
	int			num_voters;		/* 0: every vote is of another */
	int			num_votes;
	double		taste;			/* standard deviation of a voter's own
								 * strengths */
	double		spread;			/* of the models' strengths */
	double		ties;
	Drawing		drawing;
	double		prior_battles;
} Scenario;

static const Scenario scenarios[] = {
	{"independent votes, 10 models, 2,000 votes", 10, 0, 2000, 0, 0.5, 0.2, PAIRS_AT_RANDOM, 0},
	{"independent votes, 50 models, 10,000 votes", 50, 0, 10000, 0, 0.5, 0.2, PAIRS_AT_RANDOM, 0},
	{"voters with some taste, 10 models, 100 voters, 4,000 votes", 10, 100, 4000, 0.5, 0.5, 0.2, PAIRS_AT_RANDOM, 0},
	{"voters with some taste, 50 models, 300 voters, 12,000 votes", 50, 300, 12000, 0.5, 0.5, 0.2, PAIRS_AT_RANDOM, 0},
	{"voters with much taste, 10 models, 100 voters, 4,000 votes", 10, 100, 4000, 1.0, 0.5, 0.2, PAIRS_AT_RANDOM, 0},
	{"voters with much taste, 10 models, 15 voters, 600 votes", 10, 15, 600, 1.0, 0.5, 0.2, PAIRS_AT_RANDOM, 0},
	{"few votes, 20 models, 200 votes", 20, 0, 200, 0, 0.5, 0, PAIRS_AT_RANDOM, 0},
	{"few votes, 20 models, 200 votes, prior 1", 20, 0, 200, 0, 0.5, 0, PAIRS_AT_RANDOM, 1},
	{"pairs drawn by rank, 50 models, 2,000 votes", 50, 0, 2000, 0, 0.5, 0, PAIRS_BY_RANK, 0},
	{"pairs drawn by rank, 50 models, 2,000 votes, prior 4", 50, 0, 2000, 0, 0.5, 0, PAIRS_BY_RANK, 4},
	{"pairs at random, 50 models, 2,000 votes", 50, 0, 2000, 0, 0.5, 0, PAIRS_AT_RANDOM, 0},
	{"next battles for scores, 50 models, 2,000 votes", 50, 0, 2000, 0, 0.5, 0, PAIRS_FOR_SCORES, 0},
	{"next battles for the top, 50 models, 2,000 votes", 50, 0, 2000, 0, 0.5, 0, PAIRS_FOR_TOP, 0},
	{"next battles for ranks, 50 models, 2,000 votes", 50, 0, 2000, 0, 0.5, 0, PAIRS_FOR_RANKS, 0},
	{"only the 20 likeliest of these, 50 models, 2,000 votes", 50, 0, 2000, 0, 0.5, 0, BEST_PAIRS_FOR_RANKS, 0}
};

/* Votes of one data set */
typedef struct Votes
{
	Tally	   *tally;
	Voters	   *voters;			/* used up by a ranking */
} Votes;

/* What is counted of one way to find intervals */
typedef struct Count
{
	double		scores;			/* of models that are ranked */
	double		held;			/* by their intervals */
	double		ranges_held;
	double		sets;
	double		all_held;		/* data sets whose simultaneous ranges all
								 * hold */
	double		wrong_order;	/* ... in which ranks by significance err */
	double		best_missed;	/* ... in which the best model may not be it */
	double		top_excess;		/* points that the first is too high */
} Count;

static double
draw_normal(Dice *dice)
{
	return sqrt(-2 * log(1 - dice_double(dice))) * cos(2 * M_PI * dice_double(dice));
}

static double
chance_of(double ahead)
{
	return 1 / (1 + exp(-ahead));
}

/*
 * The expected chance where a voter's own difference varies by this standard
 * deviation.
 */
static double
mean_chance(double ahead, double deviation)
{
	double		sum = 0;
	double		total = 0;

	if (deviation == 0)
		return chance_of(ahead);
	for (double z = -6; z <= 6; z += 0.05)
	{
		sum += exp(-z * z / 2) * chance_of(ahead + deviation * z);
		total += exp(-z * z / 2);
	}
	return sum / total;
}

/*
 * The scores that a ranking of endless votes would give.
 */
static void
find_truth(const Scenario *scenario, const double *strengths, double *truth)
{
	int			n = scenario->num_models;
	BattleList *all = battles_create(n);
	double	   *fitted = palloc0(sizeof(double) * n);
	Tally	   *tally;
	PairPoints	points;
	double		mean = 0;

	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			battles_add_pair(all, j, i, 1, 1, 0);
	tally = battles_tally(all, NULL);
	points = points_create(tally->num_pairs);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		double		chance = mean_chance(strengths[pair->first] - strengths[pair->second],
										 scenario->taste * sqrt(2));

		points.first[p] = 1000 * ((1 - scenario->ties) * chance + scenario->ties / 2);
		points.second[p] = 1000 - points.first[p];
	}
	fit_maximum(fitter_create(tally, 0), points, fitted);
	for (int i = 0; i < n; i++)
		mean += fitted[i] / n;
	for (int i = 0; i < n; i++)
		truth[i] = CENTRE_SCORE + POINTS_PER_STRENGTH * (fitted[i] - mean);
}

/*
 * Two models to be voted on: any, or two that stand near each other in the order so
 * far.
 */
static void
draw_pair(const Scenario *scenario, Dice *dice, const int *order, int *first, int *second)
{
	int			n = scenario->num_models;
	int			place = dice_below(dice, n);
	int			other;

	if (order == NULL)
	{
		*first = place;
		*second = (place + 1 + dice_below(dice, n - 1)) % n;
		return;
	}
	other = place + (dice_below(dice, 2) ? 1 : -1) * (1 + dice_below(dice, MOST_APART));
	if (other < 0 || other >= n)
		other = place > 0 ? place - 1 : place + 1;
	*first = order[place];
	*second = order[other];
}

static const double *sorted_by;

static int
compare_scores(const void *a, const void *b)
{
	double		x = sorted_by[*(const int *) a];
	double		y = sorted_by[*(const int *) b];

	return (x < y) - (x > y);
}

/*
 * The order of models as they stand after some battles.
 */
static void
find_order(const BattleList *battles, int *order)
{
	int			n = battles->num_models;
	double	   *strengths = palloc0(sizeof(double) * n);
	Tally	   *tally = battles_tally(battles, NULL);

	fit_maximum(fitter_create(tally, 1), tally_points(tally), strengths);
	for (int i = 0; i < n; i++)
		order[i] = i;
	sorted_by = strengths;
	qsort(order, n, sizeof(int), compare_scores);
}

/*
 * The pairs that should battle next after some battles, for what a scenario is about.
 */
static NextBattle *
find_next(const Scenario *scenario, const BattleList *battles, int *num_pairs)
{
	RankOptions options = rank_options(battles->num_models, MIN_BOOTSTRAP);

	options.intervals = INTERVALS_NONE;
	options.keep_fit = true;
	options.prior_battles = 1;
	return next_battles(rank_battles(battles, &options)->fit,
						scenario->drawing == PAIRS_FOR_SCORES ? GOAL_SCORES :
						scenario->drawing == PAIRS_FOR_TOP ? GOAL_TOP : GOAL_RANKS,
						scenario->drawing == BEST_PAIRS_FOR_RANKS ? NUM_BEST : PG_INT32_MAX,
						num_pairs);
}

/*
 * One of them by their chances.
 */
static void
draw_next(Dice *dice, const NextBattle *pairs, int num_pairs, int *first, int *second)
{
	double		left = 0;
	int			k = 0;

	for (int pair = 0; pair < num_pairs; pair++)
		left += pairs[pair].chance;
	left *= dice_double(dice);
	while (k < num_pairs - 1 && left >= pairs[k].chance)
		left -= pairs[k++].chance;
	*first = pairs[k].first;
	*second = pairs[k].second;
}

/*
 * A voter's own strengths.
 */
static void
draw_taste(const Scenario *scenario, Dice *dice, const double *strengths, double *own)
{
	for (int i = 0; i < scenario->num_models; i++)
		own[i] = strengths[i] + (scenario->taste > 0 ? scenario->taste * draw_normal(dice) : 0);
}

/*
 * Who casts a vote: voters are busy to different degrees, the first ones most.
 */
static int
draw_voter(const Scenario *scenario, Dice *dice)
{
	double		u = dice_double(dice);

	return (int) (scenario->num_voters * u * u);
}

static Votes
draw_votes(const Scenario *scenario, Dice *dice, const double *strengths)
{
	int			n = scenario->num_models;
	BattleList *battles = battles_create(n);
	int			num_voters = scenario->num_voters;
	int		   *cast = palloc0(sizeof(int) * (num_voters + 1));
	double		own[MAX_TRIED];
	int			identity[MAX_TRIED];
	int			order[MAX_TRIED];
	NextBattle *next = NULL;
	int			num_next = 0;
	Votes		votes;

	votes.voters = voters_begin(LARGE);
	for (int i = 0; i < n; i++)
		identity[i] = i;
	for (int v = 0; v < scenario->num_votes && num_voters > 0; v++)
		cast[draw_voter(scenario, dice)]++;
	for (int voter = 0, v = 0, left = 0, number = -1; v < scenario->num_votes; v++)
	{
		int			first,
					second;
		Outcome		outcome = OUTCOME_TIE;
		bool		by_rank = scenario->drawing == PAIRS_BY_RANK && v >= n * 4;
		bool		by_gain = scenario->drawing > PAIRS_BY_RANK && v >= n * 4;

		while (num_voters > 0 && left == 0)
		{
			left = cast[voter++];
			number += left > 0;
			draw_taste(scenario, dice, strengths, own);
		}
		left--;
		if (num_voters == 0)
			draw_taste(scenario, dice, strengths, own);
		if (by_rank && v % 50 == 0)
			find_order(battles, order);
		if (by_gain && v % 50 == 0)
			next = find_next(scenario, battles, &num_next);
		if (by_gain)
			draw_next(dice, next, num_next, &first, &second);
		else
			draw_pair(scenario, dice, by_rank ? order : NULL, &first, &second);
		if (!(dice_double(dice) < scenario->ties))
			outcome = dice_double(dice) < chance_of(own[first] - own[second]) ?
				OUTCOME_FIRST : OUTCOME_SECOND;
		battles_add(battles, first, second, outcome, 1);
		voters_add(votes.voters, num_voters > 0 ? number : -1, first, second,
				   MEANS(VOCABULARY_NUMBERED, outcome), 1);
	}
	voters_finish(votes.voters, VOCABULARY_NUMBERED, identity);
	votes.tally = battles_tally(battles, NULL);
	return votes;
}

/*
 * How many ranked models are truly better.
 */
static int
true_rank(const Ranking *ranking, const double *truth, int model)
{
	int			rank = 1;

	for (int j = 0; j < ranking->num_models; j++)
		rank += ranking->compared[j] >= 0 && truth[j] > truth[model];
	return rank;
}

static void
count_ranking(const Ranking *ranking, const double *truth, Count *count)
{
	RankRange  *ranges = rank_ranges(ranking->differences);
	double		mean = 0;
	bool		all_held = true;
	bool		wrong_order = false;

	for (int i = 0; i < ranking->num_models; i++)
		if (ranking->compared[i] >= 0)
			mean += (truth[i] - CENTRE_SCORE) / ranking->num_ranked;
	for (int i = 0; i < ranking->num_models; i++)
	{
		const Rating *rating = &ranking->ratings[i];
		const RankRange *range;
		int			rank;

		if (ranking->compared[i] < 0)
			continue;
		range = &ranges[ranking->compared[i]];
		rank = true_rank(ranking, truth, i);
		count->scores++;
		count->held += rating->lower <= truth[i] - mean && truth[i] - mean <= rating->upper;
		count->ranges_held += range->lowest <= rank && rank <= range->highest;
		all_held &= range->lowest_of_all <= rank && rank <= range->highest_of_all;
		if (rank == 1)
			count->best_missed += !range->may_be_best;
		if (ranking->order[0] == i)
			count->top_excess += rating->score - (truth[i] - mean);
		for (int j = 0; j < ranking->num_models; j++)
			wrong_order |= ranking->compared[j] >= 0 && truth[j] < truth[i] &&
				ranking->ratings[j].lower > rating->upper;
	}
	count->sets++;
	count->all_held += all_held;
	count->wrong_order += wrong_order;
}

static void
print_count(const Scenario *scenario, const char *way, const Count *count)
{
	printf("| %s | %s | %.1f | %.1f | %.1f | %.1f | %.1f | %.0f |\n", scenario->name, way,
		   100 * count->held / count->scores, 100 * count->ranges_held / count->scores,
		   100 * count->all_held / count->sets, 100 * count->best_missed / count->sets,
		   100 * count->wrong_order / count->sets, count->top_excess / count->sets);
	fflush(stdout);
}

/*
 * Try a scenario in each of the ways to find intervals.
 */
static void
try_scenario(const Scenario *scenario, int num_sets, int num_replicates)
{
	static const char *const ways[] = {
		"bootstrap", "formula", "bootstrap by voter", "formula by voter"
	};
	Count		counts[lengthof(ways)] = {{0}};
	int			num_ways = scenario->num_voters > 0 ? 4 : 2;

	for (int set = 0; set < num_sets; set++)
	{
		Dice		seed = {set * UINT64CONST(1000003) + (scenario - scenarios)};
		double		strengths[MAX_TRIED];
		double		truth[MAX_TRIED];

		for (int i = 0; i < scenario->num_models; i++)
			strengths[i] = scenario->spread * draw_normal(&seed);
		find_truth(scenario, strengths, truth);
		for (int way = 0; way < num_ways; way++)
		{
			Dice		dice = seed;
			Votes		votes = draw_votes(scenario, &dice, strengths);
			RankOptions options = rank_options(scenario->num_models, num_replicates);

			options.intervals = way % 2 ? INTERVALS_SANDWICH : INTERVALS_BOOTSTRAP;
			options.voters = way >= 2 ? votes.voters : NULL;
			options.prior_battles = scenario->prior_battles;
			options.keep_differences = true;
			options.seed = set;
			count_ranking(rank_models(votes.tally, &options), truth, &counts[way]);
			release_memory();
		}
	}
	for (int way = 0; way < num_ways; way++)
		print_count(scenario, ways[way], &counts[way]);
}

int
main(int argc, char **argv)
{
	int			num_sets = argc > 1 ? atoi(argv[1]) : 400;
	int			num_replicates = argc > 2 ? atoi(argv[2]) : 400;

	lapack_init();
	printf("| votes | intervals | score | rank | all ranks | best missed | false order | first too high |\n"
		   "|---|---|---|---|---|---|---|---|\n");
	for (int s = 0; s < (int) lengthof(scenarios); s++)
		if (argc <= 3 || strstr(scenarios[s].name, argv[3]) != NULL)
			try_scenario(&scenarios[s], num_sets, num_replicates);
	return 0;
}
