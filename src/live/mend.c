/*-------------------------------------------------------------------------
 *
 * mend.c
 *	  What is done to a kept tally by itself: folding it, counting it anew, and making
 *	  triggers that are missing.
 *
 * A migration that adds tables, or a partition that is attached, needs triggers before
 * the tally can be followed.  Until these are made, every run reads the battles.  To
 * make them locks the tables against writers, so it is done in a transaction of its
 * own, which counts nothing: the next run does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "utils/guc.h"

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_fold_tally);
PG_FUNCTION_INFO_V1(bixarena_rebuild_tally);

/* How long tables are waited for, while others wait for us */
#define MEND_LOCK_TIMEOUT "200ms"

/*
 * Step: make the triggers that are missing.
 */
static void
make_triggers(void *argument)
{
	const KeptTally *kept = argument;
	OwnerScope	scope = become_tally_owner(kept);
	char	   *lost;
	Datum		facts;

	(void) set_config_option("lock_timeout", MEND_LOCK_TIMEOUT, PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) find_doubt(kept, &lost, &facts);
	if (lost && lock_tally(kept, false))
		call_for_tally(kept, "SELECT bixarena.live_make_triggers($1, $2, $3::pg_catalog.jsonb)",
					   NULL, (Datum) 0);
	leave_owner(scope);
}

/*
 * Step: the same on another server.
 */
static void
mend_there(void *argument)
{
	(void) ask_far_tally(argument, "mend", -1);
}

/*
 * Make what triggers of the tally of an arena are missing, as after a migration that
 * has added tables, if there is a tally and it can be done at once.  It locks these
 * tables against writers until the transaction ends, so the caller is to commit.
 */
void
mend_tally(const char *arena)
{
	KeptTally  *kept = find_kept_tally(arena);

	if (may_fold() && kept == NULL && has_far_tally(arena))
		rethrow_cancel(try_step(mend_there, pstrdup(arena)));
	else if (kept && may_fold() && may_read_battles(arena))
		rethrow_cancel(try_step(make_triggers, kept));
}

/*
 * The arena that a call means, whose tally is to be brought up to date.
 */
static char *
named_arena(FunctionCallInfo fcinfo)
{
	char	   *arena = resolve_arena(argument_text(fcinfo, 0));

	if (!may_fold() && (has_far_tally(arena) || find_readable_tally(arena)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("the tally of arena \"%s\" cannot be brought up to date in this transaction",
						arena),
				 errhint("It takes a transaction that writes, at the isolation level read committed.")));
	return arena;
}

/*
 * Bring a kept tally up to date.  If somebody is at it, that is waited for.
 */
static int64
fold_kept(KeptTally *kept)
{
	OwnerScope	scope;
	int64		count;
	char	   *lost;
	char	   *doubt;
	Datum		facts;

	(void) lock_tally(kept, true);
	scope = become_tally_owner(kept);
	doubt = find_doubt(kept, &lost, &facts);
	if (lost)
		report_lost_changes(kept->arena, lost, false);
	count = fold(kept, doubt, facts);
	leave_owner(scope);
	return count;
}

/*
 * Count all battles of a kept tally, with what triggers are missing.
 */
static int64
rebuild_kept(KeptTally *kept)
{
	OwnerScope	scope;
	int64		count;
	char	   *lost;
	Datum		facts;

	(void) lock_tally(kept, true);
	scope = become_tally_owner(kept);
	(void) find_doubt(kept, &lost, &facts);
	if (lost)
	{
		call_for_tally(kept, "SELECT bixarena.live_make_triggers($1, $2, $3::pg_catalog.jsonb)",
					   NULL, (Datum) 0);
		(void) find_doubt(kept, &lost, &facts);
	}
	if (lost)
		report_lost_changes(kept->arena, lost, true);
	count = recount(kept, "bixarena_rebuild_tally()", facts);
	leave_owner(scope);
	return count;
}

/*
 * bixarena_fold_tally(arena): bring it up to date.
 */
Datum
bixarena_fold_tally(PG_FUNCTION_ARGS)
{
	char	   *arena;
	int64		count;

	SPI_connect();
	arena = named_arena(fcinfo);
	count = has_far_tally(arena) ? keep_far_tally(arena, "fold") :
		fold_kept(find_readable_tally(arena));
	SPI_finish();
	PG_RETURN_INT64(count);
}

/*
 * bixarena_rebuild_tally(arena): count all battles, whether or not there is doubt.
 */
Datum
bixarena_rebuild_tally(PG_FUNCTION_ARGS)
{
	char	   *arena;
	int64		count;

	SPI_connect();
	arena = named_arena(fcinfo);
	count = has_far_tally(arena) ? keep_far_tally(arena, "rebuild") :
		rebuild_kept(find_readable_tally(arena));
	SPI_finish();
	PG_RETURN_INT64(count);
}
