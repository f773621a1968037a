/*-------------------------------------------------------------------------
 *
 * scoreboard.c
 *	  Is a schema a scoreboard?
 *
 * It is one if it has a scoreboard's tables, and they are plain tables of the schema's
 * owner: who reads them runs nobody's code.  Asked with each call, so it takes nothing
 * but the server's caches.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_is_scoreboard);

static const char *const tables[] = {
	"scoreboard", "game", "board", "player", "score", "score_event", "rank_node",
	"rank_count", "rank_fold", "message", "queue", "queue_lane", "dead_letter"
};

static Oid
owner_of_schema(Oid schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
		ReleaseSysCache(tuple);
	}
	return owner;
}

static bool
is_plain_table(const char *name, Oid schema, Oid owner)
{
	HeapTuple	tuple = SearchSysCache2(RELNAMENSP, CStringGetDatum(name),
										ObjectIdGetDatum(schema));
	bool		is_plain = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class relation = (Form_pg_class) GETSTRUCT(tuple);

		is_plain = relation->relkind == RELKIND_RELATION && relation->relowner == owner &&
			!relation->relrowsecurity && !relation->relhassubclass;
		ReleaseSysCache(tuple);
	}
	return is_plain;
}

/*
 * bixarena.scoreboard_exists(name text)
 */
Datum
bixarena_is_scoreboard(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid			schema = strlen(name) < NAMEDATALEN ? get_namespace_oid(name, true) : InvalidOid;
	Oid			owner = owner_of_schema(schema);

	guard_role();
	for (int i = 0; i < (int) lengthof(tables); i++)
		if (!OidIsValid(owner) || !is_plain_table(tables[i], schema, owner))
			PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(true);
}
