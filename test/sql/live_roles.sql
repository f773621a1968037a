-- Kept tallies and who may do what: an arena with a hostile name whose owner is no
-- superuser, writers and operators without a right on the tally, and roles that would
-- like to have some.

\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION bixarena_rank;
CREATE ROLE regress_owner;
CREATE ROLE regress_writer;
CREATE ROLE regress_maker;
CREATE ROLE regress_stranger;
SELECT format('GRANT CREATE ON DATABASE %I TO regress_owner, regress_stranger', current_database()) \gexec
GRANT EXECUTE ON FUNCTION bixarena_create_arena, bixarena_keep_tally, bixarena_drop_tally, bixarena_simulate_battles TO regress_owner, regress_stranger;
GRANT EXECUTE ON FUNCTION bixarena_configure TO regress_owner;

SET ROLE regress_owner;
SELECT bixarena_create_arena('a"b''c%I.$$x');
SET bixarena_rank.arena = 'a"b''c%I.$$x';
SELECT bixarena_simulate_battles(300, 5) AS battles;
SELECT bixarena_configure('notify_channel', ''), bixarena_configure('min_total_battles', '0');
SELECT bixarena_keep_tally();
SELECT relname, relowner::regrole,
	ARRAY(SELECT DISTINCT grantee::regrole::text FROM aclexplode(coalesce(relacl, acldefault('r', relowner)))) AS who_may
FROM pg_class WHERE relnamespace = '"a""b''c%I.$$x_live"'::regnamespace AND relkind = 'r' ORDER BY 1;
RESET ROLE;
SELECT bixarena_grant('regress_maker', 'operator');
GRANT USAGE ON SCHEMA "a""b'c%I.$$x" TO regress_writer;
GRANT SELECT, INSERT, UPDATE, DELETE ON "a""b'c%I.$$x".battle TO regress_writer;
GRANT SELECT, REFERENCES ON "a""b'c%I.$$x".model TO regress_writer;

-- a writer has no right on the log, and needs none
SET ROLE regress_writer;
INSERT INTO "a""b'c%I.$$x".battle (model1_id, model2_id, outcome) SELECT model1_id, model2_id, 'tie' FROM "a""b'c%I.$$x".battle LIMIT 10;
SELECT count(*) FROM "a""b'c%I.$$x_live".log;
SELECT bixarena_live('overall');

-- an operator runs, folds and verifies with the owner's rights, and has none himself
SET ROLE regress_maker;
SELECT status, evaluation_count FROM bixarena_generate_snapshot('overall', 10);
SELECT bixarena_fold_tally();
SELECT count(*) FROM bixarena_verify_tally();
SELECT count(*) FROM bixarena_live('overall', 10);
SELECT count(*) FROM "a""b'c%I.$$x_live".tally;
SELECT check_name, status FROM bixarena_health() WHERE check_name = 'kept_tally';
SELECT bixarena_rebuild_tally();
SELECT bixarena_drop_tally();
RESET ROLE;
GRANT EXECUTE ON FUNCTION bixarena_drop_tally, bixarena_keep_tally TO regress_maker;
SET ROLE regress_maker;
SELECT bixarena_drop_tally();
SELECT bixarena.live_register('a"b''c%I.$$x', NULL, NULL);
SELECT bixarena.live_register('a"b''c%I.$$x', 'public', NULL);
SELECT bixarena.live_note();
DELETE FROM bixarena.kept_tally;
RESET ROLE;

-- who may not read the battles gets nothing of the tally
REVOKE SELECT ON "a""b'c%I.$$x".battle FROM regress_maker;
SET ROLE regress_maker;
SELECT bixarena_fold_tally();
SELECT count(*) FROM bixarena_verify_tally();
SELECT count(*) FROM bixarena_live('overall', 10);
RESET ROLE;

-- a stranger does not even learn when it was folded
SET ROLE regress_stranger;
SELECT count(*) FROM bixarena.live_state('a"b''c%I.$$x');
SELECT count(*) FROM bixarena.live_health('a"b''c%I.$$x');
-- a trigger on a table of his own does not get a stranger into the log
CREATE SCHEMA regress_own;
CREATE TABLE regress_own.t (id uuid);
CREATE TRIGGER fill AFTER INSERT ON regress_own.t REFERENCING NEW TABLE AS after FOR EACH STATEMENT
	EXECUTE FUNCTION bixarena.live_note('a"b''c%I.$$x_live', 'b', 'id');
INSERT INTO regress_own.t VALUES (gen_random_uuid());
SELECT bixarena_keep_tally();
-- nor does a schema that is named like a tally's, before it is there
SELECT bixarena_create_arena('regress_strange') AS arena;
SET bixarena_rank.arena = 'regress_strange';
SELECT bixarena_simulate_battles(100, 5) AS battles;
SELECT bixarena_keep_tally();
RESET ROLE;
SELECT count(*) FROM "a""b'c%I.$$x_live".log;
-- triggers with other arguments do no harm
CREATE TRIGGER none AFTER INSERT ON regress_own.t FOR EACH ROW EXECUTE FUNCTION bixarena.live_note();
CREATE TRIGGER one AFTER INSERT ON regress_own.t FOR EACH ROW EXECUTE FUNCTION bixarena.live_note('regress_strange_live');
CREATE TRIGGER empty AFTER INSERT ON regress_own.t FOR EACH ROW EXECUTE FUNCTION bixarena.live_note('regress_strange_live', '');
CREATE TRIGGER early BEFORE INSERT ON regress_own.t FOR EACH ROW EXECUTE FUNCTION bixarena.live_note('regress_strange_live', 'b', 'id');
CREATE TRIGGER nothing AFTER INSERT ON regress_own.t FOR EACH ROW EXECUTE FUNCTION bixarena.live_note('regress_strange_live', 'b', 'nothing');
INSERT INTO regress_own.t VALUES (gen_random_uuid()), (NULL);
-- early has none returned; without it the log gets what says that anything may have changed
DROP TRIGGER early ON regress_own.t;
INSERT INTO regress_own.t VALUES (gen_random_uuid()), (NULL);
SELECT kind, keys FROM regress_strange_live.log;

-- an arena that changes hands is not kept any more, until it is again
ALTER SCHEMA "a""b'c%I.$$x" OWNER TO regress_stranger;
SET bixarena_rank.arena = 'a"b''c%I.$$x';
SELECT bixarena_fold_tally();
SELECT status, message FROM bixarena_health() WHERE check_name = 'kept_tally';
SELECT bixarena_drop_tally();
SELECT count(*) FROM pg_trigger WHERE tgrelid = '"a""b''c%I.$$x".battle'::regclass AND NOT tgisinternal;

-- a search_path of the caller's, or of who owns a view, is nothing to it
SET bixarena_rank.arena = 'regress_strange';
CREATE SCHEMA regress_evil;
CREATE FUNCTION regress_evil.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1 / 0::bigint';
CREATE FUNCTION regress_evil.array_agg(text) RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]';
CREATE TABLE regress_evil.log (kind "char", keys uuid[]);
SET search_path = regress_evil, pg_catalog, public;
SELECT bixarena_rebuild_tally();
SELECT count(*) FROM bixarena_verify_tally();
RESET search_path;

SELECT bixarena_drop_tally();
RESET bixarena_rank.arena;
DROP SCHEMA regress_evil, regress_own, regress_strange, "a""b'c%I.$$x" CASCADE;
DROP EXTENSION bixarena_rank CASCADE;
DROP OWNED BY regress_owner, regress_writer, regress_maker, regress_stranger;
DROP ROLE regress_owner, regress_writer, regress_maker, regress_stranger;
