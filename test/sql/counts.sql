-- Counts of battles instead of battles: in any relation, in an arena's
-- leaderboard_battle, and in leaderboard_tally and arena_tally, which are counts
-- alone.  They rank as the battles do, and a count that is none is an error.

\set SHOW_CONTEXT never
\getenv source PG_ABS_SRCDIR
\set attempt :source '/include/attempt.sql'
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION bixarena_rank;
CREATE SCHEMA counting;
GRANT USAGE ON SCHEMA counting TO PUBLIC;
SET search_path = counting, public;

\i :attempt

--
-- Any relation
--

CREATE TABLE votes AS
SELECT 'model ' || a AS model1, 'model ' || b AS model2, o AS outcome
FROM generate_series(1, 6) AS a, generate_series(1, 6) AS b,
	unnest('{model1,model2,tie}'::text[]) AS o,
	generate_series(1, 3 + (a * 7 + b * 5 + length(o)) % 11) AS n
WHERE a <> b;
CREATE TABLE counts AS SELECT model1, model2, outcome, count(*) AS n FROM votes GROUP BY 1, 2, 3;
CREATE TABLE ranking AS SELECT * FROM bixarena_rank('votes', 100);
SELECT model, rank, vote_count FROM ranking;
-- a battle by itself is one of one
CREATE FUNCTION same_as_votes(relation regclass, counts text) RETURNS boolean LANGUAGE sql AS $$
	SELECT count(*) = 6 AND bool_and(s.same)
	FROM ranking AS r LEFT JOIN LATERAL (SELECT r = c AS same
		FROM bixarena_rank(relation, 100, num_battles => counts) AS c WHERE c.model = r.model) AS s ON true
$$;
SELECT same_as_votes('votes', NULL) AS votes, same_as_votes('counts', 'n') AS counts,
	same_as_votes('counts', NULL) AS rows_alone;
-- counts of any kind of number, in one row or several, under any name
CREATE DOMAIN whole AS integer;
CREATE FUNCTION same_as(type text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	DROP VIEW IF EXISTS typed;
	EXECUTE format('CREATE VIEW typed AS SELECT model1, model2, outcome, n::%s AS "how many" FROM counts', type);
	RETURN same_as_votes('typed', 'how many');
END
$$;
SELECT type, same_as(type)
FROM unnest('{smallint,integer,bigint,numeric,"numeric(10,2)",real,"double precision",whole}'::text[]) AS type;
-- with all their digits, also where the server's cast to numeric keeps only the first
CREATE FUNCTION count_of(type text, number text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	votes bigint;
BEGIN
	DROP VIEW IF EXISTS typed;
	EXECUTE format('CREATE VIEW typed AS SELECT %L AS model1, %L AS model2, %L AS outcome, %L::%s AS n', 'a', 'b', 'tie', number, type);
	SELECT vote_count INTO votes FROM bixarena_rank('typed', 10, num_battles => 'n');
	RETURN votes;
END
$$;
SELECT count_of('real', '16777213'), count_of('double precision', '9007199254740991'), count_of('numeric', '9007199254740991.00');
CREATE VIEW split AS
SELECT model1, model2, outcome, 1 AS n FROM counts UNION ALL
SELECT model1, model2, outcome, n - 1 FROM counts WHERE n > 1;
SELECT same_as_votes('split', 'n');
CREATE VIEW mirrored AS
SELECT model2 AS model1, model1 AS model2, CASE outcome WHEN 'tie' THEN 'tie' WHEN 'model1' THEN 'model2' ELSE 'model1' END AS outcome, n
FROM counts;
SELECT same_as_votes('mirrored', 'n');
-- a column by any name, and one that is also a function's or a word of SQL
CREATE VIEW named AS SELECT model1 AS "group", model2 AS "order", outcome AS "select", n AS count FROM counts;
SELECT count(*) FROM bixarena_rank('named', 10, model1 => 'group', model2 => 'order', outcome => 'select', num_battles => 'count') AS r
JOIN ranking USING (model, bt_score, vote_count);
-- what is ignored is counted by its counts
CREATE VIEW poor AS
SELECT model1, model2, outcome, n FROM counts UNION ALL VALUES
	(NULL, 'model 1', 'tie', 3::bigint), ('model 2', 'model 2', 'model1', 2), ('model 2', 'model 1', 'whatever', 1), ('model 2', 'model 1', NULL, 2);
SET client_min_messages = notice;
SELECT count(*) FROM bixarena_rank('poor', 10, num_battles => 'n', max_unread_percent => 50);
SET client_min_messages = warning;

-- counts that are none, also where others make up for them, and where a battle
-- would be ignored
CREATE FUNCTION attempt_with(VARIADIC battles text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'CREATE VIEW bad AS SELECT model1, model2, outcome, n::numeric AS n FROM counts UNION ALL VALUES ' || array_to_string(battles, ', ');
	RAISE EXCEPTION USING ERRCODE = 'DONE0', MESSAGE =
		attempt($sql$SELECT FROM bixarena_rank('bad', 10, num_battles => 'n')$sql$);
EXCEPTION WHEN SQLSTATE 'DONE0' THEN
	RETURN SQLERRM;
END
$$;
\pset format unaligned
SELECT attempt_with($$('model 1', 'model 2', 'tie', NULL::numeric)$$);
SELECT attempt_with($$('model 1', 'model 2', 'tie', 0)$$);
SELECT attempt_with($$('model 1', 'model 2', 'tie', -1)$$);
SELECT attempt_with($$('model 1', 'model 2', 'tie', 0.5)$$, $$('model 1', 'model 2', 'tie', 1.5)$$);
SELECT attempt_with($$('model 1', NULL, 'tie', -1)$$);
SELECT attempt_with($$('model 1', 'model 2', 'tie', 'NaN'::numeric)$$);
SELECT attempt_with($$('model 1', 'model 2', 'tie', 'infinity'::numeric)$$);
SELECT attempt_with($$('model 1', 'model 2', 'tie', '-infinity'::numeric)$$);
-- more than can be counted: in a row, in a group, in all, of what is ignored
SELECT attempt_with(format($$('model 1', 'model 2', 'tie', %s)$$, 2::numeric ^ 53 + 1));
SELECT attempt_with(format($$('model 1', 'model 2', 'tie', %s)$$, 2::numeric ^ 63));
SELECT attempt_with(format($$('model 1', 'model 2', 'tie', 1e30)$$));
SELECT attempt_with(format($$('model 1', 'model 2', 'tie', %1$s)$$, 2::numeric ^ 52), format($$('model 1', 'model 2', 'tie', %1$s)$$, 2::numeric ^ 52));
SELECT attempt_with(format($$('model 1', 'model 2', 'tie', %1$s)$$, 2::numeric ^ 52), format($$('model 1', 'model 3', 'tie', %1$s)$$, 2::numeric ^ 52));
SELECT attempt_with(VARIADIC ARRAY(SELECT format($$('same', 'same', 'tie', %1$s)$$, 2::numeric ^ 53) FROM generate_series(1, 1025)));
-- and in floating-point numbers
SELECT attempt($$SELECT count_of('double precision', '9007199254740994')$$);
SELECT attempt($$SELECT count_of('real', '1e30')$$);
SELECT attempt($$SELECT count_of('real', 'infinity')$$);
SELECT attempt($$SELECT count_of('double precision', 'NaN')$$);
SELECT attempt($$SELECT count_of('double precision', '0.5')$$);
-- and as much as can be
SELECT attempt_with(format($$('model 1', 'model 2', 'tie', %s)$$, 2::numeric ^ 53 - (SELECT sum(n) FROM counts)));
-- columns
SELECT attempt($$SELECT FROM bixarena_rank('counts', num_battles => 'outcome')$$);
SELECT attempt($$SELECT FROM bixarena_rank('counts', num_battles => 'm')$$);
SELECT attempt($$SELECT FROM bixarena_rank('counts', num_battles => 'ctid')$$);
SELECT attempt($$SELECT FROM bixarena_rank('counts', num_battles => '')$$);
\pset format aligned

-- Values are told apart by their bytes, whatever a collation says, and columns of
-- another collation than the database's are read as others are.
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION german (provider = icu, locale = 'de');
CREATE TABLE cased (model1 text COLLATE no_case, model2 varchar(20) COLLATE no_case, outcome text COLLATE no_case, n int);
INSERT INTO cased SELECT m1, m2, o, 2 + length(o)
FROM unnest('{a,A,b,B}'::text[]) AS m1, unnest('{a,A,b,B}'::text[]) AS m2, unnest('{model1,MODEL1,model2,tie}'::text[]) AS o
WHERE m1 <> m2;
SELECT model, vote_count FROM bixarena_rank('cased', 10) ORDER BY model COLLATE "C";
SELECT model, vote_count FROM bixarena_rank('cased', 10, num_battles => 'n') ORDER BY model COLLATE "C";
CREATE TABLE collated (model1 text COLLATE german, model2 varchar(20) COLLATE "C", outcome char(9) COLLATE german, n bigint);
INSERT INTO collated SELECT * FROM counts;
SELECT same_as_votes('collated', 'n');
CREATE TYPE name_of_model AS ENUM ('model 1', 'model 2', 'model 3', 'model 4', 'model 5', 'model 6');
CREATE TYPE result AS ENUM ('model1', 'model2', 'tie');
CREATE VIEW enumerated AS SELECT model1::name_of_model, model2::name_of_model, outcome::result, n FROM counts;
SELECT same_as_votes('enumerated', 'n');

--
-- An arena
--

SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(3000, 6, categories => '{code}');
SELECT bixarena_configure('num_bootstrap', '10');
UPDATE arena.battle SET created_at = timestamptz '2025-01-01' + n * interval '1 hour'
FROM (SELECT id, row_number() OVER (ORDER BY ctid) AS n FROM arena.battle) AS b WHERE b.id = battle.id;
ALTER VIEW arena.leaderboard_battle RENAME TO one_by_one;

-- what a snapshot has of it, for one leaderboard, at a moment, in the pass over all
CREATE FUNCTION readings() RETURNS TABLE (leaderboard bigint, as_of bigint, all_at_once bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT (SELECT r.evaluation_count FROM bixarena_generate_snapshot('code', dry_run => true, seed => 1) AS r),
		(SELECT r.evaluation_count FROM bixarena_generate_snapshot('code', dry_run => true, as_of => '2025-03-01') AS r),
		(SELECT r.evaluation_count FROM bixarena.run AS r WHERE r.leaderboard = 'code' ORDER BY r.requested_at DESC LIMIT 1);
END
$$;
CREATE TABLE entries AS SELECT 0 AS number, e.* FROM arena.leaderboard_entry AS e LIMIT 0;
CREATE FUNCTION keep_entries() RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO entries SELECT (SELECT coalesce(max(number), 0) + 1 FROM entries), * FROM arena.leaderboard_entry;
	DELETE FROM arena.leaderboard_snapshot;
	SELECT count(*) FROM entries WHERE number = (SELECT max(number) FROM entries)
$$;

-- battles one by one, then in rows that stand for several
CREATE VIEW arena.leaderboard_battle AS TABLE arena.one_by_one;
CALL bixarena_generate_snapshots();
SELECT * FROM readings();
CREATE TABLE matchups AS SELECT * FROM bixarena_matchups('code');
SELECT keep_entries();
DROP VIEW arena.leaderboard_battle;
CREATE VIEW arena.leaderboard_battle AS
SELECT leaderboard, model1_id, model2_id, outcome, NULL::uuid AS voter_id, created_at, battles
FROM arena.one_by_one, LATERAL (SELECT 0 AS none) AS n, LATERAL (VALUES (1)) AS v (battles)
WHERE created_at > '2025-02-01'
UNION ALL
SELECT leaderboard, model1_id, model2_id, outcome, NULL, max(created_at), count(*)::int
FROM arena.one_by_one WHERE created_at <= '2025-02-01' GROUP BY 1, 2, 3, 4;
SELECT count(*), sum(battles) FROM arena.leaderboard_battle;
CALL bixarena_generate_snapshots();
SELECT * FROM readings();
SELECT count(*), count(*) FILTER (WHERE (m.slug1, m.slug2, m.battles, m.wins1, m.wins2, m.ties)
	IS NOT DISTINCT FROM (n.slug1, n.slug2, n.battles, n.wins1, n.wins2, n.ties)) AS same
FROM bixarena_matchups('code') AS m JOIN matchups AS n USING (slug1, slug2);
SELECT keep_entries();
CALL bixarena_backfill('code', '2025-02-10', '2025-03-10', '14 days');
SELECT created_at, description FROM bixarena_snapshots('code') ORDER BY 1;
DELETE FROM arena.leaderboard_snapshot;
-- the same digits
SELECT count(*) AS entries FROM (SELECT leaderboard_id, model_id, bt_score, vote_count, rank, bootstrap_q025, bootstrap_q975
	FROM entries GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING count(*) = 2) AS e;

-- Counts alone: which of the relations is read shows by how often they count each
CREATE TABLE arena.arena_tally AS
SELECT leaderboard, model1_id, model2_id, outcome, 3 * count(*) AS battles FROM arena.one_by_one GROUP BY 1, 2, 3, 4;
CREATE TABLE arena.leaderboard_tally AS
SELECT leaderboard, model1_id, model2_id, outcome, 2 * battles / 3 AS battles FROM arena.arena_tally;
CREATE FUNCTION evaluations(as_of timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '%', (SELECT r.evaluation_count FROM bixarena_generate_snapshot('code', dry_run => true, as_of => evaluations.as_of) AS r)
		USING ERRCODE = 'DONE0';
END
$$;
CREATE FUNCTION query(reading text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '%', bixarena_battle_query(reading => reading) USING ERRCODE = 'DONE0';
END
$$;
-- with these of the three relations
CREATE FUNCTION readings_of(VARIADIC relations text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	others text[] := ARRAY(SELECT r FROM unnest('{leaderboard_battle,leaderboard_tally,arena_tally}'::text[]) AS r WHERE r <> ALL (relations));
	other text;
BEGIN
	FOREACH other IN ARRAY others LOOP
		EXECUTE format('ALTER TABLE arena.%I RENAME TO %I', other, 'no_' || other);
	END LOOP;
	RETURN QUERY SELECT r || ': ' || attempt(format('SELECT query(%L)', r)) FROM unnest('{leaderboard,all,as_of}'::text[]) AS r;
	RETURN QUERY SELECT 'now: ' || attempt('SELECT evaluations(NULL)');
	RETURN QUERY SELECT 'then: ' || attempt($sql$SELECT evaluations('2025-03-01')$sql$);
	FOREACH other IN ARRAY others LOOP
		EXECUTE format('ALTER TABLE arena.%I RENAME TO %I', 'no_' || other, other);
	END LOOP;
END
$$;
\pset format unaligned
\pset tuples_only on
SELECT readings_of('leaderboard_battle');
SELECT readings_of('leaderboard_battle', 'leaderboard_tally');
SELECT readings_of('leaderboard_battle', 'arena_tally');
SELECT readings_of('leaderboard_battle', 'leaderboard_tally', 'arena_tally');
SELECT readings_of('leaderboard_tally');
SELECT readings_of('arena_tally');
SELECT attempt($$SELECT bixarena_battle_query(reading => 'now')$$);
SELECT attempt($$SELECT bixarena_battle_query(reading => NULL)$$);
\pset tuples_only off
\pset format aligned
CALL bixarena_generate_snapshots();
SELECT evaluation_count FROM bixarena.run WHERE leaderboard = 'code' ORDER BY requested_at DESC LIMIT 1;
ALTER TABLE arena.arena_tally RENAME TO no_arena_tally;
CALL bixarena_generate_snapshots();
SELECT evaluation_count FROM bixarena.run WHERE leaderboard = 'code' ORDER BY requested_at DESC LIMIT 1;

-- an arena that has nothing else
DELETE FROM arena.leaderboard_snapshot;
ALTER VIEW arena.leaderboard_battle RENAME TO no_leaderboard_battle;
SELECT bixarena_attach_arena('arena');
SELECT sum(battles) FROM bixarena_matchups('code');
SELECT status, evaluation_count FROM bixarena_generate_snapshot('code');
CALL bixarena_generate_snapshots();
SELECT count(*), sum(entry_count) FROM bixarena_leaderboards();
SELECT bixarena_configure('keep_snapshots', '1');
SELECT status FROM bixarena_generate_snapshot('code');
SELECT count(*) FROM bixarena_snapshots('code');
SELECT count(*) FROM bixarena_health() WHERE check_name = 'snapshot_age' AND status = 'ok';
SELECT value FROM bixarena.metrics WHERE name = 'bixarena_arena_up';
SELECT count(*) AS runs FROM bixarena.run \gset
CALL bixarena_backfill('code', '2025-02-10', '2025-03-10', '14 days');
SELECT count(*) - :runs AS runs FROM bixarena.run;
SELECT * FROM bixarena_matchups('code');
SELECT bixarena_report('code') ~ 'The battles up to that moment are not known here' AS told;

-- counts that are none, in whatever is read
INSERT INTO arena.leaderboard_tally SELECT leaderboard, model1_id, model2_id, outcome, 0 FROM arena.leaderboard_tally WHERE leaderboard = 'code' LIMIT 1;
SELECT status FROM bixarena_generate_snapshot('code');
SELECT status FROM bixarena_generate_snapshot('overall', dry_run => true);
CALL bixarena_generate_snapshots();
SELECT leaderboard, status, error_sqlstate FROM bixarena.run ORDER BY requested_at DESC, leaderboard LIMIT 2;
DELETE FROM arena.leaderboard_tally WHERE battles = 0;
CREATE OR REPLACE VIEW arena.leaderboard_battle AS
SELECT leaderboard, model1_id, model2_id, outcome, voter_id, created_at, NULL::bigint AS battles FROM arena.one_by_one;
SELECT status FROM bixarena_generate_snapshot('code', as_of => '2025-03-01');
-- a leaderboard that has no counts
INSERT INTO arena.leaderboard (slug, name) VALUES ('none', 'None');
SELECT status, reason FROM bixarena_generate_snapshot('none', dry_run => true);

-- attached only with all that is read
\pset format unaligned
DROP VIEW arena.leaderboard_battle;
CREATE FUNCTION attached_after(change text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE change;
	RAISE EXCEPTION USING ERRCODE = 'DONE0', MESSAGE = attempt($sql$SELECT bixarena_attach_arena('arena')$sql$);
EXCEPTION WHEN SQLSTATE 'DONE0' THEN
	RETURN SQLERRM;
END
$$;
SELECT attached_after('ALTER TABLE arena.leaderboard_tally ALTER battles TYPE text, DROP outcome');
SELECT attached_after('ALTER TABLE arena.leaderboard_tally ALTER battles TYPE smallint');
SELECT attached_after('ALTER TABLE arena.no_arena_tally RENAME TO arena_tally; ALTER TABLE arena.arena_tally DROP model2_id, ALTER leaderboard TYPE uuid USING NULL');
SELECT attached_after('CREATE VIEW arena.leaderboard_battle AS SELECT *, now() AS battles FROM arena.one_by_one');
SELECT attached_after('CREATE VIEW arena.leaderboard_battle AS SELECT *, 1 AS battles FROM arena.one_by_one');
SELECT attached_after('CREATE SEQUENCE arena.arena_tally');
-- and what changed meanwhile is told by the run
SELECT attempt($$ALTER TABLE arena.leaderboard_tally ALTER battles TYPE text; SELECT bixarena_generate_snapshot('code')$$);
SELECT attempt($$ALTER TABLE arena.leaderboard_tally DROP outcome; SELECT bixarena_generate_snapshot('code')$$);
SELECT attempt($$ALTER TABLE arena.leaderboard_tally ALTER model1_id TYPE text; SELECT bixarena_generate_snapshot('code')$$);
\pset format aligned

-- a slug is told from others by its bytes
ALTER TABLE arena.leaderboard_tally ALTER leaderboard TYPE text COLLATE no_case, ALTER outcome TYPE text COLLATE no_case;
INSERT INTO arena.leaderboard_tally SELECT 'CODE', model1_id, model2_id, outcome, battles FROM arena.leaderboard_tally WHERE leaderboard COLLATE "C" = 'code';
SELECT status, evaluation_count FROM bixarena_generate_snapshot('code');
CALL bixarena_generate_snapshots();
SELECT leaderboard, evaluation_count FROM bixarena.run ORDER BY requested_at DESC, leaderboard LIMIT 3;
DELETE FROM arena.leaderboard_tally WHERE leaderboard COLLATE "C" = 'CODE';

--
-- Rights
--

CREATE ROLE regress_owner;
CREATE ROLE regress_counter;
CREATE ROLE regress_reader;
CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.counts AS TABLE arena.leaderboard_tally;
ALTER TABLE elsewhere.counts OWNER TO regress_owner;
SELECT bixarena_grant('regress_counter', 'operator');
SELECT bixarena_grant('regress_reader', 'reader');
CREATE FUNCTION rights() RETURNS TABLE (relation text, counter boolean, reader boolean) LANGUAGE sql AS $$
	SELECT c.oid::regclass::text, has_table_privilege('regress_counter', c.oid, 'SELECT'), has_table_privilege('regress_reader', c.oid, 'SELECT')
	FROM pg_class AS c WHERE c.oid::regclass::text IN ('arena.leaderboard_battle', 'arena.leaderboard_tally', 'arena.arena_tally', 'elsewhere.counts')
	ORDER BY c.oid::regclass::text COLLATE "C"
$$;
SELECT * FROM rights();
SET ROLE regress_counter;
SELECT status FROM bixarena_generate_snapshot('code', dry_run => true);
RESET ROLE;
-- relations that are new: granted again, as after any migration
CREATE VIEW arena.arena_tally WITH (security_invoker = true) AS TABLE arena.leaderboard_tally;
ALTER VIEW arena.no_leaderboard_battle RENAME TO leaderboard_battle;
SELECT * FROM rights();
SET ROLE regress_counter;
SET client_min_messages = notice;
CALL bixarena_generate_snapshots(dry_run => true);
SET client_min_messages = warning;
RESET ROLE;
SELECT bixarena_grant('regress_counter', 'operator');
SELECT * FROM rights();
SELECT bixarena_revoke('regress_counter', 'operator');
SELECT * FROM rights();
-- what is not the arena owner's to grant is told
ALTER TABLE arena.leaderboard_tally RENAME TO kept_tally;
CREATE VIEW arena.leaderboard_tally WITH (security_invoker = true) AS TABLE elsewhere.counts;
ALTER SCHEMA arena OWNER TO regress_owner;
ALTER TABLE elsewhere.counts OWNER TO CURRENT_USER;
ALTER VIEW arena.leaderboard_tally OWNER TO regress_owner;
SELECT bixarena_grant('regress_counter', 'operator');
SELECT * FROM rights();
SELECT bixarena_revoke('regress_counter', 'operator');

--
-- Who looks at another's arena runs no code of its owner's, whichever relation it is
--

CREATE FUNCTION code_of_owner() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'run by %', current_user; RETURN 1; END $$;
DROP VIEW arena.leaderboard_tally, arena.arena_tally;
ALTER VIEW arena.leaderboard_battle RENAME TO no_leaderboard_battle;
DELETE FROM arena.leaderboard_snapshot;
CREATE VIEW arena.leaderboard_tally WITH (security_invoker = true) AS SELECT leaderboard, model1_id, model2_id, outcome, battles * counting.code_of_owner() AS battles
FROM (SELECT * FROM arena.kept_tally WHERE leaderboard = 'code' ORDER BY battles LIMIT 1) AS t;
ALTER VIEW arena.leaderboard_tally OWNER TO regress_owner;
GRANT SELECT ON arena.leaderboard_tally, arena.kept_tally TO regress_reader, regress_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA arena TO regress_owner;
SELECT sum(battles) FROM bixarena_matchups('code');
SET ROLE regress_reader;
SELECT sum(battles) FROM bixarena_matchups('code');
RESET ROLE;

\set ECHO none
RESET search_path;
DROP SCHEMA arena, elsewhere, counting CASCADE;
DROP EXTENSION bixarena_rank CASCADE;
DROP OWNED BY regress_owner, regress_counter, regress_reader;
DROP ROLE regress_owner, regress_counter, regress_reader;
