/*
 * Periods: a game begins anew, and what was stays readable.
 */

CREATE FUNCTION bixarena_reset_game(scoreboard text, game text)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	old_board integer;
	new_board integer;
	moment timestamptz;
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	-- an error if there is none
	PERFORM bixarena.score_board(game, NULL);
	SELECT g.board_no INTO STRICT old_board
	FROM game AS g WHERE g.game_id = game COLLATE "C" FOR UPDATE;
	-- transactions that have begun to write scores may still write them to the old period
	INSERT INTO board (game_id) VALUES (game) RETURNING board_no, started_at INTO STRICT new_board, moment;
	PERFORM bixarena.rank_create(new_board);
	UPDATE board AS b SET ended_at = moment WHERE b.board_no = old_board;
	UPDATE game AS g SET board_no = new_board WHERE g.game_id = game COLLATE "C";
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
	found_scoreboard text := bixarena.scoreboard_resolve(scoreboard);
	job text := 'bixarena_rank reset ' || encode(sha256(convert_to(found_scoreboard || e'\x01' || game, getdatabaseencoding())), 'hex');
	command text;
BEGIN
	SELECT format('SELECT %I.bixarena_reset_game(%L, %L)', n.nspname, found_scoreboard, game) INTO command
	FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
	WHERE e.extname = 'bixarena_rank';
	PERFORM bixarena.cron_check(format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
		job, schedule, command, current_database(), current_user));
	PERFORM set_config('search_path', bixarena.scoreboard_path(found_scoreboard), true);
	PERFORM bixarena.score_board(game, NULL);
	UPDATE game AS g SET reset_schedule = schedule WHERE g.game_id = game COLLATE "C";
	IF schedule IS NOT NULL THEN
		PERFORM cron.schedule(job, schedule, command);
		RETURN job;
	END IF;
	PERFORM cron.unschedule(j.jobid) FROM cron.job AS j
	WHERE j.jobname::text = job AND j.database = current_database();
	RETURN NULL;
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
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	PERFORM bixarena.score_board(game, NULL);
	RETURN QUERY
	SELECT b.started_at, b.ended_at, bixarena.rank_total(b.board_no)
	FROM board AS b WHERE b.game_id = game COLLATE "C"
	ORDER BY b.started_at DESC;
END
$$;
COMMENT ON FUNCTION bixarena_periods(text, text) IS 'the periods of a game, the latest first';
