
/*
 * Charts of standings: who has gained or lost the most, and a player's course.
 */

CREATE FUNCTION bixarena.chart_moves(moves bixarena.upload_move[], metric text, date1 date, date2 date, width bigint,
	theme text)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	dates constant text := format('from %s to %s', to_char(date1, 'YYYY-MM-DD'), to_char(date2, 'YYYY-MM-DD'));
BEGIN
	IF date1 IS NULL THEN
		RETURN bixarena.chart_empty(width, theme, 'There is nothing earlier to compare with.');
	END IF;
	IF cardinality(moves) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, format('Nobody has gained or lost %s.', dates));
	END IF;
	RETURN bixarena.chart_bars(
		ARRAY(SELECT (coalesce(moves[i].rank2::text, 'gone'), bixarena.chart_player(moves[i].name, moves[i].player_id),
				moves[i].gained, CASE WHEN moves[i].gained > 0 THEN '+' ELSE '' END || bixarena.text_score(moves[i].gained),
				CASE moves[i].change WHEN 'new' THEN format('new, rank %s, %s', moves[i].rank2, trim_scale(moves[i].value2))
					WHEN 'gone' THEN format('gone, was rank %s, %s', moves[i].rank1, trim_scale(moves[i].value1))
					ELSE format('%s %s, from %s to %s, rank %s to %s', moves[i].change, trim_scale(abs(moves[i].gained)),
						trim_scale(moves[i].value1), trim_scale(moves[i].value2), moves[i].rank1, moves[i].rank2) END
				)::bixarena.chart_bar
			FROM generate_subscripts(moves, 1) AS i ORDER BY i),
		NULL,
		ARRAY[bixarena.text_fit(metric, width / 13.0 - 16) || ' gained or lost; before a name, the rank now', dates],
		format('Who has gained or lost the most %s %s', metric, dates), width, theme);
END
$$;
COMMENT ON FUNCTION bixarena.chart_moves(bixarena.upload_move[], text, date, date, bigint, text) IS
	'the chart of who has gained or lost the most';

CREATE FUNCTION bixarena_compare_standings_svg(scoreboard text, source text, partition text, metric text,
	date1 date DEFAULT NULL, date2 date DEFAULT NULL, top bigint DEFAULT 20, width bigint DEFAULT 720,
	theme text DEFAULT 'auto')
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(top, 1);
	RETURN (
		SELECT bixarena.chart_moves(m.moves, metric, m.date1, m.date2, width, theme)
		FROM bixarena.upload_moves(scoreboard, source, partition, metric, date1, date2,
			least(coalesce(top, 500), 2000)::integer) AS m);
END
$$;
COMMENT ON FUNCTION bixarena_compare_standings_svg(text, text, text, text, date, date, bigint, bigint, text) IS
	'a chart of who has gained or lost the most by a metric between two dates';

CREATE FUNCTION bixarena.chart_standing_points(scoreboard text, source text, player text, metric text, partition text,
	measure text, last bigint)
RETURNS SETOF bixarena.history_point
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- a line for each partition
	RETURN QUERY EXECUTE format($sql$
		SELECT (dense_rank() OVER (ORDER BY h.partition_name))::integer, coalesce(nullif(h.partition_name, ''), $1),
			(dense_rank() OVER (ORDER BY h.snapshot_date))::integer, h.snapshot_date::timestamp AT TIME ZONE 'UTC',
			h.%2$I::double precision
		FROM %1$s.bixarena_standings_history($2, $1, $3, $4, $5, $6) AS h
		WHERE h.%2$I IS NOT NULL
	$sql$, bixarena.interface_schema(), measure)
	USING source, scoreboard, player, metric, partition, least(last, 100000)::integer;
END
$$;
COMMENT ON FUNCTION bixarena.chart_standing_points(text, text, text, text, text, text, bigint) IS
	'what a player had by a metric at each date, or the ranks';

CREATE FUNCTION bixarena_standings_history_svg(scoreboard text, source text, player text, metric text,
	partition text DEFAULT NULL, measure text DEFAULT 'value', last bigint DEFAULT 1000, width bigint DEFAULT 720,
	theme text DEFAULT 'auto')
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	points bixarena.history_point[];
BEGIN
	IF measure IS NULL OR measure NOT IN ('value', 'rank') THEN
		RAISE EXCEPTION 'measure must be value or rank, not %', coalesce('"' || measure || '"', 'null')
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	PERFORM bixarena.chart_check(width, theme), bixarena.list_offset(last, 1);
	points := ARRAY(SELECT p FROM bixarena.chart_standing_points(scoreboard, source, player, metric, partition, measure, last) AS p);
	IF cardinality(points) = 0 THEN
		RETURN bixarena.chart_empty(width, theme, 'There are no such standings of the player.');
	END IF;
	RETURN bixarena.chart_history(points, measure, width, theme, NULL,
		CASE measure WHEN 'rank' THEN 'rank by ' ELSE '' END || metric,
		format('%s of player %s over time', CASE measure WHEN 'rank' THEN 'Rank by ' ELSE '' END || metric, player));
END
$$;
COMMENT ON FUNCTION bixarena_standings_history_svg(text, text, text, text, text, text, bigint, bigint, text) IS
	'a chart of what a player had by a metric over time, a line for each partition';
