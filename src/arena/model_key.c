/*-------------------------------------------------------------------------
 *
 * model_key.c
 *	  What a model is called: its order, and whether an outcome names it.
 *
 * Models are told apart by bytes.  Their order is that of the bytes, too, whatever
 * the collation, so that the same battles give the same digits everywhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "arena/arena.h"

/*
 * Which of two models comes first, as of memcmp().
 */
int
compare_models(ModelKey a, ModelKey b)
{
	int			order = memcmp(a.bytes, b.bytes, Min(a.length, b.length));

	return order != 0 ? order : a.length - b.length;
}

bool
is_same_model(ModelKey a, ModelKey b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

/*
 * Does an outcome name this model?  An integer may have become a number like
 * 57.0, as programs make of a column in which some are missing.
 */
static bool
names_model(const char *string, ModelKey model)
{
	const char *rest;

	if (strncmp(string, model.bytes, model.length) != 0)
		return false;
	rest = string + model.length;
	if (*rest == '\0')
		return true;
	return rest[0] == '.' && rest[1] && strspn(rest + 1, "0") == strlen(rest + 1) &&
		model.length > 0 && model.length == (int) strspn(model.bytes, "0123456789");
}

/*
 * Which model an outcome names, NULL if there is none: the first or the second
 * one, or else OUTCOME_TIE.
 */
Outcome
named_model(const char *string, ModelKey model1, ModelKey model2)
{
	if (string && names_model(string, model1))
		return OUTCOME_FIRST;
	if (string && names_model(string, model2))
		return OUTCOME_SECOND;
	return OUTCOME_TIE;
}
