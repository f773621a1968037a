/*-------------------------------------------------------------------------
 *
 * remote.c
 *	  Arenas whose tables are on another server.
 *
 * They are foreign tables here, and this server knows of the rights on them, and of
 * their constraints, only what was written down when they were made.  The other side
 * can be asked by the relation node_rights, one row, which bixarena_node_script()
 * makes there and bixarena_attach_remote() brings here:
 *
 *	may_delete		may the role lock and delete snapshots?
 *	cascades		do entries go with their snapshot?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "arena/arena.h"

#define RIGHTS_RELATION "node_rights"

/*
 * Are the snapshots of an arena stored on another server?
 */
bool
is_remote(const char *arena)
{
	Oid			snapshots = get_relname_relid("leaderboard_snapshot",
											  get_namespace_oid(arena, true));

	return OidIsValid(snapshots) &&
		get_rel_relkind(snapshots) == RELKIND_FOREIGN_TABLE;
}

/*
 * May old snapshots be deleted there, and are their entries deleted with them?  If
 * nobody can tell, a warning says so, and they stay.
 */
bool
may_delete_remotely(const Leaderboard *leaderboard)
{
	if (!OidIsValid(find_arena_relation(leaderboard->arena, RIGHTS_RELATION)))
	{
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("old snapshots of arena \"%s\" are kept", leaderboard->arena),
				 errdetail("Its tables are on another server, and nothing says whether they may be deleted there."),
				 errhint("bixarena_attach_remote() attaches an arena with the relation " RIGHTS_RELATION ", which does.")));
		return false;
	}
	execute_query(psprintf("SELECT r.may_delete AND r.cascades FROM %s." RIGHTS_RELATION " AS r",
						   leaderboard->schema),
				  SPI_OK_SELECT, true, NULL);
	return SPI_processed == 1 && result_text(0, 1) &&
		strcmp(result_text(0, 1), "t") == 0;
}
