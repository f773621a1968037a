-- Kept tallies: what is followed, what makes one doubtful, and what is refused.  At
-- each step every leaderboard counts what its battles are, and the tally differs from
-- a recount in nothing.

\set SHOW_CONTEXT never
\set VERBOSITY terse
\getenv source PG_ABS_SRCDIR
\set schema :source '/schema/bixarena.sql'
\set battles :source '/schema/battles.sql'
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(2000, 6, categories => '{code,math}') AS battles;
SELECT bixarena_configure('num_bootstrap', '10'), bixarena_configure('notify_channel', '');
UPDATE arena.battle SET created_at = now() - interval '99 days' WHERE outcome = 'tie';

-- Is all counted, and how did the tally get there?  A run first, then a comparison.
CREATE FUNCTION followed(arena text DEFAULT 'arena')
RETURNS TABLE (leaderboards bigint, wrong bigint, differences bigint, recounted text) LANGUAGE plpgsql AS $$
DECLARE
	before timestamptz := (SELECT s.recounted_at FROM bixarena.live_state(arena) AS s);
	wanted record;
	counted bigint;
BEGIN
	leaderboards := 0;
	wrong := 0;
	FOR wanted IN EXECUTE format('SELECT l.slug, (SELECT count(*) FROM (%s) AS q WHERE q.leaderboard = l.slug) AS battles'
		' FROM %I.leaderboard AS l', bixarena_battle_query(arena), arena) LOOP
		SELECT g.evaluation_count INTO counted
		FROM bixarena_generate_snapshot(wanted.slug, 10, dry_run => true, arena => followed.arena) AS g;
		leaderboards := leaderboards + 1;
		wrong := wrong + (counted IS DISTINCT FROM wanted.battles)::int;
	END LOOP;
	IF (SELECT s.lost IS NULL FROM bixarena.live_state(arena) AS s) THEN
		SELECT count(*) INTO differences FROM bixarena_verify_tally(arena);
	END IF;
	SELECT CASE WHEN s.recounted_at IS DISTINCT FROM before THEN regexp_replace(s.recounted_why, ' \d+', '', 'g') END INTO recounted
	FROM bixarena.live_state(arena) AS s;
	RETURN NEXT;
END
$$;
CREATE VIEW health AS
SELECT h.status, regexp_replace(h.message, '\d{4}-\d\d-\d\d \d\d:\d\d UTC', '<time>', 'g') AS message
FROM bixarena_health('arena') AS h WHERE h.check_name = 'kept_tally';

--
-- An arena of one's own
--

SELECT bixarena_fold_tally();
SELECT * FROM health;
-- one that version 1.0 has made gets the column battle_id when it is attached again
\set VERBOSITY default
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome::text AS outcome, b.voter_id, b.created_at
FROM arena.battle AS b
UNION ALL
SELECT c.category, b.model1_id, b.model2_id, b.outcome::text, b.voter_id, b.created_at
FROM arena.battle AS b CROSS JOIN LATERAL unnest(b.categories) AS c (category)
WHERE c.category <> 'overall';
COMMENT ON VIEW arena.leaderboard_battle IS 'which battles count for which leaderboard; may be replaced';
SELECT bixarena_keep_tally();
\set VERBOSITY terse
SELECT bixarena_attach_arena('arena');
SELECT bixarena_keep_tally();
SELECT bixarena_keep_tally();
SELECT * FROM health;
SELECT * FROM followed();
SELECT * FROM health;
-- the past is read from the battles
SELECT g.evaluation_count = count(*) FILTER (WHERE b.created_at < now() - interval '98 days') AS of_the_past, g.evaluation_count < count(*) AS fewer
FROM arena.battle AS b, bixarena_generate_snapshot('overall', 10, as_of => now() - interval '98 days', dry_run => true) AS g
GROUP BY g.evaluation_count;

INSERT INTO arena.battle (model1_id, model2_id, outcome, categories)
SELECT model1_id, model2_id, outcome, categories FROM arena.battle LIMIT 250;
SELECT kind, cardinality(keys) FROM arena_live.log ORDER BY 2;
SELECT * FROM followed();
UPDATE arena.battle SET outcome = CASE outcome WHEN 'tie' THEN 'model1' ELSE 'tie' END WHERE model1_id < model2_id;
SELECT * FROM followed();
UPDATE arena.battle SET model1_id = model2_id, model2_id = model1_id WHERE outcome = 'tie';
UPDATE arena.battle SET categories = '{code,code,other,NULL}' WHERE outcome = 'model1';
SELECT * FROM followed();
UPDATE arena.battle SET id = gen_random_uuid() WHERE outcome = 'tie';
SELECT * FROM followed();
DELETE FROM arena.battle WHERE outcome = 'model2';
SELECT * FROM followed();
DELETE FROM arena.model WHERE slug = 'simulated-0001';
SELECT * FROM followed();

-- a savepoint, a rollback, ON CONFLICT, MERGE, COPY
BEGIN;
INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'model2' FROM arena.battle LIMIT 10;
SAVEPOINT a;
DELETE FROM arena.battle;
ROLLBACK TO a;
UPDATE arena.battle SET outcome = 'model2' WHERE ctid = ANY (ARRAY(SELECT ctid FROM arena.battle LIMIT 10));
COMMIT;
BEGIN;
DELETE FROM arena.battle;
ROLLBACK;
SELECT * FROM followed();
INSERT INTO arena.battle (id, model1_id, model2_id, outcome)
SELECT id, model2_id, model1_id, 'model1' FROM arena.battle LIMIT 20
ON CONFLICT (id) DO UPDATE SET outcome = 'tie', categories = '{math}';
MERGE INTO arena.battle AS b USING (SELECT id FROM arena.battle LIMIT 30) AS s ON s.id = b.id
WHEN MATCHED AND b.outcome = 'tie' THEN DELETE
WHEN MATCHED THEN UPDATE SET outcome = 'tie'
WHEN NOT MATCHED THEN DO NOTHING;
COPY (SELECT model1_id, model2_id, outcome, '{math}'::text[] FROM arena.battle) TO PROGRAM 'cat > /dev/null';
CREATE TEMP TABLE copied AS SELECT model1_id, model2_id, outcome FROM arena.battle;
WITH gone AS (DELETE FROM arena.battle WHERE outcome = 'model1' RETURNING model1_id, model2_id)
INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT *, 'tie' FROM gone;
SELECT * FROM followed();

-- what does not matter is not noted, where the columns that do are known
SELECT count(*) FROM arena_live.log;
UPDATE arena.battle SET outcome = outcome;
SELECT count(*) > 0 AS noted FROM arena_live.log;
SELECT bixarena_fold_tally();
SELECT bixarena_rebuild_tally() AS counted \gset
SELECT :counted = (SELECT count(*) FROM arena.battle) AS all_counted;
SELECT * FROM health;

-- if the log names very many, all are counted, which takes less
INSERT INTO arena.battle (model1_id, model2_id, outcome)
SELECT b.model1_id, b.model2_id, b.outcome FROM (SELECT * FROM arena.battle LIMIT 1000) AS b, generate_series(1, 11);
SELECT count(*) FROM (SELECT unnest(keys) FROM arena_live.log) AS named;
SELECT * FROM followed();
-- but not if it names the same ones again and again
BEGIN;
DO $$ BEGIN
	FOR i IN 1..3 LOOP
		UPDATE arena.battle SET outcome = CASE outcome WHEN 'tie' THEN 'model1' ELSE 'tie' END
		WHERE id IN (SELECT b.id FROM arena.battle AS b ORDER BY b.id LIMIT 4000);
	END LOOP;
END $$;
SELECT count(*) FROM (SELECT unnest(keys) FROM arena_live.log) AS named;
SELECT * FROM followed();
ROLLBACK;
DELETE FROM arena.battle WHERE ctid = ANY (ARRAY(SELECT ctid FROM arena.battle LIMIT 9999));
SELECT * FROM followed();

-- the same in a transaction that cannot fold, at whatever age
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'model2' FROM copied;
SELECT * FROM followed();
SELECT bixarena_fold_tally();
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT * FROM followed();
COMMIT;

--
-- bixarena_live()
--

SELECT count(*), sum(vote_count) / 2 = (SELECT count(*) FROM arena.battle) AS all_counted, min(rank), bool_and(status = 'ranked') AS ranked
FROM bixarena_live('overall');
INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'model2' FROM copied;
SELECT sum(vote_count) / 2 = (SELECT count(*) FROM arena.battle) AS all_counted FROM bixarena_live('overall', 10);
SELECT count(*) > 0 AS not_folded FROM arena_live.log;
-- what a snapshot made now would say
SELECT status FROM bixarena_generate_snapshot('overall', 10);
SELECT count(*) FROM (SELECT model, bt_score, rank, bootstrap_q025, bootstrap_q975, vote_count FROM bixarena_live('overall', 10)
	EXCEPT SELECT m.slug, b.bt_score, b.rank, b.bootstrap_q025, b.bootstrap_q975, b.vote_count
	FROM bixarena_leaderboard('overall') AS b JOIN arena.model AS m ON m.name = b.model) AS differences;
SELECT * FROM bixarena_live('nothing');
SELECT * FROM bixarena_live('overall', 1);

--
-- By voter: what is counted of each battle says who has cast it
--

UPDATE arena.battle SET voter_id = md5('voter' || length(outcome) + ascii(id::text) % 20)::uuid, created_at = now() - interval '1 day';
SELECT bixarena_configure('cluster_by_voter', 'true');
CREATE FUNCTION by_voter() RETURNS TABLE (status text, voters jsonb, differences bigint) LANGUAGE plpgsql AS $$
DECLARE
	kept record;
	past record;
BEGIN
	-- the past is read from the battles
	kept := bixarena_generate_snapshot('overall', 50, seed => 1);
	past := bixarena_generate_snapshot('overall', 50, seed => 1, as_of => now() - interval '1 hour');
	status := kept.status;
	voters := (SELECT r.voters -> 'voters' FROM bixarena.run AS r WHERE r.correlation_id = kept.correlation_id);
	differences := (SELECT count(*) FROM (
		SELECT model_id, rank, bt_score, bootstrap_q025, bootstrap_q975, vote_count FROM arena.leaderboard_entry WHERE snapshot_id = kept.snapshot_id
		EXCEPT SELECT model_id, rank, bt_score, bootstrap_q025, bootstrap_q975, vote_count FROM arena.leaderboard_entry WHERE snapshot_id = past.snapshot_id) AS d);
	RETURN NEXT;
END
$$;
SELECT * FROM by_voter();
BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM arena.battle WHERE ctid = ANY (ARRAY(SELECT ctid FROM arena.battle LIMIT 50));
UPDATE arena.battle SET voter_id = md5('another')::uuid WHERE ctid = ANY (ARRAY(SELECT ctid FROM arena.battle LIMIT 50));
SELECT * FROM by_voter();
COMMIT;
SELECT * FROM by_voter();
SELECT count(*) FROM bixarena_live('overall', 10);
-- it is the tally that is read, which is wrong now
UPDATE arena_live.counted SET voter_id = md5('another')::uuid;
SELECT * FROM by_voter();
SELECT bixarena_rebuild_tally() > 0 AS counted;
SELECT * FROM by_voter();
DROP FUNCTION by_voter;
SELECT bixarena_configure('cluster_by_voter', 'false');

--
-- What nobody notes makes it doubtful
--

TRUNCATE arena.battle;
SELECT * FROM health;
SELECT * FROM followed();
SELECT * FROM health;
SELECT bixarena_simulate_battles(500, 6, categories => '{code,math}') AS battles;
SELECT * FROM followed();

-- as a replica, rows are noted
SET session_replication_role = replica;
INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'model2' FROM arena.battle LIMIT 20;
UPDATE arena.battle SET outcome = 'tie' WHERE outcome = 'model1';
DELETE FROM arena.battle WHERE ctid = ANY (ARRAY(SELECT ctid FROM arena.battle LIMIT 20));
RESET session_replication_role;
SELECT * FROM followed();
SET session_replication_role = replica;
TRUNCATE arena.battle;
RESET session_replication_role;
SELECT * FROM followed();
SELECT bixarena_simulate_battles(500, 6, categories => '{code,math}') AS battles;
SELECT * FROM followed();

-- triggers that are disabled, be it for a moment
ALTER TABLE arena.battle DISABLE TRIGGER USER;
DELETE FROM arena.battle WHERE outcome = 'tie';
SELECT * FROM health;
SELECT * FROM followed();
SELECT bixarena_fold_tally();
SELECT bixarena_rebuild_tally();
-- which enables all alike, and not as they were
ALTER TABLE arena.battle ENABLE TRIGGER USER;
SELECT * FROM health;
SELECT bixarena_rebuild_tally() AS counted \gset
SELECT :counted = (SELECT count(*) FROM arena.battle) AS all_counted;
SELECT * FROM health;
SELECT * FROM followed();
BEGIN;
ALTER TABLE arena.battle DISABLE TRIGGER arena_live_delete;
DELETE FROM arena.battle WHERE outcome = 'model1';
ALTER TABLE arena.battle ENABLE TRIGGER arena_live_delete;
COMMIT;
SELECT * FROM followed();

-- one that is dropped is made again by a call of all, or a rebuild
SELECT bixarena_simulate_battles(500, 6, categories => '{code,math}') AS battles;
SELECT * FROM followed();
DROP TRIGGER arena_live_insert ON arena.battle;
SELECT bixarena_simulate_battles(100, 6) AS battles;
SELECT * FROM health;
SELECT * FROM followed();
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, evaluation_count FROM bixarena.run ORDER BY requested_at DESC, leaderboard COLLATE "C" LIMIT 3;
SELECT * FROM followed();
DROP TRIGGER arena_live_update ON arena.battle;
UPDATE arena.battle SET outcome = 'tie';
SELECT bixarena_rebuild_tally() AS counted \gset
SELECT :counted = (SELECT count(*) FROM arena.battle) AS all_counted;
SELECT * FROM followed();

-- a table swapped by rename
ALTER TABLE arena.battle RENAME TO old_battle;
CREATE TABLE arena.battle (LIKE arena.old_battle INCLUDING ALL);
INSERT INTO arena.battle SELECT * FROM arena.old_battle LIMIT 100;
SELECT bixarena_battle_query() LIKE '%leaderboard_battle%' AS by_view;
SELECT * FROM health;
-- the view reads the old table still
SELECT * FROM followed();
SELECT pg_get_viewdef('arena.leaderboard_battle') AS definition \gset
SELECT replace(:'definition', 'old_battle', 'battle') AS definition \gset
CREATE OR REPLACE VIEW arena.leaderboard_battle WITH (security_invoker = true) AS :definition
SELECT * FROM health;
SELECT * FROM followed();
SELECT bixarena_rebuild_tally();
SELECT * FROM followed();
INSERT INTO arena.battle SELECT * FROM arena.old_battle OFFSET 100;
SELECT * FROM followed();

-- row security shows each role something else
ALTER TABLE arena.battle ENABLE ROW LEVEL SECURITY;
SELECT * FROM health;
ALTER TABLE arena.battle DISABLE ROW LEVEL SECURITY;

-- the tables of the tally itself
UPDATE arena_live.tally AS t SET (leaderboards, battles) = (SELECT array_agg(u.slug), array_agg(u.n + (u.slug = 'overall')::int)
	FROM unnest(t.leaderboards, t.battles) AS u (slug, n) WHERE u.slug <> 'code');
SELECT leaderboard, kept > recounted AS too_many, count(*) > 0 AS differ FROM bixarena_verify_tally() GROUP BY 1, 2 ORDER BY 1, 2;
SELECT count(*) FROM bixarena_verify_tally(leaderboard_id => 'math');
SELECT * FROM health;
SELECT * FROM followed();
SELECT status FROM health;
-- a call verifies a sample first, at most once a day
UPDATE arena_live.tally AS t SET battles = (SELECT array_agg(u.n + 1) FROM unnest(t.battles) AS u (n));
-- the next battles are told by it, but to others by the battles
SELECT sum(n.battles) - (SELECT count(*) FROM arena.battle) > 0 AS of_the_tally FROM bixarena_leaderboard_next_battles('overall') AS n;
BEGIN READ ONLY;
SELECT sum(n.battles) - (SELECT count(*) FROM arena.battle) > 0 AS of_the_tally FROM bixarena_leaderboard_next_battles('overall') AS n;
ROLLBACK;
SET ROLE pg_read_all_data;
SELECT sum(n.battles) - (SELECT count(*) FROM arena.battle) > 0 AS of_the_tally FROM bixarena_leaderboard_next_battles('overall') AS n;
RESET ROLE;
SELECT bixarena_configure('verify_leaderboards', '10');
CALL bixarena_generate_snapshots();
SELECT differences FROM arena_live.state;
UPDATE arena_live.state SET verified_at = verified_at - interval '1 day';
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, evaluation_count FROM bixarena.run ORDER BY requested_at DESC, leaderboard COLLATE "C" LIMIT 3;
SELECT * FROM followed();
DELETE FROM arena_live.tally;
DELETE FROM arena.battle WHERE outcome = 'tie' AND ctid = ANY (ARRAY(SELECT ctid FROM arena.battle LIMIT 5));
-- it has fewer than none left, so the run counts them anew
SELECT status, evaluation_count = (SELECT count(*) FROM arena.battle) AS all_counted FROM bixarena_generate_snapshot('overall', 10);
SELECT s.recounted_why FROM bixarena.live_state('arena') AS s;
SELECT count(*) FROM bixarena_verify_tally();
SELECT bixarena_rebuild_tally() AS counted \gset
SELECT :counted = (SELECT count(*) FROM arena.battle) AS all_counted;
TRUNCATE arena_live.log;
SELECT * FROM health;
SELECT * FROM followed();
DROP TABLE arena_live.counted;
SELECT * FROM health;
SELECT status FROM bixarena_generate_snapshot('overall', 10);
INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'tie' FROM arena.battle LIMIT 1;
DROP TABLE arena_live.log;
INSERT INTO arena.battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'tie' FROM arena.battle LIMIT 1;
SELECT * FROM health;
SELECT status FROM bixarena_generate_snapshot('overall', 10);
SELECT bixarena_drop_tally();
SELECT bixarena_keep_tally();
SELECT * FROM followed();

--
-- Nothing is left
--

SELECT bixarena_drop_tally();
SELECT bixarena_drop_tally();
SELECT count(*) FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'arena'::regnamespace) AND NOT tgisinternal;
SELECT to_regnamespace('arena_live'), (SELECT count(*) FROM bixarena.kept_tally) AS kept;
SELECT * FROM health;
SELECT bixarena_verify_tally();
SELECT bixarena_keep_tally();
-- triggers stand in the way of dropping the extension without a word
DROP EXTENSION bixarena_rank;
SELECT bixarena_drop_tally();
DROP EXTENSION bixarena_rank CASCADE;
DROP FUNCTION followed;
DROP SCHEMA arena CASCADE;
