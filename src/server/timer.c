/*-------------------------------------------------------------------------
 *
 * timer.c
 *	  A time after which the session cancels what it does.
 *
 * The server's statement_timeout is about a whole statement, and does not work in
 * a background worker.  So whoever gives a part of a statement a time of its own
 * takes one of the timeouts that the server has for extensions.  When it passes,
 * the session cancels what it does, as for any other timeout.
 *
 * A timeout's handler is not told whose time has passed.  But the server makes a
 * timeout that fires repeatedly due again when it has fired.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

#include "server/server.h"

#define REPEAT_MS 1000

/*
 * In a signal handler.
 */
static void
cancel_session(void)
{
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/*
 * From now on there are so many seconds.  The cancel comes again and again until
 * the timer is stopped: code of a user's may catch one.
 */
void
start_timer(Timer *timer, double seconds)
{
	if (timer->timeout == MAX_TIMEOUTS)
		timer->timeout = RegisterTimeout(USER_TIMEOUT, cancel_session);
	timer->end = GetCurrentTimestamp() + (int64) (seconds * USECS_PER_SEC);
	timer->runs = true;
	enable_timeout_every(timer->timeout, timer->end, REPEAT_MS);
}

/*
 * Did the time pass, if the timer was started?  Then a cancel that came too late is
 * forgotten.
 */
bool
stop_timer(Timer *timer)
{
	if (!timer->runs)
		return false;
	timer->runs = false;
	disable_timeout(timer->timeout, false);
	if (get_timeout_finish_time(timer->timeout) == timer->end)
		return false;
	QueryCancelPending = false;
	return true;
}
