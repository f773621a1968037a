-- What a CALL leaves of its caller's session, what its runs have in common, and
-- failures that are a leaderboard's.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(2000, 6, categories => '{oncology}');
SELECT bixarena_configure('num_bootstrap', '10');
SELECT bixarena_configure('retry_seconds', '0');
CREATE SCHEMA own;
SET search_path = own, public;

--
-- The caller
--

-- within DO: two calls, then a table where the caller wants it, and the
-- transaction that it wants
SET default_transaction_isolation = 'repeatable read';
SET default_transaction_deferrable = on;
CREATE PROCEDURE own.show(at text) LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE '%: search_path %, isolation %, deferrable %, read-only %', at,
		current_setting('search_path'), current_setting('transaction_isolation'),
		current_setting('transaction_deferrable'), current_setting('transaction_read_only');
END
$$;
DO $$
BEGIN
	CALL show('before');
	CALL bixarena_generate_snapshots();
	CALL show('after all');
	CALL bixarena_generate_snapshots(leaderboard_id => 'overall');
	CALL show('after one');
	CALL bixarena_generate_snapshots(dry_run => true);
	CALL show('after a dry run');
	CALL bixarena_backfill('overall', now() - interval '1 hour', now(), '1 hour');
	CALL show('after a backfill');
	CALL bixarena_process_requests();
	CALL show('after the queue');
	CREATE TABLE made (by text);
END
$$;
SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = 'made';
DROP TABLE own.made;

-- in a procedure with transactions of its own kind, from one to the next
CREATE PROCEDURE own.nightly(INOUT made integer DEFAULT 0) LANGUAGE plpgsql AS $$
BEGIN
	COMMIT;
	SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, NOT DEFERRABLE;
	SET LOCAL search_path = own, pg_temp, public;
	CALL show('set');
	CALL bixarena_generate_snapshots();
	CALL show('after');
	COMMIT;
	CALL show('the next');
	CALL bixarena_generate_snapshots();
	SELECT count(*) INTO made FROM bixarena.run;
END
$$;
TRUNCATE bixarena.run;
CALL nightly();
-- writing by a session that does not by default
SET default_transaction_read_only = on;
DO $$
BEGIN
	COMMIT;
	SET TRANSACTION READ WRITE;
	CALL bixarena_generate_snapshots();
	CALL show('read write');
END
$$;
CALL bixarena_generate_snapshots();
RESET default_transaction_read_only;
-- a loop over a query, which a commit makes a cursor that is held
DO $$
DECLARE
	slug text;
BEGIN
	FOR slug IN SELECT l.slug FROM arena.leaderboard AS l ORDER BY 1 LOOP
		CALL bixarena_generate_snapshots(leaderboard_id => slug);
	END LOOP;
	CALL show('after a loop');
END
$$;

-- a failure, and a cancel
CREATE FUNCTION own.unlucky() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.leaderboard_id = (SELECT id FROM arena.leaderboard WHERE slug = 'oncology') THEN
		PERFORM pg_sleep(current_setting('own.seconds')::float8);
		RAISE EXCEPTION 'no pulse';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER unlucky BEFORE INSERT ON arena.leaderboard_snapshot
	FOR EACH ROW EXECUTE FUNCTION own.unlucky();
SET own.seconds = 0;
CALL bixarena_generate_snapshots();
CALL show('after a failure');
DO $$
BEGIN
	CALL bixarena_generate_snapshots();
END
$$;
CALL show('after a failure in DO');
CALL bixarena_generate_snapshots(dry_run => true);
SET own.seconds = 60;
SET statement_timeout = '1s';
CALL bixarena_generate_snapshots();
CALL show('after a cancel');
DO $$
BEGIN
	CALL bixarena_generate_snapshots();
END
$$;
CALL show('after a cancel in DO');
RESET statement_timeout;
DROP TRIGGER unlucky ON arena.leaderboard_snapshot;
-- where it cannot commit
BEGIN;
CALL bixarena_generate_snapshots();
ROLLBACK;
DO $$
BEGIN
	CALL bixarena_generate_snapshots();
EXCEPTION WHEN active_sql_transaction THEN
	CALL show('after what cannot commit');
END
$$;
RESET default_transaction_isolation;
RESET default_transaction_deferrable;

-- what a trigger of the arena's sets for good stays, as after any statement
CREATE FUNCTION own.sets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	SET application_name = 'set by a trigger';
	RETURN NEW;
END
$$;
CREATE TRIGGER sets BEFORE INSERT ON arena.leaderboard_snapshot
	FOR EACH ROW EXECUTE FUNCTION own.sets();
CALL bixarena_generate_snapshots();
SHOW application_name;
SHOW search_path;
DROP TRIGGER sets ON arena.leaderboard_snapshot;

--
-- Runs of a call
--

TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
CALL bixarena_generate_snapshots();
SELECT count(DISTINCT call_id) AS calls, count(call_id) AS runs,
	bool_and((call_id = lag) = (leaderboard <> 'oncology')) AS in_order
FROM (SELECT *, lag(call_id) OVER (ORDER BY requested_at) AS lag FROM bixarena.run) AS r;
TRUNCATE bixarena.run;
CALL bixarena_backfill('overall', '2020-01-01', '2020-01-03');
SELECT count(DISTINCT call_id) AS calls, count(call_id) AS runs FROM bixarena.run;
-- by themselves
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots(leaderboard_id => 'overall');
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT count(call_id) AS calls, count(*) AS runs FROM bixarena.run;

-- a message of a call
CREATE FUNCTION own.shown(message jsonb) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT message ->> 'text'
	UNION ALL
	SELECT regexp_replace(f ->> 'text', E'[0-9a-f-]{36}|[0-9.]+ s$|\\d{4}-\\d{2}.* UTC', '...', 'g')
	FROM jsonb_path_query(message, '$.blocks[*].fields[*]') AS f
	UNION ALL
	SELECT b -> 'text' ->> 'text' FROM jsonb_path_query(message, '$.blocks[*]') AS b
	WHERE b ->> 'type' = 'section' AND b ? 'text'
$$;
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots(trigger_source => 'scheduled', triggered_by => 'the clock');
SELECT own.shown(bixarena_slack_message((SELECT min(call_id::text)::uuid FROM bixarena.run)));
INSERT INTO arena.leaderboard (slug, name) VALUES ('<b>', 'Empty');
CREATE TRIGGER unlucky BEFORE INSERT ON arena.leaderboard_snapshot
	FOR EACH ROW EXECUTE FUNCTION own.unlucky();
SET own.seconds = 0;
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT own.shown(bixarena_slack_message((SELECT min(call_id::text)::uuid FROM bixarena.run)));
-- what fails in one way is told once
UPDATE arena.battle SET created_at = '2019-01-01';
TRUNCATE bixarena.run;
CALL bixarena_backfill('oncology', '2020-01-01', '2020-01-03');
SELECT own.shown(bixarena_slack_message((SELECT min(call_id::text)::uuid FROM bixarena.run)));
TRUNCATE bixarena.run;
\set VERBOSITY terse
CALL bixarena_generate_snapshots();
\set VERBOSITY default
DROP TRIGGER unlucky ON arena.leaderboard_snapshot;
UPDATE bixarena.run SET status = 'skipped' WHERE status = 'failed';
SELECT own.shown(bixarena_slack_message((SELECT min(call_id::text)::uuid FROM bixarena.run)));
UPDATE bixarena.run SET status = 'running' WHERE status = 'skipped';
SELECT own.shown(bixarena_slack_message((SELECT min(call_id::text)::uuid FROM bixarena.run)));
DELETE FROM bixarena.run WHERE status = 'succeeded';
SELECT own.shown(bixarena_slack_message((SELECT min(call_id::text)::uuid FROM bixarena.run)));
-- how long it took, from its beginning: the reading of the battles comes before the runs
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
UPDATE bixarena.run SET requested_at = r.moment + r.n * interval '1 us', started_at = r.moment + (4 + r.n) * interval '1 second',
	ended_at = r.moment + (5 + r.n) * interval '1 second'
FROM (SELECT correlation_id, now() AS moment, row_number() OVER (ORDER BY requested_at) AS n FROM bixarena.run) AS r
WHERE r.correlation_id = run.correlation_id;
SELECT f ->> 'text' AS duration
FROM jsonb_path_query(bixarena_slack_message((SELECT min(call_id::text)::uuid FROM bixarena.run)), '$.blocks[*].fields[*]') AS f
WHERE f ->> 'text' LIKE '*Duration*%';
-- as Slack takes it, however many have failed
INSERT INTO bixarena.run (call_id, arena, leaderboard, status, trigger_source, role, parameters, attempts)
SELECT '00000000-0000-4000-8000-000000000000', 'arena', repeat('<', n % 500) || n, 'failed', 'manual', 'nobody', '{}', 1
FROM generate_series(1, 1000) AS n;
SELECT jsonb_array_length(m -> 'blocks') AS blocks,
	max(length(t #>> '{}')) FILTER (WHERE t #>> '{}' LIKE '*Failed*%') AS longest
FROM bixarena_slack_message('00000000-0000-4000-8000-000000000000') AS m,
	jsonb_path_query(m, '$.**.text ? (@.type() == "string")') AS t
GROUP BY 1;
DELETE FROM arena.leaderboard WHERE slug = '<b>';

-- which of its runs are notified
SELECT bixarena_configure('notify_runs', 'some');
SELECT bixarena_configure('notify_runs', 'failed');
SELECT value, source FROM bixarena_settings() WHERE setting = 'notify_runs';
SELECT bixarena_configure('notify_runs', 'none', 'overall');
SELECT bixarena_configure('notify_runs', NULL);

--
-- Dry runs
--

INSERT INTO arena.leaderboard (slug, name) VALUES ('vacant', 'Vacant'), ('paused', 'Paused');
SELECT bixarena_configure('enabled', 'false', 'paused');
TRUNCATE bixarena.run, arena.leaderboard_snapshot, arena.leaderboard_entry;
CALL bixarena_generate_snapshots(dry_run => true);
CALL bixarena_generate_snapshots(leaderboard_id => 'overall', dry_run => true);
CALL bixarena_generate_snapshots(leaderboard_id => 'none', dry_run => true);
SET default_transaction_read_only = on;
CALL bixarena_generate_snapshots(dry_run => true);
RESET default_transaction_read_only;
-- one that would fail
CREATE FUNCTION own.faulty() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'no pulse';
END
$$;
ALTER VIEW arena.leaderboard_battle RENAME TO healthy;
CREATE VIEW arena.leaderboard_battle AS
SELECT * FROM arena.healthy WHERE leaderboard <> 'oncology'
UNION ALL
SELECT 'oncology', model1_id, model2_id, own.faulty(), voter_id, created_at, id
FROM arena.battle;
CALL bixarena_generate_snapshots(dry_run => true);
DROP VIEW arena.leaderboard_battle;
ALTER VIEW arena.healthy RENAME TO leaderboard_battle;
SELECT (SELECT count(*) FROM bixarena.run) AS runs,
	(SELECT count(*) FROM arena.leaderboard_snapshot) AS snapshots;
DELETE FROM arena.leaderboard WHERE slug IN ('vacant', 'paused');

--
-- Every failure is that leaderboard's
--

-- a slug that no index holds
ALTER TABLE arena.leaderboard ALTER slug TYPE text;
ALTER TABLE arena.leaderboard DROP CONSTRAINT leaderboard_slug_key;
INSERT INTO arena.leaderboard (slug, name)
SELECT 'long' || string_agg(md5(n::text), '' ORDER BY n), 'Long' FROM generate_series(1, 200) AS n;
INSERT INTO arena.leaderboard (slug, name)
SELECT slug || ' too', 'Long too' FROM arena.leaderboard WHERE name = 'Long';
TRUNCATE bixarena.run;
\set VERBOSITY terse
CALL bixarena_generate_snapshots();
\set VERBOSITY default
SELECT left(leaderboard, 12) AS leaderboard, octet_length(leaderboard) AS bytes, status, attempts,
	error_sqlstate, left(error_message, 60) AS message, error_detail
FROM bixarena.run ORDER BY requested_at;
SELECT l.name, (SELECT bixarena_generate_snapshot(l.slug)) FROM arena.leaderboard AS l WHERE l.name = 'Long';
DELETE FROM arena.leaderboard WHERE name LIKE 'Long%';
-- a run that is deleted from the record while others are made
CREATE FUNCTION own.deletes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	DELETE FROM bixarena.run WHERE leaderboard = 'overall';
	RETURN NEW;
END
$$;
CREATE TRIGGER deletes BEFORE INSERT ON arena.leaderboard_snapshot
	FOR EACH ROW EXECUTE FUNCTION own.deletes();
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status FROM bixarena.run;
DROP TRIGGER deletes ON arena.leaderboard_snapshot;

-- a record that cannot be written
CREATE FUNCTION own.refuses() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.leaderboard = 'oncology' AND NEW.attempts > 0 THEN
		RAISE EXCEPTION 'not on record';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER refuses BEFORE UPDATE ON bixarena.run
	FOR EACH ROW EXECUTE FUNCTION own.refuses();
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, attempts, error_message FROM bixarena.run ORDER BY 1;
DROP TRIGGER refuses ON bixarena.run;

SET client_min_messages = warning;
RESET search_path;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena, own CASCADE;
