/*
 * What a schedule says.  A cron expression is five fields: minute, hour, day of
 * the month, month, day of the week.  It is read as pg_cron reads it, to tell
 * when a run was due and when the next one is.
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

CREATE FUNCTION bixarena.cron_read(schedule text)
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
COMMENT ON FUNCTION bixarena.cron_read(text) IS
	'what a schedule says, null if it cannot be read or names no times';

CREATE FUNCTION bixarena.cron_time(schedule text, moment timestamptz, forward boolean)
RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	times bixarena.cron_times := bixarena.cron_read(schedule);
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
COMMENT ON FUNCTION bixarena.cron_time(text, timestamptz, boolean) IS
	'when a schedule is due next after a moment, or when it was last by then, in GMT; null: not within 366 days';

