/*
 * Schedules, kept by pg_cron.  Its functions are called with the caller's rights
 * and its tables never written.
 *
 * pg_cron knows a job by its name and its role, whatever database it
 * is for, so a job kept in another database bears that of ours in its name.
 */

CREATE FUNCTION bixarena.cron_database()
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_cron_database'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.cron_database() IS
	'the database of pg_cron''s jobs, null if the server has not loaded pg_cron; empty: another one, and the caller may not see which';

CREATE FUNCTION bixarena.cron_job_name(arena text, leaderboard_id text)
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
COMMENT ON FUNCTION bixarena.cron_job_name(text, text) IS
	'name of the pg_cron job of an arena, or of one leaderboard alone';

CREATE FUNCTION bixarena.cron_job_command(arena text, leaderboard_id text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('CALL %s.bixarena_generate_snapshots(arena => %L, '
			'%strigger_source => ''scheduled'', triggered_by => ''pg_cron'')',
		bixarena.interface_schema(), arena, 'leaderboard_id => ' || quote_literal(leaderboard_id) || ', ')
$$;
COMMENT ON FUNCTION bixarena.cron_job_command(text, text) IS
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

CREATE FUNCTION bixarena.cron_check(statement text)
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
					coalesce('database "' || nullif(there, '') || '"', 'another database')),
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
COMMENT ON FUNCTION bixarena.cron_check(text) IS
	'an error unless pg_cron can be used here; where it lives elsewhere, the hint is what to run there';

/*
 * What pg_cron knows of an arena.
 */

CREATE FUNCTION bixarena.cron_can_read()
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- a superuser's tables only: reading what another role has made could run
	-- its code as the caller
	RETURN (SELECT count(*) = 2
		FROM pg_namespace AS n
		JOIN pg_class AS c ON c.relnamespace = n.oid
		JOIN pg_roles AS o ON o.oid = c.relowner
		WHERE n.nspname = 'cron' AND c.relname IN ('job', 'job_run_details')
			AND c.relkind = 'r' AND o.rolsuper
			AND has_schema_privilege(n.oid, 'USAGE')
			AND has_table_privilege(c.oid, 'SELECT'));
END
$$;
COMMENT ON FUNCTION bixarena.cron_can_read() IS
	'is pg_cron in this database, and may the caller read its tables?';

CREATE FUNCTION bixarena.cron_jobs(arena text)
RETURNS TABLE (jobid bigint, leaderboard text, schedule text, active boolean)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	whole text := bixarena.cron_job_name(arena, NULL);
BEGIN
	IF NOT bixarena.cron_can_read() THEN
		RETURN;
	END IF;
	-- a job of one leaderboard may have a name that does not say which
	RETURN QUERY
		SELECT j.jobid, coalesce(l.slug,
				nullif(substr(j.jobname::text, length(whole) + 2), '')),
			j.schedule, j.active
		FROM cron.job AS j
		LEFT JOIN LATERAL (
			SELECT r.slug
			FROM bixarena.read_leaderboards(CASE
				WHEN j.jobname::text ~ '^bixarena_rank [0-9a-f]{32}$' THEN arena END) AS r
			WHERE j.jobname::text = bixarena.cron_job_name(arena, r.slug)
		) AS l ON true
		WHERE (l.slug IS NOT NULL OR j.jobname::text = whole
				OR starts_with(j.jobname::text, whole || '/'))
			AND j.database = current_database()
		ORDER BY j.jobname::text COLLATE "C", j.jobid;
END
$$;
COMMENT ON FUNCTION bixarena.cron_jobs(text) IS
	'the jobs of pg_cron that bixarena_schedule() has made for an arena or (not null) one leaderboard';

CREATE FUNCTION bixarena.cron_due_times(arena text, moment timestamptz)
RETURNS TABLE (leaderboard text, due timestamptz)
LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	job record;
BEGIN
	FOR job IN SELECT j.* FROM bixarena.cron_jobs(arena) AS j WHERE j.active LOOP
		leaderboard := job.leaderboard;
		due := bixarena.cron_time(job.schedule, moment, false);
		CONTINUE WHEN due IS NULL;
		RETURN NEXT;
		due := bixarena.cron_time(job.schedule, due - interval '1 second', false);
		CONTINUE WHEN due IS NULL;
		RETURN NEXT;
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena.cron_due_times(text, timestamptz) IS
	'the last two times of each job of an arena up to a moment';

/*
 * What a user does with schedules.
 */

CREATE FUNCTION bixarena_schedule(
	schedule text DEFAULT '0 2 * * *',
	arena text DEFAULT NULL,
	leaderboard_id text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	job text := bixarena.cron_job_name(found_arena, leaderboard_id);
	command text := bixarena.cron_job_command(found_arena, leaderboard_id);
	other_role text;
BEGIN
	IF schedule IS NULL THEN
		RAISE EXCEPTION 'schedule must not be null'
			USING ERRCODE = 'null_value_not_allowed',
				HINT = 'bixarena_unschedule() removes a schedule.';
	END IF;
	-- an error if there is none
	PERFORM bixarena.leaderboard_find(leaderboard_id, found_arena)
	WHERE leaderboard_id IS NOT NULL;
	IF NOT (SELECT r.rolcanlogin FROM pg_roles AS r WHERE r.rolname = current_user) THEN
		RAISE EXCEPTION 'role "%" cannot log in', current_user
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = 'pg_cron runs a job by logging in as the role that scheduled it.',
				HINT = format('Schedule it as another role, or ALTER ROLE %I LOGIN.', current_user);
	END IF;
	-- where pg_cron is elsewhere, it cannot be asked
	IF bixarena.cron_database() <> current_database()
		AND bixarena.cron_read(schedule) IS NULL THEN
		RAISE EXCEPTION 'invalid schedule: %', schedule
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A schedule is a cron expression, such as 0 2 * * *.';
	END IF;
	PERFORM bixarena.cron_check(format(
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

CREATE FUNCTION bixarena.cron_tell_schedules(arena text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	prefix text := bixarena.cron_job_name(arena, NULL) || '/';
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
		USING HINT = (SELECT string_agg(format('SELECT %s.bixarena_unschedule(%L, %L);',
				bixarena.interface_schema(), arena, b.slug), E'\n' ORDER BY b.slug COLLATE "C")
			FROM unnest(boards) AS b (slug));
END
$$;
COMMENT ON FUNCTION bixarena.cron_tell_schedules(text) IS
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
	found_arena text := coalesce(arena, bixarena.arena_resolve(NULL));
	job text := bixarena.cron_job_name(found_arena, leaderboard_id);
	num_jobs integer;
BEGIN
	PERFORM bixarena.cron_check(format(
		'SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname = %L AND database = %L;',
		job, current_database()));

	SELECT count(cron.unschedule(j.jobid)) INTO num_jobs
	FROM cron.job AS j
	WHERE j.jobname::text = job AND j.database = current_database();
	IF leaderboard_id IS NULL THEN
		PERFORM bixarena.cron_tell_schedules(found_arena);
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

/*
 * What a scoreboard has done on a schedule: a call of a function or procedure with the
 * scoreboard and one more argument.
 */

CREATE FUNCTION bixarena.cron_keep_job(purpose text, scoreboard text, argument text,
	command text, schedule text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- a name that pg_cron can hold
	job text := 'bixarena_rank ' || purpose || ' ' || left(encode(sha256(
		convert_to(scoreboard || e'\x01' || argument, getdatabaseencoding())), 'hex'), 32);
	call text := format(command, bixarena.interface_schema(), scoreboard, argument);
BEGIN
	IF job IS NULL OR call IS NULL THEN
		RAISE EXCEPTION 'what is done on a schedule must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM bixarena.cron_check(format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);',
		job, schedule, call, current_database(), current_user));
	IF schedule IS NOT NULL THEN
		PERFORM cron.schedule(job, schedule, call);
		RETURN job;
	END IF;
	PERFORM cron.unschedule(j.jobid) FROM cron.job AS j
	WHERE j.jobname::text = job AND j.database = current_database();
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION bixarena.cron_keep_job(text, text, text, text, text) IS
	'do something of a scoreboard''s on a schedule of pg_cron: the name of the job; null: not any more';


