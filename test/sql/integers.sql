-- Numbers without a fraction may be of any integer type, and a number out of
-- range is an error that says the range, not that there is no such function.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(2000, num_models => 5::smallint, num_voters => 7::bigint);
SELECT status FROM bixarena_generate_snapshot('overall', 10::smallint);
SELECT status FROM bixarena_generate_snapshot('overall', num_bootstrap => 10::bigint);
CREATE TABLE votes AS SELECT model1_id, model2_id, outcome FROM arena.battle;

-- each call, with a number where there is a %s
CREATE TABLE call (n serial, sql text);
INSERT INTO call (sql) VALUES
	($$bixarena_rank('votes', %s, model1 => 'model1_id', model2 => 'model2_id')$$),
	($$bixarena_rank('votes', 10, min_evaluations => %s, model1 => 'model1_id', model2 => 'model2_id')$$),
	($$bixarena_rank('votes', 10, seed => %s, model1 => 'model1_id', model2 => 'model2_id')$$),
	($$bixarena_generate_snapshot('overall', %s, dry_run => true)$$),
	($$bixarena_generate_snapshot('overall', 10, min_evaluations => %s, dry_run => true)$$),
	($$bixarena_generate_snapshot('overall', 10, seed => %s, dry_run => true)$$),
	($$bixarena_leaderboard('overall', page_size => %s)$$),
	($$bixarena_leaderboard('overall', page_size => 2, page => %s)$$),
	($$bixarena_snapshots('overall', %s)$$),
	($$bixarena_snapshots('overall', page => %s)$$),
	($$bixarena_model_history('overall', 'simulated-0001', page_size => %s)$$),
	($$bixarena_model_history('overall', 'simulated-0001', page => %s)$$),
	($$bixarena_runs(page_size => %s)$$),
	($$bixarena_runs(page => %s)$$),
	($$bixarena_leaderboard_svg('overall', top => %s)$$),
	($$bixarena_leaderboard_svg('overall', width => %s)$$),
	($$bixarena_history_svg('overall', %s)$$),
	($$bixarena_history_svg('overall', width => %s)$$),
	($$bixarena_matchups_svg('overall', top => %s)$$),
	($$bixarena_matchups_svg('overall', width => %s)$$),
	($$bixarena_simulate_battles(1, num_models => %s)$$),
	($$bixarena_simulate_battles(1, num_voters => %s)$$),
	($$bixarena_simulate_battles(%s)$$);
CREATE FUNCTION said(call text, number text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found bigint;
BEGIN
	EXECUTE 'SELECT count(*) FROM ' || format(call, number) INTO found;
	RETURN format('%s rows', found);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- a small number of any type says the same
SELECT sql, said(sql, '400') AS number FROM call ORDER BY n;
SELECT c.sql, t.type, said(c.sql, '400::' || t.type) AS found
FROM call AS c, unnest('{smallint,int,bigint}'::text[]) AS t (type)
WHERE said(c.sql, '400::' || t.type) <> said(c.sql, '400');
-- the largest that there is, and beyond what an integer holds
SELECT c.sql, said(c.sql, '9223372036854775807') AS largest FROM call AS c ORDER BY n;
SELECT c.sql, said(c.sql, '2147483648') AS beyond FROM call AS c ORDER BY n;
SELECT c.sql, said(c.sql, '(-9223372036854775808)') AS least FROM call AS c ORDER BY n;

DROP SCHEMA arena CASCADE;
DROP TABLE votes, call;
DROP FUNCTION said;
DROP EXTENSION bixarena_rank;
