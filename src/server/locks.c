/*-------------------------------------------------------------------------
 *
 * locks.c
 *	  Locks of our own.
 *
 *	leaderboard		of an arena: held by a transaction that makes a snapshot of
 *					it, so that there is one at a time
 *	quota			held by a transaction that makes a request of an arena, so
 *					that requests are counted one after the other
 *	identifier		of a snapshot in an arena: held by the transaction that makes
 *					the snapshot, so that no other one takes the same.  Nobody
 *					waits for it
 *	request			shared by transactions that have made a request, also
 *					prepared ones
 *	tally			kept, of an arena: held by the transaction that folds its log, so
 *					that there is one at a time.  Who only reads does not wait for it
 *	run				held by the session that works at it, over transactions: a
 *					run that is "running" and not locked has been abandoned
 *	worker			held by the background worker of a role and an arena,
 *					likewise, so that there is one
 *	launcher		held by the launcher of a database, likewise
 *
 * The first five, which a transaction holds, are the server's advisory locks in
 * classes of our own: its functions for users take classes 1 and 2, so that ours
 * cannot meet a user's.
 *
 * The others, which a session holds, are proof that somebody is at work.  Had
 * they the method of advisory locks, any code of a user's could drop them by
 * pg_advisory_unlock_all().  So they have the default method, as the lock of
 * LockRelationIdForSession(), on objects that cannot be: no object of the catalog
 * is locked by a number of a part as large as our classes.
 *
 * A session's locks end with the process, however it ends: the server sees to that
 * for the method of advisory locks only, so we do for ours.  Whoever takes one
 * releases it when an error passes by.  The server drops those of the default
 * method when a transaction aborts, and with it a commit that fails; whoever goes
 * on after that retakes them at once.  What has passed in between does no harm:
 * the end of a run is written only onto the attempt that was begun (run.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lock.h"

#include "server/server.h"

/* The session's locks: of its queue or the launcher, a call and a run, at most */
#define MAX_SESSION_LOCKS 8

static LOCKTAG session_locks[MAX_SESSION_LOCKS];
static int	num_session_locks = 0;

static uint64
hash_key(const void *key, int length)
{
	return DatumGetUInt64(hash_any_extended(key, length, 0));
}

static LOCKTAG
transaction_tag(LockClass class, const void *key, int length)
{
	uint64		hash = hash_key(key, length);
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash,
						 class);
	return tag;
}

static LOCKTAG
session_tag(LockClass class, const void *key, int length)
{
	uint64		hash = hash_key(key, length);
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash,
					   class);
	return tag;
}

static bool
is_of_session(LockClass class)
{
	return class == LOCK_RUN || class == LOCK_WORKER || class == LOCK_LAUNCHER;
}

/*
 * Take a lock until the transaction ends.  Without waiting, false says that
 * somebody else has it.
 */
bool
lock_for_transaction(LockClass class, const void *key, int length, bool wait)
{
	LOCKTAG		tag = transaction_tag(class, key, length);

	return LockAcquire(&tag, ExclusiveLock, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Release a lock that was taken until the transaction ends, since it is not
 * needed.
 */
void
unlock_for_transaction(LockClass class, const void *key, int length)
{
	LOCKTAG		tag = transaction_tag(class, key, length);

	LockRelease(&tag, ExclusiveLock, false);
}

/*
 * Have a share in a lock until the transaction ends.
 */
void
share_for_transaction(LockClass class, const void *key, int length)
{
	LOCKTAG		tag = transaction_tag(class, key, length);

	(void) LockAcquire(&tag, ShareLock, false, false);
}

static void
forget_session_lock(const LOCKTAG *tag)
{
	for (int i = 0; i < num_session_locks; i++)
		if (memcmp(&session_locks[i], tag, sizeof(LOCKTAG)) == 0)
			session_locks[i--] = session_locks[--num_session_locks];
}

/*
 * At the end of the process.
 */
static void
release_session_locks(int code pg_attribute_unused(),
					  Datum argument pg_attribute_unused())
{
	while (num_session_locks > 0)
	{
		LOCKTAG    *tag = &session_locks[--num_session_locks];

		if (HAS_LOCK(tag, ExclusiveLock))
			LockRelease(tag, ExclusiveLock, true);
	}
}

static void
remember_session_lock(const LOCKTAG *tag)
{
	static bool registered = false;

	if (!registered)
		on_shmem_exit(release_session_locks, (Datum) 0);
	registered = true;
	/* what is not held any more is of a call that an error has ended */
	for (int i = 0; i < num_session_locks; i++)
		if (!HAS_LOCK(&session_locks[i], ExclusiveLock))
			session_locks[i--] = session_locks[--num_session_locks];
	Assert(num_session_locks < MAX_SESSION_LOCKS);
	session_locks[num_session_locks++] = *tag;
}

/*
 * Take a lock until unlock_for_session().  False says that somebody has it, be
 * it this session.
 */
bool
lock_for_session(LockClass class, const void *key, int length)
{
	LOCKTAG		tag = session_tag(class, key, length);

	switch (LockAcquire(&tag, ExclusiveLock, true, true))
	{
		case LOCKACQUIRE_OK:
			remember_session_lock(&tag);
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
	LOCKTAG		tag = session_tag(class, key, length);

	forget_session_lock(&tag);
	if (HAS_LOCK(&tag, ExclusiveLock))
		LockRelease(&tag, ExclusiveLock, true);
}

/*
 * A transaction begins, and the one before may have aborted: take the session's
 * locks again that it has lost by that, unless another session has got hold of them
 * in the meantime.
 */
void
retake_session_locks(void)
{
	for (int i = 0; i < num_session_locks; i++)
		if (!HAS_LOCK(&session_locks[i], ExclusiveLock))
			(void) LockAcquire(&session_locks[i], ExclusiveLock, true, true);
}

/*
 * Does anybody have a lock?  Looking takes none, so that it keeps nobody off.
 */
bool
lock_is_held(LockClass class, const void *key, int length)
{
	LOCKTAG		tag = is_of_session(class) ? session_tag(class, key, length) :
		transaction_tag(class, key, length);

	return LockWaiterCount(&tag) > 0;
}
