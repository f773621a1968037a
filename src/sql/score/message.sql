/*
 * Messages: what is in one, and what is wrong with it.
 */

CREATE TYPE bixarena.score_message AS (
	n integer,
	message_id text,
	by_content boolean,
	player_id text,
	game_id text,
	score numeric,
	update_type text,
	metadata jsonb,
	sent_at timestamptz,
	role text,
	attempts integer,
	content jsonb,
	reason text,
	sqlstate text
);
COMMENT ON TYPE bixarena.score_message IS
	'a message in a call; with a reason, it can never be applied';

CREATE FUNCTION bixarena.score_is_small(score numeric)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- what comes out of sums must fit into an entry of an index
RETURN abs(score) < 1e60 AND scale(score) <= 60;
COMMENT ON FUNCTION bixarena.score_is_small(numeric) IS
	'has a score less than 60 digits before and behind the point?';

CREATE FUNCTION bixarena.score_read_messages(messages jsonb, latest timestamptz)
RETURNS SETOF bixarena.score_message
AS 'MODULE_PATHNAME', 'bixarena_read_score_messages'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION bixarena.score_read_messages(jsonb, timestamptz) IS
	'the messages of a call, in their order; with a reason those that can never be applied';

CREATE FUNCTION bixarena.score_messages(messages jsonb)
RETURNS bixarena.score_message[]
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
AS $$
DECLARE
	latest timestamptz;
	result bixarena.score_message[];
BEGIN
	IF messages IS NULL THEN
		RAISE EXCEPTION 'messages must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT clock_timestamp() + s.max_future_seconds * interval '1 second'
	INTO STRICT latest FROM scoreboard AS s;
	result := ARRAY(SELECT m FROM bixarena.score_read_messages(messages, latest) AS m);
	IF EXISTS (
		SELECT m.game_id COLLATE "C" FROM pg_catalog.unnest(result) AS m WHERE m.reason IS NULL
		EXCEPT SELECT g.game_id FROM game AS g)
	THEN
		result := ARRAY(
			SELECT ROW(m.n, m.message_id, m.by_content, m.player_id, m.game_id, m.score,
				m.update_type, m.metadata, m.sent_at, m.role, m.attempts, m.content,
				coalesce(m.reason, CASE WHEN g.game_id IS NULL THEN
					pg_catalog.format('there is no game "%s"', m.game_id) END),
				CASE WHEN m.reason IS NOT NULL OR g.game_id IS NULL THEN '22023' END
				)::bixarena.score_message
			FROM pg_catalog.unnest(result) AS m
			LEFT JOIN game AS g ON g.game_id = m.game_id COLLATE "C"
			ORDER BY m.n);
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.score_messages(jsonb) IS
	'the messages of a call; with a reason those without a game too';
