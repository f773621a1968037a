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

#include "bixarena_rank.h"

PG_MODULE_MAGIC;

/* GUC bixarena_rank.arena: the arena meant where a call names none */
char	   *arena_setting;

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
	MarkGUCPrefixReserved("bixarena_rank");
	lapack_init();
}
