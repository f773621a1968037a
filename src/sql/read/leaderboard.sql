
/*
 * Reading a leaderboard and its snapshots, as the application does and with the
 * caller's rights.  Functions of ours read by those in the schema bixarena, which
 * know snapshots by their ids; those for users find the snapshot that is meant.
 */

CREATE FUNCTION bixarena.leaderboard_find(leaderboard_id text, arena text)
RETURNS uuid
AS 'MODULE_PATHNAME', 'bixarena_find_leaderboard'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.leaderboard_find(text, text) IS
	'id of the leaderboard of a slug';

/*
 * Which snapshot is meant.
 */

CREATE TYPE bixarena.snapshot_key AS (
	id uuid,
	leaderboard uuid,
	snapshot_identifier text,
	created_at timestamptz
);
COMMENT ON TYPE bixarena.snapshot_key IS 'which snapshot, and of when';

CREATE FUNCTION bixarena.snapshot_private_seen(arena text)
RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A reader is often a website, which passes on whatever name a visitor asks
	-- for.  So who may not write snapshots gets public ones only, as from the
	-- application; that its role could select from the table is another matter.
	SELECT coalesce(bool_or(
		has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')
		OR has_any_column_privilege(c.oid, 'INSERT, UPDATE')), false)
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = arena AND c.relname = 'leaderboard_snapshot'
$$;
COMMENT ON FUNCTION bixarena.snapshot_private_seen(text) IS
	'do functions show the caller private snapshots of an arena?';

CREATE FUNCTION bixarena.snapshot_pick(
	leaderboard uuid,
	arena text,
	snapshot_identifier text,
	until timestamptz)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Two of the same date, which other programs have made, are told apart by their
	-- numbers, "..._2" and "..._10".
	RETURN (SELECT (s.id, s.leaderboard_id, s.snapshot_identifier, s.created_at)::bixarena.snapshot_key
		FROM bixarena.read_snapshots(arena, leaderboard,
			CASE WHEN snapshot_pick.snapshot_identifier IS NULL THEN until END) AS s
		WHERE leaderboard IS NOT NULL AND CASE
			WHEN snapshot_pick.snapshot_identifier IS NULL THEN until IS NOT NULL
			ELSE s.snapshot_identifier = snapshot_pick.snapshot_identifier
				AND (s.visibility = 'public' OR bixarena.snapshot_private_seen(arena)) END
		ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC,
			s.snapshot_identifier DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION bixarena.snapshot_pick(uuid, text, text, timestamptz) IS
	'the snapshot of an identifier, or without one the latest public snapshot up to a moment';

CREATE FUNCTION bixarena.snapshot_find(leaderboard_id text, snapshot_identifier text, arena text)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found bixarena.snapshot_key;
BEGIN
	IF num_nulls(leaderboard_id, snapshot_identifier) > 0 THEN
		RAISE EXCEPTION 'leaderboard_id and snapshot_identifier must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	found := bixarena.snapshot_pick(bixarena.leaderboard_find(leaderboard_id, arena), arena,
		snapshot_identifier, NULL);
	IF found.id IS NULL THEN
		RAISE EXCEPTION 'leaderboard "%" has no snapshot "%"',
			leaderboard_id, snapshot_identifier
			USING ERRCODE = 'undefined_object',
				HINT = 'bixarena_snapshots() lists them.';
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.snapshot_find(text, text, text) IS
	'the snapshot of an identifier';

CREATE FUNCTION bixarena.snapshot_shown(leaderboard_id text, snapshot_identifier text, arena text)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF snapshot_identifier IS NOT NULL THEN
		RETURN bixarena.snapshot_find(leaderboard_id, snapshot_identifier, arena);
	END IF;
	RETURN bixarena.snapshot_pick(bixarena.leaderboard_find(leaderboard_id, arena), arena,
		NULL, 'infinity');
END
$$;
COMMENT ON FUNCTION bixarena.snapshot_shown(text, text, text) IS
	'the snapshot of an identifier, or without one the latest public snapshot';

CREATE FUNCTION bixarena.snapshot_before(
	shown bixarena.snapshot_key,
	lookback interval,
	arena text)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF lookback IS NULL THEN
		RAISE EXCEPTION 'lookback must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF lookback < '0' THEN
		RAISE EXCEPTION 'lookback must not be negative'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN bixarena.snapshot_pick(shown.leaderboard, arena, NULL, shown.created_at - lookback);
END
$$;
COMMENT ON FUNCTION bixarena.snapshot_before(bixarena.snapshot_key, interval, text) IS
	'the snapshot that another one is compared with';

/*
 * A leaderboard.
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
	snapshot_identifier text,
	total_count bigint,
	id uuid,
	external_link text,
	created_at timestamptz
);
COMMENT ON TYPE bixarena_leaderboard_row IS 'a model''s line in a leaderboard';

CREATE FUNCTION bixarena.leaderboard_rows(
	shown bixarena.snapshot_key,
	earlier bixarena.snapshot_key,
	arena text)
RETURNS SETOF bixarena_leaderboard_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT e.rank, m.name, m.slug, m.organization, m.license, e.bt_score::numeric(10,6),
			e.bootstrap_q025::numeric(10,6), e.bootstrap_q975::numeric(10,6),
			e.vote_count, o.rank - e.rank, shown.snapshot_identifier, count(*) OVER (),
			m.id, m.external_link, e.created_at
		FROM bixarena.read_entries(arena, ARRAY[shown.id]) AS e
		JOIN bixarena.read_models(arena) AS m ON m.id = e.model_id
		LEFT JOIN bixarena.read_entries(arena, ARRAY[earlier.id]) AS o
			ON o.model_id = e.model_id
		ORDER BY e.rank, e.bt_score DESC, m.name COLLATE "C", m.slug COLLATE "C";
END
$$;
COMMENT ON FUNCTION bixarena.leaderboard_rows(bixarena.snapshot_key, bixarena.snapshot_key, text) IS
	'the lines of a snapshot in the order of their ranks, with the changes since another one';

CREATE FUNCTION bixarena_leaderboard(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	lookback interval DEFAULT '7 days',
	license text DEFAULT NULL,
	organization text DEFAULT NULL,
	search text DEFAULT NULL,
	sort_by text DEFAULT 'rank',
	descending boolean DEFAULT NULL,
	page_size bigint DEFAULT NULL,
	page bigint DEFAULT 1,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_leaderboard_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY EXECUTE format($sql$
		WITH r AS MATERIALIZED (
			SELECT row_number() OVER () AS position, l.*
			FROM bixarena.leaderboard_rows($1, $2, $3) AS l
		)
		SELECT r.rank, r.model, r.slug, r.organization, r.license, r.bt_score,
			r.bootstrap_q025, r.bootstrap_q975, r.vote_count, r.rank_change,
			r.snapshot_identifier, count(*) OVER (), r.id, r.external_link, r.created_at
		FROM r
		WHERE ($4 IS NULL OR lower(r.license) = lower($4))
			AND ($5 IS NULL OR lower(r.organization) = lower($5))
			AND ($6 IS NULL OR strpos(lower(r.model), lower($6)) > 0)
		ORDER BY %s, r.position
		LIMIT $7 OFFSET $8
		$sql$, bixarena.list_order(sort_by, descending,
			'{rank,model,slug,organization,license}',
			'{bt_score,bootstrap_q025,bootstrap_q975,vote_count,rank_change,created_at}'))
		USING shown, bixarena.snapshot_before(shown, lookback, found_arena), found_arena,
			license, organization, search, page_size, bixarena.list_offset(page_size, page);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard(text, text, interval, text, text, text, text, boolean, bigint, bigint, text) IS
	'the latest public snapshot of a leaderboard, or a named one, with rank changes';

/*
 * The snapshots of a leaderboard.
 */

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
	page_size bigint DEFAULT 100,
	page bigint DEFAULT 1,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_snapshot
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	RETURN QUERY
		WITH s AS MATERIALIZED (
			SELECT r.*
			FROM bixarena.read_snapshots(found_arena,
				bixarena.leaderboard_find(leaderboard_id, found_arena)) AS r
			WHERE r.visibility = 'public' OR bixarena.snapshot_private_seen(found_arena)
			ORDER BY r.created_at DESC, length(r.snapshot_identifier) DESC,
				r.snapshot_identifier DESC
			LIMIT page_size OFFSET bixarena.list_offset(page_size, page)
		), counts AS (
			SELECT e.snapshot_id, count(*) AS entries
			FROM bixarena.read_entries(found_arena, ARRAY(SELECT s.id FROM s)) AS e
			GROUP BY e.snapshot_id
		)
		SELECT s.snapshot_identifier, s.visibility, s.description, coalesce(c.entries, 0),
			s.created_at, s.updated_at
		FROM s LEFT JOIN counts AS c ON c.snapshot_id = s.id
		ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC,
			s.snapshot_identifier DESC;
END
$$;
COMMENT ON FUNCTION bixarena_snapshots(text, bigint, bigint, text) IS
	'the snapshots of a leaderboard, the latest first';
