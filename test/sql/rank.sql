-- bixarena_rank(): the numbers of the method, whatever the relation, the types
-- of its columns, their names and the words for outcomes.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set puddings :source '/include/puddings.sql'
SET client_min_messages = warning;
-- off makes an error of what a role does not see
SET row_security = on;
CREATE EXTENSION bixarena_rank;
CREATE EXTENSION citext;
RESET client_min_messages;

-- What two rankings do not agree on.
CREATE FUNCTION differing(ours text, theirs text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	found bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM ((%1$s EXCEPT %2$s) UNION ALL (%2$s EXCEPT %1$s)) AS d',
		ours, theirs) INTO found;
	RETURN found;
END
$$;

--
-- Oracles: scores by an independent fit with 50 digits
--

CREATE TABLE votes (model1 text, model2 text, outcome text);
CREATE FUNCTION vote(model1 text, model2 text, wins int, losses int, ties int DEFAULT 0)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO votes
	SELECT model1, model2, o.outcome
	FROM (VALUES ('model1', wins), ('model2', losses), ('tie', ties)) AS o (outcome, n),
		generate_series(1, o.n)
$$;

DO $$ BEGIN
	PERFORM vote('A', 'B', 2, 3);
	PERFORM vote('A', 'D', 1, 4);
	PERFORM vote('B', 'C', 5, 3);
	PERFORM vote('C', 'D', 1, 3);
END $$;
SELECT model, bt_score::numeric(10,6), rank, vote_count, status FROM bixarena_rank('votes');

-- a win and a loss each way round the circle
TRUNCATE votes;
SELECT vote('0', '1', 2, 0), vote('1', '2', 1, 0), vote('2', '0', 1, 0);
SELECT model, bt_score::numeric(10,6), rank, vote_count, status FROM bixarena_rank('votes');

-- d only loses: the others are ranked without it
TRUNCATE votes;
SELECT vote('a', 'b', 1, 1), vote('a', 'c', 0, 1), vote('b', 'c', 1, 0), vote('a', 'd', 1, 0);
SELECT model, bt_score::numeric(10,6), rank, vote_count, status FROM bixarena_rank('votes');
SELECT model, bt_score::numeric(10,6), rank, vote_count, status
FROM bixarena_rank('votes', prior_battles => 1);

-- a prior so small that it hardly tells how strong all are together: it moves
-- nobody by much, and places the models where the votes alone do not
TRUNCATE votes;
SELECT vote('a', 'b', 2, 0, 1), vote('b', 'c', 1, 1), vote('c', 'a', 1, 0),
	vote('a', 'd', 1, 0), vote('d', 'b', 1, 0);
SELECT m AS prior_battles, r.model, r.bt_score::numeric(10,6)
FROM unnest('{0.1,0.01,0.001}'::float8[]) AS m,
	LATERAL bixarena_rank('votes', 10, prior_battles => m) AS r;
TRUNCATE votes;
SELECT vote('a', 'b', 1, 0), vote('b', 'c', 1, 0), vote('c', 'd', 1, 0);
SELECT m AS prior_battles, r.model, r.bt_score::numeric(10,6)
FROM unnest('{1,0.1,0.001}'::float8[]) AS m,
	LATERAL bixarena_rank('votes', 10, prior_battles => m) AS r;

-- a smaller one would be lost in rounding
SELECT * FROM bixarena_rank('votes', 10, prior_battles => 0.0009);

\i :puddings
-- chocolate puddings (Davidson 1970), ties as half a win; by theory a score's
-- standard deviation is 15.7 points, so that its bounds are 31 away
TRUNCATE votes;
DO $$ BEGIN
	PERFORM vote(model1::text, model2::text, wins, losses, ties) FROM puddings;
END $$;
CREATE TABLE pudding AS SELECT * FROM bixarena_rank('votes');
SELECT model, bt_score::numeric(10,6), rank, vote_count, status,
	bootstrap_q025 BETWEEN bt_score - 37 AND bt_score - 25 AS lower,
	bootstrap_q975 BETWEEN bt_score + 25 AND bt_score + 37 AS upper
FROM pudding;
-- relative to the first, in natural logarithms: Davidson's fourth digit
SELECT ((a.bt_score - b.bt_score) / (400 / ln(10)))::numeric(10,4) AS strength
FROM pudding AS a, pudding AS b WHERE a.model = '6' AND b.model = '1';

--
-- Properties
--

-- the same votes and seed give the same bytes, in whatever order they come;
-- another seed other intervals only
CREATE TABLE shuffled AS SELECT * FROM votes ORDER BY outcome DESC, model2, model1 DESC;
SELECT differing('TABLE pudding', 'SELECT * FROM bixarena_rank(''shuffled'')');
SELECT count(*) FILTER (WHERE p.bt_score <> r.bt_score) AS other_scores,
	count(*) FILTER (WHERE p.bootstrap_q025 <> r.bootstrap_q025) AS other_intervals
FROM pudding AS p JOIN bixarena_rank('votes', seed => 1) AS r USING (model);
-- sides swapped together with the outcome
CREATE VIEW swapped AS
SELECT model2 AS model1, model1 AS model2,
	CASE outcome WHEN 'model1' THEN 'model2' WHEN 'model2' THEN 'model1' ELSE 'tie' END
		AS outcome
FROM votes;
SELECT differing('TABLE pudding', 'SELECT * FROM bixarena_rank(''swapped'')');
-- four times every vote: the same scores, intervals about half as wide
CREATE VIEW fourfold AS SELECT v.* FROM votes AS v, generate_series(1, 4);
SELECT max(abs(p.bt_score - f.bt_score)) < 1e-6 AS same_scores,
	bool_and(f.vote_count = 4 * p.vote_count) AS all_votes,
	avg((f.bootstrap_q975 - f.bootstrap_q025) / (p.bootstrap_q975 - p.bootstrap_q025))
		BETWEEN 0.45 AND 0.55 AS half_as_wide
FROM pudding AS p JOIN bixarena_rank('fourfold') AS f USING (model);

--
-- Words for outcomes
--

CREATE TABLE words (first text, second text, tie text);
INSERT INTO words VALUES
	('model1', 'model2', 'tie'), ('model_1', 'model_2', 'draw'),
	('model 1', 'Model-2', 'Tied'), ('player1', 'team_2', 'drawn'),
	('output_1', 'response2', 'tie (inconsistent)'),
	('model_a', 'model_b', 'tie (bothbad)'), ('a', 'b', 'bothbad'),
	('Model A', 'Model B', 'both_bad'), ('assistant_a', 'answer b', 'both bad'),
	('[[A]]', '[[B]]', '[[C]]'), ('"model_a"', '"model_b"', '"tie"'),
	('left', 'right', 'tie'), ('leftvote', 'rightvote', 'tievote'),
	('leftvote', 'rightvote', 'bothbad_vote'), ('first', 'second', 'tie'),
	('white', 'black', 'draw'), ('home', 'away', 'draw'), ('H', 'A', 'D'),
	('win', 'loss', 'draw'), ('won', 'lost', 'tied'), ('W', 'L', 'D'), ('w', 'l', 'T'),
	('wins', 'loses', 'draw'), ('win', 'lose', 'tie'),
	('1', '2', '0'), ('1', '2', 'X'), ('1', '2', '1.5'), ('1', '2', 'tie'),
	('1.0', '2.0', '0.0'), ('+1', '02', '-0'),
	('1', '0', '0.5'), ('1.0', '0.0', '.5'), ('1', '0', '1/2'), ('1', '0', E'\u00BD'),
	('1.000', '.0', '0.500'), ('1', '-1', '0'), ('1.0', '-1.0', '0.0'),
	('1', E'\u22121', '0'), ('1-0', '0-1', '1/2-1/2'), ('1 - 0', '0 - 1', '1/2 - 1/2'),
	(E'1\u20130', E'0\u20131', E'\u00BD\u2013\u00BD'), ('1-0', '0-1', '0.5-0.5'),
	('A>B', 'B>A', 'A=B'), ('A>>B', 'B>>A', 'B=A'), ('a > b', 'a < b', 'a = b'),
	('[[A>>B]]', '[[A<<B]]', '[[A=B]]'), ('B<A', 'B > A', 'tie'), ('>', '<', '='),
	('true', 'false', 'tie'), ('t', 'f', 'tie'), ('TRUE', 'FALSE', 'Draw'),
	('true', 'false', NULL), ('True', 'False', ''), ('true', 'false', 'null'),
	('  left', E'right \t\n', ' Tie '), (E'\uFEFFleft', E'right\u00A0', E'\u3000tie'),
	(rpad('left', 99), lpad('right', 99), 'tie');
-- a column in the words of one of these says the same as in plain words
CREATE FUNCTION words_differ(first text, second text, tie text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	found bigint;
BEGIN
	CREATE TABLE in_words AS
	SELECT model1, model2, CASE outcome WHEN 'model1' THEN words_differ.first
		WHEN 'model2' THEN words_differ.second ELSE words_differ.tie END AS outcome
	FROM votes;
	found := differing('TABLE pudding', 'SELECT * FROM bixarena_rank(''in_words'')');
	DROP TABLE in_words;
	RETURN found;
END
$$;
SET client_min_messages = error;
SELECT count(*) AS vocabularies, count(*) FILTER (WHERE words_differ(first, second, tie) = 0) AS right
FROM words;
SELECT * FROM words WHERE words_differ(first, second, tie) > 0;
RESET client_min_messages;
-- as numbers and as an enum
CREATE TYPE verdict AS ENUM ('left', 'right', 'tie');
CREATE VIEW in_numbers AS
SELECT model1, model2,
	CASE outcome WHEN 'model1' THEN 1 WHEN 'model2' THEN 2 ELSE 0 END AS outcome
FROM votes;
CREATE VIEW in_verdicts AS
SELECT model1, model2,
	(CASE outcome WHEN 'model1' THEN 'left' WHEN 'model2' THEN 'right' ELSE 'tie' END)::verdict
		AS outcome
FROM votes;
SELECT differing('TABLE pudding', 'SELECT * FROM bixarena_rank(''in_numbers'')'),
	differing('TABLE pudding', 'SELECT * FROM bixarena_rank(''in_verdicts'')');
--
-- Types that models may have
--

CREATE DOMAIN model_name AS varchar(20) CHECK (value <> '');
CREATE DOMAIN model_number AS int CHECK (value > 0);
CREATE TYPE pudding_kind AS ENUM ('6', '5', '4', '3', '2', '1');
CREATE FUNCTION type_differs(type1 text, type2 text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	found bigint;
BEGIN
	EXECUTE format('CREATE VIEW typed AS SELECT model1::%s, model2::%s, outcome FROM votes',
		type1, coalesce(type2, type1));
	found := differing('TABLE pudding', 'SELECT * FROM bixarena_rank(''typed'')');
	DROP VIEW typed;
	RETURN found;
END
$$;
SELECT t AS type, type_differs(t) AS differing
FROM unnest('{varchar(7),char(7),name,smallint,int,bigint,numeric,model_name,model_number,pudding_kind,citext}'::text[])
	AS u (t);
-- two types, as long as they compare
SELECT type_differs('text', 'varchar(3)'), type_differs('model_name', 'char(9)'),
	type_differs('smallint', 'bigint'), type_differs('int', 'model_number');
-- as uuids, in the order of which they are the same
CREATE VIEW as_uuids AS
SELECT ('00000000-0000-0000-0000-00000000000' || model1)::uuid AS model1,
	('00000000-0000-0000-0000-00000000000' || model2)::uuid AS model2, outcome
FROM votes;
SELECT differing('TABLE pudding', 'SELECT right(model, 1), bt_score, rank,
	bootstrap_q025, bootstrap_q975, vote_count, status FROM bixarena_rank(''as_uuids'')');
-- names that differ in case, or in blanks within, are different models
CREATE TABLE cased (model1 citext, model2 citext, outcome text);
INSERT INTO cased VALUES ('gpt', 'GPT', 'tie'), ('gpt', 'g pt', 'tie'), ('GPT', 'g pt', 'tie');
SELECT model, bt_score, rank, vote_count FROM bixarena_rank('cased', 10);

--
-- Relations of every kind, and names that need quotes
--

CREATE MATERIALIZED VIEW stored AS TABLE votes;
CREATE TEMP TABLE temporary AS TABLE votes;
CREATE TABLE partitioned (LIKE votes) PARTITION BY LIST (outcome);
CREATE TABLE partition_tie PARTITION OF partitioned FOR VALUES IN ('tie');
CREATE TABLE partition_rest PARTITION OF partitioned DEFAULT;
INSERT INTO partitioned TABLE votes;
CREATE TABLE parent (LIKE votes);
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent SELECT * FROM votes WHERE outcome = 'tie';
INSERT INTO child SELECT * FROM votes WHERE outcome <> 'tie';
CREATE UNLOGGED TABLE unlogged AS TABLE votes;
SELECT r AS relation,
	differing('TABLE pudding', format('SELECT * FROM bixarena_rank(%L)', r)) AS differing
FROM unnest('{stored,temporary,partitioned,parent,unlogged}'::text[]) AS u (r);

CREATE SCHEMA "Odd ""one""";
CREATE TABLE "Odd ""one"""."My; Votes" AS
SELECT model1 AS "Model A", model2 AS "select", outcome AS "who ""won""?" FROM votes;
SELECT differing('TABLE pudding', $$SELECT * FROM bixarena_rank('"Odd ""one"""."My; Votes"',
	model1 => 'Model A', model2 => 'select', outcome => 'who "won"?')$$);
-- a column may be named like one of ours, or the relation like a catalog
CREATE TABLE "Odd ""one""".pg_class (b text, count text, model text);
INSERT INTO "Odd ""one""".pg_class TABLE votes;
SELECT differing('TABLE pudding', $$SELECT * FROM bixarena_rank('"Odd ""one""".pg_class',
	model1 => 'b', model2 => 'count', outcome => 'model')$$);
-- nothing of the search_path is in the way
CREATE FUNCTION "Odd ""one""".count() RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
SET search_path = "Odd ""one""", pg_temp, public, pg_catalog;
SELECT max(rank) FROM bixarena_rank('votes', 10);
RESET search_path;
-- only rows that the caller may see count
CREATE ROLE regress_voter_reader;
CREATE TABLE secret AS SELECT *, outcome <> 'tie' AS visible FROM votes;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY visible ON secret FOR SELECT USING (visible);
GRANT SELECT ON secret TO regress_voter_reader;
SET ROLE regress_voter_reader;
SELECT (sum(vote_count) / 2)::int AS seen FROM bixarena_rank('secret', 10);
RESET ROLE;
SELECT count(*) AS seen FROM votes WHERE outcome <> 'tie';

--
-- Options
--

-- an anchor moves all scores by the same distance, and its own not at all
SELECT count(DISTINCT round((r.bt_score - p.bt_score)::numeric, 5)) AS distances,
	count(*) FILTER (WHERE r.model = '3' AND r.bt_score = 1200
		AND r.bootstrap_q025 = 1200 AND r.bootstrap_q975 = 1200) AS anchored
FROM pudding AS p
JOIN bixarena_rank('votes', anchor_model => '3', anchor_score => 1200) AS r USING (model);
-- to any score, however near to zero
SELECT model, bt_score FROM bixarena_rank('votes', anchor_model => '3', anchor_score => 0.0005)
WHERE model = '3';
-- a prior of m battles draws scores together, the more the larger it is
SELECT count(*) AS models,
	bool_and(abs(a.bt_score - 1000) > abs(b.bt_score - 1000)) AS nearer,
	bool_and(abs(b.bt_score - 1000) > abs(c.bt_score - 1000)) AS nearer_still
FROM pudding AS a
JOIN bixarena_rank('votes', 10, prior_battles => 1) AS b USING (model)
JOIN bixarena_rank('votes', 10, prior_battles => 99.5) AS c USING (model);
-- ranks by significance: 1 + how many intervals lie wholly above
SELECT count(*) AS models, count(DISTINCT rank) > 1 AS differ, bool_and(rank =
	(SELECT 1 + count(*) FROM bixarena_rank('fourfold') AS o
	WHERE o.bootstrap_q025 > r.bootstrap_q975)) AS right_ranks
FROM bixarena_rank('fourfold', rank_by_significance => true) AS r;
-- which do not depend on the anchor, though its doubt is in every interval
SELECT count(*) AS ranks, bool_and(a.rank = r.rank) AS same_ranks,
	bool_and(a.bootstrap_q975 - a.bootstrap_q025 > r.bootstrap_q975 - r.bootstrap_q025)
		FILTER (WHERE r.model <> anchor) AS wider_intervals
FROM bixarena_rank('fourfold', rank_by_significance => true) AS r,
	unnest('{1,3,6}'::text[]) AS anchor,
	bixarena_rank('fourfold', rank_by_significance => true, anchor_model => anchor) AS a
WHERE a.model = r.model;
-- the range of num_bootstrap
SELECT count(*) FROM bixarena_rank('votes', 10);
SELECT count(*) FROM bixarena_rank('votes', 10000);

--
-- Models without a rank
--

CREATE TABLE open_ends (model1 text, model2 text, outcome text);
INSERT INTO open_ends VALUES
	('a', 'b', '1'), ('b', 'c', '1'), ('c', 'a', '1'),	-- these can be compared
	('up', 'a', '1'), ('up', 'c', '1'),					-- only wins
	('b', 'down', '1'),									-- only loses
	('up', 'between', '1'), ('between', 'b', '1'),		-- above, but not undefeated
	('x', 'y', '1'), ('y', 'x', '1'),					-- never met the others
	('b', 'd', 'tie');									-- one tie is enough
SELECT * FROM bixarena_rank('open_ends', 10, min_evaluations => 1) WHERE rank IS NULL;
SELECT model, bt_score::numeric(10,6), rank, vote_count, status
FROM bixarena_rank('open_ends', 10) WHERE rank IS NOT NULL;
-- too few battles: the ranked are centred without them
SELECT model, bt_score::numeric(10,6), rank, vote_count, status
FROM bixarena_rank('open_ends', 10, min_evaluations => 3);
-- one strength after another, each e^10.6 times the next
CREATE VIEW chain AS
SELECT k::text AS model1, (k + 1)::text AS model2,
	CASE WHEN n = 0 THEN 'tie' ELSE 'model1' END AS outcome
FROM generate_series(1, 6) AS k, generate_series(0, 20000) AS n;
SELECT model, bt_score::numeric(10,3), rank, vote_count, status FROM bixarena_rank('chain', 10);

--
-- Models that hang by threads
--

-- a ring: each has beaten the next a thousand times, but two of them once, so that the
-- halves are held by e^-83 each; in each half scores fall by ln 999 points
CREATE VIEW ring AS
SELECT to_char(k, 'FM00') AS model1, to_char((k + 1) % 26, 'FM00') AS model2, 'model1' AS outcome
FROM generate_series(0, 25) AS k, generate_series(1, 1000) AS n
WHERE n = 1 OR k NOT IN (0, 11);
SELECT model, bt_score, rank, status FROM bixarena_rank('ring', 10);
-- two pairs hold each other by e^-690, of which a double has too few digits
CREATE VIEW torn_ring AS
SELECT k AS model1, (k + 1) % 200 AS model2, 'model1' AS outcome
FROM generate_series(0, 199) AS k, generate_series(1, 1100) AS n
WHERE n = 1 OR k NOT IN (0, 100);
SELECT * FROM bixarena_rank('torn_ring', 10);

SET client_min_messages = warning;
DROP SCHEMA IF EXISTS "Odd ""one""" CASCADE;
DROP TABLE votes, open_ends, words, pudding, shuffled, cased,
	partitioned, parent, child, unlogged, secret, temporary CASCADE;
DROP VIEW chain, ring, torn_ring;
DROP FUNCTION differing, vote, type_differs, words_differ;
DROP TYPE verdict, pudding_kind, model_name, model_number;
DROP ROLE regress_voter_reader;
DROP EXTENSION bixarena_rank, citext;
