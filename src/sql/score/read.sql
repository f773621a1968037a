/*
 * Reading scores: the top, a player's rank, who stands around a player.
 *
 * Each also as one document of JSON, for a service to hand on.  A function reads in the
 * snapshot of the query that calls it.
 */

CREATE FUNCTION bixarena.score_board(game text, at timestamptz)
RETURNS integer
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
	result integer;
BEGIN
	IF at IS NULL THEN
		SELECT g.board_no INTO result FROM game AS g WHERE g.game_id = game COLLATE "C";
	ELSE
		SELECT b.board_no INTO result FROM board AS b
		WHERE b.game_id = game COLLATE "C" AND b.started_at <= at
		ORDER BY b.started_at DESC LIMIT 1;
	END IF;
	IF result IS NULL THEN
		IF EXISTS (SELECT FROM game AS g WHERE g.game_id = game COLLATE "C") THEN
			RAISE EXCEPTION 'game "%" had no period at %', game, at
				USING ERRCODE = 'no_data_found';
		END IF;
		RAISE EXCEPTION 'game "%" does not exist', game
			USING ERRCODE = 'undefined_object',
				DETAIL = format('The games are %s.', coalesce((SELECT string_agg(n.game_id, ', ')
					FROM (SELECT g.game_id FROM game AS g ORDER BY 1 LIMIT 20) AS n), 'none'));
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.score_board(text, timestamptz) IS
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

CREATE FUNCTION bixarena.score_standings(board integer, after bytea, top integer)
RETURNS SETOF bixarena_standing
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
AS $$
DECLARE
	rank_before bigint := 0;
BEGIN
	-- behind a place; null: from the first on
	IF after IS NOT NULL THEN
		rank_before := (SELECT r.before FROM bixarena.rank_of_place(board, after || '\x00'::bytea) AS r);
	END IF;
	RETURN QUERY
	SELECT rank_before + row_number() OVER (ORDER BY t.place), t.player_id::text, p.name, t.score,
		t.reached_at, encode(t.place, 'hex')
	FROM (
		SELECT s.* FROM score AS s
		WHERE s.board_no = board AND s.place > coalesce(after, '')
		ORDER BY s.place LIMIT top
	) AS t
	LEFT JOIN player AS p ON p.player_id = t.player_id
	ORDER BY t.place;
END
$$;
COMMENT ON FUNCTION bixarena.score_standings(integer, bytea, integer) IS
	'who stands behind a place of a board';

CREATE FUNCTION bixarena.score_top(game text, top integer, after text, at timestamptz)
RETURNS SETOF bixarena_standing
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
AS $$
BEGIN
	IF top IS NULL OR top NOT BETWEEN 1 AND 100000 THEN
		RAISE EXCEPTION 'top must be from 1 to 100,000'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF after !~ '^([0-9a-f][0-9a-f])+$' THEN
		RAISE EXCEPTION 'after must be the cursor of a row that was read before'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN QUERY
	SELECT s.* FROM bixarena.score_standings(bixarena.score_board(game, at), decode(after, 'hex'), top) AS s;
END
$$;
COMMENT ON FUNCTION bixarena.score_top(text, integer, text, timestamptz) IS
	'the best of a game, or who stands behind a row that was read before';

CREATE FUNCTION bixarena.score_rank(board integer, player text,
	OUT rank bigint, OUT players bigint, OUT percentile double precision, OUT score numeric,
	OUT reached_at timestamptz, OUT points_to_next numeric)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
AS $$
DECLARE
	own bytea;
BEGIN
	SELECT s.score, s.reached_at, s.place INTO score, reached_at, own
	FROM score AS s WHERE s.board_no = board AND s.player_id = player COLLATE "C";
	IF NOT FOUND THEN
		RETURN;
	END IF;
	SELECT r.before + 1, r.total INTO rank, players FROM bixarena.rank_of_place(board, own) AS r;
	percentile := 100.0 * (players - rank) / players;
	SELECT abs(s.score - score_rank.score) INTO points_to_next
	FROM score AS s WHERE s.board_no = board AND s.place < own
	ORDER BY s.place DESC LIMIT 1;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION bixarena.score_rank(integer, text) IS
	'the rank of a player on a board, of how many, and what the next one has more';

CREATE FUNCTION bixarena.score_around(board integer, player text, n integer)
RETURNS SETOF bixarena_standing
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 11
AS $$
DECLARE
	own bytea;
	before bytea;
	above integer;
BEGIN
	IF n IS NULL OR n NOT BETWEEN 0 AND 10000 THEN
		RAISE EXCEPTION 'n must be from 0 to 10,000'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT s.place INTO own
	FROM score AS s WHERE s.board_no = board AND s.player_id = player COLLATE "C";
	IF NOT FOUND THEN
		RETURN;
	END IF;
	-- the place before the first that is shown; null where that is the first of all
	SELECT (array_agg(a.place ORDER BY a.place))[1], count(*) INTO before, above
	FROM (
		SELECT s.place FROM score AS s
		WHERE s.board_no = board AND s.place < own
		ORDER BY s.place DESC LIMIT n + 1
	) AS a;
	IF above <= n THEN
		before := NULL;
	END IF;
	RETURN QUERY
	SELECT s.* FROM bixarena.score_standings(board, before, least(above, n) + 1 + n) AS s;
END
$$;
COMMENT ON FUNCTION bixarena.score_around(integer, text, integer) IS
	'a player and who stands before and behind on a board';

CREATE FUNCTION bixarena.score_ranks(player text)
RETURNS TABLE (game_id text, rank bigint, players bigint, percentile double precision,
	score numeric, reached_at timestamptz, points_to_next numeric)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
AS $$
BEGIN
	RETURN QUERY
	SELECT g.game_id::text, r.*
	FROM game AS g
	CROSS JOIN LATERAL bixarena.score_rank(g.board_no, player) AS r
	ORDER BY g.game_id;
END
$$;
COMMENT ON FUNCTION bixarena.score_ranks(text) IS 'the ranks of a player in all games';

/*
 * The interface: a row each, or a document.
 */

CREATE FUNCTION bixarena_top_scores(scoreboard text, game text, top integer DEFAULT 100,
	after text DEFAULT NULL, at timestamptz DEFAULT NULL)
RETURNS SETOF bixarena_standing
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN QUERY SELECT t.* FROM bixarena.score_top(game, top, after, at) AS t;
END
$$;
COMMENT ON FUNCTION bixarena_top_scores(text, text, integer, text, timestamptz) IS
	'the best of a game, or who stands behind a row that was read before';

CREATE FUNCTION bixarena_top_scores_json(scoreboard text, game text, top integer DEFAULT 100,
	after text DEFAULT NULL, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN (
		SELECT jsonb_build_object('game', game, 'players', bixarena.rank_total(bixarena.score_board(game, at)),
			'next', CASE WHEN count(*) = top THEN (array_agg(t."cursor" ORDER BY t.rank DESC))[1] END,
			'standings', coalesce(jsonb_agg(to_jsonb(t) - 'cursor' ORDER BY t.rank), '[]'))
		FROM bixarena.score_top(game, top, after, at) AS t);
END
$$;
COMMENT ON FUNCTION bixarena_top_scores_json(text, text, integer, text, timestamptz) IS
	'the same as a document; next is where the next page begins';

CREATE FUNCTION bixarena_player_rank(scoreboard text, game text, player text,
	at timestamptz DEFAULT NULL)
RETURNS TABLE (rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN QUERY SELECT r.* FROM bixarena.score_rank(bixarena.score_board(game, at), player) AS r;
END
$$;
COMMENT ON FUNCTION bixarena_player_rank(text, text, text, timestamptz) IS
	'the rank of a player in a game, of how many, and what the next one has more; no row without a score';

CREATE FUNCTION bixarena_player_rank_json(scoreboard text, game text, player text,
	at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN (
		SELECT jsonb_build_object('game', game, 'player_id', player) || to_jsonb(r)
		FROM bixarena.score_rank(bixarena.score_board(game, at), player) AS r);
END
$$;
COMMENT ON FUNCTION bixarena_player_rank_json(text, text, text, timestamptz) IS
	'the same as a document; null without a score';

CREATE FUNCTION bixarena_around_player(scoreboard text, game text, player text,
	n integer DEFAULT 5, at timestamptz DEFAULT NULL)
RETURNS SETOF bixarena_standing
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 11
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN QUERY SELECT a.* FROM bixarena.score_around(bixarena.score_board(game, at), player, n) AS a;
END
$$;
COMMENT ON FUNCTION bixarena_around_player(text, text, text, integer, timestamptz) IS
	'a player, and up to n who stand before and n behind; no row without a score';

CREATE FUNCTION bixarena_around_player_json(scoreboard text, game text, player text,
	n integer DEFAULT 5, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN (
		SELECT jsonb_build_object('game', game, 'player_id', player,
			'standings', jsonb_agg(to_jsonb(a) - 'cursor' ORDER BY a.rank))
		FROM bixarena.score_around(bixarena.score_board(game, at), player, n) AS a
		HAVING count(*) > 0);
END
$$;
COMMENT ON FUNCTION bixarena_around_player_json(text, text, text, integer, timestamptz) IS
	'the same as a document; null without a score';

CREATE FUNCTION bixarena_ranks_of(scoreboard text, player text)
RETURNS TABLE (game_id text, rank bigint, players bigint, percentile double precision,
	score numeric, reached_at timestamptz, points_to_next numeric)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN QUERY SELECT r.* FROM bixarena.score_ranks(player) AS r;
END
$$;
COMMENT ON FUNCTION bixarena_ranks_of(text, text) IS
	'the ranks of a player in all games';

CREATE FUNCTION bixarena_ranks_of_json(scoreboard text, player text)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN (
		SELECT jsonb_build_object('player_id', player, 'games', coalesce(jsonb_agg(to_jsonb(r)
			ORDER BY r.game_id), '[]'))
		FROM bixarena.score_ranks(player) AS r);
END
$$;
COMMENT ON FUNCTION bixarena_ranks_of_json(text, text) IS
	'the same as a document';

CREATE FUNCTION bixarena_score_history(scoreboard text, game text, player text, last integer DEFAULT 100)
RETURNS TABLE (event_id bigint, at timestamptz, message_id text, update_type text, submitted numeric,
	old_score numeric, new_score numeric, metadata jsonb, role text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN QUERY
	SELECT e.event_id, e.created_at, e.message_id, e.update_type, e.submitted, e.old_score, e.new_score,
		e.metadata, e.role
	FROM score_event AS e
	WHERE e.player_id = player COLLATE "C" AND e.board_no IN (
		SELECT b.board_no FROM board AS b WHERE b.game_id = game COLLATE "C")
	ORDER BY e.event_id DESC LIMIT last;
END
$$;
COMMENT ON FUNCTION bixarena_score_history(text, text, text, integer) IS
	'what has happened to a player''s score in a game, the latest first';

CREATE FUNCTION bixarena_check_scores(scoreboard text)
RETURNS TABLE (game_id text, started_at timestamptz, first_place bytea, counted bigint, players bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	RETURN QUERY
	SELECT b.game_id::text, b.started_at, d.*
	FROM board AS b
	CROSS JOIN LATERAL bixarena.rank_differences(b.board_no) AS d
	ORDER BY b.board_no, d.first_place;
	-- a score is what its place says, and what its last event has left
	RETURN QUERY
	SELECT b.game_id::text, b.started_at, s.place, 1::bigint, 0::bigint
	FROM board AS b
	JOIN game AS g ON g.game_id = b.game_id
	JOIN score AS s ON s.board_no = b.board_no
	WHERE s.place <> bixarena.score_place(s.score, g.score_order = 'desc', s.reached_at, s.player_id);
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
	board integer;
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	FOR board IN SELECT b.board_no FROM board AS b ORDER BY 1 LOOP
		PERFORM bixarena.rank_rebuild(board);
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena_recount_scores(text) IS
	'count the players of all boards anew; nobody writes scores meanwhile';
-- it writes counts
REVOKE ALL ON FUNCTION bixarena_recount_scores(text) FROM PUBLIC;
