-- An operator's hand: snapshots listed, published, hidden, described, deleted.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
SELECT bixarena_simulate_battles(2000, 5, period => '10 days');
SELECT bixarena_configure('num_bootstrap', '10');
SELECT count(*) AS made FROM generate_series(1, 3) AS n,
	LATERAL bixarena_generate_snapshot('overall', as_of => date_trunc('day', now()) - n * interval '1 day') AS g
WHERE g.status = 'succeeded';
-- what they are called depends on the day of the test
CREATE TABLE called AS
SELECT snapshot_identifier AS identifier, 'day ' || row_number() OVER (ORDER BY created_at) AS name
FROM arena.leaderboard_snapshot;
CREATE FUNCTION called(wanted text) RETURNS text LANGUAGE sql AS
	'SELECT identifier FROM called WHERE name = wanted';
CREATE FUNCTION listed(page_size integer, page integer) RETURNS TABLE
	(name text, visibility text, description text, entry_count bigint, changed boolean)
LANGUAGE sql AS $$
	SELECT c.name, s.visibility, regexp_replace(s.description, E'\\d+ evaluations', 'N evaluations'),
		s.entry_count, s.updated_at > s.created_at
	FROM bixarena_snapshots('overall', page_size, page) WITH ORDINALITY AS
		s (identifier, visibility, description, entry_count, created_at, updated_at, n)
	JOIN called AS c USING (identifier) ORDER BY n
$$;
SELECT * FROM listed(100, 1);
SELECT * FROM listed(2, 1);
SELECT * FROM listed(2, 2);
SELECT * FROM listed(2147483647, 2147483647);

-- hidden, the one before is the current leaderboard; published, it is again
SELECT DISTINCT c.name FROM bixarena_leaderboard('overall') AS l JOIN called AS c ON c.identifier = l.snapshot_identifier;
SELECT bixarena_update_snapshot('overall', called('day 3'), visibility => 'private');
SELECT DISTINCT c.name FROM bixarena_leaderboard('overall') AS l JOIN called AS c ON c.identifier = l.snapshot_identifier;
SELECT bixarena_update_snapshot('overall', called('day 3'), description => 'It''s "described"; here');
SELECT bixarena_update_snapshot('overall', called('day 1'));
SELECT * FROM listed(100, 1);
SELECT bixarena_update_snapshot('overall', called('day 3'), 'public', '');
SELECT * FROM listed(1, 1);

-- deleted with its entries, its run stays
SELECT bixarena_delete_snapshot('overall', called('day 2'));
SELECT name FROM listed(100, 1);
SELECT count(*) AS entries FROM arena.leaderboard_entry;
SELECT count(*) AS runs FROM bixarena.run;

-- what is refused
\set VERBOSITY sqlstate
SELECT bixarena_delete_snapshot('overall', called('day 2'));
\set VERBOSITY default
SELECT bixarena_delete_snapshot('overall', NULL);
SELECT bixarena_delete_snapshot('nowhere', called('day 1'));
SELECT bixarena_delete_snapshot('overall', called('day 1'), 'elsewhere');
SELECT bixarena_update_snapshot('overall', called('day 1'), 'hidden');
SELECT bixarena_update_snapshot(NULL, called('day 1'), 'private');
SELECT bixarena_update_snapshot('overall', ''' OR true --', 'private');
SELECT * FROM bixarena_snapshots('overall', 0);
SELECT * FROM bixarena_snapshots('overall', page => 0);
SELECT * FROM bixarena_snapshots(NULL);
-- without a size, all there is
SELECT count(*) FROM bixarena_snapshots('overall', NULL);
SELECT * FROM bixarena_snapshots('nowhere');
-- a snapshot of another leaderboard is not meant
INSERT INTO arena.leaderboard (slug, name) VALUES ('other', 'Other');
\set VERBOSITY sqlstate
SELECT bixarena_delete_snapshot('other', called('day 1'));
\set VERBOSITY default

-- rights: of the functions, and of the tables
CREATE ROLE visitor;
SET ROLE visitor;
SELECT bixarena_update_snapshot('overall', 'any', 'public');
SELECT bixarena_delete_snapshot('overall', 'any');
SELECT bixarena_snapshots('overall');
RESET ROLE;
GRANT EXECUTE ON FUNCTION bixarena_delete_snapshot TO visitor;
GRANT USAGE ON SCHEMA arena TO visitor;
GRANT SELECT ON ALL TABLES IN SCHEMA arena TO visitor;
SET ROLE visitor;
SELECT count(*) FROM bixarena_snapshots('overall');
SELECT bixarena_delete_snapshot('overall', s.snapshot_identifier) FROM bixarena_snapshots('overall') AS s;
RESET ROLE;
SELECT count(*) FROM bixarena_snapshots('overall');

SET client_min_messages = warning;
REVOKE ALL ON FUNCTION bixarena_delete_snapshot FROM visitor;
DROP EXTENSION bixarena_rank CASCADE;
DROP SCHEMA arena CASCADE;
DROP FUNCTION called, listed;
DROP TABLE called;
DROP ROLE visitor;
