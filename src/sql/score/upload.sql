/*
 * Uploads: files of standings, each the full state of all players at a date.
 *
 * A file is looked at as a whole before anything of it counts; see src/score/upload.c.
 * What has come is kept as it came, also when it was refused, and never changed.  The
 * latest version of a date counts.
 */

CREATE FUNCTION bixarena.upload_key(key text, OUT source text, OUT partition text,
	OUT snapshot_date date, OUT format text)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	parts text[];
	file text;
	part text;
	names text[] := '{}';
	flaw text;
BEGIN
	parts := string_to_array(regexp_replace(left(coalesce(key, ''), 1025), '^inbox/', ''), '/');
	file := parts[cardinality(parts)];
	flaw := CASE
		WHEN key IS NULL THEN 'it is null'
		WHEN octet_length(key) > 1024 THEN 'it has more than 1024 bytes'
		WHEN key ~ '[[:cntrl:]\\]' THEN 'it has a control character or a backslash'
		WHEN '' = ANY (parts) OR '.' = ANY (parts) OR '..' = ANY (parts) THEN 'a part of it is empty, . or ..'
	END;
	-- what the file is called says its format and nothing else
	parts := parts[:cardinality(parts) - 1];
	FOREACH part IN ARRAY parts LOOP
		flaw := coalesce(flaw, CASE
			WHEN part !~ '^[a-z_][a-z0-9_]{0,62}=.+$' THEN format('"%s" is not name=value', left(part, 100))
			WHEN octet_length(part) > 255 THEN 'a part has more than 255 bytes'
			WHEN split_part(part, '=', 1) = ANY (names) THEN format('"%s" is there twice', split_part(part, '=', 1)) END);
		names := names || split_part(part, '=', 1);
	END LOOP;
	source := (SELECT max(substr(p, 8)) FROM unnest(parts) AS p WHERE p ~ '^source=');
	partition := coalesce((SELECT string_agg(p, '/' ORDER BY p COLLATE "C") FROM unnest(parts) AS p
		WHERE p !~ '^(source|dt)='), '');
	part := (SELECT max(substr(p, 4)) FROM unnest(parts) AS p WHERE p ~ '^dt=');
	format := CASE lower(substring(file FROM '[.]([A-Za-z]+)$'))
		WHEN 'csv' THEN 'csv' WHEN 'json' THEN 'json' WHEN 'jsonl' THEN 'jsonl' WHEN 'ndjson' THEN 'jsonl' END;
	flaw := coalesce(flaw, CASE
		WHEN source IS NULL THEN 'it has no source=...'
		WHEN part IS NULL THEN 'it has no dt=...'
		WHEN part !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' OR part < '0001-01-01' THEN 'dt is not a date such as 2026-01-26' END);
	IF flaw IS NULL THEN
		BEGIN
			snapshot_date := make_date(substr(part, 1, 4)::integer, substr(part, 6, 2)::integer, substr(part, 9)::integer);
		EXCEPTION WHEN datetime_field_overflow THEN
			flaw := 'dt is not a date such as 2026-01-26';
		END;
	END IF;
	IF flaw IS NOT NULL THEN
		RAISE EXCEPTION 'the key of an upload is not one: %', flaw
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'A key is like inbox/source=game/kingdom=51/dt=2026-01-26/players.csv.';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.upload_key(text) IS 'what a key says: an error if it is none';

CREATE FUNCTION bixarena.upload_read(scoreboard text, run_no integer, run_id uuid, snapshot_date date,
	ingested_at timestamptz, format text, content bytea, numbers text[], words text[], required text[],
	OUT num_rows integer, OUT metrics text[], OUT num_errors bigint, OUT errors jsonb)
AS 'MODULE_PATHNAME', 'bixarena_read_upload'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.upload_read(text, integer, uuid, date, timestamptz, text, bytea, text[], text[], text[]) IS
	'look at a file and, if it is sound, write its rows';

CREATE FUNCTION bixarena.upload_lock(scoreboard text, source text, partition text, snapshot_date date)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_lock_upload'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.upload_lock(text, text, text, date) IS
	'be the only one who uploads a partition and date, until the transaction ends';

CREATE FUNCTION bixarena.upload_store(scoreboard text, key text, content bytea, format text, OUT run_id uuid, OUT status text, OUT version integer, OUT num_rows integer,
	OUT num_errors bigint, OUT errors jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	parts record;
	hash bytea;
	moment timestamptz := clock_timestamp();
	max_mb integer;
	columns record;
	read record;
	new_run_no integer;
BEGIN
	SELECT k.* INTO parts FROM bixarena.upload_key(key) AS k;
	parts.format := coalesce(upload_store.format, parts.format);
	IF parts.format IS NULL OR parts.format NOT IN ('csv', 'json', 'jsonl') THEN
		RAISE EXCEPTION 'the format of the upload is none that is read'
			USING ERRCODE = 'invalid_parameter_value',
				HINT = 'Let the key end with .csv, .json or .jsonl, or give one of these words as the format.';
	END IF;
	IF content IS NULL THEN
		RAISE EXCEPTION 'content must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	EXECUTE format('SELECT s.max_upload_mb FROM %1$s.scoreboard AS s', schema) INTO STRICT max_mb;
	IF octet_length(content) > max_mb * 1048576::bigint THEN
		RAISE EXCEPTION 'the file has % bytes', octet_length(content)
			USING ERRCODE = 'program_limit_exceeded',
				DETAIL = format('The setting max_upload_mb allows %s MB.', max_mb),
				HINT = 'Upload it in parts, with keys of their own, or change the setting.';
	END IF;
	PERFORM bixarena.upload_lock(schema, parts.source, parts.partition, parts.snapshot_date);

	-- the same bytes under the same key are the same upload
	hash := sha256(content);
	EXECUTE format($sql$
		SELECT u.run_id, u.status, u.version, u.num_rows, u.num_errors, u.errors
		FROM %1$s.upload AS u
		WHERE u.key = $1 COLLATE "C" AND u.sha256 = $2 AND u.format = $3 AND u.status = 'accepted'
		ORDER BY u.run_no LIMIT 1
	$sql$, schema) INTO run_id, status, version, num_rows, num_errors, errors USING key, hash, parts.format;
	IF run_id IS NOT NULL THEN
		RETURN;
	END IF;

	-- what was declared, and what was a number in the last file
	EXECUTE format($sql$
		SELECT coalesce(array_agg(c.name) FILTER (WHERE c.type = 'number'), '{}') AS numbers,
			coalesce(array_agg(c.name) FILTER (WHERE c.type = 'text'), '{}') AS words,
			coalesce(array_agg(c.name) FILTER (WHERE c.is_required), '{}') AS required
		FROM (
			SELECT d.column_name AS name, d.column_type AS type, d.is_required
			FROM %1$s.upload_column AS d WHERE d.source = $1 COLLATE "C"
			UNION ALL
			SELECT m, 'number', false
			FROM unnest((SELECT u.metrics FROM %1$s.upload AS u
				WHERE u.source = $1 COLLATE "C" AND u.partition = $2 COLLATE "C" AND u.status = 'accepted'
				ORDER BY u.snapshot_date DESC, u.version DESC LIMIT 1)) AS m
		) AS c
	$sql$, schema) INTO columns USING parts.source, parts.partition;
	new_run_no := nextval(schema || '.upload_run_no_seq');
	run_id := gen_random_uuid();
	SELECT r.* INTO read FROM bixarena.upload_read(scoreboard => (parse_ident(schema))[1], run_no => new_run_no,
		run_id => upload_store.run_id, snapshot_date => parts.snapshot_date, ingested_at => moment,
		format => parts.format, content => content, numbers => columns.numbers, words => columns.words,
		required => columns.required) AS r;
	status := CASE read.num_errors WHEN 0 THEN 'accepted' ELSE 'refused' END;
	num_rows := read.num_rows;
	num_errors := read.num_errors;
	errors := read.errors;
	EXECUTE format($sql$
		INSERT INTO %1$s.upload (run_no, run_id, run_ts, key, source, partition, snapshot_date, version, format, size,
			sha256, status, num_rows, metrics, num_errors, errors)
		OVERRIDING SYSTEM VALUE
		VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $11 = 'accepted' THEN 1 + coalesce((SELECT max(u.version) FROM %1$s.upload AS u
			WHERE u.source = $5 COLLATE "C" AND u.partition = $6 COLLATE "C" AND u.snapshot_date = $7), 0) END,
			$8, $9, $10, $11, $12, $13, $14, $15)
		RETURNING version
	$sql$, schema) INTO STRICT version
	USING new_run_no, run_id, moment, key, parts.source, parts.partition, parts.snapshot_date, parts.format,
		octet_length(content)::bigint, hash, status, num_rows, read.metrics, num_errors, errors;
	EXECUTE format('INSERT INTO %1$s.upload_content (run_no, content) VALUES ($1, $2)', schema) USING new_run_no, content;
END
$$;
COMMENT ON FUNCTION bixarena.upload_store(text, text, bytea, text) IS
	'keep a file, and its rows if it is sound';

CREATE FUNCTION bixarena_upload_standings(scoreboard text, key text, content bytea, format text DEFAULT NULL,
	source text DEFAULT NULL, partition text DEFAULT NULL, date date DEFAULT NULL)
RETURNS TABLE (run_id uuid, status text, version integer, num_rows integer, num_errors bigint, errors jsonb)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
	IF key IS NULL THEN
		key := 'inbox/source=' || source || coalesce('/' || nullif(partition, ''), '') || '/dt=' || to_char(date, 'YYYY-MM-DD')
			|| '/upload.' || coalesce(format, 'csv');
	END IF;
	RETURN QUERY SELECT s.* FROM bixarena.upload_store(scoreboard, key, content, format) AS s;
END
$$;
COMMENT ON FUNCTION bixarena_upload_standings(text, text, bytea, text, text, text, date) IS
	'keep a file of standings, and if it is sound let it count: what has become of it';
-- it writes standings
REVOKE ALL ON FUNCTION bixarena_upload_standings(text, text, bytea, text, text, text, date) FROM PUBLIC;

CREATE FUNCTION bixarena_uploads(scoreboard text, source text DEFAULT NULL, last integer DEFAULT 100)
RETURNS TABLE (run_id uuid, run_ts timestamptz, key text, status text, version integer, num_rows integer,
	size bigint, sha256 bytea, num_errors bigint, errors jsonb, role text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT u.run_id, u.run_ts, u.key::text, u.status, u.version, u.num_rows, u.size, u.sha256, u.num_errors,
			u.errors, u.role
		FROM %1$s.upload AS u WHERE $1 IS NULL OR u.source = $1 COLLATE "C"
		ORDER BY u.run_no DESC LIMIT $2
	$sql$, bixarena.scoreboard_open(scoreboard, false)) USING source, last;
END
$$;
COMMENT ON FUNCTION bixarena_uploads(text, text, integer) IS
	'the files that have come in, the latest first; also those that were refused, and why';

/*
 * A folder of the server's.  Each file is a transaction of its own, so one that is bad
 * stops no other.
 */

CREATE FUNCTION bixarena.upload_files(path text)
RETURNS TABLE (key text, size bigint, modified_at timestamptz)
AS 'MODULE_PATHNAME', 'bixarena_list_inbox'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.upload_files(text) IS
	'the files below inbox in a folder of the server''s; links are passed over';

CREATE FUNCTION bixarena.upload_file(path text, key text, max_bytes bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_read_inbox'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.upload_file(text, text, bigint) IS
	'a file below inbox in a folder of the server''s';

CREATE FUNCTION bixarena.upload_new_files(scoreboard text, path text)
RETURNS TABLE (key text, size bigint, modified_at timestamptz)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT f.key, f.size, f.modified_at
		FROM bixarena.upload_files($1) AS f
		WHERE NOT EXISTS (SELECT FROM %1$s.upload_file AS u
			WHERE u.key = f.key COLLATE "C" AND u.size = f.size AND u.modified_at = f.modified_at)
		ORDER BY f.key COLLATE "C"
	$sql$, bixarena.scoreboard_open(scoreboard, false)) USING path;
END
$$;
COMMENT ON FUNCTION bixarena.upload_new_files(text, text) IS
	'files of a folder that have not been read as they are';

CREATE FUNCTION bixarena.upload_from_folder(scoreboard text, path text, key text, size bigint, modified_at timestamptz)
RETURNS text
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, true);
	max_mb bigint;
	stored record;
BEGIN
	EXECUTE format('SELECT s.max_upload_mb FROM %1$s.scoreboard AS s', schema) INTO STRICT max_mb;
	SELECT s.* INTO stored FROM bixarena.upload_store(scoreboard, key,
		bixarena.upload_file(path, key, max_mb * 1048576), NULL) AS s;
	-- until it is another, it is not read again
	EXECUTE format($sql$
		INSERT INTO %1$s.upload_file AS u (key, size, modified_at) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET size = excluded.size, modified_at = excluded.modified_at
	$sql$, schema) USING key, size, modified_at;
	IF stored.status = 'refused' THEN
		RAISE WARNING 'file "%" is refused', key
			USING DETAIL = format('It has %s errors; the first: %s', stored.num_errors, stored.errors -> 0);
	END IF;
	RETURN stored.status;
EXCEPTION
	-- somebody wants it to end, or the disk is full
	WHEN insufficient_resources OR operator_intervention THEN
		RAISE;
	WHEN OTHERS THEN
		RAISE WARNING 'file "%" is not kept: %', key, SQLERRM;
		RETURN 'failed';
END
$$;
COMMENT ON FUNCTION bixarena.upload_from_folder(text, text, text, bigint, timestamptz) IS
	'keep a file of a folder: what has become of it; an error is a warning';

CREATE PROCEDURE bixarena_ingest_folder(scoreboard text, path text)
LANGUAGE plpgsql
AS $$
DECLARE
	files record;
	outcome text;
	accepted integer := 0;
	others integer := 0;
BEGIN
	SELECT pg_catalog.array_agg(f.key) AS keys, pg_catalog.array_agg(f.size) AS sizes,
		pg_catalog.array_agg(f.modified_at) AS moments, pg_catalog.count(*) AS n
	INTO files FROM bixarena.upload_new_files(scoreboard, path) AS f;
	FOR i IN 1 .. files.n LOOP
		outcome := bixarena.upload_from_folder(scoreboard, path, files.keys[i], files.sizes[i], files.moments[i]);
		COMMIT;
		IF outcome OPERATOR(pg_catalog.=) 'accepted' THEN
			accepted := accepted OPERATOR(pg_catalog.+) 1;
		ELSE
			others := others OPERATOR(pg_catalog.+) 1;
		END IF;
	END LOOP;
	RAISE NOTICE '% files are kept and count; % are not', accepted, others;
END
$$;
COMMENT ON PROCEDURE bixarena_ingest_folder(text, text) IS
	'upload what is new below inbox in a folder of the server''s, each file in a transaction of its own';
-- it reads files of the server's
REVOKE ALL ON PROCEDURE bixarena_ingest_folder(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_schedule_ingestion(scoreboard text, path text, schedule text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN bixarena.cron_keep_job('ingest', (parse_ident(bixarena.scoreboard_open(scoreboard, false)))[1], path,
		'CALL %s.bixarena_ingest_folder(%L, %L)', schedule);
END
$$;
COMMENT ON FUNCTION bixarena_schedule_ingestion(text, text, text) IS
	'ingest a folder on a schedule of pg_cron; null: not any more';
-- it makes jobs
REVOKE ALL ON FUNCTION bixarena_schedule_ingestion(text, text, text) FROM PUBLIC;
