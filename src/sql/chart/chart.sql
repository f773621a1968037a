
/*
 * Charts: what all of them have in common.  A chart is plain SVG text.  Lengths
 * are pixels.  A chart is laid out for a width, so that its text has the same
 * size whatever the width.  It has no ids, so that any number of charts can be
 * put into one page.
 *
 * Functions that draw take rows and know no table.  However many models are asked
 * for, each kind of chart has a most: nobody reads one of thousands, and it takes
 * the memory of all others.
 */

/*
 * Colours.  The six of the series differ for normal sight and for the three kinds
 * of colour blindness alike.  Those of the shares go from orange over grey to
 * violet, which all kinds can tell apart, and away from the paper towards both
 * ends; on light paper they are ColorBrewer's PuOr (Brewer, Harrower, 2003) with a
 * greyer middle.
 */
CREATE FUNCTION bixarena.chart_colours(dark boolean)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('.bixarena-chart.%s .%s{%s:%s}',
			CASE WHEN dark THEN 'dark' ELSE 'light' END, c.class, c.property,
			CASE WHEN dark THEN c.on_dark ELSE c.on_light END), '' ORDER BY c.number)
	FROM (VALUES
		(1, 'paper', 'fill', '#ffffff', '#14171c'),
		(2, 'ink', 'fill', '#1b1e23', '#e8eaed'),
		(3, 'muted', 'fill', '#565b63', '#a8aeb8'),
		(4, 'grid', 'stroke', '#d8dbe0', '#343a43'),
		(5, 'band', 'fill', '#f4f5f7', '#1b1f26'),
		(11, 'line1', 'stroke', '#0b5cad', '#5cb3ff'),
		(12, 'line2', 'stroke', '#b88114', '#51730d'),
		(13, 'line3', 'stroke', '#8c1aff', '#9933ff'),
		(14, 'line4', 'stroke', '#453b08', '#c9e830'),
		(15, 'line5', 'stroke', '#ed5e76', '#c63980'),
		(16, 'line6', 'stroke', '#660044', '#ffaa99'),
		(21, 'dot1', 'fill', '#0b5cad', '#5cb3ff'),
		(22, 'dot2', 'fill', '#b88114', '#51730d'),
		(23, 'dot3', 'fill', '#8c1aff', '#9933ff'),
		(24, 'dot4', 'fill', '#453b08', '#c9e830'),
		(25, 'dot5', 'fill', '#ed5e76', '#c63980'),
		(26, 'dot6', 'fill', '#660044', '#ffaa99'),
		(30, 'share0', 'fill', '#7f3b08', '#ffcf8f'),
		(31, 'share1', 'fill', '#b35806', '#f5a742'),
		(32, 'share2', 'fill', '#e08214', '#a5661b'),
		(33, 'share3', 'fill', '#fdb863', '#7d5a33'),
		(34, 'share4', 'fill', '#fee0b6', '#5f5044'),
		(35, 'share5', 'fill', '#dedede', '#4a4d52'),
		(36, 'share6', 'fill', '#c9c7e6', '#57528a'),
		(37, 'share7', 'fill', '#a79fce', '#6259a0'),
		(38, 'share8', 'fill', '#8073ac', '#7568b5'),
		(39, 'share9', 'fill', '#542788', '#a99bf2'),
		(40, 'share10', 'fill', '#2d004b', '#d3c9ff'),
		(41, 'on-share', 'fill', '#000000', '#ffffff'),
		(42, 'on-end', 'fill', '#ffffff', '#000000'),
		(43, 'bad', 'fill', '#b3261e', '#ff8a80'),
		(44, 'idle', 'fill', '#8a9099', '#7c838d')
	) AS c (number, class, property, on_light, on_dark)
$$;
COMMENT ON FUNCTION bixarena.chart_colours(boolean) IS
	'style rules with the colours of charts on light or dark paper';

CREATE FUNCTION bixarena.chart_style(theme text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- without a theme, the chart follows what its reader prefers; paper is light
	SELECT '.bixarena-chart text{font:13px system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}'
		'.bixarena-chart .small{font-size:12px}'
		'.bixarena-chart .grid{stroke-width:1}'
		'.bixarena-chart .thick{stroke-width:2;fill:none;stroke-linejoin:round}'
		'.bixarena-chart .thin{stroke-width:1;fill:none}'
		|| CASE theme
			WHEN 'auto' THEN replace(bixarena.chart_colours(false), '.light ', '.auto ')
				|| '@media screen and (prefers-color-scheme:dark){'
				|| replace(bixarena.chart_colours(true), '.dark ', '.auto ') || '}'
			ELSE bixarena.chart_colours(theme = 'dark') END
$$;
COMMENT ON FUNCTION bixarena.chart_style(text) IS 'the style sheet of a chart';

CREATE FUNCTION bixarena.chart_check(width bigint, theme text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF num_nulls(width, theme) > 0 THEN
		RAISE EXCEPTION 'width and theme must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF width NOT BETWEEN 300 AND 4000 THEN
		RAISE EXCEPTION 'width must be from 300 to 4000, not %', width
			USING ERRCODE = 'numeric_value_out_of_range';
	END IF;
	IF theme NOT IN ('auto', 'light', 'dark') THEN
		RAISE EXCEPTION 'theme must be auto, light or dark, not "%"', theme
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.chart_check(bigint, text) IS
	'an error unless a chart can be drawn so';

CREATE FUNCTION bixarena.chart_pixel(length double precision)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT trim_scale(round(length::numeric, 1))::text
$$;
COMMENT ON FUNCTION bixarena.chart_pixel(double precision) IS 'a length as it is written in a chart';

CREATE FUNCTION bixarena.chart_svg(
	width double precision,
	height double precision,
	theme text,
	label text,
	body text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<svg xmlns="http://www.w3.org/2000/svg" class="bixarena-chart %1$s"'
		' role="img" aria-label="%2$s" width="%3$s" height="%4$s" viewBox="0 0 %3$s %4$s">'
		'<style>%5$s</style><rect class="paper" width="%3$s" height="%4$s"/>%6$s</svg>',
		theme, bixarena.text_escape(label), bixarena.chart_pixel(width),
		bixarena.chart_pixel(height), bixarena.chart_style(theme), body)
$$;
COMMENT ON FUNCTION bixarena.chart_svg(double precision, double precision, text, text, text) IS
	'a chart of what has been drawn';

CREATE FUNCTION bixarena.chart_count(drawn bigint, total bigint, things text DEFAULT 'models')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN drawn < total THEN format('the first %s of %s %s', drawn, total, things)
		ELSE format('%s %s', drawn, things) END
$$;
COMMENT ON FUNCTION bixarena.chart_count(bigint, bigint, text) IS
	'how many models, or other things, are shown, and of how many';

CREATE FUNCTION bixarena.chart_omission(drawn bigint, total bigint, y double precision,
	things text DEFAULT 'models')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- empty where none is left out
	SELECT CASE WHEN drawn < total
		THEN format('<text class="muted small omission" x="8" y="%s">%s</text>',
			bixarena.chart_pixel(y), bixarena.chart_count(drawn, total, things))
		ELSE '' END
$$;
COMMENT ON FUNCTION bixarena.chart_omission(bigint, bigint, double precision, text) IS
	'a line that says how many models, or other things, a chart leaves out';

CREATE FUNCTION bixarena.chart_bands(n bigint, top double precision, height double precision, width double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<rect class="band" y="%s" width="%s" height="%s"/>',
		bixarena.chart_pixel(top + height * i), bixarena.chart_pixel(width), bixarena.chart_pixel(height)), '')
	FROM generate_series(0, n - 1, 2) AS i
$$;
COMMENT ON FUNCTION bixarena.chart_bands(bigint, double precision, double precision, double precision) IS
	'the ground of every second line of a chart';

CREATE FUNCTION bixarena.chart_notes(notes text[], x double precision, y double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<text class="muted small" text-anchor="end" x="%s" y="%s">%s</text>',
		bixarena.chart_pixel(x), bixarena.chart_pixel(y + 18 * n), notes[n]), '' ORDER BY n)
	FROM generate_subscripts(notes, 1) AS n
$$;
COMMENT ON FUNCTION bixarena.chart_notes(text[], double precision, double precision) IS
	'what is to be said below a chart, a line each, that end at a pixel';

CREATE FUNCTION bixarena.chart_empty(width bigint, theme text, reason text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.chart_svg(width, 60, theme, reason,
		format('<text class="muted" x="16" y="35">%s</text>', bixarena.text_escape(reason)))
$$;
COMMENT ON FUNCTION bixarena.chart_empty(bigint, text, text) IS
	'a chart that says why there is nothing to be seen';

/*
 * Axes.
 */

CREATE TYPE bixarena.axis AS (
	low double precision,			-- value at the first pixel
	high double precision,			-- value at the last one; may be less
	first_pixel double precision,
	last_pixel double precision
);
COMMENT ON TYPE bixarena.axis IS 'where values stand in a chart';

CREATE FUNCTION bixarena.chart_place(axis bixarena.axis, value double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN axis.high = axis.low THEN (axis.first_pixel + axis.last_pixel) / 2
		ELSE axis.first_pixel + (value - axis.low) / (axis.high - axis.low)
			* (axis.last_pixel - axis.first_pixel) END
$$;
COMMENT ON FUNCTION bixarena.chart_place(bixarena.axis, double precision) IS
	'the pixel of a value';

CREATE FUNCTION bixarena.chart_ticks(
	low double precision,
	high double precision,
	max_ticks integer,
	min_step double precision DEFAULT 0)
RETURNS TABLE (value double precision, step double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	-- the least step of 1, 2 or 5 times a power of ten, and not so little that it is
	-- lost in the values
	WITH power AS (
		SELECT 10 ^ floor(log(greatest(high - low, 1e-12 * greatest(abs(low), abs(high)), 1e-99)
			/ greatest(max_ticks, 1))) AS power
	), spacing AS (
		SELECT greatest(min(d.digit * p.power), min_step) AS step
		FROM power AS p, unnest('{1,2,5,10}'::double precision[]) AS d (digit)
		WHERE d.digit * p.power * greatest(max_ticks, 1) >= (high - low) * (1 - 1e-9)
	)
	SELECT n * s.step, s.step
	FROM spacing AS s,
		generate_series(ceil(low / s.step)::bigint, floor(high / s.step)::bigint) AS n
$$;
COMMENT ON FUNCTION bixarena.chart_ticks(double precision, double precision, integer, double precision) IS
	'the round values of a range that an axis marks, and how far they are apart';

CREATE FUNCTION bixarena.chart_time_ticks(low timestamptz, high timestamptz, pixels double precision)
RETURNS TABLE (moment timestamptz, label text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- in UTC, as everything that is told of time here; a label has room in so many
	-- pixels
	WITH step AS (
		SELECT s.step::interval, s.origin, s.pattern
		FROM (VALUES
			('1 minute', 'hour', 'HH24:MI', 48), ('5 minutes', 'hour', 'HH24:MI', 48),
			('15 minutes', 'hour', 'HH24:MI', 48), ('1 hour', 'day', 'HH24:MI', 48),
			('3 hours', 'day', 'HH24:MI', 48), ('6 hours', 'day', 'HH24:MI', 48),
			('1 day', 'day', 'FMDD Mon', 54), ('2 days', 'month', 'FMDD Mon', 54),
			('7 days', 'week', 'FMDD Mon', 54), ('14 days', 'week', 'FMDD Mon', 54),
			('1 month', 'year', 'Mon YYYY', 72), ('2 months', 'year', 'Mon YYYY', 72),
			('3 months', 'year', 'Mon YYYY', 72), ('6 months', 'year', 'Mon YYYY', 72),
			('1 year', 'decade', 'YYYY', 48), ('2 years', 'decade', 'YYYY', 48),
			('5 years', 'century', 'YYYY', 48), ('10 years', 'century', 'YYYY', 48),
			('50 years', 'millennium', 'YYYY', 48), ('200 years', 'millennium', 'YYYY', 48),
			('1000 years', 'millennium', 'YYYY', 48)) AS s (step, origin, pattern, room)
		WHERE extract(epoch FROM s.step::interval) * pixels
				>= extract(epoch FROM high - low) * s.room
			OR s.step = '1000 years'
		ORDER BY extract(epoch FROM s.step::interval) LIMIT 1
	)
	SELECT t AT TIME ZONE 'UTC', to_char(t, s.pattern)
	FROM step AS s,
		generate_series(date_trunc(s.origin, low AT TIME ZONE 'UTC'),
			high AT TIME ZONE 'UTC', s.step) AS t
	WHERE t >= low AT TIME ZONE 'UTC'
$$;
COMMENT ON FUNCTION bixarena.chart_time_ticks(timestamptz, timestamptz, double precision) IS
	'the round moments of a time that an axis marks';
