/*-------------------------------------------------------------------------
 *
 * parallel.c
 *	  Work that parallel workers share.
 *
 * They are the server's own, as in a parallel query: as many as
 * max_parallel_workers_per_gather allows, and as are free at the moment.  If there are
 * none, or in a query that is parallel itself, the caller does all.  An error of a worker
 * is the caller's, and who cancels the caller cancels the workers.  But where memory to
 * share is short, a worker lacks some, or may not connect, the caller does all by itself:
 * parallel workers never make fail what succeeds without them.  So it is tried in a
 * subtransaction.
 *
 * A session keeps the library that it has loaded, while a worker loads what is installed by
 * now.  Of another version it may see memory otherwise, and takes no part.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <dlfcn.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "utils/snapmgr.h"

#include "method/method.h"
#include "server/server.h"

/* What is to be left for a worker, in seconds: to come takes it some milliseconds */
#define WORTH_COMING 0.015

/* What is shared */
#define KEY_VERSION	1
#define KEY_MEMORY	2

/* Work, and who may do it */
typedef struct Party
{
	const SharedWork *work;
	int			num_workers;
} Party;

PGDLLEXPORT void bixarena_take_part(dsm_segment *segment, shm_toc *contents);

/*
 * What a worker does.
 */
void
bixarena_take_part(dsm_segment *segment pg_attribute_unused(), shm_toc *contents)
{
	if (strcmp(shm_toc_lookup(contents, KEY_VERSION, false), EXTENSION_VERSION) == 0)
		help_team(shm_toc_lookup(contents, KEY_MEMORY, false));
}

/*
 * The file of this library, wherever the server has found it.
 */
static const char *
own_library(void)
{
	static const char here = 0;
	Dl_info		info;

	return dladdr(&here, &info) != 0 ? info.dli_fname : "$libdir/bixarena_rank";
}

/*
 * In parallel mode, which needs a snapshot.
 */
static void
do_in_parallel(Party party)
{
	const SharedWork *work = party.work;
	ParallelContext *context;
	char	   *version;
	void	   *memory;

	EnterParallelMode();
	context = CreateParallelContext(own_library(), "bixarena_take_part", party.num_workers);
	shm_toc_estimate_chunk(&context->estimator, sizeof(EXTENSION_VERSION));
	shm_toc_estimate_chunk(&context->estimator, work->size);
	shm_toc_estimate_keys(&context->estimator, 2);
	InitializeParallelDSM(context);
	version = shm_toc_allocate(context->toc, sizeof(EXTENSION_VERSION));
	strcpy(version, EXTENSION_VERSION);
	shm_toc_insert(context->toc, KEY_VERSION, version);
	memory = shm_toc_allocate(context->toc, work->size);
	work->describe(memory, work->argument);
	shm_toc_insert(context->toc, KEY_MEMORY, memory);
	LaunchParallelWorkers(context);
	work->take_part(memory, work->argument);
	WaitForParallelWorkersToFinish(context);
	work->collect(memory, work->argument);
	DestroyParallelContext(context);
	ExitParallelMode();
}

static void
do_with_workers(void *argument)
{
	bool		has_snapshot = ActiveSnapshotSet();

	if (!has_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	do_in_parallel(*(Party *) argument);
	if (!has_snapshot)
		PopActiveSnapshot();
}

/*
 * How many workers would be worth while: there is as much left for each as it takes to
 * come and to prepare.
 */
static int
number_worth_coming(const SharedWork *work)
{
	return (int) Min(work->seconds / (WORTH_COMING + work->seconds_to_prepare) - 1,
					 Min(max_parallel_workers_per_gather, max_parallel_workers));
}

/*
 * Is it an error of what only parallel workers need: memory to share, or, for older minor
 * versions of the server, a role that may still connect?
 */
static bool
workers_are_to_blame(const ErrorData *error)
{
	int			category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	return category == ERRCODE_INSUFFICIENT_RESOURCES ||
		category == ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION;
}

/*
 * Have work done by this process and parallel workers.  False if there may be none, or
 * they lacked something.
 */
bool
share_with_workers(const SharedWork *work)
{
	Party		party = {work, number_worth_coming(work)};
	ErrorData  *error;

	if (party.num_workers <= 0 || IsInParallelMode())
		return false;
	error = try_step(do_with_workers, &party);
	if (error == NULL)
		return true;
	if (!workers_are_to_blame(error))
		ReThrowError(error);
	elog(DEBUG1, "parallel workers do not help: %s", error->message);
	FreeErrorData(error);
	return false;
}
