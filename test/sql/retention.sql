-- Retention: what a run deletes, and what it never does.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(2000, 5, period => '100 days');
SELECT bixarena_configure('num_bootstrap', '10');
SELECT bixarena_configure('min_total_battles', '10');

-- how many days old the snapshots are, and which are public
CREATE VIEW kept AS
SELECT round(extract(epoch FROM now() - created_at) / 86400) AS days, visibility,
	(SELECT count(*) FROM arena.leaderboard_entry AS e WHERE e.snapshot_id = s.id) AS entries
FROM arena.leaderboard_snapshot AS s ORDER BY created_at DESC;

-- by number
CALL bixarena_backfill('overall', now() - interval '60 days', now() - interval '10 days', '10 days');
TABLE kept;
SELECT bixarena_configure('keep_snapshots', '3');
SELECT status FROM bixarena_generate_snapshot('overall', dry_run => true);
SELECT count(*) FROM kept;
SELECT status FROM bixarena_generate_snapshot('overall');
TABLE kept;
-- a backfill deletes nothing, the next run does
CALL bixarena_backfill('overall', now() - interval '90 days', now() - interval '80 days', '10 days');
TABLE kept;
SELECT status FROM bixarena_generate_snapshot('overall');
TABLE kept;
SELECT count(*) FROM arena.leaderboard_entry;

-- by age
SELECT bixarena_configure('keep_snapshots', NULL);
CALL bixarena_backfill('overall', now() - interval '60 days', now() - interval '10 days', '10 days');
SELECT bixarena_configure('keep_days', '35');
SELECT status FROM bixarena_generate_snapshot('overall');
TABLE kept;

-- never the latest public one, however old and however many came after it
UPDATE arena.leaderboard_snapshot SET visibility = 'private'
WHERE created_at > now() - interval '25 days';
UPDATE arena.leaderboard_snapshot SET created_at = created_at - interval '50 days'
WHERE visibility = 'public';
SELECT bixarena_configure('keep_snapshots', '1');
SELECT bixarena_configure('auto_publish', 'false');
SELECT status FROM bixarena_generate_snapshot('overall');
TABLE kept;

-- another leaderboard's are another matter
INSERT INTO arena.leaderboard (slug, name) VALUES ('other', 'Other');
UPDATE arena.battle SET categories = '{other}';
SELECT bixarena_configure('keep_snapshots', '5', leaderboard_id => 'other');
CALL bixarena_generate_snapshots();
CALL bixarena_generate_snapshots();
SELECT l.slug, count(*) FROM arena.leaderboard_snapshot AS s
JOIN arena.leaderboard AS l ON l.id = s.leaderboard_id GROUP BY 1 ORDER BY 1;

-- a role that may not delete leaves the old ones to one that may
CREATE ROLE regress_keeper;
GRANT USAGE ON SCHEMA arena TO regress_keeper;
GRANT SELECT ON ALL TABLES IN SCHEMA arena TO regress_keeper;
GRANT INSERT ON arena.leaderboard_snapshot, arena.leaderboard_entry TO regress_keeper;
GRANT EXECUTE ON FUNCTION bixarena_generate_snapshot TO regress_keeper;
SET ROLE regress_keeper;
SELECT status FROM bixarena_generate_snapshot('overall');
RESET ROLE;
SELECT count(*) FROM kept;
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT l.slug, count(*) FROM arena.leaderboard_snapshot AS s
JOIN arena.leaderboard AS l ON l.id = s.leaderboard_id GROUP BY 1 ORDER BY 1;

SELECT bixarena_configure('keep_snapshots', '0');
SELECT bixarena_configure('keep_days', '0.5');

SET client_min_messages = warning;
DROP OWNED BY regress_keeper;
DROP ROLE regress_keeper;
DROP VIEW kept;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena CASCADE;
