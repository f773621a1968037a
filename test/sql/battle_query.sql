-- Which battles count: what a relation of the user's may look like, battles that
-- would count twice, moments without a time zone, leaderboards without a name, and
-- views that version 1.0 left behind.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set schema :source '/schema/bixarena.sql'
\set battles :source '/schema/battles.sql'
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(2000, 5, categories => '{code,math}'),
	bixarena_configure('num_bootstrap', '10');

--
-- A category named twice
--

INSERT INTO arena.leaderboard (slug, name) VALUES ('rare', 'Rare');
INSERT INTO arena.battle (model1_id, model2_id, outcome, categories)
SELECT a.id, b.id, o, c::text[]
FROM arena.model AS a, arena.model AS b, unnest('{model1,model2}'::text[]) AS o,
	unnest(ARRAY['{rare,rare}', '{{rare,rare},{overall,none}}', '{rare,NULL,overall}', '{NULL,NULL}', '{rare}']) AS c
WHERE a.slug < b.slug;
SELECT leaderboard, count(*) FROM arena.leaderboard_battle WHERE leaderboard IN ('overall', 'rare') GROUP BY 1 ORDER BY 1;
SELECT status, evaluation_count FROM bixarena_generate_snapshot('rare');
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, evaluation_count FROM bixarena.run ORDER BY requested_at DESC, leaderboard LIMIT 2;

--
-- Texts of other types
--

-- as padded as they are: in the view of battles, and in all that has names
ALTER VIEW arena.leaderboard_battle RENAME TO battles;
CREATE VIEW arena.leaderboard_battle AS
SELECT leaderboard::char(20) AS leaderboard, model1_id, model2_id, outcome::char(10), voter_id, created_at FROM arena.battles;
SELECT status, evaluation_count FROM bixarena_generate_snapshot('rare', dry_run => true);
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, evaluation_count FROM bixarena.run ORDER BY requested_at DESC, leaderboard LIMIT 2;
ALTER TABLE arena.leaderboard ALTER slug TYPE char(20);
ALTER TABLE arena.model ALTER slug TYPE char(200), ALTER name TYPE char(300);
SELECT bixarena_configure('anchor_model', 'simulated-0001');
SELECT bixarena_attach_arena('arena');
SELECT status, reason, evaluation_count FROM bixarena_generate_snapshot('rare', dry_run => true);
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, evaluation_count FROM bixarena.run ORDER BY requested_at DESC, leaderboard LIMIT 2;
SELECT bixarena_configure('anchor_model', NULL);

-- a relation of another kind
CREATE MATERIALIZED VIEW arena.kept AS TABLE arena.battles;
DROP VIEW arena.leaderboard_battle;
ALTER MATERIALIZED VIEW arena.kept RENAME TO leaderboard_battle;
SELECT bixarena_battle_query();
SELECT status, evaluation_count FROM bixarena_generate_snapshot('rare', dry_run => true);
DROP MATERIALIZED VIEW arena.leaderboard_battle;
CREATE SEQUENCE arena.leaderboard_battle;
SELECT bixarena_battle_query();
DROP SEQUENCE arena.leaderboard_battle;
ALTER VIEW arena.battles RENAME TO leaderboard_battle;

--
-- Leaderboards without a name
--

\set VERBOSITY terse
INSERT INTO arena.leaderboard (slug, name) VALUES ('', 'None');
\set VERBOSITY default
ALTER TABLE arena.leaderboard DROP CONSTRAINT leaderboard_slug_check, ALTER slug DROP NOT NULL;
INSERT INTO arena.leaderboard (slug, name) VALUES ('', 'Empty'), (NULL, 'Null');
UPDATE arena.battle SET categories = '{"",rare}' WHERE 'rare' = ANY (categories);
CALL bixarena_generate_snapshots();
SELECT leaderboard, status FROM bixarena.run ORDER BY requested_at DESC, leaderboard LIMIT 2;
SELECT status FROM bixarena_generate_snapshot('');
CALL bixarena_generate_snapshots(leaderboard_id => '');
DELETE FROM arena.leaderboard WHERE slug = '' OR slug IS NULL;
-- nor is one of two of the same name
ALTER TABLE arena.leaderboard DROP CONSTRAINT leaderboard_slug_key;
INSERT INTO arena.leaderboard (slug, name) VALUES ('rare', 'Rare again');
SELECT status FROM bixarena_generate_snapshot('rare');
\set VERBOSITY terse
CALL bixarena_generate_snapshots();
\set VERBOSITY default
SELECT leaderboard, status, error_message FROM bixarena.run ORDER BY requested_at DESC, leaderboard LIMIT 2;
DELETE FROM arena.leaderboard WHERE name = 'Rare again';

--
-- Names of arenas are not cut
--

SELECT format('CREATE SCHEMA %I', repeat('n', 63)) \gexec
SELECT bixarena_attach_arena(repeat('n', 64));
SELECT bixarena.arena_register(repeat('n', 64));
SELECT bixarena.arena_register(repeat('ü', 32));
SELECT count(*) FROM bixarena.arena WHERE name <> 'arena';
SELECT format('DROP SCHEMA %I', repeat('n', 63)) \gexec

--
-- Moments without a time zone mean another one in each session's
--

CREATE FUNCTION attempt(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
	hint text;
BEGIN
	EXECUTE change;
	EXECUTE 'SELECT status || '' '' || evaluation_count FROM bixarena_generate_snapshot(''overall'', as_of => ''2025-06-01 00:00:00+00'', dry_run => true)'
	INTO found;
	RAISE EXCEPTION '%', found USING ERRCODE = 'DONE0';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', CASE WHEN SQLSTATE <> 'DONE0' THEN SQLSTATE END, SQLERRM, nullif(hint, ''));
END
$$;
\pset format unaligned
UPDATE arena.battle SET created_at = timestamptz '2025-06-01 00:00:00+00' - n * interval '1 minute'
FROM (SELECT id, row_number() OVER (ORDER BY id) - 1000 AS n FROM arena.battle) AS b WHERE b.id = battle.id;
CREATE TABLE changes (number serial, text text);
INSERT INTO changes (text) VALUES
	(''),
	('ALTER TABLE arena.leaderboard_snapshot ALTER created_at TYPE timestamp'),
	('ALTER TABLE arena.leaderboard_snapshot ALTER updated_at TYPE timestamp'),
	('ALTER TABLE arena.leaderboard_entry ALTER created_at TYPE timestamp'),
	('ALTER TABLE arena.leaderboard ALTER created_at TYPE date'),
	('ALTER TABLE arena.model ALTER created_at TYPE timestamp'),
	('DROP VIEW arena.leaderboard_battle; CREATE VIEW arena.leaderboard_battle AS SELECT ''overall''::text AS leaderboard,
		model1_id, model2_id, outcome::text, voter_id, created_at AT TIME ZONE ''UTC'' AS created_at FROM arena.battle'),
	('DROP VIEW arena.leaderboard_battle; ALTER TABLE arena.battle ALTER created_at TYPE timestamp USING created_at AT TIME ZONE ''UTC'';
	CREATE VIEW arena.leaderboard_battle AS SELECT ''overall''::text AS leaderboard, model1_id, model2_id, outcome::text, voter_id,
		created_at AT TIME ZONE ''UTC'' AS created_at FROM arena.battle'),
	-- a domain is what it is made of
	('CREATE DOMAIN moment AS timestamptz; ALTER TABLE arena.leaderboard_entry ALTER created_at TYPE moment');
SET TimeZone = 'Pacific/Auckland';
CREATE TEMP TABLE far_east AS SELECT number, attempt(text) AS outcome FROM changes ORDER BY number;
SET TimeZone = 'America/New_York';
SELECT outcome FROM far_east ORDER BY number;
SELECT count(*) FILTER (WHERE e.outcome IS DISTINCT FROM attempt(c.text)) AS differing
FROM changes AS c JOIN far_east AS e USING (number);
-- the application's
\set ECHO none
\set arena api
\i :schema
\set ECHO all
ALTER TABLE api.battle_evaluation ALTER created_at TYPE timestamp;
SELECT bixarena_attach_arena('api');
ALTER TABLE api.battle_evaluation ALTER created_at TYPE timestamptz USING created_at AT TIME ZONE 'UTC';
SELECT bixarena_attach_arena('api');
-- what locks the tables is for who has some right on them
CREATE ROLE regress_passer;
GRANT USAGE ON SCHEMA api TO regress_passer;
SET ROLE regress_passer;
SELECT bixarena_battle_query('api');
SELECT bixarena.arena_check_battles('api');
SELECT bixarena.arena_check('api');
RESET ROLE;
GRANT SELECT ON api.battle, api.battle_evaluation TO regress_passer;
SET ROLE regress_passer;
SELECT bixarena_battle_query('api');
RESET ROLE;
GRANT SELECT (id) ON api.battle_validation, api.battle_categorization TO regress_passer;
GRANT SELECT ON api.battle_categorization_category TO regress_passer;
SET ROLE regress_passer;
SELECT count(bixarena_battle_query('api'));
RESET ROLE;
DROP OWNED BY regress_passer;
DROP ROLE regress_passer;
-- read by what reads leaderboards, too
ALTER TABLE api.leaderboard_snapshot ALTER created_at TYPE timestamp USING created_at AT TIME ZONE 'UTC';
INSERT INTO api.leaderboard (slug, name) VALUES ('overall', 'Overall');
SELECT * FROM bixarena_leaderboard('overall', arena => 'api');
SELECT count(*) FROM bixarena_leaderboards('api');
SELECT count(*) FROM bixarena_health('api');
SELECT count(*) FROM bixarena_site('api');
SELECT labels ->> 'arena' AS arena, value FROM bixarena.metrics WHERE name = 'bixarena_arena_up' ORDER BY 1;
RESET TimeZone;
\pset format aligned
DROP SCHEMA api CASCADE;
DROP TABLE changes, far_east;
DROP FUNCTION attempt;
DROP SCHEMA arena CASCADE;
DROP EXTENSION bixarena_rank;

--
-- Views that version 1.0 left behind
--

CREATE EXTENSION bixarena_rank VERSION '1.0';
\set ECHO none
\set arena api
\i :schema
\i :battles
\set arena validated
\i :schema
\set arena evaluated
\i :schema
\set arena changed
\i :schema
\set arena optional
\i :schema
\set arena plain
\i :schema
\set arena needed
\i :schema
\set arena others
\i :schema
\set ECHO all
ALTER TABLE validated.battle DROP COLUMN effective_categorization_id;
DROP TABLE validated.battle_categorization_category, validated.battle_categorization;
ALTER TABLE evaluated.battle DROP COLUMN effective_categorization_id, DROP COLUMN effective_validation_id;
DROP TABLE evaluated.battle_categorization_category, evaluated.battle_categorization, evaluated.battle_validation;
SELECT bixarena_attach_arena(a) FROM unnest('{api,validated,evaluated,changed,optional,plain,needed,others}'::text[]) AS a;
SELECT bixarena_create_arena('created'), bixarena_create_arena('users');
CREATE OR REPLACE VIEW changed.leaderboard_battle WITH (security_invoker = true) AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, e.outcome::text AS outcome, b.user_id AS voter_id, e.created_at
FROM changed.battle AS b JOIN changed.battle_evaluation AS e ON e.battle_id = b.id;
ALTER VIEW optional.leaderboard_battle SET (security_barrier = true);
ALTER VIEW plain.leaderboard_battle RESET (security_invoker);
CREATE VIEW needed.of_it AS TABLE needed.leaderboard_battle;
CREATE ROLE regress_other;
ALTER VIEW others.leaderboard_battle OWNER TO regress_other;
CREATE OR REPLACE VIEW users.leaderboard_battle WITH (security_invoker = true) AS
SELECT 'overall'::text AS leaderboard, model1_id, model2_id, outcome::text, voter_id, created_at
FROM users.battle WHERE voter_id IS NOT NULL;
GRANT SELECT ON created.leaderboard_battle TO regress_other;
DROP EXTENSION bixarena_rank;
CREATE EXTENSION bixarena_rank;
CREATE VIEW battle_views AS
SELECT n.nspname, c.relkind, pg_get_viewdef(c.oid) ~ 'DISTINCT' AS counts_once, c.reloptions, c.relacl IS NOT NULL AS granted
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relname = 'leaderboard_battle'
ORDER BY n.nspname COLLATE "C";
SET client_min_messages = notice;
-- as the extension's update does, it replaces none
SELECT bixarena.arena_retire_view(a, false) FROM unnest('{created,users,validated}'::text[]) AS a;
TABLE battle_views;
-- attached again; a role that does not own the view leaves it
CREATE ROLE regress_member;
GRANT ALL ON SCHEMA others TO regress_member;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bixarena TO regress_member;
GRANT EXECUTE ON FUNCTION bixarena_attach_arena TO regress_member;
SET ROLE regress_member;
SELECT bixarena_attach_arena('others');
RESET ROLE;
SELECT bixarena_attach_arena(a) FROM unnest('{api,validated,evaluated,changed,optional,plain,needed,others,created,users}'::text[]) AS a;
TABLE battle_views;
-- once more, and once what was in the way has gone
SELECT bixarena_attach_arena('api'), bixarena_attach_arena('created');
DROP VIEW needed.of_it;
SELECT bixarena_attach_arena('needed');
TABLE battle_views;
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', 10, arena => 'api');
-- nothing else was made or left
SELECT count(*) FROM pg_class WHERE relname = 'bixarena_view_of_1_0';

SET client_min_messages = warning;
DROP VIEW battle_views;
DROP EXTENSION bixarena_rank;
DROP SCHEMA api, validated, evaluated, changed, optional, plain, needed, others, created, users CASCADE;
DROP ROLE regress_other, regress_member;
