/*-------------------------------------------------------------------------
 *
 * worker_role.c
 *	  Can a background worker work as a role?
 *
 * It needs a session of that role: asked before a request is taken, and again
 * when workers have failed to start, to say why.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "run/run.h"

static bool
role_may_log_in(Oid role)
{
	HeapTuple	tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool		may_log_in = false;

	if (HeapTupleIsValid(tuple))
	{
		may_log_in = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin;
		ReleaseSysCache(tuple);
	}
	return may_log_in;
}

/*
 * Is a session of this role allowed, as the worker's must be?  Roles that cannot
 * log in can have one from PostgreSQL 17 on.
 */
void
check_worker_role(Oid role)
{
	if (!WORKER_NEEDS_LOGIN || role_may_log_in(role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("role \"%s\" is not permitted to log in",
					GetUserNameFromId(role, false)),
			 errdetail("A background worker makes the snapshot in a session of that role."),
			 errhint("ALTER ROLE %s LOGIN, or make the request as a role that can log in.",
					 quote_identifier(GetUserNameFromId(role, false)))));
}

static bool
may_connect(Oid role)
{
	return may_connect_to(MyDatabaseId, role);
}

/*
 * What keeps a role from having a worker, as far as can be seen.
 */
ErrorData *
find_obstacle(Oid role)
{
	char	   *name = GetUserNameFromId(role, true);
	char	   *database = get_database_name(MyDatabaseId);

	if (WORKER_NEEDS_LOGIN && !role_may_log_in(role))
		return make_error(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
						  psprintf("role \"%s\" is not permitted to log in", name),
						  "A background worker makes the snapshot in a session of that role.");
	if (!may_connect(role))
		return make_error(ERRCODE_INSUFFICIENT_PRIVILEGE,
						  psprintf("role \"%s\" has no CONNECT privilege on database \"%s\"",
								   name, database),
						  "A background worker makes the snapshot in a session of that role.");
	return make_error(ERRCODE_CANNOT_CONNECT_NOW,
					  psprintf("no background worker could work as role \"%s\"", name),
					  "The log of the server says why: a limit of connections, for one.");
}
