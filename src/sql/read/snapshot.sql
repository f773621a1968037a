/*
 * An operator's hand on snapshots, with the caller's rights.
 */

CREATE FUNCTION bixarena_update_snapshot(
	leaderboard_id text,
	snapshot_identifier text,
	visibility text DEFAULT NULL,
	description text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	snapshot uuid := (bixarena.snapshot_find(leaderboard_id, snapshot_identifier,
		found_arena)).id;
	updated bigint;
BEGIN
	IF visibility NOT IN ('public', 'private') THEN
		RAISE EXCEPTION 'visibility must be public or private, not "%"', visibility
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	EXECUTE format($sql$
		UPDATE %I.leaderboard_snapshot AS s
		SET visibility = coalesce($2, s.visibility),
			description = coalesce($3, s.description),
			updated_at = now()
		WHERE s.id = $1
		$sql$, found_arena)
		USING snapshot, visibility, description;
	GET DIAGNOSTICS updated = ROW_COUNT;
	IF updated = 0 THEN
		RAISE EXCEPTION 'snapshot "%" has just been deleted', snapshot_identifier
			USING ERRCODE = 'undefined_object';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_update_snapshot(text, text, text, text, text) IS
	'publish, hide or describe a snapshot';
-- it writes snapshots
REVOKE ALL ON FUNCTION bixarena_update_snapshot(text, text, text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_delete_snapshot(
	leaderboard_id text,
	snapshot_identifier text,
	arena text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	snapshot uuid := (bixarena.snapshot_find(leaderboard_id, snapshot_identifier,
		found_arena)).id;
BEGIN
	-- entries first: an arena of views or foreign tables has nothing that cascades
	EXECUTE format('DELETE FROM %I.leaderboard_entry AS e WHERE e.snapshot_id = $1',
		found_arena) USING snapshot;
	EXECUTE format('DELETE FROM %I.leaderboard_snapshot AS s WHERE s.id = $1',
		found_arena) USING snapshot;
END
$$;
COMMENT ON FUNCTION bixarena_delete_snapshot(text, text, text) IS
	'delete a snapshot and its entries';
-- it deletes snapshots
REVOKE ALL ON FUNCTION bixarena_delete_snapshot(text, text, text) FROM PUBLIC;


