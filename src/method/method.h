/*-------------------------------------------------------------------------
 *
 * method.h
 *	  The method: from outcomes to a ranking.
 *
 *	outcome, ballots, voters -> tally -> components -> likelihood, lapack, tree, matrix
 *			-> threads, quasi_newton -> fit
 *			-> alias -> resample, voter_draws -> bootstrap -> team; voter_gradient -> covariance
 *			-> interval, scale, quasi, difference
 *			-> ranking -> robustness, pull; binomial, alias -> reenact, cycles, chi_square
 *			-> goodness, next_battle
 *
 *	Where more than strengths decides battles:
 *
 *	covariates -> edges -> separation; cone -> unbounded; outcome_likelihood -> bordered
 *			-> regression -> estimator -> term_covariance
 *
 * This half knows no table, no SPI and no GUC.  Of the server it uses palloc,
 * ereport, interrupts, its hash functions and its PRNG, so that it can be tested
 * and fuzzed by itself.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_METHOD_H
#define BIXARENA_METHOD_H

#include "common/pg_prng.h"
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

#define MIN_BOOTSTRAP		10
#define MAX_BOOTSTRAP		10000
#define DEFAULT_BOOTSTRAP	1000

/* How often battles are fought again to test the fit, where nobody says otherwise */
#define DEFAULT_TRIALS		200

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
	int64		turned[NUM_OUTCOMES];	/* those of them in which the second
										 * stood first */
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

/* Battles by who cast them: see voters.c */
typedef struct Voters Voters;

/* Battles of a voter that say the same; of voter -1, each of another */
typedef struct VoterCell
{
	int32		voter;
	uint32		what;			/* NUM_OUTCOMES times a slot, plus the outcome */
	int64		count;
} VoterCell;

/* All of these, in the order of voters */
typedef struct VoterCells
{
	const VoterCell *cells;
	int64		number;
	int64		num_known;		/* of voters that are known: the first ones */
	int			num_voters;		/* that are known */
	int64		num_unknown;	/* battles without one */
	int			num_slots;
	Size		max_bytes;		/* that may be taken for them */
} VoterCells;

/* Replicates of battles by drawing voters: see voter_draws.c */
typedef struct VoterDraws VoterDraws;

/*
 * What one battle gives to a gradient: to which places, and how much.  Returns to how
 * many.  It is named by NUM_OUTCOMES times its slot, plus its outcome.
 */
typedef int (*BattleGradient) (const void *context, uint32 what, int *places,
							   double *amounts);

/*
 * The points that the two sides of each pair of a tally took off each other,
 * a tie counted as half a point for either: arrays of num_pairs.  A tally has
 * one such set, each bootstrap replicate another.
 */
typedef struct PairPoints
{
	double	   *first;
	double	   *second;
	double	   *ties;			/* how many there were; NULL: nobody asks */
} PairPoints;

/* pairs pair, pair + 1, ... of a tally are first's with second, second + 1, ... */
typedef struct PairRun
{
	int32		first;
	int32		second;
	int32		pair;
	int32		length;
} PairRun;

/* How ties are taken */
typedef enum TieModel
{
	TIES_HALF,					/* half a win for either */
	TIES_DAVIDSON				/* an outcome with a chance of its own */
} TieModel;

/* What besides strengths decides a battle */
typedef struct ModelTerms
{
	bool		position;		/* standing first */
	TieModel	ties;
	int			num_covariates;
} ModelTerms;

/*
 * Battles as more than strengths decides them: cells with all that is known of them.
 * Where there are no covariates these are the pairs, or two rows of the pairs: those
 * in which the first model stood first, and those in which the second did.
 */
typedef struct OutcomeCells
{
	const Tally *pairs;
	const Tally *tally;			/* the cells, each as a pair */
	int			num_sides;
	const double *x;			/* position and covariates of each cell, or
								 * NULL */
} OutcomeCells;

/* The chances of a battle */
typedef struct OutcomeChances
{
	double		first;
	double		second;
	double		tie;
} OutcomeChances;

/* Whether there were such battles in a cell */
typedef struct CellOutcomes
{
	bool		won;			/* by its first model */
	bool		lost;
	bool		tied;
} CellOutcomes;

/* Bounds of what models can differ by on the way to infinity: see edges.c */
typedef struct EdgeList EdgeList;

/* What lies inside of walls: see cone.c */
typedef struct Cone Cone;

/* What a ranking predicts of the battles of a pair */
typedef struct Prediction
{
	double		points;			/* of the first model */
	double		share;			/* the same of all points */
	double		outcomes[NUM_OUTCOMES];
	double		chance;			/* p-value of being as far off */
} Prediction;

/* The log-likelihood of outcomes: see outcome_likelihood.c */
typedef struct OutcomeLikelihood OutcomeLikelihood;

/* Which way terms go to infinity that battles do not bound: 1, -1, or 0: they do */
typedef struct Separation
{
	int			position;
	int			ties;
} Separation;

/* Battles with what is known of each besides: see covariates.c */
typedef struct Covariates Covariates;

/* A covariate over all battles */
typedef struct CovariateScale
{
	double		mean;
	double		deviation;		/* 0: it is always the same */
	double		unit;			/* that the fit measures it in */
} CovariateScale;

/* The Hessian of strengths with a border of terms: see bordered.c */
typedef struct Bordered Bordered;

/* The climb with terms: see regression.c */
typedef struct Regression Regression;

/* Which terms are fitted, of the battles and of replicates: see estimator.c */
typedef struct Estimator Estimator;

/* The negative of its Hessian, in three parts */
typedef struct OutcomeHessian
{
	double	   *strengths;
	double	   *cross;			/* of each term, with each strength */
	double	   *terms;
} OutcomeHessian;

/* What one battle of each outcome adds to them */
static const double points_of_first[NUM_OUTCOMES] = {1.0, 0.0, 0.5};
static const double points_of_second[NUM_OUTCOMES] = {0.0, 1.0, 0.5};

/* Of whose battles residuals are asked for */
typedef struct FittedTally
{
	const Tally *tally;
	const double *strengths;
} FittedTally;

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

/* What the last steps of a climb teach: see quasi_newton.c */
typedef struct StepMemory StepMemory;

/* By how much models are tied together: see threads.c */
typedef struct Threads Threads;

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

/*
 * Scores in points of each model in each replicate, models one after the other: NAN
 * where the replicate says nothing, infinite where it places the model nowhere.
 */
typedef struct Replicates
{
	int			num_models;
	int			num_replicates;
	double	   *values;
	double	   *centring;		/* of a replicate: what brings scores to the
								 * mean of the ranked */
	int			num_terms;
	double	   *terms;			/* likewise, term after term, in natural logs:
								 * infinite where a replicate does not bound
								 * it */
	int			num_incomplete; /* replicates that could not place all models */
} Replicates;

/* What replicates are made in: see bootstrap.c */
typedef struct Bootstrap Bootstrap;

/*
 * Work that several processes do at once, in one piece of memory without pointers.  Who
 * has it tells the others by that memory what to do; all take part until nothing is left,
 * and then who has it collects the result.
 */
typedef struct SharedWork
{
	Size		size;			/* of the memory */
	double		seconds;		/* that one process would take */
	double		seconds_to_prepare; /* that another takes before it can help */
	void		(*describe) (void *memory, void *argument);
	void		(*take_part) (void *memory, void *argument);
	void		(*collect) (const void *memory, void *argument);
	void	   *argument;
} SharedWork;

/* How strengths vary together: see covariance.c */
typedef struct Covariance Covariance;

/* What models differ by, and how surely: see difference.c */
typedef struct Differences Differences;

/* The ranks that the data allow a model */
typedef struct RankRange
{
	int			lowest;			/* with 95 % for this model alone */
	int			highest;
	int			lowest_of_all;	/* with 95 % for all models at once */
	int			highest_of_all;
	bool		may_be_best;
	double		share_on_top;	/* of the replicates */
} RankRange;

/* By how much one model is ahead of another, in points */
typedef struct Difference
{
	double		points;
	double		lower;			/* possibly infinite */
	double		upper;			/* likewise */
} Difference;

/* The models that can be placed, at their point estimate */
typedef struct PlacedFit
{
	const Tally *tally;			/* of the battles among them */
	PairPoints	points;			/* of its pairs */
	double		prior_battles;
	Fitter	   *fitter;
	const double *strengths;
	const bool *ranked;			/* which of them are */
	const int  *models;			/* their numbers in the ranking */
} PlacedFit;

/* How many battles carry the lead of one model over another */
typedef struct Robustness
{
	double		lead;			/* in points */
	int64		battles;		/* without these it is behind; -1: none were
								 * found */
	double		lead_after;		/* without them */
	int64	   *removed;		/* of each pair and outcome, or NULL */
} Robustness;

/* What a voter's battles do to the scores, in points */
typedef struct VoterPull
{
	int			voter;			/* the number under which he was added */
	int64		battles;
	double		points;			/* the largest difference that he moves */
	int			raised;			/* the model that he raises most, of the fit */
	double		raised_points;
	int			lowered;		/* ... and lowers most */
	double		lowered_points;
	double		lead_points;	/* that he adds to one model's lead over
								 * another */
} VoterPull;

/* The chance of a column's own value, in 2^-32; else its alias is drawn: see alias.c */
typedef struct AliasColumn
{
	uint32		own;
	int32		alias;
} AliasColumn;

/* The same with the two values in it, so that a draw has no more to compute */
typedef struct ValueColumn
{
	uint32		own;
	int16		values[2];		/* its own, and its alias */
} ValueColumn;

#define MAX_ALIAS_VALUE PG_INT16_MAX

/* Which of the columns of all tables are those of one; none: there is no table */
typedef struct AliasTable
{
	uint32		num_columns;
	uint32		begin;
} AliasTable;

/* The columns of several tables */
typedef struct AliasTables
{
	ValueColumn *columns;
	uint32		num_columns;
	uint32		max_columns;
} AliasTables;

/* A chance, ready for binomial draws: see binomial.c */
typedef struct Chance
{
	double		rarer;			/* it, or else 1 less it */
	double		odds;			/* of the rarer */
	double		log_none;		/* ln (1 - rarer) */
	bool		is_mirrored;
} Chance;

/* Battles fought again as a fit predicts: see reenact.c; arrays of num_pairs */
typedef struct Reenactment
{
	const Tally *tally;
	int64	   *battles;
	double	   *shares;			/* that the first model takes of the points */
	double	   *ties;			/* chances of these */
	Chance	   *tied;			/* the same, and */
	Chance	   *won;			/* of a win if it is no tie, for draws */
	AliasTable *tables;			/* of twice the first model's points, where a
								 * pair has one */
	AliasTables columns;		/* of all tables */
} Reenactment;

/* Counts cycles of three models: see cycles.c */
typedef struct CycleCounter CycleCounter;

/* Whether one number for each model describes the battles: see goodness.c */
typedef struct Goodness
{
	int			num_pairs;
	int			degrees;		/* of freedom; 0: nothing can be tested */
	double		deviance;
	double		expected_deviance;	/* by chance */
	bool		is_simulated;	/* the p-value, by fighting battles again */
	double		p_value;		/* NAN: there is none */
	double		excess;			/* of the error of shares over chance */
	double	   *residuals;		/* of each pair, in standard deviations */
	int64		cycles;
	double		expected_cycles;	/* by chance */
	double		cycles_p_value; /* likewise */
} Goodness;

/* What one wants to know from the next battle */
typedef enum BattleGoal
{
	GOAL_SCORES,
	GOAL_TOP,					/* which model is the first */
	GOAL_RANKS
} BattleGoal;

/* Two models of a fit that might meet next */
typedef struct NextBattle
{
	int			first;
	int			second;
	int64		battles;		/* that they have had */
	double		gain;			/* see next_battle.c */
	double		chance;			/* to draw them, of all pairs */
} NextBattle;

/* How intervals are found */
typedef enum IntervalKind
{
	INTERVALS_BOOTSTRAP,
	INTERVALS_SANDWICH,
	INTERVALS_NONE				/* bounds are infinite; nobody chooses that */
} IntervalKind;

/* What besides strengths decides battles, as it was found, in natural logs */
typedef struct TermEstimate
{
	double		value;
	double		lower;			/* possibly infinite */
	double		upper;
	double		deviation;		/* standard, as votes vary */
	double		by_information; /* likewise, if they varied as the model says */
	double		chance;			/* two-sided p-value of its being 0 */
} TermEstimate;

typedef struct RankOptions
{
	ModelTerms	terms;			/* that decide besides strengths */
	Covariates *covariates;		/* of the tally's battles, which are used up,
								 * or NULL */
	IntervalKind intervals;
	Voters	   *voters;			/* of the tally's battles, which are used up;
								 * NULL: battles are independent */
	int			num_bootstrap;	/* MIN_BOOTSTRAP to MAX_BOOTSTRAP */
	int64		min_evaluations;	/* models with fewer battles get no rank */
	bool		rank_by_significance;	/* else by score */
	double		prior_battles;	/* virtual battles a model, 0: none */
	int			anchor_model;	/* index of the model of fixed score, or -1 */
	double		anchor_score;	/* its score in points */
	uint64		seed;
	bool		keep_differences;	/* for rank_ranges() and the like */
	bool		keep_fit;		/* for find_robustness() and the like */
	const int  *name_order;		/* place of each model in the order of names */
	void		(*progress) (int done, int total);	/* told of the replicates
													 * done, or NULL */
	bool		(*share) (const SharedWork *work);	/* has it done with
													 * others' help; false:
													 * nobody may help.  Or
													 * NULL */
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
	bool		one_voter;		/* intervals by voter need another: likewise */
	int			num_incomplete; /* replicates that could not place all models */
	int64		num_voters;		/* 0: battles were taken as independent */
	int64		busiest_voter;	/* battles that he cast */
	double		widening;		/* by voter, intervals are so many times as
								 * wide as by battle */
	ModelTerms	terms;			/* those asked for that the battles bound */
	Separation	separation;		/* of the others */
	int			num_terms;
	TermEstimate *term_estimates;	/* position, covariates, odds of ties */
	double		tie_odds;		/* beside those of a win of equals; 0: ties
								 * are halves */
	Differences *differences;	/* of the ranked models, or NULL */
	int		   *compared;		/* number of each model among these, or -1 */
	PlacedFit  *fit;			/* or NULL */
	int		   *placed;			/* number of each model in the fit, or -1 */
	double		fit_seconds;
	double		bootstrap_seconds;
} Ranking;

/* tally.c */
extern Outcome mirrored(Outcome outcome);
extern void report_too_many_models(void);
extern void report_too_many_battles(void);
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
extern int	tally_find_pair(const Tally *tally, int first, int second);
extern PairPoints points_create(int num_pairs);

/* voters.c */
extern Voters *voters_begin(Size max_bytes);
extern void voters_keep_numbers(Voters *voters);
extern void voters_add(Voters *voters, int voter, int model1, int model2,
					   Meaning meaning, int64 count);
extern void voters_finish(Voters *voters, int vocabulary, const int *position);
extern void voters_keep(Voters *voters, const int *index);
extern void voters_bind(Voters *voters, const Tally *tally, int num_sides);
extern void voters_add_to_slot(Voters *voters, int voter, uint32 what, int64 count);
extern void voters_bind_to_slots(Voters *voters, int num_slots);
extern int64 voters_number(const Voters *voters);
extern int64 voters_busiest(const Voters *voters);
extern int	voters_number_added(const Voters *voters, int voter);
extern VoterCells voter_cells(const Voters *voters);
extern const Tally *voters_tally(const Voters *voters);
extern int64 voter_end(VoterCells cells, int64 cell);

/* voter_draws.c */
extern VoterDraws *voter_draws_create(const Voters *voters, bool with_ties);
extern void resample_voters(VoterDraws *draws, uint64 seed, int replicate,
							PairPoints points);

/* voter_gradient.c */
extern int	battle_residual(const void *context, uint32 what, int *models,
							double *amounts);
extern void voters_gradient_squares(const Voters *voters,
									BattleGradient battle_gradient,
									const void *context, int num_parameters,
									double *matrix);
extern int	voters_gradient(const Voters *voters, int64 *place,
							const double *strengths, double *gradient,
							bool *is_touched, int *touched, int *voter,
							int64 *battles);

/* components.c */
extern BattleGraph *graph_create(const Tally *tally);
extern int	graph_find_standings(BattleGraph *graph, PairPoints points,
								 Standing *standing);
extern void graph_explain(BattleGraph *graph, PairPoints points,
						  ModelStatus *status);

/* lapack.c */
extern void lapack_init(void);
extern Curvature *curvature_create(int size);
extern void curvature_free(Curvature *curvature);
extern void curvature_fill_flat_directions(Curvature *curvature);
extern double *curvature_matrix(Curvature *curvature);
extern bool curvature_factor(Curvature *curvature);
extern bool curvature_factor_laplacian(Curvature *curvature);
extern void curvature_invert(Curvature *curvature);
extern void curvature_inverse(const Curvature *curvature, double *inverse);
extern void curvature_variances(const Curvature *curvature, double *variances);
extern void curvature_solve(const Curvature *curvature,
							const double *gradient, double *step);

/* matrix.c */
extern double *full_matrix(Size n);
extern void multiply_full(const double *left, const double *right, double *products,
						  Size n);
extern double difference_variance(const double *covariance, Size n, int i, int j);

/* likelihood.c */
extern PairRun *find_pair_runs(const Tally *tally, int *num_runs);
extern bool worths_of_strengths(const double *strengths, int num_models, double *worths,
								double *middle);
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

/* outcome_likelihood.c */
extern OutcomeLikelihood *outcome_likelihood_create(const OutcomeCells *cells,
													ModelTerms terms,
													double prior_battles);
extern OutcomeChances outcome_chances(double ahead, double ties);
extern int	outcome_num_nodes(const OutcomeLikelihood *likelihood);
extern int	outcome_num_terms(const OutcomeLikelihood *likelihood);
extern void outcome_gradient(OutcomeLikelihood *likelihood, PairPoints points,
							 double num_ties, const double *parameters,
							 double *gradient);
extern void outcome_hessian(OutcomeLikelihood *likelihood, PairPoints points,
							const double *parameters, OutcomeHessian hessian);
extern int	outcome_battle_gradient(const OutcomeLikelihood *likelihood, int cell,
									Outcome outcome, const double *parameters,
									int *places, double *amounts);
extern double outcome_log_likelihood(const OutcomeLikelihood *likelihood,
									 const double *parameters);

/* tree.c */
extern Tree *tree_create(const Tally *tally, double prior_battles);
extern double curvature_of(double battles, double ahead);
extern bool tree_climb(Tree *tree, PairPoints points, const bool *placed,
					   double tolerance, double *strengths);

/* quasi_newton.c */
extern double dot_product(const double *a, const double *b, int n);
extern void add_multiple(double *sum, double factor, const double *vector, int n);
extern StepMemory *memory_create(int size);
extern void memory_forget(StepMemory *memory);
extern const double *memory_bend(StepMemory *memory, const double *gradient);
extern void memory_bend_back(StepMemory *memory, double *step);
extern void memory_remember(StepMemory *memory, const double *step,
							const double *before, const double *after);

/* threads.c */
extern Threads *threads_create(const Tally *tally, double prior_battles);
extern bool threads_judge(Threads *threads, PairPoints points,
						  const double *strengths);
extern bool are_tied(const Threads *threads, PairPoints points, const bool *placed,
					 const double *strengths, bool to_be_quick);

/* fit.c */
extern Fitter *fitter_create(const Tally *tally, double prior_battles);
extern void fit_maximum(Fitter *fitter, PairPoints points, double *strengths);
extern void fitter_inverse(Fitter *fitter, PairPoints points,
						   const double *strengths, double *inverse);
extern void fit_replicate(Fitter *fitter, PairPoints points,
						  const bool *placed, double *strengths);

/* bordered.c */
extern Bordered *bordered_create(int num_nodes, int num_terms);
extern OutcomeHessian bordered_hessian(Bordered *bordered);
extern Curvature *bordered_curvature(Bordered *bordered);
extern int	bordered_factor_terms(Bordered *bordered);
extern void bordered_solve(const Bordered *bordered, const double *gradient,
						   double *step);
extern void bordered_term_rows(const Bordered *bordered, double *rows);
extern void bordered_inverse(const Bordered *bordered, double *inverse);

/* regression.c */
extern Regression *regression_create(const OutcomeCells *cells, ModelTerms terms,
									 double prior_battles);
extern void add_sides(const OutcomeCells *cells, PairPoints points,
					  PairPoints of_pairs);
extern bool regression_fit(Regression *regression, PairPoints points);
extern bool regression_fit_replicate(Regression *regression, PairPoints points,
									 const bool *placed);
extern int	regression_untold_term(Regression *regression, PairPoints points);
extern const double *regression_estimate(const Regression *regression);
extern const double *regression_parameters(const Regression *regression);
extern int	regression_num_nodes(const Regression *regression);
extern int	regression_num_terms(const Regression *regression);
extern const OutcomeLikelihood *regression_likelihood(const Regression *regression);
extern void regression_term_rows(const Regression *regression, double *rows);
extern void regression_inverse(const Regression *regression, double *inverse);
pg_noreturn extern void report_terms_without_maximum(void);

/* edges.c */
extern CellOutcomes cell_outcomes(PairPoints points, int c);
extern EdgeList *edges_create(const OutcomeCells *cells, PairPoints points,
							  double prior_battles, bool ties);
extern void edges_free(EdgeList *list);
extern bool edges_negative_cycle(EdgeList *list, const double *leads, double d,
								 double tolerance);
extern void edges_cycle_sums(const EdgeList *list, const double *values, int number,
							 double *sums, double *multiple);

/* separation.c */
extern int	position_separation(const OutcomeCells *cells, PairPoints points,
								double prior_battles);
extern int	tie_separation(const OutcomeCells *cells, PairPoints points,
						   double prior_battles, bool position);

/* cone.c */
extern Cone *cone_create(int size);
extern void cone_free(Cone *cone);
extern int	cone_num_walls(const Cone *cone);
extern void cone_add_wall(Cone *cone, const double *normal);
extern void cone_nearest(Cone *cone, const double *g, double *y);

/* unbounded.c */
extern bool find_way_to_infinity(const OutcomeCells *cells, PairPoints points,
								 double prior_battles, ModelTerms terms, double *way);

/* covariates.c */
extern Covariates *covariates_begin(int number, char **names, bool by_voter,
									Size max_bytes);
extern void covariates_add(Covariates *covariates, int voter, int first, int second,
						   Meaning meaning, int64 count, const double *x);
extern void covariates_finish(Covariates *covariates, int vocabulary,
							  const int *position);
extern void covariates_keep(Covariates *covariates, const int *index);
extern void covariates_bind(Covariates *covariates, const Tally *tally);
extern Voters *covariates_voters(const Covariates *covariates);
extern int	covariates_number(const Covariates *covariates);
extern const char *covariate_name(const Covariates *covariates, int k);
extern CovariateScale covariate_scale(const Covariates *covariates, int k);
extern void check_covariates(const Covariates *covariates, bool position);
pg_noreturn extern void report_untold_covariate(const Covariates *covariates, int k,
												bool position);
pg_noreturn extern void report_unbounded_covariates(const Covariates *covariates,
													const double *way);
extern const Tally *covariates_tally(const Covariates *covariates);
extern const double *covariates_x(const Covariates *covariates, bool position);
extern const int *covariates_pairs(const Covariates *covariates);

/* estimator.c */
extern TieModel parse_tie_model(const char *name);
extern const char *tie_model_name(TieModel model);
extern const char *why_no_position(Separation separation);
extern const char *why_no_ties(Separation separation);
extern bool any_terms(ModelTerms terms);
extern int	terms_number(ModelTerms terms);
extern ModelTerms terms_of_battles(const Tally *pairs, ModelTerms terms,
								   double prior_battles, Separation *separation);
extern Estimator *estimator_create(const Tally *pairs, const Covariates *covariates,
								   ModelTerms terms, double prior_battles);
extern const Tally *estimator_tally(const Estimator *estimator);
extern int	estimator_num_sides(const Estimator *estimator);
extern ModelTerms estimator_terms(const Estimator *estimator);
extern PairPoints estimator_pair_points(Estimator *estimator, PairPoints points);
extern void estimator_check_covariates(Estimator *estimator,
									   const Covariates *covariates);
extern const Regression *estimator_fit(Estimator *estimator);
extern void estimator_fit_replicate(Estimator *estimator, PairPoints points,
									const bool *placed, double *strengths,
									double *terms);

/*
 * The next 64 bits of one of the server's generators (xoroshiro128**), as from
 * pg_prng_uint64().  Where very many are drawn the compiler keeps the state of a copy
 * in registers.
 */
static inline uint64
next_bits(pg_prng_state *prng)
{
	uint64		product = prng->s0 * 5;
	uint64		difference = prng->s1 ^ prng->s0;

	prng->s0 = (prng->s0 << 24 | prng->s0 >> 40) ^ difference ^ difference << 16;
	prng->s1 = difference << 37 | difference >> 27;
	return (product << 7 | product >> 57) * 9;
}

/*
 * A double from 0 to below 1, as from pg_prng_double().
 */
static inline double
uniform_draw(pg_prng_state *prng)
{
	return (double) (next_bits(prng) >> 12) / (UINT64CONST(1) << 52);
}

/* alias.c */
extern void fill_alias_table(AliasColumn *columns, double *weights, int num_columns);
extern AliasTable alias_tables_add(AliasTables *tables, double *weights, int num_values,
								   int lowest);

/*
 * One value from a table, by 32 random bits: the column by their product with
 * the number of columns, the choice within it by what is left of them.  The
 * choice is an index, since a branch would be mispredicted half the time.
 */
static inline int32
draw_from_table(const ValueColumn *columns, AliasTable table, uint32 bits)
{
	uint64		product = (uint64) bits * table.num_columns;
	const ValueColumn *column = &columns[table.begin + (uint32) (product >> 32)];

	return column->values[(uint32) product >= column->own];
}

/* resample.c */
extern Resampler *resampler_create(const Tally *tally);
extern void resample(Resampler *resampler, pg_prng_state *prng,
					 PairPoints points);
extern void resample_number(Resampler *resampler, pg_prng_state *prng,
							int64 number, PairPoints points);
extern void seed_replicate(pg_prng_state *prng, uint64 seed, int replicate);

/* scale.c */
extern double round_score(double score);
extern double mean_score(const double *scores, const bool *among,
						 int num_models);
extern void shift_scores(double *scores, int num_models, double points);
extern double win_share(double score, double other_score);
extern double expected_share(double score, double other_score, double tie_odds);

/* prediction.c */
extern Prediction predict_pair(const Pair *pair, double score, double other_score,
							   double position, double tie_odds);

/* bootstrap.c */
extern Replicates *replicates_create(int num_models, int num_replicates);
extern void replicates_free(Replicates *replicates);
extern Bootstrap *bootstrap_create(Fitter *fitter, Estimator *estimator,
								   const Tally *tally, PointEstimate estimate,
								   const RankOptions *options);
extern int	bootstrap_num_terms(const Bootstrap *bootstrap);
extern void bootstrap_make(Bootstrap *bootstrap, Replicates *replicates, int begin,
						   int end);

/* team.c */
extern Replicates *bootstrap_replicates(Fitter *fitter, Estimator *estimator,
										const Tally *tally, PointEstimate estimate,
										const RankOptions *options);
extern void help_team(void *memory);

/* covariance.c */
extern Covariance *covariance_by_battle(Fitter *fitter, const Tally *tally,
										PairPoints points, const double *strengths);
extern Covariance *covariance_by_voter(Fitter *fitter, const Voters *voters,
									   const Tally *tally, PairPoints points,
									   const double *strengths);
extern Covariance *covariance_of_matrix(double *matrix, int num_models);
extern int	covariance_num_models(const Covariance *covariance);
extern void covariance_deviations(const Covariance *covariance,
								  const bool *reference, double *deviations);
extern double *covariance_matrix(Covariance *covariance);
extern void covariance_free(Covariance *covariance);

/* term_covariance.c */
extern Covariance *covariance_with_terms(const Regression *regression,
										 const Tally *cells, const Voters *voters);
extern void term_deviations(const Regression *regression, const Tally *cells,
							const Voters *voters, double *deviations,
							double *by_information);

/* quantile.c */
extern double find_quantile(double *values, int num_values, double chance);

/* interval.c */
extern void find_quantile_bounds(const double *values, double *copy, int num_values,
								 double *lower, double *upper);
extern double wald_chance(double deviate, int64 num_voters);
extern void percentile_bounds(const Replicates *replicates, Bounds bounds);
extern void centre_replicates(Replicates *replicates);
extern void wald_bounds(const Covariance *covariance, const double *scores,
						const bool *reference, double point, Bounds bounds);
extern double interval_point(int64 num_voters);
extern IntervalKind parse_interval_kind(const char *name);
extern const char *interval_kind_name(IntervalKind kind);

/* quasi.c */
extern bool find_quasi_variances(const double *deviations, int num_models,
								 double *quasi_variances);

/* difference.c */
extern Differences *differences_of_replicates(const Replicates *replicates,
											  const double *scores,
											  const int *ranked, int num_ranked);
extern Differences *differences_of_covariance(Covariance *covariance,
											  const double *scores,
											  const int *ranked, int num_ranked,
											  int num_draws, uint64 seed,
											  double point);
extern RankRange *rank_ranges(const Differences *differences);
extern Difference find_difference(const Differences *differences, int a, int b);
extern bool comparison_bounds(const Differences *differences, Bounds bounds);

/* ranking.c */
extern Bounds bounds_create(int num_models);
extern Ranking *rank_models(const Tally *tally, const RankOptions *options);
extern const char *model_status_name(ModelStatus status);

/* robustness.c */
extern Robustness find_robustness(const PlacedFit *fit, int leader, int rival);

/* pull.c */
extern VoterPull *strongest_pulls(const PlacedFit *fit, const Voters *voters,
								  int leader, int rival, int limit,
								  int *num_pulls);

/* binomial.c */
extern Chance prepare_chance(double chance);
extern int64 draw_binomial(pg_prng_state *prng, int64 number, Chance chance);

/* chi_square.c */
extern double chi_square_tail(double value, double degrees);

/* reenact.c */
extern double pair_battles(const Pair *pair);
extern double predicted_share(const PlacedFit *fit, const Pair *pair);
extern Reenactment *reenactment_create(const PlacedFit *fit);
extern void reenactment_add_tables(Reenactment *reenactment);
extern double dispersion(const Reenactment *reenactment, int pair);
extern void reenact(const Reenactment *reenactment, pg_prng_state *prng,
					PairPoints points);

/* cycles.c */
extern CycleCounter *cycle_counter_create(const Tally *tally);
extern int64 count_cycles(CycleCounter *counter, PairPoints points);

/* goodness.c */
extern Goodness *test_goodness(const PlacedFit *fit, int num_replicates, uint64 seed,
							   bool with_cycles);
extern double *find_residuals(const PlacedFit *fit);

/* next_battle.c */
extern BattleGoal parse_battle_goal(const char *name);
extern NextBattle *next_battles(const PlacedFit *fit, BattleGoal goal, int limit,
								int *num_pairs);

/* outcome.c */
extern Meaning outcome_meaning(const char *string);
extern OutcomeWords *outcome_words_create(void);
extern Meaning outcome_words_add(OutcomeWords *words, char *string, Outcome named,
								 int64 count);
extern OutcomeReading read_outcomes(const OutcomeWords *words);
extern char *list_outcomes(const OutcomeWords *words, int vocabulary, bool read);
extern const char *unread_example(const OutcomeWords *words, int vocabulary,
								  bool *is_name);
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

#endif							/* BIXARENA_METHOD_H */
