/*-------------------------------------------------------------------------
 *
 * rank_terms.c
 *	  What decides battles besides strengths, as results.
 *
 * A row for each term that was asked for: what standing first is worth, covariates in
 * their order, and the odds of a tie.  One that the battles do not bound was left out,
 * and its row says why.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "utils/builtins.h"

#include "arena/arena.h"

/* Columns of the result */
#define NUM_TERM_COLUMNS 15
#define NUM_POSITION_COLUMNS 5

static FoundTerm *
add_term(FoundTerms *found, const char *kind, const char *why_left_out)
{
	FoundTerm  *term = &found->terms[found->number++];

	memset(term, 0, sizeof(FoundTerm));
	term->kind = kind;
	term->status = why_left_out ? why_left_out : "fitted";
	term->is_fitted = why_left_out == NULL;
	return term;
}

/*
 * Take an estimate for a term, which is measured in this unit.
 */
static void
set_estimate(FoundTerm *term, const TermEstimate *estimate, double unit)
{
	term->estimate = *estimate;
	term->estimate.value /= unit;
	term->estimate.lower /= unit;
	term->estimate.upper /= unit;
	term->estimate.deviation /= unit;
	term->estimate.by_information /= unit;
}

/*
 * The terms that were asked for, as a ranking has found them.
 */
FoundTerms
find_terms(const Ranking *ranking, const Battles *battles, ModelTerms asked)
{
	const char *nobody = ranking->num_ranked > 0 ? NULL : "no model could be ranked";
	const char *no_position = nobody ? nobody : why_no_position(ranking->separation);
	const char *no_ties = nobody ? nobody : why_no_ties(ranking->separation);
	const TermEstimate *estimate = ranking->term_estimates;
	FoundTerms	found = {.terms = palloc(sizeof(FoundTerm) * (terms_number(asked) + 1))};

	if (asked.position)
	{
		FoundTerm  *term = add_term(&found, "position", no_position);

		if (term->is_fitted)
			set_estimate(term, estimate++, 1);
	}
	for (int k = 0; k < asked.num_covariates; k++)
	{
		FoundTerm  *term = add_term(&found, "covariate", nobody);

		term->covariate = covariate_name(battles->covariates, k);
		if (!term->is_fitted)
			continue;
		term->scale = covariate_scale(battles->covariates, k);
		set_estimate(term, estimate++, term->scale.unit);
	}
	if (asked.ties == TIES_DAVIDSON)
	{
		FoundTerm  *term = add_term(&found, "ties", no_ties);

		term->is_ties = true;
		if (term->is_fitted)
			set_estimate(term, estimate, 1);
	}
	return found;
}

static void
put_term(ReturnSetInfo *result, const FoundTerm *term)
{
	const TermEstimate *estimate = &term->estimate;
	Datum		values[NUM_TERM_COLUMNS] = {0};
	bool		nulls[NUM_TERM_COLUMNS];

	for (int i = 0; i < NUM_TERM_COLUMNS; i++)
		nulls[i] = !term->is_fitted;
	values[0] = CStringGetTextDatum(term->kind);
	nulls[0] = false;
	nulls[1] = term->covariate == NULL;
	values[1] = term->covariate ? CStringGetTextDatum(term->covariate) : (Datum) 0;
	values[2] = Float8GetDatum(estimate->value);
	values[3] = Float8GetDatum(estimate->deviation);
	values[4] = Float8GetDatum(estimate->by_information);
	values[5] = Float8GetDatum(estimate->lower);
	values[6] = Float8GetDatum(estimate->upper);
	nulls[7] = nulls[8] = nulls[9] = nulls[10] = !term->is_fitted || term->is_ties;
	values[7] = Float8GetDatum(round_score(POINTS_PER_STRENGTH * estimate->value));
	values[8] = Float8GetDatum(round_score(POINTS_PER_STRENGTH * estimate->lower));
	values[9] = Float8GetDatum(round_score(POINTS_PER_STRENGTH * estimate->upper));
	values[10] = Float8GetDatum(estimate->chance);
	nulls[11] = !term->is_fitted || !term->is_ties;
	values[11] = Float8GetDatum(exp(estimate->value));
	nulls[12] = nulls[13] = !term->is_fitted || term->covariate == NULL;
	values[12] = Float8GetDatum(term->scale.mean);
	values[13] = Float8GetDatum(term->scale.deviation);
	nulls[14] = false;
	values[14] = CStringGetTextDatum(term->status);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * Put the terms of a ranking into the result of a call.
 */
void
put_terms_of(ReturnSetInfo *result, const Ranking *ranking, const Battles *battles,
			 ModelTerms asked)
{
	FoundTerms	found = find_terms(ranking, battles, asked);

	for (int k = 0; k < found.number; k++)
		put_term(result, &found.terms[k]);
}

/*
 * Rank the models of some battles, and put the terms into the result of the call.
 */
void
put_terms(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles)
{
	Ranking    *ranking = rank_as_called(fcinfo, at, battles, false);

	put_terms_of((ReturnSetInfo *) fcinfo->resultinfo, ranking, battles,
				 called_terms(fcinfo, at, battles));
}

/*
 * What standing first is worth, as a row of the type that the function returns.
 */
Datum
form_position_of(FunctionCallInfo fcinfo, const Ranking *ranking, const Battles *battles,
				 ModelTerms asked, MemoryContext memory)
{
	FoundTerm	position = find_terms(ranking, battles, asked).terms[0];
	MemoryContext before = MemoryContextSwitchTo(memory);
	Datum		values[NUM_POSITION_COLUMNS];
	bool		nulls[NUM_POSITION_COLUMNS];
	Datum		row;

	for (int i = 0; i < NUM_POSITION_COLUMNS; i++)
		nulls[i] = !position.is_fitted;
	values[0] = Float8GetDatum(round_score(POINTS_PER_STRENGTH * position.estimate.value));
	values[1] = Float8GetDatum(round_score(POINTS_PER_STRENGTH * position.estimate.lower));
	values[2] = Float8GetDatum(round_score(POINTS_PER_STRENGTH * position.estimate.upper));
	values[3] = Float8GetDatum(position.estimate.chance);
	nulls[4] = false;
	values[4] = CStringGetTextDatum(position.status);
	row = form_row(fcinfo, values, nulls);
	MemoryContextSwitchTo(before);
	return row;
}

/*
 * The same of some battles, ranked as a call asks.
 */
Datum
form_position(FunctionCallInfo fcinfo, RankArguments at, const Battles *battles,
			  MemoryContext memory)
{
	Ranking    *ranking = rank_as_called(fcinfo, at, battles, false);

	return form_position_of(fcinfo, ranking, battles, called_terms(fcinfo, at, battles),
							memory);
}
