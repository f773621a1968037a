/*-------------------------------------------------------------------------
 *
 * arena.h
 *	  Arenas: what is in them, which of their battles count, reading them, and the
 *	  snapshots stored in them.
 *
 * This folder knows the method's structures and no mathematics; it does not know
 * who makes a snapshot, and when.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_ARENA_H
#define BIXARENA_ARENA_H

#include "datatype/timestamp.h"
#include "funcapi.h"
#include "nodes/params.h"
#include "nodes/pg_list.h"

#include "method/method.h"
#include "server/server.h"

/*
 * Bytes of a leaderboard's slug: with an arena's name beside it, what an index
 * of bixarena.run holds.
 */
#define MAX_SLUG			2000

/* Options that follow each other in functions that rank: see rank_call.c */
#define NUM_FIRST_OPTIONS	7

/* The same of functions that examine a ranking: see examination.c */
#define NUM_PLAIN_OPTIONS	2

/* How many rows they give at most, where the caller names their number */
#define MAX_ROWS			10000

/* Where a function that ranks has its options, as numbers of arguments */
typedef struct RankArguments
{
	int			first;			/* of NUM_FIRST_OPTIONS */
	int			intervals;
	int			voter;			/* 0: it has none */
	int			adjust_position;	/* 0: it always does */
	int			tie_model;
	int			covariates;		/* 0: it has none */
} RankArguments;

/* A model as the battles name it: an id's or a name's bytes */
typedef struct ModelKey
{
	char	   *bytes;
	int			length;
} ModelKey;

/* What is said of the battles of two models: see rank_matchups.c */
#define NUM_MATCHUP_VALUES	10

/* Covariates that a ranking may have */
#define MAX_COVARIATES		50

/* How many battles could not be used, by reason */
typedef struct IgnoredBattles
{
	int64		null_model;
	int64		null_outcome;
	int64		unknown_outcome;
	int64		same_model;		/* a model against itself */
	int64		unknown_model;	/* it has no row in the arena's model table */
} IgnoredBattles;

/* Models of an arena: see contenders.c */
typedef struct ArenaModels ArenaModels;

/* A pair of models of a ranking that is off what the scores predict */
typedef struct MisfitPair
{
	int			model1;			/* took more than was predicted */
	int			model2;
	int64		battles;
	double		observed_share; /* of the points, that the first one took */
	double		predicted_share;
	double		deviations;		/* standard ones, by which it is off */
} MisfitPair;

/* What was read: a tally and the models that it speaks of, in its order */
typedef struct Battles
{
	char	   *leaderboard;	/* slug, where all of an arena were read */
	Tally	   *tally;
	Voters	   *voters;			/* who cast them, or NULL if that was not
								 * asked */
	Covariates *covariates;		/* what is known of each, likewise */
	char	  **voter_names;	/* by the numbers under which they were added,
								 * or NULL likewise */
	ModelKey   *models;			/* as read, ascending by their bytes */
	IgnoredBattles ignored;
	OutcomeReading reading;
	OutcomeWords *outcomes;
	char	   *outcome_column; /* its name, quoted, or NULL: any expression */
	Datum		leaderboard_id; /* a uuid, where it was read along, or 0 */
	const ArenaModels *known_models;	/* likewise, or NULL */
} Battles;

/* The battles of one leaderboard, or of a whole relation, while they come in */
typedef struct BattleGroup
{
	char	   *leaderboard;	/* its slug, or NULL */
	struct modeltable_hash *models;
	int			num_models;
	Ballots    *ballots;
	OutcomeWords *outcomes;
	int64		num_battles;	/* with those that are ignored */
	IgnoredBattles ignored;
	MemoryContext memory;		/* for all of this, but outcomes */
} BattleGroup;

/* Battles of a group, with the numbers that their models have there */
typedef struct GroupBattle
{
	Meaning		meaning;
	int			model1;
	int			model2;
} GroupBattle;

/* See voter_numbers.c */
typedef struct VoterNumbers VoterNumbers;

/* What decides battles besides strengths, as users are told */
typedef struct FoundTerm
{
	const char *kind;			/* position, covariate or ties */
	const char *covariate;		/* its name, or NULL */
	const char *status;			/* fitted, or why not */
	bool		is_fitted;
	bool		is_ties;
	TermEstimate estimate;		/* in natural logs, of a covariate for 1 of it */
	CovariateScale scale;
} FoundTerm;

typedef struct FoundTerms
{
	int			number;
	FoundTerm  *terms;
} FoundTerms;

/* The models of a tally of an arena, in its order */
typedef struct Contenders
{
	int			num_models;
	Datum	   *ids;			/* uuids */
	char	  **slugs;
	int		   *name_order;		/* place of each in the order of names */
} Contenders;

/* What a column of an arena must hold */
typedef enum RequiredKind
{
	REQUIRED_UUID,
	REQUIRED_BOOLEAN,
	REQUIRED_TEXT,
	REQUIRED_NUMBER,
	REQUIRED_COUNT,
	REQUIRED_DATE
} RequiredKind;

/* A column that an arena must have */
typedef struct RequiredColumn
{
	const char *relation;
	const char *name;
	RequiredKind kind;
} RequiredColumn;

/* The relation of an arena's own that has battles */
#define BATTLE_RELATION "leaderboard_battle"

/* What is read of who cast battles */
typedef enum VoterReading
{
	VOTERS_NOT_READ,
	VOTERS_TOLD_APART,
	VOTERS_NAMED				/* and their names are kept */
} VoterReading;

/* What the battles of an arena are read for */
typedef enum BattleReading
{
	READ_LEADERBOARD,			/* one leaderboard, as it is now */
	READ_ALL,					/* all of them at once */
	READ_AS_OF					/* one, as it was at a moment */
} BattleReading;

/* What a query selects to count battles: see read_battles() */
typedef struct CountColumns
{
	const char *count;
	const char *unusable;		/* with a comma before it, or empty */
} CountColumns;

/* What it selects and groups by to tell voters apart, or two empty strings */
typedef struct VoterColumn
{
	const char *voter;			/* with a comma before it */
	const char *grouping;		/* likewise, and the order by it */
} VoterColumn;

/* Where they are read: expressions are of a query that is called b */
typedef struct BattleSource
{
	const char *relation;		/* the arena's own, or NULL */
	const char *query;
	const char *place;			/* for a message */
	const char *leaderboard;
	const char *outcome;
	CountColumns counts;
	VoterColumn voter;			/* only where voters are asked for */
	List	   *covariates;		/* names of columns, only where they are */
} BattleSource;

/* An arena's leaderboard */
typedef struct Leaderboard
{
	char	   *arena;			/* the schema's name */
	char	   *schema;			/* the same, quoted for generated SQL */
	char	   *slug;
	Datum		id;				/* a uuid */
} Leaderboard;

/* Which runs of a call are notified one by one */
typedef enum NotifyRuns
{
	NOTIFY_ALL,
	NOTIFY_FAILED,
	NOTIFY_NONE
} NotifyRuns;

/* Settings of an arena or a leaderboard: see setting.c for what they mean */
typedef struct Settings
{
	int64		num_bootstrap;
	IntervalKind intervals;
	bool		cluster_by_voter;
	bool		adjust_position;
	TieModel	tie_model;
	List	   *covariates;		/* names of columns */
	int64		min_evaluations;
	int64		min_total_battles;
	int64		min_total_models;
	bool		rank_by_significance;
	bool		auto_publish;
	int64		keep_snapshots; /* 0: all */
	double		keep_days;		/* 0: for ever */
	double		keep_runs_days; /* likewise, of runs on record */
	bool		enabled;
	int64		max_attempts;
	double		retry_seconds;
	int64		requests_per_day;
	double		expire_hours;	/* 0: never */
	double		run_timeout;	/* in seconds, 0: none */
	char	   *notify_channel; /* empty: none */
	NotifyRuns	notify_runs;	/* which runs of a call, besides the call */
	char	   *live_channel;	/* or NULL */
	int64		verify_leaderboards;
	char	   *leaderboard_url;	/* or NULL */
	double		prior_battles;
	char	   *anchor_model;
	double		anchor_score;
	int64		seed;
	double		max_unread_percent;
} Settings;

/* A snapshot to be stored, and what became of it: see snapshot.c */
typedef struct StoredSnapshot
{
	const Leaderboard *leaderboard;
	const Settings *settings;
	const TimestampTz *as_of;	/* the date that it bears, or NULL: now */
	int			entry_count;
	int64		evaluation_count;
	Datum		id;				/* a uuid; of what is stored, once it is */
	char	   *identifier;
} StoredSnapshot;

/* arena.c */
extern char *arena_setting;

extern void read_arenas(void);
extern char *resolve_arena(const char *arena);
extern void check_arena_admin(const char *arena);
extern Leaderboard *find_leaderboard(const char *arena, const char *slug);
extern Leaderboard *known_leaderboard(const char *arena, const char *slug, Datum id);
extern Leaderboard *find_watched_leaderboard(const char *arena, const char *slug);
extern List *list_leaderboards(const char *arena);
extern bool has_privilege(const Leaderboard *leaderboard, const char *table,
						  const char *privilege);
extern void check_may_write(const char *arena);
extern void lock_leaderboard(const Leaderboard *leaderboard, bool wait);

/* columns.c */
extern Oid	find_arena_relation(const char *arena, const char *name);
extern void check_battle_columns(const char *arena,
								 const RequiredColumn *required, int count,
								 const char *counts);
extern void check_moment(const char *arena, const char *relation,
						 const char *column);
extern void check_moments(const char *arena);

/* watch.c */
extern bool watch_strictly;

extern void watch(const char *arena, const char *relation, Step step,
				  void *argument);
extern void watch_leaderboard(const char *arena, const char *slug);

/* setting.c */
extern Settings *default_settings(void);
extern Settings *read_settings(const char *arena, const char *slug);
extern ModelTerms settings_terms(const Settings *settings);
extern List *parse_covariates(const char *array);
extern List *covariate_names(Datum array);
extern void check_setting_integer(const char *name, int64 number);
extern void check_setting_number(const char *name, double number);

/* grouping.c */
extern bool is_integer_type(Oid type);
extern bool is_faithful_type(Oid type);
extern bool is_count_type(Oid type);
extern char *grouped_column(Oid relation, const char *name);
extern CountColumns counted_rows(void);
extern CountColumns counted_by(Oid relation, const char *name);
extern VoterColumn no_voter(void);
extern VoterColumn grouped_by_voter(Oid relation, const char *name);
extern void check_covariate_column(Oid relation, const char *name, const char *place);
extern char *covariate_columns(List *covariates);
extern char *covariate_grouping(List *covariates, bool by_voter);

/* application.c */
extern bool has_application(const char *arena);
extern char *application_query(const char *arena);

/* battle_query.c */
extern void check_has_battles(const char *arena);
extern BattleSource *find_battle_source(const char *arena,
										BattleReading reading);
extern BattleSource *find_voter_source(const char *arena);
extern Oid	find_voter_tally(const char *arena);
extern char *voter_tally_query(const char *arena);
extern BattleSource *find_covariate_source(const char *arena, List *covariates,
										   bool by_voter);

/* model_key.c */
extern int	compare_models(ModelKey a, ModelKey b);
extern bool is_same_model(ModelKey a, ModelKey b);
extern Outcome named_model(const char *string, ModelKey model1, ModelKey model2);

/* battle_group.c */
extern BattleGroup *begin_group(char *leaderboard, MemoryContext result);
extern bool add_to_group(BattleGroup *group, ModelKey model1, ModelKey model2,
						 char *outcome, Outcome named, int64 count, GroupBattle *battle);
extern Battles *finish_group(BattleGroup *group, Voters *voters, Covariates *covariates);
extern void keep_models(Battles *battles, const int *index, int num_kept);

/* voter_numbers.c */
extern VoterNumbers *begin_voter_numbers(bool keep_names, MemoryContext result);
extern char **voter_names(const VoterNumbers *numbers);
extern int	voter_number(VoterNumbers *numbers, Datum value, bool by_value,
						 FmgrInfo *output);

/* battles.c */
extern List *read_battles(const char *sql, ParamListInfo parameters,
						  bool uuid_models, List *slugs, VoterReading by_voter,
						  List *covariates, bool now, char *source);

/* unread.c */
extern int64 count_ignored(const IgnoredBattles *ignored);
extern void check_outcomes(const Battles *battles, double max_unread_percent,
						   const char *source);
extern void report_ignored(const Battles *battles, const char *source);

/* arena_battles.c */
extern Battles *read_source_battles(const BattleSource *source,
									const Leaderboard *leaderboard,
									const TimestampTz *as_of,
									VoterReading by_voter, bool now);
extern Battles *read_leaderboard_battles(const Leaderboard *leaderboard,
										 const TimestampTz *as_of,
										 const Settings *settings, bool now);
extern BattleSource *find_leaderboard_source(const char *arena,
											 const TimestampTz *as_of,
											 const Settings *settings);
extern VoterReading voter_reading(const Settings *settings);
extern void allow_maintenance_memory(void);
extern List *read_arena_battles(const char *arena, List *slugs);
extern Battles *no_battles(void);

/* relation.c */
extern bool are_comparable_types(Oid type1, Oid type2);
extern Battles *read_relation_battles(Oid relation, const char *model1,
									  const char *model2, const char *outcome,
									  const char *num_battles, const char *voter,
									  VoterReading by_voter, List *covariates);

/* rank_call.c */
extern void report_one_voter(void);
extern void report_null(const char *argument);
extern void check_rank_arguments(FunctionCallInfo fcinfo, RankArguments at);
extern Ranking *rank_as_called(FunctionCallInfo fcinfo, RankArguments at,
							   const Battles *battles, bool keep_differences);
extern void put_ranking(FunctionCallInfo fcinfo, RankArguments at,
						const Battles *battles);
extern void put_rating(ReturnSetInfo *result, const char *model, const Rating *rating);

extern ModelTerms called_terms(FunctionCallInfo fcinfo, RankArguments at,
							   const Battles *battles);

/* rank_matchups.c */
extern void fill_matchup(const Pair *pair, const Prediction *prediction,
						 bool has_ties, bool is_tested, Datum *values, bool *nulls);
extern void put_rank_matchups(FunctionCallInfo fcinfo, RankArguments at,
							  const Battles *battles);

/* rank_terms.c */
extern FoundTerms find_terms(const Ranking *ranking, const Battles *battles,
							 ModelTerms asked);
extern void put_terms_of(ReturnSetInfo *result, const Ranking *ranking,
						 const Battles *battles, ModelTerms asked);
extern void put_terms(FunctionCallInfo fcinfo, RankArguments at,
					  const Battles *battles);
extern Datum form_position_of(FunctionCallInfo fcinfo, const Ranking *ranking,
							  const Battles *battles, ModelTerms asked,
							  MemoryContext memory);
extern Datum form_position(FunctionCallInfo fcinfo, RankArguments at,
						   const Battles *battles, MemoryContext memory);

/* rank_difference.c */
extern void put_ranges(FunctionCallInfo fcinfo, RankArguments at,
					   const Battles *battles);
extern void put_ranges_of(ReturnSetInfo *result, const Ranking *ranking,
						  char **names);
extern void check_difference_arguments(FunctionCallInfo fcinfo);
extern Datum form_difference_of(FunctionCallInfo fcinfo, const Ranking *ranking,
								char **names, MemoryContext memory);
extern Datum form_difference(FunctionCallInfo fcinfo, RankArguments at,
							 const Battles *battles, MemoryContext memory);

/* examination.c */
extern void check_plain_arguments(FunctionCallInfo fcinfo, int first);
extern RankOptions plain_options(int64 min_evaluations, double prior_battles,
								 const int *name_order);
extern Ranking *rank_plainly(const Battles *battles, RankOptions options);
extern Ranking *rank_plainly_as_called(FunctionCallInfo fcinfo, int first,
									   const Battles *battles);
extern char **model_names(const Battles *battles);
extern int64 argument_number(FunctionCallInfo fcinfo, int argument, const char *name,
							 int64 lowest, int64 highest);
extern int	argument_limit(FunctionCallInfo fcinfo, int argument);
extern int	argument_trials(FunctionCallInfo fcinfo, int argument);
extern bool argument_choice(FunctionCallInfo fcinfo, int argument, const char *name);
extern void put_robustness(ReturnSetInfo *result, const Ranking *ranking,
						   char **names, bool neighbours);
extern void put_pulls(ReturnSetInfo *result, const Ranking *ranking, char **names,
					  const Battles *battles, int limit);
extern Datum form_fit(FunctionCallInfo fcinfo, const Ranking *ranking, int num_trials,
					  uint64 seed, MemoryContext memory);
extern MisfitPair *worst_pairs(const Ranking *ranking, const double *residuals,
							   int limit, int *num_pairs);
extern void put_misfits(ReturnSetInfo *result, const Ranking *ranking, char **names,
						int limit);
extern BattleGoal argument_goal(FunctionCallInfo fcinfo, int argument);
extern void put_next_battles(ReturnSetInfo *result, const Ranking *ranking,
							 char **names, BattleGoal goal, int limit);

/* contenders.c */
extern ArenaModels *read_arena_models(const char *arena);
extern Contenders *read_contenders(const Leaderboard *leaderboard,
								   Battles *battles);

/* snapshot.c */
extern bool has_writer(const char *arena);
extern double stored_bound(double bound, double score);
extern void write_snapshot(StoredSnapshot *snapshot, const Ranking *ranking,
						   const Contenders *contenders);

/* remote.c */
extern bool is_remote(const char *arena);
extern bool may_delete_remotely(const Leaderboard *leaderboard);

/* retention.c */
extern void apply_retention(const StoredSnapshot *snapshot);

#endif							/* BIXARENA_ARENA_H */
