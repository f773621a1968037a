-- Charts and the report of scoreboards as text: what is drawn of which scores, that a
-- distribution is exact, who may read what.  How they look in a browser is a test of
-- its own.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set document :source '/include/document.sql'
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE EXTENSION bixarena_rank;

-- numbers, as axes and people have them
SELECT n AS number, bixarena.text_number(n), bixarena.text_score(n)
FROM unnest('{0,1,-2.50,0.05,99999,100000,-250000,1000500,1e6,25e6,1e9,-2.5e12,0.0001,0.00005,1e-60,-9e59,12345678.123456789,
	0.333333333333333,123456789012,1234567890123,1.23456789012345e-9,999999999999.9}'::numeric[]) AS n;
-- ticks of values that are large, small, or hardly apart
SELECT low, high, array(SELECT bixarena.text_number(t.value::numeric) FROM bixarena.chart_ticks(low, high, 4) AS t) AS ticks
FROM (VALUES (0::float8, 9e59::float8), (2e-60, 5e-60), (-1e59, 1e59), (1e15, 1e15 + 4), (0, 0)) AS v (low, high);

SELECT bixarena_create_scoreboard('game');
SELECT bixarena_create_game('game', g, n, o, p)
FROM (VALUES ('points', 'Points <i>&amp;', 'desc', 'best'), ('laps', 'Lap times', 'asc', 'best'), ('gold', ' ', 'desc', 'sum'),
	('level', 'Level', 'desc', 'latest'), ('wide', 'Wide', 'desc', 'best'), ('none', 'None', 'desc', 'best')) AS g (g, n, o, p);
-- scores reached an hour apart
CREATE FUNCTION submit(game text, players text[], scores numeric[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM (SELECT jsonb_agg(jsonb_build_object('message_id', game || n || random(), 'player_id', p, 'game_id', game,
			'score', s, 'sent_at', to_char(timestamptz '2026-01-01' + n * interval '1 hour', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) ORDER BY n)
		FROM unnest(players, scores) WITH ORDINALITY AS u (p, s, n)) AS m (messages), bixarena_submit_scores('game', m.messages)
$$;
SELECT submit('points', (SELECT array_agg('p' || i ORDER BY i) FROM generate_series(1, 700) AS i),
	(SELECT array_agg((i * 7919 % 1000 - 300)::numeric ORDER BY i) FROM generate_series(1, 700) AS i));
SELECT submit('laps', '{ann,bob,cid,dan}', '{61.25,60,59.5,61.25}');
SELECT submit('gold', '{ann,ann,ann,bob}', '{5,2.5,1,5}');
SELECT submit('wide', '{a,b,c,d,e}', '{9e59,-9e59,0,1e-60,12345678.123456789}');
UPDATE game.player SET name = CASE player_id WHEN 'ann' THEN 'Ann <script>&' WHEN 'bob' THEN repeat('Bob ', 1024) ELSE ' ' END
WHERE player_id IN ('ann', 'bob', 'cid');

\i :document

--
-- The best
--

SELECT texts(bixarena_top_scores_svg('game', 'points', 3), '//s:title/text() | //s:text/text()');
-- the lowest is the best; zero is far, so there are dots and no bars
SELECT left(t, 60) FROM texts(bixarena_top_scores_svg('game', 'laps'), '/s:svg/@aria-label | //s:title/text() | //s:text[starts-with(., "score")]/text()') AS t;
SELECT elements(c, '//s:circle') AS dots, elements(c, '//s:path[contains(@class, "thick")]') AS bars, elements(c, '//s:script') AS scripts
FROM unnest('{laps,gold}'::text[]) AS g, LATERAL bixarena_top_scores_svg(NULL, g) AS c;
-- below zero, and not to be seen beside the largest
SELECT texts(bixarena_top_scores_svg('game', 'wide', width => 358), '//s:g[@class="row"]/s:text[3]/text()');
SELECT elements(c, '//s:path[contains(@class, "line6")]') AS below_zero, elements(c, '//s:path[contains(@class, "line1")]') AS above
FROM bixarena_top_scores_svg('game', 'wide') AS c;
SELECT texts(bixarena_top_scores_svg('game', 'none'), '//s:text/text()');

--
-- Distributions: each bar counted again, from the scores themselves
--

CREATE FUNCTION recounted(game text, max_bins integer) RETURNS TABLE (bins bigint, players bigint, differ bigint, outside bigint)
LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE d.players > 0), sum(d.players), count(*) FILTER (WHERE d.players <> s.players),
		sum(d.players) FILTER (WHERE d.low IS NULL OR d.high IS NULL)
	FROM bixarena.score_distribution(bixarena.score_game('game', game, NULL), max_bins) AS d,
		LATERAL (SELECT count(*) FROM game.score AS s JOIN game.game AS g ON g.board_no = s.board_no
			WHERE g.game_id = game AND s.score >= coalesce(d.low, '-Infinity') AND s.score < coalesce(d.high, 'Infinity')) AS s (players)
$$;
SELECT g, n AS max_bins, r.* FROM unnest('{points,laps,gold,wide,none}'::text[]) AS g, unnest('{1,7,24}'::integer[]) AS n, recounted(g, n) AS r;
-- the same from counts that have been folded
SELECT bixarena_recount_scores('game');
SELECT g, r.* FROM unnest('{points,laps,gold}'::text[]) AS g, recounted(g, 24) AS r;
-- scores that many share, each a bar's edge
SELECT submit('level', (SELECT array_agg('p' || i) FROM generate_series(1, 100) AS i), (SELECT array_agg((i % 5)::numeric) FROM generate_series(1, 100) AS i));
SELECT low, high, players FROM bixarena.score_distribution(bixarena.score_game('game', 'level', NULL), 24) WHERE players > 0;
-- few are far out: they share a bar at either end
SELECT submit('points', '{x,y,z}', '{1e9,-1e9,2e9}');
SELECT * FROM recounted('points', 24);
SELECT texts(bixarena_score_distribution_svg('game', 'points'), '//s:g[@class="bin"][s:rect/@class="idle"]/s:title/text() | //s:text[contains(., "grey")]/text() | /s:svg/@aria-label');
-- more than ten thousand: where the axis ends is told by the counts
INSERT INTO game.score SELECT g.board_no, 'n' || i, i, now(), bixarena.score_place(i, false, now(), 'n' || i)
FROM game.game AS g, generate_series(100, 12099) AS i WHERE g.game_id = 'laps';
SELECT bixarena_recount_scores('game');
INSERT INTO game.score SELECT g.board_no, 'far', 1e12, now(), bixarena.score_place(1e12, false, now(), 'far') FROM game.game AS g WHERE g.game_id = 'laps';
SELECT bixarena_recount_scores('game');
SELECT * FROM recounted('laps', 24);
SELECT low, high, players FROM bixarena.score_distribution(bixarena.score_game('game', 'laps', NULL), 5);
-- all alike, one player, none
SELECT submit('none', '{a,b,c}', '{1000,1000,1000}');
SELECT texts(bixarena_score_distribution_svg('game', 'none'), '//s:title/text()');
DELETE FROM game.score AS s USING game.game AS g WHERE g.board_no = s.board_no AND g.game_id = 'none';
SELECT bixarena_recount_scores('game');
SELECT texts(bixarena_score_distribution_svg('game', 'none'), '//s:text/text()');

--
-- A player's course
--

-- only where the score has become another, with steps
SELECT submit('level', array_fill('ann'::text, '{6}'), '{1,3,3,2,7,7}');
SELECT moment_number, moment, value FROM bixarena.chart_score_points(bixarena.score_game('game', 'level', NULL), 'level', 'ann', 100, 100);
SELECT t FROM texts(bixarena_score_history_svg('game', 'level', 'ann'), '/s:svg/@aria-label | //s:title/text()') AS t;
SELECT regexp_replace(t, '[0-9.]+', 'n', 'g') FROM texts(bixarena_score_history_svg('game', 'level', 'ann', width => 358), '//s:g[@class="series"]/s:path/@d') AS t;
-- a new period breaks the line, and the old one is drawn by its time
SELECT bixarena_reset_game('game', 'level') IS NOT NULL;
SELECT submit('level', array_fill('ann'::text, '{3}'), '{1,4,5}');
SELECT length(d) - length(replace(d, 'M', '')) AS parts FROM texts(bixarena_score_history_svg('game', 'level', 'ann'), '//s:g[@class="series"]/s:path/@d') AS d;
SELECT texts(bixarena_top_scores_svg('game', 'level', 2, at => (SELECT min(started_at) FROM bixarena_periods('game', 'level'))), '//s:title/text()');
SELECT texts(bixarena_score_distribution_svg('game', 'level', at => (SELECT min(started_at) FROM bixarena_periods('game', 'level'))), '/s:svg/@aria-label');
-- of many changes no more than can be seen, the last among them; of the last ones
SELECT submit('gold', array_fill('eager'::text, '{2000}'), array_fill(1::numeric, '{2000}'));
SELECT count(*) BETWEEN 80 AND 100 AS thinned, max(value) AS last FROM bixarena.chart_score_points(bixarena.score_game('game', 'gold', NULL), 'gold', 'eager', 5000, 100);
SELECT min(value) >= 1990 AS latest, max(value) AS last FROM bixarena.chart_score_points(bixarena.score_game('game', 'gold', NULL), 'gold', 'eager', 10, 100);
SELECT texts(bixarena_score_history_svg('game', 'none', 'ann'), '//s:text/text()');

--
-- Standings
--

SELECT u.status FROM (VALUES ('51', '2026-01-26', E'id,name,dkp,rank\n7,Ann <i>,500,1\n8,Bob,450.5,2\n9,Cid,100,3\n11,Eve,5,4\n'),
		('51', '2026-02-02', E'id,name,dkp,rank\n7,Ann <i>,900,1\n8,,440.5,2\n10,Dan,20,3\n11,Eve,5,4\n'), ('52', '2026-02-02', E'id,dkp\n7,1\n')) AS f (kingdom, date, content),
	bixarena_upload_standings('game', format('source=rok/kingdom=%s/dt=%s/p.csv', f.kingdom, f.date), convert_to(f.content, 'UTF8')) AS u;
SELECT texts(c, '/s:svg/@aria-label | //s:title/text() | //s:g[@class="row"]/s:text[1]/text() | //s:text[@text-anchor="end" and contains(., "now")]/text()')
FROM bixarena_compare_standings_svg('game', 'rok', 'kingdom=51', 'dkp') AS c;
SELECT texts(bixarena_compare_standings_svg('game', 'rok', 'kingdom=51', 'dkp', '2026-02-02', '2026-01-26', 1), '//s:title/text()');
SELECT texts(bixarena_compare_standings_svg('game', 'rok', 'kingdom=51', 'rank', '2026-02-02', '2026-02-02'), '//s:text/text()');
SELECT texts(bixarena_compare_standings_svg('game', 'rok', 'kingdom=52', 'dkp'), '//s:text/text()');
-- a line for each kingdom; who is alone is in the caption
SELECT elements(c, '//s:g[@class="series"]') AS lines, elements(c, '//s:g[@class="label"]') AS labels
FROM bixarena_standings_history_svg('game', 'rok', '7', 'dkp') AS c;
SELECT texts(bixarena_standings_history_svg('game', 'rok', '7', 'rank', 'kingdom=51', m), '/s:svg/@aria-label | //s:title/text()')
FROM unnest('{value,rank}'::text[]) AS m;
SELECT texts(bixarena_standings_history_svg('game', 'rok', 'nobody', 'dkp'), '//s:text/text()');

--
-- The report
--

SELECT count(*) FROM bixarena_submit_scores('game', '[{"message_id": "<b>", "player_id": "ann", "game_id": "<script>", "score": 1}]');
SELECT texts(bixarena_scoreboard_report(), '//h:h1/text() | //h:h2/text()');
SELECT elements(p, '//h:i | //h:b | //h:script | //h:link | //h:img') AS injected, elements(p, '//h:th[not(@scope)]') AS heads_without_scope,
	elements(p, '//h:table[not(h:caption)]') AS tables_without_caption, p ~ '(src|href)="?http' AS external,
	elements(p, '//h:section[@aria-label="gold"]//s:svg') AS charts
FROM bixarena_scoreboard_report('game') AS p;
SELECT regexp_replace(t, '\d{4}-\d\d-\d\d \d\d:\d\d', 'then') FROM texts(bixarena_scoreboard_report('game'), '//h:section[@aria-label="gold"]//h:p/text()
	| //h:section[@aria-label="Lap times"]//h:p/text() | //h:section[@aria-label="gold"]//h:caption/text()
	| //h:section[@aria-label="gold"]//h:table[2]//h:td[position() > 1]/text()') AS t;
SELECT texts(bixarena_scoreboard_report('game'), '//h:section[@aria-label="rok kingdom=51"]//h:p/text()
	| //h:section[@aria-label="rok kingdom=51"]//h:table//h:tbody//h:*[position() > 1]/text() | //h:section[@aria-label="rok kingdom=51"]//h:bdi/text()');
SELECT texts(bixarena_scoreboard_report('game'), '//h:section[@aria-label="Messages"]//h:tbody//h:span/text()
	| //h:section[@aria-label="Messages"]//h:bdi/text() | //h:section[@aria-label="Messages"]//h:td[@class="text"]/text()');
-- a scoreboard without anything
SELECT bixarena_create_scoreboard('bare');
SELECT texts(bixarena_scoreboard_report('bare'), '//h:p[not(starts-with(., "Made at"))]/text()');
-- what has changed between large files is drawn by the first metric alone
SELECT u.status FROM generate_series(0, 1) AS day, LATERAL (
		SELECT string_agg(format('%s,%s,%s', i, i + day * (i % 3), i), E'\n') FROM generate_series(1, 50001) AS i) AS f (rows),
	bixarena_upload_standings('bare', format('source=large/dt=2026-01-0%s/p.csv', 1 + day), convert_to(E'id,dkp,kills\n' || f.rows, 'UTF8')) AS u;
SELECT elements(p, '//h:section[@aria-label="large"]//h:table') AS tables, elements(p, '//h:section[@aria-label="large"]//s:svg') AS charts
FROM bixarena_scoreboard_report('bare') AS p;

-- a reader sees all but the messages
CREATE ROLE regress_reader;
SELECT bixarena_grant('regress_reader', 'reader', 'game');
SET ROLE regress_reader;
SELECT elements(p, '//h:section') AS sections, elements(p, '//s:svg') AS charts, texts(p, '//h:section[@aria-label="Messages"]//h:p/text()')
FROM bixarena_scoreboard_report('game') AS p;
SELECT elements(bixarena_top_scores_svg('game', 'laps'), '//s:circle') AS top, elements(bixarena_score_distribution_svg('game', 'laps'), '//s:title') > 0 AS bars,
	elements(bixarena_score_history_svg('game', 'gold', 'ann'), '//s:g[@class="series"]') AS course,
	elements(bixarena_compare_standings_svg('game', 'rok', 'kingdom=51', 'dkp'), '//s:circle') AS moves,
	elements(bixarena_standings_history_svg('game', 'rok', '7', 'dkp'), '//s:g[@class="series"]') AS courses;
RESET ROLE;
SELECT bixarena_revoke('regress_reader', 'reader', 'game');
SET ROLE regress_reader;
SELECT bixarena_scoreboard_report('game');
SELECT bixarena_score_distribution_svg('game', 'laps');
RESET ROLE;

-- errors
SELECT bixarena_scoreboard_report();
SELECT bixarena_scoreboard_report('nowhere');
SELECT bixarena_top_scores_svg('game', NULL);
SELECT bixarena_top_scores_svg('game', 'golf');
SELECT bixarena_top_scores_svg('game', 'gold', 0);
SELECT bixarena_top_scores_svg('game', 'gold', width => 299);
SELECT bixarena_top_scores_svg('game', 'gold', theme => 'red');
SELECT bixarena_top_scores_svg('game', 'gold', at => '2000-01-01');
SELECT bixarena_score_distribution_svg('game', 'golf');
SELECT bixarena_score_distribution_svg('game', 'gold', width => NULL);
SELECT bixarena_score_history_svg('game', 'gold', NULL);
SELECT bixarena_score_history_svg('game', 'gold', 'ann', 0);
SELECT bixarena_score_history_svg('game', 'gold', 'ann', theme => NULL);
SELECT bixarena_compare_standings_svg('game', 'rok', 'kingdom=53', 'dkp');
SELECT bixarena_compare_standings_svg('game', 'rok', 'kingdom=51', 'kills');
SELECT bixarena_compare_standings_svg('game', 'rok', 'kingdom=51', NULL);
SELECT bixarena_compare_standings_svg('game', 'rok', 'kingdom=51', 'dkp', top => -1);
SELECT bixarena_standings_history_svg('game', 'rok', '7', 'dkp', measure => 'score');
SELECT bixarena_standings_history_svg('game', 'rok', '7', 'dkp', measure => NULL);

DROP SCHEMA game, bare CASCADE;
DROP FUNCTION elements, texts, submit, recounted;
DROP ROLE regress_reader;
DROP EXTENSION bixarena_rank;
