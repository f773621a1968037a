/*-------------------------------------------------------------------------
 *
 * schedule.c
 *	  Where pg_cron keeps its jobs.
 *
 * pg_cron makes snapshots on a schedule.  It must be loaded when the server
 * starts, and keeps its jobs in one database, the one that its parameter
 * cron.database_name names.  Whoever schedules must be told which database
 * that is, but only superusers may SHOW the parameter: hence the function here,
 * the one thing about schedules that SQL cannot find out.  The rest of them is
 * in schedule.sql.
 *
 * A value in a configuration file proves nothing: without pg_cron the server
 * keeps it as a placeholder.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "run/run.h"

#define CRON_DATABASE "cron.database_name"

PG_FUNCTION_INFO_V1(bixarena_cron_database);

/*
 * bixarena.cron_database(): the database of pg_cron's jobs, null if the server
 * has not loaded pg_cron.  The parameter is one that only superusers see: who may
 * not is told of this database alone, and that another one is another.
 */
Datum
bixarena_cron_database(PG_FUNCTION_ARGS)
{
	const char *database = GetConfigOption(CRON_DATABASE, true, false);

	if (database == NULL ||
		(GetConfigOptionFlags(CRON_DATABASE, true) & GUC_CUSTOM_PLACEHOLDER) != 0)
		PG_RETURN_NULL();
	if (strcmp(database, get_database_name(MyDatabaseId)) != 0 &&
		!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_SETTINGS))
		database = "";
	PG_RETURN_TEXT_P(cstring_to_text(database));
}
