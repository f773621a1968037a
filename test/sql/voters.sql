-- Intervals by who cast the votes: of any relation, and of an arena.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
RESET client_min_messages;

-- chocolate puddings (Davidson 1970); each combination of pair and outcome is of one of
-- seven tasters
CREATE TABLE votes AS
SELECT 'p' || model1 AS model1, 'p' || model2 AS model2, outcome,
	(3 * number + array_position('{model1,model2,tie}', outcome) - 4) % 7 AS taster
FROM (VALUES (1, 1, 2, 19, 22, 16), (2, 1, 3, 16, 19, 12), (3, 2, 3, 19, 19, 10), (4, 1, 4, 18, 23, 13),
		(5, 2, 4, 23, 19, 9), (6, 3, 4, 19, 20, 15), (7, 1, 5, 13, 19, 18), (8, 2, 5, 16, 20, 12),
		(9, 3, 5, 16, 15, 17), (10, 4, 5, 17, 14, 16), (11, 1, 6, 18, 21, 12), (12, 2, 6, 22, 20, 12),
		(13, 3, 6, 13, 18, 10), (14, 4, 6, 14, 19, 18), (15, 5, 6, 11, 21, 12))
			AS p (number, model1, model2, wins, losses, ties),
	LATERAL (VALUES ('model1', wins), ('model2', losses), ('tie', ties)) AS o (outcome, n),
	generate_series(1, o.n);
SELECT count(DISTINCT taster) AS tasters, count(*) AS votes FROM votes;

-- scores do not depend on it; by the sandwich the standard deviations are known, and
-- there are six degrees of freedom
SELECT model, r.bt_score = b.bt_score AS same_score,
	((r.bootstrap_q975 - r.bt_score) / 2.4469118511)::numeric(8,4) AS deviation
FROM bixarena_rank('votes', intervals => 'sandwich', voter => 'taster') AS r
JOIN bixarena_rank('votes', 10) AS b USING (model) ORDER BY model;
-- the bootstrap draws tasters: wider than by vote
SELECT bool_and(v.bootstrap_q975 - v.bootstrap_q025 > 2 * (b.bootstrap_q975 - b.bootstrap_q025)) AS wider
FROM bixarena_rank('votes', voter => 'taster') AS v JOIN bixarena_rank('votes') AS b USING (model);

-- the order of rows changes no digit, nor do names of tasters that stand in the same order,
-- whatever their type
CREATE TABLE shuffled AS SELECT model2 AS model1, model1 AS model2,
	CASE outcome WHEN 'model1' THEN 'model2' WHEN 'model2' THEN 'model1' ELSE outcome END AS outcome,
	'taster ' || taster AS taster, format('00000000-0000-0000-0000-%s', lpad(taster::text, 12, '0'))::uuid AS id
FROM votes ORDER BY md5(ctid::text);
SELECT i AS intervals, t AS taster, count(*) AS differing
FROM unnest('{bootstrap,sandwich}'::text[]) AS i, unnest('{taster,id}'::text[]) AS t,
	LATERAL (SELECT * FROM bixarena_rank('shuffled', 100, intervals => i, voter => t)
		EXCEPT SELECT * FROM bixarena_rank('votes', 100, intervals => i, voter => 'taster')) AS d
GROUP BY i, t;

-- without a taster each vote is of another: but for G / (G - 1) they are votes
CREATE TABLE anonymous AS SELECT model1, model2, outcome, NULL::text AS taster FROM votes;
SELECT bool_and(abs((v.bootstrap_q975 - v.bt_score) / (b.bootstrap_q975 - b.bt_score)
		- sqrt(745.0 / 744)) < 1e-6) AS same
FROM bixarena_rank('anonymous', intervals => 'sandwich', voter => 'taster') AS v
JOIN bixarena_rank('anonymous', intervals => 'sandwich') AS b USING (model);
-- twice the votes of every taster: not one bound moves, but those by vote do
CREATE TABLE twice AS SELECT v.* FROM votes AS v, generate_series(1, 2);
SELECT count(*) AS by_taster FROM (
	SELECT model, bt_score, bootstrap_q025, bootstrap_q975
	FROM bixarena_rank('twice', 100, voter => 'taster')
	EXCEPT SELECT model, bt_score, bootstrap_q025, bootstrap_q975
	FROM bixarena_rank('votes', 100, voter => 'taster')) AS d;
SELECT bool_and(abs((v.bootstrap_q975 - v.bt_score) / (t.bootstrap_q975 - t.bt_score) - sqrt(2)) < 1e-6) AS by_vote
FROM bixarena_rank('votes', intervals => 'sandwich') AS v
JOIN bixarena_rank('twice', intervals => 'sandwich') AS t USING (model);

-- ranges and differences by taster
SELECT bool_and(v.lowest_rank <= b.lowest_rank AND v.highest_rank >= b.highest_rank) AS wider
FROM bixarena_rank_ranges('votes', voter => 'taster') AS v JOIN bixarena_rank_ranges('votes') AS b USING (model);
SELECT round((v.points_q975 - v.points)::numeric, 2) AS by_taster, round((b.points_q975 - b.points)::numeric, 2) AS by_vote
FROM bixarena_rank_difference('votes', 'p6', 'p1', intervals => 'sandwich', voter => 'taster') AS v,
	bixarena_rank_difference('votes', 'p6', 'p1', intervals => 'sandwich') AS b;

-- errors: no such column, one taster, too little memory
SELECT bixarena_rank('votes', voter => 'drinker');
CREATE VIEW alone AS SELECT *, 1 AS one FROM votes;
SELECT bixarena_rank('alone', voter => 'one');
CREATE TABLE many AS SELECT 'p' || 1 + n % 2 AS model1, 'p' || 3 AS model2,
	(ARRAY['model1', 'model2', 'tie'])[1 + n % 3] AS outcome, n AS voter FROM generate_series(1, 70000) AS n;
SET maintenance_work_mem = '1MB';
SELECT bixarena_rank('many', 10, voter => 'voter');
RESET maintenance_work_mem;
SELECT count(*) FROM bixarena_rank('many', 10, voter => 'voter');

--
-- An arena
--

SELECT bixarena_create_arena('arena');
INSERT INTO arena.model (slug, name) SELECT 'p' || n, 'Pudding ' || n FROM generate_series(1, 6) AS n;
INSERT INTO arena.battle (model1_id, model2_id, outcome, voter_id, created_at)
SELECT a.id, b.id, outcome, format('00000000-0000-0000-0000-%s', lpad(taster::text, 12, '0'))::uuid,
	now() - interval '1 hour'
FROM votes JOIN arena.model AS a ON a.slug = model1 JOIN arena.model AS b ON b.slug = model2;
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT voters FROM bixarena.run;
SELECT (regexp_match(bixarena_report('overall'), '(every battle was taken[^<]*)<'))[1] AS report;
SELECT bixarena_configure('cluster_by_voter', 'true');
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT parameters ->> 'cluster_by_voter' AS by_voter, voters ->> 'voters' AS voters, voters ->> 'busiest' AS busiest,
	round((voters ->> 'widening')::numeric, 1) AS widening
FROM bixarena.run ORDER BY started_at DESC LIMIT 1;
SELECT (regexp_match(bixarena_report('overall'), '(by voter: [^<]*)<'))[1] AS report;
-- the same bounds as of the relation, also when all leaderboards are made at once
SELECT count(*) FROM (SELECT slug, bootstrap_q975::float8 FROM bixarena_leaderboard('overall')
	EXCEPT SELECT model, bootstrap_q975 FROM bixarena_rank('votes', voter => 'taster')) AS d;
CALL bixarena_generate_snapshots();
SELECT count(*) FROM (SELECT slug, bootstrap_q975::float8 FROM bixarena_leaderboard('overall')
	EXCEPT SELECT model, bootstrap_q975 FROM bixarena_rank('votes', voter => 'taster')) AS d;
SELECT d = e AS same_difference FROM bixarena_leaderboard_difference('overall', 'p6', 'p1') AS d,
	bixarena_rank_difference('votes', 'p6', 'p1', voter => 'taster') AS e;

SET client_min_messages = warning;
DROP SCHEMA arena CASCADE;
DROP TABLE votes, shuffled, anonymous, twice, many CASCADE;
DROP EXTENSION bixarena_rank;
