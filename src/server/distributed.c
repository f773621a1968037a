/*-------------------------------------------------------------------------
 *
 * distributed.c
 *	  Transactions on tables that Citus has spread over servers.
 *
 * Citus counts the battles of a distributed table over many connections at once.
 * What is then written in the same transaction, into tables that every server has
 * a copy of, would not be seen by these, and so is an error (XX000).  It is none
 * where one connection a server does all, one shard after the other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/guc.h"

#include "server/server.h"

#define CITUS_SETTING "citus.multi_shard_modify_mode"

/*
 * From now on until the end of the transaction, which reads battles and then
 * writes, let Citus go about it in such a way.  Without Citus there is nothing to
 * do.
 */
void
begin_reading_and_writing(void)
{
	if (GetConfigOption(CITUS_SETTING, true, false))
		(void) set_config_option(CITUS_SETTING, "sequential", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
}
