/*-------------------------------------------------------------------------
 *
 * reenact.c
 *	  Battles fought again as the scores predict: what there would be if the model held.
 *
 * Each pair has as many battles as it had.  A battle gives the first model a share p of
 * the points, by the scores.  How often one is a tie the scores do not say; models of
 * like strength tie more often.  As in Davidson's model (1970) the chance t of a tie is
 *
 *	t = nu root(w l),	w + l + t = 1,	w + t / 2 = p
 *
 * with w and l those of a win and a loss, and nu such that as many ties are expected in
 * all as there were.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* nu is between 2 to these powers, if there are both ties and decisions */
#define MAX_LOG_NU 40

#define NUM_BISECTIONS 60

/*
 * The chance of a tie of two models of which the first takes a share of the points.
 * With a = 1 - nu^2 / 4, t is the root of a t^2 + nu^2 t / 2 - nu^2 p q, in the form
 * that loses no digits.
 */
static double
tie_chance(double nu, double share)
{
	double		least = Min(share, 1 - share);
	double		square = nu * nu;
	double		product = share * (1 - share);
	double		chance;

	if (square == 0)
		return 0;
	chance = 4 * product / (1 + sqrt(Max(1 + 16 * product * (1 / square - 0.25), 0)));
	return Min(chance, 2 * least);
}

/*
 * How many battles two models had.
 */
double
pair_battles(const Pair *pair)
{
	return (double) pair->count[OUTCOME_FIRST] + pair->count[OUTCOME_SECOND] +
		pair->count[OUTCOME_TIE];
}

/*
 * The share of points that the first of two models is to take off the second.
 */
double
predicted_share(const PlacedFit *fit, const Pair *pair)
{
	return 1 / (1 + exp(fit->strengths[pair->second] - fit->strengths[pair->first]));
}

static double
expected_ties(const Tally *tally, const double *shares, double nu)
{
	double		ties = 0;

	for (int p = 0; p < tally->num_pairs; p++)
	{
		CHECK_FOR_INTERRUPTS_AT(p);
		ties += pair_battles(&tally->pairs[p]) * tie_chance(nu, shares[p]);
	}
	return ties;
}

/*
 * The parameter of ties with which as many are expected as there were, by bisection.
 */
static double
find_nu(const Tally *tally, const double *shares)
{
	double		low = -MAX_LOG_NU;
	double		high = MAX_LOG_NU;
	double		ties = 0;

	for (int p = 0; p < tally->num_pairs; p++)
		ties += tally->pairs[p].count[OUTCOME_TIE];
	if (ties == 0)
		return 0;
	for (int k = 0; k < NUM_BISECTIONS; k++)
	{
		double		middle = (low + high) / 2;

		if (expected_ties(tally, shares, exp2(middle)) < ties)
			low = middle;
		else
			high = middle;
	}
	return exp2((low + high) / 2);
}

/*
 * The chances of all pairs.
 */
Reenactment *
reenactment_create(const PlacedFit *fit)
{
	Reenactment *reenactment = palloc(sizeof(Reenactment));
	Size		size = mul_size(fit->tally->num_pairs + 1, sizeof(double));
	double		nu;

	reenactment->tally = fit->tally;
	reenactment->shares = MemoryContextAllocHuge(CurrentMemoryContext, size);
	reenactment->ties = MemoryContextAllocHuge(CurrentMemoryContext, size);
	reenactment->battles = MemoryContextAllocHuge(CurrentMemoryContext, size);
	size = mul_size(fit->tally->num_pairs + 1, sizeof(FewChances));
	reenactment->few_tied = MemoryContextAllocHuge(CurrentMemoryContext, size);
	size = mul_size(fit->tally->num_pairs + 1, sizeof(Chance));
	reenactment->tied = MemoryContextAllocHuge(CurrentMemoryContext, size);
	reenactment->won = MemoryContextAllocHuge(CurrentMemoryContext, size);
	for (int p = 0; p < fit->tally->num_pairs; p++)
		reenactment->shares[p] = predicted_share(fit, &fit->tally->pairs[p]);
	nu = find_nu(fit->tally, reenactment->shares);
	for (int p = 0; p < fit->tally->num_pairs; p++)
	{
		double		share = reenactment->shares[p];
		double		tie = tie_chance(nu, share);

		reenactment->battles[p] = (int64) pair_battles(&fit->tally->pairs[p]);
		reenactment->ties[p] = tie;
		reenactment->tied[p] = prepare_chance(tie);
		reenactment->few_tied[p] = prepare_few(reenactment->battles[p], reenactment->tied[p]);
		reenactment->won[p] = prepare_chance(tie < 1 ? (share - tie / 2) / (1 - tie) : 0);
	}
	return reenactment;
}

/*
 * How much the points of a battle vary beside those of one that cannot be tied.
 */
double
dispersion(const Reenactment *reenactment, int pair)
{
	double		share = reenactment->shares[pair];
	double		variance = share * (1 - share);

	return variance > 0 ? Max(1 - reenactment->ties[pair] / (4 * variance), 0) : 0;
}

/*
 * Fight all battles again.
 */
void
reenact(const Reenactment *reenactment, pg_prng_state *prng, PairPoints points)
{
	for (int p = 0; p < reenactment->tally->num_pairs; p++)
	{
		int64		battles = reenactment->battles[p];
		int64		ties = draw_by_few(prng, battles, reenactment->tied[p],
									   &reenactment->few_tied[p]);
		int64		wins = draw_binomial(prng, battles - ties, reenactment->won[p]);

		CHECK_FOR_INTERRUPTS_AT(p * 8);
		points.first[p] = wins + 0.5 * ties;
		points.second[p] = battles - points.first[p];
	}
}
