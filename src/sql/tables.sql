-- Functions for users are in the extension's schema and bear the prefix
-- bixarena_; the tables, and functions for our own use, are in the schema
-- bixarena.  All functions that run SQL have their search_path pinned.
CREATE SCHEMA bixarena;
COMMENT ON SCHEMA bixarena IS 'tables and internal functions of bixarena_rank';

GRANT USAGE ON SCHEMA bixarena TO PUBLIC;

CREATE FUNCTION bixarena.interface_schema()
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT quote_ident(n.nspname)
	FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
	WHERE e.extname = 'bixarena_rank'
$$;
COMMENT ON FUNCTION bixarena.interface_schema() IS 'the schema of functions for users, quoted';


/*
 * Tables.  Only functions of ours write them, with the owner's rights; but
 * bixarena.membership is written with those of who grants and revokes.
 */

CREATE TABLE bixarena.arena (
	name name PRIMARY KEY,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE bixarena.arena IS 'schemas that are registered as arenas';
COMMENT ON COLUMN bixarena.arena.name IS 'name of the schema';
COMMENT ON COLUMN bixarena.arena.created_at IS 'when it was registered';

CREATE TABLE bixarena.setting (
	arena name NOT NULL,
	leaderboard text NOT NULL DEFAULT '',
	name text NOT NULL,
	value text NOT NULL,
	PRIMARY KEY (arena, leaderboard, name)
);
CREATE FUNCTION bixarena.trigger_old_setting()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.leaderboard := coalesce(NEW.leaderboard, '');
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION bixarena.trigger_old_setting() IS
	'in version 1.0 null was the whole arena: its dumps can be restored';
-- nobody calls it but the trigger
REVOKE ALL ON FUNCTION bixarena.trigger_old_setting() FROM PUBLIC;

CREATE TRIGGER old_setting BEFORE INSERT ON bixarena.setting
	FOR EACH ROW WHEN (NEW.leaderboard IS NULL)
	EXECUTE FUNCTION bixarena.trigger_old_setting();
COMMENT ON TABLE bixarena.setting IS
	'values of settings that differ from the default; see bixarena_settings()';
COMMENT ON COLUMN bixarena.setting.arena IS 'name of the arena';
COMMENT ON COLUMN bixarena.setting.leaderboard IS
	'slug of the leaderboard; empty: the whole arena';
COMMENT ON COLUMN bixarena.setting.name IS 'name of the setting';
COMMENT ON COLUMN bixarena.setting.value IS 'its value, as text';

CREATE TABLE bixarena.membership (
	arena name,
	role name,
	kind text CHECK (kind IN ('reader', 'operator', 'admin')),
	PRIMARY KEY (arena, role, kind)
);
COMMENT ON TABLE bixarena.membership IS
	'roles that bixarena_grant() has given rights, which are the server''s own';
COMMENT ON COLUMN bixarena.membership.arena IS 'name of the schema';
COMMENT ON COLUMN bixarena.membership.role IS 'name of the role';
COMMENT ON COLUMN bixarena.membership.kind IS 'what the role is in the arena';

CREATE TABLE bixarena.run (
	correlation_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
	arena name NOT NULL,
	leaderboard text NOT NULL,
	status text NOT NULL
		CHECK (status IN ('queued', 'running', 'succeeded', 'skipped', 'failed')),
	trigger_source text NOT NULL
		CHECK (trigger_source IN ('scheduled', 'api', 'manual')),
	triggered_by text CHECK (pg_catalog.length(triggered_by) <= 320),
	role name NOT NULL,
	parameters jsonb NOT NULL,
	attempts integer NOT NULL,
	requested_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
	started_at timestamptz,
	ended_at timestamptz,
	read_seconds double precision,
	fit_seconds double precision,
	bootstrap_seconds double precision,
	write_seconds double precision,
	snapshot_id uuid,
	snapshot_identifier text,
	entry_count integer,
	evaluation_count bigint,
	ignored_battles bigint,
	incomplete_replicates integer,
	unranked jsonb,
	skip_reason text,
	error_sqlstate text,
	error_message text,
	error_detail text,
	role_id oid NOT NULL DEFAULT 0,
	request_number bigint,
	call_id uuid,
	ranges jsonb,
	voters jsonb,
	soundness jsonb,
	terms jsonb
);
CREATE INDEX run_leaderboard
	ON bixarena.run (arena, leaderboard, requested_at DESC);
CREATE INDEX run_arena ON bixarena.run (arena, requested_at DESC);
-- a leaderboard is queued once by each role, with the same values
CREATE UNIQUE INDEX run_queued
	ON bixarena.run (arena, leaderboard, role_id, (coalesce(
		parameters OPERATOR(pg_catalog.->) 'requested', '{}')))
	WHERE status = 'queued';
-- what workers look for; their conditions are in no other query's words, lest the
-- planner read all of such an index for one run when it believes it to be empty
CREATE INDEX run_waiting
	ON bixarena.run (role_id, arena, requested_at, correlation_id)
	WHERE ended_at IS NULL AND status <> 'running';
CREATE INDEX run_under_way
	ON bixarena.run (role_id, arena, requested_at, correlation_id)
	WHERE ended_at IS NULL AND status <> 'queued';
-- requests that the quota counts
CREATE INDEX run_requests
	ON bixarena.run (arena, request_number) WHERE request_number IS NOT NULL;
-- identifiers that are taken
CREATE INDEX run_snapshot
	ON bixarena.run (arena, snapshot_identifier COLLATE "C");
-- the runs of a call
CREATE INDEX run_call ON bixarena.run (call_id) WHERE call_id IS NOT NULL;
COMMENT ON TABLE bixarena.run IS 'runs: who asked for a snapshot, and how its making went';
COMMENT ON COLUMN bixarena.run.correlation_id IS 'key of the run';
COMMENT ON COLUMN bixarena.run.arena IS 'name of the arena';
COMMENT ON COLUMN bixarena.run.leaderboard IS 'slug of the leaderboard';
COMMENT ON COLUMN bixarena.run.status IS
	'queued, running, succeeded, skipped or failed';
COMMENT ON COLUMN bixarena.run.trigger_source IS 'scheduled, api or manual';
COMMENT ON COLUMN bixarena.run.triggered_by IS 'who asked, as the caller said';
COMMENT ON COLUMN bixarena.run.role IS 'role that the run was made as';
COMMENT ON COLUMN bixarena.run.parameters IS
	'with what: settings in force, as_of, and what the request set';
COMMENT ON COLUMN bixarena.run.attempts IS 'attempts begun so far';
COMMENT ON COLUMN bixarena.run.requested_at IS 'when it was asked for';
COMMENT ON COLUMN bixarena.run.started_at IS 'when the last attempt began';
COMMENT ON COLUMN bixarena.run.ended_at IS 'when it ended; null: it has not';
COMMENT ON COLUMN bixarena.run.read_seconds IS 'reading of the battles';
COMMENT ON COLUMN bixarena.run.fit_seconds IS 'point estimate';
COMMENT ON COLUMN bixarena.run.bootstrap_seconds IS 'intervals';
COMMENT ON COLUMN bixarena.run.write_seconds IS 'writing of the snapshot';
COMMENT ON COLUMN bixarena.run.snapshot_id IS 'id of the snapshot; null: there is none';
COMMENT ON COLUMN bixarena.run.snapshot_identifier IS 'identifier of the snapshot';
COMMENT ON COLUMN bixarena.run.entry_count IS 'models that were ranked';
COMMENT ON COLUMN bixarena.run.evaluation_count IS 'battles that were used';
COMMENT ON COLUMN bixarena.run.ignored_battles IS 'battles that could not be used';
COMMENT ON COLUMN bixarena.run.incomplete_replicates IS
	'bootstrap replicates that could not place all models';
COMMENT ON COLUMN bixarena.run.unranked IS
	'slugs of the models without a rank, and why';
COMMENT ON COLUMN bixarena.run.skip_reason IS 'why it was skipped';
COMMENT ON COLUMN bixarena.run.error_sqlstate IS
	'SQLSTATE of the last attempt that failed; null: the run then succeeded or was skipped';
COMMENT ON COLUMN bixarena.run.error_message IS 'message of that error';
COMMENT ON COLUMN bixarena.run.error_detail IS 'detail of that error';
COMMENT ON COLUMN bixarena.run.role_id IS
	'the same role, whatever it is called now; 0: none of this server';
COMMENT ON COLUMN bixarena.run.request_number IS
	'number of a request of source api among those of its arena';
COMMENT ON COLUMN bixarena.run.call_id IS
	'what the runs of one call share; null: the run was made by itself';
COMMENT ON COLUMN bixarena.run.ranges IS
	'ids of the ranked models, and the ranks that the battles allow them';
COMMENT ON COLUMN bixarena.run.voters IS
	'of intervals by voter: how many voters, battles of the busiest, and how many times as wide as by battle; null: every battle was taken as independent';
COMMENT ON COLUMN bixarena.run.soundness IS
	'how many battles carry the lead of the first model, and whether one number for each model describes the battles; where more decides battles, as ranked without that';

COMMENT ON COLUMN bixarena.run.terms IS
	'what decides battles besides strengths, as far as settings ask: position, covariates and ties, as found; null: strengths alone';

-- also in a row that is restored from a dump: another server numbers roles otherwise
CREATE FUNCTION bixarena.trigger_run_role()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	NEW.role_id := coalesce((SELECT r.oid FROM pg_roles AS r WHERE r.rolname = NEW.role), 0);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION bixarena.trigger_run_role() IS 'keeps the role of a run by its oid too';
REVOKE ALL ON FUNCTION bixarena.trigger_run_role() FROM PUBLIC;
CREATE TRIGGER run_role BEFORE INSERT ON bixarena.run
	FOR EACH ROW EXECUTE FUNCTION bixarena.trigger_run_role();
COMMENT ON TRIGGER run_role ON bixarena.run IS 'the role of the run by its oid too';

-- who may read the record sees the runs of the arenas whose schema is open; the owner
-- sees all
ALTER TABLE bixarena.run ENABLE ROW LEVEL SECURITY;
CREATE POLICY run_of_open_arenas ON bixarena.run FOR SELECT
	USING (arena OPERATOR(pg_catalog.=) ANY (
		SELECT n.nspname FROM pg_catalog.pg_namespace AS n
		WHERE pg_catalog.has_schema_privilege(n.oid, 'USAGE')));
COMMENT ON POLICY run_of_open_arenas ON bixarena.run IS
	'runs of arenas whose schema the reader has USAGE on';

-- everybody may see the arenas, and what their settings say; but what leaderboards
-- there are only who may look into the arena
GRANT SELECT ON bixarena.arena, bixarena.setting TO PUBLIC;
ALTER TABLE bixarena.setting ENABLE ROW LEVEL SECURITY;
CREATE POLICY setting_of_open_arenas ON bixarena.setting FOR SELECT
	USING (coalesce(leaderboard, '') OPERATOR(pg_catalog.=) '' OR
		arena OPERATOR(pg_catalog.=) ANY (
			SELECT n.nspname FROM pg_catalog.pg_namespace AS n
			WHERE pg_catalog.has_schema_privilege(n.oid, 'USAGE')));
COMMENT ON POLICY setting_of_open_arenas ON bixarena.setting IS
	'settings of arenas, and of leaderboards of those whose schema the reader has USAGE on';

SELECT pg_catalog.pg_extension_config_dump('bixarena.arena', '');
SELECT pg_catalog.pg_extension_config_dump('bixarena.setting', '');
SELECT pg_catalog.pg_extension_config_dump('bixarena.membership', '');
SELECT pg_catalog.pg_extension_config_dump('bixarena.run', '');


