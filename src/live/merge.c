/*-------------------------------------------------------------------------
 *
 * merge.c
 *	  The counts of two models and an outcome, by leaderboard.
 *
 * A row of a kept tally has the slugs of the leaderboards, and as many counts beside
 * them: a battle counts for several, and so it changes one row, not several.  A fold
 * adds the difference that it has found, which is a row of the same form.
 *
 * A leaderboard whose count has come to nothing stays where it is.
 *
 * Who reads one leaderboard asks each row for its count, once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_live_slugs);
PG_FUNCTION_INFO_V1(bixarena_live_sums);
PG_FUNCTION_INFO_V1(bixarena_live_count);

/* An array of slugs, taken apart */
typedef struct Slugs
{
	Datum	   *values;
	int			count;
} Slugs;

static Slugs
get_slugs(ArrayType *array)
{
	Slugs		slugs;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &slugs.values, NULL,
					  &slugs.count);
	return slugs;
}

/*
 * As many counts as there are slugs.
 */
static const int64 *
get_counts(ArrayType *array, const Slugs *slugs)
{
	if (ARR_HASNULL(array) || ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != slugs->count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a kept tally has not one count for each leaderboard")));
	return (const int64 *) ARR_DATA_PTR(array);
}

static bool
same_slug(Datum a, Datum b)
{
	Size		length = VARSIZE_ANY_EXHDR(DatumGetPointer(a));

	return length == VARSIZE_ANY_EXHDR(DatumGetPointer(b)) &&
		memcmp(VARDATA_ANY(DatumGetPointer(a)), VARDATA_ANY(DatumGetPointer(b)), length) == 0;
}

/*
 * The place of a slug, or how many there are if it is not among them.
 */
static int
find_slug(const Slugs *slugs, Datum slug)
{
	for (int i = 0; i < slugs->count; i++)
		if (same_slug(slugs->values[i], slug))
			return i;
	return slugs->count;
}

/*
 * bixarena.live_slugs(slugs, more): these, and behind them those of more that are
 * not among them.
 */
Datum
bixarena_live_slugs(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	Slugs		slugs = get_slugs(array);
	Slugs		more = get_slugs(PG_GETARG_ARRAYTYPE_P(1));
	Datum	   *all = palloc(sizeof(Datum) * (slugs.count + more.count + 1));
	int			num_all = slugs.count;

	memcpy(all, slugs.values, sizeof(Datum) * slugs.count);
	for (int i = 0; i < more.count; i++)
		if (find_slug(&slugs, more.values[i]) == slugs.count)
			all[num_all++] = more.values[i];
	if (num_all == slugs.count)
		PG_RETURN_ARRAYTYPE_P(array);
	PG_RETURN_ARRAYTYPE_P(construct_array(all, num_all, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * bixarena.live_sums(slugs, counts, more, changes): the counts of what live_slugs()
 * gives.
 */
Datum
bixarena_live_sums(PG_FUNCTION_ARGS)
{
	Slugs		slugs = get_slugs(PG_GETARG_ARRAYTYPE_P(0));
	const int64 *counts = get_counts(PG_GETARG_ARRAYTYPE_P(1), &slugs);
	Slugs		more = get_slugs(PG_GETARG_ARRAYTYPE_P(2));
	const int64 *changes = get_counts(PG_GETARG_ARRAYTYPE_P(3), &more);
	Datum	   *sums = palloc(sizeof(Datum) * (slugs.count + more.count + 1));
	int64	   *all = palloc(sizeof(int64) * (slugs.count + more.count + 1));
	int			num_all = slugs.count;

	memcpy(all, counts, sizeof(int64) * slugs.count);
	for (int i = 0; i < more.count; i++)
	{
		int			place = find_slug(&slugs, more.values[i]);

		if (place < slugs.count)
			all[place] += changes[i];
		else
			all[num_all++] = changes[i];
	}
	for (int i = 0; i < num_all; i++)
		sums[i] = Int64GetDatum(all[i]);
	PG_RETURN_ARRAYTYPE_P(construct_array(sums, num_all, INT8OID, sizeof(int64),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * bixarena.live_count(slugs, counts, slug): that of a slug, 0 if it is not among them, or
 * if somebody has left fewer counts than slugs, which verification finds.
 */
Datum
bixarena_live_count(PG_FUNCTION_ARGS)
{
	Slugs		slugs = get_slugs(PG_GETARG_ARRAYTYPE_P(0));
	ArrayType  *counts = PG_GETARG_ARRAYTYPE_P(1);
	int			place = find_slug(&slugs, PG_GETARG_DATUM(2));

	if (place == slugs.count || ARR_HASNULL(counts) ||
		place >= ArrayGetNItems(ARR_NDIM(counts), ARR_DIMS(counts)))
		PG_RETURN_INT64(0);
	PG_RETURN_INT64(((const int64 *) ARR_DATA_PTR(counts))[place]);
}
