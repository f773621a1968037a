CREATE FUNCTION bixarena_live(
	leaderboard_id text,
	num_bootstrap bigint DEFAULT 200,
	arena text DEFAULT NULL)
RETURNS TABLE (
	model text,
	bt_score double precision,
	rank integer,
	bootstrap_q025 double precision,
	bootstrap_q975 double precision,
	vote_count bigint,
	status text)
AS 'MODULE_PATHNAME', 'bixarena_live'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_live(text, bigint, text) IS
	'the ranking of a leaderboard at this moment, written nowhere';
-- it reads the battles as snapshots do
REVOKE ALL ON FUNCTION bixarena_live(text, bigint, text) FROM PUBLIC;

/*
 * Health.
 */

CREATE FUNCTION bixarena.live_health(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'kept_tally', NULL::text,
		bixarena.health_grade(s.lost IS NOT NULL OR s.doubt IS NOT NULL, s.differences > 0),
		s.log_bytes::double precision, 'bytes',
		concat_ws('; ',
			CASE WHEN s.lost IS NOT NULL THEN format(
					'changes of the battles are not followed, and every run counts them: %s', s.lost)
				WHEN s.doubt IS NOT NULL THEN format('the next run counts all battles: %s', s.doubt)
				ELSE format('folded %s', bixarena.text_utc(s.folded_at)) END,
			CASE WHEN s.recounted_at IS NOT NULL THEN format('all battles were counted %s: %s',
				bixarena.text_utc(s.recounted_at), s.recounted_why) END,
			CASE WHEN s.verified_at IS NOT NULL THEN format('verified %s: %s rows differed',
				bixarena.text_utc(s.verified_at), s.differences) END)
	FROM bixarena.live_state(arena) AS s
	UNION ALL
	SELECT 'kept_tally', NULL, 'warning', NULL, 'bytes',
		format('schema "%s" is gone, or is not of the arena''s owner: every run counts the battles', k.schema)
	FROM bixarena.kept_tally AS k
	JOIN pg_namespace AS n ON n.nspname = k.arena AND has_schema_privilege(n.oid, 'USAGE')
	WHERE k.arena = live_health.arena AND NOT EXISTS (SELECT FROM bixarena.live_state(k.arena) AS s)
	UNION ALL
	-- an arena that was renamed has left its triggers on the tables
	SELECT 'kept_tally', NULL, 'warning', NULL, 'bytes',
		format('the tally of arena "%s", which is gone, is still being kept: bixarena_drop_tally(%L) ends that', k.arena, k.arena)
	FROM bixarena.kept_tally AS k
	WHERE to_regnamespace(quote_ident(k.arena)) IS NULL AND EXISTS (
		SELECT FROM bixarena.live_found_triggers(k.schema) AS f
		JOIN pg_class AS c ON c.oid = f.relation
		WHERE c.relnamespace = to_regnamespace(quote_ident(live_health.arena)))
$$;
COMMENT ON FUNCTION bixarena.live_health(text) IS 'is a kept tally up to date, and trusted?';
