/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Does a table run code of its owner's as who uses it?
 *
 * Our queries name the tables of a scoreboard by its schema, and have their search_path
 * pinned: no name in them comes to mean something of others'.  But a table may have
 * triggers, defaults, rules and expressions, which run as who reads or writes.
 *
 * So they are looked at, unless the owner has the rights of the caller anyway (see
 * scoreboard.c).  What is found makes an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "score/score.h"

/* What the tables of a scoreboard have by default, besides what is harmless */
static const char *const default_functions[] = {
	"clock_timestamp", "pg_current_xact_id", "regrolein"
};

static bool
is_default_function(Oid function)
{
	char	   *name = function < FirstUnpinnedObjectId ? get_func_name(function) : NULL;

	for (int i = 0; name && i < (int) lengthof(default_functions); i++)
		if (strcmp(name, default_functions[i]) == 0)
			return true;
	return is_harmless_function(function);
}

static bool
check_function(Oid function, void *context)
{
	char	  **found = context;

	if (is_default_function(function))
		return false;
	*found = psprintf("function %s", get_func_name(function));
	return true;
}

static bool
find_code(Node *node, void *context)
{
	char	  **found = context;

	if (node == NULL)
		return false;
	return (*found = harm_of_kind(node)) != NULL ||
		check_functions_in_node(node, check_function, context) ||
		expression_tree_walker(node, find_code, context);
}

/*
 * Code in an expression that belongs to a table, as the catalog has it, or NULL.
 */
static char *
code_in_expression(const char *expression)
{
	char	   *found = NULL;

	(void) find_code(stringToNode(expression), &found);
	return found;
}

/*
 * Code in columns of what a table has beside it, or NULL: an object is a row of a cache.
 */
static char *
code_in_objects(List *objects, int cache, const AttrNumber *columns, int num_columns)
{
	char	   *found = NULL;
	ListCell   *cell;

	foreach(cell, objects)
	{
		HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(lfirst_oid(cell)));

		if (!HeapTupleIsValid(tuple))
			continue;
		for (int i = 0; i < num_columns && found == NULL; i++)
		{
			bool		isnull;
			Datum		value = SysCacheGetAttr(cache, tuple, columns[i], &isnull);

			if (!isnull)
				found = code_in_expression(TextDatumGetCString(value));
		}
		ReleaseSysCache(tuple);
	}
	return found;
}

/*
 * Code in the expressions of indexes, which the planner folds, or NULL.
 */
static char *
code_in_indexes(Relation relation)
{
	static const AttrNumber columns[] = {Anum_pg_index_indexprs, Anum_pg_index_indpred};

	return code_in_objects(RelationGetIndexList(relation), INDEXRELID, columns,
						   lengthof(columns));
}

static char *
code_in_statistics(Relation relation)
{
	static const AttrNumber columns[] = {Anum_pg_statistic_ext_stxexprs};

	return code_in_objects(RelationGetStatExtList(relation), STATEXTOID, columns,
						   lengthof(columns));
}

/*
 * Code in the defaults and conditions of a table, or NULL.
 */
static char *
code_in_constraints(Relation relation)
{
	TupleConstr *constraints = RelationGetDescr(relation)->constr;
	char	   *found = NULL;

	if (constraints == NULL)
		return NULL;
	for (int i = 0; i < constraints->num_defval && found == NULL; i++)
		found = code_in_expression(constraints->defval[i].adbin);
	for (int i = 0; i < constraints->num_check && found == NULL; i++)
		found = code_in_expression(constraints->check[i].ccbin);
	return found;
}

/*
 * Does a trigger of the server's own only check?  What else foreign keys do writes
 * other tables, whose triggers may then run as who wrote the first one.
 */
static bool
only_checks(Oid function)
{
	switch (function)
	{
		case F_RI_FKEY_CHECK_INS:
		case F_RI_FKEY_CHECK_UPD:
		case F_RI_FKEY_NOACTION_DEL:
		case F_RI_FKEY_NOACTION_UPD:
		case F_RI_FKEY_RESTRICT_DEL:
		case F_RI_FKEY_RESTRICT_UPD:
		case F_UNIQUE_KEY_RECHECK:
			return true;
		default:
			return false;
	}
}

static char *
trigger_of(Relation relation, int events)
{
	TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (trigger->tgenabled != TRIGGER_DISABLED && (trigger->tgtype & events) &&
			!(trigger->tgisinternal && only_checks(trigger->tgfoid)))
			return trigger->tgisinternal ? "a foreign key that writes" :
				psprintf("trigger %s", trigger->tgname);
	}
	return NULL;
}

static char *
type_of_others(Relation relation)
{
	TupleDesc	columns = RelationGetDescr(relation);

	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);

		if (column->attisdropped)
			continue;
		if (column->atttypid >= FirstUnpinnedObjectId)
			return psprintf("type %s", format_type_be(column->atttypid));
		if (column->attgenerated)
			return psprintf("generated column %s", NameStr(column->attname));
	}
	return NULL;
}

/*
 * What of a table runs as who uses it, or NULL.  The events are those
 * that it is written for, TRIGGER_TYPE_...
 */
char *
code_of_relation(Relation relation, int events)
{
	Form_pg_class form = relation->rd_rel;
	char	   *found = NULL;

	if (form->relkind != RELKIND_RELATION || form->relispartition || form->relhassubclass)
		return "a relation that is no plain table";
	if (form->relrowsecurity || relation->rd_rules)
		return "a rule or a policy";
	if ((found = type_of_others(relation)) ||
		(found = trigger_of(relation, events)) ||
		(found = code_in_constraints(relation)) ||
		(found = code_in_indexes(relation)))
		return found;
	return code_in_statistics(relation);
}
