/*-------------------------------------------------------------------------
 *
 * operators.c
 *	  What can be done with a tally, and what it can be asked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "value/value.h"

PG_FUNCTION_INFO_V1(bixarena_tally_equal);
PG_FUNCTION_INFO_V1(bixarena_tally_different);
PG_FUNCTION_INFO_V1(bixarena_tally_hash);
PG_FUNCTION_INFO_V1(bixarena_tally_hash_extended);
PG_FUNCTION_INFO_V1(bixarena_tally_plus);
PG_FUNCTION_INFO_V1(bixarena_tally_minus);
PG_FUNCTION_INFO_V1(bixarena_num_battles);
PG_FUNCTION_INFO_V1(bixarena_num_models);
PG_FUNCTION_INFO_V1(bixarena_pairs);

/*
 * The same battles have the same bytes.  What compares and hashes frees what it has
 * detoasted: the server does it in memory that lasts as long as a query.
 */
static bool
are_equal(FunctionCallInfo fcinfo)
{
	struct varlena *a = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	struct varlena *b = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1));
	bool		equal = VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return equal;
}

Datum
bixarena_tally_equal(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(are_equal(fcinfo));
}

Datum
bixarena_tally_different(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!are_equal(fcinfo));
}

Datum
bixarena_tally_hash(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	uint32		hash = hash_bytes((unsigned char *) VARDATA_ANY(value),
								  VARSIZE_ANY_EXHDR(value));

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_UINT32(hash);
}

Datum
bixarena_tally_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	uint64		hash = hash_bytes_extended((unsigned char *) VARDATA_ANY(value),
										   VARSIZE_ANY_EXHDR(value),
										   PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_UINT64(hash);
}

Datum
bixarena_tally_plus(PG_FUNCTION_ARGS)
{
	PG_RETURN_TALLY(combine_crosstables(PG_GETARG_TALLY(0), PG_GETARG_TALLY(1), 1));
}

Datum
bixarena_tally_minus(PG_FUNCTION_ARGS)
{
	PG_RETURN_TALLY(combine_crosstables(PG_GETARG_TALLY(0), PG_GETARG_TALLY(1), -1));
}

Datum
bixarena_num_battles(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(PG_GETARG_TALLY(0)->num_battles);
}

Datum
bixarena_num_models(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(PG_GETARG_TALLY(0)->num_models);
}

/*
 * Battles of two models in which the one stood first that is given first.
 */
static void
put_side(ReturnSetInfo *result, ModelKey model1, ModelKey model2, int64 wins1,
		 int64 wins2, int64 ties)
{
	Datum		values[5];
	bool		nulls[lengthof(values)] = {false};

	if (wins1 + wins2 + ties == 0)
		return;
	values[0] = PointerGetDatum(cstring_to_text_with_len(model1.bytes, model1.length));
	values[1] = PointerGetDatum(cstring_to_text_with_len(model2.bytes, model2.length));
	values[2] = Int64GetDatum(wins1);
	values[3] = Int64GetDatum(wins2);
	values[4] = Int64GetDatum(ties);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	pfree(DatumGetPointer(values[0]));
	pfree(DatumGetPointer(values[1]));
}

/*
 * bixarena_pairs(tally): what is in it, a row for each two models and which of them
 * stood first.
 */
Datum
bixarena_pairs(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Crosstable *table = PG_GETARG_TALLY(0);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int p = 0; p < table->num_pairs; p++)
	{
		const Crosspair *pair = &table->pairs[p];
		ModelKey	first = table->models[pair->first];
		ModelKey	second = table->models[pair->second];

		CHECK_FOR_INTERRUPTS();
		put_side(result, first, second, pair->count[0][OUTCOME_FIRST],
				 pair->count[0][OUTCOME_SECOND], pair->count[0][OUTCOME_TIE]);
		put_side(result, second, first, pair->count[1][OUTCOME_SECOND],
				 pair->count[1][OUTCOME_FIRST], pair->count[1][OUTCOME_TIE]);
	}
	return (Datum) 0;
}
