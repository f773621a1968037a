
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

CREATE FUNCTION bixarena.chart_range_text(range bixarena_leaderboard_range)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN range.lowest_rank < range.highest_rank
		THEN format('%s&#8211;%s', range.lowest_rank, range.highest_rank)
		ELSE range.lowest_rank::text END
$$;
COMMENT ON FUNCTION bixarena.chart_range_text(bixarena_leaderboard_range) IS
	'the ranks that the battles allow, for people, as a part of a page';

CREATE FUNCTION bixarena.chart_with_comparison(
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[])
RETURNS bixarena_leaderboard_row[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null where these intervals are not known of all
	SELECT CASE WHEN bool_and(g.comparison_lower IS NOT NULL) THEN
		array_agg(jsonb_populate_record(rows[n], jsonb_build_object(
			'bootstrap_q025', g.comparison_lower, 'bootstrap_q975', g.comparison_upper)) ORDER BY n) END
	FROM generate_subscripts(rows, 1) AS n, LATERAL (SELECT (ranges[n]).*) AS g
$$;
COMMENT ON FUNCTION bixarena.chart_with_comparison(bixarena_leaderboard_row[], bixarena_leaderboard_range[]) IS
	'lines of a leaderboard with the intervals that are made to be compared';

CREATE TYPE bixarena.chart_layout AS (
	width double precision,
	row_height double precision,
	label double precision,			-- where names begin
	label_width double precision,
	text_y double precision,		-- baseline of the text in a row
	line_y double precision,		-- of the interval
	axis bixarena.axis
);
COMMENT ON TYPE bixarena.chart_layout IS 'where things stand in the chart of a leaderboard';

CREATE FUNCTION bixarena.chart_leaderboard_layout(
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	width double precision)
RETURNS bixarena.chart_layout
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- on a phone names stand above their lines, which else had a fifth of the width
	SELECT CASE WHEN width < 480
		THEN (width, 40, label, width - label - 64, 16, 29,
			bixarena.chart_score_axis(rows, 14, width - 14))::bixarena.chart_layout
		ELSE (width, 24, label, names, 16.5, 12,
			bixarena.chart_score_axis(rows, label + names + 16, width - 56))::bixarena.chart_layout END
	FROM (SELECT 42 + coalesce(max(12 * bixarena.text_width(replace(bixarena.chart_range_text(g), '&#8211;', 'n')) + 8), 0)
			FROM unnest(ranges) AS g WHERE g.lowest_rank IS NOT NULL) AS l (label),
		(SELECT least(0.38 * width, max(13 * bixarena.text_width(r.model)) + 2)
			FROM unnest(rows) AS r) AS n (names)
$$;
COMMENT ON FUNCTION bixarena.chart_leaderboard_layout(bixarena_leaderboard_row[], bixarena_leaderboard_range[], double precision) IS
	'the layout of the chart of a leaderboard for a width';

CREATE FUNCTION bixarena.chart_leaderboard_row(
	line bixarena_leaderboard_row,
	range bixarena_leaderboard_range,
	interval_name text,
	layout bixarena.chart_layout,
	y double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- the references keep a name's direction of writing to itself
	SELECT format('<g class="row"><title>&#8296;%s&#8297;: rank %s%s, score %s, %s to %s, battles: %s</title>'
		'<text class="muted" text-anchor="end" x="32" y="%9$s">%2$s</text>%12$s'
		'<text class="ink" x="%13$s" y="%9$s">%8$s</text>'
		'<text class="ink" text-anchor="end" x="%10$s" y="%9$s">%4$s</text>%11$s</g>',
		bixarena.text_escape(line.model), line.rank,
		CASE WHEN range.lowest_rank IS NOT NULL
			THEN format(' (%s to %s possible)', range.lowest_rank, range.highest_rank) END,
		round(line.bt_score),
		interval_name || ' ' || bixarena.chart_bound_text(line.bootstrap_q025, line.bt_score),
		bixarena.chart_bound_text(line.bootstrap_q975, line.bt_score),
		line.vote_count, bixarena.text_fit(line.model, layout.label_width / 13),
		bixarena.chart_pixel(y + layout.text_y), bixarena.chart_pixel(layout.width - 8),
		bixarena.chart_interval(line, layout.axis, y + layout.line_y),
		CASE WHEN range.lowest_rank IS NOT NULL
			THEN format('<text class="muted small range" x="40" y="%s">%s</text>',
				bixarena.chart_pixel(y + layout.text_y), bixarena.chart_range_text(range)) END,
		bixarena.chart_pixel(layout.label))
$$;
COMMENT ON FUNCTION bixarena.chart_leaderboard_row(bixarena_leaderboard_row, bixarena_leaderboard_range, text, bixarena.chart_layout, double precision) IS
	'a model''s line in the chart of a leaderboard';

CREATE FUNCTION bixarena.chart_score_ticks(axis bixarena.axis, min_step double precision)
RETURNS SETOF double precision
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- few, but not fewer than three where there is room; fewer where numbers are long
	WITH few AS (
		SELECT p.pixels, f.few, CASE WHEN (SELECT count(*) FROM bixarena.chart_ticks(axis.low, axis.high, f.few, min_step)) < 3
			THEN greatest(f.few, floor(p.pixels / 36)::integer) ELSE f.few END AS number
		FROM (SELECT axis.last_pixel - axis.first_pixel) AS p (pixels),
			LATERAL (SELECT least(p.pixels / 36, 3 + p.pixels / 90)::integer) AS f (few)
	), labelled AS (
		SELECT f.pixels, f.number, max(12 * bixarena.text_width(bixarena.text_number(t.value::numeric))) + 6 AS room,
			min(t.step) * f.pixels / nullif(axis.high - axis.low, 0) AS step
		FROM few AS f, bixarena.chart_ticks(axis.low, axis.high, f.number, min_step) AS t
		GROUP BY f.pixels, f.number
	)
	SELECT t.value
	FROM labelled AS l,
		bixarena.chart_ticks(axis.low, axis.high,
			CASE WHEN l.room > l.step THEN greatest(floor(l.pixels / l.room), 1)::integer ELSE l.number END, min_step) AS t
$$;
COMMENT ON FUNCTION bixarena.chart_score_ticks(bixarena.axis, double precision) IS 'the scores that an axis marks';

CREATE FUNCTION bixarena.chart_score_grid(
	axis bixarena.axis,
	top double precision,
	bottom double precision,
	min_step double precision DEFAULT 0)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<path class="grid" d="M%1$s %2$sV%3$s"/>'
			'<text class="muted small" text-anchor="middle" x="%1$s" y="%4$s">%6$s</text>'
			'<text class="muted small" text-anchor="middle" x="%1$s" y="%5$s">%6$s</text>',
			bixarena.chart_pixel(bixarena.chart_place(axis, t)), bixarena.chart_pixel(top), bixarena.chart_pixel(bottom),
			bixarena.chart_pixel(top - 6), bixarena.chart_pixel(bottom + 16), bixarena.text_number(t::numeric)), '')
	FROM bixarena.chart_score_ticks(axis, min_step) AS t
$$;
COMMENT ON FUNCTION bixarena.chart_score_grid(bixarena.axis, double precision, double precision, double precision) IS
	'lines and numbers of an axis of scores, above and below';

CREATE FUNCTION bixarena.chart_leaderboard(
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	intervals text,
	width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	top constant double precision := 26;
	notes text[];
	total bigint := (rows[1]).total_count;
	interval_name constant text :=
		CASE intervals WHEN 'comparison' THEN 'comparison interval' ELSE '95 % interval' END;
	layout bixarena.chart_layout;
	bottom double precision;
	drawn text;
BEGIN
	IF coalesce(cardinality(rows), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There is no public snapshot yet.');
	END IF;
	IF intervals = 'comparison' THEN
		rows := bixarena.chart_with_comparison(rows, ranges);
	END IF;
	IF rows IS NULL THEN
		RETURN bixarena.chart_empty(width, theme, 'No comparison intervals are on record.');
	END IF;
	layout := bixarena.chart_leaderboard_layout(rows, ranges, width);
	bottom := top + layout.row_height * cardinality(rows);
	SELECT concat(bixarena.chart_bands(cardinality(rows), top, layout.row_height, width),
		bixarena.chart_score_grid(layout.axis, top, bottom), string_agg(
		bixarena.chart_leaderboard_row(rows[n], ranges[n], interval_name, layout, top + layout.row_height * (n - 1)),
		'' ORDER BY n))
	INTO drawn FROM generate_subscripts(rows, 1) AS n;
	notes := ARRAY['score in points; 400 more are odds of 10 to 1']
		|| CASE intervals WHEN 'comparison'
			THEN ARRAY['intervals to compare: where two do not meet, the models differ'] ELSE '{}' END
		|| CASE WHEN drawn LIKE '%small range%'
			THEN ARRAY['beside a rank: the ranks that the battles allow'] ELSE '{}' END;

	RETURN bixarena.chart_svg(width, bottom + 8 + 18 * (cardinality(notes) + 1
			+ (cardinality(rows) < total)::integer), theme,
		format('Scores of %s with %ss', bixarena.chart_count(cardinality(rows), total), interval_name),
		drawn || bixarena.chart_notes(notes, width - 8, bottom + 18)
		|| bixarena.chart_omission(cardinality(rows), total, bottom + 18 + 18 * (cardinality(notes) + 1)));
END
$$;
COMMENT ON FUNCTION bixarena.chart_leaderboard(bixarena_leaderboard_row[], bixarena_leaderboard_range[], text, bigint, text) IS
	'the chart of a leaderboard';

CREATE FUNCTION bixarena_leaderboard_svg(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	top bigint DEFAULT NULL,
	width bigint DEFAULT 720,
	theme text DEFAULT 'auto',
	arena text DEFAULT NULL,
	intervals text DEFAULT 'score')
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
	num_models bigint := least(coalesce(top, 500), 2000);
BEGIN
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	IF intervals IS NULL OR intervals NOT IN ('score', 'comparison') THEN
		RAISE EXCEPTION 'intervals must be score or comparison, not %', coalesce('"' || intervals || '"', 'null')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN bixarena.chart_leaderboard(
		ARRAY(SELECT r FROM bixarena.leaderboard_rows(shown, NULL, found_arena) AS r LIMIT num_models),
		ARRAY(SELECT r FROM bixarena.range_rows(shown, found_arena) AS r LIMIT num_models),
		intervals, width, theme);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_svg(text, text, bigint, bigint, text, text, text) IS
	'a chart of a leaderboard: scores with intervals, a line a model';
