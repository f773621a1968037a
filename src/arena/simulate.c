/*-------------------------------------------------------------------------
 *
 * simulate.c
 *	  Battles that never took place, for demonstrations and tests.
 *
 * Two models are drawn for each battle, and an outcome by their strengths:
 * with p the chance of the first by Bradley and Terry, a tie with probability
 * t = min(tie_share, 2 min(p, 1 - p)), else a win of the first with p - t/2.
 * So the points that it expects, ties as half, are p, and a fit finds the
 * strengths again whatever the share of ties.
 *
 * The same arguments give the same battles.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "arena/arena.h"

PG_FUNCTION_INFO_V1(bixarena_draw_scores);
PG_FUNCTION_INFO_V1(bixarena_draw_battles);

/* Standard deviation of drawn scores, in points */
#define SCORE_DEVIATION 150.0

/* Streams of one seed; those from 0 are the replicates' */
#define STREAM_SCORES (-1)
#define STREAM_BATTLES (-2)

/* What a series of simulated battles goes by */
typedef struct Simulation
{
	pg_prng_state prng;
	int			num_models;
	double	   *scores;
	double		tie_share;
	int			num_voters;
} Simulation;

static void
check_num_models(int num_models)
{
	if (num_models < 2 || num_models > MAX_MODELS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be from 2 to %d models, not %d",
						MAX_MODELS, num_models)));
}

/*
 * bixarena.simulate_scores(num_models, seed): normally distributed scores around
 * CENTRE_SCORE (Box and Muller 1958).
 */
Datum
bixarena_draw_scores(PG_FUNCTION_ARGS)
{
	int			num_models = PG_GETARG_INT32(0);
	Datum	   *scores;
	pg_prng_state prng;

	check_num_models(num_models);
	scores = palloc(sizeof(Datum) * num_models);
	seed_replicate(&prng, (uint64) PG_GETARG_INT64(1), STREAM_SCORES);
	for (int i = 0; i < num_models; i++)
	{
		double		radius = sqrt(-2 * log(1 - pg_prng_double(&prng)));
		double		angle = 2 * M_PI * pg_prng_double(&prng);

		scores[i] = Float8GetDatum(CENTRE_SCORE +
								   SCORE_DEVIATION * radius * cos(angle));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(scores, num_models, FLOAT8OID,
										  sizeof(double), FLOAT8PASSBYVAL,
										  TYPALIGN_DOUBLE));
}

static void
read_scores(Simulation *simulation, ArrayType *scores)
{
	Datum	   *values;

	if (array_contains_nulls(scores))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("scores must not be null")));
	deconstruct_array(scores, FLOAT8OID, sizeof(double), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &values, NULL, &simulation->num_models);
	check_num_models(simulation->num_models);
	simulation->scores = palloc(sizeof(double) * simulation->num_models);
	for (int i = 0; i < simulation->num_models; i++)
		simulation->scores[i] = DatumGetFloat8(values[i]);
}

static const char *
draw_outcome(Simulation *simulation, int model1, int model2)
{
	double		ahead = (simulation->scores[model1] - simulation->scores[model2]) /
		POINTS_PER_STRENGTH;
	double		chance = 1 / (1 + exp(-ahead));
	double		tie = Min(simulation->tie_share, 2 * Min(chance, 1 - chance));
	double		drawn = pg_prng_double(&simulation->prng);

	if (drawn < tie)
		return "tie";
	return drawn < tie + chance - tie / 2 ? "model1" : "model2";
}

/*
 * bixarena.simulate_draws(num_battles, scores, tie_share, num_voters, seed):
 * rows (model1, model2, outcome, voter, moment); models and voters by number
 * from 1, the moment in [0, 1).
 */
Datum
bixarena_draw_battles(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		num_battles = PG_GETARG_INT64(0);
	Simulation	simulation = {0};

	InitMaterializedSRF(fcinfo, 0);
	read_scores(&simulation, PG_GETARG_ARRAYTYPE_P(1));
	simulation.tie_share = PG_GETARG_FLOAT8(2);
	simulation.num_voters = PG_GETARG_INT32(3);
	if (num_battles < 0 || simulation.num_voters < 1 ||
		!(simulation.tie_share >= 0 && simulation.tie_share <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("num_battles must not be negative, num_voters at least 1, and tie_share from 0 to 1")));
	seed_replicate(&simulation.prng, (uint64) PG_GETARG_INT64(4), STREAM_BATTLES);

	for (int64 b = 0; b < num_battles; b++)
	{
		int			model1 = pg_prng_uint64_range(&simulation.prng, 1,
												  simulation.num_models);
		int			model2 = pg_prng_uint64_range(&simulation.prng, 1,
												  simulation.num_models - 1);
		Datum		values[5];
		bool		nulls[5] = {false};

		CHECK_FOR_INTERRUPTS();
		if (model2 >= model1)
			model2++;
		values[0] = Int32GetDatum(model1);
		values[1] = Int32GetDatum(model2);
		values[2] = CStringGetTextDatum(draw_outcome(&simulation, model1 - 1,
													 model2 - 1));
		values[3] = Int32GetDatum((int) pg_prng_uint64_range(&simulation.prng, 1,
															 simulation.num_voters));
		values[4] = Float8GetDatum(pg_prng_double(&simulation.prng));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
		pfree(DatumGetPointer(values[2]));
	}
	return (Datum) 0;
}
