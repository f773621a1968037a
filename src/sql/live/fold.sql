/*
 * Folding: the battles that the log names are recounted, and what differs from what
 * was counted of them goes into the tally.
 *
 * It is one statement, which sees one snapshot: the entries that it takes are exactly
 * those whose changes it sees.  An entry that comes later is of the next fold.  A
 * battle that is named for no reason costs its recount, and changes nothing.
 *
 * These run with the rights of the tally's owner (tally.c).
 */

CREATE FUNCTION bixarena.live_named_sql(arena text, schema text, sources jsonb, take boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The parts of a statement that find what counts of the battles that the log names
	-- ("fresh"), and what was counted of them ("old").  The subquery is planned for one
	-- battle, by its id: without OFFSET it would be joined, and all battles be read.
	-- What is sorted before it is grouped is not sorted in each group.
	SELECT format($sql$
		taken AS MATERIALIZED (%3$s),
		entry AS (SELECT t.kind, k.key FROM taken AS t, unnest(t.keys) AS k (key)),
		named AS MATERIALIZED (SELECT e.key AS battle_id FROM entry AS e WHERE e.kind = 'b' %4$s),
		fresh AS MATERIALIZED (
			SELECT s.battle_id, s.model1_id, s.model2_id, s.outcome, array_agg(s.leaderboard) AS leaderboards
			FROM (
				SELECT r.* FROM (SELECT DISTINCT n.battle_id FROM named AS n) AS n
				CROSS JOIN LATERAL (
					SELECT q.battle_id, q.model1_id, q.model2_id,
						q.outcome::text COLLATE "C" AS outcome, q.leaderboard::text COLLATE "C" AS leaderboard
					FROM (%1$s) AS q WHERE q.battle_id = n.battle_id OFFSET 0) AS r
				WHERE r.leaderboard IS NOT NULL
				ORDER BY 1, 2, 3, 4, 5) AS s
			GROUP BY 1, 2, 3, 4),
		old AS MATERIALIZED (
			SELECT c.ctid AS place, c.battle_id, c.model1_id, c.model2_id, c.outcome, c.leaderboards
			FROM (SELECT DISTINCT n.battle_id FROM named AS n) AS n
			JOIN %2$I.counted AS c ON c.battle_id = n.battle_id)$sql$,
		bixarena.live_battle_query(arena), schema,
		CASE WHEN take THEN format('DELETE FROM %I.log AS l RETURNING l.kind, l.keys', schema)
			ELSE format('SELECT l.kind, l.keys FROM %I.log AS l', schema) END,
		(SELECT string_agg(DISTINCT format(
				'UNION ALL SELECT v.%I FROM entry AS e JOIN %s AS v ON v.%I = e.key WHERE e.kind = %L',
				s.via_battle, s.via::regclass, s.via_column, s.kind), ' ')
			FROM bixarena.live_sources(arena, sources) AS s
			WHERE s.via IS NOT NULL))
$$;
COMMENT ON FUNCTION bixarena.live_named_sql(text, text, jsonb, boolean) IS
	'parts of a statement: what counts, and was counted, of the battles that the log names';

CREATE FUNCTION bixarena.live_all_sql(arena text, schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($sql$
		taken AS (DELETE FROM %2$I.log),
		fresh AS MATERIALIZED (
			SELECT s.battle_id, s.model1_id, s.model2_id, s.outcome, array_agg(s.leaderboard) AS leaderboards
			FROM (
				SELECT q.battle_id, q.model1_id, q.model2_id,
					q.outcome::text COLLATE "C" AS outcome, q.leaderboard::text COLLATE "C" AS leaderboard
				FROM (%1$s) AS q
				WHERE q.leaderboard IS NOT NULL
				ORDER BY 1, 2, 3, 4, 5) AS s
			GROUP BY 1, 2, 3, 4),
		old AS MATERIALIZED (
			SELECT c.ctid AS place, c.battle_id, c.model1_id, c.model2_id, c.outcome, c.leaderboards
			FROM %2$I.counted AS c)$sql$,
		bixarena.live_battle_query(arena), schema)
$$;
COMMENT ON FUNCTION bixarena.live_all_sql(text, text) IS
	'parts of a statement: what counts, and was counted, of all battles';

CREATE FUNCTION bixarena.live_difference_sql()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $sql$,
		lost AS MATERIALIZED (
			SELECT o.* FROM old AS o WHERE NOT EXISTS (SELECT FROM fresh AS f
				WHERE f.battle_id = o.battle_id AND f.model1_id IS NOT DISTINCT FROM o.model1_id
					AND f.model2_id IS NOT DISTINCT FROM o.model2_id
					AND f.outcome IS NOT DISTINCT FROM o.outcome AND f.leaderboards = o.leaderboards)),
		gained AS MATERIALIZED (
			SELECT f.* FROM fresh AS f WHERE NOT EXISTS (SELECT FROM old AS o
				WHERE o.battle_id = f.battle_id AND f.model1_id IS NOT DISTINCT FROM o.model1_id
					AND f.model2_id IS NOT DISTINCT FROM o.model2_id
					AND f.outcome IS NOT DISTINCT FROM o.outcome AND f.leaderboards = o.leaderboards)),
		difference AS (
			SELECT l.leaderboard, d.model1_id, d.model2_id, d.outcome, sum(d.battles)::bigint AS battles
			FROM (
				SELECT g.model1_id, g.model2_id, g.outcome, g.leaderboards, 1 AS battles FROM gained AS g
				UNION ALL
				SELECT o.model1_id, o.model2_id, o.outcome, o.leaderboards, -1 FROM lost AS o
			) AS d, unnest(d.leaderboards) AS l (leaderboard)
			GROUP BY 1, 2, 3, 4
			HAVING sum(d.battles) <> 0)$sql$
$$;
COMMENT ON FUNCTION bixarena.live_difference_sql() IS
	'parts of a statement: in what that which counts differs from what was counted';

CREATE FUNCTION bixarena.live_store_sql(schema text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($sql$,
		dropped AS (DELETE FROM %1$I.counted AS c USING lost AS o
			WHERE c.battle_id = o.battle_id AND c.ctid = o.place),
		stored AS (INSERT INTO %1$I.counted (battle_id, model1_id, model2_id, outcome, leaderboards)
			SELECT g.battle_id, g.model1_id, g.model2_id, g.outcome, g.leaderboards FROM gained AS g)$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_store_sql(text) IS
	'parts of a statement: what counts becomes what was counted';

CREATE FUNCTION bixarena.live_fold(arena text, schema text, sources jsonb, OUT changed bigint, OUT doubt text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	least bigint;
	entries bigint;
	is_asked boolean;
BEGIN
	EXECUTE 'WITH ' || bixarena.live_named_sql(arena, schema, sources, true)
		|| bixarena.live_difference_sql() || bixarena.live_store_sql(schema) || format($sql$,
		summed AS (INSERT INTO %I.tally AS t (leaderboard, model1_id, model2_id, outcome, battles)
			SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.battles FROM difference AS d
			ON CONFLICT (leaderboard, model1_id, model2_id, outcome)
			DO UPDATE SET battles = t.battles + EXCLUDED.battles
			RETURNING t.battles)
		SELECT (SELECT count(DISTINCT b.battle_id)
				FROM (SELECT g.battle_id FROM gained AS g UNION ALL SELECT o.battle_id FROM lost AS o) AS b),
			(SELECT min(s.battles) FROM summed AS s), (SELECT count(*) FROM taken),
			EXISTS (SELECT FROM taken AS t WHERE t.kind = '*')$sql$, schema)
	INTO changed, least, entries, is_asked;
	doubt := CASE WHEN is_asked THEN 'all battles may have changed'
		WHEN least < 0 THEN 'it had fewer battles than were counted' END;
	IF doubt IS NULL AND entries > 0 THEN
		EXECUTE format('UPDATE %I.state SET folded_at = clock_timestamp(), changed = changed + $1', schema)
		USING changed;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_fold(text, text, jsonb) IS
	'bring a kept tally up to date: how many battles count otherwise than before, or why all are to be counted anew';

CREATE FUNCTION bixarena.live_recount(arena text, schema text, sources jsonb, why text, facts text[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	counted bigint;
	nameless bigint;
	changed bigint;
BEGIN
	-- what is not distinct is not hashed: without equality of the ids, every row of a
	-- leaderboard would be compared with every other
	EXECUTE 'WITH ' || bixarena.live_all_sql(arena, schema)
		|| bixarena.live_difference_sql() || bixarena.live_store_sql(schema) || format($sql$,
		total AS MATERIALIZED (
			SELECT l.leaderboard, f.model1_id, f.model2_id, f.outcome, count(*) AS battles
			FROM fresh AS f, unnest(f.leaderboards) AS l (leaderboard)
			GROUP BY 1, 2, 3, 4),
		summed AS (INSERT INTO %1$I.tally AS t (leaderboard, model1_id, model2_id, outcome, battles)
			SELECT n.leaderboard, n.model1_id, n.model2_id, n.outcome, n.battles FROM total AS n
			WHERE NOT EXISTS (SELECT FROM %1$I.tally AS k
				WHERE k.leaderboard = n.leaderboard AND k.battles = n.battles
					AND k.model1_id IS NOT DISTINCT FROM n.model1_id
					AND k.model2_id IS NOT DISTINCT FROM n.model2_id
					AND k.outcome IS NOT DISTINCT FROM n.outcome
					AND coalesce(k.model1_id, '00000000-0000-0000-0000-000000000000') = coalesce(n.model1_id, '00000000-0000-0000-0000-000000000000')
					AND coalesce(k.model2_id, '00000000-0000-0000-0000-000000000000') = coalesce(n.model2_id, '00000000-0000-0000-0000-000000000000'))
			ON CONFLICT (leaderboard, model1_id, model2_id, outcome)
			DO UPDATE SET battles = EXCLUDED.battles),
		cleared AS (DELETE FROM %1$I.tally AS t WHERE NOT EXISTS (SELECT FROM total AS n
			WHERE n.leaderboard = t.leaderboard AND n.model1_id IS NOT DISTINCT FROM t.model1_id
				AND n.model2_id IS NOT DISTINCT FROM t.model2_id AND n.outcome IS NOT DISTINCT FROM t.outcome
				AND coalesce(n.model1_id, '00000000-0000-0000-0000-000000000000') = coalesce(t.model1_id, '00000000-0000-0000-0000-000000000000')
				AND coalesce(n.model2_id, '00000000-0000-0000-0000-000000000000') = coalesce(t.model2_id, '00000000-0000-0000-0000-000000000000')))
		SELECT f.counted, f.nameless, greatest((SELECT count(*) FROM gained), (SELECT count(*) FROM lost))
		FROM (SELECT count(*) AS counted, count(*) FILTER (WHERE f.battle_id IS NULL) AS nameless FROM fresh AS f) AS f$sql$,
		schema)
	INTO counted, nameless, changed;
	IF nameless > 0 THEN
		RAISE EXCEPTION 'battles of arena "%" have no battle_id', arena
			USING ERRCODE = 'null_value_not_allowed',
				HINT = 'A tally can be kept of battles that have one each.';
	END IF;
	EXECUTE format('UPDATE %I.state SET facts = $1, folded_at = clock_timestamp(),'
		' recounted_at = clock_timestamp(), recounted_why = $2, changed = changed + $3', schema)
	USING facts, why, changed;
	RETURN counted;
END
$$;
COMMENT ON FUNCTION bixarena.live_recount(text, text, jsonb, text, text[]) IS
	'count all battles of a kept tally; returns how many count';

CREATE FUNCTION bixarena.live_counts_sql(arena text, schema text, sources jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'WITH ' || bixarena.live_named_sql(arena, schema, sources, false)
		|| bixarena.live_difference_sql() || format($sql$
		SELECT t.leaderboard, t.model1_id, t.model2_id, t.outcome, t.battles FROM %I.tally AS t
		UNION ALL
		SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.battles FROM difference AS d$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_counts_sql(text, text, jsonb) IS
	'the query that says what a kept tally would be if it were folded now';

CREATE FUNCTION bixarena.live_compare_sql(arena text, schema text, sources jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- both sides in one statement, so that they are of one moment
	SELECT format($sql$
		SELECT b.leaderboard, b.model1_id, b.model2_id, b.outcome,
			sum(b.kept)::bigint AS kept, sum(b.recounted)::bigint AS recounted
		FROM (
			SELECT c.leaderboard, c.model1_id, c.model2_id, c.outcome, c.battles AS kept, 0 AS recounted
			FROM (%1$s) AS c
			UNION ALL
			SELECT q.leaderboard::text COLLATE "C", q.model1_id, q.model2_id, q.outcome::text COLLATE "C", 0, count(*)
			FROM (%2$s) AS q
			WHERE $1 IS NULL OR q.leaderboard::text = $1
			GROUP BY 1, 2, 3, 4
		) AS b
		WHERE b.leaderboard IS NOT NULL AND ($1 IS NULL OR b.leaderboard = $1)
		GROUP BY 1, 2, 3, 4
		HAVING sum(b.kept) <> sum(b.recounted)
		ORDER BY 1, 2, 3, 4$sql$,
		bixarena.live_counts_sql(arena, schema, sources), bixarena.live_battle_query(arena))
$$;
COMMENT ON FUNCTION bixarena.live_compare_sql(text, text, jsonb) IS
	'the query that says in what a kept tally and a recount of the battles differ';

CREATE FUNCTION bixarena.live_note_verified(schema text, differences bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE format('UPDATE %I.state SET verified_at = clock_timestamp(), differences = $1', schema)
	USING differences;
	IF differences > 0 THEN
		EXECUTE format('INSERT INTO %I.log (kind) VALUES (''*'')', schema);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_note_verified(text, bigint) IS
	'put on record what a verification found; what differs is counted anew by the next run';

CREATE FUNCTION bixarena.live_notify(arena text, schema text, channel text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	told bigint;
BEGIN
	-- at most once a second: what is not told now is told by a later fold.  A queue that
	-- is nearly full takes none, lest the commit fail for it.
	IF pg_notification_queue_usage() >= 0.9 THEN
		RETURN;
	END IF;
	EXECUTE format('UPDATE %I.state AS s SET told = s.changed, notified_at = clock_timestamp()'
		' FROM %1$I.state AS o WHERE s.changed > s.told'
		' AND (s.notified_at IS NULL OR clock_timestamp() >= s.notified_at + interval ''1 second'')'
		' RETURNING s.changed - o.told', schema)
	INTO told;
	IF told > 0 THEN
		PERFORM pg_notify(channel, jsonb_build_object('arena', arena, 'changed_battles', told,
			'timestamp', clock_timestamp())::text);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_notify(text, text, text) IS
	'tell that folds have changed the tally, at most once a second';

CREATE FUNCTION bixarena.live_state_of(schema text, facts text[])
RETURNS TABLE (doubt text, log_bytes bigint, folded_at timestamptz, recounted_at timestamptz,
	recounted_why text, verified_at timestamptz, differences bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT $2, pg_relation_size(to_regclass($1)), s.folded_at,'
		' s.recounted_at, s.recounted_why, s.verified_at, s.differences FROM %I.state AS s', schema)
	USING format('%I.log', schema), bixarena.live_doubt(schema, facts);
END
$$;
COMMENT ON FUNCTION bixarena.live_state_of(text, text[]) IS 'what there is to say of a kept tally';
