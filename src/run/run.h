/*-------------------------------------------------------------------------
 *
 * run.h
 *	  Runs: who asked for a snapshot, how its making goes, and the record of it.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_RUN_H
#define BIXARENA_RUN_H

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/uuid.h"

#include "arena/arena.h"
#include "live/live.h"

/* A run: the making of a snapshot, as bixarena.run keeps it */
typedef struct Run
{
	Datum		correlation_id; /* a uuid */
	Datum		call_id;		/* a uuid, of all runs of a call; 0: none */
	struct Campaign *campaign;	/* that makes it, or NULL */
	const char *arena;
	const char *slug;			/* of the leaderboard */
	const char *role;			/* that asked, where it is not the current one */
	const char *trigger_source;
	const char *triggered_by;	/* or NULL */
	const TimestampTz *as_of;	/* only battles up to then, or NULL */
	const int64 *num_bootstrap; /* that was asked for, or NULL: the setting */
	const int64 *min_evaluations;	/* likewise */
	int64		request_number; /* 0: the quota does not count it */
	TimestampTz requested_at;	/* of one that waits */
	int			attempts;		/* this one included */
	int			number;			/* of so many runs of one call, from 1 */
	int			num_runs;		/* 0: it is the only one */
	bool		may_be_stored;	/* also by the first attempt on record */
	TimestampTz started_at;
	TimestampTz ended_at;

	const Leaderboard *leaderboard; /* NULL until it was found */
	const Settings *settings;	/* NULL until they were read */

	const char *status;
	char	   *reason;			/* why it was skipped, or NULL */
	const ErrorData *error;		/* why it has failed, or NULL */
	bool		has_snapshot;
	Datum		snapshot_id;	/* a uuid */
	char	   *snapshot_identifier;
	int			entry_count;
	int64		evaluation_count;
	int			num_incomplete; /* replicates that could not place all */
	IgnoredBattles ignored;
	Datum		unranked;		/* jsonb: slugs and why they are */
	Datum		voters;			/* jsonb: how many, and what they make of
								 * intervals; 0: battles were independent */
	Datum		ranges;			/* jsonb: ranks that the data allow, by id */
	Datum		soundness;		/* jsonb: how far it can be leaned on */
	Datum		terms;			/* jsonb: what besides strengths decides
								 * battles; 0: nothing else was asked for */

	double		read_seconds;
	double		fit_seconds;
	double		bootstrap_seconds;
	double		write_seconds;
} Run;

/* The battles of a leaderboard up to a moment, read to look at them: see shown.c */
typedef struct ShownBattles
{
	const Leaderboard *leaderboard;
	Settings   *settings;
	const TimestampTz *until;	/* or NULL */
	VoterReading by_voter;
	const BattleSource *source;
	Battles    *battles;
	Contenders *contenders;
} ShownBattles;

/* A run, and the battles that have been read for it */
typedef struct ReadRun
{
	Run			run;
	Battles    *battles;
} ReadRun;

/* A call that makes many runs, and how it goes: see campaign.c */
typedef struct Campaign
{
	bool		stops_when_cancelled;	/* else only the run at hand is */
	MemoryContext memory;		/* lasts as long as the call */
	MemoryContext run_memory;	/* reset after each run */
	int			num_runs;
	int			num_failed;
	int			first_error;	/* SQLSTATE of the first failure */
	StringInfoData failures;	/* for the message at the end */

	bool		dry_run;		/* nothing is written */
	const Run  *call;			/* what the runs of a call have in common, if
								 * it is to be summed up */
	char	   *channel;		/* a notice for after the commit, or NULL */
	char	   *notice;
	SavedTransactionCharacteristics caller; /* of the caller's transaction */
	int			guc_level;		/* of the transaction at hand */
	bool		is_cut_off;		/* a run of the call has failed since another
								 * server cannot be reached */
} Campaign;

/* Puts the beginning of a run on record, unless there is nothing to do */
typedef bool (*RunBeginning) (Run *run);

/* A role and an arena, of which runs wait */
typedef struct Queue
{
	Oid			role;
	char		arena[NAMEDATALEN];
} Queue;

/* Where in the order of their queue runs are: after this one */
typedef struct QueuePosition
{
	TimestampTz requested_at;
	pg_uuid_t	correlation_id;
} QueuePosition;

/* run_setting.c */
extern const Settings *settings_of(const Run *run);
extern Settings *read_run_settings(const Run *run);

/* terms.c */
extern Datum terms_of_run(const Ranking *ranking, const Battles *battles,
						  ModelTerms asked);

/* run.c */
extern void check_correlation_id(Datum correlation_id);
extern Datum run_parameters(const Run *run);
extern void check_slug(const Run *run);
extern uint64 write_record(const char *sql, int expected, Parameters *parameters);
extern void add_time(Parameters *parameters, TimestampTz value, bool isnull);
extern bool record_start(Run *run);
extern bool record_request(const Run *run);
extern bool record_attempt(Run *run);
extern void record_end(const Run *run);
extern void record_failure(Run *run, const ErrorData *error, bool for_good);
extern void delete_old_runs(const char *arena);

/* call.c */
extern Datum *record_call(const Run *call, List *slugs);
extern List *slugs_of_last_call(const char *arena);
extern void record_never_begun(const Run *call, const ErrorData *error);

/* recovery.c */
extern bool find_stored_snapshot(Run *run);
extern void settle_arena(const char *arena);

/* notice.c */
extern void notify_end(const Run *run);
extern void notify_call(void *campaign);
extern void queue_kept_notice(void *campaign);
extern void drop_kept_notice(Campaign *campaign);

/* progress.c */
extern bool progress_setting;

extern void progress_to_activity(void);
extern void progress_begin(const Run *run);
extern void progress_phase(const char *phase);
extern void progress_replicates(int done, int total);

/* generate.c */
extern char *checked_trigger_source(char *trigger_source);
extern char *checked_triggered_by(char *triggered_by);
extern Ranking *rank_by_settings(const Settings *settings, const Battles *battles,
								 const Contenders *contenders);
extern RankOptions rank_options(const Settings *settings, const Battles *battles,
								const Contenders *contenders, bool *anchor_missing);
extern void make_snapshot(Run *run, Battles *battles, bool dry_run);

/* shown.c */
extern ShownBattles *find_shown_battles(const char *arena, const char *slug,
										const TimestampTz *until);
extern void read_shown_battles(ShownBattles *shown, VoterReading by_voter);

/* ranges.c */
extern Datum voters_of_run(const Ranking *ranking);
extern Datum ranges_of_run(const Ranking *ranking, const Contenders *contenders);

/* soundness.c */
extern Datum soundness_of_run(const Ranking *ranking, const Battles *battles,
							  const Settings *settings, const Contenders *contenders);

/* campaign.c */
extern void campaign_begin(Campaign *campaign);
extern void campaign_begin_procedure(Campaign *campaign,
									 FunctionCallInfo fcinfo, const char *name);
extern void campaign_commit(Campaign *campaign);
extern ErrorData *campaign_try_commit(Campaign *campaign);
extern ErrorData *campaign_try(Campaign *campaign, Step step, void *argument);
extern ErrorData *campaign_do(Campaign *campaign, Step step, void *argument);
extern void campaign_make(Campaign *campaign, Run *run, RunBeginning begin,
						  Battles *battles);
extern void campaign_make_own(Campaign *campaign, Run run, Battles *battles);
extern void campaign_attempt(Run *run, Battles *battles);
extern void campaign_send_notice(Campaign *campaign);
extern void campaign_note_failure(Campaign *campaign, const Run *run,
								  const ErrorData *error);
extern void campaign_cancelled(Campaign *campaign, ErrorData *error);
extern void campaign_end(Campaign *campaign);

/* together.c */
extern bool make_together(Campaign *campaign, List *runs);

/* time_limit.c */
extern void begin_time_limit(const Settings *settings);
extern void end_time_limit(ErrorData *error);
extern bool time_limit_passed(void);

/* queue.c */
extern const QueuePosition head_of_queue;

extern Run *find_queued_run(const Run *run);
extern List *list_queues(void);
extern Run *first_waiting_run(const Queue *queue);
extern Run *take_abandoned_run(const Queue *queue, QueuePosition *after);
extern Run *take_queued_run(const Queue *queue, QueuePosition *after);
extern ErrorData *make_error(int sqlstate, char *message, char *detail);
extern void read_settings_of_run(void *run);
extern void fail_waiting_run(Run *run, const ErrorData *error);
extern bool fail_if_expired(Run *run);
extern void fail_queue(const Queue *queue, const ErrorData *error);

/* worker_role.c */
extern void check_worker_role(Oid role);
extern ErrorData *find_obstacle(Oid role);

/* worker.c */
extern void become_role(Oid role);

/* launcher.c */
extern void wake_launcher(void);
extern void wake_launcher_at_commit(void);

/* waiting.c */
extern void take_up_queue(Campaign *campaign, const Queue *queue);
extern void take_up_waiting_runs(Campaign *campaign, const char *arena);

#endif							/* BIXARENA_RUN_H */
