-- A tally that is kept since the application's first age: of each migration the triggers
-- that were there learn, too, which columns matter now.  And foreign keys that hold
-- only at the end of a transaction, which change nothing.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
CREATE SCHEMA api;
CREATE TABLE api.leaderboard (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), slug varchar(100) UNIQUE NOT NULL, name varchar(200) NOT NULL, created_at timestamptz DEFAULT now());
CREATE TABLE api.model (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), slug varchar(200) UNIQUE NOT NULL, name varchar(300) NOT NULL, license varchar(20), organization varchar(200), created_at timestamptz DEFAULT now());
CREATE TABLE api.battle (id uuid PRIMARY KEY, user_id uuid, model1_id uuid REFERENCES api.model ON DELETE CASCADE, model2_id uuid REFERENCES api.model ON DELETE CASCADE, title text);
CREATE TABLE api.battle_evaluation (battle_id uuid UNIQUE REFERENCES api.battle ON DELETE CASCADE, outcome varchar(20) NOT NULL, created_at timestamptz DEFAULT now());
CREATE TABLE api.leaderboard_snapshot (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), leaderboard_id uuid REFERENCES api.leaderboard ON DELETE CASCADE, snapshot_identifier varchar(200), description text, visibility varchar(20), created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE api.leaderboard_entry (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), leaderboard_id uuid, model_id uuid, snapshot_id uuid REFERENCES api.leaderboard_snapshot ON DELETE CASCADE, bt_score decimal(10,6), vote_count integer, rank integer, bootstrap_q025 decimal(10,6), bootstrap_q975 decimal(10,6), created_at timestamptz DEFAULT now());
INSERT INTO api.leaderboard (slug, name) VALUES ('overall', 'Overall'), ('code', 'Code');
INSERT INTO api.model (id, slug, name) SELECT md5('m' || n)::uuid, 'm' || n, 'M' || n FROM generate_series(1, 4) AS n;
INSERT INTO api.battle (id, model1_id, model2_id) SELECT md5('b' || n)::uuid, md5('m' || 1 + n % 3)::uuid, md5('m' || 2 + n % 3)::uuid FROM generate_series(1, 90) AS n;
INSERT INTO api.battle_evaluation SELECT id, 'tie' FROM api.battle;
SELECT bixarena_attach_arena('api');
SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('notify_channel', ''), bixarena_configure('min_total_battles', '0'), bixarena_configure('verify_leaderboards', '0');

CREATE FUNCTION followed()
RETURNS TABLE (counts text, wrong bigint, differences bigint, recounted text, lost text) LANGUAGE plpgsql AS $$
DECLARE
	before timestamptz := (SELECT s.recounted_at FROM bixarena.live_state('api') AS s);
	wanted record;
	counted bigint;
BEGIN
	wrong := 0;
	FOR wanted IN EXECUTE format('SELECT l.slug, (SELECT count(*) FROM (%s) AS q WHERE q.leaderboard = l.slug) AS battles'
		' FROM api.leaderboard AS l ORDER BY l.slug COLLATE "C" DESC', bixarena_battle_query('api')) LOOP
		SELECT g.evaluation_count INTO counted FROM bixarena_generate_snapshot(wanted.slug, 10, dry_run => true) AS g;
		counts := concat_ws(' ', counts, wanted.battles);
		wrong := wrong + (counted IS DISTINCT FROM wanted.battles)::int;
	END LOOP;
	SELECT s.lost, CASE WHEN s.recounted_at IS DISTINCT FROM before THEN s.recounted_why END INTO lost, recounted
	FROM bixarena.live_state('api') AS s;
	IF lost IS NULL THEN
		SELECT count(*) INTO differences FROM bixarena_verify_tally('api');
	END IF;
	RETURN NEXT;
END
$$;
CREATE VIEW arguments AS
SELECT tgrelid::regclass AS relation, replace(tgname, 'api_live_', '') AS name, tgenabled, replace(encode(tgargs, 'escape'), '\000', ' ') AS arguments
FROM pg_trigger WHERE tgname LIKE 'api\_live\_%' AND tgrelid = 'api.battle'::regclass ORDER BY 1, 2;

SELECT bixarena_keep_tally();
SELECT * FROM followed();
TABLE arguments;

-- validations
CREATE TABLE api.battle_validation (id uuid PRIMARY KEY, battle_id uuid, is_biomedical boolean NOT NULL);
ALTER TABLE api.battle ADD effective_validation_id uuid REFERENCES api.battle_validation ON DELETE SET NULL;
INSERT INTO api.battle_validation SELECT id, id, true FROM api.battle;
SELECT * FROM followed();
CALL bixarena_generate_snapshots();
TABLE arguments;
SELECT * FROM followed();
UPDATE api.battle SET effective_validation_id = id WHERE id < md5('half')::uuid;
SELECT * FROM followed();
UPDATE api.battle SET effective_validation_id = NULL WHERE id < md5('b4')::uuid;
SELECT * FROM followed();

-- categories, while triggers of the table are disabled
CREATE TABLE api.battle_categorization (id uuid PRIMARY KEY, battle_id uuid, status varchar(20));
CREATE TABLE api.battle_categorization_category (categorization_id uuid REFERENCES api.battle_categorization ON DELETE CASCADE, category varchar(100), PRIMARY KEY (categorization_id, category));
ALTER TABLE api.battle ADD effective_categorization_id uuid REFERENCES api.battle_categorization ON DELETE SET NULL;
INSERT INTO api.battle_categorization SELECT id, id, 'matched' FROM api.battle;
INSERT INTO api.battle_categorization_category SELECT id, 'code' FROM api.battle;
ALTER TABLE api.battle DISABLE TRIGGER USER;
CALL bixarena_generate_snapshots();
SELECT * FROM followed();
ALTER TABLE api.battle ENABLE TRIGGER USER;
SELECT * FROM followed();
SELECT bixarena_rebuild_tally() AS counted \gset
TABLE arguments;
UPDATE api.battle SET effective_categorization_id = id WHERE id > md5('b4')::uuid;
SELECT * FROM followed();

-- a foreign key that is deferred lets an evaluation come before its battle, and a fold
-- be between
ALTER TABLE api.battle_evaluation ALTER CONSTRAINT battle_evaluation_battle_id_fkey DEFERRABLE INITIALLY DEFERRED;
SELECT * FROM followed();
CALL bixarena_generate_snapshots();
SELECT * FROM followed();
BEGIN;
INSERT INTO api.battle_evaluation VALUES (md5('later')::uuid, 'tie');
SELECT bixarena_fold_tally();
INSERT INTO api.battle (id, model1_id, model2_id, effective_validation_id) SELECT md5('later')::uuid, model1_id, model2_id, effective_validation_id
FROM api.battle WHERE effective_validation_id IS NOT NULL LIMIT 1;
COMMIT;
SELECT * FROM followed();

-- what is no table cannot be followed
SELECT bixarena_drop_tally();
ALTER TABLE api.battle_evaluation RENAME TO evaluated;
CREATE VIEW api.battle_evaluation AS TABLE api.evaluated;
SELECT bixarena_keep_tally();

DROP EXTENSION bixarena_rank CASCADE;
DROP FUNCTION followed;
DROP SCHEMA api CASCADE;
