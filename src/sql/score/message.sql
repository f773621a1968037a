/*
 * Messages brought: applied at once, or put into the queue.  See src/score/batch.c.
 *
 * The settings make the plans of our queries, which are kept, good for a table of any
 * size: they are nested loops over indexes.
 */

CREATE FUNCTION bixarena.score_lane(player_id text, game_id text)
RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashtextextended(player_id || e'\x01' || game_id COLLATE "C", 0) & 15)::smallint;
COMMENT ON FUNCTION bixarena.score_lane(text, text) IS 'the lane of a player''s messages in a game';

CREATE FUNCTION bixarena_submit_scores(scoreboard text, messages jsonb)
RETURNS TABLE (message_id text, disposition text, reason text)
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_submit_scores(text, jsonb) IS
	'apply score messages in this transaction; a row for each that was not applied';
-- it writes scores
REVOKE ALL ON FUNCTION bixarena_submit_scores(text, jsonb) FROM PUBLIC;

CREATE FUNCTION bixarena_enqueue_scores(scoreboard text, messages jsonb)
RETURNS TABLE (message_id text, disposition text, reason text)
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_enqueue_scores(text, jsonb) IS
	'put score messages into the queue, for a worker to apply; a row for each that was not taken';
-- it writes messages
REVOKE ALL ON FUNCTION bixarena_enqueue_scores(text, jsonb) FROM PUBLIC;

CREATE FUNCTION bixarena_redrive(scoreboard text, dead_letter_ids bigint[] DEFAULT NULL)
RETURNS TABLE (dead_letter_id bigint, disposition text, reason text)
AS 'MODULE_PATHNAME'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET jit = off;
COMMENT ON FUNCTION bixarena_redrive(text, bigint[]) IS
	'put dead letters into the queue again, those of these numbers or all';
-- it writes messages
REVOKE ALL ON FUNCTION bixarena_redrive(text, bigint[]) FROM PUBLIC;
