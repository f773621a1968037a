-- bixarena_leaderboards(), what bixarena_leaderboard() tells besides, and who sees
-- private snapshots.

\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE EXTENSION bixarena_rank;
SELECT * FROM bixarena_leaderboards();
SELECT bixarena_create_arena('arena');
INSERT INTO arena.leaderboard (slug, name) VALUES ('vacant', 'Vacant'), ('code', 'Code'), ('Art', 'Art');
INSERT INTO arena.model (slug, name, organization, license) VALUES
	('ant', 'Ant', 'Insects', 'open-source'), ('bee', 'Bee', 'INSECTS', 'proprietary'), ('cat', 'Cat', 'Cats', 'open-source');
CREATE FUNCTION snapshot(board text, identifier text, visibility text, moment timestamptz, VARIADIC votes integer[])
RETURNS void LANGUAGE sql AS $$
	WITH s AS (
		INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
		SELECT id, identifier, visibility, moment FROM arena.leaderboard WHERE slug = board
		RETURNING id, leaderboard_id
	)
	INSERT INTO arena.leaderboard_entry (leaderboard_id, model_id, snapshot_id, rank, bt_score,
		bootstrap_q025, bootstrap_q975, vote_count, created_at)
	SELECT s.leaderboard_id, m.id, s.id, m.n, 1000, 1000, 1000, v.votes, moment - v.n * interval '1 hour'
	FROM s, unnest(votes) WITH ORDINALITY AS v (votes, n)
	JOIN (SELECT id, row_number() OVER (ORDER BY slug) AS n FROM arena.model) AS m USING (n)
$$;
SELECT snapshot('overall', 'first', 'public', '2026-01-01', 10, 10),
	snapshot('overall', 'second', 'public', '2026-01-02', 30, 20, 10),
	snapshot('overall', 'draft', 'private', '2026-01-03', 40, 20, 10),
	snapshot('code', 'of code', 'public', '2026-01-04', 7),
	snapshot('code', 'empty', 'public', '2026-01-05', VARIADIC '{}'),
	snapshot('Art', 'of art', 'private', '2026-01-06', 1),
	snapshot('Art', 'of art, endless', 'public', 'infinity', 1);
SELECT * FROM bixarena_leaderboards();
SELECT leaderboard_id, name FROM bixarena_leaderboards('arena');
SELECT * FROM bixarena_leaderboards('elsewhere');

-- when the next is due, as pg_cron's tables say: of an arena's schedule and one of
-- the leaderboard's own, whichever is first; not where they are paused
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigint, jobname text, schedule text, active boolean, database text);
CREATE TABLE cron.job_run_details (jobid bigint, runid bigint, status text, return_message text, start_time timestamptz, end_time timestamptz);
INSERT INTO cron.job VALUES (1, 'bixarena_rank arena', '0 0 1 1 *', true, current_database()),
	(2, 'bixarena_rank arena/code', '* * * * *', true, current_database()),
	(3, 'bixarena_rank arena/vacant', '* * * * *', false, current_database()),
	(4, 'bixarena_rank other', '* * * * *', true, current_database()),
	(5, 'bixarena_rank arena/Art', '0 0 30 2 *', true, current_database());
CREATE VIEW due AS SELECT leaderboard_id, CASE
		WHEN next_due = date_trunc('year', now()) + interval '1 year' THEN 'new year'
		WHEN next_due > now() AND next_due <= now() + interval '1 minute' THEN 'this minute' END AS next_due
FROM bixarena_leaderboards();
TABLE due;
SELECT bixarena_configure('enabled', 'false', leaderboard_id => 'code');
TABLE due;
SELECT bixarena_configure('enabled', 'false');
SELECT count(next_due) FROM due;
SELECT bixarena_configure('enabled', NULL);
SELECT bixarena_configure('enabled', NULL, leaderboard_id => 'code');

-- with the rights of the caller: who cannot see pg_cron's tables is told no date
CREATE ROLE regress_website;
SELECT bixarena_configure('seed', '7'), bixarena_configure('seed', '8', leaderboard_id => 'code');
SET ROLE regress_website;
-- but everybody sees which arenas there are, and what their settings say
SELECT name FROM bixarena.arena;
SET row_security = on;
SELECT coalesce(leaderboard, '') AS leaderboard, name, value FROM bixarena.setting ORDER BY 1;
RESET row_security;
SELECT value, source FROM bixarena_settings() WHERE setting = 'seed';
\set VERBOSITY sqlstate
SELECT * FROM bixarena_leaderboards();
\set VERBOSITY default
RESET ROLE;
SELECT bixarena_grant('regress_website', 'reader');
GRANT SELECT ON due TO regress_website;
SET ROLE regress_website;
SELECT * FROM bixarena_leaderboards();
SET row_security = on;
SELECT coalesce(leaderboard, '') AS leaderboard, name, value FROM bixarena.setting ORDER BY 1;
RESET row_security;

-- a reader gets public snapshots only, by name and in lists
SELECT DISTINCT snapshot_identifier FROM bixarena_leaderboard('overall', 'first');
SELECT * FROM bixarena_leaderboard('overall', 'draft');
SELECT * FROM bixarena_compare_snapshots('overall', 'first', 'draft');
SELECT * FROM bixarena_compare_snapshots('overall', 'draft');
SELECT bixarena_leaderboard_svg('overall', 'draft');
SELECT * FROM bixarena_matchups('overall', 'draft');
SELECT snapshot_identifier FROM bixarena_snapshots('overall');
SELECT count(*) FROM bixarena_snapshots('Art');
RESET ROLE;
-- who may write snapshots gets all: by any of the rights to do so
SET ROLE regress_website;
SELECT bixarena.snapshot_private_seen('arena'), bixarena.snapshot_private_seen('elsewhere');
RESET ROLE;
CREATE FUNCTION sees(privilege text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	seen bigint;
BEGIN
	EXECUTE format('GRANT %s ON arena.leaderboard_snapshot TO regress_website', privilege);
	SET LOCAL ROLE regress_website;
	seen := count(*) FROM bixarena_snapshots('overall');
	PERFORM bixarena_leaderboard('overall', 'draft');
	RESET ROLE;
	EXECUTE format('REVOKE %s ON arena.leaderboard_snapshot FROM regress_website', privilege);
	RETURN seen;
END
$$;
SELECT p, sees(p) FROM unnest('{INSERT,UPDATE,DELETE,UPDATE (visibility),INSERT (id)}'::text[]) AS p;
SELECT sees('REFERENCES');
-- a snapshot that is published is seen, one that is hidden is not
SELECT bixarena_update_snapshot('overall', 'draft', 'public'), bixarena_update_snapshot('overall', 'first', 'private');
SET ROLE regress_website;
SELECT snapshot_identifier, created_at, entry_count, vote_count FROM bixarena_leaderboards() WHERE leaderboard_id = 'overall';
SELECT DISTINCT snapshot_identifier FROM bixarena_leaderboard('overall', 'draft');
SELECT snapshot_identifier FROM bixarena_snapshots('overall');
RESET ROLE;
SELECT bixarena_update_snapshot('overall', 'draft', 'private'), bixarena_update_snapshot('overall', 'first', 'public');

-- the model's id, its link where the arena has one, and when the entry was made
SELECT slug, l.id = m.id AS same_id, external_link, l.created_at
FROM bixarena_leaderboard('overall') AS l JOIN arena.model AS m USING (slug) ORDER BY rank;
ALTER TABLE arena.model ADD external_link varchar(300) NOT NULL DEFAULT 'https://example.org/';
UPDATE arena.model SET external_link = external_link || slug;
SELECT slug, external_link FROM bixarena_leaderboard('overall', sort_by => 'created_at', page_size => 2);
SELECT slug, created_at FROM bixarena_leaderboard('overall', sort_by => 'created_at', descending => false);
-- null where the caller may not read it
REVOKE SELECT ON arena.model FROM regress_website;
GRANT SELECT (id, slug, name, organization, license) ON arena.model TO regress_website;
SET ROLE regress_website;
SELECT slug, external_link FROM bixarena_leaderboard('overall');
RESET ROLE;
ALTER TABLE arena.model DROP external_link;
SELECT slug, external_link FROM bixarena_leaderboard('overall');
-- a column of another type is a text too
ALTER TABLE arena.model ADD external_link integer DEFAULT 7;
SELECT slug, external_link FROM bixarena_leaderboard('overall');

-- filters in any letter case
SELECT slug FROM bixarena_leaderboard('overall', organization => 'insects');
SELECT slug FROM bixarena_leaderboard('overall', organization => 'inSECTS', license => 'OPEN-Source');
SELECT slug FROM bixarena_leaderboard('overall', organization => 'insect');

SET client_min_messages = warning;
DROP OWNED BY regress_website;
DROP ROLE regress_website;
DROP VIEW due;
DROP FUNCTION snapshot, sees;
DROP SCHEMA cron CASCADE;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena CASCADE;
