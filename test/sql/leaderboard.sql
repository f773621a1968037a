-- bixarena_leaderboard(): the order of a snapshot, which snapshot is shown, and
-- rank changes.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');

-- snapshots by hand: their dates in days ago, their ranks as they are listed
INSERT INTO arena.leaderboard (slug, name) VALUES ('other', 'Other'), ('vacant', 'Vacant');
INSERT INTO arena.model (slug, name, organization, license)
SELECT s, initcap(s), CASE WHEN s <> 'c' THEN 'Lab ' || s END,
	CASE s WHEN 'b' THEN 'open-source' ELSE 'proprietary' END
FROM unnest('{a,b,c,d,e}'::text[]) AS s;
CREATE FUNCTION snapshot(board text, identifier text, visibility text, ago interval,
	VARIADIC slugs text[])
RETURNS void LANGUAGE sql AS $$
	WITH l AS (
		SELECT id FROM arena.leaderboard WHERE slug = board
	), s AS (
		INSERT INTO arena.leaderboard_snapshot
			(leaderboard_id, snapshot_identifier, visibility, created_at)
		SELECT id, identifier, visibility, timestamptz '2025-03-31 12:00:00+00' - ago FROM l
		RETURNING id, leaderboard_id
	)
	INSERT INTO arena.leaderboard_entry (leaderboard_id, model_id, snapshot_id, rank, bt_score,
		bootstrap_q025, bootstrap_q975, vote_count)
	SELECT s.leaderboard_id, m.id, s.id, n, 1100 - 10 * n, 1090 - 10 * n, 1110 - 10 * n, 100 * n
	FROM s, unnest(slugs) WITH ORDINALITY AS u (slug, n) JOIN arena.model AS m USING (slug)
$$;
SELECT snapshot('overall', 'month ago', 'public', '30 days', 'd', 'c', 'b', 'a'),
	snapshot('overall', 'eight days ago', 'public', '8 days', 'c', 'd', 'a'),
	snapshot('overall', 'week ago, hidden', 'private', '7 days', 'a', 'b', 'c', 'd'),
	snapshot('overall', 'six days ago', 'public', '6 days', 'b', 'a', 'c', 'd'),
	snapshot('overall', 'latest', 'public', '0', 'a', 'b', 'd', 'c', 'e'),
	snapshot('overall', 'newer, hidden', 'private', '-1 day', 'e', 'd'),
	snapshot('other', 'other', 'public', '-2 days', 'b', 'a');

-- all columns; the change is against the latest public one at least 7 days
-- older, and null for who was not in it
SELECT rank, model, slug, organization, license, bt_score, bootstrap_q025 AS q025,
	bootstrap_q975 AS q975, vote_count, rank_change, snapshot_identifier
FROM bixarena_leaderboard('overall');
CREATE FUNCTION changes(leaderboard_id text, snapshot_identifier text DEFAULT NULL,
	lookback interval DEFAULT '7 days')
RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(slug || coalesce(to_char(rank_change, 'SG9'), ' new'), ', ')
	FROM bixarena_leaderboard($1, $2, $3)
$$;
SELECT d AS lookback, changes('overall', lookback => d)
FROM unnest('{8 days,8 days 1 second,1 month,6 days,1 day,0,1 year}'::interval[]) AS d;
-- a named snapshot, and what changed up to it
SELECT s AS snapshot, changes('overall', s)
FROM unnest('{latest,six days ago,eight days ago,month ago}'::text[]) AS s;
-- one of each leaderboard of its own
SELECT changes('other'), changes('other', 'other', '0');
-- no public snapshot: nothing to show
SELECT count(*) FROM bixarena_leaderboard('vacant');
SELECT snapshot('vacant', 'hidden', 'private', '0', 'a', 'b');
SELECT count(*) FROM bixarena_leaderboard('vacant');
UPDATE arena.leaderboard_snapshot SET visibility = 'public' WHERE snapshot_identifier = 'hidden';
SELECT count(*) FROM bixarena_leaderboard('vacant');

-- equal ranks are shown by score, equal scores by name, then slug, by bytes
UPDATE arena.leaderboard_entry SET rank = 1, bt_score = CASE vote_count WHEN 500 THEN 1001 ELSE 1000 END
WHERE snapshot_id = (SELECT id FROM arena.leaderboard_snapshot WHERE snapshot_identifier = 'latest');
UPDATE arena.model SET name = CASE slug WHEN 'a' THEN 'beta' WHEN 'b' THEN 'Zeta' ELSE 'beta' END
WHERE slug IN ('a', 'b', 'd');
SELECT rank, slug, model, bt_score FROM bixarena_leaderboard('overall');

-- errors
SELECT * FROM bixarena_leaderboard('overall', 'no such');
SELECT * FROM bixarena_leaderboard('overall', 'other');
SELECT * FROM bixarena_leaderboard('overall', '''; DROP TABLE arena.model; --');
SELECT * FROM bixarena_leaderboard('no such');
SELECT * FROM bixarena_leaderboard(NULL);
SELECT * FROM bixarena_leaderboard('overall', lookback => NULL);
SELECT * FROM bixarena_leaderboard('overall', arena => 'elsewhere');

-- it reads with the rights of the caller, and in a transaction that is read only
CREATE ROLE regress_reader;
SET ROLE regress_reader;
\set VERBOSITY sqlstate
SELECT * FROM bixarena_leaderboard('overall');
\set VERBOSITY default
RESET ROLE;
GRANT USAGE ON SCHEMA arena TO regress_reader;
GRANT SELECT ON arena.leaderboard, arena.leaderboard_snapshot, arena.leaderboard_entry TO regress_reader;
SET ROLE regress_reader;
SELECT * FROM bixarena_leaderboard('overall');
RESET ROLE;
GRANT SELECT ON arena.model TO regress_reader;
SET ROLE regress_reader;
BEGIN READ ONLY;
SELECT count(*) FROM bixarena_leaderboard('overall');
COMMIT;
RESET ROLE;

-- after a real run
TRUNCATE arena.leaderboard_snapshot, arena.leaderboard_entry;
DELETE FROM arena.model;
SELECT bixarena_simulate_battles(3000, 8);
SELECT status FROM bixarena_generate_snapshot('overall', 50, as_of => now() - interval '10 days');
SELECT status FROM bixarena_generate_snapshot('overall', 50);
SELECT status FROM bixarena_generate_snapshot('overall', 50, auto_publish => false);
SELECT count(*) AS models, bool_and(l.rank_change = o.rank - l.rank) AS right_change,
	bool_and(l.bt_score BETWEEN l.bootstrap_q025 AND l.bootstrap_q975) AS inside,
	array_agg(l.rank) = '{1,2,3,4,5,6,7,8}' AS in_order
FROM bixarena_leaderboard('overall') AS l
JOIN arena.model AS m USING (slug)
JOIN arena.leaderboard_entry AS o ON o.model_id = m.id
JOIN arena.leaderboard_snapshot AS s ON s.id = o.snapshot_id AND s.created_at < now() - interval '9 days';

SET client_min_messages = warning;
DROP FUNCTION snapshot, changes;
DROP SCHEMA IF EXISTS arena CASCADE;
DROP EXTENSION bixarena_rank;
DROP ROLE regress_reader;
