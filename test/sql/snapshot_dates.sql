-- What snapshots are called, when they are dated, and what comes of dates in the
-- future.

\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(2000, 5, categories => '{code,math,prose}');
UPDATE arena.battle SET created_at = created_at - interval '40 days';
SELECT bixarena_configure('num_bootstrap', '10');

-- identifiers are unique in the arena: "_2" is of another leaderboard
CREATE TABLE moment AS SELECT timestamptz '2026-01-09 02:00+00' AS moment;
UPDATE arena.battle SET created_at = '2026-01-01 00:00+00';
SELECT l.slug, g.status, g.snapshot_identifier
FROM (SELECT slug FROM arena.leaderboard ORDER BY slug LIMIT 4) AS l,
	LATERAL bixarena_generate_snapshot(l.slug, as_of => (SELECT moment FROM moment)) AS g;
-- so deleting and hiding one by its name alone is deleting and hiding that one
SELECT bixarena_delete_snapshot('math', 'snapshot_2026-01-09_02-00-00_2');
UPDATE arena.leaderboard_snapshot SET visibility = 'private'
WHERE snapshot_identifier = 'snapshot_2026-01-09_02-00-00_3';
SELECT l.slug, s.snapshot_identifier, s.visibility
FROM arena.leaderboard_snapshot AS s JOIN arena.leaderboard AS l ON l.id = s.leaderboard_id ORDER BY 1;
-- the greatest number counts, as a number, and what is on record is not given again
UPDATE arena.leaderboard_snapshot SET snapshot_identifier = 'snapshot_2026-01-09_02-00-00_11'
WHERE snapshot_identifier = 'snapshot_2026-01-09_02-00-00_4';
SELECT snapshot_identifier FROM bixarena_generate_snapshot('math', as_of => (SELECT moment FROM moment));
SELECT bixarena_delete_snapshot('math', 'snapshot_2026-01-09_02-00-00_12');
SELECT snapshot_identifier FROM bixarena_generate_snapshot('math', as_of => (SELECT moment FROM moment));
-- what is only similar does not
INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier)
SELECT id, i FROM arena.leaderboard, unnest('{snapshot_2026-01-10_02-00-00_x,snapshot_2026-01-10_02-00-00_,
	snapshot_2026-01-10_02-00-000,xsnapshot_2026-01-10_02-00-00_7,snapshot_2026-01-10_02-00-00_7x,
	snapshot_2026-01-10_02-00-00_99999999999999999999}'::text[]) AS i
WHERE slug = 'code';
SELECT snapshot_identifier FROM bixarena_generate_snapshot('math', as_of => '2026-01-10 02:00+00');
-- one that another program has made is passed by, in this leaderboard and in another
INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, created_at)
SELECT id, 'snapshot_2026-01-11_02-00-00' || CASE slug WHEN 'code' THEN '' ELSE '_2' END, '2026-01-11 02:00+00'
FROM arena.leaderboard WHERE slug IN ('code', 'math');
SELECT snapshot_identifier FROM bixarena_generate_snapshot('math', as_of => '2026-01-11 02:00+00');
-- duplicates that there are stay
INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, created_at)
SELECT id, 'snapshot_2026-01-12_02-00-00', '2026-01-12 02:00+00' FROM arena.leaderboard;
SELECT snapshot_identifier FROM bixarena_generate_snapshot('math', as_of => '2026-01-12 02:00+00');
SELECT count(*) FROM arena.leaderboard_snapshot WHERE snapshot_identifier = 'snapshot_2026-01-12_02-00-00';

-- without any constraint, in an arena of views
CREATE SCHEMA store;
CREATE TABLE store.snapshot (LIKE arena.leaderboard_snapshot INCLUDING DEFAULTS);
CREATE TABLE store.entry (LIKE arena.leaderboard_entry INCLUDING DEFAULTS);
CREATE SCHEMA views;
CREATE VIEW views.model AS TABLE arena.model;
CREATE VIEW views.leaderboard AS TABLE arena.leaderboard;
CREATE VIEW views.leaderboard_battle AS TABLE arena.leaderboard_battle;
CREATE VIEW views.leaderboard_snapshot AS TABLE store.snapshot;
ALTER VIEW views.leaderboard_snapshot ALTER id SET DEFAULT gen_random_uuid();
CREATE VIEW views.leaderboard_entry AS TABLE store.entry;
ALTER VIEW views.leaderboard_entry ALTER id SET DEFAULT gen_random_uuid();
SELECT bixarena_attach_arena('views');
SELECT bixarena_configure('num_bootstrap', '10', arena => 'views');
SELECT l.slug, g.snapshot_identifier
FROM unnest('{code,code,math,code}'::text[]) AS l (slug),
	LATERAL bixarena_generate_snapshot(l.slug, as_of => (SELECT moment FROM moment), arena => 'views') AS g;

-- a snapshot of the past bears its date, a second one a microsecond later, also
-- where the next microseconds are taken
SELECT l.slug, s.snapshot_identifier, s.created_at, s.updated_at,
	(SELECT bool_and(e.created_at = s.created_at) FROM store.entry AS e WHERE e.snapshot_id = s.id) AS entries
FROM store.snapshot AS s JOIN arena.leaderboard AS l ON l.id = s.leaderboard_id ORDER BY 1, 3;
SELECT status FROM bixarena_generate_snapshot('code', arena => 'views',
	as_of => (SELECT moment - interval '1 us' FROM moment));
SELECT status FROM bixarena_generate_snapshot('code', arena => 'views',
	as_of => (SELECT moment - interval '1 us' FROM moment));
SELECT s.snapshot_identifier, s.created_at
FROM store.snapshot AS s JOIN arena.leaderboard AS l ON l.id = s.leaderboard_id
WHERE l.slug = 'code' ORDER BY 2;
-- the parameters of the run tell the moment itself
SELECT count(DISTINCT parameters ->> 'as_of') FROM bixarena.run WHERE arena = 'views' AND leaderboard = 'code';
SELECT bixarena_configure('auto_publish', 'true', arena => 'views');
-- readers see the later one, by any program's order
SELECT DISTINCT l.snapshot_identifier = s.snapshot_identifier AS same
FROM bixarena_leaderboard('code', arena => 'views') AS l,
	(SELECT snapshot_identifier FROM store.snapshot AS s JOIN arena.leaderboard AS l ON l.id = s.leaderboard_id
	WHERE l.slug = 'code' ORDER BY s.created_at DESC LIMIT 1) AS s;

-- snapshots of now are dated now, also beside a date that is infinite or the last
-- that there is; beside one in the future, just after that
DROP SCHEMA views CASCADE;
DROP SCHEMA store CASCADE;
TRUNCATE arena.leaderboard_snapshot, arena.leaderboard_entry, bixarena.run;
CREATE FUNCTION dated(board text, called text, visibility text, moment timestamptz) RETURNS void LANGUAGE sql AS $$
	WITH s AS (
		INSERT INTO arena.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at, updated_at)
		SELECT id, called, visibility, moment, moment FROM arena.leaderboard WHERE slug = board
		RETURNING id, leaderboard_id
	)
	INSERT INTO arena.leaderboard_entry (leaderboard_id, model_id, snapshot_id, rank, bt_score, bootstrap_q025, bootstrap_q975)
	SELECT s.leaderboard_id, m.id, s.id, 1, 1000, 1000, 1000 FROM s, arena.model AS m
$$;
CREATE FUNCTION made(board text) RETURNS TABLE (identifier text, created text, updated text) LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
	result bixarena_snapshot_result := bixarena_generate_snapshot(board);
BEGIN
	RETURN QUERY SELECT CASE WHEN s.snapshot_identifier LIKE to_char(now(), '"snapshot_"YYYY"-%"') THEN 'of now'
			ELSE s.snapshot_identifier::text END,
		CASE WHEN s.created_at BETWEEN began AND clock_timestamp() THEN 'now' ELSE s.created_at::text END,
		CASE WHEN s.updated_at BETWEEN began AND clock_timestamp() THEN 'now' ELSE s.updated_at::text END
	FROM arena.leaderboard_snapshot AS s WHERE s.id = result.snapshot_id;
END
$$;
SELECT dated('code', 'endless', 'public', 'infinity'), dated('code', 'ever', 'public', '-infinity'),
	dated('code', 'doomsday', 'public', '294276-12-31 23:59:59.999999+00'),
	dated('math', 'mock', 'public', '2099-01-01 00:00+00'),
	dated('prose', 'draft', 'private', '2099-01-01 00:00+00');
SELECT * FROM made('overall');
SELECT * FROM made('code');
SELECT * FROM made('math');
SELECT * FROM made('math');
SELECT * FROM made('prose');
-- in one transaction, each later than the one before
BEGIN;
CREATE TEMPORARY TABLE made_now AS
SELECT n, g.snapshot_id FROM generate_series(1, 5) AS n, LATERAL bixarena_generate_snapshot('overall', seed => n) AS g;
SELECT count(*), bool_and(s.created_at > s.before) AS rises
FROM (
	SELECT s.created_at, lag(s.created_at) OVER (ORDER BY m.n) AS before
	FROM made_now AS m JOIN arena.leaderboard_snapshot AS s ON s.id = m.snapshot_id
) AS s;
ROLLBACK;

-- readers see what was made last, and take no notice of what is infinite
SELECT b AS board, count(*), bool_and(l.snapshot_identifier LIKE to_char(now(), '"snapshot_"YYYY"-%"')) AS last
FROM unnest('{math,prose}'::text[]) AS b, LATERAL bixarena_leaderboard(b) AS l GROUP BY 1 ORDER BY 1;
SELECT DISTINCT snapshot_identifier FROM bixarena_leaderboard('code');
UPDATE arena.leaderboard_snapshot SET visibility = 'private' WHERE snapshot_identifier = 'doomsday';
SELECT count(*), bool_and(snapshot_identifier LIKE to_char(now(), '"snapshot_"YYYY"-%"')) AS last
FROM bixarena_leaderboard('code');
SELECT count(*) FROM bixarena_model_history('code', 'simulated-0001');
SELECT DISTINCT snapshot_identifier FROM bixarena_leaderboard('code', 'endless');
-- an operator sees all
SELECT snapshot_identifier, created_at FROM bixarena_snapshots('code') WHERE created_at NOT BETWEEN '2000-01-01' AND now();

-- health names the first that is dated in the future, also a private one; ages are
-- never negative
SELECT leaderboard_id, status, figure, message FROM bixarena_health() WHERE check_name = 'snapshot_age';
SELECT labels ->> 'leaderboard' AS leaderboard, value FROM bixarena.metrics
WHERE name = 'bixarena_snapshot_late' ORDER BY 1;
SELECT count(*), bool_and(value BETWEEN 0 AND 600) AS good FROM bixarena.metrics WHERE name = 'bixarena_snapshot_age_seconds';
-- a snapshot that is newer than the transaction is no such thing
BEGIN;
SELECT count(*) FROM made('overall');
SELECT status, figure, message FROM bixarena_health() WHERE check_name = 'snapshot_age' AND leaderboard_id = 'overall';
SELECT value FROM bixarena.metrics WHERE name = 'bixarena_snapshot_age_seconds' AND labels ->> 'leaderboard' = 'overall';
ROLLBACK;
-- nor is a request of this transaction, or of a clock that was ahead, or how long a run
-- took while the clock was set back
CREATE FUNCTION negative() RETURNS TABLE (what text, number double precision) LANGUAGE sql AS $$
	SELECT m.name, m.value FROM bixarena.metrics AS m WHERE m.value < 0
	UNION ALL
	SELECT h.check_name, h.figure FROM bixarena_health() AS h WHERE h.figure < 0
$$;
BEGIN;
UPDATE bixarena.run SET ended_at = started_at - interval '1 hour';
INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters, attempts, requested_at)
SELECT 'arena', b, 'queued', 'api', current_user, '{}', 0, clock_timestamp() + interval '1 hour' FROM unnest('{code,math}'::text[]) AS b;
SELECT name, value FROM bixarena.metrics WHERE name IN ('bixarena_waiting_runs', 'bixarena_waiting_age_seconds') ORDER BY 1;
SELECT DISTINCT value FROM bixarena.metrics WHERE name = 'bixarena_last_success_duration_seconds';
SELECT * FROM negative();
ROLLBACK;
DROP FUNCTION negative;
-- a pause is no excuse
SELECT bixarena_configure('enabled', 'false', leaderboard_id => 'math');
SELECT status, message FROM bixarena_health() WHERE check_name = 'snapshot_age' AND leaderboard_id = 'math';
SELECT bixarena_configure('enabled', NULL, leaderboard_id => 'math');
-- the way back
UPDATE arena.leaderboard_snapshot SET created_at = updated_at WHERE created_at > now();
SELECT bixarena_delete_snapshot('math', 'mock');
SELECT leaderboard_id, status FROM bixarena_health()
WHERE check_name = 'snapshot_age' AND leaderboard_id = 'math';

-- retention deletes what is older, never the run's own
TRUNCATE arena.leaderboard_snapshot, arena.leaderboard_entry;
SELECT dated('math', 'mock', 'public', '2099-01-01 00:00+00'), dated('math', 'old', 'public', now() - interval '9 days'),
	dated('math', 'endless', 'public', 'infinity'), dated('math', 'ever', 'public', '-infinity'),
	dated('math', 'doomsday', 'public', '294276-12-31 23:59:59.999999+00');
SELECT bixarena_configure('keep_snapshots', '1');
SELECT bixarena_configure('keep_days', '1');
SELECT bixarena_configure('auto_publish', 'false');
CREATE FUNCTION kept() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE WHEN s.snapshot_identifier LIKE to_char(now(), '"snapshot_"YYYY"-%"') THEN 'of now'
		ELSE s.snapshot_identifier END, ', ' ORDER BY s.created_at, s.snapshot_identifier)
	FROM arena.leaderboard_snapshot AS s
$$;
SELECT * FROM made('math');
SELECT kept();
DELETE FROM arena.leaderboard_snapshot WHERE snapshot_identifier = 'doomsday';
SELECT bixarena_configure('auto_publish', 'true');
SELECT * FROM made('math');
SELECT kept();

DROP FUNCTION dated, made, kept;
DROP TABLE moment;
SET client_min_messages = warning;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena CASCADE;
