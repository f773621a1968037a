-- The history of runs, and a run as a message for Slack.

\set SHOW_CONTEXT never
-- off makes an error of what a role does not see
SET row_security = on;
CREATE EXTENSION bixarena_rank;
SELECT * FROM bixarena_runs();
SELECT bixarena_create_arena('arena');
SELECT count(*) FROM bixarena_runs();

-- rows as any version of the extension may have left them, here with times that
-- stay the same
CREATE FUNCTION key(n integer) RETURNS uuid LANGUAGE sql AS
	$$SELECT ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid$$;
CREATE FUNCTION recorded(n integer, leaderboard text, status text, trigger_source text DEFAULT 'scheduled')
RETURNS void LANGUAGE sql AS $$
	INSERT INTO bixarena.run (correlation_id, arena, leaderboard, status, trigger_source,
		role, parameters, attempts, requested_at, started_at)
	VALUES (key(n), 'arena', leaderboard, status, trigger_source, 'operator',
		'{"auto_publish": true}', 1,
		'2026-01-09 02:00:00Z'::timestamptz + (n - 1) * interval '1 hour',
		'2026-01-09 02:00:00Z'::timestamptz + (n - 1) * interval '1 hour')
$$;
SELECT recorded(1, 'overall', 'succeeded');
SELECT recorded(2, 'code', 'skipped');
SELECT recorded(3, 'overall', 'failed', 'api');
SELECT recorded(4, 'code', 'succeeded', 'manual');
SELECT recorded(5, 'gone', 'running', 'manual');
SELECT recorded(6, 'overall', 'queued', 'api');
-- the same moment, and another arena
INSERT INTO bixarena.run (correlation_id, arena, leaderboard, status, trigger_source,
	role, parameters, attempts, requested_at)
SELECT key(7), 'arena', 'code', 'queued', 'api', 'operator', '{}', 0, r.requested_at
FROM bixarena.run AS r WHERE r.correlation_id = key(6);
INSERT INTO bixarena.run (correlation_id, arena, leaderboard, status, trigger_source,
	role, parameters, attempts, requested_at)
VALUES (key(8), 'elsewhere', 'overall', 'queued', 'api', 'operator', '{}', 0, '2026-01-09');
CREATE FUNCTION numbers(uuid[]) RETURNS text LANGUAGE sql AS
	$$SELECT string_agg(right(u::text, 1), ' ' ORDER BY n) FROM unnest($1) WITH ORDINALITY AS x (u, n)$$;

SELECT correlation_id, leaderboard, status, trigger_source FROM bixarena_runs();
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs('overall');
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs('gone');
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs('never');
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(status => 'queued');
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(trigger_source => 'manual');
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs('overall', 'failed', 'api');
-- from since up to until, which is not in it
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(
	since => '2026-01-09 03:00Z', until => '2026-01-09 05:00Z');
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(since => '2026-01-09 07:00Z');
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(until => '2026-01-09 02:00Z');
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(page_size => 3);
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(page_size => 3, page => 3);
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(page_size => 2147483647, page => 2147483647);
-- whatever the session's time zone
SET timezone = 'Asia/Kolkata';
SELECT numbers(array_agg(correlation_id)) FROM bixarena_runs(since => '2026-01-09 03:00Z', until => '2026-01-09 05:00Z');
RESET timezone;

-- what is refused
SELECT bixarena_runs(status => 'done');
SELECT bixarena_runs(trigger_source => 'whim');
SELECT bixarena_runs(page_size => 0);
SELECT bixarena_runs(page => 0);
-- without a size, all there is
SELECT count(*) FROM bixarena_runs(page_size => NULL);
SELECT count(*) FROM bixarena_runs(page_size => NULL, page => 2);
SELECT bixarena_runs(page => NULL);
SELECT bixarena_runs(arena => 'elsewhere');
SELECT count(*) FROM bixarena_runs('''; DROP TABLE bixarena.run; --');

-- the indexes serve
INSERT INTO bixarena.run (arena, leaderboard, status, trigger_source, role, parameters, attempts, requested_at)
SELECT 'many', 'board ' || n % 20, 'succeeded', 'scheduled', 'operator', '{}', 1,
	'2020-01-01'::timestamptz + n * interval '1 hour'
FROM generate_series(1, 5000) AS n;
ANALYZE bixarena.run;
CREATE FUNCTION index_used(condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan text;
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT r.* FROM bixarena.run AS r WHERE ' || condition
		|| ' ORDER BY r.requested_at DESC, r.correlation_id LIMIT 100' LOOP
		plan := coalesce(plan, substring(line FROM E'using (\\S+)'));
	END LOOP;
	RETURN plan;
END
$$;
SELECT index_used('r.arena = ''many''');
SELECT index_used('r.arena = ''many'' AND r.leaderboard = ''board 3''');
DELETE FROM bixarena.run WHERE arena = 'many';

--
-- Messages
--

SELECT bixarena_configure('leaderboard_url', 'https://arena.example/board/{leaderboard_id}?from=slack');
UPDATE bixarena.run SET snapshot_identifier = 'snapshot_2026-01-09_02-00-00', entry_count = 12,
	evaluation_count = 3456, ended_at = started_at + interval '2.34 seconds', triggered_by = 'bixarena_rank arena'
WHERE correlation_id = key(1);
SELECT jsonb_pretty(bixarena_slack_message(key(1)));
-- not published: the leaderboard has not changed
UPDATE bixarena.run SET parameters = '{"auto_publish": false}' WHERE correlation_id = key(1);
SELECT bixarena_slack_message(key(1)) ->> 'text';
UPDATE bixarena.run SET parameters = '{"auto_publish": true}' WHERE correlation_id = key(1);
-- skipped: the reason; failed: the error; and neither has a button
UPDATE bixarena.run SET skip_reason = 'no battles', ended_at = started_at WHERE correlation_id = key(2);
UPDATE bixarena.run SET attempts = 3, error_sqlstate = '40P01', error_message = 'deadlock detected',
	error_detail = 'Process 1 waits.', ended_at = started_at + interval '1 minute' WHERE correlation_id = key(3);
SELECT jsonb_path_query_array(bixarena_slack_message(key(2)), '$.blocks[*].fields[*].text');
SELECT jsonb_pretty(jsonb_path_query(bixarena_slack_message(key(2)), '$.blocks[2 to last]'));
SELECT jsonb_path_query_array(bixarena_slack_message(key(3)), '$.blocks[*].fields[*].text');
SELECT jsonb_pretty(jsonb_path_query(bixarena_slack_message(key(3)), '$.blocks[2 to last]'));
SELECT bixarena_slack_message(key(n)) ->> 'text' FROM generate_series(1, 7) AS n;

-- the button: a leaderboard's own address, its slug as a segment of a path
CREATE FUNCTION button(n integer) RETURNS text LANGUAGE sql AS
	$$SELECT jsonb_path_query_first(bixarena_slack_message(key(n)), '$.blocks[*].elements[*].url') #>> '{}'$$;
SELECT button(1), button(4) AS gone, button(5) AS running;
INSERT INTO arena.leaderboard (slug, name) VALUES ('a b/üü?&%', 'Odd');
UPDATE bixarena.run SET leaderboard = 'a b/üü?&%' WHERE correlation_id = key(1);
SELECT button(1);
SELECT bixarena_configure('leaderboard_url', 'http://own.example/', 'a b/üü?&%');
SELECT button(1);
-- Slack would refuse these
SELECT bixarena_configure('leaderboard_url', 'arena.example/{leaderboard_id}', 'a b/üü?&%');
SELECT button(1);
SELECT bixarena_configure('leaderboard_url', 'https://arena.example/' || repeat('{leaderboard_id}', 120), 'a b/üü?&%');
SELECT button(1);
SELECT bixarena_configure('leaderboard_url', NULL, 'a b/üü?&%');
SELECT bixarena_configure('leaderboard_url', NULL);
SELECT button(1);
SELECT jsonb_path_query_array(bixarena_slack_message(key(1)), '$.blocks[*].type');
-- an arena that is no more
SELECT button(8);
UPDATE bixarena.run SET status = 'succeeded', arena = 'elsewhere' WHERE correlation_id = key(8);
SELECT button(8), bixarena_slack_message(key(8)) ->> 'text';

-- markup in the data is none in the message, and the longest data keep within
-- Slack's limits
INSERT INTO bixarena.run (correlation_id, arena, leaderboard, status, trigger_source, triggered_by,
	role, parameters, attempts, requested_at, error_sqlstate, error_message)
VALUES (key(9), 'arena', E'<!channel> & "quoted"\n\\ *bold*', 'failed', 'api', '<@U123>', '<&>', '{}', 1,
	'2026-01-09Z', 'XX000', E'<http://evil.example|click>\n```&amp;```');
SELECT jsonb_pretty(bixarena_slack_message(key(9)));
INSERT INTO bixarena.run (correlation_id, arena, leaderboard, status, trigger_source, triggered_by, role,
	parameters, attempts, requested_at, snapshot_identifier, error_sqlstate, error_message, skip_reason)
SELECT key(10 + n::integer), repeat('&', 63), repeat('&', 5000), status, 'api', repeat('&', 320), repeat('&', 63), '{}', 1,
	'2026-01-09Z', repeat('<', 5000), 'XX000', repeat('>', 100000), repeat('é', 5000)
FROM unnest('{failed,skipped,succeeded}'::text[]) WITH ORDINALITY AS s (status, n);
INSERT INTO bixarena.run (correlation_id, arena, leaderboard, status, trigger_source, role,
	parameters, attempts, requested_at, error_message, triggered_by)
VALUES (key(14), 'arena', 'bare', 'failed', 'api', 'operator', '{}', 0, '2026-01-09Z', NULL, ''),
	(key(15), 'arena', '', 'skipped', 'api', 'operator', '{}', 0, '2026-01-09Z', NULL, NULL);
SELECT right(r.correlation_id::text, 2) AS n, length(m ->> 'text') AS text,
	length(m #>> '{blocks,0,text,text}') AS header,
	(SELECT max(length(f ->> 'text')) FROM jsonb_path_query(m, '$.blocks[*].fields[*]') AS f) AS field,
	(SELECT max(length(f #>> '{}')) FROM jsonb_path_query(m, '$.blocks[1 to last].text.text') AS f) AS explanation,
	(SELECT max(length(f ->> 'text')) FROM jsonb_path_query(m, '$.blocks[*] ? (@.type == "context").elements[*]') AS f) AS context,
	jsonb_array_length(m #> '{blocks,1,fields}') AS fields,
	m::text ~ '[<>]' OR m::text ~ '&(?!(amp|lt|gt);)' AS markup,
	jsonb_path_exists(m, '$.**.text ? (@ == "")') AS empty
FROM bixarena.run AS r, LATERAL bixarena_slack_message(r.correlation_id) AS m
ORDER BY r.correlation_id;

-- what is refused
SELECT bixarena_slack_message(NULL);
SELECT bixarena_slack_message(key(99));

-- rights: those of the caller
CREATE ROLE visitor;
SET ROLE visitor;
SELECT bixarena_runs();
SELECT bixarena_slack_message('00000000-0000-4000-8000-000000000001');
RESET ROLE;
GRANT SELECT ON bixarena.run TO visitor;
-- the record of an arena is open to who may use its schema
SET ROLE visitor;
SELECT count(*) FROM bixarena_runs();
RESET ROLE;
GRANT USAGE ON SCHEMA arena TO visitor;
SELECT bixarena_configure('leaderboard_url', 'https://arena.example/');
SELECT recorded(16, 'overall', 'succeeded');
SELECT button(16);
SET ROLE visitor;
SELECT count(*) FROM bixarena_runs();
SELECT button(16);
RESET ROLE;

SET client_min_messages = warning;
DROP OWNED BY visitor;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena CASCADE;
DROP FUNCTION key, recorded, numbers, index_used, button;
DROP ROLE visitor;
