
/*
 * Matchups: how each two models fared against each other, and how the fitted
 * strengths say they would, so that the fit can be seen to fit.
 */

CREATE TYPE bixarena_matchup AS (
	model1 text,
	model2 text,
	slug1 text,
	slug2 text,
	rank1 integer,
	rank2 integer,
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
COMMENT ON TYPE bixarena_matchup IS 'two models and the battles between them';

CREATE FUNCTION bixarena.matchup_rows(
	leaderboard_id text,
	snapshot uuid,
	until timestamptz,
	arena text,
	"position" double precision,
	tie_odds double precision,
	tested boolean)
RETURNS SETOF bixarena_matchup
AS 'MODULE_PATHNAME', 'bixarena_matchup_rows'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.matchup_rows(text, uuid, timestamptz, text, double precision, double precision, boolean) IS
	'the pairs of models that have met up to a moment, as a snapshot ranks them';

CREATE FUNCTION bixarena.matchup_of_snapshot(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	arena text)
RETURNS SETOF bixarena_matchup
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	terms jsonb := bixarena.term_recorded(shown.id, shown.snapshot_identifier, arena);
BEGIN
	-- covariates of each battle are not on record: with them nothing is tested
	RETURN QUERY SELECT m.*
		FROM bixarena.matchup_rows(leaderboard_id, shown.id, shown.created_at, arena,
			(jsonb_path_query_first(terms, '$[*] ? (@.kind == "position").estimate') #>> '{}')::float8,
			(jsonb_path_query_first(terms, '$[*] ? (@.kind == "ties").tie_odds') #>> '{}')::float8,
			NOT coalesce(jsonb_path_exists(terms, '$[*] ? (@.kind == "covariate")'), false)) AS m;
END
$$;
COMMENT ON FUNCTION bixarena.matchup_of_snapshot(text, bixarena.snapshot_key, text) IS
	'the pairs of models that have met up to a snapshot, and what it predicts of their battles';

CREATE FUNCTION bixarena_matchups(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_matchup
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT m.*
		FROM bixarena.matchup_of_snapshot(leaderboard_id, shown, found_arena) AS m;
END
$$;
COMMENT ON FUNCTION bixarena_matchups(text, text, text) IS
	'each two models that have met: battles, wins, ties, observed and predicted share of wins';

CREATE FUNCTION bixarena.matchup_among(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	models bixarena_leaderboard_row[],
	arena text)
RETURNS bixarena_matchup[]
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- of all pairs, which may be two million, those that are drawn
	WITH drawn AS MATERIALIZED (SELECT DISTINCT m.slug FROM unnest(models) AS m)
	SELECT array_agg(m)
	FROM bixarena.matchup_of_snapshot(leaderboard_id, shown, arena) AS m
	WHERE m.slug1 IN (SELECT d.slug FROM drawn AS d) AND m.slug2 IN (SELECT d.slug FROM drawn AS d)
$$;
COMMENT ON FUNCTION bixarena.matchup_among(text, bixarena.snapshot_key, bixarena_leaderboard_row[], text) IS
	'the pairs of these models that have met up to a snapshot';
