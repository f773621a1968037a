/*
 * Requests, and the background worker that makes them.
 */

CREATE FUNCTION bixarena_request_snapshot(
	leaderboard_id text,
	arena text DEFAULT NULL,
	trigger_source text DEFAULT 'api',
	triggered_by text DEFAULT NULL,
	num_bootstrap bigint DEFAULT NULL,
	min_evaluations bigint DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'bixarena_request_snapshot'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_request_snapshot(text, text, text, text, bigint, bigint) IS
	'queue a run for a background worker; returns its correlation id at once';
-- it queues runs
REVOKE ALL ON FUNCTION bixarena_request_snapshot(text, text, text, text, bigint, bigint) FROM PUBLIC;

CREATE PROCEDURE bixarena_process_requests()
AS 'MODULE_PATHNAME', 'bixarena_process_requests'
LANGUAGE C;
COMMENT ON PROCEDURE bixarena_process_requests() IS
	'make the current role''s runs that wait, as queued or abandoned';
-- it writes snapshots and runs
REVOKE ALL ON PROCEDURE bixarena_process_requests() FROM PUBLIC;

CREATE FUNCTION bixarena.run_is_abandoned(correlation_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_is_abandoned'
-- it looks at the record: of the runs of an arena only those are to be asked for that
-- are running, which costs less to see
LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 1000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.run_is_abandoned(uuid) IS
	'does no process work at this run, which is running on record? null: this is a standby';


