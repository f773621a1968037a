/*-------------------------------------------------------------------------
 *
 * robustness.c
 *	  How easily a lead would turn: the battles without which the other model is ahead.
 *
 * A lead may be significant and yet hang on a handful of battles.  To try all sets of
 * them is out of the question.  But what a battle adds to the lead of a over b is known
 * to first order: with H the Hessian, y the points that model i took off j in it and p
 * those that it was to take,
 *
 *	psi = (H^-1 (e_a - e_b))' (e_i - e_j) (y - p) / (1 - h)
 *
 * where the leverage h = p (1 - p) (e_i - e_j)' H^-1 (e_i - e_j) makes it nearly exact for
 * a single battle.  Battles are taken away in the order of psi until the lead should be
 * gone; what is left is fitted exactly; and while the lead is not gone, more are taken
 * by the same rule (Broderick, Giordano and Meager 2020; for rankings arXiv 2508.11847).
 * So the number is an upper bound: with fewer it may be possible too, but with so many
 * it is.
 *
 * Of data that hang together by few battles the two may fall apart before the lead
 * turns.  If there are not too many pairs, it is tried again with care: battles without
 * which the two cannot be compared are left.  If that does not help, no number is found.
 *
 * Time: a fit, an inverse and a sort of the cells for each round, of which one to three
 * are usual.
 * Memory: three full matrices for each round.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

#define MAX_ROUNDS 50

/* With so many pairs of models it is tried with care, which looks at all for each cell */
#define MAX_PAIRS_WITH_CARE 1000

/* By so much a model must be ahead, in strength: scores then differ as they are shown */
#define LEAST_LEAD (1 / (STEPS_PER_POINT * POINTS_PER_STRENGTH))

/* A battle of which all hangs has a leverage of 1 */
#define LEAST_FREEDOM 1e-9

/* The battles that are left, and what was found of them */
typedef struct Remainder
{
	Tally		tally;			/* with the models of the fit */
	BattleGraph *graph;			/* of its pairs */
	PairPoints	points;			/* workspace, likewise */
	Standing   *standing;
	int		   *index;			/* of each model among the placed, or -1 */
	double	   *strengths;		/* of the placed ones */
	double	   *inverse;		/* of their Hessian */
	int			num_placed;
} Remainder;

/* Battles of one pair and outcome, and what each of them adds to the lead */
typedef struct CellInfluence
{
	int			cell;			/* NUM_OUTCOMES times the pair, and the
								 * outcome */
	double		influence;
} CellInfluence;

static int	compare_influences(const CellInfluence *a, const CellInfluence *b);

#define ST_SORT sort_influences
#define ST_ELEMENT_TYPE CellInfluence
#define ST_COMPARE(a, b) compare_influences(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * Those that add most first.
 */
static int
compare_influences(const CellInfluence *a, const CellInfluence *b)
{
	if (a->influence != b->influence)
		return a->influence > b->influence ? -1 : 1;
	return a->cell - b->cell;
}

static Remainder
copy_battles(const PlacedFit *fit)
{
	const Tally *tally = fit->tally;
	Size		n = tally->num_models;
	Remainder	left;

	left.tally = *tally;
	left.tally.pairs = MemoryContextAllocHuge(CurrentMemoryContext,
											  mul_size(tally->num_pairs + 1, sizeof(Pair)));
	memcpy(left.tally.pairs, tally->pairs, sizeof(Pair) * tally->num_pairs);
	left.graph = graph_create(tally);
	left.points = points_create(tally->num_pairs);
	left.standing = palloc(sizeof(Standing) * n);
	left.index = palloc(sizeof(int) * n);
	left.strengths = palloc(sizeof(double) * n);
	left.inverse = full_matrix(n);
	left.num_placed = (int) n;
	for (Size i = 0; i < n; i++)
		left.index[i] = (int) i;
	memcpy(left.strengths, fit->strengths, sizeof(double) * n);
	fitter_inverse(fit->fitter, fit->points, fit->strengths, left.inverse);
	return left;
}

/*
 * Number the models that can still be placed.
 */
static void
place_models(Remainder *left, double prior_battles)
{
	if (prior_battles > 0)
		return;
	for (int p = 0; p < left->tally.num_pairs; p++)
	{
		const int64 *count = left->tally.pairs[p].count;

		left->points.first[p] = count[OUTCOME_FIRST] + 0.5 * count[OUTCOME_TIE];
		left->points.second[p] = count[OUTCOME_SECOND] + 0.5 * count[OUTCOME_TIE];
	}
	graph_find_standings(left->graph, left->points, left->standing);
	left->num_placed = 0;
	for (int i = 0; i < left->tally.num_models; i++)
		left->index[i] = left->standing[i] == STANDING_PLACED ? left->num_placed++ : -1;
}

/*
 * Can the two models still be compared?
 */
static bool
are_comparable(Remainder *left, const PlacedFit *fit, int leader, int rival)
{
	place_models(left, fit->prior_battles);
	return left->index[leader] >= 0 && left->index[rival] >= 0;
}

/*
 * Fit what is left exactly.  False when the two models cannot be compared any more.
 */
static bool
fit_remainder(Remainder *left, const PlacedFit *fit, int leader, int rival)
{
	Tally	   *among;
	PairPoints	points;
	Fitter	   *fitter;

	if (!are_comparable(left, fit, leader, rival))
		return false;
	among = tally_among(&left->tally, left->index, left->num_placed);
	points = tally_points(among);
	fitter = fitter_create(among, fit->prior_battles);
	for (int i = 0; i < left->tally.num_models; i++)
		if (left->index[i] >= 0)
			left->strengths[left->index[i]] = fit->strengths[i];
	fit_maximum(fitter, points, left->strengths);
	fitter_inverse(fitter, points, left->strengths, left->inverse);
	return true;
}

static double
find_lead(const Remainder *left, int leader, int rival)
{
	return left->strengths[left->index[leader]] - left->strengths[left->index[rival]];
}

/*
 * What a battle of each cell that is left adds to the lead, those that add something
 * first.  Returns how many cells do.
 */
static int
find_influences(const Remainder *left, int leader, int rival, CellInfluence *influences)
{
	Size		n = left->num_placed;
	const double *of_leader = left->inverse + left->index[leader] * n;
	const double *of_rival = left->inverse + left->index[rival] * n;
	int			num_cells = 0;

	for (int p = 0; p < left->tally.num_pairs; p++)
	{
		const Pair *pair = &left->tally.pairs[p];
		int			i = left->index[pair->first];
		int			j = left->index[pair->second];
		double		share,
					variance,
					freedom,
					pull;

		CHECK_FOR_INTERRUPTS_AT(p);
		if (i < 0 || j < 0)
			continue;
		share = 1 / (1 + exp(left->strengths[j] - left->strengths[i]));
		variance = difference_variance(left->inverse, n, i, j);
		freedom = Max(1 - share * (1 - share) * variance, LEAST_FREEDOM);
		pull = (of_leader[i] - of_leader[j] - of_rival[i] + of_rival[j]) / freedom;
		for (int outcome = 0; outcome < NUM_OUTCOMES; outcome++)
		{
			double		points = outcome == OUTCOME_FIRST ? 1 : outcome == OUTCOME_TIE ? 0.5 : 0;
			double		influence = pull * (points - share);

			if (pair->count[outcome] > 0 && influence > 0)
			{
				influences[num_cells].cell = p * NUM_OUTCOMES + outcome;
				influences[num_cells++].influence = influence;
			}
		}
	}
	sort_influences(influences, num_cells);
	return num_cells;
}

/*
 * Take battles away in this order until the lead should be gone; with care none without
 * which the two cannot be compared.  Returns how many.
 */
static int64
remove_battles(Remainder *left, const PlacedFit *fit, int leader, int rival, bool care,
			   const CellInfluence *influences, int num_cells, int64 *removed)
{
	double		lead = find_lead(left, leader, rival) + LEAST_LEAD;
	int64		total = 0;

	for (int k = 0; k < num_cells && lead >= 0; k++)
	{
		const CellInfluence *cell = &influences[k];
		Pair	   *pair = &left->tally.pairs[cell->cell / NUM_OUTCOMES];
		int64	   *count = &pair->count[cell->cell % NUM_OUTCOMES];
		double		needed = floor(lead / cell->influence) + 1;
		int64		taken = needed < (double) *count ? (int64) needed : *count;

		CHECK_FOR_INTERRUPTS();
		*count -= taken;
		if (care && !are_comparable(left, fit, leader, rival))
		{
			/* one battle of a cell ties as all do */
			*count += taken;
			taken = Min(taken, *count - 1);
			*count -= taken;
		}
		removed[cell->cell] += taken;
		total += taken;
		lead -= taken * cell->influence;
	}
	left->tally.num_battles -= total;
	return total;
}

/*
 * Take battles away, and fit what is left, until the rival is ahead; fill in what was
 * found then.
 */
static void
turn_lead(Robustness *result, const PlacedFit *fit, int leader, int rival, bool care,
		  CellInfluence *influences)
{
	Remainder	left = copy_battles(fit);
	int64		total = 0;

	result->lead = POINTS_PER_STRENGTH * find_lead(&left, leader, rival);
	for (int round = 0; round < MAX_ROUNDS; round++)
	{
		int			num_helpful = find_influences(&left, leader, rival, influences);
		int64		taken = remove_battles(&left, fit, leader, rival, care, influences,
										   num_helpful, result->removed);

		total += taken;
		if (taken == 0 || !fit_remainder(&left, fit, leader, rival))
			break;
		if (find_lead(&left, leader, rival) < -LEAST_LEAD)
		{
			result->battles = total;
			result->lead_after = POINTS_PER_STRENGTH * find_lead(&left, leader, rival);
			break;
		}
	}
}

/*
 * Find battles without which the rival, which is not ahead, is.
 */
Robustness
find_robustness(const PlacedFit *fit, int leader, int rival)
{
	Size		num_cells = mul_size(fit->tally->num_pairs, NUM_OUTCOMES);
	CellInfluence *influences = MemoryContextAllocHuge(CurrentMemoryContext,
													   mul_size(num_cells,
																sizeof(CellInfluence)));
	Robustness	result = {.battles = -1,.lead_after = NAN};

	result.removed = MemoryContextAllocHuge(CurrentMemoryContext,
											mul_size(num_cells, sizeof(int64)));
	for (int care = 0; care < 2 && result.battles < 0; care++)
	{
		if (care && fit->tally->num_pairs > MAX_PAIRS_WITH_CARE)
			break;
		memset(result.removed, 0, sizeof(int64) * num_cells);
		turn_lead(&result, fit, leader, rival, care, influences);
	}
	pfree(influences);
	return result;
}
