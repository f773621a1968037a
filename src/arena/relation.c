/*-------------------------------------------------------------------------
 *
 * relation.c
 *	  The battles in any table or view.
 *
 * The user names the relation and its columns; what is generated from them is
 * one query for battles.c.  The relation is read with the caller's rights.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "arena/arena.h"

/*
 * The columns of a relation, for a message.
 */
static char *
list_columns(Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (!column->attisdropped)
			appendStringInfo(&list, "%s\"%s\"", list.len > 0 ? ", " : "",
							 NameStr(column->attname));
	}
	return list.data;
}

/*
 * The type of a column that the user named for a purpose, under any domain.
 */
static Oid
find_column(Relation relation, const char *name, const char *purpose)
{
	AttrNumber	number = get_attnum(RelationGetRelid(relation), name);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg(number < 0 ?
						"column \"%s\" of relation \"%s\" is a system column" :
						"column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(relation)),
				 errdetail("Its columns are %s.", list_columns(relation)),
				 errhint("Name the right one with %s => '...'.", purpose)));
	return getBaseType(get_atttype(RelationGetRelid(relation), number));
}

static bool
is_string_type(Oid type)
{
	return TypeCategory(type) == TYPCATEGORY_STRING;
}

/*
 * Can values of two types be the same model?
 */
bool
are_comparable_types(Oid type1, Oid type2)
{
	return type1 == type2 ||
		(is_string_type(type1) && is_string_type(type2)) ||
		(is_integer_type(type1) && is_integer_type(type2));
}

/*
 * An error unless values of the two columns can be the same model.
 */
static void
check_model_types(Oid type1, Oid type2, const char *model1, const char *model2)
{
	if (are_comparable_types(type1, type2))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("columns \"%s\" and \"%s\" do not compare", model1, model2),
			 errdetail("Their types are %s and %s.",
					   format_type_be(type1), format_type_be(type2)),
			 errhint("Both must name models in the same way; a view can cast one of them.")));
}

/*
 * An error unless a column can hold how many battles a row stands for.
 */
static void
check_count_column(Relation relation, const char *name)
{
	Oid			type = find_column(relation, name, "num_battles");

	if (!is_count_type(type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" cannot count battles", name),
				 errdetail("It is of type %s, not a number.", format_type_be(type)),
				 errhint("num_battles => '...' names a column that holds how many battles each row stands for.")));
}

/*
 * The battles in any table or view, of these columns.  num_battles is that which
 * holds how many battles a row stands for, NULL: each is one.  voter is that which says
 * who cast them, or NULL, and by_voter what is kept of them.  covariates name columns of
 * numbers.
 */
Battles *
read_relation_battles(Oid relation_id, const char *model1, const char *model2,
					  const char *outcome, const char *num_battles, const char *voter,
					  VoterReading by_voter, List *covariates)
{
	Relation	relation = try_relation_open(relation_id, AccessShareLock);
	List	   *battles;
	Oid			type1,
				type2;
	CountColumns counts;
	char	   *name;
	VoterColumn column = no_voter();
	int			guc_level = NewGUCNestLevel();
	ListCell   *cell;

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation_id)));
	if (!strchr("rpvmf", relation->rd_rel->relkind))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or a view",
						RelationGetRelationName(relation))));
	type1 = find_column(relation, model1, "model1");
	type2 = find_column(relation, model2, "model2");
	check_model_types(type1, type2, model1, model2);
	(void) find_column(relation, outcome, "outcome");
	if (num_battles)
		check_count_column(relation, num_battles);
	counts = num_battles ? counted_by(relation_id, num_battles) : counted_rows();
	if (voter)
	{
		(void) find_column(relation, voter, "voter");
		column = grouped_by_voter(relation_id, voter);
	}
	foreach(cell, covariates)
		check_covariate_column(relation_id, lfirst(cell), "the relation");
	if (voter || covariates)
		allow_maintenance_memory();

	name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
	battles = read_battles(psprintf("SELECT %s, %s, %s, %s%s%s%s FROM %s AS b GROUP BY 1, 2, 3%s%s",
									grouped_column(relation_id, model1),
									grouped_column(relation_id, model2),
									grouped_column(relation_id, outcome),
									counts.count, column.voter,
									covariate_columns(covariates), counts.unusable, name,
									covariate_grouping(covariates, voter != NULL),
									column.grouping),
						   NULL, false, NIL, voter ? by_voter : VOTERS_NOT_READ,
						   covariates, false,
						   psprintf("relation %s", name));
	AtEOXact_GUC(true, guc_level);
	relation_close(relation, NoLock);
	return linitial(battles);
}
