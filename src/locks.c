/*-------------------------------------------------------------------------
 *
 * locks.c
 *	  Advisory locks.
 *
 * They are the server's advisory locks in classes of our own: its functions for
 * users take classes 1 and 2, so that ours cannot meet a user's.
 *
 *	leaderboard		of an arena: held by a transaction that makes a snapshot of
 *					it, so that there is one at a time
 *	run				held by the session that works at it, over transactions: a
 *					run that is "running" and not locked has been abandoned
 *	worker			held by the background worker of a role, likewise, so that
 *					there is one a role
 *	quota			held by a transaction that makes a request of an arena, so
 *					that requests are counted one after the other
 *	identifier		of a snapshot in an arena: held by the transaction that makes
 *					the snapshot, so that no other one takes the same.  Nobody
 *					waits for it
 *
 * A session's locks end with the process, however it ends.  Whoever takes one
 * releases it when an error passes by.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"

#include "bixarena_rank.h"

static LOCKTAG
lock_tag(LockClass class, const void *key, int length)
{
	uint64		hash = DatumGetUInt64(hash_any_extended(key, length, 0));
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash,
						 class);
	return tag;
}

/*
 * Take a lock until the transaction ends.  Without waiting, false says that
 * somebody else has it.
 */
bool
lock_for_transaction(LockClass class, const void *key, int length, bool wait)
{
	LOCKTAG		tag = lock_tag(class, key, length);

	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Release a lock that was taken until the transaction ends, since it is not
 * needed.
 */
void
unlock_for_transaction(LockClass class, const void *key, int length)
{
	LOCKTAG		tag = lock_tag(class, key, length);

	LockRelease(&tag, ExclusiveLock, false);
}

/*
 * Take a lock until unlock_for_session().  False says that somebody has it, be
 * it this session.
 */
bool
lock_for_session(LockClass class, const void *key, int length)
{
	LOCKTAG		tag = lock_tag(class, key, length);

	switch (LockAcquire(&tag, ExclusiveLock, true, true))
	{
		case LOCKACQUIRE_OK:
			return true;
		case LOCKACQUIRE_ALREADY_HELD:
			LockRelease(&tag, ExclusiveLock, true);
			return false;
		default:
			return false;
	}
}

void
unlock_for_session(LockClass class, const void *key, int length)
{
	LOCKTAG		tag = lock_tag(class, key, length);

	LockRelease(&tag, ExclusiveLock, true);
}

/*
 * Does anybody have a lock?  Looking takes none, so that it keeps nobody off.
 */
bool
lock_is_held(LockClass class, const void *key, int length)
{
	LOCKTAG		tag = lock_tag(class, key, length);

	return LockWaiterCount(&tag) > 0;
}
