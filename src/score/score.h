/*-------------------------------------------------------------------------
 *
 * score.h
 *	  Scoreboards: messages, places, and the guard of those who call.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_SCORE_H
#define BIXARENA_SCORE_H

/* guard.c */
extern void guard_init(void);
extern void guard_role(void);

#endif							/* BIXARENA_SCORE_H */
