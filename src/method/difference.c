/*-------------------------------------------------------------------------
 *
 * difference.c
 *	  What the data say of the differences of scores: ranks that are possible, and how
 *	  far any two models are apart.
 *
 * Intervals of single scores do not tell which models differ: those of two may overlap
 * though one is surely better, and of many models some part by chance.  A rank follows
 * from differences.  With d_ij the score of j less that of i, sd_ij its standard
 * deviation and * for a replicate, let c_i be the 95 % quantile, over replicates, of
 * the largest |d*_ij - d_ij| / sd_ij of any j.  Then 1 plus the number of models that
 * are ahead of i by more than c_i sd_ij is the lowest rank that i can have; and so
 * downwards (Mogstad, Romano, Shaikh and Wilhelm 2024, single step).  With one c for
 * the largest over all pairs, the ranges of all models hold at once.  Whether a model
 * may be the best is asked on one side only, which tells more.
 *
 * Replicates are those of the bootstrap; or, where intervals come of a covariance V,
 * draws of N(scores, V).
 *
 * A replicate that places a model nowhere leaves its differences infinite, in the
 * direction that is known, or in both.  Two models that more than one in twenty
 * replicates leave so are never told apart; they take no part in any c, which would
 * else be infinite for all.
 *
 * A pair's differences are walked replicate by replicate, with unit stride.
 *
 * Time: three passes over the replicates for each pair of models.
 * Memory: 8 bytes for each replicate and model, and a full matrix.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

#define LEVEL 0.95
#define LOWER_QUANTILE 0.025
#define UPPER_QUANTILE 0.975
#define NORMAL_POINT 1.959964

/*
 * Points by which a difference varies at least: replicates are fitted to a tenth of
 * that.
 */
#define LEAST_DEVIATION 1e-4

/* So many models' replicates stay near the processor while another's are gone through */
#define MODELS_AT_ONCE 4

/* What is left of a variance when it is nothing but rounding */
#define LEAST_VARIANCE 1e-12

struct Differences
{
	int			num_models;		/* ranked ones */
	double	   *scores;			/* of these, in points */
	double	   *deviations;		/* sd_ij, a full matrix; infinite: not to be
								 * told apart */
	double		point;			/* standard deviations from a difference to
								 * its bounds; 0: bounds are quantiles */
	Replicates *replicates;
};

/* The largest studentized differences of a model in each replicate */
typedef struct Largest
{
	double	   *either_side;
	double	   *ahead;			/* of those that are ahead of it */
	double	   *of_all;			/* of any models */
} Largest;

static Differences *
differences_create(const double *scores, const int *ranked, int num_ranked)
{
	Differences *differences = palloc0(sizeof(Differences));
	Size		size = mul_size(mul_size(num_ranked, num_ranked), sizeof(double));

	differences->num_models = num_ranked;
	differences->scores = palloc(sizeof(double) * (num_ranked + 1));
	differences->deviations = MemoryContextAllocHuge(CurrentMemoryContext, size + 1);
	for (int k = 0; k < num_ranked; k++)
		differences->scores[k] = scores[ranked[k]];
	return differences;
}

static double *
replicates_of(const Replicates *replicates, int model)
{
	return replicates->values + (Size) model * replicates->num_replicates;
}

/* How far differences are off what is expected, in replicates that place both models */
typedef struct Deviations
{
	double		sum;
	double		squares;		/* not finite where one does not */
	int			num_placed;
} Deviations;

FOR_WIDE_VECTORS static Deviations
deviations_of_all(const double *restrict of_i, const double *restrict of_j,
				  double difference, int num_replicates)
{
	double		sum = 0;
	double		squares = 0;

#pragma omp simd reduction(+:sum, squares)
	for (int r = 0; r < num_replicates; r++)
	{
		double		off = of_j[r] - of_i[r] - difference;

		sum += off;
		squares += off * off;
	}
	return (Deviations)
	{
		sum, squares, num_replicates
	};
}

static Deviations
deviations_of_placed(const double *of_i, const double *of_j, double difference,
					 int num_replicates)
{
	Deviations	deviations = {0};

	for (int r = 0; r < num_replicates; r++)
	{
		double		off = of_j[r] - of_i[r] - difference;

		if (!isfinite(off))
			continue;
		deviations.num_placed++;
		deviations.sum += off;
		deviations.squares += off * off;
	}
	return deviations;
}

/*
 * The standard deviation of what two models differ by, over the replicates that place
 * both; infinite if these are too few.
 */
static double
replicate_deviation(const double *of_i, const double *of_j, double difference,
					int num_replicates)
{
	Deviations	found = deviations_of_all(of_i, of_j, difference, num_replicates);
	double		mean;

	if (!isfinite(found.squares))
		found = deviations_of_placed(of_i, of_j, difference, num_replicates);
	if (found.num_placed < 2 ||
		num_replicates - found.num_placed > (1 - LEVEL) * num_replicates)
		return INFINITY;
	mean = found.sum / found.num_placed;
	return Max(sqrt(Max(found.squares - found.num_placed * mean * mean, 0) /
					(found.num_placed - 1)),
			   LEAST_DEVIATION);
}

/*
 * Find by how much one model's differences from some vary, of which none comes before it.
 */
static void
find_deviations(Differences *differences, int begin, int end, int other)
{
	Size		n = differences->num_models;
	const double *of_other = replicates_of(differences->replicates, other);

	for (int i = Max(begin, other); i < end; i++)
		differences->deviations[i * n + other] = differences->deviations[other * n + i] =
			i == other ? 0 :
			replicate_deviation(replicates_of(differences->replicates, i), of_other,
								differences->scores[other] - differences->scores[i],
								differences->replicates->num_replicates);
}

/*
 * Differences as bootstrap replicates show them, of the models that are ranked.
 */
Differences *
differences_of_replicates(const Replicates *replicates, const double *scores,
						  const int *ranked, int num_ranked)
{
	Differences *differences = differences_create(scores, ranked, num_ranked);
	int			num_replicates = replicates->num_replicates;

	differences->replicates = replicates_create(num_ranked, num_replicates);
	for (int k = 0; k < num_ranked; k++)
		memcpy(replicates_of(differences->replicates, k),
			   replicates_of(replicates, ranked[k]), sizeof(double) * num_replicates);
	for (int i = 0; i < num_ranked; i += MODELS_AT_ONCE)
	{
		CHECK_FOR_INTERRUPTS();
		for (int j = 0; j < num_ranked; j++)
			find_deviations(differences, i, Min(i + MODELS_AT_ONCE, num_ranked), j);
	}
	return differences;
}

/*
 * Replace a covariance by its lower root R, column by column of what is left of it:
 * R R' is the covariance.  It has no inverse; where nothing is left, R has zeros.
 */
static void
find_root(double *matrix, int num_models)
{
	Size		n = num_models;
	double		largest = 0;

	for (Size k = 0; k < n; k++)
		largest = Max(largest, matrix[k * n + k]);
	for (Size k = 0; k < n; k++)
	{
		double	   *restrict column = matrix + k * n;
		double		pivot = column[k];

		CHECK_FOR_INTERRUPTS();
		if (!(pivot > LEAST_VARIANCE * largest))
		{
			memset(column, 0, sizeof(double) * n);
			continue;
		}
		memset(column, 0, sizeof(double) * k);
		for (Size i = k; i < n; i++)
			column[i] /= sqrt(pivot);
		for (Size j = k + 1; j < n; j++)
		{
			double	   *restrict other = matrix + j * n;
			double		factor = column[j];

#pragma omp simd
			for (Size i = j; i < n; i++)
				other[i] -= factor * column[i];
		}
	}
}

/*
 * Two independent draws of the normal distribution (Box and Muller 1958).
 */
static void
draw_normals(pg_prng_state *prng, double *draws)
{
	double		radius = sqrt(-2 * log(1 - pg_prng_double(prng)));
	double		angle = 2 * M_PI * pg_prng_double(prng);

	draws[0] = radius * cos(angle);
	draws[1] = radius * sin(angle);
}

/*
 * Draw replicates of N(scores, root root'), each by its own stream.
 */
static void
draw_replicates(const Differences *differences, const double *root, uint64 seed)
{
	Size		n = differences->num_models;
	int			num_replicates = differences->replicates->num_replicates;
	double	   *normals = palloc(sizeof(double) * (n + 1));
	double	   *drawn = palloc(sizeof(double) * n);

	for (int r = 0; r < num_replicates; r++)
	{
		pg_prng_state prng;

		CHECK_FOR_INTERRUPTS();
		seed_replicate(&prng, seed, r);
		for (Size k = 0; k < n; k += 2)
			draw_normals(&prng, normals + k);
		memcpy(drawn, differences->scores, sizeof(double) * n);
		for (Size k = 0; k < n; k++)
		{
			const double *restrict column = root + k * n;
			double		factor = normals[k];

#pragma omp simd
			for (Size i = k; i < n; i++)
				drawn[i] += factor * column[i];
		}
		for (Size i = 0; i < n; i++)
			replicates_of(differences->replicates, i)[r] = drawn[i];
	}
	pfree(normals);
	pfree(drawn);
}

/*
 * Differences as a covariance of strengths tells them, of the models that are ranked.
 */
Differences *
differences_of_covariance(Covariance *covariance, const double *scores,
						  const int *ranked, int num_ranked, int num_draws,
						  uint64 seed, double point)
{
	Differences *differences = differences_create(scores, ranked, num_ranked);
	Size		n = num_ranked;
	Size		num_models = covariance_num_models(covariance);
	double	   *all = covariance_matrix(covariance);
	double	   *root = MemoryContextAllocHuge(CurrentMemoryContext,
											  mul_size(mul_size(n, n), sizeof(double)) + 1);

	differences->point = point;
	differences->replicates = replicates_create(num_ranked, num_draws);
	for (Size i = 0; i < n; i++)
	{
		const double *row = all + ranked[i] * num_models;
		const double *first = all + ranked[0] * num_models;

		CHECK_FOR_INTERRUPTS();
		for (Size j = 0; j < n; j++)
		{
			double		variance = row[ranked[i]] + all[ranked[j] * num_models + ranked[j]] -
				2 * row[ranked[j]];

			/* the first model is held: it is differences that are drawn */
			root[i * n + j] = POINTS_PER_STRENGTH * POINTS_PER_STRENGTH *
				(row[ranked[j]] - row[ranked[0]] - first[ranked[j]] + first[ranked[0]]);
			differences->deviations[i * n + j] = i == j ? 0 :
				Max(POINTS_PER_STRENGTH * sqrt(Max(variance, 0)), LEAST_DEVIATION);
		}
	}
	find_root(root, num_ranked);
	draw_replicates(differences, root, seed);
	pfree(root);
	pfree(all);
	return differences;
}

/*
 * Let what a model and another differ by count in each replicate.
 */
FOR_WIDE_VECTORS static void
count_pair(const Differences *differences, Largest largest, int i, int j)
{
	int			num_replicates = differences->replicates->num_replicates;
	const double *restrict of_i = replicates_of(differences->replicates, i);
	const double *restrict of_j = replicates_of(differences->replicates, j);
	double	   *restrict either_side = largest.either_side;
	double	   *restrict ahead = largest.ahead;
	double		difference = differences->scores[j] - differences->scores[i];
	double		scale = 1 / differences->deviations[(Size) i * differences->num_models + j];

#pragma omp simd
	for (int r = 0; r < num_replicates; r++)
	{
		double		off = (of_j[r] - of_i[r] - difference) * scale;
		double		up = isnan(off) ? INFINITY : off;
		double		either = fabs(up);

		either_side[r] = either > either_side[r] ? either : either_side[r];
		ahead[r] = up > ahead[r] ? up : ahead[r];
	}
}

static void
find_largest(const Differences *differences, Largest largest, int i)
{
	int			n = differences->num_models;
	int			num_replicates = differences->replicates->num_replicates;

	for (int r = 0; r < num_replicates; r++)
		largest.either_side[r] = largest.ahead[r] = -INFINITY;
	for (int j = 0; j < n; j++)
	{
		CHECK_FOR_INTERRUPTS();
		if (j != i && isfinite(differences->deviations[(Size) i * n + j]))
			count_pair(differences, largest, i, j);
	}
	for (int r = 0; r < num_replicates; r++)
		largest.of_all[r] = Max(largest.of_all[r], largest.either_side[r]);
}

/*
 * How many models are ahead of one by more than so many standard deviations; with
 * sign -1 behind it.
 */
static int
count_apart(const Differences *differences, int model, double sign, double limit)
{
	int			n = differences->num_models;
	int			num_apart = 0;

	for (int j = 0; j < n; j++)
	{
		double		deviation = differences->deviations[(Size) model * n + j];

		if (j != model && isfinite(deviation) &&
			sign * (differences->scores[j] - differences->scores[model]) > limit * deviation)
			num_apart++;
	}
	return num_apart;
}

/*
 * Add what each replicate says of who is on top: where several are, a share of it.
 */
static void
find_shares_on_top(const Differences *differences, RankRange *ranges)
{
	int			n = differences->num_models;
	int			num_replicates = differences->replicates->num_replicates;

	for (int r = 0; r < num_replicates; r++)
	{
		double		top = -INFINITY;
		int			num_top = 0;

		CHECK_FOR_INTERRUPTS_AT(r * 64);
		for (int i = 0; i < n; i++)
		{
			double		value = replicates_of(differences->replicates, i)[r];

			if (value > top)
			{
				top = value;
				num_top = 0;
			}
			num_top += value == top;
		}
		for (int i = 0; i < n; i++)
			if (replicates_of(differences->replicates, i)[r] == top)
				ranges[i].share_on_top += 1.0 / num_top / num_replicates;
	}
}

/*
 * The ranks that the data allow, of each ranked model.
 */
RankRange *
rank_ranges(const Differences *differences)
{
	int			n = differences->num_models;
	int			num_replicates = differences->replicates->num_replicates;
	RankRange  *ranges = palloc0(sizeof(RankRange) * (n + 1));
	Largest		largest;
	double		limit_of_all;

	largest.either_side = palloc(sizeof(double) * num_replicates);
	largest.ahead = palloc(sizeof(double) * num_replicates);
	largest.of_all = palloc(sizeof(double) * num_replicates);
	for (int r = 0; r < num_replicates; r++)
		largest.of_all[r] = -INFINITY;
	for (int i = 0; i < n; i++)
	{
		double		limit;

		find_largest(differences, largest, i);
		limit = find_quantile(largest.either_side, num_replicates, LEVEL);
		ranges[i].lowest = 1 + count_apart(differences, i, 1, limit);
		ranges[i].highest = n - count_apart(differences, i, -1, limit);
		limit = find_quantile(largest.ahead, num_replicates, LEVEL);
		ranges[i].may_be_best = count_apart(differences, i, 1, limit) == 0;
	}
	limit_of_all = find_quantile(largest.of_all, num_replicates, LEVEL);
	for (int i = 0; i < n; i++)
	{
		ranges[i].lowest_of_all = 1 + count_apart(differences, i, 1, limit_of_all);
		ranges[i].highest_of_all = n - count_apart(differences, i, -1, limit_of_all);
	}
	find_shares_on_top(differences, ranges);
	pfree(largest.either_side);
	pfree(largest.ahead);
	pfree(largest.of_all);
	return ranges;
}

/*
 * By how much model a is ahead of b, with the 95 % interval of that difference.
 */
Difference
find_difference(const Differences *differences, int a, int b)
{
	int			num_replicates = differences->replicates->num_replicates;
	const double *of_a = replicates_of(differences->replicates, a);
	const double *of_b = replicates_of(differences->replicates, b);
	double		deviation = differences->deviations[(Size) a * differences->num_models + b];
	double	   *lower = palloc(sizeof(double) * num_replicates);
	double	   *upper = palloc(sizeof(double) * num_replicates);
	Difference	difference;

	difference.points = differences->scores[a] - differences->scores[b];
	for (int r = 0; r < num_replicates; r++)
	{
		double		points = of_a[r] - of_b[r];

		lower[r] = isnan(points) ? -INFINITY : points;
		upper[r] = isnan(points) ? INFINITY : points;
	}
	if (differences->point > 0)
	{
		difference.lower = difference.points - differences->point * deviation;
		difference.upper = difference.points + differences->point * deviation;
	}
	else
	{
		difference.lower = find_quantile(lower, num_replicates, LOWER_QUANTILE);
		difference.upper = find_quantile(upper, num_replicates, UPPER_QUANTILE);
		/* half way from -infinity to +infinity nothing is known */
		if (isnan(difference.lower))
			difference.lower = -INFINITY;
		if (isnan(difference.upper))
			difference.upper = INFINITY;
	}
	pfree(lower);
	pfree(upper);
	return difference;
}

/*
 * Intervals of scores that are made to be compared with each other: those of two
 * models overlap as their difference says, as nearly as that can be.  False where the
 * data leave a difference open.
 */
bool
comparison_bounds(const Differences *differences, Bounds bounds)
{
	int			n = differences->num_models;
	double	   *quasi_variances = palloc(sizeof(double) * (n + 1));
	bool		found = find_quasi_variances(differences->deviations, n, quasi_variances);

	for (int i = 0; i < n && found; i++)
	{
		double		half = NORMAL_POINT * sqrt(quasi_variances[i]);

		bounds.lower[i] = differences->scores[i] - half;
		bounds.upper[i] = differences->scores[i] + half;
	}
	pfree(quasi_variances);
	return found;
}
