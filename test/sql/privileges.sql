-- Who may do what: every object of the extension against everybody, and a reader,
-- an operator and an admin of an arena, as the catalog says.  Whatever is added to
-- the extension appears here; look at its line before you accept it.
--
-- Letters are PostgreSQL's own: a INSERT, r SELECT, w UPDATE, d DELETE, D TRUNCATE,
-- x REFERENCES, t TRIGGER, U USAGE, C CREATE, X EXECUTE.

\set SHOW_CONTEXT never
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
CREATE ROLE regress_reader;
CREATE ROLE regress_operator;
CREATE ROLE regress_admin;
SELECT bixarena_grant('regress_' || kind, kind)
FROM unnest('{reader,operator,admin}'::text[]) AS kind;

-- what a role may do with an object; null: it is of a kind that is not known here
CREATE FUNCTION rights_of(role text, class regclass, object oid) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN count(a.granted) = count(*)
		THEN coalesce(nullif(string_agg(p.letter, '' ORDER BY p.n) FILTER (WHERE a.granted), ''), '-') END
	FROM (VALUES
		(1, 'a', 'INSERT', 'pg_class'), (2, 'r', 'SELECT', 'pg_class'), (3, 'w', 'UPDATE', 'pg_class'),
		(4, 'd', 'DELETE', 'pg_class'), (5, 'D', 'TRUNCATE', 'pg_class'), (6, 'x', 'REFERENCES', 'pg_class'),
		(7, 't', 'TRIGGER', 'pg_class'), (8, 'U', 'USAGE', 'pg_namespace'), (9, 'C', 'CREATE', 'pg_namespace'),
		(10, 'U', 'USAGE', 'pg_type'), (11, 'X', 'EXECUTE', 'pg_proc')) AS p (n, letter, privilege, kind),
		LATERAL (SELECT CASE kind
			WHEN 'pg_class' THEN has_table_privilege(role, object, privilege)
			WHEN 'pg_namespace' THEN has_schema_privilege(role, object, privilege)
			WHEN 'pg_type' THEN has_type_privilege(role, object, privilege)
			WHEN 'pg_proc' THEN has_function_privilege(role, object, privilege) END) AS a (granted)
	WHERE p.kind::regclass = class
	HAVING count(*) > 0
$$;
CREATE VIEW who_may AS
SELECT concat_ws(' ', i.type, CASE d.classid WHEN 'pg_proc'::regclass THEN d.objid::regprocedure::text
		ELSE i.identity END) AS object, d.refobjid AS extension,
	rights_of('public', d.classid, d.objid) AS public, rights_of('regress_reader', d.classid, d.objid) AS reader,
	rights_of('regress_operator', d.classid, d.objid) AS operator, rights_of('regress_admin', d.classid, d.objid) AS admin
FROM (SELECT classid, objid, refobjid FROM pg_depend
		WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
			-- in later versions types of arrays and of rows of relations are members, too
			AND NOT (classid = 'pg_type'::regclass AND objid IN (SELECT t.oid FROM pg_type AS t
				LEFT JOIN pg_class AS c ON c.oid = t.typrelid WHERE t.typelem <> 0 OR c.relkind <> 'c'))
	UNION ALL SELECT 'pg_class'::regclass, oid, 0 FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = 'arena'::regnamespace
	UNION ALL SELECT 'pg_namespace'::regclass, 'arena'::regnamespace, 0) AS d,
	LATERAL pg_identify_object(d.classid, d.objid, 0) AS i;

SELECT w.object, w.public, w.reader, w.operator, w.admin
FROM who_may AS w JOIN pg_extension AS e ON e.oid = w.extension AND e.extname = 'bixarena_rank'
ORDER BY w.object COLLATE "C";

-- the same of an arena, which is not the extension's
SELECT w.object, w.public, w.reader, w.operator, w.admin
FROM who_may AS w WHERE w.extension = 0 ORDER BY w.object COLLATE "C";

-- no column has rights of its own, nobody may pass rights on, and all belongs to
-- the extension's owner
SELECT a.attrelid::regclass, a.attname, a.attacl FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace IN ('bixarena'::regnamespace, 'arena'::regnamespace) AND a.attacl IS NOT NULL;
SELECT object, grantee::regrole FROM (
	SELECT oid::regclass::text, relowner, relacl FROM pg_class
	UNION ALL SELECT oid::regprocedure::text, proowner, proacl FROM pg_proc
	UNION ALL SELECT oid::regtype::text, typowner, typacl FROM pg_type
	UNION ALL SELECT oid::regnamespace::text, nspowner, nspacl FROM pg_namespace) AS o (object, owner, acl),
	aclexplode(acl) AS a
WHERE object ~ 'bixarena|^arena' AND a.is_grantable AND a.grantee <> owner;
SELECT i.type, i.identity FROM pg_shdepend AS s, LATERAL pg_identify_object(s.classid, s.objid, 0) AS i
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND s.deptype = 'o'
	AND i.identity ~ 'bixarena' AND s.refobjid <> (SELECT extowner FROM pg_extension WHERE extname = 'bixarena_rank');

--
-- Functions, all of them by the catalog
--

CREATE TEMP VIEW own AS SELECT p.* FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
	AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'bixarena_rank';
-- those for users that everybody may call
SELECT p.proname FROM own AS p
WHERE p.pronamespace <> 'bixarena'::regnamespace AND has_function_privilege('public', p.oid, 'EXECUTE') ORDER BY 1;
-- An internal one is for everybody only where one for users calls it, with the rights of who
-- calls that, or the view of the metrics does; what nobody but the server calls is for nobody.
-- A right on one for users is enough to call it, also where it is not for everybody, so what it
-- calls is; but bixarena_grant() and bixarena_revoke() write a table with the rights of the
-- caller, so what only these call is for nobody.
-- Those of the metrics that are called from C are not found in this way.
WITH RECURSIVE reached AS (
	SELECT p.oid, p.proname, p.prosrc FROM own AS p WHERE p.pronamespace <> 'bixarena'::regnamespace
		AND p.proname NOT IN ('bixarena_grant', 'bixarena_revoke')
	UNION
	SELECT p.oid, p.proname, p.prosrc FROM own AS p JOIN pg_depend AS d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
	WHERE d.classid = 'pg_rewrite'::regclass
	UNION
	SELECT p.oid, p.proname, p.prosrc FROM reached AS r JOIN own AS p
		ON p.pronamespace = 'bixarena'::regnamespace AND r.prosrc ~ (E'bixarena\\.' || p.proname || E'\\M')
)
SELECT p.oid::regprocedure AS function, has_function_privilege('public', p.oid, 'EXECUTE') AS public
FROM own AS p
WHERE p.pronamespace = 'bixarena'::regnamespace AND NOT EXISTS (SELECT FROM reached AS r WHERE r.oid = p.oid)
ORDER BY 1;
-- none has its owner's rights
SELECT p.oid::regprocedure FROM own AS p WHERE p.prosecdef;
-- none says immutable and calls what is not
WITH RECURSIVE call AS (
	SELECT p.oid, 'bixarena.' || p.proname AS name, c.name[1] AS called
	FROM own AS p, regexp_matches(p.prosrc, E'((?:bixarena\\.)?[a-z_0-9]+)\\(', 'g') AS c (name) WHERE p.provolatile = 'i'
), untrue AS (
	SELECT c.oid, c.name FROM call AS c WHERE EXISTS (SELECT FROM pg_proc AS p
		WHERE (c.called = p.proname AND p.pronamespace = 'pg_catalog'::regnamespace OR c.called = 'bixarena.' || p.proname)
		HAVING bool_and(p.provolatile <> 'i'))
)
SELECT f.oid::regprocedure FROM untrue AS f ORDER BY 1;
-- what reads tables of ours whose rows not everybody sees leaves rows out, whatever
-- the session's row_security, and never fails by it
SELECT p.oid::regprocedure FROM own AS p
WHERE p.prosrc ~ E'\\m(FROM|JOIN|UPDATE|INTO) bixarena\\.(run|setting)\\M'
	AND NOT coalesce(p.proconfig, '{}') @> '{row_security=on}'
ORDER BY 1;

--
-- Procedures: who may not call them is told so before anything else
--

CREATE ROLE regress_nobody;
SET ROLE regress_nobody;
CALL bixarena_generate_snapshots('arena');
CALL bixarena_backfill('overall', now() - interval '1 day', arena => 'arena');
CALL bixarena_process_requests();
RESET ROLE;
SELECT p.oid::regprocedure FROM own AS p WHERE p.prokind = 'p' AND has_function_privilege('public', p.oid, 'EXECUTE');
-- who may, may do no more than the arena's rights say
GRANT EXECUTE ON PROCEDURE bixarena_generate_snapshots, bixarena_backfill, bixarena_process_requests TO regress_nobody;
SET ROLE regress_nobody;
\set VERBOSITY terse
CALL bixarena_generate_snapshots('arena');
CALL bixarena_backfill('overall', now() - interval '1 day', arena => 'arena');
CALL bixarena_process_requests();
\set VERBOSITY default
RESET ROLE;
DROP OWNED BY regress_nobody;
DROP ROLE regress_nobody;

-- every function that everybody may call, with nulls: none ends with an internal error, or
-- for want of a right of ours
CREATE FUNCTION tried() RETURNS TABLE (function text, state text) LANGUAGE plpgsql AS $$
DECLARE
	f record;
BEGIN
	FOR f IN
		SELECT p.oid, p.proname::text, (SELECT string_agg(format('NULL::%s', t::regtype), ', ' ORDER BY n)
			FROM unnest(p.proargtypes) WITH ORDINALITY AS u (t, n)) AS arguments
		FROM own AS p WHERE has_function_privilege('public', p.oid, 'EXECUTE') AND p.prokind = 'f'
			AND p.prorettype <> 'trigger'::regtype AND p.provariadic = 0
	LOOP
		BEGIN
			SET LOCAL ROLE regress_operator;
			EXECUTE format('SELECT * FROM %s(%s)', f.oid::regproc, f.arguments);
			RESET ROLE;
		EXCEPTION WHEN others THEN
			RESET ROLE;
			function := f.proname;
			state := SQLSTATE;
			RETURN NEXT;
		END;
	END LOOP;
END
$$;
SELECT t.* FROM tried() AS t WHERE t.state ~ '^(XX|42501|42883|42P)' ORDER BY 1;
DROP FUNCTION tried;
DROP VIEW own;

DROP VIEW who_may;
DROP FUNCTION rights_of;
SELECT bixarena_revoke('regress_' || kind, kind)
FROM unnest('{reader,operator,admin}'::text[]) AS kind;
DROP EXTENSION bixarena_rank;
DROP SCHEMA arena CASCADE;
DROP ROLE regress_reader, regress_operator, regress_admin;
