/* bixarena_rank: installed by CREATE EXTENSION bixarena_rank */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION bixarena_rank" to load this file. \quit

-- a schema that somebody else has made may hold anything
DO $$
BEGIN
	IF pg_catalog.to_regnamespace('bixarena') IS NOT NULL THEN
		RAISE EXCEPTION 'schema "bixarena" exists already'
			USING ERRCODE = 'duplicate_schema',
				DETAIL = 'The extension bixarena_rank makes a schema of this name for its tables.',
				HINT = 'Rename the schema, or drop it if it is left over.';
	END IF;
END
$$;

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


/*
 * A ranking of any relation.  It reads with the caller's rights and writes
 * nothing, so everybody may call it.
 */

CREATE FUNCTION bixarena_rank(
	battles regclass,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS TABLE (
	model text,
	bt_score double precision,
	rank integer,
	bootstrap_q025 double precision,
	bootstrap_q975 double precision,
	vote_count bigint,
	status text)
AS 'MODULE_PATHNAME', 'bixarena_rank'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'Bradley-Terry ranking of the models in any table or view of battles';

CREATE TYPE bixarena_rank_range AS (
	model text,
	bt_score double precision,
	rank integer,
	lowest_rank integer,
	highest_rank integer,
	lowest_rank_simultaneous integer,
	highest_rank_simultaneous integer,
	may_be_best boolean,
	share_on_top double precision,
	comparison_lower double precision,
	comparison_upper double precision
);
COMMENT ON TYPE bixarena_rank_range IS 'the ranks that the data allow a model';

CREATE FUNCTION bixarena_rank_ranges(
	battles regclass,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS SETOF bixarena_rank_range
AS 'MODULE_PATHNAME', 'bixarena_rank_ranges'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_ranges(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'the ranks that any table or view of battles allows each model';

CREATE TYPE bixarena_difference AS (
	a text,
	b text,
	points double precision,
	points_q025 double precision,
	points_q975 double precision,
	predicted_share double precision
);
COMMENT ON TYPE bixarena_difference IS 'by how much a model is ahead of another';

CREATE FUNCTION bixarena_rank_difference(
	battles regclass,
	a text,
	b text,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS bixarena_difference
AS 'MODULE_PATHNAME', 'bixarena_rank_difference'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_difference(regclass, text, text, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'by how much a model of any table or view of battles is ahead of another, with the interval of the difference';

/*
 * What decides battles besides strengths: what standing first is worth, covariates, and
 * how often ties are.
 */

CREATE TYPE bixarena_term AS (
	kind text,
	covariate text,
	estimate double precision,
	standard_error double precision,
	information_error double precision,
	estimate_q025 double precision,
	estimate_q975 double precision,
	points double precision,
	points_q025 double precision,
	points_q975 double precision,
	p_value double precision,
	tie_odds double precision,
	mean double precision,
	standard_deviation double precision,
	status text
);
COMMENT ON TYPE bixarena_term IS 'what decides battles besides strengths';

CREATE TYPE bixarena_position AS (
	points double precision,
	points_q025 double precision,
	points_q975 double precision,
	p_value double precision,
	status text
);
COMMENT ON TYPE bixarena_position IS 'what standing first is worth';

CREATE FUNCTION bixarena_rank_terms(
	battles regclass,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS SETOF bixarena_term
AS 'MODULE_PATHNAME', 'bixarena_rank_terms'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 3 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_terms(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'what decides the battles in any table or view besides strengths: position, ties and covariates, as far as asked for';

CREATE FUNCTION bixarena_rank_position(
	battles regclass,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS bixarena_position
AS 'MODULE_PATHNAME', 'bixarena_rank_position'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_position(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, text, text[]) IS
	'points that standing first is worth in any table or view of battles';

CREATE TYPE bixarena_rank_matchup AS (
	model1 text,
	model2 text,
	battles bigint,
	wins1 bigint,
	wins2 bigint,
	ties bigint,
	observed_share double precision,
	predicted_share double precision,
	predicted_wins1 double precision,
	predicted_wins2 double precision,
	predicted_ties double precision,
	fit_p_value double precision
);
COMMENT ON TYPE bixarena_rank_matchup IS 'two models, the battles between them, and what the scores predict of these';

CREATE FUNCTION bixarena_rank_matchups(
	battles regclass,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL,
	intervals text DEFAULT 'bootstrap',
	voter text DEFAULT NULL,
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half',
	covariates text[] DEFAULT NULL)
RETURNS SETOF bixarena_rank_matchup
AS 'MODULE_PATHNAME', 'bixarena_rank_matchups'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_matchups(regclass, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text, text, double precision, text, text, text, boolean, text, text[]) IS
	'each two models that have met in any table or view of battles: how they fared, and were to fare';
/*
 * A tally as a value: what battles come to, for any query that can name two models and
 * an outcome.  It holds counts and reads no table, so everybody may use it.
 */

CREATE TYPE bixarena_tally;

CREATE FUNCTION bixarena.tally_in(cstring)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_in(cstring) IS
	'input of a tally';
REVOKE ALL ON FUNCTION bixarena.tally_in(cstring) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_out(bixarena_tally)
RETURNS cstring
AS 'MODULE_PATHNAME', 'bixarena_tally_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_out(bixarena_tally) IS
	'output of a tally';
REVOKE ALL ON FUNCTION bixarena.tally_out(bixarena_tally) FROM PUBLIC;

-- names come in the client's encoding
CREATE FUNCTION bixarena.tally_recv(internal)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_recv'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_recv(internal) IS
	'binary input of a tally';
REVOKE ALL ON FUNCTION bixarena.tally_recv(internal) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_send(bixarena_tally)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_tally_send'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_send(bixarena_tally) IS
	'binary output of a tally';
REVOKE ALL ON FUNCTION bixarena.tally_send(bixarena_tally) FROM PUBLIC;

CREATE TYPE bixarena_tally (
	INPUT = bixarena.tally_in,
	OUTPUT = bixarena.tally_out,
	RECEIVE = bixarena.tally_recv,
	SEND = bixarena.tally_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE bixarena_tally IS
	'battles as counts of who beat whom, and who stood first';

--
-- What it can be asked
--

CREATE FUNCTION bixarena_num_battles(tally bixarena_tally)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_num_battles'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena_num_battles(bixarena_tally) IS
	'how many battles are in a tally';

CREATE FUNCTION bixarena_num_models(tally bixarena_tally)
RETURNS integer
AS 'MODULE_PATHNAME', 'bixarena_num_models'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena_num_models(bixarena_tally) IS
	'how many models have battles in a tally';

CREATE FUNCTION bixarena_pairs(tally bixarena_tally)
RETURNS TABLE (
	model1 text,
	model2 text,
	wins1 bigint,
	wins2 bigint,
	ties bigint)
AS 'MODULE_PATHNAME', 'bixarena_pairs'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 1000;
COMMENT ON FUNCTION bixarena_pairs(bixarena_tally) IS
	'what is in a tally: each two models as they stood, and how they fared';

CREATE FUNCTION bixarena_rank_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS TABLE (
	model text,
	bt_score double precision,
	rank integer,
	bootstrap_q025 double precision,
	bootstrap_q975 double precision,
	vote_count bigint,
	status text)
AS 'MODULE_PATHNAME', 'bixarena_rank_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'Bradley-Terry ranking of the models in a tally';

CREATE FUNCTION bixarena_rank_ranges_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS SETOF bixarena_rank_range
AS 'MODULE_PATHNAME', 'bixarena_rank_ranges_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_ranges_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'the ranks that a tally allows each model';

CREATE FUNCTION bixarena_rank_difference_tally(
	tally bixarena_tally,
	a text,
	b text,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS bixarena_difference
AS 'MODULE_PATHNAME', 'bixarena_rank_difference_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION bixarena_rank_difference_tally(bixarena_tally, text, text, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'by how much a model of a tally is ahead of another, with the interval of the difference';

CREATE FUNCTION bixarena.tally_to_jsonb(bixarena_tally)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'bixarena_tally_to_jsonb'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_to_jsonb(bixarena_tally) IS
	'a tally as jsonb';
CREATE CAST (bixarena_tally AS jsonb) WITH FUNCTION bixarena.tally_to_jsonb(bixarena_tally);

--
-- Operators
--

CREATE FUNCTION bixarena.tally_equal(bixarena_tally, bixarena_tally)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_tally_equal'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION bixarena.tally_equal(bixarena_tally, bixarena_tally) IS
	'are the battles of two tallies the same?';

CREATE FUNCTION bixarena.tally_different(bixarena_tally, bixarena_tally)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_tally_different'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION bixarena.tally_different(bixarena_tally, bixarena_tally) IS
	'do the battles of two tallies differ?';

CREATE FUNCTION bixarena.tally_hash(bixarena_tally)
RETURNS integer
AS 'MODULE_PATHNAME', 'bixarena_tally_hash'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION bixarena.tally_hash(bixarena_tally) IS
	'hash of a tally';

CREATE FUNCTION bixarena.tally_hash_extended(bixarena_tally, bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_tally_hash_extended'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION bixarena.tally_hash_extended(bixarena_tally, bigint) IS
	'hash of a tally, with a seed';

CREATE FUNCTION bixarena.tally_plus(bixarena_tally, bixarena_tally)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_plus'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_plus(bixarena_tally, bixarena_tally) IS
	'the battles of two tallies together';

CREATE FUNCTION bixarena.tally_minus(bixarena_tally, bixarena_tally)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_minus'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_minus(bixarena_tally, bixarena_tally) IS
	'the battles of a tally without those of another';

CREATE OPERATOR = (
	LEFTARG = bixarena_tally,
	RIGHTARG = bixarena_tally,
	FUNCTION = bixarena.tally_equal,
	COMMUTATOR = =,
	NEGATOR = <>,
	RESTRICT = eqsel,
	JOIN = eqjoinsel,
	HASHES
);

CREATE OPERATOR <> (
	LEFTARG = bixarena_tally,
	RIGHTARG = bixarena_tally,
	FUNCTION = bixarena.tally_different,
	COMMUTATOR = <>,
	NEGATOR = =,
	RESTRICT = neqsel,
	JOIN = neqjoinsel
);

CREATE OPERATOR + (
	LEFTARG = bixarena_tally,
	RIGHTARG = bixarena_tally,
	FUNCTION = bixarena.tally_plus,
	COMMUTATOR = +
);

CREATE OPERATOR - (
	LEFTARG = bixarena_tally,
	RIGHTARG = bixarena_tally,
	FUNCTION = bixarena.tally_minus
);

-- for DISTINCT, GROUP BY and EXCEPT
CREATE OPERATOR CLASS bixarena_tally_ops DEFAULT FOR TYPE bixarena_tally USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 bixarena.tally_hash(bixarena_tally),
	FUNCTION 2 bixarena.tally_hash_extended(bixarena_tally, bigint);

--
-- Aggregates
--

-- the text of a value may depend on settings
CREATE FUNCTION bixarena.tally_transition(internal, model1 "any", model2 "any", outcome "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_transition'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_transition(internal, "any", "any", "any") IS
	'a battle for a tally';
REVOKE ALL ON FUNCTION bixarena.tally_transition(internal, "any", "any", "any") FROM PUBLIC;

CREATE FUNCTION bixarena.tally_transition(internal, model1 "any", model2 "any", outcome "any", battles bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_transition'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_transition(internal, "any", "any", "any", bigint) IS
	'battles for a tally';
REVOKE ALL ON FUNCTION bixarena.tally_transition(internal, "any", "any", "any", bigint) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_merge(internal, bixarena_tally)
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_merge'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_merge(internal, bixarena_tally) IS
	'a tally for a tally';
REVOKE ALL ON FUNCTION bixarena.tally_merge(internal, bixarena_tally) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_combine(internal, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_combine(internal, internal) IS
	'what two workers have gathered';
REVOKE ALL ON FUNCTION bixarena.tally_combine(internal, internal) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_serialize(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_tally_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_serialize(internal) IS
	'what a worker has gathered, as bytes';
REVOKE ALL ON FUNCTION bixarena.tally_serialize(internal) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_deserialize(bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_deserialize(bytea, internal) IS
	'what a worker has gathered, from bytes';
REVOKE ALL ON FUNCTION bixarena.tally_deserialize(bytea, internal) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_final(internal)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_final(internal) IS
	'the tally of all battles';
REVOKE ALL ON FUNCTION bixarena.tally_final(internal) FROM PUBLIC;

CREATE AGGREGATE bixarena_tally(model1 "any", model2 "any", outcome "any") (
	SFUNC = bixarena.tally_transition,
	STYPE = internal,
	FINALFUNC = bixarena.tally_final,
	COMBINEFUNC = bixarena.tally_combine,
	SERIALFUNC = bixarena.tally_serialize,
	DESERIALFUNC = bixarena.tally_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE bixarena_tally("any", "any", "any") IS
	'the tally of battles, a row each';

CREATE AGGREGATE bixarena_tally(model1 "any", model2 "any", outcome "any", battles bigint) (
	SFUNC = bixarena.tally_transition,
	STYPE = internal,
	FINALFUNC = bixarena.tally_final,
	COMBINEFUNC = bixarena.tally_combine,
	SERIALFUNC = bixarena.tally_serialize,
	DESERIALFUNC = bixarena.tally_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE bixarena_tally("any", "any", "any", bigint) IS
	'the tally of battles, several a row';

CREATE AGGREGATE bixarena_tally(tally bixarena_tally) (
	SFUNC = bixarena.tally_merge,
	STYPE = internal,
	FINALFUNC = bixarena.tally_final,
	COMBINEFUNC = bixarena.tally_combine,
	SERIALFUNC = bixarena.tally_serialize,
	DESERIALFUNC = bixarena.tally_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE bixarena_tally(bixarena_tally) IS
	'the battles of all tallies together';
/*
 * What decides the battles of a tally besides strengths.
 */

CREATE FUNCTION bixarena_rank_terms_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS SETOF bixarena_term
AS 'MODULE_PATHNAME', 'bixarena_rank_terms_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 2 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_terms_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'what decides the battles of a tally besides strengths: position and ties, as far as asked for';

CREATE FUNCTION bixarena_rank_position_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	tie_model text DEFAULT 'half')
RETURNS bixarena_position
AS 'MODULE_PATHNAME', 'bixarena_rank_position_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION bixarena_rank_position_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, text) IS
	'points that standing first is worth in a tally';

CREATE FUNCTION bixarena_rank_matchups_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS SETOF bixarena_rank_matchup
AS 'MODULE_PATHNAME', 'bixarena_rank_matchups_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1000 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_matchups_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'each two models that have met in a tally: how they fared, and were to fare';

/*
 * How far a ranking of any relation can be leaned on.
 */

CREATE TYPE bixarena_robustness AS (
	rank integer,
	leader text,
	rival text,
	points double precision,
	battles bigint,
	share double precision,
	points_after double precision
);
COMMENT ON TYPE bixarena_robustness IS 'how many battles carry the lead of one model over another';

CREATE FUNCTION bixarena_rank_robustness(
	battles regclass,
	neighbours boolean DEFAULT false,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS SETOF bixarena_robustness
AS 'MODULE_PATHNAME', 'bixarena_rank_robustness'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_robustness(regclass, boolean, bigint, double precision, text, text, text, double precision, text) IS
	'how many battles of any table or view carry the lead of its first model';

CREATE TYPE bixarena_voter_pull AS (
	voter text,
	battles bigint,
	points double precision,
	raised text,
	raised_points double precision,
	lowered text,
	lowered_points double precision,
	lead_points double precision
);
COMMENT ON TYPE bixarena_voter_pull IS 'what a voter does to the scores';

CREATE FUNCTION bixarena_rank_voters(
	battles regclass,
	voter text,
	n bigint DEFAULT 20,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS SETOF bixarena_voter_pull
AS 'MODULE_PATHNAME', 'bixarena_rank_voters'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_voters(regclass, text, bigint, bigint, double precision, text, text, text, double precision, text) IS
	'the voters of any table or view of battles who move its scores most';

CREATE TYPE bixarena_fit AS (
	models integer,
	pairs integer,
	battles bigint,
	deviance double precision,
	degrees_of_freedom integer,
	expected_deviance double precision,
	p_value double precision,
	by_replicates boolean,
	excess double precision,
	cycles bigint,
	expected_cycles double precision,
	cycles_p_value double precision
);
COMMENT ON TYPE bixarena_fit IS 'whether one number for each model describes the battles';

CREATE FUNCTION bixarena_rank_fit(
	battles regclass,
	num_bootstrap bigint DEFAULT 200,
	seed bigint DEFAULT 0,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS bixarena_fit
AS 'MODULE_PATHNAME', 'bixarena_rank_fit'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_fit(regclass, bigint, bigint, bigint, double precision, text, text, text, double precision, text) IS
	'whether one number for each model describes the battles of any table or view';

CREATE TYPE bixarena_misfit AS (
	model1 text,
	model2 text,
	battles bigint,
	observed_share double precision,
	predicted_share double precision,
	deviations double precision
);
COMMENT ON TYPE bixarena_misfit IS 'two models whose battles went otherwise than their scores predict';

CREATE FUNCTION bixarena_rank_misfits(
	battles regclass,
	n bigint DEFAULT 20,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS SETOF bixarena_misfit
AS 'MODULE_PATHNAME', 'bixarena_rank_misfits'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_misfits(regclass, bigint, bigint, double precision, text, text, text, double precision, text) IS
	'the pairs of models of any table or view of battles that fit their scores worst';

CREATE TYPE bixarena_next_battle AS (
	model1 text,
	model2 text,
	probability double precision,
	battles bigint,
	predicted_share double precision
);
COMMENT ON TYPE bixarena_next_battle IS 'two models that might battle next';

CREATE FUNCTION bixarena_rank_next_battles(
	battles regclass,
	n bigint DEFAULT NULL,
	goal text DEFAULT 'scores',
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 1,
	model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2',
	outcome text DEFAULT 'outcome',
	max_unread_percent double precision DEFAULT 1,
	num_battles text DEFAULT NULL)
RETURNS SETOF bixarena_next_battle
AS 'MODULE_PATHNAME', 'bixarena_rank_next_battles'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rank_next_battles(regclass, bigint, text, bigint, double precision, text, text, text, double precision, text) IS
	'the pairs of models of any table or view whose next battle tells most, as a distribution';

/*
 * How far a ranking of a tally can be leaned on.
 */

CREATE FUNCTION bixarena_rank_robustness_tally(
	tally bixarena_tally,
	neighbours boolean DEFAULT false,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0)
RETURNS SETOF bixarena_robustness
AS 'MODULE_PATHNAME', 'bixarena_rank_robustness_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_robustness_tally(bixarena_tally, boolean, bigint, double precision) IS
	'how many battles of a tally carry the lead of its first model';

CREATE FUNCTION bixarena_rank_fit_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 200,
	seed bigint DEFAULT 0,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0)
RETURNS bixarena_fit
AS 'MODULE_PATHNAME', 'bixarena_rank_fit_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION bixarena_rank_fit_tally(bixarena_tally, bigint, bigint, bigint, double precision) IS
	'whether one number for each model describes the battles of a tally';

CREATE FUNCTION bixarena_rank_misfits_tally(
	tally bixarena_tally,
	n bigint DEFAULT 20,
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 0)
RETURNS SETOF bixarena_misfit
AS 'MODULE_PATHNAME', 'bixarena_rank_misfits_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_misfits_tally(bixarena_tally, bigint, bigint, double precision) IS
	'the pairs of models of a tally that fit their scores worst';

CREATE FUNCTION bixarena_rank_next_battles_tally(
	tally bixarena_tally,
	n bigint DEFAULT NULL,
	goal text DEFAULT 'scores',
	min_evaluations bigint DEFAULT 0,
	prior_battles double precision DEFAULT 1)
RETURNS SETOF bixarena_next_battle
AS 'MODULE_PATHNAME', 'bixarena_rank_next_battles_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 1000 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_next_battles_tally(bixarena_tally, bigint, text, bigint, double precision) IS
	'the pairs of models of a tally whose next battle tells most, as a distribution';
/*
 * Arenas.
 */

CREATE FUNCTION bixarena.arena_resolve(arena text)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_resolve_arena'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_resolve(text) IS
	'the arena meant by a name, or by none';

CREATE FUNCTION bixarena.arena_register(arena text)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_register_arena'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_register(text) IS
	'register a schema as an arena, for who may attach or create one';

CREATE FUNCTION bixarena.arena_view(arena text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- DISTINCT: a battle may name a category twice
	SELECT format($sql$
		CREATE OR REPLACE VIEW %1$I.leaderboard_battle WITH (security_invoker = true) AS
		SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id,
			b.outcome::text AS outcome, b.voter_id, b.created_at, b.id AS battle_id
		FROM %1$I.battle AS b
		UNION ALL
		SELECT c.category, b.model1_id, b.model2_id,
			b.outcome::text, b.voter_id, b.created_at, b.id
		FROM %1$I.battle AS b
		CROSS JOIN LATERAL (SELECT DISTINCT unnest(b.categories)) AS c (category)
		WHERE c.category <> 'overall';
		COMMENT ON VIEW %1$I.leaderboard_battle IS
			'which battles count for which leaderboard; may be replaced';
	$sql$, arena)
$$;
COMMENT ON FUNCTION bixarena.arena_view(text) IS
	'the statements that make the view leaderboard_battle of an arena of one''s own';

CREATE FUNCTION bixarena.arena_check_name(name text, kind text, hint text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF name IS NULL THEN
		RAISE EXCEPTION 'name must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF octet_length(name) > 63 OR name = '' OR name ~ '^pg_' THEN
		RAISE EXCEPTION '% cannot be named "%"', kind, name
			USING ERRCODE = 'invalid_schema_name',
				HINT = 'A name is a schema''s: 1 to 63 bytes, and not beginning with pg_.';
	END IF;
	IF to_regnamespace(quote_ident(name)) IS NULL THEN
		RETURN;
	END IF;
	IF hint IS NULL THEN
		RAISE EXCEPTION 'schema "%" exists already', name
			USING ERRCODE = 'duplicate_schema';
	END IF;
	RAISE EXCEPTION 'schema "%" exists already', name
		USING ERRCODE = 'duplicate_schema', HINT = hint;
END
$$;
COMMENT ON FUNCTION bixarena.arena_check_name(text, text, text) IS
	'an error unless a schema of this name can be made, for an arena or another kind of schema';

CREATE FUNCTION bixarena_create_arena(name text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena.arena_check_name(name, 'an arena', 'Register an existing schema with bixarena_attach_arena().');
	PERFORM bixarena.arena_register(name);
	EXECUTE format($sql$
		CREATE SCHEMA %1$I;
		COMMENT ON SCHEMA %1$I IS 'an arena of bixarena_rank';

		CREATE TABLE %1$I.model (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			slug varchar(200) UNIQUE NOT NULL,
			name varchar(300) NOT NULL,
			license varchar(20) NOT NULL DEFAULT 'proprietary'
				CHECK (license IN ('open-source', 'proprietary')),
			organization varchar(200),
			description text,
			created_at timestamptz NOT NULL DEFAULT now(),
			updated_at timestamptz NOT NULL DEFAULT now()
		);

		CREATE TABLE %1$I.leaderboard (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			slug varchar(100) UNIQUE NOT NULL CHECK (slug <> ''),
			name varchar(200) NOT NULL,
			description text,
			created_at timestamptz NOT NULL DEFAULT now(),
			updated_at timestamptz NOT NULL DEFAULT now()
		);
		INSERT INTO %1$I.leaderboard (slug, name, description)
		VALUES ('overall', 'Overall', 'every battle');

		CREATE TABLE %1$I.battle (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			model1_id uuid NOT NULL REFERENCES %1$I.model ON DELETE CASCADE,
			model2_id uuid NOT NULL REFERENCES %1$I.model ON DELETE CASCADE,
			outcome varchar(20) NOT NULL
				CHECK (outcome IN ('model1', 'model2', 'tie')),
			voter_id uuid,
			categories text[] NOT NULL DEFAULT '{}',
			created_at timestamptz NOT NULL DEFAULT now(),
			CHECK (model1_id <> model2_id)
		);
		CREATE INDEX ON %1$I.battle (model1_id);
		CREATE INDEX ON %1$I.battle (model2_id);
		CREATE INDEX ON %1$I.battle (created_at);
		COMMENT ON COLUMN %1$I.battle.categories IS
			'slugs of the leaderboards that it counts for, besides overall';

		CREATE TABLE %1$I.leaderboard_snapshot (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			leaderboard_id uuid NOT NULL
				REFERENCES %1$I.leaderboard ON DELETE CASCADE,
			snapshot_identifier varchar(200) NOT NULL,
			description text,
			visibility varchar(20) NOT NULL DEFAULT 'private'
				CHECK (visibility IN ('public', 'private')),
			created_at timestamptz NOT NULL DEFAULT now(),
			updated_at timestamptz NOT NULL DEFAULT now(),
			UNIQUE (leaderboard_id, snapshot_identifier)
		);
		CREATE INDEX ON %1$I.leaderboard_snapshot
			(leaderboard_id, visibility, created_at DESC);

		CREATE TABLE %1$I.leaderboard_entry (
			id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
			leaderboard_id uuid NOT NULL
				REFERENCES %1$I.leaderboard ON DELETE CASCADE,
			model_id uuid NOT NULL REFERENCES %1$I.model ON DELETE CASCADE,
			snapshot_id uuid NOT NULL
				REFERENCES %1$I.leaderboard_snapshot ON DELETE CASCADE,
			bt_score decimal(10,6) NOT NULL,
			vote_count integer NOT NULL DEFAULT 0,
			rank integer NOT NULL,
			bootstrap_q025 decimal(10,6) NOT NULL,
			bootstrap_q975 decimal(10,6) NOT NULL,
			created_at timestamptz NOT NULL DEFAULT now(),
			UNIQUE (leaderboard_id, model_id, snapshot_id)
		);
		CREATE INDEX ON %1$I.leaderboard_entry (snapshot_id, rank);
		CREATE INDEX ON %1$I.leaderboard_entry (model_id);
	$sql$, name);
	EXECUTE bixarena.arena_view(name);
	RETURN name;
END
$$;
COMMENT ON FUNCTION bixarena_create_arena(text) IS
	'make a schema with all that an arena needs, and register it';
-- it creates a schema and writes a table of ours
REVOKE ALL ON FUNCTION bixarena_create_arena(text) FROM PUBLIC;

/*
 * Attaching: what an arena must have, and a view that version 1.0 has left in it.
 */

CREATE FUNCTION bixarena.arena_check(arena text)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_check_arena'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_check(text) IS
	'an error unless a schema has what an arena needs besides battles';

CREATE FUNCTION bixarena.arena_check_battles(arena text)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_check_battles'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_check_battles(text) IS
	'an error unless it can be told which battles of a schema count';

CREATE FUNCTION bixarena.arena_battle_relations(arena text)
RETURNS oid[]
AS 'MODULE_PATHNAME', 'bixarena_battle_relations'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.arena_battle_relations(text) IS
	'the relations of an arena that its battles are read from';
-- only bixarena_grant() and bixarena_revoke() need it
REVOKE ALL ON FUNCTION bixarena.arena_battle_relations(text) FROM PUBLIC;

CREATE FUNCTION bixarena_battle_query(
	arena text DEFAULT NULL,
	reading text DEFAULT 'leaderboard')
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_battle_query'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_battle_query(text, text) IS
	'the query that says at this moment which battles of an arena count';

CREATE FUNCTION bixarena.arena_view_of_1_0(arena text, tables name[])
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	battles text := format(
		'FROM %1$I.battle AS b JOIN %1$I.battle_evaluation AS e ON e.battle_id = b.id',
		arena);
	counts text := 'true';
	columns text := 'b.model1_id, b.model2_id, e.outcome::text AS outcome, '
		'b.user_id AS voter_id, e.created_at';
	sql text;
BEGIN
	IF tables = '{battle}' THEN
		RETURN format(
			'SELECT ''overall''::text AS leaderboard, b.model1_id, b.model2_id,'
			' b.outcome::text AS outcome, b.voter_id, b.created_at FROM %1$I.battle AS b'
			' UNION ALL SELECT c.category, b.model1_id, b.model2_id,'
			' b.outcome::text, b.voter_id, b.created_at FROM %1$I.battle AS b'
			' CROSS JOIN LATERAL unnest(b.categories) AS c (category)'
			' WHERE c.category <> ''overall''', arena);
	END IF;
	IF NOT tables @> '{battle,battle_evaluation}' THEN
		RETURN NULL;
	END IF;
	IF 'battle_validation' = ANY (tables) THEN
		battles := battles || format(
			' JOIN %I.battle_validation AS v ON v.id = b.effective_validation_id',
			arena);
		counts := 'v.is_biomedical';
	END IF;
	sql := format('SELECT ''overall''::text AS leaderboard, %s %s WHERE %s',
		columns, battles, counts);
	IF 'battle_categorization' = ANY (tables) THEN
		sql := sql || format(
			' UNION ALL SELECT c.category::text, %2$s %3$s'
			' JOIN %1$I.battle_categorization AS k'
			' ON k.id = b.effective_categorization_id'
			' JOIN %1$I.battle_categorization_category AS c'
			' ON c.categorization_id = k.id'
			' WHERE %4$s AND k.status = ''matched'' AND c.category <> ''overall''',
			arena, columns, battles, counts);
	END IF;
	RETURN sql;
END
$$;
COMMENT ON FUNCTION bixarena.arena_view_of_1_0(text, name[]) IS
	'the view leaderboard_battle that version 1.0 made from these tables of an arena';

CREATE FUNCTION bixarena.arena_retire_view(arena text, may_replace boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- the view leaderboard_battle, if it bears the comment that the extension gives it
	view regclass := (SELECT c.oid
		FROM pg_class AS c
		JOIN pg_namespace AS n ON n.oid = c.relnamespace
		WHERE n.nspname = arena AND c.relname = 'leaderboard_battle' AND c.relkind = 'v'
			AND obj_description(c.oid, 'pg_class')
				= 'which battles count for which leaderboard; may be replaced');
	owner oid;
	unchanged boolean;
	tables name[];
	definition text;
BEGIN
	IF view IS NULL THEN
		RETURN;
	END IF;
	SELECT c.relowner, c.reloptions = '{security_invoker=true}' AND NOT c.relhastriggers
		AND (SELECT count(*) FROM pg_rewrite AS r WHERE r.ev_class = c.oid) = 1
	INTO owner, unchanged
	FROM pg_class AS c WHERE c.oid = view;
	SELECT array_agg(DISTINCT t.relname)
	INTO tables
	FROM pg_rewrite AS r
	JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
		AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> view
	JOIN pg_class AS t ON t.oid = d.refobjid
	WHERE r.ev_class = view;
	definition := bixarena.arena_view_of_1_0(arena, tables);
	IF unchanged AND definition IS NOT NULL THEN
		-- what the server says of a view depends on its version, so the one of 1.0 is
		-- made again, where it is in nobody's way; if that cannot be, it is not that one
		BEGIN
			EXECUTE 'CREATE TEMP VIEW bixarena_view_of_1_0 AS ' || definition;
			unchanged := pg_get_viewdef(view) = pg_get_viewdef('pg_temp.bixarena_view_of_1_0'::regclass);
			DROP VIEW pg_temp.bixarena_view_of_1_0;
		EXCEPTION WHEN syntax_error_or_access_rule_violation THEN
			unchanged := false;
		END;
	END IF;

	IF definition IS NULL OR unchanged IS NOT TRUE THEN
		IF EXISTS (SELECT FROM pg_class AS c
				JOIN pg_namespace AS n ON n.oid = c.relnamespace
				WHERE n.nspname = arena AND c.relname = 'battle_evaluation') THEN
			RAISE WARNING 'view "%.leaderboard_battle" is not as version 1.0 made it, and is left', arena
				USING DETAIL = 'It says which battles count.',
					HINT = 'Once it is dropped, they are read from the tables that are there at each run.';
		END IF;
		RETURN;
	END IF;
	IF NOT pg_has_role(owner, 'USAGE') THEN
		RAISE WARNING 'view "%.leaderboard_battle", which version 1.0 made, is left', arena
			USING DETAIL = format('It belongs to role %s.', owner::regrole),
				HINT = 'That role, or a superuser, may attach the arena again.';
	ELSIF tables <> '{battle}' THEN
		BEGIN
			EXECUTE format('DROP VIEW %I.leaderboard_battle', arena);
			RAISE NOTICE 'view "%.leaderboard_battle", which version 1.0 made, was dropped', arena
				USING DETAIL = 'Which battles count is read from the tables that are there at each run.';
		EXCEPTION WHEN dependent_objects_still_exist THEN
			RAISE WARNING 'view "%.leaderboard_battle", which version 1.0 made, is left', arena
				USING DETAIL = 'Other objects depend on it.',
					HINT = 'Once they are dropped, attach the arena again.';
		END;
	ELSIF may_replace THEN
		EXECUTE bixarena.arena_view(arena);
		RAISE NOTICE 'view "%.leaderboard_battle", which version 1.0 made, was replaced', arena
			USING DETAIL = 'A battle that names a category twice counts once for it.';
	ELSE
		RAISE WARNING 'view "%.leaderboard_battle", which version 1.0 made, counts a battle twice that names a category twice', arena
			USING HINT = format('SELECT bixarena_attach_arena(%L) replaces it.', arena);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.arena_retire_view(text, boolean) IS
	'drop or replace the view leaderboard_battle of an arena if it is one that version 1.0 made';

CREATE FUNCTION bixarena_attach_arena(schema text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF schema IS NULL THEN
		RAISE EXCEPTION 'schema must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = schema) THEN
		RAISE EXCEPTION 'schema "%" does not exist', schema
			USING ERRCODE = 'invalid_schema_name',
				HINT = 'Make a new arena with bixarena_create_arena().';
	END IF;

	PERFORM bixarena.arena_check(schema);
	PERFORM bixarena.arena_retire_view(schema, true);
	PERFORM bixarena.arena_check_battles(schema);
	PERFORM bixarena.arena_register(schema);
	RETURN schema;
END
$$;
COMMENT ON FUNCTION bixarena_attach_arena(text) IS
	'register an existing schema as an arena, creating nothing in it';
-- it may drop a view, and writes a table of ours
REVOKE ALL ON FUNCTION bixarena_attach_arena(text) FROM PUBLIC;


/*
 * What the server that has the battles gets, where it cannot load this extension: a
 * schema bixarena_node, from which a rank node reads.  The functions there look at
 * each call at which tables there are, and no view or type depends on any of them:
 * the application's migrations pass.
 */

CREATE FUNCTION bixarena.node_battle_query(schema text, validated boolean, categorized boolean)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_node_battle_query'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.node_battle_query(text, boolean, boolean) IS
	'which battles count, by the application''s tables at an age of theirs';

CREATE FUNCTION bixarena.node_body(body text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a name may have dollars in it
	SELECT min(q.quote || E'\n' || btrim(body, E'\n') || E'\n' || q.quote)
	FROM (
		SELECT '$' || t.tag || '$'
		FROM unnest('{"",body,body_1,body_2,body_3}'::text[]) WITH ORDINALITY AS t (tag, place)
		WHERE strpos(body, '$' || t.tag || '$') = 0
		ORDER BY t.place LIMIT 1
	) AS q (quote)
$$;
COMMENT ON FUNCTION bixarena.node_body(text) IS 'the body of a function between dollars';

CREATE FUNCTION bixarena.node_battle_groups(schema text, validated boolean, categorized boolean, battle text)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_node_battle_groups'
LANGUAGE C IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.node_battle_groups(text, boolean, boolean, text) IS
	'for what the battles count, by the application''s tables at an age of theirs: of the battle that an '
	'expression has the id of, or with null of all';

CREATE FUNCTION bixarena.node_kept_reading(is_kept boolean, counts text, columns text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN is_kept THEN format($body$
	IF bixarena_node.live_is_sure() THEN
		RETURN QUERY EXECUTE 'SELECT %2$s, sum(t.battles)::bigint FROM ('
			|| bixarena_node.%1$s(bixarena_node.live_arena(), 'bixarena_node_live', NULL)
			|| ') AS t GROUP BY %2$s HAVING sum(t.battles) > 0' USING slug;
		RETURN;
	END IF;$body$, counts, columns) ELSE '' END
$$;
COMMENT ON FUNCTION bixarena.node_kept_reading(boolean, text, text) IS
	'where a tally is kept: the statements that read it';

CREATE FUNCTION bixarena.node_voter_reading(is_kept boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	-- They are numbered in the order of their ids, since the node draws them in that.  It
	-- takes less to number each once than to sort the battles.  Of generate_series() the
	-- planner would expect a thousand rows for each.
	SELECT format($body$
DECLARE
	counted text := 'SELECT b.model1_id, b.model2_id, b.outcome, 1 AS battles, b.voter_id FROM ('
		|| bixarena_node.battle_query() || ') AS b WHERE b.leaderboard = $1';
BEGIN%s
	RETURN QUERY EXECUTE 'WITH battle AS MATERIALIZED (' || counted || '),
		voter AS (SELECT d.voter_id, row_number() OVER (ORDER BY d.voter_id)::integer AS number
			FROM (SELECT DISTINCT b.voter_id FROM battle AS b WHERE b.voter_id IS NOT NULL) AS d)
		SELECT n.model1_id, n.model2_id, n.outcome, array_agg(n.number)
		FROM (SELECT b.model1_id, b.model2_id, b.outcome, unnest(array_fill(v.number, ARRAY[b.battles::integer])) AS number
			FROM battle AS b LEFT JOIN voter AS v ON v.voter_id = b.voter_id) AS n
		GROUP BY 1, 2, 3' USING slug;
END
$body$, CASE WHEN is_kept THEN $body$
	IF bixarena_node.live_is_sure() THEN
		counted := bixarena_node.live_voters_sql(bixarena_node.live_arena(), 'bixarena_node_live', NULL, true);
	END IF;$body$ ELSE '' END)
$script$;
COMMENT ON FUNCTION bixarena.node_voter_reading(boolean) IS
	'body of the function that says on the other server who has cast the battles, by numbers';

CREATE FUNCTION bixarena.node_functions(schema text, is_kept boolean)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$
-- Which battles count, by the tables that there are now.  With a part of an age of the
-- application's schema the query fails, and names what is missing.
CREATE FUNCTION bixarena_node.battle_query() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS %1$s;

-- The leaderboards that there are now.
CREATE FUNCTION bixarena_node.slugs() RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 20 SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS %2$s;

-- The battles of a leaderboard.
CREATE FUNCTION bixarena_node.battles(slug text)
RETURNS TABLE (model1_id uuid, model2_id uuid, outcome text, voter_id uuid, created_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 100000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS %3$s;

-- Their counts.  The plan of RETURN QUERY is parallel (PostgreSQL 14 and later), that
-- of a query from another server is not.
CREATE FUNCTION bixarena_node.tally(slug text)
RETURNS TABLE (model1_id uuid, model2_id uuid, outcome text, battles bigint)
LANGUAGE plpgsql STABLE ROWS 10000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS %4$s;

-- The counts of all leaderboards, in one pass.
CREATE FUNCTION bixarena_node.tally()
RETURNS TABLE (leaderboard text, model1_id uuid, model2_id uuid, outcome text, battles bigint)
LANGUAGE plpgsql STABLE ROWS 100000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS %5$s;

-- The battles of a leaderboard by models and outcome, with the number of each one's voter.
CREATE FUNCTION bixarena_node.voters(slug text)
RETURNS TABLE (model1_id uuid, model2_id uuid, outcome text, voters integer[])
LANGUAGE plpgsql STABLE ROWS 10000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '64MB'
AS %6$s;

-- What the role may do, and what would have to be granted.
CREATE FUNCTION bixarena_node.rights()
RETURNS TABLE (version text, may_delete boolean, cascades boolean, missing text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp
AS %7$s;

-- Stores a snapshot with its entries by one message: who updates the one row of
-- snapshot_writer has it stored, with the rights of the role, and gets back what it is
-- called.  If identifiers up to that number or beyond it are taken, it is not stored,
-- and the greatest of them comes back.
CREATE FUNCTION bixarena_node.write_snapshot() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS %8$s;
$sql$,
		bixarena.node_body(format($body$
DECLARE
	battle regclass := to_regclass(%1$L);
	columns name[] := ARRAY(SELECT a.attname FROM pg_attribute AS a
		WHERE a.attrelid = battle AND a.attnum > 0 AND NOT a.attisdropped);
	validated boolean := to_regclass(%2$L) IS NOT NULL
		OR 'effective_validation_id' = ANY (columns);
	categorized boolean := to_regclass(%3$L) IS NOT NULL OR to_regclass(%4$L) IS NOT NULL
		OR 'effective_categorization_id' = ANY (columns);
BEGIN
	RETURN CASE
		WHEN validated AND categorized THEN %5$s
		WHEN validated THEN %6$s
		WHEN categorized THEN %7$s
		ELSE %8$s END;
END
$body$,
			format('%I.battle', schema), format('%I.battle_validation', schema),
			format('%I.battle_categorization', schema),
			format('%I.battle_categorization_category', schema),
			quote_literal(bixarena.node_battle_query(schema, true, true)),
			quote_literal(bixarena.node_battle_query(schema, true, false)),
			quote_literal(bixarena.node_battle_query(schema, false, true)),
			quote_literal(bixarena.node_battle_query(schema, false, false)))),
		bixarena.node_body(format($body$
BEGIN
	RETURN QUERY EXECUTE %L;
END
$body$, format('SELECT l.slug::text FROM %I.leaderboard AS l', schema))),
		bixarena.node_body($body$
BEGIN
	RETURN QUERY EXECUTE 'SELECT b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at FROM ('
		|| bixarena_node.battle_query() || ') AS b WHERE b.leaderboard = $1' USING slug;
END
$body$),
		bixarena.node_body(format($body$
BEGIN%s
	RETURN QUERY EXECUTE 'SELECT b.model1_id, b.model2_id, b.outcome, count(*) FROM ('
		|| bixarena_node.battle_query() || ') AS b WHERE b.leaderboard = $1 GROUP BY 1, 2, 3' USING slug;
END
$body$, bixarena.node_kept_reading(is_kept, 'live_counts_of_sql', 't.model1_id, t.model2_id, t.outcome'))),
		bixarena.node_body(format($body$
BEGIN%s
	RETURN QUERY EXECUTE 'SELECT b.leaderboard, b.model1_id, b.model2_id, b.outcome, count(*) FROM ('
		|| bixarena_node.battle_query() || ') AS b GROUP BY 1, 2, 3, 4';
END
$body$, replace(bixarena.node_kept_reading(is_kept, 'live_counts_sql', 't.leaderboard, t.model1_id, t.model2_id, t.outcome'),
			' USING slug', ''))),
		bixarena.node_body(bixarena.node_voter_reading(is_kept)),
		bixarena.node_body(format($body$
DECLARE
	needed constant text[] := ARRAY[
		['leaderboard', 'SELECT'], ['model', 'SELECT'],
		['leaderboard_snapshot', 'SELECT'], ['leaderboard_snapshot', 'INSERT'],
		['leaderboard_snapshot', 'UPDATE'], ['leaderboard_snapshot', 'DELETE'],
		['leaderboard_entry', 'SELECT'], ['leaderboard_entry', 'INSERT'],
		['leaderboard_entry', 'DELETE']];
	within constant text := %1$L;
	relation text;
BEGIN
	version := %2$L;
	IF NOT has_schema_privilege(within, 'USAGE') THEN
		may_delete := false;
		cascades := false;
		missing := format('GRANT USAGE ON SCHEMA %%I TO %%I', within, current_user);
		RETURN NEXT;
		RETURN;
	END IF;
	FOR i IN 1 .. array_length(needed, 1) LOOP
		relation := format('%%I.%%I', within, needed[i][1]);
		IF has_table_privilege(to_regclass(relation)::oid, needed[i][2]) IS FALSE THEN
			missing := concat_ws('; ', missing,
				format('GRANT %%s ON %%s TO %%I', needed[i][2], relation, current_user));
		END IF;
	END LOOP;
	may_delete := coalesce(has_table_privilege(
		to_regclass(format('%%I.leaderboard_snapshot', within))::oid, 'DELETE'), false);
	cascades := EXISTS (SELECT FROM pg_constraint AS c
		WHERE c.contype = 'f' AND c.confdeltype = 'c'
			AND c.conrelid = to_regclass(format('%%I.leaderboard_entry', within))
			AND c.confrelid = to_regclass(format('%%I.leaderboard_snapshot', within)));
	RETURN NEXT;
END
$body$, schema, (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'))),
		bixarena.node_body(format($body$
DECLARE
	dated timestamptz;
BEGIN
	SELECT coalesce(max(CASE WHEN s.snapshot_identifier = NEW.base THEN 1
		ELSE substr(s.snapshot_identifier, length(NEW.base) + 2)::bigint END), 0)
	INTO NEW.taken
	FROM %1$I.leaderboard_snapshot AS s
	WHERE s.snapshot_identifier ~ ('^' || NEW.base || '(_[0-9]{1,9})?$');
	IF NEW.taken >= NEW.number THEN
		RETURN NEW;
	END IF;

	SELECT greatest(NEW.moment, max(s.created_at) + interval '1 microsecond')
	INTO dated
	FROM %1$I.leaderboard_snapshot AS s
	WHERE s.leaderboard_id = NEW.leaderboard_id AND s.created_at < '294276-01-01 UTC'
		AND isfinite(s.created_at);
	INSERT INTO %1$I.leaderboard_snapshot (id, leaderboard_id, snapshot_identifier, description,
		visibility, created_at, updated_at)
	VALUES (NEW.id, NEW.leaderboard_id,
		NEW.base || CASE WHEN NEW.number > 1 THEN '_' || NEW.number ELSE '' END,
		NEW.description, NEW.visibility, dated, NEW.moment)
	ON CONFLICT DO NOTHING
	RETURNING snapshot_identifier INTO NEW.snapshot_identifier;
	IF NOT FOUND THEN
		IF EXISTS (SELECT FROM %1$I.leaderboard_snapshot AS s WHERE s.id = NEW.id) THEN
			RAISE EXCEPTION 'there is a snapshot with id %% already', NEW.id
				USING ERRCODE = 'unique_violation';
		END IF;
		NEW.taken := NEW.number;
		RETURN NEW;
	END IF;
	INSERT INTO %1$I.leaderboard_entry (leaderboard_id, snapshot_id, created_at, model_id, rank,
		vote_count, bt_score, bootstrap_q025, bootstrap_q975)
	SELECT NEW.leaderboard_id, NEW.id, dated, e.*
	FROM unnest(NEW.models, NEW.ranks, NEW.votes, NEW.scores, NEW.lower_bounds, NEW.upper_bounds) AS e;
	GET DIAGNOSTICS NEW.entries = ROW_COUNT;
	RETURN NEW;
END
$body$, schema)))
$script$;
COMMENT ON FUNCTION bixarena.node_functions(text, boolean) IS
	'the functions of the schema bixarena_node, for a schema of the application''s';

CREATE FUNCTION bixarena.node_grants(schema text, role text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$GRANT USAGE ON SCHEMA %1$I TO %2$I;
GRANT SELECT ON %1$I.leaderboard, %1$I.model TO %2$I;
GRANT SELECT, INSERT, UPDATE, DELETE
	ON %1$I.leaderboard_snapshot, %1$I.leaderboard_entry TO %2$I;$sql$, schema, role)
$script$;
COMMENT ON FUNCTION bixarena.node_grants(text, text) IS
	'the rights of a rank node''s role on a schema of the application''s';

CREATE FUNCTION bixarena_node_script(schema text, keep_tally boolean DEFAULT false)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
DECLARE
	is_kept boolean := coalesce(keep_tally, false);
BEGIN
	IF schema IS NULL THEN
		RAISE EXCEPTION 'schema must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	RETURN format($sql$-- For a rank node of bixarena_rank %4$s beside this database: what it reads, and the role
-- that it connects as.  To be run once, and again after an update of bixarena_rank, in
-- the database that has the schema %5$s (PostgreSQL 13 to 18), by a role that
--
--	- may read its tables of battles: the functions do it with the rights of the role
--	  that runs this, since the role bixarena_node has no right on a battle;
--	- may grant rights on its tables, and create schemas and (the first time) roles%6$s.
--
-- %7$s and nothing here depends on its tables.
-- Afterwards the role needs a password: \password bixarena_node
BEGIN;
SET LOCAL client_min_messages = warning;

DO $role$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'bixarena_node') THEN
		CREATE ROLE bixarena_node LOGIN;
	END IF;
END
$role$;

-- Who owns the schema could make its functions, which have this role's rights, anew.
DO $owner$
DECLARE
	owner text := (SELECT n.nspowner::regrole::text FROM pg_catalog.pg_namespace AS n
		WHERE n.nspname = 'bixarena_node'
			AND n.nspowner <> (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user));
BEGIN
	IF owner IS NOT NULL THEN
		RAISE EXCEPTION 'schema bixarena_node belongs to role %%', owner
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'Run this as that role, or first DROP SCHEMA bixarena_node CASCADE.';
	END IF;
END
$owner$;

CREATE SCHEMA IF NOT EXISTS bixarena_node;
%8$s
DROP VIEW IF EXISTS bixarena_node.leaderboard_battle, bixarena_node.leaderboard_tally,
	bixarena_node.arena_tally, bixarena_node.voter_tally, bixarena_node.node_rights, bixarena_node.snapshot_writer;
DROP FUNCTION IF EXISTS bixarena_node.battle_query(), bixarena_node.slugs(),
	bixarena_node.battles(text), bixarena_node.tally(text), bixarena_node.tally(), bixarena_node.voters(text),
	bixarena_node.rights(), bixarena_node.write_snapshot();
%2$s
-- A caller's WHERE leaderboard = '...' meets the slug: then only that one is looked at.
CREATE VIEW bixarena_node.leaderboard_battle AS
SELECT l.slug AS leaderboard, b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at
FROM bixarena_node.slugs() AS l (slug) CROSS JOIN LATERAL bixarena_node.battles(l.slug) AS b;

CREATE VIEW bixarena_node.leaderboard_tally AS
SELECT l.slug AS leaderboard, t.model1_id, t.model2_id, t.outcome, t.battles
FROM bixarena_node.slugs() AS l (slug) CROSS JOIN LATERAL bixarena_node.tally(l.slug) AS t;

CREATE VIEW bixarena_node.arena_tally AS
SELECT t.leaderboard, t.model1_id, t.model2_id, t.outcome, t.battles
FROM bixarena_node.tally() AS t;

-- Voters have numbers instead of ids: a number means the same in all rows of one reading.
CREATE VIEW bixarena_node.voter_tally AS
SELECT l.slug AS leaderboard, v.model1_id, v.model2_id, v.outcome, v.voters
FROM bixarena_node.slugs() AS l (slug) CROSS JOIN LATERAL bixarena_node.voters(l.slug) AS v;

CREATE VIEW bixarena_node.node_rights AS
SELECT r.version, r.may_delete, r.cascades, r.missing FROM bixarena_node.rights() AS r;

CREATE VIEW bixarena_node.snapshot_writer AS
SELECT NULL::uuid AS id, NULL::uuid AS leaderboard_id, NULL::text AS base, NULL::bigint AS number,
	NULL::text AS description, NULL::text AS visibility, NULL::timestamptz AS moment,
	NULL::uuid[] AS models, NULL::integer[] AS ranks, NULL::bigint[] AS votes,
	NULL::float8[] AS scores, NULL::float8[] AS lower_bounds, NULL::float8[] AS upper_bounds,
	NULL::text AS snapshot_identifier, NULL::bigint AS taken, NULL::bigint AS entries;
CREATE TRIGGER write_snapshot INSTEAD OF UPDATE ON bixarena_node.snapshot_writer
	FOR EACH ROW EXECUTE FUNCTION bixarena_node.write_snapshot();

%9$s
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA bixarena_node FROM PUBLIC;
GRANT USAGE ON SCHEMA bixarena_node TO bixarena_node;
GRANT EXECUTE ON FUNCTION bixarena_node.slugs(), bixarena_node.battles(text),
	bixarena_node.tally(text), bixarena_node.tally(), bixarena_node.voters(text), bixarena_node.rights() TO bixarena_node;
GRANT SELECT ON bixarena_node.leaderboard_battle, bixarena_node.leaderboard_tally,
	bixarena_node.arena_tally, bixarena_node.voter_tally, bixarena_node.node_rights TO bixarena_node;
GRANT SELECT, UPDATE ON bixarena_node.snapshot_writer TO bixarena_node;
%3$s
%10$s
COMMIT;
$sql$, schema, bixarena.node_functions(schema, is_kept), bixarena.node_grants(schema, 'bixarena_node'),
		(SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'),
		-- in a comment, which ends with its line
		translate(quote_ident(schema), E'\n\r', '  '),
		CASE WHEN is_kept THEN E';\n--\t- owns its tables of battles: they get triggers, by which the tally is kept' ELSE '' END,
		CASE WHEN is_kept THEN 'Nothing else is created in that schema,'
			ELSE 'Nothing is created in the schema ' || translate(quote_ident(schema), E'\n\r', '  ') || ',' END,
		bixarena.live_far_drop(),
		CASE WHEN is_kept THEN bixarena.live_far_make(schema) ELSE '' END,
		CASE WHEN is_kept THEN bixarena.live_far_grants('bixarena_node') ELSE '' END);
END
$script$;
COMMENT ON FUNCTION bixarena_node_script(text, boolean) IS
	'the SQL that the administrator of a database without this extension runs for a rank node beside it';
/*
 * An arena whose tables are on another server, which postgres_fdw reads and writes.
 */

CREATE FUNCTION bixarena.remote_server(server text)
RETURNS oid
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_server record;
BEGIN
	IF server IS NULL THEN
		RAISE EXCEPTION 'server must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT s.oid, w.fdwname INTO found_server
	FROM pg_foreign_server AS s
	JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
	WHERE s.srvname = server;
	IF found_server IS NULL THEN
		RAISE EXCEPTION 'server "%" does not exist', server
			USING ERRCODE = 'undefined_object',
				HINT = format('CREATE EXTENSION IF NOT EXISTS postgres_fdw;'
					' CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw'
					' OPTIONS (host ''...'', dbname ''...'');', server);
	END IF;
	IF found_server.fdwname <> 'postgres_fdw' THEN
		RAISE EXCEPTION 'server "%" is not one of postgres_fdw', server
			USING ERRCODE = 'wrong_object_type',
				DETAIL = format('Its foreign-data wrapper is %I.', found_server.fdwname);
	END IF;
	IF NOT EXISTS (SELECT FROM pg_user_mappings AS m
			WHERE m.srvid = found_server.oid
				AND m.umuser IN (0, (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user))) THEN
		RAISE EXCEPTION 'role "%" has no user mapping for server "%"', current_user, server
			USING ERRCODE = 'undefined_object',
				HINT = format('CREATE USER MAPPING FOR %I SERVER %I'
					' OPTIONS (user ''bixarena_node'', password ''...'');', current_user, server);
	END IF;
	RETURN found_server.oid;
END
$$;
COMMENT ON FUNCTION bixarena.remote_server(text) IS
	'a server of postgres_fdw for which the caller has a user mapping';

CREATE FUNCTION bixarena.remote_role(server oid)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((
		SELECT o.option_value
		FROM pg_user_mappings AS m, pg_options_to_table(m.umoptions) AS o
		WHERE m.srvid = server AND o.option_name = 'user'
			AND m.umuser IN (0, (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user))
		ORDER BY m.umuser DESC LIMIT 1), current_user)
$$;
COMMENT ON FUNCTION bixarena.remote_role(oid) IS
	'the role that the caller is on a server';

CREATE FUNCTION bixarena.remote_set_options(server oid)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text;
	added text;
	statement text;
BEGIN
	-- what the user has set stays
	SELECT s.srvname, string_agg(format('ADD %I %L', w.name, w.value), ', ' ORDER BY w.place)
	INTO name, added
	FROM pg_foreign_server AS s
	JOIN (VALUES
		-- rows fetched, and written, by one message
		(1, 'fetch_size', '50000'),
		(2, 'batch_size', '1000'),
		-- a silent network is given up after about half a minute, here ...
		(3, 'connect_timeout', '10'),
		(4, 'keepalives_idle', '10'),
		(5, 'keepalives_interval', '5'),
		(6, 'keepalives_count', '3'),
		(7, 'tcp_user_timeout', '30000'),
		-- ... and there, where a lost transaction would hold up the next attempt
		(8, 'options', '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5'
			' -c tcp_keepalives_count=3 -c idle_in_transaction_session_timeout=10min')
	) AS w (place, name, value)
		ON NOT EXISTS (SELECT FROM pg_options_to_table(s.srvoptions) AS o WHERE o.option_name = w.name)
	WHERE s.oid = server
	GROUP BY s.srvname;
	IF added IS NULL THEN
		RETURN;
	END IF;
	statement := format('ALTER SERVER %I OPTIONS (%s)', name, added);
	BEGIN
		EXECUTE statement;
	EXCEPTION WHEN insufficient_privilege THEN
		RAISE WARNING 'the options of server "%" are left as they are, since it belongs to another role', name
			USING HINT = statement || ';';
	END;
END
$$;
COMMENT ON FUNCTION bixarena.remote_set_options(oid) IS
	'set options of a server that have not been set, as is right for an arena there';
REVOKE ALL ON FUNCTION bixarena.remote_set_options(oid) FROM PUBLIC;

CREATE FUNCTION bixarena.remote_import(server text, schema text, relations text[], arena text)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	relation text;
	list text := (SELECT string_agg(quote_ident(r), ', ') FROM unnest(relations) AS r);
BEGIN
	FOREACH relation IN ARRAY relations LOOP
		IF EXISTS (SELECT FROM pg_class AS c
				JOIN pg_foreign_table AS t ON t.ftrelid = c.oid
				JOIN pg_foreign_server AS s ON s.oid = t.ftserver
				WHERE c.relnamespace = to_regnamespace(quote_ident(arena)) AND c.relname = relation
					AND s.srvname = server) THEN
			EXECUTE format('DROP FOREIGN TABLE %I.%I', arena, relation);
		END IF;
	END LOOP;
	-- without their defaults, foreign tables have null for an id that is not given
	EXECUTE format('IMPORT FOREIGN SCHEMA %I LIMIT TO (%s) FROM SERVER %I INTO %I'
		' OPTIONS (import_default ''true'')', schema, list, server, arena);
END
$$;
COMMENT ON FUNCTION bixarena.remote_import(text, text, text[], text) IS
	'foreign tables, made anew, of relations that there are in a schema of a server';
REVOKE ALL ON FUNCTION bixarena.remote_import(text, text, text[], text) FROM PUBLIC;

CREATE FUNCTION bixarena.remote_check(arena text, relation text, statement text)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF to_regclass(format('%I.%I', arena, relation)) IS NULL THEN
		RAISE EXCEPTION 'relation "%" is missing on the other server', relation
			USING ERRCODE = 'undefined_table', HINT = statement;
	END IF;
	EXECUTE format('SELECT FROM %I.%I LIMIT 0', arena, relation);
EXCEPTION
	WHEN insufficient_privilege THEN
		RAISE EXCEPTION 'relation "%" of the other server may not be read: %', relation, SQLERRM
			USING ERRCODE = 'insufficient_privilege', HINT = statement;
END
$$;
COMMENT ON FUNCTION bixarena.remote_check(text, text, text) IS
	'an error, whose hint is a statement for the other server, unless a relation there can be read';
REVOKE ALL ON FUNCTION bixarena.remote_check(text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.remote_check_rights(arena text)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rights record;
BEGIN
	EXECUTE format('SELECT r.version, r.cascades, r.missing FROM %I.node_rights AS r', arena)
	INTO rights;
	IF rights.missing IS NOT NULL THEN
		RAISE EXCEPTION 'the role of the rank node lacks rights on the other server'
			USING ERRCODE = 'insufficient_privilege', HINT = rights.missing || ';';
	END IF;
	IF NOT rights.cascades THEN
		RAISE WARNING 'old snapshots of arena "%" will be kept', arena
			USING DETAIL = 'On the other server entries are not deleted with their snapshot, since no foreign key cascades.';
	END IF;
	IF rights.version IS DISTINCT FROM (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'bixarena_rank') THEN
		RAISE WARNING 'the schema bixarena_node of the other server was made by version % of bixarena_rank', rights.version
			USING HINT = 'Run there what bixarena_node_script() prints.';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.remote_check_rights(text) IS
	'an error, whose hint is a statement for the other server, unless all rights are there';
REVOKE ALL ON FUNCTION bixarena.remote_check_rights(text) FROM PUBLIC;

CREATE FUNCTION bixarena_attach_remote(server text, schema text DEFAULT 'api', arena text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_server oid := bixarena.remote_server(server);
	far_role text := bixarena.remote_role(found_server);
	script text := format('Run there what SELECT bixarena_node_script(%L) prints.', schema);
	tables constant text[] := '{leaderboard,model,leaderboard_snapshot,leaderboard_entry}';
	relations constant text[] := '{leaderboard_battle,leaderboard_tally,arena_tally,node_rights,snapshot_writer}';
	-- only where the tally is kept there, or the script is not an old one
	more_relations constant text[] := '{tally_keeper,tally_state,tally_difference,voter_tally}';
	relation text;
BEGIN
	IF schema IS NULL THEN
		RAISE EXCEPTION 'schema must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	arena := coalesce(arena, schema);
	IF EXISTS (SELECT FROM pg_class AS c
			WHERE c.relnamespace = to_regnamespace(quote_ident(arena)) AND c.relkind <> 'f'
				AND c.relname = ANY (tables || relations || more_relations)) THEN
		RAISE EXCEPTION 'schema "%" has tables of its own', arena
			USING ERRCODE = 'duplicate_schema',
				HINT = 'The foreign tables go into another schema with arena => ''...''.';
	END IF;

	PERFORM bixarena.remote_set_options(found_server);
	IF to_regnamespace(quote_ident(arena)) IS NULL THEN
		EXECUTE format('CREATE SCHEMA %I', arena);
		EXECUTE format('COMMENT ON SCHEMA %I IS %L', arena,
			'an arena of bixarena_rank whose tables are on server ' || server);
	END IF;
	BEGIN
		PERFORM bixarena.remote_import(server, 'bixarena_node', relations || more_relations, arena);
	EXCEPTION WHEN fdw_schema_not_found THEN
		RAISE EXCEPTION 'schema "bixarena_node" is missing on server "%"', server
			USING ERRCODE = 'invalid_schema_name', HINT = script;
	END;
	BEGIN
		PERFORM bixarena.remote_import(server, schema, tables, arena);
	EXCEPTION WHEN fdw_schema_not_found THEN
		RAISE EXCEPTION 'schema "%" is missing on server "%"', schema, server
			USING ERRCODE = 'invalid_schema_name';
	END;

	PERFORM bixarena.remote_check(arena, 'node_rights', script);
	PERFORM bixarena.remote_check_rights(arena);
	FOREACH relation IN ARRAY tables LOOP
		PERFORM bixarena.remote_check(arena, relation, bixarena.node_grants(schema, far_role));
	END LOOP;
	FOREACH relation IN ARRAY relations LOOP
		PERFORM bixarena.remote_check(arena, relation, script);
	END LOOP;
	PERFORM bixarena.arena_check(arena);
	PERFORM bixarena.arena_check_battles(arena);
	PERFORM bixarena.arena_register(arena);
	RETURN arena;
END
$$;
COMMENT ON FUNCTION bixarena_attach_remote(text, text, text) IS
	'make foreign tables of an arena on another server, and register them as an arena';
-- it creates a schema and writes a table of ours
REVOKE ALL ON FUNCTION bixarena_attach_remote(text, text, text) FROM PUBLIC;

/*
 * The relations of an arena, as a bystander reads them: with the rights that the
 * caller has on them, and without running its owner's code as the caller.  All
 * that only looks at an arena reads by these.
 */

CREATE FUNCTION bixarena.read_leaderboards(arena text)
RETURNS TABLE (slug text, id uuid, name text)
AS 'MODULE_PATHNAME', 'bixarena_read_leaderboards'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.read_leaderboards(text) IS
	'the leaderboards of an arena, in the order of their slugs';

CREATE FUNCTION bixarena.read_models(arena text)
RETURNS TABLE (
	id uuid,
	slug text,
	name text,
	organization text,
	license text,
	external_link text)
AS 'MODULE_PATHNAME', 'bixarena_read_models'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.read_models(text) IS 'the models of an arena';

CREATE FUNCTION bixarena.read_snapshots(
	arena text,
	leaderboard uuid,
	until timestamptz DEFAULT NULL,
	after timestamptz DEFAULT NULL)
RETURNS TABLE (
	id uuid,
	leaderboard_id uuid,
	snapshot_identifier text,
	description text,
	visibility text,
	created_at timestamptz,
	updated_at timestamptz)
AS 'MODULE_PATHNAME', 'bixarena_read_snapshots'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.read_snapshots(text, uuid, timestamptz, timestamptz) IS
	'the snapshots of a leaderboard, or of all with null; up to a moment only the latest public one of each, or those after a moment';

CREATE FUNCTION bixarena.read_entries(
	arena text,
	snapshots uuid[],
	model uuid DEFAULT NULL)
RETURNS TABLE (
	snapshot_id uuid,
	leaderboard_id uuid,
	model_id uuid,
	bt_score numeric,
	bootstrap_q025 numeric,
	bootstrap_q975 numeric,
	rank integer,
	vote_count integer,
	created_at timestamptz)
AS 'MODULE_PATHNAME', 'bixarena_read_entries'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.read_entries(text, uuid[], uuid) IS
	'the entries of snapshots, or those of one model in them';
/*
 * Settings.
 */

CREATE FUNCTION bixarena_configure(
	setting text,
	value text,
	leaderboard_id text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_configure'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_configure(text, text, text, text) IS
	'set a setting of an arena or one of its leaderboards; null unsets it';
-- it writes a table of ours
REVOKE ALL ON FUNCTION bixarena_configure(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_settings(
	leaderboard_id text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS TABLE (
	setting text,
	value text,
	source text,
	default_value text,
	description text)
AS 'MODULE_PATHNAME', 'bixarena_settings'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_settings(text, text) IS
	'the settings in force for an arena or one of its leaderboards';


-- the same where our own functions find it, whatever schema the extension is in
CREATE FUNCTION bixarena.setting_values(leaderboard_id text, arena text)
RETURNS TABLE (
	setting text,
	value text,
	source text,
	default_value text,
	description text)
AS 'MODULE_PATHNAME', 'bixarena_settings'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.setting_values(text, text) IS
	'the settings in force for an arena or one of its leaderboards';

CREATE FUNCTION bixarena.setting_pauses(arena text, leaderboards text[])
RETURNS TABLE (leaderboard text, source text)
AS 'MODULE_PATHNAME', 'bixarena_pauses'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.setting_pauses(text, text[]) IS
	'those of the leaderboards that are paused, and whose setting pauses them: arena or leaderboard';

/*
 * Kept tallies: the arenas that have one, and from which tables it is followed.
 */

CREATE TABLE bixarena.kept_tally (
	arena name PRIMARY KEY,
	schema name NOT NULL UNIQUE,
	sources jsonb,
	kept_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE bixarena.kept_tally IS 'arenas whose tally is kept';
COMMENT ON COLUMN bixarena.kept_tally.arena IS 'name of the arena''s schema';
COMMENT ON COLUMN bixarena.kept_tally.schema IS 'name of the schema that the tally is in';
COMMENT ON COLUMN bixarena.kept_tally.sources IS
	'tables that the battles come from, and their columns that hold a battle''s id; null: known by themselves';
COMMENT ON COLUMN bixarena.kept_tally.kept_at IS 'since when';
GRANT SELECT ON bixarena.kept_tally TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('bixarena.kept_tally', '');

CREATE FUNCTION bixarena.live_note()
RETURNS trigger
AS 'MODULE_PATHNAME', 'bixarena_live_note'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.live_note() IS
	'trigger: writes the keys of changed rows into the log of a kept tally';

CREATE FUNCTION bixarena.live_register(arena text, schema text, sources jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_live_register'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_register(text, text, jsonb) IS
	'put on record that an arena''s tally is kept in a schema, or with null that it is not';

-- the same as bixarena_battle_query(), whatever schema the extension is in, for what
-- takes battles and not counts
CREATE FUNCTION bixarena.live_battle_query(arena text, reading text DEFAULT 'as_of')
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_battle_query'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_battle_query(text, text) IS
	'the query that says at this moment which battles of an arena count';

CREATE FUNCTION bixarena.live_unsteady(view oid)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_live_unsteady'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_unsteady(oid) IS
	'what in a view''s query depends on more than one battle''s rows, null: nothing';

CREATE FUNCTION bixarena.live_mingles(view oid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_live_mingles'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_mingles(oid) IS
	'does a row of a view come of more than one row of what it reads?';

/*
 * What the battles are read from.
 */

CREATE FUNCTION bixarena.live_views(relation oid)
RETURNS SETOF oid
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	-- a relation and all that it reads, if it is a view
	WITH RECURSIVE source AS (
		SELECT relation AS oid
		UNION
		SELECT d.refobjid
		FROM source AS s
		JOIN pg_class AS v ON v.oid = s.oid AND v.relkind = 'v'
		JOIN pg_rewrite AS r ON r.ev_class = v.oid
		JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
			AND d.refclassid = 'pg_class'::regclass
	)
	SELECT s.oid FROM source AS s
$$;
COMMENT ON FUNCTION bixarena.live_views(oid) IS
	'a relation, and if it is a view all that it reads';

CREATE FUNCTION bixarena.live_parts(relation oid)
RETURNS SETOF oid
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE part AS (
		SELECT relation AS oid
		UNION
		SELECT i.inhrelid FROM part AS p JOIN pg_inherits AS i ON i.inhparent = p.oid AND NOT i.inhdetachpending
	)
	SELECT p.oid FROM part AS p
$$;
COMMENT ON FUNCTION bixarena.live_parts(oid) IS
	'a table, its partitions, and the tables that inherit from it';

CREATE TYPE bixarena.live_source AS (
	kind "char",
	relation oid,
	key_column name,
	columns name[],
	via oid,
	via_column name,
	via_battle name
);
COMMENT ON TYPE bixarena.live_source IS
	'a table that battles come from: the column that is noted of what changes, the columns that matter, '
	'and the table that says whose battle it is';

CREATE FUNCTION bixarena.live_application_sources(arena text)
RETURNS SETOF bixarena.live_source
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	battle oid := to_regclass(format('%I.battle', arena));
	evaluation oid := to_regclass(format('%I.battle_evaluation', arena));
	validation oid := to_regclass(format('%I.battle_validation', arena));
	categorization oid := to_regclass(format('%I.battle_categorization', arena));
	category oid := to_regclass(format('%I.battle_categorization_category', arena));
	columns name[] := '{id,model1_id,model2_id,user_id}';
BEGIN
	IF validation IS NOT NULL THEN
		columns := columns || 'effective_validation_id'::name;
	END IF;
	IF categorization IS NOT NULL THEN
		columns := columns || 'effective_categorization_id'::name;
	END IF;

	-- Also what a foreign key seems to make needless: a row may have come, without what it
	-- points to, where no foreign key is asked, as from a subscription.
	RETURN NEXT ('b', battle, 'id', columns, NULL, NULL, NULL)::bixarena.live_source;
	RETURN NEXT ('b', evaluation, 'battle_id', '{battle_id,outcome}', NULL, NULL, NULL)::bixarena.live_source;
	IF validation IS NOT NULL THEN
		RETURN NEXT ('v', validation, 'id', '{id,is_biomedical}',
			battle, 'effective_validation_id', 'id')::bixarena.live_source;
	END IF;
	IF categorization IS NOT NULL THEN
		RETURN NEXT ('k', categorization, 'id', '{id,status}',
			battle, 'effective_categorization_id', 'id')::bixarena.live_source;
		RETURN NEXT ('k', category, 'categorization_id', '{categorization_id,category}',
			battle, 'effective_categorization_id', 'id')::bixarena.live_source;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_application_sources(text) IS
	'the tables that battles come from in the application''s schema';

CREATE FUNCTION bixarena.live_own_sources(arena text, sources jsonb)
RETURNS SETOF bixarena.live_source
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	-- a table that has no column with a battle's id may be of any battle; unless the
	-- user says which tables they are, it is the relation itself, or as its only source
	-- the table of battles of an arena as bixarena_create_arena() makes it
	WITH own AS (
		SELECT c.oid, c.relkind FROM pg_class AS c
		WHERE c.oid = to_regclass(format('%I.leaderboard_battle', arena))
	), named AS (
		SELECT s.key AS relation, s.value AS column
		FROM jsonb_each_text(sources) AS s
		UNION ALL
		SELECT own.oid::regclass::text, 'battle_id'
		FROM own WHERE sources IS NULL AND own.relkind <> 'v'
		UNION ALL
		SELECT max(c.oid::regclass::text), 'id'
		FROM own, bixarena.live_views(own.oid) AS v (oid)
		JOIN pg_class AS c ON c.oid = v.oid AND c.relkind <> 'v'
		WHERE sources IS NULL
		HAVING count(*) = 1 AND max(c.oid) = to_regclass(format('%I.battle', arena))
	)
	SELECT (CASE WHEN n.column IS NULL THEN '*' ELSE 'b' END, to_regclass(n.relation)::oid,
		n.column, NULL, NULL, NULL, NULL)::bixarena.live_source
	FROM named AS n
$$;
COMMENT ON FUNCTION bixarena.live_own_sources(text, jsonb) IS
	'the tables that a relation leaderboard_battle of the arena''s own comes from';

CREATE FUNCTION bixarena.live_sources(arena text, sources jsonb)
RETURNS SETOF bixarena.live_source
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF to_regclass(format('%I.leaderboard_battle', arena)) IS NULL THEN
		RETURN QUERY SELECT s.* FROM bixarena.live_application_sources(arena) AS s;
	ELSE
		RETURN QUERY SELECT s.* FROM bixarena.live_own_sources(arena, sources) AS s;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_sources(text, jsonb) IS
	'the tables that the battles of an arena come from at this moment';

/*
 * Their triggers.  Statements are noted by triggers for statements.  Where rows are
 * written as a replica, as a subscription does, only triggers for rows fire, and only
 * those that are enabled for it: they do nothing elsewhere.
 */

CREATE TYPE bixarena.live_trigger AS (
	relation oid,
	name text,
	operation text,
	arguments text[]
);
COMMENT ON TYPE bixarena.live_trigger IS
	'a trigger that notes changes of a table: INSERT, UPDATE, DELETE, TRUNCATE, or of a REPLICA';

CREATE FUNCTION bixarena.live_triggers(arena text, schema text, sources jsonb)
RETURNS SETOF bixarena.live_trigger
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	-- a statement fires the triggers of the table that it names, be it a partition;
	-- a subscription writes into the partitions
	SELECT (c.oid, schema || '_' || lower(o.operation), o.operation,
		CASE WHEN s.key_column IS NULL THEN ARRAY[schema, '*']
			ELSE ARRAY[schema, s.kind::text, s.key_column] || coalesce(s.columns, '{}')::text[] END)
		::bixarena.live_trigger
	FROM bixarena.live_sources(arena, sources) AS s,
		bixarena.live_parts(s.relation) AS p (oid)
	JOIN pg_class AS c ON c.oid = p.oid,
		unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REPLICA}'::text[]) AS o (operation)
	WHERE o.operation <> 'REPLICA' OR c.relkind = 'r'
$$;
COMMENT ON FUNCTION bixarena.live_triggers(text, text, jsonb) IS
	'the triggers that are to note the changes of an arena''s battles';

CREATE FUNCTION bixarena.live_trigger_sql(wanted bixarena.live_trigger)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s EXECUTE FUNCTION bixarena.live_note(%s);'
		' COMMENT ON TRIGGER %1$I ON %3$s IS ''notes what changes, for the kept tally'';',
		w.name, CASE w.operation WHEN 'REPLICA' THEN 'INSERT OR UPDATE OR DELETE' ELSE w.operation END,
		w.relation::regclass,
		CASE w.operation
			WHEN 'INSERT' THEN 'REFERENCING NEW TABLE AS after FOR EACH STATEMENT'
			WHEN 'UPDATE' THEN 'REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT'
			WHEN 'DELETE' THEN 'REFERENCING OLD TABLE AS before FOR EACH STATEMENT'
			WHEN 'TRUNCATE' THEN 'FOR EACH STATEMENT'
			ELSE 'FOR EACH ROW' END,
		(SELECT string_agg(quote_literal(a), ', ' ORDER BY n) FROM unnest(w.arguments) WITH ORDINALITY AS u (a, n)))
		|| CASE w.operation
			WHEN 'REPLICA' THEN format(' ALTER TABLE %s ENABLE REPLICA TRIGGER %I;', w.relation::regclass, w.name)
			WHEN 'TRUNCATE' THEN format(' ALTER TABLE %s ENABLE ALWAYS TRIGGER %I;', w.relation::regclass, w.name)
			ELSE '' END
	FROM (SELECT wanted.*) AS w
$$;
COMMENT ON FUNCTION bixarena.live_trigger_sql(bixarena.live_trigger) IS
	'the statements that make a trigger of a kept tally';

CREATE FUNCTION bixarena.live_found_triggers(schema text)
RETURNS TABLE (relation oid, name text, arguments bytea, facts text, enabled text, wanted text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
	-- one that is disabled, or made anew, is another version of its row
	SELECT t.tgrelid, t.tgname::text, t.tgargs,
		concat_ws(' ', t.oid, t.xmin, t.tgenabled, t.tgtype, md5(t.tgargs)),
		t.tgenabled::text,
		CASE WHEN t.tgtype & 1 = 1 THEN 'R' WHEN t.tgtype & 32 = 32 THEN 'A' ELSE 'O' END
	FROM pg_trigger AS t
	WHERE t.tgfoid = 'bixarena.live_note'::regproc AND NOT t.tgisinternal
		AND starts_with(t.tgname::text, schema || '_')
		AND encode(substr(t.tgargs, 1, position(decode('00', 'hex') IN t.tgargs) - 1), 'escape')
			= encode(convert_to(schema, getdatabaseencoding()), 'escape')
$$;
COMMENT ON FUNCTION bixarena.live_found_triggers(text) IS
	'the triggers of a kept tally that there are, and what they are';

CREATE FUNCTION bixarena.live_unfit_triggers(schema text, triggers bixarena.live_trigger[])
RETURNS TABLE (relation oid, name text, what text, enabled text, wanted text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	-- a column that has come to matter is an argument more
	SELECT t.* FROM (
		SELECT w.relation, w.name, CASE WHEN f.name IS NULL THEN 'missing' WHEN f.enabled = 'D' THEN 'disabled'
				WHEN f.arguments <> (SELECT string_agg(convert_to(u.a, getdatabaseencoding()) || '\x00', '' ORDER BY u.n)
					FROM unnest(w.arguments) WITH ORDINALITY AS u (a, n)) THEN 'made for other columns'
				WHEN f.enabled <> f.wanted THEN 'enabled otherwise than it must be' END AS what,
			f.enabled, f.wanted
		FROM unnest(triggers) AS w
		LEFT JOIN bixarena.live_found_triggers(schema) AS f ON f.relation = w.relation AND f.name = w.name) AS t
	WHERE t.what IS NOT NULL
$$;
COMMENT ON FUNCTION bixarena.live_unfit_triggers(text, bixarena.live_trigger[]) IS
	'triggers of a kept tally that are not there as they must be, and what is wrong with them';
/*
 * Can a kept tally be trusted?  What the log tells is all that has happened, as long
 * as nothing else has: the same query on the same tables, whose triggers were never
 * off.  These are facts of the catalogs.  They are written down when the battles are
 * counted, and compared before the tally is used.  A row of a catalog that was
 * changed and changed back is another version, whose xmin tells.
 *
 * Battles are counted only while nothing keeps their changes from being followed
 * (live_lost).  All that this depends on is among the facts, too: while they are the
 * same, it need not be asked, which takes as long as the facts.
 */

CREATE FUNCTION bixarena.live_refusal(arena text, sources jsonb)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	own regclass := to_regclass(format('%I.leaderboard_battle', arena));
	reason text;
BEGIN
	reason := coalesce(to_regclass(format('%I.leaderboard_tally', arena)), to_regclass(format('%I.arena_tally', arena)));
	IF reason IS NOT NULL THEN
		RETURN format('relation %s has counts already', reason);
	END IF;
	SELECT format('relation %s is %s, whose changes leave no trace', c.oid::regclass,
		CASE c.relkind WHEN 'f' THEN 'a foreign table' WHEN 'm' THEN 'a materialized view'
			ELSE 'not a table' END)
	INTO reason
	FROM bixarena.live_views(own) AS v (oid), bixarena.live_parts(v.oid) AS p (oid)
	JOIN pg_class AS c ON c.oid = p.oid
	WHERE c.relkind NOT IN ('r', 'p', 'v') OR (c.relkind = 'v' AND v.oid <> p.oid)
	ORDER BY c.oid::regclass::text COLLATE "C"
	LIMIT 1;
	IF reason IS NOT NULL OR own IS NULL THEN
		RETURN reason;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = own AND a.attname = 'battle_id'
			AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped) THEN
		RETURN format('relation %s has no column battle_id of type uuid', own);
	END IF;
	IF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = own AND a.attname = 'battles'
			AND NOT a.attisdropped) THEN
		RETURN format('relation %s has counts, in its column battles', own);
	END IF;
	SELECT format('view %s %s', v.oid::regclass, bixarena.live_unsteady(v.oid))
	INTO reason
	FROM bixarena.live_views(own) AS v (oid)
	WHERE bixarena.live_unsteady(v.oid) IS NOT NULL
	ORDER BY v.oid::regclass::text COLLATE "C"
	LIMIT 1;
	IF reason IS NOT NULL THEN
		RETURN reason;
	END IF;
	SELECT format('"%s" of sources is not a table of which column "%s" has a battle''s id as a uuid',
		s.key, s.value)
	INTO reason
	FROM jsonb_each_text(sources) AS s
	LEFT JOIN pg_attribute AS a ON a.attrelid = to_regclass(s.key) AND a.attname = s.value
		AND a.attnum > 0 AND NOT a.attisdropped
	WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass(s.key) AND c.relkind IN ('r', 'p'))
		OR s.value IS NOT NULL AND a.atttypid IS DISTINCT FROM 'uuid'::regtype
	ORDER BY s.key COLLATE "C"
	LIMIT 1;
	IF reason IS NOT NULL THEN
		RETURN reason;
	END IF;
	SELECT format('table %s, which it reads, is not among the sources', c.oid::regclass)
	INTO reason
	FROM bixarena.live_views(own) AS v (oid)
	JOIN pg_class AS c ON c.oid = v.oid AND c.relkind <> 'v'
	WHERE c.oid NOT IN (SELECT s.relation FROM bixarena.live_sources(arena, sources) AS s
		WHERE s.relation IS NOT NULL)
	ORDER BY c.oid::regclass::text COLLATE "C"
	LIMIT 1;
	IF reason IS NOT NULL OR sources IS NOT NULL THEN
		RETURN reason;
	END IF;
	-- that these are of one battle is the user's to say
	RETURN (SELECT format('view %s reads more than one row for each of its own, and no sources are named', min(v.oid)::regclass)
		FROM bixarena.live_views(own) AS v (oid)
		WHERE bixarena.live_mingles(v.oid)
		HAVING count(*) > 0);
END
$$;
COMMENT ON FUNCTION bixarena.live_refusal(text, jsonb) IS
	'why the tally of an arena cannot be kept; null: it can';

CREATE FUNCTION bixarena.live_labels(type oid)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- of an enum, and of domains and arrays of it
	WITH RECURSIVE made AS (
		SELECT type AS oid
		UNION
		SELECT b.oid FROM made AS m JOIN pg_type AS t ON t.oid = m.oid, unnest(ARRAY[t.typbasetype, t.typelem]) AS b (oid)
	)
	SELECT string_agg(e.enumlabel, ' ' ORDER BY e.oid) FROM made AS m JOIN pg_enum AS e ON e.enumtypid = m.oid
$$;
COMMENT ON FUNCTION bixarena.live_labels(oid) IS 'the labels that values of a type are written with';

CREATE FUNCTION bixarena.live_relation_facts(relation oid)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a table that was emptied, rewritten or swapped has another file; of a view it is
	-- the query that counts.  An owner who has been another may not have been able to
	-- write into the log; the type of its rows has changed hands with it.
	SELECT concat_ws(' ', c.oid, c.relkind, c.relpersistence, c.relowner,
		(SELECT t.xmin FROM pg_type AS t WHERE t.oid = c.reltype),
		c.relrowsecurity,
		pg_relation_filenode(c.oid), c.reloptions,
		CASE WHEN c.relkind = 'v' THEN (SELECT string_agg(concat_ws(' ', r.oid, r.xmin), ' ' ORDER BY r.oid)
			FROM pg_rewrite AS r WHERE r.ev_class = c.oid) END,
		(SELECT string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation,
				CASE WHEN a.atttypid >= 16384 THEN bixarena.live_labels(a.atttypid) END), ' '
				ORDER BY a.attnum)
			FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
				AND a.attname = ANY ('{id,battle_id,categorization_id,model1_id,model2_id,outcome,leaderboard,user_id,voter_id,battles,
					effective_validation_id,effective_categorization_id,is_biomedical,status,category}'
					OPERATOR(pg_catalog.||) (SELECT coalesce(array_agg(k.attname), '{}')
						FROM pg_depend AS d JOIN pg_attribute AS k ON k.attrelid = c.oid AND k.attnum = d.refobjsubid
						WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
							AND d.refobjid = c.oid AND d.refobjsubid > 0))))
	FROM pg_class AS c
	WHERE c.oid = relation
$$;
COMMENT ON FUNCTION bixarena.live_relation_facts(oid) IS
	'what must not change of a relation that battles are read from';

CREATE FUNCTION bixarena.live_functions(view oid)
RETURNS SETOF oid
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	-- also by operators, and what these functions say that they call
	WITH RECURSIVE part AS (
		SELECT 'pg_rewrite'::regclass::oid AS classid, r.oid AS objid FROM pg_rewrite AS r WHERE r.ev_class = view
		UNION
		SELECT d.refclassid, d.refobjid
		FROM part AS p
		JOIN pg_depend AS d ON d.classid = p.classid AND d.objid = p.objid
		WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
	)
	SELECT p.objid FROM part AS p WHERE p.classid = 'pg_proc'::regclass
$$;
COMMENT ON FUNCTION bixarena.live_functions(oid) IS 'the functions that a view calls, but for those of the server';

CREATE FUNCTION bixarena.live_facts(arena text, schema text, sources jsonb)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH named AS MATERIALIZED (
		SELECT s.* FROM bixarena.live_sources(arena, sources) AS s
	), source AS MATERIALIZED (
		SELECT DISTINCT c.oid, c.relkind, c.relowner
		FROM (
			SELECT n.relation FROM named AS n
			UNION
			SELECT v.oid FROM bixarena.live_views(to_regclass(format('%I.leaderboard_battle', arena))) AS v (oid)
		) AS s (relation), bixarena.live_parts(s.relation) AS r (oid)
		JOIN pg_class AS c ON c.oid = r.oid
	), fact (subject, value) AS (
		SELECT 'the query of the battles', bixarena.live_battle_query(arena)
		UNION ALL
		SELECT 'the server', (SELECT c.system_identifier FROM pg_control_system() AS c)
			|| ' ' || (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
		UNION ALL
		SELECT format('relation %I.%I', arena, t.name), to_regclass(format('%I.%I', arena, t.name))::oid::text
		FROM unnest('{leaderboard_tally,arena_tally}'::text[]) AS t (name)
		UNION ALL
		SELECT format('relation %s', s.oid::regclass), concat_ws(' ', bixarena.live_relation_facts(s.oid),
			CASE WHEN s.relkind <> 'v' THEN has_table_privilege(s.relowner, to_regclass(format('%I.log', schema)), 'INSERT') END)
		FROM source AS s
		UNION ALL
		SELECT format('key of %s', n.relation::regclass), (SELECT concat_ws(' ', a.attnum, a.atttypid) FROM pg_attribute AS a
			WHERE a.attrelid = n.relation AND a.attname = n.key_column AND NOT a.attisdropped)
		FROM named AS n
		UNION ALL
		SELECT format('function %s', p.oid::regprocedure), concat_ws(' ', p.oid, p.xmin)
		FROM source AS s, bixarena.live_functions(CASE s.relkind WHEN 'v' THEN s.oid END) AS f (oid)
		JOIN pg_proc AS p ON p.oid = f.oid
		UNION ALL
		SELECT format('trigger %I of %s', f.name, s.oid::regclass), f.facts
		FROM source AS s
		JOIN bixarena.live_found_triggers(schema) AS f ON f.relation = s.oid
		UNION ALL
		-- a log that had another name, or whose schema had, was not written
		SELECT format('table %I.%I', schema, t.name),
			(SELECT concat_ws(' ', c.oid, pg_relation_filenode(c.oid), c.relkind, c.relpersistence, c.relam, c.relrowsecurity,
					c.relhasrules, c.relhassubclass, EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srrelid = c.oid),
					CASE t.name WHEN 'log' THEN concat_ws(' ', c.xmin, c.relnatts, c.relhasindex) END)
				FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.%I', schema, t.name)))
		FROM unnest('{log,counted,tally}'::text[]) AS t (name)
		UNION ALL
		SELECT format('schema %I', schema), (SELECT concat_ws(' ', n.oid, n.xmin) FROM pg_namespace AS n WHERE n.nspname = schema)
	)
	SELECT array_agg(DISTINCT f.subject || ': ' || coalesce(f.value, 'none') ORDER BY f.subject || ': ' || coalesce(f.value, 'none'))
	FROM fact AS f
$$;
COMMENT ON FUNCTION bixarena.live_facts(text, text, jsonb) IS
	'what must not have changed for a kept tally to be trusted';

CREATE FUNCTION bixarena.live_lost(arena text, schema text, sources jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What row security hides from some must not be counted for them.  A table that is
	-- not logged is empty after a crash.  The log is written by note.c, which writes into
	-- nothing else, and into no index.
	WITH wanted AS MATERIALIZED (
		SELECT w.* FROM bixarena.live_triggers(arena, schema, sources) AS w
	), lost (what) AS (
		SELECT format('trigger %I of %s is %s', t.name, t.relation::regclass, t.what)
		FROM bixarena.live_unfit_triggers(schema, ARRAY(SELECT w::bixarena.live_trigger FROM wanted AS w)) AS t
		UNION ALL
		SELECT CASE WHEN c.relpersistence <> 'p' THEN format('relation %s is not logged', c.oid::regclass)
			WHEN NOT has_table_privilege(c.relowner, to_regclass(format('%I.log', schema)), 'INSERT')
			THEN format('role %s, whose table %s is, may not write into the log', c.relowner::regrole, c.oid::regclass) END
		FROM pg_class AS c
		WHERE c.oid = ANY (ARRAY(SELECT w.relation FROM wanted AS w))
		UNION ALL
		SELECT format('table %s is not as it was made', c.oid::regclass)
		FROM pg_class AS c
		WHERE c.oid = ANY (ARRAY(SELECT to_regclass(format('%I.%I', schema, t.name))::oid FROM unnest('{log,counted,tally}'::text[]) AS t (name)))
			AND (c.relkind <> 'r' OR c.relpersistence <> 'p' OR c.relrowsecurity OR c.relhasrules OR c.relhassubclass
				OR c.relam <> (SELECT a.oid FROM pg_am AS a WHERE a.amname = 'heap')
				OR c.relname = 'log' AND (c.relnatts <> 2 OR c.relhasindex)
				OR EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srrelid = c.oid))
		UNION ALL
		SELECT format('relation %s has row security', c.oid::regclass)
		FROM (SELECT s.relation FROM bixarena.live_sources(arena, sources) AS s
			UNION SELECT to_regclass(format('%I.leaderboard_battle', arena))) AS s (relation)
		JOIN pg_class AS c ON c.oid = s.relation
		WHERE c.relrowsecurity
		UNION ALL
		SELECT bixarena.live_refusal(arena, sources)
	), numbered AS (
		SELECT l.what, row_number() OVER (ORDER BY l.what COLLATE "C"), count(*) OVER ()
		FROM lost AS l WHERE l.what IS NOT NULL
	)
	SELECT string_agg(n.what, ', ' ORDER BY n.row_number)
		|| CASE WHEN max(n.count) > 2 THEN format(' and %s more', max(n.count) - 2) ELSE '' END
	FROM numbered AS n
	WHERE n.row_number <= 2
$$;
COMMENT ON FUNCTION bixarena.live_lost(text, text, jsonb) IS
	'why changes of an arena''s battles cannot be followed; null: they are';

CREATE FUNCTION bixarena.live_doubt(schema text, facts text[])
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	known text[];
	is_asked boolean;
BEGIN
	EXECUTE format('SELECT s.facts, EXISTS (SELECT FROM %1$I.log AS l WHERE l.kind = ''*'') FROM %1$I.state AS s', schema)
	INTO known, is_asked;
	IF known IS NULL THEN
		RETURN 'the battles have not been counted yet';
	ELSIF is_asked THEN
		RETURN 'all battles may have changed';
	ELSIF known = facts THEN
		RETURN NULL;
	END IF;
	RETURN (
		WITH subject (what) AS (
			SELECT DISTINCT split_part(d.fact, ': ', 1)
			FROM ((SELECT unnest(known) EXCEPT SELECT unnest(facts))
				UNION (SELECT unnest(facts) EXCEPT SELECT unnest(known))) AS d (fact)
		), numbered AS (
			SELECT s.what, row_number() OVER (ORDER BY s.what COLLATE "C"), count(*) OVER ()
			FROM subject AS s
		)
		SELECT 'not as when the battles were counted: ' || string_agg(n.what, ', ' ORDER BY n.row_number)
			|| CASE WHEN max(n.count) > 3 THEN format(' and %s more', max(n.count) - 3) ELSE '' END
		FROM numbered AS n
		WHERE n.row_number <= 3);
END
$$;
COMMENT ON FUNCTION bixarena.live_doubt(text, text[]) IS
	'why a kept tally cannot be trusted; null: it can';
/*
 * Folding: the battles that the log names are recounted, and what differs from what
 * was counted of them goes into the tally.
 *
 * It is one statement, which sees one snapshot: the entries that it takes are exactly
 * those whose changes it sees.  An entry that comes later is of the next fold.  A
 * battle that is named for no reason costs its recount, and changes nothing.
 *
 * A row of what is counted is a battle with all its leaderboards, and a row of the
 * tally two models and an outcome with all theirs: so a battle changes one row of
 * each, whatever it counts for.
 *
 * These run with the rights of the tally's owner (tally.c).
 */

CREATE FUNCTION bixarena.live_application_groups(arena text, battle text)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_application_groups'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_application_groups(text, text) IS
	'the query that says for what the battles count, by the application''s tables: of the battle that an '
	'expression has the id of, or with null of all';

CREATE FUNCTION bixarena.live_slugs(slugs text[], more text[])
RETURNS text[]
AS 'MODULE_PATHNAME', 'bixarena_live_slugs'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.live_slugs(text[], text[]) IS
	'slugs, and those of more that are not among them';

CREATE FUNCTION bixarena.live_sums(slugs text[], counts bigint[], more text[], changes bigint[])
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'bixarena_live_sums'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.live_sums(text[], bigint[], text[], bigint[]) IS
	'counts of what live_slugs() gives: those of slugs, with the changes of more added';

CREATE FUNCTION bixarena.live_count(slugs text[], counts bigint[], slug text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_live_count'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.live_count(text[], bigint[], text) IS
	'of counts beside slugs that of one, 0 if it is not among them';

CREATE FUNCTION bixarena.live_has_voters(arena text)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT to_regclass(format('%I.leaderboard_battle', arena)) IS NULL OR EXISTS (
		SELECT FROM pg_attribute AS a
		WHERE a.attrelid = to_regclass(format('%I.leaderboard_battle', arena))
			AND a.attname = 'voter_id' AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION bixarena.live_has_voters(text) IS 'is it known who cast the battles of an arena?';

CREATE FUNCTION bixarena.live_groups_sql(arena text, battle text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- what is sorted before it is grouped is not sorted in each group
	SELECT CASE WHEN to_regclass(format('%I.leaderboard_battle', arena)) IS NULL
		THEN bixarena.live_application_groups(arena, battle)
		ELSE format($sql$
			SELECT s.battle_id, s.model1_id, s.model2_id, s.outcome, s.voter_id, array_agg(s.leaderboard) AS leaderboards
			FROM (
				SELECT q.battle_id, q.model1_id, q.model2_id, q.outcome::text COLLATE "C" AS outcome, %s AS voter_id,
					q.leaderboard::text COLLATE "C" AS leaderboard
				FROM (%s) AS q
				WHERE q.leaderboard IS NOT NULL %s
				ORDER BY 1, 2, 3, 4, 5, 6) AS s
			GROUP BY 1, 2, 3, 4, 5$sql$,
			CASE WHEN bixarena.live_has_voters(arena) THEN 'q.voter_id' ELSE 'NULL::uuid' END,
			bixarena.live_battle_query(arena), 'AND q.battle_id = ' || battle) END
$$;
COMMENT ON FUNCTION bixarena.live_groups_sql(text, text) IS
	'the query that says for what the battles count, a row each: of the battle that an expression has the id of, '
	'or with null of all';

CREATE FUNCTION bixarena.live_named_sql(arena text, schema text, sources jsonb, take boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The parts of a statement that find what counts of the battles that the log names
	-- ("fresh"), and what was counted of them ("old").  The subquery is planned for one
	-- battle, by its id: without OFFSET it would be joined, and all battles be read.
	SELECT format($sql$
		taken AS MATERIALIZED (%3$s),
		entry AS (SELECT t.kind, k.key FROM taken AS t, unnest(t.keys) AS k (key)),
		named AS MATERIALIZED (SELECT DISTINCT a.battle_id
			FROM (SELECT e.key AS battle_id FROM entry AS e WHERE e.kind = 'b' %4$s) AS a),
		fresh AS MATERIALIZED (
			SELECT r.battle_id, r.model1_id, r.model2_id, r.outcome, r.voter_id, r.leaderboards
			FROM named AS n CROSS JOIN LATERAL (%1$s OFFSET 0) AS r),
		old AS MATERIALIZED (
			SELECT c.battle_id, c.model1_id, c.model2_id, c.outcome, c.voter_id, c.leaderboards, c.ctid AS place
			FROM named AS n JOIN %2$I.counted AS c ON c.battle_id = n.battle_id)$sql$,
		bixarena.live_groups_sql(arena, 'n.battle_id'), schema,
		CASE WHEN take THEN format('DELETE FROM %I.log AS l RETURNING l.kind, l.keys', schema)
			ELSE format('SELECT l.kind, l.keys FROM %I.log AS l', schema) END,
		(SELECT string_agg(DISTINCT format(
				'UNION ALL SELECT v.%I FROM entry AS e JOIN %s AS v ON v.%I = e.key WHERE e.kind = %L',
				s.via_battle, s.via::regclass, s.via_column, s.kind), ' ')
			FROM bixarena.live_sources(arena, sources) AS s
			WHERE s.via IS NOT NULL))
$$;
COMMENT ON FUNCTION bixarena.live_named_sql(text, text, jsonb, boolean) IS
	'parts of a statement: what counts, and was counted, of the battles that the log names';

CREATE FUNCTION bixarena.live_all_sql(arena text, schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($sql$
		taken AS (DELETE FROM %2$I.log),
		fresh AS MATERIALIZED (%1$s),
		old AS MATERIALIZED (
			SELECT c.battle_id, c.model1_id, c.model2_id, c.outcome, c.voter_id, c.leaderboards, c.ctid AS place
			FROM %2$I.counted AS c)$sql$,
		bixarena.live_groups_sql(arena, NULL), schema)
$$;
COMMENT ON FUNCTION bixarena.live_all_sql(text, text) IS
	'parts of a statement: what counts, and was counted, of all battles';

CREATE FUNCTION bixarena.live_changed_sql()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- one grouping, to which nulls are alike
	SELECT $sql$,
		changed_row AS MATERIALIZED (
			SELECT d.battle_id, d.model1_id, d.model2_id, d.outcome, d.voter_id, d.leaderboards, sum(d.battles)::integer AS battles
			FROM (SELECT f.battle_id, f.model1_id, f.model2_id, f.outcome, f.voter_id, f.leaderboards, 1 AS battles
				FROM fresh AS f
				UNION ALL
				SELECT o.battle_id, o.model1_id, o.model2_id, o.outcome, o.voter_id, o.leaderboards, -1 FROM old AS o) AS d
			GROUP BY 1, 2, 3, 4, 5, 6
			HAVING sum(d.battles) <> 0),
		changed AS MATERIALIZED (SELECT DISTINCT r.battle_id FROM changed_row AS r)$sql$
$$;
COMMENT ON FUNCTION bixarena.live_changed_sql() IS
	'parts of a statement: in what that which counts differs from what was counted';

CREATE FUNCTION bixarena.live_difference_sql()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $sql$,
		difference AS (
			SELECT r.leaderboard, r.model1_id, r.model2_id, r.outcome, sum(r.battles) AS battles
			FROM (SELECT unnest(c.leaderboards) AS leaderboard, c.model1_id, c.model2_id, c.outcome, c.battles
				FROM changed_row AS c) AS r
			GROUP BY 1, 2, 3, 4
			HAVING sum(r.battles) <> 0)$sql$
$$;
COMMENT ON FUNCTION bixarena.live_difference_sql() IS
	'parts of a statement: by how many battles the tally differs from what counts';

CREATE FUNCTION bixarena.live_store_sql(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($sql$,
		dropped AS (DELETE FROM %1$I.counted AS c USING changed AS h, old AS o
			WHERE o.battle_id = h.battle_id AND c.ctid = o.place),
		stored AS (INSERT INTO %1$I.counted (battle_id, model1_id, model2_id, outcome, voter_id, leaderboards)
			SELECT f.battle_id, f.model1_id, f.model2_id, f.outcome, f.voter_id, f.leaderboards
			FROM fresh AS f JOIN changed AS h ON h.battle_id = f.battle_id)$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_store_sql(text) IS
	'parts of a statement: what counts becomes what was counted';

CREATE FUNCTION bixarena.live_sum_sql(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($sql$,
		summed AS (INSERT INTO %1$I.tally AS t (model1_id, model2_id, outcome, leaderboards, battles)
			SELECT d.model1_id, d.model2_id, d.outcome, array_agg(d.leaderboard), array_agg(d.battles)
			FROM difference AS d
			GROUP BY 1, 2, 3
			ON CONFLICT (model1_id, model2_id, outcome)
			DO UPDATE SET leaderboards = bixarena.live_slugs(t.leaderboards, EXCLUDED.leaderboards),
				battles = bixarena.live_sums(t.leaderboards, t.battles, EXCLUDED.leaderboards, EXCLUDED.battles)
			RETURNING 0 > ANY (t.battles) AS is_negative)$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_sum_sql(text) IS
	'parts of a statement: the difference goes into the tally';

CREATE FUNCTION bixarena.live_is_long(schema text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	few bigint := greatest(10000, pg_relation_size(to_regclass(format('%I.counted', schema))) / (8 * 150));
	is_long boolean;
BEGIN
	-- A battle is found by its id in the time that eight are counted in, of about 150
	-- bytes each.  One that is new is named several times.
	EXECUTE format('SELECT coalesce(sum(cardinality(l.keys)), 0) > $1 FROM %I.log AS l', schema)
	INTO is_long
	USING few;
	IF is_long THEN
		EXECUTE format('SELECT max(n.keys) > $1 FROM (SELECT count(DISTINCT k.key) AS keys'
			' FROM %I.log AS l, unnest(l.keys) AS k (key) GROUP BY l.kind) AS n', schema)
		INTO is_long
		USING few;
	END IF;
	RETURN is_long;
END
$$;
COMMENT ON FUNCTION bixarena.live_is_long(text) IS
	'does a log name so many battles that it takes less to count all?';

CREATE FUNCTION bixarena.live_fold(arena text, schema text, sources jsonb, OUT changed bigint, OUT doubt text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	is_negative boolean;
	entries bigint;
	is_asked boolean;
BEGIN
	IF bixarena.live_is_long(schema) THEN
		doubt := 'so many battles had changed';
		RETURN;
	END IF;
	EXECUTE 'WITH ' || bixarena.live_named_sql(arena, schema, sources, true)
		|| bixarena.live_changed_sql() || bixarena.live_difference_sql()
		|| bixarena.live_store_sql(schema) || bixarena.live_sum_sql(schema) || $sql$
		SELECT (SELECT count(*) FROM changed), (SELECT bool_or(s.is_negative) FROM summed AS s),
			(SELECT count(*) FROM taken), EXISTS (SELECT FROM taken AS t WHERE t.kind = '*')$sql$
	INTO changed, is_negative, entries, is_asked;
	doubt := CASE WHEN is_asked THEN 'all battles may have changed'
		WHEN is_negative THEN 'it had fewer battles than were counted' END;
	IF doubt IS NULL AND entries > 0 THEN
		EXECUTE format('UPDATE %I.state SET folded_at = clock_timestamp(), changed = changed + $1', schema)
		USING changed;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_fold(text, text, jsonb) IS
	'bring a kept tally up to date: how many battles count otherwise than before, or why all are to be counted anew';

CREATE FUNCTION bixarena.live_drop_index(schema text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- of a table that nobody is looking at
	BEGIN
		EXECUTE format('LOCK TABLE %I.counted IN ACCESS EXCLUSIVE MODE NOWAIT', schema);
	EXCEPTION WHEN lock_not_available THEN
		RETURN false;
	END;
	EXECUTE format('DROP INDEX IF EXISTS %I.counted_battle', schema);
	RETURN true;
END
$$;
COMMENT ON FUNCTION bixarena.live_drop_index(text) IS
	'drop the index of what is counted, unless somebody is in the way: it takes less to make it than to insert into it';

CREATE FUNCTION bixarena.live_all_difference_sql(schema text, is_empty boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- the tally itself is counted, too, whatever has been done to it
	SELECT CASE WHEN is_empty THEN $sql$,
		difference AS (
			SELECT unnest(f.leaderboards) AS leaderboard, f.model1_id, f.model2_id, f.outcome, count(*) AS battles
			FROM fresh AS f
			GROUP BY 1, 2, 3, 4)$sql$
		ELSE format($sql$,
		difference AS (
			SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, sum(d.battles)::bigint AS battles
			FROM (
				SELECT unnest(f.leaderboards) AS leaderboard, f.model1_id, f.model2_id, f.outcome, 1 AS battles
				FROM fresh AS f
				UNION ALL
				SELECT u.leaderboard, t.model1_id, t.model2_id, t.outcome, -u.battles
				FROM %1$I.tally AS t, unnest(t.leaderboards, t.battles) AS u (leaderboard, battles)
			) AS d
			GROUP BY 1, 2, 3, 4
			HAVING sum(d.battles) <> 0)$sql$, schema) END
$$;
COMMENT ON FUNCTION bixarena.live_all_difference_sql(text, boolean) IS
	'parts of a statement: by how many battles the tally, which may be empty, differs from all that count';

CREATE FUNCTION bixarena.live_recount(arena text, schema text, sources jsonb, why text, facts text[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	is_first boolean;
	is_empty boolean;
	is_without_index boolean := false;
	counted bigint;
	nameless bigint;
	changed bigint;
BEGIN
	EXECUTE format('SELECT NOT EXISTS (SELECT FROM %1$I.counted), NOT EXISTS (SELECT FROM %1$I.tally)', schema)
	INTO is_first, is_empty;
	IF is_first THEN
		is_without_index := bixarena.live_drop_index(schema);
	END IF;
	EXECUTE 'WITH ' || bixarena.live_all_sql(arena, schema) || CASE WHEN is_first
		THEN format($sql$,
		changed AS (SELECT f.battle_id FROM fresh AS f),
		stored AS (INSERT INTO %I.counted (battle_id, model1_id, model2_id, outcome, voter_id, leaderboards)
			SELECT f.battle_id, f.model1_id, f.model2_id, f.outcome, f.voter_id, f.leaderboards FROM fresh AS f)$sql$, schema)
		ELSE bixarena.live_changed_sql() || bixarena.live_store_sql(schema) END
		|| bixarena.live_all_difference_sql(schema, is_empty)
		|| bixarena.live_sum_sql(schema) || $sql$
		SELECT f.counted, f.nameless, (SELECT count(*) FROM changed)
		FROM (SELECT count(*) AS counted, count(*) FILTER (WHERE f.battle_id IS NULL) AS nameless FROM fresh AS f) AS f$sql$
	INTO counted, nameless, changed;
	IF is_without_index THEN
		EXECUTE format('CREATE INDEX counted_battle ON %I.counted (battle_id)', schema);
	END IF;
	IF nameless > 0 THEN
		RAISE EXCEPTION 'battles of arena "%" have no battle_id', arena
			USING ERRCODE = 'null_value_not_allowed',
				HINT = 'A tally can be kept of battles that have one each.';
	END IF;
	EXECUTE format('DELETE FROM %I.tally AS t WHERE 0 = ALL (t.battles)', schema);
	EXECUTE format('UPDATE %I.state SET facts = $1, folded_at = clock_timestamp(),'
		' recounted_at = clock_timestamp(), recounted_why = $2, changed = changed + $3', schema)
	USING facts, why, changed;
	RETURN counted;
END
$$;
COMMENT ON FUNCTION bixarena.live_recount(text, text, jsonb, text, text[]) IS
	'count all battles of a kept tally; returns how many count';

/*
 * Reading: what the tally would be if it were folded now.
 */

CREATE FUNCTION bixarena.live_counts_sql(arena text, schema text, sources jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'WITH ' || bixarena.live_named_sql(arena, schema, sources, false)
		|| bixarena.live_changed_sql() || bixarena.live_difference_sql() || format($sql$
		SELECT u.leaderboard, t.model1_id, t.model2_id, t.outcome, u.battles
		FROM %I.tally AS t, unnest(t.leaderboards, t.battles) AS u (leaderboard, battles)
		UNION ALL
		SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.battles FROM difference AS d$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_counts_sql(text, text, jsonb) IS
	'the query that says what a kept tally would be if it were folded now';

CREATE FUNCTION bixarena.live_counts_of_sql(arena text, schema text, sources jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'WITH ' || bixarena.live_named_sql(arena, schema, sources, false)
		|| bixarena.live_changed_sql() || bixarena.live_difference_sql() || format($sql$
		SELECT $1 AS leaderboard, t.model1_id, t.model2_id, t.outcome, t.battles
		FROM (SELECT a.model1_id, a.model2_id, a.outcome, bixarena.live_count(a.leaderboards, a.battles, $1) AS battles
			FROM %I.tally AS a OFFSET 0) AS t
		WHERE t.battles <> 0
		UNION ALL
		SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.battles FROM difference AS d
		WHERE d.leaderboard = $1$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_counts_of_sql(text, text, jsonb) IS
	'the same for one leaderboard, $1';

CREATE FUNCTION bixarena.live_voters_sql(arena text, schema text, sources jsonb, with_log boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a battle may count more than once for a leaderboard; there are hardly fewer groups
	-- than battles, and the reader puts them together
	SELECT format($sql$
		%s
		SELECT c.model1_id, c.model2_id, c.outcome,
			cardinality(array_positions(c.leaderboards, $1 COLLATE "C"))::bigint AS battles, c.voter_id
		FROM (SELECT k.* FROM %I.counted AS k %s) AS c
		WHERE $1 COLLATE "C" = ANY (c.leaderboards)$sql$,
		CASE WHEN with_log THEN 'WITH ' || bixarena.live_named_sql(arena, schema, sources, false) END, schema,
		CASE WHEN with_log THEN 'WHERE NOT EXISTS (SELECT FROM named AS n WHERE n.battle_id = k.battle_id)'
			' UNION ALL SELECT f.* FROM fresh AS f' END)
	WHERE bixarena.live_has_voters(arena)
$$;
COMMENT ON FUNCTION bixarena.live_voters_sql(text, text, jsonb, boolean) IS
	'the query that says what counts for a leaderboard, $1, and who has cast it; null: it is not known';

CREATE FUNCTION bixarena.live_compare_sql(arena text, schema text, sources jsonb, of_one boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- both sides in one statement, so that they are of one moment
	SELECT format($sql$
		SELECT b.leaderboard, b.model1_id, b.model2_id, b.outcome,
			sum(b.kept)::bigint AS kept, sum(b.recounted)::bigint AS recounted
		FROM (
			SELECT c.leaderboard, c.model1_id, c.model2_id, c.outcome, c.battles AS kept, 0 AS recounted
			FROM (%1$s) AS c
			UNION ALL
			SELECT q.leaderboard::text COLLATE "C", q.model1_id, q.model2_id, q.outcome::text COLLATE "C", 0, count(*)
			FROM (%2$s) AS q
			WHERE $1 IS NULL OR q.leaderboard::text = $1
			GROUP BY 1, 2, 3, 4
		) AS b
		WHERE b.leaderboard IS NOT NULL AND ($1 IS NULL OR b.leaderboard = $1)
		GROUP BY 1, 2, 3, 4
		HAVING sum(b.kept) <> sum(b.recounted)
		ORDER BY 1, 2, 3, 4$sql$,
		CASE WHEN of_one THEN bixarena.live_counts_of_sql(arena, schema, sources)
			ELSE bixarena.live_counts_sql(arena, schema, sources) END,
		bixarena.live_battle_query(arena))
$$;
COMMENT ON FUNCTION bixarena.live_compare_sql(text, text, jsonb, boolean) IS
	'the query that says in what a kept tally and a recount of the battles differ, of the leaderboard $1 or where that is null of all';

CREATE FUNCTION bixarena.live_is_due(schema text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	is_due boolean;
BEGIN
	-- a call that is made daily is not always made on the second
	EXECUTE format('SELECT coalesce(s.verified_at < clock_timestamp() - interval ''23 hours'', true) FROM %I.state AS s', schema)
	INTO is_due;
	RETURN is_due;
END
$$;
COMMENT ON FUNCTION bixarena.live_is_due(text) IS
	'is it a day since a kept tally was compared with its battles?';

CREATE FUNCTION bixarena.live_note_verified(schema text, differences bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format('UPDATE %I.state SET verified_at = clock_timestamp(), differences = $1', schema)
	USING differences;
	IF differences > 0 THEN
		EXECUTE format('INSERT INTO %I.log (kind) VALUES (''*'')', schema);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_note_verified(text, bigint) IS
	'put on record what a verification found; what differs is counted anew by the next run';

CREATE FUNCTION bixarena.live_tell(arena text, channel text, changed bigint)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT pg_notify(channel, jsonb_build_object('arena', arena, 'changed_battles', changed,
		'timestamp', clock_timestamp())::text)
$$;
COMMENT ON FUNCTION bixarena.live_tell(text, text, bigint) IS
	'the notice that so many battles of an arena count otherwise';

CREATE FUNCTION bixarena.live_notify(arena text, schema text, channel text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	told bigint;
BEGIN
	-- at most once a second: what is not told now is told by a later fold.  A queue that
	-- is nearly full takes none, lest the commit fail for it.
	IF pg_notification_queue_usage() >= 0.9 THEN
		RETURN;
	END IF;
	EXECUTE format('UPDATE %I.state AS s SET told = s.changed, notified_at = clock_timestamp()'
		' FROM %1$I.state AS o WHERE s.changed > s.told'
		' AND (s.notified_at IS NULL OR clock_timestamp() >= s.notified_at + interval ''1 second'')'
		' RETURNING s.changed - o.told', schema)
	INTO told;
	IF told > 0 THEN
		PERFORM bixarena.live_tell(arena, channel, told);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_notify(text, text, text) IS
	'tell that folds have changed the tally, at most once a second';

CREATE FUNCTION bixarena.live_state_of(schema text, facts text[])
RETURNS TABLE (doubt text, log_bytes bigint, folded_at timestamptz, recounted_at timestamptz,
	recounted_why text, verified_at timestamptz, differences bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT $2, pg_relation_size(to_regclass($1)), s.folded_at,'
		' s.recounted_at, s.recounted_why, s.verified_at, s.differences FROM %I.state AS s', schema)
	USING format('%I.log', schema), bixarena.live_doubt(schema, facts);
END
$$;
COMMENT ON FUNCTION bixarena.live_state_of(text, text[]) IS 'what there is to say of a kept tally';
/*
 * Keeping a tally.
 */

CREATE FUNCTION bixarena.live_owner(arena text)
RETURNS oid
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- an arena that was renamed or dropped has left its tally behind
	SELECT CASE coalesce(a.nspowner, s.nspowner, 'pg_database_owner'::regrole)
		WHEN 'pg_database_owner'::regrole THEN d.datdba ELSE coalesce(a.nspowner, s.nspowner) END
	FROM pg_database AS d
	LEFT JOIN pg_namespace AS a ON a.nspname = arena
	LEFT JOIN bixarena.kept_tally AS k ON k.arena = live_owner.arena
	LEFT JOIN pg_namespace AS s ON s.nspname = k.schema
	WHERE d.datname = current_database()
$$;
COMMENT ON FUNCTION bixarena.live_owner(text) IS
	'the role that owns an arena, or if that is gone the tally that was kept of it';

CREATE FUNCTION bixarena.live_check_owner(arena text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid := bixarena.live_owner(arena);
BEGIN
	IF NOT pg_has_role(owner, 'USAGE') THEN
		RAISE EXCEPTION 'permission denied to keep the tally of arena "%"', arena
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = format('The arena belongs to role %s.', owner::regrole);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_check_owner(text) IS
	'an error unless the caller has the rights of an arena''s owner';

CREATE FUNCTION bixarena.live_lock(relations oid[], mode text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tables text := (SELECT string_agg(u.r::regclass::text, ', ' ORDER BY u.r) FROM unnest(relations) AS u (r));
	own text := current_setting('lock_timeout');
	latest timestamptz := clock_timestamp() + CASE own WHEN '0' THEN interval '1 minute' ELSE own::interval END;
BEGIN
	-- Who writes into two of them, in whatever order, is not to be in a deadlock with
	-- this, nor is anybody to wait behind it for one who has been at it for long.  So it
	-- waits for a moment, and otherwise lets all of them go and tries again.
	LOOP
		EXIT WHEN tables IS NULL;
		BEGIN
			PERFORM set_config('lock_timeout', '100ms', true);
			EXECUTE format('LOCK TABLE %s IN %s MODE', tables, mode);
			PERFORM set_config('lock_timeout', own, true);
			EXIT;
		EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
			IF clock_timestamp() > latest THEN
				RAISE EXCEPTION 'the triggers of a kept tally cannot be made or dropped now'
					USING ERRCODE = 'lock_not_available', DETAIL = format('Others are at one of the tables %s.', tables),
						HINT = 'Try again when transactions that have written into them have ended.';
			END IF;
		END;
		PERFORM pg_sleep(0.05 + random() * 0.1);
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena.live_lock(oid[], text) IS
	'lock tables against writers, or all, without long being in the way of anybody';

CREATE FUNCTION bixarena.live_make_triggers(arena text, schema text, sources jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	triggers bixarena.live_trigger[] := ARRAY(SELECT w FROM bixarena.live_triggers(arena, schema, sources) AS w);
	unfit record;
	owner oid;
BEGIN
	-- what is written meanwhile waits for the commit
	PERFORM bixarena.live_lock(ARRAY(SELECT DISTINCT u.relation FROM bixarena.live_unfit_triggers(schema, triggers) AS u
		WHERE u.enabled IS DISTINCT FROM 'D'), 'SHARE ROW EXCLUSIVE');
	FOR unfit IN
		SELECT u.*, w AS definition
		FROM bixarena.live_unfit_triggers(schema, triggers) AS u
		JOIN unnest(triggers) AS w ON w.relation = u.relation AND w.name = u.name
		ORDER BY u.relation, u.name
	LOOP
		-- ENABLE TRIGGER USER, which ends a load without triggers, enables all alike
		IF unfit.what IN ('missing', 'made for other columns') THEN
			EXECUTE bixarena.live_trigger_sql(unfit.definition);
		ELSIF unfit.enabled = 'O' THEN
			EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', unfit.relation::regclass,
				CASE unfit.wanted WHEN 'R' THEN 'REPLICA' ELSE 'ALWAYS' END, unfit.name);
		END IF;
	END LOOP;
	FOR owner IN
		SELECT DISTINCT c.relowner
		FROM bixarena.live_triggers(arena, schema, sources) AS w
		JOIN pg_class AS c ON c.oid = w.relation
	LOOP
		EXECUTE format('GRANT INSERT ON %I.log TO %s', schema, owner::regrole);
	END LOOP;
	EXECUTE format('UPDATE %I.state SET facts = NULL', schema);
END
$$;
COMMENT ON FUNCTION bixarena.live_make_triggers(text, text, jsonb) IS
	'make the triggers of a kept tally that are missing';

CREATE FUNCTION bixarena.live_make_tables(schema text, owner oid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- their replica identity is for those who publish all tables
	EXECUTE format($sql$
		CREATE SCHEMA %1$I;
		COMMENT ON SCHEMA %1$I IS 'a tally kept by bixarena_rank';

		CREATE TABLE %1$I.log (kind "char" NOT NULL, keys uuid[])
			USING heap WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
				autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);
		ALTER TABLE %1$I.log REPLICA IDENTITY FULL;
		COMMENT ON TABLE %1$I.log IS 'keys of what has changed since the last fold';

		CREATE TABLE %1$I.counted (
			battle_id uuid,
			model1_id uuid,
			model2_id uuid,
			outcome text COLLATE "C",
			voter_id uuid,
			leaderboards text[] COLLATE "C" NOT NULL
		) USING heap;
		CREATE INDEX counted_battle ON %1$I.counted (battle_id);
		ALTER TABLE %1$I.counted REPLICA IDENTITY FULL;
		COMMENT ON TABLE %1$I.counted IS 'what is counted of each battle';

		CREATE TABLE %1$I.tally (
			model1_id uuid,
			model2_id uuid,
			outcome text COLLATE "C",
			leaderboards text[] COLLATE "C" NOT NULL,
			battles bigint[] NOT NULL,
			UNIQUE NULLS NOT DISTINCT (model1_id, model2_id, outcome)
		) USING heap WITH (fillfactor = 60);
		ALTER TABLE %1$I.tally REPLICA IDENTITY FULL;
		COMMENT ON TABLE %1$I.tally IS 'how many battles of two models with an outcome count, for each of the leaderboards';

		CREATE TABLE %1$I.state (
			only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
			facts text[],
			folded_at timestamptz,
			changed bigint NOT NULL DEFAULT 0,
			recounted_at timestamptz,
			recounted_why text,
			verified_at timestamptz,
			differences bigint,
			told bigint NOT NULL DEFAULT 0,
			notified_at timestamptz
		);
		INSERT INTO %1$I.state DEFAULT VALUES;
		COMMENT ON TABLE %1$I.state IS 'of what the tally is, and since when';

		ALTER TABLE %1$I.log OWNER TO %2$s;
		ALTER TABLE %1$I.counted OWNER TO %2$s;
		ALTER TABLE %1$I.tally OWNER TO %2$s;
		ALTER TABLE %1$I.state OWNER TO %2$s;
		ALTER SCHEMA %1$I OWNER TO %2$s;
	$sql$, schema, owner::regrole);
END
$$;
COMMENT ON FUNCTION bixarena.live_make_tables(text, oid) IS
	'make the schema of a kept tally, for its owner';

CREATE FUNCTION bixarena_keep_tally(arena text DEFAULT NULL, sources jsonb DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	schema text;
	reason text;
BEGIN
	PERFORM bixarena.live_check_owner(found_arena);
	IF EXISTS (SELECT FROM bixarena.kept_tally AS k WHERE k.arena = found_arena) THEN
		RAISE EXCEPTION 'the tally of arena "%" is kept already', found_arena
			USING ERRCODE = 'duplicate_object',
				HINT = 'bixarena_drop_tally() ends that, bixarena_rebuild_tally() counts anew.';
	END IF;
	IF EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(quote_ident(found_arena))
			AND c.relname = 'leaderboard_snapshot' AND c.relkind = 'f') THEN
		RAISE EXCEPTION 'the tally of arena "%" cannot be kept on this server', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Its tables are on another one.',
				HINT = format('Run on that server what bixarena_node_script(%L, keep_tally => true) prints, and attach it again.', found_arena);
	END IF;
	PERFORM bixarena.live_battle_query(found_arena);
	reason := coalesce(bixarena.live_refusal(found_arena, sources),
		(SELECT format('relation %s is not a table', min(s.relation)::regclass)
			FROM bixarena.live_sources(found_arena, sources) AS s
			JOIN pg_class AS c ON c.oid = s.relation AND c.relkind NOT IN ('r', 'p')
			HAVING count(*) > 0));
	IF reason IS NOT NULL THEN
		RAISE EXCEPTION 'the tally of arena "%" cannot be kept', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = upper(left(reason, 1)) || substr(reason, 2) || '.',
				HINT = 'The documentation says which battles can be followed.';
	END IF;

	-- the names of its triggers begin with it, and are not to be cut
	schema := CASE WHEN octet_length(found_arena) <= 45 THEN found_arena || '_live'
		ELSE 'arena_' || md5(found_arena) || '_live' END;
	IF to_regnamespace(quote_ident(schema)) IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" exists already', schema
			USING ERRCODE = 'duplicate_schema',
				DETAIL = format('The tally of arena "%s" is kept in a schema of this name.', found_arena),
				HINT = 'Rename the schema, or drop it if it is left over.';
	END IF;
	PERFORM bixarena.live_make_tables(schema,
		(SELECT CASE n.nspowner WHEN 'pg_database_owner'::regrole THEN d.datdba ELSE n.nspowner END
			FROM pg_namespace AS n, pg_database AS d
			WHERE n.nspname = found_arena AND d.datname = current_database()));
	PERFORM bixarena.live_make_triggers(found_arena, schema, sources);
	reason := bixarena.live_lost(found_arena, schema, sources);
	IF reason IS NOT NULL THEN
		RAISE EXCEPTION 'the tally of arena "%" cannot be kept', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = upper(left(reason, 1)) || substr(reason, 2) || '.';
	END IF;
	PERFORM bixarena.live_register(found_arena, schema, sources);
	RETURN schema;
END
$$;
COMMENT ON FUNCTION bixarena_keep_tally(text, jsonb) IS
	'keep the tally of an arena: from now on changes of its battles are noted, and only these are read';
-- it makes a schema, and triggers on tables of the arena's
REVOKE ALL ON FUNCTION bixarena_keep_tally(text, jsonb) FROM PUBLIC;

CREATE FUNCTION bixarena_drop_tally(arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := coalesce(arena, bixarena.arena_resolve(NULL));
	found_schema text := (SELECT k.schema FROM bixarena.kept_tally AS k WHERE k.arena = found_arena);
	found record;
BEGIN
	IF found_schema IS NULL THEN
		RAISE EXCEPTION 'the tally of arena "%" is not kept', found_arena
			USING ERRCODE = 'undefined_object';
	END IF;
	PERFORM bixarena.live_check_owner(found_arena);
	PERFORM bixarena.live_lock(ARRAY(SELECT DISTINCT f.relation FROM bixarena.live_found_triggers(found_schema) AS f),
		'ACCESS EXCLUSIVE');
	FOR found IN
		SELECT f.relation, f.name FROM bixarena.live_found_triggers(found_schema) AS f
		ORDER BY f.relation, f.name
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', found.name, found.relation::regclass);
	END LOOP;
	IF to_regnamespace(quote_ident(found_schema)) IS NOT NULL THEN
		EXECUTE format('DROP TABLE IF EXISTS %1$I.log, %1$I.counted, %1$I.tally, %1$I.state', found_schema);
		EXECUTE format('DROP SCHEMA %I', found_schema);
	END IF;
	PERFORM bixarena.live_register(found_arena, NULL, NULL);
END
$$;
COMMENT ON FUNCTION bixarena_drop_tally(text) IS
	'keep the tally of an arena no longer, and leave nothing of it';
REVOKE ALL ON FUNCTION bixarena_drop_tally(text) FROM PUBLIC;

CREATE FUNCTION bixarena_fold_tally(arena text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_fold_tally'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_fold_tally(text) IS
	'bring the kept tally of an arena up to date; returns how many battles were recounted';
REVOKE ALL ON FUNCTION bixarena_fold_tally(text) FROM PUBLIC;

CREATE FUNCTION bixarena_rebuild_tally(arena text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_rebuild_tally'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rebuild_tally(text) IS
	'count all battles of a kept tally anew; returns how many count';
REVOKE ALL ON FUNCTION bixarena_rebuild_tally(text) FROM PUBLIC;

CREATE FUNCTION bixarena_verify_tally(arena text DEFAULT NULL, leaderboard_id text DEFAULT NULL)
RETURNS TABLE (
	leaderboard text,
	model1_id uuid,
	model2_id uuid,
	outcome text,
	kept bigint,
	recounted bigint)
AS 'MODULE_PATHNAME', 'bixarena_verify_tally'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_verify_tally(text, text) IS
	'in what a kept tally and a recount of the battles differ; no row: in nothing';
REVOKE ALL ON FUNCTION bixarena_verify_tally(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.live_state(arena text)
RETURNS TABLE (
	schema text,
	lost text,
	doubt text,
	log_bytes bigint,
	folded_at timestamptz,
	recounted_at timestamptz,
	recounted_why text,
	verified_at timestamptz,
	differences bigint)
AS 'MODULE_PATHNAME', 'bixarena_live_state'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_state(text) IS
	'what there is to say of the kept tally of an arena; no row: there is none';
/*
 * The tally kept on a server without this extension, beside the battles: what
 * bixarena_node_script() adds to the schema bixarena_node for it.
 *
 * Most of it are the functions of fold.sql, doubt.sql and source.sql, which know no C
 * and are copied by their definitions.  Only what those call that is C, or that asks
 * for a relation of the arena's own, has another body there.
 *
 * The rank node folds by an update of the one row of tally_keeper.  It reads as ever:
 * where the tally can be trusted, the functions behind leaderboard_tally, arena_tally
 * and voter_tally read that, with what the log would change in it.
 *
 * All that a rank node does there is at the isolation level repeatable read, by
 * postgres_fdw.  A fold is then of the moment at which its transaction began.  If
 * another has folded since, that is an error of the server's, and the node reads
 * without a fold.
 */

CREATE FUNCTION bixarena.live_far_copies()
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(replace(pg_get_functiondef(p.oid), 'bixarena.', 'bixarena_node.') || ';', E'\n\n' ORDER BY w.place, p.oid)
	FROM unnest('{live_parts,live_views,live_application_sources,live_triggers,
		live_trigger_sql,live_found_triggers,live_unfit_triggers,live_labels,live_relation_facts,live_functions,live_facts,live_lost,live_doubt,
		live_named_sql,live_all_sql,live_changed_sql,live_difference_sql,live_store_sql,live_sum_sql,
		live_is_long,live_fold,live_drop_index,live_all_difference_sql,live_recount,live_counts_sql,live_counts_of_sql,live_voters_sql,live_compare_sql,
		live_note_verified,live_state_of,live_lock,live_make_triggers,live_make_tables}'::name[]) WITH ORDINALITY AS w (name, place)
	JOIN pg_proc AS p ON p.proname = w.name AND p.pronamespace = 'bixarena'::regnamespace
$$;
COMMENT ON FUNCTION bixarena.live_far_copies() IS
	'functions of a kept tally as they are here, for the schema bixarena_node';

CREATE FUNCTION bixarena.live_far_groups(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	-- of each age, for one battle and for all
	SELECT bixarena.node_body(format($body$
BEGIN
	RETURN CASE
%s	END;
END
$body$, string_agg(format(E'\t\tWHEN %s AND %s AND %s THEN %L\n',
			CASE WHEN a.validated THEN 'validated' ELSE 'NOT validated' END,
			CASE WHEN a.categorized THEN 'categorized' ELSE 'NOT categorized' END,
			CASE WHEN a.battle IS NULL THEN 'battle IS NULL' ELSE 'battle IS NOT NULL' END,
			bixarena.node_battle_groups(schema, a.validated, a.categorized, a.battle)), ''
			ORDER BY a.validated DESC, a.categorized DESC, a.battle)))
	FROM (SELECT v.validated, c.categorized, b.battle
		FROM (VALUES (true), (false)) AS v (validated), (VALUES (true), (false)) AS c (categorized),
			(VALUES (NULL), ('n.battle_id')) AS b (battle)) AS a
$script$;
COMMENT ON FUNCTION bixarena.live_far_groups(text) IS
	'body of the function that says on the other server for what the battles count';

CREATE FUNCTION bixarena.live_far_functions(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$
CREATE TYPE bixarena_node.live_source AS (kind "char", relation oid, key_column name, columns name[],
	via oid, via_column name, via_battle name);
CREATE TYPE bixarena_node.live_trigger AS (relation oid, name text, operation text, arguments text[]);

-- Whose tally it is
CREATE FUNCTION bixarena_node.live_arena() RETURNS text
LANGUAGE sql IMMUTABLE AS %3$s;

-- What is C on the node, and what an arena there may have
CREATE FUNCTION bixarena_node.live_battle_query(arena text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT bixarena_node.battle_query()$$;

CREATE FUNCTION bixarena_node.live_groups_of(validated boolean, categorized boolean, battle text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS %1$s;

CREATE FUNCTION bixarena_node.live_groups_sql(arena text, battle text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT bixarena_node.live_groups_of(strpos(q.query, '.battle_validation AS ') > 0,
	strpos(q.query, '.battle_categorization AS ') > 0, battle) FROM bixarena_node.battle_query() AS q (query)$$;

CREATE FUNCTION bixarena_node.live_refusal(arena text, sources jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$SELECT NULL::text$$;

CREATE FUNCTION bixarena_node.live_has_voters(arena text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$SELECT true$$;

CREATE FUNCTION bixarena_node.live_slugs(slugs text[], more text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT slugs || ARRAY(SELECT m FROM unnest(more) AS m WHERE m <> ALL (slugs))$$;

CREATE FUNCTION bixarena_node.live_sums(slugs text[], counts bigint[], more text[], changes bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT ARRAY(SELECT u.n + coalesce(changes[array_position(more, u.slug)], 0)
		FROM unnest(slugs, counts) WITH ORDINALITY AS u (slug, n, place) ORDER BY u.place)
	|| ARRAY(SELECT u.n FROM unnest(more, changes) WITH ORDINALITY AS u (slug, n, place)
		WHERE u.slug <> ALL (slugs) ORDER BY u.place)$$;

CREATE FUNCTION bixarena_node.live_count(slugs text[], counts bigint[], slug text) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT coalesce(counts[array_position(slugs, slug COLLATE "C")], 0)$$;

-- The trigger.  It has the rights of the role that ran this, so that writers need none
-- on the log.
CREATE FUNCTION bixarena_node.live_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF to_regclass('bixarena_node_live.log') IS NULL THEN
		RETURN NULL;
	ELSIF TG_OP = 'TRUNCATE' THEN
		INSERT INTO bixarena_node_live.log (kind) VALUES ('*');
	ELSIF TG_LEVEL = 'ROW' THEN
		INSERT INTO bixarena_node_live.log (kind, keys)
		SELECT TG_ARGV[1]::"char", array_agg(DISTINCT (k.seen ->> TG_ARGV[2])::uuid)
		FROM (VALUES (to_jsonb(OLD)), (to_jsonb(NEW))) AS k (seen) WHERE k.seen IS NOT NULL;
	ELSIF TG_OP = 'INSERT' THEN
		INSERT INTO bixarena_node_live.log (kind, keys)
		SELECT TG_ARGV[1]::"char", array_agg(k.key)
		FROM (SELECT (to_jsonb(a) ->> TG_ARGV[2])::uuid AS key, (row_number() OVER () - 1) / 100 AS part FROM after AS a) AS k
		GROUP BY k.part;
	ELSIF TG_OP = 'DELETE' THEN
		INSERT INTO bixarena_node_live.log (kind, keys)
		SELECT TG_ARGV[1]::"char", array_agg(k.key)
		FROM (SELECT (to_jsonb(b) ->> TG_ARGV[2])::uuid AS key, (row_number() OVER () - 1) / 100 AS part FROM before AS b) AS k
		GROUP BY k.part;
	ELSE
		-- what is the same in all that matters is not noted
		WITH earlier AS (SELECT r.seen ->> TG_ARGV[2] AS key, ARRAY(SELECT r.seen ->> c FROM unnest(TG_ARGV[3:]) AS c)
			FROM (SELECT to_jsonb(b) FROM before AS b) AS r (seen)),
		later AS (SELECT r.seen ->> TG_ARGV[2] AS key, ARRAY(SELECT r.seen ->> c FROM unnest(TG_ARGV[3:]) AS c)
			FROM (SELECT to_jsonb(a) FROM after AS a) AS r (seen)),
		changed AS ((TABLE earlier EXCEPT TABLE later) UNION ALL (TABLE later EXCEPT TABLE earlier))
		INSERT INTO bixarena_node_live.log (kind, keys)
		SELECT TG_ARGV[1]::"char", array_agg(k.key)
		FROM (SELECT d.key, (row_number() OVER () - 1) / 100 AS part FROM (SELECT DISTINCT c.key::uuid AS key FROM changed AS c) AS d) AS k
		GROUP BY k.part;
	END IF;
	RETURN NULL;
END
$$;

-- The same as on the node
%2$s

CREATE FUNCTION bixarena_node.live_sources(arena text, sources jsonb) RETURNS SETOF bixarena_node.live_source
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT s.* FROM bixarena_node.live_application_sources(arena) AS s$$;

-- The tables as they are until the end of the transaction
CREATE FUNCTION bixarena_node.live_hold() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE 'SELECT FROM (' || bixarena_node.battle_query() || ') AS b LIMIT 0';
END
$$;

-- Can the tally be trusted?  If not, for whatever reason, the battles are read.
CREATE FUNCTION bixarena_node.live_is_sure() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena_node.live_hold();
	RETURN bixarena_node.live_lost(bixarena_node.live_arena(), 'bixarena_node_live', NULL) IS NULL
		AND bixarena_node.live_doubt('bixarena_node_live',
			bixarena_node.live_facts(bixarena_node.live_arena(), 'bixarena_node_live', NULL)) IS NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN false;
END
$$;

CREATE FUNCTION bixarena_node.live_state()
RETURNS TABLE (lost text, doubt text, log_bytes bigint, folded_at timestamptz, recounted_at timestamptz,
	recounted_why text, verified_at timestamptz, differences bigint)
LANGUAGE plpgsql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena_node.live_hold();
	RETURN QUERY SELECT bixarena_node.live_lost(bixarena_node.live_arena(), 'bixarena_node_live', NULL), s.*
	FROM bixarena_node.live_state_of('bixarena_node_live',
		bixarena_node.live_facts(bixarena_node.live_arena(), 'bixarena_node_live', NULL)) AS s;
END
$$;

-- In what it differs from its battles, for a leaderboard or with null for all
CREATE FUNCTION bixarena_node.live_differences(slug text)
RETURNS TABLE (leaderboard text, model1_id uuid, model2_id uuid, outcome text, kept bigint, recounted bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE bixarena_node.live_compare_sql(bixarena_node.live_arena(), 'bixarena_node_live', NULL,
		slug IS NOT NULL) USING slug;
END
$$;

-- What the node asks for: to fold, to make missing triggers, to count all, or to put on
-- record how many rows have differed
CREATE FUNCTION bixarena_node.live_keep() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '64MB'
AS $$
DECLARE
	facts text[];
BEGIN
	PERFORM bixarena_node.live_hold();
	IF NOT pg_try_advisory_xact_lock(hashtext('bixarena_node_live')) THEN
		NEW.is_busy := true;
		RETURN NEW;
	END IF;
	NEW.lost := bixarena_node.live_lost(bixarena_node.live_arena(), 'bixarena_node_live', NULL);
	IF NEW.lost IS NOT NULL AND NEW.asked IN ('mend', 'rebuild') THEN
		SET LOCAL lock_timeout = '200ms';
		PERFORM bixarena_node.live_make_triggers(bixarena_node.live_arena(), 'bixarena_node_live', NULL);
		NEW.lost := bixarena_node.live_lost(bixarena_node.live_arena(), 'bixarena_node_live', NULL);
	END IF;
	SELECT s.changed INTO NEW.total FROM bixarena_node_live.state AS s;
	IF NEW.asked = 'verified' THEN
		PERFORM bixarena_node.live_note_verified('bixarena_node_live', NEW.changed);
	ELSIF NEW.lost IS NULL AND NEW.asked IN ('fold', 'rebuild') THEN
		facts := bixarena_node.live_facts(bixarena_node.live_arena(), 'bixarena_node_live', NULL);
		NEW.doubt := CASE NEW.asked WHEN 'rebuild' THEN 'bixarena_rebuild_tally()'
			ELSE bixarena_node.live_doubt('bixarena_node_live', facts) END;
		IF NEW.doubt IS NULL THEN
			SELECT f.changed, f.doubt INTO NEW.changed, NEW.doubt
			FROM bixarena_node.live_fold(bixarena_node.live_arena(), 'bixarena_node_live', NULL) AS f;
		END IF;
		IF NEW.doubt IS NOT NULL THEN
			NEW.changed := bixarena_node.live_recount(bixarena_node.live_arena(), 'bixarena_node_live', NULL, NEW.doubt, facts);
		END IF;
		SELECT s.changed INTO NEW.total FROM bixarena_node_live.state AS s;
	END IF;
	RETURN NEW;
EXCEPTION WHEN serialization_failure THEN
	NEW.is_busy := true;
	RETURN NEW;
END
$$;
$sql$, bixarena.live_far_groups(schema), bixarena.live_far_copies(),
		bixarena.node_body(format('SELECT %L::text', schema)))
$script$;
COMMENT ON FUNCTION bixarena.live_far_functions(text) IS
	'the functions of a kept tally in the schema bixarena_node, for a schema of the application''s';

CREATE FUNCTION bixarena.live_far_drop()
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT $sql$
-- A tally that has been kept, with its triggers
DO $drop$
DECLARE
	found record;
BEGIN
	DROP VIEW IF EXISTS bixarena_node.tally_keeper, bixarena_node.tally_state, bixarena_node.tally_difference;
	FOR found IN
		SELECT t.tgrelid::regclass AS relation, t.tgname
		FROM pg_catalog.pg_trigger AS t
		JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
		WHERE p.pronamespace = 'bixarena_node'::regnamespace AND p.proname = 'live_note' AND NOT t.tgisinternal
		ORDER BY 1, 2
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.relation);
	END LOOP;
	FOR found IN
		SELECT p.oid::regprocedure AS function FROM pg_catalog.pg_proc AS p
		WHERE p.pronamespace = 'bixarena_node'::regnamespace AND p.proname LIKE 'live\_%'
	LOOP
		EXECUTE format('DROP FUNCTION %s CASCADE', found.function);
	END LOOP;
	DROP TYPE IF EXISTS bixarena_node.live_source, bixarena_node.live_trigger;
	IF to_regnamespace('bixarena_node_live') IS NOT NULL THEN
		DROP TABLE IF EXISTS bixarena_node_live.log, bixarena_node_live.counted, bixarena_node_live.tally,
			bixarena_node_live.state;
		DROP SCHEMA bixarena_node_live;
	END IF;
END
$drop$;
$sql$
$script$;
COMMENT ON FUNCTION bixarena.live_far_drop() IS
	'the statements that drop a kept tally of the schema bixarena_node';

CREATE FUNCTION bixarena.live_far_make(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$
-- A kept tally: triggers on the tables of battles of %2$s, which write the keys of what
-- changes into a log.  Until the end of this transaction writers wait.
DO $version$
BEGIN
	IF current_setting('server_version_num')::integer < 150000 THEN
		RAISE EXCEPTION 'a tally cannot be kept by PostgreSQL %%', current_setting('server_version')
			USING ERRCODE = 'feature_not_supported', HINT = 'It takes PostgreSQL 15.';
	END IF;
END
$version$;
SET LOCAL check_function_bodies = off;
%3$s
SELECT bixarena_node.live_make_tables('bixarena_node_live',
	(SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user));
SELECT bixarena_node.live_make_triggers(%1$L, 'bixarena_node_live', NULL);

CREATE VIEW bixarena_node.tally_keeper AS
SELECT NULL::text AS asked, NULL::bigint AS changed, NULL::text AS lost, NULL::text AS doubt, NULL::boolean AS is_busy,
	NULL::bigint AS total;
CREATE TRIGGER keep_tally INSTEAD OF UPDATE ON bixarena_node.tally_keeper
	FOR EACH ROW EXECUTE FUNCTION bixarena_node.live_keep();

CREATE VIEW bixarena_node.tally_state AS
SELECT s.lost, s.doubt, s.log_bytes, s.folded_at, s.recounted_at, s.recounted_why, s.verified_at, s.differences
FROM bixarena_node.live_state() AS s;

-- Of the leaderboard that is asked for, or where that is null of all
CREATE VIEW bixarena_node.tally_difference AS
SELECT l.slug AS asked, d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.kept, d.recounted
FROM (SELECT s.slug FROM bixarena_node.slugs() AS s (slug) UNION ALL SELECT NULL) AS l
CROSS JOIN LATERAL bixarena_node.live_differences(l.slug) AS d;
$sql$, schema, translate(quote_ident(schema), E'\n\r', '  '), bixarena.live_far_functions(schema))
$script$;
COMMENT ON FUNCTION bixarena.live_far_make(text) IS
	'the statements that make a kept tally in the schema bixarena_node';

CREATE FUNCTION bixarena.live_far_grants(role text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$GRANT EXECUTE ON FUNCTION bixarena_node.live_state(), bixarena_node.live_differences(text) TO %1$I;
GRANT SELECT ON bixarena_node.tally_state, bixarena_node.tally_difference TO %1$I;
GRANT SELECT, UPDATE ON bixarena_node.tally_keeper TO %1$I;$sql$, role)
$script$;
COMMENT ON FUNCTION bixarena.live_far_grants(text) IS
	'the rights of a rank node''s role on a tally that is kept there';

/*
 * Notices: each node tells its own listeners what any node's folds have changed.
 */

CREATE TABLE bixarena.far_notice (
	arena name PRIMARY KEY,
	told bigint NOT NULL,
	notified_at timestamptz
);
COMMENT ON TABLE bixarena.far_notice IS 'arenas whose tally another server keeps, and what listeners have been told of it';
COMMENT ON COLUMN bixarena.far_notice.arena IS 'name of the arena''s schema';
COMMENT ON COLUMN bixarena.far_notice.told IS 'how many battles folds had changed, of those that have been told';
COMMENT ON COLUMN bixarena.far_notice.notified_at IS 'when that was told';
SELECT pg_catalog.pg_extension_config_dump('bixarena.far_notice', '');

CREATE FUNCTION bixarena.live_far_notify(arena text, changed bigint, total bigint, channel text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	untold bigint;
BEGIN
	-- as live_notify(); a tally that was made anew has begun from nothing
	IF pg_notification_queue_usage() >= 0.9 THEN
		RETURN;
	END IF;
	INSERT INTO bixarena.far_notice (arena, told) VALUES (arena, greatest(total - changed, 0))
	ON CONFLICT DO NOTHING;
	UPDATE bixarena.far_notice AS n SET told = total, notified_at = clock_timestamp()
	FROM bixarena.far_notice AS o
	WHERE n.arena = live_far_notify.arena AND o.arena = n.arena AND n.told <> total
		AND (n.notified_at IS NULL OR clock_timestamp() >= n.notified_at + interval '1 second')
	RETURNING total - CASE WHEN o.told <= total THEN o.told ELSE 0 END
	INTO untold;
	IF untold > 0 THEN
		PERFORM bixarena.live_tell(arena, channel, untold);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_far_notify(text, bigint, bigint, text) IS
	'tell that folds on another server have changed its tally, at most once a second';
REVOKE ALL ON FUNCTION bixarena.live_far_notify(text, bigint, bigint, text) FROM PUBLIC;
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



/*
 * Lists that are read page by page, and sorted as the reader likes.
 */

CREATE FUNCTION bixarena.list_offset(page_size bigint, page bigint)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF page IS NULL THEN
		RAISE EXCEPTION 'page must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF page_size < 1 OR page < 1 THEN
		RAISE EXCEPTION 'page_size and page must be at least 1'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- the first page without a size is all there is, the second one is empty
	RETURN least((page - 1)::numeric * coalesce(page_size, 9223372036854775807), 9223372036854775807);
END
$$;
COMMENT ON FUNCTION bixarena.list_offset(bigint, bigint) IS
	'rows before a page; pages count from 1';

CREATE FUNCTION bixarena.list_order(
	sort_by text,
	descending boolean,
	rising text[],
	falling text[])
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (sort_by = ANY (rising || falling)) IS NOT TRUE THEN
		RAISE EXCEPTION 'rows cannot be sorted by %', coalesce(quote_ident(sort_by), 'null')
			USING ERRCODE = CASE WHEN sort_by IS NULL
					THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
				HINT = format('sort_by is one of %s.',
					array_to_string(rising || falling, ', '));
	END IF;
	RETURN format('r.%I %s NULLS LAST', sort_by,
		CASE WHEN coalesce(descending, sort_by = ANY (falling)) THEN 'DESC' ELSE 'ASC' END);
END
$$;
COMMENT ON FUNCTION bixarena.list_order(text, boolean, text[], text[]) IS
	'how rows r are ordered by a column: as asked, or as is natural for it';

/*
 * Reading a leaderboard and its snapshots, as the application does and with the
 * caller's rights.  Functions of ours read by those in the schema bixarena, which
 * know snapshots by their ids; those for users find the snapshot that is meant.
 */

CREATE FUNCTION bixarena.leaderboard_find(leaderboard_id text, arena text)
RETURNS uuid
AS 'MODULE_PATHNAME', 'bixarena_find_leaderboard'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.leaderboard_find(text, text) IS
	'id of the leaderboard of a slug';

/*
 * Which snapshot is meant.
 */

CREATE TYPE bixarena.snapshot_key AS (
	id uuid,
	leaderboard uuid,
	snapshot_identifier text,
	created_at timestamptz
);
COMMENT ON TYPE bixarena.snapshot_key IS 'which snapshot, and of when';

CREATE FUNCTION bixarena.snapshot_private_seen(arena text)
RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A reader is often a website, which passes on whatever name a visitor asks
	-- for.  So who may not write snapshots gets public ones only, as from the
	-- application; that its role could select from the table is another matter.
	SELECT coalesce(bool_or(
		has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE')
		OR has_any_column_privilege(c.oid, 'INSERT, UPDATE')), false)
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE n.nspname = arena AND c.relname = 'leaderboard_snapshot'
$$;
COMMENT ON FUNCTION bixarena.snapshot_private_seen(text) IS
	'do functions show the caller private snapshots of an arena?';

CREATE FUNCTION bixarena.snapshot_pick(
	leaderboard uuid,
	arena text,
	snapshot_identifier text,
	until timestamptz)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- Two of the same date, which other programs have made, are told apart by their
	-- numbers, "..._2" and "..._10".
	RETURN (SELECT (s.id, s.leaderboard_id, s.snapshot_identifier, s.created_at)::bixarena.snapshot_key
		FROM bixarena.read_snapshots(arena, leaderboard,
			CASE WHEN snapshot_pick.snapshot_identifier IS NULL THEN until END) AS s
		WHERE leaderboard IS NOT NULL AND CASE
			WHEN snapshot_pick.snapshot_identifier IS NULL THEN until IS NOT NULL
			ELSE s.snapshot_identifier = snapshot_pick.snapshot_identifier
				AND (s.visibility = 'public' OR bixarena.snapshot_private_seen(arena)) END
		ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC,
			s.snapshot_identifier DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION bixarena.snapshot_pick(uuid, text, text, timestamptz) IS
	'the snapshot of an identifier, or without one the latest public snapshot up to a moment';

CREATE FUNCTION bixarena.snapshot_find(leaderboard_id text, snapshot_identifier text, arena text)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found bixarena.snapshot_key;
BEGIN
	IF num_nulls(leaderboard_id, snapshot_identifier) > 0 THEN
		RAISE EXCEPTION 'leaderboard_id and snapshot_identifier must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	found := bixarena.snapshot_pick(bixarena.leaderboard_find(leaderboard_id, arena), arena,
		snapshot_identifier, NULL);
	IF found.id IS NULL THEN
		RAISE EXCEPTION 'leaderboard "%" has no snapshot "%"',
			leaderboard_id, snapshot_identifier
			USING ERRCODE = 'undefined_object',
				HINT = 'bixarena_snapshots() lists them.';
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.snapshot_find(text, text, text) IS
	'the snapshot of an identifier';

CREATE FUNCTION bixarena.snapshot_shown(leaderboard_id text, snapshot_identifier text, arena text)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF snapshot_identifier IS NOT NULL THEN
		RETURN bixarena.snapshot_find(leaderboard_id, snapshot_identifier, arena);
	END IF;
	RETURN bixarena.snapshot_pick(bixarena.leaderboard_find(leaderboard_id, arena), arena,
		NULL, 'infinity');
END
$$;
COMMENT ON FUNCTION bixarena.snapshot_shown(text, text, text) IS
	'the snapshot of an identifier, or without one the latest public snapshot';

CREATE FUNCTION bixarena.snapshot_before(
	shown bixarena.snapshot_key,
	lookback interval,
	arena text)
RETURNS bixarena.snapshot_key
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF lookback IS NULL THEN
		RAISE EXCEPTION 'lookback must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF lookback < '0' THEN
		RAISE EXCEPTION 'lookback must not be negative'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN bixarena.snapshot_pick(shown.leaderboard, arena, NULL, shown.created_at - lookback);
END
$$;
COMMENT ON FUNCTION bixarena.snapshot_before(bixarena.snapshot_key, interval, text) IS
	'the snapshot that another one is compared with';

/*
 * A leaderboard.
 */

CREATE TYPE bixarena_leaderboard_row AS (
	rank integer,
	model text,
	slug text,
	organization text,
	license text,
	bt_score numeric(10,6),
	bootstrap_q025 numeric(10,6),
	bootstrap_q975 numeric(10,6),
	vote_count integer,
	rank_change integer,
	snapshot_identifier text,
	total_count bigint,
	id uuid,
	external_link text,
	created_at timestamptz
);
COMMENT ON TYPE bixarena_leaderboard_row IS 'a model''s line in a leaderboard';

CREATE FUNCTION bixarena.leaderboard_rows(
	shown bixarena.snapshot_key,
	earlier bixarena.snapshot_key,
	arena text)
RETURNS SETOF bixarena_leaderboard_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT e.rank, m.name, m.slug, m.organization, m.license, e.bt_score::numeric(10,6),
			e.bootstrap_q025::numeric(10,6), e.bootstrap_q975::numeric(10,6),
			e.vote_count, o.rank - e.rank, shown.snapshot_identifier, count(*) OVER (),
			m.id, m.external_link, e.created_at
		FROM bixarena.read_entries(arena, ARRAY[shown.id]) AS e
		JOIN bixarena.read_models(arena) AS m ON m.id = e.model_id
		LEFT JOIN bixarena.read_entries(arena, ARRAY[earlier.id]) AS o
			ON o.model_id = e.model_id
		ORDER BY e.rank, e.bt_score DESC, m.name COLLATE "C", m.slug COLLATE "C";
END
$$;
COMMENT ON FUNCTION bixarena.leaderboard_rows(bixarena.snapshot_key, bixarena.snapshot_key, text) IS
	'the lines of a snapshot in the order of their ranks, with the changes since another one';

CREATE FUNCTION bixarena_leaderboard(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	lookback interval DEFAULT '7 days',
	license text DEFAULT NULL,
	organization text DEFAULT NULL,
	search text DEFAULT NULL,
	sort_by text DEFAULT 'rank',
	descending boolean DEFAULT NULL,
	page_size bigint DEFAULT NULL,
	page bigint DEFAULT 1,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_leaderboard_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY EXECUTE format($sql$
		WITH r AS MATERIALIZED (
			SELECT row_number() OVER () AS position, l.*
			FROM bixarena.leaderboard_rows($1, $2, $3) AS l
		)
		SELECT r.rank, r.model, r.slug, r.organization, r.license, r.bt_score,
			r.bootstrap_q025, r.bootstrap_q975, r.vote_count, r.rank_change,
			r.snapshot_identifier, count(*) OVER (), r.id, r.external_link, r.created_at
		FROM r
		WHERE ($4 IS NULL OR lower(r.license) = lower($4))
			AND ($5 IS NULL OR lower(r.organization) = lower($5))
			AND ($6 IS NULL OR strpos(lower(r.model), lower($6)) > 0)
		ORDER BY %s, r.position
		LIMIT $7 OFFSET $8
		$sql$, bixarena.list_order(sort_by, descending,
			'{rank,model,slug,organization,license}',
			'{bt_score,bootstrap_q025,bootstrap_q975,vote_count,rank_change,created_at}'))
		USING shown, bixarena.snapshot_before(shown, lookback, found_arena), found_arena,
			license, organization, search, page_size, bixarena.list_offset(page_size, page);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard(text, text, interval, text, text, text, text, boolean, bigint, bigint, text) IS
	'the latest public snapshot of a leaderboard, or a named one, with rank changes';

/*
 * The snapshots of a leaderboard.
 */

CREATE TYPE bixarena_snapshot AS (
	snapshot_identifier text,
	visibility text,
	description text,
	entry_count bigint,
	created_at timestamptz,
	updated_at timestamptz
);
COMMENT ON TYPE bixarena_snapshot IS 'a snapshot of a leaderboard';

CREATE FUNCTION bixarena_snapshots(
	leaderboard_id text,
	page_size bigint DEFAULT 100,
	page bigint DEFAULT 1,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_snapshot
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	RETURN QUERY
		WITH s AS MATERIALIZED (
			SELECT r.*
			FROM bixarena.read_snapshots(found_arena,
				bixarena.leaderboard_find(leaderboard_id, found_arena)) AS r
			WHERE r.visibility = 'public' OR bixarena.snapshot_private_seen(found_arena)
			ORDER BY r.created_at DESC, length(r.snapshot_identifier) DESC,
				r.snapshot_identifier DESC
			LIMIT page_size OFFSET bixarena.list_offset(page_size, page)
		), counts AS (
			SELECT e.snapshot_id, count(*) AS entries
			FROM bixarena.read_entries(found_arena, ARRAY(SELECT s.id FROM s)) AS e
			GROUP BY e.snapshot_id
		)
		SELECT s.snapshot_identifier, s.visibility, s.description, coalesce(c.entries, 0),
			s.created_at, s.updated_at
		FROM s LEFT JOIN counts AS c ON c.snapshot_id = s.id
		ORDER BY s.created_at DESC, length(s.snapshot_identifier) DESC,
			s.snapshot_identifier DESC;
END
$$;
COMMENT ON FUNCTION bixarena_snapshots(text, bigint, bigint, text) IS
	'the snapshots of a leaderboard, the latest first';

/*
 * A model's history: its lines in the public snapshots of a leaderboard.
 */

CREATE FUNCTION bixarena.model_find(model text, arena text)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found uuid;
	namesakes text;
BEGIN
	IF model IS NULL THEN
		RAISE EXCEPTION 'model must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT m.id INTO found FROM bixarena.read_models(arena) AS m WHERE m.slug = model;
	IF found IS NULL THEN
		SELECT string_agg(quote_literal(m.slug), ', ' ORDER BY m.slug COLLATE "C")
		INTO namesakes FROM bixarena.read_models(arena) AS m WHERE m.name = model;
		RAISE EXCEPTION 'arena "%" has no model of the slug "%"', arena, model
			USING ERRCODE = 'undefined_object',
				HINT = CASE WHEN namesakes IS NULL THEN 'A model is addressed by its slug.'
					ELSE format('It is the name of %s.', namesakes) END;
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.model_find(text, text) IS 'id of the model of a slug';

CREATE TYPE bixarena_history_row AS (
	snapshot_identifier text,
	created_at timestamptz,
	rank integer,
	bt_score numeric(10,6),
	bootstrap_q025 numeric(10,6),
	bootstrap_q975 numeric(10,6),
	vote_count integer,
	total_count bigint
);
COMMENT ON TYPE bixarena_history_row IS 'a model''s line in one of the snapshots of a leaderboard';

-- Of the rows of functions the planner knows too little: it would join a thousand
-- snapshots with their entries by a loop in a loop.
CREATE FUNCTION bixarena_model_history(
	leaderboard_id text,
	model text,
	sort_by text DEFAULT 'created_at',
	descending boolean DEFAULT NULL,
	page_size bigint DEFAULT 100,
	page bigint DEFAULT 1,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_history_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	RETURN QUERY EXECUTE format($sql$
		WITH s AS MATERIALIZED (
			SELECT r.* FROM bixarena.read_snapshots($5, $1) AS r
			WHERE r.visibility = 'public' AND isfinite(r.created_at)
		)
		SELECT r.snapshot_identifier, r.created_at, r.rank, r.bt_score::numeric(10,6),
			r.bootstrap_q025::numeric(10,6), r.bootstrap_q975::numeric(10,6), r.vote_count,
			count(*) OVER ()
		FROM (
			SELECT s.snapshot_identifier, s.created_at, e.rank, e.bt_score,
				e.bootstrap_q025, e.bootstrap_q975, e.vote_count
			FROM bixarena.read_entries($5, ARRAY(SELECT s.id FROM s), $2) AS e
			JOIN s ON s.id = e.snapshot_id
			WHERE e.leaderboard_id = $1
		) AS r
		ORDER BY %s, r.created_at DESC, length(r.snapshot_identifier) DESC,
			r.snapshot_identifier DESC
		LIMIT $3 OFFSET $4
		$sql$, bixarena.list_order(sort_by, descending,
			'{rank}', '{created_at,bt_score}'))
		USING bixarena.leaderboard_find(leaderboard_id, found_arena),
			bixarena.model_find(model, found_arena),
			page_size, bixarena.list_offset(page_size, page), found_arena;
END
$$;
COMMENT ON FUNCTION bixarena_model_history(text, text, text, boolean, bigint, bigint, text) IS
	'a model''s lines in the public snapshots of a leaderboard, the latest first';

/*
 * Two snapshots of a leaderboard side by side.
 */

CREATE TYPE bixarena_comparison_row AS (
	model text,
	slug text,
	status text,
	rank_before integer,
	rank_after integer,
	rank_change integer,
	score_before numeric(10,6),
	score_after numeric(10,6),
	score_change numeric(11,6),
	intervals_part boolean,
	battles_gained integer,
	snapshot_before text,
	snapshot_after text
);
COMMENT ON TYPE bixarena_comparison_row IS 'what became of a model from one snapshot to another';

CREATE FUNCTION bixarena.comparison_rows(
	before bixarena.snapshot_key,
	after bixarena.snapshot_key,
	arena text)
RETURNS SETOF bixarena_comparison_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT m.name, m.slug,
			CASE WHEN b.model_id IS NULL THEN 'new' WHEN a.model_id IS NULL THEN 'gone'
				ELSE 'stayed' END,
			b.rank, a.rank, b.rank - a.rank,
			b.bt_score::numeric(10,6), a.bt_score::numeric(10,6),
			(a.bt_score - b.bt_score)::numeric(11,6),
			b.bootstrap_q975 < a.bootstrap_q025 OR a.bootstrap_q975 < b.bootstrap_q025,
			a.vote_count - b.vote_count, before.snapshot_identifier, after.snapshot_identifier
		FROM bixarena.read_entries(arena, ARRAY[before.id]) AS b
		FULL JOIN bixarena.read_entries(arena, ARRAY[after.id]) AS a
			ON a.model_id = b.model_id
		JOIN bixarena.read_models(arena) AS m ON m.id = coalesce(a.model_id, b.model_id)
		ORDER BY abs(b.rank - a.rank) DESC NULLS LAST,
			abs(a.bt_score - b.bt_score) DESC NULLS LAST,
			a.rank, b.rank, m.name COLLATE "C", m.slug COLLATE "C";
END
$$;
COMMENT ON FUNCTION bixarena.comparison_rows(bixarena.snapshot_key, bixarena.snapshot_key, text) IS
	'what became of each model from one snapshot to another';

CREATE FUNCTION bixarena_compare_snapshots(
	leaderboard_id text,
	before text DEFAULT NULL,
	after text DEFAULT NULL,
	lookback interval DEFAULT '7 days',
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_comparison_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	later bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, after, found_arena);
	earlier bixarena.snapshot_key;
	change text;
BEGIN
	IF before IS NULL THEN
		earlier := bixarena.snapshot_before(later, lookback, found_arena);
	ELSE
		earlier := bixarena.snapshot_find(leaderboard_id, before, found_arena);
	END IF;
	-- without the one, nothing can be said of the other
	IF earlier.id IS NOT NULL AND later.id IS NOT NULL THEN
		change := bixarena.run_model_change(
			bixarena.run_of_snapshot(earlier.id, leaderboard_id, found_arena),
			bixarena.run_of_snapshot(later.id, leaderboard_id, found_arena));
		IF change IS NOT NULL THEN
			RAISE NOTICE 'the two snapshots were made in different ways: %', change
				USING HINT = 'What changed may come of that, and not of battles.';
		END IF;
		RETURN QUERY SELECT r.*
			FROM bixarena.comparison_rows(earlier, later, found_arena) AS r;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_compare_snapshots(text, text, text, interval, text) IS
	'what became of each model from one snapshot to another, the biggest movers first';

/*
 * Matchups: how each two models fared against each other, and how the fitted
 * strengths say they would, so that the fit can be seen to fit.
 */

CREATE TYPE bixarena_matchup AS (
	model1 text,
	model2 text,
	slug1 text,
	slug2 text,
	rank1 integer,
	rank2 integer,
	battles bigint,
	wins1 bigint,
	wins2 bigint,
	ties bigint,
	observed_share double precision,
	predicted_share double precision,
	predicted_wins1 double precision,
	predicted_wins2 double precision,
	predicted_ties double precision,
	fit_p_value double precision
);
COMMENT ON TYPE bixarena_matchup IS 'two models and the battles between them';

CREATE FUNCTION bixarena.matchup_rows(
	leaderboard_id text,
	snapshot uuid,
	until timestamptz,
	arena text,
	"position" double precision,
	tie_odds double precision,
	tested boolean)
RETURNS SETOF bixarena_matchup
AS 'MODULE_PATHNAME', 'bixarena_matchup_rows'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.matchup_rows(text, uuid, timestamptz, text, double precision, double precision, boolean) IS
	'the pairs of models that have met up to a moment, as a snapshot ranks them';

CREATE FUNCTION bixarena.matchup_of_snapshot(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	arena text)
RETURNS SETOF bixarena_matchup
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	terms jsonb := bixarena.term_recorded(shown.id, shown.snapshot_identifier, arena);
BEGIN
	-- covariates of each battle are not on record: with them nothing is tested
	RETURN QUERY SELECT m.*
		FROM bixarena.matchup_rows(leaderboard_id, shown.id, shown.created_at, arena,
			(jsonb_path_query_first(terms, '$[*] ? (@.kind == "position").estimate') #>> '{}')::float8,
			(jsonb_path_query_first(terms, '$[*] ? (@.kind == "ties").tie_odds') #>> '{}')::float8,
			NOT coalesce(jsonb_path_exists(terms, '$[*] ? (@.kind == "covariate")'), false)) AS m;
END
$$;
COMMENT ON FUNCTION bixarena.matchup_of_snapshot(text, bixarena.snapshot_key, text) IS
	'the pairs of models that have met up to a snapshot, and what it predicts of their battles';

CREATE FUNCTION bixarena_matchups(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_matchup
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT m.*
		FROM bixarena.matchup_of_snapshot(leaderboard_id, shown, found_arena) AS m;
END
$$;
COMMENT ON FUNCTION bixarena_matchups(text, text, text) IS
	'each two models that have met: battles, wins, ties, observed and predicted share of wins';

CREATE FUNCTION bixarena.matchup_among(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	models bixarena_leaderboard_row[],
	arena text)
RETURNS bixarena_matchup[]
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- of all pairs, which may be two million, those that are drawn
	WITH drawn AS MATERIALIZED (SELECT DISTINCT m.slug FROM unnest(models) AS m)
	SELECT array_agg(m)
	FROM bixarena.matchup_of_snapshot(leaderboard_id, shown, arena) AS m
	WHERE m.slug1 IN (SELECT d.slug FROM drawn AS d) AND m.slug2 IN (SELECT d.slug FROM drawn AS d)
$$;
COMMENT ON FUNCTION bixarena.matchup_among(text, bixarena.snapshot_key, bixarena_leaderboard_row[], text) IS
	'the pairs of these models that have met up to a snapshot';

/*
 * Ranks that the battles allow, and how far two models of a leaderboard are apart.
 */

CREATE FUNCTION bixarena.range_recorded(
	snapshot uuid,
	snapshot_identifier text,
	arena text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'bixarena_range_recorded'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.range_recorded(uuid, text, text) IS
	'the ranks that the battles of a snapshot allow, by model, for who may read its entries';

CREATE TYPE bixarena_leaderboard_range AS (
	rank integer,
	model text,
	slug text,
	bt_score numeric(10,6),
	lowest_rank integer,
	highest_rank integer,
	lowest_rank_simultaneous integer,
	highest_rank_simultaneous integer,
	may_be_best boolean,
	share_on_top double precision,
	comparison_lower numeric(10,6),
	comparison_upper numeric(10,6),
	snapshot_identifier text,
	id uuid
);
COMMENT ON TYPE bixarena_leaderboard_range IS 'the ranks that the battles allow a model of a leaderboard';

CREATE FUNCTION bixarena.range_rows(shown bixarena.snapshot_key, arena text)
RETURNS SETOF bixarena_leaderboard_range
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ranges jsonb := bixarena.range_recorded(shown.id, shown.snapshot_identifier, arena);
BEGIN
	RETURN QUERY
		SELECT l.rank, l.model, l.slug, l.bt_score, r.lowest_rank, r.highest_rank,
			r.lowest_rank_simultaneous, r.highest_rank_simultaneous, r.may_be_best,
			r.share_on_top, r.comparison_lower, r.comparison_upper,
			l.snapshot_identifier, l.id
		FROM bixarena.leaderboard_rows(shown, NULL, arena) WITH ORDINALITY AS l
		LEFT JOIN LATERAL jsonb_to_record(ranges -> l.id::text) AS r (
			lowest_rank integer, highest_rank integer, lowest_rank_simultaneous integer,
			highest_rank_simultaneous integer, may_be_best boolean,
			share_on_top double precision, comparison_lower numeric(10,6),
			comparison_upper numeric(10,6)) ON true
		ORDER BY l.ordinality;
END
$$;
COMMENT ON FUNCTION bixarena.range_rows(bixarena.snapshot_key, text) IS
	'the lines of a snapshot with the ranks that its battles allow, null where these are not on record';

CREATE FUNCTION bixarena_leaderboard_ranges(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_leaderboard_range
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	RETURN QUERY SELECT r.* FROM bixarena.range_rows(
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena), found_arena) AS r;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_ranges(text, text, text) IS
	'the ranks that the battles of a snapshot allow each model';

CREATE FUNCTION bixarena.range_difference(
	leaderboard_id text,
	a text,
	b text,
	until timestamptz,
	arena text)
RETURNS bixarena_difference
AS 'MODULE_PATHNAME', 'bixarena_range_difference'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.range_difference(text, text, text, timestamptz, text) IS
	'by how much a model of a leaderboard is ahead of another, in battles up to a moment';

CREATE FUNCTION bixarena_leaderboard_difference(
	leaderboard_id text,
	a text,
	b text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS bixarena_difference
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN bixarena.range_difference(leaderboard_id, a, b, shown.created_at, found_arena);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_difference(text, text, text, text, text) IS
	'by how much a model of a leaderboard is ahead of another, with the interval of the difference';
/*
 * What decides the battles of a leaderboard besides strengths.
 */

CREATE FUNCTION bixarena.term_recorded(
	snapshot uuid,
	snapshot_identifier text,
	arena text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'bixarena_term_recorded'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.term_recorded(uuid, text, text) IS
	'what besides strengths decided the battles of a snapshot, for who may read its entries';

CREATE FUNCTION bixarena.term_rows(recorded jsonb)
RETURNS SETOF bixarena_term
LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT t.* FROM jsonb_array_elements(recorded) WITH ORDINALITY AS e,
		jsonb_to_record(e.value) AS t (
			kind text, covariate text, estimate double precision,
			standard_error double precision, information_error double precision,
			estimate_q025 double precision, estimate_q975 double precision,
			points double precision,
			points_q025 double precision, points_q975 double precision,
			p_value double precision, tie_odds double precision, mean double precision,
			standard_deviation double precision, status text)
	ORDER BY e.ordinality
$$;
COMMENT ON FUNCTION bixarena.term_rows(jsonb) IS
	'terms as the record of a run has them, as rows';

CREATE FUNCTION bixarena_leaderboard_terms(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_term
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 3
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT t.* FROM bixarena.term_rows(
		bixarena.term_recorded(shown.id, shown.snapshot_identifier, found_arena)) AS t;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_terms(text, text, text) IS
	'what besides strengths decided the battles of a snapshot: position, ties and covariates, as far as its settings asked';

CREATE FUNCTION bixarena.term_position(
	leaderboard_id text,
	until timestamptz,
	arena text)
RETURNS bixarena_position
AS 'MODULE_PATHNAME', 'bixarena_term_position'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.term_position(text, timestamptz, text) IS
	'points that standing first is worth in battles of a leaderboard up to a moment';

CREATE FUNCTION bixarena_leaderboard_position(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS bixarena_position
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN bixarena.term_position(leaderboard_id, shown.created_at, found_arena);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_position(text, text, text) IS
	'points that standing first is worth in the battles of a leaderboard';

/*
 * How far a leaderboard can be leaned on: battles up to the moment of a snapshot are
 * read again.
 */

CREATE FUNCTION bixarena.examine_robustness(
	leaderboard_id text,
	neighbours boolean,
	until timestamptz,
	arena text)
RETURNS SETOF bixarena_robustness
AS 'MODULE_PATHNAME', 'bixarena_examine_robustness'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_robustness(text, boolean, timestamptz, text) IS
	'how many battles up to a moment carry the lead of a leaderboard''s first model';

CREATE FUNCTION bixarena_leaderboard_robustness(
	leaderboard_id text,
	neighbours boolean DEFAULT false,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_robustness
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT r.* FROM bixarena.examine_robustness(
		leaderboard_id, neighbours, shown.created_at, found_arena) AS r;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_robustness(text, boolean, text, text) IS
	'how many battles carry the lead of a leaderboard''s first model';

CREATE FUNCTION bixarena.examine_voters(
	leaderboard_id text,
	n bigint,
	until timestamptz,
	arena text)
RETURNS SETOF bixarena_voter_pull
AS 'MODULE_PATHNAME', 'bixarena_examine_voters'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_voters(text, bigint, timestamptz, text) IS
	'the voters who move a leaderboard most, in battles up to a moment';

CREATE FUNCTION bixarena_leaderboard_voters(
	leaderboard_id text,
	n bigint DEFAULT 20,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_voter_pull
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT p.* FROM bixarena.examine_voters(
		leaderboard_id, n, shown.created_at, found_arena) AS p;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_voters(text, bigint, text, text) IS
	'the voters who move a leaderboard most';

CREATE FUNCTION bixarena.examine_fit(leaderboard_id text, until timestamptz, arena text)
RETURNS bixarena_fit
AS 'MODULE_PATHNAME', 'bixarena_examine_fit'
LANGUAGE C STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_fit(text, timestamptz, text) IS
	'whether one number for each model describes a leaderboard''s battles up to a moment';

CREATE FUNCTION bixarena_leaderboard_fit(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS bixarena_fit
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN bixarena.examine_fit(leaderboard_id, shown.created_at, found_arena);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_fit(text, text, text) IS
	'whether one number for each model describes a leaderboard''s battles';

CREATE FUNCTION bixarena.examine_misfits(
	leaderboard_id text,
	n bigint,
	until timestamptz,
	arena text)
RETURNS SETOF bixarena_misfit
AS 'MODULE_PATHNAME', 'bixarena_examine_misfits'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_misfits(text, bigint, timestamptz, text) IS
	'the pairs of a leaderboard''s models that fit their scores worst, in battles up to a moment';

CREATE FUNCTION bixarena_leaderboard_misfits(
	leaderboard_id text,
	n bigint DEFAULT 20,
	snapshot_identifier text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_misfit
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	RETURN QUERY SELECT m.* FROM bixarena.examine_misfits(
		leaderboard_id, n, shown.created_at, found_arena) AS m;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_misfits(text, bigint, text, text) IS
	'the pairs of a leaderboard''s models that fit their scores worst';

CREATE FUNCTION bixarena.examine_next_battles(
	leaderboard_id text,
	n bigint,
	goal text,
	until timestamptz,
	arena text)
RETURNS SETOF bixarena_next_battle
AS 'MODULE_PATHNAME', 'bixarena_examine_next_battles'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.examine_next_battles(text, bigint, text, timestamptz, text) IS
	'the pairs of a leaderboard''s models whose next battle tells most, after those up to a moment';

CREATE FUNCTION bixarena_leaderboard_next_battles(
	leaderboard_id text,
	n bigint DEFAULT NULL,
	goal text DEFAULT 'scores',
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_next_battle
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY SELECT b.* FROM bixarena.examine_next_battles(
		leaderboard_id, n, goal, NULL, bixarena.arena_resolve(arena)) AS b;
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_next_battles(text, bigint, text, text) IS
	'the pairs of a leaderboard''s models whose next battle tells most, as a distribution';

/*
 * Markup: text as SVG and XHTML want it.  The names of models are data, and may
 * hold anything.  Whatever is drawn with a character beyond ASCII is written as
 * a reference, so that this script and its output do not depend on an encoding.
 */

CREATE FUNCTION bixarena.text_escape(value text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- XML has no way to write control characters, nor U+FFFE and U+FFFF; these
	-- become the mark for what cannot be shown
	SELECT regexp_replace(
		replace(replace(replace(replace(replace(value, '&', '&amp;'), '<', '&lt;'),
			'>', '&gt;'), '"', '&quot;'), '''', '&#39;'),
		E'[\\x01-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ufffe\\uffff]', '&#65533;', 'g')
$$;
COMMENT ON FUNCTION bixarena.text_escape(text) IS
	'a text as it is written between tags or in an attribute';

CREATE FUNCTION bixarena.text_shorten(value text, most integer)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN length(value) <= most THEN value ELSE left(value, most - 3) || '...' END
$$;
COMMENT ON FUNCTION bixarena.text_shorten(text, integer) IS
	'a text of at most so many characters';

CREATE FUNCTION bixarena.text_running_width(value text)
RETURNS TABLE (characters bigint, width double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- fonts differ; these widths are those of a wide one, or a little more
	SELECT u.position, sum(CASE
		WHEN c ~ '[ijlI.,:;''|!]' THEN 0.33
		WHEN c ~ E'[ frt()\\[\\]/-]' THEN 0.42
		WHEN c ~ '[mwMW@%]' THEN 1.0
		WHEN c ~ '[<>=+~^#&DGHNOQU]' THEN 0.84
		WHEN c ~ '[A-Z0-9]' THEN 0.7
		WHEN c = '' THEN 0
		WHEN octet_length(c) = 1 THEN 0.64
		WHEN octet_length(c) = 2 THEN 0.75
		ELSE 1.1 END) OVER (ORDER BY u.position)
	FROM regexp_split_to_table(value, '') WITH ORDINALITY AS u (c, position)
$$;
COMMENT ON FUNCTION bixarena.text_running_width(text) IS
	'about how wide the beginnings of a text are, in heights of its font';

CREATE FUNCTION bixarena.text_width(value text)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(max(r.width), 0) FROM bixarena.text_running_width(left(value, 200)) AS r
$$;
COMMENT ON FUNCTION bixarena.text_width(text) IS
	'about how wide a text is, in heights of its font; what follows 200 characters is not measured';

CREATE FUNCTION bixarena.text_fit(value text, max_width double precision)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN max(r.width) <= max_width AND length(value) <= 200
		THEN bixarena.text_escape(value)
		ELSE bixarena.text_escape(rtrim(left(value,
				coalesce(max(r.characters) FILTER (WHERE r.width <= max_width - 1), 0)::integer)))
			|| '&#8230;' END
	FROM bixarena.text_running_width(left(value, 200)) AS r
$$;
COMMENT ON FUNCTION bixarena.text_fit(text, double precision) IS
	'markup of a text, cut where it is wider than so many heights of its font';

CREATE FUNCTION bixarena.text_utc(moment timestamptz)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
$$;
COMMENT ON FUNCTION bixarena.text_utc(timestamptz) IS 'a moment, for people';

CREATE FUNCTION bixarena.text_number(value numeric)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- of a round number nothing is lost
	SELECT CASE
		WHEN value = 0 THEN '0'
		WHEN abs(value) >= 1e9 OR abs(value) < 0.0001 THEN
			trim_scale(split_part(s.scientific, 'e', 1)::numeric) || 'e' || split_part(s.scientific, 'e', 2)::integer
		WHEN abs(value) >= 1e6 THEN trim_scale(value * 0.000001) || 'M'
		WHEN abs(value) >= 1e5 THEN trim_scale(value * 0.001) || 'k'
		ELSE trim_scale(value)::text END
	FROM to_char(value, '9.99999999999999EEEE') AS s (scientific)
$$;
COMMENT ON FUNCTION bixarena.text_number(numeric) IS 'a round number, as short as an axis needs it';

CREATE FUNCTION bixarena.text_score(score numeric)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN length(trim_scale(score)::text) <= 12 THEN trim_scale(score)::text
		WHEN abs(score) >= 1e12 OR abs(score) < 0.001 THEN bixarena.text_number(to_char(score, '9.9999EEEE')::numeric)
		ELSE trim_scale(round(score, 12 - length(trunc(abs(score))::text)))::text END
$$;
COMMENT ON FUNCTION bixarena.text_score(numeric) IS 'a score, rounded where it is longer than people read';

/*
 * Charts: what all of them have in common.  A chart is plain SVG text.  Lengths
 * are pixels.  A chart is laid out for a width, so that its text has the same
 * size whatever the width.  It has no ids, so that any number of charts can be
 * put into one page.
 *
 * Functions that draw take rows and know no table.  However many models are asked
 * for, each kind of chart has a most: nobody reads one of thousands, and it takes
 * the memory of all others.
 */

/*
 * Colours.  The six of the series differ for normal sight and for the three kinds
 * of colour blindness alike.  Those of the shares go from orange over grey to
 * violet, which all kinds can tell apart, and away from the paper towards both
 * ends; on light paper they are ColorBrewer's PuOr (Brewer, Harrower, 2003) with a
 * greyer middle.
 */
CREATE FUNCTION bixarena.chart_colours(dark boolean)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('.bixarena-chart.%s .%s{%s:%s}',
			CASE WHEN dark THEN 'dark' ELSE 'light' END, c.class, c.property,
			CASE WHEN dark THEN c.on_dark ELSE c.on_light END), '' ORDER BY c.number)
	FROM (VALUES
		(1, 'paper', 'fill', '#ffffff', '#14171c'),
		(2, 'ink', 'fill', '#1b1e23', '#e8eaed'),
		(3, 'muted', 'fill', '#565b63', '#a8aeb8'),
		(4, 'grid', 'stroke', '#d8dbe0', '#343a43'),
		(5, 'band', 'fill', '#f4f5f7', '#1b1f26'),
		(11, 'line1', 'stroke', '#0b5cad', '#5cb3ff'),
		(12, 'line2', 'stroke', '#b88114', '#51730d'),
		(13, 'line3', 'stroke', '#8c1aff', '#9933ff'),
		(14, 'line4', 'stroke', '#453b08', '#c9e830'),
		(15, 'line5', 'stroke', '#ed5e76', '#c63980'),
		(16, 'line6', 'stroke', '#660044', '#ffaa99'),
		(21, 'dot1', 'fill', '#0b5cad', '#5cb3ff'),
		(22, 'dot2', 'fill', '#b88114', '#51730d'),
		(23, 'dot3', 'fill', '#8c1aff', '#9933ff'),
		(24, 'dot4', 'fill', '#453b08', '#c9e830'),
		(25, 'dot5', 'fill', '#ed5e76', '#c63980'),
		(26, 'dot6', 'fill', '#660044', '#ffaa99'),
		(30, 'share0', 'fill', '#7f3b08', '#ffcf8f'),
		(31, 'share1', 'fill', '#b35806', '#f5a742'),
		(32, 'share2', 'fill', '#e08214', '#a5661b'),
		(33, 'share3', 'fill', '#fdb863', '#7d5a33'),
		(34, 'share4', 'fill', '#fee0b6', '#5f5044'),
		(35, 'share5', 'fill', '#dedede', '#4a4d52'),
		(36, 'share6', 'fill', '#c9c7e6', '#57528a'),
		(37, 'share7', 'fill', '#a79fce', '#6259a0'),
		(38, 'share8', 'fill', '#8073ac', '#7568b5'),
		(39, 'share9', 'fill', '#542788', '#a99bf2'),
		(40, 'share10', 'fill', '#2d004b', '#d3c9ff'),
		(41, 'on-share', 'fill', '#000000', '#ffffff'),
		(42, 'on-end', 'fill', '#ffffff', '#000000'),
		(43, 'bad', 'fill', '#b3261e', '#ff8a80'),
		(44, 'idle', 'fill', '#8a9099', '#7c838d')
	) AS c (number, class, property, on_light, on_dark)
$$;
COMMENT ON FUNCTION bixarena.chart_colours(boolean) IS
	'style rules with the colours of charts on light or dark paper';

CREATE FUNCTION bixarena.chart_style(theme text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- without a theme, the chart follows what its reader prefers; paper is light
	SELECT '.bixarena-chart text{font:13px system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}'
		'.bixarena-chart .small{font-size:12px}'
		'.bixarena-chart .grid{stroke-width:1}'
		'.bixarena-chart .thick{stroke-width:2;fill:none;stroke-linejoin:round}'
		'.bixarena-chart .thin{stroke-width:1;fill:none}'
		|| CASE theme
			WHEN 'auto' THEN replace(bixarena.chart_colours(false), '.light ', '.auto ')
				|| '@media screen and (prefers-color-scheme:dark){'
				|| replace(bixarena.chart_colours(true), '.dark ', '.auto ') || '}'
			ELSE bixarena.chart_colours(theme = 'dark') END
$$;
COMMENT ON FUNCTION bixarena.chart_style(text) IS 'the style sheet of a chart';

CREATE FUNCTION bixarena.chart_check(width bigint, theme text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF num_nulls(width, theme) > 0 THEN
		RAISE EXCEPTION 'width and theme must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF width NOT BETWEEN 300 AND 4000 THEN
		RAISE EXCEPTION 'width must be from 300 to 4000, not %', width
			USING ERRCODE = 'numeric_value_out_of_range';
	END IF;
	IF theme NOT IN ('auto', 'light', 'dark') THEN
		RAISE EXCEPTION 'theme must be auto, light or dark, not "%"', theme
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.chart_check(bigint, text) IS
	'an error unless a chart can be drawn so';

CREATE FUNCTION bixarena.chart_pixel(length double precision)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT trim_scale(round(length::numeric, 1))::text
$$;
COMMENT ON FUNCTION bixarena.chart_pixel(double precision) IS 'a length as it is written in a chart';

CREATE FUNCTION bixarena.chart_svg(
	width double precision,
	height double precision,
	theme text,
	label text,
	body text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<svg xmlns="http://www.w3.org/2000/svg" class="bixarena-chart %1$s"'
		' role="img" aria-label="%2$s" width="%3$s" height="%4$s" viewBox="0 0 %3$s %4$s">'
		'<style>%5$s</style><rect class="paper" width="%3$s" height="%4$s"/>%6$s</svg>',
		theme, bixarena.text_escape(label), bixarena.chart_pixel(width),
		bixarena.chart_pixel(height), bixarena.chart_style(theme), body)
$$;
COMMENT ON FUNCTION bixarena.chart_svg(double precision, double precision, text, text, text) IS
	'a chart of what has been drawn';

CREATE FUNCTION bixarena.chart_count(drawn bigint, total bigint, things text DEFAULT 'models')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN drawn < total THEN format('the first %s of %s %s', drawn, total, things)
		ELSE format('%s %s', drawn, things) END
$$;
COMMENT ON FUNCTION bixarena.chart_count(bigint, bigint, text) IS
	'how many models, or other things, are shown, and of how many';

CREATE FUNCTION bixarena.chart_omission(drawn bigint, total bigint, y double precision,
	things text DEFAULT 'models')
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- empty where none is left out
	SELECT CASE WHEN drawn < total
		THEN format('<text class="muted small omission" x="8" y="%s">%s</text>',
			bixarena.chart_pixel(y), bixarena.chart_count(drawn, total, things))
		ELSE '' END
$$;
COMMENT ON FUNCTION bixarena.chart_omission(bigint, bigint, double precision, text) IS
	'a line that says how many models, or other things, a chart leaves out';

CREATE FUNCTION bixarena.chart_bands(n bigint, top double precision, height double precision, width double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<rect class="band" y="%s" width="%s" height="%s"/>',
		bixarena.chart_pixel(top + height * i), bixarena.chart_pixel(width), bixarena.chart_pixel(height)), '')
	FROM generate_series(0, n - 1, 2) AS i
$$;
COMMENT ON FUNCTION bixarena.chart_bands(bigint, double precision, double precision, double precision) IS
	'the ground of every second line of a chart';

CREATE FUNCTION bixarena.chart_notes(notes text[], x double precision, y double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<text class="muted small" text-anchor="end" x="%s" y="%s">%s</text>',
		bixarena.chart_pixel(x), bixarena.chart_pixel(y + 18 * n), notes[n]), '' ORDER BY n)
	FROM generate_subscripts(notes, 1) AS n
$$;
COMMENT ON FUNCTION bixarena.chart_notes(text[], double precision, double precision) IS
	'what is to be said below a chart, a line each, that end at a pixel';

CREATE FUNCTION bixarena.chart_empty(width bigint, theme text, reason text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.chart_svg(width, 60, theme, reason,
		format('<text class="muted" x="16" y="35">%s</text>', bixarena.text_escape(reason)))
$$;
COMMENT ON FUNCTION bixarena.chart_empty(bigint, text, text) IS
	'a chart that says why there is nothing to be seen';

/*
 * Axes.
 */

CREATE TYPE bixarena.axis AS (
	low double precision,			-- value at the first pixel
	high double precision,			-- value at the last one; may be less
	first_pixel double precision,
	last_pixel double precision
);
COMMENT ON TYPE bixarena.axis IS 'where values stand in a chart';

CREATE FUNCTION bixarena.chart_place(axis bixarena.axis, value double precision)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN axis.high = axis.low THEN (axis.first_pixel + axis.last_pixel) / 2
		ELSE axis.first_pixel + (value - axis.low) / (axis.high - axis.low)
			* (axis.last_pixel - axis.first_pixel) END
$$;
COMMENT ON FUNCTION bixarena.chart_place(bixarena.axis, double precision) IS
	'the pixel of a value';

CREATE FUNCTION bixarena.chart_ticks(
	low double precision,
	high double precision,
	max_ticks integer,
	min_step double precision DEFAULT 0)
RETURNS TABLE (value double precision, step double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	-- the least step of 1, 2 or 5 times a power of ten, and not so little that it is
	-- lost in the values
	WITH power AS (
		SELECT 10 ^ floor(log(greatest(high - low, 1e-12 * greatest(abs(low), abs(high)), 1e-99)
			/ greatest(max_ticks, 1))) AS power
	), spacing AS (
		SELECT greatest(min(d.digit * p.power), min_step) AS step
		FROM power AS p, unnest('{1,2,5,10}'::double precision[]) AS d (digit)
		WHERE d.digit * p.power * greatest(max_ticks, 1) >= (high - low) * (1 - 1e-9)
	)
	SELECT n * s.step, s.step
	FROM spacing AS s,
		generate_series(ceil(low / s.step)::bigint, floor(high / s.step)::bigint) AS n
$$;
COMMENT ON FUNCTION bixarena.chart_ticks(double precision, double precision, integer, double precision) IS
	'the round values of a range that an axis marks, and how far they are apart';

CREATE FUNCTION bixarena.chart_time_ticks(low timestamptz, high timestamptz, pixels double precision)
RETURNS TABLE (moment timestamptz, label text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- in UTC, as everything that is told of time here; a label has room in so many
	-- pixels
	WITH step AS (
		SELECT s.step::interval, s.origin, s.pattern
		FROM (VALUES
			('1 minute', 'hour', 'HH24:MI', 48), ('5 minutes', 'hour', 'HH24:MI', 48),
			('15 minutes', 'hour', 'HH24:MI', 48), ('1 hour', 'day', 'HH24:MI', 48),
			('3 hours', 'day', 'HH24:MI', 48), ('6 hours', 'day', 'HH24:MI', 48),
			('1 day', 'day', 'FMDD Mon', 54), ('2 days', 'month', 'FMDD Mon', 54),
			('7 days', 'week', 'FMDD Mon', 54), ('14 days', 'week', 'FMDD Mon', 54),
			('1 month', 'year', 'Mon YYYY', 72), ('2 months', 'year', 'Mon YYYY', 72),
			('3 months', 'year', 'Mon YYYY', 72), ('6 months', 'year', 'Mon YYYY', 72),
			('1 year', 'decade', 'YYYY', 48), ('2 years', 'decade', 'YYYY', 48),
			('5 years', 'century', 'YYYY', 48), ('10 years', 'century', 'YYYY', 48),
			('50 years', 'millennium', 'YYYY', 48), ('200 years', 'millennium', 'YYYY', 48),
			('1000 years', 'millennium', 'YYYY', 48)) AS s (step, origin, pattern, room)
		WHERE extract(epoch FROM s.step::interval) * pixels
				>= extract(epoch FROM high - low) * s.room
			OR s.step = '1000 years'
		ORDER BY extract(epoch FROM s.step::interval) LIMIT 1
	)
	SELECT t AT TIME ZONE 'UTC', to_char(t, s.pattern)
	FROM step AS s,
		generate_series(date_trunc(s.origin, low AT TIME ZONE 'UTC'),
			high AT TIME ZONE 'UTC', s.step) AS t
	WHERE t >= low AT TIME ZONE 'UTC'
$$;
COMMENT ON FUNCTION bixarena.chart_time_ticks(timestamptz, timestamptz, double precision) IS
	'the round moments of a time that an axis marks';

/*
 * The chart of a leaderboard: a line a model, its score as a dot and its interval
 * as a bar through it.  The bar ends in an arrow at the edge where the battles do
 * not fix a bound.
 */

CREATE FUNCTION bixarena.chart_is_open(bound numeric, score numeric)
RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- what is stored in place of infinity
	SELECT abs(bound) = 3000 OR abs(score) > 3000 AND bound = score
$$;
COMMENT ON FUNCTION bixarena.chart_is_open(numeric, numeric) IS
	'do the battles not fix this bound of a score?';

CREATE FUNCTION bixarena.chart_score_axis(
	rows bixarena_leaderboard_row[],
	first_pixel double precision,
	last_pixel double precision)
RETURNS bixarena.axis
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- 14 pixels at either end: an arrow stands beside the dot
	SELECT low - margin, high + margin, first_pixel, last_pixel
	FROM (
		SELECT min(CASE WHEN bixarena.chart_is_open(r.bootstrap_q025, r.bt_score) THEN r.bt_score
				ELSE r.bootstrap_q025 END),
			max(CASE WHEN bixarena.chart_is_open(r.bootstrap_q975, r.bt_score) THEN r.bt_score
				ELSE r.bootstrap_q975 END)
		FROM unnest(rows) AS r
	) AS range (low, high),
	LATERAL (SELECT greatest((high - low) * 14 / (last_pixel - first_pixel - 28), 5)) AS m (margin)
$$;
COMMENT ON FUNCTION bixarena.chart_score_axis(bixarena_leaderboard_row[], double precision, double precision) IS
	'an axis on which all scores and all bounds that are fixed have a place';

CREATE FUNCTION bixarena.chart_interval(
	line bixarena_leaderboard_row,
	axis bixarena.axis,
	y double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<path class="thick line1" d="M%1$s %3$sH%2$s%4$s%5$s"/>'
		'<circle class="dot1" cx="%6$s" cy="%3$s" r="%7$s"/>',
		bixarena.chart_pixel(low), bixarena.chart_pixel(high), bixarena.chart_pixel(y),
		-- the left end, then the right one: an arrow, or a stop where the dot leaves room
		CASE WHEN is_open_low
			THEN format('M%s %sl-6 5l6 5', bixarena.chart_pixel(low + 6), bixarena.chart_pixel(y - 5))
			WHEN high - low >= 14
			THEN format('M%s %sv8', bixarena.chart_pixel(low), bixarena.chart_pixel(y - 4)) END,
		CASE WHEN is_open_high
			THEN format('M%s %sl6 5l-6 5', bixarena.chart_pixel(high - 6), bixarena.chart_pixel(y - 5))
			WHEN high - low >= 14
			THEN format('M%s %sv8', bixarena.chart_pixel(high), bixarena.chart_pixel(y - 4)) END,
		bixarena.chart_pixel(bixarena.chart_place(axis, line.bt_score)),
		-- nor does the dot hide a short interval
		CASE WHEN high - low >= 14 THEN 4 ELSE 2.5 END)
	FROM (VALUES (bixarena.chart_is_open(line.bootstrap_q025, line.bt_score),
			bixarena.chart_is_open(line.bootstrap_q975, line.bt_score))) AS o (is_open_low, is_open_high),
		LATERAL (VALUES (
			CASE WHEN is_open_low THEN axis.first_pixel
				ELSE bixarena.chart_place(axis, line.bootstrap_q025) END,
			CASE WHEN is_open_high THEN axis.last_pixel
				ELSE bixarena.chart_place(axis, line.bootstrap_q975) END)) AS b (low, high)
$$;
COMMENT ON FUNCTION bixarena.chart_interval(bixarena_leaderboard_row, bixarena.axis, double precision) IS
	'a score and its interval';

CREATE FUNCTION bixarena.chart_bound_text(bound numeric, score numeric)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN bixarena.chart_is_open(bound, score) THEN 'open' ELSE round(bound)::text END
$$;
COMMENT ON FUNCTION bixarena.chart_bound_text(numeric, numeric) IS
	'the bound of an interval, for people; open: the battles do not fix it';

CREATE FUNCTION bixarena.chart_range_text(range bixarena_leaderboard_range)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN range.lowest_rank < range.highest_rank
		THEN format('%s&#8211;%s', range.lowest_rank, range.highest_rank)
		ELSE range.lowest_rank::text END
$$;
COMMENT ON FUNCTION bixarena.chart_range_text(bixarena_leaderboard_range) IS
	'the ranks that the battles allow, for people, as a part of a page';

CREATE FUNCTION bixarena.chart_with_comparison(
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[])
RETURNS bixarena_leaderboard_row[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null where these intervals are not known of all
	SELECT CASE WHEN bool_and(g.comparison_lower IS NOT NULL) THEN
		array_agg(jsonb_populate_record(rows[n], jsonb_build_object(
			'bootstrap_q025', g.comparison_lower, 'bootstrap_q975', g.comparison_upper)) ORDER BY n) END
	FROM generate_subscripts(rows, 1) AS n, LATERAL (SELECT (ranges[n]).*) AS g
$$;
COMMENT ON FUNCTION bixarena.chart_with_comparison(bixarena_leaderboard_row[], bixarena_leaderboard_range[]) IS
	'lines of a leaderboard with the intervals that are made to be compared';

CREATE TYPE bixarena.chart_layout AS (
	width double precision,
	row_height double precision,
	label double precision,			-- where names begin
	label_width double precision,
	text_y double precision,		-- baseline of the text in a row
	line_y double precision,		-- of the interval
	axis bixarena.axis
);
COMMENT ON TYPE bixarena.chart_layout IS 'where things stand in the chart of a leaderboard';

CREATE FUNCTION bixarena.chart_leaderboard_layout(
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	width double precision)
RETURNS bixarena.chart_layout
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- on a phone names stand above their lines, which else had a fifth of the width
	SELECT CASE WHEN width < 480
		THEN (width, 40, label, width - label - 64, 16, 29,
			bixarena.chart_score_axis(rows, 14, width - 14))::bixarena.chart_layout
		ELSE (width, 24, label, names, 16.5, 12,
			bixarena.chart_score_axis(rows, label + names + 16, width - 56))::bixarena.chart_layout END
	FROM (SELECT 42 + coalesce(max(12 * bixarena.text_width(replace(bixarena.chart_range_text(g), '&#8211;', 'n')) + 8), 0)
			FROM unnest(ranges) AS g WHERE g.lowest_rank IS NOT NULL) AS l (label),
		(SELECT least(0.38 * width, max(13 * bixarena.text_width(r.model)) + 2)
			FROM unnest(rows) AS r) AS n (names)
$$;
COMMENT ON FUNCTION bixarena.chart_leaderboard_layout(bixarena_leaderboard_row[], bixarena_leaderboard_range[], double precision) IS
	'the layout of the chart of a leaderboard for a width';

CREATE FUNCTION bixarena.chart_leaderboard_row(
	line bixarena_leaderboard_row,
	range bixarena_leaderboard_range,
	interval_name text,
	layout bixarena.chart_layout,
	y double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- the references keep a name's direction of writing to itself
	SELECT format('<g class="row"><title>&#8296;%s&#8297;: rank %s%s, score %s, %s to %s, battles: %s</title>'
		'<text class="muted" text-anchor="end" x="32" y="%9$s">%2$s</text>%12$s'
		'<text class="ink" x="%13$s" y="%9$s">%8$s</text>'
		'<text class="ink" text-anchor="end" x="%10$s" y="%9$s">%4$s</text>%11$s</g>',
		bixarena.text_escape(line.model), line.rank,
		CASE WHEN range.lowest_rank IS NOT NULL
			THEN format(' (%s to %s possible)', range.lowest_rank, range.highest_rank) END,
		round(line.bt_score),
		interval_name || ' ' || bixarena.chart_bound_text(line.bootstrap_q025, line.bt_score),
		bixarena.chart_bound_text(line.bootstrap_q975, line.bt_score),
		line.vote_count, bixarena.text_fit(line.model, layout.label_width / 13),
		bixarena.chart_pixel(y + layout.text_y), bixarena.chart_pixel(layout.width - 8),
		bixarena.chart_interval(line, layout.axis, y + layout.line_y),
		CASE WHEN range.lowest_rank IS NOT NULL
			THEN format('<text class="muted small range" x="40" y="%s">%s</text>',
				bixarena.chart_pixel(y + layout.text_y), bixarena.chart_range_text(range)) END,
		bixarena.chart_pixel(layout.label))
$$;
COMMENT ON FUNCTION bixarena.chart_leaderboard_row(bixarena_leaderboard_row, bixarena_leaderboard_range, text, bixarena.chart_layout, double precision) IS
	'a model''s line in the chart of a leaderboard';

CREATE FUNCTION bixarena.chart_score_ticks(axis bixarena.axis, min_step double precision)
RETURNS SETOF double precision
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- few, but not fewer than three where there is room; fewer where numbers are long
	WITH few AS (
		SELECT p.pixels, f.few, CASE WHEN (SELECT count(*) FROM bixarena.chart_ticks(axis.low, axis.high, f.few, min_step)) < 3
			THEN greatest(f.few, floor(p.pixels / 36)::integer) ELSE f.few END AS number
		FROM (SELECT axis.last_pixel - axis.first_pixel) AS p (pixels),
			LATERAL (SELECT least(p.pixels / 36, 3 + p.pixels / 90)::integer) AS f (few)
	), labelled AS (
		SELECT f.pixels, f.number, max(12 * bixarena.text_width(bixarena.text_number(t.value::numeric))) + 6 AS room,
			min(t.step) * f.pixels / nullif(axis.high - axis.low, 0) AS step
		FROM few AS f, bixarena.chart_ticks(axis.low, axis.high, f.number, min_step) AS t
		GROUP BY f.pixels, f.number
	)
	SELECT t.value
	FROM labelled AS l,
		bixarena.chart_ticks(axis.low, axis.high,
			CASE WHEN l.room > l.step THEN greatest(floor(l.pixels / l.room), 1)::integer ELSE l.number END, min_step) AS t
$$;
COMMENT ON FUNCTION bixarena.chart_score_ticks(bixarena.axis, double precision) IS 'the scores that an axis marks';

CREATE FUNCTION bixarena.chart_score_grid(
	axis bixarena.axis,
	top double precision,
	bottom double precision,
	min_step double precision DEFAULT 0)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<path class="grid" d="M%1$s %2$sV%3$s"/>'
			'<text class="muted small" text-anchor="middle" x="%1$s" y="%4$s">%6$s</text>'
			'<text class="muted small" text-anchor="middle" x="%1$s" y="%5$s">%6$s</text>',
			bixarena.chart_pixel(bixarena.chart_place(axis, t)), bixarena.chart_pixel(top), bixarena.chart_pixel(bottom),
			bixarena.chart_pixel(top - 6), bixarena.chart_pixel(bottom + 16), bixarena.text_number(t::numeric)), '')
	FROM bixarena.chart_score_ticks(axis, min_step) AS t
$$;
COMMENT ON FUNCTION bixarena.chart_score_grid(bixarena.axis, double precision, double precision, double precision) IS
	'lines and numbers of an axis of scores, above and below';

CREATE FUNCTION bixarena.chart_leaderboard(
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	intervals text,
	width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	top constant double precision := 26;
	notes text[];
	total bigint := (rows[1]).total_count;
	interval_name constant text :=
		CASE intervals WHEN 'comparison' THEN 'comparison interval' ELSE '95 % interval' END;
	layout bixarena.chart_layout;
	bottom double precision;
	drawn text;
BEGIN
	IF coalesce(cardinality(rows), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There is no public snapshot yet.');
	END IF;
	IF intervals = 'comparison' THEN
		rows := bixarena.chart_with_comparison(rows, ranges);
	END IF;
	IF rows IS NULL THEN
		RETURN bixarena.chart_empty(width, theme, 'No comparison intervals are on record.');
	END IF;
	layout := bixarena.chart_leaderboard_layout(rows, ranges, width);
	bottom := top + layout.row_height * cardinality(rows);
	SELECT concat(bixarena.chart_bands(cardinality(rows), top, layout.row_height, width),
		bixarena.chart_score_grid(layout.axis, top, bottom), string_agg(
		bixarena.chart_leaderboard_row(rows[n], ranges[n], interval_name, layout, top + layout.row_height * (n - 1)),
		'' ORDER BY n))
	INTO drawn FROM generate_subscripts(rows, 1) AS n;
	notes := ARRAY['score in points; 400 more are odds of 10 to 1']
		|| CASE intervals WHEN 'comparison'
			THEN ARRAY['intervals to compare: where two do not meet, the models differ'] ELSE '{}' END
		|| CASE WHEN drawn LIKE '%small range%'
			THEN ARRAY['beside a rank: the ranks that the battles allow'] ELSE '{}' END;

	RETURN bixarena.chart_svg(width, bottom + 8 + 18 * (cardinality(notes) + 1
			+ (cardinality(rows) < total)::integer), theme,
		format('Scores of %s with %ss', bixarena.chart_count(cardinality(rows), total), interval_name),
		drawn || bixarena.chart_notes(notes, width - 8, bottom + 18)
		|| bixarena.chart_omission(cardinality(rows), total, bottom + 18 + 18 * (cardinality(notes) + 1)));
END
$$;
COMMENT ON FUNCTION bixarena.chart_leaderboard(bixarena_leaderboard_row[], bixarena_leaderboard_range[], text, bigint, text) IS
	'the chart of a leaderboard';

CREATE FUNCTION bixarena_leaderboard_svg(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	top bigint DEFAULT NULL,
	width bigint DEFAULT 720,
	theme text DEFAULT 'auto',
	arena text DEFAULT NULL,
	intervals text DEFAULT 'score')
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
	num_models bigint := least(coalesce(top, 500), 2000);
BEGIN
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	IF intervals IS NULL OR intervals NOT IN ('score', 'comparison') THEN
		RAISE EXCEPTION 'intervals must be score or comparison, not %', coalesce('"' || intervals || '"', 'null')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN bixarena.chart_leaderboard(
		ARRAY(SELECT r FROM bixarena.leaderboard_rows(shown, NULL, found_arena) AS r LIMIT num_models),
		ARRAY(SELECT r FROM bixarena.range_rows(shown, found_arena) AS r LIMIT num_models),
		intervals, width, theme);
END
$$;
COMMENT ON FUNCTION bixarena_leaderboard_svg(text, text, bigint, bigint, text, text, text) IS
	'a chart of a leaderboard: scores with intervals, a line a model';

/*
 * The chart of a leaderboard's history: ranks or scores over time, a line a
 * model.  Where a model was missing from a snapshot its line is broken.
 */

CREATE TYPE bixarena.history_point AS (
	series integer,				-- number of the model, 1 for the first
	model text,
	moment_number integer,		-- snapshots count from 1, the oldest
	moment timestamptz,
	value double precision		-- a rank or a score
);
COMMENT ON TYPE bixarena.history_point IS 'a model in one of many snapshots';

CREATE FUNCTION bixarena.chart_history_points(
	leaderboard uuid,
	measure text,
	top bigint,
	since timestamptz,
	max_moments bigint,
	arena text)
RETURNS SETOF bixarena.history_point
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- of many snapshots, the last one of each of so many spans of equal length
	RETURN QUERY EXECUTE format($sql$
		WITH snapshot AS MATERIALIZED (
			SELECT s.id, s.created_at, extract(epoch FROM s.created_at) AS seconds,
				row_number() OVER (ORDER BY s.created_at DESC,
					length(s.snapshot_identifier) DESC, s.snapshot_identifier DESC) AS age
			FROM bixarena.read_snapshots($5, $1) AS s
			WHERE s.visibility = 'public' AND isfinite(s.created_at) AND ($3 IS NULL OR s.created_at >= $3)
		), span AS (
			SELECT s.id, s.created_at, s.age, floor((max(s.seconds) OVER () - s.seconds)
				/ nullif(max(s.seconds) OVER () - min(s.seconds) OVER (), 0)
				* ($4 - 1)) AS number
			FROM snapshot AS s
		), kept AS MATERIALIZED (
			SELECT s.id, s.created_at, row_number() OVER (ORDER BY s.age DESC) AS number
			FROM (SELECT DISTINCT ON (n.number) n.* FROM span AS n
				ORDER BY n.number, n.age) AS s
		), entry AS MATERIALIZED (
			SELECT e.* FROM bixarena.read_entries($5, ARRAY(SELECT k.id FROM kept AS k)) AS e
		), shown AS MATERIALIZED (
			SELECT m.id, m.name, row_number() OVER (ORDER BY e.rank, e.bt_score DESC,
				m.name COLLATE "C", m.slug COLLATE "C") AS number
			FROM snapshot AS s
			JOIN entry AS e ON e.snapshot_id = s.id
			JOIN bixarena.read_models($5) AS m ON m.id = e.model_id
			WHERE s.age = 1
			ORDER BY number LIMIT $2
		)
		SELECT m.number::integer, m.name, k.number::integer, k.created_at,
			e.%I::double precision
		FROM kept AS k
		JOIN entry AS e ON e.snapshot_id = k.id
		JOIN shown AS m ON m.id = e.model_id
		ORDER BY m.number, k.number
		$sql$, measure)
		USING leaderboard, top, since, max_moments, arena;
END
$$;
COMMENT ON FUNCTION bixarena.chart_history_points(uuid, text, bigint, timestamptz, bigint, text) IS
	'ranks or scores over time of the models that lead a leaderboard now';

CREATE FUNCTION bixarena.chart_time_grid(
	axis bixarena.axis,
	top double precision,
	bottom double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- labels leave the year out, and hours the day: the caption has them
	SELECT concat(string_agg(format('<path class="grid" d="M%1$s %2$sV%3$s"/>'
			'<text class="muted small" text-anchor="middle" x="%1$s" y="%4$s">%5$s</text>',
			bixarena.chart_pixel(bixarena.chart_place(axis, extract(epoch FROM t.moment)::double precision)),
			bixarena.chart_pixel(top), bixarena.chart_pixel(bottom), bixarena.chart_pixel(bottom + 18), t.label), ''),
		format('<text class="muted small" x="%s" y="%s">time (UTC), until %s</text>',
			bixarena.chart_pixel(axis.first_pixel), bixarena.chart_pixel(bottom + 38),
			to_char(to_timestamp(axis.high) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')))
	FROM bixarena.chart_time_ticks(to_timestamp(axis.low), to_timestamp(axis.high),
		axis.last_pixel - axis.first_pixel) AS t
$$;
COMMENT ON FUNCTION bixarena.chart_time_grid(bixarena.axis, double precision, double precision) IS
	'lines and labels of an axis of time';

CREATE FUNCTION bixarena.chart_value_grid(
	axis bixarena.axis,
	first_value double precision,
	min_step double precision,
	left_edge double precision,
	right_edge double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- first_value, if there is one, is marked whatever the step
	WITH bounds AS (
		SELECT least(axis.low, axis.high) AS low, greatest(axis.low, axis.high) AS high,
			least(abs(axis.last_pixel - axis.first_pixel)
				/ CASE WHEN first_value IS NULL THEN 30 ELSE 16 END, 40)::integer AS max_ticks
	), tick AS (
		SELECT first_value AS value WHERE first_value IS NOT NULL
		UNION
		SELECT t.value
		FROM bounds AS b, bixarena.chart_ticks(b.low, b.high, b.max_ticks, min_step) AS t
		WHERE first_value IS NULL OR t.value >= first_value + 0.6 * t.step
	)
	SELECT string_agg(format('<path class="grid" d="M%s %sH%s"/>'
			'<text class="muted small" text-anchor="end" x="%s" y="%s">%s</text>',
			bixarena.chart_pixel(left_edge), bixarena.chart_pixel(y), bixarena.chart_pixel(right_edge),
			bixarena.chart_pixel(left_edge - 6), bixarena.chart_pixel(y + 4), bixarena.text_number(t.value::numeric)), ''
			ORDER BY t.value)
	FROM tick AS t, LATERAL (SELECT bixarena.chart_place(axis, t.value)) AS p (y)
$$;
COMMENT ON FUNCTION bixarena.chart_value_grid(bixarena.axis, double precision, double precision, double precision, double precision) IS
	'lines and numbers of an upright axis';

CREATE FUNCTION bixarena.chart_series(
	points bixarena.history_point[],
	time_axis bixarena.axis,
	value_axis bixarena.axis,
	is_stepped boolean DEFAULT false)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- those of the same colour have other dashes; a line is broken where
	-- snapshots lie between
	WITH place AS (
		SELECT p.*, p.moment_number - row_number() OVER (ORDER BY p.moment_number) AS part,
			bixarena.chart_pixel(bixarena.chart_place(time_axis,
				extract(epoch FROM p.moment)::double precision)) AS x,
			bixarena.chart_pixel(bixarena.chart_place(value_axis, p.value)) AS y
		FROM unnest(points) AS p
	), part AS (
		SELECT CASE WHEN is_stepped
			THEN 'M' || (array_agg(p.x || ' ' || p.y ORDER BY p.moment_number))[1]
				|| string_agg('H' || p.x || 'V' || p.y, '' ORDER BY p.moment_number)
			ELSE 'M' || string_agg(p.x || ' ' || p.y, 'L' ORDER BY p.moment_number) END AS path
		FROM place AS p GROUP BY p.part
	)
	SELECT format('<g class="series"><title>%s</title><path class="thick line%s"%s d="%s"/>%s</g>',
		bixarena.text_escape(min(p.model)), colour,
		CASE dashes WHEN 0 THEN '' WHEN 1 THEN ' stroke-dasharray="7 4"'
			WHEN 2 THEN ' stroke-dasharray="2 3"' ELSE ' stroke-dasharray="9 3 2 3"' END,
		(SELECT string_agg(r.path, '' ORDER BY r.path) FROM part AS r),
		-- the ends are dots always, all points are where they do not touch
		string_agg(format('<circle class="dot%s" cx="%s" cy="%s" r="%s"/>', colour, p.x, p.y,
				CASE WHEN p.moment_number = last THEN 4 ELSE 2.5 END), '' ORDER BY p.moment_number)
			FILTER (WHERE p.moment_number = last OR is_sparse))
	FROM place AS p,
		LATERAL (VALUES (1 + (points[1].series - 1) % 6, (points[1].series - 1) / 6 % 4)) AS c (colour, dashes),
		LATERAL (SELECT max(l.moment_number), (time_axis.last_pixel - time_axis.first_pixel)
			/ greatest(max(l.moment_number), 1) >= 10 FROM place AS l) AS m (last, is_sparse)
	GROUP BY colour, dashes
$$;
COMMENT ON FUNCTION bixarena.chart_series(bixarena.history_point[], bixarena.axis, bixarena.axis, boolean) IS
	'the line of one model; stepped: a value holds until the next';

CREATE FUNCTION bixarena.chart_series_labels(
	points bixarena.history_point[],
	value_axis bixarena.axis,
	top double precision,
	bottom double precision,
	x double precision,
	label_width double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a label stands beside its line's end, or as near as the others leave room.
	-- Those pushed down by the ones above, and those pushed up by the ones below,
	-- are as far from each other as labels must be; so are the means of both, and
	-- what is kept between top and bottom.
	WITH last AS (
		SELECT DISTINCT ON (p.series) p.series, p.model,
			bixarena.chart_place(value_axis, p.value) AS y
		FROM unnest(points) AS p ORDER BY p.series, p.moment_number DESC
	), ordered AS (
		SELECT l.*, row_number() OVER (ORDER BY l.y, l.series) AS n, count(*) OVER () AS total
		FROM last AS l
	), placed AS (
		SELECT o.*, least(bottom - (o.total - o.n) * 17, greatest(top + (o.n - 1) * 17, o.n * 17
			+ (max(o.y - o.n * 17) OVER (ORDER BY o.n)
				+ min(o.y - o.n * 17) OVER (ORDER BY o.n DESC)) / 2)) AS label_y
		FROM ordered AS o
	)
	SELECT string_agg(format('<g class="label"><title>%s</title><path class="thin line%s" d="M%s %sL%s %s"/>'
			'<text class="ink" x="%s" y="%s">%s</text></g>',
			bixarena.text_escape(p.model), 1 + (p.series - 1) % 6,
			bixarena.chart_pixel(x + 5), bixarena.chart_pixel(p.y), bixarena.chart_pixel(x + 16),
			bixarena.chart_pixel(p.label_y), bixarena.chart_pixel(x + 20), bixarena.chart_pixel(p.label_y + 4.5),
			bixarena.text_fit(p.model, label_width / 13)), '' ORDER BY p.n)
	FROM placed AS p
$$;
COMMENT ON FUNCTION bixarena.chart_series_labels(bixarena.history_point[], bixarena.axis, double precision, double precision, double precision, double precision) IS
	'names of models beside the ends of their lines';

CREATE FUNCTION bixarena.chart_history(
	points bixarena.history_point[],
	measure text,
	width bigint,
	theme text,
	total bigint DEFAULT NULL,
	caption text DEFAULT NULL,
	label text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	is_rank boolean := measure = 'rank';
	left_edge double precision;
	top constant double precision := 34;
	bottom double precision;
	label_width double precision;
	time_axis bixarena.axis;
	value_axis bixarena.axis;
	range record;
	drawn text;
	omission text;
	is_alone boolean;
BEGIN
	IF coalesce(cardinality(points), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There is no public snapshot in this time.');
	END IF;
	SELECT max(p.series) AS series, min(p.value) AS low, max(p.value) AS high,
		(bool_and(p.value = trunc(p.value)) AND measure <> 'bt_score')::integer AS least_step,
		extract(epoch FROM min(p.moment)) AS first, extract(epoch FROM max(p.moment)) AS last
	INTO range FROM unnest(points) AS p;
	-- who is alone is named by the caption
	is_alone := caption IS NOT NULL AND range.series = 1;
	SELECT CASE WHEN is_alone THEN 0 ELSE least(0.4 * width, max(13 * bixarena.text_width(m.model)) + 2) END INTO label_width
	FROM (SELECT DISTINCT p.model FROM unnest(points) AS p) AS m;
	-- ranks, too, are as far from each other as labels, if they are not many more
	bottom := top + greatest(200, 19 * range.series,
		CASE WHEN is_rank THEN 16 + 17 * least(range.high - range.low, 2 * range.series) END);

	-- a single moment ends a day, scores of an arena have 10 points at least, and a
	-- value that stays the same the midst
	value_axis := CASE WHEN is_rank THEN (range.low, range.high, top + 8, bottom - 8)::bixarena.axis
		ELSE (range.high + margin, range.low - margin, top + 8, bottom - 8)::bixarena.axis END
		FROM greatest(CASE WHEN measure = 'bt_score' THEN 5 - (range.high - range.low) / 2
			WHEN range.low = range.high THEN coalesce(nullif(abs(range.low) / 20, 0), 1) END, 0) AS margin;
	SELECT greatest(CASE WHEN is_rank THEN 36 ELSE 48 END, max(12 * bixarena.text_width(bixarena.text_number(v::numeric))) + 10)
	INTO left_edge
	FROM (SELECT range.high AS v WHERE is_rank
		UNION ALL
		SELECT t.value FROM bixarena.chart_ticks(value_axis.high, value_axis.low, ((bottom - top - 16) / 30)::integer, range.least_step) AS t
		WHERE NOT is_rank) AS n;
	time_axis := (CASE WHEN range.first < range.last THEN range.first ELSE range.last - 86400 END,
		range.last, left_edge + 8, width - label_width - 34)::bixarena.axis;

	drawn := bixarena.chart_time_grid(time_axis, top, bottom)
		|| bixarena.chart_value_grid(value_axis, CASE WHEN is_rank THEN range.low END,
			range.least_step, left_edge, time_axis.last_pixel + 4);
	-- the best lies on top
	SELECT drawn || string_agg(s.line, '' ORDER BY s.series DESC) INTO drawn
	FROM (SELECT p.series, bixarena.chart_series(array_agg(p ORDER BY p.moment_number),
			time_axis, value_axis, measure = 'score') AS line
		FROM unnest(points) AS p GROUP BY p.series) AS s;
	omission := bixarena.chart_omission(range.series, total, bottom + 58);
	RETURN bixarena.chart_svg(width, bottom + CASE omission WHEN '' THEN 46 ELSE 66 END, theme,
		coalesce(label, format('%s of %s over time', CASE WHEN is_rank THEN 'Ranks' ELSE 'Scores' END,
			bixarena.chart_count(range.series, total))),
		drawn || omission
		|| CASE WHEN is_alone THEN '' ELSE bixarena.chart_series_labels(points, value_axis, top, bottom,
			time_axis.last_pixel, label_width) END
		|| format('<g class="caption"><title>%s</title><text class="muted small" x="8" y="18">%s</text></g>',
			bixarena.text_escape(c.caption), bixarena.text_fit(c.caption, (width - 16) / 12.0)))
	FROM (SELECT concat_ws(': ', CASE WHEN is_alone THEN points[1].model END,
		coalesce(chart_history.caption, CASE WHEN is_rank THEN 'rank' ELSE 'score in points' END))) AS c (caption);
END
$$;
COMMENT ON FUNCTION bixarena.chart_history(bixarena.history_point[], text, bigint, text, bigint, text, text) IS
	'the chart of ranks or values over time; total: of how many models those drawn are the first';

CREATE FUNCTION bixarena_history_svg(
	leaderboard_id text,
	top bigint DEFAULT 10,
	measure text DEFAULT 'rank',
	since timestamptz DEFAULT NULL,
	width bigint DEFAULT 720,
	theme text DEFAULT 'auto',
	arena text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	lines bigint := least(coalesce(top, 100), 500);
BEGIN
	IF num_nulls(leaderboard_id, measure) > 0 THEN
		RAISE EXCEPTION 'leaderboard_id and measure must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF measure NOT IN ('rank', 'bt_score') THEN
		RAISE EXCEPTION 'measure must be rank or bt_score, not "%"', measure
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	-- a point to every four pixels is as fine as can be seen, and 25000 of all
	-- lines as many as are drawn
	RETURN bixarena.chart_history(ARRAY(
		SELECT p FROM bixarena.chart_history_points(
			bixarena.leaderboard_find(leaderboard_id, found_arena), measure, lines, since,
			least(width / 4, 25000 / lines), found_arena) AS p), measure, width, theme,
		CASE WHEN lines < coalesce(top, 9223372036854775807) THEN (SELECT count(*)
			FROM bixarena.snapshot_shown(leaderboard_id, NULL, found_arena) AS s,
				bixarena.read_entries(found_arena, ARRAY[s.id]) AS e) END);
END
$$;
COMMENT ON FUNCTION bixarena_history_svg(text, bigint, text, timestamptz, bigint, text, text) IS
	'a chart of ranks or scores over time of the models that lead a leaderboard now';

/*
 * The chart of matchups: which share of the points the model of a row has taken
 * off that of a column, a tie being half a point for either.  Two models that
 * have never met leave their cells empty.
 */

CREATE FUNCTION bixarena.chart_matchup_cells(
	models bixarena_leaderboard_row[],
	matchups bixarena_matchup[],
	edge double precision,
	top double precision,
	size double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- there may be 90000 cells: what a row or a column has in common is made once,
	-- and a long name is cut.  References in the title keep a name's direction of
	-- writing to itself.
	WITH place AS MATERIALIZED (
		SELECT m.slug, m.n, bixarena.text_fit(m.model, 100) AS name,
			bixarena.chart_pixel(edge + size * (m.n - 1)) AS x, bixarena.chart_pixel(top + size * (m.n - 1)) AS y,
			bixarena.chart_pixel(edge + size * (m.n - 0.5)) AS text_x,
			bixarena.chart_pixel(top + size * (m.n - 0.5) + 4) AS text_y
		FROM (SELECT models[n].slug, models[n].model, n FROM generate_subscripts(models, 1) AS n) AS m
	), cell AS (
		SELECT s.*, m.ties, round(10 * s.observed) AS colour,
			round((100 * s.observed)::numeric) AS percent, round((100 * s.predicted)::numeric) AS expected
		FROM unnest(matchups) AS m, LATERAL (VALUES
			(m.slug1, m.slug2, m.wins1, m.wins2, m.observed_share, m.predicted_share),
			(m.slug2, m.slug1, m.wins2, m.wins1, 1 - m.observed_share, 1 - m.predicted_share)
		) AS s (us, them, wins, losses, observed, predicted)
	)
	SELECT string_agg(format('<g class="cell"><title>&#8296;%s&#8297; against &#8296;%s&#8297;: won %s, lost %s, tied %s;'
			' took %s %% of the points%s</title><rect class="share%s" x="%s" y="%s" width="%s" height="%11$s"/>%12$s</g>',
			us.name, them.name, c.wins, c.losses, c.ties, c.percent,
			', predicted ' || c.expected || ' %', c.colour, them.x, us.y, side,
			CASE WHEN size >= 28 THEN format(
				'<text class="small %s" text-anchor="middle" x="%s" y="%s">%s</text>',
				CASE WHEN c.colour BETWEEN 2 AND 8 THEN 'on-share' ELSE 'on-end' END,
				them.text_x, us.text_y, c.percent) END), '' ORDER BY us.n, them.n)
	FROM cell AS c JOIN place AS us ON us.slug = c.us JOIN place AS them ON them.slug = c.them,
		bixarena.chart_pixel(size) AS side
$$;
COMMENT ON FUNCTION bixarena.chart_matchup_cells(bixarena_leaderboard_row[], bixarena_matchup[], double precision, double precision, double precision) IS
	'a cell for each two models that have met, seen from each of them';

CREATE FUNCTION bixarena.chart_share_legend(x double precision, y double precision)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<rect class="share%s" x="%s" y="%s" width="20" height="12"/>',
			n, bixarena.chart_pixel(x + 20 * n), bixarena.chart_pixel(y)), '' ORDER BY n)
		|| format('<text class="muted small" x="%1$s" y="%4$s">0 %%</text>'
			'<text class="muted small" text-anchor="middle" x="%2$s" y="%4$s">50 %%</text>'
			'<text class="muted small" text-anchor="end" x="%3$s" y="%4$s">100 %%</text>'
			'<text class="muted small" x="%1$s" y="%5$s">share of the points that a row''s model took</text>'
			'<path class="grid thin" d="M%6$s %7$sh19v11h-19z"/>'
			'<text class="muted small" x="%6$s" y="%4$s">never met</text>',
			bixarena.chart_pixel(x), bixarena.chart_pixel(x + 110), bixarena.chart_pixel(x + 220),
			bixarena.chart_pixel(y + 26), bixarena.chart_pixel(y + 44),
			bixarena.chart_pixel(x + 244.5), bixarena.chart_pixel(y + 0.5))
	FROM generate_series(0, 10) AS n
$$;
COMMENT ON FUNCTION bixarena.chart_share_legend(double precision, double precision) IS
	'what the colours of shares mean';

CREATE FUNCTION bixarena.chart_matchup_labels(
	models bixarena_leaderboard_row[],
	edge double precision,
	top double precision,
	size double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- where rows and columns are narrower than text, every so many have a label
	SELECT coalesce(string_agg(format('<text class="muted small" text-anchor="middle" x="%s" y="%s">%s</text>',
			bixarena.chart_pixel(edge + size * (n - 0.5)), bixarena.chart_pixel(top - 6), models[n].rank), ''
			ORDER BY n) FILTER (WHERE (n - 1) % ceil((8 * digits + 6) / size)::integer = 0), '')
		|| string_agg(format('<g class="row"><title>%s</title><text class="muted" text-anchor="end" x="32" y="%s">%s</text>'
			'<text class="ink" x="40" y="%2$s">%4$s</text></g>',
			bixarena.text_escape(models[n].model), bixarena.chart_pixel(top + size * (n - 0.5) + 4.5),
			models[n].rank, bixarena.text_fit(models[n].model, (edge - 48) / 13)), ''
			ORDER BY n) FILTER (WHERE (n - 1) % ceil(17 / size)::integer = 0)
	FROM generate_subscripts(models, 1) AS n,
		length(models[cardinality(models)].rank::text) AS digits
$$;
COMMENT ON FUNCTION bixarena.chart_matchup_labels(bixarena_leaderboard_row[], double precision, double precision, double precision) IS
	'ranks above the columns, ranks and names beside the rows';

CREATE FUNCTION bixarena.chart_matchups(
	models bixarena_leaderboard_row[],
	matchups bixarena_matchup[],
	width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	n integer := coalesce(cardinality(models), 0);
	top constant double precision := 24;
	edge double precision;
	size double precision;
	right_edge double precision;
	total bigint := (models[1]).total_count;
	omission text;
BEGIN
	IF n = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There is no public snapshot yet.');
	END IF;
	SELECT 48 + least(0.32 * width, max(13 * bixarena.text_width(m.model)) + 2) INTO edge
	FROM unnest(models) AS m;
	-- too many for the width make the chart wider
	size := greatest(4, least(44, (width - edge - 8) / n));
	right_edge := greatest(width, edge + size * n + 8);
	omission := bixarena.chart_omission(n, total, top + size * n + 78);

	RETURN bixarena.chart_svg(right_edge, top + size * n + CASE omission WHEN '' THEN 62 ELSE 86 END, theme,
		format('Shares of points between each two of %s', bixarena.chart_count(n, total)),
		format('<path class="grid thin" d="M%s %sh%sv%3$sh-%3$sz"/>',
			bixarena.chart_pixel(edge), bixarena.chart_pixel(top), bixarena.chart_pixel(size * n))
		-- browsers search all children of the root for a title whenever one comes
		|| format('<g>%s</g>', bixarena.chart_matchup_cells(models, matchups, edge, top, size))
		|| bixarena.chart_matchup_labels(models, edge, top, size)
		|| bixarena.chart_share_legend(16, top + size * n + 14) || omission);
END
$$;
COMMENT ON FUNCTION bixarena.chart_matchups(bixarena_leaderboard_row[], bixarena_matchup[], bigint, text) IS
	'the chart of matchups';

CREATE FUNCTION bixarena_matchups_svg(
	leaderboard_id text,
	snapshot_identifier text DEFAULT NULL,
	top bigint DEFAULT NULL,
	width bigint DEFAULT 720,
	theme text DEFAULT 'auto',
	arena text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	shown bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, snapshot_identifier, found_arena);
BEGIN
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	RETURN (WITH drawn AS MATERIALIZED (
			SELECT ARRAY(SELECT r FROM bixarena.leaderboard_rows(shown, NULL, found_arena) AS r
				LIMIT least(coalesce(top, 100), 300)) AS models
		)
		SELECT bixarena.chart_matchups(d.models,
			bixarena.matchup_among(leaderboard_id, shown, d.models, found_arena), width, theme)
		FROM drawn AS d);
END
$$;
COMMENT ON FUNCTION bixarena_matchups_svg(text, text, bigint, bigint, text, text) IS
	'a chart of the share of points that each model took off each other';
/*
 * An operator's hand on snapshots, with the caller's rights.
 */

CREATE FUNCTION bixarena_update_snapshot(
	leaderboard_id text,
	snapshot_identifier text,
	visibility text DEFAULT NULL,
	description text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	snapshot uuid := (bixarena.snapshot_find(leaderboard_id, snapshot_identifier,
		found_arena)).id;
	updated bigint;
BEGIN
	IF visibility NOT IN ('public', 'private') THEN
		RAISE EXCEPTION 'visibility must be public or private, not "%"', visibility
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	EXECUTE format($sql$
		UPDATE %I.leaderboard_snapshot AS s
		SET visibility = coalesce($2, s.visibility),
			description = coalesce($3, s.description),
			updated_at = now()
		WHERE s.id = $1
		$sql$, found_arena)
		USING snapshot, visibility, description;
	GET DIAGNOSTICS updated = ROW_COUNT;
	IF updated = 0 THEN
		RAISE EXCEPTION 'snapshot "%" has just been deleted', snapshot_identifier
			USING ERRCODE = 'undefined_object';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_update_snapshot(text, text, text, text, text) IS
	'publish, hide or describe a snapshot';
-- it writes snapshots
REVOKE ALL ON FUNCTION bixarena_update_snapshot(text, text, text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_delete_snapshot(
	leaderboard_id text,
	snapshot_identifier text,
	arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	snapshot uuid := (bixarena.snapshot_find(leaderboard_id, snapshot_identifier,
		found_arena)).id;
BEGIN
	-- entries first: an arena of views or foreign tables has nothing that cascades
	EXECUTE format('DELETE FROM %I.leaderboard_entry AS e WHERE e.snapshot_id = $1',
		found_arena) USING snapshot;
	EXECUTE format('DELETE FROM %I.leaderboard_snapshot AS s WHERE s.id = $1',
		found_arena) USING snapshot;
END
$$;
COMMENT ON FUNCTION bixarena_delete_snapshot(text, text, text) IS
	'delete a snapshot and its entries';
-- it deletes snapshots
REVOKE ALL ON FUNCTION bixarena_delete_snapshot(text, text, text) FROM PUBLIC;


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

/*
 * What a schedule says.  A cron expression is five fields: minute, hour, day of
 * the month, month, day of the week.  It is read as pg_cron reads it, to tell
 * when a run was due and when the next one is.
 */

CREATE TYPE bixarena.cron_times AS (
	minutes integer[],
	hours integer[],
	days integer[],
	last_day boolean,
	months integer[],
	weekdays integer[],
	either boolean,
	seconds integer
);
COMMENT ON TYPE bixarena.cron_times IS 'what a schedule says';
COMMENT ON COLUMN bixarena.cron_times.last_day IS 'on the last day of the month, too';
COMMENT ON COLUMN bixarena.cron_times.weekdays IS '0 is Sunday';
COMMENT ON COLUMN bixarena.cron_times.either IS
	'the day of the month or that of the week will do; else both are needed';
COMMENT ON COLUMN bixarena.cron_times.seconds IS
	'every so many seconds; then all else is null';

CREATE FUNCTION bixarena.cron_field(
	field text,
	lowest integer,
	highest integer,
	names text[] DEFAULT '{}')
RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part text;
	-- of "*/step", "first" or "first-last/step"
	words text[];
	first integer;
	last integer;
	step integer;
	found integer[] := '{}';
BEGIN
	FOREACH part IN ARRAY string_to_array(lower(field COLLATE "C"), ',') LOOP
		words := regexp_match(part,
			'^(?:([*])|([0-9]{1,4}|[a-z]+)(?:-([0-9]{1,4}|[a-z]+))?)(?:/([0-9]{1,4}))?$');
		IF words[1] IS NOT NULL THEN
			first := lowest;
			last := highest;
		ELSE
			first := coalesce(lowest - 1 + array_position(names, words[2]),
				substring(words[2] FROM '^[0-9]+$')::integer);
			last := CASE WHEN words[3] IS NULL THEN first ELSE
				coalesce(lowest - 1 + array_position(names, words[3]),
					substring(words[3] FROM '^[0-9]+$')::integer) END;
		END IF;
		step := coalesce(words[4]::integer, 1);
		IF (first >= lowest AND last BETWEEN first AND highest
				AND step BETWEEN 1 AND highest) IS NOT TRUE
			-- a step goes with a range
			OR num_nulls(words[1], words[3]) = 2 AND words[4] IS NOT NULL THEN
			RETURN NULL;
		END IF;
		found := found || ARRAY(SELECT generate_series(first, last, step));
	END LOOP;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.cron_field(text, integer, integer, text[]) IS
	'the values that a field of a cron expression stands for, null if it cannot be read';

CREATE FUNCTION bixarena.cron_read(schedule text)
RETURNS bixarena.cron_times
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fields text[] := regexp_split_to_array(btrim(schedule, E' \t\n'), E'[ \t]+');
	times bixarena.cron_times;
BEGIN
	times.seconds := substring(schedule FROM
		'^[[:space:]]*0*([1-9]|[1-5][0-9])[[:space:]]*[sS][eE][cC][oO][nN][dD][sS]?[[:space:]]*$')::integer;
	IF times.seconds IS NOT NULL THEN
		RETURN times;
	END IF;

	IF fields[1] ~ '^@' THEN
		fields := string_to_array(CASE substr(fields[1], 2)
			WHEN 'hourly' THEN '0 * * * *'
			WHEN 'daily' THEN '0 0 * * *'
			WHEN 'midnight' THEN '0 0 * * *'
			WHEN 'weekly' THEN '0 0 * * 0'
			WHEN 'monthly' THEN '0 0 1 * *'
			WHEN 'yearly' THEN '0 0 1 1 *'
			WHEN 'annually' THEN '0 0 1 1 *'
			END, ' ');
	END IF;
	-- like pg_cron, do not mind what follows the fifth field
	times.minutes := bixarena.cron_field(fields[1], 0, 59);
	times.hours := bixarena.cron_field(fields[2], 0, 23);
	times.last_day := fields[3] = '$';
	times.days := CASE WHEN times.last_day THEN '{}'
		ELSE bixarena.cron_field(fields[3], 1, 31) END;
	times.months := bixarena.cron_field(fields[4], 1, 12,
		'{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
	times.weekdays := bixarena.cron_field(fields[5], 0, 7,
		'{sun,mon,tue,wed,thu,fri,sat}');
	-- Sunday is 7, too
	IF 7 = ANY (times.weekdays) THEN
		times.weekdays := times.weekdays || 0;
	END IF;
	-- as cron has it: a field with a star, even "*/2", does not widen the other
	times.either := fields[3] !~ '^[*]' AND fields[5] !~ '^[*]';
	IF num_nulls(times.minutes, times.hours, times.days, times.months,
			times.weekdays) > 0 THEN
		RETURN NULL;
	END IF;
	RETURN times;
END
$$;
COMMENT ON FUNCTION bixarena.cron_read(text) IS
	'what a schedule says, null if it cannot be read or names no times';

CREATE FUNCTION bixarena.cron_time(schedule text, moment timestamptz, forward boolean)
RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	times bixarena.cron_times := bixarena.cron_read(schedule);
	start timestamp := moment AT TIME ZONE 'GMT';
	period interval := make_interval(secs => times.seconds);
	day date;
	in_month boolean;
	in_week boolean;
	found timestamp;
BEGIN
	IF times IS NULL OR NOT isfinite(moment) THEN
		RETURN NULL;
	END IF;
	IF period IS NOT NULL THEN
		found := date_bin(period, start, timestamp '1970-01-01');
		RETURN CASE WHEN forward THEN found + period ELSE found END
			AT TIME ZONE 'GMT';
	END IF;

	FOR distance IN 0..366 LOOP
		day := start::date + CASE WHEN forward THEN distance ELSE -distance END;
		CONTINUE WHEN extract(month FROM day) <> ALL (times.months);
		in_month := extract(day FROM day) = ANY (times.days)
			OR times.last_day AND extract(day FROM day + 1) = 1;
		in_week := extract(dow FROM day) = ANY (times.weekdays);
		CONTINUE WHEN NOT (in_month AND in_week
			OR times.either AND (in_month OR in_week));

		SELECT CASE WHEN forward THEN min(t) FILTER (WHERE t > start)
			ELSE max(t) FILTER (WHERE t <= start) END
		INTO found
		FROM unnest(times.hours) AS h, unnest(times.minutes) AS m,
			LATERAL (VALUES (day + make_interval(hours => h, mins => m))) AS v (t);
		IF found IS NOT NULL THEN
			RETURN found AT TIME ZONE 'GMT';
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION bixarena.cron_time(text, timestamptz, boolean) IS
	'when a schedule is due next after a moment, or when it was last by then, in GMT; null: not within 366 days';

/*
 * Schedules, kept by pg_cron.  Its functions are called with the caller's rights
 * and its tables never written.
 *
 * pg_cron knows a job by its name and its role, whatever database it
 * is for, so a job kept in another database bears that of ours in its name.
 */

CREATE FUNCTION bixarena.cron_database()
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_cron_database'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.cron_database() IS
	'the database of pg_cron''s jobs, null if the server has not loaded pg_cron; empty: another one, and the caller may not see which';

CREATE FUNCTION bixarena.cron_job_name(arena text, leaderboard_id text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	elsewhere text := CASE WHEN current_database() <> bixarena.cron_database()
		THEN current_database() END;
	plain text := 'bixarena_rank ' || arena || coalesce('/' || leaderboard_id, '')
		|| coalesce(' in ' || elsewhere, '');
BEGIN
	-- older versions of pg_cron cut names off after 63 bytes, and no two jobs
	-- may be called the same: what could be is told apart by a hash
	IF octet_length(plain) > 63 OR arena ~ '/| in ' OR leaderboard_id ~ ' in ' THEN
		RETURN 'bixarena_rank ' || md5(format('%L/%L/%L', arena, leaderboard_id, elsewhere));
	END IF;
	RETURN plain;
END
$$;
COMMENT ON FUNCTION bixarena.cron_job_name(text, text) IS
	'name of the pg_cron job of an arena, or of one leaderboard alone';

CREATE FUNCTION bixarena.cron_job_command(arena text, leaderboard_id text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('CALL %s.bixarena_generate_snapshots(arena => %L, '
			'%strigger_source => ''scheduled'', triggered_by => ''pg_cron'')',
		bixarena.interface_schema(), arena, 'leaderboard_id => ' || quote_literal(leaderboard_id) || ', ')
$$;
COMMENT ON FUNCTION bixarena.cron_job_command(text, text) IS
	'what the pg_cron job of an arena, or of one leaderboard alone, does';

CREATE FUNCTION bixarena.cron_setup()
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	libraries text;
BEGIN
	-- a server does not start where a library that it is to load is missing
	IF NOT EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'pg_cron') THEN
		RETURN format('Install the package of pg_cron first, on Debian by'
				' apt-get install postgresql-%s-cron; then call this function again,'
				' and its hint is what comes next.',
			current_setting('server_version_num')::integer / 10000);
	END IF;
	IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RETURN 'A superuser who calls this function is told the statements that set pg_cron up.';
	END IF;
	-- a list's items must be given one by one, or they become a single name
	SELECT string_agg(quote_literal(replace(btrim(l.item[1], '"'), '""', '"')), ', ')
	INTO libraries
	FROM regexp_matches(current_setting('shared_preload_libraries'),
		'("(?:[^"]|"")+"|[^", ]+)', 'g') AS l (item);
	-- a server knows no parameter of a library that it has not loaded, unless
	-- the session has set it; without background workers, pg_cron connects to
	-- localhost, where it is asked for a password
	RETURN format(E'ALTER SYSTEM SET shared_preload_libraries = %s;\n'
			'SET cron.database_name = %2$L;\n'
			'ALTER SYSTEM SET cron.database_name = %2$L;\n'
			'SET cron.use_background_workers = on;\n'
			'ALTER SYSTEM SET cron.use_background_workers = on;\n'
			'-- restart the server, then\n'
			'CREATE EXTENSION pg_cron;',
		concat_ws(', ', libraries, '''pg_cron'''), current_database());
END
$$;
COMMENT ON FUNCTION bixarena.cron_setup() IS
	'what makes this database that of pg_cron''s jobs: a package, then statements';

CREATE FUNCTION bixarena.cron_check(statement text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	there text := bixarena.cron_database();
BEGIN
	IF there IS NULL THEN
		RAISE EXCEPTION 'the server has not loaded pg_cron'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'pg_cron keeps the schedules, and is loaded when the server starts.',
				HINT = bixarena.cron_setup();
	END IF;
	IF there <> current_database() THEN
		RAISE EXCEPTION 'pg_cron cannot be used from database "%"', current_database()
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('Its jobs are in %s; there a superuser can do the same by what the hint says.',
					coalesce('database "' || nullif(there, '') || '"', 'another database')),
				HINT = statement;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		RAISE EXCEPTION 'the extension pg_cron is missing in database "%"', there
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'The server has loaded it for this database.',
				HINT = 'CREATE EXTENSION pg_cron;';
	END IF;
	IF NOT has_schema_privilege('cron', 'USAGE') THEN
		RAISE EXCEPTION 'permission denied for schema cron'
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'pg_cron''s functions are there.',
				HINT = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.cron_check(text) IS
	'an error unless pg_cron can be used here; where it lives elsewhere, the hint is what to run there';

/*
 * What pg_cron knows of an arena.
 */

CREATE FUNCTION bixarena.cron_can_read()
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- a superuser's tables only: reading what another role has made could run
	-- its code as the caller
	RETURN (SELECT count(*) = 2
		FROM pg_namespace AS n
		JOIN pg_class AS c ON c.relnamespace = n.oid
		JOIN pg_roles AS o ON o.oid = c.relowner
		WHERE n.nspname = 'cron' AND c.relname IN ('job', 'job_run_details')
			AND c.relkind = 'r' AND o.rolsuper
			AND has_schema_privilege(n.oid, 'USAGE')
			AND has_table_privilege(c.oid, 'SELECT'));
END
$$;
COMMENT ON FUNCTION bixarena.cron_can_read() IS
	'is pg_cron in this database, and may the caller read its tables?';

CREATE FUNCTION bixarena.cron_jobs(arena text)
RETURNS TABLE (jobid bigint, leaderboard text, schedule text, active boolean)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	whole text := bixarena.cron_job_name(arena, NULL);
BEGIN
	IF NOT bixarena.cron_can_read() THEN
		RETURN;
	END IF;
	-- a job of one leaderboard may have a name that does not say which
	RETURN QUERY
		SELECT j.jobid, coalesce(l.slug,
				nullif(substr(j.jobname::text, length(whole) + 2), '')),
			j.schedule, j.active
		FROM cron.job AS j
		LEFT JOIN LATERAL (
			SELECT r.slug
			FROM bixarena.read_leaderboards(CASE
				WHEN j.jobname::text ~ '^bixarena_rank [0-9a-f]{32}$' THEN arena END) AS r
			WHERE j.jobname::text = bixarena.cron_job_name(arena, r.slug)
		) AS l ON true
		WHERE (l.slug IS NOT NULL OR j.jobname::text = whole
				OR starts_with(j.jobname::text, whole || '/'))
			AND j.database = current_database()
		ORDER BY j.jobname::text COLLATE "C", j.jobid;
END
$$;
COMMENT ON FUNCTION bixarena.cron_jobs(text) IS
	'the jobs of pg_cron that bixarena_schedule() has made for an arena or (not null) one leaderboard';

CREATE FUNCTION bixarena.cron_due_times(arena text, moment timestamptz)
RETURNS TABLE (leaderboard text, due timestamptz)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job record;
BEGIN
	FOR job IN SELECT j.* FROM bixarena.cron_jobs(arena) AS j WHERE j.active LOOP
		leaderboard := job.leaderboard;
		due := bixarena.cron_time(job.schedule, moment, false);
		CONTINUE WHEN due IS NULL;
		RETURN NEXT;
		due := bixarena.cron_time(job.schedule, due - interval '1 second', false);
		CONTINUE WHEN due IS NULL;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena.cron_due_times(text, timestamptz) IS
	'the last two times of each job of an arena up to a moment';

/*
 * What a user does with schedules.
 */

CREATE FUNCTION bixarena_schedule(
	schedule text DEFAULT '0 2 * * *',
	arena text DEFAULT NULL,
	leaderboard_id text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	job text := bixarena.cron_job_name(found_arena, leaderboard_id);
	command text := bixarena.cron_job_command(found_arena, leaderboard_id);
	other_role text;
BEGIN
	IF schedule IS NULL THEN
		RAISE EXCEPTION 'schedule must not be null'
			USING ERRCODE = 'null_value_not_allowed',
				HINT = 'bixarena_unschedule() removes a schedule.';
	END IF;
	-- an error if there is none
	PERFORM bixarena.leaderboard_find(leaderboard_id, found_arena)
	WHERE leaderboard_id IS NOT NULL;
	IF NOT (SELECT r.rolcanlogin FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RAISE EXCEPTION 'role "%" cannot log in', current_user
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'pg_cron runs a job by logging in as the role that scheduled it.',
				HINT = format('Schedule it as another role, or ALTER ROLE %I LOGIN.', current_user);
	END IF;
	-- where pg_cron is elsewhere, it cannot be asked
	IF bixarena.cron_database() <> current_database()
		AND bixarena.cron_read(schedule) IS NULL THEN
		RAISE EXCEPTION 'invalid schedule: %', schedule
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A schedule is a cron expression, such as 0 2 * * *.';
	END IF;
	PERFORM bixarena.cron_check(format(
		E'CREATE EXTENSION IF NOT EXISTS pg_cron;\n'
		'SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
		job, schedule, command, current_database(), current_user));

	-- superusers see it, and would make a second one
	SELECT j.username INTO other_role
	FROM cron.job AS j
	WHERE j.jobname::text = job AND j.database = current_database()
		AND j.username <> current_user
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'job "%" belongs to role "%"', job, other_role
			USING ERRCODE = 'duplicate_object',
				HINT = format('SET ROLE %I to change it, or remove it first with bixarena_unschedule().', other_role);
	END IF;

	PERFORM cron.schedule(job, schedule, command);
	RETURN job;
END
$$;
COMMENT ON FUNCTION bixarena_schedule(text, text, text) IS
	'make snapshots of an arena, or of one leaderboard, on a schedule';
-- it makes jobs
REVOKE ALL ON FUNCTION bixarena_schedule(text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.cron_tell_schedules(arena text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	prefix text := bixarena.cron_job_name(arena, NULL) || '/';
	boards text[];
	schedules text[];
BEGIN
	-- of an arena that is gone, or whose leaderboards the caller may not read,
	-- the names of jobs tell all but the odd ones
	IF EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
			WHERE n.nspname = arena AND c.relname = 'leaderboard'
				AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) THEN
		SELECT array_agg(j.leaderboard), array_agg(j.schedule) INTO boards, schedules
		FROM bixarena.cron_jobs(arena) AS j
		WHERE j.leaderboard IS NOT NULL AND j.active;
	ELSE
		SELECT array_agg(substr(j.jobname::text, length(prefix) + 1)), array_agg(j.schedule)
		INTO boards, schedules
		FROM cron.job AS j
		WHERE starts_with(j.jobname::text, prefix) AND j.database = current_database()
			AND j.active;
	END IF;
	IF boards IS NULL THEN
		RETURN;
	END IF;
	RAISE NOTICE 'schedules of leaderboards go on: %',
		(SELECT string_agg(format('%s (%s)', b.slug, b.schedule), ', ' ORDER BY b.slug COLLATE "C")
			FROM unnest(boards, schedules) AS b (slug, schedule))
		USING HINT = (SELECT string_agg(format('SELECT %s.bixarena_unschedule(%L, %L);',
				bixarena.interface_schema(), arena, b.slug), E'\n' ORDER BY b.slug COLLATE "C")
			FROM unnest(boards) AS b (slug));
END
$$;
COMMENT ON FUNCTION bixarena.cron_tell_schedules(text) IS
	'a notice of the leaderboards of an arena that have a schedule of their own';

CREATE FUNCTION bixarena_unschedule(
	arena text DEFAULT NULL,
	leaderboard_id text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- one that is named may be gone already
	found_arena text := coalesce(arena, bixarena.arena_resolve(NULL));
	job text := bixarena.cron_job_name(found_arena, leaderboard_id);
	num_jobs integer;
BEGIN
	PERFORM bixarena.cron_check(format(
		'SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = %L AND database = %L;',
		job, current_database()));

	SELECT count(cron.unschedule(j.jobid)) INTO num_jobs
	FROM cron.job AS j
	WHERE j.jobname::text = job AND j.database = current_database();
	IF leaderboard_id IS NULL THEN
		PERFORM bixarena.cron_tell_schedules(found_arena);
	END IF;
	IF num_jobs = 0 THEN
		RAISE EXCEPTION 'there is no job "%"', job
			USING ERRCODE = 'undefined_object',
				DETAIL = 'If there is, it belongs to another role.',
				HINT = 'SELECT jobname, schedule, command FROM cron.job;';
	END IF;
	RETURN job;
END
$$;
COMMENT ON FUNCTION bixarena_unschedule(text, text) IS
	'end the schedule of an arena, or of one leaderboard';
-- it removes jobs
REVOKE ALL ON FUNCTION bixarena_unschedule(text, text) FROM PUBLIC;

/*
 * What a scoreboard has done on a schedule: a call of a function or procedure with the
 * scoreboard and one more argument.
 */

CREATE FUNCTION bixarena.cron_keep_job(purpose text, scoreboard text, argument text,
	command text, schedule text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- a name that pg_cron can hold
	job text := 'bixarena_rank ' || purpose || ' ' || left(encode(sha256(
		convert_to(scoreboard || e'\x01' || argument, getdatabaseencoding())), 'hex'), 32);
	call text := format(command, bixarena.interface_schema(), scoreboard, argument);
BEGIN
	IF job IS NULL OR call IS NULL THEN
		RAISE EXCEPTION 'what is done on a schedule must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM bixarena.cron_check(format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
		job, schedule, call, current_database(), current_user));
	IF schedule IS NOT NULL THEN
		PERFORM cron.schedule(job, schedule, call);
		RETURN job;
	END IF;
	PERFORM cron.unschedule(j.jobid) FROM cron.job AS j
	WHERE j.jobname::text = job AND j.database = current_database();
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION bixarena.cron_keep_job(text, text, text, text, text) IS
	'do something of a scoreboard''s on a schedule of pg_cron: the name of the job; null: not any more';


/*
 * Health: is all as an operator expects it?  With the caller's rights, so it
 * speaks of the runs and pg_cron jobs that the caller may see.
 */

-- what is a warning and what is critical stands here, and nowhere else; alerts
-- get it from bixarena.metrics
CREATE FUNCTION bixarena.health_limits(
	OUT grace_hours integer,			-- for a scheduled snapshot, from the time it is due
	OUT unscheduled_hours integer,		-- age of a snapshot without a schedule: warning
	OUT failed_days integer,
	OUT failed_critical integer,		-- more failed runs in failed_days
	OUT dead_requests integer,			-- more requests in failed_days that failed for good
	OUT waiting_warning integer,		-- more minutes in the queue
	OUT waiting_critical integer,
	OUT share_days integer,
	OUT share_warning double precision,	-- a lesser percentage of good runs
	OUT share_critical double precision,
	OUT spread_days integer,
	OUT spread_runs integer,			-- fewer say nothing
	OUT spread_quantile double precision,
	OUT spread_warning double precision,	-- more medians
	OUT usual_runs integer,				-- fewer of a leaderboard do not tell what is usual
	OUT usual_seconds double precision)	-- more or less, whatever the median, is usual
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 1, 48, 14, 10, 10, 10, 60, 30, 95.0, 80.0, 30, 20, 0.95, 5.0, 5, 1.0
$$;
COMMENT ON FUNCTION bixarena.health_limits() IS 'thresholds of bixarena_health() and of alerts';

CREATE TYPE bixarena.health_row AS (
	check_name text,
	leaderboard_id text,
	status text,
	figure double precision,
	unit text,
	message text
);
COMMENT ON TYPE bixarena.health_row IS 'what a check has found';

CREATE FUNCTION bixarena.health_grade(warning boolean, critical boolean)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN critical THEN 'critical' WHEN warning THEN 'warning' ELSE 'ok' END;
COMMENT ON FUNCTION bixarena.health_grade(boolean, boolean) IS 'the status of a check';

CREATE FUNCTION bixarena.health_age(moment timestamptz)
RETURNS double precision
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- what is newer than this transaction, or dated in the future, is of now
	SELECT greatest(extract(epoch FROM now() - moment), 0)
$$;
COMMENT ON FUNCTION bixarena.health_age(timestamptz) IS
	'how long ago a moment was; never negative';

/*
 * What the checks, and bixarena.metrics, are about.
 */

CREATE FUNCTION bixarena.health_public_snapshots(arena text)
RETURNS TABLE (leaderboard text, latest timestamptz)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT l.slug, max(s.created_at)
		FROM bixarena.read_leaderboards(arena) AS l
		LEFT JOIN bixarena.read_snapshots(arena, NULL, 'infinity') AS s
			ON s.leaderboard_id = l.id
		GROUP BY l.slug;
END
$$;
COMMENT ON FUNCTION bixarena.health_public_snapshots(text) IS
	'the leaderboards of an arena, and when the latest public snapshot of each was made';

CREATE FUNCTION bixarena.health_future_snapshots(arena text)
RETURNS TABLE (leaderboard text, message text)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- a minute is what clocks of servers may differ by
	RETURN QUERY
		SELECT l.slug, format(
			'snapshot "%s" is dated in the future, %s%s: delete it, or correct its created_at',
			(array_agg(s.snapshot_identifier ORDER BY s.created_at, s.id))[1],
			CASE WHEN isfinite(min(s.created_at)) THEN bixarena.text_utc(min(s.created_at))
				ELSE 'infinity' END,
			CASE WHEN count(*) > 1 THEN format(' (the first of %s)', count(*)) END)
		FROM bixarena.read_leaderboards(arena) AS l
		JOIN bixarena.read_snapshots(arena, NULL,
				after => clock_timestamp() + interval '1 minute') AS s
			ON s.leaderboard_id = l.id
		GROUP BY l.slug;
END
$$;
COMMENT ON FUNCTION bixarena.health_future_snapshots(text) IS
	'the leaderboards of an arena that have snapshots dated in the future, and which is the first of them';

CREATE FUNCTION bixarena.health_ended_runs(
	arena text,
	days integer,
	OUT ended bigint,
	OUT failed bigint,
	OUT dead_requests bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
BEGIN
	SELECT count(*), count(*) FILTER (WHERE r.status = 'failed'),
		count(*) FILTER (WHERE r.status = 'failed' AND r.trigger_source = 'api')
	INTO ended, failed, dead_requests
	FROM bixarena.run AS r
	WHERE r.arena = health_ended_runs.arena AND r.status NOT IN ('queued', 'running')
		AND r.requested_at >= now() - make_interval(days => days);
END
$$;
COMMENT ON FUNCTION bixarena.health_ended_runs(text, integer) IS
	'how many runs of the last days have ended, and have failed; none is tried again then';

CREATE FUNCTION bixarena.health_queue(
	arena text,
	OUT waiting bigint,
	OUT seconds double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
BEGIN
	SELECT count(*), coalesce(bixarena.health_age(min(r.requested_at)), 0)
	INTO waiting, seconds
	FROM bixarena.run AS r
	WHERE r.arena = health_queue.arena AND r.status = 'queued';
END
$$;
COMMENT ON FUNCTION bixarena.health_queue(text) IS
	'how many runs wait, and how long the first has waited';

CREATE FUNCTION bixarena.health_durations(arena text)
RETURNS TABLE (leaderboard text, seconds double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 600
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
BEGIN
	-- a run of the past is one of fewer battles; a clock that was set back meanwhile
	-- makes no duration negative
	RETURN QUERY
		SELECT r.leaderboard,
			greatest(extract(epoch FROM r.ended_at - r.started_at), 0)::double precision
		FROM bixarena.health_limits() AS limits
		JOIN bixarena.run AS r ON r.arena = health_durations.arena AND r.status = 'succeeded'
			AND r.parameters ->> 'as_of' IS NULL
			-- nobody knows how long one took that was found
			AND r.triggered_by IS DISTINCT FROM 'found without a run'
			AND r.requested_at >= now() - make_interval(days => limits.spread_days);
END
$$;
COMMENT ON FUNCTION bixarena.health_durations(text) IS
	'how long each of the latest successful runs took';

CREATE FUNCTION bixarena.health_usual_durations(arena text)
RETURNS TABLE (leaderboard text, runs bigint, seconds double precision)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- a large leaderboard takes longer than a small one
	RETURN QUERY
		SELECT d.leaderboard, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY d.seconds)
		FROM bixarena.health_durations(arena) AS d
		GROUP BY d.leaderboard;
END
$$;
COMMENT ON FUNCTION bixarena.health_usual_durations(text) IS
	'the median of the durations of each leaderboard';

/*
 * The checks: each function is one.
 */

CREATE FUNCTION bixarena.health_skipped_since(leaderboard_id text, arena text, moment timestamptz)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
	SELECT 'the last run was skipped: ' || coalesce(last.skip_reason, 'no reason given')
	FROM (
		SELECT r.status, r.skip_reason
		FROM bixarena.run AS r
		WHERE r.arena = health_skipped_since.arena AND r.leaderboard = leaderboard_id
			AND r.requested_at >= moment
		ORDER BY r.requested_at DESC LIMIT 1
	) AS last
	WHERE last.status = 'skipped'
$$;
COMMENT ON FUNCTION bixarena.health_skipped_since(text, text, timestamptz) IS
	'why the last run of a leaderboard was skipped; null: it was not, or there is none since that moment';

CREATE FUNCTION bixarena.health_judge_age(
	leaderboard_id text,
	arena text,
	latest timestamptz,
	due timestamptz[],
	paused_by text,
	future text)
RETURNS bixarena.health_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- due: the last times that a snapshot was due, the latest first; future: what
	-- there is to say of snapshots dated in the future, beside which no age tells
	unscheduled integer := (bixarena.health_limits()).unscheduled_hours;
	since timestamptz := coalesce(due[1], now() - make_interval(hours => unscheduled));
	excuse text := 'paused by the setting enabled of the ' || paused_by;
	result bixarena.health_row;
BEGIN
	IF excuse IS NULL AND (latest >= since) IS NOT TRUE THEN
		excuse := bixarena.health_skipped_since(leaderboard_id, arena, since);
	END IF;
	result.check_name := 'snapshot_age';
	result.leaderboard_id := leaderboard_id;
	result.status := bixarena.health_grade(
		future IS NOT NULL OR excuse IS NULL AND (latest >= since) IS NOT TRUE,
		excuse IS NULL AND latest < due[2]);
	result.figure := round(bixarena.health_age(latest)::numeric / 3600, 1);
	result.unit := 'hours';
	result.message := CASE
		WHEN future IS NOT NULL THEN future
		WHEN excuse IS NOT NULL THEN excuse
		WHEN latest IS NULL THEN 'there is no public snapshot'
		WHEN due[1] IS NULL THEN format(
			'there is no schedule that can be read; the latest public snapshot is %s than %s hours',
			CASE WHEN latest >= since THEN 'younger' ELSE 'older' END, unscheduled)
		WHEN latest >= since THEN format(
			'a public snapshot has come since one was due at %s', bixarena.text_utc(due[1]))
		WHEN latest < due[2] THEN format(
			'no public snapshot has come since two were due, at %s and %s',
			bixarena.text_utc(due[2]), bixarena.text_utc(due[1]))
		ELSE format('no public snapshot has come since one was due at %s',
			bixarena.text_utc(due[1])) END;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.health_judge_age(text, text, timestamptz, timestamptz[], text, text) IS
	'is the latest public snapshot of a leaderboard as young as its schedule says?';

CREATE FUNCTION bixarena.health_snapshot_age(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		WITH due AS MATERIALIZED (
			SELECT t.leaderboard, t.due
			FROM bixarena.health_limits() AS limits,
				bixarena.cron_due_times(arena, now() - make_interval(hours => limits.grace_hours)) AS t
		), board AS MATERIALIZED (
			SELECT s.* FROM bixarena.health_public_snapshots(arena) AS s
		)
		SELECT a.*
		FROM board AS l
		LEFT JOIN bixarena.setting_pauses(arena, ARRAY(SELECT b.leaderboard FROM board AS b)) AS p
			ON p.leaderboard = l.leaderboard
		LEFT JOIN bixarena.health_future_snapshots(arena) AS f ON f.leaderboard = l.leaderboard
		CROSS JOIN LATERAL (
			SELECT array_agg(DISTINCT d.due ORDER BY d.due DESC) AS times
			FROM due AS d WHERE d.leaderboard IS NULL OR d.leaderboard = l.leaderboard
		) AS d
		CROSS JOIN LATERAL bixarena.health_judge_age(l.leaderboard, arena, l.latest, d.times,
			p.source, f.message) AS a
		ORDER BY l.leaderboard COLLATE "C";
END
$$;
COMMENT ON FUNCTION bixarena.health_snapshot_age(text) IS
	'are the latest public snapshots as young as their schedule says?';

CREATE FUNCTION bixarena.health_failed_runs(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT 'failed_runs', NULL::text, bixarena.health_grade(failed > 0, failed > limits.failed_critical),
			failed::double precision, 'runs',
			format('%s of %s runs of the last %s days failed', failed, ended, limits.failed_days)
				|| CASE WHEN failed > 0 THEN '; bixarena_runs(status => ''failed'') lists them'
					ELSE '' END
		FROM bixarena.health_limits() AS limits
		CROSS JOIN LATERAL bixarena.health_ended_runs(arena, limits.failed_days) AS counts;
END
$$;
COMMENT ON FUNCTION bixarena.health_failed_runs(text) IS 'have runs failed lately?';

CREATE FUNCTION bixarena.health_waiting_runs(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT 'waiting_runs', NULL::text,
			bixarena.health_grade(minutes > limits.waiting_warning, minutes > limits.waiting_critical),
			round(minutes::numeric, 1)::double precision, 'minutes',
			CASE WHEN waiting = 0 THEN 'no run waits in the queue'
				ELSE format('runs in the queue: %s; the first has waited for %s minutes',
					waiting, trunc(minutes)) END
				|| CASE WHEN minutes > limits.waiting_warning
					THEN '; CALL bixarena_process_requests() makes them' ELSE '' END
		FROM bixarena.health_limits() AS limits
		CROSS JOIN bixarena.health_queue(arena) AS queue
		CROSS JOIN LATERAL (SELECT queue.seconds / 60) AS m (minutes);
END
$$;
COMMENT ON FUNCTION bixarena.health_waiting_runs(text) IS
	'do requests wait longer than they should?';

CREATE FUNCTION bixarena.health_abandoned_runs(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
DECLARE
	abandoned bigint;
BEGIN
	IF pg_is_in_recovery() THEN
		RETURN QUERY SELECT 'abandoned_runs', NULL::text, 'ok', NULL::double precision, 'runs',
			'a standby cannot tell which runs are worked at';
		RETURN;
	END IF;
	SELECT count(*) INTO abandoned FROM bixarena.run AS r
	WHERE r.arena = health_abandoned_runs.arena AND r.status = 'running'
		AND bixarena.run_is_abandoned(r.correlation_id);
	RETURN QUERY SELECT 'abandoned_runs', NULL::text, bixarena.health_grade(abandoned > 0, false),
		abandoned::double precision, 'runs',
		CASE WHEN abandoned = 0 THEN 'every run in status running is being worked at'
			ELSE format('runs in status running that no process works at: %s;'
				' CALL bixarena_process_requests() takes them up', abandoned) END;
END
$$;
COMMENT ON FUNCTION bixarena.health_abandoned_runs(text) IS
	'are there runs in status running that no process works at?';

CREATE FUNCTION bixarena.health_cron_job(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	missing text := 'pg_cron cannot be seen from here: it is not in database "%s", or role "%s" may not read its tables';
BEGIN
	IF bixarena.cron_can_read() THEN
		RETURN QUERY
			SELECT 'cron_job', j.leaderboard,
				bixarena.health_grade(NOT j.active, d.status = 'failed'),
				round(bixarena.health_age(d.ended_at)::numeric / 3600, 1)::double precision, 'hours',
				CASE WHEN j.active THEN '' ELSE 'the job is not active; ' END
					|| CASE WHEN d.status = 'failed' THEN 'the last run of the job failed'
						|| coalesce(': ' || left(d.return_message, 200), '')
					WHEN d.status IS NULL THEN 'no outcome of the job is on record yet'
					ELSE 'the last run of the job succeeded' END
			FROM bixarena.cron_jobs(arena) AS j
			LEFT JOIN LATERAL (
				SELECT c.status,
					nullif(regexp_replace(c.return_message, '[[:space:]]+', ' ', 'g'), ''),
					coalesce(c.end_time, c.start_time)
				FROM cron.job_run_details AS c
				WHERE c.jobid = j.jobid AND c.status IN ('succeeded', 'failed')
				ORDER BY c.runid DESC LIMIT 1
			) AS d (status, return_message, ended_at) ON true;
		missing := 'in database "%s", role "%s" sees no job of pg_cron named "bixarena_rank %s";'
			' bixarena_schedule() makes it';
	END IF;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'cron_job', NULL::text, 'warning', NULL::double precision, 'hours',
			format(missing, current_database(), current_user, arena);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.health_cron_job(text) IS
	'is the job of pg_cron there and active, and how did it end last?';

CREATE FUNCTION bixarena.health_success_share(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT 'success_share', NULL::text,
			bixarena.health_grade(share < limits.share_warning, share < limits.share_critical),
			round(share::numeric, 2)::double precision, 'percent',
			CASE WHEN ended = 0 THEN format('no run of the last %s days has ended', limits.share_days)
				ELSE format('%s of %s runs of the last %s days succeeded or were skipped',
					good, ended, limits.share_days) END
		FROM bixarena.health_limits() AS limits
		CROSS JOIN LATERAL bixarena.health_ended_runs(arena, limits.share_days) AS counts
		CROSS JOIN LATERAL (SELECT ended - failed, 100.0 * (ended - failed) / nullif(ended, 0))
			AS s (good, share);
END
$$;
COMMENT ON FUNCTION bixarena.health_success_share(text) IS 'do nearly all runs go well?';

CREATE FUNCTION bixarena.health_duration_spread(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- each duration in medians of its own leaderboard
	RETURN QUERY
		WITH summary AS (
			SELECT count(*) AS runs, percentile_cont((bixarena.health_limits()).spread_quantile)
				WITHIN GROUP (ORDER BY d.seconds / usual.seconds) AS spread
			FROM bixarena.health_durations(arena) AS d
			JOIN bixarena.health_usual_durations(arena) AS usual USING (leaderboard)
			WHERE usual.seconds > 0
		)
		SELECT 'duration_spread', NULL::text,
			bixarena.health_grade(runs >= limits.spread_runs AND spread > limits.spread_warning, false),
			CASE WHEN runs >= limits.spread_runs THEN round(spread::numeric, 2)::double precision END,
			'medians',
			CASE WHEN runs < limits.spread_runs THEN format(
					'%s runs of the last %s days succeeded; fewer than %s do not tell',
					runs, limits.spread_days, limits.spread_runs)
				ELSE format('%s %% of %s runs of the last %s days took up to %s times as long'
					' as is usual for their leaderboard', 100 * limits.spread_quantile, runs,
					limits.spread_days, round(spread::numeric, 2)) END
		FROM summary, bixarena.health_limits() AS limits;
END
$$;
COMMENT ON FUNCTION bixarena.health_duration_spread(text) IS
	'do runs take about as long as they usually do?';

CREATE FUNCTION bixarena.health_far_side(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	server name;
	detail text;
BEGIN
	SELECT s.srvname INTO server
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	JOIN pg_foreign_table AS t ON t.ftrelid = c.oid
	JOIN pg_foreign_server AS s ON s.oid = t.ftserver
	WHERE n.nspname = arena AND c.relname = 'leaderboard_snapshot';
	IF server IS NULL THEN
		RETURN;
	END IF;
	PERFORM l.id FROM bixarena.read_leaderboards(arena) AS l LIMIT 1;
	RETURN QUERY SELECT 'far_side', NULL::text, 'ok', NULL::double precision, NULL::text,
		format('server "%s", which has the tables of the arena, answers', server);
EXCEPTION WHEN connection_exception OR admin_shutdown OR crash_shutdown OR cannot_connect_now
	OR fdw_error THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN QUERY SELECT 'far_side', NULL::text, 'critical', NULL::double precision, NULL::text,
		format('server "%s", which has the tables of the arena, cannot be reached: %s', server,
			regexp_replace(concat_ws(': ', SQLERRM, nullif(detail, '')), '[[:space:]]+', ' ', 'g'));
END
$$;
COMMENT ON FUNCTION bixarena.health_far_side(text) IS
	'can the server be reached that has the tables of an arena, where that is another?';

CREATE FUNCTION bixarena.health_checks(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	far_side bixarena.health_row := (SELECT c FROM bixarena.health_far_side(arena) AS c);
BEGIN
	IF far_side.status IS NOT NULL THEN
		RETURN NEXT far_side;
	END IF;
	IF far_side.status IS DISTINCT FROM 'critical' THEN
		RETURN QUERY SELECT c.* FROM bixarena.health_snapshot_age(arena) AS c;
	END IF;
	RETURN QUERY SELECT c.* FROM bixarena.health_failed_runs(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_waiting_runs(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_abandoned_runs(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_cron_job(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_success_share(arena) AS c;
	RETURN QUERY SELECT c.* FROM bixarena.health_duration_spread(arena) AS c;
	IF far_side.status IS DISTINCT FROM 'critical' THEN
		RETURN QUERY SELECT c.* FROM bixarena.live_health(arena) AS c;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.health_checks(text) IS 'all checks of an arena, one after the other';

CREATE FUNCTION bixarena_health(arena text DEFAULT NULL)
RETURNS TABLE (
	check_name text,
	leaderboard_id text,
	status text,
	figure double precision,
	unit text,
	message text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF bixarena.scoreboard_exists(arena) THEN
		RETURN QUERY SELECT c.* FROM bixarena.scoreboard_health(arena) AS c;
	ELSE
		RETURN QUERY SELECT c.* FROM bixarena.health_checks(bixarena.arena_resolve(arena)) AS c;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_health(text) IS
	'is the arena, or the scoreboard, well? snapshots, runs, queue and schedule, each with a status';
CREATE FUNCTION bixarena_live(
	leaderboard_id text,
	num_bootstrap bigint DEFAULT 200,
	arena text DEFAULT NULL)
RETURNS TABLE (
	model text,
	bt_score double precision,
	rank integer,
	bootstrap_q025 double precision,
	bootstrap_q975 double precision,
	vote_count bigint,
	status text)
AS 'MODULE_PATHNAME', 'bixarena_live'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_live(text, bigint, text) IS
	'the ranking of a leaderboard at this moment, written nowhere';
-- it reads the battles as snapshots do
REVOKE ALL ON FUNCTION bixarena_live(text, bigint, text) FROM PUBLIC;

/*
 * Health.
 */

CREATE FUNCTION bixarena.live_health(arena text)
RETURNS SETOF bixarena.health_row
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'kept_tally', NULL::text,
		bixarena.health_grade(s.lost IS NOT NULL OR s.doubt IS NOT NULL, s.differences > 0),
		s.log_bytes::double precision, 'bytes',
		concat_ws('; ',
			CASE WHEN s.lost IS NOT NULL THEN format(
					'changes of the battles are not followed, and every run counts them: %s', s.lost)
				WHEN s.doubt IS NOT NULL THEN format('the next run counts all battles: %s', s.doubt)
				ELSE format('folded %s', bixarena.text_utc(s.folded_at)) END,
			CASE WHEN s.recounted_at IS NOT NULL THEN format('all battles were counted %s: %s',
				bixarena.text_utc(s.recounted_at), s.recounted_why) END,
			CASE WHEN s.verified_at IS NOT NULL THEN format('verified %s: %s rows differed',
				bixarena.text_utc(s.verified_at), s.differences) END)
	FROM bixarena.live_state(arena) AS s
	UNION ALL
	SELECT 'kept_tally', NULL, 'warning', NULL, 'bytes',
		format('schema "%s" is gone, or is not of the arena''s owner: every run counts the battles', k.schema)
	FROM bixarena.kept_tally AS k
	JOIN pg_namespace AS n ON n.nspname = k.arena AND has_schema_privilege(n.oid, 'USAGE')
	WHERE k.arena = live_health.arena AND NOT EXISTS (SELECT FROM bixarena.live_state(k.arena) AS s)
	UNION ALL
	-- an arena that was renamed has left its triggers on the tables
	SELECT 'kept_tally', NULL, 'warning', NULL, 'bytes',
		format('the tally of arena "%s", which is gone, is still being kept: bixarena_drop_tally(%L) ends that', k.arena, k.arena)
	FROM bixarena.kept_tally AS k
	WHERE to_regnamespace(quote_ident(k.arena)) IS NULL AND EXISTS (
		SELECT FROM bixarena.live_found_triggers(k.schema) AS f
		JOIN pg_class AS c ON c.oid = f.relation
		WHERE c.relnamespace = to_regnamespace(quote_ident(live_health.arena)))
$$;
COMMENT ON FUNCTION bixarena.live_health(text) IS 'is a kept tally up to date, and trusted?';

/*
 * The leaderboards of an arena, with the caller's rights.
 */

CREATE FUNCTION bixarena_leaderboards(arena text DEFAULT NULL)
RETURNS TABLE (
	leaderboard_id text,
	name text,
	snapshot_identifier text,
	created_at timestamptz,
	entry_count bigint,
	vote_count bigint,
	next_due timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	RETURN QUERY
		WITH l AS MATERIALIZED (
			SELECT r.* FROM bixarena.read_leaderboards(found_arena) AS r
		), s AS MATERIALIZED (
			SELECT r.* FROM bixarena.read_snapshots(found_arena, NULL, 'infinity') AS r
		), e AS (
			SELECT r.snapshot_id, count(*) AS entries, sum(r.vote_count)::bigint AS votes
			FROM bixarena.read_entries(found_arena, ARRAY(SELECT s.id FROM s)) AS r
			GROUP BY r.snapshot_id
		), due AS MATERIALIZED (
			SELECT j.leaderboard, bixarena.cron_time(j.schedule, now(), true) AS moment
			FROM bixarena.cron_jobs(found_arena) AS j WHERE j.active
		)
		SELECT l.slug, l.name, s.snapshot_identifier, s.created_at,
			CASE WHEN s.id IS NOT NULL THEN coalesce(e.entries, 0) END, e.votes,
			(SELECT min(d.moment) FROM due AS d
			WHERE p.leaderboard IS NULL AND (d.leaderboard IS NULL OR d.leaderboard = l.slug))
		FROM l
		LEFT JOIN s ON s.leaderboard_id = l.id
		LEFT JOIN e ON e.snapshot_id = s.id
		LEFT JOIN bixarena.setting_pauses(found_arena, ARRAY(SELECT l.slug FROM l)) AS p
			ON p.leaderboard = l.slug
		ORDER BY l.slug <> 'overall', l.slug COLLATE "C";
END
$$;
COMMENT ON FUNCTION bixarena_leaderboards(text) IS
	'the leaderboards of an arena, each with its latest public snapshot and when the next is due';

/*
 * Metrics, for Prometheus: numbers that bixarena_health() judges, and its
 * judgement.  With the caller's rights, and nothing here writes.
 *
 * A metric is there or is absent; it is never null or NaN.  Names and labels
 * together are unique, and leaderboards are the only labels that can be many.
 */

CREATE TYPE bixarena.metric AS (
	name text,
	labels jsonb,
	value double precision
);
COMMENT ON TYPE bixarena.metric IS 'a number that is watched';

CREATE FUNCTION bixarena.metrics_help()
RETURNS TABLE (name text, help text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
	-- the one list of all metrics: what is not here is not shown
	SELECT v.name, v.help
	FROM bixarena.health_limits() AS limits
	CROSS JOIN LATERAL (VALUES
		('bixarena_extension_info', 'Version of bixarena_rank, as a label; always 1.'),
		('bixarena_arena_up', '1 if all metrics of the arena could be read, 0 if it is gone or broken.'),
		('bixarena_failed_runs', format(
			'Runs of the last %s days that failed.', limits.failed_days)),
		('bixarena_failed_runs_max', 'More failed runs than this are critical.'),
		('bixarena_dead_requests', format(
			'Requests of the last %s days whose runs failed for good.', limits.failed_days)),
		('bixarena_dead_requests_max', 'More dead requests than this need somebody.'),
		('bixarena_waiting_runs', 'Runs in the queue.'),
		('bixarena_waiting_age_seconds', 'How long the first run in the queue has waited; 0 if there is none.'),
		('bixarena_abandoned_runs', 'Runs in status running that no process works at.'),
		('bixarena_success_ratio', format(
			'Share of the ended runs of the last %s days that succeeded or were skipped.',
			limits.share_days)),
		('bixarena_success_ratio_min', 'A lesser share needs somebody.'),
		('bixarena_health_status', 'Status of a check of bixarena_health(): 0 ok, 1 warning, 2 critical.'),
		('bixarena_snapshot_late', '1 if the latest public snapshot is older than the schedule says, with no excuse.'),
		('bixarena_snapshot_age_seconds', 'Age of the latest public snapshot.'),
		('bixarena_last_run_failed', '1 if the last run that has ended failed, else 0.'),
		('bixarena_last_success_duration_seconds', 'How long the last successful run took.'),
		('bixarena_last_success_entries', 'Models that the last successful run ranked.'),
		('bixarena_last_success_evaluations', 'Battles that the last successful run used.'),
		('bixarena_usual_duration_min_seconds', 'A shorter run is unusual for the leaderboard.'),
		('bixarena_usual_duration_max_seconds', 'A longer run is unusual for the leaderboard.'),
		('bixarena_score_events_total', 'Score messages that were applied.'),
		('bixarena_score_dead_letters', 'Score messages that are dead.'),
		('bixarena_score_dead_letters_max', 'More dead messages than this are critical.'),
		('bixarena_score_waiting_messages', 'Score messages in the queue.'),
		('bixarena_score_waiting_age_seconds', 'How long the first message in the queue has waited; 0 if there is none.'),
		('bixarena_score_refused_uploads', 'Files of the last seven days that were refused, and that no better ones have come for.')
	) AS v (name, help)
$$;
COMMENT ON FUNCTION bixarena.metrics_help() IS 'the metrics that there are';

CREATE FUNCTION bixarena.metrics_of_runs(arena text)
RETURNS SETOF bixarena.metric
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 9
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT v.name, jsonb_build_object('arena', arena), v.value
		FROM bixarena.health_limits() AS limits
		CROSS JOIN bixarena.health_queue(arena) AS queue
		CROSS JOIN bixarena.health_abandoned_runs(arena) AS abandoned
		CROSS JOIN LATERAL bixarena.health_ended_runs(arena, limits.failed_days) AS lately
		CROSS JOIN LATERAL bixarena.health_ended_runs(arena, limits.share_days) AS share
		CROSS JOIN LATERAL (VALUES
			('bixarena_failed_runs', lately.failed::double precision),
			('bixarena_failed_runs_max', limits.failed_critical),
			('bixarena_dead_requests', lately.dead_requests),
			('bixarena_dead_requests_max', limits.dead_requests),
			('bixarena_waiting_runs', queue.waiting),
			('bixarena_waiting_age_seconds', queue.seconds),
			('bixarena_abandoned_runs', abandoned.figure),
			('bixarena_success_ratio',
				(share.ended - share.failed)::double precision / nullif(share.ended, 0)),
			('bixarena_success_ratio_min', limits.share_warning / 100)
		) AS v (name, value)
		WHERE v.value IS NOT NULL;
END
$$;
COMMENT ON FUNCTION bixarena.metrics_of_runs(text) IS
	'metrics of an arena that the record of runs tells, whatever has become of its tables';

CREATE FUNCTION bixarena.metrics_of_health(arena text)
RETURNS SETOF bixarena.metric
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 40
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		WITH health AS MATERIALIZED (
			-- two roles can have a job of the same name
			SELECT h.check_name, h.leaderboard_id,
				max(array_position('{ok,warning,critical}', h.status) - 1) AS status
			FROM bixarena.health_checks(arena) AS h
			GROUP BY h.check_name, h.leaderboard_id
		)
		SELECT 'bixarena_health_status', jsonb_strip_nulls(jsonb_build_object('arena', arena,
			'check', h.check_name, 'leaderboard', h.leaderboard_id)), h.status::double precision
		FROM health AS h
		UNION ALL
		SELECT 'bixarena_snapshot_late',
			jsonb_build_object('arena', arena, 'leaderboard', h.leaderboard_id), least(h.status, 1)
		FROM health AS h WHERE h.check_name = 'snapshot_age';
END
$$;
COMMENT ON FUNCTION bixarena.metrics_of_health(text) IS 'what bixarena_health() says, in numbers';

CREATE FUNCTION bixarena.metrics_of_leaderboards(arena text)
RETURNS SETOF bixarena.metric
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
BEGIN
	-- of runs those of now, not those of the past (as_of)
	RETURN QUERY
		SELECT v.name, jsonb_build_object('arena', arena, 'leaderboard', s.leaderboard), v.value
		FROM bixarena.health_limits() AS limits
		CROSS JOIN bixarena.health_public_snapshots(arena) AS s
		LEFT JOIN LATERAL (
			SELECT greatest(extract(epoch FROM r.ended_at - r.started_at), 0)::double precision AS seconds,
				r.entry_count, r.evaluation_count
			FROM bixarena.run AS r
			WHERE r.arena = metrics_of_leaderboards.arena AND r.leaderboard = s.leaderboard
				AND r.status = 'succeeded' AND r.parameters ->> 'as_of' IS NULL
			ORDER BY r.requested_at DESC LIMIT 1
		) AS good ON true
		LEFT JOIN LATERAL (
			SELECT (r.status = 'failed')::integer AS failed
			FROM bixarena.run AS r
			WHERE r.arena = metrics_of_leaderboards.arena AND r.leaderboard = s.leaderboard
				AND r.status NOT IN ('queued', 'running') AND r.parameters ->> 'as_of' IS NULL
			ORDER BY r.requested_at DESC LIMIT 1
		) AS last ON true
		LEFT JOIN bixarena.health_usual_durations(arena) AS usual
			ON usual.leaderboard = s.leaderboard AND usual.runs >= limits.usual_runs
		CROSS JOIN LATERAL (VALUES
			('bixarena_snapshot_age_seconds', bixarena.health_age(s.latest)),
			('bixarena_last_run_failed', last.failed),
			('bixarena_last_success_duration_seconds', good.seconds),
			('bixarena_last_success_entries', good.entry_count),
			('bixarena_last_success_evaluations', good.evaluation_count),
			('bixarena_usual_duration_min_seconds', CASE WHEN usual.seconds IS NOT NULL
				THEN greatest(usual.seconds / limits.spread_warning - limits.usual_seconds, 0) END),
			('bixarena_usual_duration_max_seconds',
				usual.seconds * limits.spread_warning + limits.usual_seconds)
		) AS v (name, value)
		WHERE v.value IS NOT NULL;
END
$$;
COMMENT ON FUNCTION bixarena.metrics_of_leaderboards(text) IS
	'metrics of each leaderboard of an arena';

CREATE FUNCTION bixarena.metrics_within(arena text, milliseconds integer)
RETURNS SETOF bixarena.metric
AS 'MODULE_PATHNAME', 'bixarena_metrics_within'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 150
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.metrics_within(text, integer) IS
	'metrics that need the relations of an arena: all of them, or none if they cannot be read in this time';

CREATE FUNCTION bixarena.metrics_can_read(arena text)
RETURNS boolean
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (SELECT count(*) = 2
		FROM pg_class AS c
		WHERE c.relnamespace = to_regnamespace(quote_ident(arena))
			AND c.relname IN ('leaderboard', 'leaderboard_snapshot')
			AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND (has_table_privilege(c.oid, 'SELECT')
				OR has_any_column_privilege(c.oid, 'SELECT')));
END
$$;
COMMENT ON FUNCTION bixarena.metrics_can_read(text) IS
	'are there the relations of an arena that metrics need, and may the caller read them?';

CREATE FUNCTION bixarena.metrics_rows()
RETURNS SETOF bixarena.metric
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000
SET search_path = pg_catalog, pg_temp
-- compiling takes longer than such queries, and nothing ends it
SET jit = off
AS $$
DECLARE
	watched record;
	found_metrics bixarena.metric[];
	began timestamptz;
	-- What arenas that cannot be read in time may cost all together, in milliseconds.
	-- Each gets a part of what is left, so that there always is something left.
	spare double precision := 8000;
	part constant double precision := 0.2;
BEGIN
	RETURN QUERY
		SELECT 'bixarena_extension_info', jsonb_build_object('version', e.extversion),
			1.0::double precision
		FROM pg_extension AS e WHERE e.extname = 'bixarena_rank';
	FOR watched IN
		SELECT a.name::text AS arena, n.oid IS NOT NULL AS is_there
		FROM bixarena.arena AS a
		LEFT JOIN pg_namespace AS n ON n.nspname = a.name
		WHERE n.oid IS NULL OR has_schema_privilege(n.oid, 'USAGE')
		ORDER BY a.name
	LOOP
		found_metrics := '{}';
		IF watched.is_there THEN
			RETURN QUERY SELECT m.* FROM bixarena.metrics_of_runs(watched.arena) AS m;
		END IF;
		IF bixarena.metrics_can_read(watched.arena) THEN
			began := clock_timestamp();
			found_metrics := ARRAY(SELECT m FROM bixarena.metrics_within(watched.arena,
				greatest(spare * part, 1)::integer) AS m);
			IF found_metrics = '{}' THEN
				spare := greatest(spare
					- 1000 * extract(epoch FROM clock_timestamp() - began), 0);
			END IF;
			RETURN QUERY SELECT m.* FROM unnest(found_metrics) AS m;
		END IF;
		RETURN QUERY SELECT 'bixarena_arena_up', jsonb_build_object('arena', watched.arena),
			(found_metrics <> '{}')::integer::double precision;
	END LOOP;
	RETURN QUERY SELECT s.name, s.labels, s.value FROM bixarena.scoreboard_metrics() AS s;
END
$$;
COMMENT ON FUNCTION bixarena.metrics_rows() IS
	'all metrics, of all arenas whose schemas are open to the caller or gone';

-- text of a view has no search_path of its own
CREATE VIEW bixarena.metrics WITH (security_invoker = true) AS
SELECT m.name, m.labels, m.value, h.help
FROM bixarena.metrics_rows() AS m
JOIN bixarena.metrics_help() AS h ON h.name OPERATOR(pg_catalog.=) m.name;
COMMENT ON VIEW bixarena.metrics IS
	'numbers to watch of all arenas that are open to the reader; see contrib/prometheus';
COMMENT ON COLUMN bixarena.metrics.name IS 'name of the metric, for Prometheus';
COMMENT ON COLUMN bixarena.metrics.labels IS
	'what it is of: names and values, all of them texts';
COMMENT ON COLUMN bixarena.metrics.value IS 'the number, now';
COMMENT ON COLUMN bixarena.metrics.help IS 'what the metric means';

/*
 * Pages: one self-contained file of XHTML each, which a browser takes for HTML.
 */

CREATE FUNCTION bixarena.page_style()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- charts come twice, laid out for a wide page and for one so narrow that it
	-- would make their letters too small
	SELECT ':root{color-scheme:light dark}'
		'*{box-sizing:border-box}'
		'body{margin:0;background:#ffffff;color:#1b1e23;font:16px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}'
		'header,main,footer{max-width:992px;margin:0 auto;padding:0 16px}'
		'h1{font-size:1.8rem;line-height:1.2;margin:1.5rem 0 .5rem}'
		'h2{font-size:1.25rem;margin:2.5rem 0 .5rem}'
		'p,ul,dl{max-width:72ch;overflow-wrap:anywhere}'
		'.muted,caption,dt{color:#565b63}'
		'table{border-collapse:collapse;width:100%;font-size:.9375rem;font-variant-numeric:tabular-nums}'
		'caption{text-align:left;padding-bottom:6px}'
		'th,td{text-align:left;vertical-align:top;padding:5px 12px 5px 0;border-bottom:1px solid #d8dbe0;overflow-wrap:break-word}'
		'thead th{border-bottom:2px solid #8a9099}'
		'tbody th{font-weight:600;min-width:6.5em;overflow-wrap:anywhere}td.text{overflow-wrap:anywhere;min-width:7em}'
		'.number{text-align:right}td.number{white-space:nowrap}'
		'th:last-child,td:last-child{padding-right:0}'
		'dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px}dd{margin:0;overflow-wrap:anywhere}'
		'th.board{width:24%}td.models{width:26%}.models div{padding-left:1.1em;text-indent:-1.1em}'
		'a{color:#0b5cad}'
		'.skip{position:absolute;left:-999px}.skip:focus{position:static}'
		'.state{font-weight:600;white-space:nowrap}.state.bad{color:#b3261e}.state.fair{color:#8a4b00}.state.good{color:#1b6e3c}'
		'svg{display:block;max-width:100%;height:auto}.narrow{display:none}'
		'table+.wide,.narrow+.wide,.narrow+table,table+table,.wide+.narrow{margin-top:1.5rem}'
		'footer{padding-top:1rem;padding-bottom:2rem;margin-top:3rem;border-top:1px solid #d8dbe0;font-size:.875rem}'
		'@media (max-width:920px){.wide{display:none}.narrow{display:block}}'
		'@media (max-width:700px){th.board{width:30%}td.models{width:35%}body{font-size:15px}table{font-size:.875rem}th,td{padding-right:8px}td.text{min-width:5em}.aside{display:none}'
			'dl{grid-template-columns:1fr}dd{margin-bottom:8px}}'
		'@media screen and (prefers-color-scheme:dark){body{background:#14171c;color:#e8eaed}'
			'.muted,caption,dt{color:#a8aeb8}th,td,footer{border-color:#343a43}thead th{border-color:#7c838d}a{color:#5cb3ff}'
			'.state.bad{color:#ff8a80}.state.fair{color:#f5a742}.state.good{color:#7fd8a0}}'
		'@media print{body{font-size:10pt}h2{break-after:avoid}tr,svg{break-inside:avoid}'
			'.wide{display:block}.narrow{display:none}.aside{display:table-cell}.skip{display:none}}'
$$;
COMMENT ON FUNCTION bixarena.page_style() IS 'the style sheet of a page';

CREATE FUNCTION bixarena.page_html(title text, header text, body text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format(E'<!DOCTYPE html>'
		'\n<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8"/>'
		'<meta name="viewport" content="width=device-width, initial-scale=1"/>'
		'<title>%s</title><style>%s</style></head>'
		'\n<body><a class="skip" href="#main">To the content</a>'
		'\n<header><h1>%1$s</h1>%3$s</header>\n<main id="main">%4$s</main>'
		'\n<footer><p class="muted">Made at %5$s by bixarena_rank %6$s.</p></footer></body></html>\n',
		bixarena.text_escape(title), bixarena.page_style(), header, body,
		bixarena.text_utc(now()),
		(SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'))
$$;
COMMENT ON FUNCTION bixarena.page_html(text, text, text) IS 'a page of HTML';

CREATE FUNCTION bixarena.page_section(title text, body text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format(E'\n<section aria-label="%1$s"><h2>%1$s</h2>%2$s</section>',
		bixarena.text_escape(title), body)
$$;
COMMENT ON FUNCTION bixarena.page_section(text, text) IS 'a part of a page';

CREATE FUNCTION bixarena.page_charts(wide text, narrow text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<div class="wide">%s</div><div class="narrow">%s</div>', wide, narrow)
$$;
COMMENT ON FUNCTION bixarena.page_charts(text, text) IS
	'a chart for wide pages and for narrow ones';

CREATE FUNCTION bixarena.page_widths(OUT wide integer, OUT narrow integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 960, 358
$$;
COMMENT ON FUNCTION bixarena.page_widths() IS 'widths of the charts in a page';

CREATE FUNCTION bixarena.page_table(caption text, head text, rows text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format(E'<table><caption>%s</caption><thead><tr>%s</tr></thead>\n<tbody>%s</tbody></table>',
		bixarena.text_escape(caption), head, rows)
$$;
COMMENT ON FUNCTION bixarena.page_table(text, text, text) IS
	'a table of a page; null: it has no rows';

CREATE FUNCTION bixarena.page_heads(VARIADIC columns text[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- "#" before a name: a column of numbers; "?": one that narrow pages leave out
	SELECT string_agg(format('<th scope="col"%s>%s</th>',
		' class="' || nullif(concat_ws(' ', CASE WHEN c ~ '^[?]?#' THEN 'number' END,
			CASE WHEN c ~ '^#?[?]' THEN 'aside' END), '') || '"',
		bixarena.text_escape(ltrim(c, '#?'))), '' ORDER BY n)
	FROM unnest(columns) WITH ORDINALITY AS u (c, n)
$$;
COMMENT ON FUNCTION bixarena.page_heads(text[]) IS 'the heads of a table''s columns';

CREATE FUNCTION bixarena.page_cell(value text, class text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<td%s>%s</td>', ' class="' || class || '"',
		coalesce(bixarena.text_escape(value), ''))
$$;
COMMENT ON FUNCTION bixarena.page_cell(text, text) IS 'a cell of a table';

CREATE FUNCTION bixarena.page_facts(VARIADIC pairs text[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a term, what is to be said of it, the next term; nulls are left out
	SELECT format('<dl>%s</dl>', string_agg(format('<dt>%s</dt><dd>%s</dd>',
		bixarena.text_escape(pairs[n]), bixarena.text_escape(pairs[n + 1])), '' ORDER BY n))
	FROM generate_series(1, cardinality(pairs), 2) AS n
	WHERE pairs[n + 1] IS NOT NULL
$$;
COMMENT ON FUNCTION bixarena.page_facts(text[]) IS 'a list of terms and what is to be said of them';

CREATE FUNCTION bixarena.page_paragraph(value text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<p>%s</p>', bixarena.text_escape(value))
$$;
COMMENT ON FUNCTION bixarena.page_paragraph(text) IS 'a paragraph of a page';

CREATE FUNCTION bixarena.page_rank_change(change integer)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- said in a word, too, for those who do not see the sign
	SELECT CASE
		WHEN change IS NULL THEN '<span class="muted">new</span>'
		WHEN change = 0 THEN '<span class="muted">=</span>'
		WHEN change > 0 THEN format('<span class="state good" title="up">&#9650; %s</span>', change)
		ELSE format('<span class="state bad" title="down">&#9660; %s</span>', -change) END
$$;
COMMENT ON FUNCTION bixarena.page_rank_change(integer) IS
	'markup of ranks gained or lost';

CREATE FUNCTION bixarena.page_board_name(name text, slug text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a heading and a link need something to be seen
	SELECT coalesce(nullif(btrim(name), ''), nullif(btrim(slug), ''), 'Leaderboard')
$$;
COMMENT ON FUNCTION bixarena.page_board_name(text, text) IS 'what a leaderboard is called in a page';

CREATE FUNCTION bixarena.page_state(status text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<span class="state %s">%s</span>', CASE
		WHEN status IN ('failed', 'critical', 'refused') THEN 'bad'
		WHEN status IN ('skipped', 'warning') THEN 'fair'
		WHEN status IN ('succeeded', 'ok', 'accepted') THEN 'good' ELSE 'open' END, status)
$$;
COMMENT ON FUNCTION bixarena.page_state(text) IS 'markup of the status of a run or a check';

/*
 * The report of a leaderboard: all there is to see of it on one page.
 */

CREATE FUNCTION bixarena.report_table(
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	since text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_table(
		format('Models by rank%s.%s', CASE WHEN cardinality(rows) < (rows[1]).total_count
				THEN ': ' || bixarena.chart_count(cardinality(rows), (rows[1]).total_count) ELSE '' END,
			coalesce(' Changes since snapshot ' || since || '.', '')),
		bixarena.page_heads(VARIADIC ARRAY['#Rank']
			|| CASE WHEN k.known THEN '{#Possible}'::text[] ELSE '{}' END
			|| CASE WHEN since IS NULL THEN '{}' ELSE '{#Change}'::text[] END
			|| '{Model,?Organization,?License,#Score,#?95 % interval}'
			-- on a phone there is room for either
			|| CASE WHEN k.known THEN '{#?Battles}'::text[] ELSE '{#Battles}' END),
		string_agg(concat(E'\n<tr>', bixarena.page_cell(r.rank::text, 'number'),
			CASE WHEN k.known
				THEN format('<td class="number">%s</td>', bixarena.chart_range_text(ranges[r.ordinality])) END,
			CASE WHEN since IS NOT NULL
				THEN format('<td class="number">%s</td>', bixarena.page_rank_change(r.rank_change)) END,
			format('<th scope="row"><bdi>%s</bdi></th>', bixarena.text_escape(r.model)),
			bixarena.page_cell(r.organization, 'text aside'), bixarena.page_cell(r.license, 'aside'),
			bixarena.page_cell(round(r.bt_score)::text, 'number'),
			bixarena.page_cell(format('%s to %s', bixarena.chart_bound_text(r.bootstrap_q025, r.bt_score),
				bixarena.chart_bound_text(r.bootstrap_q975, r.bt_score)), 'number aside'),
			bixarena.page_cell(r.vote_count::text, CASE WHEN k.known THEN 'number aside' ELSE 'number' END),
			'</tr>'), '' ORDER BY r.ordinality))
	FROM (SELECT bool_or(g.lowest_rank IS NOT NULL) FROM unnest(ranges) AS g) AS k (known),
		unnest(rows) WITH ORDINALITY AS r
	GROUP BY k.known
$$;
COMMENT ON FUNCTION bixarena.report_table(bixarena_leaderboard_row[], bixarena_leaderboard_range[], text) IS
	'a leaderboard as a table of a page';

CREATE FUNCTION bixarena.report_movers(movers bixarena_comparison_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bixarena.page_table('At most 20, the biggest movers first.',
		bixarena.page_heads('Model', '#Rank before', '#Rank now', '#Score', '#?Battles', '?Intervals'),
		string_agg(concat(E'\n<tr>',
			format('<th scope="row"><bdi>%s</bdi></th>', bixarena.text_escape(m.model)),
			bixarena.page_cell(coalesce(m.rank_before::text, 'new'), 'number'),
			bixarena.page_cell(coalesce(m.rank_after::text, 'gone'), 'number'),
			bixarena.page_cell(to_char(m.score_change, 'SGFM999990'), 'number'),
			bixarena.page_cell(to_char(m.battles_gained, 'SGFM9999999990'), 'number aside'),
			bixarena.page_cell(CASE WHEN m.intervals_part THEN 'part'
				WHEN NOT m.intervals_part THEN 'overlap' END, 'aside'), '</tr>'), '' ORDER BY n)),
		bixarena.page_paragraph('No rank has changed, and no model has come or gone.'))
	FROM (SELECT (u).* FROM unnest(movers) WITH ORDINALITY AS u
		(model, slug, status, rank_before, rank_after, rank_change, score_before, score_after,
		score_change, intervals_part, battles_gained, snapshot_before, snapshot_after, n)
		WHERE u.rank_change IS DISTINCT FROM 0 ORDER BY u.n LIMIT 20) AS m
$$;
COMMENT ON FUNCTION bixarena.report_movers(bixarena_comparison_row[]) IS
	'movers as a table of a page';

CREATE FUNCTION bixarena.report_unranked(unranked jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bixarena.page_table(format('Models that have battles and no rank%s.',
			CASE WHEN min(u.total) > count(*) THEN format(': the first %s of %s', count(*), min(u.total)) END),
		bixarena.page_heads('Model', 'Why', 'What it means'),
		string_agg(concat(E'\n<tr>',
			format('<th scope="row"><bdi>%s</bdi></th>', bixarena.text_escape(u.slug)),
			bixarena.page_cell(replace(u.status, '_', ' ')), bixarena.page_cell(m.meaning), '</tr>'), ''
			ORDER BY u.slug COLLATE "C")),
		bixarena.page_paragraph('Every model that has battles is ranked.'))
	FROM (SELECT e.key, e.value, count(*) OVER () FROM jsonb_each_text(unranked) AS e
		ORDER BY e.key COLLATE "C" LIMIT 200) AS u (slug, status, total)
	LEFT JOIN (VALUES
		('few_evaluations', 'It has fewer battles than are asked for (min_evaluations).'),
		('winless', 'It, or a group around it, never won or tied against the rest: nothing bounds its score from below.'),
		('undefeated', 'It, or a group around it, never lost or tied against the rest: nothing bounds its score from above.'),
		('disconnected', 'No chain of battles ties it to the ranked models.'),
		('separated', 'It lost to some and beat others that are not connected otherwise.'),
		('out_of_range', 'Its score lies too far from the others.')
	) AS m (status, meaning) USING (status)
$$;
COMMENT ON FUNCTION bixarena.report_unranked(jsonb) IS
	'models without a rank as a table of a page';

CREATE FUNCTION bixarena.report_term(kind text, terms jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(CASE
		WHEN t.status <> 'fitted' THEN 'not estimated: ' || t.status
		WHEN t.kind = 'ties' THEN format('of the battles of equals %s %% end in a tie (%s to %s)',
			to_char(100 / (1 + 2 / t.tie_odds), 'FM990.0'),
			to_char(100 / (1 + 2 * exp(-t.estimate_q025)), 'FM990.0'),
			to_char(100 / (1 + 2 * exp(-t.estimate_q975)), 'FM990.0'))
		ELSE format('%s%s points (%s to %s)', t.covariate || ': ',
			to_char(t.points, 'FMSG999990.0'),
			CASE WHEN abs(t.points_q025) = 'Infinity' THEN 'open' ELSE to_char(t.points_q025, 'FMSG999990.0') END,
			CASE WHEN abs(t.points_q975) = 'Infinity' THEN 'open' ELSE to_char(t.points_q975, 'FMSG999990.0') END)
		END, '; ')
	FROM bixarena.term_rows(terms) AS t WHERE t.kind = report_term.kind
$$;
COMMENT ON FUNCTION bixarena.report_term(text, jsonb) IS
	'what was found of what decides battles besides strengths, for a page';

CREATE FUNCTION bixarena.report_making(made bixarena.run)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_facts(
		'Run', made.correlation_id::text,
		'Asked for', concat_ws(', ', made.trigger_source, 'by ' || made.triggered_by,
			'as role ' || made.role),
		'Made', bixarena.text_utc(made.ended_at),
		'Took', round(extract(epoch FROM made.ended_at - made.started_at), 3) || ' seconds',
		'Battles used', made.evaluation_count::text,
		'Battles ignored', made.ignored_battles::text,
		'Intervals', CASE WHEN made.voters IS NOT NULL
			THEN format('by voter: %s voters, of whom the busiest cast %s battles; %s times as wide as by battle',
				made.voters ->> 'voters', made.voters ->> 'busiest',
				to_char((made.voters ->> 'widening')::numeric, 'FM999990.00'))
			WHEN made.parameters ? 'num_bootstrap'
			THEN 'by battle: every battle was taken as independent, whoever cast it' END,
		'Standing first is worth', bixarena.report_term('position', made.terms),
		'Ties', bixarena.report_term('ties', made.terms),
		'Adjusted for', bixarena.report_term('covariate', made.terms),
		'Replicates that could not place all models', made.incomplete_replicates::text,
		'Settings', (SELECT string_agg(p.name || ' ' || p.value, ', ' ORDER BY p.name)
			FROM jsonb_each_text(made.parameters) AS p (name, value)))
$$;
COMMENT ON FUNCTION bixarena.report_making(bixarena.run) IS
	'how a snapshot was made, for a page';

CREATE FUNCTION bixarena.report_lead(lead jsonb, rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null: it is not on record, or no such battles were found
	SELECT format('The first place hangs on %s of the battles (%s %%): had %s not been fought, %s would be ahead of %s.',
		lead ->> 'battles',
		CASE WHEN s.percent < 0.01 THEN 'less than 0.01' ELSE trim_scale(round(s.percent, 2))::text END,
		CASE lead ->> 'battles' WHEN '1' THEN 'this one' ELSE 'these' END, rival.model, leader.model)
	FROM (SELECT 100 * (lead ->> 'share')::numeric) AS s (percent),
		unnest(rows) AS leader, unnest(rows) AS rival
	WHERE lead ->> 'battles' IS NOT NULL
		AND leader.id = (lead ->> 'leader')::uuid AND rival.id = (lead ->> 'rival')::uuid
$$;
COMMENT ON FUNCTION bixarena.report_lead(jsonb, bixarena_leaderboard_row[]) IS
	'how many battles carry the first place, in a sentence';

CREATE FUNCTION bixarena.report_fit(fit jsonb, rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null: it is not on record, or could not be tested
	SELECT CASE
		WHEN f.p_value >= 0.05 THEN
			format('One score for each model describes these battles: how the models fared against each other is what the scores predict, but for chance (p = %s).',
				round(f.p_value, 2))
		ELSE
			format('One score for each model does not describe these battles fully (%s): beyond chance, the shares of wins that the scores predict are off by about %s percentage points',
				CASE WHEN f.p_value < 0.01 THEN 'p < 0.01' ELSE 'p = ' || round(f.p_value, 3) END,
				round(100 * (fit ->> 'excess')::numeric, 1))
			|| coalesce(format(', most of all where %s took %s %% of %s battles against %s and the scores predict %s %%',
				m.model1, round(100 * f.observed), f.battles, m.model2, round(100 * f.predicted)), '') || '.'
		END
	FROM (SELECT (fit ->> 'p_value')::numeric, fit #>> '{worst,battles}',
			(fit #>> '{worst,observed_share}')::numeric, (fit #>> '{worst,predicted_share}')::numeric)
		AS f (p_value, battles, observed, predicted)
	LEFT JOIN (SELECT one.model, other.model FROM unnest(rows) AS one, unnest(rows) AS other
		WHERE one.id = (fit #>> '{worst,model1}')::uuid AND other.id = (fit #>> '{worst,model2}')::uuid
		LIMIT 1) AS m (model1, model2) ON true
	WHERE f.p_value IS NOT NULL
$$;
COMMENT ON FUNCTION bixarena.report_fit(jsonb, bixarena_leaderboard_row[]) IS
	'whether the model holds, in a sentence';

CREATE FUNCTION bixarena.report_soundness(soundness jsonb, rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_section('How far to trust it', string_agg(bixarena.page_paragraph(s), '' ORDER BY n))
	FROM (VALUES (0, CASE WHEN (soundness -> 'by_strengths_alone')::boolean
			AND coalesce(soundness -> 'lead' -> 'battles', soundness -> 'fit') IS NOT NULL
			THEN 'For this part the same battles were ranked with ties as half wins and adjusted for nothing, unlike in the ranking above.' END),
		(1, bixarena.report_lead(soundness -> 'lead', rows)),
		(2, bixarena.report_fit(soundness -> 'fit', rows))) AS p (n, s)
	WHERE s IS NOT NULL
	HAVING count(*) > 0
$$;
COMMENT ON FUNCTION bixarena.report_soundness(jsonb, bixarena_leaderboard_row[]) IS
	'how far a snapshot can be leaned on, as a part of a page; null where nothing is on record';

CREATE FUNCTION bixarena.report_how_to_read(made bixarena.run)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<p>%s</p>', p), '')
	FROM unnest(ARRAY[
		'<strong>Score.</strong> People compare the answers of two models; a Bradley&#8211;Terry model turns'
		' these battles into scores, '
		|| CASE WHEN jsonb_path_exists(made.terms, '$[*] ? (@.kind == "ties" && @.status == "fitted")')
			THEN 'a tie being an outcome with a chance of its own (Davidson''s model). A lead of 100 points means'
				' winning 64 % of the battles that do not end in a tie, one of 400 points 91 % (odds of 10 to 1).'
			ELSE 'a tie counting as half a win for either. A lead of 100 points means'
				' winning 64 % of the points, one of 400 points 91 % (odds of 10 to 1).' END
		|| ' Only differences mean anything.'
		|| CASE WHEN jsonb_path_exists(made.terms, '$[*] ? (@.kind == "position" && @.status == "fitted")')
			THEN ' What it is worth to stand first was taken out of the scores.' ELSE '' END
		|| CASE WHEN jsonb_path_exists(made.terms, '$[*] ? (@.kind == "covariate")')
			THEN ' They are those of battles in which everything that they are adjusted for is 0.' ELSE '' END,
		'<strong>95 % interval.</strong> How much the score would vary if '
		|| CASE WHEN made.voters IS NULL THEN 'as many other battles had been fought'
			ELSE 'as many other people had voted' END
		|| CASE WHEN made.parameters ->> 'intervals' = 'sandwich'
			THEN '. A formula tells it from how far '
				|| CASE WHEN made.voters IS NULL THEN 'battles' ELSE 'what each voter said' END
				|| ' lay from what the scores predict.'
			WHEN made.parameters IS NULL THEN '.'
			WHEN made.voters IS NULL THEN ': the middle 95 % of the scores from battles drawn again at random.'
			ELSE ': the middle 95 % of the scores from voters drawn again at random, each with all battles of his.' END
		|| ' More ' || CASE WHEN made.voters IS NULL THEN 'battles make' ELSE 'voters make' END || ' it'
		' narrower. &#8220;Open&#8221; says that the battles do not bound the score on that side.',
		'<strong>Possible ranks.</strong> Models that are about as good stand in some order by chance.'
		' Beside a rank stand the lowest and the highest that the battles allow, 95 % sure for each'
		' model. They follow from differences of scores, which intervals of single scores do not show.',
		'<strong>Ties in rank.</strong> Two models whose intervals overlap may well be equally good,'
		' whatever their order. Where ranks are by significance, a model''s rank is one more than the'
		' number of models whose interval lies wholly above its own, so that some share a rank.']
		|| CASE WHEN made.soundness IS NULL THEN '{}'::text[] ELSE ARRAY[
		'<strong>How far to trust it.</strong> A first place that hangs on a handful of battles is not a firm one.'
		' p is how likely it would be that models fare against each other so differently from what the scores predict,'
		' if chance were the only reason. Where it is small, A may beat B more than the scores say, or A, B and C'
		' each other in a circle; voters who cast many battles each, and agree with themselves, look the same.']
		END) AS p
$$;
COMMENT ON FUNCTION bixarena.report_how_to_read(bixarena.run) IS 'what a reader of a report should know';

CREATE FUNCTION bixarena.report_matchups(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	rows bixarena_leaderboard_row[],
	arena text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	widths record := bixarena.page_widths();
	num_models constant integer := 25;
BEGIN
	RETURN (SELECT bixarena.page_charts(
			bixarena.chart_matchups(rows[:num_models], m.list, widths.wide, 'auto'),
			bixarena.chart_matchups(rows[:num_models], m.list, widths.narrow, 'auto'))
		FROM bixarena.matchup_among(leaderboard_id, shown, rows[:num_models], arena) AS m (list));
EXCEPTION WHEN insufficient_privilege THEN
	-- who may read results need not be able to read battles
	RETURN bixarena.page_paragraph('The battles are not open to you.');
WHEN feature_not_supported THEN
	-- an arena may have no more than counts
	RETURN bixarena.page_paragraph('The battles up to that moment are not known here.');
END
$$;
COMMENT ON FUNCTION bixarena.report_matchups(text, bixarena.snapshot_key, bixarena_leaderboard_row[], text) IS
	'the chart of the matchups of the leading models, if the caller may read battles';

CREATE FUNCTION bixarena.report_charts(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	arena text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	widths record := bixarena.page_widths();
	num_leading constant integer := 10;
	num_scores constant integer := 200;
	history bixarena.history_point[] := ARRAY(SELECT p FROM bixarena.chart_history_points(
		shown.leaderboard, 'rank', num_leading, NULL, widths.narrow / 4, arena) AS p);
BEGIN
	RETURN bixarena.page_section('Scores with 95 % intervals', bixarena.page_charts(
			bixarena.chart_leaderboard(rows[:num_scores], ranges[:num_scores], 'score', widths.wide, 'auto'),
			bixarena.chart_leaderboard(rows[:num_scores], ranges[:num_scores], 'score', widths.narrow, 'auto')))
		|| bixarena.page_section('Ranks over time', bixarena.page_charts(
			bixarena.chart_history(history, 'rank', widths.wide, 'auto'),
			bixarena.chart_history(history, 'rank', widths.narrow, 'auto')))
		|| bixarena.page_section('Who beats whom',
			bixarena.report_matchups(leaderboard_id, shown, rows, arena));
END
$$;
COMMENT ON FUNCTION bixarena.report_charts(text, bixarena.snapshot_key, bixarena_leaderboard_row[], bixarena_leaderboard_range[], text) IS
	'the charts of a report';

CREATE FUNCTION bixarena.report_body(
	leaderboard_id text,
	shown bixarena.snapshot_key,
	earlier bixarena.snapshot_key,
	rows bixarena_leaderboard_row[],
	ranges bixarena_leaderboard_range[],
	movers bixarena_comparison_row[],
	made bixarena.run,
	arena text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF shown.id IS NULL THEN
		RETURN bixarena.page_paragraph('There is no public snapshot yet.');
	END IF;
	RETURN concat(
		bixarena.page_section('Ranking', bixarena.report_table(rows, ranges, earlier.snapshot_identifier)),
		bixarena.report_soundness(made.soundness, rows),
		bixarena.report_charts(leaderboard_id, shown, rows, ranges, arena),
		bixarena.page_section('Movers', CASE WHEN earlier.id IS NULL
			THEN bixarena.page_paragraph('There is no earlier snapshot to compare with.')
			ELSE bixarena.page_paragraph(format('Since snapshot %s.', earlier.snapshot_identifier))
				|| coalesce(bixarena.page_paragraph('The two were made in different ways, so that what changed may come of that: '
					|| bixarena.run_model_change(
						bixarena.run_of_snapshot(earlier.id, leaderboard_id, arena), made) || '.'), '')
				|| bixarena.report_movers(movers) END),
		CASE WHEN made IS NULL
			THEN bixarena.page_section('How it was made',
				bixarena.page_paragraph('The run that made this snapshot is not on record, or not open to you.'))
			ELSE bixarena.page_section('Not ranked', bixarena.report_unranked(made.unranked))
				|| bixarena.page_section('How it was made', bixarena.report_making(made)) END,
		bixarena.page_section('How to read it', bixarena.report_how_to_read(made)));
END
$$;
COMMENT ON FUNCTION bixarena.report_body(text, bixarena.snapshot_key, bixarena.snapshot_key, bixarena_leaderboard_row[], bixarena_leaderboard_range[], bixarena_comparison_row[], bixarena.run, text) IS
	'the parts of the report of a leaderboard';

CREATE FUNCTION bixarena.report_page(
	leaderboard_id text,
	lookback interval,
	arena text,
	navigation text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	shown bixarena.snapshot_key := bixarena.snapshot_shown(leaderboard_id, NULL, arena);
	earlier bixarena.snapshot_key := bixarena.snapshot_before(shown, lookback, arena);
	made bixarena.run := bixarena.run_of_snapshot(shown.id, leaderboard_id, arena);
	name text;
BEGIN
	-- a page of a site is everybody's, and does not tell who asked for the run
	IF navigation IS NOT NULL THEN
		made.triggered_by := NULL;
		made.role := NULL;
	END IF;
	SELECT l.name INTO name FROM bixarena.read_leaderboards(arena) AS l
	WHERE l.slug = leaderboard_id;
	RETURN bixarena.page_html(bixarena.page_board_name(name, leaderboard_id),
		concat(navigation, bixarena.page_paragraph(CASE WHEN shown.id IS NOT NULL THEN
			format('Snapshot %s of %s%s.', shown.snapshot_identifier,
				bixarena.text_utc(shown.created_at),
				', from ' || made.evaluation_count || ' battles') END)),
		bixarena.report_body(leaderboard_id, shown, earlier,
			ARRAY(SELECT r FROM bixarena.leaderboard_rows(shown, earlier, arena) AS r LIMIT 1000),
			ARRAY(SELECT g FROM bixarena.range_rows(shown, arena) AS g LIMIT 1000),
			ARRAY(SELECT c FROM bixarena.comparison_rows(earlier, shown, arena) AS c),
			made, arena));
END
$$;
COMMENT ON FUNCTION bixarena.report_page(text, interval, text, text) IS
	'the report of a leaderboard; or as a page of a site, with markup that leads to others';

CREATE FUNCTION bixarena_report(
	leaderboard_id text,
	lookback interval DEFAULT '7 days',
	arena text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.report_page(leaderboard_id, lookback, bixarena.arena_resolve(arena), NULL)
$$;
COMMENT ON FUNCTION bixarena_report(text, interval, text) IS
	'a page with the table of a leaderboard, its charts, movers and unranked models, and how it was made';

/*
 * The chart of durations: a dot for each run that has ended, when it began and
 * how long it took.  What failed is a cross, what was skipped a ring, so that
 * colour is not all that tells them apart.
 */

CREATE FUNCTION bixarena.chart_run(status text, title text, x double precision, y double precision)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<g class="run"><title>%s</title>%s</g>', bixarena.text_escape(title),
		CASE status
			WHEN 'succeeded' THEN format('<circle class="dot1" cx="%s" cy="%s" r="3.5"/>',
				bixarena.chart_pixel(x), bixarena.chart_pixel(y))
			WHEN 'failed' THEN format('<path class="bad" d="M%s %sl3 3l3 -3l2 2l-3 3l3 3l-2 2l-3 -3l-3 3l-2 -2l3 -3l-3 -3z"/>',
				bixarena.chart_pixel(x - 3), bixarena.chart_pixel(y - 5))
			ELSE format('<path class="idle" fill-rule="evenodd" d="M%s %sh8v8h-8zm2 2v4h4v-4z"/>',
				bixarena.chart_pixel(x - 4), bixarena.chart_pixel(y - 4)) END)
$$;
COMMENT ON FUNCTION bixarena.chart_run(text, text, double precision, double precision) IS
	'a run in the chart of durations';

CREATE FUNCTION bixarena.chart_run_legend(y double precision)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(replace(bixarena.chart_run(l.status, l.status, l.x, y - 4), 'class="run"', 'class="legend"')
		|| format('<text class="muted small" x="%s" y="%s">%s</text>',
			bixarena.chart_pixel(l.x + 10), bixarena.chart_pixel(y), l.status), '' ORDER BY l.x)
	FROM (VALUES ('succeeded', 16), ('failed', 112), ('skipped', 182)) AS l (status, x)
$$;
COMMENT ON FUNCTION bixarena.chart_run_legend(double precision) IS
	'what the marks of runs mean';

CREATE FUNCTION bixarena.chart_durations(runs bixarena.run[], width integer, theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	left_edge constant double precision := 48;
	top constant double precision := 34;
	bottom constant double precision := 214;
	time_axis bixarena.axis;
	value_axis bixarena.axis;
	range record;
	drawn text;
BEGIN
	SELECT extract(epoch FROM min(r.started_at)) AS first,
		extract(epoch FROM max(r.started_at)) AS last,
		greatest(max(extract(epoch FROM r.ended_at - r.started_at)) * 1.05, 0.001) AS longest,
		count(*) AS total
	INTO range
	FROM unnest(runs) AS r WHERE r.started_at IS NOT NULL AND r.ended_at IS NOT NULL;
	IF range.total = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'No run has ended in this time.');
	END IF;
	time_axis := (range.first, range.last, left_edge + 10, width - 34)::bixarena.axis;
	value_axis := (range.longest, 0, top, bottom)::bixarena.axis;

	SELECT string_agg(bixarena.chart_run(r.status, format('%s: %s at %s, %s seconds', r.leaderboard,
			r.status, bixarena.text_utc(r.started_at), d.text),
		bixarena.chart_place(time_axis, extract(epoch FROM r.started_at)::double precision),
		bixarena.chart_place(value_axis, d.seconds)), '' ORDER BY r.started_at)
	INTO drawn
	FROM unnest(runs) AS r,
		LATERAL (SELECT extract(epoch FROM r.ended_at - r.started_at)::double precision) AS s (seconds),
		LATERAL (SELECT s.seconds, round(s.seconds::numeric, 3)) AS d (seconds, text)
	WHERE r.started_at IS NOT NULL AND r.ended_at IS NOT NULL;
	RETURN bixarena.chart_svg(width, bottom + 70, theme, format('Durations of %s runs', range.total),
		bixarena.chart_time_grid(time_axis, top, bottom)
		|| bixarena.chart_value_grid(value_axis, NULL, 0, left_edge, width - 8) || drawn
		|| '<text class="muted small" x="8" y="18">duration in seconds</text>'
		|| bixarena.chart_run_legend(bottom + 58));
END
$$;
COMMENT ON FUNCTION bixarena.chart_durations(bixarena.run[], integer, text) IS
	'the chart of durations';

/*
 * The operator's page: is all well, what has run, and what runs next.
 */

CREATE FUNCTION bixarena.operator_health(checks bixarena.health_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- what is wrong comes first
	SELECT bixarena.page_table('Checks of bixarena_health(), the worst first'
			|| CASE WHEN count(*) < min(c.total) THEN format(': %s of %s.', count(*), min(c.total)) ELSE '.' END,
		bixarena.page_heads('Status', 'Check', 'What was found'),
		string_agg(concat(E'\n<tr><td>', bixarena.page_state(c.status), '</td>',
			format('<th scope="row">%s</th>', bixarena.text_escape(concat_ws(' of ',
				replace(c.check_name, '_', ' '), c.leaderboard_id))),
			bixarena.page_cell(c.message, 'text'), '</tr>'), ''
			ORDER BY c.badness, c.n))
	FROM (SELECT u.*, count(*) OVER () AS total, array_position('{critical,warning,ok}', u.status) AS badness
		FROM unnest(checks) WITH ORDINALITY AS u
			(check_name, leaderboard_id, status, figure, unit, message, n)
		ORDER BY badness, u.n LIMIT 200) AS c
$$;
COMMENT ON FUNCTION bixarena.operator_health(bixarena.health_row[]) IS
	'checks as a table of a page';

CREATE FUNCTION bixarena.operator_schedule(arena text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bixarena.page_table('Jobs of pg_cron, in its time (GMT).',
		bixarena.page_heads('Leaderboard', 'Schedule', 'Next run'),
		string_agg(concat(E'\n<tr>', format('<th scope="row">%s</th>',
				bixarena.text_escape(coalesce(j.leaderboard, 'all'))),
			bixarena.page_cell(j.schedule),
			bixarena.page_cell(CASE WHEN NOT j.active THEN 'none: the job is not active'
				ELSE coalesce(bixarena.text_utc(bixarena.cron_time(j.schedule, now(), true)), 'not known') END),
			'</tr>'), '' ORDER BY j.leaderboard COLLATE "C" NULLS FIRST)),
		bixarena.page_paragraph('No job of pg_cron can be seen from this database.'))
	FROM bixarena.cron_jobs(arena) AS j
$$;
COMMENT ON FUNCTION bixarena.operator_schedule(text) IS
	'jobs of an arena and when they run next, as a table of a page';

CREATE FUNCTION bixarena.operator_runs(runs bixarena.run[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(bixarena.page_table('The latest 50 runs.',
		bixarena.page_heads('Requested', 'Leaderboard', 'Status', '?Asked for', '#?Seconds', '#?Battles',
			'What happened'),
		string_agg(concat(E'\n<tr>', bixarena.page_cell(bixarena.text_utc(r.requested_at)),
			format('<th scope="row">%s</th>', bixarena.text_escape(r.leaderboard)),
			format('<td>%s</td>', bixarena.page_state(r.status)),
			bixarena.page_cell(concat_ws(', ', r.trigger_source, r.triggered_by), 'text aside'),
			bixarena.page_cell(round(extract(epoch FROM r.ended_at - r.started_at), 2)::text, 'number aside'),
			bixarena.page_cell(r.evaluation_count::text, 'number aside'),
			bixarena.page_cell(bixarena.text_shorten(coalesce(r.error_sqlstate || ' ' || r.error_message,
				r.skip_reason, r.snapshot_identifier), 1000), 'text'), '</tr>'), '' ORDER BY n)),
		bixarena.page_paragraph('There are no runs yet.'))
	FROM generate_subscripts(runs, 1) AS n, LATERAL (SELECT (runs[n]).*) AS r
$$;
COMMENT ON FUNCTION bixarena.operator_runs(bixarena.run[]) IS 'runs as a table of a page';

CREATE FUNCTION bixarena.operator_page(arena text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = on
AS $$
DECLARE
	checks bixarena.health_row[] := ARRAY(
		SELECT c FROM bixarena.health_checks(arena) AS c);
	-- as many as a chart shows apart
	lately bixarena.run[] := ARRAY(
		SELECT r FROM bixarena.run AS r
		WHERE r.arena = operator_page.arena AND r.requested_at >= now() - interval '30 days'
		ORDER BY r.requested_at DESC LIMIT 2000);
	latest bixarena.run[] := ARRAY(
		SELECT r FROM bixarena.run AS r WHERE r.arena = operator_page.arena
		ORDER BY r.requested_at DESC, r.correlation_id LIMIT 50);
	widths record := bixarena.page_widths();
BEGIN
	RETURN bixarena.page_html(format('Runs of arena %s', arena),
		(SELECT bixarena.page_paragraph(format('Checks that need attention: %s; %s.',
				count(*) FILTER (WHERE c.status <> 'ok'),
				max(c.message) FILTER (WHERE c.check_name = 'success_share')))
			FROM unnest(checks) AS c),
		bixarena.page_section('Health', bixarena.operator_health(checks))
		|| bixarena.page_section('Next runs', bixarena.operator_schedule(arena))
		|| bixarena.page_section('Durations of the last 30 days', bixarena.page_charts(
			bixarena.chart_durations(lately, widths.wide, 'auto'),
			bixarena.chart_durations(lately, widths.narrow, 'auto')))
		|| bixarena.page_section('Runs', bixarena.operator_runs(latest)));
END
$$;
COMMENT ON FUNCTION bixarena.operator_page(text) IS
	'the operator''s page of an arena';

CREATE FUNCTION bixarena_runs_report(arena text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.operator_page(bixarena.arena_resolve(arena))
$$;
COMMENT ON FUNCTION bixarena_runs_report(text) IS
	'the operator''s page: health, schedule, durations and the latest runs';

/*
 * The site of an arena: all pages and where each belongs.  What everybody may see
 * is in one folder, the operator's page in another, so that a web server can be
 * given the one alone.
 */

CREATE FUNCTION bixarena.site_file(slug text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- A slug may hold anything.  As a name of a file it is left as it is where all
	-- file systems and addresses bear it.  Of others a hash tells which it is: after
	-- a dot, which no slug left as it is has.  No two names differ in case alone.
	SELECT CASE
		WHEN slug ~ '^[a-z0-9][a-z0-9_-]{0,63}$' AND NOT r.is_reserved THEN slug
		ELSE concat(CASE WHEN w.words = '' OR r.is_reserved THEN 'leaderboard' ELSE w.words END,
			'.', encode(sha256(convert_to(slug, getdatabaseencoding())), 'hex'))
		END || '.html'
	FROM (SELECT btrim(left(regexp_replace(lower(slug COLLATE "C"), '[^a-z0-9]+', '-', 'g'), 40), '-')) AS w (words),
		-- the index, and devices of Windows
		LATERAL (SELECT w.words ~ '^(index|con|prn|aux|nul|com[0-9]|lpt[0-9])$') AS r (is_reserved)
$$;
COMMENT ON FUNCTION bixarena.site_file(text) IS
	'name of the file with the report of a leaderboard: one of its own, which any file system and address can bear';

CREATE TYPE bixarena.site_board AS (
	slug text,
	name text,
	shown bixarena.snapshot_key,
	earlier bixarena.snapshot_key
);
COMMENT ON TYPE bixarena.site_board IS 'a leaderboard of a site, its latest public snapshot and the one to compare with';

CREATE FUNCTION bixarena.site_boards(lookback interval, arena text)
RETURNS SETOF bixarena.site_board
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
	-- that of all battles comes first
	SELECT l.slug, l.name, s, bixarena.snapshot_before(s, lookback, arena)
	FROM (SELECT DISTINCT ON (b.slug COLLATE "C") b.id, b.slug,
			bixarena.page_board_name(b.name, b.slug) AS name
		FROM bixarena.read_leaderboards(arena) AS b WHERE b.slug IS NOT NULL
		ORDER BY b.slug COLLATE "C") AS l,
		LATERAL bixarena.snapshot_pick(l.id, arena, NULL, 'infinity') AS s
	ORDER BY l.slug <> 'overall', l.name COLLATE "C", l.slug COLLATE "C"
$$;
COMMENT ON FUNCTION bixarena.site_boards(interval, text) IS 'the leaderboards of a site';

CREATE FUNCTION bixarena.site_leaders(rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<div><span class="muted">%s</span> <bdi>%s</bdi></div>',
		r.rank, bixarena.text_escape(bixarena.text_shorten(r.model, 80))), '' ORDER BY r.ordinality)
	FROM unnest(rows[:3]) WITH ORDINALITY AS r
$$;
COMMENT ON FUNCTION bixarena.site_leaders(bixarena_leaderboard_row[]) IS
	'the three leaders of a leaderboard as markup';

CREATE FUNCTION bixarena.site_movers(rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(format('<div>%s <bdi>%s</bdi></div>', bixarena.page_rank_change(m.rank_change),
		bixarena.text_escape(bixarena.text_shorten(m.model, 80))), '' ORDER BY m.n)
	FROM (SELECT r.model, r.rank_change,
			row_number() OVER (ORDER BY abs(r.rank_change) DESC, r.rank, r.ordinality) AS n
		FROM unnest(rows) WITH ORDINALITY AS r
		WHERE r.rank_change <> 0) AS m
	WHERE m.n <= 3
$$;
COMMENT ON FUNCTION bixarena.site_movers(bixarena_leaderboard_row[]) IS
	'the three biggest movers of a leaderboard as markup';

CREATE FUNCTION bixarena.site_row(
	board bixarena.site_board,
	rows bixarena_leaderboard_row[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a battle is one of two models
	SELECT concat(E'\n<tr>',
		format('<th scope="row" class="board"><a href="%s"><bdi>%s</bdi></a></th>',
			bixarena.site_file(board.slug),
			bixarena.text_escape(bixarena.text_shorten(board.name, 200))),
		CASE WHEN (board.shown).id IS NULL
			THEN '<td class="muted" colspan="2">There is no public snapshot yet.</td>'
			ELSE format('<td class="text models">%s</td><td class="text models">%s</td>',
				bixarena.site_leaders(rows), coalesce(bixarena.site_movers(rows),
				CASE WHEN (board.earlier).id IS NULL THEN '<span class="muted">nothing earlier</span>'
					ELSE '<span class="muted">none</span>' END)) END,
		bixarena.page_cell((rows[1]).total_count::text, 'number aside'),
		bixarena.page_cell((SELECT sum(r.vote_count) / 2 FROM unnest(rows) AS r)::text, 'number aside'),
		bixarena.page_cell(left(bixarena.text_utc((board.shown).created_at), 10), 'number aside'), '</tr>')
$$;
COMMENT ON FUNCTION bixarena.site_row(bixarena.site_board, bixarena_leaderboard_row[]) IS
	'a leaderboard in the index of a site';

CREATE FUNCTION bixarena.site_index(lookback interval, arena text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_html('Leaderboards',
		bixarena.page_paragraph(format('Arena %s: models ranked by battles of two at a time.', arena)),
		bixarena.page_section('All leaderboards', coalesce(
			bixarena.page_table('The leading models, those whose ranks have changed most, and the day (UTC) of the snapshot.',
				bixarena.page_heads('Leaderboard', 'Leaders', 'Movers', '#?Models', '#?Battles', '#?Made'),
				string_agg(bixarena.site_row(b.board,
					ARRAY(SELECT r FROM bixarena.leaderboard_rows((b.board).shown, (b.board).earlier, arena) AS r)),
					'' ORDER BY b.n)),
			bixarena.page_paragraph('There is no leaderboard yet.'))))
	FROM (SELECT l AS board, row_number() OVER () AS n
		FROM bixarena.site_boards(lookback, arena) AS l) AS b
$$;
COMMENT ON FUNCTION bixarena.site_index(interval, text) IS
	'the page that leads to all leaderboards of a site';

CREATE FUNCTION bixarena_site(
	arena text DEFAULT NULL,
	lookback interval DEFAULT '7 days')
RETURNS TABLE (path text, content text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	board bixarena.site_board;
BEGIN
	path := 'public/index.html';
	content := bixarena.site_index(lookback, found_arena);
	RETURN NEXT;
	FOR board IN SELECT b.* FROM bixarena.site_boards(lookback, found_arena) AS b LOOP
		path := 'public/' || bixarena.site_file(board.slug);
		content := bixarena.report_page(board.slug, lookback, found_arena,
			'<p><a href="index.html">All leaderboards</a></p>');
		RETURN NEXT;
	END LOOP;
	-- who may not read the record makes a site without it
	IF has_table_privilege('bixarena.run', 'SELECT') THEN
		path := 'operator/index.html';
		content := bixarena.operator_page(found_arena);
		RETURN NEXT;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_site(text, interval) IS
	'all pages of an arena and where each belongs: an index, the report of each leaderboard, and apart from them the operator''s page';
/*
 * Scoreboards: schemas of a user's with games, players, and scores that come in as
 * messages.
 *
 * A scoreboard is known by a table of this name in it, which has its settings.  So
 * nothing of it is ours: DROP EXTENSION leaves it, and a dump has all of it.
 *
 * Functions that work in one name its tables by the schema, and have their search_path
 * pinned.  scoreboard.c sees to it that nothing of the owner's runs as another role.
 */

CREATE FUNCTION bixarena.scoreboard_exists(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_is_scoreboard'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.scoreboard_exists(text) IS
	'has a schema the tables of a scoreboard, plain ones of its owner?';

CREATE FUNCTION bixarena.scoreboard_list()
RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.nspname::text
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.relname = 'scoreboard' AND bixarena.scoreboard_exists(n.nspname)
	ORDER BY 1
$$;
COMMENT ON FUNCTION bixarena.scoreboard_list() IS 'schemas that are scoreboards';

CREATE FUNCTION bixarena.scoreboard_open(scoreboard text, writes boolean)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_open_scoreboard'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.scoreboard_open(text, boolean) IS
	'the schema of the scoreboard meant by a name, or by none, quoted; an error if that runs code of its owner''s';

CREATE FUNCTION bixarena_create_scoreboard(name text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena.arena_check_name(name, 'a scoreboard');
	EXECUTE format($sql$
		CREATE SCHEMA %1$I;
		COMMENT ON SCHEMA %1$I IS 'a scoreboard of bixarena_rank';

		CREATE TABLE %1$I.scoreboard (
			keep_messages_days double precision NOT NULL DEFAULT 14
				CHECK (keep_messages_days BETWEEN 0.01 AND 3650),
			keep_dead_letters_days double precision NOT NULL DEFAULT 14
				CHECK (keep_dead_letters_days BETWEEN 0.01 AND 3650),
			keep_events_days double precision
				CHECK (keep_events_days BETWEEN 1 AND 36500),
			max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 100),
			retry_seconds double precision NOT NULL DEFAULT 2
				CHECK (retry_seconds BETWEEN 0 AND 3600),
			max_future_seconds double precision NOT NULL DEFAULT 300
				CHECK (max_future_seconds BETWEEN 0 AND 1e9),
			dead_letters_critical integer NOT NULL DEFAULT 10
				CHECK (dead_letters_critical >= 0),
			notify_channel text CHECK (octet_length(notify_channel) BETWEEN 1 AND 63),
			workers integer NOT NULL DEFAULT 2 CHECK (workers BETWEEN 1 AND 16),
			max_upload_mb integer NOT NULL DEFAULT 256 CHECK (max_upload_mb BETWEEN 1 AND 1000)
		);
		CREATE UNIQUE INDEX ON %1$I.scoreboard ((true));
		INSERT INTO %1$I.scoreboard DEFAULT VALUES;
		COMMENT ON TABLE %1$I.scoreboard IS 'settings of the scoreboard, in one row';

		CREATE TABLE %1$I.game (
			game_id text COLLATE "C" PRIMARY KEY
				CHECK (octet_length(game_id) BETWEEN 1 AND 255),
			name text NOT NULL,
			score_order text NOT NULL CHECK (score_order IN ('desc', 'asc')),
			operator text NOT NULL CHECK (operator IN ('best', 'latest', 'sum')),
			reset_schedule text,
			board_no integer NOT NULL,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp()
		);
		COMMENT ON TABLE %1$I.game IS 'leaderboards: how scores count in each';
		COMMENT ON COLUMN %1$I.game.board_no IS 'the board of the period that runs';

		CREATE TABLE %1$I.board (
			board_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			game_id text COLLATE "C" NOT NULL REFERENCES %1$I.game
				DEFERRABLE INITIALLY DEFERRED,
			generation integer NOT NULL DEFAULT 1,
			started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			ended_at timestamptz
		);
		CREATE INDEX ON %1$I.board (game_id, started_at);
		COMMENT ON TABLE %1$I.board IS 'periods of games, each with scores of its own';
		COMMENT ON COLUMN %1$I.board.generation IS 'how often its counts were made anew';

		CREATE TABLE %1$I.player (
			player_id text COLLATE "C" PRIMARY KEY
				CHECK (octet_length(player_id) BETWEEN 1 AND 255),
			name text,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp()
		);
		COMMENT ON TABLE %1$I.player IS 'players: they come into being with their first score';

		CREATE TABLE %1$I.score (
			board_no integer NOT NULL,
			player_id text COLLATE "C" NOT NULL,
			score numeric NOT NULL,
			reached_at timestamptz NOT NULL,
			place bytea NOT NULL,
			PRIMARY KEY (board_no, player_id)
		);
		CREATE UNIQUE INDEX score_place ON %1$I.score (board_no, place);
		COMMENT ON TABLE %1$I.score IS 'the score of each player, as it is now';
		COMMENT ON COLUMN %1$I.score.place IS
			'sorts as the players stand: by score, when it was reached, and player';

		CREATE TABLE %1$I.score_event (
			event_id bigint GENERATED ALWAYS AS IDENTITY,
			board_no integer NOT NULL,
			generation integer NOT NULL,
			xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
			player_id text COLLATE "C" NOT NULL,
			message_id text,
			update_type text NOT NULL,
			submitted numeric NOT NULL,
			old_score numeric,
			old_reached_at timestamptz,
			old_place bytea,
			new_score numeric NOT NULL,
			new_reached_at timestamptz NOT NULL,
			new_place bytea NOT NULL,
			metadata jsonb,
			sent_at timestamptz,
			role text NOT NULL DEFAULT current_user,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			PRIMARY KEY (board_no, generation, xid, event_id)
		);
		CREATE INDEX score_event_player ON %1$I.score_event (player_id, event_id);
		COMMENT ON TABLE %1$I.score_event IS
			'what has happened: each message that was applied, and the score before and after it';
		COMMENT ON COLUMN %1$I.score_event.old_score IS 'null: the player had none';
		COMMENT ON COLUMN %1$I.score_event.role IS 'who submitted it';
		COMMENT ON COLUMN %1$I.score_event.xid IS
			'the transaction: which events the counts do not have yet';

		CREATE TABLE %1$I.rank_node (
			board_no integer NOT NULL,
			level smallint NOT NULL,
			first_place bytea NOT NULL,
			node_no integer NOT NULL,
			bounds bytea[] NOT NULL,
			children integer[],
			PRIMARY KEY (board_no, level, first_place)
		) WITH (toast_tuple_target = 8160);
		ALTER TABLE %1$I.rank_node ALTER bounds SET STORAGE MAIN;
		COMMENT ON TABLE %1$I.rank_node IS
			'ranges of places, to count players by: where each range begins';
		CREATE TABLE %1$I.rank_count (
			board_no integer NOT NULL,
			node_no integer NOT NULL,
			total bigint NOT NULL,
			counts integer[] NOT NULL,
			PRIMARY KEY (board_no, node_no)
		) WITH (fillfactor = 50);
		COMMENT ON TABLE %1$I.rank_count IS 'how many players each range has';
		CREATE TABLE %1$I.rank_fold (
			board_no integer PRIMARY KEY,
			server bigint NOT NULL,
			next_xid xid8 NOT NULL,
			open_xids xid8[] NOT NULL,
			next_node_no integer NOT NULL,
			last_event_id bigint NOT NULL DEFAULT 0,
			folded_at timestamptz NOT NULL DEFAULT clock_timestamp()
		) WITH (fillfactor = 50);
		COMMENT ON TABLE %1$I.rank_fold IS
			'up to which transactions the counts have the events';
		COMMENT ON COLUMN %1$I.rank_fold.server IS
			'where these transactions were: a dump that is restored elsewhere is counted anew';
		COMMENT ON COLUMN %1$I.rank_fold.open_xids IS
			'transactions before next_xid whose events the counts do not have';

		CREATE TABLE %1$I.message (
			message_id text COLLATE "C" NOT NULL,
			by_content boolean NOT NULL,
			received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			PRIMARY KEY (message_id, by_content)
		);
		CREATE INDEX message_received ON %1$I.message USING brin (received_at);
		COMMENT ON TABLE %1$I.message IS 'messages that have come in, each to count once';
		COMMENT ON COLUMN %1$I.message.by_content IS
			'the message had no id: this is the hash of its content';

		CREATE TABLE %1$I.queue_lane (lane smallint PRIMARY KEY);
		INSERT INTO %1$I.queue_lane SELECT generate_series(0, 15);
		COMMENT ON TABLE %1$I.queue_lane IS
			'lanes of the queue: who works at one has its row locked';
		CREATE TABLE %1$I.queue (
			lane smallint NOT NULL,
			queue_id bigint GENERATED ALWAYS AS IDENTITY,
			message_id text COLLATE "C" NOT NULL,
			by_content boolean NOT NULL,
			player_id text COLLATE "C" NOT NULL,
			game_id text COLLATE "C" NOT NULL,
			content jsonb NOT NULL,
			role regrole NOT NULL DEFAULT current_user::regrole,
			attempts integer NOT NULL DEFAULT 0,
			due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			error_sqlstate text,
			error_message text,
			PRIMARY KEY (lane, queue_id)
		);
		COMMENT ON TABLE %1$I.queue IS
			'messages that wait: those of a player in a game are in one lane, in their order';

		CREATE TABLE %1$I.dead_letter (
			dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			message_id text COLLATE "C",
			content jsonb NOT NULL,
			content_hash bytea NOT NULL UNIQUE,
			reason text NOT NULL,
			sqlstate text NOT NULL,
			attempts integer NOT NULL,
			arrivals integer NOT NULL DEFAULT 1,
			role text NOT NULL,
			first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			died_at timestamptz NOT NULL DEFAULT clock_timestamp()
		);
		CREATE INDEX ON %1$I.dead_letter (died_at);
		COMMENT ON TABLE %1$I.dead_letter IS
			'messages that cannot be applied, or could not in all attempts';
		COMMENT ON COLUMN %1$I.dead_letter.content IS
			'the message, or what it begins with if it is longer than 64 kB';

		CREATE TABLE %1$I.upload_column (
			source text COLLATE "C" NOT NULL CHECK (octet_length(source) BETWEEN 1 AND 255),
			column_name text COLLATE "C" NOT NULL
				CHECK (column_name ~ '^[^A-Z]+$' AND octet_length(column_name) BETWEEN 1 AND 63),
			column_type text NOT NULL DEFAULT 'number' CHECK (column_type IN ('number', 'text')),
			is_required boolean NOT NULL DEFAULT true,
			PRIMARY KEY (source, column_name)
		);
		COMMENT ON TABLE %1$I.upload_column IS 'columns that files of a source must or may have';
		CREATE TABLE %1$I.upload (
			run_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			run_id uuid NOT NULL UNIQUE,
			run_ts timestamptz NOT NULL,
			key text COLLATE "C" NOT NULL,
			source text COLLATE "C" NOT NULL,
			partition text COLLATE "C" NOT NULL,
			snapshot_date date NOT NULL,
			version integer,
			format text NOT NULL,
			size bigint NOT NULL,
			sha256 bytea NOT NULL,
			status text NOT NULL CHECK (status IN ('accepted', 'refused')),
			num_rows integer NOT NULL,
			metrics text[] NOT NULL,
			num_errors bigint NOT NULL,
			errors jsonb NOT NULL,
			role text NOT NULL DEFAULT current_user,
			UNIQUE (source, partition, snapshot_date, version)
		);
		CREATE INDEX upload_key ON %1$I.upload (key, run_no);
		CREATE INDEX upload_refused ON %1$I.upload (run_ts) WHERE status = 'refused';
		COMMENT ON TABLE %1$I.upload IS 'files that have come in, also those that were refused';
		COMMENT ON COLUMN %1$I.upload.partition IS 'the other parts of the key, by name';
		COMMENT ON COLUMN %1$I.upload.version IS 'the highest of a date is the current; null: refused';
		COMMENT ON COLUMN %1$I.upload.errors IS 'why a file was refused: line, column, value and message';
		CREATE TABLE %1$I.upload_content (
			run_no integer PRIMARY KEY,
			content bytea NOT NULL
		);
		ALTER TABLE %1$I.upload_content ALTER content SET STORAGE EXTERNAL;
		CREATE TABLE %1$I.upload_file (
			key text COLLATE "C" PRIMARY KEY,
			size bigint NOT NULL,
			modified_at timestamptz NOT NULL
		);
		COMMENT ON TABLE %1$I.upload_file IS 'files of a folder, as they were when they were last read';
		COMMENT ON TABLE %1$I.upload_content IS 'the bytes of each file, as they came';
		CREATE TABLE %1$I.standing (
			run_no integer NOT NULL,
			row_no integer NOT NULL,
			player_id text COLLATE "C" NOT NULL,
			name text,
			attributes jsonb,
			values numeric[] NOT NULL,
			ranks integer[] NOT NULL,
			snapshot_date date NOT NULL,
			ingested_at timestamptz NOT NULL,
			run_id uuid NOT NULL,
			record_hash bytea NOT NULL,
			PRIMARY KEY (run_no, row_no)
		);
		CREATE INDEX standing_player ON %1$I.standing (player_id, run_no);
		COMMENT ON TABLE %1$I.standing IS 'the rows of files that were accepted';
		COMMENT ON COLUMN %1$I.standing.values IS 'of the upload''s metrics, in their order; null: none';
		COMMENT ON COLUMN %1$I.standing.ranks IS 'by each of these';
		COMMENT ON COLUMN %1$I.standing.record_hash IS
			'SHA-256 of the names and values of the row''s columns, in the order of names';
		CREATE TABLE %1$I.standing_order (
			run_no integer NOT NULL,
			metric_no smallint NOT NULL,
			piece_no integer NOT NULL,
			row_nos integer[] NOT NULL,
			PRIMARY KEY (run_no, metric_no, piece_no)
		);
		ALTER TABLE %1$I.standing_order ALTER row_nos SET STORAGE MAIN;
		COMMENT ON TABLE %1$I.standing_order IS
			'the rows of an upload as they stand by a metric, in pieces of 400';

		CREATE FUNCTION %1$I.refuse_upload_change() RETURNS trigger
		LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $refuse$
		BEGIN
			RAISE EXCEPTION 'what was uploaded is not changed'
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'Upload a better file with the same key: it is the next version.';
		END
		$refuse$;
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.upload
			EXECUTE FUNCTION %1$I.refuse_upload_change();
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.upload_content
			EXECUTE FUNCTION %1$I.refuse_upload_change();
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.standing
			EXECUTE FUNCTION %1$I.refuse_upload_change();
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.standing_order
			EXECUTE FUNCTION %1$I.refuse_upload_change();

		CREATE FUNCTION %1$I.refuse_change() RETURNS trigger
		LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $refuse$
		BEGIN
			-- retention alone removes events, and only old ones
			IF TG_OP = 'DELETE' AND OLD.created_at <= now() - (SELECT s.keep_events_days
					FROM %1$I.scoreboard AS s) * interval '1 day' THEN
				RETURN OLD;
			END IF;
			RAISE EXCEPTION 'events are not changed'
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'The setting keep_events_days says when they may be deleted.';
		END
		$refuse$;
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %1$I.score_event
			FOR EACH ROW EXECUTE FUNCTION %1$I.refuse_change();
		CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %1$I.score_event
			EXECUTE FUNCTION %1$I.refuse_change();
	$sql$, name);
	RETURN name;
END
$$;
COMMENT ON FUNCTION bixarena_create_scoreboard(text) IS
	'make a schema with all that a scoreboard needs';
-- it creates a schema
REVOKE ALL ON FUNCTION bixarena_create_scoreboard(text) FROM PUBLIC;

CREATE FUNCTION bixarena_create_game(scoreboard text, game_id text, name text DEFAULT NULL,
	score_order text DEFAULT 'desc', operator text DEFAULT 'best')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text;
	board integer;
	is_known boolean;
BEGIN
	IF game_id IS NULL OR octet_length(game_id) NOT BETWEEN 1 AND 255 OR game_id ~ '[[:cntrl:]]' THEN
		RAISE EXCEPTION 'game_id must be a text of 1 to 255 bytes without control characters'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF coalesce(score_order, '') NOT IN ('desc', 'asc') THEN
		RAISE EXCEPTION 'score_order must be desc or asc, not "%"', score_order
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF coalesce(operator, '') NOT IN ('best', 'latest', 'sum') THEN
		RAISE EXCEPTION 'operator must be best, latest or sum, not "%"', operator
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	schema := bixarena.scoreboard_open(scoreboard, true);
	EXECUTE format('SELECT EXISTS (SELECT FROM %1$s.game AS g WHERE g.game_id = $1 COLLATE "C")', schema)
	INTO is_known USING game_id;
	IF is_known THEN
		RAISE EXCEPTION 'game "%" exists already', game_id
			USING ERRCODE = 'duplicate_object';
	END IF;
	EXECUTE format('INSERT INTO %1$s.board (game_id) VALUES ($1) RETURNING board_no', schema)
	INTO STRICT board USING game_id;
	EXECUTE format('INSERT INTO %1$s.game (game_id, name, score_order, operator, board_no)
		VALUES ($1, $2, $3, $4, $5)', schema)
	USING game_id, coalesce(name, game_id), score_order, operator, board;
	PERFORM bixarena.rank_create(schema, board);
END
$$;
COMMENT ON FUNCTION bixarena_create_game(text, text, text, text, text) IS
	'make a game of a scoreboard: a leaderboard of scores';
-- it writes a game
REVOKE ALL ON FUNCTION bixarena_create_game(text, text, text, text, text) FROM PUBLIC;
/*
 * Where a player stands in a game: bytes that sort as players do.
 */

CREATE FUNCTION bixarena.score_place(score numeric, highest_first boolean,
	reached_at timestamptz, player_id text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_score_place'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.score_place(numeric, boolean, timestamptz, text) IS
	'bytes that sort as players stand: the better score, who reached it first, the player''s id';
/*
 * Counts of players by ranges of places, from which ranks are.  See src/score/rank.c and
 * src/score/fold.c.
 *
 * Numbers of transactions mean something on one server only.  After a dump was restored
 * on another one, the board is counted anew, under a new generation of events.
 */

CREATE FUNCTION bixarena.rank_sum(counts integer[])
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_rank_sum'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.rank_sum(integer[]) IS 'the sum of counts';

CREATE FUNCTION bixarena.rank_add_to(counts integer[], ranges integer[], signs integer[])
RETURNS integer[]
AS 'MODULE_PATHNAME', 'bixarena_rank_add_to'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.rank_add_to(integer[], integer[], integer[]) IS
	'counts with changes to some of them';

CREATE FUNCTION bixarena.rank_total(scoreboard text, board integer)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_rank_total'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off;
COMMENT ON FUNCTION bixarena.rank_total(text, integer) IS 'how many players a board has';

CREATE FUNCTION bixarena.rank_before(scoreboard text, board integer, place bytea)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_rank_before'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off;
COMMENT ON FUNCTION bixarena.rank_before(text, integer, bytea) IS
	'how many players of a board stand before a place';

CREATE FUNCTION bixarena.rank_place(scoreboard text, board integer, before bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_rank_place'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off;
COMMENT ON FUNCTION bixarena.rank_place(text, integer, bigint) IS
	'a place before which about so many players stand, as counted when they were folded last';

CREATE FUNCTION bixarena.rank_create(schema text, board integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		INSERT INTO %1$s.rank_node (board_no, level, first_place, node_no, bounds, children)
		VALUES ($1, 1, '', 1, '{""}', NULL), ($1, 2, '', 2, '{""}', '{1}'), ($1, 3, '', 3, '{""}', '{2}')
	$sql$, schema) USING board;
	EXECUTE format($sql$
		INSERT INTO %1$s.rank_count (board_no, node_no, total, counts)
		SELECT $1, n, 0, '{0}' FROM generate_series(1, 3) AS n
	$sql$, schema) USING board;
	EXECUTE format($sql$
		INSERT INTO %1$s.rank_fold (board_no, server, next_xid, open_xids, next_node_no)
		SELECT $1, c.system_identifier, pg_current_xact_id(), '{}', 4 FROM pg_control_system() AS c
	$sql$, schema) USING board;
END
$$;
COMMENT ON FUNCTION bixarena.rank_create(text, integer) IS 'the counts of a board without players';

CREATE FUNCTION bixarena.rank_rebuild(scoreboard text, board integer, foreign_only boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	per_range constant integer := 20;
	per_node constant integer := 80;
	schema text := bixarena.scoreboard_open(scoreboard, true);
	is_foreign boolean;
BEGIN
	-- nobody is about to write an event, and all that were are over: the counts have
	-- all events of the generations before
	EXECUTE format('LOCK TABLE %1$s.score_event IN SHARE ROW EXCLUSIVE MODE', schema);
	EXECUTE format('SELECT c.system_identifier <> f.server
		FROM %1$s.rank_fold AS f, pg_control_system() AS c WHERE f.board_no = $1', schema)
	INTO is_foreign USING board;
	IF foreign_only AND NOT is_foreign THEN
		-- somebody was faster
		RETURN;
	END IF;
	EXECUTE format('UPDATE %1$s.board AS b SET generation = b.generation + 1 WHERE b.board_no = $1', schema) USING board;
	EXECUTE format('DELETE FROM %1$s.rank_node AS n WHERE n.board_no = $1', schema) USING board;
	EXECUTE format('DELETE FROM %1$s.rank_count AS c WHERE c.board_no = $1', schema) USING board;
	EXECUTE format('DELETE FROM %1$s.rank_fold AS f WHERE f.board_no = $1', schema) USING board;

	EXECUTE format($sql$
		WITH ranges AS MATERIALIZED (
			SELECT r.n / $2 AS range_no, count(r.place)::integer AS players,
				(array_agg(r.place) FILTER (WHERE r.n %% $2 = 0))[1] AS bound
			FROM (
				SELECT s.place, row_number() OVER (ORDER BY s.place) - 1 AS n
				FROM %1$s.score AS s WHERE s.board_no = $1
				UNION ALL
				-- a range without players where there are none
				SELECT NULL, 0
			) AS r
			GROUP BY 1
		), lowest AS MATERIALIZED (
			SELECT 1 AS level, r.range_no / $3 AS n,
				array_agg(CASE r.range_no WHEN 0 THEN '' ELSE r.bound END ORDER BY r.range_no) AS bounds,
				NULL::bigint[] AS children, array_agg(r.players ORDER BY r.range_no) AS counts
			FROM ranges AS r GROUP BY 2
		), middle AS MATERIALIZED (
			SELECT 2 AS level, l.n / $3 AS n, array_agg(l.bounds[1] ORDER BY l.n) AS bounds,
				array_agg(l.n ORDER BY l.n) AS children,
				array_agg(bixarena.rank_sum(l.counts)::integer ORDER BY l.n) AS counts
			FROM lowest AS l GROUP BY 2
		), root AS (
			SELECT 3 AS level, 0::bigint AS n, array_agg(m.bounds[1] ORDER BY m.n) AS bounds,
				array_agg(m.n ORDER BY m.n) AS children,
				array_agg(bixarena.rank_sum(m.counts)::integer ORDER BY m.n) AS counts
			FROM middle AS m
		), nodes AS MATERIALIZED (
			-- the numbers of a level go on from those of the one below
			SELECT a.*, s.lowest_ones, s.middle_ones,
				1 + a.n + CASE a.level WHEN 1 THEN 0 WHEN 2 THEN s.lowest_ones ELSE s.lowest_ones + s.middle_ones END AS node_no
			FROM (SELECT * FROM lowest UNION ALL SELECT * FROM middle UNION ALL SELECT * FROM root) AS a,
				(SELECT (SELECT count(*) FROM lowest) AS lowest_ones, (SELECT count(*) FROM middle) AS middle_ones) AS s
		), counted AS (
			INSERT INTO %1$s.rank_count (board_no, node_no, total, counts)
			SELECT $1, n.node_no, bixarena.rank_sum(n.counts), n.counts FROM nodes AS n
		)
		INSERT INTO %1$s.rank_node (board_no, level, first_place, node_no, bounds, children)
		SELECT $1, n.level, n.bounds[1], n.node_no, n.bounds, CASE WHEN n.level > 1 THEN
			ARRAY(SELECT (1 + c + CASE n.level WHEN 2 THEN 0 ELSE n.lowest_ones END)::integer
				FROM unnest(n.children) WITH ORDINALITY AS u (c, i) ORDER BY u.i) END
		FROM nodes AS n
	$sql$, schema) USING board, per_range, per_node;

	EXECUTE format($sql$
		INSERT INTO %1$s.rank_fold (board_no, server, next_xid, open_xids, next_node_no)
		SELECT $1, c.system_identifier, pg_snapshot_xmax(pg_current_snapshot()),
			ARRAY(SELECT pg_snapshot_xip(pg_current_snapshot()) UNION SELECT pg_current_xact_id()),
			(SELECT max(n.node_no) + 1 FROM %1$s.rank_node AS n WHERE n.board_no = $1)
		FROM pg_control_system() AS c
	$sql$, schema) USING board;
END
$$;
COMMENT ON FUNCTION bixarena.rank_rebuild(text, integer, boolean) IS
	'count the players of a board anew, when nobody writes; or only if it was counted on another server';

CREATE FUNCTION bixarena.rank_differences(schema text, board integer)
RETURNS TABLE (first_place bytea, counted bigint, players bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		WITH node AS (
			SELECT n.level, n.first_place, n.node_no, n.bounds, n.children, c.counts, c.total
			FROM %1$s.rank_node AS n
			JOIN %1$s.rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
			WHERE n.board_no = $1
		), ranges AS (
			SELECT n.level, r.bound, r.child, r.players
			FROM node AS n
			CROSS JOIN LATERAL ROWS FROM (unnest(n.bounds), unnest(n.children), unnest(n.counts)) AS r (bound, child, players)
		), moves AS (
			-- what the counts do not have
			SELECT m.place, m.sign
			FROM %1$s.board AS b
			JOIN %1$s.rank_fold AS f ON f.board_no = b.board_no
			JOIN %1$s.score_event AS e ON e.board_no = b.board_no AND e.generation = b.generation
				AND (e.xid >= f.next_xid OR e.xid = ANY (f.open_xids))
			CROSS JOIN LATERAL (VALUES (e.old_place, -1), (e.new_place, 1)) AS m (place, sign)
			WHERE b.board_no = $1 AND m.place IS NOT NULL
		), line (place, counted, sign) AS (
			-- each bound, and behind it the players up to the next
			SELECT r.bound, r.players, 0 FROM ranges AS r WHERE r.level = 1
			UNION ALL
			SELECT s.place, NULL, 1 FROM %1$s.score AS s WHERE s.board_no = $1
			UNION ALL
			SELECT m.place, NULL, -m.sign FROM moves AS m
		), numbered AS (
			SELECT l.place, l.counted, l.sign,
				count(l.counted) OVER (ORDER BY l.place, l.counted IS NULL) AS range_no
			FROM line AS l
		)
		SELECT (array_agg(n.place) FILTER (WHERE n.counted IS NOT NULL))[1],
			coalesce(sum(n.counted), -1)::bigint, sum(n.sign)::bigint
		FROM numbered AS n
		GROUP BY n.range_no
		HAVING sum(n.counted) IS DISTINCT FROM sum(n.sign)
		UNION ALL
		-- what a node says of those below
		SELECT r.bound, r.players::bigint, coalesce(c.total, -1)
		FROM ranges AS r
		LEFT JOIN node AS c ON c.level = r.level - 1 AND c.first_place = r.bound AND c.node_no = r.child
		WHERE r.level > 1 AND r.players <> coalesce(c.total, -1)
		UNION ALL
		SELECT n.first_place, n.total, bixarena.rank_sum(n.counts)
		FROM node AS n
		WHERE n.total <> bixarena.rank_sum(n.counts) OR cardinality(n.counts) <> cardinality(n.bounds)
			OR cardinality(n.children) <> cardinality(n.bounds) OR n.first_place <> n.bounds[1]
	$sql$, schema) USING board;
END
$$;
COMMENT ON FUNCTION bixarena.rank_differences(text, integer) IS
	'ranges of a board whose count is not the number of its players';
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
/*
 * Reading scores: the top, a player's rank, who stands around a player.  See
 * src/score/reading.c.
 *
 * Each also as one document of JSON, for a service to hand on, made of what an internal
 * twin returns.  A function reads in the snapshot of the query that calls it.
 */

CREATE FUNCTION bixarena.score_board(scoreboard text, game text, at timestamptz DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'bixarena_find_board'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_board(text, text, timestamptz) IS
	'the board of a game: that of the period now, or at a moment';

CREATE TYPE bixarena_standing AS (
	rank bigint,
	player_id text,
	name text,
	score numeric,
	reached_at timestamptz,
	"cursor" text
);
COMMENT ON TYPE bixarena_standing IS 'where a player stands in a game';

CREATE FUNCTION bixarena.score_top(scoreboard text, game text, top integer,
	after text, at timestamptz)
RETURNS SETOF bixarena_standing
AS 'MODULE_PATHNAME', 'bixarena_top_scores'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_top(text, text, integer, text, timestamptz) IS
	'the best of a game, or who stands behind a row that was read before';

CREATE FUNCTION bixarena_top_scores(scoreboard text, game text, top integer DEFAULT 100,
	after text DEFAULT NULL, at timestamptz DEFAULT NULL)
RETURNS SETOF bixarena_standing
AS 'MODULE_PATHNAME', 'bixarena_top_scores'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_top_scores(text, text, integer, text, timestamptz) IS
	'the best of a game, or who stands behind a row that was read before';

CREATE FUNCTION bixarena.score_rank(scoreboard text, game text, player text,
	at timestamptz)
RETURNS TABLE (rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
AS 'MODULE_PATHNAME', 'bixarena_player_rank'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_rank(text, text, text, timestamptz) IS
	'the rank of a player in a game, of how many, and what the next one has more; no row without a score';

CREATE FUNCTION bixarena_player_rank(scoreboard text, game text, player text,
	at timestamptz DEFAULT NULL)
RETURNS TABLE (rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
AS 'MODULE_PATHNAME', 'bixarena_player_rank'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_player_rank(text, text, text, timestamptz) IS
	'the rank of a player in a game, of how many, and what the next one has more; no row without a score';

CREATE FUNCTION bixarena.score_around(scoreboard text, game text, player text,
	n integer, at timestamptz)
RETURNS SETOF bixarena_standing
AS 'MODULE_PATHNAME', 'bixarena_around_player'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 11
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_around(text, text, text, integer, timestamptz) IS
	'a player, and up to n who stand before and n behind; no row without a score';

CREATE FUNCTION bixarena_around_player(scoreboard text, game text, player text,
	n integer DEFAULT 5, at timestamptz DEFAULT NULL)
RETURNS SETOF bixarena_standing
AS 'MODULE_PATHNAME', 'bixarena_around_player'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 11
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_around_player(text, text, text, integer, timestamptz) IS
	'a player, and up to n who stand before and n behind; no row without a score';

CREATE FUNCTION bixarena.score_ranks(scoreboard text, player text)
RETURNS TABLE (game_id text, rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
AS 'MODULE_PATHNAME', 'bixarena_ranks_of'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena.score_ranks(text, text) IS
	'the ranks of a player in all games';

CREATE FUNCTION bixarena_ranks_of(scoreboard text, player text)
RETURNS TABLE (game_id text, rank bigint, players bigint, percentile double precision, score numeric,
	reached_at timestamptz, points_to_next numeric)
AS 'MODULE_PATHNAME', 'bixarena_ranks_of'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off;
COMMENT ON FUNCTION bixarena_ranks_of(text, text) IS
	'the ranks of a player in all games';

CREATE FUNCTION bixarena_top_scores_json(scoreboard text, game text, top integer DEFAULT 100,
	after text DEFAULT NULL, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT jsonb_build_object('game', game,
			'players', bixarena.rank_total(scoreboard, bixarena.score_board(scoreboard, game, at)),
			'next', CASE WHEN count(*) = top THEN (array_agg(t."cursor" ORDER BY t.rank DESC))[1] END,
			'standings', coalesce(jsonb_agg(to_jsonb(t) - 'cursor' ORDER BY t.rank), '[]'))
		FROM bixarena.score_top(scoreboard, game, top, after, at) AS t);
END
$$;
COMMENT ON FUNCTION bixarena_top_scores_json(text, text, integer, text, timestamptz) IS
	'the same as a document; next is where the next page begins';

CREATE FUNCTION bixarena_player_rank_json(scoreboard text, game text, player text,
	at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT jsonb_build_object('game', game, 'player_id', player) || to_jsonb(r)
		FROM bixarena.score_rank(scoreboard, game, player, at) AS r);
END
$$;
COMMENT ON FUNCTION bixarena_player_rank_json(text, text, text, timestamptz) IS
	'the same as a document; null without a score';

CREATE FUNCTION bixarena_around_player_json(scoreboard text, game text, player text,
	n integer DEFAULT 5, at timestamptz DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT jsonb_build_object('game', game, 'player_id', player,
			'standings', jsonb_agg(to_jsonb(a) - 'cursor' ORDER BY a.rank))
		FROM bixarena.score_around(scoreboard, game, player, n, at) AS a
		HAVING count(*) > 0);
END
$$;
COMMENT ON FUNCTION bixarena_around_player_json(text, text, text, integer, timestamptz) IS
	'the same as a document; null without a score';

CREATE FUNCTION bixarena_ranks_of_json(scoreboard text, player text)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN (
		SELECT jsonb_build_object('player_id', player, 'games', coalesce(jsonb_agg(to_jsonb(r)
			ORDER BY r.game_id), '[]'))
		FROM bixarena.score_ranks(scoreboard, player) AS r);
END
$$;
COMMENT ON FUNCTION bixarena_ranks_of_json(text, text) IS
	'the same as a document';

CREATE FUNCTION bixarena_score_history(scoreboard text, game text, player text, last integer DEFAULT 100)
RETURNS TABLE (event_id bigint, at timestamptz, message_id text, update_type text, submitted numeric,
	old_score numeric, new_score numeric, metadata jsonb, role text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
BEGIN
	PERFORM bixarena.score_board(scoreboard, game);
	RETURN QUERY EXECUTE format($sql$
		SELECT e.event_id, e.created_at, e.message_id, e.update_type, e.submitted, e.old_score, e.new_score,
			e.metadata, e.role
		FROM %1$s.score_event AS e
		WHERE e.player_id = $1 COLLATE "C" AND e.board_no IN (
			SELECT b.board_no FROM %1$s.board AS b WHERE b.game_id = $2 COLLATE "C")
		ORDER BY e.event_id DESC LIMIT $3
	$sql$, schema) USING player, game, last;
END
$$;
COMMENT ON FUNCTION bixarena_score_history(text, text, text, integer) IS
	'what has happened to a player''s score in a game, the latest first';

CREATE FUNCTION bixarena_check_scores(scoreboard text)
RETURNS TABLE (game_id text, started_at timestamptz, first_place bytea, counted bigint, players bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT b.game_id::text, b.started_at, d.*
		FROM %1$s.board AS b
		CROSS JOIN LATERAL bixarena.rank_differences($1, b.board_no) AS d
		ORDER BY b.board_no, d.first_place
	$sql$, schema) USING schema;
	-- a score is what its place says
	RETURN QUERY EXECUTE format($sql$
		SELECT b.game_id::text, b.started_at, s.place, 1::bigint, 0::bigint
		FROM %1$s.board AS b
		JOIN %1$s.game AS g ON g.game_id = b.game_id
		JOIN %1$s.score AS s ON s.board_no = b.board_no
		WHERE s.place <> bixarena.score_place(s.score, g.score_order = 'desc', s.reached_at, s.player_id)
	$sql$, schema);
END
$$;
COMMENT ON FUNCTION bixarena_check_scores(text) IS
	'where counts and scores do not agree: no row, if all is well';

CREATE FUNCTION bixarena_recount_scores(scoreboard text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	board integer;
BEGIN
	FOR board IN EXECUTE format('SELECT b.board_no FROM %1$s.board AS b ORDER BY 1', schema) LOOP
		PERFORM bixarena.rank_rebuild(scoreboard, board);
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena_recount_scores(text) IS
	'count the players of all boards anew; nobody writes scores meanwhile';
-- it writes counts
REVOKE ALL ON FUNCTION bixarena_recount_scores(text) FROM PUBLIC;
/*
 * Periods: a game begins anew, and what was stays readable.
 */

CREATE FUNCTION bixarena_reset_game(scoreboard text, game text)
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	old_board integer;
	new_board integer;
	moment timestamptz;
BEGIN
	-- an error if there is none
	PERFORM bixarena.score_board(scoreboard, game);
	EXECUTE format('SELECT g.board_no FROM %1$s.game AS g WHERE g.game_id = $1 COLLATE "C" FOR UPDATE', schema)
	INTO STRICT old_board USING game;
	-- transactions that have begun to write scores may still write them to the old period
	EXECUTE format('INSERT INTO %1$s.board (game_id) VALUES ($1) RETURNING board_no, started_at', schema)
	INTO STRICT new_board, moment USING game;
	PERFORM bixarena.rank_create(schema, new_board);
	EXECUTE format('UPDATE %1$s.board AS b SET ended_at = $2 WHERE b.board_no = $1', schema) USING old_board, moment;
	EXECUTE format('UPDATE %1$s.game AS g SET board_no = $2 WHERE g.game_id = $1 COLLATE "C"', schema) USING game, new_board;
	RETURN moment;
END
$$;
COMMENT ON FUNCTION bixarena_reset_game(text, text) IS
	'end the period of a game and begin the next, without scores: when it began';
-- it writes a period
REVOKE ALL ON FUNCTION bixarena_reset_game(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_schedule_resets(scoreboard text, game text, schedule text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	job text;
BEGIN
	PERFORM bixarena.score_board(scoreboard, game);
	job := bixarena.cron_keep_job('reset', (parse_ident(schema))[1], game, 'SELECT %s.bixarena_reset_game(%L, %L)',
		schedule);
	EXECUTE format('UPDATE %1$s.game AS g SET reset_schedule = $2 WHERE g.game_id = $1 COLLATE "C"', schema) USING game, schedule;
	RETURN job;
END
$$;
COMMENT ON FUNCTION bixarena_schedule_resets(text, text, text) IS
	'reset a game on a schedule of pg_cron; null: not any more';
-- it makes jobs
REVOKE ALL ON FUNCTION bixarena_schedule_resets(text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_periods(scoreboard text, game text)
RETURNS TABLE (started_at timestamptz, ended_at timestamptz, players bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
BEGIN
	PERFORM bixarena.score_board(scoreboard, game);
	RETURN QUERY EXECUTE format($sql$
		SELECT b.started_at, b.ended_at, bixarena.rank_total($1, b.board_no)
		FROM %1$s.board AS b WHERE b.game_id = $2 COLLATE "C"
		ORDER BY b.started_at DESC
	$sql$, schema) USING scoreboard, game;
END
$$;
COMMENT ON FUNCTION bixarena_periods(text, text) IS 'the periods of a game, the latest first';
/*
 * Uploads: files of standings, each the full state of all players at a date.
 *
 * A file is looked at as a whole before anything of it counts; see src/score/upload.c.
 * What has come is kept as it came, also when it was refused, and never changed.  The
 * latest version of a date counts.
 */

CREATE FUNCTION bixarena.upload_key(key text, OUT source text, OUT partition text,
	OUT snapshot_date date, OUT format text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	parts text[];
	file text;
	part text;
	names text[] := '{}';
	flaw text;
BEGIN
	parts := string_to_array(regexp_replace(left(coalesce(key, ''), 1025), '^inbox/', ''), '/');
	file := parts[cardinality(parts)];
	flaw := CASE
		WHEN key IS NULL THEN 'it is null'
		WHEN octet_length(key) > 1024 THEN 'it has more than 1024 bytes'
		WHEN key ~ '[[:cntrl:]\\]' THEN 'it has a control character or a backslash'
		WHEN '' = ANY (parts) OR '.' = ANY (parts) OR '..' = ANY (parts) THEN 'a part of it is empty, . or ..'
	END;
	-- what the file is called says its format and nothing else
	parts := parts[:cardinality(parts) - 1];
	FOREACH part IN ARRAY parts LOOP
		flaw := coalesce(flaw, CASE
			WHEN part !~ '^[a-z_][a-z0-9_]{0,62}=.+$' THEN format('"%s" is not name=value', left(part, 100))
			WHEN octet_length(part) > 255 THEN 'a part has more than 255 bytes'
			WHEN split_part(part, '=', 1) = ANY (names) THEN format('"%s" is there twice', split_part(part, '=', 1)) END);
		names := names || split_part(part, '=', 1);
	END LOOP;
	source := (SELECT max(substr(p, 8)) FROM unnest(parts) AS p WHERE p ~ '^source=');
	partition := coalesce((SELECT string_agg(p, '/' ORDER BY p COLLATE "C") FROM unnest(parts) AS p
		WHERE p !~ '^(source|dt)='), '');
	part := (SELECT max(substr(p, 4)) FROM unnest(parts) AS p WHERE p ~ '^dt=');
	format := CASE lower(substring(file FROM '[.]([A-Za-z]+)$'))
		WHEN 'csv' THEN 'csv' WHEN 'json' THEN 'json' WHEN 'jsonl' THEN 'jsonl' WHEN 'ndjson' THEN 'jsonl' END;
	flaw := coalesce(flaw, CASE
		WHEN source IS NULL THEN 'it has no source=...'
		WHEN part IS NULL THEN 'it has no dt=...'
		WHEN part !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' OR part < '0001-01-01' THEN 'dt is not a date such as 2026-01-26' END);
	IF flaw IS NULL THEN
		BEGIN
			snapshot_date := make_date(substr(part, 1, 4)::integer, substr(part, 6, 2)::integer, substr(part, 9)::integer);
		EXCEPTION WHEN datetime_field_overflow THEN
			flaw := 'dt is not a date such as 2026-01-26';
		END;
	END IF;
	IF flaw IS NOT NULL THEN
		RAISE EXCEPTION 'the key of an upload is not one: %', flaw
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A key is like inbox/source=game/kingdom=51/dt=2026-01-26/players.csv.';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.upload_key(text) IS 'what a key says: an error if it is none';

CREATE FUNCTION bixarena.upload_read(scoreboard text, run_no integer, run_id uuid, snapshot_date date,
	ingested_at timestamptz, format text, content bytea, numbers text[], words text[], required text[],
	OUT num_rows integer, OUT metrics text[], OUT num_errors bigint, OUT errors jsonb)
AS 'MODULE_PATHNAME', 'bixarena_read_upload'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.upload_read(text, integer, uuid, date, timestamptz, text, bytea, text[], text[], text[]) IS
	'look at a file and, if it is sound, write its rows';

CREATE FUNCTION bixarena.upload_lock(scoreboard text, source text, partition text, snapshot_date date)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_lock_upload'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.upload_lock(text, text, text, date) IS
	'be the only one who uploads a partition and date, until the transaction ends';

CREATE FUNCTION bixarena.upload_store(scoreboard text, key text, content bytea, format text, OUT run_id uuid, OUT status text, OUT version integer, OUT num_rows integer,
	OUT num_errors bigint, OUT errors jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	parts record;
	hash bytea;
	moment timestamptz := clock_timestamp();
	max_mb integer;
	columns record;
	read record;
	new_run_no integer;
BEGIN
	SELECT k.* INTO parts FROM bixarena.upload_key(key) AS k;
	parts.format := coalesce(upload_store.format, parts.format);
	IF parts.format IS NULL OR parts.format NOT IN ('csv', 'json', 'jsonl') THEN
		RAISE EXCEPTION 'the format of the upload is none that is read'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Let the key end with .csv, .json or .jsonl, or give one of these words as the format.';
	END IF;
	IF content IS NULL THEN
		RAISE EXCEPTION 'content must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	EXECUTE format('SELECT s.max_upload_mb FROM %1$s.scoreboard AS s', schema) INTO STRICT max_mb;
	IF octet_length(content) > max_mb * 1048576::bigint THEN
		RAISE EXCEPTION 'the file has % bytes', octet_length(content)
			USING ERRCODE = 'program_limit_exceeded',
				DETAIL = format('The setting max_upload_mb allows %s MB.', max_mb),
				HINT = 'Upload it in parts, with keys of their own, or change the setting.';
	END IF;
	PERFORM bixarena.upload_lock(schema, parts.source, parts.partition, parts.snapshot_date);

	-- the same bytes under the same key are the same upload
	hash := sha256(content);
	EXECUTE format($sql$
		SELECT u.run_id, u.status, u.version, u.num_rows, u.num_errors, u.errors
		FROM %1$s.upload AS u
		WHERE u.key = $1 COLLATE "C" AND u.sha256 = $2 AND u.format = $3 AND u.status = 'accepted'
		ORDER BY u.run_no LIMIT 1
	$sql$, schema) INTO run_id, status, version, num_rows, num_errors, errors USING key, hash, parts.format;
	IF run_id IS NOT NULL THEN
		RETURN;
	END IF;

	-- what was declared, and what was a number in the last file
	EXECUTE format($sql$
		SELECT coalesce(array_agg(c.name) FILTER (WHERE c.type = 'number'), '{}') AS numbers,
			coalesce(array_agg(c.name) FILTER (WHERE c.type = 'text'), '{}') AS words,
			coalesce(array_agg(c.name) FILTER (WHERE c.is_required), '{}') AS required
		FROM (
			SELECT d.column_name AS name, d.column_type AS type, d.is_required
			FROM %1$s.upload_column AS d WHERE d.source = $1 COLLATE "C"
			UNION ALL
			SELECT m, 'number', false
			FROM unnest((SELECT u.metrics FROM %1$s.upload AS u
				WHERE u.source = $1 COLLATE "C" AND u.partition = $2 COLLATE "C" AND u.status = 'accepted'
				ORDER BY u.snapshot_date DESC, u.version DESC LIMIT 1)) AS m
		) AS c
	$sql$, schema) INTO columns USING parts.source, parts.partition;
	new_run_no := nextval(schema || '.upload_run_no_seq');
	run_id := gen_random_uuid();
	SELECT r.* INTO read FROM bixarena.upload_read(scoreboard => (parse_ident(schema))[1], run_no => new_run_no,
		run_id => upload_store.run_id, snapshot_date => parts.snapshot_date, ingested_at => moment,
		format => parts.format, content => content, numbers => columns.numbers, words => columns.words,
		required => columns.required) AS r;
	status := CASE read.num_errors WHEN 0 THEN 'accepted' ELSE 'refused' END;
	num_rows := read.num_rows;
	num_errors := read.num_errors;
	errors := read.errors;
	EXECUTE format($sql$
		INSERT INTO %1$s.upload (run_no, run_id, run_ts, key, source, partition, snapshot_date, version, format, size,
			sha256, status, num_rows, metrics, num_errors, errors)
		OVERRIDING SYSTEM VALUE
		VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $11 = 'accepted' THEN 1 + coalesce((SELECT max(u.version) FROM %1$s.upload AS u
			WHERE u.source = $5 COLLATE "C" AND u.partition = $6 COLLATE "C" AND u.snapshot_date = $7), 0) END,
			$8, $9, $10, $11, $12, $13, $14, $15)
		RETURNING version
	$sql$, schema) INTO STRICT version
	USING new_run_no, run_id, moment, key, parts.source, parts.partition, parts.snapshot_date, parts.format,
		octet_length(content)::bigint, hash, status, num_rows, read.metrics, num_errors, errors;
	EXECUTE format('INSERT INTO %1$s.upload_content (run_no, content) VALUES ($1, $2)', schema) USING new_run_no, content;
END
$$;
COMMENT ON FUNCTION bixarena.upload_store(text, text, bytea, text) IS
	'keep a file, and its rows if it is sound';

CREATE FUNCTION bixarena_upload_standings(scoreboard text, key text, content bytea, format text DEFAULT NULL,
	source text DEFAULT NULL, partition text DEFAULT NULL, date date DEFAULT NULL)
RETURNS TABLE (run_id uuid, status text, version integer, num_rows integer, num_errors bigint, errors jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
	IF key IS NULL THEN
		key := 'inbox/source=' || source || coalesce('/' || nullif(partition, ''), '') || '/dt=' || to_char(date, 'YYYY-MM-DD')
			|| '/upload.' || coalesce(format, 'csv');
	END IF;
	RETURN QUERY SELECT s.* FROM bixarena.upload_store(scoreboard, key, content, format) AS s;
END
$$;
COMMENT ON FUNCTION bixarena_upload_standings(text, text, bytea, text, text, text, date) IS
	'keep a file of standings, and if it is sound let it count: what has become of it';
-- it writes standings
REVOKE ALL ON FUNCTION bixarena_upload_standings(text, text, bytea, text, text, text, date) FROM PUBLIC;

CREATE FUNCTION bixarena_uploads(scoreboard text, source text DEFAULT NULL, last integer DEFAULT 100)
RETURNS TABLE (run_id uuid, run_ts timestamptz, key text, status text, version integer, num_rows integer,
	size bigint, sha256 bytea, num_errors bigint, errors jsonb, role text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT u.run_id, u.run_ts, u.key::text, u.status, u.version, u.num_rows, u.size, u.sha256, u.num_errors,
			u.errors, u.role
		FROM %1$s.upload AS u WHERE $1 IS NULL OR u.source = $1 COLLATE "C"
		ORDER BY u.run_no DESC LIMIT $2
	$sql$, bixarena.scoreboard_open(scoreboard, false)) USING source, last;
END
$$;
COMMENT ON FUNCTION bixarena_uploads(text, text, integer) IS
	'the files that have come in, the latest first; also those that were refused, and why';

/*
 * A folder of the server's.  Each file is a transaction of its own, so one that is bad
 * stops no other.
 */

CREATE FUNCTION bixarena.upload_files(path text)
RETURNS TABLE (key text, size bigint, modified_at timestamptz)
AS 'MODULE_PATHNAME', 'bixarena_list_inbox'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.upload_files(text) IS
	'the files below inbox in a folder of the server''s; links are passed over';

CREATE FUNCTION bixarena.upload_file(path text, key text, max_bytes bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_read_inbox'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.upload_file(text, text, bigint) IS
	'a file below inbox in a folder of the server''s';

CREATE FUNCTION bixarena.upload_new_files(scoreboard text, path text)
RETURNS TABLE (key text, size bigint, modified_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT f.key, f.size, f.modified_at
		FROM bixarena.upload_files($1) AS f
		WHERE NOT EXISTS (SELECT FROM %1$s.upload_file AS u
			WHERE u.key = f.key COLLATE "C" AND u.size = f.size AND u.modified_at = f.modified_at)
		ORDER BY f.key COLLATE "C"
	$sql$, bixarena.scoreboard_open(scoreboard, false)) USING path;
END
$$;
COMMENT ON FUNCTION bixarena.upload_new_files(text, text) IS
	'files of a folder that have not been read as they are';

CREATE FUNCTION bixarena.upload_from_folder(scoreboard text, path text, key text, size bigint, modified_at timestamptz)
RETURNS text
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	max_mb bigint;
	stored record;
BEGIN
	EXECUTE format('SELECT s.max_upload_mb FROM %1$s.scoreboard AS s', schema) INTO STRICT max_mb;
	SELECT s.* INTO stored FROM bixarena.upload_store(scoreboard, key,
		bixarena.upload_file(path, key, max_mb * 1048576), NULL) AS s;
	-- until it is another, it is not read again
	EXECUTE format($sql$
		INSERT INTO %1$s.upload_file AS u (key, size, modified_at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET size = excluded.size, modified_at = excluded.modified_at
	$sql$, schema) USING key, size, modified_at;
	IF stored.status = 'refused' THEN
		RAISE WARNING 'file "%" is refused', key
			USING DETAIL = format('It has %s errors; the first: %s', stored.num_errors, stored.errors -> 0);
	END IF;
	RETURN stored.status;
EXCEPTION
	-- somebody wants it to end, or the disk is full
	WHEN insufficient_resources OR operator_intervention THEN
		RAISE;
	WHEN OTHERS THEN
		RAISE WARNING 'file "%" is not kept: %', key, SQLERRM;
		RETURN 'failed';
END
$$;
COMMENT ON FUNCTION bixarena.upload_from_folder(text, text, text, bigint, timestamptz) IS
	'keep a file of a folder: what has become of it; an error is a warning';

CREATE PROCEDURE bixarena_ingest_folder(scoreboard text, path text)
LANGUAGE plpgsql
AS $$
DECLARE
	files record;
	outcome text;
	accepted integer := 0;
	others integer := 0;
BEGIN
	SELECT pg_catalog.array_agg(f.key) AS keys, pg_catalog.array_agg(f.size) AS sizes,
		pg_catalog.array_agg(f.modified_at) AS moments, pg_catalog.count(*) AS n
	INTO files FROM bixarena.upload_new_files(scoreboard, path) AS f;
	FOR i IN 1 .. files.n LOOP
		outcome := bixarena.upload_from_folder(scoreboard, path, files.keys[i], files.sizes[i], files.moments[i]);
		COMMIT;
		IF outcome OPERATOR(pg_catalog.=) 'accepted' THEN
			accepted := accepted OPERATOR(pg_catalog.+) 1;
		ELSE
			others := others OPERATOR(pg_catalog.+) 1;
		END IF;
	END LOOP;
	RAISE NOTICE '% files are kept and count; % are not', accepted, others;
END
$$;
COMMENT ON PROCEDURE bixarena_ingest_folder(text, text) IS
	'upload what is new below inbox in a folder of the server''s, each file in a transaction of its own';
-- it reads files of the server's
REVOKE ALL ON PROCEDURE bixarena_ingest_folder(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_schedule_ingestion(scoreboard text, path text, schedule text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN bixarena.cron_keep_job('ingest', (parse_ident(bixarena.scoreboard_open(scoreboard, false)))[1], path,
		'CALL %s.bixarena_ingest_folder(%L, %L)', schedule);
END
$$;
COMMENT ON FUNCTION bixarena_schedule_ingestion(text, text, text) IS
	'ingest a folder on a schedule of pg_cron; null: not any more';
-- it makes jobs
REVOKE ALL ON FUNCTION bixarena_schedule_ingestion(text, text, text) FROM PUBLIC;
/*
 * Reading standings: the best by a metric, a player's course, two dates side by side.
 *
 * The latest version of a date counts, and the latest date where none is named.  An
 * older version is read by its run id.
 */

CREATE FUNCTION bixarena.upload_find(schema text, source text, partition text, date date, as_of_run uuid,
	metric text, OUT run_no integer, OUT run_id uuid, OUT snapshot_date date, OUT metric_no integer,
	OUT num_rows integer)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	names text[];
BEGIN
	IF metric IS NULL THEN
		RAISE EXCEPTION 'metric must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	EXECUTE format(CASE WHEN as_of_run IS NOT NULL THEN $sql$
		SELECT u.run_no, u.run_id, u.snapshot_date, array_position(u.metrics, $5), u.num_rows, u.metrics
		FROM %1$s.upload AS u
		WHERE u.run_id = $4 AND u.source = $1 COLLATE "C" AND u.partition = $2 COLLATE "C" AND u.status = 'accepted'
			AND ($3 IS NULL OR u.snapshot_date = $3)
	$sql$ ELSE $sql$
		SELECT u.run_no, u.run_id, u.snapshot_date, array_position(u.metrics, $5), u.num_rows, u.metrics
		FROM %1$s.upload AS u
		WHERE u.source = $1 COLLATE "C" AND u.partition = $2 COLLATE "C" AND u.snapshot_date = coalesce($3,
			(SELECT max(d.snapshot_date) FROM %1$s.upload AS d WHERE d.source = $1 COLLATE "C"
				AND d.partition = $2 COLLATE "C" AND d.version IS NOT NULL))
			AND u.version IS NOT NULL
		ORDER BY u.version DESC LIMIT 1
	$sql$ END, schema)
	INTO run_no, run_id, snapshot_date, metric_no, num_rows, names
	USING source, coalesce(partition, ''), date, as_of_run, metric;
	IF run_no IS NULL THEN
		RAISE EXCEPTION 'there are no standings of source "%", partition "%"%', source, coalesce(partition, ''),
				coalesce(' of ' || to_char(date, 'YYYY-MM-DD'), '') || coalesce(' of run ' || as_of_run, '')
			USING ERRCODE = 'no_data_found',
				HINT = 'bixarena_standings_dates() tells what there is.';
	END IF;
	IF metric_no IS NULL THEN
		RAISE EXCEPTION 'the standings of % have no metric "%"', to_char(snapshot_date, 'YYYY-MM-DD'), metric
			USING ERRCODE = 'undefined_column',
				DETAIL = format('The metrics are %s.', array_to_string(names, ', '));
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.upload_find(text, text, text, date, uuid, text) IS
	'the upload that counts for a date, or a run of it, and the number of a metric';

CREATE FUNCTION bixarena_standings(scoreboard text, source text, partition text, metric text,
	top integer DEFAULT 100, date date DEFAULT NULL, after integer DEFAULT 0, as_of_run uuid DEFAULT NULL)
RETURNS TABLE ("position" integer, rank integer, player_id text, name text, value numeric, attributes jsonb,
	snapshot_date date, run_id uuid)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
	piece constant integer := 400;
	schema text := bixarena.scoreboard_open(scoreboard, false);
	upload record;
BEGIN
	IF top IS NULL OR top NOT BETWEEN 1 AND 100000 THEN
		RAISE EXCEPTION 'top must be from 1 to 100,000'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF after IS NULL OR after < 0 THEN
		RAISE EXCEPTION 'after must be the position of a row that was read before, or 0'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT u.* INTO upload FROM bixarena.upload_find(schema, source, partition, date, as_of_run, metric) AS u;
	RETURN QUERY EXECUTE format($sql$
		SELECT p.n, s.ranks[$2], s.player_id::text, s.name, s.values[$2], s.attributes, s.snapshot_date, s.run_id
		FROM (
			SELECT o.piece_no * $6 + r.n::integer AS n, r.row_no
			FROM %1$s.standing_order AS o, unnest(o.row_nos) WITH ORDINALITY AS r (row_no, n)
			WHERE o.run_no = $1 AND o.metric_no = $2
				AND o.piece_no BETWEEN $3 / $6 AND ($3::bigint + $4 - 1) / $6
				AND o.piece_no * $6::bigint + r.n BETWEEN $3 + 1 AND $3::bigint + $4
		) AS p
		JOIN %1$s.standing AS s ON s.run_no = $1 AND s.row_no = p.row_no
		ORDER BY p.n
	$sql$, schema) USING upload.run_no, upload.metric_no, after, top, NULL::integer, piece;
END
$$;
COMMENT ON FUNCTION bixarena_standings(text, text, text, text, integer, date, integer, uuid) IS
	'the best by a metric, at the latest date or another, or who stands behind a position';

CREATE FUNCTION bixarena_standings_json(scoreboard text, source text, partition text, metric text,
	top integer DEFAULT 100, date date DEFAULT NULL, after integer DEFAULT 0, as_of_run uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	upload record;
	result jsonb;
BEGIN
	SELECT u.* INTO upload
	FROM bixarena.upload_find(bixarena.scoreboard_open(scoreboard, false), source, partition, date, as_of_run, metric) AS u;
	EXECUTE format($sql$
		SELECT jsonb_build_object('source', $2, 'partition', coalesce($3, ''), 'metric', $4, 'date', $9, 'run_id', $8,
			'players', $10, 'next', CASE WHEN count(*) = $5 THEN max(s."position") END,
			'standings', coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) - '{snapshot_date,run_id}'::text[] ORDER BY s."position"), '[]'))
		FROM %1$s.bixarena_standings($1, $2, $3, $4, $5, $6, $7, $8) AS s
	$sql$, bixarena.interface_schema()) INTO result
	USING scoreboard, source, partition, metric, top, date, after, upload.run_id, upload.snapshot_date, upload.num_rows;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena_standings_json(text, text, text, text, integer, date, integer, uuid) IS
	'the same as a document; next is what to give as after for the next page';

CREATE FUNCTION bixarena_standings_dates(scoreboard text, source text DEFAULT NULL, partition text DEFAULT NULL)
RETURNS TABLE (source_name text, partition_name text, snapshot_date date, run_id uuid, versions integer, players integer,
	metrics text[], ingested_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT DISTINCT ON (u.source, u.partition, u.snapshot_date) u.source::text, u.partition::text, u.snapshot_date,
			u.run_id, u.version, u.num_rows, u.metrics, u.run_ts
		FROM %1$s.upload AS u
		WHERE u.version IS NOT NULL AND ($1 IS NULL OR u.source = $1 COLLATE "C")
			AND ($2 IS NULL OR u.partition = $2 COLLATE "C")
		ORDER BY u.source, u.partition, u.snapshot_date DESC, u.version DESC
	$sql$, bixarena.scoreboard_open(scoreboard, false)) USING source, partition;
END
$$;
COMMENT ON FUNCTION bixarena_standings_dates(text, text, text) IS
	'the dates that there are standings of, the latest first, and the run that counts for each';

CREATE FUNCTION bixarena_standings_history(scoreboard text, source text, player text, metric text,
	partition text DEFAULT NULL, last integer DEFAULT 1000)
RETURNS TABLE (snapshot_date date, partition_name text, value numeric, rank integer, players integer, run_id uuid)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT u.snapshot_date, u.partition::text, s.values[array_position(u.metrics, $3)],
			s.ranks[array_position(u.metrics, $3)], u.num_rows, u.run_id
		FROM %1$s.standing AS s
		JOIN %1$s.upload AS u ON u.run_no = s.run_no
		WHERE s.player_id = $2 COLLATE "C" AND u.source = $1 COLLATE "C" AND ($4 IS NULL OR u.partition = $4 COLLATE "C")
			AND NOT EXISTS (SELECT FROM %1$s.upload AS v WHERE v.source = u.source AND v.partition = u.partition
				AND v.snapshot_date = u.snapshot_date AND v.version > u.version)
			AND array_position(u.metrics, $3) IS NOT NULL
		ORDER BY u.snapshot_date DESC, u.partition LIMIT $5
	$sql$, bixarena.scoreboard_open(scoreboard, false)) USING source, player, metric, partition, last;
END
$$;
COMMENT ON FUNCTION bixarena_standings_history(text, text, text, text, text, integer) IS
	'what a player had by a metric at each date, the latest first';

CREATE FUNCTION bixarena_compare_standings(scoreboard text, source text, partition text, metric text,
	date1 date, date2 date, top integer DEFAULT 100)
RETURNS TABLE (player_id text, name text, change text, value1 numeric, value2 numeric, gained numeric,
	rank1 integer, rank2 integer, rank_change integer)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
	upload1 record;
	upload2 record;
BEGIN
	IF metric IS NULL OR date1 IS NULL OR date2 IS NULL THEN
		RAISE EXCEPTION 'metric, date1 and date2 must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT u.* INTO upload1 FROM bixarena.upload_find(schema, source, partition, date1, NULL, metric) AS u;
	SELECT u.* INTO upload2 FROM bixarena.upload_find(schema, source, partition, date2, NULL, metric) AS u;
	RETURN QUERY EXECUTE format($sql$
		SELECT coalesce(b.player_id, a.player_id)::text, coalesce(b.name, a.name),
			CASE WHEN a.player_id IS NULL OR (a.value IS NULL AND b.value IS NOT NULL) THEN 'new'
				WHEN b.player_id IS NULL OR (b.value IS NULL AND a.value IS NOT NULL) THEN 'gone'
				WHEN b.value > a.value THEN 'gained' WHEN b.value < a.value THEN 'lost' ELSE 'same' END,
			a.value, b.value, coalesce(b.value, 0) - coalesce(a.value, 0), a.rank, b.rank, a.rank - b.rank
		FROM (SELECT s.player_id, s.name, s.values[$2] AS value, s.ranks[$2] AS rank
			FROM %1$s.standing AS s WHERE s.run_no = $1) AS a
		FULL JOIN (SELECT s.player_id, s.name, s.values[$4] AS value, s.ranks[$4] AS rank
			FROM %1$s.standing AS s WHERE s.run_no = $3) AS b ON b.player_id = a.player_id
		ORDER BY abs(coalesce(b.value, 0) - coalesce(a.value, 0)) DESC, 1 LIMIT $5
	$sql$, schema) USING upload1.run_no, upload1.metric_no, upload2.run_no, upload2.metric_no, top;
END
$$;
COMMENT ON FUNCTION bixarena_compare_standings(text, text, text, text, date, date, integer) IS
	'what players have gained or lost by a metric between two dates, the biggest change first';

CREATE FUNCTION bixarena_standings_history_json(scoreboard text, source text, player text, metric text,
	partition text DEFAULT NULL, last integer DEFAULT 1000)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE format($sql$
		SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) - 'ordinality' ORDER BY s.ordinality)
		FROM %s.bixarena_standings_history($1, $2, $3, $4, $5, $6) WITH ORDINALITY AS s
	$sql$, bixarena.interface_schema())
	INTO result USING scoreboard, source, player, metric, partition, last;
	RETURN jsonb_build_object('source', source, 'player_id', player, 'metric', metric, 'history', coalesce(result, '[]'));
END
$$;
COMMENT ON FUNCTION bixarena_standings_history_json(text, text, text, text, text, integer) IS
	'the same as a document';

CREATE FUNCTION bixarena_compare_standings_json(scoreboard text, source text, partition text, metric text,
	date1 date, date2 date, top integer DEFAULT 100)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE format($sql$
		SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) - 'ordinality' ORDER BY s.ordinality)
		FROM %s.bixarena_compare_standings($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY AS s
	$sql$, bixarena.interface_schema())
	INTO result USING scoreboard, source, partition, metric, date1, date2, top;
	RETURN jsonb_build_object('source', source, 'partition', coalesce(partition, ''), 'metric', metric, 'date1', date1,
		'date2', date2, 'players', coalesce(result, '[]'));
END
$$;
COMMENT ON FUNCTION bixarena_compare_standings_json(text, text, text, text, date, date, integer) IS
	'the same as a document';

CREATE FUNCTION bixarena_standings_dates_json(scoreboard text, source text DEFAULT NULL, partition text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE format($sql$
		SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) - 'ordinality' ORDER BY s.ordinality)
		FROM %s.bixarena_standings_dates($1, $2, $3) WITH ORDINALITY AS s
	$sql$, bixarena.interface_schema())
	INTO result USING scoreboard, source, partition;
	RETURN coalesce(result, '[]');
END
$$;
COMMENT ON FUNCTION bixarena_standings_dates_json(text, text, text) IS
	'the same as a document';

CREATE TYPE bixarena.upload_move AS (
	player_id text,
	name text,
	change text,
	value1 numeric,
	value2 numeric,
	gained numeric,
	rank1 integer,
	rank2 integer
);
COMMENT ON TYPE bixarena.upload_move IS 'what a player has gained or lost between two dates';

CREATE FUNCTION bixarena.upload_moves(scoreboard text, source text, partition text, metric text, INOUT date1 date,
	INOUT date2 date, top integer, OUT moves bixarena.upload_move[])
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
BEGIN
	SELECT u.snapshot_date INTO date2
	FROM bixarena.upload_find(schema, source, partition, date2, NULL, metric) AS u;
	IF date1 IS NULL THEN
		EXECUTE format($sql$
			SELECT max(u.snapshot_date) FROM %1$s.upload AS u
			WHERE u.source = $1 COLLATE "C" AND u.partition = $2 COLLATE "C" AND u.snapshot_date < $3
				AND u.version IS NOT NULL AND $4 = ANY (u.metrics)
				AND NOT EXISTS (SELECT FROM %1$s.upload AS v WHERE v.source = u.source AND v.partition = u.partition
					AND v.snapshot_date = u.snapshot_date AND v.version > u.version)
		$sql$, schema) INTO date1 USING source, coalesce(partition, ''), date2, metric;
	END IF;
	IF date1 IS NOT NULL THEN
		EXECUTE format($sql$
			SELECT ARRAY(SELECT (c.player_id, c.name, c.change, c.value1, c.value2, c.gained, c.rank1, c.rank2)::bixarena.upload_move
				FROM %1$s.bixarena_compare_standings($1, $2, $3, $4, $5, $6, $7) AS c WHERE c.gained <> 0)
		$sql$, bixarena.interface_schema()) INTO moves USING scoreboard, source, partition, metric, date1, date2, top;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.upload_moves(text, text, text, text, date, date, integer) IS
	'who has gained or lost the most by a metric; without dates, from the date before the latest to it';
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

/*
 * How many players have which score: counts between round scores.  How many stand before
 * a score is told by the counts by range of places (src/score/rank.c), so a distribution
 * is exact, and takes a rank for each of its edges, however many players there are.
 */

CREATE TYPE bixarena.played_game AS (
	scoreboard text,
	schema text,				-- the same, quoted
	name text,
	highest_first boolean,
	operator text,
	reset_schedule text,
	board_no integer,
	generation integer,
	started_at timestamptz,
	ended_at timestamptz,
	players bigint
);
COMMENT ON TYPE bixarena.played_game IS 'a game in one of its periods';

CREATE FUNCTION bixarena.score_game(scoreboard text, game text, at timestamptz)
RETURNS bixarena.played_game
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
	played bixarena.played_game;
BEGIN
	EXECUTE format($sql$
		SELECT (parse_ident($3))[1], $3, coalesce(nullif(btrim(g.name), ''), g.game_id), g.score_order = 'desc', g.operator,
			g.reset_schedule, b.board_no, b.generation, b.started_at, b.ended_at, bixarena.rank_total($1, b.board_no)
		FROM %1$s.board AS b JOIN %1$s.game AS g ON g.game_id = b.game_id WHERE b.board_no = $2
	$sql$, schema) INTO STRICT played USING scoreboard, bixarena.score_board(scoreboard, game, at), schema;
	RETURN played;
END
$$;
COMMENT ON FUNCTION bixarena.score_game(text, text, timestamptz) IS
	'a game in the period now, or at a moment: what it is, and how many players it has';

CREATE FUNCTION bixarena.score_near(played bixarena.played_game, before bigint)
RETURNS numeric
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
	score numeric;
BEGIN
	-- thousands of players may not be in the counts yet
	IF played.players <= 10000 THEN
		EXECUTE format('SELECT s.score FROM %1$s.score AS s WHERE s.board_no = $1 ORDER BY s.place OFFSET $2 LIMIT 1',
			played.schema) INTO score USING played.board_no, before;
	ELSE
		EXECUTE format('SELECT s.score FROM %1$s.score AS s WHERE s.board_no = $1 AND s.place >= $2 ORDER BY s.place LIMIT 1',
			played.schema) INTO score
		USING played.board_no, bixarena.rank_place(played.scoreboard, played.board_no, before);
	END IF;
	RETURN score;
END
$$;
COMMENT ON FUNCTION bixarena.score_near(bixarena.played_game, bigint) IS
	'the score before which so many players stand, or one near it';

CREATE FUNCTION bixarena.score_ends(played bixarena.played_game, OUT low numeric, OUT high numeric, OUT is_whole boolean)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
	best numeric;
	worst numeric;
	most_best numeric;
	most_worst numeric;
	spread numeric;
BEGIN
	EXECUTE format($sql$
		SELECT (array_agg(t.score))[1], bool_and(t.score = trunc(t.score))
		FROM (SELECT s.score FROM %1$s.score AS s WHERE s.board_no = $1 ORDER BY s.place LIMIT 100) AS t
	$sql$, played.schema) INTO best, is_whole USING played.board_no;
	EXECUTE format('SELECT s.score FROM %1$s.score AS s WHERE s.board_no = $1 ORDER BY s.place DESC LIMIT 1',
		played.schema) INTO worst USING played.board_no;
	-- of a hundred players one may stand beyond either end, if he is as far out as all
	-- others lie apart
	most_best := bixarena.score_near(played, played.players / 100);
	most_worst := bixarena.score_near(played, played.players - 1 - played.players / 100);
	spread := nullif(abs(most_best - most_worst), 0);
	best := CASE WHEN abs(best - most_best) > spread THEN most_best ELSE best END;
	worst := CASE WHEN abs(worst - most_worst) > spread THEN most_worst ELSE worst END;
	low := least(best, worst);
	high := greatest(best, worst);
	is_whole := is_whole AND low = trunc(low) AND high = trunc(high);
END
$$;
COMMENT ON FUNCTION bixarena.score_ends(bixarena.played_game) IS
	'between which scores nearly all players of a game are, and do they seem to be whole numbers?';

CREATE TYPE bixarena.score_bin AS (
	low numeric,			-- null: none, all below high
	high numeric,			-- null: likewise
	players bigint
);
COMMENT ON TYPE bixarena.score_bin IS 'players whose score is at least low and below high';

CREATE FUNCTION bixarena.score_distribution(played bixarena.played_game, max_bins integer)
RETURNS SETOF bixarena.score_bin
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 30
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	ends record;
	pad numeric;
	step numeric;
BEGIN
	IF played.players = 0 THEN
		RETURN;
	END IF;
	ends := bixarena.score_ends(played);
	pad := CASE WHEN ends.low < ends.high THEN 0 ELSE coalesce(nullif(abs(ends.low) / 10, 0), 1) END;
	SELECT t.step INTO STRICT step
	FROM bixarena.chart_ticks((ends.low - pad)::double precision, (ends.high + pad)::double precision, max_bins,
		CASE WHEN ends.is_whole THEN 1 ELSE 0 END) AS t LIMIT 1;
	RETURN QUERY
	WITH edge AS MATERIALIZED (
		SELECT n, n * step AS score
		FROM generate_series(floor((ends.low - pad) / step)::bigint, floor((ends.high + pad) / step)::bigint + 1) AS n
	), counted AS (
		-- where the highest is first, those before this place have the score itself too
		SELECT e.n, e.score, CASE WHEN played.highest_first THEN played.players - b.before ELSE b.before END AS below
		FROM edge AS e,
			bixarena.score_place(e.score, played.highest_first,
				CASE WHEN played.highest_first THEN 'infinity' ELSE '-infinity' END::timestamptz, '') AS place,
			LATERAL (SELECT bixarena.rank_before(played.scoreboard, played.board_no, place)) AS b (before)
	)
	SELECT c.score, lead(c.score) OVER w, coalesce(lead(c.below) OVER w, played.players) - c.below
	FROM (SELECT * FROM counted UNION ALL SELECT NULL, NULL, 0) AS c
	WINDOW w AS (ORDER BY c.n NULLS FIRST);
END
$$;
COMMENT ON FUNCTION bixarena.score_distribution(bixarena.played_game, integer) IS
	'how many players of a game have which score';

/*
 * Charts of scores: who has the best, and who has gained or lost the most.  A line a
 * player, with a bar from zero, or a dot where zero is far.
 */

CREATE TYPE bixarena.chart_bar AS (
	place text,					-- what stands before the name
	name text,
	value double precision,
	label text,					-- the value as people read it
	title text					-- all there is to say, but the name
);
COMMENT ON TYPE bixarena.chart_bar IS 'a player in a chart of scores';

CREATE FUNCTION bixarena.chart_bar_axis(
	bars bixarena.chart_bar[],
	first_pixel double precision,
	last_pixel double precision)
RETURNS bixarena.axis
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- zero is on it where the values do not shrink to less than half by that; 6 pixels
	-- at either end are a dot's
	SELECT a.low - m.margin, a.high + m.margin, first_pixel, last_pixel
	FROM (SELECT min(b.value), max(b.value) FROM unnest(bars) AS b) AS v (low, high),
		LATERAL (VALUES (
			CASE WHEN v.low > 0 AND (v.low <= v.high - v.low OR v.low = v.high) THEN 0 ELSE v.low END,
			CASE WHEN v.high < 0 AND (-v.high <= v.high - v.low OR v.low = v.high) THEN 0 ELSE v.high END)) AS a (low, high),
		LATERAL (SELECT (a.high - a.low) * 6 / (last_pixel - first_pixel - 12)) AS m (margin)
$$;
COMMENT ON FUNCTION bixarena.chart_bar_axis(bixarena.chart_bar[], double precision, double precision) IS
	'an axis on which all values have a place, and zero if it is near';

CREATE FUNCTION bixarena.chart_bar_layout(bars bixarena.chart_bar[], width double precision)
RETURNS bixarena.chart_layout
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- as in the chart of a leaderboard
	SELECT CASE WHEN width < 480
		THEN (width, 40, label, width - label - values - 24, 16, 29,
			bixarena.chart_bar_axis(bars, 20, width - 26))::bixarena.chart_layout
		ELSE (width, 24, label, names, 16.5, 12,
			bixarena.chart_bar_axis(bars, label + names + 16, width - values - 24))::bixarena.chart_layout END
	FROM (SELECT greatest(40, max(13 * bixarena.text_width(b.place)) + 16),
			least(0.38 * width, max(13 * bixarena.text_width(coalesce(b.name, ''))) + 2),
			max(13 * bixarena.text_width(b.label))
		FROM unnest(bars) AS b) AS w (label, names, values)
$$;
COMMENT ON FUNCTION bixarena.chart_bar_layout(bixarena.chart_bar[], double precision) IS
	'the layout of a chart of scores for a width';

CREATE FUNCTION bixarena.chart_bar_line(bar bixarena.chart_bar, layout bixarena.chart_layout, y double precision)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<g class="row"><title>&#8296;%s&#8297;: %s</title>'
		'<text class="muted" text-anchor="end" x="%s" y="%4$s">%5$s</text><text class="ink" x="%6$s" y="%4$s">%7$s</text>'
		'<text class="ink" text-anchor="end" x="%8$s" y="%4$s">%9$s</text>%10$s'
		'<circle class="dot%11$s" cx="%12$s" cy="%13$s" r="4"/></g>',
		bixarena.text_escape(bar.name), bixarena.text_escape(bar.title),
		bixarena.chart_pixel(layout.label - 8), bixarena.chart_pixel(y + layout.text_y), bixarena.text_escape(bar.place),
		bixarena.chart_pixel(layout.label), bixarena.text_fit(bar.name, layout.label_width / 13),
		bixarena.chart_pixel(layout.width - 8), bixarena.text_escape(bar.label),
		CASE WHEN (layout.axis).low <= 0 AND (layout.axis).high >= 0 AND bar.value <> 0
			THEN format('<path class="thick line%s" d="M%s %sH%s"/>', colour,
				bixarena.chart_pixel(bixarena.chart_place(layout.axis, 0)), line_y, x) END,
		colour, x, line_y)
	FROM (VALUES (CASE WHEN bar.value < 0 THEN 6 ELSE 1 END,
		bixarena.chart_pixel(bixarena.chart_place(layout.axis, bar.value)),
		bixarena.chart_pixel(y + layout.line_y))) AS d (colour, x, line_y)
$$;
COMMENT ON FUNCTION bixarena.chart_bar_line(bixarena.chart_bar, bixarena.chart_layout, double precision) IS
	'a player''s line in a chart of scores';

CREATE FUNCTION bixarena.chart_bars(
	bars bixarena.chart_bar[],
	total bigint,
	notes text[],
	label text,
	width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	top constant double precision := 26;
	n constant bigint := cardinality(bars);
	layout bixarena.chart_layout := bixarena.chart_bar_layout(bars, width);
	bottom double precision := top + layout.row_height * n;
BEGIN
	RETURN bixarena.chart_svg(width, bottom + 8 + 18 * (cardinality(notes) + 1 + coalesce(n < total, false)::integer), theme, label,
		concat(bixarena.chart_bands(n, top, layout.row_height, width),
			bixarena.chart_score_grid(layout.axis, top, bottom,
				(SELECT bool_and(b.value = trunc(b.value)) FROM unnest(bars) AS b)::integer),
			(SELECT string_agg(bixarena.chart_bar_line(bars[i], layout, top + layout.row_height * (i - 1)), '' ORDER BY i)
				FROM generate_subscripts(bars, 1) AS i),
			bixarena.chart_notes(notes, width - 8, bottom + 18),
			bixarena.chart_omission(n, total, bottom + 18 + 18 * (cardinality(notes) + 1), 'players')));
END
$$;
COMMENT ON FUNCTION bixarena.chart_bars(bixarena.chart_bar[], bigint, text[], text, bigint, text) IS
	'a chart of scores; total: of how many players those drawn are the first';

CREATE FUNCTION bixarena.chart_player(name text, player_id text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(nullif(btrim(name), ''), player_id)
$$;
COMMENT ON FUNCTION bixarena.chart_player(text, text) IS 'what a player is called in a chart';

CREATE FUNCTION bixarena.chart_top_scores(standings bixarena_standing[], played bixarena.played_game, width bigint, theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF coalesce(cardinality(standings), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'Nobody has a score yet.');
	END IF;
	RETURN bixarena.chart_bars(
		ARRAY(SELECT (s.rank, bixarena.chart_player(s.name, s.player_id), s.score, bixarena.text_score(s.score),
				format('rank %s, score %s, reached at %s', s.rank, trim_scale(s.score), bixarena.text_utc(s.reached_at)))::bixarena.chart_bar
			FROM unnest(standings) AS s ORDER BY s.rank),
		played.players,
		ARRAY[CASE WHEN played.highest_first THEN 'score' ELSE 'score; the lowest is the best' END],
		format('The best scores of %s: %s', played.name,
			bixarena.chart_count(cardinality(standings), played.players, 'players')), width, theme);
END
$$;
COMMENT ON FUNCTION bixarena.chart_top_scores(bixarena_standing[], bixarena.played_game, bigint, text) IS
	'the chart of the best scores of a game';

CREATE FUNCTION bixarena_top_scores_svg(scoreboard text, game text, top bigint DEFAULT 20,
	width bigint DEFAULT 720, theme text DEFAULT 'auto', at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	RETURN bixarena.chart_top_scores(
		ARRAY(SELECT t FROM bixarena.score_top(scoreboard, game, least(coalesce(top, 500), 2000)::integer, NULL, at) AS t),
		bixarena.score_game(scoreboard, game, at), width, theme);
END
$$;
COMMENT ON FUNCTION bixarena_top_scores_svg(text, text, bigint, bigint, text, timestamptz) IS
	'a chart of the best scores of a game, a line a player';

/*
 * A player's course: the score after each change of it.  It holds until the next, and
 * begins anew with each period.
 */

CREATE FUNCTION bixarena.chart_score_points(played bixarena.played_game, game text, player text, last bigint, max_moments bigint)
RETURNS SETOF bixarena.history_point
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
	-- messages may come in another order than they were sent in
	RETURN QUERY EXECUTE format($sql$
		WITH event AS (
			SELECT e.event_id, e.new_score, dense_rank() OVER (ORDER BY e.board_no) AS period,
				max(e.new_reached_at) OVER (PARTITION BY e.board_no ORDER BY e.event_id) AS moment
			FROM (
				SELECT v.event_id, v.board_no, v.new_score, v.new_reached_at
				FROM %1$s.score_event AS v
				WHERE v.player_id = $1 COLLATE "C" AND v.new_score IS DISTINCT FROM v.old_score AND v.board_no IN (
					SELECT b.board_no FROM %1$s.board AS b WHERE b.game_id = $2 COLLATE "C")
				ORDER BY v.event_id DESC LIMIT $3
			) AS e
		), span AS (
			SELECT e.*, floor(extract(epoch FROM e.moment - min(e.moment) OVER ())
				/ nullif(extract(epoch FROM max(e.moment) OVER () - min(e.moment) OVER ()), 0) * ($4 - 1)) AS number
			FROM event AS e
		), kept AS (
			SELECT DISTINCT ON (s.period, s.number) s.* FROM span AS s ORDER BY s.period, s.number, s.event_id DESC
		)
		SELECT 1, bixarena.chart_player(p.name, $1), (row_number() OVER (ORDER BY k.event_id) + k.period)::integer,
			k.moment, k.new_score::double precision
		FROM kept AS k LEFT JOIN %1$s.player AS p ON p.player_id = $1 COLLATE "C"
		ORDER BY 3
	$sql$, played.schema) USING player, game, last, max_moments;
END
$$;
COMMENT ON FUNCTION bixarena.chart_score_points(bixarena.played_game, text, text, bigint, bigint) IS
	'a player''s score in a game over time';

CREATE FUNCTION bixarena_score_history_svg(scoreboard text, game text, player text, last bigint DEFAULT 1000,
	width bigint DEFAULT 720, theme text DEFAULT 'auto')
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	played bixarena.played_game := bixarena.score_game(scoreboard, game, NULL);
	points bixarena.history_point[];
BEGIN
	IF player IS NULL THEN
		RAISE EXCEPTION 'player must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(last, 1);
	points := ARRAY(SELECT p FROM bixarena.chart_score_points(played, game, player, last, width / 4) AS p);
	IF cardinality(points) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'The player has no score.');
	END IF;
	RETURN bixarena.chart_history(points, 'score', width, theme, NULL, 'score',
		format('The score of %s in %s over time', points[1].model, played.name));
END
$$;
COMMENT ON FUNCTION bixarena_score_history_svg(text, text, text, bigint, bigint, text) IS
	'a chart of a player''s score in a game over time';

/*
 * The chart of a game's distribution: how many players have which score.  The few who
 * are far out, if there are such, are in one bar at either end.
 */

CREATE FUNCTION bixarena.chart_bin(
	bin bixarena.score_bin,
	step double precision,
	score_axis bixarena.axis,
	value_axis bixarena.axis)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<g class="bin"><title>%s: %s</title><rect class="%s" x="%s" y="%s" width="%s" height="%s"/></g>',
		CASE WHEN bin.low IS NULL THEN 'below ' || bixarena.text_number(bin.high)
			WHEN bin.high IS NULL THEN bixarena.text_number(bin.low) || ' and above'
			ELSE format('%s to below %s', bixarena.text_number(bin.low), bixarena.text_number(bin.high)) END,
		CASE bin.players WHEN 1 THEN '1 player' ELSE bin.players || ' players' END,
		CASE WHEN bin.low IS NULL OR bin.high IS NULL THEN 'idle' ELSE 'dot1' END,
		bixarena.chart_pixel(p.x + 0.5), bixarena.chart_pixel(p.y),
		bixarena.chart_pixel(greatest(p.next_x - p.x - 1, 1)),
		bixarena.chart_pixel(bixarena.chart_place(value_axis, 0) - p.y))
	FROM (SELECT bixarena.chart_place(score_axis, coalesce(bin.low::double precision, bin.high::double precision - step)),
			bixarena.chart_place(score_axis, coalesce(bin.high::double precision, bin.low::double precision + step)),
			-- one player can be seen beside millions
			least(bixarena.chart_place(value_axis, bin.players), bixarena.chart_place(value_axis, 0) - 1.5)
		) AS p (x, next_x, y)
	WHERE bin.players > 0
$$;
COMMENT ON FUNCTION bixarena.chart_bin(bixarena.score_bin, double precision, bixarena.axis, bixarena.axis) IS
	'a bar of a distribution; null: nobody is in it';

CREATE FUNCTION bixarena.chart_distribution(bins bixarena.score_bin[], played bixarena.played_game, width bigint, theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	top constant double precision := 26;
	bottom constant double precision := 226;
	left_edge double precision;
	range record;
	score_axis bixarena.axis;
	value_axis bixarena.axis;
	notes text[];
BEGIN
	IF coalesce(cardinality(bins), 0) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'Nobody has a score yet.');
	END IF;
	SELECT min(b.low)::double precision AS low, max(b.high)::double precision AS high,
		(min(b.high - b.low))::double precision AS step, max(b.players) AS most,
		coalesce(max(b.players) FILTER (WHERE b.low IS NULL), 0) > 0 AS has_lower,
		coalesce(max(b.players) FILTER (WHERE b.high IS NULL), 0) > 0 AS has_higher
	INTO range FROM unnest(bins) AS b;
	value_axis := (range.most * 1.05, 0, top, bottom)::bixarena.axis;
	SELECT greatest(36, 10 + max(12 * bixarena.text_width(bixarena.text_number(t.value::numeric)))) INTO left_edge
	FROM bixarena.chart_ticks(0, range.most * 1.05, 6, 1) AS t;
	score_axis := (range.low - CASE WHEN range.has_lower THEN range.step ELSE 0 END,
		range.high + CASE WHEN range.has_higher THEN range.step ELSE 0 END, left_edge + 24, width - 30)::bixarena.axis;
	notes := ARRAY['players by score']
		|| CASE WHEN range.has_lower OR range.has_higher THEN ARRAY['grey: all who are further out'] ELSE '{}' END;
	RETURN bixarena.chart_svg(width, bottom + 26 + 18 * cardinality(notes), theme,
		format('How many of the %s players of %s have which score', played.players, played.name),
		bixarena.chart_score_grid(score_axis, top, bottom, range.step)
		|| bixarena.chart_value_grid(value_axis, NULL, 1, left_edge, width - 8)
		|| (SELECT string_agg(bixarena.chart_bin(b, range.step, score_axis, value_axis), '' ORDER BY b.low NULLS FIRST)
			FROM unnest(bins) AS b)
		|| bixarena.chart_notes(notes, width - 8, bottom + 18));
END
$$;
COMMENT ON FUNCTION bixarena.chart_distribution(bixarena.score_bin[], bixarena.played_game, bigint, text) IS
	'the chart of a distribution';

CREATE FUNCTION bixarena_score_distribution_svg(scoreboard text, game text, width bigint DEFAULT 720,
	theme text DEFAULT 'auto', at timestamptz DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	played bixarena.played_game := bixarena.score_game(scoreboard, game, at);
BEGIN
	PERFORM bixarena.chart_check(width, theme);
	RETURN bixarena.chart_distribution(ARRAY(SELECT b FROM bixarena.score_distribution(played, 24) AS b),
		played, width, theme);
END
$$;
COMMENT ON FUNCTION bixarena_score_distribution_svg(text, text, bigint, text, timestamptz) IS
	'a chart of how many players of a game have which score';

/*
 * Charts of standings: who has gained or lost the most, and a player's course.
 */

CREATE FUNCTION bixarena.chart_moves(moves bixarena.upload_move[], metric text, date1 date, date2 date, width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	dates constant text := format('from %s to %s', to_char(date1, 'YYYY-MM-DD'), to_char(date2, 'YYYY-MM-DD'));
BEGIN
	IF date1 IS NULL THEN
		RETURN bixarena.chart_empty(width, theme, 'There is nothing earlier to compare with.');
	END IF;
	IF cardinality(moves) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, format('Nobody has gained or lost %s.', dates));
	END IF;
	RETURN bixarena.chart_bars(
		ARRAY(SELECT (coalesce(moves[i].rank2::text, 'gone'), bixarena.chart_player(moves[i].name, moves[i].player_id),
				moves[i].gained, CASE WHEN moves[i].gained > 0 THEN '+' ELSE '' END || bixarena.text_score(moves[i].gained),
				CASE moves[i].change WHEN 'new' THEN format('new, rank %s, %s', moves[i].rank2, trim_scale(moves[i].value2))
					WHEN 'gone' THEN format('gone, was rank %s, %s', moves[i].rank1, trim_scale(moves[i].value1))
					ELSE format('%s %s, from %s to %s, rank %s to %s', moves[i].change, trim_scale(abs(moves[i].gained)),
						trim_scale(moves[i].value1), trim_scale(moves[i].value2), moves[i].rank1, moves[i].rank2) END
				)::bixarena.chart_bar
			FROM generate_subscripts(moves, 1) AS i ORDER BY i),
		NULL,
		ARRAY[bixarena.text_fit(metric, width / 13.0 - 16) || ' gained or lost; before a name, the rank now', dates],
		format('Who has gained or lost the most %s %s', metric, dates), width, theme);
END
$$;
COMMENT ON FUNCTION bixarena.chart_moves(bixarena.upload_move[], text, date, date, bigint, text) IS
	'the chart of who has gained or lost the most';

CREATE FUNCTION bixarena_compare_standings_svg(scoreboard text, source text, partition text, metric text,
	date1 date DEFAULT NULL, date2 date DEFAULT NULL, top bigint DEFAULT 20, width bigint DEFAULT 720,
	theme text DEFAULT 'auto')
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	RETURN (
		SELECT bixarena.chart_moves(m.moves, metric, m.date1, m.date2, width, theme)
		FROM bixarena.upload_moves(scoreboard, source, partition, metric, date1, date2,
			least(coalesce(top, 500), 2000)::integer) AS m);
END
$$;
COMMENT ON FUNCTION bixarena_compare_standings_svg(text, text, text, text, date, date, bigint, bigint, text) IS
	'a chart of who has gained or lost the most by a metric between two dates';

CREATE FUNCTION bixarena.chart_standing_points(scoreboard text, source text, player text, metric text, partition text,
	measure text, last bigint)
RETURNS SETOF bixarena.history_point
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- a line for each partition
	RETURN QUERY EXECUTE format($sql$
		SELECT (dense_rank() OVER (ORDER BY h.partition_name))::integer, coalesce(nullif(h.partition_name, ''), $1),
			(dense_rank() OVER (ORDER BY h.snapshot_date))::integer, h.snapshot_date::timestamp AT TIME ZONE 'UTC',
			h.%2$I::double precision
		FROM %1$s.bixarena_standings_history($2, $1, $3, $4, $5, $6) AS h
		WHERE h.%2$I IS NOT NULL
	$sql$, bixarena.interface_schema(), measure)
	USING source, scoreboard, player, metric, partition, least(last, 100000)::integer;
END
$$;
COMMENT ON FUNCTION bixarena.chart_standing_points(text, text, text, text, text, text, bigint) IS
	'what a player had by a metric at each date, or the ranks';

CREATE FUNCTION bixarena_standings_history_svg(scoreboard text, source text, player text, metric text,
	partition text DEFAULT NULL, measure text DEFAULT 'value', last bigint DEFAULT 1000, width bigint DEFAULT 720,
	theme text DEFAULT 'auto')
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	points bixarena.history_point[];
BEGIN
	IF measure IS NULL OR measure NOT IN ('value', 'rank') THEN
		RAISE EXCEPTION 'measure must be value or rank, not %', coalesce('"' || measure || '"', 'null')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(last, 1);
	points := ARRAY(SELECT p FROM bixarena.chart_standing_points(scoreboard, source, player, metric, partition, measure, last) AS p);
	IF cardinality(points) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There are no such standings of the player.');
	END IF;
	RETURN bixarena.chart_history(points, measure, width, theme, NULL,
		CASE measure WHEN 'rank' THEN 'rank by ' ELSE '' END || metric,
		format('%s of player %s over time', CASE measure WHEN 'rank' THEN 'Rank by ' ELSE '' END || metric, player));
END
$$;
COMMENT ON FUNCTION bixarena_standings_history_svg(text, text, text, text, text, text, bigint, bigint, text) IS
	'a chart of what a player had by a metric over time, a line for each partition';

/*
 * The report of a scoreboard: its games, its standings, and how it is.  What the caller
 * may not read is left out, and the page says so.
 */

CREATE FUNCTION bixarena.report_player(name text, player_id text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<th scope="row"><bdi>%s</bdi></th>',
		bixarena.text_escape(bixarena.text_shorten(bixarena.chart_player(name, player_id), 200)))
$$;
COMMENT ON FUNCTION bixarena.report_player(text, text) IS 'the head of a player''s row';

CREATE FUNCTION bixarena.report_top_scores(standings bixarena_standing[], players bigint)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_table(format('By rank: %s.', bixarena.chart_count(cardinality(standings), players, 'players')),
		bixarena.page_heads('#Rank', 'Player', '#Score', '?Reached'),
		string_agg(concat(E'\n<tr>', bixarena.page_cell(s.rank::text, 'number'),
			bixarena.report_player(s.name, s.player_id),
			bixarena.page_cell(bixarena.text_score(s.score), 'number'),
			bixarena.page_cell(bixarena.text_utc(s.reached_at), 'aside'), '</tr>'), '' ORDER BY s.rank))
	FROM unnest(standings) AS s
$$;
COMMENT ON FUNCTION bixarena.report_top_scores(bixarena_standing[], bigint) IS
	'the best of a game as a table of a page';

CREATE FUNCTION bixarena.report_updates(played bixarena.played_game)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_sort = off
SET jit = off
AS $$
DECLARE
	result text;
BEGIN
	-- the latest by the primary key, however many there are
	EXECUTE format($sql$
		SELECT bixarena.page_table('The latest 5 updates.',
			bixarena.page_heads('When', 'Player', '#?Submitted', '#Score before', '#Score'),
			string_agg(concat(E'\n<tr>', bixarena.page_cell(bixarena.text_utc(e.created_at)),
				bixarena.report_player(p.name, e.player_id),
				bixarena.page_cell(bixarena.text_score(e.submitted), 'number aside'),
				bixarena.page_cell(coalesce(bixarena.text_score(e.old_score), 'none'), 'number'),
				bixarena.page_cell(bixarena.text_score(e.new_score), 'number'), '</tr>'), ''
				ORDER BY e.xid DESC, e.event_id DESC))
		FROM (SELECT v.* FROM %1$s.score_event AS v WHERE v.board_no = $1 AND v.generation = $2
			ORDER BY v.xid DESC, v.event_id DESC LIMIT 5) AS e
		LEFT JOIN %1$s.player AS p ON p.player_id = e.player_id
	$sql$, played.schema) INTO result USING played.board_no, played.generation;
	RETURN coalesce(result, bixarena.page_paragraph('There are no updates.'));
END
$$;
COMMENT ON FUNCTION bixarena.report_updates(bixarena.played_game) IS
	'what has happened last in a game, as a table of a page';

CREATE FUNCTION bixarena.report_game(played bixarena.played_game, standings bixarena_standing[])
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	bins bixarena.score_bin[] := ARRAY(SELECT b FROM bixarena.score_distribution(played, 24) AS b);
	widths record := bixarena.page_widths();
BEGIN
	RETURN bixarena.page_section(bixarena.text_shorten(played.name, 200), concat(
		bixarena.page_paragraph(format('%s counts, and the %s is the best. Players: %s, since %s.%s',
			CASE played.operator WHEN 'best' THEN 'The best score' WHEN 'latest' THEN 'The latest score'
				ELSE 'The sum of all scores' END,
			CASE WHEN played.highest_first THEN 'highest' ELSE 'lowest' END,
			played.players, bixarena.text_utc(played.started_at),
			' It begins anew by the schedule ' || played.reset_schedule || '.')),
		CASE WHEN cardinality(standings) = 0 THEN bixarena.page_paragraph('Nobody has a score yet.')
			ELSE concat(
				bixarena.report_top_scores(standings, played.players),
				bixarena.page_charts(
					bixarena.chart_top_scores(standings, played, widths.wide, 'auto'),
					bixarena.chart_top_scores(standings, played, widths.narrow, 'auto')),
				bixarena.page_charts(
					bixarena.chart_distribution(bins, played, widths.wide, 'auto'),
					bixarena.chart_distribution(bins, played, widths.narrow, 'auto')),
				bixarena.report_updates(played)) END));
END
$$;
COMMENT ON FUNCTION bixarena.report_game(bixarena.played_game, bixarena_standing[]) IS 'a game as a part of a page';

CREATE FUNCTION bixarena.report_leaders(scoreboard text, source text, partition text, metric text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format($sql$
		SELECT bixarena.page_table(format('The first 10 by %%s.', $4),
			bixarena.page_heads('#Rank', 'Player', '#Value'),
			string_agg(concat(E'\n<tr>', bixarena.page_cell(s.rank::text, 'number'),
				bixarena.report_player(s.name, s.player_id),
				bixarena.page_cell(bixarena.text_score(s.value), 'number'), '</tr>'), '' ORDER BY s."position"))
		FROM %1$s.bixarena_standings($1, $2, $3, $4, 10) AS s
	$sql$, bixarena.interface_schema()) INTO result USING scoreboard, source, partition, metric;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.report_leaders(text, text, text, text) IS
	'the best by a metric as a table of a page';

CREATE FUNCTION bixarena.report_moves(scoreboard text, source text, partition text, metric text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.page_charts(
		bixarena.chart_moves(m.moves, metric, m.date1, m.date2, w.wide, 'auto'),
		bixarena.chart_moves(m.moves, metric, m.date1, m.date2, w.narrow, 'auto'))
	FROM bixarena.upload_moves(scoreboard, source, partition, metric, NULL, NULL, 10) AS m, bixarena.page_widths() AS w
$$;
COMMENT ON FUNCTION bixarena.report_moves(text, text, text, text) IS
	'who has gained or lost the most by a metric since the date before, as charts of a page';

CREATE FUNCTION bixarena.report_standings(scoreboard text, max_partitions integer)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result text;
BEGIN
	-- the latest date of each partition, those that came last first
	EXECUTE format($sql$
		SELECT string_agg(bixarena.page_section(
			bixarena.text_shorten(concat_ws(' ', l.source, nullif(l.partition, '')), 200), concat(
				bixarena.page_paragraph(format('Standings of %%s. Players: %%s. Metrics: %%s.', to_char(l.snapshot_date, 'YYYY-MM-DD'),
					l.num_rows, bixarena.text_shorten(array_to_string(l.metrics, ', '), 1000))),
				-- for what has changed both files are read
				(SELECT string_agg(bixarena.report_leaders($1, l.source, l.partition, m.metric)
						|| CASE WHEN m.n = 1 OR l.num_rows <= 50000
							THEN bixarena.report_moves($1, l.source, l.partition, m.metric) ELSE '' END, '' ORDER BY m.n)
					FROM unnest(l.metrics[:3]) WITH ORDINALITY AS m (metric, n)))), '' ORDER BY l.run_ts DESC)
		FROM (
			SELECT d.* FROM (
				SELECT DISTINCT ON (u.source, u.partition) u.source::text, u.partition::text, u.snapshot_date, u.num_rows,
					u.metrics, u.run_ts
				FROM %1$s.upload AS u WHERE u.version IS NOT NULL
				ORDER BY u.source, u.partition, u.snapshot_date DESC, u.version DESC
			) AS d ORDER BY d.run_ts DESC LIMIT $2
		) AS l
	$sql$, bixarena.scoreboard_open(scoreboard, false)) INTO result USING scoreboard, max_partitions;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.report_standings(text, integer) IS
	'the standings that came last, each as a part of a page';

CREATE FUNCTION bixarena.report_uploads(scoreboard text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format($sql$
		SELECT bixarena.page_table('The latest 10 files.',
			bixarena.page_heads('Came in', 'File', 'Status', '#?Rows', '?What is wrong'),
			string_agg(concat(E'\n<tr>', bixarena.page_cell(bixarena.text_utc(u.run_ts)),
				format('<th scope="row"><bdi>%%s</bdi></th>', bixarena.text_escape(bixarena.text_shorten(u.key, 200))),
				format('<td>%%s</td>', bixarena.page_state(u.status)),
				bixarena.page_cell(CASE u.status WHEN 'accepted' THEN u.num_rows::text END, 'number aside'),
				bixarena.page_cell(CASE WHEN u.num_errors > 0 THEN bixarena.text_shorten(format('%%s errors; the first: %%s',
					u.num_errors, concat_ws(', ', 'line ' || (u.errors -> 0 ->> 'line'), u.errors -> 0 ->> 'message')), 300) END,
					'text aside'), '</tr>'), '' ORDER BY u.n))
		FROM (SELECT f.*, row_number() OVER () AS n FROM %1$s.bixarena_uploads($1, NULL, 10) AS f) AS u
	$sql$, bixarena.interface_schema()) INTO result USING scoreboard;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.report_uploads(text) IS 'the latest files as a table of a page';

CREATE FUNCTION bixarena.report_dead_letters(scoreboard text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format($sql$
		SELECT bixarena.page_table('The latest 10 dead letters.',
			bixarena.page_heads('When', 'Message', 'Why', '#?Attempts', '#?Arrivals'),
			string_agg(concat(E'\n<tr>', bixarena.page_cell(bixarena.text_utc(d.died_at)),
				format('<th scope="row"><bdi>%%s</bdi></th>',
					bixarena.text_escape(bixarena.text_shorten(coalesce(d.message_id, 'without an id'), 200))),
				bixarena.page_cell(bixarena.text_shorten(d.reason, 160), 'text'),
				bixarena.page_cell(d.attempts::text, 'number aside'),
				bixarena.page_cell(d.arrivals::text, 'number aside'), '</tr>'), ''
				ORDER BY d.died_at DESC, d.dead_letter_id DESC))
		FROM (SELECT l.* FROM %1$s.dead_letter AS l ORDER BY l.died_at DESC, l.dead_letter_id DESC LIMIT 10) AS d
	$sql$, bixarena.scoreboard_open(scoreboard, false)) INTO result;
	RETURN coalesce(result, '');
END
$$;
COMMENT ON FUNCTION bixarena.report_dead_letters(text) IS 'the latest dead letters as a table of a page';

CREATE FUNCTION bixarena.report_queue(scoreboard text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN bixarena.operator_health(ARRAY(SELECT c FROM bixarena.scoreboard_health(scoreboard) AS c))
		|| bixarena.report_dead_letters(scoreboard);
EXCEPTION WHEN insufficient_privilege THEN
	-- who may read scores need not be able to read messages
	RETURN bixarena.page_paragraph('The messages are not open to you.');
END
$$;
COMMENT ON FUNCTION bixarena.report_queue(text) IS
	'the state of the queue and the dead letters, as tables of a page';

CREATE FUNCTION bixarena.report_scoreboard(scoreboard text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	max_games constant integer := 30;
	max_partitions constant integer := 5;
	schema text := bixarena.scoreboard_open(scoreboard, false);
	games text[];
	num_games bigint;
BEGIN
	EXECUTE format($sql$
		SELECT count(*), (array_agg(g.game_id::text ORDER BY g.name COLLATE "C", g.game_id))[:$1] FROM %1$s.game AS g
	$sql$, schema) INTO num_games, games USING max_games;
	RETURN bixarena.page_html(format('Scoreboard %s', scoreboard),
		bixarena.page_paragraph(CASE WHEN num_games > max_games THEN format('The first %s of %s games.', max_games, num_games)
			ELSE format('Games: %s.', num_games) END),
		concat(
			(SELECT string_agg(bixarena.report_game(bixarena.score_game(scoreboard, g, NULL),
					ARRAY(SELECT t FROM bixarena.score_top(scoreboard, g, 10, NULL, NULL) AS t)), '' ORDER BY n)
				FROM unnest(games) WITH ORDINALITY AS u (g, n)),
			bixarena.report_standings(scoreboard, max_partitions),
			bixarena.page_section('Files', coalesce(bixarena.report_uploads(scoreboard),
				bixarena.page_paragraph('No file has come in.'))),
			bixarena.page_section('Messages', bixarena.report_queue(scoreboard))));
END
$$;
COMMENT ON FUNCTION bixarena.report_scoreboard(text) IS 'the report of a scoreboard';

CREATE FUNCTION bixarena_scoreboard_report(scoreboard text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.report_scoreboard((parse_ident(bixarena.scoreboard_open(scoreboard, false)))[1])
$$;
COMMENT ON FUNCTION bixarena_scoreboard_report(text) IS
	'a page with the games of a scoreboard, its standings and movers, and the state of its messages';
/*
 * Readers, operators and admins of arenas.  A membership is a note of who is
 * what; its rights are the server's own, and those alone are checked.
 *
 * Nothing here is for everybody.  Who may write memberships, which a right on
 * bixarena_grant() alone does not give, needs rights on what is called, too.
 */

CREATE FUNCTION bixarena.role_kinds(kind text)
RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- null if there is no such kind
	SELECT k.kinds[:array_position(k.kinds, kind)]
	FROM (VALUES ('{reader,operator,admin}'::text[])) AS k (kinds)
	WHERE kind = ANY (k.kinds)
$$;
COMMENT ON FUNCTION bixarena.role_kinds(text) IS
	'a kind of member and those that it includes';
REVOKE ALL ON FUNCTION bixarena.role_kinds(text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_arena_owner(arena text)
RETURNS oid
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- pg_database_owner, to whom the schema public belongs, is who owns the database
	SELECT CASE n.nspowner WHEN 'pg_database_owner'::regrole THEN d.datdba ELSE n.nspowner END
	FROM pg_namespace AS n, pg_database AS d
	WHERE n.nspname = arena AND d.datname = current_database()
$$;
COMMENT ON FUNCTION bixarena.role_arena_owner(text) IS
	'the role that owns the schema of an arena';
REVOKE ALL ON FUNCTION bixarena.role_arena_owner(text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_battle_rights(arena text)
RETURNS TABLE (object_type text, object text, privilege text, is_owners boolean)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What a view without security_invoker reads is read with its owner's rights.
	-- What one with it reads must be every owner's to give away through whose hands
	-- it goes: the arena's, and those of the views that lead there.  Else whoever
	-- makes a view could have a superuser grant rights on anything.
	WITH RECURSIVE source AS (
		SELECT r.oid, ARRAY[bixarena.role_arena_owner(arena)] AS owners
		FROM unnest(bixarena.arena_battle_relations(arena)) AS r (oid)
		UNION
		SELECT c.oid, ARRAY(SELECT DISTINCT o FROM unnest(s.owners || v.relowner) AS o ORDER BY o)
		FROM source AS s
		JOIN pg_class AS v ON v.oid = s.oid AND v.relkind = 'v'
		JOIN pg_rewrite AS r ON r.ev_class = v.oid
		JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
			AND d.refclassid = 'pg_class'::regclass
		JOIN pg_class AS c ON c.oid = d.refobjid AND c.oid <> v.oid
		WHERE EXISTS (SELECT FROM pg_options_to_table(v.reloptions) AS o
			WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)
	)
	SELECT r.object_type, r.object, r.privilege, bool_and(r.is_owners)
	FROM source AS s
	JOIN pg_class AS c ON c.oid = s.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f'),
		unnest(s.owners) AS o (owner),
		LATERAL (VALUES
			('TABLE', c.oid::regclass::text, 'SELECT',
				has_table_privilege(o.owner, c.oid, 'SELECT WITH GRANT OPTION')),
			('SCHEMA', c.relnamespace::regnamespace::text, 'USAGE',
				has_schema_privilege(o.owner, c.relnamespace, 'USAGE WITH GRANT OPTION')))
			AS r (object_type, object, privilege, is_owners)
	WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
	GROUP BY r.object_type, r.object, r.privilege, s.owners
$$;
COMMENT ON FUNCTION bixarena.role_battle_rights(text) IS
	'the rights that a reader of the battles of an arena needs, and whether they are its owner''s to grant';
REVOKE ALL ON FUNCTION bixarena.role_battle_rights(text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_needed_rights(kind text, arena text)
RETURNS TABLE (object_type text, object text, privilege text, is_owners boolean)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The one list of who gets what; a kind also gets what those before it get.
	-- What is the arena's, and what its battles are read from, may belong to
	-- anybody: is it its owner's to grant?
	WITH wanted (kind, object_type, schema, name, privilege) AS (VALUES
		('reader', 'SCHEMA', arena, NULL, 'USAGE'),
		('reader', 'TABLE', arena, 'leaderboard', 'SELECT'),
		('reader', 'TABLE', arena, 'model', 'SELECT'),
		('reader', 'TABLE', arena, 'leaderboard_snapshot', 'SELECT'),
		('reader', 'TABLE', arena, 'leaderboard_entry', 'SELECT'),
		('operator', 'TABLE', arena, 'leaderboard_snapshot', 'INSERT'),
		('operator', 'TABLE', arena, 'leaderboard_snapshot', 'UPDATE'),
		('operator', 'TABLE', arena, 'leaderboard_entry', 'INSERT'),
		('operator', 'TABLE', arena, 'snapshot_writer', 'SELECT'),
		('operator', 'TABLE', arena, 'snapshot_writer', 'UPDATE'),
		('operator', 'TABLE', arena, 'tally_keeper', 'SELECT'),
		('operator', 'TABLE', arena, 'tally_keeper', 'UPDATE'),
		('operator', 'TABLE', arena, 'tally_state', 'SELECT'),
		('operator', 'TABLE', arena, 'tally_difference', 'SELECT'),
		('operator', 'TABLE', 'bixarena', 'run', 'SELECT'),
		('operator', 'TABLE', 'bixarena', 'arena', 'SELECT'),
		('operator', 'TABLE', 'bixarena', 'metrics', 'SELECT'),
		('admin', 'SCHEMA', arena, NULL, 'CREATE'),
		('admin', 'TABLE', arena, 'node_rights', 'SELECT'),
		('admin', 'TABLE', arena, 'leaderboard_snapshot', 'DELETE'),
		('admin', 'TABLE', arena, 'leaderboard_entry', 'DELETE')
	), routines (kind, name) AS (VALUES
		('operator', 'bixarena_generate_snapshot'),
		('operator', 'bixarena_generate_snapshots'),
		('operator', 'bixarena_request_snapshot'),
		('operator', 'bixarena_process_requests'),
		('operator', 'bixarena_update_snapshot'),
		('operator', 'bixarena_live'),
		('operator', 'bixarena_fold_tally'),
		('operator', 'bixarena_verify_tally'),
		('admin', 'bixarena_configure'),
		('admin', 'bixarena_attach_arena'),
		('admin', 'bixarena_delete_snapshot'),
		('admin', 'bixarena_backfill'),
		('admin', 'bixarena_keep_tally'),
		('admin', 'bixarena_drop_tally'),
		('admin', 'bixarena_rebuild_tally'),
		('admin', 'bixarena_schedule'),
		('admin', 'bixarena_unschedule')
	), owner AS (
		SELECT bixarena.role_arena_owner(arena) AS oid
	), found AS (
		SELECT w.kind, w.object_type, quote_ident(n.nspname) AS object, w.privilege,
			true AS is_owners
		FROM wanted AS w
		JOIN pg_namespace AS n ON n.nspname = w.schema
		WHERE w.object_type = 'SCHEMA'
		UNION
		SELECT w.kind, w.object_type, c.oid::regclass::text, w.privilege,
			w.schema = 'bixarena'
				OR has_table_privilege(o.oid, c.oid, w.privilege || ' WITH GRANT OPTION')
		FROM owner AS o, wanted AS w
		JOIN pg_namespace AS n ON n.nspname = w.schema
		JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name
			AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
		WHERE w.object_type = 'TABLE'
		UNION
		-- what the battles are read from, in whatever schema
		SELECT 'operator', r.*
		FROM bixarena.role_battle_rights(CASE WHEN NOT bixarena.scoreboard_exists(arena) THEN arena END) AS r
		UNION
		SELECT s.kind, s.object_type, s.object, s.privilege, true
		FROM bixarena.scoreboard_rights(CASE WHEN bixarena.scoreboard_exists(arena) THEN arena END) AS s
		UNION
		-- functions, and the schema in which they are
		SELECT r.kind, 'ROUTINE', p.oid::regprocedure::text, 'EXECUTE', true
		FROM routines AS r
		JOIN pg_proc AS p ON p.proname = r.name
		JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
			AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		JOIN pg_extension AS e ON e.oid = d.refobjid AND e.extname = 'bixarena_rank'
		WHERE NOT bixarena.scoreboard_exists(arena)
		UNION
		SELECT 'reader', 'SCHEMA', e.extnamespace::regnamespace::text, 'USAGE', true
		FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'
		UNION
		SELECT 'admin', 'SCHEMA', 'cron', 'USAGE', true
		FROM pg_extension AS e WHERE e.extname = 'pg_cron'
	)
	SELECT f.object_type, f.object, f.privilege, bool_or(f.is_owners)
	FROM found AS f
	WHERE f.kind = ANY (bixarena.role_kinds(role_needed_rights.kind))
	GROUP BY f.object_type, f.object, f.privilege
$$;
COMMENT ON FUNCTION bixarena.role_needed_rights(text, text) IS
	'the rights that a kind of member needs in an arena, and whether its owner may grant them';
REVOKE ALL ON FUNCTION bixarena.role_needed_rights(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_rights(kind text, arena text)
RETURNS TABLE (object_type text, object text, privilege text)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- else whoever makes a view could have a superuser grant rights on anything
	SELECT r.object_type, r.object, r.privilege
	FROM bixarena.role_needed_rights(kind, arena) AS r
	WHERE r.is_owners
$$;
COMMENT ON FUNCTION bixarena.role_rights(text, text) IS
	'the rights that a kind of member is given in an arena';
REVOKE ALL ON FUNCTION bixarena.role_rights(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_warn(role name, kind text, arena text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	lacking text;
BEGIN
	SELECT string_agg(format('GRANT %s ON %s %s TO %I;', r.privilege, r.object_type,
		r.object, role), ' ' ORDER BY r.object_type, r.object, r.privilege)
	INTO lacking
	FROM bixarena.role_needed_rights(kind, arena) AS r
	WHERE NOT r.is_owners AND NOT CASE r.object_type
		WHEN 'SCHEMA' THEN has_schema_privilege(role, r.object::regnamespace, r.privilege)
		ELSE has_table_privilege(role, r.object::regclass, r.privilege) END;
	IF lacking IS NOT NULL THEN
		RAISE WARNING 'role "%" lacks rights that are not granted', role
			USING DETAIL = format('They are on objects that the owner of arena "%s" may not grant rights on.', arena),
				HINT = 'If their owners agree: ' || lacking;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.role_warn(name, text, text) IS
	'tell which rights a member needs that the arena''s owner may not grant';
REVOKE ALL ON FUNCTION bixarena.role_warn(name, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.role_check(role name, kind text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF num_nulls(role, kind) > 0 THEN
		RAISE EXCEPTION 'role and kind must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF bixarena.role_kinds(kind) IS NULL THEN
		RAISE EXCEPTION 'kind must be reader, operator or admin, not "%"', kind
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.role_check(name, text) IS
	'an error unless there is such a kind of member';
REVOKE ALL ON FUNCTION bixarena.role_check(name, text) FROM PUBLIC;

CREATE FUNCTION bixarena_grant(role name, kind text, arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := CASE WHEN bixarena.scoreboard_exists(arena) THEN arena
		ELSE bixarena.arena_resolve(arena) END;
	needed record;
BEGIN
	PERFORM bixarena.role_check(role, kind);
	IF role = 'public' THEN
		RAISE EXCEPTION 'public is not a role'
			USING ERRCODE = 'invalid_grant_operation',
				HINT = 'Make a role, and everybody a member of it.';
	END IF;
	IF to_regrole(quote_ident(role)) IS NULL THEN
		RAISE EXCEPTION 'role "%" does not exist', role
			USING ERRCODE = 'undefined_object';
	END IF;

	INSERT INTO bixarena.membership (arena, role, kind)
	VALUES (found_arena, bixarena_grant.role, bixarena_grant.kind)
	ON CONFLICT DO NOTHING;
	FOR needed IN
		SELECT r.* FROM bixarena.role_rights(kind, found_arena) AS r ORDER BY r.*
	LOOP
		EXECUTE format('GRANT %s ON %s %s TO %I', needed.privilege,
			needed.object_type, needed.object, role);
	END LOOP;
	PERFORM bixarena.role_warn(role, kind, found_arena);
END
$$;
COMMENT ON FUNCTION bixarena_grant(name, text, text) IS
	'make a role reader, operator or admin of an arena';
-- it grants rights
REVOKE ALL ON FUNCTION bixarena_grant(name, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_revoke(role name, kind text, arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- one that is named may be gone already
	found_arena text := coalesce(arena, bixarena.arena_resolve(NULL));
	surplus record;
BEGIN
	PERFORM bixarena.role_check(role, kind);
	DELETE FROM bixarena.membership AS m
	WHERE m.arena = found_arena AND m.role = bixarena_revoke.role
		AND m.kind = bixarena_revoke.kind;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'role "%" has not been made % of arena "%"', role, kind, found_arena
			USING ERRCODE = 'undefined_object',
				HINT = 'TABLE bixarena.membership lists who is what.';
	END IF;
	IF to_regrole(quote_ident(role)) IS NULL THEN
		-- its rights have gone with it
		RETURN;
	END IF;

	-- all but what the role is still due
	FOR surplus IN
		SELECT r.* FROM bixarena.role_rights(kind, found_arena) AS r
		EXCEPT
		SELECT r.*
		FROM bixarena.membership AS m
		JOIN pg_namespace AS n ON n.nspname = m.arena,
			LATERAL bixarena.role_rights(m.kind, m.arena) AS r
		WHERE m.role = bixarena_revoke.role
		ORDER BY 1, 2, 3
	LOOP
		EXECUTE format('REVOKE %s ON %s %s FROM %I', surplus.privilege,
			surplus.object_type, surplus.object, role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena_revoke(name, text, text) IS
	'take from a role what bixarena_grant() gave it';
-- it revokes rights
REVOKE ALL ON FUNCTION bixarena_revoke(name, text, text) FROM PUBLIC;


/*
 * Simulated battles, for demonstrations and tests.
 */

CREATE FUNCTION bixarena.simulate_scores(num_models integer, seed bigint)
RETURNS double precision[]
AS 'MODULE_PATHNAME', 'bixarena_draw_scores'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.simulate_scores(integer, bigint) IS
	'scores of simulated models, in points';

CREATE FUNCTION bixarena.simulate_draws(
	num_battles bigint,
	scores double precision[],
	tie_share double precision,
	num_voters integer,
	seed bigint)
RETURNS TABLE (
	model1 integer,
	model2 integer,
	outcome text,
	voter integer,
	moment double precision)
AS 'MODULE_PATHNAME', 'bixarena_draw_battles'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION bixarena.simulate_draws(bigint, double precision[], double precision, integer, bigint) IS
	'battles between simulated models';

CREATE FUNCTION bixarena_simulate_battles(
	num_battles bigint DEFAULT 10000,
	num_models bigint DEFAULT 20,
	scores double precision[] DEFAULT NULL,
	tie_share double precision DEFAULT 0.2,
	num_voters bigint DEFAULT 100,
	categories text[] DEFAULT '{}',
	period interval DEFAULT '30 days',
	seed bigint DEFAULT 0,
	arena text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	real_models bigint;
	drawn double precision[];
BEGIN
	IF num_nulls(num_battles, num_models, tie_share, num_voters, categories,
			period, seed) > 0 THEN
		RAISE EXCEPTION 'only scores and arena may be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF num_battles NOT BETWEEN 1 AND 100000000 OR num_voters NOT BETWEEN 1 AND 2147483647
		OR NOT tie_share BETWEEN 0 AND 1 OR period < '0' THEN
		RAISE EXCEPTION 'num_battles must be from 1 to 100000000, num_voters from 1 to 2147483647, tie_share from 0 to 1, and period not negative'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	drawn := coalesce(scores, CASE WHEN num_models BETWEEN 2 AND 2000
		THEN bixarena.simulate_scores(num_models::integer, seed) END);
	IF drawn IS NULL OR cardinality(drawn) NOT BETWEEN 2 AND 2000
		OR array_ndims(drawn) <> 1 OR array_position(drawn, NULL) IS NOT NULL
		OR NOT 100000 >= ALL (SELECT abs(s) FROM unnest(drawn) AS s) THEN
		RAISE EXCEPTION 'there must be from 2 to 2000 models, each with a score within 100000 points of 0'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	IF NOT EXISTS (SELECT FROM pg_attribute AS a
			WHERE a.attrelid = to_regclass(quote_ident(found_arena) || '.battle')
				AND a.attname = 'categories' AND NOT a.attisdropped) THEN
		RAISE EXCEPTION 'arena "%" was not made by bixarena_create_arena()', found_arena
			USING ERRCODE = 'wrong_object_type',
				HINT = 'Simulate battles in an arena made for it.';
	END IF;
	EXECUTE format($sql$
		SELECT count(*) FROM %I.model
		WHERE organization IS DISTINCT FROM 'Simulated'
		$sql$, found_arena)
		INTO real_models;
	IF real_models > 0 THEN
		RAISE EXCEPTION 'arena "%" has models that are not simulated', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('There are %s of them.', real_models),
				HINT = 'Simulated battles must not mix with real ones; make an arena for them.';
	END IF;

	-- the same ids every time, so that rankings are the same to the last digit
	EXECUTE format($sql$
		INSERT INTO %I.model AS m
			(id, slug, name, license, organization, description)
		SELECT md5(format('simulated-%%s', n))::uuid,
			format('simulated-%%s', lpad(n::text, 4, '0')),
			format('Simulated %%s', lpad(n::text, 4, '0')),
			(ARRAY['open-source', 'proprietary'])[n %% 2 + 1], 'Simulated',
			format('simulated with a score of %%s points', round(score::numeric, 3))
		FROM unnest($1) WITH ORDINALITY AS u (score, n)
		ON CONFLICT (slug) DO UPDATE SET description = excluded.description
		$sql$, found_arena)
		USING drawn;
	EXECUTE format($sql$
		INSERT INTO %I.leaderboard (slug, name)
		SELECT c, initcap(c) FROM unnest($1) AS c ON CONFLICT DO NOTHING
		$sql$, found_arena)
		USING categories;
	-- a battle has up to three categories: as many, and which, as the digits of
	-- its moment say
	EXECUTE format($sql$
		INSERT INTO %1$I.battle
			(model1_id, model2_id, outcome, voter_id, categories, created_at)
		SELECT a.id, b.id, d.outcome,
			format('5157a7ed-0000-4000-8000-%%s', lpad(d.voter::text, 12, '0'))::uuid,
			ARRAY(SELECT DISTINCT $6[1 + digits / (1000 ^ k)::bigint %% cardinality($6)]
				FROM generate_series(1, digits %% 4) AS k
				WHERE cardinality($6) > 0),
			now() - $7 * (1 - d.moment)
		FROM bixarena.simulate_draws($1, $2, $3, $4, $5) AS d
		CROSS JOIN LATERAL int8(floor(d.moment * 1e12)) AS f (digits)
		JOIN %1$I.model AS a
			ON a.slug = format('simulated-%%s', lpad(d.model1::text, 4, '0'))
		JOIN %1$I.model AS b
			ON b.slug = format('simulated-%%s', lpad(d.model2::text, 4, '0'))
		$sql$, found_arena)
		USING num_battles, drawn, tie_share, num_voters::integer, seed, categories, period;
	RETURN num_battles;
END
$$;
COMMENT ON FUNCTION bixarena_simulate_battles(bigint, bigint, double precision[], double precision, bigint, text[], interval, bigint, text) IS
	'fill an arena made for it with battles that never took place';
-- it writes models and battles
REVOKE ALL ON FUNCTION bixarena_simulate_battles(bigint, bigint, double precision[], double precision, bigint, text[], interval, bigint, text) FROM PUBLIC;
