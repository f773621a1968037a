
/*
 * Ranks that the battles allow, and how far two models of a leaderboard are apart.
 */

CREATE FUNCTION bixarena.range_recorded(
	snapshot uuid,
	snapshot_identifier text,
	arena text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'bixarena_range_recorded'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.range_recorded(uuid, text, text) IS
	'the ranks that the battles of a snapshot allow, by model, for who may read its entries';

CREATE TYPE bixarena_leaderboard_range AS (
	rank integer,
	model text,
	slug text,
	bt_score numeric(10,6),
	lowest_rank integer,
	highest_rank integer,
	lowest_rank_simultaneous integer,
	highest_rank_simultaneous integer,
	may_be_best boolean,
	share_on_top double precision,
	comparison_lower numeric(10,6),
	comparison_upper numeric(10,6),
	snapshot_identifier text,
	id uuid
);
COMMENT ON TYPE bixarena_leaderboard_range IS 'the ranks that the battles allow a model of a leaderboard';

CREATE FUNCTION bixarena.range_rows(shown bixarena.snapshot_key, arena text)
RETURNS SETOF bixarena_leaderboard_range
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ranges jsonb := bixarena.range_recorded(shown.id, shown.snapshot_identifier, arena);
BEGIN
	RETURN QUERY
		SELECT l.rank, l.model, l.slug, l.bt_score, r.lowest_rank, r.highest_rank,
			r.lowest_rank_simultaneous, r.highest_rank_simultaneous, r.may_be_best,
			r.share_on_top, r.comparison_lower, r.comparison_upper,
			l.snapshot_identifier, l.id
		FROM bixarena.leaderboard_rows(shown, NULL, arena) WITH ORDINALITY AS l
		LEFT JOIN LATERAL jsonb_to_record(ranges -> l.id::text) AS r (
			lowest_rank integer, highest_rank integer, lowest_rank_simultaneous integer,
			highest_rank_simultaneous integer, may_be_best boolean,
			share_on_top double precision, comparison_lower numeric(10,6),
			comparison_upper numeric(10,6)) ON true
		ORDER BY l.ordinality;
END
$$;
COMMENT ON FUNCTION bixarena.range_rows(bixarena.snapshot_key, text) IS
	'the lines of a snapshot with the ranks that its battles allow, null where these are not on record';

CREATE FUNCTION bixarena_leaderboard_ranges(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_leaderboard_range
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	RETURN QUERY SELECT r.* FROM bixarena.range_rows(
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena), found_arena) AS r;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_ranges(text, text, text) IS
	'the ranks that the battles of a snapshot allow each model';

CREATE FUNCTION bixarena.range_difference(
	leaderboard_id text,
	a text,
	b text,
	until timestamptz,
	arena text)
RETURNS bixarena_difference
AS 'MODULE_PATHNAME', 'bixarena_range_difference'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.range_difference(text, text, text, timestamptz, text) IS
	'by how much a model of a leaderboard is ahead of another, in battles up to a moment';

CREATE FUNCTION bixarena_leaderboard_difference(
	leaderboard_id text,
	a text,
	b text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS bixarena_difference
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN bixarena.range_difference(leaderboard_id, a, b, shown.created_at, found_arena);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_difference(text, text, text, text, text) IS
	'by how much a model of a leaderboard is ahead of another, with the interval of the difference';
