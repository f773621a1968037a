-- scoreboards.sql
--	  Scoreboards with all that their charts and pages must bear; the charts and pages
--	  go into public.page, beside those that arenas.sql makes before.
--
-- Games of one player, of none and of thousands; scores all alike, far out, negative,
-- too large and too small to be told apart; the odd names of arenas.sql; and files of
-- standings.

\set odd 'odd <b>&amp;"''</b>'
\set scores 'scores <b>&amp;"''</b>'

SELECT bixarena_create_scoreboard(s) FROM unnest(ARRAY['bare', :'scores']) AS s;
SELECT bixarena_create_game(:'scores', g, n, o, p)
FROM (VALUES ('arcade', 'Arcade', 'desc', 'best'), ('laps', 'Lap times', 'asc', 'best'),
	('names', 'Names <script>alert(6)</script> &amp; "more" ' || repeat('of a game', 9), 'desc', 'latest'),
	('lone', 'One player', 'desc', 'sum'), ('none', ' ', 'desc', 'best'), ('equal', 'Scores all alike', 'desc', 'best'),
	('wide', 'Scores that are huge and tiny', 'desc', 'best'), ('minute', 'Tiny scores', 'asc', 'best'),
	('tail', 'Few far out', 'desc', 'best'), ('golf', 'Golf', 'asc', 'latest')) AS g (g, n, o, p);

CREATE FUNCTION public.submit(board text, game text, players text[], scores numeric[]) RETURNS bigint
LANGUAGE sql AS $$
	SELECT count(*) FROM (SELECT jsonb_agg(jsonb_build_object('message_id', gen_random_uuid(), 'player_id', p, 'game_id', game,
			'score', s, 'sent_at', to_char(now() - (n * interval '1 day' / 24) - interval '2 days', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) ORDER BY n DESC)
		FROM unnest(players, scores) WITH ORDINALITY AS u (p, s, n)) AS m (messages),
		bixarena_submit_scores(board, m.messages)
$$;
CREATE FUNCTION public.numbered(n integer) RETURNS text[]
LANGUAGE sql AS $$ SELECT array_agg(format('player %s', i) ORDER BY i) FROM generate_series(1, n) AS i $$;

SELECT setseed(0.5);
SELECT submit(:'scores', 'arcade', numbered(3000), (SELECT array_agg(floor(1000 * (random() + random() + random()) + i)::numeric)
	FROM generate_series(1, 3000) AS i));
SELECT submit(:'scores', 'laps', numbered(40), (SELECT array_agg(round((58 + 4 * random())::numeric, 3)) FROM generate_series(1, 40)));
SELECT submit(:'scores', 'lone', array_fill('player 1'::text, '{90}'), (SELECT array_agg((1 + i % 7)::numeric) FROM generate_series(1, 90) AS i));
SELECT submit(:'scores', 'equal', numbered(12), array_fill(1000::numeric, '{12}'));
SELECT submit(:'scores', 'wide', numbered(9), '{9e59,1e59,123456789.123456789,-9e59,0,0.000000000000000000001,1,-1,12345678901234567890}');
SELECT submit(:'scores', 'minute', numbered(3), '{2e-60,3e-60,5e-60}');
SELECT submit(:'scores', 'tail', numbered(2000), (SELECT array_agg((CASE WHEN i % 400 = 0 THEN 1e9 + i WHEN i % 333 = 0 THEN -5e6 ELSE floor(1e4 * random()) END)::numeric)
	FROM generate_series(1, 2000) AS i));
SELECT submit(:'scores', 'golf', numbered(30), (SELECT array_agg(((i * 7 % 13) - 8)::numeric) FROM generate_series(1, 30) AS i));
-- a period that has ended
SELECT bixarena_reset_game(:'scores', 'golf') IS NOT NULL;
SELECT submit(:'scores', 'golf', numbered(6), '{-3,-2,-1,0,1,2}');

-- players are named
CREATE TEMP TABLE score_name AS
SELECT format('odd %s', row_number() OVER (ORDER BY m.slug)) AS player_id, m.name, row_number() OVER (ORDER BY m.slug) AS n
FROM :"odd".model AS m
UNION ALL
SELECT 'odd long', repeat('a name of four kilobytes ', 164), 100
UNION ALL
SELECT repeat('W', 255), NULL, 101;
SELECT submit(:'scores', 'names', array_agg(player_id ORDER BY n), array_agg((10000 - 90 * n)::numeric ORDER BY n)) FROM score_name;
UPDATE :"scores".player AS p SET name = s.name FROM score_name AS s WHERE s.player_id = p.player_id;
UPDATE :"scores".player SET name = (ARRAY['Ann', 'Bob the Builder of castles', 'Cid'])[1 + right(player_id, 1)::integer % 3] || ' ' || right(player_id, 2)
WHERE player_id ~ '^player \d{1,2}$';

-- what cannot be applied, and what waits
SELECT count(*) FROM bixarena_submit_scores(:'scores', (SELECT jsonb_agg(jsonb_build_object('message_id', '<b>' || n, 'player_id', 'p',
	'game_id', '<script>alert(7)</script> ' || repeat('unbroken', 20), 'score', n)) FROM generate_series(1, 12) AS n));
SELECT count(*) FROM bixarena_enqueue_scores(:'scores', '[{"message_id": "waits", "player_id": "player 1", "game_id": "lone", "score": 1}]');

-- three dates of standings of two kingdoms; the other has one
SELECT u.status FROM generate_series(0, 2) AS age,
	LATERAL (SELECT string_agg(format('%s,"%s",%s,%s', n, replace(coalesce(o.name, 'Player ' || n), '"', '""'), n * 1000 + age * 37 * (n % 11 - 5), 5e12 / n), E'\n' ORDER BY n)
		FROM generate_series(1, 60) AS n LEFT JOIN (SELECT s.n AS number, s.name FROM score_name AS s) AS o ON o.number = n
		WHERE (n + age) % 13 <> 0) AS f (rows),
	LATERAL bixarena_upload_standings(:'scores', format('inbox/source=rok_players/kingdom=51/dt=%s/players.csv', date '2026-02-09' - age),
		convert_to(E'id,name,dkp,kills\n' || f.rows, 'UTF8')) AS u;
SELECT u.status FROM bixarena_upload_standings(:'scores', 'inbox/source=rok_players/kingdom=52/dt=2026-02-09/players.csv',
	convert_to(E'id,rank\n1,5\n2,6', 'UTF8')) AS u;
SELECT u.status FROM bixarena_upload_standings(:'scores', 'inbox/source=rok_players/kingdom=' || repeat('k', 200) || '/dt=2026-02-09/players.csv',
	convert_to(E'id,rank\n1,5\n1,6', 'UTF8')) AS u;

--
-- Charts and pages, and what must be found in them
--

CREATE TABLE score_game AS
SELECT g.game_id AS game, count(s.player_id) AS players, jsonb_agg(coalesce(nullif(btrim(p.name), ''), s.player_id) ORDER BY s.place)
	FILTER (WHERE s.player_id IS NOT NULL) AS names
FROM :"scores".game AS g
LEFT JOIN :"scores".score AS s ON s.board_no = g.board_no
LEFT JOIN :"scores".player AS p ON p.player_id = s.player_id
GROUP BY g.game_id;

INSERT INTO page (file, markup, counts, names)
SELECT format('game-%s-top-%s.svg', g.game, width),
	bixarena_top_scores_svg(:'scores', g.game, 30, width => width),
	jsonb_build_object('.row', least(g.players, 30), 'circle', least(g.players, 30), '.omission', (g.players > 30)::integer),
	jsonb_build_object('.row', (SELECT coalesce(jsonb_agg(n ORDER BY i), '[]') FROM jsonb_array_elements(g.names) WITH ORDINALITY AS e (n, i) WHERE i <= 30))
FROM score_game AS g, unnest('{1240,358}'::integer[]) AS width;

INSERT INTO page (file, markup, counts)
SELECT format('game-%s-distribution-%s.svg', g.game, width), bixarena_score_distribution_svg(:'scores', g.game, width => width),
	CASE g.players WHEN 0 THEN '{".bin": 0}' WHEN 12 THEN '{".bin": 1}' ELSE '{}' END::jsonb
FROM score_game AS g, unnest('{1240,358}'::integer[]) AS width;

INSERT INTO page (file, markup, counts)
SELECT format('game-%s-course-%s-%s.svg', game, replace(player, ' ', '-'), width), bixarena_score_history_svg(:'scores', game, player, width => width),
	jsonb_build_object('.series', lines, '.caption', lines, '.label', 0)
FROM (VALUES ('lone', 'player 1', 1), ('golf', 'player 1', 1), ('wide', 'player 1', 1), ('minute', 'player 1', 1), ('names', 'odd long', 1),
	('names', 'odd 1', 1), ('none', 'player 1', 0)) AS c (game, player, lines),
	unnest('{1240,358}'::integer[]) AS width;

INSERT INTO page (file, markup, counts)
SELECT format('standings-movers-%s-%s.svg', metric, width), bixarena_compare_standings_svg(:'scores', 'rok_players', 'kingdom=51', metric, width => width),
	jsonb_build_object('.row', 20)
FROM unnest('{dkp}'::text[]) AS metric, unnest('{1240,358}'::integer[]) AS width
UNION ALL
SELECT format('standings-course-%s-%s.svg', measure, width),
	bixarena_standings_history_svg(:'scores', 'rok_players', '1', 'dkp', measure => measure, width => width),
	jsonb_build_object('.series', 1, '.caption', 1)
FROM unnest('{value,rank}'::text[]) AS measure, unnest('{1240,358}'::integer[]) AS width;

INSERT INTO page (file, markup, counts)
VALUES ('scoreboard-bare.html', bixarena_scoreboard_report('bare'), '{"section": 2}'),
	('scoreboard.html', bixarena_scoreboard_report(:'scores'), '{"section": 14}');
