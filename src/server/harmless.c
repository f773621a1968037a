/*-------------------------------------------------------------------------
 *
 * harmless.c
 *	  Does a query run code of other people's?
 *
 * A query on relations of somebody else's calls what these call: functions in
 * views and in policies of row security, casts and operators of users' types.
 * All of it runs with the rights of the role that asks.  The planner, too, runs
 * functions: it folds those with constant arguments in index expressions, check
 * constraints and the like.
 *
 * So a query is harmless if, when views and policies have been put into it, it
 * calls nothing but the server's own functions that compute.  Not all of the
 * server's own do: query_to_xml() runs any SQL, to_json() looks for casts, and
 * jsonb_populate_record() checks domains.  Immutable ones do nothing of the
 * kind, and of the stable ones only those count that stand below.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "server/server.h"

/* Stable functions of the server's that run nothing of others' */
static const char *const harmless_functions[] = {
	"age", "array_out", "array_to_string", "concat", "concat_ws",
	"current_database", "current_schema", "current_setting", "date",
	"date_eq_timestamptz", "date_ge_timestamptz", "date_gt_timestamptz",
	"date_in", "date_le_timestamptz", "date_lt_timestamptz", "date_out",
	"date_part", "date_trunc", "enum_in", "enum_out", "format",
	"has_schema_privilege", "has_table_privilege", "interval_in",
	"interval_out", "make_timestamptz", "now", "pg_has_role",
	"statement_timestamp", "time_in", "timestamp", "timestamp_eq_timestamptz",
	"timestamp_ge_timestamptz", "timestamp_gt_timestamptz", "timestamp_in",
	"timestamp_le_timestamptz", "timestamp_lt_timestamptz", "timestamp_out",
	"timestamptz", "timestamptz_eq_date", "timestamptz_eq_timestamp",
	"timestamptz_ge_date", "timestamptz_ge_timestamp", "timestamptz_gt_date",
	"timestamptz_gt_timestamp", "timestamptz_in", "timestamptz_le_date",
	"timestamptz_le_timestamp", "timestamptz_lt_date",
	"timestamptz_lt_timestamp", "timestamptz_mi_interval", "timestamptz_out",
	"timestamptz_pl_interval", "timezone", "to_char", "to_date",
	"to_timestamp", "transaction_timestamp"
};

/* Is the query at hand to be checked? */
static bool checking = false;

/* What is looked for, and what was found */
typedef struct HarmSearch
{
	List	   *relations;		/* tables that the query reads */
	char	   *harm;			/* NULL: nothing so far */
} HarmSearch;

static int
compare_names(const void *name, const void *element)
{
	return strcmp(name, *(const char *const *) element);
}

/*
 * Is a function the server's own, and does it run nothing of others'?
 */
bool
is_harmless_function(Oid function)
{
	HeapTuple	tuple;
	Form_pg_proc form;
	bool		harmless;

	if (function >= FirstUnpinnedObjectId)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	harmless = form->provolatile == PROVOLATILE_IMMUTABLE ||
		bsearch(NameStr(form->proname), harmless_functions,
				lengthof(harmless_functions), sizeof(char *), compare_names) != NULL;
	ReleaseSysCache(tuple);
	return harmless;
}

static bool
check_function(Oid function, void *context)
{
	HarmSearch *search = context;

	if (is_harmless_function(function))
		return false;
	search->harm = psprintf("function %s", format_procedure(function));
	return true;
}

/*
 * The operator of an expression, else InvalidOid.  Not its function alone counts:
 * the planner puts an operator's negator or commutator in its place.
 */
Oid
operator_of(Node *node)
{
	switch (nodeTag(node))
	{
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			return ((OpExpr *) node)->opno;
		case T_ScalarArrayOpExpr:
			return ((ScalarArrayOpExpr *) node)->opno;
		default:
			return InvalidOid;
	}
}

/*
 * What an expression does besides calling functions, or NULL.
 */
char *
harm_of_kind(Node *node)
{
	Oid			operator = operator_of(node);

	if (operator >= FirstUnpinnedObjectId)
		return psprintf("operator %s", format_operator(operator));
	switch (nodeTag(node))
	{
		case T_CoerceToDomain:
			return psprintf("domain %s",
							format_type_be(((CoerceToDomain *) node)->resulttype));
		case T_TableFunc:
		case T_XmlExpr:
			return "an expression of XML or JSON";
#if PG_VERSION_NUM >= 160000
		case T_JsonValueExpr:
		case T_JsonConstructorExpr:
			return "an expression of XML or JSON";
#endif
#if PG_VERSION_NUM >= 170000
		case T_JsonExpr:
			return "an expression of XML or JSON";
#endif
		default:
			return NULL;
	}
}

static bool
find_harm(Node *node, void *context)
{
	HarmSearch *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *entry = (RangeTblEntry *) node;

		if (entry->rtekind == RTE_RELATION)
			search->relations = list_append_unique_oid(search->relations,
													   entry->relid);
		return false;			/* what is in it is walked by itself */
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_harm, context,
								 QTW_EXAMINE_RTES_BEFORE);
	search->harm = harm_of_kind(node);
	return search->harm != NULL ||
		check_functions_in_node(node, check_function, context) ||
		expression_tree_walker(node, find_harm, context);
}

/*
 * The expressions that the planner folds for the tables of a search, into SPI's
 * result.
 */
static void
read_folded_expressions(const HarmSearch *search)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {OIDARRAYOID};
	int			num_tables = list_length(search->relations);
	Datum	   *tables = palloc(sizeof(Datum) * num_tables);
	Datum		values[1];
	ListCell   *cell;
	int			n = 0;

	if (plan == NULL)
	{
		SPIPlanPtr	prepared = SPI_prepare(
										   "WITH RECURSIVE tree (id) AS ("
										   " SELECT c.oid FROM pg_catalog.pg_class AS c"
										   " WHERE c.oid OPERATOR(pg_catalog.=) ANY ($1)"
										   " UNION"
										   " SELECT i.inhrelid FROM tree AS t JOIN pg_catalog.pg_inherits AS i"
										   " ON i.inhparent OPERATOR(pg_catalog.=) t.id)"
										   " SELECT e.tree::pg_catalog.text"
										   " FROM tree AS t, LATERAL (SELECT i.indexprs FROM pg_catalog.pg_index AS i"
										   " WHERE i.indrelid OPERATOR(pg_catalog.=) t.id"
										   " UNION ALL SELECT i.indpred FROM pg_catalog.pg_index AS i"
										   " WHERE i.indrelid OPERATOR(pg_catalog.=) t.id"
										   " UNION ALL SELECT k.conbin FROM pg_catalog.pg_constraint AS k"
										   " WHERE k.conrelid OPERATOR(pg_catalog.=) t.id"
										   " UNION ALL SELECT s.stxexprs FROM pg_catalog.pg_statistic_ext AS s"
										   " WHERE s.stxrelid OPERATOR(pg_catalog.=) t.id"
										   " UNION ALL SELECT p.partexprs FROM pg_catalog.pg_partitioned_table AS p"
										   " WHERE p.partrelid OPERATOR(pg_catalog.=) t.id) AS e (tree)"
										   " WHERE e.tree IS NOT NULL",
										   1, types);

		if (prepared == NULL || SPI_keepplan(prepared) != 0)
			elog(ERROR, "could not prepare a query: %s",
				 SPI_result_code_string(SPI_result));
		plan = prepared;
	}
	foreach(cell, search->relations)
		tables[n++] = ObjectIdGetDatum(lfirst_oid(cell));
	values[0] = PointerGetDatum(construct_array(tables, n, OIDOID, sizeof(Oid),
												true, TYPALIGN_INT));
	if (SPI_execute_plan(plan, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the expressions of tables");
}

/*
 * An error unless a query, with parameters of these types, is harmless.
 */
static void
check_harmless(const char *sql, Oid *types, int num_types)
{
	HarmSearch	search = {0};
	ListCell   *parsed;
	ListCell   *cell;

	foreach(parsed, pg_parse_query(sql))
	{
		List	   *queries =
			pg_analyze_and_rewrite_fixedparams(lfirst_node(RawStmt, parsed), sql,
											   types, num_types, NULL);

		foreach(cell, queries)
			(void) find_harm(lfirst(cell), &search);
	}
	if (search.harm == NULL)
	{
		read_folded_expressions(&search);
		for (uint64 row = 0; row < SPI_processed && search.harm == NULL; row++)
			(void) find_harm(stringToNode(SPI_getvalue(SPI_tuptable->vals[row],
													   SPI_tuptable->tupdesc, 1)), &search);
	}
	if (search.harm)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("reading the arena would run code of its owner's as role \"%s\"",
						GetUserNameFromId(GetUserId(), false)),
				 errdetail("A view, a policy of row security or a column of the arena needs %s.",
						   search.harm),
				 errhint("Let the relation be a table, or call no functions but the server's own in it.")));
}

/*
 * From now on, must queries be harmless?  Returns whether they had to be before.
 */
bool
check_queries(bool check)
{
	bool		before = checking;

	checking = check;
	return before;
}

/*
 * An error if a query that is about to run must be harmless and is not.
 */
void
check_query(const char *sql, Oid *types, int num_types)
{
	if (!checking)
		return;
	checking = false;			/* our own queries in between */
	check_harmless(sql, types, num_types);
	checking = true;
}
