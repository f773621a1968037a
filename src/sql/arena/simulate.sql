/*
 * Simulated battles, for demonstrations and tests.
 */

CREATE FUNCTION bixarena.simulate_scores(num_models integer, seed bigint)
RETURNS double precision[]
AS 'MODULE_PATHNAME', 'bixarena_draw_scores'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.simulate_scores(integer, bigint) IS
	'scores of simulated models, in points';

CREATE FUNCTION bixarena.simulate_draws(
	num_battles bigint,
	scores double precision[],
	tie_share double precision,
	num_voters integer,
	seed bigint)
RETURNS TABLE (
	model1 integer,
	model2 integer,
	outcome text,
	voter integer,
	moment double precision)
AS 'MODULE_PATHNAME', 'bixarena_draw_battles'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 10000;
COMMENT ON FUNCTION bixarena.simulate_draws(bigint, double precision[], double precision, integer, bigint) IS
	'battles between simulated models';

CREATE FUNCTION bixarena_simulate_battles(
	num_battles bigint DEFAULT 10000,
	num_models bigint DEFAULT 20,
	scores double precision[] DEFAULT NULL,
	tie_share double precision DEFAULT 0.2,
	num_voters bigint DEFAULT 100,
	categories text[] DEFAULT '{}',
	period interval DEFAULT '30 days',
	seed bigint DEFAULT 0,
	arena text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	found_arena text := bixarena.arena_resolve(arena);
	real_models bigint;
	drawn double precision[];
BEGIN
	IF num_nulls(num_battles, num_models, tie_share, num_voters, categories,
			period, seed) > 0 THEN
		RAISE EXCEPTION 'only scores and arena may be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF num_battles NOT BETWEEN 1 AND 100000000 OR num_voters NOT BETWEEN 1 AND 2147483647
		OR NOT tie_share BETWEEN 0 AND 1 OR period < '0' THEN
		RAISE EXCEPTION 'num_battles must be from 1 to 100000000, num_voters from 1 to 2147483647, tie_share from 0 to 1, and period not negative'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	drawn := coalesce(scores, CASE WHEN num_models BETWEEN 2 AND 2000
		THEN bixarena.simulate_scores(num_models::integer, seed) END);
	IF drawn IS NULL OR cardinality(drawn) NOT BETWEEN 2 AND 2000
		OR array_ndims(drawn) <> 1 OR array_position(drawn, NULL) IS NOT NULL
		OR NOT 100000 >= ALL (SELECT abs(s) FROM unnest(drawn) AS s) THEN
		RAISE EXCEPTION 'there must be from 2 to 2000 models, each with a score within 100000 points of 0'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;

	IF NOT EXISTS (SELECT FROM pg_attribute AS a
			WHERE a.attrelid = to_regclass(quote_ident(found_arena) || '.battle')
				AND a.attname = 'categories' AND NOT a.attisdropped) THEN
		RAISE EXCEPTION 'arena "%" was not made by bixarena_create_arena()', found_arena
			USING ERRCODE = 'wrong_object_type',
				HINT = 'Simulate battles in an arena made for it.';
	END IF;
	EXECUTE format($sql$
		SELECT count(*) FROM %I.model
		WHERE organization IS DISTINCT FROM 'Simulated'
		$sql$, found_arena)
		INTO real_models;
	IF real_models > 0 THEN
		RAISE EXCEPTION 'arena "%" has models that are not simulated', found_arena
			USING ERRCODE = 'object_not_in_prerequisite_state',
				DETAIL = format('There are %s of them.', real_models),
				HINT = 'Simulated battles must not mix with real ones; make an arena for them.';
	END IF;

	-- the same ids every time, so that rankings are the same to the last digit
	EXECUTE format($sql$
		INSERT INTO %I.model AS m
			(id, slug, name, license, organization, description)
		SELECT md5(format('simulated-%%s', n))::uuid,
			format('simulated-%%s', lpad(n::text, 4, '0')),
			format('Simulated %%s', lpad(n::text, 4, '0')),
			(ARRAY['open-source', 'proprietary'])[n %% 2 + 1], 'Simulated',
			format('simulated with a score of %%s points', round(score::numeric, 3))
		FROM unnest($1) WITH ORDINALITY AS u (score, n)
		ON CONFLICT (slug) DO UPDATE SET description = excluded.description
		$sql$, found_arena)
		USING drawn;
	EXECUTE format($sql$
		INSERT INTO %I.leaderboard (slug, name)
		SELECT c, initcap(c) FROM unnest($1) AS c ON CONFLICT DO NOTHING
		$sql$, found_arena)
		USING categories;
	-- a battle has up to three categories: as many, and which, as the digits of
	-- its moment say
	EXECUTE format($sql$
		INSERT INTO %1$I.battle
			(model1_id, model2_id, outcome, voter_id, categories, created_at)
		SELECT a.id, b.id, d.outcome,
			format('5157a7ed-0000-4000-8000-%%s', lpad(d.voter::text, 12, '0'))::uuid,
			ARRAY(SELECT DISTINCT $6[1 + digits / (1000 ^ k)::bigint %% cardinality($6)]
				FROM generate_series(1, digits %% 4) AS k
				WHERE cardinality($6) > 0),
			now() - $7 * (1 - d.moment)
		FROM bixarena.simulate_draws($1, $2, $3, $4, $5) AS d
		CROSS JOIN LATERAL int8(floor(d.moment * 1e12)) AS f (digits)
		JOIN %1$I.model AS a
			ON a.slug = format('simulated-%%s', lpad(d.model1::text, 4, '0'))
		JOIN %1$I.model AS b
			ON b.slug = format('simulated-%%s', lpad(d.model2::text, 4, '0'))
		$sql$, found_arena)
		USING num_battles, drawn, tie_share, num_voters::integer, seed, categories, period;
	RETURN num_battles;
END
$$;
COMMENT ON FUNCTION bixarena_simulate_battles(bigint, bigint, double precision[], double precision, bigint, text[], interval, bigint, text) IS
	'fill an arena made for it with battles that never took place';
-- it writes models and battles
REVOKE ALL ON FUNCTION bixarena_simulate_battles(bigint, bigint, double precision[], double precision, bigint, text[], interval, bigint, text) FROM PUBLIC;
