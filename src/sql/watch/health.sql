/*
 * Health: is all as an operator expects it?  With the caller's rights, so it
 * speaks of the runs and pg_cron jobs that the caller may see.
 */

-- what is a warning and what is critical stands here, and nowhere else; alerts
-- get it from bixarena.metrics
CREATE FUNCTION bixarena.health_limits(
	OUT grace_hours integer,			-- for a scheduled snapshot, from the time it is due
	OUT unscheduled_hours integer,		-- age of a snapshot without a schedule: warning
	OUT failed_days integer,
	OUT failed_critical integer,		-- more failed runs in failed_days
	OUT dead_requests integer,			-- more requests in failed_days that failed for good
	OUT waiting_warning integer,		-- more minutes in the queue
	OUT waiting_critical integer,
	OUT share_days integer,
	OUT share_warning double precision,	-- a lesser percentage of good runs
	OUT share_critical double precision,
	OUT spread_days integer,
	OUT spread_runs integer,			-- fewer say nothing
	OUT spread_quantile double precision,
	OUT spread_warning double precision,	-- more medians
	OUT usual_runs integer,				-- fewer of a leaderboard do not tell what is usual
	OUT usual_seconds double precision)	-- more or less, whatever the median, is usual
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 1, 48, 14, 10, 10, 10, 60, 30, 95.0, 80.0, 30, 20, 0.95, 5.0, 5, 1.0
$$;
COMMENT ON FUNCTION bixarena.health_limits() IS 'thresholds of bixarena_health() and of alerts';

CREATE TYPE bixarena.health_row AS (
	check_name text,
	leaderboard_id text,
	status text,
	figure double precision,
	unit text,
	message text
);
COMMENT ON TYPE bixarena.health_row IS 'what a check has found';

CREATE FUNCTION bixarena.health_grade(warning boolean, critical boolean)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN critical THEN 'critical' WHEN warning THEN 'warning' ELSE 'ok' END;
COMMENT ON FUNCTION bixarena.health_grade(boolean, boolean) IS 'the status of a check';

CREATE FUNCTION bixarena.health_age(moment timestamptz)
RETURNS double precision
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- what is newer than this transaction, or dated in the future, is of now
	SELECT greatest(extract(epoch FROM now() - moment), 0)
$$;
COMMENT ON FUNCTION bixarena.health_age(timestamptz) IS
	'how long ago a moment was; never negative';

/*
 * What the checks, and bixarena.metrics, are about.
 */

CREATE FUNCTION bixarena.health_public_snapshots(arena text)
RETURNS TABLE (leaderboard text, latest timestamptz)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT l.slug, max(s.created_at)
		FROM bixarena.read_leaderboards(arena) AS l
		LEFT JOIN bixarena.read_snapshots(arena, NULL, 'infinity') AS s
			ON s.leaderboard_id = l.id
		GROUP BY l.slug;
END
$$;
COMMENT ON FUNCTION bixarena.health_public_snapshots(text) IS
	'the leaderboards of an arena, and when the latest public snapshot of each was made';

CREATE FUNCTION bixarena.health_future_snapshots(arena text)
RETURNS TABLE (leaderboard text, message text)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- a minute is what clocks of servers may differ by
	RETURN QUERY
		SELECT l.slug, format(
			'snapshot "%s" is dated in the future, %s%s: delete it, or correct its created_at',
			(array_agg(s.snapshot_identifier ORDER BY s.created_at, s.id))[1],
			CASE WHEN isfinite(min(s.created_at)) THEN bixarena.text_utc(min(s.created_at))
				ELSE 'infinity' END,
			CASE WHEN count(*) > 1 THEN format(' (the first of %s)', count(*)) END)
		FROM bixarena.read_leaderboards(arena) AS l
		JOIN bixarena.read_snapshots(arena, NULL,
				after => clock_timestamp() + interval '1 minute') AS s
			ON s.leaderboard_id = l.id
		GROUP BY l.slug;
END
$$;
COMMENT ON FUNCTION bixarena.health_future_snapshots(text) IS
	'the leaderboards of an arena that have snapshots dated in the future, and which is the first of them';

CREATE FUNCTION bixarena.health_ended_runs(
	arena text,
	days integer,
	OUT ended bigint,
	OUT failed bigint,
	OUT dead_requests bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
BEGIN
	SELECT count(*), count(*) FILTER (WHERE r.status = 'failed'),
		count(*) FILTER (WHERE r.status = 'failed' AND r.trigger_source = 'api')
	INTO ended, failed, dead_requests
	FROM bixarena.run AS r
	WHERE r.arena = health_ended_runs.arena AND r.status NOT IN ('queued', 'running')
		AND r.requested_at >= now() - make_interval(days => days);
END
$$;
COMMENT ON FUNCTION bixarena.health_ended_runs(text, integer) IS
	'how many runs of the last days have ended, and have failed; none is tried again then';

CREATE FUNCTION bixarena.health_queue(
	arena text,
	OUT waiting bigint,
	OUT seconds double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
BEGIN
	SELECT count(*), coalesce(bixarena.health_age(min(r.requested_at)), 0)
	INTO waiting, seconds
	FROM bixarena.run AS r
	WHERE r.arena = health_queue.arena AND r.status = 'queued';
END
$$;
COMMENT ON FUNCTION bixarena.health_queue(text) IS
	'how many runs wait, and how long the first has waited';

CREATE FUNCTION bixarena.health_durations(arena text)
RETURNS TABLE (leaderboard text, seconds double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 600
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
BEGIN
	-- a run of the past is one of fewer battles; a clock that was set back meanwhile
	-- makes no duration negative
	RETURN QUERY
		SELECT r.leaderboard,
			greatest(extract(epoch FROM r.ended_at - r.started_at), 0)::double precision
		FROM bixarena.health_limits() AS limits
		JOIN bixarena.run AS r ON r.arena = health_durations.arena AND r.status = 'succeeded'
			AND r.parameters ->> 'as_of' IS NULL
			-- nobody knows how long one took that was found
			AND r.triggered_by IS DISTINCT FROM 'found without a run'
			AND r.requested_at >= now() - make_interval(days => limits.spread_days);
END
$$;
COMMENT ON FUNCTION bixarena.health_durations(text) IS
	'how long each of the latest successful runs took';

CREATE FUNCTION bixarena.health_usual_durations(arena text)
RETURNS TABLE (leaderboard text, runs bigint, seconds double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- a large leaderboard takes longer than a small one
	RETURN QUERY
		SELECT d.leaderboard, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY d.seconds)
		FROM bixarena.health_durations(arena) AS d
		GROUP BY d.leaderboard;
END
$$;
COMMENT ON FUNCTION bixarena.health_usual_durations(text) IS
	'the median of the durations of each leaderboard';

/*
 * The checks: each function is one.
 */

CREATE FUNCTION bixarena.health_skipped_since(leaderboard_id text, arena text, moment timestamptz)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
	SELECT 'the last run was skipped: ' || coalesce(last.skip_reason, 'no reason given')
	FROM (
		SELECT r.status, r.skip_reason
		FROM bixarena.run AS r
		WHERE r.arena = health_skipped_since.arena AND r.leaderboard = leaderboard_id
			AND r.requested_at >= moment
		ORDER BY r.requested_at DESC LIMIT 1
	) AS last
	WHERE last.status = 'skipped'
$$;
COMMENT ON FUNCTION bixarena.health_skipped_since(text, text, timestamptz) IS
	'why the last run of a leaderboard was skipped; null: it was not, or there is none since that moment';

CREATE FUNCTION bixarena.health_judge_age(
	leaderboard_id text,
	arena text,
	latest timestamptz,
	due timestamptz[],
	paused_by text,
	future text)
RETURNS bixarena.health_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- due: the last times that a snapshot was due, the latest first; future: what
	-- there is to say of snapshots dated in the future, beside which no age tells
	unscheduled integer := (bixarena.health_limits()).unscheduled_hours;
	since timestamptz := coalesce(due[1], now() - make_interval(hours => unscheduled));
	excuse text := 'paused by the setting enabled of the ' || paused_by;
	result bixarena.health_row;
BEGIN
	IF excuse IS NULL AND (latest >= since) IS NOT TRUE THEN
		excuse := bixarena.health_skipped_since(leaderboard_id, arena, since);
	END IF;
	result.check_name := 'snapshot_age';
	result.leaderboard_id := leaderboard_id;
	result.status := bixarena.health_grade(
		future IS NOT NULL OR excuse IS NULL AND (latest >= since) IS NOT TRUE,
		excuse IS NULL AND latest < due[2]);
	result.figure := round(bixarena.health_age(latest)::numeric / 3600, 1);
	result.unit := 'hours';
	result.message := CASE
		WHEN future IS NOT NULL THEN future
		WHEN excuse IS NOT NULL THEN excuse
		WHEN latest IS NULL THEN 'there is no public snapshot'
		WHEN due[1] IS NULL THEN format(
			'there is no schedule that can be read; the latest public snapshot is %s than %s hours',
			CASE WHEN latest >= since THEN 'younger' ELSE 'older' END, unscheduled)
		WHEN latest >= since THEN format(
			'a public snapshot has come since one was due at %s', bixarena.text_utc(due[1]))
		WHEN latest < due[2] THEN format(
			'no public snapshot has come since two were due, at %s and %s',
			bixarena.text_utc(due[2]), bixarena.text_utc(due[1]))
		ELSE format('no public snapshot has come since one was due at %s',
			bixarena.text_utc(due[1])) END;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.health_judge_age(text, text, timestamptz, timestamptz[], text, text) IS
	'is the latest public snapshot of a leaderboard as young as its schedule says?';

CREATE FUNCTION bixarena.health_snapshot_age(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		WITH due AS MATERIALIZED (
			SELECT t.leaderboard, t.due
			FROM bixarena.health_limits() AS limits,
				bixarena.cron_due_times(arena, now() - make_interval(hours => limits.grace_hours)) AS t
		), board AS MATERIALIZED (
			SELECT s.* FROM bixarena.health_public_snapshots(arena) AS s
		)
		SELECT a.*
		FROM board AS l
		LEFT JOIN bixarena.setting_pauses(arena, ARRAY(SELECT b.leaderboard FROM board AS b)) AS p
			ON p.leaderboard = l.leaderboard
		LEFT JOIN bixarena.health_future_snapshots(arena) AS f ON f.leaderboard = l.leaderboard
		CROSS JOIN LATERAL (
			SELECT array_agg(DISTINCT d.due ORDER BY d.due DESC) AS times
			FROM due AS d WHERE d.leaderboard IS NULL OR d.leaderboard = l.leaderboard
		) AS d
		CROSS JOIN LATERAL bixarena.health_judge_age(l.leaderboard, arena, l.latest, d.times,
			p.source, f.message) AS a
		ORDER BY l.leaderboard COLLATE "C";
END
$$;
COMMENT ON FUNCTION bixarena.health_snapshot_age(text) IS
	'are the latest public snapshots as young as their schedule says?';

CREATE FUNCTION bixarena.health_failed_runs(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT 'failed_runs', NULL::text, bixarena.health_grade(failed > 0, failed > limits.failed_critical),
			failed::double precision, 'runs',
			format('%s of %s runs of the last %s days failed', failed, ended, limits.failed_days)
				|| CASE WHEN failed > 0 THEN '; bixarena_runs(status => ''failed'') lists them'
					ELSE '' END
		FROM bixarena.health_limits() AS limits
		CROSS JOIN LATERAL bixarena.health_ended_runs(arena, limits.failed_days) AS counts;
END
$$;
COMMENT ON FUNCTION bixarena.health_failed_runs(text) IS 'have runs failed lately?';

CREATE FUNCTION bixarena.health_waiting_runs(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT 'waiting_runs', NULL::text,
			bixarena.health_grade(minutes > limits.waiting_warning, minutes > limits.waiting_critical),
			round(minutes::numeric, 1)::double precision, 'minutes',
			CASE WHEN waiting = 0 THEN 'no run waits in the queue'
				ELSE format('runs in the queue: %s; the first has waited for %s minutes',
					waiting, trunc(minutes)) END
				|| CASE WHEN minutes > limits.waiting_warning
					THEN '; CALL bixarena_process_requests() makes them' ELSE '' END
		FROM bixarena.health_limits() AS limits
		CROSS JOIN bixarena.health_queue(arena) AS queue
		CROSS JOIN LATERAL (SELECT queue.seconds / 60) AS m (minutes);
END
$$;
COMMENT ON FUNCTION bixarena.health_waiting_runs(text) IS
	'do requests wait longer than they should?';

CREATE FUNCTION bixarena.health_abandoned_runs(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
DECLARE
	abandoned bigint;
BEGIN
	IF pg_is_in_recovery() THEN
		RETURN QUERY SELECT 'abandoned_runs', NULL::text, 'ok', NULL::double precision, 'runs',
			'a standby cannot tell which runs are worked at';
		RETURN;
	END IF;
	SELECT count(*) INTO abandoned FROM bixarena.run AS r
	WHERE r.arena = health_abandoned_runs.arena AND r.status = 'running'
		AND bixarena.run_is_abandoned(r.correlation_id);
	RETURN QUERY SELECT 'abandoned_runs', NULL::text, bixarena.health_grade(abandoned > 0, false),
		abandoned::double precision, 'runs',
		CASE WHEN abandoned = 0 THEN 'every run in status running is being worked at'
			ELSE format('runs in status running that no process works at: %s;'
				' CALL bixarena_process_requests() takes them up', abandoned) END;
END
$$;
COMMENT ON FUNCTION bixarena.health_abandoned_runs(text) IS
	'are there runs in status running that no process works at?';

CREATE FUNCTION bixarena.health_cron_job(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing text := 'pg_cron cannot be seen from here: it is not in database "%s", or role "%s" may not read its tables';
BEGIN
	IF bixarena.cron_can_read() THEN
		RETURN QUERY
			SELECT 'cron_job', j.leaderboard,
				bixarena.health_grade(NOT j.active, d.status = 'failed'),
				round(bixarena.health_age(d.ended_at)::numeric / 3600, 1)::double precision, 'hours',
				CASE WHEN j.active THEN '' ELSE 'the job is not active; ' END
					|| CASE WHEN d.status = 'failed' THEN 'the last run of the job failed'
						|| coalesce(': ' || left(d.return_message, 200), '')
					WHEN d.status IS NULL THEN 'no outcome of the job is on record yet'
					ELSE 'the last run of the job succeeded' END
			FROM bixarena.cron_jobs(arena) AS j
			LEFT JOIN LATERAL (
				SELECT c.status,
					nullif(regexp_replace(c.return_message, '[[:space:]]+', ' ', 'g'), ''),
					coalesce(c.end_time, c.start_time)
				FROM cron.job_run_details AS c
				WHERE c.jobid = j.jobid AND c.status IN ('succeeded', 'failed')
				ORDER BY c.runid DESC LIMIT 1
			) AS d (status, return_message, ended_at) ON true;
		missing := 'in database "%s", role "%s" sees no job of pg_cron named "bixarena_rank %s";'
			' bixarena_schedule() makes it';
	END IF;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'cron_job', NULL::text, 'warning', NULL::double precision, 'hours',
			format(missing, current_database(), current_user, arena);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.health_cron_job(text) IS
	'is the job of pg_cron there and active, and how did it end last?';

CREATE FUNCTION bixarena.health_success_share(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT 'success_share', NULL::text,
			bixarena.health_grade(share < limits.share_warning, share < limits.share_critical),
			round(share::numeric, 2)::double precision, 'percent',
			CASE WHEN ended = 0 THEN format('no run of the last %s days has ended', limits.share_days)
				ELSE format('%s of %s runs of the last %s days succeeded or were skipped',
					good, ended, limits.share_days) END
		FROM bixarena.health_limits() AS limits
		CROSS JOIN LATERAL bixarena.health_ended_runs(arena, limits.share_days) AS counts
		CROSS JOIN LATERAL (SELECT ended - failed, 100.0 * (ended - failed) / nullif(ended, 0))
			AS s (good, share);
END
$$;
COMMENT ON FUNCTION bixarena.health_success_share(text) IS 'do nearly all runs go well?';

CREATE FUNCTION bixarena.health_duration_spread(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- each duration in medians of its own leaderboard
	RETURN QUERY
		WITH summary AS (
			SELECT count(*) AS runs, percentile_cont((bixarena.health_limits()).spread_quantile)
				WITHIN GROUP (ORDER BY d.seconds / usual.seconds) AS spread
			FROM bixarena.health_durations(arena) AS d
			JOIN bixarena.health_usual_durations(arena) AS usual USING (leaderboard)
			WHERE usual.seconds > 0
		)
		SELECT 'duration_spread', NULL::text,
			bixarena.health_grade(runs >= limits.spread_runs AND spread > limits.spread_warning, false),
			CASE WHEN runs >= limits.spread_runs THEN round(spread::numeric, 2)::double precision END,
			'medians',
			CASE WHEN runs < limits.spread_runs THEN format(
					'%s runs of the last %s days succeeded; fewer than %s do not tell',
					runs, limits.spread_days, limits.spread_runs)
				ELSE format('%s %% of %s runs of the last %s days took up to %s times as long'
					' as is usual for their leaderboard', 100 * limits.spread_quantile, runs,
					limits.spread_days, round(spread::numeric, 2)) END
		FROM summary, bixarena.health_limits() AS limits;
END
$$;
COMMENT ON FUNCTION bixarena.health_duration_spread(text) IS
	'do runs take about as long as they usually do?';

CREATE FUNCTION bixarena.health_far_side(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	server name;
	detail text;
BEGIN
	SELECT s.srvname INTO server
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	JOIN pg_foreign_table AS t ON t.ftrelid = c.oid
	JOIN pg_foreign_server AS s ON s.oid = t.ftserver
	WHERE n.nspname = arena AND c.relname = 'leaderboard_snapshot';
	IF server IS NULL THEN
		RETURN;
	END IF;
	PERFORM l.id FROM bixarena.read_leaderboards(arena) AS l LIMIT 1;
	RETURN QUERY SELECT 'far_side', NULL::text, 'ok', NULL::double precision, NULL::text,
		format('server "%s", which has the tables of the arena, answers', server);
EXCEPTION WHEN connection_exception OR admin_shutdown OR crash_shutdown OR cannot_connect_now
	OR fdw_error THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN QUERY SELECT 'far_side', NULL::text, 'critical', NULL::double precision, NULL::text,
		format('server "%s", which has the tables of the arena, cannot be reached: %s', server,
			regexp_replace(concat_ws(': ', SQLERRM, nullif(detail, '')), '[[:space:]]+', ' ', 'g'));
END
$$;
COMMENT ON FUNCTION bixarena.health_far_side(text) IS
	'can the server be reached that has the tables of an arena, where that is another?';

CREATE FUNCTION bixarena.health_checks(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	far_side bixarena.health_row := (SELECT c FROM bixarena.health_far_side(arena) AS c);
BEGIN
	IF far_side.status IS NOT NULL THEN
		RETURN NEXT far_side;
	END IF;
	IF far_side.status IS DISTINCT FROM 'critical' THEN
		RETURN QUERY SELECT c.* FROM bixarena.health_snapshot_age(arena) AS c;
	END IF;
	RETURN QUERY SELECT c.* FROM bixarena.health_failed_runs(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_waiting_runs(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_abandoned_runs(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_cron_job(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_success_share(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_duration_spread(arena) AS c;
	IF far_side.status IS DISTINCT FROM 'critical' THEN
		RETURN QUERY SELECT c.* FROM bixarena.live_health(arena) AS c;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.health_checks(text) IS 'all checks of an arena, one after the other';

CREATE FUNCTION bixarena_health(arena text DEFAULT NULL)
RETURNS TABLE (
	check_name text,
	leaderboard_id text,
	status text,
	figure double precision,
	unit text,
	message text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF bixarena.scoreboard_exists(arena) THEN
		RETURN QUERY SELECT c.* FROM bixarena.scoreboard_health(arena) AS c;
	ELSE
		RETURN QUERY SELECT c.* FROM bixarena.health_checks(bixarena.arena_resolve(arena)) AS c;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_health(text) IS
	'is the arena, or the scoreboard, well? snapshots, runs, queue and schedule, each with a status';
