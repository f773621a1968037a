
/*
 * A model's history: its lines in the public snapshots of a leaderboard.
 */

CREATE FUNCTION bixarena.model_find(model text, arena text)
RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found uuid;
	namesakes text;
BEGIN
	IF model IS NULL THEN
		RAISE EXCEPTION 'model must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT m.id INTO found FROM bixarena.read_models(arena) AS m WHERE m.slug = model;
	IF found IS NULL THEN
		SELECT string_agg(quote_literal(m.slug), ', ' ORDER BY m.slug COLLATE "C")
		INTO namesakes FROM bixarena.read_models(arena) AS m WHERE m.name = model;
		RAISE EXCEPTION 'arena "%" has no model of the slug "%"', arena, model
			USING ERRCODE = 'undefined_object',
				HINT = CASE WHEN namesakes IS NULL THEN 'A model is addressed by its slug.'
					ELSE format('It is the name of %s.', namesakes) END;
	END IF;
	RETURN found;
END
$$;
COMMENT ON FUNCTION bixarena.model_find(text, text) IS 'id of the model of a slug';

CREATE TYPE bixarena_history_row AS (
	snapshot_identifier text,
	created_at timestamptz,
	rank integer,
	bt_score numeric(10,6),
	bootstrap_q025 numeric(10,6),
	bootstrap_q975 numeric(10,6),
	vote_count integer,
	total_count bigint
);
COMMENT ON TYPE bixarena_history_row IS 'a model''s line in one of the snapshots of a leaderboard';

-- Of the rows of functions the planner knows too little: it would join a thousand
-- snapshots with their entries by a loop in a loop.
CREATE FUNCTION bixarena_model_history(
	leaderboard_id text,
	model text,
	sort_by text DEFAULT 'created_at',
	descending boolean DEFAULT NULL,
	page_size bigint DEFAULT 100,
	page bigint DEFAULT 1,
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_history_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
BEGIN
	RETURN QUERY EXECUTE format($sql$
		WITH s AS MATERIALIZED (
			SELECT r.* FROM bixarena.read_snapshots($5, $1) AS r
			WHERE r.visibility = 'public' AND isfinite(r.created_at)
		)
		SELECT r.snapshot_identifier, r.created_at, r.rank, r.bt_score::numeric(10,6),
			r.bootstrap_q025::numeric(10,6), r.bootstrap_q975::numeric(10,6), r.vote_count,
			count(*) OVER ()
		FROM (
			SELECT s.snapshot_identifier, s.created_at, e.rank, e.bt_score,
				e.bootstrap_q025, e.bootstrap_q975, e.vote_count
			FROM bixarena.read_entries($5, ARRAY(SELECT s.id FROM s), $2) AS e
			JOIN s ON s.id = e.snapshot_id
			WHERE e.leaderboard_id = $1
		) AS r
		ORDER BY %s, r.created_at DESC, length(r.snapshot_identifier) DESC,
			r.snapshot_identifier DESC
		LIMIT $3 OFFSET $4
		$sql$, bixarena.list_order(sort_by, descending,
			'{rank}', '{created_at,bt_score}'))
		USING bixarena.leaderboard_find(leaderboard_id, found_arena),
			bixarena.model_find(model, found_arena),
			page_size, bixarena.list_offset(page_size, page), found_arena;
END
$$;
COMMENT ON FUNCTION bixarena_model_history(text, text, text, boolean, bigint, bigint, text) IS
	'a model''s lines in the public snapshots of a leaderboard, the latest first';
