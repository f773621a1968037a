/*
 * Arenas.
 */

CREATE FUNCTION bixarena.arena_resolve(arena text)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_resolve_arena'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_resolve(text) IS
	'the arena meant by a name, or by none';

CREATE FUNCTION bixarena.arena_register(arena text)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_register_arena'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_register(text) IS
	'register a schema as an arena, for who may attach or create one';

CREATE FUNCTION bixarena.arena_view(arena text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- DISTINCT: a battle may name a category twice
	SELECT format($sql$
		CREATE OR REPLACE VIEW %1$I.leaderboard_battle WITH (security_invoker = true) AS
		SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id,
			b.outcome::text AS outcome, b.voter_id, b.created_at, b.id AS battle_id
		FROM %1$I.battle AS b
		UNION ALL
		SELECT c.category, b.model1_id, b.model2_id,
			b.outcome::text, b.voter_id, b.created_at, b.id
		FROM %1$I.battle AS b
		CROSS JOIN LATERAL (SELECT DISTINCT unnest(b.categories)) AS c (category)
		WHERE c.category <> 'overall';
		COMMENT ON VIEW %1$I.leaderboard_battle IS
			'which battles count for which leaderboard; may be replaced';
	$sql$, arena)
$$;
COMMENT ON FUNCTION bixarena.arena_view(text) IS
	'the statements that make the view leaderboard_battle of an arena of one''s own';

CREATE FUNCTION bixarena.arena_check_name(name text, kind text, hint text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF name IS NULL THEN
		RAISE EXCEPTION 'name must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF octet_length(name) > 63 OR name = '' OR name ~ '^pg_' THEN
		RAISE EXCEPTION '% cannot be named "%"', kind, name
			USING ERRCODE = 'invalid_schema_name',
				HINT = 'A name is a schema''s: 1 to 63 bytes, and not beginning with pg_.';
	END IF;
	IF to_regnamespace(quote_ident(name)) IS NULL THEN
		RETURN;
	END IF;
	IF hint IS NULL THEN
		RAISE EXCEPTION 'schema "%" exists already', name
			USING ERRCODE = 'duplicate_schema';
	END IF;
	RAISE EXCEPTION 'schema "%" exists already', name
		USING ERRCODE = 'duplicate_schema', HINT = hint;
END
$$;
COMMENT ON FUNCTION bixarena.arena_check_name(text, text, text) IS
	'an error unless a schema of this name can be made, for an arena or another kind of schema';

CREATE FUNCTION bixarena_create_arena(name text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena.arena_check_name(name, 'an arena', 'Register an existing schema with bixarena_attach_arena().');
	PERFORM bixarena.arena_register(name);
	EXECUTE format($sql$
		CREATE SCHEMA %1$I;
		COMMENT ON SCHEMA %1$I IS 'an arena of bixarena_rank';

		CREATE TABLE %1$I.model (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			slug varchar(200) UNIQUE NOT NULL,
			name varchar(300) NOT NULL,
			license varchar(20) NOT NULL DEFAULT 'proprietary'
				CHECK (license IN ('open-source', 'proprietary')),
			organization varchar(200),
			description text,
			created_at timestamptz NOT NULL DEFAULT now(),
			updated_at timestamptz NOT NULL DEFAULT now()
		);

		CREATE TABLE %1$I.leaderboard (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			slug varchar(100) UNIQUE NOT NULL CHECK (slug <> ''),
			name varchar(200) NOT NULL,
			description text,
			created_at timestamptz NOT NULL DEFAULT now(),
			updated_at timestamptz NOT NULL DEFAULT now()
		);
		INSERT INTO %1$I.leaderboard (slug, name, description)
		VALUES ('overall', 'Overall', 'every battle');

		CREATE TABLE %1$I.battle (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			model1_id uuid NOT NULL REFERENCES %1$I.model ON DELETE CASCADE,
			model2_id uuid NOT NULL REFERENCES %1$I.model ON DELETE CASCADE,
			outcome varchar(20) NOT NULL
				CHECK (outcome IN ('model1', 'model2', 'tie')),
			voter_id uuid,
			categories text[] NOT NULL DEFAULT '{}',
			created_at timestamptz NOT NULL DEFAULT now(),
			CHECK (model1_id <> model2_id)
		);
		CREATE INDEX ON %1$I.battle (model1_id);
		CREATE INDEX ON %1$I.battle (model2_id);
		CREATE INDEX ON %1$I.battle (created_at);
		COMMENT ON COLUMN %1$I.battle.categories IS
			'slugs of the leaderboards that it counts for, besides overall';

		CREATE TABLE %1$I.leaderboard_snapshot (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			leaderboard_id uuid NOT NULL
				REFERENCES %1$I.leaderboard ON DELETE CASCADE,
			snapshot_identifier varchar(200) NOT NULL,
			description text,
			visibility varchar(20) NOT NULL DEFAULT 'private'
				CHECK (visibility IN ('public', 'private')),
			created_at timestamptz NOT NULL DEFAULT now(),
			updated_at timestamptz NOT NULL DEFAULT now(),
			UNIQUE (leaderboard_id, snapshot_identifier)
		);
		CREATE INDEX ON %1$I.leaderboard_snapshot
			(leaderboard_id, visibility, created_at DESC);

		CREATE TABLE %1$I.leaderboard_entry (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			leaderboard_id uuid NOT NULL
				REFERENCES %1$I.leaderboard ON DELETE CASCADE,
			model_id uuid NOT NULL REFERENCES %1$I.model ON DELETE CASCADE,
			snapshot_id uuid NOT NULL
				REFERENCES %1$I.leaderboard_snapshot ON DELETE CASCADE,
			bt_score decimal(10,6) NOT NULL,
			vote_count integer NOT NULL DEFAULT 0,
			rank integer NOT NULL,
			bootstrap_q025 decimal(10,6) NOT NULL,
			bootstrap_q975 decimal(10,6) NOT NULL,
			created_at timestamptz NOT NULL DEFAULT now(),
			UNIQUE (leaderboard_id, model_id, snapshot_id)
		);
		CREATE INDEX ON %1$I.leaderboard_entry (snapshot_id, rank);
		CREATE INDEX ON %1$I.leaderboard_entry (model_id);
	$sql$, name);
	EXECUTE bixarena.arena_view(name);
	RETURN name;
END
$$;
COMMENT ON FUNCTION bixarena_create_arena(text) IS
	'make a schema with all that an arena needs, and register it';
-- it creates a schema and writes a table of ours
REVOKE ALL ON FUNCTION bixarena_create_arena(text) FROM PUBLIC;

/*
 * Attaching: what an arena must have, and a view that version 1.0 has left in it.
 */

CREATE FUNCTION bixarena.arena_check(arena text)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_check_arena'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_check(text) IS
	'an error unless a schema has what an arena needs besides battles';

CREATE FUNCTION bixarena.arena_check_battles(arena text)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_check_battles'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_check_battles(text) IS
	'an error unless it can be told which battles of a schema count';

CREATE FUNCTION bixarena.arena_battle_relations(arena text)
RETURNS oid[]
AS 'MODULE_PATHNAME', 'bixarena_battle_relations'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_battle_relations(text) IS
	'the relations of an arena that its battles are read from';
-- only bixarena_grant() and bixarena_revoke() need it
REVOKE ALL ON FUNCTION bixarena.arena_battle_relations(text) FROM PUBLIC;

CREATE FUNCTION bixarena_battle_query(
	arena text DEFAULT NULL,
	reading text DEFAULT 'leaderboard')
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_battle_query'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_battle_query(text, text) IS
	'the query that says at this moment which battles of an arena count';

CREATE FUNCTION bixarena.arena_view_of_1_0(arena text, tables name[])
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	battles text := format(
		'FROM %1$I.battle AS b JOIN %1$I.battle_evaluation AS e ON e.battle_id = b.id',
		arena);
	counts text := 'true';
	columns text := 'b.model1_id, b.model2_id, e.outcome::text AS outcome, '
		'b.user_id AS voter_id, e.created_at';
	sql text;
BEGIN
	IF tables = '{battle}' THEN
		RETURN format(
			'SELECT ''overall''::text AS leaderboard, b.model1_id, b.model2_id,'
			' b.outcome::text AS outcome, b.voter_id, b.created_at FROM %1$I.battle AS b'
			' UNION ALL SELECT c.category, b.model1_id, b.model2_id,'
			' b.outcome::text, b.voter_id, b.created_at FROM %1$I.battle AS b'
			' CROSS JOIN LATERAL unnest(b.categories) AS c (category)'
			' WHERE c.category <> ''overall''', arena);
	END IF;
	IF NOT tables @> '{battle,battle_evaluation}' THEN
		RETURN NULL;
	END IF;
	IF 'battle_validation' = ANY (tables) THEN
		battles := battles || format(
			' JOIN %I.battle_validation AS v ON v.id = b.effective_validation_id',
			arena);
		counts := 'v.is_biomedical';
	END IF;
	sql := format('SELECT ''overall''::text AS leaderboard, %s %s WHERE %s',
		columns, battles, counts);
	IF 'battle_categorization' = ANY (tables) THEN
		sql := sql || format(
			' UNION ALL SELECT c.category::text, %2$s %3$s'
			' JOIN %1$I.battle_categorization AS k'
			' ON k.id = b.effective_categorization_id'
			' JOIN %1$I.battle_categorization_category AS c'
			' ON c.categorization_id = k.id'
			' WHERE %4$s AND k.status = ''matched'' AND c.category <> ''overall''',
			arena, columns, battles, counts);
	END IF;
	RETURN sql;
END
$$;
COMMENT ON FUNCTION bixarena.arena_view_of_1_0(text, name[]) IS
	'the view leaderboard_battle that version 1.0 made from these tables of an arena';

CREATE FUNCTION bixarena.arena_retire_view(arena text, may_replace boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- the view leaderboard_battle, if it bears the comment that the extension gives it
	view regclass := (SELECT c.oid
		FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = arena AND c.relname = 'leaderboard_battle' AND c.relkind = 'v'
			AND obj_description(c.oid, 'pg_class')
				= 'which battles count for which leaderboard; may be replaced');
	owner oid;
	unchanged boolean;
	tables name[];
	definition text;
BEGIN
	IF view IS NULL THEN
		RETURN;
	END IF;
	SELECT c.relowner, c.reloptions = '{security_invoker=true}' AND NOT c.relhastriggers
		AND (SELECT count(*) FROM pg_rewrite AS r WHERE r.ev_class = c.oid) = 1
	INTO owner, unchanged
	FROM pg_class AS c WHERE c.oid = view;
	SELECT array_agg(DISTINCT t.relname)
	INTO tables
	FROM pg_rewrite AS r
	JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
		AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> view
	JOIN pg_class AS t ON t.oid = d.refobjid
	WHERE r.ev_class = view;
	definition := bixarena.arena_view_of_1_0(arena, tables);
	IF unchanged AND definition IS NOT NULL THEN
		-- what the server says of a view depends on its version, so the one of 1.0 is
		-- made again, where it is in nobody's way; if that cannot be, it is not that one
		BEGIN
			EXECUTE 'CREATE TEMP VIEW bixarena_view_of_1_0 AS ' || definition;
			unchanged := pg_get_viewdef(view) = pg_get_viewdef('pg_temp.bixarena_view_of_1_0'::regclass);
			DROP VIEW pg_temp.bixarena_view_of_1_0;
		EXCEPTION WHEN syntax_error_or_access_rule_violation THEN
			unchanged := false;
		END;
	END IF;

	IF definition IS NULL OR unchanged IS NOT TRUE THEN
		IF EXISTS (SELECT FROM pg_class AS c
				JOIN pg_namespace AS n ON n.oid = c.relnamespace
				WHERE n.nspname = arena AND c.relname = 'battle_evaluation') THEN
			RAISE WARNING 'view "%.leaderboard_battle" is not as version 1.0 made it, and is left', arena
				USING DETAIL = 'It says which battles count.',
					HINT = 'Once it is dropped, they are read from the tables that are there at each run.';
		END IF;
		RETURN;
	END IF;
	IF NOT pg_has_role(owner, 'USAGE') THEN
		RAISE WARNING 'view "%.leaderboard_battle", which version 1.0 made, is left', arena
			USING DETAIL = format('It belongs to role %s.', owner::regrole),
				HINT = 'That role, or a superuser, may attach the arena again.';
	ELSIF tables <> '{battle}' THEN
		BEGIN
			EXECUTE format('DROP VIEW %I.leaderboard_battle', arena);
			RAISE NOTICE 'view "%.leaderboard_battle", which version 1.0 made, was dropped', arena
				USING DETAIL = 'Which battles count is read from the tables that are there at each run.';
		EXCEPTION WHEN dependent_objects_still_exist THEN
			RAISE WARNING 'view "%.leaderboard_battle", which version 1.0 made, is left', arena
				USING DETAIL = 'Other objects depend on it.',
					HINT = 'Once they are dropped, attach the arena again.';
		END;
	ELSIF may_replace THEN
		EXECUTE bixarena.arena_view(arena);
		RAISE NOTICE 'view "%.leaderboard_battle", which version 1.0 made, was replaced', arena
			USING DETAIL = 'A battle that names a category twice counts once for it.';
	ELSE
		RAISE WARNING 'view "%.leaderboard_battle", which version 1.0 made, counts a battle twice that names a category twice', arena
			USING HINT = format('SELECT bixarena_attach_arena(%L) replaces it.', arena);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.arena_retire_view(text, boolean) IS
	'drop or replace the view leaderboard_battle of an arena if it is one that version 1.0 made';

CREATE FUNCTION bixarena_attach_arena(schema text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF schema IS NULL THEN
		RAISE EXCEPTION 'schema must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = schema) THEN
		RAISE EXCEPTION 'schema "%" does not exist', schema
			USING ERRCODE = 'invalid_schema_name',
				HINT = 'Make a new arena with bixarena_create_arena().';
	END IF;

	PERFORM bixarena.arena_check(schema);
	PERFORM bixarena.arena_retire_view(schema, true);
	PERFORM bixarena.arena_check_battles(schema);
	PERFORM bixarena.arena_register(schema);
	RETURN schema;
END
$$;
COMMENT ON FUNCTION bixarena_attach_arena(text) IS
	'register an existing schema as an arena, creating nothing in it';
-- it may drop a view, and writes a table of ours
REVOKE ALL ON FUNCTION bixarena_attach_arena(text) FROM PUBLIC;


