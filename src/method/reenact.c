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
 * Twice the first model's points of n battles is the sum of n draws of 0, 1 and 2, so the
 * chance of k is the coefficient of z^k in (l + t z + w z^2)^n.  From the derivative of that
 * follows
 *
 *	k l c(k) = (n - k + 1) t c(k - 1) + (2 n - k + 2) w c(k - 2)
 *
 * of which up to k = n + 1 no term is negative, so that no digit is lost; from the other
 * end likewise, with w and l exchanged.  Where a pair has no more than MAX_TABLE_BATTLES
 * these chances become a table (alias.c), of which each draw takes one number; else
 * ties and then wins are drawn (binomial.c).
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
 * The most battles of a pair that has a table, and the most columns of all tables: 32 MB,
 * and as much again for more that might come
 */
#define MAX_TABLE_BATTLES	500
#define MAX_TABLE_COLUMNS	4000000

/* Weights are scaled down where they get larger */
#define LARGEST_WEIGHT		1e200

/* Chances of one battle for the first model: lost, tied, won */
typedef struct BattleChances
{
	double		lost;
	double		tied;
	double		won;
} BattleChances;

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
 * The chances of a battle of which the first model is to take a share of the points, and
 * which may be a tie.
 */
static BattleChances
battle_chances(double share, double tie)
{
	return (BattleChances)
	{
		1 - share - tie / 2, tie, share - tie / 2
	};
}

/*
 * The same for the second model.
 */
static BattleChances
turned(BattleChances chances)
{
	return (BattleChances)
	{
		chances.won, chances.tied, chances.lost
	};
}

/*
 * The chances of 0, 1 ... n + 1, but for a factor, by the recursion from 0 on.
 */
static void
weights_from_below(BattleChances chances, int n, double *weights)
{
	weights[0] = 1;
	for (int k = 1; k <= n + 1; k++)
	{
		double		before = k > 1 ? weights[k - 2] : 0;

		weights[k] = ((n - k + 1) * chances.tied * weights[k - 1] +
					  (2 * n - k + 2) * chances.won * before) / (k * chances.lost);
		if (weights[k] > LARGEST_WEIGHT)
			for (int i = 0; i <= k; i++)
				weights[i] /= LARGEST_WEIGHT;
	}
}

/*
 * The chances of 0 to 2 n, but for a factor, of a pair of which the first model is not the
 * better, so that the most likely is one up to n.  Beyond there stands what comes from the
 * other end, brought to the same factor, by which it may be too small for a number.  Both
 * meet at n, or beside it: without ties every other chance is 0.
 */
static void
weigh_points_of_worse(BattleChances chances, int n, double *weights)
{
	double		from_above[2 * MAX_TABLE_BATTLES + 2];
	int			meet;

	weights_from_below(chances, n, weights);
	weights_from_below(turned(chances), n, from_above);
	meet = from_above[n] >= from_above[n - 1] ? n : n + 1;
	for (int k = meet + 1; k <= 2 * n; k++)
		weights[k] = from_above[2 * n - k] * (weights[meet] / from_above[2 * n - meet]);
}

/*
 * The same of any pair.
 */
static void
weigh_points(BattleChances chances, int n, double *weights)
{
	if (chances.lost >= chances.won)
		weigh_points_of_worse(chances, n, weights);
	else
	{
		double		mirrored[2 * MAX_TABLE_BATTLES + 2];

		weigh_points_of_worse(turned(chances), n, mirrored);
		for (int k = 0; k <= 2 * n; k++)
			weights[k] = mirrored[2 * n - k];
	}
}

/*
 * Make the table of a pair, unless that would be large.
 */
static void
make_table(Reenactment *reenactment, int pair)
{
	BattleChances chances = battle_chances(reenactment->shares[pair],
										   reenactment->ties[pair]);
	double		weights[2 * MAX_TABLE_BATTLES + 2];
	int			n;

	if (reenactment->battles[pair] == 0 || reenactment->battles[pair] > MAX_TABLE_BATTLES ||
		reenactment->columns.num_columns > MAX_TABLE_COLUMNS ||
		Min(chances.lost, chances.won) < 1 / LARGEST_WEIGHT)
		return;
	n = (int) reenactment->battles[pair];
	weigh_points(chances, n, weights);
	reenactment->tables[pair] = alias_tables_add(&reenactment->columns, weights, 2 * n + 1, 0);
}

static Reenactment *
reenactment_allocate(const Tally *tally)
{
	Reenactment *reenactment = palloc0(sizeof(Reenactment));
	Size		num_pairs = tally->num_pairs + 1;
	Size		size = mul_size(num_pairs, sizeof(double));

	reenactment->tally = tally;
	reenactment->shares = MemoryContextAllocHuge(CurrentMemoryContext, size);
	reenactment->ties = MemoryContextAllocHuge(CurrentMemoryContext, size);
	reenactment->battles = MemoryContextAllocHuge(CurrentMemoryContext, size);
	size = mul_size(num_pairs, sizeof(Chance));
	reenactment->tied = MemoryContextAllocHuge(CurrentMemoryContext, size);
	reenactment->won = MemoryContextAllocHuge(CurrentMemoryContext, size);
	size = mul_size(num_pairs, sizeof(AliasTable));
	reenactment->tables = MemoryContextAllocExtended(CurrentMemoryContext, size,
													 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return reenactment;
}

/*
 * The chances of all pairs.
 */
Reenactment *
reenactment_create(const PlacedFit *fit)
{
	const Tally *tally = fit->tally;
	Reenactment *reenactment = reenactment_allocate(tally);
	double		nu;

	for (int p = 0; p < tally->num_pairs; p++)
		reenactment->shares[p] = predicted_share(fit, &tally->pairs[p]);
	nu = find_nu(tally, reenactment->shares);
	for (int p = 0; p < tally->num_pairs; p++)
	{
		double		share = reenactment->shares[p];
		double		tie = tie_chance(nu, share);
		double		won = battle_chances(share, tie).won;

		CHECK_FOR_INTERRUPTS_AT(p);
		reenactment->battles[p] = (int64) pair_battles(&tally->pairs[p]);
		reenactment->ties[p] = tie;
		reenactment->tied[p] = prepare_chance(tie);
		reenactment->won[p] = prepare_chance(tie < 1 ? won / (1 - tie) : 0);
	}
	return reenactment;
}

/*
 * Make the tables, before battles are fought again many times.
 */
void
reenactment_add_tables(Reenactment *reenactment)
{
	for (int p = 0; p < reenactment->tally->num_pairs; p++)
	{
		CHECK_FOR_INTERRUPTS_AT(p * 8);
		make_table(reenactment, p);
	}
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
 * Twice the points that the first model of a pair without a table takes this time.
 */
static int64
draw_points(const Reenactment *reenactment, pg_prng_state *prng, int pair)
{
	int64		battles = reenactment->battles[pair];
	int64		ties = draw_binomial(prng, battles, reenactment->tied[pair]);

	return ties + 2 * draw_binomial(prng, battles - ties, reenactment->won[pair]);
}

/*
 * Fight all battles again.
 */
void
reenact(const Reenactment *reenactment, pg_prng_state *prng, PairPoints points)
{
	for (int p = 0; p < reenactment->tally->num_pairs; p++)
	{
		AliasTable	table = reenactment->tables[p];
		int64		doubled = table.num_columns > 0 ?
			draw_from_table(reenactment->columns.columns, table, next_bits(prng) >> 32) :
			draw_points(reenactment, prng, p);

		CHECK_FOR_INTERRUPTS_AT(p * 8);
		points.first[p] = 0.5 * doubled;
		points.second[p] = reenactment->battles[p] - points.first[p];
	}
}
