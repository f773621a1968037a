
/*
 * Metrics, for Prometheus: numbers that bixarena_health() judges, and its
 * judgement.  With the caller's rights, and nothing here writes.
 *
 * A metric is there or is absent; it is never null or NaN.  Names and labels
 * together are unique, and leaderboards are the only labels that can be many.
 */

CREATE TYPE bixarena.metric AS (
	name text,
	labels jsonb,
	value double precision
);
COMMENT ON TYPE bixarena.metric IS 'a number that is watched';

CREATE FUNCTION bixarena.metrics_help()
RETURNS TABLE (name text, help text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
	-- the one list of all metrics: what is not here is not shown
	SELECT v.name, v.help
	FROM bixarena.health_limits() AS limits
	CROSS JOIN LATERAL (VALUES
		('bixarena_extension_info', 'Version of bixarena_rank, as a label; always 1.'),
		('bixarena_arena_up', '1 if all metrics of the arena could be read, 0 if it is gone or broken.'),
		('bixarena_failed_runs', format(
			'Runs of the last %s days that failed.', limits.failed_days)),
		('bixarena_failed_runs_max', 'More failed runs than this are critical.'),
		('bixarena_dead_requests', format(
			'Requests of the last %s days whose runs failed for good.', limits.failed_days)),
		('bixarena_dead_requests_max', 'More dead requests than this need somebody.'),
		('bixarena_waiting_runs', 'Runs in the queue.'),
		('bixarena_waiting_age_seconds', 'How long the first run in the queue has waited; 0 if there is none.'),
		('bixarena_abandoned_runs', 'Runs in status running that no process works at.'),
		('bixarena_success_ratio', format(
			'Share of the ended runs of the last %s days that succeeded or were skipped.',
			limits.share_days)),
		('bixarena_success_ratio_min', 'A lesser share needs somebody.'),
		('bixarena_health_status', 'Status of a check of bixarena_health(): 0 ok, 1 warning, 2 critical.'),
		('bixarena_snapshot_late', '1 if the latest public snapshot is older than the schedule says, with no excuse.'),
		('bixarena_snapshot_age_seconds', 'Age of the latest public snapshot.'),
		('bixarena_last_run_failed', '1 if the last run that has ended failed, else 0.'),
		('bixarena_last_success_duration_seconds', 'How long the last successful run took.'),
		('bixarena_last_success_entries', 'Models that the last successful run ranked.'),
		('bixarena_last_success_evaluations', 'Battles that the last successful run used.'),
		('bixarena_usual_duration_min_seconds', 'A shorter run is unusual for the leaderboard.'),
		('bixarena_usual_duration_max_seconds', 'A longer run is unusual for the leaderboard.'),
		('bixarena_score_events_total', 'Score messages that were applied.'),
		('bixarena_score_dead_letters', 'Score messages that are dead.'),
		('bixarena_score_dead_letters_max', 'More dead messages than this are critical.'),
		('bixarena_score_waiting_messages', 'Score messages in the queue.'),
		('bixarena_score_waiting_age_seconds', 'How long the first message in the queue has waited; 0 if there is none.'),
		('bixarena_score_refused_uploads', 'Files of the last seven days that were refused, and that no better ones have come for.')
	) AS v (name, help)
$$;
COMMENT ON FUNCTION bixarena.metrics_help() IS 'the metrics that there are';

CREATE FUNCTION bixarena.metrics_of_runs(arena text)
RETURNS SETOF bixarena.metric
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 9
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT v.name, jsonb_build_object('arena', arena), v.value
		FROM bixarena.health_limits() AS limits
		CROSS JOIN bixarena.health_queue(arena) AS queue
		CROSS JOIN bixarena.health_abandoned_runs(arena) AS abandoned
		CROSS JOIN LATERAL bixarena.health_ended_runs(arena, limits.failed_days) AS lately
		CROSS JOIN LATERAL bixarena.health_ended_runs(arena, limits.share_days) AS share
		CROSS JOIN LATERAL (VALUES
			('bixarena_failed_runs', lately.failed::double precision),
			('bixarena_failed_runs_max', limits.failed_critical),
			('bixarena_dead_requests', lately.dead_requests),
			('bixarena_dead_requests_max', limits.dead_requests),
			('bixarena_waiting_runs', queue.waiting),
			('bixarena_waiting_age_seconds', queue.seconds),
			('bixarena_abandoned_runs', abandoned.figure),
			('bixarena_success_ratio',
				(share.ended - share.failed)::double precision / nullif(share.ended, 0)),
			('bixarena_success_ratio_min', limits.share_warning / 100)
		) AS v (name, value)
		WHERE v.value IS NOT NULL;
END
$$;
COMMENT ON FUNCTION bixarena.metrics_of_runs(text) IS
	'metrics of an arena that the record of runs tells, whatever has become of its tables';

CREATE FUNCTION bixarena.metrics_of_health(arena text)
RETURNS SETOF bixarena.metric
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 40
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		WITH health AS MATERIALIZED (
			-- two roles can have a job of the same name
			SELECT h.check_name, h.leaderboard_id,
				max(array_position('{ok,warning,critical}', h.status) - 1) AS status
			FROM bixarena.health_checks(arena) AS h
			GROUP BY h.check_name, h.leaderboard_id
		)
		SELECT 'bixarena_health_status', jsonb_strip_nulls(jsonb_build_object('arena', arena,
			'check', h.check_name, 'leaderboard', h.leaderboard_id)), h.status::double precision
		FROM health AS h
		UNION ALL
		SELECT 'bixarena_snapshot_late',
			jsonb_build_object('arena', arena, 'leaderboard', h.leaderboard_id), least(h.status, 1)
		FROM health AS h WHERE h.check_name = 'snapshot_age';
END
$$;
COMMENT ON FUNCTION bixarena.metrics_of_health(text) IS 'what bixarena_health() says, in numbers';

CREATE FUNCTION bixarena.metrics_of_leaderboards(arena text)
RETURNS SETOF bixarena.metric
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
BEGIN
	-- of runs those of now, not those of the past (as_of)
	RETURN QUERY
		SELECT v.name, jsonb_build_object('arena', arena, 'leaderboard', s.leaderboard), v.value
		FROM bixarena.health_limits() AS limits
		CROSS JOIN bixarena.health_public_snapshots(arena) AS s
		LEFT JOIN LATERAL (
			SELECT greatest(extract(epoch FROM r.ended_at - r.started_at), 0)::double precision AS seconds,
				r.entry_count, r.evaluation_count
			FROM bixarena.run AS r
			WHERE r.arena = metrics_of_leaderboards.arena AND r.leaderboard = s.leaderboard
				AND r.status = 'succeeded' AND r.parameters ->> 'as_of' IS NULL
			ORDER BY r.requested_at DESC LIMIT 1
		) AS good ON true
		LEFT JOIN LATERAL (
			SELECT (r.status = 'failed')::integer AS failed
			FROM bixarena.run AS r
			WHERE r.arena = metrics_of_leaderboards.arena AND r.leaderboard = s.leaderboard
				AND r.status NOT IN ('queued', 'running') AND r.parameters ->> 'as_of' IS NULL
			ORDER BY r.requested_at DESC LIMIT 1
		) AS last ON true
		LEFT JOIN bixarena.health_usual_durations(arena) AS usual
			ON usual.leaderboard = s.leaderboard AND usual.runs >= limits.usual_runs
		CROSS JOIN LATERAL (VALUES
			('bixarena_snapshot_age_seconds', bixarena.health_age(s.latest)),
			('bixarena_last_run_failed', last.failed),
			('bixarena_last_success_duration_seconds', good.seconds),
			('bixarena_last_success_entries', good.entry_count),
			('bixarena_last_success_evaluations', good.evaluation_count),
			('bixarena_usual_duration_min_seconds', CASE WHEN usual.seconds IS NOT NULL
				THEN greatest(usual.seconds / limits.spread_warning - limits.usual_seconds, 0) END),
			('bixarena_usual_duration_max_seconds',
				usual.seconds * limits.spread_warning + limits.usual_seconds)
		) AS v (name, value)
		WHERE v.value IS NOT NULL;
END
$$;
COMMENT ON FUNCTION bixarena.metrics_of_leaderboards(text) IS
	'metrics of each leaderboard of an arena';

CREATE FUNCTION bixarena.metrics_within(arena text, milliseconds integer)
RETURNS SETOF bixarena.metric
AS 'MODULE_PATHNAME', 'bixarena_metrics_within'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 150
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.metrics_within(text, integer) IS
	'metrics that need the relations of an arena: all of them, or none if they cannot be read in this time';

CREATE FUNCTION bixarena.metrics_can_read(arena text)
RETURNS boolean
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT count(*) = 2
		FROM pg_class AS c
		WHERE c.relnamespace = to_regnamespace(quote_ident(arena))
			AND c.relname IN ('leaderboard', 'leaderboard_snapshot')
			AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND (has_table_privilege(c.oid, 'SELECT')
				OR has_any_column_privilege(c.oid, 'SELECT')));
END
$$;
COMMENT ON FUNCTION bixarena.metrics_can_read(text) IS
	'are there the relations of an arena that metrics need, and may the caller read them?';

CREATE FUNCTION bixarena.metrics_rows()
RETURNS SETOF bixarena.metric
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
-- compiling takes longer than such queries, and nothing ends it
SET jit = off
AS $$
DECLARE
	watched record;
	found_metrics bixarena.metric[];
	began timestamptz;
	-- What arenas that cannot be read in time may cost all together, in milliseconds.
	-- Each gets a part of what is left, so that there always is something left.
	spare double precision := 8000;
	part constant double precision := 0.2;
BEGIN
	RETURN QUERY
		SELECT 'bixarena_extension_info', jsonb_build_object('version', e.extversion),
			1.0::double precision
		FROM pg_extension AS e WHERE e.extname = 'bixarena_rank';
	FOR watched IN
		SELECT a.name::text AS arena, n.oid IS NOT NULL AS is_there
		FROM bixarena.arena AS a
		LEFT JOIN pg_namespace AS n ON n.nspname = a.name
		WHERE n.oid IS NULL OR has_schema_privilege(n.oid, 'USAGE')
		ORDER BY a.name
	LOOP
		found_metrics := '{}';
		IF watched.is_there THEN
			RETURN QUERY SELECT m.* FROM bixarena.metrics_of_runs(watched.arena) AS m;
		END IF;
		IF bixarena.metrics_can_read(watched.arena) THEN
			began := clock_timestamp();
			found_metrics := ARRAY(SELECT m FROM bixarena.metrics_within(watched.arena,
				greatest(spare * part, 1)::integer) AS m);
			IF found_metrics = '{}' THEN
				spare := greatest(spare
					- 1000 * extract(epoch FROM clock_timestamp() - began), 0);
			END IF;
			RETURN QUERY SELECT m.* FROM unnest(found_metrics) AS m;
		END IF;
		RETURN QUERY SELECT 'bixarena_arena_up', jsonb_build_object('arena', watched.arena),
			(found_metrics <> '{}')::integer::double precision;
	END LOOP;
	RETURN QUERY SELECT s.name, s.labels, s.value FROM bixarena.scoreboard_metrics() AS s;
END
$$;
COMMENT ON FUNCTION bixarena.metrics_rows() IS
	'all metrics, of all arenas whose schemas are open to the caller or gone';

-- text of a view has no search_path of its own
CREATE VIEW bixarena.metrics WITH (security_invoker = true) AS
SELECT m.name, m.labels, m.value, h.help
FROM bixarena.metrics_rows() AS m
JOIN bixarena.metrics_help() AS h ON h.name OPERATOR(pg_catalog.=) m.name;
COMMENT ON VIEW bixarena.metrics IS
	'numbers to watch of all arenas that are open to the reader; see contrib/prometheus';
COMMENT ON COLUMN bixarena.metrics.name IS 'name of the metric, for Prometheus';
COMMENT ON COLUMN bixarena.metrics.labels IS
	'what it is of: names and values, all of them texts';
COMMENT ON COLUMN bixarena.metrics.value IS 'the number, now';
COMMENT ON COLUMN bixarena.metrics.help IS 'what the metric means';
