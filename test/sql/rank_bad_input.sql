-- bixarena_rank() on input that is wrong, odd or extreme: a clear error, or
-- the right ranking of what can be used.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
CREATE TABLE votes (model1 text, model2 text, outcome text);
INSERT INTO votes VALUES ('a', 'b', 'model1'), ('b', 'c', 'model1'), ('c', 'a', 'model1');

--
-- Relations
--

SELECT * FROM bixarena_rank('missing');
SELECT * FROM bixarena_rank(1::regclass);
SELECT * FROM bixarena_rank(NULL);
CREATE INDEX votes_index ON votes (model1);
CREATE SEQUENCE votes_sequence;
CREATE TYPE votes_type AS (model1 text, model2 text, outcome text);
SELECT * FROM bixarena_rank('votes_index');
SELECT * FROM bixarena_rank('votes_sequence');
SELECT * FROM bixarena_rank('votes_type');
DROP SEQUENCE votes_sequence;
DROP TYPE votes_type;

-- rights are the caller's, of the table and of each column that is read
CREATE ROLE regress_voter;
SET ROLE regress_voter;
SELECT * FROM bixarena_rank('votes', 10);
RESET ROLE;
GRANT SELECT (model1, model2) ON votes TO regress_voter;
SET ROLE regress_voter;
SELECT * FROM bixarena_rank('votes', 10);
RESET ROLE;
GRANT SELECT (outcome) ON votes TO regress_voter;
SET ROLE regress_voter;
SELECT model, bt_score, rank FROM bixarena_rank('votes', 10);
RESET ROLE;

-- nothing is written, so a transaction that is read only will do
BEGIN READ ONLY;
SELECT model, bt_score, rank FROM bixarena_rank('votes', 10);
COMMIT;

-- a view that fails says so, and where
CREATE VIEW failing AS
SELECT model1, model2, (1 / (length(outcome) - 6))::text AS outcome FROM votes;
DO $$
DECLARE
	context text;
BEGIN
	PERFORM bixarena_rank('failing', 10);
EXCEPTION WHEN division_by_zero THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	RAISE INFO '% while %', SQLERRM, substring(context FROM E'reading[^\\n]*');
END
$$;
DROP VIEW failing;

--
-- Columns
--

SELECT * FROM bixarena_rank('votes', model1 => 'left');
-- of several the first is named
SELECT * FROM bixarena_rank('votes', model1 => 'left', model2 => 'right', outcome => 'won');
SELECT * FROM bixarena_rank('votes', outcome => 'Outcome');
SELECT * FROM bixarena_rank('votes', model2 => '');
SELECT * FROM bixarena_rank('votes', model1 => 'ctid');
SELECT * FROM bixarena_rank('votes', model1 => 'model1, pg_sleep(9) --');
SELECT * FROM bixarena_rank('votes', outcome => NULL);
CREATE TABLE typed (t text, i int, u uuid, j json, b jsonb, p point, n numeric, o text);
INSERT INTO typed VALUES ('1', 2, gen_random_uuid(), '3', '3', '(0,0)', 1.0, 'tie');
SELECT * FROM bixarena_rank('typed', model1 => 't', model2 => 'i', outcome => 'o');
SELECT * FROM bixarena_rank('typed', model1 => 'u', model2 => 't', outcome => 'o');
SELECT * FROM bixarena_rank('typed', model1 => 'j', model2 => 'b', outcome => 'o');
SELECT * FROM bixarena_rank('typed', model1 => 'n', model2 => 'i', outcome => 'o');
-- these have no equality, but a text: here each is a model against itself
\set VERBOSITY sqlstate
SELECT * FROM bixarena_rank('typed', model1 => 'j', model2 => 'j', outcome => 'o');
SELECT * FROM bixarena_rank('typed', model1 => 'p', model2 => 'p', outcome => 'o');
SELECT * FROM bixarena_rank('typed', model1 => 't', model2 => 't', outcome => 'j');
\set VERBOSITY default
-- a column that is no more
CREATE TABLE dropped (gone text, model1 text, model2 text, outcome text);
ALTER TABLE dropped DROP COLUMN gone;
SELECT * FROM bixarena_rank('dropped', model1 => 'gone');
SELECT * FROM bixarena_rank('dropped', model1 => '........pg.dropped.1........');
DROP TABLE typed, dropped;

--
-- Options
--

SELECT * FROM bixarena_rank('votes', 9);
SELECT * FROM bixarena_rank('votes', 10001);
SELECT * FROM bixarena_rank('votes', 4294967296);
SELECT * FROM bixarena_rank('votes', 9223372036854775807);
SELECT count(*) FROM bixarena_rank('votes', 10::smallint);
SELECT count(*) FROM bixarena_rank('votes', 10::bigint);
SELECT * FROM bixarena_rank('votes', -1);
SELECT * FROM bixarena_rank('votes', NULL);
SELECT * FROM bixarena_rank('votes', min_evaluations => -1);
SELECT * FROM bixarena_rank('votes', min_evaluations => NULL);
SELECT * FROM bixarena_rank('votes', prior_battles => -0.5);
SELECT * FROM bixarena_rank('votes', prior_battles => 'NaN');
SELECT * FROM bixarena_rank('votes', prior_battles => 'Infinity');
SELECT * FROM bixarena_rank('votes', anchor_score => 'NaN');
SELECT * FROM bixarena_rank('votes', anchor_score => 6000.5);
SELECT * FROM bixarena_rank('votes', anchor_model => 'nobody');
SELECT * FROM bixarena_rank('votes', anchor_model => '');
SELECT * FROM bixarena_rank('votes', rank_by_significance => NULL);
SELECT * FROM bixarena_rank('votes', seed => NULL);
SELECT * FROM bixarena_rank('votes', max_unread_percent => -1);
SELECT * FROM bixarena_rank('votes', max_unread_percent => 100.5);
SELECT * FROM bixarena_rank('votes', max_unread_percent => 'NaN');
SELECT * FROM bixarena_rank('votes', max_unread_percent => NULL);
-- any seed will do
SELECT count(*) FROM bixarena_rank('votes', seed => -9223372036854775808);
-- more evaluations than anybody has
SELECT count(*), count(rank) FROM bixarena_rank('votes', 10, min_evaluations => 9007199254740992);

--
-- Battles that say nothing
--

CREATE TABLE ignored (model1 text, model2 text, outcome text);
SELECT * FROM bixarena_rank('ignored');
INSERT INTO ignored VALUES (NULL, 'b', 'tie');
SELECT * FROM bixarena_rank('ignored');
INSERT INTO ignored VALUES
	('a', NULL, 'tie'), (NULL, NULL, 'tie'),	-- without a model: 3
	('a', 'a', 'tie'), ('b', 'b', 'model1'),	-- against itself: 2
	('a', 'b', NULL),							-- without an outcome: 1
	('a', 'b', 'beats'), ('b', 'a', 'beats');	-- unknown: 2
SELECT * FROM bixarena_rank('ignored');
INSERT INTO ignored TABLE votes;
-- the others are ranked as if these were not
SELECT model, bt_score, rank, vote_count
FROM bixarena_rank('ignored', 10, max_unread_percent => 50);
-- none of these is a known word
CREATE TABLE unknown AS
SELECT 'a' AS model1, 'b' AS model2, word AS outcome
FROM unnest(ARRAY['wonn', 'tiee', 't i e', 'ti', 'model10', 'model3', '3', '-2', '1.1', '1.0.0',
	'.', '-', '[]', '[[model1', 'a > c', 'a b', '1;', 'tie (bothbad))', repeat('model1', 2000)]) AS word;
\set VERBOSITY terse
SELECT * FROM bixarena_rank('unknown', 10);
\set VERBOSITY default
DROP TABLE unknown;
-- an example is shown cut
TRUNCATE ignored;
INSERT INTO ignored TABLE votes;
INSERT INTO ignored VALUES ('a', 'b', repeat('Unentschieden ', 1000));
SELECT count(*) FROM bixarena_rank('ignored', 10, max_unread_percent => 25);

--
-- Too little or too clear
--

-- one battle, one pair, all ties, separated data, two groups that never met
CREATE FUNCTION ranking(VARIADIC battles text[])
RETURNS TABLE (model text, score numeric(10,3), rank int, low numeric(10,3), high numeric(10,3),
	votes bigint, status text)
LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS picked;
	CREATE TEMP TABLE picked AS
	SELECT split_part(b, ' ', 1) AS model1, split_part(b, ' ', 3) AS model2,
		CASE split_part(b, ' ', 2) WHEN '>' THEN 'model1' WHEN '<' THEN 'model2' ELSE 'tie' END
			AS outcome
	FROM unnest(battles) AS b;
	-- an infinite bound shows as null
	RETURN QUERY SELECT r.model, r.bt_score::numeric(10,3), r.rank,
		nullif(r.bootstrap_q025, '-Infinity')::numeric(10,3),
		nullif(r.bootstrap_q975, 'Infinity')::numeric(10,3), r.vote_count, r.status
	FROM bixarena_rank('picked', 100) AS r;
END
$$;
SET client_min_messages = warning;
SELECT * FROM ranking('a > b');
SELECT * FROM ranking('a = b');
SELECT * FROM ranking('a > b', 'b > a', 'b > a', 'a = b');
SELECT * FROM ranking('a = b', 'b = c', 'c = d', 'd = a');
SELECT * FROM ranking('a > b', 'b > c', 'c > d', 'a > c');
SELECT * FROM ranking('a = b', 'b = c', 'x = y', 'y > z', 'z > x');
SELECT * FROM ranking('a = b', 'x = y', 'y = x');
-- an undefeated model beside three in balance: these stay where they are
SELECT model, score, rank, votes, status
FROM ranking('a > b', 'b > a', 'b > c', 'c > b', 'c > a', 'a > c',
	'new > a', 'new > b', 'new > c', 'new > a', 'new > b');
DROP TABLE picked;

-- a new model with three losses among 21, of 20 with 6000 battles
CREATE TABLE field AS
SELECT 'm' || lpad(a::text, 2, '0') AS model1, 'm' || lpad(b::text, 2, '0') AS model2,
	CASE WHEN n % 5 = 0 THEN 'tie'
		WHEN (n * 7919) % 1009 < 1009 / (1 + exp((b - a) * 0.08)) THEN 'model1'
		ELSE 'model2' END AS outcome
FROM generate_series(1, 6000) AS n,
	LATERAL (SELECT n % 20 AS a, (n % 20 + 1 + (n / 20) % 19) % 20 AS b) AS pair;
CREATE TABLE before AS SELECT * FROM bixarena_rank('field', min_evaluations => 10);
SELECT count(*) AS ranked, min(vote_count), max(vote_count),
	(max(bt_score) - min(bt_score))::int AS spread
FROM before WHERE status = 'ranked';
INSERT INTO field VALUES ('new', 'm03', 'model2'), ('m07', 'new', 'model1'), ('new', 'm11', 'model2');
CREATE VIEW moved AS
SELECT n.status, max(abs(n.bt_score - b.bt_score)) AS score,
	max(greatest(abs(n.bootstrap_q025 - b.bootstrap_q025),
		abs(n.bootstrap_q975 - b.bootstrap_q975))) AS bounds
FROM bixarena_rank('field', min_evaluations => 10) AS n LEFT JOIN before AS b USING (model)
GROUP BY n.status;
SELECT status, score < 0.02 AS stay, bounds < 3 AS bounds_stay FROM moved ORDER BY 1;
-- it wins a fourth, so that it can be placed, but for its few battles: only
-- who it met moves, by the weight of one battle among 600
INSERT INTO field VALUES ('m05', 'new', 'model2');
SELECT status, score < 1 AS stay, bounds < 4 AS bounds_stay FROM moved ORDER BY 1;
SELECT avg(bt_score)::numeric(10,5) FROM bixarena_rank('field', 10, min_evaluations => 10);
DROP VIEW moved;
DROP TABLE field, before;

--
-- Names
--

CREATE TABLE named (model1 text, model2 text, outcome text);
CREATE TABLE names (n serial, name text);
INSERT INTO names (name) VALUES
	(''), (' '), (E'O''Neil "quoted" \\back $1 %s %n'), (E'two\nlines\tand\ra tab'),
	('Zürich'), ('模型'), ('نموذج'), ('модель'), ('🦊🐘'), ('null'),
	(repeat('long ', 2048)), (repeat('long ', 2047) || 'other'),
	('''; DROP TABLE votes; --');
INSERT INTO named
SELECT a.name, b.name, 'tie' FROM names AS a JOIN names AS b ON b.n = a.n % 13 + 1;
-- each is one model, and comes back as it is
SELECT n, octet_length(r.model) AS bytes, r.bt_score, r.vote_count
FROM bixarena_rank('named', 10) AS r JOIN names ON name = model ORDER BY n;
-- equal scores are in the order of their names' bytes
SELECT bool_and(earlier < model COLLATE "C") AS by_name
FROM (SELECT model, lag(model) OVER (ORDER BY rank) AS earlier
	FROM bixarena_rank('named', 10)) AS r;
-- as an anchor
SELECT count(DISTINCT bt_score), min(bt_score)
FROM bixarena_rank('named', 10, anchor_model => repeat('long ', 2048), anchor_score => 1234);
DROP TABLE named, names;

--
-- Where and how it is called
--

-- a function that calls itself parallel safe although it is not
CREATE FUNCTION not_safe(v text) RETURNS bigint
LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN (SELECT count(*) FROM bixarena_rank(''votes'', 10)); END';
SELECT name AS force_parallel FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET :force_parallel = on;
SELECT not_safe(model1) FROM votes;
RESET :force_parallel;
SELECT not_safe(model1) FROM votes;
DROP FUNCTION not_safe;
-- in the list of columns, in a lateral join, and again and again within one query
SELECT bixarena_rank('votes', 10, anchor_model => 'a');
SELECT v.n, r.model, r.rank
FROM generate_series(1, 2) AS v (n), LATERAL bixarena_rank('votes', 10, seed => v.n) AS r;
SELECT * FROM bixarena_rank('votes', 10) LIMIT 1;
-- in a transaction that sees its own votes, and forgets them
BEGIN;
INSERT INTO votes VALUES ('a', 'new', 'tie');
SELECT count(*) FROM bixarena_rank('votes', 10);
ROLLBACK;
SELECT count(*) FROM bixarena_rank('votes', 10);
-- more than can be ranked
CREATE VIEW many AS
SELECT n AS model1, n % 2001 + 1 AS model2, 'tie' AS outcome FROM generate_series(1, 2001) AS n;
SELECT * FROM bixarena_rank('many', 10);
DROP VIEW many;

SET client_min_messages = warning;
DROP TABLE votes, ignored CASCADE;
DROP FUNCTION ranking;
DROP ROLE regress_voter;
DROP EXTENSION bixarena_rank;
