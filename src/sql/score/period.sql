/*
 * Periods: a game begins anew, and what was stays readable.
 */

CREATE FUNCTION bixarena_reset_game(scoreboard text, game text)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	old_board integer;
	new_board integer;
	moment timestamptz;
BEGIN
	-- an error if there is none
	PERFORM bixarena.score_board(scoreboard, game);
	EXECUTE format('SELECT g.board_no FROM %1$s.game AS g WHERE g.game_id = $1 COLLATE "C" FOR UPDATE', schema)
	INTO STRICT old_board USING game;
	-- transactions that have begun to write scores may still write them to the old period
	EXECUTE format('INSERT INTO %1$s.board (game_id) VALUES ($1) RETURNING board_no, started_at', schema)
	INTO STRICT new_board, moment USING game;
	PERFORM bixarena.rank_create(schema, new_board);
	EXECUTE format('UPDATE %1$s.board AS b SET ended_at = $2 WHERE b.board_no = $1', schema) USING old_board, moment;
	EXECUTE format('UPDATE %1$s.game AS g SET board_no = $2 WHERE g.game_id = $1 COLLATE "C"', schema) USING game, new_board;
	RETURN moment;
END
$$;
COMMENT ON FUNCTION bixarena_reset_game(text, text) IS
	'end the period of a game and begin the next, without scores: when it began';
-- it writes a period
REVOKE ALL ON FUNCTION bixarena_reset_game(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_schedule_resets(scoreboard text, game text, schedule text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	job text;
BEGIN
	PERFORM bixarena.score_board(scoreboard, game);
	job := bixarena.cron_keep_job('reset', (parse_ident(schema))[1], game, 'SELECT %s.bixarena_reset_game(%L, %L)',
		schedule);
	EXECUTE format('UPDATE %1$s.game AS g SET reset_schedule = $2 WHERE g.game_id = $1 COLLATE "C"', schema) USING game, schedule;
	RETURN job;
END
$$;
COMMENT ON FUNCTION bixarena_schedule_resets(text, text, text) IS
	'reset a game on a schedule of pg_cron; null: not any more';
-- it makes jobs
REVOKE ALL ON FUNCTION bixarena_schedule_resets(text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_periods(scoreboard text, game text)
RETURNS TABLE (started_at timestamptz, ended_at timestamptz, players bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
BEGIN
	PERFORM bixarena.score_board(scoreboard, game);
	RETURN QUERY EXECUTE format($sql$
		SELECT b.started_at, b.ended_at, bixarena.rank_total($1, b.board_no)
		FROM %1$s.board AS b WHERE b.game_id = $2 COLLATE "C"
		ORDER BY b.started_at DESC
	$sql$, schema) USING scoreboard, game;
END
$$;
COMMENT ON FUNCTION bixarena_periods(text, text) IS 'the periods of a game, the latest first';
