-- bixarena_simulate_battles(): the same battles for the same seed, marked as
-- simulated, never mixed with real ones, and such that a ranking finds the
-- strengths again.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('one'), bixarena_create_arena('two'), bixarena_create_arena('three');

SELECT bixarena_simulate_battles(5000, 6, categories => '{code,math,law}', seed => 7, arena => 'one');
SELECT bixarena_simulate_battles(5000, 6, categories => '{code,math,law}', seed => 7, arena => 'two');
SELECT bixarena_simulate_battles(5000, 6, categories => '{code,math,law}', seed => 8, arena => 'three');
-- by the seed alone
CREATE FUNCTION content(arena text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	digest text;
BEGIN
	EXECUTE format('SELECT md5(string_agg(b, '', '' ORDER BY b)) FROM (
		SELECT format(''%%s %%s %%s %%s %%s'', a.slug, b.slug, outcome, voter_id, categories) AS b
		FROM %1$I.battle JOIN %1$I.model AS a ON a.id = model1_id
		JOIN %1$I.model AS b ON b.id = model2_id) AS c', arena) INTO digest;
	RETURN digest;
END
$$;
SELECT content('one') = content('two') AS same, content('one') <> content('three') AS other;
SELECT (SELECT array_agg(description ORDER BY slug) FROM one.model)
	= (SELECT array_agg(description ORDER BY slug) FROM two.model) AS same_strengths;

-- marked, and sound
SELECT slug, name, organization, license, description ~ E'^simulated with a score of \\d+\\.\\d{3} points$' AS told
FROM one.model ORDER BY slug;
SELECT count(*) AS battles, count(DISTINCT voter_id) AS voters, bool_and(model1_id <> model2_id) AS two_models,
	count(DISTINCT (model1_id, model2_id)) AS pairs, bool_and(voter_id::text ~ '^5157a7ed-') AS marked,
	bool_and(created_at BETWEEN now() - interval '30 days 1 hour' AND now()) AS within_period,
	count(*) FILTER (WHERE outcome = 'tie') / 5000.0 BETWEEN 0.17 AND 0.21 AS tie_share
FROM one.battle;
-- about a quarter has no category, the others up to three
SELECT cardinality(categories) AS categories, round(count(*) / 5000.0, 1) AS share
FROM one.battle GROUP BY 1 ORDER BY 1;
SELECT slug, name FROM one.leaderboard ORDER BY slug;
SELECT leaderboard, round(count(*) / 5000.0, 1) AS share FROM one.leaderboard_battle
GROUP BY leaderboard ORDER BY leaderboard;

-- a share of ties, none and all; one voter; a short period
SET client_min_messages = warning;
DROP SCHEMA two, three CASCADE;
SELECT bixarena_create_arena('two'), bixarena_create_arena('three');
SELECT bixarena_simulate_battles(4000, scores => '{1000,1000}', tie_share => 0, num_voters => 1,
	period => '1 hour', arena => 'two');
SELECT bixarena_simulate_battles(4000, scores => '{1000,1000}', tie_share => 1, arena => 'three');
SELECT round(avg((outcome = 'model1')::int), 1) AS first, round(avg((outcome = 'tie')::int), 1) AS tie,
	count(DISTINCT voter_id) AS voters, min(created_at) >= now() - interval '2 hours' AS recent
FROM two.battle;
SELECT outcome, count(*) FROM three.battle GROUP BY 1;

-- given strengths are found again, ties or not, within about the interval
DROP SCHEMA two, three CASCADE;
SELECT bixarena_create_arena('two');
SELECT bixarena_simulate_battles(20000, scores => '{1300,1200,1150,1000,980,900,850,620}', tie_share => 0.3,
	seed => 3, arena => 'two');
SELECT status FROM bixarena_generate_snapshot('overall', 500, arena => 'two');
SELECT slug, rank, abs(bt_score - truth) < 15 AS near,
	truth BETWEEN bootstrap_q025 - 3 AND bootstrap_q975 + 3 AS inside,
	bootstrap_q975 - bootstrap_q025 BETWEEN 10 AND 40 AS width
FROM bixarena_leaderboard('overall', arena => 'two')
JOIN (VALUES ('simulated-0001', 1300), ('simulated-0002', 1200), ('simulated-0003', 1150),
	('simulated-0004', 1000), ('simulated-0005', 980), ('simulated-0006', 900),
	('simulated-0007', 850), ('simulated-0008', 620)) AS t (slug, truth) USING (slug)
ORDER BY slug;
RESET client_min_messages;

-- further battles join the earlier ones
SELECT bixarena_simulate_battles(100, 6, seed => 9, arena => 'one');
SELECT (SELECT count(*) FROM one.model) AS models, (SELECT count(*) FROM one.battle) AS battles;
-- drawn strengths spread by 150 points
SELECT count(*), abs(avg(s) - 1000) < 15 AS mean, stddev(s) BETWEEN 140 AND 160 AS deviation,
	count(DISTINCT s) AS different
FROM unnest(bixarena.simulate_scores(2000, 0)) AS s;

-- real models or an attached schema: never
INSERT INTO one.model (slug, name) VALUES ('real', 'Real');
SELECT bixarena_simulate_battles(arena => 'one');
CREATE SCHEMA attached;
CREATE TABLE attached.model (LIKE one.model INCLUDING ALL);
CREATE TABLE attached.leaderboard (LIKE one.leaderboard INCLUDING ALL);
CREATE TABLE attached.leaderboard_snapshot (LIKE one.leaderboard_snapshot INCLUDING ALL);
CREATE TABLE attached.leaderboard_entry (LIKE one.leaderboard_entry INCLUDING ALL);
CREATE TABLE attached.battle (id uuid, model1_id uuid, model2_id uuid, user_id uuid);
CREATE TABLE attached.battle_evaluation (battle_id uuid, outcome text, created_at timestamptz);
SELECT bixarena_attach_arena('attached');
SELECT bixarena_simulate_battles(arena => 'attached');

-- arguments
SELECT bixarena_simulate_battles(0, arena => 'two');
SELECT bixarena_simulate_battles(100000001, arena => 'two');
SELECT bixarena_simulate_battles(10, 1, arena => 'two');
SELECT bixarena_simulate_battles(10, 2001, arena => 'two');
SELECT bixarena_simulate_battles(10, scores => '{1000}', arena => 'two');
SELECT bixarena_simulate_battles(10, scores => '{}', arena => 'two');
SELECT bixarena_simulate_battles(10, scores => '{1000,NaN}', arena => 'two');
SELECT bixarena_simulate_battles(10, scores => '{1000,Infinity}', arena => 'two');
SELECT bixarena_simulate_battles(10, scores => ARRAY[1000, NULL], arena => 'two');
SELECT bixarena_simulate_battles(10, scores => '{{1,2},{3,4}}', arena => 'two');
SELECT bixarena_simulate_battles(10, tie_share => 1.01, arena => 'two');
SELECT bixarena_simulate_battles(10, tie_share => 'NaN', arena => 'two');
SELECT bixarena_simulate_battles(10, num_voters => 0, arena => 'two');
SELECT bixarena_simulate_battles(10, period => '-1 day', arena => 'two');
SELECT bixarena_simulate_battles(NULL, arena => 'two');
SELECT bixarena_simulate_battles(10, categories => NULL, arena => 'two');
SELECT bixarena_simulate_battles(10, arena => 'elsewhere');
-- the functions beneath, which anybody may call
CREATE FUNCTION refused(query text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN false;
EXCEPTION WHEN data_exception OR program_limit_exceeded OR internal_error THEN
	RETURN true;
END
$$;
SELECT q AS query, refused('SELECT * FROM bixarena.' || q)
FROM unnest(ARRAY['simulate_draws(1, ''{}'', 0, 1, 0)', 'simulate_draws(1, ''{1}'', 0, 1, 0)',
	'simulate_draws(1, ARRAY[1, NULL], 0, 1, 0)',
	'simulate_scores(-1, 0)', 'simulate_scores(2147483647, 0)']) AS q;
-- and not by anybody
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT bixarena_simulate_battles(10, arena => 'two');
RESET ROLE;

SET client_min_messages = warning;
DROP ROLE regress_nobody;
DROP FUNCTION content, refused;
DROP SCHEMA IF EXISTS one, two, attached CASCADE;
DROP EXTENSION bixarena_rank;
