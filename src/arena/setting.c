/*-------------------------------------------------------------------------
 *
 * setting.c
 *	  Settings of arenas and leaderboards.
 *
 * bixarena.setting holds the values that users have set, as text, for a whole
 * arena (leaderboard empty) or one leaderboard.  A leaderboard's own value wins
 * over its arena's, which wins over the default.  The table below is the only
 * place that says which settings there are, their defaults and their ranges.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

#include "arena/arena.h"

typedef enum SettingType
{
	SETTING_BOOLEAN,
	SETTING_INTEGER,
	SETTING_NUMBER,
	SETTING_TEXT,
	SETTING_NOTIFY_RUNS,
	SETTING_INTERVALS,
	SETTING_TIE_MODEL,
	SETTING_COVARIATES
} SettingType;

typedef struct SettingDefinition
{
	const char *name;
	SettingType type;
	Size		offset;			/* in Settings */
	const char *default_value;	/* NULL: none */
	int64		minimum;		/* of integers and numbers; of texts, in bytes */
	int64		maximum;
	const char *description;
} SettingDefinition;

/*
 * The least number but 0, of those that may be 0 and not less.  Of a prior below, replicates that hang on it alone
 * would be less exact than is promised, or have no maximum to a double's digits.
 */
#define LEAST_NUMBER 1e-3

#define LOWEST_SCORE ((int64) (CENTRE_SCORE - MAX_SCORE_DISTANCE))
#define HIGHEST_SCORE ((int64) (CENTRE_SCORE + MAX_SCORE_DISTANCE))

static const SettingDefinition definitions[] = {
	{"num_bootstrap", SETTING_INTEGER, offsetof(Settings, num_bootstrap),
		"1000", MIN_BOOTSTRAP, MAX_BOOTSTRAP,
	"bootstrap replicates"},
	{"intervals", SETTING_INTERVALS, offsetof(Settings, intervals),
		"bootstrap", 0, 0,
	"how intervals are found: bootstrap or sandwich"},
	{"cluster_by_voter", SETTING_BOOLEAN, offsetof(Settings, cluster_by_voter),
		"false", 0, 0,
	"intervals take voters, not battles, as independent"},
	{"adjust_position", SETTING_BOOLEAN, offsetof(Settings, adjust_position),
		"false", 0, 0,
	"what standing first is worth is estimated, and taken out of the scores"},
	{"tie_model", SETTING_TIE_MODEL, offsetof(Settings, tie_model),
		"half", 0, 0,
	"how ties are taken: half a win for either, or davidson, with a chance of their own"},
	{"covariates", SETTING_COVARIATES, offsetof(Settings, covariates),
		NULL, 0, 0,
	"numeric columns of leaderboard_battle that scores are adjusted for, as an array"},
	{"min_evaluations", SETTING_INTEGER, offsetof(Settings, min_evaluations),
		"10", 0, MAX_BATTLES,
	"battles that a model needs to be ranked"},
	{"min_total_battles", SETTING_INTEGER, offsetof(Settings, min_total_battles),
		"30", 0, MAX_BATTLES,
	"battles that a leaderboard needs, else it is skipped"},
	{"min_total_models", SETTING_INTEGER, offsetof(Settings, min_total_models),
		"4", 0, MAX_MODELS,
	"models, and entries, that a leaderboard needs, else it is skipped"},
	{"rank_by_significance", SETTING_BOOLEAN, offsetof(Settings, rank_by_significance),
		"false", 0, 0,
	"rank is 1 + the number of models whose interval lies wholly above"},
	{"auto_publish", SETTING_BOOLEAN, offsetof(Settings, auto_publish),
		"true", 0, 0,
	"a new snapshot is public at once"},
	{"prior_battles", SETTING_NUMBER, offsetof(Settings, prior_battles),
		"0", 0, 1000000,
	"virtual battles of each model against a model of middling strength"},
	{"anchor_model", SETTING_TEXT, offsetof(Settings, anchor_model),
		NULL, 0, 2000,
	"slug of the model whose score is fixed; none: the mean of the ranked is 1000"},
	{"anchor_score", SETTING_NUMBER, offsetof(Settings, anchor_score),
		"1000", LOWEST_SCORE, HIGHEST_SCORE,
	"the score that the anchor model has, in points"},
	{"seed", SETTING_INTEGER, offsetof(Settings, seed),
		"0", PG_INT64_MIN, PG_INT64_MAX,
	"seed of the bootstrap"},
	{"keep_snapshots", SETTING_INTEGER, offsetof(Settings, keep_snapshots),
		NULL, 1, PG_INT32_MAX,
	"snapshots that are kept, the latest ones; none: all"},
	{"keep_days", SETTING_NUMBER, offsetof(Settings, keep_days),
		NULL, 1, 36500,
	"days that a snapshot is kept; none: for ever"},
	{"keep_runs_days", SETTING_NUMBER, offsetof(Settings, keep_runs_days),
		NULL, 1, 36500,
	"days that a run stays on record after its end; none: for ever"},
	{"enabled", SETTING_BOOLEAN, offsetof(Settings, enabled),
		"true", 0, 0,
	"scheduled and requested runs make snapshots; false: paused"},
	{"max_attempts", SETTING_INTEGER, offsetof(Settings, max_attempts),
		"3", 1, 100,
	"attempts at a run before it has failed for good"},
	{"retry_seconds", SETTING_NUMBER, offsetof(Settings, retry_seconds),
		"10", 0, 86400,
	"seconds before the second attempt; before the third twice, the fourth three times as many"},
	{"requests_per_day", SETTING_INTEGER, offsetof(Settings, requests_per_day),
		"100", 0, PG_INT32_MAX,
	"requests of source api that an arena takes in 24 hours"},
	{"expire_hours", SETTING_NUMBER, offsetof(Settings, expire_hours),
		"24", 0, 87600,
	"hours in the queue after which a run has failed; 0: it waits for ever"},
	{"run_timeout", SETTING_NUMBER, offsetof(Settings, run_timeout),
		"3600", 0, 604800,
	"seconds that an attempt of a worker or a CALL may take; 0: any time"},
	{"notify_channel", SETTING_TEXT, offsetof(Settings, notify_channel),
		"bixarena_rank", 0, NAMEDATALEN - 1,
	"channel on which the end of a run is notified; empty: none is"},
	{"notify_runs", SETTING_NOTIFY_RUNS, offsetof(Settings, notify_runs),
		"all", 0, 0,
	"which runs of a call are notified besides the call: all, failed or none"},
	{"live_channel", SETTING_TEXT, offsetof(Settings, live_channel),
		NULL, 0, NAMEDATALEN - 1,
	"channel on which a change of the kept tally is notified; none: none is"},
	{"verify_leaderboards", SETTING_INTEGER, offsetof(Settings, verify_leaderboards),
		"1", 0, 1000,
	"leaderboards whose kept tally a call of all compares with their battles"},
	{"leaderboard_url", SETTING_TEXT, offsetof(Settings, leaderboard_url),
		NULL, 0, 2000,
	"address of a leaderboard's page, with {leaderboard_id} for its slug"},
	{"max_unread_percent", SETTING_NUMBER, offsetof(Settings, max_unread_percent),
		"1", 0, 100,
	"battles in a hundred that may be unreadable, else there is no ranking"}
};

PG_FUNCTION_INFO_V1(bixarena_configure);
PG_FUNCTION_INFO_V1(bixarena_settings);
PG_FUNCTION_INFO_V1(bixarena_pauses);

static const SettingDefinition *
find_definition(const char *name)
{
	StringInfoData names;

	for (Size i = 0; i < lengthof(definitions); i++)
		if (strcmp(definitions[i].name, name) == 0)
			return &definitions[i];

	initStringInfo(&names);
	for (Size i = 0; i < lengthof(definitions); i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", definitions[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("setting \"%s\" does not exist", name),
			 errdetail("The settings are %s.", names.data)));
}

static void
report_out_of_range(const SettingDefinition *definition, const char *value)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s must be from %lld to %lld, not %s", definition->name,
					(long long) definition->minimum,
					(long long) definition->maximum, value)));
}

static NotifyRuns
parse_notify_runs(const char *value)
{
	if (strcmp(value, "all") == 0)
		return NOTIFY_ALL;
	if (strcmp(value, "failed") == 0)
		return NOTIFY_FAILED;
	if (strcmp(value, "none") == 0)
		return NOTIFY_NONE;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("setting \"notify_runs\" must be all, failed or none, not \"%s\"",
					value)));
}

/*
 * The names in an array of covariates.
 */
List *
covariate_names(Datum array)
{
	Datum	   *names;
	bool	   *nulls;
	int			number;
	List	   *list = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &names,
					  &nulls, &number);
	if (number > MAX_COVARIATES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("there can be %d covariates, not %d", MAX_COVARIATES, number)));
	for (int k = 0; k < number; k++)
	{
		char	   *name = nulls[k] ? NULL : TextDatumGetCString(names[k]);
		ListCell   *cell;

		if (name == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the name of a covariate must not be null")));
		foreach(cell, list)
		{
			if (strcmp(lfirst(cell), name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("covariate \"%s\" is named twice", name)));
		}
		list = lappend(list, name);
	}
	return list;
}

/*
 * The same of an array that is written as text.
 */
List *
parse_covariates(const char *array)
{
	return covariate_names(OidInputFunctionCall(F_ARRAY_IN, unconstify(char *, array),
												TEXTOID, -1));
}

/*
 * Put a value where it belongs in settings; it is an error when it is none of
 * the setting's type and range.  NULL is none: a text that is NULL, a number
 * that is 0.
 */
static void
assign_setting(const SettingDefinition *definition, const char *value,
			   Settings *settings)
{
	void	   *place = (char *) settings + definition->offset;

	if (value == NULL)
		return;
	switch (definition->type)
	{
		case SETTING_BOOLEAN:
			if (!parse_bool(value, (bool *) place))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						 errmsg("setting \"%s\" must be true or false, not \"%s\"",
								definition->name, value)));
			break;
		case SETTING_INTEGER:
			*(int64 *) place = DatumGetInt64(DirectFunctionCall1(int8in,
																 CStringGetDatum(value)));
			if (*(int64 *) place < definition->minimum ||
				*(int64 *) place > definition->maximum)
				report_out_of_range(definition, value);
			break;
		case SETTING_NUMBER:
			*(double *) place = DatumGetFloat8(DirectFunctionCall1(float8in,
																   CStringGetDatum(value)));
			check_setting_number(definition->name, *(double *) place);
			break;
		case SETTING_TEXT:
			if ((int64) strlen(value) > definition->maximum)
				ereport(ERROR,
						(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
						 errmsg("setting \"%s\" can have %lld bytes, not %zu",
								definition->name,
								(long long) definition->maximum, strlen(value))));
			*(char **) place = pstrdup(value);
			break;
		case SETTING_NOTIFY_RUNS:
			*(NotifyRuns *) place = parse_notify_runs(value);
			break;
		case SETTING_INTERVALS:
			*(IntervalKind *) place = parse_interval_kind(value);
			break;
		case SETTING_TIE_MODEL:
			*(TieModel *) place = parse_tie_model(value);
			break;
		case SETTING_COVARIATES:
			*(List **) place = parse_covariates(value);
			break;
	}
}

/*
 * The values set for a leaderboard (NULL: for the whole arena only), an
 * arena's before a leaderboard's, into SPI's result: name, value, leaderboard.
 */
static void
read_values(const char *arena, const char *slug)
{
	Parameters	parameters = {0};
	OwnerScope	scope = become_owner();

	add_text(&parameters, arena);
	add_text(&parameters, slug);
	execute_query("SELECT s.name, s.value, s.leaderboard"
				  " FROM bixarena.setting AS s"
				  " WHERE s.arena OPERATOR(pg_catalog.=) $1 AND"
				  " (s.leaderboard OPERATOR(pg_catalog.=) ''"
				  " OR s.leaderboard OPERATOR(pg_catalog.=) $2)"
				  " ORDER BY s.leaderboard, s.name",
				  SPI_OK_SELECT, true, &parameters);
	leave_owner(scope);
}

/*
 * The settings of a leaderboard for which none are set.
 */
Settings *
default_settings(void)
{
	Settings   *settings = palloc0(sizeof(Settings));

	for (Size i = 0; i < lengthof(definitions); i++)
		assign_setting(&definitions[i], definitions[i].default_value, settings);
	return settings;
}

/*
 * The settings in force for a leaderboard.
 */
Settings *
read_settings(const char *arena, const char *slug)
{
	Settings   *settings = default_settings();

	read_values(arena, slug);
	for (uint64 row = 0; row < SPI_processed; row++)
		assign_setting(find_definition(result_text(row, 1)), result_text(row, 2),
					   settings);
	return settings;
}

/*
 * An error for an integer that is outside of the range of a setting.
 */
void
check_setting_integer(const char *name, int64 number)
{
	const SettingDefinition *definition = find_definition(name);

	if (number < definition->minimum || number > definition->maximum)
		report_out_of_range(definition, psprintf("%lld", (long long) number));
}

/*
 * An error for a number that is outside of the range of a setting.
 */
void
check_setting_number(const char *name, double number)
{
	const SettingDefinition *definition = find_definition(name);

	if (!(number >= definition->minimum && number <= definition->maximum))
		report_out_of_range(definition, psprintf("%.15g", number));
	if (definition->type == SETTING_NUMBER && definition->minimum == 0 &&
		number > 0 && number < LEAST_NUMBER)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s must be 0 or at least %g, not %g",
						name, LEAST_NUMBER, number)));
}

/*
 * bixarena_configure(setting, value, leaderboard_id, arena): set a value, or
 * with null unset it.
 */
Datum
bixarena_configure(PG_FUNCTION_ARGS)
{
	char	   *name = argument_text(fcinfo, 0);
	char	   *value = argument_text(fcinfo, 1);
	char	   *slug = argument_text(fcinfo, 2);
	char	   *arena = argument_text(fcinfo, 3);
	const SettingDefinition *definition;
	Parameters	parameters = {0};
	OwnerScope	scope;
	Settings	scratch;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the name of the setting must not be null")));
	definition = find_definition(name);
	if (value)
		assign_setting(definition, value, &scratch);

	SPI_connect();
	arena = slug ? find_watched_leaderboard(arena, slug)->arena : resolve_arena(arena);
	check_arena_admin(arena);
	add_text(&parameters, arena);
	add_text(&parameters, slug);
	add_text(&parameters, name);
	add_text(&parameters, value);

	scope = become_owner();
	if (value)
		execute_query("INSERT INTO bixarena.setting (arena, leaderboard, name, value)"
					  " VALUES ($1, coalesce($2, ''), $3, $4)"
					  " ON CONFLICT (arena, leaderboard, name)"
					  " DO UPDATE SET value = excluded.value",
					  SPI_OK_INSERT, false, &parameters);
	else
		execute_query("DELETE FROM bixarena.setting AS s"
					  " WHERE s.arena OPERATOR(pg_catalog.=) $1"
					  " AND s.leaderboard OPERATOR(pg_catalog.=) coalesce($2, '')"
					  " AND s.name OPERATOR(pg_catalog.=) $3"
					  " AND $4 IS NULL",
					  SPI_OK_DELETE, false, &parameters);
	leave_owner(scope);
	SPI_finish();
	PG_RETURN_VOID();
}

/*
 * bixarena_settings(leaderboard_id, arena): the settings in force, one row
 * each, and where they come from.
 */
Datum
bixarena_settings(PG_FUNCTION_ARGS)
{
	char	   *slug = argument_text(fcinfo, 0);
	char	   *arena = argument_text(fcinfo, 1);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	arena = slug ? find_watched_leaderboard(arena, slug)->arena : resolve_arena(arena);
	read_values(arena, slug);

	for (Size i = 0; i < lengthof(definitions); i++)
	{
		const SettingDefinition *definition = &definitions[i];
		const char *value = definition->default_value;
		const char *source = "default";
		Datum		values[5];
		bool		nulls[5] = {false};

		for (uint64 row = 0; row < SPI_processed; row++)
			if (strcmp(result_text(row, 1), definition->name) == 0)
			{
				value = result_text(row, 2);
				source = result_text(row, 3)[0] != '\0' ? "leaderboard" : "arena";
			}
		values[0] = CStringGetTextDatum(definition->name);
		nulls[1] = value == NULL;
		values[1] = value ? CStringGetTextDatum(value) : (Datum) 0;
		values[2] = CStringGetTextDatum(source);
		nulls[3] = definition->default_value == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(definition->default_value);
		values[4] = CStringGetTextDatum(definition->description);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}

/*
 * bixarena.setting_pauses(arena, leaderboards): those whose setting enabled is false in
 * force, and whose value it is.  Asked once for all of them, since that is what
 * metrics need.  Whoever may not look into the arena is told no more than the table
 * of settings tells: not which leaderboards have one of their own.
 */
Datum
bixarena_pauses(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *arena = argument_text(fcinfo, 0);
	Oid			schema = get_namespace_oid(arena, true);
	Parameters	parameters = {0};
	OwnerScope	scope;

	add_text(&parameters, arena);
	add_parameter(&parameters, TEXTARRAYOID, PG_GETARG_DATUM(1), false);
	add_parameter(&parameters, BOOLOID,
				  BoolGetDatum(OidIsValid(schema) && may_use_schema(schema, GetUserId())),
				  false);
	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	scope = become_owner();
	execute_query("SELECT DISTINCT ON (l.slug) l.slug,"
				  " CASE s.leaderboard WHEN '' THEN 'arena' ELSE 'leaderboard' END,"
				  " s.value"
				  " FROM pg_catalog.unnest($2) AS l (slug)"
				  " JOIN bixarena.setting AS s"
				  " ON s.arena OPERATOR(pg_catalog.=) $1"
				  " AND s.name OPERATOR(pg_catalog.=) 'enabled'"
				  " AND (s.leaderboard OPERATOR(pg_catalog.=) ''"
				  " OR $3 AND s.leaderboard OPERATOR(pg_catalog.=) l.slug)"
				  " ORDER BY l.slug, s.leaderboard DESC",
				  SPI_OK_SELECT, true, &parameters);
	leave_owner(scope);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		Datum		values[2];
		bool		nulls[2] = {false};
		bool		enabled;

		if (parse_bool(result_text(row, 3), &enabled) && enabled)
			continue;
		values[0] = CStringGetTextDatum(result_text(row, 1));
		values[1] = CStringGetTextDatum(result_text(row, 2));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	SPI_finish();
	return (Datum) 0;
}

/*
 * What besides strengths is to decide battles, by settings.
 */
ModelTerms
settings_terms(const Settings *settings)
{
	return (ModelTerms)
	{
		settings->adjust_position, settings->tie_model, list_length(settings->covariates)
	};
}
