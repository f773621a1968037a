/*
 * What decides the battles of a tally besides strengths.
 */

CREATE FUNCTION bixarena_rank_terms_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS SETOF bixarena_term
AS 'MODULE_PATHNAME', 'bixarena_rank_terms_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 2 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_terms_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'what decides the battles of a tally besides strengths: position and ties, as far as asked for';

CREATE FUNCTION bixarena_rank_position_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	tie_model text DEFAULT 'half')
RETURNS bixarena_position
AS 'MODULE_PATHNAME', 'bixarena_rank_position_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION bixarena_rank_position_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text) IS
	'points that standing first is worth in a tally';

CREATE FUNCTION bixarena_rank_matchups_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS SETOF bixarena_rank_matchup
AS 'MODULE_PATHNAME', 'bixarena_rank_matchups_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1000 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_matchups_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'each two models that have met in a tally: how they fared, and were to fare';
