
/*
 * How far a ranking of any relation can be leaned on.
 */

CREATE TYPE bixarena_robustness AS (
	rank integer,
	leader text,
	rival text,
	points double precision,
	battles bigint,
	share double precision,
	points_after double precision
);
COMMENT ON TYPE bixarena_robustness IS 'how many battles carry the lead of one model over another';

CREATE FUNCTION bixarena_rank_robustness(
	battles regclass,
	neighbours boolean DEFAULT false,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS SETOF bixarena_robustness
AS 'MODULE_PATHNAME', 'bixarena_rank_robustness'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_robustness(regclass, boolean, bigint, double precision, text, text, text, double precision, text) IS
	'how many battles of any table or view carry the lead of its first model';

CREATE TYPE bixarena_voter_pull AS (
	voter text,
	battles bigint,
	points double precision,
	raised text,
	raised_points double precision,
	lowered text,
	lowered_points double precision,
	lead_points double precision
);
COMMENT ON TYPE bixarena_voter_pull IS 'what a voter does to the scores';

CREATE FUNCTION bixarena_rank_voters(
	battles regclass,
	voter text,
	n bigint DEFAULT 20,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS SETOF bixarena_voter_pull
AS 'MODULE_PATHNAME', 'bixarena_rank_voters'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_voters(regclass, text, bigint, bigint, double precision, text, text, text, double precision, text) IS
	'the voters of any table or view of battles who move its scores most';

CREATE TYPE bixarena_fit AS (
	models integer,
	pairs integer,
	battles bigint,
	deviance double precision,
	degrees_of_freedom integer,
	expected_deviance double precision,
	p_value double precision,
	by_replicates boolean,
	excess double precision,
	cycles bigint,
	expected_cycles double precision,
	cycles_p_value double precision
);
COMMENT ON TYPE bixarena_fit IS 'whether one number for each model describes the battles';

CREATE FUNCTION bixarena_rank_fit(
	battles regclass,
	num_bootstrap bigint DEFAULT 200,
	seed bigint DEFAULT 0,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS bixarena_fit
AS 'MODULE_PATHNAME', 'bixarena_rank_fit'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_fit(regclass, bigint, bigint, bigint, double precision, text, text, text, double precision, text) IS
	'whether one number for each model describes the battles of any table or view';

CREATE TYPE bixarena_misfit AS (
	model1 text,
	model2 text,
	battles bigint,
	observed_share double precision,
	predicted_share double precision,
	deviations double precision
);
COMMENT ON TYPE bixarena_misfit IS 'two models whose battles went otherwise than their scores predict';

CREATE FUNCTION bixarena_rank_misfits(
	battles regclass,
	n bigint DEFAULT 20,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS SETOF bixarena_misfit
AS 'MODULE_PATHNAME', 'bixarena_rank_misfits'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_misfits(regclass, bigint, bigint, double precision, text, text, text, double precision, text) IS
	'the pairs of models of any table or view of battles that fit their scores worst';

CREATE TYPE bixarena_next_battle AS (
	model1 text,
	model2 text,
	probability double precision,
	battles bigint,
	predicted_share double precision
);
COMMENT ON TYPE bixarena_next_battle IS 'two models that might battle next';

CREATE FUNCTION bixarena_rank_next_battles(
	battles regclass,
	n bigint DEFAULT NULL,
	goal text DEFAULT 'scores',
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 1,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS SETOF bixarena_next_battle
AS 'MODULE_PATHNAME', 'bixarena_rank_next_battles'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_next_battles(regclass, bigint, text, bigint, double precision, text, text, text, double precision, text) IS
	'the pairs of models of any table or view whose next battle tells most, as a distribution';
