-- What decides battles besides strengths: who stood first, ties with a chance of their
-- own, and covariates; of any relation, of a tally, and of an arena.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set puddings :source '/include/puddings.sql'
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
RESET client_min_messages;

\i :puddings
-- chocolate puddings (Davidson 1970)
CREATE TABLE votes AS
SELECT 'p' || model1 AS model1, 'p' || model2 AS model2, outcome, n % 7 AS taster,
	round(sin(number * 7 + n)::numeric, 3) AS sweeter, (n % 4)::real AS colder, 1 AS one
FROM puddings,
	LATERAL (VALUES ('model1', wins), ('model2', losses), ('tie', ties)) AS o (outcome, votes),
	generate_series(1, o.votes) AS n;

-- Davidson's worths and nu, as published
SELECT model, round(exp((bt_score - 1000) * ln(10) / 400)::numeric / sum(round(exp((bt_score - 1000) * ln(10) / 400)::numeric, 12)) OVER (), 7) AS worth
FROM bixarena_rank('votes', 10, tie_model => 'davidson') ORDER BY model;
SELECT kind, round(tie_odds::numeric, 7) AS nu, round(information_error::numeric, 7) AS error, status, points, p_value
FROM bixarena_rank_terms('votes', 10, tie_model => 'davidson');

-- baseball of 1987 (Agresti, table 10.10): teams at home stand first
CREATE TABLE games AS
SELECT home.name AS home, away.name AS away, o.winner
FROM (VALUES ('Milwaukee', '{{0,0},{4,3},{4,2},{4,3},{6,1},{4,2},{6,0}}'::int[]), ('Detroit', '{{3,3},{0,0},{4,2},{4,3},{6,0},{6,1},{4,3}}'),
		('Toronto', '{{2,5},{4,3},{0,0},{2,4},{4,3},{4,2},{6,0}}'), ('New York', '{{3,3},{5,1},{2,5},{0,0},{4,3},{4,2},{6,1}}'),
		('Boston', '{{5,1},{2,5},{3,3},{4,2},{0,0},{5,2},{6,0}}'), ('Cleveland', '{{2,5},{3,3},{3,4},{4,3},{4,2},{0,0},{2,4}}'),
		('Baltimore', '{{2,5},{1,5},{1,6},{2,4},{1,6},{3,4},{0,0}}')) AS home (name, games),
	unnest('{Milwaukee,Detroit,Toronto,New York,Boston,Cleveland,Baltimore}'::text[]) WITH ORDINALITY AS away (name, n),
	LATERAL (VALUES ('home', games[n][1]), ('away', games[n][2])) AS o (winner, number),
	generate_series(1, o.number);
SELECT round((points * ln(10) / 400)::numeric, 8) AS home, round(p_value::numeric, 4) AS p, points_q025 < points AND points < points_q975 AS interval, status
FROM bixarena_rank_position('games', model1 => 'home', model2 => 'away', outcome => 'winner');
SELECT round((information_error)::numeric, 6) AS error
FROM bixarena_rank_terms('games', 10, model1 => 'home', model2 => 'away', outcome => 'winner', adjust_position => true);
SELECT model, round(((bt_score - min(bt_score) OVER ()) * ln(10) / 400)::numeric, 8) AS ahead
FROM bixarena_rank('games', 10, model1 => 'home', model2 => 'away', outcome => 'winner', adjust_position => true) LIMIT 6;

-- whoever swaps sides changes the sign of position, and no score; no option, no change
CREATE VIEW swapped AS SELECT model2 AS model1, model1 AS model2,
	CASE outcome WHEN 'model1' THEN 'model2' WHEN 'model2' THEN 'model1' ELSE outcome END AS outcome FROM votes;
SELECT a.points = -b.points AS negative, a.p_value::numeric(9,6) = b.p_value::numeric(9,6) AS same_p
FROM bixarena_rank_position('votes', tie_model => 'davidson') AS a, bixarena_rank_position('swapped', tie_model => 'davidson') AS b;
SELECT count(*) FILTER (WHERE abs(a.bt_score - b.bt_score) < 2e-6) AS same
FROM bixarena_rank('votes', 10, adjust_position => true) AS a JOIN bixarena_rank('swapped', 10, adjust_position => true) AS b USING (model);
SELECT count(*) AS same FROM (SELECT * FROM bixarena_rank('votes') INTERSECT SELECT * FROM bixarena_rank('swapped')) AS r;

-- a tally knows who stood first
CREATE VIEW tallied AS SELECT bixarena_tally(model1, model2, outcome) AS tally FROM votes;
SELECT (SELECT count(*) FROM (SELECT r.* FROM tallied, bixarena_rank_tally(tally, adjust_position => true, tie_model => 'davidson') AS r
		INTERSECT SELECT * FROM bixarena_rank('votes', adjust_position => true, tie_model => 'davidson')) AS i) AS ranks,
	(SELECT count(*) FROM (SELECT r.* FROM tallied, bixarena_rank_ranges_tally(tally, 100, adjust_position => true, tie_model => 'davidson') AS r
		INTERSECT SELECT * FROM bixarena_rank_ranges('votes', 100, adjust_position => true, tie_model => 'davidson')) AS i) AS ranges,
	(SELECT count(*) FROM (SELECT r.* FROM tallied, bixarena_rank_terms_tally(tally, 100, adjust_position => true, tie_model => 'davidson') AS r
		INTERSECT SELECT * FROM bixarena_rank_terms('votes', 100, adjust_position => true, tie_model => 'davidson')) AS i) AS terms,
	(SELECT count(*) FROM (SELECT r.* FROM tallied, bixarena_rank_matchups_tally(tally, 10, tie_model => 'davidson') AS r
		INTERSECT SELECT * FROM bixarena_rank_matchups('votes', 10, tie_model => 'davidson')) AS i) AS matchups,
	(SELECT bixarena_rank_position_tally(tally, 100) FROM tallied) = bixarena_rank_position('votes', 100) AS "position",
	(SELECT bixarena_rank_difference_tally(tally, 'p6', 'p1', 100, tie_model => 'davidson') FROM tallied)
		= bixarena_rank_difference('votes', 'p6', 'p1', 100, tie_model => 'davidson') AS difference;

-- with Davidson's ties, shares are of points, predicted as well; wins, ties and losses add
-- up to what there was, and the puddings fit
SELECT sum(wins1 + wins2) AS decided, round(sum(predicted_wins1 + predicted_wins2)::numeric, 3) AS predicted,
	sum(ties) AS ties, round(sum(predicted_ties)::numeric, 3) AS predicted, min(fit_p_value) > 0.05 AS fits
FROM bixarena_rank_matchups('votes', 10, tie_model => 'davidson');
SELECT model1, model2, battles, round(predicted_share::numeric, 4) AS share, round(predicted_wins1::numeric, 2) AS wins1,
	round(predicted_wins2::numeric, 2) AS wins2, round(predicted_ties::numeric, 2) AS ties, round(fit_p_value::numeric, 4) AS p
FROM bixarena_rank_matchups('votes', 10, tie_model => 'davidson') WHERE model2 = 'p6';
SELECT count(predicted_share) AS shares, count(predicted_ties) AS ties, count(fit_p_value) AS tests FROM bixarena_rank_matchups('votes', 10);

-- covariates: a column of ones is position; a rank by taster is wider
SELECT t.kind, round(t.points::numeric, 5) = round(p.points::numeric, 5) AS same
FROM bixarena_rank_terms('votes', 10, covariates => '{one}') AS t, bixarena_rank_position('votes', 10) AS p;
SELECT kind, covariate, round(points::numeric, 4) AS points, round(standard_error::numeric, 6) AS error, round(p_value::numeric, 4) AS p,
	round(mean::numeric, 4) AS mean, round(standard_deviation::numeric, 4) AS deviation, status
FROM bixarena_rank_terms('votes', 10, intervals => 'sandwich', adjust_position => true, tie_model => 'davidson', covariates => '{sweeter,colder}');
SELECT t.covariate, round((t.points_q975 - t.points_q025)::numeric, 1) AS by_battle, round((v.points_q975 - v.points_q025)::numeric, 1) AS by_taster
FROM bixarena_rank_terms('votes', 300, covariates => '{sweeter,colder}') AS t
JOIN bixarena_rank_terms('votes', 300, covariates => '{sweeter,colder}', voter => 'taster') AS v USING (covariate);
-- the order of rows changes no digit
CREATE TABLE shuffled AS SELECT * FROM votes ORDER BY md5(ctid::text);
SELECT count(*) AS same FROM (SELECT * FROM bixarena_rank('votes', 50, covariates => '{sweeter,colder}', voter => 'taster')
	INTERSECT SELECT * FROM bixarena_rank('shuffled', 50, covariates => '{sweeter,colder}', voter => 'taster')) AS r;
-- rows that stand for several votes
CREATE VIEW counted AS SELECT model1, model2, outcome, colder, count(*) AS n FROM votes GROUP BY 1, 2, 3, 4;
SELECT count(*) AS same FROM (SELECT * FROM bixarena_rank('votes', 50, covariates => '{colder}')
	INTERSECT SELECT * FROM bixarena_rank('counted', 50, covariates => '{colder}', num_battles => 'n')) AS r;

-- covariates that say nothing, or nothing of their own
CREATE VIEW more AS SELECT *, 2 * sweeter - colder AS mixed, 3 AS three, 0 AS nothing,
	substr(model1, 2)::int - substr(model2, 2)::int AS by_model, nullif(colder, 2) AS unknown, 'NaN'::float8 AS nan FROM votes;
SELECT bixarena_rank('more', covariates => '{sweeter,colder,mixed}');
SELECT bixarena_rank('more', covariates => '{by_model}');
SELECT bixarena_rank('more', covariates => '{three}');
SELECT bixarena_rank('more', covariates => '{nothing}');
SELECT bixarena_rank('more', covariates => '{one}', adjust_position => true);
SELECT bixarena_rank('more', covariates => '{unknown}');
SELECT bixarena_rank('more', covariates => '{sweeter,nan}');
SELECT bixarena_rank('more', covariates => '{outcome}');
SELECT bixarena_rank('more', covariates => '{bitter}');
SELECT bixarena_rank('more', covariates => '{sweeter,NULL}');
-- ... beside who stood first; and in units that nobody can reckon in
CREATE VIEW apart AS SELECT *, 3 + substr(model1, 2)::int - substr(model2, 2)::int AS by_place,
	1e200::float8 * sweeter AS huge, 1e-200::float8 * sweeter AS tiny, 1e308::float8 * sign(sweeter) AS largest,
	1e90::float8 * sweeter AS large FROM votes;
SELECT bixarena_rank('apart', covariates => '{sweeter,by_place}', adjust_position => true);
SELECT bixarena_rank('apart', covariates => '{huge}');
SELECT bixarena_rank('apart', covariates => '{colder,tiny}');
SELECT bixarena_rank('apart', covariates => '{largest}');
SELECT abs(a.estimate * 1e90 / b.estimate - 1) < 1e-9 AS same
FROM bixarena_rank_terms('apart', 10, covariates => '{large}') AS a, bixarena_rank_terms('apart', 10, covariates => '{sweeter}') AS b;
SELECT bixarena_rank('more', covariates => '{sweeter,sweeter}');
SELECT bixarena_rank('more', covariates => array_fill('x'::text, '{51}'));
SELECT bixarena_rank('more', adjust_position => NULL);
SELECT bixarena_rank('more', tie_model => NULL);
SELECT bixarena_rank('more', tie_model => 'rao');
SET maintenance_work_mem = '1MB';
CREATE TABLE many AS SELECT 'p' || 1 + n % 2 AS model1, 'p' || 3 AS model2,
	(ARRAY['model1', 'model2', 'tie'])[1 + n % 3] AS outcome, n AS x FROM generate_series(1, 40000) AS n;
SELECT bixarena_rank('many', 10, covariates => '{x}');
RESET maintenance_work_mem;

-- what the battles do not bound is left out, and said so: no ties; ties only among equals,
-- however likely; whoever stands first takes all points
CREATE TABLE few (model1 text, model2 text, outcome text);
INSERT INTO few VALUES ('a', 'b', 'model1'), ('b', 'a', 'model1'), ('b', 'c', 'model1'), ('c', 'b', 'model1');
SELECT kind, status, estimate FROM bixarena_rank_terms('few', 10, tie_model => 'davidson', adjust_position => true);
SELECT count(*) AS same FROM (SELECT * FROM bixarena_rank('few', 50, tie_model => 'davidson', adjust_position => true)
	INTERSECT SELECT * FROM bixarena_rank('few', 50)) AS r;
INSERT INTO few VALUES ('a', 'b', 'model2'), ('b', 'a', 'tie');
SELECT kind, status FROM bixarena_rank_terms('few', 10, tie_model => 'davidson', adjust_position => true);
CREATE TABLE near (model1 text, model2 text, outcome text);
INSERT INTO near VALUES ('a', 'b', 'model1'), ('a', 'c', 'tie'), ('b', 'c', 'tie');
SELECT kind, status FROM bixarena_rank_terms('near', 10, tie_model => 'davidson');
SELECT kind, status FROM bixarena_rank_terms('near', 10, tie_model => 'davidson', prior_battles => 1);
-- where a replicate does not bound it, its bound is open
SELECT kind, estimate_q025, estimate_q975 FROM bixarena_rank_terms('few', tie_model => 'davidson');

-- of battles with few ties some replicates have none; then the odds of ties are 0
CREATE TABLE rare AS SELECT 'a' AS model1, 'b' AS model2, CASE WHEN n <= 2 THEN 'tie' WHEN n % 2 = 0 THEN 'model1' ELSE 'model2' END AS outcome
FROM generate_series(1, 100) AS n;
SELECT estimate_q025, estimate_q975 < -2 AS bounded FROM bixarena_rank_terms('rare', tie_model => 'davidson');
-- where nothing varies, nothing is far from 0
CREATE TABLE level AS SELECT 'p' || n % 3 AS model1, 'p' || (n + 1 + n % 2) % 3 AS model2, 'tie' AS outcome, n % 4 AS voter FROM generate_series(1, 60) AS n;
SELECT estimate, standard_error, p_value FROM bixarena_rank_terms('level', 10, adjust_position => true, voter => 'voter');
SELECT estimate, standard_error, p_value FROM bixarena_rank_terms('level', 10, adjust_position => true);

-- covariates that the battles do not bound: found before the fit, and named.  Whoever is
-- longer wins; or by two together; or some battles alone say anything of it
CREATE TABLE settled AS SELECT model1, model2, outcome, x + CASE outcome WHEN 'model1' THEN 3 ELSE -3 END AS longer,
	x, x - CASE outcome WHEN 'model1' THEN 3 ELSE -3 END AS less, CASE WHEN n < 3 AND outcome = 'model1' THEN 1 ELSE 0 END AS seldom
FROM (SELECT 'm' || n % 3 AS model1, 'm' || (n + 1 + n % 2) % 3 AS model2,
		CASE WHEN n * 7 % 5 < 3 THEN 'model1' ELSE 'model2' END AS outcome, n * 11 % 7 - 3 AS x, n FROM generate_series(0, 99) AS n) AS v;
SELECT bixarena_rank('settled', covariates => '{longer}');
SELECT bixarena_rank('settled', covariates => '{x,less}', adjust_position => true);
SELECT bixarena_rank('settled', covariates => '{x,seldom}');
SELECT bixarena_rank('settled', covariates => '{x,seldom}', prior_battles => 1);
SELECT kind, covariate, status FROM bixarena_rank_terms('settled', 10, covariates => '{x}');
-- ... with ties: only where x is 0
CREATE TABLE even AS SELECT * FROM settled UNION ALL SELECT 'm0', 'm1', 'tie', 0, 0, 0, 0;
SELECT bixarena_rank('even', covariates => '{longer}', tie_model => 'davidson');
SELECT bixarena_rank('even', covariates => '{longer}');
SELECT kind, status FROM bixarena_rank_terms('even', 10, covariates => '{x}', tie_model => 'davidson');
-- position that cannot be told is left out beside covariates, too
CREATE TABLE in_order AS SELECT least(model1, model2) AS model1, greatest(model1, model2) AS model2, outcome, x FROM settled
WHERE least(model1, model2) <> 'm0' OR greatest(model1, model2) <> 'm2';
SELECT kind, covariate, status FROM bixarena_rank_terms('in_order', 10, covariates => '{x}', adjust_position => true);
-- a replicate that does not bound the covariate keeps ties a chance of their own, and so
-- the scale
CREATE TABLE told AS SELECT v.*, CASE WHEN number = 1 THEN 1 WHEN number = 2 THEN -1 ELSE 0 END AS once
FROM (SELECT model1, model2, outcome, row_number() OVER (PARTITION BY outcome = 'tie' ORDER BY model1, model2, outcome, sweeter)
	+ CASE WHEN outcome = 'tie' THEN 1000 ELSE 0 END AS number FROM votes, generate_series(1, 4)) AS v;
SELECT count(*) AS models, avg((a.bootstrap_q975 - a.bootstrap_q025) / (b.bootstrap_q975 - b.bootstrap_q025)) > 0.95 AS as_wide
FROM bixarena_rank('told', 400, tie_model => 'davidson', adjust_position => true, covariates => '{once}') AS a
JOIN bixarena_rank('told', 400, tie_model => 'davidson', adjust_position => true) AS b USING (model);
SELECT kind, estimate_q025, estimate_q975
FROM bixarena_rank_terms('told', 100, tie_model => 'davidson', covariates => '{once}') WHERE kind = 'covariate';

-- models that hang by a thread: without more than strengths they can be placed
CREATE TABLE threads (model1 text, model2 text, outcome text, n bigint);
INSERT INTO threads SELECT m.a, m.b, o, m.n FROM (VALUES ('a', 'b', 1::bigint << 45), ('c', 'd', 1::bigint << 45), ('b', 'c', 1)) AS m (a, b, n),
	unnest('{model1,model2,tie}'::text[]) AS o;
SELECT bixarena_rank('threads', 10, num_battles => 'n', tie_model => 'davidson');
SELECT count(*) FROM bixarena_rank('threads', 10, num_battles => 'n');

--
-- An arena
--

SELECT bixarena_create_arena('arena');
INSERT INTO arena.model (slug, name) SELECT 'p' || n, 'Pudding ' || n FROM generate_series(1, 6) AS n;
CREATE TABLE arena.vote AS SELECT gen_random_uuid() AS battle_id, a.id AS model1_id, b.id AS model2_id, v.outcome,
	format('00000000-0000-0000-0000-%s', lpad(v.taster::text, 12, '0'))::uuid AS voter_id,
	now() - interval '1 hour' AS created_at, v.sweeter, v.colder
FROM votes AS v JOIN arena.model AS a ON a.slug = v.model1 JOIN arena.model AS b ON b.slug = v.model2;
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle AS SELECT 'overall'::text AS leaderboard, v.* FROM arena.vote AS v;
-- a kept tally says who stood first, too
SELECT bixarena_keep_tally('arena', sources => '{"arena.vote": "battle_id"}');

SELECT status FROM bixarena_generate_snapshot('overall', 100) AS r;
SELECT snapshot_identifier AS plain FROM bixarena.run \gset
SELECT * FROM bixarena_leaderboard_terms('overall');
SELECT round(points::numeric, 4) AS points, status FROM bixarena_leaderboard_position('overall');
SELECT bixarena_configure('adjust_position', 'true');
SELECT bixarena_configure('tie_model', 'davidson');
SELECT bixarena_configure('tie_model', 'rao');
SELECT bixarena_configure('covariates', '{sweeter,sweeter}');
SELECT setting, value FROM bixarena_settings('overall') WHERE setting IN ('adjust_position', 'tie_model', 'covariates');
SELECT pg_sleep(1);
SELECT status FROM bixarena_generate_snapshot('overall', 100) AS r;
-- as of the relation
SELECT count(*) AS same FROM (SELECT slug, bootstrap_q975::float8 FROM bixarena_leaderboard('overall')
	INTERSECT SELECT model, bootstrap_q975 FROM bixarena_rank('votes', 100, adjust_position => true, tie_model => 'davidson')) AS r;
SELECT count(*) AS same FROM (SELECT * FROM bixarena_leaderboard_terms('overall')
	INTERSECT SELECT * FROM bixarena_rank_terms('votes', 100, adjust_position => true, tie_model => 'davidson')) AS r;
SELECT bixarena_leaderboard_position('overall') = bixarena_rank_position('votes', tie_model => 'davidson') AS same;
SELECT count(*) AS same FROM (SELECT least(slug1, slug2), greatest(slug1, slug2), predicted_ties::numeric(9,3), fit_p_value::numeric(9,5) FROM bixarena_matchups('overall')
	INTERSECT SELECT model1, model2, predicted_ties::numeric(9,3), fit_p_value::numeric(9,5)
	FROM bixarena_rank_matchups('votes', 10, adjust_position => true, tie_model => 'davidson')) AS r;
SELECT parameters - 'as_of' AS parameters FROM bixarena.run ORDER BY started_at DESC LIMIT 1;
-- the plain snapshot still predicts as it did
SELECT count(predicted_share) AS shares, count(predicted_ties) AS ties FROM bixarena_matchups('overall', :'plain');
SELECT DISTINCT snapshot_before = :'plain' AS compared FROM bixarena_compare_snapshots('overall', :'plain');
SELECT unnest(regexp_match(bixarena_report('overall'), '<dt>Standing first is worth</dt><dd>([^<]*)</dd><dt>Ties</dt><dd>([^<]*)</dd>')) AS report;
SELECT (regexp_match(bixarena_report('overall'), 'scores, (a tie being.*?)</p>'))[1] AS report;

-- how far to trust it is told of strengths alone, and that this is so
SELECT soundness ->> 'by_strengths_alone' AS alone, soundness #>> '{fit,degrees_of_freedom}' AS df, soundness #>> '{lead,battles}' AS battles
FROM bixarena.run ORDER BY started_at;
SELECT (regexp_match(bixarena_report('overall'), '<h2>How far to trust it</h2>(.*?)</section'))[1] AS report;
SELECT count(*) > 0 AS told FROM bixarena_leaderboard_robustness('overall');
SELECT count(*) > 0 AS told FROM bixarena_leaderboard_next_battles('overall');

-- a term that was left out makes another model of the same settings
SELECT snapshot_identifier AS fitted FROM bixarena_leaderboard('overall') LIMIT 1 \gset
BEGIN;
DELETE FROM arena.vote WHERE outcome = 'tie';
SELECT pg_sleep(1);
SELECT status FROM bixarena_generate_snapshot('overall', 100) AS r;
SELECT count(*) AS models FROM bixarena_compare_snapshots('overall', :'fitted');
ROLLBACK;

-- covariates need battles of the arena's own, and a kept tally is not asked
SELECT bixarena_configure('covariates', '{sweeter,colder}');
SELECT bixarena_configure('cluster_by_voter', 'true');
SELECT status FROM bixarena_generate_snapshot('overall', 100) AS r;
SELECT count(*) AS same FROM (SELECT kind, covariate, estimate_q025 FROM bixarena_leaderboard_terms('overall')
	INTERSECT SELECT kind, covariate, estimate_q025 FROM bixarena_rank_terms('votes', 100, voter => 'taster', adjust_position => true,
		tie_model => 'davidson', covariates => '{sweeter,colder}')) AS r;
SELECT count(predicted_share) AS shares, count(fit_p_value) AS tests FROM bixarena_matchups('overall');
SELECT (regexp_match(bixarena_report('overall'), '<dt>Adjusted for</dt><dd>([^<]*)</dd>'))[1] AS report;
CALL bixarena_generate_snapshots();
SELECT bixarena_configure('covariates', '{bitter}');
SELECT bixarena_generate_snapshot('overall');
SELECT bixarena_drop_tally('arena');
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_tally AS SELECT 'overall'::text AS leaderboard, model1_id, model2_id, outcome, count(*) AS battles FROM arena.vote GROUP BY 1, 2, 3, 4;
SELECT bixarena_configure('cluster_by_voter', 'false');
SELECT bixarena_generate_snapshot('overall');
-- a tally of the arena's own says who stood first
SELECT bixarena_configure('covariates', NULL);
SELECT status FROM bixarena_generate_snapshot('overall', 100) AS r;
SELECT count(*) AS same FROM (SELECT slug, bootstrap_q975::float8 FROM bixarena_leaderboard('overall')
	INTERSECT SELECT model, bootstrap_q975 FROM bixarena_rank('votes', 100, adjust_position => true, tie_model => 'davidson')) AS r;

SET client_min_messages = warning;
DROP SCHEMA arena CASCADE;
DROP EXTENSION bixarena_rank CASCADE;
DROP TABLE votes, games, shuffled, many, few, near, rare, settled, level, even, in_order, told, threads CASCADE;
