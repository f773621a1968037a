/*
 * Reading standings: the best by a metric, a player's course, two dates side by side.
 *
 * The latest version of a date counts, and the latest date where none is named.  An
 * older version is read by its run id.
 */

CREATE FUNCTION bixarena.upload_find(schema text, source text, partition text, date date, as_of_run uuid,
	metric text, OUT run_no integer, OUT run_id uuid, OUT snapshot_date date, OUT metric_no integer,
	OUT num_rows integer)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	names text[];
BEGIN
	IF metric IS NULL THEN
		RAISE EXCEPTION 'metric must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	EXECUTE format(CASE WHEN as_of_run IS NOT NULL THEN $sql$
		SELECT u.run_no, u.run_id, u.snapshot_date, array_position(u.metrics, $5), u.num_rows, u.metrics
		FROM %1$s.upload AS u
		WHERE u.run_id = $4 AND u.source = $1 COLLATE "C" AND u.partition = $2 COLLATE "C" AND u.status = 'accepted'
			AND ($3 IS NULL OR u.snapshot_date = $3)
	$sql$ ELSE $sql$
		SELECT u.run_no, u.run_id, u.snapshot_date, array_position(u.metrics, $5), u.num_rows, u.metrics
		FROM %1$s.upload AS u
		WHERE u.source = $1 COLLATE "C" AND u.partition = $2 COLLATE "C" AND u.snapshot_date = coalesce($3,
			(SELECT max(d.snapshot_date) FROM %1$s.upload AS d WHERE d.source = $1 COLLATE "C"
				AND d.partition = $2 COLLATE "C" AND d.version IS NOT NULL))
			AND u.version IS NOT NULL
		ORDER BY u.version DESC LIMIT 1
	$sql$ END, schema)
	INTO run_no, run_id, snapshot_date, metric_no, num_rows, names
	USING source, coalesce(partition, ''), date, as_of_run, metric;
	IF run_no IS NULL THEN
		RAISE EXCEPTION 'there are no standings of source "%", partition "%"%', source, coalesce(partition, ''),
				coalesce(' of ' || to_char(date, 'YYYY-MM-DD'), '') || coalesce(' of run ' || as_of_run, '')
			USING ERRCODE = 'no_data_found',
				HINT = 'bixarena_standings_dates() tells what there is.';
	END IF;
	IF metric_no IS NULL THEN
		RAISE EXCEPTION 'the standings of % have no metric "%"', to_char(snapshot_date, 'YYYY-MM-DD'), metric
			USING ERRCODE = 'undefined_column',
				DETAIL = format('The metrics are %s.', array_to_string(names, ', '));
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.upload_find(text, text, text, date, uuid, text) IS
	'the upload that counts for a date, or a run of it, and the number of a metric';

CREATE FUNCTION bixarena_standings(scoreboard text, source text, partition text, metric text,
	top integer DEFAULT 100, date date DEFAULT NULL, after integer DEFAULT 0, as_of_run uuid DEFAULT NULL)
RETURNS TABLE ("position" integer, rank integer, player_id text, name text, value numeric, attributes jsonb,
	snapshot_date date, run_id uuid)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
	piece constant integer := 400;
	schema text := bixarena.scoreboard_open(scoreboard, false);
	upload record;
BEGIN
	IF top IS NULL OR top NOT BETWEEN 1 AND 100000 THEN
		RAISE EXCEPTION 'top must be from 1 to 100,000'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF after IS NULL OR after < 0 THEN
		RAISE EXCEPTION 'after must be the position of a row that was read before, or 0'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT u.* INTO upload FROM bixarena.upload_find(schema, source, partition, date, as_of_run, metric) AS u;
	RETURN QUERY EXECUTE format($sql$
		SELECT p.n, s.ranks[$2], s.player_id::text, s.name, s.values[$2], s.attributes, s.snapshot_date, s.run_id
		FROM (
			SELECT o.piece_no * $6 + r.n::integer AS n, r.row_no
			FROM %1$s.standing_order AS o, unnest(o.row_nos) WITH ORDINALITY AS r (row_no, n)
			WHERE o.run_no = $1 AND o.metric_no = $2
				AND o.piece_no BETWEEN $3 / $6 AND ($3::bigint + $4 - 1) / $6
				AND o.piece_no * $6::bigint + r.n BETWEEN $3 + 1 AND $3::bigint + $4
		) AS p
		JOIN %1$s.standing AS s ON s.run_no = $1 AND s.row_no = p.row_no
		ORDER BY p.n
	$sql$, schema) USING upload.run_no, upload.metric_no, after, top, NULL::integer, piece;
END
$$;
COMMENT ON FUNCTION bixarena_standings(text, text, text, text, integer, date, integer, uuid) IS
	'the best by a metric, at the latest date or another, or who stands behind a position';

CREATE FUNCTION bixarena_standings_json(scoreboard text, source text, partition text, metric text,
	top integer DEFAULT 100, date date DEFAULT NULL, after integer DEFAULT 0, as_of_run uuid DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	upload record;
	result jsonb;
BEGIN
	SELECT u.* INTO upload
	FROM bixarena.upload_find(bixarena.scoreboard_open(scoreboard, false), source, partition, date, as_of_run, metric) AS u;
	EXECUTE format($sql$
		SELECT jsonb_build_object('source', $2, 'partition', coalesce($3, ''), 'metric', $4, 'date', $9, 'run_id', $8,
			'players', $10, 'next', CASE WHEN count(*) = $5 THEN max(s."position") END,
			'standings', coalesce(jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) - '{snapshot_date,run_id}'::text[] ORDER BY s."position"), '[]'))
		FROM %1$s.bixarena_standings($1, $2, $3, $4, $5, $6, $7, $8) AS s
	$sql$, bixarena.interface_schema()) INTO result
	USING scoreboard, source, partition, metric, top, date, after, upload.run_id, upload.snapshot_date, upload.num_rows;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena_standings_json(text, text, text, text, integer, date, integer, uuid) IS
	'the same as a document; next is what to give as after for the next page';

CREATE FUNCTION bixarena_standings_dates(scoreboard text, source text DEFAULT NULL, partition text DEFAULT NULL)
RETURNS TABLE (source_name text, partition_name text, snapshot_date date, run_id uuid, versions integer, players integer,
	metrics text[], ingested_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT DISTINCT ON (u.source, u.partition, u.snapshot_date) u.source::text, u.partition::text, u.snapshot_date,
			u.run_id, u.version, u.num_rows, u.metrics, u.run_ts
		FROM %1$s.upload AS u
		WHERE u.version IS NOT NULL AND ($1 IS NULL OR u.source = $1 COLLATE "C")
			AND ($2 IS NULL OR u.partition = $2 COLLATE "C")
		ORDER BY u.source, u.partition, u.snapshot_date DESC, u.version DESC
	$sql$, bixarena.scoreboard_open(scoreboard, false)) USING source, partition;
END
$$;
COMMENT ON FUNCTION bixarena_standings_dates(text, text, text) IS
	'the dates that there are standings of, the latest first, and the run that counts for each';

CREATE FUNCTION bixarena_standings_history(scoreboard text, source text, player text, metric text,
	partition text DEFAULT NULL, last integer DEFAULT 1000)
RETURNS TABLE (snapshot_date date, partition_name text, value numeric, rank integer, players integer, run_id uuid)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		SELECT u.snapshot_date, u.partition::text, s.values[array_position(u.metrics, $3)],
			s.ranks[array_position(u.metrics, $3)], u.num_rows, u.run_id
		FROM %1$s.standing AS s
		JOIN %1$s.upload AS u ON u.run_no = s.run_no
		WHERE s.player_id = $2 COLLATE "C" AND u.source = $1 COLLATE "C" AND ($4 IS NULL OR u.partition = $4 COLLATE "C")
			AND NOT EXISTS (SELECT FROM %1$s.upload AS v WHERE v.source = u.source AND v.partition = u.partition
				AND v.snapshot_date = u.snapshot_date AND v.version > u.version)
			AND array_position(u.metrics, $3) IS NOT NULL
		ORDER BY u.snapshot_date DESC, u.partition LIMIT $5
	$sql$, bixarena.scoreboard_open(scoreboard, false)) USING source, player, metric, partition, last;
END
$$;
COMMENT ON FUNCTION bixarena_standings_history(text, text, text, text, text, integer) IS
	'what a player had by a metric at each date, the latest first';

CREATE FUNCTION bixarena_compare_standings(scoreboard text, source text, partition text, metric text,
	date1 date, date2 date, top integer DEFAULT 100)
RETURNS TABLE (player_id text, name text, change text, value1 numeric, value2 numeric, gained numeric,
	rank1 integer, rank2 integer, rank_change integer)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
	upload1 record;
	upload2 record;
BEGIN
	IF metric IS NULL OR date1 IS NULL OR date2 IS NULL THEN
		RAISE EXCEPTION 'metric, date1 and date2 must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT u.* INTO upload1 FROM bixarena.upload_find(schema, source, partition, date1, NULL, metric) AS u;
	SELECT u.* INTO upload2 FROM bixarena.upload_find(schema, source, partition, date2, NULL, metric) AS u;
	RETURN QUERY EXECUTE format($sql$
		SELECT coalesce(b.player_id, a.player_id)::text, coalesce(b.name, a.name),
			CASE WHEN a.player_id IS NULL OR (a.value IS NULL AND b.value IS NOT NULL) THEN 'new'
				WHEN b.player_id IS NULL OR (b.value IS NULL AND a.value IS NOT NULL) THEN 'gone'
				WHEN b.value > a.value THEN 'gained' WHEN b.value < a.value THEN 'lost' ELSE 'same' END,
			a.value, b.value, coalesce(b.value, 0) - coalesce(a.value, 0), a.rank, b.rank, a.rank - b.rank
		FROM (SELECT s.player_id, s.name, s.values[$2] AS value, s.ranks[$2] AS rank
			FROM %1$s.standing AS s WHERE s.run_no = $1) AS a
		FULL JOIN (SELECT s.player_id, s.name, s.values[$4] AS value, s.ranks[$4] AS rank
			FROM %1$s.standing AS s WHERE s.run_no = $3) AS b ON b.player_id = a.player_id
		ORDER BY abs(coalesce(b.value, 0) - coalesce(a.value, 0)) DESC, 1 LIMIT $5
	$sql$, schema) USING upload1.run_no, upload1.metric_no, upload2.run_no, upload2.metric_no, top;
END
$$;
COMMENT ON FUNCTION bixarena_compare_standings(text, text, text, text, date, date, integer) IS
	'what players have gained or lost by a metric between two dates, the biggest change first';

CREATE FUNCTION bixarena_standings_history_json(scoreboard text, source text, player text, metric text,
	partition text DEFAULT NULL, last integer DEFAULT 1000)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE format($sql$
		SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) - 'ordinality' ORDER BY s.ordinality)
		FROM %s.bixarena_standings_history($1, $2, $3, $4, $5, $6) WITH ORDINALITY AS s
	$sql$, bixarena.interface_schema())
	INTO result USING scoreboard, source, player, metric, partition, last;
	RETURN jsonb_build_object('source', source, 'player_id', player, 'metric', metric, 'history', coalesce(result, '[]'));
END
$$;
COMMENT ON FUNCTION bixarena_standings_history_json(text, text, text, text, text, integer) IS
	'the same as a document';

CREATE FUNCTION bixarena_compare_standings_json(scoreboard text, source text, partition text, metric text,
	date1 date, date2 date, top integer DEFAULT 100)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE format($sql$
		SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) - 'ordinality' ORDER BY s.ordinality)
		FROM %s.bixarena_compare_standings($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY AS s
	$sql$, bixarena.interface_schema())
	INTO result USING scoreboard, source, partition, metric, date1, date2, top;
	RETURN jsonb_build_object('source', source, 'partition', coalesce(partition, ''), 'metric', metric, 'date1', date1,
		'date2', date2, 'players', coalesce(result, '[]'));
END
$$;
COMMENT ON FUNCTION bixarena_compare_standings_json(text, text, text, text, date, date, integer) IS
	'the same as a document';

CREATE FUNCTION bixarena_standings_dates_json(scoreboard text, source text DEFAULT NULL, partition text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	result jsonb;
BEGIN
	EXECUTE format($sql$
		SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(s)) - 'ordinality' ORDER BY s.ordinality)
		FROM %s.bixarena_standings_dates($1, $2, $3) WITH ORDINALITY AS s
	$sql$, bixarena.interface_schema())
	INTO result USING scoreboard, source, partition;
	RETURN coalesce(result, '[]');
END
$$;
COMMENT ON FUNCTION bixarena_standings_dates_json(text, text, text) IS
	'the same as a document';

CREATE TYPE bixarena.upload_move AS (
	player_id text,
	name text,
	change text,
	value1 numeric,
	value2 numeric,
	gained numeric,
	rank1 integer,
	rank2 integer
);
COMMENT ON TYPE bixarena.upload_move IS 'what a player has gained or lost between two dates';

CREATE FUNCTION bixarena.upload_moves(scoreboard text, source text, partition text, metric text, INOUT date1 date,
	INOUT date2 date, top integer, OUT moves bixarena.upload_move[])
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	schema text := bixarena.scoreboard_open(scoreboard, false);
BEGIN
	SELECT u.snapshot_date INTO date2
	FROM bixarena.upload_find(schema, source, partition, date2, NULL, metric) AS u;
	IF date1 IS NULL THEN
		EXECUTE format($sql$
			SELECT max(u.snapshot_date) FROM %1$s.upload AS u
			WHERE u.source = $1 COLLATE "C" AND u.partition = $2 COLLATE "C" AND u.snapshot_date < $3
				AND u.version IS NOT NULL AND $4 = ANY (u.metrics)
				AND NOT EXISTS (SELECT FROM %1$s.upload AS v WHERE v.source = u.source AND v.partition = u.partition
					AND v.snapshot_date = u.snapshot_date AND v.version > u.version)
		$sql$, schema) INTO date1 USING source, coalesce(partition, ''), date2, metric;
	END IF;
	IF date1 IS NOT NULL THEN
		EXECUTE format($sql$
			SELECT ARRAY(SELECT (c.player_id, c.name, c.change, c.value1, c.value2, c.gained, c.rank1, c.rank2)::bixarena.upload_move
				FROM %1$s.bixarena_compare_standings($1, $2, $3, $4, $5, $6, $7) AS c WHERE c.gained <> 0)
		$sql$, bixarena.interface_schema()) INTO moves USING scoreboard, source, partition, metric, date1, date2, top;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.upload_moves(text, text, text, text, date, date, integer) IS
	'who has gained or lost the most by a metric; without dates, from the date before the latest to it';
