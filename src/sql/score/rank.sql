/*
 * Counts of players by ranges of places, from which ranks are.  See src/score/rank.c and
 * src/score/fold.c.
 *
 * Numbers of transactions mean something on one server only.  After a dump was restored
 * on another one, the board is counted anew, under a new generation of events.
 */

CREATE FUNCTION bixarena.rank_sum(counts integer[])
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_rank_sum'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.rank_sum(integer[]) IS 'the sum of counts';

CREATE FUNCTION bixarena.rank_add_to(counts integer[], ranges integer[], signs integer[])
RETURNS integer[]
AS 'MODULE_PATHNAME', 'bixarena_rank_add_to'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.rank_add_to(integer[], integer[], integer[]) IS
	'counts with changes to some of them';

CREATE FUNCTION bixarena.rank_total(scoreboard text, board integer)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_rank_total'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off;
COMMENT ON FUNCTION bixarena.rank_total(text, integer) IS 'how many players a board has';

CREATE FUNCTION bixarena.rank_before(scoreboard text, board integer, place bytea)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_rank_before'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off;
COMMENT ON FUNCTION bixarena.rank_before(text, integer, bytea) IS
	'how many players of a board stand before a place';

CREATE FUNCTION bixarena.rank_place(scoreboard text, board integer, before bigint)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_rank_place'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET jit = off;
COMMENT ON FUNCTION bixarena.rank_place(text, integer, bigint) IS
	'a place before which about so many players stand, as counted when they were folded last';

CREATE FUNCTION bixarena.rank_create(schema text, board integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format($sql$
		INSERT INTO %1$s.rank_node (board_no, level, first_place, node_no, bounds, children)
		VALUES ($1, 1, '', 1, '{""}', NULL), ($1, 2, '', 2, '{""}', '{1}'), ($1, 3, '', 3, '{""}', '{2}')
	$sql$, schema) USING board;
	EXECUTE format($sql$
		INSERT INTO %1$s.rank_count (board_no, node_no, total, counts)
		SELECT $1, n, 0, '{0}' FROM generate_series(1, 3) AS n
	$sql$, schema) USING board;
	EXECUTE format($sql$
		INSERT INTO %1$s.rank_fold (board_no, server, next_xid, open_xids, next_node_no)
		SELECT $1, c.system_identifier, pg_current_xact_id(), '{}', 4 FROM pg_control_system() AS c
	$sql$, schema) USING board;
END
$$;
COMMENT ON FUNCTION bixarena.rank_create(text, integer) IS 'the counts of a board without players';

CREATE FUNCTION bixarena.rank_rebuild(scoreboard text, board integer, foreign_only boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	per_range constant integer := 20;
	per_node constant integer := 80;
	schema text := bixarena.scoreboard_open(scoreboard, true);
	is_foreign boolean;
BEGIN
	-- nobody is about to write an event, and all that were are over: the counts have
	-- all events of the generations before
	EXECUTE format('LOCK TABLE %1$s.score_event IN SHARE ROW EXCLUSIVE MODE', schema);
	EXECUTE format('SELECT c.system_identifier <> f.server
		FROM %1$s.rank_fold AS f, pg_control_system() AS c WHERE f.board_no = $1', schema)
	INTO is_foreign USING board;
	IF foreign_only AND NOT is_foreign THEN
		-- somebody was faster
		RETURN;
	END IF;
	EXECUTE format('UPDATE %1$s.board AS b SET generation = b.generation + 1 WHERE b.board_no = $1', schema) USING board;
	EXECUTE format('DELETE FROM %1$s.rank_node AS n WHERE n.board_no = $1', schema) USING board;
	EXECUTE format('DELETE FROM %1$s.rank_count AS c WHERE c.board_no = $1', schema) USING board;
	EXECUTE format('DELETE FROM %1$s.rank_fold AS f WHERE f.board_no = $1', schema) USING board;

	EXECUTE format($sql$
		WITH ranges AS MATERIALIZED (
			SELECT r.n / $2 AS range_no, count(r.place)::integer AS players,
				(array_agg(r.place) FILTER (WHERE r.n %% $2 = 0))[1] AS bound
			FROM (
				SELECT s.place, row_number() OVER (ORDER BY s.place) - 1 AS n
				FROM %1$s.score AS s WHERE s.board_no = $1
				UNION ALL
				-- a range without players where there are none
				SELECT NULL, 0
			) AS r
			GROUP BY 1
		), lowest AS MATERIALIZED (
			SELECT 1 AS level, r.range_no / $3 AS n,
				array_agg(CASE r.range_no WHEN 0 THEN '' ELSE r.bound END ORDER BY r.range_no) AS bounds,
				NULL::bigint[] AS children, array_agg(r.players ORDER BY r.range_no) AS counts
			FROM ranges AS r GROUP BY 2
		), middle AS MATERIALIZED (
			SELECT 2 AS level, l.n / $3 AS n, array_agg(l.bounds[1] ORDER BY l.n) AS bounds,
				array_agg(l.n ORDER BY l.n) AS children,
				array_agg(bixarena.rank_sum(l.counts)::integer ORDER BY l.n) AS counts
			FROM lowest AS l GROUP BY 2
		), root AS (
			SELECT 3 AS level, 0::bigint AS n, array_agg(m.bounds[1] ORDER BY m.n) AS bounds,
				array_agg(m.n ORDER BY m.n) AS children,
				array_agg(bixarena.rank_sum(m.counts)::integer ORDER BY m.n) AS counts
			FROM middle AS m
		), nodes AS MATERIALIZED (
			-- the numbers of a level go on from those of the one below
			SELECT a.*, s.lowest_ones, s.middle_ones,
				1 + a.n + CASE a.level WHEN 1 THEN 0 WHEN 2 THEN s.lowest_ones ELSE s.lowest_ones + s.middle_ones END AS node_no
			FROM (SELECT * FROM lowest UNION ALL SELECT * FROM middle UNION ALL SELECT * FROM root) AS a,
				(SELECT (SELECT count(*) FROM lowest) AS lowest_ones, (SELECT count(*) FROM middle) AS middle_ones) AS s
		), counted AS (
			INSERT INTO %1$s.rank_count (board_no, node_no, total, counts)
			SELECT $1, n.node_no, bixarena.rank_sum(n.counts), n.counts FROM nodes AS n
		)
		INSERT INTO %1$s.rank_node (board_no, level, first_place, node_no, bounds, children)
		SELECT $1, n.level, n.bounds[1], n.node_no, n.bounds, CASE WHEN n.level > 1 THEN
			ARRAY(SELECT (1 + c + CASE n.level WHEN 2 THEN 0 ELSE n.lowest_ones END)::integer
				FROM unnest(n.children) WITH ORDINALITY AS u (c, i) ORDER BY u.i) END
		FROM nodes AS n
	$sql$, schema) USING board, per_range, per_node;

	EXECUTE format($sql$
		INSERT INTO %1$s.rank_fold (board_no, server, next_xid, open_xids, next_node_no)
		SELECT $1, c.system_identifier, pg_snapshot_xmax(pg_current_snapshot()),
			ARRAY(SELECT pg_snapshot_xip(pg_current_snapshot()) UNION SELECT pg_current_xact_id()),
			(SELECT max(n.node_no) + 1 FROM %1$s.rank_node AS n WHERE n.board_no = $1)
		FROM pg_control_system() AS c
	$sql$, schema) USING board;
END
$$;
COMMENT ON FUNCTION bixarena.rank_rebuild(text, integer, boolean) IS
	'count the players of a board anew, when nobody writes; or only if it was counted on another server';

CREATE FUNCTION bixarena.rank_differences(schema text, board integer)
RETURNS TABLE (first_place bytea, counted bigint, players bigint)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($sql$
		WITH node AS (
			SELECT n.level, n.first_place, n.node_no, n.bounds, n.children, c.counts, c.total
			FROM %1$s.rank_node AS n
			JOIN %1$s.rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
			WHERE n.board_no = $1
		), ranges AS (
			SELECT n.level, r.bound, r.child, r.players
			FROM node AS n
			CROSS JOIN LATERAL ROWS FROM (unnest(n.bounds), unnest(n.children), unnest(n.counts)) AS r (bound, child, players)
		), moves AS (
			-- what the counts do not have
			SELECT m.place, m.sign
			FROM %1$s.board AS b
			JOIN %1$s.rank_fold AS f ON f.board_no = b.board_no
			JOIN %1$s.score_event AS e ON e.board_no = b.board_no AND e.generation = b.generation
				AND (e.xid >= f.next_xid OR e.xid = ANY (f.open_xids))
			CROSS JOIN LATERAL (VALUES (e.old_place, -1), (e.new_place, 1)) AS m (place, sign)
			WHERE b.board_no = $1 AND m.place IS NOT NULL
		), line (place, counted, sign) AS (
			-- each bound, and behind it the players up to the next
			SELECT r.bound, r.players, 0 FROM ranges AS r WHERE r.level = 1
			UNION ALL
			SELECT s.place, NULL, 1 FROM %1$s.score AS s WHERE s.board_no = $1
			UNION ALL
			SELECT m.place, NULL, -m.sign FROM moves AS m
		), numbered AS (
			SELECT l.place, l.counted, l.sign,
				count(l.counted) OVER (ORDER BY l.place, l.counted IS NULL) AS range_no
			FROM line AS l
		)
		SELECT (array_agg(n.place) FILTER (WHERE n.counted IS NOT NULL))[1],
			coalesce(sum(n.counted), -1)::bigint, sum(n.sign)::bigint
		FROM numbered AS n
		GROUP BY n.range_no
		HAVING sum(n.counted) IS DISTINCT FROM sum(n.sign)
		UNION ALL
		-- what a node says of those below
		SELECT r.bound, r.players::bigint, coalesce(c.total, -1)
		FROM ranges AS r
		LEFT JOIN node AS c ON c.level = r.level - 1 AND c.first_place = r.bound AND c.node_no = r.child
		WHERE r.level > 1 AND r.players <> coalesce(c.total, -1)
		UNION ALL
		SELECT n.first_place, n.total, bixarena.rank_sum(n.counts)
		FROM node AS n
		WHERE n.total <> bixarena.rank_sum(n.counts) OR cardinality(n.counts) <> cardinality(n.bounds)
			OR cardinality(n.children) <> cardinality(n.bounds) OR n.first_place <> n.bounds[1]
	$sql$, schema) USING board;
END
$$;
COMMENT ON FUNCTION bixarena.rank_differences(text, integer) IS
	'ranges of a board whose count is not the number of its players';
