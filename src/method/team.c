/*-------------------------------------------------------------------------
 *
 * team.c
 *	  All replicates, made by one process or by several.
 *
 * Where others can help, who ranks puts what replicates depend on into memory that all
 * share: the counts of the pairs, the point estimate, and the few options.  Each takes the
 * next few replicates that nobody has taken, until there are none.  A replicate is the
 * same whoever makes it.
 *
 * A helper fits the same battles once more.  That costs less than to hand over all that a
 * fit leaves behind, and takes as long as the helper comes late.
 *
 * Replicates of voters, or with terms, are made by one process.
 *
 * Shared memory: 56 bytes a pair, and 8 for each replicate and model.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"

#include "method/method.h"

/* So many replicates are taken at a time */
#define AT_A_TIME 8

/* More memory than this is not shared */
#define MAX_SHARED (32 * 1024 * 1024)

/* About what a replicate takes, for each pair and each entry of a Hessian */
#define SECONDS_PER_PAIR	1e-8
#define SECONDS_PER_ENTRY	2e-9

/* And a fit of all, for each triple of models: factors and inverses of the Hessian */
#define SECONDS_PER_TRIPLE	4e-10

/* What is shared.  Behind it stand the arrays that find_parts() finds. */
typedef struct Team
{
	int			num_models;
	int			num_pairs;
	int64		num_battles;
	int			num_replicates;
	double		prior_battles;
	uint64		seed;
	pg_atomic_uint32 taken;		/* replicates, by anybody */
	pg_atomic_uint32 num_incomplete;
} Team;

/* Where its arrays are */
typedef struct TeamParts
{
	Pair	   *pairs;
	double	   *scores;			/* of the point estimate */
	bool	   *ranked;
	bool	   *reference;
	double	   *values;			/* of replicates */
	double	   *centring;
	Size		size;			/* of all */
} TeamParts;

/* What the process that ranks has */
typedef struct Leader
{
	Bootstrap  *bootstrap;
	Replicates *replicates;
	const Tally *tally;
	const PointEstimate *estimate;
	const RankOptions *options;
} Leader;

/* Where the next part is, of so many elements */
static void *
next_part(char *memory, Size *at, Size number, Size size)
{
	char	   *part = memory + *at;

	*at = add_size(*at, MAXALIGN(mul_size(number, size)));
	return part;
}

/*
 * The arrays behind a team at some address, or with that NULL only their size.
 */
static TeamParts
find_parts(char *memory, int num_models, int num_pairs, int num_replicates)
{
	TeamParts	parts;
	Size		at = MAXALIGN(sizeof(Team));

	parts.pairs = next_part(memory, &at, num_pairs, sizeof(Pair));
	parts.scores = next_part(memory, &at, num_models, sizeof(double));
	parts.ranked = next_part(memory, &at, num_models, sizeof(bool));
	parts.reference = next_part(memory, &at, num_models, sizeof(bool));
	parts.values = next_part(memory, &at, mul_size(num_models, num_replicates),
							 sizeof(double));
	parts.centring = next_part(memory, &at, num_replicates, sizeof(double));
	parts.size = at;
	return parts;
}

static TeamParts
parts_of(Team *team)
{
	return find_parts((char *) team, team->num_models, team->num_pairs,
					  team->num_replicates);
}

/*
 * Put into shared memory what replicates depend on.
 */
static void
describe(void *memory, void *argument)
{
	const Leader *leader = argument;
	const Tally *tally = leader->tally;
	const PointEstimate *estimate = leader->estimate;
	int			n = tally->num_models;
	Team	   *team = memory;
	TeamParts	parts;

	team->num_models = n;
	team->num_pairs = tally->num_pairs;
	team->num_battles = tally->num_battles;
	team->num_replicates = leader->replicates->num_replicates;
	team->prior_battles = leader->options->prior_battles;
	team->seed = leader->options->seed;
	pg_atomic_init_u32(&team->taken, 0);
	pg_atomic_init_u32(&team->num_incomplete, 0);
	parts = parts_of(team);
	memcpy(parts.pairs, tally->pairs, sizeof(Pair) * tally->num_pairs);
	memcpy(parts.scores, estimate->scores, sizeof(double) * n);
	memcpy(parts.ranked, estimate->ranked, sizeof(bool) * n);
	memcpy(parts.reference, estimate->reference, sizeof(bool) * n);
}

/*
 * Make replicates until all have been taken.
 */
static void
make_replicates(Team *team, Bootstrap *bootstrap)
{
	TeamParts	parts = parts_of(team);
	Replicates	shared = {
		.num_models = team->num_models,.num_replicates = team->num_replicates,
		.values = parts.values,.centring = parts.centring
	};
	uint32		number = team->num_replicates;

	for (;;)
	{
		uint32		begin = pg_atomic_fetch_add_u32(&team->taken, AT_A_TIME);

		CHECK_FOR_INTERRUPTS();
		if (begin >= number)
			break;
		bootstrap_make(bootstrap, &shared, begin, Min(begin + AT_A_TIME, number));
	}
	pg_atomic_fetch_add_u32(&team->num_incomplete, shared.num_incomplete);
}

static void
lead(void *memory, void *argument)
{
	make_replicates(memory, ((Leader *) argument)->bootstrap);
}

static void
collect(const void *memory, void *argument)
{
	Team	   *team = unconstify(void *, memory);
	TeamParts	parts = parts_of(team);
	Replicates *replicates = ((Leader *) argument)->replicates;
	Size		number = replicates->num_replicates;

	memcpy(replicates->values, parts.values,
		   sizeof(double) * replicates->num_models * number);
	memcpy(replicates->centring, parts.centring, sizeof(double) * number);
	replicates->num_incomplete = pg_atomic_read_u32(&team->num_incomplete);
}

/*
 * How long one process would take for all replicates.
 */
static double
expected_seconds(const Tally *tally, int num_replicates)
{
	double		n = tally->num_models;

	return num_replicates * (SECONDS_PER_PAIR * tally->num_pairs + SECONDS_PER_ENTRY * n * n);
}

/*
 * How long a helper takes to fit.
 */
static double
expected_fit_seconds(const Tally *tally)
{
	double		n = tally->num_models;

	return SECONDS_PER_TRIPLE * n * n * n;
}

/*
 * Make all replicates with others.  False if nobody may help.
 */
static bool
make_with_others(Leader *leader)
{
	int			number = leader->replicates->num_replicates;
	SharedWork	work = {
		.size = find_parts(NULL, leader->tally->num_models, leader->tally->num_pairs,
						   number).size,
		.seconds = expected_seconds(leader->tally, number),
		.seconds_to_prepare = expected_fit_seconds(leader->tally),
		.describe = describe,.take_part = lead,.collect = collect,.argument = leader
	};

	return work.size <= MAX_SHARED && leader->options->share(&work);
}

/*
 * Make all replicates of the scores, and with an estimator of its terms.
 */
Replicates *
bootstrap_replicates(Fitter *fitter, Estimator *estimator, const Tally *tally,
					 PointEstimate estimate, const RankOptions *options)
{
	Leader		leader = {
		.bootstrap = bootstrap_create(fitter, estimator, tally, estimate, options),
		.replicates = replicates_create(tally->num_models, options->num_bootstrap),
		.tally = tally,.estimate = &estimate,.options = options
	};
	Replicates *replicates = leader.replicates;
	bool		is_plain = estimator == NULL && options->voters == NULL;

	replicates->num_terms = bootstrap_num_terms(leader.bootstrap);
	replicates->terms = palloc(mul_size(mul_size(sizeof(double), options->num_bootstrap),
										replicates->num_terms + 1));
	if (!(is_plain && options->share && make_with_others(&leader)))
		bootstrap_make(leader.bootstrap, replicates, 0, options->num_bootstrap);
	return replicates;
}

/*
 * Help another process: fit the same battles, and make replicates; unless all have been
 * taken before this one has come, since that other would wait for the fit.
 */
void
help_team(void *memory)
{
	Team	   *team = memory;
	TeamParts	parts = parts_of(team);
	Tally		tally = {team->num_models, team->num_pairs, team->num_battles, parts.pairs};
	RankOptions options = {
		.prior_battles = team->prior_battles,.seed = team->seed,
		.num_bootstrap = team->num_replicates
	};
	PointEstimate estimate = {
		.strengths = palloc0(sizeof(double) * team->num_models),
		.scores = parts.scores,.ranked = parts.ranked,.reference = parts.reference
	};
	Fitter	   *fitter;

	if (pg_atomic_read_u32(&team->taken) >= (uint32) team->num_replicates)
		return;
	fitter = fitter_create(&tally, team->prior_battles);
	fit_maximum(fitter, tally_points(&tally), estimate.strengths);
	make_replicates(team, bootstrap_create(fitter, NULL, &tally, estimate, &options));
}
