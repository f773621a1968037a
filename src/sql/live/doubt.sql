/*
 * Can a kept tally be trusted?  What the log tells is all that has happened, as long
 * as nothing else has: the same query on the same tables, whose triggers were never
 * off.  These are facts of the catalogs.  They are written down when the battles are
 * counted, and compared before the tally is used.  A row of a catalog that was
 * changed and changed back is another version, whose xmin tells.
 *
 * Battles are counted only while nothing keeps their changes from being followed
 * (live_lost).  All that this depends on is among the facts, too: while they are the
 * same, it need not be asked, which takes as long as the facts.
 */

CREATE FUNCTION bixarena.live_refusal(arena text, sources jsonb)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	own regclass := to_regclass(format('%I.leaderboard_battle', arena));
	reason text;
BEGIN
	reason := coalesce(to_regclass(format('%I.leaderboard_tally', arena)), to_regclass(format('%I.arena_tally', arena)));
	IF reason IS NOT NULL THEN
		RETURN format('relation %s has counts already', reason);
	END IF;
	SELECT format('relation %s is %s, whose changes leave no trace', c.oid::regclass,
		CASE c.relkind WHEN 'f' THEN 'a foreign table' WHEN 'm' THEN 'a materialized view'
			ELSE 'not a table' END)
	INTO reason
	FROM bixarena.live_views(own) AS v (oid), bixarena.live_parts(v.oid) AS p (oid)
	JOIN pg_class AS c ON c.oid = p.oid
	WHERE c.relkind NOT IN ('r', 'p', 'v') OR (c.relkind = 'v' AND v.oid <> p.oid)
	ORDER BY c.oid::regclass::text COLLATE "C"
	LIMIT 1;
	IF reason IS NOT NULL OR own IS NULL THEN
		RETURN reason;
	END IF;
	IF NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = own AND a.attname = 'battle_id'
			AND a.atttypid = 'uuid'::regtype AND NOT a.attisdropped) THEN
		RETURN format('relation %s has no column battle_id of type uuid', own);
	END IF;
	IF EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = own AND a.attname = 'battles'
			AND NOT a.attisdropped) THEN
		RETURN format('relation %s has counts, in its column battles', own);
	END IF;
	SELECT format('view %s %s', v.oid::regclass, bixarena.live_unsteady(v.oid))
	INTO reason
	FROM bixarena.live_views(own) AS v (oid)
	WHERE bixarena.live_unsteady(v.oid) IS NOT NULL
	ORDER BY v.oid::regclass::text COLLATE "C"
	LIMIT 1;
	IF reason IS NOT NULL THEN
		RETURN reason;
	END IF;
	SELECT format('"%s" of sources is not a table of which column "%s" has a battle''s id as a uuid',
		s.key, s.value)
	INTO reason
	FROM jsonb_each_text(sources) AS s
	LEFT JOIN pg_attribute AS a ON a.attrelid = to_regclass(s.key) AND a.attname = s.value
		AND a.attnum > 0 AND NOT a.attisdropped
	WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = to_regclass(s.key) AND c.relkind IN ('r', 'p'))
		OR s.value IS NOT NULL AND a.atttypid IS DISTINCT FROM 'uuid'::regtype
	ORDER BY s.key COLLATE "C"
	LIMIT 1;
	IF reason IS NOT NULL THEN
		RETURN reason;
	END IF;
	SELECT format('table %s, which it reads, is not among the sources', c.oid::regclass)
	INTO reason
	FROM bixarena.live_views(own) AS v (oid)
	JOIN pg_class AS c ON c.oid = v.oid AND c.relkind <> 'v'
	WHERE c.oid NOT IN (SELECT s.relation FROM bixarena.live_sources(arena, sources) AS s
		WHERE s.relation IS NOT NULL)
	ORDER BY c.oid::regclass::text COLLATE "C"
	LIMIT 1;
	IF reason IS NOT NULL OR sources IS NOT NULL THEN
		RETURN reason;
	END IF;
	-- that these are of one battle is the user's to say
	RETURN (SELECT format('view %s reads more than one row for each of its own, and no sources are named', min(v.oid)::regclass)
		FROM bixarena.live_views(own) AS v (oid)
		WHERE bixarena.live_mingles(v.oid)
		HAVING count(*) > 0);
END
$$;
COMMENT ON FUNCTION bixarena.live_refusal(text, jsonb) IS
	'why the tally of an arena cannot be kept; null: it can';

CREATE FUNCTION bixarena.live_labels(type oid)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- of an enum, and of domains and arrays of it
	WITH RECURSIVE made AS (
		SELECT type AS oid
		UNION
		SELECT b.oid FROM made AS m JOIN pg_type AS t ON t.oid = m.oid, unnest(ARRAY[t.typbasetype, t.typelem]) AS b (oid)
	)
	SELECT string_agg(e.enumlabel, ' ' ORDER BY e.oid) FROM made AS m JOIN pg_enum AS e ON e.enumtypid = m.oid
$$;
COMMENT ON FUNCTION bixarena.live_labels(oid) IS 'the labels that values of a type are written with';

CREATE FUNCTION bixarena.live_relation_facts(relation oid)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a table that was emptied, rewritten or swapped has another file; of a view it is
	-- the query that counts.  An owner who has been another may not have been able to
	-- write into the log; the type of its rows has changed hands with it.
	SELECT concat_ws(' ', c.oid, c.relkind, c.relpersistence, c.relowner,
		(SELECT t.xmin FROM pg_type AS t WHERE t.oid = c.reltype),
		c.relrowsecurity,
		pg_relation_filenode(c.oid), c.reloptions,
		CASE WHEN c.relkind = 'v' THEN (SELECT string_agg(concat_ws(' ', r.oid, r.xmin), ' ' ORDER BY r.oid)
			FROM pg_rewrite AS r WHERE r.ev_class = c.oid) END,
		(SELECT string_agg(concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attcollation,
				CASE WHEN a.atttypid >= 16384 THEN bixarena.live_labels(a.atttypid) END), ' '
				ORDER BY a.attnum)
			FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
				AND a.attname = ANY ('{id,battle_id,categorization_id,model1_id,model2_id,outcome,leaderboard,user_id,voter_id,battles,
					effective_validation_id,effective_categorization_id,is_biomedical,status,category}'
					OPERATOR(pg_catalog.||) (SELECT coalesce(array_agg(k.attname), '{}')
						FROM pg_depend AS d JOIN pg_attribute AS k ON k.attrelid = c.oid AND k.attnum = d.refobjsubid
						WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
							AND d.refobjid = c.oid AND d.refobjsubid > 0))))
	FROM pg_class AS c
	WHERE c.oid = relation
$$;
COMMENT ON FUNCTION bixarena.live_relation_facts(oid) IS
	'what must not change of a relation that battles are read from';

CREATE FUNCTION bixarena.live_functions(view oid)
RETURNS SETOF oid
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	-- also by operators, and what these functions say that they call
	WITH RECURSIVE part AS (
		SELECT 'pg_rewrite'::regclass::oid AS classid, r.oid AS objid FROM pg_rewrite AS r WHERE r.ev_class = view
		UNION
		SELECT d.refclassid, d.refobjid
		FROM part AS p
		JOIN pg_depend AS d ON d.classid = p.classid AND d.objid = p.objid
		WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
	)
	SELECT p.objid FROM part AS p WHERE p.classid = 'pg_proc'::regclass
$$;
COMMENT ON FUNCTION bixarena.live_functions(oid) IS 'the functions that a view calls, but for those of the server';

CREATE FUNCTION bixarena.live_facts(arena text, schema text, sources jsonb)
RETURNS text[]
LANGUAGE sql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
	WITH named AS MATERIALIZED (
		SELECT s.* FROM bixarena.live_sources(arena, sources) AS s
	), source AS MATERIALIZED (
		SELECT DISTINCT c.oid, c.relkind, c.relowner
		FROM (
			SELECT n.relation FROM named AS n
			UNION
			SELECT v.oid FROM bixarena.live_views(to_regclass(format('%I.leaderboard_battle', arena))) AS v (oid)
		) AS s (relation), bixarena.live_parts(s.relation) AS r (oid)
		JOIN pg_class AS c ON c.oid = r.oid
	), fact (subject, value) AS (
		SELECT 'the query of the battles', bixarena.live_battle_query(arena)
		UNION ALL
		SELECT 'the server', (SELECT c.system_identifier FROM pg_control_system() AS c)
			|| ' ' || (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
		UNION ALL
		SELECT format('relation %I.%I', arena, t.name), to_regclass(format('%I.%I', arena, t.name))::oid::text
		FROM unnest('{leaderboard_tally,arena_tally}'::text[]) AS t (name)
		UNION ALL
		SELECT format('relation %s', s.oid::regclass), concat_ws(' ', bixarena.live_relation_facts(s.oid),
			CASE WHEN s.relkind <> 'v' THEN has_table_privilege(s.relowner, to_regclass(format('%I.log', schema)), 'INSERT') END)
		FROM source AS s
		UNION ALL
		SELECT format('key of %s', n.relation::regclass), (SELECT concat_ws(' ', a.attnum, a.atttypid) FROM pg_attribute AS a
			WHERE a.attrelid = n.relation AND a.attname = n.key_column AND NOT a.attisdropped)
		FROM named AS n
		UNION ALL
		SELECT format('function %s', p.oid::regprocedure), concat_ws(' ', p.oid, p.xmin)
		FROM source AS s, bixarena.live_functions(CASE s.relkind WHEN 'v' THEN s.oid END) AS f (oid)
		JOIN pg_proc AS p ON p.oid = f.oid
		UNION ALL
		SELECT format('trigger %I of %s', f.name, s.oid::regclass), f.facts
		FROM source AS s
		JOIN bixarena.live_found_triggers(schema) AS f ON f.relation = s.oid
		UNION ALL
		-- a log that had another name, or whose schema had, was not written
		SELECT format('table %I.%I', schema, t.name),
			(SELECT concat_ws(' ', c.oid, pg_relation_filenode(c.oid), c.relkind, c.relpersistence, c.relam, c.relrowsecurity,
					c.relhasrules, c.relhassubclass, EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srrelid = c.oid),
					CASE t.name WHEN 'log' THEN concat_ws(' ', c.xmin, c.relnatts, c.relhasindex) END)
				FROM pg_class AS c WHERE c.oid = to_regclass(format('%I.%I', schema, t.name)))
		FROM unnest('{log,counted,tally}'::text[]) AS t (name)
		UNION ALL
		SELECT format('schema %I', schema), (SELECT concat_ws(' ', n.oid, n.xmin) FROM pg_namespace AS n WHERE n.nspname = schema)
	)
	SELECT array_agg(DISTINCT f.subject || ': ' || coalesce(f.value, 'none') ORDER BY f.subject || ': ' || coalesce(f.value, 'none'))
	FROM fact AS f
$$;
COMMENT ON FUNCTION bixarena.live_facts(text, text, jsonb) IS
	'what must not have changed for a kept tally to be trusted';

CREATE FUNCTION bixarena.live_lost(arena text, schema text, sources jsonb)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- What row security hides from some must not be counted for them.  A table that is
	-- not logged is empty after a crash.  The log is written by note.c, which writes into
	-- nothing else, and into no index.
	WITH wanted AS MATERIALIZED (
		SELECT w.* FROM bixarena.live_triggers(arena, schema, sources) AS w
	), lost (what) AS (
		SELECT format('trigger %I of %s is %s', t.name, t.relation::regclass, t.what)
		FROM bixarena.live_unfit_triggers(schema, ARRAY(SELECT w::bixarena.live_trigger FROM wanted AS w)) AS t
		UNION ALL
		SELECT CASE WHEN c.relpersistence <> 'p' THEN format('relation %s is not logged', c.oid::regclass)
			WHEN NOT has_table_privilege(c.relowner, to_regclass(format('%I.log', schema)), 'INSERT')
			THEN format('role %s, whose table %s is, may not write into the log', c.relowner::regrole, c.oid::regclass) END
		FROM pg_class AS c
		WHERE c.oid = ANY (ARRAY(SELECT w.relation FROM wanted AS w))
		UNION ALL
		SELECT format('table %s is not as it was made', c.oid::regclass)
		FROM pg_class AS c
		WHERE c.oid = ANY (ARRAY(SELECT to_regclass(format('%I.%I', schema, t.name))::oid FROM unnest('{log,counted,tally}'::text[]) AS t (name)))
			AND (c.relkind <> 'r' OR c.relpersistence <> 'p' OR c.relrowsecurity OR c.relhasrules OR c.relhassubclass
				OR c.relam <> (SELECT a.oid FROM pg_am AS a WHERE a.amname = 'heap')
				OR c.relname = 'log' AND (c.relnatts <> 2 OR c.relhasindex)
				OR EXISTS (SELECT FROM pg_subscription_rel AS r WHERE r.srrelid = c.oid))
		UNION ALL
		SELECT format('relation %s has row security', c.oid::regclass)
		FROM (SELECT s.relation FROM bixarena.live_sources(arena, sources) AS s
			UNION SELECT to_regclass(format('%I.leaderboard_battle', arena))) AS s (relation)
		JOIN pg_class AS c ON c.oid = s.relation
		WHERE c.relrowsecurity
		UNION ALL
		SELECT bixarena.live_refusal(arena, sources)
	), numbered AS (
		SELECT l.what, row_number() OVER (ORDER BY l.what COLLATE "C"), count(*) OVER ()
		FROM lost AS l WHERE l.what IS NOT NULL
	)
	SELECT string_agg(n.what, ', ' ORDER BY n.row_number)
		|| CASE WHEN max(n.count) > 2 THEN format(' and %s more', max(n.count) - 2) ELSE '' END
	FROM numbered AS n
	WHERE n.row_number <= 2
$$;
COMMENT ON FUNCTION bixarena.live_lost(text, text, jsonb) IS
	'why changes of an arena''s battles cannot be followed; null: they are';

CREATE FUNCTION bixarena.live_doubt(schema text, facts text[])
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	known text[];
	is_asked boolean;
BEGIN
	EXECUTE format('SELECT s.facts, EXISTS (SELECT FROM %1$I.log AS l WHERE l.kind = ''*'') FROM %1$I.state AS s', schema)
	INTO known, is_asked;
	IF known IS NULL THEN
		RETURN 'the battles have not been counted yet';
	ELSIF is_asked THEN
		RETURN 'all battles may have changed';
	ELSIF known = facts THEN
		RETURN NULL;
	END IF;
	RETURN (
		WITH subject (what) AS (
			SELECT DISTINCT split_part(d.fact, ': ', 1)
			FROM ((SELECT unnest(known) EXCEPT SELECT unnest(facts))
				UNION (SELECT unnest(facts) EXCEPT SELECT unnest(known))) AS d (fact)
		), numbered AS (
			SELECT s.what, row_number() OVER (ORDER BY s.what COLLATE "C"), count(*) OVER ()
			FROM subject AS s
		)
		SELECT 'not as when the battles were counted: ' || string_agg(n.what, ', ' ORDER BY n.row_number)
			|| CASE WHEN max(n.count) > 3 THEN format(' and %s more', max(n.count) - 3) ELSE '' END
		FROM numbered AS n
		WHERE n.row_number <= 3);
END
$$;
COMMENT ON FUNCTION bixarena.live_doubt(text, text[]) IS
	'why a kept tally cannot be trusted; null: it can';
