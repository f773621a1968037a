/*-------------------------------------------------------------------------
 *
 * arena_battles.c
 *	  The battles of an arena, for one of its leaderboards or for all at once.
 *
 * Either is one query for battles.c, around the one that says which battles
 * count (battle_query.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "arena/arena.h"

/*
 * A parameter whose value the planner may rely on.
 */
static void
set_parameter(ParamExternData *parameter, Oid type, Datum value, bool isnull)
{
	parameter->ptype = type;
	parameter->value = value;
	parameter->isnull = isnull;
	parameter->pflags = PARAM_FLAG_CONST;
}

/*
 * Until the end of the GUC nest level let a query use as much memory as
 * maintenance may.  The groups of all leaderboards together, or of all voters, are
 * soon more than work_mem holds; the planner would rather sort every battle, on disk,
 * than hash them.  Like the server's check of a new foreign key, which does the same,
 * the query is simple enough to use that memory once.
 */
void
allow_maintenance_memory(void)
{
	char		kilobytes[32];

	snprintf(kilobytes, sizeof(kilobytes), "%d",
			 Max(work_mem, maintenance_work_mem));
	(void) set_config_option("work_mem", kilobytes, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * The battles that count for a leaderboard, from what serves the reading; with
 * as_of only those up to then.
 */
Battles *
read_source_battles(const BattleSource *source, const Leaderboard *leaderboard,
					const TimestampTz *as_of, VoterReading by_voter, bool now)
{
	ParamListInfo parameters = makeParamList(2);
	VoterColumn voter = by_voter == VOTERS_NOT_READ ? no_voter() : source->voter;
	int			guc_level = NewGUCNestLevel();
	List	   *battles;
	char	   *sql;

	set_parameter(&parameters->params[0], TEXTOID,
				  CStringGetTextDatum(leaderboard->slug), false);
	set_parameter(&parameters->params[1], TIMESTAMPTZOID,
				  as_of ? TimestampTzGetDatum(*as_of) : (Datum) 0,
				  as_of == NULL);
	sql = psprintf("SELECT b.model1_id, b.model2_id, %s, %s%s%s%s FROM (%s) AS b"
				   " WHERE %s OPERATOR(pg_catalog.=) $1%s GROUP BY 1, 2, 3%s%s",
				   source->outcome, source->counts.count, voter.voter,
				   covariate_columns(source->covariates), source->counts.unusable,
				   source->query, source->leaderboard,
				   as_of ? " AND b.created_at OPERATOR(pg_catalog.<=) $2" : "",
				   covariate_grouping(source->covariates, by_voter != VOTERS_NOT_READ),
				   voter.grouping);
	if (by_voter != VOTERS_NOT_READ || source->covariates)
		allow_maintenance_memory();
	battles = read_battles(sql, parameters, true, NIL, by_voter, source->covariates, now,
						   psprintf("leaderboard \"%s\" from %s",
									leaderboard->slug, source->place));
	AtEOXact_GUC(true, guc_level);
	return linitial(battles);
}

/*
 * What settings ask to read of who cast the battles.
 */
VoterReading
voter_reading(const Settings *settings)
{
	return settings->cluster_by_voter ? VOTERS_TOLD_APART : VOTERS_NOT_READ;
}

/*
 * Where the battles of a leaderboard are read as settings ask, with as_of only those up
 * to then.
 */
BattleSource *
find_leaderboard_source(const char *arena, const TimestampTz *as_of,
						const Settings *settings)
{
	if (settings->covariates)
		return find_covariate_source(arena, settings->covariates,
									 settings->cluster_by_voter);
	if (settings->cluster_by_voter)
		return find_voter_source(arena);
	return find_battle_source(arena, as_of ? READ_AS_OF : READ_LEADERBOARD);
}

/*
 * The battles that count for a leaderboard at this moment, with who cast them, from
 * another server that tells voters by numbers.
 */
static Battles *
read_voter_tally(const Leaderboard *leaderboard, bool now)
{
	ParamListInfo parameters = makeParamList(1);

	set_parameter(&parameters->params[0], TEXTOID,
				  CStringGetTextDatum(leaderboard->slug), false);
	return linitial(read_battles(voter_tally_query(leaderboard->arena), parameters, true, NIL,
								 VOTERS_TOLD_APART, NIL, now,
								 psprintf("leaderboard \"%s\" by voter from arena \"%s\"",
										  leaderboard->slug, leaderboard->arena)));
}

Battles *
read_leaderboard_battles(const Leaderboard *leaderboard,
						 const TimestampTz *as_of, const Settings *settings, bool now)
{
	if (as_of == NULL && settings->cluster_by_voter && !settings->covariates &&
		OidIsValid(find_voter_tally(leaderboard->arena)))
		return read_voter_tally(leaderboard, now);
	return read_source_battles(find_leaderboard_source(leaderboard->arena, as_of, settings),
							   leaderboard, as_of, voter_reading(settings), now);
}

/*
 * Read along what else the runs of these battles would each have to ask another
 * server for: the ids of the leaderboards, and who the models are.
 */
static void
read_along(const char *arena, List *all)
{
	ArenaModels *models = read_arena_models(arena);
	ListCell   *cell;

	foreach(cell, all)
		((Battles *) lfirst(cell))->known_models = models;
	execute_query(psprintf("SELECT l.slug::pg_catalog.text, l.id FROM %s.leaderboard AS l",
						   quote_identifier(arena)),
				  SPI_OK_SELECT, true, NULL);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		const char *slug = result_text(row, 1);

		foreach(cell, all)
		{
			Battles    *battles = lfirst(cell);

			if (slug && strcmp(battles->leaderboard, slug) == 0)
				battles->leaderboard_id = result_uuid(row, 2);
		}
	}
}

/*
 * The battles that count for these leaderboards of an arena at this moment, as a
 * list of Battles.  Leaderboards without any are not in it.
 */
List *
read_arena_battles(const char *arena, List *slugs)
{
	ParamListInfo parameters = makeParamList(1);
	BattleSource *source;
	int			guc_level;
	List	   *result;

	if (slugs == NIL)
		return NIL;
	source = find_battle_source(arena, READ_ALL);
	guc_level = NewGUCNestLevel();
	set_parameter(&parameters->params[0], TEXTARRAYOID, text_array(slugs), false);
	allow_maintenance_memory();
	result = read_battles(psprintf("SELECT b.model1_id, b.model2_id, %s, %s, %s%s"
								   " FROM (%s) AS b WHERE %s OPERATOR(pg_catalog.=) ANY ($1)"
								   " GROUP BY 1, 2, 3, 5",
								   source->outcome, source->counts.count,
								   source->leaderboard, source->counts.unusable,
								   source->query, source->leaderboard),
						  parameters, true, slugs, VOTERS_NOT_READ, NIL, true,
						  psprintf("all leaderboards from %s", source->place));
	AtEOXact_GUC(true, guc_level);
	if (is_remote(arena))
		read_along(arena, result);
	return result;
}

/*
 * What a leaderboard has that no battle counts for.
 */
Battles *
no_battles(void)
{
	Battles    *battles = palloc0(sizeof(Battles));

	battles->tally = tally_finish(tally_begin(), 0, NULL);
	return battles;
}
