
/*
 * How far a leaderboard can be leaned on: battles up to the moment of a snapshot are
 * read again.
 */

CREATE FUNCTION bixarena.examine_robustness(
	leaderboard_id text,
	neighbours boolean,
	until timestamptz,
	arena text)
RETURNS SETOF bixarena_robustness
AS 'MODULE_PATHNAME', 'bixarena_examine_robustness'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_robustness(text, boolean, timestamptz, text) IS
	'how many battles up to a moment carry the lead of a leaderboard''s first model';

CREATE FUNCTION bixarena_leaderboard_robustness(
	leaderboard_id text,
	neighbours boolean DEFAULT false,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_robustness
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT r.* FROM bixarena.examine_robustness(
		leaderboard_id, neighbours, shown.created_at, found_arena) AS r;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_robustness(text, boolean, text, text) IS
	'how many battles carry the lead of a leaderboard''s first model';

CREATE FUNCTION bixarena.examine_voters(
	leaderboard_id text,
	n bigint,
	until timestamptz,
	arena text)
RETURNS SETOF bixarena_voter_pull
AS 'MODULE_PATHNAME', 'bixarena_examine_voters'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_voters(text, bigint, timestamptz, text) IS
	'the voters who move a leaderboard most, in battles up to a moment';

CREATE FUNCTION bixarena_leaderboard_voters(
	leaderboard_id text,
	n bigint DEFAULT 20,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_voter_pull
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT p.* FROM bixarena.examine_voters(
		leaderboard_id, n, shown.created_at, found_arena) AS p;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_voters(text, bigint, text, text) IS
	'the voters who move a leaderboard most';

CREATE FUNCTION bixarena.examine_fit(leaderboard_id text, until timestamptz, arena text)
RETURNS bixarena_fit
AS 'MODULE_PATHNAME', 'bixarena_examine_fit'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_fit(text, timestamptz, text) IS
	'whether one number for each model describes a leaderboard''s battles up to a moment';

CREATE FUNCTION bixarena_leaderboard_fit(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS bixarena_fit
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN bixarena.examine_fit(leaderboard_id, shown.created_at, found_arena);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_fit(text, text, text) IS
	'whether one number for each model describes a leaderboard''s battles';

CREATE FUNCTION bixarena.examine_misfits(
	leaderboard_id text,
	n bigint,
	until timestamptz,
	arena text)
RETURNS SETOF bixarena_misfit
AS 'MODULE_PATHNAME', 'bixarena_examine_misfits'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_misfits(text, bigint, timestamptz, text) IS
	'the pairs of a leaderboard''s models that fit their scores worst, in battles up to a moment';

CREATE FUNCTION bixarena_leaderboard_misfits(
	leaderboard_id text,
	n bigint DEFAULT 20,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_misfit
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT m.* FROM bixarena.examine_misfits(
		leaderboard_id, n, shown.created_at, found_arena) AS m;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_misfits(text, bigint, text, text) IS
	'the pairs of a leaderboard''s models that fit their scores worst';

CREATE FUNCTION bixarena.examine_next_battles(
	leaderboard_id text,
	n bigint,
	goal text,
	until timestamptz,
	arena text)
RETURNS SETOF bixarena_next_battle
AS 'MODULE_PATHNAME', 'bixarena_examine_next_battles'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_next_battles(text, bigint, text, timestamptz, text) IS
	'the pairs of a leaderboard''s models whose next battle tells most, after those up to a moment';

CREATE FUNCTION bixarena_leaderboard_next_battles(
	leaderboard_id text,
	n bigint DEFAULT NULL,
	goal text DEFAULT 'scores',
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_next_battle
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT b.* FROM bixarena.examine_next_battles(
		leaderboard_id, n, goal, NULL, bixarena.arena_resolve(arena)) AS b;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_next_battles(text, bigint, text, text) IS
	'the pairs of a leaderboard''s models whose next battle tells most, as a distribution';
