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
 * From 16 on there is one function for the privileges of all kinds of objects.
 */
#if PG_VERSION_NUM >= 160000
#define may_use_schema(schema, role) \
	(object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE) == ACLCHECK_OK)
#else
#define may_use_schema(schema, role) \
	(pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK)
#endif

#endif							/* BIXARENA_COMPAT_H */
