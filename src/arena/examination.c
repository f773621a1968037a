/*-------------------------------------------------------------------------
 *
 * examination.c
 *	  How far a ranking can be leaned on, as results: the battles that carry a lead, the
 *	  voters who move the scores, whether the model holds, and which battles would tell
 *	  more.
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
#define NUM_FIT_COLUMNS 12
#define NUM_MISFIT_COLUMNS 6
#define NUM_NEXT_COLUMNS 5

/* A pair and how far it is off what the scores predict */
typedef struct PairMisfit
{
	int			pair;
	double		residual;
} PairMisfit;

static int	compare_misfits(const PairMisfit *a, const PairMisfit *b);

#define ST_SORT sort_misfits
#define ST_ELEMENT_TYPE PairMisfit
#define ST_COMPARE(a, b) compare_misfits(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

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
char	  **
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
 * How many rows a call asks for; null: all.
 */
int
argument_limit(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? PG_INT32_MAX :
		(int) argument_number(fcinfo, argument, "n", 1, MAX_ROWS);
}

/*
 * How often battles are fought again, and behind that the seed, which is not null.
 */
int
argument_trials(FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument))
		report_null("num_bootstrap");
	if (PG_ARGISNULL(argument + 1))
		report_null("seed");
	check_setting_integer("num_bootstrap", PG_GETARG_INT64(argument));
	return (int) PG_GETARG_INT64(argument);
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

static void
put_pull(ReturnSetInfo *result, const Ranking *ranking, char **names,
		 const char *voter, const VoterPull *pull)
{
	Datum		values[NUM_PULL_COLUMNS];
	bool		nulls[NUM_PULL_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(voter);
	values[1] = Int64GetDatum(pull->battles);
	values[2] = Float8GetDatum(round_score(pull->points));
	values[3] = CStringGetTextDatum(names[ranking->fit->models[pull->raised]]);
	values[4] = Float8GetDatum(round_score(pull->raised_points));
	values[5] = CStringGetTextDatum(names[ranking->fit->models[pull->lowered]]);
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

/*
 * Whether the model holds for a ranking, as a row of the type that the function returns.
 */
Datum
form_fit(FunctionCallInfo fcinfo, const Ranking *ranking, int num_trials, uint64 seed,
		 MemoryContext memory)
{
	const PlacedFit *fit = ranking->fit;
	Goodness   *goodness = fit ? test_goodness(fit, num_trials, seed, true) : NULL;
	bool		is_tested = goodness && goodness->degrees > 0;
	MemoryContext before = MemoryContextSwitchTo(memory);
	Datum		values[NUM_FIT_COLUMNS];
	bool		nulls[NUM_FIT_COLUMNS];
	Datum		row;

	for (int i = 0; i < NUM_FIT_COLUMNS; i++)
		nulls[i] = i > 2 && !is_tested;
	values[0] = Int32GetDatum(fit ? fit->tally->num_models : 0);
	values[1] = Int32GetDatum(fit ? fit->tally->num_pairs : 0);
	values[2] = Int64GetDatum(fit ? fit->tally->num_battles : 0);
	if (is_tested)
	{
		nulls[6] = isnan(goodness->p_value);
		nulls[11] = isnan(goodness->cycles_p_value);
		values[3] = Float8GetDatum(round_score(goodness->deviance));
		values[4] = Int32GetDatum(goodness->degrees);
		values[5] = Float8GetDatum(round_score(goodness->expected_deviance));
		values[6] = Float8GetDatum(goodness->p_value);
		values[7] = BoolGetDatum(goodness->is_simulated);
		values[8] = Float8GetDatum(round_score(goodness->excess));
		values[9] = Int64GetDatum(goodness->cycles);
		values[10] = Float8GetDatum(round_score(goodness->expected_cycles));
		values[11] = Float8GetDatum(goodness->cycles_p_value);
	}
	row = form_row(fcinfo, values, nulls);
	MemoryContextSwitchTo(before);
	return row;
}

/*
 * Those that are further off first.
 */
static int
compare_misfits(const PairMisfit *a, const PairMisfit *b)
{
	double		x = fabs(a->residual);
	double		y = fabs(b->residual);

	if (x != y)
		return x > y ? -1 : 1;
	return a->pair - b->pair;
}

/*
 * The pairs of a ranking's fit that are furthest off what the scores predict, the worst
 * first; of each, the model that took more than was predicted stands first.
 */
MisfitPair *
worst_pairs(const Ranking *ranking, const double *residuals, int limit, int *num_pairs)
{
	const PlacedFit *fit = ranking->fit;
	int			n = fit->tally->num_pairs;
	PairMisfit *all = MemoryContextAllocHuge(CurrentMemoryContext,
											 mul_size(n + 1, sizeof(PairMisfit)));
	MisfitPair *worst;

	for (int p = 0; p < n; p++)
	{
		all[p].pair = p;
		all[p].residual = residuals[p];
	}
	sort_misfits(all, n);
	*num_pairs = Min(limit, n);
	worst = palloc(sizeof(MisfitPair) * (*num_pairs + 1));
	for (int k = 0; k < *num_pairs; k++)
	{
		int			p = all[k].pair;
		const Pair *pair = &fit->tally->pairs[p];
		double		battles = pair_battles(pair);
		double		predicted = predicted_share(fit, pair);
		bool		is_swapped = all[k].residual < 0;

		worst[k].model1 = fit->models[is_swapped ? pair->second : pair->first];
		worst[k].model2 = fit->models[is_swapped ? pair->first : pair->second];
		worst[k].battles = (int64) battles;
		worst[k].observed_share = (is_swapped ? fit->points.second[p] : fit->points.first[p]) / battles;
		worst[k].predicted_share = is_swapped ? 1 - predicted : predicted;
		worst[k].deviations = fabs(all[k].residual);
	}
	pfree(all);
	return worst;
}

/*
 * The pairs that fit worst.
 */
void
put_misfits(ReturnSetInfo *result, const Ranking *ranking, char **names, int limit)
{
	MisfitPair *worst;
	int			num_pairs;

	if (ranking->fit == NULL)
		return;
	worst = worst_pairs(ranking, find_residuals(ranking->fit), limit, &num_pairs);
	for (int k = 0; k < num_pairs; k++)
	{
		Datum		values[NUM_MISFIT_COLUMNS];
		bool		nulls[NUM_MISFIT_COLUMNS] = {false};

		values[0] = CStringGetTextDatum(names[worst[k].model1]);
		values[1] = CStringGetTextDatum(names[worst[k].model2]);
		values[2] = Int64GetDatum(worst[k].battles);
		values[3] = Float8GetDatum(round_score(worst[k].observed_share));
		values[4] = Float8GetDatum(round_score(worst[k].predicted_share));
		values[5] = Float8GetDatum(round_score(worst[k].deviations));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * The goal that an argument names.
 */
BattleGoal
argument_goal(FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument))
		report_null("goal");
	return parse_battle_goal(argument_text(fcinfo, argument));
}

/*
 * The pairs whose next battle would tell most.
 */
void
put_next_battles(ReturnSetInfo *result, const Ranking *ranking, char **names,
				 BattleGoal goal, int limit)
{
	NextBattle *pairs;
	int			num_pairs;

	if (ranking->fit == NULL)
		return;
	pairs = next_battles(ranking->fit, goal, limit, &num_pairs);
	for (int k = 0; k < num_pairs; k++)
	{
		const int  *models = ranking->fit->models;
		const double *strengths = ranking->fit->strengths;
		double		points = POINTS_PER_STRENGTH *
			(strengths[pairs[k].first] - strengths[pairs[k].second]);
		Datum		values[NUM_NEXT_COLUMNS];
		bool		nulls[NUM_NEXT_COLUMNS] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = CStringGetTextDatum(names[models[pairs[k].first]]);
		values[1] = CStringGetTextDatum(names[models[pairs[k].second]]);
		values[2] = Float8GetDatum(pairs[k].chance);
		values[3] = Int64GetDatum(pairs[k].battles);
		values[4] = Float8GetDatum(round_score(win_share(points, 0)));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}
