-- Charts and pages as text: what is escaped, where labels are cut, which ticks an
-- axis has, and that what is drawn is well-formed.  How they look in a browser is
-- a test of its own.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set document :source '/include/document.sql'
CREATE EXTENSION bixarena_rank;

-- text between tags
SELECT bixarena.text_escape('<b a="1" c=''2''>&amp; ok' || chr(1) || chr(9) || chr(31) || chr(127));
-- labels: whole, cut, of wide and of narrow letters, and of none
SELECT t AS text, w AS width, round(bixarena.text_width(t)::numeric, 2) AS needed, bixarena.text_fit(t, w)
FROM (VALUES ('abc', 10), ('abcdefghijkl', 5), ('WWWWWWWWWWWW', 5), ('iiiiiiiiiiii', 5), ('a b c d e f g', 4),
	('<&>"''<&>"''', 4), ('', 5), ('abc', 0)) AS v (t, w);
SELECT length(bixarena.text_fit(repeat('x', 100000), 20)), bixarena.text_fit(NULL, 5) IS NULL AS null;
-- ticks are round, within the range, and not too many
SELECT low, high, most, array(SELECT t.value FROM bixarena.chart_ticks(low, high, most) AS t) AS ticks
FROM (VALUES (0::float8, 10::float8, 5), (870, 1234, 6), (-3, 3, 4), (0.001, 0.0042, 5), (1000, 1000, 5),
	(0, 1, 1), (-1e6, 1e6, 4)) AS v (low, high, most);
SELECT count(*) AS ranges, max(n) <= 12 AS at_most_asked, min(n) >= 1 AS any
FROM (SELECT low, high, (SELECT count(*) FROM bixarena.chart_ticks(low, high, 12)) AS n
	FROM generate_series(1, 200) AS i, LATERAL (SELECT (i * 7919 % 1000)::float8, (i * 7919 % 1000) + i * i / 10.0) AS r (low, high)) AS t;
SELECT span, string_agg(t.label, ', ' ORDER BY t.moment)
FROM unnest('{10 minutes,5 hours,3 days,40 days,1 year,10 years,300 years}'::interval[]) AS span,
	LATERAL bixarena.chart_time_ticks('2026-01-09 02:30+00', timestamptz '2026-01-09 02:30+00' + span, 500) AS t
GROUP BY span ORDER BY span;

-- a leaderboard by hand: an open bound at each side, a tie in rank
SELECT bixarena_create_arena('arena');
INSERT INTO arena.leaderboard (slug, name) VALUES ('vacant', 'Nothing <here>');
INSERT INTO arena.model (slug, name) SELECT s, upper(s) || ' <i>' FROM unnest('{a,b,c,d}'::text[]) AS s;
INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT id, 'day ' || n, 'public', timestamptz '2026-01-01 02:00+00' + make_interval(days => n)
FROM arena.leaderboard, generate_series(1, 12) AS n WHERE slug = 'overall';
INSERT INTO arena.leaderboard_entry (leaderboard_id, model_id, snapshot_id, rank, bt_score,
	bootstrap_q025, bootstrap_q975, vote_count)
SELECT s.leaderboard_id, m.id, s.id, v.rank, v.score, v.low, v.high, 10
FROM arena.leaderboard_snapshot AS s,
	(VALUES ('a', 1, 1100, 1050, 3000), ('b', 2, 1000, 950, 1050), ('c', 2, 990, 940, 1040), ('d', 4, 900, -3000, 950))
		AS v (slug, rank, score, low, high)
JOIN arena.model AS m USING (slug)
-- c is missing for two days
WHERE NOT (m.slug = 'c' AND s.snapshot_identifier IN ('day 5', 'day 6'));
INSERT INTO arena.battle (model1_id, model2_id, outcome, created_at)
SELECT a.id, b.id, 'model1', '2026-01-01' FROM arena.model AS a, arena.model AS b WHERE a.slug = 'a' AND b.slug IN ('b', 'c');

\i :document
SELECT elements(c, '/s:svg/s:g[@class="row"]') AS rows, elements(c, '//s:circle') AS dots,
	elements(c, '//s:path[@class="grid"]') AS grid, elements(c, '//s:i') AS injected,
	elements(bixarena_leaderboard_svg('overall', top => 2), '/s:svg/s:g[@class="row"]') AS rows_of_2
FROM bixarena_leaderboard_svg('overall') AS c;
SELECT texts(bixarena_leaderboard_svg('overall'), '/s:svg/s:g[@class="row"]/s:title/text()');
-- open bounds end in arrows: two strokes each
SELECT regexp_count FROM (SELECT count(*) AS regexp_count
	FROM regexp_matches(bixarena_leaderboard_svg('overall'), 'l-?6 5l-?6 -?5', 'g')) AS m;
-- a line a model, broken where c was missing
SELECT elements(c, '//s:g[@class="series"]') AS lines, elements(c, '//s:g[@class="label"]') AS labels, elements(c, '//s:circle') AS dots
FROM bixarena_history_svg('overall') AS c;
SELECT regexp_replace(t, ' .*', '') AS model, length(d) - length(replace(d, 'M', '')) AS parts
FROM bixarena_history_svg('overall') AS c,
	ROWS FROM (texts(c, '//s:g[@class="series"]/s:title/text()'), texts(c, '//s:g[@class="series"]/s:path/@d')) AS u (t, d)
ORDER BY 1;
SELECT elements(bixarena_history_svg('overall', 2, 'bt_score', '2026-01-11'), '//s:circle') AS dots_of_2,
	elements(bixarena_history_svg('overall', since => '2027-01-01'), '//s:circle') AS none;
-- of many snapshots, no more than can be seen; the first and the latest among them
INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT id, 'hour ' || n, 'public', timestamptz '2026-02-01 00:00+00' + make_interval(hours => n)
FROM arena.leaderboard, generate_series(1, 2000) AS n WHERE slug = 'overall';
INSERT INTO arena.leaderboard_entry (leaderboard_id, model_id, snapshot_id, rank, bt_score, bootstrap_q025, bootstrap_q975)
SELECT s.leaderboard_id, m.id, s.id, 1, 1000, 900, 1100
FROM arena.leaderboard_snapshot AS s, arena.model AS m WHERE s.snapshot_identifier LIKE 'hour%' AND m.slug = 'a';
SELECT count(*) BETWEEN 80 AND 100 AS thinned, min(moment) AS first, max(moment) AS last, max(moment_number) = count(*) AS numbered
FROM arena.leaderboard AS l, LATERAL bixarena.chart_history_points(l.id, 'rank', 1, NULL, 100, 'arena')
WHERE l.slug = 'overall';
DELETE FROM arena.leaderboard_snapshot WHERE snapshot_identifier LIKE 'hour%';
-- a cell for each side of each pair that has met
SELECT elements(c, '//s:g[@class="cell"]') AS cells, elements(c, '//s:g[@class="row"]') AS rows FROM bixarena_matchups_svg('overall') AS c;
SELECT texts(bixarena_matchups_svg('overall'), '//s:g[@class="cell"]/s:title/text()');
-- nothing to draw is said, not an error
SELECT f, texts(c, '//s:text/text()') FROM (VALUES ('leaderboard', bixarena_leaderboard_svg('vacant')),
	('history', bixarena_history_svg('vacant')), ('matchups', bixarena_matchups_svg('vacant'))) AS v (f, c);
-- an edge that is drawn: one model, all scores the same, no battle at all
SELECT elements(bixarena_leaderboard_svg('overall', top => 1), '//s:g[@class="row"]') AS one,
	elements(bixarena_matchups_svg('overall', top => 1), '//s:g[@class="cell"]') AS cells,
	elements(bixarena_history_svg('overall', 1, since => '2026-01-13 02:00+00'), '//s:circle') AS one_moment;
-- themes
SELECT t AS theme, c LIKE '%prefers-color-scheme%' AS follows, c LIKE '%#ffffff%' AS light, c LIKE '%#14171c%' AS dark
FROM unnest('{auto,light,dark}'::text[]) AS t, LATERAL bixarena_leaderboard_svg('overall', theme => t) AS c;

-- pages
SELECT texts(bixarena_report('overall'), '//h:h1/text() | //h:h2/text()');
SELECT elements(p, '//h:section[@aria-label="Ranking"]//h:tbody/h:tr') AS rows, elements(p, '//h:i | //h:script | //h:link | //h:img') AS injected,
	elements(p, '//h:th[not(@scope)]') AS heads_without_scope, elements(p, '//h:table[not(h:caption)]') AS tables_without_caption,
	p ~ '(src|href)="?http' AS external
FROM bixarena_report('overall') AS p;
SELECT texts(bixarena_report('vacant'), '//h:h1/text() | //h:header/h:p/text() | //h:main//h:p/text()');
SELECT texts(bixarena_runs_report(), '//h:h1/text() | //h:h2/text() | //h:main//h:p/text()');
-- of a real run: who is not ranked and why, and how it was made
SET client_min_messages = warning;
TRUNCATE arena.leaderboard_snapshot, arena.leaderboard_entry, arena.battle;
DELETE FROM arena.model;
RESET client_min_messages;
SELECT bixarena_simulate_battles(1000, 6);
INSERT INTO arena.model (slug, name) VALUES ('loser', 'Loser');
INSERT INTO arena.battle (model1_id, model2_id, outcome)
SELECT a.id, b.id, 'model2' FROM arena.model AS a, arena.model AS b, generate_series(1, 20) WHERE a.slug = 'loser' AND b.slug = 'simulated-0001';
SELECT status FROM bixarena_generate_snapshot('overall', 10, as_of => now() - interval '8 days');
SELECT status FROM bixarena_generate_snapshot('overall', 10, triggered_by => 'me & <you>');
SELECT regexp_replace(t, 'snapshot_[-0-9_]+', 'snapshot_...') FROM texts(bixarena_report('overall'),
	'//h:section[@aria-label="Movers" or @aria-label="Not ranked"]//h:p/text() | //h:section[@aria-label="Not ranked"]//h:td/text()') AS t;
-- whoever runs the tests
SELECT texts(replace(bixarena_report('overall'), 'as role ' || current_user, 'as role superuser'),
	'//h:section[@aria-label="How it was made"]//h:dt[position() = 2 or position() = 5]/text()
	| //h:section[@aria-label="How it was made"]//h:dd[position() = 2 or position() = 5]/text()');
-- a reader, who may not see runs, gets the page without them
CREATE ROLE regress_reader;
SELECT bixarena_grant('regress_reader', 'reader');
SET ROLE regress_reader;
SELECT texts(bixarena_report('overall'), '//h:section[@aria-label="How it was made" or @aria-label="Who beats whom"]//h:p/text()');
SELECT elements(bixarena_leaderboard_svg('overall'), '//s:g[@class="row"]') AS rows,
	elements(bixarena_history_svg('overall'), '//s:g[@class="series"]') AS lines;
RESET ROLE;

-- errors
SELECT bixarena_leaderboard_svg(NULL);
SELECT bixarena_leaderboard_svg('no such');
SELECT bixarena_leaderboard_svg('overall', 'no such');
SELECT bixarena_leaderboard_svg('overall', width => 299);
SELECT bixarena_leaderboard_svg('overall', width => NULL);
SELECT bixarena_leaderboard_svg('overall', theme => 'red');
SELECT bixarena_leaderboard_svg('overall', theme => NULL);
SELECT bixarena_leaderboard_svg('overall', top => 0);
SELECT bixarena_history_svg(NULL);
SELECT bixarena_history_svg('overall', measure => NULL);
SELECT bixarena_history_svg('overall', measure => 'vote_count');
SELECT bixarena_history_svg('overall', top => -1);
SELECT bixarena_history_svg('overall', width => 4001);
SELECT bixarena_matchups_svg('overall', theme => '');
SELECT bixarena_matchups_svg(NULL);
SELECT bixarena_report(NULL);
SELECT bixarena_report('no such');
SELECT bixarena_report('overall', '-1 day');
SELECT bixarena_runs_report('no such');

DROP FUNCTION elements, texts;
SELECT bixarena_revoke('regress_reader', 'reader');
SET client_min_messages = warning;
DROP EXTENSION bixarena_rank;
DROP SCHEMA arena CASCADE;
DROP ROLE regress_reader;
