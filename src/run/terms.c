/*-------------------------------------------------------------------------
 *
 * terms.c
 *	  What decides the battles of a leaderboard besides strengths, as it is kept with a
 *	  run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "run/run.h"

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
