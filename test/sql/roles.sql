-- Readers, operators and admins: what each can do and cannot, tried by doing it;
-- what a revoke leaves; and who sees which runs.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- off makes an error of what a role does not see
SET row_security = on;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('first'), bixarena_create_arena('Second "one"');
SELECT bixarena_simulate_battles(1000, 5, arena => a), bixarena_configure('num_bootstrap', '10', arena => a)
FROM unnest(ARRAY['first', 'Second "one"']) AS a;
SELECT status FROM unnest(ARRAY['first', 'Second "one"']) AS a,
	LATERAL bixarena_generate_snapshot('overall', arena => a);
CREATE ROLE regress_reader;
CREATE ROLE regress_operator;
CREATE ROLE regress_admin LOGIN;
CREATE ROLE "regress ""both""";

-- the battles of the first are read through views of another schema: one more
-- that its reader must be able to read himself, and one that its owner reads
CREATE SCHEMA "regress votes";
CREATE TABLE "regress votes".open (LIKE first.battle);
CREATE TABLE "regress votes".closed (LIKE first.battle);
CREATE VIEW "regress votes".through WITH (security_invoker = on) AS TABLE "regress votes".open;
CREATE VIEW "regress votes".own AS TABLE "regress votes".closed;
CREATE OR REPLACE VIEW first.leaderboard_battle WITH (security_invoker = true) AS
SELECT 'overall'::text AS leaderboard, model1_id, model2_id, outcome::text, voter_id, created_at, id AS battle_id
FROM (TABLE first.battle UNION ALL TABLE "regress votes".through UNION ALL TABLE "regress votes".own) AS b;

-- the rights in the catalog
CREATE VIEW rights AS
SELECT 'schema' AS type, n.nspname::text AS object, a.grantee, a.privilege_type
FROM pg_namespace AS n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS a
UNION ALL
SELECT 'relation', c.oid::regclass::text, a.grantee, a.privilege_type
FROM pg_class AS c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
WHERE c.relkind IN ('r', 'v') AND c.relname <> 'rights_before'
UNION ALL
SELECT 'function', p.oid::regprocedure::text, a.grantee, a.privilege_type
FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a;

-- does a role get to do something, or which error stops it?  Nothing is kept.
CREATE FUNCTION can(role text, action text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE action;
		RAISE EXCEPTION 'done' USING ERRCODE = 'DONE0';
	EXCEPTION WHEN others THEN
		RETURN CASE SQLSTATE WHEN 'DONE0' THEN 'yes' WHEN '42501' THEN 'no' ELSE SQLSTATE || ' ' || SQLERRM END;
	END;
END
$$;
CREATE TABLE action (number serial, text text);
INSERT INTO action (text) VALUES
	('SELECT bixarena_leaderboard(''overall'', arena => ''first'')'),
	('SELECT bixarena_snapshots(''overall'', arena => ''first'')'),
	('TABLE first.battle'),
	('TABLE first.leaderboard_battle'),
	('TABLE "regress votes".open'),
	('TABLE "regress votes".closed'),
	('TABLE bixarena.run'),
	('SELECT bixarena_generate_snapshot(''overall'', arena => ''first'')'),
	('SELECT bixarena_update_snapshot(''overall'', s.snapshot_identifier, ''private'', arena => ''first'') FROM bixarena_snapshots(''overall'', arena => ''first'') AS s'),
	('SELECT bixarena_delete_snapshot(''overall'', s.snapshot_identifier, ''first'') FROM bixarena_snapshots(''overall'', arena => ''first'') AS s'),
	('SELECT bixarena_configure(''seed'', ''1'', arena => ''first'')'),
	('SELECT bixarena_configure(''seed'', ''1'', ''overall'', ''first'')'),
	('SELECT bixarena_attach_arena(''first'')'),
	('SELECT bixarena.arena_register(''first'')'),
	('CREATE TABLE first.own ()'),
	('DELETE FROM first.leaderboard_snapshot'),
	-- theirs only
	('SELECT bixarena_schedule(arena => ''first'')'),
	('SELECT bixarena_unschedule(''first'')'),
	-- nobody's
	('INSERT INTO first.battle DEFAULT VALUES'),
	('SELECT bixarena_simulate_battles(arena => ''first'')'),
	('SELECT bixarena_create_arena(''mine'')'),
	('SELECT bixarena.arena_register(''mine'')'),
	('SELECT bixarena_grant(''regress_reader'', ''reader'', ''first'')'),
	('SELECT bixarena_revoke(''regress_reader'', ''reader'', ''first'')'),
	('DELETE FROM bixarena.run'),
	('INSERT INTO bixarena.membership VALUES (''first'', ''regress_reader'', ''admin'')'),
	('TABLE bixarena.membership'),
	('TABLE bixarena.setting'),
	-- the other arena
	('SELECT bixarena_leaderboard(''overall'', arena => ''Second "one"'')'),
	('SELECT bixarena_generate_snapshot(''overall'', arena => ''Second "one"'')'),
	('SELECT bixarena_configure(''seed'', ''1'', arena => ''Second "one"'')'),
	('SELECT bixarena_attach_arena(''Second "one"'')'),
	('SELECT bixarena.arena_register(''Second "one"'')');
CREATE VIEW done AS
SELECT a.text AS action, can('regress_reader', a.text) AS reader,
	can('regress_operator', a.text) AS operator, can('regress_admin', a.text) AS admin
FROM action AS a ORDER BY a.number;

CREATE VIEW left_over AS
SELECT m.read, m.generate, m.configure, m.read_second, m.generate_second FROM (SELECT
	can('regress "both"', 'SELECT bixarena_leaderboard(''overall'', arena => ''first'')') AS read,
	can('regress "both"', 'SELECT bixarena_generate_snapshot(''overall'', arena => ''first'')') AS generate,
	can('regress "both"', 'SELECT bixarena_configure(''seed'', ''1'', arena => ''first'')') AS configure,
	can('regress "both"', 'SELECT bixarena_leaderboard(''overall'', arena => ''Second "one"'')') AS read_second,
	can('regress "both"', 'SELECT bixarena_generate_snapshot(''overall'', arena => ''Second "one"'')') AS generate_second) AS m;
CREATE TABLE rights_before AS TABLE rights;

-- before, nobody can do anything but what everybody may
SELECT * FROM done WHERE reader <> 'no' OR operator <> 'no' OR admin <> 'no';
SELECT bixarena_grant('regress_reader', 'reader', 'first');
SELECT bixarena_grant('regress_operator', 'operator', arena => 'first');
SELECT bixarena_grant('regress_admin', 'admin', 'first');
TABLE done;
TABLE bixarena.membership;

-- every function that not all may call is for some kind, or meant for none
SELECT p.oid::regprocedure::text AS function
FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
JOIN pg_extension AS e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'bixarena_rank' AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
	AND NOT has_function_privilege('regress_admin', p.oid, 'EXECUTE')
ORDER BY 1;
-- all that the kinds are given but functions
SELECT k AS kind, r.object_type, r.object, r.privilege
FROM unnest('{reader,operator,admin}'::text[]) WITH ORDINALITY AS k (k, n),
	LATERAL (SELECT * FROM bixarena.role_rights(k, 'first')
		EXCEPT SELECT * FROM bixarena.role_rights(CASE k WHEN 'operator' THEN 'reader' WHEN 'admin' THEN 'operator' END, 'first')) AS r
WHERE r.object_type <> 'ROUTINE'
ORDER BY n, 2, 3, 4;
-- and that is what they have
SELECT grantee::regrole, count(*) FROM rights WHERE grantee::regrole::text ~ '^regress_' GROUP BY 1 ORDER BY 1;
SELECT k, count(*) FROM unnest('{reader,operator,admin}'::text[]) AS k, bixarena.role_rights(k, 'first') GROUP BY 1 ORDER BY 2;

-- who owns a view gives away no more than is the owner's to grant
BEGIN;
ALTER VIEW first.leaderboard_battle OWNER TO regress_reader;
SELECT object FROM bixarena.role_rights('operator', 'first') WHERE privilege = 'SELECT' ORDER BY 1;
GRANT SELECT ON first.battle TO regress_reader;
GRANT SELECT ON "regress votes".own TO regress_reader WITH GRANT OPTION;
SELECT object FROM bixarena.role_rights('operator', 'first') WHERE privilege = 'SELECT' ORDER BY 1;
ROLLBACK;

-- really, as an operator would
SET ROLE regress_operator;
CALL bixarena_generate_snapshots(arena => 'first');
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'first');
SELECT count(*), count(DISTINCT visibility) FROM bixarena_snapshots('overall', arena => 'first');
SELECT bixarena_configure('seed', '1', arena => 'first');
RESET ROLE;

-- runs: those of the arenas that are open to one
SELECT arena, count(*) FROM bixarena.run GROUP BY 1 ORDER BY 1;
SET ROLE regress_operator;
SELECT arena, role = current_user AS own, count(*) FROM bixarena.run GROUP BY 1, 2 ORDER BY 1, 2;
RESET ROLE;
SELECT bixarena_grant('regress_operator', 'reader', 'Second "one"');
SET ROLE regress_operator;
SELECT arena, count(*) FROM bixarena.run GROUP BY 1 ORDER BY 1;
RESET ROLE;
-- of an arena that is gone, the owner's only
BEGIN;
DROP SCHEMA "Second ""one""" CASCADE;
SET LOCAL ROLE regress_operator;
SELECT arena, count(*) FROM bixarena.run GROUP BY 1 ORDER BY 1;
RESET ROLE;
SELECT arena, count(*) FROM bixarena.run GROUP BY 1 ORDER BY 1;
ROLLBACK;
SELECT bixarena_revoke('regress_operator', 'reader', 'Second "one"');

-- granted twice is granted once; what was lost comes back
SELECT bixarena_grant('regress_reader', 'reader', 'first');
REVOKE SELECT ON first.model FROM regress_reader;
SELECT bixarena_grant('regress_reader', 'reader', 'first');
SELECT count(*) FROM bixarena.membership;
SELECT can('regress_reader', 'SELECT bixarena_leaderboard(''overall'', arena => ''first'')');

-- a revoke leaves what is due for other reasons
SELECT bixarena_grant('regress "both"', k, 'first') FROM unnest('{reader,operator,admin}'::text[]) AS k;
SELECT bixarena_grant('regress "both"', 'operator', 'Second "one"');
TABLE left_over;
SELECT bixarena_revoke('regress "both"', 'operator', 'first');
TABLE left_over;
SELECT bixarena_revoke('regress "both"', 'admin', 'first');
TABLE left_over;
SELECT bixarena_revoke('regress "both"', 'operator', 'Second "one"');
TABLE left_over;
SELECT type, object, privilege_type FROM rights WHERE grantee = '"regress ""both"""'::regrole ORDER BY 1, 2, 3;
SELECT bixarena_revoke('regress "both"', 'reader', 'first');

-- then nothing is left
SELECT bixarena_revoke('regress_reader', 'reader', 'first'),
	bixarena_revoke('regress_operator', 'operator', 'first'), bixarena_revoke('regress_admin', 'admin', 'first');
SELECT type, object, grantee::regrole, privilege_type FROM (TABLE rights EXCEPT ALL TABLE rights_before) AS more;
SELECT type, object, grantee::regrole, privilege_type FROM (TABLE rights_before EXCEPT ALL TABLE rights) AS less;
SELECT * FROM done WHERE reader <> 'no' OR operator <> 'no' OR admin <> 'no';
TABLE bixarena.membership;

-- an arena that is gone, or a role
SELECT bixarena_create_arena('third');
SELECT bixarena_grant('regress_admin', 'admin', 'third'), bixarena_grant('regress_reader', 'reader', 'third');
DROP SCHEMA third CASCADE;
SELECT bixarena_revoke('regress_admin', 'admin', 'third');
SELECT type, object, privilege_type FROM rights WHERE grantee = 'regress_admin'::regrole ORDER BY 1, 2, 3;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;
SELECT bixarena_revoke('regress_reader', 'reader', 'third');
TABLE bixarena.membership;

-- what is refused
SELECT bixarena_grant(NULL, 'reader', 'first');
SELECT bixarena_grant('regress_admin', NULL, 'first');
SELECT bixarena_grant('regress_admin', 'owner', 'first');
SELECT bixarena_grant('regress_admin', 'Reader', 'first');
SELECT bixarena_grant('regress_nobody', 'reader', 'first');
SELECT bixarena_grant('public', 'reader', 'first');
SELECT bixarena_grant('regress_admin', 'reader', 'third');
SELECT bixarena_grant('regress_admin', 'reader');
SELECT bixarena_revoke(NULL, 'reader', 'first');
SELECT bixarena_revoke('regress_admin', 'owner', 'first');
SELECT bixarena_revoke('regress_admin', 'reader', 'first');
SELECT bixarena_revoke('regress_admin', 'reader');
SELECT bixarena_grant('regress_admin; DROP TABLE bixarena.run', 'reader', 'first');
TABLE bixarena.membership;
SELECT count(*) FROM (TABLE rights EXCEPT ALL TABLE rights_before) AS more;

--
-- Other people's tables: one role's view, readable by everybody, over its secret,
-- within another role's arena
--

CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
CREATE SCHEMA regress_alices AUTHORIZATION regress_alice;
SET ROLE regress_alice;
GRANT USAGE ON SCHEMA regress_alices TO PUBLIC;
CREATE TABLE regress_alices.secret (leaderboard text, model1_id uuid, model2_id uuid, outcome text,
	voter_id uuid, created_at timestamptz, battle_id uuid);
CREATE VIEW regress_alices.through WITH (security_invoker = true) AS TABLE regress_alices.secret;
GRANT SELECT ON regress_alices.through TO PUBLIC;
RESET ROLE;
SELECT bixarena_create_arena('bobs');
SELECT format('ALTER %s bobs.%I OWNER TO regress_bob', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relname)
FROM pg_class WHERE relnamespace = 'bobs'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname \gexec
ALTER SCHEMA bobs OWNER TO regress_bob;
SET ROLE regress_bob;
CREATE OR REPLACE VIEW bobs.leaderboard_battle WITH (security_invoker = true) AS
SELECT 'overall'::text AS leaderboard, model1_id, model2_id, outcome::text, voter_id, created_at, id AS battle_id FROM bobs.battle
UNION ALL TABLE regress_alices.through;
RESET ROLE;
CREATE VIEW secret_to AS
SELECT r AS role, has_table_privilege(r, 'regress_alices.secret', 'SELECT') AS secret,
	has_table_privilege(r, 'regress_alices.through', 'SELECT') AS through, has_table_privilege(r, 'bobs.battle', 'SELECT') AS battle
FROM unnest('{regress_bob,regress_operator}'::text[]) AS r;
SELECT bixarena_grant('regress_bob', 'operator', 'bobs'), bixarena_grant('regress_operator', 'operator', 'bobs');
TABLE secret_to;
-- a view in between, of the arena's owner: of other options, or plain
SET ROLE regress_bob;
CREATE VIEW bobs.between WITH (security_invoker = true) AS TABLE regress_alices.through;
CREATE OR REPLACE VIEW bobs.leaderboard_battle WITH (security_invoker = true) AS TABLE bobs.between;
RESET ROLE;
SELECT bixarena_grant('regress_bob', 'operator', 'bobs');
TABLE secret_to;
ALTER VIEW bobs.between SET (security_invoker = false);
SELECT bixarena_grant('regress_bob', 'operator', 'bobs');
TABLE secret_to;
ALTER VIEW bobs.between SET (security_invoker = true);
-- nor if the schema, or the view in it, is a superuser's
ALTER SCHEMA bobs OWNER TO CURRENT_USER;
SELECT bixarena_grant('regress_bob', 'operator', 'bobs');
ALTER SCHEMA bobs OWNER TO regress_bob;
ALTER VIEW bobs.leaderboard_battle OWNER TO CURRENT_USER;
SELECT bixarena_grant('regress_bob', 'operator', 'bobs');
ALTER VIEW bobs.leaderboard_battle OWNER TO regress_bob;
TABLE secret_to;
-- what its owner has given to a member stays
GRANT SELECT ON regress_alices.secret TO regress_operator;
SELECT bixarena_revoke('regress_operator', 'operator', 'bobs');
TABLE secret_to;
REVOKE SELECT ON regress_alices.secret FROM regress_operator;
-- to read is not to grant; the right to grant is
GRANT SELECT ON regress_alices.secret TO regress_bob;
SELECT bixarena_grant('regress_operator', 'operator', 'bobs');
TABLE secret_to;
GRANT SELECT ON regress_alices.secret TO regress_bob WITH GRANT OPTION;
SELECT bixarena_grant('regress_operator', 'operator', 'bobs');
TABLE secret_to;
SELECT bixarena_revoke('regress_operator', 'operator', 'bobs');
TABLE secret_to;
-- neither is another's table in the arena the owner's
BEGIN;
ALTER TABLE bobs.leaderboard_entry OWNER TO regress_alice;
SELECT bixarena_grant('regress_operator', 'reader', 'bobs');
SELECT has_table_privilege('regress_operator', 'bobs.leaderboard_entry', 'SELECT') AS entry,
	has_table_privilege('regress_operator', 'bobs.model', 'SELECT') AS model;
ROLLBACK;
-- the schema public belongs to who owns the database
SELECT bixarena.role_arena_owner('public') = datdba AS owners FROM pg_database WHERE datname = current_database();
SELECT bixarena_revoke('regress_bob', 'operator', 'bobs');
DROP VIEW secret_to;
DROP SCHEMA bobs, regress_alices CASCADE;
DROP OWNED BY regress_alice, regress_bob;
DROP ROLE regress_alice, regress_bob;

DROP VIEW rights, done, left_over;
DROP TABLE rights_before, action;
DROP FUNCTION can;
DROP EXTENSION bixarena_rank;
DROP SCHEMA first, "Second ""one""", "regress votes" CASCADE;
-- nothing depends on them
DROP ROLE regress_operator, regress_admin, "regress ""both""";
