/*
 * What decides the battles of a leaderboard besides strengths.
 */

CREATE FUNCTION bixarena.term_recorded(
	snapshot uuid,
	snapshot_identifier text,
	arena text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'bixarena_term_recorded'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.term_recorded(uuid, text, text) IS
	'what besides strengths decided the battles of a snapshot, for who may read its entries';

CREATE FUNCTION bixarena.term_rows(recorded jsonb)
RETURNS SETOF bixarena_term
LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT t.* FROM jsonb_array_elements(recorded) WITH ORDINALITY AS e,
		jsonb_to_record(e.value) AS t (
			kind text, covariate text, estimate double precision,
			standard_error double precision, information_error double precision,
			estimate_q025 double precision, estimate_q975 double precision,
			points double precision,
			points_q025 double precision, points_q975 double precision,
			p_value double precision, tie_odds double precision, mean double precision,
			standard_deviation double precision, status text)
	ORDER BY e.ordinality
$$;
COMMENT ON FUNCTION bixarena.term_rows(jsonb) IS
	'terms as the record of a run has them, as rows';

CREATE FUNCTION bixarena_leaderboard_terms(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_term
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT t.* FROM bixarena.term_rows(
		bixarena.term_recorded(shown.id, shown.snapshot_identifier, found_arena)) AS t;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_terms(text, text, text) IS
	'what besides strengths decided the battles of a snapshot: position, ties and covariates, as far as its settings asked';

CREATE FUNCTION bixarena.term_position(
	leaderboard_id text,
	until timestamptz,
	arena text)
RETURNS bixarena_position
AS 'MODULE_PATHNAME', 'bixarena_term_position'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.term_position(text, timestamptz, text) IS
	'points that standing first is worth in battles of a leaderboard up to a moment';

CREATE FUNCTION bixarena_leaderboard_position(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS bixarena_position
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN bixarena.term_position(leaderboard_id, shown.created_at, found_arena);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_position(text, text, text) IS
	'points that standing first is worth in the battles of a leaderboard';
