
/*
 * The chart of matchups: which share of the points the model of a row has taken
 * off that of a column, a tie being half a point for either.  Two models that
 * have never met leave their cells empty.
 */

CREATE FUNCTION bixarena.chart_matchup_cells(
	models bixarena_leaderboard_row[],
	matchups bixarena_matchup[],
	edge double precision,
	top double precision,
	size double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- there may be 90000 cells: what a row or a column has in common is made once,
	-- and a long name is cut.  References in the title keep a name's direction of
	-- writing to itself.
	WITH place AS MATERIALIZED (
		SELECT m.slug, m.n, bixarena.text_fit(m.model, 100) AS name,
			bixarena.chart_pixel(edge + size * (m.n - 1)) AS x, bixarena.chart_pixel(top + size * (m.n - 1)) AS y,
			bixarena.chart_pixel(edge + size * (m.n - 0.5)) AS text_x,
			bixarena.chart_pixel(top + size * (m.n - 0.5) + 4) AS text_y
		FROM (SELECT models[n].slug, models[n].model, n FROM generate_subscripts(models, 1) AS n) AS m
	), cell AS (
		SELECT s.*, m.ties, round(10 * s.observed) AS colour,
			round((100 * s.observed)::numeric) AS percent, round((100 * s.predicted)::numeric) AS expected
		FROM unnest(matchups) AS m, LATERAL (VALUES
			(m.slug1, m.slug2, m.wins1, m.wins2, m.observed_share, m.predicted_share),
			(m.slug2, m.slug1, m.wins2, m.wins1, 1 - m.observed_share, 1 - m.predicted_share)
		) AS s (us, them, wins, losses, observed, predicted)
	)
	SELECT string_agg(format('<g class="cell"><title>&#8296;%s&#8297; against &#8296;%s&#8297;: won %s, lost %s, tied %s;'
			' took %s %% of the points%s</title><rect class="share%s" x="%s" y="%s" width="%s" height="%11$s"/>%12$s</g>',
			us.name, them.name, c.wins, c.losses, c.ties, c.percent,
			', predicted ' || c.expected || ' %', c.colour, them.x, us.y, side,
			CASE WHEN size >= 28 THEN format(
				'<text class="small %s" text-anchor="middle" x="%s" y="%s">%s</text>',
				CASE WHEN c.colour BETWEEN 2 AND 8 THEN 'on-share' ELSE 'on-end' END,
				them.text_x, us.text_y, c.percent) END), '' ORDER BY us.n, them.n)
	FROM cell AS c JOIN place AS us ON us.slug = c.us JOIN place AS them ON them.slug = c.them,
		bixarena.chart_pixel(size) AS side
$$;
COMMENT ON FUNCTION bixarena.chart_matchup_cells(bixarena_leaderboard_row[], bixarena_matchup[], double precision, double precision, double precision) IS
	'a cell for each two models that have met, seen from each of them';

CREATE FUNCTION bixarena.chart_share_legend(x double precision, y double precision)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<rect class="share%s" x="%s" y="%s" width="20" height="12"/>',
			n, bixarena.chart_pixel(x + 20 * n), bixarena.chart_pixel(y)), '' ORDER BY n)
		|| format('<text class="muted small" x="%1$s" y="%4$s">0 %%</text>'
			'<text class="muted small" text-anchor="middle" x="%2$s" y="%4$s">50 %%</text>'
			'<text class="muted small" text-anchor="end" x="%3$s" y="%4$s">100 %%</text>'
			'<text class="muted small" x="%1$s" y="%5$s">share of the points that a row''s model took</text>'
			'<path class="grid thin" d="M%6$s %7$sh19v11h-19z"/>'
			'<text class="muted small" x="%6$s" y="%4$s">never met</text>',
			bixarena.chart_pixel(x), bixarena.chart_pixel(x + 110), bixarena.chart_pixel(x + 220),
			bixarena.chart_pixel(y + 26), bixarena.chart_pixel(y + 44),
			bixarena.chart_pixel(x + 244.5), bixarena.chart_pixel(y + 0.5))
	FROM generate_series(0, 10) AS n
$$;
COMMENT ON FUNCTION bixarena.chart_share_legend(double precision, double precision) IS
	'what the colours of shares mean';

CREATE FUNCTION bixarena.chart_matchup_labels(
	models bixarena_leaderboard_row[],
	edge double precision,
	top double precision,
	size double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- where rows and columns are narrower than text, every so many have a label
	SELECT coalesce(string_agg(format('<text class="muted small" text-anchor="middle" x="%s" y="%s">%s</text>',
			bixarena.chart_pixel(edge + size * (n - 0.5)), bixarena.chart_pixel(top - 6), models[n].rank), ''
			ORDER BY n) FILTER (WHERE (n - 1) % ceil((8 * digits + 6) / size)::integer = 0), '')
		|| string_agg(format('<g class="row"><title>%s</title><text class="muted" text-anchor="end" x="32" y="%s">%s</text>'
			'<text class="ink" x="40" y="%2$s">%4$s</text></g>',
			bixarena.text_escape(models[n].model), bixarena.chart_pixel(top + size * (n - 0.5) + 4.5),
			models[n].rank, bixarena.text_fit(models[n].model, (edge - 48) / 13)), ''
			ORDER BY n) FILTER (WHERE (n - 1) % ceil(17 / size)::integer = 0)
	FROM generate_subscripts(models, 1) AS n,
		length(models[cardinality(models)].rank::text) AS digits
$$;
COMMENT ON FUNCTION bixarena.chart_matchup_labels(bixarena_leaderboard_row[], double precision, double precision, double precision) IS
	'ranks above the columns, ranks and names beside the rows';

CREATE FUNCTION bixarena.chart_matchups(
	models bixarena_leaderboard_row[],
	matchups bixarena_matchup[],
	width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n integer := coalesce(cardinality(models), 0);
	top constant double precision := 24;
	edge double precision;
	size double precision;
	right_edge double precision;
	total bigint := (models[1]).total_count;
	omission text;
BEGIN
	IF n = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There is no public snapshot yet.');
	END IF;
	SELECT 48 + least(0.32 * width, max(13 * bixarena.text_width(m.model)) + 2) INTO edge
	FROM unnest(models) AS m;
	-- too many for the width make the chart wider
	size := greatest(4, least(44, (width - edge - 8) / n));
	right_edge := greatest(width, edge + size * n + 8);
	omission := bixarena.chart_omission(n, total, top + size * n + 78);

	RETURN bixarena.chart_svg(right_edge, top + size * n + CASE omission WHEN '' THEN 62 ELSE 86 END, theme,
		format('Shares of points between each two of %s', bixarena.chart_count(n, total)),
		format('<path class="grid thin" d="M%s %sh%sv%3$sh-%3$sz"/>',
			bixarena.chart_pixel(edge), bixarena.chart_pixel(top), bixarena.chart_pixel(size * n))
		-- browsers search all children of the root for a title whenever one comes
		|| format('<g>%s</g>', bixarena.chart_matchup_cells(models, matchups, edge, top, size))
		|| bixarena.chart_matchup_labels(models, edge, top, size)
		|| bixarena.chart_share_legend(16, top + size * n + 14) || omission);
END
$$;
COMMENT ON FUNCTION bixarena.chart_matchups(bixarena_leaderboard_row[], bixarena_matchup[], bigint, text) IS
	'the chart of matchups';

CREATE FUNCTION bixarena_matchups_svg(
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
	RETURN (WITH drawn AS MATERIALIZED (
			SELECT ARRAY(SELECT r FROM bixarena.leaderboard_rows(shown, NULL, found_arena) AS r
				LIMIT least(coalesce(top, 100), 300)) AS models
		)
		SELECT bixarena.chart_matchups(d.models,
			bixarena.matchup_among(leaderboard_id, shown, d.models, found_arena), width, theme)
		FROM drawn AS d);
END
$$;
COMMENT ON FUNCTION bixarena_matchups_svg(text, text, bigint, bigint, text, text) IS
	'a chart of the share of points that each model took off each other';
