
/*
 * How far a ranking of a tally can be leaned on.
 */

CREATE FUNCTION bixarena_rank_robustness_tally(
	tally bixarena_tally,
	neighbours boolean DEFAULT false,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0)
RETURNS SETOF bixarena_robustness
AS 'MODULE_PATHNAME', 'bixarena_rank_robustness_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_robustness_tally(bixarena_tally, boolean, bigint, double precision) IS
	'how many battles of a tally carry the lead of its first model';

CREATE FUNCTION bixarena_rank_fit_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 200,
	seed bigint DEFAULT 0,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0)
RETURNS bixarena_fit
AS 'MODULE_PATHNAME', 'bixarena_rank_fit_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION bixarena_rank_fit_tally(bixarena_tally, bigint, bigint, bigint, double precision) IS
	'whether one number for each model describes the battles of a tally';

CREATE FUNCTION bixarena_rank_misfits_tally(
	tally bixarena_tally,
	n bigint DEFAULT 20,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0)
RETURNS SETOF bixarena_misfit
AS 'MODULE_PATHNAME', 'bixarena_rank_misfits_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_misfits_tally(bixarena_tally, bigint, bigint, double precision) IS
	'the pairs of models of a tally that fit their scores worst';

CREATE FUNCTION bixarena_rank_next_battles_tally(
	tally bixarena_tally,
	n bigint DEFAULT NULL,
	goal text DEFAULT 'scores',
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 1)
RETURNS SETOF bixarena_next_battle
AS 'MODULE_PATHNAME', 'bixarena_rank_next_battles_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1000 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_next_battles_tally(bixarena_tally, bigint, text, bigint, double precision) IS
	'the pairs of models of a tally whose next battle tells most, as a distribution';
