
/*
 * The chart of a game's distribution: how many players have which score.  The few who
 * are far out, if there are such, are in one bar at either end.
 */

CREATE FUNCTION bixarena.chart_bin(
	bin bixarena.score_bin,
	step double precision,
	score_axis bixarena.axis,
	value_axis bixarena.axis)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<g class="bin"><title>%s: %s</title><rect class="%s" x="%s" y="%s" width="%s" height="%s"/></g>',
		CASE WHEN bin.low IS NULL THEN 'below ' || bixarena.text_number(bin.high)
			WHEN bin.high IS NULL THEN bixarena.text_number(bin.low) || ' and above'
			ELSE format('%s to below %s', bixarena.text_number(bin.low), bixarena.text_number(bin.high)) END,
		CASE bin.players WHEN 1 THEN '1 player' ELSE bin.players || ' players' END,
		CASE WHEN bin.low IS NULL OR bin.high IS NULL THEN 'idle' ELSE 'dot1' END,
		bixarena.chart_pixel(p.x + 0.5), bixarena.chart_pixel(p.y),
		bixarena.chart_pixel(greatest(p.next_x - p.x - 1, 1)),
		bixarena.chart_pixel(bixarena.chart_place(value_axis, 0) - p.y))
	FROM (SELECT bixarena.chart_place(score_axis, coalesce(bin.low::double precision, bin.high::double precision - step)),
			bixarena.chart_place(score_axis, coalesce(bin.high::double precision, bin.low::double precision + step)),
			-- one player can be seen beside millions
			least(bixarena.chart_place(value_axis, bin.players), bixarena.chart_place(value_axis, 0) - 1.5)
		) AS p (x, next_x, y)
	WHERE bin.players > 0
$$;
COMMENT ON FUNCTION bixarena.chart_bin(bixarena.score_bin, double precision, bixarena.axis, bixarena.axis) IS
	'a bar of a distribution; null: nobody is in it';

CREATE FUNCTION bixarena.chart_distribution(bins bixarena.score_bin[], played bixarena.played_game, width bigint, theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	top constant double precision := 26;
	bottom constant double precision := 226;
	left_edge double precision;
	range record;
	score_axis bixarena.axis;
	value_axis bixarena.axis;
	notes text[];
BEGIN
	IF coalesce(cardinality(bins), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'Nobody has a score yet.');
	END IF;
	SELECT min(b.low)::double precision AS low, max(b.high)::double precision AS high,
		(min(b.high - b.low))::double precision AS step, max(b.players) AS most,
		coalesce(max(b.players) FILTER (WHERE b.low IS NULL), 0) > 0 AS has_lower,
		coalesce(max(b.players) FILTER (WHERE b.high IS NULL), 0) > 0 AS has_higher
	INTO range FROM unnest(bins) AS b;
	value_axis := (range.most * 1.05, 0, top, bottom)::bixarena.axis;
	SELECT greatest(36, 10 + max(12 * bixarena.text_width(bixarena.text_number(t.value::numeric)))) INTO left_edge
	FROM bixarena.chart_ticks(0, range.most * 1.05, 6, 1) AS t;
	score_axis := (range.low - CASE WHEN range.has_lower THEN range.step ELSE 0 END,
		range.high + CASE WHEN range.has_higher THEN range.step ELSE 0 END, left_edge + 24, width - 30)::bixarena.axis;
	notes := ARRAY['players by score']
		|| CASE WHEN range.has_lower OR range.has_higher THEN ARRAY['grey: all who are further out'] ELSE '{}' END;
	RETURN bixarena.chart_svg(width, bottom + 26 + 18 * cardinality(notes), theme,
		format('How many of the %s players of %s have which score', played.players, played.name),
		bixarena.chart_score_grid(score_axis, top, bottom, range.step)
		|| bixarena.chart_value_grid(value_axis, NULL, 1, left_edge, width - 8)
		|| (SELECT string_agg(bixarena.chart_bin(b, range.step, score_axis, value_axis), '' ORDER BY b.low NULLS FIRST)
			FROM unnest(bins) AS b)
		|| bixarena.chart_notes(notes, width - 8, bottom + 18));
END
$$;
COMMENT ON FUNCTION bixarena.chart_distribution(bixarena.score_bin[], bixarena.played_game, bigint, text) IS
	'the chart of a distribution';

CREATE FUNCTION bixarena_score_distribution_svg(scoreboard text, game text, width bigint DEFAULT 720,
	theme text DEFAULT 'auto', at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	played bixarena.played_game := bixarena.score_game(scoreboard, game, at);
BEGIN
	PERFORM bixarena.chart_check(width, theme);
	RETURN bixarena.chart_distribution(ARRAY(SELECT b FROM bixarena.score_distribution(played, 24) AS b),
		played, width, theme);
END
$$;
COMMENT ON FUNCTION bixarena_score_distribution_svg(text, text, bigint, text, timestamptz) IS
	'a chart of how many players of a game have which score';
