
/*
 * The chart of a leaderboard's history: ranks or scores over time, a line a
 * model.  Where a model was missing from a snapshot its line is broken.
 */

CREATE TYPE bixarena.history_point AS (
	series integer,				-- number of the model, 1 for the first
	model text,
	moment_number integer,		-- snapshots count from 1, the oldest
	moment timestamptz,
	value double precision		-- a rank or a score
);
COMMENT ON TYPE bixarena.history_point IS 'a model in one of many snapshots';

CREATE FUNCTION bixarena.chart_history_points(
	leaderboard uuid,
	measure text,
	top bigint,
	since timestamptz,
	max_moments bigint,
	arena text)
RETURNS SETOF bixarena.history_point
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- of many snapshots, the last one of each of so many spans of equal length
	RETURN QUERY EXECUTE format($sql$
		WITH snapshot AS MATERIALIZED (
			SELECT s.id, s.created_at, extract(epoch FROM s.created_at) AS seconds,
				row_number() OVER (ORDER BY s.created_at DESC,
					length(s.snapshot_identifier) DESC, s.snapshot_identifier DESC) AS age
			FROM bixarena.read_snapshots($5, $1) AS s
			WHERE s.visibility = 'public' AND isfinite(s.created_at) AND ($3 IS NULL OR s.created_at >= $3)
		), span AS (
			SELECT s.id, s.created_at, s.age, floor((max(s.seconds) OVER () - s.seconds)
				/ nullif(max(s.seconds) OVER () - min(s.seconds) OVER (), 0)
				* ($4 - 1)) AS number
			FROM snapshot AS s
		), kept AS MATERIALIZED (
			SELECT s.id, s.created_at, row_number() OVER (ORDER BY s.age DESC) AS number
			FROM (SELECT DISTINCT ON (n.number) n.* FROM span AS n
				ORDER BY n.number, n.age) AS s
		), entry AS MATERIALIZED (
			SELECT e.* FROM bixarena.read_entries($5, ARRAY(SELECT k.id FROM kept AS k)) AS e
		), shown AS MATERIALIZED (
			SELECT m.id, m.name, row_number() OVER (ORDER BY e.rank, e.bt_score DESC,
				m.name COLLATE "C", m.slug COLLATE "C") AS number
			FROM snapshot AS s
			JOIN entry AS e ON e.snapshot_id = s.id
			JOIN bixarena.read_models($5) AS m ON m.id = e.model_id
			WHERE s.age = 1
			ORDER BY number LIMIT $2
		)
		SELECT m.number::integer, m.name, k.number::integer, k.created_at,
			e.%I::double precision
		FROM kept AS k
		JOIN entry AS e ON e.snapshot_id = k.id
		JOIN shown AS m ON m.id = e.model_id
		ORDER BY m.number, k.number
		$sql$, measure)
		USING leaderboard, top, since, max_moments, arena;
END
$$;
COMMENT ON FUNCTION bixarena.chart_history_points(uuid, text, bigint, timestamptz, bigint, text) IS
	'ranks or scores over time of the models that lead a leaderboard now';

CREATE FUNCTION bixarena.chart_time_grid(
	axis bixarena.axis,
	top double precision,
	bottom double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- labels leave the year out, and hours the day: the caption has them
	SELECT concat(string_agg(format('<path class="grid" d="M%1$s %2$sV%3$s"/>'
			'<text class="muted small" text-anchor="middle" x="%1$s" y="%4$s">%5$s</text>',
			bixarena.chart_pixel(bixarena.chart_place(axis, extract(epoch FROM t.moment)::double precision)),
			bixarena.chart_pixel(top), bixarena.chart_pixel(bottom), bixarena.chart_pixel(bottom + 18), t.label), ''),
		format('<text class="muted small" x="%s" y="%s">time (UTC), until %s</text>',
			bixarena.chart_pixel(axis.first_pixel), bixarena.chart_pixel(bottom + 38),
			to_char(to_timestamp(axis.high) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')))
	FROM bixarena.chart_time_ticks(to_timestamp(axis.low), to_timestamp(axis.high),
		axis.last_pixel - axis.first_pixel) AS t
$$;
COMMENT ON FUNCTION bixarena.chart_time_grid(bixarena.axis, double precision, double precision) IS
	'lines and labels of an axis of time';

CREATE FUNCTION bixarena.chart_value_grid(
	axis bixarena.axis,
	first_value double precision,
	min_step double precision,
	left_edge double precision,
	right_edge double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- first_value, if there is one, is marked whatever the step
	WITH bounds AS (
		SELECT least(axis.low, axis.high) AS low, greatest(axis.low, axis.high) AS high,
			least(abs(axis.last_pixel - axis.first_pixel)
				/ CASE WHEN first_value IS NULL THEN 30 ELSE 16 END, 40)::integer AS max_ticks
	), tick AS (
		SELECT first_value AS value WHERE first_value IS NOT NULL
		UNION
		SELECT t.value
		FROM bounds AS b, bixarena.chart_ticks(b.low, b.high, b.max_ticks, min_step) AS t
		WHERE first_value IS NULL OR t.value >= first_value + 0.6 * t.step
	)
	SELECT string_agg(format('<path class="grid" d="M%s %sH%s"/>'
			'<text class="muted small" text-anchor="end" x="%s" y="%s">%s</text>',
			bixarena.chart_pixel(left_edge), bixarena.chart_pixel(y), bixarena.chart_pixel(right_edge),
			bixarena.chart_pixel(left_edge - 6), bixarena.chart_pixel(y + 4), bixarena.text_number(t.value::numeric)), ''
			ORDER BY t.value)
	FROM tick AS t, LATERAL (SELECT bixarena.chart_place(axis, t.value)) AS p (y)
$$;
COMMENT ON FUNCTION bixarena.chart_value_grid(bixarena.axis, double precision, double precision, double precision, double precision) IS
	'lines and numbers of an upright axis';

CREATE FUNCTION bixarena.chart_series(
	points bixarena.history_point[],
	time_axis bixarena.axis,
	value_axis bixarena.axis,
	is_stepped boolean DEFAULT false)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- those of the same colour have other dashes; a line is broken where
	-- snapshots lie between
	WITH place AS (
		SELECT p.*, p.moment_number - row_number() OVER (ORDER BY p.moment_number) AS part,
			bixarena.chart_pixel(bixarena.chart_place(time_axis,
				extract(epoch FROM p.moment)::double precision)) AS x,
			bixarena.chart_pixel(bixarena.chart_place(value_axis, p.value)) AS y
		FROM unnest(points) AS p
	), part AS (
		SELECT CASE WHEN is_stepped
			THEN 'M' || (array_agg(p.x || ' ' || p.y ORDER BY p.moment_number))[1]
				|| string_agg('H' || p.x || 'V' || p.y, '' ORDER BY p.moment_number)
			ELSE 'M' || string_agg(p.x || ' ' || p.y, 'L' ORDER BY p.moment_number) END AS path
		FROM place AS p GROUP BY p.part
	)
	SELECT format('<g class="series"><title>%s</title><path class="thick line%s"%s d="%s"/>%s</g>',
		bixarena.text_escape(min(p.model)), colour,
		CASE dashes WHEN 0 THEN '' WHEN 1 THEN ' stroke-dasharray="7 4"'
			WHEN 2 THEN ' stroke-dasharray="2 3"' ELSE ' stroke-dasharray="9 3 2 3"' END,
		(SELECT string_agg(r.path, '' ORDER BY r.path) FROM part AS r),
		-- the ends are dots always, all points are where they do not touch
		string_agg(format('<circle class="dot%s" cx="%s" cy="%s" r="%s"/>', colour, p.x, p.y,
				CASE WHEN p.moment_number = last THEN 4 ELSE 2.5 END), '' ORDER BY p.moment_number)
			FILTER (WHERE p.moment_number = last OR is_sparse))
	FROM place AS p,
		LATERAL (VALUES (1 + (points[1].series - 1) % 6, (points[1].series - 1) / 6 % 4)) AS c (colour, dashes),
		LATERAL (SELECT max(l.moment_number), (time_axis.last_pixel - time_axis.first_pixel)
			/ greatest(max(l.moment_number), 1) >= 10 FROM place AS l) AS m (last, is_sparse)
	GROUP BY colour, dashes
$$;
COMMENT ON FUNCTION bixarena.chart_series(bixarena.history_point[], bixarena.axis, bixarena.axis, boolean) IS
	'the line of one model; stepped: a value holds until the next';

CREATE FUNCTION bixarena.chart_series_labels(
	points bixarena.history_point[],
	value_axis bixarena.axis,
	top double precision,
	bottom double precision,
	x double precision,
	label_width double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a label stands beside its line's end, or as near as the others leave room.
	-- Those pushed down by the ones above, and those pushed up by the ones below,
	-- are as far from each other as labels must be; so are the means of both, and
	-- what is kept between top and bottom.
	WITH last AS (
		SELECT DISTINCT ON (p.series) p.series, p.model,
			bixarena.chart_place(value_axis, p.value) AS y
		FROM unnest(points) AS p ORDER BY p.series, p.moment_number DESC
	), ordered AS (
		SELECT l.*, row_number() OVER (ORDER BY l.y, l.series) AS n, count(*) OVER () AS total
		FROM last AS l
	), placed AS (
		SELECT o.*, least(bottom - (o.total - o.n) * 17, greatest(top + (o.n - 1) * 17, o.n * 17
			+ (max(o.y - o.n * 17) OVER (ORDER BY o.n)
				+ min(o.y - o.n * 17) OVER (ORDER BY o.n DESC)) / 2)) AS label_y
		FROM ordered AS o
	)
	SELECT string_agg(format('<g class="label"><title>%s</title><path class="thin line%s" d="M%s %sL%s %s"/>'
			'<text class="ink" x="%s" y="%s">%s</text></g>',
			bixarena.text_escape(p.model), 1 + (p.series - 1) % 6,
			bixarena.chart_pixel(x + 5), bixarena.chart_pixel(p.y), bixarena.chart_pixel(x + 16),
			bixarena.chart_pixel(p.label_y), bixarena.chart_pixel(x + 20), bixarena.chart_pixel(p.label_y + 4.5),
			bixarena.text_fit(p.model, label_width / 13)), '' ORDER BY p.n)
	FROM placed AS p
$$;
COMMENT ON FUNCTION bixarena.chart_series_labels(bixarena.history_point[], bixarena.axis, double precision, double precision, double precision, double precision) IS
	'names of models beside the ends of their lines';

CREATE FUNCTION bixarena.chart_history(
	points bixarena.history_point[],
	measure text,
	width bigint,
	theme text,
	total bigint DEFAULT NULL,
	caption text DEFAULT NULL,
	label text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	is_rank boolean := measure = 'rank';
	left_edge double precision;
	top constant double precision := 34;
	bottom double precision;
	label_width double precision;
	time_axis bixarena.axis;
	value_axis bixarena.axis;
	range record;
	drawn text;
	omission text;
	is_alone boolean;
BEGIN
	IF coalesce(cardinality(points), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There is no public snapshot in this time.');
	END IF;
	SELECT max(p.series) AS series, min(p.value) AS low, max(p.value) AS high,
		(bool_and(p.value = trunc(p.value)) AND measure <> 'bt_score')::integer AS least_step,
		extract(epoch FROM min(p.moment)) AS first, extract(epoch FROM max(p.moment)) AS last
	INTO range FROM unnest(points) AS p;
	-- who is alone is named by the caption
	is_alone := caption IS NOT NULL AND range.series = 1;
	SELECT CASE WHEN is_alone THEN 0 ELSE least(0.4 * width, max(13 * bixarena.text_width(m.model)) + 2) END INTO label_width
	FROM (SELECT DISTINCT p.model FROM unnest(points) AS p) AS m;
	-- ranks, too, are as far from each other as labels, if they are not many more
	bottom := top + greatest(200, 19 * range.series,
		CASE WHEN is_rank THEN 16 + 17 * least(range.high - range.low, 2 * range.series) END);

	-- a single moment ends a day, scores of an arena have 10 points at least, and a
	-- value that stays the same the midst
	value_axis := CASE WHEN is_rank THEN (range.low, range.high, top + 8, bottom - 8)::bixarena.axis
		ELSE (range.high + margin, range.low - margin, top + 8, bottom - 8)::bixarena.axis END
		FROM greatest(CASE WHEN measure = 'bt_score' THEN 5 - (range.high - range.low) / 2
			WHEN range.low = range.high THEN coalesce(nullif(abs(range.low) / 20, 0), 1) END, 0) AS margin;
	SELECT greatest(CASE WHEN is_rank THEN 36 ELSE 48 END, max(12 * bixarena.text_width(bixarena.text_number(v::numeric))) + 10)
	INTO left_edge
	FROM (SELECT range.high AS v WHERE is_rank
		UNION ALL
		SELECT t.value FROM bixarena.chart_ticks(value_axis.high, value_axis.low, ((bottom - top - 16) / 30)::integer, range.least_step) AS t
		WHERE NOT is_rank) AS n;
	time_axis := (CASE WHEN range.first < range.last THEN range.first ELSE range.last - 86400 END,
		range.last, left_edge + 8, width - label_width - 34)::bixarena.axis;

	drawn := bixarena.chart_time_grid(time_axis, top, bottom)
		|| bixarena.chart_value_grid(value_axis, CASE WHEN is_rank THEN range.low END,
			range.least_step, left_edge, time_axis.last_pixel + 4);
	-- the best lies on top
	SELECT drawn || string_agg(s.line, '' ORDER BY s.series DESC) INTO drawn
	FROM (SELECT p.series, bixarena.chart_series(array_agg(p ORDER BY p.moment_number),
			time_axis, value_axis, measure = 'score') AS line
		FROM unnest(points) AS p GROUP BY p.series) AS s;
	omission := bixarena.chart_omission(range.series, total, bottom + 58);
	RETURN bixarena.chart_svg(width, bottom + CASE omission WHEN '' THEN 46 ELSE 66 END, theme,
		coalesce(label, format('%s of %s over time', CASE WHEN is_rank THEN 'Ranks' ELSE 'Scores' END,
			bixarena.chart_count(range.series, total))),
		drawn || omission
		|| CASE WHEN is_alone THEN '' ELSE bixarena.chart_series_labels(points, value_axis, top, bottom,
			time_axis.last_pixel, label_width) END
		|| format('<g class="caption"><title>%s</title><text class="muted small" x="8" y="18">%s</text></g>',
			bixarena.text_escape(c.caption), bixarena.text_fit(c.caption, (width - 16) / 12.0)))
	FROM (SELECT concat_ws(': ', CASE WHEN is_alone THEN points[1].model END,
		coalesce(chart_history.caption, CASE WHEN is_rank THEN 'rank' ELSE 'score in points' END))) AS c (caption);
END
$$;
COMMENT ON FUNCTION bixarena.chart_history(bixarena.history_point[], text, bigint, text, bigint, text, text) IS
	'the chart of ranks or values over time; total: of how many models those drawn are the first';

CREATE FUNCTION bixarena_history_svg(
	leaderboard_id text,
	top bigint DEFAULT 10,
	measure text DEFAULT 'rank',
	since timestamptz DEFAULT NULL,
	width bigint DEFAULT 720,
	theme text DEFAULT 'auto',
	arena text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	lines bigint := least(coalesce(top, 100), 500);
BEGIN
	IF num_nulls(leaderboard_id, measure) > 0 THEN
		RAISE EXCEPTION 'leaderboard_id and measure must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF measure NOT IN ('rank', 'bt_score') THEN
		RAISE EXCEPTION 'measure must be rank or bt_score, not "%"', measure
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	-- a point to every four pixels is as fine as can be seen, and 25000 of all
	-- lines as many as are drawn
	RETURN bixarena.chart_history(ARRAY(
		SELECT p FROM bixarena.chart_history_points(
			bixarena.leaderboard_find(leaderboard_id, found_arena), measure, lines, since,
			least(width / 4, 25000 / lines), found_arena) AS p), measure, width, theme,
		CASE WHEN lines < coalesce(top, 9223372036854775807) THEN (SELECT count(*)
			FROM bixarena.snapshot_shown(leaderboard_id, NULL, found_arena) AS s,
				bixarena.read_entries(found_arena, ARRAY[s.id]) AS e) END);
END
$$;
COMMENT ON FUNCTION bixarena_history_svg(text, bigint, text, timestamptz, bigint, text, text) IS
	'a chart of ranks or scores over time of the models that lead a leaderboard now';
