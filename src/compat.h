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
 * A function of loops over vectors that is compiled twice for x86-64: for any, and for
 * one with AVX2, whose vectors are twice as wide; which of the two it is, the dynamic
 * linker decides.  There is no fused arithmetic, so that both compute the same, but for
 * the order in which sums are added up.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_WIDE_VECTORS __attribute__((target_clones("avx2", "default")))
#else
#define FOR_WIDE_VECTORS
#endif

/*
 * What is known of varlenas has a header of its own from 16 on.
 */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * What does not return is said before the function from 18 on, and after it until
 * then; gcc and clang read it before the function, too.
 */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
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
#define may_change_schema(schema, role) \
	(object_aclcheck(NamespaceRelationId, schema, role, ACL_CREATE) == ACLCHECK_OK)
#define may_connect_to(database, role) \
	(object_aclcheck(DatabaseRelationId, database, role, ACL_CONNECT) == ACLCHECK_OK)
#define may_execute(function, role) \
	(object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK)
#else
#define may_use_schema(schema, role) \
	(pg_namespace_aclcheck(schema, role, ACL_USAGE) == ACLCHECK_OK)
#define may_change_schema(schema, role) \
	(pg_namespace_aclcheck(schema, role, ACL_CREATE) == ACLCHECK_OK)
#define may_connect_to(database, role) \
	(pg_database_aclcheck(database, role, ACL_CONNECT) == ACLCHECK_OK)
#define may_execute(function, role) \
	(pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK)
#endif

/*
 * Has this backend a lock of exactly this mode?
 */
#if PG_VERSION_NUM >= 170000
#define HAS_LOCK(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define HAS_LOCK(tag, mode) LockHeldByMe(tag, mode)
#endif

/*
 * What the parser of JSON calls returns something from 16 on; its lexer may be the
 * caller's from 17 on.
 */
#if PG_VERSION_NUM >= 160000
#define JSON_ACTION JsonParseErrorType
#define JSON_ACTION_DONE return JSON_SUCCESS
#else
#define JSON_ACTION void
#define JSON_ACTION_DONE return
#endif
#if PG_VERSION_NUM >= 170000
#define MAKE_JSON_LEXER(data, length, encoding) \
	makeJsonLexContextCstringLen(NULL, data, length, encoding, true)
#define FREE_JSON_LEXER(lexer) freeJsonLexContext(lexer)
#else
#define MAKE_JSON_LEXER(data, length, encoding) \
	makeJsonLexContextCstringLen(data, length, encoding, true)
#define FREE_JSON_LEXER(lexer) \
	(pfree((lexer)->strval->data), pfree((lexer)->strval), pfree(lexer))
#endif

#endif							/* BIXARENA_COMPAT_H */
