-- Reading as the application does: a leaderboard filtered, sorted and paged, a
-- model's history, two snapshots compared, matchups.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
INSERT INTO arena.leaderboard (slug, name) VALUES ('vacant', 'Vacant');
INSERT INTO arena.model (slug, name, organization, license) VALUES
	('ant', 'Ant', 'Insects', 'open-source'), ('bee', 'Bee 100%', 'Insects', 'proprietary'),
	('cat', 'Big Cat', 'Mammals', 'open-source'), ('dog', 'Dog', 'Mammals', 'proprietary'),
	('eel', 'Big Eel', NULL, 'proprietary'), ('fox', 'big fox_1', 'Mammals', 'open-source'),
	('eel2', 'Big Eel', NULL, 'proprietary');

-- snapshots by hand, each line a model: slug, rank, score, half of the interval, battles
CREATE FUNCTION snapshot(identifier text, visibility text, moment timestamptz, VARIADIC lines text[])
RETURNS void LANGUAGE sql AS $$
	WITH s AS (
		INSERT INTO arena.leaderboard_snapshot
			(leaderboard_id, snapshot_identifier, visibility, created_at)
		SELECT id, identifier, visibility, moment FROM arena.leaderboard WHERE slug = 'overall'
		RETURNING id, leaderboard_id
	)
	INSERT INTO arena.leaderboard_entry (leaderboard_id, model_id, snapshot_id, rank, bt_score,
		bootstrap_q025, bootstrap_q975, vote_count)
	SELECT s.leaderboard_id, m.id, s.id, f[2]::integer, f[3]::numeric, f[3]::numeric - f[4]::numeric,
		f[3]::numeric + f[4]::numeric, f[5]::integer
	FROM s, unnest(lines) AS l, LATERAL string_to_array(l, ' ') AS f
	JOIN arena.model AS m ON m.slug = f[1]
$$;
SELECT snapshot('first', 'public', '2026-01-01 02:00+00',
		'ant 1 1100 50 20', 'bee 2 1050 50 20', 'cat 3 1000 50 20', 'dog 4 900 50 20', 'eel 5 850 50 20'),
	snapshot('hidden', 'private', '2026-01-07 02:00+00',
		'bee 1 1100 50 20', 'ant 2 1050 50 20'),
	snapshot('second', 'public', '2026-01-08 02:00+00',
		'dog 1 1110 40 30', 'ant 2 1090 40 30', 'bee 3 1040 40 30', 'cat 4 1000 40 20', 'fox 5 950 40 15'),
	snapshot('third', 'public', '2026-01-08 03:00+00',
		'dog 1 1120 40 33', 'ant 2 1080 40 34', 'bee 2 1080 40 35', 'fox 4 950 40 16', 'eel2 4 800 40 10');

-- filters, alone and together; the count is of all pages
CREATE FUNCTION list(VARIADIC models bixarena_leaderboard_row[]) RETURNS text LANGUAGE sql AS $$
	SELECT count(*) || ' of ' || coalesce(min(m.total_count), 0) || ': ' || coalesce(string_agg(m.slug, ' '), '')
	FROM unnest(models) AS m
$$;
SELECT list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall') AS l)) AS everything,
	list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', license => 'open-source') AS l)) AS license,
	list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', organization => 'Insects') AS l)) AS organization,
	list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', license => 'open-source', organization => 'Insects') AS l)) AS both,
	list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', license => 'none') AS l)) AS neither;
-- a search is for a part of the name, in any case, and is no pattern
SELECT s AS search, list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', search => s) AS l))
FROM unnest(E'{big,BIG ,fox_,x_1,0%,%,_,"",Big Eel,\\\\}'::text[]) AS s;
-- sorted: the best first, or as asked; equals by rank
SELECT s AS sort_by, list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', sort_by => s) AS l)) AS natural,
	list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', sort_by => s, descending => true) AS l)) AS falling,
	list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', sort_by => s, descending => false) AS l)) AS rising
FROM unnest('{rank,slug,organization,license,bt_score,bootstrap_q025,bootstrap_q975,vote_count,rank_change}'::text[]) AS s;
-- pages
SELECT p AS page, list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', page_size => 2, page => p) AS l)),
	list(VARIADIC ARRAY(SELECT l FROM bixarena_leaderboard('overall', page => p) AS l)) AS of_all
FROM generate_series(1, 4) AS p;
-- rank changes are those of the whole leaderboard, whatever is shown of it
SELECT rank, slug, rank_change, total_count FROM bixarena_leaderboard('overall', 'second', search => 'dog', lookback => '1 day');
SELECT rank, slug, rank_change, total_count FROM bixarena_leaderboard('overall', 'second', search => 'dog');

-- a history, newest first; private snapshots are not in it
SELECT * FROM bixarena_model_history('overall', 'bee');
SELECT snapshot_identifier, rank, bt_score FROM bixarena_model_history('overall', 'bee', 'rank');
SELECT snapshot_identifier, rank, bt_score FROM bixarena_model_history('overall', 'bee', 'bt_score');
SELECT snapshot_identifier, rank, bt_score FROM bixarena_model_history('overall', 'bee', 'created_at', false);
SELECT snapshot_identifier, total_count FROM bixarena_model_history('overall', 'bee', page_size => 2, page => 2);
SELECT count(*) FROM bixarena_model_history('overall', 'eel2', page => 2);
SELECT count(*) FROM bixarena_model_history('vacant', 'bee');

-- compared: moved, new, gone; the latest with the one a week before
SELECT model, slug, status, rank_before, rank_after, rank_change, score_change, intervals_part, battles_gained
FROM bixarena_compare_snapshots('overall', 'first', 'second');
SELECT slug, status, rank_change, intervals_part FROM bixarena_compare_snapshots('overall', 'second', 'first');
SELECT slug, status, rank_change, snapshot_before, snapshot_after FROM bixarena_compare_snapshots('overall') LIMIT 1;
SELECT slug, status, rank_change, snapshot_before, snapshot_after
FROM bixarena_compare_snapshots('overall', lookback => '0') LIMIT 1;
SELECT slug, status, rank_change, snapshot_before, snapshot_after
FROM bixarena_compare_snapshots('overall', after => 'hidden', lookback => '1 day') LIMIT 1;
SELECT count(*), count(*) FILTER (WHERE status = 'stayed' AND rank_change = 0 AND score_change = 0 AND NOT intervals_part)
FROM bixarena_compare_snapshots('overall', 'second', 'second');
-- nothing to compare with
SELECT count(*) FROM bixarena_compare_snapshots('overall', after => 'first');
SELECT count(*) FROM bixarena_compare_snapshots('vacant');

-- matchups up to the time of the snapshot: of pairs that met in any order
INSERT INTO arena.battle (model1_id, model2_id, outcome, created_at)
SELECT a.id, b.id, t.outcome, t.moment::timestamptz
FROM (VALUES ('dog', 'ant', 'model1', '2026-01-02', 3), ('ant', 'dog', 'model1', '2026-01-02', 1),
	('ant', 'dog', 'tie', '2026-01-03', 2), ('dog', 'ant', 'model1', '2026-01-08 02:30+00', 4),
	('fox', 'dog', 'model1', '2026-01-02', 1), ('cat', 'fox', 'model2', '2026-01-02', 5),
	('eel', 'cat', 'tie', '2026-01-02', 2)) AS t (first, second, outcome, moment, times)
JOIN arena.model AS a ON a.slug = t.first JOIN arena.model AS b ON b.slug = t.second,
	generate_series(1, t.times);
SELECT slug1, slug2, rank1, rank2, battles, wins1, wins2, ties, observed_share, round(predicted_share::numeric, 4) AS predicted
FROM bixarena_matchups('overall', 'second');
-- who has no rank comes last, by name
SELECT slug1, slug2, rank1, rank2, battles, wins1, wins2, ties, round(predicted_share::numeric, 4) AS predicted
FROM bixarena_matchups('overall');
-- without a snapshot, all battles and no prediction; a leaderboard without any
UPDATE arena.leaderboard_snapshot SET visibility = 'private';
SELECT slug1, slug2, rank1, rank2, battles, predicted_share FROM bixarena_matchups('overall');
UPDATE arena.leaderboard_snapshot SET visibility = 'public' WHERE snapshot_identifier <> 'hidden';
SELECT count(*) FROM bixarena_matchups('vacant');
-- battles that cannot be used are told of
BEGIN;
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT 'overall'::text AS leaderboard, model1_id, model2_id, CASE outcome WHEN 'tie' THEN 'neither' ELSE outcome END::text AS outcome,
	voter_id, created_at, id AS battle_id FROM arena.battle;
SELECT count(*), sum(battles) FROM bixarena_matchups('overall');
ROLLBACK;

-- the fit fits: expected and observed points of each model are the same, and no
-- pair is further off than chance allows
SET client_min_messages = warning;
TRUNCATE arena.leaderboard_snapshot, arena.leaderboard_entry, arena.battle;
DELETE FROM arena.model;
RESET client_min_messages;
SELECT bixarena_simulate_battles(20000, 12);
SELECT status FROM bixarena_generate_snapshot('overall', 10);
WITH matchup AS MATERIALIZED (SELECT * FROM bixarena_matchups('overall')), side AS (
	SELECT slug1 AS slug, battles * observed_share AS observed, battles * predicted_share AS predicted FROM matchup
	UNION ALL
	SELECT slug2, battles * (1 - observed_share), battles * (1 - predicted_share) FROM matchup
)
SELECT count(*) AS models, bool_and(abs(observed - predicted) < 1e-3) AS same_points,
	(SELECT sum(battles) FROM matchup) AS battles, (SELECT bool_and(rank1 < rank2) FROM matchup) AS better_first,
	(SELECT max(abs(observed_share - predicted_share) / sqrt(predicted_share * (1 - predicted_share) / battles)) < 4.5
		FROM matchup) AS close
FROM (SELECT slug, sum(observed) AS observed, sum(predicted) AS predicted FROM side GROUP BY slug) AS s;

-- errors
SELECT * FROM bixarena_leaderboard('overall', sort_by => 'name; DROP TABLE arena.model');
SELECT * FROM bixarena_leaderboard('overall', sort_by => NULL);
SELECT * FROM bixarena_leaderboard('overall', page_size => 0);
SELECT * FROM bixarena_leaderboard('overall', page => 0);
SELECT * FROM bixarena_leaderboard('overall', page => NULL);
SELECT * FROM bixarena_model_history('overall', 'no such');
SELECT * FROM bixarena_model_history('overall', 'Simulated 0001');
SELECT * FROM bixarena_model_history('overall', NULL);
SELECT * FROM bixarena_model_history(NULL, 'simulated-0001');
SELECT * FROM bixarena_model_history('no such', 'simulated-0001');
SELECT * FROM bixarena_model_history('overall', 'simulated-0001', 'slug');
SELECT * FROM bixarena_compare_snapshots(NULL);
SELECT * FROM bixarena_compare_snapshots('no such');
SELECT * FROM bixarena_compare_snapshots('overall', 'no such');
SELECT * FROM bixarena_compare_snapshots('overall', after => 'no such');
SELECT * FROM bixarena_compare_snapshots('overall', lookback => NULL);
SELECT * FROM bixarena_compare_snapshots('overall', lookback => '-1 day');
SELECT * FROM bixarena_matchups(NULL);
SELECT * FROM bixarena_matchups('no such');
SELECT * FROM bixarena_matchups('overall', 'no such');
SELECT * FROM bixarena.matchup_rows(NULL, NULL, NULL, NULL, NULL, NULL, NULL);

DROP FUNCTION snapshot, list;
SET client_min_messages = warning;
DROP EXTENSION bixarena_rank;
DROP SCHEMA arena CASCADE;
