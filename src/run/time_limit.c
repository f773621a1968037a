/*-------------------------------------------------------------------------
 *
 * time_limit.c
 *	  The time that an attempt at a run may take: setting run_timeout.
 *
 * The server's statement_timeout does not work in a background worker, and that
 * of a CALL is about all of its runs.  So an attempt has a timer of its own.  What
 * comes of it is a failure of this attempt alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "run/run.h"

static Timer timer = NEW_TIMER;
static bool passed = false;
static bool in_attempt = false;
static double limit_seconds;

/*
 * An attempt begins.
 */
void
begin_time_limit(const Settings *settings)
{
	passed = false;
	in_attempt = true;
	limit_seconds = settings->run_timeout;
	if (limit_seconds > 0)
		start_timer(&timer, limit_seconds);
}

/*
 * If one is under way, it has ended, with an error or (NULL) without.  An error
 * that came of the limit says so from now on.
 */
void
end_time_limit(ErrorData *error)
{
	if (!in_attempt)
		return;
	in_attempt = false;
	passed = stop_timer(&timer) && error != NULL &&
		error->sqlerrcode == ERRCODE_QUERY_CANCELED;
	if (!passed)
		return;
	error->message = pstrdup("the run has taken longer than it may");
	error->detail = psprintf("The setting run_timeout is %g seconds.", limit_seconds);
}

/*
 * Has the last attempt, if no other has begun since, ended for it?  That is told
 * once: the next cancel is somebody's.
 */
bool
time_limit_passed(void)
{
	bool		told = passed;

	passed = false;
	return told;
}
