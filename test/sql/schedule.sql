-- Schedules: when one is due, what its job is called and does, and what there is
-- to be told where pg_cron has not been loaded.  Those with pg_cron are in
-- test/t/002_schedule.pl.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE EXTENSION bixarena_rank;

--
-- When it is due
--

-- at a moment, or before it: the moment is a Friday
CREATE FUNCTION due(schedule text, moment timestamptz DEFAULT '2026-01-09 12:34:56.789Z')
RETURNS TABLE (was text, is_next text) LANGUAGE sql AS $$
	SELECT to_char(bixarena.cron_time(schedule, moment, false), 'Dy YYYY-MM-DD HH24:MI:SS'),
		to_char(bixarena.cron_time(schedule, moment, true), 'Dy YYYY-MM-DD HH24:MI:SS')
$$;
SELECT s AS schedule, d.*
FROM unnest(ARRAY['* * * * *', '0 2 * * *', '0 2,14 * * *', '*/15 * * * *',
	'5-50/20 * * * *', '30 9-17/4 * * *', '0 0 1 * *', '0 0 31 * *', '0 0 * * 0',
	'0 0 * * 7', '0 0 * * 5-7', '0 0 * * fri', '0 0 * * Mon,WED-Thu', '0 0 1 Jan *',
	'0 0 1 feb-APR,12 *', '0 0 10 1 *', '34 12 9 1 *', '35 12 9 1 *',
	-- the day of the month or that of the week, if neither has a star
	'0 0 13 * 5', '0 0 13,14 * mon', '0 0 * * mon', '0 0 13 * *', '0 0 1-31 * mon',
	-- "*/2" counts as a star: odd days that are Mondays
	'0 0 */2 * mon', '0 0 1-31/2 * mon', '0 0 13 * */3',
	-- the last day of the month
	'0 6 $ * *', '0 6 $ 2 *', '0 6 $ * mon',
	'@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually',
	'1 seconds', '45 SECONDS', '59 second', E' \t0  2\t* * *  ', '00 02 * * *',
	'0 2 * * * and more']) AS s, LATERAL due(s) AS d;
-- exactly at the moment is due, and not next
SELECT m AS moment, d.* FROM unnest(ARRAY['2026-01-09 01:59:59.999999Z', '2026-01-09 02:00Z',
	'2026-01-09 02:00:00.000001Z']::timestamptz[]) AS m, LATERAL due('0 2 * * *', m) AS d;
-- the 29th of February, and the last day of February
SELECT m AS moment, d.* FROM unnest(ARRAY['2028-02-28', '2028-02-29', '2028-03-01', '2029-02-27',
	'2029-03-01', '2026-07-01']::timestamptz[]) AS m, LATERAL due('0 0 29 2 *', m) AS d;
SELECT m AS moment, d.* FROM unnest(ARRAY['2028-02-28 07:00', '2028-02-29 07:00',
	'2100-02-28 05:00']::timestamptz[]) AS m, LATERAL due('0 6 $ 2 *', m) AS d;
-- GMT, whatever the session's time zone and its summer time
SET timezone = 'America/New_York';
SELECT extract(epoch FROM bixarena.cron_time('30 2 * * *', '2026-03-08 12:00Z', false)) - extract(epoch FROM '2026-03-08 02:30Z'::timestamptz) AS due,
	extract(epoch FROM bixarena.cron_time('30 2 * * *', '2026-03-08 12:00Z', true)) - extract(epoch FROM '2026-03-09 02:30Z'::timestamptz) AS next,
	bixarena.cron_time('30 6 * * *', '2026-11-01 05:00Z', true) - '2026-11-01 06:30Z' AS autumn;
SET timezone = 'UTC';
-- all of a day's minutes, one after the other
WITH RECURSIVE run (moment, n) AS (
	VALUES ('2028-02-28 23:00Z'::timestamptz, 0)
	UNION ALL
	SELECT bixarena.cron_time('*/7 22-23 28-29 2,3 *', moment, true), n + 1 FROM run WHERE n < 30
)
SELECT count(*), min(moment), max(moment),
	bool_and(bixarena.cron_time('*/7 22-23 28-29 2,3 *', moment, false) = moment) FILTER (WHERE n > 0) AS due,
	count(DISTINCT moment) AS different
FROM run;

-- what cannot be read, or is never due
SELECT s AS schedule, d.*
FROM unnest(ARRAY['', ' ', '* * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *',
	'* * * 0 *', '* * * 13 *', '* * * * 8', '-1 * * * *', '5/2 * * * *', '*/0 * * * *',
	'*/60 * * * *', '5-3 * * * *', '1,,2 * * * *', '1, * * * *', '1-2-3 * * * *', 'jan * * * *',
	'* * * sun *', '* * * january *', '* * * * sun-', '1.5 * * * *', '99999999999 * * * *',
	'$ * * * *', '* * $,1 * *', '@never', '@Daily', '@reboot', '0 seconds', '60 seconds',
	'x seconds', '5 seconds more', '5 minutes', 'every day', '0 0 30 2 *', '0 0 31 4,6,9,11 *'])
	AS s, LATERAL due(s) AS d
WHERE num_nonnulls(d.was, d.is_next) > 0;
SELECT bixarena.cron_time(NULL, now(), false), bixarena.cron_time('* * * * *', NULL, true),
	bixarena.cron_time('* * * * *', 'infinity', false), bixarena.cron_time('* * * * *', '-infinity', true);
SELECT proname, provolatile, proparallel FROM pg_proc
WHERE proname = 'cron_time';

--
-- The job
--

SELECT bixarena_create_arena('arena');
SELECT bixarena_create_arena(E'It''s "odd" \\ %s');
SELECT bixarena.cron_job_command('arena', NULL);
SELECT bixarena.cron_job_command('arena', 'overall');
SELECT bixarena.cron_job_command(E'It''s "odd" \\ %s', 'it''s');
-- no two are called the same, and none has a name that pg_cron would cut off
SELECT count(*), count(DISTINCT name), max(octet_length(name)) <= 63 AS fits
FROM (SELECT bixarena.cron_job_name(a, l) FROM unnest(ARRAY['a', 'a/b', 'a/b/c', 'b', repeat('ä', 31), repeat('x', 63)]) AS a,
	unnest(ARRAY[NULL, 'b', 'b/c', 'c', 'c in d', repeat('y', 90), repeat('y', 91)]) AS l) AS n (name);

--
-- Without pg_cron
--

-- what hints say depends on what is installed; test/t/031_hints.pl follows them
\set VERBOSITY terse
SELECT bixarena.cron_database();
SELECT bixarena_schedule(arena => 'arena');
SELECT bixarena_schedule('0 4 * * *', 'arena', 'overall');
SELECT bixarena_unschedule('arena');
SELECT bixarena_unschedule('gone', 'overall');
-- a parameter alone is no pg_cron
SET cron.database_name = 'contrib_regression';
SELECT bixarena.cron_database();
RESET cron.database_name;
\set VERBOSITY default

-- what is wrong in itself comes first
SELECT bixarena_schedule();
SELECT bixarena_unschedule();
SELECT bixarena_schedule(NULL, 'arena');
SELECT bixarena_schedule(arena => 'elsewhere');
SELECT bixarena_schedule('0 2 * * *', 'arena', 'no such');
CREATE ROLE regress_shadow;
GRANT EXECUTE ON FUNCTION bixarena_schedule TO regress_shadow;
SET ROLE regress_shadow;
SELECT bixarena_schedule(arena => 'arena');
RESET ROLE;
-- who may not see what is preloaded
ALTER ROLE regress_shadow LOGIN;
SET ROLE regress_shadow;
\set VERBOSITY terse
SELECT bixarena_schedule(arena => 'arena');
\set VERBOSITY default
SELECT bixarena_unschedule('arena');
RESET ROLE;

DROP FUNCTION due;
DROP EXTENSION bixarena_rank;
DROP SCHEMA arena, "It's ""odd"" \ %s" CASCADE;
DROP ROLE regress_shadow;
