-- Kept tallies of the application's schema: in each of its ages, through its
-- migrations, and of what can happen to its tables.

\set SHOW_CONTEXT never
\set VERBOSITY terse
\getenv source PG_ABS_SRCDIR
\set schema :source '/schema/bixarena.sql'
\set battles :source '/schema/battles.sql'
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
\set arena api
\o /dev/null
\i :schema
\i :battles
\o
RESET search_path;
SELECT bixarena_attach_arena('api');
SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('notify_channel', '');

CREATE FUNCTION followed(arena text DEFAULT 'api')
RETURNS TABLE (leaderboards bigint, wrong bigint, differences bigint, recounted text) LANGUAGE plpgsql AS $$
DECLARE
	before timestamptz := (SELECT s.recounted_at FROM bixarena.live_state(arena) AS s);
	wanted record;
	counted bigint;
BEGIN
	leaderboards := 0;
	wrong := 0;
	FOR wanted IN EXECUTE format('SELECT l.slug, (SELECT count(*) FROM (%s) AS q WHERE q.leaderboard = l.slug) AS battles'
		' FROM %I.leaderboard AS l WHERE l.slug IN (''overall'', ''surgery'', ''genetics'')', bixarena_battle_query(arena), arena) LOOP
		SELECT g.evaluation_count INTO counted
		FROM bixarena_generate_snapshot(wanted.slug, 10, dry_run => true, arena => followed.arena) AS g;
		leaderboards := leaderboards + 1;
		wrong := wrong + (counted IS DISTINCT FROM wanted.battles)::int;
	END LOOP;
	IF (SELECT s.lost IS NULL FROM bixarena.live_state(arena) AS s) THEN
		SELECT count(*) INTO differences FROM bixarena_verify_tally(arena);
	END IF;
	SELECT CASE WHEN s.recounted_at IS DISTINCT FROM before THEN s.recounted_why END INTO recounted
	FROM bixarena.live_state(arena) AS s;
	RETURN NEXT;
END
$$;
CREATE VIEW health AS
SELECT h.status, regexp_replace(h.message, '\d{4}-\d\d-\d\d \d\d:\d\d UTC', '<time>', 'g') AS message
FROM bixarena_health('api') AS h WHERE h.check_name = 'kept_tally';

SELECT bixarena_keep_tally();
SELECT tgrelid::regclass AS relation, string_agg(replace(tgname, 'api_live_', '') || ' ' || tgenabled::text, ', ' ORDER BY tgname) AS triggers
FROM pg_trigger WHERE tgname LIKE 'api\_live\_%' GROUP BY 1 ORDER BY 1::text;
SELECT * FROM followed();

-- a battle's whole life
INSERT INTO api.battle (id, user_id, model1_id, model2_id)
SELECT md5('life ' || n)::uuid, md5('voter')::uuid, m.a, m.b
FROM generate_series(1, 60) AS n, (SELECT min(id::text)::uuid AS a, max(id::text)::uuid AS b FROM api.model) AS m;
SELECT count(*) FROM api_live.log;
INSERT INTO api.battle_evaluation (battle_id, outcome) SELECT md5('life ' || n)::uuid, 'model1' FROM generate_series(1, 60) AS n;
SELECT * FROM followed();
INSERT INTO api.battle_validation (id, battle_id, method, confidence, is_biomedical)
SELECT md5('valid ' || n)::uuid, md5('life ' || n)::uuid, 'test', 1, n % 3 > 0 FROM generate_series(1, 60) AS n;
SELECT count(*) FROM api_live.log;
UPDATE api.battle AS b SET effective_validation_id = v.id FROM api.battle_validation AS v
WHERE v.battle_id = b.id AND v.id IN (SELECT md5('valid ' || n)::uuid FROM generate_series(1, 60) AS n);
SELECT * FROM followed();
INSERT INTO api.battle_categorization (id, battle_id, method, status)
SELECT md5('cat ' || n)::uuid, md5('life ' || n)::uuid, 'test', 'matched' FROM generate_series(1, 60) AS n;
INSERT INTO api.battle_categorization_category SELECT md5('cat ' || n)::uuid, 'surgery' FROM generate_series(1, 60) AS n;
UPDATE api.battle AS b SET effective_categorization_id = k.id FROM api.battle_categorization AS k
WHERE k.battle_id = b.id AND k.id IN (SELECT md5('cat ' || n)::uuid FROM generate_series(1, 60) AS n);
SELECT * FROM followed();
INSERT INTO api.battle_categorization_category SELECT md5('cat ' || n)::uuid, 'genetics' FROM generate_series(1, 30) AS n;
UPDATE api.battle_categorization SET status = 'failed' WHERE id = md5('cat 7')::uuid;
UPDATE api.battle_validation SET is_biomedical = NOT is_biomedical WHERE id IN (SELECT md5('valid ' || n)::uuid FROM generate_series(20, 40) AS n);
UPDATE api.battle_evaluation SET outcome = 'tie' WHERE battle_id = md5('life 9')::uuid;
SELECT * FROM followed();
-- what does not matter is not noted
UPDATE api.battle SET title = 'x', ended_at = now();
UPDATE api.battle_validation SET reason = 'x', confidence = 0.5;
UPDATE api.battle_categorization SET reason = 'x';
SELECT count(*) FROM api_live.log;
-- the effective validation is another one
INSERT INTO api.battle_validation (id, battle_id, method, confidence, is_biomedical)
SELECT md5('second ' || n)::uuid, md5('life ' || n)::uuid, 'test', 1, n % 2 = 0 FROM generate_series(1, 60) AS n;
UPDATE api.battle SET effective_validation_id = md5('second ' || 3)::uuid WHERE id = md5('life 3')::uuid;
UPDATE api.battle AS b SET effective_validation_id = v.id FROM api.battle_validation AS v
WHERE v.battle_id = b.id AND v.id IN (SELECT md5('second ' || n)::uuid FROM generate_series(10, 60) AS n);
SELECT * FROM followed();
-- another battle's
UPDATE api.battle SET effective_validation_id = md5('second 2')::uuid WHERE id IN (md5('life 4')::uuid, md5('life 5')::uuid, md5('life 6')::uuid);
SELECT * FROM followed();
UPDATE api.battle_validation SET is_biomedical = false WHERE id = md5('second 2')::uuid;
SELECT * FROM followed();
-- cascades
DELETE FROM api.battle_validation WHERE id = md5('second 2')::uuid;
DELETE FROM api.battle_categorization WHERE id = md5('cat 11')::uuid;
DELETE FROM api.battle_evaluation WHERE battle_id = md5('life 12')::uuid;
DELETE FROM api.battle WHERE id = md5('life 13')::uuid;
SELECT * FROM followed();
DELETE FROM api.model WHERE id = (SELECT max(id::text)::uuid FROM api.model);
SELECT * FROM followed();
UPDATE api.battle_categorization_category SET category = 'oncology' WHERE category = 'genetics'
	AND categorization_id NOT IN (SELECT categorization_id FROM api.battle_categorization_category WHERE category = 'oncology');
UPDATE api.battle_categorization_category SET categorization_id = md5('cat 14')::uuid WHERE categorization_id = md5('cat 15')::uuid
	AND category NOT IN (SELECT category FROM api.battle_categorization_category WHERE categorization_id = md5('cat 14')::uuid);
SELECT * FROM followed();
SELECT status, evaluation_count > 0 AS some FROM bixarena_generate_snapshot('surgery', 10, as_of => now() - interval '1 millisecond', dry_run => true);

-- rows written as a replica come in any order, and cascade nowhere
SET session_replication_role = replica;
INSERT INTO api.battle_evaluation (battle_id, outcome) VALUES (md5('late')::uuid, 'tie');
SELECT * FROM followed();
INSERT INTO api.battle (id, user_id, model1_id, model2_id, effective_validation_id)
SELECT md5('late')::uuid, md5('voter')::uuid, model1_id, model2_id, md5('later')::uuid FROM api.battle LIMIT 1;
SELECT * FROM followed();
INSERT INTO api.battle_validation (id, battle_id, method, confidence, is_biomedical) VALUES (md5('later')::uuid, md5('late')::uuid, 'test', 1, true);
SELECT * FROM followed();
DELETE FROM api.battle_validation WHERE id = md5('later')::uuid;
SELECT * FROM followed();
DELETE FROM api.battle WHERE id = md5('late')::uuid;
DELETE FROM api.battle_evaluation WHERE battle_id = md5('late')::uuid;
RESET session_replication_role;
SELECT * FROM followed();

-- what they point to may come by an ordinary session: a battle to its evaluation
SET session_replication_role = replica;
INSERT INTO api.battle_evaluation (battle_id, outcome) VALUES (md5('late')::uuid, 'tie');
RESET session_replication_role;
SELECT * FROM followed();
INSERT INTO api.battle (id, user_id, model1_id, model2_id, effective_validation_id, effective_categorization_id)
SELECT md5('late')::uuid, user_id, model1_id, model2_id, effective_validation_id, effective_categorization_id
FROM api.battle AS b WHERE (SELECT v.is_biomedical FROM api.battle_validation AS v WHERE v.id = b.effective_validation_id)
	AND (SELECT k.status = 'matched' FROM api.battle_categorization AS k WHERE k.id = b.effective_categorization_id) LIMIT 1;
SELECT * FROM followed();
-- a validation and a categorization to a battle
SET session_replication_role = replica;
UPDATE api.battle SET effective_validation_id = md5('later')::uuid, effective_categorization_id = md5('later')::uuid WHERE id = md5('late')::uuid;
INSERT INTO api.battle_categorization_category (categorization_id, category) VALUES (md5('later')::uuid, 'genetics');
RESET session_replication_role;
SELECT * FROM followed();
INSERT INTO api.battle_validation (id, battle_id, method, confidence, is_biomedical) VALUES (md5('later')::uuid, md5('late')::uuid, 'test', 1, true);
SELECT * FROM followed();
INSERT INTO api.battle_categorization (id, battle_id, method, status) VALUES (md5('later')::uuid, md5('late')::uuid, 'test', 'matched');
SELECT * FROM followed();
DELETE FROM api.battle_validation WHERE id = md5('later')::uuid;
SELECT * FROM followed();
-- also where the triggers were off meanwhile
ALTER TABLE api.battle_evaluation DISABLE TRIGGER ALL;
INSERT INTO api.battle_evaluation (battle_id, outcome) VALUES (md5('latest')::uuid, 'tie');
ALTER TABLE api.battle_evaluation ENABLE TRIGGER ALL;
ALTER TABLE api.battle_evaluation ENABLE REPLICA TRIGGER api_live_replica;
ALTER TABLE api.battle_evaluation ENABLE ALWAYS TRIGGER api_live_truncate;
SELECT * FROM followed();
INSERT INTO api.battle (id, user_id, model1_id, model2_id, effective_validation_id)
SELECT md5('latest')::uuid, user_id, model1_id, model2_id, effective_validation_id
FROM api.battle AS b WHERE (SELECT v.is_biomedical FROM api.battle_validation AS v WHERE v.id = b.effective_validation_id) LIMIT 1;
SELECT * FROM followed();
DELETE FROM api.battle WHERE id IN (md5('late')::uuid, md5('latest')::uuid);
SELECT * FROM followed();

-- a table is emptied
BEGIN;
TRUNCATE api.battle_categorization_category;
SELECT * FROM followed();
ROLLBACK;
SELECT * FROM followed();

--
-- Migrations: another type, a column that does not matter, a foreign key
--

ALTER TABLE api.battle ADD note text;
SELECT * FROM followed();
ALTER TABLE api.battle_evaluation ALTER outcome TYPE text;
SELECT * FROM health;
SELECT * FROM followed();
-- without it battles may come after their evaluations; that is noted anyhow
ALTER TABLE api.battle_evaluation DROP CONSTRAINT battle_evaluation_battle_id_fkey;
SELECT * FROM health;
SELECT * FROM followed();
CALL bixarena_generate_snapshots();
SELECT * FROM health;
SELECT * FROM followed();
INSERT INTO api.battle_evaluation (battle_id, outcome) VALUES (md5('orphan')::uuid, 'tie');
SELECT * FROM followed();
INSERT INTO api.battle (id, user_id, model1_id, model2_id, effective_validation_id)
SELECT md5('orphan')::uuid, md5('voter')::uuid, model1_id, model2_id, effective_validation_id
FROM api.battle WHERE effective_validation_id IS NOT NULL LIMIT 1;
SELECT * FROM followed();

-- back to the age without categories, and without validations
BEGIN;
ALTER TABLE api.battle DROP effective_categorization_id;
DROP TABLE api.battle_categorization_category, api.battle_categorization;
COMMIT;
SELECT * FROM health;
SELECT * FROM followed();
BEGIN;
ALTER TABLE api.battle DROP effective_validation_id;
DROP TABLE api.battle_validation;
COMMIT;
SELECT * FROM followed();
-- half an age is an error, and costs no more
CREATE TABLE api.battle_validation (id uuid PRIMARY KEY, battle_id uuid, is_biomedical boolean NOT NULL);
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10);
SELECT * FROM health;
INSERT INTO api.battle_evaluation (battle_id, outcome) VALUES (md5('half')::uuid, 'tie');
-- and forth
ALTER TABLE api.battle ADD effective_validation_id uuid REFERENCES api.battle_validation ON DELETE SET NULL;
INSERT INTO api.battle_validation SELECT id, id, true FROM api.battle LIMIT 100;
UPDATE api.battle SET effective_validation_id = id WHERE id IN (SELECT id FROM api.battle_validation);
SELECT * FROM health;
SELECT * FROM followed();
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, evaluation_count FROM bixarena.run ORDER BY requested_at DESC, leaderboard LIMIT 1;
SELECT * FROM followed();
UPDATE api.battle_validation SET is_biomedical = false WHERE id IN (SELECT id FROM api.battle_validation LIMIT 10);
SELECT * FROM followed();

-- a relation of the user's says it from now on
CREATE TABLE api.leaderboard_battle AS SELECT q.* FROM api.battle AS b, LATERAL (SELECT 'overall'::text AS leaderboard,
	b.model1_id, b.model2_id, 'tie'::text AS outcome, b.user_id AS voter_id, b.created_at) AS q;
SELECT * FROM health;
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', 10, dry_run => true);
ALTER TABLE api.leaderboard_battle ADD battle_id uuid DEFAULT gen_random_uuid();
SELECT bixarena_rebuild_tally();
SELECT * FROM followed();
INSERT INTO api.leaderboard_battle SELECT * FROM api.leaderboard_battle LIMIT 10;
DELETE FROM api.leaderboard_battle WHERE battle_id IN (SELECT battle_id FROM api.leaderboard_battle LIMIT 30);
SELECT * FROM followed();
UPDATE api.leaderboard_battle SET battle_id = NULL WHERE ctid = ANY (ARRAY(SELECT ctid FROM api.leaderboard_battle LIMIT 1));
SELECT status, evaluation_count = (SELECT count(*) FROM api.leaderboard_battle) AS all_counted FROM bixarena_generate_snapshot('overall', 10, dry_run => true);
SELECT bixarena_rebuild_tally();
DROP TABLE api.leaderboard_battle;
CALL bixarena_generate_snapshots();
SELECT * FROM followed();

SELECT bixarena_drop_tally();
SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%live%';
DROP EXTENSION bixarena_rank CASCADE;
DROP FUNCTION followed;
DROP SCHEMA api CASCADE;
