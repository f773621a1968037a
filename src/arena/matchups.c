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

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_matchup_rows);

/* Arguments of bixarena.matchup_rows() */
enum
{
	ARGUMENT_LEADERBOARD,
	ARGUMENT_SNAPSHOT,
	ARGUMENT_UNTIL,
	ARGUMENT_ARENA,
	ARGUMENT_POSITION,			/* null: it has no worth */
	ARGUMENT_TIE_ODDS,			/* null: ties are halves */
	ARGUMENT_TESTED
};

/* A value that may be null */
typedef struct Nullable
{
	Datum		value;
	bool		isnull;
} Nullable;

/* A model of the arena, and how the snapshot ranks it if it does */
typedef struct RankedModel
{
	Nullable	name;
	Nullable	slug;
	Nullable	rank;
	double		score;			/* if it has a rank */
} RankedModel;

/*
 * The arena's models in the order of a snapshot, into SPI's result.
 */
static void
read_ranked_models(const char *arena, Datum snapshot, bool no_snapshot)
{
	Parameters	parameters = {0};

	add_parameter(&parameters, UUIDOID, snapshot, no_snapshot);
	add_text(&parameters, arena);
	execute_query("SELECT m.id, m.name, m.slug, e.rank,"
				  " e.bt_score::pg_catalog.float8"
				  " FROM bixarena.read_models($2) AS m"
				  " LEFT JOIN bixarena.read_entries($2, ARRAY[$1]) AS e"
				  " ON e.model_id OPERATOR(pg_catalog.=) m.id"
				  " WHERE m.id IS NOT NULL"
				  " ORDER BY e.rank, e.bt_score DESC,"
				  " m.name COLLATE pg_catalog.\"C\","
				  " m.slug COLLATE pg_catalog.\"C\"",
				  SPI_OK_SELECT, true, &parameters);
}

static Nullable
result_value(uint64 row, int column)
{
	Nullable	result;

	result.value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
								 column, &result.isnull);
	return result;
}

static RankedModel
take_ranked_model(uint64 row)
{
	RankedModel model;
	Nullable	score = result_value(row, 5);

	model.name = result_value(row, 2);
	model.slug = result_value(row, 3);
	model.rank = result_value(row, 4);
	model.rank.isnull |= score.isnull;
	model.score = score.isnull ? 0 : DatumGetFloat8(score.value);
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

/* What decided the battles of the snapshot besides strengths */
typedef struct SnapshotTerms
{
	double		position;		/* in natural logs */
	double		tie_odds;		/* 0: ties are halves */
	bool		is_tested;
} SnapshotTerms;

static void
put_matchup(ReturnSetInfo *result, const Pair *pair, const RankedModel *first,
			const RankedModel *second, SnapshotTerms terms)
{
	Nullable	row[] = {
		first->name, second->name, first->slug, second->slug, first->rank, second->rank
	};
	bool		is_predicted = !first->rank.isnull && !second->rank.isnull;
	Datum		values[lengthof(row) + NUM_MATCHUP_VALUES];
	bool		nulls[lengthof(row) + NUM_MATCHUP_VALUES];
	Prediction	prediction;

	for (Size i = 0; i < lengthof(row); i++)
	{
		values[i] = row[i].value;
		nulls[i] = row[i].isnull;
	}
	if (is_predicted)
		prediction = predict_pair(pair, first->score, second->score, terms.position,
								  terms.tie_odds);
	fill_matchup(pair, is_predicted ? &prediction : NULL, terms.tie_odds > 0,
				 terms.is_tested, values + lengthof(row), nulls + lengthof(row));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* The battles that are read */
typedef struct MatchupReading
{
	const Leaderboard *leaderboard;
	const BattleSource *source;
	const TimestampTz *until;	/* or NULL */
	Battles    *battles;
} MatchupReading;

static void
read_matchups(void *argument)
{
	MatchupReading *reading = argument;

	reading->battles = read_source_battles(reading->source, reading->leaderboard,
										   reading->until, VOTERS_NOT_READ, false);
}

/*
 * bixarena.matchup_rows(leaderboard_id, snapshot, until, arena, position, tie_odds,
 * tested): a row for each two models that have met in battles up to a moment, or in any if it is null.
 */
Datum
bixarena_matchup_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *slug = argument_text(fcinfo, ARGUMENT_LEADERBOARD);
	bool		all = PG_ARGISNULL(ARGUMENT_UNTIL);
	TimestampTz until = all ? 0 : PG_GETARG_TIMESTAMPTZ(ARGUMENT_UNTIL);
	SnapshotTerms terms = {
		PG_ARGISNULL(ARGUMENT_POSITION) ? 0 : PG_GETARG_FLOAT8(ARGUMENT_POSITION),
		PG_ARGISNULL(ARGUMENT_TIE_ODDS) ? 0 : PG_GETARG_FLOAT8(ARGUMENT_TIE_ODDS),
		!PG_ARGISNULL(ARGUMENT_TESTED) && PG_GETARG_BOOL(ARGUMENT_TESTED)
	};
	MatchupReading reading = {0};
	Battles    *battles;
	RankedModel *models;

	InitMaterializedSRF(fcinfo, 0);

	SPI_connect();
	reading.leaderboard = find_watched_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
												   slug);
	reading.until = all ? NULL : &until;
	reading.source = find_battle_source(reading.leaderboard->arena,
										all ? READ_LEADERBOARD : READ_AS_OF);
	watch(reading.leaderboard->arena,
		  reading.source->relation ? reading.source->relation : BATTLE_RELATION,
		  read_matchups, &reading);
	read_ranked_models(reading.leaderboard->arena,
					   PG_GETARG_DATUM(ARGUMENT_SNAPSHOT),
					   PG_ARGISNULL(ARGUMENT_SNAPSHOT));
	battles = reading.battles;
	models = rank_contenders(battles);
	check_outcomes(battles, 100, psprintf("leaderboard \"%s\"", slug));
	report_ignored(battles, psprintf("leaderboard \"%s\"", slug));
	for (int p = 0; p < battles->tally->num_pairs; p++)
	{
		const Pair *pair = &battles->tally->pairs[p];

		CHECK_FOR_INTERRUPTS_AT(p);
		put_matchup(result, pair, &models[pair->first], &models[pair->second],
					terms);
	}
	SPI_finish();
	return (Datum) 0;
}
