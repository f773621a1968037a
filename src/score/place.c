/*-------------------------------------------------------------------------
 *
 * place.c
 *	  Where a player stands in a game, as bytes that sort as players do.
 *
 * Players stand by score, the better first; of equal scores, who reached it first
 * stands first; then by player_id.  These three make one value, whose bytes compare
 * as the players do: one index has the order of any game, a bound between two
 * players is one value, also in the midst of equal scores, and a reader goes on
 * behind the last that he has seen.
 *
 *	sign		1 byte: 1 below zero, 2 zero, 3 above
 *	weight		2 bytes: how many digits of base 10,000 stand before the point
 *	digits		2 bytes each, plus one
 *	end			2 bytes, zero, which is less than any digit
 *	moment		8 bytes: microseconds, the sign turned
 *	player_id	as it is
 *
 * Below zero the weight, digits and end are turned; where the highest score is the
 * best, all that the score has made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "score/score.h"

PG_FUNCTION_INFO_V1(bixarena_score_place);

/* Signs, as numeric_send() gives them */
#define SIGN_POSITIVE 0x0000
#define SIGN_NEGATIVE 0x4000

enum
{
	BELOW_ZERO = 1,
	ZERO,
	ABOVE_ZERO
};

static void
append_number(StringInfo place, uint16 number)
{
	number = pg_hton16(number);
	appendBinaryStringInfo(place, (char *) &number, sizeof(number));
}

static void
turn(StringInfo place, int start)
{
	for (int i = start; i < place->len; i++)
		place->data[i] = ~place->data[i];
}

static uint16
sent_number(const bytea *sent, int number)
{
	uint16		value;

	memcpy(&value, VARDATA(sent) + number * sizeof(value), sizeof(value));
	return pg_ntoh16(value);
}

/*
 * Append a score, the lowest first.
 */
static void
append_score(StringInfo place, Datum score)
{
	bytea	   *sent = DatumGetByteaP(DirectFunctionCall1(numeric_send, score));
	int			num_digits = sent_number(sent, 0);
	uint16		sign = sent_number(sent, 2);

	if (sign != SIGN_POSITIVE && sign != SIGN_NEGATIVE)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("a score must be a finite number")));
	if (num_digits == 0)
	{
		appendStringInfoChar(place, ZERO);
		return;
	}
	appendStringInfoChar(place, sign == SIGN_NEGATIVE ? BELOW_ZERO : ABOVE_ZERO);
	append_number(place, sent_number(sent, 1) ^ 0x8000);
	for (int i = 0; i < num_digits; i++)
		append_number(place, sent_number(sent, 4 + i) + 1);
	append_number(place, 0);
	if (sign == SIGN_NEGATIVE)
		turn(place, 1);
}

static void
append_moment(StringInfo place, TimestampTz moment)
{
	uint64		turned = pg_hton64((uint64) moment ^ ((uint64) 1 << 63));

	appendBinaryStringInfo(place, (char *) &turned, sizeof(turned));
}

/*
 * The place of a player with a score.
 */
bytea *
make_place(Numeric score, bool highest_first, TimestampTz reached_at, const text *player_id)
{
	StringInfoData place;
	bytea	   *result;

	initStringInfo(&place);
	append_score(&place, NumericGetDatum(score));
	if (highest_first)
		turn(&place, 0);
	append_moment(&place, reached_at);
	appendBinaryStringInfo(&place, VARDATA_ANY(player_id), VARSIZE_ANY_EXHDR(player_id));

	result = palloc(VARHDRSZ + place.len);
	SET_VARSIZE(result, VARHDRSZ + place.len);
	memcpy(VARDATA(result), place.data, place.len);
	pfree(place.data);
	return result;
}

/*
 * bixarena.score_place(score numeric, highest_first boolean, reached_at timestamptz,
 * player_id text)
 */
Datum
bixarena_score_place(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(make_place(PG_GETARG_NUMERIC(0), PG_GETARG_BOOL(1),
								 PG_GETARG_TIMESTAMPTZ(2), PG_GETARG_TEXT_PP(3)));
}
