
/*
 * The site of an arena: all pages and where each belongs.  What everybody may see
 * is in one folder, the operator's page in another, so that a web server can be
 * given the one alone.
 */

CREATE FUNCTION bixarena.site_file(slug text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A slug may hold anything.  As a name of a file it is left as it is where all
	-- file systems and addresses bear it.  Of others a hash tells which it is: after
	-- a dot, which no slug left as it is has.  No two names differ in case alone.
	SELECT CASE
		WHEN slug ~ '^[a-z0-9][a-z0-9_-]{0,63}$' AND NOT r.is_reserved THEN slug
		ELSE concat(CASE WHEN w.words = '' OR r.is_reserved THEN 'leaderboard' ELSE w.words END,
			'.', encode(sha256(convert_to(slug, getdatabaseencoding())), 'hex'))
		END || '.html'
	FROM (SELECT btrim(left(regexp_replace(lower(slug COLLATE "C"), '[^a-z0-9]+', '-', 'g'), 40), '-')) AS w (words),
		-- the index, and devices of Windows
		LATERAL (SELECT w.words ~ '^(index|con|prn|aux|nul|com[0-9]|lpt[0-9])$') AS r (is_reserved)
$$;
COMMENT ON FUNCTION bixarena.site_file(text) IS
	'name of the file with the report of a leaderboard: one of its own, which any file system and address can bear';

CREATE TYPE bixarena.site_board AS (
	slug text,
	name text,
	shown bixarena.snapshot_key,
	earlier bixarena.snapshot_key
);
COMMENT ON TYPE bixarena.site_board IS 'a leaderboard of a site, its latest public snapshot and the one to compare with';

CREATE FUNCTION bixarena.site_boards(lookback interval, arena text)
RETURNS SETOF bixarena.site_board
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
	-- that of all battles comes first
	SELECT l.slug, l.name, s, bixarena.snapshot_before(s, lookback, arena)
	FROM (SELECT DISTINCT ON (b.slug COLLATE "C") b.id, b.slug,
			bixarena.page_board_name(b.name, b.slug) AS name
		FROM bixarena.read_leaderboards(arena) AS b WHERE b.slug IS NOT NULL
		ORDER BY b.slug COLLATE "C") AS l,
		LATERAL bixarena.snapshot_pick(l.id, arena, NULL, 'infinity') AS s
	ORDER BY l.slug <> 'overall', l.name COLLATE "C", l.slug COLLATE "C"
$$;
COMMENT ON FUNCTION bixarena.site_boards(interval, text) IS 'the leaderboards of a site';

CREATE FUNCTION bixarena.site_leaders(rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<div><span class="muted">%s</span> <bdi>%s</bdi></div>',
		r.rank, bixarena.text_escape(bixarena.text_shorten(r.model, 80))), '' ORDER BY r.ordinality)
	FROM unnest(rows[:3]) WITH ORDINALITY AS r
$$;
COMMENT ON FUNCTION bixarena.site_leaders(bixarena_leaderboard_row[]) IS
	'the three leaders of a leaderboard as markup';

CREATE FUNCTION bixarena.site_movers(rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<div>%s <bdi>%s</bdi></div>', bixarena.page_rank_change(m.rank_change),
		bixarena.text_escape(bixarena.text_shorten(m.model, 80))), '' ORDER BY m.n)
	FROM (SELECT r.model, r.rank_change,
			row_number() OVER (ORDER BY abs(r.rank_change) DESC, r.rank, r.ordinality) AS n
		FROM unnest(rows) WITH ORDINALITY AS r
		WHERE r.rank_change <> 0) AS m
	WHERE m.n <= 3
$$;
COMMENT ON FUNCTION bixarena.site_movers(bixarena_leaderboard_row[]) IS
	'the three biggest movers of a leaderboard as markup';

CREATE FUNCTION bixarena.site_row(
	board bixarena.site_board,
	rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a battle is one of two models
	SELECT concat(E'\n<tr>',
		format('<th scope="row" class="board"><a href="%s"><bdi>%s</bdi></a></th>',
			bixarena.site_file(board.slug),
			bixarena.text_escape(bixarena.text_shorten(board.name, 200))),
		CASE WHEN (board.shown).id IS NULL
			THEN '<td class="muted" colspan="2">There is no public snapshot yet.</td>'
			ELSE format('<td class="text models">%s</td><td class="text models">%s</td>',
				bixarena.site_leaders(rows), coalesce(bixarena.site_movers(rows),
				CASE WHEN (board.earlier).id IS NULL THEN '<span class="muted">nothing earlier</span>'
					ELSE '<span class="muted">none</span>' END)) END,
		bixarena.page_cell((rows[1]).total_count::text, 'number aside'),
		bixarena.page_cell((SELECT sum(r.vote_count) / 2 FROM unnest(rows) AS r)::text, 'number aside'),
		bixarena.page_cell(left(bixarena.text_utc((board.shown).created_at), 10), 'number aside'), '</tr>')
$$;
COMMENT ON FUNCTION bixarena.site_row(bixarena.site_board, bixarena_leaderboard_row[]) IS
	'a leaderboard in the index of a site';

CREATE FUNCTION bixarena.site_index(lookback interval, arena text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_html('Leaderboards',
		bixarena.page_paragraph(format('Arena %s: models ranked by battles of two at a time.', arena)),
		bixarena.page_section('All leaderboards', coalesce(
			bixarena.page_table('The leading models, those whose ranks have changed most, and the day (UTC) of the snapshot.',
				bixarena.page_heads('Leaderboard', 'Leaders', 'Movers', '#?Models', '#?Battles', '#?Made'),
				string_agg(bixarena.site_row(b.board,
					ARRAY(SELECT r FROM bixarena.leaderboard_rows((b.board).shown, (b.board).earlier, arena) AS r)),
					'' ORDER BY b.n)),
			bixarena.page_paragraph('There is no leaderboard yet.'))))
	FROM (SELECT l AS board, row_number() OVER () AS n
		FROM bixarena.site_boards(lookback, arena) AS l) AS b
$$;
COMMENT ON FUNCTION bixarena.site_index(interval, text) IS
	'the page that leads to all leaderboards of a site';

CREATE FUNCTION bixarena_site(
	arena text DEFAULT NULL,
	lookback interval DEFAULT '7 days')
RETURNS TABLE (path text, content text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	board bixarena.site_board;
BEGIN
	path := 'public/index.html';
	content := bixarena.site_index(lookback, found_arena);
	RETURN NEXT;
	FOR board IN SELECT b.* FROM bixarena.site_boards(lookback, found_arena) AS b LOOP
		path := 'public/' || bixarena.site_file(board.slug);
		content := bixarena.report_page(board.slug, lookback, found_arena,
			'<p><a href="index.html">All leaderboards</a></p>');
		RETURN NEXT;
	END LOOP;
	-- who may not read the record makes a site without it
	IF has_table_privilege('bixarena.run', 'SELECT') THEN
		path := 'operator/index.html';
		content := bixarena.operator_page(found_arena);
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_site(text, interval) IS
	'all pages of an arena and where each belongs: an index, the report of each leaderboard, and apart from them the operator''s page';
