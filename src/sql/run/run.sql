/*
 * Runs, with the caller's rights: the history of an arena, and a run told to
 * people.
 */

CREATE FUNCTION bixarena_runs(
	leaderboard_id text DEFAULT NULL,
	status text DEFAULT NULL,
	trigger_source text DEFAULT NULL,
	since timestamptz DEFAULT NULL,
	until timestamptz DEFAULT NULL,
	page_size bigint DEFAULT 100,
	page bigint DEFAULT 1,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena.run
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	IF status NOT IN ('queued', 'running', 'succeeded', 'skipped', 'failed') THEN
		RAISE EXCEPTION
			'status must be queued, running, succeeded, skipped or failed, not "%"', status
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF trigger_source NOT IN ('scheduled', 'api', 'manual') THEN
		RAISE EXCEPTION
			'trigger_source must be scheduled, api or manual, not "%"', trigger_source
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	-- planned for its values, so that filters that are null cost nothing
	RETURN QUERY EXECUTE $sql$
		SELECT r.*
		FROM bixarena.run AS r
		WHERE r.arena = $1
			AND ($2 IS NULL OR r.leaderboard = $2)
			AND ($3 IS NULL OR r.status = $3)
			AND ($4 IS NULL OR r.trigger_source = $4)
			AND ($5 IS NULL OR r.requested_at >= $5)
			AND ($6 IS NULL OR r.requested_at < $6)
		ORDER BY r.requested_at DESC, r.correlation_id
		LIMIT $7 OFFSET $8
		$sql$
		USING found_arena, leaderboard_id, status, trigger_source, since, until,
			page_size, bixarena.list_offset(page_size, page);
END
$$;
COMMENT ON FUNCTION bixarena_runs(text, text, text, timestamptz, timestamptz, bigint, bigint, text) IS
	'the runs of an arena or one of its leaderboards, the latest requested first';

/*
 * A run, or a call, as a message of Slack's Block Kit.
 */

CREATE FUNCTION bixarena.slack_text(value text, max_length integer)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- where it is cut, no half of an escape stays behind
	SELECT CASE WHEN length(escaped) <= max_length THEN escaped
		ELSE regexp_replace(left(escaped, max_length - 3), '&[a-z]*$', '') || '...' END
	FROM (SELECT replace(replace(replace(value, '&', '&amp;'),
		'<', '&lt;'), '>', '&gt;')) AS e (escaped)
$$;
COMMENT ON FUNCTION bixarena.slack_text(text, integer) IS
	'a text with the characters escaped that Slack takes for markup, cut to a length';

CREATE FUNCTION bixarena.slack_labelled(label text, value text, max_length integer)
RETURNS jsonb
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- verbatim: names in the data do not become links or mentions
	SELECT jsonb_build_object('type', 'mrkdwn', 'verbatim', true, 'text', concat(
		'*', label, E'*\n', bixarena.slack_text(value, max_length - length(label) - 3)))
$$;
COMMENT ON FUNCTION bixarena.slack_labelled(text, text, integer) IS
	'a text object of Slack''s: a value under its label';

CREATE FUNCTION bixarena.slack_title(run bixarena.run)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('%s (%s): %s',
		CASE WHEN run.status <> 'succeeded' THEN 'Leaderboard update ' || run.status
			WHEN run.parameters ->> 'auto_publish' = 'false' THEN 'Leaderboard snapshot made, not published'
			ELSE 'Leaderboard updated' END,
		run.trigger_source, regexp_replace(run.leaderboard, '[[:space:]]+', ' ', 'g'))
$$;
COMMENT ON FUNCTION bixarena.slack_title(bixarena.run) IS
	'what became of a run, in a line';

CREATE FUNCTION bixarena.slack_fields(run bixarena.run)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- Slack takes 10 of them
	SELECT jsonb_agg(bixarena.slack_labelled(f.label, f.value, 2000) ORDER BY f.position)
	FROM (VALUES
		(1, 'Leaderboard', run.leaderboard),
		(2, 'Arena', run.arena::text),
		(3, 'Status', run.status),
		(4, 'Trigger', concat_ws(' by ', run.trigger_source, nullif(run.triggered_by, ''))),
		(5, 'Snapshot', run.snapshot_identifier),
		(6, 'Models ranked', run.entry_count::text),
		(7, 'Evaluations', run.evaluation_count::text),
		(8, 'Duration', round(extract(epoch FROM run.ended_at - run.started_at), 2) || ' s'),
		(9, 'Correlation id', run.correlation_id::text)
	) AS f (position, label, value)
	WHERE f.value IS NOT NULL
$$;
COMMENT ON FUNCTION bixarena.slack_fields(bixarena.run) IS
	'the facts of a run as text objects of Slack''s';

CREATE FUNCTION bixarena.slack_page(leaderboard_id text, arena text)
RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	url text;
BEGIN
	SELECT replace(s.value, '{leaderboard_id}', (
		SELECT string_agg(CASE WHEN c.byte < 128 AND chr(c.byte) ~ '[A-Za-z0-9._~-]' COLLATE "C"
			THEN chr(c.byte) ELSE '%' || upper(lpad(to_hex(c.byte), 2, '0')) END, '' ORDER BY n)
		-- a database that knows no encoding has bytes that may be anything
		FROM convert_to(leaderboard_id, CASE getdatabaseencoding()
				WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END) AS bytes,
			generate_series(0, length(bytes) - 1) AS n,
			LATERAL (SELECT get_byte(bytes, n)) AS c (byte)))
	INTO url
	FROM bixarena.setting_values(leaderboard_id, arena) AS s
	WHERE s.setting = 'leaderboard_url';
	-- Slack refuses a message whose button has another
	RETURN CASE WHEN url ~ '^https?://[^[:space:]]+$' AND length(url) <= 3000 THEN url END;
EXCEPTION
	-- leaderboard or arena is gone, or hidden from the caller
	WHEN undefined_object OR undefined_table OR undefined_column OR
		invalid_schema_name OR insufficient_privilege THEN
		RETURN NULL;
END
$$;
COMMENT ON FUNCTION bixarena.slack_page(text, text) IS
	'address of a leaderboard''s page; null: there is none';

CREATE FUNCTION bixarena.slack_blocks(
	title text, fields jsonb, explanation jsonb, page text, context text)
RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT jsonb_build_object(
		'text', bixarena.slack_text(title, 3000),
		'blocks', jsonb_build_array(
			jsonb_build_object('type', 'header', 'text', jsonb_build_object(
				'type', 'plain_text', 'emoji', false,
				'text', bixarena.slack_text(title, 150))),
			jsonb_build_object('type', 'section', 'fields', fields))
		|| CASE WHEN explanation IS NULL THEN '[]' ELSE jsonb_build_array(
			jsonb_build_object('type', 'section', 'text', explanation)) END
		|| CASE WHEN page IS NULL THEN '[]' ELSE jsonb_build_array(
			jsonb_build_object('type', 'actions', 'elements', jsonb_build_array(
				jsonb_build_object('type', 'button', 'url', page, 'text',
					jsonb_build_object('type', 'plain_text', 'text', 'Open leaderboard'))))) END
		|| jsonb_build_array(
			jsonb_build_object('type', 'context', 'elements', jsonb_build_array(
				jsonb_build_object('type', 'mrkdwn', 'verbatim', true, 'text',
					bixarena.slack_text(context, 2000))))))
$$;
COMMENT ON FUNCTION bixarena.slack_blocks(text, jsonb, jsonb, text, text) IS
	'a message of Slack''s Block Kit';

CREATE FUNCTION bixarena.slack_request(requested_at timestamptz, role name)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('Requested at %s UTC by role %s',
		to_char(requested_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), role)
$$;
COMMENT ON FUNCTION bixarena.slack_request(timestamptz, name) IS
	'when and by whom a run or a call was asked for';

CREATE FUNCTION bixarena.slack_call(call_id uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
DECLARE
	call record;
	status text;
BEGIN
	SELECT min(r.arena::text) AS arena, min(r.role::text) AS role,
		min(r.trigger_source) AS trigger_source, min(r.triggered_by) AS triggered_by,
		min(r.requested_at) AS requested_at,
		-- with the reading of the battles, which comes before the first run
		greatest(max(r.ended_at) - min(r.requested_at), '0') AS duration,
		count(*) AS runs,
		count(*) FILTER (WHERE r.status = 'succeeded') AS succeeded,
		count(*) FILTER (WHERE r.status = 'skipped') AS skipped,
		count(*) FILTER (WHERE r.status = 'failed') AS failed,
		count(*) FILTER (WHERE r.status IN ('queued', 'running')) AS running
	INTO call
	FROM bixarena.run AS r WHERE r.call_id = slack_call.call_id;
	IF call.runs = 0 THEN
		RETURN NULL;
	END IF;

	status := CASE WHEN call.running > 0 THEN 'running' WHEN call.failed > 0 THEN 'failed'
		WHEN call.succeeded > 0 THEN 'succeeded' ELSE 'skipped' END;
	RETURN bixarena.slack_blocks(
		format('%s (%s): %s of %s', CASE status WHEN 'succeeded' THEN 'Leaderboards updated'
				ELSE 'Leaderboard updates ' || status END, call.trigger_source,
			CASE status WHEN 'running' THEN call.runs - call.running WHEN 'failed' THEN call.failed
				WHEN 'succeeded' THEN call.succeeded ELSE call.skipped END, call.runs),
		(SELECT jsonb_agg(bixarena.slack_labelled(f.label, f.value, 2000) ORDER BY f.position)
			FROM (VALUES
				(1, 'Arena', call.arena),
				(2, 'Status', status),
				(3, 'Trigger', concat_ws(' by ', call.trigger_source, nullif(call.triggered_by, ''))),
				(4, 'Leaderboards', call.runs::text),
				(5, 'Succeeded', call.succeeded::text),
				(6, 'Skipped', call.skipped::text),
				(7, 'Failed', call.failed::text),
				(8, 'Duration', round(extract(epoch FROM call.duration), 2) || ' s'),
				(9, 'Call id', call_id::text)
			) AS f (position, label, value)
			WHERE f.value IS NOT NULL),
		-- many runs of a leaderboard, as of a backfill, fail in one way
		(SELECT bixarena.slack_labelled('Failed', string_agg(concat(
				format('%s: %s (%s)', f.leaderboard, f.error_message, f.error_sqlstate),
				CASE WHEN f.times > 1 THEN format(', %s times', f.times) END),
				E'\n' ORDER BY f.first_at, f.leaderboard), 3000)
			FROM (
				SELECT r.leaderboard, r.error_message, r.error_sqlstate, count(*) AS times,
					min(r.requested_at) AS first_at
				FROM bixarena.run AS r
				WHERE r.call_id = slack_call.call_id AND r.status = 'failed'
				GROUP BY r.leaderboard, r.error_message, r.error_sqlstate
			) AS f),
		NULL, bixarena.slack_request(call.requested_at, call.role::name));
END
$$;
COMMENT ON FUNCTION bixarena.slack_call(uuid) IS
	'how a call went, as a message of Slack''s; null: there is no such call';

CREATE FUNCTION bixarena_slack_message(correlation_id uuid)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
DECLARE
	run bixarena.run;
	message jsonb;
	explanation jsonb;
	page text;
BEGIN
	IF correlation_id IS NULL THEN
		RAISE EXCEPTION 'correlation_id must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT r.* INTO run FROM bixarena.run AS r
	WHERE r.correlation_id = bixarena_slack_message.correlation_id;
	IF NOT FOUND THEN
		message := bixarena.slack_call(correlation_id);
		IF message IS NULL THEN
			RAISE EXCEPTION 'there is no run with correlation_id %', correlation_id
				USING ERRCODE = 'undefined_object', HINT = 'bixarena_runs() lists them.';
		END IF;
		RETURN message;
	END IF;

	IF run.status = 'skipped' THEN
		explanation := bixarena.slack_labelled('Reason', run.skip_reason, 3000);
	ELSIF run.status = 'failed' THEN
		explanation := bixarena.slack_labelled(concat_ws(' ', 'Error', run.error_sqlstate),
			run.error_message, 3000);
	ELSIF run.status = 'succeeded' THEN
		page := bixarena.slack_page(run.leaderboard, run.arena);
	END IF;
	RETURN bixarena.slack_blocks(bixarena.slack_title(run), bixarena.slack_fields(run),
		explanation, page, format('%s, %s', bixarena.slack_request(run.requested_at, run.role),
			CASE run.attempts WHEN 1 THEN '1 attempt' ELSE run.attempts || ' attempts' END));
END
$$;
COMMENT ON FUNCTION bixarena_slack_message(uuid) IS
	'how a run or a call went, as a message for an incoming webhook of Slack''s';

/*
 * The run that made a snapshot.
 */

CREATE FUNCTION bixarena.run_of_snapshot(snapshot uuid, leaderboard_id text, arena text)
RETURNS bixarena.run
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
DECLARE
	made bixarena.run;
BEGIN
	-- who may not read the record reads a report without it
	IF has_table_privilege('bixarena.run', 'SELECT') THEN
		SELECT r.* INTO made FROM bixarena.run AS r
		WHERE r.arena = run_of_snapshot.arena AND r.leaderboard = leaderboard_id
			AND r.snapshot_id = snapshot
		LIMIT 1;
	END IF;
	RETURN made;
END
$$;
COMMENT ON FUNCTION bixarena.run_of_snapshot(uuid, text, text) IS
	'the run that made a snapshot, null if it is not on record or not for the caller';

CREATE FUNCTION bixarena.run_choice(made bixarena.run, setting text, before text, kind text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a term that the battles did not bound was left out, and the scores are others then
	SELECT coalesce(made.parameters ->> setting, before)
		|| CASE WHEN jsonb_path_exists(made.terms, '$[*] ? (@.kind == $kind && @.status != "fitted")',
				jsonb_build_object('kind', kind))
			THEN ' (left out)' ELSE '' END
$$;
COMMENT ON FUNCTION bixarena.run_choice(bixarena.run, text, text, text) IS
	'what a run chose by a setting, and whether it could be followed';

CREATE FUNCTION bixarena.run_model_change(one bixarena.run, other bixarena.run)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null: none, or a run is not on record; before version 1.1 nothing else was to be chosen
	SELECT string_agg(format('%s %s, then %s', s.name, m.one, m.other), '; ' ORDER BY s.number)
	FROM (VALUES (1, 'intervals', 'bootstrap', NULL), (2, 'cluster_by_voter', 'false', NULL),
		(3, 'prior_battles', '0', NULL), (4, 'anchor_model', 'none', NULL),
		(5, 'anchor_score', '1000', NULL), (6, 'adjust_position', 'false', 'position'),
		(7, 'tie_model', 'half', 'ties'), (8, 'covariates', 'none', NULL))
			AS s (number, name, before, kind),
		LATERAL (SELECT bixarena.run_choice(one, s.name, s.before, s.kind),
			bixarena.run_choice(other, s.name, s.before, s.kind)) AS m (one, other)
	WHERE one.parameters IS NOT NULL AND other.parameters IS NOT NULL AND m.one <> m.other
$$;
COMMENT ON FUNCTION bixarena.run_model_change(bixarena.run, bixarena.run) IS
	'settings by which the numbers of two runs are made in different ways';

