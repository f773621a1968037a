/*
 * Kept tallies: the arenas that have one, and from which tables it is followed.
 */

CREATE TABLE bixarena.kept_tally (
	arena name PRIMARY KEY,
	schema name NOT NULL UNIQUE,
	sources jsonb,
	kept_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE bixarena.kept_tally IS 'arenas whose tally is kept';
COMMENT ON COLUMN bixarena.kept_tally.arena IS 'name of the arena''s schema';
COMMENT ON COLUMN bixarena.kept_tally.schema IS 'name of the schema that the tally is in';
COMMENT ON COLUMN bixarena.kept_tally.sources IS
	'tables that the battles come from, and their columns that hold a battle''s id; null: known by themselves';
COMMENT ON COLUMN bixarena.kept_tally.kept_at IS 'since when';
GRANT SELECT ON bixarena.kept_tally TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('bixarena.kept_tally', '');

CREATE FUNCTION bixarena.live_note()
RETURNS trigger
AS 'MODULE_PATHNAME', 'bixarena_live_note'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION bixarena.live_note() IS
	'trigger: writes the keys of changed rows into the log of a kept tally';

CREATE FUNCTION bixarena.live_register(arena text, schema text, sources jsonb)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_live_register'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_register(text, text, jsonb) IS
	'put on record that an arena''s tally is kept in a schema, or with null that it is not';

-- the same as bixarena_battle_query(), whatever schema the extension is in, for what
-- takes battles and not counts
CREATE FUNCTION bixarena.live_battle_query(arena text, reading text DEFAULT 'as_of')
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_battle_query'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_battle_query(text, text) IS
	'the query that says at this moment which battles of an arena count';

CREATE FUNCTION bixarena.live_unsteady(view oid)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_live_unsteady'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_unsteady(oid) IS
	'what in a view''s query depends on more than one battle''s rows, null: nothing';

CREATE FUNCTION bixarena.live_mingles(view oid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_live_mingles'
LANGUAGE C STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_mingles(oid) IS
	'does a row of a view come of more than one row of what it reads?';

/*
 * What the battles are read from.
 */

CREATE FUNCTION bixarena.live_views(relation oid)
RETURNS SETOF oid
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	-- a relation and all that it reads, if it is a view
	WITH RECURSIVE source AS (
		SELECT relation AS oid
		UNION
		SELECT d.refobjid
		FROM source AS s
		JOIN pg_class AS v ON v.oid = s.oid AND v.relkind = 'v'
		JOIN pg_rewrite AS r ON r.ev_class = v.oid
		JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
			AND d.refclassid = 'pg_class'::regclass
	)
	SELECT s.oid FROM source AS s
$$;
COMMENT ON FUNCTION bixarena.live_views(oid) IS
	'a relation, and if it is a view all that it reads';

CREATE FUNCTION bixarena.live_parts(relation oid)
RETURNS SETOF oid
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	WITH RECURSIVE part AS (
		SELECT relation AS oid
		UNION
		SELECT i.inhrelid FROM part AS p JOIN pg_inherits AS i ON i.inhparent = p.oid AND NOT i.inhdetachpending
	)
	SELECT p.oid FROM part AS p
$$;
COMMENT ON FUNCTION bixarena.live_parts(oid) IS
	'a table, its partitions, and the tables that inherit from it';

CREATE TYPE bixarena.live_source AS (
	kind "char",
	relation oid,
	key_column name,
	columns name[],
	via oid,
	via_column name,
	via_battle name
);
COMMENT ON TYPE bixarena.live_source IS
	'a table that battles come from: the column that is noted of what changes, the columns that matter, '
	'and the table that says whose battle it is';

CREATE FUNCTION bixarena.live_application_sources(arena text)
RETURNS SETOF bixarena.live_source
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	battle oid := to_regclass(format('%I.battle', arena));
	evaluation oid := to_regclass(format('%I.battle_evaluation', arena));
	validation oid := to_regclass(format('%I.battle_validation', arena));
	categorization oid := to_regclass(format('%I.battle_categorization', arena));
	category oid := to_regclass(format('%I.battle_categorization_category', arena));
	columns name[] := '{id,model1_id,model2_id,user_id}';
BEGIN
	IF validation IS NOT NULL THEN
		columns := columns || 'effective_validation_id'::name;
	END IF;
	IF categorization IS NOT NULL THEN
		columns := columns || 'effective_categorization_id'::name;
	END IF;

	-- Also what a foreign key seems to make needless: a row may have come, without what it
	-- points to, where no foreign key is asked, as from a subscription.
	RETURN NEXT ('b', battle, 'id', columns, NULL, NULL, NULL)::bixarena.live_source;
	RETURN NEXT ('b', evaluation, 'battle_id', '{battle_id,outcome}', NULL, NULL, NULL)::bixarena.live_source;
	IF validation IS NOT NULL THEN
		RETURN NEXT ('v', validation, 'id', '{id,is_biomedical}',
			battle, 'effective_validation_id', 'id')::bixarena.live_source;
	END IF;
	IF categorization IS NOT NULL THEN
		RETURN NEXT ('k', categorization, 'id', '{id,status}',
			battle, 'effective_categorization_id', 'id')::bixarena.live_source;
		RETURN NEXT ('k', category, 'categorization_id', '{categorization_id,category}',
			battle, 'effective_categorization_id', 'id')::bixarena.live_source;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_application_sources(text) IS
	'the tables that battles come from in the application''s schema';

CREATE FUNCTION bixarena.live_own_sources(arena text, sources jsonb)
RETURNS SETOF bixarena.live_source
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	-- a table that has no column with a battle's id may be of any battle; unless the
	-- user says which tables they are, it is the relation itself, or as its only source
	-- the table of battles of an arena as bixarena_create_arena() makes it
	WITH own AS (
		SELECT c.oid, c.relkind FROM pg_class AS c
		WHERE c.oid = to_regclass(format('%I.leaderboard_battle', arena))
	), named AS (
		SELECT s.key AS relation, s.value AS column
		FROM jsonb_each_text(sources) AS s
		UNION ALL
		SELECT own.oid::regclass::text, 'battle_id'
		FROM own WHERE sources IS NULL AND own.relkind <> 'v'
		UNION ALL
		SELECT max(c.oid::regclass::text), 'id'
		FROM own, bixarena.live_views(own.oid) AS v (oid)
		JOIN pg_class AS c ON c.oid = v.oid AND c.relkind <> 'v'
		WHERE sources IS NULL
		HAVING count(*) = 1 AND max(c.oid) = to_regclass(format('%I.battle', arena))
	)
	SELECT (CASE WHEN n.column IS NULL THEN '*' ELSE 'b' END, to_regclass(n.relation)::oid,
		n.column, NULL, NULL, NULL, NULL)::bixarena.live_source
	FROM named AS n
$$;
COMMENT ON FUNCTION bixarena.live_own_sources(text, jsonb) IS
	'the tables that a relation leaderboard_battle of the arena''s own comes from';

CREATE FUNCTION bixarena.live_sources(arena text, sources jsonb)
RETURNS SETOF bixarena.live_source
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF to_regclass(format('%I.leaderboard_battle', arena)) IS NULL THEN
		RETURN QUERY SELECT s.* FROM bixarena.live_application_sources(arena) AS s;
	ELSE
		RETURN QUERY SELECT s.* FROM bixarena.live_own_sources(arena, sources) AS s;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_sources(text, jsonb) IS
	'the tables that the battles of an arena come from at this moment';

/*
 * Their triggers.  Statements are noted by triggers for statements.  Where rows are
 * written as a replica, as a subscription does, only triggers for rows fire, and only
 * those that are enabled for it: they do nothing elsewhere.
 */

CREATE TYPE bixarena.live_trigger AS (
	relation oid,
	name text,
	operation text,
	arguments text[]
);
COMMENT ON TYPE bixarena.live_trigger IS
	'a trigger that notes changes of a table: INSERT, UPDATE, DELETE, TRUNCATE, or of a REPLICA';

CREATE FUNCTION bixarena.live_triggers(arena text, schema text, sources jsonb)
RETURNS SETOF bixarena.live_trigger
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
AS $$
	-- a statement fires the triggers of the table that it names, be it a partition;
	-- a subscription writes into the partitions
	SELECT (c.oid, schema || '_' || lower(o.operation), o.operation,
		CASE WHEN s.key_column IS NULL THEN ARRAY[schema, '*']
			ELSE ARRAY[schema, s.kind::text, s.key_column] || coalesce(s.columns, '{}')::text[] END)
		::bixarena.live_trigger
	FROM bixarena.live_sources(arena, sources) AS s,
		bixarena.live_parts(s.relation) AS p (oid)
	JOIN pg_class AS c ON c.oid = p.oid,
		unnest('{INSERT,UPDATE,DELETE,TRUNCATE,REPLICA}'::text[]) AS o (operation)
	WHERE o.operation <> 'REPLICA' OR c.relkind = 'r'
$$;
COMMENT ON FUNCTION bixarena.live_triggers(text, text, jsonb) IS
	'the triggers that are to note the changes of an arena''s battles';

CREATE FUNCTION bixarena.live_trigger_sql(wanted bixarena.live_trigger)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s %s EXECUTE FUNCTION bixarena.live_note(%s);'
		' COMMENT ON TRIGGER %1$I ON %3$s IS ''notes what changes, for the kept tally'';',
		w.name, CASE w.operation WHEN 'REPLICA' THEN 'INSERT OR UPDATE OR DELETE' ELSE w.operation END,
		w.relation::regclass,
		CASE w.operation
			WHEN 'INSERT' THEN 'REFERENCING NEW TABLE AS after FOR EACH STATEMENT'
			WHEN 'UPDATE' THEN 'REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT'
			WHEN 'DELETE' THEN 'REFERENCING OLD TABLE AS before FOR EACH STATEMENT'
			WHEN 'TRUNCATE' THEN 'FOR EACH STATEMENT'
			ELSE 'FOR EACH ROW' END,
		(SELECT string_agg(quote_literal(a), ', ' ORDER BY n) FROM unnest(w.arguments) WITH ORDINALITY AS u (a, n)))
		|| CASE w.operation
			WHEN 'REPLICA' THEN format(' ALTER TABLE %s ENABLE REPLICA TRIGGER %I;', w.relation::regclass, w.name)
			WHEN 'TRUNCATE' THEN format(' ALTER TABLE %s ENABLE ALWAYS TRIGGER %I;', w.relation::regclass, w.name)
			ELSE '' END
	FROM (SELECT wanted.*) AS w
$$;
COMMENT ON FUNCTION bixarena.live_trigger_sql(bixarena.live_trigger) IS
	'the statements that make a trigger of a kept tally';

CREATE FUNCTION bixarena.live_found_triggers(schema text)
RETURNS TABLE (relation oid, name text, arguments bytea, facts text, enabled text, wanted text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
	-- one that is disabled, or made anew, is another version of its row
	SELECT t.tgrelid, t.tgname::text, t.tgargs,
		concat_ws(' ', t.oid, t.xmin, t.tgenabled, t.tgtype, md5(t.tgargs)),
		t.tgenabled::text,
		CASE WHEN t.tgtype & 1 = 1 THEN 'R' WHEN t.tgtype & 32 = 32 THEN 'A' ELSE 'O' END
	FROM pg_trigger AS t
	WHERE t.tgfoid = 'bixarena.live_note'::regproc AND NOT t.tgisinternal
		AND starts_with(t.tgname::text, schema || '_')
		AND encode(substr(t.tgargs, 1, position(decode('00', 'hex') IN t.tgargs) - 1), 'escape')
			= encode(convert_to(schema, getdatabaseencoding()), 'escape')
$$;
COMMENT ON FUNCTION bixarena.live_found_triggers(text) IS
	'the triggers of a kept tally that there are, and what they are';

CREATE FUNCTION bixarena.live_unfit_triggers(schema text, triggers bixarena.live_trigger[])
RETURNS TABLE (relation oid, name text, what text, enabled text, wanted text)
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	-- a column that has come to matter is an argument more
	SELECT t.* FROM (
		SELECT w.relation, w.name, CASE WHEN f.name IS NULL THEN 'missing' WHEN f.enabled = 'D' THEN 'disabled'
				WHEN f.arguments <> (SELECT string_agg(convert_to(u.a, getdatabaseencoding()) || '\x00', '' ORDER BY u.n)
					FROM unnest(w.arguments) WITH ORDINALITY AS u (a, n)) THEN 'made for other columns'
				WHEN f.enabled <> f.wanted THEN 'enabled otherwise than it must be' END AS what,
			f.enabled, f.wanted
		FROM unnest(triggers) AS w
		LEFT JOIN bixarena.live_found_triggers(schema) AS f ON f.relation = w.relation AND f.name = w.name) AS t
	WHERE t.what IS NOT NULL
$$;
COMMENT ON FUNCTION bixarena.live_unfit_triggers(text, bixarena.live_trigger[]) IS
	'triggers of a kept tally that are not there as they must be, and what is wrong with them';
