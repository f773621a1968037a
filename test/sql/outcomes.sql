-- What outcomes mean is decided for a column as a whole; what nobody can know
-- is an error that shows the words.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;

-- ranks a list of battles like 'ann bob ann' (model1, model2, outcome; a fourth
-- word says how often) in one line
CREATE FUNCTION ranked(battles text[], percent float8 DEFAULT 1, outcome_type text DEFAULT 'text')
RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	DROP TABLE IF EXISTS pg_temp.battles;
	CREATE TEMP TABLE battles AS
	SELECT w[1] AS model1, w[2] AS model2, nullif(CASE w[3] WHEN '_' THEN ' ' ELSE w[3] END, 'NULL') AS winner
	FROM unnest(battles) AS b, string_to_array(b, ' ') AS w,
		generate_series(1, coalesce(w[4]::int, 1));
	EXECUTE format('ALTER TABLE battles ALTER winner TYPE %s USING winner::%1$s', outcome_type);
	SELECT string_agg(format('%s %s (%s)', model, round(bt_score), vote_count), ', ' ORDER BY bt_score DESC, model)
	INTO found
	FROM bixarena_rank('battles', 10, outcome => 'winner', max_unread_percent => percent);
	RETURN found;
END
$$;
SET client_min_messages = warning;

--
-- The winner's own value
--

SELECT ranked('{ann bob ann 6,bob ann bob 2,bob ann ann 2,ann bob tie 2}')
	= ranked('{ann bob left 6,bob ann left 2,bob ann right 2,ann bob tie 2}') AS names_are_outcomes;
SELECT ranked('{ann bob ann 6,bob cat cat 2,cat bob bob 3,cat ann ann 2,bob ann bob 2,ann cat tie}');
-- a tie may be written in any way that sides have it
SELECT ranked('{ann bob ann 3,bob ann bob 2,ann bob draw 1}');
-- a name that is spelt otherwise, or is another's, cannot be read
SELECT ranked('{ann bob Ann 6,bob ann bob 2,ann bob tie}');
SELECT ranked('{ann bob ann 6,bob ann bob 2,ann bob cat}');
-- names beside sides: how many of each, also of one that is not always a name, in any order
SELECT ranked('{ann bob left 100,ann bob ann 2,bob ann bob}');
SELECT ranked('{ann bob left 100,ann bob ann}');
SELECT ranked('{ann bob left 100,ann bob ann 2,cat bob ann}');
SELECT ranked('{cat bob ann,ann bob ann 2,ann bob left 100}');
-- numbers that are ids: 1 and 2 are no vocabulary where others win, too
SELECT ranked('{57 1 57 3,1 57 1 2,2 57 2 2,57 2 57 1}', outcome_type => 'int');
SELECT ranked('{57 1 57.0 3,1 57 1.0 2,2 57 2.0 2,57 2 57.0 1}');
-- ids do not disturb outcomes that are sides
SELECT ranked('{3 1 1 3,1 3 2 2,2 3 0 2,3 2 1 1}', outcome_type => 'int');
-- names that are words: the column as a whole tells, or nobody can
SELECT ranked('{a b a 3,b a b 2}');
SELECT ranked('{left right left 3,right left left 2}');
SELECT ranked('{1 2 1 3,2 1 1 2}', outcome_type => 'int');
SELECT ranked('{tie bob tie 3,bob tie bob 2,ann bob tie}');
SELECT ranked('{tie bob left 3,bob tie left 2,ann bob tie,tie bob tie}');
SELECT ranked('{left bob left 3,bob left bob 2,ann bob bob,left ann ann}');

--
-- Numbers
--

-- 1 and 0 alone may be meant in two ways, and 0 alone, too; 1 alone not
SELECT ranked('{ann bob 1 3,bob ann 0 2}');
SELECT ranked('{ann bob 1 3,bob ann 0 2}', outcome_type => 'int');
SELECT ranked('{ann bob 0 3}', outcome_type => 'numeric(5,3)');
SELECT ranked('{ann bob 1 3,bob ann 1 2}', outcome_type => 'smallint');
SELECT ranked('{ann bob 1 3,bob ann 0 2,ann bob tie}');
-- what is there besides tells
SELECT o AS outcomes, t AS type, ranked(o, outcome_type => t)
FROM unnest('{int,bigint,numeric,float4,float8,"numeric(30,25)",text,varchar,char(9),jsonb}'::text[]) AS types (t),
	LATERAL (VALUES ('{ann bob 1 3,bob ann 0 2,bob ann 2}'::text[]),
		('{ann bob 1 3,bob ann 0 2,bob ann -1}')) AS u (o);
SELECT t AS type, ranked('{ann bob 1 3,bob ann 0 2,bob ann 0.5}', outcome_type => t)
FROM unnest('{numeric,float4,float8,"numeric(30,25)",text,jsonb}'::text[]) AS types (t);
-- weights, margins and what is no number are none of these
SELECT ranked('{ann bob 1.873 3,bob ann 1.02 2,bob ann 1}', outcome_type => 'float8');
SELECT ranked('{ann bob 1e300 3,bob ann -7 2,bob ann NaN,ann bob Infinity}', outcome_type => 'float8');
SELECT ranked(ARRAY['ann bob ' || repeat('9', 300) || ' 3', 'bob ann 1 2'], outcome_type => 'numeric');

--
-- True and false
--

SELECT ranked('{ann bob true 3,bob ann false 2,ann bob false}', outcome_type => 'bool');
SELECT ranked('{ann bob true 3,bob ann false 2,ann bob NULL}', outcome_type => 'bool');
SELECT ranked('{ann bob t 3,bob ann t 2}', outcome_type => 'bool');
SELECT ranked('{ann bob t 3,bob ann t 2}');
CREATE DOMAIN judged AS bool;
SELECT ranked('{ann bob true 3,bob ann false 2,ann bob NULL}', outcome_type => 'judged');

--
-- More than one way, and none
--

SELECT ranked('{ann bob left 3,bob ann black 2,ann bob white}');
SELECT ranked('{ann bob model1 3,bob ann model_b 2}');
SELECT ranked('{ann bob left 3,bob ann white 3}', 100);
SELECT ranked('{ann bob left 300,bob ann left 200,ann bob white 5}');
SELECT ranked('{ann bob left 300,bob ann left 200,ann bob white 6}');
SELECT ranked('{ann bob left 300,bob ann left 200,ann bob white 6}', 1.2);
SELECT ranked('{ann bob left 300,bob ann left 200,ann bob white}', 0);
-- what is in another way is left out wherever it stands, and who has nothing else
SELECT ranked('{cat dan white,ann bob 1,ann bob left 300,bob ann left 200,ann bob 0.5,bob ann false}');
-- what 1 and 0 mean does not depend on the order in which they come
SELECT ranked('{bob ann 2,ann bob 1 300,ann bob 0 100,ann bob 0.5 30}');
SELECT ranked('{ann bob 0.5 30,ann bob 0 100,ann bob 1 300,bob ann 2}');
SELECT ranked('{bob ann 2 150,ann bob 1 300,ann bob 0 30,ann bob 0.5 2}');
-- battles without an outcome are as bad as unknown ones: they may be ties
SELECT ranked('{ann bob left 3,bob ann right 2,ann bob NULL 3}');
SELECT ranked('{ann bob left 3,bob ann right 2,ann bob _ 3}');
SELECT ranked('{ann bob left 3,bob ann left 2,ann bob NULL 3}', 40);
SELECT ranked('{ann bob NULL 3}', 100);
-- the most frequent ones are shown
SELECT ranked('{ann bob left 9,ann bob g,ann bob f,ann bob e 2,ann bob c 4,ann bob x 9,ann bob q 3}');
SELECT ranked(array_agg('ann bob word' || n || ' ' || CASE n WHEN 1500 THEN 3 ELSE 1 END))
FROM generate_series(1, 3) AS n;
-- one line of a free text a battle: no more is held than a message needs
SELECT ranked(array_agg('ann bob ' || repeat('long', n))) IS NULL AS none
FROM generate_series(100, 3100) AS n;
SELECT ranked(array_agg('ann bob ' || repeat('long', n)) || '{ann bob left 300001,bob ann left 200001}')
FROM generate_series(100, 3100) AS n;

--
-- An arena
--

SELECT bixarena_create_arena('arena');
CREATE TABLE arena.vote (model1_id uuid, model2_id uuid, outcome text);
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, model1_id, model2_id, outcome, NULL::uuid AS voter_id,
	timestamptz '2026-01-01' AS created_at
FROM arena.vote;
INSERT INTO arena.model (slug, name) SELECT n, n FROM unnest('{ann,bob,cat,dan}'::text[]) AS n;
CREATE FUNCTION battles(outcomes text[]) RETURNS void LANGUAGE sql AS $$
	TRUNCATE arena.vote;
	INSERT INTO arena.vote
	SELECT a.id, b.id, o.outcome
	FROM arena.model AS a JOIN arena.model AS b ON a.id <> b.id,
		unnest(outcomes) AS o (outcome);
$$;
SELECT battles('{1,0,1,0}');
-- too few battles are no failure, however they are written
SELECT bixarena_configure('min_total_battles', '49');
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10);
SELECT bixarena_configure('min_total_battles', NULL);
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10);
SELECT battles('{1,0,2,0,won}');
SELECT status, reason FROM bixarena_generate_snapshot('overall', 10);
SELECT bixarena_configure('max_unread_percent', '20', 'overall');
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', 10);
SELECT bixarena_configure('max_unread_percent', '19.9', 'overall');
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', 10);
-- a run of all leaderboards says the same, and fails that one only
CALL bixarena_generate_snapshots();
SELECT status, error_sqlstate, error_message
FROM bixarena.run ORDER BY requested_at DESC LIMIT 1;
SELECT bixarena_configure('max_unread_percent', '101');
SELECT bixarena_configure('max_unread_percent', '-1');
SELECT bixarena_configure('max_unread_percent', 'many');
-- the winner's id
UPDATE arena.vote SET outcome = CASE outcome WHEN '1' THEN upper(model1_id::text)
	WHEN '2' THEN model2_id::text ELSE 'tie' END;
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', 10);

DROP SCHEMA arena CASCADE;
DROP FUNCTION ranked, battles;
DROP DOMAIN judged CASCADE;
DROP EXTENSION bixarena_rank;
