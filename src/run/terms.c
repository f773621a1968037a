/*-------------------------------------------------------------------------
 *
 * terms.c
 *	  What decides the battles of a leaderboard besides strengths.
 *
 * What was found when a snapshot was made is kept with its run.  What standing first is
 * worth can be asked of any snapshot: battles are read again, up to its moment, and
 * ranked as the settings in force say, but with position.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "run/run.h"

PG_FUNCTION_INFO_V1(bixarena_term_position);

/* Arguments of bixarena.term_position() */
enum
{
	ARGUMENT_LEADERBOARD,
	ARGUMENT_UNTIL,
	ARGUMENT_ARENA
};

static void
append_number(StringInfo json, const char *name, double number)
{
	const char *quote = isfinite(number) ? "" : "\"";

	appendStringInfo(json, ", \"%s\": %s%s%s", name, quote,
					 DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(number))),
					 quote);
}

static void
append_points(StringInfo json, const char *name, double strength)
{
	append_number(json, name, round_score(POINTS_PER_STRENGTH * strength));
}

static void
append_term(StringInfo json, const FoundTerm *term)
{
	appendStringInfo(json, "%s{\"kind\": \"%s\", \"status\": ", json->len > 1 ? ", " : "",
					 term->kind);
	escape_json(json, term->status);
	if (term->covariate)
	{
		appendStringInfoString(json, ", \"covariate\": ");
		escape_json(json, term->covariate);
	}
	if (term->is_fitted)
	{
		append_number(json, "estimate", term->estimate.value);
		append_number(json, "standard_error", term->estimate.deviation);
		append_number(json, "information_error", term->estimate.by_information);
		append_number(json, "estimate_q025", term->estimate.lower);
		append_number(json, "estimate_q975", term->estimate.upper);
		if (term->is_ties)
			append_number(json, "tie_odds", exp(term->estimate.value));
		else
		{
			append_points(json, "points", term->estimate.value);
			append_points(json, "points_q025", term->estimate.lower);
			append_points(json, "points_q975", term->estimate.upper);
			append_number(json, "p_value", term->estimate.chance);
		}
		if (term->covariate)
		{
			append_number(json, "mean", term->scale.mean);
			append_number(json, "standard_deviation", term->scale.deviation);
		}
	}
	appendStringInfoChar(json, '}');
}

/*
 * The terms of a ranking that were asked for, as jsonb.
 */
Datum
terms_of_run(const Ranking *ranking, const Battles *battles, ModelTerms asked)
{
	FoundTerms	found = find_terms(ranking, battles, asked);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int k = 0; k < found.number; k++)
		append_term(&json, &found.terms[k]);
	appendStringInfoChar(&json, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/*
 * bixarena.term_position(leaderboard_id, until, arena): what standing first is worth in
 * battles of a leaderboard up to a moment, or in any if it is null.
 */
Datum
bixarena_term_position(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		all = PG_ARGISNULL(ARGUMENT_UNTIL);
	TimestampTz until = all ? 0 : PG_GETARG_TIMESTAMPTZ(ARGUMENT_UNTIL);
	Leaderboard *leaderboard;
	Contenders *contenders;
	Settings   *settings;
	Battles    *battles;
	Ranking    *ranking;
	Datum		result;

	SPI_connect();
	leaderboard = find_watched_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
										   argument_text(fcinfo, ARGUMENT_LEADERBOARD));
	settings = read_settings(leaderboard->arena, leaderboard->slug);
	settings->adjust_position = true;
	battles = read_watched_battles(leaderboard, all ? NULL : &until, settings, &contenders);
	ranking = rank_by_settings(settings, battles, contenders);
	result = form_position_of(fcinfo, ranking, battles, settings_terms(settings), caller);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
