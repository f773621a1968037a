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

static bool
is_integer_type(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/*
 * Are values of a type equal exactly when their texts are?
 */
bool
is_faithful_type(Oid type)
{
	return is_integer_type(type) || type == UUIDOID || type == BOOLOID ||
		type_is_enum(type);
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
 * A column to group by.  Its text is what tells models apart, so it is grouped
 * by the bytes of that, whatever its collation says or its type calls equal
 * (citext, or the numbers 1.0 and 1.00).  Types in which both are the same are
 * grouped as they are, which is quicker.
 */
static const char *
grouped_column(const char *name, Oid type)
{
	return psprintf(is_faithful_type(type) ?
					"b.%s" : "b.%s::pg_catalog.text COLLATE pg_catalog.\"C\"",
					quote_identifier(name));
}

/*
 * The battles in any table or view, of these columns; voter may be NULL.
 */
Battles *
read_relation_battles(Oid relation_id, const char *model1, const char *model2,
					  const char *outcome, const char *voter)
{
	Relation	relation = try_relation_open(relation_id, AccessShareLock);
	List	   *battles;
	Oid			type1,
				type2,
				outcome_type;
	char	   *name;
	const char *voter_column = NULL;
	int			guc_level = NewGUCNestLevel();

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
	outcome_type = find_column(relation, outcome, "outcome");
	if (voter)
	{
		voter_column = grouped_column(voter, find_column(relation, voter, "voter"));
		allow_maintenance_memory();
	}
	check_model_types(type1, type2, model1, model2);

	name = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(relation)),
									  RelationGetRelationName(relation));
	battles = read_battles(psprintf("SELECT %s, %s, %s, pg_catalog.count(*)%s%s"
									" FROM %s AS b GROUP BY 1, 2, 3%s",
									grouped_column(model1, type1),
									grouped_column(model2, type2),
									grouped_column(outcome, outcome_type),
									voter ? ", " : "", voter ? voter_column : "",
									name, voter ? ", 5 ORDER BY 5" : ""),
						   NULL, false, NIL, voter != NULL, false,
						   psprintf("relation %s", name));
	AtEOXact_GUC(true, guc_level);
	relation_close(relation, NoLock);
	return linitial(battles);
}
