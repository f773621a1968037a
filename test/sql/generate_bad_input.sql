-- bixarena_generate_snapshot() on arenas that are odd, broken or closed to the
-- caller: a clear error with nothing written, or the right snapshot of what
-- can be used.

\set SHOW_CONTEXT never
-- off makes an error of what a role does not see
SET row_security = on;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');

-- Battles as people would write them down.
CREATE TABLE votes (winner text, loser text, ties bool DEFAULT false, n int DEFAULT 1);
INSERT INTO arena.model (id, slug, name)
SELECT md5(s)::uuid, s, upper(s) FROM unnest('{a,b,c,d,e,strong,weak,apart1,apart2}'::text[]) AS s;
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, md5(winner)::uuid AS model1_id,
	md5(loser)::uuid AS model2_id, CASE WHEN ties THEN 'tie' ELSE 'model1' END AS outcome,
	NULL::uuid AS voter_id, timestamptz '2025-01-01' AS created_at, NULL::uuid AS battle_id
FROM public.votes, pg_catalog.generate_series(1, n);
SELECT pg_get_viewdef('arena.leaderboard_battle') AS definition \gset

CREATE FUNCTION written() RETURNS TABLE (snapshots bigint, entries bigint, runs bigint)
LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM arena.leaderboard_snapshot),
		(SELECT count(*) FROM arena.leaderboard_entry), (SELECT count(*) FROM bixarena.run)
$$;
CREATE FUNCTION latest() RETURNS TABLE (slug text, rank int, bt_score decimal(10,6),
	q025 decimal(10,6), q975 decimal(10,6), vote_count int)
LANGUAGE sql AS $$
	SELECT m.slug, e.rank, e.bt_score, e.bootstrap_q025, e.bootstrap_q975, e.vote_count
	FROM arena.leaderboard_entry AS e JOIN arena.model AS m ON m.id = e.model_id
	WHERE e.snapshot_id = (SELECT id FROM arena.leaderboard_snapshot ORDER BY created_at DESC LIMIT 1)
	ORDER BY e.rank
$$;
-- How a snapshot fails after a change; all is undone.
CREATE FUNCTION attempt(change text DEFAULT 'SELECT') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	context text;
BEGIN
	EXECUTE change;
	PERFORM bixarena_generate_snapshot('overall', 10);
	RAISE EXCEPTION 'none';
EXCEPTION WHEN others THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, context = PG_EXCEPTION_CONTEXT;
	RETURN CASE message WHEN 'none' THEN 'no error' ELSE concat_ws(' ', SQLSTATE, message,
		'while ' || substring(context FROM E'(?:reading|writing)[^\\n]*')) END;
END
$$;
CREATE VIEW last_run AS
SELECT status, skip_reason, entry_count, evaluation_count, ignored_battles, unranked
FROM bixarena.run ORDER BY ended_at DESC LIMIT 1;

--
-- Models that cannot be ranked
--

-- a to d meet each other in balance, the others do not belong to them
INSERT INTO votes (winner, loser, n)
SELECT a, b, 20 FROM unnest('{a,b,c,d}'::text[]) AS a, unnest('{a,b,c,d}'::text[]) AS b WHERE a <> b;
INSERT INTO votes (winner, loser, n) VALUES
	('strong', 'a', 12), ('b', 'weak', 12), ('apart1', 'apart2', 12), ('apart2', 'apart1', 12),
	('e', 'a', 1), ('a', 'e', 1);
SELECT status, reason, entry_count, evaluation_count FROM bixarena_generate_snapshot('overall', 10);
TABLE last_run;
SELECT slug, rank, bt_score, vote_count FROM latest();
-- an undefeated model has an upper bound with a prior, and is ranked
SELECT bixarena_configure('prior_battles', '1');
SELECT status, entry_count FROM bixarena_generate_snapshot('overall', 10);
TABLE last_run;
SELECT count(*) FROM latest() WHERE q025 > -3000 AND q975 < 3000;
SELECT bixarena_configure('prior_battles', NULL);

-- the anchor: who has it fixes all others, and they keep their intervals
SELECT bixarena_configure('anchor_model', 'a'), bixarena_configure('anchor_score', '4000');
SELECT status FROM bixarena_generate_snapshot('overall', 200);
SELECT slug, rank, bt_score, q025 BETWEEN 3900 AND 3980 AS lower, q975 BETWEEN 4020 AND 4100 AS upper
FROM latest() WHERE slug <> 'a';
SELECT slug, bt_score, q025, q975 FROM latest() WHERE slug = 'a';
SELECT bixarena_configure('anchor_score', '-2990');
SELECT status FROM bixarena_generate_snapshot('overall', 200);
SELECT slug, bt_score, q025 BETWEEN -3090 AND -3010 AS lower, q975 BETWEEN -2970 AND -2890 AS upper
FROM latest() WHERE slug <> 'a';
-- an anchor that has no battles, that does not exist, or that cannot be placed
SELECT bixarena_configure('anchor_model', 'nobody');
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10);
SELECT bixarena_configure('anchor_model', 'strong');
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10);
SELECT status, skip_reason, entry_count FROM last_run;
-- one with few battles will do
SELECT bixarena_configure('anchor_model', 'e'), bixarena_configure('anchor_score', '1000');
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10);
SELECT slug, bt_score FROM latest();
SELECT bixarena_configure('anchor_model', NULL), bixarena_configure('anchor_score', NULL);

-- scores too far out for decimal(10,6) are not ranked, and drag nobody along
TRUNCATE votes;
INSERT INTO votes (winner, loser, ties, n)
SELECT w, l, t, CASE WHEN t THEN 1 ELSE 20000 END
FROM (VALUES ('strong', 'a'), ('a', 'b'), ('b', 'c'), ('c', 'd'), ('d', 'e'), ('e', 'weak')) AS v (w, l),
	(VALUES (true), (false)) AS t (t);
SELECT status, entry_count FROM bixarena_generate_snapshot('overall', 10);
TABLE last_run;
SELECT slug, rank, round(bt_score, 3) AS bt_score, vote_count FROM latest();
-- an infinite bound is stored as 3000 or -3000, the score never outside of it
SELECT bool_and(bt_score BETWEEN q025 AND q975) AS inside,
	bool_and(q975 = bt_score) FILTER (WHERE slug = 'a') AS infinite_above,
	bool_and(q025 = -3000) FILTER (WHERE slug = 'e') AS infinite_below
FROM latest();

--
-- Battles that cannot be used
--

TRUNCATE votes;
INSERT INTO votes (winner, loser, n)
SELECT a, b, 20 FROM unnest('{a,b,c,d}'::text[]) AS a, unnest('{a,b,c,d}'::text[]) AS b WHERE a <> b;
SELECT status FROM bixarena_generate_snapshot('overall', 50);
CREATE TEMP TABLE clean AS SELECT * FROM latest();
INSERT INTO votes (winner, loser, n) VALUES
	(NULL, 'a', 2), ('a', NULL, 3), ('b', 'b', 4), ('stranger', 'a', 5), ('b', 'stranger', 6),
	('stranger', 'other', 7);
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', 50);
TABLE last_run;
-- the others are as without them
(SELECT * FROM latest() EXCEPT TABLE clean) UNION ALL (TABLE clean EXCEPT SELECT * FROM latest());
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, md5(winner)::uuid AS model1_id,
	md5(loser)::uuid AS model2_id, NULL AS outcome, NULL::uuid AS voter_id,
	timestamptz '2025-01-01' AS created_at, NULL::uuid AS battle_id
FROM public.votes WHERE winner <= 'b';
SELECT bixarena_generate_snapshot('overall', 10);
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, md5(winner)::uuid AS model1_id,
	md5(loser)::uuid AS model2_id, 'beaten' AS outcome, NULL::uuid AS voter_id,
	timestamptz '2025-01-01' AS created_at, NULL::uuid AS battle_id
FROM public.votes WHERE winner < 'b';
SELECT bixarena_generate_snapshot('overall', 10);
CREATE OR REPLACE VIEW arena.leaderboard_battle AS :definition
DELETE FROM votes WHERE (winner IN ('a', 'b', 'c', 'd') AND loser IN ('a', 'b', 'c', 'd')
	AND winner <> loser) IS NOT TRUE;

--
-- A view that a user broke
--

SELECT * FROM written();
SELECT attempt('DROP VIEW arena.leaderboard_battle');
CREATE FUNCTION attempt_view(columns text) RETURNS text LANGUAGE sql AS $$
	SELECT attempt(format('DROP VIEW arena.leaderboard_battle;
		CREATE VIEW arena.leaderboard_battle AS SELECT %s FROM public.votes AS v', columns))
$$;
SELECT attempt_view($$'overall'::text AS leaderboard, md5(winner)::uuid AS model1_id,
	md5(loser)::uuid AS model2_id$$);
SELECT attempt_view($$'overall'::text AS leaderboard, winner AS model1_id,
	md5(loser)::uuid AS model2_id, 'tie' AS outcome$$);
SELECT attempt_view($$gen_random_uuid() AS leaderboard, md5(winner)::uuid AS model1_id,
	md5(loser)::uuid AS model2_id, 'tie' AS outcome$$);
SELECT attempt_view($$'overall'::text AS leaderboard, md5(winner)::uuid AS model1_id,
	md5(loser)::uuid AS model2_id, (1 / (n - n))::text AS outcome$$);
SELECT attempt_view($$'overall'::text AS leaderboard, md5(winner)::uuid AS model1_id,
	winner::uuid AS model2_id, 'tie' AS outcome$$);
-- numbers are outcomes too, and columns more than needed no matter
SELECT attempt_view($$'overall'::text AS leaderboard, md5(winner)::uuid AS model1_id,
	md5(loser)::uuid AS model2_id, n - n AS outcome, v$$);
DROP FUNCTION attempt_view;
-- more models than can be ranked
SELECT attempt($$CREATE OR REPLACE VIEW arena.leaderboard_battle AS
	SELECT 'overall'::text AS leaderboard, md5(n::text)::uuid AS model1_id,
		md5((n % 2001 + 1)::text)::uuid AS model2_id, 'tie' AS outcome,
		NULL::uuid AS voter_id, timestamptz '2025-01-01' AS created_at, NULL::uuid AS battle_id
	FROM generate_series(1, 2001) AS n$$);

--
-- Result tables and others that are not what they were
--

SELECT attempt();
SELECT attempt('ALTER TABLE arena.leaderboard_entry DROP bootstrap_q975');
SELECT attempt('ALTER TABLE arena.leaderboard_snapshot DROP visibility');
SELECT attempt('DROP TABLE arena.leaderboard_entry');
SELECT attempt('ALTER TABLE arena.model DROP slug');
SELECT attempt('ALTER TABLE arena.leaderboard RENAME TO renamed');
SET client_min_messages = warning;
SELECT attempt('ALTER TABLE arena.leaderboard DROP id CASCADE');
RESET client_min_messages;
SELECT attempt('TRUNCATE arena.leaderboard_entry; ALTER TABLE arena.leaderboard_entry ALTER bt_score TYPE decimal(6,3)');
SELECT attempt('ALTER TABLE arena.leaderboard_entry ADD CHECK (bt_score < 1) NOT VALID');
-- a column more, with a default, is no trouble
SELECT attempt('ALTER TABLE arena.leaderboard_entry ADD note text NOT NULL DEFAULT now()');
-- a trigger that refuses
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not today''; END';
SELECT attempt('CREATE TRIGGER refuse AFTER INSERT ON arena.leaderboard_entry EXECUTE FUNCTION refuse()');
DROP FUNCTION refuse;
SELECT * FROM written();

-- models of the same name are ranked each for itself, in the order of slugs
UPDATE arena.model SET name = 'Same' WHERE slug IN ('a', 'b', 'c', 'd');
SELECT status FROM bixarena_generate_snapshot('overall', 10);
SELECT slug, rank, bt_score, vote_count FROM latest();

-- names and slugs without a value, where the user's table has such: whether
-- ranked or refused, the server bears it
SELECT attempt($$ALTER TABLE arena.model ALTER name DROP NOT NULL;
	UPDATE arena.model SET name = NULL WHERE slug IN ('a', 'b')$$) IS NOT NULL AS survived;
SELECT attempt($$ALTER TABLE arena.model ALTER slug DROP NOT NULL;
	UPDATE arena.model SET name = 'Same', slug = NULL WHERE slug IN ('a', 'c', 'e')$$) IS NOT NULL AS survived;
SET client_min_messages = warning;
SELECT attempt($$ALTER TABLE arena.leaderboard DROP CONSTRAINT leaderboard_pkey CASCADE;
	ALTER TABLE arena.leaderboard ALTER id DROP NOT NULL; UPDATE arena.leaderboard SET id = NULL$$);
RESET client_min_messages;

-- a relation "model" in which an id occurs twice: no model gets the score of
-- another, be it an error or not
BEGIN;
INSERT INTO votes (winner, loser, n) VALUES ('b', 'a', 9), ('c', 'd', 7);
ALTER TABLE arena.model RENAME TO model_table;
ALTER TABLE arena.leaderboard_entry DROP CONSTRAINT leaderboard_entry_leaderboard_id_model_id_snapshot_id_key;
CREATE VIEW arena.model AS
SELECT m.* FROM arena.model_table AS m, generate_series(1, CASE slug WHEN 'b' THEN 20 ELSE 1 END);
DO $$
BEGIN
	PERFORM bixarena_generate_snapshot('overall', 10);
EXCEPTION WHEN cardinality_violation OR unique_violation OR data_exception THEN
END
$$;
-- the latest snapshot is an earlier one, in which all are equal, or a right one
SELECT count(*) AS wrong
FROM latest() AS e
LEFT JOIN bixarena_rank('arena.leaderboard_battle', 10, model1 => 'model1_id', model2 => 'model2_id') AS r
	ON r.model = md5(e.slug)::uuid::text
WHERE e.bt_score <> 1000 AND abs(e.bt_score - r.bt_score) < 1e-5 IS NOT TRUE;
ROLLBACK;

--
-- Rights: each that is missing is named, and nothing is written
--

CREATE ROLE regress_maker;
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
GRANT EXECUTE ON FUNCTION bixarena_generate_snapshot TO regress_maker;
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
GRANT USAGE ON SCHEMA arena TO regress_maker;
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
GRANT SELECT ON arena.leaderboard TO regress_maker;
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
-- the right to write comes before all that is read
GRANT SELECT, INSERT ON arena.leaderboard_snapshot TO regress_maker;
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
GRANT INSERT ON arena.leaderboard_entry TO regress_maker;
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
GRANT SELECT ON arena.leaderboard_battle TO regress_maker;
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
-- the view of an arena runs with the rights of who reads it
ALTER VIEW arena.leaderboard_battle SET (security_invoker = true);
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
GRANT SELECT ON votes TO regress_maker;
SET ROLE regress_maker;
SELECT attempt();
RESET ROLE;
-- a dry run does without it
GRANT SELECT ON arena.model TO regress_maker;
REVOKE INSERT ON arena.leaderboard_snapshot FROM regress_maker;
SET ROLE regress_maker;
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10, dry_run => true);
SELECT attempt();
RESET ROLE;
GRANT INSERT ON arena.leaderboard_snapshot TO regress_maker;
TRUNCATE bixarena.run;
SET ROLE regress_maker;
SELECT status FROM bixarena_generate_snapshot('overall', 10);
-- the record stays out of reach
DELETE FROM bixarena.run;
UPDATE bixarena.run SET status = 'failed';
RESET ROLE;
SELECT role, status FROM bixarena.run;

SET client_min_messages = warning;
DROP VIEW last_run;
DROP FUNCTION written, latest, attempt;
DROP SCHEMA IF EXISTS arena CASCADE;
DROP TABLE votes;
DROP EXTENSION bixarena_rank;
DROP ROLE regress_maker;
