/*
 * Messages brought: applied at once, or put into the queue.
 *
 * A message counts once.  Its id, or without one the hash of its content for five
 * minutes, is written into the table message; who brings one that another session is
 * just bringing waits for that, and then it is a duplicate or the other has failed.
 *
 * What is invalid is a dead letter at once, and its id is free for a better message.
 * What has failed for something that may pass waits in the queue for the next attempt,
 * and so do the player's messages in the same game behind it.
 */

CREATE FUNCTION bixarena.score_take(messages bixarena.score_message[])
RETURNS bixarena.score_message[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	taken bixarena.score_message[];
BEGIN
	WITH first AS MATERIALIZED (
		SELECT DISTINCT ON (m.message_id COLLATE "C", m.by_content) m AS message
		FROM pg_catalog.unnest(messages) AS m
		WHERE m.reason IS NULL
		ORDER BY m.message_id COLLATE "C", m.by_content, m.n
	), inserted AS (
		INSERT INTO message AS old (message_id, by_content)
		SELECT (f.message).message_id, (f.message).by_content FROM first AS f
		ORDER BY (f.message).message_id COLLATE "C", (f.message).by_content
		ON CONFLICT (message_id, by_content) DO UPDATE SET received_at = clock_timestamp()
		WHERE old.by_content AND old.received_at < clock_timestamp() - interval '5 minutes'
		RETURNING message_id, by_content
	)
	SELECT array_agg(g.message ORDER BY (g.message).n) INTO taken
	FROM (
		SELECT (array_agg(b.message) FILTER (WHERE NOT b.is_inserted))[1] AS message
		FROM (
			SELECT (f.message).message_id COLLATE "C" AS message_id, (f.message).by_content, f.message,
				false AS is_inserted
			FROM first AS f
			UNION ALL
			SELECT i.message_id, i.by_content, NULL, true FROM inserted AS i
		) AS b
		GROUP BY b.message_id, b.by_content
		HAVING bool_or(b.is_inserted)
	) AS g;
	RETURN coalesce(taken, '{}');
END
$$;
COMMENT ON FUNCTION bixarena.score_take(bixarena.score_message[]) IS
	'those of valid messages that have not come before; from now on they have';

CREATE FUNCTION bixarena.score_bury(message bixarena.score_message)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	INSERT INTO dead_letter AS old (message_id, content, content_hash, reason, sqlstate, attempts, role)
	VALUES (CASE WHEN NOT message.by_content THEN message.message_id END,
		CASE WHEN octet_length(message.content::text) > 65536 THEN to_jsonb(left(message.content::text, 1000))
			ELSE message.content END,
		sha256(convert_to(message.content::text, getdatabaseencoding())),
		message.reason, message.sqlstate, message.attempts, message.role)
	ON CONFLICT (content_hash) DO UPDATE
	SET arrivals = old.arrivals + 1, died_at = clock_timestamp(), reason = excluded.reason,
		sqlstate = excluded.sqlstate, attempts = greatest(old.attempts, excluded.attempts);
	-- a better message with the same id is no duplicate
	IF message.attempts > 0 THEN
		DELETE FROM message AS m
		WHERE m.message_id = message.message_id COLLATE "C" AND m.by_content = message.by_content;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.score_bury(bixarena.score_message) IS
	'make a message a dead letter';

CREATE FUNCTION bixarena.score_may_pass(sqlstate text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- the data, or a condition on a row, will be the same the next time
RETURN left(sqlstate, 2) <> '22' AND sqlstate NOT IN ('23502', '23514');
COMMENT ON FUNCTION bixarena.score_may_pass(text) IS 'may an error pass by itself?';

CREATE FUNCTION bixarena.score_try(messages bixarena.score_message[])
RETURNS bixarena.score_message[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	failed bixarena.score_message[] := '{}';
	blocked text[] := '{}';
	message bixarena.score_message;
	lane text;
	flaw text;
	state text;
	attempt integer := 0;
BEGIN
	IF cardinality(messages) = 0 THEN
		RETURN failed;
	END IF;
	LOOP
		BEGIN
			PERFORM bixarena.score_apply(messages);
			RETURN failed;
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS flaw = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
			-- a snapshot that is kept does not get better
			IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
				AND state IN ('40001', 'BX001') THEN
				RAISE serialization_failure USING MESSAGE = flaw;
			END IF;
		END;
		attempt := attempt + 1;
		EXIT WHEN state <> 'BX001' OR attempt > 20;
	END LOOP;
	IF cardinality(messages) = 1 THEN
		message := messages[1];
		message.attempts := message.attempts + 1;
		message.reason := flaw;
		message.sqlstate := CASE state WHEN 'BX001' THEN '40001' ELSE state END;
		RETURN ARRAY[message];
	END IF;

	-- one of them is bad: which?
	FOREACH message IN ARRAY messages LOOP
		lane := message.game_id || e'\x01' || message.player_id;
		IF lane = ANY (blocked) THEN
			message.reason := 'it waits for a message before it that has failed';
			message.sqlstate := '55000';
			failed := failed || message;
		ELSE
			failed := failed || bixarena.score_try(ARRAY[message]);
			IF failed <> '{}' AND (failed[cardinality(failed)]).n = message.n
				AND bixarena.score_may_pass((failed[cardinality(failed)]).sqlstate) THEN
				blocked := blocked || lane;
			END IF;
		END IF;
	END LOOP;
	RETURN failed;
END
$$;
COMMENT ON FUNCTION bixarena.score_try(bixarena.score_message[]) IS
	'apply messages, together or else one by one: those that have failed, and why';

CREATE FUNCTION bixarena.score_lane(player_id text, game_id text)
RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashtextextended(player_id || e'\x01' || game_id COLLATE "C", 0) & 15)::smallint;
COMMENT ON FUNCTION bixarena.score_lane(text, text) IS 'the lane of a player''s messages in a game';

CREATE FUNCTION bixarena.score_wait(messages bixarena.score_message[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	IF messages = '{}' THEN
		RETURN;
	END IF;
	PERFORM bixarena.score_wake_workers(n.nspname, s.workers)
	FROM scoreboard AS s, pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.oid = s.tableoid;
	INSERT INTO queue (lane, message_id, by_content, player_id, game_id, content, attempts,
		due_at, error_sqlstate, error_message)
	SELECT bixarena.score_lane(m.player_id, m.game_id), m.message_id, m.by_content, m.player_id, m.game_id,
		m.content, m.attempts,
		clock_timestamp() + s.retry_seconds * power(2, greatest(m.attempts - 1, 0)) * sign(m.attempts)
			* interval '1 second',
		m.sqlstate, m.reason
	FROM pg_catalog.unnest(messages) AS m, scoreboard AS s
	ORDER BY m.n;
END
$$;
COMMENT ON FUNCTION bixarena.score_wait(bixarena.score_message[]) IS
	'put messages into the queue, for their first attempt or the next';

CREATE FUNCTION bixarena.score_fold_now_and_then(messages bixarena.score_message[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	-- so many events that are not in the counts cost a reader less than a millisecond
	per_fold constant bigint := 256;
	board integer;
BEGIN
	-- under a snapshot that is kept nobody can see how far others have folded
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RETURN;
	END IF;
	FOR board IN
		SELECT f.board_no
		FROM rank_fold AS f
		WHERE f.board_no IN (
				SELECT g.board_no
				FROM pg_catalog.unnest(messages) AS m JOIN game AS g ON g.game_id = m.game_id COLLATE "C")
			AND f.last_event_id + per_fold <= (SELECT q.last_value FROM score_event_event_id_seq AS q)
		ORDER BY 1
	LOOP
		BEGIN
			PERFORM bixarena.rank_fold(board);
		EXCEPTION WHEN OTHERS THEN
			-- ranks are exact without it, and scores count
			RAISE WARNING 'events could not be folded into the counts: %', SQLERRM;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena.score_fold_now_and_then(bixarena.score_message[]) IS
	'fold events into the counts, every few hundred of them';

CREATE FUNCTION bixarena.score_begin()
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	foreign_board integer;
BEGIN
	FOR foreign_board IN
		SELECT f.board_no FROM rank_fold AS f
		WHERE f.server <> bixarena.rank_server() ORDER BY 1
	LOOP
		PERFORM bixarena.rank_rebuild(foreign_board);
	END LOOP;
	-- from here on nobody counts a board anew, and the generation of each holds
	LOCK TABLE score_event IN ROW EXCLUSIVE MODE;
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		-- an error if it has changed since the snapshot
		PERFORM FROM board AS b FOR SHARE;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.score_begin() IS
	'see to it that the counts of all boards are of this server';

CREATE FUNCTION bixarena.score_rejected(given bixarena.score_message[],
	taken bixarena.score_message[], failed bixarena.score_message[])
RETURNS TABLE (message_id text, disposition text, reason text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
AS $$
BEGIN
	RETURN QUERY
	SELECT max(m.message_id) FILTER (WHERE NOT m.by_content),
		CASE
			WHEN max(m.state) IS NULL THEN 'duplicate'
			WHEN bixarena.score_may_pass(max(m.state)) THEN 'failed'
			ELSE 'invalid' END,
		coalesce(max(m.flaw), 'it has come before')
	FROM (
		SELECT g.n, g.message_id, g.by_content, false AS is_taken, g.reason AS flaw, g.sqlstate AS state
		FROM pg_catalog.unnest(given) AS g
		UNION ALL
		SELECT t.n, NULL, NULL, true, NULL, NULL FROM pg_catalog.unnest(taken) AS t
		UNION ALL
		SELECT f.n, NULL, NULL, false, f.reason, f.sqlstate FROM pg_catalog.unnest(failed) AS f
	) AS m
	GROUP BY m.n
	HAVING NOT bool_or(m.is_taken) OR max(m.state) IS NOT NULL
	ORDER BY m.n;
END
$$;
COMMENT ON FUNCTION bixarena.score_rejected(bixarena.score_message[], bixarena.score_message[], bixarena.score_message[]) IS
	'what a call says of the messages that were not applied';

CREATE FUNCTION bixarena.score_notify(taken bixarena.score_message[], failed bixarena.score_message[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	-- one notice for all, short enough for the server whatever the games are called
	PERFORM pg_notify(s.notify_channel, jsonb_build_object(
		'scoreboard', (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n
			ON n.oid = c.relnamespace WHERE c.oid = s.tableoid),
		'games', jsonb_object_agg(g.game_id, g.messages),
		'messages', sum(g.messages))::text)
	FROM scoreboard AS s
	CROSS JOIN (
		SELECT m.game_id, count(*) AS messages
		FROM pg_catalog.unnest(taken) AS m
		WHERE NOT EXISTS (SELECT FROM pg_catalog.unnest(failed) AS f WHERE f.n = m.n)
		GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20
	) AS g
	WHERE s.notify_channel IS NOT NULL
	GROUP BY s.notify_channel, s.tableoid;
END
$$;
COMMENT ON FUNCTION bixarena.score_notify(bixarena.score_message[], bixarena.score_message[]) IS
	'tell who listens how many messages of which games were applied';

CREATE FUNCTION bixarena.score_settle(failed bixarena.score_message[])
RETURNS bixarena.score_message[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	most_attempts integer;
	message bixarena.score_message;
	waiting bixarena.score_message[] := '{}';
BEGIN
	IF failed = '{}' THEN
		RETURN waiting;
	END IF;
	SELECT s.max_attempts INTO STRICT most_attempts FROM scoreboard AS s;
	waiting := ARRAY(SELECT f FROM pg_catalog.unnest(failed) AS f
		WHERE bixarena.score_may_pass(f.sqlstate) AND f.attempts < most_attempts ORDER BY f.n);
	FOR message IN
		SELECT f.* FROM pg_catalog.unnest(failed) AS f
		WHERE NOT (bixarena.score_may_pass(f.sqlstate) AND f.attempts < most_attempts)
		ORDER BY sha256(convert_to(f.content::text, getdatabaseencoding()))
	LOOP
		PERFORM bixarena.score_bury(message);
	END LOOP;
	RETURN waiting;
END
$$;
COMMENT ON FUNCTION bixarena.score_settle(bixarena.score_message[]) IS
	'make those that are invalid, or have had all attempts, dead letters: the others';

CREATE FUNCTION bixarena_submit_scores(scoreboard text, messages jsonb)
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
	failed bixarena.score_message[];
BEGIN
	PERFORM set_config('search_path', bixarena.scoreboard_path(scoreboard), true);
	PERFORM bixarena.score_begin();
	given := bixarena.score_messages(messages);
	taken := bixarena.score_take(given);
	failed := bixarena.score_try(taken);

	PERFORM bixarena.score_wait(bixarena.score_settle(failed
		|| ARRAY(SELECT m FROM pg_catalog.unnest(given) AS m WHERE m.reason IS NOT NULL)));
	PERFORM bixarena.score_notify(taken, failed);
	PERFORM bixarena.score_fold_now_and_then(taken);

	IF cardinality(taken) < cardinality(given) OR failed <> '{}' THEN
		RETURN QUERY SELECT r.* FROM bixarena.score_rejected(given, taken, failed) AS r;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_submit_scores(text, jsonb) IS
	'apply score messages in this transaction; a row for each that was not applied';
-- it writes scores
REVOKE ALL ON FUNCTION bixarena_submit_scores(text, jsonb) FROM PUBLIC;

