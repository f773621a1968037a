/*-------------------------------------------------------------------------
 *
 * matchups.c
 *	  How each two models of a leaderboard fared against each other.
 *
 * The battles are read as for a ranking, so that which of them count, and what
 * an outcome's word means, is known in one place.  Beside what was observed
 * stands what the scores of a snapshot predict: with those battles and that
 * snapshot of the same moment, the fit can be seen to fit.
 *
 * Models are put into the order of the leaderboard, those without a rank behind
 * the others, and the tally with them: its pairs then stand as they are shown.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "bixarena_rank.h"

PG_FUNCTION_INFO_V1(bixarena_matchup_rows);

/* Arguments of bixarena.matchup_rows() */
enum
{
	ARGUMENT_LEADERBOARD,
	ARGUMENT_SNAPSHOT,
	ARGUMENT_UNTIL,
	ARGUMENT_ARENA
};

#define NUM_RESULT_COLUMNS 12

/* A model of the arena, and how the snapshot ranks it if it does */
typedef struct RankedModel
{
	char	   *name;
	char	   *slug;
	bool		is_ranked;
	int			rank;
	double		score;
} RankedModel;

/*
 * The arena's models in the order of a snapshot, into SPI's result.
 */
static void
read_ranked_models(const char *schema, Datum snapshot, bool no_snapshot)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, snapshot, no_snapshot);
	execute_query(psprintf("SELECT m.id, m.name, m.slug, e.rank::pg_catalog.int4,"
						   " e.bt_score::pg_catalog.float8"
						   " FROM %s.model AS m"
						   " LEFT JOIN %s.leaderboard_entry AS e"
						   " ON e.model_id OPERATOR(pg_catalog.=) m.id"
						   " AND e.snapshot_id OPERATOR(pg_catalog.=) $1"
						   " ORDER BY e.rank, e.bt_score DESC,"
						   " m.name COLLATE \"C\", m.slug COLLATE \"C\"",
						   schema, schema),
				  SPI_OK_SELECT, true, &parameters);
}

static RankedModel
take_ranked_model(uint64 row)
{
	HeapTuple	tuple = SPI_tuptable->vals[row];
	RankedModel model;
	bool		no_rank,
				no_score;
	Datum		rank = SPI_getbinval(tuple, SPI_tuptable->tupdesc, 4, &no_rank);
	Datum		score = SPI_getbinval(tuple, SPI_tuptable->tupdesc, 5, &no_score);

	model.name = result_text(row, 2);
	model.slug = result_text(row, 3);
	model.is_ranked = !no_rank && !no_score;
	model.rank = model.is_ranked ? DatumGetInt32(rank) : 0;
	model.score = model.is_ranked ? DatumGetFloat8(score) : 0;
	return model;
}

static int
compare_keys(const void *a, const void *b)
{
	return memcmp(((const ModelKey *) a)->bytes, ((const ModelKey *) b)->bytes,
				  UUID_LEN);
}

/*
 * The models that the battles are of, and the battles put into their order.
 */
static RankedModel *
rank_contenders(Battles *battles)
{
	int			num_met = battles->tally->num_models;
	int		   *index = palloc(sizeof(int) * (num_met + 1));
	RankedModel *models = palloc(sizeof(RankedModel) * (num_met + 1));
	int			num_known = 0;

	for (int i = 0; i < num_met; i++)
		index[i] = -1;
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		ModelKey	key = {(char *) DatumGetUUIDP(result_uuid(row, 1))->data, UUID_LEN};
		ModelKey   *met = bsearch(&key, battles->models, num_met,
								  sizeof(ModelKey), compare_keys);

		/* a view may show a model twice */
		if (met == NULL || index[met - battles->models] >= 0)
			continue;
		index[met - battles->models] = num_known;
		models[num_known++] = take_ranked_model(row);
	}
	keep_models(battles, index, num_known);
	return models;
}

static void
put_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	*value = text ? CStringGetTextDatum(text) : (Datum) 0;
}

static void
put_matchup(ReturnSetInfo *result, const Pair *pair, const RankedModel *first,
			const RankedModel *second)
{
	const int64 *count = pair->count;
	int64		battles = count[OUTCOME_FIRST] + count[OUTCOME_SECOND] +
		count[OUTCOME_TIE];
	Datum		values[NUM_RESULT_COLUMNS];
	bool		nulls[NUM_RESULT_COLUMNS] = {false};

	put_text(&values[0], &nulls[0], first->name);
	put_text(&values[1], &nulls[1], second->name);
	put_text(&values[2], &nulls[2], first->slug);
	put_text(&values[3], &nulls[3], second->slug);
	nulls[4] = !first->is_ranked;
	values[4] = Int32GetDatum(first->rank);
	nulls[5] = !second->is_ranked;
	values[5] = Int32GetDatum(second->rank);
	values[6] = Int64GetDatum(battles);
	values[7] = Int64GetDatum(count[OUTCOME_FIRST]);
	values[8] = Int64GetDatum(count[OUTCOME_SECOND]);
	values[9] = Int64GetDatum(count[OUTCOME_TIE]);
	values[10] = Float8GetDatum((count[OUTCOME_FIRST] + 0.5 * count[OUTCOME_TIE]) /
								battles);
	nulls[11] = nulls[4] || nulls[5];
	values[11] = Float8GetDatum(win_share(first->score, second->score));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * bixarena.matchup_rows(leaderboard_id, snapshot, until, arena): a row for each
 * two models that have met in battles up to a moment, or in any if it is null.
 */
Datum
bixarena_matchup_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *slug = argument_text(fcinfo, ARGUMENT_LEADERBOARD);
	bool		all = PG_ARGISNULL(ARGUMENT_UNTIL);
	TimestampTz until = all ? 0 : PG_GETARG_TIMESTAMPTZ(ARGUMENT_UNTIL);
	Leaderboard *leaderboard;
	Battles    *battles;
	RankedModel *models;

	if (slug == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("leaderboard_id must not be null")));
	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	leaderboard = find_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA), slug);
	battles = read_leaderboard_battles(leaderboard, all ? NULL : &until);
	read_ranked_models(leaderboard->schema, PG_GETARG_DATUM(ARGUMENT_SNAPSHOT),
					   PG_ARGISNULL(ARGUMENT_SNAPSHOT));
	models = rank_contenders(battles);
	report_ignored(battles, psprintf("leaderboard \"%s\"", slug));
	for (int p = 0; p < battles->tally->num_pairs; p++)
	{
		const Pair *pair = &battles->tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		put_matchup(result, pair, &models[pair->first], &models[pair->second]);
	}
	SPI_finish();
	return (Datum) 0;
}
