-- What no other test saw when test/mutate took it away.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('own'), bixarena_create_arena('other');

-- who may change one arena and look into another may change the one only
CREATE ROLE regress_own_admin;
SELECT bixarena_grant('regress_own_admin', 'admin', arena => 'own'),
	bixarena_grant('regress_own_admin', 'reader', arena => 'other');
SET ROLE regress_own_admin;
SELECT bixarena_configure('seed', '1', arena => 'own');
SELECT bixarena_configure('seed', '1', arena => 'other');
RESET ROLE;
SELECT s.arena, s.name, s.value FROM bixarena.setting AS s;

SELECT bixarena_simulate_battles(500, 5, arena => 'own'),
	bixarena_configure('num_bootstrap', '10', arena => 'own');

-- a day of keep_days has 24 hours
INSERT INTO own.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT l.id, format('%s minutes old', m), 'public', now() - m * interval '1 minute'
FROM own.leaderboard AS l, unnest('{1410,1470}'::integer[]) AS m;
SELECT bixarena_configure('keep_days', '1', arena => 'own');
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'own');
SELECT snapshot_identifier FROM own.leaderboard_snapshot
WHERE snapshot_identifier LIKE '%old' ORDER BY 1;
SELECT bixarena_configure('keep_days', NULL, arena => 'own');

-- of snapshots of one moment the one with the higher number is the later, as "_10" is
-- later than "_2": it is shown, and kept the longest
DELETE FROM own.leaderboard_snapshot;
INSERT INTO own.leaderboard_snapshot (leaderboard_id, snapshot_identifier, visibility, created_at)
SELECT l.id, 'twin' || n, 'public', '2026-01-01'
FROM own.leaderboard AS l, unnest('{"",_2,_9,_10,_11}'::text[]) AS n;
INSERT INTO own.leaderboard_entry (leaderboard_id, snapshot_id, model_id, rank, vote_count,
	bt_score, bootstrap_q025, bootstrap_q975, created_at)
SELECT s.leaderboard_id, s.id, m.id, 1, 10, 1000, 990, 1010, s.created_at
FROM own.leaderboard_snapshot AS s, (SELECT id FROM own.model ORDER BY slug LIMIT 1) AS m;
SELECT snapshot_identifier FROM bixarena_leaderboard('overall', arena => 'own');
SELECT bixarena_configure('keep_snapshots', '4', arena => 'own');
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'own');
SELECT snapshot_identifier FROM own.leaderboard_snapshot
WHERE snapshot_identifier LIKE 'twin%' ORDER BY length(snapshot_identifier), 1;
SELECT bixarena_configure('keep_snapshots', NULL, arena => 'own');

-- a model without a value comes last, however the others are sorted: one was in the
-- snapshot of a week ago
SELECT slug, rank_change IS NULL AS is_new
FROM bixarena_leaderboard('overall', sort_by => 'rank_change', arena => 'own') LIMIT 1;
SELECT slug, rank_change IS NULL AS is_new
FROM bixarena_leaderboard('overall', sort_by => 'rank_change', descending => false, arena => 'own') LIMIT 1;

-- equal scores stand in the order of names, not of slugs
INSERT INTO other.model (slug, name, license)
SELECT 'm' || n, chr(ascii('z') - n), 'open-source' FROM generate_series(1, 4) AS n;
INSERT INTO other.battle (model1_id, model2_id, outcome)
SELECT a.id, b.id, 'tie' FROM other.model AS a JOIN other.model AS b ON a.slug < b.slug,
	generate_series(1, 10);
SELECT bixarena_configure('num_bootstrap', '10', arena => 'other');
SELECT status FROM bixarena_generate_snapshot('overall', arena => 'other');
SELECT rank, model, slug FROM bixarena_leaderboard('overall', arena => 'other');

-- a model that has only met some that the arena does not know is none of the board
INSERT INTO other.model (slug, name, license) VALUES ('lonely', 'Lonely', 'open-source');
DROP VIEW IF EXISTS other.leaderboard_battle;
CREATE VIEW other.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, b.outcome::text, b.voter_id, b.created_at
FROM other.battle AS b
UNION ALL
SELECT 'overall', m.id, md5('nobody')::uuid, 'tie', NULL, now() FROM other.model AS m WHERE m.slug = 'lonely';
SELECT status, entry_count, evaluation_count FROM bixarena_generate_snapshot('overall', arena => 'other');
SELECT r.unranked FROM bixarena.run AS r WHERE r.arena = 'other' ORDER BY r.requested_at DESC LIMIT 1;

-- a request is refused that could not be made: of a leaderboard that is paused, or by a
-- role that may not write snapshots
SELECT bixarena_configure('enabled', 'false', arena => 'other');
SELECT bixarena_request_snapshot('overall', arena => 'other');
SELECT bixarena_configure('enabled', NULL, arena => 'other');
ALTER ROLE regress_own_admin LOGIN;
SET ROLE regress_own_admin;
SELECT bixarena_request_snapshot('overall', arena => 'other');
RESET ROLE;

-- who asked, and as which role: no line breaks in the one, no other role than that in
-- force in the other
GRANT ALL ON ALL TABLES IN SCHEMA other TO regress_own_admin;
SELECT bixarena_generate_snapshot('overall', arena => 'other', triggered_by => E'one\nanother');
SET ROLE regress_own_admin;
SELECT (bixarena_generate_snapshot('overall', arena => 'other')).status;
RESET ROLE;
SELECT r.role FROM bixarena.run AS r WHERE r.arena = 'other' ORDER BY r.requested_at DESC LIMIT 1;

-- requests are made in the order in which they were asked for
INSERT INTO own.leaderboard (slug, name) VALUES ('aside', 'Aside');
BEGIN;
SELECT count(bixarena_request_snapshot(l, arena => 'own')) FROM unnest('{overall,aside}'::text[]) AS l;
COMMIT;
DO $$BEGIN
	WHILE EXISTS (SELECT FROM bixarena.run WHERE status IN ('queued', 'running')) LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END$$;
SELECT r.leaderboard, r.status FROM bixarena.run AS r
WHERE r.arena = 'own' AND r.trigger_source = 'api' ORDER BY r.started_at;

-- the notice of a failed run is cut, whatever its message is full of
CREATE FUNCTION other.shout() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '%', repeat('"', 5000);
END
$$;
DROP VIEW other.leaderboard_battle;
CREATE VIEW other.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, b.model1_id, b.model2_id, other.shout() AS outcome, b.voter_id, b.created_at
FROM other.battle AS b;
\set VERBOSITY terse
CALL bixarena_generate_snapshots(arena => 'other');
\set VERBOSITY default

-- 2,000 models are not too many
CREATE TABLE other.star AS SELECT 0 AS model1, n AS model2, 'model1' AS outcome FROM generate_series(1, 1999) AS n;
SELECT status, count(*) FROM bixarena_rank('other.star', 10) GROUP BY 1 ORDER BY 1;

-- where an axis has one value only, that is in the middle
SELECT bixarena.chart_place((5, 5, 10, 110)::bixarena.axis, 5);
-- charts tell the time of UTC, whatever the session's
SET TimeZone = 'Asia/Tokyo';
SELECT bixarena.chart_time_grid((0, 86400, 0, 600)::bixarena.axis, 0, 100) ~ 'until 1970-01-02 00:00<';
RESET TimeZone;

-- marks and words on pages mean what they say
SELECT bixarena.chart_run_legend(0) ~ 'x="122"[^>]*>failed<' AS failed_is_failed,
	bixarena.page_html('title', 'header', 'body') ~ '<html [^>]*lang="en"' AS is_english,
	bixarena.report_movers(ARRAY[('M', 'm', 'stayed', 1, 2, -1, 1100, 1000, -100, true, 5, 'a', 'b'
		)::bixarena_comparison_row]) ~ '>part<' AS parts,
	bixarena_runs_report('other') ~ format('need attention: %s;', (SELECT count(*)
		FROM bixarena_health('other') AS h WHERE h.status <> 'ok')) AS attention;

DROP EXTENSION bixarena_rank;
DROP SCHEMA own, other CASCADE;
DROP OWNED BY regress_own_admin;
DROP ROLE regress_own_admin;
