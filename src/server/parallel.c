/*-------------------------------------------------------------------------
 *
 * parallel.c
 *	  Work that parallel workers share.
 *
 * They are the server's own, as in a parallel query: as many as
 * max_parallel_workers_per_gather allows, and as are free at the moment.  If there are
 * none, or in a query that is parallel itself, the caller does all.  An error of a worker
 * is the caller's, and who cancels the caller cancels the workers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "optimizer/cost.h"
#include "utils/snapmgr.h"

#include "method/method.h"
#include "server/server.h"

/* What is to be left for a worker, in seconds: to come takes it some milliseconds */
#define WORTH_COMING 0.015

#define SHARED_KEY 1

PGDLLEXPORT void bixarena_take_part(dsm_segment *segment, shm_toc *contents);

/*
 * What a worker does.
 */
void
bixarena_take_part(dsm_segment *segment pg_attribute_unused(), shm_toc *contents)
{
	help_team(shm_toc_lookup(contents, SHARED_KEY, false));
}

static void
do_with_workers(const SharedWork *work, int num_workers)
{
	ParallelContext *context;
	void	   *memory;

	EnterParallelMode();
	context = CreateParallelContext("$libdir/bixarena_rank", "bixarena_take_part",
									num_workers);
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

/*
 * Have work done by this process and parallel workers.  False if there may be none.
 */
bool
share_with_workers(const SharedWork *work)
{
	int			num_workers = (int) Min(work->seconds / WORTH_COMING - 1,
										max_parallel_workers_per_gather);
	bool		has_snapshot = ActiveSnapshotSet();

	if (num_workers <= 0 || IsInParallelMode())
		return false;
	if (!has_snapshot)
		PushActiveSnapshot(GetTransactionSnapshot());
	do_with_workers(work, num_workers);
	if (!has_snapshot)
		PopActiveSnapshot();
	return true;
}
