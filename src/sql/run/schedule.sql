/*
 * Schedules, kept by pg_cron.  Its functions are called with the caller's rights
 * and its tables never written.
 *
 * First what a schedule says.  A cron expression is five fields: minute, hour,
 * day of the month, month, day of the week.  It is read as pg_cron reads it, to
 * tell when a run was due and when the next one is.
 */

CREATE TYPE bixarena.cron_times AS (
	minutes integer[],
	hours integer[],
	days integer[],
	last_day boolean,
	months integer[],
	weekdays integer[],
	either boolean,
	seconds integer
);
COMMENT ON TYPE bixarena.cron_times IS 'what a schedule says';
COMMENT ON COLUMN bixarena.cron_times.last_day IS 'on the last day of the month, too';
COMMENT ON COLUMN bixarena.cron_times.weekdays IS '0 is Sunday';
COMMENT ON COLUMN bixarena.cron_times.either IS
	'the day of the month or that of the week will do; else both are needed';
COMMENT ON COLUMN bixarena.cron_times.seconds IS
	'every so many seconds; then all else is null';

CREATE FUNCTION bixarena.cron_field(
	field text,
	lowest integer,
	highest integer,
	names text[] DEFAULT '{}')
RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	part text;
	-- of "*/step", "first" or "first-last/step"
	words text[];
	first integer;
	last integer;
	step integer;
	found integer[] := '{}';
BEGIN
	FOREACH part IN ARRAY string_to_array(lower(field COLLATE "C"), ',') LOOP
		words := regexp_match(part,
			'^(?:([*])|([0-9]{1,4}|[a-z]+)(?:-([0-9]{1,4}|[a-z]+))?)(?:/([0-9]{1,4}))?$');
		IF words[1] IS NOT NULL THEN
			first := lowest;
			last := highest;
		ELSE
			first := coalesce(lowest - 1 + array_position(names, words[2]),
				substring(words[2] FROM '^[0-9]+$')::integer);
			last := CASE WHEN words[3] IS NULL THEN first ELSE
				coalesce(lowest - 1 + array_position(names, words[3]),
					substring(words[3] FROM '^[0-9]+$')::integer) END;
		END IF;
		step := coalesce(words[4]::integer, 1);
		IF (first >= lowest AND last BETWEEN first AND highest
				AND step BETWEEN 1 AND highest) IS NOT TRUE
			-- a step goes with a range
			OR num_nulls(words[1], words[3]) = 2 AND words[4] IS NOT NULL THEN
			RETURN NULL;
		END IF;
		found := found || ARRAY(SELECT generate_series(first, last, step));
	END LOOP;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.cron_field(text, integer, integer, text[]) IS
	'the values that a field of a cron expression stands for, null if it cannot be read';

CREATE FUNCTION bixarena.read_schedule(schedule text)
RETURNS bixarena.cron_times
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	fields text[] := regexp_split_to_array(btrim(schedule, E' \t\n'), E'[ \t]+');
	times bixarena.cron_times;
BEGIN
	times.seconds := substring(schedule FROM
		'^[[:space:]]*0*([1-9]|[1-5][0-9])[[:space:]]*[sS][eE][cC][oO][nN][dD][sS]?[[:space:]]*$')::integer;
	IF times.seconds IS NOT NULL THEN
		RETURN times;
	END IF;

	IF fields[1] ~ '^@' THEN
		fields := string_to_array(CASE substr(fields[1], 2)
			WHEN 'hourly' THEN '0 * * * *'
			WHEN 'daily' THEN '0 0 * * *'
			WHEN 'midnight' THEN '0 0 * * *'
			WHEN 'weekly' THEN '0 0 * * 0'
			WHEN 'monthly' THEN '0 0 1 * *'
			WHEN 'yearly' THEN '0 0 1 1 *'
			WHEN 'annually' THEN '0 0 1 1 *'
			END, ' ');
	END IF;
	-- like pg_cron, do not mind what follows the fifth field
	times.minutes := bixarena.cron_field(fields[1], 0, 59);
	times.hours := bixarena.cron_field(fields[2], 0, 23);
	times.last_day := fields[3] = '$';
	times.days := CASE WHEN times.last_day THEN '{}'
		ELSE bixarena.cron_field(fields[3], 1, 31) END;
	times.months := bixarena.cron_field(fields[4], 1, 12,
		'{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
	times.weekdays := bixarena.cron_field(fields[5], 0, 7,
		'{sun,mon,tue,wed,thu,fri,sat}');
	-- Sunday is 7, too
	IF 7 = ANY (times.weekdays) THEN
		times.weekdays := times.weekdays || 0;
	END IF;
	-- as cron has it: a field with a star, even "*/2", does not widen the other
	times.either := fields[3] !~ '^[*]' AND fields[5] !~ '^[*]';
	IF num_nulls(times.minutes, times.hours, times.days, times.months,
			times.weekdays) > 0 THEN
		RETURN NULL;
	END IF;
	RETURN times;
END
$$;
COMMENT ON FUNCTION bixarena.read_schedule(text) IS
	'what a schedule says, null if it cannot be read or names no times';

CREATE FUNCTION bixarena.cron_search(schedule text, moment timestamptz, forward boolean)
RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	times bixarena.cron_times := bixarena.read_schedule(schedule);
	start timestamp := moment AT TIME ZONE 'GMT';
	period interval := make_interval(secs => times.seconds);
	day date;
	in_month boolean;
	in_week boolean;
	found timestamp;
BEGIN
	IF times IS NULL OR NOT isfinite(moment) THEN
		RETURN NULL;
	END IF;
	IF period IS NOT NULL THEN
		found := date_bin(period, start, timestamp '1970-01-01');
		RETURN CASE WHEN forward THEN found + period ELSE found END
			AT TIME ZONE 'GMT';
	END IF;

	FOR distance IN 0..366 LOOP
		day := start::date + CASE WHEN forward THEN distance ELSE -distance END;
		CONTINUE WHEN extract(month FROM day) <> ALL (times.months);
		in_month := extract(day FROM day) = ANY (times.days)
			OR times.last_day AND extract(day FROM day + 1) = 1;
		in_week := extract(dow FROM day) = ANY (times.weekdays);
		CONTINUE WHEN NOT (in_month AND in_week
			OR times.either AND (in_month OR in_week));

		SELECT CASE WHEN forward THEN min(t) FILTER (WHERE t > start)
			ELSE max(t) FILTER (WHERE t <= start) END
		INTO found
		FROM unnest(times.hours) AS h, unnest(times.minutes) AS m,
			LATERAL (VALUES (day + make_interval(hours => h, mins => m))) AS v (t);
		IF found IS NOT NULL THEN
			RETURN found AT TIME ZONE 'GMT';
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION bixarena.cron_search(text, timestamptz, boolean) IS
	'the time at which a schedule is due that is nearest to a moment, after it or not';

CREATE FUNCTION bixarena.cron_due(schedule text, moment timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.cron_search(schedule, moment, false)
$$;
COMMENT ON FUNCTION bixarena.cron_due(text, timestamptz) IS
	'when a schedule was due last, in GMT, at a moment or before it; null: not within 366 days';

CREATE FUNCTION bixarena.cron_next(schedule text, moment timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT bixarena.cron_search(schedule, moment, true)
$$;
COMMENT ON FUNCTION bixarena.cron_next(text, timestamptz) IS
	'when a schedule is due next, in GMT, after a moment; null: not within 366 days';

/*
 * The jobs.  pg_cron knows a job by its name and its role, whatever database it
 * is for, so a job kept in another database bears that of ours in its name.
 */

CREATE FUNCTION bixarena.cron_database()
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_cron_database'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.cron_database() IS
	'the database of pg_cron''s jobs, null if the server has not loaded pg_cron; empty: another one, and the caller may not see which';

CREATE FUNCTION bixarena.job_name(arena text, leaderboard_id text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	elsewhere text := CASE WHEN current_database() <> bixarena.cron_database()
		THEN current_database() END;
	plain text := 'bixarena_rank ' || arena || coalesce('/' || leaderboard_id, '')
		|| coalesce(' in ' || elsewhere, '');
BEGIN
	-- older versions of pg_cron cut names off after 63 bytes, and no two jobs
	-- may be called the same: what could be is told apart by a hash
	IF octet_length(plain) > 63 OR arena ~ '/| in ' OR leaderboard_id ~ ' in ' THEN
		RETURN 'bixarena_rank ' || md5(format('%L/%L/%L', arena, leaderboard_id, elsewhere));
	END IF;
	RETURN plain;
END
$$;
COMMENT ON FUNCTION bixarena.job_name(text, text) IS
	'name of the pg_cron job of an arena, or of one leaderboard alone';

CREATE FUNCTION bixarena.job_command(arena text, leaderboard_id text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('CALL %I.bixarena_generate_snapshots(arena => %L, '
			'%strigger_source => ''scheduled'', triggered_by => ''pg_cron'')',
		n.nspname, arena, 'leaderboard_id => ' || quote_literal(leaderboard_id) || ', ')
	FROM pg_extension AS e
	JOIN pg_namespace AS n ON n.oid = e.extnamespace
	WHERE e.extname = 'bixarena_rank'
$$;
COMMENT ON FUNCTION bixarena.job_command(text, text) IS
	'what the pg_cron job of an arena, or of one leaderboard alone, does';

CREATE FUNCTION bixarena.cron_setup()
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	libraries text;
BEGIN
	-- a server does not start where a library that it is to load is missing
	IF NOT EXISTS (SELECT FROM pg_available_extensions AS e WHERE e.name = 'pg_cron') THEN
		RETURN format('Install the package of pg_cron first, on Debian by'
				' apt-get install postgresql-%s-cron; then call this function again,'
				' and its hint is what comes next.',
			current_setting('server_version_num')::integer / 10000);
	END IF;
	IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RETURN 'A superuser who calls this function is told the statements that set pg_cron up.';
	END IF;
	-- a list's items must be given one by one, or they become a single name
	SELECT string_agg(quote_literal(replace(btrim(l.item[1], '"'), '""', '"')), ', ')
	INTO libraries
	FROM regexp_matches(current_setting('shared_preload_libraries'),
		'("(?:[^"]|"")+"|[^", ]+)', 'g') AS l (item);
	-- a server knows no parameter of a library that it has not loaded, unless
	-- the session has set it; without background workers, pg_cron connects to
	-- localhost, where it is asked for a password
	RETURN format(E'ALTER SYSTEM SET shared_preload_libraries = %s;\n'
			'SET cron.database_name = %2$L;\n'
			'ALTER SYSTEM SET cron.database_name = %2$L;\n'
			'SET cron.use_background_workers = on;\n'
			'ALTER SYSTEM SET cron.use_background_workers = on;\n'
			'-- restart the server, then\n'
			'CREATE EXTENSION pg_cron;',
		concat_ws(', ', libraries, '''pg_cron'''), current_database());
END
$$;
COMMENT ON FUNCTION bixarena.cron_setup() IS
	'what makes this database that of pg_cron''s jobs: a package, then statements';

CREATE FUNCTION bixarena.check_cron(statement text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	there text := bixarena.cron_database();
BEGIN
	IF there IS NULL THEN
		RAISE EXCEPTION 'the server has not loaded pg_cron'
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'pg_cron keeps the schedules, and is loaded when the server starts.',
				HINT = bixarena.cron_setup();
	END IF;
	IF there <> current_database() THEN
		RAISE EXCEPTION 'pg_cron cannot be used from database "%"', current_database()
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('Its jobs are in %s; there a superuser can do the same by what the hint says.',
					coalesce(format('database "%s"', nullif(there, '')), 'another database')),
				HINT = statement;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_extension AS e WHERE e.extname = 'pg_cron') THEN
		RAISE EXCEPTION 'the extension pg_cron is missing in database "%"', there
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'The server has loaded it for this database.',
				HINT = 'CREATE EXTENSION pg_cron;';
	END IF;
	IF NOT has_schema_privilege('cron', 'USAGE') THEN
		RAISE EXCEPTION 'permission denied for schema cron'
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'pg_cron''s functions are there.',
				HINT = format('GRANT USAGE ON SCHEMA cron TO %I;', current_user);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.check_cron(text) IS
	'an error unless pg_cron can be used here; where it lives elsewhere, the hint is what to run there';

CREATE FUNCTION bixarena_schedule(
	schedule text DEFAULT '0 2 * * *',
	arena text DEFAULT NULL,
	leaderboard_id text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.resolve_arena(arena);
	job text := bixarena.job_name(found_arena, leaderboard_id);
	command text := bixarena.job_command(found_arena, leaderboard_id);
	other_role text;
BEGIN
	IF schedule IS NULL THEN
		RAISE EXCEPTION 'schedule must not be null'
			USING ERRCODE = 'null_value_not_allowed',
				HINT = 'bixarena_unschedule() removes a schedule.';
	END IF;
	-- an error if there is none
	PERFORM bixarena.find_leaderboard(leaderboard_id, found_arena)
	WHERE leaderboard_id IS NOT NULL;
	IF NOT (SELECT r.rolcanlogin FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RAISE EXCEPTION 'role "%" cannot log in', current_user
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'pg_cron runs a job by logging in as the role that scheduled it.',
				HINT = format('Schedule it as another role, or ALTER ROLE %I LOGIN.', current_user);
	END IF;
	-- where pg_cron is elsewhere, it cannot be asked
	IF bixarena.cron_database() <> current_database()
		AND bixarena.read_schedule(schedule) IS NULL THEN
		RAISE EXCEPTION 'invalid schedule: %', schedule
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A schedule is a cron expression, such as 0 2 * * *.';
	END IF;
	PERFORM bixarena.check_cron(format(
		E'CREATE EXTENSION IF NOT EXISTS pg_cron;\n'
		'SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
		job, schedule, command, current_database(), current_user));

	-- superusers see it, and would make a second one
	SELECT j.username INTO other_role
	FROM cron.job AS j
	WHERE j.jobname::text = job AND j.database = current_database()
		AND j.username <> current_user
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION 'job "%" belongs to role "%"', job, other_role
			USING ERRCODE = 'duplicate_object',
				HINT = format('SET ROLE %I to change it, or remove it first with bixarena_unschedule().', other_role);
	END IF;

	PERFORM cron.schedule(job, schedule, command);
	RETURN job;
END
$$;
COMMENT ON FUNCTION bixarena_schedule(text, text, text) IS
	'make snapshots of an arena, or of one leaderboard, on a schedule';
-- it makes jobs
REVOKE ALL ON FUNCTION bixarena_schedule(text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.tell_schedules(arena text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	prefix text := bixarena.job_name(arena, NULL) || '/';
	boards text[];
	schedules text[];
BEGIN
	-- of an arena that is gone, or whose leaderboards the caller may not read,
	-- the names of jobs tell all but the odd ones
	IF EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
			WHERE n.nspname = arena AND c.relname = 'leaderboard'
				AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) THEN
		SELECT array_agg(j.leaderboard), array_agg(j.schedule) INTO boards, schedules
		FROM bixarena.cron_jobs(arena) AS j
		WHERE j.leaderboard IS NOT NULL AND j.active;
	ELSE
		SELECT array_agg(substr(j.jobname::text, length(prefix) + 1)), array_agg(j.schedule)
		INTO boards, schedules
		FROM cron.job AS j
		WHERE starts_with(j.jobname::text, prefix) AND j.database = current_database()
			AND j.active;
	END IF;
	IF boards IS NULL THEN
		RETURN;
	END IF;
	RAISE NOTICE 'schedules of leaderboards go on: %',
		(SELECT string_agg(format('%s (%s)', b.slug, b.schedule), ', ' ORDER BY b.slug COLLATE "C")
			FROM unnest(boards, schedules) AS b (slug, schedule))
		USING HINT = (SELECT string_agg(format('SELECT %I.bixarena_unschedule(%L, %L);',
				n.nspname, arena, b.slug), E'\n' ORDER BY b.slug COLLATE "C")
			FROM unnest(boards) AS b (slug), pg_extension AS e
			JOIN pg_namespace AS n ON n.oid = e.extnamespace
			WHERE e.extname = 'bixarena_rank');
END
$$;
COMMENT ON FUNCTION bixarena.tell_schedules(text) IS
	'a notice of the leaderboards of an arena that have a schedule of their own';

CREATE FUNCTION bixarena_unschedule(
	arena text DEFAULT NULL,
	leaderboard_id text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- one that is named may be gone already
	found_arena text := coalesce(arena, bixarena.resolve_arena(NULL));
	job text := bixarena.job_name(found_arena, leaderboard_id);
	num_jobs integer;
BEGIN
	PERFORM bixarena.check_cron(format(
		'SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = %L AND database = %L;',
		job, current_database()));

	SELECT count(cron.unschedule(j.jobid)) INTO num_jobs
	FROM cron.job AS j
	WHERE j.jobname::text = job AND j.database = current_database();
	IF leaderboard_id IS NULL THEN
		PERFORM bixarena.tell_schedules(found_arena);
	END IF;
	IF num_jobs = 0 THEN
		RAISE EXCEPTION 'there is no job "%"', job
			USING ERRCODE = 'undefined_object',
				DETAIL = 'If there is, it belongs to another role.',
				HINT = 'SELECT jobname, schedule, command FROM cron.job;';
	END IF;
	RETURN job;
END
$$;
COMMENT ON FUNCTION bixarena_unschedule(text, text) IS
	'end the schedule of an arena, or of one leaderboard';
-- it removes jobs
REVOKE ALL ON FUNCTION bixarena_unschedule(text, text) FROM PUBLIC;


