-- The health of an arena: each status of each check.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT * FROM bixarena_health();


-- what is told does not depend on when and by whom it is asked
CREATE FUNCTION health(wanted text) RETURNS TABLE
	(leaderboard_id text, status text, figure double precision, unit text, message text)
LANGUAGE sql AS $$
	SELECT h.leaderboard_id, h.status, h.figure, h.unit,
		replace(regexp_replace(h.message, E'\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC', '<time>', 'g'),
			format('role "%s"', current_user), 'role "tester"')
	FROM bixarena_health() AS h WHERE h.check_name = wanted
$$;
CREATE FUNCTION recorded(status text, age interval, leaderboard text DEFAULT 'overall',
	duration interval DEFAULT '2 seconds', skip_reason text DEFAULT NULL, arena text DEFAULT 'arena')
RETURNS boolean LANGUAGE sql AS $$
	INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters,
		attempts, requested_at, started_at, ended_at, skip_reason)
	SELECT arena, leaderboard, status, 'scheduled', 'operator', '{}', 1, now() - age,
		CASE WHEN status <> 'queued' THEN now() - age END,
		CASE WHEN status NOT IN ('queued', 'running') THEN now() - age + duration END, skip_reason
	RETURNING true
$$;

-- an arena without leaderboards, runs or schedule
SELECT bixarena_create_arena('arena');
DELETE FROM arena.leaderboard;
SELECT check_name, (health(check_name)).* FROM bixarena_health();
SELECT count(*) FROM bixarena_health('arena');
SELECT * FROM bixarena_health('nowhere');

--
-- Runs
--

-- failed ones of 14 days: none of other arenas, or older, or not ended
SELECT recorded('failed', '15 days'), recorded('running', '1 hour'), recorded('succeeded', '1 hour'),
	recorded('failed', '1 hour', arena => 'other');
SELECT * FROM health('failed_runs');
SELECT recorded('failed', '1 hour', 'dropped');
SELECT * FROM health('failed_runs');
SELECT count(recorded('failed', '13 days')) FROM generate_series(1, 9);
SELECT * FROM health('failed_runs');
SELECT recorded('failed', '1 minute');
SELECT * FROM health('failed_runs');
TRUNCATE bixarena.run;

-- queued ones
SELECT recorded('queued', '9 minutes 40 seconds'), recorded('queued', '30 seconds', 'b'),
	recorded('queued', '1 day', arena => 'other'), recorded('running', '2 minutes');
SELECT leaderboard_id, status, round(figure) AS figure, unit, message FROM health('waiting_runs');
SELECT recorded('queued', '10 minutes 20 seconds', 'c');
SELECT leaderboard_id, status, round(figure) AS figure, unit, message FROM health('waiting_runs');
SELECT recorded('queued', '59 minutes 40 seconds', 'd');
SELECT status, message FROM health('waiting_runs');
SELECT recorded('queued', '60 minutes 20 seconds', 'e');
SELECT leaderboard_id, status, round(figure) AS figure, unit, message FROM health('waiting_runs');
TRUNCATE bixarena.run;

-- running ones, which nobody works at here
SELECT recorded('running', '1 hour', arena => 'other'), recorded('queued', '1 hour'), recorded('failed', '1 hour');
SELECT * FROM health('abandoned_runs');
SELECT recorded('running', '1 hour'), recorded('running', '1 second');
SELECT * FROM health('abandoned_runs');
-- whether a process is at them is asked of running ones only, however many have ended
BEGIN;
SET LOCAL track_functions = 'all';
INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters, attempts, started_at, ended_at)
SELECT 'arena', 'overall', 'succeeded', 'scheduled', current_user, '{}', 1, now(), now() FROM generate_series(1, 500);
SELECT * FROM health('abandoned_runs');
SELECT calls <= count(*) FILTER (WHERE r.status = 'running') AS of_no_other
FROM pg_stat_xact_user_functions AS f, bixarena.run AS r WHERE f.funcname = 'run_is_abandoned' GROUP BY calls;
ROLLBACK;
TRUNCATE bixarena.run;

-- the share of good ones in 30 days
SELECT recorded('failed', '31 days'), recorded('failed', '1 hour', arena => 'other'), recorded('running', '1 hour');
SELECT * FROM health('success_share');
SELECT count(recorded('succeeded', '29 days')) FROM generate_series(1, 10);
SELECT count(recorded('skipped', '1 hour')) FROM generate_series(1, 9);
SELECT * FROM health('success_share');
SELECT recorded('failed', '1 hour');
SELECT * FROM health('success_share');
SELECT recorded('failed', '1 hour');
SELECT * FROM health('success_share');
SELECT count(recorded('failed', '1 hour')) FROM generate_series(1, 2);
SELECT recorded('succeeded', '1 hour');
SELECT * FROM health('success_share');
SELECT recorded('failed', '1 hour');
SELECT * FROM health('success_share');
SELECT recorded('failed', '1 hour');
SELECT * FROM health('success_share');
TRUNCATE bixarena.run;

-- durations: a large leaderboard may take longer than a small one
SELECT count(recorded('succeeded', '29 days', 'small', '1 second')) FROM generate_series(1, 10);
SELECT count(recorded('succeeded', '29 days', 'large', '100 seconds')) FROM generate_series(1, 9);
SELECT count(recorded(status, age, 'small', '1000 seconds'))
FROM (VALUES ('failed', '1 hour'::interval), ('running', '1 hour'), ('skipped', '1 hour'), ('succeeded', '31 days')) AS v (status, age);
SELECT * FROM health('duration_spread');
SELECT recorded('succeeded', '1 hour', 'small', '100 seconds');
SELECT * FROM health('duration_spread');
SELECT recorded('succeeded', '1 hour', 'large', '400 seconds'), recorded('succeeded', '1 hour', 'large', '400 seconds');
SELECT * FROM health('duration_spread');
SELECT recorded('succeeded', '1 hour', 'large', '550 seconds'), recorded('succeeded', '1 hour', 'large', '550 seconds');
SELECT * FROM health('duration_spread');
-- no time at all is no measure
SELECT count(recorded('succeeded', '1 hour', 'instant', '0')) FROM generate_series(1, 50);
SELECT * FROM health('duration_spread');
TRUNCATE bixarena.run;

--
-- The job of pg_cron, of which this is the likeness: what we read of its tables,
-- as of 1.4 to 1.6
--

CREATE SCHEMA cron;
SELECT * FROM health('cron_job');
CREATE TABLE cron.job (
	jobid bigint PRIMARY KEY,
	schedule text NOT NULL,
	command text NOT NULL DEFAULT 'CALL public.bixarena_generate_snapshots()',
	nodename text NOT NULL DEFAULT 'localhost',
	nodeport int NOT NULL DEFAULT 5432,
	database text NOT NULL DEFAULT current_database(),
	username text NOT NULL DEFAULT current_user,
	active boolean NOT NULL DEFAULT true,
	jobname text
);
SELECT * FROM health('cron_job');
CREATE TABLE cron.job_run_details (
	jobid bigint,
	runid bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	job_pid integer,
	database text,
	username text,
	command text,
	status text,
	return_message text,
	start_time timestamptz,
	end_time timestamptz
);
SELECT * FROM health('cron_job');
-- jobs of others are not ours
INSERT INTO cron.job (jobid, jobname, schedule, database) VALUES
	(1, NULL, '0 1 * * *', DEFAULT), (2, 'bixarena_rank', '0 1 * * *', DEFAULT),
	(3, 'bixarena_rank arena2', '0 1 * * *', DEFAULT), (4, 'bixarena_rank arena', '0 1 * * *', 'elsewhere');
SELECT * FROM health('cron_job');
INSERT INTO cron.job (jobid, jobname, schedule) VALUES (5, 'bixarena_rank arena', '0 2 * * *');
SELECT * FROM health('cron_job');
-- a run that has only begun tells nothing yet
INSERT INTO cron.job_run_details (jobid, status, return_message, start_time, end_time) VALUES
	(4, 'failed', 'of another job', now(), now()),
	(5, 'failed', 'long ago', now() - interval '2 days', now() - interval '2 days'),
	(5, 'succeeded', 'CALL', now() - interval '24 hours', now() - interval '24 hours'),
	(5, 'running', NULL, now(), NULL);
SELECT * FROM health('cron_job');
INSERT INTO cron.job_run_details (jobid, status, return_message, start_time, end_time) VALUES
	(5, 'failed', E'ERROR:  1 of 2 leaderboards failed\n' || repeat('x', 500), now(), NULL);
SELECT * FROM health('cron_job');
-- one of a leaderboard, not active
INSERT INTO cron.job (jobid, jobname, schedule, active) VALUES (6, 'bixarena_rank arena/code', '0 3 * * *', false);
INSERT INTO cron.job_run_details (jobid, status) VALUES (5, 'succeeded'), (6, 'failed');
SELECT * FROM health('cron_job');
DELETE FROM cron.job_run_details WHERE jobid = 6;
SELECT * FROM health('cron_job');
-- tables that a role made which is no superuser are not read
CREATE ROLE stranger;
ALTER TABLE cron.job_run_details OWNER TO stranger;
SELECT * FROM health('cron_job');
ALTER TABLE cron.job_run_details OWNER TO CURRENT_USER;
DELETE FROM cron.job;

--
-- The age of snapshots
--

INSERT INTO arena.leaderboard (slug, name) VALUES ('overall', 'Overall'), ('code', 'Code'), ('math', 'Math');
CREATE FUNCTION published(leaderboard text, age interval, visibility text DEFAULT 'public') RETURNS void LANGUAGE sql AS $$
	DELETE FROM arena.leaderboard_snapshot AS s USING arena.leaderboard AS l
	WHERE l.id = s.leaderboard_id AND l.slug = leaderboard AND s.visibility = published.visibility;
	INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
	SELECT l.id, visibility, visibility, now() - age FROM arena.leaderboard AS l WHERE l.slug = leaderboard
$$;
-- no schedule
SELECT * FROM health('snapshot_age');
SELECT published('overall', '47 hours'), published('code', '49 hours'), published('math', '1 hour', 'private');
SELECT * FROM health('snapshot_age');
-- one that cannot be read is none
INSERT INTO cron.job (jobid, jobname, schedule) VALUES (7, 'bixarena_rank arena', 'now and then');
SELECT * FROM health('snapshot_age');
DELETE FROM cron.job;
-- paused, and skipped
SELECT bixarena_configure('enabled', 'no', 'code');
SELECT recorded('skipped', '1 hour', 'math', skip_reason => 'no battles'), recorded('succeeded', '3 days', 'math');
SELECT * FROM health('snapshot_age');
SELECT bixarena_configure('enabled', 'false'), bixarena_configure('enabled', 'true', 'code');
SELECT * FROM health('snapshot_age');
SELECT bixarena_configure('enabled', NULL), bixarena_configure('enabled', NULL, 'code');
TRUNCATE bixarena.run;
-- every day, and the last time three hours ago
CREATE FUNCTION daily(age interval) RETURNS text LANGUAGE sql AS
	$$SELECT to_char((now() - age) AT TIME ZONE 'UTC', 'FMMI FMHH24 * * *')$$;
INSERT INTO cron.job (jobid, jobname, schedule) VALUES (8, 'bixarena_rank arena', daily('3 hours'));
SELECT published('overall', '2 hours'), published('code', '4 hours'), published('math', '28 hours');
SELECT * FROM health('snapshot_age');
-- skipped since then is well; before, or followed by a failure, is not
SELECT recorded('skipped', '2 hours', 'code', skip_reason => '7 battles, 30 needed'), recorded('skipped', '4 hours', 'math');
SELECT * FROM health('snapshot_age');
SELECT recorded('failed', '1 hour', 'code'), recorded('skipped', '2 hours', 'math');
SELECT * FROM health('snapshot_age');
-- paused
SELECT bixarena_configure('enabled', 'false', 'code');
SELECT leaderboard_id, status, message FROM health('snapshot_age');
SELECT bixarena_configure('enabled', NULL, 'code');
TRUNCATE bixarena.run;
-- what has just become due is given an hour
UPDATE cron.job SET schedule = daily('30 minutes');
SELECT published('overall', '25 hours'), published('code', '24 hours'), published('math', '49 hours');
SELECT * FROM health('snapshot_age');
-- a job that is not active does not count, and that of a leaderboard counts for it alone
UPDATE cron.job SET schedule = daily('3 hours'), active = false;
INSERT INTO cron.job (jobid, jobname, schedule) VALUES (9, 'bixarena_rank arena/code', daily('2 hours'));
SELECT published('overall', '20 hours'), published('code', '20 hours');
SELECT * FROM health('snapshot_age');
-- both: due when either is
UPDATE cron.job SET active = true;
SELECT published('code', '2 hours 30 minutes');
SELECT * FROM health('snapshot_age');
SELECT published('code', '3 hours 30 minutes');
SELECT * FROM health('snapshot_age');

-- a snapshot of no time has no age
INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT id, 'of no time', 'public', 'infinity' FROM arena.leaderboard WHERE slug = 'code';
SELECT * FROM health('snapshot_age');
SELECT count(*) FROM bixarena.metrics WHERE name ~ 'snapshot' AND labels ->> 'leaderboard' = 'code';
SELECT length(bixarena_report('code')) > 0 AS reported, length(bixarena_runs_report()) > 0 AS operated;
DELETE FROM arena.leaderboard_snapshot WHERE snapshot_identifier = 'of no time';

--
-- Rights: those of the caller
--

CREATE ROLE visitor;
SET ROLE visitor;
\set VERBOSITY terse
SELECT * FROM bixarena_health();
\set VERBOSITY default
RESET ROLE;
GRANT USAGE ON SCHEMA arena TO visitor;
GRANT SELECT ON ALL TABLES IN SCHEMA arena TO visitor;
SET ROLE visitor;
SELECT * FROM bixarena_health();
RESET ROLE;
GRANT SELECT ON bixarena.run TO visitor;
SET ROLE visitor;
SELECT check_name, leaderboard_id, status FROM bixarena_health();
SELECT message FROM bixarena_health() WHERE check_name = 'cron_job';
RESET ROLE;
GRANT USAGE ON SCHEMA cron TO visitor;
SET ROLE visitor;
SELECT status, message FROM bixarena_health() WHERE check_name = 'cron_job';
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA cron TO visitor;
SET ROLE visitor;
SELECT status, message FROM bixarena_health() WHERE check_name = 'cron_job';
RESET ROLE;

SET client_min_messages = warning;
DROP OWNED BY visitor;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena, cron CASCADE;
DROP FUNCTION health, recorded, published, daily;
DROP ROLE visitor, stranger;
