/*-------------------------------------------------------------------------
 *
 * server.h
 *	  How we use the server: SQL, rights, subtransactions, parallel workers, locks.
 *
 * This folder knows nothing of arenas and runs.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_SERVER_H
#define BIXARENA_SERVER_H

#include "fmgr.h"
#include "nodes/nodes.h"
#include "nodes/pg_list.h"
#include "utils/timeout.h"

#include "compat.h"

/* The typed parameters of a query, in the order of their numbers */
#define MAX_PARAMETERS 32

typedef struct Parameters
{
	int			count;
	Oid			types[MAX_PARAMETERS];
	Datum		values[MAX_PARAMETERS];
	char		nulls[MAX_PARAMETERS];	/* 'n' or ' ' */
} Parameters;

/* What functions of ours run SQL with: a user's objects are named, or not meant */
#define PINNED_SEARCH_PATH "pg_catalog, pg_temp"

/* What to return to after become_owner() */
typedef struct OwnerScope
{
	Oid			user;
	int			security_context;
	int			guc_level;
} OwnerScope;

/* What is done in a subtransaction */
typedef void (*Step) (void *argument);

/* A time after which the session cancels what it does */
typedef struct Timer
{
	TimeoutId	timeout;
	TimestampTz end;
	bool		runs;
} Timer;

#define NEW_TIMER {.timeout = MAX_TIMEOUTS}

/* What locks are about: see locks.c */
typedef enum LockClass
{
	LOCK_LEADERBOARD = 0xB1,
	LOCK_RUN,
	LOCK_WORKER,
	LOCK_QUOTA,
	LOCK_IDENTIFIER,
	LOCK_LAUNCHER,
	LOCK_REQUEST,
	LOCK_SCORES,
	LOCK_UPLOAD,
	LOCK_TALLY
} LockClass;

/* version.c */
extern void check_version(void);

/* wait.c */
extern void wait_for(long milliseconds);

/* query.c */
extern Datum text_array(List *texts);
extern void add_parameter(Parameters *parameters, Oid type, Datum value,
						  bool isnull);
extern void add_text(Parameters *parameters, const char *value);
extern void add_array(Parameters *parameters, Oid type, Datum *values, int count);
extern void add_nullable_array(Parameters *parameters, Oid type, Datum *values,
							   bool *nulls, int count);
extern void free_result(void);
extern void execute_query(const char *sql, int expected, bool read_only,
						  Parameters *parameters);
extern void execute_query_now(const char *sql, Parameters *parameters);
extern void look_up(const char *sql, Parameters *parameters);
extern char *result_text(int row, int column);
extern Datum result_uuid(int row, int column);
extern char *argument_text(FunctionCallInfo fcinfo, int number);
extern Datum form_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls);
extern char *cut_text(const char *text, int max_bytes);
extern OwnerScope become_owner(void);
extern void leave_owner(OwnerScope scope);

/* harmless.c */
extern bool is_harmless_function(Oid function);
extern Oid	operator_of(Node *node);
extern char *harm_of_kind(Node *node);
extern bool check_queries(bool check);
extern void check_query(const char *sql, Oid *types, int num_types);

/* distributed.c */
extern void begin_reading_and_writing(void);

/* parallel.c */
struct SharedWork;				/* of the numeric half: see method.h */
extern bool share_with_workers(const struct SharedWork *work);

/* attempt.c */
extern ErrorData *try_step(Step step, void *argument);
extern bool connection_failed(const ErrorData *error);

/* timer.c */
extern void start_timer(Timer *timer, double seconds);
extern bool stop_timer(Timer *timer);

/* locks.c */
extern bool lock_for_transaction(LockClass class, const void *key, int length,
								 bool wait);
extern void unlock_for_transaction(LockClass class, const void *key, int length);
extern void share_for_transaction(LockClass class, const void *key, int length);
extern bool lock_for_session(LockClass class, const void *key, int length);
extern void unlock_for_session(LockClass class, const void *key, int length);
extern void retake_session_locks(void);
extern bool lock_is_held(LockClass class, const void *key, int length);

#endif							/* BIXARENA_SERVER_H */
