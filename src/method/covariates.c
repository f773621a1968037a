/*-------------------------------------------------------------------------
 *
 * covariates.c
 *	  Battles with what is known of each besides models and outcome.
 *
 * A covariate is a number for each battle, for example by how much longer the first
 * model's answer was than the second's.  Battles that agree in models, as they stood,
 * outcome, covariates, and voter where these are told apart, are one row.
 *
 * While battles come in, models bear the numbers in which they were met, and an outcome
 * stands as what its word may mean (ballots.c).  Then both are put into their places, and
 * rows into one order, so that nothing later depends on that in which they came.  Rows
 * that differ in nothing but the outcome are one cell then.
 *
 * For the fit a covariate is measured in its standard deviation over all battles; it is
 * not centred, so that scores are those where all covariates are 0.  One that is always
 * the same is measured in itself: a column of ones is who stood first.
 *
 * Memory: 24 bytes for each row, and 8 for each of its covariates; and about twice as
 * much when they are put in order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <float.h>
#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/* Room for so many rows at first */
#define INITIAL_ROWS 1024

/* Means and standard deviations from 1 / this to this */
#define MAX_COVARIATE 1e100

/* A covariate does not go to infinity where another does if it is so slow beside it */
#define LEAST_PART 1e-6

typedef struct CovariateRow
{
	int32		voter;			/* or -1 */
	int32		first;			/* the model that stood first */
	int32		second;
	uint32		outcome;		/* a meaning until outcomes are read */
	int64		count;
} CovariateRow;

struct Covariates
{
	int			number;
	char	  **names;
	Size		max_bytes;
	bool		by_voter;
	int			num_rows;
	int			max_rows;
	CovariateRow *rows;
	double	   *x;				/* number of them for each row */
	CovariateScale *scales;

	/* Once rows are those of a tally */
	Tally	   *tally;			/* a pair for each cell */
	double	   *cell_x;			/* unscaled */
	int		   *pairs;			/* of each cell */
	int		   *cell_of_row;
};

/* What rows are put in order by */
typedef struct RowOrder
{
	const CovariateRow *rows;
	const double *x;
	int			number;
} RowOrder;

static int	compare_rows(const int *a, const int *b, RowOrder *order);

#define ST_SORT sort_rows
#define ST_ELEMENT_TYPE int
#define ST_COMPARE_ARG_TYPE RowOrder
#define ST_COMPARE(a, b, arg) compare_rows(a, b, arg)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

/*
 * By voter, those without one last, then by models and covariates.
 */
static int
compare_cells(const RowOrder *order, int a, int b)
{
	const CovariateRow *x = &order->rows[a];
	const CovariateRow *y = &order->rows[b];

	if (x->voter != y->voter)
		return (uint32) x->voter < (uint32) y->voter ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	if (x->second != y->second)
		return x->second < y->second ? -1 : 1;
	for (int k = 0; k < order->number; k++)
	{
		double		u = order->x[(Size) a * order->number + k];
		double		v = order->x[(Size) b * order->number + k];

		if (u != v)
			return u < v ? -1 : 1;
	}
	return 0;
}

static int
compare_rows(const int *a, const int *b, RowOrder *order)
{
	int			result = compare_cells(order, *a, *b);
	uint32		x = order->rows[*a].outcome;
	uint32		y = order->rows[*b].outcome;

	return result != 0 ? result : x < y ? -1 : x > y;
}

/*
 * Start in the current memory context; rows may take so many bytes.
 */
Covariates *
covariates_begin(int number, char **names, bool by_voter, Size max_bytes)
{
	Covariates *covariates = palloc0(sizeof(Covariates));

	covariates->number = number;
	covariates->names = names;
	covariates->by_voter = by_voter;
	covariates->max_bytes = max_bytes;
	covariates->max_rows = INITIAL_ROWS;
	covariates->rows = palloc(sizeof(CovariateRow) * INITIAL_ROWS);
	covariates->x = palloc(sizeof(double) * INITIAL_ROWS * number);
	return covariates;
}

static void
make_room(Covariates *covariates)
{
	Size		row = sizeof(CovariateRow) + sizeof(double) * covariates->number;
	Size		most = Min(covariates->max_bytes / row, PG_INT32_MAX / 2);

	if ((Size) covariates->max_rows >= most)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the battles with their covariates do not fit into maintenance_work_mem"),
				 errdetail("They have more than %zu different combinations of models, outcome and covariates, of %zu bytes each.",
						   most, row),
				 errhint("Increase maintenance_work_mem, or round the covariates.")));
	covariates->max_rows = Min(2 * (Size) covariates->max_rows, most);
	covariates->rows = repalloc_huge(covariates->rows,
									 mul_size(covariates->max_rows, sizeof(CovariateRow)));
	covariates->x = repalloc_huge(covariates->x,
								  mul_size(mul_size(covariates->max_rows, covariates->number),
										   sizeof(double)));
}

/*
 * Add battles of a voter, -1 where none is known or asked for, between two models, of
 * which the first stood first.
 */
void
covariates_add(Covariates *covariates, int voter, int first, int second,
			   Meaning meaning, int64 count, const double *x)
{
	if (covariates->num_rows == covariates->max_rows)
		make_room(covariates);
	covariates->rows[covariates->num_rows] = (CovariateRow)
	{
		covariates->by_voter ? voter : -1, first, second, meaning, count
	};
	memcpy(covariates->x + (Size) covariates->num_rows * covariates->number, x,
		   sizeof(double) * covariates->number);
	covariates->num_rows++;
}

/*
 * Put rows in order, and those together that say the same.  Voters are numbered again.
 */
static void
order_rows(Covariates *covariates)
{
	int			n = covariates->num_rows;
	int			number = covariates->number;
	int		   *sorted = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(n + 1, sizeof(int)));
	CovariateRow *rows = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(n + 1, sizeof(CovariateRow)));
	double	   *x = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(mul_size(n + 1, number), sizeof(double)));
	RowOrder	order = {covariates->rows, covariates->x, number};
	int			num_kept = 0;
	int			num_voters = 0;

	for (int i = 0; i < n; i++)
		sorted[i] = i;
	sort_rows(sorted, n, &order);
	for (int i = 0; i < n; i++)
	{
		const CovariateRow *row = &covariates->rows[sorted[i]];

		CHECK_FOR_INTERRUPTS_AT(i);
		if (i > 0 && compare_rows(&sorted[i - 1], &sorted[i], &order) == 0)
		{
			rows[num_kept - 1].count += row->count;
			continue;
		}
		if (row->voter >= 0 &&
			(i == 0 || row->voter != covariates->rows[sorted[i - 1]].voter))
			num_voters++;
		rows[num_kept] = *row;
		if (row->voter >= 0)
			rows[num_kept].voter = num_voters - 1;
		memcpy(x + (Size) num_kept * number,
			   covariates->x + (Size) sorted[i] * number, sizeof(double) * number);
		num_kept++;
	}
	pfree(sorted);
	pfree(covariates->rows);
	pfree(covariates->x);
	covariates->rows = rows;
	covariates->x = x;
	covariates->num_rows = covariates->max_rows = num_kept;
}

/*
 * Leave out rows, and give models their places: place[i] is that of model i, or -1.
 * With a vocabulary not -1 outcomes are read by it.
 */
static void
place_rows(Covariates *covariates, int vocabulary, const int *place)
{
	int			number = covariates->number;
	int			num_kept = 0;

	for (int r = 0; r < covariates->num_rows; r++)
	{
		CovariateRow row = covariates->rows[r];
		int			outcome = vocabulary < 0 ? (int) row.outcome :
			meaning_in(row.outcome, vocabulary);

		CHECK_FOR_INTERRUPTS_AT(r);
		row.first = place[row.first];
		row.second = place[row.second];
		row.outcome = outcome;
		if (outcome < 0 || row.first < 0 || row.second < 0)
			continue;
		covariates->rows[num_kept] = row;
		memmove(covariates->x + (Size) num_kept * number,
				covariates->x + (Size) r * number, sizeof(double) * number);
		num_kept++;
	}
	covariates->num_rows = num_kept;
	order_rows(covariates);
}

/*
 * Put models, of which position[i] is the place of the one met as i, and outcomes, as a
 * vocabulary reads them, into their places.
 */
void
covariates_finish(Covariates *covariates, int vocabulary, const int *position)
{
	place_rows(covariates, vocabulary, position);
}

/*
 * Keep the battles among some of the models.  index[i] is the number that model i
 * takes, or -1 when it is left out.
 */
void
covariates_keep(Covariates *covariates, const int *index)
{
	place_rows(covariates, -1, index);
}

/*
 * Find mean and standard deviation of each covariate over the battles.
 */
static void
find_scales(Covariates *covariates)
{
	int			number = covariates->number;

	covariates->scales = palloc0(sizeof(CovariateScale) * number);
	for (int k = 0; k < number; k++)
	{
		CovariateScale *scale = &covariates->scales[k];
		double		total = 0;
		double		squares = 0;
		bool		varies = false;

		for (int r = 0; r < covariates->num_rows; r++)
		{
			double		x = covariates->x[(Size) r * number + k];

			CHECK_FOR_INTERRUPTS_AT(r);
			total += covariates->rows[r].count;
			scale->mean += covariates->rows[r].count * x;
			varies |= x != covariates->x[k];
		}
		scale->mean = varies ? scale->mean / total : covariates->x[k];
		for (int r = 0; r < covariates->num_rows; r++)
		{
			double		off = covariates->x[(Size) r * number + k] - scale->mean;

			squares += covariates->rows[r].count * off * off;
		}
		scale->deviation = varies ? Max(sqrt(squares / total), DBL_MIN) : 0;
		scale->unit = varies ? scale->deviation : fabs(scale->mean);
		if (scale->unit == 0)
			scale->unit = 1;
	}
}

/*
 * Make cells of rows, by the places of their pairs in the tally that has the same
 * battles.
 */
void
covariates_bind(Covariates *covariates, const Tally *tally)
{
	int			n = covariates->num_rows;
	int			number = covariates->number;
	RowOrder	order = {covariates->rows, covariates->x, number};
	Tally	   *cells = palloc0(sizeof(Tally));

	find_scales(covariates);
	cells->num_models = tally->num_models;
	cells->num_battles = tally->num_battles;
	cells->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
										  mul_size(n + 1, sizeof(Pair)));
	covariates->pairs = MemoryContextAllocHuge(CurrentMemoryContext,
											   mul_size(n + 1, sizeof(int)));
	covariates->cell_of_row = MemoryContextAllocHuge(CurrentMemoryContext,
													 mul_size(n + 1, sizeof(int)));
	covariates->cell_x = MemoryContextAllocHuge(CurrentMemoryContext,
												mul_size(mul_size(n + 1, number), sizeof(double)));
	for (int r = 0; r < n; r++)
	{
		const CovariateRow *row = &covariates->rows[r];
		Pair	   *cell = &cells->pairs[cells->num_pairs - 1];

		CHECK_FOR_INTERRUPTS_AT(r);
		if (r == 0 || compare_cells(&order, r - 1, r) != 0)
		{
			int			c = cells->num_pairs++;

			cell = &cells->pairs[c];
			memset(cell, 0, sizeof(Pair));
			cell->first = row->first;
			cell->second = row->second;
			covariates->pairs[c] = tally_find_pair(tally, Min(row->first, row->second),
												   Max(row->first, row->second));
			memcpy(covariates->cell_x + (Size) c * number,
				   covariates->x + (Size) r * number, sizeof(double) * number);
		}
		cell->count[row->outcome] += row->count;
		covariates->cell_of_row[r] = cells->num_pairs - 1;
	}
	covariates->tally = cells;
}

const Tally *
covariates_tally(const Covariates *covariates)
{
	return covariates->tally;
}

const int  *
covariates_pairs(const Covariates *covariates)
{
	return covariates->pairs;
}

/*
 * What is known of each cell: with position a 1, then the covariates in their units.
 */
const double *
covariates_x(const Covariates *covariates, bool position)
{
	int			number = covariates->number;
	int			width = number + position;
	double	   *x = MemoryContextAllocHuge(CurrentMemoryContext,
										   mul_size(mul_size(covariates->tally->num_pairs + 1, width),
													sizeof(double)));

	for (Size c = 0; c < (Size) covariates->tally->num_pairs; c++)
	{
		if (position)
			x[c * width] = 1;
		for (int k = 0; k < number; k++)
			x[c * width + position + k] = covariates->cell_x[c * number + k] /
				covariates->scales[k].unit;
	}
	return x;
}

/*
 * Who cast the battles, NULL if that was not asked.
 */
Voters *
covariates_voters(const Covariates *covariates)
{
	Voters	   *voters;

	if (!covariates->by_voter)
		return NULL;
	voters = voters_begin(covariates->max_bytes);
	for (int r = 0; r < covariates->num_rows; r++)
		voters_add_to_slot(voters, covariates->rows[r].voter,
						   NUM_OUTCOMES * covariates->cell_of_row[r] + covariates->rows[r].outcome,
						   covariates->rows[r].count);
	voters_bind_to_slots(voters, covariates->tally->num_pairs);
	return voters;
}

int
covariates_number(const Covariates *covariates)
{
	return covariates->number;
}

const char *
covariate_name(const Covariates *covariates, int k)
{
	return covariates->names[k];
}

CovariateScale
covariate_scale(const Covariates *covariates, int k)
{
	return covariates->scales[k];
}

/*
 * An error for a covariate of numbers that cannot be reckoned with.
 */
static void
check_covariate_scale(const Covariates *covariates, int k)
{
	CovariateScale scale = covariates->scales[k];

	if (fabs(scale.mean) <= MAX_COVARIATE && scale.deviation <= MAX_COVARIATE &&
		(scale.deviation == 0 || scale.deviation >= 1 / MAX_COVARIATE))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("covariate \"%s\" is out of range", covariates->names[k]),
			 errdetail("Its mean and standard deviation must be between %g and %g.",
					   1 / MAX_COVARIATE, MAX_COVARIATE),
			 errhint("Measure it in another unit.")));
}

/*
 * An error for a covariate that says nothing, or no more than position.
 */
void
check_covariates(const Covariates *covariates, bool position)
{
	for (int k = 0; k < covariates->number; k++)
	{
		CovariateScale scale = covariates->scales[k];

		check_covariate_scale(covariates, k);
		if (scale.deviation > 0 || (fabs(scale.mean) == 1 && !position))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("covariate \"%s\" is constant", covariates->names[k]),
				 errdetail("It is %.15g in each battle.", scale.mean),
				 scale.mean == 0 ? 0 :
				 errhint("What standing first is worth is told by adjust_position, or by one covariate that is always 1.")));
	}
}

/*
 * An error for a covariate that cannot be told from the strengths of models, position if
 * that is fitted, and the covariates before it.
 */
void
report_untold_covariate(const Covariates *covariates, int k, bool position)
{
	char	   *others = position ? " and who stood first" : "";

	for (int l = 0; l < k; l++)
		others = psprintf("%s%s\"%s\"", others, l > 0 ? ", " : " and covariates ",
						  covariates->names[l]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("covariate \"%s\" is collinear", covariates->names[k]),
			 errdetail("It follows from the models of a battle%s.", others),
			 errhint("Leave it out.")));
}

/*
 * An error for covariates that the battles do not bound; each goes to infinity by these
 * numbers.
 */
void
report_unbounded_covariates(const Covariates *covariates, const double *way)
{
	char	   *names = "";
	double		largest = 0;
	int			number = 0;

	for (int k = 0; k < covariates->number; k++)
		largest = Max(largest, fabs(way[k]));
	for (int k = 0; k < covariates->number; k++)
		if (fabs(way[k]) > LEAST_PART * largest)
			names = psprintf("%s%s\"%s\"", names, number++ > 0 ? " and " : "",
							 covariates->names[k]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the battles do not bound %s %s", number > 1 ? "covariates" : "covariate",
					names),
			 errdetail("Scores can be such that the more it counts, the better the outcomes are explained, without end."),
			 errhint("Leave %s out, or wait for more battles.",
					 number > 1 ? "one of them" : "it")));
}
