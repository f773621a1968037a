/*-------------------------------------------------------------------------
 *
 * unread.c
 *	  Battles that could not be used, told to the user.
 *
 * Few of them are a warning.  Many outcomes that cannot be read are an error, as
 * then those that were read may not be what they seem; so is an outcome that can
 * be read in two ways.  Either says by which expression over this very column a
 * view would make the outcomes plain.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "arena/arena.h"

int64
count_ignored(const IgnoredBattles *ignored)
{
	return ignored->null_model + ignored->null_outcome +
		ignored->unknown_outcome + ignored->same_model + ignored->unknown_model;
}

static void
append_reason(StringInfo reasons, int64 count, const char *reason)
{
	if (count > 0)
		appendStringInfo(reasons, "%s%lld %s", reasons->len > 0 ? ", " : "",
						 (long long) count, reason);
}

/*
 * What cannot be used, and why.
 */
static char *
describe_ignored(const Battles *battles)
{
	const IgnoredBattles *ignored = &battles->ignored;
	StringInfoData reasons;

	initStringInfo(&reasons);
	append_reason(&reasons, ignored->null_model, "without a model");
	append_reason(&reasons, ignored->same_model, "of a model against itself");
	append_reason(&reasons, ignored->null_outcome, "without an outcome");
	append_reason(&reasons, ignored->unknown_outcome, "with an unknown outcome");
	if (ignored->unknown_outcome > 0)
		appendStringInfo(&reasons, ": %s",
						 list_outcomes(battles->outcomes,
									   battles->reading.vocabulary, false));
	append_reason(&reasons, ignored->unknown_model,
				  "of a model that the arena does not have");
	return reasons.data;
}

/*
 * The outcomes, as SQL has them.
 */
static const char *
outcome_column(const Battles *battles)
{
	return battles->outcome_column ? battles->outcome_column : "outcome";
}

/*
 * What can say it in other words: a view of what is read, or in an aggregate's call
 * any expression.
 */
static const char *
translator(const Battles *battles)
{
	return battles->outcome_column ? "A view" : "An expression";
}

/*
 * How to have outcomes read that are not: by the words of this very column.
 */
static char *
mapping_hint(const Battles *battles)
{
	bool		is_name;
	const char *example = unread_example(battles->outcomes,
										 battles->reading.vocabulary, &is_name);

	if (is_name)
		return psprintf("%s can say which model won, as by CASE %s WHEN model1 THEN 'model1' WHEN model2 THEN 'model2' ELSE %s END.",
						translator(battles), outcome_column(battles), outcome_column(battles));
	if (example)
		return psprintf("%s can translate them, as by CASE %s WHEN %s THEN 'model1' WHEN ... THEN 'model2' ELSE 'tie' END.",
						translator(battles), outcome_column(battles),
						quote_literal_cstr(example));
	return psprintf("%s can say what no outcome means, as by coalesce(%s::text, 'tie'), or leave these battles out.",
					translator(battles), outcome_column(battles));
}

static void
report_unread(const Battles *battles, int64 unread, int64 count, const char *source)
{
	int			vocabulary = battles->reading.vocabulary;
	const char *read = battles->tally->num_battles == 0 ? "" :
		psprintf(" The others were read as %s%s%s.", vocabulary_name(vocabulary),
				 vocabulary == VOCABULARY_NAMES ? "" : ": ",
				 vocabulary == VOCABULARY_NAMES ? "" :
				 list_outcomes(battles->outcomes, vocabulary, true));

	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 outcomes_are_mixed(battles->outcomes, vocabulary) ?
			 errmsg("%lld of %lld battles of %s cannot be read, as outcomes are written in more than one way",
					(long long) unread, (long long) count, source) :
			 errmsg("%lld of %lld battles of %s cannot be read",
					(long long) unread, (long long) count, source),
			 errdetail("Ignored: %s.%s", describe_ignored(battles), read),
			 errhint("%s Up to %s of the battles are ignored with a warning.",
					 mapping_hint(battles),
					 battles->outcome_column ? "max_unread_percent" : "1 %")));
}

/*
 * An error where outcomes would be read wrongly: if too many are not read, or
 * if they can be read in more than one way.
 */
void
check_outcomes(const Battles *battles, double max_unread_percent,
			   const char *source)
{
	const OutcomeReading *reading = &battles->reading;
	const IgnoredBattles *ignored = &battles->ignored;
	int64		unread = ignored->null_outcome + ignored->unknown_outcome;
	int64		count = battles->tally->num_battles + count_ignored(ignored);

	if (count == 0)
		return;
	if (unread > count * (max_unread_percent / 100))
		report_unread(battles, unread, count, source);
	if (reading->rival >= 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("outcomes of %s can be read in more than one way", source),
				 errdetail("%s", explain_rivals(battles->outcomes, reading)),
				 errhint("%s can say which it is, as by CASE %s WHEN ... THEN 'model1' WHEN ... THEN 'model2' ELSE 'tie' END.",
						 translator(battles), outcome_column(battles))));
	if (reading->tie_name)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("outcomes of %s can be read in more than one way", source),
				 errdetail("\"%s\" may be a tie, or the model of that name.",
						   reading->tie_name),
				 errhint("%s can say who won by model1, model2 and tie.",
						 translator(battles))));
	if (reading->null_ties > 0)
		ereport(WARNING,
				(errmsg("%lld battles of %s without an outcome were read as ties, as the others are true or false",
						(long long) reading->null_ties, source),
				 battles->outcome_column ?
				 errhint("If that is not what they mean, leave them out, as by a view with WHERE %s IS NOT NULL.",
						 battles->outcome_column) :
				 errhint("If that is not what they mean, leave them out, as by FILTER (WHERE outcome IS NOT NULL).")));
}

/*
 * Tell of battles that were ignored, by a warning, or by an error if there is
 * no other.
 */
void
report_ignored(const Battles *battles, const char *source)
{
	int64		count = count_ignored(&battles->ignored);
	int64		num_battles = battles->tally->num_battles;

	if (count == 0)
		return;
	ereport(num_battles > 0 ? WARNING : ERROR,
			(errcode(num_battles > 0 ? ERRCODE_WARNING : ERRCODE_DATA_EXCEPTION),
			 num_battles > 0 ?
			 errmsg("%lld of %lld battles of %s were ignored", (long long) count,
					(long long) (count + num_battles), source) :
			 errmsg("none of the %lld battles of %s can be used",
					(long long) count, source),
			 errdetail("Ignored: %s.", describe_ignored(battles)),
			 battles->ignored.unknown_outcome > 0 ?
			 errhint("%s", mapping_hint(battles)) : 0));
}
