/*-------------------------------------------------------------------------
 *
 * version.c
 *	  Do the library and what is installed in the database belong together?
 *
 * A new library comes with the package, for all databases at once; functions and
 * tables are those of the old version until somebody updates the extension in each
 * database.  In between, a function may have fewer arguments and a table fewer
 * columns than the library knows.  So whatever reads either asks here first, and the
 * user is told what to do instead of an error about a column.
 *
 * A newer installation than the library is none of our business: the server loads
 * the library that the package has.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_extension.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "server/server.h"

/*
 * The version that is installed in this database, or NULL.
 */
static char *
installed_version(void)
{
	Relation	extensions = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum("bixarena_rank"));
	scan = systable_beginscan(extensions, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(extensions), &isnull);

		version = isnull ? NULL : TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(extensions, AccessShareLock);
	return version;
}

/*
 * Is a version like 1.0 older than the library's?  What is no number is not.
 */
static bool
is_older(const char *version)
{
	int			major,
				minor,
				our_major,
				our_minor;

	return sscanf(version, "%d.%d", &major, &minor) == 2 &&
		sscanf(EXTENSION_VERSION, "%d.%d", &our_major, &our_minor) == 2 &&
		(major < our_major || (major == our_major && minor < our_minor));
}

/*
 * An error if an older version than the library's is installed.  That it is not is
 * found out once a session.
 */
void
check_version(void)
{
	static bool checked = false;
	char	   *version;

	if (checked)
		return;
	version = installed_version();
	if (version && is_older(version))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension bixarena_rank is of version %s in this database, and its library of %s",
						version, EXTENSION_VERSION),
				 errhint("ALTER EXTENSION bixarena_rank UPDATE;")));
	checked = true;
	if (version)
		pfree(version);
}
