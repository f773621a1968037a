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
	num_battles text DEFAULT NULL)
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
COMMENT ON FUNCTION bixarena_rank(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text) IS
	'Bradley-Terry ranking of the models in any table or view of battles';


