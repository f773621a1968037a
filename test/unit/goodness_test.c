/*-------------------------------------------------------------------------
 *
 * goodness_test.c
 *	  Tests of goodness.c and what it stands on: does the model hold?
 *
 * Deviances are held against published ones and those of a program of its own;
 * p-values against what they are by definition: of data from the model one in twenty is
 * below 0.05.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "unit.h"

/* Protects the tail of chi-square, also far out and with many degrees of freedom */
static void
test_chi_square(void)
{
	static const double known[][3] = {
		{15.737, 15, 0.3997428937822332}, {3.84145882, 1, 0.0500000000206984},
		{100, 50, 3.454931382984871e-05}, {10, 50.5, 0.9999999998939229},
		{1100, 1000, 0.014614408126295192}, {124000, 123000, 0.022104717119400555},
		{0.01, 2, 0.9950124791926823}, {400, 20, 2.0440955935807256e-72}, {0, 3, 1}
	};

	for (int k = 0; k < (int) lengthof(known); k++)
	{
		double		tail = chi_square_tail(known[k][0], known[k][1]);

		check(fabs(tail / known[k][2] - 1) < 1e-7, "the tail of %f with %f is %.17g",
			  known[k][0], known[k][1], tail);
	}
}

/* Protects binomial draws: their mean, variance and skewness, of each way to draw */
static void
test_binomial(void)
{
	static const struct
	{
		int64		number;
		double		chance;
	}			cases[] = {
		{1, 0.3}, {7, 0.5}, {40, 0.1}, {40, 0.9}, {30, 0.5}, {1000, 0.02}, {5000, 0.73},
		{INT64CONST(1) << 40, 0.25}, {3, 0}, {3, 1}
	};
	pg_prng_state prng;
	int			num_draws = scaled(100000);

	seed_replicate(&prng, 161, 0);
	for (int k = 0; k < (int) lengthof(cases); k++)
	{
		double		mean = cases[k].number * cases[k].chance;
		double		deviation = sqrt(mean * (1 - cases[k].chance));
		double		sums[4] = {0};

		for (int d = 0; d < num_draws; d++)
		{
			int64		drawn = draw_binomial(&prng, cases[k].number,
											  prepare_chance(cases[k].chance));
			double		off = deviation > 0 ? (drawn - mean) / deviation : drawn - mean;

			check(drawn >= 0 && drawn <= cases[k].number, "%d of %d", (int) drawn,
				  (int) cases[k].number);
			for (int power = 1; power < 4; power++)
				sums[power] += pow(off, power) / num_draws;
		}
		check(fabs(sums[1]) < 5 / sqrt(num_draws), "case %d: the mean is off by %f", k, sums[1]);
		check(fabs(sums[2] - (deviation > 0)) < 10 / sqrt(num_draws),
			  "case %d: the variance is %f times what it should be", k, sums[2]);
		check(deviation == 0 ||
			  fabs(sums[3] - (1 - 2 * cases[k].chance) / deviation) < 25 / sqrt(num_draws),
			  "case %d: the skewness is %f", k, sums[3]);
	}
}

/*
 * The chances of twice the points of n battles, one battle after the other.
 */
static void
add_up_battles(double lost, double tied, double won, int n, double *chances)
{
	memset(chances, 0, sizeof(double) * (2 * n + 1));
	chances[0] = 1;
	for (int b = 0; b < n; b++)
		for (int k = 2 * b + 2; k >= 0; k--)
			chances[k] = lost * chances[k] + (k > 0 ? tied * chances[k - 1] : 0) +
				(k > 1 ? won * chances[k - 2] : 0);
}

/* The chance of each value of a table */
static void
chances_of_table(const ValueColumn *columns, AliasTable table, double *chances)
{
	memset(chances, 0, sizeof(double) * table.num_columns);
	for (uint32 c = 0; c < table.num_columns; c++)
	{
		const ValueColumn *column = &columns[table.begin + c];
		double		own = column->own == PG_UINT32_MAX ? 1 : ldexp(column->own, -32);

		chances[column->values[0]] += own / table.num_columns;
		chances[column->values[1]] += (1 - own) / table.num_columns;
	}
}

/*
 * Battles of two models fought again, of which so many were ties.
 */
static Reenactment *
reenact_two(int num_battles, int num_ties, double ahead)
{
	BattleList *battles = battles_create(2);
	double	   *strengths = palloc0(sizeof(double) * 2);
	PlacedFit  *fit = palloc0(sizeof(PlacedFit));
	Reenactment *reenactment;

	battles_add_pair(battles, 0, 1, num_battles - num_ties, 0, num_ties);
	strengths[0] = ahead;
	fit->tally = battles_tally(battles, NULL);
	fit->strengths = strengths;
	reenactment = reenactment_create(fit);
	reenactment_add_tables(reenactment);
	return reenactment;
}

/*
 * Protects the points of battles that are fought again: of two models that have met up to
 * 500 times, like each other or not, with and without ties, each number of points has its
 * chance.
 */
static void
test_points(void)
{
	static const int numbers[] = {1, 2, 3, 8, 21, 100, 500};
	double		expected[1001];
	double		found[1001];

	for (int k = 0; k < (int) lengthof(numbers); k++)
		for (int part = 0; part < 3; part++)
			for (int ahead = -20; ahead <= 20; ahead += 4)
			{
				int			n = numbers[k];
				Reenactment *reenactment = reenact_two(n, part * n / 2, ahead);
				double		tie = reenactment->ties[0];
				double		won = reenactment->shares[0] - tie / 2;
				double		furthest = 0;

				check((int) reenactment->tables[0].num_columns == 2 * n + 1 || won <= 0 ||
					  1 - won - tie <= 0, "%d battles have no table", n);
				if (reenactment->tables[0].num_columns == 0)
					continue;
				add_up_battles(1 - won - tie, tie, won, n, expected);
				chances_of_table(reenactment->columns.columns, reenactment->tables[0], found);
				for (int i = 0; i <= 2 * n; i++)
					furthest = Max(furthest, fabs(found[i] - expected[i]));
				check(furthest < 1e-9, "%d battles, %d halves of ties, ahead by %d: a chance is off by %g",
					  n, part, ahead, furthest);
			}
}

/* Protects those of two models that have met more often: their mean and variance */
static void
test_many_points(void)
{
	int			num_draws = 20000;

	for (int ties = 0; ties <= 300; ties += 100)
	{
		Reenactment *reenactment = reenact_two(700, ties, 0.5);
		double		share = reenactment->shares[0];
		double		variance = 700 * share * (1 - share) * dispersion(reenactment, 0);
		PairPoints	points = points_create(1);
		double		sums[2] = {0};
		pg_prng_state prng;

		check(reenactment->tables[0].num_columns == 0, "700 battles have a table");
		seed_replicate(&prng, 5, ties);
		for (int d = 0; d < num_draws; d++)
		{
			double		off;

			reenact(reenactment, &prng, points);
			off = points.first[0] - 700 * share;
			sums[0] += off / num_draws;
			sums[1] += off * off / num_draws;
			check(points.first[0] + points.second[0] == 700, "a battle is lost");
		}
		check(fabs(sums[0]) < 5 * sqrt(variance / num_draws), "%d ties: off by %f", ties, sums[0]);
		check(fabs(sums[1] / variance - 1) < 5 * sqrt(2.0 / num_draws),
			  "%d ties: the variance is %f, not %f", ties, sums[1], variance);
	}
}

/* The deviance of points from strengths, pair by pair */
static double
deviance_of(const Tally *tally, PairPoints points, const double *strengths)
{
	double		deviance = 0;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		double		battles = points.first[p] + points.second[p];
		double		share = 1 / (1 + exp(strengths[pair->second] - strengths[pair->first]));

		if (points.first[p] > 0)
			deviance += 2 * points.first[p] * log(points.first[p] / battles / share);
		if (points.second[p] > 0)
			deviance += 2 * points.second[p] * log(points.second[p] / battles / (1 - share));
	}
	return deviance;
}

/*
 * Protects what is expected by chance, the mean deviance of battles that are fought
 * again, and the p-value: of all of them, or in brief once twenty are as large.
 */
static void
test_expected_deviance(void)
{
	Dice		dice = {163};
	BattleList *battles = battles_create(9);
	int			num_replicates = 100;
	int			num_made = 0;
	const PlacedFit *fit;
	Reenactment *reenactment;
	PairPoints	points;
	double		expected = 0;
	double		strengths[9];
	Goodness   *goodness,
			   *brief;
	int			num_as_large = 0;

	for (int i = 0; i < 9; i++)
		for (int j = 0; j < i; j++)
			battles_draw_pair(battles, &dice, j, i, 6 + (i + j) % 3, 0.1 * (i - j), 0.3);
	fit = fit_battles(battles, 0)->fit;
	goodness = test_goodness(fit, num_replicates, 11, true);
	check(goodness->is_simulated, "counts are taken for large");
	brief = test_goodness(fit, num_replicates, 11, false);
	reenactment = reenactment_create(fit);
	reenactment_add_tables(reenactment);
	points = points_create(fit->tally->num_pairs);
	for (int r = 0; r < num_replicates; r++)
	{
		pg_prng_state prng;
		double		deviance;

		seed_replicate(&prng, 11, r);
		reenact(reenactment, &prng, points);
		memcpy(strengths, fit->strengths, sizeof(strengths));
		fit_replicate(fit->fitter, points, NULL, strengths);
		deviance = deviance_of(fit->tally, points, strengths);
		expected += deviance / num_replicates;
		num_as_large += deviance >= goodness->deviance;
		if (num_as_large == 20 && num_made == 0)
			num_made = r + 1;
	}
	check(num_made > 20, "%d of %d replicates have as large a deviance", num_as_large,
		  num_replicates);
	check(goodness->p_value == (1.0 + num_as_large) / (1 + num_replicates),
		  "the p-value is %f", goodness->p_value);
	check(brief->p_value == 20.0 / num_made, "in brief the p-value is %f, not %f",
		  brief->p_value, 20.0 / num_made);
	check(fabs(goodness->expected_deviance - expected) < 1e-9, "%.12f is expected, not %.12f",
		  goodness->expected_deviance, expected);
}

/* Protects the deviance and its p-value: of baseball 1987 (Agresti, table 10.10) */
static void
test_baseball(void)
{
	/*
	 * of each two teams, wins of the first at home and away, and those of the
	 * second
	 */
	static const int games[][4] = {
		{0, 1, 7, 6}, {0, 2, 9, 4}, {0, 3, 7, 6}, {0, 4, 7, 6}, {0, 5, 9, 4}, {0, 6, 11, 2},
		{1, 2, 7, 6}, {1, 3, 5, 8}, {1, 4, 11, 2}, {1, 5, 9, 4}, {1, 6, 9, 4},
		{2, 3, 7, 6}, {2, 4, 7, 6}, {2, 5, 8, 5}, {2, 6, 12, 1},
		{3, 4, 6, 7}, {3, 5, 7, 6}, {3, 6, 10, 3},
		{4, 5, 7, 6}, {4, 6, 12, 1},
		{5, 6, 6, 7}
	};
	BattleList *battles = battles_create(7);
	Goodness   *goodness;
	int			worst = 0;

	for (int k = 0; k < (int) lengthof(games); k++)
		battles_add_pair(battles, games[k][0], games[k][1], games[k][2], games[k][3], 0);
	goodness = test_goodness(fit_battles(battles, 0)->fit, 2000, 0, true);
	check(fabs(goodness->deviance - 15.73650092634582) < 1e-8, "the deviance is %.12f",
		  goodness->deviance);
	check(goodness->degrees == 15, "there are %d degrees of freedom", goodness->degrees);
	check(goodness->num_pairs == 21, "there are %d pairs", goodness->num_pairs);
	for (int p = 0; p < goodness->num_pairs; p++)
		if (fabs(goodness->residuals[p]) > fabs(goodness->residuals[worst]))
			worst = p;
	check(fabs(goodness->residuals[worst] - 2.4636031699157632) < 1e-6,
		  "the worst pair is off by %f", goodness->residuals[worst]);

	/*
	 * counts are small: chi-square would say 0.40, a simulation elsewhere
	 * 0.475
	 */
	check(goodness->is_simulated && fabs(goodness->p_value - 0.475) < 0.04,
		  "the p-value is %f", goodness->p_value);
}

/* Protects the correction for ties where counts are large: of the puddings */
static void
test_puddings(void)
{
	static const int times[] = {1, 10};
	static const double deviances[] = {3.087340206229525, 30.873402062294673};
	static const double p_values[] = {0.9357610697907782, 6.307473177337662e-06};
	static const double excess[] = {0, 0.02800792154223355};

	for (int k = 0; k < 2; k++)
	{
		const PlacedFit *fit = fit_battles(many_puddings(times[k]), 0)->fit;
		Goodness   *goodness = test_goodness(fit, 100, 0, false);

		check(!goodness->is_simulated, "puddings are few");
		check(fabs(goodness->deviance - deviances[k]) < 1e-8 && goodness->degrees == 10,
			  "the deviance is %.12f", goodness->deviance);
		check(fabs(goodness->expected_deviance - 7.277719366250645) < 1e-7,
			  "%.12f is expected", goodness->expected_deviance);
		check(fabs(goodness->p_value / p_values[k] - 1) < 1e-6, "the p-value is %.12g",
			  goodness->p_value);
		check(fabs(goodness->excess - excess[k]) < 1e-8, "shares are off by %.12f",
			  goodness->excess);
	}
}

/* Protects battles fought again: as many points and ties as there were are expected */
static void
test_reenactment(void)
{
	const PlacedFit *fit = fit_battles(davidson_puddings(), 0)->fit;
	Reenactment *reenactment = reenactment_create(fit);
	PairPoints	points = points_create(fit->tally->num_pairs);
	int			num_replicates = scaled(20000);
	double		ties = 0;
	double		squares = 0;
	double		first = 0;

	reenactment_add_tables(reenactment);
	for (int p = 0; p < fit->tally->num_pairs; p++)
		ties += reenactment->ties[p] * pair_battles(&fit->tally->pairs[p]);
	check(fabs(ties - 202) < 1e-9, "%f ties are expected", ties);
	for (int r = 0; r < num_replicates; r++)
	{
		pg_prng_state prng;
		double		off;

		seed_replicate(&prng, 5, r);
		reenact(reenactment, &prng, points);
		check(points.first[0] + points.second[0] == 57, "battles are lost");
		off = points.first[0] - 57 * reenactment->shares[0];
		first += off / num_replicates;
		squares += off * off / num_replicates;
	}
	check(fabs(first) < 5 * 3.2 / sqrt(num_replicates), "points are off by %f", first);
	check(fabs(squares / (57 * reenactment->shares[0] * (1 - reenactment->shares[0]) *
						  dispersion(reenactment, 0)) - 1) < 10 / sqrt(num_replicates),
		  "points vary by %f", squares);
}

/* Protects extremes of ties: none, and nothing else */
static void
test_all_ties(void)
{
	BattleList *battles = battles_create(3);
	Goodness   *goodness;

	for (int i = 0; i < 3; i++)
		battles_add_pair(battles, i, (i + 1) % 3, 0, 0, 20);
	goodness = test_goodness(fit_battles(battles, 0)->fit, 50, 0, true);
	check(goodness->deviance == 0 && goodness->excess == 0 && !(goodness->p_value < 0.5),
		  "only ties have a deviance of %f, p %f", goodness->deviance, goodness->p_value);
	check(goodness->cycles == 0, "there are cycles");
}

/* Battles that follow the model, or whose strengths go around in a circle */
static BattleList *
made_up(Dice *dice, int num_models, int num_battles, double circle, double ties)
{
	BattleList *battles = battles_create(num_models);
	double		strengths[20];

	for (int i = 0; i < num_models; i++)
		strengths[i] = 2 * dice_double(dice);
	for (int i = 0; i < num_models; i++)
		for (int j = 0; j < i; j++)
			battles_draw_pair(battles, dice, i, j, num_battles,
							  strengths[i] - strengths[j] +
							  ((i - j) % 3 == 1 ? circle : (i - j) % 3 == 2 ? -circle : 0),
							  ties);
	return battles;
}

/*
 * In how many of a hundred data sets the p-value is below 0.05.
 */
static double
rejected(Dice *dice, int num_models, int num_battles, double circle, double ties,
		 bool is_simulated, double *cycles_rejected)
{
	int			num_sets = scaled(300);
	int			num_rejected = 0;
	int			num_other = 0;
	int			num_tested = 0;

	for (int t = 0; t < num_sets; t++)
	{
		BattleList *battles = made_up(dice, num_models, num_battles, circle, ties);
		const PlacedFit *fit = fit_battles(battles, 0)->fit;

		if (fit && fit->tally->num_models == num_models)
		{
			Goodness   *goodness = test_goodness(fit, 99, t, true);

			check(goodness->is_simulated == is_simulated, "it is %s simulated",
				  goodness->is_simulated ? "" : "not");
			num_rejected += goodness->p_value <= 0.05;
			num_other += goodness->cycles_p_value <= 0.05;
			num_tested++;
		}
		release_memory();
	}
	*cycles_rejected = 100.0 * num_other / num_tested;
	return 100.0 * num_rejected / num_tested;
}

/*
 * Protects p-values: they are below 0.05 in about 5 of 100 data sets of the model, of
 * few battles and of many, with ties or without; and often where strengths go around.
 */
static void
test_p_values(void)
{
	Dice		dice = {162};
	double		allowed = 5 + 3.5 * sqrt(5 * 95 / (double) scaled(300));
	double		cycles;
	double		found;

	found = rejected(&dice, 8, 3, 0, 0, true, &cycles);
	note("few battles: %f of 100, cycles %f", found, cycles);
	check(found < allowed && cycles < allowed, "that is too often");
	found = rejected(&dice, 8, 60, 0, 0.3, false, &cycles);
	note("many battles, ties: %f of 100, cycles %f", found, cycles);
	check(found < allowed && found > 0.5 && cycles < allowed, "that is wrong");
	found = rejected(&dice, 6, 4, 0, 0.4, true, &cycles);
	note("few battles, ties: %f of 100, cycles %f", found, cycles);
	check(found < allowed && cycles < allowed, "that is too often");
	found = rejected(&dice, 9, 60, 1, 0, false, &cycles);
	note("circles: %f of 100, cycles %f", found, cycles);
	check(found > 90 && cycles > 80, "that is too seldom");
}

/* Protects the count of cycles against counting them one by one, of any data */
static void
test_cycles(void)
{
	Dice		dice = {163};

	for (int t = 0; t < scaled(50); t++)
	{
		int			n = 3 + dice_below(&dice, 80);
		BattleList *battles = battles_create(n);
		Tally	   *tally;
		PairPoints	points;
		int8	   *ahead = palloc0(n * n);
		int64		cycles = 0;

		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
				if (dice_below(&dice, 3) > 0)
					battles_add_pair(battles, i, j, dice_below(&dice, 3),
									 dice_below(&dice, 3), dice_below(&dice, 2));
		tally = battles_tally(battles, NULL);
		points = tally_points(tally);
		for (int p = 0; p < tally->num_pairs; p++)
		{
			const Pair *pair = &tally->pairs[p];

			ahead[pair->first * n + pair->second] = points.first[p] > points.second[p];
			ahead[pair->second * n + pair->first] = points.first[p] < points.second[p];
		}
		for (int i = 0; i < n; i++)
			for (int j = 0; j < i; j++)
				for (int k = 0; k < j; k++)
					cycles += (ahead[i * n + j] && ahead[j * n + k] && ahead[k * n + i]) ||
						(ahead[j * n + i] && ahead[k * n + j] && ahead[i * n + k]);
		check(count_cycles(cycle_counter_create(tally), points) == cycles,
			  "%d cycles of %d models are counted otherwise", (int) cycles, n);
		release_memory();
	}
}

/* Protects models in a tree: nothing can be tested, and nothing is said */
static void
test_tree(void)
{
	BattleList *battles = battles_create(3);
	Goodness   *goodness;

	battles_add_pair(battles, 0, 1, 3, 2, 0);
	battles_add_pair(battles, 1, 2, 4, 2, 1);
	goodness = test_goodness(fit_battles(battles, 0)->fit, 50, 0, true);
	check(goodness->degrees == 0 && isnan(goodness->p_value) &&
		  isnan(goodness->cycles_p_value), "the p-value is %f", goodness->p_value);
	check(fabs(goodness->deviance) < 1e-9 && goodness->residuals[0] == 0,
		  "pairs are off that cannot be");
}

const UnitTest goodness_tests[] = {
	{"the tail of chi-square is known", test_chi_square},
	{"binomial draws have the moments they should", test_binomial},
	{"points of battles fought again have their chances", test_points},
	{"points of many battles fought again have their moments", test_many_points},
	{"the mean deviance of replicates is expected", test_expected_deviance},
	{"deviance of baseball 1987", test_baseball},
	{"deviance of the puddings, whose ties vary less", test_puddings},
	{"battles fought again are as the scores predict", test_reenactment},
	{"deviance of ties alone", test_all_ties},
	{"p-values of the fit are what they should be", test_p_values},
	{"cycles of three are counted", test_cycles},
	{"the fit of a tree cannot be tested", test_tree},
	{NULL, NULL}
};
