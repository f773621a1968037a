/*
 * A ranking of any relation.  It reads with the caller's rights and writes
 * nothing, so everybody may call it.
 */

CREATE FUNCTION bixarena_rank(
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
RETURNS TABLE (
	model text,
	bt_score double precision,
	rank integer,
	bootstrap_q025 double precision,
	bootstrap_q975 double precision,
	vote_count bigint,
	status text)
AS 'MODULE_PATHNAME', 'bixarena_rank'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'Bradley-Terry ranking of the models in any table or view of battles';

CREATE TYPE bixarena_rank_range AS (
	model text,
	bt_score double precision,
	rank integer,
	lowest_rank integer,
	highest_rank integer,
	lowest_rank_simultaneous integer,
	highest_rank_simultaneous integer,
	may_be_best boolean,
	share_on_top double precision,
	comparison_lower double precision,
	comparison_upper double precision
);
COMMENT ON TYPE bixarena_rank_range IS 'the ranks that the data allow a model';

CREATE FUNCTION bixarena_rank_ranges(
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
RETURNS SETOF bixarena_rank_range
AS 'MODULE_PATHNAME', 'bixarena_rank_ranges'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_ranges(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'the ranks that any table or view of battles allows each model';

CREATE TYPE bixarena_difference AS (
	a text,
	b text,
	points double precision,
	points_q025 double precision,
	points_q975 double precision,
	predicted_share double precision
);
COMMENT ON TYPE bixarena_difference IS 'by how much a model is ahead of another';

CREATE FUNCTION bixarena_rank_difference(
	battles regclass,
	a text,
	b text,
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
RETURNS bixarena_difference
AS 'MODULE_PATHNAME', 'bixarena_rank_difference'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_difference(regclass, text, text, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'by how much a model of any table or view of battles is ahead of another, with the interval of the difference';

