/*
 * Folding: the battles that the log names are recounted, and what differs from what
 * was counted of them goes into the tally.
 *
 * It is one statement, which sees one snapshot: the entries that it takes are exactly
 * those whose changes it sees.  An entry that comes later is of the next fold.  A
 * battle that is named for no reason costs its recount, and changes nothing.
 *
 * A row of what is counted is a battle with all its leaderboards, and a row of the
 * tally two models and an outcome with all theirs: so a battle changes one row of
 * each, whatever it counts for.
 *
 * These run with the rights of the tally's owner (tally.c).
 */

CREATE FUNCTION bixarena.live_application_groups(arena text, battle text)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_application_groups'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_application_groups(text, text) IS
	'the query that says for what the battles count, by the application''s tables: of the battle that an '
	'expression has the id of, or with null of all';

CREATE FUNCTION bixarena.live_slugs(slugs text[], more text[])
RETURNS text[]
AS 'MODULE_PATHNAME', 'bixarena_live_slugs'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.live_slugs(text[], text[]) IS
	'slugs, and those of more that are not among them';

CREATE FUNCTION bixarena.live_sums(slugs text[], counts bigint[], more text[], changes bigint[])
RETURNS bigint[]
AS 'MODULE_PATHNAME', 'bixarena_live_sums'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.live_sums(text[], bigint[], text[], bigint[]) IS
	'counts of what live_slugs() gives: those of slugs, with the changes of more added';

CREATE FUNCTION bixarena.live_count(slugs text[], counts bigint[], slug text)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_live_count'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.live_count(text[], bigint[], text) IS
	'of counts beside slugs that of one, 0 if it is not among them';

CREATE FUNCTION bixarena.live_has_voters(arena text)
RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT to_regclass(format('%I.leaderboard_battle', arena)) IS NULL OR EXISTS (
		SELECT FROM pg_attribute AS a
		WHERE a.attrelid = to_regclass(format('%I.leaderboard_battle', arena))
			AND a.attname = 'voter_id' AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped)
$$;
COMMENT ON FUNCTION bixarena.live_has_voters(text) IS 'is it known who cast the battles of an arena?';

CREATE FUNCTION bixarena.live_groups_sql(arena text, battle text)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- what is sorted before it is grouped is not sorted in each group
	SELECT CASE WHEN to_regclass(format('%I.leaderboard_battle', arena)) IS NULL
		THEN bixarena.live_application_groups(arena, battle)
		ELSE format($sql$
			SELECT s.battle_id, s.model1_id, s.model2_id, s.outcome, s.voter_id, array_agg(s.leaderboard) AS leaderboards
			FROM (
				SELECT q.battle_id, q.model1_id, q.model2_id, q.outcome::text COLLATE "C" AS outcome, %s AS voter_id,
					q.leaderboard::text COLLATE "C" AS leaderboard
				FROM (%s) AS q
				WHERE q.leaderboard IS NOT NULL %s
				ORDER BY 1, 2, 3, 4, 5, 6) AS s
			GROUP BY 1, 2, 3, 4, 5$sql$,
			CASE WHEN bixarena.live_has_voters(arena) THEN 'q.voter_id' ELSE 'NULL::uuid' END,
			bixarena.live_battle_query(arena), 'AND q.battle_id = ' || battle) END
$$;
COMMENT ON FUNCTION bixarena.live_groups_sql(text, text) IS
	'the query that says for what the battles count, a row each: of the battle that an expression has the id of, '
	'or with null of all';

CREATE FUNCTION bixarena.live_named_sql(arena text, schema text, sources jsonb, take boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- The parts of a statement that find what counts of the battles that the log names
	-- ("fresh"), and what was counted of them ("old").  The subquery is planned for one
	-- battle, by its id: without OFFSET it would be joined, and all battles be read.
	SELECT format($sql$
		taken AS MATERIALIZED (%3$s),
		entry AS (SELECT t.kind, k.key FROM taken AS t, unnest(t.keys) AS k (key)),
		named AS MATERIALIZED (SELECT DISTINCT a.battle_id
			FROM (SELECT e.key AS battle_id FROM entry AS e WHERE e.kind = 'b' %4$s) AS a),
		fresh AS MATERIALIZED (
			SELECT r.battle_id, r.model1_id, r.model2_id, r.outcome, r.voter_id, r.leaderboards
			FROM named AS n CROSS JOIN LATERAL (%1$s OFFSET 0) AS r),
		old AS MATERIALIZED (
			SELECT c.battle_id, c.model1_id, c.model2_id, c.outcome, c.voter_id, c.leaderboards, c.ctid AS place
			FROM named AS n JOIN %2$I.counted AS c ON c.battle_id = n.battle_id)$sql$,
		bixarena.live_groups_sql(arena, 'n.battle_id'), schema,
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
		fresh AS MATERIALIZED (%1$s),
		old AS MATERIALIZED (
			SELECT c.battle_id, c.model1_id, c.model2_id, c.outcome, c.voter_id, c.leaderboards, c.ctid AS place
			FROM %2$I.counted AS c)$sql$,
		bixarena.live_groups_sql(arena, NULL), schema)
$$;
COMMENT ON FUNCTION bixarena.live_all_sql(text, text) IS
	'parts of a statement: what counts, and was counted, of all battles';

CREATE FUNCTION bixarena.live_changed_sql()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- one grouping, to which nulls are alike
	SELECT $sql$,
		changed_row AS MATERIALIZED (
			SELECT d.battle_id, d.model1_id, d.model2_id, d.outcome, d.voter_id, d.leaderboards, sum(d.battles)::integer AS battles
			FROM (SELECT f.battle_id, f.model1_id, f.model2_id, f.outcome, f.voter_id, f.leaderboards, 1 AS battles
				FROM fresh AS f
				UNION ALL
				SELECT o.battle_id, o.model1_id, o.model2_id, o.outcome, o.voter_id, o.leaderboards, -1 FROM old AS o) AS d
			GROUP BY 1, 2, 3, 4, 5, 6
			HAVING sum(d.battles) <> 0),
		changed AS MATERIALIZED (SELECT DISTINCT r.battle_id FROM changed_row AS r)$sql$
$$;
COMMENT ON FUNCTION bixarena.live_changed_sql() IS
	'parts of a statement: in what that which counts differs from what was counted';

CREATE FUNCTION bixarena.live_difference_sql()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT $sql$,
		difference AS (
			SELECT r.leaderboard, r.model1_id, r.model2_id, r.outcome, sum(r.battles) AS battles
			FROM (SELECT unnest(c.leaderboards) AS leaderboard, c.model1_id, c.model2_id, c.outcome, c.battles
				FROM changed_row AS c) AS r
			GROUP BY 1, 2, 3, 4
			HAVING sum(r.battles) <> 0)$sql$
$$;
COMMENT ON FUNCTION bixarena.live_difference_sql() IS
	'parts of a statement: by how many battles the tally differs from what counts';

CREATE FUNCTION bixarena.live_store_sql(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($sql$,
		dropped AS (DELETE FROM %1$I.counted AS c USING changed AS h, old AS o
			WHERE o.battle_id = h.battle_id AND c.ctid = o.place),
		stored AS (INSERT INTO %1$I.counted (battle_id, model1_id, model2_id, outcome, voter_id, leaderboards)
			SELECT f.battle_id, f.model1_id, f.model2_id, f.outcome, f.voter_id, f.leaderboards
			FROM fresh AS f JOIN changed AS h ON h.battle_id = f.battle_id)$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_store_sql(text) IS
	'parts of a statement: what counts becomes what was counted';

CREATE FUNCTION bixarena.live_sum_sql(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format($sql$,
		summed AS (INSERT INTO %1$I.tally AS t (model1_id, model2_id, outcome, leaderboards, battles)
			SELECT d.model1_id, d.model2_id, d.outcome, array_agg(d.leaderboard), array_agg(d.battles)
			FROM difference AS d
			GROUP BY 1, 2, 3
			ON CONFLICT (model1_id, model2_id, outcome)
			DO UPDATE SET leaderboards = bixarena.live_slugs(t.leaderboards, EXCLUDED.leaderboards),
				battles = bixarena.live_sums(t.leaderboards, t.battles, EXCLUDED.leaderboards, EXCLUDED.battles)
			RETURNING 0 > ANY (t.battles) AS is_negative)$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_sum_sql(text) IS
	'parts of a statement: the difference goes into the tally';

CREATE FUNCTION bixarena.live_is_long(schema text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	few bigint := greatest(10000, pg_relation_size(to_regclass(format('%I.counted', schema))) / (8 * 150));
	is_long boolean;
BEGIN
	-- A battle is found by its id in the time that eight are counted in, of about 150
	-- bytes each.  One that is new is named several times.
	EXECUTE format('SELECT coalesce(sum(cardinality(l.keys)), 0) > $1 FROM %I.log AS l', schema)
	INTO is_long
	USING few;
	IF is_long THEN
		EXECUTE format('SELECT max(n.keys) > $1 FROM (SELECT count(DISTINCT k.key) AS keys'
			' FROM %I.log AS l, unnest(l.keys) AS k (key) GROUP BY l.kind) AS n', schema)
		INTO is_long
		USING few;
	END IF;
	RETURN is_long;
END
$$;
COMMENT ON FUNCTION bixarena.live_is_long(text) IS
	'does a log name so many battles that it takes less to count all?';

CREATE FUNCTION bixarena.live_fold(arena text, schema text, sources jsonb, OUT changed bigint, OUT doubt text)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	is_negative boolean;
	entries bigint;
	is_asked boolean;
BEGIN
	IF bixarena.live_is_long(schema) THEN
		doubt := 'so many battles had changed';
		RETURN;
	END IF;
	EXECUTE 'WITH ' || bixarena.live_named_sql(arena, schema, sources, true)
		|| bixarena.live_changed_sql() || bixarena.live_difference_sql()
		|| bixarena.live_store_sql(schema) || bixarena.live_sum_sql(schema) || $sql$
		SELECT (SELECT count(*) FROM changed), (SELECT bool_or(s.is_negative) FROM summed AS s),
			(SELECT count(*) FROM taken), EXISTS (SELECT FROM taken AS t WHERE t.kind = '*')$sql$
	INTO changed, is_negative, entries, is_asked;
	doubt := CASE WHEN is_asked THEN 'all battles may have changed'
		WHEN is_negative THEN 'it had fewer battles than were counted' END;
	IF doubt IS NULL AND entries > 0 THEN
		EXECUTE format('UPDATE %I.state SET folded_at = clock_timestamp(), changed = changed + $1', schema)
		USING changed;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_fold(text, text, jsonb) IS
	'bring a kept tally up to date: how many battles count otherwise than before, or why all are to be counted anew';

CREATE FUNCTION bixarena.live_drop_index(schema text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- of a table that nobody is looking at
	BEGIN
		EXECUTE format('LOCK TABLE %I.counted IN ACCESS EXCLUSIVE MODE NOWAIT', schema);
	EXCEPTION WHEN lock_not_available THEN
		RETURN false;
	END;
	EXECUTE format('DROP INDEX IF EXISTS %I.counted_battle', schema);
	RETURN true;
END
$$;
COMMENT ON FUNCTION bixarena.live_drop_index(text) IS
	'drop the index of what is counted, unless somebody is in the way: it takes less to make it than to insert into it';

CREATE FUNCTION bixarena.live_all_difference_sql(schema text, is_empty boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- the tally itself is counted, too, whatever has been done to it
	SELECT CASE WHEN is_empty THEN $sql$,
		difference AS (
			SELECT unnest(f.leaderboards) AS leaderboard, f.model1_id, f.model2_id, f.outcome, count(*) AS battles
			FROM fresh AS f
			GROUP BY 1, 2, 3, 4)$sql$
		ELSE format($sql$,
		difference AS (
			SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, sum(d.battles)::bigint AS battles
			FROM (
				SELECT unnest(f.leaderboards) AS leaderboard, f.model1_id, f.model2_id, f.outcome, 1 AS battles
				FROM fresh AS f
				UNION ALL
				SELECT u.leaderboard, t.model1_id, t.model2_id, t.outcome, -u.battles
				FROM %1$I.tally AS t, unnest(t.leaderboards, t.battles) AS u (leaderboard, battles)
			) AS d
			GROUP BY 1, 2, 3, 4
			HAVING sum(d.battles) <> 0)$sql$, schema) END
$$;
COMMENT ON FUNCTION bixarena.live_all_difference_sql(text, boolean) IS
	'parts of a statement: by how many battles the tally, which may be empty, differs from all that count';

CREATE FUNCTION bixarena.live_recount(arena text, schema text, sources jsonb, why text, facts text[])
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
DECLARE
	is_first boolean;
	is_empty boolean;
	is_without_index boolean := false;
	counted bigint;
	nameless bigint;
	changed bigint;
BEGIN
	EXECUTE format('SELECT NOT EXISTS (SELECT FROM %1$I.counted), NOT EXISTS (SELECT FROM %1$I.tally)', schema)
	INTO is_first, is_empty;
	IF is_first THEN
		is_without_index := bixarena.live_drop_index(schema);
	END IF;
	EXECUTE 'WITH ' || bixarena.live_all_sql(arena, schema) || CASE WHEN is_first
		THEN format($sql$,
		changed AS (SELECT f.battle_id FROM fresh AS f),
		stored AS (INSERT INTO %I.counted (battle_id, model1_id, model2_id, outcome, voter_id, leaderboards)
			SELECT f.battle_id, f.model1_id, f.model2_id, f.outcome, f.voter_id, f.leaderboards FROM fresh AS f)$sql$, schema)
		ELSE bixarena.live_changed_sql() || bixarena.live_store_sql(schema) END
		|| bixarena.live_all_difference_sql(schema, is_empty)
		|| bixarena.live_sum_sql(schema) || $sql$
		SELECT f.counted, f.nameless, (SELECT count(*) FROM changed)
		FROM (SELECT count(*) AS counted, count(*) FILTER (WHERE f.battle_id IS NULL) AS nameless FROM fresh AS f) AS f$sql$
	INTO counted, nameless, changed;
	IF is_without_index THEN
		EXECUTE format('CREATE INDEX counted_battle ON %I.counted (battle_id)', schema);
	END IF;
	IF nameless > 0 THEN
		RAISE EXCEPTION 'battles of arena "%" have no battle_id', arena
			USING ERRCODE = 'null_value_not_allowed',
				HINT = 'A tally can be kept of battles that have one each.';
	END IF;
	EXECUTE format('DELETE FROM %I.tally AS t WHERE 0 = ALL (t.battles)', schema);
	EXECUTE format('UPDATE %I.state SET facts = $1, folded_at = clock_timestamp(),'
		' recounted_at = clock_timestamp(), recounted_why = $2, changed = changed + $3', schema)
	USING facts, why, changed;
	RETURN counted;
END
$$;
COMMENT ON FUNCTION bixarena.live_recount(text, text, jsonb, text, text[]) IS
	'count all battles of a kept tally; returns how many count';

/*
 * Reading: what the tally would be if it were folded now.
 */

CREATE FUNCTION bixarena.live_counts_sql(arena text, schema text, sources jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'WITH ' || bixarena.live_named_sql(arena, schema, sources, false)
		|| bixarena.live_changed_sql() || bixarena.live_difference_sql() || format($sql$
		SELECT u.leaderboard, t.model1_id, t.model2_id, t.outcome, u.battles
		FROM %I.tally AS t, unnest(t.leaderboards, t.battles) AS u (leaderboard, battles)
		UNION ALL
		SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.battles FROM difference AS d$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_counts_sql(text, text, jsonb) IS
	'the query that says what a kept tally would be if it were folded now';

CREATE FUNCTION bixarena.live_counts_of_sql(arena text, schema text, sources jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'WITH ' || bixarena.live_named_sql(arena, schema, sources, false)
		|| bixarena.live_changed_sql() || bixarena.live_difference_sql() || format($sql$
		SELECT $1 AS leaderboard, t.model1_id, t.model2_id, t.outcome, t.battles
		FROM (SELECT a.model1_id, a.model2_id, a.outcome, bixarena.live_count(a.leaderboards, a.battles, $1) AS battles
			FROM %I.tally AS a OFFSET 0) AS t
		WHERE t.battles <> 0
		UNION ALL
		SELECT d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.battles FROM difference AS d
		WHERE d.leaderboard = $1$sql$,
		schema)
$$;
COMMENT ON FUNCTION bixarena.live_counts_of_sql(text, text, jsonb) IS
	'the same for one leaderboard, $1';

CREATE FUNCTION bixarena.live_voters_sql(arena text, schema text, sources jsonb, with_log boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a battle may count more than once for a leaderboard; there are hardly fewer groups
	-- than battles, and the reader puts them together
	SELECT format($sql$
		%s
		SELECT c.model1_id, c.model2_id, c.outcome,
			cardinality(array_positions(c.leaderboards, $1 COLLATE "C"))::bigint AS battles, c.voter_id
		FROM (SELECT k.* FROM %I.counted AS k %s) AS c
		WHERE $1 COLLATE "C" = ANY (c.leaderboards)$sql$,
		CASE WHEN with_log THEN 'WITH ' || bixarena.live_named_sql(arena, schema, sources, false) END, schema,
		CASE WHEN with_log THEN 'WHERE NOT EXISTS (SELECT FROM named AS n WHERE n.battle_id = k.battle_id)'
			' UNION ALL SELECT f.* FROM fresh AS f' END)
	WHERE bixarena.live_has_voters(arena)
$$;
COMMENT ON FUNCTION bixarena.live_voters_sql(text, text, jsonb, boolean) IS
	'the query that says what counts for a leaderboard, $1, and who has cast it; null: it is not known';

CREATE FUNCTION bixarena.live_compare_sql(arena text, schema text, sources jsonb, of_one boolean)
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
		CASE WHEN of_one THEN bixarena.live_counts_of_sql(arena, schema, sources)
			ELSE bixarena.live_counts_sql(arena, schema, sources) END,
		bixarena.live_battle_query(arena))
$$;
COMMENT ON FUNCTION bixarena.live_compare_sql(text, text, jsonb, boolean) IS
	'the query that says in what a kept tally and a recount of the battles differ, of the leaderboard $1 or where that is null of all';

CREATE FUNCTION bixarena.live_is_due(schema text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	is_due boolean;
BEGIN
	-- a call that is made daily is not always made on the second
	EXECUTE format('SELECT coalesce(s.verified_at < clock_timestamp() - interval ''23 hours'', true) FROM %I.state AS s', schema)
	INTO is_due;
	RETURN is_due;
END
$$;
COMMENT ON FUNCTION bixarena.live_is_due(text) IS
	'is it a day since a kept tally was compared with its battles?';

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

CREATE FUNCTION bixarena.live_tell(arena text, channel text, changed bigint)
RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT pg_notify(channel, jsonb_build_object('arena', arena, 'changed_battles', changed,
		'timestamp', clock_timestamp())::text)
$$;
COMMENT ON FUNCTION bixarena.live_tell(text, text, bigint) IS
	'the notice that so many battles of an arena count otherwise';

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
		PERFORM bixarena.live_tell(arena, channel, told);
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
