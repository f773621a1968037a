
/*
 * Two snapshots of a leaderboard side by side.
 */

CREATE TYPE bixarena_comparison_row AS (
	model text,
	slug text,
	status text,
	rank_before integer,
	rank_after integer,
	rank_change integer,
	score_before numeric(10,6),
	score_after numeric(10,6),
	score_change numeric(11,6),
	intervals_part boolean,
	battles_gained integer,
	snapshot_before text,
	snapshot_after text
);
COMMENT ON TYPE bixarena_comparison_row IS 'what became of a model from one snapshot to another';

CREATE FUNCTION bixarena.comparison_rows(
	before bixarena.snapshot_key,
	after bixarena.snapshot_key,
	arena text)
RETURNS SETOF bixarena_comparison_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	RETURN QUERY
		SELECT m.name, m.slug,
			CASE WHEN b.model_id IS NULL THEN 'new' WHEN a.model_id IS NULL THEN 'gone'
				ELSE 'stayed' END,
			b.rank, a.rank, b.rank - a.rank,
			b.bt_score::numeric(10,6), a.bt_score::numeric(10,6),
			(a.bt_score - b.bt_score)::numeric(11,6),
			b.bootstrap_q975 < a.bootstrap_q025 OR a.bootstrap_q975 < b.bootstrap_q025,
			a.vote_count - b.vote_count, before.snapshot_identifier, after.snapshot_identifier
		FROM bixarena.read_entries(arena, ARRAY[before.id]) AS b
		FULL JOIN bixarena.read_entries(arena, ARRAY[after.id]) AS a
			ON a.model_id = b.model_id
		JOIN bixarena.read_models(arena) AS m ON m.id = coalesce(a.model_id, b.model_id)
		ORDER BY abs(b.rank - a.rank) DESC NULLS LAST,
			abs(a.bt_score - b.bt_score) DESC NULLS LAST,
			a.rank, b.rank, m.name COLLATE "C", m.slug COLLATE "C";
END
$$;
COMMENT ON FUNCTION bixarena.comparison_rows(bixarena.snapshot_key, bixarena.snapshot_key, text) IS
	'what became of each model from one snapshot to another';

CREATE FUNCTION bixarena_compare_snapshots(
	leaderboard_id text,
	before text DEFAULT NULL,
	after text DEFAULT NULL,
	lookback interval DEFAULT '7 days',
	arena text DEFAULT NULL)
RETURNS SETOF bixarena_comparison_row
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	later bixarena.snapshot_key :=
		bixarena.snapshot_shown(leaderboard_id, after, found_arena);
	earlier bixarena.snapshot_key;
	change text;
BEGIN
	IF before IS NULL THEN
		earlier := bixarena.snapshot_before(later, lookback, found_arena);
	ELSE
		earlier := bixarena.snapshot_find(leaderboard_id, before, found_arena);
	END IF;
	-- without the one, nothing can be said of the other
	IF earlier.id IS NOT NULL AND later.id IS NOT NULL THEN
		change := bixarena.run_model_change(
			bixarena.run_of_snapshot(earlier.id, leaderboard_id, found_arena),
			bixarena.run_of_snapshot(later.id, leaderboard_id, found_arena));
		IF change IS NOT NULL THEN
			RAISE NOTICE 'the two snapshots were made in different ways: %', change
				USING HINT = 'What changed may come of that, and not of battles.';
		END IF;
		RETURN QUERY SELECT r.*
			FROM bixarena.comparison_rows(earlier, later, found_arena) AS r;
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena_compare_snapshots(text, text, text, interval, text) IS
	'what became of each model from one snapshot to another, the biggest movers first';
