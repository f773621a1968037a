-- Settings: which there are, what values they take, and which one is in force.

\set SHOW_CONTEXT never
CREATE EXTENSION bixarena_rank;
SELECT bixarena_create_arena('arena');
INSERT INTO arena.leaderboard (slug, name) VALUES ('code', 'Code'), ('it''s', 'Its');

SELECT setting, value, source, default_value FROM bixarena_settings();
SELECT setting, description FROM bixarena_settings('code');

-- a leaderboard's own value wins over its arena's, and that over the default
CREATE VIEW seeds AS
SELECT l AS leaderboard, s.value, s.source
FROM unnest(ARRAY[NULL, 'overall', 'code', 'it''s']) AS l,
	LATERAL bixarena_settings(l) AS s WHERE s.setting = 'seed';
TABLE seeds;
SELECT bixarena_configure('seed', '1', 'code');
TABLE seeds;
SELECT bixarena_configure('seed', '2');
TABLE seeds;
SELECT bixarena_configure('seed', '3', 'it''s', 'arena'), bixarena_configure('seed', '4', 'code');
TABLE seeds;
-- unset one after the other; once more does nothing
SELECT bixarena_configure('seed', NULL, 'code');
TABLE seeds;
SELECT bixarena_configure('seed', NULL), bixarena_configure('seed', NULL), bixarena_configure('seed', NULL, 'it''s');
TABLE seeds;
SELECT count(*) FROM bixarena.setting;

-- values that are refused, and those at the edge of the range
CREATE FUNCTION accepts(setting text, value text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM bixarena_configure(setting, value);
	RETURN 'yes';
EXCEPTION WHEN others THEN
	RETURN format('%s %s', SQLSTATE, SQLERRM);
END
$$;
SELECT s AS setting, v AS value, accepts(s, v) AS accepted
FROM (VALUES ('num_bootstrap', '{9,10,10000,10001,1e3,"",ten,99999999999999999999}'::text[]),
	('min_evaluations', '{-1,0,9007199254740992,9007199254740993}'),
	('min_total_battles', '{-1,0,30.5}'), ('min_total_models', '{-1,0,2000,2001}'),
	('rank_by_significance', '{on,false,1,maybe,""}'), ('auto_publish', '{off,yes,2}'),
	('prior_battles', '{-0.001,0,0.0009,0.001,0.5,1000000,1000001,NaN,Infinity,much}'),
	('anchor_model', '{some-slug}'),
	('anchor_score', '{-4001,-4000,-1e-9,0,0.0005,6000,6000.1,NaN,1000.5}'),
	('seed', '{-9223372036854775808,9223372036854775807,9223372036854775808}'),
	('enabled', '{false,x}'), ('max_attempts', '{0,1,100,101}'),
	('retry_seconds', '{-1,0,0.0009,0.001,0.5,86400,86401}'),
	('keep_days', '{0.9,0.9999,1,1.5,36500,36501,NaN}')
) AS l (s, vs), unnest(vs) AS v;
-- what was refused has changed nothing
SELECT setting, value, source FROM bixarena_settings();
DELETE FROM bixarena.setting;
DROP FUNCTION accepts;

SELECT bixarena_configure('Seed', '1');
SELECT bixarena_configure('typo', NULL);
SELECT bixarena_configure(NULL, '1');
SELECT bixarena_configure('seed', '1', 'no such');
SELECT bixarena_configure('seed', '1', arena => 'elsewhere');
SELECT bixarena_configure('seed', '1''; DROP TABLE bixarena.setting; --');
SELECT * FROM bixarena_settings('no such');

-- settings are of one arena
SELECT bixarena_create_arena('second');
SELECT bixarena_configure('seed', '1');
SELECT bixarena_configure('seed', '5', arena => 'second');
SELECT bixarena_configure('seed', '6', 'overall', 'second');
SELECT a AS arena, s.value, s.source
FROM unnest('{arena,second}'::text[]) AS a, LATERAL bixarena_settings('overall', a) AS s
WHERE s.setting = 'seed';

-- in a transaction, and not in one that is read only
BEGIN;
SELECT bixarena_configure('seed', '7', arena => 'arena');
ROLLBACK;
BEGIN READ ONLY;
SELECT bixarena_configure('seed', '8', arena => 'arena');
ROLLBACK;
SELECT value FROM bixarena_settings(arena => 'arena') WHERE setting = 'seed';

-- who may configure and change the arena can do so without a right to our tables;
-- anybody may read what is in force in an arena
CREATE ROLE regress_configurer;
GRANT EXECUTE ON FUNCTION bixarena_configure TO regress_configurer;
SET ROLE regress_configurer;
SELECT bixarena_configure('seed', '9', arena => 'arena');
RESET ROLE;
GRANT CREATE ON SCHEMA arena TO regress_configurer;
SET ROLE regress_configurer;
SELECT bixarena_configure('seed', '9', arena => 'second');
SELECT bixarena_configure('seed', '9', arena => 'arena');
SELECT value, source FROM bixarena_settings(arena => 'arena') WHERE setting = 'seed';
SET row_security = on;
UPDATE bixarena.setting SET value = '1';
RESET row_security;
RESET ROLE;

-- what settings single leaderboards have, and so which there are, is not for who may not
-- look into the arena
SELECT bixarena_configure('enabled', 'false', 'overall', 'second');
SELECT * FROM bixarena.setting_pauses('second', '{overall,none}');
SET ROLE regress_configurer;
SELECT * FROM bixarena.setting_pauses('second', '{overall,none}');
SELECT setting FROM bixarena_settings('overall', 'second') WHERE source <> 'default';
SELECT setting FROM bixarena.setting_values('overall', 'second') WHERE source <> 'default';
SET row_security = on;
SELECT leaderboard, name FROM bixarena.setting WHERE arena = 'second';
RESET row_security;
RESET ROLE;
SELECT bixarena_configure('enabled', 'false', arena => 'second');
SELECT bixarena_configure('enabled', NULL, 'overall', 'second');
SET ROLE regress_configurer;
SELECT * FROM bixarena.setting_pauses('second', '{overall}');
RESET ROLE;
SELECT bixarena_configure('enabled', NULL, arena => 'second');

-- a new arena of the name of one that was dropped starts anew
SET client_min_messages = warning;
DROP SCHEMA IF EXISTS arena, second CASCADE;
SELECT bixarena_create_arena('second');
SELECT value, source FROM bixarena_settings(arena => 'second') WHERE setting = 'seed';

DROP SCHEMA IF EXISTS second CASCADE;
DROP VIEW seeds;
DROP EXTENSION bixarena_rank;
DROP ROLE regress_configurer;
