
/*
 * Reading a leaderboard and its snapshots, as the application does and with the
 * caller's rights.  Functions of ours read by those in the schema bixarena, which
 * know snapshots by their ids; those for users find the snapshot that is meant.
 */

CREATE FUNCTION bixarena.find_leaderboard(leaderboard_id text, arena text)
RETURNS uuid
AS 'MODULE_PATHNAME', 'bixarena_find_leaderboard'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.find_leaderboard(text, text) IS
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

CREATE FUNCTION bixarena.latest_snapshot(leaderboard uuid, until timestamptz, arena text)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found bixarena.snapshot_key;
BEGIN
	-- two of one second are told apart by their numbers, "..._2" and "..._10"
	EXECUTE format($sql$
		SELECT s.id, s.leaderboard_id, s.snapshot_identifier::text, s.created_at::timestamptz
		FROM %I.leaderboard_snapshot AS s
		WHERE s.leaderboard_id = $1 AND s.visibility = 'public' AND s.created_at <= $2
		ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC,
			s.snapshot_identifier DESC LIMIT 1
		$sql$, arena)
		INTO found USING leaderboard, until;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.latest_snapshot(uuid, timestamptz, text) IS
	'the latest public snapshot of a leaderboard up to a moment';

CREATE FUNCTION bixarena.find_snapshot(leaderboard_id text, snapshot_identifier text, arena text)
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
	EXECUTE format($sql$
		SELECT s.id, s.leaderboard_id, s.snapshot_identifier::text, s.created_at::timestamptz
		FROM %I.leaderboard_snapshot AS s
		WHERE s.leaderboard_id = $1 AND s.snapshot_identifier = $2
		$sql$, arena)
		INTO found
		USING bixarena.find_leaderboard(leaderboard_id, arena), snapshot_identifier;
	IF found.id IS NULL THEN
		RAISE EXCEPTION 'leaderboard "%" has no snapshot "%"',
			leaderboard_id, snapshot_identifier
			USING ERRCODE = 'undefined_object',
				HINT = 'bixarena_snapshots() lists them.';
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.find_snapshot(text, text, text) IS
	'the snapshot of an identifier';

CREATE FUNCTION bixarena.shown_snapshot(leaderboard_id text, snapshot_identifier text, arena text)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF leaderboard_id IS NULL THEN
		RAISE EXCEPTION 'leaderboard_id must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF snapshot_identifier IS NOT NULL THEN
		RETURN bixarena.find_snapshot(leaderboard_id, snapshot_identifier, arena);
	END IF;
	RETURN bixarena.latest_snapshot(bixarena.find_leaderboard(leaderboard_id, arena),
		'infinity', arena);
END
$$;
COMMENT ON FUNCTION bixarena.shown_snapshot(text, text, text) IS
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
	RETURN bixarena.latest_snapshot(shown.leaderboard, shown.created_at - lookback, arena);
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
	total_count bigint
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
	RETURN QUERY EXECUTE format($sql$
		SELECT e.rank::integer, m.name::text, m.slug::text, m.organization::text,
			m.license::text, e.bt_score::numeric(10,6),
			e.bootstrap_q025::numeric(10,6), e.bootstrap_q975::numeric(10,6),
			e.vote_count::integer, (o.rank - e.rank)::integer, $3, count(*) OVER ()
		FROM %1$I.leaderboard_entry AS e
		JOIN %1$I.model AS m ON m.id = e.model_id
		LEFT JOIN %1$I.leaderboard_entry AS o
			ON o.snapshot_id = $2 AND o.model_id = e.model_id
		WHERE e.snapshot_id = $1
		ORDER BY e.rank, e.bt_score DESC, m.name COLLATE "C", m.slug COLLATE "C"
		$sql$, arena)
		USING shown.id, earlier.id, shown.snapshot_identifier;
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
	found_arena text := bixarena.resolve_arena(arena);
	shown bixarena.snapshot_key :=
		bixarena.shown_snapshot(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY EXECUTE format($sql$
		WITH r AS MATERIALIZED (
			SELECT row_number() OVER () AS position, l.*
			FROM bixarena.leaderboard_rows($1, $2, $3) AS l
		)
		SELECT r.rank, r.model, r.slug, r.organization, r.license, r.bt_score,
			r.bootstrap_q025, r.bootstrap_q975, r.vote_count, r.rank_change,
			r.snapshot_identifier, count(*) OVER ()
		FROM r
		WHERE ($4 IS NULL OR r.license = $4) AND ($5 IS NULL OR r.organization = $5)
			AND ($6 IS NULL OR strpos(lower(r.model), lower($6)) > 0)
		ORDER BY %s, r.position
		LIMIT $7 OFFSET $8
		$sql$, bixarena.sort_order(sort_by, descending,
			'{rank,model,slug,organization,license}',
			'{bt_score,bootstrap_q025,bootstrap_q975,vote_count,rank_change}'))
		USING shown, bixarena.snapshot_before(shown, lookback, found_arena), found_arena,
			license, organization, search, page_size, bixarena.page_offset(page_size, page);
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
	found_arena text := bixarena.resolve_arena(arena);
BEGIN
	IF leaderboard_id IS NULL THEN
		RAISE EXCEPTION 'leaderboard_id must not be null'
			USING ERRCODE = 'null_value_not_allowed';
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
			page_size, bixarena.page_offset(page_size, page);
END
$$;
COMMENT ON FUNCTION bixarena_snapshots(text, bigint, bigint, text) IS
	'the snapshots of a leaderboard, the latest first';
