/*
 * Making snapshots.
 */

CREATE TYPE bixarena_snapshot_result AS (
	status text,
	reason text,
	snapshot_id uuid,
	snapshot_identifier text,
	entry_count integer,
	evaluation_count bigint,
	duration_seconds double precision,
	correlation_id uuid
);
COMMENT ON TYPE bixarena_snapshot_result IS 'how the making of a snapshot went';

CREATE FUNCTION bixarena_generate_snapshot(
	leaderboard_id text,
	num_bootstrap bigint DEFAULT NULL,
	min_evaluations bigint DEFAULT NULL,
	rank_by_significance boolean DEFAULT NULL,
	auto_publish boolean DEFAULT NULL,
	dry_run boolean DEFAULT false,
	as_of timestamptz DEFAULT NULL,
	seed bigint DEFAULT NULL,
	arena text DEFAULT NULL,
	trigger_source text DEFAULT 'manual',
	triggered_by text DEFAULT NULL,
	correlation_id uuid DEFAULT NULL)
RETURNS bixarena_snapshot_result
AS 'MODULE_PATHNAME', 'bixarena_generate_snapshot'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_generate_snapshot(text, bigint, bigint, boolean, boolean, boolean, timestamptz, bigint, text, text, text, uuid) IS
	'rank the models of a leaderboard and store the result as a snapshot';
-- it writes snapshots and runs
REVOKE ALL ON FUNCTION bixarena_generate_snapshot(text, bigint, bigint, boolean, boolean, boolean, timestamptz, bigint, text, text, text, uuid) FROM PUBLIC;

CREATE PROCEDURE bixarena_generate_snapshots(
	arena text DEFAULT NULL,
	leaderboard_id text DEFAULT NULL,
	trigger_source text DEFAULT 'manual',
	triggered_by text DEFAULT NULL,
	dry_run boolean DEFAULT false)
AS 'MODULE_PATHNAME', 'bixarena_generate_snapshots'
LANGUAGE C;
COMMENT ON PROCEDURE bixarena_generate_snapshots(text, text, text, text, boolean) IS
	'make a snapshot of every leaderboard of an arena, or of one, each in its own transaction';
-- it writes snapshots and runs
REVOKE ALL ON PROCEDURE bixarena_generate_snapshots(text, text, text, text, boolean) FROM PUBLIC;

CREATE PROCEDURE bixarena_backfill(
	leaderboard_id text,
	from_time timestamptz,
	to_time timestamptz DEFAULT pg_catalog.now(),
	step interval DEFAULT '1 day',
	arena text DEFAULT NULL,
	triggered_by text DEFAULT NULL)
AS 'MODULE_PATHNAME', 'bixarena_backfill'
LANGUAGE C;
COMMENT ON PROCEDURE bixarena_backfill(text, timestamptz, timestamptz, interval, text, text) IS
	'make the snapshots of a leaderboard that would have been published in the past';
-- it writes snapshots and runs
REVOKE ALL ON PROCEDURE bixarena_backfill(text, timestamptz, timestamptz, interval, text, text) FROM PUBLIC;


