-- Arenas: making one, attaching the application's schema in its three ages
-- without altering a table of it, and telling which arena a call means.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set schema :source '/schema/bixarena.sql'
\set battles :source '/schema/battles.sql'
CREATE EXTENSION bixarena_rank;

--
-- No arena, one, several
--

SELECT bixarena.arena_resolve(NULL);
SELECT bixarena.arena_resolve('elsewhere');
SELECT * FROM bixarena_settings();
SELECT * FROM bixarena_leaderboard('overall');
SELECT * FROM bixarena_generate_snapshot('overall');

SELECT bixarena_create_arena('first');
SELECT bixarena.arena_resolve(NULL), bixarena.arena_resolve('first');
SELECT bixarena.arena_resolve('elsewhere');

SELECT bixarena_create_arena('Arena "x"; DROP');
SELECT bixarena.arena_resolve(NULL);
SELECT bixarena.arena_resolve('Arena "x"; DROP'), bixarena.arena_resolve('first');
SELECT bixarena.arena_resolve('FIRST');
SELECT bixarena.arena_resolve('');
-- the setting says which when the call does not
SET bixarena_rank.arena = 'first';
SELECT bixarena.arena_resolve(NULL), bixarena.arena_resolve('Arena "x"; DROP');
SET bixarena_rank.arena = 'elsewhere';
SELECT bixarena.arena_resolve(NULL);
RESET bixarena_rank.arena;
-- the same from the functions
SELECT * FROM bixarena_generate_snapshot('overall');
SELECT status, reason FROM bixarena_generate_snapshot('overall', arena => 'first');

-- its view of battles shows nobody what the table does not
CREATE ROLE regress_viewer;
GRANT USAGE ON SCHEMA first TO regress_viewer;
GRANT SELECT ON first.leaderboard_battle TO regress_viewer;
SET ROLE regress_viewer;
SELECT count(*) FROM first.leaderboard_battle;
RESET ROLE;
DROP OWNED BY regress_viewer;
DROP ROLE regress_viewer;

--
-- Names
--

-- whatever the name, the whole way works
SELECT bixarena_simulate_battles(1000, 5, arena => 'Arena "x"; DROP');
SELECT status, reason, entry_count, evaluation_count
FROM bixarena_generate_snapshot('overall', 10, arena => 'Arena "x"; DROP');
SELECT count(*) FROM bixarena_leaderboard('overall', arena => 'Arena "x"; DROP');
SELECT bixarena_configure('seed', '3', 'overall', 'Arena "x"; DROP');
SELECT value, source FROM bixarena_settings('overall', 'Arena "x"; DROP') WHERE setting = 'seed';
SELECT bixarena_create_arena(E'x%s%I''\\n $1');
SELECT status FROM bixarena_generate_snapshot('overall', arena => E'x%s%I''\\n $1');

SELECT bixarena_create_arena('');
SELECT bixarena_create_arena('pg_arena');
SELECT bixarena_create_arena(repeat('n', 64));
SELECT bixarena_create_arena(repeat('n', 63)) = repeat('n', 63) AS longest;
SELECT bixarena_create_arena('first');
SELECT bixarena_create_arena('public');
SELECT bixarena_create_arena('bixarena');
SELECT bixarena_create_arena(NULL);

-- what is made, with the columns of the application
SELECT c.relname, string_agg(format('%s %s%s', a.attname, format_type(a.atttypid, a.atttypmod),
	CASE WHEN a.attnotnull THEN ' not null' ELSE '' END), ', ' ORDER BY a.attnum) AS columns
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relnamespace = '"Arena ""x""; DROP"'::regnamespace AND c.relkind IN ('r', 'v')
GROUP BY c.relname ORDER BY c.relname COLLATE "C" \gx
SELECT slug, name, description FROM first.leaderboard;

-- an arena that was dropped is no more
SET client_min_messages = warning;
SELECT format('DROP SCHEMA %I CASCADE', name) FROM bixarena.arena WHERE name <> 'first' \gexec
RESET client_min_messages;
SELECT bixarena.arena_resolve(NULL);
SELECT bixarena.arena_resolve('Arena "x"; DROP');

--
-- Which battles count: categories
--

-- battles of an arena of one's own count for overall and for their categories
INSERT INTO first.model (slug, name) VALUES ('a', 'A'), ('b', 'B');
INSERT INTO first.leaderboard (slug, name) VALUES ('code', 'Code'), ('math', 'Math');
INSERT INTO first.battle (model1_id, model2_id, outcome, categories)
SELECT a.id, b.id, 'tie', c::text[]
FROM first.model AS a, first.model AS b,
	unnest(ARRAY['{}', '{code}', '{code,math}', '{overall,code}', '{none}']) AS c
WHERE a.slug = 'a' AND b.slug = 'b';
SELECT leaderboard, count(*) FROM first.leaderboard_battle
GROUP BY leaderboard ORDER BY leaderboard COLLATE "C";
SET client_min_messages = warning;
DROP SCHEMA first CASCADE;

--
-- Attaching the application's schema
--

SELECT bixarena_attach_arena('api');
\set ECHO none
\set arena api
\i :schema
\i :battles
\set arena validated
\i :schema
\i :battles
\set arena evaluated
\i :schema
\i :battles
\set ECHO all
-- older ages have no categorization, the oldest no validation either
ALTER TABLE validated.battle DROP COLUMN effective_categorization_id;
DROP TABLE validated.battle_categorization_category, validated.battle_categorization;
ALTER TABLE evaluated.battle DROP COLUMN effective_categorization_id,
	DROP COLUMN effective_validation_id;
DROP TABLE evaluated.battle_categorization_category, evaluated.battle_categorization,
	evaluated.battle_validation;
DELETE FROM validated.leaderboard WHERE slug <> 'overall';
DELETE FROM evaluated.leaderboard WHERE slug <> 'overall';

-- what the catalog says of the tables, their columns, constraints and so on
CREATE VIEW catalog AS
SELECT c.oid, row_to_json(c)::jsonb - '{relfrozenxid,relminmxid,relpages,reltuples,relallvisible,relhastriggers}'::text[] AS class,
	(SELECT json_agg(a ORDER BY a.attnum)::text FROM pg_attribute AS a WHERE a.attrelid = c.oid) AS columns,
	(SELECT json_agg(n ORDER BY n.oid)::text FROM pg_constraint AS n WHERE n.conrelid = c.oid) AS constraints,
	(SELECT json_agg(t ORDER BY t.oid)::text FROM pg_trigger AS t WHERE t.tgrelid = c.oid) AS triggers,
	(SELECT json_agg(r ORDER BY r.oid)::text FROM pg_rewrite AS r WHERE r.ev_class = c.oid) AS rules,
	c.xmin::text AS version
FROM pg_class AS c
WHERE c.relnamespace IN ('api'::regnamespace, 'validated'::regnamespace, 'evaluated'::regnamespace);
CREATE TEMP TABLE catalog_before AS TABLE catalog;
SELECT bixarena_attach_arena('api'), bixarena_attach_arena('validated'),
	bixarena_attach_arena('evaluated');
-- attached again, nothing happens
SELECT bixarena_attach_arena('api');
-- nothing is altered, nothing added
SELECT oid::regclass AS altered FROM (TABLE catalog_before EXCEPT TABLE catalog) AS c;
SELECT oid::regclass AS added FROM (TABLE catalog EXCEPT TABLE catalog_before) AS c;
DROP VIEW catalog;

-- the query of each age, and a view of a user's made of it
\pset format unaligned
SELECT bixarena_battle_query('evaluated');
SELECT bixarena_battle_query('validated');
SELECT bixarena_battle_query('api');
\pset format aligned
SELECT format('CREATE VIEW battle_of_%s AS %s', name, bixarena_battle_query(name))
FROM unnest('{api,validated,evaluated}'::text[]) AS name \gexec

-- which battles count, said in another way
CREATE FUNCTION expected(arena text)
RETURNS TABLE (leaderboard text, battles bigint)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL search_path = %I', arena);
	IF arena = 'evaluated' THEN
		RETURN QUERY SELECT 'overall', count(*) FROM battle_evaluation;
		RETURN;
	END IF;
	RETURN QUERY SELECT 'overall', count(*) FROM battle AS b
	WHERE b.id IN (SELECT battle_id FROM battle_evaluation)
		AND (SELECT is_biomedical FROM battle_validation WHERE id = b.effective_validation_id);
	IF arena = 'api' THEN
		RETURN QUERY SELECT l.slug::text, (
			SELECT count(*) FROM battle AS b
			WHERE EXISTS (SELECT FROM battle_evaluation AS e WHERE e.battle_id = b.id)
				AND (SELECT is_biomedical FROM battle_validation WHERE id = b.effective_validation_id)
				AND b.effective_categorization_id IN (
					SELECT id FROM battle_categorization WHERE status = 'matched')
				AND l.slug IN (SELECT category FROM battle_categorization_category
					WHERE categorization_id = b.effective_categorization_id))
		FROM leaderboard AS l WHERE l.slug <> 'overall';
	END IF;
END
$$;
CREATE VIEW counted AS
SELECT 'api' AS arena, leaderboard, count(*) AS battles FROM battle_of_api GROUP BY 2
UNION ALL
SELECT 'validated', leaderboard, count(*) FROM battle_of_validated GROUP BY 2
UNION ALL
SELECT 'evaluated', leaderboard, count(*) FROM battle_of_evaluated GROUP BY 2;
SELECT a AS arena, count(*) AS leaderboards, sum(e.battles) AS battles,
	count(*) FILTER (WHERE e.battles IS DISTINCT FROM c.battles) AS differing
FROM unnest('{api,validated,evaluated}'::text[]) AS a
CROSS JOIN LATERAL expected(a) AS e
FULL JOIN counted AS c ON c.arena = a AND c.leaderboard = e.leaderboard
GROUP BY a ORDER BY a;
SELECT leaderboard, battles FROM counted
WHERE arena = 'api' AND leaderboard IN ('overall', 'cardiology', 'toxicology') ORDER BY 2 DESC;

-- the snapshots are of these battles
SELECT count(*) AS leaderboards,
	count(*) FILTER (WHERE s.evaluation_count = e.battles) AS right_count,
	count(*) FILTER (WHERE s.status = 'succeeded' AND s.entry_count = 22) AS complete,
	string_agg(e.leaderboard || ': ' || s.reason, ', ') AS skipped
FROM expected('api') AS e
CROSS JOIN LATERAL bixarena_generate_snapshot(e.leaderboard, 10, arena => 'api') AS s;
SELECT a AS arena, status, entry_count, evaluation_count
FROM unnest('{validated,evaluated}'::text[]) AS a,
	LATERAL bixarena_generate_snapshot('overall', 10, arena => a);
-- a retired model keeps its rank, two of the same name are two
SELECT count(*) FILTER (WHERE NOT m.active) AS retired,
	count(*) FILTER (WHERE m.name = 'Twin') AS twins,
	bool_and(e.vote_count = (SELECT count(*) FROM battle_of_api AS b
		WHERE b.leaderboard = 'overall' AND m.id IN (b.model1_id, b.model2_id))) AS right_votes
FROM api.leaderboard_entry AS e
JOIN api.leaderboard AS l ON l.id = e.leaderboard_id
JOIN api.model AS m ON m.id = e.model_id
WHERE l.slug = 'overall';

-- a leaderboard of a later migration is there by itself
INSERT INTO api.leaderboard (slug, name) VALUES ('virology', 'Virology');
INSERT INTO api.battle_categorization_category
SELECT categorization_id, 'virology' FROM api.battle_categorization_category
WHERE category = 'surgery';
SELECT status, evaluation_count = (SELECT battles FROM expected('api') WHERE leaderboard = 'surgery') AS all
FROM bixarena_generate_snapshot('virology', 10, arena => 'api');

-- the planner sees the leaderboard as a constant: one branch of the query; and a
-- moment in each that is read
CREATE FUNCTION plan(condition text) RETURNS text LANGUAGE plpgsql
SET constraint_exclusion = partition AS $$
DECLARE
	line text;
	scans int := 0;
	filters int := 0;
	appends int := 0;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN SELECT b.model1_id, b.model2_id, b.outcome, count(*)
		FROM (%s) AS b WHERE %s GROUP BY 1, 2, 3', bixarena_battle_query('api'), condition)
	LOOP
		scans := scans + (line ~ 'Scan .*on battle_evaluation')::int;
		filters := filters + (line ~ '(Filter|Cond):.*created_at <=')::int;
		appends := appends + (line ~ 'Append')::int;
	END LOOP;
	RETURN format('%s scans, %s filters, %s appends', scans, filters, appends);
END
$$;
SET enable_indexscan = off;
SET enable_bitmapscan = off;
SELECT condition, plan(condition) FROM (VALUES
	($$b.leaderboard::text = 'overall'$$),
	($$b.leaderboard::text = 'surgery'$$),
	($$b.leaderboard::text = 'surgery' AND b.created_at <= '2025-01-10'$$),
	($$b.leaderboard::text = ANY ('{overall,surgery}')$$),
	($$b.leaderboard::text = ANY ('{overall,surgery}') AND b.created_at <= '2025-01-10'$$),
	($$b.leaderboard::text = ANY ('{surgery,oncology}')$$)) AS c (condition);
RESET enable_indexscan;
RESET enable_bitmapscan;

--
-- What cannot be attached
--

DROP VIEW counted, battle_of_api, battle_of_validated, battle_of_evaluated;
DROP SCHEMA evaluated, validated CASCADE;
\set ECHO none
\set arena partial
\i :schema
\set ECHO all
-- each in a transaction of its own that puts things back
BEGIN; DROP TABLE partial.leaderboard_entry; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; ALTER TABLE partial.leaderboard_entry DROP bootstrap_q975; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; ALTER TABLE partial.leaderboard_entry ALTER rank TYPE text, DROP bt_score; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; ALTER TABLE partial.leaderboard_snapshot ALTER created_at TYPE date; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; ALTER TABLE partial.model DROP slug, DROP organization; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; ALTER TABLE partial.leaderboard ALTER slug TYPE int USING 1; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; DROP TABLE partial.battle_evaluation; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; DROP TABLE partial.battle, partial.battle_evaluation, partial.battle_validation, partial.battle_categorization CASCADE; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; DROP TABLE partial.battle_validation CASCADE; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; DROP TABLE partial.battle_categorization CASCADE; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; ALTER TABLE partial.battle DROP effective_categorization_id; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; ALTER TABLE partial.battle DROP effective_validation_id; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; ALTER TABLE partial.battle_validation DROP is_biomedical; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; DROP TABLE partial.battle_categorization_category; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; CREATE VIEW partial.leaderboard_battle AS SELECT 'overall' AS leaderboard, 1 AS model1_id; SELECT bixarena_attach_arena('partial'); ROLLBACK;
BEGIN; CREATE SEQUENCE partial.leaderboard_battle; SELECT bixarena_attach_arena('partial'); ROLLBACK;
CREATE SCHEMA vacant;
SELECT bixarena_attach_arena('vacant');
SELECT bixarena_attach_arena('missing');
SELECT bixarena_attach_arena('Vacant');
SELECT bixarena_attach_arena(NULL);
-- none of these left anything behind
SELECT name FROM bixarena.arena WHERE name IN ('partial', 'vacant');
SELECT to_regclass('partial.leaderboard_battle');

-- a view of the user's is left alone
CREATE VIEW partial.leaderboard_battle AS
SELECT 'mine'::text AS leaderboard, model1_id, model2_id, 'tie'::text AS outcome,
	user_id AS voter_id, created_at
FROM partial.battle;
SELECT pg_get_viewdef('partial.leaderboard_battle') AS definition \gset
SELECT bixarena_attach_arena('partial');
SELECT pg_get_viewdef('partial.leaderboard_battle') = :'definition' AS untouched;
SELECT bixarena_battle_query('partial');

-- who attaches needs the function, and the right to create in the schema, not more
CREATE ROLE regress_attacher;
GRANT EXECUTE ON FUNCTION bixarena_attach_arena TO regress_attacher;
DROP VIEW partial.leaderboard_battle;
SET ROLE regress_attacher;
SELECT bixarena_attach_arena('partial');
RESET ROLE;
GRANT USAGE, CREATE ON SCHEMA partial TO regress_attacher;
SET ROLE regress_attacher;
SELECT bixarena_attach_arena('partial');
-- what it does about a view of 1.0 is with the rights of the role
SELECT bixarena.arena_retire_view('partial', true);
-- and gets no further with it
SELECT bixarena_create_arena('own');
SELECT bixarena.arena_register('own');
RESET ROLE;
SELECT bixarena.arena_register('own');
DELETE FROM bixarena.arena WHERE name = 'own';

-- who creates needs the function, and the right to make schemas, not more
CREATE ROLE regress_creator;
GRANT EXECUTE ON FUNCTION bixarena_create_arena TO regress_creator;
SET ROLE regress_creator;
SELECT bixarena_create_arena('own');
RESET ROLE;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_creator, regress_attacher', current_database()) \gexec
SET ROLE regress_creator;
SELECT bixarena_create_arena('own');
-- and gets no further with it: not into a schema that is there, be it the role's own
SELECT bixarena_attach_arena('own');
CREATE SCHEMA theirs;
SELECT bixarena.arena_register('theirs');
SELECT bixarena.arena_register('partial');
SELECT bixarena_configure('seed', '1', arena => 'own');
INSERT INTO bixarena.arena VALUES ('theirs');
RESET ROLE;
-- without a function, rights on schemas are none on arenas
SET ROLE regress_attacher;
SELECT bixarena.arena_register('more');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION bixarena_attach_arena FROM regress_attacher;
SET ROLE regress_attacher;
SELECT bixarena.arena_register('partial');
RESET ROLE;
-- a function of that name that is not ours does not count
SET ROLE regress_creator;
CREATE FUNCTION theirs.bixarena_attach_arena(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
SELECT bixarena.arena_register('theirs');
RESET ROLE;
SELECT name FROM bixarena.arena WHERE name IN ('partial', 'own', 'theirs', 'more') ORDER BY name;
SELECT relname, relowner::regrole FROM pg_class
WHERE oid IN ('own.leaderboard_battle'::regclass, 'own.battle'::regclass)
ORDER BY relname, oid;

SET client_min_messages = warning;
DROP FUNCTION expected, plan;
DROP SCHEMA IF EXISTS api, partial, vacant, own, theirs CASCADE;
SELECT format('REVOKE CREATE ON DATABASE %I FROM regress_creator, regress_attacher', current_database()) \gexec
DROP EXTENSION bixarena_rank;
DROP ROLE regress_creator, regress_attacher;
