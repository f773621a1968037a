/*
 * Readers, operators and admins of arenas.  A membership is a note of who is
 * what; its rights are the server's own, and those alone are checked.
 */

CREATE FUNCTION bixarena.kinds_up_to(kind text)
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null if there is no such kind
	SELECT k.kinds[:array_position(k.kinds, kind)]
	FROM (VALUES ('{reader,operator,admin}'::text[])) AS k (kinds)
	WHERE kind = ANY (k.kinds)
$$;
COMMENT ON FUNCTION bixarena.kinds_up_to(text) IS
	'a kind of member and those that it includes';

CREATE FUNCTION bixarena.battle_sources(arena text)
RETURNS SETOF oid
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A view without security_invoker reads with its owner's rights.  One with it
	-- speaks of what its owner may read, else whoever makes a view could have a
	-- superuser grant rights on anything.
	WITH RECURSIVE source AS (
		SELECT c.oid
		FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = arena AND c.relname = 'leaderboard_battle'
		UNION
		SELECT c.oid
		FROM source AS s
		JOIN pg_class AS v ON v.oid = s.oid AND v.relkind = 'v'
		JOIN pg_rewrite AS r ON r.ev_class = v.oid
		JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
			AND d.refclassid = 'pg_class'::regclass
		JOIN pg_class AS c ON c.oid = d.refobjid
		WHERE EXISTS (SELECT FROM pg_options_to_table(v.reloptions) AS o
			WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)
			AND has_table_privilege(v.relowner, c.oid, 'SELECT')
			AND has_schema_privilege(v.relowner, c.relnamespace, 'USAGE')
	)
	SELECT s.oid
	FROM source AS s
	JOIN pg_class AS c ON c.oid = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
	WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
$$;
COMMENT ON FUNCTION bixarena.battle_sources(text) IS
	'leaderboard_battle of an arena, and what else its reader must be able to read';

CREATE FUNCTION bixarena.rights(kind text, arena text)
RETURNS TABLE (object_type text, object text, privilege text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- the one list of who gets what; a kind also gets what those before it get
	WITH wanted (kind, object_type, schema, name, privilege) AS (VALUES
		('reader', 'SCHEMA', arena, NULL, 'USAGE'),
		('reader', 'TABLE', arena, 'leaderboard', 'SELECT'),
		('reader', 'TABLE', arena, 'model', 'SELECT'),
		('reader', 'TABLE', arena, 'leaderboard_snapshot', 'SELECT'),
		('reader', 'TABLE', arena, 'leaderboard_entry', 'SELECT'),
		('operator', 'TABLE', arena, 'leaderboard_snapshot', 'INSERT'),
		('operator', 'TABLE', arena, 'leaderboard_snapshot', 'UPDATE'),
		('operator', 'TABLE', arena, 'leaderboard_entry', 'INSERT'),
		('operator', 'TABLE', 'bixarena', 'run', 'SELECT'),
		('operator', 'TABLE', 'bixarena', 'arena', 'SELECT'),
		('operator', 'TABLE', 'bixarena', 'metrics', 'SELECT'),
		('admin', 'SCHEMA', arena, NULL, 'CREATE'),
		('admin', 'TABLE', arena, 'leaderboard_snapshot', 'DELETE'),
		('admin', 'TABLE', arena, 'leaderboard_entry', 'DELETE')
	), routines (kind, name) AS (VALUES
		('operator', 'bixarena_generate_snapshot'),
		('operator', 'bixarena_generate_snapshots'),
		('operator', 'bixarena_request_snapshot'),
		('operator', 'bixarena_process_requests'),
		('operator', 'bixarena_update_snapshot'),
		('admin', 'bixarena_configure'),
		('admin', 'bixarena_attach_arena'),
		('admin', 'register_arena'),
		('admin', 'create_battle_view'),
		('admin', 'bixarena_delete_snapshot'),
		('admin', 'bixarena_backfill'),
		('admin', 'bixarena_schedule'),
		('admin', 'bixarena_unschedule')
	), found AS (
		SELECT w.kind, w.object_type, quote_ident(n.nspname) AS object, w.privilege
		FROM wanted AS w
		JOIN pg_namespace AS n ON n.nspname = w.schema
		WHERE w.object_type = 'SCHEMA'
		UNION
		SELECT w.kind, w.object_type, c.oid::regclass::text, w.privilege
		FROM wanted AS w
		JOIN pg_namespace AS n ON n.nspname = w.schema
		JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
			AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		WHERE w.object_type = 'TABLE'
		UNION
		-- what the battles are read from, in whatever schema
		SELECT 'operator', o.*
		FROM bixarena.battle_sources(arena) AS s (id)
		JOIN pg_class AS c ON c.oid = s.id,
			LATERAL (VALUES
				('TABLE', c.oid::regclass::text, 'SELECT'),
				('SCHEMA', c.relnamespace::regnamespace::text, 'USAGE')) AS o
		UNION
		-- functions, and the schema in which they are
		SELECT r.kind, 'ROUTINE', p.oid::regprocedure::text, 'EXECUTE'
		FROM routines AS r
		JOIN pg_proc AS p ON p.proname = r.name
		JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
			AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'bixarena_rank'
		UNION
		SELECT 'reader', 'SCHEMA', e.extnamespace::regnamespace::text, 'USAGE'
		FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'
		UNION
		SELECT 'admin', 'SCHEMA', 'cron', 'USAGE'
		FROM pg_extension AS e WHERE e.extname = 'pg_cron'
	)
	SELECT DISTINCT f.object_type, f.object, f.privilege
	FROM found AS f
	WHERE f.kind = ANY (bixarena.kinds_up_to(rights.kind))
$$;
COMMENT ON FUNCTION bixarena.rights(text, text) IS
	'the rights that a kind of member has in an arena';

CREATE FUNCTION bixarena.check_kind(role name, kind text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF num_nulls(role, kind) > 0 THEN
		RAISE EXCEPTION 'role and kind must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF bixarena.kinds_up_to(kind) IS NULL THEN
		RAISE EXCEPTION 'kind must be reader, operator or admin, not "%"', kind
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.check_kind(name, text) IS
	'an error unless there is such a kind of member';

CREATE FUNCTION bixarena_grant(role name, kind text, arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.resolve_arena(arena);
	needed record;
BEGIN
	PERFORM bixarena.check_kind(role, kind);
	IF role = 'public' THEN
		RAISE EXCEPTION 'public is not a role'
			USING ERRCODE = 'invalid_grant_operation',
				HINT = 'Make a role, and everybody a member of it.';
	END IF;
	IF to_regrole(quote_ident(role)) IS NULL THEN
		RAISE EXCEPTION 'role "%" does not exist', role
			USING ERRCODE = 'undefined_object';
	END IF;

	INSERT INTO bixarena.membership (arena, role, kind)
	VALUES (found_arena, bixarena_grant.role, bixarena_grant.kind)
	ON CONFLICT DO NOTHING;
	FOR needed IN
		SELECT r.* FROM bixarena.rights(kind, found_arena) AS r ORDER BY r.*
	LOOP
		EXECUTE format('GRANT %s ON %s %s TO %I', needed.privilege,
			needed.object_type, needed.object, role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena_grant(name, text, text) IS
	'make a role reader, operator or admin of an arena';
-- it grants rights
REVOKE ALL ON FUNCTION bixarena_grant(name, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_revoke(role name, kind text, arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- one that is named may be gone already
	found_arena text := coalesce(arena, bixarena.resolve_arena(NULL));
	surplus record;
BEGIN
	PERFORM bixarena.check_kind(role, kind);
	DELETE FROM bixarena.membership AS m
	WHERE m.arena = found_arena AND m.role = bixarena_revoke.role
		AND m.kind = bixarena_revoke.kind;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'role "%" has not been made % of arena "%"', role, kind, found_arena
			USING ERRCODE = 'undefined_object',
				HINT = 'TABLE bixarena.membership lists who is what.';
	END IF;
	IF to_regrole(quote_ident(role)) IS NULL THEN
		-- its rights have gone with it
		RETURN;
	END IF;

	-- all but what the role is still due
	FOR surplus IN
		SELECT r.* FROM bixarena.rights(kind, found_arena) AS r
		EXCEPT
		SELECT r.*
		FROM bixarena.membership AS m
		JOIN pg_namespace AS n ON n.nspname = m.arena,
			LATERAL bixarena.rights(m.kind, m.arena) AS r
		WHERE m.role = bixarena_revoke.role
		ORDER BY 1, 2, 3
	LOOP
		EXECUTE format('REVOKE %s ON %s %s FROM %I', surplus.privilege,
			surplus.object_type, surplus.object, role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena_revoke(name, text, text) IS
	'take from a role what bixarena_grant() gave it';
-- it revokes rights
REVOKE ALL ON FUNCTION bixarena_revoke(name, text, text) FROM PUBLIC;


