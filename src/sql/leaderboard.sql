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


