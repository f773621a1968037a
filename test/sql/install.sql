-- What CREATE EXTENSION leaves in a database: documented objects, no rights
-- too many, a pinned search_path; what DROP EXTENSION leaves of the user's; and
-- an installation into another schema.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;

CREATE VIEW functions AS
SELECT p.oid, p.oid::regprocedure AS signature, p.proconfig, p.provolatile,
	p.prosecdef, l.lanname,
	has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM pg_depend AS d
JOIN pg_extension AS e ON e.oid = d.refobjid
JOIN pg_proc AS p ON p.oid = d.objid
JOIN pg_language AS l ON l.oid = p.prolang
WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass
	AND d.deptype = 'e' AND e.extname = 'bixarena_rank';

-- the interface, and what everybody may call
SELECT signature, public FROM functions ORDER BY signature::text COLLATE "C";
-- what may write is not for everybody, unless it looks at the caller's rights itself
SELECT signature FROM functions WHERE public AND provolatile = 'v';
-- functions run with the caller's rights
SELECT signature FROM functions WHERE prosecdef;
-- these have no search_path: the first three run no SQL, the procedures pin it for
-- each of their transactions
SELECT signature FROM functions
WHERE NOT coalesce(proconfig, '{}') @> '{"search_path=pg_catalog, pg_temp"}'
ORDER BY signature::text COLLATE "C";
-- all are documented, and so are types, relations, their columns and their schema
SELECT signature FROM functions
WHERE coalesce(obj_description(oid, 'pg_proc'), '') = '';
SELECT c.oid::regclass FROM pg_class AS c
WHERE c.relnamespace = 'bixarena'::regnamespace AND c.relkind IN ('r', 'v')
	AND coalesce(obj_description(c.oid, 'pg_class'), '') = '';
SELECT a.attrelid::regclass, a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'bixarena'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
	AND NOT a.attisdropped AND coalesce(col_description(c.oid, a.attnum), '') = '';
SELECT t.oid::regtype FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
WHERE t.typname ~ '^bixarena_' AND c.relkind = 'c'
	AND coalesce(obj_description(t.oid, 'pg_type'), '') = '';
SELECT obj_description('bixarena'::regnamespace, 'pg_namespace') <> '' AS documented;

-- nobody else reads or writes our tables; pg_dump knows them
SELECT c.relname, p.privilege
FROM pg_class AS c,
	unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) AS p (privilege)
WHERE c.relnamespace = 'bixarena'::regnamespace AND c.relkind = 'r'
	AND has_table_privilege('public', c.oid, p.privilege)
ORDER BY 1, 2;
SELECT has_schema_privilege('public', 'bixarena', 'CREATE') AS public_may_create;
SELECT t::regclass FROM pg_extension AS e, unnest(e.extconfig) AS t
WHERE e.extname = 'bixarena_rank' ORDER BY t::regclass::text COLLATE "C";

-- a role without rights
CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
SELECT bixarena_create_arena('mine');
SELECT bixarena_attach_arena('mine');
SELECT bixarena.arena_register('mine');
SELECT bixarena.arena_retire_view('mine', true);
SELECT bixarena_configure('seed', '1');
SELECT bixarena_generate_snapshot('overall');
SELECT bixarena_simulate_battles();
SELECT bixarena_schedule();
SELECT bixarena_unschedule();
SELECT bixarena_grant('regress_nobody', 'admin');
SELECT bixarena_revoke('regress_nobody', 'admin');
TABLE bixarena.arena;
TABLE bixarena.membership;
SET row_security = on;
TABLE bixarena.setting;
TABLE bixarena.run;
RESET row_security;
RESET ROLE;

-- no thread works in a backend, except where the administrator has chosen
-- OpenBLAS with pthreads
SELECT count(*) FROM bixarena.simulate_scores(2, 0);
SELECT pg_read_file('/proc/self/maps') ~ 'openblas-pthread'
	OR substring(pg_read_file('/proc/self/status') FROM E'Threads:\\s+(\\d+)') = '1'
	AS single_threaded;

-- loading the library defines the setting, and reserves its prefix
SHOW bixarena_rank.arena;
SET bixarena_rank.typo = '1';

-- arenas are the user's
SELECT bixarena_create_arena('kept');
SELECT bixarena_configure('seed', '7');
DROP EXTENSION bixarena_rank;
SELECT relname, relkind FROM pg_class
WHERE relnamespace = 'kept'::regnamespace AND relkind IN ('r', 'v')
ORDER BY relname::text COLLATE "C";
SELECT count(*) FROM kept.leaderboard_battle;
SELECT to_regnamespace('bixarena');

-- into another schema: the functions are there and work from there
CREATE SCHEMA "Other place";
CREATE EXTENSION bixarena_rank SCHEMA "Other place";
SELECT to_regproc('public.bixarena_rank'),
	to_regproc('"Other place".bixarena_rank');
SELECT "Other place".bixarena_attach_arena('kept');
SELECT value, source FROM "Other place".bixarena_settings() WHERE setting = 'seed';
SELECT "Other place".bixarena_configure('leaderboard_url', 'https://arena.example/{leaderboard_id}');
SELECT bixarena.slack_page('overall', 'kept');
SELECT "Other place".bixarena_simulate_battles(500, 5);
SELECT status, entry_count, evaluation_count
FROM "Other place".bixarena_generate_snapshot('overall', 10);
SELECT count(*), min(rank), max(rank) FROM "Other place".bixarena_leaderboard('overall');
SELECT count(*) FROM "Other place".bixarena_rank('kept.battle', 10,
	model1 => 'model1_id', model2 => 'model2_id');
ALTER EXTENSION bixarena_rank SET SCHEMA public;

DROP EXTENSION bixarena_rank;
DROP SCHEMA IF EXISTS kept, "Other place" CASCADE;

-- for superusers only
SET ROLE regress_nobody;
CREATE EXTENSION bixarena_rank;
RESET ROLE;
DROP ROLE regress_nobody;
