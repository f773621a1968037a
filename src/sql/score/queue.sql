/*
 * The queue: messages that wait for a worker.  See src/score/score_queue.c and
 * src/score/score_worker.c.
 */

CREATE FUNCTION bixarena.score_work(scoreboard text, OUT done integer, OUT wait_seconds double precision)
AS 'MODULE_PATHNAME', 'bixarena_work_at_scores'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_work(text) IS
	'apply a batch of this role''s messages of a queue, or else say when one is due';

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
