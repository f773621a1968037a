
/*
 * The chart of durations: a dot for each run that has ended, when it began and
 * how long it took.  What failed is a cross, what was skipped a ring, so that
 * colour is not all that tells them apart.
 */

CREATE FUNCTION bixarena.chart_run(status text, title text, x double precision, y double precision)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<g class="run"><title>%s</title>%s</g>', bixarena.text_escape(title),
		CASE status
			WHEN 'succeeded' THEN format('<circle class="dot1" cx="%s" cy="%s" r="3.5"/>',
				bixarena.chart_pixel(x), bixarena.chart_pixel(y))
			WHEN 'failed' THEN format('<path class="bad" d="M%s %sl3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3l-3 -3z"/>',
				bixarena.chart_pixel(x - 3), bixarena.chart_pixel(y - 5))
			ELSE format('<path class="idle" fill-rule="evenodd" d="M%s %sh8v8h-8zm2 2v4h4v-4z"/>',
				bixarena.chart_pixel(x - 4), bixarena.chart_pixel(y - 4)) END)
$$;
COMMENT ON FUNCTION bixarena.chart_run(text, text, double precision, double precision) IS
	'a run in the chart of durations';

CREATE FUNCTION bixarena.chart_run_legend(y double precision)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(replace(bixarena.chart_run(l.status, l.status, l.x, y - 4), 'class="run"', 'class="legend"')
		|| format('<text class="muted small" x="%s" y="%s">%s</text>',
			bixarena.chart_pixel(l.x + 10), bixarena.chart_pixel(y), l.status), '' ORDER BY l.x)
	FROM (VALUES ('succeeded', 16), ('failed', 112), ('skipped', 182)) AS l (status, x)
$$;
COMMENT ON FUNCTION bixarena.chart_run_legend(double precision) IS
	'what the marks of runs mean';

CREATE FUNCTION bixarena.chart_durations(runs bixarena.run[], width integer, theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	left_edge constant double precision := 48;
	top constant double precision := 34;
	bottom constant double precision := 214;
	time_axis bixarena.axis;
	value_axis bixarena.axis;
	range record;
	drawn text;
BEGIN
	SELECT extract(epoch FROM min(r.started_at)) AS first,
		extract(epoch FROM max(r.started_at)) AS last,
		greatest(max(extract(epoch FROM r.ended_at - r.started_at)) * 1.05, 0.001) AS longest,
		count(*) AS total
	INTO range
	FROM unnest(runs) AS r WHERE r.started_at IS NOT NULL AND r.ended_at IS NOT NULL;
	IF range.total = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'No run has ended in this time.');
	END IF;
	time_axis := (range.first, range.last, left_edge + 10, width - 34)::bixarena.axis;
	value_axis := (range.longest, 0, top, bottom)::bixarena.axis;

	SELECT string_agg(bixarena.chart_run(r.status, format('%s: %s at %s, %s seconds', r.leaderboard,
			r.status, bixarena.text_utc(r.started_at), d.text),
		bixarena.chart_place(time_axis, extract(epoch FROM r.started_at)::double precision),
		bixarena.chart_place(value_axis, d.seconds)), '' ORDER BY r.started_at)
	INTO drawn
	FROM unnest(runs) AS r,
		LATERAL (SELECT extract(epoch FROM r.ended_at - r.started_at)::double precision) AS s (seconds),
		LATERAL (SELECT s.seconds, round(s.seconds::numeric, 3)) AS d (seconds, text)
	WHERE r.started_at IS NOT NULL AND r.ended_at IS NOT NULL;
	RETURN bixarena.chart_svg(width, bottom + 70, theme, format('Durations of %s runs', range.total),
		bixarena.chart_time_grid(time_axis, top, bottom)
		|| bixarena.chart_value_grid(value_axis, NULL, 0, left_edge, width - 8) || drawn
		|| '<text class="muted small" x="8" y="18">duration in seconds</text>'
		|| bixarena.chart_run_legend(bottom + 58));
END
$$;
COMMENT ON FUNCTION bixarena.chart_durations(bixarena.run[], integer, text) IS
	'the chart of durations';
