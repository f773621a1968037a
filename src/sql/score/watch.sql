/*
 * What is watched of a scoreboard, and what is removed of it in time.
 */

CREATE FUNCTION bixarena.scoreboard_state(scoreboard text, OUT dead_letters bigint,
	OUT dead_letters_critical integer, OUT waiting bigint, OUT waiting_seconds double precision,
	OUT events bigint, OUT refused_uploads bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		SELECT (SELECT count(*) FROM %1$s.dead_letter), s.dead_letters_critical,
			(SELECT count(*) FROM %1$s.queue),
			(SELECT coalesce(bixarena.health_age(min(q.queued_at)), 0) FROM %1$s.queue AS q),
			(SELECT CASE WHEN e.is_called THEN e.last_value ELSE 0 END FROM %1$s.score_event_event_id_seq AS e),
			-- those that no better one has come for
			(SELECT count(DISTINCT (u.source, u.partition, u.snapshot_date)) FROM %1$s.upload AS u
				WHERE u.status = 'refused' AND u.run_ts > clock_timestamp() - interval '7 days'
					AND NOT EXISTS (SELECT FROM %1$s.upload AS v WHERE v.source = u.source AND v.partition = u.partition
						AND v.snapshot_date = u.snapshot_date AND v.version IS NOT NULL AND v.run_no > u.run_no))
		FROM %1$s.scoreboard AS s
	$sql$, bixarena.scoreboard_open(scoreboard, false))
	INTO dead_letters, dead_letters_critical, waiting, waiting_seconds, events, refused_uploads;
END
$$;
COMMENT ON FUNCTION bixarena.scoreboard_state(text) IS 'numbers to watch of a scoreboard';

CREATE FUNCTION bixarena.scoreboard_health(scoreboard text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	state record;
	limits record;
BEGIN
	SELECT s.* INTO state FROM bixarena.scoreboard_state(scoreboard) AS s;
	SELECT l.* INTO limits FROM bixarena.health_limits() AS l;
	RETURN NEXT ROW('dead_letters', NULL,
		bixarena.health_grade(state.dead_letters > 0, state.dead_letters > state.dead_letters_critical),
		state.dead_letters, 'messages', CASE state.dead_letters
			WHEN 0 THEN 'No message is dead.'
			ELSE format('Dead messages: %s; more than %s are critical. bixarena_redrive() tries them again.',
				state.dead_letters, state.dead_letters_critical) END)::bixarena.health_row;
	RETURN NEXT ROW('waiting_messages', NULL,
		bixarena.health_grade(state.waiting_seconds > 60 * limits.waiting_warning,
			state.waiting_seconds > 60 * limits.waiting_critical),
		round(state.waiting_seconds), 'seconds', CASE state.waiting
			WHEN 0 THEN 'No message waits.'
			ELSE format('%s messages wait, the first for %s seconds.', state.waiting,
				round(state.waiting_seconds)) END)::bixarena.health_row;
	RETURN NEXT ROW('refused_uploads', NULL, bixarena.health_grade(state.refused_uploads > 0, false),
		state.refused_uploads, 'files', CASE state.refused_uploads
			WHEN 0 THEN 'No file of the last seven days is refused.'
			ELSE format('%s files of the last seven days are refused, and no better ones have come. bixarena_uploads() says why.',
				state.refused_uploads) END)::bixarena.health_row;
END
$$;
COMMENT ON FUNCTION bixarena.scoreboard_health(text) IS
	'is a scoreboard well? dead letters, messages that wait, and files that are refused';

CREATE FUNCTION bixarena.scoreboard_metrics()
RETURNS TABLE (name text, labels jsonb, value double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
-- nobody who locks a scoreboard keeps the others waiting
SET lock_timeout = '200ms'
AS $$
DECLARE
	scoreboard text;
BEGIN
	FOR scoreboard IN
		SELECT s FROM bixarena.scoreboard_list() AS s
		WHERE has_schema_privilege(s, 'USAGE')
			AND has_table_privilege(format('%I.queue', s), 'SELECT')
			AND has_table_privilege(format('%I.dead_letter', s), 'SELECT')
			AND has_table_privilege(format('%I.scoreboard', s), 'SELECT')
			AND has_table_privilege(format('%I.upload', s), 'SELECT')
			AND has_sequence_privilege(format('%I.score_event_event_id_seq', s), 'SELECT')
	LOOP
		BEGIN
			RETURN QUERY
			SELECT v.name, jsonb_build_object('scoreboard', scoreboard), v.value
			FROM bixarena.scoreboard_state(scoreboard) AS s
			CROSS JOIN LATERAL (VALUES
				('bixarena_score_events_total', s.events::double precision),
				('bixarena_score_dead_letters', s.dead_letters::double precision),
				('bixarena_score_dead_letters_max', s.dead_letters_critical::double precision),
				('bixarena_score_waiting_messages', s.waiting::double precision),
				('bixarena_score_waiting_age_seconds', s.waiting_seconds),
				('bixarena_score_refused_uploads', s.refused_uploads::double precision)
			) AS v (name, value);
		EXCEPTION WHEN OTHERS THEN
			-- one that cannot be read hides no other
			NULL;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena.scoreboard_metrics() IS
	'metrics of the scoreboards that the caller may read';

CREATE FUNCTION bixarena.scoreboard_rights(scoreboard text)
RETURNS TABLE (kind text, object_type text, object text, privilege text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH wanted (kind, name, privileges) AS (VALUES
		('reader', 'game', '{SELECT}'::text[]),
		('reader', 'board', '{SELECT}'),
		('reader', 'player', '{SELECT}'),
		('reader', 'score', '{SELECT}'),
		('reader', 'score_event', '{SELECT}'),
		('reader', 'rank_node', '{SELECT}'),
		('reader', 'rank_count', '{SELECT}'),
		('reader', 'rank_fold', '{SELECT}'),
		('reader', 'upload', '{SELECT}'),
		('reader', 'standing', '{SELECT}'),
		('reader', 'standing_order', '{SELECT}'),
		('operator', 'upload', '{INSERT}'),
		('operator', 'upload_content', '{INSERT}'),
		('operator', 'upload_column', '{SELECT}'),
		('operator', 'upload_file', '{SELECT,INSERT,UPDATE}'),
		('operator', 'standing', '{INSERT}'),
		('operator', 'standing_order', '{INSERT}'),
		('operator', 'scoreboard', '{SELECT}'),
		('operator', 'player', '{INSERT,UPDATE}'),
		('operator', 'score', '{INSERT,UPDATE}'),
		-- counting a board anew locks it; a trigger refuses to change it
		('operator', 'score_event', '{INSERT,UPDATE}'),
		('operator', 'rank_node', '{INSERT,UPDATE,DELETE}'),
		('operator', 'rank_count', '{INSERT,UPDATE,DELETE}'),
		('operator', 'rank_fold', '{INSERT,UPDATE,DELETE}'),
		('operator', 'board', '{UPDATE}'),
		('operator', 'message', '{SELECT,INSERT,UPDATE,DELETE}'),
		('operator', 'queue_lane', '{SELECT,UPDATE}'),
		('operator', 'queue', '{SELECT,INSERT,UPDATE,DELETE}'),
		('operator', 'dead_letter', '{SELECT,INSERT,UPDATE,DELETE}'),
		('admin', 'upload_content', '{SELECT}'),
		('admin', 'upload_column', '{INSERT,UPDATE,DELETE}'),
		('admin', 'scoreboard', '{UPDATE}'),
		('admin', 'game', '{INSERT,UPDATE}'),
		('admin', 'board', '{INSERT}'),
		('admin', 'score_event', '{DELETE}')
	), routines (kind, name) AS (VALUES
		('operator', 'bixarena_submit_scores'),
		('operator', 'bixarena_enqueue_scores'),
		('operator', 'bixarena_process_scores'),
		('operator', 'bixarena_redrive'),
		('operator', 'bixarena_clean_scores'),
		('operator', 'bixarena_upload_standings'),
		('operator', 'bixarena_ingest_folder'),
		('admin', 'bixarena_create_game'),
		('admin', 'bixarena_reset_game'),
		('admin', 'bixarena_schedule_resets'),
		('admin', 'bixarena_schedule_ingestion')
	), found AS (
		SELECT 'reader' AS kind, 'SCHEMA' AS object_type, quote_ident(scoreboard) AS object,
			'USAGE' AS privilege
		UNION ALL
		SELECT w.kind, 'TABLE', format('%I.%I', scoreboard, w.name), p
		FROM wanted AS w, unnest(w.privileges) AS p
		UNION ALL
		SELECT 'operator', 'SEQUENCE', format('%I.score_event_event_id_seq', scoreboard), 'SELECT'
		UNION ALL
		SELECT 'operator', 'SEQUENCE', format('%I.upload_run_no_seq', scoreboard), 'USAGE'
		UNION ALL
		SELECT r.kind, 'ROUTINE', p.oid::regprocedure::text, 'EXECUTE'
		FROM routines AS r
		JOIN pg_proc AS p ON p.proname = r.name
		JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
			AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'bixarena_rank'
	)
	SELECT f.kind, f.object_type, f.object, f.privilege FROM found AS f
$$;
COMMENT ON FUNCTION bixarena.scoreboard_rights(text) IS
	'the rights that each kind of member needs in a scoreboard';
REVOKE ALL ON FUNCTION bixarena.scoreboard_rights(text) FROM PUBLIC;

CREATE FUNCTION bixarena.scoreboard_clean(scoreboard text)
RETURNS TABLE (messages bigint, dead_letters bigint, events bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	may_delete boolean;
BEGIN
	-- what somebody is just bringing again is left
	EXECUTE format($sql$
		WITH old AS (
			SELECT m.message_id, m.by_content FROM %1$s.message AS m, %1$s.scoreboard AS s
			WHERE m.received_at < clock_timestamp() - s.keep_messages_days * interval '1 day'
				AND NOT EXISTS (SELECT FROM %1$s.queue AS q WHERE q.message_id = m.message_id
					AND q.by_content = m.by_content)
			FOR UPDATE OF m SKIP LOCKED
		), deleted AS (
			DELETE FROM %1$s.message AS m USING old AS o
			WHERE m.message_id = o.message_id AND m.by_content = o.by_content
			RETURNING 1
		)
		SELECT count(*) FROM deleted
	$sql$, schema) INTO messages;
	EXECUTE format($sql$
		WITH deleted AS (
			DELETE FROM %1$s.dead_letter AS d USING %1$s.scoreboard AS s
			WHERE d.died_at < clock_timestamp() - s.keep_dead_letters_days * interval '1 day'
			RETURNING 1
		)
		SELECT count(*) FROM deleted
	$sql$, schema) INTO dead_letters;
	-- their trigger is the owner's, and runs as nobody else
	EXECUTE format($sql$
		SELECT s.keep_events_days IS NOT NULL AND has_table_privilege(c.oid, 'DELETE')
			AND pg_has_role(c.relowner, u.oid, 'USAGE')
		FROM %1$s.scoreboard AS s, pg_class AS c, pg_roles AS u
		WHERE c.oid = %2$L::regclass AND u.rolname = current_user
	$sql$, schema, schema || '.score_event') INTO may_delete;
	events := 0;
	IF may_delete THEN
		-- those that the counts do not have yet are needed for the ranks
		EXECUTE format($sql$
			WITH deleted AS (
				DELETE FROM %1$s.score_event AS e
				USING %1$s.board AS b, %1$s.rank_fold AS f, %1$s.scoreboard AS s
				WHERE b.board_no = e.board_no AND f.board_no = e.board_no
					AND e.created_at < now() - s.keep_events_days * interval '1 day'
					AND (e.generation < b.generation
						OR (e.xid < f.next_xid AND e.xid <> ALL (f.open_xids)))
				RETURNING 1
			)
			SELECT count(*) FROM deleted
		$sql$, schema) INTO events;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION bixarena.scoreboard_clean(text) IS
	'remove what is older than the settings say';

CREATE FUNCTION bixarena_clean_scores(scoreboard text)
RETURNS TABLE (messages bigint, dead_letters bigint, events bigint)
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT c.* FROM bixarena.scoreboard_clean(scoreboard) AS c
$$;
COMMENT ON FUNCTION bixarena_clean_scores(text) IS
	'remove messages, dead letters and events that are older than the settings say';
-- it deletes messages
REVOKE ALL ON FUNCTION bixarena_clean_scores(text) FROM PUBLIC;
