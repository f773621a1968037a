/*-------------------------------------------------------------------------
 *
 * attempt.c
 *	  What may fail without failing what comes after.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "server/server.h"

/*
 * Do a step in a subtransaction.  Returns the error that it ended with, NULL if
 * it did not.
 */
ErrorData *
try_step(Step step, void *argument)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		step(argument);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		/*
		 * First out of the subtransaction: if there is no memory for a copy
		 * of the error, the session must not be left in it.
		 */
		MemoryContextSwitchTo(memory);
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	return error;
}

/*
 * Is it an error of a connection to another server: there is none, it was lost, or
 * that server is about to stop or has just started?  One that ends this process is
 * never caught, so what is caught is another's.
 */
bool
connection_failed(const ErrorData *error)
{
	return ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION ||
		error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
		error->sqlerrcode == ERRCODE_CRASH_SHUTDOWN ||
		error->sqlerrcode == ERRCODE_CANNOT_CONNECT_NOW ||
		error->sqlerrcode == ERRCODE_IDLE_IN_TRANSACTION_SESSION_TIMEOUT ||
		error->sqlerrcode == ERRCODE_IDLE_SESSION_TIMEOUT;
}
