/*
 * Where a player stands in a game: bytes that sort as players do.
 */

CREATE FUNCTION bixarena.score_place(score numeric, highest_first boolean,
	reached_at timestamptz, player_id text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_score_place'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.score_place(numeric, boolean, timestamptz, text) IS
	'bytes that sort as players stand: the better score, who reached it first, the player''s id';
