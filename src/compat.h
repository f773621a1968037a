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

/*
 * Has this backend a lock of exactly this mode?
 */
#if PG_VERSION_NUM >= 170000
#define HAS_LOCK(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define HAS_LOCK(tag, mode) LockHeldByMe(tag, mode)
#endif

#if PG_VERSION_NUM >= 160000
#define HAS_DATABASE_PRIVILEGE(database, role, mode) \
	object_aclcheck(DatabaseRelationId, database, role, mode)
#else
#define HAS_DATABASE_PRIVILEGE(database, role, mode) \
	pg_database_aclcheck(database, role, mode)
#endif

#endif							/* BIXARENA_COMPAT_H */
