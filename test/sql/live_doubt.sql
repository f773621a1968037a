-- Kept tallies: ways around the log that leave no trace in the battles' own tables, and
-- are gone again when somebody looks.  Each is followed, or all battles are counted
-- anew, or they are read until it is over.

\set SHOW_CONTEXT never
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
CREATE ROLE regress_other;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(300, 5) AS battles;
SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('notify_channel', ''), bixarena_configure('min_total_battles', '0');

CREATE FUNCTION followed(arena text DEFAULT 'arena')
RETURNS TABLE (wrong boolean, differences bigint, recounted text, lost text) LANGUAGE plpgsql AS $$
DECLARE
	before timestamptz := (SELECT s.recounted_at FROM bixarena.live_state(arena) AS s);
	counted bigint;
	battles bigint;
BEGIN
	SELECT g.evaluation_count INTO counted FROM bixarena_generate_snapshot('overall', 10, dry_run => true, arena => followed.arena) AS g;
	EXECUTE format('SELECT count(*) FROM (%s) AS q WHERE q.leaderboard = ''overall''', bixarena_battle_query(arena)) INTO battles;
	wrong := counted IS DISTINCT FROM battles;
	SELECT s.lost, CASE WHEN s.recounted_at IS DISTINCT FROM before THEN s.recounted_why END INTO lost, recounted
	FROM bixarena.live_state(arena) AS s;
	IF lost IS NULL THEN
		SELECT count(*) INTO differences FROM bixarena_verify_tally(arena);
	END IF;
	RETURN NEXT;
END
$$;
CREATE FUNCTION vote(n int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'tie' FROM arena.battle LIMIT n
$$;
SELECT bixarena_keep_tally();
SELECT * FROM followed();

--
-- The log is not what the triggers write into
--

-- the table's owner may write into it; another is given the right by whoever looks after it
ALTER TABLE arena.battle OWNER TO regress_other;
SELECT vote(5);
SELECT * FROM followed();
CALL bixarena_generate_snapshots();
SELECT * FROM followed();
SELECT vote(5);
SELECT * FROM followed();
SELECT format('ALTER TABLE arena.battle OWNER TO %I', current_user) \gexec
SELECT * FROM followed();
REVOKE INSERT ON arena_live.log FROM regress_other;
BEGIN;
ALTER TABLE arena.battle OWNER TO regress_other;
REVOKE INSERT ON arena_live.log FROM regress_other;
SELECT vote(5);
SELECT format('ALTER TABLE arena.battle OWNER TO %I', current_user) \gexec
COMMIT;
SELECT * FROM followed();
ALTER TABLE arena.battle OWNER TO regress_other;
SELECT vote(5);
SELECT format('ALTER TABLE arena.battle OWNER TO %I', current_user) \gexec
SELECT * FROM followed();
-- the right may come by another role, and go with it
CREATE ROLE regress_writers;
GRANT INSERT ON arena_live.log TO regress_writers;
GRANT regress_writers TO regress_other;
ALTER TABLE arena.battle OWNER TO regress_other;
SELECT bixarena_rebuild_tally() AS counted \gset
SELECT vote(5);
SELECT * FROM followed();
REVOKE regress_writers FROM regress_other;
SELECT vote(5);
SELECT * FROM followed();
SELECT format('ALTER TABLE arena.battle OWNER TO %I', current_user) \gexec
SELECT * FROM followed();
REVOKE INSERT ON arena_live.log FROM regress_writers;
DROP ROLE regress_writers;
SELECT bixarena_rebuild_tally() AS counted \gset

CREATE INDEX ON arena_live.log (kind);
SELECT vote(5);
SELECT * FROM followed();
DROP INDEX arena_live.log_kind_idx;
VACUUM arena_live.log;
SELECT * FROM followed();
-- one that is gone before anybody has looked
CREATE INDEX ON arena_live.log (kind);
SELECT vote(5);
DROP INDEX arena_live.log_kind_idx;
VACUUM arena_live.log;
SELECT * FROM followed();
SELECT bixarena_rebuild_tally() AS counted \gset
ALTER TABLE arena_live.log ADD note text;
SELECT vote(5);
SELECT * FROM followed();
SELECT bixarena_drop_tally();
SELECT bixarena_keep_tally();
SELECT * FROM followed();
ALTER SCHEMA arena_live RENAME TO regress_live;
SELECT vote(5);
ALTER SCHEMA regress_live RENAME TO arena_live;
SELECT * FROM followed();
ALTER TABLE arena_live.log RENAME TO old_log;
SELECT vote(5);
ALTER TABLE arena_live.old_log RENAME TO log;
SELECT * FROM followed();

-- what is not logged is empty after a crash
ALTER TABLE arena_live.counted SET UNLOGGED;
SELECT * FROM followed();
ALTER TABLE arena_live.counted SET LOGGED;
SELECT * FROM followed();
ALTER TABLE arena.battle SET UNLOGGED;
SELECT * FROM followed();
SELECT bixarena_drop_tally();
\set VERBOSITY default
SELECT bixarena_keep_tally();
ALTER TABLE arena.battle SET LOGGED;
ALTER TABLE arena.battle ENABLE ROW LEVEL SECURITY;
SELECT bixarena_keep_tally();
\set VERBOSITY terse
ALTER TABLE arena.battle DISABLE ROW LEVEL SECURITY;
SELECT bixarena_keep_tally();

--
-- Labels, operators, functions of functions
--

CREATE TYPE label AS ENUM ('model1', 'model2', 'tie');
CREATE DOMAIN labelled AS label;
SELECT bixarena_drop_tally();
DROP VIEW arena.leaderboard_battle;
CREATE TABLE arena.voted AS SELECT id, model1_id, model2_id, outcome::label::labelled AS outcome, ARRAY[outcome::label] AS outcomes, voter_id, created_at FROM arena.battle;
CREATE INDEX ON arena.voted (id);
CREATE FUNCTION inner_part(text) RETURNS boolean IMMUTABLE LANGUAGE sql RETURN $1 <> 'tie';
CREATE FUNCTION outer_part(text) RETURNS boolean IMMUTABLE LANGUAGE sql RETURN inner_part($1);
CREATE FUNCTION by_operator(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql RETURN $1 = $2;
CREATE OPERATOR === (FUNCTION = by_operator, LEFTARG = text, RIGHTARG = text);
CREATE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome::text AS outcome, b.voter_id, b.created_at, b.id AS battle_id FROM arena.voted AS b
UNION ALL
SELECT o::text, b.model1_id, b.model2_id, 'tie', b.voter_id, b.created_at, b.id FROM arena.voted AS b, unnest(b.outcomes) AS o
UNION ALL
SELECT 'overall', b.model1_id, b.model2_id, 'tie', b.voter_id, b.created_at, b.id FROM arena.voted AS b WHERE outer_part(b.outcome::text)
UNION ALL
SELECT 'overall', b.model1_id, b.model2_id, 'tie', b.voter_id, b.created_at, b.id FROM arena.voted AS b WHERE b.outcome::text === 'model1';
SELECT bixarena_keep_tally(sources => '{"arena.voted": "id"}');
SELECT * FROM followed();
ALTER TYPE label RENAME VALUE 'tie' TO 'draw';
SELECT * FROM followed();
ALTER TABLE arena.voted DROP COLUMN outcomes CASCADE;
CREATE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome::text AS outcome, b.voter_id, b.created_at, b.id AS battle_id FROM arena.voted AS b
WHERE outer_part(b.outcome::text) OR b.outcome::text === 'draw';
SELECT * FROM followed();
CREATE OR REPLACE FUNCTION inner_part(text) RETURNS boolean IMMUTABLE LANGUAGE sql RETURN $1 <> 'model1';
SELECT * FROM followed();
CREATE OR REPLACE FUNCTION by_operator(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql RETURN $1 <> $2;
SELECT * FROM followed();
ALTER TYPE label RENAME VALUE 'draw' TO 'none';
SELECT * FROM followed();
SELECT bixarena_drop_tally();
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome::text AS outcome, b.voter_id, b.created_at, b.id AS battle_id FROM arena.battle AS b;
-- a source that is no table
SELECT bixarena_keep_tally(sources => '{"arena.battle": "id", "arena.leaderboard_battle": "battle_id"}');

--
-- Folds of a writer's own
--

SELECT bixarena_keep_tally();
SELECT * FROM followed();

-- in one transaction a fold before, between and behind
BEGIN;
SELECT vote(3);
SAVEPOINT a;
SELECT bixarena_fold_tally();
SELECT vote(3);
ROLLBACK TO a;
SELECT vote(2);
SELECT * FROM followed();
COMMIT;
SELECT * FROM followed();
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM bixarena_fold_tally(); RETURN NEW; END $$;
CREATE TRIGGER a1 BEFORE INSERT ON arena.battle FOR EACH ROW EXECUTE FUNCTION look();
CREATE TRIGGER a2 AFTER INSERT ON arena.battle FOR EACH ROW EXECUTE FUNCTION look();
CREATE TRIGGER a3 AFTER INSERT ON arena.battle FOR EACH STATEMENT EXECUTE FUNCTION look();
CREATE TRIGGER z4 AFTER INSERT ON arena.battle FOR EACH STATEMENT EXECUTE FUNCTION look();
SELECT vote(4);
SELECT * FROM followed();
DROP FUNCTION look CASCADE;

--
-- The arena is gone, or has another name
--

ALTER SCHEMA arena RENAME TO regress_arena;
SELECT bixarena_attach_arena('regress_arena');
SELECT status, message FROM bixarena_health() WHERE check_name = 'kept_tally';
GRANT EXECUTE ON FUNCTION bixarena_drop_tally TO regress_other;
SET ROLE regress_other;
SELECT bixarena_drop_tally('arena');
SELECT bixarena.live_register('arena', NULL, NULL);
RESET ROLE;
SELECT bixarena_drop_tally('arena');
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'arena\_live\_%';
SELECT * FROM bixarena_health() WHERE check_name = 'kept_tally';
SELECT bixarena_keep_tally('regress_arena');
DROP SCHEMA regress_arena CASCADE;
SELECT bixarena_drop_tally('regress_arena');
SELECT to_regnamespace('regress_arena_live'), count(*) FROM bixarena.kept_tally;

DROP EXTENSION bixarena_rank CASCADE;
DROP FUNCTION followed, vote, outer_part, inner_part;
DROP OPERATOR === (text, text);
DROP FUNCTION by_operator;
DROP TYPE label CASCADE;
DROP OWNED BY regress_other;
DROP ROLE regress_other;
