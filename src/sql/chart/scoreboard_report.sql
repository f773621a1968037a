
/*
 * The report of a scoreboard: its games, its standings, and how it is.  What the caller
 * may not read is left out, and the page says so.
 */

CREATE FUNCTION bixarena.report_player(name text, player_id text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<th scope="row"><bdi>%s</bdi></th>',
		bixarena.text_escape(bixarena.text_shorten(bixarena.chart_player(name, player_id), 200)))
$$;
COMMENT ON FUNCTION bixarena.report_player(text, text) IS 'the head of a player''s row';

CREATE FUNCTION bixarena.report_top_scores(standings bixarena_standing[], players bigint)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_table(format('By rank: %s.', bixarena.chart_count(cardinality(standings), players, 'players')),
		bixarena.page_heads('#Rank', 'Player', '#Score', '?Reached'),
		string_agg(concat(E'\n<tr>', bixarena.page_cell(s.rank::text, 'number'),
			bixarena.report_player(s.name, s.player_id),
			bixarena.page_cell(bixarena.text_score(s.score), 'number'),
			bixarena.page_cell(bixarena.text_utc(s.reached_at), 'aside'), '</tr>'), '' ORDER BY s.rank))
	FROM unnest(standings) AS s
$$;
COMMENT ON FUNCTION bixarena.report_top_scores(bixarena_standing[], bigint) IS
	'the best of a game as a table of a page';

CREATE FUNCTION bixarena.report_updates(played bixarena.played_game)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
	result text;
BEGIN
	-- the latest by the primary key, however many there are
	EXECUTE format($sql$
		SELECT bixarena.page_table('The latest 5 updates.',
			bixarena.page_heads('When', 'Player', '#?Submitted', '#Score before', '#Score'),
			string_agg(concat(E'\n<tr>', bixarena.page_cell(bixarena.text_utc(e.created_at)),
				bixarena.report_player(p.name, e.player_id),
				bixarena.page_cell(bixarena.text_score(e.submitted), 'number aside'),
				bixarena.page_cell(coalesce(bixarena.text_score(e.old_score), 'none'), 'number'),
				bixarena.page_cell(bixarena.text_score(e.new_score), 'number'), '</tr>'), ''
				ORDER BY e.xid DESC, e.event_id DESC))
		FROM (SELECT v.* FROM %1$s.score_event AS v WHERE v.board_no = $1 AND v.generation = $2
			ORDER BY v.xid DESC, v.event_id DESC LIMIT 5) AS e
		LEFT JOIN %1$s.player AS p ON p.player_id = e.player_id
	$sql$, played.schema) INTO result USING played.board_no, played.generation;
	RETURN coalesce(result, bixarena.page_paragraph('There are no updates.'));
END
$$;
COMMENT ON FUNCTION bixarena.report_updates(bixarena.played_game) IS
	'what has happened last in a game, as a table of a page';

CREATE FUNCTION bixarena.report_game(played bixarena.played_game, standings bixarena_standing[])
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bins bixarena.score_bin[] := ARRAY(SELECT b FROM bixarena.score_distribution(played, 24) AS b);
	widths record := bixarena.page_widths();
BEGIN
	RETURN bixarena.page_section(bixarena.text_shorten(played.name, 200), concat(
		bixarena.page_paragraph(format('%s counts, and the %s is the best. Players: %s, since %s.%s',
			CASE played.operator WHEN 'best' THEN 'The best score' WHEN 'latest' THEN 'The latest score'
				ELSE 'The sum of all scores' END,
			CASE WHEN played.highest_first THEN 'highest' ELSE 'lowest' END,
			played.players, bixarena.text_utc(played.started_at),
			' It begins anew by the schedule ' || played.reset_schedule || '.')),
		CASE WHEN cardinality(standings) = 0 THEN bixarena.page_paragraph('Nobody has a score yet.')
			ELSE concat(
				bixarena.report_top_scores(standings, played.players),
				bixarena.page_charts(
					bixarena.chart_top_scores(standings, played, widths.wide, 'auto'),
					bixarena.chart_top_scores(standings, played, widths.narrow, 'auto')),
				bixarena.page_charts(
					bixarena.chart_distribution(bins, played, widths.wide, 'auto'),
					bixarena.chart_distribution(bins, played, widths.narrow, 'auto')),
				bixarena.report_updates(played)) END));
END
$$;
COMMENT ON FUNCTION bixarena.report_game(bixarena.played_game, bixarena_standing[]) IS 'a game as a part of a page';

CREATE FUNCTION bixarena.report_leaders(scoreboard text, source text, partition text, metric text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format($sql$
		SELECT bixarena.page_table(format('The first 10 by %%s.', $4),
			bixarena.page_heads('#Rank', 'Player', '#Value'),
			string_agg(concat(E'\n<tr>', bixarena.page_cell(s.rank::text, 'number'),
				bixarena.report_player(s.name, s.player_id),
				bixarena.page_cell(bixarena.text_score(s.value), 'number'), '</tr>'), '' ORDER BY s."position"))
		FROM %1$s.bixarena_standings($1, $2, $3, $4, 10) AS s
	$sql$, bixarena.interface_schema()) INTO result USING scoreboard, source, partition, metric;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.report_leaders(text, text, text, text) IS
	'the best by a metric as a table of a page';

CREATE FUNCTION bixarena.report_moves(scoreboard text, source text, partition text, metric text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_charts(
		bixarena.chart_moves(m.moves, metric, m.date1, m.date2, w.wide, 'auto'),
		bixarena.chart_moves(m.moves, metric, m.date1, m.date2, w.narrow, 'auto'))
	FROM bixarena.upload_moves(scoreboard, source, partition, metric, NULL, NULL, 10) AS m, bixarena.page_widths() AS w
$$;
COMMENT ON FUNCTION bixarena.report_moves(text, text, text, text) IS
	'who has gained or lost the most by a metric since the date before, as charts of a page';

CREATE FUNCTION bixarena.report_standings(scoreboard text, max_partitions integer)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result text;
BEGIN
	-- the latest date of each partition, those that came last first
	EXECUTE format($sql$
		SELECT string_agg(bixarena.page_section(
			bixarena.text_shorten(concat_ws(' ', l.source, nullif(l.partition, '')), 200), concat(
				bixarena.page_paragraph(format('Standings of %%s. Players: %%s. Metrics: %%s.', to_char(l.snapshot_date, 'YYYY-MM-DD'),
					l.num_rows, bixarena.text_shorten(array_to_string(l.metrics, ', '), 1000))),
				-- for what has changed both files are read
				(SELECT string_agg(bixarena.report_leaders($1, l.source, l.partition, m.metric)
						|| CASE WHEN m.n = 1 OR l.num_rows <= 50000
							THEN bixarena.report_moves($1, l.source, l.partition, m.metric) ELSE '' END, '' ORDER BY m.n)
					FROM unnest(l.metrics[:3]) WITH ORDINALITY AS m (metric, n)))), '' ORDER BY l.run_ts DESC)
		FROM (
			SELECT d.* FROM (
				SELECT DISTINCT ON (u.source, u.partition) u.source::text, u.partition::text, u.snapshot_date, u.num_rows,
					u.metrics, u.run_ts
				FROM %1$s.upload AS u WHERE u.version IS NOT NULL
				ORDER BY u.source, u.partition, u.snapshot_date DESC, u.version DESC
			) AS d ORDER BY d.run_ts DESC LIMIT $2
		) AS l
	$sql$, bixarena.scoreboard_open(scoreboard, false)) INTO result USING scoreboard, max_partitions;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.report_standings(text, integer) IS
	'the standings that came last, each as a part of a page';

CREATE FUNCTION bixarena.report_uploads(scoreboard text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format($sql$
		SELECT bixarena.page_table('The latest 10 files.',
			bixarena.page_heads('Came in', 'File', 'Status', '#?Rows', '?What is wrong'),
			string_agg(concat(E'\n<tr>', bixarena.page_cell(bixarena.text_utc(u.run_ts)),
				format('<th scope="row"><bdi>%%s</bdi></th>', bixarena.text_escape(bixarena.text_shorten(u.key, 200))),
				format('<td>%%s</td>', bixarena.page_state(u.status)),
				bixarena.page_cell(CASE u.status WHEN 'accepted' THEN u.num_rows::text END, 'number aside'),
				bixarena.page_cell(CASE WHEN u.num_errors > 0 THEN bixarena.text_shorten(format('%%s errors; the first: %%s',
					u.num_errors, concat_ws(', ', 'line ' || (u.errors -> 0 ->> 'line'), u.errors -> 0 ->> 'message')), 300) END,
					'text aside'), '</tr>'), '' ORDER BY u.n))
		FROM (SELECT f.*, row_number() OVER () AS n FROM %1$s.bixarena_uploads($1, NULL, 10) AS f) AS u
	$sql$, bixarena.interface_schema()) INTO result USING scoreboard;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.report_uploads(text) IS 'the latest files as a table of a page';

CREATE FUNCTION bixarena.report_dead_letters(scoreboard text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format($sql$
		SELECT bixarena.page_table('The latest 10 dead letters.',
			bixarena.page_heads('When', 'Message', 'Why', '#?Attempts', '#?Arrivals'),
			string_agg(concat(E'\n<tr>', bixarena.page_cell(bixarena.text_utc(d.died_at)),
				format('<th scope="row"><bdi>%%s</bdi></th>',
					bixarena.text_escape(bixarena.text_shorten(coalesce(d.message_id, 'without an id'), 200))),
				bixarena.page_cell(bixarena.text_shorten(d.reason, 160), 'text'),
				bixarena.page_cell(d.attempts::text, 'number aside'),
				bixarena.page_cell(d.arrivals::text, 'number aside'), '</tr>'), ''
				ORDER BY d.died_at DESC, d.dead_letter_id DESC))
		FROM (SELECT l.* FROM %1$s.dead_letter AS l ORDER BY l.died_at DESC, l.dead_letter_id DESC LIMIT 10) AS d
	$sql$, bixarena.scoreboard_open(scoreboard, false)) INTO result;
	RETURN coalesce(result, '');
END
$$;
COMMENT ON FUNCTION bixarena.report_dead_letters(text) IS 'the latest dead letters as a table of a page';

CREATE FUNCTION bixarena.report_queue(scoreboard text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN bixarena.operator_health(ARRAY(SELECT c FROM bixarena.scoreboard_health(scoreboard) AS c))
		|| bixarena.report_dead_letters(scoreboard);
EXCEPTION WHEN insufficient_privilege THEN
	-- who may read scores need not be able to read messages
	RETURN bixarena.page_paragraph('The messages are not open to you.');
END
$$;
COMMENT ON FUNCTION bixarena.report_queue(text) IS
	'the state of the queue and the dead letters, as tables of a page';

CREATE FUNCTION bixarena.report_scoreboard(scoreboard text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	max_games constant integer := 30;
	max_partitions constant integer := 5;
	schema text := bixarena.scoreboard_open(scoreboard, false);
	games text[];
	num_games bigint;
BEGIN
	EXECUTE format($sql$
		SELECT count(*), (array_agg(g.game_id::text ORDER BY g.name COLLATE "C", g.game_id))[:$1] FROM %1$s.game AS g
	$sql$, schema) INTO num_games, games USING max_games;
	RETURN bixarena.page_html(format('Scoreboard %s', scoreboard),
		bixarena.page_paragraph(CASE WHEN num_games > max_games THEN format('The first %s of %s games.', max_games, num_games)
			ELSE format('Games: %s.', num_games) END),
		concat(
			(SELECT string_agg(bixarena.report_game(bixarena.score_game(scoreboard, g, NULL),
					ARRAY(SELECT t FROM bixarena.score_top(scoreboard, g, 10, NULL, NULL) AS t)), '' ORDER BY n)
				FROM unnest(games) WITH ORDINALITY AS u (g, n)),
			bixarena.report_standings(scoreboard, max_partitions),
			bixarena.page_section('Files', coalesce(bixarena.report_uploads(scoreboard),
				bixarena.page_paragraph('No file has come in.'))),
			bixarena.page_section('Messages', bixarena.report_queue(scoreboard))));
END
$$;
COMMENT ON FUNCTION bixarena.report_scoreboard(text) IS 'the report of a scoreboard';

CREATE FUNCTION bixarena_scoreboard_report(scoreboard text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.report_scoreboard((parse_ident(bixarena.scoreboard_open(scoreboard, false)))[1])
$$;
COMMENT ON FUNCTION bixarena_scoreboard_report(text) IS
	'a page with the games of a scoreboard, its standings and movers, and the state of its messages';
