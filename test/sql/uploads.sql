-- Uploads of standings: what is kept, what is refused and why, and what is read of it.

\set SHOW_CONTEXT never
\pset null '(null)'
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_scoreboard('game');
CREATE FUNCTION upload(dt text, file text, content text, part text DEFAULT 'kingdom=51') RETURNS TABLE (status text,
	version integer, num_rows integer, num_errors bigint, errors jsonb) LANGUAGE sql AS $$
	SELECT u.status, u.version, u.num_rows, u.num_errors, u.errors FROM bixarena_upload_standings('game',
		concat_ws('/', 'inbox/source=rok', part, 'dt=' || dt, file), convert_to(content, 'UTF8')) AS u
$$;

CREATE FUNCTION error_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN 'none';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;

-- CSV: byte order mark, CRLF, quotes, lines in quotes, blanks, names as people write them
SELECT * FROM upload('2026-01-26', 'players.csv', E'\uFEFFID, Name ,DKP Points,Kills,Alliance\r\n'
	'1,"Ann, the ""first""",10,5,x\r\n"2",  Bob ,10.0,7,"two\nlines"\r\n\r\n3,Cid,,9,\r\n04,,1e2,-0.5,y');
SELECT position, rank, player_id, name, value, attributes, snapshot_date FROM bixarena_standings('game', 'rok', 'kingdom=51', 'dkp_points');
SELECT position, rank, player_id, value FROM bixarena_standings('game', 'rok', 'kingdom=51', 'kills');
-- the rows are as they came, and have a hash of what they say
SELECT row_no, player_id, values, ranks, snapshot_date, run_id = (SELECT run_id FROM game.upload) AS of_the_run,
	octet_length(record_hash) AS bytes FROM game.standing ORDER BY row_no;
SELECT key, source, partition, snapshot_date, version, format, size, sha256 = sha256(content) AS same_hash, status, num_rows,
	metrics, role = current_user AS mine FROM game.upload JOIN game.upload_content USING (run_no);

-- the same bytes under the same key are the same upload; others are the next version
SELECT * FROM upload('2026-01-27', 'players.csv', E'id,kills\n1,5\n');
SELECT run_id AS first_run FROM game.upload WHERE snapshot_date = '2026-01-27' \gset
SELECT * FROM upload('2026-01-27', 'players.csv', E'id,kills\n1,5\n');
SELECT * FROM upload('2026-01-27', 'players.csv', E'id,kills\n1,6\n5,7\n');
SELECT * FROM upload('2026-01-27', 'other.csv', E'id,kills\n1,6\n5,8\n');
SELECT count(*), count(DISTINCT run_id) FROM game.upload;
SELECT player_id, value FROM bixarena_standings('game', 'rok', 'kingdom=51', 'kills');
SELECT player_id, value FROM bixarena_standings('game', 'rok', 'kingdom=51', 'kills', as_of_run => :'first_run');
SELECT player_id, value FROM bixarena_standings('game', 'rok', 'kingdom=51', 'kills', date => '2026-01-26', top => 2, after => 1);
SELECT source_name, partition_name, snapshot_date, versions, players, metrics FROM bixarena_standings_dates('game');

-- the hash of a row is the same whatever the order of columns
SELECT num_errors FROM upload('2026-01-01', 'hash.csv', E'id,a,b\n1,x,2\n2,x,3', 'hash=1');
SELECT num_errors FROM upload('2026-01-02', 'hash.json', '[{"b": 3, "a": "x", "id": 2}, {"b": 2, "id": 1, "a": "y"}]', 'hash=1');
SELECT player_id, count(DISTINCT record_hash) FROM game.standing JOIN game.upload USING (run_no) WHERE partition = 'hash=1' GROUP BY 1 ORDER BY 1;

-- JSON, an array or lines; a column is a number if it was one in the last file
SELECT * FROM upload('2026-01-28', 'players.json', '[{"id": 1, "name": "Ann", "kills": 12345678901234567890, "at": "2026"},
	{"kills": 12345678901234567891, "id": "2", "at": null, "ok": true}, {"id": 3.0}]');
SELECT position, rank, player_id, name, value, attributes FROM bixarena_standings('game', 'rok', 'kingdom=51', 'kills');
SELECT * FROM upload('2026-01-29', 'players.jsonl', E'{"id": 1, "kills": 1, "new": "7"}\n\n{"id": "2", "new": 8}\r\n');
SELECT * FROM upload('2026-01-29', 'players.ndjson', E'{"id": 1, "kills": 1, "new": 7}\n{"id": "2", "kills": "many"}');
SELECT position, rank, player_id, value FROM bixarena_standings('game', 'rok', 'kingdom=51', 'new');

-- what is refused, all of it at once and with its place
SELECT * FROM upload('2026-02-01', 'a.csv', '');
SELECT * FROM upload('2026-02-01', 'a.csv', 'id,kills');
SELECT * FROM upload('2026-02-01', 'a.csv', E'name,kills\nAnn,1');
SELECT * FROM upload('2026-02-01', 'a.csv', E'id,,ID,kills\n1,2,3,4');
SELECT * FROM upload('2026-02-01', 'a.csv', E'id,kills\n1,2\n1,2,3\n2\n,5');
SELECT * FROM upload('2026-02-01', 'a.csv', E'id,kills\n1,2\n,5\n1,x\n1,NaN\n3,1_000\n4,0x10\n5,1e999\n6," 7 "\n7,.\n8,+.5e-3\n9,--1');
SELECT num_errors, jsonb_array_length(errors) AS told, errors -> 19 AS last FROM upload('2026-02-01', 'a.csv',
	(SELECT E'id,kills\n' || string_agg(i || ',' || CASE WHEN i % 10 = 0 THEN 'bad' ELSE '1' END, E'\n') FROM generate_series(1, 500) AS i));
SELECT errors FROM upload('2026-02-01', 'a.csv', E'id,kills\n1,2\n2,"3');
SELECT errors FROM upload('2026-02-01', 'a.csv', E'id,kills\n1,2\n2,"3"x\n3,4"5');
SELECT errors FROM bixarena_upload_standings('game', 'source=rok/dt=2026-02-01/a.csv', '\x69642c6b0a312c320aff2c33'::bytea);
SELECT errors FROM bixarena_upload_standings('game', 'source=rok/dt=2026-02-01/a.csv', '\x69640a003131'::bytea);
SELECT errors FROM upload('2026-02-01', 'a.json', '{"id": 1}');
SELECT errors FROM upload('2026-02-01', 'a.json', '[1, {"id": 1, "a": [1], "b": {"c": 2}, "id": 3}]');
SELECT errors FROM upload('2026-02-01', 'a.json', '[{"id": 1, "id": 3}]');
SELECT errors FROM upload('2026-02-01', 'a.json', E'[{"id": 1},\n{"id": 2,}]');
SELECT errors FROM upload('2026-02-01', 'a.json', '[{"id": "a\u0000b"}]');
SELECT errors FROM upload('2026-02-01', 'a.jsonl', E'{"id": 1}\n{"id": ');
SELECT errors FROM upload('2026-02-01', 'a.csv', 'id,' || (SELECT string_agg('c' || i, ',') FROM generate_series(1, 300) AS i));
SELECT errors FROM upload('2026-02-01', 'a.csv', E'id,x\n' || repeat('7', 256) || E',1\n"a\tb",2');
-- a byte order mark, whatever the format; what is nested, however deep; what is no end of a message
SELECT status, errors FROM upload('2026-02-03', 'mark.json', E'\uFEFF[{"id": 1}]', 'mark=1');
SELECT status, errors FROM upload('2026-02-03', 'mark.jsonl', E'\uFEFF{"id": 1, "\uFEFF": 2}', 'mark=1');
SELECT status, num_errors > 20 AS many FROM upload('2026-02-01', 'deep.json', repeat('[', 100000));
SELECT status, length(errors::text) FROM upload('2026-02-01', 'long.json', '[' || repeat('x', 1000000));
SELECT status, num_errors FROM upload('2026-02-01', 'twice.jsonl', (SELECT '{"id": 1' || string_agg(format(', "k%s": 1', i % 3), '') || '}' FROM generate_series(1, 30) AS i));
SELECT status, num_errors, errors -> 19 AS last FROM upload('2026-02-01', 'values.csv', 'id' || repeat(E'\n,', 10000));
-- nothing of these counts, and all of it is kept
SELECT count(*) FROM game.standing WHERE snapshot_date = '2026-02-01';
SELECT count(*) FROM bixarena_standings_dates('game') WHERE snapshot_date = '2026-02-01';
SELECT count(*), bool_and(version IS NULL AND sha256 = sha256(content)) AS kept FROM game.upload JOIN game.upload_content USING (run_no)
WHERE status = 'refused';
SELECT status, num_errors > 0 AS told FROM bixarena_uploads('game', 'rok', 1);

-- what a scoreboard declares
INSERT INTO game.upload_column VALUES ('rok', 'power', 'number', true), ('rok', 'zip', 'text', false);
SELECT errors FROM upload('2026-02-02', 'a.csv', E'id,zip\n1,20095');
SELECT status, num_errors FROM upload('2026-02-02', 'a.csv', E'id,zip,power\n1,20095,3\n2,01067,4');
SELECT metrics FROM game.upload WHERE snapshot_date = '2026-02-02' AND version = 1;
SELECT player_id, value, attributes FROM bixarena_standings('game', 'rok', 'kingdom=51', 'power');
DELETE FROM game.upload_column;

-- keys, also in parts
SELECT status FROM bixarena_upload_standings('game', NULL, E'id,a\\0121,2', source => 'parts', date => '2026-01-01');
SELECT status FROM bixarena_upload_standings('game', NULL, '[{"id": 1}]', 'json', 'parts', 'b=2/a=1', '2026-01-01');
SELECT key, partition FROM game.upload WHERE source = 'parts';
SELECT status FROM bixarena_upload_standings('game', 'source=parts/dt=2026-01-02/data', E'id,a\\0121,2', 'csv');
SELECT bixarena_upload_standings('game', 'source=a/dt=2026-01-01/x.xls', '');
SELECT bixarena_upload_standings('game', 'source=a/dt=2026-01-01/x.csv', '', 'xls');
SELECT bixarena_upload_standings('game', NULL, '');
SELECT bixarena_upload_standings('game', 'inbox/source=a/../dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox//source=a/dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/source=a/dt=2026-02-30/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/source=a/dt=today/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/source=a/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/source=a/source=b/dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/source=a/Kingdom=b/dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', E'inbox/source=a\nb/dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/source=a\b/dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/source=' || repeat('a', 4096) || '/dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', 'inbox/source=' || repeat('a', 300) || '/dt=2026-01-01/x.csv', '');
SELECT bixarena_upload_standings('game', '', '');
-- what a file is called is no part of the key
SELECT status FROM bixarena_upload_standings('game', 'source=a/dt=2026-01-01/source=b.csv', 'id,a\0121,2');
SELECT source, partition, snapshot_date FROM game.upload WHERE key LIKE '%source=b%';
SELECT bixarena_upload_standings('game', 'dt=2026-01-01/source=b.csv', '');
SELECT bixarena_upload_standings('game', 'source=b/dt=2026-01-01', '');
SELECT bixarena_upload_standings('game', 'source=a/dt=2026-01-01/x.csv', NULL);
SELECT bixarena_schedule_ingestion('game', NULL, '@daily');
UPDATE game.scoreboard SET max_upload_mb = 1;
SELECT bixarena_upload_standings('game', 'source=a/dt=2026-01-01/x.csv', convert_to(repeat('x', 1048577), 'UTF8'));

-- what was uploaded is not changed
UPDATE game.upload SET key = 'x';
DELETE FROM game.upload_content;
TRUNCATE game.standing;
UPDATE game.standing_order SET piece_no = 7;

-- reading: pages over pieces, ties, null, what there is not
SELECT status, num_rows FROM upload('2026-01-01', 'many.csv', (SELECT E'id,points,none\n' || string_agg(format('p%s,%s,', i, i * 37 % 1000 / 2), E'\n')
	FROM generate_series(1, 1000) AS i), NULL);
SELECT bool_and(s.rank = r.rank AND s.position = r.n AND s.player_id = r.player_id) AS all_right, count(*) FROM (
	SELECT 'p' || i AS player_id, rank() OVER w, row_number() OVER (ORDER BY i * 37 % 1000 / 2 DESC, ('p' || i) COLLATE "C") AS n
	FROM generate_series(1, 1000) AS i WINDOW w AS (ORDER BY i * 37 % 1000 / 2 DESC)) AS r
LEFT JOIN (
	SELECT t.* FROM (VALUES (0, 300), (300, 150), (450, 1), (451, 399), (850, 100), (950, 1000)) AS p (after, top)
	CROSS JOIN LATERAL bixarena_standings('game', 'rok', NULL, 'points', p.top, after => p.after) AS t) AS s ON s.position = r.n;
SELECT count(*) FROM bixarena_standings('game', 'rok', NULL, 'none');
SELECT count(*) FROM bixarena_standings('game', 'rok', NULL, 'points', after => 1000);
SELECT * FROM bixarena_standings('game', 'rok', NULL, 'nothing');
SELECT * FROM bixarena_standings('game', 'rok', NULL, 'points', date => '1999-01-01');
SELECT * FROM bixarena_standings('game', 'none', NULL, 'points');
-- a run of another partition
SELECT regexp_replace(public.error_of(format($$SELECT bixarena_standings('game', 'rok', NULL, 'points', as_of_run => %L)$$, :'first_run')), '[0-9a-f-]{36}', '(id)');
SELECT * FROM bixarena_standings('game', 'rok', NULL, NULL);
SELECT * FROM bixarena_standings('game', 'rok', NULL, 'points', 0);
SELECT * FROM bixarena_standings('game', 'rok', NULL, 'points', after => -1);

-- a player's course: of each date the version that counts
SELECT snapshot_date, partition_name, value, rank, players FROM bixarena_standings_history('game', 'rok', '1', 'kills');
SELECT count(*) FROM bixarena_standings_history('game', 'rok', '1', 'kills', 'kingdom=52');
-- two dates
SELECT status FROM upload('2026-03-01', 'a.csv', E'id,name,x\n1,Ann,10\n2,Bob,20\n3,Cid,30\n4,Dan,5', 'b=1');
SELECT status FROM upload('2026-03-02', 'a.csv', E'id,name,x\n1,Ann,40\n2,Bob,19\n3,Cid,30\n5,Eve,1000', 'b=1');
SELECT * FROM bixarena_compare_standings('game', 'rok', 'b=1', 'x', '2026-03-01', '2026-03-02');
SELECT player_id FROM bixarena_compare_standings('game', 'rok', 'b=1', 'x', '2026-03-01', '2026-03-02', 1);
SELECT bixarena_compare_standings('game', 'rok', 'b=1', 'x', '2026-03-01', '2026-03-03');
-- players who are there on both dates, but without a value on one
SELECT status FROM upload('2026-03-01', 'a.csv', E'id,x\n11,5\n12,\n13,\n14,7', 'b=2');
SELECT status FROM upload('2026-03-02', 'a.csv', E'id,x\n11,\n12,6\n13,\n14,7\n15,', 'b=2');
SELECT player_id, change, value1, value2, gained FROM bixarena_compare_standings('game', 'rok', 'b=2', 'x', '2026-03-01', '2026-03-02');
SELECT bixarena_compare_standings('game', 'rok', 'b=1', 'x', '2026-03-01', NULL);
-- documents
SELECT bixarena_standings_json('game', 'rok', 'b=1', 'x', 2) - 'run_id';
SELECT bixarena_standings_json('game', 'rok', 'b=1', 'x') -> 'next' AS next;
SELECT bixarena_standings_history_json('game', 'rok', '5', 'x') #- '{history,0,run_id}';
SELECT bixarena_compare_standings_json('game', 'rok', 'b=1', 'x', '2026-03-01', '2026-03-02', 1);
SELECT jsonb_array_length(bixarena_standings_dates_json('game', 'rok', 'b=1'));

-- what is refused is told until a better file has come, or a week later
SELECT check_name, status, figure > 0 AS some, unit FROM bixarena_health('game') WHERE check_name = 'refused_uploads';
SELECT figure AS before FROM bixarena_health('game') WHERE check_name = 'refused_uploads' \gset
SELECT status FROM upload('2026-04-01', 'a.csv', E'id,x\n1,1\n1,2', 'health=1');
SELECT status FROM upload('2026-04-01', 'a.csv', E'id,x\n1,1\n1,3', 'health=1');
SELECT figure - :before AS refused FROM bixarena_health('game') WHERE check_name = 'refused_uploads';
SELECT value - :before AS metric FROM bixarena.metrics WHERE name = 'bixarena_score_refused_uploads';
SELECT status FROM upload('2026-04-01', 'b.csv', E'id,x\n1,1\n2,3', 'health=1');
SELECT figure - :before AS better FROM bixarena_health('game') WHERE check_name = 'refused_uploads';

-- a table that the owner has altered is refused, and the server does not fall over it
BEGIN;
ALTER TABLE game.standing ALTER run_no TYPE text;
SELECT * FROM upload('2026-05-01', 'a.csv', E'id,x\n1,1');
ROLLBACK;

-- a folder: who may not read files of the server's may not here
CREATE ROLE regress_uploader;
SELECT bixarena_grant('regress_uploader', 'operator', 'game') IS NOT NULL AS granted;
GRANT EXECUTE ON FUNCTION upload TO regress_uploader;
SET ROLE regress_uploader;
SELECT status, version FROM upload('2026-03-01', 'b.csv', E'id,x\n1,1');
CALL bixarena_ingest_folder('game', '/tmp');
RESET ROLE;
CALL bixarena_ingest_folder('game', 'tmp');
CALL bixarena_ingest_folder('game', '/tmp/there/is/no such folder');
DROP OWNED BY regress_uploader;
DROP ROLE regress_uploader;

-- a scoreboard is the user's
DROP FUNCTION upload(text, text, text, text), error_of(text);
DROP EXTENSION bixarena_rank;
SELECT count(*) > 0 AS is_left FROM game.standing;
DROP SCHEMA game CASCADE;
