/*
 * Reading scores: the top, a player's rank, who stands around a player.  See
 * src/score/reading.c.
 *
 * Each also as one document of JSON, for a service to hand on, made of what an internal
 * twin returns.  A function reads in the snapshot of the query that calls it.
 */

CREATE FUNCTION bixarena.score_board(scoreboard text, game text, at timestamptz DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'bixarena_find_board'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_board(text, text, timestamptz) IS
	'the board of a game: that of the period now, or at a moment';

CREATE TYPE bixarena_standing AS (
	rank bigint,
	player_id text,
	name text,
	score numeric,
	reached_at timestamptz,
	"cursor" text
);
COMMENT ON TYPE bixarena_standing IS 'where a player stands in a game';

CREATE FUNCTION bixarena.score_top(scoreboard text, game text, top integer,
	after text, at timestamptz)
RETURNS SETOF bixarena_standing
AS 'MODULE_PATHNAME', 'bixarena_top_scores'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_top(text, text, integer, text, timestamptz) IS
	'the best of a game, or who stands behind a row that was read before';

CREATE FUNCTION bixarena_top_scores(scoreboard text, game text, top integer DEFAULT 100,
	after text DEFAULT NULL, at timestamptz DEFAULT NULL)
RETURNS SETOF bixarena_standing
AS 'MODULE_PATHNAME', 'bixarena_top_scores'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_top_scores(text, text, integer, text, timestamptz) IS
	'the best of a game, or who stands behind a row that was read before';

CREATE FUNCTION bixarena.score_rank(scoreboard text, game text, player text,
	at timestamptz)
RETURNS TABLE (rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
AS 'MODULE_PATHNAME', 'bixarena_player_rank'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_rank(text, text, text, timestamptz) IS
	'the rank of a player in a game, of how many, and what the next one has more; no row without a score';

CREATE FUNCTION bixarena_player_rank(scoreboard text, game text, player text,
	at timestamptz DEFAULT NULL)
RETURNS TABLE (rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
AS 'MODULE_PATHNAME', 'bixarena_player_rank'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_player_rank(text, text, text, timestamptz) IS
	'the rank of a player in a game, of how many, and what the next one has more; no row without a score';

CREATE FUNCTION bixarena.score_around(scoreboard text, game text, player text,
	n integer, at timestamptz)
RETURNS SETOF bixarena_standing
AS 'MODULE_PATHNAME', 'bixarena_around_player'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 11
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_around(text, text, text, integer, timestamptz) IS
	'a player, and up to n who stand before and n behind; no row without a score';

CREATE FUNCTION bixarena_around_player(scoreboard text, game text, player text,
	n integer DEFAULT 5, at timestamptz DEFAULT NULL)
RETURNS SETOF bixarena_standing
AS 'MODULE_PATHNAME', 'bixarena_around_player'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 11
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_around_player(text, text, text, integer, timestamptz) IS
	'a player, and up to n who stand before and n behind; no row without a score';

CREATE FUNCTION bixarena.score_ranks(scoreboard text, player text)
RETURNS TABLE (game_id text, rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
AS 'MODULE_PATHNAME', 'bixarena_ranks_of'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_ranks(text, text) IS
	'the ranks of a player in all games';

CREATE FUNCTION bixarena_ranks_of(scoreboard text, player text)
RETURNS TABLE (game_id text, rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
AS 'MODULE_PATHNAME', 'bixarena_ranks_of'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_ranks_of(text, text) IS
	'the ranks of a player in all games';

CREATE FUNCTION bixarena_top_scores_json(scoreboard text, game text, top integer DEFAULT 100,
	after text DEFAULT NULL, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT jsonb_build_object('game', game,
			'players', bixarena.rank_total(scoreboard, bixarena.score_board(scoreboard, game, at)),
			'next', CASE WHEN count(*) = top THEN (array_agg(t."cursor" ORDER BY t.rank DESC))[1] END,
			'standings', coalesce(jsonb_agg(to_jsonb(t) - 'cursor' ORDER BY t.rank), '[]'))
		FROM bixarena.score_top(scoreboard, game, top, after, at) AS t);
END
$$;
COMMENT ON FUNCTION bixarena_top_scores_json(text, text, integer, text, timestamptz) IS
	'the same as a document; next is where the next page begins';

CREATE FUNCTION bixarena_player_rank_json(scoreboard text, game text, player text,
	at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT jsonb_build_object('game', game, 'player_id', player) || to_jsonb(r)
		FROM bixarena.score_rank(scoreboard, game, player, at) AS r);
END
$$;
COMMENT ON FUNCTION bixarena_player_rank_json(text, text, text, timestamptz) IS
	'the same as a document; null without a score';

CREATE FUNCTION bixarena_around_player_json(scoreboard text, game text, player text,
	n integer DEFAULT 5, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT jsonb_build_object('game', game, 'player_id', player,
			'standings', jsonb_agg(to_jsonb(a) - 'cursor' ORDER BY a.rank))
		FROM bixarena.score_around(scoreboard, game, player, n, at) AS a
		HAVING count(*) > 0);
END
$$;
COMMENT ON FUNCTION bixarena_around_player_json(text, text, text, integer, timestamptz) IS
	'the same as a document; null without a score';

CREATE FUNCTION bixarena_ranks_of_json(scoreboard text, player text)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT jsonb_build_object('player_id', player, 'games', coalesce(jsonb_agg(to_jsonb(r)
			ORDER BY r.game_id), '[]'))
		FROM bixarena.score_ranks(scoreboard, player) AS r);
END
$$;
COMMENT ON FUNCTION bixarena_ranks_of_json(text, text) IS
	'the same as a document';

CREATE FUNCTION bixarena_score_history(scoreboard text, game text, player text, last integer DEFAULT 100)
RETURNS TABLE (event_id bigint, at timestamptz, message_id text, update_type text, submitted numeric,
	old_score numeric, new_score numeric, metadata jsonb, role text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
BEGIN
	PERFORM bixarena.score_board(scoreboard, game);
	RETURN QUERY EXECUTE format($sql$
		SELECT e.event_id, e.created_at, e.message_id, e.update_type, e.submitted, e.old_score, e.new_score,
			e.metadata, e.role
		FROM %1$s.score_event AS e
		WHERE e.player_id = $1 COLLATE "C" AND e.board_no IN (
			SELECT b.board_no FROM %1$s.board AS b WHERE b.game_id = $2 COLLATE "C")
		ORDER BY e.event_id DESC LIMIT $3
	$sql$, schema) USING player, game, last;
END
$$;
COMMENT ON FUNCTION bixarena_score_history(text, text, text, integer) IS
	'what has happened to a player''s score in a game, the latest first';

CREATE FUNCTION bixarena_check_scores(scoreboard text)
RETURNS TABLE (game_id text, started_at timestamptz, first_place bytea, counted bigint, players bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT b.game_id::text, b.started_at, d.*
		FROM %1$s.board AS b
		CROSS JOIN LATERAL bixarena.rank_differences($1, b.board_no) AS d
		ORDER BY b.board_no, d.first_place
	$sql$, schema) USING schema;
	-- a score is what its place says
	RETURN QUERY EXECUTE format($sql$
		SELECT b.game_id::text, b.started_at, s.place, 1::bigint, 0::bigint
		FROM %1$s.board AS b
		JOIN %1$s.game AS g ON g.game_id = b.game_id
		JOIN %1$s.score AS s ON s.board_no = b.board_no
		WHERE s.place <> bixarena.score_place(s.score, g.score_order = 'desc', s.reached_at, s.player_id)
	$sql$, schema);
END
$$;
COMMENT ON FUNCTION bixarena_check_scores(text) IS
	'where counts and scores do not agree: no row, if all is well';

CREATE FUNCTION bixarena_recount_scores(scoreboard text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	board integer;
BEGIN
	FOR board IN EXECUTE format('SELECT b.board_no FROM %1$s.board AS b ORDER BY 1', schema) LOOP
		PERFORM bixarena.rank_rebuild(scoreboard, board);
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena_recount_scores(text) IS
	'count the players of all boards anew; nobody writes scores meanwhile';
-- it writes counts
REVOKE ALL ON FUNCTION bixarena_recount_scores(text) FROM PUBLIC;
