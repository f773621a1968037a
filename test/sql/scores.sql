-- Scoreboards: what counts, what is said of what does not, ranks, dead letters,
-- periods, what is watched.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE EXTENSION bixarena_rank;

SELECT bixarena_create_scoreboard('game');
SELECT bixarena_create_scoreboard('game');
SELECT bixarena_create_scoreboard('pg_game');
SELECT bixarena_create_game('game', 'arcade');
SELECT bixarena_create_game('game', 'laps', 'Lap times', 'asc');
SELECT bixarena_create_game('game', 'gold', operator => 'sum');
SELECT bixarena_create_game('game', 'level', operator => 'latest');
SELECT bixarena_create_game('game', 'gold');
SELECT bixarena_create_game('game', 'x', score_order => 'up');
SELECT bixarena_create_game('none', 'x');
-- the only scoreboard need not be named
SELECT * FROM bixarena_top_scores(NULL, 'arcade');

-- each operator, in the order of the messages
SELECT * FROM bixarena_submit_scores('game', '[
	{"message_id": "1", "player_id": "ann", "game_id": "arcade", "score": 10, "sent_at": "2026-01-26T15:30:12Z"},
	{"message_id": "2", "player_id": "bob", "game_id": "arcade", "score": 10, "sent_at": "2026-01-26T16:30:11+01:00"},
	{"message_id": "3", "player_id": "ann", "game_id": "arcade", "score": 9},
	{"message_id": "4", "player_id": "cid", "game_id": "arcade", "score": -0.5},
	{"message_id": "5", "player_id": "ann", "game_id": "laps", "score": 61.25},
	{"message_id": "6", "player_id": "bob", "game_id": "laps", "score": 61.5},
	{"message_id": "7", "player_id": "bob", "game_id": "laps", "score": 60},
	{"message_id": "8", "player_id": "ann", "game_id": "gold", "score": 0.1},
	{"message_id": "9", "player_id": "ann", "game_id": "gold", "score": 0.2},
	{"message_id": "10", "player_id": "ann", "game_id": "gold", "score": 0, "update_type": "bonus", "metadata": {"a": 1}},
	{"message_id": "11", "player_id": "ann", "game_id": "level", "score": 3},
	{"message_id": "12", "player_id": "ann", "game_id": "level", "score": 2}]');
-- of equal scores, who reached it first stands first
SELECT rank, player_id, score, reached_at FROM bixarena_top_scores('game', 'arcade') WHERE score = 10;
SELECT rank, player_id, score FROM bixarena_top_scores('game', 'arcade');
SELECT rank, player_id, score FROM bixarena_top_scores('game', 'laps');
SELECT game_id, rank, players, round(percentile::numeric, 2) AS percentile, score, points_to_next
FROM bixarena_ranks_of('game', 'ann');
SELECT old_score, submitted, new_score, update_type, metadata FROM bixarena_score_history('game', 'gold', 'ann');
SELECT message_id, old_score, submitted, new_score FROM bixarena_score_history('game', 'arcade', 'ann');

-- a sum was not reached before the last of its messages was sent, whenever they come
SELECT * FROM bixarena_submit_scores('game', '[
	{"message_id": "13", "player_id": "late", "game_id": "gold", "score": 2, "sent_at": "2026-01-26T12:00:00Z"},
	{"message_id": "14", "player_id": "late", "game_id": "gold", "score": 3, "sent_at": "2026-01-26T11:00:00Z"},
	{"message_id": "15", "player_id": "soon", "game_id": "gold", "score": 5, "sent_at": "2026-01-26T11:30:00Z"},
	{"message_id": "16", "player_id": "late", "game_id": "level", "score": 9, "sent_at": "2026-01-26T12:00:00Z"},
	{"message_id": "17", "player_id": "late", "game_id": "level", "score": 8, "sent_at": "2026-01-26T11:00:00Z"}]');
SELECT player_id, score, reached_at FROM bixarena_top_scores('game', 'gold') WHERE score = 5;
-- the latest is what came last
SELECT score, reached_at FROM bixarena_player_rank('game', 'level', 'late');

-- one bad message harms no other, and a message counts once
SELECT * FROM bixarena_submit_scores('game', '[
	{"message_id": "12", "player_id": "ann", "game_id": "level", "score": 2},
	{"message_id": "20", "player_id": "dan", "game_id": "gold", "score": 1},
	{"message_id": "20", "player_id": "dan", "game_id": "gold", "score": 1},
	{"message_id": "21", "game_id": "gold", "score": 1},
	{"message_id": "22", "player_id": "dan", "score": 1},
	{"message_id": "23", "player_id": "dan", "game_id": "none", "score": 1},
	{"message_id": "24", "player_id": "dan", "game_id": "gold"},
	{"message_id": "25", "player_id": "dan", "game_id": "gold", "score": "1"},
	{"message_id": "26", "player_id": "dan", "game_id": "gold", "score": "NaN"},
	{"message_id": "27", "player_id": "dan", "game_id": "gold", "score": 1e60},
	{"message_id": "28", "player_id": "dan", "game_id": "gold", "score": 1e-61},
	{"message_id": "29", "player_id": "dan", "game_id": "gold", "score": 1, "sent_at": "2999-01-01T00:00:00Z"},
	{"message_id": "30", "player_id": "dan", "game_id": "gold", "score": 1, "sent_at": "2026-02-29T00:00:00Z"},
	{"message_id": "31", "player_id": "dan", "game_id": "gold", "score": 1, "sent_at": "yesterday"},
	{"message_id": "32", "player_id": "dan", "game_id": "gold", "score": 1, "metadata": [1]},
	{"message_id": "33", "player_id": "d\u0001n", "game_id": "gold", "score": 1},
	{"message_id": 34, "player_id": "dan", "game_id": "gold", "score": 1},
	{"message_id": "35", "player_id": "", "game_id": "gold", "score": 1},
	{"message_id": "36", "player_id": "dan", "game_id": "gold", "score": 9e59},
	{"message_id": "37", "player_id": "dan", "game_id": "gold", "score": 9e59},
	null, 5, [], "text"]');
SELECT score > 1 AS has_first FROM game.score WHERE player_id = 'dan';
SELECT m.disposition, m.reason FROM bixarena_submit_scores('game', jsonb_build_array(
	jsonb_build_object('message_id', 'long', 'player_id', 'dan', 'game_id', 'gold', 'score', 1,
		'metadata', jsonb_build_object('a', repeat('x', 65536))))) AS m;
SELECT m.disposition, m.reason FROM bixarena_submit_scores('game', jsonb_build_array(
	jsonb_build_object('message_id', repeat('m', 256), 'player_id', 'dan', 'game_id', 'gold', 'score', 1))) AS m;
-- without an id the content counts once, for five minutes
SELECT * FROM bixarena_submit_scores('game', '[
	{"player_id": "eve", "game_id": "gold", "score": 1}, {"score": 1.0, "player_id": "eve", "game_id": "gold"},
	{"player_id": "eve", "game_id": "gold", "score": 1}]');
UPDATE game.message SET received_at = received_at - interval '6 minutes' WHERE by_content;
SELECT * FROM bixarena_submit_scores('game', '[{"player_id": "eve", "game_id": "gold", "score": 1}]');
SELECT score FROM game.score WHERE player_id = 'eve';
-- an id of a message that was invalid is free for a better one
SELECT * FROM bixarena_submit_scores('game', '[{"message_id": "24", "player_id": "dan", "game_id": "level", "score": 7}]');
SELECT * FROM bixarena_submit_scores('game', '{}');
SELECT * FROM bixarena_submit_scores('game', NULL);
SELECT * FROM bixarena_submit_scores('none', '[]');
-- the same invalid message again is the same dead letter
SELECT count(*) FROM game.dead_letter;
SELECT disposition FROM bixarena_submit_scores('game', '[5]');
SELECT count(*), max(arrivals) FROM game.dead_letter;

-- nothing is left of a transaction that is rolled back
BEGIN;
SELECT * FROM bixarena_submit_scores('game', '[{"message_id": "50", "player_id": "ann", "game_id": "arcade", "score": 99}]');
SELECT rank, score FROM bixarena_player_rank('game', 'arcade', 'ann');
ROLLBACK;
SELECT rank, score FROM bixarena_player_rank('game', 'arcade', 'ann');
SELECT * FROM bixarena_submit_scores('game', '[{"message_id": "50", "player_id": "ann", "game_id": "arcade", "score": 11}]');
SELECT rank, score, points_to_next FROM bixarena_player_rank('game', 'arcade', 'cid');

-- events are not changed
UPDATE game.score_event SET submitted = 0;
DELETE FROM game.score_event;
TRUNCATE game.score_event;

/*
 * Many players: every rank is what counting says, while ranges split, empty and join.
 */
SELECT bixarena_create_game('game', 'many', operator => 'latest');
CREATE FUNCTION wrong_ranks(game text) RETURNS TABLE (wrong bigint, differences bigint, total bigint)
LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM (
			SELECT r.rank, s.n
			FROM (SELECT s.player_id, row_number() OVER (ORDER BY s.place) AS n
				FROM game.score AS s JOIN game.game AS g USING (board_no)
				WHERE g.game_id = game) AS s
			CROSS JOIN LATERAL bixarena_player_rank('game', game, s.player_id) AS r
			WHERE s.n % 37 = 1) AS c WHERE c.rank <> c.n),
		(SELECT count(*) FROM bixarena_check_scores('game')),
		(SELECT max(p.players) FROM bixarena_periods('game', game) AS p)
$$;
CREATE FUNCTION submit_many(first integer, last integer, score text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	messages jsonb;
BEGIN
	EXECUTE format('SELECT jsonb_agg(jsonb_build_object(''player_id'', ''p'' || i, ''game_id'', ''many'',
		''message_id'', gen_random_uuid(), ''score'', %s)) FROM generate_series($1, $2) AS i', score)
	INTO messages USING first, last;
	RETURN (SELECT count(*) FROM bixarena_submit_scores('game', messages));
END
$$;
SELECT submit_many(1, 500, 'i * 37 % 101');
SELECT submit_many(501, 1500, 'i * 37 % 101');
SELECT wrong_ranks('many');
-- equal scores, in one range and in many
SELECT submit_many(1, 700, '5');
SELECT submit_many(701, 1000, 'i');
SELECT wrong_ranks('many');
SELECT count(*) > 20 AS has_split FROM game.rank_node AS n, unnest(n.bounds) WHERE n.level = 1;
-- all away, and back
SELECT submit_many(1, 1500, '1000000 + i');
SELECT submit_many(1, 1500, '-i');
SELECT wrong_ranks('many');
SELECT submit_many(i * 100 + 1, i * 100 + 100, 'random() * 1e6') FROM generate_series(0, 29) AS i;
SELECT wrong_ranks('many');
-- in one transaction, whose events it cannot fold
BEGIN;
SELECT submit_many(1, 1000, '1e6 * random()');
SELECT submit_many(3001, 4000, '1e6 * random()');
SELECT wrong_ranks('many');
COMMIT;
SELECT submit_many(1, 300, '7');
SELECT wrong_ranks('many');
-- with a wrong count, the check says so, and counting anew mends it
UPDATE game.rank_count SET counts[1] = counts[1] + 1 WHERE board_no = (SELECT board_no FROM game.game WHERE game_id = 'many')
	AND node_no = 1;
SELECT count(*) > 0 AS differs FROM bixarena_check_scores('game');
SELECT bixarena_recount_scores('game');
SELECT submit_many(1, 300, '-7');
SELECT wrong_ranks('many');
-- pages
WITH RECURSIVE page AS (
	SELECT t.*, 1 AS n FROM (SELECT array_agg(s ORDER BY s.rank) AS rows FROM bixarena_top_scores('game', 'many', 700) AS s) AS t
	UNION ALL
	SELECT (SELECT array_agg(s ORDER BY s.rank) FROM bixarena_top_scores('game', 'many', 700,
		(p.rows[cardinality(p.rows)])."cursor") AS s), p.n + 1
	FROM page AS p WHERE cardinality(p.rows) = 700
)
SELECT n, cardinality(rows) AS length, (rows[1]).rank FROM page ORDER BY n;
SELECT * FROM bixarena_top_scores('game', 'many', 1, 'zz');
SELECT * FROM bixarena_top_scores('game', 'many', 0);
SELECT count(*), min(rank), max(rank) FROM bixarena_around_player('game', 'many', (SELECT player_id FROM bixarena_top_scores('game', 'many', 1)), 3);
SELECT count(*), max(rank) - min(rank) AS span FROM bixarena_around_player('game', 'many', 'p1', 3);
SELECT count(*) FROM bixarena_around_player('game', 'many', 'nobody');
SELECT * FROM bixarena_player_rank('game', 'many', 'nobody');
SELECT * FROM bixarena_player_rank('game', 'none', 'p1');
-- documents
SELECT bixarena_top_scores_json('game', 'laps', 1) #- '{next}' #- '{standings,0,reached_at}';
SELECT bixarena_player_rank_json('game', 'laps', 'ann') - 'reached_at';
SELECT bixarena_player_rank_json('game', 'laps', 'nobody');
SELECT bixarena_around_player_json('game', 'laps', 'ann', 1) #- '{standings,0,reached_at}' #- '{standings,1,reached_at}';
SELECT bixarena_ranks_of_json('game', 'bob') #- '{games,0,reached_at}' #- '{games,1,reached_at}';

/*
 * Attempts: here one, so that nothing waits for a worker.
 */
CREATE FUNCTION game.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.player_id = 'evil' THEN
		RAISE EXCEPTION 'not now';
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON game.score FOR EACH ROW EXECUTE FUNCTION game.refuse();
UPDATE game.scoreboard SET retry_seconds = 0, max_attempts = 1;
SELECT * FROM bixarena_submit_scores('game', '[
	{"message_id": "60", "player_id": "evil", "game_id": "gold", "score": 1},
	{"message_id": "61", "player_id": "ann", "game_id": "gold", "score": 1}]');
SELECT message_id, attempts, reason, sqlstate FROM game.dead_letter WHERE message_id = '60';
-- the id of a dead letter is free: a better message with it counts, and so would it if it were tried again
SELECT * FROM bixarena_submit_scores('game', '[{"message_id": "60", "player_id": "kind", "game_id": "gold", "score": 1}]');
SELECT score FROM bixarena_player_rank('game', 'gold', 'kind');
SELECT score FROM game.score AS s JOIN game.game USING (board_no) WHERE player_id = 'ann' AND game_id = 'gold';
SELECT check_name, status, figure, message FROM bixarena_health('game');
UPDATE game.scoreboard SET dead_letters_critical = 1000;
SELECT check_name, status FROM bixarena_health('game');
SELECT name, labels, value FROM bixarena.metrics WHERE name ~ 'score' AND name !~ 'age|events' ORDER BY 1;

/*
 * Messages that wait behind others: of a role that does not work, and of their own
 * player.  Who has nothing that can be applied stops, and what can be is applied.
 */
CREATE ROLE regress_idle;
SELECT bixarena_grant('regress_idle', 'operator', 'game') IS NOT NULL AS granted;
UPDATE game.scoreboard SET max_attempts = 3, retry_seconds = 1000;
BEGIN;
SET LOCAL ROLE regress_idle;
INSERT INTO game.queue (lane, message_id, by_content, player_id, game_id, content)
SELECT l.lane, format('idle %s %s', l.lane, i), false, 'idle ' || i % 700, 'gold', '{}'
FROM game.queue_lane AS l, generate_series(1, 1500) AS i;
RESET ROLE;
SELECT * FROM bixarena_enqueue_scores('game', '[
	{"message_id": "80", "player_id": "evil", "game_id": "gold", "score": 1},
	{"message_id": "81", "player_id": "evil", "game_id": "gold", "score": 1},
	{"message_id": "82", "player_id": "good", "game_id": "gold", "score": 1},
	{"message_id": "83", "player_id": "idle 1", "game_id": "gold", "score": 1}]');
CREATE TEMP TABLE turns AS SELECT n, (bixarena.score_work('game')).done FROM generate_series(1, 5) AS n;
SELECT sum(done) AS tried, (array_agg(done ORDER BY n))[4:5] AS then_stops FROM turns;
SELECT message_id, attempts FROM game.queue WHERE role = current_user::regrole ORDER BY 1;
SELECT score FROM bixarena_player_rank('game', 'gold', 'good');
ROLLBACK;
UPDATE game.scoreboard SET max_attempts = 1, retry_seconds = 0;
DROP OWNED BY regress_idle;
DROP ROLE regress_idle;

-- periods
SELECT bixarena_reset_game('game', 'laps') IS NOT NULL AS reset;
SELECT * FROM bixarena_submit_scores('game', '[{"message_id": "70", "player_id": "cid", "game_id": "laps", "score": 70}]');
SELECT players, ended_at IS NULL AS runs FROM bixarena_periods('game', 'laps');
SELECT rank, player_id FROM bixarena_top_scores('game', 'laps');
SELECT rank, player_id FROM bixarena_top_scores('game', 'laps', at => (SELECT min(started_at) FROM bixarena_periods('game', 'laps')));
SELECT count(*) FROM bixarena_top_scores('game', 'laps', at => '2000-01-01');

-- retention
UPDATE game.scoreboard SET keep_events_days = 1, keep_messages_days = 1, keep_dead_letters_days = 1;
SELECT * FROM bixarena_clean_scores('game');
UPDATE game.message SET received_at = received_at - interval '2 days';
UPDATE game.dead_letter SET died_at = died_at - interval '2 days';
SELECT messages > 1000 AS messages, dead_letters > 10 AS dead_letters, events FROM bixarena_clean_scores('game');
SELECT count(*) FROM game.message;

-- tables that the owner has altered, and what he has written into them, make errors
CREATE FUNCTION altered(change text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text;
BEGIN
	BEGIN
		EXECUTE change;
		EXECUTE call;
		said := 'done';
		RAISE EXCEPTION 'done';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
		said := SQLSTATE || ' ' || SQLERRM || ' ' || said;
	END;
	RETURN said;
END
$$;
SELECT altered('DROP INDEX game.score_place; ALTER TABLE game.score ALTER place TYPE bytea[] USING ARRAY[place]',
	$$SELECT bixarena_around_player('game', 'gold', 'ann')$$);
SELECT altered('ALTER TABLE game.score ALTER place DROP NOT NULL; UPDATE game.score SET place = NULL',
	$$SELECT bixarena_player_rank('game', 'gold', 'ann')$$);
SELECT altered('ALTER TABLE game.player ALTER name TYPE integer USING 5', $$SELECT bixarena_top_scores('game', 'gold')$$);
SELECT altered($$ALTER TABLE game.rank_node ALTER bounds TYPE integer[] USING '{5}'$$, $$SELECT bixarena_player_rank('game', 'gold', 'ann')$$);
SELECT altered($$UPDATE game.rank_node SET bounds = '{}'; UPDATE game.rank_count SET counts = '{}'$$,
	$$SELECT bixarena_player_rank('game', 'gold', 'ann')$$);
SELECT altered($$UPDATE game.rank_node SET bounds = '{NULL}'; UPDATE game.rank_count SET counts = '{1}'$$,
	$$SELECT bixarena_player_rank('game', 'gold', 'ann')$$);
SELECT altered('ALTER TABLE game.game ALTER operator DROP NOT NULL; UPDATE game.game SET operator = NULL',
	$$SELECT bixarena_submit_scores('game', '[{"player_id": "ann", "game_id": "gold", "score": 1}]')$$);
SELECT altered('ALTER TABLE game.scoreboard ALTER max_future_seconds TYPE integer', $$SELECT bixarena_submit_scores('game', '[]')$$);
DROP FUNCTION altered;

-- a scoreboard is the user's
DROP EXTENSION bixarena_rank CASCADE;
SELECT count(*) > 0 AS is_left FROM game.score_event;
CREATE EXTENSION bixarena_rank;
SELECT rank, player_id FROM bixarena_top_scores('game', 'level');
-- but not if it is not one any more
ALTER TABLE game.score RENAME TO old_score;
CREATE VIEW game.score AS SELECT * FROM game.old_score;
SELECT rank, player_id FROM bixarena_top_scores('game', 'level');
DROP EXTENSION bixarena_rank;
DROP FUNCTION wrong_ranks(text), submit_many(integer, integer, text);
DROP SCHEMA game CASCADE;
