/*-------------------------------------------------------------------------
 *
 * upload_rank.c
 *	  The ranks of a file's rows by each metric.
 *
 * For each metric the order of the rows is kept, in pieces: so any page of any metric is
 * a few entries of an index.
 *
 * Numbers are kept exactly.  They are sorted as doubles: a number that is less than
 * another is not more as a double.  Where two are equal as doubles and have more digits
 * than a double has, the exact ones are compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "score/score.h"

/* Digits that a double keeps */
#define DOUBLE_DIGITS 15

/* Rows of a piece of an order */
#define ROWS_OF_PIECE 400

static bool
is_exact(const char *cell)
{
	int			digits = 0;

	for (; *cell; cell++)
		digits += *cell >= '0' && *cell <= '9';
	return digits <= DOUBLE_DIGITS;
}

/*
 * Compare the numbers of two rows by a metric, exactly.
 */
static int
compare_numbers(const Upload *upload, int metric, int a, int b)
{
	const double *numbers = upload->numbers + (Size) metric * upload->sheet->num_rows;
	char	   *cell_a;
	char	   *cell_b;

	if (numbers[a] != numbers[b])
		return numbers[a] < numbers[b] ? -1 : 1;
	cell_a = cell_of(upload->sheet, a, upload->metrics[metric]);
	cell_b = cell_of(upload->sheet, b, upload->metrics[metric]);
	if (strcmp(cell_a, cell_b) == 0 || (is_exact(cell_a) && is_exact(cell_b)))
		return 0;
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp, numeric_of(cell_a), numeric_of(cell_b)));
}

/* What rows are sorted by */
typedef struct Ordering
{
	const Upload *upload;
	int			metric;
} Ordering;

/* The highest first; of equal ones by id */
static int
compare_for_rank(const void *left, const void *right, void *ordering)
{
	const Upload *upload = ((Ordering *) ordering)->upload;
	int			a = *(const int32 *) left;
	int			b = *(const int32 *) right;
	int			order = compare_numbers(upload, ((Ordering *) ordering)->metric, b, a);

	return order ? order : strcmp(cell_of(upload->sheet, a, upload->id), cell_of(upload->sheet, b, upload->id));
}

/*
 * Write the order of rows by a metric, in pieces.
 */
static void
insert_order(const Upload *upload, int metric, const int32 *order, int count)
{
	static const Statement insert = {
		"INSERT INTO @standing_order (run_no, metric_no, piece_no, row_nos)"
		" VALUES ($1, $2, $3, $4)",
		SPI_OK_INSERT, SEES_LATEST
	};

	for (int first = 0; first < count; first += ROWS_OF_PIECE)
	{
		Parameters	parameters = {0};
		int			length = Min(ROWS_OF_PIECE, count - first);
		Datum		rows[ROWS_OF_PIECE];

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < length; i++)
			rows[i] = Int32GetDatum(order[first + i] + 1);
		add_parameter(&parameters, INT4OID, upload->run_no, false);
		add_parameter(&parameters, INT2OID, Int16GetDatum(metric + 1), false);
		add_parameter(&parameters, INT4OID, Int32GetDatum(first / ROWS_OF_PIECE), false);
		add_array(&parameters, INT4OID, rows, length);
		run_statement(upload->scoreboard, &insert, &parameters);
		pfree(DatumGetPointer(parameters.values[3]));
	}
}

/*
 * Rank the rows by a metric: equal ones have the same rank, and the next the number of
 * those before it, plus one.
 */
static void
rank_metric(Upload *upload, int metric, int32 *order)
{
	int			num_rows = upload->sheet->num_rows;
	double	   *numbers = upload->numbers + (Size) metric * num_rows;
	int32	   *ranks = upload->ranks + (Size) metric * num_rows;
	Ordering	ordering = {upload, metric};
	int			count = 0;

	for (int row = 0; row < num_rows; row++)
	{
		char	   *cell = cell_of(upload->sheet, row, upload->metrics[metric]);

		ranks[row] = 0;
		if (cell == NULL)
			continue;
		numbers[row] = strtod(cell, NULL);
		order[count++] = row;
	}
	qsort_interruptible(order, count, sizeof(int32), compare_for_rank, &ordering);
	for (int i = 0; i < count; i++)
		ranks[order[i]] = i > 0 && compare_numbers(upload, metric, order[i], order[i - 1]) == 0 ?
			ranks[order[i - 1]] : i + 1;
	insert_order(upload, metric, order, count);
}

/*
 * Rank the rows of a sound file, and write their orders.
 */
void
rank_rows(Upload *upload)
{
	Size		num_rows = upload->sheet->num_rows;
	Size		count = mul_size(num_rows, Max(upload->num_metrics, 1));
	int32	   *order = palloc_extended(mul_size(sizeof(int32), num_rows), MCXT_ALLOC_HUGE);

	upload->numbers = palloc_extended(mul_size(sizeof(double), count), MCXT_ALLOC_HUGE);
	upload->ranks = palloc_extended(mul_size(sizeof(int32), count), MCXT_ALLOC_HUGE);
	for (int metric = 0; metric < upload->num_metrics; metric++)
		rank_metric(upload, metric, order);
	pfree(upload->numbers);
	pfree(order);
}
