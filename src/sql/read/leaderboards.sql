
/*
 * The leaderboards of an arena, with the caller's rights.
 */

CREATE FUNCTION bixarena_leaderboards(arena text DEFAULT NULL)
RETURNS TABLE (
	leaderboard_id text,
	name text,
	snapshot_identifier text,
	created_at timestamptz,
	entry_count bigint,
	vote_count bigint,
	next_due timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	RETURN QUERY
		WITH l AS MATERIALIZED (
			SELECT r.* FROM bixarena.read_leaderboards(found_arena) AS r
		), s AS MATERIALIZED (
			SELECT r.* FROM bixarena.read_snapshots(found_arena, NULL, 'infinity') AS r
		), e AS (
			SELECT r.snapshot_id, count(*) AS entries, sum(r.vote_count)::bigint AS votes
			FROM bixarena.read_entries(found_arena, ARRAY(SELECT s.id FROM s)) AS r
			GROUP BY r.snapshot_id
		), due AS MATERIALIZED (
			SELECT j.leaderboard, bixarena.cron_time(j.schedule, now(), true) AS moment
			FROM bixarena.cron_jobs(found_arena) AS j WHERE j.active
		)
		SELECT l.slug, l.name, s.snapshot_identifier, s.created_at,
			CASE WHEN s.id IS NOT NULL THEN coalesce(e.entries, 0) END, e.votes,
			(SELECT min(d.moment) FROM due AS d
			WHERE p.leaderboard IS NULL AND (d.leaderboard IS NULL OR d.leaderboard = l.slug))
		FROM l
		LEFT JOIN s ON s.leaderboard_id = l.id
		LEFT JOIN e ON e.snapshot_id = s.id
		LEFT JOIN bixarena.setting_pauses(found_arena, ARRAY(SELECT l.slug FROM l)) AS p
			ON p.leaderboard = l.slug
		ORDER BY l.slug <> 'overall', l.slug COLLATE "C";
END
$$;
COMMENT ON FUNCTION bixarena_leaderboards(text) IS
	'the leaderboards of an arena, each with its latest public snapshot and when the next is due';
