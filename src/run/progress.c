/*-------------------------------------------------------------------------
 *
 * progress.c
 *	  How far a run is, told to whoever waits.
 *
 * The background worker shows it in pg_stat_activity.  A session tells it by a
 * NOTICE, from two seconds after the call has begun, and not more often than
 * every two seconds; the setting bixarena_rank.progress turns that off.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "pgstat.h"
#include "utils/timestamp.h"

#include "run/run.h"

#define NOTICE_INTERVAL_MS 2000

/* Replicates from one look at the clock to the next */
#define REPLICATES_BETWEEN_LOOKS 10

/* GUC bixarena_rank.progress: does a long call tell how far it is? */
bool		progress_setting = true;

/* Is this a worker, with nobody to send a NOTICE to? */
static bool shows_activity = false;

/* Bytes of a slug in the subject */
#define MAX_SUBJECT_SLUG 80

/* Whom it is about, and when that was last told, or the statement began */
static char subject[128];
static TimestampTz last_notice;

/*
 * From now on, show progress in pg_stat_activity.
 */
void
progress_to_activity(void)
{
	shows_activity = true;
}

static void
report(const char *what)
{
	TimestampTz now;

	if (shows_activity)
	{
		pgstat_report_activity(STATE_RUNNING,
							   psprintf("bixarena_rank: %s: %s", subject, what));
		return;
	}
	now = GetCurrentTimestamp();
	if (!progress_setting ||
		!TimestampDifferenceExceeds(last_notice, now, NOTICE_INTERVAL_MS))
		return;
	last_notice = now;
	ereport(NOTICE, (errmsg_internal("%s: %s", subject, what)));
}

/*
 * A run begins.
 */
void
progress_begin(const Run *run)
{
	const char *slug = cut_text(run->slug, MAX_SUBJECT_SLUG);

	last_notice = Max(last_notice, GetCurrentStatementStartTimestamp());
	if (run->num_runs > 0)
		snprintf(subject, sizeof(subject), "%s (%d of %d)", slug, run->number,
				 run->num_runs);
	else
		snprintf(subject, sizeof(subject), "%s", slug);
}

void
progress_phase(const char *phase)
{
	report(phase);
}

/*
 * So many replicates of the bootstrap are done.
 */
void
progress_replicates(int done, int total)
{
	char		what[64];

	if (done % REPLICATES_BETWEEN_LOOKS != 0)
		return;
	snprintf(what, sizeof(what), "bootstrap %d/%d", done, total);
	report(what);
}
