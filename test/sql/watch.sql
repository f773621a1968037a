-- Watching an arena of somebody who means ill: nothing of the owner's runs with the
-- rights of who looks, whoever that is, and whatever the relations are made of.

\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION bixarena_rank;
CREATE ROLE regress_mallory;
CREATE ROLE regress_reader;
CREATE ROLE regress_member IN ROLE regress_mallory;
CREATE SCHEMA trap AUTHORIZATION regress_mallory;
GRANT EXECUTE ON FUNCTION bixarena_attach_arena TO regress_mallory;

-- the owner's code notes as whom it runs, and tries to become somebody else
SET ROLE regress_mallory;
CREATE TABLE trap.noted (place text, role name DEFAULT current_user, outcome text);
GRANT INSERT ON trap.noted TO PUBLIC;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.note(place text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	action text;
	outcome text;
BEGIN
	IF current_setting('trap.armed', true) IS DISTINCT FROM 'yes' THEN
		RETURN true;
	END IF;
	FOREACH action IN ARRAY ARRAY['RESET ROLE', 'RESET SESSION AUTHORIZATION', 'SET ROLE regress_reader',
		'SET LOCAL search_path = trap', 'SET escape_string_warning = off', 'CREATE TEMP TABLE left_behind ()',
		'DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1'] LOOP
		BEGIN
			EXECUTE action;
			outcome := '00000';
		EXCEPTION WHEN others THEN
			outcome := SQLSTATE;
		END;
		INSERT INTO trap.noted (place, outcome) VALUES (place || ': ' || action, outcome);
	END LOOP;
	RETURN true;
END
$$;
-- folded by the planner
CREATE FUNCTION trap.folded(place text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note(place); RETURN place; END $$;
CREATE TYPE trap.word AS ENUM ('overall', 'public', 'private', 'one', 'tie', 'model1', 'model2', 'm1', 'm2', 'm3', 'm4', 'm5');
CREATE FUNCTION trap.word_text(trap.word) RETURNS text LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('cast'); RETURN 'overall'; END $$;
CREATE CAST (trap.word AS text) WITH FUNCTION trap.word_text AS ASSIGNMENT;
CREATE FUNCTION trap.same(trap.word, text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN RETURN trap.note('operator'); END $$;
CREATE OPERATOR trap.= (FUNCTION = trap.same, LEFTARG = trap.word, RIGHTARG = text);
CREATE FUNCTION trap.checked(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN RETURN trap.note('domain'); END $$;
CREATE DOMAIN trap.stamp AS timestamptz CHECK (trap.checked(value));
CREATE DOMAIN trap.number AS integer CHECK (trap.checked(value));
CREATE TYPE trap.span AS RANGE (subtype = float8);
CREATE FUNCTION trap.span_number(trap.span) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('range'); RETURN 1; END $$;
CREATE CAST (trap.span AS numeric) WITH FUNCTION trap.span_number AS IMPLICIT;

CREATE TABLE trap.leaderboard (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), slug trap.word, name trap.word);
CREATE TABLE trap.model (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), slug trap.word, name trap.word,
	license trap.word, organization trap.word);
CREATE TABLE trap.leaderboard_snapshot (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), leaderboard_id uuid,
	snapshot_identifier trap.word, description trap.word, visibility trap.word, created_at trap.stamp, updated_at trap.stamp);
CREATE TABLE trap.leaderboard_entry (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), leaderboard_id uuid, model_id uuid,
	snapshot_id uuid, bt_score numeric, vote_count trap.number, rank trap.number, bootstrap_q025 numeric,
	bootstrap_q975 numeric, created_at trap.stamp);
CREATE TABLE trap.leaderboard_battle (leaderboard text, model1_id uuid, model2_id uuid, outcome text, voter_id uuid, created_at timestamptz);
INSERT INTO trap.leaderboard (slug, name) VALUES ('overall', 'one');
INSERT INTO trap.model (slug, name) SELECT w, w FROM unnest('{m1,m2,m3,m4,m5}'::trap.word[]) AS w;
INSERT INTO trap.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at, updated_at)
SELECT id, 'one', 'public', now(), now() FROM trap.leaderboard;
INSERT INTO trap.leaderboard_entry (leaderboard_id, model_id, snapshot_id, bt_score, vote_count, rank, bootstrap_q025, bootstrap_q975, created_at)
SELECT s.leaderboard_id, m.id, s.id, 1000, 8, 1, 900, 1100, now() FROM trap.leaderboard_snapshot AS s, trap.model AS m;
INSERT INTO trap.leaderboard_battle
SELECT 'overall', a.id, b.id, 'tie', NULL, now() - interval '1 day' FROM trap.model AS a JOIN trap.model AS b ON a.slug < b.slug, generate_series(1, 4);
GRANT SELECT ON ALL TABLES IN SCHEMA trap TO regress_reader;
RESET ROLE;
-- bixarena_attach_arena() asks for a category of types, not for a type
SELECT bixarena.arena_register('trap');
GRANT EXECUTE ON FUNCTION bixarena_configure TO regress_member;
GRANT SELECT ON bixarena.run, bixarena.arena, bixarena.metrics TO PUBLIC;
-- tables like those of pg_cron, a superuser's
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigint, schedule text, database text DEFAULT current_database(), active boolean, jobname text);
CREATE TABLE cron.job_run_details (jobid bigint, runid bigint, status text, return_message text, start_time timestamptz, end_time timestamptz);
INSERT INTO cron.job (jobid, schedule, active, jobname) VALUES (1, '0 2 * * *', true, 'bixarena_rank trap/overall');
GRANT USAGE ON SCHEMA cron TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA cron TO PUBLIC;

-- all that looks at an arena
CREATE TABLE looks (n serial, call text);
GRANT SELECT ON looks TO PUBLIC;
INSERT INTO looks (call) VALUES
	('bixarena_leaderboard(''overall'', arena => ''trap'')'),
	('bixarena_leaderboard(''overall'', ''one'', search => ''m'', license => NULL, arena => ''trap'')'),
	('bixarena_snapshots(''overall'', arena => ''trap'')'),
	('bixarena_model_history(''overall'', ''m1'', arena => ''trap'')'),
	('bixarena_compare_snapshots(''overall'', ''one'', ''one'', arena => ''trap'')'),
	('bixarena_matchups(''overall'', arena => ''trap'')'),
	('bixarena_leaderboard_svg(''overall'', arena => ''trap'')'),
	('bixarena_history_svg(''overall'', arena => ''trap'')'),
	('bixarena_matchups_svg(''overall'', arena => ''trap'')'),
	('bixarena_report(''overall'', arena => ''trap'')'),
	('bixarena_settings(''overall'', ''trap'')'),
	('bixarena_health(''trap'')'),
	('bixarena_runs_report(''trap'')'),
	('bixarena.leaderboard_find(''overall'', ''trap'')'),
	('bixarena.metrics');
-- what each does, and what code of the owner's ran meanwhile as whom
CREATE FUNCTION look() RETURNS TABLE (call text, outcome text) LANGUAGE plpgsql AS $$
DECLARE
	path text := current_setting('search_path');
	warns text := current_setting('escape_string_warning');
BEGIN
	FOR call IN SELECT l.call FROM looks AS l ORDER BY l.n LOOP
		BEGIN
			EXECUTE 'SELECT count(*) > 0 FROM ' || call INTO STRICT outcome;
			outcome := CASE WHEN outcome::boolean THEN 'rows' ELSE 'none' END;
		EXCEPTION WHEN others THEN
			outcome := SQLSTATE;
		END;
		IF current_setting('search_path') <> path OR current_setting('escape_string_warning') <> warns THEN
			outcome := outcome || ' and its settings';
		END IF;
		call := substring(call from '[a-z_.]+');
		RETURN NEXT;
	END LOOP;
END
$$;
CREATE VIEW ran AS SELECT role, place, string_agg(DISTINCT outcome, ' ') AS outcome FROM trap.noted GROUP BY 1, 2 ORDER BY 1, 2;
TRUNCATE trap.noted;
-- the types are traps indeed
SET trap.armed = 'yes';
BEGIN;
SELECT slug::text FROM trap.leaderboard;
SELECT CASE role WHEN session_user THEN 'superuser' ELSE role END AS role, count(*) FROM trap.noted GROUP BY 1 ORDER BY 1;
ROLLBACK;
SHOW search_path;

--
-- Tables with columns of all kinds of types
--

SELECT * FROM look();
SELECT slug, bt_score, vote_count FROM bixarena_leaderboard('overall', arena => 'trap') ORDER BY 1;
SET ROLE regress_reader;
SELECT * FROM look();
RESET ROLE;
SET ROLE regress_member;
SELECT * FROM look();
SELECT bixarena_configure('seed', '1', 'overall', 'trap');
RESET ROLE;
TABLE ran;

--
-- What the planner folds
--

RESET trap.armed;
SET ROLE regress_mallory;
CREATE INDEX ON trap.leaderboard ((trap.folded('index')));
CREATE INDEX ON trap.leaderboard_snapshot (id) WHERE trap.folded('predicate') IS NOT NULL;
ALTER TABLE trap.leaderboard_entry ADD CHECK (trap.folded('check') IS NOT NULL);
CREATE STATISTICS trap.stats ON (trap.folded('statistics')), rank FROM trap.leaderboard_entry;
RESET ROLE;
\c -
SET trap.armed = 'yes';
\set SHOW_CONTEXT never
SET client_min_messages = error;
SET constraint_exclusion = on;
TRUNCATE trap.noted;
SELECT count(*) FROM look() WHERE outcome = 'rows';
SELECT role, count(*) > 0 AS ran FROM trap.noted GROUP BY 1;
TRUNCATE trap.noted;
SET ROLE regress_reader;
SELECT count(*) FROM look() WHERE outcome = 'rows';
RESET ROLE;
SELECT role, count(*) > 0 AS ran FROM trap.noted GROUP BY 1;
SELECT value FROM bixarena.metrics WHERE name = 'bixarena_arena_up';

--
-- Row security
--

RESET trap.armed;
SET ROLE regress_mallory;
DROP INDEX trap.leaderboard_folded_idx, trap.leaderboard_snapshot_id_idx;
ALTER TABLE trap.leaderboard_entry DROP CONSTRAINT leaderboard_entry_check;
DROP STATISTICS trap.stats;
TRUNCATE trap.noted;
SET trap.armed = 'yes';
CREATE POLICY noting ON trap.leaderboard USING (trap.note('policy'));
ALTER TABLE trap.leaderboard ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
SELECT * FROM look();
TABLE ran;
TRUNCATE trap.noted;
SET ROLE regress_member;
SELECT * FROM look();
SET ROLE regress_reader;
SELECT * FROM look();
SELECT bixarena_leaderboard('overall', arena => 'trap');
RESET ROLE;
TABLE ran;
-- a policy that calls nothing but the server's functions hides what it hides
SET ROLE regress_mallory;
ALTER POLICY noting ON trap.leaderboard USING (current_user = 'regress_member' OR now() > '2000-01-01' AND lower(current_user) = 'regress_mallory');
ALTER TABLE trap.leaderboard ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
RESET ROLE;
TRUNCATE trap.noted;
SET ROLE regress_reader;
SELECT * FROM bixarena.read_leaderboards('trap');
SELECT bixarena_leaderboard('overall', arena => 'trap');
SET ROLE regress_member;
SELECT count(*) FROM bixarena.read_leaderboards('trap');
RESET ROLE;
TABLE ran;
SET ROLE regress_mallory;
DROP POLICY noting ON trap.leaderboard;
ALTER TABLE trap.leaderboard DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
RESET ROLE;

--
-- Views
--

SET ROLE regress_mallory;
ALTER TABLE trap.leaderboard RENAME TO boards;
CREATE VIEW trap.leaderboard AS SELECT * FROM trap.boards WHERE (SELECT trap.note('view'));
GRANT SELECT ON trap.leaderboard TO regress_reader;
RESET ROLE;
SELECT * FROM look();
TABLE ran;
TRUNCATE trap.noted;
SET ROLE regress_reader;
SELECT * FROM look();
RESET ROLE;
TABLE ran;
-- what is shown by a view of the caller's rights, or to a role of a name, is not shown
-- with the owner's
SET ROLE regress_mallory;
CREATE OR REPLACE VIEW trap.leaderboard WITH (security_invoker = true) AS SELECT * FROM trap.boards;
REVOKE ALL ON trap.boards FROM regress_reader;
SET ROLE regress_reader;
SELECT bixarena_leaderboard('overall', arena => 'trap');
SET ROLE regress_mallory;
CREATE OR REPLACE VIEW trap.leaderboard WITH (security_invoker = false) AS SELECT * FROM trap.boards WHERE current_user = 'regress_mallory';
SET ROLE regress_reader;
SELECT bixarena_leaderboard('overall', arena => 'trap');
RESET ROLE;
-- what calls others' code by way of the server's functions
SET ROLE regress_mallory;
CREATE FUNCTION trap.refused(condition text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'CREATE OR REPLACE VIEW trap.leaderboard AS SELECT * FROM trap.boards WHERE ' || condition;
END
$$;
CREATE OPERATOR trap.=== (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text, NEGATOR = OPERATOR(trap.!==));
CREATE FUNCTION trap.differs(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN trap.note(''negator''); END';
CREATE OPERATOR trap.!== (FUNCTION = trap.differs, LEFTARG = text, RIGHTARG = text, NEGATOR = OPERATOR(trap.===));
RESET ROLE;
CREATE FUNCTION refusal(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	SET LOCAL ROLE regress_mallory;
	PERFORM trap.refused(condition);
	SET LOCAL ROLE regress_reader;
	PERFORM count(*) FROM bixarena.read_leaderboards('trap');
	RETURN 'read';
EXCEPTION WHEN insufficient_privilege THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END
$$;
SELECT c AS condition, refusal(c) FROM unnest(ARRAY[
	$$true$$, $$id IS NOT NULL AND slug IN ('overall', 'one') AND now() > '2000-01-01'$$,
	$$query_to_xml('SELECT trap.note(''xml'')', true, true, '') IS NOT NULL$$,
	$$table_to_xml('trap.noted', true, true, '') IS NOT NULL$$,
	$$to_json(slug) IS NOT NULL$$, $$slug::text <> ''$$, $$NOT (name || '' OPERATOR(trap.===) 'x')$$,
	$$jsonb_populate_record(NULL::trap.model, '{}') IS NOT NULL$$,
	$$'2026-01-01'::timestamptz::trap.stamp IS NOT NULL$$, $$xmlelement(name a, slug) IS NOT NULL$$,
	$$pg_advisory_unlock_all() IS NOT NULL$$, $$set_config('search_path', 'trap', false) <> ''$$,
	$$(SELECT count(*) FROM (SELECT trap.note('deep') AS a FROM generate_series(1, 2)) AS x) > 0$$,
	$$EXISTS (SELECT FROM trap.noted WHERE trap.note('deeper'))$$,
	$$EXISTS (SELECT FROM XMLTABLE('/a' PASSING '<a>1</a>' COLUMNS b trap.number PATH '.'))$$]) WITH ORDINALITY AS u (c, n) ORDER BY n;
SELECT role, place FROM trap.noted WHERE role <> 'regress_mallory';

-- metrics run no code of others at all: it could go on for ever
SET ROLE regress_mallory;
CREATE OR REPLACE VIEW trap.leaderboard AS SELECT * FROM trap.boards WHERE trap.note('metrics');
TRUNCATE trap.noted;
RESET ROLE;
SELECT value FROM bixarena.metrics WHERE name = 'bixarena_arena_up';
TABLE ran;

DROP VIEW ran;
DROP FUNCTION look, refusal;
DROP TABLE looks;
DROP EXTENSION bixarena_rank;
DROP SCHEMA trap, cron CASCADE;
DROP ROLE regress_reader, regress_member, regress_mallory;
