-- statement_timeout and cancelling end a ranking of the largest kind at once.
-- (That it is within 100 ms is asserted by the unit tests, in time of the processor.
-- Here a machine may be so busy that it takes seconds; to the end it takes minutes.)

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;

-- 2000 models, 60000 pairs: far longer than what is waited for
CREATE TABLE votes AS
SELECT i AS model1, (i + j * j) % 2000 AS model2, CASE (i + j) % 3 WHEN 0 THEN 1 ELSE 2 END AS outcome
FROM generate_series(0, 1999) AS i, generate_series(1, 30) AS j;

-- in the fit and the bootstrap
SELECT clock_timestamp() AS start \gset
SET statement_timeout = '1s';
SELECT count(*) FROM bixarena_rank('votes', 10000);
RESET statement_timeout;
SELECT clock_timestamp() - :'start' BETWEEN '0.9 s' AND '30 s' AS at_once;
SELECT clock_timestamp() AS start \gset
SET statement_timeout = '100ms';
SELECT count(*) FROM bixarena_rank('votes', 10000);
RESET statement_timeout;
SELECT clock_timestamp() - :'start' < '30 s' AS at_once;

-- while the battles are read
CREATE VIEW slow AS
SELECT v.* FROM votes AS v, generate_series(1, 100000);
SELECT clock_timestamp() AS start \gset
SET statement_timeout = '200ms';
SELECT count(*) FROM bixarena_rank('slow', 10);
RESET statement_timeout;
SELECT clock_timestamp() - :'start' < '30 s' AS at_once;

-- cancelled from another session; the transaction goes on after a savepoint
SET client_min_messages = warning;
CREATE EXTENSION dblink;
SELECT dblink_connect('other', format('host=%s port=%s dbname=%s user=%s',
	split_part(current_setting('unix_socket_directories'), ',', 1), current_setting('port'),
	quote_literal(current_database()), quote_literal(current_user)));
BEGIN;
SAVEPOINT s;
SELECT dblink_send_query('other', format('SELECT pg_sleep(0.5), pg_cancel_backend(%s)', pg_backend_pid()));
SELECT clock_timestamp() AS start \gset
SELECT count(*) FROM bixarena_rank('votes', 10000);
ROLLBACK TO s;
SELECT clock_timestamp() - :'start' < '30 s' AS at_once;
SELECT count(*) FROM votes;
COMMIT;
SELECT dblink_disconnect('other');

-- a snapshot that is cancelled leaves nothing, and no lock
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(60000, 1000);
SELECT clock_timestamp() AS start \gset
SET statement_timeout = '500ms';
SELECT bixarena_generate_snapshot('overall', 10000);
RESET statement_timeout;
SELECT clock_timestamp() - :'start' < '30 s' AS at_once;
SELECT count(*) FROM arena.leaderboard_snapshot;
SELECT count(*) FROM bixarena.run;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory';

DROP SCHEMA IF EXISTS arena CASCADE;
DROP TABLE votes CASCADE;
DROP EXTENSION bixarena_rank, dblink;
