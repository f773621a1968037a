/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Nobody runs code of a scoreboard's owner's by calling a function of ours.
 *
 * Functions that work in a scoreboard have its schema in their search_path, behind
 * pg_catalog.  What their queries say without a schema, an operator, a function, a
 * relation, may so be the owner's.  And a table may have triggers, defaults, rules
 * and expressions, which run as who reads or writes.
 *
 * So each query that is analyzed under such a search_path is looked at: what its
 * names have come to mean, and what the tables have, which are locked by then.  A plan
 * that is kept is analyzed anew when one of its tables has changed, also by an index
 * or a trigger.  What is found in time makes an error.
 *
 * It is none where the owner has the rights of the caller anyway: who calls is the
 * owner, or a role of which the owner is a member, or the owner is a superuser.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "parser/parsetree.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "score/score.h"
#include "server/server.h"

/* How the search_path of functions that work in a scoreboard ends */
#define MARK ", pg_temp, pg_temp"

/* What the tables of a scoreboard have by default, besides what is harmless */
static const char *const default_functions[] = {
	"clock_timestamp", "pg_current_xact_id", "regrolein"
};

/* A table that a query reads, and for which events it writes it */
typedef struct Use
{
	Oid			relation;
	int			events;			/* TRIGGER_TYPE_... */
} Use;

/* A search in a query, or in an expression of a table */
typedef struct Search
{
	Oid			schema;			/* InvalidOid: in an expression of a table */
	List	   *uses;
	char	   *found;			/* code of the owner's; NULL: nothing so far */
} Search;

static post_parse_analyze_hook_type next_hook = NULL;

/* The role of which calls were looked at last */
static Oid	last_role = InvalidOid;

static bool
is_trusted(Oid owner)
{
	return has_privs_of_role(owner, GetUserId());
}

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
	Search	   *search = context;
	HeapTuple	tuple;
	Form_pg_proc form;
	bool		is_bad;

	if (OidIsValid(search->schema) && function < FirstUnpinnedObjectId)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	is_bad = OidIsValid(search->schema) ?
		form->pronamespace == search->schema && !is_trusted(form->proowner) :
		!is_default_function(function);
	if (is_bad)
		search->found = psprintf("function %s", NameStr(form->proname));
	ReleaseSysCache(tuple);
	return is_bad;
}

static bool
check_operator(Oid operator, Search *search)
{
	HeapTuple	tuple;
	Form_pg_operator form;
	bool		is_bad;

	if (operator < FirstUnpinnedObjectId)
		return false;
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_operator) GETSTRUCT(tuple);
	is_bad = !OidIsValid(search->schema) ||
		(form->oprnamespace == search->schema && !is_trusted(form->oprowner));
	if (is_bad)
		search->found = psprintf("operator %s", NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return is_bad;
}

static void
note_use(Search *search, Oid relation, int events)
{
	ListCell   *cell;
	Use		   *use;

	if (get_rel_namespace(relation) != search->schema)
		return;
	foreach(cell, search->uses)
	{
		use = lfirst(cell);
		if (use->relation == relation)
		{
			use->events |= events;
			return;
		}
	}
	use = palloc(sizeof(Use));
	use->relation = relation;
	use->events = events;
	search->uses = lappend(search->uses, use);
}

/*
 * The events that a query writes its table for.
 */
static int
events_of(const Query *query)
{
	switch (query->commandType)
	{
		case CMD_INSERT:
			return TRIGGER_TYPE_INSERT |
				(query->onConflict && query->onConflict->action == ONCONFLICT_UPDATE ?
				 TRIGGER_TYPE_UPDATE : 0);
		case CMD_UPDATE:
			return TRIGGER_TYPE_UPDATE;
		case CMD_DELETE:
			return TRIGGER_TYPE_DELETE;
		default:
			return TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE;
	}
}

static bool
find_code(Node *node, void *context)
{
	Search	   *search = context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		if (((RangeTblEntry *) node)->rtekind == RTE_RELATION)
			note_use(search, ((RangeTblEntry *) node)->relid, 0);
		return false;			/* what is in it is walked by itself */
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->resultRelation > 0)
			note_use(search, rt_fetch(query->resultRelation, query->rtable)->relid,
					 events_of(query));
		return query_tree_walker(query, find_code, context, QTW_EXAMINE_RTES_BEFORE);
	}
	if (!OidIsValid(search->schema) && (search->found = harm_of_kind(node)))
		return true;
	return check_operator(operator_of(node), search) ||
		check_functions_in_node(node, check_function, context) ||
		expression_tree_walker(node, find_code, context);
}

/*
 * Code in an expression that belongs to a table, as the catalog has it, or NULL.
 */
static char *
code_in_expression(const char *expression)
{
	Search		search = {0};

	(void) find_code(stringToNode(expression), &search);
	return search.found;
}

static char *
code_in_column(int cache, HeapTuple tuple, int column)
{
	bool		isnull;
	Datum		value = SysCacheGetAttr(cache, tuple, column, &isnull);

	return isnull ? NULL : code_in_expression(TextDatumGetCString(value));
}

/*
 * Code in the expressions of indexes, which the planner folds, or NULL.
 */
static char *
code_in_indexes(Relation relation)
{
	char	   *found = NULL;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));

		if (!HeapTupleIsValid(tuple))
			continue;
		if (found == NULL)
			found = code_in_column(INDEXRELID, tuple, Anum_pg_index_indexprs);
		if (found == NULL)
			found = code_in_column(INDEXRELID, tuple, Anum_pg_index_indpred);
		ReleaseSysCache(tuple);
	}
	return found;
}

static char *
code_in_statistics(Relation relation)
{
	char	   *found = NULL;
	ListCell   *cell;

	foreach(cell, RelationGetStatExtList(relation))
	{
		HeapTuple	tuple = SearchSysCache1(STATEXTOID, ObjectIdGetDatum(lfirst_oid(cell)));

		if (!HeapTupleIsValid(tuple))
			continue;
		if (found == NULL)
			found = code_in_column(STATEXTOID, tuple, Anum_pg_statistic_ext_stxexprs);
		ReleaseSysCache(tuple);
	}
	return found;
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
 * What of a table runs as who uses it, or NULL.
 */
static char *
code_of_relation(Relation relation, int events)
{
	Form_pg_class form = relation->rd_rel;
	char	   *found = NULL;

	if (form->relkind == RELKIND_SEQUENCE)
		return NULL;
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

static void
check_query_in(Oid schema, Query *query)
{
	Search		search = {.schema = schema};
	ListCell   *cell;

	(void) find_code((Node *) query, &search);
	foreach(cell, search.uses)
	{
		Use		   *use = lfirst(cell);
		Relation	relation;

		if (search.found)
			break;
		relation = relation_open(use->relation, AccessShareLock);
		if (!is_trusted(relation->rd_rel->relowner))
		{
			char	   *found = code_of_relation(relation, use->events);

			if (found)
				search.found = psprintf("%s at %s", found, RelationGetRelationName(relation));
		}
		relation_close(relation, NoLock);
	}
	if (search.found)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("scoreboard \"%s\" would run code of its owner's as role \"%s\"",
						get_namespace_name(schema), GetUserNameFromId(GetUserId(), false)),
				 errdetail("It has %s.", search.found),
				 errhint("Let its owner drop that, or call as the owner.")));
}

/*
 * The schema of the scoreboard that functions are at work in, else InvalidOid.
 */
static Oid
current_scoreboard(void)
{
	int			length = namespace_search_path ? strlen(namespace_search_path) : 0;
	int			mark = strlen(MARK);
	Oid			schema = InvalidOid;
	List	   *path;
	ListCell   *cell;

	if (length < mark || strcmp(namespace_search_path + length - mark, MARK) != 0)
		return InvalidOid;
	path = fetch_search_path(false);
	foreach(cell, path)
	{
		if (lfirst_oid(cell) != PG_CATALOG_NAMESPACE && !isTempNamespace(lfirst_oid(cell)))
			schema = lfirst_oid(cell);
	}
	list_free(path);
	return schema;
}

static void
check_analyzed(ParseState *state, Query *query, JumbleState *jumble)
{
	if (next_hook)
		next_hook(state, query, jumble);
	if (query->commandType != CMD_UTILITY)
	{
		Oid			schema = current_scoreboard();

		if (OidIsValid(schema))
			check_query_in(schema, query);
	}
}

/*
 * A function of ours is called for a scoreboard.  Plans that were analyzed as another
 * role are not for this one.
 */
void
guard_role(void)
{
	if (GetUserId() == last_role)
		return;
	if (OidIsValid(last_role))
		ResetPlanCache();
	last_role = GetUserId();
}

void
guard_init(void)
{
	next_hook = post_parse_analyze_hook;
	post_parse_analyze_hook = check_analyzed;
}
