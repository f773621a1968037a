/*-------------------------------------------------------------------------
 *
 * grouping.c
 *	  How the columns of a relation of battles are grouped, compared and summed.
 *
 * Values are told apart by the bytes of their text, whatever a collation or a
 * type calls equal: a nondeterministic collation, citext, or the numbers 1.0 and
 * 1.00.  Where the type's own equality does the same, nothing is written around
 * the column.  That is quicker, and leaves the whole count to the server that a
 * foreign table is on: postgres_fdw sends neither COLLATE nor most casts.
 *
 * A relation may hold counts of battles instead of battles.  Their sum is taken
 * as a numeric, which never overflows, and beside it stands how many of the
 * counts are none: null, not positive, or with a fraction.  The reader of the
 * rows makes an error of these, as a sum alone would hide them.
 *
 * Where voters are told apart, their rows come one voter after the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "arena/arena.h"

bool
is_integer_type(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/*
 * Can a column of this type count battles?
 */
bool
is_count_type(Oid type)
{
	type = getBaseType(type);
	return is_integer_type(type) || type == NUMERICOID || type == FLOAT4OID ||
		type == FLOAT8OID;
}

/*
 * Are values of a type equal exactly when their texts are, as far as no collation
 * says otherwise?
 */
bool
is_faithful_type(Oid type)
{
	return is_integer_type(type) || type == UUIDOID || type == BOOLOID ||
		type == TEXTOID || type == VARCHAROID || type_is_enum(type);
}

/*
 * An expression for a column of a relation that is called b, by which values are
 * equal when the bytes of their text are.
 */
char *
grouped_column(Oid relation, const char *name)
{
	Oid			type;
	Oid			collation;
	int32		modifier;

	get_atttypetypmodcoll(relation, get_attnum(relation, name), &type, &modifier,
						  &collation);
	return psprintf("b.%s%s%s", quote_identifier(name),
					is_faithful_type(getBaseType(type)) ? "" : "::pg_catalog.text",
					!OidIsValid(collation) || get_collation_isdeterministic(collation) ? "" :
					" COLLATE pg_catalog.\"C\"");
}

/*
 * A condition for a column of counts that is positive, with AND before it: is it a
 * whole number?  What is not a number at all counts as greater than infinity.
 */
static const char *
whole_number(const char *column, Oid type)
{
	return is_integer_type(type) ? "" :
		psprintf(" AND b.%1$s OPERATOR(pg_catalog.<) 'infinity'"
				 " AND b.%1$s OPERATOR(pg_catalog.=) pg_catalog.trunc(b.%1$s)", column);
}

/*
 * How many battles a group of rows is, each row being one.
 */
CountColumns
counted_rows(void)
{
	CountColumns columns = {"pg_catalog.count(*)", ""};

	return columns;
}

/*
 * A column of counts as what is summed.  The server makes a numeric of the first
 * digits only of a floating-point number, and a sum of them depends on their order.
 * One that an integer does not hold is far more than can be counted.
 */
static const char *
summand(const char *column, Oid type)
{
	if (type != FLOAT4OID && type != FLOAT8OID)
		return psprintf("b.%s", column);
	return psprintf("CASE WHEN b.%1$s OPERATOR(pg_catalog.>) 0"
					" AND b.%1$s OPERATOR(pg_catalog.<) '1e18'"
					" THEN b.%1$s::pg_catalog.int8 ELSE 1000000000000000000 END", column);
}

/*
 * How many battles a group of rows is by a column of counts, under its name.
 */
CountColumns
counted_by(Oid relation, const char *name)
{
	const char *column = quote_identifier(name);
	Oid			type = getBaseType(get_atttype(relation, get_attnum(relation, name)));
	CountColumns columns;

	columns.count = psprintf("pg_catalog.sum(%s)::pg_catalog.numeric AS %s",
							 summand(column, type), column);
	columns.unusable = psprintf(", pg_catalog.count(*) OPERATOR(pg_catalog.-)"
								" pg_catalog.count(*) FILTER"
								" (WHERE b.%s OPERATOR(pg_catalog.>) 0%s)",
								column, whole_number(column, type));
	return columns;
}

/*
 * No voters are asked for.
 */
VoterColumn
no_voter(void)
{
	VoterColumn column = {"", ""};

	return column;
}

/*
 * Voters by a column, as the fifth of a query that groups by the first three.  Their
 * rows follow each other in an order that no collation changes, since what is drawn of
 * them depends on it.
 */
VoterColumn
grouped_by_voter(Oid relation, const char *name)
{
	Oid			type = get_atttype(relation, get_attnum(relation, name));
	const char *grouped = grouped_column(relation, name);
	bool		is_text = OidIsValid(get_typcollation(type)) ||
		!is_faithful_type(getBaseType(type));
	VoterColumn column;

	column.voter = psprintf(", %s", grouped);
	column.grouping = psprintf(", 5 ORDER BY %s%s", grouped,
							   is_text ? " COLLATE pg_catalog.\"C\"" : "");
	return column;
}

/*
 * An error unless a column of a relation is a number.
 */
void
check_covariate_column(Oid relation, const char *name, const char *place)
{
	AttrNumber	number = get_attnum(relation, name);
	Oid			type;

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("covariate \"%s\" is no column of %s", name, place),
				 errhint("covariates name numeric columns beside those of the models and the outcome.")));
	type = get_atttype(relation, number);
	if (!is_count_type(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("covariate \"%s\" is not numeric", name),
				 errdetail("It is of type %s.", format_type_be(type))));
}

/*
 * Covariates as columns of a query, each with a comma before it.
 */
char *
covariate_columns(List *covariates)
{
	char	   *columns = "";
	ListCell   *cell;

	foreach(cell, covariates)
		columns = psprintf("%s, b.%s::pg_catalog.float8", columns,
						   quote_identifier(lfirst(cell)));
	return columns;
}

/*
 * Their numbers among the columns of a query that groups by the first three, and by
 * voter by the fifth.
 */
char *
covariate_grouping(List *covariates, bool by_voter)
{
	char	   *grouping = "";

	for (int k = 0; k < list_length(covariates); k++)
		grouping = psprintf("%s, %d", grouping, 5 + by_voter + k);
	return grouping;
}
