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
