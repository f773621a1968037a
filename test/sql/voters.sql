-- Intervals by who cast the votes: of any relation, and of an arena.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set puddings :source '/include/puddings.sql'
\set attempt :source '/include/attempt.sql'
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
RESET client_min_messages;

\i :puddings
-- chocolate puddings (Davidson 1970); each combination of pair and outcome is of one of
-- seven tasters
CREATE TABLE votes AS
SELECT 'p' || model1 AS model1, 'p' || model2 AS model2, outcome,
	(3 * number + array_position('{model1,model2,tie}', outcome) - 4) % 7 AS taster
FROM puddings,
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

-- a row that stands for several votes is as many of its taster, be they in one row or in
-- several, and of as many where no taster is known
CREATE VIEW counted AS SELECT model1, model2, outcome, taster, count(*) AS n FROM votes GROUP BY 1, 2, 3, 4;
CREATE VIEW split AS
SELECT model1, model2, outcome, taster, 1 AS n FROM counted UNION ALL
SELECT model1, model2, outcome, taster, n - 1 FROM counted WHERE n > 1;
CREATE VIEW half_known AS SELECT model1, model2, outcome,
	nullif(row_number() OVER (ORDER BY model1, model2, outcome) % 7, 3) AS taster FROM votes;
CREATE VIEW half_counted AS SELECT model1, model2, outcome, taster, count(*) AS n FROM half_known GROUP BY 1, 2, 3, 4;
SELECT v AS votes, c AS counts, i AS intervals,
	(SELECT count(*) FROM (SELECT * FROM bixarena_rank(c::regclass, 100, num_battles => 'n', intervals => i, voter => 'taster')
		INTERSECT SELECT * FROM bixarena_rank(v::regclass, 100, intervals => i, voter => 'taster')) AS d) AS rank,
	(SELECT count(*) FROM (SELECT * FROM bixarena_rank_ranges(c::regclass, 100, num_battles => 'n', intervals => i, voter => 'taster')
		INTERSECT SELECT * FROM bixarena_rank_ranges(v::regclass, 100, intervals => i, voter => 'taster')) AS d) AS ranges,
	bixarena_rank_difference(c::regclass, 'p6', 'p1', 100, num_battles => 'n', intervals => i, voter => 'taster')
		= bixarena_rank_difference(v::regclass, 'p6', 'p1', 100, intervals => i, voter => 'taster') AS difference
FROM (VALUES ('votes', 'counted'), ('votes', 'split'), ('half_known', 'half_counted')) AS t (v, c),
	unnest('{bootstrap,sandwich}'::text[]) AS i;
SELECT count(*) AS as_rows_alone FROM (SELECT * FROM bixarena_rank('counted', 100, voter => 'taster')
	INTERSECT SELECT * FROM bixarena_rank('votes', 100, voter => 'taster')) AS d;
SELECT bixarena_rank('half_counted', num_battles => 'outcome', voter => 'taster');
CREATE VIEW no_counts AS SELECT model1, model2, outcome, taster, nullif(n, 9) AS n FROM counted;
SELECT bixarena_rank('no_counts', num_battles => 'n', voter => 'taster');

-- the order of tasters is that of their bytes, whatever their collation
CREATE COLLATION german (provider = icu, locale = 'de');
CREATE VIEW named AS SELECT model1, model2, outcome, (array['a', 'B', 'c', 'D', 'e', 'F', 'g'])[1 + taster] AS taster FROM votes;
CREATE VIEW named_here AS SELECT model1, model2, outcome, taster COLLATE german AS taster FROM named;
SELECT count(*) FROM (SELECT * FROM bixarena_rank('named', 100, voter => 'taster')
	INTERSECT SELECT * FROM bixarena_rank('named_here', 100, voter => 'taster')) AS d;

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

-- whoever makes a run puts on record who voted, and the ranks that are possible
CALL bixarena_backfill('overall', now() - interval '1 minute', now() - interval '1 minute', '1 hour');
SELECT bixarena_configure('cluster_by_voter', 'true', leaderboard_id => 'overall');
SELECT bixarena_request_snapshot('overall') IS NOT NULL AS requested;
CALL bixarena_process_requests();
SELECT status, count(*), count(DISTINCT voters) AS voters, count(ranges) AS ranges, min(jsonb_array_length(jsonb_path_query_array(ranges, '$.keyvalue()'))) AS models
FROM bixarena.run WHERE parameters ->> 'cluster_by_voter' = 'true' GROUP BY status;

-- the report says how intervals were found
CREATE FUNCTION how_to_read() RETURNS text LANGUAGE sql AS $$
	SELECT (regexp_match(bixarena_report('overall'), '95 % interval.</strong> (.*?) &#8220;'))[1]
$$;
SELECT how_to_read();
SELECT bixarena_configure('intervals', 'sandwich');
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT how_to_read();
SELECT bixarena_configure('cluster_by_voter', 'false', leaderboard_id => 'overall');
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT how_to_read();
SELECT bixarena_configure('intervals', 'bootstrap');
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT how_to_read();
SELECT bixarena_configure('cluster_by_voter', 'true', leaderboard_id => 'overall');

-- a leaderboard of one voter is skipped; of nothing but ties intervals are as wide as by battle
INSERT INTO arena.leaderboard (slug, name) VALUES ('single', 'Of one voter'), ('even', 'Of ties');
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT l.leaderboard, b.model1_id, b.model2_id, CASE l.leaderboard WHEN 'even' THEN 'tie' ELSE b.outcome::text END AS outcome,
	CASE l.leaderboard WHEN 'single' THEN '00000000-0000-0000-0000-000000000009' ELSE b.voter_id END AS voter_id,
	b.created_at, b.id AS battle_id
FROM arena.battle AS b, (VALUES ('overall'), ('single'), ('even')) AS l (leaderboard);
SELECT status, reason FROM bixarena_generate_snapshot('single');
SELECT status, reason FROM bixarena_generate_snapshot('even');
SELECT leaderboard, skip_reason, voters, ranges IS NOT NULL AS ranges FROM bixarena.run
WHERE leaderboard <> 'overall' ORDER BY leaderboard;
SELECT bixarena_leaderboard_difference('single', 'p6', 'p1');
SELECT count(*) FROM bixarena_live('single');
SELECT bt_score, bootstrap_q025, bootstrap_q975, count(*) FROM bixarena_leaderboard('even') GROUP BY 1, 2, 3;
DELETE FROM arena.leaderboard WHERE slug <> 'overall';

-- counts that bear voters, beside those that do not: by voter, the former are read
ALTER VIEW arena.leaderboard_battle RENAME TO one_by_one;
CREATE VIEW arena.leaderboard_battle AS
SELECT leaderboard, model1_id, model2_id, outcome, voter_id, created_at, count(*) AS battles
FROM arena.one_by_one GROUP BY 1, 2, 3, 4, 5, 6;
CREATE VIEW arena.leaderboard_tally AS
SELECT leaderboard, model1_id, model2_id, outcome, 2 * count(*) AS battles FROM arena.one_by_one GROUP BY 1, 2, 3, 4;
CREATE VIEW arena.arena_tally AS TABLE arena.leaderboard_tally;
CREATE FUNCTION same_as_votes() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM (SELECT slug, bootstrap_q975::float8, vote_count FROM bixarena_leaderboard('overall')
		INTERSECT SELECT model, bootstrap_q975, vote_count FROM bixarena_rank('votes', voter => 'taster')) AS d
$$;
SELECT status, evaluation_count, same_as_votes() FROM bixarena_generate_snapshot('overall');
SELECT same_as_votes();
INSERT INTO arena.leaderboard (slug, name) VALUES ('other', 'Another');
CALL bixarena_generate_snapshots();
SELECT same_as_votes();
SELECT leaderboard, status, evaluation_count, voters ->> 'voters' AS voters, ranges IS NOT NULL AS ranges
FROM bixarena.run WHERE call_id = (SELECT call_id FROM bixarena.run ORDER BY requested_at DESC LIMIT 1) ORDER BY 1;
SELECT d = e AS same_difference FROM bixarena_leaderboard_difference('overall', 'p6', 'p1') AS d,
	bixarena_rank_difference('votes', 'p6', 'p1', voter => 'taster') AS e;
SELECT bixarena_configure('cluster_by_voter', 'false', leaderboard_id => 'overall');
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall');
SELECT bixarena_configure('cluster_by_voter', 'true', leaderboard_id => 'overall');

-- nothing says who voted
\i :attempt
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle AS SELECT leaderboard, model1_id, model2_id, outcome, created_at FROM arena.one_by_one;
SELECT attempt($$SELECT bixarena_generate_snapshot('overall')$$);
DROP VIEW arena.leaderboard_battle;
SELECT attempt($$SELECT bixarena_generate_snapshot('overall')$$);
SELECT attempt($$SELECT bixarena_leaderboard_difference('overall', 'p6', 'p1')$$);
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, error_sqlstate, error_message FROM bixarena.run
WHERE call_id = (SELECT call_id FROM bixarena.run ORDER BY requested_at DESC LIMIT 1) ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA arena CASCADE;
DROP FUNCTION attempt, how_to_read, same_as_votes;
DROP COLLATION german CASCADE;
DROP TABLE votes, shuffled, anonymous, twice, many CASCADE;
DROP EXTENSION bixarena_rank;
