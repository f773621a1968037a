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

#include "access/tupmacs.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "live/live.h"

PG_FUNCTION_INFO_V1(bixarena_live_slugs);
PG_FUNCTION_INFO_V1(bixarena_live_sums);
PG_FUNCTION_INFO_V1(bixarena_live_count);

/* An array of slugs.  It is walked: to take it apart costs more than what is looked for */
typedef struct Slugs
{
	ArrayType  *array;
	int			count;
} Slugs;

static Slugs
get_slugs(ArrayType *array)
{
	Slugs		slugs = {.array = array,.count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))};

	if (ARR_HASNULL(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a slug of a leaderboard is null")));
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
same_slug(const char *a, const char *b)
{
	Size		length = VARSIZE_ANY_EXHDR(a);

	return length == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), length) == 0;
}

/*
 * The slug behind one in an array.
 */
static const char *
next_slug(const char *slug)
{
	return (const char *) att_align_nominal(slug + VARSIZE_ANY(slug), TYPALIGN_INT);
}

/*
 * The place of a slug, or how many there are if it is not among them.
 */
static int
find_slug(const Slugs *slugs, const char *slug)
{
	const char *other = ARR_DATA_PTR(slugs->array);

	for (int i = 0; i < slugs->count; i++, other = next_slug(other))
		if (same_slug(other, slug))
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
	Slugs		slugs = get_slugs(PG_GETARG_ARRAYTYPE_P(0));
	Slugs		more = get_slugs(PG_GETARG_ARRAYTYPE_P(1));
	const char *slug = ARR_DATA_PTR(more.array);
	Datum	   *all = NULL;
	int			num_all = slugs.count;

	for (int i = 0; i < more.count; i++, slug = next_slug(slug))
	{
		if (find_slug(&slugs, slug) < slugs.count)
			continue;
		if (all == NULL)
		{
			Datum	   *values;

			deconstruct_array(slugs.array, TEXTOID, -1, false, TYPALIGN_INT, &values, NULL,
							  &num_all);
			all = palloc(sizeof(Datum) * (slugs.count + more.count));
			memcpy(all, values, sizeof(Datum) * slugs.count);
		}
		all[num_all++] = PointerGetDatum(slug);
	}
	if (all == NULL)
		PG_RETURN_ARRAYTYPE_P(slugs.array);
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
	const char *slug = ARR_DATA_PTR(more.array);
	Datum	   *sums = palloc(sizeof(Datum) * (slugs.count + more.count + 1));
	int64	   *all = palloc(sizeof(int64) * (slugs.count + more.count + 1));
	int			num_all = slugs.count;

	memcpy(all, counts, sizeof(int64) * slugs.count);
	for (int i = 0; i < more.count; i++, slug = next_slug(slug))
	{
		int			place = find_slug(&slugs, slug);

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
	int			place = find_slug(&slugs, (const char *) PG_GETARG_TEXT_PP(2));

	if (place == slugs.count || ARR_HASNULL(counts) ||
		place >= ArrayGetNItems(ARR_NDIM(counts), ARR_DIMS(counts)))
		PG_RETURN_INT64(0);
	PG_RETURN_INT64(((const int64 *) ARR_DATA_PTR(counts))[place]);
}
