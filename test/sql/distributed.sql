-- What Citus needs of a transaction that reads and then writes, where there is its
-- setting, and nothing where there is none.  Its own test is test/t/042_citus.pl.

SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(300, 4, categories => '{code}');
-- by the id of a battle each server knows its own part
SELECT leaderboard, count(*) = count(b.id) AS all_known FROM arena.leaderboard_battle LEFT JOIN arena.battle AS b ON b.id = battle_id
GROUP BY 1 ORDER BY 1;
SELECT bixarena_configure('num_bootstrap', '10');
SELECT status FROM bixarena_generate_snapshot('overall');
SELECT current_setting('citus.multi_shard_modify_mode', true) IS NULL AS unset;
SET citus.multi_shard_modify_mode = 'parallel';
BEGIN;
SELECT status FROM bixarena_generate_snapshot('overall', dry_run => true);
SHOW citus.multi_shard_modify_mode;
SELECT status FROM bixarena_generate_snapshot('overall');
SHOW citus.multi_shard_modify_mode;
COMMIT;
SHOW citus.multi_shard_modify_mode;
BEGIN;
SELECT status FROM bixarena_generate_snapshot('overall');
ROLLBACK;
SHOW citus.multi_shard_modify_mode;
CALL bixarena_generate_snapshots(leaderboard_id => 'overall');
SHOW citus.multi_shard_modify_mode;
DROP SCHEMA arena CASCADE;
DROP EXTENSION bixarena_rank;
