/*-------------------------------------------------------------------------
 *
 * term_test.c
 *	  Tests of models with more than strengths: position, ties, covariates.
 *
 * Published answers; the gradient of a likelihood that is written down here once more, as
 * a book has it; and properties that hold on any data.  Whether there is a maximum is
 * compared with what all simple cycles say.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "unit.h"

#define LARGE ((Size) 1 << 30)

static const ModelTerms davidson = {.ties = TIES_DAVIDSON};
static const ModelTerms position = {.position = true};
static const ModelTerms both = {.position = true,.ties = TIES_DAVIDSON};
static const ModelTerms nothing_else = {0};

/* A fit with terms, and what it has found */
typedef struct FittedTerms
{
	const Tally *tally;
	const Regression *regression;
	const double *strengths;
	const double *terms;
} FittedTerms;

static FittedTerms
fit_terms(const BattleList *battles, ModelTerms terms)
{
	FittedTerms fitted = {.tally = battles_tally(battles, NULL)};
	Estimator  *estimator = estimator_create(fitted.tally, NULL, terms, 0);

	fitted.regression = estimator_fit(estimator);
	if (fitted.regression == NULL)
		elog(ERROR, "there is no fit");
	fitted.strengths = regression_estimate(fitted.regression);
	fitted.terms = fitted.strengths + regression_num_nodes(fitted.regression);
	return fitted;
}

/* Baseball of 1987, seven teams of the American League (Agresti, table 10.10) */
static BattleList *
baseball(void)
{
	static const int games[7][7][2] = {
		{{0, 0}, {4, 3}, {4, 2}, {4, 3}, {6, 1}, {4, 2}, {6, 0}},
		{{3, 3}, {0, 0}, {4, 2}, {4, 3}, {6, 0}, {6, 1}, {4, 3}},
		{{2, 5}, {4, 3}, {0, 0}, {2, 4}, {4, 3}, {4, 2}, {6, 0}},
		{{3, 3}, {5, 1}, {2, 5}, {0, 0}, {4, 3}, {4, 2}, {6, 1}},
		{{5, 1}, {2, 5}, {3, 3}, {4, 2}, {0, 0}, {5, 2}, {6, 0}},
		{{2, 5}, {3, 3}, {3, 4}, {4, 3}, {4, 2}, {0, 0}, {2, 4}},
		{{2, 5}, {1, 5}, {1, 6}, {2, 4}, {1, 6}, {3, 4}, {0, 0}}
	};
	BattleList *battles = battles_create(7);

	for (int home = 0; home < 7; home++)
		for (int away = 0; away < 7; away++)
			if (home != away)
				battles_add_pair(battles, home, away, games[home][away][0],
								 games[home][away][1], 0);
	return battles;
}

/* Protects Davidson's model: his puddings */
static void
test_davidson_puddings(void)
{
	static const double worths[] = {
		.13880338, .1730015, .16174743, .16537296, .15868539, .20238934
	};
	FittedTerms fitted = fit_terms(davidson_puddings(), davidson);
	double		total = 0;
	double		likelihood;
	double		deviation,
				by_information;

	for (int i = 0; i < 6; i++)
		total += exp(fitted.strengths[i]);
	for (int i = 0; i < 6; i++)
		check(fabs(exp(fitted.strengths[i]) / total - worths[i]) < 0.6e-8,
			  "the worth of %d is %.8f, not %.8f", i + 1,
			  exp(fitted.strengths[i]) / total, worths[i]);
	check(fabs(exp(fitted.terms[0]) - .74682299) < 0.6e-8, "nu is %.8f", exp(fitted.terms[0]));
	likelihood = outcome_log_likelihood(regression_likelihood(fitted.regression),
										fitted.strengths);
	check(fabs(likelihood + 809.70951) < 0.6e-5, "ln L is %.5f", likelihood);
	term_deviations(fitted.regression, fitted.tally, NULL, &deviation, &by_information);
	check(fabs(by_information - 0.0824987) < 0.6e-7, "the error of ln nu is %.7f",
		  by_information);
}

/* Protects position: what playing at home is worth in baseball */
static void
test_baseball(void)
{
	FittedTerms fitted = fit_terms(baseball(), position);
	double		likelihood = outcome_log_likelihood(regression_likelihood(fitted.regression),
													fitted.strengths);
	double		saturated = 0;
	double		deviation,
				by_information;

	check(fabs(fitted.terms[0] - 0.30226066) < 0.6e-8, "home is worth %.8f",
		  fitted.terms[0]);
	check(fabs(fitted.strengths[0] - fitted.strengths[6] - 1.619554994) < 0.6e-8 ||
		  fitted.terms[0] > 0, "Milwaukee");
	term_deviations(fitted.regression, fitted.tally, NULL, &deviation, &by_information);
	check(fabs(by_information - 0.130944) < 0.6e-6, "its error is %.6f", by_information);
	for (int c = 0; c < 2 * fitted.tally->num_pairs; c++)
	{
		const Pair *pair = &fitted.tally->pairs[c % fitted.tally->num_pairs];
		bool		turned = c >= fitted.tally->num_pairs;
		double		won = turned ? pair->turned[OUTCOME_FIRST] :
			pair->count[OUTCOME_FIRST] - pair->turned[OUTCOME_FIRST];
		double		lost = turned ? pair->turned[OUTCOME_SECOND] :
			pair->count[OUTCOME_SECOND] - pair->turned[OUTCOME_SECOND];

		if (won > 0)
			saturated += won * log(won / (won + lost));
		if (lost > 0)
			saturated += lost * log(lost / (won + lost));
	}
	check(fabs(2 * (saturated - likelihood) - 38.6428521) < 0.6e-7, "the deviance is %.7f",
		  2 * (saturated - likelihood));
}

/*
 * The gradient by the definition: of strengths, position and ln nu, for battles as they
 * stood.
 */
static void
book_gradient(const BattleList *battles, const double *strengths, long double gamma,
			  long double delta, bool ties, long double *gradient)
{
	int			n = battles->num_models;

	memset(gradient, 0, sizeof(long double) * (n + 2));
	for (int c = 0; c < battles->num_cells; c++)
	{
		const Cell *cell = &battles->cells[c];
		long double a = expl(strengths[cell->model1] + gamma / 2);
		long double b = expl(strengths[cell->model2] - gamma / 2);
		long double t = ties ? expl(delta + ((long double) strengths[cell->model1] +
											 strengths[cell->model2]) / 2) : 0;
		long double all = a + b + t;
		long double points = cell->outcome == OUTCOME_FIRST ? 1 :
			cell->outcome == OUTCOME_SECOND ? 0 : 0.5L;
		long double off = cell->count * (points - (a + t / 2) / all);

		gradient[cell->model1] += off;
		gradient[cell->model2] -= off;
		gradient[n] += off;
		gradient[n + 1] += cell->count * ((cell->outcome == OUTCOME_TIE) - t / all);
	}
}

/* Protects the maximum on any data: there the gradient is zero */
static void
test_gradient(void)
{
	Dice		dice = {31};
	int			num_fitted = 0;

	for (int t = 0; t < scaled(600); t++)
	{
		static const ModelTerms *const kinds[] = {&davidson, &position, &both};
		ModelTerms	terms = *kinds[t % 3];
		BattleList *battles = random_battles(&dice, t % 2 ? BATTLES_DENSE : BATTLES_SPARSE,
											 2 + dice_below(&dice, 12));
		Tally	   *tally = battles_tally(battles, NULL);
		ModelStatus *status = palloc0(sizeof(ModelStatus) * battles->num_models);
		long double *gradient = palloc(sizeof(long double) * (battles->num_models + 2));
		Separation	separation;
		bool		comparable = true;
		FittedTerms fitted;
		long double largest = 0;

		graph_explain(graph_create(tally), tally_points(tally), status);
		for (int i = 0; i < battles->num_models; i++)
			comparable &= status[i] == MODEL_RANKED;
		if (!comparable)
			continue;
		terms = terms_of_battles(tally, terms, 0, &separation);
		if (!any_terms(terms))
			continue;
		fitted = fit_terms(battles, terms);
		book_gradient(battles, fitted.strengths, terms.position ? fitted.terms[0] : 0,
					  terms.ties == TIES_DAVIDSON ? fitted.terms[terms.position] : 0,
					  terms.ties == TIES_DAVIDSON, gradient);
		if (!terms.position)
			gradient[battles->num_models] = 0;
		if (terms.ties != TIES_DAVIDSON)
			gradient[battles->num_models + 1] = 0;
		for (int i = 0; i < battles->num_models + 2; i++)
			largest = Max(largest, fabsl(gradient[i]));
		check(largest <= 1e-9L * battles->num_battles,
			  "data %d: the gradient is %Lg of %d battles", t, largest,
			  (int) battles->num_battles);
		num_fitted++;
	}
	note("%d of %d sets of data have terms to be fitted", num_fitted, scaled(600));
	check(num_fitted > scaled(600) / 4, "too few sets of data had terms");
}

/* Battles of six models, who stands first being ahead by 0.3 */
static BattleList *
some_battles(Dice *dice, int battles_of_a_pair)
{
	BattleList *battles = battles_create(6);

	for (int i = 0; i < 6; i++)
		for (int j = 0; j < 6; j++)
			if (i != j)
				battles_draw_pair(battles, dice, i, j, battles_of_a_pair,
								  0.1 * (i - j) + 0.3, 0.3);
	return battles;
}

/* The same battles with every two models in the other places */
static BattleList *
with_sides_swapped(const BattleList *battles)
{
	BattleList *swapped = battles_create(battles->num_models);

	for (int c = 0; c < battles->num_cells; c++)
		battles_add(swapped, battles->cells[c].model2, battles->cells[c].model1,
					mirrored(battles->cells[c].outcome), battles->cells[c].count);
	return swapped;
}

/* Protects position: swapped sides change its sign, and no more */
static void
test_swapped_sides(void)
{
	Dice		dice = {32};

	for (int t = 0; t < 20; t++)
	{
		BattleList *battles = some_battles(&dice, 20);
		FittedTerms a = fit_terms(battles, both);
		FittedTerms b = fit_terms(with_sides_swapped(battles), both);

		check(fabs(a.terms[0] + b.terms[0]) < 1e-10 && fabs(a.terms[1] - b.terms[1]) < 1e-10,
			  "terms are %g, %g and %g, %g", a.terms[0], a.terms[1], b.terms[0], b.terms[1]);
		for (int i = 1; i < 6; i++)
			check(fabs(a.strengths[i] - a.strengths[0] -
					   (b.strengths[i] - b.strengths[0])) < 1e-10, "a strength moved");
	}
}

/* One number for each cell of some battles */
typedef double (*NumberOf) (int cell, int k);

/*
 * The same battles with covariates.
 */
static Covariates *
covariates_of(const BattleList *battles, int number, NumberOf number_of, bool by_voter)
{
	static char *names[] = {"one", "two", "three"};
	Covariates *covariates = covariates_begin(number, names, by_voter, LARGE);
	int		   *same = palloc(sizeof(int) * battles->num_models);
	double		x[3];

	for (int i = 0; i < battles->num_models; i++)
		same[i] = i;
	for (int c = battles->num_cells - 1; c >= 0; c--)
	{
		const Cell *cell = &battles->cells[c];

		for (int k = 0; k < number; k++)
			x[k] = number_of(c, k);
		covariates_add(covariates, c % 7, cell->model1, cell->model2,
					   MEANS(VOCABULARY_NUMBERED, cell->outcome), cell->count, x);
	}
	covariates_finish(covariates, VOCABULARY_NUMBERED, same);
	return covariates;
}

static double
always_one(int cell, int k)
{
	return 1;
}

static double
some_number(int cell, int k)
{
	return sin(cell * (k + 1.0)) + k;
}

static double
dependent_numbers(int cell, int k)
{
	return k < 2 ? some_number(cell, k) : 3 * some_number(cell, 0) - some_number(cell, 1) / 2;
}

static RankOptions
options_with(ModelTerms terms, IntervalKind intervals)
{
	RankOptions options = rank_options(6, 200);

	options.terms = terms;
	options.intervals = intervals;
	return options;
}

static void
check_same_ranking(const Ranking *a, const Ranking *b, double tolerance)
{
	for (int i = 0; i < a->num_models; i++)
		check(fabs(a->ratings[i].score - b->ratings[i].score) < tolerance &&
			  fabs(a->ratings[i].lower - b->ratings[i].lower) < tolerance &&
			  fabs(a->ratings[i].upper - b->ratings[i].upper) < tolerance,
			  "model %d has %f from %f to %f, and %f from %f to %f", i,
			  a->ratings[i].score, a->ratings[i].lower, a->ratings[i].upper,
			  b->ratings[i].score, b->ratings[i].lower, b->ratings[i].upper);
}

/* Protects covariates: a column of ones is position, with ties of either kind */
static void
test_column_of_ones(void)
{
	BattleList *battles = davidson_puddings();

	for (int ties = TIES_HALF; ties <= TIES_DAVIDSON; ties++)
	{
		ModelTerms	one = {.ties = ties,.num_covariates = 1};
		ModelTerms	standing = {.ties = ties,.position = true};
		RankOptions of_ones = options_with(one, INTERVALS_SANDWICH);
		RankOptions of_position = options_with(standing, INTERVALS_SANDWICH);
		Ranking    *a,
				   *b;

		of_ones.covariates = covariates_of(battles, 1, always_one, false);
		a = rank_battles(battles, &of_ones);
		b = rank_battles(battles, &of_position);
		check_same_ranking(a, b, 3e-6);
		for (int k = 0; k < b->num_terms; k++)
			check(fabs(a->term_estimates[k].value - b->term_estimates[k].value) < 1e-11 &&
				  fabs(a->term_estimates[k].deviation - b->term_estimates[k].deviation) < 1e-11,
				  "term %d is %g, and %g", k, a->term_estimates[k].value,
				  b->term_estimates[k].value);
	}
}

static void
rank_with_covariates(void *argument)
{
	ModelTerms	terms = {.num_covariates = covariates_number(argument)};
	RankOptions options = options_with(terms, INTERVALS_SANDWICH);

	options.covariates = argument;
	(void) rank_battles(davidson_puddings(), &options);
}

/* Protects the errors of covariates that say nothing of their own */
static void
test_untold_covariates(void)
{
	check(reports_error(ERRCODE_INVALID_PARAMETER_VALUE, rank_with_covariates,
						covariates_of(davidson_puddings(), 3, dependent_numbers, false)) &&
		  strcmp(error_message, "covariate \"three\" is collinear") == 0,
		  "a collinear covariate: \"%s\"", error_message);
	check(!catches_error(rank_with_covariates,
						 covariates_of(davidson_puddings(), 2, dependent_numbers, false)),
		  "two of them: \"%s\"", error_message);
}

/*
 * Protects the bootstrap with terms: its bounds are near those of the covariance; by voter
 * as well
 */
static void
test_bootstrap_of_terms(void)
{
	Dice		dice = {33};
	BattleList *battles = some_battles(&dice, 200);

	for (int by_voter = 0; by_voter < 2; by_voter++)
		for (int with_x = 0; with_x < 2; with_x++)
		{
			ModelTerms	terms = {true, TIES_DAVIDSON, with_x};
			RankOptions formula = options_with(terms, INTERVALS_SANDWICH);
			RankOptions drawn = options_with(terms, INTERVALS_BOOTSTRAP);
			Ranking    *a,
					   *b;

			drawn.num_bootstrap = 2000;
			if (by_voter && !with_x)
				continue;
			formula.covariates = covariates_of(battles, 1, some_number, by_voter);
			drawn.covariates = covariates_of(battles, 1, some_number, by_voter);
			a = rank_battles(battles, &formula);
			b = rank_battles(battles, &drawn);
			check(b->num_terms == 2 + with_x, "there are %d terms", b->num_terms);
			for (int k = 0; k < b->num_terms; k++)
			{
				const TermEstimate *x = &a->term_estimates[k];
				const TermEstimate *y = &b->term_estimates[k];
				double		ratio = (y->upper - y->lower) / (x->upper - x->lower);

				note("by voter %d, with a covariate %d: term %d is %g from %g to %g, its interval %g times as wide",
					 by_voter, with_x, k, y->value, y->lower, y->upper, ratio);
				check(by_voter ? ratio > 0.5 && ratio < 1.5 : fabs(ratio - 1) < 0.1,
					  "the interval of term %d is %g times as wide", k, ratio);
				check(y->lower < y->value && y->value < y->upper, "the bounds of term %d", k);
			}
		}
}

/*-------------------------------------------------------------------------
 * Is there a maximum?
 *-------------------------------------------------------------------------
 */

#define MOST_MODELS 4

/* All simple cycles: the least length from each model to each, by base and slope */
typedef struct Steps
{
	int			n;
	int			num[MOST_MODELS][MOST_MODELS];
	double		base[MOST_MODELS][MOST_MODELS][8];
	double		slope[MOST_MODELS][MOST_MODELS][8];
	double		lowest;			/* bounds of c */
	double		highest;
	bool		never;
} Steps;

static void
add_step(Steps *steps, int from, int to, double base, double slope)
{
	int			k = steps->num[from][to]++;

	steps->base[from][to][k] = base;
	steps->slope[from][to][k] = slope;
}

/*
 * Walk on from a model, on a way that began at another, lower one.
 */
static void
walk(Steps *steps, int begin, int at, unsigned seen, double base, double slope)
{
	for (int next = begin; next < steps->n; next++)
		for (int k = 0; k < steps->num[at][next]; k++)
		{
			double		b = base + steps->base[at][next][k];
			double		s = slope + steps->slope[at][next][k];

			if (next != begin)
			{
				if ((seen & 1u << next) == 0)
					walk(steps, begin, next, seen | 1u << next, b, s);
			}
			else if (s > 0)
				steps->lowest = Max(steps->lowest, -b / s);
			else if (s < 0)
				steps->highest = Min(steps->highest, -b / s);
			else if (b < 0)
				steps->never = true;
		}
}

static void
walk_all(Steps *steps, double lowest, double highest)
{
	steps->lowest = lowest;
	steps->highest = highest;
	steps->never = false;
	for (int i = 0; i < steps->n; i++)
		walk(steps, i, i, 1u << i, 0, 0);
}

/* Is there a way to infinity with these covariates of some battles? */
static bool
has_way(const BattleList *battles, const Tally *tally, ModelTerms terms, NumberOf number_of)
{
	Covariates *covariates = covariates_of(battles, terms.num_covariates, number_of, false);
	OutcomeCells cells = {.pairs = tally,.num_sides = 1};
	PairPoints	points;
	double		way[3];

	covariates_bind(covariates, tally);
	cells.tally = covariates_tally(covariates);
	cells.x = covariates_x(covariates, false);
	points = tally_points(cells.tally);
	points.ties = palloc(sizeof(double) * cells.tally->num_pairs);
	for (int c = 0; c < cells.tally->num_pairs; c++)
		points.ties[c] = cells.tally->pairs[c].count[OUTCOME_TIE];
	return find_way_to_infinity(&cells, points, 0, terms, way);
}

static double
whole_numbers(int cell, int k)
{
	return (cell * (k + 3) * 7 + cell / 2) % 5 - 2;
}

/* The same in other words */
static double
mixed_numbers(int cell, int k)
{
	return k == 0 ? whole_numbers(cell, 0) + whole_numbers(cell, 1) :
		whole_numbers(cell, 0) - 2 * whole_numbers(cell, 1);
}

/* Protects what is said of a maximum, on small data of all kinds */
static void
test_separation(void)
{
	ModelTerms	one = {.num_covariates = 1};
	ModelTerms	two = {.num_covariates = 2};
	ModelTerms	one_and_ties = {.ties = TIES_DAVIDSON,.num_covariates = 1};
	Dice		dice = {34};
	int			found[4] = {0};
	int			num_ways[2] = {0};

	for (int t = 0; t < scaled(20000); t++)
	{
		int			n = 2 + dice_below(&dice, MOST_MODELS - 1);
		BattleList *battles = battles_create(n);
		Steps	   *ties = palloc0(sizeof(Steps));
		Steps	   *places = palloc0(sizeof(Steps));
		Tally	   *tally;
		Separation	separation;
		ModelStatus status[MOST_MODELS];
		bool		comparable = true;
		bool		way;
		bool		plain_way;

		ties->n = places->n = n;
		for (int c = 0; c < 3 + dice_below(&dice, 6); c++)
		{
			int			i = dice_below(&dice, n);
			int			j = (i + 1 + dice_below(&dice, n - 1)) % n;
			Outcome		outcome = dice_below(&dice, 3);

			if (ties->num[i][j] > 4 || ties->num[j][i] > 4)
				continue;
			battles_add(battles, i, j, outcome, 1);
			if (outcome != OUTCOME_SECOND)
			{
				add_step(ties, i, j, outcome == OUTCOME_TIE ? 2 : -2, 1);
				add_step(places, i, j, 0, 1);
			}
			if (outcome != OUTCOME_FIRST)
			{
				add_step(ties, j, i, outcome == OUTCOME_TIE ? 2 : -2, -1);
				add_step(places, j, i, 0, -1);
			}
		}
		tally = battles_tally(battles, NULL);
		graph_explain(graph_create(tally), tally_points(tally), status);
		for (int i = 0; i < n; i++)
			comparable &= status[i] == MODEL_RANKED;
		if (!comparable)
			continue;

		walk_all(places, -INFINITY, INFINITY);
		(void) terms_of_battles(tally, position, 0, &separation);
		way = !(places->lowest >= 0 && places->highest <= 0);
		check(way == (separation.position != 0), "data %d: position %d", t,
			  separation.position);
		found[way]++;

		check(has_way(battles, tally, one, always_one) == way,
			  "data %d: a column of ones", t);
		way = has_way(battles, tally, two, whole_numbers);
		check(has_way(battles, tally, two, mixed_numbers) == way,
			  "data %d: two covariates are bounded, and in other words not", t);
		num_ways[way]++;

		(void) terms_of_battles(tally, davidson, 0, &separation);
		walk_all(ties, 0, 0);
		plain_way = !ties->never && ties->lowest <= 0 && ties->highest >= 0;
		if (separation.ties >= 0)
		{
			check(plain_way == (separation.ties == 1), "data %d: ties %d", t, separation.ties);
			found[2 + plain_way]++;
		}
		(void) terms_of_battles(tally, both, 0, &separation);
		walk_all(ties, -INFINITY, INFINITY);
		if (separation.position == 0 && separation.ties >= 0)
			check((!ties->never && ties->lowest <= ties->highest) == (separation.ties == 1),
				  "data %d: ties with position %d", t, separation.ties);
		if (separation.ties >= 0)
			check(has_way(battles, tally, one_and_ties, always_one) ==
				  (separation.position != 0 || separation.ties == 1),
				  "data %d: ties with a column of ones", t);
	}
	note("two covariates bounded %d times and not %d times", num_ways[0], num_ways[1]);
	check(num_ways[0] > 20 && num_ways[1] > 20, "ways were %d and not %d", num_ways[1],
		  num_ways[0]);
	note("position bounded %d times and not %d times, ties %d and %d times", found[0],
		 found[1], found[2], found[3]);
	for (int i = 0; i < 4; i++)
		check(found[i] > 20, "kind %d was met %d times", i, found[i]);
}

/* Protects what remains of terms that the battles do not bound: the plain ranking */
static void
test_left_out(void)
{
	BattleList *battles = battles_create(3);
	RankOptions plain = options_with(nothing_else, INTERVALS_BOOTSTRAP);
	RankOptions asked = options_with(davidson, INTERVALS_BOOTSTRAP);
	Ranking    *a,
			   *b;

	battles_add_pair(battles, 0, 1, 20, 10, 0);
	battles_add_pair(battles, 1, 2, 30, 20, 0);
	battles_add_pair(battles, 2, 0, 10, 15, 0);
	a = rank_battles(battles, &plain);
	b = rank_battles(battles, &asked);
	check(b->separation.ties == -1 && b->num_terms == 0, "ties are not left out");
	check_same_ranking(a, b, 1e-12);
}

const UnitTest term_tests[] = {
	{"terms: Davidson's puddings", test_davidson_puddings},
	{"terms: baseball at home", test_baseball},
	{"terms: the gradient is zero", test_gradient},
	{"terms: swapped sides", test_swapped_sides},
	{"terms: a column of ones is position", test_column_of_ones},
	{"terms: covariates that cannot be told", test_untold_covariates},
	{"terms: the bootstrap agrees with the formula", test_bootstrap_of_terms},
	{"terms: whether there is a maximum", test_separation},
	{"terms: what the battles do not bound is left out", test_left_out},
	{NULL, NULL}
};
