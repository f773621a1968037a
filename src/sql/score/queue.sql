/*
 * The queue: messages that wait for a worker, and dead letters that are tried again.
 *
 * The messages of a player in a game are in one of sixteen lanes, in the order in which
 * they came.  Who works at a lane has its row locked, so that several work at once, over
 * different players.  A batch of messages is applied and taken from the queue in one
 * transaction: whatever happens to a worker, each is applied once.
 *
 * Workers (score_worker.c) are started when messages are put into the queue, as the role
 * that put them there, and take that role's messages only.
 */

CREATE FUNCTION bixarena_enqueue_scores(scoreboard text, messages jsonb)
RETURNS TABLE (message_id text, disposition text, reason text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
	given bixarena.score_message[];
	taken bixarena.score_message[];
BEGIN
	PERFORM bixarena.score_check_worker();
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	given := bixarena.score_messages(messages);
	taken := bixarena.score_take(given);
	PERFORM bixarena.score_wait(taken);
	IF cardinality(taken) < cardinality(given) THEN
		PERFORM bixarena.score_settle(ARRAY(
			SELECT m FROM pg_catalog.unnest(given) AS m WHERE m.reason IS NOT NULL));
		RETURN QUERY SELECT r.* FROM bixarena.score_rejected(given, taken, '{}') AS r;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_enqueue_scores(text, jsonb) IS
	'put score messages into the queue, for a worker to apply; a row for each that was not taken';
-- it writes messages
REVOKE ALL ON FUNCTION bixarena_enqueue_scores(text, jsonb) FROM PUBLIC;

CREATE FUNCTION bixarena.score_next_lane()
RETURNS smallint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	free_lane smallint;
BEGIN
	SELECT l.lane INTO free_lane
	FROM queue_lane AS l
	WHERE EXISTS (SELECT FROM queue AS q WHERE q.lane = l.lane
		AND q.role = current_user::regrole AND q.due_at <= clock_timestamp())
	ORDER BY random() LIMIT 1
	FOR UPDATE SKIP LOCKED;
	RETURN free_lane;
END
$$;
COMMENT ON FUNCTION bixarena.score_next_lane() IS
	'a lane that has something to do for this role, locked; null if there is none';

CREATE FUNCTION bixarena.score_next_batch(lane smallint)
RETURNS bixarena.score_message[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	-- behind a message that is another role's, or that waits for its next attempt, those
	-- of the same player and game wait too
	RETURN ARRAY(
		SELECT ROW(row_number() OVER (ORDER BY b.queue_id), b.message_id, b.by_content, m.player_id, m.game_id,
			m.score, m.update_type, m.metadata, m.sent_at, m.role, b.attempts, m.content,
			NULL, b.queue_id::text)::bixarena.score_message
		FROM (
			SELECT q.*, bool_or(q.role <> current_user::regrole OR q.due_at > clock_timestamp())
				OVER (PARTITION BY q.player_id, q.game_id ORDER BY q.queue_id) AS must_wait
			FROM (
				SELECT w.* FROM queue AS w WHERE w.lane = score_next_batch.lane
				ORDER BY w.queue_id LIMIT 1000
				FOR UPDATE
			) AS q
		) AS b
		CROSS JOIN LATERAL bixarena.score_read_messages(jsonb_build_array(b.content), 'infinity') AS m
		WHERE NOT b.must_wait
		ORDER BY b.queue_id);
END
$$;
COMMENT ON FUNCTION bixarena.score_next_batch(smallint) IS
	'the messages of a lane that can be applied now; their numbers in the queue are in sqlstate';

CREATE FUNCTION bixarena.score_work_once()
RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	own_lane smallint;
	batch bixarena.score_message[];
	failed bixarena.score_message[];
	numbers bigint[];
	waiting bixarena.score_message[];
BEGIN
	PERFORM bixarena.score_begin();
	own_lane := bixarena.score_next_lane();
	IF own_lane IS NULL THEN
		RETURN 0;
	END IF;
	batch := bixarena.score_next_batch(own_lane);
	numbers := ARRAY(SELECT b.sqlstate::bigint FROM pg_catalog.unnest(batch) AS b ORDER BY b.n);
	failed := bixarena.score_try(batch);
	waiting := bixarena.score_settle(failed);
	-- in their old places, so that the order holds
	UPDATE queue AS q
	SET attempts = w.attempts, error_sqlstate = w.sqlstate, error_message = w.reason,
		due_at = CASE WHEN w.sqlstate = '55000' THEN q.due_at ELSE clock_timestamp()
			+ s.retry_seconds * power(2, greatest(w.attempts - 1, 0)) * interval '1 second' END
	FROM pg_catalog.unnest(waiting) AS w, scoreboard AS s
	WHERE q.lane = own_lane AND q.queue_id = numbers[w.n];
	DELETE FROM queue AS q
	WHERE q.lane = own_lane AND q.queue_id = ANY (numbers)
		AND q.queue_id <> ALL (ARRAY(SELECT numbers[w.n] FROM pg_catalog.unnest(waiting) AS w));
	PERFORM bixarena.score_notify(batch, failed);
	PERFORM bixarena.score_fold_now_and_then(batch);
	RETURN greatest(cardinality(batch), 1);
END
$$;
COMMENT ON FUNCTION bixarena.score_work_once() IS
	'apply a batch of one lane: how many messages; 0 if there is nothing to do now';

CREATE FUNCTION bixarena.score_work(scoreboard text, OUT done integer, OUT wait_seconds double precision)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	done := bixarena.score_work_once();
	IF done = 0 THEN
		IF random() < 0.02 THEN
			PERFORM bixarena.scoreboard_clean();
		END IF;
		-- until the first is due; null if none waits
		SELECT CASE WHEN count(*) > 0 THEN greatest(extract(epoch FROM min(q.due_at) - clock_timestamp()), 0.1) END
		INTO wait_seconds
		FROM queue AS q WHERE q.role = current_user::regrole;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.score_work(text) IS
	'apply a batch of this role''s messages of a queue, or else say when one is due';

CREATE FUNCTION bixarena.score_wake_workers(scoreboard name, workers integer)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_wake_score_workers'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.score_wake_workers(name, integer) IS
	'start workers of this role at the end of the transaction, unless they are at work';

CREATE FUNCTION bixarena.score_check_worker()
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_check_score_worker'
LANGUAGE C STABLE PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.score_check_worker() IS
	'an error unless a worker can work as this role';

CREATE PROCEDURE bixarena_process_scores(scoreboard text)
LANGUAGE plpgsql
AS $$
DECLARE
	done integer;
BEGIN
	LOOP
		done := (SELECT w.done FROM bixarena.score_work(scoreboard) AS w);
		EXIT WHEN done OPERATOR(pg_catalog.=) 0;
		COMMIT;
	END LOOP;
END
$$;
COMMENT ON PROCEDURE bixarena_process_scores(text) IS
	'apply this role''s messages that wait in the queue, in transactions of their own';
-- it writes scores
REVOKE ALL ON PROCEDURE bixarena_process_scores(text) FROM PUBLIC;

CREATE FUNCTION bixarena_redrive(scoreboard text, dead_letter_ids bigint[] DEFAULT NULL)
RETURNS TABLE (dead_letter_id bigint, disposition text, reason text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	letter record;
	given bixarena.score_message[];
	taken bixarena.score_message[];
BEGIN
	PERFORM bixarena.score_check_worker();
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	FOR letter IN
		SELECT d.* FROM dead_letter AS d
		WHERE dead_letter_ids IS NULL OR d.dead_letter_id = ANY (dead_letter_ids)
		ORDER BY d.dead_letter_id
		FOR UPDATE SKIP LOCKED
	LOOP
		given := bixarena.score_messages(jsonb_build_array(letter.content));
		dead_letter_id := letter.dead_letter_id;
		IF given[1].reason IS NOT NULL THEN
			disposition := 'invalid';
			reason := given[1].reason;
			RETURN NEXT;
			CONTINUE;
		END IF;
		taken := bixarena.score_take(given);
		PERFORM bixarena.score_wait(taken);
		DELETE FROM dead_letter AS d WHERE d.dead_letter_id = letter.dead_letter_id;
		disposition := CASE cardinality(taken) WHEN 0 THEN 'duplicate' ELSE 'queued' END;
		reason := CASE cardinality(taken) WHEN 0 THEN 'it has come before' END;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena_redrive(text, bigint[]) IS
	'put dead letters into the queue again, those of these numbers or all';
-- it writes messages
REVOKE ALL ON FUNCTION bixarena_redrive(text, bigint[]) FROM PUBLIC;
