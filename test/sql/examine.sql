-- How far a ranking can be leaned on: the battles that carry a lead, the voters who move
-- it, whether the model holds, and which battles would tell more; of relations, tallies
-- and arenas.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set puddings :source '/include/puddings.sql'
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
RESET client_min_messages;

\i :puddings
-- chocolate puddings (Davidson 1970), ten times over; each combination of pair and
-- outcome is of one of seven tasters
CREATE TABLE votes AS
SELECT 'p' || model1 AS model1, 'p' || model2 AS model2, outcome,
	(3 * number + array_position('{model1,model2,tie}', outcome) - 4) % 7 AS taster
FROM puddings,
	LATERAL (VALUES ('model1', wins), ('model2', losses), ('tie', ties)) AS o (outcome, n),
	generate_series(1, 10 * o.n);
CREATE TABLE tallies AS SELECT bixarena_tally(model1, model2, outcome) AS tally FROM votes;
CREATE VIEW counted AS SELECT model1 AS a, model2 AS b, outcome AS o, count(*) AS n FROM votes GROUP BY 1, 2, 3;
CREATE TABLE none (model1 text, model2 text, outcome text, voter int);
-- two models that nothing compares
CREATE TABLE apart AS SELECT 'a' AS model1, 'b' AS model2, 'model1' AS outcome, 1 AS voter;

--
-- How many battles carry a lead
--

-- the numbers are known
SELECT rank, leader, rival, round(points::numeric, 3) AS points, battles, round(share::numeric, 5) AS share,
	round(points_after::numeric, 3) AS after
FROM bixarena_rank_robustness('votes', true);
-- of the first one, unless all are asked for
CREATE VIEW first_lead AS SELECT * FROM bixarena_rank_robustness('votes');
SELECT rank, leader, rival, battles FROM first_lead;
-- the same of counts and of a tally
SELECT count(*) FROM tallies, LATERAL (
	SELECT * FROM bixarena_rank_robustness_tally(tally, true)
	INTERSECT SELECT * FROM bixarena_rank_robustness('votes', true)
	INTERSECT SELECT * FROM bixarena_rank_robustness('counted', true, model1 => 'a', model2 => 'b',
		outcome => 'o', num_battles => 'n')) AS d;
-- with a prior it takes other scores; a model of few battles has no rank
SELECT points < (SELECT points FROM first_lead) AS closer FROM bixarena_rank_robustness('votes', prior_battles => 100);
SELECT count(*) FROM bixarena_rank_robustness('votes', true, min_evaluations => 2500);
-- battles whose loss leaves nothing to compare are no answer
CREATE TABLE thread (model1 text, model2 text, outcome text);
INSERT INTO thread VALUES ('a', 'b', 'model1'), ('a', 'b', 'model1'), ('a', 'b', 'model2');
SELECT leader, rival, battles, share, points_after FROM bixarena_rank_robustness('thread');
-- the battle that adds most is one without which two cannot be compared: another is found
CREATE TABLE bridge (model1 text, model2 text, outcome text);
INSERT INTO bridge VALUES ('b', 'c', 'model2'), ('a', 'b', 'model1'), ('a', 'b', 'model1'), ('a', 'b', 'model2'), ('b', 'c', 'tie');
SELECT leader, rival, round(points) AS points, battles, round(points_after) AS after FROM bixarena_rank_robustness('bridge', true);
SELECT count(*) FROM bixarena_rank_robustness('apart', true);
SELECT bixarena_rank_robustness('votes', NULL);
SELECT bixarena_rank_robustness(NULL);
SELECT bixarena_rank_robustness('votes', min_evaluations => NULL);
SELECT bixarena_rank_robustness('votes', prior_battles => NULL);
SELECT bixarena_rank_robustness('votes', outcome => NULL);
SELECT bixarena_rank_robustness('none');
SELECT bixarena_rank_robustness_tally(NULL);

--
-- The voters who move scores most
--

SELECT voter, battles, round(points::numeric, 3) AS points, raised, round(raised_points::numeric, 3) AS up,
	lowered, round(lowered_points::numeric, 3) AS down, round(lead_points::numeric, 3) AS lead
FROM bixarena_rank_voters('votes', 'taster');
-- all together they move nothing: they are the scores
SELECT count(*), abs(sum(lead_points)) < 1e-5 AS nothing FROM bixarena_rank_voters('votes', 'taster', 100);
-- whatever their type, and in whatever order rows come
CREATE TABLE shuffled AS SELECT model1, model2, outcome, 'taster ' || taster AS name,
	format('00000000-0000-0000-0000-%s', lpad(taster::text, 12, '0'))::uuid AS id FROM votes ORDER BY md5(ctid::text);
SELECT n.voter AS name, right(i.voter, 2) AS id, n.points = i.points AS same
FROM bixarena_rank_voters('shuffled', 'name', 3) AS n
JOIN bixarena_rank_voters('shuffled', 'id', 3) AS i ON right(i.voter, 1) = right(n.voter, 1) ORDER BY n.points DESC;
-- battles without a voter count, but nobody cast them; also one voter is a voter
CREATE VIEW half AS SELECT model1, model2, outcome, nullif(taster, 3) AS taster FROM votes;
SELECT voter, battles FROM bixarena_rank_voters('half', 'taster') ORDER BY voter;
CREATE VIEW one AS SELECT model1, model2, outcome, 'me' AS voter FROM votes;
SELECT voter, battles, abs(points) < 1e-5 AS moves_nothing FROM bixarena_rank_voters('one', 'voter');
SELECT count(*) FROM bixarena_rank_voters('apart', 'voter');
SELECT bixarena_rank_voters('votes', NULL);
SELECT bixarena_rank_voters('votes', 'nobody');
SELECT bixarena_rank_voters('votes', 'taster', 0);
SELECT bixarena_rank_voters('votes', 'taster', NULL);
SELECT bixarena_rank_voters('none', 'voter');
CREATE TABLE many AS SELECT 'p' || 1 + n % 2 AS model1, 'p' || 3 AS model2,
	(ARRAY['model1', 'model2', 'tie'])[1 + n % 3] AS outcome, repeat(md5(n::text), 2) AS voter FROM generate_series(1, 20000) AS n;
SET maintenance_work_mem = '1MB';
SELECT bixarena_rank_voters('many', 'voter');
RESET maintenance_work_mem;
SELECT count(*) FROM bixarena_rank_voters('many', 'voter', 10000);

--
-- Does the model hold?
--

SELECT models, pairs, battles, round(deviance::numeric, 5) AS deviance, degrees_of_freedom AS df,
	round(expected_deviance::numeric, 5) AS expected, round(p_value::numeric, 9) AS p, by_replicates, round(excess::numeric, 5) AS excess,
	cycles, expected_cycles > 1 AS some_by_chance, cycles_p_value > 0.05 AS no_more
FROM bixarena_rank_fit('votes');
-- a circle of three, which no scores describe
CREATE TABLE circle AS SELECT m.a AS model1, m.b AS model2, m.o AS outcome
FROM (VALUES ('rock', 'scissors', 'model1', 9), ('scissors', 'paper', 'model1', 9), ('paper', 'rock', 'model1', 9),
	('rock', 'scissors', 'model2', 1), ('scissors', 'paper', 'model2', 1), ('paper', 'rock', 'model2', 1)) AS m (a, b, o, n),
	generate_series(1, m.n);
SELECT models, degrees_of_freedom AS df, p_value < 0.001 AS fails, by_replicates, round(excess::numeric, 2) AS excess,
	cycles, expected_cycles < 0.5 AS seldom
FROM bixarena_rank_fit('circle');
-- with fewer battles these are fought again; no share of replicates is nought
CREATE VIEW small_circle AS SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY model1, outcome) AS n FROM circle) AS c WHERE n <= 7;
SELECT by_replicates, p_value * 201 AS of_two_hundred FROM bixarena_rank_fit('small_circle');
-- few battles are fought again, which a seed repeats
CREATE VIEW few AS SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY model1, model2, outcome) AS n FROM votes) AS v WHERE n <= 2;
SELECT by_replicates, p_value > 0.5 AS holds, p_value = (SELECT p_value FROM bixarena_rank_fit('few', 50, 1)) AS same,
	abs(p_value * 51 - round(p_value * 51)) < 1e-9 AS of_fifty
FROM bixarena_rank_fit('few', 50, 1);
SELECT f = e AS same FROM tallies, LATERAL bixarena_rank_fit_tally(tally) AS f, bixarena_rank_fit('votes') AS e;
-- nothing to test
SELECT * FROM bixarena_rank_fit('apart');
SELECT models, pairs, battles, deviance, p_value FROM bixarena_rank_fit('thread');
SELECT bixarena_rank_fit('votes', 9);
SELECT bixarena_rank_fit('votes', NULL);
SELECT bixarena_rank_fit('votes', seed => NULL);

-- the pairs that fit worst, the model that took more than was predicted first
SELECT model1, model2, battles, round(observed_share::numeric, 4) AS observed,
	round(predicted_share::numeric, 4) AS predicted, round(deviations::numeric, 4) AS deviations
FROM bixarena_rank_misfits('votes', 3);
SELECT count(*) AS all, bool_and(observed_share >= predicted_share) AS more FROM bixarena_rank_misfits('votes', 100);
SELECT count(*) FROM tallies, LATERAL (SELECT * FROM bixarena_rank_misfits_tally(tally)
	INTERSECT SELECT * FROM bixarena_rank_misfits('votes')) AS d;
SELECT count(*) FROM bixarena_rank_misfits('apart');
SELECT bixarena_rank_misfits('votes', 10001);

--
-- Which battle next?
--

SELECT goal, count(*), round(sum(probability)::numeric, 9) AS total,
	bool_and(probability > 0) AS all_possible, min(battles) > 400 AS met
FROM unnest('{scores,top,ranks}'::text[]) AS goal, LATERAL bixarena_rank_next_battles('votes', 100, goal) GROUP BY goal ORDER BY goal;
-- who is first is a matter of the first and who may be it
SELECT model1, model2, round(probability::numeric, 3) AS probability, battles, round(predicted_share::numeric, 3) AS share
FROM bixarena_rank_next_battles('votes', 3, 'top');
-- who cannot be placed yet takes part
INSERT INTO votes VALUES ('p7', 'p1', 'model1', 1);
SELECT count(*) FILTER (WHERE 'p7' IN (model1, model2)) AS of_newcomer FROM bixarena_rank_next_battles('votes', 6);
SELECT count(*) FROM bixarena_rank_next_battles('votes', 100, prior_battles => 0);
SELECT count(*) FROM bixarena_rank_next_battles('apart', prior_battles => 0);
SELECT model1, model2, probability FROM bixarena_rank_next_battles('apart');
DELETE FROM votes WHERE model1 = 'p7';
SELECT count(*) FROM tallies, LATERAL (SELECT * FROM bixarena_rank_next_battles_tally(tally, goal => 'ranks')
	INTERSECT SELECT * FROM bixarena_rank_next_battles('votes', goal => 'ranks')) AS d;
SELECT bixarena_rank_next_battles('votes', goal => 'fun');
SELECT bixarena_rank_next_battles('votes', goal => NULL);
SELECT bixarena_rank_next_battles('votes', -1);

--
-- The same of an arena
--

SELECT bixarena_create_arena('arena');
INSERT INTO arena.model (slug, name) SELECT 'p' || n, 'Pudding <' || n || '>' FROM generate_series(1, 6) AS n;
INSERT INTO arena.battle (model1_id, model2_id, outcome, voter_id, created_at)
SELECT a.id, b.id, outcome, format('00000000-0000-0000-0000-%s', lpad(taster::text, 12, '0'))::uuid,
	now() - interval '1 hour'
FROM votes JOIN arena.model AS a ON a.slug = model1 JOIN arena.model AS b ON b.slug = model2;
SELECT status FROM bixarena_generate_snapshot('overall');
CREATE FUNCTION same_as_votes(snapshot text DEFAULT NULL) RETURNS TABLE (leads bigint, pulls bigint, fit boolean, misfits bigint)
LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM (SELECT * FROM bixarena_leaderboard_robustness('overall', true, snapshot)
			INTERSECT SELECT * FROM bixarena_rank_robustness('votes', true)) AS d),
		(SELECT count(*) FROM (SELECT right(voter, 1), battles, points, raised, lowered, lead_points
			FROM bixarena_leaderboard_voters('overall', snapshot_identifier => snapshot)
			INTERSECT SELECT voter, battles, points, raised, lowered, lead_points FROM bixarena_rank_voters('votes', 'taster')) AS d),
		(SELECT f = e FROM bixarena_leaderboard_fit('overall', snapshot) AS f, bixarena_rank_fit('votes') AS e),
		(SELECT count(*) FROM (SELECT * FROM bixarena_leaderboard_misfits('overall', snapshot_identifier => snapshot)
			INTERSECT SELECT * FROM bixarena_rank_misfits('votes')) AS d)
$$;
SELECT * FROM same_as_votes();
SELECT count(*) FROM (SELECT * FROM bixarena_leaderboard_next_battles('overall', goal => 'top')
	INTERSECT SELECT * FROM bixarena_rank_next_battles('votes', goal => 'top')) AS d;

-- what was found when the snapshot was made is on record, and in the report
SELECT l.slug AS leader, r.slug AS rival, soundness #>> '{lead,battles}' AS battles, soundness #>> '{lead,share}' AS share,
	soundness #>> '{fit,deviance}' AS deviance, soundness #>> '{fit,p_value}' AS p, soundness #>> '{fit,excess}' AS excess,
	w.slug AS worst, soundness #>> '{fit,worst,battles}' AS worst_battles
FROM bixarena.run JOIN arena.model AS l ON l.id::text = soundness #>> '{lead,leader}'
JOIN arena.model AS r ON r.id::text = soundness #>> '{lead,rival}'
JOIN arena.model AS w ON w.id::text = soundness #>> '{fit,worst,model1}';
CREATE FUNCTION trust(slug text) RETURNS text LANGUAGE sql AS $$
	SELECT (regexp_match(bixarena_report(slug), '<h2>How far to trust it</h2>(.*?)</section'))[1]
$$;
SELECT trust('overall');

-- battles that came after the snapshot do not change it, but the next battles
SELECT snapshot_identifier AS first FROM bixarena_leaderboard('overall') LIMIT 1 \gset
INSERT INTO arena.battle (model1_id, model2_id, outcome, created_at)
SELECT a.id, b.id, 'model1', now() + interval '1 second'
FROM arena.model AS a, arena.model AS b, generate_series(1, 100) WHERE a.slug = 'p1' AND b.slug = 'p6';
SELECT * FROM same_as_votes(:'first');
SELECT battles FROM bixarena_leaderboard_next_battles('overall', 100) WHERE (model1, model2) = ('p1', 'p6');

-- a leaderboard that the model describes; one whose first place one battle carries
INSERT INTO arena.leaderboard (slug, name) VALUES ('even', 'Even');
ALTER VIEW arena.leaderboard_battle RENAME TO all_battles;
CREATE VIEW arena.leaderboard_battle AS TABLE arena.all_battles
UNION ALL
SELECT 'even', a.id, b.id, o, NULL, now() - interval '1 hour', gen_random_uuid()
FROM arena.model AS a JOIN arena.model AS b ON a.slug < b.slug,
	(VALUES ('model1', 10), ('model2', 10)) AS v (o, n), generate_series(1, v.n + (a.slug = 'p1' AND o = 'model1')::int);
SELECT status FROM bixarena_generate_snapshot('even');
SELECT trust('even');
SELECT battles, leader FROM bixarena_leaderboard_robustness('even');

-- who may read results need not be able to read battles, nor the record
CREATE ROLE regress_bixarena_examine;
GRANT USAGE ON SCHEMA arena TO regress_bixarena_examine;
GRANT SELECT ON arena.leaderboard, arena.model, arena.leaderboard_snapshot, arena.leaderboard_entry TO regress_bixarena_examine;
SET ROLE regress_bixarena_examine;
SELECT bixarena_leaderboard_robustness('overall');
SELECT bixarena_leaderboard_voters('overall');
SELECT bixarena_leaderboard_fit('overall');
SELECT bixarena_leaderboard_misfits('overall');
SELECT bixarena_leaderboard_next_battles('overall');
SELECT trust('overall') IS NULL AS no_record;
RESET ROLE;

-- settings count: models of few battles, and a prior
SELECT bixarena_configure('min_evaluations', '2500'), bixarena_configure('prior_battles', '100');
SELECT count(*) FROM (SELECT * FROM bixarena_leaderboard_robustness('overall', true, :'first')
	INTERSECT SELECT * FROM bixarena_rank_robustness('votes', true, 2500, 100)) AS d;

-- errors
SELECT bixarena_leaderboard_robustness('overall', NULL);
SELECT bixarena_leaderboard_robustness('nowhere');
SELECT bixarena_leaderboard_robustness(NULL);
SELECT bixarena_leaderboard_voters('overall', 0);
SELECT bixarena_leaderboard_misfits('overall', NULL);
SELECT bixarena_leaderboard_next_battles('overall', goal => 'luck');
SELECT bixarena_leaderboard_next_battles('nowhere');
SELECT bixarena_leaderboard_next_battles(NULL);
-- nothing says who voted
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle AS SELECT leaderboard, model1_id, model2_id, outcome, created_at FROM arena.all_battles;
SELECT bixarena_leaderboard_voters('overall');

SET client_min_messages = warning;
DROP SCHEMA arena CASCADE;
DROP OWNED BY regress_bixarena_examine;
DROP ROLE regress_bixarena_examine;
DROP FUNCTION same_as_votes, trust;
DROP TABLE votes, tallies, none, apart, thread, bridge, shuffled, many, circle CASCADE;
DROP EXTENSION bixarena_rank;
