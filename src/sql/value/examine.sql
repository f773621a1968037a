
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
