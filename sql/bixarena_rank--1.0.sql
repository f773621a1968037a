/* bixarena_rank 1.0: installed by CREATE EXTENSION bixarena_rank */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION bixarena_rank" to load this file. \quit

-- Functions for users are in the extension's schema and bear the prefix
-- bixarena_; the tables, and functions for our own use, are in the schema
-- bixarena.  All functions that run SQL have their search_path pinned.
CREATE SCHEMA bixarena;
COMMENT ON SCHEMA bixarena IS 'tables and internal functions of bixarena_rank';

GRANT USAGE ON SCHEMA bixarena TO PUBLIC;


/*
 * Tables.  Only functions of ours write them, with the owner's rights.
 */

CREATE TABLE bixarena.arena (
	name name PRIMARY KEY,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE bixarena.arena IS 'schemas that are registered as arenas';
COMMENT ON COLUMN bixarena.arena.name IS 'name of the schema';

CREATE TABLE bixarena.setting (
	arena name NOT NULL,
	leaderboard text,
	name text NOT NULL,
	value text NOT NULL
);
CREATE UNIQUE INDEX setting_key
	ON bixarena.setting (arena, (coalesce(leaderboard, '')), name);
COMMENT ON TABLE bixarena.setting IS
	'values of settings that differ from the default; see bixarena_settings()';
COMMENT ON COLUMN bixarena.setting.leaderboard IS
	'slug of the leaderboard; null: the whole arena';

CREATE TABLE bixarena.run (
	correlation_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	arena name NOT NULL,
	leaderboard text NOT NULL,
	status text NOT NULL
		CHECK (status IN ('queued', 'running', 'succeeded', 'skipped', 'failed')),
	trigger_source text NOT NULL
		CHECK (trigger_source IN ('scheduled', 'api', 'manual')),
	triggered_by text CHECK (pg_catalog.length(triggered_by) <= 320),
	role name NOT NULL,
	parameters jsonb NOT NULL,
	attempts integer NOT NULL,
	requested_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	started_at timestamptz,
	ended_at timestamptz,
	read_seconds double precision,
	fit_seconds double precision,
	bootstrap_seconds double precision,
	write_seconds double precision,
	snapshot_id uuid,
	snapshot_identifier text,
	entry_count integer,
	evaluation_count bigint,
	ignored_battles bigint,
	incomplete_replicates integer,
	unranked jsonb,
	skip_reason text,
	error_sqlstate text,
	error_message text,
	error_detail text
);
CREATE INDEX run_leaderboard
	ON bixarena.run (arena, leaderboard, requested_at DESC);
COMMENT ON TABLE bixarena.run IS 'attempts to make a snapshot, and how they went';
COMMENT ON COLUMN bixarena.run.leaderboard IS 'slug of the leaderboard';
COMMENT ON COLUMN bixarena.run.role IS 'role that the run was made as';
COMMENT ON COLUMN bixarena.run.parameters IS 'with what: settings in force, and as_of';
COMMENT ON COLUMN bixarena.run.read_seconds IS 'reading of the battles';
COMMENT ON COLUMN bixarena.run.fit_seconds IS 'point estimate';
COMMENT ON COLUMN bixarena.run.bootstrap_seconds IS 'intervals';
COMMENT ON COLUMN bixarena.run.write_seconds IS 'writing of the snapshot';
COMMENT ON COLUMN bixarena.run.evaluation_count IS 'battles that were used';
COMMENT ON COLUMN bixarena.run.ignored_battles IS 'battles that could not be used';
COMMENT ON COLUMN bixarena.run.incomplete_replicates IS
	'bootstrap replicates that could not place all models';
COMMENT ON COLUMN bixarena.run.unranked IS 'slugs of the models without a rank, and why';

SELECT pg_catalog.pg_extension_config_dump('bixarena.arena', '');
SELECT pg_catalog.pg_extension_config_dump('bixarena.setting', '');
SELECT pg_catalog.pg_extension_config_dump('bixarena.run', '');


/*
 * A ranking of any relation.  It reads with the caller's rights and writes
 * nothing, so everybody may call it.
 */

CREATE FUNCTION bixarena_rank(
	battles regclass,
	num_bootstrap integer DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome')
RETURNS TABLE (
	model text,
	bt_score double precision,
	rank integer,
	bootstrap_q025 double precision,
	bootstrap_q975 double precision,
	vote_count bigint,
	status text)
AS 'MODULE_PATHNAME', 'bixarena_rank'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank(regclass, integer, bigint, boolean, double precision, text, double precision, bigint, text, text, text) IS
	'Bradley-Terry ranking of the models in any table or view of battles';


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
		OR (length(kind) > 1 AND format_type(atttypid, NULL) <> kind)
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


/*
 * Settings.
 */

CREATE FUNCTION bixarena_configure(
	setting text,
	value text,
	leaderboard_id text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_configure'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_configure(text, text, text, text) IS
	'set a setting of an arena or one of its leaderboards; null unsets it';
-- it writes a table of ours
REVOKE ALL ON FUNCTION bixarena_configure(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_settings(
	leaderboard_id text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS TABLE (
	setting text,
	value text,
	source text,
	default_value text,
	description text)
AS 'MODULE_PATHNAME', 'bixarena_settings'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 13
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_settings(text, text) IS
	'the settings in force for an arena or one of its leaderboards';


/*
 * Making snapshots.
 */

CREATE TYPE bixarena_snapshot_result AS (
	status text,
	reason text,
	snapshot_id uuid,
	snapshot_identifier text,
	entry_count integer,
	evaluation_count bigint,
	duration_seconds double precision,
	correlation_id uuid
);
COMMENT ON TYPE bixarena_snapshot_result IS 'how the making of a snapshot went';

CREATE FUNCTION bixarena_generate_snapshot(
	leaderboard_id text,
	num_bootstrap integer DEFAULT NULL,
	min_evaluations bigint DEFAULT NULL,
	rank_by_significance boolean DEFAULT NULL,
	auto_publish boolean DEFAULT NULL,
	dry_run boolean DEFAULT false,
	as_of timestamptz DEFAULT NULL,
	seed bigint DEFAULT NULL,
	arena text DEFAULT NULL,
	trigger_source text DEFAULT 'manual',
	triggered_by text DEFAULT NULL,
	correlation_id uuid DEFAULT NULL)
RETURNS bixarena_snapshot_result
AS 'MODULE_PATHNAME', 'bixarena_generate_snapshot'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_generate_snapshot(text, integer, bigint, boolean, boolean, boolean, timestamptz, bigint, text, text, text, uuid) IS
	'rank the models of a leaderboard and store the result as a snapshot';
-- it writes snapshots and runs
REVOKE ALL ON FUNCTION bixarena_generate_snapshot(text, integer, bigint, boolean, boolean, boolean, timestamptz, bigint, text, text, text, uuid) FROM PUBLIC;

CREATE PROCEDURE bixarena_generate_snapshots(
	arena text DEFAULT NULL,
	trigger_source text DEFAULT 'manual',
	triggered_by text DEFAULT NULL)
AS 'MODULE_PATHNAME', 'bixarena_generate_snapshots'
LANGUAGE C;
COMMENT ON PROCEDURE bixarena_generate_snapshots(text, text, text) IS
	'make a snapshot of every leaderboard of an arena, each in its own transaction';
-- it writes snapshots and runs
REVOKE ALL ON PROCEDURE bixarena_generate_snapshots(text, text, text) FROM PUBLIC;


/*
 * Reading snapshots, as the application does and with the caller's rights.
 */

CREATE TYPE bixarena_leaderboard_row AS (
	rank integer,
	model text,
	slug text,
	organization text,
	license text,
	bt_score numeric(10,6),
	bootstrap_q025 numeric(10,6),
	bootstrap_q975 numeric(10,6),
	vote_count integer,
	rank_change integer,
	snapshot_identifier text
);
COMMENT ON TYPE bixarena_leaderboard_row IS 'a model''s line in a leaderboard';

CREATE FUNCTION bixarena.find_leaderboard(leaderboard_id text, arena text)
RETURNS uuid
AS 'MODULE_PATHNAME', 'bixarena_find_leaderboard'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.find_leaderboard(text, text) IS
	'id of the leaderboard of a slug';

CREATE FUNCTION bixarena.find_snapshot(leaderboard_id text, snapshot_identifier text, arena text)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found uuid;
BEGIN
	IF num_nulls(leaderboard_id, snapshot_identifier) > 0 THEN
		RAISE EXCEPTION 'leaderboard_id and snapshot_identifier must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	EXECUTE format($sql$
		SELECT s.id FROM %I.leaderboard_snapshot AS s
		WHERE s.leaderboard_id = $1 AND s.snapshot_identifier = $2
		$sql$, arena)
		INTO found
		USING bixarena.find_leaderboard(leaderboard_id, arena), snapshot_identifier;
	IF found IS NULL THEN
		RAISE EXCEPTION 'leaderboard "%" has no snapshot "%"',
			leaderboard_id, snapshot_identifier
			USING ERRCODE = 'undefined_object',
				HINT = 'bixarena_snapshots() lists them.';
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.find_snapshot(text, text, text) IS
	'id of the snapshot of an identifier';

CREATE FUNCTION bixarena_leaderboard(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	lookback interval DEFAULT '7 days',
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_leaderboard_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.resolve_arena(arena);
	leaderboard uuid;
	named uuid;
	shown record;
	earlier uuid;
BEGIN
	IF num_nulls(leaderboard_id, lookback) > 0 THEN
		RAISE EXCEPTION 'leaderboard_id and lookback must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF lookback < '0' THEN
		RAISE EXCEPTION 'lookback must not be negative'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	leaderboard := bixarena.find_leaderboard(leaderboard_id, found_arena);

	IF snapshot_identifier IS NOT NULL THEN
		named := bixarena.find_snapshot(leaderboard_id, snapshot_identifier, found_arena);
	END IF;
	EXECUTE format($sql$
		SELECT s.id, s.snapshot_identifier, s.created_at
		FROM %I.leaderboard_snapshot AS s
		WHERE s.leaderboard_id = $1
			AND CASE WHEN $2 IS NULL THEN s.visibility = 'public' ELSE s.id = $2 END
		ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC,
			s.snapshot_identifier DESC LIMIT 1
		$sql$, found_arena)
		INTO shown USING leaderboard, named;

	EXECUTE format($sql$
		SELECT s.id FROM %I.leaderboard_snapshot AS s
		WHERE s.leaderboard_id = $1 AND s.visibility = 'public'
			AND s.created_at <= $2
		ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC,
			s.snapshot_identifier DESC LIMIT 1
		$sql$, found_arena)
		INTO earlier USING leaderboard, shown.created_at - lookback;

	RETURN QUERY EXECUTE format($sql$
		SELECT e.rank::integer, m.name::text, m.slug::text, m.organization::text,
			m.license::text, e.bt_score::numeric(10,6),
			e.bootstrap_q025::numeric(10,6), e.bootstrap_q975::numeric(10,6),
			e.vote_count::integer, (o.rank - e.rank)::integer, $3::text
		FROM %1$I.leaderboard_entry AS e
		JOIN %1$I.model AS m ON m.id = e.model_id
		LEFT JOIN %1$I.leaderboard_entry AS o
			ON o.snapshot_id = $2 AND o.model_id = e.model_id
		WHERE e.snapshot_id = $1
		ORDER BY e.rank, e.bt_score DESC, m.name COLLATE "C", m.slug COLLATE "C"
		$sql$, found_arena)
		USING shown.id, earlier, shown.snapshot_identifier;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard(text, text, interval, text) IS
	'the latest public snapshot of a leaderboard, or a named one, with rank changes';

CREATE TYPE bixarena_snapshot AS (
	snapshot_identifier text,
	visibility text,
	description text,
	entry_count bigint,
	created_at timestamptz,
	updated_at timestamptz
);
COMMENT ON TYPE bixarena_snapshot IS 'a snapshot of a leaderboard';

CREATE FUNCTION bixarena_snapshots(
	leaderboard_id text,
	page_size integer DEFAULT 100,
	page integer DEFAULT 1,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_snapshot
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.resolve_arena(arena);
BEGIN
	IF num_nulls(leaderboard_id, page_size, page) > 0 THEN
		RAISE EXCEPTION 'leaderboard_id, page_size and page must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF page_size < 1 OR page < 1 THEN
		RAISE EXCEPTION 'page_size and page must be at least 1'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	RETURN QUERY EXECUTE format($sql$
		SELECT s.snapshot_identifier::text, s.visibility::text, s.description::text,
			(SELECT count(*) FROM %1$I.leaderboard_entry AS e
				WHERE e.snapshot_id = s.id),
			s.created_at::timestamptz, s.updated_at::timestamptz
		FROM %1$I.leaderboard_snapshot AS s
		WHERE s.leaderboard_id = $1
		ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC,
			s.snapshot_identifier DESC
		LIMIT $2 OFFSET $3
		$sql$, found_arena)
		USING bixarena.find_leaderboard(leaderboard_id, found_arena),
			page_size, (page - 1)::bigint * page_size;
END
$$;
COMMENT ON FUNCTION bixarena_snapshots(text, integer, integer, text) IS
	'the snapshots of a leaderboard, the latest first';


/*
 * An operator's hand on snapshots, with the caller's rights.
 */

CREATE FUNCTION bixarena_update_snapshot(
	leaderboard_id text,
	snapshot_identifier text,
	visibility text DEFAULT NULL,
	description text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.resolve_arena(arena);
	snapshot uuid := bixarena.find_snapshot(leaderboard_id, snapshot_identifier,
		found_arena);
BEGIN
	IF visibility NOT IN ('public', 'private') THEN
		RAISE EXCEPTION 'visibility must be public or private, not "%"', visibility
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	EXECUTE format($sql$
		UPDATE %I.leaderboard_snapshot AS s
		SET visibility = coalesce($2, s.visibility),
			description = coalesce($3, s.description),
			updated_at = now()
		WHERE s.id = $1
		$sql$, found_arena)
		USING snapshot, visibility, description;
END
$$;
COMMENT ON FUNCTION bixarena_update_snapshot(text, text, text, text, text) IS
	'publish, hide or describe a snapshot';
-- it writes snapshots
REVOKE ALL ON FUNCTION bixarena_update_snapshot(text, text, text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_delete_snapshot(
	leaderboard_id text,
	snapshot_identifier text,
	arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.resolve_arena(arena);
	snapshot uuid := bixarena.find_snapshot(leaderboard_id, snapshot_identifier,
		found_arena);
BEGIN
	-- entries first: an arena of views or foreign tables has nothing that cascades
	EXECUTE format('DELETE FROM %I.leaderboard_entry AS e WHERE e.snapshot_id = $1',
		found_arena) USING snapshot;
	EXECUTE format('DELETE FROM %I.leaderboard_snapshot AS s WHERE s.id = $1',
		found_arena) USING snapshot;
END
$$;
COMMENT ON FUNCTION bixarena_delete_snapshot(text, text, text) IS
	'delete a snapshot and its entries';
-- it deletes snapshots
REVOKE ALL ON FUNCTION bixarena_delete_snapshot(text, text, text) FROM PUBLIC;


/*
 * Simulated battles, for demonstrations and tests.
 */

CREATE FUNCTION bixarena.draw_scores(num_models integer, seed bigint)
RETURNS double precision[]
AS 'MODULE_PATHNAME', 'bixarena_draw_scores'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.draw_scores(integer, bigint) IS
	'scores of simulated models, in points';

CREATE FUNCTION bixarena.draw_battles(
	num_battles bigint,
	scores double precision[],
	tie_share double precision,
	num_voters integer,
	seed bigint)
RETURNS TABLE (
	model1 integer,
	model2 integer,
	outcome text,
	voter integer,
	moment double precision)
AS 'MODULE_PATHNAME', 'bixarena_draw_battles'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION bixarena.draw_battles(bigint, double precision[], double precision, integer, bigint) IS
	'battles between simulated models';

CREATE FUNCTION bixarena_simulate_battles(
	num_battles bigint DEFAULT 10000,
	num_models integer DEFAULT 20,
	scores double precision[] DEFAULT NULL,
	tie_share double precision DEFAULT 0.2,
	num_voters integer DEFAULT 100,
	categories text[] DEFAULT '{}',
	period interval DEFAULT '30 days',
	seed bigint DEFAULT 0,
	arena text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.resolve_arena(arena);
	real_models bigint;
	drawn double precision[];
BEGIN
	IF num_nulls(num_battles, num_models, tie_share, num_voters, categories,
			period, seed) > 0 THEN
		RAISE EXCEPTION 'only scores and arena may be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF num_battles NOT BETWEEN 1 AND 100000000 OR num_voters < 1
		OR NOT tie_share BETWEEN 0 AND 1 OR period < '0' THEN
		RAISE EXCEPTION 'num_battles must be from 1 to 100000000, num_voters at least 1, tie_share from 0 to 1, and period not negative'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	drawn := coalesce(scores, CASE WHEN num_models BETWEEN 2 AND 2000
		THEN bixarena.draw_scores(num_models, seed) END);
	IF drawn IS NULL OR cardinality(drawn) NOT BETWEEN 2 AND 2000
		OR array_ndims(drawn) <> 1 OR array_position(drawn, NULL) IS NOT NULL
		OR NOT 100000 >= ALL (SELECT abs(s) FROM unnest(drawn) AS s) THEN
		RAISE EXCEPTION 'there must be from 2 to 2000 models, each with a score within 100000 points of 0'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	IF NOT EXISTS (SELECT FROM pg_attribute AS a
			WHERE a.attrelid = to_regclass(quote_ident(found_arena) || '.battle')
				AND a.attname = 'categories' AND NOT a.attisdropped) THEN
		RAISE EXCEPTION 'arena "%" was not made by bixarena_create_arena()', found_arena
			USING ERRCODE = 'wrong_object_type',
				HINT = 'Simulate battles in an arena made for it.';
	END IF;
	EXECUTE format($sql$
		SELECT count(*) FROM %I.model
		WHERE organization IS DISTINCT FROM 'Simulated'
		$sql$, found_arena)
		INTO real_models;
	IF real_models > 0 THEN
		RAISE EXCEPTION 'arena "%" has models that are not simulated', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('There are %s of them.', real_models),
				HINT = 'Simulated battles must not mix with real ones; make an arena for them.';
	END IF;

	-- the same ids every time, so that rankings are the same to the last digit
	EXECUTE format($sql$
		INSERT INTO %I.model AS m
			(id, slug, name, license, organization, description)
		SELECT md5(format('simulated-%%s', n))::uuid,
			format('simulated-%%s', lpad(n::text, 4, '0')),
			format('Simulated %%s', lpad(n::text, 4, '0')),
			(ARRAY['open-source', 'proprietary'])[n %% 2 + 1], 'Simulated',
			format('simulated with a score of %%s points', round(score::numeric, 3))
		FROM unnest($1) WITH ORDINALITY AS u (score, n)
		ON CONFLICT (slug) DO UPDATE SET description = excluded.description
		$sql$, found_arena)
		USING drawn;
	EXECUTE format($sql$
		INSERT INTO %I.leaderboard (slug, name)
		SELECT c, initcap(c) FROM unnest($1) AS c ON CONFLICT DO NOTHING
		$sql$, found_arena)
		USING categories;
	-- a battle has up to three categories: as many, and which, as the digits of
	-- its moment say
	EXECUTE format($sql$
		INSERT INTO %1$I.battle
			(model1_id, model2_id, outcome, voter_id, categories, created_at)
		SELECT a.id, b.id, d.outcome,
			format('5157a7ed-0000-4000-8000-%%s', lpad(d.voter::text, 12, '0'))::uuid,
			ARRAY(SELECT DISTINCT $6[1 + digits / (1000 ^ k)::bigint %% cardinality($6)]
				FROM generate_series(1, digits %% 4) AS k
				WHERE cardinality($6) > 0),
			now() - $7 * (1 - d.moment)
		FROM bixarena.draw_battles($1, $2, $3, $4, $5) AS d
		CROSS JOIN LATERAL int8(floor(d.moment * 1e12)) AS f (digits)
		JOIN %1$I.model AS a
			ON a.slug = format('simulated-%%s', lpad(d.model1::text, 4, '0'))
		JOIN %1$I.model AS b
			ON b.slug = format('simulated-%%s', lpad(d.model2::text, 4, '0'))
		$sql$, found_arena)
		USING num_battles, drawn, tie_share, num_voters, seed, categories, period;
	RETURN num_battles;
END
$$;
COMMENT ON FUNCTION bixarena_simulate_battles(bigint, integer, double precision[], double precision, integer, text[], interval, bigint, text) IS
	'fill an arena made for it with battles that never took place';
-- it writes models and battles
REVOKE ALL ON FUNCTION bixarena_simulate_battles(bigint, integer, double precision[], double precision, integer, text[], interval, bigint, text) FROM PUBLIC;
