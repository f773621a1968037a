/*
 * What the server that has the battles gets, where it cannot load this extension: a
 * schema bixarena_node, from which a rank node reads.  The functions there look at
 * each call at which tables there are, and no view or type depends on any of them:
 * the application's migrations pass.
 */

CREATE FUNCTION bixarena.node_battle_query(schema text, validated boolean, categorized boolean)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_node_battle_query'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.node_battle_query(text, boolean, boolean) IS
	'which battles count, by the application''s tables at an age of theirs';

CREATE FUNCTION bixarena.node_body(body text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a name may have dollars in it
	SELECT min(q.quote || E'\n' || btrim(body, E'\n') || E'\n' || q.quote)
	FROM (
		SELECT '$' || t.tag || '$'
		FROM unnest('{"",body,body_1,body_2,body_3}'::text[]) WITH ORDINALITY AS t (tag, place)
		WHERE strpos(body, '$' || t.tag || '$') = 0
		ORDER BY t.place LIMIT 1
	) AS q (quote)
$$;
COMMENT ON FUNCTION bixarena.node_body(text) IS 'the body of a function between dollars';

CREATE FUNCTION bixarena.node_battle_groups(schema text, validated boolean, categorized boolean, battle text)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_node_battle_groups'
LANGUAGE C IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.node_battle_groups(text, boolean, boolean, text) IS
	'for what the battles count, by the application''s tables at an age of theirs: of the battle that an '
	'expression has the id of, or with null of all';

CREATE FUNCTION bixarena.node_kept_reading(is_kept boolean, counts text, columns text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN is_kept THEN format($body$
	IF bixarena_node.live_is_sure() THEN
		RETURN QUERY EXECUTE 'SELECT %2$s, sum(t.battles)::bigint FROM ('
			|| bixarena_node.%1$s(bixarena_node.live_arena(), 'bixarena_node_live', NULL)
			|| ') AS t GROUP BY %2$s HAVING sum(t.battles) > 0' USING slug;
		RETURN;
	END IF;$body$, counts, columns) ELSE '' END
$$;
COMMENT ON FUNCTION bixarena.node_kept_reading(boolean, text, text) IS
	'where a tally is kept: the statements that read it';

CREATE FUNCTION bixarena.node_voter_reading(is_kept boolean)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	-- They are numbered in the order of their ids, since the node draws them in that.  It
	-- takes less to number each once than to sort the battles.  Of generate_series() the
	-- planner would expect a thousand rows for each.
	SELECT format($body$
DECLARE
	counted text := 'SELECT b.model1_id, b.model2_id, b.outcome, 1 AS battles, b.voter_id FROM ('
		|| bixarena_node.battle_query() || ') AS b WHERE b.leaderboard = $1';
BEGIN%s
	RETURN QUERY EXECUTE 'WITH battle AS MATERIALIZED (' || counted || '),
		voter AS (SELECT d.voter_id, row_number() OVER (ORDER BY d.voter_id)::integer AS number
			FROM (SELECT DISTINCT b.voter_id FROM battle AS b WHERE b.voter_id IS NOT NULL) AS d)
		SELECT n.model1_id, n.model2_id, n.outcome, array_agg(n.number)
		FROM (SELECT b.model1_id, b.model2_id, b.outcome, unnest(array_fill(v.number, ARRAY[b.battles::integer])) AS number
			FROM battle AS b LEFT JOIN voter AS v ON v.voter_id = b.voter_id) AS n
		GROUP BY 1, 2, 3' USING slug;
END
$body$, CASE WHEN is_kept THEN $body$
	IF bixarena_node.live_is_sure() THEN
		counted := bixarena_node.live_voters_sql(bixarena_node.live_arena(), 'bixarena_node_live', NULL, true);
	END IF;$body$ ELSE '' END)
$script$;
COMMENT ON FUNCTION bixarena.node_voter_reading(boolean) IS
	'body of the function that says on the other server who has cast the battles, by numbers';

CREATE FUNCTION bixarena.node_functions(schema text, is_kept boolean)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$
-- Which battles count, by the tables that there are now.  With a part of an age of the
-- application's schema the query fails, and names what is missing.
CREATE FUNCTION bixarena_node.battle_query() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS %1$s;

-- The leaderboards that there are now.
CREATE FUNCTION bixarena_node.slugs() RETURNS SETOF text
LANGUAGE plpgsql STABLE ROWS 20 SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS %2$s;

-- The battles of a leaderboard.
CREATE FUNCTION bixarena_node.battles(slug text)
RETURNS TABLE (model1_id uuid, model2_id uuid, outcome text, voter_id uuid, created_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 100000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS %3$s;

-- Their counts.  The plan of RETURN QUERY is parallel (PostgreSQL 14 and later), that
-- of a query from another server is not.
CREATE FUNCTION bixarena_node.tally(slug text)
RETURNS TABLE (model1_id uuid, model2_id uuid, outcome text, battles bigint)
LANGUAGE plpgsql STABLE ROWS 10000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS %4$s;

-- The counts of all leaderboards, in one pass.
CREATE FUNCTION bixarena_node.tally()
RETURNS TABLE (leaderboard text, model1_id uuid, model2_id uuid, outcome text, battles bigint)
LANGUAGE plpgsql STABLE ROWS 100000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS %5$s;

-- The battles of a leaderboard by models and outcome, with the number of each one's voter.
CREATE FUNCTION bixarena_node.voters(slug text)
RETURNS TABLE (model1_id uuid, model2_id uuid, outcome text, voters integer[])
LANGUAGE plpgsql STABLE ROWS 10000 SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '64MB'
AS %6$s;

-- What the role may do, and what would have to be granted.
CREATE FUNCTION bixarena_node.rights()
RETURNS TABLE (version text, may_delete boolean, cascades boolean, missing text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp
AS %7$s;

-- Stores a snapshot with its entries by one message: who updates the one row of
-- snapshot_writer has it stored, with the rights of the role, and gets back what it is
-- called.  If identifiers up to that number or beyond it are taken, it is not stored,
-- and the greatest of them comes back.
CREATE FUNCTION bixarena_node.write_snapshot() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS %8$s;
$sql$,
		bixarena.node_body(format($body$
DECLARE
	battle regclass := to_regclass(%1$L);
	columns name[] := ARRAY(SELECT a.attname FROM pg_attribute AS a
		WHERE a.attrelid = battle AND a.attnum > 0 AND NOT a.attisdropped);
	validated boolean := to_regclass(%2$L) IS NOT NULL
		OR 'effective_validation_id' = ANY (columns);
	categorized boolean := to_regclass(%3$L) IS NOT NULL OR to_regclass(%4$L) IS NOT NULL
		OR 'effective_categorization_id' = ANY (columns);
BEGIN
	RETURN CASE
		WHEN validated AND categorized THEN %5$s
		WHEN validated THEN %6$s
		WHEN categorized THEN %7$s
		ELSE %8$s END;
END
$body$,
			format('%I.battle', schema), format('%I.battle_validation', schema),
			format('%I.battle_categorization', schema),
			format('%I.battle_categorization_category', schema),
			quote_literal(bixarena.node_battle_query(schema, true, true)),
			quote_literal(bixarena.node_battle_query(schema, true, false)),
			quote_literal(bixarena.node_battle_query(schema, false, true)),
			quote_literal(bixarena.node_battle_query(schema, false, false)))),
		bixarena.node_body(format($body$
BEGIN
	RETURN QUERY EXECUTE %L;
END
$body$, format('SELECT l.slug::text FROM %I.leaderboard AS l', schema))),
		bixarena.node_body($body$
BEGIN
	RETURN QUERY EXECUTE 'SELECT b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at FROM ('
		|| bixarena_node.battle_query() || ') AS b WHERE b.leaderboard = $1' USING slug;
END
$body$),
		bixarena.node_body(format($body$
BEGIN%s
	RETURN QUERY EXECUTE 'SELECT b.model1_id, b.model2_id, b.outcome, count(*) FROM ('
		|| bixarena_node.battle_query() || ') AS b WHERE b.leaderboard = $1 GROUP BY 1, 2, 3' USING slug;
END
$body$, bixarena.node_kept_reading(is_kept, 'live_counts_of_sql', 't.model1_id, t.model2_id, t.outcome'))),
		bixarena.node_body(format($body$
BEGIN%s
	RETURN QUERY EXECUTE 'SELECT b.leaderboard, b.model1_id, b.model2_id, b.outcome, count(*) FROM ('
		|| bixarena_node.battle_query() || ') AS b GROUP BY 1, 2, 3, 4';
END
$body$, replace(bixarena.node_kept_reading(is_kept, 'live_counts_sql', 't.leaderboard, t.model1_id, t.model2_id, t.outcome'),
			' USING slug', ''))),
		bixarena.node_body(bixarena.node_voter_reading(is_kept)),
		bixarena.node_body(format($body$
DECLARE
	needed constant text[] := ARRAY[
		['leaderboard', 'SELECT'], ['model', 'SELECT'],
		['leaderboard_snapshot', 'SELECT'], ['leaderboard_snapshot', 'INSERT'],
		['leaderboard_snapshot', 'UPDATE'], ['leaderboard_snapshot', 'DELETE'],
		['leaderboard_entry', 'SELECT'], ['leaderboard_entry', 'INSERT'],
		['leaderboard_entry', 'DELETE']];
	within constant text := %1$L;
	relation text;
BEGIN
	version := %2$L;
	IF NOT has_schema_privilege(within, 'USAGE') THEN
		may_delete := false;
		cascades := false;
		missing := format('GRANT USAGE ON SCHEMA %%I TO %%I', within, current_user);
		RETURN NEXT;
		RETURN;
	END IF;
	FOR i IN 1 .. array_length(needed, 1) LOOP
		relation := format('%%I.%%I', within, needed[i][1]);
		IF has_table_privilege(to_regclass(relation)::oid, needed[i][2]) IS FALSE THEN
			missing := concat_ws('; ', missing,
				format('GRANT %%s ON %%s TO %%I', needed[i][2], relation, current_user));
		END IF;
	END LOOP;
	may_delete := coalesce(has_table_privilege(
		to_regclass(format('%%I.leaderboard_snapshot', within))::oid, 'DELETE'), false);
	cascades := EXISTS (SELECT FROM pg_constraint AS c
		WHERE c.contype = 'f' AND c.confdeltype = 'c'
			AND c.conrelid = to_regclass(format('%%I.leaderboard_entry', within))
			AND c.confrelid = to_regclass(format('%%I.leaderboard_snapshot', within)));
	RETURN NEXT;
END
$body$, schema, (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'))),
		bixarena.node_body(format($body$
DECLARE
	dated timestamptz;
BEGIN
	SELECT coalesce(max(CASE WHEN s.snapshot_identifier = NEW.base THEN 1
		ELSE substr(s.snapshot_identifier, length(NEW.base) + 2)::bigint END), 0)
	INTO NEW.taken
	FROM %1$I.leaderboard_snapshot AS s
	WHERE s.snapshot_identifier ~ ('^' || NEW.base || '(_[0-9]{1,9})?$');
	IF NEW.taken >= NEW.number THEN
		RETURN NEW;
	END IF;

	SELECT greatest(NEW.moment, max(s.created_at) + interval '1 microsecond')
	INTO dated
	FROM %1$I.leaderboard_snapshot AS s
	WHERE s.leaderboard_id = NEW.leaderboard_id AND s.created_at < '294276-01-01 UTC'
		AND isfinite(s.created_at);
	INSERT INTO %1$I.leaderboard_snapshot (id, leaderboard_id, snapshot_identifier, description,
		visibility, created_at, updated_at)
	VALUES (NEW.id, NEW.leaderboard_id,
		NEW.base || CASE WHEN NEW.number > 1 THEN '_' || NEW.number ELSE '' END,
		NEW.description, NEW.visibility, dated, NEW.moment)
	ON CONFLICT DO NOTHING
	RETURNING snapshot_identifier INTO NEW.snapshot_identifier;
	IF NOT FOUND THEN
		IF EXISTS (SELECT FROM %1$I.leaderboard_snapshot AS s WHERE s.id = NEW.id) THEN
			RAISE EXCEPTION 'there is a snapshot with id %% already', NEW.id
				USING ERRCODE = 'unique_violation';
		END IF;
		NEW.taken := NEW.number;
		RETURN NEW;
	END IF;
	INSERT INTO %1$I.leaderboard_entry (leaderboard_id, snapshot_id, created_at, model_id, rank,
		vote_count, bt_score, bootstrap_q025, bootstrap_q975)
	SELECT NEW.leaderboard_id, NEW.id, dated, e.*
	FROM unnest(NEW.models, NEW.ranks, NEW.votes, NEW.scores, NEW.lower_bounds, NEW.upper_bounds) AS e;
	GET DIAGNOSTICS NEW.entries = ROW_COUNT;
	RETURN NEW;
END
$body$, schema)))
$script$;
COMMENT ON FUNCTION bixarena.node_functions(text, boolean) IS
	'the functions of the schema bixarena_node, for a schema of the application''s';

CREATE FUNCTION bixarena.node_grants(schema text, role text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$GRANT USAGE ON SCHEMA %1$I TO %2$I;
GRANT SELECT ON %1$I.leaderboard, %1$I.model TO %2$I;
GRANT SELECT, INSERT, UPDATE, DELETE
	ON %1$I.leaderboard_snapshot, %1$I.leaderboard_entry TO %2$I;$sql$, schema, role)
$script$;
COMMENT ON FUNCTION bixarena.node_grants(text, text) IS
	'the rights of a rank node''s role on a schema of the application''s';

CREATE FUNCTION bixarena_node_script(schema text, keep_tally boolean DEFAULT false)
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
DECLARE
	is_kept boolean := coalesce(keep_tally, false);
BEGIN
	IF schema IS NULL THEN
		RAISE EXCEPTION 'schema must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	RETURN format($sql$-- For a rank node of bixarena_rank %4$s beside this database: what it reads, and the role
-- that it connects as.  To be run once, and again after an update of bixarena_rank, in
-- the database that has the schema %5$s (PostgreSQL 13 to 18), by a role that
--
--	- may read its tables of battles: the functions do it with the rights of the role
--	  that runs this, since the role bixarena_node has no right on a battle;
--	- may grant rights on its tables, and create schemas and (the first time) roles%6$s.
--
-- %7$s and nothing here depends on its tables.
-- Afterwards the role needs a password: \password bixarena_node
BEGIN;
SET LOCAL client_min_messages = warning;

DO $role$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'bixarena_node') THEN
		CREATE ROLE bixarena_node LOGIN;
	END IF;
END
$role$;

-- Who owns the schema could make its functions, which have this role's rights, anew.
DO $owner$
DECLARE
	owner text := (SELECT n.nspowner::regrole::text FROM pg_catalog.pg_namespace AS n
		WHERE n.nspname = 'bixarena_node'
			AND n.nspowner <> (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user));
BEGIN
	IF owner IS NOT NULL THEN
		RAISE EXCEPTION 'schema bixarena_node belongs to role %%', owner
			USING ERRCODE = 'insufficient_privilege',
				HINT = 'Run this as that role, or first DROP SCHEMA bixarena_node CASCADE.';
	END IF;
END
$owner$;

CREATE SCHEMA IF NOT EXISTS bixarena_node;
%8$s
DROP VIEW IF EXISTS bixarena_node.leaderboard_battle, bixarena_node.leaderboard_tally,
	bixarena_node.arena_tally, bixarena_node.voter_tally, bixarena_node.node_rights, bixarena_node.snapshot_writer;
DROP FUNCTION IF EXISTS bixarena_node.battle_query(), bixarena_node.slugs(),
	bixarena_node.battles(text), bixarena_node.tally(text), bixarena_node.tally(), bixarena_node.voters(text),
	bixarena_node.rights(), bixarena_node.write_snapshot();
%2$s
-- A caller's WHERE leaderboard = '...' meets the slug: then only that one is looked at.
CREATE VIEW bixarena_node.leaderboard_battle AS
SELECT l.slug AS leaderboard, b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at
FROM bixarena_node.slugs() AS l (slug) CROSS JOIN LATERAL bixarena_node.battles(l.slug) AS b;

CREATE VIEW bixarena_node.leaderboard_tally AS
SELECT l.slug AS leaderboard, t.model1_id, t.model2_id, t.outcome, t.battles
FROM bixarena_node.slugs() AS l (slug) CROSS JOIN LATERAL bixarena_node.tally(l.slug) AS t;

CREATE VIEW bixarena_node.arena_tally AS
SELECT t.leaderboard, t.model1_id, t.model2_id, t.outcome, t.battles
FROM bixarena_node.tally() AS t;

-- Voters have numbers instead of ids: a number means the same in all rows of one reading.
CREATE VIEW bixarena_node.voter_tally AS
SELECT l.slug AS leaderboard, v.model1_id, v.model2_id, v.outcome, v.voters
FROM bixarena_node.slugs() AS l (slug) CROSS JOIN LATERAL bixarena_node.voters(l.slug) AS v;

CREATE VIEW bixarena_node.node_rights AS
SELECT r.version, r.may_delete, r.cascades, r.missing FROM bixarena_node.rights() AS r;

CREATE VIEW bixarena_node.snapshot_writer AS
SELECT NULL::uuid AS id, NULL::uuid AS leaderboard_id, NULL::text AS base, NULL::bigint AS number,
	NULL::text AS description, NULL::text AS visibility, NULL::timestamptz AS moment,
	NULL::uuid[] AS models, NULL::integer[] AS ranks, NULL::bigint[] AS votes,
	NULL::float8[] AS scores, NULL::float8[] AS lower_bounds, NULL::float8[] AS upper_bounds,
	NULL::text AS snapshot_identifier, NULL::bigint AS taken, NULL::bigint AS entries;
CREATE TRIGGER write_snapshot INSTEAD OF UPDATE ON bixarena_node.snapshot_writer
	FOR EACH ROW EXECUTE FUNCTION bixarena_node.write_snapshot();

%9$s
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA bixarena_node FROM PUBLIC;
GRANT USAGE ON SCHEMA bixarena_node TO bixarena_node;
GRANT EXECUTE ON FUNCTION bixarena_node.slugs(), bixarena_node.battles(text),
	bixarena_node.tally(text), bixarena_node.tally(), bixarena_node.voters(text), bixarena_node.rights() TO bixarena_node;
GRANT SELECT ON bixarena_node.leaderboard_battle, bixarena_node.leaderboard_tally,
	bixarena_node.arena_tally, bixarena_node.voter_tally, bixarena_node.node_rights TO bixarena_node;
GRANT SELECT, UPDATE ON bixarena_node.snapshot_writer TO bixarena_node;
%3$s
%10$s
COMMIT;
$sql$, schema, bixarena.node_functions(schema, is_kept), bixarena.node_grants(schema, 'bixarena_node'),
		(SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'),
		-- in a comment, which ends with its line
		translate(quote_ident(schema), E'\n\r', '  '),
		CASE WHEN is_kept THEN E';\n--\t- owns its tables of battles: they get triggers, by which the tally is kept' ELSE '' END,
		CASE WHEN is_kept THEN 'Nothing else is created in that schema,'
			ELSE 'Nothing is created in the schema ' || translate(quote_ident(schema), E'\n\r', '  ') || ',' END,
		bixarena.live_far_drop(),
		CASE WHEN is_kept THEN bixarena.live_far_make(schema) ELSE '' END,
		CASE WHEN is_kept THEN bixarena.live_far_grants('bixarena_node') ELSE '' END);
END
$script$;
COMMENT ON FUNCTION bixarena_node_script(text, boolean) IS
	'the SQL that the administrator of a database without this extension runs for a rank node beside it';
