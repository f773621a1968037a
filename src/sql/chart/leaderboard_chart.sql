
/*
 * The chart of a leaderboard: a line a model, its score as a dot and its interval
 * as a bar through it.  The bar ends in an arrow at the edge where the battles do
 * not fix a bound.
 */

CREATE FUNCTION bixarena.chart_is_open(bound numeric, score numeric)
RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- what is stored in place of infinity
	SELECT abs(bound) = 3000 OR abs(score) > 3000 AND bound = score
$$;
COMMENT ON FUNCTION bixarena.chart_is_open(numeric, numeric) IS
	'do the battles not fix this bound of a score?';

CREATE FUNCTION bixarena.chart_score_axis(
	rows bixarena_leaderboard_row[],
	first_pixel double precision,
	last_pixel double precision)
RETURNS bixarena.axis
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- 14 pixels at either end: an arrow stands beside the dot
	SELECT low - margin, high + margin, first_pixel, last_pixel
	FROM (
		SELECT min(CASE WHEN bixarena.chart_is_open(r.bootstrap_q025, r.bt_score) THEN r.bt_score
				ELSE r.bootstrap_q025 END),
			max(CASE WHEN bixarena.chart_is_open(r.bootstrap_q975, r.bt_score) THEN r.bt_score
				ELSE r.bootstrap_q975 END)
		FROM unnest(rows) AS r
	) AS range (low, high),
	LATERAL (SELECT greatest((high - low) * 14 / (last_pixel - first_pixel - 28), 5)) AS m (margin)
$$;
COMMENT ON FUNCTION bixarena.chart_score_axis(bixarena_leaderboard_row[], double precision, double precision) IS
	'an axis on which all scores and all bounds that are fixed have a place';

CREATE FUNCTION bixarena.chart_interval(
	line bixarena_leaderboard_row,
	axis bixarena.axis,
	y double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<path class="thick line1" d="M%1$s %3$sH%2$s%4$s%5$s"/>'
		'<circle class="dot1" cx="%6$s" cy="%3$s" r="%7$s"/>',
		bixarena.chart_pixel(low), bixarena.chart_pixel(high), bixarena.chart_pixel(y),
		-- the left end, then the right one: an arrow, or a stop where the dot leaves room
		CASE WHEN is_open_low
			THEN format('M%s %sl-6 5l6 5', bixarena.chart_pixel(low + 6), bixarena.chart_pixel(y - 5))
			WHEN high - low >= 14
			THEN format('M%s %sv8', bixarena.chart_pixel(low), bixarena.chart_pixel(y - 4)) END,
		CASE WHEN is_open_high
			THEN format('M%s %sl6 5l-6 5', bixarena.chart_pixel(high - 6), bixarena.chart_pixel(y - 5))
			WHEN high - low >= 14
			THEN format('M%s %sv8', bixarena.chart_pixel(high), bixarena.chart_pixel(y - 4)) END,
		bixarena.chart_pixel(bixarena.chart_place(axis, line.bt_score)),
		-- nor does the dot hide a short interval
		CASE WHEN high - low >= 14 THEN 4 ELSE 2.5 END)
	FROM (VALUES (bixarena.chart_is_open(line.bootstrap_q025, line.bt_score),
			bixarena.chart_is_open(line.bootstrap_q975, line.bt_score))) AS o (is_open_low, is_open_high),
		LATERAL (VALUES (
			CASE WHEN is_open_low THEN axis.first_pixel
				ELSE bixarena.chart_place(axis, line.bootstrap_q025) END,
			CASE WHEN is_open_high THEN axis.last_pixel
				ELSE bixarena.chart_place(axis, line.bootstrap_q975) END)) AS b (low, high)
$$;
COMMENT ON FUNCTION bixarena.chart_interval(bixarena_leaderboard_row, bixarena.axis, double precision) IS
	'a score and its interval';

CREATE FUNCTION bixarena.chart_bound_text(bound numeric, score numeric)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN bixarena.chart_is_open(bound, score) THEN 'open' ELSE round(bound)::text END
$$;
COMMENT ON FUNCTION bixarena.chart_bound_text(numeric, numeric) IS
	'the bound of an interval, for people; open: the battles do not fix it';

CREATE FUNCTION bixarena.chart_leaderboard_row(
	line bixarena_leaderboard_row,
	axis bixarena.axis,
	y double precision,
	width double precision,
	label_width double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- the references keep a name's direction of writing to itself
	SELECT format('<g class="row"><title>&#8296;%s&#8297;: rank %s, score %s, 95 %% interval %s to %s, battles: %s</title>'
		'<text class="muted" text-anchor="end" x="32" y="%8$s">%2$s</text>'
		'<text class="ink" x="42" y="%8$s">%7$s</text>'
		'<text class="ink" text-anchor="end" x="%9$s" y="%8$s">%3$s</text>%10$s</g>',
		bixarena.text_escape(line.model), line.rank, round(line.bt_score),
		bixarena.chart_bound_text(line.bootstrap_q025, line.bt_score),
		bixarena.chart_bound_text(line.bootstrap_q975, line.bt_score),
		line.vote_count, bixarena.text_fit(line.model, label_width / 13),
		bixarena.chart_pixel(y + 4.5), bixarena.chart_pixel(width - 8),
		bixarena.chart_interval(line, axis, y))
$$;
COMMENT ON FUNCTION bixarena.chart_leaderboard_row(bixarena_leaderboard_row, bixarena.axis, double precision, double precision, double precision) IS
	'a model''s line in the chart of a leaderboard';

CREATE FUNCTION bixarena.chart_score_grid(axis bixarena.axis, top double precision, bottom double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<path class="grid" d="M%1$s %2$sV%3$s"/>'
			'<text class="muted small" text-anchor="middle" x="%1$s" y="%4$s">%6$s</text>'
			'<text class="muted small" text-anchor="middle" x="%1$s" y="%5$s">%6$s</text>',
			bixarena.chart_pixel(bixarena.chart_place(axis, t.value)), bixarena.chart_pixel(top), bixarena.chart_pixel(bottom),
			bixarena.chart_pixel(top - 6), bixarena.chart_pixel(bottom + 16), trim_scale(t.value::numeric)), '')
	FROM (SELECT axis.last_pixel - axis.first_pixel) AS p (pixels),
		bixarena.chart_ticks(axis.low, axis.high,
		least(p.pixels / 36, 3 + p.pixels / 90)::integer) AS t
$$;
COMMENT ON FUNCTION bixarena.chart_score_grid(bixarena.axis, double precision, double precision) IS
	'lines and numbers of an axis of scores, above and below';

CREATE FUNCTION bixarena.chart_leaderboard(
	rows bixarena_leaderboard_row[],
	width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	row_height constant double precision := 24;
	top constant double precision := 26;
	bottom double precision := top + row_height * cardinality(rows);
	label_width double precision := (SELECT least(0.38 * width,
		max(13 * bixarena.text_width(r.model)) + 2) FROM unnest(rows) AS r);
	total bigint := (rows[1]).total_count;
	omission text := bixarena.chart_omission(cardinality(rows), total, bottom + 54);
	axis bixarena.axis;
	drawn text;
BEGIN
	IF coalesce(cardinality(rows), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There is no public snapshot yet.');
	END IF;
	axis := bixarena.chart_score_axis(rows, 42 + label_width + 16, width - 56);
	SELECT string_agg(format('<rect class="band" y="%s" width="%s" height="%s"/>',
		bixarena.chart_pixel(top + row_height * n), width, bixarena.chart_pixel(row_height)), '')
	INTO drawn FROM generate_series(0, cardinality(rows) - 1, 2) AS n;
	SELECT concat(drawn, bixarena.chart_score_grid(axis, top, bottom), string_agg(
		bixarena.chart_leaderboard_row(r, axis, top + row_height * (n - 0.5), width, label_width),
		'' ORDER BY n))
	INTO drawn
	FROM generate_subscripts(rows, 1) AS n, LATERAL (SELECT (rows[n]).*) AS r;

	RETURN bixarena.chart_svg(width, bottom + CASE omission WHEN '' THEN 44 ELSE 62 END, theme,
		format('Scores of %s with 95 %% intervals', bixarena.chart_count(cardinality(rows), total)),
		drawn || omission || format('<text class="muted small" text-anchor="end" x="%s" y="%s">%s</text>',
			width - 8, bixarena.chart_pixel(bottom + 36),
			'score in points; 400 more are odds of 10 to 1'));
END
$$;
COMMENT ON FUNCTION bixarena.chart_leaderboard(bixarena_leaderboard_row[], bigint, text) IS
	'the chart of a leaderboard';

CREATE FUNCTION bixarena_leaderboard_svg(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	top bigint DEFAULT NULL,
	width bigint DEFAULT 720,
	theme text DEFAULT 'auto',
	arena text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	RETURN bixarena.chart_leaderboard(ARRAY(
		SELECT r FROM bixarena.leaderboard_rows(shown, NULL, found_arena) AS r
		LIMIT least(coalesce(top, 500), 2000)), width, theme);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_svg(text, text, bigint, bigint, text, text) IS
	'a chart of a leaderboard: scores with intervals, a line a model';
