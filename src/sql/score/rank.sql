/*
 * Ranks: how many players stand before a place, without counting them one by one.
 *
 * Players of a board are counted by ranges of places.  A node of level 1 has up to 128
 * ranges of up to 64 players, a node of level 2 up to 128 nodes of level 1.  So a rank
 * is what stands before in a few nodes of level 2, in one of them, in one node of
 * level 1, and the players of one range, which are counted as they are.
 *
 * Who writes a score touches none of these: the event that he writes says from which
 * place to which the player went.  Every few hundred events somebody folds them into the
 * counts, one at a time for a board; nobody waits for that.  rank_fold says what the
 * counts have: the events of all transactions that had ended at the time.  What they
 * do not have yet, those of transactions from next_xid on and of open_xids, is found by
 * an index and added by who reads.  Events, scores, counts and rank_fold are read in
 * one snapshot.  So the rank is exact at any moment for everybody: no event is missing
 * and none counts twice.
 *
 * Ranges split as they fill.  The players of the parts are counted as they are, less the
 * events that the counts do not have, so that this too may happen at any time.
 *
 * Numbers of transactions mean something on one server only.  After a dump was restored
 * on another one, the board is counted anew, under a new generation of events.
 *
 * These functions expect the scoreboard's schema in the search_path.
 */

CREATE FUNCTION bixarena.rank_server()
RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (SELECT system_identifier FROM pg_catalog.pg_control_system());
COMMENT ON FUNCTION bixarena.rank_server() IS 'the server of which transactions have numbers';

CREATE FUNCTION bixarena.rank_sum(counts integer[], length integer)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
	result bigint := 0;
	n integer;
BEGIN
	FOREACH n IN ARRAY counts[1:length] LOOP
		result := result + n;
	END LOOP;
	RETURN result;
END
$$;
COMMENT ON FUNCTION bixarena.rank_sum(integer[], integer) IS 'the sum of the first counts';

CREATE FUNCTION bixarena.rank_moves(board integer)
RETURNS TABLE (place bytea, sign integer, xid xid8, event_id bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 500
AS $$
DECLARE
	fold record;
BEGIN
	SELECT b.generation, f.next_xid, f.open_xids INTO STRICT fold
	FROM board AS b JOIN rank_fold AS f ON f.board_no = b.board_no
	WHERE b.board_no = board;
	RETURN QUERY
	SELECT m.place, m.sign, e.xid, e.event_id
	FROM (
		SELECT v.old_place, v.new_place, v.xid, v.event_id
		FROM score_event AS v
		WHERE v.board_no = board AND v.generation = fold.generation AND v.xid >= fold.next_xid
		UNION ALL
		SELECT v.old_place, v.new_place, v.xid, v.event_id
		FROM score_event AS v
		WHERE v.board_no = board AND v.generation = fold.generation
			AND v.xid = ANY (fold.open_xids) AND v.xid < fold.next_xid
	) AS e
	CROSS JOIN LATERAL (VALUES (e.old_place, -1), (e.new_place, 1)) AS m (place, sign)
	WHERE e.old_place IS DISTINCT FROM e.new_place AND m.place IS NOT NULL;
END
$$;
COMMENT ON FUNCTION bixarena.rank_moves(integer) IS
	'where players came (1) and went (-1) that the counts do not have yet';

CREATE FUNCTION bixarena.rank_of_place(board integer, place bytea, OUT before bigint,
	OUT total bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
	node record;
	child integer;
	bound bytea;
	inside bigint;
	changes record;
BEGIN
	-- what all nodes of level 2 have, and of the last that begins up to the place a part
	SELECT sum(c.total), coalesce(sum(c.total) FILTER (WHERE n.first_place <= place), 0)
	INTO total, before
	FROM rank_node AS n
	JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
	WHERE n.board_no = board AND n.level = 2;
	SELECT n.bounds, c.counts, c.total INTO node
	FROM rank_node AS n
	JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
	WHERE n.board_no = board AND n.level = 2 AND n.first_place <= place
	ORDER BY n.first_place DESC LIMIT 1;
	child := pg_catalog.width_bucket(place, node.bounds);
	before := before - node.total + bixarena.rank_sum(node.counts, child - 1);

	SELECT n.bounds, c.counts INTO node
	FROM rank_node AS n
	JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
	WHERE n.board_no = board AND n.level = 1 AND n.first_place = node.bounds[child];
	child := pg_catalog.width_bucket(place, node.bounds);
	bound := node.bounds[child];

	SELECT count(*) INTO inside
	FROM score AS s
	WHERE s.board_no = board AND s.place >= bound AND s.place < rank_of_place.place;
	SELECT coalesce(sum(m.sign), 0) AS total,
		coalesce(sum(m.sign) FILTER (WHERE m.place < bound), 0) AS before
	INTO changes
	FROM bixarena.rank_moves(board) AS m;
	total := total + changes.total;
	before := before + bixarena.rank_sum(node.counts, child - 1) + inside + changes.before;
END
$$;
COMMENT ON FUNCTION bixarena.rank_of_place(integer, bytea) IS
	'how many players of a board stand before a place, and how many there are';

CREATE FUNCTION bixarena.rank_total(board integer)
RETURNS bigint
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN (SELECT coalesce(sum(c.total), 0)
		FROM rank_node AS n
		JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
		WHERE n.board_no = board AND n.level = 2)
		+ (SELECT coalesce(sum(m.sign), 0) FROM bixarena.rank_moves(board) AS m);
END
$$;
COMMENT ON FUNCTION bixarena.rank_total(integer) IS 'how many players a board has';

/*
 * Counting anew.
 */

CREATE FUNCTION bixarena.rank_rebuild(board integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	per_range constant integer := 40;
	per_node constant integer := 80;
BEGIN
	-- nobody is about to write an event, and all that were are over: the counts have
	-- all events of the generations before
	LOCK TABLE score_event IN SHARE ROW EXCLUSIVE MODE;
	UPDATE board AS b SET generation = b.generation + 1 WHERE b.board_no = board;
	DELETE FROM rank_node AS n WHERE n.board_no = board;
	DELETE FROM rank_count AS c WHERE c.board_no = board;
	DELETE FROM rank_fold AS f WHERE f.board_no = board;

	WITH ranges AS (
		SELECT r.n / per_range AS range_no, count(r.place)::integer AS players,
			(array_agg(r.place) FILTER (WHERE r.n % per_range = 0))[1] AS bound
		FROM (
			SELECT s.place, row_number() OVER (ORDER BY s.place) - 1 AS n
			FROM score AS s WHERE s.board_no = board
			UNION ALL
			-- a range without players where there are none
			SELECT NULL, 0
		) AS r
		GROUP BY 1
	), nodes AS (
		SELECT (r.range_no / per_node)::integer AS n, sum(r.players)::integer AS total,
			array_agg(CASE r.range_no WHEN 0 THEN '' ELSE r.bound END ORDER BY r.range_no) AS bounds,
			array_agg(r.players ORDER BY r.range_no) AS counts
		FROM ranges AS r GROUP BY 1
	), tops AS (
		SELECT n.n / per_node AS t, sum(n.total) AS total,
			array_agg(n.bounds[1] ORDER BY n.n) AS bounds,
			array_agg(n.n + 1 ORDER BY n.n) AS children,
			array_agg(n.total ORDER BY n.n) AS counts
		FROM nodes AS n GROUP BY 1
	), inserted AS (
		INSERT INTO rank_count (board_no, node_no, total, counts)
		SELECT board, n.n + 1, n.total, n.counts FROM nodes AS n
		UNION ALL
		SELECT board, (SELECT count(*) FROM nodes)::integer + t.t + 1, t.total, t.counts
		FROM tops AS t
	)
	INSERT INTO rank_node (board_no, level, first_place, node_no, bounds, children)
	SELECT board, 1, n.bounds[1], n.n + 1, n.bounds, NULL::integer[] FROM nodes AS n
	UNION ALL
	SELECT board, 2, t.bounds[1], (SELECT count(*) FROM nodes)::integer + t.t + 1, t.bounds,
		t.children
	FROM tops AS t;

	INSERT INTO rank_fold (board_no, server, next_xid, open_xids, next_node_no)
	SELECT board, bixarena.rank_server(), pg_snapshot_xmax(pg_current_snapshot()),
		ARRAY(SELECT pg_snapshot_xip(pg_current_snapshot())
			UNION SELECT pg_current_xact_id()),
		(SELECT max(n.node_no) + 1 FROM rank_node AS n WHERE n.board_no = board);
END
$$;
COMMENT ON FUNCTION bixarena.rank_rebuild(integer) IS
	'count the players of a board anew, when nobody writes';

/*
 * Folding.
 */

CREATE FUNCTION bixarena.rank_put(board integer, node_no integer, level integer,
	bounds bytea[], children integer[], counts integer[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	sum_of_counts bigint := bixarena.rank_sum(counts, cardinality(counts));
BEGIN
	UPDATE rank_node AS n SET bounds = rank_put.bounds, children = rank_put.children
	WHERE n.board_no = board AND n.level = rank_put.level AND n.first_place = rank_put.bounds[1];
	IF NOT FOUND THEN
		INSERT INTO rank_node (board_no, level, first_place, node_no, bounds, children)
		VALUES (board, level, bounds[1], node_no, bounds, children);
		INSERT INTO rank_count (board_no, node_no, total, counts)
		VALUES (board, node_no, sum_of_counts, counts);
	ELSE
		UPDATE rank_count AS c SET total = sum_of_counts, counts = rank_put.counts
		WHERE c.board_no = board AND c.node_no = rank_put.node_no;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.rank_put(integer, integer, integer, bytea[], integer[], integer[]) IS
	'write a node, the old one of the same first place or a new one';

CREATE FUNCTION bixarena.rank_new_node(board integer)
RETURNS integer
LANGUAGE sql VOLATILE PARALLEL UNSAFE
AS $$
	UPDATE rank_fold AS f SET next_node_no = f.next_node_no + 1
	WHERE f.board_no = board
	RETURNING f.next_node_no - 1
$$;
COMMENT ON FUNCTION bixarena.rank_new_node(integer) IS 'a number for a new node';

CREATE FUNCTION bixarena.rank_create(board integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
BEGIN
	INSERT INTO rank_fold (board_no, server, next_xid, open_xids, next_node_no)
	VALUES (board, bixarena.rank_server(), pg_current_xact_id(), '{}', 3);
	PERFORM bixarena.rank_put(board, 1, 1, '{""}', NULL, '{0}');
	PERFORM bixarena.rank_put(board, 2, 2, '{""}', '{1}', '{0}');
END
$$;
COMMENT ON FUNCTION bixarena.rank_create(integer) IS 'the counts of a board without players';

CREATE FUNCTION bixarena.rank_add_to(counts integer[], range_nos integer[], signs integer[])
RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
	FOR i IN 1 .. cardinality(range_nos) LOOP
		counts[range_nos[i]] := counts[range_nos[i]] + signs[i];
	END LOOP;
	RETURN counts;
END
$$;
COMMENT ON FUNCTION bixarena.rank_add_to(integer[], integer[], integer[]) IS
	'counts with changes to some of them';

CREATE FUNCTION bixarena.rank_add(board integer, places bytea[], signs integer[])
RETURNS TABLE (node_no integer, total bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
#variable_conflict use_column
DECLARE
	most constant integer := 64;
BEGIN
	-- those of level 1 that have become empty or too full
	RETURN QUERY
	WITH moved AS MATERIALIZED (
		SELECT n.node_no, n.first_place, pg_catalog.width_bucket(m.place, n.bounds) AS range_no,
			sum(m.sign)::integer AS sign
		FROM ROWS FROM (pg_catalog.unnest(places), pg_catalog.unnest(signs)) AS m (place, sign)
		CROSS JOIN LATERAL (
			SELECT r.node_no, r.first_place, r.bounds FROM rank_node AS r
			WHERE r.board_no = board AND r.level = 1 AND r.first_place <= m.place
			ORDER BY r.first_place DESC LIMIT 1
		) AS n
		GROUP BY 1, 2, 3
	), nodes AS (
		SELECT m.node_no, m.first_place, sum(m.sign)::integer AS sign,
			array_agg(m.range_no) AS range_nos, array_agg(m.sign) AS signs
		FROM moved AS m GROUP BY 1, 2
	), tops AS (
		SELECT t.node_no, array_agg(t.range_no) AS range_nos, array_agg(t.sign) AS signs,
			sum(t.sign)::integer AS sign
		FROM (
			SELECT r.node_no, pg_catalog.width_bucket(n.first_place, r.bounds) AS range_no,
				n.sign
			FROM nodes AS n
			CROSS JOIN LATERAL (
				SELECT r.node_no, r.bounds FROM rank_node AS r
				WHERE r.board_no = board AND r.level = 2 AND r.first_place <= n.first_place
				ORDER BY r.first_place DESC LIMIT 1
			) AS r
			WHERE n.sign <> 0
		) AS t
		GROUP BY 1
	)
	UPDATE rank_count AS c
	SET total = c.total + d.sign, counts = bixarena.rank_add_to(c.counts, d.range_nos, d.signs)
	FROM (
		SELECT 1 AS level, n.node_no, n.sign, n.range_nos, n.signs FROM nodes AS n
		UNION ALL
		SELECT 2, t.node_no, t.sign, t.range_nos, t.signs FROM tops AS t
	) AS d
	WHERE c.board_no = board AND c.node_no = d.node_no
	RETURNING CASE WHEN d.level = 1 AND (c.total = 0 OR most < ANY (c.counts)) THEN c.node_no END, c.total;
END
$$;
COMMENT ON FUNCTION bixarena.rank_add(integer, bytea[], integer[]) IS
	'add players at places to the counts, or (-1) take them away: the nodes that have become empty or too full';

CREATE FUNCTION bixarena.rank_parts(board integer, lower bytea, upper bytea,
	OUT bounds bytea[], OUT counts integer[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	per_range constant integer := 40;
BEGIN
	-- One statement: the players that are there, less the events that the counts do
	-- not have, is what the counts have.
	WITH bound AS MATERIALIZED (
		SELECT array_agg(p.place ORDER BY p.place) AS places
		FROM (
			SELECT CASE row_number() OVER (ORDER BY s.place) WHEN 1 THEN lower ELSE s.place END AS place,
				row_number() OVER (ORDER BY s.place) AS n
			FROM score AS s
			WHERE s.board_no = board AND s.place >= lower AND (upper IS NULL OR s.place < upper)
			UNION ALL
			SELECT lower, 1
			WHERE NOT EXISTS (SELECT FROM score AS s WHERE s.board_no = board
				AND s.place >= lower AND (upper IS NULL OR s.place < upper))
		) AS p
		WHERE p.n % per_range = 1
	), changed (place, sign) AS (
		SELECT s.place, 1
		FROM score AS s
		WHERE s.board_no = board AND s.place >= lower AND (upper IS NULL OR s.place < upper)
		UNION ALL
		SELECT m.place, -m.sign
		FROM bixarena.rank_moves(board) AS m
		WHERE m.place >= lower AND (upper IS NULL OR m.place < upper)
	), counted AS (
		SELECT pg_catalog.width_bucket(c.place, b.places) AS n, sum(c.sign)::integer AS players
		FROM changed AS c, bound AS b
		GROUP BY 1
	)
	SELECT b.places, ARRAY(SELECT coalesce(c.players, 0)
		FROM pg_catalog.generate_series(1, cardinality(b.places)) AS g (n)
		LEFT JOIN counted AS c ON c.n = g.n
		ORDER BY g.n)
	INTO bounds, counts
	FROM bound AS b;
END
$$;
COMMENT ON FUNCTION bixarena.rank_parts(integer, bytea, bytea) IS
	'a range in parts, and the players that the counts have in each';

CREATE FUNCTION bixarena.rank_join_small(INOUT bounds bytea[], INOUT counts integer[])
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
DECLARE
	few constant integer := 24;
	kept_bounds bytea[] := bounds[1:1];
	kept_counts integer[] := counts[1:1];
	last integer := 1;
BEGIN
	FOR i IN 2 .. cardinality(bounds) LOOP
		IF kept_counts[last] + counts[i] <= few THEN
			kept_counts[last] := kept_counts[last] + counts[i];
		ELSE
			last := last + 1;
			kept_bounds[last] := bounds[i];
			kept_counts[last] := counts[i];
		END IF;
	END LOOP;
	bounds := kept_bounds;
	counts := kept_counts;
END
$$;
COMMENT ON FUNCTION bixarena.rank_join_small(bytea[], integer[]) IS
	'neighbouring ranges with few players made one';

CREATE FUNCTION bixarena.rank_write(board integer, level integer, node_no integer,
	bounds bytea[], children integer[], counts integer[],
	OUT new_bounds bytea[], OUT new_nodes integer[], OUT new_totals integer[])
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	most constant integer := 128;
	part constant integer := 80;
	length integer := cardinality(bounds);
	step integer := CASE WHEN length > most THEN part ELSE length END;
	part_no integer := node_no;
BEGIN
	-- a node that is too long becomes several, the first of which is the old one
	new_bounds := '{}'; new_nodes := '{}'; new_totals := '{}';
	FOR i IN 1 .. length BY step LOOP
		IF i > 1 THEN
			part_no := bixarena.rank_new_node(board);
		END IF;
		PERFORM bixarena.rank_put(board, part_no, level, bounds[i : i + step - 1],
			children[i : i + step - 1], counts[i : i + step - 1]);
		new_bounds := new_bounds || bounds[i];
		new_nodes := new_nodes || part_no;
		new_totals := new_totals || bixarena.rank_sum(counts[i : i + step - 1], step)::integer;
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena.rank_write(integer, integer, integer, bytea[], integer[], integer[]) IS
	'write a node in as many parts as it takes';

CREATE FUNCTION bixarena.rank_split(board integer, full_node integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	most constant integer := 64;
	node record;
	top record;
	ranges record;
	parts record;
	bounds bytea[] := '{}';
	counts integer[] := '{}';
	after bytea;
	child integer;
BEGIN
	SELECT n.first_place, n.bounds, c.counts, (
		SELECT r.first_place FROM rank_node AS r
		WHERE r.board_no = board AND r.level = 1 AND r.first_place > n.first_place
		ORDER BY r.first_place LIMIT 1) AS after
	INTO STRICT node
	FROM rank_node AS n
	JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
	WHERE n.board_no = board AND n.node_no = full_node AND n.level = 1;

	FOR i IN 1 .. cardinality(node.bounds) LOOP
		IF node.counts[i] <= most THEN
			bounds := bounds || node.bounds[i];
			counts := counts || node.counts[i];
		ELSE
			SELECT p.* INTO parts
			FROM bixarena.rank_parts(board, node.bounds[i],
				coalesce(node.bounds[i + 1], node.after)) AS p;
			bounds := bounds || parts.bounds;
			counts := counts || parts.counts;
		END IF;
	END LOOP;
	SELECT j.* INTO ranges FROM bixarena.rank_join_small(bounds, counts) AS j;
	SELECT w.* INTO parts
	FROM bixarena.rank_write(board, 1, full_node, ranges.bounds, NULL, ranges.counts) AS w;
	IF cardinality(parts.new_nodes) = 1 THEN
		RETURN;
	END IF;

	SELECT n.node_no, n.bounds, n.children, c.counts INTO STRICT top
	FROM rank_node AS n
	JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
	WHERE n.board_no = board AND n.level = 2 AND n.first_place <= node.first_place
	ORDER BY n.first_place DESC LIMIT 1;
	child := pg_catalog.width_bucket(node.first_place, top.bounds);
	PERFORM bixarena.rank_write(board, 2, top.node_no,
		top.bounds[:child - 1] || parts.new_bounds || top.bounds[child + 1:],
		top.children[:child - 1] || parts.new_nodes || top.children[child + 1:],
		top.counts[:child - 1] || parts.new_totals || top.counts[child + 1:]);
END
$$;
COMMENT ON FUNCTION bixarena.rank_split(integer, integer) IS
	'split what is too full of a node of level 1, and the node if it has become too long';

CREATE FUNCTION bixarena.rank_drop(board integer, empty_node integer)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	node record;
	top record;
	child integer;
BEGIN
	SELECT n.first_place INTO STRICT node
	FROM rank_node AS n WHERE n.board_no = board AND n.node_no = empty_node;
	SELECT n.node_no, n.bounds, n.children, c.counts INTO STRICT top
	FROM rank_node AS n
	JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
	WHERE n.board_no = board AND n.level = 2 AND n.first_place <= node.first_place
	ORDER BY n.first_place DESC LIMIT 1;
	child := pg_catalog.width_bucket(node.first_place, top.bounds);
	IF child = 1 THEN
		-- nothing in front of it could take its places
		RETURN;
	END IF;
	DELETE FROM rank_node AS n WHERE n.board_no = board AND n.node_no = empty_node;
	DELETE FROM rank_count AS c WHERE c.board_no = board AND c.node_no = empty_node;
	PERFORM bixarena.rank_put(board, top.node_no, 2,
		top.bounds[:child - 1] || top.bounds[child + 1:],
		top.children[:child - 1] || top.children[child + 1:],
		top.counts[:child - 1] || top.counts[child + 1:]);
END
$$;
COMMENT ON FUNCTION bixarena.rank_drop(integer, integer) IS
	'give the places of a node without players to the one before it';

CREATE FUNCTION bixarena.rank_fold(board integer)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	changed record;
	node record;
BEGIN
	-- one at a time, which nobody waits for
	PERFORM FROM rank_fold AS f WHERE f.board_no = board FOR UPDATE SKIP LOCKED;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	SELECT now.snapshot, moved.places, moved.signs, moved.last INTO changed
	FROM (SELECT pg_current_snapshot() AS snapshot) AS now
	CROSS JOIN (
		SELECT array_agg(m.place) AS places, array_agg(m.sign) AS signs,
			max(m.event_id) AS last
		FROM bixarena.rank_moves(board) AS m
		-- this transaction may have more to come
		WHERE m.xid <> pg_current_xact_id()
	) AS moved;
	UPDATE rank_fold AS f
	SET next_xid = pg_snapshot_xmax(changed.snapshot), folded_at = clock_timestamp(),
		last_event_id = greatest(f.last_event_id, changed.last),
		open_xids = ARRAY(SELECT pg_snapshot_xip(changed.snapshot)
			UNION SELECT pg_current_xact_id())
	WHERE f.board_no = board;

	IF changed.places IS NOT NULL THEN
		FOR node IN
			SELECT a.node_no, a.total FROM bixarena.rank_add(board, changed.places, changed.signs) AS a
			WHERE a.node_no IS NOT NULL
		LOOP
			IF node.total = 0 THEN
				PERFORM bixarena.rank_drop(board, node.node_no);
			ELSE
				PERFORM bixarena.rank_split(board, node.node_no);
			END IF;
		END LOOP;
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION bixarena.rank_fold(integer) IS
	'fold the events that the counts do not have into them; false if somebody is at it';

/*
 * Do counts and scores agree?
 */

CREATE FUNCTION bixarena.rank_differences(board integer)
RETURNS TABLE (first_place bytea, counted bigint, players bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
	RETURN QUERY
	WITH ranges AS (
		SELECT r.bound, r.players
		FROM rank_node AS n
		JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
		CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(n.bounds), pg_catalog.unnest(c.counts)) AS r (bound, players)
		WHERE n.board_no = board AND n.level = 1
	), line (place, counted, sign) AS (
		-- each bound, and behind it the players up to the next
		SELECT r.bound, r.players, 0 FROM ranges AS r
		UNION ALL
		SELECT s.place, NULL, 1 FROM score AS s WHERE s.board_no = board
		UNION ALL
		SELECT m.place, NULL, -m.sign FROM bixarena.rank_moves(board) AS m
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
	-- nodes of level 2, and what they have of level 1
	SELECT t.bound, t.players, coalesce(c.total, -1)
	FROM (
		SELECT r.bound, r.child, r.players::bigint AS players
		FROM rank_node AS n
		JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
		CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(n.bounds), pg_catalog.unnest(n.children),
			pg_catalog.unnest(c.counts)) AS r (bound, child, players)
		WHERE n.board_no = board AND n.level = 2
	) AS t
	LEFT JOIN rank_node AS l ON l.board_no = board AND l.level = 1 AND l.first_place = t.bound
		AND l.node_no = t.child
	LEFT JOIN rank_count AS c ON c.board_no = board AND c.node_no = l.node_no
	WHERE t.players <> coalesce(c.total, -1)
	UNION ALL
	SELECT n.first_place, c.total, bixarena.rank_sum(c.counts, cardinality(c.counts))
	FROM rank_node AS n
	JOIN rank_count AS c ON c.board_no = n.board_no AND c.node_no = n.node_no
	WHERE n.board_no = board
		AND (c.total <> bixarena.rank_sum(c.counts, cardinality(c.counts))
			OR cardinality(c.counts) <> cardinality(n.bounds));
END
$$;
COMMENT ON FUNCTION bixarena.rank_differences(integer) IS
	'ranges of a board whose count is not the number of its players';
