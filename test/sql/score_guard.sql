-- Scoreboards of somebody who means ill: nothing of the owner's runs with the rights of
-- who reads or writes scores, or looks after them.

\set SHOW_CONTEXT never
SET client_min_messages = error;
CREATE EXTENSION bixarena_rank;
CREATE ROLE regress_mallory;
CREATE ROLE regress_operator;
GRANT EXECUTE ON FUNCTION bixarena_create_scoreboard, bixarena_create_game, bixarena_submit_scores,
	bixarena_recount_scores TO regress_mallory;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_mallory', current_database()); END $$;

SET ROLE regress_mallory;
SELECT bixarena_create_scoreboard('trap');
SELECT bixarena_create_game('trap', 'gold', operator => 'sum');
SELECT * FROM bixarena_submit_scores('trap', '[{"message_id": "1", "player_id": "ann", "game_id": "gold", "score": 1}]');
-- the owner's code notes as whom it runs
CREATE TABLE trap.noted (place text, role name DEFAULT current_user);
GRANT INSERT ON trap.noted TO PUBLIC;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE FUNCTION trap.note(place text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO trap.noted (place) VALUES (place);
	RETURN true;
END
$$;
CREATE FUNCTION trap.folded(place text) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note(place); RETURN 1; END $$;
CREATE FUNCTION trap.fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM trap.note('trigger'); RETURN NEW; END $$;
-- so that nothing waits for a worker
UPDATE trap.scoreboard SET max_attempts = 1;
RESET ROLE;
SELECT bixarena_grant('regress_operator', 'admin', 'trap') IS NOT NULL AS granted;
SELECT status FROM bixarena_upload_standings('trap', 'source=a/dt=2026-01-01/x.csv', 'id,x\0121,1');

-- what everybody may call, each with what came of it
CREATE FUNCTION public.attempt(what text) RETURNS text LANGUAGE plpgsql SET search_path = public, trap AS $$
DECLARE
	said text;
BEGIN
	EXECUTE what;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS said = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || ' ' || replace(SQLERRM, '"' || current_user || '"', '(me)') || ' ' || said;
END
$$;
CREATE FUNCTION public.call_all() RETURNS TABLE (call text, outcome text) LANGUAGE sql SET search_path = pg_catalog, public AS $$
	SELECT c, attempt(c) FROM unnest(ARRAY[
		$a$SELECT bixarena_top_scores('trap', 'gold')$a$,
		$a$SELECT bixarena_top_scores('trap', 'none')$a$,
		$a$SELECT bixarena_top_scores_json('trap', 'gold')$a$,
		$a$SELECT bixarena_player_rank('trap', 'gold', 'ann')$a$,
		$a$SELECT bixarena_player_rank_json('trap', 'gold', 'ann')$a$,
		$a$SELECT bixarena_around_player_json('trap', 'gold', 'ann')$a$,
		$a$SELECT bixarena_ranks_of_json('trap', 'ann')$a$,
		$a$SELECT bixarena_score_history('trap', 'gold', 'ann')$a$,
		$a$SELECT bixarena_periods('trap', 'gold')$a$,
		$a$SELECT bixarena_check_scores('trap')$a$,
		$a$SELECT bixarena_health('trap')$a$,
		$a$SELECT count(*) FROM bixarena.metrics$a$,
		$a$SELECT bixarena_submit_scores('trap', jsonb_build_array(jsonb_build_object('message_id', gen_random_uuid(),
			'player_id', 'bob', 'game_id', 'gold', 'score', 1), 5))$a$,
		$a$SELECT bixarena_reset_game('trap', 'gold')$a$,
		$a$SELECT bixarena_create_game('trap', 'a' || (SELECT count(*) FROM trap.game))$a$,
		$a$SELECT bixarena_clean_scores('trap')$a$,
		$a$SELECT bixarena_upload_standings('trap', 'source=a/dt=2026-01-01/x.csv', 'id,x\0121,2')$a$,
		$a$SELECT bixarena_standings('trap', 'a', NULL, 'x')$a$,
		$a$SELECT bixarena_standings_json('trap', 'a', NULL, 'x')$a$,
		$a$SELECT bixarena_standings_history_json('trap', 'a', '1', 'x')$a$,
		$a$SELECT bixarena_compare_standings_json('trap', 'a', NULL, 'x', '2026-01-01', '2026-01-01')$a$,
		$a$SELECT bixarena_standings_dates_json('trap')$a$,
		$a$SELECT bixarena_uploads('trap')$a$]) AS c
$$;
CREATE FUNCTION public.refused() RETURNS TABLE (refused bigint, with_what text) LANGUAGE sql AS $$
	SELECT count(*), outcome FROM call_all() WHERE outcome <> 'done' AND outcome !~ '"none" does not exist'
	GROUP BY outcome ORDER BY count(*) DESC, outcome COLLATE "C"
$$;

-- a scoreboard as it is made: all may be called
SELECT outcome, count(*) FROM call_all() GROUP BY 1 ORDER BY 2;
SET ROLE regress_operator;
SELECT outcome, count(*) FROM call_all() GROUP BY 1 ORDER BY 2;
RESET ROLE;

-- who reads keeps the owner from making what would run as him
BEGIN;
SET LOCAL ROLE regress_operator;
SELECT count(*) FROM bixarena_top_scores('trap', 'gold');
SELECT count(DISTINCT relation) AS tables, min(mode) FROM pg_locks
WHERE pid = pg_backend_pid() AND relation IN (SELECT c.oid FROM pg_class AS c
	WHERE c.relnamespace = 'trap'::regnamespace AND c.relkind = 'r') AND mode = 'RowExclusiveLock';
ROLLBACK;

-- names in our queries do not come to mean the owner's
BEGIN;
SET ROLE regress_mallory;
CREATE FUNCTION trap.format(text, text) RETURNS text LANGUAGE sql AS $$ SELECT trap.note('format')::text $$;
CREATE FUNCTION trap.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT trap.note('unnest')::text $$;
CREATE FUNCTION trap.to_jsonb(bixarena_standing) RETURNS jsonb LANGUAGE sql AS $$ SELECT to_jsonb(trap.note('to_jsonb')) $$;
CREATE FUNCTION trap.first(bytea[], bytea) RETURNS bytea[] LANGUAGE sql AS $$ SELECT CASE WHEN trap.note('aggregate') THEN ARRAY[$2] END $$;
CREATE AGGREGATE trap.array_agg(bytea) (sfunc = trap.first, stype = bytea[]);
CREATE FUNCTION trap.equal(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT trap.note('=') $$;
CREATE OPERATOR trap.= (FUNCTION = trap.equal, LEFTARG = text, RIGHTARG = text);
RESET ROLE;
SELECT outcome, count(*) FROM call_all() GROUP BY 1 ORDER BY 2;
SELECT * FROM trap.noted;
ROLLBACK;

-- what tables have
CREATE FUNCTION public.with_trap(trap text) RETURNS TABLE (refused bigint, with_what text) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_mallory;
	EXECUTE trap;
	-- what making it has noted
	DELETE FROM trap.noted;
	RESET ROLE;
	RETURN QUERY SELECT * FROM refused();
	RETURN QUERY SELECT count(*), 'noted as ' || role || ': ' || place FROM trap.noted WHERE role <> 'regress_mallory' GROUP BY 2;
END
$$;
BEGIN; SELECT * FROM with_trap('CREATE TRIGGER t BEFORE INSERT OR UPDATE ON trap.score FOR EACH ROW EXECUTE FUNCTION trap.fire()'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE TRIGGER t AFTER INSERT ON trap.dead_letter EXECUTE FUNCTION trap.fire()'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE TRIGGER t AFTER INSERT ON trap.standing EXECUTE FUNCTION trap.fire()'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE TRIGGER t AFTER INSERT ON trap.upload_file EXECUTE FUNCTION trap.fire()'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE INDEX ON trap.upload ((trap.folded($a$index$a$)))'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('ALTER TABLE trap.player ALTER name SET DEFAULT trap.note($a$default$a$)'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('ALTER TABLE trap.player ALTER name SET DEFAULT query_to_xml($a$SELECT trap.note($a$, true, true, $a$$a$)'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('ALTER TABLE trap.message ADD CHECK (trap.note($a$check$a$))'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE DOMAIN trap.word AS text CHECK (trap.note($a$domain$a$)); ALTER TABLE trap.player ALTER name SET DEFAULT $a$x$a$::text::trap.word::text'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE TABLE trap.child (id text COLLATE "C", by_content boolean, FOREIGN KEY (id, by_content) REFERENCES trap.message ON DELETE CASCADE);
	CREATE TRIGGER t AFTER DELETE ON trap.child EXECUTE FUNCTION trap.fire(); INSERT INTO trap.child SELECT message_id, by_content FROM trap.message;
	UPDATE trap.message SET received_at = received_at - interval $a$99 days$a$'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE RULE r AS ON INSERT TO trap.score_event DO ALSO SELECT trap.note($a$rule$a$)'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE INDEX ON trap.dead_letter ((trap.folded($a$index$a$)))'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE INDEX ON trap.queue (lane) WHERE trap.folded($a$predicate$a$) = 1'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE STATISTICS trap.s ON (trap.folded($a$statistics$a$) + board_no), board_no FROM trap.board'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE TYPE trap.level AS ENUM ($a$10$a$);
	CREATE FUNCTION trap.cast(trap.level) RETURNS integer LANGUAGE plpgsql AS $b$ BEGIN PERFORM trap.note($a$cast$a$); RETURN 1; END $b$;
	CREATE CAST (trap.level AS integer) WITH FUNCTION trap.cast AS ASSIGNMENT;
	ALTER TABLE trap.scoreboard DROP dead_letters_critical; ALTER TABLE trap.scoreboard ADD dead_letters_critical trap.level DEFAULT $a$10$a$'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE DOMAIN trap.word AS text CHECK (trap.note($a$domain$a$)); ALTER TABLE trap.player ALTER name TYPE trap.word'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('ALTER TABLE trap.game RENAME TO games; CREATE VIEW trap.game AS SELECT * FROM trap.games WHERE trap.note($a$view$a$)'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('ALTER TABLE trap.score ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON trap.score USING (trap.note($a$policy$a$))'); ROLLBACK;
BEGIN; SELECT * FROM with_trap('CREATE OR REPLACE FUNCTION trap.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $a$ BEGIN PERFORM trap.note($b$refuse$b$); RETURN coalesce(NEW, OLD); END $a$;
	UPDATE trap.score_event SET created_at = created_at - interval $b$9 days$b$;
	SELECT bixarena_recount_scores($b$trap$b$);
	UPDATE trap.scoreboard SET keep_events_days = 1'); ROLLBACK;

-- what the session has done as the owner, who may run what he likes, is not for others
SET ROLE regress_mallory;
CREATE TRIGGER t BEFORE INSERT OR UPDATE ON trap.score FOR EACH ROW EXECUTE FUNCTION trap.fire();
SELECT count(*) FROM bixarena_submit_scores('trap', '[{"message_id": "x1", "player_id": "ann", "game_id": "gold", "score": 1}]');
SELECT * FROM trap.noted;
DELETE FROM trap.noted;
RESET ROLE;
SELECT attempt($$SELECT bixarena_submit_scores('trap', '[{"message_id": "x2", "player_id": "ann", "game_id": "gold", "score": 1}]')$$);
SELECT * FROM trap.noted;

DROP FUNCTION public.with_trap, public.refused, public.call_all, public.attempt;
DROP SCHEMA trap CASCADE;
DROP EXTENSION bixarena_rank;
DROP OWNED BY regress_mallory, regress_operator;
DROP ROLE regress_mallory, regress_operator;
