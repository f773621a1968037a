
/*
 * The leaderboards of an arena, with the caller's rights.
 */

CREATE FUNCTION bixarena.next_due(leaderboard_id text, arena text)
RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT min(bixarena.cron_next(j.schedule, now()))
	FROM bixarena.cron_jobs(arena) AS j
	WHERE j.active AND (j.leaderboard IS NULL OR j.leaderboard = leaderboard_id)
		AND bixarena.pause_of(leaderboard_id, arena) IS NULL
$$;
COMMENT ON FUNCTION bixarena.next_due(text, text) IS
	'when a leaderboard''s next snapshot is due; null: it is paused, or no schedule of it can be seen';

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
	found_arena text := bixarena.resolve_arena(arena);
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT l.slug::text, l.name::text, (s.latest).snapshot_identifier,
			(s.latest).created_at, CASE WHEN (s.latest).id IS NOT NULL THEN e.entries END,
			e.votes, bixarena.next_due(l.slug::text, $1)
		FROM %1$I.leaderboard AS l
		CROSS JOIN LATERAL (
			SELECT bixarena.latest_snapshot(l.id, 'infinity', $1) OFFSET 0
		) AS s (latest)
		CROSS JOIN LATERAL (
			SELECT count(*), sum(e.vote_count)::bigint
			FROM %1$I.leaderboard_entry AS e
			WHERE e.snapshot_id = (s.latest).id
		) AS e (entries, votes)
		WHERE l.slug IS NOT NULL
		ORDER BY l.slug::text <> 'overall', l.slug::text COLLATE "C"
		$sql$, found_arena)
		USING found_arena;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboards(text) IS
	'the leaderboards of an arena, each with its latest public snapshot and when the next is due';
