/*-------------------------------------------------------------------------
 *
 * query.c
 *	  SQL that the extension runs.
 *
 * Generated SQL interpolates identifiers only, quoted; values go as typed
 * parameters; functions and operators are schema-qualified or the functions
 * that run it have their search_path pinned.
 *
 * Battles are read and snapshots written with the caller's rights.  The
 * extension's own tables belong to the extension's owner, and nobody else need
 * be able to touch them: between become_owner() and leave_owner() a query runs
 * with that owner's rights.  Only queries on those tables may do so.  An error
 * in between needs no care, the end of the (sub)transaction restores the user.
 *
 * The battles of an arena may be a view, and its tables have triggers, of
 * somebody else's.  What these call runs as the caller, and may leave another
 * search_path behind.  So become_owner() pins it anew: no operator, function or
 * type of a user's gets into a query that runs with the owner's rights.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/uuid.h"

#include "server/server.h"

void
add_parameter(Parameters *parameters, Oid type, Datum value, bool isnull)
{
	Assert(parameters->count < MAX_PARAMETERS);
	parameters->types[parameters->count] = type;
	parameters->values[parameters->count] = value;
	parameters->nulls[parameters->count] = isnull ? 'n' : ' ';
	parameters->count++;
}

/*
 * Texts as an array.
 */
Datum
text_array(List *texts)
{
	Datum	   *values = palloc(mul_size(list_length(texts) + 1, sizeof(Datum)));
	ListCell   *cell;

	foreach(cell, texts)
		values[foreach_current_index(cell)] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(values, list_length(texts), TEXTOID,
										   -1, false, TYPALIGN_INT));
}

/*
 * Add a text, null when it is NULL.
 */
void
add_text(Parameters *parameters, const char *value)
{
	add_parameter(parameters, TEXTOID,
				  value ? CStringGetTextDatum(value) : (Datum) 0, value == NULL);
}

/*
 * Add an array of values of a type, none of them null.
 */
void
add_array(Parameters *parameters, Oid type, Datum *values, int count)
{
	int16		length;
	bool		by_value;
	char		alignment;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	add_parameter(parameters, get_array_type(type),
				  PointerGetDatum(construct_array(values, count, type, length,
												  by_value, alignment)),
				  false);
}

/*
 * The same, with nulls.
 */
void
add_nullable_array(Parameters *parameters, Oid type, Datum *values, bool *nulls, int count)
{
	int16		length;
	bool		by_value;
	char		alignment;
	int			lower_bound = 1;

	get_typlenbyvalalign(type, &length, &by_value, &alignment);
	add_parameter(parameters, get_array_type(type),
				  PointerGetDatum(construct_md_array(values, nulls, 1, &count, &lower_bound,
													 type, length, by_value, alignment)),
				  false);
}

/*
 * Give back the result of the last query of an SPI connection, if it has one.
 * SPI keeps results until the connection ends, and what makes many runs in one
 * connection must not.
 */
void
free_result(void)
{
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Run a query in an SPI connection.  Its result is in SPI_tuptable until the
 * next query.  SPI leaves its own memory context current; the caller's is
 * restored, so that what is made of the result is where the caller wants it.
 */
void
execute_query(const char *sql, int expected, bool read_only,
			  Parameters *parameters)
{
	MemoryContext caller = CurrentMemoryContext;
	int			result;

	check_query(sql, parameters ? parameters->types : NULL,
				parameters ? parameters->count : 0);
	free_result();
	if (parameters)
		result = SPI_execute_with_args(sql, parameters->count,
									   parameters->types, parameters->values,
									   parameters->nulls, read_only, 0);
	else
		result = SPI_execute(sql, read_only, 0);
	MemoryContextSwitchTo(caller);
	if (result == SPI_OK_REWRITTEN)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("a rule of the arena has made another kind of statement out of ours"),
				 errdetail("The statement was: %s", sql),
				 errhint("A trigger instead of the rule may do what it is for.")));
	if (result != expected)
		elog(ERROR, "unexpected result of a query: %s",
			 SPI_result_code_string(result));
}

/*
 * Run a query that only reads, and see what is committed now.  A transaction at
 * repeatable read or serializable otherwise sees what was when it began.
 */
void
execute_query_now(const char *sql, Parameters *parameters)
{
	MemoryContext caller = CurrentMemoryContext;
	SPIPlanPtr	plan;
	int			result;

	free_result();
	plan = SPI_prepare(sql, parameters ? parameters->count : 0,
					   parameters ? parameters->types : NULL);
	if (plan == NULL)
		elog(ERROR, "a query could not be prepared: %s",
			 SPI_result_code_string(SPI_result));
	result = SPI_execute_snapshot(plan, parameters ? parameters->values : NULL,
								  parameters ? parameters->nulls : NULL,
								  GetLatestSnapshot(), InvalidSnapshot,
								  false, false, 0);
	SPI_freeplan(plan);
	MemoryContextSwitchTo(caller);
	if (result != SPI_OK_SELECT)
		elog(ERROR, "unexpected result of a query: %s",
			 SPI_result_code_string(result));
}

/*
 * A value of the result of the last query as text, NULL if it is null.
 * Columns count from 1.
 */
char *
result_text(int row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

/*
 * A uuid of the result of the last query, copied.
 */
Datum
result_uuid(int row, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row],
									  SPI_tuptable->tupdesc, column, &isnull);

	if (isnull || SPI_gettypeid(SPI_tuptable->tupdesc, column) != UUIDOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" must hold a uuid",
						SPI_fname(SPI_tuptable->tupdesc, column))));
	return datumCopy(value, false, UUID_LEN);
}

/*
 * An argument of type text, NULL if it is null.
 */
char *
argument_text(FunctionCallInfo fcinfo, int number)
{
	return PG_ARGISNULL(number) ? NULL :
		text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/*
 * A copy of a text, cut to so many bytes and never inside a character.
 */
char *
cut_text(const char *text, int max_bytes)
{
	return pnstrdup(text, pg_mbcliplen(text, strlen(text), max_bytes));
}

OwnerScope
become_owner(void)
{
	OwnerScope	scope;
	HeapTuple	tuple;

	check_version();
	scope.guc_level = NewGUCNestLevel();
	(void) set_config_option("search_path", PINNED_SEARCH_PATH, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	GetUserIdAndSecContext(&scope.user, &scope.security_context);
	tuple = SearchSysCache1(NAMESPACENAME, CStringGetDatum("bixarena"));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"bixarena\" does not exist"),
				 errhint("Create the extension bixarena_rank in this database.")));
	SetUserIdAndSecContext(((Form_pg_namespace) GETSTRUCT(tuple))->nspowner,
						   scope.security_context |
						   SECURITY_LOCAL_USERID_CHANGE);
	ReleaseSysCache(tuple);
	return scope;
}

void
leave_owner(OwnerScope scope)
{
	SetUserIdAndSecContext(scope.user, scope.security_context);
	AtEOXact_GUC(true, scope.guc_level);
}

/*
 * Run a query on the extension's own tables, with the owner's rights, on what is
 * committed now.
 */
void
look_up(const char *sql, Parameters *parameters)
{
	OwnerScope	scope = become_owner();

	execute_query_now(sql, parameters);
	leave_owner(scope);
}

/*
 * A row of the type that the function returns.
 */
Datum
form_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	columns;

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(columns), values, nulls));
}
