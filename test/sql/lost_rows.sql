-- What a snapshot says it stored is stored, and only models that battled are
-- ranked: rows swallowed by a trigger are an error, models left without a battle
-- are no models of the leaderboard.
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('lossy');
SELECT bixarena_simulate_battles(1000, 5);

CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER swallow BEFORE INSERT ON lossy.leaderboard_entry
	FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT status FROM bixarena_generate_snapshot('overall', 10);
DROP TRIGGER swallow ON lossy.leaderboard_entry;

CREATE TRIGGER swallow BEFORE INSERT ON lossy.leaderboard_snapshot
	FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT status FROM bixarena_generate_snapshot('overall', 10);
DROP TRIGGER swallow ON lossy.leaderboard_snapshot;

-- so are statements that a rule turns into nothing, or into others
CREATE RULE swallow AS ON INSERT TO lossy.leaderboard_entry DO INSTEAD NOTHING;
SELECT status FROM bixarena_generate_snapshot('overall', 10);
CREATE OR REPLACE RULE swallow AS ON INSERT TO lossy.leaderboard_entry DO INSTEAD
	UPDATE lossy.model SET description = 'instead';
SELECT status FROM bixarena_generate_snapshot('overall', 10);
DROP RULE swallow ON lossy.leaderboard_entry;

SELECT count(*) AS snapshots, (SELECT count(*) FROM bixarena.run) AS runs
FROM lossy.leaderboard_snapshot;

-- the fourth has met only models that the arena does not know
CREATE TABLE lossy.elsewhere (leaderboard text, model1_id uuid, model2_id uuid,
	outcome text, voter_id uuid, created_at timestamptz);
INSERT INTO lossy.elsewhere
SELECT 'overall', m1.id, coalesce(m2.id, gen_random_uuid()),
	(ARRAY['model1', 'model2', 'tie'])[1 + n % 3], NULL, now()
FROM (VALUES (1, 2), (2, 3), (3, 1), (4, NULL)) AS pair (a, b)
JOIN lossy.model AS m1 ON m1.slug = 'simulated-000' || a
LEFT JOIN lossy.model AS m2 ON m2.slug = 'simulated-000' || b,
	generate_series(1, 30) AS n;
CREATE OR REPLACE VIEW lossy.leaderboard_battle AS
SELECT leaderboard, model1_id, model2_id, outcome, voter_id, created_at, NULL::uuid AS battle_id FROM lossy.elsewhere;
SELECT bixarena_configure('prior_battles', '1');
SELECT bixarena_configure('min_total_models', '3');
SELECT status, reason, entry_count, evaluation_count
FROM bixarena_generate_snapshot('overall', 10, min_evaluations => 0);
SELECT rank, slug, bt_score, vote_count FROM bixarena_leaderboard('overall');
SELECT bixarena_configure('min_total_models', '4');
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10, min_evaluations => 0);

DROP EXTENSION bixarena_rank CASCADE;
SET client_min_messages = warning;
DROP SCHEMA lossy CASCADE;
DROP FUNCTION swallow;
