-- A hostile user in the same database: a search_path full of operators, functions,
-- types and tables that are called as those of pg_catalog, and an arena whose views
-- and triggers put that search_path back while we are at work.  Nothing of his is
-- found where our code names no schema, and nothing runs as the extension's owner.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- off makes an error of what a role does not see
SET row_security = on;
CREATE EXTENSION bixarena_rank;
CREATE ROLE regress_mallory LOGIN;
CREATE SCHEMA regress_evil AUTHORIZATION regress_mallory;
CREATE SCHEMA regress_trap AUTHORIZATION regress_mallory;
SET ROLE regress_mallory;

-- whatever is called in this schema tells of it, and stops the call
CREATE FUNCTION regress_evil.alarm() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'code of a hostile user runs as %', current_user;
END
$$;

-- all functions and operators on common types that pg_catalog has, once more
DO $$
DECLARE
	types regtype[] := E'{text,name,uuid,integer,bigint,double precision,numeric,boolean,timestamptz,
		timestamp,interval,jsonb,oid,text[],"\\"char\\""}';
	f record;
BEGIN
	FOR f IN
		SELECT p.oid, p.proname, p.prorettype::regtype AS result, p.pronargs, p.proargtypes
		FROM pg_proc AS p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset
			AND p.provariadic = 0 AND p.pronargs > 0
			AND p.proargtypes::oid[]::regtype[] <@ types AND p.prorettype = ANY (types)
	LOOP
		EXECUTE format('CREATE FUNCTION regress_evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS'
			' ''BEGIN PERFORM regress_evil.alarm(); END''', f.proname,
			array_to_string(f.proargtypes::oid[]::regtype[], ', '), f.result);
	END LOOP;
	FOR f IN
		SELECT o.oprname, o.oprleft::regtype AS "left", o.oprright::regtype AS "right", p.proname
		FROM pg_operator AS o JOIN pg_proc AS p ON p.oid = o.oprcode
		WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprkind = 'b' AND to_regprocedure(format(
			'regress_evil.%I(%s, %s)', p.proname, o.oprleft::regtype, o.oprright::regtype)) IS NOT NULL
	LOOP
		EXECUTE format('CREATE OPERATOR regress_evil.%s (FUNCTION = regress_evil.%I, LEFTARG = %s, RIGHTARG = %s)',
			f.oprname, f.proname, f."left", f."right");
	END LOOP;
	FOR f IN SELECT unnest('{now,clock_timestamp,current_database,gen_random_uuid,pg_backend_pid}'::text[]) AS name LOOP
		EXECUTE format('CREATE FUNCTION regress_evil.%I() RETURNS %s LANGUAGE plpgsql AS'
			' ''BEGIN PERFORM regress_evil.alarm(); END''', f.name,
			(SELECT prorettype::regtype FROM pg_proc
				WHERE proname = f.name AND pronamespace = 'pg_catalog'::regnamespace));
	END LOOP;
END
$$;
CREATE FUNCTION regress_evil.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS
	'BEGIN PERFORM regress_evil.alarm(); END';
CREATE FUNCTION regress_evil.concat(VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS
	'BEGIN PERFORM regress_evil.alarm(); END';
CREATE FUNCTION regress_evil.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS
	'BEGIN PERFORM regress_evil.alarm(); END';
CREATE FUNCTION regress_evil.never(anyelement) RETURNS boolean LANGUAGE plpgsql AS
	'BEGIN PERFORM regress_evil.alarm(); END';
CREATE DOMAIN regress_evil.text AS pg_catalog.text CHECK (regress_evil.never(value));
CREATE DOMAIN regress_evil.name AS pg_catalog.name CHECK (regress_evil.never(value));
CREATE DOMAIN regress_evil.uuid AS pg_catalog.uuid CHECK (regress_evil.never(value));
CREATE DOMAIN regress_evil.timestamptz AS pg_catalog.timestamptz CHECK (regress_evil.never(value));
CREATE DOMAIN regress_evil.jsonb AS pg_catalog.jsonb CHECK (regress_evil.never(value));
CREATE DOMAIN regress_evil.regclass AS pg_catalog.regclass CHECK (regress_evil.never(value));
SELECT count(*) > 700 AS functions, (SELECT count(*) > 100 FROM pg_operator
	WHERE oprnamespace = 'regress_evil'::regnamespace) AS operators
FROM pg_proc WHERE pronamespace = 'regress_evil'::regnamespace;
-- they are what a careless query meets
SET search_path = regress_evil, pg_catalog;
SELECT lower('X'::pg_catalog.text);
SELECT 1 WHERE 'a'::pg_catalog.text = 'b';
SELECT 'x'::text;
RESET search_path;
RESET ROLE;

-- the catalogs, too, have namesakes, in pg_temp
CREATE TEMP TABLE pg_namespace AS SELECT 0::oid AS oid, 'arena'::name AS nspname WHERE false;
CREATE TEMP TABLE pg_class (LIKE pg_catalog.pg_class);
CREATE TEMP TABLE pg_extension (LIKE pg_catalog.pg_extension);
CREATE TEMP TABLE pg_attribute (oid oid);
CREATE TEMP TABLE pg_roles (oid oid);
CREATE TEMP TABLE run (LIKE bixarena.run);
CREATE TEMP TABLE arena (LIKE bixarena.arena);
CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (regress_evil.never(value));

-- all that users call, with them in the way
SET search_path = pg_temp, regress_evil, pg_catalog, public;
SET plpgsql.variable_conflict = error;
\o /dev/null
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(800, 6, categories => '{rare}');
SELECT bixarena_configure('num_bootstrap', '10');
SELECT bixarena_configure('keep_snapshots', '5', 'overall');
SELECT bixarena_configure('keep_days', '5', 'overall');
SELECT bixarena_configure('keep_days', NULL, 'overall');
SELECT bixarena_configure('leaderboard_url', 'https://a.example/{leaderboard_id}');
SELECT bixarena_settings('overall');
SELECT bixarena_generate_snapshot('overall', as_of => TIMESTAMP WITH TIME ZONE '2026-01-01', min_evaluations => 0);
SELECT bixarena_generate_snapshot('overall', 20);
SELECT bixarena_generate_snapshot('overall', dry_run => true);
CALL bixarena_generate_snapshots();
CALL bixarena_generate_snapshots(leaderboard_id => 'rare');
CALL bixarena_backfill('overall', '2026-01-01', '2026-01-03');
CALL bixarena_process_requests();
SELECT bixarena_rank('arena.battle', 10, model1 => 'model1_id', model2 => 'model2_id');
SELECT bixarena_leaderboard('overall', search => 'Sim', sort_by => 'bt_score');
SELECT bixarena_snapshots('overall');
SELECT bixarena_model_history('overall', 'simulated-0001');
SELECT bixarena_compare_snapshots('overall');
SELECT bixarena_matchups('overall');
SELECT bixarena_leaderboard_svg('overall'), bixarena_history_svg('overall'), bixarena_matchups_svg('overall');
SELECT bixarena_report('overall'), bixarena_runs_report();
SELECT bixarena_health();
SELECT bixarena_runs(status => 'succeeded');
SELECT bixarena_slack_message(correlation_id) FROM bixarena.run;
SELECT bixarena_update_snapshot('overall', (s).snapshot_identifier, 'private', 'x')
FROM (SELECT bixarena_snapshots('overall', 1) AS s) AS s;
SELECT bixarena_delete_snapshot('overall', (s).snapshot_identifier)
FROM (SELECT bixarena_snapshots('overall', 1) AS s) AS s;
SELECT bixarena_grant('regress_mallory', 'admin');
SELECT bixarena_attach_arena('arena');
SELECT bixarena_revoke('regress_mallory', 'admin');
-- all of the view's maker, too
DROP VIEW arena.leaderboard_battle;
CREATE TABLE arena.battle_evaluation AS
SELECT id AS battle_id, outcome, created_at FROM arena.battle;
ALTER TABLE arena.battle RENAME voter_id TO user_id;
SELECT bixarena_attach_arena('arena');
SELECT bixarena_generate_snapshot('overall');
\o
-- these stop at what pg_cron needs
\set VERBOSITY sqlstate
SELECT bixarena_schedule();
SELECT bixarena_unschedule();
\set VERBOSITY default
RESET search_path;
DROP DOMAIN pg_temp.text;
DROP TABLE pg_temp.pg_namespace, pg_temp.pg_class, pg_temp.pg_extension, pg_temp.pg_attribute,
	pg_temp.pg_roles, pg_temp.run, pg_temp.arena;
SELECT trigger_source, status, count(*) FROM bixarena.run GROUP BY 1, 2;
DROP SCHEMA arena CASCADE;
DELETE FROM bixarena.arena;

-- An arena of his, in which whatever is read or written puts his search_path back,
-- in the midst of our call.  He may call all that an admin may.  Our own tables are
-- read and written with the owner's rights, and with nothing of his.
GRANT EXECUTE ON FUNCTION bixarena_configure, bixarena_attach_arena,
	bixarena_generate_snapshot, bixarena_request_snapshot, bixarena_update_snapshot, bixarena_delete_snapshot
	TO regress_mallory;
GRANT SELECT ON bixarena.run TO regress_mallory;
SET ROLE regress_mallory;
CREATE FUNCTION regress_trap.snap() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.set_config('search_path', 'regress_evil, pg_temp, pg_catalog', true);
	RETURN true;
END
$$;
CREATE FUNCTION regress_trap.snap_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regress_trap.snap();
	RETURN NEW;
END
$$;
CREATE TABLE regress_trap.models AS
SELECT gen_random_uuid() AS id, 'm' || n AS slug, 'M' || n AS name, NULL::text AS license,
	NULL::text AS organization, n FROM generate_series(1, 5) AS n;
CREATE TABLE regress_trap.votes AS
SELECT 'overall'::text AS leaderboard, a.id AS model1_id, b.id AS model2_id,
	(ARRAY['model1', 'model2', 'tie'])[1 + v % 3] AS outcome, NULL::uuid AS voter_id, now() AS created_at
FROM regress_trap.models AS a JOIN regress_trap.models AS b ON a.n < b.n, generate_series(1, 9) AS v;
CREATE TABLE regress_trap.boards AS SELECT gen_random_uuid() AS id, 'overall'::text AS slug, 'Overall'::text AS name;
CREATE VIEW regress_trap.model AS
SELECT id, slug, name, license, organization FROM regress_trap.models WHERE regress_trap.snap();
CREATE VIEW regress_trap.leaderboard AS SELECT * FROM regress_trap.boards WHERE regress_trap.snap();
CREATE VIEW regress_trap.leaderboard_battle AS SELECT * FROM regress_trap.votes WHERE regress_trap.snap();
CREATE TABLE regress_trap.leaderboard_snapshot (id uuid DEFAULT gen_random_uuid(), leaderboard_id uuid,
	snapshot_identifier text, description text, visibility text, created_at timestamptz, updated_at timestamptz);
CREATE TABLE regress_trap.leaderboard_entry (id uuid DEFAULT gen_random_uuid(), leaderboard_id uuid, model_id uuid,
	snapshot_id uuid, bt_score numeric, vote_count integer, rank integer, bootstrap_q025 numeric,
	bootstrap_q975 numeric, created_at timestamptz);
CREATE TRIGGER snap BEFORE INSERT OR UPDATE ON regress_trap.leaderboard_snapshot
	FOR EACH ROW EXECUTE FUNCTION regress_trap.snap_trigger();
CREATE TRIGGER snap BEFORE INSERT OR UPDATE ON regress_trap.leaderboard_entry
	FOR EACH ROW EXECUTE FUNCTION regress_trap.snap_trigger();
CREATE POLICY snap ON regress_trap.boards USING (regress_trap.snap());
ALTER TABLE regress_trap.boards ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;

SELECT bixarena_attach_arena('regress_trap');
SELECT bixarena_configure('min_total_models', '2', 'overall');
SELECT bixarena_configure('min_total_models', NULL, 'overall');
SELECT bixarena_configure('num_bootstrap', '10', 'overall');
SELECT value FROM bixarena_settings('overall') WHERE setting = 'num_bootstrap';
SELECT status, entry_count FROM bixarena_generate_snapshot('overall');
SELECT status, entry_count FROM bixarena_generate_snapshot('overall', correlation_id => gen_random_uuid());
BEGIN;
SELECT bixarena_request_snapshot('overall') IS NOT NULL AS requested;
ROLLBACK;
RESET ROLE;
SELECT leaderboard, status, role, entry_count FROM bixarena.run WHERE arena = 'regress_trap';
-- his search_path is gone with the call
SHOW search_path;

DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA regress_evil, regress_trap CASCADE;
DROP ROLE regress_mallory;
