-- Charts and pages of more models and runs than anybody can look at: each draws
-- as many as can be read, says how many there are, and takes no more for the rest.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set document :source '/include/document.sql'
CREATE EXTENSION bixarena_rank;
\i :document
-- of many models, as many as can be read, and how many there are is said
SELECT bixarena_create_arena('crowd');
INSERT INTO crowd.model (slug, name) SELECT to_char(n, 'FM0000'), 'model ' || n || repeat(' and more', CASE n WHEN 1 THEN 30 ELSE 0 END) FROM generate_series(1, 1100) AS n;
INSERT INTO crowd.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT id, 'day ' || n, 'public', timestamptz '2026-01-01 02:00+00' + make_interval(days => n) FROM crowd.leaderboard, generate_series(1, 300) AS n;
INSERT INTO crowd.leaderboard_entry (leaderboard_id, model_id, snapshot_id, rank, bt_score, bootstrap_q025, bootstrap_q975, vote_count)
SELECT s.leaderboard_id, m.id, s.id, m.slug::integer, 2000 - m.slug::integer, 1900 - m.slug::integer, 2100 - m.slug::integer, 2
FROM crowd.leaderboard_snapshot AS s, crowd.model AS m WHERE s.snapshot_identifier = 'day 300' OR m.slug <= '0002' OR m.slug <= '0500' AND s.created_at > '2026-10-20';
INSERT INTO crowd.battle (model1_id, model2_id, outcome, created_at)
SELECT a.id, b.id, 'model1', '2026-01-01' FROM crowd.model AS a JOIN crowd.model AS b ON b.slug::integer = a.slug::integer + 1;
-- a run of which thousands are not ranked, and one that failed with words without end
INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, triggered_by, role, parameters, attempts, started_at, ended_at, snapshot_id, unranked)
SELECT 'crowd', 'overall', 'succeeded', 'manual', 'me', 'me', '{}', 1, now(), now(), id, (SELECT jsonb_object_agg('new ' || n, 'few_evaluations') FROM generate_series(1, 2000) AS n)
FROM crowd.leaderboard_snapshot WHERE snapshot_identifier = 'day 300';
INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, triggered_by, role, parameters, attempts, started_at, ended_at, error_sqlstate, error_message)
VALUES ('crowd', 'overall', 'failed', 'manual', 'me', 'me', '{}', 1, now(), now(), 'XX000', repeat('no ', 100000));
SELECT 'leaderboard' AS chart, elements(c, '//s:g[@class="row"]') AS drawn, (SELECT string_agg(t, ' ') FROM texts(c, '//s:text[contains(@class, "omission")]/text()') AS t) AS says,
	substring(c FROM 'aria-label="([^"]*)"') AS label FROM bixarena_leaderboard_svg('overall', arena => 'crowd') AS c
UNION ALL
SELECT 'its first', elements(c, '//s:g[@class="row"]'), (SELECT string_agg(t, ' ') FROM texts(c, '//s:text[contains(@class, "omission")]/text()') AS t),
	substring(c FROM 'aria-label="([^"]*)"') FROM bixarena_leaderboard_svg('overall', top => 3, arena => 'crowd') AS c
UNION ALL
SELECT kind, elements(c, '//s:g[@class="series"]'), (SELECT string_agg(t, ' ') FROM texts(c, '//s:text[contains(@class, "omission")]/text()') AS t),
	substring(c FROM 'aria-label="([^"]*)"')
FROM (VALUES ('history', 10), ('all of it', NULL), ('too much', 1000)) AS v (kind, most), bixarena_history_svg('overall', most, arena => 'crowd') AS c
UNION ALL
SELECT kind, elements(c, '//s:g[@class="cell"]') / 2 + 1, (SELECT string_agg(t, ' ') FROM texts(c, '//s:text[contains(@class, "omission")]/text()') AS t),
	substring(c FROM 'aria-label="([^"]*)"')
FROM (VALUES ('matchups', NULL), ('too many', 1000)) AS v (kind, most), bixarena_matchups_svg('overall', top => most, arena => 'crowd') AS c;
-- fewer points of each of many lines; a long name once, not in each cell
SELECT kind, elements(c, '//s:g[@class="series"]') AS series, max(regexp_count) AS most_points FROM (VALUES ('few', 2), ('many', 500)) AS v (kind, most),
	bixarena_history_svg('overall', most, width => 4000, arena => 'crowd') AS c,
	LATERAL (SELECT length(d) - length(replace(d, 'L', '')) + 1 AS regexp_count FROM texts(c, '//s:g[@class="series"]/s:path/@d') AS d) AS p GROUP BY 1, 2 ORDER BY 1;
SELECT max(length(t)) AS longest_title FROM texts(bixarena_matchups_svg('overall', arena => 'crowd'), '//s:g[@class="cell"]/s:title/text()') AS t;
SELECT elements(p, '//h:section[@aria-label="Ranking"]//h:tbody/h:tr') AS ranked, elements(p, '//h:section[@aria-label="Not ranked"]//h:tbody/h:tr') AS unranked,
	elements(p, '//h:div[@class="wide"]//s:g[@class="row"]') AS drawn, (SELECT string_agg(t, ' ') FROM texts(p, '//h:caption/text() | //h:div[@class="wide"]//s:text[contains(@class, "omission")]/text()') AS t) AS says
FROM bixarena_report('overall', arena => 'crowd') AS p;
SELECT max(length(t)) AS longest_cell FROM texts(bixarena_runs_report('crowd'), '//h:td/text()') AS t;

DROP FUNCTION elements, texts;
SET client_min_messages = warning;
DROP EXTENSION bixarena_rank;
DROP SCHEMA crowd CASCADE;
