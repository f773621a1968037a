-- What DROP EXTENSION takes and what it leaves, with CASCADE and without; and a
-- schema "bixarena" that is not the extension's.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(500, 5);
SELECT bixarena_configure('num_bootstrap', '10');
SELECT status FROM bixarena_generate_snapshot('overall');
CREATE ROLE regress_member;
SELECT bixarena_grant('regress_member', 'reader');
SET client_min_messages = notice;

-- objects of the user's that are made of the extension's: a view, a column, a
-- function's result; and a function that only names one in its body
CREATE SCHEMA mine;
CREATE VIEW mine.best AS
SELECT model, rank FROM bixarena_leaderboard('overall') WHERE rank = 1;
CREATE TABLE mine.saved AS
SELECT l.rank AS place, l AS entry FROM bixarena_leaderboard('overall') AS l;
CREATE FUNCTION mine.entries() RETURNS SETOF bixarena_leaderboard_row
	LANGUAGE sql AS $$SELECT entry FROM mine.saved$$;
CREATE FUNCTION mine.places() RETURNS SETOF integer
	LANGUAGE plpgsql AS $$BEGIN RETURN QUERY SELECT rank FROM bixarena_leaderboard('overall'); END$$;
CREATE VIEW mine.battles AS TABLE arena.leaderboard_battle;

-- no object of an arena depends on the extension
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend AS d
JOIN pg_depend AS e ON e.classid = d.refclassid AND e.objid = d.refobjid
	AND e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e'
	AND e.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'bixarena_rank')
JOIN pg_class AS c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
WHERE c.relnamespace = 'arena'::regnamespace;

-- the parts are not to be had without the whole
DROP SCHEMA bixarena CASCADE;
DROP TABLE bixarena.run;
DROP FUNCTION bixarena_leaderboard CASCADE;
ALTER EXTENSION bixarena_rank SET SCHEMA mine;

-- what would go is listed
DROP EXTENSION bixarena_rank;
SELECT count(*) FROM mine.best;
BEGIN;
DROP EXTENSION bixarena_rank CASCADE;
-- the table stays, without the column
SELECT c.oid::regclass FROM pg_class AS c
WHERE c.relnamespace = 'mine'::regnamespace ORDER BY c.relname;
SELECT attname FROM pg_attribute
WHERE attrelid = 'mine.saved'::regclass AND attnum > 0 AND NOT attisdropped;
SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'mine'::regnamespace;
-- the arena stays, with rows, view and rights
SELECT count(*) FROM arena.battle;
SELECT count(*) FROM mine.battles;
SELECT count(*) FROM arena.leaderboard_entry;
SELECT has_table_privilege('regress_member', 'arena.leaderboard_entry', 'SELECT');
SELECT to_regnamespace('bixarena');

-- and goes on in a new installation; settings and runs were the extension's
CREATE EXTENSION bixarena_rank;
SELECT bixarena_attach_arena('arena');
SELECT count(*), min(rank), max(rank) FROM bixarena_leaderboard('overall');
SELECT count(*) FROM bixarena.setting;
SELECT count(*) FROM bixarena.run;
ROLLBACK;
DROP VIEW mine.best;
DROP FUNCTION mine.entries;
ALTER TABLE mine.saved DROP entry;
DROP EXTENSION bixarena_rank;

-- a schema of the name that somebody else has made: nothing in it is touched
CREATE ROLE regress_mallory;
CREATE SCHEMA bixarena AUTHORIZATION regress_mallory;
SET ROLE regress_mallory;
CREATE TABLE bixarena.arena (name name PRIMARY KEY, created_at timestamptz);
CREATE FUNCTION bixarena.trap() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'trapped'; END$$;
CREATE TRIGGER trap BEFORE INSERT ON bixarena.arena EXECUTE FUNCTION bixarena.trap();
RESET ROLE;
CREATE EXTENSION bixarena_rank;
CREATE EXTENSION bixarena_rank SCHEMA bixarena;
CREATE EXTENSION IF NOT EXISTS bixarena_rank CASCADE;
SELECT count(*) FROM pg_extension WHERE extname = 'bixarena_rank';
SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'bixarena';

-- as the hint says
ALTER SCHEMA bixarena RENAME TO not_ours;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_attach_arena('arena');
SELECT count(*) FROM not_ours.arena;

SET client_min_messages = warning;
DROP EXTENSION bixarena_rank;
DROP SCHEMA not_ours, mine, arena CASCADE;
DROP OWNED BY regress_member;
DROP ROLE regress_mallory, regress_member;
