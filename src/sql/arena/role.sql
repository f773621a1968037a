/*
 * Readers, operators and admins of arenas.  A membership is a note of who is
 * what; its rights are the server's own, and those alone are checked.
 *
 * Nothing here is for everybody.  Who may write memberships, which a right on
 * bixarena_grant() alone does not give, needs rights on what is called, too.
 */

CREATE FUNCTION bixarena.role_kinds(kind text)
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null if there is no such kind
	SELECT k.kinds[:array_position(k.kinds, kind)]
	FROM (VALUES ('{reader,operator,admin}'::text[])) AS k (kinds)
	WHERE kind = ANY (k.kinds)
$$;
COMMENT ON FUNCTION bixarena.role_kinds(text) IS
	'a kind of member and those that it includes';
REVOKE ALL ON FUNCTION bixarena.role_kinds(text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_arena_owner(arena text)
RETURNS oid
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- pg_database_owner, to whom the schema public belongs, is who owns the database
	SELECT CASE n.nspowner WHEN 'pg_database_owner'::regrole THEN d.datdba ELSE n.nspowner END
	FROM pg_namespace AS n, pg_database AS d
	WHERE n.nspname = arena AND d.datname = current_database()
$$;
COMMENT ON FUNCTION bixarena.role_arena_owner(text) IS
	'the role that owns the schema of an arena';
REVOKE ALL ON FUNCTION bixarena.role_arena_owner(text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_battle_rights(arena text)
RETURNS TABLE (object_type text, object text, privilege text, is_owners boolean)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What a view without security_invoker reads is read with its owner's rights.
	-- What one with it reads must be every owner's to give away through whose hands
	-- it goes: the arena's, and those of the views that lead there.  Else whoever
	-- makes a view could have a superuser grant rights on anything.
	WITH RECURSIVE source AS (
		SELECT r.oid, ARRAY[bixarena.role_arena_owner(arena)] AS owners
		FROM unnest(bixarena.arena_battle_relations(arena)) AS r (oid)
		UNION
		SELECT c.oid, ARRAY(SELECT DISTINCT o FROM unnest(s.owners || v.relowner) AS o ORDER BY o)
		FROM source AS s
		JOIN pg_class AS v ON v.oid = s.oid AND v.relkind = 'v'
		JOIN pg_rewrite AS r ON r.ev_class = v.oid
		JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
			AND d.refclassid = 'pg_class'::regclass
		JOIN pg_class AS c ON c.oid = d.refobjid AND c.oid <> v.oid
		WHERE EXISTS (SELECT FROM pg_options_to_table(v.reloptions) AS o
			WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)
	)
	SELECT r.object_type, r.object, r.privilege, bool_and(r.is_owners)
	FROM source AS s
	JOIN pg_class AS c ON c.oid = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f'),
		unnest(s.owners) AS o (owner),
		LATERAL (VALUES
			('TABLE', c.oid::regclass::text, 'SELECT',
				has_table_privilege(o.owner, c.oid, 'SELECT WITH GRANT OPTION')),
			('SCHEMA', c.relnamespace::regnamespace::text, 'USAGE',
				has_schema_privilege(o.owner, c.relnamespace, 'USAGE WITH GRANT OPTION')))
			AS r (object_type, object, privilege, is_owners)
	WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
	GROUP BY r.object_type, r.object, r.privilege, s.owners
$$;
COMMENT ON FUNCTION bixarena.role_battle_rights(text) IS
	'the rights that a reader of the battles of an arena needs, and whether they are its owner''s to grant';
REVOKE ALL ON FUNCTION bixarena.role_battle_rights(text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_needed_rights(kind text, arena text)
RETURNS TABLE (object_type text, object text, privilege text, is_owners boolean)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The one list of who gets what; a kind also gets what those before it get.
	-- What is the arena's, and what its battles are read from, may belong to
	-- anybody: is it its owner's to grant?
	WITH wanted (kind, object_type, schema, name, privilege) AS (VALUES
		('reader', 'SCHEMA', arena, NULL, 'USAGE'),
		('reader', 'TABLE', arena, 'leaderboard', 'SELECT'),
		('reader', 'TABLE', arena, 'model', 'SELECT'),
		('reader', 'TABLE', arena, 'leaderboard_snapshot', 'SELECT'),
		('reader', 'TABLE', arena, 'leaderboard_entry', 'SELECT'),
		('operator', 'TABLE', arena, 'leaderboard_snapshot', 'INSERT'),
		('operator', 'TABLE', arena, 'leaderboard_snapshot', 'UPDATE'),
		('operator', 'TABLE', arena, 'leaderboard_entry', 'INSERT'),
		('operator', 'TABLE', arena, 'snapshot_writer', 'SELECT'),
		('operator', 'TABLE', arena, 'snapshot_writer', 'UPDATE'),
		('operator', 'TABLE', arena, 'tally_keeper', 'SELECT'),
		('operator', 'TABLE', arena, 'tally_keeper', 'UPDATE'),
		('operator', 'TABLE', arena, 'tally_state', 'SELECT'),
		('operator', 'TABLE', arena, 'tally_difference', 'SELECT'),
		('operator', 'TABLE', 'bixarena', 'run', 'SELECT'),
		('operator', 'TABLE', 'bixarena', 'arena', 'SELECT'),
		('operator', 'TABLE', 'bixarena', 'metrics', 'SELECT'),
		('admin', 'SCHEMA', arena, NULL, 'CREATE'),
		('admin', 'TABLE', arena, 'node_rights', 'SELECT'),
		('admin', 'TABLE', arena, 'leaderboard_snapshot', 'DELETE'),
		('admin', 'TABLE', arena, 'leaderboard_entry', 'DELETE')
	), routines (kind, name) AS (VALUES
		('operator', 'bixarena_generate_snapshot'),
		('operator', 'bixarena_generate_snapshots'),
		('operator', 'bixarena_request_snapshot'),
		('operator', 'bixarena_process_requests'),
		('operator', 'bixarena_update_snapshot'),
		('operator', 'bixarena_live'),
		('operator', 'bixarena_fold_tally'),
		('operator', 'bixarena_verify_tally'),
		('admin', 'bixarena_configure'),
		('admin', 'bixarena_attach_arena'),
		('admin', 'bixarena_delete_snapshot'),
		('admin', 'bixarena_backfill'),
		('admin', 'bixarena_keep_tally'),
		('admin', 'bixarena_drop_tally'),
		('admin', 'bixarena_rebuild_tally'),
		('admin', 'bixarena_schedule'),
		('admin', 'bixarena_unschedule')
	), owner AS (
		SELECT bixarena.role_arena_owner(arena) AS oid
	), found AS (
		SELECT w.kind, w.object_type, quote_ident(n.nspname) AS object, w.privilege,
			true AS is_owners
		FROM wanted AS w
		JOIN pg_namespace AS n ON n.nspname = w.schema
		WHERE w.object_type = 'SCHEMA'
		UNION
		SELECT w.kind, w.object_type, c.oid::regclass::text, w.privilege,
			w.schema = 'bixarena'
				OR has_table_privilege(o.oid, c.oid, w.privilege || ' WITH GRANT OPTION')
		FROM owner AS o, wanted AS w
		JOIN pg_namespace AS n ON n.nspname = w.schema
		JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
			AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		WHERE w.object_type = 'TABLE'
		UNION
		-- what the battles are read from, in whatever schema
		SELECT 'operator', r.*
		FROM bixarena.role_battle_rights(CASE WHEN NOT bixarena.scoreboard_exists(arena) THEN arena END) AS r
		UNION
		SELECT s.kind, s.object_type, s.object, s.privilege, true
		FROM bixarena.scoreboard_rights(CASE WHEN bixarena.scoreboard_exists(arena) THEN arena END) AS s
		UNION
		-- functions, and the schema in which they are
		SELECT r.kind, 'ROUTINE', p.oid::regprocedure::text, 'EXECUTE', true
		FROM routines AS r
		JOIN pg_proc AS p ON p.proname = r.name
		JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
			AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'bixarena_rank'
		WHERE NOT bixarena.scoreboard_exists(arena)
		UNION
		SELECT 'reader', 'SCHEMA', e.extnamespace::regnamespace::text, 'USAGE', true
		FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'
		UNION
		SELECT 'admin', 'SCHEMA', 'cron', 'USAGE', true
		FROM pg_extension AS e WHERE e.extname = 'pg_cron'
	)
	SELECT f.object_type, f.object, f.privilege, bool_or(f.is_owners)
	FROM found AS f
	WHERE f.kind = ANY (bixarena.role_kinds(role_needed_rights.kind))
	GROUP BY f.object_type, f.object, f.privilege
$$;
COMMENT ON FUNCTION bixarena.role_needed_rights(text, text) IS
	'the rights that a kind of member needs in an arena, and whether its owner may grant them';
REVOKE ALL ON FUNCTION bixarena.role_needed_rights(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_rights(kind text, arena text)
RETURNS TABLE (object_type text, object text, privilege text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- else whoever makes a view could have a superuser grant rights on anything
	SELECT r.object_type, r.object, r.privilege
	FROM bixarena.role_needed_rights(kind, arena) AS r
	WHERE r.is_owners
$$;
COMMENT ON FUNCTION bixarena.role_rights(text, text) IS
	'the rights that a kind of member is given in an arena';
REVOKE ALL ON FUNCTION bixarena.role_rights(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_warn(role name, kind text, arena text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lacking text;
BEGIN
	SELECT string_agg(format('GRANT %s ON %s %s TO %I;', r.privilege, r.object_type,
		r.object, role), ' ' ORDER BY r.object_type, r.object, r.privilege)
	INTO lacking
	FROM bixarena.role_needed_rights(kind, arena) AS r
	WHERE NOT r.is_owners AND NOT CASE r.object_type
		WHEN 'SCHEMA' THEN has_schema_privilege(role, r.object::regnamespace, r.privilege)
		ELSE has_table_privilege(role, r.object::regclass, r.privilege) END;
	IF lacking IS NOT NULL THEN
		RAISE WARNING 'role "%" lacks rights that are not granted', role
			USING DETAIL = format('They are on objects that the owner of arena "%s" may not grant rights on.', arena),
				HINT = 'If their owners agree: ' || lacking;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.role_warn(name, text, text) IS
	'tell which rights a member needs that the arena''s owner may not grant';
REVOKE ALL ON FUNCTION bixarena.role_warn(name, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_check(role name, kind text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF num_nulls(role, kind) > 0 THEN
		RAISE EXCEPTION 'role and kind must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF bixarena.role_kinds(kind) IS NULL THEN
		RAISE EXCEPTION 'kind must be reader, operator or admin, not "%"', kind
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.role_check(name, text) IS
	'an error unless there is such a kind of member';
REVOKE ALL ON FUNCTION bixarena.role_check(name, text) FROM PUBLIC;

CREATE FUNCTION bixarena_grant(role name, kind text, arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := CASE WHEN bixarena.scoreboard_exists(arena) THEN arena
		ELSE bixarena.arena_resolve(arena) END;
	needed record;
BEGIN
	PERFORM bixarena.role_check(role, kind);
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
		SELECT r.* FROM bixarena.role_rights(kind, found_arena) AS r ORDER BY r.*
	LOOP
		EXECUTE format('GRANT %s ON %s %s TO %I', needed.privilege,
			needed.object_type, needed.object, role);
	END LOOP;
	PERFORM bixarena.role_warn(role, kind, found_arena);
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
	found_arena text := coalesce(arena, bixarena.arena_resolve(NULL));
	surplus record;
BEGIN
	PERFORM bixarena.role_check(role, kind);
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
		SELECT r.* FROM bixarena.role_rights(kind, found_arena) AS r
		EXCEPT
		SELECT r.*
		FROM bixarena.membership AS m
		JOIN pg_namespace AS n ON n.nspname = m.arena,
			LATERAL bixarena.role_rights(m.kind, m.arena) AS r
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


