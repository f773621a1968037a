/*-------------------------------------------------------------------------
 *
 * steady.c
 *	  May a view's rows be followed battle by battle?
 *
 * A kept tally recounts the battles whose rows have changed, and no others.  So what
 * counts of a battle must follow from its own rows: not from how many others there
 * are, nor from who asks or when.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_live_unsteady);
PG_FUNCTION_INFO_V1(bixarena_live_mingles);

/*
 * Is the result of a function not always the same?  The name of an enum's value
 * is, for what it matters: where it is renamed, all of its rows are.
 */
static bool
is_mutable_function(Oid function, void *context pg_attribute_unused())
{
	return function != F_ENUM_OUT && func_volatile(function) != PROVOLATILE_IMMUTABLE;
}

/*
 * What in a query makes its rows depend on others, NULL: nothing of the query itself.
 */
static const char *
describe_query(const Query *query)
{
	if (query->hasAggs || query->groupClause || query->groupingSets || query->havingQual)
		return "groups rows";
	if (query->hasWindowFuncs)
		return "has a window function";
	if (query->limitCount || query->limitOffset)
		return "has a LIMIT";
	if (query->hasDistinctOn)
		return "has DISTINCT ON";
	if (query->hasRecursive)
		return "is recursive";
	return NULL;
}

static bool
find_unsteady(Node *node, void *context)
{
	const char **reason = context;

	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_mutable_function, NULL))
		*reason = "calls a function whose result may change";
	else if (IsA(node, SQLValueFunction))
		*reason = "says something else at another time, or to another role";
	else if (IsA(node, NextValueExpr))
		*reason = "calls a function whose result may change";
	else if (IsA(node, RangeTblEntry) && ((RangeTblEntry *) node)->tablesample)
		*reason = "takes a sample";
	else if (IsA(node, Query))
		*reason = describe_query((Query *) node);
	if (*reason)
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_unsteady, context,
								 QTW_EXAMINE_RTES_BEFORE);
	if (IsA(node, RangeTblEntry))
		return false;			/* its parts are walked by themselves */
	return expression_tree_walker(node, find_unsteady, context);
}

/*
 * bixarena.live_unsteady(view oid): why the rows of a view cannot be followed
 * battle by battle, null if they can.
 */
Datum
bixarena_live_unsteady(PG_FUNCTION_ARGS)
{
	Relation	view = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	const char *reason = NULL;

	if (view == NULL)
		PG_RETURN_NULL();
	if (view->rd_rel->relkind == RELKIND_VIEW)
		(void) find_unsteady((Node *) get_view_query(view), &reason);
	relation_close(view, AccessShareLock);
	if (reason == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(reason));
}

/* What is counted in a view's query */
typedef struct Mingling
{
	Oid			view;
	int			num_relations;
} Mingling;

/*
 * How many rows of relations make one of the query's: those that are joined or asked in
 * between, but not those of the parts of a union, of which each makes its own.
 */
static bool
count_relations(Node *node, void *context)
{
	Mingling   *mingling = context;
	Query	   *query = (Query *) node;
	ListCell   *cell;
	int			most = 0;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		const RangeTblEntry *entry = (RangeTblEntry *) node;

		/* the view's own entry is of its rules */
		if (entry->rtekind == RTE_RELATION && entry->relid != mingling->view)
			mingling->num_relations++;
		return false;			/* its parts are walked by themselves */
	}
	if (!IsA(node, Query))
		return expression_tree_walker(node, count_relations, context);
	if (query->setOperations == NULL)
		return query_tree_walker(query, count_relations, context, QTW_EXAMINE_RTES_BEFORE);
	foreach(cell, query->rtable)
	{
		Mingling	part = {.view = mingling->view};

		(void) count_relations((Node *) ((RangeTblEntry *) lfirst(cell))->subquery, &part);
		most = Max(most, part.num_relations);
	}
	mingling->num_relations += most;
	return expression_tree_walker((Node *) query->cteList, count_relations, context);
}

/*
 * bixarena.live_mingles(view oid): does a row of a view come of more than one row of a
 * relation?
 */
Datum
bixarena_live_mingles(PG_FUNCTION_ARGS)
{
	Relation	view = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	Mingling	mingling = {.view = PG_GETARG_OID(0)};

	if (view == NULL)
		PG_RETURN_NULL();
	if (view->rd_rel->relkind == RELKIND_VIEW)
		(void) count_relations((Node *) get_view_query(view), &mingling);
	relation_close(view, AccessShareLock);
	PG_RETURN_BOOL(mingling.num_relations > 1);
}
