/*-------------------------------------------------------------------------
 *
 * examination.c
 *	  How far a ranking can be leaned on, as results: the battles that carry a lead, and
 *	  the voters who move the scores.
 *
 * What functions of relations, of tallies and of arenas have in common.  None needs
 * intervals, so that models are fitted and no replicate is drawn.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "arena/arena.h"

/* Options that follow each other in functions that examine */
enum
{
	ARGUMENT_MIN_EVALUATIONS,
	ARGUMENT_PRIOR_BATTLES
};

StaticAssertDecl(ARGUMENT_PRIOR_BATTLES + 1 == NUM_PLAIN_OPTIONS, "these are all");

/* Columns of results */
#define NUM_ROBUSTNESS_COLUMNS 7
#define NUM_PULL_COLUMNS 8

/*
 * The checks of the options that need no battles, which begin with this argument.
 */
void
check_plain_arguments(FunctionCallInfo fcinfo, int first)
{
	if (PG_ARGISNULL(first + ARGUMENT_MIN_EVALUATIONS))
		report_null("min_evaluations");
	if (PG_ARGISNULL(first + ARGUMENT_PRIOR_BATTLES))
		report_null("prior_battles");
	check_setting_integer("min_evaluations",
						  PG_GETARG_INT64(first + ARGUMENT_MIN_EVALUATIONS));
	check_setting_number("prior_battles",
						 PG_GETARG_FLOAT8(first + ARGUMENT_PRIOR_BATTLES));
}

/*
 * Options of a fit without intervals.
 */
RankOptions
plain_options(int64 min_evaluations, double prior_battles, const int *name_order)
{
	RankOptions options = {0};

	options.intervals = INTERVALS_NONE;
	options.keep_fit = true;
	options.min_evaluations = min_evaluations;
	options.prior_battles = prior_battles;
	options.anchor_model = -1;
	options.anchor_score = CENTRE_SCORE;
	options.name_order = name_order;
	return options;
}

/*
 * Rank the models of some battles without intervals.
 */
Ranking *
rank_plainly(const Battles *battles, RankOptions options)
{
	if (battles->tally->num_battles == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no battles to rank")));
	options.voters = battles->voters;
	return rank_models(battles->tally, &options);
}

/*
 * The same with the options of a call, of battles in the order of names.
 */
Ranking *
rank_plainly_as_called(FunctionCallInfo fcinfo, int first, const Battles *battles)
{
	int			n = battles->tally->num_models;
	int		   *name_order = palloc(sizeof(int) * (n + 1));

	for (int i = 0; i < n; i++)
		name_order[i] = i;
	return rank_plainly(battles,
						plain_options(PG_GETARG_INT64(first + ARGUMENT_MIN_EVALUATIONS),
									  PG_GETARG_FLOAT8(first + ARGUMENT_PRIOR_BATTLES),
									  name_order));
}

/*
 * The models of battles by their names.
 */
char **
model_names(const Battles *battles)
{
	char	  **names = palloc(sizeof(char *) * (battles->tally->num_models + 1));

	for (int i = 0; i < battles->tally->num_models; i++)
		names[i] = battles->models[i].bytes;
	return names;
}

/*
 * An argument that is a number within bounds.
 */
int64
argument_number(FunctionCallInfo fcinfo, int argument, const char *name, int64 lowest,
				int64 highest)
{
	int64		number;

	if (PG_ARGISNULL(argument))
		report_null(name);
	number = PG_GETARG_INT64(argument);
	if (number < lowest || number > highest)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %lld and %lld", name, (long long) lowest,
						(long long) highest),
				 errdetail("It is %lld.", (long long) number)));
	return number;
}

/*
 * An argument that is true or false.
 */
bool
argument_choice(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		report_null(name);
	return PG_GETARG_BOOL(argument);
}

static void
put_lead(ReturnSetInfo *result, const Ranking *ranking, char **names, int place)
{
	int			leader = ranking->order[place];
	int			rival = ranking->order[place + 1];
	Robustness	robustness = find_robustness(ranking->fit, ranking->placed[leader],
											 ranking->placed[rival]);
	double		share = (double) robustness.battles / ranking->fit->tally->num_battles;
	bool		found = robustness.battles >= 0;
	Datum		values[NUM_ROBUSTNESS_COLUMNS];
	bool		nulls[NUM_ROBUSTNESS_COLUMNS] = {false};

	values[0] = Int32GetDatum(ranking->ratings[leader].rank);
	values[1] = CStringGetTextDatum(names[leader]);
	values[2] = CStringGetTextDatum(names[rival]);
	values[3] = Float8GetDatum(round_score(robustness.lead));
	nulls[4] = nulls[5] = nulls[6] = !found;
	values[4] = Int64GetDatum(robustness.battles);
	values[5] = Float8GetDatum(round_score(share));
	values[6] = found ? Float8GetDatum(round_score(robustness.lead_after)) : (Datum) 0;
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * How many battles carry the lead of the first model, or of each over the next.
 */
void
put_robustness(ReturnSetInfo *result, const Ranking *ranking, char **names,
			   bool neighbours)
{
	int			num_leads = neighbours ? ranking->num_ranked - 1 : Min(ranking->num_ranked - 1, 1);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext memory = AllocSetContextCreate(caller, "bixarena_rank robustness",
												 ALLOCSET_DEFAULT_SIZES);

	MemoryContextSwitchTo(memory);
	for (int place = 0; place < num_leads; place++)
	{
		put_lead(result, ranking, names, place);
		MemoryContextReset(memory);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(memory);
}

/*
 * Which model of a ranking this one of the fit is.
 */
static int
model_of_fit(const Ranking *ranking, int placed)
{
	for (int i = 0; i < ranking->num_models; i++)
		if (ranking->placed[i] == placed)
			return i;
	elog(ERROR, "model %d of a fit is not in its ranking", placed);
}

static void
put_pull(ReturnSetInfo *result, const Ranking *ranking, char **names,
		 const char *voter, const VoterPull *pull)
{
	Datum		values[NUM_PULL_COLUMNS];
	bool		nulls[NUM_PULL_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(voter);
	values[1] = Int64GetDatum(pull->battles);
	values[2] = Float8GetDatum(round_score(pull->points));
	values[3] = CStringGetTextDatum(names[model_of_fit(ranking, pull->raised)]);
	values[4] = Float8GetDatum(round_score(pull->raised_points));
	values[5] = CStringGetTextDatum(names[model_of_fit(ranking, pull->lowered)]);
	values[6] = Float8GetDatum(round_score(pull->lowered_points));
	values[7] = Float8GetDatum(round_score(pull->lead_points));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * The voters who move the scores most, of battles that have been ranked with them.
 */
void
put_pulls(ReturnSetInfo *result, const Ranking *ranking, char **names,
		  const Battles *battles, int limit)
{
	VoterPull  *pulls;
	int			num_pulls;

	if (ranking->num_ranked < 2)
		return;
	pulls = strongest_pulls(ranking->fit, battles->voters,
							ranking->placed[ranking->order[0]],
							ranking->placed[ranking->order[1]], limit, &num_pulls);
	for (int k = 0; k < num_pulls; k++)
		put_pull(result, ranking, names, battles->voter_names[pulls[k].voter], &pulls[k]);
}
