/*
 * An arena whose tables are on another server, which postgres_fdw reads and writes.
 */

CREATE FUNCTION bixarena.remote_server(server text)
RETURNS oid
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_server record;
BEGIN
	IF server IS NULL THEN
		RAISE EXCEPTION 'server must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT s.oid, w.fdwname INTO found_server
	FROM pg_foreign_server AS s
	JOIN pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
	WHERE s.srvname = server;
	IF found_server IS NULL THEN
		RAISE EXCEPTION 'server "%" does not exist', server
			USING ERRCODE = 'undefined_object',
				HINT = format('CREATE EXTENSION IF NOT EXISTS postgres_fdw;'
					' CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw'
					' OPTIONS (host ''...'', dbname ''...'');', server);
	END IF;
	IF found_server.fdwname <> 'postgres_fdw' THEN
		RAISE EXCEPTION 'server "%" is not one of postgres_fdw', server
			USING ERRCODE = 'wrong_object_type',
				DETAIL = format('Its foreign-data wrapper is %I.', found_server.fdwname);
	END IF;
	IF NOT EXISTS (SELECT FROM pg_user_mappings AS m
			WHERE m.srvid = found_server.oid
				AND m.umuser IN (0, (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user))) THEN
		RAISE EXCEPTION 'role "%" has no user mapping for server "%"', current_user, server
			USING ERRCODE = 'undefined_object',
				HINT = format('CREATE USER MAPPING FOR %I SERVER %I'
					' OPTIONS (user ''bixarena_node'', password ''...'');', current_user, server);
	END IF;
	RETURN found_server.oid;
END
$$;
COMMENT ON FUNCTION bixarena.remote_server(text) IS
	'a server of postgres_fdw for which the caller has a user mapping';

CREATE FUNCTION bixarena.remote_role(server oid)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce((
		SELECT o.option_value
		FROM pg_user_mappings AS m, pg_options_to_table(m.umoptions) AS o
		WHERE m.srvid = server AND o.option_name = 'user'
			AND m.umuser IN (0, (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user))
		ORDER BY m.umuser DESC LIMIT 1), current_user)
$$;
COMMENT ON FUNCTION bixarena.remote_role(oid) IS
	'the role that the caller is on a server';

CREATE FUNCTION bixarena.remote_set_options(server oid)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	name text;
	added text;
	statement text;
BEGIN
	-- what the user has set stays
	SELECT s.srvname, string_agg(format('ADD %I %L', w.name, w.value), ', ' ORDER BY w.place)
	INTO name, added
	FROM pg_foreign_server AS s
	JOIN (VALUES
		-- rows fetched, and written, by one message
		(1, 'fetch_size', '50000'),
		(2, 'batch_size', '1000'),
		-- a silent network is given up after about half a minute, here ...
		(3, 'connect_timeout', '10'),
		(4, 'keepalives_idle', '10'),
		(5, 'keepalives_interval', '5'),
		(6, 'keepalives_count', '3'),
		(7, 'tcp_user_timeout', '30000'),
		-- ... and there, where a lost transaction would hold up the next attempt
		(8, 'options', '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5'
			' -c tcp_keepalives_count=3 -c idle_in_transaction_session_timeout=10min')
	) AS w (place, name, value)
		ON NOT EXISTS (SELECT FROM pg_options_to_table(s.srvoptions) AS o WHERE o.option_name = w.name)
	WHERE s.oid = server
	GROUP BY s.srvname;
	IF added IS NULL THEN
		RETURN;
	END IF;
	statement := format('ALTER SERVER %I OPTIONS (%s)', name, added);
	BEGIN
		EXECUTE statement;
	EXCEPTION WHEN insufficient_privilege THEN
		RAISE WARNING 'the options of server "%" are left as they are, since it belongs to another role', name
			USING HINT = statement || ';';
	END;
END
$$;
COMMENT ON FUNCTION bixarena.remote_set_options(oid) IS
	'set options of a server that have not been set, as is right for an arena there';
REVOKE ALL ON FUNCTION bixarena.remote_set_options(oid) FROM PUBLIC;

CREATE FUNCTION bixarena.remote_import(server text, schema text, relations text[], arena text)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	relation text;
	list text := (SELECT string_agg(quote_ident(r), ', ') FROM unnest(relations) AS r);
BEGIN
	FOREACH relation IN ARRAY relations LOOP
		IF EXISTS (SELECT FROM pg_class AS c
				JOIN pg_foreign_table AS t ON t.ftrelid = c.oid
				JOIN pg_foreign_server AS s ON s.oid = t.ftserver
				WHERE c.relnamespace = to_regnamespace(quote_ident(arena)) AND c.relname = relation
					AND s.srvname = server) THEN
			EXECUTE format('DROP FOREIGN TABLE %I.%I', arena, relation);
		END IF;
	END LOOP;
	-- without their defaults, foreign tables have null for an id that is not given
	EXECUTE format('IMPORT FOREIGN SCHEMA %I LIMIT TO (%s) FROM SERVER %I INTO %I'
		' OPTIONS (import_default ''true'')', schema, list, server, arena);
END
$$;
COMMENT ON FUNCTION bixarena.remote_import(text, text, text[], text) IS
	'foreign tables, made anew, of relations that there are in a schema of a server';
REVOKE ALL ON FUNCTION bixarena.remote_import(text, text, text[], text) FROM PUBLIC;

CREATE FUNCTION bixarena.remote_check(arena text, relation text, statement text)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF to_regclass(format('%I.%I', arena, relation)) IS NULL THEN
		RAISE EXCEPTION 'relation "%" is missing on the other server', relation
			USING ERRCODE = 'undefined_table', HINT = statement;
	END IF;
	EXECUTE format('SELECT FROM %I.%I LIMIT 0', arena, relation);
EXCEPTION
	WHEN insufficient_privilege THEN
		RAISE EXCEPTION 'relation "%" of the other server may not be read: %', relation, SQLERRM
			USING ERRCODE = 'insufficient_privilege', HINT = statement;
END
$$;
COMMENT ON FUNCTION bixarena.remote_check(text, text, text) IS
	'an error, whose hint is a statement for the other server, unless a relation there can be read';
REVOKE ALL ON FUNCTION bixarena.remote_check(text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena.remote_check_rights(arena text)
RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	rights record;
BEGIN
	EXECUTE format('SELECT r.version, r.cascades, r.missing FROM %I.node_rights AS r', arena)
	INTO rights;
	IF rights.missing IS NOT NULL THEN
		RAISE EXCEPTION 'the role of the rank node lacks rights on the other server'
			USING ERRCODE = 'insufficient_privilege', HINT = rights.missing || ';';
	END IF;
	IF NOT rights.cascades THEN
		RAISE WARNING 'old snapshots of arena "%" will be kept', arena
			USING DETAIL = 'On the other server entries are not deleted with their snapshot, since no foreign key cascades.';
	END IF;
	IF rights.version IS DISTINCT FROM (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'bixarena_rank') THEN
		RAISE WARNING 'the schema bixarena_node of the other server was made by version % of bixarena_rank', rights.version
			USING HINT = 'Run there what bixarena_node_script() prints.';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.remote_check_rights(text) IS
	'an error, whose hint is a statement for the other server, unless all rights are there';
REVOKE ALL ON FUNCTION bixarena.remote_check_rights(text) FROM PUBLIC;

CREATE FUNCTION bixarena_attach_remote(server text, schema text DEFAULT 'api', arena text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_server oid := bixarena.remote_server(server);
	far_role text := bixarena.remote_role(found_server);
	script text := format('Run there what SELECT bixarena_node_script(%L) prints.', schema);
	tables constant text[] := '{leaderboard,model,leaderboard_snapshot,leaderboard_entry}';
	relations constant text[] := '{leaderboard_battle,leaderboard_tally,arena_tally,node_rights,snapshot_writer}';
	-- only where the tally is kept there, or the script is not an old one
	more_relations constant text[] := '{tally_keeper,tally_state,tally_difference,voter_tally}';
	relation text;
BEGIN
	IF schema IS NULL THEN
		RAISE EXCEPTION 'schema must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	arena := coalesce(arena, schema);
	IF EXISTS (SELECT FROM pg_class AS c
			WHERE c.relnamespace = to_regnamespace(quote_ident(arena)) AND c.relkind <> 'f'
				AND c.relname = ANY (tables || relations || more_relations)) THEN
		RAISE EXCEPTION 'schema "%" has tables of its own', arena
			USING ERRCODE = 'duplicate_schema',
				HINT = 'The foreign tables go into another schema with arena => ''...''.';
	END IF;

	PERFORM bixarena.remote_set_options(found_server);
	IF to_regnamespace(quote_ident(arena)) IS NULL THEN
		EXECUTE format('CREATE SCHEMA %I', arena);
		EXECUTE format('COMMENT ON SCHEMA %I IS %L', arena,
			'an arena of bixarena_rank whose tables are on server ' || server);
	END IF;
	BEGIN
		PERFORM bixarena.remote_import(server, 'bixarena_node', relations || more_relations, arena);
	EXCEPTION WHEN fdw_schema_not_found THEN
		RAISE EXCEPTION 'schema "bixarena_node" is missing on server "%"', server
			USING ERRCODE = 'invalid_schema_name', HINT = script;
	END;
	BEGIN
		PERFORM bixarena.remote_import(server, schema, tables, arena);
	EXCEPTION WHEN fdw_schema_not_found THEN
		RAISE EXCEPTION 'schema "%" is missing on server "%"', schema, server
			USING ERRCODE = 'invalid_schema_name';
	END;

	PERFORM bixarena.remote_check(arena, 'node_rights', script);
	PERFORM bixarena.remote_check_rights(arena);
	FOREACH relation IN ARRAY tables LOOP
		PERFORM bixarena.remote_check(arena, relation, bixarena.node_grants(schema, far_role));
	END LOOP;
	FOREACH relation IN ARRAY relations LOOP
		PERFORM bixarena.remote_check(arena, relation, script);
	END LOOP;
	PERFORM bixarena.arena_check(arena);
	PERFORM bixarena.arena_check_battles(arena);
	PERFORM bixarena.arena_register(arena);
	RETURN arena;
END
$$;
COMMENT ON FUNCTION bixarena_attach_remote(text, text, text) IS
	'make foreign tables of an arena on another server, and register them as an arena';
-- it creates a schema and writes a table of ours
REVOKE ALL ON FUNCTION bixarena_attach_remote(text, text, text) FROM PUBLIC;
