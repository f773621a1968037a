/*
 * Arenas.
 */

CREATE FUNCTION bixarena.resolve_arena(arena text)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_resolve_arena'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.resolve_arena(text) IS
	'the arena meant by a name, or by none';

CREATE FUNCTION bixarena.register_arena(arena text)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_register_arena'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.register_arena(text) IS
	'register a schema as an arena';
-- it writes a table of ours
REVOKE ALL ON FUNCTION bixarena.register_arena(text) FROM PUBLIC;

CREATE FUNCTION bixarena_create_arena(name text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF name IS NULL THEN
		RAISE EXCEPTION 'name must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF octet_length(name) > 63 OR name = '' OR name ~ '^pg_' THEN
		RAISE EXCEPTION 'an arena cannot be named "%"', name
			USING ERRCODE = 'invalid_schema_name',
				HINT = 'A name is a schema''s: 1 to 63 bytes, and not beginning with pg_.';
	END IF;
	IF to_regnamespace(quote_ident(name)) IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" exists already', name
			USING ERRCODE = 'duplicate_schema',
				HINT = 'Register an existing schema with bixarena_attach_arena().';
	END IF;

	PERFORM bixarena.register_arena(name);
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
			slug varchar(100) UNIQUE NOT NULL,
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

		CREATE VIEW %1$I.leaderboard_battle WITH (security_invoker = true) AS
		SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id,
			b.outcome::text AS outcome, b.voter_id, b.created_at
		FROM %1$I.battle AS b
		UNION ALL
		SELECT c.category, b.model1_id, b.model2_id,
			b.outcome::text, b.voter_id, b.created_at
		FROM %1$I.battle AS b CROSS JOIN LATERAL unnest(b.categories) AS c (category)
		WHERE c.category <> 'overall';
		COMMENT ON VIEW %1$I.leaderboard_battle IS
			'which battles count for which leaderboard; may be replaced';
	$sql$, name);
	RETURN name;
END
$$;
COMMENT ON FUNCTION bixarena_create_arena(text) IS
	'make a schema with all that an arena needs, and register it';
-- it creates a schema and writes a table of ours
REVOKE ALL ON FUNCTION bixarena_create_arena(text) FROM PUBLIC;

/*
 * Attaching: what an arena must have, and of which kind of type; and the view
 * made from whichever of the application's tables there are.
 */

CREATE FUNCTION bixarena.missing_columns(arena text, required text[])
RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- each of required is 'relation.column kind'; kinds are a type's name or
	-- its category: S string, N number, D date and time, else the type itself
	WITH wanted AS (
		SELECT split_part(r, '.', 1) AS relation,
			split_part(split_part(r, '.', 2), ' ', 1) AS "column",
			split_part(r, ' ', 2) AS kind,
			position
		FROM unnest(required) WITH ORDINALITY AS u (r, position)
	), found AS (
		SELECT w.*, c.oid AS relation_id, a.atttypid, t.typcategory
		FROM wanted AS w
		LEFT JOIN pg_namespace AS n ON n.nspname = arena
		LEFT JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.relation
			AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid
			AND a.attname = w."column" AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_type AS t ON t.oid = a.atttypid
	)
	SELECT array_agg(DISTINCT CASE
		WHEN relation_id IS NULL THEN format('relation %I is missing', relation)
		WHEN atttypid IS NULL THEN format('column %I.%I is missing', relation, "column")
		ELSE format('column %I.%I is of type %s, not %s', relation, "column",
			format_type(atttypid, NULL),
			CASE kind WHEN 'S' THEN 'text' WHEN 'N' THEN 'a number'
				WHEN 'D' THEN 'a timestamp' ELSE kind END)
		END)
	FROM found
	WHERE relation_id IS NULL OR atttypid IS NULL
		OR (length(kind) = 1 AND typcategory <> kind::"char")
		OR (length(kind) > 1 AND atttypid <> to_regtype(kind))
$$;
COMMENT ON FUNCTION bixarena.missing_columns(text, text[]) IS
	'what a schema lacks of the relations and columns required';

CREATE FUNCTION bixarena.check_columns(arena text, required text[])
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing text[] := bixarena.missing_columns(arena, required);
BEGIN
	IF missing IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" cannot be an arena', arena
			USING ERRCODE = 'invalid_schema_definition',
				DETAIL = array_to_string(missing, '; ') || '.',
				HINT = 'The documentation lists what an arena has.';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.check_columns(text, text[]) IS
	'an error unless a schema has the relations and columns required';

CREATE FUNCTION bixarena.create_battle_view(arena text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := quote_ident(arena);
	battles text := format(
		'FROM %1$I.battle AS b JOIN %1$I.battle_evaluation AS e ON e.battle_id = b.id',
		arena);
	counts text := 'true';
	columns text := 'b.model1_id, b.model2_id, e.outcome::text AS outcome, '
		'b.user_id AS voter_id, e.created_at';
	sql text;
BEGIN
	PERFORM bixarena.check_columns(arena, '{
		battle.id uuid, battle.model1_id uuid, battle.model2_id uuid,
		battle.user_id uuid, battle_evaluation.battle_id uuid,
		battle_evaluation.outcome S, battle_evaluation.created_at D}');

	IF to_regclass(schema || '.battle_validation') IS NOT NULL THEN
		PERFORM bixarena.check_columns(arena, '{
			battle.effective_validation_id uuid,
			battle_validation.id uuid, battle_validation.is_biomedical boolean}');
		battles := battles || format(
			' JOIN %I.battle_validation AS v ON v.id = b.effective_validation_id',
			arena);
		counts := 'v.is_biomedical';
	END IF;
	sql := format('SELECT ''overall''::text AS leaderboard, %s %s WHERE %s',
		columns, battles, counts);

	IF to_regclass(schema || '.battle_categorization') IS NOT NULL THEN
		PERFORM bixarena.check_columns(arena, '{
			battle.effective_categorization_id uuid,
			battle_categorization.id uuid, battle_categorization.status S,
			battle_categorization_category.categorization_id uuid,
			battle_categorization_category.category S}');
		sql := sql || format(
			' UNION ALL SELECT c.category::text, %2$s %3$s'
			' JOIN %1$I.battle_categorization AS k'
			' ON k.id = b.effective_categorization_id'
			' JOIN %1$I.battle_categorization_category AS c'
			' ON c.categorization_id = k.id'
			' WHERE %4$s AND k.status = ''matched'' AND c.category <> ''overall''',
			arena, columns, battles, counts);
	END IF;

	EXECUTE format('CREATE VIEW %I.leaderboard_battle'
		' WITH (security_invoker = true) AS %s', arena, sql);
	EXECUTE format('COMMENT ON VIEW %I.leaderboard_battle IS %L', arena,
		'which battles count for which leaderboard; may be replaced');
END
$$;
COMMENT ON FUNCTION bixarena.create_battle_view(text) IS
	'make the view leaderboard_battle from the tables of the application';
-- it creates a view
REVOKE ALL ON FUNCTION bixarena.create_battle_view(text) FROM PUBLIC;

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
	IF to_regnamespace(quote_ident(schema)) IS NULL THEN
		RAISE EXCEPTION 'schema "%" does not exist', schema
			USING ERRCODE = 'invalid_schema_name',
				HINT = 'Make a new arena with bixarena_create_arena().';
	END IF;

	PERFORM bixarena.check_columns(schema, '{
		leaderboard.id uuid, leaderboard.slug S, leaderboard.name S,
		model.id uuid, model.slug S, model.name S, model.license S,
		model.organization S,
		leaderboard_snapshot.id uuid, leaderboard_snapshot.leaderboard_id uuid,
		leaderboard_snapshot.snapshot_identifier S,
		leaderboard_snapshot.description S, leaderboard_snapshot.visibility S,
		leaderboard_snapshot.created_at D, leaderboard_snapshot.updated_at D,
		leaderboard_entry.id uuid, leaderboard_entry.leaderboard_id uuid,
		leaderboard_entry.model_id uuid, leaderboard_entry.snapshot_id uuid,
		leaderboard_entry.bt_score N, leaderboard_entry.vote_count N,
		leaderboard_entry.rank N, leaderboard_entry.bootstrap_q025 N,
		leaderboard_entry.bootstrap_q975 N, leaderboard_entry.created_at D}');
	IF to_regclass(quote_ident(schema) || '.leaderboard_battle') IS NULL THEN
		PERFORM bixarena.create_battle_view(schema);
	END IF;
	PERFORM bixarena.check_columns(schema, '{
		leaderboard_battle.leaderboard S, leaderboard_battle.model1_id uuid,
		leaderboard_battle.model2_id uuid, leaderboard_battle.outcome S,
		leaderboard_battle.voter_id uuid, leaderboard_battle.created_at D}');

	PERFORM bixarena.register_arena(schema);
	RETURN schema;
END
$$;
COMMENT ON FUNCTION bixarena_attach_arena(text) IS
	'register an existing schema as an arena, creating only the view leaderboard_battle where it is missing';
-- it creates a view and writes a table of ours
REVOKE ALL ON FUNCTION bixarena_attach_arena(text) FROM PUBLIC;


