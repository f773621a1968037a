/*
 * The tally kept on a server without this extension, beside the battles: what
 * bixarena_node_script() adds to the schema bixarena_node for it.
 *
 * Most of it are the functions of fold.sql, doubt.sql and source.sql, which know no C
 * and are copied by their definitions.  Only what those call that is C, or that asks
 * for a relation of the arena's own, has another body there.
 *
 * The rank node folds by an update of the one row of tally_keeper.  It reads as ever:
 * where the tally can be trusted, the functions behind leaderboard_tally, arena_tally
 * and voter_tally read that, with what the log would change in it.
 *
 * All that a rank node does there is at the isolation level repeatable read, by
 * postgres_fdw.  A fold is then of the moment at which its transaction began.  If
 * another has folded since, that is an error of the server's, and the node reads
 * without a fold.
 */

CREATE FUNCTION bixarena.live_far_copies()
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT string_agg(replace(pg_get_functiondef(p.oid), 'bixarena.', 'bixarena_node.') || ';', E'\n\n' ORDER BY w.place, p.oid)
	FROM unnest('{live_parts,live_views,live_application_sources,live_triggers,
		live_trigger_sql,live_found_triggers,live_unfit_triggers,live_labels,live_relation_facts,live_functions,live_facts,live_lost,live_doubt,
		live_named_sql,live_all_sql,live_changed_sql,live_difference_sql,live_store_sql,live_sum_sql,
		live_is_long,live_fold,live_drop_index,live_all_difference_sql,live_recount,live_counts_sql,live_counts_of_sql,live_voters_sql,live_compare_sql,
		live_note_verified,live_state_of,live_lock,live_make_triggers,live_make_tables}'::name[]) WITH ORDINALITY AS w (name, place)
	JOIN pg_proc AS p ON p.proname = w.name AND p.pronamespace = 'bixarena'::regnamespace
$$;
COMMENT ON FUNCTION bixarena.live_far_copies() IS
	'functions of a kept tally as they are here, for the schema bixarena_node';

CREATE FUNCTION bixarena.live_far_groups(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	-- of each age, for one battle and for all
	SELECT bixarena.node_body(format($body$
BEGIN
	RETURN CASE
%s	END;
END
$body$, string_agg(format(E'\t\tWHEN %s AND %s AND %s THEN %L\n',
			CASE WHEN a.validated THEN 'validated' ELSE 'NOT validated' END,
			CASE WHEN a.categorized THEN 'categorized' ELSE 'NOT categorized' END,
			CASE WHEN a.battle IS NULL THEN 'battle IS NULL' ELSE 'battle IS NOT NULL' END,
			bixarena.node_battle_groups(schema, a.validated, a.categorized, a.battle)), ''
			ORDER BY a.validated DESC, a.categorized DESC, a.battle)))
	FROM (SELECT v.validated, c.categorized, b.battle
		FROM (VALUES (true), (false)) AS v (validated), (VALUES (true), (false)) AS c (categorized),
			(VALUES (NULL), ('n.battle_id')) AS b (battle)) AS a
$script$;
COMMENT ON FUNCTION bixarena.live_far_groups(text) IS
	'body of the function that says on the other server for what the battles count';

CREATE FUNCTION bixarena.live_far_functions(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$
CREATE TYPE bixarena_node.live_source AS (kind "char", relation oid, key_column name, columns name[],
	via oid, via_column name, via_battle name);
CREATE TYPE bixarena_node.live_trigger AS (relation oid, name text, operation text, arguments text[]);

-- Whose tally it is
CREATE FUNCTION bixarena_node.live_arena() RETURNS text
LANGUAGE sql IMMUTABLE AS %3$s;

-- What is C on the node, and what an arena there may have
CREATE FUNCTION bixarena_node.live_battle_query(arena text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT bixarena_node.battle_query()$$;

CREATE FUNCTION bixarena_node.live_groups_of(validated boolean, categorized boolean, battle text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS %1$s;

CREATE FUNCTION bixarena_node.live_groups_sql(arena text, battle text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT bixarena_node.live_groups_of(strpos(q.query, '.battle_validation AS ') > 0,
	strpos(q.query, '.battle_categorization AS ') > 0, battle) FROM bixarena_node.battle_query() AS q (query)$$;

CREATE FUNCTION bixarena_node.live_refusal(arena text, sources jsonb) RETURNS text
LANGUAGE sql IMMUTABLE AS $$SELECT NULL::text$$;

CREATE FUNCTION bixarena_node.live_has_voters(arena text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$SELECT true$$;

CREATE FUNCTION bixarena_node.live_slugs(slugs text[], more text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT slugs || ARRAY(SELECT m FROM unnest(more) AS m WHERE m <> ALL (slugs))$$;

CREATE FUNCTION bixarena_node.live_sums(slugs text[], counts bigint[], more text[], changes bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT ARRAY(SELECT u.n + coalesce(changes[array_position(more, u.slug)], 0)
		FROM unnest(slugs, counts) WITH ORDINALITY AS u (slug, n, place) ORDER BY u.place)
	|| ARRAY(SELECT u.n FROM unnest(more, changes) WITH ORDINALITY AS u (slug, n, place)
		WHERE u.slug <> ALL (slugs) ORDER BY u.place)$$;

CREATE FUNCTION bixarena_node.live_count(slugs text[], counts bigint[], slug text) RETURNS bigint
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT coalesce(counts[array_position(slugs, slug COLLATE "C")], 0)$$;

-- The trigger.  It has the rights of the role that ran this, so that writers need none
-- on the log.
CREATE FUNCTION bixarena_node.live_note() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF to_regclass('bixarena_node_live.log') IS NULL THEN
		RETURN NULL;
	ELSIF TG_OP = 'TRUNCATE' THEN
		INSERT INTO bixarena_node_live.log (kind) VALUES ('*');
	ELSIF TG_LEVEL = 'ROW' THEN
		INSERT INTO bixarena_node_live.log (kind, keys)
		SELECT TG_ARGV[1]::"char", array_agg(DISTINCT (k.seen ->> TG_ARGV[2])::uuid)
		FROM (VALUES (to_jsonb(OLD)), (to_jsonb(NEW))) AS k (seen) WHERE k.seen IS NOT NULL;
	ELSIF TG_OP = 'INSERT' THEN
		INSERT INTO bixarena_node_live.log (kind, keys)
		SELECT TG_ARGV[1]::"char", array_agg(k.key)
		FROM (SELECT (to_jsonb(a) ->> TG_ARGV[2])::uuid AS key, (row_number() OVER () - 1) / 100 AS part FROM after AS a) AS k
		GROUP BY k.part;
	ELSIF TG_OP = 'DELETE' THEN
		INSERT INTO bixarena_node_live.log (kind, keys)
		SELECT TG_ARGV[1]::"char", array_agg(k.key)
		FROM (SELECT (to_jsonb(b) ->> TG_ARGV[2])::uuid AS key, (row_number() OVER () - 1) / 100 AS part FROM before AS b) AS k
		GROUP BY k.part;
	ELSE
		-- what is the same in all that matters is not noted
		WITH earlier AS (SELECT r.seen ->> TG_ARGV[2] AS key, ARRAY(SELECT r.seen ->> c FROM unnest(TG_ARGV[3:]) AS c)
			FROM (SELECT to_jsonb(b) FROM before AS b) AS r (seen)),
		later AS (SELECT r.seen ->> TG_ARGV[2] AS key, ARRAY(SELECT r.seen ->> c FROM unnest(TG_ARGV[3:]) AS c)
			FROM (SELECT to_jsonb(a) FROM after AS a) AS r (seen)),
		changed AS ((TABLE earlier EXCEPT TABLE later) UNION ALL (TABLE later EXCEPT TABLE earlier))
		INSERT INTO bixarena_node_live.log (kind, keys)
		SELECT TG_ARGV[1]::"char", array_agg(k.key)
		FROM (SELECT d.key, (row_number() OVER () - 1) / 100 AS part FROM (SELECT DISTINCT c.key::uuid AS key FROM changed AS c) AS d) AS k
		GROUP BY k.part;
	END IF;
	RETURN NULL;
END
$$;

-- The same as on the node
%2$s

CREATE FUNCTION bixarena_node.live_sources(arena text, sources jsonb) RETURNS SETOF bixarena_node.live_source
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$SELECT s.* FROM bixarena_node.live_application_sources(arena) AS s$$;

-- The tables as they are until the end of the transaction
CREATE FUNCTION bixarena_node.live_hold() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	EXECUTE 'SELECT FROM (' || bixarena_node.battle_query() || ') AS b LIMIT 0';
END
$$;

-- Can the tally be trusted?  If not, for whatever reason, the battles are read.
CREATE FUNCTION bixarena_node.live_is_sure() RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena_node.live_hold();
	RETURN bixarena_node.live_lost(bixarena_node.live_arena(), 'bixarena_node_live', NULL) IS NULL
		AND bixarena_node.live_doubt('bixarena_node_live',
			bixarena_node.live_facts(bixarena_node.live_arena(), 'bixarena_node_live', NULL)) IS NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN false;
END
$$;

CREATE FUNCTION bixarena_node.live_state()
RETURNS TABLE (lost text, doubt text, log_bytes bigint, folded_at timestamptz, recounted_at timestamptz,
	recounted_why text, verified_at timestamptz, differences bigint)
LANGUAGE plpgsql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena_node.live_hold();
	RETURN QUERY SELECT bixarena_node.live_lost(bixarena_node.live_arena(), 'bixarena_node_live', NULL), s.*
	FROM bixarena_node.live_state_of('bixarena_node_live',
		bixarena_node.live_facts(bixarena_node.live_arena(), 'bixarena_node_live', NULL)) AS s;
END
$$;

-- In what it differs from its battles, for a leaderboard or with null for all
CREATE FUNCTION bixarena_node.live_differences(slug text)
RETURNS TABLE (leaderboard text, model1_id uuid, model2_id uuid, outcome text, kept bigint, recounted bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
AS $$
BEGIN
	RETURN QUERY EXECUTE bixarena_node.live_compare_sql(bixarena_node.live_arena(), 'bixarena_node_live', NULL,
		slug IS NOT NULL) USING slug;
END
$$;

-- What the node asks for: to fold, to make missing triggers, to count all, or to put on
-- record how many rows have differed
CREATE FUNCTION bixarena_node.live_keep() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET work_mem = '64MB'
AS $$
DECLARE
	facts text[];
BEGIN
	PERFORM bixarena_node.live_hold();
	IF NOT pg_try_advisory_xact_lock(hashtext('bixarena_node_live')) THEN
		NEW.is_busy := true;
		RETURN NEW;
	END IF;
	NEW.lost := bixarena_node.live_lost(bixarena_node.live_arena(), 'bixarena_node_live', NULL);
	IF NEW.lost IS NOT NULL AND NEW.asked IN ('mend', 'rebuild') THEN
		SET LOCAL lock_timeout = '200ms';
		PERFORM bixarena_node.live_make_triggers(bixarena_node.live_arena(), 'bixarena_node_live', NULL);
		NEW.lost := bixarena_node.live_lost(bixarena_node.live_arena(), 'bixarena_node_live', NULL);
	END IF;
	SELECT s.changed INTO NEW.total FROM bixarena_node_live.state AS s;
	IF NEW.asked = 'verified' THEN
		PERFORM bixarena_node.live_note_verified('bixarena_node_live', NEW.changed);
	ELSIF NEW.lost IS NULL AND NEW.asked IN ('fold', 'rebuild') THEN
		facts := bixarena_node.live_facts(bixarena_node.live_arena(), 'bixarena_node_live', NULL);
		NEW.doubt := CASE NEW.asked WHEN 'rebuild' THEN 'bixarena_rebuild_tally()'
			ELSE bixarena_node.live_doubt('bixarena_node_live', facts) END;
		IF NEW.doubt IS NULL THEN
			SELECT f.changed, f.doubt INTO NEW.changed, NEW.doubt
			FROM bixarena_node.live_fold(bixarena_node.live_arena(), 'bixarena_node_live', NULL) AS f;
		END IF;
		IF NEW.doubt IS NOT NULL THEN
			NEW.changed := bixarena_node.live_recount(bixarena_node.live_arena(), 'bixarena_node_live', NULL, NEW.doubt, facts);
		END IF;
		SELECT s.changed INTO NEW.total FROM bixarena_node_live.state AS s;
	END IF;
	RETURN NEW;
EXCEPTION WHEN serialization_failure THEN
	NEW.is_busy := true;
	RETURN NEW;
END
$$;
$sql$, bixarena.live_far_groups(schema), bixarena.live_far_copies(),
		bixarena.node_body(format('SELECT %L::text', schema)))
$script$;
COMMENT ON FUNCTION bixarena.live_far_functions(text) IS
	'the functions of a kept tally in the schema bixarena_node, for a schema of the application''s';

CREATE FUNCTION bixarena.live_far_drop()
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT $sql$
-- A tally that has been kept, with its triggers
DO $drop$
DECLARE
	found record;
BEGIN
	DROP VIEW IF EXISTS bixarena_node.tally_keeper, bixarena_node.tally_state, bixarena_node.tally_difference;
	FOR found IN
		SELECT t.tgrelid::regclass AS relation, t.tgname
		FROM pg_catalog.pg_trigger AS t
		JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
		WHERE p.pronamespace = 'bixarena_node'::regnamespace AND p.proname = 'live_note' AND NOT t.tgisinternal
		ORDER BY 1, 2
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', found.tgname, found.relation);
	END LOOP;
	FOR found IN
		SELECT p.oid::regprocedure AS function FROM pg_catalog.pg_proc AS p
		WHERE p.pronamespace = 'bixarena_node'::regnamespace AND p.proname LIKE 'live\_%'
	LOOP
		EXECUTE format('DROP FUNCTION %s CASCADE', found.function);
	END LOOP;
	DROP TYPE IF EXISTS bixarena_node.live_source, bixarena_node.live_trigger;
	IF to_regnamespace('bixarena_node_live') IS NOT NULL THEN
		DROP TABLE IF EXISTS bixarena_node_live.log, bixarena_node_live.counted, bixarena_node_live.tally,
			bixarena_node_live.state;
		DROP SCHEMA bixarena_node_live;
	END IF;
END
$drop$;
$sql$
$script$;
COMMENT ON FUNCTION bixarena.live_far_drop() IS
	'the statements that drop a kept tally of the schema bixarena_node';

CREATE FUNCTION bixarena.live_far_make(schema text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$
-- A kept tally: triggers on the tables of battles of %2$s, which write the keys of what
-- changes into a log.  Until the end of this transaction writers wait.
DO $version$
BEGIN
	IF current_setting('server_version_num')::integer < 150000 THEN
		RAISE EXCEPTION 'a tally cannot be kept by PostgreSQL %%', current_setting('server_version')
			USING ERRCODE = 'feature_not_supported', HINT = 'It takes PostgreSQL 15.';
	END IF;
END
$version$;
SET LOCAL check_function_bodies = off;
%3$s
SELECT bixarena_node.live_make_tables('bixarena_node_live',
	(SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user));
SELECT bixarena_node.live_make_triggers(%1$L, 'bixarena_node_live', NULL);

CREATE VIEW bixarena_node.tally_keeper AS
SELECT NULL::text AS asked, NULL::bigint AS changed, NULL::text AS lost, NULL::text AS doubt, NULL::boolean AS is_busy,
	NULL::bigint AS total;
CREATE TRIGGER keep_tally INSTEAD OF UPDATE ON bixarena_node.tally_keeper
	FOR EACH ROW EXECUTE FUNCTION bixarena_node.live_keep();

CREATE VIEW bixarena_node.tally_state AS
SELECT s.lost, s.doubt, s.log_bytes, s.folded_at, s.recounted_at, s.recounted_why, s.verified_at, s.differences
FROM bixarena_node.live_state() AS s;

-- Of the leaderboard that is asked for, or where that is null of all
CREATE VIEW bixarena_node.tally_difference AS
SELECT l.slug AS asked, d.leaderboard, d.model1_id, d.model2_id, d.outcome, d.kept, d.recounted
FROM (SELECT s.slug FROM bixarena_node.slugs() AS s (slug) UNION ALL SELECT NULL) AS l
CROSS JOIN LATERAL bixarena_node.live_differences(l.slug) AS d;
$sql$, schema, translate(quote_ident(schema), E'\n\r', '  '), bixarena.live_far_functions(schema))
$script$;
COMMENT ON FUNCTION bixarena.live_far_make(text) IS
	'the statements that make a kept tally in the schema bixarena_node';

CREATE FUNCTION bixarena.live_far_grants(role text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $script$
	SELECT format($sql$GRANT EXECUTE ON FUNCTION bixarena_node.live_state(), bixarena_node.live_differences(text) TO %1$I;
GRANT SELECT ON bixarena_node.tally_state, bixarena_node.tally_difference TO %1$I;
GRANT SELECT, UPDATE ON bixarena_node.tally_keeper TO %1$I;$sql$, role)
$script$;
COMMENT ON FUNCTION bixarena.live_far_grants(text) IS
	'the rights of a rank node''s role on a tally that is kept there';

/*
 * Notices: each node tells its own listeners what any node's folds have changed.
 */

CREATE TABLE bixarena.far_notice (
	arena name PRIMARY KEY,
	told bigint NOT NULL,
	notified_at timestamptz
);
COMMENT ON TABLE bixarena.far_notice IS 'arenas whose tally another server keeps, and what listeners have been told of it';
COMMENT ON COLUMN bixarena.far_notice.arena IS 'name of the arena''s schema';
COMMENT ON COLUMN bixarena.far_notice.told IS 'how many battles folds had changed, of those that have been told';
COMMENT ON COLUMN bixarena.far_notice.notified_at IS 'when that was told';
SELECT pg_catalog.pg_extension_config_dump('bixarena.far_notice', '');

CREATE FUNCTION bixarena.live_far_notify(arena text, changed bigint, total bigint, channel text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	untold bigint;
BEGIN
	-- as live_notify(); a tally that was made anew has begun from nothing
	IF pg_notification_queue_usage() >= 0.9 THEN
		RETURN;
	END IF;
	INSERT INTO bixarena.far_notice (arena, told) VALUES (arena, greatest(total - changed, 0))
	ON CONFLICT DO NOTHING;
	UPDATE bixarena.far_notice AS n SET told = total, notified_at = clock_timestamp()
	FROM bixarena.far_notice AS o
	WHERE n.arena = live_far_notify.arena AND o.arena = n.arena AND n.told <> total
		AND (n.notified_at IS NULL OR clock_timestamp() >= n.notified_at + interval '1 second')
	RETURNING total - CASE WHEN o.told <= total THEN o.told ELSE 0 END
	INTO untold;
	IF untold > 0 THEN
		PERFORM bixarena.live_tell(arena, channel, untold);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_far_notify(text, bigint, bigint, text) IS
	'tell that folds on another server have changed its tally, at most once a second';
REVOKE ALL ON FUNCTION bixarena.live_far_notify(text, bigint, bigint, text) FROM PUBLIC;
