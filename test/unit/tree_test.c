/*-------------------------------------------------------------------------
 *
 * tree_test.c
 *	  Tests of tree.c, and that what hangs by threads comes to it: scores that are
 *	  exact where curvatures differ by a factor of 10^30 and more.
 *
 * There the exact fit of exact.c is lost, too.  The answer of a ring, in which each
 * model has only beaten the next, w_k times, is known in closed form: with the same
 * surplus x of every pair, the next is behind by logit(1 - x / w_k), and around the
 * ring that adds up to zero.  Chains are known pair by pair.  Where there is no closed
 * form, the answers were computed with 150 digits by another program.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "method/method.h"
#include "battles.h"
#include "exact.h"
#include "unit.h"

/* Scores are asked for within this many points, and those of replicates */
#define TOLERANCE 1e-6
#define REPLICATE_TOLERANCE 1e-5

#define MAX_RING 100

extern bool __real_tree_climb(Tree *tree, PairPoints points, const bool *placed,
							  double tolerance, double *strengths);
extern bool __wrap_tree_climb(Tree *tree, PairPoints points, const bool *placed,
							  double tolerance, double *strengths);

static int	num_tree_climbs;

/* The linker leads all calls through this (--wrap) */
bool
__wrap_tree_climb(Tree *tree, PairPoints points, const bool *placed,
				  double tolerance, double *strengths)
{
	num_tree_climbs++;
	return __real_tree_climb(tree, points, placed, tolerance, strengths);
}

/* A ring: wins[k] of k over k + 1, or of the last over 0 */
typedef struct Ring
{
	int			num_models;
	int64		wins[MAX_RING];
} Ring;

static BattleList *
ring_battles(const Ring *ring)
{
	BattleList *battles = battles_create(ring->num_models);

	for (int k = 0; k < ring->num_models; k++)
		battles_add(battles, k, (k + 1) % ring->num_models, OUTCOME_FIRST,
					ring->wins[k]);
	return battles;
}

/*
 * The strengths of a ring whose surplus is e^-z less than all of the fewest wins.
 * Returns by how much the ring does not close.
 */
static long double
ring_strengths(const Ring *ring, long double z, long double *strengths)
{
	int			n = ring->num_models;
	long double fewest = ring->wins[0];
	long double strength = 0;

	for (int k = 1; k < n; k++)
		fewest = Min(fewest, (long double) ring->wins[k]);
	for (int k = 0; k < n; k++)
	{
		long double left = ring->wins[k] - fewest + fewest * expl(-z);
		long double surplus = -fewest * expm1l(-z);

		/* e^-z may be nothing beside the wins, but not by itself */
		strengths[k] = strength;
		strength -= ring->wins[k] == fewest ? -z - logl(-expm1l(-z)) :
			logl(left) - logl(surplus);
	}
	return strength;
}

/*
 * The strengths at the maximum, the first one's zero.
 */
static void
solve_ring(const Ring *ring, long double *strengths)
{
	long double low = 1e-6L;
	long double high = 2000;

	for (int i = 0; i < 200; i++)
	{
		long double z = (low + high) / 2;

		if (ring_strengths(ring, z, strengths) < 0)
			low = z;
		else
			high = z;
	}
}

/* How far strengths are from the exact ones, both centred, in points */
static double
largest_distance(const double *strengths, const long double *exact, int n)
{
	long double shift = 0;
	double		largest = 0;

	for (int i = 0; i < n; i++)
		shift += (exact[i] - strengths[i]) / n;
	for (int i = 0; i < n; i++)
		largest = Max(largest, (double) fabsl(strengths[i] + shift - exact[i]));
	return largest * POINTS_PER_STRENGTH;
}

static double
ring_distance(const Ring *ring, const double *strengths)
{
	long double exact[MAX_RING];

	solve_ring(ring, exact);
	return largest_distance(strengths, exact, ring->num_models);
}

/*
 * Rings of 3 to 100 models with 1 to 10,000 wins: of any number, of nearly always
 * many, of a few or of a thousand times as many.
 */
static Ring
random_ring(Dice *dice)
{
	Ring		ring = {3 + dice_below(dice, dice_below(dice, 5) == 0 ? 98 : 25), {0}};
	int			kind = dice_below(dice, 4);

	for (int k = 0; k < ring.num_models; k++)
		switch (kind)
		{
			case 0:
				ring.wins[k] = 1 + dice_below(dice, 10000);
				break;
			case 1:
				ring.wins[k] = (int64) exp2(dice_double(dice) * log2(10000));
				break;
			case 2:
				ring.wins[k] = dice_below(dice, 10) ? 10000 : 1 + dice_below(dice, 3);
				break;
			case 3:
				ring.wins[k] = (1 + dice_below(dice, 8)) * (dice_below(dice, 2) ? 1000 : 1);
				break;
		}
	return ring;
}

/*
 * Protects what is published: 26 models, 1,000 wins each, but one of models 0 and 11.
 * Rounding made 272.6 of 2399.652391.
 */
static void
test_published_ring(void)
{
	Ring		ring = {26, {0}};
	Ranking    *ranking;
	long double exact[MAX_RING];
	long double shift = 0;

	for (int k = 0; k < 26; k++)
		ring.wins[k] = k == 0 || k == 11 ? 1 : 1000;
	ranking = rank_battles(ring_battles(&ring), NULL);
	solve_ring(&ring, exact);
	for (int k = 0; k < 26; k++)
		if (ranking->ratings[k].status == MODEL_RANKED)
			shift += (ranking->ratings[k].score - exact[k] * POINTS_PER_STRENGTH) /
				ranking->num_ranked;
	for (int k = 0; k < 26; k++)
		if (ranking->ratings[k].status == MODEL_RANKED)
		{
			double		score = (double) (exact[k] * POINTS_PER_STRENGTH + shift);

			check(fabs(ranking->ratings[k].score - score) <= TOLERANCE,
				  "model %d is at %f, not %f", k, ranking->ratings[k].score, score);
		}
	check(ranking->num_ranked > 10, "%d are ranked", ranking->num_ranked);
}

/* Protects scores of rings, and their replicates, whatever the wins */
static void
test_rings(void)
{
	Dice		dice = {110};
	double		worst = 0;
	double		worst_replicate = 0;
	int			num_replicates = 0;

	for (int t = 0; t < scaled(3000); t++)
	{
		Ring		ring = random_ring(&dice);
		int			n = ring.num_models;
		Tally	   *tally = battles_tally(ring_battles(&ring), NULL);
		Fitter	   *fitter = fitter_create(tally, 0);
		Resampler  *resampler = resampler_create(tally);
		PairPoints	points = points_create(tally->num_pairs);
		double	   *strengths = palloc0(sizeof(double) * n);
		double	   *replicate = palloc(sizeof(double) * n);
		double		distance;

		fit_maximum(fitter, tally_points(tally), strengths);
		distance = ring_distance(&ring, strengths);
		check(distance <= TOLERANCE, "ring %d of %d models is off by %g points", t, n,
			  distance);
		worst = Max(worst, distance);

		for (int r = 0; r < 3; r++)
		{
			pg_prng_state prng;
			bool		closed = true;

			seed_replicate(&prng, t, r);
			resample(resampler, &prng, points);
			for (int p = 0; p < tally->num_pairs; p++)
			{
				const Pair *pair = &tally->pairs[p];

				ring.wins[pair->second == pair->first + 1 ? pair->first : n - 1] =
					(int64) (points.first[p] + points.second[p]);
				closed &= points.first[p] + points.second[p] > 0;
			}
			if (!closed)
				continue;
			memcpy(replicate, strengths, sizeof(double) * n);
			fit_replicate(fitter, points, NULL, replicate);
			distance = ring_distance(&ring, replicate);
			check(distance <= REPLICATE_TOLERANCE,
				  "ring %d of %d models: replicate %d is off by %g points", t, n, r,
				  distance);
			worst_replicate = Max(worst_replicate, distance);
			num_replicates++;
		}
		release_memory();
	}
	note("worst distance %.1e points, of %d replicates %.1e", worst, num_replicates,
		 worst_replicate);
}

/*
 * Protects where no single pivot is small: chains of which each pair has met some
 * thousand times less than the one before, and that wind back, as their models are
 * numbered in any order.  The one beats the next by wins to losses, whatever the rest.
 */
static void
test_fading_chains(void)
{
	Dice		dice = {111};
	double		worst = 0;

	for (int t = 0; t < scaled(500); t++)
	{
		int			n = 3 + dice_below(&dice, 15);
		BattleList *battles = battles_create(n);
		long double *exact = palloc0(sizeof(long double) * n);
		double	   *strengths = palloc0(sizeof(double) * n);
		int		   *number = dice_permutation(&dice, n);
		double		bits = 45;
		double		fading = 45.0 / n * dice_double(&dice);
		Tally	   *tally;
		double		distance;

		if (t % 2 == 0)
			for (int i = 0; i < n; i++)
				number[i] = i;
		for (int k = 1; k < n; k++, bits -= fading)
		{
			int64		wins = 1 + (int64) (exp2(bits) * dice_double(&dice));
			int64		losses = 1 + (int64) (exp2(bits) * dice_double(&dice));

			battles_add_pair(battles, number[k - 1], number[k], wins, losses, 0);
			exact[number[k]] = exact[number[k - 1]] - logl((long double) wins / losses);
		}
		tally = battles_tally(battles, NULL);
		fit_maximum(fitter_create(tally, 0), tally_points(tally), strengths);
		distance = largest_distance(strengths, exact, n);
		check(distance <= TOLERANCE, "chain %d of %d models is off by %g points", t, n,
			  distance);
		worst = Max(worst, distance);
		release_memory();
	}
	note("worst distance %.1e points", worst);
}

/*
 * Protects rings with trees on them: what hangs on a ring by battles of either
 * outcome stands as these say, and leaves the ring as it is.
 */
static void
test_rings_with_trees(void)
{
	Dice		dice = {112};
	double		worst = 0;

	for (int t = 0; t < scaled(300); t++)
	{
		Ring		ring = random_ring(&dice);
		int			n = ring.num_models + 1 + dice_below(&dice, 20);
		BattleList *battles = ring_battles(&ring);
		long double exact[MAX_RING + 21];
		double	   *strengths = palloc0(sizeof(double) * n);
		Tally	   *tally;
		double		distance;

		solve_ring(&ring, exact);
		battles->num_models = n;
		for (int i = ring.num_models; i < n; i++)
		{
			int			on = dice_below(&dice, i);
			int64		wins = 1 + dice_below(&dice, 1000);
			int64		losses = 1 + dice_below(&dice, 3);

			battles_add_pair(battles, i, on, wins, losses, 0);
			exact[i] = exact[on] + logl((long double) wins / losses);
		}
		tally = battles_tally(battles, NULL);
		fit_maximum(fitter_create(tally, 0), tally_points(tally), strengths);
		distance = largest_distance(strengths, exact, n);
		check(distance <= TOLERANCE, "ring %d with a tree is off by %g points", t, distance);
		worst = Max(worst, distance);
		release_memory();
	}
	note("worst distance %.1e points", worst);
}

/* A ring of models with so many wins, some with a single one */
static BattleList *
ring_with_single_wins(int num_models, int64 wins, int single1, int single2, int single3)
{
	Ring		ring = {num_models, {0}};

	for (int k = 0; k < num_models; k++)
		ring.wins[k] = k == single1 || k == single2 || k == single3 ? 1 : wins;
	return ring_battles(&ring);
}

/* The scores of these battles, of mean zero, must be the expected ones */
static void
check_scores(const char *name, const BattleList *battles, double prior_battles,
			 const double *expected)
{
	int			n = battles->num_models;
	double	   *strengths = palloc0(sizeof(double) * n);
	long double *exact = palloc(sizeof(long double) * n);
	Tally	   *tally = battles_tally(battles, NULL);
	double		distance;

	for (int i = 0; i < n; i++)
		exact[i] = (long double) expected[i] / POINTS_PER_STRENGTH;
	fit_maximum(fitter_create(tally, prior_battles), tally_points(tally), strengths);
	distance = largest_distance(strengths, exact, n);
	check(distance <= TOLERANCE, "%s: off by %g points", name, distance);
	note("%s: distance %.1e points", name, distance);
}

/* Protects long cycles with chords */
static void
test_chords(void)
{
	static const double two_chords[] = {
		-3586.321779922998, 2551.93252783132, 1352.106332540927, 32.09267876162417,
		-1167.733516528769, -2367.559711819163, 3471.796548269873, 2271.970352979479,
		1072.144157689086, -57.26261582656302, -1186.669389342212, -2386.495584632605
	};
	static const double three_chords[] = {
		-3549.067540241515, 2188.347090009269, 1179.716476854893, 171.0846391561964,
		-1028.745222416242, -2228.571417706635, 3508.843212544149, 2309.017017253755,
		1109.190821963361, -90.63537332703244, -1219.938359139077, -2349.241344951121
	};
	static const double three_singles[] = {
		-3403.00028343908, 3994.835484132843, 2515.282229431807, 1035.6942276974,
		-443.8937740370078, 1035.6942276974, -443.8590270036366, -1923.447028738044,
		-443.8590270036367, -1923.447028738044
	};
	BattleList *battles = ring_with_single_wins(12, 1000, 0, 5, -1);

	battles_add(battles, 2, 8, OUTCOME_FIRST, 3);
	battles_add(battles, 3, 10, OUTCOME_TIE, 1);
	check_scores("two chords", battles, 0, two_chords);

	battles = ring_with_single_wins(12, 1000, 0, 5, -1);
	battles_add(battles, 2, 4, OUTCOME_FIRST, 7);
	battles_add(battles, 9, 11, OUTCOME_TIE, 1);
	battles_add(battles, 1, 3, OUTCOME_SECOND, 2);
	check_scores("three chords", battles, 0, three_chords);

	battles = ring_with_single_wins(10, 5000, 0, 4, 7);
	battles_add(battles, 2, 5, OUTCOME_FIRST, 1);
	battles_add(battles, 6, 9, OUTCOME_FIRST, 1);
	check_scores("two chords and three single wins", battles, 0, three_singles);
}

/* Protects a prior that alone ties together what else is tied by multitudes */
static void
test_prior(void)
{
	static const double two_groups[] = {
		-880.8868744226142, -1001.298872688207, -519.6508796258368,
		4409.405096757707, -1009.050022754994, -998.5184472660546
	};
	static const double one_sided[] = {
		6439.990151895357, -303.0817509778215, -5530.744898962011,
		2105.115813195481, -2711.279315151005
	};
	BattleList *battles = battles_create(6);

	battles_add_pair(battles, 0, 1, INT64CONST(1) << 44, INT64CONST(1) << 43, 0);
	battles_add_pair(battles, 1, 2, INT64CONST(1) << 40, INT64CONST(1) << 44, 0);
	battles_add_pair(battles, 3, 4, INT64CONST(1) << 45, 1, 0);
	battles_add_pair(battles, 4, 5, INT64CONST(1) << 44,
					 (INT64CONST(1) << 44) + (INT64CONST(1) << 40), 0);
	check_scores("two groups and a prior", battles, 1.0 / 1024, two_groups);

	battles = battles_create(5);
	battles_add_pair(battles, 0, 1, INT64CONST(1) << 45, 0, 0);
	battles_add_pair(battles, 1, 2, INT64CONST(1) << 45, 3, 0);
	battles_add_pair(battles, 3, 4, INT64CONST(1) << 40, 1, 0);
	check_scores("one-sided multitudes and a prior", battles, 1.0 / 1024, one_sided);
}

/*
 * Protects the climb along a tree by itself, which ordinary data never need: from
 * equal strengths it finds the maximum of any data, of all models or of those that
 * are placed, with a prior or without.
 */
static void
test_any_kind(void)
{
	Dice		dice = {113};
	double		worst = 0;
	int			num_fitted = 0;

	for (int t = 0; t < scaled(300); t++)
	{
		BattleList *battles = battles_of_any_kind(&dice);
		int			n = battles->num_models;
		Tally	   *tally = battles_tally(battles, NULL);
		PairPoints	points = tally_points(tally);
		PointMatrix matrix = matrix_of_battles(battles);
		double		prior_battles = t % 2 == 0 ? 0 : exp2(10 * dice_double(&dice) - 5);
		Standing   *standing = palloc0(sizeof(Standing) * (n + 1));
		double	   *exact = palloc(sizeof(double) * (n + 1));
		double	   *strengths = palloc0(sizeof(double) * n);
		bool	   *placed = palloc(sizeof(bool) * n);
		double		shift = 0;
		int			num_placed = n;

		if (prior_battles > 0)
			matrix = matrix_with_ghost(matrix, prior_battles);
		else if ((num_placed = exact_standings(matrix, standing)) == 0)
			continue;
		exact_fit_scores(matrix, standing, exact);
		for (int i = 0; i < n; i++)
			placed[i] = standing[i] == STANDING_PLACED;
		for (int p = 0; p < tally->num_pairs; p++)
			if (!placed[tally->pairs[p].first] || !placed[tally->pairs[p].second])
				points.first[p] = points.second[p] = 0;

		check(tree_climb(tree_create(tally, prior_battles), points,
						 num_placed < n ? placed : NULL, 1e-9, strengths),
			  "tally %d: no maximum is found", t);
		for (int i = 0; i < n; i++)
			if (placed[i])
				shift += (exact[i] - strengths[i] * POINTS_PER_STRENGTH) / num_placed;
		for (int i = 0; i < n; i++)
		{
			double		distance = placed[i] ?
				fabs(strengths[i] * POINTS_PER_STRENGTH + shift - exact[i]) :
				fabs(strengths[i]);

			check(distance <= TOLERANCE, "tally %d: model %d is off by %g points", t, i,
				  distance);
			worst = Max(worst, distance);
		}
		num_fitted++;
	}
	check(num_fitted > scaled(200), "only %d tallies were fitted", num_fitted);
	note("worst distance %.1e points", worst);
}

/*
 * Protects speed, and the quick climbs themselves, whose faults a tree would hide:
 * ordinary data need none, be they many or few, even or lopsided.
 */
static void
test_no_tree(void)
{
	static const BattleKind kinds[] = {BATTLES_DENSE, BATTLES_SPARSE, BATTLES_LOPSIDED};
	Dice		dice = {114};

	num_tree_climbs = 0;
	for (int t = 0; t < scaled(100); t++)
	{
		BattleList *battles = random_battles(&dice, kinds[t % lengthof(kinds)],
											 5 + dice_below(&dice, 30));
		RankOptions options = rank_options(battles->num_models, 50);

		options.prior_battles = t % 2;
		if (battles->num_cells > 0)
			rank_battles(battles, &options);
		release_memory();
	}
	check(num_tree_climbs == 0, "%d climbs went along a tree", num_tree_climbs);
}

static void
rank_ring(void *ring)
{
	rank_battles(ring_battles(ring), NULL);
}

/*
 * Protects from what doubles cannot say: where two pairs hold a ring by e^-1000 each,
 * that is an error, not a number.
 */
static void
test_refusal(void)
{
	Ring		ring = {100, {0}};

	for (int k = 0; k < 100; k++)
		ring.wins[k] = k == 0 || k == 50 ? 1 : INT64CONST(1) << 35;
	check(reports_error(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, rank_ring, &ring),
		  "a ring that doubles cannot hold is ranked");
}

typedef struct RingFit
{
	Tally	   *tally;
	double	   *strengths;
} RingFit;

static void
fit_ring(void *argument)
{
	RingFit    *fit = argument;

	fit_maximum(fitter_create(fit->tally, 0), tally_points(fit->tally), fit->strengths);
}

/*
 * Protects the edge of what doubles hold: rings whose halves are held by 10^-280 to
 * 10^-330 are exact or refused.
 */
static void
test_edge_of_doubles(void)
{
	Dice		dice = {115};
	int			num_exact = 0;
	int			num_refused = 0;

	for (int t = 0; t < scaled(50); t++)
	{
		Ring		ring = {100, {0}};
		double		nats = ((t % 2 ? 600 : 700) + 60 * dice_double(&dice)) / 49;
		int			single = 20 + dice_below(&dice, 60);
		RingFit		fit;

		for (int k = 0; k < 100; k++)
			ring.wins[k] = k == 0 || k == single ? 1 :
				(int64) (exp(nats) * (0.8 + 0.4 * dice_double(&dice)));
		fit.tally = battles_tally(ring_battles(&ring), NULL);
		fit.strengths = palloc0(sizeof(double) * 100);
		if (catches_error(fit_ring, &fit))
		{
			check(error_code == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
				  "ring %d: another error: %s", t, error_message);
			num_refused++;
		}
		else
		{
			double		distance = ring_distance(&ring, fit.strengths);

			check(distance <= TOLERANCE, "ring %d is off by %g points", t, distance);
			num_exact++;
		}
		release_memory();
	}
	check(num_exact > 0 && num_refused > 0, "%d are exact, %d refused", num_exact,
		  num_refused);
	note("%d are exact, %d refused", num_exact, num_refused);
}

const UnitTest tree_tests[] = {
	{"the ring that rounding tore", test_published_ring},
	{"rings of any wins, and their replicates", test_rings},
	{"rings with trees on them", test_rings_with_trees},
	{"chains that fade", test_fading_chains},
	{"rings with chords", test_chords},
	{"what a prior alone ties together", test_prior},
	{"the climb along a tree finds any maximum", test_any_kind},
	{"ordinary data need no tree", test_no_tree},
	{"rings at the edge of what doubles hold", test_edge_of_doubles},
	{"a ring that doubles cannot hold is refused", test_refusal},
	{NULL, NULL}
};
