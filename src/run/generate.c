/*-------------------------------------------------------------------------
 *
 * generate.c
 *	  bixarena_generate_snapshot(): one leaderboard, from battles to run.
 *
 * All of it happens in the caller's transaction: a reader sees a whole new
 * snapshot, and the run that made it, or nothing.  A failure therefore leaves
 * no row in bixarena.run either, as with any statement.
 *
 * The steps are those of the other files: the leaderboard is found (arena.c)
 * and locked, its settings are read (setting.c) and overridden by the call's
 * own, battles become a tally (battles.c), the tally a ranking (ranking.c),
 * the ranking a snapshot (snapshot.c), and the whole a row of bixarena.run
 * (run.c).  A leaderboard with too little in it is skipped, which is no error.
 *
 * A dry run does all but write.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "run/run.h"

#define MAX_TRIGGERED_BY_LENGTH 320

PG_FUNCTION_INFO_V1(bixarena_generate_snapshot);

/* Arguments of bixarena_generate_snapshot() */
enum
{
	ARGUMENT_LEADERBOARD_ID,
	ARGUMENT_NUM_BOOTSTRAP,
	ARGUMENT_MIN_EVALUATIONS,
	ARGUMENT_RANK_BY_SIGNIFICANCE,
	ARGUMENT_AUTO_PUBLISH,
	ARGUMENT_DRY_RUN,
	ARGUMENT_AS_OF,
	ARGUMENT_SEED,
	ARGUMENT_ARENA,
	ARGUMENT_TRIGGER_SOURCE,
	ARGUMENT_TRIGGERED_BY,
	ARGUMENT_CORRELATION_ID
};

#define NUM_RESULT_COLUMNS 8

/*
 * Who is said to have asked: some name or address, of one line.
 */
char *
checked_triggered_by(char *triggered_by)
{
	if (triggered_by == NULL)
		return NULL;
	if (pg_mbstrlen(triggered_by) > MAX_TRIGGERED_BY_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("triggered_by is too long"),
				 errdetail("It has %d characters; %d are allowed.",
						   pg_mbstrlen(triggered_by), MAX_TRIGGERED_BY_LENGTH)));
	for (const char *c = triggered_by; *c; c++)
		if ((unsigned char) *c < ' ' || *c == '\x7F')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("triggered_by must not contain control characters")));
	return triggered_by;
}

char *
checked_trigger_source(char *trigger_source)
{
	if (trigger_source == NULL)
		return "manual";
	if (strcmp(trigger_source, "scheduled") != 0 &&
		strcmp(trigger_source, "api") != 0 &&
		strcmp(trigger_source, "manual") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger_source must be scheduled, api or manual, not \"%s\"",
						trigger_source)));
	return trigger_source;
}

/*
 * The settings of the leaderboard with those of the call over them.
 */
static Settings *
call_settings(FunctionCallInfo fcinfo, const Leaderboard *leaderboard)
{
	Settings   *settings = read_settings(leaderboard->arena, leaderboard->slug);

	if (!PG_ARGISNULL(ARGUMENT_NUM_BOOTSTRAP))
		settings->num_bootstrap = PG_GETARG_INT64(ARGUMENT_NUM_BOOTSTRAP);
	if (!PG_ARGISNULL(ARGUMENT_MIN_EVALUATIONS))
		settings->min_evaluations = PG_GETARG_INT64(ARGUMENT_MIN_EVALUATIONS);
	if (!PG_ARGISNULL(ARGUMENT_RANK_BY_SIGNIFICANCE))
		settings->rank_by_significance = PG_GETARG_BOOL(ARGUMENT_RANK_BY_SIGNIFICANCE);
	if (!PG_ARGISNULL(ARGUMENT_AUTO_PUBLISH))
		settings->auto_publish = PG_GETARG_BOOL(ARGUMENT_AUTO_PUBLISH);
	if (!PG_ARGISNULL(ARGUMENT_SEED))
		settings->seed = PG_GETARG_INT64(ARGUMENT_SEED);
	return settings;
}

/*
 * The checks that need nothing read.
 */
static void
check_arguments(FunctionCallInfo fcinfo)
{
	if (!PG_ARGISNULL(ARGUMENT_NUM_BOOTSTRAP))
		check_setting_integer("num_bootstrap", PG_GETARG_INT64(ARGUMENT_NUM_BOOTSTRAP));
	if (!PG_ARGISNULL(ARGUMENT_MIN_EVALUATIONS))
		check_setting_integer("min_evaluations",
							  PG_GETARG_INT64(ARGUMENT_MIN_EVALUATIONS));
	if (!PG_ARGISNULL(ARGUMENT_AS_OF) &&
		(TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(ARGUMENT_AS_OF)) ||
		 PG_GETARG_TIMESTAMPTZ(ARGUMENT_AS_OF) > GetCurrentTimestamp()))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("as_of must be a time in the past")));
}

/*
 * What a call asks for, before anything is read of the leaderboard.
 */
static Run *
begin_run(FunctionCallInfo fcinfo)
{
	Run		   *run = palloc0(sizeof(Run));
	Leaderboard *leaderboard;

	run->started_at = GetCurrentTimestamp();
	run->attempts = 1;
	run->trigger_source = checked_trigger_source(argument_text(fcinfo, ARGUMENT_TRIGGER_SOURCE));
	run->triggered_by = checked_triggered_by(argument_text(fcinfo, ARGUMENT_TRIGGERED_BY));
	run->correlation_id = PG_ARGISNULL(ARGUMENT_CORRELATION_ID) ?
		DirectFunctionCall1(gen_random_uuid, (Datum) 0) :
		PG_GETARG_DATUM(ARGUMENT_CORRELATION_ID);
	if (!PG_ARGISNULL(ARGUMENT_AS_OF))
	{
		TimestampTz *as_of = palloc(sizeof(TimestampTz));

		*as_of = PG_GETARG_TIMESTAMPTZ(ARGUMENT_AS_OF);
		run->as_of = as_of;
	}

	leaderboard = find_leaderboard(argument_text(fcinfo, ARGUMENT_ARENA),
								   argument_text(fcinfo, ARGUMENT_LEADERBOARD_ID));
	run->leaderboard = leaderboard;
	run->arena = leaderboard->arena;
	run->slug = leaderboard->slug;
	run->settings = call_settings(fcinfo, leaderboard);
	return run;
}

/*
 * Does a tally have too little in it?  Then why, else NULL.
 */
static char *
too_little(const Settings *settings, const Tally *tally)
{
	if (tally->num_battles == 0)
		return pstrdup("no battles");
	if (tally->num_battles < settings->min_total_battles)
		return psprintf("%lld battles, fewer than min_total_battles (%lld)",
						(long long) tally->num_battles,
						(long long) settings->min_total_battles);
	if (tally->num_models < settings->min_total_models)
		return psprintf("%d models, fewer than min_total_models (%lld)",
						tally->num_models, (long long) settings->min_total_models);
	return NULL;
}

/*
 * Has a ranking too few entries?  Then why, else NULL.
 */
static char *
too_few_entries(const Settings *settings, const Ranking *ranking)
{
	if (ranking->anchor_lost)
		return psprintf("anchor model \"%s\" cannot be placed among the others",
						settings->anchor_model);
	if (ranking->one_voter)
		return pstrdup("one voter only, and intervals by voter (cluster_by_voter) need two");
	if (ranking->num_ranked == 0)
		return pstrdup("no model could be ranked");
	if (ranking->num_ranked < settings->min_total_models)
		return psprintf("%d models could be ranked, fewer than min_total_models (%lld)",
						ranking->num_ranked,
						(long long) settings->min_total_models);
	return NULL;
}

/*
 * The models that got no rank and why, as jsonb, for the record.
 */
static Datum
unranked_models(const Ranking *ranking, const Contenders *contenders)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int k = ranking->num_ranked; k < ranking->num_models; k++)
	{
		int			model = ranking->order[k];
		const char *status = model_status_name(ranking->ratings[model].status);
		JsonbValue	key = {.type = jbvString};
		JsonbValue	value = {.type = jbvString};

		key.val.string.val = contenders->slugs[model];
		key.val.string.len = strlen(contenders->slugs[model]);
		value.val.string.val = unconstify(char *, status);
		value.val.string.len = strlen(status);
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT,
														   NULL)));
}

/*
 * The options of the numeric half.  -1 stands for an anchor that has no
 * battles, which *anchor_missing tells from none.
 */
RankOptions
rank_options(const Settings *settings, const Battles *battles,
			 const Contenders *contenders, bool *anchor_missing)
{
	RankOptions options = {0};

	options.intervals = settings->intervals;
	options.voters = battles->voters;
	options.covariates = battles->covariates;
	options.terms = settings_terms(settings);
	options.num_bootstrap = settings->num_bootstrap;
	options.min_evaluations = settings->min_evaluations;
	options.rank_by_significance = settings->rank_by_significance;
	options.prior_battles = settings->prior_battles;
	options.anchor_model = -1;
	options.anchor_score = settings->anchor_score;
	options.seed = (uint64) settings->seed;
	options.name_order = contenders->name_order;
	options.keep_differences = true;
	options.keep_fit = true;
	options.progress = progress_replicates;
	options.share = share_with_workers;
	for (int i = 0; i < contenders->num_models && settings->anchor_model; i++)
		if (strcmp(contenders->slugs[i], settings->anchor_model) == 0)
			options.anchor_model = i;
	*anchor_missing = settings->anchor_model && options.anchor_model < 0;
	return options;
}

/*
 * Rank the models of a tally as settings say, outside of any run.
 */
Ranking *
rank_by_settings(const Settings *settings, const Battles *battles,
				 const Contenders *contenders)
{
	bool		anchor_missing;
	RankOptions options = rank_options(settings, battles, contenders, &anchor_missing);
	Ranking    *ranking;

	options.progress = NULL;
	if (battles->tally->num_battles == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("there are no battles to rank")));
	ranking = anchor_missing ? NULL : rank_models(battles->tally, &options);
	if (ranking && ranking->one_voter)
		report_one_voter();
	if (ranking == NULL || ranking->anchor_lost)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("anchor model \"%s\" cannot be placed among the others",
						settings->anchor_model)));
	return ranking;
}

static double
seconds_since(instr_time start)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

/*
 * Read who the battles of a run are between, and with battles NULL these too.
 */
static Battles *
read_run(Run *run, Battles *battles, Contenders **contenders)
{
	instr_time	start;
	int64		count;

	INSTR_TIME_SET_CURRENT(start);
	if (battles == NULL || run->settings->cluster_by_voter || run->settings->covariates)
		battles = read_present_battles(run->leaderboard, run->as_of, run->settings, true);
	*contenders = read_contenders(run->leaderboard, battles);
	run->read_seconds += seconds_since(start);

	/* a leaderboard with too few battles is skipped, however they are written */
	count = battles->tally->num_battles + count_ignored(&battles->ignored);
	if (count >= run->settings->min_total_battles)
		check_outcomes(battles, run->settings->max_unread_percent,
					   psprintf("leaderboard \"%s\"", run->leaderboard->slug));
	report_ignored(battles, psprintf("leaderboard \"%s\"", run->leaderboard->slug));
	run->ignored = battles->ignored;
	run->evaluation_count = battles->tally->num_battles;
	return battles;
}

/*
 * Rank the models of a run, unless it is to be skipped.
 */
static Ranking *
rank_run(Run *run, const Battles *battles, const Contenders *contenders)
{
	RankOptions options;
	Ranking    *ranking;
	bool		anchor_missing;

	run->reason = too_little(run->settings, battles->tally);
	if (run->reason)
		return NULL;

	options = rank_options(run->settings, battles, contenders, &anchor_missing);
	if (anchor_missing)
	{
		run->reason = psprintf("anchor model \"%s\" has no battles",
							   run->settings->anchor_model);
		return NULL;
	}
	ranking = rank_models(battles->tally, &options);
	run->reason = too_few_entries(run->settings, ranking);
	run->fit_seconds = ranking->fit_seconds;
	run->bootstrap_seconds = ranking->bootstrap_seconds;
	run->num_incomplete = ranking->num_incomplete;
	run->unranked = unranked_models(ranking, contenders);
	if (run->settings->cluster_by_voter)
		run->voters = voters_of_run(ranking);
	if (any_terms(options.terms))
		run->terms = terms_of_run(ranking, battles, options.terms);
	if (run->reason == NULL)
	{
		run->ranges = ranges_of_run(ranking, contenders);
		run->soundness = soundness_of_run(ranking, battles, run->settings, contenders);
	}
	return run->reason ? NULL : ranking;
}

/*
 * Store the ranking of a run, and delete what has grown too old, of the record
 * too.  A run that makes a snapshot of the past leaves that to the next.
 */
static void
store_snapshot(Run *run, const Ranking *ranking, const Contenders *contenders)
{
	StoredSnapshot snapshot = {
		.leaderboard = run->leaderboard,
		.settings = run->settings,
		.id = run->correlation_id,
		.as_of = run->as_of,
		.entry_count = run->entry_count,
		.evaluation_count = run->evaluation_count
	};

	write_snapshot(&snapshot, ranking, contenders);
	apply_retention(&snapshot);
	run->has_snapshot = true;
	run->snapshot_id = snapshot.id;
	run->snapshot_identifier = snapshot.identifier;
	if (run->as_of == NULL)
		delete_old_runs(run->arena);
}

/*
 * The whole way but for the record, within an SPI connection.  The battles may
 * have been read before.
 */
void
make_snapshot(Run *run, Battles *battles, bool dry_run)
{
	Contenders *contenders;
	Ranking    *ranking;

	check_slug(run);
	progress_begin(run);
	progress_phase("reading battles");
	if (!dry_run)
		begin_reading_and_writing();
	battles = read_run(run, battles, &contenders);
	progress_phase("fit");
	ranking = rank_run(run, battles, contenders);

	run->status = ranking ? "succeeded" : "skipped";
	if (ranking)
		run->entry_count = ranking->num_ranked;
	if (ranking && !dry_run)
	{
		instr_time	start;

		progress_phase("writing");
		INSTR_TIME_SET_CURRENT(start);
		store_snapshot(run, ranking, contenders);
		run->write_seconds = seconds_since(start);
	}
	run->ended_at = GetCurrentTimestamp();
}

static Datum
form_result(FunctionCallInfo fcinfo, const Run *run, bool dry_run)
{
	const char *reason = run->reason;
	Datum		values[NUM_RESULT_COLUMNS];
	bool		nulls[NUM_RESULT_COLUMNS] = {false};

	if (dry_run && reason == NULL)
		reason = "dry run: nothing was written";
	values[0] = CStringGetTextDatum(run->status);
	nulls[1] = reason == NULL;
	values[1] = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	nulls[2] = nulls[3] = !run->has_snapshot;
	values[2] = run->snapshot_id;
	values[3] = run->has_snapshot ?
		CStringGetTextDatum(run->snapshot_identifier) : (Datum) 0;
	values[4] = Int32GetDatum(run->entry_count);
	values[5] = Int64GetDatum(run->evaluation_count);
	values[6] = Float8GetDatum((run->ended_at - run->started_at) / (double) USECS_PER_SEC);
	values[7] = run->correlation_id;
	return form_row(fcinfo, values, nulls);
}

Datum
bixarena_generate_snapshot(PG_FUNCTION_ARGS)
{
	bool		dry_run = !PG_ARGISNULL(ARGUMENT_DRY_RUN) && PG_GETARG_BOOL(ARGUMENT_DRY_RUN);
	MemoryContext caller = CurrentMemoryContext;
	Datum		result;
	Run		   *run;

	PreventCommandIfParallelMode("bixarena_generate_snapshot()");
	if (!dry_run)
		PreventCommandIfReadOnly("bixarena_generate_snapshot()");
	check_arguments(fcinfo);

	SPI_connect();
	run = begin_run(fcinfo);
	if (!dry_run)
	{
		check_may_write(run->arena);
		lock_leaderboard(run->leaderboard, false);
		settle_arena(run->arena);
	}
	if (!PG_ARGISNULL(ARGUMENT_CORRELATION_ID))
		check_correlation_id(run->correlation_id);
	if (!dry_run)
		record_start(run);
	make_snapshot(run, NULL, dry_run);
	if (!dry_run)
		record_end(run);
	MemoryContextSwitchTo(caller);
	result = form_result(fcinfo, run, dry_run);
	SPI_finish();
	PG_RETURN_DATUM(result);
}
