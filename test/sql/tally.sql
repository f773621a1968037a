-- A tally as a value: what bixarena_rank_tally() makes of it is what bixarena_rank()
-- makes of the same battles, digit by digit and error by error; and what else can be
-- done with it.

\set SHOW_CONTEXT never
SET client_min_messages = error;
-- the texts below are meant as they stand
SET standard_conforming_strings = on;
SET xmloption = content;
CREATE EXTENSION bixarena_rank;
CREATE EXTENSION citext;

--
-- The same as bixarena_rank()
--

CREATE TABLE battles (model1 text, model2 text, outcome text);
-- what a query returns, ranked by some options: how many rows, and their digest, or the error
CREATE FUNCTION result(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
	said text;
	added text;
BEGIN
	EXECUTE format('SELECT count(*) || '' models, '' || md5(string_agg(r::text, '' '')) FROM (%s) AS r', query) INTO found;
	RETURN found;
EXCEPTION WHEN data_exception OR invalid_parameter_value OR datatype_mismatch THEN
	GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL, added = PG_EXCEPTION_HINT;
	RETURN replace(replace(replace(format('%s %s / %s / %s', SQLSTATE, SQLERRM, said, added),
		'the relation', 'the tally'), 'max_unread_percent', '1 %'), 'A view can', 'An expression can');
END
$$;
-- both ways, and what they say if it is not the same
CREATE FUNCTION compared(relation text, options text DEFAULT '10', model1 text DEFAULT 'model1',
	model2 text DEFAULT 'model2', outcome text DEFAULT 'outcome')
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a text := result(format('SELECT * FROM bixarena_rank(%L, %s, model1 => %L, model2 => %L, outcome => %L)',
		relation, options, model1, model2, outcome));
	b text := result(format('SELECT r.* FROM (SELECT bixarena_tally(%I, %I, %I) AS t FROM %s) AS v, bixarena_rank_tally(v.t, %s) AS r',
		model1, model2, outcome, relation, options));
BEGIN
	RETURN CASE WHEN a = b THEN 'same ' || CASE WHEN a ~ 'models,' THEN 'digits' ELSE 'error ' || left(a, 5) END
		ELSE a || E'\n' || b END;
END
$$;

-- an ordinary leaderboard, with all options; ties, an undefeated and a disconnected part
CREATE TABLE votes AS
SELECT d.model1, d.model2, d.outcome, d.voter % 5 AS voter, n.n FROM bixarena.simulate_draws(3000, bixarena.simulate_scores(12, 7), 0.3, 10, 7)
	WITH ORDINALITY AS d (model1, model2, outcome, voter, moment, number), LATERAL (SELECT d.number % 7) AS n (n);
INSERT INTO votes VALUES (97, 3, 'model1', 0, 0), (98, 99, 'tie', 0, 0), (99, 98, 'model1', 0, 0), (99, 98, 'model2', 0, 0), (4, 96, 'model1', 1, 1);
SELECT o AS options, compared('votes', o)
FROM unnest(ARRAY['1000', '1000, seed => 4711', '200, min_evaluations => 500', '500, rank_by_significance => true',
	'100, prior_battles => 1.5', '100, anchor_model => ''5'', anchor_score => 1234.5', '100, anchor_model => ''98''',
	'100, anchor_model => ''nobody''', '100, anchor_model => ''97''', '9', '100, prior_battles => -1',
	'100, anchor_model => ''5'', rank_by_significance => true, prior_battles => 0.25, min_evaluations => 2, seed => -1']) AS o;

-- any type of models, as bixarena_rank() takes them, and any that do not compare
CREATE DOMAIN model_name AS varchar(20) CHECK (value <> '');
CREATE DOMAIN model_number AS int CHECK (value > 0);
CREATE TYPE kind AS ENUM ('12', '11', '10', '9', '8', '7', '6', '5', '4', '3', '2', '1', '99', '98', '97', '96');
CREATE FUNCTION of_type(type1 text, type2 text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE format('CREATE VIEW typed AS SELECT model1::text::%s, model2::text::%s, outcome FROM votes', type1, type2);
	found := compared('typed');
	DROP VIEW typed;
	RETURN found;
END
$$;
SELECT t AS type, of_type(t, t)
FROM unnest('{text,varchar(7),char(7),name,smallint,int,bigint,numeric,float8,model_name,model_number,kind,citext,"\"char\"",money,xml,json,jsonb}'::text[]) AS t;
SELECT of_type('text', 'varchar(3)'), of_type('model_name', 'char(9)'), of_type('smallint', 'bigint'),
	of_type('int', 'model_number'), of_type('name', 'citext');
SELECT split_part(of_type('int', 'text'), E'\n', 2);
CREATE VIEW as_uuids AS SELECT lpad(model1::text, 32, '0')::uuid AS model1, lpad(model2::text, 32, '0')::uuid AS model2, outcome FROM votes;
CREATE VIEW as_addresses AS SELECT ('10.0.0.' || model1)::inet AS model1, ('10.0.0.' || model2)::inet AS model2, outcome FROM votes;
CREATE TYPE named AS (name text, maker text);
CREATE VIEW as_rows AS SELECT ROW (model1, 'x')::named AS model1, ROW (model2, 'x')::named AS model2, outcome FROM votes;
CREATE VIEW as_truths AS SELECT model1 > 6 AS model1, model2 > 6 AS model2, outcome FROM votes WHERE (model1 > 6) <> (model2 > 6);
CREATE VIEW as_long_names AS SELECT repeat(md5(model1::text), 300) AS model1, repeat(md5(model2::text), 300) AS model2, outcome FROM votes;
CREATE TABLE as_stored AS TABLE as_long_names;
SELECT compared('as_uuids'), compared('as_addresses'), compared('as_rows'), compared('as_truths'),
	compared('as_long_names'), compared('as_stored');
-- equality is that of bytes: numbers that are equal and names that a collation or a type calls equal
CREATE TABLE cased (model1 citext, model2 citext, outcome text, number1 numeric, number2 numeric);
INSERT INTO cased VALUES ('gpt', 'GPT', 'tie', 1.0, 1.00), ('gpt', 'g pt', 'tie', 1.0, 2), ('GPT', 'g pt', 'tie', 1.00, 2);
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
ALTER TABLE cased ADD COLUMN blind1 text COLLATE blind, ADD COLUMN blind2 text COLLATE blind;
UPDATE cased SET blind1 = model1, blind2 = model2;
SELECT compared('cased'), compared('cased', '10', 'number1', 'number2'), compared('cased', '10', 'blind1', 'blind2');
SELECT model FROM (SELECT bixarena_tally(blind1, blind2, outcome) AS t FROM cased) AS c, bixarena_rank_tally(c.t, 10);

-- outcomes in all words, and of other types
CREATE TABLE words (first text, second text, tie text);
INSERT INTO words VALUES
	('model1', 'model2', 'tie'), ('model_1', 'model_2', 'draw'), ('model_a', 'model_b', 'tie (bothbad)'),
	('[[A]]', '[[B]]', '[[C]]'), ('left', 'right', 'tie'), ('leftvote', 'rightvote', 'bothbad_vote'),
	('white', 'black', 'draw'), ('H', 'A', 'D'), ('W', 'L', 'D'), ('w', 'l', 'T'), ('1', '2', '0'), ('1', '2', 'X'),
	('1.0', '2.0', '0.0'), ('1', '0', '0.5'), ('1', '0', E'\u00BD'), ('1', '-1', '0'), ('1-0', '0-1', '1/2-1/2'),
	('A>>B', 'B>>A', 'A=B'), ('>', '<', '='), ('true', 'false', 'tie'), ('true', 'false', NULL), ('t', 'f', NULL),
	('  left', E'right \t\n', ' Tie '), (rpad('left', 400), lpad('right', 400), 'tie'), ('1', '0', NULL), ('1', '0', 'tie');
CREATE FUNCTION in_words(first text, second text, tie text, type text DEFAULT 'text') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	found text;
BEGIN
	EXECUTE format('CREATE TABLE worded AS SELECT model1, model2, (CASE outcome WHEN ''model1'' THEN %L WHEN ''model2'' THEN %L ELSE %L END)::%s AS outcome FROM votes',
		first, second, tie, type);
	found := compared('worded');
	DROP TABLE worded;
	RETURN found;
END
$$;
SELECT in_words(first, second, tie), count(*) FROM words GROUP BY 1;
SELECT in_words('1', '2', '0', 'int'), in_words('1', '0', '0.5', 'numeric'), in_words('1', '-1', '0', 'float8'),
	in_words('t', 'f', NULL, 'boolean'), in_words('left', 'right', 'tie', 'char(8)'), in_words('"left"', '"right"', '"tie"', 'json');

-- the winner's own value; and whatever else a column may be, drawn by chance from all words
CREATE VIEW battle_counts AS SELECT model1, model2, outcome, count(*) AS n FROM battles GROUP BY 1, 2, 3;
CREATE FUNCTION drawn(seed int, words text[], names text[], num int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	a text;
	b text;
BEGIN
	PERFORM setseed(seed / 1000.0);
	TRUNCATE battles;
	INSERT INTO battles
	SELECT a.a, b.b, CASE WHEN random() < 0.2 THEN CASE WHEN random() < 0.5 THEN a.a ELSE b.b END
		WHEN random() < 0.02 THEN NULL WHEN random() < 0.01 THEN 'odd ' || n
		ELSE words[1 + floor(random() * cardinality(words))::int] END
	FROM generate_series(1, num) AS n,
		LATERAL (SELECT CASE WHEN random() > 0.003 THEN names[1 + (n + floor(random() * cardinality(names))::int) % cardinality(names)] END) AS a (a),
		LATERAL (SELECT CASE WHEN random() > 0.003 THEN names[1 + (n + floor(random() * cardinality(names))::int) % cardinality(names)] END) AS b (b);
	-- as counts, too
	a := result('SELECT * FROM bixarena_rank(''battle_counts'', 10, num_battles => ''n'')');
	b := result('SELECT r.* FROM (SELECT bixarena_tally(model1, model2, outcome, n) AS t FROM battle_counts) AS v, bixarena_rank_tally(v.t, 10) AS r');
	RETURN CASE WHEN a = b THEN compared('battles') ELSE a || E'\n' || b END;
END
$$;
SELECT drawn(n, ARRAY(SELECT DISTINCT w FROM words, unnest(ARRAY[first, second, tie]) AS w WHERE w IS NOT NULL AND random() < 2),
	ARRAY['ann', 'bob', 'cat', 'a', '57', '57.0', 'left', 'tie', ''], 40), count(*) > 0 AS some FROM generate_series(1, 50) AS n GROUP BY 1 ORDER BY 1;
-- of two vocabularies; the words are a few, so that some columns can be read and some nearly
SELECT kind, sum(n) > 5 AS often FROM (
	SELECT drawn(n, CASE n % 8 WHEN 0 THEN '{1,0}' WHEN 1 THEN '{1,2,0}' WHEN 2 THEN '{1,-1,tie}' WHEN 3 THEN '{left,right}'
			WHEN 4 THEN '{ann,bob,cat}' WHEN 5 THEN '{true,false}' WHEN 6 THEN '{A,B,tie}' ELSE '{H,A,D}' END::text[],
			CASE n % 3 WHEN 0 THEN '{ann,bob,cat}' WHEN 1 THEN '{57,1,2}' ELSE '{a,b,tie}' END::text[], 1 + 7 * (n % 5)) AS kind, 1 AS n
	FROM generate_series(1, 240) AS n) AS d GROUP BY 1 ORDER BY 1;
SELECT n, kind FROM (SELECT n, drawn(n, '{1,0}', '{ann,bob}', n) AS kind FROM generate_series(1, 40) AS n) AS d WHERE kind !~ '^same';
-- hundreds of words that nobody reads, more than are kept, and very long ones
CREATE VIEW junk AS SELECT 'a' AS model1, 'b' AS model2, 'x' || n / 7 AS outcome FROM generate_series(1, 6000) AS n;
CREATE VIEW much_junk AS SELECT 'a' AS model1, 'b' AS model2, 'x' || n AS outcome FROM generate_series(1, 6000) AS n;
CREATE VIEW long_junk AS
SELECT 'a' AS model1, 'b' AS model2, repeat('Unentschieden ' || n, 50) AS outcome FROM generate_series(1, 200) AS n
UNION ALL SELECT 'a', 'b', 'tie' || repeat(' ', 500) || n FROM generate_series(1, 300) AS n;
SELECT compared('junk'), split_part(compared('much_junk'), ' / ', 1) = split_part(split_part(compared('much_junk'), E'\n', 2), ' / ', 1) AS nearly,
	split_part(split_part(compared('long_junk'), E'\n', 2), ' / ', 1) AS long;
-- a word that is spelt in ten thousand ways
CREATE VIEW blanks AS
SELECT model1, model2, repeat(' ', (row_number() OVER ())::int) || outcome AS outcome FROM votes;
CREATE VIEW more_blanks AS
SELECT model1, model2, repeat(E'\t', i) || outcome AS outcome FROM blanks, generate_series(0, 4) AS i;
SELECT count(DISTINCT outcome) > 10000 AS many FROM more_blanks;
SELECT compared('more_blanks');
-- names as words, beyond what is kept of other words
CREATE TABLE many_names AS
SELECT 'n' || n AS model1, 'n' || n + 1 AS model2, 'n' || n + i AS outcome FROM generate_series(1, 200) AS n, generate_series(0, 1) AS i
UNION ALL SELECT 'n200', 'n1', 'n1' UNION ALL SELECT n::text, (n + 1)::text, n || '.' || repeat('0', i) FROM generate_series(1, 5) AS n, generate_series(1, 1100) AS i;
SELECT compared('many_names', '10, prior_battles => 1');

-- as columns of a domain, an expression and literals
SELECT bixarena_tally('a', 'b', 'model1'), bixarena_tally('a'::text, 'b', NULL) FILTER (WHERE false);
SELECT bixarena_tally(1, 2::bigint, 'left'), bixarena_tally(true, false, 'tie'), bixarena_tally('a', 'b', true);
SELECT bixarena_tally(1, 'a'::text, 'left');
SELECT bixarena_tally(gen_random_uuid(), 'a'::text, 'left');

--
-- Rows that stand for several battles
--

CREATE VIEW counted AS SELECT model1, model2, outcome, count(*) AS n, count(*)::int AS i, count(*)::smallint AS s FROM votes GROUP BY 1, 2, 3;
SELECT (SELECT bixarena_tally(model1, model2, outcome) FROM votes) = bixarena_tally(model1, model2, outcome, n),
	bixarena_tally(model1, model2, outcome, n) = bixarena_tally(model1, model2, outcome, i),
	bixarena_tally(model1, model2, outcome, n) = bixarena_tally(model1, model2, outcome, s)
FROM counted;
SELECT bixarena_tally('a', 'b', 'tie', NULL);
SELECT bixarena_tally('a', 'b', 'tie', 0);
SELECT bixarena_tally('a', 'b', 'tie', -3);
SELECT bixarena_tally(NULL::text, 'b', 'tie', 0);
SELECT bixarena_tally('a', 'b', 'tie', 1.5);
SELECT bixarena_num_battles(bixarena_tally('a', 'b', 'tie', 9007199254740992));
SELECT bixarena_tally('a', 'b', 'tie', n) FROM unnest('{9007199254740991,2}'::bigint[]) AS n;
SELECT bixarena_tally('a', 'a', 'tie', 9223372036854775807);

--
-- Nulls and what cannot be read
--

SET client_min_messages = warning;
SELECT bixarena_tally(model1, model2, outcome) IS NULL AS none FROM votes WHERE false;
CREATE TABLE ignored (model1 text, model2 text, outcome text);
INSERT INTO ignored VALUES (NULL, 'b', 'tie'), ('a', 'a', 'tie');
SELECT bixarena_tally(model1, model2, outcome) FROM ignored;
INSERT INTO ignored SELECT 'a', 'b', 'left' FROM generate_series(1, 100);
SELECT bixarena_tally(model1, model2, outcome) FROM ignored;
INSERT INTO ignored VALUES ('a', 'b', 'n/a');
SELECT bixarena_tally(model1, model2, outcome) FROM ignored;
INSERT INTO ignored VALUES ('a', 'b', NULL);
SELECT bixarena_tally(model1, model2, outcome) FROM ignored;
SELECT bixarena_tally(model1, model2, coalesce(outcome, 'tie')) FROM ignored;
SELECT bixarena_tally('a', 'b', CASE n WHEN 1 THEN 'a' ELSE 'left' END) FROM generate_series(1, 100) AS n;
SELECT bixarena_tally('a', 'b', n % 2) FROM generate_series(1, 5) AS n;
SELECT bixarena_tally('a', 'b', o) FROM unnest(ARRAY[true, true, false, NULL]) AS o;
SELECT bixarena_tally('tie', 'b', o) FROM unnest('{tie,b}'::text[]) AS o;
-- a warning for each group, but no more than ten a query
SELECT count(t) FROM (SELECT n, bixarena_tally(m, 'b', 'tie') AS t FROM generate_series(1, 30) AS n, unnest('{a,b}'::text[]) AS m GROUP BY 1) AS g;
SELECT count(t) FROM (SELECT n, bixarena_tally('a', 'b', o) AS t FROM generate_series(1, 12) AS n, unnest(ARRAY[true, false, NULL]) AS o GROUP BY 1) AS g;
-- errors all the same
SELECT count(t) FROM (SELECT n, bixarena_tally(m, 'b', CASE n WHEN 30 THEN 'odd' ELSE 'tie' END) AS t FROM generate_series(1, 30) AS n, unnest('{a,b}'::text[]) AS m GROUP BY 1) AS g;
SET client_min_messages = error;

--
-- Groups, filters, windows, sub-totals
--

SELECT voter, bixarena_num_battles(t), bixarena_num_models(t),
	t = (SELECT bixarena_tally(model1, model2, outcome) FROM votes WHERE votes.voter = g.voter) AS same
FROM (SELECT voter, bixarena_tally(model1, model2, outcome) AS t FROM votes GROUP BY voter) AS g ORDER BY 1;
SELECT bixarena_tally(model1, model2, outcome) FILTER (WHERE n < 3) = (SELECT bixarena_tally(model1, model2, outcome) FROM votes WHERE n < 3) AS filtered,
	bixarena_tally(DISTINCT model1, model2, outcome) = (SELECT bixarena_tally(model1, model2, outcome) FROM (SELECT DISTINCT model1, model2, outcome FROM votes) AS d) AS of_different,
	bixarena_tally(model1, model2, outcome ORDER BY n, outcome) = bixarena_tally(model1, model2, outcome) AS in_any_order
FROM votes;
SELECT count(*) AS days, bool_and(t = (SELECT bixarena_tally(model1, model2, outcome) FROM votes WHERE votes.n BETWEEN w.n - 1 AND w.n)) AS same
FROM (SELECT DISTINCT n, bixarena_tally(model1, model2, outcome) OVER (ORDER BY n RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS t FROM votes) AS w;
SELECT count(*) AS days, bool_and(t = (SELECT bixarena_tally(model1, model2, outcome) FROM votes WHERE votes.n <= w.n)) AS same
FROM (SELECT DISTINCT n, bixarena_tally(model1, model2, outcome) OVER (ORDER BY n) AS t FROM votes) AS w;
SELECT voter, n, bixarena_num_battles(t) FROM (SELECT voter, n, bixarena_tally(model1, model2, outcome) AS t FROM votes WHERE n < 2 AND voter < 2 GROUP BY CUBE (voter, n)) AS c ORDER BY 1, 2;

-- thousands of groups take no memory until the query ends: how much it has at the 1,000th
-- row and at the 6,000th
CREATE TABLE groups AS SELECT n, bixarena_tally('a', 'b', 'tie', n) AS t FROM generate_series(1, 3000) AS n GROUP BY n;
CREATE FUNCTION keeps_memory(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	memory bigint[];
	found record;
	n int := 0;
BEGIN
	FOR found IN EXECUTE query LOOP
		n := n + 1;
		IF n IN (1000, 6000) THEN
			memory := memory || (SELECT sum(used_bytes)::bigint FROM pg_backend_memory_contexts WHERE name = 'ExecutorState');
		END IF;
	END LOOP;
	RETURN memory[2] - memory[1] > 200000;
END
$$;
SELECT keeps_memory('SELECT r.* FROM groups AS g, bixarena_rank_tally(g.t, 10) AS r'),
	keeps_memory('SELECT r.* FROM groups AS g, bixarena_rank_ranges_tally(g.t, 10) AS r'),
	keeps_memory('SELECT p.* FROM groups AS g, generate_series(1, 2), bixarena_pairs(g.t) AS p');

--
-- In parallel, with words that mean two things until all have been seen
--

CREATE TABLE many AS
SELECT 'model ' || model1 AS model1, 'model ' || model2 AS model2,
	CASE outcome WHEN 'model1' THEN '1' WHEN 'model2' THEN '0' ELSE CASE WHEN number > 99000 THEN '0.5' ELSE 'draw' END END AS outcome, number % 3 AS part
FROM bixarena.simulate_draws(100000, bixarena.simulate_scores(15, 3), 0.3, 10, 3) WITH ORDINALITY AS d (model1, model2, outcome, voter, moment, number);
INSERT INTO many VALUES (NULL, 'model 1', '1', 0), ('model 2', 'model 2', '1', 0), ('model 1', 'model 2', 'n/a', 0), ('model 1', 'model 2', NULL, 1);
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF) SELECT bixarena_tally(model1, model2, outcome) FROM many;
EXPLAIN (COSTS OFF) SELECT bixarena_tally(model1, model2, outcome, 1) FROM many;
CREATE TABLE in_parallel AS SELECT bixarena_tally(model1, model2, outcome) AS t FROM many;
CREATE TABLE parts AS SELECT part, bixarena_tally(model1, model2, CASE outcome WHEN '1' THEN 'left' WHEN '0' THEN 'right' ELSE 'tie' END) AS t FROM many GROUP BY part;
CREATE TABLE copies AS SELECT p.t FROM parts AS p, generate_series(1, 500);
EXPLAIN (COSTS OFF) SELECT bixarena_tally(t) FROM copies;
SELECT bixarena_num_battles(bixarena_tally(t)) FROM copies;
EXPLAIN (COSTS OFF) SELECT c.n FROM (SELECT t, ctid AS n FROM copies) AS c, LATERAL bixarena_rank_tally(c.t, 10) AS r WHERE r.rank = 1;
-- errors come from the leader, about all
SELECT bixarena_tally(model1, model2, outcome) FROM many WHERE outcome IN ('1', '0', 'draw');
SELECT bixarena_tally(model1, model2, CASE WHEN part = 0 THEN 'ab' || outcome ELSE outcome END) FROM many;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
SET max_parallel_workers_per_gather = 0;
SELECT t = (SELECT bixarena_tally(model1, model2, outcome) FROM many) AS same FROM in_parallel;
SELECT compared('many');
RESET max_parallel_workers_per_gather;

--
-- Merging, adding, taking away
--

SELECT bixarena_tally(g.t) = (SELECT bixarena_tally(model1, model2, outcome) FROM votes) AS merged,
	bixarena_tally(g.t) = (SELECT bixarena_tally(model1, model2, outcome) FILTER (WHERE voter = 0)
		+ bixarena_tally(model1, model2, outcome) FILTER (WHERE voter > 0) FROM votes) AS added
FROM (SELECT voter, bixarena_tally(model1, model2, outcome) AS t FROM votes GROUP BY voter UNION ALL SELECT NULL, NULL) AS g;
SELECT bixarena_tally(t) IS NULL AS none FROM (VALUES (NULL::bixarena_tally)) AS v (t);
-- what was added can be taken away, to the last battle
SELECT a + b - b = a AS a, a + b - a = b AS b, a + b = b + a AS either, a - a AS nothing, (a - a) + b = b AS still, a <> b AS differ,
	bixarena_num_battles(a + b) = bixarena_num_battles(a) + bixarena_num_battles(b) AS all_battles
FROM (SELECT bixarena_tally(model1, model2, outcome) FILTER (WHERE voter < 2) AS a, bixarena_tally(model1, model2, outcome) FILTER (WHERE voter >= 2) AS b FROM votes) AS v;
SELECT bixarena_tally('a', 'b', 'left') - bixarena_tally('a', 'b', 'right');
SELECT bixarena_tally('a', 'b', 'left') - bixarena_tally('b', 'a', 'right');
SELECT bixarena_tally('a', 'b', 'left') - bixarena_tally('a', 'c', 'left');
SELECT bixarena_tally('b', 'c', 'left', 2) - bixarena_tally('a', 'b', 'left');
SELECT bixarena_tally('a', 'b', 'left', 9007199254740992) + bixarena_tally('c', 'b', 'left');
SELECT bixarena_tally(t) FROM (SELECT bixarena_tally('a', 'b', 'left', 9007199254740992) AS t FROM generate_series(1, 2) AS n GROUP BY n) AS x;
SELECT NULL::bixarena_tally + NULL, NULL::bixarena_tally - NULL, NULL::bixarena_tally = NULL::bixarena_tally;
-- as a value: different ones, joined by hash
SELECT count(*) FROM (SELECT DISTINCT bixarena_tally('a', 'b', CASE WHEN n < 3 THEN 'left' ELSE 'right' END) FROM generate_series(1, 4) AS n GROUP BY n) AS d;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM parts AS a JOIN parts AS b ON a.t = b.t;
SELECT count(*) FROM parts AS a JOIN parts AS b ON a.t = b.t;
RESET enable_mergejoin;
RESET enable_nestloop;
CREATE TABLE by_hash (t bixarena_tally) PARTITION BY HASH (t);
CREATE TABLE by_hash_0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE by_hash_1 PARTITION OF by_hash FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO by_hash SELECT t FROM parts;
SELECT count(*) FROM by_hash WHERE t IN (SELECT t FROM parts);

--
-- What is in it
--

CREATE TABLE sides (model1 text, model2 text, outcome text);
INSERT INTO sides VALUES ('a', 'b', 'left'), ('a', 'b', 'left'), ('a', 'b', 'right'), ('b', 'a', 'left'), ('b', 'a', 'tie'), ('c', 'a', 'right');
SELECT bixarena_tally(model1, model2, outcome) AS t FROM sides \gset
SELECT :'t';
SELECT * FROM bixarena_pairs(:'t');
SELECT bixarena_num_battles(:'t'), bixarena_num_models(:'t'), bixarena_num_battles(NULL), bixarena_num_models(NULL);
SELECT count(*) FROM bixarena_pairs(NULL);
SELECT :'t'::bixarena_tally::jsonb;
SELECT p.value FROM jsonb_array_elements(:'t'::bixarena_tally::jsonb -> 'pairs') AS p;
-- and back from its pairs
SELECT bixarena_tally(p.model1, p.model2, o.outcome, o.n) = v.t AS same
FROM (SELECT bixarena_tally(model1, model2, outcome) AS t FROM votes) AS v, bixarena_pairs(v.t) AS p,
	LATERAL (VALUES ('left', p.wins1), ('right', p.wins2), ('tie', p.ties)) AS o (outcome, n)
WHERE o.n > 0 GROUP BY v.t;
-- nobody to rank
SELECT * FROM bixarena_rank_tally(NULL);
SELECT * FROM bixarena_rank_tally('{"version": 1, "models": [], "pairs": []}');
SELECT * FROM bixarena_rank_tally(:'t', NULL);
SELECT * FROM bixarena_rank_tally(:'t', seed => NULL);
SELECT model, rank, vote_count FROM bixarena_rank_tally(:'t', 10, anchor_model => NULL);
-- a literal of bixarena_rank() stays a relation
SELECT count(*) FROM bixarena_rank('sides');

--
-- As text
--

SELECT t = t::text::bixarena_tally AS same FROM in_parallel;
SELECT t = t::text::bixarena_tally AS same, bixarena_num_models(t)
FROM (SELECT bixarena_tally(E'q"\\\b\f\n\r\t\x01', E'\u00e4\u4e16\U0001F600', 'tie') + bixarena_tally('', E'\x7f/', 'left') AS t) AS v;
SELECT '{"version": 1, "models": ["\u00e4\u4E16\ud83d\ude00", "\"\\\/\b\f\n\r\t"], "pairs": [[0, 1, 1, 0, 0, 0, 0, 0]]}'::bixarena_tally;
SELECT t = t::jsonb::text::bixarena_tally AS same_as_jsonb, t::jsonb = t::text::jsonb AS same_jsonb
FROM (SELECT a.t + b.t FROM in_parallel AS a,
	(SELECT bixarena_tally(E'q"\\\b\t\x01', E'\u00e4\u4e16\U0001F600', 'tie', 9007199254000000) + bixarena_tally('', E'\x7f/', 'left')) AS b (t)) AS v (t);
-- in any order, with any blanks
SELECT '{"models": ["b", "a"], "pairs": [[0, 1, 3, 0, 0, 0, 0, 0]], "version": 1}'::bixarena_tally;
SELECT E' {\n"version":1,"models" : ["c","b" ,"a"],"pairs":[[2,1,0,1,0,2,0,0],[0,2,0,1,0,0,0,0],[1,0,0,0,5,0,0,0]]\t}\r\n '::bixarena_tally;
CREATE FUNCTION refused(t text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	RETURN t::bixarena_tally;
EXCEPTION WHEN invalid_text_representation THEN
	GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
	RETURN SQLERRM || ': ' || said;
END
$$;
SELECT refused(t) FROM unnest(ARRAY['', '{', '[]', 'null', '{}', '{"version": 2, "models": [], "pairs": []}', '{"version": 99999999999, ',
	'{"version": "1"}', '{"models": [], "pairs": [], "version": 2}', '{"version": 1, "version": 1, "models": []}', '{"version": 1, "models": []}',
	'{"version": 1, "models": [], "pairs": [], "models": []}', '{"version": 1, "model": []}', '{"version": 1, "models": ["a"], "pairs": []}',
	'{"version": 1, "models": ["a", "a", "b"], "pairs": [[0, 1, 1, 0, 0, 0, 0, 0], [1, 2, 1, 0, 0, 0, 0, 0]]}',
	'{"version": 1, "models": [1], "pairs": []}', '{"version": 1, "models": ["a, "pairs": []}', '{"version": 1, "models": ["a',
	'{"version": 1, "models": ["\x"]', '{"version": 1, "models": ["\', '{"version": 1, "models": ["\u12', '{"version": 1, "models": ["\u0000"',
	'{"version": 1, "models": ["\ud83dx"', '{"version": 1, "models": ["\ude00"', '{"version": 1, "models": ["\ud83d\u0041"', E'{"version": 1, "models": ["\t"',
	'{"version": 1, "models": ["a", "b"]}', '{"version": 1, "models": ["a", "b"], "pairs": [[0, 1]]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 0, 0, 0, 0, 0, 0]]}', '{"version": 1, "models": ["a", "b"], "pairs": [[0, 0, 1, 0, 0, 0, 0, 0]]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 2, 1, 0, 0, 0, 0, 0]]}', '{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, -1, 0, 0, 0, 0, 0]]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1.5, 0, 0, 0, 0, 0]]}', '{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1e3, 0, 0, 0, 0, 0]]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 9007199254740993, 0, 0, 0, 0, 0]]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 9007199254740992, 1, 0, 0, 0, 0]]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0, 0, 0]]}',
	'{"version": 1, "models": [], "pairs": [[0, 0, 1, 0, 0, 0, 0, 0]]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1, 0, 0, 0, 0, 0, 0]]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1, 0, 0, 0, 0, 0],]}',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1, 0, 0, 0, 0, 0]]} x',
	'{"version": 1, "models": ["a", "b"], "pairs": [[0, 1, 1, 0, 0, 0, 0, 0]], "more": 1}',
	'{"version": 1, "models": [' || (SELECT string_agg('"m' || n || '"', ', ') FROM generate_series(1, 2001) AS n) || ']']) AS t;

--
-- Limits
--

SELECT bixarena_tally(n, n + 1, 'tie') FROM generate_series(1, 2000) AS n;
SELECT bixarena_num_models(bixarena_tally(n, n + 1, 'tie')) FROM generate_series(1, 1999) AS n;
SELECT bixarena_num_models(a.t + b.t) FROM (SELECT bixarena_tally(n, n + 1, 'tie') FROM generate_series(1, 1500) AS n) AS a (t),
	(SELECT bixarena_tally(n, n + 1, 'tie') FROM generate_series(1501, 3000) AS n) AS b (t);
SELECT bixarena_tally(t) FROM (SELECT n / 1000, bixarena_tally(n, n + 1, 'tie') FROM generate_series(1, 3000) AS n GROUP BY 1) AS a (k, t);
-- 100 models that have all met, in a million battles, take 40 kB
SELECT pg_column_size(t) <= 40 * 1024 AS small, bixarena_num_battles(t), bixarena_num_models(t)
FROM (SELECT bixarena_tally('a-model-of-some-maker-' || a, 'a-model-of-some-maker-' || b, o, 28 + (a * b + length(o)) % 11) AS t
	FROM generate_series(1, 100) AS a, generate_series(1, 100) AS b, unnest('{left,right,tie}'::text[]) AS o WHERE a <> b) AS v;

-- everybody may use it, though its parts are for nobody
CREATE ROLE regress_tallier;
GRANT SELECT ON sides TO regress_tallier;
SET ROLE regress_tallier;
SELECT t, t + t = t AS same, bixarena_num_battles(t::text::bixarena_tally), t::jsonb -> 'version' AS version
FROM (SELECT bixarena_tally(model1, model2, outcome) AS t FROM sides) AS v;
SELECT count(*) FROM (SELECT bixarena_tally(model1, model2, outcome) AS t FROM sides GROUP BY model1) AS v, bixarena_pairs(v.t);
-- of a cast to text that a user has made, too, only who may call it
RESET ROLE;
CREATE TYPE verdict AS (said text);
CREATE FUNCTION verdict_text(verdict) RETURNS text LANGUAGE sql AS $$ SELECT $1.said $$;
CREATE CAST (verdict AS text) WITH FUNCTION verdict_text(verdict);
SELECT bixarena_tally(model1, model2, ROW (outcome)::verdict) = bixarena_tally(model1, model2, outcome) AS same FROM sides;
REVOKE ALL ON FUNCTION verdict_text FROM PUBLIC;
SET ROLE regress_tallier;
SELECT bixarena_tally(model1, model2, ROW (outcome)::verdict) FROM sides;
RESET ROLE;

DROP TABLE battles, groups, votes, cased, words, ignored, many, in_parallel, parts, copies, sides, many_names, as_stored, by_hash CASCADE;
DROP VIEW junk, much_junk, long_junk;
DROP FUNCTION result, compared, of_type, in_words, drawn, keeps_memory, refused;
DROP TYPE kind, named, verdict CASCADE;
DROP ROLE regress_tallier;
DROP DOMAIN model_name, model_number;
DROP COLLATION blind;
DROP EXTENSION bixarena_rank, citext;
