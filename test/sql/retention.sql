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

-- runs on record: those that ended long ago, of the whole arena, each by its own
-- leaderboard's setting, and never one that waits or is being made
SELECT bixarena_configure('keep_snapshots', NULL);
SELECT bixarena_configure('keep_snapshots', NULL, leaderboard_id => 'other');
SELECT bixarena_configure('keep_days', NULL);
TRUNCATE bixarena.run;
SELECT bixarena_create_arena('second');
CREATE FUNCTION remember() RETURNS void LANGUAGE sql AS $$
	TRUNCATE bixarena.run;
	INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters, attempts, requested_at, ended_at)
	SELECT a, l, s, 'manual', current_user, '{}', 1, now() - d * interval '1 day',
		CASE WHEN s NOT IN ('queued', 'running') THEN now() - (d - 0.5) * interval '1 day' END
	FROM unnest('{arena,second}'::text[]) AS a, unnest('{overall,other,gone}'::text[]) AS l,
		unnest('{queued,running,succeeded,skipped,failed}'::text[]) AS s, unnest('{1,3,10,100}'::integer[]) AS d
	WHERE s <> 'queued' OR d = 100;
$$;
CREATE VIEW remembered AS
SELECT arena, leaderboard, string_agg(DISTINCT days::text, ' ' ORDER BY days::text) FILTER (WHERE ended_at IS NOT NULL) AS ended,
	count(*) FILTER (WHERE ended_at IS NULL) AS others
FROM (SELECT *, round(extract(epoch FROM now() - requested_at) / 86400) AS days FROM bixarena.run) AS r
WHERE days > 0 GROUP BY 1, 2 ORDER BY 1, 2;
SELECT remember();
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'arena');
TABLE remembered;
SELECT bixarena_configure('keep_runs_days', '9', arena => 'arena');
SELECT bixarena_configure('keep_runs_days', '2', leaderboard_id => 'other', arena => 'arena');
-- none but a run that stores a snapshot of now
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'arena', dry_run => true);
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'arena', as_of => now() - interval '1 day');
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'second');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'arena');
COMMIT;
TABLE remembered;
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'arena');
TABLE remembered;
-- from its end, not from its beginning
UPDATE bixarena.run SET requested_at = now() - interval '10 days', ended_at = now() - interval '8 days 23 hours'
WHERE arena = 'arena' AND status = 'failed';
SELECT bixarena_configure('keep_runs_days', NULL, leaderboard_id => 'other', arena => 'arena');
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'arena');
SELECT count(*) FROM bixarena.run WHERE arena = 'arena' AND ended_at < now() - interval '8 days';
UPDATE bixarena.run SET ended_at = now() - interval '9 days 1 second'
WHERE arena = 'arena' AND status = 'failed';
-- by a role that may delete nothing too
SET ROLE regress_keeper;
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'arena');
RESET ROLE;
SELECT count(*) FROM bixarena.run WHERE arena = 'arena' AND ended_at < now() - interval '8 days';
SELECT bixarena_configure('keep_runs_days', '0', arena => 'arena');
SELECT bixarena_configure('keep_runs_days', NULL, arena => 'arena');
SET client_min_messages = warning;
DROP VIEW remembered;
DROP FUNCTION remember;
DROP SCHEMA second CASCADE;
DELETE FROM bixarena.arena WHERE name = 'second';
RESET client_min_messages;

SELECT bixarena_configure('keep_snapshots', '0');
SELECT bixarena_configure('keep_days', '0.5');

SET client_min_messages = warning;
DROP OWNED BY regress_keeper;
DROP ROLE regress_keeper;
DROP VIEW kept;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena CASCADE;
