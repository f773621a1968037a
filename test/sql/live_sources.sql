-- Kept tallies of a relation leaderboard_battle of the user's own: where its battles
-- come from is said or follows, and what cannot be followed is refused.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(600, 5) AS battles;
SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('notify_channel', ''), bixarena_configure('min_total_battles', '0');

CREATE FUNCTION followed() RETURNS TABLE (counted bigint, wrong boolean, differences bigint, recounted text) LANGUAGE plpgsql AS $$
DECLARE
	before timestamptz := (SELECT s.recounted_at FROM bixarena.live_state('arena') AS s);
	battles bigint;
BEGIN
	SELECT g.evaluation_count INTO counted FROM bixarena_generate_snapshot('overall', 10, dry_run => true) AS g;
	EXECUTE format('SELECT count(*) FROM (%s) AS q WHERE q.leaderboard = ''overall''', bixarena_battle_query('arena')) INTO battles;
	wrong := battles <> counted;
	IF (SELECT s.lost IS NULL FROM bixarena.live_state('arena') AS s) THEN
		SELECT count(*) INTO differences FROM bixarena_verify_tally();
	END IF;
	SELECT CASE WHEN s.recounted_at IS DISTINCT FROM before THEN s.recounted_why END INTO recounted FROM bixarena.live_state('arena') AS s;
	RETURN NEXT;
END
$$;
CREATE FUNCTION refused(query text, sources jsonb DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	reason text;
BEGIN
	DROP VIEW arena.leaderboard_battle;
	EXECUTE 'CREATE VIEW arena.leaderboard_battle AS ' || query;
	PERFORM bixarena_keep_tally('arena', sources);
	PERFORM bixarena_drop_tally('arena');
	RETURN 'no';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(' ', SQLSTATE, reason);
END
$$;

--
-- What is refused, and why
--

CREATE TABLE arena.banned (voter_id uuid PRIMARY KEY);
CREATE MATERIALIZED VIEW arena.copied AS TABLE arena.battle;
CREATE TYPE outcome AS ENUM ('model1', 'model2', 'tie');
CREATE TABLE arena.voted AS SELECT id, model1_id, model2_id, outcome::outcome, voter_id, created_at FROM arena.battle;
CREATE FUNCTION is_day() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
SELECT w.what, refused(concat('SELECT ''overall''::text AS leaderboard, b.model1_id, b.model2_id, ', coalesce(w.outcome, 'b.outcome'),
	' AS outcome, b.voter_id, b.created_at, ', coalesce(w.id, 'b.id'), ' AS battle_id FROM ', coalesce(w.source, 'arena.battle AS b'), ' ', w.rest), w.sources)
FROM (VALUES
	('as it is', NULL, NULL, NULL, '', NULL::jsonb),
	('a time', NULL, NULL, NULL, 'WHERE b.created_at > now() - interval ''30 days''', NULL),
	('a date', NULL, NULL, NULL, 'WHERE b.created_at > CURRENT_DATE', NULL),
	('a role', NULL, NULL, NULL, 'WHERE CURRENT_USER = ''postgres''', NULL),
	('a stable function', NULL, NULL, NULL, 'WHERE is_day()', NULL),
	('a random one', NULL, NULL, NULL, 'WHERE random() < 0.5', NULL),
	('an enum', 'b.outcome::text', NULL, 'arena.voted AS b', '', '{"arena.voted": "id"}'),
	('a limit', NULL, NULL, NULL, 'ORDER BY b.created_at LIMIT 10', NULL),
	('a sample', NULL, NULL, 'arena.battle AS b TABLESAMPLE SYSTEM (10)', '', NULL),
	('an aggregate', NULL, NULL, NULL, 'WHERE b.voter_id NOT IN (SELECT x.voter_id FROM arena.battle AS x GROUP BY 1 HAVING count(*) > 100)', NULL),
	('a window', NULL, NULL, '(SELECT *, row_number() OVER (PARTITION BY voter_id ORDER BY created_at) AS n FROM arena.battle) AS b', 'WHERE n < 10', NULL),
	('distinct on', NULL, NULL, '(SELECT DISTINCT ON (voter_id) * FROM arena.battle ORDER BY voter_id, created_at) AS b', '', NULL),
	('a materialized view', NULL, NULL, 'arena.copied AS b', '', NULL),
	('no id', NULL, 'b.id::text', NULL, '', NULL),
	('another table', NULL, NULL, NULL, 'WHERE NOT EXISTS (SELECT FROM arena.banned AS x WHERE x.voter_id = b.voter_id)', NULL),
	('the same, half named', NULL, NULL, NULL, 'WHERE NOT EXISTS (SELECT FROM arena.banned AS x WHERE x.voter_id = b.voter_id)', '{"arena.battle": "id"}'),
	('the same table again', NULL, NULL, NULL, 'WHERE NOT EXISTS (SELECT FROM arena.battle AS x WHERE x.voter_id = b.voter_id AND x.created_at > b.created_at)', NULL),
	('the same, behind a union', NULL, NULL, '(SELECT * FROM arena.battle AS c WHERE c.outcome = ''tie'' UNION ALL SELECT c.* FROM arena.battle AS c JOIN arena.battle AS d ON d.voter_id = c.voter_id) AS b', '', NULL),
	('the same, named', NULL, NULL, NULL, 'WHERE EXISTS (SELECT FROM arena.battle AS x WHERE x.id = b.id AND x.outcome <> ''tie'')', '{"arena.battle": "id"}'),
	('a union', NULL, NULL, '(SELECT * FROM arena.battle AS c WHERE c.outcome = ''tie'' UNION ALL SELECT * FROM arena.battle AS c, LATERAL (SELECT) AS d WHERE c.outcome <> ''tie'') AS b', '', NULL),
	('named wrongly', NULL, NULL, NULL, '', '{"arena.battle": "outcome"}'),
	('no such column', NULL, NULL, NULL, '', '{"arena.battle": "nothing"}'),
	('no such table', NULL, NULL, NULL, '', '{"arena.nothing": "id"}'),
	('named', NULL, NULL, NULL, 'WHERE NOT EXISTS (SELECT FROM arena.banned AS x WHERE x.voter_id = b.voter_id)', '{"arena.battle": "id", "arena.banned": null}')
) AS w (what, outcome, id, source, rest, sources);
DROP MATERIALIZED VIEW arena.copied;

-- the values of an enum are renamed
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle AS SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome::text AS outcome, b.voter_id, b.created_at, b.id AS battle_id FROM arena.voted AS b;
SELECT bixarena_keep_tally(sources => '{"arena.voted": "id"}');
SELECT * FROM followed();
ALTER TYPE outcome RENAME VALUE 'tie' TO 'draw';
SELECT * FROM followed();
SELECT bixarena_drop_tally();

-- counts
DROP VIEW arena.leaderboard_battle;
CREATE TABLE arena.leaderboard_battle (leaderboard text, model1_id uuid, model2_id uuid, outcome text, voter_id uuid, created_at timestamptz, battle_id uuid, battles bigint);
SELECT bixarena_keep_tally();
DROP TABLE arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle AS SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at, b.id AS battle_id FROM arena.battle AS b;
CREATE VIEW arena.leaderboard_tally AS SELECT leaderboard, model1_id, model2_id, outcome, count(*) AS battles FROM arena.leaderboard_battle GROUP BY 1, 2, 3, 4;
SELECT bixarena_keep_tally();
DROP VIEW arena.leaderboard_tally;
CREATE SCHEMA arena_live;
SELECT bixarena_keep_tally();
DROP SCHEMA arena_live;
SELECT bixarena_keep_tally('nowhere');

--
-- A view of several tables: one of them may be of any battle
--

CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at, b.id AS battle_id
FROM arena.battle AS b WHERE NOT EXISTS (SELECT FROM arena.banned AS x WHERE x.voter_id = b.voter_id);
SELECT bixarena_keep_tally(sources => '{"arena.battle": "id", "arena.banned": null}');
SELECT arena, schema, sources FROM bixarena.kept_tally;
SELECT * FROM followed();
UPDATE arena.battle SET voter_id = md5('voter')::uuid WHERE outcome = 'tie';
SELECT * FROM followed();
INSERT INTO arena.banned SELECT md5('voter')::uuid WHERE false;
SELECT count(*) FROM arena_live.log;
INSERT INTO arena.banned VALUES (md5('voter')::uuid);
SELECT wrong, differences, recounted FROM followed();

-- the view is replaced, and a function of its own
CREATE FUNCTION counts(outcome text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT outcome <> 'tie'$$;
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at, b.id AS battle_id
FROM arena.battle AS b WHERE counts(b.outcome);
SELECT wrong, differences, recounted FROM followed();
CREATE OR REPLACE FUNCTION counts(outcome text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT outcome <> 'model1'$$;
SELECT wrong, differences, recounted FROM followed();
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at, b.id AS battle_id
FROM arena.battle AS b WHERE b.created_at < now();
SELECT wrong, differences, recounted FROM followed();
SELECT message FROM (SELECT regexp_replace(message, ';.*', '') AS message FROM bixarena_health() WHERE check_name = 'kept_tally') AS h;
SELECT bixarena_drop_tally();

--
-- Rows of several kinds of a battle, nulls, and ids that are not there
--

DROP VIEW arena.leaderboard_battle;
CREATE TABLE arena.leaderboard_battle (leaderboard text, model1_id uuid, model2_id uuid, outcome text, voter_id uuid, created_at timestamptz, battle_id uuid);
INSERT INTO arena.leaderboard_battle SELECT 'overall', model1_id, model2_id, outcome, NULL, created_at, id FROM arena.battle;
SELECT bixarena_keep_tally();
SELECT * FROM followed();
INSERT INTO arena.leaderboard_battle SELECT 'overall', model2_id, model1_id, outcome, NULL, created_at, id FROM arena.battle LIMIT 50;
INSERT INTO arena.leaderboard_battle SELECT 'overall', model2_id, model1_id, outcome, NULL, created_at, id FROM arena.battle LIMIT 50;
INSERT INTO arena.leaderboard_battle VALUES ('overall', NULL, NULL, NULL, NULL, NULL, gen_random_uuid()), (NULL, NULL, NULL, NULL, NULL, NULL, gen_random_uuid());
INSERT INTO arena.leaderboard_battle SELECT 'overall', model1_id, model2_id, NULL, NULL, created_at, gen_random_uuid() FROM arena.battle LIMIT 2;
SELECT bixarena_fold_tally();
SELECT count(*) FROM bixarena_verify_tally();
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', 10, dry_run => true);
DELETE FROM arena.leaderboard_battle WHERE outcome IS NULL;
SELECT * FROM followed();
SELECT bixarena_drop_tally();

--
-- Partitions, attached and detached, and tables that inherit
--

DROP TABLE arena.leaderboard_battle;
CREATE TABLE arena.leaderboard_battle (leaderboard text, model1_id uuid, model2_id uuid, outcome text, voter_id uuid, created_at timestamptz, battle_id uuid)
	PARTITION BY LIST (outcome);
CREATE TABLE arena.part1 PARTITION OF arena.leaderboard_battle FOR VALUES IN ('model1');
CREATE TABLE arena.part2 PARTITION OF arena.leaderboard_battle FOR VALUES IN ('model2', 'tie') PARTITION BY LIST (outcome);
CREATE TABLE arena.part21 PARTITION OF arena.part2 FOR VALUES IN ('model2');
INSERT INTO arena.leaderboard_battle SELECT 'overall', model1_id, model2_id, outcome, NULL, created_at, id FROM arena.battle WHERE outcome <> 'tie';
SELECT bixarena_keep_tally();
SELECT tgrelid::regclass AS relation, count(*) FROM pg_trigger WHERE tgname LIKE 'arena\_live\_%' AND NOT tgisinternal GROUP BY 1 ORDER BY 1::text;
SELECT wrong, differences, recounted FROM followed();
INSERT INTO arena.leaderboard_battle SELECT 'overall', model1_id, model2_id, 'model2', NULL, created_at, gen_random_uuid() FROM arena.battle LIMIT 20;
SELECT wrong, differences, recounted FROM followed();
INSERT INTO arena.part1 SELECT 'overall', model1_id, model2_id, 'model1', NULL, created_at, gen_random_uuid() FROM arena.battle LIMIT 20;
SELECT wrong, differences, recounted FROM followed();
-- from one to another
UPDATE arena.leaderboard_battle SET outcome = 'model2' WHERE battle_id IN (SELECT battle_id FROM arena.part1 LIMIT 100);
SELECT wrong, differences, recounted FROM followed();
DELETE FROM arena.part2 WHERE battle_id IN (SELECT battle_id FROM arena.part2 LIMIT 100);
SELECT wrong, differences, recounted FROM followed();
TRUNCATE arena.part21;
SELECT wrong, differences, recounted FROM followed();
SET session_replication_role = replica;
INSERT INTO arena.leaderboard_battle SELECT 'overall', model1_id, model2_id, 'model2', NULL, created_at, gen_random_uuid() FROM arena.battle LIMIT 20;
RESET session_replication_role;
SELECT wrong, differences, recounted FROM followed();
CREATE TABLE arena.part22 AS SELECT 'overall' AS leaderboard, model1_id, model2_id, 'tie'::text AS outcome, NULL::uuid AS voter_id, created_at, gen_random_uuid() AS battle_id FROM arena.battle LIMIT 70;
ALTER TABLE arena.part2 ATTACH PARTITION arena.part22 FOR VALUES IN ('tie');
SELECT wrong, differences, recounted FROM followed();
CALL bixarena_generate_snapshots();
SELECT wrong, differences, recounted FROM followed();
INSERT INTO arena.part22 SELECT 'overall', model1_id, model2_id, 'tie', NULL, created_at, gen_random_uuid() FROM arena.battle LIMIT 20;
SELECT wrong, differences, recounted FROM followed();
ALTER TABLE arena.part2 DETACH PARTITION arena.part22;
SELECT wrong, differences, recounted FROM followed();
DROP TABLE arena.part1;
SELECT wrong, differences, recounted FROM followed();
SELECT bixarena_drop_tally();
SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'arena\_live\_%';

--
-- Notices
--

DROP TABLE arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle AS SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome, b.voter_id, b.created_at, b.id AS battle_id FROM arena.battle AS b;
SELECT bixarena_keep_tally();
SELECT bixarena_configure('live_channel', 'standing');
CREATE VIEW told AS SELECT s.changed - s.told AS untold, s.notified_at IS NOT NULL AS told FROM arena_live.state AS s;
SELECT bixarena_rebuild_tally();
SELECT * FROM told;
-- within the second nothing is told, and later all of it
UPDATE arena_live.state SET notified_at = clock_timestamp() + interval '1 hour';
UPDATE arena.battle SET outcome = 'tie' WHERE outcome = 'model1';
SELECT bixarena_fold_tally() > 0 AS folded;
SELECT untold > 0 AS untold FROM told;
UPDATE arena_live.state SET notified_at = clock_timestamp() - interval '1 second';
SELECT bixarena_fold_tally();
SELECT * FROM told;
DROP VIEW told;
SELECT bixarena_drop_tally();
DROP EXTENSION bixarena_rank CASCADE;
DROP FUNCTION followed, refused;
DROP SCHEMA arena CASCADE;
DROP FUNCTION is_day, counts;
DROP TYPE outcome;
