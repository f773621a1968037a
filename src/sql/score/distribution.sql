
/*
 * How many players have which score: counts between round scores.  How many stand before
 * a score is told by the counts by range of places (src/score/rank.c), so a distribution
 * is exact, and takes a rank for each of its edges, however many players there are.
 */

CREATE TYPE bixarena.played_game AS (
	scoreboard text,
	schema text,				-- the same, quoted
	name text,
	highest_first boolean,
	operator text,
	reset_schedule text,
	board_no integer,
	generation integer,
	started_at timestamptz,
	ended_at timestamptz,
	players bigint
);
COMMENT ON TYPE bixarena.played_game IS 'a game in one of its periods';

CREATE FUNCTION bixarena.score_game(scoreboard text, game text, at timestamptz)
RETURNS bixarena.played_game
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
	played bixarena.played_game;
BEGIN
	EXECUTE format($sql$
		SELECT (parse_ident($3))[1], $3, coalesce(nullif(btrim(g.name), ''), g.game_id), g.score_order = 'desc', g.operator,
			g.reset_schedule, b.board_no, b.generation, b.started_at, b.ended_at, bixarena.rank_total($1, b.board_no)
		FROM %1$s.board AS b JOIN %1$s.game AS g ON g.game_id = b.game_id WHERE b.board_no = $2
	$sql$, schema) INTO STRICT played USING scoreboard, bixarena.score_board(scoreboard, game, at), schema;
	RETURN played;
END
$$;
COMMENT ON FUNCTION bixarena.score_game(text, text, timestamptz) IS
	'a game in the period now, or at a moment: what it is, and how many players it has';

CREATE FUNCTION bixarena.score_near(played bixarena.played_game, before bigint)
RETURNS numeric
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
	score numeric;
BEGIN
	-- thousands of players may not be in the counts yet
	IF played.players <= 10000 THEN
		EXECUTE format('SELECT s.score FROM %1$s.score AS s WHERE s.board_no = $1 ORDER BY s.place OFFSET $2 LIMIT 1',
			played.schema) INTO score USING played.board_no, before;
	ELSE
		EXECUTE format('SELECT s.score FROM %1$s.score AS s WHERE s.board_no = $1 AND s.place >= $2 ORDER BY s.place LIMIT 1',
			played.schema) INTO score
		USING played.board_no, bixarena.rank_place(played.scoreboard, played.board_no, before);
	END IF;
	RETURN score;
END
$$;
COMMENT ON FUNCTION bixarena.score_near(bixarena.played_game, bigint) IS
	'the score before which so many players stand, or one near it';

CREATE FUNCTION bixarena.score_ends(played bixarena.played_game, OUT low numeric, OUT high numeric, OUT is_whole boolean)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
	best numeric;
	worst numeric;
	most_best numeric;
	most_worst numeric;
	spread numeric;
BEGIN
	EXECUTE format($sql$
		SELECT (array_agg(t.score))[1], bool_and(t.score = trunc(t.score))
		FROM (SELECT s.score FROM %1$s.score AS s WHERE s.board_no = $1 ORDER BY s.place LIMIT 100) AS t
	$sql$, played.schema) INTO best, is_whole USING played.board_no;
	EXECUTE format('SELECT s.score FROM %1$s.score AS s WHERE s.board_no = $1 ORDER BY s.place DESC LIMIT 1',
		played.schema) INTO worst USING played.board_no;
	-- of a hundred players one may stand beyond either end, if he is as far out as all
	-- others lie apart
	most_best := bixarena.score_near(played, played.players / 100);
	most_worst := bixarena.score_near(played, played.players - 1 - played.players / 100);
	spread := nullif(abs(most_best - most_worst), 0);
	best := CASE WHEN abs(best - most_best) > spread THEN most_best ELSE best END;
	worst := CASE WHEN abs(worst - most_worst) > spread THEN most_worst ELSE worst END;
	low := least(best, worst);
	high := greatest(best, worst);
	is_whole := is_whole AND low = trunc(low) AND high = trunc(high);
END
$$;
COMMENT ON FUNCTION bixarena.score_ends(bixarena.played_game) IS
	'between which scores nearly all players of a game are, and do they seem to be whole numbers?';

CREATE TYPE bixarena.score_bin AS (
	low numeric,			-- null: none, all below high
	high numeric,			-- null: likewise
	players bigint
);
COMMENT ON TYPE bixarena.score_bin IS 'players whose score is at least low and below high';

CREATE FUNCTION bixarena.score_distribution(played bixarena.played_game, max_bins integer)
RETURNS SETOF bixarena.score_bin
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 30
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ends record;
	pad numeric;
	step numeric;
BEGIN
	IF played.players = 0 THEN
		RETURN;
	END IF;
	ends := bixarena.score_ends(played);
	pad := CASE WHEN ends.low < ends.high THEN 0 ELSE coalesce(nullif(abs(ends.low) / 10, 0), 1) END;
	SELECT t.step INTO STRICT step
	FROM bixarena.chart_ticks((ends.low - pad)::double precision, (ends.high + pad)::double precision, max_bins,
		CASE WHEN ends.is_whole THEN 1 ELSE 0 END) AS t LIMIT 1;
	RETURN QUERY
	WITH edge AS MATERIALIZED (
		SELECT n, n * step AS score
		FROM generate_series(floor((ends.low - pad) / step)::bigint, floor((ends.high + pad) / step)::bigint + 1) AS n
	), counted AS (
		-- where the highest is first, those before this place have the score itself too
		SELECT e.n, e.score, CASE WHEN played.highest_first THEN played.players - b.before ELSE b.before END AS below
		FROM edge AS e,
			bixarena.score_place(e.score, played.highest_first,
				CASE WHEN played.highest_first THEN 'infinity' ELSE '-infinity' END::timestamptz, '') AS place,
			LATERAL (SELECT bixarena.rank_before(played.scoreboard, played.board_no, place)) AS b (before)
	)
	SELECT c.score, lead(c.score) OVER w, coalesce(lead(c.below) OVER w, played.players) - c.below
	FROM (SELECT * FROM counted UNION ALL SELECT NULL, NULL, 0) AS c
	WINDOW w AS (ORDER BY c.n NULLS FIRST);
END
$$;
COMMENT ON FUNCTION bixarena.score_distribution(bixarena.played_game, integer) IS
	'how many players of a game have which score';
