/*-------------------------------------------------------------------------
 *
 * goodness.c
 *	  Does the model hold?  Whether one number for each model describes the battles.
 *
 * A pair that has met n times gave its first model s points, where the scores predict
 * n p.  The deviance
 *
 *	D = sum over pairs of  2 (s ln (s / n p) + (n - s) ln ((n - s) / n (1 - p)))
 *
 * compares the scores with what each pair would say by itself.  There are as many ways
 * to depart from scores as there are independent cycles of pairs: pairs, less models,
 * plus 1.  So it is a test of intransitivity as well as of fit.
 *
 * If the model holds and counts are large, D is chi-square with so many degrees of
 * freedom.  Ties vary less than wins and losses do: with f the dispersion of a pair
 * (reenact.c) and h its leverage, D has the mean sum f (1 - h) and about twice the
 * variance sum f^2 (1 - h), and is taken as a multiple of a chi-square variable that has
 * both (Satterthwaite 1946).  Where counts are small all battles are fought again as the
 * scores predict, and fitted again; the p-value is the share of these replicates whose
 * deviance is as large (a parametric bootstrap).  Counts are large if nearly all pairs
 * expect five points for either side and all expect one (Cochran 1954).
 *
 * Of a replicate whose models fall into several components each is fitted by itself:
 * between them the limit of the likelihood leaves no deviance.
 *
 * With many battles any model is found wanting.  So beside whether the model holds it is
 * said by how much it fails: the root of the mean squared error of predicted shares,
 * less what chance alone would make it.
 *
 * Battles are taken as independent of each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* Cochran's rule */
#define GOOD_COUNT 5.0
#define LEAST_COUNT 1.0
#define MOST_ARE_GOOD 0.8

/* So many replicates with as large a deviance are enough */
#define ENOUGH_AS_LARGE 20

/* What is left of a pair's own say is more than rounding */
#define LEAST_FREEDOM 1e-9

/* Logarithms are looked up of no more battles of a pair */
#define MAX_LOOKED_UP 4096

/* Deviances that are equal may differ by this part */
#define ROUNDING 1e-9

/* How far some points are from what strengths predict */
typedef struct Misfit
{
	double		deviance;
	double		squares;		/* of errors of shares, times battles */
} Misfit;

/* What replicates are made and measured in */
typedef struct Trial
{
	const PlacedFit *fit;
	const Reenactment *reenactment;
	BattleGraph *graph;
	PairPoints	points;			/* of a replicate */
	PairPoints	own;			/* of the component that is fitted */
	Standing   *standing;
	bool	   *placed;
	double	   *strengths;
	double	   *worths;
	double	   *logs;			/* of half of 1, 2 ... battles; NULL: too many */
} Trial;

/* Replicates that have been fitted */
typedef struct Attempts
{
	int			number;
	int			as_large;		/* whose deviance is, as that of the data */
	Misfit		sum;
} Attempts;

static double
deviance_term(double points, double expected)
{
	return points > 0 ? 2 * points * log(points / expected) : 0;
}

/*
 * Add what a pair contributes.
 */
static void
add_misfit(Misfit *misfit, double first, double second, double ahead)
{
	double		battles = first + second;
	double		odds = exp(-fabs(ahead));
	double		better = 1 / (1 + odds);
	double		worse = odds / (1 + odds);
	double		p = ahead >= 0 ? better : worse;
	double		q = ahead >= 0 ? worse : better;
	double		off;

	if (battles == 0)
		return;
	off = first / battles - p;
	misfit->deviance += deviance_term(first, battles * p) + deviance_term(second, battles * q);
	misfit->squares += battles * off * off;
}

static double
ahead_in(const Pair *pair, const double *strengths)
{
	return strengths[pair->first] - strengths[pair->second];
}

static Misfit
misfit_of_data(const PlacedFit *fit)
{
	Misfit		misfit = {0};

	for (int p = 0; p < fit->tally->num_pairs; p++)
	{
		CHECK_FOR_INTERRUPTS_AT(p);
		add_misfit(&misfit, fit->points.first[p], fit->points.second[p],
				   ahead_in(&fit->tally->pairs[p], fit->strengths));
	}
	return misfit;
}

/*
 * The logarithms of half of 0, 1, 2 ... battles, as many as any pair has; for 0 there
 * is something that is multiplied by 0.  NULL if that were too many.
 */
static double *
look_up_logs(const Tally *tally)
{
	double		most = 0;
	double	   *logs;

	for (int p = 0; p < tally->num_pairs; p++)
		most = Max(most, pair_battles(&tally->pairs[p]));
	if (most > MAX_LOOKED_UP)
		return NULL;
	logs = palloc0(sizeof(double) * (2 * (int) most + 1));
	for (int i = 1; i <= 2 * (int) most; i++)
		logs[i] = log(0.5 * i);
	return logs;
}

static Trial *
trial_create(const PlacedFit *fit, const Reenactment *reenactment)
{
	Trial	   *trial = palloc(sizeof(Trial));
	int			n = fit->tally->num_models;

	trial->fit = fit;
	trial->reenactment = reenactment;
	trial->graph = graph_create(fit->tally);
	trial->points = points_create(fit->tally->num_pairs);
	trial->own = points_create(fit->tally->num_pairs);
	trial->standing = palloc(sizeof(Standing) * n);
	trial->placed = palloc(sizeof(bool) * n);
	trial->strengths = palloc(sizeof(double) * n);
	trial->worths = palloc(sizeof(double) * n);
	trial->logs = look_up_logs(fit->tally);
	return trial;
}

/*
 * Find the models that are to be fitted next.  Returns how many they are; 0 if none is
 * left that can be compared.
 */
static int
place_models(Trial *trial)
{
	int			n = trial->fit->tally->num_models;
	int			num_placed = n;

	if (trial->fit->prior_battles > 0)
		memset(trial->placed, true, sizeof(bool) * n);
	else
	{
		num_placed = graph_find_standings(trial->graph, trial->points, trial->standing);
		for (int i = 0; i < n; i++)
			trial->placed[i] = trial->standing[i] == STANDING_PLACED;
	}
	return num_placed;
}

/*
 * Move the points among the placed models to where they are fitted.
 */
static void
take_own_points(Trial *trial)
{
	const Tally *tally = trial->fit->tally;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		bool		is_own = trial->placed[tally->pairs[p].first] &&
			trial->placed[tally->pairs[p].second];

		trial->own.first[p] = is_own ? trial->points.first[p] : 0;
		trial->own.second[p] = is_own ? trial->points.second[p] : 0;
		if (is_own)
			trial->points.first[p] = trial->points.second[p] = 0;
	}
}

/*
 * Add what the pair at hand contributes, as add_misfit() does, by logarithms of which
 * all but one have been looked up: ln (s / n p) = ln s - ln n - ln w + ln (w + w'), these
 * about the middle of all strengths.
 */
static inline void
add_misfit_by_worths(Misfit *misfit, const Trial *trial, const Pair *pair, double first,
					 double second, double middle)
{
	const double *logs = trial->logs;
	double		battles = first + second;
	double		both = trial->worths[pair->first] + trial->worths[pair->second];
	double		surplus = log(both) + middle - logs[(int) (2 * battles)];
	double		off = first - battles * (trial->worths[pair->first] / both);

	misfit->deviance += 2 *
		(first * (logs[(int) (2 * first)] - trial->strengths[pair->first] + surplus) +
		 second * (logs[(int) (2 * second)] - trial->strengths[pair->second] + surplus));
	misfit->squares += off * off / battles;
}

/*
 * Add what the pairs of a component that was fitted contribute.
 */
static void
add_own_misfit(Misfit *misfit, Trial *trial)
{
	const Tally *tally = trial->fit->tally;
	double		middle = 0;
	bool		by_worths = trial->logs &&
		worths_of_strengths(trial->strengths, tally->num_models, trial->worths, &middle);

	for (int p = 0; p < tally->num_pairs; p++)
	{
		const Pair *pair = &tally->pairs[p];
		double		first = trial->own.first[p];
		double		second = trial->own.second[p];

		if (!by_worths)
			add_misfit(misfit, first, second, ahead_in(pair, trial->strengths));
		else if (first + second > 0)
			add_misfit_by_worths(misfit, trial, pair, first, second, middle);
	}
}

/*
 * Fit the replicate at hand, one component after the other, and measure it.  Its points
 * are used up.
 */
static Misfit
misfit_of_replicate(Trial *trial)
{
	int			n = trial->fit->tally->num_models;
	Misfit		misfit = {0};
	int			num_left = n;

	while (num_left > 1)
	{
		int			num_placed = place_models(trial);

		if (num_placed == 0)
			break;
		take_own_points(trial);
		memcpy(trial->strengths, trial->fit->strengths, sizeof(double) * n);
		fit_replicate(trial->fit->fitter, trial->own, num_placed < n ? trial->placed : NULL,
					  trial->strengths);
		add_own_misfit(&misfit, trial);
		num_left -= num_placed;
	}
	return misfit;
}

/*
 * May the deviance be taken for what it is of large counts?
 */
static bool
counts_are_large(const PlacedFit *fit, const Reenactment *reenactment)
{
	int			num_pairs = fit->tally->num_pairs;
	int			num_good = 0;

	for (int p = 0; p < num_pairs; p++)
	{
		double		share = reenactment->shares[p];
		double		expected = pair_battles(&fit->tally->pairs[p]) * Min(share, 1 - share);

		if (expected < LEAST_COUNT)
			return false;
		num_good += expected >= GOOD_COUNT;
	}
	return num_good >= MOST_ARE_GOOD * num_pairs;
}

/*
 * How much of each pair's own say is left when the scores have taken theirs: 1 less its
 * leverage.
 */
static double *
find_freedoms(const PlacedFit *fit, const Reenactment *reenactment)
{
	Size		n = fit->tally->num_models;
	double	   *freedoms = MemoryContextAllocHuge(CurrentMemoryContext,
												  mul_size(fit->tally->num_pairs + 1,
														   sizeof(double)));
	double	   *inverse = full_matrix(n);

	fitter_inverse(fit->fitter, fit->points, fit->strengths, inverse);
	for (int p = 0; p < fit->tally->num_pairs; p++)
	{
		const Pair *pair = &fit->tally->pairs[p];
		double		share = reenactment->shares[p];
		double		variance = difference_variance(inverse, n, pair->first, pair->second);

		CHECK_FOR_INTERRUPTS_AT(p);
		freedoms[p] = Max(1 - pair_battles(pair) * share * (1 - share) * variance, 0);
	}
	pfree(inverse);
	return freedoms;
}

/*
 * By how many standard deviations each pair is off what the scores predict, in the
 * direction of its first model: the root of its deviance, which unlike a difference of
 * shares is about normal.
 */
static double *
residuals_of(const PlacedFit *fit, const Reenactment *reenactment, const double *freedoms)
{
	double	   *residuals = MemoryContextAllocHuge(CurrentMemoryContext,
												   mul_size(fit->tally->num_pairs + 1,
															sizeof(double)));

	for (int p = 0; p < fit->tally->num_pairs; p++)
	{
		Misfit		own = {0};
		double		scale = dispersion(reenactment, p) * freedoms[p];
		double		root;

		CHECK_FOR_INTERRUPTS_AT(p);
		add_misfit(&own, fit->points.first[p], fit->points.second[p],
				   ahead_in(&fit->tally->pairs[p], fit->strengths));
		root = scale > LEAST_FREEDOM ? sqrt(Max(own.deviance, 0) / scale) : 0;
		residuals[p] = fit->points.first[p] >=
			pair_battles(&fit->tally->pairs[p]) * reenactment->shares[p] ? root : -root;
	}
	return residuals;
}

double *
find_residuals(const PlacedFit *fit)
{
	Reenactment *reenactment = reenactment_create(fit);

	return residuals_of(fit, reenactment, find_freedoms(fit, reenactment));
}

/*
 * What is expected by chance where counts are large, and how likely as large a deviance
 * is then.
 */
static void
test_large_counts(Goodness *goodness, const PlacedFit *fit,
				  const Reenactment *reenactment, const double *freedoms, Misfit *expected)
{
	double		half_variance = 0;

	for (int p = 0; p < fit->tally->num_pairs; p++)
	{
		double		factor = dispersion(reenactment, p);
		double		share = reenactment->shares[p];

		expected->deviance += factor * freedoms[p];
		expected->squares += factor * freedoms[p] * share * (1 - share);
		half_variance += factor * factor * freedoms[p];
	}
	if (half_variance > 0)
		goodness->p_value = chi_square_tail(goodness->deviance * expected->deviance / half_variance,
											expected->deviance * expected->deviance / half_variance);
}

/*
 * Fit and measure the replicate at hand.
 */
static void
try_replicate(Goodness *goodness, Trial *trial, Attempts *attempts)
{
	Misfit		misfit = misfit_of_replicate(trial);

	attempts->number++;
	attempts->as_large += misfit.deviance >= goodness->deviance * (1 - ROUNDING);
	attempts->sum.deviance += misfit.deviance;
	attempts->sum.squares += misfit.squares;
}

/*
 * The same by fighting all battles again, until it is plain that the model does not fail.
 * With a counter it is also told how many cycles there are by chance, which takes no fit,
 * and all replicates are made.
 */
static void
test_by_replicates(Goodness *goodness, Trial *trial, CycleCounter *counter,
				   int num_replicates, uint64 seed, Misfit *expected)
{
	Attempts	attempts = {0};
	bool		is_plain = false;
	int			num_as_many = 0;
	double		cycles = 0;

	for (int r = 0; r < num_replicates && !is_plain; r++)
	{
		pg_prng_state prng;

		CHECK_FOR_INTERRUPTS();
		seed_replicate(&prng, seed, r);
		reenact(trial->reenactment, &prng, trial->points);
		if (counter)
		{
			int64		found = count_cycles(counter, trial->points);

			cycles += found;
			num_as_many += found >= goodness->cycles;
		}
		if (goodness->is_simulated)
			try_replicate(goodness, trial, &attempts);
		is_plain = counter == NULL && attempts.as_large >= ENOUGH_AS_LARGE;
	}
	if (goodness->is_simulated)
	{
		goodness->p_value = is_plain ? (double) attempts.as_large / attempts.number :
			(1.0 + attempts.as_large) / (1 + attempts.number);
		expected->deviance = attempts.sum.deviance / attempts.number;
		expected->squares = attempts.sum.squares / attempts.number;
	}
	if (counter)
	{
		goodness->expected_cycles = cycles / num_replicates;
		goodness->cycles_p_value = (1.0 + num_as_many) / (1 + num_replicates);
	}
}

/*
 * Test whether the model holds for the models that were fitted; with_cycles also whether
 * there are more cycles than by chance, and by all replicates.
 */
Goodness *
test_goodness(const PlacedFit *fit, int num_replicates, uint64 seed, bool with_cycles)
{
	Goodness   *goodness = palloc0(sizeof(Goodness));
	int			num_pairs = fit->tally->num_pairs;
	Reenactment *reenactment = reenactment_create(fit);
	double	   *freedoms = find_freedoms(fit, reenactment);
	CycleCounter *counter = with_cycles ? cycle_counter_create(fit->tally) : NULL;
	Misfit		found = misfit_of_data(fit);
	Misfit		expected = {0};

	goodness->num_pairs = num_pairs;
	goodness->degrees = num_pairs - (fit->tally->num_models - 1);
	goodness->deviance = found.deviance;
	goodness->p_value = goodness->cycles_p_value = NAN;
	goodness->residuals = residuals_of(fit, reenactment, freedoms);
	if (counter)
		goodness->cycles = count_cycles(counter, fit->points);
	if (goodness->degrees == 0)
		return goodness;

	goodness->is_simulated = !counts_are_large(fit, reenactment);
	if (!goodness->is_simulated)
		test_large_counts(goodness, fit, reenactment, freedoms, &expected);
	if (goodness->is_simulated || counter)
	{
		reenactment_add_tables(reenactment);
		test_by_replicates(goodness, trial_create(fit, reenactment), counter,
						   num_replicates, seed, &expected);
	}
	goodness->expected_deviance = expected.deviance;
	goodness->excess = sqrt(Max(found.squares - expected.squares, 0) /
							fit->tally->num_battles);
	return goodness;
}
