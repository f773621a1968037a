
/*
 * The operator's page: is all well, what has run, and what runs next.
 */

CREATE FUNCTION bixarena.operator_health(checks bixarena.health_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- what is wrong comes first
	SELECT bixarena.page_table('Checks of bixarena_health(), the worst first'
			|| CASE WHEN count(*) < min(c.total) THEN format(': %s of %s.', count(*), min(c.total)) ELSE '.' END,
		bixarena.page_heads('Status', 'Check', 'What was found'),
		string_agg(concat(E'\n<tr><td>', bixarena.page_state(c.status), '</td>',
			format('<th scope="row">%s</th>', bixarena.text_escape(concat_ws(' of ',
				replace(c.check_name, '_', ' '), c.leaderboard_id))),
			bixarena.page_cell(c.message, 'text'), '</tr>'), ''
			ORDER BY c.badness, c.n))
	FROM (SELECT u.*, count(*) OVER () AS total, array_position('{critical,warning,ok}', u.status) AS badness
		FROM unnest(checks) WITH ORDINALITY AS u
			(check_name, leaderboard_id, status, figure, unit, message, n)
		ORDER BY badness, u.n LIMIT 200) AS c
$$;
COMMENT ON FUNCTION bixarena.operator_health(bixarena.health_row[]) IS
	'checks as a table of a page';

CREATE FUNCTION bixarena.operator_schedule(arena text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bixarena.page_table('Jobs of pg_cron, in its time (GMT).',
		bixarena.page_heads('Leaderboard', 'Schedule', 'Next run'),
		string_agg(concat(E'\n<tr>', format('<th scope="row">%s</th>',
				bixarena.text_escape(coalesce(j.leaderboard, 'all'))),
			bixarena.page_cell(j.schedule),
			bixarena.page_cell(CASE WHEN NOT j.active THEN 'none: the job is not active'
				ELSE coalesce(bixarena.text_utc(bixarena.cron_time(j.schedule, now(), true)), 'not known') END),
			'</tr>'), '' ORDER BY j.leaderboard COLLATE "C" NULLS FIRST)),
		bixarena.page_paragraph('No job of pg_cron can be seen from this database.'))
	FROM bixarena.cron_jobs(arena) AS j
$$;
COMMENT ON FUNCTION bixarena.operator_schedule(text) IS
	'jobs of an arena and when they run next, as a table of a page';

CREATE FUNCTION bixarena.operator_runs(runs bixarena.run[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bixarena.page_table('The latest 50 runs.',
		bixarena.page_heads('Requested', 'Leaderboard', 'Status', '?Asked for', '#?Seconds', '#?Battles',
			'What happened'),
		string_agg(concat(E'\n<tr>', bixarena.page_cell(bixarena.text_utc(r.requested_at)),
			format('<th scope="row">%s</th>', bixarena.text_escape(r.leaderboard)),
			format('<td>%s</td>', bixarena.page_state(r.status)),
			bixarena.page_cell(concat_ws(', ', r.trigger_source, r.triggered_by), 'text aside'),
			bixarena.page_cell(round(extract(epoch FROM r.ended_at - r.started_at), 2)::text, 'number aside'),
			bixarena.page_cell(r.evaluation_count::text, 'number aside'),
			bixarena.page_cell(bixarena.text_shorten(coalesce(r.error_sqlstate || ' ' || r.error_message,
				r.skip_reason, r.snapshot_identifier), 1000), 'text'), '</tr>'), '' ORDER BY n)),
		bixarena.page_paragraph('There are no runs yet.'))
	FROM generate_subscripts(runs, 1) AS n, LATERAL (SELECT (runs[n]).*) AS r
$$;
COMMENT ON FUNCTION bixarena.operator_runs(bixarena.run[]) IS 'runs as a table of a page';

CREATE FUNCTION bixarena.operator_page(arena text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
DECLARE
	checks bixarena.health_row[] := ARRAY(
		SELECT c FROM bixarena.health_checks(arena) AS c);
	-- as many as a chart shows apart
	lately bixarena.run[] := ARRAY(
		SELECT r FROM bixarena.run AS r
		WHERE r.arena = operator_page.arena AND r.requested_at >= now() - interval '30 days'
		ORDER BY r.requested_at DESC LIMIT 2000);
	latest bixarena.run[] := ARRAY(
		SELECT r FROM bixarena.run AS r WHERE r.arena = operator_page.arena
		ORDER BY r.requested_at DESC, r.correlation_id LIMIT 50);
	widths record := bixarena.page_widths();
BEGIN
	RETURN bixarena.page_html(format('Runs of arena %s', arena),
		(SELECT bixarena.page_paragraph(format('Checks that need attention: %s; %s.',
				count(*) FILTER (WHERE c.status <> 'ok'),
				max(c.message) FILTER (WHERE c.check_name = 'success_share')))
			FROM unnest(checks) AS c),
		bixarena.page_section('Health', bixarena.operator_health(checks))
		|| bixarena.page_section('Next runs', bixarena.operator_schedule(arena))
		|| bixarena.page_section('Durations of the last 30 days', bixarena.page_charts(
			bixarena.chart_durations(lately, widths.wide, 'auto'),
			bixarena.chart_durations(lately, widths.narrow, 'auto')))
		|| bixarena.page_section('Runs', bixarena.operator_runs(latest)));
END
$$;
COMMENT ON FUNCTION bixarena.operator_page(text) IS
	'the operator''s page of an arena';

CREATE FUNCTION bixarena_runs_report(arena text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.operator_page(bixarena.arena_resolve(arena))
$$;
COMMENT ON FUNCTION bixarena_runs_report(text) IS
	'the operator''s page: health, schedule, durations and the latest runs';
