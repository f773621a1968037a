/*
 * Keeping a tally.
 */

CREATE FUNCTION bixarena.live_owner(arena text)
RETURNS oid
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- an arena that was renamed or dropped has left its tally behind
	SELECT CASE coalesce(a.nspowner, s.nspowner, 'pg_database_owner'::regrole)
		WHEN 'pg_database_owner'::regrole THEN d.datdba ELSE coalesce(a.nspowner, s.nspowner) END
	FROM pg_database AS d
	LEFT JOIN pg_namespace AS a ON a.nspname = arena
	LEFT JOIN bixarena.kept_tally AS k ON k.arena = live_owner.arena
	LEFT JOIN pg_namespace AS s ON s.nspname = k.schema
	WHERE d.datname = current_database()
$$;
COMMENT ON FUNCTION bixarena.live_owner(text) IS
	'the role that owns an arena, or if that is gone the tally that was kept of it';

CREATE FUNCTION bixarena.live_check_owner(arena text)
RETURNS void
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	owner oid := bixarena.live_owner(arena);
BEGIN
	IF NOT pg_has_role(owner, 'USAGE') THEN
		RAISE EXCEPTION 'permission denied to keep the tally of arena "%"', arena
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = format('The arena belongs to role %s.', owner::regrole);
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.live_check_owner(text) IS
	'an error unless the caller has the rights of an arena''s owner';

CREATE FUNCTION bixarena.live_lock(relations oid[], mode text)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	tables text := (SELECT string_agg(u.r::regclass::text, ', ' ORDER BY u.r) FROM unnest(relations) AS u (r));
	own text := current_setting('lock_timeout');
	latest timestamptz := clock_timestamp() + CASE own WHEN '0' THEN interval '1 minute' ELSE own::interval END;
BEGIN
	-- Who writes into two of them, in whatever order, is not to be in a deadlock with
	-- this, nor is anybody to wait behind it for one who has been at it for long.  So it
	-- waits for a moment, and otherwise lets all of them go and tries again.
	LOOP
		EXIT WHEN tables IS NULL;
		BEGIN
			PERFORM set_config('lock_timeout', '100ms', true);
			EXECUTE format('LOCK TABLE %s IN %s MODE', tables, mode);
			PERFORM set_config('lock_timeout', own, true);
			EXIT;
		EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
			IF clock_timestamp() > latest THEN
				RAISE EXCEPTION 'the triggers of a kept tally cannot be made or dropped now'
					USING ERRCODE = 'lock_not_available', DETAIL = format('Others are at one of the tables %s.', tables),
						HINT = 'Try again when transactions that have written into them have ended.';
			END IF;
		END;
		PERFORM pg_sleep(0.05 + random() * 0.1);
	END LOOP;
END
$$;
COMMENT ON FUNCTION bixarena.live_lock(oid[], text) IS
	'lock tables against writers, or all, without long being in the way of anybody';

CREATE FUNCTION bixarena.live_make_triggers(arena text, schema text, sources jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	triggers bixarena.live_trigger[] := ARRAY(SELECT w FROM bixarena.live_triggers(arena, schema, sources) AS w);
	unfit record;
	owner oid;
BEGIN
	-- what is written meanwhile waits for the commit
	PERFORM bixarena.live_lock(ARRAY(SELECT DISTINCT u.relation FROM bixarena.live_unfit_triggers(schema, triggers) AS u
		WHERE u.enabled IS DISTINCT FROM 'D'), 'SHARE ROW EXCLUSIVE');
	FOR unfit IN
		SELECT u.*, w AS definition
		FROM bixarena.live_unfit_triggers(schema, triggers) AS u
		JOIN unnest(triggers) AS w ON w.relation = u.relation AND w.name = u.name
		ORDER BY u.relation, u.name
	LOOP
		-- ENABLE TRIGGER USER, which ends a load without triggers, enables all alike
		IF unfit.what IN ('missing', 'made for other columns') THEN
			EXECUTE bixarena.live_trigger_sql(unfit.definition);
		ELSIF unfit.enabled = 'O' THEN
			EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', unfit.relation::regclass,
				CASE unfit.wanted WHEN 'R' THEN 'REPLICA' ELSE 'ALWAYS' END, unfit.name);
		END IF;
	END LOOP;
	FOR owner IN
		SELECT DISTINCT c.relowner
		FROM bixarena.live_triggers(arena, schema, sources) AS w
		JOIN pg_class AS c ON c.oid = w.relation
	LOOP
		EXECUTE format('GRANT INSERT ON %I.log TO %s', schema, owner::regrole);
	END LOOP;
	EXECUTE format('UPDATE %I.state SET facts = NULL', schema);
END
$$;
COMMENT ON FUNCTION bixarena.live_make_triggers(text, text, jsonb) IS
	'make the triggers of a kept tally that are missing';

CREATE FUNCTION bixarena.live_make_tables(schema text, owner oid)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- their replica identity is for those who publish all tables
	EXECUTE format($sql$
		CREATE SCHEMA %1$I;
		COMMENT ON SCHEMA %1$I IS 'a tally kept by bixarena_rank';

		CREATE TABLE %1$I.log (kind "char" NOT NULL, keys uuid[])
			USING heap WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0,
				autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0);
		ALTER TABLE %1$I.log REPLICA IDENTITY FULL;
		COMMENT ON TABLE %1$I.log IS 'keys of what has changed since the last fold';

		CREATE TABLE %1$I.counted (
			battle_id uuid,
			model1_id uuid,
			model2_id uuid,
			outcome text COLLATE "C",
			voter_id uuid,
			leaderboards text[] COLLATE "C" NOT NULL
		) USING heap;
		CREATE INDEX counted_battle ON %1$I.counted (battle_id);
		ALTER TABLE %1$I.counted REPLICA IDENTITY FULL;
		COMMENT ON TABLE %1$I.counted IS 'what is counted of each battle';

		CREATE TABLE %1$I.tally (
			model1_id uuid,
			model2_id uuid,
			outcome text COLLATE "C",
			leaderboards text[] COLLATE "C" NOT NULL,
			battles bigint[] NOT NULL,
			UNIQUE NULLS NOT DISTINCT (model1_id, model2_id, outcome)
		) USING heap WITH (fillfactor = 60);
		ALTER TABLE %1$I.tally REPLICA IDENTITY FULL;
		COMMENT ON TABLE %1$I.tally IS 'how many battles of two models with an outcome count, for each of the leaderboards';

		CREATE TABLE %1$I.state (
			only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
			facts text[],
			folded_at timestamptz,
			changed bigint NOT NULL DEFAULT 0,
			recounted_at timestamptz,
			recounted_why text,
			verified_at timestamptz,
			differences bigint,
			told bigint NOT NULL DEFAULT 0,
			notified_at timestamptz
		);
		INSERT INTO %1$I.state DEFAULT VALUES;
		COMMENT ON TABLE %1$I.state IS 'of what the tally is, and since when';

		ALTER TABLE %1$I.log OWNER TO %2$s;
		ALTER TABLE %1$I.counted OWNER TO %2$s;
		ALTER TABLE %1$I.tally OWNER TO %2$s;
		ALTER TABLE %1$I.state OWNER TO %2$s;
		ALTER SCHEMA %1$I OWNER TO %2$s;
	$sql$, schema, owner::regrole);
END
$$;
COMMENT ON FUNCTION bixarena.live_make_tables(text, oid) IS
	'make the schema of a kept tally, for its owner';

CREATE FUNCTION bixarena_keep_tally(arena text DEFAULT NULL, sources jsonb DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	schema text;
	reason text;
BEGIN
	PERFORM bixarena.live_check_owner(found_arena);
	IF EXISTS (SELECT FROM bixarena.kept_tally AS k WHERE k.arena = found_arena) THEN
		RAISE EXCEPTION 'the tally of arena "%" is kept already', found_arena
			USING ERRCODE = 'duplicate_object',
				HINT = 'bixarena_drop_tally() ends that, bixarena_rebuild_tally() counts anew.';
	END IF;
	IF EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = to_regnamespace(quote_ident(found_arena))
			AND c.relname = 'leaderboard_snapshot' AND c.relkind = 'f') THEN
		RAISE EXCEPTION 'the tally of arena "%" cannot be kept on this server', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Its tables are on another one.',
				HINT = format('Run on that server what bixarena_node_script(%L, keep_tally => true) prints, and attach it again.', found_arena);
	END IF;
	PERFORM bixarena.live_battle_query(found_arena);
	reason := coalesce(bixarena.live_refusal(found_arena, sources),
		(SELECT format('relation %s is not a table', min(s.relation)::regclass)
			FROM bixarena.live_sources(found_arena, sources) AS s
			JOIN pg_class AS c ON c.oid = s.relation AND c.relkind NOT IN ('r', 'p')
			HAVING count(*) > 0));
	IF reason IS NOT NULL THEN
		RAISE EXCEPTION 'the tally of arena "%" cannot be kept', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = upper(left(reason, 1)) || substr(reason, 2) || '.',
				HINT = 'The documentation says which battles can be followed.';
	END IF;

	-- the names of its triggers begin with it, and are not to be cut
	schema := CASE WHEN octet_length(found_arena) <= 45 THEN found_arena || '_live'
		ELSE 'arena_' || md5(found_arena) || '_live' END;
	IF to_regnamespace(quote_ident(schema)) IS NOT NULL THEN
		RAISE EXCEPTION 'schema "%" exists already', schema
			USING ERRCODE = 'duplicate_schema',
				DETAIL = format('The tally of arena "%s" is kept in a schema of this name.', found_arena),
				HINT = 'Rename the schema, or drop it if it is left over.';
	END IF;
	PERFORM bixarena.live_make_tables(schema,
		(SELECT CASE n.nspowner WHEN 'pg_database_owner'::regrole THEN d.datdba ELSE n.nspowner END
			FROM pg_namespace AS n, pg_database AS d
			WHERE n.nspname = found_arena AND d.datname = current_database()));
	PERFORM bixarena.live_make_triggers(found_arena, schema, sources);
	reason := bixarena.live_lost(found_arena, schema, sources);
	IF reason IS NOT NULL THEN
		RAISE EXCEPTION 'the tally of arena "%" cannot be kept', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = upper(left(reason, 1)) || substr(reason, 2) || '.';
	END IF;
	PERFORM bixarena.live_register(found_arena, schema, sources);
	RETURN schema;
END
$$;
COMMENT ON FUNCTION bixarena_keep_tally(text, jsonb) IS
	'keep the tally of an arena: from now on changes of its battles are noted, and only these are read';
-- it makes a schema, and triggers on tables of the arena's
REVOKE ALL ON FUNCTION bixarena_keep_tally(text, jsonb) FROM PUBLIC;

CREATE FUNCTION bixarena_drop_tally(arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := coalesce(arena, bixarena.arena_resolve(NULL));
	found_schema text := (SELECT k.schema FROM bixarena.kept_tally AS k WHERE k.arena = found_arena);
	found record;
BEGIN
	IF found_schema IS NULL THEN
		RAISE EXCEPTION 'the tally of arena "%" is not kept', found_arena
			USING ERRCODE = 'undefined_object';
	END IF;
	PERFORM bixarena.live_check_owner(found_arena);
	PERFORM bixarena.live_lock(ARRAY(SELECT DISTINCT f.relation FROM bixarena.live_found_triggers(found_schema) AS f),
		'ACCESS EXCLUSIVE');
	FOR found IN
		SELECT f.relation, f.name FROM bixarena.live_found_triggers(found_schema) AS f
		ORDER BY f.relation, f.name
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', found.name, found.relation::regclass);
	END LOOP;
	IF to_regnamespace(quote_ident(found_schema)) IS NOT NULL THEN
		EXECUTE format('DROP TABLE IF EXISTS %1$I.log, %1$I.counted, %1$I.tally, %1$I.state', found_schema);
		EXECUTE format('DROP SCHEMA %I', found_schema);
	END IF;
	PERFORM bixarena.live_register(found_arena, NULL, NULL);
END
$$;
COMMENT ON FUNCTION bixarena_drop_tally(text) IS
	'keep the tally of an arena no longer, and leave nothing of it';
REVOKE ALL ON FUNCTION bixarena_drop_tally(text) FROM PUBLIC;

CREATE FUNCTION bixarena_fold_tally(arena text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_fold_tally'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_fold_tally(text) IS
	'bring the kept tally of an arena up to date; returns how many battles were recounted';
REVOKE ALL ON FUNCTION bixarena_fold_tally(text) FROM PUBLIC;

CREATE FUNCTION bixarena_rebuild_tally(arena text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_rebuild_tally'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_rebuild_tally(text) IS
	'count all battles of a kept tally anew; returns how many count';
REVOKE ALL ON FUNCTION bixarena_rebuild_tally(text) FROM PUBLIC;

CREATE FUNCTION bixarena_verify_tally(arena text DEFAULT NULL, leaderboard_id text DEFAULT NULL)
RETURNS TABLE (
	leaderboard text,
	model1_id uuid,
	model2_id uuid,
	outcome text,
	kept bigint,
	recounted bigint)
AS 'MODULE_PATHNAME', 'bixarena_verify_tally'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_verify_tally(text, text) IS
	'in what a kept tally and a recount of the battles differ; no row: in nothing';
REVOKE ALL ON FUNCTION bixarena_verify_tally(text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.live_state(arena text)
RETURNS TABLE (
	schema text,
	lost text,
	doubt text,
	log_bytes bigint,
	folded_at timestamptz,
	recounted_at timestamptz,
	recounted_why text,
	verified_at timestamptz,
	differences bigint)
AS 'MODULE_PATHNAME', 'bixarena_live_state'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.live_state(text) IS
	'what there is to say of the kept tally of an arena; no row: there is none';
