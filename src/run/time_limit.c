/*-------------------------------------------------------------------------
 *
 * time_limit.c
 *	  The time that an attempt at a run may take: setting run_timeout.
 *
 * The server's statement_timeout does not work in a background worker, and that
 * of a CALL is about all of its runs.  So an attempt has a timeout of its own,
 * of those that the server has for extensions.  When it passes, the session
 * cancels what it does, as for any other timeout, again and again until it is
 * heard: code of a user's may catch a cancel.  What comes of it is a failure of
 * this attempt alone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#include "run/run.h"

#define REPEAT_MS 1000

static TimeoutId timeout_id = MAX_TIMEOUTS;
static volatile sig_atomic_t passed = false;
static bool in_attempt = false;
static double limit_seconds;

/*
 * In a signal handler.
 */
static void
cancel_attempt(void)
{
	passed = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/*
 * An attempt begins.
 */
void
begin_time_limit(const Settings *settings)
{
	passed = false;
	in_attempt = true;
	limit_seconds = settings->run_timeout;
	if (limit_seconds == 0)
		return;
	if (timeout_id == MAX_TIMEOUTS)
		timeout_id = RegisterTimeout(USER_TIMEOUT, cancel_attempt);
	enable_timeout_every(timeout_id,
						 GetCurrentTimestamp() + (int64) (limit_seconds * USECS_PER_SEC),
						 REPEAT_MS);
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
	if (timeout_id != MAX_TIMEOUTS)
		disable_timeout(timeout_id, false);
	if (!passed)
		return;
	QueryCancelPending = false; /* that came too late */
	if (error == NULL || error->sqlerrcode != ERRCODE_QUERY_CANCELED)
	{
		passed = false;
		return;
	}
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
