/*-------------------------------------------------------------------------
 *
 * live.h
 *	  Kept tallies: what counts of an arena's battles, brought up to date by a log of
 *	  what has changed.
 *
 * This folder knows what is in an arena, and not who makes a snapshot of it.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_LIVE_H
#define BIXARENA_LIVE_H

#include "arena/arena.h"

/* A kept tally */
typedef struct KeptTally
{
	char	   *arena;
	char	   *schema;
	char	   *sources;		/* jsonb, or NULL */
	Oid			owner;
} KeptTally;

/* What another server has answered that keeps a tally */
typedef struct FarTally
{
	int64		changed;		/* battles that count otherwise */
	int64		total;			/* by all folds so far */
	char	   *lost;			/* why it cannot be followed, or NULL */
	bool		is_busy;		/* somebody else is at it */
} FarTally;

/* keep.c */
extern KeptTally *find_kept_tally(const char *arena);
extern KeptTally *find_readable_tally(const char *arena);
extern void hold_battles(const KeptTally *kept);
extern const char *find_live_channel(const char *arena);
extern bool may_read_battles(const char *arena);
extern bool may_fold(void);
extern bool lock_tally(const KeptTally *kept, bool wait);
extern OwnerScope become_tally_owner(const KeptTally *kept);
extern void call_for_tally(const KeptTally *kept, const char *sql, const char *why,
						   Datum facts);
extern char *find_doubt(const KeptTally *kept, char **lost, Datum *facts);
extern int64 recount(const KeptTally *kept, const char *why, Datum facts);
extern int64 fold(const KeptTally *kept, const char *doubt, Datum facts);
extern char *made_sql(const KeptTally *kept, const char *sql);
extern void report_lost_changes(const char *arena, const char *lost, bool rebuilt);
extern void rethrow_cancel(ErrorData *error);

/* far.c */
extern bool has_far_tally(const char *arena);
extern FarTally ask_far_tally(const char *arena, const char *what, int64 differences);
extern void fold_far_tally(const char *arena);
extern int64 keep_far_tally(const char *arena, const char *what);

/* verify.c */
extern void sample_tally(const char *arena, int64 num_leaderboards);

/* tally.c */
extern Battles *read_present_battles(const Leaderboard *leaderboard,
									 const TimestampTz *as_of, const Settings *settings,
									 bool now);
extern Battles *read_watched_tally(const Leaderboard *leaderboard,
								   const Settings *settings);
extern Battles *read_live_battles(const Leaderboard *leaderboard, const Settings *settings);
extern List *read_all_present_battles(const char *arena, List *slugs);

/* mend.c */
extern void mend_tally(const char *arena);

#endif							/* BIXARENA_LIVE_H */
