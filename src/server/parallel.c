/*-------------------------------------------------------------------------
 *
 * parallel.c
 *	  Work that parallel workers share.
 *
 * They are the server's own, as in a parallel query: as many as
 * max_parallel_workers_per_gather allows, and as are free at the moment.  If there are
 * none, or in a query that is parallel itself, the caller does all.  An error of a worker
 * is the caller's, and who cancels the caller cancels the workers.  But where memory to
 * share is short, or a worker lacks some, the caller does all by itself: parallel workers
 * never make fail what succeeds without them.  So it is tried in a subtransaction.
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

#define SHARED_KEY 1

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
	help_team(shm_toc_lookup(contents, SHARED_KEY, false));
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
	void	   *memory;

	EnterParallelMode();
	context = CreateParallelContext(own_library(), "bixarena_take_part", party.num_workers);
	shm_toc_estimate_chunk(&context->estimator, work->size);
	shm_toc_estimate_keys(&context->estimator, 1);
	InitializeParallelDSM(context);
	memory = shm_toc_allocate(context->toc, work->size);
	work->describe(memory, work->argument);
	shm_toc_insert(context->toc, SHARED_KEY, memory);
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
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_INSUFFICIENT_RESOURCES)
		ReThrowError(error);
	elog(DEBUG1, "parallel workers do not help: %s", error->message);
	FreeErrorData(error);
	return false;
}
