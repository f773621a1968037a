/*-------------------------------------------------------------------------
 *
 * together.c
 *	  The runs of a call in one transaction.
 *
 * Where the arena's tables are on another server, each message there and back takes
 * its time, and a transaction takes four of them besides what it writes.  So a call
 * for all leaderboards, whose battles have been read, first makes all its runs in
 * one.  If anything fails, all of it is rolled back, and nothing of it is on record:
 * then each run is made by itself as elsewhere (campaign.c), so that one that fails
 * does not stop the others, and has its attempts.  Such a run looks first for a
 * snapshot that there may be, for it may have been the commit that was not seen.
 *
 * Until the commit the runs are on record as not begun; that the call is at work is
 * told by its lock.  Notices are kept until then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "run/run.h"

/* A notice for after the commit */
typedef struct KeptNotice
{
	char	   *channel;
	char	   *notice;
} KeptNotice;

/* The runs, and what has come of them so far */
typedef struct Together
{
	Campaign   *campaign;
	List	   *runs;			/* ReadRun */
	int			num_made;
	List	   *notices;		/* KeptNotice */
} Together;

/*
 * The campaign has room for one notice: take it from there.
 */
static void
take_notice(Together *together)
{
	Campaign   *campaign = together->campaign;
	MemoryContext caller;
	KeptNotice *kept;

	if (campaign->notice == NULL)
		return;
	caller = MemoryContextSwitchTo(campaign->memory);
	kept = palloc(sizeof(KeptNotice));
	kept->channel = campaign->channel;
	kept->notice = campaign->notice;
	together->notices = lappend(together->notices, kept);
	campaign->channel = campaign->notice = NULL;
	MemoryContextSwitchTo(caller);
}

/*
 * Make one of the runs, in memory of its own.
 */
static void
make_one_of(Together *together, const ReadRun *read)
{
	MemoryContext caller = MemoryContextSwitchTo(together->campaign->run_memory);
	Run			run = read->run;

	run.campaign = together->campaign;
	if (record_attempt(&run))
	{
		campaign_attempt(&run, read->battles);
		end_time_limit(NULL);
		together->num_made++;
		take_notice(together);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(together->campaign->run_memory);
}

/*
 * Step: make all.
 */
static void
make_all_of(void *argument)
{
	Together   *together = argument;
	ListCell   *cell;

	foreach(cell, together->runs)
		make_one_of(together, lfirst(cell));
}

static void
send_notices(Together *together)
{
	ListCell   *cell;

	foreach(cell, together->notices)
	{
		KeptNotice *kept = lfirst(cell);

		together->campaign->channel = kept->channel;
		together->campaign->notice = kept->notice;
		campaign_send_notice(together->campaign);
	}
}

/*
 * Make these runs, which are on record and not begun, in one transaction.  False if
 * that failed; then nothing of it is there, unless the commit was not seen.
 */
bool
make_together(Campaign *campaign, List *runs)
{
	Together	together = {.campaign = campaign,.runs = runs};
	ErrorData  *error = campaign_do(campaign, make_all_of, &together);

	if (error)
	{
		drop_kept_notice(campaign);
		campaign_cancelled(campaign, error);
		MemoryContextReset(campaign->run_memory);
		return false;
	}
	campaign->num_runs += together.num_made;
	send_notices(&together);
	return true;
}
