/*-------------------------------------------------------------------------
 *
 * bixarena_rank.h
 *	  Limits, structures and prototypes of bixarena_rank.
 *
 * The way of the data, each arrow one call with one plain structure:
 *
 *	battles -> tally -> comparability -> fit -> intervals -> ranking
 *			-> snapshot -> run
 *
 * The numeric half (tally.c to ranking.c) knows no table, no SPI and no GUC;
 * of the server it uses palloc, ereport, interrupts, its hash functions and
 * its PRNG, so that it can be tested and fuzzed by itself.  The database half
 * knows no mathematics.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_RANK_H
#define BIXARENA_RANK_H

#include "access/xact.h"
#include "common/pg_prng.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/params.h"
#include "nodes/pg_list.h"
#include "utils/uuid.h"

#include "compat.h"

/*
 * Limits.
 *
 * MAX_MODELS bounds the dense Hessian (32 MB at 2,000 models) and, by the
 * number of pairs that many models can form, the tally.  MAX_ARENA_MODELS and
 * MAX_ARENA_PAIRS bound the tallies of all leaderboards that are read at once.
 * MAX_BATTLES is where a double stops holding every integer.
 */
#define MAX_MODELS			2000
#define MAX_PAIRS			2000000
#define MAX_ARENA_MODELS	1000000
#define MAX_ARENA_PAIRS		8000000
#define MAX_BATTLES			(INT64CONST(1) << 53)

/*
 * Bytes of a leaderboard's slug: with an arena's name beside it, what an index
 * of bixarena.run holds.
 */
#define MAX_SLUG			2000

#define MIN_BOOTSTRAP		10
#define MAX_BOOTSTRAP		10000
#define DEFAULT_BOOTSTRAP	1000

/* Scores are on the scale of the Elo system: points = 1000 + 400/ln 10 * strength */
#define POINTS_PER_STRENGTH	173.71779276130073	/* 400 / ln 10 */
#define CENTRE_SCORE		1000.0

/* Scores are published in steps of 1e-6 points, to which they are exact */
#define STEPS_PER_POINT		1e6

/* A score further than this from CENTRE_SCORE is not ranked */
#define MAX_SCORE_DISTANCE	5000.0

/* Check for interrupts in a long loop, at every 65,536th of its steps */
#define CHECK_FOR_INTERRUPTS_AT(step) \
	do { \
		if (((step) & 0xFFFF) == 0) \
			CHECK_FOR_INTERRUPTS(); \
	} while (0)

/*-------------------------------------------------------------------------
 * The numeric half
 *-------------------------------------------------------------------------
 */

typedef enum Outcome
{
	OUTCOME_FIRST,				/* the first model of the pair won */
	OUTCOME_SECOND,				/* the second one did */
	OUTCOME_TIE
} Outcome;

#define NUM_OUTCOMES 3

/*
 * One pair of models and its battles, by Outcome.  In a finished tally
 * first < second.
 */
typedef struct Pair
{
	int32		first;
	int32		second;
	int64		count[NUM_OUTCOMES];
} Pair;

/*
 * Battles as counts: all that the method needs to know of them.  The pairs
 * stand in ascending order of (first, second), whatever the order in which
 * the battles came; every later step walks them in that order, which is why
 * the same battles give the same bytes.
 */
typedef struct Tally
{
	int			num_models;
	int			num_pairs;
	int64		num_battles;
	Pair	   *pairs;
} Tally;

/* A tally in the making: see tally.c */
typedef struct TallyBuilder TallyBuilder;

/* The ways in which people write outcomes down: see outcome.c */
typedef enum Vocabulary
{
	VOCABULARY_NUMBERED,		/* model1, model2 */
	VOCABULARY_LETTERED,		/* model_a, model_b */
	VOCABULARY_SIDES,			/* left, right */
	VOCABULARY_ORDER,			/* first, second */
	VOCABULARY_COLOURS,			/* white, black */
	VOCABULARY_HOME,			/* home, away */
	VOCABULARY_HOME_LETTERS,	/* H, A, D */
	VOCABULARY_RESULT,			/* win, loss: of the first model */
	VOCABULARY_ONE_TWO,			/* 1, 2, 0 */
	VOCABULARY_POINTS,			/* 1, 0, 0.5: of the first model */
	VOCABULARY_SIGN,			/* 1, -1, 0 */
	VOCABULARY_GAME,			/* 1-0, 0-1, 1/2-1/2 */
	VOCABULARY_COMPARISON,		/* A>B, B>A, A=B */
	VOCABULARY_BOOLEAN,			/* true, false, null */
	VOCABULARY_NAMES			/* the winner's name */
} Vocabulary;

#define NUM_VOCABULARIES 15

/*
 * What a word means: for each vocabulary two bits, 0 where it is none of its
 * words, else 1 more than the outcome.
 */
typedef uint32 Meaning;

#define MEANS(vocabulary, outcome) ((Meaning) ((outcome) + 1) << 2 * (vocabulary))

/* The outcome that a meaning is in a vocabulary, or -1 */
static inline int
meaning_in(Meaning meaning, int vocabulary)
{
	return (int) (meaning >> 2 * vocabulary & 3) - 1;
}

/* Outcomes as they were met, with counts: see outcome.c */
typedef struct OutcomeWords OutcomeWords;

/* Battles that wait until it is known how to read them: see ballots.c */
typedef struct Ballots Ballots;

/* How outcomes are read, all together */
typedef struct OutcomeReading
{
	int			vocabulary;
	int			rival;			/* another that reads as many, but otherwise,
								 * or -1 */
	char	   *tie_name;		/* says a tie or the name of a model, or NULL */
	int64		unknown;		/* battles with an outcome that is not read */
	int64		none;			/* battles without an outcome */
	int64		null_ties;		/* nulls that are ties, beside true and false */
} OutcomeReading;

/*
 * The points that the two sides of each pair of a tally took off each other,
 * a tie counted as half a point for either: arrays of num_pairs.  A tally has
 * one such set, each bootstrap replicate another.
 */
typedef struct PairPoints
{
	double	   *first;
	double	   *second;
} PairPoints;

/* The neighbours of each model in a tally: see components.c */
typedef struct BattleGraph BattleGraph;

/*
 * Where a model stands to the placed ones, that is to the largest set of
 * models that can be compared with each other.
 */
typedef enum Standing
{
	STANDING_PLACED,			/* it is one of them */
	STANDING_ABOVE,				/* it beat them, directly or through others */
	STANDING_BELOW,				/* it lost to them, likewise */
	STANDING_APART				/* nothing says which */
} Standing;

/* Why a model has no rank, or that it has one */
typedef enum ModelStatus
{
	MODEL_RANKED,
	MODEL_UNDEFEATED,			/* its component of the graph only beats
								 * others */
	MODEL_WINLESS,				/* its component only loses to others */
	MODEL_DISCONNECTED,			/* no chain of battles ties it to the ranked */
	MODEL_SEPARATED,			/* any other way of not being comparable */
	MODEL_OUT_OF_RANGE,			/* beyond MAX_SCORE_DISTANCE */
	MODEL_FEW_EVALUATIONS		/* fewer battles than asked for */
} ModelStatus;

/* The log-likelihood of strengths, given points: see likelihood.c */
typedef struct Likelihood Likelihood;

/* A factored Hessian, which turns a gradient into a step: see lapack.c */
typedef struct Curvature Curvature;

/* The climb where models hang by threads: see tree.c */
typedef struct Tree Tree;

/* Workspace of the climb to the maximum: see fit.c */
typedef struct Fitter Fitter;

/* Draws resamples of the battles of a tally: see resample.c */
typedef struct Resampler Resampler;

/*
 * The point estimate of models that can all be placed, arrays of num_models.
 */
typedef struct PointEstimate
{
	double	   *strengths;		/* at the maximum of the likelihood */
	double	   *scores;			/* the same on the scale of points */
	bool	   *ranked;			/* gets a rank */
	bool	   *reference;		/* the mean of these scores fixes the scale */
} PointEstimate;

/* The bounds of the models' intervals, arrays of num_models */
typedef struct Bounds
{
	double	   *lower;			/* 2.5 % quantile, possibly infinite */
	double	   *upper;			/* 97.5 % quantile, likewise */
} Bounds;

typedef struct RankOptions
{
	int			num_bootstrap;	/* MIN_BOOTSTRAP to MAX_BOOTSTRAP */
	int64		min_evaluations;	/* models with fewer battles get no rank */
	bool		rank_by_significance;	/* else by score */
	double		prior_battles;	/* virtual battles a model, 0: none */
	int			anchor_model;	/* index of the model of fixed score, or -1 */
	double		anchor_score;	/* its score in points */
	uint64		seed;
	const int  *name_order;		/* place of each model in the order of names */
	void		(*progress) (int done, int total);	/* told of the replicates
													 * done, or NULL */
} RankOptions;

/* What the method says of one model; scores in points, rounded to 1e-6 */
typedef struct Rating
{
	ModelStatus status;
	int			rank;			/* from 1; 0 when not ranked */
	int64		vote_count;		/* battles of the model */
	double		score;
	double		lower;			/* 2.5 % quantile, possibly infinite */
	double		upper;			/* 97.5 % quantile, likewise */
} Rating;

typedef struct Ranking
{
	int			num_models;
	Rating	   *ratings;		/* by model, in the order of the tally */
	int		   *order;			/* models, ranked ones by rank, then the
								 * others */
	int			num_ranked;
	bool		anchor_lost;	/* the anchor cannot be placed: nobody is
								 * ranked */
	int			num_incomplete; /* replicates that could not place all models */
	double		fit_seconds;
	double		bootstrap_seconds;
} Ranking;

/* tally.c */
extern Outcome mirrored(Outcome outcome);
extern TallyBuilder *tally_begin(void);
extern void tally_add(TallyBuilder *builder, int model1, int model2,
					  Outcome outcome, int64 count);
extern void tally_pour(TallyBuilder *builder, TallyBuilder *source,
					   const int *outcomes);
extern int	tally_num_pairs(const TallyBuilder *builder);
extern Tally *tally_finish(TallyBuilder *builder, int num_models,
						   const int *position);
extern Tally *tally_among(const Tally *tally, const int *index, int num_kept);
extern void tally_count_battles(const Tally *tally, int64 *battles);
extern PairPoints tally_points(const Tally *tally);
extern PairPoints points_create(int num_pairs);

/* components.c */
extern BattleGraph *graph_create(const Tally *tally);
extern int	graph_find_standings(BattleGraph *graph, PairPoints points,
								 Standing *standing);
extern void graph_explain(BattleGraph *graph, PairPoints points,
						  ModelStatus *status);

/* lapack.c */
extern void lapack_init(void);
extern Curvature *curvature_create(int size);
extern double *curvature_matrix(Curvature *curvature);
extern bool curvature_factor(Curvature *curvature);
extern bool curvature_factor_laplacian(Curvature *curvature);
extern void curvature_invert(Curvature *curvature);
extern void curvature_variances(const Curvature *curvature, double *variances);
extern void curvature_solve(const Curvature *curvature,
							const double *gradient, double *step);

/* likelihood.c */
extern Likelihood *likelihood_create(const Tally *tally, double prior_battles);
extern void likelihood_gradient(Likelihood *likelihood, PairPoints points,
								const double *strengths, double *gradient);
extern void likelihood_exact_gradient(Likelihood *likelihood,
									  PairPoints points,
									  const double *strengths,
									  double *gradient);
extern void likelihood_hessian(Likelihood *likelihood, PairPoints points,
							   const double *strengths, double *matrix);
extern double best_shift(const double *strengths, int num_models);

/* tree.c */
extern Tree *tree_create(const Tally *tally, double prior_battles);
extern double curvature_of(double battles, double ahead);
extern bool tree_climb(Tree *tree, PairPoints points, const bool *placed,
					   double tolerance, double *strengths);

/* fit.c */
extern Fitter *fitter_create(const Tally *tally, double prior_battles);
extern void fit_maximum(Fitter *fitter, PairPoints points, double *strengths);
extern void fit_replicate(Fitter *fitter, PairPoints points,
						  const bool *placed, double *strengths);

/* resample.c */
extern Resampler *resampler_create(const Tally *tally);
extern void resample(Resampler *resampler, pg_prng_state *prng,
					 PairPoints points);
extern void seed_replicate(pg_prng_state *prng, uint64 seed, int replicate);

/* scale.c */
extern double round_score(double score);
extern double mean_score(const double *scores, const bool *among,
						 int num_models);
extern void shift_scores(double *scores, int num_models, double points);
extern double win_share(double score, double other_score);

/* interval.c */
extern int	bootstrap_intervals(Fitter *fitter, const Tally *tally,
								PointEstimate estimate,
								const RankOptions *options,
								Bounds bounds, Bounds *centred);

/* ranking.c */
extern Ranking *rank_models(const Tally *tally, const RankOptions *options);
extern const char *model_status_name(ModelStatus status);

/*-------------------------------------------------------------------------
 * The database half
 *-------------------------------------------------------------------------
 */

/* A model as the battles name it: an id's or a name's bytes */
typedef struct ModelKey
{
	char	   *bytes;
	int			length;
} ModelKey;

/* How many battles could not be used, by reason */
typedef struct IgnoredBattles
{
	int64		null_model;
	int64		null_outcome;
	int64		unknown_outcome;
	int64		same_model;		/* a model against itself */
	int64		unknown_model;	/* it has no row in the arena's model table */
} IgnoredBattles;

/* What was read: a tally and the models that it speaks of, in its order */
typedef struct Battles
{
	char	   *leaderboard;	/* slug, where all of an arena were read */
	Tally	   *tally;
	ModelKey   *models;			/* as read, ascending by their bytes */
	IgnoredBattles ignored;
	OutcomeReading reading;
	OutcomeWords *outcomes;
	char	   *outcome_column; /* its name, quoted */
} Battles;

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
	REQUIRED_DATE
} RequiredKind;

/* A column that an arena must have */
typedef struct RequiredColumn
{
	const char *relation;
	const char *name;
	RequiredKind	kind;
} RequiredColumn;

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
	char	   *leaderboard_url;	/* or NULL */
	double		prior_battles;
	char	   *anchor_model;
	double		anchor_score;
	int64		seed;
	double		max_unread_percent;
} Settings;

/* A run: the making of a snapshot, as bixarena.run keeps it */
typedef struct Run
{
	Datum		correlation_id; /* a uuid */
	Datum		call_id;		/* a uuid, of all runs of a call; 0: none */
	struct Campaign *campaign;	/* that makes it, or NULL */
	const char *arena;
	const char *slug;			/* of the leaderboard */
	const char *role;			/* that asked, where it is not the current one */
	const char *trigger_source;
	const char *triggered_by;	/* or NULL */
	const TimestampTz *as_of;	/* only battles up to then, or NULL */
	const int64 *num_bootstrap; /* that was asked for, or NULL: the setting */
	const int64 *min_evaluations;	/* likewise */
	int64		request_number; /* 0: the quota does not count it */
	TimestampTz requested_at;	/* of one that waits */
	int			attempts;		/* this one included */
	int			number;			/* of so many runs of one call, from 1 */
	int			num_runs;		/* 0: it is the only one */
	TimestampTz started_at;
	TimestampTz ended_at;

	const Leaderboard *leaderboard; /* NULL until it was found */
	const Settings *settings;	/* NULL until they were read */

	const char *status;
	char	   *reason;			/* why it was skipped, or NULL */
	const ErrorData *error;		/* why it has failed, or NULL */
	bool		has_snapshot;
	Datum		snapshot_id;	/* a uuid */
	char	   *snapshot_identifier;
	int			entry_count;
	int64		evaluation_count;
	int			num_incomplete; /* replicates that could not place all */
	IgnoredBattles ignored;
	Datum		unranked;		/* jsonb: slugs and why they are */

	double		read_seconds;
	double		fit_seconds;
	double		bootstrap_seconds;
	double		write_seconds;
} Run;

/* A call that makes many runs, and how it goes: see campaign.c */
typedef struct Campaign
{
	bool		stops_when_cancelled;	/* else only the run at hand is */
	MemoryContext memory;		/* lasts as long as the call */
	MemoryContext run_memory;	/* reset after each run */
	int			num_runs;
	int			num_failed;
	int			first_error;	/* SQLSTATE of the first failure */
	StringInfoData failures;	/* for the message at the end */

	bool		dry_run;		/* nothing is written */
	const Run  *call;			/* what the runs of a call have in common, if
								 * it is to be summed up */
	char	   *channel;		/* a notice for after the commit, or NULL */
	char	   *notice;
	SavedTransactionCharacteristics caller; /* of the caller's transaction */
	int			guc_level;		/* of the transaction at hand */
} Campaign;

/* What a campaign does in a subtransaction */
typedef void (*CampaignStep) (void *argument);

/* Puts the beginning of a run on record, unless there is nothing to do */
typedef bool (*RunBeginning) (Run *run);

/* The typed parameters of a query, in the order of their numbers */
#define MAX_PARAMETERS 32

typedef struct Parameters
{
	int			count;
	Oid			types[MAX_PARAMETERS];
	Datum		values[MAX_PARAMETERS];
	char		nulls[MAX_PARAMETERS];	/* 'n' or ' ' */
} Parameters;

/* What functions of ours run SQL with: a user's objects are named, or not meant */
#define PINNED_SEARCH_PATH "pg_catalog, pg_temp"

/* What to return to after become_owner() */
typedef struct OwnerScope
{
	Oid			user;
	int			security_context;
	int			guc_level;
} OwnerScope;

/* What reads a relation of an arena as a bystander: see watch.c */
typedef void (*WatchStep) (void *argument);

struct BackgroundWorkerHandle;

/* What locks are about: see locks.c */
typedef enum LockClass
{
	LOCK_LEADERBOARD = 0xB1,
	LOCK_RUN,
	LOCK_WORKER,
	LOCK_QUOTA,
	LOCK_IDENTIFIER,
	LOCK_LAUNCHER,
	LOCK_REQUEST
} LockClass;

/* A role and an arena, of which runs wait */
typedef struct Queue
{
	Oid			role;
	char		arena[NAMEDATALEN];
} Queue;

/* Where in the order of their queue runs are: after this one */
typedef struct QueuePosition
{
	TimestampTz requested_at;
	pg_uuid_t	correlation_id;
} QueuePosition;

/* init.c */
extern char *arena_setting;
extern bool progress_setting;

/* version.c */
extern void check_version(void);

/* query.c */
extern void add_parameter(Parameters *parameters, Oid type, Datum value,
						  bool isnull);
extern void add_text(Parameters *parameters, const char *value);
extern void free_result(void);
extern void execute_query(const char *sql, int expected, bool read_only,
						  Parameters *parameters);
extern void execute_query_now(const char *sql, Parameters *parameters);
extern void look_up(const char *sql, Parameters *parameters);
extern char *result_text(int row, int column);
extern Datum result_uuid(int row, int column);
extern char *argument_text(FunctionCallInfo fcinfo, int number);
extern char *cut_text(const char *text, int max_bytes);
extern OwnerScope become_owner(void);
extern void leave_owner(OwnerScope scope);

/* arena.c */
extern char *resolve_arena(const char *arena);
extern void check_arena_admin(const char *arena);
extern Leaderboard *find_leaderboard(const char *arena, const char *slug);
extern Leaderboard *find_watched_leaderboard(const char *arena, const char *slug);
extern List *list_leaderboards(const char *arena);
extern bool has_privilege(const Leaderboard *leaderboard, const char *table,
						  const char *privilege);
extern void check_may_write(const char *arena);
extern void lock_leaderboard(const Leaderboard *leaderboard, bool wait);

/* harmless.c */
extern void check_harmless(const char *sql, Oid *types, int num_types);

/* watch.c */
extern bool watch_strictly;

extern void watch(const char *arena, const char *relation, WatchStep step,
				  void *argument);
extern void check_watched_query(const char *sql, Oid *types, int num_types);
extern void watch_leaderboard(const char *arena, const char *slug);

/* locks.c */
extern bool lock_for_transaction(LockClass class, const void *key, int length,
								 bool wait);
extern void unlock_for_transaction(LockClass class, const void *key, int length);
extern void share_for_transaction(LockClass class, const void *key, int length);
extern bool lock_for_session(LockClass class, const void *key, int length);
extern void unlock_for_session(LockClass class, const void *key, int length);
extern void retake_session_locks(void);
extern bool lock_is_held(LockClass class, const void *key, int length);

/* setting.c */
extern Settings *default_settings(void);
extern const Settings *settings_of(const Run *run);
extern Settings *read_settings(const char *arena, const char *slug);
extern void check_setting_integer(const char *name, int64 number);
extern Settings *read_run_settings(const Run *run);
extern void check_setting_number(const char *name, double number);

/* outcome.c */
extern Meaning outcome_meaning(const char *text);
extern OutcomeWords *outcome_words_create(void);
extern Meaning outcome_words_add(OutcomeWords *words, char *text, Outcome named,
								 int64 count);
extern OutcomeReading read_outcomes(const OutcomeWords *words);
extern char *list_outcomes(const OutcomeWords *words, int vocabulary, bool read);
extern const char *unread_example(const OutcomeWords *words, int vocabulary);
extern bool outcomes_are_mixed(const OutcomeWords *words, int vocabulary);
extern const char *vocabulary_name(int vocabulary);
extern char *explain_rivals(const OutcomeWords *words,
							const OutcomeReading *reading);

/* ballots.c */
extern Ballots *ballots_create(void);
extern void ballots_add(Ballots *ballots, Meaning meaning, int model1,
						int model2, int64 count);
extern int	ballots_size(const Ballots *ballots);
extern TallyBuilder *ballots_count(Ballots *ballots, int vocabulary);

/* columns.c */
extern Oid	find_arena_relation(const char *arena, const char *name);
extern char *missing_columns(const char *arena, const RequiredColumn *required,
							 int count);
extern void check_moment(const char *arena, const char *relation,
						 const char *column);
extern void check_moments(const char *arena);

/* battle_query.c */
extern bool has_own_battles(const char *arena);
extern char *battle_query(const char *arena);

/* battles.c */
extern List *read_battles(const char *sql, ParamListInfo parameters,
						  bool uuid_models, List *slugs, bool now,
						  char *source);
extern Battles *read_leaderboard_battles(const Leaderboard *leaderboard,
										 const TimestampTz *as_of, bool now);
extern List *read_arena_battles(const char *arena, List *slugs);
extern Battles *no_battles(void);
extern void keep_models(Battles *battles, const int *index, int num_kept);
extern int64 count_ignored(const IgnoredBattles *ignored);
extern void check_outcomes(const Battles *battles, double max_unread_percent,
						   const char *source);
extern void report_ignored(const Battles *battles, const char *source);

/* relation.c */
extern Battles *read_relation_battles(Oid relation, const char *model1,
									  const char *model2, const char *outcome);

/* contenders.c */
extern Contenders *read_contenders(const Leaderboard *leaderboard,
								   Battles *battles);

/* snapshot.c */
extern void write_snapshot(Run *run, const Ranking *ranking,
						   const Contenders *contenders);

/* run.c */
extern void check_correlation_id(Datum correlation_id);
extern Datum run_parameters(const Run *run);
extern void check_slug(const Run *run);
extern uint64 write_record(const char *sql, int expected, Parameters *parameters);
extern void add_time(Parameters *parameters, TimestampTz value, bool isnull);
extern bool record_start(Run *run);
extern bool record_request(const Run *run);
extern bool record_attempt(Run *run);
extern void record_end(const Run *run);
extern void record_failure(Run *run, const ErrorData *error, bool for_good);
extern void delete_old_runs(const char *arena);

/* call.c */
extern Datum *record_call(const Run *call, List *slugs);
extern void record_never_begun(const Run *call, const ErrorData *error);
extern void read_call(const Run *call);

/* notice.c */
extern void notify_end(const Run *run);
extern void notify_call(void *campaign);
extern void queue_kept_notice(void *campaign);
extern void drop_kept_notice(Campaign *campaign);

/* progress.c */
extern void progress_to_activity(void);
extern void progress_begin(const Run *run);
extern void progress_phase(const char *phase);
extern void progress_replicates(int done, int total);

/* retention.c */
extern void apply_retention(const Run *run);

/* generate.c */
extern char *checked_trigger_source(char *trigger_source);
extern char *checked_triggered_by(char *triggered_by);
extern void make_snapshot(Run *run, Battles *battles, bool dry_run);

/* campaign.c */
extern void campaign_begin(Campaign *campaign);
extern void campaign_begin_procedure(Campaign *campaign,
									 FunctionCallInfo fcinfo, const char *name);
extern void campaign_commit(Campaign *campaign);
extern ErrorData *campaign_try(CampaignStep step, void *argument);
extern void campaign_make(Campaign *campaign, Run *run, RunBeginning begin,
						  Battles *battles);
extern void campaign_make_own(Campaign *campaign, Run run, Battles *battles);
extern void campaign_note_failure(Campaign *campaign, const Run *run,
								  const ErrorData *error);
extern void campaign_cancelled(Campaign *campaign, ErrorData *error);
extern void campaign_end(Campaign *campaign);

/* time_limit.c */
extern void begin_time_limit(const Settings *settings);
extern void end_time_limit(ErrorData *error);
extern bool time_limit_passed(void);

/* waiting.c */
extern Run *find_queued_run(const Run *run);
extern Run *first_waiting_run(const Queue *queue);
extern List *list_queues(void);
extern bool fail_if_expired(Run *run);
extern void fail_queue(const Queue *queue, const ErrorData *error);
extern ErrorData *make_error(int sqlstate, char *message, char *detail);
extern void take_up_queue(Campaign *campaign, const Queue *queue);
extern void take_up_waiting_runs(Campaign *campaign, const char *arena);

/* worker.c */
extern void check_worker_role(Oid role);
extern ErrorData *find_obstacle(Oid role);
extern struct BackgroundWorkerHandle *start_worker(const Queue *queue);

/* launcher.c */
extern void wake_launcher(void);
extern void wake_launcher_at_commit(void);

#endif							/* BIXARENA_RANK_H */
