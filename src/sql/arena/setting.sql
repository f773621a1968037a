/*
 * Settings.
 */

CREATE FUNCTION bixarena_configure(
	setting text,
	value text,
	leaderboard_id text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'bixarena_configure'
LANGUAGE C VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_configure(text, text, text, text) IS
	'set a setting of an arena or one of its leaderboards; null unsets it';
-- it writes a table of ours
REVOKE ALL ON FUNCTION bixarena_configure(text, text, text, text) FROM PUBLIC;

CREATE FUNCTION bixarena_settings(
	leaderboard_id text DEFAULT NULL,
	arena text DEFAULT NULL)
RETURNS TABLE (
	setting text,
	value text,
	source text,
	default_value text,
	description text)
AS 'MODULE_PATHNAME', 'bixarena_settings'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena_settings(text, text) IS
	'the settings in force for an arena or one of its leaderboards';


-- the same where our own functions find it, whatever schema the extension is in
CREATE FUNCTION bixarena.setting_values(leaderboard_id text, arena text)
RETURNS TABLE (
	setting text,
	value text,
	source text,
	default_value text,
	description text)
AS 'MODULE_PATHNAME', 'bixarena_settings'
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 20
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.setting_values(text, text) IS
	'the settings in force for an arena or one of its leaderboards';

CREATE FUNCTION bixarena.setting_pauses(arena text, leaderboards text[])
RETURNS TABLE (leaderboard text, source text)
AS 'MODULE_PATHNAME', 'bixarena_pauses'
LANGUAGE C STABLE STRICT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.setting_pauses(text, text[]) IS
	'those of the leaderboards that are paused, and whose setting pauses them: arena or leaderboard';

