-- The site of an arena: which pages there are, where each belongs whatever its
-- leaderboard is called, and that their links lead from one to the other.  How it
-- looks, and how it is written into a folder, is test/t/032_site.pl.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');

-- paths: as they are, or with a hash
SELECT slug, bixarena.site_file(slug) FROM (VALUES
	(1, 'overall'), (2, 'rare_diseases'), (3, 'a-1'), (4, '7'), (5, repeat('x', 64)),
	(11, '../x'), (12, '..'), (13, '.'), (14, '/etc/passwd'), (15, 'a/b'), (16, E'a\\b'), (17, 'with space'), (18, ''), (19, ' '),
	(21, 'Overall'), (22, 'OVERALL'), (23, E'\u00FCber'), (24, E'\u5FC3'), (25, 'x.html'), (26, 'index'), (27, 'con'), (28, 'COM1'), (29, 'a?b#c%2e&"<>'''),
	(31, repeat('x', 65)), (32, '-x'), (33, '_x'), (34, E'new\nline')) AS v (n, slug) ORDER BY n;
-- no two on one path, also where case does not count; a path has no characters that mean something
CREATE TEMP TABLE slug AS
SELECT DISTINCT s FROM (
	SELECT concat(a, b, c) AS s FROM unnest('{a,A,.,/,-,_," ",ä,1}'::text[]) AS a, unnest('{a,A,.,/,-,_," ",ä,1,""}'::text[]) AS b, unnest('{a,A,.,/,-,_," ",ä,1,""}'::text[]) AS c
	UNION ALL SELECT left(bixarena.site_file(s), -5) FROM unnest('{A,B/,../x}'::text[]) AS s
	UNION ALL SELECT bixarena.site_file(s) FROM unnest('{A,B/,../x}'::text[]) AS s
	UNION ALL SELECT repeat('x', n) FROM generate_series(60, 100) AS n) AS t;
SELECT count(*) > 500 AS many, count(DISTINCT lower(f)) = count(*) AS apart, bool_and(f ~ E'^[a-z0-9][a-z0-9_-]*(\\.[0-9a-f]{64})?\\.html$') AS safe, max(length(f)) <= 120 AS short
FROM (SELECT bixarena.site_file(s) AS f FROM slug) AS t;

-- an arena of odd leaderboards, one that is empty, and one with a history
SELECT bixarena_simulate_battles(400, 6, categories => '{../x,OVERALL}');
INSERT INTO arena.leaderboard (slug, name) VALUES ('empty', ''), ('<b>', 'Name <i>&amp;</i>'), ('index', 'An index');
UPDATE arena.model SET name = '<script>' || slug WHERE slug = 'simulated-0001';
SELECT bixarena_configure('num_bootstrap', '10');
SET client_min_messages = warning;
SELECT status FROM unnest('{overall,../x,OVERALL}'::text[]) AS s, bixarena_generate_snapshot(s);
UPDATE arena.leaderboard_snapshot SET created_at = created_at - interval '9 days'
WHERE leaderboard_id IN (SELECT id FROM arena.leaderboard WHERE slug <> 'OVERALL');
SELECT status FROM unnest('{overall,../x}'::text[]) AS s, bixarena_generate_snapshot(s, triggered_by => 'anna@example.org');
-- in one of them the first were the last
UPDATE arena.leaderboard_entry AS e SET rank = 7 - rank FROM arena.leaderboard_snapshot AS s
WHERE s.id = e.snapshot_id AND s.created_at < now() - interval '1 day' AND s.leaderboard_id = (SELECT id FROM arena.leaderboard WHERE slug = 'overall');
UPDATE arena.leaderboard SET name = 'Another' WHERE slug = 'OVERALL';
RESET client_min_messages;
SELECT path, content LIKE '<!DOCTYPE html>%' AS html, substring(content FROM '<title>([^<]*)</title>') AS title FROM bixarena_site() ORDER BY path COLLATE "C";

-- links of the index are pages, each once, and lead back; nothing leads to the operator's page
CREATE TEMP TABLE link AS
SELECT p.path, l[1] AS target FROM bixarena_site() AS p, regexp_matches(p.content, 'href="([^"]*)"', 'g') AS l;
SELECT path, count(*), count(DISTINCT target) FROM link WHERE target <> '#main' GROUP BY path ORDER BY path COLLATE "C";
SELECT count(*) FILTER (WHERE s.path IS NULL) AS broken, count(*) FILTER (WHERE l.target ~ '[:/]') AS not_relative FROM link AS l LEFT JOIN bixarena_site() AS s ON s.path = 'public/' || l.target WHERE l.target <> '#main';
-- leaders and movers
CREATE FUNCTION index_cells(board text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT regexp_replace(u::text, E'xmlns="[^"]*"|\\d{4}-\\d\\d-\\d\\d', '', 'g') FROM bixarena_site() AS s, unnest(xpath(format('//h:tr[h:th/h:a/h:bdi = %L]/h:td', board), xmlparse(DOCUMENT s.content),
		'{{h,http://www.w3.org/1999/xhtml}}')) AS u WHERE s.path = 'public/index.html'
$$;
\pset format unaligned
SELECT index_cells('Overall');
SELECT index_cells('../X');
SELECT index_cells('Another');
SELECT index_cells('empty');
\pset format aligned
-- other movers by another lookback, of which there is nothing before
SELECT content LIKE '%nothing earlier%' AS told FROM bixarena_site(lookback => '1 year') WHERE path = 'public/index.html';
-- a report is what bixarena_report() makes, and the link back; but who asked is told to
-- the operator alone, on whatever page
SELECT replace(s.content, '<p><a href="index.html">All leaderboards</a></p>', '')
		= replace(bixarena_report('../x'), 'manual, by anna@example.org, as role ' || current_user, 'manual') AS same,
	replace(s.content, '<p><a href="index.html">All leaderboards</a></p>', '') <> s.content AS linked
FROM bixarena_site() AS s WHERE s.path = 'public/' || bixarena.site_file('../x');
SELECT s.content = bixarena_runs_report() AS same FROM bixarena_site() AS s WHERE s.path LIKE 'operator/%';
SELECT split_part(path, '/', 1) AS folder, bool_or(content LIKE '%anna@example.org%' OR content LIKE '%role ' || current_user || '%') AS tells
FROM bixarena_site() GROUP BY 1 ORDER BY 1;

-- who may not read the record of runs has no operator's page
CREATE ROLE regress_web;
SELECT bixarena_grant('regress_web', 'reader');
SET ROLE regress_web;
SELECT split_part(path, '/', 1) AS folder, count(*) FROM bixarena_site('arena') GROUP BY 1;
RESET ROLE;
SELECT bixarena_revoke('regress_web', 'reader');
SET ROLE regress_web;
\set VERBOSITY terse
SELECT path FROM bixarena_site('arena');
\set VERBOSITY default
RESET ROLE;

-- errors
SELECT path FROM bixarena_site('no such');
SELECT path FROM bixarena_site(lookback => '-1 day');
SELECT path FROM bixarena_site(lookback => NULL);
-- of an arena without a leaderboard there is an index
TRUNCATE arena.leaderboard CASCADE;
SELECT path, content LIKE '%There is no leaderboard yet.%' AS told FROM bixarena_site() WHERE path LIKE 'public/%';

DROP FUNCTION index_cells;
SET client_min_messages = warning;
DROP EXTENSION bixarena_rank;
DROP SCHEMA arena CASCADE;
DROP ROLE regress_web;
