
/*
 * Charts of scores: who has the best, and who has gained or lost the most.  A line a
 * player, with a bar from zero, or a dot where zero is far.
 */

CREATE TYPE bixarena.chart_bar AS (
	place text,					-- what stands before the name
	name text,
	value double precision,
	label text,					-- the value as people read it
	title text					-- all there is to say, but the name
);
COMMENT ON TYPE bixarena.chart_bar IS 'a player in a chart of scores';

CREATE FUNCTION bixarena.chart_bar_axis(
	bars bixarena.chart_bar[],
	first_pixel double precision,
	last_pixel double precision)
RETURNS bixarena.axis
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- zero is on it where the values do not shrink to less than half by that; 6 pixels
	-- at either end are a dot's
	SELECT a.low - m.margin, a.high + m.margin, first_pixel, last_pixel
	FROM (SELECT min(b.value), max(b.value) FROM unnest(bars) AS b) AS v (low, high),
		LATERAL (VALUES (
			CASE WHEN v.low > 0 AND (v.low <= v.high - v.low OR v.low = v.high) THEN 0 ELSE v.low END,
			CASE WHEN v.high < 0 AND (-v.high <= v.high - v.low OR v.low = v.high) THEN 0 ELSE v.high END)) AS a (low, high),
		LATERAL (SELECT (a.high - a.low) * 6 / (last_pixel - first_pixel - 12)) AS m (margin)
$$;
COMMENT ON FUNCTION bixarena.chart_bar_axis(bixarena.chart_bar[], double precision, double precision) IS
	'an axis on which all values have a place, and zero if it is near';

CREATE FUNCTION bixarena.chart_bar_layout(bars bixarena.chart_bar[], width double precision)
RETURNS bixarena.chart_layout
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- as in the chart of a leaderboard
	SELECT CASE WHEN width < 480
		THEN (width, 40, label, width - label - values - 24, 16, 29,
			bixarena.chart_bar_axis(bars, 20, width - 26))::bixarena.chart_layout
		ELSE (width, 24, label, names, 16.5, 12,
			bixarena.chart_bar_axis(bars, label + names + 16, width - values - 24))::bixarena.chart_layout END
	FROM (SELECT greatest(40, max(13 * bixarena.text_width(b.place)) + 16),
			least(0.38 * width, max(13 * bixarena.text_width(coalesce(b.name, ''))) + 2),
			max(13 * bixarena.text_width(b.label))
		FROM unnest(bars) AS b) AS w (label, names, values)
$$;
COMMENT ON FUNCTION bixarena.chart_bar_layout(bixarena.chart_bar[], double precision) IS
	'the layout of a chart of scores for a width';

CREATE FUNCTION bixarena.chart_bar_line(bar bixarena.chart_bar, layout bixarena.chart_layout, y double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<g class="row"><title>&#8296;%s&#8297;: %s</title>'
		'<text class="muted" text-anchor="end" x="%s" y="%4$s">%5$s</text><text class="ink" x="%6$s" y="%4$s">%7$s</text>'
		'<text class="ink" text-anchor="end" x="%8$s" y="%4$s">%9$s</text>%10$s'
		'<circle class="dot%11$s" cx="%12$s" cy="%13$s" r="4"/></g>',
		bixarena.text_escape(bar.name), bixarena.text_escape(bar.title),
		bixarena.chart_pixel(layout.label - 8), bixarena.chart_pixel(y + layout.text_y), bixarena.text_escape(bar.place),
		bixarena.chart_pixel(layout.label), bixarena.text_fit(bar.name, layout.label_width / 13),
		bixarena.chart_pixel(layout.width - 8), bixarena.text_escape(bar.label),
		CASE WHEN (layout.axis).low <= 0 AND (layout.axis).high >= 0 AND bar.value <> 0
			THEN format('<path class="thick line%s" d="M%s %sH%s"/>', colour,
				bixarena.chart_pixel(bixarena.chart_place(layout.axis, 0)), line_y, x) END,
		colour, x, line_y)
	FROM (VALUES (CASE WHEN bar.value < 0 THEN 6 ELSE 1 END,
		bixarena.chart_pixel(bixarena.chart_place(layout.axis, bar.value)),
		bixarena.chart_pixel(y + layout.line_y))) AS d (colour, x, line_y)
$$;
COMMENT ON FUNCTION bixarena.chart_bar_line(bixarena.chart_bar, bixarena.chart_layout, double precision) IS
	'a player''s line in a chart of scores';

CREATE FUNCTION bixarena.chart_bars(
	bars bixarena.chart_bar[],
	total bigint,
	notes text[],
	label text,
	width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	top constant double precision := 26;
	n constant bigint := cardinality(bars);
	layout bixarena.chart_layout := bixarena.chart_bar_layout(bars, width);
	bottom double precision := top + layout.row_height * n;
BEGIN
	RETURN bixarena.chart_svg(width, bottom + 8 + 18 * (cardinality(notes) + 1 + coalesce(n < total, false)::integer), theme, label,
		concat(bixarena.chart_bands(n, top, layout.row_height, width),
			bixarena.chart_score_grid(layout.axis, top, bottom,
				(SELECT bool_and(b.value = trunc(b.value)) FROM unnest(bars) AS b)::integer),
			(SELECT string_agg(bixarena.chart_bar_line(bars[i], layout, top + layout.row_height * (i - 1)), '' ORDER BY i)
				FROM generate_subscripts(bars, 1) AS i),
			bixarena.chart_notes(notes, width - 8, bottom + 18),
			bixarena.chart_omission(n, total, bottom + 18 + 18 * (cardinality(notes) + 1), 'players')));
END
$$;
COMMENT ON FUNCTION bixarena.chart_bars(bixarena.chart_bar[], bigint, text[], text, bigint, text) IS
	'a chart of scores; total: of how many players those drawn are the first';

CREATE FUNCTION bixarena.chart_player(name text, player_id text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(nullif(btrim(name), ''), player_id)
$$;
COMMENT ON FUNCTION bixarena.chart_player(text, text) IS 'what a player is called in a chart';

CREATE FUNCTION bixarena.chart_top_scores(standings bixarena_standing[], played bixarena.played_game, width bigint, theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF coalesce(cardinality(standings), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'Nobody has a score yet.');
	END IF;
	RETURN bixarena.chart_bars(
		ARRAY(SELECT (s.rank, bixarena.chart_player(s.name, s.player_id), s.score, bixarena.text_score(s.score),
				format('rank %s, score %s, reached at %s', s.rank, trim_scale(s.score), bixarena.text_utc(s.reached_at)))::bixarena.chart_bar
			FROM unnest(standings) AS s ORDER BY s.rank),
		played.players,
		ARRAY[CASE WHEN played.highest_first THEN 'score' ELSE 'score; the lowest is the best' END],
		format('The best scores of %s: %s', played.name,
			bixarena.chart_count(cardinality(standings), played.players, 'players')), width, theme);
END
$$;
COMMENT ON FUNCTION bixarena.chart_top_scores(bixarena_standing[], bixarena.played_game, bigint, text) IS
	'the chart of the best scores of a game';

CREATE FUNCTION bixarena_top_scores_svg(scoreboard text, game text, top bigint DEFAULT 20,
	width bigint DEFAULT 720, theme text DEFAULT 'auto', at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	RETURN bixarena.chart_top_scores(
		ARRAY(SELECT t FROM bixarena.score_top(scoreboard, game, least(coalesce(top, 500), 2000)::integer, NULL, at) AS t),
		bixarena.score_game(scoreboard, game, at), width, theme);
END
$$;
COMMENT ON FUNCTION bixarena_top_scores_svg(text, text, bigint, bigint, text, timestamptz) IS
	'a chart of the best scores of a game, a line a player';

/*
 * A player's course: the score after each change of it.  It holds until the next, and
 * begins anew with each period.
 */

CREATE FUNCTION bixarena.chart_score_points(played bixarena.played_game, game text, player text, last bigint, max_moments bigint)
RETURNS SETOF bixarena.history_point
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
	-- messages may come in another order than they were sent in
	RETURN QUERY EXECUTE format($sql$
		WITH event AS (
			SELECT e.event_id, e.new_score, dense_rank() OVER (ORDER BY e.board_no) AS period,
				max(e.new_reached_at) OVER (PARTITION BY e.board_no ORDER BY e.event_id) AS moment
			FROM (
				SELECT v.event_id, v.board_no, v.new_score, v.new_reached_at
				FROM %1$s.score_event AS v
				WHERE v.player_id = $1 COLLATE "C" AND v.new_score IS DISTINCT FROM v.old_score AND v.board_no IN (
					SELECT b.board_no FROM %1$s.board AS b WHERE b.game_id = $2 COLLATE "C")
				ORDER BY v.event_id DESC LIMIT $3
			) AS e
		), span AS (
			SELECT e.*, floor(extract(epoch FROM e.moment - min(e.moment) OVER ())
				/ nullif(extract(epoch FROM max(e.moment) OVER () - min(e.moment) OVER ()), 0) * ($4 - 1)) AS number
			FROM event AS e
		), kept AS (
			SELECT DISTINCT ON (s.period, s.number) s.* FROM span AS s ORDER BY s.period, s.number, s.event_id DESC
		)
		SELECT 1, bixarena.chart_player(p.name, $1), (row_number() OVER (ORDER BY k.event_id) + k.period)::integer,
			k.moment, k.new_score::double precision
		FROM kept AS k LEFT JOIN %1$s.player AS p ON p.player_id = $1 COLLATE "C"
		ORDER BY 3
	$sql$, played.schema) USING player, game, last, max_moments;
END
$$;
COMMENT ON FUNCTION bixarena.chart_score_points(bixarena.played_game, text, text, bigint, bigint) IS
	'a player''s score in a game over time';

CREATE FUNCTION bixarena_score_history_svg(scoreboard text, game text, player text, last bigint DEFAULT 1000,
	width bigint DEFAULT 720, theme text DEFAULT 'auto')
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	played bixarena.played_game := bixarena.score_game(scoreboard, game, NULL);
	points bixarena.history_point[];
BEGIN
	IF player IS NULL THEN
		RAISE EXCEPTION 'player must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(last, 1);
	points := ARRAY(SELECT p FROM bixarena.chart_score_points(played, game, player, last, width / 4) AS p);
	IF cardinality(points) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'The player has no score.');
	END IF;
	RETURN bixarena.chart_history(points, 'score', width, theme, NULL, 'score',
		format('The score of %s in %s over time', points[1].model, played.name));
END
$$;
COMMENT ON FUNCTION bixarena_score_history_svg(text, text, text, bigint, bigint, text) IS
	'a chart of a player''s score in a game over time';
