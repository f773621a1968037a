-- arenas.sql
--	  Arenas with all that charts and pages must bear, and their charts and pages
--	  in public.page, with what a browser must find in them.
--
-- Four arenas are simulated, of 3 to 300 models, and one has no snapshot.  That
-- of the variable "odd" is made by hand: hostile names, even its own, scores that
-- nothing bounds, scores all alike, ties, and models that come and go.

\set odd 'odd <b>&amp;"''</b>'

SELECT bixarena_create_arena(a)
FROM unnest(ARRAY['none', 'three', 'twenty', 'hundred', 'many', :'odd']) AS a;

SELECT bixarena_configure(s, v, arena => a)
FROM (VALUES ('num_bootstrap', '20'), ('min_total_battles', '1'), ('min_total_models', '2'),
	('min_evaluations', '1')) AS c (s, v),
	unnest('{three,twenty,hundred,many}'::text[]) AS a;

SELECT bixarena_simulate_battles(600, 3, arena => 'three');
SELECT bixarena_simulate_battles(6000, 20, arena => 'twenty');
SELECT bixarena_simulate_battles(20000, 100, arena => 'hundred');
SELECT bixarena_simulate_battles(60000, 300, arena => 'many');

-- names as they are in earnest; ids do not depend on them
UPDATE twenty.model SET name = (ARRAY['GPT-5.2 (high)', 'Claude Opus 4.5', 'Gemini 3 Pro',
	'Llama 4 Maverick 400B Instruct', 'Qwen3-235B-A22B-Thinking-2507', 'DeepSeek-V3.2', 'Mistral Large 3',
	'Kimi K2', 'Grok 4', 'MedGemma 27B', 'Nova Premier', 'Command A', 'Phi-4', 'GLM-4.6',
	'BioMistral-7B-DARE-GPTQ', 'OLMo 3', 'gpt-oss-120b', 'MiniMax-M2', 'o3', 'Jamba 1.7 Large'])
	[right(slug, 4)::integer];

CALL bixarena_backfill('overall', now() - interval '28 days', now(), '4 days', 'three');
CALL bixarena_backfill('overall', now() - interval '29 days', now(), '1 day', 'twenty');
CALL bixarena_backfill('overall', now() - interval '21 days', now(), '7 days', 'hundred');
CALL bixarena_backfill('overall', now() - interval '7 days', now(), '7 days', 'many');
UPDATE :"odd".leaderboard_snapshot SET visibility = 'public';

--
-- The odd arena: its models first
--

SET search_path = :"odd", public;

CREATE TEMP TABLE odd_name (number serial, name text);
INSERT INTO odd_name (name) VALUES
	('<script>alert(1)</script>'),
	('"><img src=x onerror=alert(2)>'),
	(''' onmouseover=''alert(3)'' x='''),
	('</title></text></g></svg><script>alert(4)</script>'),
	('javascript:alert(5)'),
	(']]><!-- --> <![CDATA[ <?xml?> &lt;'),
	('&amp; &#60; &nbsp; &'),
	('%s %1$s %% \n'),
	(U&'control \0001\0002\001B\007F characters'),
	(U&'not characters \FFFE\FFFF'),
	(U&'separators \0085\2028\2029 tab	end'),
	(U&'right \202Eto left'),
	(U&'\0646\0645\0648\0630\062C \0644\063A\0648\064A \0643\0628\064A\0631'),
	(U&'\05DE\05D5\05D3\05DC \05E9\05E4\05D4 \05D2\05D3\05D5\05DC'),
	(U&'\901A\4E49\5343\95EE \6587\5FC3\4E00\8A00 \8C46\5305 \6DF7\5143'),
	(U&'\+01F9EC\+01F468\200D\+01F469\200D\+01F467\+01F9A0\+01F48A \+01F1EA\+01F1FA'),
	(U&'Z\0351\0352\0353a\0354\0355l\0356\0357g\0358\0359o\035A\035B'),
	('GOOGLE-OMNI QUANTUM DOMINO'),
	('@@@@@ ##### +++++ ===== ~~~~~'),
	(repeat('W', 300)),
	(repeat('two words ', 29)),
	(''),
	(' '),
	('the same'),
	('the same');

INSERT INTO model (slug, name, organization)
SELECT format('%s-%s', n, left(o.name, 150)), o.name, nullif(left(o.name, 200), '')
FROM odd_name AS o, to_char(o.number, 'FM00') AS n;

CREATE FUNCTION public.number_of(slug text) RETURNS integer
LANGUAGE sql IMMUTABLE AS 'SELECT left($1, 2)::integer';

-- each two of those that are next to each other have met twice
INSERT INTO battle (model1_id, model2_id, outcome, categories, created_at)
SELECT a.id, b.id, o, '{names,lone,open,equal,gaps}', now() - interval '40 days'
FROM model AS a JOIN model AS b ON number_of(b.slug) IN (number_of(a.slug) + 1, number_of(a.slug) + 2),
	unnest('{model1,tie}'::text[]) AS o;

--
-- Its leaderboards: a function of the day and the model says what a snapshot has
--

INSERT INTO leaderboard (slug, name) VALUES
	('names', 'Names <script>alert(6)</script> &amp; "more"'),
	('lone', 'One model in one snapshot'),
	('open', 'Scores that nothing bounds'),
	('equal', 'Scores all alike'),
	('gaps', 'Models that come and go');

INSERT INTO leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT l.id, format('%s <i>&amp;</i> %s', l.slug, 30 - age), 'public', date_trunc('hour', now()) - age * interval '1 day'
FROM leaderboard AS l, generate_series(0, 29) AS age
WHERE l.slug IN ('names', 'gaps', 'open') OR l.slug = 'lone' AND age = 0 OR l.slug = 'equal' AND age < 2;

INSERT INTO leaderboard_entry (leaderboard_id, snapshot_id, model_id, bt_score, vote_count, rank,
	bootstrap_q025, bootstrap_q975)
SELECT l.id, s.id, m.id, v.score, 100000 / n, CASE l.slug
		WHEN 'equal' THEN 1
		WHEN 'gaps' THEN 1 + (rank() OVER w - 1) / 4 * 4
		ELSE rank() OVER w END,
	CASE WHEN l.slug = 'open' AND n % 3 <> 1 THEN -3000 WHEN l.slug = 'equal' THEN v.score
		ELSE v.score - 20 - n END,
	CASE WHEN l.slug = 'open' AND n % 3 <> 2 THEN 3000 WHEN l.slug = 'equal' THEN v.score
		ELSE v.score + 20 + n END
FROM leaderboard_snapshot AS s
JOIN leaderboard AS l ON l.id = s.leaderboard_id
CROSS JOIN LATERAL (SELECT extract(day FROM now() - s.created_at)::integer) AS d (age)
CROSS JOIN model AS m
CROSS JOIN LATERAL (SELECT number_of(m.slug)) AS o (n)
CROSS JOIN LATERAL (SELECT CASE WHEN l.slug = 'equal' THEN 1000
	ELSE round((1300 - 25 * n + 40 * sin(n + age / 4.0))::numeric, 6) END) AS v (score)
WHERE CASE l.slug
	WHEN 'lone' THEN n = 4
	WHEN 'open' THEN n <= 9
	WHEN 'gaps' THEN age < 2 AND n <= 12 OR n <= 20 AND (n + age) % 6 > 1
	ELSE true END
WINDOW w AS (PARTITION BY s.id ORDER BY v.score DESC);

-- runs that ended in every way
INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, triggered_by, role, parameters,
	attempts, requested_at, started_at, ended_at, snapshot_id, snapshot_identifier, evaluation_count,
	unranked, skip_reason, error_sqlstate, error_message)
SELECT :'odd', CASE n % 5 WHEN 4 THEN '<u>' || repeat('leaderboard', 8) ELSE 'names' END, r.status, 'manual',
	'<b>"who"&amp;' || repeat('o', 80), 'postgres', '{"num_bootstrap": 20, "<b>": "</script>"}', 1,
	t.at, t.at, t.at + n % 7 * interval '0.4 second',
	CASE r.status WHEN 'succeeded' THEN s.id END, CASE r.status WHEN 'succeeded' THEN s.snapshot_identifier END,
	3000000 + n, CASE r.status WHEN 'succeeded' THEN
		'{"<script>alert(7)</script>": "few_evaluations", "0": "winless", "a&amp;b": "disconnected"}'::jsonb END,
	CASE r.status WHEN 'skipped' THEN 'nothing has changed' END,
	CASE r.status WHEN 'failed' THEN 'XX000' END,
	CASE r.status WHEN 'failed' THEN 'no <script>alert(8)</script> ' || repeat('unbroken', 40) END
FROM generate_series(0, 79) AS n
CROSS JOIN LATERAL (SELECT now() - n * interval '5 hours') AS t (at)
CROSS JOIN LATERAL (SELECT CASE n % 4 WHEN 1 THEN 'failed' WHEN 3 THEN 'skipped' ELSE 'succeeded' END) AS r (status)
CROSS JOIN LATERAL (SELECT s.id, s.snapshot_identifier FROM leaderboard_snapshot AS s
	JOIN leaderboard AS l ON l.id = s.leaderboard_id
	WHERE l.slug = 'names' ORDER BY s.created_at DESC LIMIT 1) AS s;

RESET search_path;

--
-- Charts and pages, and what must be found in them
--

CREATE TABLE page (
	file text PRIMARY KEY,
	markup text NOT NULL,
	counts jsonb NOT NULL DEFAULT '{}',		-- visible elements by selector
	names jsonb NOT NULL DEFAULT '{}'		-- texts in their order by selector
);

-- what is shown of each leaderboard, read from the tables and not by what draws
CREATE FUNCTION shown(arena text, board text) RETURNS TABLE (
	models bigint, names jsonb, history bigint, pairs bigint, snapshots bigint, movers bigint)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		WITH s AS (SELECT s.* FROM %1$I.leaderboard_snapshot AS s
			JOIN %1$I.leaderboard AS l ON l.id = s.leaderboard_id
			WHERE l.slug = $1 AND s.visibility = 'public'),
		latest AS (SELECT s.* FROM s ORDER BY s.created_at DESC LIMIT 1),
		earlier AS (SELECT s.* FROM s WHERE s.created_at <= (SELECT created_at FROM latest) - interval '7 days'
			ORDER BY s.created_at DESC LIMIT 1),
		e AS (SELECT e.*, m.name, m.slug FROM %1$I.leaderboard_entry AS e
			JOIN %1$I.model AS m ON m.id = e.model_id
			WHERE e.snapshot_id = (SELECT id FROM latest)),
		o AS (SELECT * FROM %1$I.leaderboard_entry WHERE snapshot_id = (SELECT id FROM earlier))
		SELECT (SELECT count(*) FROM e), (SELECT jsonb_agg(name ORDER BY rank, bt_score DESC,
				name COLLATE "C", slug COLLATE "C") FROM e),
			(SELECT least(count(*), 10) FROM e),
			(SELECT count(DISTINCT (least(model1_id, model2_id), greatest(model1_id, model2_id)))
				FROM %1$I.leaderboard_battle WHERE leaderboard = $1
				AND created_at <= (SELECT created_at FROM latest)
				AND model1_id IN (SELECT model_id FROM e) AND model2_id IN (SELECT model_id FROM e)),
			(SELECT count(*) FROM s),
			(SELECT least(count(*), 20) FROM e FULL JOIN o USING (model_id)
				WHERE (SELECT id FROM earlier) IS NOT NULL AND e.rank IS DISTINCT FROM o.rank)
		$sql$, arena) USING board;
END
$$;

CREATE TABLE board AS
SELECT b.prefix, b.arena, b.board, s.*
FROM (VALUES ('none', 'none', 'overall'), ('three', 'three', 'overall'), ('twenty', 'twenty', 'overall'),
	('hundred', 'hundred', 'overall'), ('many', 'many', 'overall'), ('names', :'odd', 'names'),
	('lone', :'odd', 'lone'), ('open', :'odd', 'open'), ('equal', :'odd', 'equal'),
	('gaps', :'odd', 'gaps')) AS b (prefix, arena, board), LATERAL shown(b.arena, b.board) AS s;

INSERT INTO page (file, markup, counts, names)
SELECT format('%s-leaderboard-%s.svg', b.prefix, width),
	bixarena_leaderboard_svg(b.board, width => width, arena => b.arena),
	jsonb_build_object('.row', b.models, '.dot1', b.models, '.thick', b.models, '.grid', NULL),
	jsonb_build_object('.row', coalesce(b.names, '[]'))
FROM board AS b, unnest('{1240,358}'::integer[]) AS width;

INSERT INTO page (file, markup, counts)
SELECT format('%s-history-%s-%s.svg', b.prefix, measure, width),
	bixarena_history_svg(b.board, 10, measure, width => width, arena => b.arena),
	jsonb_build_object('.series', b.history, '.label', b.history, '.series .thick', b.history)
FROM board AS b, unnest('{1240,358}'::integer[]) AS width, unnest('{rank,bt_score}'::text[]) AS measure
WHERE b.prefix NOT IN ('hundred', 'many') OR measure = 'rank';

-- narrow cells do not all have labels
INSERT INTO page (file, markup, counts, names)
SELECT format('%s-matchups-%s.svg', b.prefix, width),
	bixarena_matchups_svg(b.board, top => CASE b.prefix WHEN 'many' THEN 300 END, width => width, arena => b.arena),
	jsonb_build_object('.cell', 2 * b.pairs, '.cell rect', 2 * b.pairs),
	CASE WHEN b.models <= 25 AND width > 1000 THEN jsonb_build_object('.row', coalesce(b.names, '[]')) ELSE '{}' END
FROM board AS b, unnest('{1240,358}'::integer[]) AS width
WHERE b.prefix <> 'many' OR width = 1240;

-- the whole field in one chart of history; all themes
INSERT INTO page (file, markup, counts)
SELECT format('%s-history-all-1240.svg', b.prefix),
	bixarena_history_svg(b.board, CASE b.prefix WHEN 'many' THEN 300 END, 'bt_score', width => 1240, arena => b.arena),
	jsonb_build_object('.series', b.models, '.label', b.models)
FROM board AS b WHERE b.prefix IN ('twenty', 'names', 'many')
UNION ALL
SELECT format('twenty-%s-%s.svg', theme, kind),
	CASE kind WHEN 'leaderboard' THEN bixarena_leaderboard_svg('overall', theme => theme, arena => 'twenty')
		WHEN 'history' THEN bixarena_history_svg('overall', theme => theme, arena => 'twenty')
		ELSE bixarena_matchups_svg('overall', theme => theme, arena => 'twenty') END,
	jsonb_build_object(CASE kind WHEN 'history' THEN '.series' ELSE '.row' END,
		CASE kind WHEN 'history' THEN 10 ELSE 20 END)
FROM unnest('{light,dark}'::text[]) AS theme, unnest('{leaderboard,history,matchups}'::text[]) AS kind;

-- of many models those that can be read, and a line that says so
INSERT INTO page (file, markup, counts)
SELECT format('many-%s-%s.svg', kind, width), CASE kind
		WHEN 'top' THEN bixarena_leaderboard_svg('overall', top => 12, width => width, arena => 'many')
		WHEN 'lines' THEN bixarena_history_svg('overall', NULL, width => width, arena => 'many')
		ELSE bixarena_matchups_svg('overall', width => width, arena => 'many') END,
	jsonb_build_object('.omission', 1)
FROM unnest('{top,lines,cells}'::text[]) AS kind, unnest('{1240,358}'::integer[]) AS width
WHERE kind <> 'cells' OR width = 1240;

INSERT INTO page (file, markup, counts, names)
SELECT format('%s-report.html', b.prefix), bixarena_report(b.board, arena => b.arena),
	jsonb_build_object('section[aria-label="Ranking"] tbody tr', b.models,
		'section[aria-label="Movers"] tbody tr', b.movers,
		'section[aria-label^="Scores"] .row', least(b.models, 200), '.dot1', NULL,
		'.series', b.history, '.label', b.history,
		'section[aria-label="Not ranked"] tbody tr', CASE b.prefix WHEN 'names' THEN 3 ELSE 0 END),
	jsonb_build_object('section[aria-label="Ranking"] tbody th', coalesce(b.names, '[]'),
		'section[aria-label^="Scores"] .row', (SELECT coalesce(jsonb_agg(n ORDER BY i), '[]')
			FROM jsonb_array_elements(b.names) WITH ORDINALITY AS e (n, i) WHERE i <= 200))
FROM board AS b;

-- a report is XHTML as well
INSERT INTO page SELECT 'names-report.xhtml', p.markup, p.counts, p.names
FROM page AS p WHERE p.file = 'names-report.html';

INSERT INTO page (file, markup, counts)
SELECT format('%s-runs.html', b.prefix), bixarena_runs_report(b.arena),
	jsonb_build_object('.run', r.ended, 'section[aria-label="Runs"] tbody tr', least(r.total, 50),
		'section[aria-label="Health"] tbody tr', (SELECT count(*) FROM bixarena_health(b.arena)))
FROM board AS b, LATERAL (SELECT count(*) FILTER (WHERE started_at IS NOT NULL AND ended_at IS NOT NULL),
	count(*) FROM bixarena.run WHERE run.arena = b.arena) AS r (ended, total)
WHERE b.prefix IN ('none', 'three', 'twenty', 'names');

UPDATE page SET counts = jsonb_strip_nulls(counts);
