/*-------------------------------------------------------------------------
 *
 * far.c
 *	  The kept tally of an arena whose tables are on another server.
 *
 * It is kept there, by plain SQL (far.sql), and folded by an update of the one row of
 * the relation tally_keeper, in the transaction in which it is read.  Readings are as
 * ever: what serves counts there knows of the tally.
 *
 * If the other server is busy with another fold, or this transaction does not write,
 * nothing is folded, and the reading counts the log in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "live/live.h"

#define KEEPER_RELATION "tally_keeper"

bool
has_far_tally(const char *arena)
{
	return is_remote(arena) && OidIsValid(find_arena_relation(arena, KEEPER_RELATION));
}

/*
 * Have it folded, mended, or counted anew; or with so many differences noted that it
 * has been verified.
 */
FarTally
ask_far_tally(const char *arena, const char *what, int64 differences)
{
	FarTally	answer = {0};
	Parameters	parameters = {0};
	const char *number;
	const char *is_busy;
	const char *total;

	add_text(&parameters, what);
	add_parameter(&parameters, INT8OID, Int64GetDatum(differences), differences < 0);
	execute_query(psprintf("UPDATE %s." KEEPER_RELATION " SET asked = $1, changed = $2"
						   " RETURNING changed, lost, is_busy, total", quote_identifier(arena)),
				  SPI_OK_UPDATE_RETURNING, false, &parameters);
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("relation %s of arena \"%s\" has not one row", KEEPER_RELATION, arena)));
	number = result_text(0, 1);
	is_busy = result_text(0, 3);
	total = result_text(0, 4);
	answer.changed = number ? strtoi64(number, NULL, 10) : 0;
	answer.total = total ? strtoi64(total, NULL, 10) : 0;
	answer.lost = result_text(0, 2);
	answer.is_busy = is_busy && strcmp(is_busy, "t") == 0;
	return answer;
}

/*
 * Tell who listens here that battles count otherwise there, be it by another's fold.
 */
static void
notify_far_change(const char *arena, const FarTally *answer)
{
	const char *channel = answer->is_busy || answer->lost ? NULL : find_live_channel(arena);
	Parameters	parameters = {0};
	OwnerScope	scope;

	if (channel == NULL)
		return;
	add_text(&parameters, arena);
	add_parameter(&parameters, INT8OID, Int64GetDatum(answer->changed), false);
	add_parameter(&parameters, INT8OID, Int64GetDatum(answer->total), false);
	add_text(&parameters, channel);
	scope = become_owner();
	execute_query("SELECT bixarena.live_far_notify($1, $2, $3, $4)", SPI_OK_SELECT, false,
				  &parameters);
	leave_owner(scope);
}

/*
 * Step: have it folded.
 */
static void
fold_there(void *argument)
{
	FarTally	answer = ask_far_tally(argument, "fold", -1);

	notify_far_change(argument, &answer);
}

/*
 * Have the tally of an arena folded before it is read, if it is kept on another server
 * and that can be done.
 */
void
fold_far_tally(const char *arena)
{
	if (may_fold() && has_far_tally(arena))
		rethrow_cancel(try_step(fold_there, pstrdup(arena)));
}

/*
 * The same where it is asked for: an error if it cannot be done.
 */
int64
keep_far_tally(const char *arena, const char *what)
{
	FarTally	answer = ask_far_tally(arena, what, -1);

	if (answer.is_busy)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("the tally of arena \"%s\" is being brought up to date by somebody else", arena),
				 errhint("Try again; runs need not wait for it.")));
	if (answer.lost)
		report_lost_changes(arena, answer.lost, strcmp(what, "rebuild") == 0);
	notify_far_change(arena, &answer);
	return answer.changed;
}
