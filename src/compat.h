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
 * mul_size() and add_size() are declared in storage/shmem.h by older minor
 * releases, and in utils/palloc.h, which postgres.h includes, by newer ones.
 */
#include "storage/shmem.h"

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
