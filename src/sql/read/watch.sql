
/*
 * The relations of an arena, as a bystander reads them: with the rights that the
 * caller has on them, and without running its owner's code as the caller.  All
 * that only looks at an arena reads by these.
 */

CREATE FUNCTION bixarena.read_leaderboards(arena text)
RETURNS TABLE (slug text, id uuid, name text)
AS 'MODULE_PATHNAME', 'bixarena_read_leaderboards'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.read_leaderboards(text) IS
	'the leaderboards of an arena, in the order of their slugs';

CREATE FUNCTION bixarena.read_models(arena text)
RETURNS TABLE (
	id uuid,
	slug text,
	name text,
	organization text,
	license text,
	external_link text)
AS 'MODULE_PATHNAME', 'bixarena_read_models'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.read_models(text) IS 'the models of an arena';

CREATE FUNCTION bixarena.read_snapshots(
	arena text,
	leaderboard uuid,
	until timestamptz DEFAULT NULL,
	after timestamptz DEFAULT NULL)
RETURNS TABLE (
	id uuid,
	leaderboard_id uuid,
	snapshot_identifier text,
	description text,
	visibility text,
	created_at timestamptz,
	updated_at timestamptz)
AS 'MODULE_PATHNAME', 'bixarena_read_snapshots'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.read_snapshots(text, uuid, timestamptz, timestamptz) IS
	'the snapshots of a leaderboard, or of all with null; up to a moment only the latest public one of each, or those after a moment';

CREATE FUNCTION bixarena.read_entries(
	arena text,
	snapshots uuid[],
	model uuid DEFAULT NULL)
RETURNS TABLE (
	snapshot_id uuid,
	leaderboard_id uuid,
	model_id uuid,
	bt_score numeric,
	bootstrap_q025 numeric,
	bootstrap_q975 numeric,
	rank integer,
	vote_count integer,
	created_at timestamptz)
AS 'MODULE_PATHNAME', 'bixarena_read_entries'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.read_entries(text, uuid[], uuid) IS
	'the entries of snapshots, or those of one model in them';
