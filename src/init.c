/*-------------------------------------------------------------------------
 *
 * init.c
 *	  Loading of the library.
 *
 * It may be loaded by any session, at its first call of a function of ours;
 * shared_preload_libraries is not needed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "run/run.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("bixarena_rank.arena",
							   "The arena that functions work in when they are given none.",
							   "Not needed as long as only one arena is registered.",
							   &arena_setting,
							   "",
							   PGC_USERSET,
							   0,
							   NULL, NULL, NULL);
	DefineCustomBoolVariable("bixarena_rank.progress",
							 "Long calls tell by a NOTICE how far they are.",
							 NULL,
							 &progress_setting,
							 true,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
	MarkGUCPrefixReserved("bixarena_rank");
	lapack_init();
}
