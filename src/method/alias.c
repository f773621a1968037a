/*-------------------------------------------------------------------------
 *
 * alias.c
 *	  Alias tables: draws of one of several values, with chances in proportion to weights,
 *	  in a few nanoseconds (Walker 1977, built as by Vose 1991).
 *
 * A table has a column for each value.  A draw takes a column, each as likely as any
 * other, and then the column's own value or the other one that fills it up, its alias.
 *
 * Resolution: the chances are multiples of 2^-32.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "method/method.h"

/*
 * Fill an alias table for values drawn in proportion to weights, which it
 * spoils.  Vose's method: each column that is short of the mean weight is
 * filled up by one that has more.
 */
void
fill_alias_table(AliasColumn *columns, double *weights, int num_columns)
{
	int		   *queue = MemoryContextAllocHuge(CurrentMemoryContext,
											   mul_size(num_columns, sizeof(int)));
	int			num_short = 0;
	int			first_long = num_columns;
	double		total = 0;

	for (int i = 0; i < num_columns; i++)
		total += weights[i];

	/* Short columns queue from the front, long ones from the back */
	for (int i = num_columns - 1; i >= 0; i--)
	{
		CHECK_FOR_INTERRUPTS_AT(i);
		weights[i] *= num_columns / total;
		columns[i] = (AliasColumn)
		{
			PG_UINT32_MAX, i
		};
		if (weights[i] < 1)
			queue[num_short++] = i;
		else
			queue[--first_long] = i;
	}

	while (num_short > 0 && first_long < num_columns)
	{
		int			shorter = queue[--num_short];
		int			longer = queue[first_long];

		CHECK_FOR_INTERRUPTS_AT(shorter);
		columns[shorter].own = (uint32) Min(rint(ldexp(weights[shorter], 32)),
											(double) PG_UINT32_MAX);
		columns[shorter].alias = longer;
		weights[longer] -= 1 - weights[shorter];
		if (weights[longer] < 1)
		{
			first_long++;
			queue[num_short++] = longer;
		}
	}
	/* What rounding has left over keeps its own value */
	pfree(queue);
}

/*
 * Room for so many more columns.
 */
static ValueColumn *
add_columns(AliasTables *tables, uint32 num_columns)
{
	uint32		begin = tables->num_columns;

	tables->num_columns += num_columns;
	if (tables->num_columns > tables->max_columns)
	{
		tables->max_columns = 2 * tables->num_columns;
		tables->columns = tables->columns == NULL ?
			MemoryContextAllocHuge(CurrentMemoryContext,
								   mul_size(tables->max_columns, sizeof(ValueColumn))) :
			repalloc_huge(tables->columns, mul_size(tables->max_columns, sizeof(ValueColumn)));
	}
	return tables->columns + begin;
}

/*
 * Make one more table: of so many values from the lowest up, drawn in proportion to
 * weights, which it spoils.
 */
AliasTable
alias_tables_add(AliasTables *tables, double *weights, int num_values, int lowest)
{
	AliasColumn *aliases = palloc(sizeof(AliasColumn) * num_values);
	ValueColumn *columns = add_columns(tables, num_values);

	Assert(lowest + num_values - 1 <= MAX_ALIAS_VALUE);
	fill_alias_table(aliases, weights, num_values);
	for (int i = 0; i < num_values; i++)
	{
		columns[i].own = aliases[i].own;
		columns[i].values[0] = lowest + i;
		columns[i].values[1] = lowest + aliases[i].alias;
	}
	pfree(aliases);
	return (AliasTable)
	{
		num_values, tables->num_columns - num_values
	};
}
