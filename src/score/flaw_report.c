/*-------------------------------------------------------------------------
 *
 * flaw_report.c
 *	  What is wrong with a file of standings, as JSON.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "score/score.h"

/*
 * Push a text, a name or a value.
 */
void
push_text(JsonbParseState **state, JsonbIteratorToken token, char *string)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = string;
	value.val.string.len = strlen(string);
	(void) pushJsonbValue(state, token, &value);
}

static int
compare_flaws(const void *left, const void *right)
{
	const Flaw *a = left;
	const Flaw *b = right;

	return (a->line > b->line) - (a->line < b->line);
}

/*
 * What is wrong, an array of JSON.
 */
Datum
report_flaws(Sheet *sheet)
{
	JsonbParseState *state = NULL;

	qsort(sheet->flaws, Min(sheet->num_flaws, MAX_FLAWS), sizeof(Flaw), compare_flaws);

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < Min(sheet->num_flaws, MAX_FLAWS); i++)
	{
		const Flaw *flaw = &sheet->flaws[i];
		JsonbValue	line = {.type = jbvNumeric};

		line.val.numeric = int64_to_numeric(flaw->line);
		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		push_text(&state, WJB_KEY, "line");
		(void) pushJsonbValue(&state, WJB_VALUE, &line);
		push_text(&state, WJB_KEY, "message");
		push_text(&state, WJB_VALUE, flaw->message);
		if (flaw->column)
		{
			push_text(&state, WJB_KEY, "column");
			push_text(&state, WJB_VALUE, unconstify(char *, flaw->column));
		}
		if (flaw->value)
		{
			push_text(&state, WJB_KEY, "value");
			push_text(&state, WJB_VALUE, flaw->value);
		}
		(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}
