-- bixarena_generate_snapshot(): what it writes, what its options do, when it
-- skips a leaderboard, and that a failure leaves nothing behind.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set schema :source '/schema/bixarena.sql'
\set battles :source '/schema/battles.sql'
CREATE EXTENSION bixarena_rank;
\set ECHO none
\set arena api
\i :schema
\i :battles
\set ECHO all
SELECT bixarena_attach_arena('api');

CREATE VIEW written AS
SELECT (SELECT count(*) FROM api.leaderboard_snapshot) AS snapshots,
	(SELECT count(*) FROM api.leaderboard_entry) AS entries,
	(SELECT count(*) FROM bixarena.run) AS runs;

--
-- A snapshot, its entries and its run
--

SELECT clock_timestamp() AS before \gset
SELECT * FROM bixarena_generate_snapshot('overall', 100) \gset result_
SELECT :'result_status' AS status, :{?result_reason} AS has_reason,
	:result_entry_count AS entry_count, :result_evaluation_count AS evaluation_count,
	:result_duration_seconds BETWEEN 0 AND 60 AS duration;
SELECT l.slug, s.description, s.visibility, s.updated_at >= s.created_at AS in_order,
	s.created_at BETWEEN :'before' AND clock_timestamp() AS now,
	s.snapshot_identifier = :'result_snapshot_identifier' AS identifier,
	s.snapshot_identifier = to_char(s.created_at AT TIME ZONE 'UTC',
		'"snapshot_"YYYY-MM-DD"_"HH24-MI-SS') AS tells_time
FROM api.leaderboard_snapshot AS s JOIN api.leaderboard AS l ON l.id = s.leaderboard_id
WHERE s.id = :'result_snapshot_id';
-- the entries are the ranking of the same votes
CREATE FUNCTION differing(snapshot uuid, ranked text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	found bigint;
BEGIN
	EXECUTE format($sql$
		SELECT count(*) FROM (
			SELECT e.*, m.slug FROM api.leaderboard_entry AS e
			JOIN api.model AS m ON m.id = e.model_id WHERE snapshot_id = %L) AS e
		FULL JOIN (SELECT * FROM %s WHERE rank IS NOT NULL) AS r ON r.model = e.slug
		WHERE (e.rank, e.vote_count) IS DISTINCT FROM (r.rank, r.vote_count)
			OR NOT abs(e.bt_score - r.bt_score) < 2e-6
			OR NOT abs(e.bootstrap_q025 - CASE WHEN r.bootstrap_q025 > '-infinity'
				THEN r.bootstrap_q025 ELSE least(-3000, r.bt_score) END) < 2e-6
			OR NOT abs(e.bootstrap_q975 - CASE WHEN r.bootstrap_q975 < 'infinity'
				THEN r.bootstrap_q975 ELSE greatest(3000, r.bt_score) END) < 2e-6
		$sql$, snapshot, ranked) INTO found;
	RETURN found;
END
$$;
SELECT bixarena_battle_query() AS battles \gset
CREATE VIEW counted AS :battles;
CREATE VIEW overall AS
SELECT m1.slug AS model1_id, m2.slug AS model2_id, b.outcome, b.created_at
FROM counted AS b
JOIN api.model AS m1 ON m1.id = b.model1_id JOIN api.model AS m2 ON m2.id = b.model2_id
WHERE leaderboard = 'overall';
SELECT differing(:'result_snapshot_id', $$bixarena_rank('overall', 100,
	min_evaluations => 10, model1 => 'model1_id', model2 => 'model2_id')$$);
SELECT count(*) AS entries, count(DISTINCT e.id) AS ids, count(DISTINCT e.model_id) AS models,
	bool_and(e.leaderboard_id = s.leaderboard_id) AS same_leaderboard,
	bool_and(e.created_at = s.created_at) AS same_time,
	array_agg(e.rank ORDER BY e.bt_score DESC) = array_agg(e.n ORDER BY e.n) AS rank_by_score,
	bool_and(e.bt_score BETWEEN e.bootstrap_q025 AND e.bootstrap_q975) AS score_inside,
	avg(e.bt_score)::numeric(10,4) AS mean, sum(e.vote_count) / 2 AS battles
FROM (SELECT *, row_number() OVER (ORDER BY rank)::int AS n FROM api.leaderboard_entry) AS e
JOIN api.leaderboard_snapshot AS s ON s.id = e.snapshot_id;
-- stronger models are ranked higher: the order in which they were made
SELECT corr(e.rank, substring(m.slug FROM E'\\d+')::int) > 0.95 AS as_drawn
FROM api.leaderboard_entry AS e JOIN api.model AS m ON m.id = e.model_id;
-- the run
SELECT arena, leaderboard, status, trigger_source, triggered_by, role = current_user AS role,
	parameters, attempts, entry_count, evaluation_count, ignored_battles,
	incomplete_replicates, unranked, skip_reason, error_sqlstate, error_message, error_detail
FROM bixarena.run \gx
SELECT correlation_id = :'result_correlation_id' AS correlation_id,
	snapshot_id = :'result_snapshot_id' AS snapshot_id,
	snapshot_identifier = :'result_snapshot_identifier' AS identifier,
	:'before' <= requested_at AND requested_at <= started_at
		AND started_at <= ended_at AS in_order,
	least(read_seconds, fit_seconds, bootstrap_seconds, write_seconds) >= 0 AND
		read_seconds + fit_seconds + bootstrap_seconds + write_seconds
		<= extract(epoch FROM ended_at - started_at) + 0.001 AS phases
FROM bixarena.run;

-- several within one second have identifiers of their own
SELECT count(*) AS made, count(DISTINCT snapshot_identifier) AS identifiers
FROM generate_series(1, 5) AS n, LATERAL bixarena_generate_snapshot('surgery', 10, seed => n);
SELECT bool_and(snapshot_identifier ~ E'^snapshot_\\d{4}-\\d\\d-\\d\\d_\\d\\d-\\d\\d-\\d\\d(_\\d)?$') AS well_formed
FROM api.leaderboard_snapshot;

--
-- Nothing is written by a dry run, or when the transaction is undone
--

TRUNCATE api.leaderboard_snapshot, api.leaderboard_entry;
TRUNCATE bixarena.run;
SELECT status, reason, snapshot_id, snapshot_identifier, entry_count, evaluation_count
FROM bixarena_generate_snapshot('overall', 10, dry_run => true);
TABLE written;
BEGIN READ ONLY;
SELECT status, entry_count FROM bixarena_generate_snapshot('overall', 10, dry_run => true);
COMMIT;
-- two at once are no trouble when neither writes
SELECT a.status, b.status FROM bixarena_generate_snapshot('overall', 10, dry_run => true) AS a,
	bixarena_generate_snapshot('overall', 10, dry_run => true) AS b;
BEGIN READ ONLY;
SELECT status FROM bixarena_generate_snapshot('overall', 10);
ROLLBACK;
BEGIN;
SELECT status FROM bixarena_generate_snapshot('overall', 10);
TABLE written;
ROLLBACK;
TABLE written;
-- a savepoint is enough, and the locks go with it: of the leaderboard, and of each
-- identifier that was given
BEGIN;
SAVEPOINT s;
SELECT status FROM bixarena_generate_snapshot('overall', 10);
ROLLBACK TO s;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT status FROM bixarena_generate_snapshot('overall', 10);
SELECT status FROM bixarena_generate_snapshot('overall', 10);
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
COMMIT;
TABLE written;
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();

--
-- Options
--

TRUNCATE api.leaderboard_snapshot, api.leaderboard_entry;
TRUNCATE bixarena.run;
-- seed: the same again and again, another one another
CREATE FUNCTION intervals(seed bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	snapshot uuid := (bixarena_generate_snapshot('oncology', 50, seed => seed)).snapshot_id;
BEGIN
	RETURN (SELECT md5(string_agg(format('%s %s %s %s', e.model_id, e.bt_score,
			e.bootstrap_q025, e.bootstrap_q975), ', ' ORDER BY e.rank))
		FROM api.leaderboard_entry AS e WHERE e.snapshot_id = snapshot);
END
$$;
SELECT intervals(NULL) = intervals(0) AS default_seed, intervals(5) = intervals(5) AS same,
	intervals(5) <> intervals(6) AS other;

-- what wins: the call, the leaderboard, the arena, the default
CREATE VIEW last_run AS
SELECT leaderboard, parameters FROM bixarena.run ORDER BY ended_at DESC LIMIT 1;
SELECT status FROM bixarena_generate_snapshot('oncology');
SELECT parameters FROM last_run;
SELECT bixarena_configure('num_bootstrap', '20'), bixarena_configure('seed', '1'),
	bixarena_configure('min_evaluations', '3'), bixarena_configure('auto_publish', 'off'),
	bixarena_configure('rank_by_significance', 'on'), bixarena_configure('prior_battles', '0.5');
SELECT status FROM bixarena_generate_snapshot('oncology');
SELECT parameters FROM last_run;
SELECT bixarena_configure('num_bootstrap', '30', 'oncology'), bixarena_configure('seed', '2', 'oncology'),
	bixarena_configure('anchor_model', 'model-07', 'oncology'),
	bixarena_configure('anchor_score', '1100', 'oncology'),
	bixarena_configure('auto_publish', 'on', 'oncology');
SELECT status FROM bixarena_generate_snapshot('oncology');
SELECT parameters FROM last_run;
SELECT status FROM bixarena_generate_snapshot('oncology', 40, min_evaluations => 4,
	rank_by_significance => false, auto_publish => false, seed => 3);
SELECT parameters FROM last_run;
SELECT m.slug, e.bt_score, e.bootstrap_q025, e.bootstrap_q975
FROM api.leaderboard_entry AS e
JOIN api.model AS m ON m.id = e.model_id
JOIN bixarena.run AS r ON r.snapshot_id = e.snapshot_id
WHERE m.slug = 'model-07' AND r.parameters ->> 'num_bootstrap' = '40';
SELECT status FROM bixarena_generate_snapshot('surgery');
SELECT leaderboard, parameters FROM last_run;
SELECT s.visibility, count(*) FROM api.leaderboard_snapshot AS s GROUP BY 1 ORDER BY 1;
DELETE FROM bixarena.setting;

-- ranks by significance are 1 + the number of intervals above
TRUNCATE api.leaderboard_snapshot, api.leaderboard_entry;
SELECT status FROM bixarena_generate_snapshot('overall', 100, rank_by_significance => true);
SELECT count(*), count(DISTINCT e.rank) BETWEEN 2 AND 21 AS shared, bool_and(e.rank =
	(SELECT 1 + count(*) FROM api.leaderboard_entry AS o
	WHERE o.bootstrap_q025 > e.bootstrap_q975)) AS right_ranks
FROM api.leaderboard_entry AS e;

-- who and what asked
TRUNCATE bixarena.run;
SELECT status, correlation_id FROM bixarena_generate_snapshot('oncology', 10,
	trigger_source => 'scheduled', triggered_by => 'cron', correlation_id => '00000000-0000-0000-0000-000000000001');
SELECT status, correlation_id FROM bixarena_generate_snapshot('oncology', 10,
	trigger_source => 'api', triggered_by => 'Zoë <zoe@example.org>', correlation_id => '00000000-0000-0000-0000-000000000002');
SELECT status, correlation_id FROM bixarena_generate_snapshot('oncology', 10,
	trigger_source => NULL, triggered_by => repeat('x', 320), correlation_id => '00000000-0000-0000-0000-000000000003');
SELECT correlation_id, trigger_source, left(triggered_by, 30) AS triggered_by FROM bixarena.run ORDER BY 1;
SELECT bixarena_generate_snapshot('oncology', trigger_source => 'cron');
SELECT bixarena_generate_snapshot('oncology', trigger_source => '');
SELECT bixarena_generate_snapshot('oncology', triggered_by => repeat('x', 321));
SELECT bixarena_generate_snapshot('oncology', triggered_by => E'me\nand you');
SELECT bixarena_generate_snapshot('oncology', triggered_by => E'del\x7f');
-- a correlation id is of one run
SELECT bixarena_generate_snapshot('oncology', 10, correlation_id => '00000000-0000-0000-0000-000000000003');
SELECT count(*) AS runs, (SELECT count(*) FROM api.leaderboard_snapshot AS s
	JOIN api.leaderboard AS l ON l.id = s.leaderboard_id WHERE l.slug = 'oncology') AS snapshots
FROM bixarena.run;

--
-- As of a moment in the past
--

TRUNCATE api.leaderboard_snapshot, api.leaderboard_entry;
SELECT s.status, s.evaluation_count = (SELECT count(*) FROM overall WHERE created_at <= d) AS right_count,
	s.snapshot_identifier
FROM (VALUES (timestamptz '2025-01-15 00:00:00+00'), ('2025-01-20 03:05:00+05'),
	('2025-01-15 00:00:00.9+00'), ('2025-02-10 00:00:00+00')) AS dates (d),
	LATERAL bixarena_generate_snapshot('overall', 10, as_of => d) AS s;
SELECT snapshot_identifier, created_at AT TIME ZONE 'UTC' AS created_at, visibility
FROM api.leaderboard_snapshot ORDER BY snapshot_identifier;
SELECT DISTINCT (parameters ->> 'as_of')::timestamptz AT TIME ZONE 'UTC' AS as_of
FROM bixarena.run WHERE parameters ->> 'as_of' IS NOT NULL ORDER BY 1;
-- up to then, that moment included
SELECT min(created_at) AS first FROM overall \gset
SELECT bixarena_configure('min_total_battles', '1');
SELECT status, reason, evaluation_count
FROM bixarena_generate_snapshot('overall', as_of => :'first');
SELECT status, reason, evaluation_count
FROM bixarena_generate_snapshot('overall', as_of => timestamptz :'first' - interval '1 microsecond');
SELECT status, reason FROM bixarena_generate_snapshot('overall', as_of => '-infinity');
SELECT status FROM bixarena_generate_snapshot('overall', as_of => now() + interval '1 day');
SELECT status FROM bixarena_generate_snapshot('overall', as_of => 'infinity');
SELECT bixarena_configure('min_total_battles', NULL);

--
-- Too little: skipped, with the reason on record
--

TRUNCATE bixarena.run;
TRUNCATE api.leaderboard_snapshot, api.leaderboard_entry;
INSERT INTO api.leaderboard (slug, name) VALUES ('empty', 'Empty');
SELECT status, reason, snapshot_id, snapshot_identifier, entry_count, evaluation_count
FROM bixarena_generate_snapshot('empty');
SELECT status, reason FROM bixarena_generate_snapshot('toxicology');
SELECT bixarena_configure('min_total_models', '23');
SELECT status, reason, entry_count FROM bixarena_generate_snapshot('oncology', 10);
SELECT bixarena_configure('min_total_models', '22');
SELECT status, reason, entry_count FROM bixarena_generate_snapshot('oncology', 10);
-- as many entries as models are asked for
SELECT status, reason, entry_count FROM bixarena_generate_snapshot('oncology', 10, min_evaluations => 25);
SELECT bixarena_configure('min_total_models', NULL), bixarena_configure('min_total_battles', '0');
SELECT status, reason, entry_count
FROM bixarena_generate_snapshot('oncology', 10, min_evaluations => 1000000);
SELECT status, reason FROM bixarena_generate_snapshot('empty', dry_run => true);
SELECT bixarena_configure('min_total_battles', NULL);
SELECT leaderboard, status, skip_reason, snapshot_id IS NOT NULL AS snapshot,
	entry_count, evaluation_count, (SELECT count(*) FROM jsonb_each_text(unranked) WHERE value = 'few_evaluations') AS few
FROM bixarena.run ORDER BY ended_at;
SELECT count(*) FROM api.leaderboard_snapshot;

--
-- Arguments
--

SELECT bixarena_generate_snapshot('oncology', 9);
SELECT bixarena_generate_snapshot('oncology', 10001);
SELECT bixarena_generate_snapshot('oncology', min_evaluations => -1);
SELECT bixarena_generate_snapshot(NULL);
SELECT bixarena_generate_snapshot('no such');
\set VERBOSITY terse
SELECT bixarena_generate_snapshot('Overall');
SELECT bixarena_generate_snapshot('');
SELECT bixarena_generate_snapshot('overall''; DROP TABLE api.model; --');
\set VERBOSITY default
SELECT bixarena_generate_snapshot('overall', arena => 'elsewhere');
-- a leaderboard may have such a slug
INSERT INTO api.leaderboard (slug, name) VALUES ('x''; DROP TABLE api.model; --', 'Injection');
INSERT INTO api.battle_categorization_category
SELECT categorization_id, 'x''; DROP TABLE api.model; --'
FROM api.battle_categorization_category WHERE category = 'surgery';
SELECT s.status, s.evaluation_count = (SELECT count(*) FROM counted WHERE leaderboard = 'surgery') AS all
FROM bixarena_generate_snapshot('x''; DROP TABLE api.model; --', 10) AS s;
SELECT leaderboard FROM last_run;
SELECT count(*) FROM api.model;
-- inside a parallel query
CREATE FUNCTION not_safe(slug text) RETURNS text
LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN (bixarena_generate_snapshot(slug, 10)).status; END';
SELECT name AS force_parallel FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET :force_parallel = on;
SELECT not_safe(slug) FROM api.leaderboard WHERE slug = 'surgery';
RESET :force_parallel;
SELECT not_safe(slug) FROM api.leaderboard WHERE slug = 'surgery';

SET client_min_messages = warning;
DROP VIEW overall, counted, last_run, written;
DROP FUNCTION differing, intervals, not_safe;
DROP SCHEMA IF EXISTS api CASCADE;
DROP EXTENSION bixarena_rank;
