/*
 * What decides battles besides strengths: what standing first is worth, covariates, and
 * how often ties are.
 */

CREATE TYPE bixarena_term AS (
	kind text,
	covariate text,
	estimate double precision,
	standard_error double precision,
	information_error double precision,
	estimate_q025 double precision,
	estimate_q975 double precision,
	points double precision,
	points_q025 double precision,
	points_q975 double precision,
	p_value double precision,
	tie_odds double precision,
	mean double precision,
	standard_deviation double precision,
	status text
);
COMMENT ON TYPE bixarena_term IS 'what decides battles besides strengths';

CREATE TYPE bixarena_position AS (
	points double precision,
	points_q025 double precision,
	points_q975 double precision,
	p_value double precision,
	status text
);
COMMENT ON TYPE bixarena_position IS 'what standing first is worth';

CREATE FUNCTION bixarena_rank_terms(
	battles regclass,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS SETOF bixarena_term
AS 'MODULE_PATHNAME', 'bixarena_rank_terms'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 3 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_terms(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'what decides the battles in any table or view besides strengths: position, ties and covariates, as far as asked for';

CREATE FUNCTION bixarena_rank_position(
	battles regclass,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS bixarena_position
AS 'MODULE_PATHNAME', 'bixarena_rank_position'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_position(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, text, text[]) IS
	'points that standing first is worth in any table or view of battles';

CREATE TYPE bixarena_rank_matchup AS (
	model1 text,
	model2 text,
	battles bigint,
	wins1 bigint,
	wins2 bigint,
	ties bigint,
	observed_share double precision,
	predicted_share double precision,
	predicted_wins1 double precision,
	predicted_wins2 double precision,
	predicted_ties double precision,
	fit_p_value double precision
);
COMMENT ON TYPE bixarena_rank_matchup IS 'two models, the battles between them, and what the scores predict of these';

CREATE FUNCTION bixarena_rank_matchups(
	battles regclass,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS SETOF bixarena_rank_matchup
AS 'MODULE_PATHNAME', 'bixarena_rank_matchups'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_matchups(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'each two models that have met in any table or view of battles: how they fared, and were to fare';
