
/*
 * The chart of matchups: which share of the points the model of a row has taken
 * off that of a column, a tie being half a point for either.  Two models that
 * have never met leave their cells empty.
 */

CREATE FUNCTION bixarena.share_text(share double precision)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT round((100 * share)::numeric) || ' %'
$$;
COMMENT ON FUNCTION bixarena.share_text(double precision) IS 'a share, for people';

CREATE FUNCTION bixarena.draw_matchup(
	matchup bixarena_matchup,
	is_turned boolean,
	x double precision,
	y double precision,
	size double precision)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- turned: seen from the second model
	SELECT format('<g class="cell"><title>%s against %s: won %s, lost %s, tied %s;'
			' took %s of the points%s</title><rect class="share%s" x="%s" y="%s" width="%s" height="%11$s"/>%12$s</g>',
			bixarena.escape_markup(m.us), bixarena.escape_markup(m.them), m.wins, m.losses, matchup.ties, bixarena.share_text(m.observed),
			coalesce(', predicted ' || bixarena.share_text(m.predicted), ''),
			colour, bixarena.pixel(x), bixarena.pixel(y), bixarena.pixel(size),
			CASE WHEN size >= 28 THEN format(
				'<text class="small %s" text-anchor="middle" x="%s" y="%s">%s</text>',
				CASE WHEN colour BETWEEN 2 AND 8 THEN 'on-share' ELSE 'on-end' END,
				bixarena.pixel(x + size / 2), bixarena.pixel(y + size / 2 + 4),
				round((100 * m.observed)::numeric)) END)
	FROM (VALUES
		(false, matchup.model1, matchup.model2, matchup.wins1, matchup.wins2,
			matchup.observed_share, matchup.predicted_share),
		(true, matchup.model2, matchup.model1, matchup.wins2, matchup.wins1,
			1 - matchup.observed_share, 1 - matchup.predicted_share)
	) AS m (turned, us, them, wins, losses, observed, predicted),
		LATERAL (SELECT round(10 * m.observed)) AS c (colour)
	WHERE m.turned = is_turned
$$;
COMMENT ON FUNCTION bixarena.draw_matchup(bixarena_matchup, boolean, double precision, double precision, double precision) IS
	'the cell of two models, seen from one of them';

CREATE FUNCTION bixarena.draw_share_legend(x double precision, y double precision)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<rect class="share%s" x="%s" y="%s" width="20" height="12"/>',
			n, bixarena.pixel(x + 20 * n), bixarena.pixel(y)), '' ORDER BY n)
		|| format('<text class="muted small" x="%1$s" y="%4$s">0 %%</text>'
			'<text class="muted small" text-anchor="middle" x="%2$s" y="%4$s">50 %%</text>'
			'<text class="muted small" text-anchor="end" x="%3$s" y="%4$s">100 %%</text>'
			'<text class="muted small" x="%1$s" y="%5$s">share of the points that a row''s model took</text>'
			'<path class="grid thin" d="M%6$s %7$sh19v11h-19z"/>'
			'<text class="muted small" x="%6$s" y="%4$s">never met</text>',
			bixarena.pixel(x), bixarena.pixel(x + 110), bixarena.pixel(x + 220),
			bixarena.pixel(y + 26), bixarena.pixel(y + 44),
			bixarena.pixel(x + 244.5), bixarena.pixel(y + 0.5))
	FROM generate_series(0, 10) AS n
$$;
COMMENT ON FUNCTION bixarena.draw_share_legend(double precision, double precision) IS
	'what the colours of shares mean';

CREATE FUNCTION bixarena.draw_matchup_labels(
	models bixarena_leaderboard_row[],
	edge double precision,
	top double precision,
	size double precision)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- where rows are narrower than text, every so many of them have a label
	SELECT string_agg(format('<text class="muted small" text-anchor="middle" x="%s" y="%s">%s</text>'
			'<g class="row"><title>%s</title><text class="muted" text-anchor="end" x="32" y="%s">%3$s</text>'
			'<text class="ink" x="40" y="%5$s">%6$s</text></g>',
			bixarena.pixel(edge + size * (n - 0.5)), bixarena.pixel(top - 6), models[n].rank,
			bixarena.escape_markup(models[n].model), bixarena.pixel(top + size * (n - 0.5) + 4.5),
			bixarena.fit_label(models[n].model, (edge - 48) / 13)), '' ORDER BY n)
	FROM generate_subscripts(models, 1) AS n
	WHERE (n - 1) % ceil(22 / size)::integer = 0
$$;
COMMENT ON FUNCTION bixarena.draw_matchup_labels(bixarena_leaderboard_row[], double precision, double precision, double precision) IS
	'ranks above the columns, ranks and names beside the rows';

CREATE FUNCTION bixarena.draw_matchups(
	models bixarena_leaderboard_row[],
	matchups bixarena_matchup[],
	width integer,
	theme text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n integer := coalesce(cardinality(models), 0);
	top constant double precision := 24;
	edge double precision;
	size double precision;
	right_edge double precision;
	drawn text;
BEGIN
	IF n = 0 THEN
		RETURN bixarena.empty_chart(width, theme, 'There is no public snapshot yet.');
	END IF;
	SELECT 48 + least(0.32 * width, max(13 * bixarena.text_width(m.model)) + 2) INTO edge
	FROM unnest(models) AS m;
	-- too many for the width make the chart wider
	size := greatest(4, least(44, (width - edge - 8) / n));
	right_edge := greatest(width, edge + size * n + 8);

	WITH place AS (
		SELECT models[p].slug AS slug, p FROM generate_subscripts(models, 1) AS p
	)
	SELECT string_agg(bixarena.draw_matchup(m, turned, edge + size * (them - 1),
		top + size * (us - 1), size), '' ORDER BY us, them)
	INTO drawn
	FROM unnest(matchups) AS m
	JOIN place AS a ON a.slug = m.slug1
	JOIN place AS b ON b.slug = m.slug2,
		LATERAL (VALUES (false, a.p, b.p), (true, b.p, a.p)) AS side (turned, us, them);

	RETURN bixarena.chart(right_edge, top + size * n + 62, theme,
		format('Shares of points between each two of %s models', n),
		format('<path class="grid thin" d="M%s %sh%sv%3$sh-%3$sz"/>',
			bixarena.pixel(edge), bixarena.pixel(top), bixarena.pixel(size * n))
		|| coalesce(drawn, '') || bixarena.draw_matchup_labels(models, edge, top, size)
		|| bixarena.draw_share_legend(16, top + size * n + 14));
END
$$;
COMMENT ON FUNCTION bixarena.draw_matchups(bixarena_leaderboard_row[], bixarena_matchup[], integer, text) IS
	'the chart of matchups';

CREATE FUNCTION bixarena_matchups_svg(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	top integer DEFAULT NULL,
	width integer DEFAULT 720,
	theme text DEFAULT 'auto',
	arena text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.resolve_arena(arena);
	shown bixarena.snapshot_key :=
		bixarena.shown_snapshot(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	PERFORM bixarena.check_chart(width, theme), bixarena.page_offset(top, 1);
	RETURN bixarena.draw_matchups(
		ARRAY(SELECT r FROM bixarena.leaderboard_rows(shown, NULL, found_arena) AS r LIMIT top),
		ARRAY(SELECT m FROM bixarena.matchup_rows(leaderboard_id, shown.id, shown.created_at,
			found_arena) AS m WHERE m.rank2 IS NOT NULL),
		width, theme);
END
$$;
COMMENT ON FUNCTION bixarena_matchups_svg(text, text, integer, integer, text, text) IS
	'a chart of the share of points that each model took off each other';
