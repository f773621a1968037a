-- CALL bixarena_backfill(): history made up for.

\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(3000, 5);
UPDATE arena.battle SET created_at = created_at - (now() - timestamptz '2026-03-01');
SELECT bixarena_configure('num_bootstrap', '10');

-- the first moments have too few battles
CALL bixarena_backfill('overall', '2026-01-25', '2026-02-05', '1 day', triggered_by => 'history');
SELECT parameters ->> 'as_of' AS as_of, status, snapshot_identifier, entry_count, triggered_by, skip_reason
FROM bixarena.run ORDER BY requested_at;
-- a snapshot has its date, and is of the battles up to then
SELECT s.snapshot_identifier, s.created_at, s.visibility,
	sum(e.vote_count) / 2 = (SELECT count(*) FROM arena.battle WHERE created_at <= s.created_at) AS of_then
FROM arena.leaderboard_snapshot AS s JOIN arena.leaderboard_entry AS e ON e.snapshot_id = s.id
GROUP BY 1, 2, 3 ORDER BY 2;
-- again: only what is not there
TRUNCATE bixarena.run;
CALL bixarena_backfill('overall', '2026-02-03', '2026-02-04', '6 hours');
SELECT parameters ->> 'as_of' AS as_of, status FROM bixarena.run ORDER BY requested_at;
CALL bixarena_backfill('overall', '2026-02-03', '2026-02-04', '6 hours');
SELECT count(*) FROM bixarena.run;
-- why moments were skipped, each limit once however many battles there were; and
-- runs that failed
SELECT bixarena_configure('min_total_battles', '400');
CALL bixarena_backfill('overall', '2026-01-28', '2026-02-06 12:00', '12 hours');
SELECT bixarena_configure('min_total_battles', NULL);
SELECT bixarena_configure('enabled', 'false');
CALL bixarena_backfill('overall', '2026-02-07', '2026-02-07');
SELECT bixarena_configure('enabled', NULL);
ALTER TABLE arena.leaderboard_snapshot ADD CONSTRAINT closed CHECK (created_at <> '2026-02-08');
\set VERBOSITY terse
CALL bixarena_backfill('overall', '2026-02-07', '2026-02-09');
\set VERBOSITY default
ALTER TABLE arena.leaderboard_snapshot DROP CONSTRAINT closed;
-- the same as single calls
SELECT status FROM bixarena_generate_snapshot('overall', as_of => '2026-02-04');
SELECT count(*) AS entries, count(DISTINCT (model_id, bt_score, bootstrap_q025, bootstrap_q975, rank)) AS distinct
FROM arena.leaderboard_entry AS e JOIN arena.leaderboard_snapshot AS s ON s.id = e.snapshot_id
WHERE s.snapshot_identifier LIKE 'snapshot_2026-02-04_00-00-00%';

-- what it does not take
CALL bixarena_backfill('overall', '2026-02-04', '2026-02-03', '1 day');
CALL bixarena_backfill('overall', '2026-02-04', 'infinity', '1 day');
CALL bixarena_backfill('overall', '2026-02-04', now() + interval '1 day', '1 day');
CALL bixarena_backfill('overall', '2026-02-03', '2026-02-04', '0');
CALL bixarena_backfill('overall', '2026-02-03', '2026-02-04', '-1 day');
CALL bixarena_backfill('overall', NULL);
CALL bixarena_backfill('nothing', '2026-02-03', '2026-02-04');
CALL bixarena_backfill('overall', '2020-01-01', '2026-02-04', '1 second');
BEGIN;
CALL bixarena_backfill('overall', '2026-02-03', '2026-02-04');
ROLLBACK;

SET client_min_messages = warning;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena CASCADE;
