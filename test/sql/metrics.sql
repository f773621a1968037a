-- The view bixarena.metrics: what it says of arenas that are well, new, broken and
-- gone, to whom, and that it agrees with bixarena_health().

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;

-- without an arena
SELECT name, value, labels ->> 'version' = e.extversion AS version, help
FROM bixarena.metrics, pg_extension AS e WHERE e.extname = 'bixarena_rank';

-- ages and durations that grow or differ are shown by their size
CREATE VIEW shown AS
SELECT m.name, m.labels - 'arena' - 'version' AS labels, CASE WHEN m.name ~ '_age_seconds$'
	THEN round(m.value::numeric, -2) ELSE round(m.value::numeric, 4) END AS value,
	m.labels ->> 'arena' AS arena
FROM bixarena.metrics AS m;
CREATE FUNCTION metrics(wanted text, arena text DEFAULT 'arena')
RETURNS TABLE (name text, labels jsonb, value numeric) LANGUAGE sql AS $$
	SELECT s.name, s.labels, s.value FROM shown AS s
	WHERE s.arena = metrics.arena AND s.name ~ wanted
	ORDER BY s.name COLLATE "C", s.labels::text COLLATE "C"
$$;
CREATE FUNCTION recorded(status text, age interval, leaderboard text DEFAULT 'overall',
	seconds double precision DEFAULT 2, source text DEFAULT 'scheduled', arena text DEFAULT 'arena',
	as_of text DEFAULT NULL)
RETURNS boolean LANGUAGE sql AS $$
	INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters,
		attempts, requested_at, started_at, ended_at, entry_count, evaluation_count)
	SELECT arena, leaderboard, status, source, 'operator', jsonb_build_object('as_of', as_of), 1,
		now() - age, CASE WHEN status <> 'queued' THEN now() - age END,
		CASE WHEN status NOT IN ('queued', 'running') THEN now() - age + make_interval(secs => seconds) END,
		CASE WHEN status = 'succeeded' THEN 5 END, CASE WHEN status = 'succeeded' THEN 1000 * seconds END
	RETURNING true
$$;

-- a new arena, without runs and snapshots
SELECT bixarena_create_arena('arena');
INSERT INTO arena.leaderboard (slug, name) VALUES (E'o\'d"d \\ and\nlong', 'odd');
SELECT * FROM metrics('');

-- what is not shown
SELECT count(*) FROM bixarena.metrics AS m
WHERE num_nulls(m.name, m.labels, m.value, m.help) > 0 OR m.value = 'NaN';

--
-- Runs
--

-- failed and dead: of 14 days; of this arena; dead are those that were requested
SELECT recorded('failed', '15 days', source => 'api'), recorded('failed', '13 days', source => 'api'),
	recorded('failed', '1 day', source => 'manual'), recorded('queued', '1 hour', source => 'api'),
	recorded('running', '1 hour', source => 'api'), recorded('succeeded', '1 hour', source => 'api'),
	recorded('skipped', '1 hour'), recorded('failed', '1 day', source => 'api', arena => 'other');
SELECT * FROM metrics('failed_runs|dead|waiting|abandoned|success_ratio');
TRUNCATE bixarena.run;

-- the share: of 30 days; 95 % is enough
SELECT recorded('failed', '31 days'), recorded('failed', '29 days');
SELECT count(recorded('skipped', '29 days')) FROM generate_series(1, 9);
SELECT count(recorded('succeeded', '1 day')) FROM generate_series(1, 10);
SELECT m.value = min.value AS equal FROM bixarena.metrics AS m, bixarena.metrics AS min
WHERE m.name = 'bixarena_success_ratio' AND min.name = 'bixarena_success_ratio_min';
SELECT recorded('failed', '1 day');
SELECT * FROM metrics('success_ratio');
SELECT * FROM metrics('health') WHERE labels ->> 'check' = 'success_share';
TRUNCATE bixarena.run;

-- the last one: not one of the past, or that has not ended, or of a leaderboard that
-- is gone
SELECT recorded('succeeded', '3 days', seconds => 3), recorded('succeeded', '1 day', seconds => 9, as_of => '2026-01-01'),
	recorded('failed', '1 hour', as_of => '2026-01-01'), recorded('running', '1 minute'), recorded('queued', '1 minute'),
	recorded('succeeded', '1 day', 'dropped');
SELECT * FROM metrics('last_');
SELECT recorded('failed', '2 days');
SELECT * FROM metrics('last_');
SELECT recorded('skipped', '1 day');
SELECT * FROM metrics('last_');
TRUNCATE bixarena.run;

-- what is usual: from five runs of 30 days on; the median of them
SELECT recorded('succeeded', '31 days', seconds => 1), recorded('succeeded', '1 day', seconds => 1, as_of => '2026-01-01'),
	recorded('failed', '1 day', seconds => 1);
SELECT count(recorded('succeeded', '1 day', seconds => s)) FROM unnest('{100,200,10,20}'::float8[]) AS s;
SELECT * FROM metrics('usual');
SELECT recorded('succeeded', '1 day', seconds => 50);
SELECT * FROM metrics('usual');
-- of short ones nothing is too short
SELECT count(recorded('succeeded', '1 day', E'o\'d"d \\ and\nlong', seconds => 0.1)) FROM generate_series(1, 5);
SELECT * FROM metrics('usual');
TRUNCATE bixarena.run;

--
-- Snapshots, and that the view says what bixarena_health() says
--

INSERT INTO arena.leaderboard (slug, name) VALUES ('paused', 'paused'), ('skipped', 'skipped'), ('fresh', 'fresh');
SELECT bixarena_configure('enabled', 'false', 'paused');
SELECT recorded('skipped', '1 hour', 'skipped');
INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT l.id, v, v, now() - CASE WHEN v = 'private' THEN interval '0' WHEN l.slug = 'fresh' THEN interval '1 hour'
	ELSE interval '60 hours' END
FROM arena.leaderboard AS l, unnest('{public,private}'::text[]) AS v WHERE l.name <> 'odd';
SELECT * FROM metrics('snapshot_');
SELECT recorded('failed', '1 hour'), recorded('queued', '2 hours'), recorded('running', '2 hours');
SELECT m.name, m.labels, m.value, h.status, h.figure
FROM bixarena.metrics AS m FULL JOIN bixarena_health() AS h
	ON h.check_name = m.labels ->> 'check' AND coalesce(h.leaderboard_id, '') = coalesce(m.labels ->> 'leaderboard', '')
WHERE (m.name = 'bixarena_health_status' OR m.name IS NULL)
	AND m.value IS DISTINCT FROM array_position('{ok,warning,critical}', h.status) - 1;
SELECT labels ->> 'check' AS check, value, count(*) FROM metrics('health') GROUP BY 1, 2 ORDER BY 1, 2;

-- two roles' jobs of the same name are one metric
CREATE SCHEMA cron;
CREATE TABLE cron.job (jobid bigint, schedule text, database text DEFAULT current_database(), active boolean, jobname text);
CREATE TABLE cron.job_run_details (jobid bigint, runid bigint, status text, return_message text, start_time timestamptz, end_time timestamptz);
INSERT INTO cron.job (jobid, schedule, active, jobname) VALUES (1, '0 2 * * *', true, 'bixarena_rank arena'),
	(2, '0 2 * * *', false, 'bixarena_rank arena'), (3, '0 2 * * *', true, 'bixarena_rank arena/fresh');
SELECT * FROM metrics('health') WHERE labels ->> 'check' = 'cron_job';
SELECT name, labels FROM bixarena.metrics GROUP BY 1, 2 HAVING count(*) > 1;
DROP SCHEMA cron CASCADE;

--
-- Several arenas, some of which are not well
--

SELECT bixarena_create_arena(a) FROM unnest('{second,broken,gone}'::text[]) AS a;
SELECT recorded('failed', '1 hour', arena => 'second'), recorded('failed', '1 hour', arena => 'broken'),
	recorded('failed', '1 hour', arena => 'gone');
DROP SCHEMA gone CASCADE;
ALTER TABLE broken.leaderboard_snapshot RENAME COLUMN visibility TO seen;
SELECT arena, count(*), count(DISTINCT name) AS names, max(value) FILTER (WHERE name = 'bixarena_arena_up') AS up,
	max(value) FILTER (WHERE name = 'bixarena_failed_runs') AS failed
FROM shown GROUP BY 1 ORDER BY 1;
SELECT * FROM metrics('', 'gone');
SELECT * FROM metrics('', 'broken');
-- whatever it is that fails
ALTER TABLE second.leaderboard RENAME TO leaderboard_table;
CREATE VIEW second.leaderboard AS
SELECT id, left(slug, 1 / (length(slug) - length('overall'))) AS slug, name FROM second.leaderboard_table;
SELECT * FROM metrics('up|health', 'second');
DROP VIEW second.leaderboard;
ALTER TABLE second.leaderboard_table RENAME TO leaderboard;
SELECT * FROM metrics('up', 'second');
-- but not if we are told to stop
BEGIN;
CREATE FUNCTION slow(slug text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN slug; END $$;
ALTER TABLE second.leaderboard RENAME TO leaderboard_table;
CREATE VIEW second.leaderboard AS SELECT id, public.slow(slug) AS slug, name FROM second.leaderboard_table;
SET LOCAL statement_timeout = '100ms';
SELECT count(*) FROM bixarena.metrics;
ROLLBACK;
-- a view that never ends costs its own arena its metrics, and no other
BEGIN;
ALTER TABLE second.leaderboard RENAME TO leaderboard_table;
CREATE VIEW second.leaderboard AS SELECT * FROM second.leaderboard_table
WHERE (SELECT count(*) FROM (SELECT generate_series(1, 1000000000000)) AS n) > 0;
SELECT m.labels ->> 'arena' AS arena, m.value FROM bixarena.metrics AS m WHERE m.name = 'bixarena_arena_up' ORDER BY 1;
ROLLBACK;
-- nothing is written, and nothing need be
BEGIN READ ONLY;
SELECT count(*) > 0 AS works FROM bixarena.metrics;
COMMIT;

--
-- Rights: those of the reader
--

CREATE ROLE regress_nobody;
CREATE ROLE regress_reader;
CREATE ROLE regress_operator;
CREATE ROLE regress_monitor;
SELECT bixarena_grant('regress_reader', 'reader', 'arena');
SELECT bixarena_grant('regress_operator', 'operator', 'arena');
SELECT bixarena_grant('regress_monitor', 'reader', a) FROM unnest('{arena,second}'::text[]) AS a;
GRANT SELECT ON bixarena.arena, bixarena.run, bixarena.metrics TO regress_monitor;
CREATE VIEW arenas WITH (security_invoker = true) AS
SELECT m.labels ->> 'arena' AS arena, count(*) > 20 AS many, bool_or(m.name = 'bixarena_arena_up' AND m.value = 1) AS up,
	max(value) FILTER (WHERE name = 'bixarena_failed_runs') AS failed
FROM bixarena.metrics AS m GROUP BY 1 ORDER BY 1;
GRANT SELECT ON arenas TO PUBLIC;
SET ROLE regress_nobody;
TABLE arenas;
SET ROLE regress_reader;
TABLE arenas;
SET ROLE regress_operator;
TABLE arenas;
SET ROLE regress_monitor;
TABLE arenas;
RESET ROLE;
-- a right that is missing
REVOKE SELECT ON second.leaderboard FROM regress_monitor;
SET ROLE regress_monitor;
TABLE arenas;
RESET ROLE;
REVOKE SELECT ON bixarena.run FROM regress_monitor;
SET ROLE regress_monitor;
TABLE arenas;
RESET ROLE;

-- a search_path of the reader's does not matter
CREATE SCHEMA "regress trap";
CREATE FUNCTION "regress trap".trap(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$;
CREATE OPERATOR "regress trap".= (FUNCTION = "regress trap".trap, LEFTARG = text, RIGHTARG = text);
SET search_path = "regress trap", pg_catalog;
SELECT count(*) > 0 AS works FROM bixarena.metrics;
RESET search_path;

-- in another schema
DROP VIEW shown, arenas;
DROP FUNCTION metrics, recorded;
DROP EXTENSION bixarena_rank;
CREATE SCHEMA "Other place";
CREATE EXTENSION bixarena_rank SCHEMA "Other place";
SELECT "Other place".bixarena_attach_arena('arena');
SELECT name, value FROM bixarena.metrics WHERE name ~ 'up|info' ORDER BY 1;

DROP EXTENSION bixarena_rank;
DROP SCHEMA arena, second, broken, "regress trap", "Other place" CASCADE;
DROP OWNED BY regress_reader, regress_operator, regress_monitor;
DROP ROLE regress_nobody, regress_reader, regress_operator, regress_monitor;
