-- CALL bixarena_generate_snapshots(): every leaderboard, each committed by
-- itself; one that fails is on record and does not stop the others.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(3000, 6, categories => '{oncology,cardiology}');
-- nothing counts for this one, and little for that
INSERT INTO arena.leaderboard (slug, name) VALUES ('vacant', 'Vacant'), ('rare', 'Rare');
UPDATE arena.battle SET categories = categories || '{rare}'
WHERE id IN (SELECT id FROM arena.battle ORDER BY created_at LIMIT 7);
SELECT bixarena_configure('num_bootstrap', '20');
SELECT bixarena_configure('retry_seconds', '0');

CALL bixarena_generate_snapshots(trigger_source => 'scheduled', triggered_by => 'the clock');
SELECT leaderboard, status, trigger_source, triggered_by, attempts, entry_count,
	evaluation_count, skip_reason
FROM bixarena.run ORDER BY leaderboard;
-- single calls give the same
SELECT leaderboard, status FROM arena.leaderboard AS l,
	LATERAL (SELECT l.slug AS leaderboard, g.status FROM bixarena_generate_snapshot(l.slug) AS g) AS g
ORDER BY leaderboard;
SELECT a.leaderboard, count(*) AS entries, count(*) FILTER (WHERE x.rank = y.rank
	AND (x.bt_score, x.bootstrap_q025, x.bootstrap_q975) = (y.bt_score, y.bootstrap_q025, y.bootstrap_q975)) AS equal
FROM bixarena.run AS a JOIN bixarena.run AS b ON b.leaderboard = a.leaderboard
JOIN arena.leaderboard_entry AS x ON x.snapshot_id = a.snapshot_id
JOIN arena.leaderboard_entry AS y ON y.snapshot_id = b.snapshot_id AND y.model_id = x.model_id
WHERE a.trigger_source = 'scheduled' AND b.trigger_source = 'manual'
GROUP BY 1 ORDER BY 1;

-- a new leaderboard is picked up, a paused one skipped
INSERT INTO arena.leaderboard (slug, name) VALUES ('late', 'Late');
UPDATE arena.battle SET categories = categories || '{late}' WHERE voter_id::text < '5157a7ed-0000-4000-8000-000000000020';
SELECT bixarena_configure('enabled', 'false', leaderboard_id => 'oncology');
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status FROM bixarena.run ORDER BY leaderboard;

-- a row without a slug, which nothing in a schema of the user's forbids, is no
-- leaderboard
ALTER TABLE arena.leaderboard ALTER slug DROP NOT NULL;
INSERT INTO arena.leaderboard (slug, name) VALUES (NULL, 'Nameless');
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status FROM bixarena.run ORDER BY leaderboard;
SELECT bixarena_leaderboard('none');
DELETE FROM arena.leaderboard WHERE slug IS NULL;

--
-- Failures
--

-- a view that fails for one leaderboard: each is then read by itself, and that
-- one is found
CREATE FUNCTION faulty() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'no pulse' USING DETAIL = 'None at all.';
END
$$;
ALTER VIEW arena.leaderboard_battle RENAME TO healthy;
CREATE VIEW arena.leaderboard_battle AS
SELECT * FROM arena.healthy WHERE leaderboard <> 'cardiology'
UNION ALL
SELECT 'cardiology', model1_id, model2_id, public.faulty(), voter_id, created_at, id
FROM arena.battle;
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, attempts, entry_count, error_sqlstate, error_message, error_detail,
	ended_at >= started_at AS ended
FROM bixarena.run ORDER BY leaderboard;
-- one that fails altogether
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT leaderboard, model1_id, model2_id, public.faulty() AS outcome, voter_id, created_at, battle_id
FROM arena.healthy;
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, error_message FROM bixarena.run ORDER BY leaderboard;
DROP VIEW arena.leaderboard_battle;
ALTER VIEW arena.healthy RENAME TO leaderboard_battle;

-- what may pass by itself is tried again
CREATE SEQUENCE tries;
CREATE FUNCTION unlucky() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('public.tries') <= 2 THEN
		RAISE EXCEPTION 'try again' USING ERRCODE = 'deadlock_detected';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER unlucky BEFORE INSERT ON arena.leaderboard_snapshot
	FOR EACH ROW EXECUTE FUNCTION unlucky();
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, attempts, error_message FROM bixarena.run ORDER BY leaderboard;
-- ... but not for ever
SELECT bixarena_configure('max_attempts', '2');
ALTER SEQUENCE tries RESTART;
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, attempts, error_sqlstate, error_message
FROM bixarena.run ORDER BY leaderboard;
-- ... and nothing else is
CREATE OR REPLACE FUNCTION unlucky() RETURNS trigger LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'never'; END$$;
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, attempts, error_sqlstate FROM bixarena.run ORDER BY leaderboard;
DROP TRIGGER unlucky ON arena.leaderboard_snapshot;

-- what a failed attempt had got at is not told of the one that follows: here it
-- has stored a snapshot, and the next finds no battles
SELECT bixarena_configure('max_attempts', '3');
SELECT setval('tries', 1);
CREATE OR REPLACE FUNCTION unlucky() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('public.tries');
	RAISE EXCEPTION 'try again' USING ERRCODE = 'serialization_failure';
END
$$;
CREATE TRIGGER unlucky BEFORE INSERT ON arena.leaderboard_entry
	FOR EACH ROW EXECUTE FUNCTION unlucky();
ALTER VIEW arena.leaderboard_battle RENAME TO healthy;
CREATE VIEW arena.leaderboard_battle AS
SELECT * FROM arena.healthy WHERE (SELECT last_value FROM public.tries) = 1;
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, attempts, snapshot_id IS NULL AND snapshot_identifier IS NULL AS no_snapshot,
	unranked, evaluation_count, skip_reason
FROM bixarena.run WHERE attempts > 1 ORDER BY leaderboard;
DROP TRIGGER unlucky ON arena.leaderboard_entry;
DROP VIEW arena.leaderboard_battle;
ALTER VIEW arena.healthy RENAME TO leaderboard_battle;

-- a cancel ends it, goes on record, leaves what is committed, and the session as
-- it was
CREATE OR REPLACE FUNCTION unlucky() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT count(started_at) FROM bixarena.run) = 2 THEN
		PERFORM pg_sleep(60);
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER unlucky BEFORE INSERT ON arena.leaderboard_snapshot
	FOR EACH ROW EXECUTE FUNCTION unlucky();
TRUNCATE bixarena.run;
SET statement_timeout = '2s';
CALL bixarena_generate_snapshots();
RESET statement_timeout;
SELECT leaderboard, status, attempts, error_sqlstate, error_detail FROM bixarena.run ORDER BY leaderboard;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';
DROP TRIGGER unlucky ON arena.leaderboard_snapshot;

--
-- Where it cannot run, and what it does not take
--

BEGIN;
CALL bixarena_generate_snapshots();
ROLLBACK;
DO $$BEGIN CALL bixarena_generate_snapshots(); EXCEPTION WHEN OTHERS THEN
	RAISE NOTICE '% %', SQLSTATE, SQLERRM; END$$;
CALL bixarena_generate_snapshots('nowhere');
CALL bixarena_generate_snapshots(trigger_source => 'whim');
SET default_transaction_read_only = on;
CALL bixarena_generate_snapshots();
RESET default_transaction_read_only;
-- the caller's search_path is as it was
SET search_path = arena, public;
SELECT bixarena_configure('num_bootstrap', '10');
TRUNCATE bixarena.run;
CALL bixarena_generate_snapshots();
SHOW search_path;
SELECT count(*) FROM bixarena.run WHERE status = 'succeeded';
RESET search_path;

CREATE ROLE nobody_much;
SET ROLE nobody_much;
CALL bixarena_generate_snapshots();
RESET ROLE;
DROP ROLE nobody_much;

SET client_min_messages = warning;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena CASCADE;
DROP FUNCTION faulty, unlucky;
DROP SEQUENCE tries;
