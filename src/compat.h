/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Every difference between the supported servers, in one place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_COMPAT_H
#define BIXARENA_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "bixarena_rank needs PostgreSQL 15 or newer"
#endif

/*
 * A background worker may connect as a role that cannot log in from 17 on.
 */
#if PG_VERSION_NUM >= 170000
#define WORKER_CONNECTION_FLAGS BGWORKER_BYPASS_ROLELOGINCHECK
#define WORKER_NEEDS_LOGIN false
#else
#define WORKER_CONNECTION_FLAGS 0
#define WORKER_NEEDS_LOGIN true
#endif

#endif							/* BIXARENA_COMPAT_H */
