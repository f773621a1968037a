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

/* tally.c */
extern Battles *read_present_battles(const Leaderboard *leaderboard,
									 const TimestampTz *as_of, bool now);
extern List *read_all_present_battles(const char *arena, List *slugs);
extern void tend_tally(const char *arena);

#endif							/* BIXARENA_LIVE_H */
